"""A trial's protocol: who takes part, what each arm gets, when people are seen, what is asked and how it is answered.

What: `read_protocol` and `Protocol.from_dict` give a checked `Protocol`, from a TOML file or from Python; the names of
its attributes are the keys of the file. `Protocol.sized` is the same trial with another number of people.
Units: months after the dose (day 0 is the baseline visit), days for windows, shares and logits for spreads.
Reads: names of the evidence (criteria, products, options, treatments, rules of responding). Writes: nothing.
Why this holds: whatever a trial cannot mean (a visit before the baseline, an arm that nobody is allocated to, an
endpoint that nobody measures) is refused here, before anything is drawn or written.
Errors: every mistake of a user is an `InputError` of one sentence: where it stands, what was given, what to do.
Source: CONSORT 2010 and ICH E9(R1) for the words (arm, allocation, endpoint, intercurrent event, strategy).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field, StrictBool, StrictStr, ValidationError, model_validator

from pulposus import evidence
from pulposus.errors import InputError, nearest
from pulposus.evidence import criteria as lists
from pulposus.evidence import trials
from pulposus.outcomes import reported
from pulposus.outcomes.person import Given
from pulposus.patients.who import Who
from pulposus.therapies import options, protocol
from pulposus.therapies.options import Planned
from pulposus.therapies.protocol import Treatment
from pulposus.trials.candidates import DoseTable, sound_doses
from pulposus.trials.fields import ALPHA, FAR, MOST, Error, Table, amount
from pulposus.trials.interim import InterimTable, sound
from pulposus.values import one_of, toml_file, whole

Strategy = Literal["treatment_policy", "composite", "hypothetical", "while_on_treatment"]
Kind = Literal["continuous", "binary", "time"]
Analysed = Literal["ancova", "mmrm", "responder", "survival", "difference"]
Method = Literal["blocks", "simple", "minimisation"]

EVENTS = ("rescue", "surgery", "crossover", "death", "missing")
# What is measured of a disc at a visit: variable -> column of `imaging.summary`.
DISC = {
    "t2": "t2_nucleus_ms",
    "height": "height_mm",
    "pfirrmann": "pfirrmann_estimate",
    "aggrecan": "aggrecan_nucleus_percent",
    "water": "water_nucleus_percent",
    "viable_cells": "native_cells_million",
    "leaked": "leaked_million",
}
CONVERSION, RESPONDER = "conversion", "responder"
STRATA = ("site", "level", "grade", "sex", "smoker", "opioids", "endplate", "modic", "herniation", "epidural_steroid")
_LONGEST = 600  # maths: fifty years, a guard against slips of the keyboard
_SEEDS = 2**32


Positive = Annotated[float | None, amount(0, math.inf, "what it says")]
Logit = Annotated[float | None, amount(0, protocol.FAR, "logits")]


def _month(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise InputError(f"{value!r} is not a month; write a number, 0 being the day of the dose.")
    if value < 0:
        raise InputError(f"month {value:g} lies before the baseline, which is month 0; write a later one.")
    if value > _LONGEST:
        raise InputError(f"month {value:g} is more than fifty years away; write months, not days.")
    return float(value)


Month = Annotated[float, BeforeValidator(_month)]


# ---------------------------------------------------------------------------------------------- tables of the file


class TrialTable(Table):
    """What the trial is: name, phase, part of the spine, country, registry, source, whose pain, criteria, blinding."""

    name: StrictStr
    title: StrictStr = ""
    phase: StrictStr = ""
    region: Annotated[Literal["lumbar", "cervical"], one_of(Literal["lumbar", "cervical"])] = "lumbar"
    country: StrictStr = ""
    registry: StrictStr = ""
    source: StrictStr = ""
    population: Annotated[Literal["chronic", "radicular"], one_of(Literal["chronic", "radicular"])] = "chronic"
    criteria: StrictStr = ""
    seed: Annotated[int, whole(0, _SEEDS - 1, "seed of random draws")[0]] = 0
    blinding: Annotated[Literal["double", "single", "open"], one_of(Literal["double", "single", "open"])] = "double"

    @model_validator(mode="after")
    def _known(self) -> TrialTable:
        if self.criteria and self.criteria not in lists.lists():
            near = nearest(self.criteria, lists.lists())
            raise InputError(f"[trial] criteria {self.criteria!r} is no list{near}; `pulposus candidacy` names them.")
        found = lists.lists()[self.criteria].region if self.criteria else "any"
        if found not in ("any", self.region):
            raise InputError(f"[trial] criteria {self.criteria} are of the {found} spine, and region is {self.region}.")
        if self.source:
            evidence.reference(self.source)
        Who(self.region, "patients", self.country)
        return self


class Criterion(Table):
    """One condition more on a column of drawn people: at least, at most, or one of some words."""

    column: StrictStr
    at_least: Annotated[float | None, amount(-FAR, FAR, "what the column counts")] = None
    at_most: Annotated[float | None, amount(-FAR, FAR, "what the column counts")] = None
    one_of: tuple[StrictStr | StrictBool | int, ...] | None = None

    @model_validator(mode="after")
    def _possible(self) -> Criterion:
        if self.at_least is None and self.at_most is None and not self.one_of:
            raise InputError(f"[[criteria]] {self.column} asks for nothing; write at_least, at_most or one_of.")
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            said = f"[[criteria]] {self.column} of {self.at_least:g} to {self.at_most:g}"
            raise InputError(f"{said} is met by nobody; write at_least below at_most.")
        return self


def _injection(value: Any) -> Treatment:
    return value if isinstance(value, Treatment) else protocol.parse(str(value))


def _option(value: Any) -> Planned:
    return value if isinstance(value, Planned) else options.parse(str(value))


class Arm(Table):
    """One arm: how many, what is injected and done, what its people know, and where they cross over to.

    procedure, aware and treatments are words of `outcomes.person.Given`; inject and options are lines as
    `pulposus treat` reads them; aware is that of the trial's blinding where it is not told. An arm without `inject` has
    its disc left alone. harms: further exposures of ``evidence/safety.csv`` beyond those of the needle and of what is
    injected.
    """

    name: StrictStr
    size: Annotated[int, whole(0, MOST, "number of people")[0]]
    role: Annotated[Literal["active", "control"], one_of(Literal["active", "control"])] = "active"
    procedure: StrictStr = "disc"
    aware: StrictStr = ""
    treatments: tuple[StrictStr, ...] = ()
    inject: tuple[Annotated[Treatment, BeforeValidator(_injection)], ...] = ()
    options: tuple[Annotated[Planned, BeforeValidator(_option)], ...] = ()
    harms: tuple[StrictStr, ...] = ()
    lots: Annotated[int | None, whole(1, MOST, "number of lots")[0]] = None
    crosses_to: StrictStr = ""
    crosses_at: Month | None = None

    @property
    def dose(self) -> float:
        """All that is injected, repeats counted, in the unit of its lines."""
        return float(sum(one.dose * len(one.months) for one in self.inject))


class AllocationTable(Table):
    """How people are allocated: permuted blocks of `block`, simple, or minimisation over `strata`."""

    method: Annotated[Method, one_of(Method)] = "blocks"
    block: Annotated[int | None, whole(1, MOST, "size of a block")[0]] = None
    strata: tuple[StrictStr, ...] = ()
    ratio: tuple[Annotated[int, whole(0, MOST, "share of an arm")[0]], ...] = ()
    follows: Annotated[float | None, amount(0, 1, "a chance")] = None

    @model_validator(mode="after")
    def _known(self) -> AllocationTable:
        for name in self.strata:
            if name not in STRATA:
                near = nearest(name, STRATA)
                raise InputError(f"[allocation] {name!r} is no stratum{near}; write some of {', '.join(STRATA)}.")
        return self


class VisitTable(Table):
    """Months at which people are seen after the baseline, and by how many days either way they may come."""

    months: tuple[Month, ...]
    window_days: Annotated[float, amount(0, protocol.FAR, "days")] = 0.0

    @model_validator(mode="after")
    def _in_order(self) -> VisitTable:
        if not self.months:
            raise InputError("[visits] has no months; write for example months = [1, 3, 6, 12].")
        for before, after in zip((0.0, *self.months), self.months, strict=False):
            if after == 0:
                raise InputError("[visits] month 0 is the baseline, which is always seen; leave it out.")
            if after <= before:
                said = f"[visits] month {after:g} stands after month {before:g}"
                raise InputError(f"{said}; write months in their order, each once.")
        gap = min(b - a for a, b in zip((0.0, *self.months), self.months, strict=False))
        if self.window_days >= gap * evidence.factor("month") / evidence.factor("day") / 2:
            raise InputError(
                f"[visits] window_days of {self.window_days:g} lets visits overtake each other, which are {gap:g} "
                "months apart; write fewer days."
            )
        return self


class Endpoint(Table):
    """A question of the trial: which variable at which month, how it is analysed, and its place in the testing order.

    also: months at which a responder's rule must hold too. margin: of what is not worse.
    """

    name: StrictStr
    variable: StrictStr
    month: Month
    kind: Annotated[Kind, one_of(Kind)] = "continuous"
    analysis: Annotated[Analysed, one_of(Analysed)] = "ancova"
    role: Annotated[Literal["primary", "secondary", "safety"], one_of(Literal["primary", "secondary", "safety"])] = (
        "secondary"
    )
    order: Annotated[int, whole(1, MOST, "place in the order")[0]] = 1
    alpha: Error | None = None
    margin: Annotated[float | None, amount(-FAR, FAR, "what the endpoint counts")] = None
    rule: StrictStr = ""
    also: tuple[Month, ...] = ()

    @model_validator(mode="after")
    def _meant(self) -> Endpoint:
        binary = {"responder": "binary", "survival": "time"}.get(self.analysis)
        if binary and self.kind != binary:
            raise InputError(f"[[endpoints]] {self.name}: analysis {self.analysis!r} needs kind = {binary!r}.")
        if self.variable == RESPONDER:
            shares = [name for name, end in trials.endpoints().items() if end.statistic == "share"]
            known = [*reported.RULES, *shares]
            if self.rule not in known:
                near = nearest(self.rule, known)
                told = f"rule {self.rule!r} is unknown{near}" if self.rule else "a responder needs a rule"
                raise InputError(f"[[endpoints]] {self.name}: {told}; write one of {', '.join(reported.RULES)}.")
        elif self.rule or self.also:
            raise InputError(f"[[endpoints]] {self.name}: rule and also belong to variable = 'responder'.")
        if self.margin is not None and (
            (self.kind == "time" and self.margin <= 0) or (self.kind == "binary" and abs(self.margin) >= 1)
        ):
            said = "a hazard ratio above 0" if self.kind == "time" else "a difference of shares between -1 and 1"
            raise InputError(f"[[endpoints]] {self.name}: margin {self.margin:g} is not possible; write {said}.")
        if self.variable == CONVERSION and self.kind == "continuous":
            raise InputError(f"[[endpoints]] {self.name}: conversion is a time or comes or not; write kind = 'time'.")
        return self


class IntercurrentTable(Table):
    """What an estimand makes of each event: one strategy of ICH E9(R1) for rescue, surgery, crossover, death and
    missing visits.
    """

    rescue: Annotated[Strategy, one_of(Strategy)] = "treatment_policy"
    surgery: Annotated[Strategy, one_of(Strategy)] = "composite"
    crossover: Annotated[Strategy, one_of(Strategy)] = "treatment_policy"
    death: Annotated[Strategy, one_of(Strategy)] = "while_on_treatment"
    missing: Annotated[Strategy, one_of(Strategy)] = "hypothetical"


class DropoutTable(Table):
    """Share of people who leave in a year (that of the evidence where none is given), and whether the worse leave."""

    yearly: Annotated[float | None, amount(0, 1 - 1 / MOST, "a share")] = None
    informative: StrictBool = True


class SiteTable(Table):
    """How many sites, how many people each enters in a month, and how far sites differ (a logit of responding)."""

    count: Annotated[int, whole(1, MOST, "number of sites")[0]] = 1
    per_month: Annotated[float | None, amount(1 / MOST, MOST, "people a month")] = None
    spread: Logit = None


class ProductTable(Table):
    """Lots of the product (one for each own-cell person where none are given), and how far they differ.

    viability_spread: standard deviation of a lot's viability, as a logit; potency_spread: of the logarithm of what its
    cells do. Those of the evidence where none are given.
    """

    lots: Annotated[int, whole(1, MOST, "number of lots")[0]] = 1
    viability_spread: Logit = None
    potency_spread: Logit = None


# ---------------------------------------------------------------------------------------------- the protocol


class Protocol(Table):
    """A trial before anybody is drawn. See docs/reference/protocol-file.md for every key."""

    trial: TrialTable
    criteria: tuple[Criterion, ...] = ()
    arms: tuple[Arm, ...]
    allocation: AllocationTable = AllocationTable()
    visits: VisitTable
    endpoints: tuple[Endpoint, ...] = Field(min_length=1)
    intercurrent: IntercurrentTable = IntercurrentTable()
    dropout: DropoutTable = DropoutTable()
    sites: SiteTable = SiteTable()
    product: ProductTable = ProductTable()
    interim: InterimTable = InterimTable()
    dose_response: DoseTable = DoseTable()

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Protocol:
        """A protocol from the tables of a file. Raises InputError, one sentence, for the first mistake."""
        try:
            return cls.model_validate(dict(data))
        except ValidationError as problem:
            raise InputError(_sentence(problem)) from None

    @model_validator(mode="after")
    def _sound(self) -> Protocol:
        self._make_aware()
        self._check_arms()
        self._check_allocation()
        self._check_endpoints()
        self._share_error()
        sound(self.interim, self.size, self.actives, len(self.primaries))
        self._check_doses()
        for one in self.criteria:
            columns = _columns(self.trial.region)
            if one.column not in columns:
                raise InputError(f"[[criteria]] {one.column!r} is told of nobody{nearest(one.column, columns)}.")
        return self

    def _make_aware(self) -> None:
        """What people of an arm know is what the blinding says, unless nothing is done for them and they know it."""
        usual = "open" if self.trial.blinding == "open" else "blind"
        denied = {"double": "open", "open": "blind"}.get(self.trial.blinding)
        for arm in self.arms:
            if arm.aware and arm.aware == denied:
                raise InputError(
                    f"[[arms]] {arm.name} is {arm.aware!r} and [trial] blinding {self.trial.blinding!r}; write what "
                    "its people know in one way."
                )
        arms = (arm if arm.aware else arm.model_copy(update={"aware": usual}) for arm in self.arms)
        object.__setattr__(self, "arms", tuple(arms))

    def _check_arms(self) -> None:
        if not self.arms:
            raise InputError("The trial has no arm; write [[arms]] and under it name and size.")
        names = [arm.name for arm in self.arms]
        last = self.visits.months[-1]
        for arm in self.arms:
            where = f"[[arms]] {arm.name}"
            if names.count(arm.name) > 1:
                raise InputError(f"{where} stands twice; give each arm a name of its own.")
            if arm.size < 1:
                raise InputError(f"{where} has a size of 0: nobody is allocated to it; give it people or leave it out.")
            try:
                self.given(arm)
            except InputError as problem:
                raise InputError(f"{where}: {problem}") from None
            for one in arm.inject:
                if max(one.months) > last:
                    raise InputError(f"{where}: a dose at month {max(one.months):g} comes after the last visit.")
            if arm.inject and arm.procedure != "disc":
                raise InputError(f"{where}: an injection into a disc has procedure = 'disc', not {arm.procedure!r}.")
            if bool(arm.crosses_to) != (arm.crosses_at is not None):
                raise InputError(f"{where}: crosses_to and crosses_at stand together; write both or neither.")
            if arm.crosses_to and (arm.crosses_to not in names or arm.crosses_to == arm.name):
                others = [name for name in names if name != arm.name]
                near = nearest(arm.crosses_to, others)
                raise InputError(f"{where}: crosses_to {arm.crosses_to!r} is no other arm{near}.")

    def _check_allocation(self) -> None:
        table = self.allocation
        if table.ratio and len(table.ratio) != len(self.arms):
            said = f"[allocation] ratio has {len(table.ratio)} numbers for {len(self.arms)} arms"
            raise InputError(f"{said}; write one for each arm.")
        for arm, share in zip(self.arms, table.ratio, strict=False):
            if share == 0:
                raise InputError(f"[allocation] ratio allocates nobody to arm {arm.name!r}; write 1 or more for it.")
        if table.block is not None and table.method == "blocks" and table.block % sum(self.ratio):
            said = f"[allocation] block of {table.block} cannot hold the ratio {':'.join(map(str, self.ratio))}"
            raise InputError(f"{said}; write a multiple of {sum(self.ratio)}.")
        if table.method == "minimisation" and not table.strata:
            raise InputError("[allocation] minimisation balances strata, and none are given; write strata = ['site'].")

    def _check_endpoints(self) -> None:
        names = [end.name for end in self.endpoints]
        for end in self.endpoints:
            where = f"[[endpoints]] {end.name}"
            if names.count(end.name) > 1:
                raise InputError(f"{where} stands twice; give each endpoint a name of its own.")
            if end.variable not in self.variables:
                near = nearest(end.variable, self.variables)
                known = ", ".join(self.variables)
                raise InputError(f"{where}: nobody measures {end.variable!r}{near}; write one of {known}.")
            for month in (end.month, *end.also):
                if month not in self.visits.months and end.variable != CONVERSION:
                    months = ", ".join(f"{m:g}" for m in self.visits.months)
                    raise InputError(f"{where}: nobody is seen at month {month:g}; [visits] has {months}.")
            if end.month > self.visits.months[-1]:
                raise InputError(f"{where}: month {end.month:g} comes after the last visit.")
        if not self.primaries:
            raise InputError("No endpoint is primary; write role = 'primary' at the one that the trial is sized for.")

    def _check_doses(self) -> None:
        arms = [self.arm(name) for name in self.actives]
        units = [evidence.product(one.product)["dose_unit"].text for arm in arms for one in arm.inject]
        looks, end = any(share < 1 for share in self.interim.information), self.primary
        sound_doses(self.dose_response, [arm.dose for arm in arms], self.control.dose, units, end.kind, looks)
        if self.dose_response.candidates and end.margin:
            said = "[dose_response] asks whether the answer changes with the dose, not whether it differs by the margin"
            raise InputError(f"{said} of {end.margin:g} that {end.name} is held against; leave one of the two out.")

    def _share_error(self) -> None:
        """One error for all that is judged: gates compare adjusted p with it, so that it cannot differ."""
        table, first = self.interim, self.primary
        looked = any(share < 1 for share in table.information)
        spent = table.alpha * (1 if table.sided == 2 else 2)  # both sides of one that is tested on one
        alpha = first.alpha if first.alpha is not None else spent if looked else ALPHA
        if looked and not math.isclose(alpha, spent):
            raise InputError(
                f"[[endpoints]] {first.name} has alpha = {alpha:g} and [interim] spends {spent:g} of both sides; write "
                "the same error, or leave one out."
            )
        judged = [end for end in self.endpoints if end.role != "safety"]
        for end in judged:
            if end.alpha not in (None, alpha):
                raise InputError(
                    f"[[endpoints]] {end.name} has alpha = {end.alpha:g} and {first.name} {alpha:g}; endpoints that "
                    "are judged share one error: leave it out."
                )
        ends = (e if e.role == "safety" else e.model_copy(update={"alpha": alpha}) for e in self.endpoints)
        object.__setattr__(self, "endpoints", tuple(ends))

    # ------------------------------------------------------------------------------------------ what follows

    @property
    def name(self) -> str:
        """The trial's name."""
        return self.trial.name

    @property
    def controlled(self) -> bool:
        """More than one arm."""
        return len(self.arms) > 1

    @property
    def size(self) -> int:
        """People of all arms."""
        return sum(arm.size for arm in self.arms)

    @property
    def control(self) -> Arm:
        """The arm that others are held against: the first control, or the first arm."""
        return next((arm for arm in self.arms if arm.role == "control"), self.arms[0])

    @property
    def actives(self) -> list[str]:
        """Arms that are held against the control; none in a trial of one arm.

        A second control is described, not judged: that two controls differ shows nothing of a treatment.
        """
        others = [arm for arm in self.arms if arm.name != self.control.name]
        return [arm.name for arm in others if arm.role == "active"] or [arm.name for arm in others]

    @property
    def primaries(self) -> list[Endpoint]:
        """Endpoints that are judged first."""
        return [end for end in self.endpoints if end.role == "primary"]

    @property
    def primary(self) -> Endpoint:
        """The endpoint that a trial is sized for: the first primary one."""
        return self.primaries[0]

    @property
    def ratio(self) -> tuple[int, ...]:
        """Shares of arms in small whole numbers: as written, or as sizes stand to each other."""
        if self.allocation.ratio:
            return self.allocation.ratio
        sizes = [arm.size for arm in self.arms]
        common = math.gcd(*sizes)
        return tuple(size // common for size in sizes)

    @property
    def variables(self) -> tuple[str, ...]:
        """What can be measured at a visit: scores and drugs of the region, the disc, and what is made of them."""
        told = [name for name in reported.names(self.trial.region) if name != reported.MISSING]
        return (*told, *DISC, RESPONDER, CONVERSION)

    @property
    def measured(self) -> tuple[str, ...]:
        """Variables of the long table: all but `responder` and `conversion`, which are made of them."""
        return tuple(name for name in self.variables if name not in (RESPONDER, CONVERSION))

    @property
    def imaged(self) -> bool:
        """Whether an endpoint looks at the disc."""
        return any(end.variable in DISC for end in self.endpoints)

    def arm(self, name: str) -> Arm:
        """An arm by its name. Raises InputError with the nearest."""
        for arm in self.arms:
            if arm.name == name:
                return arm
        names = [arm.name for arm in self.arms]
        raise InputError(f"{self.name} has no arm {name!r}{nearest(name, names)}; it has {', '.join(names)}.")

    def given(self, arm: Arm) -> Given:
        """What the law of responses takes an arm for."""
        trial = self.trial
        return Given(trial.region, trial.population, arm.procedure, arm.aware, arm.treatments, self.controlled)

    def sized(self, size: int) -> Protocol:
        """The same trial with `size` people (or a few more, so that arms stand to each other as they did).

        Raises InputError for fewer people than arms.
        """
        if size < len(self.arms):
            raise InputError(f"{size} people are too few for {len(self.arms)} arms; give at least one for each.")
        if size > MOST:
            raise InputError(f"{size} people are more than a trial takes here; give {MOST} or fewer.")
        shares = [arm.size for arm in self.arms]
        exact = [size * share / sum(shares) for share in shares]
        sizes = [max(1, math.floor(x)) for x in exact]
        order = sorted(range(len(sizes)), key=lambda i: (sizes[i] - exact[i], i))
        for i in (order * size)[: max(size - sum(sizes), 0)]:
            sizes[i] += 1
        arms = [arm.model_copy(update={"size": n}) for arm, n in zip(self.arms, sizes, strict=True)]
        ratio = self.ratio if self.allocation.method == "minimisation" or self.allocation.block else ()
        allocation = self.allocation.model_copy(update={"ratio": self.allocation.ratio or ratio})
        interim = self.interim.sized(sum(sizes) / sum(shares))
        return self.model_copy(update={"arms": tuple(arms), "allocation": allocation, "interim": interim})

    def to_toml(self) -> str:
        """The protocol as a file that reads back to the same one."""
        import tomli_w

        tables = self.model_dump(exclude_none=True)
        for table, arm in zip(tables["arms"], self.arms, strict=True):
            table["inject"] = [str(one) for one in arm.inject]
            table["options"] = [str(one) for one in arm.options]
        return tomli_w.dumps(_plain(tables))


@cache
def _columns(region: str) -> tuple[str, ...]:
    """What is told of a drawn person."""
    from pulposus.patients import draw

    return tuple(map(str, draw(1, region=region).columns))


def _plain(value: Any) -> Any:
    """What TOML can hold, without what is empty."""
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items() if inner not in ("", (), [], {})}
    return [_plain(inner) for inner in value] if isinstance(value, (list, tuple)) else value


