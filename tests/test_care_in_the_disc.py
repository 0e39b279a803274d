"""Options of care in the disc: what is taken out is accounted for, order cannot matter, nothing acts too early."""

from __future__ import annotations

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from discs import msc, prepared, stacked

from pulposus.case import Case, case_from_line
from pulposus.disc import equilibrium, mechanics, mesh, simulate
from pulposus.disc.state import FATES, Disc, State, total
from pulposus.errors import InputError
from pulposus.evidence import options as evidence_of
from pulposus.evidence.options import RELATIVE
from pulposus.therapies import biological, conservative, factors, options, surgical
from pulposus.therapies.options import Planned, fill, parse

LEVEL, MONTH = "L4-L5", simulate.MONTH


@pytest.fixture(scope="module")
def disc_and_state() -> tuple[Disc, State]:
    return prepared(mechanics="columns")[:2]


def after(disc: Disc, state: State, *planned: Planned, month: float = 0.0, level: str = LEVEL) -> State:
    """The state just after what falls due at a month."""
    made = (surgical.operations(planned, level), conservative.regimens(planned, level))
    return simulate.dose(disc, state, made, jnp.asarray(factors.seconds([month])[0]))


def constants(disc: Disc, *planned: Planned, month: float = 0.0, level: str = LEVEL) -> Disc:
    """The disc as options leave its constants from a month on."""
    made = (surgical.operations(planned, level), conservative.regimens(planned, level))
    return simulate.modulated(disc, made, jnp.asarray(factors.seconds([month])[0]))


def same(a: object, b: object, **tolerance: float) -> bool:
    """Whether two trees hold the same numbers."""
    pairs = zip(jax.tree.leaves(eqx.filter(a, eqx.is_array)), jax.tree.leaves(eqx.filter(b, eqx.is_array)), strict=True)
    return all(np.allclose(x, y, **({"rtol": 1e-12, "atol": 0} | tolerance)) for x, y in pairs)


def test_a_discectomy_takes_its_share_of_the_nucleus_and_books_it(disc_and_state: tuple[Disc, State]) -> None:
    disc, state = disc_and_state
    share = evidence_of.acts_of("discectomy")["removed"].value
    cut = after(disc, state, fill("discectomy"))
    nucleus = disc.tissue[0]
    volume = total(disc, nucleus)
    gone = {name: total(disc, (1 - getattr(cut, name) / getattr(state, name)) * disc.volume / disc.volume)
            for name in ("native", "charge", "collagen")}
    for name, lost in gone.items():
        assert float(lost / volume) == pytest.approx(share, rel=1e-9), name
    coords = mesh.coordinates(disc.topology, disc.shape)
    lost = 1 - np.asarray(cut.charge / state.charge)
    inside = np.asarray(nucleus) > 0.99
    behind, front = coords[..., 1] < 0, coords[..., 1] > 0
    assert lost[inside & np.asarray(behind)].mean() > lost[inside & np.asarray(front)].mean() > 0
    assert np.all(lost[np.asarray(nucleus) == 0] == 0)
    assert float(cut.present) == 1


@pytest.mark.parametrize("slope", [0.0, 0.5, 1.0])
def test_how_much_more_is_taken_behind_is_an_assumption_and_never_changes_how_much(
    disc_and_state: tuple[Disc, State], slope: float
) -> None:
    row = evidence_of.acts_of("discectomy")["behind"]
    assert (row.kind, row.low, row.high) == ("assumed", 0, 1)
    disc, _ = disc_and_state
    made = surgical.operations([fill("discectomy")], LEVEL, room=2)
    assert made.behind.tolist() == [row.value, 0.0]
    coords = mesh.coordinates(disc.topology, disc.shape)
    taken = surgical._place(disc, coords, jnp.asarray(slope))
    assert float(total(disc, taken) / total(disc, disc.tissue[0])) == pytest.approx(1, rel=1e-12)
    assert float(taken.min()) >= 0
    assert same(taken, disc.tissue[0]) == (slope == 0)


def test_the_more_nucleus_is_taken_out_the_lower_and_drier_the_whole_disc_is_over_the_years() -> None:
    """The whole disc, solved as a solid through two years: untreated, after half an operation and after a whole one."""
    disc, state, _ = prepared()
    assert disc.hypotheses.mechanics == "solid"
    each = [surgical.operations([fill("discectomy", strength=share)], LEVEL) for share in (0, 0.5, 1)]
    discs, states, cut = (stacked(*column) for column in zip(*((disc, state, one) for one in each), strict=True))
    course = [now for _, now in simulate.simulate(discs, states, (cut,), [month * MONTH for month in (0, 6, 24)])][1:]
    high, wet = [], []
    for now in course:
        assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(eqx.filter(now, eqx.is_inexact_array)))
        assert float(now.strain.max()) < equilibrium.BELIEVED  # each form was found
        places = jax.vmap(lambda s: mechanics.coordinates(disc, s))(now)
        high.append(places[:, 0, 0, -1, 2] - places[:, 0, 0, 0, 2])
        wet.append(jnp.sum((disc.water - 1 + now.stretch) * disc.volume, (1, 2, 3)))
    for values in (np.array(high), np.array(wet)):
        fallen = np.diff(values, axis=1) / values[:, :1]
        assert (fallen < -1e-3).all(), fallen
    assert (np.diff(high, axis=0) < 0).all()  # and with time


