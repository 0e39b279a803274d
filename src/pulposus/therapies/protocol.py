"""A treatment as a person writes it: one line of words, or the fields of a case file.

What: ``parse("Inject 25e6 allogeneic MSC(M) in 2 mL saline at month 0")`` gives a `Treatment`, ``str`` of it gives the
line again, and parsing that gives the same treatment. What a line leaves out (dose, volume, viability, passage, origin)
comes from the product's rows.
The volume is that of the whole injection, carrier included; products counted in mL (plasma, factors) are part of it.
Source: names, other names and defaults from ``evidence/therapies.csv``.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from decimal import Decimal

from pulposus import evidence
from pulposus.errors import InputError, nearest

EXAMPLE = "Inject 25e6 allogeneic MSC(M) in 2 mL saline at month 0"
_NUMBER = r"[-+]?(?:\d[\d,]*\.?\d*|\.\d+)(?:e[-+]?\d+)?|nan\b|[-+]?inf(?:inity)?\b"
_SCALES = {"thousand": 1e3, "million": 1e6, "billion": 1e9}  # maths: what a word for a number means
_TIMES = {"once": 1, "twice": 2, "thrice": 3}
_TIMES |= {"three": 3, "four": 4, "five": 5, "six": 6}  # maths: what a word for a number means
_ORIGINS = {"own": "own", "autologous": "own", "donor": "donor", "allogeneic": "donor", "allogenic": "donor"}
_OPENERS = r"[\s,;]+(?=(?:into|in|around|at|on|with|and|repeated)\s)"
_UNITS = r"(?:(mL|cc)|nucleated\s+cells|cells|vesicles|particles|exosomes)\b\s*(?:of\s+)?(?=\S)"
VOLUME = "mL"
# Guards against slips of the keyboard, no quantities of the clinic.
FAR = 1000  # maths: times above and below the doses that were tabled
_FULL = 10  # maths: times the volumes that were tabled
_PASSAGES = 100  # maths: passages
_DOSES = 100  # maths: doses of one treatment
_SHORTEST_BREAK = 12 / 365  # maths: one day in months


@dataclass(frozen=True)
class Treatment:
    """One product given once or several times; names are those of the evidence tables.

    dose in cells (nucleated cells for a concentrate), vesicles, or mL, as the product counts it; volume in mL; month
    after start; `repeats` further doses, one every `every_months`.
    """

    product: str
    origin: str
    dose: float
    viability: float
    passage: int
    volume_mL: float
    carrier: str
    site: str
    month: float
    repeats: int = 0
    every_months: float = 0.0

    def __str__(self) -> str:
        return describe(self)

    @property
    def months(self) -> tuple[float, ...]:
        """Months after the start at which a dose is given."""
        return tuple(self.month + k * self.every_months for k in range(1 + self.repeats))


def parse(line: str) -> Treatment:
    """The treatment that a line of words describes. Raises InputError, one sentence, for what cannot be understood."""
    words = " ".join(str(line).split()).rstrip(".")
    first, _, rest = words.partition(" ")
    if first.lower() != "inject":
        raise InputError(f"A treatment begins with 'Inject', not {first!r}; write for example '{EXAMPLE}'.")
    head, *clauses = re.split(_OPENERS, rest, flags=re.IGNORECASE)
    found = _head(head)
    for clause in clauses:
        for name, value in _clause(clause).items():
            if name in found:
                what = name.replace("_", " ")
                raise InputError(f"The {what} is given twice in {words!r}; give each once, as in '{EXAMPLE}'.")
            found[name] = value
    return fill(**found)  # type: ignore[arg-type]


def fill(
    product: str,
    origin: str | None = None,
    dose: float | None = None,
    viability: float | None = None,
    passage: int | None = None,
    volume: float | None = None,
    carrier: str | None = None,
    site: str | None = None,
    month: float = 0.0,
    repeats: int = 0,
    every_months: float | None = None,
) -> Treatment:
    """A checked treatment; what is None is taken from the product's rows (dose as it is counted, volume in mL).

    Raises InputError for an unknown name (with the nearest one) and for a number that cannot be.
    """
    name = evidence.resolve("product", product)
    rows = evidence.product(name)
    given = rows["dose_default"].value if dose is None else dose
    whole = given if rows["dose_unit"].text == VOLUME else rows["volume_default"].value
    treatment = Treatment(
        product=name,
        origin=_origin(rows["origin_default"].text if origin is None else origin),
        dose=float(given),
        viability=float(rows["viability_default"].value if viability is None else viability),
        passage=int(rows["passage_default"].value) if passage is None else passage,
        volume_mL=float(whole if volume is None else volume),
        carrier=evidence.resolve("carrier", carrier or evidence.carriers()[0]),
        site=evidence.resolve("site", site or evidence.sites()[0]),
        month=float(month),
        repeats=repeats,
        every_months=float(every_months or 0),
    )
    _check(treatment, rows["dose_unit"].text)
    _check_slips(treatment, rows)
    return treatment


def describe(treatment: Treatment) -> str:
    """The line of a treatment; `parse` gives the treatment back. A product's own viability and passage stay unsaid."""
    t, rows = treatment, evidence.product(treatment.product)
    counted_in_mL = rows["dose_unit"].text == VOLUME
    cells = rows["class"].text == "cells"
    words = ["Inject", _written(t.dose) + (f" {VOLUME}" if counted_in_mL else "")]
    if cells or t.origin != rows["origin_default"].text:
        words.append("own" if t.origin == "own" else "allogeneic")
    words.append(t.product.replace("_", " "))
    own = {"viability": t.viability, "passage": float(t.passage)}
    said = [f"{name} {_written(value)}" for name, value in own.items() if value != rows[f"{name}_default"].value]
    if said:
        words.append("with " + " and ".join(said))
    if not (counted_in_mL and t.volume_mL == t.dose and t.carrier == evidence.carriers()[0]):
        words.append(f"in {_written(t.volume_mL)} {VOLUME} {t.carrier.replace('_', ' ')}")
    if t.site != evidence.sites()[0]:
        title = evidence.site(t.site)["title"].text
        words.append(title if title.startswith("around") else f"into the {t.site.replace('_', ' ')}")
    words.append(f"at month {_written(t.month)}")
    line = " ".join(words)
    if not t.repeats:
        return line
    if t.repeats == 1:
        return f"{line}, repeated once after {_written(t.every_months)} months"
    times = "twice" if t.repeats == 2 else f"{t.repeats} times"
    return f"{line}, repeated {times} every {_written(t.every_months)} months"


