"""Why a score falls after something was done: five named parts, for one person and for an arm of a trial.

What: the law of a follow-up score given the score at start, its mean and the chance that it has fallen far enough; each
part can be switched off.
Equations: on a scale of 0 to 100, with typical level m of people who were not selected, spread s, stability r (the
correlation of two visits), a person who starts at y_0 has, before anything else, ``y = y_0 + (1 - r)(m - y_0) - N + W +
s sqrt(1 - r^2) z`` (regression to the mean; natural course N (1 - exp(-t / t_N)); worsening W of those who know that
they got nothing). With chance p the person responds and the expected score falls to a share 1 - f of itself; the logit
of p adds what was done (tablet, touch, needle, needle in a disc, operation), whether it was new and known, the
treatment beyond that, and the trial; it comes with ``1 - exp(-t / t_R)`` and goes with a rate. Scores end at 0 and 100.
Reads: nothing; numbers come as arguments. Writes: nothing.
Why this holds: responses are all or nothing (spread nearly doubles under treatment), selection at a threshold makes
scores fall by themselves, and no part but the treatment's own belongs to what was injected.
Source: regression to the mean after Davis 1976; spread under treatment, arms and tiers in ``evidence/trials.csv``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax.scipy.stats import norm
from jaxtyping import Array, Float

TOP = 100.0  # maths: all scores are kept from 0 to 100
_POINTS, _LATTICE = 16, (1, 7, 3)  # maths: people that stand for an arm, on a lattice of rank one
_EDGE = 1e-4  # maths: chances stay so far from 0 and 1
Number = Array | np.ndarray | float


class Parts(NamedTuple):
    """Which parts act, 1 or 0: each is one of the reasons for which a score changes."""

    regression: Number = 1.0
    course: Number = 1.0
    worsening: Number = 1.0
    expectation: Number = 1.0
    treatment: Number = 1.0


class Score(NamedTuple):
    """One score of one population: 0 to 100; all may be arrays of one shape."""

    start: Number  # mean at start
    start_spread: Number  # its standard deviation
    typical: Number  # mean of people who were not selected
    spread: Number  # their standard deviation
    stability: Number  # correlation of two visits
    course: Number  # natural fall by then
    worsening: Number  # rise in those who know that they got nothing
    fall: Number  # share by which it falls in those who respond


def settled(score: Score, before: Number, responds: Number, parts: Parts = Parts()) -> tuple[Array, Array]:
    """Mean and standard deviation of a follow-up score given that at start (before); responds: 1 or 0."""
    kept = 1 - (1 - score.stability) * parts.regression
    alone = score.typical + kept * (before - score.typical)
    alone = alone - parts.course * score.course + parts.worsening * score.worsening
    mean = jnp.maximum(alone, 0.0) * (1 - responds * score.fall)
    return mean, jnp.broadcast_to(score.spread * jnp.sqrt(1 - jnp.square(score.stability)), mean.shape)


def chance(base: Number, treatment: Number, parts: Parts = Parts()) -> Array:
    """Chance of responding from its logit: what was done and known (base), and what the treatment adds.

    Without expectation the treatment alone is left: the chance by which it exceeds that of the same thing done without.
    """
    both, alone = jnp.asarray(_expit(base + parts.treatment * treatment)), jnp.asarray(_expit(jnp.asarray(base)))
    return jnp.where(jnp.asarray(parts.expectation) > 0, both, jnp.maximum(both - alone, 0.0))


def _expit(x: Number) -> Array:
    return 1 / (1 + jnp.exp(-jnp.asarray(x)))


def clipped_mean(mean: Array, spread: Array) -> Array:
    """Mean of a normal score that ends at 0 and at 100."""
    low, high = (0.0 - mean) / spread, (TOP - mean) / spread
    inside = norm.cdf(high) - norm.cdf(low)
    return mean * inside + spread * (norm.pdf(low) - norm.pdf(high)) + TOP * (1 - norm.cdf(high))


# ---------------------------------------------------------------------------------------------- an arm


class Limits(NamedTuple):
    """How far a score has to fall to count: to a share of the start less, by points, below a level; NaN where none."""

    share: Number
    points: Number
    below: Number

    def of(self, before: Array) -> Array:
        """The score that must not be passed, given that at start."""
        share, points, below = (jnp.nan_to_num(jnp.asarray(part)) for part in self)
        ends = (before * (1 - share), before - points, below * jnp.ones_like(before))
        # a criterion that is not asked for asks for nothing: a pair with no criterion at all is passed by everybody
        asked = [~jnp.isnan(jnp.asarray(part)) for part in self]
        return jnp.min(jnp.stack([jnp.where(a, end, 2 * TOP) for a, end in zip(asked, ends, strict=True)]), 0)


def people(count: int = _POINTS) -> Float[np.ndarray, "3 point"]:
    """Standard normal places of people that stand for an arm: start of two scores, and what follow-ups share."""
    from scipy.special import ndtri

    return ndtri((np.outer(_LATTICE, np.arange(count)) % count + 0.5) / count)


class Expected(NamedTuple):
    """What is expected of arms: mean change of both scores, its standard deviation, share of people who respond.

    `_after`: standard deviation of the score at follow-up; `_tied`: its correlation with that at start.
    """

    pain: Array
    disability: Array
    pain_spread: Array
    disability_spread: Array
    share: Array
    pain_after: Array
    disability_after: Array
    pain_tied: Array
    disability_tied: Array


def expected(
    pain: Score,
    disability: Score,
    chance: Array,
    limits: Sequence[Limits],
    either: Array | np.ndarray,
    tie: Number,
    parts: Parts = Parts(),
) -> Expected:
    """Expected results of arms; every number of the scores and limits an array (arm,), chance likewise.

    either: 1 where one of both scores is enough, 0 where both are asked for. tie: correlation of what is left over in
    both scores of a person.
    """
    places = jnp.asarray(people())
    both = [_at(score, places[i]) for i, score in enumerate((pain, disability))]
    mean_changes, spreads, passed, afters, tied = [], [], [], [], []
    for (score, before), limit in zip(both, limits, strict=True):
        wanted = Limits(*(jnp.asarray(part)[:, None] for part in limit)).of(before)
        classes = [settled(score, before, responds, parts) for responds in (0.0, 1.0)]
        means = [clipped_mean(*one) for one in classes]
        p = chance[:, None]
        change = (1 - p) * means[0] + p * means[1] - before
        mean_changes.append(change.mean(1))
        within = (1 - p) * (means[0] - before) ** 2 + p * (means[1] - before) ** 2 + classes[0][1] ** 2
        spreads.append(jnp.sqrt(jnp.maximum(within.mean(1) - change.mean(1) ** 2, 1.0)))
        after, together = _visits(before, means, p, classes[0][1])
        afters.append(after)
        tied.append(together)
        passed.append([_below(wanted, *one, places[2], tie) for one in classes])
    shares = []
    for of_pain, of_disability in zip(*passed, strict=True):
        joint = of_pain * of_disability
        shares.append(jnp.where(jnp.asarray(either)[:, None] > 0, of_pain + of_disability - joint, joint))
    share = ((1 - chance[:, None]) * shares[0] + chance[:, None] * shares[1]).mean(1)
    within_ends = jnp.clip(share, _EDGE, 1 - _EDGE)
    return Expected(
        mean_changes[0], mean_changes[1], spreads[0], spreads[1], within_ends, afters[0], afters[1], tied[0], tied[1]
    )


def _visits(before: Array, means: Sequence[Array], p: Array, left: Array) -> tuple[Array, Array]:
    """Standard deviation of a score at follow-up and its correlation with that at start, over people (arm, point)."""
    mean = (1 - p) * means[0] + p * means[1]
    square = (1 - p) * jnp.square(means[0]) + p * jnp.square(means[1]) + jnp.square(left)
    after = jnp.sqrt(jnp.maximum(square.mean(1) - jnp.square(mean.mean(1)), 1.0))
    tied = ((before - before.mean(1, keepdims=True)) * mean).mean(1) / (jnp.sqrt(before.var(1) + _EDGE) * after)
    return after, jnp.clip(tied, _EDGE - 1, 1 - _EDGE)


def _at(score: Score, place: Array) -> tuple[Score, Array]:
    """A score with its numbers ready for people (arm, point), and their scores at start."""
    wide = Score(*(jnp.asarray(number)[..., None] * jnp.ones_like(place) for number in score))
    return wide, jnp.clip(wide.start + wide.start_spread * place, 0.0, TOP)


def _below(limit: Array, mean: Array, spread: Array, shared: Array, tie: Number) -> Array:
    """Chance that a score is not above a limit, given what a person's scores share."""
    left = spread * jnp.sqrt(1 - jnp.asarray(tie))
    return norm.cdf((limit - mean - spread * jnp.sqrt(jnp.asarray(tie)) * shared) / left)
