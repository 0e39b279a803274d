"""Scores of people over time, and why each of them fell.

What: `follow` gives pain and disability of people at visits after something was done; `why` splits the mean change of
such people into named parts: regression to the mean, natural course, worsening of those who know that they got nothing,
expectation and procedure, the treatment itself, and what the ends of the scale and chance leave over.
Equations: those of `response`, for one person: what is left over is ``sqrt(r (1 - r)) s`` for good (that a person's
usual level is not what the start said) and ``sqrt(1 - r) s`` anew at each visit, so that any two visits correlate by r.
Parts come one after the other in the order above, with the same chance for every person (common random numbers), so
that they add up to the whole.
Reads: draws of ``evidence/responses_*.csv``. Writes: nothing.
Why this holds: as `response`; a person responds to what was done or does not, and to the treatment where they would not
have responded without.
Source: `response`.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pulposus import evidence
from pulposus.errors import InputError, nearest
from pulposus.evidence.trials import AWARE, PROCEDURES, REGIONS
from pulposus.outcomes.response import TOP, Parts

if TYPE_CHECKING:
    import pandas as pd

POPULATIONS = {"lumbar": ("chronic", "radicular"), "cervical": ("chronic", "radicular")}
_COURSES = {
    ("lumbar", "chronic"): ("lumbar_course_pain", "chronic_course_disability", "lumbar_typical_pain"),
    ("lumbar", "radicular"): ("radicular_course_limb", "radicular_course_disability", "lumbar_typical_limb"),
    ("cervical", "chronic"): ("neck_course_pain", "chronic_course_disability", "cervical_typical_pain"),
    ("cervical", "radicular"): ("radicular_course_limb", "radicular_course_disability", "cervical_typical_limb"),
}
ORDER = ("regression", "course", "worsening", "expectation", "treatment")


@dataclass(frozen=True)
class Given:
    """What is done to people: `procedure` and `aware` as in ``evidence/arms.csv``, treatments by name, new or not."""

    region: str = "lumbar"
    population: str = "chronic"
    procedure: str = "disc"
    aware: str = "blind"
    treatments: tuple[str, ...] = ()
    controlled: bool = True

    def __post_init__(self) -> None:
        for what, value, options in (
            ("region", self.region, REGIONS),
            ("population", self.population, POPULATIONS["lumbar"]),
            ("procedure", self.procedure, PROCEDURES),
            ("awareness", self.aware, AWARE),
        ):
            if value not in options:
                raise InputError(
                    f"Unknown {what} {value!r}{nearest(value, options)}; write one of {', '.join(options)}."
                )
        for name in self.treatments:
            if name not in treatments(self.region):
                near = nearest(name, treatments(self.region))
                raise InputError(
                    f"No trial of the {self.region} spine tells of {name!r}{near}; see `pulposus trial list`."
                )


class Followed(NamedTuple):
    """Scores of people at visits (person, visit), 0 to 100, at start (person,), and who responded (person, visit)."""

    months: np.ndarray
    pain_start: np.ndarray
    disability_start: np.ndarray
    pain: np.ndarray
    disability: np.ndarray
    responds: np.ndarray


@cache
def responses(region: str) -> tuple[tuple[str, ...], np.ndarray]:
    """Names of numbers and their draws (draw, name) as trials leave them possible."""
    if region not in REGIONS:
        raise InputError(f"Unknown region {region!r}{nearest(region, REGIONS)}; write one of {', '.join(REGIONS)}.")
    with (evidence.FOLDER / f"responses_{region}.csv").open(encoding="utf-8", newline="") as stream:
        head, *rows = list(csv.reader(stream))
    return tuple(head), np.array(rows, float)


def treatments(region: str) -> list[str]:
    """Treatments of which trials of a region tell."""
    return [name.removeprefix("treatment ") for name in responses(region)[0] if name.startswith("treatment ")]


class _Fate(NamedTuple):
    """What chance gives each person, so that parts can be told apart on the same people."""

    usual: np.ndarray  # (2, person)
    visit: np.ndarray  # (2, person, visit)
    responds: np.ndarray  # (person,)
    place: np.ndarray  # (person,)


def follow(
    random: np.random.Generator,
    given: Given,
    pain: np.ndarray,
    disability: np.ndarray,
    months: Sequence[float],
    parts: Parts = Parts(),
    draws: np.ndarray | None = None,
    place: float | np.ndarray = 0.0,
    shift: Mapping[str, np.ndarray] | None = None,
) -> Followed:
    """Scores of people who start with these (person,), at months after what was done.

    draws: which draw of the numbers is each person's (person,); one at random where none is given. place: of their
    trial, as a logit. shift: points by which something moves `pain` and `disability` (person, visit) beyond all parts,
    down where negative. Raises InputError for scores beyond 0 and 100.
    """
    pain, disability = np.asarray(pain, float), np.asarray(disability, float)
    for name, start in (("pain", pain), ("disability", disability)):
        if start.size and not (start.min() >= 0 and start.max() <= TOP):
            raise InputError(
                f"A {name} of {start.min():g} to {start.max():g} is not possible; give scores of 0 to {TOP:g}."
            )
    chosen = random.integers(len(responses(given.region)[1]), size=pain.size) if draws is None else draws
    times = np.asarray(months, float)
    chance = _Fate(
        random.standard_normal((2, pain.size)),
        random.standard_normal((2, pain.size, times.size)),
        random.random(pain.size),
        np.broadcast_to(place, pain.shape),
    )
    return _lived(given, pain, disability, times, parts, _numbers(given.region, chosen), chance, shift or {})


def _numbers(region: str, chosen: np.ndarray) -> dict[str, np.ndarray]:
    names, rows = responses(region)
    return {name: rows[chosen, i] for i, name in enumerate(names)}


def _lived(
    given: Given,
    pain: np.ndarray,
    disability: np.ndarray,
    months: np.ndarray,
    parts: Parts,
    numbers: Mapping[str, np.ndarray],
    chance: _Fate,
    shift: Mapping[str, np.ndarray],
) -> Followed:
    responds = chance.responds[:, None] < _chance(given, months, parts, numbers, chance.place)
    grown = 1 - np.exp(-months / numbers["course_time"][:, None])
    course_pain, course_disability, typical_pain = _COURSES[given.region, given.population]
    typical = {"pain": typical_pain, "disability": f"{given.region}_typical_disability"}
    course = {"pain": course_pain, "disability": course_disability}
    found = []
    for i, (score, start) in enumerate((("pain", pain), ("disability", disability))):
        stability, spread = numbers[f"{score}_stability"][:, None], numbers[f"{score}_spread"][:, None]
        kept = 1 - (1 - stability) * parts.regression
        usual = numbers[typical[score]][:, None]
        alone = usual + kept * (start[:, None] - usual) - parts.course * numbers[course[score]][:, None] * grown
        if given.aware == "untreated":
            alone = alone + parts.worsening * numbers[f"worsening_{score}"][:, None] * grown
        level = np.maximum(alone, 0) * (1 - responds * numbers[f"{score}_fall"][:, None]) + shift.get(score, 0.0)
        left = np.sqrt(stability * (1 - stability)) * chance.usual[i][:, None]
        left = left + np.sqrt(1 - stability) * chance.visit[i]
        found.append(np.clip(level + spread * left, 0, TOP))
    return Followed(months, pain, disability, found[0], found[1], responds)


def _chance(
    given: Given, months: np.ndarray, parts: Parts, numbers: Mapping[str, np.ndarray], place: np.ndarray
) -> np.ndarray:
    """Chance of responding (person, visit)."""
    if given.aware == "untreated":
        return np.zeros((place.size, months.size))
    base = numbers[f"chance_{given.procedure}"] + place
    if given.aware == "open" and given.treatments:
        base = base + numbers["chance_open"]
    if not given.controlled:
        base = base + numbers["chance_uncontrolled"]
    effect = sum((numbers[f"treatment {name}"] for name in given.treatments), np.zeros_like(base))
    without, both = 1 / (1 + np.exp(-base)), 1 / (1 + np.exp(-base - parts.treatment * effect))
    share = both if parts.expectation else np.maximum(both - without, 0)
    comes = 1 - np.exp(-months / numbers["response_time"][:, None])
    return share[:, None] * comes * np.exp(-numbers["response_loss"][:, None] * months)


def why(
    random: np.random.Generator, given: Given, pain: np.ndarray, disability: np.ndarray, month: float
) -> pd.DataFrame:
    """Mean change of pain and disability at a month, and of how much of it each part is; rows `ORDER`, whole last."""
    import pandas as pd

    seed = random.integers(2**32)
    off, rows, before = dict.fromkeys(ORDER, 0.0), [], (float(np.mean(pain)), float(np.mean(disability)))
    first = follow(np.random.default_rng(seed), given, pain, disability, [month], Parts(**off))
    last = first.pain.mean(), first.disability.mean()
    rows.append({"part": "ends of the scale", "pain": last[0] - before[0], "disability": last[1] - before[1]})
    for part in ORDER:
        off[part] = 1.0
        lived = follow(np.random.default_rng(seed), given, pain, disability, [month], Parts(**off))
        now = lived.pain.mean(), lived.disability.mean()
        rows.append({"part": part, "pain": now[0] - last[0], "disability": now[1] - last[1]})
        last = now
    rows.append({"part": "whole", "pain": last[0] - before[0], "disability": last[1] - before[1]})
    return pd.DataFrame(rows)
