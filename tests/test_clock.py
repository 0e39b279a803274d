"""The clock: what stays, what falls at its published rate, who survives at any step, conservation of cells, order of
the split, batches.
"""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from discs import msc, prepared, run, stacked, volumes

from pulposus import evidence
from pulposus.disc import inflammation, matrix, mesh, simulate
from pulposus.disc.state import FATES, GLUCOSE, MECHANISMS, Disc, State
from pulposus.errors import InputError

YEARS20 = [0, 60, 120, 180, 240]
MOVING = ("solutes", "native", "charge", "collagen", "stretch", "il1b", "tnf", "mmp3", "adamts4")


def alive(disc: Disc, state: State) -> float:
    """Injected cells, as they are."""
    return float(jnp.sum(jnp.sum(state.fresh + state.adapted, 0) * volumes(disc)))


def nucleus_mean(disc: Disc, field: jax.Array) -> float:
    weight = disc.tissue[0] * volumes(disc)
    return float(jnp.sum(weight * field) / jnp.sum(weight))


@pytest.mark.parametrize("matrix", ["sivan", "cachot"])
def test_a_healthy_disc_that_does_not_age_keeps_every_field_for_twenty_years(matrix):
    disc, state, none = prepared(grade=1, ageing=False, matrix=matrix)
    for later in run(disc, state, none, YEARS20)[1:]:
        for name in MOVING:
            np.testing.assert_allclose(getattr(later, name), getattr(state, name), rtol=0.02, err_msg=name)


def test_an_ageing_healthy_disc_loses_aggrecan_at_the_source_rate():
    disc, state, none = prepared(grade=1, ageing=True, mechanics="columns")
    rate = evidence.si("aggrecan_ageing_rate", "1/s")
    for later, month in zip(run(disc, state, none, YEARS20), YEARS20, strict=True):
        expected = np.exp(-rate * month * simulate.MONTH)
        np.testing.assert_allclose(later.charge / disc.charge, expected, rtol=2e-3)


@pytest.mark.parametrize(("grade", "ageing"), [(3, False), (3, True), (5, True)])
def test_the_untreated_course_is_that_of_its_decay_constants(grade, ageing):
    """Aggrecan of the nucleus as a whole, over five years: synthesis of a normal disc, which ages, against the decay of
    this grade. In closed form ``A exp(-a t) + (1 - A) exp(-l t)``, ``A = (n - a) / (l - a)``.
    """
    steady = {"inflammatory_death_rate": 0.0, "protease_gain": 0.0}  # else inflammation takes a little more
    disc, state, none = prepared(grade=grade, ageing=ageing, overrides=steady)
    normal, sick = (evidence.si(f"nucleus_aggrecan_decay{tail}", "1/s") for tail in ("", "_degenerate"))
    healthy, worst = evidence.si("healthy_grade", ""), evidence.si("degenerate_grade", "")
    decay = normal + (sick - normal) * (grade - healthy) / (worst - healthy)
    age = evidence.si("aggrecan_ageing_rate", "1/s") if ageing else 0.0
    kept = (normal - age) / (decay - age)
    weight = disc.charge / nucleus_mean(disc, disc.charge)
    for later, month in zip(run(disc, state, none, [0, 12, 60])[1:], (12, 60), strict=True):
        t = month * simulate.MONTH
        expected = kept * np.exp(-age * t) + (1 - kept) * np.exp(-decay * t)
        found = nucleus_mean(disc, weight * later.charge / disc.charge)
        np.testing.assert_allclose(1 - found, 1 - expected, rtol=0.05)


@pytest.mark.parametrize("grade", [2, 3, 4, 5])
def test_synthesis_is_in_proportion_to_cells_and_to_their_activity(grade):
    """Half the cells build half, none build nothing, and half as much again builds half as much again, at any grade."""
    disc, state, _ = prepared(grade=grade)
    activity = inflammation.relative_activity(disc, state)
    short = jnp.asarray(simulate.DAY)

    def built(cells: float, effort: float) -> np.ndarray:
        now = eqx.tree_at(lambda s: (s.native, s.charge), state, (cells * state.native, 0 * state.charge))
        return np.asarray(matrix.turn_over(disc, now, effort * activity, short).charge)

    whole = built(1.0, 1.0)
    assert (whole > 0).mean() > 0.9
    decay = 2e-3  # what a day's decay and the proteases' share of the effort may change
    np.testing.assert_allclose(built(0.5, 1.0), 0.5 * whole, rtol=decay)
    np.testing.assert_allclose(built(1.0, 1.5), 1.5 * whole, rtol=decay)
    np.testing.assert_allclose(built(0.0, 1.0), 0.0, atol=1e-12 * whole.max())


