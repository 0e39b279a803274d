"""Studies pooled: one effect, how much they differ, and whether the small ones tell another story.

What: `pool` gives the common (fixed) or the mean (random) effect of independent studies with heterogeneity; `egger` and
`funnel` look for small-study effects; `leave_one_out` shows what hangs on one study; `duplicates` names studies that
may hold the same people.
Equations: y_i ~ N(mu, v_i + tau2), weights w_i = 1/(v_i + tau2), mu = sum w y / sum w, Q = sum (y - mu)²/v with
tau2 = 0. tau2 by DerSimonian-Laird (moments), Paule-Mandel (generalised Q equal to k - 1) or restricted maximum
likelihood. Hartung-Knapp: variance sum w (y - mu)² / ((k - 1) sum w), Student on k - 1.
Source: DerSimonian and Laird 1986; Paule and Mandel 1982; Viechtbauer 2005, 2007, 2010; Hartung and Knapp 2001.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import optimize, special

from pulposus.errors import InputError

from . import given
from .estimate import Estimate, normal, percent, student, two_sided
from .given import LEVEL

MODELS = ("fixed", "random")
TAUS = ("REML", "DL", "PM")
PREDICTIONS = ("k-1", "k-2", "normal")
CLOSE = 1e-13  # maths: where a root of tau2 counts as found, relative to the spread of the effects
STEPS = 400  # maths: most steps of a root finder before it is given up
HUNDRED = 100  # maths: a share in percent
POINTS = 50  # maths: of a line that a funnel plot draws


@dataclass(frozen=True)
class Pooled:
    """What a meta-analysis gives: estimate, standard error and p; heterogeneity; where the next study would lie."""

    estimate: Estimate
    error: float
    p: float
    tau2: Estimate
    q: float
    q_freedom: int
    q_p: float
    i2: float  # percent of the spread that is not sampling
    h2: float
    prediction: Estimate
    weights: np.ndarray  # (study,), sums to 1
    model: str


def _checked(effects: Any, variances: Any, least: int = 2) -> tuple[np.ndarray, np.ndarray]:
    y, v = given.vector(effects, "effects", least), given.positive(variances, "variances", least)
    given.alike(effects=y, variances=v)
    return y, v


def _mean(y: np.ndarray, v: np.ndarray, tau2: float) -> tuple[float, float, float]:
    """Weighted mean, its variance, and the generalised Q at a tau2."""
    w = 1 / (v + tau2)
    total = w.sum()
    mu = float(w @ y / total)
    return mu, float(1 / total), float(w @ (y - mu) ** 2)


def _q_root(y: np.ndarray, v: np.ndarray, target: float) -> float:
    """The tau2 at which the generalised Q, which falls with it, is `target`; nought where Q is less at nought."""

    def over(tau2: float) -> float:
        return _mean(y, v, tau2)[2] - target

    if over(0.0) <= 0:
        return 0.0
    high = float(np.var(y) + v.max())
    while over(high) > 0:
        high *= 2
    return float(optimize.brentq(over, 0.0, high, xtol=CLOSE * high, maxiter=STEPS))


def _dl(y: np.ndarray, v: np.ndarray) -> float:
    w = 1 / v
    spare = _mean(y, v, 0.0)[2] - (y.size - 1)
    return float(max(0.0, spare / (w.sum() - (w**2).sum() / w.sum())))


def _reml(y: np.ndarray, v: np.ndarray) -> float:
    """Where the restricted likelihood is highest: its score's root, the best of those between a fine grid's points."""

    def score(tau2: float) -> float:
        w = 1 / (v + tau2)
        mu = w @ y / w.sum()
        return float((w**2) @ (y - mu) ** 2 - w.sum() + (w**2).sum() / w.sum())

    def loss(tau2: float) -> float:
        w = 1 / (v + tau2)
        mu = w @ y / w.sum()
        return float(w @ (y - mu) ** 2 - np.log(w).sum() + np.log(w.sum()))

    top = 8 * float(np.var(y, ddof=1) + v.max())
    grid = np.concatenate([[0.0], np.geomspace(CLOSE**0.5 * top, top, STEPS // 4)])
    scores = [score(t) for t in grid]
    peaks = [0.0]
    for low, high, left, right in zip(grid[:-1], grid[1:], scores[:-1], scores[1:], strict=True):
        if left > 0 >= right:
            peaks.append(float(optimize.brentq(score, low, high, xtol=CLOSE * top, maxiter=STEPS)))
    return min(peaks, key=loss)


def tau_squared(effects: Any, variances: Any, method: str = "REML") -> float:
    """Variance between studies: "DL", "PM" or "REML". Effects and variances (study,), at least two studies."""
    y, v = _checked(effects, variances)
    given.one_of(method, TAUS, "The method for tau2")
    return {"DL": _dl, "PM": lambda a, b: _q_root(a, b, a.size - 1), "REML": _reml}[method](y, v)


def tau_interval(effects: Any, variances: Any, level: float = LEVEL) -> tuple[float, float]:
    """Q-profile interval of tau2: where the generalised Q meets the chi-squared quantiles (Viechtbauer 2007)."""
    y, v = _checked(effects, variances)
    given.share(level, "level")
    freedom = y.size - 1
    low, high = (2 * special.gammaincinv(freedom / 2, (1 + sign * level) / 2) for sign in (-1, 1))
    return _q_root(y, v, float(high)), _q_root(y, v, float(low))


def _predicted(mu: float, error: float, tau2: float, k: int, level: float, prediction: str) -> Estimate:
    """mu ± quantile √(tau2 + error²): normal, or Student on k - 1 (metafor, knha), or on k - 2 (Higgins 2009)."""
    spread = math.sqrt(tau2 + error**2)
    if prediction == "normal":
        return normal(mu, spread, level, "prediction interval, normal")
    freedom = k - 1 if prediction == "k-1" else k - 2
    if freedom < 1:
        return Estimate(mu, math.nan, math.nan, f"no prediction interval from {k} studies with {prediction} degrees")
    return student(mu, spread, freedom, level, f"prediction interval, t on {prediction}")


def pool(
    effects: Any,
    variances: Any,
    model: str = "random",
    tau: str = "REML",
    knapp: bool = True,
    level: float = LEVEL,
    prediction: str = "k-1",
) -> Pooled:
    """Pool independent studies; effects and variances are (study,), at least two.

    `model` "fixed" takes one common effect (tau2 is nought, normal interval); "random" a mean of effects, with `tau`
    among REML, DL, PM, and Hartung and Knapp's interval unless `knapp` is False. I2 = tau2 / (tau2 + s2), s2 the
    typical sampling variance (k-1) sum w / ((sum w)² - sum w²); in the fixed model (Q - (k-1)) / Q.
    Raises InputError for lengths that differ, variances of nought or less, or fewer than two studies.
    """
    y, v = _checked(effects, variances)
    for name, known, word in ((model, MODELS, "model"), (prediction, PREDICTIONS, "prediction")):
        given.one_of(name, known, f"The {word}")
    k, w = y.size, 1 / v
    q = _mean(y, v, 0.0)[2]
    typical = (k - 1) * w.sum() / (w.sum() ** 2 - (w**2).sum())
    tau2 = tau_squared(y, v, tau) if model == "random" else 0.0
    mu, variance, generalised = _mean(y, v, tau2)
    if model == "random":
        i2, h2 = HUNDRED * tau2 / (tau2 + typical), (tau2 + typical) / typical
    else:
        i2, h2 = HUNDRED * max(0.0, (q - (k - 1)) / q) if q > 0 else 0.0, q / (k - 1)
    said = f"{model} effects" if model == "fixed" else f"random effects, tau2 by {tau}"
    if model == "random" and knapp:
        error = math.sqrt(variance * generalised / (k - 1))
        found, p = student(mu, error, k - 1, level, f"{said}, Hartung-Knapp"), _p(mu, error, k - 1)
    else:
        error = math.sqrt(variance)
        found, p = normal(mu, error, level, said), _p(mu, error, None)
    between = Estimate(tau2, *tau_interval(y, v, level), f"tau2 by {tau}, Q-profile, {percent(level)}")
    if model == "fixed":
        between = Estimate(0.0, 0.0, 0.0, "taken as nought")
        ahead = Estimate(mu, math.nan, math.nan, "no prediction interval where all studies share one effect")
    else:
        ahead = _predicted(mu, error, tau2, k, level, prediction)
    weights = 1 / (v + tau2)
    q_p = float(special.chdtrc(k - 1, q))
    return Pooled(found, error, p, between, q, k - 1, q_p, i2, h2, ahead, weights / weights.sum(), model)


def _p(value: float, error: float, freedom: int | None) -> float:
    if error == 0:
        return 1.0 if value == 0 else 0.0
    return two_sided(value / error, freedom)


@dataclass(frozen=True)
class Asymmetry:
    """Egger's test: the slope of effect on standard error, its t and p, and the effect foretold at error nought."""

    slope: Estimate
    t: float
    freedom: int
    p: float
    limit: Estimate


