"""Tears, herniation, instability: laws of the rooms on given fields, and a torn solid beside a whole one."""

from __future__ import annotations

import heapq
import itertools

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest
from discs import REFERENCE, shape_of

from pulposus import biomechanics, evidence
from pulposus.disc import composition, equilibrium, fissure, herniation, instability, material, mesh, posture, solid
from pulposus.disc import structure as of
from pulposus.disc.herniation import Canal, Nucleus
from pulposus.disc.mesh import Topology
from pulposus.disc.parameters import Parameters
from pulposus.disc.state import Hypotheses
from pulposus.errors import InputError
from pulposus.figures import tears

TINY = Topology(5, 8, 7, 2, 1)
P = Parameters.from_evidence()
DAY, YEAR, ML = evidence.factor("day"), evidence.factor("year"), evidence.factor("mL")
SHAPE = (TINY.rings - 1, TINY.sectors, TINY.layers - 1)
ANNULUS = TINY.element_tissue == mesh.ANNULUS
advance = eqx.filter_jit(of.advance)


@pytest.fixture(scope="module")
def body() -> solid.Solid:
    made = composition.composition(P, Hypotheses(), P.healthy_grade)
    m = material.graded(TINY, P, Hypotheses(), P.healthy_grade, *made)
    return solid.solid(TINY, Hypotheses(), P, m, mesh.coordinates(TINY, shape_of(REFERENCE)))


def day(
    strain: np.ndarray | float, cycles: float = 20 / DAY, pressure: float = 2e6, lacking: float = 2 * ML
) -> of.Seen:
    """A day with one posture: its fibre strain (ring, sector, layer), its cycles, its pressure."""
    field = jnp.asarray(np.where(ANNULUS, strain, 0.0) * np.ones(SHAPE))
    sector, one = jnp.zeros(TINY.sectors), jnp.ones(())
    numbers = (
        jnp.array([cycles]),
        jnp.array([pressure]),
        sector,
        0.01 * one,
        lacking * one,
        6 * ML * one,
        one,
        0 * one,
    )
    return of.Seen(field[None], *numbers)


def at_sector(sector: int, strain: float, rings: slice = slice(None)) -> np.ndarray:
    """A strain in one sector only, and in those rings of the annulus."""
    field = np.zeros(SHAPE)
    field[TINY.nucleus_rings :][rings, sector] = strain
    return field


# ---------------------------------------------------------------------------------------------- tears


def test_no_overload_no_tear_and_no_load_no_fatigue(body):
    calm = advance(body, day(0.02, cycles=0.0), of.whole(TINY), 10 * YEAR)
    assert float(calm.damage.max()) == 0
    rare = advance(body, day(0.02), of.whole(TINY), 10 * YEAR)
    assert float(rare.overstretch.max()) == 0
    assert 0 < float(rare.fatigue.max()) < 1e-3


def test_one_overload_tears_where_it_is_and_only_there(body):
    failing = float(np.log1p(P.fibre_failure_strain))
    torn = advance(body, day(at_sector(4, failing)), of.whole(TINY), DAY)
    assert float(torn.damage[-1, 4, 2]) == pytest.approx(1.0)
    assert float(torn.damage[:, :4].max()) == 0
    assert float(torn.damage[: TINY.nucleus_rings].max()) == 0
    k = jnp.asarray(11.0)
    ratios = [fissure.stress_ratio(P, k, jnp.log1p(e)) for e in (P.fibre_yield_strain, P.fibre_failure_strain)]
    shares = [float(fissure.overstretched(P, k, r)) for r in (ratios[0], 0.5 * sum(ratios), ratios[1])]
    assert shares == pytest.approx([0.0, 0.5, 1.0])
    weaker = np.asarray(fissure.strength(TINY, P)).ravel()
    assert weaker.min() == weaker[3] == pytest.approx(weaker[4])
    assert np.all((weaker <= 1) & (weaker >= float(P.posterior_strength)))


