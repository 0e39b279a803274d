"""On what a difference to waiting rests: who waited in trials and for how long, and what was published beside ours.

What: `waited` counts the groups of trials that knew that they got nothing, their people and their months; `looked` says
until which month anybody looked at people who got an option; `published` puts each controlled difference of an option
beside what the law gives for the same score, comparator and month; `of_option` and `of_waiting` say both in sentences.
Equations: a published difference d to no care stands beside the mean of the option less the mean of waiting, one to a
blind comparator beside the mean less that of people who only believe in it; the share is d over ours.
Reads: ``evidence/trials.csv``, ``evidence/option_effects.csv``, courses of `care`. Writes: nothing.
Why this holds: people of both courses are the same, so that means differ by what is done alone. Small trials may exceed
pooled ones; who reads a difference has to see both.
Source: the rows themselves, each named.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from pulposus import evidence
from pulposus.care import Course
from pulposus.evidence import options, trials
from pulposus.evidence.options import Effect
from pulposus.evidence.units import in_months

_POPULATIONS = {
    ("lumbar", "chronic"): "chronic_lumbar",
    ("lumbar", "radicular"): "lumbar_radicular",
    ("cervical", "chronic"): "chronic_neck",
    ("cervical", "radicular"): "cervical_radicular",
}
_DOMAINS = {"pain": ("pain", "neck", "both"), "limb": ("limb", "both"), "disability": ("disability", "both")}
# Of people whose root hurts pain without a place is that of the limb, as the law has it.
_OF_ROOTS = _DOMAINS | {"pain": ("neck",), "limb": ("limb", "pain", "both")}
_NOTHING = ("none", "wait")
_BLIND = ("placebo", "sham")
_SAID = {"none": "nothing", "wait": "waiting", "placebo": "a placebo", "sham": "a sham", "usual_care": "usual care"}
_LEAST = 1.0  # maths: points below which a share of a difference says nothing
_NAMED = 3  # maths: trials that are called by name
_HUNDRED = 100  # maths: per cent


@dataclass(frozen=True)
class Groups:
    """Groups of trials: the trial of each, people where they were printed (NaN where not), months of the last look;
    `like`: people of this kind of pain.
    """

    trials: tuple[str, ...]
    people: tuple[float, ...]
    months: float
    like: bool

    def said(self) -> str:
        """So many groups of so many people, by name."""
        if not self.trials:
            return "no group of any trial"
        groups = f"{len(self.trials)} group{'s' * (len(self.trials) > 1)}"
        known = [count for count in self.people if not math.isnan(count)]
        many = f"{sum(known):.0f} people" if known else "people who were not counted"
        least = "at least " * (0 < len(known) < len(self.people))
        other = "" if self.like else " with another kind of pain"
        names = list(dict.fromkeys(self.trials))
        more = [f"{len(names) - _NAMED} more"] if len(names) > _NAMED else []
        return f"{groups} of {least}{many}{other} ({', '.join([*names[:_NAMED], *more])})"


def waited(region: str, population: str, *scores: str) -> Groups:
    """Who waited in trials that the law was fitted to, of whom one of these scores was printed; of people of another
    population where there were none of this one.
    """
    return _groups([one for one in _fitted(region, *scores) if one.arm.aware == "untreated"], region, population)


def treated(name: str, region: str, population: str, *scores: str) -> Groups:
    """Whom the law learnt of an option from; of people of another population where there were none of this one."""
    named = set(options.option(name).treatments(region))
    return _groups([one for one in _fitted(region, *scores) if named & set(one.arm.parts)], region, population)


def looked(name: str, region: str, population: str, score: str) -> float:
    """The last month at which a score of people of this kind of pain was read who had got an option, in trials of the
    fit or in a published difference; nought where nobody looked. What is shown later is extrapolated.
    """
    one = options.option(name)
    if one.family == "none":
        same = [
            result
            for result in _fitted(region, score)
            if not result.arm.parts and (result.arm.procedure, result.arm.aware) == (one.procedure, one.aware)
        ]
        groups = _groups(same, region, population)
    else:
        groups = treated(name, region, population, score)
    effects = options.effects_of(name, region, population)
    told = [effect.until for effect in effects if effect.found and effect.score == score]
    return max([groups.months if groups.like else 0.0, *told])


def _fitted(region: str, *scores: str) -> list[trials.Result]:
    """Results of a region with weight in the fit, of one of these scores."""

    def held(one: trials.Result) -> bool:
        domains = _OF_ROOTS if one.arm.population.endswith("radicular") else _DOMAINS
        return any(one.endpoint.domain in domains[score] for score in scores)

    return [
        one
        for one in trials.results()
        if one.arm.used
        and one.arm.region == region
        and held(one)
        and evidence.outcome(f"weight_tier_{one.tier}").value > 0
    ]


def _groups(found: list[trials.Result], region: str, population: str) -> Groups:
    alike = [one for one in found if one.arm.population == _POPULATIONS[region, population]]
    taken = alike or found
    people = {(one.arm.trial, one.arm.name): one.n for one in taken}
    last = max((one.months for one in taken), default=0.0)
    return Groups(tuple(trial for trial, _ in people), tuple(people.values()), last, bool(alike))


@dataclass(frozen=True)
class Beside:
    """A published difference, and ours at a month within it (NaN where ours cannot be put beside it)."""

    effect: Effect
    ours: float
    month: float

    @property
    def share(self) -> float:
        """The published one as a share of ours; NaN where they differ in direction, or ours is next to nothing."""
        both = self.ours <= -_LEAST and self.effect.value < 0
        return self.effect.value / self.ours if both else math.nan


def published(course: Course, alone: Course) -> list[Beside]:
    """Every published controlled difference of an option, beside ours."""
    people = course.people
    found = options.effects_of(course.steps[0].option, people.region, people.population)
    return [_beside(one, course, alone) for one in found if one.found]


def _beside(one: Effect, course: Course, alone: Course) -> Beside:
    k = min(range(len(course.months)), key=lambda k: abs(course.months[k] - (one.since + one.until) / 2))
    month = float(course.months[k])
    reached = one.since <= float(course.months[-1])
    if not reached or one.comparator not in (*_NOTHING, *_BLIND):
        return Beside(one, math.nan, month)
    other = getattr(alone, one.score) if one.comparator in _NOTHING else course.without[one.score]
    return Beside(one, float((getattr(course, one.score) - other)[:, k].mean()), month)


# ---------------------------------------------------------------------------------------------- sentences


def of_option(course: Course, alone: Course, titles: Mapping[str, str]) -> tuple[str, ...]:
    """What is said of an option: its difference to waiting, on what that rests, and each published difference. titles:
    score -> what it is called.
    """
    people, end = course.people, float(course.months[-1])
    scores = (people.leading, "disability")
    apart = {score: float((getattr(course, score) - getattr(alone, score))[:, -1].mean()) for score in scores}
    ours = " and ".join(f"{titles[score]} {_lower(points)}" for score, points in apart.items())
    base = waited(people.region, people.population, *scores)
    name = course.steps[0].option
    got = treated(name, people.region, people.population, *scores)
    first = got.said() if options.option(name).treatments(people.region) else "no group of the law's own trials"
    span = f", looked at for at most {got.months:.2g} months" * bool(got.months)
    later = "; what is later is extrapolated" if min(base.months, got.months or end) < end else ""
    lines = [
        f"Beside waiting, here after {in_months(end)}: {ours}. This rests on {first} that got it{span}, and on "
        f"{base.said()} that waited, looked at for at most {base.months:.2g} months{later}."
    ]
    rows = published(course, alone)
    lines += [_line(one, titles) for one in rows]
    if not rows:
        into = " beside those trials, which went into the law" * bool(got.trials)
        lines.append(f"No published difference was read{into}.")
    return tuple(lines)


def _line(one: Beside, titles: Mapping[str, str]) -> str:
    """A published difference with its source, and ours."""
    effect = one.effect
    against = _SAID.get(effect.comparator) or options.option(effect.comparator).title
    reach = "" if math.isnan(effect.low + effect.high) else f" ({_between(effect.low, effect.high)})"
    months = f"{effect.since:g} to {effect.until:g} months"
    keys = ", ".join(effect.sources) or "no source"
    how = f", {effect.printed.partition(' SMD')[0]} SMD" * ("SMD" in effect.printed)
    how += ", recalled" * (effect.status == "memory")
    points = f"{titles[effect.score]} {_lower(effect.value)}{reach}"
    said = f"Published: {points} than with {against}, {months} [{keys}{how}]."
    if not math.isnan(one.ours):
        share = "" if math.isnan(one.share) else f"; published is {_HUNDRED * one.share:.0f} % of that"
        said += f" Here {_lower(one.ours)} at {in_months(one.month)}{share}."
    return said + _fit(effect)


def _fit(effect: Effect) -> str:
    """Whether the law was fitted to a published difference, so that nobody takes agreement for a test."""
    if not effect.fit:
        return ""
    what = "The law was fitted to this difference" if options.ITSELF in effect.fit else "The law was fitted to its arms"
    return f" {what}: that both agree is no test, that they differ is how badly it fits."


def of_waiting(alone: Course, courses: Mapping[str, Course], titles: Mapping[str, str]) -> tuple[str, ...]:
    """What is said of waiting: how few were followed, for how long, and how much of ours published differences are."""
    people, end = alone.people, float(alone.months[-1])
    lines = []
    for score in (people.leading, "disability"):
        base = waited(people.region, people.population, score)
        later = f" From there to {in_months(end)} it is extrapolated." if base.months < end else ""
        span = f", for {base.months:.2g} months.{later}" if base.trials else ": all of it is extrapolated."
        lines.append(f"Of those who waited, {titles[score]} was read of {base.said()}{span}")
    for name, course in courses.items():
        rows = [one for one in published(course, alone) if one.effect.comparator in _NOTHING]
        shares = sorted(one.share for one in rows if not math.isnan(one.share))
        if shares:
            low, high = (f"{_HUNDRED * share:.0f}" for share in (shares[0], shares[-1]))
            span = low if low == high else f"{low} to {high}"
            fits = {key: " (in the fit)" for one in rows if one.effect.fit for key in one.effect.sources}
            keys = ", ".join(dict.fromkeys(key + fits.get(key, "") for one in rows for key in one.effect.sources))
            lines.append(
                f"Published differences of {options.option(name).title} to doing nothing are {span} % of those shown "
                f"here [{keys}]."
            )
    return tuple(lines)


def _between(low: float, high: float) -> str:
    """A range of changes in words."""
    if low < 0 < high:
        return f"{_lower(low)} to {_lower(high)}"
    least, most = sorted((abs(low), abs(high)))
    return f"{least:.0f} to {_lower(math.copysign(most, low + high))}"


def _lower(points: float) -> str:
    """A change in words: so many points lower, or higher."""
    if not round(abs(points)):
        return "the same"
    return f"{abs(points):.0f} {'lower' if points < 0 else 'higher'}"
