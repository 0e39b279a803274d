"""Measures of solutes: the published reference field and its variants, slabs, supply that falls, who starves where.

Each takes the laboratory and the `at` of its checks, and gives a `Finding` in the unit of `checks.csv`.
"""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from pulposus import evidence
from pulposus.disc import cells, mesh, simulate, transport
from pulposus.disc.metabolism import acidity, bibby_urban_rates, cachot_rates, tissue_factor
from pulposus.disc.parameters import Parameters
from pulposus.disc.state import GLUCOSE, LACTATE, OXYGEN, Disc, Hypotheses, State
from pulposus.evidence.checks import reference_profile
from pulposus.validation.finding import (
    Finding,
    Shown,
    between,
    collector,
    height,
    ordering,
    over,
    points,
    power,
    reached,
)
from pulposus.validation.laboratory import Laboratory, Specimen, balanced, bisect, mean_in, slab

MEASURES, measure = collector()
UNITS = {"oxygen": "kPa", "glucose": "mM", "lactate": "mM", "ph": "1"}
_AXES = {"oxygen": "oxygen, kPa", "glucose": "glucose, mM", "lactate": "lactate, mM", "ph": "pH"}
SOLUTES = {"oxygen": (OXYGEN, 1e-3), "lactate": (LACTATE, 1.0), "glucose": (GLUCOSE, 1.0)}  # maths: Pa to kPa
_KPA = 1e3  # maths: Pa in a kPa
_MM = 1e3  # maths: metres to mm
_Y = "y, mm (front to the right)"
_SHARES = (0.1, 0.2, 0.4, 0.6, 0.8, 1.0)  # maths: shares of supply at which curves are drawn
_DENSEST = 200.0  # maths: million per mL, where the search for a carrying capacity ends
_CHAMBERS = (5.0, 10.0, 20.0, 40.0)  # maths: mm, lengths of chamber of which the first that starves is read
_SCARCE = 0.01  # maths: share of supply where the search for a critical level ends
_HALVINGS = 9  # maths: bisections of a share, to a five-hundredth
_FINE = 9  # maths: points of a drawn power law
_BELOW = 0.9  # maths: of a critical level, so that some cells are in want and most are not
# Variants of the reference disc that are solved for a curve, by what is changed: those that are checked.
_VARIED = {
    "cells": ("times the cells", (1.0, 1.5, 2.0)),  # maths: conditions of the checks
    "plate": ("water of the endplate", (None, 0.6, 0.48, 0.4)),  # maths: conditions of the checks
    "supply": ("share of supply", (1.0, 0.75, 0.5)),  # maths: conditions of the checks
}
_UNCHANGED = {"cells": 1.0, "plate": None, "supply": 1.0}
_WORDS = {"mean": "mean", "min": "lowest"}
_PRESSURES = (0.2, 0.5, 1.0, 2.0, 3.0, 5.0, 7.5, 10.0)  # maths: kPa at which curves are drawn
_GRADES = (1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5)  # maths: grades at which curves are drawn
_HALVES = (2.0, 3.0, 4.5, 6.0, 8.0)  # maths: mm, half-thicknesses of slabs at which curves are drawn


def field(made: Specimen, name: str) -> np.ndarray:
    """Oxygen in kPa, lactate or glucose in mM, or pH, at the nodes."""
    if name == "ph":
        return np.asarray(acidity(made.disc.parameters, made.state.solutes[LACTATE]))
    index, to = SOLUTES[name]
    return np.asarray(made.state.solutes[index]) * to


def extreme(made: Specimen, name: str) -> float:
    """Lowest value, or highest lactate."""
    values = field(made, name)
    return float(values.max() if name == "lactate" else values.min())


def midline(made: Specimen, name: str) -> tuple[np.ndarray, np.ndarray]:
    """y in mm and a field along the midline at mid-height, back to front."""
    topology = made.disc.topology
    middle, back = topology.layers // 2, topology.sectors // 2
    y = np.asarray(mesh.coordinates(topology, made.disc.shape))[..., 1] / evidence.factor("mm")
    return tuple(np.concatenate([f[::-1, back, middle], f[1:, 0, middle]]) for f in (y, field(made, name)))  # type: ignore[return-value]


