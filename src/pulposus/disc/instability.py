"""Instability, and how bone and ligament answer it: neutral zone, translation, osteophytes, stenosis.

What: how far a disc turns under moments too small to be felt, how far it slides under a shear, and what years of that
make of the rim of the bone, of the canal and of the foramina.
Equations: neutral zone, the angle between flexion and extension under the small moment M_0, and to either side;
translation, the anterior way of the upper vertebra under F_0; both loads by the size of the disc, as its postures. With
z the neutral zone over that of the same disc when whole, osteophytes grow,
``dO/dt = r (z - z_on)+ / (2 - z_on) (1 - O / O_max)``, toward the length at which they meet; the depth of the canal
loses what herniates or bulges behind, osteophytes there and the fold of the yellow ligament, which goes with the height
that the disc has lost; the foramen loses that height, and in its width what bulges or herniates and osteophytes.
Reads: a solid at rest, its greater motion by `equilibrium.sudden`. Writes: nothing; `structure` keeps osteophytes.
Why this holds: bone at the rim answers traction of the annulus, and claws that meet end the motion that made them; no
source gives more than a direction, so that the law is the simplest that saturates.
Source: osteophytes end instability (Kirkaldy-Willis, as told in BMC Musculoskeletal Disorders 2009, 10:4); all rates
are assumptions with ranges.
"""

from __future__ import annotations

from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array

from pulposus.disc import equilibrium, posture
from pulposus.disc.equilibrium import Balance, Load
from pulposus.disc.herniation import Canal
from pulposus.disc.parameters import Parameters
from pulposus.disc.solid import Solid


def sudden(body: Solid, load: Load, start: Balance) -> Balance:
    """`equilibrium.sudden`, compiled."""
    return equilibrium.flowing(body, load, start, jnp.asarray(0.0))


class Stability(NamedTuple):
    """How loose a disc is: neutral zones in radians (flexion to extension, side to side) and translation in m."""

    bending: Array
    side: Array
    translation: Array
    error: Array  # greatest solver error


class Stenosis(NamedTuple):
    """What is left of canal and foramina, of the disc when whole: shares of depth, of height and of width."""

    canal: Array
    foramen_height: Array
    foramen_width: Array


def sheared(body: Solid, force: Array | float) -> Load:
    """An anterior force (N) on the upper vertebra of an isolated disc that may not turn."""
    none = equilibrium.unloaded(body)
    held = jnp.array([0.0, 0, 0, 1, 1, 1])
    push = force * jnp.array([0.0, 1, 0])
    return eqx.tree_at(lambda a: (a.force, a.held), none, (push, held))


def stability(body: Solid, rested: Balance) -> Stability:
    """Neutral zones and translation of a disc from where it rests, each by sudden loads on the isolated disc: those of
    the reference disc, by its size as postures are (`posture.shares`).
    """
    p, (pushed, turned) = body.parameters, posture.shares(body)

    def bent(motion: str, sign: float = 1.0) -> Balance:
        return sudden(body, posture.moment_of(body, motion, sign * turned * p.neutral_moment), rested)

    back, forward, right, left = bent("extension"), bent("flexion"), bent("side_bending"), bent("side_bending", -1.0)
    start = sudden(body, sheared(body, 0.0), rested)
    slid = sudden(body, sheared(body, pushed * p.translation_force), rested)
    return Stability(
        back.pose[3] - forward.pose[3],
        right.pose[4] - left.pose[4],
        slid.pose[1] - start.pose[1],
        jnp.max(jnp.stack([found.error for found in (back, forward, right, left, start, slid)])),
    )


def looseness(now: Stability, whole: Stability) -> Array:
    """Neutral zone over that of the disc when whole, the greater of both planes."""
    return jnp.maximum(now.bending / whole.bending, now.side / whole.side)


def grown(p: Parameters, looseness: Array, osteophyte: Array, dt: Array) -> Array:
    """Length of osteophytes in m after dt (s), exact for a looseness that stays."""
    drive = jnp.maximum(looseness - p.instability_onset, 0.0) / (2 - p.instability_onset)
    left = 1 - osteophyte / p.osteophyte_greatest
    return p.osteophyte_greatest * (1 - left * jnp.exp(-p.osteophyte_rate * drive * dt / p.osteophyte_greatest))


def unnarrowed() -> Stenosis:
    """Canal and foramina of which nothing is lost."""
    return Stenosis(jnp.ones(()), jnp.ones(()), jnp.ones(()))


def unlooked() -> Stability:
    """What stands for the looseness of a disc at which nobody looked."""
    nothing = jnp.asarray(jnp.nan)
    return Stability(nothing, nothing, nothing, jnp.zeros(()))


def stenosis(
    p: Parameters, canal: Canal, height_lost: Array, in_canal: Array, in_foramen: Array, osteophyte: Array
) -> Stenosis:
    """What is left of canal and foramina: height lost by the disc, how far bulge or herniation stand out into the
    canal and into a foramen, and osteophytes, all in m.
    """
    bone = p.osteophyte_posterior_share * osteophyte
    lost = jnp.maximum(height_lost, 0.0)
    return Stenosis(
        jnp.clip(1 - (in_canal + bone + p.flavum_per_height * lost) / canal.depth, 0.0, 1.0),
        jnp.clip(1 - lost / canal.foramen_height, 0.0, 1.0),
        jnp.clip(1 - (in_foramen + bone) / canal.foramen_width, 0.0, 1.0),
    )
