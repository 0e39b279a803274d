"""Numbers of an economic evaluation: discount rates and thresholds of countries, prices, what events cost and take.

`economics.csv` holds a quantity a row for a place: a country, a part of the spine, or any. What no source gave is a
guess with a wide range and is called assumed. Money is USD of the year that the row or ``year NAME`` names, and is told
in that of ``price_year``; ``per_usd`` turns it into a country's own by what it buys.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pulposus.errors import EvidenceError, InputError, nearest
from pulposus.evidence.offers import KINDS, STATUSES, costs
from pulposus.evidence.options import Option
from pulposus.evidence.reading import known, number, placed, within
from pulposus.evidence.sources import Sourced

FOLDER = Path(__file__).parent
ANY = "any"
_RATE = "discount_costs"


@dataclass(frozen=True)
class Number(Sourced):
    """A number with its range, unit, and how it is known."""

    place: str
    quantity: str
    value: float
    low: float
    high: float
    unit: str
    source: str
    where: str
    status: str
    kind: str
    note: str

    @property
    def assumed(self) -> bool:
        """Whether no source gave it."""
        return self.kind == "assumed"


@cache
def numbers(folder: Path = FOLDER) -> dict[tuple[str, str], Number]:
    """(place, quantity) -> its number. Raises EvidenceError that names file, line and remedy."""
    found: dict[tuple[str, str], Number] = {}
    for where, record in placed("economics.csv", folder):
        known(where, record, STATUSES, KINDS, folder)
        value, low, high = (number(where, record, column) for column in ("value", "low", "high"))
        within(where, value, low, high)
        key = (record["place"], record["quantity"])
        if key in found:
            raise EvidenceError(f"{where}: {key[1]} of {key[0]} stands twice; keep one.")
        found[key] = Number(**{**record, "value": value, "low": low, "high": high})  # type: ignore[arg-type]
    return found


def of(quantity: str, place: str = ANY) -> Number:
    """A number of a place, or the one that holds anywhere. Raises InputError with the nearest name."""
    for key in ((place, quantity), (ANY, quantity)):
        if key in numbers():
            return numbers()[key]
    near = nearest(quantity, (name for _, name in numbers()))
    raise InputError(f"No {quantity!r} of {place} is in evidence/economics.csv{near}; add a row.")


def countries() -> list[str]:
    """Countries of which a discount rate is known."""
    return [place for place, quantity in numbers() if quantity == _RATE]


def country(name: str) -> str:
    """A country as it is written here, for any case of letters. Raises InputError with the nearest."""
    loose = {one.lower(): one for one in countries()}
    if name.strip().lower() not in loose:
        near = nearest(name, countries())
        raise InputError(f"No discount rate of {name!r} is known{near}; known: {', '.join(countries())}.")
    return loose[name.strip().lower()]


def currency(name: str) -> str:
    """The currency of a country."""
    return of("per_usd", name).unit.partition("/")[0]


def inflated(value: float, year: float) -> float:
    """USD of a year in USD of the price year. Raises InputError for a year whose prices are not known."""
    now = of("price_year").value
    return value * of(f"index {now:.0f}").value / of(f"index {year:.0f}").value


def price(option: Option) -> Number:
    """What an option costs, USD of the price year: of costs.csv where one was read, else the guess of economics.csv.

    Its unit is USD, or USD/year for what goes on. Raises InputError where there is neither.
    """
    rows = {one.name: one for one in costs()}
    read = [rows[name] for name in option.costs if not math.isnan(rows[name].value)]
    if not read:
        return of(f"price {option.name}")
    ends = [0.0, 0.0, 0.0]
    for one in read:
        year = of(f"year {one.name}").value
        ends = [a + inflated(b, year) for a, b in zip(ends, (one.value, one.low, one.high), strict=True)]
    first = read[0]
    kind = "assumed" if any(one.kind == "assumed" for one in read) else first.kind
    said = "; ".join(one.name for one in read)
    source = "; ".join(dict.fromkeys(one.source for one in read))
    value, low, high = ends
    return Number(ANY, f"price {option.name}", value, low, high, "USD", source, said, first.status, kind, first.note)