def test_the_fatigue_line_passes_through_what_was_measured(body):
    strains = jnp.linspace(0.0, float(np.log1p(P.fibre_failure_strain)), 400)
    ratio = fissure.stress_ratio(P, body.material.fibre_exponent[-1, 0, 2], strains)
    assert float(ratio[0]) == 0
    assert float(ratio[-1]) == pytest.approx(1.0)
    used = fissure.life_used(P, jnp.array([0.45]), jnp.array([10_000.0]))
    assert float(used) == pytest.approx(1.0, rel=0.05)
    assert float(fissure.life_used(P, jnp.array([1.0]), jnp.array([1.0]))) == pytest.approx(1.0)


def test_damage_never_heals_and_adds_up_like_its_cycles(body):
    now, seen = of.whole(TINY), []
    for strain in (0.09, 0.05, 0.1, 0.0, 0.11):
        now = advance(body, day(strain), now, 30 * DAY)
        seen.append(np.asarray(now.damage))
        assert seen[-1].min() >= 0
        assert seen[-1].max() <= 1
    assert np.all(np.diff(seen, axis=0) >= 0)
    once = advance(body, day(0.07), of.whole(TINY), 200 * DAY).fatigue
    twice = advance(body, day(0.07), advance(body, day(0.07), of.whole(TINY), 100 * DAY), 100 * DAY).fatigue
    np.testing.assert_allclose(once, twice, rtol=1e-9)


def test_a_larger_load_tears_sooner(body):
    def years(strain: float) -> float:
        ratio = fissure.stress_ratio(P, body.material.fibre_exponent, day(strain).strain)
        return 1 / float(fissure.life_used(P, ratio, day(strain).cycles).max()) / YEAR

    fails = float(P.fibre_failure_strain)
    lives = [years(share * fails) for share in (0.35, 0.5, 0.65, 0.8)]
    assert np.all(np.diff(lives) < 0)
    assert years(0.65 * fails) < 30 < years(0.2 * fails)


def test_switched_off_nothing_happens(body):
    off = of.Laws(overstretch=False, fatigue=False, herniation=False, osteophytes=False)
    start = of.whole(TINY)
    loose = eqx.tree_at(lambda s: s.looseness, day(0.2), jnp.asarray(3.0))
    after = advance(body, loose, start, 10 * YEAR, off)
    assert eqx.tree_equal(after, start)
    only = advance(body, loose, start, 10 * YEAR, of.Laws(fatigue=False, herniation=False, osteophytes=False))
    assert float(only.overstretch.max()) == 1
    assert float(only.fatigue.max()) == 0
    assert float(only.nucleus.left) == 0
    with pytest.raises(InputError, match="fatigue"):
        of.Laws.choose(fatige=False)


# ---------------------------------------------------------------------------------------------- ways and herniation


def test_a_tear_lets_through_only_where_it_joins_nucleus_and_rim():
    outer, inner = np.zeros(SHAPE), np.zeros(SHAPE)
    outer[-1, 3], inner[TINY.nucleus_rings, 3] = 1, 1
    for half in (outer, inner):
        assert float(fissure.reach(TINY, jnp.asarray(half))[-1].max()) == 0
    assert float(fissure.reach(TINY, jnp.asarray(outer + inner))[-1, 3]) == 1
    round_the_corner = np.zeros(SHAPE)
    round_the_corner[-1, 2] = round_the_corner[-1, 3] = round_the_corner[TINY.nucleus_rings, 3] = 0.8
    reached = fissure.reach(TINY, jnp.asarray(round_the_corner))
    assert float(reached[-1, 2]) == pytest.approx(0.8)
    assert float(reached[-1, 5]) == 0
    assert np.all(np.diff(np.asarray(reached), axis=0)[:, 3] <= 0)
    assert [int(fissure.dallas(P, TINY, jnp.asarray(d))) for d in (0 * outer, outer, outer + inner)] == [0, 0, 5]


def widest(topology: Topology, damage: np.ndarray) -> np.ndarray:
    """The same by Dijkstra's way: the most open of all that is next to what was reached is reached next."""
    plates = topology.endplate_layers
    own = damage[topology.nucleus_rings :, :, plates : topology.layers - 1 - plates]
    rings, sectors, layers = own.shape
    found, queue = np.zeros_like(own), [(-own[0, b, c], 0, b, c) for b in range(sectors) for c in range(layers)]
    heapq.heapify(queue)
    done = set()
    while queue:
        width, *at = heapq.heappop(queue)
        if tuple(at) in done:
            continue
        done.add(tuple(at))
        found[tuple(at)] = -width
        for axis, step in itertools.product(range(3), (-1, 1)):
            to = [*at]
            to[axis] += step
            to[1] %= sectors
            if 0 <= to[0] < rings and 0 <= to[2] < layers:
                heapq.heappush(queue, (-min(-width, own[tuple(to)]), *to))
    return found.max(-1)


