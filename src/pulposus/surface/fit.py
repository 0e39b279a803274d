"""Our form of a disc fitted to a closed surface, and how well it fits.

What: the outline is the mean of sections of the surface along sheets between both ends; height and middle are fitted by
least squares over the plan, by area; then the outline is scaled so that the volume is that of the surface. The nucleus
is the innermost region of a volume, scaled to its volume, or has published proportions.
Reads: a file, or `reading.Given`. Gives: `Fit`. Units: SI inside, mm and mL in the report.
Why this holds: discs are star-shaped about their axis and lie between two gently bowed ends; what bulges or rounds the
rim is a fraction of a millimetre, which the report measures.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from pulposus.disc import geometry, mesh
from pulposus.errors import InputError
from pulposus.surface import frame, reading, triangles
from pulposus.surface.form import OF_FORMS, OF_SURFACES, Form, SurfaceKeys, form_of

WITHOUT, WITH = "without", "with"
_ANGLES = 96  # maths: directions in which an outline is measured
_THETA = np.arange(_ANGLES) * 2 * np.pi / _ANGLES
_SHEETS = (-0.75, -0.45, -0.15, 0.15, 0.45, 0.75)  # maths: sections between the ends (-1 and 1), off the rounded rim
_ROUNDS = 3  # maths: outline and height depend on one another; two rounds settle them
_RINGS = 24  # maths: rings of the plan over which heights are fitted
_WITHIN = 1.85  # maths: of 2 at the rim, beyond which ends may be rounded
_FLOOR = 0.2  # maths: share of the mean height below which a fitted height is not trusted while it settles
_INSIDE = 0.97  # maths: a region that comes nearer to the rim than this is no nucleus
_FAR = 0.04  # maths: of the plan's mean width; a surface farther off on the whole is no disc
_STEP = 0.02  # maths: of the plan's mean width, between places at which distances are taken
_LEANS = 2.0  # maths: degrees between heights on both sides, less than which is said of no disc
RIM = 0.9  # maths: of the way to the rim, where anterior and posterior heights are taken
_MESH, _FINER = "standard", "fine"
_MM, _ML = 1e3, 1e6  # maths: a metre in mm, a cubic metre in mL


@dataclass(frozen=True)
class Fit:
    """A fitted form, how well it fits, and what was found and assumed on the way.

    report: rows of (quantity, of the surface, of our mesh, unit); NaN where one of them has none.
    surface: what was given, upright; nodes: (ring, sector, layer, 3) of our mesh in the same frame, m; distance:
    places (k, 3) of the surface and how far our mesh lies from each, m; endplates: whether these lie within the
    surface ("with"); level: how high in that frame the middle of the mesh lies, m.
    """

    form: Form
    said: tuple[str, ...]
    report: tuple[tuple[str, float, float, str], ...]
    surface: frame.Upright
    nodes: np.ndarray
    distance: tuple[np.ndarray, np.ndarray]
    from_regions: bool
    endplates: str = WITHOUT
    level: float = 0.0

    def pose(self) -> np.ndarray:
        """The matrix (4, 4) that leads from the mesh of a run, mm, to where the disc lies in what was given, mm."""
        matrix = np.eye(4)
        matrix[:3, :3] = self.surface.turn.T
        at = self.surface.turn.T @ [0.0, 0.0, self.level] + self.surface.centre
        matrix[:3, 3] = at * _MM
        return matrix

    @property
    def rings(self) -> int:
        """Ring of the mesh on which the nucleus ends."""
        return mesh.sized(_MESH).nucleus_rings

    @property
    def plates(self) -> int:
        """Layers of the mesh in each endplate."""
        return mesh.sized(_MESH).endplate_layers

    def table(self, of: str) -> list[str]:
        """The report as lines of CSV; `of` heads the column of what was given."""
        lines = [f"quantity,{of},ours,unit"]
        for quantity, theirs, ours, unit in self.report:
            cells = ("" if value != value else f"{value:.6g}" for value in (theirs, ours))
            lines.append(f"{quantity},{','.join(cells)},{unit}")
        return lines

    def number(self, quantity: str, ours: bool = True) -> float:
        """One number of the report: of our mesh, or of the surface."""
        return next(own if ours else given for name, given, own, _ in self.report if name == quantity)


class _Ends(NamedTuple):
    """Height and middle of a disc: coefficients of (1, y, y^2, x^2) and of (1, y^2, x^2), m."""

    height: np.ndarray
    middle: np.ndarray

    def half(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return 0.5 * np.stack([np.ones_like(x), y, y**2, x**2], -1) @ self.height

    def level(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.stack([np.ones_like(x), y**2, x**2], -1) @ self.middle


class _Curve(NamedTuple):
    """An outline: amplitudes in m about a centre on the midline."""

    cosine: np.ndarray
    sine: np.ndarray
    centre: float

    def radius(self, theta: np.ndarray) -> np.ndarray:
        k = np.arange(geometry.HARMONICS)
        return np.cos(theta[..., None] * k) @ self.cosine + np.sin(theta[..., None] * k) @ self.sine

    def scaled(self, factor: float) -> _Curve:
        return _Curve(self.cosine * factor, self.sine * factor, self.centre)


class _Plan(NamedTuple):
    """Small cells of the plan, as the mesh divides it: place and area (m, m^2), ring (0 axis, 1 nucleus, 2 rim)."""

    x: np.ndarray
    y: np.ndarray
    area: np.ndarray
    ring: np.ndarray


def fit(
    path: str | Path | reading.Given,
    *,
    unit: str | None = None,
    axes: str | None = None,
    endplates: str = WITHOUT,
    sizes: Mapping[str, float],
) -> Fit:
    """The form of the disc in a file.

    unit: mm, m or cm where the file's is known; axes: where its x, y and z point, as "RAS". endplates: whether the
    surface runs "with" the cartilage endplates inside it, or is that of nucleus and annulus "without" them. sizes: SI,
    as of ``evidence.dimensions``: thickness of the endplates, and proportions of a nucleus that no region gives.
    Raises InputError, one sentence, for what is no disc.
    """
    given = path if isinstance(path, reading.Given) else reading.read(path)
    name = given.name if "'" in given.name else repr(given.name)  # a phrase quotes the file that it names
    points, faces, mended = triangles.closed(given.points, given.faces, name)
    solid = frame.upright(points, faces, name, unit, axes, given.up)
    whole = triangles.volume(solid.points, solid.faces)
    inner, told = _nucleus(given, solid, name)
    plates = (sizes["endplate_thickness_centre"], sizes["endplate_thickness_rim"]) if endplates == WITH else (0.0, 0.0)
    disc, nucleus, ends = _form(solid, whole, inner, plates, sizes, name)
    numbers = _numbers(disc, nucleus, ends, name)
    nodes = _nodes(numbers, sizes, float(ends.middle[0]))
    said = [*given.said, *mended, *solid.said, told, _laid(endplates)]
    made = _judged(numbers, solid, nodes, endplates, whole, inner, tuple(said), name)
    told_more = (*made.said, *_leaning(made.number("lateral_wedge", ours=False)))
    return dataclasses.replace(made, said=told_more, level=float(ends.middle[0]))


def built(form: Form, sizes: Mapping[str, float], endplates: str, name: str) -> Fit:
    """A form that nobody's surface gave, judged as one that was fitted: on our standard mesh against a finer one."""
    shape = form.shape(sizes["endplate_thickness_centre"], sizes["endplate_thickness_rim"])
    finer = mesh.sized(_FINER)
    plates = 0 if endplates == WITH else finer.endplate_layers
    nodes = np.asarray(placed(finer, shape))[:, :, plates : finer.layers - plates]
    points, faces = skin(nodes)
    solid = frame.Upright(points, faces, np.eye(3), np.zeros(3), 1.0, ())
    whole = triangles.volume(points, faces)
    return _judged(form, solid, _nodes(form, sizes, 0.0), endplates, whole, None, (), name)