def _with_profile(made: Specimen, name: str, value: float, shown: Shown | None = None) -> Finding:
    y, ours = midline(made, name)
    profile = reference_profile()
    if name == "ph":
        published = np.asarray(acidity(made.disc.parameters, jnp.asarray(profile["lactate"])))
    else:
        published = np.asarray(profile[name])
    return Finding(
        value,
        across=_Y,
        along=_AXES[name],
        curve=points(y, ours),
        published=points(profile["y"], published),
        shown=shown,
    )


def _ends(made: Specimen, inside: bool = False) -> tuple[float, float]:
    """Ends along y in mm of the midline, or of the part of it that is nucleus."""
    topology = made.disc.topology
    middle, back = topology.layers // 2, topology.sectors // 2
    y = np.asarray(mesh.coordinates(topology, made.disc.shape))[..., 1] / evidence.factor("mm")
    ring = topology.nucleus_rings if inside else -1
    return float(y[ring, back, middle]), float(y[ring, 0, middle])


@measure(**UNITS)
def reference_extreme(lab: Laboratory, at: str) -> Finding:
    """Lowest oxygen, glucose or pH, or highest lactate, of the published reference disc."""
    made = lab.reference()
    return _with_profile(made, at, extreme(made, at), between(*_ends(made)))


@measure(**UNITS)
def reference_centre(lab: Laboratory, at: str) -> Finding:
    """A solute in the middle of the nucleus of the reference disc."""
    made = lab.reference()
    middle = made.disc.topology.layers // 2
    y = float(mesh.coordinates(made.disc.topology, made.disc.shape)[0, 0, middle, 1]) / evidence.factor("mm")
    return _with_profile(made, at, float(field(made, at)[0, 0, middle]), over(y))


@measure(**UNITS)
def reference_profile_difference(lab: Laboratory, at: str) -> Finding:
    """Root mean square difference from the published midline."""
    profile = reference_profile()
    y, ours = midline(lab.reference(), at)
    difference = np.interp(profile["y"], y, ours) - np.asarray(profile[at])
    return _with_profile(lab.reference(), at, float(np.sqrt(np.mean(difference**2))))


@measure(**{f"{how}_{name}": unit for how in _WORDS for name, unit in UNITS.items()})
def reference_variant(lab: Laboratory, at: str) -> Finding:
    """Lowest or mean of the nucleus in a variant: "min_glucose cells=1.5 plate=0.48 supply=0.75"."""
    what, *changes = at.split()
    given: dict[str, float | None] = {key: float(value) for key, value in (change.split("=") for change in changes)}
    how, name = what.split("_")

    def value(**more: float | None) -> float:
        set_to = _UNCHANGED | given | more
        made = lab.reference(set_to["cells"] or 1.0, set_to["plate"], set_to["supply"] or 1.0)
        values = field(made, name)
        if how == "mean":
            return mean_in(made.disc, mesh.NUCLEUS, jnp.asarray(values))
        return float(values[np.asarray(made.disc.tissue[mesh.NUCLEUS]) > 0].min())

    own = "cells" if "cells" in given or not given else next(iter(given))
    whole = evidence.used("endplate_water_volume_healthy").si
    words, several = _VARIED[own]
    curve = points((whole if v is None else v for v in several), (value(**{own: v}) for v in several))
    here = given.get(own, _UNCHANGED[own])
    shown = over(whole if here is None else here)
    return Finding(value(), "", words, f"{_WORDS[how]} {_AXES[name]}", curve, shown=shown)


@measure("nmol/(Mcell*hour)")
def law_a(lab: Laboratory, at: str) -> Finding:
    """What one nucleus cell uses or makes by law a: "lactate 7.4 5" (pH, kPa), nmol per million cells and hour."""
    name, ph, oxygen = at.split()
    p = Parameters.from_evidence()
    lactate = (p.ph_without_lactate - float(ph)) * p.lactate_per_ph
    water = jnp.asarray(evidence.used("nucleus_water_volume_healthy").si)
    law = Hypotheses.choose(glucose_limiter=False)

    def rate(kpa: float) -> float:
        rates = bibby_urban_rates(p, law, jnp.asarray(kpa * _KPA), lactate, jnp.ones(()), water)
        return float(rates[0 if name == "oxygen" else 1]) / evidence.factor("nmol/(Mcell*hour)")

    here = float(oxygen)
    curve = points(_PRESSURES, map(rate, _PRESSURES))
    return Finding(rate(here), "", "oxygen, kPa", f"{name}, nmol per million cells and hour", curve, shown=over(here))


