"""Numbers with their units, ranges and sources: the only place where a number of biology, physics or clinic may stand.

The tables lie beside this file. `parameters.csv` holds what the disc's processes need, `geometry.csv` and
`outlines.csv` its form, `canal.csv` what lies behind it, `loads.csv` what it bears, `therapies.csv` products, carriers,
sites and published doses, `mechanisms.csv` what treatments are said to do, `statements.csv` what must be said in words,
`sources.bib` where all this was found.

A row is a measurement, not a parameter: several rows may share a name (they disagree, which is information) and exactly
one is used. ``kind`` is measured, fitted, derived or assumed (or defined, for words and for what holds by definition);
``status`` says how the number is known: read in full, from an abstract, computed from such, or recalled (memory), and
what is recalled can only be an assumption. Units are converted once, on asking, to SI base units, with `cell` as a
dimension of its own.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path

import numpy as np

from pulposus.errors import EvidenceError, InputError, nearest
from pulposus.evidence import expected
from pulposus.evidence.rules import ALIAS, TEXT_UNIT, declared_as, hold_range, hold_used, hold_words
from pulposus.evidence.rules import DESCRIBED as DESCRIBED
from pulposus.evidence.rules import SPREADS as SPREADS
from pulposus.evidence.sources import bibliography as bibliography
from pulposus.evidence.sources import hold_keys, keys_of
from pulposus.evidence.sources import reference as reference
from pulposus.evidence.sources import source as source
from pulposus.evidence.tables import records
from pulposus.evidence.told import WORD_COLUMNS
from pulposus.evidence.told import Mechanism as Mechanism
from pulposus.evidence.told import Statement as Statement
from pulposus.evidence.told import mechanisms as mechanisms
from pulposus.evidence.told import statement as statement
from pulposus.evidence.told import statements as statements
from pulposus.evidence.units import convert as convert
from pulposus.evidence.units import dimension as dimension
from pulposus.evidence.units import factor
from pulposus.evidence.units import quantity as quantity

FOLDER = Path(__file__).parent
NUMBER_COLUMNS = ("value", "low", "high", "unit", "kind", "used", "source", "where", "status", "note")
IDENTITY = {
    "parameters.csv": ("name",),
    "therapies.csv": ("group", "name", "quantity"),
    "geometry.csv": ("level", "sex", "grade", "quantity"),
    "loads.csv": ("posture", "quantity"),
    "canal.csv": ("level", "quantity"),
    "outlines.csv": ("outline", "curve", "quantity", "harmonic"),
    "outcomes.csv": ("name",),
    "population.csv": ("name",),
}
# Dimensions that scale with the size of the body, and those that fall with grade, by which factor.
SIZES = ("mid_height", "ap_depth", "width")
FALLS_WITH = {"mid_height": "height_factor", "wedge": "height_factor", "nucleus_area_fraction": "nucleus_area_factor"}


@dataclass(frozen=True)
class Row:
    """One number as it was found: value and range in `unit`, SI on asking, with source and how it is known.

    For words (unit "text") `text` holds them and `value` is NaN. Where no range is known, low and high equal the value,
    and `spread` says why.
    """

    name: str
    value: float
    low: float
    high: float
    unit: str
    source: str
    kind: str
    where: str = ""
    status: str = ""
    note: str = ""
    tissue: str = ""
    condition: str = ""
    n: str = ""
    spread: str = ""
    used: bool = True
    line: int = 0
    file: str = ""
    text: str = ""

    @cached_property
    def si(self) -> float:
        """The value in SI base units (cells counted as cells)."""
        return self.value * self._factor

    @property
    def si_low(self) -> float:
        """The low end of the range, SI."""
        return self.low * self._factor

    @property
    def si_high(self) -> float:
        """The high end of the range, SI."""
        return self.high * self._factor

    @property
    def _factor(self) -> float:
        if self.file in IDENTITY:
            _hold_units(self.file)
        return factor(self.unit)

    @property
    def assumed(self) -> bool:
        """True for an assumption, which reports count and show."""
        return self.kind == "assumed"

    @property
    def sources(self) -> list[str]:
        """Keys in `sources.bib`, without the word for a bare assumption."""
        return list(keys_of(self.source))


# ---------------------------------------------------------------------------------------------- reading


def _number(text: str, where: str, column: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise EvidenceError(f"{where}: {column} is {text!r}, not a number; correct it or leave it empty.") from None


_instead: dict[tuple[str, int], float] = {}


@contextmanager
def instead(values: Mapping[tuple[str, int], float]) -> Iterator[None]:
    """Rows with other values while it lasts, by file and line, each in the unit of its row: for draws of everything at
    once, one after the other in a process.
    """

    def forget() -> None:
        for kept in (_table, _parameters, _therapies, _dimension_rows):
            kept.cache_clear()

    _instead.update(values)
    forget()
    try:
        yield
    finally:
        _instead.clear()
        forget()


def _row(file: str, line: int, record: Mapping[str, str]) -> Row:
    where = f"{file} line {line}"
    words = record["unit"] == TEXT_UNIT
    value = math.nan if words else _number(record["value"], where, "value")
    low = value if words or not record["low"] else _number(record["low"], where, "low")
    high = value if words or not record["high"] else _number(record["high"], where, "high")
    value = _instead.get((file, line), value)
    if record["used"] not in ("yes", "no"):
        raise EvidenceError(f"{where}: used is {record['used']!r}; write yes or no.")
    return Row(
        name=" ".join(record[column] for column in IDENTITY[file]),
        value=value,
        low=low,
        high=high,
        used=record["used"] == "yes",
        line=line,
        file=file,
        text=record["value"] if words else "",
        **{column: record[column] for column in ("unit", "source", "kind", "where", "status", "note")},
        **{column: record.get(column) or "" for column in ("tissue", "condition", "n", "spread")},
    )


def _records(file: str, folder: Path) -> list[tuple[int, dict[str, str]]]:
    """Line number and columns of each record (the line on which it ends)."""
    described = ("condition", "n", "spread") if file in DESCRIBED else ()
    columns = (*IDENTITY[file], *NUMBER_COLUMNS, *described) if file in IDENTITY else WORD_COLUMNS[file]
    return records(file, folder, columns)


@cache
def _table(file: str, folder: Path = FOLDER) -> tuple[tuple[dict[str, str], Row], ...]:
    """Every record of a table of numbers, with its row, held to the rules that need no units."""
    made = tuple((record, _row(file, line, record)) for line, record in _records(file, folder))
    for record, row in made:
        hold_words(row, folder)
        hold_range(row, bool(record["low"] or record["high"]))
    hold_used(file, [row for _, row in made])
    return made


@cache
def _hold_units(file: str) -> None:
    """Hold a table to the rules of units, once, when the first of its numbers is asked for in SI: reading alone does
    not wait for the library of units.
    """
    _hold_dimensions(file, _table(file), FOLDER)


def hold_units(rows: Iterable[Row]) -> None:
    """Hold the tables that these rows stand in to the rules of units, before their numbers are shown to anyone."""
    for file in dict.fromkeys(row.file for row in rows):
        _hold_units(file)


def _hold_dimensions(file: str, made: tuple[tuple[dict[str, str], Row], ...], folder: Path) -> None:
    table = [row for _, row in made]
    for record, row in made:
        if row.unit != TEXT_UNIT:
            where = f"{file} line {row.line} ({row.name})"
            expected.hold(where, file, declared_as(file, record, table), row.unit, folder)


@cache
def _parameters() -> dict[str, tuple[Row, ...]]:
    found: dict[str, list[Row]] = {}
    for _, row in _table("parameters.csv"):
        found.setdefault(row.name, []).append(row)
    return {name: tuple(rows) for name, rows in found.items()}


def names() -> list[str]:
    """Names of all parameters, in the order of their table."""
    return list(_parameters())


def rows(name: str) -> list[Row]:
    """Everything that was found for a parameter, used or not. Raises InputError with the nearest name."""
    if name not in _parameters():
        near = nearest(name, names())
        raise InputError(f"Unknown parameter {name!r}{near}; `pulposus list parameters` names them all.")
    return list(_parameters()[name])


def used(name: str) -> Row:
    """The one row of a parameter that the model uses."""
    return _one([row for row in rows(name) if row.used], f"parameters.csv: {name}")


def _one(candidates: list[Row], what: str) -> Row:
    if len(candidates) != 1:
        raise EvidenceError(f"{what} has {len(candidates)} rows with used = yes; exactly one must be.")
    return candidates[0]


def everything() -> list[Row]:
    """Every row of every table of numbers, used or not."""
    return [row for file in IDENTITY for _, row in _table(file)]


def search(word: str) -> list[Row]:
    """Rows in whose name, note, tissue, source, condition (or words) all parts of `word` stand, in any case of letters.

    Raises InputError with the nearest name where there is none.
    """
    rows = everything()
    parts = word.lower().replace("_", " ").split()
    told = [" ".join((r.name, r.note, r.tissue, r.source, r.condition, r.text)).lower() for r in rows]
    fits = [r for r, text in zip(rows, told, strict=True) if parts and all(p in text.replace("_", " ") for p in parts)]
    if not fits:
        words = {w for text in told for w in re.findall(r"[a-z0-9]{3,}", text)} | {r.name for r in rows}
        raise InputError(f"Nothing in the evidence holds {word!r}{nearest(word, words)}; try one word of it.")
    return fits


def found(name: str) -> list[Row]:
    """All rows of one name, of any table ("salt", "product MPC potency"). Raises InputError with the nearest name."""
    named = [row for row in everything() if row.name == " ".join(name.split())]
    if not named:
        near = nearest(name, (row.name for row in everything()))
        raise InputError(f"Unknown name {name!r}{near}; `pulposus evidence search` finds names by a word.")
    return named


def si(name: str, unit: str) -> float:
    """The used value of a parameter in SI base units. Raises EvidenceError unless it has the dimension of `unit`."""
    if name not in _parameters():
        raise EvidenceError(
            f"parameters.csv has no row {name!r}, which the model reads{nearest(name, names())}; add one."
        )
    row = used(name)
    if dimension(row.unit) != dimension(unit):
        expected = f"expected a unit like {unit or '1'}; correct the unit of the row"
        raise EvidenceError(f"parameters.csv line {row.line}: {name} is in {row.unit}, {expected}.")
    return row.si


@cache
def _outcomes() -> dict[str, Row]:
    return {row.name: row for _, row in _table("outcomes.csv") if row.used}


def population(name: str) -> Row:
    """The row of a number of who comes with a painful disc. Raises InputError with the nearest name."""
    found = {row.name: row for _, row in _table("population.csv") if row.used}
    if name not in found:
        raise InputError(f"Unknown number of people {name!r}{nearest(name, found)}; see evidence/population.csv.")
    return found[name]


def outcome(name: str) -> Row:
    """The row of a number of what people report. Raises InputError with the nearest name."""
    if name not in _outcomes():
        raise InputError(f"Unknown number of outcomes {name!r}{nearest(name, _outcomes())}; see evidence/outcomes.csv.")
    return _outcomes()[name]


# ---------------------------------------------------------------------------------------------- therapies


@cache
def _therapies(group: str) -> tuple[dict[str, dict[str, Row]], dict[str, str]]:
    """Name -> quantity -> used row, and alias in lower case -> name."""
    members: dict[str, dict[str, Row]] = {}
    aliases: dict[str, str] = {}
    for record, row in _table("therapies.csv"):
        if record["group"] != group or not row.used:
            continue
        member = members.setdefault(record["name"], {})
        aliases.setdefault(record["name"].lower(), record["name"])
        if record["quantity"] == ALIAS:
            aliases[row.text.lower()] = record["name"]
        else:
            member[record["quantity"]] = row
    return members, aliases


def _member(group: str, name: str) -> dict[str, Row]:
    members, _ = _therapies(group)
    return dict(members[resolve(group, name)])


def resolve(group: str, name: str) -> str:
    """The name in therapies.csv (group product, carrier, site or study) for a name or an alias, in any case of letters.

    Raises InputError with the nearest name.
    """
    members, aliases = _therapies(group)
    key = " ".join(name.lower().replace("_", " ").split())
    loose = {alias.replace("_", " "): target for alias, target in aliases.items()}
    if key not in loose:
        known = ", ".join(members)
        near = nearest(name, members) or nearest(name, aliases, 0.8)  # maths: an alias has to be closer than a name
        raise InputError(f"Unknown {group} {name!r}{near}; known: {known}.")
    return loose[key]


def aliases(group: str) -> dict[str, str]:
    """Other names (lower case) -> name, for a group of therapies.csv; the names themselves included."""
    return dict(_therapies(group)[1])


def products() -> list[str]:
    """Names of what can be injected."""
    return list(_therapies("product")[0])


def product(name: str) -> dict[str, Row]:
    """Quantity -> row of a product, by its name or an alias ("BM-MSC", "UC-MSC")."""
    return _member("product", name)


def carriers() -> list[str]:
    """Names of what products are suspended in."""
    return list(_therapies("carrier")[0])


def carrier(name: str) -> dict[str, Row]:
    """Quantity -> row of a carrier, by its name or an alias."""
    return _member("carrier", name)


def sites() -> list[str]:
    """Names of the places where the needle's tip may be."""
    return list(_therapies("site")[0])


