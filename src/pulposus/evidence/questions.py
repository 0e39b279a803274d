"""Named questions that trials are pooled for, printed comparisons of two arms, and how far each study is to be trusted.

`questions.csv` says what is compared with what, in which region, by which printed outcomes, between which months and on
which scale. `comparisons.csv` holds what trials print of two arms that no row of `trials.csv` holds: events of each, or
a difference with its interval. `risk_of_bias.csv` holds one judgement a study: published, our own reading of an
abstract (which is then called assumed), or that nobody's judgement was read.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pulposus.errors import EvidenceError, InputError, nearest
from pulposus.evidence.offers import KINDS, STATUSES
from pulposus.evidence.reading import known, number, one_of, placed
from pulposus.evidence.sources import Sourced
from pulposus.evidence.trials import REGIONS, Arm, arms, results

FOLDER = Path(__file__).parent
FORMS = ("pair", "network")
MEASURES = ("RD", "RR", "OR", "MD")
BETTER = ("high", "low")
JUDGEMENTS = ("low", "some", "high", "not judged")
# status -> tier, as of trials.csv: 1 read, 2 an abstract, 3 press or second hand, 4 recalled
TIERS = {"read": 1, "full_text": 1, "registry": 1, "table": 1, "abstract": 2, "press": 3, "second_hand": 3, "memory": 4}
_SEEN = ("blind", "any")
_PERCENT, _COUNT = "%patients", "patients"
_HUNDRED = 100.0


@dataclass(frozen=True)
class Question(Sourced):
    """What is compared with what. months: since, until, and the one that is best (at); spread: points that stand for
    the spread of a change where none is printed (NaN: such a trial is left out). beside: a published pooled result on
    the same scale (ratios as ratios), NaN where none is known. taken_for: name -> the name it counts as.
    """

    name: str
    title: str
    form: str
    region: str
    treated: tuple[str, ...]
    against: tuple[str, ...]
    aware: str
    taken_for: tuple[tuple[str, str], ...]
    outcomes: tuple[str, ...]
    since: float
    until: float
    at: float
    measure: str
    better: str
    spread: float
    beside: float
    beside_low: float
    beside_high: float
    source: str
    where: str
    status: str
    kind: str
    note: str


@dataclass(frozen=True)
class Comparison:
    """Two arms as printed: events of each (NaN: none), or a difference with its 95 % interval in points of 100.

    people: whose they are; own_people: the registry number is shared with a trial of other people.
    """

    study: str
    people: str
    registry: str
    own_people: bool
    year: str
    design: str
    region: str
    aware: str
    outcome: str
    months: float
    treated: str
    against: str
    events: float
    total: float
    events_against: float
    total_against: float
    difference: float
    low: float
    high: float
    unit: str
    source: str
    where: str
    status: str
    kind: str
    note: str

    @property
    def tier(self) -> int:
        """How it is known, as in trials.csv."""
        return TIERS[self.status]


@dataclass(frozen=True)
class Printed:
    """One number of one arm in trials.csv: events of `total` people, or the mean `change` of a score with its spread
    in points of 100; NaN for what was not printed.
    """

    arm: Arm
    registry: str
    design: str
    year: str
    outcome: str
    months: float
    total: float
    events: float
    change: float
    sd: float
    tier: int
    source: str


@dataclass(frozen=True)
class Bias:
    """How far a study is to be trusted, by which tool, and who says so (published, ours, nobody)."""

    study: str
    tool: str
    judgement: str
    judged_by: str
    source: str
    where: str
    status: str
    kind: str
    note: str

    def __str__(self) -> str:
        """'high (ours, assumed)', 'not judged'."""
        return self.judgement if self.judged_by == "nobody" else f"{self.judgement} ({self.judged_by}, {self.kind})"


@cache
def questions(folder: Path = FOLDER) -> tuple[Question, ...]:
    """Every question. Raises EvidenceError that names file, line and remedy."""
    found: list[Question] = []
    for where, record in placed("questions.csv", folder):
        for column, options in (
            ("form", FORMS),
            ("region", REGIONS),
            ("aware", _SEEN),
            ("measure", MEASURES),
            ("better", BETTER),
        ):
            one_of(where, column, record[column], options)
        known(where, record, STATUSES, KINDS, folder)
        fields: dict[str, Any] = dict(record)
        for column in ("treated", "against", "outcomes"):
            fields[column] = _parts(record[column])
            if not fields[column]:
                raise EvidenceError(f"{where}: no {column}; name at least one.")
        fields["taken_for"] = tuple(
            (one.partition("=")[0], one.partition("=")[2]) for one in _parts(record["taken_for"])
        )
        for column in ("from", "until", "at", "spread", "beside", "beside_low", "beside_high"):
            fields["since" if column == "from" else column] = number(where, record, column)
        del fields["from"]
        if not fields["since"] <= fields["at"] <= fields["until"]:
            raise EvidenceError(f"{where}: month {fields['at']:g} is not within from and until; correct one of them.")
        if any(one.name == record["name"] for one in found):
            raise EvidenceError(f"{where}: the name stands twice; give another.")
        found.append(Question(**fields))
    return tuple(found)


def question(name: str) -> Question:
    """A question by its name. Raises InputError with the nearest name."""
    for one in questions():
        if one.name == name.strip().lower().replace("-", "_"):
            return one
    names = [one.name for one in questions()]
    raise InputError(f"Unknown question {name!r}{nearest(name, names)}; known: {', '.join(names)}.")


@cache
def comparisons(folder: Path = FOLDER) -> tuple[Comparison, ...]:
    """Every printed comparison. Raises EvidenceError that names file, line and remedy."""
    found = []
    for where, record in placed("comparisons.csv", folder):
        one_of(where, "region", record["region"], REGIONS)
        one_of(where, "own_people", record["own_people"], ("yes", "no"))
        one_of(where, "unit", record["unit"], ("", "points"))
        known(where, record, tuple(TIERS), KINDS, folder)
        fields: dict[str, Any] = dict(record)
        for column in _NUMBERS:
            fields[column] = number(where, record, column)
        fields["own_people"] = record["own_people"] == "yes"
        for events, total in (("events", "total"), ("events_against", "total_against")):
            if fields[events] > fields[total]:
                raise EvidenceError(f"{where}: {events} is more than {total}; correct one of them.")
        if not math.isnan(fields["difference"]) and not fields["low"] < fields["difference"] < fields["high"]:
            raise EvidenceError(f"{where}: the difference is not within low and high; correct one of them.")
        found.append(Comparison(**fields))
    return tuple(found)


_NUMBERS = (
    *("months", "events", "total", "events_against", "total_against"),
    *("difference", "low", "high"),
)


@cache
def printed(folder: Path = FOLDER) -> tuple[Printed, ...]:
    """Every number of an arm that is described, as events or as a change; a count is the nearest whole to a share."""
    described, scores, found = arms(folder), {one.line: one for one in results(folder)}, []
    for where, record in placed("trials.csv", folder):
        arm = described.get((record["trial_id"], record["arm"]))
        if arm is None:
            continue
        n, share = number(where, record, "n"), number(where, record, "value_mean")
        n = n if math.isnan(arm.n) else arm.n
        told = scores.get(int(where.rsplit(" ", 1)[1]))
        events, change, sd = math.nan, math.nan, math.nan
        if record["unit"] in (_PERCENT, _COUNT) and not math.isnan(n + share):
            events = float(round(share * n / _HUNDRED)) if record["unit"] == _PERCENT else share
        elif told is not None and told.statistic == "change":
            change, sd = told.value, told.sd
        found.append(
            Printed(
                arm,
                record["registry_id"].partition(" (")[0].partition("(")[0],
                record["design"],
                record["year"],
                record["outcome"],
                number(where, record, "months"),
                n,
                events,
                change,
                sd,
                int(record["tier"]),
                record["doi_or_pmid"] or record["source_url"],
            )
        )
    return tuple(found)


@cache
def biases(folder: Path = FOLDER) -> dict[str, Bias]:
    """Study -> its judgement. Raises EvidenceError that names file, line and remedy."""
    found: dict[str, Bias] = {}
    for where, record in placed("risk_of_bias.csv", folder):
        one_of(where, "judgement", record["judgement"], JUDGEMENTS)
        one_of(where, "judged_by", record["judged_by"], ("published", "ours", "nobody"))
        known(where, record, STATUSES, KINDS, folder)
        if record["judged_by"] == "ours" and record["kind"] != "assumed":
            raise EvidenceError(f"{where}: our own reading called {record['kind']}; write kind assumed.")
        if (record["judged_by"] == "nobody") != (record["judgement"] == "not judged"):
            raise EvidenceError(f"{where}: a judgement and nobody who judged, or the reverse; correct one of them.")
        if record["study"] in found:
            raise EvidenceError(f"{where}: {record['study']} stands twice; keep one judgement.")
        found[record["study"]] = Bias(**record)
    return found


def bias(study: str) -> Bias:
    """The judgement of a study; that nobody judged it, where none stands."""
    nobody = Bias(study, "", "not judged", "nobody", "", "", "not_found", "published", "")
    return biases().get(study, nobody)


def _parts(text: str) -> tuple[str, ...]:
    return tuple(part for part in (piece.strip() for piece in text.split(";")) if part)