def test_injected_cells_that_are_taken_out_stand_in_the_ledger() -> None:
    disc, state, injections = prepared(treatments=(msc(25e6),), mechanics="columns")
    coords = mesh.coordinates(disc.topology, disc.shape)
    put = injections.dose(disc, state, coords, jnp.zeros(()))
    cut = after(disc, put, fill("discectomy"))
    before, now = (float(total(disc, jnp.sum(s.fresh + s.adapted + s.np_like, 0))) for s in (put, cut))
    booked = cut.ledger[FATES.index("lost_from_disc")] - put.ledger[FATES.index("lost_from_disc")]
    assert 0 < now < before
    assert before - now == pytest.approx(float(booked.sum()), rel=1e-9)


@pytest.mark.parametrize("name", [one.name for one in evidence_of.options() if one.family != "biological"])
def test_an_option_of_no_strength_is_none(name: str, disc_and_state: tuple[Disc, State]) -> None:
    if name == "sham":
        return
    disc, state = disc_and_state
    none = fill(name, strength=0)
    assert same(after(disc, state, none), state)
    assert same(constants(disc, none), disc)
    assert surgical.operations([none], LEVEL).times() == conservative.regimens([none], LEVEL).times() == ()


def test_the_order_of_options_at_one_time_does_not_matter(disc_and_state: tuple[Disc, State]) -> None:
    disc, state = disc_and_state
    every = [fill("discectomy"), fill("nsaid"), fill("oral_steroid"), fill("lumbar_fusion"), fill("stop_smoking")]
    assert same(after(disc, state, *every), after(disc, state, *every[::-1]))
    assert same(constants(disc, *every), constants(disc, *every[::-1]))
    assert not same(constants(disc, *every), disc)


def test_nothing_acts_before_its_month_nor_after_its_end(disc_and_state: tuple[Disc, State]) -> None:
    disc, state = disc_and_state
    tablet = fill("nsaid", month=2, until=4)
    for month, acts in ((0, False), (1.9, False), (2, True), (3.9, True), (4, False), (9, False)):
        assert same(constants(disc, tablet, month=month), disc) != acts
    course = fill("oral_steroid", month=1)  # ends by itself
    lasts = evidence_of.acts_of("oral_steroid")["lasts"].value
    assert same(constants(disc, course, month=1 + lasts), disc)
    assert same(after(disc, state, fill("discectomy", month=3), month=2), state)
    assert conservative.regimens([tablet], LEVEL).times() == tuple(factors.seconds([2, 4]))


def test_each_effect_changes_its_constant_and_has_a_switch(disc_and_state: tuple[Disc, State]) -> None:
    disc, _ = disc_and_state
    read = {
        "cytokines": lambda d: d.inflammation[0],
        "synthesis": lambda d: d.synthesis,
        "supply": lambda d: d.boundary[0, 0, 0, 0],
        "load": lambda d: d.parameters.activity_load,
        "motion": lambda d: d.parameters.activity_frequency,
    }
    assert set(read) == set(RELATIVE)
    for name in ("nsaid", "oral_steroid", "stop_smoking", "weight_loss", "activity", "lumbar_fusion"):
        acts = options.factors(fill(name), LEVEL)
        for key, of in read.items():
            assert float(of(constants(disc, fill(name))) / of(disc)) == pytest.approx(acts[key], rel=1e-9), (name, key)
        for key in (key for key, factor in acts.items() if factor != 1):
            off = constants(disc, fill(name, without=[key]))
            assert float(read[key](off)) == pytest.approx(float(read[key](disc)), rel=1e-12)


def test_smoking_reaches_what_the_marrow_supplies_and_not_the_rim(disc_and_state: tuple[Disc, State]) -> None:
    disc, _ = disc_and_state
    after_it = constants(disc, fill("stop_smoking"))
    middle = disc.topology.layers // 2
    assert np.allclose(after_it.boundary[:, -1, :, middle], disc.boundary[:, -1, :, middle])
    assert np.allclose(after_it.boundary[1], disc.boundary[1])  # lactate of blood
    assert float(after_it.boundary[2, 0, 0, 0]) > float(disc.boundary[2, 0, 0, 0])


def test_what_is_done_next_door_is_felt_as_load_alone(disc_and_state: tuple[Disc, State]) -> None:
    disc, state = disc_and_state
    next_door = fill("lumbar_fusion", level="L5-S1")
    assert set(next_door.acts(LEVEL)) == {"load", "motion"}
    loaded = constants(disc, next_door)
    assert float(loaded.parameters.activity_load) > float(disc.parameters.activity_load)
    assert float(constants(disc, fill("lumbar_fusion")).parameters.activity_load) < float(disc.parameters.activity_load)
    assert same(after(disc, state, next_door), state)
    assert options.ended([fill("acdf", level="C5-C6")], "C6-C7") is None
    assert options.ended([fill("acdf", month=3)], "C5-C6") == 3


