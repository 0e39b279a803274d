"""What the evidence says in words: what treatments are said to do, and sentences that must be said."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pulposus.errors import InputError, nearest
from pulposus.evidence.sources import keys_of
from pulposus.evidence.tables import records

FOLDER = Path(__file__).parent
# Tables of words (and of the network) -> columns that they must have.
WORD_COLUMNS = {
    "mechanisms.csv": ("name", "title", "what", "acts_on", "disputed", "dispute", "source"),
    "statements.csv": ("name", "text", "source"),
    "network_activity.csv": ("source",),
    "network_weight.csv": ("source",),
}


@dataclass(frozen=True)
class Mechanism:
    """What a treatment is said to do, named as in therapies.csv; the dispute in one sentence where there is one."""

    name: str
    title: str
    what: str
    acts_on: str
    disputed: bool
    dispute: str
    sources: tuple[str, ...]


@dataclass(frozen=True)
class Statement:
    """A sentence that reports and warnings must say, with its sources."""

    name: str
    text: str
    sources: tuple[str, ...]


@cache
def _mechanisms() -> tuple[Mechanism, ...]:
    words = ("name", "title", "what", "acts_on", "dispute")
    return tuple(
        Mechanism(
            **{column: record[column] for column in words},
            disputed=record["disputed"] == "yes",
            sources=keys_of(record["source"]),
        )
        for _, record in records("mechanisms.csv", FOLDER, WORD_COLUMNS["mechanisms.csv"])
    )


def mechanisms() -> list[Mechanism]:
    """The mechanisms that can be switched, as the field names them."""
    return list(_mechanisms())


@cache
def _statements() -> dict[str, Statement]:
    return {
        record["name"]: Statement(record["name"], record["text"], keys_of(record["source"]))
        for _, record in records("statements.csv", FOLDER, WORD_COLUMNS["statements.csv"])
    }


def statements() -> list[Statement]:
    """Every sentence that must be said somewhere."""
    return list(_statements().values())


def statement(name: str) -> Statement:
    """One such sentence by its name. Raises InputError with the nearest name."""
    if name not in _statements():
        near = nearest(name, _statements())
        raise InputError(f"Unknown statement {name!r}{near}; known: {', '.join(_statements())}.")
    return _statements()[name]
