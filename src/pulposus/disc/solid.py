"""The finite-strain solid on the grid of the disc: from the places of the nodes to forces, and how forces change
with places.

What: trilinear hexahedra (wedges at the axis) with 2 x 2 x 2 Gauss points and, where water cannot leave at once, a pore
pressure on the same nodes. A disc stands between two rigid vertebrae: the lower holds still, the upper moves as a
body with six degrees of freedom.
Equations: stationary ``int W(F) dV - load(q)`` over places x of the nodes and pose q of the upper vertebra; with pore
pressure p (above that at rest), ``int p (J - J_0) dV`` is added and ``J - J_0 = dt div(k grad p)``. With equal order
of places and pressure the pressure would be free to alternate: ``p - (its mean over the element)`` is penalised by
1/(2G), which is consistent with the order of the elements. Everything is written on the unit cube of each element:
with tangents g_a of the map from there to space, the derivative of W by g_a is
``G M_ab g_b + U'(J) cof(g)_a / det_0`` and what fibres add.
Reads: coordinates, material. Writes: nothing; `equilibrium` solves it.
Source: standard finite elements; stabilisation after Dohrmann and Bochev 2004, for porous media White and Borja 2008.
"""

from __future__ import annotations

import itertools

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from pulposus.disc import material as tissue
from pulposus.disc import mesh
from pulposus.disc.material import Branch, Material
from pulposus.disc.mesh import OFFSETS, Topology
from pulposus.disc.parameters import Parameters
from pulposus.disc.state import Hypotheses

Places = Float[Array, "3 ring sector layer"]
Gauss = Float[Array, "8 ring sector layer"]
Tangents = Float[Array, "3 3 8 ring sector layer"]  # of the map from the unit cube: (axis, component, point, ...)
_CORNERS = tuple((a, b, c) for a, b, c in itertools.product((0, 1), repeat=3))
_VALUE, _GRADIENT = mesh.gauss()  # (point, corner) and (point, axis, corner)
_WEIGHT = 1 / 8  # maths: each Gauss point of the unit cube
_EPSILON = np.array([[[np.linalg.det(np.eye(3)[[a, b, c]]) for c in range(3)] for b in range(3)] for a in range(3)])
# element matrices are one product of these with what the Gauss points say
_PAIRS = np.einsum("qac,qbd->cdabq", _GRADIENT, _GRADIENT)
_MIXED = np.einsum("qac,qd->cdaq", _GRADIENT, _VALUE)
_SQUARE = np.einsum("qc,qd->cdq", _VALUE, _VALUE)


class Solid(eqx.Module):
    """A disc as a solid: material and coordinates at start, and what follows from them."""

    topology: Topology = eqx.field(static=True)
    hypotheses: Hypotheses = eqx.field(static=True)
    parameters: Parameters
    material: Material
    start: Places  # m, from where displacement counts
    volume: Gauss  # det_0: volume per unit cube, m^3
    metric: Float[Array, "6 8 ring sector layer"]  # M_ab, 1/m^2, pairs as in _SIX
    fibres: Float[Array, "2 3 8 ring sector layer"]  # fibre directions along the axes of the unit cube, 1/m


_SIX = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))
_OF_PAIR = {pair: i for i, pair in enumerate(_SIX)} | {pair[::-1]: i for i, pair in enumerate(_SIX)}
_METRIC = np.array([[_OF_PAIR[a, b] for b in range(3)] for a in range(3)])
# e_abc e_ikn as a sign, and which of the nine g_cn it goes with, for each (a, b, i, k)
_TWISTED = np.einsum("abc,ikn->abik", _EPSILON, _EPSILON)
_NINE = np.arange(_EPSILON[0].size).reshape(3, 3)
_TWIST = np.rint(np.einsum("abc,ikn,cn->abik", abs(_EPSILON), abs(_EPSILON), _NINE)).astype(int)


