"""Studies of a question: one row each, and of every other why it is left out.

What: `gather` finds the studies of a question in the evidence, adds up the arms of a side, and counts people once.
Equations: events and people add up; a mean is weighted by people, with the spread of the whole: s² = (sum (n_i - 1)
s_i² + sum n_i (m_i - m)²) / (sum n_i - 1); the standard error of a printed difference is its 95 % interval over 2 z.
Reads: ``evidence/questions.csv``, ``comparisons.csv``, ``trials.csv``, ``arms.csv``. Writes: nothing.
Why this holds: a study counts once, by the visit nearest to the one asked for; people who may be the same (a name or a
registry number shared) are flagged, and one row of them stays; what is recalled and was not read takes no part unless
it is asked for.
Source: Higgins and others 2019 (Cochrane handbook, chapter 6).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from pulposus.errors import InputError
from pulposus.evidence import questions as asked
from pulposus.evidence.questions import Comparison, Printed, Question
from pulposus.statistics import meta

TIER = 3  # maths: the last tier that takes part unless it is asked for: press and second hand; 4 is recalled
WIDE = 3.919927969080108  # maths: standard errors between the ends of a 95 % interval of a normal


class Group(NamedTuple):
    """People of one side of a study: events of total, or the mean change of a score and its spread."""

    node: str
    total: float
    events: float = math.nan
    change: float = math.nan
    sd: float = math.nan


@dataclass(frozen=True)
class Study:
    """A study as one row of a question: its groups (the first is the one asked about), or a printed difference."""

    name: str
    people: str
    registry: str
    year: str
    randomised: bool
    outcome: str
    months: float
    tier: int
    source: str
    groups: tuple[Group, ...]
    difference: float = math.nan
    error: float = math.nan
    note: str = ""

    @property
    def total(self) -> float:
        """People in it; NaN where they were not printed."""
        return sum(group.total for group in self.groups) if self.groups else math.nan


class Left(NamedTuple):
    """A study that takes no part, and why."""

    study: str
    why: str


def checked_tier(tier: int) -> None:
    """Raises InputError for a tier that there is not."""
    if tier not in (1, 2, 3, 4):
        known = "1 (read), 2 (abstract), 3 (second hand) or 4 (recalled)"
        raise InputError(f"A tier of {tier} is not known; write {known}.")


def gather(question: Question, tier: int = TIER) -> tuple[list[Study], list[Left], list[str]]:
    """Studies of a question, those left out with the reason, and warnings of people who may stand twice.

    tier: the worst that takes part (1 read, 2 abstract, 3 second hand, 4 recalled).
    """
    checked_tier(tier)
    found, left = _from_trials(question, tier)
    more, other = _from_comparisons(question, tier)
    return _once(question, [*found, *more], [*left, *other])


def _node(question: Question, name: str) -> str:
    return dict(question.taken_for).get(name, name)


def named(arm: Any) -> str:
    """What an arm is made of, as questions name it."""
    return "+".join(arm.parts) or str(arm.treatment)


def _from_trials(question: Question, tier: int) -> tuple[list[Study], list[Left]]:
    """Studies whose arms stand in trials.csv."""
    rows: dict[tuple[str, str], list[Printed]] = {}
    for row in asked.printed():
        if row.arm.region == question.region:
            rows.setdefault((row.arm.trial, row.arm.study), []).append(row)
    found, left = [], list[Left]()
    for (trial, study), own in rows.items():
        name = study if trial != study and trial.startswith(("COCHRANE", "LBP-NMA")) else trial
        made = _one(question, name, own, tier)
        if isinstance(made, Study):
            found.append(made)
        elif made:
            left.append(Left(name, made))
    return found, left


def _one(question: Question, name: str, rows: Sequence[Printed], tier: int) -> Study | str:
    """A study of trials.csv, or why it is none; nothing where it asks something else."""
    nodes = {_node(question, named(row.arm)) for row in rows}
    wanted = _wanted(question)
    if not nodes & set(question.treated if question.form == "pair" else wanted):
        return ""
    if question.form == "network" and len(nodes & wanted) < 2:
        return ""
    if not nodes & set(question.against) and question.form == "pair":
        return "a single arm" if not any(row.arm.controlled for row in rows) else "compared with something else"
    if question.aware == "blind" and any(
        row.arm.aware != "blind" for row in rows if _node(question, named(row.arm)) in wanted and row.arm.controlled
    ):
        blind = {_node(question, named(row.arm)) for row in rows if row.arm.aware == "blind"}
        if not (blind & set(question.treated) and blind & set(question.against)):
            return "not blind"
    fit = [row for row in rows if _node(question, named(row.arm)) in wanted and _seen(question, row)]
    if not _randomised(rows[0].design):
        return f"not randomised ({rows[0].design})"
    return _visit(question, name, fit, tier)


def _wanted(question: Question) -> set[str]:
    return {*question.treated, *question.against}


def _seen(question: Question, row: Printed) -> bool:
    return question.aware == "any" or row.arm.aware == "blind"


def _randomised(design: str) -> bool:
    return "RCT" in design and "non-randomised" not in design


def _visit(question: Question, name: str, rows: Sequence[Printed], tier: int) -> Study | str:
    """The row of a study: its first outcome in the order asked for, at the visit nearest to the one asked for."""
    why = "none of the outcomes asked for was printed of both arms as a number"
    for outcome in question.outcomes:
        own = [row for row in rows if row.outcome == outcome]
        months = sorted({row.months for row in own}, key=lambda month: (abs(month - question.at), -month))
        for month in months:
            now = [row for row in own if row.months == month]
            groups = _groups(question, now, tier)
            if isinstance(groups, str):
                why = groups
            elif not question.since <= month <= question.until:
                why = f"month {month:g} alone is outside {question.since:g} to {question.until:g}"
            else:
                return _study(question, name, now, groups, tier)
    return why


def _groups(question: Question, rows: Sequence[Printed], tier: int) -> tuple[Group, ...] | str:
    """The groups of a visit, those asked about first, or why there are none."""
    kept = [row for row in rows if row.tier <= tier]
    binary = question.measure != "MD"
    sides: dict[str, list[Printed]] = {}
    for row in kept:
        if not math.isnan(row.events if binary else row.change):
            sides.setdefault(_side(question, row), []).append(row)
    if len(sides) < 2 or (question.form == "pair" and set(sides) != {"treated", "against"}):
        if len(kept) < len(rows):
            return f"known from memory alone or at second hand (tier {max(row.tier for row in rows)})"
        if binary and any(math.isnan(row.total) for row in rows):
            return "how many people were in each arm was not read"
        return "no number of both arms was read"
    if any(math.isnan(row.total) for side in sides.values() for row in side):
        return "how many people were in each arm was not read"
    spread = question.spread
    if not binary and any(math.isnan(row.sd) for side in sides.values() for row in side) and math.isnan(spread):
        return "the spread of the change was not printed"
    order = sorted(sides, key=lambda side: (side != "treated", side in question.against, side))
    return tuple(_added(side, sides[side], spread) for side in order)


def _side(question: Question, row: Printed) -> str:
    node = _node(question, named(row.arm))
    if question.form == "network":
        return node
    return "treated" if node in question.treated else "against"


def _added(side: str, rows: Sequence[Printed], spread: float) -> Group:
    """Arms of one side added up."""
    total = sum(row.total for row in rows)
    if not math.isnan(rows[0].events):
        return Group(side, total, events=sum(row.events for row in rows))
    sds = [spread if math.isnan(row.sd) else row.sd for row in rows]
    mean = sum(row.total * row.change for row in rows) / total
    square = sum(
        (row.total - 1) * sd**2 + row.total * (row.change - mean) ** 2 for row, sd in zip(rows, sds, strict=True)
    )
    return Group(side, total, change=mean, sd=math.sqrt(square / (total - 1)))


def _study(
    question: Question, name: str, rows: Sequence[Printed], groups: tuple[Group, ...], tier: int
) -> Study:
    first, used = rows[0], [row for row in rows if row.tier <= tier]
    note = []
    if question.measure == "MD" and any(math.isnan(row.sd) for row in used):
        note.append(f"a spread of {question.spread:g} points is assumed")
    return Study(
        name,
        first.arm.study,
        first.registry,
        first.year,
        True,
        first.outcome,
        first.months,
        max(row.tier for row in used),
        first.source,
        groups,
        note="; ".join(note),
    )


def _from_comparisons(question: Question, tier: int) -> tuple[list[Study], list[Left]]:
    """Studies whose two arms stand in comparisons.csv."""
    rows: dict[str, list[Comparison]] = {}
    for row in asked.comparisons():
        pair = (_node(question, row.treated), _node(question, row.against))
        wanted = _wanted(question)
        fits = pair[0] in question.treated and pair[1] in question.against
        if row.region == question.region and (fits or (question.form == "network" and set(pair) <= wanted)):
            rows.setdefault(row.study, []).append(row)
    found, left = [], list[Left]()
    for name, own in rows.items():
        made = _compared(question, own, tier)
        if isinstance(made, Study):
            found.append(made)
        else:
            left.append(Left(name, made))
    return found, left


def _compared(question: Question, rows: Sequence[Comparison], tier: int) -> Study | str:
    """The row of a study of comparisons.csv, or why it is none."""
    fit = [row for row in rows if row.outcome in question.outcomes]
    if not fit:
        return "none of the outcomes asked for was read"
    inside = [row for row in fit if question.since <= row.months <= question.until]
    if not inside:
        return f"month {fit[0].months:g} alone is outside {question.since:g} to {question.until:g}"
    order = sorted(
        inside, key=lambda row: (question.outcomes.index(row.outcome), abs(row.months - question.at), -row.months)
    )
    printed = [row for row in order if not math.isnan(row.difference if question.measure == "MD" else row.events)]
    if not printed:
        return f"no number was read ({order[0].where})"
    read = [row for row in printed if row.tier <= tier]
    if not read:
        return f"known from memory alone or at second hand (tier {printed[0].tier})"
    row = read[0]
    blind = question.aware == "any" or row.aware == "blind"
    if not blind:
        return "not blind"
    groups: tuple[Group, ...] = ()
    if question.measure != "MD":
        nodes = ("treated", "against")
        if question.form == "network":
            nodes = (_node(question, row.treated), _node(question, row.against))
        groups = (
            Group(nodes[0], row.total, row.events),
            Group(nodes[1], row.total_against, row.events_against),
        )
    return Study(
        row.study,
        row.people,
        "" if row.own_people else row.registry,
        row.year,
        _randomised(row.design),
        row.outcome,
        row.months,
        row.tier,
        row.source,
        groups,
        row.difference,
        (row.high - row.low) / WIDE,
        row.note,
    )


def _once(
    question: Question, found: Sequence[Study], left: list[Left]
) -> tuple[list[Study], list[Left], list[str]]:
    """Each population once: the randomised row stays, then the one of more people, then the visit asked for."""
    found = sorted(found, key=lambda one: one.name)
    kept, warnings = {one.name for one in found}, list[str]()
    for group in meta.duplicates([one.people for one in found], [one.registry for one in found]):
        same = [found[i] for i in group.rows]
        best = min(
            same,
            key=lambda one: (
                not one.randomised,
                -one.total if not math.isnan(one.total) else 0.0,
                abs(one.months - question.at),
                one.name,
            ),
        )
        names = ", ".join(one.name for one in same)
        shared = "a name or a registry number is shared"
        warnings.append(f"{names} may hold the same people ({shared}): {best.name} counts.")
        for one in same:
            if one is not best:
                kept.discard(one.name)
                left.append(Left(one.name, f"may hold the same people as {best.name}, which counts"))
    for one in found:
        if one.name in kept and not one.randomised:
            kept.discard(one.name)
            left.append(Left(one.name, "not randomised"))
    return [one for one in found if one.name in kept], sorted(left), warnings
