"""What of a treatment is varied when the best one is looked for, and over which values.

What: `axes` reads words like "dose,repeat_interval,volume=1..3" against a case and lays values over each range, as many
as the runs allow; `changed` is the treatment with such values in place of its own.
Law: doses even on the logarithm, intervals of repeats even on the logarithm in whole months, after "once" (0); all
else even.
Why these ranges: those of the evidence where nobody says otherwise, but doses go on beyond what was ever given, for
the question is where more becomes too much.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pulposus import evidence
from pulposus.errors import InputError, nearest
from pulposus.therapies import protocol

if TYPE_CHECKING:
    from pulposus.case import Case
    from pulposus.therapies.protocol import Treatment

BEYOND = 8  # maths: times the highest dose that was tabled, where nobody says how far to look
ONCE = 0.0
_MILLION = 1e6  # maths: a number in words
_SOONEST = 3  # maths: months between doses, where nobody says; a quarter of a year, when trials look
# Name -> words, unit, most values, weight when values are shared out among the axes.
_KNOWN = {
    "dose": ("dose", "", 12, 2.0),  # maths: values of an axis
    "repeat_interval": ("months between doses", "months", 6, 1.0),  # maths: values of an axis
    "volume": ("volume", "mL", 6, 1.0),  # maths: values of an axis
    "viability": ("share of cells alive", "1", 6, 1.0),  # maths: values of an axis
    "passage": ("passages in culture", "1", 6, 1.0),  # maths: values of an axis
}
NAMES = tuple(_KNOWN)
_ROWS = {name: f"{name}_default" for name in ("dose", "volume", "viability", "passage")}


@dataclass(frozen=True)
class Axis:
    """One thing that is varied: its name, words and unit, its values, and how they lie ("log", "even" or "whole")."""

    name: str
    words: str
    unit: str
    law: str
    values: tuple[float, ...]

    @property
    def smooth(self) -> bool:
        """True where values between those that were tried make sense, and a gradient can be followed."""
        return self.law != "whole"

    def share(self, value: float) -> float:
        """Where a value lies between the ends, 0 to 1, on the law of the axis."""
        low, high = self.values[0], self.values[-1]
        return math.log(value / low) / math.log(high / low) if self.law == "log" else (value - low) / (high - low)

    def at(self, share: float) -> float:
        """The value at a share of the range."""
        low, high = self.values[0], self.values[-1]
        return float(low * (high / low) ** share if self.law == "log" else low + (high - low) * share)

    def said(self, value: float) -> str:
        """A value in words: 54.3 million cells, 1 mL, once, again after 6 months."""
        if self.name == "repeat_interval":
            return "once" if value == ONCE else f"again after {value:g} months"
        if self.name == "dose" and value >= _MILLION:
            return f"{value / _MILLION:.3g} million {self.unit}"
        return f"{value:.3g} {self.unit}" if self.unit != "1" else f"{self.words} {value:.3g}"


def axes(case: Case, vary: str, at: float, most: int) -> tuple[Axis, ...]:
    """The axes that `vary` names, with at most `most` points on their grid, in the order of the program.

    Raises InputError for a case without exactly one treatment, an unknown name, and a range that cannot be.
    """
    case.refuse_options("The search for the best treatment")
    if len(case.treatments) != 1:
        has = f"{len(case.treatments)} treatments" if case.treatments else "no treatment"
        raise InputError(f"The case has {has}, and one is varied at a time; give a case with one treatment.")
    treatment = case.treatments[0]
    spans = {name: _span(name, given, treatment, at) for name, given in _asked(vary).items()}
    fewest = 2 ** len(spans)
    if most < fewest:
        raise InputError(
            f"The runs are too few: {fewest} points are the least for {', '.join(spans)}; give more with --runs, or "
            "fewer --draws."
        )
    counts = _shared_out(spans, most)
    made = tuple(_axis(name, *spans[name], counts[name], treatment) for name in _KNOWN if name in spans)
    for ends in itertools.product(*((axis.values[0], axis.values[-1]) for axis in made)):
        last = changed(treatment, dict(zip((a.name for a in made), ends, strict=True))).months[-1]
        if last >= at:
            raise InputError(
                f"A dose at month {last:g} comes too late to be seen at month {at:g}; write for example "
                f"repeat_interval={_SOONEST}..{max((at - treatment.month) / 2, _SOONEST):g}."
            )
    return made


def _asked(vary: str) -> dict[str, tuple[float, float] | None]:
    """Name -> range, or nothing where none was said."""
    found: dict[str, tuple[float, float] | None] = {}
    for part in (word.strip() for word in vary.split(",")):
        name, said, span = part.partition("=")
        name = name.strip()
        if name not in _KNOWN:
            raise InputError(
                f"--vary {name!r} is no part of a treatment{nearest(name, _KNOWN)}; choose from {', '.join(_KNOWN)}."
            )
        if name in found:
            raise InputError(f"--vary names {name} twice; write it once.")
        found[name] = _range(name, span) if said else None
    return found


def _range(name: str, text: str) -> tuple[float, float]:
    match = re.fullmatch(r"\s*(\S+?)\s*\.\.\s*(\S+?)\s*", text)
    if not match:
        raise InputError(f"--vary {name}={text} is no range; write for example {name}=1..3.")
    low, high = protocol.number(match[1]), protocol.number(match[2])
    if not 0 < low < high:
        raise InputError(f"--vary {name}={text} is not possible; give two numbers above zero, the smaller one first.")
    return low, high


def _span(name: str, given: tuple[float, float] | None, treatment: Treatment, at: float) -> tuple[float, float]:
    """The ends of an axis: as given, or of the product's rows, or up to what can still be seen at month `at`."""
    if given:
        return given
    if name in _ROWS:
        row = evidence.product(treatment.product)[_ROWS[name]]
        low, high = max(row.low, 1.0) if name == "passage" else row.low, row.high
        if name == "dose" and evidence.product(treatment.product)["dose_unit"].text != protocol.VOLUME:
            high *= BEYOND
        if not low < high:
            raise InputError(
                f"The evidence gives {treatment.product} no range of {name}; give one, for example {name}=1..3."
            )
        return low, high
    high = (at - treatment.month) / (max(treatment.repeats, 1) + 1)
    if high < _SOONEST:
        raise InputError(f"Month {at:g} is too soon to see a repeat; give a later month, or leave repeat_interval out.")
    return float(min(_SOONEST, high)), high


