"""People under ways of care, as quality-adjusted years and as what was bought: patient by patient.

What: `lived` follows people under one way (`care.follow`), groups of them sharing what is not known, and adds up in
each year what counts: years lived, utility lost, events by grade, recovery, procedures, care, operations that follow.
`states` says where each person is at each visit, for a chain.
Equations: utility is that of `utility_of` (EQ-5D from ODI, leg and back pain), straight between visits; alive with
S(t) = exp(-∫ h), h = h_40 2^((age - 40) / D); discounted by `money`. An event of a grade is discounted at its month,
and its loss lasts until half are rid of it, or to the end.
Reads: `care`, `safety`, ``evidence/economics.csv``. Writes: nothing.
Why this holds: everything is linear in prices and in losses of utility, so that each draw of them is a sum, and a price
raised by one raises the cost by what was bought.
Source: `care`; Carreon 2013 for the line from scores to EQ-5D.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from pulposus import care
from pulposus.care import Course, People, Step
from pulposus.economics.money import Rates, between, factor
from pulposus.errors import InputError
from pulposus.evidence import economy, options
from pulposus.outcomes import scores

MONTHS = 12.0  # maths: of a year
GRADES = (1, 2, 3, 4, 5)  # maths: of adverse events, as CTCAE counts them
ASSUMPTIONS = ("neck_as_back",)
STATES = ("not better", "better", "operated")
OPERATIONS = ("conversion_to_surgery", "reoperation", "adjacent_disease")
_DAYS = 365.25  # maths: of a year
_EARLY = (0.0, 1.0, 3.0, 6.0)  # maths: months of the first half year at which people are looked at
_FORTY = 40.0  # maths: the age at which mortality is told
_LONGEST = 10  # maths: years that this is asked for
Shared = Callable[[str], tuple[np.ndarray, np.ndarray]]


def checked_years(years: float) -> int:
    """Whole years from one to ten. Raises InputError."""
    if years != int(years) or not 1 <= years <= _LONGEST:
        raise InputError(f"A horizon of {years:g} years is not possible; give whole years from 1 to {_LONGEST}.")
    return int(years)


def visits(years: int) -> np.ndarray:
    """Months at which people are looked at: often at first, then twice a year, then once."""
    later = [m for m in range(12, 12 * years + 1) if m % (6 if m <= 24 else 12) == 0]  # maths: months of visits
    return np.array([*_EARLY, *later], float)


def utility_of(course: Course, assume: str = "", without: bool = False) -> np.ndarray:
    """Utility (person, visit), `without`: of those who only believe. For the neck none was read: InputError, unless it
    is assumed to be that of the back.
    """
    if assume and assume not in ASSUMPTIONS:
        raise InputError(f"Unknown assumption {assume!r}; write {' or '.join(ASSUMPTIONS)}.")
    if course.people.region == "cervical" and assume != "neck_as_back":
        raise InputError(
            "EQ-5D of the neck cannot be told: no coefficients from NDI to it were read; write --assume neck_as_back "
            "to take those of the lumbar spine, with NDI for ODI and the arm for the leg."
        )
    return scores.eq5d(*(course_scores(course, without)[name] for name in ("disability", "limb", "pain")))


def course_scores(course: Course, without: bool = False) -> Mapping[str, np.ndarray]:
    """Scores of a course, or of the same people who believe that they get the treatment and get nothing of it."""
    return course.without if without else {name: getattr(course, name) for name in care.SCORES}


def survival(years: np.ndarray, age: float) -> np.ndarray:
    """Share alive `years` from an age on, of any cause."""
    start, double = economy.of("mortality_at_40").value, economy.of("mortality_doubling").value
    b = math.log(2) / double
    at_age = start * math.exp(b * (age - _FORTY))
    return np.asarray(np.exp(-at_age * np.expm1(b * np.asarray(years, float)) / b))


@dataclass(frozen=True)
class Ledger:
    """What people of each draw lived and bought on average in each year: (draw, year), with a last axis where named.

    alive, lost and own (utility that the treatment itself brings, beyond belief in it), event_loss (grade) and recovery
    are discounted as effects; bought (step), going_on (step), unhelped, better, events (grade) and operations as costs.
    `course` is the whole of it.
    """

    steps: tuple[Step, ...]
    alive: np.ndarray
    lost: np.ndarray
    own: np.ndarray
    event_loss: np.ndarray
    recovery: np.ndarray
    bought: np.ndarray
    going_on: np.ndarray
    unhelped: np.ndarray
    better: np.ndarray
    events: np.ndarray
    operations: np.ndarray
    course: Course

    def again(self, times: int) -> Ledger:
        """The same draws so many times after one another, so that each meets other prices and losses."""
        more: dict[str, Any] = {
            one.name: np.concatenate([getattr(self, one.name)] * times)
            for one in fields(self)
            if isinstance(getattr(self, one.name), np.ndarray)
        }
        return replace(self, **more)


def lived(
    people: People,
    way: Sequence[Step | tuple],
    years: int,
    rates: Rates,
    age: float,
    seed: int = 0,
    draws: np.ndarray | None = None,
    shared: Shared | None = None,
    assume: str = "",
) -> Ledger:
    """People under a way for whole years. draws: which draw of the law each person has, which also groups them.

    shared: as `care.follow` takes it. Raises InputError for years, and for the neck without an assumption.
    """
    months = visits(checked_years(years))
    course = care.follow(np.random.default_rng(seed), people, way, list(months), draws=draws, shared=shared, brief=True)
    group = np.zeros(people.pain.size, int) if draws is None else np.asarray(draws)
    at, alive = months / MONTHS, survival(months / MONTHS, age)
    ends = np.searchsorted(at, np.arange(1, years + 1)) - 1  # interval that ends with each year

    def yearly(values: np.ndarray, rate: float) -> np.ndarray:
        areas = np.add.reduceat(between(at, values, rate), np.concatenate([[0], ends[:-1] + 1]), axis=-1)
        return _by_group(areas, group)

    utility, better = utility_of(course, assume), course.better().astype(float)
    bought, going_on, recovery = _purchases(course, at, rates, age, group, yearly)
    events, event_loss, operations = _harm(course, years, rates, age, group)
    return Ledger(
        course.steps,
        yearly(np.broadcast_to(alive, utility.shape), rates.effects),
        yearly((1 - utility) * alive, rates.effects),
        yearly((utility - utility_of(course, assume, without=True)) * alive, rates.effects),
        event_loss,
        recovery,
        bought,
        going_on,
        yearly((1 - better) * alive, rates.costs),
        yearly(better * alive, rates.costs),
        events,
        operations,
        course,
    )


def _by_group(values: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Mean over the people of each group (group, ...)."""
    sums = np.zeros((group.max() + 1, *values.shape[1:]))
    np.add.at(sums, group, values)
    return sums / np.bincount(group).reshape(-1, *[1] * (values.ndim - 1))


