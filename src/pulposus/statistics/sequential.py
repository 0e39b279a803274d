"""Looks at a running trial: where it may stop, what that costs in people, how often it errs.

What: `design` finds the critical values of a group-sequential test, `crossing` how likely each is crossed at which look
under any drift, `drift_for`, `expected_share` and `sample_size` what that means in people, `median_unbiased` the drift
that is told of a trial that may have stopped early.
Equations: Z_k sqrt(t_k) is a Brownian motion with drift theta looked at at information t_k (t_K = 1), so that the
density of paths that have not stopped goes from look to look by one integral (Armitage, McPherson and Rowe 1969),
done here by Gauss-Legendre quadrature between the boundaries. Classical: O'Brien-Fleming c / sqrt(t_k), Pocock c.
Spending (Lan and DeMets 1983): O'Brien-Fleming type 2 - 2 Phi(z_{1-a/2} / sqrt t), Pocock type a ln(1 + (e-1) t), for
two sides twice that of half the error. Futility bounds do not bind unless said: they lower the power, not the
critical values. Median unbiased: the drift under which what lies beyond the result, earlier stops first (stagewise
ordering), has a chance of one half; at the first look that is what is seen.
Source: Jennison and Turnbull 2000; Wassmer and Brannath 2016.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import optimize, special

from pulposus.errors import InputError

from . import given

KINDS = {
    "OF": "O'Brien-Fleming, classical",
    "P": "Pocock, classical",
    "asOF": "O'Brien-Fleming type spending",
    "asP": "Pocock type spending",
}
NODES = 160  # maths: points of the quadrature between two boundaries; 80 give the same to 1e-12
FAR = 9.0  # maths: standard deviations beyond which a normal density weighs under 1e-18
CLOSE = 1e-14  # maths: where a boundary counts as found
WIDEST = 30.0  # maths: a critical value beyond which nothing is spent
ALPHA = 0.025  # maths: customary one-sided error; the caller may choose another
POWER = 0.9  # maths: customary power; the caller may choose another
SMALLEST = 1e-6  # maths: a difference, in standard deviations, for which no trial is ever large enough
HALF = 0.5  # maths: error of one side that chance alone has where nothing is known


@dataclass(frozen=True)
class Design:
    """A group-sequential test: information at each look, critical and futility values of Z, and error spent."""

    kind: str
    information: np.ndarray  # (look,), rises to 1
    alpha: float
    sides: int
    critical: np.ndarray  # (look,)
    futility: np.ndarray  # (look,), -inf where there is none
    spent: np.ndarray  # (look,), cumulative
    binding: bool

    @property
    def local_levels(self) -> np.ndarray:
        """One-sided p at each look under which the trial stops."""
        return np.asarray(special.ndtr(-self.critical))


@dataclass(frozen=True)
class Crossing:
    """Chances, each (look,): to stop for effect, on the wrong side (two sides only), for futility."""

    effect: np.ndarray
    wrong: np.ndarray
    futility: np.ndarray

    @property
    def power(self) -> float:
        """Chance to stop for effect at any look, on its own side: a rejection on the wrong side is no success."""
        return float(self.effect.sum())


@functools.cache
def _legendre() -> tuple[np.ndarray, np.ndarray]:
    return np.polynomial.legendre.leggauss(NODES)


class _Path:
    """The density of paths that have not stopped, carried from look to look on the scale of the sum Z sqrt(t)."""

    def __init__(self, drift: float) -> None:
        self.drift, self.time = drift, 0.0
        self.place: np.ndarray = np.zeros(1)
        self.mass: np.ndarray = np.ones(1)

    def beyond(self, time: float, z: float) -> float:
        """Chance that a path still on its way lies above z at the next look."""
        step = time - self.time
        mean = self.place + self.drift * step
        return float(self.mass @ special.ndtr((mean - z * math.sqrt(time)) / math.sqrt(step)))

    def under(self, time: float, z: float) -> float:
        """Chance that a path still on its way lies below z at the next look."""
        step = time - self.time
        mean = self.place + self.drift * step
        return float(self.mass @ special.ndtr((z * math.sqrt(time) - mean) / math.sqrt(step)))

    def go(self, time: float, low: float, high: float) -> None:
        """Carry on with the paths between z of `low` and `high` at this look."""
        x, w = _legendre()
        spread = FAR * math.sqrt(time)
        bottom = max(low * math.sqrt(time), self.drift * time - spread)
        top = min(high * math.sqrt(time), self.drift * time + spread)
        step = time - self.time
        if top <= bottom:
            self.place, self.mass = np.zeros(1), np.zeros(1)
        else:
            half = (top - bottom) / 2
            place = bottom + half * (x + 1)
            sd = math.sqrt(step)
            away = (place[:, None] - self.place - self.drift * step) / sd
            density = np.exp(-0.5 * away**2) / (sd * math.sqrt(2 * math.pi))
            self.mass, self.place = half * w * (density @ self.mass), place
        self.time = time


def spending(kind: str, share: float, alpha: float, sides: int = 1) -> float:
    """Error spent by the time a share of the information is in; `kind` "asOF" or "asP"."""
    given.one_of(kind, ("asOF", "asP"), "The spending")
    t = given.share(share, "share", closed=True)
    if t == 0:
        return 0.0
    one = alpha / sides
    if kind == "asOF":
        return float(sides * 2 * special.ndtr(special.ndtri(one / 2) / math.sqrt(t)))
    return sides * one * math.log1p(math.expm1(1.0) * t)


def looks(information: int | Sequence[float]) -> np.ndarray:
    """Shares of information at the looks: equal ones for a number of looks, else rising shares that end at 1."""
    if isinstance(information, (int, np.integer)):
        number = given.whole(information, "The number of looks")
        return np.arange(1, number + 1) / number
    t = given.positive(information, "information")
    if (np.diff(t) <= 0).any() or abs(t[-1] - 1) > CLOSE**0.5:
        raise InputError(f"information is {given.shown(t.tolist())}; give shares that rise and end at 1.")
    t[-1] = 1.0
    return t


def _spend(kind: str, t: np.ndarray, alpha: float, sides: int, lower: np.ndarray, binding: bool) -> np.ndarray:
    """Critical values look by look, each so that the error spent by then is what the spending says."""
    path, critical, before = _Path(0.0), np.zeros(t.size), 0.0
    for k, time in enumerate(t):
        target = (spending(kind, float(time), alpha, sides) - before) / sides
        before += sides * target

        def over(z: float, time: float = float(time), target: float = target) -> float:
            return path.beyond(time, z) - target

        if over(WIDEST) >= 0:
            critical[k] = WIDEST
        else:
            critical[k] = optimize.brentq(over, 0.0, WIDEST, xtol=CLOSE, rtol=CLOSE)
        low = -critical[k] if sides == 2 else lower[k] if binding else -math.inf
        path.go(float(time), low, critical[k])
    return critical


def _total(shape: np.ndarray, t: np.ndarray, sides: int, lower: np.ndarray, binding: bool, drift: float = 0.0) -> float:
    path, sum_ = _Path(drift), 0.0
    for k, time in enumerate(t):
        sum_ += sides * path.beyond(float(time), shape[k])
        low = -shape[k] if sides == 2 else lower[k] if binding else -math.inf
        path.go(float(time), low, shape[k])
    return sum_


def design(
    kind: str,
    information: int | Sequence[float],
    alpha: float = ALPHA,
    sides: int = 1,
    futility: Sequence[float] | None = None,
    binding: bool = False,
) -> Design:
    """Critical values of a group-sequential test.

    `kind` OF, P (classical) or asOF, asP (spending); `information` a number of equal looks or rising shares that end
    at 1; `alpha` is the whole error, of both sides where `sides` is 2; `futility` values of Z for all looks but the
    last (one-sided only). Raises InputError for anything else.
    """
    given.one_of(kind, KINDS, "The kind of design")
    t, level = looks(information), given.share(alpha, "alpha")
    if sides not in (1, 2):
        raise InputError(f"sides is {sides}; write 1 or 2.")
    if level / sides >= HALF:
        raise InputError(f"alpha is {level:g} of one side; give an error below 0.5.")
    lower = np.full(t.size, -math.inf)
    if futility is not None:
        bounds = given.vector(futility, "futility") if t.size > 1 else np.zeros(0)
        if sides == 2 or bounds.size != t.size - 1:
            raise InputError(
                f"futility has {bounds.size} values for {t.size} looks of a test of {sides} side(s); "
                "give one for each look but the last, and one side."
            )
        lower[:-1] = bounds
    if kind in ("asOF", "asP"):
        critical = _spend(kind, t, level, sides, lower, binding)
    else:
        shape = 1 / np.sqrt(t) if kind == "OF" else np.ones(t.size)

        def over(c: float) -> float:
            return _total(c * shape, t, sides, lower, binding) - level

        critical = shape * optimize.brentq(over, -0.5 * special.ndtri(level / sides), WIDEST, xtol=CLOSE, rtol=CLOSE)
    if (critical[:-1] <= lower[:-1]).any():
        raise InputError("A futility bound lies above the critical value of its look; lower it.")
    chances = _cross(t, critical, lower if binding else np.full(t.size, -math.inf), sides, 0.0)
    return Design(kind, t, level, sides, critical, lower, np.cumsum(chances.effect + chances.wrong), binding)


def _cross(t: np.ndarray, critical: np.ndarray, lower: np.ndarray, sides: int, drift: float) -> Crossing:
    path = _Path(drift)
    up, down, idle = np.zeros(t.size), np.zeros(t.size), np.zeros(t.size)
    for k, time in enumerate(t.tolist()):
        up[k] = path.beyond(time, critical[k])
        low = -critical[k] if sides == 2 else lower[k]
        (down if sides == 2 else idle)[k] = path.under(time, low) if np.isfinite(low) else 0.0
        path.go(time, low, critical[k])
    return Crossing(up, down, idle)


def crossing(plan: Design, drift: float) -> Crossing:
    """Chances to stop at each look under a drift: the mean of Z at full information, effect × √(full information)."""
    return _cross(plan.information, plan.critical, plan.futility, plan.sides, given.real(drift, "drift"))


def drift_for(plan: Design, power: float = POWER) -> float:
    """The drift at which the trial stops for effect with chance `power`; rpact's shift is its square."""
    wanted = given.share(power, "power")
    if wanted <= plan.alpha:
        raise InputError(f"power is {wanted:g}, no more than alpha {plan.alpha:g}; ask for more.")
    return float(optimize.brentq(lambda d: crossing(plan, d).power - wanted, 0.0, WIDEST, xtol=CLOSE, rtol=CLOSE))