def _shared_out(spans: Mapping[str, object], most: int) -> dict[str, int]:
    """How many values each axis gets: one more for whichever has fewest for its weight, while the grid fits."""
    counts = dict.fromkeys(spans, 2)
    while True:
        order = sorted(counts, key=lambda name: counts[name] / _KNOWN[name][3])
        for name in order:
            tried = counts | {name: counts[name] + 1}
            if tried[name] <= _KNOWN[name][2] and math.prod(tried.values()) <= most:
                counts = tried
                break
        else:
            return counts


def _axis(name: str, low: float, high: float, count: int, treatment: Treatment) -> Axis:
    words, unit, _, _ = _KNOWN[name]
    if name == "dose":
        unit = evidence.product(treatment.product)["dose_unit"].text
        return Axis(name, words, unit, "log", _rounded(np.geomspace(low, high, count)))
    if name == "repeat_interval":
        months = [math.sqrt(low * high)] if count == 2 else np.geomspace(low, high, count - 1)
        return Axis(name, words, unit, "whole", (ONCE, *dict.fromkeys(float(round(m)) for m in months)))
    if name == "passage":
        whole = dict.fromkeys(float(round(p)) for p in np.linspace(low, high, count))
        return Axis(name, words, unit, "whole", tuple(whole))
    return Axis(name, words, unit, "even", _rounded(np.linspace(low, high, count)))


def _rounded(values: np.ndarray) -> tuple[float, ...]:
    """Ends as they are, values between them in three figures, as a person would write them."""
    inner = [float(f"{v:.3g}") for v in values[1:-1]]
    return (float(values[0]), *inner, float(values[-1]))


def changed(treatment: Treatment, point: Mapping[str, float]) -> Treatment:
    """The treatment with the values of a point. Raises InputError where no treatment can be like that."""
    fields = {
        "product": treatment.product,
        "origin": treatment.origin,
        "dose": point.get("dose", treatment.dose),
        "viability": point.get("viability", treatment.viability),
        "passage": int(point.get("passage", treatment.passage)),
        "volume": point.get("volume", treatment.volume_mL),
        "carrier": treatment.carrier,
        "site": treatment.site,
        "month": treatment.month,
    }
    every = point.get("repeat_interval", treatment.every_months)
    repeats = treatment.repeats if "repeat_interval" not in point else max(treatment.repeats, 1) if every else 0
    return protocol.fill(**fields, repeats=repeats, every_months=every if repeats else None)  # type: ignore[arg-type]


def own(treatment: Treatment, named: Sequence[Axis]) -> dict[str, float]:
    """The point at which the treatment stands as it was written."""
    values = {
        "dose": treatment.dose,
        "volume": treatment.volume_mL,
        "viability": treatment.viability,
        "passage": float(treatment.passage),
        "repeat_interval": treatment.every_months if treatment.repeats else ONCE,
    }
    return {axis.name: values[axis.name] for axis in named}
