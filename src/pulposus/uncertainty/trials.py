"""What published trials say of why scores fall: one hierarchical model, sampled, and each trial foretold without it.

What: `Reading` puts results of ``evidence/trials.csv`` beside the law of `outcomes.response`; `sample` draws from what
they leave possible (NUTS, numpyro), with a study left out if one is named; `foretold` says what comes of it.
Equations: printed mean changes are normal about the expected one with the spread of a change over root n, shares of
people normal about the expected one with the binomial spread; results of one arm weigh one together, tiers as in
``evidence/outcomes.csv``. Studies differ in logit of the chance to respond and, where none was printed, in the start.
Pooled rows of ``published.csv`` that are called calibration are terms too (`Pooled`): the difference of two arms over
the spread at follow-up is normal about that of the law, Fisher's z of a correlation of visits likewise.
Priors: `evidence/outcomes.csv`, a normal whose 5th and 95th percent are low and high.
Source: Hoffman and Gelman 2014 (NUTS).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from pulposus import evidence
from pulposus.errors import InputError, nearest
from pulposus.evidence import published, trials
from pulposus.evidence.published import Published
from pulposus.evidence.trials import Arm, Result
from pulposus.outcomes import response
from pulposus.outcomes.response import Expected, Limits, Score

_NINE_TENTHS = 3.29  # maths: standard deviations between the 5th and the 95th percent of a normal
_INTERVAL = 3.92  # maths: standard errors between the ends of a 95 % interval
_LOST = 3  # maths: degrees of freedom that Fisher's z of a correlation takes from the number of people
FREEDOMS = 5  # maths: of the t distribution of studies: a few lie far from all others
DRAWS, WARMUP = 600, 300  # maths: of the sampler, after and before it has learnt its steps
_LEAST_SPREAD = 2.0  # maths: points; what is printed is rounded and means of small arms are not known better
_PAIN_DOMAINS = ("pain", "neck", "limb")
Draws = dict[str, np.ndarray]


def course_name(arm: Arm, domain: str) -> str:
    """Name in outcomes.csv of the natural course of a score in an arm's population."""
    radicular = "radicular" in arm.population
    if radicular:
        return f"radicular_course_{'limb' if domain == 'pain' else domain}"
    if arm.region == "cervical" and domain in ("pain", "neck"):
        return "neck_course_pain"
    return "chronic_course_disability" if domain == "disability" else "lumbar_course_pain"


def typical_name(arm: Arm, domain: str) -> str:
    """Name in outcomes.csv of the typical level of a score in an arm's population."""
    if domain == "disability":
        return f"{arm.region}_typical_disability"
    limb = domain == "limb" or (domain == "pain" and "radicular" in arm.population)
    return f"{arm.region}_typical_{'limb' if limb else 'pain'}"


def leading(result: Result) -> str:
    """The pain that a result is about, where it is about pain: of back, neck or limb."""
    return result.endpoint.domain if result.endpoint.domain in ("neck", "limb") else "pain"


@dataclass(frozen=True)
class Reading:
    """Results of a region's trials as arrays beside one another, each (result,), and what they are indexed by."""

    results: tuple[Result, ...]
    studies: tuple[str, ...]
    treatments: tuple[str, ...]
    names: tuple[str, ...]  # numbers of outcomes.csv that are sampled
    weight: np.ndarray

    @classmethod
    def of(cls, region: str) -> Reading:
        """All results of a region (lumbar or cervical) that are used. Raises InputError for another region."""
        if region not in trials.REGIONS:
            raise InputError(f"Unknown region {region!r}{nearest(region, trials.REGIONS)}; write lumbar or cervical.")
        usable = [
            r for r in trials.results() if r.arm.region == region and r.arm.used and r.arm.population in POPULATIONS
        ]
        tier = {k: evidence.outcome(f"weight_tier_{k}").value for k in (1, 2, 3, 4)}
        usable = [r for r in usable if tier[r.tier] > 0]
        beside: dict[tuple[str, str, bool], int] = {}
        for r in usable:
            key = (r.arm.trial, r.arm.name, r.endpoint.domain == "disability")
            beside[key] = beside.get(key, 0) + 1
        weight = [tier[r.tier] / beside[r.arm.trial, r.arm.name, r.endpoint.domain == "disability"] for r in usable]
        return cls(
            tuple(usable),
            tuple(sorted({r.arm.study for r in usable})),
            tuple(sorted({part for r in usable for part in r.arm.parts})),
            tuple(sorted(_numbers(usable))),
            np.asarray(weight),
        )

    def only(self, study: str) -> Reading:
        """The results of one study, indexed as all are. Raises InputError for a study without results."""
        keep = np.array([r.arm.study == study for r in self.results])
        if not keep.any():
            near = nearest(study, self.studies)
            raise InputError(f"Unknown study {study!r}{near}; no number of this region is of it.")
        return replace(self, results=tuple(r for r in self.results if r.arm.study == study), weight=self.weight[keep])


