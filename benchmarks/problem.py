"""The problem that the benchmarks solve: oxygen, lactate and glucose in balance in the healthy reference disc, or in
another shape and grade.

``K c_i + V r_i(c) / D_i = 0`` away from the outer surface, where blood holds c: stiffness K of trilinear elements with
one conductivity each, V the volume of a node, r the reactions of law a. Ours and the peer read the same arrays from
here, and nothing else.
"""

from __future__ import annotations

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from pulposus import evidence
from pulposus.disc import composition, diffusion, geometry, mesh, transport
from pulposus.disc.diffusion import Operator, Solve
from pulposus.disc.geometry import Shape
from pulposus.disc.mesh import Topology
from pulposus.disc.metabolism import bibby_urban_rates, tissue_factor
from pulposus.disc.parameters import Parameters
from pulposus.disc.state import Hypotheses

# about 5,000, 10,000 and 30,000 nodes
SIZES = {"medium": Topology(13, 24, 17, 6, 2), "standard": mesh.SIZES["standard"], "fine": mesh.SIZES["fine"]}
WARMER = 1.02  # cells of the second solve relative to the first


class Problem(NamedTuple):
    """Arrays of one disc: coordinates (ring, sector, layer, 3) in m, conductivity of each element, and on nodes volume
    in m^3, water by volume, cells per m^3 and the concentrations to start from (solute first, SI), which hold on the
    outer surface.
    """

    coords: Array
    conductivity: Array
    volume: Array
    water: Array
    cells: Array
    start: Array


def reference() -> Shape:
    """The published L4-L5 outline."""
    return geometry.from_outline(
        "reference_l4l5", {name: row.si for name, row in evidence.dimensions("reference_l4l5").items()}
    )


def problem(topology: Topology, shape: Shape, parameters: Parameters, grade: Array | float | None = None) -> Problem:
    """The problem of a disc of this shape and (continuous) grade, healthy if none is given."""
    p = parameters
    hypotheses = Hypotheses()
    graded = composition.composition(p, hypotheses, p.healthy_grade if grade is None else jnp.asarray(grade))
    coords = mesh.coordinates(topology, shape)
    volumes = mesh.node_volumes(topology, coords)
    volume = jnp.sum(volumes, 0)
    cells = jnp.stack([p.nucleus_cells, p.annulus_cells, p.endplate_cells])
    return Problem(
        coords,
        tissue_factor(graded.water[topology.element_tissue]),
        volume,
        jnp.tensordot(graded.water, volumes / volume, 1),
        jnp.tensordot(cells, volumes / volume, 1),
        transport.boundary(coords, p, 1.0),
    )


def assemble(topology: Topology, given: Problem) -> Operator:
    """Our stencil and eigenbases."""
    stencil = mesh.stiffness(topology, given.coords, given.conductivity)
    return Operator(stencil, given.volume, diffusion.separable(topology, given.coords, given.conductivity))


def solve(
    topology: Topology,
    parameters: Parameters,
    limiter: bool,
    operator: Operator,
    given: Problem,
    start: Array,
    tolerance: Array,
) -> Solve:
    """Our solution, field in SI; `start` in SI."""
    p = parameters
    scale, diffusivity = transport.scales(p), transport.diffusivities(p)
    hypotheses = Hypotheses(glucose_limiter=limiter)

    def reaction(x: Array) -> Array:
        oxygen, lactate, glucose = x * scale
        uptake, made = bibby_urban_rates(p, hypotheses, oxygen, lactate, glucose, given.water)
        rates = jnp.stack([uptake / p.oxygen_solubility, -made, p.glucose_per_lactate * made])
        return rates * given.cells / (diffusivity * scale)

    lower = 0.0 if limiter else -np.inf
    solved = diffusion.steady(operator, reaction, start / scale, topology.outside, tolerance, lower)
    return solved._replace(field=solved.field * scale)


def numbers(topology: Topology) -> np.ndarray:
    """Number of the distinct node at each place of (ring, sector, layer): the copies of the axis share one."""
    rings, sectors, layers = topology.shape
    axis = np.broadcast_to(np.arange(layers), (1, sectors, layers))
    rest = layers + np.arange((rings - 1) * sectors * layers).reshape(rings - 1, sectors, layers)
    return np.concatenate([axis, rest])


def distinct(topology: Topology, field: Array) -> np.ndarray:
    """A nodal field (..., ring, sector, layer) on distinct nodes (..., node)."""
    values = np.asarray(field)
    lead = values.shape[:-3]
    out = np.zeros((*lead, topology.nodes))
    out[..., numbers(topology).ravel()] = values.reshape(*lead, -1)
    return out


def levels_and_grades(count: int) -> tuple[Shape, Array]:
    """`count` lumbar discs of different level, sex and grade, stacked: shapes and continuous grades."""
    cases = [(level, sex, grade) for grade in (3, 1, 5, 2, 4) for sex in ("male", "female") for level in _LUMBAR]
    chosen = cases[:count]
    shapes = [geometry.from_dimensions({k: r.si for k, r in evidence.dimensions(*case).items()}) for case in chosen]
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves) if eqx.is_array(leaves[0]) else leaves[0], *shapes)
    healthy = float(Parameters.from_evidence().healthy_grade)
    return stacked, jnp.asarray([max(float(grade), healthy) for *_, grade in chosen])


_LUMBAR = ("L1-L2", "L2-L3", "L3-L4", "L4-L5")
