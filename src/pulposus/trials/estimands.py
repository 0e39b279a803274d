"""What a trial asks of its scores once life has come between: rescue, surgery, crossover, death, and missing visits.

What: `Seen` holds a conducted trial as arrays, one row a person; `handled` gives scores at visits under the strategy of
each intercurrent event, `answered` who responds, `timed` time to an event.
Equations: none. Treatment policy: the score counts as it was seen. Hypothetical: from the event on it counts as not
seen. While on treatment: the last score before the event stands from then on. Composite: from the event on a person has
not responded, a drug is taken, a score is no better than at the start. What is still not seen after that is left open
(nan): missing at random, or what a sensitivity analysis says instead.
Reads: a long table (patient, arm, visit, endpoint, value, status), events, ``evidence/endpoints.csv``. Writes: nothing.
Why this holds: strategies are those of ICH E9(R1); a person whose disc could not be computed is no person with an
outcome, and is counted, not analysed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pulposus.errors import InputError, nearest
from pulposus.evidence import trials
from pulposus.outcomes import reported
from pulposus.trials.protocol import CONVERSION, RESPONDER

if TYPE_CHECKING:
    from pulposus.trials.protocol import Endpoint, Protocol

EVENTS = ("rescue", "surgery", "crossover", "death")
MISSING = "missing"
FAILED = "failed"
PAINS = {
    ("lumbar", "chronic"): "vas_back",
    ("lumbar", "radicular"): "vas_leg",
    ("cervical", "chronic"): "vas_neck",
    ("cervical", "radicular"): "vas_arm",
}
TIMED = {CONVERSION: ("surgery",), "rescue": ("rescue",), "crossover": ("crossover",), "death": ("death",)}


@dataclass(frozen=True)
class Seen:
    """A trial as arrays: persons (person,), scores by variable (person, visit) with nan, months of events with inf.

    `failed`: by variable, for whom it could not be computed (person,); a variable that is not named never failed.
    `end`: last month at which a person was heard of.
    """

    arm: np.ndarray
    months: np.ndarray
    value: dict[str, np.ndarray]
    start: dict[str, np.ndarray]
    happened: dict[str, np.ndarray]
    end: np.ndarray
    strata: dict[str, np.ndarray] = field(default_factory=dict)
    entered: np.ndarray = field(default_factory=lambda: np.zeros(0))
    failed: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """How many persons."""
        return int(self.arm.size)

    @property
    def computed(self) -> np.ndarray:
        """Persons of whom everything could be computed (person,)."""
        return ~np.any([np.zeros(self.size, bool), *self.failed.values()], axis=0)

    @classmethod
    def of(cls, conducted: Any, strata: Sequence[str] = ()) -> Seen:
        """From what a trial left; the order of its rows does not matter.

        Raises InputError for a person with two scores at one visit or none to whom a score belongs.
        """
        people = conducted.people.sort_values("patient", kind="stable").reset_index(drop=True)
        patients, table = people["patient"].to_numpy(), conducted.table
        row = {one: i for i, one in enumerate(patients.tolist())}
        strange = next((one for one in table["patient"].unique().tolist() if one not in row), None)
        if strange is not None:
            raise InputError(f"A score belongs to person {strange}, who is not among the people of the trial.")
        if table.duplicated(["patient", "visit", "endpoint"]).any():
            twice = table[table.duplicated(["patient", "visit", "endpoint"])].iloc[0]
            raise InputError(f"Person {twice.patient} has two values of {twice.endpoint} at month {twice.visit:g}.")
        months = np.sort(table.loc[table["visit"] > 0, "visit"].unique().astype(float))
        value, start = {}, {}
        for name, rows in table.groupby("endpoint", sort=True):
            wide = rows.pivot(index="patient", columns="visit", values="value")
            wide = wide.reindex(index=patients, columns=[0.0, *months]).to_numpy(float)
            start[str(name)], value[str(name)] = wide[:, 0], wide[:, 1:]
        happened = {name: _first(conducted.events, name, patients) for name in EVENTS}
        left = _first(conducted.events, "left", patients)
        last = float(months.max()) if months.size else 0.0
        wrong = table[table["status"].astype(str).str.startswith(FAILED)]
        failed = {str(name): np.isin(patients, rows["patient"].unique()) for name, rows in wrong.groupby("endpoint")}
        return cls(
            people["arm"].astype(str).to_numpy(),
            months,
            value,
            start,
            happened,
            np.minimum(np.where(np.isfinite(left), left, last), last),
            {name: people[_column(people, name)].to_numpy() for name in strata},
            people["entered_month"].to_numpy(float) if "entered_month" in people else np.zeros(len(people)),
            failed,
        )

    def only(self, keep: np.ndarray | slice) -> Seen:
        """Some persons: (person,) true or false, or their places."""
        return Seen(
            self.arm[keep],
            self.months,
            {name: value[keep] for name, value in self.value.items()},
            {name: value[keep] for name, value in self.start.items()},
            {name: month[keep] for name, month in self.happened.items()},
            self.end[keep],
            {name: label[keep] for name, label in self.strata.items()},
            self.entered[keep] if self.entered.size else self.entered,
            {name: one[keep] for name, one in self.failed.items()},
        )

    def hold(self, variables: Sequence[str]) -> None:
        """Raises InputError, with the nearest, for a variable of which the trial has nothing."""
        for name in variables:
            if name not in self.value:
                near = nearest(name, self.value)
                raise InputError(f"The trial has no score {name!r}{near}; it has {', '.join(self.value)}.")

    def known(self, variables: Sequence[str]) -> np.ndarray:
        """Persons for whom all of the variables could be computed (person,)."""
        wrong = [self.failed[name] for name in variables if name in self.failed]
        return ~np.any(wrong, axis=0) if wrong else np.ones(self.size, bool)

    def analysed(self, variables: Sequence[str]) -> Seen:
        """Without persons for whom one of the variables could not be computed."""
        keep = self.known(variables)
        return self if keep.all() else self.only(keep)

    def joined(self, later: Seen) -> Seen:
        """With people of the same trial who entered later."""

        def both(one: dict[str, np.ndarray], two: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
            return {name: np.concatenate([value, two[name]]) for name, value in one.items()}

        return Seen(
            np.concatenate([self.arm, later.arm]),
            self.months,
            both(self.value, later.value),
            both(self.start, later.start),
            both(self.happened, later.happened),
            np.concatenate([self.end, later.end]),
            both(self.strata, later.strata),
            np.concatenate([self.entered, later.entered]),
            both(self.failed, later.failed),
        )

    def without_strata(self) -> Seen:
        """The same persons, nothing known of their strata."""
        return replace(self, strata={})


def _column(people: Any, name: str) -> str:
    if name not in people:
        raise InputError(f"The people of the trial have no column {name!r}{nearest(name, list(people.columns))}.")
    return name


def _first(events: Any, name: str, patients: np.ndarray) -> np.ndarray:
    """Month of the first event of a kind (person,), inf for none."""
    months = events.loc[events["event"] == name].groupby("patient")["month"].min()
    return np.asarray(months.reindex(patients).fillna(math.inf).to_numpy(float))


# ---------------------------------------------------------------------------------------------- strategies


def strategies(protocol: Protocol) -> dict[str, str]:
    """Intercurrent event -> strategy."""
    return {name: str(getattr(protocol.intercurrent, name)) for name in (*EVENTS, MISSING)}


def at(months: np.ndarray, month: float) -> int:
    """The place of a visit. Raises InputError with the visits there are."""
    place = np.flatnonzero(np.isclose(months, month))
    if not place.size:
        known = ", ".join(f"{one:g}" for one in months)
        raise InputError(f"There is no visit at month {month:g}; visits are at months {known}.")
    return int(place[0])


def _carried(values: np.ndarray, start: np.ndarray, where: np.ndarray) -> np.ndarray:
    """Values with those of `where` (and missing ones before them) replaced by the last that was seen before."""
    kept = np.where(where, np.nan, values)
    whole = np.column_stack([start, kept])
    last = np.maximum.accumulate(np.where(np.isfinite(whole), np.arange(whole.shape[1]), 0), axis=1)
    return np.where(where, np.take_along_axis(whole, last, 1)[:, 1:], values)


def handled(
    seen: Seen, variable: str, plan: Mapping[str, str], worst: float | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Scores of a variable at visits (person, visit) under the strategies, and where a composite decided.

    worst: what a composite counts as; the person's start where none is given. What is nan is left open.
    Raises InputError with the nearest for a variable that nobody has.
    """
    seen.hold((variable,))
    values, start = seen.value[variable].copy(), seen.start[variable]
    decided = np.zeros(values.shape, bool)
    for name in EVENTS:
        after = seen.months >= seen.happened[name][:, None]
        if plan[name] == "hypothetical":
            values = np.where(after, np.nan, values)
        elif plan[name] == "while_on_treatment":
            values = _carried(values, start, after)
        elif plan[name] == "composite":
            decided |= after
    if plan[MISSING] == "composite":
        decided |= ~np.isfinite(values)
    elif plan[MISSING] == "while_on_treatment":
        values = _carried(values, start, ~np.isfinite(values))
    fallen = np.broadcast_to(start[:, None] if worst is None else np.full((1, 1), worst), values.shape)
    return np.where(decided, fallen, values), decided


