"""What a statistic is given: looked at once, and refused in one sentence.

Every function returns the argument in the form that the computation wants, or raises `InputError` with what was given,
what was expected and what to do.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from pulposus.errors import InputError, nearest

LEVEL = 0.95  # maths: confidence that intervals have where the caller names none
MOST_SHOWN = 60  # maths: letters of an argument that a sentence repeats


def shown(given: object) -> str:
    """An argument as a sentence repeats it, cut where it is long."""
    text = repr(given)
    return text if len(text) <= MOST_SHOWN else f"{text[: MOST_SHOWN - 3]}..."


def vector(given: Any, name: str, least: int = 1) -> np.ndarray:
    """A one-dimensional array of finite numbers with at least `least` of them."""
    try:
        array = np.atleast_1d(np.asarray(given, dtype=float))
    except (TypeError, ValueError):
        raise InputError(f"{name} is {shown(given)}; give a list of numbers.") from None
    if array.ndim != 1:
        raise InputError(f"{name} has {array.ndim} dimensions; give a flat list, one number for each row.")
    if array.size < least:
        raise InputError(f"{name} has {array.size} numbers; at least {least} are needed.")
    bad = np.flatnonzero(~np.isfinite(array))
    if bad.size:
        raise InputError(
            f"{name} holds {array[bad[0]]} at place {bad[0] + 1}; leave out rows without a number, or impute them."
        )
    return array


def positive(given: Any, name: str, least: int = 1) -> np.ndarray:
    """A vector of numbers above nought."""
    array = vector(given, name, least)
    bad = np.flatnonzero(array <= 0)
    if bad.size:
        raise InputError(f"{name} holds {array[bad[0]]:g} at place {bad[0] + 1}; it must be above 0 everywhere.")
    return array


def counts(given: Any, name: str) -> np.ndarray:
    """A vector of whole numbers, nought or more."""
    array = vector(given, name)
    bad = np.flatnonzero((array < 0) | (array != np.round(array)))
    if bad.size:
        raise InputError(f"{name} holds {array[bad[0]]:g} at place {bad[0] + 1}; give whole numbers of 0 or more.")
    return array


def labels(given: Sequence[Any] | np.ndarray, name: str, rows: int) -> np.ndarray:
    """One label a row, as an array."""
    array = np.asarray(list(given))
    if array.ndim != 1 or array.size != rows:
        raise InputError(f"{name} has shape {array.shape}; give one label for each of the {rows} rows.")
    return array


def alike(**arrays: np.ndarray) -> None:
    """Refuse arrays that are not of one length."""
    sizes = {name: len(array) for name, array in arrays.items()}
    if len(set(sizes.values())) > 1:
        said = ", ".join(f"{name} {size}" for name, size in sizes.items())
        raise InputError(f"Lengths differ ({said}); give one number of each for every row.")


def share(given: float, name: str, closed: bool = False) -> float:
    """A number between 0 and 1, the ends left out unless `closed`."""
    number = real(given, name)
    if not (0 <= number <= 1 if closed else 0 < number < 1):
        ends = "from 0 to 1" if closed else "between 0 and 1, the ends left out"
        raise InputError(f"{name} is {shown(given)}; give a number {ends}.")
    return number


def real(given: float, name: str) -> float:
    """One finite number."""
    try:
        number = float(given)
    except (TypeError, ValueError):
        raise InputError(f"{name} is {shown(given)}; give a number.") from None
    if not np.isfinite(number):
        raise InputError(f"{name} is {number}; give a finite number.")
    return number


def above(given: float, name: str, floor: float = 0.0) -> float:
    """One finite number above `floor`."""
    number = real(given, name)
    if number <= floor:
        raise InputError(f"{name} is {number:g}; give a number above {floor:g}.")
    return number


def whole(given: float, name: str, least: int = 1) -> int:
    """One whole number of `least` or more."""
    number = real(given, name)
    if number != round(number) or number < least:
        raise InputError(f"{name} is {shown(given)}; give a whole number of {least} or more.")
    return int(number)


def one_of(given: str, known: Iterable[str], name: str) -> str:
    """A name among those known."""
    names = list(known)
    if given not in names:
        raise InputError(f"{name} {given!r} is unknown{nearest(str(given), names)}; write one of {', '.join(names)}.")
    return given