def read_protocol(path: str | Path) -> Protocol:
    """A protocol from a TOML file. Raises InputError, one sentence, for a file that cannot be read or understood."""
    path = Path(path)
    try:
        return Protocol.from_dict(toml_file(path, "protocol"))
    except InputError as problem:
        raise InputError(f"{path.name}: {problem}") from None


# ---------------------------------------------------------------------------------------------- mistakes

_MANY: dict[str, type[BaseModel]] = {"criteria": Criterion, "arms": Arm, "endpoints": Endpoint}
_ONE: dict[str, type[BaseModel]] = {
    "trial": TrialTable,
    "allocation": AllocationTable,
    "visits": VisitTable,
    "intercurrent": IntercurrentTable,
    "dropout": DropoutTable,
    "sites": SiteTable,
    "product": ProductTable,
    "interim": InterimTable,
    "dose_response": DoseTable,
}


def _place(loc: Sequence[int | str]) -> str:
    """Where in the file: "[[arms]] 2 size", "[visits] months"."""
    if not loc:
        return "A protocol"
    if loc[0] in _MANY:
        return " ".join([f"[[{loc[0]}]]", *(str(int(part) + 1) for part in loc[1:2]), *map(str, loc[2:3])])
    return " ".join([f"[{loc[0]}]", *map(str, loc[1:2])])


