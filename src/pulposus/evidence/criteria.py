"""Who may take part: what is asked of a person, conditions on the answers, and what follows from one for another.

`facts.csv` names each fact with its unit, bounds and question; `implied_facts.csv` says what follows from one fact for
another; `red_flags.csv` and `contradictions.csv` hold what must be said first; `criteria_lists.csv` and `criteria.csv`
hold the lists of trials, criterion by criterion. A condition is written as ``a and b or c``, where each part is
``fact >= 3``, ``fact 3..7``, ``fact is yes``, ``fact in one two``, or ``unknown`` for what no list says; a number may
be the name of a parameter, ``@glucose_death_threshold``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pulposus.errors import EvidenceError, InputError, nearest
from pulposus.evidence.reading import known, one_of, records, sourced
from pulposus.evidence.sources import keys_of
from pulposus.evidence.units import factor

FOLDER = Path(__file__).parent
TABLES = ("history", "examination", "imaging", "prior_care")
OF_THE_DISC = "disc"
FORMS = ("number", "whole", "words", "yes_no", "level")
ROLES = ("include", "exclude")
TREATS = ("cells", "tissue", "surgery", "guidance")
REGIONS = ("lumbar", "cervical", "any")
KINDS = ("published", "derived", "assumed", "defined")
STATUSES = ("full_text", "registry", "table", "abstract", "press", "guidance", "computed", "memory", "defined")
# Facts that are computed from two others, with the unit of the result.
COMPUTED = {
    "age_at_onset": ("age at which the pain began", "year"),
    "limb_share": ("limb pain as a share of back or neck pain", "1"),
    "axial_scales_apart": ("how far the two scales of back or neck pain are apart", "mm"),
    "limb_scales_apart": ("how far the two scales of limb pain are apart", "mm"),
    "care_before_pain": ("by how long care is longer than the pain", "month"),
    "limb_before_pain": ("by how long limb pain is longer than the pain", "month"),
    "disc_oxygen_change": ("change of the lowest oxygen", "kPa"),
    "disc_viable_change": ("living native cells at the end, less those without treatment", "percent"),
}
# The lists that stand in where what a trial asks was not read.
CORES = {"lumbar": "CORE-LUMBAR", "cervical": "CORE-CERVICAL"}
_NEVER = "unknown"
_NUMBER = r"-?\d+(?:\.\d+)?"
_COMPARED = re.compile(rf"(\w+) (>=|<=|==|<|>) ({_NUMBER}|@\w+)")
_BETWEEN = re.compile(rf"(\w+) ({_NUMBER})\.\.({_NUMBER})")
_WORDED = re.compile(r"(\w+) (is|in) ([\w -]+)")


@dataclass(frozen=True)
class Asked:
    """A fact that may be known of a person: in which table of the file, in which form, and how it is asked for."""

    table: str
    name: str
    form: str
    unit: str
    low: float
    high: float
    options: tuple[str, ...]
    asks: str


@dataclass(frozen=True)
class Term:
    """One part of a condition: `fact` `sign` `low` (to `high`), or one of `words`; `unknown` has no fact."""

    fact: str
    sign: str
    low: float | str = 0.0
    high: float = 0.0
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rule:
    """A condition with what is said of it: any of its lists of terms, each of which must hold whole."""

    name: str
    condition: str
    any_of: tuple[tuple[Term, ...], ...]
    says: str
    source: str
    where: str
    status: str
    kind: str
    note: str
    line: int
    file: str
    group: str = ""
    role: str = ""

    @property
    def assumed(self) -> bool:
        """True for an assumption."""
        return self.kind == "assumed"

    @property
    def sources(self) -> tuple[str, ...]:
        """Keys in `sources.bib`, without the word for a bare assumption."""
        return keys_of(self.source)

    @property
    def facts(self) -> tuple[str, ...]:
        """Names of the facts that the condition reads, each once."""
        return tuple(dict.fromkeys(term.fact for terms in self.any_of for term in terms if term.fact))


@dataclass(frozen=True)
class List:
    """A trial's list of criteria, or another: what it is for, and whether the common core stands in for what was not
    read of it.
    """

    name: str
    title: str
    treats: str
    region: str
    core: bool
    registry: str
    source: str
    status: str
    note: str


@cache
def facts(folder: Path = FOLDER) -> dict[str, Asked]:
    """Every fact by its name. Raises EvidenceError that names file, line and remedy."""
    found: dict[str, Asked] = {}
    for line, record in records("facts.csv", folder):
        where = f"facts.csv line {line} ({record['fact']})"
        one_of(where, "table", record["table"], (*TABLES, OF_THE_DISC))
        one_of(where, "form", record["form"], FORMS)
        if record["fact"] in found:
            raise EvidenceError(f"{where}: the fact stands twice; delete one.")
        numbered = record["form"] in ("number", "whole")
        low, high = (_number(where, record, column) if numbered else 0.0 for column in ("low", "high"))
        if numbered:
            _unit(where, record["unit"])
        if low > high:
            raise EvidenceError(f"{where}: low {low:g} is above high {high:g}; exchange them.")
        if record["form"] in ("words", "yes_no") and len(record["options"].split()) < 2:
            raise EvidenceError(f"{where}: words without options; name at least two.")
        if not record["asks"]:
            raise EvidenceError(f"{where}: no question; say what is asked for.")
        found[record["fact"]] = Asked(
            record["table"],
            record["fact"],
            record["form"],
            record["unit"],
            low,
            high,
            tuple(record["options"].split()),
            record["asks"],
        )
    return found


def units_of(name: str) -> str:
    """The unit of a fact, given or computed; nothing for words."""
    return COMPUTED[name][1] if name in COMPUTED else facts()[name].unit


@cache
def implied(folder: Path = FOLDER) -> tuple[tuple[str, Rule], ...]:
    """(fact, rule): where the rule's condition holds, the fact is what the rule says ("yes", "3..4")."""
    found = []
    for line, record in records("implied_facts.csv", folder):
        where = f"implied_facts.csv line {line}"
        _known(where, record["fact"], folder)
        asked, value = facts(folder)[record["fact"]], record["value"]
        fits = re.fullmatch(rf"{_NUMBER}\.\.{_NUMBER}", value) if not asked.options else value in asked.options
        if not fits:
            raise EvidenceError(f"{where}: {value!r} is no value of {asked.name}; write a word it has, or low..high.")
        name = f"{asked.name} from {record['condition']}"
        found.append((asked.name, _rule("implied_facts.csv", line, {**record, "says": value, "name": name}, folder)))
    return tuple(found)


