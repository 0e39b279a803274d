"""What candidacy may know of a drawn person, and who meets a list of criteria.

What: `facts` are those of one person, with the names of ``evidence/facts.csv`` and the scales of the part of the spine;
`meets` says who fails none of the criteria of a list. Reads: the criteria. Writes: nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pulposus import candidacy
from pulposus.evidence import criteria

if TYPE_CHECKING:
    import pandas as pd

    from pulposus.evidence.criteria import Term

# Facts that are a column as it is.
_COLUMNS = {
    "age": "age",
    "bmi": "bmi",
    "pain_duration": "duration_months",
    "axial_pain": "pain",
    "limb_pain": "limb_pain",
    "pfirrmann": "grade",
    "conservative_months": "conservative_months",
    "opioid_dose": "opioid_dose_mg",
}


def facts(row: Mapping[str, Any]) -> dict[str, float | str]:
    """What candidacy may know of a drawn person."""
    region = str(row["region"])
    told: dict[str, float | str] = {name: float(row[column]) for name, column in _COLUMNS.items()}
    told |= {"region": region, "sex": str(row["sex"]), "level": str(row["level"])}
    told["ndi" if region == "cervical" else "odi"] = float(row["disability"])
    told["epidural_steroid"] = "yes" if row["epidural_steroid"] else "no"
    if row["epidural_steroid"]:
        told["epidural_steroid_weeks"] = float(row["epidural_steroid_weeks"])
    if not row["herniation"]:
        told["herniation"] = "none"
    if not row["modic"]:
        told["modic"] = 0.0
    return told


def meets(people: pd.DataFrame, trial: str, enough: int | None = None) -> np.ndarray:
    """True for people who fail none of the criteria of a list; what a drawn person does not tell is not asked.

    enough: after so many, nobody else is looked at.
    """
    possible = np.ones(len(people), bool)
    for rule in criteria.criteria_of(trial):
        plain = [terms for terms in rule.any_of if len(terms) == 1 and _column(terms[0]) in people]
        if rule.role == "include" and len(plain) == len(rule.any_of):  # quickly, those whom one number leaves out
            possible &= np.any([_holds(people, terms[0]) for terms in plain], axis=0)
    places = np.flatnonzero(possible)
    found = np.zeros(len(people), bool)
    for place, row in zip(places, people.iloc[places].to_dict("records"), strict=True):
        found[place] = not candidacy.held(trial, facts(row)).unmet
        if enough is not None and found.sum() >= enough:
            break
    return found


def _column(term: Term) -> str:
    return _COLUMNS.get(term.fact, "disability" if term.fact in ("odi", "ndi") else "")


def _holds(people: pd.DataFrame, term: Term) -> np.ndarray:
    value = people[_column(term)].to_numpy(float)
    region = people["region"].to_numpy()
    if term.fact in ("odi", "ndi"):  # the other part of the spine has no such score, so nothing is known
        asked = region == ("cervical" if term.fact == "ndi" else "lumbar")
    else:
        asked = np.ones(len(people), bool)
    if not isinstance(term.low, float):
        return np.ones(len(people), bool)
    held = {
        ">=": value >= term.low,
        ">": value > term.low,
        "<=": value <= term.low,
        "<": value < term.low,
        "==": value == term.low,
        "..": (value >= term.low) & (value <= term.high),
    }.get(term.sign, np.ones(len(people), bool))
    return held | ~asked
