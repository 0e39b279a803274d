"""What people can expect of one way of care, or of one after the other: pain, disability, limb pain, and what else.

What: `follow` gives scores of people at months under steps of care; a step may be for those alone whom what went before
did not help. It splits the mean change into named parts, and says what a sham of the same procedures would have given,
days of recovery, cost, and events and operations that follow, by `safety`. `beside` puts options side by side for one
person.
Equations: before anything is done a score goes as in `outcomes.person`: regression, course, what is left over for good
and at each visit. At month m_i a person responds to step i with chance p_i(t - m_i), the law's for its procedure, for
something known and new, and for its treatments; a person's u_i = Phi(sqrt(rho) z + sqrt(1 - rho) e_i) < p_i says who
does, so that whom one thing did not help the next helps less often. Who responds to any step has a share 1 - f of the
score left. An option that the law does not know adds its published difference d (1 - exp(-t / onset)), after the last
month at which it was measured times exp(-(t - until) / fading); one of which nothing is known has the effect of a
treatment before its trials are read: nothing on average, and a wide band.
Reads: draws of ``evidence/responses_*.csv``, `options`, costs. Writes: nothing.
Why this holds: one law for what all care shares; a difference to a blind comparator is the option's own. Of a
difference to people who knew that they got less, what the law calls expectation is taken off.
Source: `outcomes.response`; ``evidence/option_effects.csv``; `safety`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pulposus import evidence
from pulposus.errors import InputError, nearest
from pulposus.evidence import criteria, offers, options
from pulposus.evidence.options import Effect, Option
from pulposus.evidence.trials import REGIONS
from pulposus.outcomes import person
from pulposus.outcomes.person import ORDER, POPULATIONS
from pulposus.outcomes.response import TOP, Parts
from pulposus.outcomes.scores import score as score_of
from pulposus.safety import draw

if TYPE_CHECKING:
    import pandas as pd

SCORES = ("pain", "limb", "disability")
# Events of `safety` that are operations, or ask for one.
FOLLOWS = ("reoperation", "adjacent_disease", "conversion_to_surgery")
_WAITING = "waiting"
COUNT = 4000  # maths: times a person is drawn; a share of one half is then known to 0.8 %
VISITS = (0.0, 1.0, 3.0, 6.0, 12.0, 18.0, 24.0)  # maths: months at which a person is looked at, those of trials
_NAMES = {
    "lumbar": {"pain": "vas_back", "limb": "vas_leg", "disability": "odi"},
    "cervical": {"pain": "vas_neck", "limb": "vas_arm", "disability": "ndi"},
}
# Natural course and usual level of each pain, names in outcomes.csv, as in `outcomes.person`.
_LAW = {
    ("lumbar", "chronic", "pain"): ("lumbar_course_pain", "lumbar_typical_pain"),
    ("lumbar", "chronic", "limb"): ("chronic_course_limb", "chronic_typical_limb"),
    ("lumbar", "radicular", "pain"): ("radicular_course_back", "lumbar_typical_pain"),
    ("lumbar", "radicular", "limb"): ("radicular_course_limb", "lumbar_typical_limb"),
    ("cervical", "chronic", "pain"): ("neck_course_pain", "cervical_typical_pain"),
    ("cervical", "chronic", "limb"): ("chronic_course_limb", "chronic_typical_limb"),
    ("cervical", "radicular", "pain"): ("radicular_course_neck", "cervical_typical_pain"),
    ("cervical", "radicular", "limb"): ("radicular_course_limb", "cervical_typical_limb"),
}
_NRS = 10.0  # maths: points of 100 of one step of ten
_RAW = 2.0  # maths: points of 100 of one raw point of 50
_TO_90, _TO_95 = 1.645, 1.96  # maths: standard deviations of a normal from its middle to the end of such a range
_DAYS = 7  # maths: days of a week
BANDS = (5, 25, 50, 75, 95)  # maths: percentiles that end the bands of 90 and 50 per cent
_OF = ("draws", "usual", "visit", "trait", "own", "effect", "prior", "place")
_SEEDS = 2**32
_PARTS = 1000  # maths: parts of a month that visits are told apart by
Events = Callable[..., "pd.DataFrame"]


# ---------------------------------------------------------------------------------------------- who, and what is done


@dataclass(frozen=True)
class People:
    """People of one region and population with their scores at start (person,), 0 to 100: pain of back or neck, of leg
    or arm, and disability.
    """

    region: str
    population: str
    pain: np.ndarray
    limb: np.ndarray
    disability: np.ndarray

    def __post_init__(self) -> None:
        for what, value, choices in (
            ("region", self.region, REGIONS),
            ("population", self.population, POPULATIONS["lumbar"]),
        ):
            if value not in choices:
                raise InputError(f"Unknown {what} {value!r}{nearest(value, choices)}; write {' or '.join(choices)}.")
        for name in SCORES:
            start = np.atleast_1d(np.asarray(getattr(self, name), float))
            object.__setattr__(self, name, start)
            if not start.size or not (start.min() >= 0 and start.max() <= TOP):
                raise InputError(f"A {name} of {start.tolist()[:3]} is not possible; give scores of 0 to {TOP:g}.")
        if len({getattr(self, name).size for name in SCORES}) > 1:
            raise InputError("People have one of each score; give as many of pain, limb and disability.")

    @property
    def leading(self) -> str:
        """The score that leads: limb pain where a root hurts, else pain of back or neck."""
        return "limb" if person.leading(self.population) == "limb" else "pain"

    def start(self, name: str) -> np.ndarray:
        """A score at start (person,)."""
        return np.asarray(getattr(self, name))


def one_person(facts: Mapping[str, Any], count: int = COUNT) -> People:
    """A person of a file (facts of ``evidence/facts.csv``), so often that chance shows.

    InputError says what lacks, and refuses a child.
    """
    if "age" in facts:
        criteria.hold_adult(float(facts["age"]))
    region = str(facts.get("region") or ("cervical" if str(facts.get("level", "L")).startswith("C") else "lumbar"))
    index = "ndi" if region == "cervical" else "odi"
    found = {
        "pain": _either(facts, "axial_pain"),
        "limb": _either(facts, "limb_pain", 0.0),
        "disability": _either(facts, index),
    }
    for name, key in (("pain", "axial_pain"), ("disability", index)):
        if found[name] is None:
            raise InputError(f"What to expect cannot be said without {key}; add it under [history], 0 to 100.")
    rooted = facts.get("radiculopathy") == "yes" or (found["limb"] or 0.0) > (found["pain"] or 0.0)
    made = {name: np.full(count, value, float) for name, value in found.items()}
    return People(region, "radicular" if rooted else "chronic", **made)


def _either(facts: Mapping[str, Any], key: str, without: float | None = None) -> float | None:
    """A score of 100 from its own fact, from one of ten, or from raw points of 50."""
    if key in facts:
        return float(facts[key])
    coarse = {f"{key}_nrs": _NRS, f"{key}_raw": _RAW}
    return next((float(facts[name]) * each for name, each in coarse.items() if name in facts), without)


def painless(people: People) -> str:
    """What is said of people with less of the pain that leads than what matters; nothing where there is enough."""
    name = people.leading
    least, start = score_of(_NAMES[people.region][name]).important_change, float(people.start(name).mean())
    if start >= least:
        return ""
    place = {"lumbar": ("back", "leg"), "cervical": ("neck", "arm")}[people.region][name == "limb"]
    return (
        f"{place} pain of {start:.0f} of 100 is less than the {least:g} that matter: nobody can get clearly better, "
        "and every number is of people who hurt more"
    )


class Step(NamedTuple):
    """An option at a month; with `unless`, for those alone whose leading score has not fallen by that share by then."""

    option: str
    month: float = 0.0
    unless: float | None = None


def steps(text: str) -> tuple[Step, ...]:
    """Steps from words: "exercise at 0, epidural steroid at 3 if not better, discectomy at 6 if not better".

    What better means is a row of the evidence. Raises InputError, one sentence.
    """
    found = []
    for part in re.split(r"[,;]\s*", text.strip()):
        match = re.fullmatch(r"(.+?)(?:\s+at(?: month)?\s+(-?[\d.]+))?(\s+if not better)?", part.strip())
        try:
            month = float(match[2] or 0) if match else math.nan
        except ValueError:
            month = math.nan
        if match is None or math.isnan(month):
            raise InputError(f"{part!r} is no step of care; write for example 'discectomy at 6 if not better'.")
        share = evidence.outcome("responded_share").value if match[3] else None
        found.append(Step(options.option(match[1]).name, month, share))
    return tuple(found)


def _checked(people: People, given: Sequence[Step | tuple]) -> list[Step]:
    """Steps in the order of their months, each fit for these people."""
    made = sorted((Step(*one) for one in given), key=lambda one: one.month)
    if not made:
        raise InputError("Nothing is done; give at least one step, for example ('wait', 0).")
    for k, one in enumerate(made):
        option = options.option(one.option)
        if people.region not in option.regions:
            where = " and ".join(option.regions)
            raise InputError(f"{option.title} is {where}, and these people are {people.region}; leave it out.")
        if not (math.isfinite(one.month) and one.month >= 0):
            raise InputError(f"Month {one.month:g} of {option.name} is not possible; give month 0 or later.")
        if one.unless is not None and not 0 < one.unless <= 1:
            raise InputError(f"A fall by {one.unless:g} of the start is not possible; give more than 0, up to 1.")
        if one.unless is not None and one.month <= made[0].month:
            raise InputError(f"{option.name} waits for what went before, and nothing did; do it later.")
        closed = next((before.option for before in made[:k] if _closes(options.option(before.option))), "")
        if closed and _in_the_disc(option):
            raise InputError(
                f"{option.name} at month {one.month:g} acts in the disc, and {closed} came before it: there is no such "
                "disc any more; do it earlier or leave it out."
            )
        made[k] = one._replace(option=option.name)
    return made


def _closes(option: Option) -> bool:
    """Whether it takes the disc out or stiffens it for good, so that its neighbours bear more or nothing is left."""
    return option.family == "surgery" and bool({"ends", "adjacent_load"} & set(options.acts_of(option.name)))


def _in_the_disc(option: Option) -> bool:
    """Whether it is an operation on the disc or a needle into it."""
    return option.procedure == "disc" or (option.family == "surgery" and bool(options.acts_of(option.name)))


# ---------------------------------------------------------------------------------------------- what comes out


@dataclass(frozen=True)
class Cost:
    """What taken steps cost on average, USD: what is known of it, with its range, and options of unknown price."""

    value: float
    low: float
    high: float
    missing: tuple[str, ...]


@dataclass(frozen=True)
class Course:
    """Scores of people at months (person, visit), and what goes with them.

    sham: the same people after the same procedures with nothing in them, blind; without: who believe that they get the
    treatment, and get nothing of it. taken (step, person), responds (person, visit). parts: rows of the mean change at
    the last month. events: a row each, with the option that brought it.
    unknown: sentences on what no trial told.
    """

    people: People
    steps: tuple[Step, ...]
    months: np.ndarray
    pain: np.ndarray
    limb: np.ndarray
    disability: np.ndarray
    sham: Mapping[str, np.ndarray]
    without: Mapping[str, np.ndarray]
    taken: np.ndarray
    responds: np.ndarray
    parts: pd.DataFrame
    events: pd.DataFrame
    cost: Cost
    recovery_days: np.ndarray
    unknown: tuple[str, ...]

    def bands(self, name: str) -> pd.DataFrame:
        """Mean, middle and ends of the bands of 50 and 90 % of a score, one row a month."""
        import pandas as pd

        values = getattr(self, name)
        ends = np.percentile(values, BANDS, axis=0)
        columns = dict(zip(("low90", "low50", "middle", "high50", "high90"), ends, strict=True))
        return pd.DataFrame({"month": self.months, "mean": values.mean(0), **columns})

    def better(self, name: str = "", now: Mapping[str, np.ndarray] | None = None) -> np.ndarray:
        """Whose score (the leading one) is better by what matters to people, at each month (person, visit); `now`: by
        other scores of the same people, such as `sham` or `without`.
        """
        name = name or self.people.leading
        least = score_of(_NAMES[self.people.region][name]).important_change
        scores = getattr(self, name) if now is None else now[name]
        return np.asarray(self.people.start(name)[:, None] - scores >= least)

    def improved(self, name: str = "", sham: bool = False) -> np.ndarray:
        """Share of people whose score (the leading one) is better by what matters to people, at each month."""
        return np.asarray(self.better(name, self.sham if sham else None).mean(0))


# ---------------------------------------------------------------------------------------------- the law


class _Lot(NamedTuple):
    """What chance gives each person, the same whatever is done and whichever part acts."""

    draws: np.ndarray  # (person,)
    usual: np.ndarray  # (4, person): shared by the scores, then of each
    visit: np.ndarray  # (4, person, visit)
    trait: np.ndarray  # (person,)
    own: np.ndarray  # (step, person)
    effect: np.ndarray  # (step, 3, person): where in its range a published difference is
    prior: np.ndarray  # (step, person)
    place: np.ndarray  # (person,)


def _lot(
    random: np.random.Generator, region: str, count: int, months: np.ndarray, many: int, draws: np.ndarray | None
) -> _Lot:
    """The lot of people. Each month and each step has chance of its own, so that ways of care can be compared."""
    seed = int(random.integers(_SEEDS))

    def chance(of: str, key: int, *shape: int) -> np.ndarray:
        return np.random.default_rng([seed, _OF.index(of), key]).standard_normal((*shape, count))

    scores = len(SCORES)
    visit = [chance("visit", round(month * _PARTS), 1 + scores) for month in months]
    if draws is None:
        draws = np.random.default_rng([seed, 0, 0]).integers(len(person.responses(region)[1]), size=count)
    return _Lot(
        draws,
        chance("usual", 0, 1 + scores),
        np.stack(visit, -1),
        chance("trait", 0),
        np.stack([chance("own", k) for k in range(many)]),
        np.stack([chance("effect", k, scores) for k in range(many)]),
        np.stack([chance("prior", k) for k in range(many)]),
        chance("place", 0),
    )


@dataclass(frozen=True)
class _World:
    """People, what is done to them on a grid of months, and their lot."""

    people: People
    steps: tuple[Step, ...]
    months: np.ndarray
    lot: _Lot

    def number(self, name: str) -> np.ndarray:
        """A number of the law, each person's own draw (person, 1)."""
        return np.asarray(person.drawn(self.people.region, name)[self.lot.draws][:, None])

    def since(self, k: int) -> np.ndarray:
        """Months since step k, none before it (visit,)."""
        return np.maximum(self.months - self.steps[k].month, 0.0)

    def option(self, k: int) -> Option:
        """What step k does."""
        return options.option(self.steps[k].option)


