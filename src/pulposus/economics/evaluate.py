"""Ways of care put beside one another in money and quality-adjusted years, with what is not known about both.

What: `evaluate` follows the same people under every way (`people.lived`), draws prices, losses, rates and the law of
responses, and gives net benefit, who dominates whom, how likely each is best, what knowing more would be worth, the
same by a cohort in states (`markov`), year by year, and the price at which cells would be worth it.
Equations: QALY = alive - scale · lost - rate · sum_g loss_g · event years_g - loss_r · recovery; cost = sum price ·
bought + care + rate · (sum_g cost_g · events_g + cost_o · operations). Prices and costs are log-normal, losses normal
held at nought, each with the 90 % range of its row; the law's draws are those of the evidence.
Reads: ``evidence/economics.csv``, ``costs.csv``, the law of responses. Writes: nothing.
Why this holds: all ways share their people and their chance, so that differences are of the ways; every ratio of cells
is this model's output, since no published one was found.
Source: Briggs, Claxton and Sculpher 2006; `decision`.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from pulposus.care import SCORES, People, Step
from pulposus.economics import decision, markov
from pulposus.economics.markov import Chain, Worth
from pulposus.economics.money import Rates, checked
from pulposus.economics.people import (
    GRADES,
    MONTHS,
    STATES,
    Ledger,
    checked_years,
    lived,
    states,
    survival,
    utility_of,
)
from pulposus.errors import InputError, nearest
from pulposus.evidence import economy, options
from pulposus.outcomes import person

if TYPE_CHECKING:
    import pandas as pd

MODEL_OUTPUT = "model output: no published ratio of cells in a disc was found"
CELLS = ("cells_own", "cells_donor", "marrow_concentrate")
_NORMAL90 = 3.2897072539029435  # maths: standard deviations between the ends of the middle 90 % of a normal
_PEOPLE = 40  # maths: of each draw; chance of people is then small beside what is not known
_THRESHOLDS = 41  # maths: points of an acceptability curve
_LIMIT = 2.0  # maths: how far an acceptability curve goes, in thresholds
_SEEDS = 2**32
_AGAIN = 5  # maths: draws of prices for each draw of the law, as many as folds, which keep a law's draws together
_BAND = (5, 95)  # maths: percentiles that end a band of 90 per cent
_HUNDRED = 100  # maths: a share in percent
_HALF_YEAR = 6.0  # maths: months of a cycle of the cohort, visits that all courses share


@dataclass(frozen=True)
class Plan:
    """What is asked: people of one kind (their first is taken for all), ways by name, how long, where, at what price.

    prices: option -> USD of the price year, for sure. rates: those of the country unless given. threshold: in the
    country's money, that of the country unless given. people: of each draw of the law.
    """

    facts: People
    ways: Mapping[str, Sequence[Step | tuple]]
    years: int = 5  # maths: a horizon where none is asked for
    country: str = "United States"
    age: float = math.nan
    threshold: float = math.nan
    rates: Rates | None = None
    prices: Mapping[str, float] = field(default_factory=dict)
    assume: str = ""
    reference: str = ""
    people: int = _PEOPLE
    seed: int = 0


@dataclass(frozen=True)
class Evaluation:
    """What came of it. costs and qalys (draw, option), in the country's money; table: options beside the reference.

    pairs: each way with cells against each other way, with the price of it (USD) at which both are of one net benefit.
    curve: threshold and the share of draws in which each option is best. worth: value of information a person, all of
    it and by group of numbers. yearly: the same table's middle by horizon. cohort: the chain beside the people.
    """

    plan: Plan
    names: tuple[str, ...]
    titles: Mapping[str, str]
    currency: str
    threshold: float
    rates: Rates
    costs: np.ndarray
    qalys: np.ndarray
    table: pd.DataFrame
    curve: pd.DataFrame
    worth: pd.DataFrame
    yearly: pd.DataFrame
    cohort: pd.DataFrame
    pairs: pd.DataFrame
    notes: tuple[str, ...]

    @property
    def said(self) -> str:
        """The conclusion in one sentence, net benefit first."""
        first = self.table.iloc[0]
        title = self.titles[first["option"]]
        second = f"{title[0].upper()}{title[1:]} has the greatest net benefit"
        where = f"at {self.threshold:,.0f} {self.currency} per quality-adjusted year over {self.plan.years} years"
        share = f"and is best in {_HUNDRED * first['chance_best']:.0f} % of draws"
        return f"{second} {where}, {share}; every number of cells is a model's."


@dataclass(frozen=True)
class _Drawn:
    """Values of every uncertain number (draw,), and the groups that they are asked about in."""

    values: Mapping[str, np.ndarray]
    groups: Mapping[str, tuple[str, ...]]


def evaluate(plan: Plan) -> Evaluation:
    """Every way beside the others. Raises InputError for what cannot be, in one sentence."""
    years, country = checked_years(plan.years), economy.country(plan.country)
    rates = plan.rates or Rates(*(economy.of(f"discount_{what}", country).value for what in ("costs", "effects")))
    for rate in rates:
        checked(rate)
    names = _names(plan)
    threshold = economy.of("threshold", country).value if math.isnan(plan.threshold) else plan.threshold
    age = economy.of("age").value if math.isnan(plan.age) else plan.age
    money = economy.of("per_usd", country).value
    law_names, law = person.responses(plan.facts.region)
    ledgers = _ledgers(plan, rates, age, len(law))
    drawn = _numbers(plan, law_names, law)
    by_year = [_worth(ledgers, plan, drawn.values, until) for until in range(1, years + 1)]
    costs, qalys = money * by_year[-1][0], by_year[-1][1]
    currency = economy.currency(country)
    reference = plan.reference or ("wait" if "wait" in names else names[0])
    table = decision.compare(costs, qalys, names, reference, threshold, currency)
    _own(table, ledgers, drawn.values, threshold)
    table["kind"] = [MODEL_OUTPUT if _of_cells(plan, name) else "model" for name in table["option"]]
    yearly = _yearly(by_year, names, money, threshold)
    return Evaluation(
        plan,
        tuple(names),
        {name: _title(plan.ways[name]) for name in names},
        currency,
        threshold,
        rates,
        costs,
        qalys,
        table,
        _curve(costs, qalys, names, threshold),
        _information(costs, qalys, threshold, drawn),
        yearly,
        _cohort(plan, ledgers, rates, age, money, drawn.values, yearly),
        _pairs(plan, ledgers, costs, qalys, names, threshold, money),
        _notes(plan, ledgers, country),
    )


def _own(
    table: pd.DataFrame, ledgers: Mapping[str, Ledger], values: Mapping[str, np.ndarray], threshold: float
) -> None:
    """Add to each row what the treatment itself brings, beyond belief in it, with its 90 % ends over draws, and the
    mean net benefit if that ends with what trials saw.
    """
    own = {name: values["utility_scale"] * one.own.sum(1) for name, one in ledgers.items()}
    table["own_qaly"] = [own[name].mean() for name in table["option"]]
    for column, end in zip(("own_low", "own_high"), _BAND, strict=True):
        table[column] = [np.percentile(own[name], end) for name in table["option"]]
    seen = int(economy.of("trusted_months").value / MONTHS)
    late = {name: (values["utility_scale"] * one.own[:, seen:].sum(1)).mean() for name, one in ledgers.items()}
    table["net_benefit_seen"] = table["net_benefit"] - threshold * table["option"].map(late)


def _names(plan: Plan) -> list[str]:
    """Names of the ways. Raises InputError where there is nothing to compare, and for a price of what is not among."""
    names = list(plan.ways)
    if len(names) < 2:
        raise InputError("One way of care is compared with nothing; give two or more, 'wait' among them.")
    used = {options.option(Step(*one).option).name for way in plan.ways.values() for one in way}
    for name, value in plan.prices.items():
        if name not in used:
            near = nearest(name, used)
            raise InputError(f"A price of {name!r} is of no option here{near}; known: {', '.join(used)}.")
        if not (math.isfinite(value) and value >= 0):
            raise InputError(f"A price of {value:g} USD is not possible; give nought or more.")
    if plan.people < 1:
        raise InputError(f"{plan.people} people of each draw cannot be followed; ask for one or more.")
    if plan.seed < 0:
        raise InputError(f"A seed of {plan.seed} is not possible; give 0 or a greater whole number.")
    return names


def _of_cells(plan: Plan, name: str) -> bool:
    return any(Step(*one).option in CELLS for one in plan.ways[name])


def _title(way: Sequence[Step | tuple]) -> str:
    said = []
    for one in (Step(*step) for step in way):
        words = options.option(one.option).title + (f" at month {one.month:g}" if one.month else "")
        said.append(f"{words} if not better" if one.unless is not None else words)
    return ", then ".join(said)


# ---------------------------------------------------------------------------------------------- following, drawing


def _ledgers(plan: Plan, rates: Rates, age: float, draws: int) -> dict[str, Ledger]:
    """Everybody under every way; people of one draw of the law share all that is not known of trials."""
    facts, each = plan.facts, np.repeat(np.arange(draws), plan.people)
    people = People(
        facts.region,
        facts.population,
        *(np.resize(getattr(facts, name), each.size) for name in ("pain", "limb", "disability")),
    )

    def shared(option: str) -> tuple[np.ndarray, np.ndarray]:
        effect, prior = _place(plan.seed, option, draws)
        return effect[:, each], prior[each]

    return {
        name: lived(people, way, plan.years, rates, age, plan.seed, each, shared, plan.assume).again(_AGAIN)
        for name, way in plan.ways.items()
    }


def _place(seed: int, option: str, draws: int) -> tuple[np.ndarray, np.ndarray]:
    """Where in its range an option's published difference (3, draw) and its unknown effect (draw,) are."""
    random = np.random.default_rng([seed % _SEEDS, zlib.crc32(option.encode())])
    return random.standard_normal((3, draws)), random.standard_normal(draws)


