"""Trials of one look: how many people for a power, what power from people, and what a prior makes of it.

Equations: means, Student's noncentral t with effect/sd × sqrt(n1 n2 / (n1 + n2)), or the normal; shares, normal with
the pooled variance under no difference; survival, Schoenfeld's events (z_a + z_b)² (1 + r)² / (r log² HR); assurance,
the power averaged over a normal prior of the effect (O'Hagan 2005). `ratio` is treated to one control; sizes are not
rounded.
"""

from __future__ import annotations

import math

import numpy as np
from scipy import optimize, stats

from pulposus.errors import InputError

from . import given
from .sequential import ALPHA, POWER

MOST = 1e9  # maths: people beyond which a trial is not sought
CLOSE = 1e-13  # maths: where a size counts as found, relative
NODES = 64  # maths: points of Gauss-Hermite quadrature of an assurance


def _sides(alpha: float, sides: int) -> float:
    if sides not in (1, 2):
        raise InputError(f"sides is {sides}; write 1 or 2.")
    return given.share(alpha, "alpha") / sides


def _split(total: float, ratio: float) -> tuple[float, float]:
    r = given.above(ratio, "ratio")
    return total * r / (1 + r), total / (1 + r)


def power_means(
    total: float,
    effect: float,
    sd: float,
    alpha: float = ALPHA,
    sides: int = 1,
    ratio: float = 1.0,
    margin: float = 0.0,
) -> float:
    """Power of the t test of two means with `total` people; `margin` is the difference held under the null.

    Non-inferiority: effect 0 and margin below 0. Of two sides only rejections on the side of the effect count.
    """
    one = _sides(alpha, sides)
    n1, n2 = _split(given.above(total, "total", 2.0), ratio)
    drift = (given.real(effect, "effect") - margin) / given.above(sd, "sd") * math.sqrt(n1 * n2 / (n1 + n2))
    if sides == 2:
        drift = abs(drift)
    return float(stats.nct.sf(stats.t.isf(one, total - 2), total - 2, drift))


def size_means(
    effect: float,
    sd: float,
    power: float = POWER,
    alpha: float = ALPHA,
    sides: int = 1,
    ratio: float = 1.0,
    margin: float = 0.0,
) -> float:
    """People in both arms at which the t test of two means has `power`."""
    wanted = given.share(power, "power")
    if effect == margin or (sides == 1 and effect < margin):
        raise InputError(f"effect {effect:g} does not lie above margin {margin:g}; no size gives power against it.")
    z = (stats.norm.isf(_sides(alpha, sides)) + stats.norm.ppf(wanted)) * given.above(sd, "sd") / (effect - margin)
    guess = float(z**2 * (1 + ratio) ** 2 / ratio) + 2

    def short(n: float) -> float:
        return power_means(n, effect, sd, alpha, sides, ratio, margin) - wanted

    low, high = 2 + 1e-3, 2 * guess + 8  # maths: a t test needs more than two people
    if short(low) >= 0:
        return low
    return float(optimize.brentq(short, low, high, rtol=CLOSE))


def _root_variances(p: float, p2: float, ratio: float) -> tuple[float, float]:
    """Root of the variance of a difference of shares for each control, pooled and apart."""
    pooled = (ratio * p + p2) / (1 + ratio)
    return (
        math.sqrt(pooled * (1 - pooled) * (1 + 1 / ratio)),
        math.sqrt(p * (1 - p) / ratio + p2 * (1 - p2)),
    )


def _shares(share: float, share2: float) -> tuple[float, float]:
    p, p2 = given.share(share, "The treated share"), given.share(share2, "The control share")
    if p == p2:
        raise InputError(f"Both shares are {p:g}; a size follows from shares that differ.")
    return p, p2


def size_shares(
    share: float, share2: float, power: float = POWER, alpha: float = ALPHA, sides: int = 1, ratio: float = 1.0
) -> float:
    """People in both arms: n control = (z_a √pooled + z_b √apart)² / (p1 - p2)²."""
    p, p2 = _shares(share, share2)
    null, apart = _root_variances(p, p2, given.above(ratio, "ratio"))
    z, z2 = stats.norm.isf(_sides(alpha, sides)), stats.norm.ppf(given.share(power, "power"))
    return float((1 + ratio) * ((z * null + z2 * apart) / (p - p2)) ** 2)


