"""First doses in people: 3+3, BOIN and CRM, what each says after every cohort, and how each behaves.

What: a plan (`ThreePlusThree`, `Boin`, `Crm`) says where the next cohort goes (`decide`) and, at the end, which dose it
selects (`select`), from the counts so far; `table` gives a Boin's or a 3+3's decisions as rows to hand to a clinician;
`operating` runs a plan many times on a truth.
Equations: BOIN (Liu and Yuan 2015) moves up where the share of dose-limiting events is at or under
lambda_e = log((1-f1)/(1-f)) / log(f(1-f1)/(f1(1-f))), f1 = 0.6 f, down at or over lambda_d = log((1-f)/(1-f2)) /
log(f2(1-f)/(f(1-f2))), f2 = 1.4 f, and drops a dose where P(p > f) > 0.95 under Beta(1 + events, 1 + none) and three
people or more. CRM (O'Quigley 1990): p_i = skeleton_i^exp(a), a ~ N(0, sd²), posterior mean of a by quadrature.
3+3: none of three goes up, one of three gets three more, two end it; selected is the highest dose with at most one of
six.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from scipy import interpolate, special

from pulposus.errors import InputError

from . import given

STOP = -1
SAFE, TOXIC = 0.6, 1.4  # maths: BOIN's published choices, times the target
ELIMINATE = 0.95  # maths: BOIN's published posterior chance at which a dose is dropped
SCALE = math.sqrt(1.34)  # maths: customary prior spread of the CRM's parameter (O'Quigley and Shen 1996)
NODES = 401  # maths: points of the quadrature over the CRM's parameter
WIDE = 7.0  # maths: prior standard deviations that the quadrature spans
PSEUDO = 0.05  # maths: events added to each dose before shares are made monotone (BOIN software)
TIE = 1e-10  # maths: a rise from dose to dose so small that it only breaks ties
MOST = 30  # maths: people in a plan where the caller names no number
ANY = 1_000_000  # maths: more people than a 3+3 ever treats: it stops by itself
RUNS = 1000  # maths: simulated trials where the caller names no number

Counts = tuple[int, ...]


class Plan(Protocol):
    """What `operating` asks of a plan: doses are numbered from 0, `STOP` ends the trial or selects none."""

    @property
    def cohort(self) -> int:
        """People who are treated at once."""

    @property
    def most(self) -> int:
        """People at most."""

    def decide(self, treated: Counts, events: Counts, current: int) -> int:
        """The next cohort's dose."""

    def select(self, treated: Counts, events: Counts) -> int:
        """The dose that is carried on."""


def _looked_at(treated: Sequence[int], events: Sequence[int], current: int | None = None) -> tuple[Counts, Counts]:
    n, y = given.counts(treated, "treated"), given.counts(events, "events")
    given.alike(treated=n, events=y)
    if (y > n).any():
        raise InputError("A dose has more people with events than people treated; look at both rows again.")
    if current is not None and not 0 <= current < n.size:
        raise InputError(f"current is {current}; doses are numbered from 0 to {n.size - 1}.")
    return tuple(map(int, n)), tuple(map(int, y))


