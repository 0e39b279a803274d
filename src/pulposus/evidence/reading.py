"""How a table is read and held to rules: one sentence that names file, line and remedy where it is not."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path

from pulposus.errors import EvidenceError, nearest
from pulposus.evidence.sources import hold_keys, keys_of
from pulposus.evidence.tables import records as records


def placed(file: str, folder: Path) -> list[tuple[str, dict[str, str]]]:
    """Where each record stands, in words, and its columns."""
    return [(f"{file} line {line}", record) for line, record in records(file, folder)]


def one_of(where: str, column: str, value: str, options: Iterable[str]) -> None:
    """Hold a word to its list."""
    options = tuple(options)
    if value not in options:
        raise EvidenceError(
            f"{where}: {column} is {value!r}{nearest(value, options)}; write one of {', '.join(options)}."
        )


def number(where: str, record: Mapping[str, str], column: str) -> float:
    """A number of a column; NaN where it is empty."""
    try:
        return float(record[column]) if record[column] else math.nan
    except ValueError:
        raise EvidenceError(
            f"{where}: {column} is {record[column]!r}, not a number; correct it or leave it empty."
        ) from None


def figure(where: str, record: Mapping[str, str], column: str) -> float:
    """A finite number that must be there."""
    value = number(where, record, column)
    if not math.isfinite(value):
        raise EvidenceError(f"{where}: {column} is {record[column]!r}; expected a finite number.")
    return value


def within(where: str, value: float, low: float, high: float) -> None:
    """Raise EvidenceError for a number outside its range, or without one."""
    if not low <= value <= high:
        raise EvidenceError(f"{where}: value {value:g} is not within {low:g} to {high:g}; correct one of them.")


def sourced(where: str, text: str, folder: Path) -> None:
    """Hold the keys of a row's source to `sources.bib`."""
    hold_keys(where, text, folder)


def known(where: str, record: Mapping[str, str], statuses: Iterable[str], kinds: Iterable[str], folder: Path) -> None:
    """How a row is known: status and kind agree, and a source is named where something was published."""
    one_of(where, "status", record["status"], statuses)
    one_of(where, "kind", record["kind"], kinds)
    if record["status"] == "memory" and record["kind"] != "assumed":
        raise EvidenceError(f"{where}: from memory but called {record['kind']}; write kind assumed.")
    if record["kind"] == "published" and record["status"] != "not_found" and not keys_of(record["source"]):
        raise EvidenceError(f"{where}: published, and no source; name a key of sources.bib.")
    sourced(where, record["source"], folder)
