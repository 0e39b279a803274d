"""Whose people: a part of the spine, with pain or without, of a country; and the numbers that hold for them.

What: `Who` names them; `Who.number` reads a number of ``evidence/population.csv``, that of the country before that of
the part of the spine before the general one, so that only what differs has a row of its own.
Reads: ``evidence/population.csv``. Writes: nothing.
Errors: unknown names are an `InputError` of one sentence with the nearest one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from pulposus import evidence
from pulposus.errors import InputError, nearest

POPULATIONS = ("patients", "pain_free")
LEVELS_OF = {
    "lumbar": ("L1-L2", "L2-L3", "L3-L4", "L4-L5", "L5-S1"),
    "cervical": ("C3-C4", "C4-C5", "C5-C6", "C6-C7", "C7-T1"),
}
_TABLE = "population.csv"
_OF_COUNTRIES = " bmi_mean"  # every country has this row


@cache
def _numbers() -> dict[str, float]:
    return {row.name: row.value for row in evidence.everything() if row.file == _TABLE and row.used}


def countries() -> tuple[str, ...]:
    """Countries of which something is known that differs."""
    return tuple(name.removesuffix(_OF_COUNTRIES) for name in _numbers() if name.endswith(_OF_COUNTRIES))


@dataclass(frozen=True)
class Who:
    """A part of the spine, patients or people without pain, a country or nothing.

    Raises InputError for a name that does not exist.
    """

    region: str = "lumbar"
    population: str = "patients"
    country: str = ""

    def __post_init__(self) -> None:
        for what, value, options in (
            ("region", self.region, tuple(LEVELS_OF)),
            ("population", self.population, POPULATIONS),
        ):
            if value not in options:
                raise InputError(f"Unknown {what} {value!r}{nearest(value, options)}; write {' or '.join(options)}.")
        if self.country and self.country not in countries():
            near = nearest(self.country, countries())
            raise InputError(f"Nothing is known of people of {self.country!r}{near}; known: {', '.join(countries())}.")

    @property
    def levels(self) -> tuple[str, ...]:
        """Discs that are drawn, from head to sacrum."""
        return LEVELS_OF[self.region]

    def number(self, name: str) -> float:
        """A number of these people. Raises InputError with the nearest name."""
        for full in (f"{self.country} {name}", f"{self.region} {name}", name):
            if full in _numbers():
                return _numbers()[full]
        return evidence.population(name).value  # raises, with the nearest name
