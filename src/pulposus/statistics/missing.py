"""Scores that were not seen: filled many times over under a stated assumption, analysed each time, and put together.

What: `impute` draws whole tables from a multivariate normal law of the visits, under missing at random (MAR) or with
the reference arm's mean from the first unseen visit on (J2R), all along (CR) or its slope from there (CIR); `shifted`
makes imputed scores worse by a delta; `rubin` puts analyses together; `tipping_point` finds the delta at which a
finding falls.
Equations: y_i ~ N(B'x_i, S), x an intercept for each arm and a slope on baseline; B, S drawn by Gibbs sampling with
prior |S|^-(m+1)/2 (data augmentation, Schafer 1997); unseen given seen: mu_u + S_us S_ss⁻¹ (y_s - mu_s), covariance
S_uu - S_us S_ss⁻¹ S_su, with means of the reference as Carpenter, Roger and Kenward 2013. Rubin 1987: total variance
W + (1 + 1/M) B; degrees of freedom of Barnard and Rubin 1999.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import linalg, optimize

from pulposus.errors import InputError, nearest

from . import given
from .estimate import Estimate, student, two_sided
from .given import LEVEL

ASSUMPTIONS = ("MAR", "J2R", "CR", "CIR")
TABLES = 20  # maths: imputed tables where the caller names no number
BURN, THIN = 100, 10  # maths: sweeps of the Gibbs sampler before the first table and between two
ALPHA = 0.05  # maths: customary two-sided error; the caller may choose another
CLOSE = 1e-6  # maths: where a tipping point counts as found, relative to the range searched


@dataclass(frozen=True)
class Imputed:
    """Filled tables (table, person, visit), and which scores were not seen (person, visit)."""

    tables: np.ndarray
    unseen: np.ndarray
    assumption: str


@dataclass(frozen=True)
class Combined:
    """What several imputed analyses say together."""

    estimate: Estimate
    error: float
    freedom: float
    p: float
    missing_information: float  # share of the information that the unseen scores take away


def rubin(estimates: Any, variances: Any, complete_freedom: float = math.inf, level: float = LEVEL) -> Combined:
    """Put M analyses of imputed tables together; `complete_freedom` is what the analysis had with nothing missing.

    Q mean of estimates, T = W + (1 + 1/M) B, gamma = (1 + 1/M) B / T, nu = (M - 1) / gamma², and with v complete
    degrees nu_obs = (v + 1)/(v + 3) v (1 - gamma), 1/df = 1/nu + 1/nu_obs. At least two analyses.
    """
    q, u = given.vector(estimates, "estimates", 2), given.positive(variances, "variances", 2)
    given.alike(estimates=q, variances=u)
    if not complete_freedom > 0:
        raise InputError(f"complete_freedom is {complete_freedom}; give a number above 0, or leave it out.")
    m, within, between = q.size, float(u.mean()), float(q.var(ddof=1))
    extra = (1 + 1 / m) * between
    total = within + extra
    gamma = extra / total
    inverse = gamma**2 / (m - 1)
    if math.isfinite(complete_freedom):
        v = complete_freedom
        inverse += 1 / ((v + 1) / (v + 3) * v * (1 - gamma))
    freedom = 1 / inverse if inverse > 0 else math.inf
    value, error = float(q.mean()), math.sqrt(total)
    freedom = min(freedom, _ENDLESS)
    estimate = student(value, error, freedom, level, f"Rubin's rules over {m} tables, Barnard-Rubin")
    ratio = extra / within
    lost = (ratio + 2 / (freedom + 3)) / (ratio + 1)
    return Combined(estimate, error, freedom, two_sided(value / error, freedom), lost)


_ENDLESS = 1e12  # maths: degrees of freedom at which Student's distribution is the normal one


@dataclass(frozen=True)
class _Table:
    """Scores (person, visit) with nan where unseen, arms by number, designs (person, term)."""

    y: np.ndarray
    arm: np.ndarray
    x: np.ndarray
    seen: np.ndarray
    groups: tuple[tuple[np.ndarray, np.ndarray], ...]  # (which visits are seen, which persons)


def _table(values: Any, arm: Sequence[Any] | np.ndarray, baseline: Any) -> tuple[_Table, list[str]]:
    try:
        y = np.array(values, dtype=float)
    except (TypeError, ValueError):
        raise InputError("values holds something that is no number; write nan where a score was not seen.") from None
    if y.ndim != 2 or np.isinf(y).any():
        raise InputError(
            f"values has shape {y.shape}; give a finite table, a row for each person, a column for each visit."
        )
    arms = given.labels(arm, "arm", len(y)).astype(str)
    names = sorted(set(arms.tolist()))
    code = np.array([names.index(a) for a in arms.tolist()])
    x = np.eye(len(names))[code]
    if baseline is not None:
        b = given.vector(baseline, "baseline")
        given.alike(values=y, baseline=b)
        x = np.column_stack([x, b - b.mean()])
    seen = np.isfinite(y)
    for k in range(y.shape[1]):
        for i, name in enumerate(names):
            if seen[code == i, k].sum() < 2:
                raise InputError(
                    f"Arm {name!r} has {seen[code == i, k].sum()} seen scores at visit {k + 1}; "
                    "two are the least to impute from."
                )
    if len(y) - x.shape[1] <= y.shape[1]:
        raise InputError(
            f"{len(y)} persons are too few for {y.shape[1]} visits and {x.shape[1]} terms; leave out visits."
        )
    patterns: dict[tuple[bool, ...], list[int]] = {}
    for i, row in enumerate(seen.tolist()):
        patterns.setdefault(tuple(row), []).append(i)
    groups = tuple((np.array(k), np.array(v)) for k, v in patterns.items() if not all(k))
    return _Table(y, code, x, seen, groups), names


def _fill(table: _Table, mean: np.ndarray, s: np.ndarray, into: np.ndarray, rng: np.random.Generator) -> None:
    """Draw the unseen scores given the seen ones, in place."""
    for seen, rows in table.groups:
        unseen = ~seen
        noise = rng.normal(size=(len(rows), int(unseen.sum())))
        if not seen.any():
            into[np.ix_(rows, unseen)] = mean[rows] + noise @ linalg.cholesky(s, lower=True).T
            continue
        slope = linalg.solve(s[np.ix_(seen, seen)], s[np.ix_(seen, unseen)], assume_a="pos")
        left = s[np.ix_(unseen, unseen)] - s[np.ix_(unseen, seen)] @ slope
        away = table.y[np.ix_(rows, seen)] - mean[np.ix_(rows, seen)]
        root = linalg.cholesky(0.5 * (left + left.T), lower=True)
        into[np.ix_(rows, unseen)] = mean[np.ix_(rows, unseen)] + away @ slope + noise @ root.T


def _draw(table: _Table, full: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Slopes (term, visit) and covariance (visit, visit) from their posterior given a full table."""
    x, (n, m) = table.x, full.shape
    v = np.linalg.inv(x.T @ x)
    b = v @ x.T @ full
    r = full - x @ b
    scatter = r.T @ r
    freedom = n - x.shape[1]
    # Bartlett: an inverse Wishart is root inv(A A') root' with A lower triangular.
    a = np.tril(rng.normal(size=(m, m)), -1) + np.diag(np.sqrt(rng.chisquare(freedom - np.arange(m))))
    root = linalg.cholesky(scatter, lower=True)
    half = linalg.solve_triangular(a, root.T, lower=True).T
    s = half @ half.T
    noise = linalg.cholesky(v, lower=True) @ rng.normal(size=b.shape) @ linalg.cholesky(s, lower=True).T
    return b + noise, s


