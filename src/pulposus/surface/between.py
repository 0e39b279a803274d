"""The space between two vertebrae as a closed surface: a disc that nobody has drawn, by the bones that hold it.

What: along the line from one bone to the other, columns are taken through both; where the lower one ends below and the
upper one begins above, and the gap is that of a smooth disc, lies the space. Its sides go straight up where the bodies
end.
Why this holds: bodies are widest at their endplates, and facets and arches stand apart from them by the canal, or with
gaps that are no disc's. What bulges beyond the bodies is not seen, and cartilage endplates lie in the space.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from pulposus import evidence
from pulposus.errors import InputError
from pulposus.surface import triangles
from pulposus.surface.fit import skin
from pulposus.surface.frame import checked_axes, reach
from pulposus.surface.reading import Given

_STEP = 0.5  # maths: mm between columns; the fit takes means over many
_TURNS = 4  # maths: the line between the bodies is upright to a hundredth of a degree in three
_RINGS, _ANGLES = 12, 96  # maths: places of the surface that is made
_SCATTER = 3.0  # maths: standard deviations of a gap that belongs to the smooth one
_LEAST = 1.0  # maths: mm; bone is rougher than nothing
_SLENDER = 0.5  # maths: of the radius of the greatest circle in a plan; what is thinner is no body
_LEAST_RADIUS = 6.0  # maths: columns in the greatest circle's radius, without which there is no space to speak of
_GREATEST = 200.0  # maths: mm; a vertebra with its processes is smaller, a file in metres is not
_UP = "Up is from the lower body to the upper."


def between(upper: Given, lower: Given, unit: str | None = None, axes: str | None = None) -> Given:
    """The space between two bones of one file's frame, in mm, its z up; with `axes`, where x, y and z of the files
    point, in the axes right, front, up. Raises InputError where the bones hold no disc between them.
    """
    name = f"The space between {upper.name!r} and {lower.name!r}"
    scale, told = _millimetres(upper, lower, unit)
    bones = [np.asarray(bone.points, float) * scale for bone in (upper, lower)]
    turn = np.eye(3) if axes is None else _named(axes)
    bones = [points @ turn.T for points in bones]
    middles = [_middle(points, bone.faces) for points, bone in zip(bones, (upper, lower), strict=True)]
    up = middles[0] - middles[1]
    if axes is not None and up[2] <= 0:
        raise InputError(f"{upper.name!r} lies below {lower.name!r} by the axes that were said; exchange them.")
    centre, frame = 0.5 * (middles[0] + middles[1]), _upright(up)
    for _ in range(_TURNS):
        top, bottom, inside, corner = _gap(bones, (upper.faces, lower.faces), centre, frame, name)
        x, y = (corner[axis] + np.nonzero(inside)[axis] * _STEP for axis in (0, 1))
        known = np.stack([x, y, np.ones_like(x)], 1)
        slope = np.linalg.lstsq(known, 0.5 * (top + bottom)[inside], rcond=None)[0]
        if _ + 1 < _TURNS:
            frame = _upright(np.array([-slope[0], -slope[1], 1.0]) @ frame)
    points, faces = _closed(top, bottom, inside, corner, name)
    places = points @ frame + centre if axes is not None else points
    said = (
        *upper.said,
        *lower.said,
        told,
        "It is the space between the bony endplates, where both bodies are; what bulges beyond them is not in it.",
    )
    return Given(f"{upper.name} and {lower.name}", places, faces, said=said, up=_UP)


# ---------------------------------------------------------------------------------------------- frame


def _millimetres(upper: Given, lower: Given, unit: str | None) -> tuple[float, str]:
    """Millimetres in a unit of the files, by their size unless it was said, and the sentence on it."""
    size = max(float(np.ptp(bone.points[np.unique(bone.faces)], axis=0).max()) for bone in (upper, lower))
    least = reach("ap_depth")[0] * 1e3  # maths: metres to mm
    tried = [unit] if unit else ["mm", "m"]
    for word in tried:
        scale = evidence.factor(word) * 1e3  # maths: metres to mm
        if least < size * scale < _GREATEST:
            how = "which was said" if unit else "found by the size of the bones"
            return scale, f"The unit of the bones is {word}, {how}: the greater measures {size:.4g} {word}."
    raise InputError(
        f"{upper.name!r} and {lower.name!r} measure {size:.4g} {unit or 'units'}, which is no vertebra's size; "
        "say --unit, and give one vertebra in each."
    )


def _named(axes: str) -> np.ndarray:
    """Rows: right, front and up in a file's axes."""
    ways = {"R": (0, 1), "L": (0, -1), "A": (1, 1), "P": (1, -1), "S": (2, 1), "I": (2, -1)}
    turn = np.zeros((3, 3))
    for column, letter in enumerate(checked_axes(axes)):
        row, sign = ways[letter]
        turn[row, column] = sign
    return turn


