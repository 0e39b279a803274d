"""Measures of a disc in its day: pressure by posture, a night and a day, motion under moments, stiffness."""

from __future__ import annotations

from typing import TYPE_CHECKING

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from pulposus import biomechanics, evidence
from pulposus.biomechanics import Rested
from pulposus.disc import composition, equilibrium, geometry, mesh, posture
from pulposus.disc.composition import continuous_grade
from pulposus.disc.equilibrium import Balance
from pulposus.disc.parameters import Parameters
from pulposus.disc.state import Hypotheses
from pulposus.validation.finding import Finding, collector, over, points
from pulposus.validation.laboratory import REFERENCE, Laboratory

if TYPE_CHECKING:
    import pandas as pd

MEASURES, measure = collector()
_SIZE = "cohort"  # height at rest is 12 % short of the limit of fine meshes, pressures 4 % (docs/processes/solid.md)
_PERCENT = 100.0  # maths: share to percent
_MOMENTS = (1.0, 2.0, 2.5, 4.0, 5.0, 6.0, 7.5, 8.0)  # maths: N m, those of the measurements
_COLLAPSED = 5  # maths: the last Pfirrmann grade
_GRADES = range(1, _COLLAPSED + 1)
_LOADS = (250.0, 500.0, 750.0, 1000.0)  # maths: N at which a curve of stiffness is drawn


def disc_of(lab: Laboratory, grade: int = 1) -> Rested:
    """The reference disc at rest overnight, as of a grade."""

    def make() -> Rested:
        p = Parameters.from_evidence()
        sizes = {name: row.si for name, row in evidence.dimensions(REFERENCE, "any", 1).items()}
        shape = geometry.from_outline(REFERENCE, sizes)
        made = posture.rested(mesh.sized(_SIZE), Hypotheses(), p, shape, continuous_grade(p, grade))
        return biomechanics.rested(made)

    return lab.keep(("rested", grade), make)


def _believed(found: Balance) -> Balance:
    """A balance, or nothing but NaN where none was found: then the check says that it was not computed."""
    good = found.error < equilibrium.BELIEVED
    return eqx.tree_at(
        lambda b: (b.pose, b.displacement),
        found,
        (jnp.where(good, found.pose, jnp.nan), jnp.where(good, found.displacement, jnp.nan)),
    )


# ---------------------------------------------------------------------------------------------- postures


_COMPRESSION = "compression, N"


def _postures(lab: Laboratory) -> pd.DataFrame:
    """What is read of the disc by posture, the lightest first."""
    rows = lab.keep("postures", lambda: biomechanics.postures(disc_of(lab))[0])
    return rows.set_index("posture").sort_values("compression_N")


@measure("MPa")
def posture_pressure(lab: Laboratory, at: str) -> Finding:
    """Pressure in a posture after a night, MPa."""
    rows = _postures(lab)
    curve, shown = points(rows["compression_N"], rows["pressure_MPa"]), over(rows.loc[at, "compression_N"])
    return Finding(float(rows.loc[at, "pressure_MPa"]), "", _COMPRESSION, "pressure, MPa", curve, shown=shown)


@measure("1")
def pressure_per_stress(lab: Laboratory, at: str) -> Finding:
    """Pressure over force per area, standing."""
    disc = disc_of(lab)
    found = _believed(biomechanics.under(disc, posture.load_of(disc.body, at)))
    stress = float(posture.load_of(disc.body, at).follower / disc.made.shape.disc.area())
    rows, unit = _postures(lab), evidence.factor("MPa") * float(disc.made.shape.disc.area())
    curve = points(rows["compression_N"], rows["pressure_MPa"] * unit / rows["compression_N"])
    shown = over(rows.loc[at, "compression_N"])
    value = float(posture.read(disc.body, found).pressure) / stress
    return Finding(value, "", _COMPRESSION, "pressure over force per area", curve, shown=shown)


@measure("kN/mm")
def axial_stiffness(lab: Laboratory, at: str) -> Finding:
    """Stiffness under a sudden further load from a compression (N), kN/mm."""
    disc = disc_of(lab)
    none = equilibrium.unloaded(disc.body)

    def under(newton: float) -> float:
        load = eqx.tree_at(lambda a: a.follower, none, jnp.asarray(newton))
        return biomechanics.stiffness(disc, load, biomechanics.under(disc, load))

    found = {newton: under(newton) for newton in sorted({*_LOADS, float(at)})}
    curve = points(found, found.values())
    return Finding(found[float(at)], "", _COMPRESSION, "stiffness, kN/mm", curve, shown=over(float(at)))


def _pressed(lab: Laboratory, newton: float) -> Balance:
    """The disc just after so many N have come over its night's rest, nothing else on it; made once for each."""
    disc = disc_of(lab)
    load = eqx.tree_at(lambda a: a.follower, equilibrium.unloaded(disc.body), jnp.asarray(newton))
    return lab.keep(("pressed", newton), lambda: _believed(biomechanics.under(disc, load)))


@measure("MPa")
def pressure_under(lab: Laboratory, at: str) -> Finding:
    """Pressure right after so many N have come on, MPa."""
    body = disc_of(lab).body
    found = {n: float(posture.read(body, _pressed(lab, n)).pressure) for n in sorted({*_LOADS, float(at)})}
    curve = points(found, (value / evidence.factor("MPa") for value in found.values()))
    return Finding(dict(curve)[float(at)], "", _COMPRESSION, "pressure, MPa", curve, shown=over(float(at)))


