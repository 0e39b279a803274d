"""The disc under load: tables of postures, moments and a day."""

from __future__ import annotations

import itertools

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest
from discs import REFERENCE, shape_of

from pulposus import biomechanics, evidence
from pulposus.disc import posture, structure
from pulposus.disc.mesh import Topology, sized
from pulposus.disc.parameters import Parameters
from pulposus.disc.state import Hypotheses

TINY = Topology(5, 8, 7, 2, 1)
P = Parameters.from_evidence()


@pytest.fixture(scope="module")
def disc():
    return biomechanics.rested(posture.rested(TINY, Hypotheses(), P, shape_of(REFERENCE), jnp.asarray(1.5)))


@pytest.fixture(scope="module")
def loaded(disc):
    return biomechanics.postures(disc)


def test_more_compression_is_more_pressure_and_less_height_without_loss_of_water(disc, loaded):
    rows = loaded[0].set_index("posture")
    assert (rows["status"] == "completed").all()
    upright = rows.loc[["lying", "standing"]]
    assert (np.diff(upright["pressure_MPa"]) > 0).all()
    assert (np.diff(upright["height_mm"]) < 0).all()
    assert rows.loc["lifting", "pressure_MPa"] == rows["pressure_MPa"].max()
    np.testing.assert_allclose(rows["water_mL"], rows["water_mL"].iloc[0], rtol=2e-3)


def test_bending_to_the_side_bulges_there_and_bending_forward_in_front(loaded):
    rows = loaded[0].set_index("posture")
    assert abs(rows.loc["side_bent", "bulge_right_mm"] - rows.loc["side_bent", "bulge_left_mm"]) > 0.2
    assert rows.loc["standing", "bulge_right_mm"] == pytest.approx(rows.loc["standing", "bulge_left_mm"], rel=0.02)
    flexed = rows.loc["flexed"]
    assert flexed["bulge_anterior_mm"] > flexed["bulge_posterior_mm"]


def test_a_smaller_disc_bears_the_same_stress(disc):
    small = biomechanics.rested(posture.rested(TINY, Hypotheses(), P, shape_of("C5-C6"), jnp.asarray(1.5)))
    force = [float(posture.load_of(d.body, "standing").follower) for d in (disc, small)]
    area = [float(posture.plan_area(d.body)) for d in (disc, small)]
    standing = evidence.posture("standing")["compression"]
    assert force[0] / area[0] == pytest.approx(standing.si / evidence.used("load_area").si, rel=1e-6)
    assert force[0] / area[0] == pytest.approx(force[1] / area[1], rel=1e-6)


def test_larger_moments_turn_further(disc):
    rows = biomechanics.motions(disc, moments=(1.0, 4.0))
    for _, own in rows.groupby("motion"):
        assert (np.diff(own["turn_degrees"]) > 0).all()
        assert (own["turn_degrees"] > 0).all()


def test_a_load_beyond_the_disc_is_a_row_with_a_status(disc, monkeypatch):
    light = disc.body.parameters.load_area * 1e-5
    heavy = disc._replace(body=eqx.tree_at(lambda b: b.parameters.load_area, disc.body, light))
    monkeypatch.setattr(biomechanics, "POSTURES", ("standing",))
    rows, found = biomechanics.postures(heavy)
    assert rows["status"].iloc[0].startswith("beyond this disc")
    assert np.isnan(rows["pressure_MPa"].iloc[0])
    assert "standing" not in biomechanics.section(heavy, found)["frames"]


def test_more_than_any_spine_bore_is_beyond_a_disc_of_its_size(disc):
    load = posture.load_of(disc.body, "lifting")
    assert biomechanics.beyond(disc.body, load, disc.found) == ""
    most = evidence.used("spine_strength").high * float(posture.shares(disc.body)[0])
    for force, said in ((0.99 * most, False), (1.01 * most, True)):
        heavy = eqx.tree_at(lambda a: a.follower, load, jnp.asarray(force))
        told = biomechanics.beyond(disc.body, heavy, disc.found)
        assert told.startswith("beyond this disc: ") == said


