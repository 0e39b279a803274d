"""Measures of what a disc is made of and of its form: diffusivities, charge, water, swelling, dimensions, volumes.

Each takes the laboratory and the `at` of its checks, and gives a `Finding` in the unit of `checks.csv`.
"""

from __future__ import annotations

from collections.abc import Callable

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from pulposus import evidence
from pulposus.disc import geometry, mechanics, mesh
from pulposus.disc.composition import Composition, composition, continuous_grade, endplate
from pulposus.disc.metabolism import tissue_factor
from pulposus.disc.parameters import Parameters
from pulposus.disc.state import Hypotheses, positive_share
from pulposus.validation.finding import Finding, Points, between, collector, over, points
from pulposus.validation.laboratory import REFERENCE, Laboratory, mean_in
from pulposus.validation.solutes import diffusivity

MEASURES, measure = collector()
GRADES = (1, 2, 3, 4, 5)  # maths: the Pfirrmann grades
_SQUEEZES = (0.0, 5.0, 10.0, 15.0, 20.0, 25.0)  # maths: percent of compression at which curves are drawn
_QUARTERS = (0.0, 0.25, 0.5, 0.75, 1.0)  # maths: shares at which curves are drawn
_MM = 1e3  # maths: metres to mm
_ML = 1e6  # maths: m^3 to mL
_CM2 = 1e4  # maths: m^2/s to cm^2/s
_MEQ = 1e-3  # maths: mol/m^3 to mEq/mL
_PERCENT = 100.0  # maths: share to percent


def made_of(grade: float, **choices: str | bool) -> Composition:
    """Composition by tissue at a Pfirrmann grade."""
    p = Parameters.from_evidence()
    return composition(p, Hypotheses.choose(**choices), continuous_grade(p, grade))


def by_mass(by_volume: float) -> float:
    """Water fraction by mass of tissue with this water fraction by volume."""
    p = Parameters.from_evidence()
    water = by_volume * float(p.water_density)
    return water / (water + (1 - by_volume) * float(p.solid_density))


def _over_grades(grades: tuple[int, ...], value: Callable[[float], float]) -> Points:
    return tuple((float(g), float(value(g))) for g in grades)


def _of_grade(grade: float, value: Callable[[float], float], along: str) -> Finding:
    """A value at a grade, and its course over the grades."""
    return Finding(value(grade), "", "grade", along, _over_grades(GRADES, value), shown=over(grade))


# ---------------------------------------------------------------------------------------------- diffusion


def _squeezed(tissue: str, percent: float) -> float:
    """Tissue factor of a healthy tissue squeezed by so many percent, its water alone giving way."""
    water = float(made_of(1).water[mesh.TISSUES.index(tissue)])
    stretch = 1 - percent / _PERCENT
    return float(tissue_factor(jnp.asarray((water - 1 + stretch) / stretch)))


_SQUEEZED = "compressed by, %"


@measure("cm^2/s")
def tissue_diffusivity(lab: Laboratory, at: str) -> Finding:
    """Diffusivity in healthy tissue, cm^2/s: "oxygen annulus 14.2" (solute, tissue, percent of compression)."""
    solute, tissue, percent = at.split()
    curve = tuple((s, diffusivity(solute) * _squeezed(tissue, s) * _CM2) for s in _SQUEEZES)
    value = diffusivity(solute) * _squeezed(tissue, float(percent)) * _CM2
    return Finding(value, "", _SQUEEZED, "diffusivity, cm2/s", curve, shown=over(float(percent)))


@measure("1")
def diffusivity_ratio(lab: Laboratory, at: str) -> Finding:
    """Diffusivity in squeezed tissue over that in whole tissue: "annulus 10"."""
    tissue, percent = at.split()
    curve = tuple((s, _squeezed(tissue, s) / _squeezed(tissue, 0.0)) for s in _SQUEEZES)
    value = _squeezed(tissue, float(percent)) / _squeezed(tissue, 0.0)
    return Finding(value, "", _SQUEEZED, "of uncompressed", curve, shown=over(float(percent)))