def _numbers(plan: Plan, law_names: Sequence[str], law: np.ndarray) -> _Drawn:
    """Draws of prices, costs, losses and the law, each number with a chance of its own name."""
    draws, values, groups = _AGAIN * len(law), dict[str, np.ndarray](), dict[str, list[str]]()

    def add(group: str, name: str, value: np.ndarray) -> None:
        values[name] = np.resize(value, draws)
        groups.setdefault(group, []).append(name)

    region, population = plan.facts.region, plan.facts.population
    used = list(dict.fromkeys(options.option(Step(*one).option).name for way in plan.ways.values() for one in way))
    for name in used:
        option = options.option(name)
        fixed = plan.prices.get(name)
        known = economy.price(option)
        price = np.full(draws, fixed) if fixed is not None else _spread(plan.seed, f"price {name}", known, draws)
        add("prices", f"price {name}", price)
        own, (effect, prior) = option.treatments(region), _place(plan.seed, name, len(law))
        for part in own:
            add(f"effect of {part}", f"treatment {part}", law[:, list(law_names).index(f"treatment {part}")])
        for k, score in enumerate(SCORES):
            if score in options.added(name, region, population):
                add(f"effect of {name}", f"published {score} {name}", effect[k])
        if options.unknown(name, region, population):
            add(f"effect of {name}", f"unknown {name}", prior)
    for name in ("care_unhelped", "care_better"):
        add("care a year", name, _spread(plan.seed, name, economy.of(name), draws))
    for grade in GRADES:
        for name in (f"event_cost {grade}", f"event_loss {grade}"):
            add("harm", name, _spread(plan.seed, name, economy.of(name), draws))
    operation = economy.of(f"operation {population}", region)
    add("harm", "operation", _spread(plan.seed, "operation", operation, draws))
    for group, name in (("harm", "event_rate"), ("harm", "recovery_loss"), ("utility of scores", "utility_scale")):
        add(group, name, _spread(plan.seed, name, economy.of(name), draws))
    for i, name in enumerate(law_names):
        if not name.startswith("treatment "):
            add("what people get without it", name, law[:, i])
    return _Drawn(values, {name: tuple(dict.fromkeys(members)) for name, members in groups.items()})