@measure("mm")
def compressed_by(lab: Laboratory, at: str) -> Finding:
    """How much lower the disc is right after so many N have come on than under none, mm."""
    free = float(_pressed(lab, 0.0).pose[2])
    lower = {n: free - float(_pressed(lab, n).pose[2]) for n in sorted({0.0, *_LOADS, float(at)})}
    curve = points(lower, (value / evidence.factor("mm") for value in lower.values()))
    return Finding(dict(curve)[float(at)], "", _COMPRESSION, "lower by, mm", curve, shown=over(float(at)))


# ---------------------------------------------------------------------------------------------- a day


def _day(lab: Laboratory, column: str) -> tuple[np.ndarray, np.ndarray, int]:
    """Hours, a column over them, and where the night ends."""
    rows = lab.keep("day", lambda: biomechanics.day(disc_of(lab)))
    return rows["hour"].to_numpy(), rows[column].to_numpy(), int((rows["span"] == "night").sum())


@measure("percent")
def daily_loss(lab: Laboratory, at: str) -> Finding:
    """Height or volume lost from morning to evening, lying both times as in a scanner, percent: "height", "volume"."""
    hour, values, up = _day(lab, {"height": "height_mm", "volume": "volume_mL"}[at])
    lost = _PERCENT * (1 - values / values[up - 1])
    return Finding(float(lost[0]), "", "hours", f"{at} lost, %", points(hour, lost), shown=over(hour[0]))


@measure("percent")
def overnight_gain(lab: Laboratory, at: str) -> Finding:
    """Volume gained since lying down, percent: after so many hours."""
    hour, values, up = _day(lab, "volume_mL")
    gained = _PERCENT * (values / values[0] - 1)
    return Finding(
        float(np.interp(float(at), hour[:up], gained[:up])),
        across="hours",
        along="volume gained, %",
        curve=points(hour[:up], gained[:up]),
        shown=over(float(at)),
    )


@measure("MPa")
def overnight_pressure(lab: Laboratory, at: str) -> Finding:
    """Pressure after so many hours of lying, MPa."""
    hour, values, up = _day(lab, "pressure_MPa")
    return Finding(
        float(np.interp(float(at), hour[:up], values[:up])),
        across="hours",
        along="pressure, MPa",
        curve=points(hour[:up], values[:up]),
        shown=over(float(at)),
    )


@measure("1")
def height_by_grade(lab: Laboratory, at: str) -> Finding:
    """Height at rest overnight of a healthy disc that has the charge of a grade, over that of the healthy one."""
    disc, p = disc_of(lab), Parameters.from_evidence()

    def charge(grade: int) -> np.ndarray:
        return np.asarray(composition.composition(p, Hypotheses(), continuous_grade(p, grade)).charge)

    def height(grade: int) -> float:
        t, share = disc.made.topology, charge(grade) / charge(1)
        tissue = np.where(np.arange(t.rings) <= t.nucleus_rings, share[0], share[1])
        left = np.broadcast_to(tissue[:, None, None], t.shape)
        poorer = biomechanics.rested(disc.made, left)
        return float(posture.read(poorer.body, _believed(poorer.found)).height)

    tall = lab.keep("heights by grade", lambda: {grade: height(grade) for grade in _GRADES})
    shares = {grade: tall[grade] / tall[1] for grade in _GRADES}
    return Finding(
        shares[int(at)], across="Pfirrmann grade", along="height over grade I", curve=points(shares, shares.values())
    )


# ---------------------------------------------------------------------------------------------- motion


_MOMENT, _BENDS = "moment, N m", ("flexion", "extension")


def _motions(lab: Laboratory, grade: int, name: str, column: str) -> dict[float, float]:
    rows = lab.keep(("motions", grade), lambda: biomechanics.motions(disc_of(lab, grade), moments=_MOMENTS))
    own = rows[rows["motion"] == name]
    return dict(zip(own["moment_N_m"], own[column], strict=True))


@measure("degree")
def turn(lab: Laboratory, at: str) -> Finding:
    """Turn of the isolated disc in degrees: "flexion 7.5" (N m)."""
    name, moment = at.split()
    found = _motions(lab, 1, name, "turn_degrees")
    curve, shown = points(found, found.values()), over(float(moment))
    return Finding(found[float(moment)], "", _MOMENT, "turn, degrees", curve, shown=shown)


@measure("MPa")
def pressure_rise(lab: Laboratory, at: str) -> Finding:
    """Rise of pressure of the isolated disc under a moment, MPa: "flexion 7.5"."""
    name, moment = at.split()
    found = _motions(lab, 1, name, "pressure_rise_MPa")
    curve, shown = points(found, found.values()), over(float(moment))
    return Finding(found[float(moment)], "", _MOMENT, "rise, MPa", curve, shown=shown)


@measure("1")
def stiffening(lab: Laboratory, at: str) -> Finding:
    """Flexion and extension of a collapsed disc (the form of a healthy one) over that of a healthy one."""
    turned = [
        np.array([sum(_motions(lab, grade, name, "turn_degrees")[m] for name in _BENDS) for m in _MOMENTS])
        for grade in (1, _COLLAPSED)
    ]
    curve = points(_MOMENTS, turned[1] / turned[0])
    return Finding(dict(curve)[float(at)], "", _MOMENT, "collapsed over healthy", curve, shown=over(float(at)))
