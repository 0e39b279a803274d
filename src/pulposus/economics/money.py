"""Time is money: discount factors, annuities, and what a score that is known at visits comes to over time.

What: `factor` discounts a moment, `annuity` a steady stream, `between` a quantity that runs straight from visit to
visit, exactly.
Equations: v(t) = (1 + r)^-t = e^(-d t), d = ln(1 + r); annuity(T) = (1 - e^(-d T)) / d, T where d is nought; over an
interval of h from a with values u and w at its ends: e^(-d a) (u E0 + (w - u) E1 / h), E0 = (1 - e^(-d h)) / d and
E1 = (1 - e^(-d h) (1 + d h)) / d².
Why this holds: closed forms, so that no step of time is chosen; half-cycle correction is what this is to visits.
Source: Drummond and others 2015, chapter 4.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from pulposus.errors import InputError

_NOUGHT = 1e-200  # maths: what no division should meet
_SMALL = 1e-2  # maths: below it a series stands for what would be nought over nought
_SERIES = tuple(2 * (-1) ** k * (k + 1) / math.factorial(k + 2) for k in range(6))  # maths: 2 (1 - e^-x (1 + x)) / x²


class Rates(NamedTuple):
    """Yearly discount rates of costs and of effects, 0.03 for 3 %."""

    costs: float
    effects: float


def checked(rate: float, name: str = "A discount rate") -> float:
    """A yearly rate of nought or more and below one. Raises InputError."""
    if not (math.isfinite(rate) and 0 <= rate < 1):
        raise InputError(f"{name} of {rate:g} a year is not possible; give 0 to below 1, for example 0.03.")
    return float(rate)


def factor(years: np.ndarray | float, rate: float) -> np.ndarray:
    """What one at `years` from now is worth now."""
    return np.asarray((1 + checked(rate)) ** -np.asarray(years, float))


def annuity(years: float, rate: float) -> float:
    """What one a year, paid steadily for `years`, is worth now."""
    x = math.log1p(checked(rate)) * years
    return float(years * (-math.expm1(-x) / x if x > _NOUGHT else 1.0))


def between(years: np.ndarray, values: np.ndarray, rate: float) -> np.ndarray:
    """Discounted area under values (..., visit) that run straight between visits (visit,): (..., interval).

    Raises InputError for visits that do not rise, and for values of another length.
    """
    at, value = np.asarray(years, float), np.asarray(values, float)
    if at.ndim != 1 or at.size < 2 or (np.diff(at) <= 0).any() or value.shape[-1] != at.size:
        raise InputError("Visits must rise, two or more, with one value each; give years and values of one length.")
    h, d = np.diff(at), math.log1p(checked(rate))
    x = d * h
    flat = h * np.where(x > _NOUGHT, -np.expm1(-x) / np.where(x > _NOUGHT, x, 1.0), 1.0)
    exact = 2 * (1 - np.exp(-x) * (1 + x)) / np.where(x > _SMALL, x, 1.0) ** 2
    series = sum(part * x**k for k, part in enumerate(_SERIES))
    slope = h * 0.5 * np.where(x > _SMALL, exact, series)
    return np.asarray(np.exp(-d * at[:-1]) * (value[..., :-1] * flat + np.diff(value) * slope))
