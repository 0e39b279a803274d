"""Measures of tears: when repeated load tears a disc, in how many by what age, and where it begins."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from scipy.stats import norm

from pulposus import evidence
from pulposus.disc import fissure, structure
from pulposus.disc.mesh import Topology
from pulposus.disc.structure import Seen
from pulposus.validation.days import disc_of
from pulposus.validation.finding import Finding, collector, ordering, over, points
from pulposus.validation.laboratory import Laboratory

MEASURES, measure = collector()
_YEAR = evidence.factor("year")
_PERCENT = 100.0  # maths: share to percent
_AGES = (20, 30, 40, 50, 60, 70, 80)  # maths: years at which the curve is drawn
_WITHIN = 0.9  # maths: share of discs whose strain at failure lies in its declared range
_PLACES = 33  # maths: strains at failure for which a life is computed
_OLD = 4  # maths: the grade of an old disc
_HALF_TURN = 180.0  # maths: degrees of half a turn


def _looked(lab: Laboratory, grade: int = 1) -> Seen:
    """A day of the whole reference disc, as of a grade, with all its postures."""

    def look() -> Seen:
        made = disc_of(lab, grade)
        return structure.see(made.body, made.found, structure.day())

    return lab.keep(("a day of tears", grade), look)


def _rates(lab: Laboratory, strains: np.ndarray, grade: int = 1) -> np.ndarray:
    """Share of the fatigue life used in a year (strain at failure, ring, sector, layer)."""
    body, seen = disc_of(lab, grade).body, _looked(lab, grade)

    def rate(failure: jax.Array) -> jax.Array:
        p = eqx.tree_at(lambda q: q.fibre_failure_strain, body.parameters, failure)
        strength = fissure.strength(body.topology, p)
        ratio = fissure.stress_ratio(p, body.material.fibre_exponent, seen.strain, strength)
        return fissure.life_used(p, ratio, seen.cycles) * _YEAR

    return np.asarray(jax.vmap(rate)(jnp.asarray(strains)))


def lives(lab: Laboratory, strains: np.ndarray, grade: int = 1) -> np.ndarray:
    """Years of the days of ``loads.csv`` after which the first element of a whole disc is torn, by the strain at which
    its fibres fail.
    """
    return 1 / _rates(lab, strains, grade).reshape(len(strains), -1).max(1)


@measure("percent")
def fissured(lab: Laboratory, at: str) -> Finding:
    """Share of people in percent, whose disc has a torn element at an age: strain at failure differs between them, its
    declared range holding nine of ten, and a life is counted from birth.
    """
    row = evidence.used("fibre_failure_strain")
    sd = (row.high - row.low) / (2 * float(norm.ppf((1 + _WITHIN) / 2)))
    strains = np.linspace(row.low, row.high, _PLACES)
    years = lives(lab, strains)
    failing = np.interp(np.log(_AGES), np.log(years), strains)  # those whose fibres are weaker are torn by then
    shares = _PERCENT * norm.cdf((failing - row.value) / sd)
    curve = points(_AGES, shares)
    return Finding(dict(curve)[float(at)], "", "age, years", "torn, % of people", curve, shown=over(float(at)))


def _shortest(lab: Laboratory) -> tuple[np.ndarray, int, Topology]:
    """Decimal logarithm of years until each element tears (ring, sector, layer; infinite where nothing pulls), the ring
    of the nucleus, and the mesh.
    """
    rates = _rates(lab, np.array([evidence.used("fibre_failure_strain").value]))[0]
    topology = disc_of(lab, 1).body.topology
    with np.errstate(divide="ignore"):
        return -np.log10(rates), topology.nucleus_rings, topology


@measure("1")
def tears_behind(lab: Laboratory, at: str) -> Finding:
    """Whether the first tear lies in the hinder half of the annulus."""
    lives_, _, topology = _shortest(lab)
    angle = (np.arange(topology.sectors) + 0.5) * 2 * _HALF_TURN / topology.sectors
    aside = np.minimum(angle, 2 * _HALF_TURN - angle)
    around = lives_.min((0, 2))
    first = float(aside[int(around.argmin())])
    told = f"{first:.0f} degrees from the front"
    return ordering(first > _HALF_TURN / 2, told, "around, degrees from the front", _LIFE, points(angle, around))


@measure("1")
def tears_inside(lab: Laboratory, at: str) -> Finding:
    """Whether the first tear lies in the inner half of the annulus."""
    lives_, inner, _ = _shortest(lab)
    outward = lives_[inner:].min((1, 2))
    count, first = len(outward), int(outward.argmin())
    told = f"ring {first + 1} of {count} from the nucleus"
    curve = points(np.arange(1, count + 1), outward)
    return ordering(first < count / 2, told, "ring, from the nucleus", _LIFE, curve)


@measure("1")
def young_tear_first(lab: Laboratory, at: str) -> Finding:
    """Whether a healthy disc tears sooner under the same days than an old one."""
    failing = np.array([evidence.used("fibre_failure_strain").value])
    young, old = (float(lives(lab, failing, g)[0]) for g in (1, _OLD))
    told = f"{young:.3g} years as healthy, {old:.3g} at grade {_OLD}"
    return ordering(young < old, told, "grade", _LIFE, points((1, _OLD), np.log10([young, old])))


_LIFE = "years until the first tear, decimal logarithm"
