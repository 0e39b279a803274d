"""People, a row each, drawn from what each of their numbers hangs on; selected by a trial's criteria if one is named.

What: `draw` gives people with age, sex, body, discs of all levels and which of them is looked at, prior care, pain and
disability; `people` gives them by their numbers, with what is told of all of them, and how likely that was.
Equations: those of `grades`, `scores` and `sizes`. Which number hangs on which: smoking on sex; herniation, opioids,
their dose and pain on smoking; body height on sex; sizes on body height, sex, level and grade; grades on age and
weight; months of care and weeks since an epidural on how long it hurts; an epidural on limb pain. Nothing that was read
ties expectation, body mass or duration to age, sex or grade: they are independent.
Reads: ``evidence/population.csv``, shares by grade in ``evidence/margins.csv``. Writes: nothing.
Why this holds: a criterion on a score selects visits, so that scores of people who are taken fall by themselves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pulposus.errors import InputError, nearest
from pulposus.evidence import criteria
from pulposus.patients import sizes
from pulposus.patients.eligible import meets
from pulposus.patients.grades import PROBIT, Law
from pulposus.patients.published import share_by_grade
from pulposus.patients.scores import SCORES, TOP, Scores
from pulposus.patients.told import Told
from pulposus.patients.who import Who

if TYPE_CHECKING:
    import pandas as pd

_AGES = (18.0, 90.0)  # maths: adults, and an end to a normal's tail
_MASSES = (15.0, 60.0)  # maths: ends to a normal's tail
_NEEDED = 48  # maths: numbers that chance gives each person, with some to spare
_MONTHS = 12.0  # maths: of a year
_WEEKS = 4.348  # maths: of a month
_MOST_LIKELY = 0.95  # maths: of anything that chance decides
_MOST = 400  # maths: screened for each who is taken, after which nobody meets the criteria
_BATCH = 4000  # maths: people screened at once


def draw(
    count: int, seed: int = 0, population: str = "patients", trial: str = "", region: str = "", country: str = ""
) -> pd.DataFrame:
    """`count` people, a row each; the same person for a seed and a number, however many are drawn.

    population: patients, or people without pain. trial: only people who meet none of its criteria with no (a name of
    ``evidence/criteria_lists.csv``); what the draw does not tell is not asked for. region: lumbar or cervical; that of
    the trial, or lumbar, if not said. country: people differ by it where rows of the evidence say so. Raises InputError
    for a name that does not exist, and where nobody meets the criteria.
    """
    import pandas as pd

    if count < 1:
        raise InputError(f"{count} people cannot be drawn; ask for one or more.")
    if trial and trial not in criteria.lists():
        raise InputError(f"Unknown trial {trial!r}{nearest(trial, criteria.lists())}; `pulposus candidacy` names them.")
    of_trial = criteria.lists()[trial].region if trial else ""
    who = Who(region or ("cervical" if of_trial == "cervical" else "lumbar"), population, country)
    if not trial:
        return people(np.arange(count), seed, who)[0]
    taken: list[pd.DataFrame] = []
    have = 0
    for first in range(0, count * _MOST, _BATCH):
        screened, _ = people(np.arange(first, first + _BATCH), seed, who)
        taken.append(screened[meets(screened, trial, count - have)])
        have += len(taken[-1])
        if have >= count:
            return pd.concat(taken, ignore_index=True)
        if first >= _BATCH and not have:
            break
    raise InputError(
        f"Of {first + _BATCH} people {have} meet the criteria of {trial}; ask for fewer, or of another."
    )


def people(
    numbers: np.ndarray,
    seed: int,
    who: Who,
    given: Mapping[str, Any] | None = None,
    visits: Sequence[Mapping[str, float]] = (),
    reads: Mapping[str, np.ndarray] | None = None,
) -> tuple[pd.DataFrame, np.ndarray]:
    """People by their numbers, and the logarithm of how likely what is told of them was.

    Row i of an endless table of chance is person i. given: columns that are told; visits: scores of visits that are
    told; reads: level -> how likely what was seen of its disc is for each grade.
    """
    import pandas as pd

    chance = np.random.Philox(key=seed)
    chance.advance(int(numbers[0]) * _NEEDED // 4)  # maths: four numbers a step of Philox
    told = Told(np.random.Generator(chance).random((numbers.size, _NEEDED)), given or {})
    found: dict[str, Any] = {"person": numbers, "region": who.region, "country": who.country}
    found |= _body(told, who)
    found |= _discs(told, who, found, reads or {})
    found |= _scored(told, who, found, visits)
    found |= _cared(told, who, found)
    found |= sizes.draw(told, who, found["level"], found["sex"], found["grade"], found["body_height_cm"], _SIZES)
    return pd.DataFrame(found), told.weight


# Places of chance of each person: what stands where never changes, or everybody becomes somebody else.
_AGE, _BMI, _SEX, _BODY, _SMOKER = 0, 1, 2, 3, 4
_SHARED, _OWN, _LOOKED, _ENDPLATE, _MODIC, _HERNIATION = 5, 6, 11, 12, 13, 14  # maths: places, no quantities
_USUAL, _VISIT, _DURATION = 15, 18, 21  # maths: places, no quantities
_OPIOIDS, _DOSE, _EXPECTS, _CARE, _EPIDURAL, _WEEKS_SINCE = 22, 23, 24, 25, 26, 27  # maths: places, no quantities
_SIZES = 28  # maths: places, no quantities


def _body(told: Told, who: Who) -> dict[str, np.ndarray]:
    """Age, sex, body and smoking; those in pain smoke more often than others."""
    number = who.number
    shares = np.tile([number("female"), 1 - number("female")], (told.count, 1))
    female = told.one_of("sex", _SEX, ("female", "male"), shares)
    sex = np.where(female == 0, "female", "male")
    height = np.where(female == 0, number("body_height_female"), number("body_height_male"))
    return {
        "age": told.normal("age", _AGE, number("age_mean"), number("age_spread"), _AGES),
        "sex": sex,
        "bmi": told.normal("bmi", _BMI, number("bmi_mean"), number("bmi_spread"), _MASSES),
        "body_height_cm": told.normal("body_height_cm", _BODY, height, number("body_height_spread")),
        "smoker": told.chance("smoker", _SMOKER, _smokers(who)[female]),
    }


def _smokers(who: Who) -> np.ndarray:
    """Share of women and of men who smoke."""
    share = np.array([who.number("smokers_female"), who.number("smokers_male")])
    odds = share / (1 - share) * (who.number("smoker_odds") if who.population == "patients" else 1.0)
    return odds / (1 + odds)


def _risen(who: Who, smoker: np.ndarray, risk: float) -> np.ndarray:
    """What a share is multiplied by for a person: smokers have `risk` times that of others, and the mean stays."""
    women = who.number("female")
    share = float(_smokers(who) @ [women, 1 - women])
    return np.where(smoker, risk, 1.0) / (1 + (risk - 1) * share)


def _discs(told: Told, who: Who, so_far: Mapping[str, Any], reads: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Grades of all discs, the one that is looked at, and what its grade brings with it."""
    law = Law.of(who)
    shared, own = told.z[:, _SHARED], told.z[:, _OWN : _OWN + len(who.levels)]
    grades = law.draw(so_far["age"], so_far["bmi"], shared, own)
    if reads:
        shares = law.shares(so_far["age"], so_far["bmi"] >= law.overweight, shared)
        for level, likely in reads.items():
            place = who.levels.index(level)
            both = shares[:, place] * likely
            whole = both.sum(1)
            told.weight += np.log(np.maximum(whole, np.finfo(float).tiny))
            # the disc's own number of chance says which
            at = told.u[:, _OWN + place] * whole
            grades[:, place] = 1 + np.minimum((at[:, None] > np.cumsum(both, 1)).sum(1), _last(likely))
    index = told.one_of("level", _LOOKED, who.levels, law.painful(grades))
    grade = grades[np.arange(told.count), index]
    rupture = share_by_grade("herniation", grade) * _risen(who, so_far["smoker"], who.number("smoker_herniation"))
    changed = told.one_of("endplate", _ENDPLATE, _ENDPLATES, _either(share_by_grade("endplate_changed", grade)))
    return {
        "level": np.array(who.levels)[index],
        "grade": grade,
        **{f"grade {level}": grades[:, i] for i, level in enumerate(who.levels)},
        "endplate": np.array(_ENDPLATES)[changed],
        "modic": told.chance("modic", _MODIC, share_by_grade("modic", grade)),
        "herniation": told.chance("herniation", _HERNIATION, np.minimum(rupture, _MOST_LIKELY)),
    }


