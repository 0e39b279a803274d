"""How values of a user's file are checked: numbers in a unit, whole numbers, words of a list, days; its tables of days.

What: each gives a check and the schema that tells an editor of it. Errors: `InputError`, one sentence.
"""

from __future__ import annotations

import math
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, StrictBool, WithJsonSchema

from pulposus import evidence
from pulposus.errors import InputError, nearest

_HOURS_OF_A_DAY = 24.0  # maths: hours of a day
_SLIP = 1e-6  # maths: hours by which minutes written as hours may miss a day
_LYING = ("night", "lying")  # postures with which a day may begin
_ROMAN = {"I": 1, "II": 2, "III": 3, "IV": 4, "V": 5}  # maths: roman numerals


def figure(value: Any, unit: str) -> float:
    """A finite number in `unit` from a bare number or from text with a unit."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise InputError(f"{value!r} is not a number; write a number, or text with a unit like '1 {unit}'.")
    si = evidence.quantity(value, unit)
    return float(value) if isinstance(value, (int, float)) else si / evidence.factor(unit)


def number(unit: str, low: float = -math.inf, high: float = math.inf, what: str = "") -> Any:
    """A number (with its unit in words, if one likes) between two limits."""

    def check(value: Any) -> float | None:
        if value is None:
            return None
        found = figure(value, unit)
        if not low <= found <= high:
            of = "" if unit == "1" else f" of {unit}s"
            reach = f" from {low:g} to {high:g}" if math.isfinite(high) else f", at least {low:g}"
            raise InputError(f"{value!r} is not possible; give a number{of}{reach}.")
        return found

    schema = {"type": ["number", "string"], "description": f"{what}; a number in {unit}, or text with a unit"}
    return BeforeValidator(check), WithJsonSchema(schema)


def whole(low: int, high: float, what: str) -> Any:
    """A whole number between two limits, roman numerals too; `what` names it in the sentence."""

    def check(value: Any) -> int:
        given = _ROMAN.get(value.strip().upper(), value) if isinstance(value, str) else value
        if isinstance(given, str) and re.fullmatch(r"\s*[-+]?\d+\s*", given):
            given = int(given)
        fits = isinstance(given, (int, float)) and not isinstance(given, bool) and low <= given <= high
        if not fits or given != int(given):
            reach = f"from {low} to {high:.0f}" if math.isfinite(high) else f"of at least {low}"
            raise InputError(f"{value!r} is not a {what}; write a whole number {reach}.")
        return int(given)

    schema: dict[str, Any] = {"type": "integer", "minimum": low, "description": what}
    return BeforeValidator(check), WithJsonSchema(schema | ({"maximum": high} if math.isfinite(high) else {}))


def one_of(kind: Any) -> Any:
    """One of the words of a Literal; the nearest is offered where none fits."""
    options = get_args(kind)

    def check(value: Any) -> Any:
        if value not in options:
            known = ", ".join(filter(None, options))
            raise InputError(f"{value!r} is unknown{nearest(value, options)}; write one of {known}.")
        return value

    return BeforeValidator(check)


def _spans(value: Any) -> tuple[tuple[str, float], ...]:
    """Spans of a day, "sitting 4 h" and the like, as names and hours: lying first, 24 hours together."""
    if not isinstance(value, (list, tuple)) or not value:
        raise InputError(f"{value!r} is not a day; write spans = ['lying 8 h', 'sitting 6 h', 'standing 10 h'].")
    found = []
    for given in value:
        name, _, lasts = given.strip().partition(" ") if isinstance(given, str) else ("", "", "")
        if not lasts:
            raise InputError(
                f"{given!r} is not a span of a day; write a posture and how long, for example 'sitting 4 h'."
            )
        evidence.posture(name)
        try:
            float(lasts)
        except ValueError:
            hours = figure(lasts, "hour")
        else:
            raise InputError(f"{given!r} has no unit; write for example '{name} {lasts.strip()} h'.")
        if hours <= 0:
            raise InputError(f"{given!r} does not last; give it some time, for example '{name} 1 h'.")
        found.append((name, hours))
    if found[0][0] not in _LYING:
        raise InputError(f"A day begins with its night, not with {found[0][0]}; write first, for example, 'lying 8 h'.")
    if not math.isclose(total := sum(hours for _, hours in found), _HOURS_OF_A_DAY, abs_tol=_SLIP):
        raise InputError(f"The spans of a day last {total:g} h together; they have to last {_HOURS_OF_A_DAY:g}.")
    return tuple(found)


def _told_spans(spans: tuple[tuple[str, float], ...] | None) -> list[str] | None:
    """Spans as `_spans` reads them, to the last bit."""
    return None if spans is None else [f"{name} {hours!r} h" for name, hours in spans]


def day() -> Any:
    """The spans of a day: text in, names and hours inside, the same text out."""
    told = "postures and how long, lying first, 24 h together"
    schema = {"type": "array", "items": {"type": "string"}, "description": told}
    return BeforeValidator(_spans), PlainSerializer(_told_spans), WithJsonSchema(schema)


def toml_file(path: str | Path, what: str) -> dict[str, Any]:
    """The tables of a TOML file; `what` names it. Raises InputError, one sentence, where it cannot be read."""
    path = Path(path)
    try:
        return tomllib.loads(path.read_text("utf-8-sig"))
    except FileNotFoundError:
        near = nearest(path.name, [p.name for p in path.parent.glob("*.toml")] if path.parent.is_dir() else [])
        raise InputError(f"There is no {what} {str(path)!r}{near}; give the path of a TOML file.") from None
    except IsADirectoryError:
        raise InputError(f"{str(path)!r} is a folder; give the path of a {what} in it, ending in .toml.") from None
    except UnicodeDecodeError as problem:
        where = f"its byte {problem.start} is not UTF-8 text"
        raise InputError(f"{str(path)!r} cannot be read, since {where}; save it as UTF-8.") from None
    except tomllib.TOMLDecodeError as problem:
        raise InputError(f"{str(path)!r} is not TOML: {str(problem).rstrip('.')}; mend that place.") from None
    except OSError as problem:
        raise InputError(f"{str(path)!r} cannot be read ({problem.strerror}); check its permissions.") from None


def middle_age(filled: dict[str, str]) -> float:
    """Half way between the younger and the older donors in whom turnover was measured, where nobody gave an age."""
    young, old = evidence.used("collagen_young_age"), evidence.used("collagen_old_age")
    age = evidence.convert((young.value + old.value) / 2, young.unit, "year")
    known = "; ".join(evidence.reference(key) for key in dict.fromkeys([*young.sources, *old.sources]))
    said = "half way between the younger and the older donors whose collagen turnover was measured"
    filled["age"] = f"age = {age:g} years was not given, and is {said}: {known}"
    return age


_spans_check, _spans_told, _spans_schema = day()


class StructureTable(BaseModel):
    """Which laws of tears, herniation and bone act under years of load (`pulposus.disc.structure.Laws`)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    overstretch: StrictBool = True
    fatigue: StrictBool = True
    herniation: StrictBool = True
    weakening: StrictBool = True
    instability: StrictBool = True
    osteophytes: StrictBool = True
    stenosis: StrictBool = True


class DayTable(BaseModel):
    """What the disc goes through in a day: postures of ``evidence/loads.csv`` and how long each lasts, lying first."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    spans: Annotated[tuple[tuple[str, float], ...] | None, _spans_check, _spans_told, _spans_schema] = None