def formed(keys: SurfaceKeys, sizes: Mapping[str, float]) -> tuple[dict[str, Any], str, list[str]]:
    """What a surface changes in [disc], what was found and assumed, and keys left to the tables. Raises InputError."""
    path = keys.surface or ""
    found = fit(path, unit=keys.surface_unit, axes=keys.surface_axes, endplates=keys.surface_endplates, sizes=sizes)
    nucleus = [key for key in OF_SURFACES if key not in OF_FORMS]
    update = {**dict.fromkeys(nucleus), "form": found.form, "surface": Path(path).name}
    return update, " ".join(found.said), [] if found.from_regions else nucleus


def _leaning(angle: float) -> list[str]:
    """The sentence on a disc that is higher on one side, as in scoliosis."""
    if not abs(angle) > _LEANS:
        return []
    side = "right" if angle > 0 else "left"
    return [
        f"It is wedged to the side by {abs(angle):.1f} degrees, higher on the {side}, as in scoliosis: our form has no "
        "such wedge and is as high on both sides, so that this is left out."
    ]


def _laid(endplates: str) -> str:
    if endplates == WITH:
        return "The surface is taken to hold the cartilage endplates: they lie inside it."
    return "The surface is taken to be that of nucleus and annulus: the cartilage endplates are laid on it."


