"""Mechanics, for now column by column: what osmotic pressure holds up, and the height that is left when fixed charge
goes.

What: the disc as measured is in balance with its daily load; what balances osmotic pressure then (load, fibres) is
held, and every node's axial stretch J
follows its fixed charge. Columns do not feel their neighbours and do not bulge (Botsford 1994): part of the model that
full mechanics will replace.
Equation: ``pi(c_F(J)) - sigma(J) = pi(c_F,start)``, ``c_F = F phi0 / (phi0 - 1 + J)``, ideal Donnan ``pi = R T
(sqrt(c_F^2 + 4 c^2) - 2 c)``, sigma of Wilson's solid in
confined stretch. Reads: charge. Writes: stretch.
Why this holds: over months the disc is drained, so pressure is osmotic; the day's load is periodic and its mean does
not change unless a therapy changes it.
Source: Wilson 2005 and 2007, Huyghe 2003 as collected by Munoz-Moya 2024.
"""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array

from pulposus.disc.composition import THIRD, degeneration
from pulposus.disc.parameters import Parameters
from pulposus.disc.state import Disc, State, blend

_NEWTON = 8  # maths: scalar Newton steps; quadratic from J = 1, where the start is within a few percent


def osmotic_pressure(p: Parameters, charge: Array) -> Array:
    """Ideal Donnan pressure in Pa of fixed charge (mol/m^3 of water) over the salt outside."""
    return p.gas_constant * p.temperature * (jnp.sqrt(charge**2 + 4 * p.salt**2) - 2 * p.salt)


def solid_stress(modulus: Array, solid: Array, stretch: Array) -> Array:
    """Axial stress in Pa (tension positive) of Wilson's porous solid in confined stretch J; `solid` its volume fraction
    at J = 1.
    """
    log = jnp.log(stretch)
    fluid = solid - stretch  # negative of the water left
    ratio = (stretch + solid) / fluid
    bulk = -1 + 3 * ratio + 3 * solid * stretch * log / fluid**2  # maths: Wilson 2005, the compressible matrix
    sixth = modulus / 6  # maths: as above
    return -sixth * log / stretch * bulk + modulus / stretch * (stretch**2 - stretch ** (2 / 3))


def settle(disc: Disc, state: State) -> State:
    """Axial stretch at which osmotic pressure and solid balance what they balanced at start."""
    p = disc.parameters
    modulus = blend(disc, "shear_modulus")
    modulus = modulus + degeneration(p, disc.grade, THIRD) * (blend(disc, "shear_modulus_grade3") - modulus)
    held = osmotic_pressure(p, disc.charge)
    driest = 1 - 0.9 * disc.water  # maths: never press out the last tenth of the water

    def excess(stretch: Array) -> Array:
        inside = state.charge * disc.water / (disc.water - 1 + stretch)
        return osmotic_pressure(p, inside) - solid_stress(modulus, 1 - disc.water, stretch) - held

    def newton(_: int, stretch: Array) -> Array:
        value, slope = jax.jvp(excess, (stretch,), (jnp.ones_like(stretch),))
        return jnp.maximum(stretch - value / slope, driest)

    stretch = jax.lax.fori_loop(0, _NEWTON, newton, state.stretch)
    return eqx.tree_at(lambda s: s.stretch, state, stretch)


def water_fraction(disc: Disc, state: State) -> Array:
    """Water volume fraction at each node now."""
    return (disc.water - 1 + state.stretch) / state.stretch


def charge_now(disc: Disc, state: State) -> Array:
    """Fixed charge per water now, mol/m^3."""
    return state.charge * disc.water / (disc.water - 1 + state.stretch)