def test_a_starved_disc_declines_in_cells_aggrecan_and_height():
    fed = prepared(grade=3)
    poor = prepared(grade=3, endplate="sclerotic", overrides={"endplate_sclerotic_supply": 0.3})
    assert nucleus_mean(poor[0], poor[0].native) < 0.8 * nucleus_mean(fed[0], fed[0].native)
    well, ill = (run(*made, [0, 60, 120])[-1] for made in (fed, poor))
    assert nucleus_mean(poor[0], ill.charge / poor[0].charge) < nucleus_mean(fed[0], well.charge / fed[0].charge) - 0.05
    assert nucleus_mean(poor[0], ill.stretch) < nucleus_mean(fed[0], well.stretch) < 1


def test_survivors_of_an_injection_do_not_depend_on_the_clock():
    """A month after an injection of 100 million cells: clocks of a day, a week and a month agree within 2 % in cells,
    within 3 % of its change in height.
    """
    disc, state, injections = prepared(treatments=(msc(100e6),))
    month = 1.0
    clocks = {"month": [0, month], "week": [0, *(7 * i * simulate.DAY / simulate.MONTH for i in (1, 2, 3, 4)), month],
              "day": [*(i * simulate.DAY / simulate.MONTH for i in range(31)), month]}  # fmt: skip
    left = {name: run(disc, state, injections, times)[-1] for name, times in clocks.items()}
    for name in ("month", "week"):
        np.testing.assert_allclose(alive(disc, left[name]), alive(disc, left["day"]), rtol=0.02)
        np.testing.assert_allclose(
            jnp.sum(left[name].native * volumes(disc)), jnp.sum(left["day"].native * volumes(disc)), rtol=0.005
        )
        lost, day = (1 - nucleus_mean(disc, left[clock].stretch) for clock in (name, "day"))
        assert day > 0
        np.testing.assert_allclose(lost, day, rtol=0.03)


def test_what_a_treatment_adds_does_not_depend_on_the_clock():
    """Aggrecan gained in half a year, looked at each month, each week or at the end: within 5 % of the week's."""
    gains = {}
    for name, times in {"end": [0, 6], "month": range(7), "week": [i / 4 for i in range(25)]}.items():
        last = []
        for treatments in ((), (msc(25e6),)):
            disc, state, injections = prepared(treatments=treatments)
            last.append(nucleus_mean(disc, run(disc, state, injections, list(times))[-1].charge / disc.charge))
        gains[name] = last[1] - last[0]
    for name in ("end", "month"):
        np.testing.assert_allclose(gains[name], gains["week"], rtol=0.05)


def test_open_endplates_do_not_depend_on_the_clock():
    """What vascular support alone adds to aggrecan in three months, looked at once or every ten days: within a fifth,
    as the gain is that at the beginning of each step.
    """
    only = np.eye(len(MECHANISMS))[MECHANISMS.index("endplate_vascular_support")]
    gains = {}
    for name, times in {"once": [0, 3], "ten days": [i / 3 for i in range(10)]}.items():
        last = []
        for switches in (only, 0 * only):
            disc, state, injections = prepared(
                treatments=(msc(25e6, carrier="gel"),), switches=switches, mechanics="columns"
            )
            last.append(nucleus_mean(disc, run(disc, state, injections, times)[-1].charge))
        gains[name] = last[0] - last[1]
    assert gains["ten days"] > 0
    np.testing.assert_allclose(gains["once"], gains["ten days"], rtol=0.2)


def test_two_doses_at_one_moment_are_two_doses():
    """Times that rounding tells apart are one: each dose is given once."""
    twin = msc(10e6, repeats=3, every_months=0.1), msc(7e6, month=0.3)
    disc, state, injections = prepared(treatments=twin)
    last = run(disc, state, injections, [0, 1])[-1]
    alive_share = 0.85
    np.testing.assert_allclose(last.ledger[FATES.index("injected")].sum(), alive_share * 47e6, rtol=1e-9)