@dataclass(frozen=True)
class ThreePlusThree:
    """The classical rule; it knows no target and stops by itself."""

    cohort: int = field(default=3, init=False)
    most: int = field(default=ANY, init=False)

    def decide(self, treated: Counts, events: Counts, current: int) -> int:
        """The next cohort's dose after the counts so far, `STOP` where the rule has ended."""
        n, y = _looked_at(treated, events, current)
        here, toxic = n[current], y[current]
        if here == 0 or (here == self.cohort and toxic == 1):
            return current
        if toxic <= 1:
            up = current + 1
            if up < len(n) and y[up] < 2:
                return up if n[up] == 0 else STOP
            return STOP if here > self.cohort else current  # six at the dose that is selected
        down = current - 1
        return STOP if down < 0 or n[down] > self.cohort else down

    def select(self, treated: Counts, events: Counts) -> int:
        """The highest dose with six people, at most one with an event, and none below it with more."""
        n, y = _looked_at(treated, events)
        chosen = STOP
        for i, (number, toxic) in enumerate(zip(n, y, strict=True)):
            if number == 0 or toxic > 1:
                break
            if number > self.cohort:
                chosen = i
        return chosen

    def table(self) -> list[dict[str, str]]:
        """What each outcome of a cohort means, in words."""
        return [
            {"seen": "0 of 3", "do": "go up; at the highest dose, or under a dose given up, treat 3 more"},
            {"seen": "1 of 3", "do": "treat 3 more at this dose"},
            {"seen": "1 of 6", "do": "go up; at the highest dose, or under a dose given up, select this one"},
            {"seen": "2 or more", "do": "give this dose up; fill the one below to 6 people, or stop with none"},
        ]


def _exceeds(target: float, treated: int, events: int) -> float:
    """Posterior chance that the share of events is above the target, flat prior."""
    return float(special.betaincc(1 + events, 1 + treated - events, target))


@dataclass(frozen=True)
class Boin:
    """Bayesian optimal interval design with `target` share of events, cohorts of `cohort`, `most` people."""

    target: float
    cohort: int = 3
    most: int = MOST
    safe: float | None = None  # share that is too low; None: 0.6 target
    toxic: float | None = None  # share that is too high; None: 1.4 target
    eliminate: float = ELIMINATE

    def __post_init__(self) -> None:
        """Refuse shares that do not rise."""
        given.share(self.target, "target")
        given.share(self.eliminate, "eliminate")
        given.whole(self.cohort, "cohort")
        given.whole(self.most, "most", self.cohort)
        low, high = self.interval
        if not 0 < low < self.target < high < 1:
            raise InputError(
                f"safe {low:g}, target {self.target:g}, toxic {high:g}; give shares that rise between 0 and 1."
            )

    @property
    def interval(self) -> tuple[float, float]:
        """The shares that are told apart from the target."""
        low = SAFE * self.target if self.safe is None else self.safe
        return low, TOXIC * self.target if self.toxic is None else self.toxic

    @property
    def boundaries(self) -> tuple[float, float]:
        """lambda_e and lambda_d."""
        f, (low, high) = self.target, self.interval
        up = math.log((1 - low) / (1 - f)) / math.log(f * (1 - low) / (low * (1 - f)))
        down = math.log((1 - f) / (1 - high)) / math.log(high * (1 - f) / (f * (1 - high)))
        return up, down

    def dropped(self, treated: int, events: int) -> bool:
        """Whether a dose and all above it are given up for good."""
        return treated >= 3 and _exceeds(self.target, treated, events) > self.eliminate

    def _allowed(self, n: Counts, y: Counts) -> int:
        """How many doses, from the lowest, are not given up."""
        for i, (number, toxic) in enumerate(zip(n, y, strict=True)):
            if self.dropped(number, toxic):
                return i
        return len(n)

    def decide(self, treated: Counts, events: Counts, current: int) -> int:
        """The next cohort's dose, `STOP` where the lowest is given up or all people are in."""
        n, y = _looked_at(treated, events, current)
        allowed = self._allowed(n, y)
        if allowed == 0 or sum(n) >= self.most:
            return STOP
        if n[current] == 0:
            return min(current, allowed - 1)
        share, (up, down) = y[current] / n[current], self.boundaries
        step = 1 if share <= up else -1 if share >= down else 0
        return min(max(current + step, 0), allowed - 1)

    def select(self, treated: Counts, events: Counts) -> int:
        """The dose whose share, made monotone, is next to the target; of those equally near the lowest."""
        n, y = _looked_at(treated, events)
        allowed = self._allowed(n, y)
        tried = [i for i in range(allowed) if n[i] > 0]
        if not tried:
            return STOP
        number, toxic = np.array([n[i] for i in tried]), np.array([y[i] for i in tried])
        share = (toxic + PSEUDO) / (number + 2 * PSEUDO)
        weight = (number + 2 * PSEUDO) ** 2 * (number + 2 * PSEUDO + 1) / ((toxic + PSEUDO) * (number - toxic + PSEUDO))
        smooth = monotone(share, weight) + TIE * np.arange(1, len(tried) + 1)
        return tried[int(np.argmin(np.abs(smooth - self.target)))]

    def table(self, most: int | None = None) -> list[dict[str, int | None]]:
        """For each number treated at a dose: go up at or under, go down and give up at or over (None: never)."""
        up, down = self.boundaries
        rows: list[dict[str, int | None]] = []
        for n in range(1, given.whole(self.most if most is None else most, "most") + 1):
            gone = [y for y in range(n + 1) if self.dropped(n, y)]
            lower = math.ceil(down * n - TIE)
            rows.append(
                {
                    "treated": n,
                    "escalate": math.floor(up * n + TIE),
                    "de_escalate": lower if lower <= n else None,
                    "eliminate": gone[0] if gone else None,
                }
            )
        return rows