def test_a_mean_load_holds_nothing_turned(disc):
    mean = biomechanics.mean_load(disc.body, [("lying", 8.0), ("flexed", 4.0), ("standing", 12.0)])
    assert not np.any(mean.held)
    parts = [float(posture.load_of(disc.body, name).follower) for name in ("lying", "flexed", "standing")]
    assert float(mean.follower) == pytest.approx(np.dot(parts, [8, 4, 12]) / 24)


def test_a_disc_loses_height_by_day_and_gains_it_by_night(disc):
    rows = biomechanics.day(disc)
    night, up = rows[rows["span"] == "night"], rows[rows["span"] == "day"]
    assert night["hour"].iloc[-1] == pytest.approx(8)
    assert up["hour"].iloc[-1] == pytest.approx(24)
    assert (np.diff(night["height_mm"]) > 0).all()
    assert (np.diff(up["height_mm"]) < 0).all()
    # a day begins as it ended: the second is like a third
    assert rows["volume_mL"].iloc[0] == pytest.approx(rows["volume_mL"].iloc[-1], rel=5e-3)


@pytest.mark.slow
def test_a_day_in_four_times_as_many_steps_is_nearly_the_same_day(disc, monkeypatch):
    """Backward Euler with five steps a span: what a day takes and a night gives is too little, by about a twentieth,
    and pressure is right within a twentieth, as docs/processes/solid.md says; the more steps the less it matters.
    """

    def lived(times: int) -> np.ndarray:
        finer = np.concatenate([np.linspace(a, b, times + 1)[:-1] for a, b in itertools.pairwise(usual)])
        monkeypatch.setattr(biomechanics, "_SPREAD", (*finer, 1.0))
        rows = biomechanics.day(disc)
        night = rows[rows["span"] == "night"]
        ends = night.iloc[[0, -1]]
        lost = [1 - ends[column].iloc[0] / ends[column].iloc[1] for column in ("height_mm", "volume_mL")]
        at = [np.interp(hour, night["hour"], night["pressure_MPa"]) for hour in (0, 7)]
        gained = np.interp(3, night["hour"], night["volume_mL"]) / night["volume_mL"].iloc[0] - 1
        return np.array([*lost, gained, *at])

    usual = biomechanics._SPREAD
    once, twice, four = (lived(times) for times in (1, 2, 4))
    apart = four / once - 1
    assert (np.abs(apart) < 0.06).all(), apart
    assert (apart[:3] > 0).all()  # too little is lost and gained
    assert (np.abs(four - twice) < 0.7 * np.abs(twice - once)).all()


def test_a_field_is_carried_from_mesh_to_mesh():
    fine, coarse = sized("coarse"), sized("cohort")
    field = np.add.outer(fine.radial, np.zeros(fine.sectors))[..., None] + 0.5 * fine.axial
    onto = biomechanics.carried(field, fine, coarse)
    wanted = np.add.outer(coarse.radial, np.zeros(coarse.sectors))[..., None] + 0.5 * coarse.axial
    np.testing.assert_allclose(onto, wanted, atol=1e-12)


