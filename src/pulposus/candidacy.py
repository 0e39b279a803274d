"""Who is a candidate: red flags first, then the common core of trials of cells, then each trial's own list.

What: a person's facts, as a checked file of four tables, are held against conditions of the evidence in three-valued
logic: yes, no, or not yet known. Nothing that was not said is taken for no. What follows from one fact for another, and
what cannot be true together, stands in the evidence too; contradictions are told, not resolved.
Reads: facts, flags, contradictions and lists of `pulposus.evidence.criteria`. Units are those of the facts.
Errors: every mistake of a user is an `InputError` of one sentence.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, WithJsonSchema, create_model

from pulposus import evidence
from pulposus.errors import InputError, nearest
from pulposus.evidence import criteria
from pulposus.evidence.criteria import Asked, List, Rule, Term
from pulposus.values import figure, toml_file, whole

YES, NO, UNKNOWN = "yes", "no", "unknown"
_DISC = "DISC"
_MONTHS = 12.0  # maths: months of a year
_PERCENT_OF_RAW = 2.0  # maths: raw points of both indices go from 0 to 50, per cent from 0 to 100
_INDICES = ("odi", "ndi")
_MM_OF_NRS = 10.0  # maths: both scales go from nothing to the worst, one in ten steps and one in 100 mm
# Facts that are computed, with those that they are computed from.
_FROM = {
    "age_at_onset": ("age", "pain_duration"),
    "limb_share": ("limb_pain", "axial_pain"),
    "axial_scales_apart": ("axial_pain", "axial_pain_nrs"),
    "limb_scales_apart": ("limb_pain", "limb_pain_nrs"),
    "care_before_pain": ("conservative_months", "pain_duration"),
    "limb_before_pain": ("limb_pain_duration", "pain_duration"),
    "disc_oxygen_change": ("disc_oxygen_before", "disc_oxygen_after"),
    "disc_viable_change": ("disc_viable_before", "disc_viable_after"),
}
# Columns of a run's summary that the disc's own view reads.
OF_SUMMARY = {
    "glucose": "glucose_min_mM",
    "oxygen": "oxygen_min_kPa",
    "ph": "ph_min",
    "viable": "native_viable_percent",
}


# ---------------------------------------------------------------------------------------------- the file


def _checked(asked: Asked) -> Any:
    """The annotation of one fact: how its value is checked, and how an editor is told of it."""
    of_whole = whole(int(asked.low), asked.high, f"value of {asked.name}")[0].func if asked.form == "whole" else None

    def check(value: Any) -> float | str | None:
        if value is None or value == UNKNOWN:
            return None
        if asked.form == "level":
            return evidence.level_named(str(value))
        if asked.options:
            word = {True: YES, False: NO}.get(value, value) if isinstance(value, bool) else value
            if word not in asked.options:
                options = ", ".join((*asked.options, UNKNOWN))
                raise InputError(f"{value!r} is unknown{nearest(str(value), asked.options)}; write one of {options}.")
            return str(word)
        if of_whole:
            return float(of_whole(value))
        found = figure(value, asked.unit)
        if not asked.low <= found <= asked.high:
            reach = f"{asked.low:g} to {asked.high:g}{_unit(asked.unit)}"
            raise InputError(f"{value!r} is not possible for {asked.asks}; give {reach}, or {UNKNOWN!r}.")
        return found

    words = {"type": ["string", "boolean"], "enum": [*asked.options, UNKNOWN, True, False][: len(asked.options) + 1]}
    schema = words if asked.options else {"type": ["number", "string"]}
    return Annotated[
        Any, BeforeValidator(check), WithJsonSchema({**schema, "description": f"{asked.asks}{_in(asked.unit)}"})
    ]


@cache
def _tables() -> dict[str, type[BaseModel]]:
    """The tables of the file, each a model with the facts that the evidence asks for."""
    made = {}
    for table in criteria.TABLES:
        fields: dict[str, Any] = {
            asked.name: (_checked(asked), None) for asked in criteria.facts().values() if asked.table == table
        }
        made[table] = create_model(table, __config__=ConfigDict(extra="forbid", frozen=True), **fields)
    return made


@dataclass(frozen=True)
class Person:
    """What is known of a person: fact -> number in its unit, or word; what is not here is not known."""

    facts: Mapping[str, float | str]
    title: str = ""

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Person:
        """A person from tables as in the file. Raises InputError, one sentence."""
        known: dict[str, float | str] = {}
        for table, given in data.items():
            if table == "title":
                continue
            if table not in _tables():
                keys = ", ".join(("title", *(f"[{name}]" for name in _tables())))
                raise InputError(f"Unknown table {table!r}{nearest(table, _tables())}; known: {keys}.")
            if not isinstance(given, Mapping):
                raise InputError(f"{table} is {given!r}, not a table; write [{table}] and its facts on lines below.")
            try:
                model = _tables()[table].model_validate(dict(given))
            except ValidationError as problem:
                raise InputError(_sentence(problem, table)) from None
            known |= model.model_dump(exclude_none=True)
        for index in _INDICES:
            percent, raw = known.get(index), known.get(f"{index}_raw")
            if isinstance(percent, float) and isinstance(raw, float) and percent != _PERCENT_OF_RAW * raw:
                raise InputError(
                    f"{index} is {percent:g} percent, and {index}_raw {raw:g} of 50 is {_PERCENT_OF_RAW * raw:g} "
                    "percent; leave one of them out."
                )
        title = data.get("title", "")
        if not isinstance(title, str):
            raise InputError(f"title is {title!r}; write words in quotes.")
        return cls(known, title)


def read_person(path: str | Path) -> Person:
    """A person from a TOML file. Raises InputError, one sentence, for what cannot be read or understood."""
    data = toml_file(path, "file of a person")
    try:
        return Person.from_dict(data)
    except InputError as problem:
        raise InputError(f"{Path(path).name}: {problem}") from None


def _sentence(problem: ValidationError, table: str) -> str:
    """The first mistake of a table in one sentence."""
    mistake = problem.errors(include_url=False)[0]
    key = str(mistake["loc"][-1])
    if mistake["type"] == "extra_forbidden":
        homes = {asked.name: asked.table for asked in criteria.facts().values() if asked.table != criteria.OF_THE_DISC}
        if key in homes:
            return f"{key} stands in [{table}]; move it to [{homes[key]}]."
        near = nearest(key, homes)
        place = re.search(r"'(\w+)'", near)
        if place and homes[place[1]] != table:
            near = near.replace(place[0], f"{place[0]} of [{homes[place[1]]}]")
        return f"Unknown fact {key!r} in [{table}]{near}; docs/howto/who-is-a-candidate.md names them all."
    if mistake["type"] == "value_error":
        return f"[{table}] {key}: {mistake['ctx']['error']}"
    return f"[{table}] {key} is {mistake['input']!r}, which cannot be used; {mistake['msg'].lower()}."


def of_run(treated: Sequence[Mapping[str, Any]], untreated: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """The disc's own view, from the rows of a run's summary by month, the start first, of the disc with its treatment
    and of the same without.

    Glucose, oxygen and pH before are those of the start, after the lowest at any later time that the run keeps: what
    cells want is worst soon after they were put in. Living native cells are compared at the end, with the treatment and
    without: some die in either. Raises InputError where rows or columns are missing.
    """
    if len(treated) < 2 or not untreated:
        raise InputError("The summary has no two months of both arms; run the case again and give its folder.")
    rows = (*treated, untreated[-1])
    lacking = [column for row in rows for column in OF_SUMMARY.values() if column not in row]
    if lacking:
        raise InputError(f"The summary has no column {lacking[0]!r}; run the case again and give its folder.")
    found = {}
    for name, column in OF_SUMMARY.items():
        later = [value for row in treated[1:] if math.isfinite(value := float(row[column]))]
        if name == "viable":
            found[name] = (float(untreated[-1][column]), float(treated[-1][column]))
        else:
            found[name] = (float(treated[0][column]), min(later, default=math.nan))
    return {
        f"disc_{name}_{when}": value
        for name, pair in found.items()
        for when, value in zip(("before", "after"), pair, strict=True)
        if math.isfinite(value)
    }


# ---------------------------------------------------------------------------------------------- what is known


@dataclass(frozen=True)
class Known:
    """One fact as far as it is known: from low to high, or a word; in which words it was known, and what it is of."""

    low: float
    high: float
    word: str
    said: str
    given: tuple[str, ...]
    assumed: bool = False


def known(given: Mapping[str, float | str], implied: bool = True) -> dict[str, Known]:
    """Facts that were given, those that are computed, and (if `implied`) those that follow from them; by name."""
    found = {name: _given(name, given[name]) for name in sorted(given)}
    for scale in ("axial_pain", "limb_pain"):
        if scale not in found and isinstance(score := given.get(f"{scale}_nrs"), (int, float)):
            found[scale] = _number(scale, _MM_OF_NRS * score, (f"{scale}_nrs",))
    for index in _INDICES:
        if index not in found and isinstance(raw := given.get(f"{index}_raw"), (int, float)):
            found[index] = _number(index, _PERCENT_OF_RAW * raw, (f"{index}_raw",))
    if "region" not in found and "level" in given:
        region = "cervical" if str(given["level"]).startswith("C") else "lumbar"
        found["region"] = Known(math.nan, math.nan, region, f"region = {region}, by the level", ("level",))
    found |= dict(_computed(given, found))
    if not implied:
        return found
    told = dict(found)
    for name, rule in criteria.implied():
        if name not in found and _judge(rule, told)[0] == YES:
            found[name] = _follows(name, rule, told)
    return found


def _given(name: str, value: float | str) -> Known:
    if isinstance(value, str):
        return Known(math.nan, math.nan, value, f"{name} = {value}", (name,))
    return _number(name, value, (name,))


def _number(name: str, value: float, given: tuple[str, ...]) -> Known:
    said = f"{name} = {value:.3g}{_unit(criteria.units_of(name))}"
    return Known(value, value, "", said if given == (name,) else f"{said}, from {' and '.join(given)}", given)


def _follows(name: str, rule: Rule, told: Mapping[str, Known]) -> Known:
    given = tuple(fact for fact in rule.facts if fact in told)
    said = f"{name} = {rule.says}, since {'; '.join(told[fact].said for fact in given)}"
    if ".." in rule.says:
        low, high = map(float, rule.says.split(".."))
        return Known(low, high, "", said, given, rule.assumed)
    return Known(math.nan, math.nan, rule.says, said, given, rule.assumed)


def _computed(given: Mapping[str, float | str], found: Mapping[str, Known]) -> Iterable[tuple[str, Known]]:
    """Facts that are computed from two others, where both are known."""

    def of(name: str) -> float:
        return found[name].low if name in found else math.nan

    values = {
        "age_at_onset": of("age") - of("pain_duration") / _MONTHS,
        "limb_share": of("limb_pain") / of("axial_pain") if of("axial_pain") else math.nan,
        "care_before_pain": of("conservative_months") - of("pain_duration"),
        "limb_before_pain": of("limb_pain_duration") - of("pain_duration"),
        "disc_oxygen_change": of("disc_oxygen_after") - of("disc_oxygen_before"),
        "disc_viable_change": of("disc_viable_after") - of("disc_viable_before"),
    }
    if of("limb_pain") == 0:
        values["limb_share"] = 0.0  # none of whatever the rest is
    elif of("axial_pain") == 0 and of("limb_pain") > 0:
        values["limb_share"] = math.inf
    for scale in ("axial", "limb"):
        if f"{scale}_pain" in given:
            apart = abs(of(f"{scale}_pain") - _MM_OF_NRS * of(f"{scale}_pain_nrs"))
            values[f"{scale}_scales_apart"] = apart
    for name, value in values.items():
        if not math.isnan(value):
            yield name, _number(name, value, tuple(part for part in _FROM[name] if part in found))


# ---------------------------------------------------------------------------------------------- three-valued logic


def _holds(term: Term, facts: Mapping[str, Known]) -> str:
    """Whether a term holds of what is known: yes where of all that is possible, no where of nothing that is."""
    if term.fact not in facts:
        return UNKNOWN
    fact = facts[term.fact]
    if term.words:
        return YES if fact.word in term.words else NO
    bound = _bound(term)
    low, high = fact.low, fact.high
    every, some = {
        ">=": (low >= bound, high >= bound),
        ">": (low > bound, high > bound),
        "<=": (high <= bound, low <= bound),
        "<": (high < bound, low < bound),
        "==": (low == high == bound, low <= bound <= high),
        "..": (low >= bound and high <= term.high, high >= bound and low <= term.high),
    }[term.sign]
    return YES if every else UNKNOWN if some else NO


def _bound(term: Term) -> float:
    if isinstance(term.low, float):
        return term.low
    row = evidence.used(term.low[1:])
    return evidence.convert(row.value, row.unit, criteria.units_of(term.fact))


def _judge(rule: Rule, facts: Mapping[str, Known]) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """Whether a condition holds, by which facts, and which are lacking where that is not known."""
    judged = [[(term, _holds(term, facts)) for term in terms] for terms in rule.any_of]
    whole_ones = [terms for terms in judged if all(answer == YES for _, answer in terms)]
    if whole_ones:
        return YES, _once(term.fact for term, _ in whole_ones[0]), ()
    open_ones = [terms for terms in judged if all(answer != NO for _, answer in terms)]
    if not open_ones:
        return NO, _once(term.fact for terms in judged for term, answer in terms if answer == NO), ()
    lacking = [term.fact for terms in open_ones for term, answer in terms if answer == UNKNOWN and term.fact]
    held = [term.fact for terms in open_ones for term, _ in terms if term.fact in facts]
    return UNKNOWN, _once(held), _once(fact for name in lacking for fact in _asked_for(name, facts))


def _asked_for(name: str, facts: Mapping[str, Known]) -> Iterable[str]:
    """The facts to ask for, where one is lacking: for a computed one those of its parts that are not known."""
    return [part for part in _FROM[name] if part not in facts] if name in _FROM else [name]


# ---------------------------------------------------------------------------------------------- the answer


@dataclass(frozen=True)
class Finding:
    """One criterion (or flag, or contradiction) held against a person.

    `answer`: met (of a flag or a contradiction: present), not, or not yet known; `datum` what was known, `missing` what
    has to be asked; `assumed` where rule or datum rests on an assumption, `stand_in` where the common core stands in
    for a list that was not read so far, `contradicted` where a fact that decides is part of a contradiction.
    """

    name: str
    answer: str
    says: str
    reason: str
    datum: str
    missing: tuple[str, ...]
    sources: tuple[str, ...]
    where: str
    status: str
    assumed: bool
    note: str
    act: str = ""
    stand_in: bool = False
    contradicted: bool = False


@dataclass(frozen=True)
class Verdict:
    """A list held against a person: the answer, why it may not be yes, and every criterion of it."""

    list: List
    answer: str
    why: str
    findings: tuple[Finding, ...]

    @property
    def unmet(self) -> tuple[Finding, ...]:
        """Criteria of the list's own that are not met."""
        return tuple(finding for finding in self.findings if finding.answer == NO and not finding.stand_in)

    @property
    def stand_ins(self) -> int:
        """How many criteria are those of the common core, for want of the list's own."""
        return sum(finding.stand_in for finding in self.findings)

    @property
    def open(self) -> tuple[Finding, ...]:
        """Criteria of which it is not yet known, and those of the common core that are not met: the list may differ."""
        return tuple(finding for finding in self.findings if _counted(finding) == UNKNOWN)