# ---------------------------------------------------------------------------------------------- parts of a line


def number(text: str) -> float:
    """A finite number in words: 25e6, 25 million, 2.5 x 10^7 or 25,000,000. Raises InputError."""
    plain = re.sub(r"\s*[x×*]\s*10\s*\^?\s*(?=\d)", "e", text.strip().lower())
    match = re.fullmatch(rf"({_NUMBER})\s*(thousand|million|billion)?", plain)
    figure = match[1] if match else ""
    if re.fullmatch(r"[-+]?\d{1,3}(,\d{3})+(\.\d*)?", figure):
        figure = figure.replace(",", "")
    try:
        value = float(figure) * _SCALES.get((match[2] if match else "") or "", 1)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"{text.strip()!r} is not a finite number; write for example 25e6, 2.5 or '25 million'.")
    return value


def _head(text: str) -> dict[str, object]:
    """Dose, origin and product from what follows 'Inject'."""
    amount = rf"^((?:{_NUMBER})(?:\s*[x×*]\s*10\s*\^?\s*\d+)?(?:\s*(?:thousand|million|billion)\b)?)(?=[\sa-z]|$)\s*"
    found: dict[str, object] = {}
    unit = ""
    match = re.match(amount, text, re.IGNORECASE)
    if match:
        found["dose"] = number(match[1])
        text = text[match.end() :]
        measure = re.match(_UNITS, text, re.IGNORECASE)
        if measure:
            unit, text = measure[1] or "", text[measure.end() :]
    text = re.sub(r"^(?:of|the|patient's)\s+", "", text, flags=re.IGNORECASE)
    first, _, rest = text.partition(" ")
    if first.lower() in _ORIGINS:
        found["origin"], text = first, rest
    if not text:
        raise InputError(f"The line names no product{_known_products()}; write for example '{EXAMPLE}'.")
    found["product"] = name = evidence.resolve("product", text)
    counted = evidence.product(name)["dose_unit"].text
    if match and (counted == VOLUME) != bool(unit):
        wanted = f"'Inject {match[1]} mL {name}'" if counted == VOLUME else f"'Inject 25e6 {name} in 2 mL saline'"
        raise InputError(f"{name} is counted in {counted}, not in {unit or 'pieces'}; write for example {wanted}.")
    return found