@pytest.mark.parametrize("seed", range(3))
def test_all_ways_are_looked_at_those_inward_again_too(seed):
    topology = Topology(8, 8, 7, 2, 1)
    damage = np.random.default_rng(seed).random((7, 8, 6))
    np.testing.assert_allclose(fissure.reach(topology, jnp.asarray(damage)), widest(topology, damage))


def test_a_tear_that_winds_is_followed_to_its_end():
    topology = Topology(5, 24, 17, 2, 1)
    damage = np.zeros((4, 24, 16))
    damage[3, 0:19:2, 1:15] = 1  # up and down through the second ring, sector after sector
    damage[3, 1:19:4, 14] = damage[3, 3:19:4, 1] = 1
    damage[2, 0, 1] = 1  # one gate in the first
    reached = np.asarray(fissure.reach(topology, jnp.asarray(damage)))
    assert reached[1].tolist() == [1.0] * 19 + [0.0] * 5
    np.testing.assert_array_equal(reached, widest(topology, damage))
    unknown = fissure.reach(topology, jnp.asarray(np.full_like(damage, np.nan)))  # comes to an end
    assert np.isnan(unknown).all()


def test_a_contained_tear_does_not_extrude_and_an_open_one_does(body):
    strong = day(at_sector(5, 0.3, slice(0, -1)))
    contained = advance(body, strong, of.whole(TINY), YEAR)
    assert float(contained.nucleus.contained[5]) > 0.1 * ML
    assert float(contained.nucleus.extruded.sum()) == 0
    then = advance(body, day(at_sector(5, 0.3)), contained, YEAR)
    assert float(then.nucleus.extruded[5]) > 0.1 * ML
    assert float(then.nucleus.contained.sum()) < float(contained.nucleus.contained.sum())
    without = float(then.nucleus.contained.sum() + then.nucleus.extruded.sum())
    assert without <= float(then.nucleus.left)
    slow = eqx.tree_at(lambda b: b.parameters.resorption_half_life, body, jnp.asarray(1e30))
    kept = advance(slow, day(at_sector(5, 0.3)), contained, YEAR).nucleus
    assert float(kept.contained.sum() + kept.extruded.sum()) == pytest.approx(float(kept.left), rel=1e-9)


def test_nucleus_leaves_only_under_pressure_and_only_if_it_wants_to_swell(body):
    for dry in (day(at_sector(4, 0.3), pressure=0.5e6), day(at_sector(4, 0.3), lacking=0.0)):
        assert float(advance(body, dry, of.whole(TINY), YEAR).nucleus.left) == 0
    left = [
        float(advance(body, day(at_sector(4, 0.3), pressure=p), of.whole(TINY), YEAR).nucleus.left)
        for p in (1.2e6, 1.6e6, 2.5e6)
    ]
    assert 0 < left[0] < left[1] < left[2] <= float(P.nucleus_mobile_share) * 2 * ML * (1 + 1e-9)


def test_what_is_extruded_goes_with_its_half_life(body):
    out = Nucleus(jnp.zeros(TINY.sectors), jnp.zeros(TINY.sectors).at[4].set(1 * ML), jnp.asarray(1 * ML))
    after = herniation.moved(P, jnp.zeros((2, TINY.sectors)), jnp.zeros(()), jnp.zeros(()), out, P.resorption_half_life)
    assert float(after.extruded[4]) == pytest.approx(0.5 * ML)
    assert float(after.left) == pytest.approx(1 * ML)


