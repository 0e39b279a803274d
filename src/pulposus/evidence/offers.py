"""What is offered to people: what is claimed of it, where it stands with authorities, what it costs.

`claims.csv` holds a claim a row, with what controlled evidence and this model say, the verdict and its sources;
`regulation.csv` a rule or a status of a class of product, or of one, in a region and at a date; `costs.csv` a price, a
cost or whether it is covered. None of it is legal or financial advice.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeVar

from pulposus.errors import EvidenceError, InputError, nearest
from pulposus.evidence.reading import known, number, one_of, placed, within
from pulposus.evidence.sources import Sourced

FOLDER = Path(__file__).parent
VERDICTS = ("supported", "partly_supported", "open", "unsupported", "doubtful", "misleading", "contradicted")
STANDINGS = (
    "rule",
    "not_approved",
    "in_trials",
    "expedited",
    "conditional_route",
    "exempt_route",
    "marketed_without_approval",
    "warning",
)
EVERYWHERE, ANY = "everywhere", "any"
PAYERS = ("self", "insurer", "system", "any")
COVERED = ("yes", "no", "varies", "unknown")
UNITS = ("USD", "USD/QALY", "")
KINDS = ("published", "derived", "assumed")
STATUSES = ("read", "full_text", "registry", "table", "abstract", "press", "second_hand", "memory", "not_found")

_T = TypeVar("_T")
_DATE = r"\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?"
_CLASS = re.compile(r"\bclass (\w+)")


@dataclass(frozen=True)
class Claim(Sourced):
    """What clinics and articles say, what controlled evidence says, what the model says, and the verdict in words."""

    name: str
    claim: str
    evidence: str
    model: str
    page: str
    verdict: str
    told: str
    source: str
    status: str
    kind: str
    note: str


@dataclass(frozen=True)
class Standing(Sourced):
    """Where a product or a class stands in a region: `what` it is (of STANDINGS), in words, as of which date."""

    name: str
    region: str
    product: str
    what: str
    says: str
    asof: str
    source: str
    where: str
    status: str
    kind: str
    note: str

    @property
    def of_class(self) -> str:
        """The class that a named product belongs to; its own name for a class."""
        named = _CLASS.search(self.note)
        return named[1] if named else self.product


@dataclass(frozen=True)
class Cost(Sourced):
    """A price, a cost or a coverage: who pays, how much (NaN where nothing was found), and whether it is covered."""

    name: str
    what: str
    region: str
    who_pays: str
    value: float
    low: float
    high: float
    unit: str
    covered: str
    says: str
    source: str
    where: str
    status: str
    kind: str
    note: str


@cache
def claims(folder: Path = FOLDER) -> tuple[Claim, ...]:
    """Every claim. Raises EvidenceError that names file, line and remedy."""
    found, seen = [], set()
    for where, record in placed("claims.csv", folder):
        one_of(where, "verdict", record["verdict"], VERDICTS)
        known(where, record, STATUSES, KINDS, folder)
        for column in ("claim", "evidence", "model", "page", "told"):
            if not record[column]:
                raise EvidenceError(f"{where}: no {column}; say it, or delete the claim.")
        if record["name"] in seen:
            raise EvidenceError(f"{where}: the name stands twice; give another.")
        seen.add(record["name"])
        found.append(Claim(**record))
    return tuple(found)


@cache
def regulation(folder: Path = FOLDER) -> tuple[Standing, ...]:
    """Every rule, status and warning. Raises EvidenceError that names file, line and remedy."""
    found, seen = [], set()
    for where, record in placed("regulation.csv", folder):
        one_of(where, "what", record["what"], STANDINGS)
        known(where, record, STATUSES, KINDS, folder)
        if not re.fullmatch(_DATE, record["asof"]):
            raise EvidenceError(f"{where}: asof is {record['asof']!r}; write a date as 2024, 2024-09 or 2024-09-27.")
        for column in ("name", "region", "product", "says"):
            if not record[column]:
                raise EvidenceError(f"{where}: no {column}; say it.")
        if record["name"] in seen:
            raise EvidenceError(f"{where}: the name stands twice; give another.")
        seen.add(record["name"])
        found.append(Standing(**record))
    classes = {one.product for one in found}
    for (where, _), one in zip(placed("regulation.csv", folder), found, strict=True):
        if one.of_class not in classes:
            raise EvidenceError(f"{where}: no row is of class {one.of_class!r}{nearest(one.of_class, classes)}.")
    return tuple(found)


def products() -> list[str]:
    """Classes and products whose standing is known."""
    return [name for name in dict.fromkeys(one.product for one in regulation()) if name != ANY]


def regions() -> list[str]:
    """Regions of which something is known."""
    return [name for name in dict.fromkeys(one.region for one in regulation()) if name != EVERYWHERE]


def standing(product: str = "", region: str = "") -> list[Standing]:
    """What is known of a product or class in a region, with what holds of its class and of any; warnings last.

    Raises InputError with the nearest name.
    """
    product, region = _named("product", product, products()), _named("region", region, regions())
    classes = {product} | {one.of_class for one in regulation() if one.product == product}
    found = [
        one
        for one in regulation()
        if (not product or one.product in classes or one.of_class in classes or one.product == ANY)
        and (not region or one.region in (region, EVERYWHERE))
    ]
    return sorted(found, key=lambda one: (one.what == "warning", one.product == ANY))


def _named(what: str, given: str, known: list[str]) -> str:
    """A name as it is written here, for one in any case of letters; nothing for nothing."""
    loose = {name.lower().replace("_", " ").replace("-", " "): name for name in known}
    key = given.lower().replace("_", " ").replace("-", " ").strip()
    if key and key not in loose:
        near = nearest(given, [*known, *loose])
        raise InputError(f"Unknown {what} {given!r}{near}; known: {', '.join(known)}.")
    return loose.get(key, "")


@cache
def costs(folder: Path = FOLDER) -> tuple[Cost, ...]:
    """Every price, cost and coverage. Raises EvidenceError that names file, line and remedy."""
    found, seen = [], set()
    for where, record in placed("costs.csv", folder):
        for column, options in (("who_pays", PAYERS), ("covered", COVERED), ("unit", UNITS)):
            one_of(where, column, record[column], options)
        known(where, record, STATUSES, KINDS, folder)
        value, low, high = (number(where, record, column) for column in ("value", "low", "high"))
        if record["name"] in seen:
            raise EvidenceError(f"{where}: the name stands twice; give another.")
        if not math.isnan(value):
            within(where, value, low, high)
        if not math.isnan(value) and not record["unit"]:
            raise EvidenceError(f"{where}: a number without a unit; write USD or USD/QALY.")
        if math.isnan(value) and record["status"] != "not_found" and record["unit"]:
            raise EvidenceError(f"{where}: a unit without a number; give it, or status not_found.")
        seen.add(record["name"])
        found.append(Cost(**{**record, "value": value, "low": low, "high": high}))  # type: ignore[arg-type]
    return tuple(found)


def priced(word: str = "") -> list[Cost]:
    """Costs in whose words all parts of `word` stand, all for no word. Raises InputError with the nearest word."""
    told = {
        cost: " ".join((cost.name, cost.what, cost.region, cost.who_pays, cost.says, cost.note)) for cost in costs()
    }
    return _fits(word, told, "cost")


def search(word: str) -> list[Claim]:
    """Claims in whose words all parts of `word` stand, all for no word. Raises InputError with the nearest word."""
    return _fits(word, {claim: " ".join(_words(claim)) for claim in claims()}, "claim")


def _words(claim: Claim) -> tuple[str, ...]:
    verdict = claim.verdict.replace("_", " ")
    return claim.name, claim.claim, claim.evidence, claim.model, claim.told, verdict, claim.source


def _fits(word: str, told: Mapping[_T, str], what: str) -> list[_T]:
    """Those in whose text all parts of a word stand."""
    parts = word.lower().replace("_", " ").split()
    text = {one: words.lower().replace("_", " ") for one, words in told.items()}
    found = [one for one, words in text.items() if all(part in words for part in parts)]
    if not found:
        known = {part for words in text.values() for part in re.findall(r"[a-z0-9-]{3,}", words)}
        raise InputError(f"No {what} holds {word!r}{nearest(word, known)}; leave it out to see them all.")
    return found
