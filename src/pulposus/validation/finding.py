"""What one measure of the model found: a number, and the curve it was read from."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

Points = tuple[tuple[float, float], ...]
Shown = Callable[[float], Points]
M = TypeVar("M", bound=Callable[..., object])


@dataclass(frozen=True)
class Finding:
    """Ours in the unit of the check; `curve` and `published` are (x, y) points to draw over `across`, if there are any.

    `shown` says where a value of the checked quantity stands in that picture: one point, or a line of several. For an
    ordering the value is 1 where it holds and 0 where it does not, `told` says the numbers behind it, and `beside` is
    the course that the curve is compared with.
    """

    value: float
    told: str = ""
    across: str = ""
    along: str = ""
    curve: Points = ()
    published: Points = ()
    beside: Points = ()
    shown: Shown | None = None


def points(x: Iterable[float], y: Iterable[float]) -> Points:
    """Two sequences as points."""
    return tuple((float(a), float(b)) for a, b in zip(x, y, strict=True))


def height(curve: Points, x: float) -> float:
    """The height of a curve over `x`, straight between its points."""
    along, up = np.asarray(curve).T
    return float(np.interp(x, along, up))


def over(x: float) -> Shown:
    """A value is the height of the curve over `x`."""
    return lambda value: ((float(x), value),)


def reached(y: float) -> Shown:
    """A value is where along x the curve is at `y`."""
    return lambda value: ((value, float(y)),)


def between(first: float, last: float) -> Shown:
    """A value is a mean or an extreme between two places along x."""
    return lambda value: ((float(first), value), (float(last), value))


def power(start: tuple[float, float], x: Iterable[float]) -> Shown:
    """A value is the power of x by which the curve goes from its start."""
    at = [float(one) for one in x]
    return lambda value: points(at, (start[1] * (np.asarray(at) / start[0]) ** value))


def ordering(
    holds: bool, told: str, across: str = "", along: str = "", curve: Points = (), beside: Points = ()
) -> Finding:
    """An ordering: whether it holds, the numbers behind it, and the courses on which it can be seen."""
    return Finding(1.0 if holds else 0.0, told, across, along, curve, beside=beside)


# Measure -> first word of its `at` (or nothing, for any) -> the unit in which it gives its value.
UNITS: dict[str, dict[str, str]] = {}


def unit_of(measure: str, at: str) -> str | None:
    """The unit in which a measure gives its value for an `at`; None where it declares none for it."""
    units = UNITS.get(measure, {})
    return units.get("", units.get((at.split() or [""])[0]))


def collector() -> tuple[dict[str, Callable[..., Finding]], Callable[..., Callable[[M], M]]]:
    """A table of measures by name, and the decorator that puts a function into it with the unit of its value: one for
    all (`measure("mm")`), or one by the first word of `at` (`measure(oxygen="kPa", glucose="mM")`).
    """
    table: dict[str, Callable[..., Finding]] = {}

    def measure(unit: str = "", **by_word: str) -> Callable[[M], M]:
        def put(function: M) -> M:
            table[function.__name__] = function  # type: ignore[assignment]
            UNITS[function.__name__] = by_word or {"": unit}
            return function

        return put

    return table, measure