def test_a_nucleus_that_is_free_to_swell_lacks_nothing(body):
    lack, volume = herniation.lacking(body, jnp.ones_like(body.volume))
    assert 0 < float(lack) < float(volume)
    assert float(volume) == pytest.approx(float(jnp.sum(mesh.node_volumes(TINY, jnp.moveaxis(body.start, 0, -1))[0])))
    assert float(herniation.lacking(body, jnp.full_like(body.volume, 8.0))[0]) == 0


def test_no_more_is_extruded_than_has_left():
    """A tear that runs along the rim opens sectors of it further than what lies under them."""
    open_ = jnp.zeros((2, TINY.sectors)).at[0, 3].set(0.3).at[1, 3].set(0.9)
    before = Nucleus(jnp.zeros(TINY.sectors), jnp.zeros(TINY.sectors), jnp.zeros(()))
    after = herniation.moved(P, open_, jnp.asarray(3e6), jnp.asarray(2 * ML), before, jnp.asarray(YEAR))
    assert float(after.left) > 0
    assert float(after.contained.min()) >= 0
    assert float(after.extruded.sum()) <= float(after.left)


@pytest.mark.parametrize(("sector", "words"), [(3, "left"), (4, "right"), (0, "in front"), (1, "in front")])
def test_side_size_and_contact_follow_from_the_sector_and_the_volume(body, sector, words):
    canal = Canal.of("L4-L5")
    depths = []
    for volume in (0.1, 0.3, 1.0):
        out = Nucleus(jnp.zeros(TINY.sectors).at[sector].set(volume * ML), jnp.zeros(TINY.sectors), jnp.asarray(ML))
        seen = herniation.protrusion(body, canal, jnp.zeros(TINY.sectors), out)
        depths.append(float(seen.depth))
        assert not bool(seen.cord)
        assert words in herniation.told(seen, canal)
    assert depths == sorted(depths)
    assert depths[0] > 0
    assert bool(seen.root | seen.sac) == (sector > 1)
    assert float(seen.canal_left) <= 1
    none = herniation.protrusion(body, canal, jnp.zeros(TINY.sectors), of.whole(TINY).nucleus)
    assert herniation.told(none, canal) == "No nucleus has left its place."
    assert float(none.canal_left) == 1


def test_two_herniations_are_two_and_a_broad_one_is_one():
    for volume, wanted in (
        ((0, 0, 3, 0, 0, 2, 0, 0), {2}),
        ((0, 0, 2, 3, 3, 1, 0, 0), {2, 3, 4, 5}),
        ((4, 0, 0, 2, 0, 0, 1, 3), {7, 0, 6}),
    ):
        assert set(np.flatnonzero(herniation.greatest(jnp.array(volume, float)))) == wanted


def test_what_comes_out_stands_on_the_rim():
    angle = 2 * np.pi * np.arange(8) / 8
    rim = jnp.stack([-2 * jnp.sin(angle), jnp.cos(angle)])
    for at, wanted in (((0.0, -0.3), (0.0, -1.0)), ((0.5, 0.0), (2.0, 0.0)), ((-9.0, 0.0), (-2.0, 0.0))):
        np.testing.assert_allclose(herniation.on_rim(rim, jnp.array(at)), wanted, atol=1e-9)


def test_a_herniation_in_the_middle_of_the_neck_meets_the_cord_and_in_the_loin_never(body):
    both = jnp.zeros(TINY.sectors).at[jnp.array([3, 4])].set(0.3 * ML)
    middle = Nucleus(both, 0 * both, jnp.asarray(ML))
    for level, meets in (("C5-C6", True), ("L4-L5", False)):
        seen = herniation.protrusion(body, Canal.of(level), 0 * both, middle)
        assert bool(seen.cord) == meets
        assert bool(seen.sac)
        assert 0 < float(seen.canal_left) < 1


def test_the_lumbar_canal_has_the_area_that_was_measured():
    assert 224e-6 < float(Canal.of("L4-L5").area) < 268e-6  # Schmid 1999, flexed and extended
    for level in evidence.levels():
        assert float(Canal.of(level).depth) > float(Canal.of(level).cord)


# ---------------------------------------------------------------------------------------------- bone


