"""What else could be done for a person than cells: options, what they do to people and what they do to the disc.

`options.csv` holds an option a row, `option_effects.csv` what controlled trials say that it does to scores,
`option_disc.csv` what it does to a disc; what may go wrong, and how often more follows, stands in `safety.csv` by
exposure. A standardised difference is turned into points with the spread of people in `outcomes.csv`, and is then
derived. What nobody has found stands there as not found: it is never a zero.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from pulposus.errors import EvidenceError, InputError, nearest
from pulposus.evidence.reading import known, number, one_of, placed, within
from pulposus.evidence.sources import Sourced, keys_of
from pulposus.evidence.trials import AWARE, PROCEDURES, REGIONS, arms

FOLDER = Path(__file__).parent
POPULATIONS = ("chronic", "radicular")
ANY = "any"
FAMILIES = ("none", "conservative", "drug", "injection", "ablation", "surgery", "biological")
SCORES = ("pain", "limb", "disability")
UNITS = ("points", "SMD")
COMPARATORS = ("placebo", "sham", "usual_care", "none")
ITSELF = "itself"  # what the law was fitted to, as a term of its own
SEEN = ("usual_care", "none")  # comparators against whom people know what they get
# What an option can do to a disc: relative to before, or a share, a grade, a fact, a time.
RELATIVE = ("cytokines", "synthesis", "supply", "load", "motion")
NEIGHBOUR = ("adjacent_load", "adjacent_motion")
ACTS = (*RELATIVE, *NEIGHBOUR, "removed", "behind", "opening", "ends", "lasts")
KINDS = ("published", "derived", "assumed", "defined")
STATUSES = ("read", "table", "abstract", "press", "memory", "defined", "not_found")
_SPREADS = {"pain": "pain_spread", "limb": "pain_spread", "disability": "disability_spread"}
_DALLAS = (0, 5)


@dataclass(frozen=True)
class Option(Sourced):
    """Something that can be done for a person; recovery in weeks until usual life."""

    name: str
    title: str
    other_names: tuple[str, ...]
    regions: tuple[str, ...]
    populations: tuple[str, ...]
    family: str
    procedure: str
    aware: str
    lumbar_treatments: tuple[str, ...]
    cervical_treatments: tuple[str, ...]
    exposures: tuple[str, ...]
    recovery_weeks: float
    recovery_low: float
    recovery_high: float
    costs: tuple[str, ...]
    disc: str
    source: str
    where: str
    status: str
    kind: str
    note: str

    def treatments(self, region: str) -> tuple[str, ...]:
        """Treatments of the law of responses that it counts as in a region."""
        return self.lumbar_treatments if region == "lumbar" else self.cervical_treatments

    def exposed(self, region: str) -> tuple[str, ...]:
        """What a person is exposed to in a region, by the names of `safety`."""
        return tuple(
            "cervical_disc_needle" if region == "cervical" and one == "disc_needle" else one for one in self.exposures
        )

    def fits(self, region: str, population: str) -> bool:
        """Whether it is done for such people."""
        return region in self.regions and population in self.populations


@dataclass(frozen=True)
class Effect(Sourced):
    """A published controlled difference, in points of 0 to 100, down where better; NaN where none was found.

    since, until: months at which it was measured. onset, fading: time constants in months with which it comes and, from
    `until` on, goes (NaN: it is kept). printed: as the source has it. used: no where the law of responses knows better.
    fit: trials of it that the law was fitted to, `ITSELF` where it is a term of that fit; nothing where neither is so.
    """

    option: str
    region: str
    population: str
    score: str
    value: float
    low: float
    high: float
    unit: str
    comparator: str
    since: float
    until: float
    onset: float
    fading: float
    used: bool
    fit: tuple[str, ...]
    printed: str
    source: str
    where: str
    status: str
    kind: str
    note: str

    @property
    def found(self) -> bool:
        """Whether there is a number."""
        return self.status != "not_found"

    @property
    def blind(self) -> bool:
        """Whether expectation is the same on both sides of the difference."""
        return self.comparator not in SEEN


@dataclass(frozen=True)
class Act(Sourced):
    """What an option does to a disc: one number with its range."""

    option: str
    effect: str
    value: float
    low: float
    high: float
    unit: str
    kind: str
    source: str
    where: str
    status: str
    note: str


# ---------------------------------------------------------------------------------------------- options


@cache
def options(folder: Path = FOLDER) -> tuple[Option, ...]:
    """Every option. Raises EvidenceError that names file, line and remedy."""
    found, seen = list[Option](), dict[str, str]()
    for where, record in placed("options.csv", folder):
        lists = {key: keys_of(record[key]) for key in _LISTS}
        for column, words, choices in (
            ("regions", lists["regions"], REGIONS),
            ("populations", lists["populations"], POPULATIONS),
            ("family", (record["family"],), FAMILIES),
            ("procedure", (record["procedure"],), PROCEDURES),
            ("aware", (record["aware"],), AWARE),
            ("lumbar_treatments", lists["lumbar_treatments"], _told_of("lumbar", folder)),
            ("cervical_treatments", lists["cervical_treatments"], _told_of("cervical", folder)),
            ("costs", lists["costs"], _priced(folder)),
        ):
            for word in words:
                one_of(where, column, word, choices)
        known(where, record, STATUSES, KINDS, folder)
        for column in ("name", "title", "regions", "populations", "exposures", "disc"):
            if not record[column]:
                raise EvidenceError(f"{where}: no {column}; say it.")
        recovery = {key: number(where, record, key) for key in ("recovery_weeks", "recovery_low", "recovery_high")}
        weeks, least, most = recovery.values()
        _ranged(where, weeks, least, most, record["kind"])
        for name in (record["name"], record["title"], *lists["other_names"]):
            if seen.setdefault(_loose(name), record["name"]) != record["name"]:
                raise EvidenceError(f"{where}: {name!r} already names {seen[_loose(name)]}; give another name.")
        if record["name"] in {one.name for one in found}:
            raise EvidenceError(f"{where}: the name stands twice; give another.")
        found.append(Option(**{**record, **lists, **recovery}))  # type: ignore[arg-type]
    return tuple(found)


_LISTS = (
    "other_names",
    "regions",
    "populations",
    "lumbar_treatments",
    "cervical_treatments",
    "exposures",
    "costs",
)


def _told_of(region: str, folder: Path) -> list[str]:
    """Treatments that the law of responses knows."""
    with (folder / f"responses_{region}.csv").open(encoding="utf-8", newline="") as stream:
        head = next(csv.reader(stream))
    return [name.removeprefix("treatment ") for name in head if name.startswith("treatment ")]


def _priced(folder: Path) -> list[str]:
    return [record["name"] for _, record in placed("costs.csv", folder)]


def _loose(name: str) -> str:
    return " ".join(name.lower().replace("_", " ").replace("-", " ").split())


def _ranged(where: str, value: float, low: float, high: float, kind: str) -> None:
    """Hold a number to its range; an assumption of something has one."""
    within(where, value, low, high)
    if kind == "assumed" and low == high and value:
        raise EvidenceError(f"{where}: an assumption without a range; give low and high.")


def names() -> list[str]:
    """Names of all options."""
    return [one.name for one in options()]


def option(name: str) -> Option:
    """An option by its name, its title or another name. Raises InputError with the nearest name."""
    every = {
        _loose(word): one for one in options() for word in (one.name, one.title, *one.other_names)
    }  # a word names one option
    key = _loose(str(name))
    if key not in every:
        raise InputError(f"Unknown option {name!r}{nearest(key, every)}; known: {', '.join(names())}.")
    return every[key]


def listed(word: str = "", region: str = "") -> list[Option]:
    """Options of a region in whose words all parts of `word` stand. Raises InputError with the nearest word."""
    if region and region not in REGIONS:
        raise InputError(f"Unknown region {region!r}{nearest(region, REGIONS)}; write one of {', '.join(REGIONS)}.")
    parts = _loose(word).split()
    told = {one: _loose(" ".join((one.name, one.title, *one.other_names, one.family, one.disc))) for one in options()}
    found = [one for one, text in told.items() if all(part in text for part in parts)]
    if not found:
        every = {part for text in told.values() for part in re.findall(r"[a-z0-9]{3,}", text)}
        raise InputError(f"No option holds {word!r}{nearest(word, every)}; leave it out to see them all.")
    return [one for one in found if not region or region in one.regions]


# ---------------------------------------------------------------------------------------------- effects on people


@cache
def effects(folder: Path = FOLDER) -> tuple[Effect, ...]:
    """Every published controlled effect, in points. Raises EvidenceError that names file, line and remedy."""
    every, found, taken = {one.name: one for one in options(folder)}, list[Effect](), dict[tuple[str, ...], str]()
    spreads, trials = _spreads(folder), {arm.trial for arm in arms(folder).values() if arm.used}
    for where, record in placed("option_effects.csv", folder):
        for column, choices in (
            ("option", every),
            ("region", REGIONS),
            ("population", (*POPULATIONS, ANY)),
            ("score", SCORES),
            ("used", ("yes", "no")),
            ("comparator", (*COMPARATORS, *every)),
        ):
            one_of(where, column, record[column], choices)
        for name in keys_of(record["fit"]):
            one_of(where, "fit", name, (ITSELF, *trials))
        known(where, record, STATUSES, KINDS, folder)
        made = _effect(where, record)
        made = _in_points(made, spreads[made.score]) if made.unit == "SMD" else made
        if made.used and every[made.option].treatments(made.region) and made.comparator in COMPARATORS:
            raise EvidenceError(f"{where}: the law of responses knows {made.option}; write used no: it counts twice.")
        for population in POPULATIONS if made.population == ANY else (made.population,):
            key = (made.option, made.region, population, made.score)
            if made.used and taken.setdefault(key, where) != where:
                raise EvidenceError(f"{where}: {taken[key]} is used for the same; exactly one of them may say yes.")
        found.append(made)
    _complete(every.values(), found)
    return tuple(found)


def _effect(where: str, record: dict[str, str]) -> Effect:
    numbers = {key: number(where, record, key) for key in ("value", "low", "high", "from", "until", "onset", "fading")}
    value, low, high = (numbers[key] for key in ("value", "low", "high"))
    found = record["status"] != "not_found"
    if found == math.isnan(value):
        raise EvidenceError(f"{where}: a number and status not_found exclude each other; keep one of them.")
    if record["used"] == "yes" and not low <= value <= high:
        raise EvidenceError(f"{where}: value {value:g} is not within {low:g} to {high:g}; give what is used a range.")
    if found:
        one_of(where, "unit", record["unit"], UNITS)
        if not 0 <= numbers["from"] <= numbers["until"] or not numbers["onset"] > 0:
            raise EvidenceError(f"{where}: give from, until and onset in months, from not after until.")
    reach = "" if math.isnan(low) else f" ({low:g} to {high:g})"
    words: dict[str, Any] = {key: text for key, text in record.items() if key not in (*numbers, "used", "fit")}
    spans: dict[str, Any] = {key: value for key, value in numbers.items() if key != "from"}
    printed = f"{value:g}{reach} {record['unit']}" if found else "not found"
    held: dict[str, Any] = {"used": record["used"] == "yes", "fit": keys_of(record["fit"])}
    return Effect(**words, **spans, **held, since=numbers["from"], printed=printed)


def _in_points(made: Effect, spread: float) -> Effect:
    """A standardised difference in points, by the spread of people; derived, unless it was assumed."""
    said = f"{made.printed}, times a spread of {spread:g}"
    kind = "assumed" if made.kind == "assumed" else "derived"
    value, low, high = (x * spread for x in (made.value, made.low, made.high))
    return replace(made, value=value, low=low, high=high, unit="points", printed=said, kind=kind)


def _spreads(folder: Path) -> dict[str, float]:
    """Score -> standard deviation of people, points."""
    rows = {record["name"]: float(record["value"]) for _, record in placed("outcomes.csv", folder)}
    return {score: rows[name] for score, name in _SPREADS.items()}


def _complete(every: Iterable[Option], found: list[Effect]) -> None:
    """In every region an option has an effect, or says that none was found."""
    for one in every:
        for region in one.regions:
            for population in one.populations:
                told = one.treatments(region) or any(
                    e.option == one.name and e.region == region and e.population in (population, ANY) for e in found
                )
                if not told and one.family != "none":
                    raise EvidenceError(
                        f"option_effects.csv: nothing is said of {one.name} in {population} {region} pain; "
                        "add its effect, or a row with status not_found."
                    )


def effects_of(name: str, region: str, population: str = "") -> list[Effect]:
    """What was published of an option in a region, for a population or all."""
    return [
        one
        for one in effects()
        if one.option == name and one.region == region and (not population or one.population in (population, ANY))
    ]


def added(name: str, region: str, population: str) -> dict[str, Effect]:
    """Score -> the effect in points that is added to what the law of responses says."""
    return {one.score: one for one in effects_of(name, region, population) if one.used}


def unknown(name: str, region: str, population: str) -> bool:
    """Whether nothing controlled is known of what it does: neither the law nor a number."""
    one = option(name)
    return not (one.family == "none" or one.treatments(region) or added(one.name, region, population))


# ---------------------------------------------------------------------------------------------- the disc


@cache
def acts(folder: Path = FOLDER) -> tuple[Act, ...]:
    """Everything that an option does to a disc. Raises EvidenceError that names file, line and remedy."""
    every, found, seen = [one.name for one in options(folder)], list[Act](), set[tuple[str, str]]()
    for where, record in placed("option_disc.csv", folder):
        one_of(where, "option", record["option"], every)
        one_of(where, "effect", record["effect"], ACTS)
        one_of(where, "unit", record["unit"], ("1", "month"))
        known(where, record, STATUSES, KINDS, folder)
        value, low, high = (number(where, record, column) for column in ("value", "low", "high"))
        _ranged(where, value, low, high, record["kind"])
        _possible(where, record["effect"], low, high)
        if (record["option"], record["effect"]) in seen:
            raise EvidenceError(f"{where}: {record['option']} {record['effect']} stands twice; keep one row.")
        seen.add((record["option"], record["effect"]))
        found.append(Act(**{**record, "value": value, "low": low, "high": high}))  # type: ignore[arg-type]
    return tuple(found)


def _possible(where: str, effect: str, low: float, high: float) -> None:
    least, most = {
        "removed": (0.0, 0.5),  # more behind than in front, so that a half leaves little behind
        "behind": (0.0, 1.0),  # beyond one it would put tissue in at the front
        "ends": (1.0, 1.0),
        "opening": (float(_DALLAS[0]), float(_DALLAS[1])),
    }.get(effect, (0.0, math.inf))
    above = effect in (*RELATIVE, *NEIGHBOUR, "lasts")
    if not (least <= low and high <= most) or (above and low <= 0):
        raise EvidenceError(f"{where}: {low:g} to {high:g} is not possible for {effect}; correct the range.")


def acts_of(name: str) -> dict[str, Act]:
    """Effect -> what an option does to a disc; nothing for most that act on people alone."""
    return {one.effect: one for one in acts() if one.option == name}
