"""Trials run again and again, each in a line, and what they come to together.

What: `Run` is one trial of many, `Row` how a protocol behaves at one size and effect, `summed` makes the second of the
first; `parts` finds each trial's persons among those of many.
Equations: a share q of T trials has standard error sqrt(q (1-q) / T).
Reads, writes: nothing.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pulposus.trials.compared import Asked, Found
from pulposus.trials.estimands import wanted
from pulposus.trials.variables import better

if TYPE_CHECKING:
    from pulposus.trials.estimands import Seen
    from pulposus.trials.protocol import Endpoint, Protocol


@dataclass(frozen=True)
class Run:
    """One trial of many: what was found of each primary comparison, whether any was shown, and on the better side;
    persons until it stopped; values of controls that nothing is held against, not adjusted; what happened at a look or
    of the dose-response, and the target dose (nan for none).
    """

    found: tuple[Found, ...]
    shown: bool
    better: bool
    persons: int
    others: tuple[tuple[str, float], ...] = ()
    told: tuple[str, ...] = ()
    dose: float = math.nan


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
    told: tuple[tuple[str, float, float], ...] = ()  # what happened at a look, share of trials, its error
    dose: tuple[float, float, float] = (math.nan, math.nan, math.nan)  # target: median, nine tenths of trials with one


def parts(seen: Seen, endpoint: Endpoint, protocol: Protocol, sizes: Sequence[int]) -> list[slice]:
    """Rows of each trial once those are left out who could not be computed: trials of `sizes`, one after the other."""
    known = np.concatenate([[0], np.cumsum(seen.known(wanted(endpoint, protocol)))])
    edges = known[np.concatenate([[0], np.cumsum(sizes)])].tolist()
    return [slice(low, high) for low, high in itertools.pairwise(edges)]


def others(ready: Asked, protocol: Protocol) -> tuple[tuple[str, float], ...]:
    """Controls beside the first: the mean of their answers or last scores, or the share with an event."""
    held = {*protocol.actives, protocol.control.name}
    names = [arm.name for arm in protocol.arms if arm.name not in held]
    if not names:
        return ()
    value = last_of(ready)
    return tuple((name, float(np.nanmean(value[ready.seen.arm == name]))) for name in names)


def last_of(ready: Asked) -> np.ndarray:
    """What an endpoint comes to in each person (person,): an answer, a score at its month, whether the event came."""
    end, first = ready.endpoint, ready.values[0]
    if end.kind == "time":
        return np.asarray(ready.values[1] == 1, float)
    return first if first.ndim == 1 else first[:, int(np.argmin(np.abs(ready.seen.months - end.month)))]


def is_better(found: Found) -> bool:
    """Whether a difference lies on the side that is better."""
    return (found.difference.value > found.null) == (better(found.variable) == "higher")


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
        values.append((found[0].control, *_mean(np.array([of_control(one) for one in runs]))))
    names = [name for name, _ in runs[0].others]
    values += [(name, *_mean(np.array([one.others[i][1] for one in runs]))) for i, name in enumerate(names)]
    failed = sum(any(math.isnan(f.p) for f in one.found) for one in runs)
    told = (*share([one.shown for one in runs]), *share([one.better for one in runs]))
    spread = float(persons.std()) / math.sqrt(number)
    seen = sorted({word for one in runs for word in one.told})
    looked = tuple((word, *share([word in one.told for one in runs])) for word in seen)
    counted = (failed, float(persons.mean()), spread)
    return Row(what, size, effect, number, *told, *counted, tuple(values), tuple(runs), looked, _target(runs))


def of_control(run: Run) -> float:
    """Value of the control as it stands beside the arm that most of it was held against: all its people, where arms
    were dropped at a look.
    """
    own = [one for one in run.found if one.endpoint == run.found[0].endpoint]
    return max(own, key=lambda one: one.persons[1]).value[1]


def _target(runs: Sequence[Run]) -> tuple[float, float, float]:
    """Target doses of trials that found one: the median, and nine tenths of them."""
    doses = np.array([one.dose for one in runs])
    known = doses[np.isfinite(doses)]
    if not known.size:
        return math.nan, math.nan, math.nan
    middle, low, high = np.quantile(known, (0.5, 0.05, 0.95)).tolist()  # maths: nine tenths
    return middle, low, high


def _mean(values: np.ndarray) -> tuple[float, float, float]:
    kept = values[np.isfinite(values)]
    if kept.size < 2:
        return math.nan, math.nan, math.nan
    spread = float(kept.std(ddof=1))
    return float(kept.mean()), spread / math.sqrt(kept.size), spread
