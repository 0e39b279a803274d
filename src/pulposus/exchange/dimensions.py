"""A disc from its dimensions: what was measured is kept, the rest has the form of the population, and both are said.

What: `take_in` finds the height field ``m + s y + b y^2`` from the heights and the wedge that were given. What these
leave open is closed in turn: no bow, the wedge of the tables, the height of the tables. y runs from the centre of
the outline; the middle of the depth lies before it by half of the back's dent.
Equations: heights in front and behind are those nine tenths of the way from the middle to the rim, as everywhere in
our reports; the wedge is their difference over their distance.
Why the depth is changed: tables and case file give the depth before the back is dented, a ruler gives it on the
midline.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from pulposus.case import Case
from pulposus.errors import InputError
from pulposus.exchange.surface import TakenIn
from pulposus.run import shape_of
from pulposus.surface import fit
from pulposus.surface.form import Form, form_of, in_numbers
from pulposus.values import figure

LENGTHS = ("ap_depth", "width", "anterior_height", "mid_height", "posterior_height")
_KEYS = {"ap_depth": "ap_depth", "width": "width", "mid_height": "height"}
_WORDS = {"ap_depth": "depth", "width": "width", "height": "height in the middle", "wedge": "wedge"}
_MM = 1e3  # maths: a metre in mm
_HEIGHTS = ("anterior_height", "mid_height", "posterior_height", "wedge")


def take_in(
    level: str,
    grade: int | str,
    given: Mapping[str, Any],
    *,
    sex: str | None = None,
    age: str | None = None,
    endplates: str = fit.WITH,
) -> TakenIn:
    """A disc of a level and grade with the dimensions that are given.

    given: some of `LENGTHS`, in mm or with a unit in words, and wedge in degrees. endplates: whether heights run from
    bone to bone, "with" both cartilage endplates, or between these, "without". Raises InputError.
    """
    seen = {name: figure(value, "mm") for name, value in given.items() if name != "wedge" and value is not None}
    if given.get("wedge") is not None:
        seen["wedge"] = figure(given["wedge"], "degree")
    _refuse_many(seen)
    person = {key: value for key, value in (("sex", sex), ("age", age)) if value is not None}
    case, form, said = cased({"person": person, "disc": {"level": level, "grade": grade}}, seen, endplates)
    found = fit.built(form, case.resolved().dimensions(), endplates, "The disc")
    rows = tuple(_row(row, seen) for row in found.report if not row[0].startswith(("distance", "dice")))
    return TakenIn(case, dataclasses.replace(found, said=tuple(said), report=rows))


def cased(base: Mapping[str, Any], seen: Mapping[str, float], endplates: str) -> tuple[Case, Form, list[str]]:
    """A case with the tables of `base` and the dimensions in mm and degrees, its form, and what to say of it."""
    if endplates not in (fit.WITH, fit.WITHOUT):
        raise InputError(f"Endplates {endplates!r} are neither 'with' nor 'without': say whether heights hold them.")

    def made(disc: Mapping[str, Any]) -> Case:
        return Case.from_dict({**base, "disc": {**base["disc"], **disc}})

    sizes = made(_checked(seen)).dimensions()
    plain, bow = _field(seen, sizes, endplates)
    dent = sizes["posterior_dent"]
    if "ap_depth" in seen:
        plain["ap_depth"] = seen["ap_depth"] / (1 - dent)
    if "width" in seen:
        plain["width"] = seen["width"]
    rounded = {key: float(f"{value:.5g}") for key, value in plain.items()}
    case = made(rounded)
    if not bow:
        form = form_of(in_numbers(shape_of(case.resolved())))
        return case, form, _told(seen, rounded, case.resolved().filled, endplates, dent)
    level = made({key: value for key, value in rounded.items() if key != "wedge"} | {"wedge": 0.0})  # bent afterwards
    numbers = in_numbers(shape_of(level.resolved()))
    form = form_of(numbers | {"slope": math.tan(math.radians(plain["wedge"])), "bow_ap": bow})
    said = _told(seen, rounded, level.resolved().filled, endplates, dent)
    kept = {key: value for key, value in base["disc"].items() if not key.startswith("nucleus_")}  # in the form now
    return Case.from_dict({**base, "disc": {**kept, "form": form.model_dump()}}), form, said


def _refuse_many(seen: Mapping[str, float]) -> None:
    for name, value in seen.items():
        if not math.isfinite(value) or (name != "wedge" and value <= 0):
            raise InputError(f"{value:g} mm of {name.replace('_', ' ')} is no disc's; give a length in mm.")
    if not seen:
        raise InputError(
            "No dimension was given; give some of --ap, --width, --anterior, --middle, --posterior and --wedge."
        )
    if all(name in seen for name in _HEIGHTS):
        raise InputError("Three heights and a wedge say one thing twice; leave out --wedge.")
    if "wedge" in seen and "anterior_height" in seen and "posterior_height" in seen:
        raise InputError("Heights in front and behind and a wedge say one thing twice; leave out --wedge.")


def _checked(seen: Mapping[str, float]) -> dict[str, float]:
    """What a case can check of the dimensions as they were given; heights in front and behind as the middle one."""
    table = {_KEYS[name]: value for name, value in seen.items() if name in _KEYS}
    ends = [value for name, value in seen.items() if name.endswith("_height")]
    if ends:
        table["height"] = sum(ends) / len(ends)
    return table | ({"wedge": seen["wedge"]} if "wedge" in seen else {})


def _field(seen: Mapping[str, float], sizes: Mapping[str, float], endplates: str) -> tuple[dict[str, float], float]:
    """Keys height (mm) and wedge (degrees) of a case as far as what was given says them, and the bow, 1/mm."""
    depth = seen.get("ap_depth", sizes["ap_depth"] * _MM * (1 - sizes["posterior_dent"]))
    middle = 0.5 * sizes["posterior_dent"] * depth / (1 - sizes["posterior_dent"])  # of the depth, before its centre
    lever = fit.RIM * depth / 2
    share = fit.RIM**2  # an endplate thickens with the square of the way to its rim
    centre, rim = (sizes[f"endplate_thickness_{where}"] * _MM for where in ("centre", "rim"))
    plates = (2 * (centre + share * (rim - centre)), 2 * centre) if endplates == fit.WITH else (0.0, 0.0)
    known: dict[str, tuple[list[float], float]] = {
        "anterior_height": (_at(middle + lever), seen.get("anterior_height", 0.0) - plates[0]),
        "posterior_height": (_at(middle - lever), seen.get("posterior_height", 0.0) - plates[0]),
        "mid_height": (_at(middle), seen.get("mid_height", 0.0) - plates[1]),
        "wedge": ([0, 1, 2 * middle], math.tan(math.radians(seen.get("wedge", 0.0)))),
    }
    rows = [known[name] for name in _HEIGHTS if name in seen]
    for name in _HEIGHTS[:3]:
        if name in seen and not known[name][1] > 0:
            raise InputError(
                f"A {name.replace('_', ' ')} of {seen[name]:g} mm is less than two cartilage endplates "
                f"({seen[name] - known[name][1]:.2g} mm by the tables): such a disc has collapsed, and no mesh is made "
                "of it; check whether that height holds the endplates."
            )
    own = len(rows)
    rest: tuple[tuple[list[float], float], ...] = (
        ([0, 0, 1], 0.0),
        ([0, 1, 0], math.tan(sizes["wedge"])),
        ([1, 0, 0], sizes["mid_height"] * _MM),
    )
    for line in rest:
        if np.linalg.matrix_rank(np.array([row[0] for row in (*rows, line)], float)) > len(rows):
            rows.append(line)
    height, slope, bow = np.linalg.solve(np.array([row[0] for row in rows], float), [row[1] for row in rows])
    if not own:
        return {}, 0.0
    says_wedge = "wedge" in seen or own > 1 or "mid_height" not in seen
    says_height = any(name in seen for name in _HEIGHTS[:3])
    table = {"height": float(height)} if says_height else {}
    bent = abs(bow) * lever**2 > 1e-9 * abs(height)  # maths: rounding is no bow
    return table | ({"wedge": math.degrees(math.atan(slope))} if says_wedge else {}), float(bow) if bent else 0.0


def _at(y: float) -> list[float]:
    """What height, slope and bow at the centre add up to at a place to the front, mm."""
    return [1, y, y * y]


def _told(
    seen: Mapping[str, float], plain: Mapping[str, float], filled: Mapping[str, str], endplates: str, dent: float
) -> list[str]:
    """Sentences on what was given, what follows from it, and what the tables gave."""
    unit = {name: "degrees" if name == "wedge" else "mm" for name in seen}
    given = ", ".join(f"{name.replace('_', ' ')} {value:g} {unit[name]}" for name, value in seen.items())
    said = [f"Given: {given}."]
    if any(name.endswith("_height") for name in seen):
        what = "from bone to bone, so that both cartilage endplates of tabled thickness lie in them"
        said.append(f"Heights are taken {what if endplates == fit.WITH else 'between the cartilage endplates'}.")
    if "ap_depth" in seen and dent:
        said.append(f"The depth is that on the midline; before the dent of the back it is {plain['ap_depth']:.4g} mm.")
    made = [f"{_WORDS[key]} {plain[key]:.3g}" for key in ("height", "wedge") if key in plain]
    if made:
        said.append(f"From this, between the cartilage endplates: {', '.join(made)} (mm, degrees).")
    heights = [name for name in _HEIGHTS if name in seen]
    if len(heights) == 1 and "wedge" in plain and "wedge" not in seen:
        said.append("The wedge that leads from that height to the middle was not given, and is of the population.")
    keys = [key for key in filled if key not in ("age", "sex")]
    said += [f"Not given, of the population: {filled[key].partition(': ')[0]}." for key in keys]
    return said


def _row(row: tuple[str, float, float, str], seen: Mapping[str, float]) -> tuple[str, float, float, str]:
    return (row[0], seen.get(row[0], math.nan), *row[2:])