@dataclass(frozen=True)
class Assessment:
    """A person held against everything: flags, contradictions, the common core, the lists, the disc's own view."""

    title: str
    flags: tuple[Finding, ...]
    contradictions: tuple[Finding, ...]
    fit: Verdict
    lists: tuple[Verdict, ...]
    disc: Verdict
    missing: tuple[tuple[str, str, int], ...]

    @property
    def refer(self) -> tuple[Finding, ...]:
        """Red flags that are present: refer now, before anything else."""
        return tuple(flag for flag in self.flags if flag.answer == YES)

    def as_dict(self) -> dict[str, Any]:
        """Everything, as JSON can hold it."""
        made = asdict(self)
        made["refer_now"] = [f"{flag.says}: {flag.act}" for flag in self.refer]
        made["missing"] = [dict(zip(("fact", "asks", "decides"), item, strict=True)) for item in self.missing]
        return made


def assess(person: Person, disc: Mapping[str, float] | None = None) -> Assessment:
    """Hold a person against red flags, contradictions, the common core and every list.

    `disc`: the disc's own view, as `of_run` gives it. Raises InputError for a name in it that no run gives.
    """
    view = dict(disc or {})
    own = [asked.name for asked in criteria.facts().values() if asked.table == criteria.OF_THE_DISC]
    for name in view:
        if name not in own:
            raise InputError(f"{name!r} is no number of a run{nearest(name, own)}; known: {', '.join(own)}.")
    facts = known({**person.facts, **view})
    flags = tuple(_found(rule, facts, act=rule.group) for rule in criteria.red_flags())
    # what follows from one fact is no second witness against another
    plain = known({**person.facts, **view}, implied=False)
    told = [_found(rule, plain) for rule in criteria.contradictions()]
    at_odds = tuple(finding for finding in told if finding.answer == YES)
    odd = {
        given
        for rule, finding in zip(criteria.contradictions(), told, strict=True)
        if finding.answer == YES
        for fact in _judge(rule, plain)[1]
        for given in (fact, *plain[fact].given)
    }
    guard = _guard(flags, at_odds)
    verdicts = {name: _verdict(made, facts, odd, guard) for name, made in criteria.lists().items()}
    lists = tuple(verdict for name, verdict in verdicts.items() if name not in (*criteria.CORES.values(), _DISC))
    fit = _fit(verdicts, facts)
    seen = replace(verdicts[_DISC], answer=_and(f.answer for f in verdicts[_DISC].findings), why="")
    return Assessment(person.title, flags, at_odds, fit, lists, seen, _missing(flags, fit, lists))