def _spread(seed: int, name: str, known: economy.Number, draws: int) -> np.ndarray:
    """Draws of a number: log-normal in money and rates, normal held at nought in utilities, 90 % within its range."""
    random = np.random.default_rng([seed % _SEEDS, zlib.crc32(name.encode()), 1])
    z = random.standard_normal(draws)
    if known.low == known.high or known.value == 0:
        return np.full(draws, known.value)
    if known.unit == "1" and name != "event_rate":
        return np.asarray(np.maximum(known.value + z * (known.high - known.low) / _NORMAL90, 0.0))
    low = max(known.low, known.value**2 / known.high)  # a range from nought has no logarithm: its mirror
    return np.asarray(known.value * np.exp(z * math.log(known.high / low) / _NORMAL90))


def _worth(
    ledgers: Mapping[str, Ledger], plan: Plan, values: Mapping[str, np.ndarray], until: int
) -> tuple[np.ndarray, np.ndarray]:
    """Costs (USD) and quality-adjusted years (draw, option) by the end of a year."""
    costs, qalys = [], []
    loss = np.stack([values[f"event_loss {grade}"] for grade in GRADES], -1)
    price = np.stack([values[f"event_cost {grade}"] for grade in GRADES], -1)
    rate = values["event_rate"]
    for own in ledgers.values():
        def sums(part: np.ndarray) -> np.ndarray:
            return np.asarray(part[:, :until].sum(1))

        gained = sums(own.alive) - values["utility_scale"] * sums(own.lost)
        qalys.append(
            gained - rate * (loss * sums(own.event_loss)).sum(-1) - values["recovery_loss"] * sums(own.recovery)
        )
        spent = values["care_unhelped"] * sums(own.unhelped) + values["care_better"] * sums(own.better)
        spent = spent + rate * ((price * sums(own.events)).sum(-1) + values["operation"] * sums(own.operations))
        for k, one in enumerate(own.steps):
            spent = spent + values[f"price {one.option}"] * _bought(own, k, until)
        costs.append(spent)
    return np.stack(costs, -1), np.stack(qalys, -1)


