"""Copies of the evidence that tests may spoil."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from pathlib import Path

from pulposus import evidence


def table(file: str, folder: Path = evidence.FOLDER) -> list[dict[str, str]]:
    """Records of a table."""
    with (folder / file).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def bib() -> str:
    """The bibliography."""
    return (evidence.FOLDER / "sources.bib").read_text("utf-8")


def copy(folder: Path) -> Path:
    """A copy of the tables that may be spoilt."""
    target = folder / "evidence"
    target.mkdir()
    for path in [*evidence.FOLDER.glob("*.csv"), *evidence.FOLDER.glob("*.bib")]:
        shutil.copy(path, target)
    return target


def edit(folder: Path, file: str, change: Callable[[list[dict[str, str]]], object]) -> None:
    """Read a table, change its records, write it back."""
    records = table(file, folder)
    columns = list(records[0])
    change(records)
    with (folder / file).open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(records)


def set_in(name: str, **values: str) -> Callable[[list[dict[str, str]]], object]:
    """Change the first used record of that name."""

    def change(records: list[dict[str, str]]) -> None:
        next(r for r in records if name in (r.get("name"), r.get("quantity")) and r["used"] == "yes").update(values)

    return change
