"""Metabolism: how fast one cell takes up oxygen and makes lactate, and what that does to pH.

Two published laws of which one is chosen: law a (Bibby and Urban) depends on pH and oxygen; law b (Cachot) on oxygen
and glucose, with maintenance
that grows with grade. Pure functions of solutes, used by transport (what is consumed) and matrix (what energy there
is).
Source: Bibby 2005 and Soukane 2005 as coded by Munoz-Moya 2024 (law a), Cachot 2026 (law b).
"""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array

from pulposus.disc.parameters import Parameters
from pulposus.disc.state import Disc, Hypotheses


def acidity(parameters: Parameters, lactate: Array) -> Array:
    """pH of tissue that holds `lactate` (mol/m^3)."""
    return parameters.ph_without_lactate - lactate / parameters.lactate_per_ph


def tissue_factor(water: Array) -> Array:
    """Diffusivity in tissue relative to water, by water volume fraction (Mackie and Meares 1955)."""
    return (water / (2 - water)) ** 2


def bibby_urban_rates(
    p: Parameters, hypotheses: Hypotheses, oxygen: Array, lactate: Array, glucose: Array, water: Array
) -> tuple[Array, Array]:
    """Law a: (oxygen uptake, lactate made), mol/cell/s; the limiter, where chosen, multiplies lactate and glucose
    alike.
    """
    ph = acidity(p, lactate)
    above = ph - p.oxygen_uptake_ph_offset
    uptake = (
        p.oxygen_uptake_scale
        * water
        * above
        * oxygen
        / (p.oxygen_uptake_half + oxygen + p.oxygen_uptake_half_per_ph * above)
    )
    exponent = p.lactate_rate_constant + p.lactate_rate_per_ph * ph + p.lactate_rate_per_oxygen * oxygen
    made = p.lactate_rate_unit * jnp.exp(exponent - p.lactate_rate_per_oxygen_squared * oxygen**2)
    if hypotheses.glucose_limiter:
        made = made * glucose / (jnp.maximum(glucose, 0.0) + p.glucose_limiter)
    return uptake, made


def cachot_rates(disc: Disc, oxygen: Array, glucose: Array) -> tuple[Array, Array]:
    """Law b: (oxygen uptake, lactate made), mol/cell/s, biosynthesis and maintenance; clamped at zero where the fit
    turns negative.
    """
    p = disc.parameters
    o, g = p.oxygen_solubility * jnp.maximum(oxygen, 0.0), jnp.maximum(glucose, 0.0)
    biosynthesis, lactate = cachot_biosynthesis(disc, o, g)
    share = (
        p.cachot_oxygen_share * (1 + jnp.exp(-g / p.cachot_share_glucose)) * (1 - jnp.exp(-o / p.cachot_share_oxygen))
    )
    maintenance = p.cachot_maintenance * (disc.grade - p.healthy_grade)
    uptake = biosynthesis + share * maintenance / p.cachot_atp_per_oxygen
    return uptake, jnp.maximum(lactate + (1 - share) * maintenance / p.cachot_atp_per_lactate, 0.0)


def cachot_biosynthesis(disc: Disc, o: Array, g: Array) -> tuple[Array, Array]:
    """Law b without maintenance: (oxygen uptake, lactate made), mol/cell/s, at dissolved oxygen `o` and glucose `g`
    (mol/m^3).
    """
    p = disc.parameters
    uptake = p.cachot_oxygen_uptake * o / (p.cachot_oxygen_half + o)

    def glycolysis(greatest: Array, depth: Array, slope: Array, squared: Array, scale: Array) -> Array:
        fall = depth * jnp.exp(-(g**2) / squared) * jnp.exp(-o / scale)
        return greatest * jnp.maximum(
            1 - fall - slope * (p.cachot_glucose_reference - g) / p.cachot_glucose_reference, 0.0
        )

    nucleus = glycolysis(
        p.cachot_nucleus_lactate,
        p.cachot_nucleus_depth,
        p.cachot_nucleus_slope,
        p.cachot_nucleus_glucose_squared,
        p.cachot_nucleus_oxygen,
    )
    rest = glycolysis(
        p.cachot_annulus_lactate,
        p.cachot_annulus_depth,
        p.cachot_annulus_slope,
        p.cachot_annulus_glucose_squared,
        p.cachot_annulus_oxygen,
    )
    pasteur = p.cachot_pasteur * (p.cachot_oxygen_uptake - uptake)
    return uptake, disc.tissue[0] * nucleus + (1 - disc.tissue[0]) * rest + pasteur
