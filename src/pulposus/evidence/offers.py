"""What is offered to people: what is claimed of it, and what controlled evidence and this model say.

`claims.csv` holds a claim a row, with the verdict and its sources.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeVar

from pulposus.errors import EvidenceError, InputError, nearest
from pulposus.evidence.sources import entries, keys_of

FOLDER = Path(__file__).parent
VERDICTS = ("supported", "partly_supported", "open", "unsupported", "doubtful", "misleading", "contradicted")
KINDS = ("published", "derived", "assumed")
STATUSES = ("read", "full_text", "registry", "table", "abstract", "press", "second_hand", "memory", "not_found")

_T = TypeVar("_T")


@dataclass(frozen=True)
class Claim:
    """What clinics and articles say, what controlled evidence says, what the model says, and the verdict in words."""

    name: str
    claim: str
    evidence: str
    model: str
    page: str
    verdict: str
    told: str
    source: str
    status: str
    kind: str
    note: str

    @property
    def sources(self) -> tuple[str, ...]:
        """Keys in `sources.bib`."""
        return keys_of(self.source)


@cache
def claims(folder: Path = FOLDER) -> tuple[Claim, ...]:
    """Every claim. Raises EvidenceError that names file, line and remedy."""
    found, seen = [], set()
    for where, record in _records("claims.csv", folder):
        _one_of(where, "verdict", record["verdict"], VERDICTS)
        _check(where, record, folder)
        for column in ("claim", "evidence", "model", "page", "told"):
            if not record[column]:
                raise EvidenceError(f"{where}: no {column}; say it, or delete the claim.")
        if record["name"] in seen:
            raise EvidenceError(f"{where}: the name stands twice; give another.")
        seen.add(record["name"])
        found.append(Claim(**record))
    return tuple(found)


def search(word: str) -> list[Claim]:
    """Claims in whose words all parts of `word` stand, all for no word. Raises InputError with the nearest word."""
    return _fits(word, {claim: " ".join(_words(claim)) for claim in claims()}, "claim")


def _words(claim: Claim) -> tuple[str, ...]:
    verdict = claim.verdict.replace("_", " ")
    return claim.name, claim.claim, claim.evidence, claim.model, claim.told, verdict, claim.source


def _fits(word: str, told: Mapping[_T, str], what: str) -> list[_T]:
    """Those in whose text all parts of a word stand."""
    parts = word.lower().replace("_", " ").split()
    text = {one: words.lower().replace("_", " ") for one, words in told.items()}
    found = [one for one, words in text.items() if all(part in words for part in parts)]
    if not found:
        known = {part for words in text.values() for part in re.findall(r"[a-z0-9-]{3,}", words)}
        raise InputError(f"No {what} holds {word!r}{nearest(word, known)}; leave it out to see them all.")
    return found


# ---------------------------------------------------------------------------------------------- reading


def _records(file: str, folder: Path) -> list[tuple[str, dict[str, str]]]:
    with (folder / file).open(encoding="utf-8", newline="") as stream:
        reader = csv.DictReader(stream)
        found = [(f"{file} line {reader.line_num}", record) for record in reader]
    for where, record in found:
        if None in record or None in record.values():
            raise EvidenceError(f"{where}: columns and heads differ in number; quote text that holds commas.")
    return found


def _check(where: str, record: Mapping[str, str], folder: Path) -> None:
    """How a row is known: status and kind agree, and a source is named where something was published."""
    _one_of(where, "status", record["status"], STATUSES)
    _one_of(where, "kind", record["kind"], KINDS)
    if record["status"] == "memory" and record["kind"] != "assumed":
        raise EvidenceError(f"{where}: from memory but called {record['kind']}; write kind assumed.")
    if record["kind"] == "published" and record["status"] != "not_found" and not keys_of(record["source"]):
        raise EvidenceError(f"{where}: published, and no source; name a key of sources.bib.")
    for key in keys_of(record["source"]):
        if key not in entries(folder):
            raise EvidenceError(f"{where}: the source {key!r} is not in sources.bib; add its entry.")


def _one_of(where: str, column: str, value: str, options: Iterable[str]) -> None:
    options = tuple(options)
    if value not in options:
        raise EvidenceError(
            f"{where}: {column} is {value!r}{nearest(value, options)}; write one of {', '.join(options)}."
        )
