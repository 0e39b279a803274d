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
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pulposus.errors import InputError
from pulposus.evidence import trials
from pulposus.outcomes import reported
from pulposus.trials import staged
from pulposus.trials.analysis import adjusted, plan_of
from pulposus.trials.bank import Bank, Truth, paired, replicates
from pulposus.trials.compared import ALPHA, HAZARD, Asked, Found, asked, judged
from pulposus.trials.doses import found_in
from pulposus.trials.estimands import pain_of, strategies, wanted
from pulposus.trials.protocol import RESPONDER
from pulposus.trials.runs import Row as Row
from pulposus.trials.runs import Run as Run
from pulposus.trials.runs import is_better, last_of, others, parts
from pulposus.trials.runs import summed as summed
from pulposus.trials.variables import better

if TYPE_CHECKING:
    from pulposus.trials.estimands import Seen
    from pulposus.trials.protocol import Arm, Endpoint, Protocol

RUNS = 1000  # maths: trials where the caller names no number
TRUTHS = 200  # maths: draws of the law whose difference is reckoned
LIVES = 4  # maths: lives of each person of the bank for such a difference
MANY_LIVES = 40  # maths: lives at the median draw alone, whose size goes with the square of its difference
SIDE = 1.645  # maths: standard deviations of a normal on either side of nine tenths
AGAIN = 200  # maths: times the persons of a bank are drawn again
GOAL = 0.9  # maths: customary power
SEARCH_LIMIT = 20_000  # maths: persons beyond which no size is sought
HUNDRED = 100  # maths: a share in percent
FEWEST = 20  # maths: trials below which a share says nothing
DOSE_RESPONSE, TARGET = "dose-response", "target dose"
Tell = Callable[[int, int, str], None]


# ---------------------------------------------------------------------------------------------- trials again and again


def run(
    bank: Bank,
    protocol: Protocol,
    truth: Truth,
    effect: float = 1.0,
    null: bool = False,
    tell: Tell | None = None,
) -> list[Run]:
    """Many trials, analysed as the protocol says; only primary endpoints are judged."""
    if protocol.interim.changes:
        return staged.run(bank, protocol, truth, effect, null, tell)
    ends, plan, runs = protocol.primaries, strategies(protocol), list[Run]()
    scores = tuple(dict.fromkeys(name for end in ends for name in wanted(end, protocol)))
    for which, seen in replicates(bank, protocol, truth, scores, effect, null, tell):
        ready = [asked(seen, end, protocol, plan) for end in ends]
        rows = [parts(seen, end, protocol, [protocol.size] * which.size) for end in ends]
        for place in range(which.size):
            runs.append(_judged([one.only(of[place]) for one, of in zip(ready, rows, strict=True)], protocol))
    return runs


def _judged(ready: Sequence[Asked], protocol: Protocol) -> Run:
    looked, beside = plan_of(protocol), others(ready[0], protocol)
    if looked is None:
        found = adjusted([one for each in ready for one in judged(each)])
        shown = [one for one in found if one.shown]
        words, dose = _dose_response(found, protocol)
        return Run(tuple(found), bool(shown), any(map(is_better, shown)), protocol.size, beside, words, dose)
    for look, share in enumerate(looked.information.tolist()):
        number = math.ceil(share * protocol.size)
        so_far = ready if number >= protocol.size else [each.only(slice(0, number)) for each in ready]
        found = adjusted([one for each in so_far for one in judged(each)], looked, look)
        # each look at its own level, of both sides as p is
        level = 2 * looked.local_levels[look]
        shown = [one for one in found if one.adjusted <= level and (looked.sides == 2 or is_better(one))]
        if shown:
            return Run(tuple(found), True, any(map(is_better, shown)), number, beside)
    return Run(tuple(found), False, False, protocol.size, beside)


def _dose_response(found: Sequence[Found], protocol: Protocol) -> tuple[tuple[str, ...], float]:
    """Whether the answer is shown to change with the dose, and the target dose."""
    if not protocol.dose_response.candidates:
        return (), math.nan
    chosen = found_in(protocol, found)
    if chosen is None or not chosen.test.shown:
        return (), math.nan
    return (DOSE_RESPONSE, *((TARGET,) if math.isfinite(chosen.dose) else ())), chosen.dose


# ---------------------------------------------------------------------------------------------- what draws make of it


