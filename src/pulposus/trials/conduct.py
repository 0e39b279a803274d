"""A trial from its protocol to its tables.

What: `Conducted` is what a trial leaves: its protocol, people, the long table and events.
Reads: nothing. Writes: nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pulposus.trials.protocol import Protocol

if TYPE_CHECKING:
    import pandas as pd

SEEN = "seen"
COMPLETED = "completed"


@dataclass(frozen=True)
class Conducted:
    """A trial that was conducted: its protocol and three tables.

    people: a row for each who entered: patient, arm, site, entered_month, what was drawn of them, baseline scores
    (`baseline_` and the variable), status ("completed", or a sentence). flow: how many were screened and did not enter,
    by why.
    table: a row for each patient, visit (month; 0 is the baseline) and endpoint (variable): arm, value, status
    ("seen", "missing: ...", "after surgery", "after rescue", "after crossover", "after death", "failed: ..."); value is
    NaN where nobody saw it ("missing", "after death", "failed").
    events: patient, arm, month, event, grade, serious, related, cause; adverse events, and what comes between
    ("rescue", "surgery", "crossover", "death", "left"), which have kind "intercurrent".
    """

    protocol: Protocol
    people: pd.DataFrame
    table: pd.DataFrame
    events: pd.DataFrame
    flow: dict[str, int]
    seed: int = 0
