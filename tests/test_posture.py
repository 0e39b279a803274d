"""Loads by name, what is read off a disc, and a disc of the clock put on the solid."""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest
from discs import REFERENCE, shape_of

from pulposus import biomechanics, evidence
from pulposus.disc import equilibrium, material, mesh, posture, solid
from pulposus.disc.mesh import Topology
from pulposus.disc.parameters import Parameters
from pulposus.disc.state import Hypotheses
from pulposus.errors import InputError

TINY = Topology(5, 8, 7, 2, 1)
P = Parameters.from_evidence()


@pytest.fixture(scope="module")
def disc():
    """A healthy disc at rest overnight, and the same standing for good."""
    made = posture.rested(TINY, Hypotheses(), P, shape_of(REFERENCE), jnp.asarray(1.5))
    body = posture.body(made)
    night = equilibrium.drained(body, posture.rest(made, body), equilibrium.at_start(body))
    load = posture.load_of(body, "standing")
    return made, body, night, load, equilibrium.drained(body, load, night)


def test_postures_are_named_and_those_read_off_pressure_say_so():
    assert {"lying", "standing", "sitting", "flexed", "lifting", "night", "day"} <= set(evidence.postures())
    assert evidence.posture("standing")["compression"].si > evidence.posture("lying")["compression"].si
    assert evidence.calibrates("night")
    # rows read off pressure stand beside the loads of these, and are not used
    assert not any(evidence.calibrates(name) for name in ("standing", "day", "turned"))
    with pytest.raises(InputError, match="standing"):
        evidence.posture("standin")


