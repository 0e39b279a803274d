"""What to choose: net benefit first, ratios in words, and what it would be worth to know more.

What: `compare` puts options beside a reference; `frontier` says what is dominated; `acceptability` how likely each is
best; `evpi` and `evppi` what knowing everything, or some numbers, would gain a person; `worded` a ratio in words, since
a negative one says nothing by itself.
Equations: net benefit NB = threshold · QALY - cost; EVPI = E max NB - max E NB; EVPPI of numbers p: the gain of
choosing by a regression of NB on p. The regression (linear, squares, products of few) is fitted on four fifths of the
draws and chooses on the last fifth, in turn; what those choices really gain on average is told.
Why this holds: a choice by p alone gains no more than a choice by everything, draw by draw, and no choice by p has to
be worse than the best single one, so 0 <= EVPPI <= EVPI; the regression cannot claim what it learnt by heart. It errs
low where the regression is poor, and both err high where draws are noisy.
Source: Stinnett and Mullahy 1998; Claxton 1999; Strong, Oakley and Brennan 2014 (regression).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from pulposus.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

FOLDS = 5  # maths: parts that draws are split into for the regression
_MOST_PRODUCTS = 4  # maths: numbers up to which products of two take part in the regression
_MOST_SQUARES = 8  # maths: numbers up to which squares take part
_RIDGE = 1e-6  # maths: keeps a regression on numbers that are alike solvable
_NOUGHT = 1e-12  # maths: a difference that is none


def net_benefit(costs: np.ndarray, qalys: np.ndarray, threshold: float) -> np.ndarray:
    """Threshold times quality-adjusted years less costs, in money. Raises InputError for a threshold below nought."""
    if not (math.isfinite(threshold) and threshold >= 0):
        raise InputError(f"A threshold of {threshold:g} is not possible; give nought or more a quality-adjusted year.")
    return np.asarray(threshold * np.asarray(qalys, float) - np.asarray(costs, float))


def worded(cost: float, qaly: float, currency: str = "USD") -> str:
    """What a difference in cost and in quality-adjusted years says, in words; a ratio only where one can be read."""
    if abs(cost) < _NOUGHT and abs(qaly) < _NOUGHT:
        return "the same"
    if cost <= 0 <= qaly:
        return "better and no dearer: dominates"
    if cost >= 0 >= qaly:
        return "dearer and no better: dominated"
    ratio = cost / qaly
    if qaly > 0:
        return f"{ratio:,.0f} {currency} per quality-adjusted year gained"
    return f"cheaper and worse: saves {ratio:,.0f} {currency} per quality-adjusted year lost"


def frontier(costs: Sequence[float], qalys: Sequence[float]) -> list[str]:
    """Of each option: on the frontier, dominated, or extendedly dominated (two others together do better)."""
    c, e = np.asarray(costs, float), np.asarray(qalys, float)
    said = ["" for _ in c]
    for i in range(c.size):
        better = ((c <= c[i]) & (e >= e[i]) & ((c < c[i]) | (e > e[i]))) | (
            (c == c[i]) & (e == e[i]) & (np.arange(c.size) < i)
        )
        if better.any():
            said[i] = "dominated"
    left = sorted((i for i in range(c.size) if not said[i]), key=lambda i: (c[i], e[i]))
    kept: list[int] = []
    for i in left:
        while len(kept) > 1 and _ratio(c, e, kept[-2], kept[-1]) >= _ratio(c, e, kept[-1], i):
            said[kept.pop()] = "extendedly dominated"
        kept.append(i)
    return [one or "on the frontier" for one in said]


def _ratio(c: np.ndarray, e: np.ndarray, i: int, j: int) -> float:
    return float((c[j] - c[i]) / (e[j] - e[i]))


def acceptability(costs: np.ndarray, qalys: np.ndarray, thresholds: Sequence[float]) -> np.ndarray:
    """Share of draws in which each option is best (threshold, option); options that are equal share a draw."""
    found = []
    for threshold in thresholds:
        nb = net_benefit(costs, qalys, threshold)
        best = nb >= nb.max(1, keepdims=True)
        found.append((best / best.sum(1, keepdims=True)).mean(0))
    return np.stack(found)


def evpi(nb: np.ndarray) -> float:
    """What knowing everything would gain a person on average; nb (draw, option)."""
    return max(0.0, float(nb.max(1).mean() - nb.mean(0).max()))


def evppi(nb: np.ndarray, parameters: np.ndarray, folds: int = FOLDS) -> float:
    """What knowing some numbers (draw, number) would gain; nb (draw, option). Draws are taken as exchangeable.

    Raises InputError where there are fewer draws than folds, or of another number.
    """
    p = np.asarray(parameters, float).reshape(len(parameters), -1)
    if len(p) != len(nb) or len(nb) < folds or folds < 2:
        raise InputError(f"{len(nb)} draws of net benefit, {len(p)} of numbers; give as many of each, {folds} or more.")
    x = _basis(p)
    part = np.arange(len(nb)) % folds
    chosen = np.zeros(len(nb), int)
    for k in range(folds):
        learnt = part != k
        a = x[learnt]
        weights = np.linalg.solve(a.T @ a + _RIDGE * len(a) * np.eye(x.shape[1]), a.T @ nb[learnt])
        chosen[~learnt] = np.argmax(x[~learnt] @ weights, 1)
    followed = float(nb[np.arange(len(nb)), chosen].mean())
    gain = followed - float(nb.mean(0).max())
    return gain if gain > _NOUGHT * float(np.abs(nb).max()) else 0.0


def _basis(p: np.ndarray) -> np.ndarray:
    """One, the numbers standardised; where they are few, their squares and products of two."""
    spread = p.std(0)
    z = (p - p.mean(0))[:, spread > 0] / spread[spread > 0]
    parts = [np.ones((len(p), 1)), z]
    if z.shape[1] <= _MOST_SQUARES:
        parts.append(z**2 - 1)
    if 1 < z.shape[1] <= _MOST_PRODUCTS:
        i, j = np.triu_indices(z.shape[1], 1)
        parts.append(z[:, i] * z[:, j])
    return np.concatenate(parts, 1)


def compare(
    costs: np.ndarray,
    qalys: np.ndarray,
    names: Sequence[str],
    reference: str,
    threshold: float,
    currency: str = "USD",
) -> pd.DataFrame:
    """Options beside a reference, best net benefit first: means, 90 % ends over draws, differences, words, frontier.

    costs and qalys (draw, option). Raises InputError for a reference that is no option.
    """
    import pandas as pd

    if reference not in names:
        raise InputError(f"{reference!r} is not among the options; compare with one of {', '.join(names)}.")
    nb, base = net_benefit(costs, qalys, threshold), list(names).index(reference)
    best = acceptability(costs, qalys, [threshold])[0]
    more_cost, more_qaly = costs - costs[:, [base]], qalys - qalys[:, [base]]
    rows = []
    ends = frontier(costs.mean(0).tolist(), qalys.mean(0).tolist())
    for i, name in enumerate(names):
        row: dict[str, object] = {"option": name}
        for what, value in (("cost", costs), ("qaly", qalys), ("net_benefit", nb)):
            low, high = np.percentile(value[:, i], _BAND)
            row |= {what: value[:, i].mean(), f"{what}_low": low, f"{what}_high": high}
        gain = nb[:, i] - nb[:, base]
        low, high = np.percentile(gain, _BAND)
        row |= {"more_cost": more_cost[:, i].mean(), "more_qaly": more_qaly[:, i].mean()}
        row |= {"more_benefit": gain.mean(), "more_benefit_low": low, "more_benefit_high": high}
        row |= {"chance_best": best[i], "frontier": ends[i]}
        same = "the reference" if i == base else ""
        row["ratio"] = same or worded(float(more_cost[:, i].mean()), float(more_qaly[:, i].mean()), currency)
        rows.append(row)
    return pd.DataFrame(rows).sort_values("net_benefit", ascending=False, kind="stable", ignore_index=True)


_BAND = (5, 95)  # maths: percentiles that end a band of 90 per cent
