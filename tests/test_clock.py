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
from pulposus.disc import mesh, simulate
from pulposus.disc.state import FATES, GLUCOSE, Disc, State

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
    disc, state, none = prepared(grade=1, ageing=True)
    rate = evidence.si("aggrecan_ageing_rate", "1/s")
    for later, month in zip(run(disc, state, none, YEARS20), YEARS20, strict=True):
        expected = np.exp(-rate * month * simulate.MONTH)
        np.testing.assert_allclose(later.charge / disc.charge, expected, rtol=2e-3)


def test_an_untreated_degenerate_disc_starts_at_the_published_net_rate():
    """Sivan 2006: decay of degenerate less decay of normal aggrecan, by grade, nothing else."""
    disc, state, none = prepared(grade=3, ageing=False)
    now = run(disc, state, none, [0, 1])[1]
    year = simulate.YEAR
    normal, sick = (evidence.si(f"nucleus_aggrecan_decay{tail}", "1/s") * year for tail in ("", "_degenerate"))
    healthy, worst = evidence.si("healthy_grade", ""), evidence.si("degenerate_grade", "")
    rate = (sick - normal) * (3 - healthy) / (worst - healthy)
    core = (1, 0, disc.topology.layers // 2)
    np.testing.assert_allclose(12 * np.log(float(now.charge[core] / disc.charge[core])), -rate, rtol=0.02)


def test_a_starved_disc_declines_in_cells_aggrecan_and_height():
    fed = prepared(grade=3)
    poor = prepared(grade=3, endplate="sclerotic", overrides={"endplate_sclerotic_supply": 0.3})
    assert nucleus_mean(poor[0], poor[0].native) < 0.8 * nucleus_mean(fed[0], fed[0].native)
    well, ill = (run(*made, [0, 60, 120])[-1] for made in (fed, poor))
    assert nucleus_mean(poor[0], ill.charge / poor[0].charge) < nucleus_mean(fed[0], well.charge / fed[0].charge) - 0.05
    assert nucleus_mean(poor[0], ill.stretch) < nucleus_mean(fed[0], well.stretch) < 1


def test_survivors_of_an_injection_do_not_depend_on_the_clock():
    """A month after 25 million cells: clocks of a day, a week and a month agree within 2 %."""
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
    assert found[500e6][0] < 3.0 * found[50e6][0]
    assert found[500e6][1] < found[50e6][1]


def test_no_injected_cell_is_lost_from_the_books():
    disc, state, injections = prepared(treatments=(msc(25e6), msc(10e6, month=2.0, product="MSC(WJ)", origin="own")))
    for later in run(disc, state, injections, [0, 1, 2, 3, 6])[1:]:
        book = dict(zip(FATES, np.asarray(later.ledger), strict=True))
        here = np.asarray(jnp.sum((later.fresh + later.adapted) * volumes(disc), (1, 2, 3)))
        gone = sum(
            book[name] for name in ("leaked", "lost_from_disc", "starved", "acid", "immune_cleared", "differentiated")
        )
        np.testing.assert_allclose(book["injected"] + book["proliferated"], gone + here, rtol=1e-9)
        assert all((np.asarray(values) >= 0).all() for values in book.values())


def test_own_cells_are_not_cleared_and_donor_cells_are():
    cleared = {}
    for origin in ("own", "donor"):
        disc, state, injections = prepared(treatments=(msc(25e6, origin=origin),))
        cleared[origin] = float(run(disc, state, injections, [0, 3])[-1].ledger[FATES.index("immune_cleared"), 0])
    assert cleared["own"] == 0 < cleared["donor"]


def test_outside_the_disc_nothing_enters_it():
    disc, state, injections = prepared(treatments=(msc(25e6, site="facet_joint"),))
    _first, later = run(disc, state, injections, [0, 1])
    assert alive(disc, later) == 0
    plain = prepared()
    np.testing.assert_allclose(later.native, run(*plain, [0, 1])[-1].native, rtol=1e-9)


def test_halving_the_step_shows_the_order_of_the_split():
    """Fixed steps over half a year after an injection: the split is first order in the slow fields."""
    disc, state, injections = prepared(treatments=(msc(25e6, carrier="gel"),))
    coords = mesh.coordinates(disc.topology, disc.shape)
    state = injections.dose(disc, state, coords, jnp.zeros(()))
    operator = simulate._operator(disc)
    forward = eqx.filter_jit(lambda s, dt: simulate.step(disc, s, operator, dt)[0])
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
