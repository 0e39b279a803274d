"""Measures of what time does: turnover, ageing, falling supply, and treatments against no treatment.

Each takes the laboratory and the `at` of its checks, and gives a `Finding` in the unit of `checks.csv`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from pulposus import evidence
from pulposus.disc import equilibrium, matrix, mechanics, mesh, simulate
from pulposus.disc.state import State, total
from pulposus.validation.finding import Finding, Points, collector, height, ordering, over, points, reached
from pulposus.validation.laboratory import Laboratory, Specimen, mean_in
from pulposus.validation.matter import by_mass

MEASURES, measure = collector()
_PERCENT = 100.0  # maths: share to percent
_YEAR = 12  # maths: months of a year
_AGES = (20.0, 30.0, 40.0, 50.0, 65.0, 80.0)  # maths: years at which curves are drawn
_FIFTHS = (0.2, 0.4, 0.6, 0.8, 1.0)  # maths: shares at which curves are drawn
_MOST = 0.9  # maths: of what is lost, by when it counts as settled
_ALIVE = 1e-3  # maths: million cells, under which none count as alive
# Short names of `at` -> columns of the summary.
COLUMNS = {
    "t2": "t2_nucleus_ms",
    "grade": "pfirrmann_estimate",
    "height_mm": "height_mm",
    "height_index": "disc_height_index",
    "aggrecan": "aggrecan_nucleus_percent",
    "adamts4": "adamts4_nucleus",
    "injected": "injected_cells_million",
}
UNITS = {
    "t2": "ms",
    "grade": "1",
    "height_mm": "mm",
    "height_index": "1",
    "aggrecan": "percent",
    "adamts4": "1",
    "injected": "Mcell",
}


def _summaries(lab: Laboratory, made: Specimen, states: Sequence[State], column: str) -> list[float]:
    return [lab.summary(made, state)[column] for state in states]


# ---------------------------------------------------------------------------------------------- turnover


@measure("year")
def aggrecan_half_life(lab: Laboratory, at: str) -> Finding:
    """Half-life of aggrecan in the nucleus of a normal or a degenerate disc that builds none, years."""
    disc = lab.specimen(1).disc
    aged = eqx.tree_at(lambda d: d.grade, disc, disc.parameters.degenerate_grade)
    rate = matrix.aggrecan_decay(aged)[0 if at == "normal" else 1]
    life = float(np.log(2)) / mean_in(disc, mesh.NUCLEUS, rate) / simulate.YEAR
    years = np.linspace(0.0, 2 * life, 8)
    curve = tuple((float(t), float(0.5 ** (t / life))) for t in years)
    return Finding(life, "", "years", "aggrecan left", curve, shown=reached(0.5))


@measure("year")
def collagen_half_life(lab: Laboratory, at: str) -> Finding:
    """Half-life of collagen at an age, years."""
    made = lab.specimen(1)

    def life(age: float) -> float:
        disc = eqx.tree_at(lambda d: d.age, made.disc, jnp.asarray(age * simulate.YEAR))
        return float(jnp.log(2.0) / matrix.collagen_decay(disc, made.state)) / simulate.YEAR

    curve = tuple((a, life(a)) for a in _AGES)
    return Finding(life(float(at)), "", "age, years", "half-life, years", curve, shown=over(float(at)))


@measure("percent")
def height_loss(lab: Laboratory, at: str) -> Finding:
    """Fall of height at rest overnight, percent, once fixed charge has followed the share of cells that live: of the
    whole disc, as runs have it.
    """
    made = lab.specimen(1)

    def fall(viable: float) -> float:
        state = eqx.tree_at(lambda s: s.charge, made.state, made.state.charge * viable)
        formed = mechanics.form(made.disc, state)
        solved = float(formed.strain) < equilibrium.BELIEVED
        return _PERCENT - lab.summary(made, formed)["height_percent"] if solved else math.nan

    curve = tuple((v, fall(v)) for v in _FIFTHS)
    return Finding(fall(float(at)), "", "viable share", "height lost, %", curve, shown=over(float(at)))


# ---------------------------------------------------------------------------------------------- ageing


def _ageing(lab: Laboratory, grade: int, years: int, column: str, first: float) -> Points:
    made, states = lab.specimen(grade), lab.yearly(grade, years)
    return tuple((first + i, value) for i, value in enumerate(_summaries(lab, made, states, column)))


@measure("ms")
def t2_fall(lab: Laboratory, at: str) -> Finding:
    """Fall of T2 of a disc of a grade over years, ms: "2 40"."""
    grade, years = (int(part) for part in at.split())
    curve = _ageing(lab, grade, years, COLUMNS["t2"], 0.0)
    start = curve[0][1]
    fall = start - curve[-1][1]
    return Finding(fall, "", "years", "T2, ms", curve, shown=lambda value: ((years, start - value),))


@measure("1")
def aged_water(lab: Laboratory, at: str) -> Finding:
    """Water of the nucleus by mass, of a disc that is healthy at one age, at another: "20 65"."""
    first, last = (int(part) for part in at.split())
    volume = _ageing(lab, 1, last - first, "water_nucleus_percent", first)
    curve = tuple((age, by_mass(value / _PERCENT)) for age, value in volume)
    return Finding(curve[-1][1], "", "age, years", "water by mass", curve, shown=over(last))


@measure("1/year")
def grade_rate(lab: Laboratory, at: str) -> Finding:
    """Rise of the estimated grade a year: "1 11 19" (grade at the first age, ages)."""
    grade, first, last = (int(part) for part in at.split())
    curve = _ageing(lab, grade, last - first, COLUMNS["grade"], first)
    start, years = curve[0], last - first
    rate = (curve[-1][1] - start[1]) / years
    return Finding(
        rate, "", "age, years", "grade", curve, shown=lambda value: (start, (last, start[1] + value * years))
    )


@measure("1")
def grade_at_age(lab: Laboratory, at: str) -> Finding:
    """Estimated grade at an age of a disc that is healthy at another: "15 45"."""
    first, last = (int(part) for part in at.split())
    curve = _ageing(lab, 1, last - first, COLUMNS["grade"], first)
    return Finding(curve[-1][1], "", "age, years", "grade", curve, shown=over(last))


@measure("percent")
def height_with_age(lab: Laboratory, at: str) -> Finding:
    """Change of height of a healthy disc between two ages, percent."""
    first, last = (int(part) for part in at.split())
    curve = _ageing(lab, 1, last - first, "height_percent", first)
    start = curve[0][1]
    change = curve[-1][1] - start
    return Finding(change, "", "age, years", "height, % of start", curve, shown=lambda value: ((last, start + value),))


@measure("percent")
def viable_after(lab: Laboratory, at: str) -> Finding:
    """Native cells of a healthy disc that are left after years, percent."""
    curve = _ageing(lab, 1, int(at), "native_viable_percent", 0.0)
    return Finding(curve[-1][1], "", "years", "native cells, %", curve, shown=over(int(at)))


@measure("1")
def darkens_more(lab: Laboratory, at: str) -> Finding:
    """After years, the disc that began at the higher grade is at the higher estimate: "30 1 2"."""
    years, *grades = (int(part) for part in at.split())
    curves = [_ageing(lab, g, years, COLUMNS["grade"], 0.0) for g in grades]
    ends = [curve[-1][1] for curve in curves]
    told = f"grade {ends[0]:.2f} and {ends[1]:.2f} after {years} years"
    words = f"grade, from {grades[1]} on (dashed: from {grades[0]})"
    return ordering(ends[1] > ends[0], told, "years", words, curves[1], curves[0])


# ---------------------------------------------------------------------------------------------- supply


_HORIZON = 30  # maths: years over which the loss of aggrecan is followed
_EARLY = (0.0, 0.1, 0.25, 0.5, 1, 2, 3, 6, 9)  # maths: months, close where much happens
_TIMES = (*_EARLY, *(float(m) for m in range(_YEAR, _HORIZON * _YEAR + 1, _YEAR)))


def _halved(lab: Laboratory, supply: float) -> tuple[list[float], list[float]]:
    """Native cells and nucleus aggrecan over the months after all supply of a healthy disc falls."""

    def make() -> tuple[list[float], list[float]]:
        made = lab.specimen(1)
        starved = Specimen(lab.supplied(made.disc, supply, supply), made.state, made.injections)
        states = lab.course(starved, _TIMES)
        return (
            [float(total(starved.disc, state.native)) for state in states],
            _summaries(lab, starved, states, COLUMNS["aggrecan"]),
        )

    return lab.keep(("halved", supply), make)


@measure(cells="month", aggrecan="year")
def settling(lab: Laboratory, at: str) -> Finding:
    """Months until nine tenths of the cells lost in a year are gone, or years until half of the aggrecan is."""
    what, supply = at.split()
    native, aggrecan = _halved(lab, float(supply))
    if what == "cells":
        end = _TIMES.index(_YEAR)
        lost = [(native[0] - n) / max(native[0] - native[end], 1.0) for n in native[: end + 1]]
        when = float(np.interp(_MOST, lost, _TIMES[: end + 1]))
        curve = tuple((float(t), n / native[0]) for t, n in zip(_TIMES[: end + 1], native, strict=False))
        return Finding(when, "", "months", "native cells left", curve, shown=reached(height(curve, when)))
    lost = [(aggrecan[0] - a) / (aggrecan[0] - aggrecan[-1]) for a in aggrecan]
    curve = tuple((t / _YEAR, a) for t, a in zip(_TIMES, aggrecan, strict=True))
    shown = reached(0.5 * (aggrecan[0] + aggrecan[-1]))
    return Finding(float(np.interp(0.5, lost, _TIMES)) / _YEAR, "", "years", "aggrecan, %", curve, shown=shown)


@measure("1")
def porous_cells(lab: Laboratory, at: str) -> Finding:
    """Native cells of a grade with endplates that open with grade, against endplates that follow composition."""

    def cells(grade: int, endplate: str) -> float:
        made = lab.specimen(grade, endplate_permeability=endplate)
        return mean_in(made.disc, mesh.NUCLEUS, made.state.native) / evidence.factor("Mcell/mL")

    grades = range(int(at) - 1, int(at) + 2)
    rises, follows = (points(grades, (cells(g, name) for g in grades)) for name in ("rises", "composition"))
    ours, theirs = dict(rises)[float(at)], dict(follows)[float(at)]
    words = "million per mL, open (dashed: by composition)"
    return ordering(ours > theirs, f"{theirs:.4f} and {ours:.4f} million per mL", "grade", words, rises, follows)


# ---------------------------------------------------------------------------------------------- treatments


def _arms(lab: Laboratory, at: str) -> tuple[list[float], list[float], int]:
    """A number of the summary by month, treated and untreated: "t2 12 3 Inject ..." (what, months, grade, line)."""
    what, months, grade, line = at.split(" ", 3)
    found = []
    for given in (line, ""):
        made = lab.specimen(int(grade), line=given)
        states = lab.monthly(int(grade), int(months), given)
        found.append(_summaries(lab, made, states, COLUMNS[what]))
    return found[0], found[1], int(months)


def _curve(values: Sequence[float]) -> Points:
    return tuple((float(month), value) for month, value in enumerate(values))


_ALIVE_AXIS = "injected cells alive, millions"


def _what(at: str) -> str:
    """What a check compares, with its unit: the first word of its `at`."""
    name = at.split()[0]
    return {"t2": "T2, ms", "height_mm": "height, mm"}.get(name, name.replace("_", " "))


def _over_months(at: str, values: Sequence[float], untreated: Sequence[float]) -> tuple[str, str, Points, Points]:
    return "months", f"{_what(at)}, treated (dashed: untreated)", _curve(values), _curve(untreated)


@measure(**UNITS)
def treated_difference(lab: Laboratory, at: str) -> Finding:
    """Treated less untreated at the end."""
    treated, untreated, _ = _arms(lab, at)
    difference = [a - b for a, b in zip(treated, untreated, strict=True)]
    along = f"{_what(at)}, treated − untreated"
    return Finding(difference[-1], "", "months", along, _curve(difference), shown=over(len(difference) - 1))


@measure(**UNITS)
def treated_change(lab: Laboratory, at: str) -> Finding:
    """Change of the treated disc from start to end."""
    treated, _, _ = _arms(lab, at)
    change = [value - treated[0] for value in treated]
    along = f"{_what(at)}, change"
    return Finding(change[-1], "", "months", along, _curve(change), shown=over(len(change) - 1))


@measure("1")
def treated_rise(lab: Laboratory, at: str) -> Finding:
    """The treated disc ends higher than it began."""
    treated, untreated, months = _arms(lab, at)
    told = f"{treated[0]:.4g} to {treated[-1]:.4g} in {months} months"
    return ordering(treated[-1] > treated[0], told, *_over_months(at, treated, untreated))


@measure("1")
def treated_above(lab: Laboratory, at: str) -> Finding:
    """The treated disc ends above the untreated one."""
    treated, untreated, _ = _arms(lab, at)
    told = f"{treated[-1]:.4g} with, {untreated[-1]:.4g} without"
    return ordering(treated[-1] > untreated[-1], told, *_over_months(at, treated, untreated))


@measure("1")
def treated_below(lab: Laboratory, at: str) -> Finding:
    """The treated disc ends below the untreated one."""
    treated, untreated, _ = _arms(lab, at)
    told = f"{treated[-1]:.4g} with, {untreated[-1]:.4g} without"
    return ordering(treated[-1] < untreated[-1], told, *_over_months(at, treated, untreated))


@measure("1")
def alive_after(lab: Laboratory, at: str) -> Finding:
    """Some injected cells are alive at the end: "1 3 Inject ..." (months, grade, line); more than a ten-thousandth."""
    months, grade, line = at.split(" ", 2)
    treated, _, _ = _arms(lab, f"injected {months} {grade} {line}")
    return ordering(treated[-1] > _ALIVE, f"{treated[-1]:.3g} million alive", "months", _ALIVE_AXIS, _curve(treated))


@measure("1")
def tao(lab: Laboratory, at: str) -> Finding:
    """Fewer injected cells alive after two months than after one."""
    treated, _, _ = _arms(lab, f"injected 2 3 {at}")
    return ordering(
        0 < treated[2] < treated[1],
        f"{treated[1]:.3g} and {treated[2]:.3g} million alive",
        "months",
        _ALIVE_AXIS,
        _curve(treated),
    )
