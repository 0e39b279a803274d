"""Published trials: what each arm was, and what was printed of it, with how each number is known.

`trials.csv` holds one row for an arm, an outcome and a time, as it was printed; `arms.csv` says what an arm was (whose
disease, what its people knew, what was done to them), `arms_left_out.csv` which controlled trials have none there and
why; `endpoints.csv` says what a printed outcome is of a person. A tier says how a number is known: 1 read in full, a
registry or a data set, 2 an abstract or a printed review, 3 press or second hand, 4 recalled or not found.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pulposus.errors import EvidenceError, InputError, nearest
from pulposus.evidence.reading import number, one_of, records

FOLDER = Path(__file__).parent
REGIONS = ("lumbar", "cervical")
AWARE = ("blind", "open", "untreated")
PROCEDURES = ("none", "oral", "touch", "needle", "disc", "surgery")
DOMAINS = ("pain", "neck", "limb", "disability", "both")
STATISTICS = ("mean", "share", "beside")
_TIERS = ("1", "2", "3", "4")
_PERCENT = 100.0  # maths: per cent
# maths: printed scales over that of 0 to 100 on which all scores are kept
_SCALES = {
    "mm0-100": 1.0,
    "points0-100": 1.0,
    "points0-10": 10.0,
    "NDI (0-50 likely)": 2.0,
    "raw 0-50 (likely)": 2.0,
}
_OF_BASELINE, _SHARES, _COUNTS = "% of baseline", "%patients", "patients"


@dataclass(frozen=True)
class Arm:
    """An arm of a trial: whose disease, what its people knew, what was done, and what it is a test of.

    `study` is the trial itself where `trial` names a collection of several; n, of the arm where only all were printed.
    """

    trial: str
    name: str
    study: str
    region: str
    population: str
    aware: str
    procedure: str
    treatment: str
    controlled: bool
    used: bool
    n: float
    design: str
    note: str

    @property
    def parts(self) -> tuple[str, ...]:
        """What the treatment is made of ("cells+hyaluronic"); nothing for none and for usual care."""
        return () if self.treatment in ("none", "usual_care") else tuple(self.treatment.split("+"))


@dataclass(frozen=True)
class Endpoint:
    """What a printed outcome is of a person: a mean score, or the share of people who fell by so much.

    Thresholds on a scale of 0 to 100, shares of the start; NaN where none. `join`: "and" or "or" between domains.
    """

    outcome: str
    domain: str
    statistic: str
    pain_share: float
    pain_points: float
    pain_below: float
    disability_share: float
    disability_points: float
    disability_below: float
    join: str


@dataclass(frozen=True)
class Result:
    """One printed result: of which arm, what, when; `value` is what `statistic` says.

    statistic: change (points of 100), percent (change as a share of the start), level (points of 100 where no start was
    printed), share (of people), beside (change beyond that of the arm that waited). NaN where a number was not printed.
    """

    arm: Arm
    endpoint: Endpoint
    statistic: str
    months: float
    n: float
    baseline: float
    baseline_sd: float
    value: float
    sd: float
    tier: int
    source: str
    line: int


@cache
def arms(folder: Path = FOLDER) -> dict[tuple[str, str], Arm]:
    """(trial, arm) -> what that arm was. Raises EvidenceError that names file, line and remedy."""
    printed = {(record["trial_id"], record["arm"]): record for _, record in records("trials.csv", folder)}
    found = {}
    for line, record in records("arms.csv", folder):
        where, key = f"arms.csv line {line}", (record["trial"], record["arm"])
        if key not in printed:
            near = nearest(record["arm"], (arm for trial, arm in printed if trial == record["trial"]))
            raise EvidenceError(f"{where}: trials.csv has no arm {record['arm']!r} of {record['trial']}{near}.")
        for column, options in (("aware", AWARE), ("procedure", PROCEDURES)):
            one_of(where, column, record[column], options)
        for column in ("controlled", "used"):
            one_of(where, column, record[column], ("yes", "no"))
        region = printed[key]["level"]
        one_of(where, "level in trials.csv", region, REGIONS)
        found[key] = Arm(
            *key,
            record["study"],
            region,
            record["population"],
            record["aware"],
            record["procedure"],
            record["treatment"],
            record["controlled"] == "yes",
            record["used"] == "yes",
            number(where, record, "n"),
            printed[key]["design"],
            record["note"],
        )
    return found


@cache
def left_out(folder: Path = FOLDER) -> dict[str, str]:
    """Trial -> why no arm of it is described. Raises EvidenceError for one that is described or was not printed."""
    printed, described = {record["trial_id"] for _, record in records("trials.csv", folder)}, arms(folder)
    found = {}
    for line, record in records("arms_left_out.csv", folder):
        where, name = f"arms_left_out.csv line {line}", record["trial"]
        one_of(where, "trial", name, printed)
        if name in {trial for trial, _ in described}:
            raise EvidenceError(f"{where}: {name} has arms in arms.csv; name it in one of both.")
        if not record["because"]:
            raise EvidenceError(f"{where}: no reason; say why {name} has no arm in arms.csv.")
        found[name] = record["because"]
    return found


@cache
def controlled(folder: Path = FOLDER) -> list[str]:
    """Names of trials of which trials.csv calls an arm a control, or the design controlled."""
    rows = [record for _, record in records("trials.csv", folder)]
    kinds = ("RCT", "controlled")
    named = (r["trial_id"] for r in rows if r["arm_role"] == "control" or any(kind in r["design"] for kind in kinds))
    return list(dict.fromkeys(named))


@cache
def endpoints(folder: Path = FOLDER) -> dict[str, Endpoint]:
    """Outcome as printed -> what it is of a person."""
    found = {}
    for line, record in records("endpoints.csv", folder):
        where = f"endpoints.csv line {line}"
        one_of(where, "domain", record["domain"], DOMAINS)
        one_of(where, "statistic", record["statistic"], STATISTICS)
        one_of(where, "join", record["join"], ("", "and", "or"))
        fields: dict[str, Any] = {name: record[name] for name in ("outcome", "domain", "statistic", "join")}
        fields |= {name: number(where, record, name) for name in _LIMITS}
        found[record["outcome"]] = Endpoint(**fields)
    return found


_LIMITS = tuple(f"{score}_{limit}" for score in ("pain", "disability") for limit in ("share", "points", "below"))


@cache
def results(folder: Path = FOLDER) -> tuple[Result, ...]:
    """Every printed result that is a number, of an arm that is described and an outcome that is known."""
    known, ends, found = arms(folder), endpoints(folder), []
    for line, record in records("trials.csv", folder):
        arm, end = known.get((record["trial_id"], record["arm"])), ends.get(record["outcome"])
        one_of(f"trials.csv line {line}", "tier", record["tier"], _TIERS)
        if arm is None or end is None:
            continue
        result = _result(line, record, arm, end)
        if result is not None:
            found.append(result)
    return tuple(found)


def trial(name: str) -> list[Result]:
    """The results of a trial. Raises InputError with the nearest name."""
    own = [result for result in results() if result.arm.trial == name]
    if not own:
        raise InputError(f"Unknown trial {name!r}{nearest(name, {r.arm.trial for r in results()})}.")
    return own


def _result(line: int, record: Mapping[str, str], arm: Arm, end: Endpoint) -> Result | None:
    """A row as a result; nothing where no number was printed. Raises EvidenceError for a unit that is unknown."""
    where, unit = f"trials.csv line {line}", record["unit"]
    names = ("baseline_mean", "baseline_sd", "value_mean", "value_sd", "change", "n", "months")
    start, start_sd, value, sd, change, n, months = (number(where, record, name) for name in names)
    n = n if math.isnan(arm.n) else arm.n
    if math.isnan(value) and math.isnan(change):
        return None
    if end.statistic == "share":
        if unit not in (_SHARES, _COUNTS):
            raise EvidenceError(f"{where}: a share of people in {unit!r}; write {_SHARES} or {_COUNTS}.")
        if unit == _COUNTS and math.isnan(n):
            raise EvidenceError(f"{where}: a count of people without n; give n.")
        start, start_sd, sd = math.nan, math.nan, math.nan
        value, statistic = value / (n if unit == _COUNTS else _PERCENT), "share"
    elif unit == _OF_BASELINE:
        value, statistic, sd = change / _PERCENT, "percent", math.nan
    else:
        one_of(where, "unit", unit, tuple(_SCALES))
        scale = _SCALES[unit]
        start, start_sd, sd = (scale * number for number in (start, start_sd, sd))
        if math.isnan(change) and math.isnan(start):
            value, statistic = scale * value, "level"
        else:
            # the spread printed beside a level is not that of the change
            sd = sd if math.isnan(value) else math.nan
            value, statistic = scale * (value - start / scale if math.isnan(change) else change), "change"
    if end.statistic == "beside":
        statistic = "beside"
    source = record["doi_or_pmid"] or record["source_url"]
    return Result(arm, end, statistic, months, n, start, start_sd, value, sd, int(record["tier"]), source, line)


@dataclass(frozen=True)
class Worded:
    """Two arms of which a trial says in words alone how they differ in a score."""

    active: Arm
    control: Arm
    endpoint: Endpoint
    months: float
    people: tuple[float, float]
    says: str

    @property
    def both(self) -> tuple[tuple[Arm, float], tuple[Arm, float]]:
        """Each arm with its people."""
        return (self.active, self.people[0]), (self.control, self.people[1])


@cache
def worded(folder: Path = FOLDER) -> tuple[Worded, ...]:
    """What trials say in words (`words.csv`)."""
    found, known, ends = [], arms(folder), endpoints(folder)
    for line, record in records("words.csv", folder):
        where = f"words.csv line {line}"
        one_of(where, "says", record["says"], ("no difference", "better"))
        one_of(where, "outcome", record["outcome"], tuple(ends))
        for column in ("active", "control"):
            if (record["trial"], record[column]) not in known:
                raise EvidenceError(
                    f"{where}: arms.csv has no arm {record[column]!r} of {record['trial']}; describe it."
                )
        months, *people = (number(where, record, name) for name in ("months", "n_active", "n_control"))
        active, control = (known[record["trial"], record[column]] for column in ("active", "control"))
        end = ends[record["outcome"]]
        found.append(Worded(active, control, end, months, (people[0], people[1]), record["says"]))
    return tuple(found)
