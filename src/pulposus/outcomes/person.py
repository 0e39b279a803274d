"""Scores of people over time, and why each of them fell.

What: `follow` gives pain, disability and, where it is told apart, limb pain of people at visits after something was
done; `why` splits the mean change of such people into named parts: regression to the mean, natural course, worsening of
those who know that they got nothing, expectation and procedure, the treatment itself, and what the ends of the scale
and chance leave over.
Equations: those of `response`, for one person: what is left over is ``sqrt(r (1 - r)) s`` for good (that a person's
usual level is not what the start said) and ``sqrt(1 - r) s`` anew at each visit, so that any two visits correlate by r;
scores of one person share a part of it (``residual_tie``). Parts come one after the other in the order above, with the
same chance for every person (common random numbers), so that they add up to the whole.
Reads: draws of ``evidence/responses_*.csv``; numbers that no trial tells of, from the range of their row in
``outcomes.csv``. Writes: nothing.
Why this holds: as `response`; a person responds to what was done or does not, and to the treatment where they would not
have responded without; who responds does so in back or neck and limb alike.
Source: `response`.

One pain or two: `pain` alone is the leading pain of a population, of back or neck in chronic people, of leg or arm in
radicular ones. With `limb`, `pain` is of back or neck and `limb` of leg or arm, whoever the people are. Either way
`Followed.axial` and `Followed.limb` say which is which.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pulposus import evidence
from pulposus.errors import InputError, nearest
from pulposus.evidence.reading import figure, placed
from pulposus.evidence.trials import AWARE, PROCEDURES, REGIONS
from pulposus.outcomes.chance import ByPerson
from pulposus.outcomes.response import TOP, Parts

if TYPE_CHECKING:
    import pandas as pd

POPULATIONS = {"lumbar": ("chronic", "radicular"), "cervical": ("chronic", "radicular")}
# (natural course, usual level) of pain of back or neck, of leg or arm, and of disability: names in outcomes.csv
_NUMBERS = {
    ("lumbar", "chronic", "axial"): ("lumbar_course_pain", "lumbar_typical_pain"),
    ("lumbar", "chronic", "limb"): ("chronic_course_limb", "chronic_typical_limb"),
    ("lumbar", "radicular", "axial"): ("radicular_course_back", "lumbar_typical_pain"),
    ("lumbar", "radicular", "limb"): ("radicular_course_limb", "lumbar_typical_limb"),
    ("cervical", "chronic", "axial"): ("neck_course_pain", "cervical_typical_pain"),
    ("cervical", "chronic", "limb"): ("chronic_course_limb", "chronic_typical_limb"),
    ("cervical", "radicular", "axial"): ("radicular_course_neck", "cervical_typical_pain"),
    ("cervical", "radicular", "limb"): ("radicular_course_limb", "cervical_typical_limb"),
    **{
        (region, population, "disability"): (f"{population}_course_disability", f"{region}_typical_disability")
        for region in REGIONS
        for population in ("chronic", "radicular")
    },
}
_SCORES = ("pain", "disability", "limb")
_NINE_TENTHS = 3.29  # maths: standard deviations between the 5th and the 95th percent of a normal
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
    """Scores of people at visits (person, visit), 0 to 100, at start (person,), and who responded (person, visit).

    `limb` is None where only pain of back or neck was followed, and `axial` where only that of a limb was.
    """

    months: np.ndarray
    pain_start: np.ndarray
    disability_start: np.ndarray
    pain: np.ndarray
    disability: np.ndarray
    responds: np.ndarray
    limb_start: np.ndarray | None = None
    limb: np.ndarray | None = None
    pain_is: str = "axial"

    @property
    def axial(self) -> np.ndarray | None:
        """Pain of back or neck at visits."""
        return self.pain if self.pain_is == "axial" else None

    @property
    def axial_start(self) -> np.ndarray | None:
        """Pain of back or neck at start."""
        return self.pain_start if self.pain_is == "axial" else None


@cache
def responses(region: str, folder: Path = evidence.FOLDER) -> tuple[tuple[str, ...], np.ndarray]:
    """Names of numbers and their draws (draw, name) as trials leave them possible."""
    if region not in REGIONS:
        raise InputError(f"Unknown region {region!r}{nearest(region, REGIONS)}; write one of {', '.join(REGIONS)}.")
    rows = placed(f"responses_{region}.csv", folder)
    names = tuple(rows[0][1])
    return names, np.array([[figure(where, row, name) for name in names] for where, row in rows])


def treatments(region: str) -> list[str]:
    """Treatments of which trials of a region tell."""
    return [name.removeprefix("treatment ") for name in responses(region)[0] if name.startswith("treatment ")]


def leading(population: str) -> str:
    """Which pain leads in a population: axial (of back or neck) or limb."""
    return "limb" if population == "radicular" else "axial"


@cache
def drawn(region: str, name: str) -> np.ndarray:
    """Draws of a number: as trials leave it possible, or over the range of its row where no trial tells of it."""
    names, rows = responses(region)
    if name in names:
        return rows[:, names.index(name)]
    row = evidence.outcome(name)
    chance = np.random.default_rng(zlib.crc32(name.encode()))
    return row.value + (row.high - row.low) / _NINE_TENTHS * chance.standard_normal(len(rows))


class Fate(NamedTuple):
    """What chance gives each person, so that arms, and parts, can be told apart on the same people.

    usual (4, person) and visit (4, person, visit): standard normal, first what scores of a person share, then each
    score's own, in the order pain, disability, limb. responds (person,): uniform. draws (person,): which draw of the
    numbers is each person's.
    """

    usual: np.ndarray
    visit: np.ndarray
    responds: np.ndarray
    draws: np.ndarray

    @classmethod
    def of(cls, random: np.random.Generator, region: str, count: int, visits: int) -> Fate:
        """Of `count` people at so many visits, from a generator: it differs with the number of people."""
        chosen = random.integers(len(responses(region)[1]), size=count)
        return cls._made(random, count, visits, chosen)

    @classmethod
    def _made(cls, random: np.random.Generator, count: int, visits: int, chosen: np.ndarray) -> Fate:
        each = 1 + len(_SCORES)
        usual, visit = (random.standard_normal(shape) for shape in ((each, count), (each, count, visits)))
        return cls(usual, visit, random.random(count), chosen)

    @classmethod
    def by_person(cls, seed: int, numbers: np.ndarray | Sequence[int], region: str, visits: int) -> Fate:
        """Of people by their numbers: the same for a seed, a number and a visit's place, whoever else is there."""
        each, chance = 1 + len(_SCORES), ByPerson(seed, numbers, "law of responses")
        count = len(chance.numbers)
        chosen, responds = chance.integers(len(responses(region)[1]), count), chance.random(count)
        usual = chance.standard_normal((count, each)).T
        # a table for each visit, so that one more moves none of the others
        visit = [chance.standard_normal((count, each)).T for _ in range(visits)]
        return cls(usual, np.stack(visit, -1) if visit else np.empty((each, count, 0)), responds, chosen)


