"""Cells: who lives in the disc, who was put there, what they become and what kills them.

What: native cells, injected cells (fresh, with the metabolism of culture; then adapted), NP-like descendants, boluses
without cells.
Equation: ``d ln(rho)/dt = -k(c)``, ``k = 2 k_g (g* - g)+ / (g + K) + k_pH ramp(pH)`` for all; beside it, first-order
loss from the disc, immune clearance,
adaptation, proliferation and differentiation of injected cells, and inflammatory death and recruitment of native ones.
Reads: solutes, secretome, IL-1beta. Writes: native, fresh, adapted, np_like, bolus, ledger.
Why first order: no source gives more than a rate. Source: Zhu 2012 (glucose), Munoz-Moya 2024 (acid), products in
evidence/therapies.csv.
"""

from __future__ import annotations

from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array

from pulposus.disc.composition import FIFTH, degeneration
from pulposus.disc.parameters import Parameters
from pulposus.disc.state import FATES, MECHANISMS, Disc, State, effect, positive_share, total


class Death(NamedTuple):
    """Death rates at every node, 1/s, by cause."""

    starved: Array
    acid: Array


def death(p: Parameters, glucose: Array, ph: Array) -> Death:
    """Death by want of glucose and by acid; rates add. glucose in mol/m^3."""
    glucose = jnp.maximum(glucose, 0.0)
    want = jnp.maximum(p.glucose_death_threshold - glucose, 0.0)
    starved = 2 * p.glucose_death_rate * want / (glucose + p.glucose_death_half)
    return Death(starved, p.acid_death_rate * jnp.clip((p.acid_death_threshold - ph) / p.acid_death_width, 0.0, 1.0))


def protected(disc: Disc, state: State) -> Array:
    """Share of native death that anti-apoptotic signals prevent, at each node."""
    return effect(disc, state, "anti_apoptotic")[1]


def native_density(disc: Disc) -> Array:
    """Native cells of a healthy disc at each node, cell/m^3, by tissue and by the densities of the chosen metabolic
    law.
    """
    p, prefix = disc.parameters, "cachot_" if disc.hypotheses.metabolism == "cachot" else ""
    values = [getattr(p, f"{prefix}{tissue}_cells") for tissue in ("nucleus", "annulus", "endplate")]
    return jnp.tensordot(jnp.stack(values), disc.tissue, 1)


def relative_density(disc: Disc) -> Array:
    """Native cells of a disc of this grade, relative to a healthy one; law b has one density, and maintenance that
    grows with grade in its place.
    """
    p = disc.parameters
    if disc.hypotheses.metabolism == "cachot":
        return jnp.ones(())
    return 1 + degeneration(p, disc.grade, FIFTH) * (p.native_cells_grade5 - 1)


def users(disc: Disc, state: State, survival: Array, native_survival: Array) -> tuple[Array, Array]:
    """Densities that use oxygen and glucose, in native-cell equivalents (cell/m^3), if these shares of all and of
    native cells survive.
    """
    fresh_oxygen = jnp.tensordot(disc.products.oxygen_fresh, state.fresh, 1)
    fresh_glucose = jnp.tensordot(disc.products.glucose_fresh, state.fresh, 1)
    settled = jnp.sum(state.adapted + state.np_like, 0)
    native = state.native * native_survival
    return native + (settled + fresh_oxygen) * survival, native + (settled + fresh_glucose) * survival


def die(disc: Disc, state: State, dead: Death, dt: Array) -> State:
    """Apply death rates over dt to every population, and write who starved and who died of acid into the ledger."""
    rate = dead.starved + dead.acid
    survival = jnp.exp(-rate * dt)
    native = state.native * jnp.exp(-rate * dt * (1 - protected(disc, state)))
    injected = state.fresh + state.adapted + state.np_like
    share = jnp.where(rate > 0, dead.starved / jnp.where(rate > 0, rate, 1.0), 1.0)
    gone = injected * (1 - survival)
    ledger = _book(
        state.ledger,
        disc,
        starved=gone * share,
        acid=jnp.maximum(gone - gone * share, 0.0),
        differentiated=-state.np_like * (1 - survival),
    )
    return eqx.tree_at(
        lambda s: (s.native, s.fresh, s.adapted, s.np_like, s.ledger),
        state,
        (native, state.fresh * survival, state.adapted * survival, state.np_like * survival, ledger),
    )


