"""People who were drawn beside what was published of such people.

What: `margins` gives published and drawn numbers with their errors, and whether a row was fitted; `trials` does so for
people whom a trial's criteria select. Reads: ``evidence/margins.csv``. Writes: nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from pulposus import evidence
from pulposus.patients.drawn import draw
from pulposus.patients.grades import DECADE, DEGENERATED, GRADES
from pulposus.patients.published import published
from pulposus.patients.sizes import SIZES
from pulposus.patients.who import LEVELS_OF, Who

if TYPE_CHECKING:
    import pandas as pd

_FEWEST = 30  # maths: people without whom a share or a mean says nothing
_BLACK = 4  # maths: the first Pfirrmann grade of a black disc
_POINTS = 13 / 6  # maths: mean grade of a sum of 13 over six discs
_SCREENED = 200  # maths: people of each trial, of whom a mean is known well enough
_OBESE = 30  # maths: the body mass index that the word means


def margins(people: pd.DataFrame, population: str = "patients", heights: bool = True) -> pd.DataFrame:
    """What was published of such people beside what was drawn, with the error and whether it was fitted.

    People of a country are held against rows of that country as well. heights: how high discs of each grade are beside
    the table that they are drawn from.
    """
    import pandas as pd

    region, country = str(people["region"].iloc[0]), str(people["country"].iloc[0])
    wanted = (population, "trial") if population == "patients" else (population,)
    rows = []
    for row in published():
        mine = row["region"] == region and row["country"] in ("", country) and row["population"] in wanted
        # rows of a trial are of a country of their own
        general = not (country and not row["country"] and row["population"] == "trial")
        if mine and general and not row["list"]:
            value = _of(people, row["quantity"], row["at"])
            if value is not None:
                rows.append(_beside(row, value))
    rows += _heights(people) if heights else []
    return pd.DataFrame(rows)


def trials(region: str = "lumbar", count: int = _SCREENED, seed: int = 0, only: str = "") -> pd.DataFrame:
    """People whom a list of criteria selects (`only` one, if named) beside the people of that trial."""
    import pandas as pd

    chosen: dict[str, pd.DataFrame] = {}
    rows = []
    for row in published():
        if row["list"] and row["region"] == region and only in ("", row["list"]):
            if row["list"] not in chosen:
                chosen[row["list"]] = draw(count, seed, trial=row["list"], region=region)
            value = _of(chosen[row["list"]], row["quantity"], row["at"])
            if value is not None:
                rows.append(_beside(row, value))
    return pd.DataFrame(rows)


def _beside(row: dict[str, str], value: float) -> dict[str, Any]:
    told = float(row["published"])
    same = {name: row[name] for name in ("quantity", "at", "role", "source", "list", "status", "note")}
    return same | {"published": told, "drawn": value, "error": value - told, "n": int(row["n"])}


def _heights(people: pd.DataFrame) -> list[dict[str, Any]]:
    """Mean height over that of the table at grade I, by grade: what grades are said to cost, and what was drawn."""
    rows: list[dict[str, Any]] = []
    full = np.array([_full(str(a), str(b)) for a, b in zip(people["level"], people["sex"], strict=True)])
    for grade in GRADES:
        at = (people["grade"] == grade).to_numpy()
        if at.sum() < _FEWEST:
            continue
        factor = _factor(grade)
        value = float((people["mid_height_mm"].to_numpy()[at] / full[at]).mean())
        row: dict[str, Any] = {"quantity": "height_by_grade", "at": str(grade), "role": "calibration", "list": ""}
        row |= {"source": factor.source or "defined", "status": factor.status, "note": factor.note}
        row |= {"published": factor.value, "drawn": value, "error": value - factor.value, "n": int(at.sum())}
        rows.append(row)
    return rows


@cache
def _full(level: str, sex: str) -> float:
    return evidence.dimensions(level, sex, 1)[SIZES[0]].si / evidence.factor("mm")


def _factor(grade: int) -> evidence.Row:
    return next(row for row in evidence.found(f"any any {grade} height_factor") if row.used)


# ---------------------------------------------------------------------------------------------- of people


def _of(people: pd.DataFrame, quantity: str, at: str) -> float | None:
    """A quantity of people; None where it is not one, or too few of them tell it."""
    if quantity in _SIMPLE:
        return float(_SIMPLE[quantity](people))
    if quantity in _BY_GRADE:
        levels = LEVELS_OF[str(people["region"].iloc[0])]
        grades = people[[f"grade {level}" for level in levels]].to_numpy()
        found = _BY_GRADE[quantity](people, grades, levels, at)
        return None if found is None else float(found)
    return None


_SIMPLE: dict[str, Callable[[pd.DataFrame], Any]] = {
    "age_mean": lambda p: p["age"].mean(),
    "age_sd": lambda p: p["age"].std(),
    "female": lambda p: (p["sex"] == "female").mean(),
    "bmi_mean": lambda p: p["bmi"].mean(),
    "obese": lambda p: (p["bmi"] >= _OBESE).mean(),
    "smokers": lambda p: p["smoker"].mean(),
    "smoker_opioids": lambda p: p["opioids"][p["smoker"]].mean() / p["opioids"][~p["smoker"]].mean(),
    "duration_median": lambda p: p["duration_months"].median(),
    "opioids": lambda p: p["opioids"].mean(),
    "odi_back_correlation": lambda p: p["disability"].corr(p["pain"]),
    "odi_leg_correlation": lambda p: p["disability"].corr(p["limb_pain"]),
    "disability_pain_correlation": lambda p: p["disability"].corr(p["pain"]),
    "pain_start": lambda p: p["pain"].mean(),
    "disability_start": lambda p: p["disability"].mean(),
    "pain_mean": lambda p: p["pain"].mean(),
    "disability_mean": lambda p: p["disability"].mean(),
    "disability_sd": lambda p: p["disability"].std(),
    "limb_mean": lambda p: p["limb_pain"].mean(),
}


def _band(people: pd.DataFrame, words: list[str]) -> np.ndarray | None:
    low, high = map(float, words)
    found = people["age"].between(low, high + 1, inclusive="left").to_numpy()
    return found if found.sum() >= _FEWEST else None


def _grade_share(people: pd.DataFrame, grades: np.ndarray, levels: tuple[str, ...], at: str) -> float | None:
    level, grade = at.split()
    return (grades[:, levels.index(level)] == int(grade)).mean()


def _degenerated(people: pd.DataFrame, grades: np.ndarray, levels: tuple[str, ...], at: str) -> float | None:
    number = Who().number
    of_age = people["age"].between(number("volunteers_youngest"), number("volunteers_oldest")).to_numpy()
    return (grades[of_age, levels.index(at)] >= DEGENERATED).mean() if of_age.any() else None


def _degenerated_discs(people: pd.DataFrame, grades: np.ndarray, levels: tuple[str, ...], at: str) -> float | None:
    return ((grades >= DEGENERATED).sum(1) == int(at)).mean()


def _any_degenerated(people: pd.DataFrame, grades: np.ndarray, levels: tuple[str, ...], at: str) -> float | None:
    near = (np.abs(people["age"] - float(at)) < DECADE / 2).to_numpy()  # maths: within five years
    return (grades[near] >= DEGENERATED).any(1).mean() if near.any() else None


def _any_grade_2(people: pd.DataFrame, grades: np.ndarray, levels: tuple[str, ...], at: str) -> float | None:
    near = (np.abs(people["age"] - float(at)) < DECADE / 2).to_numpy()
    return (grades[near] >= 2).any(1).mean() if near.any() else None


def _rank_correlation(people: pd.DataFrame, grades: np.ndarray, levels: tuple[str, ...], at: str) -> float | None:
    one, other = at.split()
    return people[f"grade {one}"].corr(people[f"grade {other}"], method="spearman")


def _black(people: pd.DataFrame, grades: np.ndarray, levels: tuple[str, ...], at: str) -> float | None:
    band = _band(people, at.split())
    return None if band is None else (grades[band] >= _BLACK).mean()


def _black_of(people: pd.DataFrame, grades: np.ndarray, levels: tuple[str, ...], at: str) -> float | None:
    level, *ages = at.split()
    band = _band(people, ages)
    return None if band is None else (grades[band, levels.index(level)] >= _BLACK).mean()


def _looked_at(people: pd.DataFrame, grades: np.ndarray, levels: tuple[str, ...], at: str) -> float | None:
    return (people["level"] == at).mean()


def _commonest(people: pd.DataFrame, grades: np.ndarray, levels: tuple[str, ...], at: str) -> float | None:
    band = _band(people, at.split())
    return None if band is None else float(1 + np.bincount(grades[band].ravel() - 1).argmax())


def _score(people: pd.DataFrame, grades: np.ndarray, levels: tuple[str, ...], at: str) -> float | None:
    band = _band(people, at.split())
    return None if band is None else (grades[band].mean(1) >= _POINTS - 1e-9).mean()  # maths: against rounding


def _age_correlation(people: pd.DataFrame, grades: np.ndarray, levels: tuple[str, ...], at: str) -> float | None:
    """Of the mean grade with age, were the spread of ages that of the residents."""
    mean = grades.mean(1)
    slope, start = np.polyfit(people["age"], mean, 1)
    left = np.std(mean - start - slope * people["age"])
    by_age = slope * Who("cervical").number("residents_age_spread")
    return by_age / np.hypot(by_age, left)


_BY_GRADE: dict[str, Callable[[Any, np.ndarray, tuple[str, ...], str], float | None]] = {
    "grade_share": _grade_share,
    "degenerated": _degenerated,
    "degenerated_discs": _degenerated_discs,
    "any_degenerated": _any_degenerated,
    "any_grade_2": _any_grade_2,
    "rank_correlation": _rank_correlation,
    "grade_4_up": _black,
    "grade_4_up_of": _black_of,
    "looked_at": _looked_at,
    "commonest_grade": _commonest,
    "score_13": _score,
    "age_correlation": _age_correlation,
}
