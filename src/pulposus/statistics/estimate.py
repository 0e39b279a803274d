"""A number with its interval, and the intervals that need nothing but counts or means.

`Estimate` is what statistics hand upward: the value, the two ends, and how they came about in words. Everything else
here makes one from counts (`binomial`, `wilson`, `newcombe`), from means (`mean`, `welch`), or from a value with its
standard error (`normal`, `student`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from scipy import special

from pulposus.errors import InputError

from . import given
from .given import LEVEL

HUNDRED = 100  # maths: a share in percent


@dataclass(frozen=True)
class Estimate:
    """A value, the ends of its interval, and how both were found; nan where there is no interval."""

    value: float
    low: float
    high: float
    method: str

    def __post_init__(self) -> None:
        """Refuse an interval whose ends are crossed."""
        if self.low > self.high:
            raise InputError(f"The interval runs from {self.low:g} to {self.high:g}; give the lower end first.")

    def __str__(self) -> str:
        """Value and interval, four digits."""
        return f"{self.value:.4g} ({self.low:.4g} to {self.high:.4g})"

    def covers(self, number: float) -> bool:
        """Whether a number lies in the interval."""
        return self.low <= number <= self.high

    def exponentiated(self) -> Estimate:
        """The same on the scale of ratios, where the value was a logarithm."""
        return Estimate(math.exp(self.value), math.exp(self.low), math.exp(self.high), self.method)


def percent(level: float) -> str:
    """'95 %' for 0.95."""
    return f"{HUNDRED * level:g} %"


def normal(value: float, error: float, level: float = LEVEL, method: str = "normal") -> Estimate:
    """value ± z error, z the normal quantile of (1 + level) / 2. Error 0 or more."""
    given.share(level, "level")
    half = float(special.ndtri((1 + level) / 2)) * _error(error)
    return Estimate(float(value), float(value - half), float(value + half), f"{method}, {percent(level)}")


def bounded(found: Estimate, low: float, high: float) -> Estimate:
    """The same with an interval that ends where the value itself cannot go on, and its method says so."""
    if found.low >= low and found.high <= high:
        return found
    said = f"{found.method}, cut at {low:g} and {high:g}"
    return Estimate(found.value, max(found.low, low), min(found.high, high), said)


def student(value: float, error: float, freedom: float, level: float = LEVEL, method: str = "t") -> Estimate:
    """value ± t error, t the quantile of (1 + level) / 2 of Student's distribution with `freedom` degrees."""
    given.share(level, "level")
    given.above(freedom, "freedom")
    half = float(special.stdtrit(freedom, (1 + level) / 2)) * _error(error)
    said = f"{method}, {freedom:.4g} degrees of freedom, {percent(level)}"
    return Estimate(float(value), float(value - half), float(value + half), said)


def _error(error: float) -> float:
    number = given.real(error, "error")
    if number < 0:
        raise InputError(f"error is {number:g}; a standard error is 0 or more.")
    return number


def two_sided(statistic: float, freedom: float | None = None) -> float:
    """Two-sided p of a z (freedom None) or a t."""
    tail = special.ndtr(-abs(statistic)) if freedom is None else special.stdtr(freedom, -abs(statistic))
    return float(min(1.0, 2 * tail))


def _pair(events: Any, total: Any) -> tuple[int, int]:
    number, of = given.whole(events, "events", 0), given.whole(total, "total", 1)
    if number > of:
        raise InputError(f"events is {number} of total {of}; there cannot be more events than persons.")
    return number, of


def binomial(events: int, total: int, level: float = LEVEL) -> Estimate:
    """A share with its exact interval (Clopper and Pearson 1934).

    Ends are quantiles of beta distributions: low of Beta(x, n-x+1) at (1-level)/2, high of Beta(x+1, n-x) at
    (1+level)/2; 0 where x = 0 and 1 where x = n.
    """
    x, n = _pair(events, total)
    given.share(level, "level")
    low = 0.0 if x == 0 else float(special.betaincinv(x, n - x + 1, (1 - level) / 2))
    high = 1.0 if x == n else float(special.betaincinv(x + 1, n - x, (1 + level) / 2))
    return Estimate(x / n, low, high, f"exact binomial, {percent(level)}")


def wilson(events: int, total: int, level: float = LEVEL) -> Estimate:
    """A share with the interval of the score test (Wilson 1927), without continuity correction.

    (p + z²/2n ± z √(p(1-p)/n + z²/4n²)) / (1 + z²/n).
    """
    x, n = _pair(events, total)
    given.share(level, "level")
    z = float(special.ndtri((1 + level) / 2))
    share, shrink = x / n, 1 + z**2 / n
    middle = share + z**2 / (2 * n)
    half = z * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    low, high = max(0.0, (middle - half) / shrink), min(1.0, (middle + half) / shrink)
    return Estimate(share, 0.0 if x == 0 else low, 1.0 if x == n else high, f"Wilson, {percent(level)}")


def newcombe(events: int, total: int, other_events: int, other_total: int, level: float = LEVEL) -> Estimate:
    """Difference of two independent shares, first less second, with Newcombe's hybrid score interval.

    low = d - √((p1-l1)² + (u2-p2)²), high = d + √((u1-p1)² + (p2-l2)²), l and u the ends of Wilson's intervals.
    Source: Newcombe 1998, method 10.
    """
    one, two = wilson(events, total, level), wilson(other_events, other_total, level)
    value = one.value - two.value
    low = value - math.hypot(one.value - one.low, two.high - two.value)
    high = value + math.hypot(one.high - one.value, two.value - two.low)
    return Estimate(value, low, high, f"Newcombe hybrid score, {percent(level)}")


def mean(values: Any, level: float = LEVEL) -> Estimate:
    """The mean of independent values with Student's interval; at least two values."""
    array = given.vector(values, "values", 2)
    error = float(array.std(ddof=1)) / math.sqrt(array.size)
    return student(float(array.mean()), error, array.size - 1, level)


def welch(values: Any, others: Any, level: float = LEVEL) -> tuple[Estimate, float]:
    """Difference of means, first less second, with unequal variances; the estimate and the two-sided p.

    t = (m1 - m2) / √(s1²/n1 + s2²/n2) on Welch and Satterthwaite's degrees of freedom.
    """
    one, two = given.vector(values, "values", 2), given.vector(others, "others", 2)
    part, part2 = one.var(ddof=1) / one.size, two.var(ddof=1) / two.size
    if part + part2 == 0:
        raise InputError("Neither group varies; a difference of means needs values that differ within a group.")
    freedom = (part + part2) ** 2 / (part**2 / (one.size - 1) + part2**2 / (two.size - 1))
    value, error = float(one.mean() - two.mean()), math.sqrt(part + part2)
    return student(value, error, float(freedom), level, "Welch t"), two_sided(value / error, float(freedom))


def score_test(events: int, total: int, other_events: int, other_total: int) -> float:
    """Two-sided p of a difference of two independent shares, variance pooled: the chi-squared test, uncorrected.

    z = (p1 - p2) / √(p (1-p) (1/n1 + 1/n2)); 1 where nobody or everybody has the event.
    """
    (x, n), (x2, n2) = _pair(events, total), _pair(other_events, other_total)
    pooled = (x + x2) / (n + n2)
    error = math.sqrt(pooled * (1 - pooled) * (1 / n + 1 / n2))
    return two_sided((x / n - x2 / n2) / error) if error > 0 else 1.0