# ---------------------------------------------------------------------------------------------- form


def _form(
    solid: frame.Upright,
    whole: float,
    inner: tuple[np.ndarray, float] | None,
    plates: tuple[float, float],
    sizes: Mapping[str, float],
    name: str,
) -> tuple[_Curve, _Curve, _Ends]:
    """Outlines of disc and nucleus, and ends, of an upright surface of volume `whole`."""
    points, faces = solid.points, solid.faces
    low, high = triangles.columns(points, faces, np.zeros((1, 2)))
    level, thick = float(low[0] + high[0]) / 2, float(high[0] - low[0])
    ends = _Ends(np.array([thick, 0, 0, 0]), np.array([level, 0, 0]))
    for turn in range(_ROUNDS):
        sheets = _SHEETS if turn else (0.0,)
        disc = _outline(_sheeted(points, ends, thick), faces, sheets, 0.0, name)
        nucleus = _inner_outline(disc, inner, ends, thick, sizes, name)
        ends = _ends(points, faces, _plan(disc, nucleus), plates)
    for _ in range(_ROUNDS):
        if inner is not None:
            nucleus = nucleus.scaled(np.sqrt(inner[1] / _volume(_plan(disc, nucleus), ends, plates, 1)))
        disc = disc.scaled(np.sqrt(whole / _volume(_plan(disc, nucleus), ends, plates, 2)))
    return disc, nucleus, ends


def _sheeted(points: np.ndarray, ends: _Ends, thick: float) -> np.ndarray:
    """Places whose z is -1 on the lower and 1 on the upper end."""
    x, y, z = points.T
    half = np.maximum(ends.half(x, y), _FLOOR * thick / 2)
    return np.stack([x, y, (z - ends.level(x, y)) / half], 1)


def _outline(points: np.ndarray, faces: np.ndarray, sheets: tuple[float, ...], centre: float, name: str) -> _Curve:
    """Mean radius over sections as harmonics about a centre on the midline."""
    about = np.array([0.0, centre])
    seen = np.stack([triangles.radii(triangles.section(points, faces, sheet), about, _THETA) for sheet in sheets])
    count = np.isfinite(seen).sum(0)
    if not count.all():
        raise InputError(f"{name} is not all around its own middle, as a disc is; give the surface of one whole disc.")
    radius = np.nansum(seen, 0) / count
    k = np.arange(geometry.HARMONICS)
    weight = np.where(k == 0, 1.0, 2.0) / _ANGLES
    return _Curve(
        weight * (np.cos(_THETA[:, None] * k).T @ radius), weight * (np.sin(_THETA[:, None] * k).T @ radius), centre
    )