def _means(table: _Table, b: np.ndarray, assumption: str, reference: int) -> np.ndarray:
    """Mean of each person and visit under an assumption; the reference arm is MAR under all of them."""
    own = table.x @ b
    if assumption == "MAR":
        return own
    other = table.x.copy()
    arms = int(table.arm.max()) + 1
    other[:, :arms] = np.eye(arms)[reference]
    theirs, m = other @ b, own.shape[1]
    place = np.arange(m)
    last = np.where(table.seen.any(axis=1), m - 1 - np.argmax(table.seen[:, ::-1], axis=1), -1)
    gone = place > last[:, None]  # unseen visits between seen ones stay MAR
    if assumption == "J2R":
        moved = np.where(gone, theirs, own)
    elif assumption == "CR":
        moved = np.where((last < m - 1)[:, None], theirs, own)
    else:
        at = np.maximum(last, 0)
        rows = np.arange(len(own))
        step = np.where(last >= 0, own[rows, at] - theirs[rows, at], 0.0)
        moved = np.where(gone, theirs + step[:, None], own)
    return np.where((table.arm == reference)[:, None], own, moved)


def impute(
    values: Any,
    arm: Sequence[Any] | np.ndarray,
    baseline: Any = None,
    assumption: str = "MAR",
    reference: str | None = None,
    tables: int = TABLES,
    seed: int = 0,
    burn: int = BURN,
    thin: int = THIN,
) -> Imputed:
    """Fill unseen scores `tables` times. Values (person, visit) with nan, arm and baseline (person,).

    The law is fitted to all arms at once (one covariance) under MAR; J2R, CR and CIR then take the mean of `reference`,
    which they need: from the first visit after the last seen one, all along for who left, or its changes from the last
    seen visit. The reference arm, and gaps between seen visits, are MAR under each (CR moves the mean before dropout
    too).
    Raises InputError for an arm without two seen scores at a visit, and for an unknown reference.
    """
    table, names = _table(values, arm, baseline)
    given.one_of(assumption, ASSUMPTIONS, "The assumption")
    if assumption != "MAR" and reference is None:
        raise InputError(f"{assumption} needs a reference arm; name one of {', '.join(names)}.")
    if reference is not None and str(reference) not in names:
        raise InputError(f"No person is in the reference arm {reference!r}{nearest(str(reference), names)}.")
    base = names.index(str(reference)) if reference is not None else 0
    number, first, gap = given.whole(tables, "tables", 2), given.whole(burn, "burn", 0), given.whole(thin, "thin")
    rng = np.random.default_rng(seed)
    full = np.where(table.seen, table.y, 0.0)
    for i in range(len(names)):  # begin at the arm's mean of each visit
        rows = table.arm == i
        full[rows] = np.where(table.seen[rows], full[rows], np.nanmean(table.y[rows], axis=0))
    out = np.empty((number, *full.shape))
    for sweep in range(first + gap * number):
        b, s = _draw(table, full, rng)
        _fill(table, table.x @ b, s, full, rng)
        if sweep >= first and (sweep - first) % gap == gap - 1:
            kept = full.copy()
            if assumption != "MAR":
                _fill(table, _means(table, b, assumption, base), s, kept, rng)
            out[(sweep - first) // gap] = kept
    return Imputed(out, ~table.seen, assumption)


def shifted(
    imputed: Imputed, arm: Sequence[Any] | np.ndarray, delta: dict[str, float], accumulate: bool = False
) -> Imputed:
    """The same tables with `delta` of each arm named added to scores that were not seen; `accumulate` adds it up by
    visit.

    Raises InputError for an arm that nobody is in.
    """
    arms = given.labels(arm, "arm", imputed.unseen.shape[0]).astype(str)
    for name in delta:
        if name not in arms:
            raise InputError(f"No person is in arm {name!r}{nearest(name, set(arms.tolist()))}.")
    amount = np.array([given.real(delta.get(name, 0.0), f"delta of {name}") for name in arms.tolist()])
    times = np.cumsum(imputed.unseen, axis=1) if accumulate else np.ones_like(imputed.unseen, dtype=float)
    tables = imputed.tables + np.where(imputed.unseen, amount[:, None] * times, 0.0)
    return Imputed(tables, imputed.unseen, f"{imputed.assumption}, delta {delta}")


def combined(
    imputed: Imputed,
    analyse: Callable[[np.ndarray], tuple[float, float]],
    complete_freedom: float = math.inf,
    level: float = LEVEL,
) -> Combined:
    """`analyse` (a table -> estimate and standard error) over all tables, put together by Rubin's rules."""
    found = np.array([analyse(table) for table in imputed.tables])
    return rubin(found[:, 0], found[:, 1] ** 2, complete_freedom, level)


@dataclass(frozen=True)
class Tipping:
    """The delta at which p meets alpha (nan where no delta searched does), and the path to it."""

    delta: float
    deltas: np.ndarray
    path: tuple[Combined, ...]
    sentence: str


def tipping_point(
    imputed: Imputed,
    arm: Sequence[Any] | np.ndarray,
    which: str,
    analyse: Callable[[np.ndarray], tuple[float, float]],
    deltas: Sequence[float] | np.ndarray,
    complete_freedom: float = math.inf,
    alpha: float = ALPHA,
) -> Tipping:
    """How much worse the unseen scores of arm `which` must be before the finding is gone.

    `deltas` rise or fall from the mildest to the worst; between the two where p first passes alpha the point is found.
    """
    steps, level = given.vector(deltas, "deltas", 2), given.share(alpha, "alpha")

    def at(delta: float) -> Combined:
        return combined(shifted(imputed, arm, {which: float(delta)}), analyse, complete_freedom)

    path = tuple(at(delta) for delta in steps)
    significant = [one.p < level for one in path]
    if not significant[0]:
        return Tipping(math.nan, steps, path, f"p is {path[0].p:.3g} at delta {steps[0]:g} already: nothing to tip.")
    if all(significant):
        return Tipping(math.nan, steps, path, f"p stays under {level:.3g} up to delta {steps[-1]:.3g}.")
    i = significant.index(False)
    close = CLOSE * abs(steps[-1] - steps[0])
    delta = float(optimize.brentq(lambda d: at(d).p - level, steps[i - 1], steps[i], xtol=close))
    said = f"p passes {level:.3g} where unseen scores of {which} are shifted by {delta:.3g}."
    return Tipping(delta, steps, path, said)