def test_a_disc_that_is_taken_out_has_no_further_course(disc_and_state: tuple[Disc, State]) -> None:
    disc, state = disc_and_state
    gone = after(disc, state, fill("lumbar_disc_replacement"))
    assert float(gone.present) == 0
    assert float(total(disc, gone.native)) == 0
    later = simulate.advance(disc, gone, jnp.asarray(6 * MONTH))
    assert float(later.time) == 6 * MONTH
    assert same(dataclasses.replace(later, time=gone.time), gone)


def test_the_clock_stops_where_an_option_begins_and_ends(disc_and_state: tuple[Disc, State]) -> None:
    disc, state = (jax.tree.map(lambda x: x[None] if eqx.is_array(x) else x, tree) for tree in disc_and_state)
    steroid = [fill("intradiscal_steroid", month=0.5, until=1.5)]
    made = jax.tree.map(lambda x: x[None], conservative.regimens(steroid, LEVEL))
    calendar = [0.0, MONTH, 2 * MONTH]
    with_it = [now for _, now in simulate.simulate(disc, state, (made,), calendar)]
    none = [now for _, now in simulate.simulate(disc, state, (), calendar)]
    ratio = [float(total(disc, a.il1b)[0] / total(disc, b.il1b)[0]) for a, b in zip(with_it, none, strict=True)]
    assert ratio[0] == pytest.approx(1, rel=1e-9)
    assert ratio[1] < 0.9
    assert ratio[2] == pytest.approx(1, rel=0.02)
    assert float(jnp.mean(with_it[2].charge)) < float(jnp.mean(none[2].charge))  # less matrix was made


def test_an_opening_lets_later_injections_leak_more() -> None:
    line = "Inject 25e6 allogeneic MSC(M) in 2 mL saline at month 8; Discectomy at month 6"
    case = case_from_line(line, level=LEVEL, grade=3, years=1)
    _, opened = biological.prescribe(case.treatments, 3, **case.needle())
    _, plain = biological.prescribe(case.treatments, 3)
    assert float(opened.leak_path[0]) > float(plain.leak_path[0])
    earlier = case_from_line(line.replace("month 8", "month 5"), level=LEVEL, grade=3, years=1)
    assert same(biological.prescribe(earlier.treatments, 3, **earlier.needle())[1].leak_path, plain.leak_path)


@pytest.mark.parametrize(
    "line",
    [
        "Discectomy at month 6",
        "Stop smoking at month 0",
        "NSAID at month 1.5 until month 4 at strength 0.5 without cytokines",
        "ACDF at C5-C6 at month 3",
        "Oral steroid at month 0 without cytokines, synthesis",
    ],
)
def test_a_line_is_read_and_written_alike(line: str) -> None:
    assert parse(str(parse(line))) == parse(line)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("Discectomy", "does not say when"),
        ("Discectomi at month 2", "did you mean"),
        ("Discectomy at month -1", "before the start"),
        ("NSAID at month 3 until month 2", "is no time"),
        ("Discectomy at month 3 until month 4", "not undone"),
        ("NSAID at month 1 at strength 2", "strength of 2"),
        ("NSAID at month 1 without removed", "no effect 'removed'"),
        ("Opioid at month 1 without cytokines", "does nothing to a disc"),
        ("Cells donor at month 1", "write it as a treatment"),
        ("NSAID at month 1 at month 2", "given twice"),
        ("NSAID at month soon", "not a finite number"),
    ],
)
def test_what_cannot_be_is_one_sentence(line: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        parse(line)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"options": [{"name": "acdf"}]}, "is cervical, and the disc is L4-L5"),
        ({"options": [{"name": "nsaid", "month": 60}]}, "not before the end of the run"),
        ({"options": [{"month": 6}]}, r"\[\[options\]\] 1: An option has no name"),
        ({"options": [{"name": "nsaid", "dose": 3}]}, r"Unknown key 'dose'"),
        ({"options": [{"name": "lumbar_fusion", "level": "L1-L2"}]}, "not next to L4-L5"),
        ({"options": [{"protocol": "NSAID at month 0", "month": 2}]}, "stand beside each other"),
        ({"treatments": [{"protocol": "Discectomy at month 6"}]}, r"write it under \[\[options\]\]"),
        (
            {"options": ["Lumbar disc replacement at month 2"], "treatments": ["Inject 25e6 MSC(M) at month 3"]},
            "finds no disc",
        ),
    ],
)
def test_a_case_refuses_what_cannot_be_done(given: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        Case.from_dict({"disc": {"level": LEVEL, "grade": 3}, **given})


def test_a_case_keeps_its_options_and_says_what_is_assumed() -> None:
    import tomllib

    case = case_from_line("Discectomy at month 6; NSAID at month 0", level=LEVEL, grade=3, years=1).resolved()
    assert Case.from_dict(tomllib.loads(case.to_toml())).options == case.options
    assert "Discectomy at month 6" in case.title
    assert any("Assumed" in text and "removed 0.15" in text for text in case.warnings)
    with pytest.raises(InputError, match="knows injections alone"):
        case.refuse_options("An ensemble")
