"""Sobol indices of a few numbers, from a polynomial that stands in for the model.

What: `indices` runs members in which only the given numbers move, fits a polynomial of second degree on four fifths of
them, says its error on the fifth that it has not seen, and asks it for first-order and total indices.
Equation: ``y = a + sum b_i u_i + sum c_ij u_i u_j`` in the shares u_i (-1 to 1) of each number's law, ridge by
leave-one-out.
Source: indices of Sobol 2001, estimators of Saltelli 2010 as in SALib (Iwanaga and others 2022).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pulposus.errors import InputError

if TYPE_CHECKING:
    from pulposus.uncertainty.draws import Factor

MOST_RUNS = 500  # maths: what a surrogate may cost
LARGE = 0.5  # maths: error over the spread above which less than three quarters of the variance is foretold
_HELD_OUT = 5  # maths: every fifth run is kept back
_RIDGES = tuple(10.0**k for k in range(-8, 3))  # maths: weights that are tried, on standardised terms
_SAMPLES = 2048  # maths: of the surrogate for its indices, a power of two


def indices(
    factors: Sequence[Factor], drawn: pd.DataFrame, effect: pd.Series, seed: int
) -> tuple[pd.DataFrame, dict[str, float]]:
    """First-order and total index of each factor, and how good the surrogate is: runs, held-out error relative to the
    spread (root mean square), share of the held-out variance that it explains.

    drawn: the numbers of each member; effect: what came out, by member. Raises InputError without SALib.
    """
    sample, analyse = sampler()
    table = drawn.set_index("member").loc[effect.index]
    u = np.column_stack([_shares(factor, table[factor.name].to_numpy(float)) for factor in factors])
    y = effect.to_numpy(float)
    held = np.arange(len(y)) % _HELD_OUT == 0
    if len(y) < fewest(len(factors)):
        raise InputError(f"{len(y)} runs are too few for {len(factors)} numbers; give more with --runs.")
    fitted = _fit(u[~held], y[~held])
    missed = fitted(u[held]) - y[held]
    spread = float(np.std(y[held]))
    problem = {"num_vars": len(factors), "names": [f.name for f in factors], "bounds": [[-1, 1]] * len(factors)}
    found = analyse.analyze(
        problem, fitted(sample.sample(problem, _SAMPLES, calc_second_order=False, seed=seed)), False, seed=seed
    )
    error = float(np.sqrt(np.mean(missed**2))) / spread if spread > 0 else math.nan
    made = pd.DataFrame(
        {"name": problem["names"], "first_order": found["S1"], "total": found["ST"]}
        | {"first_order_confidence": found["S1_conf"], "total_confidence": found["ST_conf"]}
    )
    return made, {"runs": float(len(y)), "held_out_error": error, "held_out_explained": 1 - error**2}


def fewest(factors: int) -> int:
    """The least number of runs of which, without every fifth, more than two are left for each number that moves."""
    return next(runs for runs in itertools.count(1) if runs - math.ceil(runs / _HELD_OUT) > 2 * factors)


def doubt(quality: Mapping[str, float]) -> str:
    """What must be said of indices whose surrogate foretells poorly what it has not seen; nothing where it does."""
    error = quality["held_out_error"]
    if error <= LARGE:
        return ""
    if not math.isfinite(error):
        return "The runs that were kept back do not differ, so nothing says how good the surrogate is: trust no index."
    missed, most = (f"{100 * share:.0f} %" for share in (error, LARGE))  # maths: share to percent
    return (
        f"The surrogate misses runs that it has not seen by {missed} of their spread, where more than {most} is too "
        "much: its indices are a hint, no ranking. Give more --runs, or trust the gradients."
    )


def sampler() -> tuple[ModuleType, ModuleType]:
    """SALib's Sobol sampling and analysis. Raises InputError where it is not installed."""
    try:
        from SALib.analyze import sobol as analyse
        from SALib.sample import sobol as sample
    except ImportError:
        raise InputError("Sobol indices need SALib; install it with: pip install 'pulposus[sensitivity]'.") from None
    return sample, analyse


def _shares(factor: Factor, values: np.ndarray) -> np.ndarray:
    low, high = factor.row.low, factor.row.high
    if factor.law == "log-uniform":
        return 2 * np.log(values / low) / np.log(high / low) - 1
    return 2 * (values - low) / (high - low) - 1


def _terms(u: np.ndarray) -> np.ndarray:
    pairs = itertools.combinations_with_replacement(range(u.shape[1]), 2)
    return np.column_stack([np.ones(len(u)), u, *(u[:, i] * u[:, j] for i, j in pairs)])


def _fit(u: np.ndarray, y: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """The polynomial, with the ridge under which each run is best foretold by the others."""
    x = _terms(u)
    mean, scale = x[:, 1:].mean(0), np.maximum(x[:, 1:].std(0), np.finfo(float).eps)
    z, centre = (x[:, 1:] - mean) / scale, y.mean()
    left, values, right = np.linalg.svd(z, full_matrices=False)
    seen = left.T @ (y - centre)

    def alone(ridge: float) -> float:
        shrink = values**2 / (values**2 + ridge * len(y))
        rest = y - centre - left @ (shrink * seen)
        weight = 1 - np.sum(left**2 * shrink, 1) - 1 / len(y)
        return float(np.mean((rest / np.maximum(weight, np.finfo(float).eps)) ** 2))

    ridge = min(_RIDGES, key=alone)
    slope = right.T @ (values / (values**2 + ridge * len(y)) * seen)
    return lambda new: centre + (_terms(new)[:, 1:] - mean) / scale @ slope
