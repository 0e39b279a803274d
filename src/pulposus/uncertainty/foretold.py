"""Every controlled trial foretold by a model that has not seen it: its arms, their difference, and whether they fit.

What: `leave_one_out` gives a row for each printed result of a study and for each pair of arms, with what was printed,
the 90 % interval that was foretold, and inside or outside; `words` does so for trials that report only words.
Equations: draws of everything weigh 1 / L_j, L_j the likelihood of study j, its own place (how much its people respond,
how bad they were at start) integrated out; the greatest weights are smoothed (Pareto; k above 0.7 says that the weights
cannot be trusted: such a study is counted apart, or sampled anew without it if one asks). A study's own place is drawn
as that of a new one, and the chance of its people is added.
Reads: results and draws of `trials`. Writes: nothing.
Why this holds: no study is used to foretell itself, and none of what makes a study its own is known beforehand.
Source: Vehtari, Gelman and Gabry 2017 (Pareto smoothed importance sampling).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from scipy import stats

from pulposus import evidence
from pulposus.evidence.trials import Result, worded
from pulposus.uncertainty import trials
from pulposus.uncertainty.trials import FREEDOMS, Draws, Places, Reading, prior

if TYPE_CHECKING:
    import pandas as pd

_TAILS = (0.05, 0.95)  # maths: ends of a 90 % interval
TRUSTED = 0.7  # maths: shape of the weights' tail above which they are not to be trusted (Vehtari 2017)
_PLACES = 64  # maths: places of a new study over which its likelihood is summed
_TAIL = 0.2  # maths: share of the weights that is smoothed
_SIGNIFICANT = 1.96  # maths: standard errors of a two-sided test at 5 %
_SAMPLED = ("numbers", "treatment", "study", "start")
_EVEN = 0.5  # maths: more likely than not
Tell = Callable[[int, int, str], None]


class Foretold(NamedTuple):
    """What a study was foretold to print: draws (draw, result) with the chance of its people, and the weights' tail."""

    drawn: np.ndarray
    expected: np.ndarray
    error: np.ndarray
    tail: float


def foretell(reading: Reading, draws: Draws, study: str, seed: int = 0, anew: bool = False) -> Foretold:
    """A study foretold from draws of everything; sampled anew without it where the weights are not to be trusted and
    `anew` says so.
    """
    own = reading.only(study)
    weights, tail = _weights(_likelihood(own, draws, study, seed))
    if tail > TRUSTED and anew:
        draws, weights = trials.sample(reading, seed, left_out=study), np.ones(0)
        weights = np.full(len(draws["numbers"]), 1 / len(draws["numbers"]))
    random = np.random.default_rng(seed)
    chosen = random.choice(len(weights), size=len(weights), p=weights)
    values = _as_new(reading, {name: draws[name][chosen] for name in _SAMPLED}, study, random)
    expected, error = _law(own)(values)
    return Foretold(expected + error * random.standard_normal(expected.shape), expected, error, tail)


