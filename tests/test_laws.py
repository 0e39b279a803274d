"""The pointwise laws against the tables that their sources print, and their limits."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from discs import prepared
from hypothesis import given, settings
from hypothesis import strategies as st

from pulposus.disc import cells, inflammation, mechanics, metabolism
from pulposus.disc.composition import composition, continuous_grade, endplate
from pulposus.disc.parameters import Parameters, declared
from pulposus.disc.simulate import DAY, YEAR
from pulposus.disc.state import Hypotheses, positive_share
from pulposus.errors import InputError

P = Parameters.from_evidence()
FMOL_PER_HOUR = 1e-15 / 3600  # one nmol per million cells and hour


@pytest.mark.parametrize(
    ("ph", "oxygen_kpa", "lactate", "glucose", "oxygen"),
    [
        (7.4, 5, 159, 79, 4.37),
        (7.2, 3, 105, 52.5, 2.91),
        (7.0, 2, 76.5, 38.2, 2.04),
        (7.0, 1, 66.3, 33.2, 1.11),
        (6.8, 1, 55.0, 27.5, 1.09),
        (6.5, 0.5, 38.6, 19.3, 0.55),
    ],
)
def test_law_a_gives_its_published_rates(ph, oxygen_kpa, lactate, glucose, oxygen):
    """Dossier table of Bibby and Urban's law at water fraction 0.8, nmol per million cells and hour."""
    held = (P.ph_without_lactate - ph) * P.lactate_per_ph
    uptake, made = metabolism.bibby_urban_rates(P, Hypotheses(glucose_limiter=False), oxygen_kpa * 1e3, held, 5.0, 0.8)
    np.testing.assert_allclose(made / FMOL_PER_HOUR, lactate, rtol=0.01)
    np.testing.assert_allclose(P.glucose_per_lactate * made / FMOL_PER_HOUR, glucose, rtol=0.01)
    np.testing.assert_allclose(uptake / FMOL_PER_HOUR, oxygen, rtol=0.01)


def test_the_limiter_halves_glycolysis_at_its_constant_and_takes_lactate_and_glucose_alike():
    free = metabolism.bibby_urban_rates(P, Hypotheses(glucose_limiter=False), 2e3, 3.0, 1.0, 0.8)
    half = metabolism.bibby_urban_rates(P, Hypotheses(), 2e3, 3.0, P.glucose_limiter, 0.8)
    np.testing.assert_allclose(half[1] / free[1], 0.5)
    np.testing.assert_allclose(half[0], free[0])


@pytest.mark.parametrize(("glucose", "per_day"), [(0.5, 0.0), (0.3, 0.8), (0.1, 2.7), (0.0, 5.0)])
def test_want_of_glucose_kills_at_the_published_rate(glucose, per_day):
    np.testing.assert_allclose(cells.death(P, jnp.asarray(glucose), 7.0).starved * DAY, per_day, atol=0.05)


def test_acid_kills_at_the_published_rate_below_its_threshold_and_not_above():
    rates = cells.death(P, jnp.asarray(2.0), jnp.array([6.79, 6.5])).acid * DAY
    np.testing.assert_allclose(rates, [0.0, 0.326], atol=1e-3)


def test_the_network_switches_where_the_dossier_says():
    """Aggrecan halves at glucose 0.57 mM and pH 6.65, collagen II at 0.64 mM and 6.80; IL-1beta is full below 6.6 and
    0.04 above 6.8.
    """
    for target, glucose, ph in (("aggrecan", 0.57, 6.65), ("collagen2", 0.64, 6.80)):
        np.testing.assert_allclose(inflammation.stimulus(target, "glucose", jnp.asarray(glucose)), 0.5, atol=0.06)
        np.testing.assert_allclose(inflammation.stimulus(target, "ph", jnp.asarray(ph)), 0.5, atol=0.08)
    assert float(inflammation.stimulus("il1b", "ph", jnp.asarray(6.55))) > 0.9
    np.testing.assert_allclose(inflammation.stimulus("il1b", "ph", jnp.asarray(6.9)), 0.035, atol=0.01)


@given(kind=st.sampled_from(["glucose", "ph"]), target=st.sampled_from(inflammation.TARGETS), at=st.floats(0.0, 30.0))
@settings(max_examples=60, deadline=None)
def test_every_stimulus_stays_between_nothing_and_all(kind, target, at):
    value = at if kind == "glucose" else 5.5 + at / 15
    found = float(inflammation.stimulus(target, kind, jnp.asarray(value)))
    assert -0.07 <= found <= 1.07  # pieces of the published fit miss their limits by a few percent


def test_a_healthy_disc_has_every_activity_at_one():
    disc, state, _ = prepared(grade=1)
    inner = ~disc.topology.outside
    for field in (state.il1b, state.tnf, state.mmp3, state.adamts4):
        np.testing.assert_allclose(np.asarray(field)[inner], 1.0, rtol=1e-4)


