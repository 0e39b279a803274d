"""How far a finding hangs on scores that were not seen, and whether it is the same in every kind of person.

What: `imputed` fills open scores of a primary endpoint many times over, at random (MAR), as the control arm from then
on (J2R) or all along (CR), and analyses each table as the endpoint asks; `tipping` says how much worse the open scores
of an arm must be before a finding is gone; `subgroups` gives the difference in kinds of persons with a test of
interaction.
Equations: those of `missing`; interaction by Cochran's Q of the differences of disjoint groups, chi-squared.
Reads: `estimands.Seen`. Writes: nothing.
Why this holds: nobody can see which assumption is right, so each is said beside the others.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from pulposus.errors import InputError
from pulposus.statistics import meta, missing
from pulposus.statistics.estimate import Estimate, bounded
from pulposus.trials.compared import ALPHA, Found, binary, compared, continuous
from pulposus.trials.estimands import MISSING, Seen, at, composed, handled, reads, responds, wanted
from pulposus.trials.protocol import RESPONDER
from pulposus.trials.variables import better

if TYPE_CHECKING:
    from pulposus.trials.protocol import Endpoint, Protocol

ASSUMPTIONS = ("MAR", "J2R", "CR")
TABLES = 20  # maths: imputed tables
STEPS, REACH = 9, 2.0  # maths: deltas tried, and how many standard deviations of a score they reach
FEWEST = 5  # maths: persons of an arm in a group below which no difference is given


@dataclass(frozen=True)
class Assumed:
    """A finding under an assumption of what was not seen; `note` where it could not be had."""

    endpoint: str
    arm: str
    assumption: str
    difference: Estimate
    p: float
    unseen: float  # share of persons whose last score is open
    note: str = ""


@dataclass(frozen=True)
class Group:
    """A difference in one kind of persons; `p` is that of the interaction over the kinds of one column."""

    endpoint: str
    arm: str
    column: str
    kind: str
    persons: tuple[int, int]
    difference: Estimate
    p: float
    note: str = ""


class _Tables:
    """What is to be filled (person, column), and the analysis of one filled table: estimate and standard error."""

    def __init__(self, seen: Seen, endpoint: Endpoint, protocol: Protocol, plan: Mapping[str, str]) -> None:
        # what a composite decides is put on a filled table; a missing score is what is to be filled
        self.plan = {**plan, MISSING: "hypothetical"}
        self.endpoint, self.protocol = endpoint, protocol
        self.responder = endpoint.variable == RESPONDER
        names = reads(endpoint.rule, protocol) if self.responder else (endpoint.variable,)
        seen.hold(names)
        known = np.all([np.isfinite(seen.start[name]) for name in names], axis=0)
        self.seen, self.names = seen.only(known), names
        self.visits = np.flatnonzero(seen.months <= max((endpoint.month, *endpoint.also)))
        inner = self.plan
        if self.responder:
            inner = {name: "treatment_policy" if one == "composite" else one for name, one in self.plan.items()}
        filled = [handled(self.seen, name, inner)[0][:, self.visits] for name in names]
        # visits of several scores in turn, the starts of all but the first before them
        self.values = np.stack(filled, axis=2).reshape(self.seen.size, -1)
        self.extra = len(names) - 1
        self.values = np.column_stack([*(self.seen.start[name] for name in names[1:]), self.values])
        self.spread = float(np.nanstd(self.values[:, -1]))

    def analysed(self, arm: str) -> Callable[[np.ndarray], tuple[float, float]]:
        """The analysis of the endpoint on one filled table."""
        seen, end, control = self.seen, self.endpoint, self.protocol.control.name

        def of(table: np.ndarray) -> tuple[float, float]:
            each = table[:, self.extra :].reshape(seen.size, self.visits.size, len(self.names))
            if not self.responder:
                place = int(np.flatnonzero(np.isclose(seen.months[self.visits], end.month))[0])
                once = end if end.analysis == "difference" else end.model_copy(update={"analysis": "ancova"})
                found = continuous(seen, each[:, place, 0], seen.start[self.names[0]], once, control)(arm)
                return found.difference.value, found.error
            scored = {name: each[:, :, i] for i, name in enumerate(self.names)}
            shorter = replace(seen, months=seen.months[self.visits])
            answer = composed(shorter, responds(end.rule, self.protocol, seen.start, scored), self.plan)
            places = [at(shorter.months, month) for month in (end.month, *end.also)]
            starts = [seen.start[name] for name in self.names]
            found = binary(seen, answer[:, places].prod(axis=1), starts, end, arm, control)
            return found.difference.value, found.error

        return of


def _fillable(endpoint: Endpoint, protocol: Protocol) -> bool:
    return protocol.controlled and (endpoint.kind == "continuous" or endpoint.variable == RESPONDER)


def imputed(
    seen: Seen, endpoint: Endpoint, protocol: Protocol, plan: Mapping[str, str], seed: int = 0
) -> tuple[list[Assumed], list[str]]:
    """A finding under each assumption, and a sentence on the tipping point for each arm; nothing where not possible."""
    if not _fillable(endpoint, protocol):
        return [], []
    control, rows, actives = protocol.control.name, list[Assumed](), protocol.actives
    try:
        tables = _Tables(seen.analysed(wanted(endpoint, protocol)), endpoint, protocol, plan)
        if thin := _thin(tables):
            rows = [_unfilled(endpoint, arm, f"Arm {arm!r} has fewer than two scores at a visit.") for arm in thin]
            actives = [arm for arm in actives if arm not in thin]
            tables = _Tables(tables.seen.only(~np.isin(tables.seen.arm, thin)), endpoint, protocol, plan)
        unseen = float(np.isnan(tables.values[:, -1]).mean())
        if not np.isnan(tables.values).any():
            return rows, [f"{endpoint.name}: no score is open; nothing is imputed."]
        start = tables.seen.start[tables.names[0]]
        filled = {
            how: missing.impute(tables.values, tables.seen.arm, start, how, control, TABLES, seed)
            for how in ASSUMPTIONS
        }
    except InputError as problem:
        return [*rows, *(_unfilled(endpoint, arm, str(problem)) for arm in actives)], []
    said = list[str]()
    for arm in actives:
        analyse = tables.analysed(arm)
        for how, made in filled.items():
            try:
                put = missing.combined(made, analyse)
                gap = bounded(put.estimate, -1.0, 1.0) if tables.responder else put.estimate
                rows.append(Assumed(endpoint.name, arm, how, gap, put.p, unseen))
            except InputError as problem:
                rows.append(replace(_unfilled(endpoint, arm, str(problem)), assumption=how, unseen=unseen))
        said.append(tipping(tables, filled["MAR"], arm))
    return rows, said


def _thin(tables: _Tables) -> list[str]:
    """Active arms of whom too few were seen at a visit to impute from: each is told so, the others are filled."""
    seen = np.isfinite(tables.values)
    few = {arm: seen[tables.seen.arm == arm].sum(axis=0).min() for arm in tables.protocol.actives}
    return [arm for arm, number in few.items() if number < 2]


def _unfilled(endpoint: Endpoint, arm: str, note: str) -> Assumed:
    return Assumed(endpoint.name, arm, "MAR", _UNKNOWN, math.nan, math.nan, note)


def tipping(tables: _Tables, made: missing.Imputed, arm: str) -> str:
    """How much worse the open scores of an arm must be before its finding is gone, in a sentence."""
    end = tables.endpoint
    worse = -1 if better(tables.names[0]) == "higher" else 1
    deltas = np.linspace(0.0, worse * REACH * tables.spread, STEPS)
    alpha = ALPHA if end.alpha is None else end.alpha
    try:
        found = missing.tipping_point(made, tables.seen.arm, arm, tables.analysed(arm), deltas, alpha=alpha)
    except InputError as problem:
        return f"{end.name}, {arm}: no tipping point: {problem}"
    return f"{end.name}, {arm}: {found.sentence}"


# ---------------------------------------------------------------------------------------------- kinds of persons


def kinds(people: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Column -> which kind each person is of: grade, sex, age and endplate, as far as they are told.

    Age is cut at its median; grades I to III stand against IV and V; an open endplate feeds the disc.
    """
    found = {}
    if "grade" in people:
        grade = np.asarray(people["grade"], float)
        found["grade"] = np.where(grade <= SOUND, f"grade {SOUND} or less", f"grade {SOUND + 1} or more")
    if "sex" in people:
        found["sex"] = np.asarray(people["sex"]).astype(str)
    if "age" in people:
        age = np.asarray(people["age"], float)
        middle = float(np.round(np.median(age)))
        found["age"] = np.where(age < middle, f"under {middle:g}", f"{middle:g} or older")
    if "endplate" in people:
        found["endplate"] = np.char.add("endplate ", np.asarray(people["endplate"]).astype(str))
    return found


