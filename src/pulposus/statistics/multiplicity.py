"""Several hypotheses, one error: step-down, step-up, fixed sequence and graphs.

What: each function takes p values, (hypothesis,), and returns adjusted ones in the same order; a hypothesis is
rejected at any family-wise error that its adjusted p does not exceed.
Equations: Holm max_{j<=i} (m-j+1) p_(j); Hochberg min_{j>=i} (m-j+1) p_(j), where tests are independent or positively
dependent; fixed sequence max_{j<=i} p_j in the order given; graph (Bretz, Maurer and others 2009) rejects i with the
smallest p_i / w_i, hands its weight on, w_j += w_i g_ij, and draws g_jk = (g_jk + g_ji g_ik) / (1 - g_ji g_ij) anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pulposus.errors import InputError

from . import given

CLOSE = 1e-12  # maths: by how much weights may exceed 1 through rounding


def _p(p_values: Any) -> np.ndarray:
    p = given.vector(p_values, "p_values")
    bad = p[(p < 0) | (p > 1)]
    if bad.size:
        raise InputError(f"p_values holds {bad[0]:g}; give numbers from 0 to 1.")
    return p


def bonferroni(p_values: Any) -> np.ndarray:
    """p times the number of hypotheses, at most 1."""
    p = _p(p_values)
    return np.minimum(1.0, p * p.size)


def holm(p_values: Any) -> np.ndarray:
    """Holm's step-down procedure (1979): holds the error whatever hangs together."""
    p = _p(p_values)
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(p.size, 0, -1))
    out = np.empty_like(p)
    out[order] = np.minimum(1.0, stepped)
    return out


def hochberg(p_values: Any) -> np.ndarray:
    """Hochberg's step-up procedure (1988): holds the error where tests are independent or positively dependent."""
    p = _p(p_values)
    order = np.argsort(p, kind="stable")
    stepped = np.minimum.accumulate((p[order] * np.arange(p.size, 0, -1))[::-1])[::-1]
    out = np.empty_like(p)
    out[order] = np.minimum(1.0, stepped)
    return out


def fixed_sequence(p_values: Any) -> np.ndarray:
    """Tests in the order given, each at the whole error, until one fails."""
    return np.maximum.accumulate(_p(p_values))


def graph(p_values: Any, weights: Any, transitions: Any) -> np.ndarray:
    """Adjusted p of a graphical procedure: gatekeeping, fallback, Holm and the fixed sequence are graphs.

    `weights` (hypothesis,), sum at most 1; `transitions` (from, to), rows sum to at most 1, nought on the diagonal.
    A hypothesis that no weight ever reaches has adjusted p 1.
    """
    p, w = _p(p_values), given.vector(weights, "weights").copy()
    g = np.array(transitions, dtype=float)
    m = p.size
    given.alike(p_values=p, weights=w)
    if g.shape != (m, m):
        raise InputError(f"transitions has shape {g.shape}; give {m} rows of {m} numbers.")
    if (w < 0).any() or w.sum() > 1 + CLOSE:
        raise InputError(f"weights sum to {w.sum():g}; give numbers of 0 or more that sum to at most 1.")
    if (g < 0).any() or (g.sum(axis=1) > 1 + CLOSE).any() or np.diag(g).any():
        raise InputError(
            "transitions has a negative number, a row above 1, or a step from a hypothesis to itself; mend it."
        )
    out, left, reached = np.ones(m), list(range(m)), 0.0
    while left:
        ratio = [p[i] / w[i] if w[i] > 0 else np.inf for i in left]
        best = int(np.argmin(ratio))
        if not np.isfinite(ratio[best]):
            break
        i = left.pop(best)
        reached = max(reached, float(ratio[best]))
        out[i] = min(1.0, reached)
        after, old = w.copy(), g.copy()
        for j in left:
            after[j] = w[j] + w[i] * g[i, j]
            for k in left:
                if j != k:
                    loop = g[j, i] * g[i, j]
                    old[j, k] = (g[j, k] + g[j, i] * g[i, k]) / (1 - loop) if loop < 1 else 0.0
        w, g = after, old
        w[i] = 0.0
    return out


def holm_graph(m: int) -> tuple[np.ndarray, np.ndarray]:
    """Weights and transitions of Holm's procedure as a graph."""
    number = given.whole(m, "m")
    others = (np.ones((number, number)) - np.eye(number)) / max(1, number - 1)
    return np.full(number, 1 / number), others


def sequence_graph(m: int) -> tuple[np.ndarray, np.ndarray]:
    """Weights and transitions of the fixed sequence as a graph."""
    number = given.whole(m, "m")
    return np.eye(number)[0], np.eye(number, k=1)


def gatekeeping(primary: int, secondary: int) -> tuple[np.ndarray, np.ndarray]:
    """Families in a row: primaries share the error by Holm, then all of it goes to the secondaries, which share it by
    Holm.

    Secondaries are tested once every primary is rejected: the weight of the last primary has nowhere else to go,
    because a vanishing part of each primary's weight (`EPSILON` in the limit) leads on.
    """
    one, two = given.whole(primary, "primary"), given.whole(secondary, "secondary")
    m = one + two
    g = np.zeros((m, m))
    on = 1.0 if one == 1 else EPSILON
    g[:one, :one] = (1 - on) * holm_graph(one)[1] if one > 1 else 0.0
    g[:one, one:] = on / two
    if two > 1:
        g[one:, one:] = holm_graph(two)[1]
    return np.concatenate([np.full(one, 1 / one), np.zeros(two)]), g


EPSILON = 1e-9  # maths: the vanishing weight of an edge that leads on only when all others are gone


def rejected(adjusted: Sequence[float] | np.ndarray, alpha: float) -> np.ndarray:
    """Which hypotheses fall at a family-wise error of `alpha`."""
    return np.asarray(adjusted) <= given.share(alpha, "alpha")


def serial(p_values: Any, family: Any) -> np.ndarray:
    """Serial gatekeeping: families in the order of their numbers, each by Holm, tested once all before it have fallen.

    Adjusted p is Holm's within the family, and no less than any of the families before. It is `graph` with
    `gatekeeping` for two families.
    """
    p, order = _p(p_values), given.vector(family, "family")
    given.alike(p_values=p, family=order)
    out, before = np.empty_like(p), 0.0
    for one in np.unique(order):
        rows = order == one
        out[rows] = np.maximum(holm(p[rows]), before)
        before = float(out[rows].max())
    return out