def live(disc: Disc, state: State, dt: Array) -> State:
    """All that happens to cells besides hunger and acid, over dt; each rate is constant and integrated exactly."""
    product = disc.products
    p = disc.parameters
    calm = effect(disc, state, "immunomodulation")[1]
    leaving = product.loss_rate[:, None, None, None]
    cleared = product.clearance_rate[:, None, None, None] * (1 - calm)
    growing = product.proliferation_rate[:, None, None, None]
    injected = state.fresh + state.adapted
    turning = _turning(disc, injected, state.np_like, dt)
    exit_rate = leaving + cleared + turning
    spent = injected * _mean_over(exit_rate - growing, dt) * dt  # time integral of the cells present
    stay = jnp.exp(-(exit_rate - growing) * dt)
    keep = jnp.exp(-product.adaptation_rate * dt)[:, None, None, None]
    new = spent * turning
    gone = (leaving * p.np_like_loss_factor, cleared * p.np_like_clearance_factor)
    staying = _mean_over(gone[0] + gone[1], dt)  # of those that turn evenly over the step
    settled = state.np_like * staying * dt + new * _lag_over(gone[0] + gone[1], dt)
    ledger = _book(
        state.ledger,
        disc,
        lost_from_disc=spent * leaving + settled * gone[0],
        immune_cleared=spent * cleared + settled * gone[1],
        differentiated=new - settled * (gone[0] + gone[1]),
        proliferated=spent * growing,
    )
    return eqx.tree_at(
        lambda s: (s.native, s.fresh, s.adapted, s.np_like, s.bolus, s.ledger),
        state,
        (
            _native_balance(disc, state, dt),
            state.fresh * keep * stay,
            (state.adapted + state.fresh * (1 - keep)) * stay,
            state.np_like * jnp.exp(-(gone[0] + gone[1]) * dt) + new * staying,
            state.bolus * jnp.exp(-product.bolus_decay * dt)[:, None, None, None],
            ledger,
        ),
    )


def _turning(disc: Disc, injected: Array, np_like: Array, dt: Array) -> Array:
    """Rate at which injected cells become NP-like, 1/s, constant over dt and exact at its end: of those present the
    share that can turns, with the product's time constant.
    """
    product = disc.products
    switch = disc.switches[MECHANISMS.index("differentiation")] if disc.hypotheses.differentiation else 0.0
    goal = (product.settling_share + switch * product.differentiation_share)[:, None, None, None]
    present = injected + np_like
    share = jnp.where(present > 0, np_like / jnp.where(present > 0, present, 1.0), 0.0)
    turned = jnp.maximum(goal - share, 0.0) * -jnp.expm1(-product.turning_rate * dt)[:, None, None, None]
    left = jnp.maximum(1 - share, jnp.finfo(float).eps)
    part = jnp.minimum(turned / left, 1 - jnp.finfo(float).eps)
    return jnp.where(dt > 0, -jnp.log1p(-part) / jnp.where(dt > 0, dt, 1.0), 0.0)


def _native_balance(disc: Disc, state: State, dt: Array) -> Array:
    """Native cells after inflammatory death (only above the healthy share of positive cells) and recruitment of own
    progenitors (up to the density of a healthy disc).
    """
    p = disc.parameters
    inflamed = jnp.maximum(positive_share(p.il1b_positive_healthy, state.il1b) - p.il1b_positive_healthy, 0.0)
    native = state.native * jnp.exp(-p.inflammatory_death_rate * inflamed * (1 - protected(disc, state)) * dt)
    coming = p.recruitment_rate * effect(disc, state, "homing")[0]
    room = jnp.maximum(disc.native_healthy - native, 0.0)
    return native + room * (1 - jnp.exp(-coming * dt))


def _mean_over(rate: Array, dt: Array) -> Array:
    """Mean of exp(-rate t) over 0..dt, safe as rate goes to zero."""
    x = rate * dt
    small = jnp.abs(x) < 1e-8  # maths: below, the first two terms of the series are exact to rounding
    return jnp.where(small, 1 - 0.5 * x, -jnp.expm1(-jnp.where(small, 1.0, x)) / jnp.where(small, 1.0, x))


def _lag_over(rate: Array, dt: Array) -> Array:
    """Time spent over 0..dt by those that come evenly over it and go at `rate`: (1 - mean of exp(-rate t)) / rate; with
    a derivative at rate zero, where products without cells have it.
    """
    x = rate * dt
    small = jnp.abs(x) < 1e-4  # maths: below, three terms of the series are exact to rounding
    far = jnp.where(small, 1.0, rate)
    return jnp.where(small, dt * (0.5 - x / 6 + x**2 / 24), (1 - _mean_over(far, dt)) / far)  # maths: that series


def _book(ledger: Array, disc: Disc, **changes: Array) -> Array:
    """Add nodal densities (product, ring, sector, layer) of each named fate, in whole cells, to the ledger."""
    for fate, density in changes.items():
        ledger = ledger.at[FATES.index(fate)].add(total(disc, density))
    return ledger
