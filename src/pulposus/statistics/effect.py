"""Effect sizes of studies, with their sampling variances: what a meta-analysis pools.

Each function takes one row a study and returns `Effects(value, variance)`, both of shape (study,). The formulas are
those of metafor's `escalc` (Viechtbauer 2010), named in each docstring; the first group is the treated one, and a value
above nought says that it has more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special

from pulposus.errors import InputError

from . import given

HALF = 0.5  # what is added to every cell of a table that has an empty one


@dataclass(frozen=True)
class Effects:
    """Effects of studies and their sampling variances, each (study,)."""

    value: np.ndarray
    variance: np.ndarray
    measure: str


def _means(mean: Any, sd: Any, size: Any, which: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    m, s, n = (
        given.vector(mean, f"mean of the {which} group"),
        given.positive(sd, f"sd of the {which} group"),
        given.counts(size, f"size of the {which} group"),
    )
    given.alike(mean=m, sd=s, size=n)
    if (n < 2).any():
        raise InputError(f"The {which} group has {int(n.min())} persons in one study; two are the least with a spread.")
    return m, s, n


def mean_difference(mean: Any, sd: Any, size: Any, mean2: Any, sd2: Any, size2: Any) -> Effects:
    """Difference of means m1 - m2 with variance s1²/n1 + s2²/n2 (escalc measure MD)."""
    m, s, n = _means(mean, sd, size, "first")
    m2, s2, n2 = _means(mean2, sd2, size2, "second")
    given.alike(first=m, second=m2)
    return Effects(m - m2, s**2 / n + s2**2 / n2, "mean difference")


def hedges(mean: Any, sd: Any, size: Any, mean2: Any, sd2: Any, size2: Any) -> Effects:
    """Standardised mean difference, corrected for small samples (escalc measure SMD).

    d = (m1 - m2) / s pooled, g = J(m) d with m = n1 + n2 - 2 and J(m) = Γ(m/2) / (√(m/2) Γ((m-1)/2)), variance
    1/n1 + 1/n2 + g² / 2(n1 + n2). Source: Hedges 1981.
    """
    m, s, n = _means(mean, sd, size, "first")
    m2, s2, n2 = _means(mean2, sd2, size2, "second")
    given.alike(first=m, second=m2)
    freedom = n + n2 - 2
    pooled = np.sqrt(((n - 1) * s**2 + (n2 - 1) * s2**2) / freedom)
    correction = np.exp(special.gammaln(freedom / 2) - special.gammaln((freedom - 1) / 2)) / np.sqrt(freedom / 2)
    g = correction * (m - m2) / pooled
    return Effects(g, 1 / n + 1 / n2 + g**2 / (2 * (n + n2)), "standardised mean difference (Hedges)")


def mean_change(change: Any, sd: Any, size: Any) -> Effects:
    """Mean of one arm with variance s²/n (escalc measure MN)."""
    m, s, n = _means(change, sd, size, "only")
    return Effects(m, s**2 / n, "mean")


def _table(events: Any, total: Any, events2: Any, total2: Any) -> tuple[np.ndarray, ...]:
    """Cells a, b, c, d of each study's table; 0.5 added to all four where one is empty."""
    a, n = given.counts(events, "events of the first group"), given.counts(total, "total of the first group")
    c, n2 = given.counts(events2, "events of the second group"), given.counts(total2, "total of the second group")
    given.alike(events=a, total=n, events2=c, total2=n2)
    for name, number, of in (("first", a, n), ("second", c, n2)):
        bad = np.flatnonzero((number > of) | (of < 1))
        if bad.size:
            i = bad[0]
            raise InputError(
                f"The {name} group of row {i + 1} has {number[i]:g} events of {of[i]:g}; "
                "give events within a total of 1 or more."
            )
    cells = np.stack([a, n - a, c, n2 - c])
    return tuple(cells + np.where((cells == 0).any(axis=0), HALF, 0.0))


def risk_difference(events: Any, total: Any, events2: Any, total2: Any) -> Effects:
    """p1 - p2 with variance p1(1-p1)/n1 + p2(1-p2)/n2 (escalc measure RD, 0.5 added where a cell is empty)."""
    a, b, c, d = _table(events, total, events2, total2)
    p, p2 = a / (a + b), c / (c + d)
    return Effects(p - p2, p * (1 - p) / (a + b) + p2 * (1 - p2) / (c + d), "risk difference")


def log_odds_ratio(events: Any, total: Any, events2: Any, total2: Any) -> Effects:
    """log(ad / bc) with variance 1/a + 1/b + 1/c + 1/d (escalc measure OR, 0.5 added where a cell is empty)."""
    a, b, c, d = _table(events, total, events2, total2)
    return Effects(np.log(a * d / (b * c)), 1 / a + 1 / b + 1 / c + 1 / d, "log odds ratio")


def log_risk_ratio(events: Any, total: Any, events2: Any, total2: Any) -> Effects:
    """log(p1 / p2) with variance 1/a - 1/n1 + 1/c - 1/n2 (escalc measure RR, 0.5 added where a cell is empty)."""
    a, b, c, d = _table(events, total, events2, total2)
    n, n2 = a + b, c + d
    return Effects(np.log(a / n) - np.log(c / n2), 1 / a - 1 / n + 1 / c - 1 / n2, "log risk ratio")


def logit(events: Any, total: Any) -> Effects:
    """log(p / (1-p)) of one arm with variance 1/a + 1/b (escalc measure PLO, 0.5 added where a cell is empty)."""
    a, n = given.counts(events, "events"), given.counts(total, "total")
    given.alike(events=a, total=n)
    if (a > n).any() or (n < 1).any():
        raise InputError("One arm has more events than persons, or none; give events within a total of 1 or more.")
    cells = np.stack([a, n - a])
    a, b = cells + np.where((cells == 0).any(axis=0), HALF, 0.0)
    return Effects(np.log(a / b), 1 / a + 1 / b, "logit of a share")