# ---------------------------------------------------------------------------------------------- what it says


def _curve(costs: np.ndarray, qalys: np.ndarray, names: Sequence[str], threshold: float) -> pd.DataFrame:
    import pandas as pd

    at = np.linspace(0.0, _LIMIT * threshold, _THRESHOLDS) if threshold > 0 else np.array([0.0])
    shares = decision.acceptability(costs, qalys, at.tolist())
    found = pd.DataFrame(shares, columns=list(names))
    found.insert(0, "threshold", at)
    found["evpi"] = [decision.evpi(decision.net_benefit(costs, qalys, float(one))) for one in at]
    return found


def _information(costs: np.ndarray, qalys: np.ndarray, threshold: float, drawn: _Drawn) -> pd.DataFrame:
    import pandas as pd

    nb = decision.net_benefit(costs, qalys, threshold)
    rows = [{"known": "everything", "numbers": len(drawn.values), "worth": decision.evpi(nb)}]
    effects = [one for name, members in drawn.groups.items() if name.startswith("effect of") for one in members]
    groups = dict(drawn.groups) | ({"all effects together": tuple(dict.fromkeys(effects))} if effects else {})
    for name, members in groups.items():
        p = np.stack([drawn.values[one] for one in members], -1)
        rows.append({"known": name, "numbers": len(members), "worth": decision.evppi(nb, p)})
    found = pd.DataFrame(rows)
    rest = found.iloc[1:].sort_values("worth", ascending=False, kind="stable")
    return pd.concat([found.iloc[:1], rest], ignore_index=True)


def _yearly(
    by_year: Sequence[tuple[np.ndarray, np.ndarray]], names: Sequence[str], money: float, threshold: float
) -> pd.DataFrame:
    import pandas as pd

    rows = []
    for year, (costs, qalys) in enumerate(by_year, 1):
        nb = decision.net_benefit(money * costs, qalys, threshold)
        for i, name in enumerate(names):
            rows.append(
                {"years": year, "option": name, "cost": money * costs[:, i].mean(), "qaly": qalys[:, i].mean()}
                | {"net_benefit": nb[:, i].mean()}
            )
    return pd.DataFrame(rows)