@measure("percent")
def mesh_difference(lab: Laboratory, at: str) -> Finding:
    """Greatest difference of the mesh of this book from the standard one in a disc at the start, percent: "extremes 3"
    (of solutes) or "means 3" (of solutes in the nucleus, cells and height).
    """
    what, grade = at.split()[0], int(at.split()[1])
    finer = lab.keep("finer", lambda: Laboratory("standard"))

    def numbers(here: Laboratory) -> dict[str, float]:
        made = here.specimen(grade)
        if what == "extremes":
            return {name: extreme(made, name) for name in SOLUTES}
        own = here.summary(made)
        means = {name: mean_in(made.disc, mesh.NUCLEUS, jnp.asarray(field(made, name))) for name in SOLUTES}
        return means | {name: own[name] for name in ("native_cells_million", "height_mm")}

    ours, theirs = numbers(lab), numbers(finer)
    off = {name: abs(ours[name] / theirs[name] - 1) / evidence.factor("percent") for name in theirs}
    told = ", ".join(f"{name.replace('_', ' ')} {value:.2g} %" for name, value in off.items())
    places = [float(k) for k, _ in enumerate(off)]
    return Finding(max(off.values()), told, told, "differs by, %", points(places, off.values()))


@measure("1")
def oxygen_rise(lab: Laboratory, at: str) -> Finding:
    """Oxygen used by a cell of a degenerate disc over a healthy one: "cachot 3.5 1" (law, grade, mM glucose)."""
    law, grade, glucose = at.split()
    made = lab.specimen(1)
    disc = made.disc
    air = jnp.full(disc.topology.shape, evidence.convert(*_AIR))
    sugar = jnp.full(disc.topology.shape, float(glucose))

    def uptake(level: float) -> float:
        aged = eqx.tree_at(lambda d: d.grade, disc, jnp.asarray(level))
        if law == "cachot":
            rates = cachot_rates(aged, air, sugar)
        else:
            rates = bibby_urban_rates(aged.parameters, aged.hypotheses, air, 0 * air, sugar, aged.water)
        return mean_in(disc, mesh.NUCLEUS, rates[0])

    healthy = uptake(float(disc.parameters.healthy_grade))
    curve = points(_GRADES, (uptake(g) / healthy for g in _GRADES))
    return Finding(uptake(float(grade)) / healthy, "", "grade", "of healthy", curve, shown=over(float(grade)))


_AIR = (21.0, "kPa", "Pa")  # maths: oxygen of air over a culture, a condition of the check and no number of the model


# ---------------------------------------------------------------------------------------------- slabs


def _starving(solved_glucose: np.ndarray, ph: np.ndarray) -> np.ndarray:
    p = Parameters.from_evidence()
    return (solved_glucose < float(p.glucose_death_threshold)) | (ph < float(p.acid_death_threshold))


_HALF, _FULL = "half-thickness, mm", "million cells per mL"


def _kept_capacity(lab: Laboratory, half: float) -> float:
    return lab.keep(("capacity", half), lambda: _capacity(half))


def _capacity(half: float) -> float:
    """Most nucleus cells (million per mL) that a slab of half-thickness `half` mm feeds."""
    p = Parameters.from_evidence()
    water = evidence.used("nucleus_water_volume_healthy").si
    outside = [float(v) for v in (p.marrow_oxygen, p.marrow_lactate, p.marrow_glucose)]

    def solved(density: float):  # type: ignore[no-untyped-def]
        by = evidence.factor("Mcell/mL")
        return slab(half / _MM, density * by, outside, water, float(tissue_factor(jnp.asarray(water))))

    def fed(density: float) -> bool:
        return bool(solved(density).glucose[-1] > float(p.glucose_death_threshold))

    return bisect(fed, 0.5, _DENSEST)


@measure("Mcell/mL")
def capacity(lab: Laboratory, at: str) -> Finding:
    """Carrying capacity of a slab of the given half-thickness in mm."""
    curve = tuple((half, _kept_capacity(lab, half)) for half in sorted({*_HALVES, float(at)}))
    return Finding(dict(curve)[float(at)], "", _HALF, _FULL, curve, shown=over(float(at)))


