"""Measures of cells outside a disc, and of what one law says by itself: uptake in culture, decay against proteases.

Each is a pure function of the numbers that a calibration may move (SI, by the name of their row), so that the same law
is judged here with the used values and followed by its gradient there; beside it stands the measure that takes the
laboratory and the `at` of its checks, and gives a `Finding` in the unit of `checks.csv`.
"""

from __future__ import annotations

from collections.abc import Mapping

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from pulposus import evidence
from pulposus.disc import mesh, simulate
from pulposus.disc.metabolism import bibby_urban_rates
from pulposus.disc.parameters import Parameters
from pulposus.disc.state import Hypotheses
from pulposus.validation.finding import Finding, collector, over, points
from pulposus.validation.laboratory import Laboratory, mean_in

MEASURES, measure = collector()
STROMAL = "product MSC(M)"
ADAPTATION = f"{STROMAL} adaptation_time"
MULTIPLIERS = {solute: f"{STROMAL} {solute}_uptake_multiplier" for solute in ("oxygen", "glucose")}
GAIN = "protease_gain"
_PER_CELL = "nmol/(Mcell*hour)"
_DAYS = (0.0, 3.0, 7.0, 14.0, 21.0, 28.0)  # maths: days at which curves are drawn
_CULTURES = (1.0, 2.0, 5.0, 10.0, 15.0, 20.0)  # maths: kPa of oxygen over a culture at which curves are drawn
_RISES = (1.0, 2.0, 3.0, 4.0, 5.0)  # maths: times the normal proteases at which curves are drawn
_FED = 1e3  # maths: mol/m^3 of glucose in a medium that never runs out, where the limiter does nothing
Numbers = Mapping[str, Array | float]


def used(*names: str) -> dict[str, float]:
    """The used values (SI) of rows by name."""
    return {name: next(row for row in evidence.found(name) if row.used).si for name in names}


def uptake(numbers: Numbers, at: str) -> Array:
    """What a freshly thawed stromal cell of marrow uses in culture, nmol/(Mcell*hour): "oxygen 7.4 20" (solute, pH,
    oxygen in kPa): the native law, carried on to the oxygen of a culture, times the product's multiplier.
    """
    solute, ph, kpa = at.split()
    p = Parameters.from_evidence()
    lactate = (p.ph_without_lactate - float(ph)) * p.lactate_per_ph
    oxygen = jnp.asarray(float(kpa) * evidence.factor("kPa"))
    made = bibby_urban_rates(p, Hypotheses.choose(), oxygen, lactate, jnp.asarray(_FED), jnp.ones(()))
    native = made[0] if solute == "oxygen" else made[1] * p.glucose_per_lactate
    return numbers[MULTIPLIERS[solute]] * native / evidence.factor(_PER_CELL)


def uptake_left(numbers: Numbers, at: str) -> Array:
    """Share of its first uptake that a stromal cell still uses after days among disc-like conditions: "oxygen 21";
    those that have adapted use what a native cell does.
    """
    solute, days = at.split()
    fresh = jnp.exp(-float(days) * simulate.DAY / numbers[ADAPTATION])
    return (1 + (numbers[MULTIPLIERS[solute]] - 1) * fresh) / numbers[MULTIPLIERS[solute]]


def decay_rise(numbers: Numbers, proteases: float) -> Array:
    """Decay of aggrecan over that of a normal disc, if nothing but proteases (relative to normal) raised it."""
    return jnp.asarray(1 + numbers[GAIN] * (proteases - 1))


def proteases_of_degenerate(lab: Laboratory) -> float:
    """Activity of ADAMTS4 in the nucleus of a degenerate disc relative to a healthy one, as the network has it."""
    grades = {g: lab.specimen(g).disc for g in (3, 4)}
    seen = [mean_in(disc, mesh.NUCLEUS, disc.activity[3]) for disc in grades.values()]
    here = float(grades[3].parameters.degenerate_grade)
    return float(np.interp(here, [float(disc.grade) for disc in grades.values()], seen))


@measure("nmol/(Mcell*hour)")
def culture_uptake(lab: Laboratory, at: str) -> Finding:
    """Uptake of fresh stromal cells: "oxygen 7.4 20"."""
    numbers, (solute, ph, kpa) = used(*MULTIPLIERS.values()), at.split()
    curve = points(_CULTURES, (float(uptake(numbers, f"{solute} {ph} {oxygen}")) for oxygen in _CULTURES))
    along = f"{solute}, nmol per million cells and hour"
    return Finding(float(uptake(numbers, at)), "", "oxygen of the culture, kPa", along, curve, shown=over(float(kpa)))


@measure("1")
def culture_uptake_left(lab: Laboratory, at: str) -> Finding:
    """Share of the first uptake that is left: "oxygen 21"."""
    numbers, solute = used(*MULTIPLIERS.values(), ADAPTATION), at.split()[0]
    curve = tuple((day, float(uptake_left(numbers, f"{solute} {day}"))) for day in _DAYS)
    shown = over(float(at.split()[1]))
    return Finding(float(uptake_left(numbers, at)), "", "days", "uptake left", curve, shown=shown)


@measure("1")
def protease_decay(lab: Laboratory, at: str) -> Finding:
    """Decay in a degenerate disc over that in a normal one, from proteases alone."""
    proteases = proteases_of_degenerate(lab)
    numbers = used(GAIN)
    curve = points(_RISES, (float(decay_rise(numbers, by)) for by in _RISES))
    told = f"ADAMTS4 {proteases:.3g} times normal"
    value = float(decay_rise(numbers, proteases))
    return Finding(value, told, "ADAMTS4, times normal", "decay over normal", curve, shown=over(proteases))
