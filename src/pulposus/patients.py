"""Virtual people: who comes with a painful disc, drawn so that what was published of such people comes out.

What: `draw` gives people with age, sex, body, discs of all levels and which of them is looked at, pain and disability;
by a trial's criteria if one is named; `margins` holds them against what was published; `fit` narrows them to what is
known of one person.
Equations: latent degeneration of a disc ``z = d_level + b (age - age_0) / 10 + g (overweight) + sqrt(s) person +
sqrt(1 - s) disc``, grades begin where it passes thresholds; the disc looked at is painful with odds that degeneration
raises (and never says how much it hurts). A visit's pain is a usual level and what changes from visit to visit, with
disability tied to it; a criterion on a score selects visits, so that scores fall afterwards by themselves.
Reads: ``evidence/population.csv``, the usual levels of `outcomes.person`. Writes: nothing.
Why this holds: a few latent numbers give both how common degeneration is by age and level and how discs of a person go
together, which are measured in different people.
Source: ``evidence/margins.csv``: Brinjikji 2015, Kanayama 2009, van der Graaf 2024 (218 people with graded discs).
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import ndtr, ndtri

from pulposus import candidacy, evidence
from pulposus.errors import InputError, nearest
from pulposus.evidence import criteria
from pulposus.outcomes import person

if TYPE_CHECKING:
    import pandas as pd

POPULATIONS = ("patients", "pain_free")
LEVELS = ("L1-L2", "L2-L3", "L3-L4", "L4-L5", "L5-S1")
SCORES = ("pain", "disability", "limb_pain")
_SIZES = ("mid_height", "ap_depth", "width")
_AGES = (18.0, 90.0)  # maths: adults, and an end to a normal's tail
_TOLD = ("age", "bmi", *SCORES, "grade")  # columns of which a row says how well they are told
_SOUND = 2  # maths: the last Pfirrmann grade that is not called degenerated
_NEEDED = 28  # maths: numbers that chance gives each person
_NINE_TENTHS = 3.29  # maths: standard deviations between the 5th and the 95th percent of a normal
_PROBIT = 1.6  # maths: logits of a probit, roughly
_DECADE = 10.0  # maths: years
_MOST = 400  # maths: screened for each who is taken, after which nobody meets the criteria
_BATCH = 4000  # maths: people screened at once


@cache
def _number(name: str) -> float:
    return evidence.population(name).value


def draw(count: int, seed: int = 0, population: str = "patients", trial: str = "") -> pd.DataFrame:
    """`count` people, a row each; the same person for a seed and a number, however many are drawn.

    population: patients, or people without pain. trial: only people who meet none of its criteria with no (a name of
    ``evidence/criteria_lists.csv``); what the draw does not tell is not asked for. Raises InputError for a name that
    does not exist, and where nobody meets the criteria.
    """
    import pandas as pd

    if count < 1:
        raise InputError(f"{count} people cannot be drawn; ask for one or more.")
    if population not in POPULATIONS:
        raise InputError(
            f"Unknown population {population!r}{nearest(population, POPULATIONS)}; write {' or '.join(POPULATIONS)}."
        )
    if not trial:
        return _people(np.arange(count), seed, population)
    if trial not in criteria.lists():
        raise InputError(f"Unknown trial {trial!r}{nearest(trial, criteria.lists())}; `pulposus candidacy` names them.")
    taken: list[pd.DataFrame] = []
    for first in range(0, count * _MOST, _BATCH):
        screened = _people(np.arange(first, first + _BATCH), seed, population)
        taken.append(screened[[_meets(row, trial) for row in screened.to_dict("records")]])
        if sum(map(len, taken)) >= count:
            return pd.concat(taken, ignore_index=True).head(count)
        if first >= _BATCH and not any(map(len, taken)):
            break
    raise InputError(
        f"Of {first + _BATCH} people {sum(map(len, taken))} meet the criteria of {trial}; ask for fewer, or of another."
    )


def _people(numbers: np.ndarray, seed: int, population: str) -> pd.DataFrame:
    """People by their numbers: row i of an endless table of chance is person i."""
    import pandas as pd

    chance = np.random.Philox(key=seed)
    chance.advance(int(numbers[0]) * _NEEDED // 4)  # maths: four numbers a step of Philox
    u = np.random.Generator(chance).random((numbers.size, _NEEDED))
    z = ndtri(np.clip(u, np.finfo(float).eps, 1 - np.finfo(float).eps))
    age = np.clip(_number("age_mean") + _number("age_spread") * z[:, 0], *_AGES)
    bmi = _number("bmi_mean") + _number("bmi_spread") * z[:, 1]
    grades = _grades(age, bmi, z[:, 2], z[:, 3:8], population)
    index = _painful(grades, u[:, 8])
    pain, disability, limb = _scores(z[:, 9:15])
    own = grades[np.arange(numbers.size), index]
    found: dict[str, Any] = {
        "person": numbers,
        "age": age,
        "sex": np.where(u[:, 15] < _number("female"), "female", "male"),
        "bmi": bmi,
        "smoker": u[:, 16] < _number("smokers"),
        "level": np.array(LEVELS)[index],
        "grade": own,
        **{f"grade {level}": grades[:, i] for i, level in enumerate(LEVELS)},
        "endplate": np.where(u[:, 17] < _share("endplate_changed", own), "sclerotic", "intact"),
        "modic": u[:, 18] < _share("modic", own),
        "herniation": u[:, 19] < _share("herniation", own),
        "duration_months": _number("duration_median") * np.exp(_number("duration_spread") * z[:, 20]),
        "opioids": u[:, 21] < _number("opioids"),
        "expectation": _number("expectation_spread") * z[:, 22],
        "pain": pain,
        "disability": disability,
        "limb_pain": limb,
    }
    table = pd.DataFrame(found)
    if population == "pain_free":
        table[[*SCORES, "duration_months"]] = 0.0
    return table.assign(**_sizes(table, z[:, 23:26]))


def _grades(age: np.ndarray, bmi: np.ndarray, shared: np.ndarray, own: np.ndarray, population: str) -> np.ndarray:
    """Pfirrmann grades (person, level)."""
    tied = _number("degeneration_shared")
    usual = ndtr((_number("bmi_mean") - _number("overweight")) / _number("bmi_spread"))  # how many are overweight
    heavy = np.log(_number("overweight_odds")) / _PROBIT * ((bmi >= _number("overweight")) - usual)
    ageing = _number("degeneration_per_decade") * (age - _number(f"{population}_age")) / _DECADE
    levels = np.array([_number(f"{population} {level}") for level in LEVELS])
    latent = levels + (ageing + heavy + np.sqrt(tied) * shared)[:, None] + np.sqrt(1 - tied) * own
    return 1 + sum(
        (latent > begins).astype(int) for begins in (_number("grade_2"), 0.0, _number("grade_4"), _number("grade_5"))
    )


def _painful(grades: np.ndarray, chance: np.ndarray) -> np.ndarray:
    """Which disc (its place in LEVELS) is looked at: odds are higher where it is degenerated (grade III and above)."""
    odds = np.where(grades > _SOUND, _number("painful_odds"), 1.0)
    total = np.cumsum(odds, 1)
    return (chance[:, None] * total[:, -1:] > total).sum(1)


def _share(quantity: str, grade: np.ndarray) -> np.ndarray:
    """Published share of discs with something, by their grade."""
    shares = {int(row["at"]): float(row["published"]) for row in published() if row["quantity"] == quantity}
    return np.array([shares[k] for k in sorted(shares)])[grade - 1]


def _scores(z: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pain, disability and limb pain of a visit, 0 to 100."""
    names, rows = person.responses("lumbar")
    mean = {name: rows[:, i].mean() for i, name in enumerate(names)}
    tie, limb_tie = _number("pain_disability_tie"), _number("limb_disability_tie")
    made = []
    for score, usual, visit in (
        ("pain", z[:, 0], z[:, 1]),
        ("disability", tie * z[:, 0] + np.sqrt(1 - tie**2) * z[:, 2], tie * z[:, 1] + np.sqrt(1 - tie**2) * z[:, 3]),
    ):
        r, spread = mean[f"{score}_stability"], mean[f"{score}_spread"]
        level = mean[f"lumbar_typical_{score}"] + spread * (np.sqrt(r) * usual + np.sqrt(1 - r) * visit)
        made.append((np.clip(level, 0, 100), np.sqrt(r) * usual + np.sqrt(1 - r) * visit))
    disabled = made[1][1]
    limb = _number("limb_mean") + _number("limb_spread") * (limb_tie * disabled + np.sqrt(1 - limb_tie**2) * z[:, 4])
    return made[0][0], made[1][0], np.clip(limb, 0, 100)


