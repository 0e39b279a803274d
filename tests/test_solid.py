"""The finite-strain solid: what must hold exactly, closed forms, an independent implementation, convergence."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from discs import REFERENCE, shape_of
from scipy.spatial.transform import Rotation

from pulposus.disc import composition, equilibrium, material, mechanics, mesh, solid
from pulposus.disc.mesh import Topology
from pulposus.disc.parameters import Parameters
from pulposus.disc.state import Hypotheses

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))

P = Parameters.from_evidence()
TINY = Topology(5, 8, 6, 2, 1)
COLUMN = Topology(3, 6, 13, 1, 1)
RADIUS, HEIGHT = 0.01, 0.008

_balance = eqx.filter_jit(equilibrium.balance)
ramped = eqx.filter_jit(equilibrium.ramped)


def balance(
    body: solid.Solid,
    load: equilibrium.Load,
    start: equilibrium.Balance,
    flow: equilibrium.Flow | None = None,
    tolerance: float = equilibrium.TOLERANCE,
) -> equilibrium.Balance:
    """Compiled once for each mesh and each of with and without flow, whatever the tolerance."""
    return _balance(body, load, start, flow, jnp.asarray(tolerance))


FITTED = Hypotheses(solid="fitted")  # a matrix stiff enough for the last digit of single-precision solves


def tissue(topology: Topology, hypotheses: Hypotheses) -> material.Material:
    g = P.healthy_grade
    return material.graded(topology, P, hypotheses, g, *composition.composition(P, hypotheses, g))


def disc(topology: Topology = TINY, **choices: str) -> solid.Solid:
    """The reference disc."""
    hypotheses = dataclasses.replace(FITTED, **choices)
    coords = mesh.coordinates(topology, shape_of(REFERENCE))
    return solid.solid(topology, hypotheses, P, tissue(topology, hypotheses), coords)


def plug(topology: Topology = COLUMN, charge: float = 0.0) -> solid.Solid:
    """A cylinder of one tissue, with constant permeability and without fibres."""
    m = jax.tree.map(lambda leaf: jnp.full_like(leaf, leaf[0, 0, 3]), tissue(topology, FITTED))
    m = eqx.tree_at(
        lambda t: (t.charge, t.fibre_modulus, t.permeability_exponent),
        m,
        (charge * m.charge, 0 * m.fibre_modulus, 0 * m.permeability_exponent),
    )
    r, s, layer = topology.shape
    radius = np.linspace(0, RADIUS, r)[:, None, None]
    theta = (2 * np.pi * np.arange(s) / s)[:, None]
    z = np.linspace(0, HEIGHT, layer) + 0 * radius * theta
    coords = np.stack([-radius * np.sin(theta) + 0 * z, radius * np.cos(theta) + 0 * z, z], -1)
    return solid.solid(topology, FITTED, P, m, jnp.asarray(coords))


def loaded(body: solid.Solid, chamber: float = 0.0, **given: object) -> equilibrium.Load:
    load = equilibrium.unloaded(body)
    values = tuple(jnp.asarray(value, dtype=float) for value in given.values())
    load = eqx.tree_at(lambda a: tuple(getattr(a, name) for name in given), load, values)
    return eqx.tree_at(lambda a: a.chamber, load, jnp.asarray(chamber))


def jittered(body: solid.Solid, size: float = 1e-4) -> tuple[jax.Array, jax.Array]:
    """Places off their start, and a direction; axis copies equal."""
    rng = np.random.default_rng(3)
    noise, way = (mesh.even_axis(jnp.asarray(rng.normal(size=body.start.shape))) for _ in range(2))
    return body.start + size * noise, way


def area(body: solid.Solid) -> float:
    return float(jnp.sum(body.volume) / 8 / HEIGHT)


# ---------------------------------------------------------------------------------------------- what holds exactly


def test_patch_a_uniform_deformation_is_in_balance():
    body = plug(TINY, charge=1.0)
    deformation = jnp.array([[1.1, 0.1, 0.05], [0, 0.9, 0.1], [0.02, -0.1, 0.95]])
    force = solid.forces(body, jnp.tensordot(deformation, body.start, axes=1))
    outer = jnp.abs(force).max()
    assert float(jnp.abs(force[:, :-1, :, 1:-1]).max()) < 1e-12 * float(outer)


def test_a_rotation_only_turns_the_forces():
    body = disc()
    x, _ = jittered(body)
    turn = equilibrium.rotation(jnp.array([0.4, -0.2, 0.7]))
    there = solid.forces(body, jnp.tensordot(turn, x, axes=1))
    np.testing.assert_allclose(there, jnp.tensordot(turn, solid.forces(body, x), axes=1), atol=1e-11)
    dry = eqx.tree_at(lambda b: b.material.charge, body, 0 * body.material.charge)
    assert float(jnp.abs(solid.forces(dry, jnp.tensordot(turn, body.start, axes=1))).max()) < 1e-11


@pytest.mark.parametrize("osmosis", ["donnan", "composition"])
def test_forces_are_the_derivative_of_the_energy(osmosis):
    body = disc(osmosis=osmosis)
    x, way = jittered(body)

    @jax.jit
    def energy(places: jax.Array) -> jax.Array:
        start, g = (jnp.moveaxis(solid.tangents(a), (0, 1), (-1, -2)) for a in (body.start, places))
        along = jnp.einsum("...ia,fa...->f...i", start, body.fibres)
        spread = [body.parameters, body.hypotheses, body.material, g @ jnp.linalg.inv(start), along]
        return jnp.sum(material.energy(*spread) * body.volume / 8)

    rise = (energy(x + 1e-7 * way) - energy(x - 1e-7 * way)) / 2e-7
    assert float(jnp.sum(solid.forces(body, x) * way)) == pytest.approx(float(rise), rel=1e-5)


def test_the_stencil_is_the_derivative_of_the_forces():
    body = disc(osmosis="composition")
    x, way = jittered(body)
    up, down = (solid.forces(body, x + e * way) for e in (1e-9, -1e-9))
    product = solid.apply(solid.stiffness(body, x), way)
    np.testing.assert_allclose(product, (up - down) / 2e-9, atol=2e-6 * float(jnp.abs(product).max()))


@pytest.mark.parametrize("dt", [0.0, 100.0], ids=["sudden", "with flow"])
def test_the_coupled_stencil_is_symmetric_and_the_derivative_of_forces_and_volumes(dt):
    body = plug(TINY, charge=1.0)
    x, way = jittered(body)
    way = way * (dt == 0)  # flow depends on places too, which the stencil leaves out
    rng = np.random.default_rng(4)
    p, push = (1e5 * mesh.even_axis(jnp.asarray(rng.normal(size=TINY.shape))) for _ in range(2))
    before = solid.cofactors(solid.tangents(body.start))[1]

    @jax.jit
    def residual(e: float) -> jax.Array:
        lack = solid.imbalance(body, x + e * way, p + e * push, before, 0 * p, jnp.asarray(dt))
        return jnp.concatenate([solid.forces(body, x + e * way, p + e * push), lack[None]])

    blocks = jax.jit(solid.coupled)(body, x, p, jnp.asarray(dt)).astype(float)
    both = jnp.concatenate([way, push[None]])
    step = 1e-9 if dt == 0 else 1e-2
    slope = (residual(step) - residual(-step)) / (2 * step)
    product = solid.apply(blocks, both)
    for row in (slice(3), 3):
        np.testing.assert_allclose(product[row], slope[row], atol=1e-5 * float(jnp.abs(slope[row]).max()))
    other = jnp.roll(both, 1, axis=2) + jnp.concatenate([1e-3 * x, p[None]])
    assert float(jnp.sum(other * product)) == pytest.approx(float(jnp.sum(both * solid.apply(blocks, other))), rel=1e-4)


# ---------------------------------------------------------------------------------------------- closed forms


def test_confined_compression_and_swelling_are_the_closed_form():
    body = plug(charge=1.0)
    for force in (0.0, -60.0):
        found = ramped(body, loaded(body, chamber=1.0, force=[0, 0, force]), 3, 1e-8)
        stretch = 1 + float(found.pose[2]) / HEIGHT
        m = jax.tree.map(lambda leaf: leaf[0, 0, 0], body.material)
        stress = mechanics.solid_stress(m.shear, m.solid, stretch)
        stress -= material.osmotic_pressure(P, FITTED, m, jnp.asarray(stretch))
        assert float(stress) * area(body) == pytest.approx(force, abs=1e-4)
        assert float(found.error) < 1e-8
        np.testing.assert_allclose(solid.volume_ratio(body, equilibrium.places(body, found)), stretch, rtol=1e-6)


def test_consolidation_is_terzaghis():
    """Settlement (creep in confined compression) and pore pressure half way up, drained at both ends, small strain."""
    body, force = plug(), -0.3
    load = loaded(body, chamber=1.0, force=[0, 0, force])
    m = jax.tree.map(lambda leaf: leaf[0, 0, 0], body.material)
    modulus = float(material.volume_stiffness(P, FITTED, m, jnp.ones(()))[1] + m.shear)
    water = float(material.extrafibrillar_water(P, m, jnp.ones(())))
    half, pressure = 0.5 * HEIGHT, -force / area(body)
    rate = modulus * float(m.permeability) / half**2
    assert 0 < water < 1
    ends = np.zeros(COLUMN.shape)
    ends[..., [0, -1]] = 1

    def after(now: equilibrium.Balance, dt: float) -> equilibrium.Balance:
        flow = equilibrium.flow_from(body, now, dt)
        return balance(body, load, now, eqx.tree_at(lambda f: f.outlet, flow, jnp.asarray(ends * (dt > 0))), 1e-8)

    at_once = now = after(equilibrium.at_start(body), 0.0)
    np.testing.assert_allclose(at_once.pressure, pressure, rtol=1e-3)
    assert abs(float(at_once.pose[2])) < 1e-6 * HEIGHT
    rows = []
    for _ in range(80):
        now = after(now, 0.005 / rate)
        rows.append([float(now.pose[2]), float(now.pressure[0, 0, 6]), float(now.error)])
    settled, middle, error = np.array(rows).T
    assert error.max() < 1e-8
    odd = 2 * np.arange(200) + 1
    for index in (20, 40, 79):
        time = 0.005 * (index + 1)
        decay = np.exp(-((odd * np.pi / 2) ** 2) * time)
        degree = 1 - np.sum(8 / (odd * np.pi) ** 2 * decay)
        left = np.sum(4 / (odd * np.pi) * (-1.0) ** ((odd - 1) // 2) * decay)
        assert -settled[index] / (pressure * HEIGHT / modulus) == pytest.approx(degree, rel=0.01)
        assert middle[index] / pressure == pytest.approx(left, rel=0.01)


# ---------------------------------------------------------------------------------------------- the disc


@pytest.fixture(scope="module")
def standing() -> tuple[solid.Solid, equilibrium.Load, equilibrium.Balance]:
    body = disc()
    load = loaded(body, force=[0, 0, -500])
    return body, load, ramped(body, load, 3)


def test_water_goes_from_the_sudden_to_the_drained_disc(standing):
    body, _, rested = standing
    load = loaded(body, force=[0, 0, -1000])
    after = eqx.filter_jit(equilibrium.after)
    at_once = after(body, load, rested, jnp.asarray(0.0))
    later, drained = after(body, load, at_once, jnp.asarray(1e8)), balance(body, load, rested)
    for found in (at_once, later, drained):
        assert float(found.error) < 1e-6

    def volume(found: equilibrium.Balance) -> float:
        return float(jnp.sum(solid.volume_ratio(body, equilibrium.places(body, found)) * body.volume) / 8)

    assert volume(at_once) == pytest.approx(volume(rested), rel=1e-7)  # in all, not a drop is lost
    assert volume(drained) < 0.95 * volume(rested)
    np.testing.assert_allclose(
        later.displacement, drained.displacement, atol=2e-3 * float(jnp.ptp(drained.displacement))
    )
    assert float(at_once.pressure[0, 0, TINY.layers // 2]) > 2e5
    assert float(jnp.abs(later.pressure).max()) < 1e3


def test_a_follower_force_and_a_held_pose_say_the_same_as_a_plain_force(standing):
    body, _, rested = standing
    held = loaded(body, held=np.ones(6), pose=np.asarray(rested.pose))
    again = balance(body, held, equilibrium.at_start(body))
    np.testing.assert_allclose(again.displacement, rested.displacement, atol=1e-8)
    reaction = solid.forces(body, equilibrium.places(body, again))[..., -1].sum((1, 2))
    np.testing.assert_allclose(reaction, [0, 0, -500], atol=0.5)


TILTED = np.array([1.5e-3, -0.8e-3, -1e-3, -0.12, 0.05, 0.08])


def follower_line(body: solid.Solid, load: equilibrium.Load, pose: jax.Array) -> tuple[np.ndarray, np.ndarray]:
    """The upper point of a follower load where it now is, and the unit vector from the lower point to it."""
    upper = load.upper + equilibrium.carried(body, pose, load.upper)
    line = np.asarray(upper - load.lower)
    return np.asarray(upper), line / np.linalg.norm(line)


def test_a_follower_load_turns_nothing_about_its_own_points():
    """Its potential does not change when the tilted vertebra turns about either end of the line; so it has no moment
    about it.
    """
    body = disc()
    above = body.start[:, 0, 0, -1] + jnp.array([2e-3, 5e-3, 1e-3])
    load = loaded(body, follower=500.0, upper=above, lower=body.start[:, 0, 0, 0])
    upper, _ = follower_line(body, load, TILTED)
    centre = np.asarray(body.start[:, 0, 0, -1])
    turn = Rotation.from_rotvec([0.03, -0.07, 0.11])
    before = float(equilibrium.potential(body, load, TILTED))
    for pivot in (upper, np.asarray(load.lower)):
        there = pivot + turn.apply(centre + TILTED[:3] - pivot) - centre
        turned = turn * Rotation.from_rotvec(TILTED[3:])
        pose = jnp.asarray(np.concatenate([there, turned.as_rotvec()]))
        assert float(equilibrium.potential(body, load, pose)) == pytest.approx(before, rel=1e-12)
    elsewhere = jnp.asarray(np.concatenate([TILTED[:3], turned.as_rotvec()]))  # about the middle of the endplate
    assert abs(float(equilibrium.potential(body, load, elsewhere)) - before) > 1e-3 * before


def test_a_follower_load_pulls_along_its_line_as_its_potential_falls():
    body = disc()
    load = loaded(body, follower=500.0, upper=body.start[:, 0, 0, -1] + jnp.array([0, 4e-3, 0]))
    pull = -np.asarray(jax.grad(lambda q: equilibrium.potential(body, load, q))(TILTED))
    _, line = follower_line(body, load, TILTED)
    np.testing.assert_allclose(pull[:3], -500.0 * line, rtol=1e-12)
    for freedom in range(6):
        step = 1e-6 * np.eye(6)[freedom]
        rise = equilibrium.potential(body, load, TILTED + step) - equilibrium.potential(body, load, TILTED - step)
        assert -pull[freedom] == pytest.approx(float(rise) / 2e-6, rel=1e-6, abs=1e-6)


def test_where_a_disc_rests_a_follower_load_is_a_plain_force_along_its_line(standing):
    body, _, rested = standing
    bent = loaded(body, follower=500.0, moment=[-2.0, 0, 0])
    found = balance(body, bent, rested)
    _, line = follower_line(body, bent, found.pose)
    assert abs(line[1]) > 0.01  # it is tilted
    plain = loaded(body, force=-500.0 * line, moment=[-2.0, 0, 0])
    np.testing.assert_allclose(balance(body, plain, found).pose, found.pose, atol=2e-7)
    reaction = solid.forces(body, equilibrium.places(body, found))[..., -1].sum((1, 2))
    np.testing.assert_allclose(reaction, -500 * line, atol=0.5)


def test_the_disc_is_that_of_an_independent_implementation():
    pytest.importorskip("skfem", reason="scikit-fem is not installed (it is in the dev extra)")
    import problem
    import solid_peer

    body = disc()
    pose = np.array([0, 0.1e-3, -0.5e-3, -0.03, 0.01, 0.02])
    ours = ramped(body, loaded(body, held=np.ones(6), pose=pose), 3)
    theirs = solid_peer.SolidPeer(body).rest(np.asarray(equilibrium.rotation(pose[3:])), pose[:3], 3)
    scale = np.abs(theirs.displacement).max()
    assert np.abs(problem.distinct(TINY, np.asarray(ours.displacement)) - theirs.displacement).max() < 1e-5 * scale
    reaction = solid.forces(body, equilibrium.places(body, ours))[..., -1].sum((1, 2))
    np.testing.assert_allclose(reaction, theirs.reaction, atol=1e-3)


def test_more_fixed_charge_is_a_higher_disc_by_what_the_adjoint_says(standing):
    body, load, rested = standing

    def height(share: float) -> float:
        charge = body.material.charge.at[1, 3, 2:4].mul(share)
        other = eqx.tree_at(lambda b: b.material.charge, body, charge)
        return float(balance(other, load, rested, None, 1e-9).pose[2])

    rise = (height(1.05) - height(0.95)) / 0.1
    told = eqx.filter_jit(equilibrium.sensitivity)(body, load, rested, lambda x, pose: pose[2])
    part = jnp.sum((told.material.charge * body.material.charge)[1, 3, 2:4])
    assert rise > 0
    assert float(part) == pytest.approx(rise, rel=5e-3)


def test_discs_are_solved_in_batches(standing):
    body, load, rested = standing
    shares = jnp.array([0.8, 1.1])

    def one(share: jax.Array) -> equilibrium.Balance:
        less = eqx.tree_at(lambda b: b.material.charge, body, share * body.material.charge)
        return equilibrium.balance(less, load, rested)

    both = jax.jit(jax.vmap(one))(shares)
    assert float(jnp.max(both.error)) < 1e-6
    assert float(both.pose[0, 2]) < float(rested.pose[2]) < float(both.pose[1, 2])


# ---------------------------------------------------------------------------------------------- pressure is stable


def _dense(blocks: jax.Array, topology: Topology) -> np.ndarray:
    """A block stencil as a matrix over distinct nodes, (field, node) by (field, node)."""
    r, s, layer = topology.shape
    count = blocks.shape[1]
    first = np.broadcast_to(np.arange(layer), (1, s, layer))
    number = np.concatenate([first, layer + np.arange((r - 1) * s * layer).reshape(r - 1, s, layer)])
    spread = np.eye(number.max() + 1)[number.ravel()]
    fields = np.kron(np.eye(count), spread).T.reshape(-1, count, r, s, layer)
    out = jax.lax.map(lambda f: solid.apply(blocks, f), jnp.asarray(fields), batch_size=16)
    return np.kron(np.eye(count), spread).T @ np.asarray(out).reshape(len(fields), -1).T


@pytest.mark.parametrize("topology", [Topology(3, 6, 5, 1, 1), Topology(4, 8, 6, 2, 1)], ids=["coarser", "finer"])
def test_no_pressure_goes_unseen(topology):
    """Inf-sup: the least eigenvalue of (B K^-1 B' + C) p = e M p stays well above zero, and without C it does not."""
    body = disc(topology)
    blocks = solid.coupled(body, body.start, 0 * body.start[0], jnp.zeros(())).astype(float)
    matrix = _dense(blocks, topology)
    nodes = topology.nodes
    ends = np.zeros(topology.shape, bool)
    ends[:, :, [0, -1]] = True
    distinct = np.concatenate([ends[0, 0], ends[1:].ravel()])
    free = np.flatnonzero(~np.tile(distinct, 3))
    push = matrix[free, 3 * nodes :]
    seen = push.T @ np.linalg.solve(matrix[np.ix_(free, free)], push)
    penalty = -matrix[3 * nodes :, 3 * nodes :]
    volume = np.asarray(solid.volume_share(body, body.volume))
    mass = np.concatenate([volume[0].sum(0), volume[1:].ravel()])
    scale = 1 / np.sqrt(mass)
    modulus = float(P.nucleus_shear_modulus)

    def least(a: np.ndarray) -> float:
        return np.linalg.eigvalsh(scale[:, None] * 0.5 * (a + a.T) * scale)[0] * modulus

    assert least(seen + penalty) > 0.02
    assert least(seen) < 0.1 * least(seen + penalty)
