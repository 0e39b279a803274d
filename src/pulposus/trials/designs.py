"""Designs to hand over: what to do after each cohort of a first trial, when a running trial stops, drops arms, grows.

What: `first_doses` makes a plan of 3+3, BOIN or CRM by name, `decisions` its table for clinicians, `behaviour` how it
behaves where the shares of dose-limiting events are known; `boundaries` tells a group-sequential test look by look,
`sizes` what it costs in people, `zones` what a look at the size says, `zones_of` the same of a protocol; `weights` the
contrasts of MCP-Mod with their critical value; `dropping`, `stages` and `alone` what a look that drops arms does.
Equations: those of `statistics.phase1`, `sequential`, `reestimation`, `dosefinding` and `adaptive`. Reads: a protocol
for its doses and looks, if one is given. Writes: nothing.
Why this holds: a table that is handed over is the plan itself asked at every count, nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pulposus.errors import InputError, nearest
from pulposus.statistics import adaptive, dosefinding, phase1, reestimation, sequential
from pulposus.trials import doses as dosing
from pulposus.trials.analysis import plan_of
from pulposus.trials.compared import ALPHA
from pulposus.trials.interim import SPENDINGS
from pulposus.trials.staged import Plan

if TYPE_CHECKING:
    from pulposus.trials.protocol import Protocol

PLANS = ("3+3", "boin", "crm")
KINDS = {**SPENDINGS, "obrien_fleming_classical": "OF", "pocock_classical": "P"}
HALF_WIDTH = 0.05  # maths: customary half width of the interval in which a CRM does not tell doses apart
HUNDRED = 100  # maths: a share in percent
LINES = 21  # maths: values of Z in a table of zones
WIDE = 4.0  # maths: the highest Z of such a table
Table = list[dict[str, Any]]


@dataclass(frozen=True)
class FirstDoses:
    """A plan with the names of its doses, lowest first."""

    kind: str
    plan: phase1.Plan
    doses: tuple[str, ...]


def doses_of(protocol: Protocol) -> tuple[str, ...]:
    """Names of the doses of a protocol, the fewest cells first: its active arms."""
    arms = [arm for arm in protocol.arms if arm.role == "active"]
    return tuple(arm.name for arm in sorted(arms, key=lambda arm: arm.dose))


def first_doses(
    kind: str,
    doses: Sequence[str] | int,
    target: float = 0.3,  # maths: customary share of dose-limiting events; the caller may choose another
    cohort: int = 3,
    size: int = phase1.MOST,
    skeleton: Sequence[float] | None = None,
) -> FirstDoses:
    """A plan by its name; a CRM without a skeleton gets one around the middle dose. Raises InputError."""
    if kind not in PLANS:
        raise InputError(f"Unknown plan {kind!r}{nearest(kind, PLANS)}; write one of {', '.join(PLANS)}.")
    names = tuple(f"dose {i + 1}" for i in range(doses)) if isinstance(doses, int) else tuple(doses)
    if not names:
        raise InputError("A plan needs doses; give how many, or a protocol with active arms.")
    if kind == "3+3":
        return FirstDoses(kind, phase1.ThreePlusThree(), names)
    if kind == "boin":
        return FirstDoses(kind, phase1.Boin(target, cohort, size), names)
    if skeleton is None:
        skeleton = phase1.skeleton(target, len(names), (len(names) - 1) // 2, HALF_WIDTH).tolist()
    if len(skeleton) != len(names):
        raise InputError(f"The skeleton has {len(skeleton)} shares for {len(names)} doses; give one for each.")
    return FirstDoses(kind, phase1.Crm(target, tuple(skeleton), cohort, size), names)


def decisions(first: FirstDoses) -> Table:
    """The table for clinicians.

    3+3: what each outcome means. BOIN: for each number treated at a dose, at how many events to go up, down, or give
    the dose up. CRM: after the first cohort at the lowest dose and at each next one, nobody with an event before, where
    the next goes for each number of events; later cohorts ask the model anew.
    """
    plan = first.plan
    if isinstance(plan, phase1.ThreePlusThree):
        return [dict(row) for row in plan.table()]
    if isinstance(plan, phase1.Boin):
        rows = [row for row in plan.table() if (row["treated"] or 0) % plan.cohort == 0]
        return [
            {name.replace("_", " "): "never" if value is None else value for name, value in row.items()} for row in rows
        ]
    rows, k = [], len(first.doses)
    for at, name in enumerate(first.doses):
        treated = tuple(plan.cohort if i <= at else 0 for i in range(k))
        row: dict[str, Any] = {"at": name}
        for events in range(plan.cohort + 1):
            to = plan.decide(treated, tuple(events if i == at else 0 for i in range(k)), at)
            row[f"{events} of {plan.cohort}"] = "stop" if to == phase1.STOP else first.doses[to]
        rows.append(row)
    return rows


def behaviour(first: FirstDoses, truth: Sequence[float], runs: int = phase1.RUNS, seed: int = 0) -> Table:
    """A row for each dose: share of trials that select it, people and events there; the last row none."""
    if len(truth) != len(first.doses):
        raise InputError(f"--truth has {len(truth)} shares for {len(first.doses)} doses; give one for each.")
    found = phase1.operating(first.plan, truth, runs, seed)
    rows = [
        {
            "dose": name,
            "truth": share,
            "selected": float(found.selected[i]),
            "error": float(found.error[i]),
            "people": float(found.treated[i]),
            "events": float(found.events[i]),
        }
        for i, (name, share) in enumerate(zip(first.doses, truth, strict=True))
    ]
    none = math.sqrt(found.none * (1 - found.none) / found.runs)
    total = {"people": found.size, "events": float(found.events.sum())}
    return [*rows, {"dose": "none", "truth": math.nan, "selected": found.none, "error": none, **total}]


# ---------------------------------------------------------------------------------------------- looks


def group_sequential(
    information: int | Sequence[float], spending: str = "obrien_fleming", alpha: float = ALPHA, sided: int = 2
) -> sequential.Design:
    """A group-sequential test; spending by its name. Raises InputError with the nearest."""
    if spending not in KINDS:
        raise InputError(f"Unknown spending {spending!r}{nearest(spending, KINDS)}; write one of {', '.join(KINDS)}.")
    return sequential.design(KINDS[spending], information, alpha, sided)


def of_protocol(protocol: Protocol) -> sequential.Design:
    """The test of a protocol. Raises InputError for one without a look before the end."""
    plan = plan_of(protocol)
    if plan is None:
        raise InputError(f"{protocol.name} has no [interim] with information before the end; it is looked at once.")
    return plan


def boundaries(plan: sequential.Design, people: int = 0, comparisons: int = 1) -> Table:
    """A row for each look: information, persons (of `people`, if told), critical Z, its one-sided p, error spent; of
    several comparisons what the first to be shown must reach, which is that of its own share of the error.
    """
    own = sequential.design(plan.kind, plan.information.tolist(), plan.alpha / comparisons, plan.sides)
    rows, first = [], own.critical
    looked = zip(plan.information, plan.critical, plan.local_levels, plan.spent, strict=True)
    for i, (share, z, p, spent) in enumerate(looked):
        row: dict[str, Any] = {"look": i + 1, "information": float(share)}
        if people:
            row["persons"] = math.ceil(float(share) * people)
        row |= {"Z": float(z), "one-sided p": float(p), "error spent": float(spent)}
        rows.append(row | ({f"Z of the first of {comparisons}": float(first[i])} if comparisons > 1 else {}))
    return rows


def comparisons(protocol: Protocol) -> int:
    """How many share the error of a protocol before any was shown: arms, each with its primaries of the first order;
    one where arms are dropped, which a closed test judges.
    """
    if protocol.interim.drop:
        return 1
    first = min(end.order for end in protocol.primaries)
    return len(protocol.actives) * sum(end.order == first for end in protocol.primaries)


def sizes(plan: sequential.Design, effect: float, sd: float, power: float, ratio: float = 1.0) -> Table:
    """People for a difference of means: at most, expected with no effect, half and all of it, and with one look."""
    found = sequential.sample_size(plan, effect, sd, power, ratio)
    told = {
        "at most": found.maximum,
        "expected, no effect": found.expected_null,
        "expected, half the effect": found.expected_half,
        "expected, the effect": found.expected_effect,
        "with one look": found.one_look,
    }
    return [{"people": name, "number": math.ceil(value)} for name, value in told.items()]


def zones(
    first: int, second: int, max_size: int, alpha: float = ALPHA, sided: int = 2, power: float = sequential.POWER
) -> Table:
    """What a look at the size says for each Z seen: the zone, conditional power, people of stage two.

    `max_size`: people of the whole trial at most. Raises InputError for fewer than planned.
    """
    from scipy.special import ndtri

    if max_size < first + second:
        raise InputError(f"max_size is {max_size}, less than the {first + second} planned; give as many or more.")
    return _zones(first, second, max_size - first, float(-ndtri(alpha / sided)), power, reestimation.PROMISING)


def zones_of(protocol: Protocol) -> Table:
    """The same of a protocol's own look. Raises InputError for one whose size stays."""
    if protocol.interim.max_size is None:
        raise InputError(f"{protocol.name} has no [interim] with max_size; its size stays as planned.")
    plan = Plan.of(protocol)
    begins, aims = protocol.interim.zone
    return _zones(plan.first.size, plan.later, plan.max_size - plan.first.size, plan.critical[1], aims, begins)


