"""Numbers of how discs degenerate in people, fitted to how many are degenerated, and how discs of a person go together.

What: `fit_people` takes level effects, loadings, slope and thresholds of `patients.grades` from the ranges that the
evidence allows until shares of grades, rank correlations between levels and prevalence by age are those of the
calibration rows of ``evidence/margins.csv``; lumbar first, then the neck, which keeps the thresholds.
Equations: chances of grades are summed over ages, weight and the shared number (Gauss-Hermite), given which discs are
independent: joint tables of two discs give Spearman's correlation, a Poisson-binomial the number of degenerated discs.
Least squares weighed by the error of each row; ranges are those of ``(J' J)^-1``, wider where rows disagree.
Reads: `patients.published`, ``evidence/population.csv``. Writes: nothing.
Why this holds: sums over all people have no chance in them, so that the same rows give the same numbers.
Source: van der Graaf 2024, Kanayama 2009, Brinjikji 2015; Mesregah 2022, Oshina 2024, Wada 2018 for the neck.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import least_squares
from scipy.stats import norm

from pulposus import evidence
from pulposus.patients import Who, published
from pulposus.patients.grades import DEGENERATED, GRADES, Law

if TYPE_CHECKING:
    import pandas as pd

FITTED = "fitted by pulposus calibrate --only people; the row above is where it began"
_AGES = np.arange(18.0, 91.0)  # maths: adults, a year each
_NODES = 11  # maths: of the shared number; twice as many move no share by a thousandth
_NEAR = 5.0  # maths: years around an age
_TOLD = 1.645  # maths: standard errors to the ends of nine tenths
_LEAST_ERROR = 0.01  # maths: of a share, however many were counted: people were chosen
_STARTS = 3  # maths: places from which the fit begins
_ALIKE = 0.01  # maths: by which the cost of another start may differ and be the same place
_INSIDE = 1e-6  # maths: how far inside its bounds a start lies at the least
_BLACK = 4  # maths: the first Pfirrmann grade of a black disc
_BLACK_PLACE = _BLACK - 1
_REGIONS = ("lumbar", "cervical")  # the neck takes thresholds from the loin
_SIX = ("C2-C3",)  # what was counted with the five discs that are drawn
_ZERO_LEVEL = "C4-C5"
_MOST_LEVEL = "C5-C6"
_OWN = {f"patients {_ZERO_LEVEL}", f"patients {_MOST_LEVEL}"}


Tell = Callable[[int, int, str], None]


@dataclass(frozen=True)
class People:
    """What was found: rows in the form of the evidence, the rows they were fitted to, and whether all starts agree."""

    numbers: pd.DataFrame
    rows: pd.DataFrame
    starts_agree: bool


# ---------------------------------------------------------------------------------------------- people, summed


@dataclass(frozen=True)
class _Sums:
    """Nodes of people: age, weight, shared number, and how many people each stands for."""

    age: np.ndarray
    heavy: np.ndarray
    shared: np.ndarray
    many: np.ndarray

    @classmethod
    def of(cls, mean: float, spread: float, usual: float, ends: Sequence[float]) -> _Sums:
        edges = np.concatenate([[-np.inf], _AGES[:-1] + 0.5, [np.inf]])
        by_age = np.diff(norm.cdf(edges, mean, spread))
        by_age = by_age * np.where(np.abs(_AGES - 0.5 * (ends[0] + ends[1])) <= 0.5 * (ends[1] - ends[0]), 1, 0)
        place, by_place = np.polynomial.hermite_e.hermegauss(_NODES)
        age, heavy, shared = (a.ravel() for a in np.meshgrid(_AGES, [0.0, 1.0], place, indexing="ij"))
        many = np.einsum("a,h,s->ahs", by_age, [1 - usual, usual], by_place).ravel()
        kept = many > 0
        return cls(age[kept], heavy[kept], shared[kept], many[kept] / many.sum())

    def shares(self, law: Law) -> np.ndarray:
        """Chance of each grade (node, level, grade)."""
        return law.shares(self.age, self.heavy, self.shared)

    def mean(self, value: np.ndarray) -> np.ndarray:
        """Over all people."""
        return np.tensordot(self.many, value, 1)


def _spearman(joint: np.ndarray) -> float:
    """Rank correlation of a table (grade, grade), ties ranked alike."""
    ranks = []
    for axis in (1, 0):
        share = joint.sum(axis)
        ranks.append((np.cumsum(share) - 0.5 * share, share))
    (one, p), (other, q) = ranks
    a, b = one - p @ one, other - q @ other
    return float(a @ joint @ b / np.sqrt((p @ a**2) * (q @ b**2)))


def _counts(bad: np.ndarray) -> np.ndarray:
    """Chance of each number of degenerated discs (node, number) from the chance of each disc (node, level)."""
    found = np.zeros((len(bad), bad.shape[1] + 1))
    found[:, 0] = 1
    for share in bad.T:
        found[:, 1:] = found[:, 1:] * (1 - share[:, None]) + found[:, :-1] * share[:, None]
        found[:, 0] *= 1 - share
    return found


def _looked_at(law: Law, sums: _Sums, shares: np.ndarray) -> np.ndarray:
    """Chance of each disc to be looked at, over all patterns of degenerated discs."""
    bad = shares[..., DEGENERATED - 1 :].sum(-1)
    whole = np.zeros(len(law.levels))
    for pattern in itertools.product((False, True), repeat=len(law.levels)):
        chance = np.prod(np.where(pattern, bad, 1 - bad), axis=1)
        grades = np.where(pattern, DEGENERATED, 1)
        whole += sums.mean(chance) * law.painful(grades[None])[0]
    return whole


# ---------------------------------------------------------------------------------------------- what is held against


@dataclass(frozen=True)
class _Row:
    """One calibration row: what it is, what was published, its error."""

    quantity: str
    at: str
    published: float
    error: float
    source: str


def _rows(region: str, quantities: Sequence[str]) -> list[_Row]:
    found = []
    for row in published():
        if row["region"] == region and row["quantity"] in quantities and row["role"] == "calibration":
            told, many = float(row["published"]), float(row["n"])
            if row["quantity"].endswith("correlation"):
                error = (1 - told**2) * np.sqrt((1 + told**2 / 2) / many)
            else:
                error = max(np.sqrt(told * (1 - told) / many), _LEAST_ERROR)
            found.append(_Row(row["quantity"], row["at"], told, float(error), row["source"]))
    return found


def _numbers_of(names: Sequence[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where each number begins, and the ends of what is allowed: the row above an earlier fit, or the only one."""
    rows = [next(row for row in evidence.found(name) if not row.note.startswith(FITTED)) for name in names]
    return tuple(np.array([getattr(row, word) for row in rows]) for word in ("value", "low", "high"))  # type: ignore[return-value]


