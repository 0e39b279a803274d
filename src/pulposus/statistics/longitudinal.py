"""Scores of persons over visits: analysis of covariance at one, repeated measures at all.

What: `ancova` compares arms at one visit, adjusted for baseline and covariates; `repeated_measures` (MMRM) uses every
visit of every person, with a covariance of its own for each pair of visits, so that persons who drop out still tell of
what came after (missing at random). Both give least-squares means and their differences with standard errors.
Equations: y_i = X_i b + e_i, e_i ~ N(0, S) restricted to the visits that i has; S = L L', L lower triangular with
exp on its diagonal; restricted log-likelihood -1/2 [sum log|S_i| + log|sum X_i'S_i⁻¹X_i| + sum r_i'S_i⁻¹r_i], climbed
by Newton's method in the entries of S, from a start by BFGS in the entries of L where that strays. Degrees of freedom
by Satterthwaite, 2 (c'Vc)² / (g'Ag), A the inverse of the observed information; or, with the same degrees, Kenward
and Roger's covariance of b (1997; for one contrast their degrees are these; S is linear in its entries, so that the
term of second derivatives is nought; with observed information, as SAS has it).
Source: Laird and Ware 1982; Mallinckrodt and others 2008; Kenward and Roger 1997.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import optimize

from pulposus.errors import InputError, nearest

from . import given
from .estimate import Estimate, student, two_sided
from .given import LEVEL

FREEDOMS = ("Satterthwaite", "Kenward-Roger")
NEWTON = 60  # maths: most steps of Newton's method
CLOSE = 1e-9  # maths: where Newton's method stops, the step relative to the covariance
CLIMB = 1e-6  # maths: where BFGS hands over, largest slope
HALVINGS = 30  # maths: most halvings of a step that leads down or out of the covariances
ROUNDING = 1e-13  # maths: by how much rounding may lower a likelihood, relative
WIDEST = 40.0  # maths: a logarithm of a standard deviation beyond which none lies


@dataclass(frozen=True)
class Mean:
    """A least-squares mean or a difference of two: estimate, standard error, degrees of freedom, p against nought."""

    name: str
    visit: str
    estimate: Estimate
    error: float
    freedom: float
    p: float


def _mean(name: str, visit: str, value: float, error: float, freedom: float, level: float, method: str) -> Mean:
    p = two_sided(value / error, freedom)
    return Mean(name, visit, student(value, error, freedom, level, method), error, freedom, p)


def _covariates(covariates: Any, rows: int) -> np.ndarray:
    """Covariates as (row, covariate)."""
    if covariates is None:
        return np.zeros((rows, 0))
    try:
        table = np.asarray(covariates, dtype=float)
    except (TypeError, ValueError):
        raise InputError("A covariate is no number; give categories as columns of 0 and 1.") from None
    table = table[:, None] if table.ndim == 1 else table
    if table.ndim != 2 or table.shape[0] != rows:
        raise InputError(f"covariates has shape {table.shape}; give {rows} rows, one column for each covariate.")
    if not np.isfinite(table).all():
        raise InputError("A covariate is missing; impute it from what was known before allocation, or leave it out.")
    return table


def _reference(arms: Sequence[str], reference: str | None) -> str:
    chosen = arms[0] if reference is None else str(reference)
    if chosen not in arms:
        raise InputError(f"No person is in the reference arm {chosen!r}{nearest(chosen, arms)}.")
    if len(arms) < 2:
        raise InputError(f"All persons are in arm {arms[0]!r}; a comparison needs two arms.")
    return chosen


@dataclass(frozen=True)
class Covaried:
    """What an analysis of covariance gives: means of the arms, differences from the reference, residual sd."""

    means: tuple[Mean, ...]
    differences: tuple[Mean, ...]
    sd: float


def ancova(
    value: Any,
    arm: Sequence[Any] | np.ndarray,
    baseline: Any = None,
    covariates: Any = None,
    reference: str | None = None,
    level: float = LEVEL,
) -> Covaried:
    """Least-squares means by arm and their differences from `reference` (the first by name), at mean covariates.

    y = arm + slopes × (baseline, covariates) + e by ordinary least squares; all (person,), covariates (person,
    covariate).
    """
    y = given.vector(value, "value", 3)
    arms = given.labels(arm, "arm", y.size).astype(str)
    names = sorted(set(arms.tolist()))
    base = _reference(names, reference)
    z = _covariates(covariates, y.size)
    if baseline is not None:
        z = np.column_stack([given.vector(baseline, "baseline"), z]) if len(baseline) == y.size else _short(baseline, y)
    x = np.column_stack([*[(arms == name).astype(float) for name in names], z - z.mean(axis=0)])
    freedom = y.size - x.shape[1]
    if np.linalg.matrix_rank(x) < x.shape[1] or freedom < 1:
        raise InputError(f"{y.size} persons cannot tell {x.shape[1]} terms apart; leave a covariate out.")
    inverse = np.linalg.inv(x.T @ x)
    b = inverse @ x.T @ y
    variance = float(((y - x @ b) ** 2).sum()) / freedom
    if variance == 0:
        raise InputError("The model fits every person exactly; there is no spread to judge a difference by.")

    def told(name: str, c: np.ndarray) -> Mean:
        error = math.sqrt(variance * float(c @ inverse @ c))
        return _mean(name, "", float(c @ b), error, freedom, level, "analysis of covariance")

    unit = np.eye(x.shape[1])
    means = tuple(told(name, unit[i]) for i, name in enumerate(names))
    origin = unit[names.index(base)]
    gaps = tuple(told(f"{n} - {base}", unit[i] - origin) for i, n in enumerate(names) if n != base)
    return Covaried(means, gaps, math.sqrt(variance))


def _short(baseline: Any, y: np.ndarray) -> np.ndarray:
    raise InputError(f"baseline has {len(baseline)} numbers for {y.size} persons; give one each.")


# ---------------------------------------------------------------------------------------------- repeated measures


@dataclass(frozen=True)
class _Pattern:
    """Persons who have the same visits, as sums over them: all that a likelihood asks, whatever their number."""

    visits: np.ndarray
    persons: int
    yy: np.ndarray  # (visit, visit)
    xy: np.ndarray  # (visit, term, visit)
    xx: np.ndarray  # (visit, term, visit, term)

    @classmethod
    def of(cls, visits: np.ndarray, y: np.ndarray, x: np.ndarray) -> _Pattern:
        """From scores (person, visit) and designs (person, visit, term)."""
        k, p = x.shape[1:]
        flat = x.reshape(len(x), -1)
        return cls(visits, len(y), y.T @ y, (flat.T @ y).reshape(k, p, k), (flat.T @ flat).reshape(k, p, k, p))


def _over_visits(w: np.ndarray, xx: np.ndarray) -> np.ndarray:
    """sum w[a, b] xx[a, r, b, s]: (term, term)."""
    return np.tensordot(w, xx, axes=([0, 1], [0, 2]))


class _Restricted:
    """The restricted likelihood at a covariance of visits, and what hangs on it."""

    def __init__(self, patterns: Sequence[_Pattern], covariance: np.ndarray) -> None:
        self.patterns, self.covariance = patterns, covariance
        p = patterns[0].xx.shape[1]
        information, score, log_det, rows = np.zeros((p, p)), np.zeros(p), 0.0, 0
        self.inverses = []
        for part in patterns:
            factor = np.linalg.cholesky(covariance[np.ix_(part.visits, part.visits)])
            root = np.linalg.inv(factor)
            w = root.T @ root
            information += _over_visits(w, part.xx)
            score += np.tensordot(w, part.xy, axes=([0, 1], [0, 2]))
            log_det += 2 * part.persons * float(np.log(np.diag(factor)).sum())
            rows += part.persons * len(part.visits)
            self.inverses.append(w)
        self.v = np.linalg.inv(information)
        self.b = self.v @ score
        self.residuals = [self._residual(part) for part in patterns]  # sums of r r', (visit, visit)
        squares = sum(float((w * r).sum()) for w, r in zip(self.inverses, self.residuals, strict=True))
        sign = float(np.linalg.slogdet(information)[1])
        self.log_likelihood = -0.5 * (log_det + sign + squares + (rows - p) * math.log(2 * math.pi))

    def _residual(self, part: _Pattern) -> np.ndarray:
        fitted = np.tensordot(self.b, part.xy, axes=([0], [1]))
        double = np.tensordot(np.tensordot(part.xx, self.b, axes=([3], [0])), self.b, axes=([1], [0]))
        return np.asarray(part.yy - fitted - fitted.T + double)

    def slope(self) -> np.ndarray:
        """Derivative by the entries of the covariance, as if each of a symmetric pair stood alone: (visit, visit)."""
        out = np.zeros_like(self.covariance)
        for part, w, r in zip(self.patterns, self.inverses, self.residuals, strict=True):
            spread = np.tensordot(part.xx, self.v, axes=([1, 3], [0, 1]))
            out[np.ix_(part.visits, part.visits)] += 0.5 * (w @ (r + spread) @ w - part.persons * w)
        return out

    def curvature(self, entries: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """For derivatives E_j of the covariance: expected and observed information, P_j = X'S⁻¹E_jS⁻¹X, and Q_jk.

        Expected 1/2 tr(P E_j P E_k) with P the residual projector, observed y'P E_j P E_k P y less that.
        """
        q, p, e = len(entries), len(self.b), np.stack(entries)
        first, second = np.zeros((q, p, p)), np.zeros((q, q, p, p))
        trace, gain, projected = np.zeros((q, q)), np.zeros((q, q)), np.zeros((q, p))
        for part, w, r in zip(self.patterns, self.inverses, self.residuals, strict=True):
            inner = e[:, part.visits][:, :, part.visits]
            half_way = np.tensordot(w, part.xx, axes=([1], [0]))
            whole = np.tensordot(half_way, w, axes=([2], [0])).transpose(0, 1, 3, 2)  # sum of (S⁻¹X)[a] (S⁻¹X)[b]
            first += np.tensordot(inner, whole, axes=([1, 2], [0, 2]))
            we = w @ inner
            trace += part.persons * np.tensordot(we, we, axes=([1, 2], [2, 1]))
            block = np.tensordot(inner, we, axes=([2], [1])).transpose(0, 2, 1, 3)
            second += np.tensordot(block, whole, axes=([2, 3], [0, 2]))
            gain += np.tensordot(block, w @ r @ w, axes=([2, 3], [1, 0]))
            mixed = part.xy - np.tensordot(part.xx, self.b, axes=([3], [0]))  # sum of x[b, r] r[a]: (b, r, a)
            turned = np.tensordot(np.tensordot(w, mixed, axes=([1], [0])), w, axes=([2], [0]))
            projected += np.tensordot(inner, turned, axes=([2, 1], [0, 2]))
        pressed = first @ self.v
        both = np.tensordot(pressed, pressed, axes=([1, 2], [2, 1]))
        half = 0.5 * (trace - 2 * np.tensordot(second, self.v, axes=([2, 3], [1, 0])) + both)
        observed = gain - projected @ self.v @ projected.T - half
        return half, observed, first, second


def _entries(m: int) -> list[np.ndarray]:
    """Derivatives of a symmetric matrix by its lower triangle."""
    out = []
    for i in range(m):
        for j in range(i + 1):
            e = np.zeros((m, m))
            e[i, j] = e[j, i] = 1.0
            out.append(e)
    return out


def _newton(best: _Restricted) -> tuple[_Restricted, bool]:
    """Newton's method in the entries of the covariance, and whether it came to rest at a maximum."""
    entries = _entries(len(best.covariance))
    for _ in range(NEWTON):
        slope = best.slope()
        g = np.array([float((slope * e).sum()) for e in entries])
        expected, observed, _, _ = best.curvature(entries)
        steady = bool(np.linalg.eigvalsh(observed).min() > 0)
        try:
            step = np.linalg.solve(observed if steady else expected, g)
        except np.linalg.LinAlgError:
            return best, False
        change = np.tensordot(step, np.stack(entries), axes=1)
        for _ in range(HALVINGS):
            try:
                after = _Restricted(best.patterns, best.covariance + change)
            except np.linalg.LinAlgError:
                change = change / 2
                continue
            if after.log_likelihood >= best.log_likelihood - ROUNDING * abs(best.log_likelihood):
                break
            change = change / 2
        else:
            return best, False
        best = after
        if steady and np.abs(change).max() <= CLOSE * np.abs(best.covariance).max():
            return best, True
    return best, False