_ENDPLATES = ("sclerotic", "intact")


def _either(share: np.ndarray) -> np.ndarray:
    return np.stack([share, 1 - share], axis=1)


def _last(likely: np.ndarray) -> int:
    """The place of the last grade that is possible, so that rounding leads to none that is not."""
    return int(np.flatnonzero(likely).max())


def _scored(told: Told, who: Who, so_far: Mapping[str, Any], visits: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    """How long it hurts; the usual level of each score; the scores of the day, or of the last visit that is told."""
    pained = who.population == "patients"
    longest = _MONTHS * np.maximum(so_far["age"] - who.number("onset_youngest"), 1)
    median, wide = who.number("duration_median"), who.number("duration_spread")
    duration = told.positive("duration_months", _DURATION, median, wide, longest)
    law = Scores.of(who)
    women = who.number("female")
    smokes = so_far["smoker"] - float(_smokers(who) @ [women, 1 - women])
    moved = (who.number("smoker_pain") * smokes)[:, None] * np.array([1.0, 0.0, 0.0])
    usual, likely = law.usual(told.z[:, _USUAL : _USUAL + len(SCORES)], moved, visits)
    told.weight += likely
    day = law.visit(usual, told.z[:, _VISIT : _VISIT + len(SCORES)])
    for visit in visits:
        for i, score in enumerate(SCORES):
            if score in visit:
                day[:, i] = visit[score]
    found: dict[str, Any] = {"duration_months": duration * pained}
    for i, score in enumerate(SCORES):
        found[score] = day[:, i] * pained
    for i, score in enumerate(SCORES):
        found[f"usual_{score}"] = np.clip(usual[:, i], 0, TOP) * pained
    found["limb_part"] = usual[:, 2]
    return found


def _cared(told: Told, who: Who, so_far: dict[str, Any]) -> dict[str, Any]:
    """What was done so far, and what a person expects."""
    number, pained = who.number, who.population == "patients"
    smoker, duration = so_far["smoker"], so_far["duration_months"]
    users = np.minimum(number("opioids") * _risen(who, smoker, number("smoker_opioids")), _MOST_LIKELY) * pained
    opioids = told.chance("opioids", _OPIOIDS, users)
    spread = number("opioid_dose_spread")
    higher = np.where(smoker, np.exp(spread * np.log(number("smoker_high_dose")) / PROBIT), 1.0)
    dose = told.positive("opioid_dose_mg", _DOSE, number("opioid_dose_median") * higher, spread)
    limb = (so_far.pop("limb_part") - number("limb_mean")) / number("limb_spread")
    usual = number("epidural_steroid") / (1 - number("epidural_steroid"))
    logit = np.log(usual) + np.log(number("epidural_limb_odds")) * limb
    epidural = told.chance("epidural_steroid", _EPIDURAL, pained / (1 + np.exp(-logit)))
    median, wide = number("epidural_weeks_median"), number("epidural_weeks_spread")
    since = told.positive("epidural_steroid_weeks", _WEEKS_SINCE, median, wide, duration * _WEEKS)
    care = told.positive("conservative_months", _CARE, number("care_median"), number("care_spread"), duration)
    return {
        "conservative_months": care * pained,
        "epidural_steroid": epidural,
        "epidural_steroid_weeks": np.where(epidural, since, np.nan),
        "opioids": opioids,
        "opioid_dose_mg": np.where(opioids, dose, 0.0),
        "expectation": told.normal("expectation", _EXPECTS, 0.0, number("expectation_spread")),
    }


