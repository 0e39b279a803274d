"""Scores that people report: their ends, what change is important, and how one follows from others.

What: `score` gives a score of ``evidence/scores.csv``; `NdiRaw` and `NdiPercent` (`OdiRaw`, `OdiPercent`) are the two
ways in which an index of disability is written, which never mix; `eq5d` is the published mapping of lumbar scores to
utility, `sf36_pcs` that of disability to the physical component of SF-36.
Equations: ``EQ-5D = a + b ODI + c leg + d back`` (leg and back of ten), with what is left over in a person.
Reads: scores from 0 to 100. Writes: nothing. Errors: `InputError`, one sentence.
Why this holds: the mapping explains 61 % of the variance in people with degeneration of the loin; for the neck no
coefficients were found, and none are made up.
Source: Carreon 2013; thresholds in ``evidence/scores.csv``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pulposus import evidence
from pulposus.errors import InputError, nearest
from pulposus.evidence.reading import figure, one_of, placed

_RAW, _WHOLE = 50.0, 100.0  # maths: ends of the neck disability index, in points and in percent
_TEN = 10.0  # maths: points of ten from a scale of 0 to 100


@dataclass(frozen=True)
class Score:
    """A score: its ends, which way is better, and the least change that matters to people."""

    name: str
    title: str
    low: float
    high: float
    better: str
    important_change: float
    source: str
    note: str

    def held(self, value: float | str) -> float:
        """A value of this score. Raises InputError for what is no number, or beyond its ends."""
        try:
            number = float(value)
        except (TypeError, ValueError):
            raise InputError(
                f"{value!r} is no {self.title}; give a number from {self.low:g} to {self.high:g}."
            ) from None
        if not self.low <= number <= self.high:
            raise InputError(f"{self.title} of {value} is not possible; it goes from {self.low:g} to {self.high:g}.")
        return number


@cache
def _scores(folder: Path = evidence.FOLDER) -> dict[str, Score]:
    """Rows of ``evidence/scores.csv``. Raises EvidenceError naming file and line."""
    found = dict[str, Score]()
    for where, row in placed("scores.csv", folder):
        one_of(where, "better", row["better"], ("lower", "higher"))
        low, high, change = (figure(where, row, name) for name in ("low", "high", "important_change"))
        told = (row["better"], change, row["source"], row["note"])
        found[row["name"]] = Score(row["name"], row["title"], low, high, *told)
    return found


def scores() -> list[str]:
    """Names of all scores."""
    return list(_scores())


def score(name: str) -> Score:
    """A score by its name. Raises InputError with the nearest name."""
    if name not in _scores():
        raise InputError(f"Unknown score {name!r}{nearest(name, _scores())}; choose among {', '.join(_scores())}.")
    return _scores()[name]


class NdiRaw(NamedTuple):
    """Neck disability index in points of 50, a number or an array."""

    points: float | np.ndarray

    def percent(self) -> NdiPercent:
        """The same in percent."""
        return NdiPercent(self.points * _WHOLE / _RAW)


class NdiPercent(NamedTuple):
    """Neck disability index in percent, a number or an array."""

    share: float | np.ndarray

    def raw(self) -> NdiRaw:
        """The same in points of 50."""
        return NdiRaw(self.share * _RAW / _WHOLE)


class OdiRaw(NamedTuple):
    """Oswestry disability index in points of 50, a number or an array."""

    points: float | np.ndarray

    def percent(self) -> OdiPercent:
        """The same in percent."""
        return OdiPercent(self.points * _WHOLE / _RAW)


class OdiPercent(NamedTuple):
    """Oswestry disability index in percent, a number or an array."""

    share: float | np.ndarray

    def raw(self) -> OdiRaw:
        """The same in points of 50."""
        return OdiRaw(self.share * _RAW / _WHOLE)


def ndi(text: str) -> NdiPercent:
    """A neck disability index from "18/50" or "36 %". Raises InputError for a bare number, which could be either."""
    given = text.replace(" ", "") if isinstance(text, str) else ""
    for end, whole, kind in (("/50", _RAW, NdiRaw), ("%", _WHOLE, NdiPercent)):
        if given.endswith(end):
            try:
                number = float(given.removesuffix(end))
            except ValueError:
                break
            if not 0 <= number <= whole:
                raise InputError(f"A neck disability index of {text!r} is not possible; it goes from 0 to {whole:g}.")
            found = kind(number)
            return found.percent() if isinstance(found, NdiRaw) else found
    raise InputError(
        f"{text!r} is no neck disability index; write '18/50' or '36 %', since a bare number could be either."
    )


def eq5d(odi: np.ndarray | float, leg: np.ndarray | float, back: np.ndarray | float) -> np.ndarray:
    """EQ-5D utility expected of ODI (percent), leg and back pain (0 to 100); within the ends of the score."""
    ends, part = score("eq5d"), {name: evidence.outcome(f"eq5d_{name}").value for name in _EQ5D}
    utility = part["intercept"] + part["per_odi"] * np.asarray(odi, float)
    utility = (
        utility + part["per_leg"] * np.asarray(leg, float) / _TEN + part["per_back"] * np.asarray(back, float) / _TEN
    )
    return np.clip(utility, ends.low, ends.high)


_EQ5D = ("intercept", "per_odi", "per_leg", "per_back")


def sf36_pcs(disability: np.ndarray | float) -> np.ndarray:
    """SF-36 physical component expected of ODI or NDI (percent), within the ends of the score."""
    ends = score("sf36_pcs")
    at_none, slope = (evidence.outcome(f"sf36_pcs_{part}").value for part in ("at_none", "per_disability"))
    return np.clip(at_none + slope * np.asarray(disability, float), ends.low, ends.high)
