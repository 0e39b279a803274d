"""Rows of the evidence as a reader sees them: tables on a terminal, dictionaries for JSON, numbers in words."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from pulposus.evidence import Row

_PIPED_WIDTH = 200  # columns of a table that goes to a file or to another program


def new_table(title: str, *columns: Sequence[str]) -> Table:
    """An empty table; groups of columns are text and numbers in turn, numbers to the right."""
    from rich import box
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for place, group in enumerate(columns):
        for head in group:
            # On a narrow terminal words fold; a number that lost its end would be another number.
            whole = bool(place % 2) or head in ("range", "tabled")
            table.add_column(head, justify="right" if place % 2 else "left", overflow="fold", no_wrap=whole)
    return table


def print_tables(*tables: Table) -> None:
    """Print tables as wide as the terminal, or wide enough for a file."""
    from rich.console import Console

    console = Console(width=None if sys.stdout.isatty() else _PIPED_WIDTH, highlight=False, markup=False)
    for table in tables:
        console.print(table)


def print_json(what: Any) -> None:
    """Print what JSON can hold; what is no number, or without end, is null."""
    typer.echo(json.dumps(_finite(what), indent=2, ensure_ascii=False))


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def as_dicts(members: Mapping[str, Mapping[str, Row]]) -> dict[str, dict[str, Any]]:
    """Members of a group, each with its rows as dictionaries."""
    return {name: {key: as_dict(row) for key, row in rows.items()} for name, rows in members.items()}


def as_dict(row: Row) -> dict[str, Any]:
    """A row for JSON: words as text, numbers with unit, range and source."""
    if row.text:
        return {"text": row.text}
    columns = ("value", "low", "high", "unit", "kind", "source", "where", "status", "note", "tissue", "condition")
    found = {column: getattr(row, column) for column in columns}
    return {key: value for key, value in found.items() if value != ""}


def unit_of(members: Mapping[str, Mapping[str, Row]], key: str) -> str:
    """The unit that all members give a quantity in."""
    units: Iterable[str] = (rows[key].unit for rows in members.values() if key in rows)
    return unit_words(next(iter(units)))


def unit_words(unit: str) -> str:
    """A unit as it is printed: nothing for a bare number."""
    return "" if unit == "1" else unit


def value_words(row: Row) -> str:
    """The value of a row, number or words."""
    return row.text or short(row.value)


def range_words(row: Row) -> str:
    """The range of a row, or nothing where none is known."""
    return "" if row.low == row.high else f"{short(row.low)} to {short(row.high)}"


def short(value: float) -> str:
    """Four figures, exponents without zeros."""
    return f"{value:.4g}".replace("e+0", "e").replace("e+", "e").replace("e-0", "e-")
