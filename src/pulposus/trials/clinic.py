"""What becomes of people of a trial between and at its visits.

What: `live` gives scores and drugs of everybody at the baseline and each visit, who is seen, and what comes between:
rescue, surgery, crossover, death and leaving; `harms` gives their adverse events; `lots` the product that each gets.
Equations: scores: those of `outcomes.person` and `outcomes.reported`, with the trial's own place and the site's as
logits of responding. What comes between has a hazard that holds from visit to visit: ``h = h0 exp(b (x - x0) / 10)``,
x the pain (rescue) or the disability (surgery) at the earlier of two visits. From a rescue on, points come off. After
surgery and after crossing over people live by the law of what was done then, from the scores of the baseline, counted
from that month. Lots: logit of viability and logarithm of potency, normal about what the protocol says.
Reads: `Protocol`, people, ``evidence/outcomes.csv``, ``safety.csv``. Writes: nothing.
Why this holds: a person has the same chance in every arm, in any cohort and order (`outcomes.chance`), so that arms
differ by what was done and nothing else, and nobody's course hangs on who else is there.
Limits: hazards are assumed; a rescue does as much for everybody; sites differ in responding alone; arms convert to
surgery at one rate but for disability and for what is held to be caused, whatever series of one arm printed.
Source: rows of ``outcomes.csv`` and ``safety.csv``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtri

from pulposus import evidence, safety
from pulposus.evidence import options as table
from pulposus.evidence.safety import SURGERY
from pulposus.outcomes import person, reported
from pulposus.outcomes.chance import ByPerson, rows
from pulposus.outcomes.person import Fate, Followed, Given
from pulposus.trials.protocol import DISC, Arm, Protocol

if TYPE_CHECKING:
    import pandas as pd

_YEAR, _TEN = 12.0, 10.0  # maths: months of a year, points of a tenth
_WORLD, _WINDOW, _BETWEEN = "world", "window", "between"
BETWEEN = ("rescue", "surgery", "crossover", "death", "left")
SCORES = ("pain", "disability", "limb")
_DEAD = 5  # maths: CTCAE grade of death
_SEVERE = 3  # maths: CTCAE grade of an operation


@dataclass(frozen=True)
class Lived:
    """People at the baseline and the visits: values (person, 1 + visit) by variable; months at which they came; months
    of what came between (person,), NaN for never; visits that were missed (person, 1 + visit).
    """

    values: dict[str, np.ndarray]
    months: np.ndarray
    between: dict[str, np.ndarray]
    misses: np.ndarray
    gone: np.ndarray
    responds: np.ndarray = field(default_factory=lambda: np.empty(0))

    def after(self, name: str) -> np.ndarray:
        """True at visits after something came between (person, 1 + visit)."""
        return np.asarray(self.months >= np.nan_to_num(self.between[name], nan=np.inf)[:, None])


# ---------------------------------------------------------------------------------------------- world, sites, lots


@dataclass(frozen=True)
class World:
    """What is the same for all people of one trial: which draw of the law's numbers holds (None: each person's own),
    and the trial's place, as a logit.
    """

    draw: int | None
    place: float

    @classmethod
    def of(cls, protocol: Protocol, seed: int) -> World:
        """Drawn for a seed: any draw that published trials leave possible, and a place among such trials."""
        from scipy.stats import t

        from pulposus.uncertainty.trials import FREEDOMS

        region = protocol.trial.region
        which, place = rows(seed, [0], 2, _WORLD)[0]
        chosen = int(which * len(person.responses(region)[1]))
        return cls(chosen, float(t.ppf(place, FREEDOMS) * person.drawn(region, "trial_spread")[chosen]))


def _site(protocol: Protocol, people: pd.DataFrame, seed: int) -> np.ndarray:
    """Logit of each person's site."""
    spread = evidence.outcome("site_spread").value if protocol.sites.spread is None else protocol.sites.spread
    each = spread * ndtri(rows(seed, np.arange(protocol.sites.count), 1, "site")[:, 0])
    if protocol.sites.count == 1:
        return np.zeros(len(people))
    return np.asarray(each[people["site"].str.removeprefix("site ").astype(int).to_numpy() - 1])