def _sizes(table: pd.DataFrame, z: np.ndarray) -> dict[str, np.ndarray]:
    """Height and breadths of the disc looked at, mm, about the table of its level, sex and grade."""
    tied = _number("size_shared")
    found = {f"{name}_mm": np.empty(len(table)) for name in _SIZES}
    for (level, sex, grade), places in table.groupby(["level", "sex", "grade"]).groups.items():
        rows = evidence.dimensions(str(level), str(sex), int(grade))
        at = table.index.get_indexer(places)
        for i, name in enumerate(_SIZES):
            row = rows[name]
            spread = (row.si_high - row.si_low) / _NINE_TENTHS
            place = np.sqrt(tied) * z[at, 0] + np.sqrt(1 - tied) * z[at, 1 + i % 2]
            found[f"{name}_mm"][at] = np.clip(row.si + spread * place, row.si_low, row.si_high) / evidence.factor("mm")
    return found


def facts(row: Mapping[str, Any]) -> dict[str, float | str]:
    """What candidacy may know of a drawn person."""
    return {
        "region": "lumbar",
        "age": float(row["age"]),
        "sex": str(row["sex"]),
        "bmi": float(row["bmi"]),
        "level": str(row["level"]),
        "pfirrmann": float(row["grade"]),
        "pain_duration": float(row["duration_months"]),
        "axial_pain": float(row["pain"]),
        "limb_pain": float(row["limb_pain"]),
        "odi": float(row["disability"]),
        "opioids": "yes" if row["opioids"] else "no",
    }