def _purchases(
    course: Course,
    at: np.ndarray,
    rates: Rates,
    age: float,
    group: np.ndarray,
    yearly: Callable[[np.ndarray, float], np.ndarray],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Procedures bought, years of what goes on, and years of recovery: (draw, year, step), (draw, year, step), (draw,
    year).
    """
    years, people = round(at[-1]), course.people.pain.size
    bought = np.zeros((people, years, len(course.steps)))
    recovery = np.zeros((people, years))
    steady = []
    for k, one in enumerate(course.steps):
        when = one.month / MONTHS
        year, alive = min(int(when), years - 1), float(survival(np.array(when), age))
        bought[course.taken[k], year, k] = alive * float(factor(when, rates.costs))
        weeks = options.option(one.option).recovery_weeks
        recovery[course.taken[k], year] += alive * float(factor(when, rates.effects)) * weeks * _WEEK / _DAYS
        on = np.where(at >= when, survival(at, age), 0.0)
        steady.append(yearly(course.taken[k][:, None] * on, rates.costs))
    return _by_group(bought, group), np.stack(steady, -1), _by_group(recovery, group)


_WEEK = 7.0  # maths: days of a week


def _harm(
    course: Course, years: int, rates: Rates, age: float, group: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Events by grade, what they take (years, by grade), and operations that follow: discounted, (draw, year, ...)."""
    table = course.events
    shape = (group.max() + 1, years)
    counts, losses, operations = (np.zeros((*shape, *more)) for more in ((len(GRADES),), (len(GRADES),), ()))
    if not len(table):
        return counts, losses, operations
    when = table["month"].to_numpy(float) / MONTHS
    until = np.minimum(np.nan_to_num(table["resolves"].to_numpy(float) / MONTHS, nan=float(years)), float(years))
    seen = when < years
    who, year = group[table["person"].to_numpy(int)], np.minimum(when.astype(int), years - 1)
    operated = table["event"].isin(OPERATIONS).to_numpy()
    alive = survival(when, age)
    grade = np.clip(table["grade"].to_numpy(int), GRADES[0], GRADES[-1]) - 1
    spend, gain = alive * factor(when, rates.costs), alive * factor(when, rates.effects)
    lasts = np.maximum(until - when, 0.0)
    size = np.bincount(group)
    plain = seen & ~operated
    np.add.at(counts, (who[plain], year[plain], grade[plain]), spend[plain])
    np.add.at(losses, (who[plain], year[plain], grade[plain]), (gain * lasts)[plain])
    np.add.at(operations, (who[seen & operated], year[seen & operated]), spend[seen & operated])
    return counts / size[:, None, None], losses / size[:, None, None], operations / size[:, None]


def states(course: Course) -> np.ndarray:
    """Where each person is at each visit (person, visit): a place in `STATES`; who was operated later stays so."""
    found = course.better().astype(int)
    table = course.events
    if len(table):
        later = table[table["event"].isin(OPERATIONS)].groupby("person")["month"].min()
        first = np.full(course.people.pain.size, np.inf)
        first[later.index.to_numpy(int)] = later.to_numpy(float)
        found[course.months[None, :] >= first[:, None]] = STATES.index("operated")
    return found