def _known_products() -> str:
    return f" (known: {', '.join(evidence.products())})"


def _clause(clause: str) -> dict[str, object]:
    """What one clause after the product says."""
    opener, _, rest = clause.partition(" ")
    opener = opener.lower()
    if opener == "repeated":
        return _repeats(clause)
    if opener == "around":
        return {"site": clause}
    if opener == "at" and re.match(r"months?\b", rest, re.IGNORECASE):
        return {"month": number(rest.partition(" ")[2])}
    if opener in ("on", "after") or re.match(
        r"(at|in)\s+(\d+\s+)?(days?|weeks?|years?|date|\d+[-./]\d+[-./]\d+)\b", clause, re.I
    ):
        raise InputError(f"{clause!r}: doses are timed in months after the start; write for example 'at month 1.5'.")
    quality = re.fullmatch(r"(?:a\s+)?(viability|passage)\s+(?:of\s+)?(.+)", rest, re.IGNORECASE)
    if opener in ("with", "and") and quality:
        value = _share(quality[2]) if quality[1].lower() == "viability" else _whole("passage", number(quality[2]))
        return {quality[1].lower(): value}
    if opener == "in" and re.match(_NUMBER, rest, re.IGNORECASE):
        return _carried(rest)
    place = re.sub(r"^the\s+", "", rest, flags=re.IGNORECASE)
    if opener in ("in", "with") and place.lower() not in evidence.aliases("site"):
        return {"carrier": place}
    if opener in ("in", "into", "at"):
        return {"site": place}
    raise InputError(f"{clause!r} is not understood in a treatment; write for example '{EXAMPLE}'.")


def _carried(text: str) -> dict[str, object]:
    """Volume and carrier from "2 mL saline"."""
    match = re.fullmatch(rf"({_NUMBER})\s*(\S*)\s*(?:of\s+)?(.*)", text, re.IGNORECASE)
    amount, unit, carrier = match.groups() if match else (text, "", "")
    if not unit or unit.lower() in evidence.aliases("carrier"):
        raise InputError(f"The volume 'in {text}' has no unit; write for example 'in {amount} mL saline'.")
    plain = unit.lower() == VOLUME.lower()  # "2 ML" are no megalitres
    volume = number(amount) if plain else evidence.convert(number(amount), unit, VOLUME)
    return {"volume": volume, **({"carrier": carrier} if carrier else {})}


def _repeats(clause: str) -> dict[str, object]:
    """How often again, and after how many months."""
    pattern = r"repeated\s+(\S+?)(?:\s+times?)?\s+(?:after|every)\s+(\S+\s+)?(months?|years?)"
    match = re.fullmatch(pattern, clause, re.IGNORECASE)
    remedy = "write 'repeated once after 6 months' or 'repeated twice every 6 months'"
    if not match:
        raise InputError(f"{clause!r} does not say how often and after how many months; {remedy}.")
    word = match[1].lower()
    try:
        times = _TIMES[word] if word in _TIMES else _whole("number of repeats", number(word))
    except InputError as problem:
        raise InputError(f"{match[1]!r} does not say how often{nearest(word, _TIMES)}; {remedy}.") from problem
    months = number(match[2] or "1")
    if match[3].lower().startswith("year"):
        months *= 12  # maths: months of a year
    return {"repeats": times, "every_months": months}


def _share(text: str) -> float:
    """A share from 0.9 or 90 %."""
    text = text.strip()
    return number(text[:-1]) / 100 if text.endswith("%") else number(text)  # maths: per cent


