"""The published network of cell activity: which stimulus drives which product of a cell, and how strongly.

Two tables: `network_activity.csv` gives each stimulus its normalised activity ``x(S) = c0 e^(c1 S) / (e^(c1 S) + c2
10^c3) + c4`` on an interval of S;
`network_weight.csv` gives the weights theta by which activities act on a target. Both are fits by their authors, in the
units of their columns.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

from pulposus.evidence.tables import records

_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Piece:
    """One interval of a stimulus, measured from its origin, and its five coefficients."""

    origin: float
    start: float
    end: float
    coefficients: tuple[float, float, float, float, float]


@functools.cache
def activities() -> dict[tuple[str, str], tuple[Piece, ...]]:
    """(target, stimulus) -> pieces in rising order of the stimulus (glucose in mM, pH above 6.5, load in MPa, frequency
    in Hz).
    """
    found: dict[tuple[str, str], list[Piece]] = {}
    for row in _rows("network_activity.csv"):
        c = (float(row["c0"]), float(row["c1"]), float(row["c2"]), float(row["c3"]), float(row["c4"]))
        piece = Piece(float(row["origin"]), float(row["from"]), float(row["to"]), c)
        found.setdefault((row["target"], row["stimulus"]), []).append(piece)
    return {key: tuple(pieces) for key, pieces in found.items()}


@functools.cache
def weights() -> dict[str, dict[str, tuple[str, float]]]:
    """target -> stimulus -> ("activates" or "inhibits", theta)."""
    found: dict[str, dict[str, tuple[str, float]]] = {}
    for row in _rows("network_weight.csv"):
        found.setdefault(row["target"], {})[row["stimulus"]] = (row["effect"], float(row["theta"]))
    return found


def _rows(name: str) -> list[dict[str, str]]:
    return [record for _, record in records(name, _HERE)]
