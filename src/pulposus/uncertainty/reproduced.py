"""Placebo arms, natural course and regression to the mean as they were published, and what people of the law print.

What: `reproduce` draws, for every arm in which nothing was given and every row of ``evidence/published.csv``, many
trials of as many people with the starts that were printed, and gives the 90 % interval of what such a trial prints,
inside or outside; `words` scores rows that are only words; `counted` counts, apart arms that were in the fit, pooled
rows that are terms of it (calibration), those that a prior was taken from, those of people who are in the fit otherwise
(overlap), and all others.
Equations: those of `outcomes.person`, with each of its draws, a trial's own place from its t distribution, and the
chance of its people; where their number was not printed, as many as of the same arm at another time, or of another
arm of the trial. A printed percentage is taken for the whole people that it is of. Where a pooled result has an
interval of its own, that stands for its people.
Reads: `evidence.trials`, `evidence.published`, draws of ``responses_*.csv``. Writes: nothing.
Why this holds: the law of an arm was fitted to means and shares; here people are drawn one by one, so that ends of the
scale, what a person's scores share and which of them are missing count too.
Source: rows as given there.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pulposus import evidence
from pulposus.errors import InputError, nearest
from pulposus.evidence import published, trials
from pulposus.evidence.published import Published
from pulposus.evidence.trials import Result
from pulposus.outcomes import person, reported, scores
from pulposus.outcomes.person import Followed, Given
from pulposus.outcomes.response import TOP, Parts
from pulposus.uncertainty import attendance
from pulposus.uncertainty.trials import FREEDOMS, POPULATIONS, prior

if TYPE_CHECKING:
    import pandas as pd

_TAILS = (0.05, 0.95)  # maths: ends of a 90 % interval
_TRIALS = 600  # maths: trials of each row
_MOST = 200  # maths: people of a simulated trial; of more, chance is scaled
_INTERVAL = 3.92  # maths: standard errors between the ends of a 95 % interval
_SIGNIFICANT = 1.96  # maths: standard errors of a two-sided test at 5 %
_EVEN = 0.5  # maths: more likely than not
_CARRIERS = (("MSB-DR001", "HA"),)  # given as a control
_BY_DRUGS = {"sham (opioid decreased)": True, "sham (opioid increased)": False}
Tell = Callable[[int, int, str], None]


class Asked(NamedTuple):
    """One row to be reproduced: people, what is asked of them, what was printed."""

    what: str
    group: str
    given: Given
    quantity: str
    begins: float
    months: float
    n: float
    printed: float
    error: float  # of the printed value, where it has an interval of its own
    pain: tuple[float, float]  # mean and spread at start
    disability: tuple[float, float]
    fitted: str
    source: str


# ---------------------------------------------------------------------------------------------- rows


def asked(region: str) -> list[Asked]:
    """All rows of a region with a number: arms without a treatment, then those of published.csv."""
    if region not in trials.REGIONS:
        raise InputError(f"Unknown region {region!r}{nearest(region, trials.REGIONS)}; write lumbar or cervical.")
    arms = [_of_result(r) for r in trials.results() if r.arm.region == region and _alone(r)]
    rest = [_of_published(row) for row in published.published() if row.region == region and not row.says]
    return arms + rest


def _alone(r: Result) -> bool:
    """Whether an arm had nothing but a placebo, usual care, or time, and its number is known."""
    nothing = not r.arm.parts or (r.arm.trial, r.arm.name) in _CARRIERS
    known = evidence.outcome(f"weight_tier_{r.tier}").value > 0 and r.statistic != "beside"
    return nothing and known and r.arm.population in POPULATIONS


def _of_result(r: Result) -> Asked:
    arm, chronic = r.arm, "radicular" not in r.arm.population
    given = Given(
        arm.region,
        "chronic" if chronic else "radicular",
        arm.procedure,
        arm.aware,
        arm.parts,
        arm.controlled,
    )
    start = {"pain": (math.nan, math.nan), "disability": (math.nan, math.nan)}
    beside = [b for b in trials.trial(arm.trial) if b.arm == arm and not math.isnan(b.baseline)]
    for b in [*beside, *([] if math.isnan(r.baseline) else [r])]:
        if b.endpoint.domain == "disability":
            start["disability"] = (b.baseline, b.baseline_sd)
        elif b.endpoint.domain == r.endpoint.domain or r.endpoint.domain in ("disability", "both"):
            start["pain"] = (b.baseline, b.baseline_sd)
    course = arm.aware == "untreated" or arm.treatment == "usual_care" or arm.procedure == "none"
    quantity = r.endpoint.outcome if r.statistic == "share" else f"{r.statistic}_{_kind(r)}"
    others = (other.used for other in trials.arms().values() if other.study == arm.study)
    fitted, value = "yes" if arm.used else "overlap" if any(others) else "no", r.value
    if r.statistic == "share" and not math.isnan(r.n):
        value = round(r.value * r.n) / r.n  # a percentage was printed of whole people
    where = (arm.name, "course" if course else "placebo", given, quantity, 0.0, r.months, _people(r), value, math.nan)
    source = f"{arm.study}: {r.endpoint.outcome}"
    return Asked(*where, start["pain"], start["disability"], fitted, source)


def _people(r: Result) -> float:
    """People of a result, or of its arm at another time, or of another arm of its trial; NaN where none is known."""
    beside = [b for b in trials.trial(r.arm.trial) if not math.isnan(b.n)]
    known = [r.n] if not math.isnan(r.n) else [b.n for b in beside if b.arm == r.arm] or [b.n for b in beside]
    return min(known, default=math.nan)


def _kind(r: Result) -> str:
    """Which of a person's scores a mean is of."""
    if r.endpoint.domain == "disability":
        return "disability"
    radicular = "radicular" in r.arm.population
    return "axial" if r.endpoint.domain == "neck" and radicular else "pain"


