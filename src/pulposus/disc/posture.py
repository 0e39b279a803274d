"""A disc in its day: the solid of a disc, loads by posture, and what is read off.

What: puts the composition of a disc on the solid, strained so that it rests overnight in the form in which it was
measured; loads it by names of ``evidence/loads.csv``, and tells height, volume, pressure, bulge, fibres and motion.
Equation: intradiscal pressure is osmotic pressure plus pore pressure, read in the middle of the nucleus; the rest is
geometry. Rotations about x are flexion (negative) and extension, about y bending to the side, about z turning.
Reads: charge; what `equilibrium` found. Writes: nothing in `State`; `mechanics` does.
Why this holds: a disc is drained at the end of a night; a lift is over before water moves. A posture turns the spine
and its levels share that: how far a disc is turned was measured, the moment on it was not.
Source: loads in ``evidence/loads.csv``.
"""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from pulposus import evidence
from pulposus.disc import composition, equilibrium, fissure, material, mesh, solid
from pulposus.disc.equilibrium import Balance, Load
from pulposus.disc.geometry import Shape
from pulposus.disc.mesh import Topology
from pulposus.disc.parameters import Parameters
from pulposus.disc.solid import Solid
from pulposus.disc.state import Disc, Hypotheses

_STEPS, _TURNS = 8, 8  # maths: in which charge and load grow from nothing, and in which what is left wrong shrinks
NEAR = 0.01  # maths: share of its height by which a disc at rest may miss the form in which it was measured
MOTIONS = {"flexion": (-1, 0, 0), "extension": (1, 0, 0), "side_bending": (0, 1, 0), "turning": (0, 0, 1)}
DIRECTIONS = ("anterior", "left", "posterior", "right")


class Reading(eqx.Module):
    """What is read off a disc at rest; SI."""

    height: Float[Array, ""]  # m, between the bony ends on the axis
    volume: Float[Array, ""]  # m^3
    water: Float[Array, ""]  # m^3
    pressure: Float[Array, ""]  # Pa, osmotic and pore, in the middle of the nucleus
    bulge: Float[Array, "4"]  # m, by DIRECTIONS, outward positive
    fibre_stretch: Float[Array, ""]  # greatest
    fibre_stress: Float[Array, ""]  # Pa, greatest, in the fibre
    rotation: Float[Array, "3"]  # radians, of the upper vertebra since start
    driest: Float[Array, ""]  # least J of all Gauss points


class Frame(eqx.Module):
    """All of a disc that its solid is made of, but for what moves."""

    topology: Topology = eqx.field(static=True)
    hypotheses: Hypotheses = eqx.field(static=True)
    parameters: Parameters
    shape: Shape
    grade: Float[Array, ""]
    slack: solid.Tangents


def frame(disc: Disc) -> Frame:
    """The frame of a disc."""
    return Frame(disc.topology, disc.hypotheses, disc.parameters, disc.shape, disc.grade, disc.slack)


def rested(
    topology: Topology,
    hypotheses: Hypotheses,
    p: Parameters,
    shape: Shape,
    grade: Array,
    torn: Array | np.ndarray | float = 0.0,
) -> Frame:
    """The frame of a disc that rests overnight in the form in which it was measured; torn (ring, sector, layer) is the
    damage that it then had, 0 to 1.

    Charge and load grow in `_STEPS` steps, then `_TURNS` more are done; after each the disc is set back to the
    measured form, strained as it is (modified updated Lagrangian formulation: Gee 2010). A step that finds no rest
    leaves it as it was. Whether all this came to an end is not said here: `missed` tells.
    """
    made = Frame(topology, hypotheses, p, shape, grade, _measured(topology, shape))
    for step in range(1, _STEPS + _TURNS + 1):
        grown = _growing(made, jnp.asarray(min(step / _STEPS, 1.0)), jnp.asarray(torn))
        made = _set_back(made, grown[0], equilibrium.drained(*grown))
    return made


def missed(of: Solid, found: Balance) -> Array:
    """How far a disc at rest with all its charge lies from the form in which it was measured: the greatest displacement
    of any node over the disc's height at the axis; infinite where no rest was found. Up to `NEAR` it is that form.
    """
    height = of.start[2, 0, 0, -1] - of.start[2, 0, 0, 0]
    way = jnp.max(jnp.sqrt(jnp.sum(found.displacement**2, 0))) / height
    return jnp.where((found.error < equilibrium.BELIEVED) & jnp.isfinite(way), way, jnp.inf)