def _found(rule: Rule, facts: Mapping[str, Known], act: str = "") -> Finding:
    """A flag or a contradiction: present, not, or not yet known."""
    answer, by, missing = _judge(rule, facts)
    words = {YES: "present, since", NO: "not found, since", UNKNOWN: "not yet known"}[answer]
    return _finding(rule, answer, words, by, missing, facts, act=act)


def _criterion(rule: Rule, facts: Mapping[str, Known], odd: set[str], stand_in: bool = False) -> Finding:
    """A criterion: met, not met, or not yet known; what leaves a person out is met where it does not hold."""
    answer, by, missing = _judge(rule, facts)
    leaves_out = rule.role == "exclude"
    if leaves_out:
        answer = {YES: NO, NO: YES, UNKNOWN: UNKNOWN}[answer]
    met = "not left out, since" if leaves_out else "met, since"
    unmet = "left out, since" if leaves_out else "not met, since"
    if stand_in:
        unmet = "not met by the common core, and this list was not read so far, since"
    words = {YES: met, NO: unmet, UNKNOWN: "not yet known"}[answer]
    found = _finding(rule, answer, words, by, missing, facts)
    contradicted = any(given in odd for fact in by for given in (fact, *(facts[fact].given if fact in facts else ())))
    return replace(found, stand_in=stand_in, assumed=found.assumed or stand_in, contradicted=contradicted)


