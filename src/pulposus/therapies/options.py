"""An option of care as a person writes it: one line of words, or the fields of a case file.

What: ``parse("Discectomy at month 6")`` gives a `Planned`, ``str`` of it gives the line again; `fill` checks fields;
`said` tells what it does in a disc, `refuse` what cannot be done there. What it changes in a disc stands in `factors`.
Reads: ``evidence/options.csv`` and ``evidence/option_disc.csv``. Writes: nothing. Errors: `InputError`, one sentence.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pulposus import evidence
from pulposus.errors import InputError, nearest
from pulposus.evidence import options
from pulposus.evidence.options import NEIGHBOUR, RELATIVE, Act, Option
from pulposus.therapies.protocol import number

EXAMPLE = "Discectomy at month 6"
ENDLESS = math.inf
SWITCHES = (*RELATIVE, "removed", "opening", "ends")  # what can be left out of an option


@dataclass(frozen=True)
class Planned:
    """An option at a month: until a month (its own time where None), at a strength of 0 to 1, done to a neighbour's
    `level` where that is given, without some of its effects on the disc.
    """

    name: str
    month: float = 0.0
    until: float | None = None
    strength: float = 1.0
    level: str | None = None
    without: tuple[str, ...] = ()

    def __str__(self) -> str:
        return describe(self)

    @property
    def option(self) -> Option:
        """What the evidence says of it."""
        return options.option(self.name)

    def acts(self, level: str) -> dict[str, Act]:
        """What it does to the disc of a level, by `SWITCHES`; the neighbour of an operated disc feels only its load."""
        every = options.acts_of(self.name)
        if self.level and self.level != level:
            every = {key.removeprefix("adjacent_"): act for key, act in every.items() if key in NEIGHBOUR}
        return {key: act for key, act in every.items() if key in SWITCHES and key not in self.without}

    def fields(self) -> dict[str, Any]:
        """What is given, as a case file has it."""
        given = {key: list(value) if isinstance(value, tuple) else value for key, value in vars(self).items()}
        return {key: value for key, value in given.items() if value is not None and value != []}

    def span(self) -> tuple[float, float]:
        """Months from which and until which it acts."""
        lasts = options.acts_of(self.name).get("lasts")
        own = self.month + lasts.value if lasts else ENDLESS
        return self.month, own if self.until is None else self.until


def parse(line: str) -> Planned:
    """The option that a line of words describes. Raises InputError, one sentence, for what cannot be understood."""
    words = " ".join(str(line).split()).rstrip(".")
    head, *clauses = re.split(r"[\s,;]+(?=(?:at month|until month|at strength|without)\b|at [A-Z]+\d)", words)
    if not head or not clauses:
        raise InputError(f"{line!r} does not say when; write for example {EXAMPLE!r}.")
    found: dict[str, object] = {"name": head}
    for clause in clauses:
        match = re.fullmatch(r"(at month|until month|at strength|at|without)\s+(.+)", clause)
        assert match
        key = {"at month": "month", "until month": "until", "at strength": "strength", "at": "level"}.get(
            match[1], match[1]
        )
        if key in found:
            raise InputError(f"The {key} is given twice in {words!r}; give each once, as in {EXAMPLE!r}.")
        parts = tuple(re.split(r"\s*(?:,|and)\s+", match[2]))
        found[key] = parts if key == "without" else match[2] if key == "level" else number(match[2])
    if "month" not in found:
        raise InputError(f"{line!r} does not say when; write for example {EXAMPLE!r}.")
    return fill(**found)  # type: ignore[arg-type]


def fill(
    name: str,
    month: float = 0.0,
    until: float | None = None,
    strength: float = 1.0,
    level: str | None = None,
    without: Sequence[str] = (),
) -> Planned:
    """A checked option. Raises InputError for an unknown name (with the nearest one) and for what cannot be."""
    one = options.option(name)
    if one.family == "biological" or one.name == "sham":
        said = one.disc if one.family == "biological" else "Inject 0 allogeneic MSC(M) in 2 mL saline at month 0"
        raise InputError(f"{one.title} goes through a needle into the disc; write it as a treatment ({said}).")
    for what, value in {"month": month, "strength": strength, "end": until or 0.0}.items():
        if not math.isfinite(value):
            raise InputError(f"The {what} of {one.name} is {value}; give a finite number.")
    if month < 0:
        raise InputError(f"Month {month:g} lies before the start; give month 0 or later.")
    if until is not None and until <= month:
        raise InputError(f"{one.name} from month {month:g} until {until:g} is no time; let it end after it begins.")
    if until is not None and one.family in ("surgery", "ablation"):
        raise InputError(f"{one.title} is not undone, and has no end; leave until out.")
    if not 0 <= strength <= 1:
        raise InputError(f"A strength of {strength:g} is not possible; give 0 (nothing) to 1 (as the evidence has it).")
    own = {key for key in options.acts_of(one.name) if key in SWITCHES} | {
        key.removeprefix("adjacent_") for key in options.acts_of(one.name) if key in NEIGHBOUR
    }
    for key in without:
        if key not in own:
            does = f"it does {', '.join(sorted(own))}" if own else "it does nothing to a disc"
            raise InputError(f"{one.name} has no effect {key!r}{nearest(key, own)} to leave out; {does}.")
    where = evidence.level_named(level) if level else None
    return Planned(one.name, float(month), until, float(strength), where, tuple(without))


def describe(planned: Planned) -> str:
    """The line of an option; `parse` gives the option back."""
    short = planned.name in ("acdf", "nsaid", "snri")
    words = [planned.name.upper() if short else planned.name.replace("_", " ").capitalize()]
    words += [f"at {planned.level}"] if planned.level else []
    words += [f"at month {planned.month:.15g}"]
    words += [f"until month {planned.until:.15g}"] if planned.until is not None else []
    words += [f"at strength {planned.strength:.15g}"] if planned.strength != 1 else []
    words += [f"without {', '.join(planned.without)}"] if planned.without else []
    return " ".join(words)


def is_named(line: str) -> bool:
    """Whether a line begins with the name of an option, so that its mistakes are told as those of one."""
    words = re.split(r"\s+(?:at|until|without)\b", line)[0]
    try:
        options.option(words)
    except InputError:
        return False
    return True


def said(planned: Iterable[Planned], level: str) -> Iterator[str]:
    """What options do in the disc of a level, and what of that is assumed."""
    for one in planned:
        acts, title = one.acts(level), one.option.title
        neighbour = f" at {one.level}, next door" if one.level and one.level != level else ""
        begin = f"{title[0].upper()}{title[1:]}{neighbour} from month {one.month:g}: "
        if not acts or one.strength == 0:
            yield f"{begin}this changes nothing in this disc ({one.option.disc})."
            continue
        told = [f"{key} {act.value:g} ({act.low:g} to {act.high:g})" for key, act in acts.items() if key != "ends"]
        assumed = f" Assumed, relative to before or as a share: {', '.join(told)}." if told else ""
        yield f"{begin}{one.option.disc}.{assumed}"
        if "ends" in acts:
            yield (
                f"From month {one.month:g} on there is no disc here any more: its numbers end, pictures show it as "
                "it was taken out, and what goes on are the neighbours."
            )


def is_neighbour(level: str, other: str) -> bool:
    """Whether two discs share a vertebra."""
    return level != other and bool(set(level.split("-")) & set(other.split("-")))


def factors(planned: Planned, level: str) -> dict[str, float]:
    """By `RELATIVE`: what constants of the disc are multiplied by, at the option's strength."""
    acts = planned.acts(level)
    return {key: 1 + planned.strength * (acts[key].value - 1) if key in acts else 1.0 for key in RELATIVE}