def unprinted(arm: Arm, endpoint: trials.Endpoint, months: float, n: float) -> Result:
    """A result that was not printed: the mean change of a score, to be foretold."""
    nothing = math.nan
    return Result(arm, endpoint, "change", months, n, nothing, nothing, nothing, nothing, 1, "", 0)


POPULATIONS = ("chronic_lumbar", "lumbar_radicular", "chronic_neck", "cervical_radicular")


def _numbers(results: Sequence[Result]) -> set[str]:
    """Names of the numbers of outcomes.csv that results hang on."""
    found = {
        "pain_spread",
        "disability_spread",
        "pain_stability",
        "disability_stability",
        "course_time",
        "response_time",
    }
    found |= {"response_loss", "pain_fall", "disability_fall", "worsening_pain", "worsening_disability", "chance_open"}
    found |= {"residual_tie", "trial_spread", "chance_uncontrolled"} | {
        f"chance_{procedure}" for procedure in trials.PROCEDURES
    }
    for r in results:
        domains = (leading(r), "disability")
        found |= {course_name(r.arm, domain) for domain in domains} | {
            typical_name(r.arm, domain) for domain in domains
        }
    return found


_SHARES, _POSITIVE = ("_fall", "_stability", "_tie"), ("_time", "_spread", "_loss")
_NEVER_BETTER = "worsening_"  # a worsening that improves would be a second natural course


def prior(name: str) -> tuple[str, float, float]:
    """A number's prior: on which scale it is normal (plain, log or logit), mean and standard deviation there."""
    row = evidence.outcome(name)
    positive = name.endswith(_POSITIVE) or name.startswith(_NEVER_BETTER)
    scale = "logit" if name.endswith(_SHARES) else "log" if positive else "plain"
    centre, low, high = (_onto(scale, x) for x in (row.value, row.low, row.high))
    return scale, centre, (high - low) / _NINE_TENTHS


def _onto(scale: str, x: float) -> float:
    return math.log(x / (1 - x)) if scale == "logit" else math.log(x) if scale == "log" else x


def _back(scales: Sequence[str], raw: jax.Array) -> jax.Array:
    """Numbers of their own scales from places on which they are normal."""
    kind = np.array(scales)
    share, positive = 1 / (1 + jnp.exp(-raw)), jnp.exp(jnp.where(kind == "log", raw, 0.0))
    return jnp.where(kind == "logit", share, jnp.where(kind == "log", positive, raw))


# ---------------------------------------------------------------------------------------------- the law beside them


class Places:
    """Where each result finds its numbers: indices into names, studies and treatments; limits and known starts."""

    def __init__(self, reading: Reading) -> None:
        def index(wanted: Callable[[Result], str]) -> np.ndarray:
            return np.array([reading.names.index(wanted(r)) for r in reading.results])

        rs = reading.results
        self.study = np.array([reading.studies.index(r.arm.study) for r in rs])
        self.treatment = np.array([[float(part in r.arm.parts) for part in reading.treatments] for r in rs])
        self.chance = index(lambda r: f"chance_{r.arm.procedure}")
        self.typical = [
            index(lambda r: typical_name(r.arm, leading(r))),
            index(lambda r: typical_name(r.arm, "disability")),
        ]
        self.course = [
            index(lambda r: course_name(r.arm, leading(r))),
            index(lambda r: course_name(r.arm, "disability")),
        ]
        self.hopes = np.array([float(hopes(r.arm)) for r in rs])
        self.alone = np.array([float(not r.arm.controlled) for r in rs])
        self.untreated = np.array([float(r.arm.aware == "untreated") for r in rs])
        self.months = np.array([r.months for r in rs])
        self.of_pain = np.array([r.endpoint.domain in _PAIN_DOMAINS for r in rs])
        ends = [r.endpoint for r in rs]
        self.limits = tuple(
            Limits(*(np.array([getattr(e, f"{d}_{part}") for e in ends]) for part in ("share", "points", "below")))
            for d in ("pain", "disability")
        )
        self.either = np.array([float(e.join == "or") for e in ends])
        self.start, self.start_spread = _starts(reading)

    def begun(self, values: Mapping[str, Any]) -> list[jax.Array]:
        """Pain and disability at start of each result's arm: as printed, or as drawn for its study."""
        drawn = [values["start"][self.study, i] for i in range(len(self.start))]
        return [jnp.where(np.isnan(s), d, np.nan_to_num(s)) for s, d in zip(self.start, drawn, strict=True)]


