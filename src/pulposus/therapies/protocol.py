"""A treatment as a person writes it: one line of words, or the fields of a case file."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Treatment:
    """One product given once or several times; names are those of the evidence tables.

    dose in cells (nucleated cells for a concentrate), vesicles, or mL, as the product counts it; volume in mL; month after start;
    `repeats` further doses, one every `every_months`.
    """

    product: str
    origin: str
    dose: float
    viability: float
    passage: int
    volume_mL: float
    carrier: str
    site: str
    month: float
    repeats: int = 0
    every_months: float = 0.0