@eqx.filter_jit
def _measured(topology: Topology, shape: Shape) -> solid.Tangents:
    return solid.tangents(jnp.moveaxis(mesh.coordinates(topology, shape), -1, 0))


@eqx.filter_jit
def _growing(made: Frame, share: Array, torn: Array) -> tuple[Solid, Load, Balance]:
    grown = body(made, share)
    grown = eqx.tree_at(lambda b: b.material, grown, fissure.torn(made.parameters, grown.material, torn))
    load = rest(made, grown)
    return grown, eqx.tree_at(lambda a: a.follower, load, share * load.follower), equilibrium.at_start(grown)


@eqx.filter_jit
def _set_back(made: Frame, grown: Solid, now: Balance) -> Frame:
    back = solid.set_back(made.slack, equilibrium.places(grown, now), grown.start)
    tangents = jnp.where(now.error < equilibrium.BELIEVED, back, made.slack)
    return eqx.tree_at(lambda m: m.slack, made, tangents)


def body(made: Frame, left: Array | float = 1.0) -> Solid:
    """The solid of a disc with the share of its charge at start that is `left` (one number, or on nodes), strained as
    it was when it was measured; its composition is that of the tissue as it then was.
    """
    t, p, coords = made.topology, made.parameters, mesh.coordinates(made.topology, made.shape)
    parts = composition.composition(p, made.hypotheses, made.grade)
    m = material.graded(t, p, made.hypotheses, made.grade, *parts)
    measured = solid.cofactors(solid.tangents(jnp.moveaxis(coords, -1, 0)))[1]
    grown = jnp.mean(measured / solid.cofactors(made.slack)[1], 0)
    charged = jnp.mean(solid.at_points(jnp.broadcast_to(left, t.shape)), 0)
    m = eqx.tree_at(lambda a: (a.solid, a.charge), m, (grown * m.solid, charged * grown * m.charge))
    return solid.solid(t, made.hypotheses, p, m, coords, made.slack)


def rest(made: Frame, of: Solid) -> Load:
    """The load of a night, by the area of the disc."""
    load = equilibrium.unloaded(of)
    return eqx.tree_at(lambda a: a.follower, load, made.parameters.rest_stress * made.shape.disc.area())


def coordinates(made: Solid, found: Balance) -> Float[Array, "ring sector layer 3"]:
    """Where the nodes are, m, as the mesh writes it."""
    return jnp.moveaxis(equilibrium.places(made, found), 0, -1)


def volume_ratio(made: Solid, found: Balance) -> Float[Array, "ring sector layer"]:
    """Volume that each node holds now over that at start."""
    now, start = (
        solid.volume_share(made, solid.cofactors(solid.tangents(x))[1])
        for x in (equilibrium.places(made, found), made.start)
    )
    return now / start


def load_of(made: Solid, name: str) -> Load:
    """The load of a posture: compression along the line between the middles of both ends, and where the posture bends,
    the upper vertebra held turned about that axis by the angle of the table, in radians from start; free otherwise.

    The table is that of the reference disc. Another bears the same stress (`shares`) and is turned as far. Raises
    InputError for an unknown posture.
    """
    rows = {quantity: row.si for quantity, row in evidence.posture(name).items()}
    share, _ = shares(made)
    turns = [rows.get(turn) for turn in ("flexion_angle", "extension_angle", "side_bending_angle", "turning_angle")]
    ways = [(np.array(way, float), turn) for way, turn in zip(MOTIONS.values(), turns, strict=True) if turn is not None]
    # an angle of nought is held, too
    turned = sum((turn * way for way, turn in ways), np.zeros(3))
    held = np.concatenate([np.zeros(3), sum((abs(way) for way, _ in ways), np.zeros(3))])
    force = jnp.array([0, rows.get("anterior_shear", 0.0), 0])
    pose = jnp.asarray(np.concatenate([np.zeros(3), turned]))
    given = share * rows["compression"], share * force, jnp.asarray(held), pose
    return eqx.tree_at(lambda a: (a.follower, a.force, a.held, a.pose), equilibrium.unloaded(made), given)


def mirrored(load: Load) -> Load:
    """The load to the other side, for points in the middle plane."""
    way, round_ = jnp.array([-1.0, 1, 1]), jnp.array([1.0, -1, -1])
    given = way * load.force, round_ * load.moment, jnp.concatenate([way, round_]) * load.pose
    return eqx.tree_at(lambda a: (a.force, a.moment, a.pose), load, given)