def follow(
    random: np.random.Generator | Fate,
    given: Given,
    pain: np.ndarray,
    disability: np.ndarray,
    months: Sequence[float] | np.ndarray,
    parts: Parts = Parts(),
    draws: np.ndarray | None = None,
    place: float | np.ndarray = 0.0,
    shift: Mapping[str, np.ndarray] | None = None,
    limb: np.ndarray | None = None,
    logit: float | np.ndarray = 0.0,
) -> Followed:
    """Scores of people who start with these (person,), at months after what was done.

    random: a generator, or the fate of each person. months: (visit,), or each person's own (person, visit). draws:
    which draw of the numbers is each person's (person,); one at random where none is given. place: of their trial, as a
    logit. shift: points by which something moves `pain`, `disability` and `limb` (person, visit) beyond all parts, down
    where negative. limb: pain of leg or arm at start; `pain` is then of back or neck, and without it the leading pain
    of the population. logit: what else moves the logit of responding ((person,) or (person, visit)), counted with the
    treatment (`symptoms.join`). Raises InputError for scores beyond 0 and 100.
    """
    starts = {"pain": np.asarray(pain, float), "disability": np.asarray(disability, float)}
    if limb is not None:
        starts["limb"] = np.asarray(limb, float)
    for name, start in starts.items():
        if start.size and not (start.min() >= 0 and start.max() <= TOP):
            raise InputError(
                f"A {name} of {start.min():g} to {start.max():g} is not possible; give scores of 0 to {TOP:g}."
            )
    for name in shift or {}:
        if name not in starts:
            raise InputError(
                f"A shift of {name!r}{nearest(name, starts)} has nobody to move; shift one of {', '.join(starts)}."
            )
    count, times = starts["pain"].size, np.asarray(months, float)
    if isinstance(random, Fate):
        chance = random if draws is None else random._replace(draws=np.asarray(draws))
    elif draws is None:
        chance = Fate.of(random, given.region, count, times.shape[-1])
    else:
        chance = Fate._made(random, count, times.shape[-1], np.asarray(draws))
    own = np.broadcast_to(place, (count,))
    return _lived(given, starts, times, parts, chance, own, shift or {}, np.asarray(logit, float))


class _Numbers:
    """Numbers by name, each person's own draw (person,)."""

    def __init__(self, region: str, chosen: np.ndarray) -> None:
        self.region, self.chosen = region, chosen

    def __getitem__(self, name: str) -> np.ndarray:
        return drawn(self.region, name)[self.chosen]