def lots(protocol: Protocol, people: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Lot of each person, the shift of its viability's logit and the factor of its potency: columns lot,
    viability_logit, potency. A person whose own cells are given has a lot alone.
    """
    import pandas as pd

    own_spreads = {"viability": protocol.product.viability_spread, "potency": protocol.product.potency_spread}
    spreads = [
        evidence.outcome(f"lot_{name}_spread").value if spread is None else spread
        for name, spread in own_spreads.items()
    ]
    numbers = people["patient"].to_numpy(int)
    chance = rows(seed, numbers, 1, "lot")[:, 0]
    own = {arm.name: any(one.origin == "own" for one in arm.inject) for arm in protocol.arms}
    counts = np.array([protocol.arm(name).lots or protocol.product.lots for name in people["arm"]])
    alone = people["arm"].map(own).to_numpy(bool)
    lot = np.where(alone, numbers, np.minimum((chance * counts).astype(int), counts - 1))
    found = np.empty((len(people), 2))
    for kind, which in (("own", alone), ("lots", ~alone)):
        if which.any():
            found[which] = ndtri(rows(seed, lot[which], 2, f"{kind} of the product"))
    names = [f"own {n}" if o else f"lot {n + 1}" for n, o in zip(lot, alone, strict=True)]
    shift, potency = found[:, 0] * spreads[0], np.exp(found[:, 1] * spreads[1])
    return pd.DataFrame({"lot": names, "viability_logit": shift, "potency": potency})


def draws(protocol: Protocol, people: pd.DataFrame, seed: int, world: World) -> np.ndarray:
    """Which draw of the law's numbers is each person's (person,)."""
    if world.draw is not None:
        return np.full(len(people), world.draw)
    return Fate.by_person(seed, people["patient"].to_numpy(int), protocol.trial.region, 0).draws


# ---------------------------------------------------------------------------------------------- scores


def live(
    protocol: Protocol,
    people: pd.DataFrame,
    seed: int,
    world: World | None = None,
    logit: np.ndarray | None = None,
) -> Lived:
    """Courses of people (rows with patient, arm, site, pain, disability, limb_pain) in their arms.

    world: as `World.of` the seed where none is given. logit: what else moves responding, (person, visit), for instance
    `symptoms.join` of what happened in their discs.
    """
    world = World.of(protocol, seed) if world is None else world
    numbers, visits = people["patient"].to_numpy(int), np.array(protocol.visits.months)
    chance = rows(seed, numbers, visits.size, _WINDOW)
    window = protocol.visits.window_days * evidence.factor("day") / evidence.factor("month")
    months = visits + (2 * chance - 1) * window
    course = _Course(protocol, people, seed, world, months, logit)
    scores = course.of_arms()
    between = {name: np.full(len(people), np.nan) for name in BETWEEN}
    between["crossover"] = course.crossed(scores)
    u = rows(seed, numbers, visits.size * 3, _BETWEEN).reshape(-1, 3, visits.size)
    before = {name: np.concatenate([course.starts[name][:, None], scores[name][:, :-1]], 1) for name in SCORES}
    bounds = np.concatenate([np.zeros((len(people), 1)), months], 1)
    between["death"] = _first(u[:, 0], bounds, np.full(months.shape, _rate("death_per_year")))
    between["surgery"] = _first(u[:, 1], bounds, _operations(protocol, people, before["disability"]))
    pained = person.leading(protocol.trial.population)
    pain = before["limb" if pained == "limb" else "pain"]
    hazard = _moved(_rate("rescue_per_year"), "rescue_per_pain", pain, "start_unknown_pain")
    between["rescue"] = _first(u[:, 2], bounds, hazard)
    _in_order(between)
    for name in SCORES:
        off = evidence.outcome("rescue_disability" if name == "disability" else "rescue_pain").value
        after = months >= np.nan_to_num(between["rescue"], nan=np.inf)[:, None]
        scores[name] = np.clip(scores[name] - off * after, 0, None)
    course.operated(scores, between["surgery"])
    return _seen(protocol, course, scores, between)


def _rate(name: str) -> float:
    """A rate of the evidence, per month."""
    return evidence.outcome(name).value / _YEAR


def _moved(rate: float | np.ndarray, slope: str, score: np.ndarray, at: str) -> np.ndarray:
    """Hazards a month that a score moves, per ten points from where the rate holds."""
    reference = evidence.outcome(at).value
    return np.asarray(rate * np.exp(evidence.outcome(slope).value * (score - reference) / _TEN))


def _first(u: np.ndarray, bounds: np.ndarray, hazards: np.ndarray) -> np.ndarray:
    """Month at which something first comes (person,), NaN for never. u, hazards: (person, span); bounds its ends."""
    wait = -np.log(u) / np.maximum(hazards, np.finfo(float).tiny)
    at = bounds[:, :-1] + wait
    comes = at < bounds[:, 1:]
    return np.where(comes.any(1), at[np.arange(len(at)), comes.argmax(1)], np.nan)


def _operations(protocol: Protocol, people: pd.DataFrame, disability: np.ndarray) -> np.ndarray:
    """Hazard a month of conversion to surgery: that of waiting and of what was done to each, moved by disability."""
    trial, last = protocol.trial, protocol.visits.months[-1]
    each = {}
    for arm in protocol.arms:
        named = converting(arm, trial.region, last, trial.population)
        found = safety.risks(named, trial.region, last, trial.population)
        share = next((risk.share for risk in found if risk.event == SURGERY), 0.0)
        each[arm.name] = -math.log1p(-share) / last
    rate = people["arm"].map(each).to_numpy(float)[:, None]
    return _moved(rate, "surgery_per_disability", disability, "start_unknown_disability")


def converting(arm: Arm, region: str, months: float, population: str) -> tuple[str, ...]:
    """Exposures of an arm that make people convert: waiting, and what conversions were held to come of.

    Series of one arm printed how many of their people converted, who were on waiting lists; it was not what was given
    to them that made them ("unlikely"), and people of a trial's arms are alike.
    """

    def causes(name: str) -> bool:
        found = safety.risks((name,), region, months, population)
        return any(risk.event == SURGERY and risk.related != "unlikely" for risk in found)

    return tuple(name for name in exposures(arm, region) if name == "waiting" or causes(name))


def _in_order(between: dict[str, np.ndarray]) -> None:
    """Nothing but death comes after surgery, nothing at all after death."""
    operated, dead = (np.nan_to_num(between[name], nan=np.inf) for name in ("surgery", "death"))
    between["surgery"] = np.where(operated < dead, between["surgery"], np.nan)
    end = np.minimum(np.where(operated < dead, operated, np.inf), dead)
    for name in ("rescue", "crossover"):
        between[name] = np.where(between[name] < end, between[name], np.nan)


class _Course:
    """People of a trial and the chance of each, ready to be followed through whatever is done to them."""

    def __init__(
        self,
        protocol: Protocol,
        people: pd.DataFrame,
        seed: int,
        world: World,
        months: np.ndarray,
        logit: np.ndarray | None,
    ) -> None:
        self.protocol, self.people, self.months, self.seed = protocol, people, months, seed
        self.numbers = people["patient"].to_numpy(int)
        self.fate = Fate.by_person(seed, self.numbers, protocol.trial.region, months.shape[1])
        if world.draw is not None:
            self.fate = self.fate._replace(draws=np.full(len(people), world.draw))
        self.place = world.place + _site(protocol, people, seed)
        self.logit = np.zeros(months.shape) if logit is None else logit
        columns = {"pain": "pain", "disability": "disability", "limb": "limb_pain"}
        self.starts = {name: people[column].to_numpy(float) for name, column in columns.items()}
        self.responds = np.zeros(months.shape, bool)

    def followed(self, given: Given, who: np.ndarray, months: np.ndarray, logit: np.ndarray | float) -> Followed:
        """Some people (places) through something, at months of their own after it was done."""
        one = self.fate
        fate = Fate(one.usual[:, who], one.visit[:, who], one.responds[who], one.draws[who])
        start = {name: value[who] for name, value in self.starts.items()}
        place, limb = self.place[who], start["limb"]
        return person.follow(
            fate, given, start["pain"], start["disability"], months, place=place, limb=limb, logit=logit
        )

    def of_arms(self) -> dict[str, np.ndarray]:
        """Scores of everybody at visits in the arm that they were allocated to."""
        scores = {name: np.empty(self.months.shape) for name in SCORES}
        arms = self.people["arm"].to_numpy()
        for arm in self.protocol.arms:
            who = np.flatnonzero(arms == arm.name)
            if who.size:
                found = self.followed(self.protocol.given(arm), who, self.months[who], self.logit[who])
                for name in SCORES:
                    scores[name][who] = getattr(found, name)
                self.responds[who] = found.responds
        return scores

    def _from(self, scores: dict[str, np.ndarray], who: np.ndarray, given: Given, at: np.ndarray) -> None:
        """From a month on (person,), some live by something else."""
        since = self.months[who] - at[who][:, None]
        found = self.followed(given, who, np.maximum(since, 0.0), 0.0)
        for name in SCORES:
            scores[name][who] = np.where(since >= 0, getattr(found, name), scores[name][who])
        self.responds[who] = np.where(since >= 0, found.responds, self.responds[who])

    def crossed(self, scores: dict[str, np.ndarray]) -> np.ndarray:
        """Those whose arm crosses over live by the other's law from then on, and know it; returns when."""
        when = np.full(len(self.people), np.nan)
        arms = self.people["arm"].to_numpy()
        for arm in self.protocol.arms:
            who = np.flatnonzero(arms == arm.name)
            if arm.crosses_at is not None and who.size:
                when[who] = arm.crosses_at
                other = self.protocol.given(self.protocol.arm(arm.crosses_to))
                self._from(scores, who, replace(other, aware="open"), when)
        return when

    def operated(self, scores: dict[str, np.ndarray], when: np.ndarray) -> None:
        """Those who were operated on live by the law of the operation from then on."""
        who = np.flatnonzero(~np.isnan(when))
        if who.size:
            trial = self.protocol.trial
            done = operation(trial.region, trial.population).treatments(trial.region)
            given = Given(trial.region, trial.population, "surgery", "open", done, self.protocol.controlled)
            self._from(scores, who, given, when)


def operation(region: str, population: str) -> table.Option:
    """The operation that people of a trial convert to: the first of the table that is done for such people, or for
    others of the same part of the spine.
    """
    known = [one for one in table.options() if one.family == "surgery" and region in one.regions]
    return next((one for one in known if population in one.populations), known[0])


def _seen(
    protocol: Protocol, course: _Course, scores: dict[str, np.ndarray], between: dict[str, np.ndarray]
) -> Lived:
    """What is written down of scores, and who is there."""
    region, starts = protocol.trial.region, course.starts
    visits = np.array(protocol.visits.months)
    followed = Followed(
        visits,
        starts["pain"],
        starts["disability"],
        scores["pain"],
        scores["disability"],
        course.responds,
        starts["limb"],
        scores["limb"],
    )
    wanted = [name for name in protocol.measured if name not in DISC]
    values = reported.reported(ByPerson(course.seed, course.numbers, "reported"), region, followed, wanted, start=True)
    disability = np.concatenate([starts["disability"][:, None], scores["disability"]], 1)
    absent = reported.absent(
        ByPerson(course.seed, course.numbers, "absent"),
        np.concatenate([[0.0], visits]),
        disability,
        between["surgery"],
        protocol.dropout.informative,
        protocol.dropout.yearly,
        # those with whom a person is compared are people in general, or a person would hang on who else is there
        evidence.outcome(f"{region}_typical_disability").value,
    )
    months = np.concatenate([np.zeros((len(course.people), 1)), course.months], 1)
    dead = months >= np.nan_to_num(between["death"], nan=np.inf)[:, None]
    first = absent.gone.argmax(1)
    left = np.where(absent.gone.any(1), months[np.arange(len(months)), np.maximum(first - 1, 0)], np.nan)
    left = np.where(left < np.nan_to_num(between["death"], nan=np.inf), left, np.nan)
    between = {**between, "left": left}
    for name in ("rescue", "surgery", "crossover"):
        gone = np.nan_to_num(left, nan=np.inf)
        between[name] = np.where(between[name] <= gone, between[name], np.nan)
    return Lived(
        {name: np.asarray(value, float) for name, value in values.items()},
        months,
        between,
        absent.misses & ~dead,
        absent.gone & ~dead,
        np.concatenate([np.zeros((len(months), 1), bool), course.responds], 1),
    )


# ---------------------------------------------------------------------------------------------- harm


def exposures(arm: Arm, region: str) -> tuple[str, ...]:
    """What people of an arm are exposed to, by the names of `safety`: waiting, needle, what is injected, options."""
    found = ["waiting", *arm.harms]
    if arm.procedure == "disc":
        found.append("cervical_disc_needle" if region == "cervical" else "disc_needle")
    for one in arm.inject:
        found += _product(one.product, one.origin, one.dose)
        if one.carrier != evidence.carriers()[0]:
            found.append("hydrogel")
    for planned in arm.options:
        found += planned.option.exposed(region)
    return tuple(dict.fromkeys(found))


def _product(product: str, origin: str, dose: float) -> list[str]:
    """Exposures that a product brings; a dose of nought brings none."""
    kind = evidence.product(product)["class"].text
    if dose == 0:
        return []
    if product == "PRP":
        return ["platelet_product"]
    if kind != "cells":
        return []
    cultured = [] if product == "BMC" else ["cultured_cells"]
    if origin == "donor":
        return ["cell_product", "donor_cells", *cultured]
    harvest = "fat_harvest" if product.endswith("(AT)") else "marrow_harvest"
    return ["cell_product", harvest, *cultured]


def harms(protocol: Protocol, people: pd.DataFrame, lived: Lived, seed: int) -> pd.DataFrame:
    """Adverse events and what came between, a row each: patient, arm, month, event, grade, serious, related, cause,
    kind ("adverse" or "intercurrent"), while people were in the trial.
    """
    import pandas as pd

    trial, last = protocol.trial, protocol.visits.months[-1]
    ends = np.fmin(np.fmin(lived.between["left"], lived.between["death"]), last)
    ends = np.where(np.isnan(ends), last, ends)
    arms, numbers = people["arm"].to_numpy(), people["patient"].to_numpy(int)
    operated, parts = lived.between["surgery"], list[pd.DataFrame]()

    def drawn(who: np.ndarray, named: Sequence[str], start: np.ndarray, kept: np.ndarray | None) -> None:
        made = safety.draw(
            seed, named, who.size, last, trial.region, 0.0, trial.population, numbers=numbers[who], operated=kept
        )
        place = who[made["person"].to_numpy(int)]
        made = made.assign(place=place, month=made["month"].to_numpy(float) + start[place])
        parts.append(made[made["month"].to_numpy() <= ends[made["place"].to_numpy()]])

    for arm in protocol.arms:
        who = np.flatnonzero(arms == arm.name)
        if who.size:
            drawn(who, exposures(arm, trial.region), np.zeros(len(people)), operated[who])
        crossed = who[~np.isnan(lived.between["crossover"][who])]
        if crossed.size and arm.crosses_to:
            new = [one for one in exposures(protocol.arm(arm.crosses_to), trial.region) if one != "waiting"]
            late = operated[crossed] - lived.between["crossover"][crossed]
            drawn(crossed, new, lived.between["crossover"], late)
    cut = np.flatnonzero(~np.isnan(operated))
    if cut.size:
        done = operation(trial.region, trial.population).exposed(trial.region)
        # of the operation itself nothing ends with it: as if it came never
        drawn(cut, [one for one in done if one != "waiting"], operated, np.full(cut.size, np.nan))
    adverse = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    adverse = adverse.assign(kind="adverse").sort_values(["place", "month"], kind="stable")
    adverse = adverse.drop_duplicates(["place", "event"])  # each comes to a person once, from what brings it first
    found = pd.concat([adverse, _between(lived)], ignore_index=True)
    found = found.assign(patient=numbers[found["place"].to_numpy(int)], arm=arms[found["place"].to_numpy(int)])
    told = ["patient", "arm", "month", "event", "grade", "serious", "related", "cause", "kind"]
    found = found.sort_values(["place", "month", "event"], kind="stable")
    return found[told].reset_index(drop=True).astype({"grade": int, "serious": bool, "month": float})


def _between(lived: Lived) -> pd.DataFrame:
    """Rows of what came between."""
    import pandas as pd

    grades: Mapping[str, tuple[int, bool]] = {"death": (_DEAD, True), "surgery": (_SEVERE, True)}
    parts = []
    for name, month in lived.between.items():
        place = np.flatnonzero(~np.isnan(month))
        grade, serious = grades.get(name, (0, False))
        parts.append(
            pd.DataFrame(
                {
                    "place": place,
                    "month": month[place],
                    "event": name,
                    "grade": grade,
                    "serious": serious,
                    "related": "unlikely",
                    "cause": "",
                    "kind": "intercurrent",
                }
            )
        )
    return pd.concat(parts, ignore_index=True)
