"""Time to an event: curves, competing events, tests, and a hazard ratio.

What: `kaplan_meier`, `aalen_johansen` (one curve for each kind of event), `log_rank` (stratified where wanted),
`hazard_ratio` (Cox, one column for each covariate), `penalised_ratio` (the same after Firth, where a group has no
event), `restricted_mean`.
Equations: S(t) = prod (1 - d/n), variance S² sum d / (n (n - d)) (Greenwood), interval on the log(-log) scale;
F_k(t) = sum S(u-) d_k / n; log-rank U = sum (d_1 - d n_1/n), variance hypergeometric; Cox's partial likelihood with
Efron's ties; Firth's penalty adds log|I| / 2, I the information, and has a top where the likelihood has none. Event 0
is censoring, 1 the event, higher numbers competing ones.
Source: Kalbfleisch and Prentice 2002; Aalen and Johansen 1978; Efron 1977; Heinze and Schemper 2001.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import optimize, special

from pulposus.errors import InputError

from . import given
from .estimate import Estimate, normal, percent, two_sided
from .given import LEVEL

NEWTON = 50  # maths: most steps of Newton's method for Cox's model
CLOSE = 1e-12  # maths: where Newton's method stops, largest step
ENDLESS = 15.0  # maths: spread of log hazards over persons beyond which a fit runs away
STEP = 1e-5  # maths: of the central difference of log|I|
FLAT = 1e-8  # maths: slope of a penalised likelihood at which its climb ends


class Parted(InputError):
    """A covariate parts those who have the event from the others: the likelihood has no top."""


def _rows(time: Any, event: Any) -> tuple[np.ndarray, np.ndarray]:
    t, e = given.vector(time, "time"), given.counts(event, "event")
    given.alike(time=t, event=e)
    if (t < 0).any():
        raise InputError(f"time holds {t.min():g}; give times of 0 or more since the start.")
    return t, e.astype(int)


@dataclass(frozen=True)
class Curve:
    """A step curve: times at which it steps, (step,), its value from then on, its interval, and who was at risk."""

    time: np.ndarray
    value: np.ndarray
    low: np.ndarray
    high: np.ndarray
    at_risk: np.ndarray
    method: str
    start: float  # value before the first step

    def at(self, when: float) -> Estimate:
        """The curve at a time."""
        i = int(np.searchsorted(self.time, given.real(when, "when"), side="right")) - 1
        if i < 0:
            return Estimate(self.start, self.start, self.start, self.method)
        return Estimate(float(self.value[i]), float(self.low[i]), float(self.high[i]), self.method)

    def median(self) -> Estimate:
        """The first time at which a survival curve is at one half or less, its interval by the curve's; inf: never."""

        def first(values: np.ndarray) -> float:
            under = np.flatnonzero(values <= 0.5)
            return float(self.time[under[0]]) if under.size else math.inf

        return Estimate(first(self.value), first(self.low), first(self.high), f"median of {self.method}")