def opened(planned: Sequence[Planned], level: str) -> tuple[float, int] | None:
    """Month and Dallas grade of the first opening that an operation leaves in the annulus; None where none does."""
    found = [
        (one.month, int(acts["opening"].value))
        for one in planned
        if one.strength > 0 and "opening" in (acts := one.acts(level))
    ]
    return min(found) if found else None


def ended(planned: Sequence[Planned], level: str) -> float | None:
    """Month at which the disc of a level is taken out; None where it stays."""
    return min((one.month for one in planned if one.strength > 0 and "ends" in one.acts(level)), default=None)


def refuse(planned: Sequence[Planned], level: str, end: float, doses: Sequence[float]) -> None:
    """Raise InputError for options that do not go with the disc of a level, with a run that ends at month `end`, or
    with injections at months `doses`.
    """
    region = "cervical" if level.startswith("C") else "lumbar"
    for one in planned:
        title = one.option.title
        if one.month >= end:
            given = f"{title} at month {one.month:g} is not before the end of the run"
            raise InputError(f"{given} ({end:g} months); give it earlier or raise years in [run].")
        if region not in one.option.regions:
            where = " and ".join(one.option.regions)
            raise InputError(f"{title} is {where}, and the disc is {level}; leave it out.")
        if one.level and one.level != level and not is_neighbour(one.level, level):
            raise InputError(f"{title} at {one.level} is not next to {level}; give this disc or its neighbour.")
    gone = ended(planned, level)
    late = [month for month in doses if gone is not None and month >= gone]
    if late:
        raise InputError(
            f"A dose at month {late[0]:g} finds no disc, which is taken out at month {gone:g}; give it earlier."
        )