SOUND = 3  # maths: Pfirrmann grades up to III against IV and V, the usual cut


def subgroups(
    seen: Seen, people: Mapping[str, np.ndarray], endpoint: Endpoint, protocol: Protocol, plan: Mapping[str, str]
) -> list[Group]:
    """The difference of an endpoint in each kind of persons, not adjusted for strata, and p of the interaction."""
    if not protocol.controlled or endpoint.kind == "time":
        return []
    plain = endpoint.model_copy(update={"analysis": "ancova"}) if endpoint.analysis == "mmrm" else endpoint
    rows: list[Group] = []
    for column, labels in kinds(people).items():
        parts = {kind: _within(seen, labels == kind, plain, protocol, plan) for kind in sorted(set(labels.tolist()))}
        if len(parts) < 2:
            continue
        for place, arm in enumerate(one.arm for one in next(iter(parts.values()))):
            each = {kind: found[place] for kind, found in parts.items()}
            p = _interaction([one for one in each.values() if one.error > 0])
            for kind, one in each.items():
                rows.append(Group(endpoint.name, arm, column, kind, one.persons, one.difference, p, one.note))
    return rows


def _within(
    seen: Seen, keep: np.ndarray, endpoint: Endpoint, protocol: Protocol, plan: Mapping[str, str]
) -> list[Found]:
    part = seen.only(keep).without_strata()
    found = compared(part, endpoint, protocol, plan)
    few = f"Fewer than {FEWEST} persons in an arm."
    there = [math.isfinite(one.difference.value) for one in found]  # what has no number says why already
    return [
        replace(one, difference=_UNKNOWN, error=math.nan, note=few) if known and min(one.persons) < FEWEST else one
        for one, known in zip(found, there, strict=True)
    ]


_UNKNOWN = Estimate(math.nan, math.nan, math.nan, "")


def _interaction(found: Sequence[Found]) -> float:
    """p of differences that are not alike; nan for fewer than two."""
    if len(found) < 2:
        return math.nan
    effects = [one.difference.value for one in found]
    return meta.pool(effects, [one.error**2 for one in found], model="fixed").q_p