def shares(made: Solid) -> tuple[Array, Array]:
    """Share of the reference disc's forces, and of its moments, under which this one bears the same stress: forces go
    with the area of its plan, moments with area and breadth.
    """
    area = plan_area(made) / made.parameters.load_area
    return area, area * jnp.sqrt(area)


def plan_area(made: Solid) -> Array:
    """Area of a disc's plan at mid height, m^2."""
    x, y = made.start[:2, -1, :, made.topology.layers // 2]
    return 0.5 * jnp.abs(jnp.sum(x * jnp.roll(y, -1) - y * jnp.roll(x, -1)))


def moment_of(made: Solid, motion: str, size: Array | float) -> Load:
    """A pure moment (N m) of a named motion on an isolated disc."""
    way = jnp.asarray(MOTIONS[motion], dtype=float)
    return eqx.tree_at(lambda a: a.moment, equilibrium.unloaded(made), size * way)


def pressure(made: Solid, found: Balance) -> Float[Array, "ring sector layer"]:
    """Pressure in Pa of the water in each element, osmotic and pore: what a needle would read."""
    ratio = solid.volume_ratio(made, equilibrium.places(made, found))
    osmotic = material.osmotic_pressure(made.parameters, made.hypotheses, made.material, ratio)
    return jnp.mean(osmotic, 0) + jnp.mean(solid.at_points(found.pressure), 0)


def bulge(made: Solid, found: Balance) -> Float[Array, " sector"]:
    """Outward way of the rim since start, m, over the height its greatest; inward ways are negative."""
    out = made.start[:2, -1] - made.start[:2, :1, 0].mean(1, keepdims=True)
    way = jnp.sum(found.displacement[:2, -1] * out, 0) / jnp.sqrt(jnp.sum(out**2, 0))
    # the ends do not move: what lies between them does, outward or inward
    return jnp.take_along_axis(way, jnp.argmax(jnp.abs(way), -1, keepdims=True), -1)[:, 0]


def read(made: Solid, found: Balance) -> Reading:
    """What is read off a disc at rest."""
    t, m = made.topology, made.material
    x = equilibrium.places(made, found)
    ratio = solid.volume_ratio(made, x)
    middle = (t.layers - 1) // 2
    inner = pressure(made, found)[0, :, (t.layers - 2) // 2 : middle + 1]
    quarter = np.round(np.arange(len(DIRECTIONS)) * t.sectors / len(DIRECTIONS)).astype(int)
    stretch = solid.fibre_stretch(made, x)
    wound = jnp.asarray(material.fibred(t))
    both = [material.fibre_tension(m, stretch[i] ** 2, found.anchor[i], 1.0)[0] for i in range(len(stretch))]
    pull = jnp.stack(both)  # the anchor is what the dashpot has given by now: all further strain is the spring's
    weight = jnp.mean(made.volume, 0)
    return Reading(
        height=x[2, 0, 0, -1] - x[2, 0, 0, 0],
        volume=jnp.sum(jnp.mean(ratio * made.volume, 0)),
        water=jnp.sum(weight * (jnp.mean(ratio * made.volume, 0) / weight - m.solid)),
        pressure=jnp.mean(inner),
        bulge=bulge(made, found)[quarter],
        fibre_stretch=jnp.max(jnp.where(wound, stretch, 0.0)),
        fibre_stress=jnp.max(pull * stretch**2) / made.parameters.fibre_share,
        rotation=found.pose[3:],
        driest=jnp.min(ratio),
    )


def motion(made: Solid, found: Balance, name: str, moments: Array) -> tuple[Array, Array, Array]:
    """Rotation (radians) about the axis of a motion, rise of pressure (Pa) and solver error under sudden pure
    moments (N m) of an isolated disc, each from the same state at rest.
    """
    way, rested = jnp.asarray(MOTIONS[name], dtype=float), read(made, found)

    def under(_: None, size: Array) -> tuple[None, tuple[Array, Array, Array]]:
        bent = equilibrium.sudden(made, moment_of(made, name, size), found)
        seen = read(made, bent)
        return None, (way @ (seen.rotation - rested.rotation), seen.pressure - rested.pressure, bent.error)

    return jax.lax.scan(under, None, moments)[1]