def test_the_section_goes_from_rim_to_rim(disc, loaded):
    cut = biomechanics.section(disc, loaded[1])
    y, pressure = np.array(cut["frames"]["night"]["y_mm"]), np.array(cut["frames"]["night"]["pressure_MPa"])
    assert y.shape == (2 * TINY.rings - 1, TINY.layers)
    assert pressure.shape == (2 * TINY.rings - 2, TINY.layers - 1)
    assert (np.diff(y[:, TINY.layers // 2]) > 0).all()  # posterior to anterior
    assert pressure[TINY.rings - 1].mean() > pressure[0].mean()  # the nucleus above the rim
    assert eqx.is_array(disc.found.pose)


def test_a_day_of_ones_own_is_lived_in_its_order(disc):
    spans = [("lying", 8.0), ("sitting", 6.0), ("lifting", 0.5), ("standing", 9.5)]
    rows = biomechanics.day(disc, spans=spans)
    assert list(dict.fromkeys(rows["span"])) == [name for name, _ in spans]
    assert rows["hour"].iloc[-1] == pytest.approx(24)
    assert (rows["status"] == "completed").all()
    ends = rows.groupby("span", sort=False)["hour"].last().tolist()
    assert ends == pytest.approx(list(np.cumsum([hours for _, hours in spans])))
    lifting = rows[rows["span"] == "lifting"]
    assert lifting["pressure_MPa"].max() == rows["pressure_MPa"].max()
    # a harder day leaves less
    assert rows["volume_mL"].iloc[-1] < biomechanics.day(disc)["volume_mL"].iloc[-1] * 1.001


def test_a_disc_held_under_a_days_mean_load_lies_between_morning_and_evening(disc):
    rows = biomechanics.equilibria(disc).set_index("posture")
    own = biomechanics.usual_day()
    loads = [float(posture.load_of(disc.body, name).follower) for name, _ in own]
    mean = sum(load * hours for load, (_, hours) in zip(loads, own, strict=True)) / 24
    assert rows.loc["after_mean_day", "compression_N"] == pytest.approx(mean)
    lasting = biomechanics.day(disc)["height_mm"]
    assert lasting.min() * 0.97 < rows.loc["after_mean_day", "height_mm"] < rows.loc["at_rest_overnight", "height_mm"]
    # under one load all day long nothing else is the mean
    alone = biomechanics.mean_load(disc.body, [("standing", 24.0)])
    assert eqx.tree_equal(alone, posture.load_of(disc.body, "standing"))


def test_a_disc_torn_at_start_rests_in_the_form_in_which_it_was_measured():
    torn = structure.torn(TINY, 5)
    made = posture.rested(TINY, Hypotheses(), P, shape_of(REFERENCE), jnp.asarray(1.5), torn.damage)
    disc = biomechanics.rested(made, 1.0, torn)
    assert float(jnp.abs(disc.found.displacement).max()) < 2e-5
    unhealed = biomechanics.rested(made)  # the same without its tear does not
    assert float(jnp.abs(unhealed.found.displacement).max()) > 1e-4


@pytest.mark.parametrize(("posed", "loose", "said"), [(1.0, 0.0, "a posture"), (0.0, 1.0, "how loose"), (0.0, 0.0, "")])
def test_what_ends_a_course_of_tears_is_named(disc, posed, loose, said):
    none, number = structure.whole(TINY).damage, jnp.ones(())
    seen = structure.Seen(
        none[None], jnp.zeros(1), jnp.zeros(1), jnp.zeros(TINY.sectors), number, number, number, number, number * posed
    )
    first = seen, structure.Stability(number, number, number, number * loose)
    worn = biomechanics.wear(disc.made, "L4-L5", 0.0, lambda year: 1.0, first=first)
    status = worn.rows["status"].iloc[-1]
    assert status == "completed" if not said else status.startswith(f"not followed further: {said}")


@pytest.mark.slow
def test_years_of_load_wear_by_the_laws_that_act(disc):
    """With fibres that fail at two thirds of the usual stretch, which is less than one person in twenty has."""
    strains = (lambda m: (m.parameters.fibre_failure_strain, m.parameters.fibre_yield_strain), (0.18, 0.13))
    weak = eqx.tree_at(strains[0], disc.made, tuple(jnp.asarray(strain) for strain in strains[1]))

    def after(**laws: bool):
        return biomechanics.wear(weak, "L4-L5", 20, lambda year: 1.0, laws=structure.Laws(**laws), first=seen)

    seen = None
    worn = after()
    seen = worn.first
    none = after(overstretch=False, fatigue=False, herniation=False, osteophytes=False)
    assert float(worn.structure.damage.max()) > 0.5
    assert eqx.tree_equal(none.structure, structure.whole(TINY))
    assert (none.rows["torn_percent"] == 0).all()
    assert worn.rows["status"].eq("completed").all()
    assert (worn.rows["torn_percent"].diff().dropna() >= 0).all()
    # each law that is left out changes what it is about, and nothing torn heals
    stiff = after(weakening=False)
    assert float(stiff.rows["neutral_zone_degrees"].iloc[-1]) < float(worn.rows["neutral_zone_degrees"].iloc[-1])
    seen = None
    unseen = after(instability=False)
    assert unseen.rows["neutral_zone_degrees"].isna().all()
    assert float(unseen.structure.osteophyte) == 0
    begun = biomechanics.wear(
        weak, "L4-L5", 20, lambda year: 1.0, start=structure.torn(TINY, 2)
    )  # two rings show no third
    assert begun.rows["dallas"].iloc[0] == 2
    assert float(begun.structure.damage.max()) == 1
