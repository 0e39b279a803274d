"""Inflammation: IL-1beta and TNF, the proteases they call, and how far the signals of injected cells reach.

What: each cell's activity follows a published network of stimuli (glucose, pH, load, cytokines), read only relative to
a healthy disc at the same point;
cytokines and the secretome of injected cells are made by cells, diffuse and decay, so their reach is finite.
Equation: ``x(S) = c0 e^(c1 S)/(e^(c1 S) + c2 10^c3) + c4``; activity ``A/(1+A) [1 - w (1+I)/I i/(1+i)]`` summed over
four cell states (none, IL-1beta, TNF, both);
``-div(D tau grad s) + k s = k p`` for each signal.
Reads: solutes, cells, boluses. Writes: il1b, tnf, mmp3, adamts4, secretome.
Why relative: the network gives dimensionless activity; only its ratio to healthy can be scaled to a measurement (IL-1
receptor positive cells 80 against 30 %).
Source: Baumgartner and Munoz-Moya 2025 (network), Le Maitre 2007 (levels).
"""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from pulposus.disc import diffusion
from pulposus.disc.diffusion import Operator
from pulposus.disc.metabolism import acidity
from pulposus.disc.state import GLUCOSE, LACTATE, Disc, State, effect, positive_share
from pulposus.evidence import network

BUILT = ("aggrecan", "collagen2", "mmp3", "adamts4")  # order of Disc.activity
TARGETS = (*BUILT, "il1b", "tnf")  # order of Disc.healthy_activity
ANABOLIC = ("aggrecan", "collagen2")
_TOLERANCE = 1e-6  # maths: of a signal of order one


def stimulus(target: str, kind: str, value: Array) -> Array:
    """Normalised activity of one stimulus (glucose mol/m^3, ph, magnitude MPa, frequency Hz); zero where the network
    has no such arrow.
    """
    pieces = network.activities().get(("load" if kind in ("magnitude", "frequency") else target, kind))
    if pieces is None:
        return jnp.zeros_like(value)
    result = jnp.zeros_like(value)
    for piece in pieces:
        c0, c1, c2, c3, c4 = piece.coefficients
        at = value - piece.origin
        middle = np.log(c2) + c3 * np.log(10)  # maths: the fit writes c2 10^c3
        x = c0 * jax.nn.sigmoid(c1 * at - middle) + c4
        result = jnp.where((at > piece.start) & (at <= piece.end), x, result)
    return result


def network_activity(disc: Disc, glucose: Array, ph: Array, il1b: Array, tnf: Array) -> Array:
    """Activity of every target at every node, (target, ring, sector, layer), averaged over the four cell states; order
    of TARGETS.

    `il1b` and `tnf` are levels relative to healthy. With the glucose arms of the cytokines switched off, these see the
    glucose of a healthy disc.
    """
    p = disc.parameters
    share = (positive_share(p.il1b_positive_healthy, il1b), positive_share(p.tnf_positive_healthy, tnf))
    load = {"magnitude": p.activity_load * 1e-6, "frequency": p.activity_frequency}  # maths: Pa to MPa
    result = []
    for target in TARGETS:
        steady = target in ("il1b", "tnf") and not disc.hypotheses.cytokine_glucose
        solute = {"glucose": disc.healthy_solutes[GLUCOSE] if steady else glucose, "ph": ph}
        level = {kind: stimulus(target, kind, value) for kind, value in solute.items()}
        for kind, value in load.items():  # positive is anabolic, negative catabolic
            signed = stimulus(target, kind, value)
            level[kind] = jnp.maximum(signed if target in ANABOLIC else -signed, 0.0)
        result.append(_target(target, level, share))
    return jnp.stack(result)


def _target(target: str, level: dict[str, Array], share: tuple[Array, Array]) -> Array:
    weights = network.weights()[target]
    direct = {k: theta for k, (what, theta) in weights.items() if what == "activates" and k in level}
    base = sum(theta * level[k] for k, theta in direct.items())
    total = jnp.zeros_like(level["glucose"])
    for has_il1b in (0, 1):
        for has_tnf in (0, 1):
            present = [weights[k] for k, has in (("il1b", has_il1b), ("tnf", has_tnf)) if has and k in weights]
            raised = base + sum(theta for what, theta in present if what == "activates")
            inhibiting = sum(theta for what, theta in present if what == "inhibits")
            every = sum(theta for what, theta in weights.values() if what == "inhibits")
            active = raised / (1 + raised)
            if inhibiting:
                weight = inhibiting / (sum(direct.values()) + inhibiting)
                active = active * (1 - weight * (1 + every) / every * inhibiting / (1 + inhibiting))
            fraction = (share[0] if has_il1b else 1 - share[0]) * (share[1] if has_tnf else 1 - share[1])
            total = total + fraction * active
    return total


def relative_activity(disc: Disc, state: State) -> Array:
    """Activity of TARGETS relative to a healthy disc at the same node."""
    ph = acidity(disc.parameters, state.solutes[LACTATE])
    now = network_activity(disc, state.solutes[GLUCOSE], ph, state.il1b, state.tnf)
    return now / jnp.maximum(disc.healthy_activity, np.finfo(float).eps)


def production(disc: Disc, state: State, activity: Array) -> Array:
    """Production of (IL-1beta, TNF) at each node relative to a healthy disc, before the scale of Disc.inflammation."""
    cells = state.native / disc.native_healthy
    calm = 1 - effect(disc, state, "anti_inflammatory")[1]
    return jnp.stack([activity[TARGETS.index(name)] for name in ("il1b", "tnf")]) * cells * calm


def signal(disc: Disc, state: State, operator: Operator, activity: Array) -> State:
    """Bring cytokines, proteases and secretome into balance with the cells that make them.

    Blood holds cytokines at the healthy level and washes the secretome away on the outer surface.
    """
    p, product = disc.parameters, disc.products
    healthy = p.cachot_nucleus_cells if disc.hypotheses.metabolism == "cachot" else p.nucleus_cells
    secreting = product.potency[:, None, None, None] * (state.fresh + state.adapted + state.bolus) / healthy
    made = jnp.concatenate([disc.inflammation[:, None, None, None] * production(disc, state, activity), secreting])
    cytokine = jnp.log(2.0) / p.cytokine_half_life / p.cytokine_diffusivity
    secretome = jnp.log(2.0) / p.secretome_half_life / p.secretome_diffusivity
    decay = jnp.concatenate([jnp.full(2, cytokine), jnp.full(secreting.shape[0], secretome)])[
        :, None, None, None
    ] * jnp.ones_like(made)
    outside = jnp.asarray(disc.topology.outside)
    start = jnp.concatenate([jnp.stack([state.il1b, state.tnf]), state.secretome])
    edge = jnp.concatenate([jnp.ones_like(start[:2]), jnp.zeros_like(start[2:])])
    solved = diffusion.linear(
        operator, decay, decay * made, jnp.where(outside, edge, start), disc.topology.outside, _TOLERANCE
    )
    field = jnp.maximum(solved.field, 0.0)
    return eqx.tree_at(
        lambda s: (s.il1b, s.tnf, s.secretome, s.mmp3, s.adamts4),
        state,
        (field[0], field[1], field[2:], activity[2], activity[3]),
    )