def _middle(points: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Middle of a surface by its area, which holes do not move far."""
    corner = points[faces]
    area = np.linalg.norm(np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]), axis=1)
    if not area.sum() > 0:
        raise InputError("One of the two bones has no area; give the surface of a vertebra.")
    return np.asarray(area @ corner.mean(1) / area.sum())


def _upright(up: np.ndarray) -> np.ndarray:
    """Rows x, y, z of a right-handed frame with z along `up`, x and y near the old ones."""
    length = float(np.linalg.norm(up))
    if not length > 0:
        raise InputError("Both bones lie at one place; give two vertebrae that lie one above the other.")
    up = up / length
    near = np.eye(3)[int(np.argmin(np.abs(up[:2])))]  # the one of x and y that is farther from up
    other = near - up * (near @ up)
    other /= np.linalg.norm(other)
    third = np.cross(up, other)
    return np.stack([other, third, up] if abs(near[0]) else [-third, other, up])


# ---------------------------------------------------------------------------------------------- gap


def _gap(
    bones: list[np.ndarray], faces: tuple[np.ndarray, np.ndarray], centre: np.ndarray, frame: np.ndarray, name: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """End of the space above and below (i, j), mm, where it is, and the corner of the plan (2,)."""
    upper, lower = ((points - centre) @ frame.T for points in bones)
    low = np.maximum(upper[:, :2].min(0), lower[:, :2].min(0))
    high = np.minimum(upper[:, :2].max(0), lower[:, :2].max(0))
    count = np.floor((high - low) / _STEP).astype(int) + 1
    if count.min() < 1:
        raise InputError(f"{name} is none: no part of one lies above the other; give two neighbours of one person.")
    plan = np.stack(np.meshgrid(*(a + np.arange(n) * _STEP for a, n in zip(low, count, strict=True)), indexing="ij"))
    flat = plan.reshape(2, -1).T
    top = triangles.columns(upper, faces[0], flat)[0].reshape(plan.shape[1:])
    bottom = triangles.columns(lower, faces[1], flat)[1].reshape(plan.shape[1:])
    most = reach("mid_height")[1] * 1e3  # maths: metres to mm
    with np.errstate(invalid="ignore"):
        gap = np.where((top > bottom) & (top - bottom < most), top - bottom, np.nan)
    inside = _body(np.isfinite(gap), name)[0]
    for _ in range(_TURNS):
        smooth, scatter = _smooth(gap, inside, low)
        far = max(_SCATTER * scatter, _LEAST)
        inside = _body(np.nan_to_num(np.abs(gap - smooth), nan=np.inf) < far, name)[1]
    return top, bottom, inside, low


def _body(inside: np.ndarray, name: str) -> tuple[np.ndarray, np.ndarray]:
    """The plump part of a region, by the greatest circle in it: that circle, and what circles of a share of its radius
    reach from there. Arches and pedicles are slender.
    """
    deep = ndimage.distance_transform_edt(np.pad(inside, 1))[1:-1, 1:-1]
    radius = float(deep.max(initial=0))
    if radius < _LEAST_RADIUS:
        raise InputError(f"{name} holds no disc: the bones touch, or lie too far apart; give two neighbours.")
    away = np.ones_like(inside)
    away[np.unravel_index(int(np.argmax(deep)), deep.shape)] = False
    piece, _ = ndimage.label(deep > _SLENDER * radius)
    core = piece == piece[~away][0]
    reached = ndimage.distance_transform_edt(~core) < _SLENDER * radius + 1
    return ndimage.distance_transform_edt(away) < radius, np.asarray(inside & reached)


def _smooth(gap: np.ndarray, inside: np.ndarray, low: np.ndarray) -> tuple[np.ndarray, float]:
    """A quadratic through the gap by least squares, everywhere, and how far the gap scatters about it, mm."""
    x, y = (low[axis] + np.indices(gap.shape)[axis] * _STEP for axis in (0, 1))
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], -1)
    found = np.linalg.lstsq(terms[inside], gap[inside], rcond=None)[0]
    smooth = terms @ found
    off = np.abs(gap - smooth)[inside]
    return smooth, float(np.median(off)) / 0.6745  # maths: median of a normal law's distances in its deviations


# ---------------------------------------------------------------------------------------------- surface


def _closed(
    top: np.ndarray, bottom: np.ndarray, inside: np.ndarray, corner: np.ndarray, name: str
) -> tuple[np.ndarray, np.ndarray]:
    """The space as a closed surface: rings about its middle, ends by the columns, sides straight up."""
    filled = ndimage.binary_fill_holes(inside)
    away = ndimage.distance_transform_edt(~inside, return_distances=False, return_indices=True)
    ends = [end[tuple(away)] for end in (bottom, top)]
    middle = np.argwhere(filled).mean(0)
    theta = np.arange(_ANGLES) * 2 * np.pi / _ANGLES
    ray = np.stack([-np.sin(theta), np.cos(theta)], 1)
    far = np.arange(0, np.hypot(*filled.shape), 0.25)  # maths: a quarter of a column
    along = middle + far[:, None, None] * ray
    met = ndimage.map_coordinates(filled.astype(float), np.moveaxis(along, -1, 0), order=1) > 0.5
    radius = far[np.argmin(met, 0)]  # where a ray leaves the space for the first time
    if not radius.min() > 1:
        raise InputError(f"{name} is not all around its own middle, as a disc is; give two whole neighbours.")
    ring = np.linspace(0, 1, _RINGS + 1)[:, None, None] * radius[:, None] * ray + middle
    heights = [ndimage.map_coordinates(end, np.moveaxis(ring, -1, 0), order=1, mode="nearest") for end in ends]
    plan = corner + ring * _STEP
    nodes = np.stack([np.concatenate([plan, height[..., None]], -1) for height in heights], 2)
    return skin(nodes)
