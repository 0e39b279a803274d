"""The form of a disc over years: solved as a whole now and then, by columns in between."""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest
from discs import prepared, run

from pulposus import imaging
from pulposus.disc import mechanics, mesh, posture, simulate
from pulposus.uncertainty import ensemble


def height(disc, state) -> float:
    return float(imaging.summary(disc, state, imaging.T2Scale.from_evidence())["height_mm"])


@pytest.mark.parametrize(("level", "grade"), [("L4-L5", 1), ("L5-S1", 5), ("C5-C6", 3)])
def test_a_disc_starts_as_it_was_measured(level, grade):
    disc, state, _ = prepared(level=level, grade=grade)
    formed = mechanics.form(disc, state)
    assert float(formed.strain) < 1e-6
    np.testing.assert_allclose(formed.stretch, 1, atol=5e-3)
    assert height(disc, formed) == pytest.approx(height(disc, state), rel=1e-4)


def test_nodes_hold_the_volume_that_their_places_enclose():
    disc, state, _ = prepared()
    poorer = mechanics.form(disc, eqx.tree_at(lambda s: s.charge, state, 0.8 * state.charge))
    inside = jnp.sum(mesh.node_volumes(disc.topology, mechanics.coordinates(disc, poorer)))
    assert float(jnp.sum(disc.volume * poorer.stretch)) == pytest.approx(float(inside), rel=2e-3)
    assert height(disc, poorer) < height(disc, state)
    # what the whole disc found stays when columns are asked again, and goes on from there
    settled = mechanics.settle(disc, poorer)
    np.testing.assert_allclose(settled.stretch, poorer.stretch, rtol=1e-9)
    assert height(disc, mechanics.settle(disc, eqx.tree_at(lambda s: s.charge, poorer, 0.7 * state.charge))) < height(
        disc, poorer
    )


@pytest.mark.parametrize("left", [0.8, 0.5, 0.25])
def test_the_form_does_not_depend_on_where_it_was_solved_last(left):
    """A knife takes much of the nucleus at once: from the form with all of its charge, and in four steps."""
    disc, state, _ = prepared(grade=3)
    taken = 1 - (1 - left) * disc.tissue[0]
    cut = mechanics.form(disc, eqx.tree_at(lambda s: s.charge, state, taken * state.charge))
    steps = state
    for part in (0.25, 0.5, 0.75, 1.0):
        steps = eqx.tree_at(lambda s: s.charge, steps, (1 - part * (1 - taken)) * state.charge)
        steps = mechanics.form(disc, steps)
    assert float(cut.strain) < 1e-6
    assert float(steps.strain) < 1e-6
    np.testing.assert_allclose(cut.stretch, steps.stretch, atol=2e-5)
    assert height(disc, cut) == pytest.approx(height(disc, steps), abs=1e-4)


def test_the_lower_vertebra_holds_its_endplate_whatever_the_guess():
    """Columns give way at both ends: a form sought from them kept the warp below, and half of the height was lost."""
    disc, state, _ = prepared()
    poorer = eqx.tree_at(lambda s: s.charge, state, 0.8 * state.charge)
    body, load, *guesses = mechanics._before(disc, poorer)
    last, gone = (mechanics.equilibrium.drained(body, load, guess) for guess in guesses)
    assert float(jnp.abs(guesses[1].displacement[..., 0]).max()) > 1e-5  # m: else nothing would be shown
    assert float(jnp.abs(gone.displacement[..., 0]).max()) == 0
    np.testing.assert_allclose(gone.displacement, last.displacement, atol=1e-8)


def test_a_form_that_lies_too_far_is_sought_from_columns(monkeypatch):
    """Where nothing is found from the last form, the second guess is asked, and its form is the one that is kept."""
    disc, state, _ = prepared()
    poorer = eqx.tree_at(lambda s: s.charge, state, 0.8 * state.charge)
    known, calls = mechanics.form(disc, poorer), []
    solve = mechanics.equilibrium.drained

    def fails_once(body, load, start):
        calls.append(start)
        found = solve(body, load, start)
        return found if len(calls) > 1 else eqx.tree_at(lambda b: b.error, found, jnp.asarray(jnp.nan))

    monkeypatch.setattr(mechanics.equilibrium, "drained", fails_once)
    formed = mechanics.form(disc, poorer)
    assert len(calls) == 2
    assert float(jnp.abs(calls[0].displacement - calls[1].displacement).max()) > 1e-5  # m
    np.testing.assert_allclose(formed.stretch, known.stretch, atol=2e-5)
    assert float(formed.strain) < 1e-6


def test_how_often_the_whole_disc_is_solved_hardly_matters(monkeypatch):
    """Two years of a starved disc: solved whenever charge has gone by 1 % or by 0.1 %, height lost agrees within 1 %;
    columns alone do not."""
    made = prepared(grade=3, endplate="sclerotic")
    lost = {}
    for limit in (simulate.FORMED, 0.1 * simulate.FORMED, 1.0):
        monkeypatch.setattr(simulate, "FORMED", limit)
        lost[limit] = height(*made[:2]) - height(made[0], run(*made, [0, 24])[-1])
    usual, often, never = lost.values()
    assert usual == pytest.approx(often, rel=0.01)
    assert abs(never - often) > abs(usual - often)


def test_an_ensemble_solves_the_whole_disc_less_often_and_ends_where_a_run_ends():
    made = prepared(grade=3, endplate="sclerotic")
    months, start = [0, 6, 12, 18, 24], height(*made[:2])
    seldom = ensemble.SELDOM * simulate.FORMED
    usual, rare = ([height(made[0], s) for s in run(*made, months, **p)] for p in ({}, {"formed": seldom}))
    assert start - rare[-1] == pytest.approx(start - usual[-1], rel=0.01)
    assert np.subtract(start, rare[1:]) == pytest.approx(np.subtract(start, usual[1:]), rel=0.04)


def test_a_disc_that_does_not_rest_as_it_was_measured_says_so_from_the_start():
    """Elements that were never set back swell far beyond the form that was measured."""
    disc, state, _ = prepared()
    assert 0 < float(state.strain) < 1e-6
    slack = eqx.tree_at(lambda d: d.slack, disc, posture._measured(disc.topology, disc.shape))
    assert not np.isfinite(float(mechanics.begun(slack, state).strain))


def test_a_disc_that_finds_no_rest_says_so():
    disc, state, _ = prepared()
    torn = eqx.tree_at(lambda d: d.parameters.rest_stress, disc, -1e5 * disc.parameters.rest_stress)
    lost = mechanics.form(torn, state)
    assert not np.isfinite(float(lost.strain))
    np.testing.assert_array_equal(lost.stretch, state.stretch)  # the form it had stays