def _inner_outline(
    disc: _Curve,
    inner: tuple[np.ndarray, float] | None,
    ends: _Ends,
    thick: float,
    sizes: Mapping[str, float],
    name: str,
) -> _Curve:
    """Outline of the nucleus: of its region, or the disc's, shrunk and set back as in ``geometry.from_dimensions``."""
    if inner is None:
        depth = float(disc.radius(_THETA[:1])[0] + disc.radius(_THETA[_ANGLES // 2 : _ANGLES // 2 + 1])[0])
        small = disc.scaled(np.sqrt(sizes["nucleus_area_fraction"]))
        return small._replace(centre=disc.centre - sizes["nucleus_offset"] * depth)
    places = inner[0]
    flat = _sheeted(places.reshape(-1, 3), ends, thick)
    centre = float(np.mean(flat[:, 1]))
    return _outline(flat, np.arange(len(flat)).reshape(-1, 3), _SHEETS, centre, f"The nucleus of {name}")


def _plan(disc: _Curve, nucleus: _Curve) -> _Plan:
    """The plan in cells between rings and angles, placed as `mesh.coordinates` places its nodes."""

    def at(ring: np.ndarray, theta: np.ndarray) -> np.ndarray:
        towards = np.stack([-np.sin(theta), np.cos(theta)], -1)
        border, rim = (curve.radius(theta)[:, None] * towards + [0.0, curve.centre] for curve in (nucleus, disc))
        middle = np.array([0.0, nucleus.centre])
        inner, outer = np.minimum(ring, 1)[:, None, None], np.maximum(ring - 1, 0)[:, None, None]
        return middle + inner * (border - middle) + outer * (rim - border)

    edge = np.linspace(0, 2, _RINGS + 1)
    corner = at(edge, _THETA)
    corner = np.concatenate([corner, corner[:, :1]], 1)
    one, other = corner[1:, 1:] - corner[:-1, :-1], corner[:-1, 1:] - corner[1:, :-1]
    area = 0.5 * (one[..., 0] * other[..., 1] - one[..., 1] * other[..., 0])
    ring = (edge[1:] + edge[:-1]) / 2
    x, y = np.moveaxis(at(ring, _THETA + np.pi / _ANGLES), -1, 0)
    return _Plan(x.ravel(), y.ravel(), area.ravel(), np.repeat(ring, _ANGLES))


def _ends(points: np.ndarray, faces: np.ndarray, plan: _Plan, plates: tuple[float, float]) -> _Ends:
    """Least squares over the plan, by area, of the height (less the endplates within it) and of the middle."""
    low, high = triangles.columns(points, faces, np.stack([plan.x, plan.y], 1))
    seen = np.isfinite(low) & (plan.ring < _WITHIN)
    x, y, weight = plan.x[seen], plan.y[seen], np.sqrt(np.maximum(plan.area[seen], 0))
    one = np.ones_like(x)

    def solved(terms: list[np.ndarray], values: np.ndarray) -> np.ndarray:
        return np.asarray(np.linalg.lstsq(np.stack(terms, 1) * weight[:, None], values * weight, rcond=None)[0])

    height = (high - low - 2 * _plate(plan.ring, plates))[seen]
    return _Ends(solved([one, y, y**2, x**2], height), solved([one, y**2, x**2], 0.5 * (high + low)[seen]))


def _plate(ring: np.ndarray, plates: tuple[float, float]) -> np.ndarray:
    """Thickness of one endplate, as `mesh.coordinates` lays it."""
    return plates[0] + (plates[1] - plates[0]) * (ring / 2) ** 2


def _volume(plan: _Plan, ends: _Ends, plates: tuple[float, float], rim: int) -> float:
    """Volume in m^3 out to a ring; the nucleus (1) without endplates, the whole (2) with those within the surface."""
    here = plan.ring < rim
    height = 2 * ends.half(plan.x, plan.y) + (2 * _plate(plan.ring, plates) if rim > 1 else 0)
    return float((height * plan.area)[here].sum())


def _numbers(disc: _Curve, nucleus: _Curve, ends: _Ends, name: str) -> Form:
    """The form in mm."""
    numbers = {
        f"{which}_{kind}": np.asarray(getattr(curve, kind)) * _MM
        for which, curve in (("disc", disc), ("nucleus", nucleus))
        for kind in ("centre", "cosine", "sine")
    }
    height, slope, bow_ap, bow_lateral = ends.height
    numbers |= {"height": height * _MM, "slope": slope, "bow_ap": bow_ap / _MM, "bow_lateral": bow_lateral / _MM}
    numbers |= {"middle_ap": ends.middle[1] / _MM, "middle_lateral": ends.middle[2] / _MM}
    try:
        return form_of(numbers)
    except ValueError:
        raise InputError(
            f"{name} has no form of a disc: outline, nucleus or height cannot be fitted; give the surface of one disc."
        ) from None


# ---------------------------------------------------------------------------------------------- nucleus


def _nucleus(given: reading.Given, solid: frame.Upright, name: str) -> tuple[tuple[np.ndarray, float] | None, str]:
    """Corners (m, 3, 3) of the boundary of the innermost region in the disc's frame and its volume, and what to say."""
    proportions = "The nucleus has published proportions, since the file names none."
    if len(given.regions) < 2:
        return None, proportions
    level = float(np.mean(solid.points[:, 2]))
    rim = triangles.radii(triangles.section(solid.points, solid.faces, level), np.zeros(2), _THETA)
    reach = {}
    for number, faces in given.regions.items():
        places = solid.carry(given.points[np.unique(faces)])
        angle = np.arctan2(-places[:, 0], places[:, 1])
        reach[number] = float(
            np.max(np.hypot(places[:, 0], places[:, 1]) / np.interp(angle, _THETA, rim, period=2 * np.pi))
        )
    number = min(reach, key=lambda key: reach[key])
    if not reach[number] < _INSIDE:
        return None, f"No region of {name} lies inside the disc. {proportions}"
    try:
        places, sides, _ = triangles.closed(given.points, given.regions[number], name)
    except InputError:
        return None, f"Region {number} of {name} lies innermost, but is not one closed body. {proportions}"
    corners = solid.carry(places)[sides]
    size = triangles.volume(solid.carry(places), sides)
    return (corners, size), f"Region {number} was taken for the nucleus, since it lies innermost."


# ---------------------------------------------------------------------------------------------- verdict


def _nodes(form: Form, sizes: Mapping[str, float], level: float) -> np.ndarray:
    """Nodes of our mesh where the surface lies."""
    shape = form.shape(sizes["endplate_thickness_centre"], sizes["endplate_thickness_rim"])
    return np.asarray(placed(mesh.sized(_MESH), shape)) + [0.0, 0.0, level]


placed = jax.jit(mesh.coordinates, static_argnums=0)  # one compilation where a hundred small ones take seconds


@functools.partial(jax.jit, static_argnums=0)
def volumes(topology: mesh.Topology, nodes: Array) -> tuple[Array, Array]:
    """Jacobians of a mesh at its Gauss points, and its volume by tissue (3,), m^3."""
    return mesh.jacobians(nodes), mesh.node_volumes(topology, nodes).sum((1, 2, 3))


def skin(nodes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The outside of a mesh (ring, sector, layer, 3) as a closed surface: points (n, 3), faces (m, 3)."""
    rings, sectors, layers = nodes.shape[:3]
    number = np.arange(rings * sectors * layers).reshape(rings, sectors, layers)
    number[0] = number[0, :1]
    around = np.concatenate([number, number[:, :1]], 1)

    def faces(grid: np.ndarray) -> np.ndarray:
        a, b, c, d = grid[:-1, :-1], grid[1:, :-1], grid[1:, 1:], grid[:-1, 1:]
        return np.concatenate([np.stack([a, b, c], -1), np.stack([a, c, d], -1)]).reshape(-1, 3)

    sides = np.concatenate([faces(around[:, :, -1]), faces(around[:, :, 0])[:, ::-1], faces(around[-1])])
    a, b, c = sides.T
    used, kept = np.unique(sides[(a != b) & (b != c) & (c != a)], return_inverse=True)
    return nodes.reshape(-1, 3)[used], kept.reshape(-1, 3)


def _judged(
    form: Form,
    solid: frame.Upright,
    nodes: np.ndarray,
    endplates: str,
    whole: float,
    inner: tuple[np.ndarray, float] | None,
    said: tuple[str, ...],
    name: str,
) -> Fit:
    topology = mesh.sized(_MESH)
    plates = 0 if endplates == WITH else topology.endplate_layers
    ours = skin(nodes[:, :, plates : topology.layers - plates])
    determinant, tissue = (np.asarray(found) for found in volumes(topology, jnp.asarray(nodes)))
    worst = float(np.min(determinant / np.abs(determinant).mean(0)))
    volume = float(tissue.sum() if endplates == WITH else tissue[:2].sum())
    size = float(np.sqrt(np.prod(np.ptp(solid.points[:, :2], axis=0))))
    there = triangles.distances(*ours, solid.points, solid.faces, _STEP * size)
    here = triangles.distances(solid.points, solid.faces, *ours, _STEP * size)
    report = [
        ("volume", whole * _ML, volume * _ML, "mL"),
        ("nucleus_volume", inner[1] * _ML if inner else np.nan, float(tissue[mesh.NUCLEUS]) * _ML, "mL"),
        *_sizes(solid.points, solid.faces, nodes[:, :, plates : topology.layers - plates]),
        *_far(here[1:], there[1:]),
        ("dice", np.nan, _dice((solid.points, solid.faces), ours, _STEP * size), "1"),
        ("worst_jacobian", np.nan, worst, "1"),
    ]
    mean = max(max(row[1:3]) for row in _far(here[1:], there[1:])[:1])
    if not worst > 0 or not mean < _FAR * size * _MM:
        raise InputError(
            f"{name} is not the form of a disc: the nearest disc lies {mean:.2g} mm off on the whole; "
            "give the surface of one disc, without bone or ligaments."
        )
    return Fit(form, said, tuple(report), solid, nodes, (here[0], here[2]), inner is not None, endplates)


def _far(
    here: tuple[np.ndarray, np.ndarray], there: tuple[np.ndarray, np.ndarray]
) -> list[tuple[str, float, float, str]]:
    """Mean, 95 % and greatest distance from the surface to our mesh, and from our mesh to the surface, mm."""
    rows = []
    found = [_spread(*way) for way in (here, there)]
    for name, one, other in zip(("distance_mean", "distance_95_percent", "distance_greatest"), *found, strict=True):
        rows.append((name, one, other, "mm"))
    return rows


def _spread(weight: np.ndarray, distance: np.ndarray) -> tuple[float, float, float]:
    order = np.argsort(distance)
    share = np.cumsum(weight[order]) / weight.sum()
    most = distance[order][min(int(np.searchsorted(share, 0.95)), len(order) - 1)]  # maths: the 95th percentile
    return float(np.average(distance, weights=weight)) * _MM, float(most) * _MM, float(distance.max()) * _MM


def _dice(one: tuple[np.ndarray, np.ndarray], other: tuple[np.ndarray, np.ndarray], step: float) -> float:
    """Dice's overlap of two closed surfaces, in columns of the plan so far apart."""
    low, high = (getattr(np.concatenate([one[0], other[0]])[:, :2], end)(0) for end in ("min", "max"))
    axes = [np.arange(a + step / 2, b, step) for a, b in zip(low, high, strict=True)]
    plan = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 2)
    ends = np.nan_to_num(np.array([triangles.columns(*body, plan) for body in (one, other)]))
    both = np.maximum(ends[:, 1].min(0) - ends[:, 0].max(0), 0) * (ends[:, 1] > ends[:, 0]).all(0)
    return float(2 * both.sum() / (ends[:, 1] - ends[:, 0]).sum())


def _sizes(points: np.ndarray, faces: np.ndarray, nodes: np.ndarray) -> list[tuple[str, float, float, str]]:
    """Depth, width, heights and both wedges of the surface and of ours, measured alike; that to the side is positive
    where the right is higher.
    """
    rows, both = [], []
    for places, sides in ((points, faces), skin(nodes)):
        level = float(np.mean(places[:, 2]))
        curve = triangles.radii(triangles.section(places, sides, level), np.zeros(2), _THETA)
        front, left, back, right = curve[:: _ANGLES // 4] * [1, -1, -1, 1]
        along = [[0, RIM * front], [0, (front + back) / 2], [0, RIM * back]]
        spots = np.array([*along, [RIM * right, 0], [RIM * left, 0]])
        low, high = triangles.columns(places, sides, spots)
        height = high - low
        wedge = np.degrees(np.arctan((height[0] - height[2]) / (spots[0, 1] - spots[2, 1])))
        lateral = np.degrees(np.arctan((height[3] - height[4]) / (spots[3, 0] - spots[4, 0])))
        sizes = [np.ptp(places[:, 1]), np.ptp(places[:, 0]), *height[:3]]
        both.append([*(float(size) * _MM for size in sizes), float(wedge), float(lateral)])
    names = ("ap_depth", "width", "anterior_height", "mid_height", "posterior_height", "wedge", "lateral_wedge")
    for name, one, other in zip(names, *both, strict=True):
        rows.append((name, one, other, "degree" if name.endswith("wedge") else "mm"))
    return rows