def _of_published(row: Published) -> Asked:
    given = Given(row.region, row.population, row.procedure, row.aware, row.treatments, row.controlled)
    error = (row.high - row.low) / _INTERVAL
    starts = (row.pain, row.pain_sd), (row.disability, row.disability_sd)
    where = (row.what, row.group, given, row.quantity, row.begins, row.months, row.n, row.published, error)
    return Asked(*where, *starts, row.fitted, row.source)


# ---------------------------------------------------------------------------------------------- people


class _Trials(NamedTuple):
    """Many trials of one row: which draw each is of, and its people, one after the other."""

    draws: np.ndarray  # (trial,)
    each: int  # people of each
    place: np.ndarray  # (trial,)
    starts: dict[str, np.ndarray]  # (trial * each,)


def _drawn(random: np.random.Generator, row: Asked) -> _Trials:
    few = evidence.outcome("people_unknown").value
    count = int(min(few if math.isnan(row.n) else row.n, _MOST)) if math.isnan(row.error) else _MOST
    draws = np.arange(_TRIALS) % len(person.responses(row.given.region)[1])
    place = person.drawn(row.given.region, "trial_spread")[draws] * random.standard_t(FREEDOMS, _TRIALS)
    starts = {}
    for name, (mean, spread) in (("pain", row.pain), ("disability", row.disability)):
        begin = np.full(_TRIALS, mean)
        if math.isnan(mean):
            begin = random.normal(*prior(f"start_unknown_{name}")[1:], _TRIALS)
        if row.quantity == f"regression_{name}":
            # the start of such a row is told from the usual level
            begin = begin + person.drawn(row.given.region, f"{row.given.region}_typical_{name}")[draws]
        wide = evidence.outcome(f"start_spread_{name}").value if math.isnan(spread) else spread
        people = begin[:, None] + wide * random.standard_normal((_TRIALS, count))
        starts[name] = np.clip(people, 0, TOP).ravel()
    return _Trials(draws, count, place, starts)


def _lived(
    random: np.random.Generator, row: Asked, made: _Trials, parts: Parts, given: Given | None = None
) -> Followed:
    """Their scores, at the first and the last visit asked for."""
    own = given or row.given
    axial = row.quantity.endswith("_axial")
    return person.follow(
        random,
        own,
        made.starts["pain"],
        made.starts["disability"],
        [row.begins, row.months],
        parts,
        draws=np.repeat(made.draws, made.each),
        place=np.repeat(made.place, made.each),
        limb=made.starts["pain"] if axial else None,
    )