def site(name: str) -> dict[str, Row]:
    """Quantity -> row of a site, by its name or an alias."""
    return _member("site", name)


def studies() -> list[str]:
    """Names of published uses with their dose."""
    return list(_therapies("study")[0])


def study(name: str) -> dict[str, Row]:
    """Quantity -> row of a published use: product, dose, volume, carrier, patients."""
    return _member("study", name)


def dallas_grade(grade: int) -> int:
    """The Dallas grade (0 to 5) of a discogram that a disc of a Pfirrmann grade is taken to have: an assumption."""
    return int(_member("volume", f"grade {grade}")["dallas_grade"].value)


def volume_rule(grade: int, dallas: int | None = None) -> dict[str, Row]:
    """What a disc of a Pfirrmann grade takes up: accepted_fraction (of nucleus volume), excess_leak_fraction; at which
    pressure: elastance and leak_path (of the Dallas grade, that of Pfirrmann's where none is given), stop_pressure,
    stop_volume, retention_pressure.
    """
    own = _member("volume", f"grade {grade}")
    del own["dallas_grade"]
    torn = _member("volume", f"Dallas {dallas_grade(grade) if dallas is None else dallas}")
    common = _member("volume", "any")
    # those that go by volume keep their places before those that go by pressure, so that draws stay what they were
    return {"excess_leak_fraction": common["excess_leak_fraction"], **own, **common, **torn}


