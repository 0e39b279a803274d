"""What a row of a table of numbers must hold to: its words, its range, its source, and that one of a name is used.

Each function raises EvidenceError, which names file, line and remedy.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pulposus.errors import EvidenceError
from pulposus.evidence.sources import ASSUMPTION, hold_keys

KINDS = ("measured", "fitted", "derived", "assumed", "defined")
STATUSES = ("read", "abstract", "computed", "memory", "defined")
# Tables whose rows say of whom or what, how many, and why they have no range.
DESCRIBED = ("parameters.csv", "geometry.csv", "therapies.csv")
SPREADS = ("none published", "coefficient as printed")
TEXT_UNIT = "text"
ALIAS = "alias"


Row = Any  # that of pulposus.evidence, which imports this file


def hold_words(row: Row, folder: Path) -> None:
    """Kind, status and source are words that there are, and fit one another."""
    where = f"{row.file} line {row.line} ({row.name})"
    if row.kind not in KINDS:
        raise EvidenceError(f"{where}: kind is {row.kind!r}; write one of {', '.join(KINDS)}.")
    if row.status not in STATUSES:
        raise EvidenceError(f"{where}: status is {row.status!r}; write one of {', '.join(STATUSES)}.")
    hold_keys(where, row.source, folder)
    if row.kind != "defined" and not row.source:
        raise EvidenceError(f"{where}: no source; name a key of sources.bib, or {ASSUMPTION} with kind assumed.")
    if ASSUMPTION in row.source and row.kind != "assumed":
        raise EvidenceError(f"{where}: an assumption called {row.kind}; write kind assumed or name its source.")
    if row.kind == "defined" and not row.source and not _by_definition(row):
        raise EvidenceError(f"{where}: defined without a source; only words, a 0 or a 1 may be: name where it stands.")
    if row.status == "memory" and row.kind != "assumed":
        raise EvidenceError(f"{where}: from memory but called {row.kind}; write kind assumed until a source is found.")


def _by_definition(row: Row) -> bool:
    """True for words, and for a 0 or a 1 outside the parameters of the disc of which a note says why."""
    return row.unit == TEXT_UNIT or (row.value in (0, 1) and bool(row.note) and row.file != "parameters.csv")


def hold_range(row: Row, ranged: bool) -> None:
    """The value lies in its range; what is assumed has one; `ranged` is whether low or high were given."""
    where = f"{row.file} line {row.line} ({row.name})"
    if row.unit == TEXT_UNIT:
        return
    if not all(map(math.isfinite, (row.value, row.low, row.high))):
        raise EvidenceError(f"{where}: value, low and high must be finite numbers.")
    if row.low > row.high:
        raise EvidenceError(f"{where}: low {row.low:g} is above high {row.high:g}; exchange them.")
    if not row.low <= row.value <= row.high:
        raise EvidenceError(f"{where}: value {row.value:g} is outside {row.low:g} to {row.high:g}; widen the range.")
    if row.assumed and row.low == row.high:
        raise EvidenceError(f"{where}: an assumption without a range; give low and high.")
    if row.file in DESCRIBED:
        _check_spread(where, row, bare=not ranged and row.kind != "defined")


def _check_spread(where: str, row: Row, bare: bool) -> None:
    """A row without a range says why, and no other does."""
    words = " or ".join(SPREADS)
    if bare != bool(row.spread):
        told = "no range and not why" if bare else f"a range, and spread says {row.spread!r}"
        raise EvidenceError(f"{where}: {told}; spread is {words} where low and high are empty, and else empty.")
    if row.spread and row.spread not in SPREADS:
        raise EvidenceError(f"{where}: spread is {row.spread!r}; write {words}.")


def declared_as(file: str, record: Mapping[str, str], table: Sequence[Row]) -> str:
    """What its unit is declared for: rows of a parameter; a quantity over all levels, or over products of one class."""
    if file == "parameters.csv":
        return record["name"]
    if file in ("outcomes.csv", "population.csv"):
        return record["name"]
    if file != "therapies.csv":
        return record["quantity"]
    wanted = f"{record['group']} {record['name']} class"
    return " ".join([record["group"], record["quantity"], *(row.text for row in table if row.name == wanted)])


def hold_used(file: str, table: Sequence[Row]) -> None:
    """Of rows that share a name exactly one is used."""
    single = [row for row in table if not row.name.endswith(f" {ALIAS}")]
    times = Counter(row.name for row in single if row.used)
    for row in single:
        # What was found for one sex may stand beside what is used for both.
        beside = file == "geometry.csv" and times[row.name] == 0
        if times[row.name] != 1 and not beside:
            lines = ", ".join(str(other.line) for other in single if other.name == row.name)
            problem = f"{row.name} has {times[row.name]} used rows (lines {lines}); exactly one must say yes"
            raise EvidenceError(f"{file} line {row.line}: {problem}.")