@measure("1")
def capacity_exponent(lab: Laboratory, at: str) -> Finding:
    """Power of the half-thickness by which the capacity goes, between two half-thicknesses in mm."""
    thin, thick = (float(part) for part in at.split())
    each = (thin, 0.5 * (thin + thick), thick)
    some = [(half, _kept_capacity(lab, half)) for half in each]
    found = np.log(some[-1][1] / some[0][1]) / np.log(thick / thin)
    return Finding(float(found), "", _HALF, _FULL, tuple(some), shown=power(some[0], np.linspace(thin, thick, _FINE)))


def _chamber(density: float) -> tuple[float, tuple[tuple[float, float], ...]]:
    """Depth in mm at which cells (million per mL) in a chamber of gel starve, with 5 mM glucose on one side."""
    p = Parameters.from_evidence()
    outside = [evidence.convert(*_AIR), 0.0, float(p.rim_glucose)]
    for depth in _CHAMBERS:
        made = slab(depth / _MM, density * evidence.factor("Mcell/mL"), outside, 1.0, 1.0)
        starving = _starving(made.glucose, np.asarray(acidity(p, jnp.asarray(made.lactate))))
        if starving.any():
            return float(made.x[starving.argmax()] * _MM), points(made.x * _MM, made.glucose)
    return float("nan"), ()


@measure("mm")
def chamber_depth(lab: Laboratory, at: str) -> Finding:
    """Depth at which cells of a density (million per mL) starve, mm."""
    depth, curve = _chamber(float(at))
    shown = reached(height(curve, depth)) if curve else None
    return Finding(depth, "", "from the fed side, mm", "glucose, mM", curve, shown=shown)


@measure("1")
def chamber_exponent(lab: Laboratory, at: str) -> Finding:
    """Power of density by which that depth goes."""
    few, many = (float(part) for part in at.split())
    some = [(density, _chamber(density)[0]) for density in (few, 0.5 * (few + many), many)]
    found = np.log(some[-1][1] / some[0][1]) / np.log(many / few)
    shown = power(some[0], np.linspace(few, many, _FINE))
    return Finding(float(found), "", "million cells per mL", "depth, mm", tuple(some), shown=shown)


# ---------------------------------------------------------------------------------------------- supply


def _fed(lab: Laboratory, marrow: float = 1.0, rim: float = 1.0, openness: float = 1.0) -> Specimen:
    """The reference disc with supply lowered at its faces, or endplates less open; nobody dies."""

    def make() -> Specimen:
        base = lab.reference()
        disc = eqx.tree_at(lambda d: d.openness, lab.supplied(base.disc, marrow, rim), jnp.asarray(openness))
        return Specimen(disc, balanced(disc, base.state, -np.inf), base.injections)

    return lab.keep(("fed", marrow, rim, openness), make)


def _want(made: Specimen, everywhere: bool = True) -> np.ndarray:
    """Nodes inside (or of the nucleus) where cells would die."""
    starving = _starving(field(made, "glucose"), field(made, "ph"))
    inside = ~made.disc.topology.outside
    return starving & (inside if everywhere else np.asarray(made.disc.tissue[mesh.NUCLEUS]) > 0)


PATHWAYS = {"endplate": (True, False), "annulus": (False, True), "whole": (True, True)}


def _lowered(lab: Laboratory, pathway: str, level: float) -> Specimen:
    at_marrow, at_rim = PATHWAYS[pathway]
    return _fed(lab, level if at_marrow else 1.0, level if at_rim else 1.0)


def _critical(lab: Laboratory, pathway: str) -> float:
    return lab.keep(
        ("critical", pathway),
        lambda: bisect(lambda s: bool(_want(_lowered(lab, pathway, s)).any()), _SCARCE, 1.0, _HALVINGS),
    )


@measure("1")
def exchange_at_death(lab: Laboratory, at: str) -> Finding:
    """Share of endplate exchange at which the first nucleus cells would die, all endplates alike."""
    ends = bisect(lambda share: bool(_want(_fed(lab, openness=share), everywhere=False).any()), _SCARCE, 1.0, _HALVINGS)
    lowest = [float(field(_fed(lab, openness=s), "glucose").min()) for s in _SHARES]
    curve = points(_SHARES, lowest)
    return Finding(ends, "", "share of exchange", "lowest glucose, mM", curve, shown=reached(height(curve, ends)))