def _sentence(problem: ValidationError) -> str:
    """The first mistake of a protocol in one sentence."""
    mistake = problem.errors()[0]
    loc, given, kind = mistake["loc"], mistake["input"], mistake["type"]
    place = _place(loc)
    if kind == "value_error":
        text = str(mistake["ctx"]["error"])
        return text if not loc or text.startswith("[") else f"{place}: {text}"
    if kind == "extra_forbidden":
        table = Protocol if len(loc) == 1 else (_MANY | _ONE)[str(loc[0])]
        known = list(table.model_fields)
        where = "at the top of a protocol" if len(loc) == 1 else f"in {_place(loc[:-1])}"
        return f"Unknown key {loc[-1]!r} {where}{nearest(str(loc[-1]), known)}; known: {', '.join(known)}."
    if kind == "missing":
        if len(loc) == 1:
            shown = f"[[{loc[0]}]]" if loc[0] in _MANY else f"[{loc[0]}]"
            return f"The protocol has no {shown}; write {shown} and its keys under it."
        return f"{_place(loc[:-1])} has no {loc[-1]}; add {loc[-1]} = ..."
    if kind == "too_short":
        return f"The protocol has no [[{loc[0]}]]; write at least one."
    remedies = {
        "model_type": "it is a table: write its keys on the lines below its name in brackets",
        "tuple_type": "write a list in square brackets, or each table under its own double brackets",
        "string_type": "write words in quotes",
        "bool_type": "write true or false, without quotes",
        "float_type": "write a number",
    }
    return f"{place} is {given!r}, which cannot be used; {remedies.get(kind, mistake['msg'].lower())}."
