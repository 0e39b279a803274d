"""What a trial writes down of people who are followed: scores on their printed scales, drugs, and what is missing.

What: `reported` turns people of `person.follow` into VAS and NRS, ODI or NDI, SF-36 PCS, EQ-5D, the impression of
change, use of opioids, NSAIDs and steroids, and visits without a score; `responders` counts by a rule; `described`
gives mean, spread, floor, ceiling and missing of each; `between_visits` how scores correlate.
Equations: NRS is the whole tenth of VAS; ODI and NDI go in steps of one item; SF-36 PCS and EQ-5D are linear in scores
with what is left over in a person, of which a share stays; impression of change: the share of the worse pain that is
gone, and noise, against thresholds. A drug is taken where ``logit p = logit p_0 + b (pain - pain_0) / 10`` passes the
person's own place, which mostly stays. A person leaves at a rate, with ``logit`` of leaving moved by disability against
that of the others at the visit (not random: `informative`), and after conversion to surgery.
Reads: `person.Followed`, ``evidence/outcomes.csv``, ``scores.csv``, ``endpoints.csv``. Writes: nothing.
Why this holds: scores end where their scales end, and rounding is that of the form; use of drugs follows pain loosely;
registries that asked those who had not answered found them a little worse, or no different.
Source: Carreon 2013, Farrar 2001, Gore 2012, norspine2023 and endler2020 of the evidence; for EQ-5D of the neck no
coefficients were found, and none are made up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import jax.numpy as jnp
import numpy as np
from scipy.special import ndtr

from pulposus import evidence
from pulposus.errors import InputError, nearest
from pulposus.evidence import trials
from pulposus.outcomes import scores
from pulposus.outcomes.chance import ByPerson
from pulposus.outcomes.person import Followed
from pulposus.outcomes.response import Limits
from pulposus.outcomes.scores import NdiPercent, OdiPercent

if TYPE_CHECKING:
    import pandas as pd

_TEN, _YEAR, _ITEM = 10.0, 12.0, 2.0  # maths: points of a tenth, months of a year, percent that one item's step is
_AXIAL, _LIMB = {"lumbar": "back", "cervical": "neck"}, {"lumbar": "leg", "cervical": "arm"}
INDEX = {"lumbar": "odi", "cervical": "ndi"}
DRUGS = ("opioid", "nsaid", "steroid")
MISSING = "missing"
# rule -> outcome of endpoints.csv; the last two are the least change that matters, of scores.csv
RULES = {
    "30_percent": "responder >=30% VAS",
    "50_percent": "responder >=50% VAS",
    "respine": "responder (RESPINE composite)",
    "dr003": "composite success (>=50% VAS and >=15 ODI, no post-treatment intervention, at 12 AND 24 mo)",
    "15_points": "responder ODI >=15",
    "important_pain": "",
    "important_disability": "",
}


def names(region: str, axial: bool = True, limb: bool = True) -> tuple[str, ...]:
    """What can be reported of people of whom pain of back or neck, of leg or arm, or both were followed."""
    if region not in trials.REGIONS:
        raise InputError(
            f"Unknown region {region!r}{nearest(region, trials.REGIONS)}; write {' or '.join(trials.REGIONS)}."
        )
    pains = [place[region] for place, told in ((_AXIAL, axial), (_LIMB, limb)) if told]
    found = [f"{scale}_{place}" for place in pains for scale in ("vas", "nrs")] + [INDEX[region], "sf36_pcs", "pgic"]
    if region == "lumbar" and axial and limb:
        found.append("eq5d")
    return (*found, *DRUGS, MISSING)


def reported(
    random: np.random.Generator | ByPerson,
    region: str,
    followed: Followed,
    wanted: Sequence[str] | None = None,
    converted: np.ndarray | None = None,
    informative: bool = True,
    start: bool = False,
) -> dict[str, np.ndarray]:
    """What is written down at each visit (person, visit): keys of scores.csv, `DRUGS` and `MISSING` (true or false).

    wanted: names to be given, all that can be where none. converted: month of conversion to surgery (person,), NaN for
    none. informative: whether people who do badly, and those converted, are missing more. start: a first column for
    the start. Scores stand where they are missing too; `seen` takes them out. Raises InputError for a name that cannot
    be given: EQ-5D of the neck, or a pain that was not followed.
    """
    possible = names(region, followed.axial is not None, followed.limb is not None)
    for name in wanted or ():
        if name not in possible:
            raise InputError(_why_not(name, region, possible))
    months = np.concatenate([[0.0], followed.months])
    told = {"disability": _with(followed.disability_start, followed.disability)}
    for kind, begun, later in (
        ("axial", followed.axial_start, followed.axial),
        ("limb", followed.limb_start, followed.limb),
    ):
        if begun is not None and later is not None:
            told[kind] = _with(begun, later)
    made = {**_written(random, region, told), **_taken(random, told)}
    made[MISSING] = missing(random, months, told["disability"], converted, informative)
    first = 0 if start else 1
    return {name: made[name][:, first:] for name in (wanted or possible)}


def _why_not(name: str, region: str, possible: Sequence[str]) -> str:
    if name == "eq5d" and region == "cervical":
        return "EQ-5D of the neck cannot be told: no coefficients from NDI to it were found; ask for ndi or sf36_pcs."
    if name == "eq5d":
        return "EQ-5D is reckoned from back and leg pain; follow people with limb=, or leave it out."
    return f"{name!r} cannot be reported here{nearest(name, possible)}; choose among {', '.join(possible)}."


def _with(start: np.ndarray, later: np.ndarray) -> np.ndarray:
    return np.concatenate([start[:, None], later], 1)


def _worse(told: Mapping[str, np.ndarray]) -> np.ndarray:
    """The pain that was worse at start (person, visit)."""
    pains = [told[kind] for kind in ("axial", "limb") if kind in told]
    if len(pains) == 1:
        return pains[0]
    return np.where(pains[1][:, :1] > pains[0][:, :1], pains[1], pains[0])


def _left(random: np.random.Generator | ByPerson, shape: tuple[int, ...], spread: float) -> np.ndarray:
    """What is left over in people (person, visit), a share of it for good."""
    stays = evidence.outcome("pain_stability").value
    for_good, anew = random.standard_normal((shape[0], 1)), random.standard_normal(shape)
    return spread * (np.sqrt(stays) * for_good + np.sqrt(1 - stays) * anew)


def _written(
    random: np.random.Generator | ByPerson, region: str, told: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Scores on their printed scales."""
    disability, made = told["disability"], dict[str, np.ndarray]()
    for kind, places in (("axial", _AXIAL), ("limb", _LIMB)):
        if kind in told:
            made[f"vas_{places[region]}"] = np.round(told[kind])
            made[f"nrs_{places[region]}"] = np.round(told[kind] / _TEN)
    made[INDEX[region]] = np.round(disability / _ITEM) * _ITEM
    left = _left(random, disability.shape, evidence.outcome("sf36_pcs_left").value)
    made["sf36_pcs"] = _held("sf36_pcs", scores.sf36_pcs(disability) + left)
    left = _left(random, disability.shape, evidence.outcome("eq5d_left").value)
    if region == "lumbar" and {"axial", "limb"} <= set(told):
        made["eq5d"] = _held("eq5d", scores.eq5d(disability, told["limb"], told["axial"]) + left)
    made["pgic"] = _impression(random, _worse(told))
    return made