def chain_of(own: Ledger, years: int, age: float, values: Mapping[str, np.ndarray], assume: str = "") -> Chain:
    """A chain counted from a course of people: better or not, operated later, dead; costs in USD, at mean numbers.

    Chances of the half years up to the trusted month are counted, and the mean of the last year seen is carried on.
    """
    course, half = own.course, _HALF_YEAR
    trusted = min(economy.of("trusted_months").value, course.months[-1])
    seen = np.isin(course.months, np.arange(0.0, trusted + 1, half))
    every, utility = states(course), utility_of(course, assume)
    where = every[:, seen]
    cycles = round(years * MONTHS / half)
    steps = markov.extended(markov.counted(where, len(STATES)), cycles, last=2)
    alive = survival(np.arange(cycles + 1) * half / MONTHS, age)
    whole = markov.with_deaths(steps, (1 - alive[1:] / alive[:-1]).tolist())
    scale = float(values["utility_scale"].mean())
    worth = [
        1 - scale * (1 - float(utility[:, seen][where == k].mean())) if (where == k).any() else 0.0
        for k in range(len(STATES))
    ]
    start = np.bincount(where[:, 0], minlength=len(STATES) + 1) / len(where)
    unhelped, better = (float(values[name].mean()) for name in ("care_unhelped", "care_better"))
    entry = np.zeros((len(STATES) + 1, len(STATES) + 1))
    entry[:2, 2] = float((values["operation"] * values["event_rate"]).mean())
    return Chain(
        (*STATES, "dead"),
        start,
        whole,
        half / MONTHS,
        np.array([*worth, 0.0]),
        np.array([unhelped, better, unhelped, 0.0]),
        entry,
    )


def _cohort(
    plan: Plan,
    ledgers: Mapping[str, Ledger],
    rates: Rates,
    age: float,
    money: float,
    values: Mapping[str, np.ndarray],
    yearly: pd.DataFrame,
) -> pd.DataFrame:
    """The chain of each way beside its people: what a state holds by the chain, what is bought and goes wrong alike."""
    import pandas as pd

    last = yearly[yearly["years"] == plan.years].set_index("option")
    rate = values["event_rate"]
    loss = np.stack([values[f"event_loss {grade}"] for grade in GRADES], -1)
    price = np.stack([values[f"event_cost {grade}"] for grade in GRADES], -1)
    rows = []
    for name, own in ledgers.items():
        found: Worth = markov.rewards(chain_of(own, plan.years, age, values, plan.assume), rates)
        procedures = sum(
            float((values[f"price {one.option}"] * _bought(own, k)).mean()) for k, one in enumerate(own.steps)
        )
        harm = float((rate * (price * own.events.sum(1)).sum(-1)).mean())
        taken = float((rate * (loss * own.event_loss.sum(1)).sum(-1)).mean())
        taken += float((values["recovery_loss"] * own.recovery.sum(1)).mean())
        cost = money * (found.costs + procedures + harm)
        rows.append(
            {"option": name, "cost_people": last.loc[name, "cost"], "cost_cohort": cost}
            | {"qaly_people": last.loc[name, "qaly"], "qaly_cohort": found.qalys - taken}
        )
    return pd.DataFrame(rows)


def _bought(own: Ledger, k: int, until: int | None = None) -> np.ndarray:
    """How much of step k is bought (draw,) by the end of a year: procedures, or years of what goes on."""
    steady = economy.price(options.option(own.steps[k].option)).unit.endswith("/year")
    return np.asarray((own.going_on if steady else own.bought)[:, :until, k].sum(1))