def pain_of(protocol: Protocol) -> str:
    """The score of the pain that leads in the trial's population."""
    return PAINS[protocol.trial.region, protocol.trial.population]


def reads(rule: str, protocol: Protocol) -> tuple[str, ...]:
    """Scores that a rule of response reads: pain, disability, or both. Raises InputError with the nearest rule."""
    pain, disability = pain_of(protocol), reported.INDEX[protocol.trial.region]
    if rule == "important_pain":
        return (pain,)
    if rule == "important_disability":
        return (disability,)
    name = reported.RULES.get(rule, rule)
    if name not in trials.endpoints():
        raise InputError(f"Unknown rule {rule!r}{nearest(rule, reported.RULES)}; write one of {list(reported.RULES)}.")
    domain = trials.endpoints()[name].domain
    return (pain, disability) if domain == "both" else (disability,) if domain == "disability" else (pain,)


def wanted(endpoint: Endpoint, protocol: Protocol) -> tuple[str, ...]:
    """Scores that an endpoint is made of."""
    if endpoint.variable == RESPONDER:
        return reads(endpoint.rule, protocol)
    return () if endpoint.variable in TIMED else (endpoint.variable,)


def responds(
    rule: str, protocol: Protocol, starts: Mapping[str, np.ndarray], scores: Mapping[str, np.ndarray]
) -> np.ndarray:
    """1 for who responds by a rule, 0 for who does not, nan where a score that the rule reads is not there."""
    wanted = reads(rule, protocol)
    shape = scores[wanted[0]].shape
    pain, disability = pain_of(protocol), reported.INDEX[protocol.trial.region]
    nothing, none = np.zeros(shape), np.zeros(shape[0])
    found = reported.responders(
        rule,
        starts[pain] if pain in wanted else none,
        scores[pain] if pain in wanted else nothing,
        starts[disability] if disability in wanted else none,
        scores[disability] if disability in wanted else nothing,
        protocol.trial.region,
    )
    known = np.all([np.isfinite(scores[name]) for name in wanted], axis=0)
    return np.where(known, np.asarray(found, float), np.nan)