@measure("cm^2/s")
def ion_diffusivity(lab: Laboratory, at: str) -> Finding:
    """Diffusivity of salt in the healthy endplate, cm^2/s."""
    free = evidence.used("ion_diffusivity").si * _CM2
    curve = tuple((s, free * _squeezed("endplate", s)) for s in _SQUEEZES)
    return Finding(curve[0][1], "", _SQUEEZED, "diffusivity, cm2/s", curve, shown=over(0.0))


def _openness(grade: float, by: str) -> float:
    p = Parameters.from_evidence()
    if by == "composition":
        of = [float(tissue_factor(made_of(g).water[mesh.ENDPLATE])) for g in (grade, 1)]
        return of[0] / of[1]
    return float(endplate(p, Hypotheses.choose(endplate_permeability=by), jnp.asarray(grade), "intact")[1])


@measure("1")
def openness_composition(lab: Laboratory, at: str) -> Finding:
    """Diffusivity of the endplate at a grade over healthy, by its water alone."""
    curve = _over_grades(GRADES, lambda g: _openness(g, "composition"))
    return Finding(_openness(float(at), "composition"), "", "grade", "of healthy", curve, shown=over(float(at)))


@measure("1")
def openness_falls(lab: Laboratory, at: str) -> Finding:
    """The same where it falls by calcification."""
    curve = _over_grades(GRADES[1:], lambda g: _openness(g, "falls"))
    return Finding(_openness(float(at), "falls"), "", "grade", "of healthy", curve, shown=over(float(at)))


@measure("1")
def openness_rises(lab: Laboratory, at: str) -> Finding:
    """The same where it rises by porosity."""
    curve = _over_grades(GRADES[1:], lambda g: _openness(g, "rises"))
    return Finding(_openness(float(at), "rises"), "", "grade", "of healthy", curve, shown=over(float(at)))


# ---------------------------------------------------------------------------------------------- composition


@measure("1")
def charge_absolute(lab: Laboratory, at: str) -> Finding:
    """Fixed charge of the nucleus at a grade over healthy, absolute map."""

    def value(grade: float) -> float:
        charge = made_of(grade, grading="absolute").charge
        return float(charge[0] / made_of(1).charge[0])

    return _of_grade(float(at), value, "of healthy")


@measure("mEq/mL")
def charge_of_grade(lab: Laboratory, at: str) -> Finding:
    """Fixed charge of the nucleus at a grade, mEq per mL of water."""

    def value(grade: float) -> float:
        return float(made_of(grade).charge[0]) * _MEQ

    return _of_grade(float(at), value, "mEq/mL")


@measure("1")
def water_mass(lab: Laboratory, at: str) -> Finding:
    """Water of the nucleus at a grade, by mass."""

    def value(grade: float) -> float:
        return by_mass(float(made_of(grade).water[0]))

    return _of_grade(float(at), value, "water by mass")


@measure("MPa")
def osmotic(lab: Laboratory, at: str) -> Finding:
    """Ideal Donnan pressure in MPa of a charge of the evidence at a temperature: "nucleus_charge_healthy 310"."""
    name, kelvin = at.split()
    p = eqx.tree_at(lambda q: q.temperature, Parameters.from_evidence(), jnp.asarray(float(kelvin)))
    charge = evidence.used(name).si

    def value(of: float) -> float:
        return float(mechanics.osmotic_pressure(p, jnp.asarray(of))) / evidence.factor("MPa")

    curve = tuple((share * charge * _MEQ, value(share * charge)) for share in _QUARTERS)
    return Finding(value(charge), "", "fixed charge, mEq/mL", "MPa", curve, shown=over(charge * _MEQ))


def _gag(grade: float, tissue: int) -> tuple[float, float, float]:
    """Fixed charge in mEq and glycosaminoglycan in mg, per g of wet tissue, and the latter per g dry."""
    made = made_of(grade)
    water = by_mass(float(made.water[tissue]))
    charge = float(made.charge[tissue]) * _MEQ * water  # a gram of water is a mL
    mass = 0.5 * charge * evidence.used("gag_mass_per_mole").value  # two charges in each disaccharide
    return charge, mass, mass / (1 - water)