def _pairs(
    plan: Plan,
    ledgers: Mapping[str, Ledger],
    costs: np.ndarray,
    qalys: np.ndarray,
    names: Sequence[str],
    threshold: float,
    money: float,
) -> pd.DataFrame:
    """Each way with cells against each other: differences, the ratio in words, and the price at which they are equal
    (below nought where no price is low enough).
    """
    import pandas as pd

    nb = decision.net_benefit(costs, qalys, threshold)
    currency, rows = economy.currency(economy.country(plan.country)), []
    for i, name in enumerate(names):
        if not _of_cells(plan, name):
            continue
        own = ledgers[name]
        places = [k for k, one in enumerate(own.steps) if one.option in CELLS]
        option = own.steps[places[0]].option
        much = money * sum(float(_bought(own, k).mean()) for k in places)
        for j, other in enumerate(names):
            if _of_cells(plan, other):
                continue
            gain, cost, qaly = nb[:, i] - nb[:, j], costs[:, i] - costs[:, j], qalys[:, i] - qalys[:, j]
            low, high = np.percentile(gain, _BAND)
            words = decision.worded(float(cost.mean()), float(qaly.mean()), currency)
            rows.append(
                {"option": name, "against": other, "more_cost": cost.mean(), "more_qaly": qaly.mean()}
                | {"more_benefit": gain.mean(), "more_benefit_low": low, "more_benefit_high": high}
                | {"chance_better": float((gain > 0).mean()), "ratio": words, "kind": MODEL_OUTPUT}
                | {"price_at_par": _mean_price(plan, option) + gain.mean() / much if much > 0 else math.nan}
            )
    return pd.DataFrame(rows)


def _mean_price(plan: Plan, option: str) -> float:
    """Mean of the draws of a price, or what it was set to."""
    if option in plan.prices:
        return plan.prices[option]
    draws = _AGAIN * len(person.responses(plan.facts.region)[1])
    return float(_spread(plan.seed, f"price {option}", economy.price(options.option(option)), draws).mean())


def _whose_money(country: str) -> str:
    """Of which country and year prices are, and how they are turned into a country's own money."""
    said = f"Prices are those of the United States, in USD of {economy.of('price_year').value:.0f}"
    rate, money = economy.of("per_usd", country), economy.currency(country)
    if money == "USD":
        return f"{said}."
    turned = f"{rate.value:g} a USD{' (recalled)' if rate.assumed else ''}"
    return f"{said}, turned into {money} by what money buys, {turned}: no price of {country} is known."


def _notes(plan: Plan, ledgers: Mapping[str, Ledger], country: str) -> tuple[str, ...]:
    """What must be read with the numbers."""
    said = [f"Every number of cells in a disc is {MODEL_OUTPUT}."]
    trusted = economy.of("trusted_months").value
    if plan.years * MONTHS > trusted:
        said.append(f"Trials looked for {trusted:g} months; what lies beyond is the law of responses carried on.")
    said.append(_whose_money(country))
    used = dict.fromkeys(one.option for own in ledgers.values() for one in own.steps)
    guessed = [name for name in used if economy.price(options.option(name)).assumed and name not in plan.prices]
    guessed = [name for name in guessed if economy.price(options.option(name)).high > 0]
    if guessed:
        said.append(f"Prices that no source gave, guessed with a wide range: {', '.join(guessed)}.")
    if plan.prices:
        given = ", ".join(f"{name} {value:,.0f} USD" for name, value in plan.prices.items())
        said.append(f"Prices given, without a range: {given}.")
    if plan.assume:
        said.append("Utility of the neck is assumed to be that of the back: NDI for ODI, the arm for the leg.")
    for quantity in ("threshold", "discount_costs"):
        one = economy.of(quantity, country)
        if one.assumed:
            said.append(f"The {quantity.replace('_', ' ')} of {country} was not read: {one.note}.")
    said.append(
        "What people expect counts as gained against waiting, where they know that nothing is done. The law lets no "
        "treatment fade by itself, though a steroid in the disc did within a year: read the net benefit with what it "
        f"does by itself gone after {trusted:g} months too."
    )
    said.append("What care a year costs, and what events and recovery take, are guesses with wide ranges.")
    said.append("An operation that follows costs, and changes no score: the law of responses does not know it.")
    unknown = dict.fromkeys(text for own in ledgers.values() for text in own.course.unknown)
    return (*said, *unknown)