# ---------------------------------------------------------------------------------------------- loads


def postures() -> list[str]:
    """Names of postures and spans of a day, lightest first as in their table."""
    return list(dict.fromkeys(record["posture"] for record, _ in _table("loads.csv")))


def posture(name: str) -> dict[str, Row]:
    """Quantity -> used row of a posture: compression and shear in N, turns in radians. InputError names the nearest."""
    if name not in postures():
        raise InputError(f"Unknown posture {name!r}{nearest(name, postures())}; choose one of {', '.join(postures())}.")
    return {record["quantity"]: row for record, row in _table("loads.csv") if record["posture"] == name and row.used}


def calibrates(name: str) -> bool:
    """True for a posture whose used load was read off the pressure of a disc, so that pressure cannot judge the model
    there.
    """
    rows = [(record, row) for record, row in _table("loads.csv") if record["posture"] == name]
    return any(record["role"] == "calibration" for record, row in rows if row.used)


# ---------------------------------------------------------------------------------------------- form of the disc


def levels() -> list[str]:
    """Spinal levels from head to sacrum."""
    found = dict.fromkeys(record["level"] for record, _ in _table("geometry.csv"))
    return [level for level in found if re.match(r"[CTL]\d", level)]


def outlines() -> list[str]:
    """Names of measured outlines."""
    return list(dict.fromkeys(record["outline"] for record, _ in _table("outlines.csv")))


