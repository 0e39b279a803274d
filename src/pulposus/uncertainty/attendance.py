"""How many people trials lose, and how differently, fitted to the shares that trials printed.

What: `fit` finds the rate at which people leave, the share of visits that those who stay miss in the middle trial, and
how far trials lie apart in it. `lost` is the law: the share without a score at a visit.
Equation: ``1 - exp(-rate months / 12) (1 - missed)``; the logit of `missed` normal over trials. Most likely values of
binomial shares, a trial's own place integrated out; ranges are profiles of the likelihood.
Reads: rows `missing` of ``evidence/published.csv`` that a prior is taken from. Writes: nothing; what is found stands in
``evidence/outcomes.csv``.
Why this holds: what trials lost does not grow with their months, it differs by trial: a questionnaire by post lost at
three months what others lose in five years. A second spread, of the rate, was tried and comes out nought.
Source: rows as given there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np
from scipy import optimize, special

from pulposus import evidence
from pulposus.evidence import published
from pulposus.evidence.published import Published

if TYPE_CHECKING:
    import pandas as pd

NAMES = ("dropout_per_year", "missed_visit", "missed_visit_spread")
_YEAR = 12.0  # maths: months of a year
_PLACES = np.linspace(-7.0, 7.0, 801)  # maths: a trial's place; half as many move no digit that is written
_DROP = 1.353  # maths: half of the 90 % point of chi-squared with one degree of freedom
_EPSILON = np.finfo(float).eps  # maths: a chance of nought or one has no logarithm
_EXACT = {"xatol": 1e-4, "fatol": 1e-6, "maxiter": 4000}  # maths: finer than what is written
_WIDE = 6.0  # maths: how far, in logarithms, an end of a range is sought


def rows() -> list[Published]:
    """What the numbers are fitted to."""
    return [row for row in published.published() if row.quantity == "missing" and row.fitted == "prior"]


def lost(rate: np.ndarray | float, missed: np.ndarray | float, months: float) -> np.ndarray:
    """Share without a score at `months`: rate per year at which people leave, share of visits that others miss."""
    return np.asarray(1 - np.exp(-np.asarray(rate) * months / _YEAR) * (1 - np.asarray(missed)))


def missed(middle: np.ndarray | float, spread: np.ndarray | float, place: np.ndarray | float) -> np.ndarray:
    """Share of visits missed in trials at their places (standard normal), from that of the middle trial."""
    return np.asarray(special.expit(special.logit(middle) + np.asarray(spread) * place))


def fit(told: Sequence[Published] | None = None) -> pd.DataFrame:
    """`value`, `low` and `high` (nine tenths) of `NAMES`, most likely by the rows (all of `rows` where none are told).

    Rows of one source and people are one trial. Where people were not printed, ``people_unknown`` stands for them.
    """
    import pandas as pd

    trials = _trials(told)
    found = _likeliest(trials)
    best = _surprise(found, trials)

    def end(which: int, way: float) -> float:
        def above(step: float) -> float:
            held = found[which] + way * step
            free = _least(lambda x: _surprise(np.insert(x, which, held), trials), np.delete(found, which))
            return _surprise(np.insert(free, which, held), trials) - best - _DROP

        far = optimize.brentq(above, 0.0, _WIDE, xtol=1e-3) if above(_WIDE) > 0 else np.inf  # maths: as written
        return float(found[which] + way * far)

    ends = [[found[i], end(i, -1.0), end(i, 1.0)] for i in range(len(NAMES))]
    table = pd.DataFrame(np.stack([_plain(row) for row in np.transpose(ends)], 1), index=list(NAMES))
    return table.set_axis(["value", "low", "high"], axis=1)


def likeliest(told: Sequence[Published] | None = None) -> dict[str, float]:
    """The values of `fit` alone."""
    return dict(zip(NAMES, map(float, _plain(_likeliest(_trials(told)))), strict=True))


def _trials(told: Sequence[Published] | None) -> list[list[Published]]:
    def trial(row: Published) -> tuple[str, str]:
        return row.source, row.what.split()[0]

    return [list(group) for _, group in groupby(sorted(told or rows(), key=trial), trial)]


def _plain(x: np.ndarray) -> np.ndarray:
    """Numbers of `NAMES` from log rate, logit of missed, and log of its spread."""
    return np.array([np.exp(x[0]), special.expit(x[1]), np.exp(x[2])])


def _likeliest(trials: Sequence[Sequence[Published]]) -> np.ndarray:
    start = np.array([np.log(evidence.outcome(NAMES[0]).value), special.logit(evidence.outcome(NAMES[1]).value), 0.0])
    return _least(lambda x: _surprise(x, trials), start)


def _least(of: Callable[[np.ndarray], float], start: np.ndarray) -> np.ndarray:
    return np.asarray(optimize.minimize(of, start, method="Nelder-Mead", options=_EXACT).x)


def _surprise(x: np.ndarray, trials: Sequence[Sequence[Published]]) -> float:
    """Less the logarithm of the likelihood, at x as in `_plain`."""
    rate, middle, spread = _plain(x)
    share, total = missed(middle, spread, _PLACES), 0.0
    for trial in trials:
        likely = -0.5 * _PLACES**2 - special.logsumexp(-0.5 * _PLACES**2)
        for row in trial:
            n = evidence.outcome("people_unknown").value if math.isnan(row.n) else row.n
            gone, here = round(row.published * n), n - round(row.published * n)
            chance = np.clip(lost(rate, share, row.months), _EPSILON, 1 - _EPSILON)
            likely = likely + special.xlogy(gone, chance) + special.xlog1py(here, -chance)
        total -= float(special.logsumexp(likely))
    return total