def power_shares(
    total: float, share: float, share2: float, alpha: float = ALPHA, sides: int = 1, ratio: float = 1.0
) -> float:
    """Power of the test of two shares in the direction in which they differ."""
    p, p2 = _shares(share, share2)
    null, apart = _root_variances(p, p2, given.above(ratio, "ratio"))
    control = _split(given.above(total, "total"), ratio)[1]
    z = stats.norm.isf(_sides(alpha, sides))
    return float(stats.norm.cdf((abs(p - p2) * math.sqrt(control) - z * null) / apart))


def events_needed(
    hazard_ratio: float, power: float = POWER, alpha: float = ALPHA, sides: int = 1, ratio: float = 1.0
) -> float:
    """Events of both arms for a log-rank test (Schoenfeld 1981)."""
    hr, r = given.above(hazard_ratio, "hazard_ratio"), given.above(ratio, "ratio")
    if hr == 1:
        raise InputError("hazard_ratio is 1; a size follows from hazards that differ.")
    z = stats.norm.isf(_sides(alpha, sides)) + stats.norm.ppf(given.share(power, "power"))
    return float((z / math.log(hr)) ** 2 * (1 + r) ** 2 / r)


def power_events(events: float, hazard_ratio: float, alpha: float = ALPHA, sides: int = 1, ratio: float = 1.0) -> float:
    """Power of a log-rank test at a number of events."""
    r = given.above(ratio, "ratio")
    drift = (
        abs(math.log(given.above(hazard_ratio, "hazard_ratio")))
        * math.sqrt(given.above(events, "events") * r)
        / (1 + r)
    )
    return float(stats.norm.cdf(drift - stats.norm.isf(_sides(alpha, sides))))


def event_chance(hazard: float, accrual: float, follow_up: float, dropout: float = 0.0) -> float:
    """Chance that a person's event is seen: exponential, joined evenly over `accrual`, followed `follow_up` after it.

    h/(h+d) (1 - (e^{-(h+d) f} - e^{-(h+d)(a+f)}) / ((h+d) a)), h the hazard of the event, d of dropout.
    """
    h, a = given.above(hazard, "hazard"), given.above(accrual, "accrual")
    f, d = given.real(follow_up, "follow_up"), given.real(dropout, "dropout")
    if f < 0 or d < 0:
        raise InputError(f"follow_up is {f:g} and dropout {d:g}; neither can be below 0.")
    both = h + d
    return h / both * (1 - (math.exp(-both * f) - math.exp(-both * (a + f))) / (both * a))


def size_survival(
    hazard: float,
    hazard_ratio: float,
    accrual: float,
    follow_up: float,
    power: float = POWER,
    alpha: float = ALPHA,
    sides: int = 1,
    ratio: float = 1.0,
    dropout: float = 0.0,
) -> float:
    """People in both arms: Schoenfeld's events over the chance of an event, the arms weighed by their sizes.

    `hazard` is that of the controls, in events for a person and unit of time.
    """
    events = events_needed(hazard_ratio, power, alpha, sides, ratio)
    treated = event_chance(hazard * hazard_ratio, accrual, follow_up, dropout)
    return events / ((ratio * treated + event_chance(hazard, accrual, follow_up, dropout)) / (1 + ratio))


def assurance(
    total: float,
    mean: float,
    spread: float,
    sd: float,
    alpha: float = ALPHA,
    ratio: float = 1.0,
    margin: float = 0.0,
) -> float:
    """Chance of success before the effect is known: effect ~ N(`mean`, `spread`²), one-sided z test of two means.

    Phi((mean - margin) √I - z_a) / √(1 + spread² I)), I = n1 n2 / ((n1 + n2) sd²). Spread 0 gives the power.
    """
    n1, n2 = _split(given.above(total, "total"), ratio)
    width = given.real(spread, "spread")
    if width < 0:
        raise InputError(f"spread is {width:g}; a standard deviation is 0 or more.")
    information = n1 * n2 / (n1 + n2) / given.above(sd, "sd") ** 2
    z = (given.real(mean, "mean") - margin) * math.sqrt(information) - stats.norm.isf(given.share(alpha, "alpha"))
    return float(stats.norm.cdf(z / math.sqrt(1 + width**2 * information)))


def assured(power_of: object, mean: float, spread: float) -> float:
    """Any power averaged over a normal prior of its effect: `power_of(effect)` is called at Gauss-Hermite points."""
    if not callable(power_of):
        raise InputError("power_of must be a function of the effect that gives a power.")
    x, w = np.polynomial.hermite_e.hermegauss(NODES)
    chances = np.array([float(power_of(mean + spread * point)) for point in x])
    return float(w @ chances / w.sum())