def test_what_tells_looseness_goes_by_the_size_of_the_disc_as_postures_do(body, monkeypatch):
    """A disc of half the breadth bears a quarter of the shear and an eighth of the moment."""
    small = eqx.tree_at(lambda b: b.start, body, body.start * jnp.array([0.5, 0.5, 1])[:, None, None, None])
    given = []

    def recorded(of_body, load, start):
        given.append(load)
        return start

    monkeypatch.setattr(instability, "sudden", recorded)
    for one in (body, small):
        instability.stability(one, equilibrium.at_start(one))
    half = len(given) // 2
    moments, forces = (np.array([np.abs(getattr(load, part)).max() for load in given]) for part in ("moment", "force"))
    assert moments.max() == pytest.approx(float(P.neutral_moment), rel=0.1)
    assert forces.max() == pytest.approx(float(P.translation_force), rel=0.1)
    np.testing.assert_allclose(moments[half:], moments[:half] / 8)
    np.testing.assert_allclose(forces[half:], forces[:half] / 4)
    posed = [posture.load_of(one, "flexed") for one in (body, small)]
    assert float(posed[1].follower / posed[0].follower) == pytest.approx(1 / 4)
    assert float(posed[1].pose[3]) == float(posed[0].pose[3]) < 0  # an angle has no size


def test_bone_answers_looseness_slowly_and_only_so_far():
    calm = instability.grown(P, jnp.asarray(1.1), jnp.zeros(()), 10 * YEAR)
    assert float(calm) == 0
    lengths = [float(instability.grown(P, jnp.asarray(2.0), jnp.zeros(()), t * YEAR)) for t in (1, 10, 1000)]
    assert lengths[0] == pytest.approx(float(P.osteophyte_rate) * YEAR, rel=0.05)
    assert lengths[0] < lengths[1] < lengths[2] <= float(P.osteophyte_greatest)
    canal = Canal.of("L4-L5")
    whole = instability.stenosis(P, canal, 0.0, 0.0, 0.0, 0.0)
    assert [float(x) for x in whole] == [1, 1, 1]
    worse = instability.stenosis(P, canal, 0.003, 0.001, 0.002, 0.004)
    assert all(0 < float(x) < 1 for x in worse)


@pytest.mark.parametrize("size", ["cohort", "coarse", "standard"])
def test_a_disc_begun_with_a_dallas_grade_shows_that_grade(size):
    topology = mesh.sized(size)
    for grade in range(fissure.GRADES + 1):
        begun = of.torn(topology, grade)
        assert int(fissure.dallas(P, topology, begun.damage)) == grade
        assert float(begun.damage[: topology.nucleus_rings].max()) == 0
    with pytest.raises(InputError, match="no Dallas grade"):
        of.torn(topology, 6)


def test_what_herniates_into_the_canal_takes_of_its_depth_and_what_lies_beside_of_the_foramen(body):
    canal, day_ = Canal.of("L4-L5"), day(0.0)
    for sector, narrowed in ((4, "canal"), (6, "neither")):
        out = Nucleus(jnp.zeros(TINY.sectors).at[sector].set(0.5 * ML), jnp.zeros(TINY.sectors), jnp.asarray(ML))
        torn = eqx.tree_at(lambda s: s.nucleus, of.whole(TINY), out)
        found = of.findings(body, canal, day_, day_, torn)
        lost = 1 - float(found.stenosis.canal)
        wanted = float(found.protrusion.depth / canal.depth) if narrowed == "canal" else 0.0
        assert lost == pytest.approx(wanted)
        off = of.findings(body, canal, day_, day_, torn, of.Laws(stenosis=False))
        assert [float(x) for x in off.stenosis] == [1, 1, 1]
        told = of.told(off, canal, of.Laws(stenosis=False))
        assert told[-1] == "Left out by the case: stenosis."
        assert not any("ligament" in text for text in told)


# ---------------------------------------------------------------------------------------------- a torn solid


@pytest.fixture(scope="module")
def lifted(body):
    """Side bending to either side, from the disc as built, before any water has left."""
    start = equilibrium.at_start(body)
    seen = of.see(body, start, {"side_bent": 1 / DAY, "-side_bent": 1 / DAY})
    return start, seen