def outline(name: str) -> dict[str, tuple[np.ndarray, float]]:
    """Curve (disc, nucleus) -> cosine amplitudes of radius over the angle from anterior, and centre along y; in m."""
    if name not in outlines():
        raise InputError(f"Unknown outline {name!r}{nearest(name, outlines())}; known: {', '.join(outlines())}.")
    curves: dict[str, tuple[np.ndarray, float]] = {}
    members = [(record, row) for record, row in _table("outlines.csv") if record["outline"] == name and row.used]
    for curve in dict.fromkeys(record["curve"] for record, _ in members):
        part = [(record, row) for record, row in members if record["curve"] == curve]
        cosines = {int(record["harmonic"]): row.si for record, row in part if record["quantity"] == "cosine"}
        centre = next(row.si for record, row in part if record["quantity"] == "centre")
        curves[curve] = (np.array([cosines.get(k, 0.0) for k in range(max(cosines) + 1)]), centre)
    return curves


def canal(level: str) -> dict[str, Row]:
    """Quantity -> row of what lies behind a disc: canal, foramina, cord. Its level's own row before that of its region.

    Raises InputError with the nearest level.
    """
    level = level_named(level)
    region = {"C": "cervical", "T": "thoracic", "L": "lumbar"}[level[0]]
    found: dict[str, Row] = {}
    for place in (region, level):
        found |= {record["quantity"]: row for record, row in _table("canal.csv") if record["level"] == place}
    return found


def level_named(name: str) -> str:
    """The level (or outline) as geometry.csv writes it, for "l4-5" or "L4/L5" too; InputError with the nearest name."""
    known = [*levels(), *outlines()]
    parts = re.findall(r"[A-Za-z]?\d+", name)
    if name not in known and len(parts) == 2:
        lower = parts[1] if parts[1][0].isalpha() else parts[0][0] + parts[1]
        joined = f"{parts[0]}-{lower}".upper()
        name = joined if joined in known else name
    if name not in known:
        raise InputError(f"Unknown level {name!r}{nearest(name, known)}; known: {', '.join(levels())}.")
    return name