def _finding(
    rule: Rule,
    answer: str,
    words: str,
    by: tuple[str, ...],
    missing: tuple[str, ...],
    facts: Mapping[str, Known],
    act: str = "",
) -> Finding:
    datum = "; ".join(facts[fact].said for fact in by if fact in facts)
    if missing:
        asked = criteria.facts()
        reason = f"not yet known: {'; '.join(f'{asked[fact].asks} ({fact})' for fact in missing)}"
    elif answer == UNKNOWN and not datum:
        reason = f"stays unknown: {rule.note or rule.says}"
    else:
        reason = f"{words} {datum}".strip()
    if missing and datum:
        reason += f"; known so far: {datum}"
    assumed = rule.assumed or any(facts[fact].assumed for fact in by if fact in facts)
    plain = (datum, missing, rule.sources, rule.where, rule.status, assumed, rule.note)
    return Finding(rule.name, answer, rule.says, reason, *plain, act=act)


def _guard(flags: Iterable[Finding], at_odds: tuple[Finding, ...]) -> tuple[str, str]:
    """The best answer that any list may get, and why."""
    present = [flag for flag in flags if flag.answer == YES]
    if present:
        return NO, f"red flag: {'; '.join(f'{flag.says}, {flag.act}' for flag in present)}"
    if at_odds:
        return UNKNOWN, f"the facts contradict each other: {'; '.join(found.says for found in at_odds)}"
    unsure = [flag.says for flag in flags if flag.answer == UNKNOWN]
    if unsure:
        return UNKNOWN, f"red flags are not all excluded: {', '.join(unsure)}"
    return YES, ""