def _held(name: str, value: np.ndarray) -> np.ndarray:
    ends = scores.score(name)
    return np.clip(value, ends.low, ends.high)


def _impression(random: np.random.Generator | ByPerson, pain: np.ndarray) -> np.ndarray:
    """Impression of change, 1 (very much improved) to 7 (very much worse); 4 at start."""
    gone = (pain[:, :1] - pain) / np.maximum(pain[:, :1], 1.0)
    said = gone + _left(random, pain.shape, evidence.outcome("pgic_left").value)
    steps = sorted(evidence.outcome(f"pgic_{name}").value for name in ("very_much", "much", "minimally"))
    middle = 1 + len(steps)
    found = middle - sum((said >= step).astype(float) - (said <= -step) for step in steps)
    found[:, 0] = middle
    return found


def _taken(random: np.random.Generator | ByPerson, told: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Who takes what at each visit."""
    pain, made = _worse(told), {}
    usual, stays = (evidence.outcome(name).value for name in ("start_unknown_pain", "drug_stays"))
    for drug in DRUGS:
        share = evidence.population("opioids") if drug == "opioid" else evidence.outcome(f"{drug}_use")
        slope = evidence.outcome(f"{drug}_per_pain").value
        odds = np.log(share.value / (1 - share.value)) + slope * (pain - usual) / _TEN
        for_good, anew = random.standard_normal((pain.shape[0], 1)), random.standard_normal(pain.shape)
        place = ndtr(np.sqrt(stays) * for_good + np.sqrt(1 - stays) * anew)
        made[drug] = place < 1 / (1 + np.exp(-odds))
    return made


# ---------------------------------------------------------------------------------------------- missing


def missing(
    random: np.random.Generator | ByPerson,
    months: np.ndarray,
    disability: np.ndarray,
    converted: np.ndarray | None = None,
    informative: bool = True,
) -> np.ndarray:
    """Visits without a score (person, visit) at months (the first may be the start, which nobody misses).

    disability: (person, visit); people leave for good, or miss a visit. converted and informative as in `reported`.
    """
    found = absent(random, months, disability, converted, informative)
    return found.gone | found.misses


class Absent(NamedTuple):
    """Who has left the trial for good by a visit, and who misses it, (person, visit)."""

    gone: np.ndarray
    misses: np.ndarray


def absent(
    random: np.random.Generator | ByPerson,
    months: np.ndarray,
    disability: np.ndarray,
    converted: np.ndarray | None = None,
    informative: bool = True,
    yearly: float | None = None,
    others: float | np.ndarray | None = None,
) -> Absent:
    """As `missing`, those who left and those who missed apart. yearly: share that leaves in a year, that of the
    evidence where none is given. others: disability of the others (one number, or by visit), with which a person's is
    compared; the mean of those given where none, and then a person's chance hangs on who else is there.
    """
    rate = evidence.outcome("dropout_per_year").value if yearly is None else -np.log1p(-yearly)
    spans = np.diff(months, prepend=0.0)
    slope = evidence.outcome("missing_per_disability").value if informative else 0.0
    moved = slope * (disability - (disability.mean(0) if others is None else others)) / _TEN
    leaves = _moved(1 - np.exp(-rate / _YEAR * spans), moved)
    gone = np.cumsum(random.random(disability.shape) < leaves, 1) > 0
    misses = random.random(disability.shape) < _moved(
        np.where(months > 0, evidence.outcome("missed_visit").value, 0.0), moved
    )
    chance = random.random(disability.shape)
    if converted is not None and informative:
        after = months >= np.where(np.isnan(converted), np.inf, converted)[:, None]
        misses |= after & (chance < evidence.outcome("missing_converted").value)
    return Absent(gone, misses)


def _moved(chance: np.ndarray, logit: np.ndarray) -> np.ndarray:
    """A chance (visit,) with its logit moved (person, visit); what is impossible stays so."""
    odds = chance / (1 - chance) * np.exp(logit)
    return odds / (1 + odds)


def seen(found: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Scores as a trial has them: NaN where they are missing."""
    lost = found[MISSING]
    return {name: np.where(lost, np.nan, value) for name, value in found.items() if name != MISSING}


# ---------------------------------------------------------------------------------------------- read from them


def disability(found: Mapping[str, np.ndarray]) -> OdiPercent | NdiPercent:
    """The index of disability that was reported, as percent of its own kind; `.raw()` is in points."""
    return OdiPercent(found["odi"]) if "odi" in found else NdiPercent(found["ndi"])


def responders(
    rule: str,
    pain_start: np.ndarray,
    pain: np.ndarray,
    disability_start: np.ndarray,
    disability: np.ndarray,
    region: str = "lumbar",
) -> np.ndarray:
    """Who responds by a rule (person, visit): one of `RULES`, or a share of ``evidence/endpoints.csv``.

    Scores 0 to 100; starts (person,). Raises InputError with the nearest rule.
    """
    shares = [name for name, end in trials.endpoints().items() if end.statistic == "share"]
    if rule not in RULES and rule not in shares:
        raise InputError(f"Unknown rule {rule!r}{nearest(rule, [*RULES, *shares])}; write one of {', '.join(RULES)}.")
    if rule.startswith("important"):
        name = INDEX[region] if rule == "important_disability" else f"vas_{_AXIAL[region]}"
        before, after = (disability_start, disability) if rule == "important_disability" else (pain_start, pain)
        return before[:, None] - after >= scores.score(name).important_change
    end = trials.endpoints()[RULES.get(rule, rule)]
    met = []
    for kind, before, after in (("pain", pain_start, pain), ("disability", disability_start, disability)):
        limits = Limits(*(np.array(getattr(end, f"{kind}_{part}")) for part in ("share", "points", "below")))
        met.append(after <= np.asarray(limits.of(jnp.asarray(before)))[:, None])
    return met[0] | met[1] if end.join == "or" else met[0] & met[1]


def between_visits(score: np.ndarray, lost: np.ndarray | None = None) -> np.ndarray:
    """Correlation of a score between visits (visit, visit), of people who have both."""
    import pandas as pd

    held = score if lost is None else np.where(lost, np.nan, score)
    return np.asarray(pd.DataFrame(held).corr())


def described(found: Mapping[str, np.ndarray], months: Sequence[float]) -> pd.DataFrame:
    """A row for each score and visit: people seen, mean, spread, shares at the floor, at the ceiling and missing."""
    import pandas as pd

    rows, lost = [], found.get(MISSING)
    for name, value in found.items():
        if name == MISSING:
            continue
        low, high = (0.0, 1.0) if name in DRUGS else (scores.score(name).low, scores.score(name).high)
        for visit, month in enumerate(months):
            kept = value[:, visit] if lost is None else value[~lost[:, visit], visit]
            rows.append(
                {
                    "score": name,
                    "month": month,
                    "people": kept.size,
                    "mean": kept.mean() if kept.size else np.nan,
                    "spread": kept.std() if kept.size else np.nan,
                    "at_floor": (kept <= low).mean() if kept.size else np.nan,
                    "at_ceiling": (kept >= high).mean() if kept.size else np.nan,
                    "missing": 0.0 if lost is None else lost[:, visit].mean(),
                }
            )
    return pd.DataFrame(rows)