def _meets(row: Mapping[str, Any], trial: str) -> bool:
    """True where no criterion of a list is answered with no."""
    known = {name: value for name, value in facts(row).items() if name in criteria.facts()}
    return not candidacy.held(trial, known).unmet


# ---------------------------------------------------------------------------------------------- held against


@cache
def published() -> tuple[dict[str, str], ...]:
    """Rows of ``evidence/margins.csv``."""
    with (evidence.FOLDER / "margins.csv").open(encoding="utf-8", newline="") as stream:
        return tuple(csv.DictReader(stream))


def margins(people: pd.DataFrame, population: str = "patients") -> pd.DataFrame:
    """What was published of such people beside what was drawn, with the error and whether it was fitted."""
    import pandas as pd

    rows = []
    for row in published():
        wanted = (population, "trial") if population == "patients" else (population,)
        value = _drawn(people, row["quantity"], row["at"]) if row["population"] in wanted else None
        if value is not None:
            rows.append(
                {
                    "quantity": row["quantity"],
                    "at": row["at"],
                    "published": float(row["published"]),
                    "drawn": value,
                    "error": value - float(row["published"]),
                    "role": row["role"],
                    "source": row["source"],
                    "n": int(row["n"]),
                }
            )
    return pd.DataFrame(rows)


def _drawn(people: pd.DataFrame, quantity: str, at: str) -> float | None:
    grades = people[[f"grade {level}" for level in LEVELS]].to_numpy()
    bad = grades > _SOUND
    simple = {
        "age_mean": lambda: people["age"].mean(),
        "age_sd": lambda: people["age"].std(),
        "female": lambda: (people["sex"] == "female").mean(),
        "bmi_mean": lambda: people["bmi"].mean(),
        "duration_median": lambda: people["duration_months"].median(),
        "opioids": lambda: people["opioids"].mean(),
        "odi_back_correlation": lambda: people["disability"].corr(people["pain"]),
        "odi_leg_correlation": lambda: people["disability"].corr(people["limb_pain"]),
    }
    if quantity in simple:
        return float(simple[quantity]())
    if quantity == "grade_share":
        level, grade = at.split()
        return float((grades[:, LEVELS.index(level)] == int(grade)).mean())
    if quantity == "degenerated":
        of_age = people["age"].between(_number("volunteers_youngest"), _number("volunteers_oldest"))
        return float(bad[of_age, LEVELS.index(at)].mean()) if of_age.any() else None
    if quantity == "degenerated_discs":
        return float((bad.sum(1) == int(at)).mean())
    if quantity == "any_degenerated":
        near = np.abs(people["age"] - float(at)) < _DECADE / 2  # maths: within five years
        return float(bad[near].any(1).mean()) if near.any() else None
    if quantity == "rank_correlation":
        one, other = at.split()
        return float(people[f"grade {one}"].corr(people[f"grade {other}"], method="spearman"))
    return None


# ---------------------------------------------------------------------------------------------- one person


def _within(name: str) -> float:
    """How well a column is told of a person; 0 where no row says."""
    return _number(f"within_{name}") if name in _TOLD else 0.0


def fit(known: Mapping[str, float | str], count: int = 20_000, seed: int = 0) -> pd.DataFrame:
    """People as this one may be: drawn people weighed by how well they agree with what is known, drawn again by weight.

    known: columns of `draw`: numbers (age, bmi, pain, disability, limb_pain, "grade L4-L5" ...) and words (sex, level).
    Raises InputError for a column that does not exist, and where nobody like this is among those drawn.
    """
    people = draw(count, seed)
    weight = np.zeros(len(people))
    for name, value in known.items():
        if name not in people.columns:
            raise InputError(f"Nothing called {name!r} is known of people{nearest(name, people.columns)}.")
        if isinstance(value, str):
            weight = np.where(people[name] == value, weight, -np.inf)
            continue
        within = _within("grade" if name.startswith("grade") else name) or abs(float(value)) / _DECADE or 1.0
        weight = weight - 0.5 * ((people[name].to_numpy(float) - float(value)) / within) ** 2
    top = weight.max()
    if not np.isfinite(top):
        raise InputError("Nobody like this is among the people drawn; leave out a fact that may be wrong.")
    share = np.exp(weight - top)
    chosen = np.random.default_rng(seed).choice(len(people), size=len(people), p=share / share.sum())
    return people.iloc[chosen].reset_index(drop=True)
