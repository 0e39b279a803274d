"""Closed surfaces made of triangles: joined, checked, wound outwards; their volume, sections, columns and distances.

Every function takes `points` (n, 3) and `faces` (m, 3), whole numbers into the points; lengths are in their unit.
Source: moments of a solid by the divergence theorem; distance to a triangle after Ericson, Real-Time Collision
Detection (2005), 5.1.5.
"""

from __future__ import annotations

import numpy as np

from pulposus.errors import InputError

_JOIN = 1e-6  # maths: share of the extent within which corners are one: a float of STL holds seven digits
_SPECK = 0.01  # maths: a piece with less than this share of the volume is a stray speck
_GRAZE = 1e-9  # maths: a ray through an edge must not slip between its two triangles
_CHUNK = 128  # maths: columns at a time, side by side, so that few triangles come into question
_NEAR = 6  # maths: candidates whose distance is taken exactly
_SIXTH, _TWENTIETH = 1 / 6, 1 / 20  # maths: volume and second moments of a tetrahedron


def closed(points: np.ndarray, faces: np.ndarray, name: str) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """The one closed surface of a file: corners joined, specks left out, wound outwards; sentences say what was mended.

    `name` stands in the errors. Raises InputError for a surface with holes, folds, or several pieces.
    """
    said: list[str] = []
    for tolerance in (0.0, _JOIN):
        joined, sides = _joined(points, faces, tolerance)
        _, count = np.unique(np.sort(_edges(sides), 1), axis=0, return_counts=True)
        if len(sides) and (count == 2).all():
            break
    _refuse_open(count, sides, name)
    piece, flipped = _wound(sides)
    sides = np.where(flipped[:, None], sides[:, ::-1], sides)
    sizes = np.array([volume(joined, sides[piece == k]) for k in range(piece.max() + 1)])
    big = np.abs(sizes) >= _SPECK * np.abs(sizes).max()
    if not np.abs(sizes).max() > 0:
        raise InputError(f"{name} encloses no volume; give the closed surface of a disc.")
    if big.sum() > 1:
        raise InputError(f"{name} holds {big.sum()} separate pieces, and a disc is one; save the disc alone.")
    if len(big) > 1:
        said.append(f"{len(big) - 1} stray pieces of less than {_SPECK:.0%} of the volume were left out.")
    kept, turned = sides[piece == int(np.argmax(big))], flipped[piece == int(np.argmax(big))]
    if sizes[big][0] < 0:
        kept, turned = kept[:, ::-1], ~turned
    if turned.all():
        said.append("The triangles were wound inwards; they were turned round.")
    elif turned.any():
        said.append(f"{turned.sum()} of {len(turned)} triangles were wound against the others; they were turned round.")
    used, kept = np.unique(kept, return_inverse=True)
    return joined[used], kept.reshape(-1, 3), said


def _joined(points: np.ndarray, faces: np.ndarray, tolerance: float) -> tuple[np.ndarray, np.ndarray]:
    """Corners at one place made one, and triangles that are none left out."""
    key = points - points.min(0)
    if tolerance:
        key = np.round(key / (tolerance * np.ptp(points, axis=0).max()))
    _, first, number = np.unique(key, axis=0, return_index=True, return_inverse=True)
    sides = number.ravel()[faces]
    a, b, c = sides.T
    return points[first], sides[(a != b) & (b != c) & (c != a)]


def _edges(faces: np.ndarray) -> np.ndarray:
    """(3 m, 2) edges as the faces run along them, face by face."""
    return faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)


def _refuse_open(count: np.ndarray, faces: np.ndarray, name: str) -> None:
    if len(faces) < 4:
        raise InputError(f"{name} holds {len(faces)} triangles, which enclose nothing; give the surface of a disc.")
    if (count == 1).any():
        holes = f"{(count == 1).sum()} edges of {len(count)} belong to one triangle only"
        raise InputError(f"{name} is not closed: {holes}; close its holes in a mesh editor and save it again.")
    if (count > 2).any():
        folds = f"{(count > 2).sum()} edges belong to more than two triangles"
        raise InputError(f"{name} is no simple surface: {folds}; mend it in a mesh editor and save it again.")


