"""A disc in its day: the solid of a disc, loads by posture, and what is read off.

What: puts the composition of a `Disc` and its `State` on the solid, loads it by names of ``evidence/loads.csv``, and
tells height, volume, pressure, bulge, fibres and motion.
Equation: intradiscal pressure is osmotic pressure plus pore pressure, read in the middle of the nucleus; the rest is
geometry. Rotations about x are flexion (negative) and extension, about y bending to the side, about z turning.
Reads: charge; what `equilibrium` found. Writes: nothing in `State` yet.
Why this holds: a slow step sees the mean load of a day, drained; a lift is over before water moves.
Source: loads in ``evidence/loads.csv``.
"""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from pulposus import evidence
from pulposus.disc import composition, equilibrium, material, mesh, solid
from pulposus.disc.equilibrium import Balance, Load
from pulposus.disc.solid import Solid
from pulposus.disc.state import Disc, State

MOTIONS = {"flexion": (-1, 0, 0), "extension": (1, 0, 0), "side_bending": (0, 1, 0), "turning": (0, 0, 1)}
DIRECTIONS = ("anterior", "left", "posterior", "right")


class Reading(eqx.Module):
    """What is read off a disc at rest; SI."""

    height: Float[Array, ""]  # m, between the bony ends on the axis
    volume: Float[Array, ""]  # m^3
    water: Float[Array, ""]  # m^3
    pressure: Float[Array, ""]  # Pa, osmotic and pore, in the middle of the nucleus
    bulge: Float[Array, "4"]  # m, greatest outward way of the rim since start, by DIRECTIONS
    fibre_stretch: Float[Array, ""]  # greatest
    fibre_stress: Float[Array, ""]  # Pa, greatest, in the fibre
    rotation: Float[Array, "3"]  # radians, of the upper vertebra since start
    driest: Float[Array, ""]  # least J of all Gauss points


def body(disc: Disc, state: State) -> Solid:
    """The solid of a disc with the charge that it now has; its shape at start is without stress."""
    made = composition.composition(disc.parameters, disc.hypotheses, disc.grade)
    left = jnp.mean(solid.at_points(state.charge / disc.charge), 0)
    m = material.graded(disc.topology, disc.parameters, disc.hypotheses, disc.grade, *made)
    m = eqx.tree_at(lambda a: a.charge, m, left * m.charge)
    return solid.solid(disc.topology, disc.hypotheses, disc.parameters, m, mesh.coordinates(disc.topology, disc.shape))


def settle(disc: Disc, state: State, load: Load, before: Balance) -> Balance:
    """The disc drained under a mean load, from where it was before; pure, so that it can be compiled and batched."""
    return equilibrium.balance(body(disc, state), load, before)


def coordinates(made: Solid, found: Balance) -> Float[Array, "ring sector layer 3"]:
    """Where the nodes are, m, as the mesh writes it."""
    return jnp.moveaxis(equilibrium.places(made, found), 0, -1)


def volume_ratio(made: Solid, found: Balance) -> Float[Array, "ring sector layer"]:
    """J on nodes: volume that each node holds now over that at start."""
    ratio = solid.volume_ratio(made, equilibrium.places(made, found))
    return solid.volume_share(made, made.volume * ratio) / solid.volume_share(made, made.volume)


def load_of(made: Solid, name: str) -> Load:
    """The load of a posture; compression follows the line between the middles of both ends."""
    rows = {quantity: row.si for quantity, row in evidence.posture(name).items()}
    moment = sum(rows.get(motion, 0.0) * np.array(way) for motion, way in MOTIONS.items())
    none = equilibrium.unloaded(made)
    force = jnp.array([0, rows.get("anterior_shear", 0.0), 0])
    given = jnp.asarray(rows["compression"]), jnp.asarray(moment, dtype=float), force
    return eqx.tree_at(lambda a: (a.follower, a.moment, a.force), none, given)


def moment_of(made: Solid, motion: str, size: Array | float) -> Load:
    """A pure moment (N m) of a named motion on an isolated disc."""
    way = jnp.asarray(MOTIONS[motion], dtype=float)
    return eqx.tree_at(lambda a: a.moment, equilibrium.unloaded(made), size * way)


def read(made: Solid, found: Balance) -> Reading:
    """What is read off a disc at rest."""
    t, m = made.topology, made.material
    x = equilibrium.places(made, found)
    ratio = solid.volume_ratio(made, x)
    osmotic = material.osmotic_pressure(made.parameters, made.hypotheses, m, ratio)
    pressure = jnp.mean(osmotic, 0) + jnp.mean(solid.at_points(found.pressure), 0)
    middle = (t.layers - 1) // 2
    inner = pressure[0, :, (t.layers - 2) // 2 : middle + 1]
    out = made.start[:2, -1] - made.start[:2, :1, 0].mean(1, keepdims=True)
    way = jnp.sum(found.displacement[:2, -1] * out, 0) / jnp.sqrt(jnp.sum(out**2, 0))
    quarter = np.round(np.arange(len(DIRECTIONS)) * t.sectors / len(DIRECTIONS)).astype(int)
    stretch = solid.fibre_stretch(made, x)
    wound = jnp.asarray(material.fibred(t))
    pull, _ = material.fibre_tension(m, stretch**2)
    weight = jnp.mean(made.volume, 0)
    return Reading(
        height=x[2, 0, 0, -1] - x[2, 0, 0, 0],
        volume=jnp.sum(jnp.mean(ratio * made.volume, 0)),
        water=jnp.sum(weight * (jnp.mean(ratio * made.volume, 0) / weight - m.solid)),
        pressure=jnp.mean(inner),
        bulge=jnp.max(way, -1)[quarter],
        fibre_stretch=jnp.max(jnp.where(wound, stretch, 0.0)),
        fibre_stress=jnp.max(pull * stretch**2) / made.parameters.fibre_share,
        rotation=found.pose[3:],
        driest=jnp.min(ratio),
    )


def axial_stiffness(made: Solid, found: Balance, load: Load, further: Array | float) -> Array:
    """N/m of the disc when its compression suddenly rises by `further` (N)."""
    more = eqx.tree_at(lambda a: a.follower, load, load.follower + further)
    pressed = equilibrium.sudden(made, more, found)
    return further / (found.pose[2] - pressed.pose[2])


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