def fixed_drift(alpha: float, sides: int, power: float) -> float:
    """The drift that a trial of one look needs: z_{1-alpha/sides} + z_power."""
    return float(special.ndtri(given.share(power, "power")) - special.ndtri(given.share(alpha, "alpha") / sides))


def inflation(plan: Design, power: float = POWER) -> float:
    """Full information over that of a trial of one look with the same error and power."""
    return (drift_for(plan, power) / fixed_drift(plan.alpha, plan.sides, power)) ** 2


def expected_share(plan: Design, drift: float) -> float:
    """Expected information at the stop, in shares of the full one."""
    chances = crossing(plan, drift)
    stops = chances.effect + chances.wrong + chances.futility
    early = stops[:-1]
    return float(early @ plan.information[:-1] + (1 - early.sum()))


def median_unbiased(plan: Design, look: int, z: float) -> float:
    """The drift (mean of Z at full information) that is median unbiased, where a trial ended at a look, the first being
    0, with `z`; of one comparison, and a plan without futility. What is seen is z / sqrt(information).
    """
    number, seen = given.whole(look, "look", 0), given.real(z, "z")
    if number >= plan.information.size:
        raise InputError(f"look is {number}; the plan has {plan.information.size}, the first being 0.")
    if np.isfinite(plan.futility).any():
        raise InputError("A plan with futility bounds has no stagewise ordering here; give one without.")
    t = plan.information.tolist()

    def above(drift: float) -> float:
        path, sum_ = _Path(drift), 0.0
        for time, critical in zip(t[:number], plan.critical.tolist(), strict=False):
            sum_ += path.beyond(time, critical)
            path.go(time, -critical if plan.sides == 2 else -math.inf, critical)
        return sum_ + path.beyond(t[number], size) - HALF

    size = abs(seen) if plan.sides == 2 else seen  # a plan of two sides is its own mirror
    far = abs(size) / math.sqrt(t[0]) + WIDEST
    found = float(optimize.brentq(above, -far, far, xtol=CLOSE**HALF))
    return -found if plan.sides == 2 and seen < 0 else found