def hopes(arm: Arm) -> bool:
    """True where people know that they get something new: not usual care, not a placebo that is told to be one."""
    return arm.aware == "open" and arm.treatment not in ("none", "usual_care")


def _starts(reading: Reading) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Mean and spread at start of the pain and of the disability of each result's arm; NaN for a mean not printed."""
    means, spreads = [], []
    for domain in ("pain", "disability"):
        known: dict[tuple[str, str, str], tuple[float, float]] = {}
        for r in reading.results:
            own = leading(r) if domain == "pain" else domain
            if (r.endpoint.domain == "disability") == (domain == "disability") and not math.isnan(r.baseline):
                known.setdefault((r.arm.trial, r.arm.name, own), (r.baseline, r.baseline_sd))
        usual = evidence.outcome(f"start_spread_{domain}").value
        found = [
            known.get((r.arm.trial, r.arm.name, leading(r) if domain == "pain" else domain), (math.nan, math.nan))
            for r in reading.results
        ]
        means.append(np.array([mean for mean, _ in found]))
        spreads.append(np.array([usual if math.isnan(spread) else spread for _, spread in found]))
    return means, spreads


def arms_expected(
    reading: Reading,
    values: Mapping[str, Any],
    places: Places | None = None,
    parts: response.Parts = response.Parts(),
) -> Expected:
    """What the law expects of every result. values: `numbers` (name,), `treatment`, `study` and `start` (study, 2)."""
    at = places or Places(reading)
    numbers = values["numbers"]
    named = {name: numbers[i] for i, name in enumerate(reading.names)}
    grown = 1 - jnp.exp(-at.months / named["course_time"])
    ones, scores = jnp.ones(len(reading.results)), []
    for i, domain in enumerate(("pain", "disability")):
        scores.append(
            Score(
                at.begun(values)[i],
                at.start_spread[i],
                numbers[at.typical[i]],
                named[f"{domain}_spread"] * ones,
                named[f"{domain}_stability"] * ones,
                numbers[at.course[i]] * grown,
                named[f"worsening_{domain}"] * grown * at.untreated,
                named[f"{domain}_fall"] * ones,
            )
        )
    base = numbers[at.chance] + named["chance_open"] * at.hopes + named["chance_uncontrolled"] * at.alone
    base = base + values["study"][at.study]
    effect = at.treatment @ values["treatment"]
    comes = (1 - jnp.exp(-at.months / named["response_time"])) * jnp.exp(-named["response_loss"] * at.months)
    p = response.chance(base, effect, parts) * comes * (1 - at.untreated)
    return response.expected(scores[0], scores[1], p, at.limits, at.either, named["residual_tie"], parts)


def told(reading: Reading, at: Places, found: Expected, values: Mapping[str, Any]) -> jax.Array:
    """The expected value of each result, as it was printed."""
    pain, disability = at.begun(values)
    before = jnp.where(at.of_pain, pain, disability)
    change = jnp.where(at.of_pain, found.pain, found.disability)
    kinds = np.array([r.statistic for r in reading.results])
    out = jnp.where(kinds == "share", found.share, change)
    out = jnp.where(kinds == "percent", change / before, out)
    return jnp.where(kinds == "level", before + change, out)


