"""The grid of a disc and its operators: rings follow the lamellae, sectors go around, layers go from endplate to
endplate.

Topology is static and shared by all discs of one mesh size; coordinates are arrays, so that discs of many shapes batch
and shapes differentiate.
Nodes form an array (ring, sector, layer). Ring 0 is the axis: its nodes are one point a layer, repeated over the
sectors with equal values, and the
first ring of elements are wedges. A quantity that is summed over nodes (volume, residual) is shared out equally among
these copies, so
plain sums and dot products over the array are those of the true mesh.

Trilinear elements, 2 x 2 x 2 Gauss points; operators are assembled once a geometry into a 27-point stencil.
Source: standard isoparametric finite elements; polar grid chosen by measurement (docs/decisions/0002).
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable
from functools import cached_property

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from pulposus.disc.geometry import Outline, Shape
from pulposus.errors import InputError, nearest

TISSUES = ("nucleus", "annulus", "endplate")
NUCLEUS, ANNULUS, ENDPLATE = 0, 1, 2
_CORNERS = tuple(itertools.product((0, 1), repeat=3))
OFFSETS = tuple(itertools.product((-1, 0, 1), repeat=3))


@dataclasses.dataclass(frozen=True)
class Topology:
    """How many nodes each way, and where the tissues lie: static, hashable, shared by all discs of one size.

    `rings` counts the axis; the nucleus fills the first `nucleus_rings` ring intervals, endplates the outer
    `endplate_layers` layer intervals on either side.
    """

    rings: int
    sectors: int
    layers: int
    nucleus_rings: int
    endplate_layers: int

    @property
    def shape(self) -> tuple[int, int, int]:
        """(ring, sector, layer) array shape."""
        return self.rings, self.sectors, self.layers

    @property
    def nodes(self) -> int:
        """Number of distinct nodes (axis copies counted once)."""
        return ((self.rings - 1) * self.sectors + 1) * self.layers

    @cached_property
    def element_tissue(self) -> np.ndarray:
        """(ring-1, sector, layer-1) tissue number of each element."""
        tissue = np.full((self.rings - 1, self.sectors, self.layers - 1), ANNULUS)
        tissue[: self.nucleus_rings] = NUCLEUS
        tissue[:, :, : self.endplate_layers] = ENDPLATE
        tissue[:, :, self.layers - 1 - self.endplate_layers :] = ENDPLATE
        return tissue

    @cached_property
    def outside(self) -> np.ndarray:
        """(ring, sector, layer) True on the outer surface, where blood vessels hold the solutes."""
        outside = np.zeros(self.shape, bool)
        outside[-1] = outside[:, :, 0] = outside[:, :, -1] = True
        return outside

    @cached_property
    def radial(self) -> np.ndarray:
        """(ring,) position of each ring: 0 axis, 1 nucleus border, 2 outer surface; finer towards the outer surface."""
        nucleus = np.linspace(0, 1, self.nucleus_rings + 1)
        return np.concatenate([nucleus, 1 + _graded(self.rings - 1 - self.nucleus_rings)[1:]])

    @cached_property
    def axial(self) -> np.ndarray:
        """(layer,) position of each layer: -2 lower bone, -1 and 1 tissue borders of the endplates, 2 upper bone."""
        lower = np.linspace(-2, -1, self.endplate_layers + 1)
        inner = np.linspace(-1, 1, self.layers - 2 * self.endplate_layers)
        inner = 0.5 * inner * (3 - inner**2) * _CROWDING + inner * (1 - _CROWDING)
        return np.concatenate([lower[:-1], inner, -lower[::-1][1:]])


_CROWDING = (
    0.5  # maths: half way between equal layers and a cubic that crowds them at the endplates, where solutes bend most
)


def _graded(count: int) -> np.ndarray:
    """0 to 1 in `count` intervals, smoothly finer towards 1 (last interval about half the first)."""
    s = np.linspace(0, 1, count + 1)
    return s * (4 - s) / 3  # maths: quadratic grading, slope 4/3 at the nucleus, 2/3 at the surface


SIZES = {
    "cohort": Topology(9, 12, 11, 4, 1),  # maths: about 1,100 nodes
    "coarse": Topology(11, 16, 13, 5, 1),  # maths: about 2,100
    "standard": Topology(17, 32, 19, 8, 2),  # maths: about 9,800
    "fine": Topology(25, 48, 27, 12, 3),  # maths: about 31,000
}


def sized(name: str) -> Topology:
    """The mesh of a given size name; InputError with the nearest name otherwise."""
    if name not in SIZES:
        raise InputError(f"Unknown mesh size {name!r}{nearest(name, SIZES)}; choose one of {', '.join(SIZES)}.")
    return SIZES[name]


def coordinates(topology: Topology, shape: Shape, stretch: Array | float = 1.0) -> Float[Array, "ring sector layer 3"]:
    """Node coordinates in m; `stretch` (ring, sector, layer) is the axial stretch at each node since the shape was
    measured.

    Layers keep their plan position; each column is stretched along z about the middle of the disc (radial bulge is
    neglected: Botsford 1994).
    """
    theta = jnp.arange(topology.sectors) * (2 * np.pi / topology.sectors)
    swell = np.sqrt(
        2 * np.pi / topology.sectors / np.sin(2 * np.pi / topology.sectors)
    )  # polygons keep the area of their curve
    (xn, yn), (xo, yo) = (_swollen(curve, theta, swell) for curve in (shape.nucleus, shape.disc))
    inner = jnp.asarray(np.minimum(topology.radial, 1.0))[:, None]
    outer = jnp.asarray(np.maximum(topology.radial - 1.0, 0.0))[:, None]
    x = inner * xn + outer * (xo - xn)
    y = shape.nucleus.centre + inner * (yn - shape.nucleus.centre) + outer * (yo - yn)
    half = 0.5 * (shape.height + shape.slope * y + shape.bow_ap * y**2 + shape.bow_lateral * x**2)
    plate = (
        shape.endplate_centre
        + (shape.endplate_rim - shape.endplate_centre) * (jnp.asarray(topology.radial)[:, None] / 2) ** 2
    )
    axial = jnp.asarray(topology.axial)
    z = half[..., None] * jnp.clip(axial, -1, 1) + plate[..., None] * (axial - jnp.clip(axial, -1, 1))
    steps = jnp.diff(z, axis=-1) * _between_layers(jnp.broadcast_to(stretch, topology.shape))
    z = jnp.concatenate([jnp.zeros_like(z[..., :1]), jnp.cumsum(steps, -1)], -1)
    z = z - 0.5 * z[..., -1:] + (shape.middle_ap * y**2 + shape.middle_lateral * x**2)[..., None]
    flat = jnp.ones(topology.layers)
    return jnp.stack([x[..., None] * flat, y[..., None] * flat, z], -1)


def _swollen(curve: Outline, theta: Array, factor: float) -> tuple[Array, Array]:
    x, y = curve.points(theta)
    return factor * x, curve.centre + factor * (y - curve.centre)


def _between_layers(field: Array) -> Array:
    return 0.5 * (field[..., 1:] + field[..., :-1])


def corners(field: Array) -> list[Array]:
    """Values of a nodal field (ring, sector, layer, ...) at the eight corners of each element."""
    around = jnp.concatenate([field, field[:, :1]], 1)
    r, s, layer = field.shape[0] - 1, field.shape[1], field.shape[2] - 1
    return [around[a : a + r, b : b + s, c : c + layer] for a, b, c in _CORNERS]


def _linear(point: np.ndarray) -> np.ndarray:
    """(point, corner, axis) factors of the trilinear shape functions at all points of a grid of `point` cubed."""
    q = np.array(list(itertools.product(point, repeat=3)))
    return np.where(np.array(_CORNERS)[None] == 1, q[:, None], 1 - q[:, None])


def gauss() -> tuple[np.ndarray, np.ndarray]:
    """Shape functions (8 points, 8 corners) and their reference gradients (8, 3, 8) on the unit cube."""
    one = _linear(0.5 + np.array([-0.5, 0.5]) / np.sqrt(3))
    sign = 2.0 * np.array(_CORNERS) - 1
    gradient = np.stack([sign[:, a] * np.prod(np.delete(one, a, 2), 2) for a in range(3)], 1)
    return np.prod(one, 2), gradient


_VALUE, _GRADIENT = gauss()
_WEIGHT = 1 / 8  # maths: each Gauss point of the unit cube
_PAIRS = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))
# element matrix = _ELEMENT (corner, corner, pair, point) contracted with the metric at the Gauss points
_ELEMENT = np.stack(
    [
        np.einsum("qc,qd->cdq", _GRADIENT[:, a], _GRADIENT[:, b])
        + (a != b) * np.einsum("qd,qc->cdq", _GRADIENT[:, a], _GRADIENT[:, b])
        for a, b in _PAIRS
    ],
    2,
)


def _tangents(coords: Array) -> tuple[Array, Array]:
    """Cofactors (3, 3, point, ...) and determinants (point, ...) of the map from the unit cube at the Gauss points."""
    points = jnp.stack(corners(coords))  # (corner, ring, sector, layer, 3)
    a, b, c = jnp.moveaxis(
        jnp.tensordot(_GRADIENT, points, axes=([2], [0])), (1, -1), (0, 1)
    )  # each (3, point, ring, sector, layer)
    cofactor = jnp.stack([jnp.cross(b, c, axis=0), jnp.cross(c, a, axis=0), jnp.cross(a, b, axis=0)])
    return cofactor, jnp.sum(a * cofactor[0], 0)


def jacobians(coords: Array) -> Float[Array, "8 ring sector layer"]:
    """Jacobian determinants at the Gauss points of each element (m^3 a unit cube); all must be positive."""
    return _tangents(coords)[1]


def node_volumes(topology: Topology, coords: Array) -> Float[Array, "3 ring sector layer"]:
    """Volume in m^3 that each node holds of each tissue (row-summed mass); sums to the volume of the tissue."""
    share = jnp.tensordot(_VALUE.T * _WEIGHT, jacobians(coords), axes=1)
    return jnp.stack([_gather(share * (topology.element_tissue == t), topology.shape) for t in range(3)])


def _gather(share: Array, shape: tuple[int, ...]) -> Array:
    """Sum corner shares (8, ring-1, sector, layer-1) of the elements into nodes; axis copies get equal shares."""
    total = jnp.zeros(shape)
    r, layer = shape[0] - 1, shape[2] - 1
    for i, (a, b, c) in enumerate(_CORNERS):
        part = jnp.roll(share[i], b, axis=1)
        total = total.at[a : a + r, :, c : c + layer].add(part)
    return even_axis(total)


def average(coords: Array, field: Callable[[Array], Array]) -> Float[Array, "ring sector layer"]:
    """Volume-weighted mean of a function of place over the surroundings of each node, by _FINER^3 points an element:
    what is narrower than an element keeps its integral. `field` maps places (..., 3) in m to values.
    """
    value = np.prod(_linear((np.arange(_FINER) + 0.5) / _FINER), 2)  # (point, corner)
    size = jnp.mean(jacobians(coords), 0)
    points = jnp.stack(corners(coords))  # (corner, ring, sector, layer, 3)

    def add(total: tuple[Array, Array], shape: Array) -> tuple[tuple[Array, Array], None]:
        here = field(jnp.tensordot(shape, points, 1)) * size
        part = shape[:, None, None, None]
        return (total[0] + part * here, total[1] + part * size), None

    zero = jnp.zeros((len(_CORNERS), *size.shape))
    (held, whole), _ = jax.lax.scan(add, (zero, zero), jnp.asarray(value))
    return _gather(held, coords.shape[:3]) / _gather(whole, coords.shape[:3])


_FINER = 4  # maths: points along each edge of an element


def even_axis(field: Array) -> Array:
    """Share what the axis copies hold equally among them (ring is the third axis from the end)."""
    axis = jnp.mean(field[..., 0, :, :], axis=-2, keepdims=True)
    first = jnp.broadcast_to(axis, field[..., 0, :, :].shape)
    return jnp.concatenate([first[..., None, :, :], field[..., 1:, :, :]], -3)


def stiffness(topology: Topology, coords: Array, conductivity: Array) -> Float[Array, "27 ring sector layer"]:
    """Stencil of ``-div(conductivity grad)``: coefficient of neighbour (dr, ds, dl) in row order for each node.

    `conductivity` (ring-1, sector, layer-1) is constant in each element. Rows sum to zero; the operator is symmetric.
    """
    cofactor, det = _tangents(coords)
    weight = conductivity * _WEIGHT / det
    metric = jnp.stack(
        [weight * jnp.sum(cofactor[a] * cofactor[b], 0) for a, b in _PAIRS]
    )  # (pair, point, ring, sector, layer)
    element = jnp.tensordot(_ELEMENT, metric, axes=2)
    return stencil(element, topology)


def stencil(element: Array, topology: Topology) -> Array:
    """Element matrices (8, 8, ..., ring-1, sector, layer-1) summed into a stencil (27, ..., ring, sector, layer)."""
    r, layer, inner = topology.rings - 1, topology.layers - 1, element.shape[2:-3]
    total = jnp.zeros((3, 3, 3, *inner, *topology.shape), element.dtype)
    for share, (a, b, c) in zip(element, _CORNERS, strict=True):
        # seen from this corner all eight lie in a box of two by two by two offsets: eight sums, not sixty-four, since
        # each has to be compiled
        box = tuple(slice(1 - at, 3 - at) for at in (a, b, c))
        around = jnp.roll(share, b, -2).reshape(2, 2, 2, *inner, r, topology.sectors, layer)
        total = total.at[(*box, ..., slice(a, a + r), slice(None), slice(c, c + layer))].add(around)
    return total.reshape(len(OFFSETS), *inner, *topology.shape)


def apply(stencil: Array, field: Array) -> Array:
    """The operator applied to a nodal field (..., ring, sector, layer); the result is shared among axis copies."""
    r, s, layer = field.shape[-3:]
    around = jnp.concatenate([field[..., -1:, :], field, field[..., :1, :]], -2)
    around = jnp.pad(around, [(0, 0)] * (field.ndim - 3) + [(1, 1), (0, 0), (1, 1)])
    total = jnp.zeros_like(field)
    for row, (a, b, c) in zip(stencil, OFFSETS, strict=True):
        total = total + row * around[..., 1 + a : 1 + a + r, 1 + b : 1 + b + s, 1 + c : 1 + c + layer]
    return even_axis(total)