def answered(seen: Seen, endpoint: Endpoint, protocol: Protocol, plan: Mapping[str, str]) -> np.ndarray:
    """Who responds at visits (person, visit): 1 or 0, nan where it is left open.

    Conversion is 1 from the operation on. A variable that is 0 or 1 itself (a drug) is taken as it is; a composite
    counts as taken.
    """
    if endpoint.variable in TIMED:
        when = np.min([seen.happened[name] for name in TIMED[endpoint.variable]], axis=0)
        came = seen.months >= when[:, None]
        return np.where(came, 1.0, np.where(seen.months > seen.end[:, None], np.nan, 0.0))
    if endpoint.variable != RESPONDER:
        return handled(seen, endpoint.variable, plan, 1.0)[0]
    # a composite decides the response itself, not its scores
    inner = {name: "treatment_policy" if one == "composite" else one for name, one in plan.items()}
    scores = {name: handled(seen, name, inner)[0] for name in reads(endpoint.rule, protocol)}
    return composed(seen, responds(endpoint.rule, protocol, seen.start, scores), plan)


def composed(seen: Seen, response: np.ndarray, plan: Mapping[str, str]) -> np.ndarray:
    """A response (person, visit) with those turned to 0 whom a composite counts as not responding."""
    for name in EVENTS:
        if plan[name] == "composite":
            response = np.where(seen.months >= seen.happened[name][:, None], 0.0, response)
    return np.where(np.isfinite(response), response, 0.0) if plan[MISSING] == "composite" else response


def at_last(seen: Seen, response: np.ndarray, endpoint: Endpoint) -> np.ndarray:
    """A response at the month asked and at the months that must hold too (person,).

    Who fails at one of them has not responded, whatever another would have said.
    """
    asked = response[:, [at(seen.months, month) for month in (endpoint.month, *endpoint.also)]]
    return np.where((asked == 0).any(axis=1), 0.0, asked.prod(axis=1))


def timed(seen: Seen, endpoint: Endpoint, plan: Mapping[str, str]) -> tuple[np.ndarray, np.ndarray]:
    """Time to an event or to the last word of a person, and 1 event, 2 death before it, 0 neither; to the month asked.

    Death is an event of its own kind unless its strategy is composite: then it counts as the event.
    """
    if endpoint.variable not in TIMED:
        near = nearest(endpoint.variable, TIMED)
        raise InputError(f"{endpoint.variable!r} has no time{near}; write one of {', '.join(TIMED)}.")
    when = np.min([seen.happened[name] for name in TIMED[endpoint.variable]], axis=0)
    death = seen.happened["death"]
    if plan["death"] == "composite":
        when = np.minimum(when, death)
    end = np.minimum(seen.end, endpoint.month)
    time = np.minimum(np.minimum(when, death), end)
    kind = np.where(when <= time, 1, np.where(death <= time, 2, 0))
    return np.maximum(time, 0.0), np.where(np.isfinite(time), kind, 0)
