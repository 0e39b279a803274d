"""Trials that a look changes: arms are dropped, or the size is told anew; run again and again from a bank.

What: `Plan` is what a protocol says of its look, `run` gives many trials. People of stage one live and are judged, the
rule says what goes on, people of stage two enter the arms that are left, and both stages are put together.
Equations: those of `statistics.adaptive` (closed test, inverse normal combination) and `reestimation` (promising zone),
Z of a stage from p of the protocol's own analysis in people of that stage alone, turned so that better is above nought.
Critical values are those of the group-sequential plan, weights the planned shares of information.
Reads: `bank`. Writes: nothing.
Why this holds: what is planned for stage two may hang on all of stage one, because nobody is in both; a person is the
same whatever the look made of the trial. People of dropped arms are followed, and told; they are not recruited again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.special import ndtri

from pulposus.errors import InputError
from pulposus.statistics import adaptive, reestimation
from pulposus.statistics.reestimation import ENDS
from pulposus.trials.analysis import plan_of
from pulposus.trials.bank import Bank, Truth, allocated, batches, crowd, entered, entered_later
from pulposus.trials.compared import Asked, Found, asked, judged
from pulposus.trials.estimands import strategies, wanted
from pulposus.trials.lives import lived
from pulposus.trials.protocol import Protocol
from pulposus.trials.runs import Run, is_better, others, parts

Tell = Callable[[int, int, str], None]
STOPS, NONE = "stops at the look", "drops every arm"


def turned(found: Found) -> float:
    """Z of a comparison from its p, better above nought; nan where it could not be had."""
    if math.isnan(found.p):
        return math.nan
    z = float(-ndtri(min(max(found.p, ENDS), 1.0) / 2))
    return z if is_better(found) else -z


@dataclass(frozen=True)
class Change:
    """What a look says: which arms are shown there (arm,), the trial of stage two (None where it stops), in words."""

    shown: np.ndarray
    second: Protocol | None
    told: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """A protocol's look: trial of stage one, critical values at the look and at the end, share of the information."""

    protocol: Protocol
    first: Protocol
    critical: tuple[float, float]
    share: float

    @classmethod
    def of(cls, protocol: Protocol) -> Plan:
        """Of a protocol whose look changes it. Raises InputError for another, or one of too few people."""
        plan = plan_of(protocol)
        if plan is None or not protocol.interim.changes:
            said = f"{protocol.name} has no [interim] that drops arms or tells a size"
            raise InputError(f"{said}; write drop or max_size.")
        number, arms = math.ceil(protocol.interim.share * protocol.size), len(protocol.arms)
        if min(number, protocol.size - number) < arms:
            raise InputError(f"{protocol.size} people are too few for two stages of {arms} arms; give more.")
        first, last = plan.critical.tolist()
        return cls(protocol, protocol.sized(number), (first, last), protocol.interim.share)

    @property
    def later(self) -> int:
        """People of stage two as planned."""
        return self.protocol.size - self.first.size

    @property
    def max_size(self) -> int:
        """People of the whole trial at most."""
        return self.protocol.interim.max_size or self.protocol.size

    @cached_property
    def loading(self) -> np.ndarray:
        """What comparisons of stage one have of the control (arm,)."""
        return self.shared(self.first)

    def shared(self, stage: Protocol) -> np.ndarray:
        """The same of any stage; 0 for arms that are not in it."""
        sizes = {arm.name: arm.size for arm in stage.arms}
        return adaptive.loading([sizes.get(name, 0) for name in self.protocol.actives], sizes[stage.control.name])

    def only(self, names: Sequence[str], people: int) -> Protocol:
        """The trial with so many people in these active arms and in all controls, as their sizes stand."""
        gone = set(self.protocol.actives) - set(names)
        arms = tuple(arm for arm in self.protocol.arms if arm.name not in gone)
        return self.protocol.model_copy(update={"arms": arms}).sized(people)

    def after(self, z: np.ndarray, error: np.ndarray) -> list[Change]:
        """What the look says of trials with Z and standard errors of arms (trial, arm)."""
        table, names = self.protocol.interim, self.protocol.actives
        shown = adaptive.closed(z, self.critical, self.share, (self.loading, self.loading), None, table.sets)
        if not table.drop:
            return [self._resized(float(one[0]), where) for one, where in zip(z, shown, strict=True)]
        rule = (table.drop, z, error, self.loading, self.share, self.critical[1], table.arms_kept, table.least)
        stay, made, out = adaptive.kept(*rule), dict[tuple[str, ...], Protocol](), list[Change]()
        for here, on in zip(shown, stay, strict=True):
            left = tuple(name for name, goes in zip(names, on, strict=True) if goes)
            if here.any():
                out.append(Change(here, None, (STOPS,)))
            elif not left:
                out.append(Change(here, None, (NONE,)))
            else:
                if left not in made:
                    made[left] = self.only(left, self.later)
                out.append(Change(here, made[left], tuple(f"keeps {name}" for name in left)))
        return out

    def _resized(self, z: float, shown: np.ndarray) -> Change:
        if shown.any():
            return Change(shown, None, (STOPS,))
        begins, aims = self.protocol.interim.zone
        sizes = (self.first.size, self.later, self.max_size - self.first.size)
        seen = z if math.isfinite(z) else 0.0
        found = reestimation.promising_zone(seen, *sizes, self.critical[1], aims, begins)
        return Change(shown, self.only(self.protocol.actives, found.second_stage), (f"{found.zone} zone",))


