"""Composition: water, fixed charge and collagen of each tissue by grade, and what the endplates let through.

What: healthy and grade III are published; grade II lies between; IV and V go on from III by a published ratio of charge
(relative), or the whole scale
follows Cachot's map of charge to grade (absolute). Water follows charge as it does between healthy and III in the
nucleus.
Reads: parameters. Writes: nothing; `simulate.prepare` puts it on the mesh.
Source: Munoz-Moya 2024 (healthy and III), Cachot 2026 (IV, V and the absolute map).
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from pulposus.disc.parameters import Parameters
from pulposus.disc.state import Hypotheses
from pulposus.errors import InputError, nearest

ENDPLATES = ("intact", "calcified", "sclerotic", "perforated")
_TISSUES = ("nucleus", "annulus", "endplate")
THIRD, _FOURTH, FIFTH = 3.0, 4.0, 5.0  # maths: the Pfirrmann grades as numbers


class Composition(NamedTuple):
    """By tissue (nucleus, annulus, endplate): water by volume, charge in mol/m^3 of water, collagen by dry mass."""

    water: Float[Array, "3"]
    charge: Float[Array, "3"]
    collagen: Float[Array, "3"]


def continuous_grade(parameters: Parameters, pfirrmann: float) -> Array:
    """Pfirrmann grade (1 to 5) on the continuous scale, where a healthy disc has 1.5."""
    return jnp.maximum(parameters.healthy_grade, jnp.asarray(pfirrmann, dtype=float))


def degeneration(p: Parameters, grade: Array, worst: float) -> Array:
    """How far a continuous grade lies from healthy (0) to the Pfirrmann grade `worst` (1), and no further."""
    return jnp.clip((grade - p.healthy_grade) / (worst - p.healthy_grade), 0.0, 1.0)


def composition(p: Parameters, hypotheses: Hypotheses, grade: Array) -> Composition:
    """Composition at a continuous grade."""

    def by_tissue(quantity: str, state: str) -> Array:
        return jnp.stack([getattr(p, f"{tissue}_{quantity}_{state}") for tissue in _TISSUES])

    water, water3 = (_volume_fraction(p, by_tissue("water", state)) for state in ("healthy", "grade3"))
    charge, charge3 = by_tissue("charge", "healthy"), by_tissue("charge", "grade3")
    collagen, collagen3 = by_tissue("collagen", "healthy"), by_tissue("collagen", "grade3")
    share = degeneration(p, grade, THIRD)
    between = water + share * (water3 - water)
    if hypotheses.grading == "absolute":
        relative = jnp.exp(-(grade - p.healthy_grade) / p.charge_per_grade) * jnp.ones(3)
    else:
        later = jnp.interp(
            grade,
            jnp.array([THIRD, _FOURTH, FIFTH]),
            jnp.stack([jnp.ones(()), p.charge_grade4_of_grade3, p.charge_grade5_of_grade3]),
        )
        relative = (1 + share * (charge3 / charge - 1)) * later
    per_charge = (water[0] - water3[0]) / (1 - charge3[0] / charge[0])  # water that goes with charge, in the nucleus
    beyond = jnp.maximum((1 + share * (charge3 / charge - 1)) - relative, 0.0)
    return Composition(between - per_charge * beyond, charge * relative, collagen + share * (collagen3 - collagen))


def endplate(p: Parameters, hypotheses: Hypotheses, grade: Array, endplate_state: str) -> tuple[Array, Array]:
    """(supply, openness): oxygen and glucose offered by the marrow, and endplate diffusivity, each relative to what
    composition alone gives.

    Raises InputError for an unknown endplate state.
    """
    if endplate_state not in ENDPLATES:
        raise InputError(
            f"Unknown endplate state {endplate_state!r}{nearest(endplate_state, ENDPLATES)}; "
            f"choose one of {', '.join(ENDPLATES)}."
        )
    one = jnp.ones(())
    openness = {"calcified": p.endplate_calcified_openness, "perforated": p.endplate_perforated_openness}.get(
        endplate_state, one
    )
    supply = p.endplate_sclerotic_supply if endplate_state == "sclerotic" else one
    if hypotheses.endplate_permeability == "falls":  # a calcified endplate is not calcified twice

        def calcified(g: Array) -> Array:
            return p.calcification_quadratic * g**2 + p.calcification_linear * g

        by_grade = 1 - p.calcification_slope * (calcified(grade) - calcified(p.healthy_grade))
        openness = jnp.minimum(openness, by_grade) if endplate_state == "calcified" else openness * by_grade
    elif hypotheses.endplate_permeability == "rises":
        openness = openness * (1 + p.porosity_rise_grade5 * (grade - p.healthy_grade) / (FIFTH - p.healthy_grade))
    return supply, openness


def _volume_fraction(p: Parameters, by_mass: Array) -> Array:
    return by_mass * p.solid_density / ((1 - by_mass) * p.water_density + by_mass * p.solid_density)