@measure("1")
def critical_nutrition(lab: Laboratory, at: str) -> Finding:
    """Share of normal oxygen and glucose outside at which the first cells would die, lowered on one pathway or both."""
    lowest = [float(field(_lowered(lab, at, s), "glucose").min()) for s in _SHARES]
    ends, curve = _critical(lab, at), points(_SHARES, lowest)
    return Finding(ends, "", "share of nutrition", "lowest glucose, mM", curve, shown=reached(height(curve, ends)))


def _places(made: Specimen) -> tuple[float, float, float]:
    """Share of the nucleus, of the inner and of the outer half of the annulus that is in want."""
    topology, want = made.disc.topology, _want(made)
    ring = np.broadcast_to(np.arange(topology.rings)[:, None, None], topology.shape)
    half = 0.5 * (topology.nucleus_rings + topology.rings - 1)
    plates = topology.endplate_layers
    layer = np.broadcast_to(np.arange(topology.layers), topology.shape)
    soft = (layer > plates) & (layer < topology.layers - 1 - plates) & ~topology.outside
    volume = np.asarray(made.disc.volume)
    parts = [ring < topology.nucleus_rings, (ring > topology.nucleus_rings) & (ring <= half), ring > half]
    return tuple(float((volume * want)[soft & part].sum() / volume[soft & part].sum()) for part in parts)  # type: ignore[return-value]


@measure("1")
def want_site(lab: Laboratory, at: str) -> Finding:
    """Where cells are in want when supply is a little below its critical level on one pathway."""
    level = _critical(lab, at) * _BELOW
    nucleus, inner, outer = _places(_lowered(lab, at, level))
    holds = {
        "endplate": nucleus > max(inner, outer),
        "annulus": outer > max(nucleus, inner),
        "whole": nucleus > 0 and inner > 0 and outer < max(nucleus, inner),
    }[at]
    told = f"at {level:.2f} of supply: {nucleus:.0%} of the nucleus, {inner:.0%} of inner, {outer:.0%} of outer annulus"
    return ordering(holds, told, _Y, "glucose, mM", points(*midline(_lowered(lab, at, level), "glucose")))