def run(
    bank: Bank,
    protocol: Protocol,
    truth: Truth,
    effect: float = 1.0,
    null: bool = False,
    tell: Tell | None = None,
) -> list[Run]:
    """Many trials of a protocol whose look changes it; the first primary endpoint is judged."""
    plan, out = Plan.of(protocol), list[Run]()
    for trials in batches(len(truth), plan.max_size):
        if tell is not None:
            tell(int(trials[0]), len(truth), f"trials of {protocol.size}")
        out += _Batch(plan, bank, truth, effect, null).run(trials)
    return out


@dataclass(frozen=True)
class _Batch:
    """Trials that live at once."""

    plan: Plan
    bank: Bank
    truth: Truth
    effect: float
    null: bool

    def run(self, trials: np.ndarray) -> list[Run]:
        plan, names = self.plan, self.plan.protocol.actives
        arms = allocated(plan.first, plan.protocol)
        ones = self._asked(trials, [entered(self.bank, trial, arms) for trial in trials.tolist()])
        looks = [judged(one) for one in ones]
        z = np.array([[turned(each) for each in found] for found in looks])
        changes = plan.after(z, np.array([[each.error for each in found] for found in looks]))
        going = [place for place, change in enumerate(changes) if change.second is not None]
        second, joined = np.full(z.shape, math.nan), dict[int, list[Found]]()
        shared, whole = np.zeros(z.shape), dict[int, Asked]()
        for place, two in zip(going, self._second(trials, changes, going), strict=True):
            stage = changes[place].second
            assert stage is not None
            for found in judged(two):
                second[place, names.index(found.arm)] = turned(found)
            shared[place] = plan.shared(stage)
            whole[place] = replace(ones[place].joined(two), protocol=stage)
            joined[place] = judged(whole[place])
        shown = self._shown(z, second, shared, joined)
        return [
            self._told(changes[place], looks[place], joined.get(place, []), shown[place], whole.get(place, ones[place]))
            for place in range(len(changes))
        ]

    def _second(self, trials: np.ndarray, changes: Sequence[Change], going: Sequence[int]) -> list[Asked]:
        """People of stage two of the trials that go on."""
        if not going:
            return []
        people, stages, before = list[tuple[np.ndarray, np.ndarray]](), list[Protocol](), self.plan.first.size
        for place in going:
            stage = changes[place].second
            assert stage is not None
            stages.append(stage)
            arms = allocated(stage, self.plan.protocol)
            people.append(entered_later(self.bank, int(trials[place]), before, arms))
        ready = self._asked(trials[going], people, before)
        return [replace(one, protocol=stage) for one, stage in zip(ready, stages, strict=True)]

    def _asked(
        self, trials: np.ndarray, people: Sequence[tuple[np.ndarray, np.ndarray]], before: int = 0
    ) -> list[Asked]:
        """People of each trial, asked for the primary endpoint."""
        protocol, bank = self.plan.protocol, self.bank
        end = protocol.primary
        who = crowd(bank, self.truth, trials, people, before)
        scores = wanted(end, protocol)
        seen = lived(protocol, who, scores, bank.seed, self.effect, self.null, bank.scans)
        ready = asked(seen, end, protocol, strategies(protocol))
        return [ready.only(rows) for rows in parts(seen, end, protocol, [arms.size for _, arms in people])]

    def _shown(
        self, first: np.ndarray, second: np.ndarray, shared: np.ndarray, joined: dict[int, list[Found]]
    ) -> np.ndarray:
        """Arms that are shown at the look or at the end (trial, arm)."""
        plan, table = self.plan, self.plan.protocol.interim
        stages = (plan.loading, shared)
        out = adaptive.closed(first, plan.critical, plan.share, stages, second, table.sets)
        if table.last == "plain":  # one arm, Z of all people held against the last critical value
            out = first >= plan.critical[0]
            for place, found in joined.items():
                out[place] |= turned(found[0]) >= plan.critical[1]
        return out

    def _told(
        self, change: Change, look: Sequence[Found], end: Sequence[Found], shown: np.ndarray, ready: Asked
    ) -> Run:
        """A trial in a line: arms that went on by all their people, others by those of stage one."""
        plan, names = self.plan, self.plan.protocol.actives
        last = {found.arm: found for found in end}
        found = tuple(last.get(one.arm, one) for one in look)
        persons = plan.first.size + (change.second.size if change.second is not None else 0)
        words = (*change.told, *(f"shows {name}" for name, one in zip(names, shown, strict=True) if one))
        better = bool(shown.any())
        beside = others(replace(ready, protocol=plan.protocol), plan.protocol)
        return Run(found, better, better, persons, beside, words if len(names) > 1 else change.told)
