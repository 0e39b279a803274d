"""From harvest to follow-up: which tests a lot must pass to be released, and what is done step by step.

`release.csv` holds tests by the name of a set of criteria, `procedure_steps.csv` the steps in their order.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pulposus.errors import EvidenceError, InputError, nearest
from pulposus.evidence.reading import known, number, one_of, placed

FOLDER = Path(__file__).parent
PHASES = ("assessment", "harvest", "processing", "injection", "aftercare", "follow_up")
REGIONS = ("lumbar", "cervical", "any")
KINDS = ("published", "derived", "assumed")
STATUSES = ("full_text", "registry", "table", "abstract", "guidance", "memory")
UNITS = ("percent", "EU/kg", "")


@dataclass(frozen=True)
class Test:
    """One test of a lot: what it measures, between low and high or as a word, and whether it decides."""

    criteria: str
    name: str
    what: str
    unit: str
    low: float
    high: float
    word: str
    decides: bool
    source: str
    where: str
    status: str
    kind: str
    note: str


@dataclass(frozen=True)
class Step:
    """One step that a person reads; visits have a month."""

    phase: str
    name: str
    region: str
    month: float
    says: str
    source: str
    where: str
    status: str
    kind: str
    note: str


@cache
def release(folder: Path = FOLDER) -> dict[str, tuple[Test, ...]]:
    """Set of criteria -> its tests. Raises EvidenceError that names file, line and remedy."""
    found: dict[str, list[Test]] = {}
    for where, record in placed("release.csv", folder):
        known(where, record, STATUSES, KINDS, folder)
        one_of(where, "unit", record["unit"], UNITS)
        one_of(where, "decides", record["decides"], ("yes", "no"))
        low, high = (number(where, record, column) for column in ("low", "high"))
        if bool(record["word"]) == (not math.isnan(low)) or math.isnan(low) != math.isnan(high):
            raise EvidenceError(f"{where}: give low and high, or a word, and not both.")
        if low > high:
            raise EvidenceError(f"{where}: low {low:g} is above high {high:g}; exchange them.")
        tests = found.setdefault(record["criteria"], [])
        if record["test"] in [test.name for test in tests]:
            raise EvidenceError(f"{where}: {record['test']} of {record['criteria']} stands twice; delete one.")
        plain = {name: record[name] for name in ("criteria", "what", "unit", "word", *_KNOWN)}
        tests.append(Test(name=record["test"], low=low, high=high, decides=record["decides"] == "yes", **plain))
    return {name: tuple(tests) for name, tests in found.items()}


def release_tests(name: str) -> tuple[Test, ...]:
    """The tests of one set of criteria. Raises InputError with the nearest name."""
    if name not in release():
        raise InputError(f"Unknown release criteria {name!r}{nearest(name, release())}; known: {', '.join(release())}.")
    return release()[name]


@cache
def steps(folder: Path = FOLDER) -> tuple[Step, ...]:
    """Every step, in order. Raises EvidenceError that names file, line and remedy."""
    found = []
    for where, record in placed("procedure_steps.csv", folder):
        known(where, record, STATUSES, KINDS, folder)
        one_of(where, "phase", record["phase"], PHASES)
        one_of(where, "region", record["region"], REGIONS)
        month = number(where, record, "month")
        if (record["phase"] == "follow_up") == math.isnan(month):
            raise EvidenceError(f"{where}: a visit has a month, and nothing else has; correct one of them.")
        if not record["says"].endswith("."):
            raise EvidenceError(f"{where}: {record['says']!r} is no sentence; write one, with its full stop.")
        plain = {name: record[name] for name in ("phase", "region", "says", *_KNOWN)}
        found.append(Step(name=record["step"], month=month, **plain))
    return tuple(found)


_KNOWN = ("source", "where", "status", "kind", "note")