def test_a_disc_rests_overnight_in_the_form_in_which_it_was_measured(disc):
    made, body, night, _, _ = disc
    measured = mesh.coordinates(TINY, made.shape)
    assert float(night.error) < 1e-6
    assert float(jnp.abs(night.displacement).max()) < 2e-5  # of 15 mm: what the last turn left
    seen = posture.read(body, night)
    assert float(seen.height) == pytest.approx(float(measured[0, 0, -1, 2] - measured[0, 0, 0, 2]), abs=2e-5)
    volumes = mesh.node_volumes(TINY, measured)
    assert float(seen.volume) == pytest.approx(float(jnp.sum(volumes)), rel=1e-3)
    # its water and the charge in it are those of the tissue as measured
    ratio = solid.volume_ratio(body, equilibrium.places(body, night))
    fixed = jnp.mean(material.water_charge(body.material, jnp.mean(ratio, 0))[0, :, TINY.layers // 2])
    assert float(fixed) == pytest.approx(float(P.nucleus_charge_healthy), rel=0.02)
    assert float(seen.fibre_stretch) > 1.005  # strained, as the nucleus swells within


def test_a_form_that_was_not_found_is_told_and_nothing_is_set_back_from_it(disc):
    made, body, night, _, _ = disc
    assert float(posture.missed(body, night)) < 0.2 * posture.NEAR
    assert biomechanics.astray(biomechanics.Rested(made, body, night)) == ""
    height = float(body.start[2, 0, 0, -1] - body.start[2, 0, 0, 0])
    off = eqx.tree_at(lambda b: b.displacement, night, night.displacement.at[0, 2, 0, 3].add(0.03 * height))
    lost = eqx.tree_at(lambda b: b.error, off, jnp.asarray(jnp.nan))
    assert float(posture.missed(body, off)) == pytest.approx(0.03, rel=0.05)
    assert not np.isfinite(float(posture.missed(body, lost)))
    for found, said in ((off, "misses it by 3 %"), (lost, "no rest at all")):
        assert said in biomechanics.astray(biomechanics.Rested(made, body, found))
    assert eqx.tree_equal(posture._set_back(made, body, lost).slack, made.slack)
    assert not eqx.tree_equal(posture._set_back(made, body, off).slack, made.slack)


def test_a_standing_disc_is_lower_bulges_and_bears_its_load(disc):
    _, body, night, _, found = disc
    seen, start = posture.read(body, found), posture.read(body, night)
    assert float(found.error) < 1e-6
    assert float(seen.height) < float(start.height)
    assert float(seen.bulge[1]) == pytest.approx(float(seen.bulge[3]), rel=1e-2)  # left as right
    assert 0.2e6 < float(seen.pressure) < 1e6
    assert float(seen.pressure) > float(start.pressure)
    assert float(seen.fibre_stress) > 0
    nodal = posture.volume_ratio(body, found)
    assert nodal.shape == TINY.shape
    whole = jnp.sum(mesh.node_volumes(TINY, mesh.coordinates(TINY, disc[0].shape)), 0)
    assert float(jnp.sum(nodal * whole)) == pytest.approx(float(seen.volume), rel=1e-3)
    np.testing.assert_allclose(posture.coordinates(body, found)[0, 0, 0], jnp.moveaxis(body.start, 0, -1)[0, 0, 0])


def test_charge_lost_is_height_lost_and_the_solve_starts_from_before(disc):
    made, body, _, load, found = disc
    poorer = posture.body(made, 0.9)
    then = equilibrium.drained(poorer, load, found)
    assert float(then.error) < 1e-6
    assert int(then.newton) <= 5
    assert float(posture.read(poorer, then).height) < float(posture.read(body, found).height)


def test_a_disc_bends_the_way_it_is_bent(disc):
    _, body, night, _, _ = disc
    moments = jnp.array([2.0, 5.0])
    turn, _, error = eqx.filter_jit(posture.motion)(body, night, "flexion", moments)
    assert float(error.max()) < 1e-6
    assert 0 < float(turn[0]) < float(turn[1]) < np.deg2rad(20)


@pytest.mark.parametrize(("name", "motion"), [("flexed", "flexion"), ("side_bent", "side_bending")])
def test_a_held_turn_takes_the_moment_that_gives_it(disc, name, motion):
    """Held, the vertebra is turned exactly so, all else balances, and the moment it takes turns it so when free; and
    what a moment turns takes that moment when held.
    """
    _, body, night, _, _ = disc
    axis, way = int(np.flatnonzero(posture.MOTIONS[motion])[0]), sum(posture.MOTIONS[motion])
    flow, react = equilibrium.flow_from(body, night, 0.0), eqx.filter_jit(equilibrium.reaction)

    def under(load):
        return equilibrium.flowing(body, load, night, jnp.asarray(0.0))

    load = posture.load_of(body, name)
    turned = under(load)
    taken = np.asarray(react(body, load, turned, flow))
    angle = evidence.posture(name)[f"{motion}_angle"].si
    assert float(turned.error) < 1e-6
    assert float(turned.pose[3 + axis]) == way * angle
    assert np.flatnonzero(load.held).tolist() == [3 + axis]
    assert np.abs(taken[:3]).max() < 1e-4 * float(load.follower)
    assert np.abs(np.delete(taken[3:], axis)).max() < 2e-3 * abs(taken[3 + axis])
    assert way * taken[3 + axis] > 0.5
    loose = (jnp.zeros(6), load.moment.at[axis].set(taken[3 + axis]))
    freed = under(eqx.tree_at(lambda a: (a.held, a.moment), load, loose))
    np.testing.assert_allclose(freed.pose[3:], turned.pose[3:], atol=1e-3 * angle)
    held_in, free_in = (float(posture.read(body, one).pressure) for one in (turned, freed))
    assert free_in == pytest.approx(held_in, rel=1e-4)
    pushed = under(posture.moment_of(body, motion, 4.0))
    held = (jnp.zeros(6).at[3 + axis].set(1.0), pushed.pose)
    again = eqx.tree_at(lambda a: (a.held, a.pose), equilibrium.unloaded(body), held)
    assert float(react(body, again, under(again), flow)[3 + axis]) == pytest.approx(4.0 * way, rel=1e-3)


def test_a_disc_is_stiffer_at_once_than_when_its_fibres_have_relaxed(disc):
    """No water leaves in a second and in an hour with impermeable tissue: what differs is the fibres' second spring."""
    _, body, night, load, _ = disc
    sealed = eqx.tree_at(lambda b: b.material.permeability, body, 1e-9 * body.material.permeability)
    after = eqx.filter_jit(equilibrium.after)
    fallen = {dt: float(after(sealed, load, night, jnp.asarray(dt)).pose[2]) for dt in (1.0, 3600.0)}
    assert fallen[3600.0] < 1.02 * fallen[1.0] < 0
    slow = after(sealed, load, night, jnp.asarray(3600.0))
    strain = jnp.maximum(solid.fibre_strain(sealed, equilibrium.places(sealed, slow)), 0)
    late = float(body.material.branch_time[-1, 0, TINY.layers // 2])
    left = jnp.max(strain - slow.anchor) / jnp.max(strain - night.anchor)
    assert float(left) < 2 * late / 3600.0 + 0.01


def test_a_disc_is_stiff_in_compression(disc):
    made, body, night, _, _ = disc
    load = posture.load_of(body, "standing")
    stood = equilibrium.sudden(body, load, night)
    stiffness = biomechanics.stiffness(biomechanics.Rested(made, body, night), load, stood)  # kN/mm
    assert 0.3 < stiffness < 5