@cache
def red_flags(folder: Path = FOLDER) -> tuple[Rule, ...]:
    """What has to be referred before anything else; `says` is its title, `group` what to do."""
    found = []
    for line, record in records("red_flags.csv", folder):
        if not record["act"]:
            raise EvidenceError(f"red_flags.csv line {line}: no act; say what to do.")
        found.append(_rule("red_flags.csv", line, {**record, "says": record["title"], "group": record["act"]}, folder))
    return tuple(found)


@cache
def contradictions(folder: Path = FOLDER) -> tuple[Rule, ...]:
    """Facts that cannot all be true."""
    return tuple(_rule("contradictions.csv", line, record, folder) for line, record in _of("contradictions", folder))


@cache
def lists(folder: Path = FOLDER) -> dict[str, List]:
    """Every list of criteria by its name."""
    found = {}
    for line, record in _of("criteria_lists", folder):
        where = f"criteria_lists.csv line {line} ({record['name']})"
        for column, options in (("treats", TREATS), ("region", REGIONS), ("core", ("yes", "no")), ("status", STATUSES)):
            one_of(where, column, record[column], options)
        sourced(where, record["source"], folder)
        found[record["name"]] = List(**{**record, "core": record["core"] == "yes"})  # type: ignore[arg-type]
    return found


@cache
def criteria(folder: Path = FOLDER) -> tuple[Rule, ...]:
    """Every criterion of every list; `group` is the list, `role` whether what holds takes in or leaves out."""
    found = []
    seen: dict[tuple[str, str], int] = {}
    for line, record in _of("criteria", folder):
        where = f"criteria.csv line {line}"
        one_of(where, "list", record["list"], tuple(lists(folder)))
        one_of(where, "role", record["role"], ROLES)
        if seen.setdefault((record["list"], record["criterion"]), line) != line:
            raise EvidenceError(f"{where}: {record['criterion']} of {record['list']} stands twice; delete one.")
        made = {**record, "name": record["criterion"], "group": record["list"]}
        found.append(_rule("criteria.csv", line, made, folder))
    return tuple(found)