# ---------------------------------------------------------------------------------------------- the two fits


def _lumbar_names() -> list[str]:
    levels = Who().levels
    return [
        *("degeneration_per_decade", "grade_2", "grade_4", "grade_5"),
        *(f"{kind} {level}" for kind in ("loading", "patients", "pain_free") for level in levels),
    ]


def _lumbar() -> tuple[list[str], list[_Row], Callable[[np.ndarray], np.ndarray]]:
    """Names, rows, and what the law says of each row."""
    who, levels = Who(), Who().levels
    wanted = _rows("lumbar", ("grade_share", "degenerated_discs", "rank_correlation", "degenerated", "any_degenerated"))
    ill, well = Law.of(who), Law.of(replace(who, population="pain_free"))
    mean, spread = who.number("age_mean"), who.number("age_spread")
    all_of = _Sums.of(mean, spread, ill.usual, (_AGES[0], _AGES[-1]))
    volunteers = _Sums.of(mean, spread, ill.usual, (who.number("volunteers_youngest"), who.number("volunteers_oldest")))
    ages = sorted({float(row.at) for row in wanted if row.quantity == "any_degenerated"})
    near = {age: _Sums.of(mean, spread, ill.usual, (age - _NEAR, age + _NEAR)) for age in ages}
    count = len(levels)

    def said(x: np.ndarray) -> np.ndarray:
        slope, begins = x[0], np.array([x[1], 0.0, x[2], x[3]])
        loadings, patients, free = x[4:].reshape(3, count)
        common = {"per_decade": slope, "begins": begins, "loadings": loadings}
        sick, healthy = replace(ill, levels=patients, **common), replace(well, levels=free, **common)
        shares = all_of.shares(sick)
        mean_shares = all_of.mean(shares)
        counts = all_of.mean(_counts(shares[..., DEGENERATED - 1 :].sum(-1)))
        by_level = volunteers.mean(volunteers.shares(healthy))[:, DEGENERATED - 1 :].sum(-1)
        found = []
        for row in wanted:
            if row.quantity == "grade_share":
                level, grade = row.at.split()
                found.append(mean_shares[levels.index(level), int(grade) - 1])
            elif row.quantity == "rank_correlation":
                one, other = (levels.index(level) for level in row.at.split())
                found.append(_spearman(np.einsum("n,ng,nh->gh", all_of.many, shares[:, one], shares[:, other])))
            elif row.quantity == "degenerated_discs":
                found.append(counts[int(row.at)])
            elif row.quantity == "degenerated":
                found.append(by_level[levels.index(row.at)])
            else:
                at = near[float(row.at)]
                bad = at.shares(healthy)[..., DEGENERATED - 1 :].sum(-1)
                found.append(1 - at.mean(np.prod(1 - bad, axis=1)))
        return np.array(found)

    return _lumbar_names(), wanted, said