def test_cells_beyond_what_supply_can_feed_die_back_to_it():
    """Ten times the dose feeds on the same glucose: it leaves far less than ten times the cells, none of it negative,
    and starves natives.
    """
    found = {}
    for dose in (50e6, 500e6):
        disc, state, injections = prepared(treatments=(msc(dose, carrier="gel"),))
        week = run(disc, state, injections, [0, 7 * simulate.DAY / simulate.MONTH])[-1]
        found[dose] = alive(disc, week), float(jnp.sum(week.native * volumes(disc)))
        assert float(week.solutes[GLUCOSE].min()) >= 0
    assert found[500e6][0] < 2.5 * found[50e6][0]
    assert found[500e6][1] < found[50e6][1]


def test_no_injected_cell_is_lost_from_the_books():
    disc, state, injections = prepared(treatments=(msc(25e6), msc(10e6, month=2.0, product="MSC(WJ)", origin="own")))
    for later in run(disc, state, injections, [0, 1, 2, 3, 6])[1:]:
        book = dict(zip(FATES, np.asarray(later.ledger), strict=True))
        here = np.asarray(jnp.sum((later.fresh + later.adapted) * volumes(disc), (1, 2, 3)))
        settled = np.asarray(jnp.sum(later.np_like * volumes(disc), (1, 2, 3)))
        np.testing.assert_allclose(book["differentiated"], settled, rtol=1e-9)
        gone = sum(
            book[name] for name in ("leaked", "lost_from_disc", "starved", "acid", "immune_cleared", "differentiated")
        )
        np.testing.assert_allclose(book["injected"] + book["proliferated"], gone + here, rtol=1e-9)
        assert all((np.asarray(values) >= 0).all() for values in book.values())


def test_own_cells_are_not_cleared_and_donor_cells_are():
    cleared, settled = {}, {}
    for origin in ("own", "donor"):
        disc, state, injections = prepared(treatments=(msc(25e6, origin=origin),))
        early, late = run(disc, state, injections, [0, 12, 24])[1:]
        cleared[origin] = float(late.ledger[FATES.index("immune_cleared"), 0])
        settled[origin] = [float(jnp.sum(now.np_like * volumes(disc))) for now in (early, late)]
    assert cleared["own"] == 0 < cleared["donor"]
    # those that settled keep their donor's antigens, and go by the same half-life
    assert settled["donor"][1] < 0.1 * settled["donor"][0]
    np.testing.assert_allclose(settled["own"][1], settled["own"][0], rtol=0.02)


def test_disc_cells_settle_in_whatever_side_is_taken_on_differentiation():
    def settled(product: str, believed: bool) -> float:
        disc, state, injections = prepared(
            treatments=(msc(10e6, product=product, origin="own"),), differentiation=believed
        )
        return float(jnp.sum(run(disc, state, injections, [0, 3])[-1].np_like * volumes(disc)))

    assert settled("disc_chondrocytes", False) == settled("disc_chondrocytes", True) > 0
    assert settled("MSC(M)", False) == 0 < settled("MSC(M)", True)


def test_progenitors_come_where_a_graded_disc_has_room_and_not_into_a_full_one():
    factor = msc(1.0, product="SDF-1", volume_mL=1.0)
    gains = {}
    for grade in (1, 4):
        counts = []
        for switches in (np.ones(len(MECHANISMS)), 1.0 - np.eye(len(MECHANISMS))[MECHANISMS.index("homing")]):
            disc, state, injections = prepared(grade=grade, treatments=(factor,), switches=switches)
            counts.append(float(jnp.sum(run(disc, state, injections, [0, 6])[-1].native * volumes(disc))))
        gains[grade] = counts[0] - counts[1]
    assert gains[4] > 0
    assert gains[1] < 0.2 * gains[4]


def test_the_needle_hurts_as_many_cells_on_every_mesh():
    hurt = {}
    for size in ("cohort", "coarse", "standard"):
        disc, state, injections = prepared(size, treatments=(msc(25e6),), mechanics="columns")
        coords = mesh.coordinates(disc.topology, disc.shape)
        after = injections.dose(disc, state, coords, jnp.zeros(()))
        hurt[size] = float(
            jnp.sum((state.native - after.native) * volumes(disc)) / jnp.sum(state.native * volumes(disc))
        )
    assert hurt["standard"] > 0
    for size in ("cohort", "coarse"):
        np.testing.assert_allclose(hurt[size], hurt["standard"], rtol=0.06)


