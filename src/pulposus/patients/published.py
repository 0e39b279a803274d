"""What was published of such people: rows of ``evidence/margins.csv``, and shares by grade that the draw reads."""

from __future__ import annotations

import csv
from functools import cache

import numpy as np

from pulposus import evidence


@cache
def published() -> tuple[dict[str, str], ...]:
    """Rows of ``evidence/margins.csv``."""
    with (evidence.FOLDER / "margins.csv").open(encoding="utf-8", newline="") as stream:
        return tuple(csv.DictReader(stream))


@cache
def _shares(quantity: str) -> np.ndarray:
    found = {int(row["at"]): float(row["published"]) for row in published() if row["quantity"] == quantity}
    return np.array([found[grade] for grade in sorted(found)])


def share_by_grade(quantity: str, grade: np.ndarray) -> np.ndarray:
    """Published share of discs with something, by their grade; of lumbar discs, carried over to the neck."""
    return _shares(quantity)[grade - 1]