def _new(
    reading: Reading, numbers: np.ndarray, count: int, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Places and starts of new studies."""
    spread = numbers[:, reading.names.index("trial_spread")]
    starts = [prior(f"start_unknown_{domain}")[1:] for domain in ("pain", "disability")]
    return spread * random.standard_t(FREEDOMS, count), np.stack([random.normal(*one, count) for one in starts], -1)


def _law(own: Reading) -> Callable[[Draws], tuple[np.ndarray, np.ndarray]]:
    """Expected value and standard error of each result of a study for each draw (draw, result), compiled once."""
    at = Places(own)

    def one(value: dict[str, jax.Array]) -> tuple[jax.Array, jax.Array]:
        found = trials.arms_expected(own, value, at)
        return trials.beside(own, trials.told(own, at, found, value)), trials.errors(own, at, found, value)

    every = eqx.filter_jit(jax.vmap(one))

    def law(values: Draws) -> tuple[np.ndarray, np.ndarray]:
        expected, error = every({name: jnp.asarray(values[name]) for name in _SAMPLED})
        return np.asarray(expected), np.asarray(error)

    return law


def _likelihood(own: Reading, draws: Draws, study: str, seed: int) -> np.ndarray:
    """Logarithm of the likelihood of a study's results for each draw, over places and starts of a new study."""
    random, law = np.random.default_rng(seed), _law(own)
    printed = np.array([r.value for r in own.results])
    each = []
    for _ in range(_PLACES):
        expected, error = law(_as_new(own, draws, study, random))
        each.append((own.weight * stats.norm.logpdf(printed, expected, error)).sum(1))
    top = np.max(each, 0)
    return top + np.log(np.mean(np.exp(np.array(each) - top), 0))


def _as_new(reading: Reading, draws: Draws, study: str, random: np.random.Generator) -> Draws:
    """Draws in which a study has the place and the start of a new one."""
    values, at = {name: draws[name].copy() for name in _SAMPLED}, reading.studies.index(study)
    places, starts = _new(reading, values["numbers"], len(values["numbers"]), random)
    values["study"][:, at], values["start"][:, at] = places, starts
    return values


def _weights(likelihood: np.ndarray) -> tuple[np.ndarray, float]:
    """Weights 1 / L, the greatest smoothed, and the shape of their tail."""
    raw = np.exp(-(likelihood - likelihood.min()))
    order, count = np.argsort(raw), math.ceil(_TAIL * len(raw))
    cut = raw[order[-count - 1]]
    shape, _, scale = stats.genpareto.fit(raw[order[-count:]] - cut, floc=0)
    smooth = raw.copy()
    smooth[order[-count:]] = cut + stats.genpareto.ppf((np.arange(count) + 0.5) / count, shape, 0, scale)
    smooth = np.minimum(smooth, raw.max())
    return smooth / smooth.sum(), float(shape)


# ---------------------------------------------------------------------------------------------- tables


def leave_one_out(
    reading: Reading, draws: Draws, seed: int = 0, anew: bool = False, tell: Tell = lambda *_: None
) -> pd.DataFrame:
    """A row for each printed result of every study (`of`: arm where controlled, series where not) and for each
    difference of arms, each foretold without that study; `anew` samples without it where weights are not trusted.
    """
    import pandas as pd

    rows, studies = list[dict[str, Any]](), list(reading.studies)
    for number, study in enumerate(studies):
        tell(number, len(studies), study)
        found, own = foretell(reading, draws, study, seed, anew), reading.only(study)
        for i, r in enumerate(own.results):
            of = "arm" if r.arm.controlled else "series"
            rows.append(_row(r, of, r.arm.name, r.value, found.drawn[:, i], found.tail))
        for i, j in _pairs(own.results):
            one, other = own.results[i], own.results[j]
            between = found.drawn[:, i] - found.drawn[:, j]
            rows.append(
                _row(
                    one,
                    "difference",
                    f"{one.arm.name} − {other.arm.name}",
                    one.value - other.value,
                    between,
                    found.tail,
                )
            )
    tell(len(studies), len(studies), "")
    return pd.DataFrame(rows)


def _pairs(results: tuple[Result, ...]) -> Iterator[tuple[int, int]]:
    """Pairs of results of the same thing at the same time: an arm that was given more, and the arm beside it."""
    for i, one in enumerate(results):
        for j, other in enumerate(results):
            same = (
                one.arm.controlled
                and one.endpoint == other.endpoint
                and one.months == other.months
                and one.statistic == other.statistic
            )
            less = len(other.arm.parts) < len(one.arm.parts) or (not other.arm.parts and other.arm.aware == "untreated")
            if same and i != j and one.arm.trial == other.arm.trial and less and one.statistic != "beside":
                yield i, j


def _row(r: Result, of: str, what: str, printed: float, drawn: np.ndarray, tail: float) -> dict[str, Any]:
    low, high = np.quantile(drawn, _TAILS)
    return {
        "study": r.arm.study,
        "of": of,
        "arm": what,
        "outcome": r.endpoint.outcome,
        "statistic": r.statistic,
        "months": r.months,
        "printed": printed,
        "foretold": float(np.median(drawn)),
        "low": float(low),
        "high": float(high),
        "inside": bool(low <= printed <= high),
        "tier": r.tier,
        "pareto_k": tail,
    }


def coverage(table: pd.DataFrame) -> pd.DataFrame:
    """How many lie inside, of arms, differences and series, with the exact binomial interval; the same of studies, and
    of those whose weights can be trusted.
    """
    import pandas as pd

    rows = []
    for of, part in table.groupby("of"):
        inside, count = int(part["inside"].sum()), len(part)
        whole = part.groupby("study")["inside"].all()
        sure = part[part["pareto_k"] <= TRUSTED]
        exact = stats.binomtest(inside, count).proportion_ci(0.9)  # maths: a 90 % interval
        rows.append(
            {
                "of": of,
                "rows": count,
                "inside": inside,
                "share": inside / count,
                "share_low": exact.low,
                "share_high": exact.high,
                "studies": len(whole),
                "studies_wholly_inside": int(whole.sum()),
                "trusted_rows": len(sure),
                "trusted_inside": int(sure["inside"].sum()),
            }
        )
    return pd.DataFrame(rows)


def words(reading: Reading, draws: Draws, seed: int = 0) -> pd.DataFrame:
    """Trials that report only words: the chance that such a trial finds a difference, against what it says it found.

    Of one that says better, the difference counts that has its sign; `of_its_sign` is how likely the expected one has.
    """
    import pandas as pd

    rows = []
    for one in worded():
        if one.active.region != reading.results[0].arm.region or one.active.study in reading.studies:
            continue
        results = tuple(trials.unprinted(arm, one.endpoint, one.months, n) for arm, n in one.both)
        studies = (*reading.studies, one.active.study)
        own = trials.Reading(results, studies, reading.treatments, reading.names, np.ones(2))
        random, count = np.random.default_rng(seed), len(draws["numbers"])
        places, starts = _new(reading, draws["numbers"], count, random)
        values = {
            "numbers": draws["numbers"],
            "treatment": draws["treatment"],
            "study": np.concatenate([draws["study"], places[:, None]], 1),
            "start": np.concatenate([draws["start"], starts[:, None]], 1),
        }
        expected, error = _law(own)(values)
        between, beside = expected[:, 0] - expected[:, 1], np.sqrt((error**2).sum(1))
        fewer, more = (stats.norm.cdf(-_SIGNIFICANT - sign * between / beside) for sign in (1, -1))
        chance = float((fewer if one.says == "better" else fewer + more).mean())
        rows.append(
            {
                "study": one.active.study,
                "outcome": one.endpoint.outcome,
                "months": one.months,
                "says": one.says,
                "difference": float(np.median(between)),
                "low": float(np.quantile(between, _TAILS[0])),
                "high": float(np.quantile(between, _TAILS[1])),
                "equivalent": float(np.mean(np.abs(between) < evidence.outcome("equivalence_pain").value)),
                "of_its_sign": float(np.mean(between < 0)),
                "chance_of_a_difference": chance,
                "agrees": (chance < _EVEN) == (one.says == "no difference"),
            }
        )
    return pd.DataFrame(rows)