@dataclass(frozen=True)
class Size:
    """People: at most, at each look, expected with no effect, half of it, and all of it; and with one look."""

    maximum: float
    at_looks: np.ndarray
    expected_null: float
    expected_half: float
    expected_effect: float
    one_look: float


def sample_size(plan: Design, effect: float, sd: float, power: float = POWER, ratio: float = 1.0) -> Size:
    """People in both arms for a difference of means `effect` with known `sd`; `ratio` treated to one control.

    n = (drift sd / effect)² (1 + ratio)² / ratio, not rounded.
    """
    delta, spread, r = given.real(effect, "effect"), given.above(sd, "sd"), given.above(ratio, "ratio")
    if abs(delta) < SMALLEST * spread:
        said = f"effect is {delta:g}, next to nothing beside a standard deviation of {spread:g}"
        raise InputError(f"{said}; a size follows from a difference of a millionth of it or more.")
    each = (spread / delta) ** 2 * (1 + r) ** 2 / r
    drift = drift_for(plan, power)
    n = drift**2 * each
    null, half, whole = (n * expected_share(plan, part * drift) for part in (0.0, 0.5, 1.0))
    one = fixed_drift(plan.alpha, plan.sides, power) ** 2 * each
    return Size(n, n * plan.information, null, half, whole, one)