def _climb(patterns: Sequence[_Pattern], start: np.ndarray) -> _Restricted:
    """The covariance of greatest restricted likelihood: Newton; where that strays, BFGS in its factor first."""
    best, rests = _newton(_Restricted(patterns, start))
    if not rests:
        best, rests = _newton(_Restricted(patterns, _bfgs(patterns, start)))
    if rests:
        return best
    raise InputError(
        "The covariance of the visits cannot be told from these data (too few persons with pairs of visits); "
        "leave a visit out, or use `ancova` at one visit."
    )


def _bfgs(patterns: Sequence[_Pattern], start: np.ndarray) -> np.ndarray:
    """A covariance near the best: L L' with L lower triangular and exp on its diagonal, by the analytic gradient."""
    m = len(start)
    lower, diagonal = np.tril_indices(m), np.arange(m)

    def factor(theta: np.ndarray) -> np.ndarray:
        root = np.zeros((m, m))
        root[lower] = theta
        root[diagonal, diagonal] = np.exp(np.clip(root[diagonal, diagonal], -WIDEST, WIDEST))
        return root

    def loss(theta: np.ndarray) -> tuple[float, np.ndarray]:
        root = factor(theta)
        try:
            at = _Restricted(patterns, root @ root.T)
        except np.linalg.LinAlgError:
            return math.inf, np.zeros_like(theta)
        slope = 2 * at.slope() @ root
        slope[diagonal, diagonal] *= root[diagonal, diagonal]
        return -at.log_likelihood, -slope[lower]

    root = np.linalg.cholesky(start)
    root[diagonal, diagonal] = np.log(root[diagonal, diagonal])
    found = optimize.minimize(loss, root[lower], jac=True, method="BFGS", options={"gtol": CLIMB})
    best = factor(found.x)
    return np.asarray(best @ best.T)


