"""Units: what a number must be multiplied by to be in SI base units, with `cell` as a dimension of its own."""

from __future__ import annotations

import math
import re
from functools import cache
from typing import Any

from pulposus.errors import InputError


@cache
def _registry() -> Any:
    import pint

    registry: Any = pint.UnitRegistry(cache_folder=None)
    registry.define("cell = [cell]")
    registry.define("equivalent_charge = mole = Eq")
    return registry


@cache
def _unit(text: str) -> tuple[float, str]:
    """Factor to SI base units, and the dimension as text; ValueError for what is no unit."""
    registry = _registry()
    try:
        unit = registry.parse_units("dimensionless" if text in ("", "1") else text)
        one = registry.Quantity(1.0, unit).to_base_units()
        zero = registry.Quantity(0.0, unit).to_base_units().magnitude
    except Exception as problem:  # pint raises many kinds, some of them of the tokenizer
        raise ValueError(f"{text!r} is not a unit") from problem
    if zero:
        raise ValueError(f"{text!r} has an offset")
    return float(one.magnitude), str(one.dimensionality)


def in_months(value: float) -> str:
    """A time in words: 1 month, 13.5 months."""
    return f"{value:g} month{'s' * (value != 1)}"


def factor(unit: str) -> float:
    """What a number in `unit` must be multiplied by to be in SI base units. Raises InputError for an unknown unit."""
    try:
        return _unit(unit)[0]
    except ValueError as problem:
        raise InputError(f"{problem}; write units like mm, kPa, mM, 1/day, cells/mm^3, nmol/(Mcell*hour).") from problem


def dimension(unit: str) -> str:
    """The dimension of a unit, as text that can be compared. Raises InputError for an unknown unit."""
    factor(unit)
    return _unit(unit)[1]


def convert(value: float, unit: str, to: str) -> float:
    """`value` in `unit`, expressed in the unit `to`. Raises InputError when their dimensions differ."""
    if dimension(unit) != dimension(to):
        raise InputError(f"{value:g} {unit} cannot be expressed in {to or '1'}: give it in {to or 'plain numbers'}.")
    return value * factor(unit) / factor(to)


def quantity(text: str | float, unit: str) -> float:
    """A number with its unit in words ("0.2 mM"), or a bare number taken in `unit`, in SI base units.

    Raises InputError when the text holds no finite number or its unit has another dimension than `unit`.
    """
    match = re.fullmatch(r"\s*([-+]?[\d.]+(?:[eE][-+]?\d+)?)\s*(.*?)\s*", str(text))
    try:
        value = float(match[1]) if match else float(text)
    except ValueError:
        value = math.nan
    words = f"1 {unit}" if unit not in ("", "1") else "0.5"
    if not math.isfinite(value):
        what = "is not finite" if isinstance(text, float) else "is not a number with a unit"
        raise InputError(f"{text!r} {what}; write for example {words!r}.")
    given = (match[2] if match else "") or unit
    if given.lower() == "ml":  # people write "2 ML" and mean no megalitres
        given = "mL"
    return convert(value, given, unit) * factor(unit)