def _responds(world: _World, k: int, parts: Parts, sham: bool) -> np.ndarray:
    """Whether people would respond to step k at each visit (person, visit)."""
    from scipy.special import ndtr

    option, region, population = world.option(k), world.people.region, world.people.population
    if option.aware == "untreated":
        return np.zeros((world.lot.draws.size, world.months.size), bool)
    base = _base(world, option, sham)
    effect = sum((world.number(f"treatment {name}") for name in option.treatments(region)), np.zeros_like(base))
    if options.unknown(option.name, region, population):
        row = evidence.outcome("treatment_prior")
        spread = (row.high - row.low) / (2 * _TO_90)
        effect = effect + row.value + spread * world.lot.prior[k][:, None]
    both, without = _expit(base + (0.0 if sham else parts.treatment) * effect), _expit(base)
    share = both if parts.expectation else np.maximum(both - without, 0.0)
    t = world.since(k)
    chance = share * -np.expm1(-t / world.number("response_time")) * np.exp(-world.number("response_loss") * t)
    tie = evidence.outcome("response_tie").value
    place = ndtr(math.sqrt(tie) * world.lot.trait + math.sqrt(1 - tie) * world.lot.own[k])
    return place[:, None] < chance


def _base(world: _World, option: Option, sham: bool) -> np.ndarray:
    """Logit of responding to what is done and known, without the treatment (person, 1)."""
    base = world.number(f"chance_{option.procedure}") + world.number("trial_spread") * world.lot.place[:, None]
    new = option.aware == "open" and option.procedure != "none" and not sham
    return base + world.number("chance_open") if new else base