def test_left_and_right_mirror_each_other(body, lifted):
    _, seen = lifted
    assert float(seen.error) < 1e-6
    np.testing.assert_allclose(seen.strain[0], seen.strain[1][:, ::-1], atol=1e-6)
    assert float(jnp.abs(seen.strain[0] - seen.strain[0][:, ::-1]).max()) > 1e-3
    frail = eqx.tree_at(
        lambda b: (b.parameters.fibre_yield_strain, b.parameters.fibre_failure_strain),
        body,
        (jnp.asarray(0.0), jnp.expm1(seen.strain.max())),
    )
    one, other = (advance(frail, eqx.tree_at(lambda s: s.cycles, seen, c), of.whole(TINY), DAY) for c in jnp.eye(2))
    assert float(one.damage.max()) > 0.5
    np.testing.assert_allclose(one.damage, other.damage[:, ::-1], atol=1e-4)


def test_a_torn_annulus_is_softer_bulges_at_its_tear_and_holds_less_pressure(body, lifted):
    start, _ = lifted
    load = posture.load_of(body, "standing")
    torn = eqx.tree_at(lambda s: s.overstretch, of.whole(TINY), jnp.asarray(at_sector(4, 0.95) + at_sector(3, 0.95)))
    lost = eqx.tree_at(lambda s: s.nucleus.left, torn, jnp.asarray(0.5 * ML))
    solids = [of.weakened(body, state) for state in (of.whole(TINY), torn, lost)]
    assert eqx.tree_equal(solids[0].material, body.material)
    assert eqx.tree_equal(of.weakened(body, torn, of.Laws(weakening=False)).material, body.material)
    found = [instability.sudden(made, load, start) for made in solids]
    assert max(float(f.error) for f in found) < 1e-6
    more = of.bulges(solids[1], found[1]) - of.bulges(body, found[0])
    assert float(more[3:5].min()) > 0
    assert int(jnp.argmax(more)) in (3, 4)
    heights = [float(f.pose[2]) for f in found]
    pressures = [float(posture.read(made, f).pressure) for made, f in zip(solids, found, strict=True)]
    assert heights == sorted(heights, reverse=True)
    assert pressures == sorted(pressures, reverse=True)
    assert pressures[1] < 0.98 * pressures[0]  # the tear alone
    loose = instability.looseness(instability.stability(solids[1], start), instability.stability(body, start))
    assert float(loose) > 1.05


def test_the_picture_shows_every_element_of_the_annulus_and_what_has_come_out(body):
    canal = Canal.of("C5-C6")
    torn = advance(body, day(at_sector(4, 0.3)), of.whole(TINY), YEAR)
    seen = herniation.protrusion(body, canal, jnp.zeros(TINY.sectors), torn.nucleus)
    ax = tears.structure(biomechanics.plan(body, torn, canal, seen)).axes[0]
    annulus = ax.collections[0].get_array()
    assert annulus.shape == ((TINY.rings - 1 - TINY.nucleus_rings) * TINY.sectors,)
    assert annulus.max() == 1
    assert np.sum(annulus > 0) == TINY.rings - 1 - TINY.nucleus_rings
    labels = ax.get_legend_handles_labels()[1]
    assert {"canal", "foramina", "cord"} < set(labels)
    assert any("nucleus" in label for label in labels)
    drawn = ax.patches[-1].get_xy()
    assert drawn[:, 0].mean() > 0  # on the right, and behind the disc
    assert drawn[:, 1].min() < 1e3 * float(body.start[1, -1].min())
    none = herniation.protrusion(body, canal, jnp.zeros(TINY.sectors), of.whole(TINY).nucleus)
    whole = tears.structure(biomechanics.plan(body, of.whole(TINY), canal, none))
    assert not any("nucleus" in label for label in whole.axes[0].get_legend_handles_labels()[1])


def test_findings_are_said_in_sentences(body):
    canal, first = Canal.of("L4-L5"), day(0.0)
    torn = advance(body, day(at_sector(4, 0.3)), of.whole(TINY), YEAR)
    said = " ".join(of.told(of.findings(body, canal, first, day(0.0), torn), canal))
    assert "Dallas grade 5" in said
    assert "Extruded herniation" in said
    assert {"side_bent", "-side_bent", "lifting"} <= set(of.day())
    assert of.day()["flexed"] == pytest.approx(50 / DAY)