@dataclass(frozen=True)
class Repeated:
    """A fitted MMRM: means by arm and visit, differences from the reference, coefficients and covariances."""

    means: tuple[Mean, ...]
    differences: tuple[Mean, ...]
    coefficients: np.ndarray  # (term,)
    coefficient_covariance: np.ndarray  # (term, term), Kenward and Roger's where they were asked for
    covariance: np.ndarray  # (visit, visit)
    log_likelihood: float
    visits: tuple[str, ...]
    persons: int

    def difference(self, name: str, visit: str) -> Mean:
        """The difference called `name` ('cells - sham') at a visit. Raises InputError where there is none."""
        for one in self.differences:
            if one.name == name and one.visit == visit:
                return one
        known = [f"{one.name} at {one.visit}" for one in self.differences]
        raise InputError(f"There is no difference {name} at {visit}{nearest(f'{name} at {visit}', known)}.")


class _Freedom:
    """Standard errors and degrees of freedom of contrasts of the coefficients."""

    def __init__(self, at: _Restricted, method: str) -> None:
        self.v = at.v
        _, observed, self.first, second = at.curvature(_entries(len(at.covariance)))
        self.spread, self.covariance = np.linalg.inv(observed), self.v
        if method == "Kenward-Roger":
            inner = second - np.einsum("jrs,st,ktu->jkru", self.first, self.v, self.first, optimize=True)
            self.covariance = self.v + 2 * self.v @ np.einsum("jk,jkrs->rs", self.spread, inner) @ self.v
            self.covariance = 0.5 * (self.covariance + self.covariance.T)

    def of(self, c: np.ndarray) -> tuple[float, float]:
        """Standard error and degrees of freedom of c'b."""
        vc = self.v @ c
        slope = np.einsum("r,jrs,s->j", vc, self.first, vc)
        freedom = 2 * float(c @ vc) ** 2 / float(slope @ self.spread @ slope)
        return math.sqrt(float(c @ self.covariance @ c)), freedom