def _expit(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def _difference(world: _World, k: int, i: int, one: Effect, level: np.ndarray) -> np.ndarray:
    """Points that a published difference adds to score i at each visit (person, visit)."""
    spread = (one.high - one.low) / (2 * _TO_95)
    t = world.since(k)
    comes = -np.expm1(-t / one.onset)
    goes = np.where(t > one.until, np.exp(-(t - one.until) / one.fading), 1.0) if one.fading == one.fading else 1.0
    own = (one.value + spread * world.lot.effect[k, i])[:, None] * comes * goes
    if one.blind:
        return own
    option = world.option(k)
    more = _expit(_base(world, option, False)) - _expit(world.number("chance_none"))
    fall = world.number("disability_fall" if one.score == "disability" else "pain_fall")
    expected = np.maximum(level, 0.0) * np.maximum(more, 0.0) * fall * comes
    return np.where(own < 0, np.minimum(own + expected, 0.0), own)


def _path(
    world: _World, taken: np.ndarray, parts: Parts, sham: bool = False
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Scores at each visit of those who took steps (step, person), and who responds."""
    people, lot, months = world.people, world.lot, world.months
    begun = np.array([months > one.month for one in world.steps])  # (step, visit)
    some = [world.option(k).aware != "untreated" for k in range(len(world.steps))]
    active = taken[:, :, None] & begun[:, None, :]
    responds = np.any(
        [active[k] & _responds(world, k, parts, sham) for k in range(len(world.steps))], axis=0
    )
    alone_still = ~np.any(active[some], axis=0) if any(some) else np.ones_like(responds)
    untreated = alone_still & np.any(active[[not one for one in some]], axis=0)
    grown = -np.expm1(-months / world.number("course_time"))
    found = {}
    for i, name in enumerate(SCORES):
        kind = "disability" if name == "disability" else "pain"
        stability, spread = world.number(f"{kind}_stability"), world.number(f"{kind}_spread")
        level = _alone(world, name, stability, grown, parts)
        level = level + parts.worsening * world.number(f"worsening_{kind}") * grown * untreated
        left = np.maximum(level, 0.0) * (1 - responds * world.number(f"{kind}_fall"))
        if parts.treatment and not sham:
            for k in range(len(world.steps)):
                one = options.added(world.steps[k].option, people.region, people.population).get(name)
                if one:
                    left = left + active[k] * _difference(world, k, i, one, level)
        tie = world.number("residual_tie")
        usual, visit = (
            np.sqrt(tie) * part[0] + np.sqrt(1 - tie) * part[1 + i]
            for part in (lot.usual[:, :, None], lot.visit)
        )
        chance = np.sqrt(stability * (1 - stability)) * usual + np.sqrt(1 - stability) * visit
        made = np.clip(left + spread * chance, 0, TOP)
        found[name] = np.where(months == 0, people.start(name)[:, None], made)
    return found, responds


def _alone(world: _World, name: str, stability: np.ndarray, grown: np.ndarray, parts: Parts) -> np.ndarray:
    """A score with regression and natural course alone (person, visit)."""
    people, start = world.people, world.people.start(name)[:, None]
    if name == "disability":
        course, typical = f"{people.population}_course_disability", f"{people.region}_typical_disability"
    else:
        course, typical = _LAW[people.region, people.population, name]
    usual, kept = world.number(typical), 1 - (1 - stability) * parts.regression
    return usual + kept * (start - usual) - parts.course * world.number(course) * grown


def _takes(world: _World) -> np.ndarray:
    """Who takes each step (step, person): all, or those whom what went before did not help by its month."""
    name = world.people.leading
    start = world.people.start(name)
    taken = np.zeros((len(world.steps), start.size), bool)
    for k, one in enumerate(world.steps):
        if one.unless is None:
            taken[k] = True
            continue
        now = _path(world, taken, Parts())[0][name][:, int(np.flatnonzero(world.months == one.month)[0])]
        taken[k] = start - now < one.unless * start
    return taken


# ---------------------------------------------------------------------------------------------- following people


def follow(
    random: np.random.Generator,
    people: People,
    given: Sequence[Step | tuple],
    months: Sequence[float] = VISITS,
    events: Events = draw,
    draws: np.ndarray | None = None,
    shared: Callable[[str], tuple[np.ndarray, np.ndarray]] | None = None,
    brief: bool = False,
) -> Course:
    """People under steps of care at months. Steps are (option, month) or (option, month, unless).

    draws: which draw of the law is each person's (person,); one at random where none is given. shared: for an option,
    where in its range its published difference is (3, person) and its unknown effect (person,), standard normal, for
    people who share what is not known; each their own where none is given. brief: leave out sham and parts.
    events: the law of harm, which is asked once a step, for those who take it; operations that follow are among what it
    draws. Raises InputError for steps that cannot be.
    """
    checked = tuple(_checked(people, given))
    asked = np.unique(np.asarray(list(months), float))
    if not asked.size or asked[0] < 0 or not np.all(np.isfinite(asked)):
        raise InputError(f"Months {list(months)} are not possible; give months from 0 on, for example 0, 3 and 12.")
    for one in checked:
        if one.month and one.month >= asked[-1]:
            raise InputError(
                f"{one.option} at month {one.month:g} never happens, since people are looked at until month "
                f"{asked[-1]:g}; do it earlier or look for longer."
            )
    grid = np.unique([*asked, *(one.month for one in checked)])
    lot = _lot(random, people.region, people.pain.size, grid, len(checked), draws)
    if shared is not None:
        held = [shared(one.option) for one in checked]
        lot = lot._replace(effect=np.stack([one[0] for one in held]), prior=np.stack([one[1] for one in held]))
    world = _World(people, checked, grid, lot)
    taken, shown = _takes(world), np.isin(grid, asked)
    found, responds = _path(world, taken, Parts())
    sham = {} if brief else _path(world, taken, Parts(), sham=True)[0]
    without = _path(world, taken, Parts(treatment=0.0))[0]
    last = float(asked[-1])
    return Course(
        people,
        checked,
        asked,
        pain=found["pain"][:, shown],
        limb=found["limb"][:, shown],
        disability=found["disability"][:, shown],
        sham={name: values[:, shown] for name, values in sham.items()},
        without={name: values[:, shown] for name, values in without.items()},
        taken=taken,
        responds=responds[:, shown],
        parts=_none() if brief else _why(world, taken, last),
        events=_harm(events, random, world, taken, last),
        cost=_cost(world, taken),
        recovery_days=_recovery(world, taken),
        unknown=_unknown(world),
    )


def _none() -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(columns=["part", *SCORES])


def _why(world: _World, taken: np.ndarray, month: float) -> pd.DataFrame:
    """Mean change of each score by a month, and how much of it each part is; rows as `person.why` has them."""
    import pandas as pd

    at, rows = int(np.flatnonzero(world.months == month)[0]), []
    parts = dict.fromkeys(ORDER, 0.0)

    def mean() -> dict[str, float]:
        scores = _path(world, taken, Parts(**parts))[0]
        return {name: float(scores[name][:, at].mean()) for name in SCORES}

    before = {name: float(world.people.start(name).mean()) for name in SCORES}
    last, first = before, dict(before)
    for part in ("ends of the scale", *ORDER):
        if part in parts:
            parts[part] = 1.0
        now = mean()
        rows.append({"part": part} | {name: now[name] - last[name] for name in SCORES})
        last = now
    rows.append({"part": "whole"} | {name: last[name] - first[name] for name in SCORES})
    return pd.DataFrame(rows)


def _harm(
    events: Events, random: np.random.Generator, world: _World, taken: np.ndarray, last: float
) -> pd.DataFrame:
    """Events of everybody, by the numbers of `People`. Waiting is one and the same through all steps, and ends with an
    operation.
    """
    import pandas as pd

    found, waiting = [], False
    operated = _operated(world, taken)
    for k, one in enumerate(world.steps):
        who = np.flatnonzero(taken[k])
        exposures = list(options.option(one.option).exposed(world.people.region))
        if who.size and last > one.month:
            people = world.people
            table = events(
                random,
                exposures,
                who.size,
                last - one.month,
                people.region,
                start=one.month,
                population=people.population,
            )
            table = table.assign(person=who[np.asarray(table["person"], int)], option=one.option)
            if _WAITING in exposures and "cause" in table:
                late = table["month"].to_numpy(float) >= operated[table["person"]]
                table = table[(table["cause"] != _WAITING) | ~(waiting | late)]
            found.append(table)
        waiting |= _WAITING in exposures and one.unless is None
    none = pd.DataFrame(columns=["person", "month", "event", "serious"])
    return pd.concat(found, ignore_index=True) if found else none


def _operated(world: _World, taken: np.ndarray) -> np.ndarray:
    """Month at which a step first operates on each person, infinity where none does (person,)."""
    when = np.full(taken.shape, math.inf)
    for k, one in enumerate(world.steps):
        if world.option(k).family == "surgery":
            when[k, taken[k]] = one.month
    return np.asarray(when.min(0))


def _cost(world: _World, taken: np.ndarray) -> Cost:
    """Mean over people of what the taken steps cost."""
    known = {cost.name: cost for cost in offers.costs()}
    sums, missing = np.zeros(3), list[str]()
    for k, share in enumerate(taken.mean(1)):
        option = world.option(k)
        rows = [known[name] for name in option.costs if not math.isnan(known[name].value)]
        sums += share * np.array([[row.value, row.low, row.high] for row in rows] or [[0.0] * 3]).sum(0)
        if not rows and option.name != "wait":
            missing.append(option.name)
    value, low, high = (float(x) for x in sums)
    return Cost(value, low, high, tuple(dict.fromkeys(missing)))


def _recovery(world: _World, taken: np.ndarray) -> np.ndarray:
    """Days until usual life, over all steps that a person takes (person,)."""
    days = np.array([world.option(k).recovery_weeks for k in range(len(world.steps))]) * _DAYS
    return np.asarray(days @ taken)


def _unknown(world: _World) -> tuple[str, ...]:
    """What no trial told of these steps."""
    region, population, said = world.people.region, world.people.population, list[str]()
    for k in range(len(world.steps)):
        option = world.option(k)
        if options.unknown(option.name, region, population):
            said.append(
                f"{option.title}: no controlled effect was found in {population} {region} pain; nothing on average is "
                "assumed, with the band of a treatment of which no trial was read."
            )
        elif not option.fits(region, population):
            other = " and ".join(option.populations)
            said.append(f"{option.title}: it is done for {other} pain, and what stands here is carried over from that.")
        found = options.added(option.name, region, population)
        for name in SCORES if found and not option.treatments(region) else ():
            if name not in found:
                said.append(f"{option.title}: no controlled effect on {name} was found; expectation alone moves it.")
        guessed = [one.score for one in found.values() if one.kind == "assumed"]
        said += [f"{option.title}: {name} rests on an assumption." for name in guessed]
    return tuple(dict.fromkeys(said))


# ---------------------------------------------------------------------------------------------- side by side


def fitting(people: People) -> list[str]:
    """Options that are done for such people, in the order of their table."""
    return [one.name for one in options.options() if one.fits(people.region, people.population)]


def beside(
    seed: int, people: People, ways: Sequence[Sequence[Step | tuple]], month: float, events: Events = draw
) -> list[dict[str, Any]]:
    """Ways of care side by side at a month, with the same chance for each: one record a way."""
    months = sorted({month, *(m for m in VISITS if m < month)})
    return [told(follow(np.random.default_rng(seed), people, way, months, events)) for way in ways]


def told(course: Course) -> dict[str, Any]:
    """A course in numbers at its last month: scores with bands, parts, chances, recovery, cost, what follows."""
    people, count = course.people, course.people.pain.size
    name = people.leading
    chance, sham = (float(course.improved(name, sham=blind)[-1]) for blind in (False, True))
    return {
        "steps": [one._asdict() for one in course.steps],
        "title": ", then ".join(_said(one) for one in course.steps),
        "month": float(course.months[-1]),
        "leading": name,
        "scores": {
            key: {"start": float(people.start(key).mean())} | course.bands(key).iloc[-1].drop("month").to_dict()
            for key in SCORES
        },
        "parts": course.parts.to_dict("records"),
        "improved": chance,
        "improved_with_sham": sham,
        "sham_share": min(sham / chance, 1.0) if chance else None,
        "taken": [float(share) for share in course.taken.mean(1)],
        "recovery_days": float(course.recovery_days.mean()),
        "cost": {"value": course.cost.value, "low": course.cost.low, "high": course.cost.high}
        | {"missing": list(course.cost.missing)},
        **{f"{event}_share": _share(course.events, course.events["event"] == event, count) for event in FOLLOWS},
        "serious_events_share": _share(
            course.events, course.events["serious"].astype(bool) & ~course.events["event"].isin(FOLLOWS), count
        ),
        "unknown": list(course.unknown),
    }


def _said(one: Step) -> str:
    words = options.option(one.option).title + (f" at month {one.month:g}" if one.month else "")
    return f"{words} if not better" if one.unless is not None else words


def _share(events: pd.DataFrame, which: pd.Series, count: int) -> float:
    """Share of people who have at least one of some events."""
    return float(events.loc[which, "person"].nunique() / count)
