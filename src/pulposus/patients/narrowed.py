"""One person among all who may come: what is known of them narrows the rest.

What: `fit` takes facts of a person, what scans showed, and scores of any number of visits, and gives people as this one
may be, with the usual level of pain and disability and the fields that `pulposus run` asks for; `case` puts those into
the form of a case, each number with its width.
Equations: those of `told` (facts and scans weigh) and `scores` (visits narrow the usual level, conjugate); readings of
a grade that agree are taken as they are, others with a spread; ``w(grade) = p(T2 | grade)``, or the chances that a
picture gives; weights w are drawn again to rows of one weight unless asked otherwise.
Reads: as `drawn`; T2 by grade. Writes: nothing.
Why this holds: nothing told gives all who may come; everything told gives one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import norm

from pulposus import evidence, scanner
from pulposus.errors import InputError, nearest
from pulposus.patients import drawn, sizes
from pulposus.patients.grades import GRADES
from pulposus.patients.scores import SCORES, TOP
from pulposus.patients.who import LEVELS_OF, Who

if TYPE_CHECKING:
    import pandas as pd

_WORDS = {"sex": ("male", "female"), "endplate": ("intact", "sclerotic")}
_TRUTHS = ("smoker", "modic", "herniation", "opioids", "epidural_steroid")
_NUMBERS = (
    *("age", "bmi", "body_height_cm", "duration_months", "opioid_dose_mg", "conservative_months"),
    *("epidural_steroid_weeks", "expectation", *sizes.COLUMNS),
)
_SCAN = ("level", "grade", "chances", "t2", "signal", "echo", "height_share", "height_index")
_SHORT = dict(zip(("height", "ap", "width"), sizes.COLUMNS, strict=True)) | {name: name for name in sizes.COLUMNS}
_NEVER_NONE = 1e-6  # maths: least likelihood of a grade, so that one strange picture leaves somebody
_ENDS = (0.05, 0.95)  # maths: nine tenths of the chance
_AS_USUAL = 1.0  # maths: a height that has not fallen

Rows = Mapping[str, Any] | Sequence[Mapping[str, Any]]


def fit(
    person: Mapping[str, Any],
    scans: Rows = (),
    scores: Rows = (),
    count: int = 20_000,  # maths: people, of whom enough are left where much is known
    seed: int = 0,
    again: bool = True,
) -> pd.DataFrame:
    """People as this one may be, a row each, with `weight`.

    person: columns of `draw` (age, sex, bmi, smoker, level, "grade L4-L5", region, country, pain ...). scans: a row a
    disc and picture: level (that of the person if not said, and where all are of one disc, the other way round), grade,
    t2 (ms), signal (over fluid; echo in ms, height_share), chances (grade -> chance), height_index, height, ap, width
    (mm; several are averaged). scores: a row a visit: pain, disability, limb_pain, 0 to 100.
    again: drawn again, so that every row weighs alike; else as drawn, with weights.
    Raises InputError for what does not exist or is not possible, and where nobody like this is left.
    """
    known, visits = _split(person, _listed(scores))
    seen = _listed(scans)
    named = {str(scan["level"]) for scan in seen if "level" in scan}
    if "level" not in known and len(named) == 1:
        known["level"] = named.pop()
    who, known = _who(known)
    reads = _reads(who, known, seen)
    indices = [_number("height_index", scan["height_index"]) for scan in _of_the_disc(who, known, seen, "height_index")]
    found, weight = drawn.people(np.arange(count), seed, who, known, visits, reads)
    for index in indices:
        own = found["mid_height_mm"] / found["ap_depth_mm"]
        weight = weight + norm.logpdf(index, own, who.number("within_height_index"))
    top = weight.max()
    if not np.isfinite(top):
        raise InputError("Nobody like this is among the people drawn; leave out a fact that may be wrong.")
    share = np.exp(weight - top)
    share = share / share.sum()
    if not again:
        return found.assign(weight=share)
    if np.allclose(share, 1 / count):  # nothing told that chance could have told otherwise
        return found.assign(weight=1 / count)
    # evenly spaced along the heap of weights: less chance than drawing each anew
    chosen = np.searchsorted(np.cumsum(share), (np.arange(count) + 0.5) / count)
    chosen = np.random.default_rng(seed).permutation(np.minimum(chosen, count - 1))
    return found.iloc[chosen].reset_index(drop=True).assign(weight=1 / count)


def case(people: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """What `pulposus run` asks of one person, from `fit`: value, and the ends of nine tenths of the chance.

    Keys are those of a case: person age and sex; disc level, grade, endplate, height, ap_depth and width in mm. A word,
    and a grade, is the likeliest, with its chance; sizes are those of people with that level and grade.
    """
    weight = people["weight"].to_numpy(float)
    level, level_share = _likeliest(people["level"], weight)
    of_level = people[people["level"] == level]
    grade, grade_share = _likeliest(of_level["grade"], of_level["weight"].to_numpy(float))
    alike = of_level[of_level["grade"] == grade]
    sex, sex_share = _likeliest(people["sex"], weight)
    endplate, endplate_share = _likeliest(alike["endplate"], alike["weight"].to_numpy(float))
    names = dict(zip(("height", "ap_depth", "width"), sizes.COLUMNS, strict=True))
    return {
        "person": {"age": _span(people["age"], weight), "sex": {"value": sex, "chance": sex_share}},
        "disc": {
            "level": {"value": level, "chance": level_share},
            "grade": {"value": int(grade), "chance": grade_share},
            "endplate": {"value": endplate, "chance": endplate_share},
            **{name: _span(alike[column], alike["weight"].to_numpy(float)) for name, column in names.items()},
        },
    }


def _likeliest(values: pd.Series, weight: np.ndarray) -> tuple[Any, float]:
    options, places = np.unique(values.to_numpy(), return_inverse=True)
    whole = np.bincount(places, weights=weight)
    return options[whole.argmax()], float(whole.max() / whole.sum())


def _span(values: pd.Series, weight: np.ndarray) -> dict[str, float]:
    order = np.argsort(values.to_numpy(float))
    sorted_values, heap = values.to_numpy(float)[order], np.cumsum(weight[order]) / weight.sum()
    low, middle, high = (float(sorted_values[np.searchsorted(heap, q)]) for q in (_ENDS[0], 0.5, _ENDS[1]))
    return {"value": middle, "low": low, "high": high}


# ---------------------------------------------------------------------------------------------- what is told


def _listed(rows: Rows) -> list[Mapping[str, Any]]:
    return [rows] if isinstance(rows, Mapping) else list(rows)


def _split(
    person: Mapping[str, Any], scores: list[Mapping[str, Any]]
) -> tuple[dict[str, Any], list[dict[str, float]]]:
    """Facts, and visits; scores among the facts are a visit of their own, the last."""
    known = {name: value for name, value in person.items() if name not in SCORES}
    own = {name: person[name] for name in SCORES if name in person}
    visits = []
    for visit in [*scores, own] if own else scores:
        for name in visit:
            if name not in (*SCORES, "month"):
                raise InputError(f"A visit has no {name!r}{nearest(name, SCORES)}; known: {', '.join(SCORES)}.")
        told = {name: _number(name, value) for name, value in visit.items() if name in SCORES}
        for name, value in told.items():
            if not 0 <= value <= TOP:
                raise InputError(f"A {name} of {value:g} is not possible; give 0 to {TOP:g}.")
        visits.append(told)
    return known, visits


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise InputError(f"{name} is {value!r}, not a number; give one, or leave it out.")
    return float(value)


def _who(known: dict[str, Any]) -> tuple[Who, dict[str, Any]]:
    """Whose part of the spine it is, and facts held to what they may be."""
    level = evidence.level_named(str(known["level"])) if "level" in known else ""
    grades = [name for name in known if name.startswith("grade ")]
    of_level = level or (grades[0].removeprefix("grade ") if grades else "")
    by_level = "cervical" if of_level.startswith("C") else "lumbar"
    who = Who(str(known.get("region", by_level)), country=str(known.get("country", "")))
    held: dict[str, Any] = {"level": level} if level else {}
    if level and level not in who.levels:
        raise InputError(f"{level} is no {who.region} disc that is drawn; write one of {', '.join(who.levels)}.")
    columns = (*_NUMBERS, *_TRUTHS, *_WORDS, "level", "region", "country", "grade", *SCORES)
    columns = (*columns, *(f"grade {name}" for name in who.levels))
    for name, value in known.items():
        if name not in columns:
            raise InputError(f"Nothing called {name!r} is known of people{nearest(name, columns)}.")
        if name in _NUMBERS or name.startswith("grade"):
            held[name] = _number(name, value)
        elif name in _TRUTHS:
            if value not in (True, False, "yes", "no"):
                raise InputError(f"{name} is {value!r}; write true or false.")
            held[name] = value in (True, "yes")
        elif name in _WORDS and value not in _WORDS[name]:
            words = " or ".join(_WORDS[name])
            raise InputError(f"Nobody like this is among the people drawn: {name} is {value!r}; write {words}.")
        elif name in _WORDS:
            held[name] = value
    if "epidural_steroid_weeks" in held:
        held["epidural_steroid"] = True
    if "opioid_dose_mg" in held:
        held["opioids"] = held["opioid_dose_mg"] > 0
        if not held["opioids"]:
            del held["opioid_dose_mg"]
    return who, held


def _reads(who: Who, known: dict[str, Any], scans: list[Mapping[str, Any]]) -> dict[str, np.ndarray]:
    """Level -> how likely what was seen of its disc is for each grade; sizes of the scans go into what is known."""
    likely: dict[str, np.ndarray] = {}
    read: dict[str, list[float]] = {}
    for name in [name for name in known if name.startswith("grade")]:
        level = name.removeprefix("grade").strip() or known.get("level", "")
        if not level:
            raise InputError("A grade is told, and not of which disc; give level too, or write 'grade L4-L5'.")
        read.setdefault(level, []).append(known.pop(name))
    for scan in scans:
        level = _level_of(who, known, scan)
        if "grade" in scan:
            read.setdefault(level, []).append(_number("grade", scan["grade"]))
        for chances in _pictured(scan):
            likely[level] = likely.get(level, np.ones(len(GRADES))) * np.maximum(chances, _NEVER_NONE)
    for short, column in _SHORT.items():
        values = [_number(short, scan[short]) for scan in _of_the_disc(who, known, scans, short)]
        if any(value <= 0 for value in values):
            raise InputError(f"A {short} of {min(values):g} mm is not possible; give it above nought.")
        if values:
            known[column] = float(np.mean(values))
    for level, grades in read.items():
        likely[level] = likely.get(level, np.ones(len(GRADES))) * _graded(who, grades)
    return likely


def _graded(who: Who, read: list[float]) -> np.ndarray:
    """How likely readings are for each grade: exact where all agree on a whole one, else with the spread of readers."""
    for value in read:
        if not GRADES[0] <= value <= GRADES[-1]:
            raise InputError(f"A grade of {value:g} is not possible; Pfirrmann grades go from 1 to 5.")
    if len(set(read)) == 1 and read[0] == int(read[0]):
        return (np.array(GRADES) == read[0]).astype(float)
    off = (np.array(GRADES)[:, None] - np.array(read)) / who.number("within_grade")
    return np.exp(-0.5 * (off**2).sum(1))


def _level_of(who: Who, known: Mapping[str, Any], scan: Mapping[str, Any]) -> str:
    names = (*_SCAN, *_SHORT)
    for name in scan:
        if name not in names:
            raise InputError(f"A scan has no {name!r}{nearest(name, names)}; known: {', '.join(names)}.")
    level = evidence.level_named(str(scan["level"])) if "level" in scan else str(known.get("level", ""))
    if level not in who.levels:
        raise InputError(
            f"A scan is of {level or 'no disc that is named'}; give level as one of {', '.join(LEVELS_OF[who.region])}."
        )
    return level


def _pictured(scan: Mapping[str, Any]) -> list[np.ndarray]:
    """What signal, T2 or a picture's own chances say of each grade."""
    found = []
    if "chances" in scan:
        found.append(np.array([float(scan["chances"].get(grade, 0.0)) for grade in GRADES]))
    if "signal" in scan:
        share = _number("height_share", scan.get("height_share", _AS_USUAL))
        chances = scanner.graded(_number("signal", scan["signal"]), share, scan.get("echo"))
        found.append(np.array([chances[grade] for grade in GRADES]))
    if "t2" in scan:
        rows = [evidence.used(f"nucleus_t2_grade{grade}") for grade in GRADES]
        seen = _number("t2", scan["t2"])
        found.append(np.array([norm.pdf(seen, row.value, 0.5 * (row.high - row.low)) for row in rows]))
        found[-1] = found[-1] / max(found[-1].max(), np.finfo(float).tiny)
    return found


def _of_the_disc(
    who: Who, known: Mapping[str, Any], scans: list[Mapping[str, Any]], key: str
) -> list[Mapping[str, Any]]:
    """Scans of the disc that is looked at in which something was measured."""
    having = [scan for scan in scans if key in scan]
    if having and "level" not in known:
        raise InputError(f"{key} is of the disc that is looked at; give the level of the person, for example L4-L5.")
    return [scan for scan in having if _level_of(who, known, scan) == known["level"]]