def _verdict(made: List, facts: Mapping[str, Known], odd: set[str], guard: tuple[str, str]) -> Verdict:
    """A list held against what is known, with the common core where it says nothing that was read."""
    own = criteria.criteria_of(made.name)
    findings = [_criterion(rule, facts, odd) for rule in own]
    if made.core:
        named = {rule.name for rule in own}
        core = criteria.criteria_of(criteria.CORES[made.region])
        findings += [_criterion(rule, facts, odd, stand_in=True) for rule in core if rule.name not in named]
    answer = _and(map(_counted, findings))
    why = ""
    if _and((answer, guard[0])) != answer:
        answer, why = _and((answer, guard[0])), guard[1]
    elif answer == NO:
        why = "; ".join(finding.says for finding in findings if _counted(finding) == NO)
    return Verdict(made, answer, why, tuple(findings))


def held(name: str, given: Mapping[str, float | str]) -> Verdict:
    """One list held against facts, flags and contradictions aside: for people who are drawn, not examined.

    Raises InputError with the nearest name for a list that does not exist.
    """
    if name not in criteria.lists():
        raise InputError(
            f"Unknown list {name!r}{nearest(name, criteria.lists())}; known: {', '.join(criteria.lists())}."
        )
    return _verdict(criteria.lists()[name], known(given), set(), (YES, ""))


