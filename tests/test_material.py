"""Stress from energy, swelling pressures against published ones, fibres that only pull."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pulposus.disc import composition, material, mechanics
from pulposus.disc.mesh import Topology
from pulposus.disc.parameters import Parameters
from pulposus.disc.state import Hypotheses

P = Parameters.from_evidence()
SMALL = Topology(5, 8, 6, 2, 1)
IDEAL, COMPOSED = Hypotheses(), Hypotheses(osmosis="composition")
ANGLE = 0.4


def tissue(grade: float = 1.5, hypotheses: Hypotheses = IDEAL, p: Parameters = P) -> material.Material:
    g = jnp.asarray(grade)
    return material.graded(SMALL, p, hypotheses, g, *composition.composition(p, hypotheses, g))


def one(place: tuple[int, int, int], **choices) -> material.Material:
    return jax.tree.map(lambda leaf: leaf[place], tissue(**choices))


NUCLEUS, ANNULUS, ENDPLATE = (0, 0, 2), (3, 0, 2), (0, 0, 0)


@pytest.mark.parametrize("hypotheses", [IDEAL, COMPOSED], ids=["donnan", "composition"])
@pytest.mark.parametrize("place", [NUCLEUS, ANNULUS])
def test_stress_is_the_derivative_of_the_energy(hypotheses, place):
    rng = np.random.default_rng(1)
    m = one(place, hypotheses=hypotheses)
    along = jnp.array([[0, np.cos(ANGLE), side * np.sin(ANGLE)] for side in (1, -1)])
    deformation = jnp.eye(3) + 0.1 * jnp.asarray(rng.normal(size=(3, 3)))
    energy = jax.grad(lambda f: material.energy(P, hypotheses, m, f, along))(deformation)
    volume = jnp.linalg.det(deformation)
    stress = m.shear * deformation
    stress += material.volume_stress(P, hypotheses, m, volume) * volume * jnp.linalg.inv(deformation).T
    for a in along:
        pull, _ = material.fibre_tension(m, jnp.sum((deformation @ a) ** 2))
        stress += pull * jnp.outer(deformation @ a, a)
    np.testing.assert_allclose(energy, stress, rtol=1e-9, atol=1e-6 * float(m.shear))


def test_a_rotation_costs_nothing_and_the_state_as_built_has_no_solid_stress():
    m = one(ANNULUS)
    turn = jax.scipy.linalg.expm(jnp.array([[0, -0.5, 0.2], [0.5, 0, -0.3], [-0.2, 0.3, 0]]))
    along = jnp.array([[0, np.cos(ANGLE), np.sin(ANGLE)]])
    assert abs(float(material.energy(P, IDEAL, m, turn, along))) < 1e-9 * float(m.shear)
    dry = m.__class__(**{**vars(m), "charge": jnp.zeros(())})
    assert abs(float(material.volume_stress(P, IDEAL, dry, jnp.ones(())) + m.shear)) < 1e-9 * float(m.shear)


def test_confined_stretch_is_wilsons_law():
    m = one(NUCLEUS)
    for stretch in (0.7, 0.95, 1.2):
        ours = material.volume_stress(P, IDEAL, m, jnp.asarray(stretch)) + m.shear * stretch
        ours += material.osmotic_pressure(P, IDEAL, m, jnp.asarray(stretch))
        assert float(ours) == pytest.approx(float(mechanics.solid_stress(m.shear, m.solid, stretch)), rel=1e-10)


@pytest.mark.parametrize(
    ("grade", "real", "ideal"),
    [(1.5, (0.180, 0.168, 0.113), (0.286, 0.121, 0.104)), (3.0, (0.136, 0.228, 0.097), (0.177, 0.109, 0.061))],
)
def test_swelling_pressures_are_the_published_ones(grade, real, ideal):
    """MPa at J = 1 and 293 K; the published code reads the activity outside at the fixed charge, we at the salt."""
    p = Parameters.from_evidence({"temperature": 293.0})
    for place, composed, donnan in zip((NUCLEUS, ANNULUS, ENDPLATE), real, ideal, strict=True):
        m, whole = one(place, grade=grade, p=p), jnp.ones(())
        assert float(material.osmotic_pressure(p, IDEAL, m, whole)) / 1e6 == pytest.approx(donnan, abs=6e-4)
        charge = material.water_charge(m, whole)
        theirs = material._composed(p, m, charge, whole, outer=charge)[0]
        assert float(theirs) / 1e6 == pytest.approx(composed, abs=6e-4)


def test_the_fixed_point_of_the_composition_law_has_converged(monkeypatch):
    m, volume = tissue(), jnp.asarray(0.8)
    pressure = material.osmotic_pressure(P, COMPOSED, m, volume)
    monkeypatch.setattr(material, "_TURNS", 60)
    np.testing.assert_allclose(pressure, material.osmotic_pressure(P, COMPOSED, m, volume), rtol=1e-4)


def test_water_resists_being_pressed_out_and_stiffness_is_the_slope():
    m = one(NUCLEUS)
    for hypotheses in (IDEAL, COMPOSED):
        volume = jnp.linspace(0.5, 1.3, 9)
        stress, slope = material.volume_stiffness(P, hypotheses, m, volume)
        up, down = (material.volume_stress(P, hypotheses, m, volume + e) for e in (1e-6, -1e-6))
        np.testing.assert_allclose(slope, (up - down) / 2e-6, rtol=1e-6)
        assert np.all(np.diff(stress) > 0)


def test_fibres_pull_and_never_push():
    m = one(ANNULUS)
    pull, _ = material.fibre_tension(m, jnp.array([0.81, 0.999, 1.0]))
    assert np.all(np.asarray(pull) == 0)
    slack, taut = material.fibre_energy(m, jnp.asarray(0.9)), material.fibre_energy(m, jnp.asarray(1.1))
    assert float(slack) == 0 < float(taut)
    pull, rise = material.fibre_tension(m, jnp.asarray(1.1))
    assert float(pull) == pytest.approx(2 * float(jax.grad(lambda i: material.fibre_energy(m, i))(1.1)), rel=1e-9)
    slope = jax.grad(lambda i: material.fibre_tension(m, i)[0])(1.1)
    assert float(rise) == pytest.approx(2 * float(slope), rel=1e-9)


def test_fibres_by_grade_under_both_hypotheses():
    def at(grade: float, **choice: str) -> float:
        modulus, exponent = material.fibres(P, Hypotheses(**choice), jnp.asarray(grade))
        return float(modulus * jnp.expm1(exponent * 0.05))

    assert at(1.5, fibres="soften") == pytest.approx(at(1.5, fibres="stiffen"))
    assert at(5, fibres="soften") < at(3, fibres="soften") < at(1.5) < at(3, fibres="stiffen")


def test_fibres_are_where_the_annulus_is_and_steeper_inside():
    m, angle = tissue(), np.rad2deg(np.asarray(material.angles(SMALL, P)))
    assert np.all(np.asarray(m.fibre_modulus)[: SMALL.nucleus_rings] == 0)
    assert np.all(np.asarray(m.fibre_modulus)[SMALL.nucleus_rings :] > 0)
    assert np.all(angle[2] > angle[3])
    assert angle[3, 0, 2] < angle[3, 4, 2]
    assert angle[2:].min() >= 23
    assert angle[2:].max() <= 43


def test_permeability_falls_with_water():
    m = one(NUCLEUS)
    k = material.permeability(P, m, jnp.array([0.7, 1.0, 1.2]))
    assert np.all(np.diff(np.asarray(k)) > 0)
    assert 1e-16 < float(k[1]) < 1e-14