def _steps(t: np.ndarray, e: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Times with any event, people at risk, events of any kind."""
    times = np.unique(t[e > 0])
    at_risk = (t[None, :] >= times[:, None]).sum(axis=1).astype(float)
    events = ((t[None, :] == times[:, None]) & (e > 0)).sum(axis=1).astype(float)
    return times, at_risk, events


def kaplan_meier(time: Any, event: Any, level: float = LEVEL) -> Curve:
    """Survival with Greenwood's variance and the log(-log) interval; any event above 0 counts."""
    t, e = _rows(time, event)
    z = float(special.ndtri((1 + given.share(level, "level")) / 2))
    times, n, d = _steps(t, e)
    s = np.cumprod(1 - d / n)
    low, high = np.zeros_like(s), np.ones_like(s)
    inside = (s > 0) & (s < 1)
    with np.errstate(divide="ignore"):
        total = np.cumsum(np.where(n > d, d / (n * np.where(n > d, n - d, 1.0)), math.inf))
    log = np.log(s, where=inside, out=np.full_like(s, -1.0))
    width = np.where(inside, z * np.sqrt(np.where(inside, total, 0.0)) / np.abs(log), 0.0)
    low[inside] = (s ** np.exp(width))[inside]
    high[inside] = (s ** np.exp(-width))[inside]
    high[s == 0] = high[inside][-1] if inside.any() else 1.0
    return Curve(times, s, low, high, n, f"Kaplan-Meier, log(-log), {percent(level)}", 1.0)


def aalen_johansen(time: Any, event: Any, level: float = LEVEL) -> dict[int, Curve]:
    """Chance to have had each kind of event first, by time; the kinds sum to one less Kaplan-Meier.

    Variance by the delta method (Marubini and Valsecchi 1995); interval on the log(-log) scale.
    """
    t, e = _rows(time, event)
    z = float(special.ndtri((1 + given.share(level, "level")) / 2))
    times, n, d = _steps(t, e)
    before = np.concatenate([[1.0], np.cumprod(1 - d / n)])[:-1]
    curves = {}
    for kind in sorted(set(e[e > 0].tolist())):
        dk = ((t[None, :] == times[:, None]) & (e == kind)).sum(axis=1).astype(float)
        f = np.cumsum(before * dk / n)
        variance = np.empty_like(f)
        for i in range(len(f)):
            u = slice(0, i + 1)
            gap = f[i] - f[u]
            spread = np.where(n[u] > d[u], d[u] / (n[u] * np.where(n[u] > d[u], n[u] - d[u], 1.0)), 0.0)
            variance[i] = (
                (gap**2 * spread).sum()
                + (before[u] ** 2 * (n[u] - dk[u]) * dk[u] / n[u] ** 3).sum()
                - 2 * (gap * before[u] * dk[u] / n[u] ** 2).sum()
            )
        inside = (f > 0) & (f < 1)
        safe = np.where(inside, f, 0.5)
        width = z * np.sqrt(np.maximum(variance, 0.0)) / (safe * np.abs(np.log(safe)))
        low = np.where(inside, safe ** np.exp(width), f)
        high = np.where(inside, safe ** np.exp(-width), f)
        curves[kind] = Curve(times, f, low, high, n, f"Aalen-Johansen, log(-log), {percent(level)}", 0.0)
    return curves


@dataclass(frozen=True)
class LogRank:
    """Chi-squared on groups - 1 degrees of freedom, its p, and observed and expected events by group."""

    chi2: float
    freedom: int
    p: float
    observed: dict[str, float]
    expected: dict[str, float]


def log_rank(
    time: Any, event: Any, group: Sequence[Any] | np.ndarray, strata: Sequence[Any] | None = None
) -> LogRank:
    """Do groups differ in the hazard of event 1 (other kinds censor)? Rows (person,); strata are summed over."""
    t, e = _rows(time, event)
    names = given.labels(group, "group", t.size).astype(str)
    layers = given.labels(strata, "strata", t.size).astype(str) if strata is not None else np.full(t.size, "")
    kinds = sorted(set(names.tolist()))
    if len(kinds) < 2:
        raise InputError(f"All persons are in group {kinds[0]!r}; a comparison needs two groups.")
    observed, expected = np.zeros(len(kinds)), np.zeros(len(kinds))
    spread = np.zeros((len(kinds), len(kinds)))
    member = names[:, None] == np.array(kinds)
    for layer in sorted(set(layers.tolist())):
        rows = layers == layer
        times = np.unique(t[rows & (e == 1)])
        at_risk = (rows & (t >= times[:, None])).astype(float) @ member  # (time, group)
        died = (rows & (t == times[:, None]) & (e == 1)).astype(float) @ member
        n, d = at_risk.sum(axis=1), died.sum(axis=1)
        share = at_risk / n[:, None]
        observed, expected = observed + died.sum(axis=0), expected + d @ share
        weight = d * (n - d) / np.maximum(n - 1, 1)
        spread += np.diag(weight @ share) - (share.T * weight) @ share
    gap = (observed - expected)[1:]
    if np.linalg.matrix_rank(spread[1:, 1:]) < len(gap):
        raise InputError("A group has nobody at risk when events happen; groups must be followed at the same times.")
    chi2 = float(gap @ np.linalg.solve(spread[1:, 1:], gap))
    totals = [dict(zip(kinds, map(float, row), strict=True)) for row in (observed, expected)]
    return LogRank(chi2, len(gap), float(special.chdtrc(len(gap), chi2)), *totals)


@dataclass(frozen=True)
class Hazards:
    """Cox's model: log hazard ratios with standard errors and p, (covariate,), and the log partial likelihood."""

    log_ratio: np.ndarray
    error: np.ndarray
    p: np.ndarray
    ratios: tuple[Estimate, ...]
    log_likelihood: float


def _partial(
    t: np.ndarray, e: np.ndarray, x: np.ndarray, b: np.ndarray, efron: bool = True
) -> tuple[float, np.ndarray, np.ndarray]:
    """Log partial likelihood with Efron's ties (else Breslow's), its gradient and information."""
    risk = np.exp(x @ b)
    times, which = np.unique(t[e == 1], return_inverse=True)
    d = np.bincount(which)
    order = np.repeat(np.arange(len(times)), d)  # one row an event
    share = (np.arange(len(order)) - np.repeat(np.cumsum(d) - d, d)) / d[order]  # Efron: how many of the tied are gone
    share = share if efron else np.zeros_like(share)
    sums = []
    xx = x[:, :, None] * x[:, None, :]
    for rows in (t >= times[:, None], (t == times[:, None]) & (e == 1)):
        w = rows * risk
        sums.append((w.sum(axis=1), w @ x, np.tensordot(w, xx, axes=1)))
    r, rx, rxx = (
        whole[order] - share.reshape(-1, *[1] * (whole.ndim - 1)) * part[order]
        for whole, part in zip(sums[0], sums[1], strict=True)
    )
    mean = rx / r[:, None]
    happened = x[e == 1]
    log = float((happened @ b).sum() - np.log(r).sum())
    information = (rxx / r[:, None, None]).sum(axis=0) - mean.T @ mean
    return log, happened.sum(axis=0) - mean.sum(axis=0), information


def _regressed(time: Any, event: Any, covariates: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Times, kinds of event, and covariates about their means (person, covariate)."""
    t, e = _rows(time, event)
    x = np.asarray(covariates, dtype=float)
    x = x[:, None] if x.ndim == 1 else x
    if x.shape[0] != t.size or not np.isfinite(x).all():
        raise InputError(f"covariates has shape {x.shape}; give {t.size} rows of finite numbers.")
    x = x - x.mean(axis=0)
    if not (e == 1).any() or np.linalg.matrix_rank(x) < x.shape[1]:
        raise InputError(
            "There is no event, or a covariate is constant or made of others; a hazard ratio needs both to vary."
        )
    return t, e, x


_PARTED = "A covariate parts those who come first from the others; its hazard ratio has no end, leave it out."


def hazard_ratio(time: Any, event: Any, covariates: Any, level: float = LEVEL) -> Hazards:
    """Cox's proportional hazards for event 1 (other kinds censor): covariates (person,) or (person, covariate).

    Raises InputError where the likelihood has no top: no events, a constant covariate, or (`Parted`) one that parts
    events from none.
    """
    t, e, x = _regressed(time, event, covariates)
    b = np.zeros(x.shape[1])
    log, slope, information = _partial(t, e, x, b)
    for _ in range(NEWTON):
        step = np.linalg.lstsq(information, slope, rcond=None)[0]
        while True:
            after = _partial(t, e, x, b + step)
            if after[0] >= log - abs(log) * CLOSE or np.abs(step).max() < CLOSE:
                break
            step = step / 2
        b, (log, slope, information) = b + step, after
        if np.ptp(x @ b) > ENDLESS:
            raise Parted(_PARTED)
        if np.abs(step).max() < CLOSE * max(1.0, float(np.abs(b).max())):
            break
    else:
        raise Parted(_PARTED)
    error = np.sqrt(np.diag(np.linalg.inv(information)))
    p = np.array([two_sided(float(z)) for z in b / error])
    pairs = zip(b.tolist(), error.tolist(), strict=True)
    ratios = tuple(normal(v, s, level, "Cox, Efron's ties").exponentiated() for v, s in pairs)
    return Hazards(b, error, p, ratios, log)


@dataclass(frozen=True)
class Penalised(Hazards):
    """Cox's model after Firth; p by the penalised likelihood ratio, intervals where its profile has fallen by so much.

    `log_likelihood` holds the penalty. `held(i, ratio)`: p of a covariate's ratio being this one.
    """

    held: Callable[[int, float], float]


def penalised_ratio(time: Any, event: Any, covariates: Any, level: float = LEVEL, efron: bool = True) -> Penalised:
    """`hazard_ratio` by Firth's penalised likelihood: an answer where a group has no event, its interval not symmetric.

    efron: ties by Efron, else by Breslow, as R's coxphf has them. Raises InputError where there is no event or a
    covariate does not vary.
    """
    t, e, x = _regressed(time, event, covariates)
    scale = x.std(axis=0)
    surface = _Surface(t, e, x / scale, efron)
    best = surface.top(np.zeros(x.shape[1]), np.ones(x.shape[1], bool))
    highest = surface(best)[0]
    error = np.sqrt(np.diag(np.linalg.inv(surface.information(best))))
    depth = float(special.chdtri(1, 1 - given.share(level, "level")))

    def fallen(i: int, value: float) -> float:
        """Twice the fall of the profile where covariate i is held at a value."""
        held = np.arange(len(best)) == i
        return 2 * (highest - surface(surface.top(np.where(held, value, best), ~held))[0])

    def end(i: int, side: int) -> float:
        far = side * error[i]
        while fallen(i, best[i] + far) < depth:
            far = 2 * far
        return float(optimize.brentq(lambda value: fallen(i, value) - depth, best[i], best[i] + far, xtol=CLOSE))

    def held(i: int, ratio: float) -> float:
        return float(special.chdtrc(1, max(0.0, fallen(i, math.log(ratio) * scale[i]))))

    said = f"Cox, Firth's penalty, profile likelihood, {percent(level)}"
    ends = [(float(best[i]), end(i, -1), end(i, 1)) for i in range(len(best))]
    ratios = tuple(
        Estimate(math.exp(top / by), math.exp(low / by), math.exp(high / by), said)
        for (top, low, high), by in zip(ends, scale.tolist(), strict=True)
    )
    p = np.array([held(i, 1.0) for i in range(len(best))])
    return Penalised(best / scale, error / scale, p, ratios, highest + float(np.log(scale).sum()), held)


class _Surface:
    """The penalised likelihood over log ratios: its value, its slope, and its top."""

    def __init__(self, t: np.ndarray, e: np.ndarray, x: np.ndarray, efron: bool) -> None:
        self.rows, self.efron = (t, e, x), efron

    def information(self, b: np.ndarray) -> np.ndarray:
        return _partial(*self.rows, b, self.efron)[2]

    def __call__(self, b: np.ndarray) -> tuple[float, np.ndarray]:
        log, slope, information = _partial(*self.rows, b, self.efron)
        steps = STEP * np.eye(len(b))
        sides = [[_half_log(self.information(b + sign * one)) for sign in (1, -1)] for one in steps]
        tilt = np.array([up - down for up, down in sides]) / (2 * STEP)
        return log + _half_log(information), slope + tilt

    def top(self, b: np.ndarray, free: np.ndarray) -> np.ndarray:
        """The highest point from b, moving the free ones alone."""
        if not free.any():
            return b

        def under(part: np.ndarray) -> tuple[float, np.ndarray]:
            value, slope = self(_moved(b, free, part))
            return -value, -slope[free]

        found = optimize.minimize(under, b[free], jac=True, method="BFGS", options={"gtol": FLAT})
        return _moved(b, free, found.x)


def _moved(b: np.ndarray, free: np.ndarray, part: np.ndarray) -> np.ndarray:
    whole = b.copy()
    whole[free] = part
    return whole


def _half_log(information: np.ndarray) -> float:
    return float(np.linalg.slogdet(information)[1]) / 2


def restricted_mean(time: Any, event: Any, until: float, level: float = LEVEL) -> Estimate:
    """Mean time free of the event up to `until`: the area under Kaplan-Meier, variance sum A(u)² d / (n (n - d))."""
    t, e = _rows(time, event)
    end = given.above(until, "until")
    if t.max() < end:
        raise InputError(f"until is {end:g}, beyond the last time {t.max():g}; nobody was followed so far.")
    curve = kaplan_meier(t, e)
    inside = curve.time < end
    edges = np.concatenate([[0.0], curve.time[inside], [end]])
    heights = np.concatenate([[1.0], curve.value[inside]])
    areas = np.diff(edges) * heights
    after = areas[::-1].cumsum()[::-1][1:]  # area from each step on
    _, n, d = _steps(t, e)
    n, d = n[inside], d[inside]
    spread = np.where(n > d, d / (n * np.where(n > d, n - d, 1.0)), 0.0)
    error = math.sqrt(float((after**2 * spread).sum()))
    return normal(float(areas.sum()), error, level, f"restricted mean to {end:g}")
