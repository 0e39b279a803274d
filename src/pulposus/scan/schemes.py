"""What the labels of a segmentation mean: by the name of a scheme, by proof from the labels, or by a file of one's own.

What: `scheme_of` gives the scheme of a set of labels. The codes stand in ``evidence/label_schemes.csv``. A scheme is
never guessed: where the labels of a file prove none, or two, it has to be named.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pulposus import evidence
from pulposus.errors import InputError, nearest
from pulposus.evidence import tables

WITH, WITHOUT = "with", "without"


@dataclass(frozen=True)
class Scheme:
    """Labels of one way of segmenting.

    discs: label -> level, empty where a label does not say which; others: structure -> labels ("canal", "vertebra");
    endplates: whether a disc's label holds the cartilage endplates ("with") or these have labels of their own
    ("without"); said: what a user should know about it; downwards: structures whose labels say their order, each with
    its labels from the head down.
    """

    name: str
    discs: dict[int, str]
    others: dict[str, tuple[int, ...]]
    endplates: str
    said: tuple[str, ...] = ()
    downwards: tuple[tuple[str, tuple[int, ...]], ...] = ()

    @property
    def levelled(self) -> bool:
        """Whether its labels say the levels of discs."""
        return all(self.discs.values())


@cache
def known() -> dict[str, Scheme]:
    """Name -> scheme of all that are tabled."""
    records = [record for _, record in tables.records("label_schemes.csv", evidence.FOLDER)]
    found = {}
    for name in dict.fromkeys(record["scheme"] for record in records):
        mine = [record for record in records if record["scheme"] == name]
        discs = [record for record in mine if record["structure"] == "disc"]
        others: dict[str, tuple[int, ...]] = {}
        for record in mine:
            if record["structure"] != "disc":
                others[record["structure"]] = (*others.get(record["structure"], ()), int(record["label"]))
        said = tuple(f"{name}: {record['note']}." for record in discs if record["note"])
        levels = {int(record["label"]): _level(record["place"]) for record in discs}
        found[name] = Scheme(name, levels, others, discs[0]["endplates"], said, _downwards(mine))
    return found


def _level(place: str) -> str:
    """The level of a place; nothing of one that is counted only."""
    return "" if place.isdigit() else place


def _downwards(records: list[dict[str, str]]) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """Structures whose places are all known, with their labels from the head down."""
    made = []
    for what in dict.fromkeys(record["structure"] for record in records):
        placed = [(record["place"], int(record["label"])) for record in records if record["structure"] == what]
        if len(placed) > 1 and all(place for place, _ in placed):
            made.append((what, tuple(label for _, label in sorted(placed, key=lambda one: _place(one[0])))))
    return tuple(made)


def _place(place: str) -> tuple[int, int]:
    """A vertebra, or a disc by the one above it, as a number that grows downwards; counting numbers grow so too."""
    region, number = re.match(r"([CTLS]?)(\d+)", place).groups()  # type: ignore[union-attr]
    return ("", "C", "T", "L", "S").index(region), int(number)


def scheme_of(labels: set[int], name: str, wanted: str | None = None) -> Scheme:
    """The scheme of the labels of a file: the one that is wanted (its name, or a TOML file), else the one they prove.

    Raises InputError where the labels do not belong to the scheme, or prove none or more than one.
    """
    if wanted:
        scheme = from_file(wanted) if wanted.lower().endswith(".toml") else _named(wanted)
        if not labels & set(scheme.discs):
            has, needs = spelt(labels), spelt(set(scheme.discs))
            raise InputError(f"{name!r} holds no disc of the scheme {scheme.name!r} (labels {needs}); it holds {has}.")
        return scheme
    proven = [scheme for scheme, holds in _PROOFS.items() if holds(labels)]
    if len(proven) == 1:
        return known()[proven[0]]
    which = f"of {' and '.join(proven)}" if proven else "of no scheme alone"
    raise InputError(
        f"The labels of {name!r} ({spelt(labels)}) are the mark {which}; say --scheme, one of "
        f"{', '.join(known())}, or a labels.toml of your own."
    )


def _named(name: str) -> Scheme:
    schemes = known()
    if name not in schemes:
        raise InputError(
            f"There is no scheme {name!r}{nearest(name, schemes)}; choose one of {', '.join(schemes)}, or give a "
            "labels.toml."
        )
    return schemes[name]


def spelt(labels: set[int]) -> str:
    """Numbers in few words: 1, 3 to 5."""
    runs: list[list[int]] = []
    for label in sorted(labels - {0}):
        if runs and label == runs[-1][1] + 1:
            runs[-1][1] = label
        else:
            runs.append([label, label])
    words = [f"{a}" if a == b else f"{a} to {b}" for a, b in runs]
    return ", ".join(words if len(words) <= _WORDS else [*words[:_WORDS], "..."]) or "nothing"


_WORDS = 12  # maths: runs of labels that a sentence names


# ---------------------------------------------------------------------------------------------- proofs


def _labels(name: str, *structures: str) -> set[int]:
    """Labels of some structures of a scheme; of all where none is named."""
    scheme = known()[name]
    parts = {"disc": set(scheme.discs)} | {what: set(codes) for what, codes in scheme.others.items()}
    return set().union(*(codes for what, codes in parts.items() if not structures or what in structures))


def foreign(labels: set[int], name: str) -> set[int]:
    """Labels that belong to no structure of a scheme."""
    return labels - _labels(name) - {0}


def _totalspineseg(labels: set[int]) -> bool:
    marks = _labels("totalspineseg", "disc") - {100}  # maths: the label that other schemes have too
    return bool(labels & marks) and not foreign(labels, "totalspineseg")


def _totalspineseg_2024(labels: set[int]) -> bool:
    return (
        bool(labels & _labels("totalspineseg-2024", "disc"))
        and bool(labels & _labels("totalspineseg-2024", "vertebra"))
        and not foreign(labels, "totalspineseg-2024")
    )


def _spider(labels: set[int]) -> bool:
    return (
        bool(labels & _labels("spider", "disc"))
        and bool(labels & _labels("spider", "vertebra"))
        and _labels("spider", "canal") <= labels
        and not foreign(labels, "spider")
    )


def _restacked(labels: set[int]) -> bool:
    needed = _labels("spider-restacked", "vertebra", "canal")
    return bool(labels & _labels("spider", "disc")) and needed <= labels and not foreign(labels, "spider-restacked")


def _spineps_spine(labels: set[int]) -> bool:
    parts = labels & _labels("spineps-spine", "vertebra part")
    return (
        bool(parts)
        and bool(labels & _labels("spineps-spine", "cord", "canal", "endplate"))
        and not foreign(labels, "spineps-spine")
    )


_PROOFS: dict[str, Callable[[set[int]], bool]] = {
    "totalspineseg": _totalspineseg,
    "totalspineseg-2024": _totalspineseg_2024,
    "spider": _spider,
    "spider-restacked": _restacked,
    "spineps-spine": _spineps_spine,
}


# ---------------------------------------------------------------------------------------------- of one's own


def from_file(path: str | Path) -> Scheme:
    """A scheme from a TOML file: `endplates = "with"` or `"without"`, a table [discs] of level = label, and tables of
    other structures as canal = 61 under [others]. Raises InputError, one sentence.
    """
    path = Path(path)
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except OSError as problem:
        raise InputError(f"The labels {str(path)!r} cannot be read ({problem.strerror}); give another file.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise InputError(f"{path.name!r} is no TOML ({problem}); mend it.") from None
    for key in table:
        if key not in ("discs", "others", "endplates"):
            near = nearest(key, ("discs", "others", "endplates"))
            raise InputError(f"{path.name!r} has an unknown key {key!r}{near}; write [discs], [others] and endplates.")
    if table.get("endplates") not in (WITH, WITHOUT):
        raise InputError(f"{path.name!r} does not say endplates = 'with' or 'without': whether a disc holds them.")
    discs = table.get("discs")
    if not isinstance(discs, dict) or not discs:
        raise InputError(f'{path.name!r} names no discs; write a table [discs] with lines like "L4-L5" = 203.')
    levels = {_code(path.name, level, label): evidence.level_named(str(level)) for level, label in discs.items()}
    if len(levels) < len(discs):
        raise InputError(f"{path.name!r} gives one label to two discs; give each its own.")
    return Scheme(path.name, levels, _others(path.name, table.get("others", {}), levels), table["endplates"])


def _others(name: str, given: object, discs: dict[int, str]) -> dict[str, tuple[int, ...]]:
    """Structures beside discs, each label of one only."""
    if not isinstance(given, dict):
        raise InputError(f"{name!r} gives others = {given!r}; write a table [others] with lines like canal = 61.")
    others: dict[str, tuple[int, ...]] = {}
    seen = {label: f"disc {level}" for label, level in discs.items()}
    for what, codes in given.items():
        some = codes if isinstance(codes, list) else [codes]
        others[str(what)] = tuple(_code(name, what, code) for code in some)
        for code in others[str(what)]:
            if code in seen:
                raise InputError(f"{name!r} gives label {code} to {seen[code]} and to {what}; give each its own.")
            seen[code] = str(what)
    return others


def _code(name: str, what: object, label: object) -> int:
    if isinstance(label, bool) or not isinstance(label, int) or label < 1:
        raise InputError(f"{name!r} gives {what} the label {label!r}; labels are whole numbers from 1.")
    return label
