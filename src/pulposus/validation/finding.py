"""What one measure of the model found: a number, and the curve it was read from."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

Points = tuple[tuple[float, float], ...]
M = TypeVar("M", bound=Callable[..., object])


@dataclass(frozen=True)
class Finding:
    """Ours in the unit of the check; `curve` and `published` are (x, y) points to draw over `across`, if there are any.

    For an ordering the value is 1 where it holds and 0 where it does not, and `told` says the numbers behind it.
    """

    value: float
    told: str = ""
    across: str = ""
    along: str = ""
    curve: Points = ()
    published: Points = ()


def points(x: Iterable[float], y: Iterable[float]) -> Points:
    """Two sequences as points."""
    return tuple((float(a), float(b)) for a, b in zip(x, y, strict=True))


def ordering(holds: bool, told: str, across: str = "", along: str = "", curve: Points = ()) -> Finding:
    """An ordering: whether it holds, the numbers behind it, and a curve on which it can be seen."""
    return Finding(1.0 if holds else 0.0, told, across, along, curve)


def collector() -> tuple[dict[str, Callable[..., Finding]], Callable[[M], M]]:
    """A table of measures by name, and the decorator that puts a function into it."""
    table: dict[str, Callable[..., Finding]] = {}

    def measure(function: M) -> M:
        table[function.__name__] = function  # type: ignore[assignment]
        return function

    return table, measure
