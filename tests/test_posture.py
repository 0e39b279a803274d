"""Loads by name, what is read off a disc, and a disc of the clock put on the solid."""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest
from discs import REFERENCE, shape_of

from pulposus import evidence
from pulposus.disc import equilibrium, mesh, posture, simulate
from pulposus.disc.mesh import Topology
from pulposus.disc.parameters import Parameters
from pulposus.disc.state import Hypotheses
from pulposus.errors import InputError
from pulposus.therapies import biological

TINY = Topology(5, 8, 7, 2, 1)
settle = eqx.filter_jit(posture.settle)


@pytest.fixture(scope="module")
def disc():
    """A healthy disc of the clock, its solid, and how it stands."""
    products, _ = biological.prescribe((), 1)
    made, state = simulate._healthy(
        TINY,
        shape_of(REFERENCE),
        Parameters.from_evidence(),
        Hypotheses(),
        products,
        jnp.asarray(40 * simulate.YEAR),
        jnp.ones(len(simulate.MECHANISMS)),
    )
    body = posture.body(made, state)
    load = posture.load_of(body, "standing")
    return made, state, body, load, settle(made, state, load, equilibrium.at_start(body))


def test_postures_are_named_and_those_read_off_pressure_say_so():
    assert {"lying", "standing", "sitting", "flexed", "lifting", "night", "day"} <= set(evidence.postures())
    assert evidence.posture("standing")["compression"].si > evidence.posture("lying")["compression"].si
    assert evidence.calibrates("day")
    assert not evidence.calibrates("standing")
    with pytest.raises(InputError, match="standing"):
        evidence.posture("standin")


def test_what_is_read_off_the_disc_as_built_is_its_form(disc):
    made, _, body, _, _ = disc
    seen = posture.read(body, equilibrium.at_start(body))
    coords = mesh.coordinates(TINY, made.shape)
    assert float(seen.height) == pytest.approx(float(coords[0, 0, -1, 2] - coords[0, 0, 0, 2]))
    assert float(seen.volume) == pytest.approx(float(jnp.sum(made.volume)), rel=1e-9)
    assert float(seen.water) == pytest.approx(float(jnp.sum(made.volume * made.water)), rel=1e-9)
    assert float(seen.fibre_stretch) == pytest.approx(1.0)
    assert float(jnp.abs(seen.bulge).max()) == 0
    assert float(seen.driest) == pytest.approx(1.0)


def test_a_standing_disc_is_lower_bulges_and_bears_its_load(disc):
    _, _, body, _, found = disc
    seen, start = posture.read(body, found), posture.read(body, equilibrium.at_start(body))
    assert float(found.error) < 1e-6
    assert float(seen.height) < float(start.height)
    assert np.all(np.asarray(seen.bulge) > 0)
    assert float(seen.bulge[1]) == pytest.approx(float(seen.bulge[3]), rel=1e-3)  # left as right
    assert 0.1e6 < float(seen.pressure) < 1e6
    assert float(seen.fibre_stress) > 0
    nodal = posture.volume_ratio(body, found)
    assert nodal.shape == TINY.shape
    assert float(jnp.sum(nodal * disc[0].volume)) == pytest.approx(float(seen.volume), rel=1e-9)
    np.testing.assert_allclose(posture.coordinates(body, found)[0, 0, 0], jnp.moveaxis(body.start, 0, -1)[0, 0, 0])


def test_charge_lost_is_height_lost_and_the_solve_starts_from_before(disc):
    made, state, body, load, found = disc
    poorer = eqx.tree_at(lambda s: s.charge, state, 0.9 * state.charge)
    then = settle(made, poorer, load, found)
    assert float(then.error) < 1e-6
    assert int(then.newton) <= 4
    assert float(posture.read(body, then).height) < float(posture.read(body, found).height)


def test_a_disc_bends_the_way_it_is_bent(disc):
    _, _, body, _, found = disc
    moments = jnp.array([2.0, 5.0])
    turn, _, error = eqx.filter_jit(posture.motion)(body, found, "flexion", moments)
    assert float(error.max()) < 1e-6
    assert 0 < float(turn[0]) < float(turn[1]) < np.deg2rad(20)


def test_a_disc_is_stiff_in_compression(disc):
    _, _, body, load, found = disc
    stiffness = float(eqx.filter_jit(posture.axial_stiffness)(body, found, load, 100.0))
    assert 3e5 < stiffness < 5e6