@measure("mEq/g")
def endplate_charge(lab: Laboratory, at: str) -> Finding:
    """Fixed charge of the healthy endplate, mEq per g wet."""
    return _of_grade(1, lambda grade: _gag(grade, mesh.ENDPLATE)[0], "mEq/g wet")


@measure("mg/g")
def endplate_gag(lab: Laboratory, at: str) -> Finding:
    """Glycosaminoglycan of the healthy endplate, mg per g wet."""
    return _of_grade(1, lambda grade: _gag(grade, mesh.ENDPLATE)[1], "mg/g wet")


@measure("mg/g")
def gag_dry(lab: Laboratory, at: str) -> Finding:
    """Glycosaminoglycan of the nucleus in grade II, mg per g dry."""
    return _of_grade(2, lambda grade: _gag(grade, mesh.NUCLEUS)[2], "mg/g dry")


@measure("mg/g")
def gag_wet(lab: Laboratory, at: str) -> Finding:
    """Glycosaminoglycan of nucleus and annulus together at a grade, mg per g wet."""
    disc = lab.specimen(1).disc
    volume = np.asarray(jnp.sum(disc.tissue * disc.volume, (1, 2, 3)))[:2]

    def value(grade: float) -> float:
        return float(np.average([_gag(grade, tissue)[1] for tissue in (0, 1)], weights=volume))

    return _of_grade(float(at), value, "mg/g wet")


@measure("1")
def il1_positive(lab: Laboratory, at: str) -> Finding:
    """Share of nucleus cells that answer to IL-1 in a disc of a grade, at the start."""

    def value(grade: float) -> float:
        made = lab.specimen(int(grade))
        share = positive_share(made.disc.parameters.il1b_positive_healthy, made.state.il1b)
        return mean_in(made.disc, mesh.NUCLEUS, share)

    return _of_grade(int(at), value, "share of cells")


@measure("ms")
def t2_of_grade(lab: Laboratory, at: str) -> Finding:
    """T2 of the nucleus in a disc of a grade, ms."""
    return _of_grade(int(at), lambda grade: lab.summary(lab.specimen(int(grade)))["t2_nucleus_ms"], "T2, ms")


# ---------------------------------------------------------------------------------------------- form


@measure("mL")
def reference_volume(lab: Laboratory, at: str) -> Finding:
    """Volume of a tissue of the published reference disc, mL."""
    disc = lab.specimen(1, REFERENCE, glucose_limiter=False).disc
    return Finding(float(jnp.sum(disc.tissue[mesh.TISSUES.index(at)] * disc.volume)) * _ML)


@measure("mL")
def nucleus_volume(lab: Laboratory, at: str) -> Finding:
    """Volume of the nucleus of a healthy disc, mL."""

    def value(grade: float) -> float:
        disc = lab.specimen(int(grade), at).disc
        return float(jnp.sum(disc.tissue[mesh.NUCLEUS] * disc.volume)) * _ML

    return _of_grade(1, value, "mL")


@measure("mL")
def disc_volume(lab: Laboratory, at: str) -> Finding:
    """Mean volume of discs with their endplates, mL: "male L2-L3 L3-L4"; grade I."""
    sex, *levels = at.split()
    volumes = [float(jnp.sum(lab.specimen(1, level, sex).disc.volume)) * _ML for level in levels]
    numbers = [_number(one) for one in levels]
    shown = between(numbers[0], numbers[-1])
    return Finding(float(np.mean(volumes)), "", _LUMBAR, "mL", points(numbers, volumes), shown=shown)


_LUMBAR, _NECK = "level: L1-L2 is 1, L5-S1 is 5", "level: C2-C3 is 2, C7-T1 is 7"


def _number(level: str) -> float:
    """The number of the upper vertebra."""
    return float(level[1])


def _of_level(at: str, value: Callable[[str], float], along: str) -> Finding:
    """A value at a level, and its course over the levels of the neck or of the loin."""
    several = [one for one in evidence.levels() if one[0] == at[0]]
    curve = points(map(_number, several), map(value, several))
    across = _NECK if at[0] == "C" else _LUMBAR
    return Finding(value(at), "", across, along, curve, shown=over(_number(at)))


