"""What was published of such people: rows of ``evidence/margins.csv``, and shares by grade that the draw reads."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from pulposus import evidence
from pulposus.evidence.reading import figure, placed


@cache
def published(folder: Path = evidence.FOLDER) -> tuple[dict[str, str], ...]:
    """Rows of ``evidence/margins.csv``. Raises EvidenceError naming file and line of what is no number."""
    rows = placed("margins.csv", folder)
    for where, row in rows:
        for column in ("published", "n"):
            figure(where, row, column)
    return tuple(row for _, row in rows)


@cache
def _shares(quantity: str) -> np.ndarray:
    found = {int(row["at"]): float(row["published"]) for row in published() if row["quantity"] == quantity}
    return np.array([found[grade] for grade in sorted(found)])


def share_by_grade(quantity: str, grade: np.ndarray) -> np.ndarray:
    """Published share of discs with something, by their grade; of lumbar discs, carried over to the neck."""
    return _shares(quantity)[grade - 1]