def solid(
    topology: Topology,
    hypotheses: Hypotheses,
    p: Parameters,
    material: Material,
    coords: Array,
    slack: Tangents | None = None,
) -> Solid:
    """The solid of a disc whose nodes lie at `coords` (ring, sector, layer, 3), in m, when nothing pulls; or, with the
    tangents `slack` of its elements without stress, of a disc that is strained there already.
    """
    start = jnp.moveaxis(coords, -1, 0)
    g = tangents(start) if slack is None else slack
    inverse, volume = reciprocal(g)
    metric = jnp.stack([jnp.sum(inverse[a] * inverse[b], 0) for a, b in _SIX])
    around = g[1] / jnp.sqrt(jnp.sum(g[1] ** 2, 0))
    up = g[2] - jnp.sum(g[2] * around, 0) * around
    up = up / jnp.sqrt(jnp.sum(up**2, 0))
    cosine, sine = jnp.cos(material.fibre_angle), jnp.sin(material.fibre_angle)
    families = [cosine * around + side * sine * up for side in (1, -1)]
    along = jnp.stack([jnp.sum(inverse * family, 1) for family in families])
    return Solid(topology, hypotheses, p, material, start, volume, metric, along)


def reciprocal(g: Array) -> tuple[Array, Array]:
    """Reciprocal tangents (axis, 3, point, ...), the gradients of the cube's axes, and determinants (point, ...)."""
    cofactor, volume = cofactors(g)
    return cofactor / volume, volume


def set_back(slack: Tangents, now: Array, wanted: Array) -> Tangents:
    """Tangents without stress of elements that are as strained at the places `wanted` as those of `slack` at `now`."""
    turned = jnp.einsum("aiqrsl,biqrsl->abqrsl", reciprocal(tangents(now))[0], tangents(wanted))
    return jnp.einsum("aiqrsl,abqrsl->biqrsl", slack, turned)


def tangents(field: Array) -> Array:
    """Derivatives (axis, 3, point, ring, sector, layer) of places (3, ring, sector, layer) along the unit cube's
    axes.
    """
    points = jnp.stack([_corner(field, corner) for corner in _CORNERS])  # (corner, 3, ...)
    return jnp.moveaxis(jnp.tensordot(_GRADIENT, points, axes=([2], [0])), (1, 2), (0, 1))


def _corner(field: Array, corner: tuple[int, int, int]) -> Array:
    r, s, layer = field.shape[-3] - 1, field.shape[-2], field.shape[-1] - 1
    a, b, c = corner
    return jnp.roll(field, -b, -2)[..., a : a + r, :s, c : c + layer]


def at_points(field: Array) -> Array:
    """Values (..., point, ring, sector, layer) of a nodal field (ring, sector, layer) at the Gauss points."""
    points = jnp.stack([_corner(field, corner) for corner in _CORNERS])
    return jnp.tensordot(_VALUE, points, axes=([1], [0]))


def cofactors(g: Array) -> tuple[Array, Array]:
    """Cofactors (axis, 3, point, ...) and determinants (point, ...) of tangents."""
    pairs = ((1, 2), (2, 0), (0, 1))
    cofactor = jnp.stack([jnp.cross(g[b], g[c], axis=0) for b, c in pairs])
    return cofactor, jnp.sum(g[0] * cofactor[0], 0)


def volume_ratio(body: Solid, places: Array) -> Gauss:
    """J at the Gauss points."""
    return cofactors(tangents(places))[1] / body.volume


def fibre_stretch(body: Solid, places: Array) -> Float[Array, "2 8 ring sector layer"]:
    """Stretch of both fibre families at the Gauss points (of all elements; meaningful where there are fibres)."""
    return jnp.sqrt(jnp.sum(_pulled(body, tangents(places)) ** 2, 1))


def fibre_strain(body: Solid, places: Array) -> Float[Array, "2 8 ring sector layer"]:
    """Logarithmic strain of both fibre families at the Gauss points."""
    return jnp.log(fibre_stretch(body, places))


def _pulled(body: Solid, g: Array) -> Array:
    """F times fibre direction, (family, 3, point, ...)."""
    return jnp.einsum("faqrsl,aiqrsl->fiqrsl", body.fibres, g)


def gather(share: Array, topology: Topology) -> Array:
    """Sum corner shares (8, ..., ring-1, sector, layer-1) of the elements into nodes; axis copies get equal shares."""
    total = jnp.zeros((*share.shape[1:-3], *topology.shape))
    r, layer = topology.rings - 1, topology.layers - 1
    for part, (a, b, c) in zip(share, _CORNERS, strict=True):
        total = total.at[..., a : a + r, :, c : c + layer].add(jnp.roll(part, b, -2))
    return mesh.even_axis(total)