def _place(made: Specimen, name: str) -> tuple[int, int]:
    """How many rings from the border of the nucleus, and layers from mid-height, an extreme lies."""
    values = field(made, name)
    at = values.argmax() if name == "lactate" else values.argmin()
    ring, _, layer = np.unravel_index(at, values.shape)
    return int(abs(ring - made.disc.topology.nucleus_rings)), int(abs(layer - made.disc.topology.layers // 2))


@measure("1")
def extremes_at_border(lab: Laboratory, at: str) -> Finding:
    """Lowest oxygen and highest lactate within one node of the border of the nucleus at mid-height."""
    places = {name: _place(lab.reference(), name) for name in ("oxygen", "lactate")}
    told = ", ".join(f"{name} {r} rings and {k} layers away" for name, (r, k) in places.items())
    holds = all(max(place) <= 1 for place in places.values())
    return ordering(holds, told, _Y, "oxygen, kPa", points(*midline(lab.reference(), "oxygen")))


@measure("1")
def glucose_at_border(lab: Laboratory, at: str) -> Finding:
    """Lowest glucose within one ring of the border of the nucleus in a normal and in a degenerate disc."""
    made = {"normal": lab.reference(), "grade III": lab.specimen(3)}
    places = {name: _place(one, "glucose") for name, one in made.items()}
    told = ", ".join(f"{name} {r} rings away" for name, (r, _) in places.items())
    holds = all(r <= 1 for r, _ in places.values())
    curves = [points(*midline(made[name], "glucose")) for name in ("grade III", "normal")]
    return ordering(holds, told, _Y, "glucose in grade III, mM (dashed: normal)", *curves)


@measure("1")
def death_site(lab: Laboratory, at: str) -> Finding:
    """The first node in want as all supply falls, within one node of the border of the nucleus at mid-height."""
    made = _lowered(lab, "whole", _critical(lab, "whole"))
    ring, layer = _place(made, "glucose")
    told = f"{ring} rings and {layer} layers away"
    return ordering(max(ring, layer) <= 1, told, _Y, "glucose, mM", points(*midline(made, "glucose")))


@measure("1")
def starvation(lab: Laboratory, at: str) -> Finding:
    """Death without glucose, and none without oxygen."""
    p = Parameters.from_evidence()
    ph = p.ph_without_lactate
    rates = [float(cells.death(p, jnp.asarray(g), ph).starved) * simulate.DAY for g in (0.0, float(p.rim_glucose))]
    levels = [share * float(p.rim_glucose) for share in (0.0, *_SHARES)]
    curve = points(levels, (float(cells.death(p, jnp.asarray(g), ph).starved) * simulate.DAY for g in levels))
    told = f"{rates[0]:.2f} and {rates[1]:.2f} a day; oxygen is not in the law"
    return ordering(rates[0] > 0 == rates[1], told, "glucose, mM", "deaths a day", curve)


@measure(**UNITS | {"oxygen": "mmHg"})
def in_vivo(lab: Laboratory, at: str) -> Finding:
    """Mean of the nucleus in a disc of a grade: "oxygen 3" in mmHg, "lactate 3" in mM, "ph 3"."""
    name, grade = at.split()
    made = lab.specimen(int(grade))
    value = mean_in(made.disc, mesh.NUCLEUS, jnp.asarray(field(made, name)))
    y, ours = midline(made, name)
    to = evidence.convert(1.0, "kPa", "mmHg") if name == "oxygen" else 1.0
    along = "oxygen, mmHg" if name == "oxygen" else _AXES[name]
    return Finding(value * to, "", _Y, along, points(y, ours * to), shown=between(*_ends(made, inside=True)))


@measure(**UNITS)
def grade_extreme(lab: Laboratory, at: str) -> Finding:
    """Lowest of a solute over several grades: "glucose 1 2 3"."""
    name, *grades = at.split()
    some = [(float(g), extreme(lab.specimen(int(g)), name)) for g in grades]
    least, shown = min(value for _, value in some), between(some[0][0], some[-1][0])
    return Finding(least, "", "grade", f"lowest {_AXES[name]}", tuple(some), shown=shown)


# ---------------------------------------------------------------------------------------------- perturbations


def _resolved(disc: Disc, state: State) -> State:
    return balanced(disc, state, 0.0)


@measure("1")
def l5s1_glucose(lab: Laboratory, at: str) -> Finding:
    """Lowest glucose of L5-S1 before and after a perturbation, nobody dying yet: "lordosis 1.5" (what, times)."""
    what, *times = at.split()
    made = lab.specimen(1, "L5-S1")
    disc, state = made.disc, made.state
    solved = Specimen(disc, _resolved(disc, state), made.injections)
    before, fed = float(solved.state.solutes[GLUCOSE].min()), points(*midline(solved, "glucose"))
    if what == "calcified":
        disc = eqx.tree_at(lambda d: d.openness, disc, disc.parameters.endplate_calcified_openness)
    elif what == "metabolism":
        state = eqx.tree_at(lambda s: s.native, state, state.native * float(times[0]))
    else:
        disc, state, _ = lab.specimen(1, "L5-S1", stretched={"wedge": float(times[0])})
    solved = Specimen(disc, _resolved(disc, state), made.injections)
    after, curve = float(solved.state.solutes[GLUCOSE].min()), points(*midline(solved, "glucose"))
    told = f"{before:.3f} to {after:.3f} mM"
    return ordering(after < before, told, _Y, "glucose after, mM (dashed: before)", curve, fed)


@measure("1")
def calcified_with_cells(lab: Laboratory, at: str) -> Finding:
    """Mean glucose of the nucleus with two waters of the endplate, at several numbers of cells."""
    healthy, calcified, *several = (float(part) for part in at.split())

    def mean(plate: float, by: float) -> float:
        made = lab.reference(by, plate)
        return mean_in(made.disc, mesh.NUCLEUS, made.state.solutes[GLUCOSE])

    pairs = [(mean(healthy, by), mean(calcified, by)) for by in several]
    told = "; ".join(f"{a:.2f} to {b:.2f} mM" for a, b in pairs)
    open_, closed = (points(several, values) for values in zip(*pairs, strict=True))
    words = "mean glucose, mM: calcified (dashed: healthy)"
    return ordering(all(a > b for a, b in pairs), told, "times the cells", words, closed, open_)


def diffusivity(solute: str) -> float:
    """Diffusivity of oxygen, lactate or glucose in water, m^2/s."""
    return float(transport.diffusivities(Parameters.from_evidence())[SOLUTES[solute][0], 0, 0, 0])