def _lived(
    given: Given,
    starts: Mapping[str, np.ndarray],
    months: np.ndarray,
    parts: Parts,
    chance: Fate,
    place: np.ndarray,
    shift: Mapping[str, np.ndarray],
    logit: np.ndarray,
) -> Followed:
    numbers = _Numbers(given.region, chance.draws)
    responds = chance.responds[:, None] < _chance(given, months, parts, numbers, place, logit)
    grown = 1 - np.exp(-months / numbers["course_time"][:, None])
    pain_is = "axial" if "limb" in starts else leading(given.population)
    tie, found = numbers["residual_tie"], {}
    for name, start in starts.items():
        kind = pain_is if name == "pain" else name
        course, typical = _NUMBERS[given.region, given.population, kind]
        like = "disability" if kind == "disability" else "pain"  # limb pain is as steady as any pain
        stability, spread = numbers[f"{like}_stability"][:, None], numbers[f"{like}_spread"][:, None]
        kept = 1 - (1 - stability) * parts.regression
        usual = numbers[typical][:, None]
        alone = usual + kept * (start[:, None] - usual) - parts.course * numbers[course][:, None] * grown
        if given.aware == "untreated":
            alone = alone + parts.worsening * numbers[f"worsening_{like}"][:, None] * grown
        level = np.maximum(alone, 0) * (1 - responds * numbers[f"{like}_fall"][:, None]) + shift.get(name, 0.0)
        own = 1 + _SCORES.index(name)
        for_good = np.sqrt(tie) * chance.usual[0] + np.sqrt(1 - tie) * chance.usual[own]
        anew = np.sqrt(tie)[:, None] * chance.visit[0] + np.sqrt(1 - tie)[:, None] * chance.visit[own]
        left = np.sqrt(stability * (1 - stability)) * for_good[:, None] + np.sqrt(1 - stability) * anew
        found[name] = np.clip(level + spread * left, 0, TOP)
    limb = "limb" if "limb" in starts else "pain" if pain_is == "limb" else ""
    return Followed(
        months,
        starts["pain"],
        starts["disability"],
        found["pain"],
        found["disability"],
        responds,
        starts.get(limb),
        found.get(limb),
        pain_is,
    )


def _chance(
    given: Given, months: np.ndarray, parts: Parts, numbers: _Numbers, place: np.ndarray, logit: np.ndarray
) -> np.ndarray:
    """Chance of responding (person, visit)."""
    if given.aware == "untreated":
        return np.zeros((place.size, months.shape[-1]))
    base = numbers[f"chance_{given.procedure}"] + place
    if given.aware == "open" and given.treatments:
        base = base + numbers["chance_open"]
    if not given.controlled:
        base = base + numbers["chance_uncontrolled"]
    effect = sum((numbers[f"treatment {name}"] for name in given.treatments), np.zeros_like(base))[:, None]
    effect = effect + (logit if logit.ndim > 1 else np.broadcast_to(logit, base.shape)[:, None])
    without, both = 1 / (1 + np.exp(-base[:, None])), 1 / (1 + np.exp(-base[:, None] - parts.treatment * effect))
    share = both if parts.expectation else np.maximum(both - without, 0)
    comes = 1 - np.exp(-months / numbers["response_time"][:, None])
    return share * comes * np.exp(-numbers["response_loss"][:, None] * months)


def why(
    random: np.random.Generator,
    given: Given,
    pain: np.ndarray,
    disability: np.ndarray,
    month: float,
    limb: np.ndarray | None = None,
) -> pd.DataFrame:
    """Mean change of pain, disability (and limb pain where given) at a month, and how much of it each part is.

    Rows: the ends of the scale, `ORDER`, the whole last. `pain` and `limb` as in `follow`.
    """
    import pandas as pd

    seed = random.integers(2**32)
    starts = {"pain": pain, "disability": disability} | ({} if limb is None else {"limb": limb})

    def mean(parts: Parts) -> dict[str, float]:
        lived = follow(np.random.default_rng(seed), given, pain, disability, [month], parts, limb=limb)
        return {name: float(getattr(lived, name).mean()) for name in starts}

    first = {name: float(np.mean(start)) for name, start in starts.items()}
    off = dict.fromkeys(ORDER, 0.0)
    last, rows = mean(Parts(**off)), list[dict[str, str | float]]()
    rows.append({"part": "ends of the scale", **{name: last[name] - first[name] for name in starts}})
    for part in ORDER:
        off[part] = 1.0
        now = mean(Parts(**off))
        rows.append({"part": part, **{name: now[name] - last[name] for name in starts}})
        last = now
    rows.append({"part": "whole", **{name: last[name] - first[name] for name in starts}})
    return pd.DataFrame(rows)