def _order(visit: np.ndarray, visits: Sequence[Any] | None) -> list[str]:
    if visits is not None:
        names = [str(one) for one in visits]
        strange = [one for one in dict.fromkeys(visit.astype(str).tolist()) if one not in names]
        if strange:
            raise InputError(f"Visit {strange[0]!r} is not among {', '.join(names)}{nearest(strange[0], names)}.")
        return [one for one in names if (visit.astype(str) == one).any()]
    return [str(one) for one in sorted(set(visit.tolist()))]


def _grouped(y: np.ndarray, x: np.ndarray, person: np.ndarray, place: np.ndarray) -> list[_Pattern]:
    groups: dict[tuple[int, ...], list[np.ndarray]] = {}
    for one in dict.fromkeys(person.tolist()):
        rows = np.flatnonzero(person == one)
        rows = rows[np.argsort(place[rows], kind="stable")]
        if len(set(place[rows].tolist())) < len(rows):
            raise InputError(f"Person {one} has two scores at one visit; keep one of them.")
        groups.setdefault(tuple(place[rows].tolist()), []).append(rows)
    return [_Pattern.of(np.array(k), y[np.array(r)], x[np.array(r)]) for k, r in groups.items()]


def _start(y: np.ndarray, x: np.ndarray, place: np.ndarray, person: np.ndarray, m: int) -> np.ndarray:
    """A covariance to begin at: residual variances by visit, one correlation of all pairs."""
    r = y - x @ np.linalg.lstsq(x, y, rcond=None)[0]
    scale = np.array([max(float(np.mean(r[place == k] ** 2)), CLOSE) for k in range(m)]) ** 0.5
    z = r / scale[place]
    codes = np.unique(person, return_inverse=True)[1]
    total, square, number = np.bincount(codes, z), np.bincount(codes, z**2), np.bincount(codes)
    pairs = float((number * (number - 1)).sum())
    alike = float((total**2 - square).sum()) / pairs if pairs else 0.0
    alike = min(max(alike, 0.0), 1 - CLIMB)
    return np.outer(scale, scale) * (alike + (1 - alike) * np.eye(m))