@dataclass(frozen=True)
class Under:
    """The difference under one draw beyond what it is held against, better above nought, its standard error, and those
    of the bank drawn again.
    """

    difference: float
    error: float
    again: np.ndarray


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
    middle: Under  # that draw again, from many more lives

    def power(self, h: float, differences: np.ndarray | None = None) -> np.ndarray:
        """Power of each draw (draw,) for a trial of 1 / (1/n_1 + 1/n_2) = h, on the side that is better."""
        from scipy.special import ndtr

        gap = self.difference if differences is None else differences
        return np.asarray(ndtr(gap / (self.error * math.sqrt(self.h / h)) - self.z))

    def power_at_median(self, h: float, difference: float | None = None) -> float:
        """The same at the median draw."""
        from scipy.special import ndtr

        gap = self.middle.difference if difference is None else difference
        return float(ndtr(gap / (self.middle.error * math.sqrt(self.h / h)) - self.z))


def harmonic(protocol: Protocol, arm: str) -> float:
    """1 / (1/n_1 + 1/n_2) of an arm and the control."""
    sizes = {one.name: one.size for one in protocol.arms}
    return 1 / (1 / sizes[arm] + 1 / sizes[protocol.control.name])


def truths(bank: Bank, protocol: Protocol, count: int = TRUTHS, tell: Tell | None = None) -> Truths:
    """The difference under each of `count` draws of the law, every person of the bank in both arms."""
    from scipy.special import ndtri

    end = protocol.primary
    if not protocol.controlled:
        raise InputError(f"{protocol.name} has one arm; a size is sought for a comparison.")
    truth = Truth.of(protocol.trial.region, count, bank.seed)
    each = []
    for i in range(count):
        if tell is not None:
            tell(i, count, "draws of the law")
        each.append(_under(bank, protocol, truth, i, LIVES))
    middle = int(np.argsort([one.difference for one in each], kind="stable")[count // 2])
    alpha = ALPHA if end.alpha is None else end.alpha
    if tell is not None:
        tell(count, count, "the median draw")
    return Truths(
        np.array([one.difference for one in each]),
        np.array([one.error for one in each]),
        1 / (2 / (LIVES * bank.size)),
        float(-ndtri(alpha / 2)),
        np.stack([one.again for one in each], axis=1),
        truth,
        middle,
        _under(bank, protocol, truth, middle, MANY_LIVES, LIVES),
    )


def _under(bank: Bank, protocol: Protocol, truth: Truth, which: int, lives: int, as_if: int = 0) -> Under:
    """The difference under one draw, from so many lives of each person; `as_if`: lives that its error is told for."""
    end = protocol.primary
    once = end.model_copy(update={"analysis": "ancova"}) if end.analysis == "mmrm" else end
    active = protocol.actives[0]
    sign = 1.0 if better(end.variable) == "higher" else -1.0
    seen = paired(bank, protocol, truth, which, wanted(once, protocol), lives)
    ready = asked(seen, once, protocol, strategies(protocol))
    found = next(one for one in judged(ready) if one.arm == active)
    if math.isnan(found.difference.value):
        raise InputError(f"{protocol.name} cannot be sized: {found.note}")
    gap = sign * (math.log(found.difference.value) if found.scale == HAZARD else found.difference.value)
    off = sign * (math.log(found.null) if found.scale == HAZARD else found.null)  # nought unless there is a margin
    each = sign * _each(seen, ready, active, lives)
    # a hazard ratio is moved as the share of persons with an event is, relative to its difference
    drawn = np.random.default_rng([bank.seed, AGAIN]).multinomial(bank.size, np.full(bank.size, 1 / bank.size), AGAIN)
    known = np.isfinite(each)
    moved = (drawn @ np.nan_to_num(each)) / np.maximum(drawn @ known, 1) - each[known].mean()
    scale = gap / each[known].mean() if end.kind == "time" and each[known].mean() else 1.0
    return Under(gap - off, found.error * math.sqrt(lives / (as_if or lives)), gap - off + scale * moved)


def _each(seen: Seen, ready: Asked, arm: str, lives: int) -> np.ndarray:
    """Each person of the bank in the arm less themselves in the control (person,): answers, or last scores.

    Who could not be computed keeps a place, so that persons stand beside themselves.
    """
    protocol = ready.protocol
    last = np.full(seen.size, np.nan)
    last[seen.known(wanted(ready.endpoint, protocol))] = last_of(ready)
    names, people = [one.name for one in protocol.arms], last.size // len(protocol.arms)
    control, size = protocol.control.name, people // lives
    parts = [last[names.index(name) * people : (names.index(name) + 1) * people] for name in (arm, control)]
    gap = (parts[0] - parts[1]).reshape(lives, size)
    known = np.isfinite(gap).sum(0)
    return np.where(known > 0, np.nansum(gap, 0) / np.maximum(known, 1), np.nan)


@dataclass(frozen=True)
class Size:
    """A size for a power: persons of all arms (inf: none up to the limit), what it is over, nine tenths of banks."""

    goal: float
    over: str
    persons: float
    search_limit: int
    reached: float  # power there, or at the size found
    low: float
    high: float

    @property
    def sentence(self) -> str:
        """The size in words."""
        power = f"{HUNDRED * self.goal:g} % power"
        if math.isinf(self.persons):
            # what falls short of the goal is never rounded up to it
            return (
                f"{self.over}: no size up to {self.search_limit:,} persons shows the model's own effect with {power}; "
                f"at {self.search_limit:,} it is {math.floor(HUNDRED * self.reached)} %."
            )
        high = "more than were tried" if math.isinf(self.high) else f"{self.high:,.0f}"
        return (
            f"{self.over}: {self.persons:,.0f} persons show the model's own effect with {power} (nine tenths of banks: "
            f"{self.low:,.0f} to {high})."
        )


def assured(found: Truths, protocol: Protocol, size: int, median: bool = False) -> float:
    """Power at a size over the draws (assurance), or at the median draw alone."""
    h = harmonic(protocol.sized(size), protocol.actives[0])
    return found.power_at_median(h) if median else float(found.power(h).mean())


def bank_error(found: Truths, protocol: Protocol, size: int, median: bool = False) -> float:
    """The bank's own error of `assured`: its spread over banks drawn again."""
    h = harmonic(protocol.sized(size), protocol.actives[0])
    if median:
        return float(np.std([found.power_at_median(h, gap) for gap in found.middle.again]))
    return float(np.std([found.power(h, row).mean() for row in found.again]))


def needed(
    found: Truths, protocol: Protocol, goal: float = GOAL, search_limit: int = SEARCH_LIMIT, median: bool = False
) -> Size:
    """The smallest size with a power, by halving; its range from banks that are `SIDE` errors better or worse."""
    over = "At the median draw" if median else "Over what trials leave possible"
    again = found.middle.again if median else found.again
    off = SIDE * again.std(axis=0)

    def reached(size: int, shift: float = 0.0) -> float:
        h = harmonic(protocol.sized(size), protocol.actives[0])
        if median:
            return found.power_at_median(h, found.middle.difference + shift * float(off))
        return float(found.power(h, found.difference + shift * _together(again)).mean())

    def smallest(shift: float) -> float:
        if reached(search_limit, shift) < goal:
            return math.inf
        low, high = len(protocol.arms) * 2, search_limit
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if reached(middle, shift) >= goal else (middle, high)
        return float(high)

    persons, low, high = (smallest(shift) for shift in (0.0, 1.0, -1.0))
    power = reached(search_limit if math.isinf(persons) else int(persons))
    return Size(goal, over, persons, search_limit, power, low, high)


def _together(again: np.ndarray) -> float:
    """By how much all draws move at once where a bank is better: nine tenths of the mean over draws."""
    return SIDE * float(again.mean(axis=1).std())


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
    end, out = protocol.primary, list[Beside]()
    results = [
        one
        for one in trials.results()
        if protocol.name.casefold() in (one.arm.trial.casefold(), one.arm.study.casefold())
        and one.months == end.month
        and _same(one, end, protocol)
    ]
    # a part of a trial that was printed before the whole stands behind it
    results.sort(key=lambda one: one.arm.trial.casefold() != protocol.name.casefold())
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
    """The printed arm of the same name; or that of what was done and known alike, at the dose that its name begins by.

    Nothing where several are left: a wrong arm beside ours is worse than none.
    """
    same = [one for one in results if one.arm.name.casefold() == arm.name.casefold()]
    if not same:
        done = (set(arm.treatments), arm.procedure, arm.aware)
        same = [one for one in results if (set(one.arm.parts), one.arm.procedure, one.arm.aware) == done]
        if dose := _number(arm.name):
            same = [one for one in same if _number(one.arm.name) == dose]
    return same[0] if len({one.arm.name for one in same}) == 1 else None


def _number(name: str) -> str:
    """The number that a name begins with ("18 million", "18M cells"); nothing where it begins otherwise."""
    return re.match(r"\d*", name).group()  # type: ignore[union-attr]
