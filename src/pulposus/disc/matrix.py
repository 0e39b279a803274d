"""Matrix: aggrecan (as fixed charge) and collagen, built by cells and lost with time.

What: synthesis is in proportion to cells, their activity and anabolic signals; what a typical disc of the grade makes
as a whole is anchored, tissue by tissue.
Equation (sivan): ``dF/dt = a(t) l_h F_start q / <q_typical> - l(grade) p(t) F``, q = cells x activity x anabolic gain,
<q_typical> its mean over the tissue in a typical disc of the grade, weighted by F_start; l the decay, measured in
normal and degenerate discs, p the protease activity relative to start, a the ageing of synthesis. (cachot): ``dF/dt = S
- k F`` with ATP-driven S.
Reads: cells, cytokine network, secretome. Writes: charge, collagen.
Why anchored: no source gives synthesis constants. That a degenerate disc builds as much for its matrix as a normal one
is an assumption; with it, the difference of the two measured decays is the net loss.
Source: Sivan 2006 and 2008 (turnover), Munoz-Moya 2025 (activity), Cachot 2026 (second hypothesis).
"""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array

from pulposus.disc.metabolism import cachot_biosynthesis
from pulposus.disc.state import GLUCOSE, OXYGEN, Disc, State, effect


def aggrecan_decay(disc: Disc) -> tuple[Array, Array]:
    """Decay of aggrecan at each node in a normal disc and in a disc of this grade, 1/s; endplates as the nucleus."""
    p = disc.parameters
    share = (disc.grade - p.healthy_grade) / (p.degenerate_grade - p.healthy_grade)
    annulus = disc.tissue[1]
    normal = p.nucleus_aggrecan_decay + annulus * (p.annulus_aggrecan_decay - p.nucleus_aggrecan_decay)
    degenerate = p.nucleus_aggrecan_decay_degenerate + annulus * (
        p.annulus_aggrecan_decay_degenerate - p.nucleus_aggrecan_decay_degenerate
    )
    return normal, normal + share * (degenerate - normal)


def collagen_decay(disc: Disc, state: State) -> Array:
    """Decay of collagen at this age, 1/s, between the two measured age ranges."""
    p = disc.parameters
    share = jnp.clip(
        (disc.age + state.time - p.collagen_young_age) / (p.collagen_old_age - p.collagen_young_age), 0.0, 1.0
    )
    return p.collagen_decay_young + share * (p.collagen_decay_old - p.collagen_decay_young)


def builders(disc: Disc, state: State) -> Array:
    """Cells that build matrix, relative to a healthy disc at the same node."""
    settled = jnp.tensordot(disc.products.np_like_synthesis, state.np_like, 1)
    return (state.native + settled) / disc.native_healthy


def _anchored(disc: Disc, held: Array, target: int, now: Array) -> Array:
    """Synthesis in units of what keeps the matrix `held` at start: `now` over its mean in the typical disc of the
    grade, tissue by tissue; `target` 0 aggrecan, 1 collagen.
    """
    weight = disc.volume * disc.tissue * held
    typical = disc.native_typical / disc.native_healthy * disc.activity[target]
    mean = jnp.sum(weight * typical, (1, 2, 3)) / jnp.sum(weight, (1, 2, 3))
    return disc.synthesis * held * now * jnp.tensordot(1 / mean, disc.tissue, 1)


def turn_over(disc: Disc, state: State, activity: Array, dt: Array) -> State:
    """Build and lose matrix over dt; `activity` (aggrecan, collagen, MMP3, ADAMTS4) relative to healthy, from the
    cytokine network.
    """
    step = _cachot if disc.hypotheses.matrix == "cachot" else _sivan
    charge = step(disc, state, activity, dt)
    return eqx.tree_at(lambda s: (s.charge, s.collagen), state, (charge, _collagen(disc, state, activity, dt)))


def _relax(value: Array, gain: Array, rate: Array, dt: Array) -> Array:
    """Exact step of ``dv/dt = gain - rate v`` with constant coefficients."""
    return value + (gain / rate - value) * -jnp.expm1(-rate * dt)


def _proteolysis(disc: Disc, start: Array, now: Array, spared: Array) -> Array:
    """Decay relative to that at start, by protease activity and what anti-catabolic signals spare; never negative."""
    relative = now / jnp.maximum(start, jnp.finfo(float).tiny)
    return jnp.maximum(1 + disc.parameters.protease_gain * (relative - 1), 0.0) * (1 - spared)


def _sivan(disc: Disc, state: State, activity: Array, dt: Array) -> Array:
    normal, decay = aggrecan_decay(disc)
    now = builders(disc, state) * activity[0] * (1 + effect(disc, state, "anabolic")[0])
    ageing = disc.parameters.aggrecan_ageing_rate if disc.hypotheses.ageing else 0.0
    middle = state.time + 0.5 * dt
    built = normal * _anchored(disc, disc.charge, 0, now) * (1 - ageing / normal) * jnp.exp(-ageing * middle)
    lost = decay * _proteolysis(disc, disc.activity[3], activity[3], effect(disc, state, "anti_catabolic")[1])
    return _relax(state.charge, built, jnp.maximum(lost, jnp.finfo(float).tiny), dt)


def cachot_energy(disc: Disc, solutes: Array) -> Array:
    """ATP for biosynthesis of the active cells of a healthy node, mol/cell/s, at these solutes."""
    p = disc.parameters
    o, g = p.oxygen_solubility * jnp.maximum(solutes[OXYGEN], 0.0), jnp.maximum(solutes[GLUCOSE], 0.0)
    uptake, lactate = cachot_biosynthesis(disc, o, g)
    return (p.cachot_atp_per_oxygen * uptake + p.cachot_atp_per_lactate * lactate) * jnp.clip(
        g / p.cachot_critical_glucose, 0.0, 1.0
    )


def _cachot(disc: Disc, state: State, activity: Array, dt: Array) -> Array:
    p = disc.parameters
    excess = disc.grade - p.healthy_grade
    aged = p.cachot_decay_aged / p.cachot_decay
    young = aged + (1 - aged) * jnp.exp(-state.time / p.cachot_ageing_time) if disc.hypotheses.ageing else 1.0
    decay = p.cachot_decay * young + p.cachot_decay_per_grade * excess * jnp.exp(-state.time / p.cachot_decay_time)
    energy = cachot_energy(disc, state.solutes) / cachot_energy(disc, disc.healthy_solutes)
    built = p.cachot_decay * disc.charge_healthy * young / (1 + p.cachot_synthesis_loss * excess)
    built = disc.synthesis * built * builders(disc, state) * energy * (1 + effect(disc, state, "anabolic")[0])
    lost = decay * _proteolysis(disc, disc.activity[3], activity[3], effect(disc, state, "anti_catabolic")[1])
    return _relax(state.charge, built, lost, dt)


def _collagen(disc: Disc, state: State, activity: Array, dt: Array) -> Array:
    """Collagen relative to start: each tissue as a whole steady at start, then moved by cells, anabolic signals and
    MMP3, which chondroprotective signals restrain.
    """
    decay = collagen_decay(disc, state)
    now = builders(disc, state) * activity[1] * (1 + effect(disc, state, "anabolic")[0])
    built = decay * _anchored(disc, jnp.ones_like(now), 1, now)
    lost = decay * _proteolysis(disc, disc.activity[2], activity[2], effect(disc, state, "chondroprotection")[1])
    return _relax(state.collagen, built, jnp.maximum(lost, jnp.finfo(float).tiny), dt)