def _origin(word: str) -> str:
    if word.lower() not in _ORIGINS:
        near = nearest(word, _ORIGINS)
        raise InputError(f"Unknown origin {word!r}{near}; write own (autologous) or donor (allogeneic).")
    return _ORIGINS[word.lower()]


def _whole(what: str, value: float) -> int:
    if value != int(value):
        raise InputError(f"A {what} of {value:g} is not possible; give a whole number.")
    return int(value)


def _written(value: float) -> str:
    """The shortest figures that give the same number back, large ones as 25e6."""
    exact = Decimal(repr(float(value)))
    power = max(exact.adjusted(), 0) // 3 * 3
    large = power > 4 or exact.adjusted() < -4
    if not large:
        return f"{exact.normalize():f}"
    power = exact.adjusted() // 3 * 3
    return f"{exact.scaleb(-power).normalize():f}e{power}"


def _check(t: Treatment, counted: str) -> None:
    """Numbers that no treatment can have, each with its sentence."""
    numbers = {"dose": t.dose, "viability": t.viability, "volume": t.volume_mL, "month": t.month}
    for what, value in {**numbers, "time between doses": t.every_months}.items():
        if not math.isfinite(value):
            raise InputError(f"The {what} of {t.product} is {value}; give a finite number.")
    if t.dose < 0:
        raise InputError(f"A dose of {t.dose:g} {counted} of {t.product} is not possible; give zero or more.")
    if t.volume_mL <= 0:
        raise InputError(f"A volume of {t.volume_mL:g} mL is not possible; give more than zero, for example 2 mL.")
    if counted == VOLUME and t.dose > t.volume_mL:
        given = f"{t.dose:g} mL {t.product} do not fit into a volume of {t.volume_mL:g} mL"
        raise InputError(f"{given}; the volume is that of the whole injection, so give at least {t.dose:g} mL.")
    if not 0 <= t.viability <= 1:
        raise InputError(f"A viability of {t.viability:g} is not possible; give the share alive, from 0 to 1.")
    if t.passage < 0:
        raise InputError(f"A passage of {t.passage} is not possible; give 0 or a greater whole number.")
    if t.month < 0:
        raise InputError(f"Month {t.month:g} lies before the start; give month 0 or later.")
    if t.repeats < 0:
        raise InputError(f"{t.repeats} repeats are not possible; give 0 or a greater whole number.")
    if t.repeats and t.every_months <= 0:
        given = f"A repeat {t.every_months:g} months after the first dose is not possible"
        raise InputError(f"{given}, since a repeat comes after it; give more than zero months between doses.")
    if t.every_months and not t.repeats:
        given = f"Repeated every {t.every_months:g} months, but not how often"
        raise InputError(f"{given}; write for example 'repeated twice every 6 months', or repeats = 2 in fields.")


def _check_slips(t: Treatment, rows: dict[str, evidence.Row]) -> None:
    """Numbers so far from what was ever given that a slip is likelier than a plan."""
    dose, volume, counted = rows["dose_default"], rows["volume_default"], rows["dose_unit"].text
    if t.dose and counted != VOLUME and not dose.low / FAR <= t.dose <= dose.high * FAR:
        given = f"A dose of {t.dose:g} {counted} of {t.product} is not plausible"
        raise InputError(
            f"{given}; {dose.low:g} to {dose.high:g} were tabled, write for example {_written(dose.value)}."
        )
    if t.volume_mL > volume.high * _FULL:
        given = f"A volume of {t.volume_mL:g} mL is not plausible"
        raise InputError(f"{given}; injections of {volume.low:g} to {volume.high:g} mL were tabled.")
    if t.passage > _PASSAGES:
        raise InputError(f"A passage of {t.passage} is not plausible; give a whole number up to {_PASSAGES}.")
    if t.repeats >= _DOSES:
        raise InputError(f"{t.repeats} repeats are not plausible; give at most {_DOSES - 1}.")
    if t.repeats and t.every_months < _SHORTEST_BREAK:
        given = f"Repeats {t.every_months:g} months apart are not plausible"
        raise InputError(f"{given}; give at least one day, {_SHORTEST_BREAK:.3f} months.")