def errors(reading: Reading, at: Places, found: Expected, values: Mapping[str, Any]) -> jax.Array:
    """Standard error of each printed result, from what was printed or else from the law."""
    few = evidence.outcome("people_unknown").value
    n = np.array([few if math.isnan(r.n) else r.n for r in reading.results])
    printed = np.array([r.sd for r in reading.results])
    spread = jnp.where(at.of_pain, found.pain_spread, found.disability_spread)
    spread = jnp.where(np.isnan(printed), spread, np.nan_to_num(printed))
    points = jnp.sqrt(spread**2 / n + _LEAST_SPREAD**2)
    pain, disability = at.begun(values)
    start = jnp.where(at.of_pain, pain, disability)
    kinds = np.array([r.statistic for r in reading.results])
    shares = jnp.sqrt((found.share * (1 - found.share) + 0.25 / n) / n)  # maths: never less than half a person
    return jnp.where(kinds == "share", shares, jnp.where(kinds == "percent", points / start, points))


# ---------------------------------------------------------------------------------------------- pooled results


class Pooled:
    """Rows of ``published.csv`` that the fit holds: what a pooled difference or a correlation of visits tells.

    A row against nothing takes two arms, one of which knows that it got nothing; a trial's own place is left out, since
    many trials were pooled. Where they stand in `own`: the row itself (`first`), and what it is held against
    (`second`).
    """

    def __init__(self, reading: Reading) -> None:
        region = reading.results[0].arm.region
        self.rows = [row for row in published.published() if row.fitted == "calibration" and row.region == region]
        results, self.first, self.second = list[Result](), list[int](), list[int]()
        for row in self.rows:
            self.first.append(len(results))
            results.append(_pooled_arm(row, row.what))
            self.second.append(len(results) if "against" in row.quantity else self.first[-1])
            if "against" in row.quantity:
                bare = replace(row, aware="untreated", procedure="none", treatments=())
                results.append(_pooled_arm(bare, f"nothing beside {row.what}"))
        self.own = replace(reading, results=tuple(results), studies=("",), weight=np.ones(len(results)))
        self.at = Places(self.own) if results else None
        differs = np.array(["against" in row.quantity for row in self.rows])
        value = np.array([row.published for row in self.rows])
        interval = np.array([(row.high - row.low) / _INTERVAL for row in self.rows])
        people = np.array([row.n for row in self.rows])
        strange = evidence.outcome("correlation_error").value
        self.differs, self.pains = differs, np.array([row.quantity.endswith("pain") for row in self.rows])
        self.printed = np.where(differs, value, np.arctanh(value)) if self.rows else value
        self.error = np.where(differs, interval, np.sqrt(1 / (people - _LOST) + strange**2)) if self.rows else value

    def told(self, values: Mapping[str, Any]) -> jax.Array:
        """What the law says of each row: a standardised difference, or Fisher's z of a correlation."""
        middle = jnp.array([[prior(f"start_unknown_{domain}")[1] for domain in ("pain", "disability")]])
        own = {"numbers": values["numbers"], "treatment": values["treatment"], "study": jnp.zeros(1), "start": middle}
        found = arms_expected(self.own, own, self.at)
        change, after, tied = (
            jnp.where(self.pains[:, None], pain[self._both], disability[self._both])
            for pain, disability in (
                (found.pain, found.disability),
                (found.pain_after, found.disability_after),
                (found.pain_tied, found.disability_tied),
            )
        )
        between = (change[:, 0] - change[:, 1]) / jnp.sqrt((after**2).mean(1))
        return jnp.where(self.differs, between, jnp.arctanh(tied[:, 0]))

    @property
    def _both(self) -> np.ndarray:
        return np.stack([self.first, self.second], -1)


def _pooled_arm(row: Published, name: str) -> Result:
    """The people of a pooled row as an arm, its start where one was printed."""
    disabled = row.quantity.endswith("disability")
    people = {"lumbar": ("chronic_lumbar", "lumbar_radicular"), "cervical": ("chronic_neck", "cervical_radicular")}
    arm = Arm(
        "published.csv",
        name,
        "",
        row.region,
        people[row.region][row.population == "radicular"],
        row.aware,
        row.procedure,
        "+".join(row.treatments) or "none",
        row.controlled,
        True,
        row.n,
        "pooled",
        row.note,
    )
    result = unprinted(arm, trials.endpoints()["ODI" if disabled else "VAS"], row.months, row.n)
    start = (row.disability, row.disability_sd) if disabled else (row.pain, row.pain_sd)
    return replace(result, baseline=start[0], baseline_sd=start[1])


