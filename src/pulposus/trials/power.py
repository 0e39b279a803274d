"""How a trial behaves when it is run again and again: power, assurance, error, size.

What: `characteristics` runs a protocol many times from a bank at sizes and effects and gives a row for each; `truths`
says what each draw of the law makes the difference; `assured` follows power over size from them, `needed` finds the
size; `beside` puts published results next to ours.
Equations: share of trials that show a difference, standard error sqrt(q (1-q) / T); with truth d_k of draw k and
standard error s(n) = s_ref sqrt(h(n_ref) / h(n)), h = 1 / (1/n_1 + 1/n_2), power Phi(|d_k| / s - z) on the side that is
better, its mean over draws is the assurance. The bank's own error: persons of the bank drawn again (bootstrap), the
spread of what comes of it.
Reads: `bank`; ``evidence/trials.csv``. Writes: nothing.
Why this holds: every trial is analysed as its protocol says (`compared.judged`), by the same lines as one trial.
Source: Spiegelhalter and Freedman 1986 (assurance); Morris and others 2019 (Monte-Carlo error).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pulposus.errors import InputError
from pulposus.evidence import trials
from pulposus.outcomes import reported
from pulposus.trials.analysis import adjusted, plan_of, z_of
from pulposus.trials.bank import Bank, Truth, paired, replicates
from pulposus.trials.compared import ALPHA, HAZARD, Asked, Found, asked, judged
from pulposus.trials.estimands import pain_of, strategies, wanted
from pulposus.trials.protocol import RESPONDER
from pulposus.trials.variables import better

if TYPE_CHECKING:
    from pulposus.trials.protocol import Arm, Endpoint, Protocol

RUNS = 1000  # maths: trials where the caller names no number
TRUTHS = 200  # maths: draws of the law whose difference is reckoned
LIVES = 4  # maths: lives of each person of the bank for such a difference
AGAIN = 200  # maths: times the persons of a bank are drawn again
GOAL = 0.9  # maths: customary power
MOST = 20_000  # maths: persons beyond which no size is sought
HUNDRED = 100  # maths: a share in percent
FEWEST = 20  # maths: trials below which a share says nothing
Tell = Callable[[int, int, str], None]


def primary(protocol: Protocol) -> Endpoint:
    """The endpoint that a trial is sized for: the first primary one."""
    return next(end for end in protocol.endpoints if end.role == "primary")


# ---------------------------------------------------------------------------------------------- trials again and again


@dataclass(frozen=True)
class Run:
    """One trial of many: what was found of each primary comparison, whether any was shown, and on the better side;
    persons until it stopped.
    """

    found: tuple[Found, ...]
    shown: bool
    better: bool
    persons: int


@dataclass(frozen=True)
class Row:
    """How a protocol behaves at one size and effect; `error`s are Monte-Carlo standard errors."""

    what: str
    size: int
    effect: float
    trials: int
    shown: float
    shown_error: float
    better: float
    better_error: float
    not_analysed: int
    persons: float
    persons_error: float
    value: tuple[tuple[str, float, float, float], ...]  # arm, mean over trials, error of that mean, spread of trials
    runs: tuple[Run, ...]


def run(
    bank: Bank,
    protocol: Protocol,
    truth: Truth,
    effect: float = 1.0,
    null: bool = False,
    tell: Tell | None = None,
) -> list[Run]:
    """Many trials, analysed as the protocol says; only primary endpoints are judged."""
    ends = [end for end in protocol.endpoints if end.role == "primary"]
    plan, size, runs = strategies(protocol), protocol.size, list[Run]()
    scores = tuple(dict.fromkeys(name for end in ends for name in wanted(end, protocol)))
    for which, seen in replicates(bank, protocol, truth, scores, effect, null, tell):
        ready = [asked(seen, end, protocol, plan) for end in ends]
        for place in range(which.size):
            rows = slice(place * size, (place + 1) * size)
            runs.append(_judged([one.only(rows) for one in ready], protocol))
    return runs


def _judged(ready: Sequence[Asked], protocol: Protocol) -> Run:
    found = adjusted([one for each in ready for one in judged(each)])
    looked = plan_of(protocol) if protocol.interim.information else None
    if looked is None:
        shown = [one for one in found if one.shown]
        return Run(tuple(found), bool(shown), any(map(_better, shown)), protocol.size)
    for share, critical in zip(looked.information.tolist(), looked.critical.tolist(), strict=True):
        number = math.ceil(share * protocol.size)
        first = found[0] if number == protocol.size else judged(ready[0].only(slice(0, number)))[0]
        if abs(z_of(first)) >= critical:
            return Run((first, *found[1:]), True, _better(first), number)
    return Run(tuple(found), False, False, protocol.size)


def _better(found: Found) -> bool:
    """Whether a difference lies on the side that is better."""
    null = 1.0 if found.scale == HAZARD else 0.0
    return (found.difference.value > null) == (better(found.variable) == "higher")


def summed(what: str, runs: Sequence[Run], size: int, effect: float) -> Row:
    """Shares of trials with their Monte-Carlo errors."""
    number = len(runs)

    def share(flags: list[bool]) -> tuple[float, float]:
        q = sum(flags) / number
        return q, math.sqrt(q * (1 - q) / number)

    persons = np.array([one.persons for one in runs], float)
    found, first = runs[0].found, np.array([[f.value[0] for f in one.found] for one in runs])
    values = [(one.arm, *_mean(first[:, i])) for i, one in enumerate(found) if one.endpoint == found[0].endpoint]
    if found[0].control:
        values.append((found[0].control, *_mean(np.array([one.found[0].value[1] for one in runs]))))
    failed = sum(any(math.isnan(f.p) for f in one.found) for one in runs)
    told = (*share([one.shown for one in runs]), *share([one.better for one in runs]))
    spread = float(persons.std()) / math.sqrt(number)
    return Row(what, size, effect, number, *told, failed, float(persons.mean()), spread, tuple(values), tuple(runs))


def _mean(values: np.ndarray) -> tuple[float, float, float]:
    kept = values[np.isfinite(values)]
    if kept.size < 2:
        return math.nan, math.nan, math.nan
    spread = float(kept.std(ddof=1))
    return float(kept.mean()), spread / math.sqrt(kept.size), spread


# ---------------------------------------------------------------------------------------------- what draws make of it


@dataclass(frozen=True)
class Truths:
    """What each draw of the law makes of the first primary comparison.

    `difference` (draw,): as the analysis has it (a hazard ratio as a logarithm), better above nought; `error` that of
    a trial with `h` = 1 / (1/n_1 + 1/n_2); `again` (bootstrap, draw): differences of the bank drawn again.
    """

    difference: np.ndarray
    error: np.ndarray
    h: float
    z: float
    again: np.ndarray
    truth: Truth
    median: int  # which of them has the middle difference

    def power(self, h: float, differences: np.ndarray | None = None) -> np.ndarray:
        """Power of each draw (draw,) for a trial of 1 / (1/n_1 + 1/n_2) = h, on the side that is better."""
        from scipy.special import ndtr

        gap = self.difference if differences is None else differences
        return np.asarray(ndtr(gap / (self.error * math.sqrt(self.h / h)) - self.z))


def harmonic(protocol: Protocol, arm: str) -> float:
    """1 / (1/n_1 + 1/n_2) of an arm and the control."""
    sizes = {one.name: one.size for one in protocol.arms}
    return 1 / (1 / sizes[arm] + 1 / sizes[protocol.control.name])


def truths(bank: Bank, protocol: Protocol, count: int = TRUTHS, tell: Tell | None = None) -> Truths:
    """The difference under each of `count` draws of the law, every person of the bank in both arms."""
    from scipy.special import ndtri

    end = primary(protocol)
    if not protocol.controlled:
        raise InputError(f"{protocol.name} has one arm; a size is sought for a comparison.")
    once = end.model_copy(update={"analysis": "ancova"}) if end.analysis == "mmrm" else end
    truth, plan = Truth.of(protocol.trial.region, count, bank.seed), strategies(protocol)
    scores, gaps, errors, each = wanted(once, protocol), list[float](), list[float](), list[np.ndarray]()
    active = next(arm.name for arm in protocol.arms if arm.name != protocol.control.name)
    sign = 1.0 if better(end.variable) == "higher" else -1.0
    for i in range(count):
        if tell is not None:
            tell(i, count, "draws of the law")
        seen = paired(bank, protocol, truth, i, scores, LIVES)
        ready = asked(seen, once, protocol, plan)
        found = next(one for one in judged(ready) if one.arm == active)
        gap = found.difference.value
        gaps.append(sign * (math.log(gap) if found.scale == HAZARD else gap))
        errors.append(found.error)
        each.append(sign * _each(ready, active, protocol.control.name, bank.size))
    weights = np.random.default_rng([bank.seed, AGAIN]).multinomial(
        bank.size, np.full(bank.size, 1 / bank.size), AGAIN
    )
    persons, known = np.nan_to_num(np.array(each)), np.isfinite(np.array(each)).astype(float)
    moved = (weights @ persons.T) / np.maximum(weights @ known.T, 1) - persons.sum(1) / np.maximum(known.sum(1), 1)
    difference = np.array(gaps)
    scale = 1.0 if end.kind != "time" else math.nan
    alpha = ALPHA if end.alpha is None else end.alpha
    middle = int(np.argsort(difference, kind="stable")[count // 2])
    h = 1 / (2 / (LIVES * bank.size))
    return Truths(
        difference,
        np.array(errors),
        h,
        float(-ndtri(alpha / 2)),
        difference + scale * moved,
        truth,
        middle,
    )


def _each(ready: Asked, arm: str, control: str, size: int) -> np.ndarray:
    """Each person of the bank in the arm less themselves in the control (person,): answers, or last scores."""
    end, first = ready.endpoint, ready.values[0]
    if end.kind == "time":
        first = (ready.values[1] == 1).astype(float)
    if first.ndim > 1:
        first = first[:, int(np.argmin(np.abs(ready.seen.months - end.month)))]
    names, people = [one.name for one in ready.protocol.arms], LIVES * size
    parts = [first[names.index(name) * people : (names.index(name) + 1) * people] for name in (arm, control)]
    gap = (parts[0] - parts[1]).reshape(LIVES, size)
    known = np.isfinite(gap).sum(0)
    return np.where(known > 0, np.nansum(gap, 0) / np.maximum(known, 1), np.nan)


@dataclass(frozen=True)
class Size:
    """A size for a power: persons of all arms (inf: none up to `most`), and what it is over."""

    goal: float
    over: str
    persons: float
    most: int
    reached: float  # power at `most`, or at the size found

    @property
    def sentence(self) -> str:
        """The size in words."""
        if math.isinf(self.persons):
            return (
                f"{self.over}: no size up to {self.most:,} persons shows the model's own effect with "
                f"{HUNDRED * self.goal:g} % power; at {self.most:,} it is {HUNDRED * self.reached:.0f} %."
            )
        shown = f"show the model's own effect with {HUNDRED * self.goal:g} % power"
        return f"{self.over}: {self.persons:,.0f} persons {shown}."


def assured(found: Truths, protocol: Protocol, size: int, median: bool = False) -> float:
    """Power at a size over the draws (assurance), or at the median draw alone."""
    return float(_power(found, protocol, size, median, found.difference))


def bank_error(found: Truths, protocol: Protocol, size: int, median: bool = False) -> float:
    """The bank's own error of `assured`: its spread over banks drawn again."""
    return float(np.std([_power(found, protocol, size, median, row) for row in found.again]))