def _wound(faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Piece of each face, and whether it must be turned to be wound as the first of its piece."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import breadth_first_order, connected_components

    edges = _edges(faces)
    order = np.lexsort(np.sort(edges, 1).T)
    one, other = order[::2], order[1::2]  # every edge stands twice
    same = (edges[one] == edges[other]).all(1)  # both run along it the same way: one must be turned
    n = len(faces)
    pair = one // 3, other // 3
    graph = coo_matrix((np.ones(len(one)), pair), shape=(n, n)).tocsr()
    pieces, piece = connected_components(graph, directed=False)
    against = {(int(f), int(g)): bool(s) for f, g, s in zip(*pair, same, strict=True)}
    flipped = np.zeros(n, bool)
    for k in range(pieces):
        way, before = breadth_first_order(graph, int(np.argmax(piece == k)), directed=False)
        for face in way[1:]:
            f, g = int(before[face]), int(face)
            flipped[g] = flipped[f] ^ (against[f, g] if (f, g) in against else against[g, f])
    if (flipped[pair[0]] ^ flipped[pair[1]] != same).any():
        raise InputError("The surface has one side only, like a Moebius strip; mend it in a mesh editor.")
    return piece, flipped


def volume(points: np.ndarray, faces: np.ndarray) -> float:
    """Volume enclosed, negative where the faces are wound inwards."""
    return moments(points, faces)[0]


def moments(points: np.ndarray, faces: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """Volume, centroid (3,) and covariance (3, 3) of what a surface encloses; exact. NaN where it encloses nothing."""
    about = points.mean(0)
    corner = (points - about)[faces]  # (m, 3 corners, 3)
    part = np.einsum("ti,ti->t", corner[:, 0], np.cross(corner[:, 1], corner[:, 2])) * _SIXTH
    whole = part.sum()
    centre = part @ corner.sum(1) / 4
    spread = np.einsum("t,tci,tcj->ij", part, corner, corner)
    spread = spread + np.einsum("t,ti,tj->ij", part, corner.sum(1), corner.sum(1))
    with np.errstate(all="ignore"):
        centre = centre / whole
        return float(whole), centre + about, spread * _TWENTIETH / whole - np.outer(centre, centre)


def columns(points: np.ndarray, faces: np.ndarray, plan: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest z of the surface over each place of the plan (k, 2); NaN beside the surface."""
    a, b, c = (points[faces[:, k]] for k in range(3))
    area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (c[:, 0] - a[:, 0]) * (b[:, 1] - a[:, 1])
    lies = np.abs(area) > np.finfo(float).eps * np.ptp(points, axis=0).max() ** 2
    first, last = (extreme.reduce([a[lies, 0], b[lies, 0], c[lies, 0]]) for extreme in (np.minimum, np.maximum))
    a, b, c, area = a[lies], b[lies] - a[lies], c[lies] - a[lies], area[lies]
    low, high = np.full(len(plan), np.nan), np.full(len(plan), np.nan)
    order = np.argsort(plan[:, 0])
    for start in range(0, len(plan), _CHUNK):
        at = order[start : start + _CHUNK]
        strip = np.flatnonzero((last >= plan[at[0], 0]) & (first <= plan[at[-1], 0]))
        p, q, r, size = a[strip], b[strip], c[strip], area[strip]
        x, y = (plan[at, k, None] - p[:, k] for k in range(2))
        u, v = (x * r[:, 1] - y * r[:, 0]) / size, (y * q[:, 0] - x * q[:, 1]) / size
        met = (u >= -_GRAZE) & (v >= -_GRAZE) & (u + v <= 1 + _GRAZE)
        z = p[:, 2] + u * q[:, 2] + v * r[:, 2]
        low[at] = np.where(met, z, np.inf).min(1, initial=np.inf)
        high[at] = np.where(met, z, -np.inf).max(1, initial=-np.inf)
    beside = ~np.isfinite(low)
    low[beside] = high[beside] = np.nan
    return low, high


def section(points: np.ndarray, faces: np.ndarray, height: float) -> np.ndarray:
    """(k, 2 ends, 2) pieces of the curve in which the plane z = height cuts the surface."""
    above = points[:, 2] > height
    up = above[faces].sum(1)
    cut = faces[(up == 1) | (up == 2)]
    up = above[cut]
    lone = np.where(up.sum(1) == 1, up.argmax(1), (~up).argmax(1))
    row = np.arange(len(cut))
    tip = points[cut[row, lone]]
    ends = []
    for step in (1, 2):
        far = points[cut[row, (lone + step) % 3]]
        share = (height - tip[:, 2]) / (far[:, 2] - tip[:, 2])
        ends.append((tip + share[:, None] * (far - tip))[:, :2])
    return np.stack(ends, 1)


def radii(curve: np.ndarray, centre: np.ndarray, theta: np.ndarray) -> np.ndarray:
    """Farthest distance from `centre` (2,) to a curve (`section`) at angles from +y towards -x; NaN where it is not."""
    start, along = curve[:, 0] - centre, curve[:, 1] - curve[:, 0]
    ray = np.stack([-np.sin(theta), np.cos(theta)], 1)
    with np.errstate(all="ignore"):
        across = ray[:, :1] * along[:, 1] - ray[:, 1:] * along[:, 0]
        radius = (start[:, 0] * along[:, 1] - start[:, 1] * along[:, 0]) / across
        share = (start[:, 0] * ray[:, 1:] - start[:, 1] * ray[:, :1]) / across
        met = (share >= -_GRAZE) & (share <= 1 + _GRAZE) & (radius > 0)
    found = np.where(met, radius, -np.inf).max(1, initial=-np.inf)
    return np.where(np.isfinite(found), found, np.nan)


def distances(
    points: np.ndarray, faces: np.ndarray, others: np.ndarray, sides: np.ndarray, step: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Places on the first surface (k, 3) no farther than about `step` apart, the area of each, and how far each lies
    from the second surface.
    """
    from scipy.spatial import cKDTree

    places, weight, _ = _sampled(points, faces, step)
    there, _, owner = _sampled(others, sides, step)
    near = owner[cKDTree(there).query(places, k=min(_NEAR, len(there)))[1].reshape(len(places), -1)]
    corner = others[sides[near]]  # (k, candidate, 3 corners, 3)
    return places, weight, _to_triangle(places[:, None], corner).min(1)


def _sampled(points: np.ndarray, faces: np.ndarray, step: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Middles of small equal triangles into which each face is cut: places, areas, faces."""
    a, b, c = (points[faces[:, k]] for k in range(3))
    area = 0.5 * np.linalg.norm(np.cross(b - a, c - a), axis=1)
    cuts = np.maximum(1, np.ceil(np.sqrt(2 * area) / step)).astype(int)
    places, weight, owner = [], [], []
    for n in np.unique(cuts):
        these = np.flatnonzero(cuts == n)
        grid = np.array([(i, j, k) for i in range(n) for j in range(n - i) for k in (0, 1) if k == 0 or i + j < n - 1])
        u, v = ((grid[:, axis] + (1 + grid[:, 2]) / 3) / n for axis in (0, 1))
        at = a[these, None] + u[:, None] * (b - a)[these, None] + v[:, None] * (c - a)[these, None]
        places.append(at.reshape(-1, 3))
        weight.append(np.repeat(area[these] / n**2, len(grid)))
        owner.append(np.repeat(these, len(grid)))
    return np.concatenate(places), np.concatenate(weight), np.concatenate(owner)


def _to_triangle(place: np.ndarray, corner: np.ndarray) -> np.ndarray:
    """Distance from places (..., 3) to triangles (..., 3 corners, 3)."""
    a, b, c = (corner[..., k, :] for k in range(3))
    normal = np.cross(b - a, c - a)
    tiny = np.finfo(float).tiny
    inside = np.ones(np.broadcast_shapes(place.shape, a.shape)[:-1], bool)
    rim = np.full(inside.shape, np.inf)
    for start, end in ((a, b), (b, c), (c, a)):
        edge, off = end - start, place - start
        share = np.clip((off * edge).sum(-1) / ((edge * edge).sum(-1) + tiny), 0, 1)
        rim = np.minimum(rim, np.linalg.norm(off - share[..., None] * edge, axis=-1))
        inside &= (np.cross(edge, off) * normal).sum(-1) >= 0
    length = np.linalg.norm(normal, axis=-1)
    flat = np.abs(((place - a) * normal).sum(-1)) / (length + tiny)
    return np.where(inside & (length > 0), flat, rim)