def monotone(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The nearest rising values in weighted squares: pool adjacent violators (Barlow 1972)."""
    blocks: list[list[float]] = []
    for value, weight in zip(values.tolist(), weights.tolist(), strict=True):
        blocks.append([value, weight, 1])
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            v, w, k = blocks.pop()
            last = blocks[-1]
            blocks[-1] = [(last[0] * last[1] + v * w) / (last[1] + w), last[1] + w, last[2] + k]
    return np.concatenate([np.full(int(k), value) for value, _, k in blocks])


def skeleton(target: float, doses: int, guess: int, half_width: float) -> np.ndarray:
    """Prior shares of a CRM from an indifference interval target ± half_width, `guess` the dose (from 0) held to be
    right.

    The parameter at which the lower of two neighbours has target - half_width is that at which the upper has
    target + half_width (Lee and Cheung 2009).
    """
    f, width = given.share(target, "target"), given.share(half_width, "half_width")
    k, start = given.whole(doses, "doses", 2), given.whole(guess, "guess", 0)
    if not 0 < f - width < f + width < 1 or start >= k:
        raise InputError(f"target {f:g} ± {width:g} must lie between 0 and 1, and guess {start} below {k} doses.")
    shares = np.full(k, f)
    above, below = math.log(f + width), math.log(f - width)
    for i in range(start, k - 1):
        shares[i + 1] = math.exp(math.log(shares[i]) * above / below)
    for i in range(start, 0, -1):
        shares[i - 1] = math.exp(math.log(shares[i]) * below / above)
    return shares


@dataclass(frozen=True)
class Crm:
    """Continual reassessment: the next cohort goes where the share foretold is next to the target, no dose skipped.

    `safety` stops the trial where the lowest dose has a posterior chance above it to exceed the target.
    """

    target: float
    skeleton: tuple[float, ...]
    cohort: int = 3
    most: int = MOST
    scale: float = SCALE
    safety: float = ELIMINATE

    def __post_init__(self) -> None:
        """Refuse a skeleton that does not rise."""
        given.share(self.target, "target")
        given.share(self.safety, "safety")
        given.above(self.scale, "scale")
        given.whole(self.most, "most", given.whole(self.cohort, "cohort"))
        shares = given.positive(self.skeleton, "skeleton", 2)
        if (np.diff(shares) <= 0).any() or shares[-1] >= 1:
            raise InputError(f"skeleton is {given.shown(shares.tolist())}; give shares that rise between 0 and 1.")

    def posterior(self, treated: Counts, events: Counts) -> tuple[np.ndarray, np.ndarray]:
        """Shares at the parameter's posterior mean, (dose,), and posterior chances to exceed the target, (dose,)."""
        n, y = _looked_at(treated, events)
        if len(n) != len(self.skeleton):
            raise InputError(
                f"There are counts of {len(n)} doses and a skeleton of {len(self.skeleton)}; give one each."
            )
        logs = np.log(np.array(self.skeleton))
        a = np.linspace(-WIDE * self.scale, WIDE * self.scale, NODES)
        number, toxic = np.array(n), np.array(y)
        chance = logs * np.exp(a)[:, None]  # log p, (node, dose)
        loglik = toxic * chance + np.where(number > toxic, (number - toxic) * np.log1p(-np.exp(chance)), 0.0)
        log = loglik.sum(axis=1) - 0.5 * (a / self.scale) ** 2
        weight = np.exp(log - log.max())
        weight /= weight.sum()
        shares = np.exp(logs * math.exp(float(weight @ a)))
        bound = np.log(math.log(self.target) / logs)  # p exceeds the target for a below it
        area = interpolate.CubicSpline(a, weight / (a[1] - a[0])).antiderivative()
        return shares, np.clip(area(np.clip(bound, a[0], a[-1])), 0.0, 1.0)

    def decide(self, treated: Counts, events: Counts, current: int) -> int:
        """The next cohort's dose, at most one above the current, `STOP` where it is too toxic or all people are in."""
        _looked_at(treated, events, current)
        if sum(treated) >= self.most:
            return STOP
        if sum(treated) == 0:
            return current
        best = self.select(treated, events)
        return STOP if best == STOP else min(best, current + 1)

    def select(self, treated: Counts, events: Counts) -> int:
        """The dose whose share foretold is next to the target, among those tried and the one above."""
        shares, over = self.posterior(treated, events)
        if over[0] > self.safety:
            return STOP
        return int(np.argmin(np.abs(shares - self.target)))


@dataclass(frozen=True)
class Operating:
    """How a plan behaves on a truth: shares of trials that select each dose and none; people and events by dose."""

    truth: np.ndarray
    selected: np.ndarray  # (dose,)
    none: float
    treated: np.ndarray  # mean people, (dose,)
    events: np.ndarray  # mean people with an event, (dose,)
    size: float
    runs: int

    @property
    def error(self) -> np.ndarray:
        """Monte-Carlo standard error of `selected`."""
        return np.asarray(np.sqrt(self.selected * (1 - self.selected) / self.runs))


def operating(plan: Plan, truth: Sequence[float], runs: int = RUNS, seed: int = 0, start: int = 0) -> Operating:
    """A plan run `runs` times where the dose-limiting share of each dose is `truth`, from dose `start`.

    Every run has its own stream of the seed, so that run 7 is the same in 10 runs and in 1,000.
    """
    shares = given.vector(truth, "truth")
    if ((shares < 0) | (shares > 1)).any():
        raise InputError("truth holds a share outside 0 to 1; give the chance of a dose-limiting event at each dose.")
    number = given.whole(runs, "runs")
    k, picks = shares.size, np.zeros(shares.size + 1)
    people, toxic = np.zeros(k), np.zeros(k)
    decided: dict[tuple[Counts, Counts, int], int] = {}
    for run in range(number):
        rng = np.random.default_rng([seed, run])
        n, y, dose = [0] * k, [0] * k, start
        while dose != STOP:
            n[dose] += plan.cohort
            y[dose] += int(rng.binomial(plan.cohort, shares[dose]))
            key = (tuple(n), tuple(y), dose)
            if key not in decided:
                decided[key] = plan.decide(*key)
            dose = decided[key]
        picks[plan.select(tuple(n), tuple(y))] += 1  # STOP is -1: the last place counts none
        people += n
        toxic += y
    picks /= number
    return Operating(
        shares, picks[:-1], float(picks[-1]), people / number, toxic / number, float(people.sum()) / number, number
    )