def _power(found: Truths, protocol: Protocol, size: int, median: bool, differences: np.ndarray) -> float:
    active = next(arm.name for arm in protocol.arms if arm.name != protocol.control.name)
    each = found.power(harmonic(protocol.sized(size), active), differences)
    return float(each[found.median] if median else each.mean())


def needed(found: Truths, protocol: Protocol, goal: float = GOAL, most: int = MOST, median: bool = False) -> Size:
    """The smallest size with a power, by halving."""
    over = "At the median draw" if median else "Over what trials leave possible"
    reached = assured(found, protocol, most, median)
    if reached < goal:
        return Size(goal, over, math.inf, most, reached)
    low, high = len(protocol.arms) * 2, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if assured(found, protocol, middle, median) >= goal else (middle, high)
    return Size(goal, over, float(high), most, assured(found, protocol, high, median))


# ---------------------------------------------------------------------------------------------- beside what was printed


@dataclass(frozen=True)
class Beside:
    """A published result of an arm and our mean over trials with the spread of trials."""

    arm: str
    published_arm: str
    persons: float
    published: float
    ours: float
    error: float
    spread: float
    source: str


def beside(protocol: Protocol, row: Row, start: float = math.nan) -> list[Beside]:
    """Published results of the primary endpoint at its month, by study, next to ours; nothing if none was printed.

    Shares of responders; of a score the mean change, for which `start` is the mean at the start.
    """
    end, out = primary(protocol), list[Beside]()
    results = [
        one
        for one in trials.results()
        if protocol.name.casefold() in (one.arm.trial.casefold(), one.arm.study.casefold())
        and one.months == end.month
        and _same(one, end, protocol)
    ]
    off = start if end.kind == "continuous" else 0.0
    ours = {name: (mean - off, error, spread) for name, mean, error, spread in row.value}
    for arm in protocol.arms:
        match = _match(arm, results)
        if match is not None and arm.name in ours:
            told = (match.arm.name, match.n, match.value)
            out.append(Beside(arm.name, *told, *ours[arm.name], match.source))
    return out


def _same(result: trials.Result, end: Endpoint, protocol: Protocol) -> bool:
    """Whether a printed result is of an endpoint."""
    if end.variable == RESPONDER:
        return result.endpoint.outcome == reported.RULES.get(end.rule, end.rule)
    domain = {pain_of(protocol): "pain", reported.INDEX[protocol.trial.region]: "disability"}.get(end.variable)
    domains = ("pain", "neck", "limb") if domain == "pain" else (domain,)
    return result.statistic == "change" and result.endpoint.domain in domains


def _match(arm: Arm, results: Sequence[trials.Result]) -> trials.Result | None:
    same = [one for one in results if one.arm.name.casefold() == arm.name.casefold()]
    same = same or [one for one in results if set(one.arm.parts) == set(arm.treatments)]
    return same[0] if same else None