def _cervical(begins: np.ndarray) -> tuple[list[str], list[_Row], Callable[[np.ndarray], np.ndarray]]:
    """As `_lumbar`; free are slope, the level of C4-C5, that of C5-C6, one loading, and the odds of four levels."""
    who = Who("cervical")
    levels, number = who.levels, who.number
    wanted = _rows("cervical", ("grade_4_up", "grade_4_up_of", "looked_at", "age_correlation"))
    rest = number("C3-C4_looked_at")
    with_the_rest = {"looked_at": 1 - rest}  # the series leaves out the root of C3-C4
    wanted = [replace(row, published=row.published * with_the_rest.get(row.quantity, 1.0)) for row in wanted]
    law = replace(Law.of(who), begins=begins)
    beside = np.array([number(f"beside {name}") if name != _MOST_LEVEL else 0.0 for name in (*_SIX, *levels)])
    most = 1 + levels.index(_MOST_LEVEL)
    mean, spread = number("age_mean"), number("age_spread")
    bands = {row.at: tuple(map(float, row.at.split()[-2:])) for row in wanted if row.quantity.startswith("grade_4")}
    sums = {at: _Sums.of(mean, spread, law.usual, ends) for at, ends in bands.items()}
    all_of = _Sums.of(mean, spread, law.usual, (_AGES[0], _AGES[-1]))
    residents = _Sums.of(mean, number("residents_age_spread"), law.usual, (_AGES[0], _AGES[-1]))
    free = [place for place, level in enumerate(levels) if level != _MOST_LEVEL]

    def said(x: np.ndarray) -> np.ndarray:
        slope, common, extra, loading = x[:4]
        six = beside + common
        six[most] = extra
        weights = np.ones(len(levels))
        weights[free] = x[4:]
        wide = replace(law, levels=six, loadings=np.full(len(six), loading), per_decade=slope)
        five = replace(wide, levels=six[1:], loadings=np.full(len(levels), loading), weights=weights)
        looked = _looked_at(five, all_of, all_of.shares(five))
        found = []
        for row in wanted:
            if row.quantity == "looked_at":
                found.append(looked[levels.index(row.at)])
            elif row.quantity == "age_correlation":
                found.append(_with_age(five, residents, number("pain_free_shift")))
            else:
                black = sums[row.at].mean(sums[row.at].shares(wide))[:, _BLACK_PLACE:].sum(-1)
                named = row.at.split()[0] in levels
                found.append(black[1 + levels.index(row.at.split()[0])] if named else black.mean())
        return np.array(found)

    names = ["cervical degeneration_per_decade", f"patients {_ZERO_LEVEL}", f"patients {_MOST_LEVEL}"]
    names += [f"loading {levels[0]}", *(f"weight {levels[place]}" for place in free)]
    return names, wanted, said


def _with_age(law: Law, sums: _Sums, shift: float) -> float:
    """Correlation of the mean grade with age."""
    shares = sums.shares(replace(law, levels=law.levels + shift))
    grades = np.array(GRADES, float)
    by_disc = shares @ grades
    own = (shares @ grades**2 - by_disc**2).sum(1) / by_disc.shape[1] ** 2
    middle, age = by_disc.mean(1), sums.age
    off, older = middle - sums.mean(middle), age - sums.mean(age)
    return float(sums.mean(off * older) / np.sqrt((sums.mean(off**2) + sums.mean(own)) * sums.mean(older**2)))