def egger(effects: Any, variances: Any, level: float = LEVEL) -> Asymmetry:
    """Regression of effect on its standard error with weights 1/v and a dispersion that is estimated.

    metafor's `regtest(model = "lm")`; the same t as in Egger 1997's regression of y/√v on 1/√v. At least three studies
    whose errors differ. It says that small studies differ from large ones, not why.
    """
    y, v = _checked(effects, variances, 3)
    if np.ptp(v) == 0:
        raise InputError("All variances are equal; Egger's test needs studies of different precision.")
    x = np.stack([np.ones_like(y), np.sqrt(v)], axis=1) / np.sqrt(v)[:, None]
    inverse = np.linalg.inv(x.T @ x)
    b = inverse @ x.T @ (y / np.sqrt(v))
    freedom = y.size - 2
    dispersion = float(((y / np.sqrt(v) - x @ b) ** 2).sum()) / freedom
    limit_error, slope_error = np.sqrt(dispersion * np.diag(inverse))
    t = float(b[1] / slope_error)
    slope = student(b[1], slope_error, freedom, level, "Egger's slope")
    return Asymmetry(slope, t, freedom, two_sided(t, freedom), student(b[0], limit_error, freedom, level, "limit"))


def funnel(effects: Any, variances: Any, level: float = LEVEL, points: int = POINTS) -> dict[str, np.ndarray]:
    """What a funnel plot draws: study `effect`, `error`; lines `low`, `high` over `error_axis`, fixed effect."""
    y, v = _checked(effects, variances)
    centre = pool(y, v, "fixed").estimate.value
    axis = np.linspace(0.0, float(np.sqrt(v.max())), given.whole(points, "points", 2))
    z = float(special.ndtri((1 + given.share(level, "level")) / 2))
    return {
        "effect": y,
        "error": np.sqrt(v),
        "centre": np.array(centre),
        "error_axis": axis,
        "low": centre - z * axis,
        "high": centre + z * axis,
    }


