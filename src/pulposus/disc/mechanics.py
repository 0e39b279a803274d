"""Mechanics of the slow clock: the form that is left when fixed charge goes.

What: the disc as measured rests overnight, drained, in balance with the load of a night; as charge goes, less
osmotic pressure holds it up. The whole disc is solved as a `solid` whenever charge has moved enough (`form`); in
between, every column follows its own charge from there (`settle`), which alone is the hypothesis `columns`.
Equation: of the whole, see `solid`; of a column, ``pi(c_F(J)) - sigma(J) = pi(c_F,start)``, ``c_F = F phi0 / (phi0 - 1
+ J)``, ideal Donnan ``pi = R T (sqrt(c_F^2 + 4 c^2) - 2 c)``, sigma of Wilson's solid in confined stretch.
Reads: charge. Writes: stretch, places.
Why this holds: over months the disc is drained every night, so pressure is osmotic; a column neither feels its
neighbours nor bulges (Botsford 1994), which over a small step of charge costs little (docs/processes/mechanics.md).
Source: Wilson 2005 and 2007, Huyghe 2003 as collected by Munoz-Moya 2024.
"""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from pulposus.disc import equilibrium, mesh, posture
from pulposus.disc.composition import THIRD, degeneration
from pulposus.disc.equilibrium import Balance, Load
from pulposus.disc.parameters import Parameters
from pulposus.disc.solid import Solid
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
    """The form to which columns have gone since the whole disc was solved last (or since start)."""
    return eqx.tree_at(lambda s: s.stretch, state, state.correction * _column(disc, state))


def coordinates(disc: Disc, state: State) -> Float[Array, "ring sector layer 3"]:
    """Where the nodes are now, m."""
    return mesh.coordinates(disc.topology, disc.shape, state.stretch / state.correction) + state.offset


def moved(disc: Disc, state: State) -> Array:
    """How far fixed charge has gone anywhere since the whole disc was solved, relative to start."""
    return jnp.max(jnp.abs(state.charge - state.formed) / disc.charge)


def form(disc: Disc, state: State) -> State:
    """The whole disc solved at rest overnight, with the charge that it has. A failed solve shows in `strain`."""
    body, load, last, gone = _before(disc, state)
    found = equilibrium.drained(body, load, last)
    if not found.error < equilibrium.BELIEVED:  # so much has gone at once that it lies nearer to where columns are
        found = equilibrium.drained(body, load, gone)
    return _after(disc, state, body, found)


def begun(disc: Disc, state: State) -> State:
    """The state of a disc before anything has gone: its `strain` is the error of its rest overnight, infinite where
    there is none, or none near the form in which the disc was measured.
    """
    body, load = _night(disc)
    found = equilibrium.drained(body, load, equilibrium.at_start(body))
    wrong = jnp.where(posture.missed(body, found) < posture.NEAR, found.error, jnp.inf)
    return eqx.tree_at(lambda s: s.strain, state, wrong)


@eqx.filter_jit
def _night(disc: Disc) -> tuple[Solid, Load]:
    """The solid with all its charge, and the load of a night."""
    made = posture.frame(disc)
    body = posture.body(made)
    return body, posture.rest(made, body)


@eqx.filter_jit
def _before(disc: Disc, state: State) -> tuple[Solid, Load, Balance, Balance]:
    """What is to be solved, from where it was solved last, or else from where columns have gone, which bulge nowhere:
    that takes twice as many Newton steps.
    """
    made = posture.frame(disc)
    body = posture.body(made, state.charge / disc.charge)
    last = settle(disc, eqx.tree_at(lambda s: s.charge, state, state.formed))

    def guess(form: State) -> Balance:
        moved = jnp.moveaxis(coordinates(disc, form), -1, 0) - body.start
        return eqx.tree_at(lambda b: (b.displacement, b.pose), equilibrium.at_start(body), (moved, state.pose))

    return body, posture.rest(made, body), guess(last), guess(settle(disc, state))


@eqx.filter_jit
def _after(disc: Disc, state: State, body: Solid, found: Balance) -> State:
    """The state with the form found, or without where none was."""
    column, ratio = _column(disc, state), posture.volume_ratio(body, found)
    offset = posture.coordinates(body, found) - mesh.coordinates(disc.topology, disc.shape, column)
    solved = found.error < equilibrium.BELIEVED
    new = ratio, ratio / column, offset, found.pose, state.charge
    old = state.stretch, state.correction, state.offset, state.pose, state.formed
    kept = tuple(jnp.where(solved, a, b) for a, b in zip(new, old, strict=True))
    strain = jnp.where(solved, jnp.maximum(state.strain, found.error), jnp.inf)
    return eqx.tree_at(
        lambda s: (s.stretch, s.correction, s.offset, s.pose, s.formed, s.strain), state, (*kept, strain)
    )


def _column(disc: Disc, state: State) -> Array:
    """Axial stretch at which osmotic pressure and solid of a column balance what they balanced at start."""
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

    return jax.lax.fori_loop(0, _NEWTON, newton, state.stretch / state.correction)


def water_fraction(disc: Disc, state: State) -> Array:
    """Water volume fraction at each node now."""
    return (disc.water - 1 + state.stretch) / state.stretch


def charge_now(disc: Disc, state: State) -> Array:
    """Fixed charge per water now, mol/m^3."""
    return state.charge * disc.water / (disc.water - 1 + state.stretch)
