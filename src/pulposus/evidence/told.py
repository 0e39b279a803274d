"""What the evidence says in words: what treatments are said to do, and sentences that must be said."""

from __future__ import annotations

from dataclasses import dataclass


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
