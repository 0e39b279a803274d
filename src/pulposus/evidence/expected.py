"""Which unit each quantity of the tables is of, so that a number of the wrong dimension is refused and not shown.

A parameter that a process of the disc reads has the unit that the process declares (`disc.parameters`); every other
quantity stands in `quantities.csv` (table, quantity, unit), where a star stands for any words and the first line that
fits holds. A quantity that stands nowhere is refused: who adds one says of what it is.
"""

from __future__ import annotations

import functools
import re
from pathlib import Path

from pulposus.errors import EvidenceError, InputError
from pulposus.evidence.reading import records
from pulposus.evidence.units import dimension
from pulposus.evidence.usage import declared_units

FILE = "quantities.csv"


@functools.cache
def _patterns(folder: Path) -> dict[str, list[tuple[re.Pattern[str], str]]]:
    """Table -> what fits a quantity of it, and its unit, in the order of the lines."""
    found: dict[str, list[tuple[re.Pattern[str], str]]] = {}
    for line, record in records(FILE, folder):
        try:
            dimension(record["unit"])
        except InputError as problem:
            raise EvidenceError(f"{FILE} line {line} ({record['quantity']}): {problem}") from problem
        fits = re.compile(".*".join(map(re.escape, record["quantity"].split("*"))))
        found.setdefault(record["table"], []).append((fits, record["unit"]))
    return found


def unit_of(table: str, quantity: str, folder: Path) -> str | None:
    """The unit whose dimension a quantity of a table must have; None where nobody says."""
    if table == "parameters.csv" and quantity in declared_units():
        return declared_units()[quantity]
    return next((unit for fits, unit in _patterns(folder).get(table, []) if fits.fullmatch(quantity)), None)


def hold(where: str, table: str, quantity: str, unit: str, folder: Path) -> None:
    """Raise EvidenceError unless a unit has the dimension that its quantity asks for."""
    try:
        own = dimension(unit)
    except InputError as problem:
        raise EvidenceError(f"{where}: {problem}") from problem
    wanted = unit_of(table, quantity, folder)
    if wanted is None:
        raise EvidenceError(f"{where}: nothing says of which unit {quantity!r} is; add a line to {FILE}.")
    if own != dimension(wanted):
        asked = wanted or "1"
        raise EvidenceError(f"{where}: {unit} is {own}, expected a unit like {asked}; correct one of the units.")