def leave_one_out(effects: Any, variances: Any, **options: Any) -> list[Pooled]:
    """The pool without each study in turn; `options` as `pool` takes them. At least three studies."""
    y, v = _checked(effects, variances, 3)
    keep = ~np.eye(y.size, dtype=bool)
    return [pool(y[row], v[row], **options) for row in keep]


@dataclass(frozen=True)
class Duplicate:
    """Rows (from nought) that may hold the same people, and the sentence that says why."""

    rows: tuple[int, ...]
    warning: str


def _registry(name: object) -> str:
    """A registry number without spaces, dashes and case, so that 'nct 0129-0367' is NCT01290367."""
    return "".join(letter for letter in str(name or "").upper() if letter.isalnum())


def duplicates(trials: Sequence[str | None], registries: Sequence[str | None] | None = None) -> list[Duplicate]:
    """Rows that share a trial's name or a registry's number: pooling both counts people twice.

    One name and one registry number a row, None or '' where there is none; several numbers of a row are parted by
    commas, semicolons or blanks. Rows are joined through chains: A with B by name, B with C by number, all three by
    both.
    """
    names = [str(trial or "").strip().casefold() for trial in trials]
    numbers = list(registries) if registries is not None else [""] * len(names)
    given.alike(trials=np.array(names), registries=np.array(numbers, dtype=object))
    parent = list(range(len(names)))

    def root(i: int) -> int:
        while parent[i] != i:
            i = parent[i]
        return i

    seen: dict[str, int] = {}
    shared: dict[int, set[str]] = {}
    for i, (name, number) in enumerate(zip(names, numbers, strict=True)):
        parts = str(number or "").replace(";", ",").split(",")
        keys = [f"trial {str(trials[i]).strip()}"] if name else []
        keys += [f"registry {_registry(part)}" for part in parts if _registry(part)]
        for key in keys:
            first = seen.setdefault(key.casefold(), i)
            if first != i:
                shared.setdefault(i, set()).add(key)
                parent[max(root(i), root(first))] = min(root(i), root(first))
    groups: dict[int, list[int]] = {}
    for i in range(len(names)):
        groups.setdefault(root(i), []).append(i)
    found = []
    for rows in groups.values():
        if len(rows) > 1:
            why = ", ".join(sorted({key for i in rows for key in shared.get(i, ())}))
            listed = ", ".join(str(i + 1) for i in rows)
            warning = f"Rows {listed} share {why}: they may hold the same people; keep one of them in a pool."
            found.append(Duplicate(tuple(rows), warning))
    return found