# ---------------------------------------------------------------------------------------------- sampling


def _model(reading: Reading, at: Places, pooled: Pooled, weight: jax.Array) -> None:
    import numpyro
    import numpyro.distributions as dist

    scales, centre, width = zip(*(prior(name) for name in reading.names), strict=True)
    normal = numpyro.sample("normal", dist.Normal(0, 1).expand([len(reading.names)]).to_event(1))
    numbers = numpyro.deterministic("numbers", _back(scales, jnp.array(centre) + jnp.array(width) * normal))
    named = dict(zip(reading.names, numbers, strict=True))
    treatment = numpyro.sample(
        "treatment", dist.Normal(0, prior("treatment_prior")[2]).expand([len(reading.treatments)]).to_event(1)
    )
    places = numpyro.sample("place", dist.StudentT(FREEDOMS, 0, 1).expand([len(reading.studies)]).to_event(1))
    starts = [prior(f"start_unknown_{domain}")[1:] for domain in ("pain", "disability")]
    middle, wide = (jnp.array(column) for column in zip(*starts, strict=True))
    raw = numpyro.sample("raw", dist.Normal(0, 1).expand([len(reading.studies), 2]).to_event(2))
    values = {
        "numbers": numbers,
        "treatment": treatment,
        "study": numpyro.deterministic("study", named["trial_spread"] * places),
        "start": numpyro.deterministic("start", middle + wide * raw),
    }
    found = arms_expected(reading, values, at)
    wanted, error = told(reading, at, found, values), errors(reading, at, found, values)
    printed = np.array([r.value for r in reading.results])
    likely = dist.Normal(beside(reading, wanted), error).log_prob(printed)
    numpyro.factor("results", jnp.sum(weight * likely))
    if pooled.rows:
        numpyro.factor("pooled", jnp.sum(dist.Normal(pooled.told(values), pooled.error).log_prob(pooled.printed)))


def beside(reading: Reading, wanted: jax.Array) -> jax.Array:
    """Expected values, those of results beside another arm as their difference from the arm that waited."""
    keys = [(r.arm.trial, r.endpoint.domain, r.months) for r in reading.results]
    waited = {
        key: i for i, (key, r) in enumerate(zip(keys, reading.results, strict=True)) if r.arm.aware == "untreated"
    }
    of = np.array(
        [waited.get(k, 0) if r.statistic == "beside" else 0 for k, r in zip(keys, reading.results, strict=True)]
    )
    differs = np.array([r.statistic == "beside" for r in reading.results])
    return jnp.where(differs, wanted - wanted[of], wanted)


def sample(
    reading: Reading, seed: int = 0, draws: int = DRAWS, warmup: int = WARMUP, left_out: str = "", bar: bool = False
) -> Draws:
    """Draws of `numbers`, `treatment`, `study`, `start` (and `divergences`), with a study left out if one is named.

    Raises InputError where numpyro is not installed, or no such study is among the results.
    """
    if left_out and left_out not in reading.studies:
        raise InputError(
            f"Unknown study {left_out!r}{nearest(left_out, reading.studies)}; it has no number of this region."
        )
    keep = np.array([r.arm.study != left_out for r in reading.results])
    run = _made(reading, draws, warmup, bar)
    run.run(jax.random.key(seed), jnp.asarray(reading.weight * keep), extra_fields=("diverging",))
    found = {name: np.asarray(value) for name, value in run.get_samples().items()}
    return found | {"divergences": np.asarray(run.get_extra_fields()["diverging"])}


_MADE: dict[Any, Any] = {}


def _made(reading: Reading, draws: int, warmup: int, bar: bool) -> Any:
    """The sampler of a reading, compiled once: what is left out only changes weights."""
    key = (reading.studies, len(reading.results), draws, warmup, bar)
    if key not in _MADE:
        try:
            from numpyro.infer import MCMC, NUTS
        except ImportError:
            raise InputError(
                "Reading trials needs numpyro; install it with pip install 'pulposus[outcomes]'."
            ) from None
        at, pooled = Places(reading), Pooled(reading)
        kernel = NUTS(lambda weight: _model(reading, at, pooled, weight), target_accept_prob=0.9)  # maths: small steps
        _MADE[key] = MCMC(kernel, num_warmup=warmup, num_samples=draws, progress_bar=bar, jit_model_args=True)
    return _MADE[key]