def _least(
    names: Sequence[str],
    rows: Sequence[_Row],
    said: Callable[[np.ndarray], np.ndarray],
    random: np.random.Generator,
    count: int,
) -> tuple[np.ndarray, np.ndarray, bool]:
    """Numbers, their standard errors, and whether all starts came to the same place."""
    start, low, high = _numbers_of(names)
    told, error = np.array([row.published for row in rows]), np.array([row.error for row in rows])

    def off(x: np.ndarray) -> np.ndarray:
        return (said(x) - told) / error

    margin = 0.05 * (high - low)  # maths: a start lies inside of what is allowed
    starts = [np.clip(start, low + margin, high - margin)]
    starts += [start + 0.25 * (random.uniform(low, high) - start) for _ in range(count - 1)]  # maths: near the first
    found = [
        least_squares(off, np.clip(x, low + _INSIDE, high - _INSIDE), bounds=(low, high), x_scale=high - low)
        for x in starts
    ]
    best = min(found, key=lambda one: one.cost)
    agree = all(one.cost - best.cost < _ALIKE + _ALIKE * best.cost for one in found)
    free = max(len(rows) - len(names), 1)
    wider = max(2 * best.cost / free, 1.0) if len(rows) > len(names) else 1.0
    spread = np.sqrt(np.diag(np.linalg.pinv(best.jac.T @ best.jac)) * wider)
    return best.x, spread, agree


def fit_people(seed: int = 0, starts: int = _STARTS, progress: Tell | None = None) -> People:
    """Fit both parts of the spine. seed: of the places from which the fit begins; the same rows, the same numbers."""
    import pandas as pd

    random, made, beside, agree = np.random.default_rng(seed), [], [], True
    begins: np.ndarray | None = None
    for done, region in enumerate(_REGIONS):
        if progress is not None:
            progress(done, len(_REGIONS), f"people, {region}")
        names, rows, said = _lumbar() if begins is None else _cervical(begins)
        before = said(_in_use(names))
        x, spread, same = _least(names, rows, said, random, starts)
        agree = agree and same
        if begins is None:
            begins = np.array([x[1], 0.0, x[2], x[3]])
        sources = "; ".join(dict.fromkeys(row.source for row in rows))
        _, low, high = _numbers_of(names)
        for name, value, error, least, most in zip(names, x, spread, low, high, strict=True):
            ends = max(value - _TOLD * error, least), min(value + _TOLD * error, most)
            for each, moved in _all_of(name):
                made.append(_evidence(each, moved + value, moved + ends[0], moved + ends[1], sources))
        after = said(x)
        for row, old, new in zip(rows, before, after, strict=True):
            beside.append(
                {"region": region, "row": f"{row.quantity} {row.at}".strip(), "published": row.published}
                | {"low": row.published - _TOLD * row.error, "high": row.published + _TOLD * row.error}
                | {"before": float(old), "after": float(new), "unit": "1", "source": row.source}
            )
    return People(pd.DataFrame(made), pd.DataFrame(beside), agree)


def _in_use(names: Sequence[str]) -> np.ndarray:
    return np.array([evidence.population(name).value for name in names])


def _all_of(name: str) -> list[tuple[str, float]]:
    """The rows that a fitted number fills, each with what it lies beside it: discs of the neck share a loading."""
    who = Who("cervical")
    if name == f"loading {who.levels[0]}":
        return [(f"loading {level}", 0.0) for level in who.levels]
    if name == f"patients {_ZERO_LEVEL}":
        others = [level for level in who.levels if level != _MOST_LEVEL]
        return [(f"patients {level}", who.number(f"beside {level}")) for level in others]
    return [(name, 0.0)]


def _evidence(name: str, value: float, low: float, high: float, source: str) -> dict[str, Any]:
    """A row of the evidence; an assumption where the number only lies beside a fitted one, or by a spread of age."""
    beside = name in {f"patients {level}" for level in Who("cervical").levels} - _OWN
    note = FITTED + ("; lies beside C4-C5 by an assumption" if beside else "")
    return {
        "name": name,
        "value": round(float(value), _DIGITS),
        "low": round(float(min(low, value)), _DIGITS),
        "high": round(float(max(high, value)), _DIGITS),
        "unit": "1",
        "kind": "assumed" if beside else "fitted",
        "source": source,
        "where": "calibration rows of margins.csv",
        "status": "computed",
        "note": note,
    }


_DIGITS = 4  # maths: to which numbers are written
