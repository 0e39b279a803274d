"""Fitted rows written into the tables: a number's prior stays in its line, its fit comes into the next one.

What: `write` puts one row under the used row of each number, marks it used and the other not; a row that an earlier fit
left there is replaced. No other line of a table changes by a byte.
Why beside it: what a number was before anything was fitted is the prior of the next fit, and must stay.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pulposus.errors import InputError
from pulposus.evidence import FOLDER, IDENTITY, found
from pulposus.results import write_text

_FIELDS = ("value", "low", "high", "kind", "source", "where", "status", "note")


def write(rows: Sequence[Mapping[str, Any]], mark: str, folder: Path = FOLDER) -> list[Path]:
    """Write rows (`name` and the columns of the evidence; notes begin with `mark`) into the tables of `folder`.

    Returns the files that changed. Raises InputError for a folder that cannot be written, or a row without the mark.
    """
    by_file: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        if not str(row["note"]).startswith(mark):
            raise InputError(
                f"The fitted row of {row['name']} does not begin its note with {mark!r}; it would be lost."
            )
        by_file.setdefault(found(str(row["name"]))[0].file, []).append(row)
    changed = []
    for file, members in by_file.items():
        path = folder / file
        try:
            write_text(path, _with(path.read_text("utf-8"), file, members, mark))
        except OSError as problem:
            raise InputError(f"{str(path)!r} cannot be written ({problem.strerror}); work in a checkout.") from problem
        changed.append(path)
    return changed


def _with(text: str, file: str, members: Sequence[Mapping[str, Any]], mark: str) -> str:
    """The table with the rows of `members` in it; a record is one line here, as nothing in the tables holds a break."""
    head, *lines = text.splitlines(keepends=True)
    columns = next(csv.reader([head]))
    records = [dict(zip(columns, next(csv.reader([line])), strict=True)) for line in lines]
    names = [" ".join(record[column] for column in IDENTITY[file]) for record in records]
    told = {str(member["name"]): member for member in members}
    made = [head]
    for name, record, line in zip(names, records, lines, strict=True):
        if name not in told:
            made.append(line)
        elif record["note"].startswith(mark):
            continue
        elif record["used"] == "yes" or _was_used(name, record, names, records, mark):
            end = "\n" if line.endswith("\n") else ""
            made.append(_line(record | {"used": "no"}, columns) + "\n")
            fields = {field: _figure(told[name][field]) for field in _FIELDS}
            made.append(_line(record | fields | {"used": "yes"}, columns) + end)
        else:
            made.append(line)
    return "".join(made)


def _was_used(name: str, record: Mapping[str, str], names: list[str], records: list[dict[str, str]], mark: str) -> bool:
    """True for the row that stands right above an earlier fit of its number."""
    place = next(k for k, other in enumerate(records) if other is record)
    return place + 1 < len(names) and names[place + 1] == name and records[place + 1]["note"].startswith(mark)


def _figure(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _line(record: Mapping[str, str], columns: Sequence[str]) -> str:
    stream = io.StringIO()
    csv.DictWriter(stream, columns, lineterminator="").writerow(record)
    return stream.getvalue()