def outside(facts: Mapping[str, Any]) -> str:
    """What is said of an age above that of every list of a trial; nothing within. Raises InputError for a child: every
    number of what to expect is of adults.
    """
    low, high = criteria.ages()
    age = float(facts.get("age", low))
    criteria.hold_adult(age)
    over = f"age {age:g}: no list of a trial names anyone above {high:g}; the numbers are of younger people"
    return over if age > high else ""


def _counted(finding: Finding) -> str:
    """What a criterion counts for its list: where the common core stands in and is not met, the list may differ."""
    return UNKNOWN if finding.stand_in and finding.answer == NO else finding.answer


def _fit(verdicts: Mapping[str, Verdict], facts: Mapping[str, Known]) -> Verdict:
    """The common core of the part of the spine that hurts; of both, where that is not known."""
    region = facts["region"].word if "region" in facts else ""
    if region in criteria.CORES:
        return verdicts[criteria.CORES[region]]
    both = [verdicts[name] for name in criteria.CORES.values()]
    answers = {verdict.answer for verdict in both}
    answer = answers.pop() if len(answers) == 1 else UNKNOWN
    why = both[0].why if answer == NO else "which part of the spine hurts is not known"
    return replace(both[0], answer=answer, why=why, findings=both[0].findings + both[1].findings)


def _missing(flags: Iterable[Finding], fit: Verdict, lists: Iterable[Verdict]) -> tuple[tuple[str, str, int], ...]:
    """What has to be asked: fact, question, how many open criteria wait for it; red flags first, then the core."""
    flagged = {fact for flag in flags for fact in flag.missing if flag.answer == UNKNOWN}
    core = {fact for finding in fit.open for fact in finding.missing}
    waiting = Counter(fact for one in (fit, *lists) if one.answer != NO for f in one.open for fact in f.missing)
    waiting.update(flagged)
    order = list(criteria.facts())
    ranked = sorted(
        waiting, key=lambda name: (name not in flagged, name not in core, -waiting[name], order.index(name))
    )
    return tuple((name, criteria.facts()[name].asks, waiting[name]) for name in ranked)


def _and(answers: Iterable[str]) -> str:
    """No where any is no, yes where all are yes."""
    given = set(answers)
    return NO if NO in given else UNKNOWN if UNKNOWN in given else YES


def _once(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name in names if name))


def _unit(unit: str) -> str:
    return {"": "", "1": "", "percent": " %"}.get(unit, f" {unit}")


def _in(unit: str) -> str:
    return f", in {unit}" if _unit(unit) else ""