def repeated_measures(
    value: Any,
    person: Sequence[Any] | np.ndarray,
    visit: Sequence[Any] | np.ndarray,
    arm: Sequence[Any] | np.ndarray,
    baseline: Any = None,
    covariates: Any = None,
    reference: str | None = None,
    visits: Sequence[Any] | None = None,
    freedom: str = "Satterthwaite",
    level: float = LEVEL,
) -> Repeated:
    """Repeated measures with unstructured covariance, one row a score that was seen (missing rows are left out).

    Terms: a mean for each arm and visit, a slope on `baseline` for each visit, one slope for each of `covariates`
    (row, covariate). Means are at the mean of baseline and covariates over the rows, as emmeans takes them; an arm has
    none at a visit at which nobody of it was seen. `visits` gives the order; `freedom` is "Satterthwaite" or
    "Kenward-Roger". Raises InputError where rows differ in number, a person has two arms or two scores at a visit, or
    the covariance cannot be told.
    """
    y = given.vector(value, "value", 3)
    given.one_of(freedom, FREEDOMS, "The degrees of freedom")
    people, when = given.labels(person, "person", y.size), given.labels(visit, "visit", y.size)
    arms = given.labels(arm, "arm", y.size).astype(str)
    order, names = _order(when, visits), sorted(set(arms.tolist()))
    base = _reference(names, reference)
    place = np.array([order.index(one) for one in when.astype(str).tolist()])
    _one_arm(people, arms)
    cells = [(a, k) for k in range(len(order)) for a in names if ((arms == a) & (place == k)).any()]
    columns = [((arms == a) & (place == k)).astype(float) for a, k in cells]
    if baseline is not None:
        b = given.vector(baseline, "baseline")
        given.alike(value=y, baseline=b)
        columns += [(b - b.mean()) * (place == k) for k in range(len(order))]
    z = _covariates(covariates, y.size)
    x = np.column_stack([*columns, z - z.mean(axis=0)])
    if np.linalg.matrix_rank(x) < x.shape[1]:
        raise InputError("A covariate is made up of others or of the arms; leave it out.")
    at = _climb(_grouped(y, x, people, place), _start(y, x, place, people, len(order)))
    judge, said = _Freedom(at, freedom), f"MMRM, unstructured, REML, {freedom}"
    unit = np.eye(x.shape[1])

    def told(name: str, k: int, c: np.ndarray) -> Mean:
        error, degrees = judge.of(c)
        return _mean(name, order[k], float(c @ at.b), error, degrees, level, said)

    means = tuple(told(a, k, unit[i]) for i, (a, k) in enumerate(cells))
    origin = {k: unit[i] for i, (a, k) in enumerate(cells) if a == base}
    asked = [(a, k, unit[i]) for i, (a, k) in enumerate(cells) if a != base and k in origin]
    gaps = tuple(told(f"{a} - {base}", k, c - origin[k]) for a, k, c in asked)
    persons = len(set(people.tolist()))
    return Repeated(means, gaps, at.b, judge.covariance, at.covariance, at.log_likelihood, tuple(order), persons)


def _one_arm(people: np.ndarray, arms: np.ndarray) -> None:
    seen: dict[Any, str] = {}
    for one, arm in zip(people.tolist(), arms.tolist(), strict=True):
        if seen.setdefault(one, arm) != arm:
            raise InputError(f"Person {one} is in arms {seen[one]} and {arm}; give the arm that the lot fell on.")
