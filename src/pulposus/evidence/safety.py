"""Harm by what is done: how often it was seen, how bad it is, when it shows, and how each of it is known.

`safety.csv` holds a count or a rate of an event after an exposure a row; several rows of one event are several sources.
`safety_events.csv` says in plain words what an event is, and names the term of CTCAE it is graded by. An event comes
either once, with a delay (``delay``, the median in months, and ``spread``, of its logarithm), or steadily: so many a
year (``per`` year), or so many of 100 over a follow-up (``over``, months).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pulposus.errors import EvidenceError, InputError, nearest
from pulposus.evidence.reading import known, number, one_of, placed
from pulposus.evidence.sources import Sourced

FOLDER = Path(__file__).parent
EXPOSURES = (
    "disc_needle",
    "cervical_disc_needle",
    "epidural_needle",
    "steroid_injection",
    "cell_product",
    "cultured_cells",
    "donor_cells",
    "marrow_harvest",
    "fat_harvest",
    "platelet_product",
    "hydrogel",
    "nsaid",
    "opioid",
    "oral_steroid",
    "muscle_relaxant",
    "snri",
    "exercise",
    "collar",
    "basivertebral_ablation",
    "discectomy",
    "lumbar_fusion",
    "lumbar_disc_replacement",
    "acdf",
    "posterior_foraminotomy",
    "cervical_disc_replacement",
    "waiting",
)
SURGERY = "conversion_to_surgery"
REGIONS = ("lumbar", "cervical")
POPULATIONS = ("chronic", "radicular")
ANY = "any"
PER = ("patient", "disc", "year")
GRADES = ("1", "2", "3", "4", "5")
VERSIONS = ("v5.0",)
CAUSALITY = ("certain", "probable", "possible", "unlikely")
KINDS = ("published", "derived", "assumed")
STATUSES = ("full_text", "registry", "table", "abstract", "press", "second_hand", "memory", "not_found")
# What all rows of one event after one exposure say alike, except that a steady event may be counted in two ways.
ALIKE = ("grade", "ctcae", "serious", "delay", "spread", "resolves", "causality", "within", "after_surgery")
PERCENT = 100.0


@dataclass(frozen=True)
class Event:
    """What may happen, in plain words, and the term of CTCAE."""

    name: str
    title: str
    term: str


@dataclass(frozen=True)
class Row(Sourced):
    """One source's count (`events` of `people`, NaN where only a rate was printed) or rate, as a share.

    per: patient, disc or year; with years, `people` are person-years. over: months of follow-up of a steady event, NaN
    for one that comes once. within: exposures whose own events are already among those counted. after_surgery: whether
    it can still come after the disc was operated on. background: share that have it without the exposure, NaN where
    nobody says.
    """

    exposure: str
    event: str
    region: str
    population: str
    used: bool
    events: float
    people: float
    rate: float
    low: float
    high: float
    per: str
    over: float
    grade: int
    ctcae: str
    serious: bool
    delay: float
    spread: float
    resolves: float
    causality: str
    within: tuple[str, ...]
    after_surgery: bool
    background: float
    source: str
    where: str
    status: str
    kind: str
    note: str
    line: int

    @property
    def counted(self) -> bool:
        """True where somebody counted."""
        return not math.isnan(self.people)

    @property
    def steady(self) -> bool:
        """True for what comes at a rate over time, and not once after the exposure."""
        return self.per == "year" or not math.isnan(self.over)


@cache
def events(folder: Path = FOLDER) -> dict[str, Event]:
    """Every event by its name. Raises EvidenceError that names file, line and remedy."""
    found: dict[str, Event] = {}
    for where, record in placed("safety_events.csv", folder):
        for column in ("event", "title", "term"):
            if not record[column]:
                raise EvidenceError(f"{where}: no {column}; say it.")
        if record["event"] in found:
            raise EvidenceError(f"{where}: {record['event']} stands twice; delete one.")
        found[record["event"]] = Event(record["event"], record["title"], record["term"])
    return found


@cache
def rows(folder: Path = FOLDER) -> tuple[Row, ...]:
    """Every row, used or not. Raises EvidenceError that names file, line and remedy."""
    found: list[Row] = []
    first: dict[tuple[str, str], tuple[str, Mapping[str, str]]] = {}
    for where, record in placed("safety.csv", folder):
        row = _row(where, record, folder)
        there, other = first.setdefault((row.exposure, row.event), (where, record))
        for column in ALIKE:
            if record[column] != other[column]:
                raise EvidenceError(
                    f"{where}: {column} of {row.event} after {row.exposure} is {record[column]!r}, and "
                    f"{other[column]!r} in {there}; make them alike."
                )
        found.append(row)
    _hold_together(found)
    return tuple(found)


def _row(where: str, record: Mapping[str, str], folder: Path) -> Row:
    words: tuple[tuple[str, tuple[str, ...]], ...] = (
        ("exposure", EXPOSURES),
        ("event", tuple(events(folder))),
        ("region", (*REGIONS, ANY)),
        ("population", (*POPULATIONS, ANY)),
        ("used", ("yes", "no")),
        ("per", PER),
        ("grade", GRADES),
        ("ctcae", VERSIONS),
        ("serious", ("yes", "no")),
        ("causality", CAUSALITY),
        ("after_surgery", ("yes", "no")),
    )
    for column, options in words:
        one_of(where, column, record[column], options)
    known(where, record, STATUSES, KINDS, folder)
    within = tuple(record["within"].split())
    for name in within:
        one_of(where, "within", name, EXPOSURES)
    numbers = {
        column: number(where, record, column)
        for column in ("events", "people", "rate", "low", "high", "over", "delay", "spread", "resolves", "background")
    }
    _hold_numbers(where, record, numbers)
    _hold_time(where, record, numbers)
    for column in ("rate", "low", "high", "background"):
        numbers[column] /= PERCENT
    made: dict[str, Any] = {**record, **numbers, "within": within}
    made |= {name: record[name] == "yes" for name in ("used", "serious", "after_surgery")}
    return Row(**{**made, "grade": int(record["grade"]), "line": int(where.split()[-1])})


def _hold_numbers(where: str, record: Mapping[str, str], numbers: Mapping[str, float]) -> None:
    """A count or a rate with its range, and not both."""
    count, rate = ("events", "people"), ("rate", "low", "high")
    counted, rated = ([not math.isnan(numbers[name]) for name in names] for names in (count, rate))
    if all(counted) == all(rated) or any(counted) != all(counted) or any(rated) != all(rated):
        raise EvidenceError(f"{where}: give events and people, or rate, low and high in percent, and not both.")
    if all(counted):
        seen, people = numbers["events"], numbers["people"]
        if seen < 0 or people <= 0 or seen != int(seen) or people != int(people):
            raise EvidenceError(f"{where}: {seen:g} of {people:g} is no count; write whole numbers.")
        if seen > people:
            raise EvidenceError(f"{where}: {seen:g} events are more than {people:g} people; correct one of them.")
        if record["kind"] == "assumed":
            raise EvidenceError(f"{where}: a count is not assumed; write kind published, or a rate with its range.")
        return
    low, value, high = numbers["low"], numbers["rate"], numbers["high"]
    if not 0 <= low <= value <= high:
        raise EvidenceError(f"{where}: rate {value:g} is not within {low:g} to {high:g} percent; correct one of them.")
    if low == high:
        raise EvidenceError(f"{where}: a rate without a range; give low and high.")
    if high >= PERCENT and record["per"] != "year":
        raise EvidenceError(f"{where}: high is {high:g} percent; write less than {PERCENT:g}.")
    if record["status"] == "not_found" and record["kind"] != "assumed":
        raise EvidenceError(f"{where}: nothing was found but the row is called {record['kind']}; write kind assumed.")


def _hold_time(where: str, record: Mapping[str, str], numbers: Mapping[str, float]) -> None:
    """Once with a delay, or steadily."""
    once = not math.isnan(numbers["delay"])
    steady = record["per"] == "year" or not math.isnan(numbers["over"])
    if once == steady or (record["per"] == "year" and not math.isnan(numbers["over"])):
        raise EvidenceError(f"{where}: give delay for what comes once, or over or per year for what comes steadily.")
    if once == math.isnan(numbers["spread"]):
        raise EvidenceError(f"{where}: delay and spread go together; give both or neither.")
    for column in ("delay", "spread", "resolves", "over"):
        if numbers[column] <= 0:
            raise EvidenceError(f"{where}: {column} is {numbers[column]:g}; write a number above 0 or leave it empty.")
    if not math.isnan(numbers["background"]) and not 0 <= numbers["background"] < PERCENT:
        raise EvidenceError(f"{where}: background is {numbers['background']:g} percent; write 0 to less than 100.")


def _hold_together(found: list[Row]) -> None:
    """What only all rows together can break: priors of what nobody saw, and what is counted within what."""
    pairs = {(row.exposure, row.event): row for row in found if row.used}
    for row in found:
        where = f"safety.csv line {row.line}"
        for name in row.within:
            inner = pairs.get((name, row.event))
            if inner is None:
                continue
            if inner.within:
                raise EvidenceError(f"{where}: {row.event} after {name} is itself within another; correct within.")
            if inner.steady != row.steady:
                raise EvidenceError(f"{where}: {row.event} comes once here and steadily after {name}; make them alike.")
    for exposure, event in pairs:
        own = [row for row in found if row.used and (row.exposure, row.event) == (exposure, event)]
        if all(row.counted and row.events == 0 for row in own):
            raise EvidenceError(
                f"safety.csv line {own[0].line}: nobody was seen with {event} after {exposure}; add an assumed rate, "
                f"which stands for what is thought likely."
            )


def exposure_named(name: str) -> str:
    """An exposure as it is written here. Raises InputError with the nearest name."""
    key = name.strip().lower().replace(" ", "_").replace("-", "_")
    if key not in EXPOSURES:
        raise InputError(f"Unknown exposure {name!r}{nearest(key, EXPOSURES)}; known: {', '.join(EXPOSURES)}.")
    return key


def of_option(name: str, folder: Path = FOLDER) -> tuple[str, ...]:
    """Exposures of an option of care, where options are tabled; of an exposure, itself. Raises InputError with the
    nearest name.
    """
    key = name.strip().lower().replace(" ", "_").replace("-", "_")
    options = {}
    if (folder / "options.csv").exists():
        for _, record in placed("options.csv", folder):
            options[record.get("option") or record.get("name", "")] = record.get("exposures", "")
    if key in EXPOSURES or key not in options:
        both = [*EXPOSURES, *options]
        if key not in both:
            raise InputError(f"Unknown exposure or option {name!r}{nearest(key, both)}; known: {', '.join(both)}.")
        return (key,)
    return tuple(exposure_named(part) for part in options[key].replace(";", " ").replace(",", " ").split())