def dimensions(level: str, sex: str = "any", grade: int = 1, mid_height: float | None = None) -> dict[str, Row]:
    """Dimensions of a disc by level, sex (any, male, female) and Pfirrmann grade: rows with the sources of their parts.

    A level's own value is multiplied by the factor of sex (unless it was measured for that sex) and of grade. The
    wedge follows the height, so that anterior and posterior height fall alike; with a person's own `mid_height` (m) it
    follows that one. Outlines ("reference_l4l5") are measured as they are: no factor touches them.
    Raises InputError for an unknown level, sex or grade.
    """
    level = level_named(level)
    if sex not in ("any", "male", "female"):
        raise InputError(f"Unknown sex {sex!r}{nearest(sex, ['any', 'male', 'female'])}; write male, female or any.")
    if grade not in (1, 2, 3, 4, 5):
        raise InputError(f"Unknown grade {grade!r}; Pfirrmann grades are whole numbers from 1 to 5.")
    if level in outlines():
        return {name: replace(row, name=name) for name, row in _dimension_rows(level, "any").items()}
    region = {"C": "cervical", "T": "thoracic", "L": "lumbar"}[level[0]]
    own: dict[str, Row] = {}
    for place in ("any", region, level):
        own.update(_dimension_rows(place, "any"))
    by_sex = {**_dimension_rows(region, sex), **_dimension_rows(level, sex)} if sex != "any" else {}
    size = {**_dimension_rows("any", sex), **_dimension_rows(region, sex)}.get("size_factor") if sex != "any" else None
    by_grade = _dimension_rows("any", "any", str(grade))
    made = {}
    for name, row in own.items():
        parts = [by_sex.get(name, row)]
        if size and name not in by_sex and name in SIZES:
            parts.append(size)
        if name in FALLS_WITH:
            parts.append(by_grade[FALLS_WITH[name]])
        made[name] = _product(name, parts)
    if mid_height is not None:
        full = made["mid_height"].si / by_grade["height_factor"].value
        made["wedge"] = _product("wedge", [own["wedge"]], mid_height / full)
    return made


@cache
def _dimension_rows(level: str, sex: str, grade: str = "any") -> dict[str, Row]:
    """Quantity -> used row that stands at exactly this level, sex and grade."""
    keys = {"level": level, "sex": sex, "grade": grade}
    found = {}
    for record, row in _table("geometry.csv"):
        if row.used and all(record[column] == value for column, value in keys.items()):
            found[record["quantity"]] = row
    return found


def _product(name: str, parts: list[Row], scale: float = 1.0) -> Row:
    """A base row times factors, with every part's source; an angle is scaled through its tangent."""
    base, factors = parts[0], [part for part in parts[1:] if part.value != 1]
    if not factors and scale == 1:
        return replace(base, name=name)

    def times(pick: str) -> float:
        by = scale * math.prod(getattr(part, pick) for part in factors)
        start = getattr(base, pick)
        if base.unit == "degree":
            return math.degrees(math.atan(math.tan(math.radians(start)) * by))
        return start * by

    kinds = {part.kind for part in (base, *factors)}
    return replace(
        base,
        name=name,
        value=times("value"),
        low=times("low"),
        high=times("high"),
        kind="assumed" if "assumed" in kinds else "derived",
        status="computed",
        source="; ".join(dict.fromkeys(key for part in (base, *factors) for key in part.source.split("; "))),
        note="; ".join(dict.fromkeys(part.note for part in (base, *factors) if part.note)),
    )


# ---------------------------------------------------------------------------------------------- the whole


def digest() -> str:
    """SHA-256 over every evidence file, name and content, so that a result can say which evidence it stands on."""
    total = hashlib.sha256()
    for path in sorted([*FOLDER.glob("*.csv"), *FOLDER.glob("*.bib")]):
        total.update(path.name.encode())
        total.update(path.read_bytes())
    return total.hexdigest()


# ---------------------------------------------------------------------------------------------- checking


def check(folder: Path = FOLDER) -> None:
    """Hold every table to its rules. Raises EvidenceError that names file, line and remedy."""
    for file in IDENTITY:
        _hold_dimensions(file, _table.__wrapped__(file, folder), folder)
    for file in WORD_COLUMNS:
        for line, record in _records(file, folder):
            where = f"{file} line {line}"
            hold_keys(where, record["source"], folder)
            if record.get("disputed") == "yes" and not record["dispute"]:
                raise EvidenceError(f"{where}: {record['name']} is disputed, but not why; say it in one sentence.")