# ------------------------------------------------------------------------------------------ forces


def forces(body: Solid, places: Array, pressure: Array | None = None, branch: Branch | None = None) -> Places:
    """Force in N with which the solid (and the pore pressure, Pa on nodes) resists the place of each node."""
    g = tangents(places)
    cofactor, volume = cofactors(g)
    m, p, hypotheses = body.material, body.parameters, body.hypotheses
    held = tissue.volume_stress(p, hypotheses, m, volume / body.volume)
    if pressure is not None:
        held = held - at_points(pressure)
    along = jnp.stack([sum(body.metric[_OF_PAIR[a, b]] * g[b] for b in range(3)) for a in range(3)])
    flux = body.volume * m.shear * along + held * cofactor
    for i, (family, pulled) in enumerate(zip(body.fibres, _pulled(body, g), strict=True)):
        pull, _ = _tension(m, pulled, branch, i)
        flux = flux + body.volume * pull * family[:, None] * pulled
    share = jnp.tensordot(_WEIGHT * _GRADIENT, flux, axes=([0, 1], [2, 0]))  # (corner, 3, ...)
    return gather(share, body.topology)


def _tension(m: Material, pulled: Array, branch: Branch | None, family: int) -> tuple[Array, Array]:
    """Pull of one family and its slope, with what is left of the spring behind the dashpot."""
    square = jnp.sum(pulled**2, 0)
    if branch is None:
        return tissue.fibre_tension(m, square)
    return tissue.fibre_tension(m, square, branch.anchor[family], branch.keep)


def _stiff(body: Solid, places: Array, pressure: Array | None, branch: Branch | None) -> Array:
    """Second derivatives of W by tangents: (axis, axis, point, 3, 3, ring, sector, layer), weighted."""
    g = tangents(places)
    cofactor, volume = cofactors(g)
    m = body.material
    held, slope = tissue.volume_stiffness(body.parameters, body.hypotheses, m, volume / body.volume)
    if pressure is not None:
        held = held - at_points(pressure)
    pulled = _pulled(body, g)
    # all 81 entries by broadcasting over (axis, axis, 3, 3): written out one by one, they take ten seconds to compile
    same = body.volume * m.shear * body.metric[_METRIC]
    turned = slope / body.volume * cofactor[:, None, :, None] * cofactor[None, :, None]
    for family in range(2):
        pull, steeper = _tension(m, pulled[family], branch, family)
        along = body.volume * body.fibres[family][:, None] * body.fibres[family]
        same = same + pull * along
        turned = turned + (steeper * along)[:, :, None, None] * (pulled[family][:, None] * pulled[family])
    turned = turned + np.eye(3)[..., *[None] * volume.ndim] * same[:, :, None, None]
    turned = turned + _TWISTED[..., *[None] * volume.ndim] * (held * g.reshape(-1, *volume.shape))[_TWIST]
    return _WEIGHT * jnp.moveaxis(turned, 4, 2)


def stiffness(body: Solid, places: Array, pressure: Array | None = None) -> Float[Array, "27 3 3 ring sector layer"]:
    """How forces change with places, as a block stencil in single precision."""
    stiff = _stiff(body, places, pressure, None).astype(jnp.float32)
    return mesh.stencil(jnp.tensordot(_PAIRS.astype(np.float32), stiff, axes=3), body.topology)


def apply(blocks: Array, field: Array) -> Array:
    """A block stencil (27, n, m, ring, sector, layer) applied to a nodal field (m, ring, sector, layer)."""
    r, s, layer = field.shape[-3:]
    around = jnp.concatenate([field[..., -1:, :], field, field[..., :1, :]], -2)
    around = jnp.pad(around, [(0, 0), (1, 1), (0, 0), (1, 1)])
    total = jnp.zeros((blocks.shape[1], r, s, layer), field.dtype)
    for row, (a, b, c) in zip(blocks, OFFSETS, strict=True):
        shifted = around[:, 1 + a : 1 + a + r, 1 + b : 1 + b + s, 1 + c : 1 + c + layer]
        for k in range(field.shape[0]):
            total = total + row[:, k] * shifted[k]
    return mesh.even_axis(total)