def _zones(first: int, second: int, max_second: int, critical: float, power: float, promising: float) -> Table:
    rows = []
    for z in np.linspace(0, WIDE, LINES).tolist():
        found = reestimation.promising_zone(z, first, second, max_second, critical, power, promising)
        rows.append(
            {
                "Z seen": z,
                "zone": found.zone,
                "power as planned": found.planned_power,
                "people of stage two": found.second_stage,
                "power then": found.power,
            }
        )
    return rows


# ---------------------------------------------------------------------------------------------- doses


def shapes(texts: Sequence[str], levels: Sequence[float], sizes: Sequence[int], alpha: float) -> dosefinding.Trend:
    """The multiple contrast test of doses (0 is the control) with so many people each, one-sided, of one spread."""
    left = float(sum(sizes) - len(sizes))
    if left < 1:
        raise InputError("One person at each dose tells nothing of how people spread; give two or more.")
    at = dosefinding.means(levels, np.zeros(len(levels)), 1 / np.asarray(sizes, float), left)
    return dosefinding.trend([dosefinding.parse(text) for text in texts], at, alpha)


def weights(levels: Sequence[tuple[str, float]], test: dosefinding.Trend) -> Table:
    """A row for each dose, lowest first: the weight of its mean in each contrast; the last row what t must reach.

    Of contrasts of differences to a control the control's weight is what makes them sum to nought.
    """
    rows: Table = []
    ordered = sorted(levels, key=lambda one: one[1])
    table = test.contrasts
    if len(ordered) == len(table) + 1:
        whole = np.vstack([-table.sum(axis=0), table])
        table = whole / np.linalg.norm(whole, axis=0)
    for (name, dose), row in zip(ordered, table, strict=True):
        cells = {shape.name: float(one) for shape, one in zip(test.shapes, row, strict=True)}
        rows.append({"arm": name, "dose": dose} | cells)
    last = {shape.name: test.critical for shape in test.shapes}
    return [*rows, {"arm": f"t must reach, one-sided {test.alpha:g}", "dose": math.nan} | last]


