"""A cohort that moves between states in cycles, what it costs and gains, and the same walked person by person.

What: `Chain` holds states, where people start, chances of change in each cycle, and what a state or a change costs and
is worth; `trace` gives shares by cycle, `rewards` discounted quality-adjusted years and costs; `walk` draws people one
by one from the same chances; `constant` makes chances of a cycle from hazards; `counted` counts them from people who
were followed.
Equations: m_(k+1) = m_k P_k. Within a cycle of length c a state is held by the mean of the shares at both ends
(half-cycle correction), discounted at the middle; changes cost at the middle. Without the correction shares and costs
stand at the start of a cycle. Hazards Q (rows sum to nought): P = exp(c Q).
Why this holds: shares sum to one, since rows of P do; the mean of many walked people is the cohort, term by term.
Source: Sonnenberg and Beck 1993; Briggs, Claxton and Sculpher 2006.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from pulposus.economics.money import Rates, factor
from pulposus.errors import InputError

CLOSE = 1e-9  # maths: how far shares may be from one


@dataclass(frozen=True)
class Chain:
    """States, their start (state,), chances (cycle, from, to), length of a cycle in years, utility and cost a year of
    each state (state,), and the cost of each change (from, to). Raises InputError where shares do not sum to one.
    """

    states: tuple[str, ...]
    start: np.ndarray
    steps: np.ndarray
    cycle: float
    utility: np.ndarray
    cost: np.ndarray
    entry: np.ndarray

    def __post_init__(self) -> None:
        n = len(self.states)
        for name, shape in (("start", (n,)), ("utility", (n,)), ("cost", (n,)), ("entry", (n, n))):
            if np.shape(getattr(self, name)) != shape:
                raise InputError(f"{name} has shape {np.shape(getattr(self, name))}; {n} states want {shape}.")
        if self.steps.ndim != 3 or self.steps.shape[1:] != (n, n) or not len(self.steps):
            raise InputError(f"steps has shape {self.steps.shape}; give (cycle, {n}, {n}), one cycle or more.")
        for name, sums in (("start", self.start.sum()), ("a row of steps", self.steps.sum(-1))):
            if np.abs(np.asarray(sums) - 1).max() > CLOSE:
                raise InputError(f"{name} does not sum to one; correct the chances.")
        if min(self.start.min(), self.steps.min()) < -CLOSE or not self.cycle > 0:
            raise InputError("A chance is below nought, or the cycle has no length; correct it.")


class Worth(NamedTuple):
    """Discounted quality-adjusted years and costs; of a cohort numbers, of people (person,)."""

    qalys: Any
    costs: Any


def trace(chain: Chain) -> np.ndarray:
    """Shares (cycle + 1, state), the start first."""
    shares = [np.asarray(chain.start, float)]
    for step in chain.steps:
        shares.append(shares[-1] @ step)
    return np.stack(shares)


def rewards(chain: Chain, rates: Rates, half_cycle: bool = True) -> Worth:
    """Quality-adjusted years and costs of the cohort."""
    shares = trace(chain)
    held = (shares[:-1] + shares[1:]) / 2 if half_cycle else shares[:-1]
    changes = (shares[:-1, :, None] * chain.steps * chain.entry).sum((1, 2))
    at = chain.cycle * (np.arange(len(chain.steps)) + (0.5 if half_cycle else 0.0))
    yearly = chain.cycle * held @ chain.cost + changes
    return Worth(
        float(chain.cycle * held @ chain.utility @ factor(at, rates.effects)),
        float(yearly @ factor(at, rates.costs)),
    )


def walk(chain: Chain, count: int, seed: int, rates: Rates) -> Worth:
    """`count` people one by one through the same chances, half-cycle corrected: worth of each (person,)."""
    if count < 1:
        raise InputError(f"{count} people cannot be walked; ask for one or more.")
    random = np.random.default_rng(seed)
    now = _drawn(random, np.broadcast_to(chain.start, (count, len(chain.states))))
    qalys, costs = np.zeros(count), np.zeros(count)
    for k, step in enumerate(chain.steps):
        then = _drawn(random, step[now])
        at = chain.cycle * (k + 0.5)
        gain, spend = (float(factor(at, rate)) for rate in (rates.effects, rates.costs))
        qalys += gain * chain.cycle * (chain.utility[now] + chain.utility[then]) / 2
        costs += spend * (chain.cycle * (chain.cost[now] + chain.cost[then]) / 2 + chain.entry[now, then])
        now = then
    return Worth(qalys, costs)


def _drawn(random: np.random.Generator, chances: np.ndarray) -> np.ndarray:
    """A state for each person from their chances (person, state)."""
    ends = np.cumsum(chances, 1)
    return np.minimum((random.random(len(chances))[:, None] >= ends).sum(1), chances.shape[1] - 1)


def constant(hazards: np.ndarray, cycle: float, cycles: int) -> np.ndarray:
    """Chances (cycle, from, to) of constant hazards a year (from, to), no matter the diagonal. InputError below 0."""
    from scipy.linalg import expm

    rates = np.array(hazards, float)
    np.fill_diagonal(rates, 0.0)
    if (rates < 0).any():
        raise InputError("A hazard is below nought; give rates a year of nought or more.")
    np.fill_diagonal(rates, -rates.sum(1))
    return np.repeat(expm(cycle * rates)[None], cycles, 0)


def counted(occupied: np.ndarray, states: int) -> np.ndarray:
    """Chances (cycle, from, to) counted from who was in which state at each visit (person, visit).

    A state that nobody is in keeps whoever would come. With the start they give back the shares that were seen.
    """
    found = []
    for now, then in zip(occupied.T[:-1], occupied.T[1:], strict=True):
        table = np.zeros((states, states))
        np.add.at(table, (now, then), 1.0)
        empty = table.sum(1) == 0
        table[empty, empty] = 1.0
        found.append(table / table.sum(1, keepdims=True))
    return np.stack(found)


def extended(steps: np.ndarray, cycles: int, last: int) -> np.ndarray:
    """Chances for `cycles`: those seen, then the mean of the `last` ones seen."""
    if cycles <= len(steps):
        return steps[:cycles]
    more = np.repeat(steps[-last:].mean(0)[None], cycles - len(steps), 0)
    return np.concatenate([steps, more])


def with_deaths(steps: np.ndarray, chances: Sequence[float]) -> np.ndarray:
    """Chances with a last state, death, that is entered from everywhere with a chance in each cycle."""
    n = steps.shape[1]
    whole = np.zeros((len(steps), n + 1, n + 1))
    q = np.asarray(chances, float)[:, None, None]
    whole[:, :n, :n] = steps * (1 - q)
    whole[:, :n, n] = q[:, :, 0]
    whole[:, n, n] = 1.0
    return whole