def test_cases_of_one_room_are_one_batch():
    """One dose of one product beside three doses of two, padded to one form: each as when alone."""
    one, three = (msc(25e6),), (msc(5e6, repeats=1, every_months=1.0), msc(5e6, product="MSC(AT)", month=1.0))
    room = (2, 4)
    made = [prepared(treatments=given, room=room) for given in (one, three)]
    discs, states, therapies = (stacked(*column) for column in zip(*made, strict=True))
    together = list(simulate.simulate(discs, states, (therapies,), [m * simulate.MONTH for m in (0, 1, 2)]))[-1][1]
    for place, given in enumerate((one, three)):
        alone = run(*prepared(treatments=given), [0, 1, 2])[-1]
        np.testing.assert_allclose(together.native[place], alone.native, rtol=1e-6)
        np.testing.assert_allclose(together.ledger[place].sum(-1), alone.ledger.sum(-1), rtol=1e-6, atol=1e-3)
    with pytest.raises(InputError, match="does not fit"):
        prepared(treatments=three, room=(2, 2))


def test_outside_the_disc_nothing_enters_it():
    disc, state, injections = prepared(treatments=(msc(25e6, site="facet_joint"),))
    _first, later = run(disc, state, injections, [0, 1])
    assert alive(disc, later) == 0
    plain = prepared()
    np.testing.assert_allclose(later.native, run(*plain, [0, 1])[-1].native, rtol=1e-9)


def test_halving_the_step_shows_the_order_of_the_split():
    """Fixed steps over a month after an injection that hunger does not stop at once: the split is first order."""
    disc, state, injections = prepared(treatments=(msc(2e6, carrier="gel"),))
    coords = mesh.coordinates(disc.topology, disc.shape)
    state = injections.dose(disc, state, coords, jnp.zeros(()))
    forward = eqx.filter_jit(lambda s, dt: simulate.step(disc, s, dt)[0])
    end = 30 * simulate.DAY
    found = []
    for count in (8, 16, 32, 64):
        now = state
        for _ in range(count):
            now = forward(now, jnp.asarray(end / count))
        found.append(np.array([nucleus_mean(disc, now.charge), alive(disc, now), nucleus_mean(disc, now.il1b)]))
    differences = np.abs(np.diff(found, axis=0))
    orders = np.log2(differences[:-1] / differences[1:])
    assert (orders[-1] > 0.8).all(), orders


def test_a_disc_is_the_same_in_any_company():
    """To the bit at one batch shape, to rounding otherwise."""
    one = prepared(treatments=(msc(25e6),))
    two = prepared(treatments=(msc(5e6),), level="L5-S1", grade=4)
    three = prepared(treatments=(msc(50e6),), level="C5-C6", grade=2)

    def together(*made: tuple) -> State:
        discs, states, therapies = (stacked(*column) for column in zip(*made, strict=True))
        return list(simulate.simulate(discs, states, (therapies,), [m * simulate.MONTH for m in (0, 1, 2)]))[-1][1]

    first, second, alone = together(one, two), together(one, three), together(one)
    for name in (*MOVING, "fresh", "adapted", "ledger"):
        a, b, c = (np.asarray(getattr(s, name))[0] for s in (first, second, alone))
        assert np.array_equal(a, b), name
        np.testing.assert_allclose(a, c, rtol=1e-9, atol=1e-9 * max(np.abs(c).max(), 1e-300), err_msg=name)


@pytest.mark.parametrize("grade", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("level", ["C2-C3", "L5-S1"])
def test_every_grade_starts_in_balance(level, grade):
    disc, state, none = prepared(level=level, grade=grade)
    assert float(state.error) < 1e-6
    later = run(disc, state, none, [0, 1])[-1]
    np.testing.assert_allclose(jnp.sum(later.native * volumes(disc)), jnp.sum(state.native * volumes(disc)), rtol=0.01)
    np.testing.assert_allclose(nucleus_mean(disc, later.il1b), nucleus_mean(disc, state.il1b), rtol=0.05)
