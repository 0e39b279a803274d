"""The validation book's entries: what was published, how far a model may be from it, and who said so.

`checks.csv` holds one row a check. Its band (low, high) and how that follows from the published spread (tolerance) are
fixed here, before the model is run; `measure` and `at` name what of the model is held against it.
`reference_profile.csv` is the solved field of the published reference model along its midline.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pulposus.errors import EvidenceError, InputError
from pulposus.evidence.reading import number
from pulposus.evidence.sources import hold_keys, keys_of
from pulposus.evidence.tables import records
from pulposus.evidence.units import dimension

FOLDER = Path(__file__).parent
CLASSES = ("verification", "reproduction", "calibration", "retrodiction", "prediction", "pending")
KINDS = ("quantitative", "ordering")
SPREADS = ("own", "other", "none")
WEAK = "hardly a test"  # how the comment of a row begins that could hardly differ
AGAINST = ("measurement", "model", "code", "theory")
_STATUSES = ("read", "abstract", "computed", "memory")
COLUMNS = (
    *("name", "group", "measure", "at", "quantity", "condition", "published", "low", "high", "unit", "tolerance"),
    *("spread", "band_before"),
    *("class", "kind", "against", "source", "where", "status", "fixes", "comment"),
)
PROFILE = ("y", "glucose", "oxygen", "lactate")


@dataclass(frozen=True)
class Check:
    """One entry: a published value (in `unit`), the band that ours must lie in, and where it was found.

    `group` joins what one paper says of one thing: its members count once. `against` is what the published value is: a
    measurement, another model's result, another code's solution of the same equations, or theory.
    `spread` says whose spread the band is: the source's own of this very number, another's, or none. `band_before` is
    yes where the band stands in the history of this repository before any result of the model for it, and no where
    band and result came in one change or the result was known from elsewhere. `fixes` names, for a row of class
    calibration and no other, the number of the evidence that was taken from it, or says "fit" where
    `pulposus calibrate` reads it.
    """

    name: str
    group: str
    measure: str
    at: str
    quantity: str
    condition: str
    published: float
    low: float
    high: float
    unit: str
    tolerance: str
    spread: str
    band_before: str
    of: str
    kind: str
    against: str
    source: str
    where: str
    status: str
    fixes: str
    comment: str
    line: int

    @property
    def spread_published(self) -> bool:
        """True where the band is a spread that this source gives of this very number, not one that was taken from
        another or for want of it.
        """
        return self.spread == "own" and self.status != "memory"

    @property
    def weak(self) -> bool:
        """True where a model in which nothing happens, or any model at all, would agree as well."""
        return self.comment.startswith(WEAK)


def read_checks(folder: Path = FOLDER) -> tuple[Check, ...]:
    """Every entry, held to its rules. Raises EvidenceError that names file, line and remedy."""
    found = [_check(line, record) for line, record in records("checks.csv", folder, COLUMNS)]
    seen: dict[str, int] = {}
    units: dict[tuple[str, str], Check] = {}
    for check in found:
        if seen.setdefault(check.name, check.line) != check.line:
            raise EvidenceError(_at(check) + f"the name stands in line {seen[check.name]} too; give another.")
        _hold(check)
        hold_keys(_at(check)[:-2], check.source, folder)
        _hold_unit(check, units.setdefault((check.measure, check.quantity), check))
    return tuple(found)


def _hold_unit(check: Check, first: Check) -> None:
    """Rows that one measure answers alike have units of one dimension."""
    if check.of == "pending" or check.kind == "ordering":
        return
    try:
        own, wanted = dimension(check.unit), dimension(first.unit)
    except InputError as problem:
        raise EvidenceError(_at(check) + str(problem)) from problem
    if own != wanted:
        raise EvidenceError(_at(check) + f"{check.unit} is {own}, but line {first.line} has {wanted}; correct one.")


def _check(line: int, record: Mapping[str, str]) -> Check:
    where = f"checks.csv line {line} ({record['name']})"
    words: dict[str, Any] = {name: record[name] for name in COLUMNS if name != "class"}
    numbers = {column: number(where, record, column) for column in ("published", "low", "high")}
    return Check(**(words | numbers), of=record["class"], line=line)


def _hold(check: Check) -> None:
    for column, options in (("of", CLASSES), ("kind", KINDS), ("against", AGAINST), ("status", _STATUSES)):
        value = getattr(check, column)
        if value not in options:
            told = "class" if column == "of" else column
            raise EvidenceError(_at(check) + f"{told} is {value!r}; write one of {', '.join(options)}.")
    if not keys_of(check.source):
        raise EvidenceError(_at(check) + "no source; name a key of sources.bib.")
    if (check.of == "calibration") != bool(check.fixes):
        told = "calibration, and fixes nothing" if not check.fixes else f"{check.of}, and fixes {check.fixes!r}"
        raise EvidenceError(_at(check) + f"{told}; name the number that it fixes, or give it another class.")
    if check.of == "pending":
        return
    if check.kind == "quantitative" and check.spread not in SPREADS:
        said = f"spread is {check.spread!r}; write own, other or none: whose the spread is that the band follows from."
        raise EvidenceError(_at(check) + said)
    if check.band_before not in ("yes", "no"):
        said = f"band_before is {check.band_before!r}; write yes where the band was committed before a result, else no."
        raise EvidenceError(_at(check) + said)
    if not check.tolerance:
        raise EvidenceError(_at(check) + "no tolerance; say how the band follows from what was published.")
    for end in ("low", "high", "published"):
        if math.isnan(getattr(check, end)):
            raise EvidenceError(_at(check) + f"no {end}; give the number.")
    if not check.low <= check.high:
        raise EvidenceError(_at(check) + f"low {check.low:g} is above high {check.high:g}; exchange them.")
    if not check.low <= check.published <= check.high:
        raise EvidenceError(_at(check) + f"the published {check.published:g} lies outside its own band; correct it.")


def _at(check: Check) -> str:
    return f"checks.csv line {check.line} ({check.name}): "


@dataclass(frozen=True)
class Goal:
    """A use of the model: its influence, what a wrong answer costs, and from which share of right predictions on the
    model may enter it; NaN where no share would do.
    """

    use: str
    influence: str
    consequence: str
    risk: str
    share: float
    because: str


@functools.cache
def goals(folder: Path = FOLDER) -> tuple[Goal, ...]:
    """The uses of the model with the credibility that each asks for. Raises EvidenceError by line."""
    found, file = [], "credibility.csv"
    for line, record in records(file, folder, ("use", "influence", "consequence", "risk", "goal", "kind", "because")):
        where = f"{file} line {line} ({record['use']})"
        share = number(where, record, "goal")
        if not math.isnan(share) and not 0 < share <= 1:
            raise EvidenceError(f"{where}: goal is {share:g}; give a share above 0 and up to 1, or nothing.")
        if not record["because"] or math.isnan(share) != (record["kind"] == "defined"):
            raise EvidenceError(f"{where}: a goal is assumed and says why, no goal is defined; mend kind or because.")
        hold_keys(where, record["source"], folder)
        words = {name: record[name] for name in ("use", "influence", "consequence", "risk", "because")}
        found.append(Goal(share=share, **words))
    return tuple(found)


@functools.cache
def reference_profile() -> dict[str, tuple[float, ...]]:
    """y in mm (anterior positive) and glucose mM, oxygen kPa, lactate mM along the midline at mid-height."""
    file = "reference_profile.csv"
    found = records(file, FOLDER, PROFILE)
    return {c: tuple(number(f"{file} line {line}", record, c) for line, record in found) for c in PROFILE}
