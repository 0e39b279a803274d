"""The law of the scanner, which pictures and simulated discs are both read by: signal, T2, and the chance of a grade.

Equations: a spin echo gives ``S = rho exp(-TE / T2)``. With fluid as reference, ``T2 = TE / (TE / T2_csf - ln(ratio /
rho))``. The chance of grades 1 to 4 goes with normal laws of T2 by grade, averaged over echo times, densities and T2 of
fluid in their ranges; that of grade 5 is the chance that the height lies below the share of its usual one that
separates it from grade 4.
Why a ratio: a picture's grey has no unit, and coils are brighter near the back; fluid at the same height sees the same
coil. Why not more: textures that a radiologist sees (bands, a lost border) are not read.
Source: T2 by grade, ``nucleus_t2_grade1`` to 4; echo time, density and collapsed height are assumed.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from scipy.stats import norm

from pulposus import evidence

_OPTICS = ("t2w_echo_time", "nucleus_proton_density", "csf_t2")
_TAIL = 0.05  # maths: on either side of the range that is said
_HALF_RANGE = 1.645  # maths: standard deviations to either end of nine tenths
_GRADES = (1, 2, 3, 4)  # maths: grades that are told apart by signal
_COLLAPSED = 5  # maths: the grade that is told by height
_NEVER_NONE = 1e-300  # maths: likelihoods of all grades are never all nothing


class Graded(NamedTuple):
    """The likeliest Pfirrmann grade, and the ends of the range that holds nine tenths of the chance."""

    grade: int
    low: int
    high: int


def relaxation(ratio: float, echo: float, density: float, fluid: float) -> float:
    """T2 in ms from a signal over that of fluid; infinite where the nucleus is as bright as its water allows."""
    rate = echo / fluid - math.log(max(ratio, 1e-6) / density)  # maths: a black nucleus has a T2 near zero
    return echo / rate if rate > 0 else math.inf


def brightness(t2: float, echo: float, density: float, fluid: float) -> float:
    """Signal over that of fluid of a tissue with a T2 in ms: what `relaxation` takes back."""
    return density * math.exp(echo / fluid - echo / t2)


def optics(echo: float | None = None) -> dict[str, tuple[float, ...]]:
    """Low, middle and high of echo time (ms), density (1) and T2 of fluid (ms); an echo time that is known has no
    range.
    """
    rows = {name: evidence.used(name) for name in _OPTICS}
    spans: dict[str, tuple[float, ...]] = {name: (row.low, row.value, row.high) for name, row in rows.items()}
    return spans if echo is None else spans | {_OPTICS[0]: (echo, echo, echo)}


def usual(echo: float | None = None) -> tuple[float, float, float]:
    """Middle of echo time, density and T2 of fluid."""
    return tuple(span[1] for span in optics(echo).values())  # type: ignore[return-value]


def graded(ratio: float, height_share: float, echo: float | None = None) -> dict[int, float]:
    """Grade -> its chance, from the signal over that of fluid and the height over its usual one."""
    limit = evidence.used("collapsed_height")
    spread = (limit.high - limit.low) / (2 * _HALF_RANGE)
    collapsed = float(norm.cdf((limit.value - height_share) / spread))
    weight = dict.fromkeys(_GRADES, 0.0)
    for optic in itertools.product(*optics(echo).values()):
        t2 = relaxation(ratio, *optic)
        chance = {grade: _density(t2, grade) for grade in _GRADES}
        for grade in _GRADES:
            weight[grade] += chance[grade] / sum(chance.values())
    whole = sum(weight.values())
    return {grade: (1 - collapsed) * weight[grade] / whole for grade in _GRADES} | {_COLLAPSED: collapsed}


def likeliest(chances: Mapping[int, float]) -> Graded:
    """The likeliest grade and its range."""
    order = sorted(chances)
    below = np.cumsum([chances[grade] for grade in order])
    low = order[int(np.searchsorted(below, _TAIL))]
    high = order[min(int(np.searchsorted(below, 1 - _TAIL)), len(order) - 1)]
    return Graded(max(order, key=lambda grade: chances[grade]), low, high)


def _density(t2: float, grade: int) -> float:
    """Likelihood of a T2 for a grade; beyond the brightest and the darkest mean it stays with that grade."""
    row = evidence.used(f"nucleus_t2_grade{grade}")
    means = [evidence.used(f"nucleus_t2_grade{g}").value for g in _GRADES]
    return float(norm.pdf(min(max(t2, min(means)), max(means)), row.value, 0.5 * (row.high - row.low))) + _NEVER_NONE
