"""How a file of the evidence is read: one reader for all, which refuses what is no table by file, line and remedy.

A mark of byte order at the start is taken away; a byte that is not UTF-8, a table without rows, a head that is missing
or stands twice, a row with more or fewer columns than heads, a quote that is never closed, and blanks at the end of a
word are refused.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from pulposus.errors import EvidenceError, nearest


def text(path: Path) -> str:
    """A file as text. Raises EvidenceError with the line of the first byte that is not UTF-8."""
    try:
        raw = path.read_bytes()
    except OSError as problem:
        raise EvidenceError(f"{path.name} cannot be read ({problem.strerror}); install Pulposus anew.") from problem
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        line = raw.count(b"\n", 0, problem.start) + 1
        wrong = f"a byte that is not UTF-8 (0x{raw[problem.start]:02x})"
        raise EvidenceError(f"{path.name} line {line}: {wrong}; save the file as UTF-8.") from problem


def records(file: str, folder: Path, columns: Iterable[str] = ()) -> list[tuple[int, dict[str, str]]]:
    """Line number (on which it ends) and columns of each record; `columns` must be among the heads."""
    reader = csv.reader(io.StringIO(text(folder / file), newline=""), strict=True)
    found: list[tuple[int, list[str]]] = []
    try:
        found = [(reader.line_num, cells) for cells in reader if cells]
    except csv.Error as problem:
        raise EvidenceError(f"{file} line {reader.line_num}: {problem}; close the quote or quote the text.") from None
    if not found:
        raise EvidenceError(f"{file} is empty; expected a line of heads and rows under it.")
    heads = found[0][1]
    _hold_heads(file, heads, columns)
    if len(found) == 1:
        raise EvidenceError(f"{file} has heads and no rows; expected at least one.")
    for line, cells in found[1:]:
        _hold_cells(f"{file} line {line}", heads, cells)
    return [(line, dict(zip(heads, cells, strict=True))) for line, cells in found[1:]]


def _hold_heads(file: str, heads: list[str], columns: Iterable[str]) -> None:
    for head, times in Counter(heads).items():
        if times > 1:
            raise EvidenceError(f"{file} line 1: the head {head!r} stands {times} times; name each column once.")
    for column in columns:
        if column not in heads:
            raise EvidenceError(f"{file} line 1: no column {column!r}{nearest(column, heads)}; add it to the heads.")


def _hold_cells(where: str, heads: list[str], cells: list[str]) -> None:
    if len(cells) > len(heads):
        raise EvidenceError(f"{where}: more columns than heads; quote text that holds commas.")
    if len(cells) < len(heads):
        lacking = heads[len(cells)]
        raise EvidenceError(f"{where}: no column {lacking!r}; count the commas, and quote text that holds commas.")
    for head, cell in zip(heads, cells, strict=True):
        if cell != cell.strip():
            raise EvidenceError(f"{where}: {head} is {cell!r}, with a blank at an end; take it away.")