def weights_of(protocol: Protocol) -> Table:
    """The same of a protocol with candidate shapes."""
    names = [protocol.control.name, *protocol.actives]
    return weights([(name, protocol.arm(name).dose) for name in names], dosing.planned(protocol))


# ---------------------------------------------------------------------------------------------- arms that are dropped


def dropping(protocol: Protocol) -> Table:
    """The rule of a look that drops arms, line by line. Raises InputError for a protocol that drops none."""
    table = protocol.interim
    if not table.drop:
        raise InputError(f"{protocol.name} has no [interim] with drop; all its arms go on.")
    plan = Plan.of(protocol)
    rules = {
        "best": f"of the active arms, as many as {table.arms_kept} with the largest Z go on",
        "power": f"an arm goes on where its predictive power is {table.least:g} or more; with none left the trial ends",
        "chance": f"an arm goes on where it is the best one with a chance of {table.least:g} or more, or likeliest",
    }
    first, last = math.sqrt(plan.share), math.sqrt(1 - plan.share)
    told = {
        "look": f"at {plan.first.size} of {protocol.size} people",
        "rule": rules[table.drop],
        "people after the look": f"{plan.later}, in arms that go on and the control, as their sizes stand",
        "test of a set of arms": f"{table.sets.capitalize()}, in people of each stage alone",
        "stages together": f"Z = {first:.4f} z1 + {last:.4f} z2; z2 of a set without arms that went on is lost",
        "shown at the look": f"where z1 of every set with the arm in it reaches {plan.critical[0]:.4f}; it stops",
        "shown at the end": f"where Z of every set with the arm in it reaches {plan.critical[1]:.4f}",
    }
    return [{"what": name, "how": text} for name, text in told.items()]


def stages(protocol: Protocol) -> Table:
    """People of each arm before the look, and after it for every set of arms that the rule may leave."""
    plan, names, table = Plan.of(protocol), protocol.actives, protocol.interim
    trials = {"before the look": plan.first}
    for places in adaptive.sets(len(names)):
        if table.drop != "best" or len(places) == table.arms_kept:
            kept = [names[place] for place in places]
            trials[f"after it, kept: {', '.join(kept)}"] = plan.only(kept, plan.later)
    rows = []
    for what, trial in trials.items():
        sizes = {arm.name: arm.size for arm in trial.arms}
        rows.append({"people": what, "all": trial.size} | {arm.name: sizes.get(arm.name, 0) for arm in protocol.arms})
    return rows


def alone(protocol: Protocol) -> Table:
    """For each Z that an arm has at the look: its p, and its predictive power as the rule reckons it."""
    plan = Plan.of(protocol)
    rows = []
    for z in np.linspace(-1, WIDE, LINES).tolist():
        chance = reestimation.predictive_power(z, plan.share, plan.critical[1])
        p = float(adaptive.together(np.array([[z]]), np.zeros((1, 1)), "bonferroni")[0])
        rows.append({"Z at the look": z, "one-sided p, alone": p, "predictive power": chance})
    return rows