def criteria_of(name: str) -> list[Rule]:
    """The criteria of one list. Raises InputError with the nearest name."""
    if name not in lists():
        raise InputError(f"Unknown list of criteria {name!r}{nearest(name, lists())}; known: {', '.join(lists())}.")
    return [rule for rule in criteria() if rule.group == name]


# ---------------------------------------------------------------------------------------------- conditions


def parsed(text: str, where: str, folder: Path = FOLDER) -> tuple[tuple[Term, ...], ...]:
    """A condition as lists of terms. Raises EvidenceError for what cannot be read, and for facts that nobody asks."""
    if text.strip() == _NEVER:
        return ((Term("", _NEVER),),)
    return tuple(
        tuple(_term(part.strip(), where, folder) for part in every.split(" and ")) for every in text.split(" or ")
    )


def _term(text: str, where: str, folder: Path) -> Term:
    if match := _COMPARED.fullmatch(text):
        value = match[3] if match[3].startswith("@") else float(match[3])
        term = Term(match[1], match[2], value)
    elif match := _BETWEEN.fullmatch(text):
        term = Term(match[1], "..", float(match[2]), float(match[3]))
    elif match := _WORDED.fullmatch(text):
        term = Term(match[1], "in", words=tuple(match[3].split()))
    else:
        remedy = "write 'fact >= 3', 'fact 3..7', 'fact is yes' or 'fact in one two'"
        raise EvidenceError(f"{where}: the condition {text!r} cannot be read; {remedy}.")
    _known(where, term.fact, folder)
    asked = facts(folder).get(term.fact)
    worded = asked is not None and asked.form not in ("number", "whole")
    if worded != bool(term.words):
        raise EvidenceError(f"{where}: {text!r} asks for {'words' if term.words else 'a number'}, which this is not.")
    for word in term.words:
        if asked and asked.options and word not in asked.options:
            raise EvidenceError(f"{where}: {term.fact} is never {word!r}{nearest(word, asked.options)}; correct it.")
    return term


def _known(where: str, name: str, folder: Path) -> None:
    known = [*facts(folder), *COMPUTED]
    if name not in known:
        raise EvidenceError(f"{where}: no fact is called {name!r}{nearest(name, known)}; correct it, or ask for it.")


def _rule(file: str, line: int, record: Mapping[str, str], folder: Path) -> Rule:
    """A record as a rule, held to the rules of words: source, status and kind agree."""
    where = f"{file} line {line} ({record['name']})"
    if not record["says"]:
        raise EvidenceError(f"{where}: it says nothing; put it into words.")
    known(where, record, STATUSES, KINDS, folder)
    words = {name: record[name] for name in ("name", "condition", "says", "source", "where", "status", "kind", "note")}
    any_of = parsed(record["condition"], where, folder)
    return Rule(
        **words, any_of=any_of, line=line, file=file, group=record.get("group", ""), role=record.get("role", "")
    )


# ---------------------------------------------------------------------------------------------- reading


def _of(name: str, folder: Path) -> list[tuple[int, dict[str, str]]]:
    return records(f"{name}.csv", folder)


def _number(where: str, record: Mapping[str, str], column: str) -> float:
    try:
        return float(record[column])
    except ValueError:
        raise EvidenceError(f"{where}: {column} is {record[column]!r}, not a number; correct it.") from None


def _unit(where: str, unit: str) -> None:
    try:
        factor(unit)
    except InputError as problem:
        raise EvidenceError(f"{where}: {problem}") from problem


# ---------------------------------------------------------------------------------------------- of what age


@cache
def ages() -> tuple[float, float]:
    """The youngest and the oldest, in years, whom any list of a trial that was read takes in."""
    terms = [
        term
        for name in lists()
        if name not in CORES.values()
        for rule in criteria_of(name)
        if rule.role == "include"
        for terms in rule.any_of
        for term in terms
        if term.fact == "age"
    ]
    return min(float(term.low) for term in terms), max(term.high for term in terms if term.sign == "..")


def hold_adult(age: float) -> None:
    """Raise InputError for a child: every number of what to expect is of adults."""
    low, _ = ages()
    if age < low:
        raise InputError(
            f"age is {age:g}, and trials took people from {low:g} on; nothing can be said of children, so ask a "
            "children's clinic."
        )
