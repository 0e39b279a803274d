"""The largest of several normal or t variables that hang together: its tail, and the value that it seldom exceeds.

What: `tail` is the chance that the largest exceeds a limit, `critical` the limit that it exceeds with a chance.
Equations: with correlation R = A A', the variables are A u, u normal; of u the direction w and the length r are
independent, so that P(max > c) = mean over w of P(r max(A w) > c), r² chi-squared on the rank of R, or for t variables
of a common scale r² / rank an F on rank and that scale's degrees. Directions: a circle in even steps for rank 2, Sobol
points (and their opposites) above it. R may be singular. Without a common scale's degrees the variables are normal.
Source: Genz and Bretz 2009, chapter 4 (spherical-radial transformations).
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
from scipy import optimize, special
from scipy.stats import qmc

from pulposus.errors import InputError

from . import given

POINTS = 2**14  # maths: directions; their opposites are taken too
FLAT = 1e-10  # maths: share of the largest eigenvalue under which one counts as nought
ROOM = 0.1  # maths: by how much a search reaches beyond the bounds that hold for any correlation
CLOSE = 1e-12  # maths: where a limit counts as found
HALF = 0.5


@functools.cache
def _directions(rank: int) -> np.ndarray:
    if rank == 1:
        return np.array([[1.0], [-1.0]])
    if rank == 2:  # maths: a circle
        angle = 2 * math.pi * (np.arange(2 * POINTS) + HALF) / (2 * POINTS)
        return np.column_stack([np.cos(angle), np.sin(angle)])
    normal = special.ndtri(qmc.Sobol(rank, scramble=True, seed=0).random(POINTS))
    unit = normal / np.linalg.norm(normal, axis=1, keepdims=True)
    return np.concatenate([unit, -unit])


def _reach(correlation: Any) -> tuple[np.ndarray, int]:
    """How far the largest variable lies along each direction, and the rank."""
    r = np.array(correlation, dtype=float)
    if r.ndim != 2 or r.shape[0] != r.shape[1] or not np.allclose(r, r.T) or not np.allclose(np.diag(r), 1):
        raise InputError(f"correlation has shape {r.shape}; give a symmetric matrix with 1 on its diagonal.")
    value, vector = np.linalg.eigh(r)
    kept = value > FLAT * value[-1]
    root = vector[:, kept] * np.sqrt(value[kept])
    return (_directions(int(kept.sum())) @ root.T).max(axis=1), int(kept.sum())


def _over(limit: float, reach: np.ndarray, rank: int, freedom: float) -> float:
    with np.errstate(divide="ignore"):
        length = limit / reach
    square = length**2
    beyond = special.chdtrc(rank, square) if math.isinf(freedom) else special.fdtrc(rank, freedom, square / rank)
    if limit > 0:
        return float(np.where(reach > 0, beyond, 0.0).mean())
    return float(np.where(reach > 0, 1.0, 1.0 - beyond).mean())


def _degrees(freedom: float) -> float:
    return math.inf if freedom == math.inf else given.above(freedom, "freedom")


def tail(limit: float, correlation: Any, freedom: float = math.inf) -> float:
    """Chance that the largest of variables with a correlation (variable, variable) exceeds a limit."""
    return _over(given.real(limit, "limit"), *_reach(correlation), _degrees(freedom))


def critical(correlation: Any, alpha: float, freedom: float = math.inf) -> float:
    """The limit that the largest exceeds with chance `alpha`, one-sided."""
    level, nu = given.share(alpha, "alpha"), _degrees(freedom)
    if level >= HALF:
        raise InputError(f"alpha is {level:g}; give an error below 0.5.")
    reach, rank = _reach(correlation)

    def quantile(p: float) -> float:
        return float(-special.ndtri(p) if math.isinf(nu) else -special.stdtrit(nu, p))

    # one variable alone, and as many as there are with nothing in common (Bonferroni)
    low, high = quantile(level) * (1 - ROOM), quantile(level / len(np.asarray(correlation))) * (1 + ROOM)
    return float(optimize.brentq(lambda c: _over(c, reach, rank, nu) - level, low, high, xtol=CLOSE))