def simulated(random: np.random.Generator, row: Asked, parts: Parts = Parts()) -> np.ndarray:
    """What trials of a row print (trial,), with the chance of their people or the error of the printed value."""
    parts = Parts(1.0, 0.0, 0.0, 0.0, 0.0) if row.quantity.startswith("regression") else parts
    made = _drawn(random, row)
    seed = int(random.integers(2**32))
    found = _lived(np.random.default_rng(seed), row, made, parts)
    if row.quantity.startswith("against"):
        other = _lived(np.random.default_rng(seed + 1), row, made, parts, _other(row))
        value = _against(row, made, found, other)
    elif row.quantity == "missing":
        value = _who_is_missing(random, row, made)
    elif row.what in _BY_DRUGS:
        value = _by_drugs(random, row, made, found)
    else:
        value = _printed(random, row, made, found)
    if not math.isnan(row.error):
        value = value + row.error * random.standard_normal(value.shape)
    elif row.n > _MOST:
        # of more people than were drawn: their chance is less by the root of how many more
        middle = _by_draw(value, made.draws)
        value = middle + (value - middle) * math.sqrt(_MOST / row.n)
    return value


def _by_draw(value: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """Mean of trials of one draw, at each trial."""
    return (np.bincount(draws, value) / np.bincount(draws))[draws]


def _other(row: Asked) -> Given:
    """Whom the people of a row are held against."""
    bare = replace(row.given, treatments=())
    if "untreated" in row.quantity:
        return replace(bare, aware="untreated", procedure="none")
    if "usual" in row.quantity:
        return replace(bare, aware="open", procedure="none")
    return bare


def _score(row: Asked, found: Followed) -> tuple[np.ndarray, np.ndarray]:
    """Start (person,) and visits (person, 2) of the score that is asked for."""
    if row.quantity.endswith("disability"):
        return found.disability_start, found.disability
    return found.pain_start, found.pain


def _against(row: Asked, made: _Trials, found: Followed, other: Followed) -> np.ndarray:
    """Standardised difference of follow-up means."""
    one, two = (_score(row, f)[1][:, 1].reshape(_TRIALS, -1) for f in (found, other))
    return (one.mean(1) - two.mean(1)) / np.sqrt((one.var(1) + two.var(1)) / 2)


def _printed(random: np.random.Generator, row: Asked, made: _Trials, found: Followed) -> np.ndarray:
    """A statistic of each trial's people."""
    start, visits = _score(row, found)
    before, first, last = (x.reshape(_TRIALS, -1) for x in (start, visits[:, 0], visits[:, 1]))
    first = first if row.begins > 0 else before
    name = row.quantity.rsplit("_", 1)[0]
    if name in ("change", "regression"):
        return (last - before).mean(1)
    if name == "percent":
        return (last - before).mean(1) / before.mean(1)
    if name == "level":
        return last.mean(1)
    if name == "effect_size":
        return (before - last).mean(1) / before.std(1)
    if name == "correlation":
        apart = [x - x.mean(1, keepdims=True) for x in (first, last)]
        return (apart[0] * apart[1]).mean(1) / np.maximum(first.std(1) * last.std(1), np.finfo(float).eps)
    if name == "spread_change":
        return (last - before).std(1)
    if name == "spread":
        return last.std(1)
    if row.quantity == "much_improved":
        said = reported.reported(random, row.given.region, found, ["pgic"])["pgic"][:, 1]
        return (said <= scores.score("pgic").important_change).reshape(_TRIALS, -1).mean(1)
    met = reported.responders(
        row.quantity, found.pain_start, found.pain, found.disability_start, found.disability, row.given.region
    )
    return met[:, 1].reshape(_TRIALS, -1).mean(1)


def _who_is_missing(random: np.random.Generator, row: Asked, made: _Trials) -> np.ndarray:
    """Share that is missing at a visit of trials, each at a place of its own; numbers over their ranges."""
    rate, middle, spread = (
        np.clip(person.drawn(row.given.region, name)[made.draws], found.low, found.high)
        for name, found in ((name, evidence.outcome(name)) for name in attendance.NAMES)
    )
    missed = attendance.missed(middle, spread, random.standard_normal(_TRIALS))
    return random.binomial(made.each, attendance.lost(rate, missed, row.months)) / made.each


def _by_drugs(random: np.random.Generator, row: Asked, made: _Trials, found: Followed) -> np.ndarray:
    """Change of those who stopped opioids (or began): n of them from all people that were drawn, trial after trial."""
    taken = reported.reported(random, row.given.region, found, ["opioid"], start=True)["opioid"]
    chosen = (taken[:, 0] & ~taken[:, 2]) if _BY_DRUGS[row.what] else (~taken[:, 0] & taken[:, 2])
    start, visits = _score(row, found)
    pool = (visits[:, 1] - start)[chosen]
    picked = random.integers(pool.size, size=(_TRIALS, int(row.n)))
    return pool[picked].mean(1)


# ---------------------------------------------------------------------------------------------- tables


def reproduce(region: str, seed: int = 0, tell: Tell = lambda *_: None) -> pd.DataFrame:
    """A row for each published number of a region: printed with its people, ours with a 90 % interval, inside or not.

    `bare` is ours without regression and course, of mean changes of those who know that they got nothing. Raises
    InputError for another region.
    """
    import pandas as pd

    rows, every = list[dict[str, Any]](), asked(region)
    for number, row in enumerate(every):
        tell(number, len(every), row.what)
        drawn = simulated(np.random.default_rng([seed, number]), row)
        low, high = np.quantile(drawn, _TAILS)
        rows.append(
            {
                "region": region,
                "group": row.group,
                "source": row.source,
                "what": row.what,
                "people": f"{row.given.population}, {row.given.aware}, {row.given.procedure}",
                "quantity": row.quantity,
                "months": row.months,
                "n": row.n,
                "published": row.printed,
                "ours": float(np.median(drawn)),
                "low": float(low),
                "high": float(high),
                "inside": bool(low <= row.printed <= high),
                "fitted": row.fitted,
                "bare": _bare(np.random.default_rng([seed, number]), row),
            }
        )
    tell(len(every), len(every), "")
    return pd.DataFrame(rows)


def _bare(random: np.random.Generator, row: Asked) -> float:
    if row.given.aware != "untreated" or not row.quantity.startswith("change"):
        return math.nan
    return float(np.median(simulated(random, row, Parts(regression=0.0, course=0.0))))


def words(region: str, seed: int = 0) -> pd.DataFrame:
    """Rows that are only words: the chance that such a trial would find what they deny, and whether that agrees.

    Scored by sign and equivalence: `chance` of a significant fall (or difference), and the share of draws in which the
    expected one is less than the least important (`equivalent`).
    """
    import pandas as pd

    rows = []
    draws = np.arange(_TRIALS) % len(person.responses(region)[1])
    for number, row in enumerate(r for r in published.published() if r.region == region and r.says):
        one = _of_published(row)._replace(error=math.nan)
        random = np.random.default_rng([seed, number])
        drawn = simulated(random, one)
        large = simulated(np.random.default_rng([seed, number]), one._replace(n=float(_MOST)))
        if row.says == "no fall":
            spread = simulated(random, one._replace(quantity=f"spread_{row.quantity}"))
            certain = np.abs(drawn) / (spread / math.sqrt(row.n)) > _SIGNIFICANT
            certain &= drawn < 0
            least = evidence.outcome("equivalence_pain").value
        else:
            certain = np.abs(drawn) > _SIGNIFICANT * math.sqrt(2 / row.n)
            least = evidence.outcome("equivalence_pain").value / evidence.outcome("pain_spread").value
        chance = float(certain.mean())
        rows.append(
            {
                "region": region,
                "what": row.what,
                "says": row.says,
                "months": row.months,
                "n": row.n,
                "ours": float(np.median(drawn)),
                "low": float(np.quantile(drawn, _TAILS[0])),
                "high": float(np.quantile(drawn, _TAILS[1])),
                "equivalent": float((np.abs(_by_draw(large, draws)) < least).mean()),
                "chance": chance,
                "agrees": chance < _EVEN,
                "fitted": row.fitted,
                "source": row.source,
            }
        )
    return pd.DataFrame(rows)


def counted(rows: pd.DataFrame) -> pd.DataFrame:
    """How many rows lie inside, by group and by whether they were fitted, with the exact 90 % interval of the share."""
    import pandas as pd
    from scipy import stats

    found = []
    for keys in (["group", "fitted"], ["fitted"]):
        for key, part in rows.groupby(keys):
            group, fitted = key if len(keys) > 1 else ("all", key[0])
            inside = int(part["inside"].sum())
            exact = stats.binomtest(inside, len(part)).proportion_ci(0.9)  # maths: a 90 % interval
            found.append((group, fitted, len(part), inside, inside / len(part), exact.low, exact.high))
    return pd.DataFrame(found, columns=["group", "fitted", "rows", "inside", "share", "share_low", "share_high"])