# ------------------------------------------------------------------------------------------ pore pressure


def volume_share(body: Solid, det: Array) -> Array:
    """Volumes at the Gauss points (per unit cube, m^3) shared out to the nodes."""
    share = jnp.tensordot(_WEIGHT * _VALUE, det, axes=([0], [0]))
    return gather(share, body.topology)


def _conductance(body: Solid, places: Array) -> tuple[Array, Array]:
    """Permeability in space pulled back to the unit cube, pairs (6, point, ...), and cofactors of the places."""
    cofactor, volume = cofactors(tangents(places))
    k = tissue.permeability(body.parameters, body.material, volume / body.volume)
    return jnp.stack([k / volume * jnp.sum(cofactor[a] * cofactor[b], 0) for a, b in _SIX]), cofactor


def _uneven(body: Solid) -> Array:
    """Element matrices (8, 8, ...) in m^3/Pa of 1/(2G) times (p - mean p) squared."""
    weight = _WEIGHT * body.volume
    square = jnp.tensordot(_SQUARE, weight, axes=1)
    first = jnp.tensordot(_VALUE.T, weight, axes=1)
    return (square - first[:, None] * first[None] / jnp.sum(weight, 0)) / (2 * body.material.shear)


def _pressure_matrix(body: Solid, places: Array, dt: Array) -> Array:
    """Element matrices (8, 8, ...) of flow over dt and of the penalty on alternating pressure."""
    conductance, _ = _conductance(body, places)
    flow = sum(
        jnp.tensordot(_WEIGHT * _PAIRS[:, :, a, b], conductance[_OF_PAIR[a, b]], axes=1)
        for a, b in itertools.product(range(3), repeat=2)
    )
    return dt * flow + _uneven(body)


def imbalance(body: Solid, places: Array, pressure: Array, before: Array, earlier: Array, dt: Array) -> Array:
    """Volume in m^3 that each node lacks: -(change of volume since `before` + what flowed out over dt + penalty).

    `before` (point, ...) are volumes per unit cube, `earlier` the pressure then.
    """
    _, volume = cofactors(tangents(places))
    conductance, _ = _conductance(body, places)
    flow = jnp.stack([_corner(pressure, corner) for corner in _CORNERS])
    rise = jnp.tensordot(_GRADIENT, flow, axes=([2], [0]))  # (point, axis, ...)
    run = jnp.stack([sum(conductance[_OF_PAIR[a, b]] * rise[:, b] for b in range(3)) for a in range(3)], 1)
    share = dt * jnp.tensordot(_WEIGHT * _GRADIENT, run, axes=([0, 1], [0, 1]))
    change = jnp.stack([_corner(pressure - earlier, corner) for corner in _CORNERS])
    share = share + jnp.einsum("cdrsl,drsl->crsl", _uneven(body), change)
    share = share + jnp.tensordot(_WEIGHT * _VALUE, volume - before, axes=([0], [0]))
    return -gather(share, body.topology)


def coupled(
    body: Solid, places: Array, pressure: Array, dt: Array, branch: Branch | None = None
) -> Float[Array, "27 4 4 ring sector layer"]:
    """How forces and imbalance change with places and pressure: a symmetric block stencil in single precision.

    That permeability changes with strain is left to the next turn of Newton's method, so that symmetry stays.
    """
    cofactor, _ = cofactors(tangents(places))
    single = jnp.float32
    solid = jnp.tensordot(_PAIRS.astype(np.float32), _stiff(body, places, pressure, branch).astype(single), axes=3)
    push = -jnp.tensordot((_WEIGHT * _MIXED).astype(np.float32), jnp.moveaxis(cofactor, 2, 1).astype(single), axes=2)
    inner = -_pressure_matrix(body, places, dt).astype(single)
    push_back = jnp.swapaxes(push, 0, 1)
    upper = jnp.concatenate([solid, push[:, :, :, None]], 3)
    lower = jnp.concatenate([push_back, inner[:, :, None]], 2)[:, :, None]
    return mesh.stencil(jnp.concatenate([upper, lower], 2), body.topology)