def _rows(level: str, sex: str = "any") -> dict[str, float]:
    return {name: row.si * _MM for name, row in evidence.dimensions(level, sex).items() if row.unit == "mm"}


def _between_bones(level: str, sex: str) -> float:
    """Height in the middle between bones, mm: cartilage endplates included."""
    d = _rows(level, sex)
    return d["mid_height"] + 2 * d["endplate_thickness_centre"]


@measure("mm")
def bony_height(lab: Laboratory, at: str) -> Finding:
    """Height between bones in the middle of a healthy disc, mm: "C5-C6 male"."""
    where, sex = at.split()
    return _of_level(where, lambda one: _between_bones(one, sex), "mm")


@measure("mm")
def cervical_mean(lab: Laboratory, at: str) -> Finding:
    """The same, mean of C2-C3 to C6-C7."""
    levels = [one for one in evidence.levels() if one.startswith("C") and one != "C7-T1"]
    heights, numbers = [_between_bones(one, at) for one in levels], [_number(one) for one in levels]
    shown = between(numbers[0], numbers[-1])
    return Finding(float(np.mean(heights)), "", _NECK, "mm", points(numbers, heights), shown=shown)


@measure("mm")
def anterior_height(lab: Laboratory, at: str) -> Finding:
    """Height between bones in front, mm."""

    def value(where: str) -> float:
        wedge = float(np.tan(evidence.dimensions(where)["wedge"].si))
        return _between_bones(where, "any") + 0.5 * wedge * _rows(where)["ap_depth"]

    return _of_level(at, value, "mm")


@measure("mm")
def mid_height(lab: Laboratory, at: str) -> Finding:
    """Height of the nucleus in the middle, mm."""
    return _of_level(at, lambda where: _rows(where)["mid_height"], "mm")


@measure("mm")
def endplate_thickness(lab: Laboratory, at: str) -> Finding:
    """Thickness of one cartilage endplate in the centre, mm."""
    centre, rim = (_rows("L4-L5")[f"endplate_thickness_{place}"] for place in ("centre", "rim"))
    curve = points(_QUARTERS, (centre + (rim - centre) * share**2 for share in _QUARTERS))
    return Finding(centre, "", "from the centre to the rim", "mm", curve, shown=over(0.0))


@measure("1")
def nucleus_area(lab: Laboratory, at: str) -> Finding:
    """Plan area of the nucleus over that of the disc."""

    def value(grade: float) -> float:
        shape = _shape(at, int(grade))
        return float(shape.nucleus.area() / shape.disc.area())

    return _of_grade(1, value, "of the disc's area")


def _shape(where: str, grade: int = 1) -> geometry.Shape:
    return geometry.from_dimensions({name: row.si for name, row in evidence.dimensions(where, "any", grade).items()})


def _lengths(where: str) -> tuple[float, float]:
    """Length of nucleus and disc on the midline, mm."""
    shape = _shape(where)
    ends = jnp.asarray([0.0, np.pi])
    return tuple(float(jnp.ptp(outline.points(ends)[1])) * _MM for outline in (shape.nucleus, shape.disc))  # type: ignore[return-value]


@measure("1")
def annulus_share(lab: Laboratory, at: str) -> Finding:
    """Depth of the annulus in front or behind over that of the disc, on the midline: "L4-L5 anterior"."""
    where, side = at.split()

    def share(level: str) -> float:
        shape = _shape(level)
        ends = jnp.asarray([0.0, np.pi])  # angles from the front
        disc, nucleus = (np.asarray(outline.points(ends)[1]) for outline in (shape.disc, shape.nucleus))
        k = ("anterior", "posterior").index(side)
        return float(abs(disc[k] - nucleus[k]) / np.ptp(disc))

    return _of_level(where, share, "of the disc's length")


@measure("mm")
def nucleus_length(lab: Laboratory, at: str) -> Finding:
    """Length of the nucleus front to back, mm."""
    return _of_level(at, lambda where: _lengths(where)[0], "mm")


@measure("1")
def nucleus_length_share(lab: Laboratory, at: str) -> Finding:
    """Length of the nucleus over that of the disc, on the midline."""
    return _of_level(at, lambda where: float(np.divide(*_lengths(where))), "of the disc's length")
