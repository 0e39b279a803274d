"""Several hypotheses at several looks, one error: each has a share of the error, and spends it over the looks.

What: `adjusted` gives p of one look after multiplicity, to be held against the look's own level.
Equations: hypothesis i falls at look k where p_ik <= a_k(w_i a), a_k(g) the level of look k in a group-sequential test
of error g, w_i its share. Once it has fallen its share goes on, as Holm's graph and gates have it, and those that are
left are held against their new levels at the same look. As a_k rises with g, that is Holm's procedure on g_ik, the
error of a whole test in which p_ik just shows something at look k: a_k(g_ik) = p_ik. What comes of it is put back as a
p of the look, a_k(g).
Why this holds: true hypotheses, however many, have shares that sum to 1 at most, and each falls at any look with no
more chance than its share of the error, whatever hangs together. Holm's procedure on p_ik has no such bound.
Source: Maurer and Bretz 2013 (doi 10.1080/19466315.2013.807748).
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from scipy import interpolate, special

from pulposus.errors import InputError

from . import given, multiplicity, sequential

RUNGS = 71  # maths: errors at which critical values of a look are reckoned; those between are interpolated
FIRST, LAST = 1e-3, 7.0  # maths: normal quantiles of the largest and the least of them


@functools.cache
def _ladder(kind: str, information: tuple[float, ...], sides: int, look: int) -> tuple[np.ndarray, np.ndarray]:
    """Normal quantiles of the error of a side, rising, and what is critical at the look of a test of that error."""
    whole = np.linspace(FIRST, LAST, RUNGS)
    errors = (sides * special.ndtr(-whole)).tolist()
    critical = [sequential.design(kind, information, error, sides).critical[look] for error in errors]
    rising = np.diff(np.maximum.accumulate(critical), prepend=-np.inf) > 0  # what is never reached stays at the widest
    return whole[rising], np.array(critical)[rising]


def _moved(p: np.ndarray, there: np.ndarray, here: np.ndarray) -> np.ndarray:
    """One-sided p by what its normal quantile comes to; 1 where it lies under the lowest rung."""
    z = -special.ndtri(p)
    curve = interpolate.CubicSpline(there, here)
    return np.where(z < there[0], 1.0, special.ndtr(-curve(np.clip(z, there[0], there[-1]))))


def adjusted(plan: sequential.Design, look: int, p_values: Any, family: Any) -> np.ndarray:
    """p (hypothesis,) of one side at a look, the first being 0, once all hypotheses share the error of the plan.

    One falls at the look where it is `plan.local_levels[look]` or less. `family` (hypothesis,): families in the order
    of their numbers, each by Holm, tested once all before it have fallen. A hypothesis alone keeps its p.
    """
    p = given.vector(p_values, "p_values")
    if not 0 <= look < plan.information.size:
        raise InputError(f"look is {look}; the plan has {plan.information.size}, the first being 0.")
    if p.size == 1 or plan.information.size == 1:
        return multiplicity.serial(p, family)
    whole, critical = _ladder(plan.kind, tuple(plan.information.tolist()), plan.sides, look)
    error = _moved(p, critical, whole)
    shared = multiplicity.serial(error, family)
    # what shares nothing keeps its p to the last digit; an error of one is never enough
    return np.where((shared == error) & (error < 1), p, _moved(shared, whole, critical))