def test_a_degenerate_disc_has_the_measured_share_of_positive_cells():
    """Le Maitre 2007: 30 % of cells positive for the IL-1 receptor in healthy discs, 80 % in degenerate ones; the
    model's mean nucleus level meets it.
    """
    disc, state, _ = prepared(grade=4)
    weight = disc.tissue[0] * disc.volume
    level = float(jnp.sum(weight * state.il1b) / jnp.sum(weight))
    np.testing.assert_allclose(positive_share(P.il1b_positive_healthy, level), P.il1b_positive_degenerate, atol=0.01)


def test_ideal_donnan_pressure_of_the_healthy_nucleus():
    """0.286 MPa at 293 K in the dossier; 310 K in the body is 5.8 % more."""
    np.testing.assert_allclose(mechanics.osmotic_pressure(P, P.nucleus_charge_healthy), 0.286e6 * 1.058, rtol=0.005)


def test_wilsons_solid_is_unstressed_at_rest_stiffer_when_pressed_and_its_modulus_is_the_known_one():
    modulus, solid = 1e6, 0.2
    stress = jax.vmap(lambda j: mechanics.solid_stress(modulus, solid, j))(jnp.linspace(0.6, 1.2, 61))
    assert (np.diff(stress) > 0).all()
    np.testing.assert_allclose(mechanics.solid_stress(modulus, solid, 1.0), 0.0, atol=1e-9)
    slope = jax.grad(lambda j: mechanics.solid_stress(modulus, solid, j))(1.0)
    bulk = modulus / 6 * (1 + 3 * (1 + solid) / (1 - solid))  # small-strain bulk modulus of Wilson's energy
    np.testing.assert_allclose(slope, bulk + 4 / 3 * modulus, rtol=1e-6)


def test_grades_follow_their_published_charge():
    """IV and V at 0.55 and 0.31 of III; Cachot's absolute map 0.744, 0.412, 0.228, 0.126 of healthy at II to V."""
    relative = [composition(P, Hypotheses(), continuous_grade(P, g)).charge[0] for g in (1, 2, 3, 4, 5)]
    np.testing.assert_allclose(relative[0], P.nucleus_charge_healthy)
    np.testing.assert_allclose(relative[2], P.nucleus_charge_grade3)
    np.testing.assert_allclose(np.array(relative[3:]) / relative[2], [0.55, 0.31], atol=0.005)
    absolute = [composition(P, Hypotheses(grading="absolute"), continuous_grade(P, g)).charge[0] for g in (2, 3, 4, 5)]
    np.testing.assert_allclose(np.array(absolute) / relative[0], [0.744, 0.412, 0.228, 0.126], atol=0.001)
    assert (
        np.diff([composition(P, Hypotheses(), continuous_grade(P, g)).water for g in (1, 2, 3, 4, 5)], axis=0) < 0
    ).all()


def test_endplate_hypotheses_pull_apart():
    """Cachot's calcification: diffusivity 0.908, 0.685, 0.408, 0.078 at II to V; porosity rises instead."""
    falls = [
        endplate(P, Hypotheses(endplate_permeability="falls"), jnp.asarray(float(g)), "intact")[1] for g in (2, 3, 4, 5)
    ]
    np.testing.assert_allclose(falls, [0.908, 0.685, 0.408, 0.078], atol=0.002)
    rises = endplate(P, Hypotheses(endplate_permeability="rises"), jnp.asarray(5.0), "intact")[1]
    assert rises > 1.0
    with pytest.raises(InputError, match="did you mean 'calcified'"):
        endplate(P, Hypotheses(), jnp.asarray(3.0), "calcifed")


@given(charge=st.floats(0.6, 1.3))
@settings(max_examples=20, deadline=None)
def test_less_charge_means_less_height_and_balance_holds(charge):
    disc, state, _ = prepared(grade=3)
    import equinox as eqx

    moved = mechanics.settle(disc, eqx.tree_at(lambda s: s.charge, state, charge * state.charge))
    assert ((np.asarray(moved.stretch) < 1) == (charge < 1)).all() or abs(charge - 1) < 1e-6
    held = mechanics.osmotic_pressure(P, disc.charge)
    third = [P.nucleus_shear_modulus_grade3, P.annulus_shear_modulus_grade3, P.endplate_shear_modulus_grade3]
    now = mechanics.osmotic_pressure(P, mechanics.charge_now(disc, moved)) - mechanics.solid_stress(
        jnp.tensordot(jnp.stack(third), disc.tissue, 1),
        1 - disc.water,
        moved.stretch,
    )
    np.testing.assert_allclose(now, held, atol=1.0)  # Pa


def test_every_declared_parameter_has_a_value_and_an_override_must_name_one():
    for name in declared():
        assert np.isfinite(float(getattr(P, name))), name
    with pytest.raises(InputError, match="glucose_limiter"):
        Parameters.from_evidence({"glucose_limitr": 1.0})
    assert float(Parameters.from_evidence({"glucose_limiter": 0.2}).glucose_limiter) == 0.2


def test_unknown_hypotheses_are_refused_with_their_options():
    with pytest.raises(InputError, match="metabolism"):
        Hypotheses.choose(metabolsm="cachot")
    with pytest.raises(InputError, match="bibby_urban, cachot"):
        Hypotheses.choose(metabolism="michaelis")
    assert pytest.approx(365.25 * DAY) == YEAR
