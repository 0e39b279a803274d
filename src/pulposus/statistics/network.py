"""Treatments compared through a network of trials, and the single-arm bridge that always carries its warning.

What: `contrasts` turns arms into differences with the covariances of trials of three or more arms; `compare` fits all
treatments at once; `split` sets direct against indirect evidence pair by pair; `designs` asks whether trials of
different make-up agree; `bridge` sets a single arm beside control arms of other trials.
Equations: y = X d + u + e, e ~ N(0, S), u ~ N(0, tau2 T), T 1 on the diagonal and 1/2 between contrasts of one trial;
d = (X'V⁻¹X)⁻¹ X'V⁻¹y with V = S + tau2 T; tau2 by restricted maximum likelihood or nought.
Source: Lu and Ades 2006; White and others 2012; Rücker and Schwarzer 2015 (P-scores).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import optimize, special

from pulposus.errors import InputError, nearest

from . import given
from .estimate import Estimate, normal, two_sided
from .given import LEVEL
from .meta import Pooled, pool

CLOSE = 1e-14  # maths: where the search for tau2 stops, relative to its range
STEPS = 500  # maths: most steps of that search
POINTS = 60  # maths: of the grid that brackets the best tau2


@dataclass(frozen=True)
class Contrasts:
    """Differences `other` less `base` of each study, (row,), and their sampling covariance, (row, row)."""

    study: np.ndarray
    base: np.ndarray
    other: np.ndarray
    effect: np.ndarray
    covariance: np.ndarray

    @property
    def treatments(self) -> list[str]:
        """All treatments, sorted."""
        return sorted({*map(str, self.base), *map(str, self.other)})


def contrasts(study: Sequence[Any], treatment: Sequence[Any], value: Any, variance: Any) -> Contrasts:
    """From independent arms, one a row: each further arm of a study less its first arm as given.

    Contrasts of one study share the variance of its first arm. Raises InputError where a study has one arm only or the
    same treatment twice (add such arms up first).
    """
    y, v = given.vector(value, "value"), given.positive(variance, "variance")
    given.alike(value=y, variance=v)
    studies, names = given.labels(study, "study", y.size), given.labels(treatment, "treatment", y.size)
    base, rows = [], []
    for one in dict.fromkeys(studies.tolist()):
        arms = np.flatnonzero(studies == one)
        inside = [str(names[i]) for i in arms]
        if len(arms) < 2:
            raise InputError(f"Study {one} has one arm; a network takes studies of two arms or more (or see `bridge`).")
        if len(set(inside)) < len(inside):
            raise InputError(f"Study {one} names a treatment twice ({', '.join(inside)}); add its arms up first.")
        base += [arms[0]] * (len(arms) - 1)
        rows += list(arms[1:])
    first, other = np.array(base), np.array(rows)
    covariance = np.where(first[:, None] == first[None, :], v[first][:, None], 0.0) + np.diag(v[other])
    text = names.astype(str)
    return Contrasts(studies[other].astype(str), text[first], text[other], y[other] - y[first], covariance)


def pairs(study: Sequence[Any], base: Sequence[Any], other: Sequence[Any], effect: Any, variance: Any) -> Contrasts:
    """From trials of two arms, one difference a row; a study in two rows is refused (its covariance is not known)."""
    y, v = given.vector(effect, "effect"), given.positive(variance, "variance")
    given.alike(effect=y, variance=v)
    studies = given.labels(study, "study", y.size).astype(str)
    if len(set(studies)) < studies.size:
        raise InputError("A study stands in two rows; give trials of three arms by arm, through `contrasts`.")
    one = given.labels(base, "base", y.size).astype(str)
    two = given.labels(other, "other", y.size).astype(str)
    if (one == two).any():
        raise InputError(f"Study {studies[np.flatnonzero(one == two)[0]]} compares a treatment with itself; name two.")
    return Contrasts(studies, one, two, y, np.diag(v))


def _design(data: Contrasts, treatments: Sequence[str], reference: str) -> np.ndarray:
    columns = [name for name in treatments if name != reference]
    signs = [(data.other == name).astype(float) - (data.base == name) for name in columns]
    return np.stack(signs, axis=1)


def _between(study: np.ndarray) -> np.ndarray:
    same = study[:, None] == study[None, :]
    return np.where(same, 0.5, 0.0) + 0.5 * np.eye(len(study))


def _solve(x: np.ndarray, y: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray, float, float]:
    """Coefficients, their covariance, the weighted residual sum, and twice the negative restricted log-likelihood."""
    factor = np.linalg.cholesky(v)
    xs, ys = np.linalg.solve(factor, x), np.linalg.solve(factor, y)
    information = xs.T @ xs
    covariance = np.linalg.inv(information)
    b = covariance @ xs.T @ ys
    q = float(((ys - xs @ b) ** 2).sum())
    loss = q + 2 * float(np.log(np.diag(factor)).sum()) + float(np.linalg.slogdet(information)[1])
    return b, covariance, q, loss


def _tau2(x: np.ndarray, y: np.ndarray, s: np.ndarray, t: np.ndarray) -> float:
    if len(y) <= x.shape[1]:
        return 0.0
    top = 8 * float(np.var(y) + s.diagonal().max())
    grid = np.concatenate([[0.0], np.geomspace(CLOSE**0.5 * top, top, POINTS)])
    losses = [_solve(x, y, s + tau2 * t)[3] for tau2 in grid]
    best = int(np.argmin(losses))

    def slope(tau2: float) -> float:
        v = np.linalg.inv(s + tau2 * t)
        information = np.linalg.inv(x.T @ v @ x)
        p = v - v @ x @ information @ x.T @ v
        return float(np.trace(p @ t) - y @ p @ t @ p @ y)

    low, high = grid[max(best - 1, 0)], grid[min(best + 1, POINTS)]
    if slope(low) >= 0 or slope(high) <= 0:
        return float(grid[best])
    return float(optimize.brentq(slope, low, high, xtol=CLOSE * top, maxiter=STEPS))


@dataclass(frozen=True)
class Network:
    """Effects of all treatments against the reference, their covariance, and what follows from them."""

    treatments: tuple[str, ...]  # the reference first
    effects: np.ndarray  # (treatment,), nought for the reference
    covariance: np.ndarray  # (treatment, treatment)
    tau2: float
    q: float
    q_freedom: int
    q_p: float

    def index(self, name: str) -> int:
        """Place of a treatment. Raises InputError for a name that the network does not hold."""
        if name not in self.treatments:
            raise InputError(f"The network holds no treatment {name!r}{nearest(name, self.treatments)}.")
        return self.treatments.index(name)

    def difference(self, name: str, other: str, level: float = LEVEL) -> Estimate:
        """Effect of one treatment less that of another."""
        i, j = self.index(name), self.index(other)
        c = self.covariance
        error = math.sqrt(max(0.0, c[i, i] + c[j, j] - 2 * c[i, j]))
        return normal(self.effects[i] - self.effects[j], error, level, f"network, tau2 {self.tau2:.4g}")

    def league(self, level: float = LEVEL) -> dict[tuple[str, str], Estimate]:
        """All ordered pairs of different treatments and the difference of the first less the second."""
        names = self.treatments
        return {(a, b): self.difference(a, b, level) for a in names for b in names if a != b}

    def ranks(self, small_is_good: bool = True) -> dict[str, float]:
        """P-scores: mean chance, over all others, that a treatment is the better of the two."""
        scores = {}
        for name in self.treatments:
            chances = []
            for other in self.treatments:
                if other != name:
                    i, j, c = self.index(name), self.index(other), self.covariance
                    z = (self.effects[j] - self.effects[i]) / math.sqrt(c[i, i] + c[j, j] - 2 * c[i, j])
                    chances.append(float(special.ndtr(z if small_is_good else -z)))
            scores[name] = float(np.mean(chances))
        return scores


def _parts(data: Contrasts) -> list[set[str]]:
    """Treatments that hang together."""
    groups: list[set[str]] = []
    for one, two in zip(data.base.tolist(), data.other.tolist(), strict=True):
        joined = {one, two}
        for group in [g for g in groups if g & joined]:
            joined |= group
            groups.remove(group)
        groups.append(joined)
    return groups


def compare(data: Contrasts, reference: str | None = None, model: str = "random") -> Network:
    """All treatments at once against `reference` (the first by name where none is given); "fixed" or "random".

    Q is that of the fixed model, on rows less treatments plus one degrees of freedom. Raises InputError for an unknown
    reference and for a network that falls apart.
    """
    given.one_of(model, ("fixed", "random"), "The model")
    names = data.treatments
    chosen = names[0] if reference is None else str(reference)
    if chosen not in names:
        raise InputError(
            f"No study holds the reference {chosen!r}{nearest(chosen, names)}; name a treatment that one has."
        )
    parts = _parts(data)
    if len(parts) > 1:
        said = " and ".join("{" + ", ".join(sorted(part)) + "}" for part in parts)
        raise InputError(f"The network falls apart into {said}; add a trial that joins them, or pool each alone.")
    x, y = _design(data, names, chosen), data.effect
    q, freedom = _solve(x, y, data.covariance)[2], len(y) - x.shape[1]
    between = _between(data.study)
    tau2 = _tau2(x, y, data.covariance, between) if model == "random" else 0.0
    b, c, _, _ = _solve(x, y, data.covariance + tau2 * between)
    whole = np.zeros((len(names), len(names)))
    whole[1:, 1:] = c
    q_p = float(special.chdtrc(freedom, q)) if freedom > 0 else 1.0
    order = (chosen, *(name for name in names if name != chosen))
    return Network(order, np.concatenate([[0.0], b]), whole, tau2, q, freedom, q_p)


@dataclass(frozen=True)
class Split:
    """Direct less indirect evidence on `other` less `base`, with its two-sided p."""

    base: str
    other: str
    difference: Estimate
    p: float


def split(data: Contrasts, model: str = "random", level: float = LEVEL) -> list[Split]:
    """Direct against indirect evidence, for each pair that a trial compares and that has a way round.

    A term w is added to the model: +1/2 for `other` and -1/2 for `base` in trials that hold both (so that a trial of
    three arms is treated alike whichever is its first, White 2015); its coefficient is direct less indirect.
    """
    names = data.treatments
    x0 = _design(data, names, names[0])
    between = _between(data.study)
    members: dict[str, set[str]] = {}
    for one, base, other in zip(data.study.tolist(), data.base.tolist(), data.other.tolist(), strict=True):
        members.setdefault(one, set()).update((base, other))
    found = []
    for i, base in enumerate(names):
        for other in names[i + 1 :]:
            both = np.array([{base, other} <= members[one] for one in data.study.tolist()])
            if not both.any():
                continue
            shift = [0.5 * ((arm == other).astype(float) - (arm == base)) for arm in (data.other, data.base)]
            x = np.column_stack([x0, np.where(both, shift[0] - shift[1], 0.0)])
            if np.linalg.matrix_rank(x) < x.shape[1]:
                continue  # no way round this pair
            tau2 = _tau2(x, data.effect, data.covariance, between) if model == "random" else 0.0
            b, c, _, _ = _solve(x, data.effect, data.covariance + tau2 * between)
            error = math.sqrt(c[-1, -1])
            estimate = normal(b[-1], error, level, "direct less indirect")
            found.append(Split(base, other, estimate, two_sided(b[-1] / error)))
    return found


@dataclass(frozen=True)
class Designs:
    """Q of the whole network as the sum of what lies within designs and between them (inconsistency), with p."""

    within: float
    within_freedom: int
    within_p: float
    between: float
    between_freedom: int
    between_p: float


def designs(data: Contrasts) -> Designs:
    """Whether trials of different sets of treatments agree: Cochran's Q taken apart in the fixed model (Krahn 2013).

    A design is a set of treatments; each design gets effects of its own, the residual sum of which is Q within, and
    what that leaves of the network's Q is Q between designs.
    """
    members: dict[str, set[str]] = {}
    for one, base, other in zip(data.study.tolist(), data.base.tolist(), data.other.tolist(), strict=True):
        members.setdefault(one, set()).update((base, other))
    sets = ["|".join(sorted(members[one])) for one in data.study.tolist()]
    whole = _solve(_design(data, data.treatments, data.treatments[0]), data.effect, data.covariance)[2]
    within, freedom = 0.0, 0
    for one in dict.fromkeys(sets):
        rows = np.array([name == one for name in sets])
        part = one.split("|")
        inner = Contrasts(
            data.study[rows], data.base[rows], data.other[rows], data.effect[rows], np.eye(int(rows.sum()))
        )
        x = _design(inner, part, part[0])
        within += _solve(x, inner.effect, data.covariance[np.ix_(rows, rows)])[2]
        freedom += int(rows.sum()) - x.shape[1]
    left, left_freedom = max(0.0, whole - within), len(data.effect) - len(data.treatments) + 1 - freedom

    def p(q: float, f: int) -> float:
        return float(special.chdtrc(f, q)) if f > 0 else 1.0

    return Designs(within, freedom, p(within, freedom), left, left_freedom, p(left, left_freedom))


WARNING = (
    "Single arm set beside controls of other trials: nobody was randomised between them, so the difference holds "
    "whatever else differs (who came, when, how they were asked, what they expected); it is no estimate of effect."
)


@dataclass(frozen=True)
class Bridge:
    """A single arm less foreign controls; the warning is part of the result and cannot be left out."""

    difference: Estimate
    controls: Pooled
    warning: str = field(default=WARNING, init=False)

    def __str__(self) -> str:
        """The difference with its warning behind it."""
        return f"{self.difference} [{self.warning}]"


def bridge(value: float, variance: float, controls: Any, control_variances: Any, level: float = LEVEL) -> Bridge:
    """A single arm's value less what the next trial's control arm would show.

    Controls (arm,), at least three, are pooled at random effects (REML); the interval takes the spread between trials
    along, Student on arms - 2: value - mu ± t √(variance + tau2 + error²).
    """
    spread = given.above(variance, "variance")
    pooled = pool(given.vector(controls, "controls", 3), control_variances, "random", "REML", knapp=False, level=level)
    freedom = len(pooled.weights) - 2
    half = float(special.stdtrit(freedom, (1 + level) / 2)) * math.sqrt(spread + pooled.tau2.value + pooled.error**2)
    middle = given.real(value, "value") - pooled.estimate.value
    said = f"single arm beside controls of other trials, t on {freedom}, between-trial spread taken along"
    return Bridge(Estimate(middle, middle - half, middle + half, said), pooled)
