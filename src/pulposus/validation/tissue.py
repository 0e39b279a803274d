"""Measures of a piece of annulus: pulled in saline, one way at a time, free to swell and to give way sideways."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array
from scipy.optimize import root

from pulposus.disc import material, mesh
from pulposus.disc.composition import continuous_grade
from pulposus.disc.parameters import Parameters
from pulposus.disc.state import Hypotheses
from pulposus.validation.finding import Finding, collector, over, points
from pulposus.validation.laboratory import Laboratory
from pulposus.validation.matter import made_of

MEASURES, measure = collector()
WAYS = ("radial", "circumferential", "axial")
_STRAINS = np.linspace(0.0, 0.12, 13)  # maths: strains at which curves are drawn
_KILO = 1e-3  # maths: Pa to kPa, a scale near one for the solver
_PERCENT = 100.0  # maths: share to percent
_MPA = 1e-6  # maths: Pa to MPa


def _stress(site: str, p: Parameters, hypotheses: Hypotheses, grade: int) -> Callable[[Array], Array]:
    """Principal Cauchy stresses in Pa of annulus at a site ("outer", "inner"; the side of the disc) from its stretches
    along `WAYS`; both fibre families alike, so that nothing shears.
    """
    topology, made = mesh.sized("cohort"), made_of(grade)
    stuff = material.graded(topology, p, hypotheses, continuous_grade(p, grade), made.water, made.charge, made.collagen)
    ring = {"inner": topology.nucleus_rings, "outer": -1}[site]
    at = ring, topology.sectors // 4, topology.layers // 2
    piece = jax.tree.map(lambda leaf: leaf[at], stuff)
    along = jnp.stack([jnp.array([0.0, jnp.cos(a), jnp.sin(a)]) for a in (piece.fibre_angle, -piece.fibre_angle)])

    def energy(stretch: Array) -> Array:
        return material.energy(p, hypotheses, piece, jnp.diag(stretch), along)

    return jax.jit(lambda stretch: jax.grad(energy)(stretch) * stretch / jnp.prod(stretch))


def pulled(way: str, site: str, p: Parameters, hypotheses: Hypotheses, grade: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Strain over the swollen sample and stress in MPa over its section, of annulus pulled along a way of `WAYS`."""
    stress = _stress(site, p, hypotheses, grade)
    pull, others = WAYS.index(way), [i for i in range(3) if i != WAYS.index(way)]
    free = now = root(lambda s: np.asarray(stress(jnp.asarray(s))) * _KILO, np.ones(3)).x
    found = []
    for strain in _STRAINS:
        held = free[pull] * (1 + strain)

        def sideways(two: np.ndarray, held: float = held) -> np.ndarray:
            return np.asarray(stress(jnp.asarray(np.insert(two, pull, held))))[others] * _KILO

        now = np.insert(root(sideways, now[others]).x, pull, held)
        thinned = np.prod(now[others] / free[others])
        found.append(float(stress(jnp.asarray(now))[pull]) * _MPA * thinned)
    return _STRAINS, np.array(found)


@measure("MPa")
def annulus_tension(lab: Laboratory, at: str) -> Finding:
    """Modulus of healthy annulus in tension, MPa: "axial outer 5" (way, site or "both", percent of strain)."""
    way, site, percent = at.split()
    p = Parameters.from_evidence()
    sites = ("outer", "inner") if site == "both" else (site,)
    curves = [pulled(way, one, p, Hypotheses()) for one in sites]
    stress = np.mean([curve for _, curve in curves], axis=0)
    modulus = np.gradient(stress, _STRAINS)
    value = float(np.interp(float(percent) / _PERCENT, _STRAINS, modulus))
    curve = points(_PERCENT * _STRAINS, modulus)
    return Finding(value, "", "strain, %", "modulus, MPa", curve, shown=over(float(percent)))
