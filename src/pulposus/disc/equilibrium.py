"""Where a disc comes to rest under a load, drained, at once, or in time.

What: places of the nodes, pose of the upper vertebra and pore pressure at which all forces balance. Drained (a night, a
month's mean): pore pressure has gone and osmotic pressure bears the load. Sudden (a lift): no water has left any place.
In time: water flows for dt, by backward Euler; the first two are its limits.
Equation: see `solid`; the load is ``F . (displacement of its point) + M . (rotation vector)`` and a follower force
along the line between two points, one of each vertebra, so that all of it has a potential and tangents are
symmetric. A moment M is that about an axis held in space as long as the rotation is about this axis.
Reads: a `Solid`, a `Load`, where it was. Writes: a `Balance`.
Method: Newton's, with the residual measured by a preconditioner: the eigenbasis of a scalar diffusion for each
component of place, the mass or the same eigenbasis for pressure, and the six degrees of freedom of the vertebra
through displacements that go linearly with height. The linear solves are MINRES (Paige and Saunders 1975) in single
precision, residuals are double.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from pulposus.disc import diffusion, mesh, solid
from pulposus.disc.diffusion import Separable
from pulposus.disc.material import Branch, relaxed
from pulposus.disc.solid import Gauss, Places, Solid

FREEDOMS = 6  # maths: three displacements and three rotations of a rigid body
TOLERANCE = 1e-6  # maths: strain by which a balance may be wrong
BELIEVED = 1e-4  # maths: strain by which a balance may be wrong and still be told
_NEWTON = 30  # maths: most Newton steps of one load step
_KRYLOV = 400  # maths: most Krylov iterations of one Newton step
_ADJOINT = 1e-5  # maths: residual of the adjoint, near what single precision can
_SHORTEST = 1 / 64  # maths: shortest damped Newton step
_DRIEST = 0.02  # maths: no trial presses out all but this share of the room for water
_STIFFER = 3.0  # maths: compression modulus of wet tissue over its shear modulus, roughly: only preconditions
_TURNED = 1e-8  # maths: square of the angle under which sine and cosine are read from their series


class Load(eqx.Module):
    """What acts on the upper vertebra: SI, axes of the disc (x right, y anterior, z up)."""

    force: Float[Array, "3"]  # N, on the point `at`
    moment: Float[Array, "3"]  # N m; flexion is negative about x
    at: Float[Array, "3"]  # m, where the point lies at start
    follower: Float[Array, ""]  # N, compression along the line between the two points below
    upper: Float[Array, "3"]  # m, on the upper vertebra
    lower: Float[Array, "3"]
    held: Float[Array, " freedom"]  # 1 where displacement (3) or rotation vector (3) is prescribed
    pose: Float[Array, " freedom"]  # m and radians: what is prescribed
    chamber: Float[Array, ""]  # 1 where a smooth stiff wall holds the rim in its plane, as in confined compression


class Flow(eqx.Module):
    """What a balance in time starts from: volumes per unit cube and pore pressure then, and how long water may flow
    (s).

    dt = 0 is a sudden load: nothing leaves, and no outlet holds the pressure.
    """

    volume: Gauss
    pressure: Float[Array, "ring sector layer"]
    branch: Branch  # of the fibres
    dt: Float[Array, ""]
    outlet: Float[Array, "ring sector layer"]  # 1 where pore pressure is held at zero


class Balance(eqx.Module):
    """A disc at rest: displacement of nodes (m), pose of the upper vertebra, pore pressure above rest (Pa), and how
    well.
    """

    displacement: Places
    pose: Float[Array, " freedom"]
    pressure: Float[Array, "ring sector layer"]
    anchor: Float[Array, "2 8 ring sector layer"]  # fibre strain at which the spring behind the dashpot does not pull
    error: Float[Array, ""]  # about the strain by which it is still wrong
    newton: Array
    krylov: Array


def unloaded(body: Solid) -> Load:
    """No load at all, on the middle of the upper endplate."""
    none, top = jnp.zeros(3), body.start[:, 0, 0, -1]
    return Load(
        none,
        none,
        top,
        jnp.zeros(()),
        top,
        body.start[:, 0, 0, 0],
        jnp.zeros(FREEDOMS),
        jnp.zeros(FREEDOMS),
        jnp.zeros(()),
    )


def at_start(body: Solid) -> Balance:
    """The disc as built, before anything acts."""
    zero = jnp.zeros(())
    slack = jnp.zeros((len(body.fibres), *body.volume.shape))
    none = jnp.zeros((), int)
    return Balance(0 * body.start, jnp.zeros(FREEDOMS), 0 * body.start[0], slack, zero, none, none)


def places(body: Solid, balance: Balance) -> Places:
    """Where the nodes are, m."""
    return body.start + balance.displacement


def rotation(vector: Array) -> Float[Array, "3 3"]:
    """Rotation matrix of a rotation vector (Rodrigues), with derivatives at zero."""
    square = jnp.sum(vector**2)
    small = square < _TURNED
    angle = jnp.sqrt(jnp.where(small, 1.0, square))
    sixth, twelfth = 1 / 6, 1 / 24  # maths: series of sine and cosine
    first = jnp.where(small, 1 - square * sixth, jnp.sin(angle) / angle)
    second = jnp.where(small, 0.5 - square * twelfth, (1 - jnp.cos(angle)) / angle**2)
    x, y, z = vector
    cross = jnp.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return jnp.eye(3) + first * cross + second * (cross @ cross)


def carried(body: Solid, pose: Array, points: Array) -> Array:
    """Displacement of points (3, ...) that move with the upper vertebra, which turns about the middle of its
    endplate.
    """
    centre = body.start[:, 0, 0, -1].reshape(3, *([1] * (points.ndim - 1)))
    arm = points - centre
    return jnp.tensordot(rotation(pose[3:]) - jnp.eye(3), arm, axes=1) + pose[:3].reshape(centre.shape)


def potential(body: Solid, load: Load, pose: Array) -> Array:
    """Minus the work of the load, J."""
    line = load.upper + carried(body, pose, load.upper) - load.lower
    work = jnp.dot(load.force, carried(body, pose, load.at)) + jnp.dot(load.moment, pose[3:])
    return load.follower * jnp.sqrt(jnp.sum(line**2)) - work


# ------------------------------------------------------------------------------------------ the linear system


class Unknown(NamedTuple):
    """Change of places (and of pressure, a fourth row) on nodes, and of the pose."""

    field: Array
    pose: Array


class Preconditioner(eqx.Module):
    """What stands for the inverse of the system: eigenbases, scales that match diagonals, the vertebra's stiffness."""

    place: Separable
    pressure: Separable
    scale: Array  # (n, ring, sector, layer), zero where nothing is free
    shift: Array
    alone: Array  # (ring, sector, layer) inverse diagonal of pressures that the eigenbasis holds at zero
    sudden: Array
    pose: Float[Array, "freedom freedom"]

    def __call__(self, r: Unknown) -> Unknown:
        """Approximate solution."""
        right = self.scale * r.field
        rows = [self.place.solve(right[:3])]
        if right.shape[0] > 3:
            spread = self.pressure.solve(right[3:], self.shift) + self.alone * right[3:]
            rows.append(jnp.where(self.sudden, right[3:], spread))
        return Unknown(mesh.even_axis(self.scale * jnp.concatenate(rows)), self.pose @ r.pose)


def _dot(a: Unknown, b: Unknown) -> Array:
    return jnp.sum(a.field * b.field) + jnp.sum(a.pose * b.pose)


def _plus(a: Unknown, factor: Array, b: Unknown) -> Unknown:
    return jax.tree.map(lambda x, y: x + factor * y, a, b)


def _times(factor: Array, a: Unknown) -> Unknown:
    return jax.tree.map(lambda x: factor * x, a)


def minres(product: Callable, precondition: Callable, right: Unknown, target: Array) -> tuple[Unknown, Array]:
    """Solve ``product(x) = right`` (symmetric) until the residual, in the preconditioner's norm, is `target` of what
    it was.
    """
    none = _times(jnp.zeros((), jnp.float32), right)
    z = precondition(right)
    size = jnp.sqrt(jnp.maximum(_dot(z, right), 0))
    one, tiny = jnp.ones_like(size), np.finfo(np.float32).tiny

    def body(carry: tuple) -> tuple:
        x, (v, v_old), z, (w, w_old), (g, g_old), left, (c, c_old, s, s_old), count = carry
        z = _times(1 / g, z)
        az = product(z)
        along = _dot(az, z)
        new = _plus(_plus(az, -along / g, v), -g / g_old, v_old)
        z_new = precondition(new)
        g_new = jnp.sqrt(jnp.maximum(_dot(z_new, new), tiny))
        a0 = c * along - c_old * s * g
        a1 = jnp.sqrt(a0**2 + g_new**2)
        a2, a3 = s * along + c_old * c * g, s_old * g
        w_new = _times(1 / a1, _plus(_plus(z, -a3, w_old), -a2, w))
        x = _plus(x, a0 / a1 * left, w_new)
        turn = (a0 / a1, c, g_new / a1, s)
        return x, (new, v), z_new, (w_new, w), (g_new, g), -g_new / a1 * left, turn, count + 1

    start = (none, (right, none), z, (none, none), (size, one), size, (one, one, 0 * one, 0 * one), 0)
    done = jax.lax.while_loop(lambda k: (jnp.abs(k[5]) > target * size) & (k[7] < _KRYLOV), body, start)
    return done[0], jnp.asarray(done[7])


class _System(eqx.Module):
    """The equations linearised at a place: block stencil, modes of the vertebra, its own stiffness, what is free."""

    blocks: Array
    modes: Array  # (6, 3, ring, sector, layer)
    pose: Float[Array, "freedom freedom"]
    free: Array  # (n, ring, sector, layer)
    loose: Float[Array, " freedom"]

    def __call__(self, x: Unknown) -> Unknown:
        """The system applied."""
        turned = self.loose * x.pose
        moved = x.field.at[:3].add(jnp.tensordot(turned, self.modes, axes=1))
        out = solid.apply(self.blocks, moved)
        back = jnp.tensordot(self.modes, out[:3], axes=4) + self.pose @ turned
        return Unknown(self.free * out, self.loose * back)


# ------------------------------------------------------------------------------------------ Newton's method


class _Problem(eqx.Module):
    """All that stays while Newton's method runs."""

    body: Solid
    load: Load
    flow: Flow | None
    height: Array  # (layer,) from 0 at the lower to 1 at the upper vertebra
    place: Separable
    pressure: Separable
    plain: Array  # (ring, sector, layer) diagonal of the scalar stiffness that the eigenbases stand for
    volume: Array  # (ring, sector, layer) of the nodes

    def residual(self, x: Array, pose: Array, pressure: Array) -> Unknown:
        """Forces on nodes (with the volumes they lack) and on the vertebra; the latter in the modes of `modes`."""
        body, flow = self.body, self.flow
        force = self._forces(x, pressure)
        total = self.pull(force, pose)
        if flow is not None:
            lack = solid.imbalance(body, x, pressure, flow.volume, flow.pressure, flow.dt)
            force = jnp.concatenate([force, lack[None]])
        return Unknown(self.free() * force, (1 - self.load.held) * total)

    def pull(self, force: Array, pose: Array) -> Float[Array, " freedom"]:
        """What the vertebra lacks for balance where the nodes pull with these forces, held or not."""
        own = jax.grad(lambda q: potential(self.body, self.load, q))(pose)
        return jnp.tensordot(self.modes(pose), force, axes=4) + own

    def _forces(self, x: Array, pressure: Array) -> Array:
        return (
            solid.forces(self.body, x) if self.flow is None else solid.forces(self.body, x, pressure, self.flow.branch)
        )

    def modes(self, pose: Array) -> Array:
        """How places change with the pose: all of it at the upper vertebra, none at the lower, linear between."""
        change = jax.jacfwd(lambda q: carried(self.body, q, self.body.start))(pose)
        return jnp.moveaxis(change, -1, 0) * self.height

    def free(self) -> Array:
        """1 for places that are free (all but the ends), and for pressures (all but outlets)."""
        inside = np.ones(self.body.topology.shape)
        inside[:, :, [0, -1]] = 0
        rows = jnp.broadcast_to(inside, (3, *inside.shape)).at[:2, -1].mul(1 - self.load.chamber)
        return rows if self.flow is None else jnp.concatenate([rows, 1 - self.flow.outlet[None]])

    def linearised(self, x: Array, pose: Array, pressure: Array) -> tuple[_System, Preconditioner]:
        """The system at a place and its preconditioner, in single precision."""
        body, flow = self.body, self.flow
        blocks = solid.stiffness(body, x) if flow is None else solid.coupled(body, x, pressure, flow.dt, flow.branch)
        top = self._forces(x, pressure) * jnp.where(self.height < 1, 0, 1)

        def held(q: Array) -> Array:
            return potential(body, self.load, q) + jnp.sum(top * carried(body, q, body.start))

        modes, own = (a.astype(jnp.float32) for a in (self.modes(pose), jax.hessian(held)(pose)))
        loose = (1 - self.load.held).astype(jnp.float32)
        system = _System(blocks, modes, own, self.free().astype(jnp.float32), loose)
        return system, self._preconditioner(system)

    def _preconditioner(self, system: _System) -> Preconditioner:
        flow, count = self.flow, system.blocks.shape[1]
        middle = system.blocks[len(system.blocks) // 2]
        diagonal = mesh.even_axis(jnp.stack([middle[i, i] for i in range(count)]))
        model = [self.plain] * 3
        shift, alone, sudden = jnp.zeros(()), jnp.zeros(()), jnp.asarray(True)
        if flow is not None:
            sudden = flow.dt <= 0
            k = self._permeability() * jnp.maximum(flow.dt, 1.0)  # maths: any dt where it does not matter
            mass = self.volume / (_STIFFER * self._shear())
            shift = 1 / (_STIFFER * self._shear() * k)
            actual = mesh.even_axis(mass) - diagonal[3]
            diagonal = jnp.concatenate([diagonal[:3], actual[None]])
            model.append(jnp.where(sudden, 1.0, self.plain + mass / k))
            alone = jnp.asarray(self.body.topology.outside) / model[3]
        scale = system.free * jnp.sqrt(jnp.stack(model) / jnp.where(diagonal > 0, diagonal, jnp.inf))
        moved = jax.vmap(lambda mode: solid.apply(system.blocks[:, :3, :3], mode))(system.modes)
        coarse = jnp.tensordot(system.modes, moved, axes=([1, 2, 3, 4], [1, 2, 3, 4])) + system.pose
        keep = system.loose[:, None] * system.loose
        value, vector = jnp.linalg.eigh((keep * coarse + jnp.diag(1 - system.loose)).astype(float))
        inverse = (vector / jnp.abs(value)) @ vector.T * keep
        made = Preconditioner(self.place, self.pressure, scale, shift, alone, sudden, inverse)
        return jax.tree.map(lambda a: a.astype(jnp.float32) if a.dtype == jnp.float64 else a, made)

    def _shear(self) -> Array:
        return jnp.mean(self.body.material.shear)

    def _permeability(self) -> Array:
        return jnp.exp(jnp.mean(jnp.log(self.body.material.permeability)))


def _problem(body: Solid, load: Load, flow: Flow | None) -> _Problem:
    t = body.topology
    coords = jnp.moveaxis(body.start, 0, -1)
    even = jnp.ones((t.rings - 1, t.sectors, t.layers - 1))
    height = jnp.mean(coords[..., 2], (0, 1))
    height = (height - height[0]) / (height[-1] - height[0])
    middle = len(mesh.OFFSETS) // 2
    return _Problem(
        body,
        load,
        flow,
        height,
        diffusion.separable(t, coords, even, free_rim=True),
        diffusion.separable(t, coords, even),
        mesh.even_axis(mesh.stiffness(t, coords, even)[middle]),
        jnp.sum(mesh.node_volumes(t, coords), 0),
    )


def balance(body: Solid, load: Load, start: Balance, flow: Flow | None = None, tolerance: float = TOLERANCE) -> Balance:
    """The disc at rest under a load, from where it was. Never raises: a failed solve shows in `error`."""
    problem = _problem(body, load, flow)
    wanted = jnp.where(load.held > 0, load.pose, start.pose)
    shift = (carried(body, wanted, body.start) - carried(body, start.pose, body.start)) * problem.height
    # the lower vertebra holds its endplate, whatever the guess
    x = (body.start + start.displacement + shift).at[..., 0].set(body.start[..., 0])
    pressure = start.pressure if flow is None else start.pressure * (1 - flow.outlet)
    unit = jnp.sqrt(problem._shear() * jnp.sum(problem.volume))

    def norm(precondition: Preconditioner, r: Unknown) -> Array:
        small = jax.tree.map(lambda a: a.astype(jnp.float32), r)
        return jnp.sqrt(jnp.maximum(_dot(small, precondition(small)), 0.0)).astype(float) / unit

    def step(carry: tuple) -> tuple:
        x, pose, pressure, r, _, count, used = carry
        system, precondition = problem.linearised(x, pose, pressure)
        now = norm(precondition, r)
        right = jax.tree.map(lambda a: -a.astype(jnp.float32), r)
        forcing = jnp.clip(0.3 * tolerance / now, 1e-4, 1e-2)  # maths: as well as Newton can use
        delta, turns = minres(system, precondition, right, jnp.where(now < tolerance, jnp.inf, forcing))
        moved = delta.field[:3] + jnp.tensordot(delta.pose, system.modes, axes=1)

        def tried(length: Array) -> tuple:
            new = pose + length * delta.pose
            y = x + length * moved
            y = y.at[..., -1].set(body.start[..., -1] + carried(body, new, body.start[..., -1]))
            p = pressure + (length * delta.field[3] if flow is not None else 0.0)
            return y, new, p

        def measured(length: Array) -> tuple:
            y, new, p = tried(length)
            wet = (solid.volume_ratio(body, y) - body.material.solid) / (1 - body.material.solid)
            r_new = problem.residual(y, new, p)
            return r_new, jnp.where(jnp.min(wet) > _DRIEST, norm(precondition, r_new), jnp.inf)

        def worse(state: tuple) -> Array:
            length, _, after = state
            enough = 1 - 1e-4 * length  # maths: Armijo's condition on the residual
            return ~(after <= enough * now) & (length > _SHORTEST)

        # from a step twice as long that nobody measured: the residual then stands once in the program, not twice, which
        # spares a tenth of compiling
        first = (jnp.full((), 2.0), r, jnp.asarray(jnp.inf))
        length, r_new, after = jax.lax.while_loop(worse, lambda s: (0.5 * s[0], *measured(0.5 * s[0])), first)
        return (*tried(length), r_new, after, count + 1, used + turns)

    infinite, none = jnp.asarray(jnp.inf), jnp.zeros((), int)
    first = (x, wanted, pressure, problem.residual(x, wanted, pressure), infinite, none, none)
    done = jax.lax.while_loop(lambda c: ~(c[4] < tolerance) & (c[5] < _NEWTON), step, first)
    x, pose, pressure, _, error, newton, krylov = done
    anchor = relaxed(solid.fibre_strain(body, x), None if flow is None else flow.branch)
    if flow is not None:  # what starts from a balance that is wrong is wrong
        error = jnp.maximum(error, start.error)
    return Balance(x - body.start, pose, pressure, anchor, error, jnp.asarray(newton), jnp.asarray(krylov))


def ramped(body: Solid, load: Load, steps: int, tolerance: float = TOLERANCE) -> Balance:
    """The drained disc at rest from the state as built: fixed charge and load grow together in equal steps."""

    def grown(now: Balance, share: Array) -> tuple[Balance, None]:
        less = eqx.tree_at(lambda b: b.material.charge, body, share * body.material.charge)
        part = eqx.tree_at(
            lambda a: (a.force, a.moment, a.follower, a.pose),
            load,
            tuple(share * value for value in (load.force, load.moment, load.follower, load.pose)),
        )
        new = balance(less, part, now, None, tolerance)
        counts = new.newton + now.newton, new.krylov + now.krylov
        return eqx.tree_at(lambda b: (b.newton, b.krylov), new, counts), None

    return jax.lax.scan(grown, at_start(body), jnp.arange(1, steps + 1) / steps)[0]


# compiled once for every disc on a mesh: start, clock, postures and tears all ask for it
drained = eqx.filter_jit(balance)


def sudden(body: Solid, load: Load, start: Balance, tolerance: float = TOLERANCE) -> Balance:
    """The disc just after a load has come: no water has left any place since `start`."""
    return balance(body, load, start, flow_from(body, start, 0.0), tolerance)


def after(body: Solid, load: Load, start: Balance, dt: Array | float, tolerance: float = TOLERANCE) -> Balance:
    """The disc after water has flowed for dt (s) under a load: one step of backward Euler."""
    return balance(body, load, start, flow_from(body, start, dt), tolerance)


# the same for balances in time; a dt of 0 is a sudden load
flowing = eqx.filter_jit(after)


def reaction(body: Solid, load: Load, found: Balance, flow: Flow | None = None) -> Float[Array, " freedom"]:
    """Force (N) and moment (N m, as `Load.moment`) that hold the upper vertebra in its pose besides the load: nothing
    but the solver's error where it is free. flow: that of the balance, where it is one in time.
    """
    problem = _problem(body, load, flow)
    return problem.pull(problem._forces(places(body, found), found.pressure), found.pose)


def released(body: Solid, load: Load, found: Balance, flow: Flow | None = None) -> Load:
    """The load with the moment that holds the vertebra turned in place of the turn: the same balance is one of it."""
    turned = FREEDOMS // 2
    held = load.held[turned:] * reaction(body, load, found, flow)[turned:]
    return eqx.tree_at(lambda a: (a.moment, a.held), load, (load.moment + held, load.held.at[turned:].set(0)))


def flow_from(body: Solid, start: Balance, dt: Array | float) -> Flow:
    """What a balance in time starts from; water leaves through endplates and rim."""
    volume = solid.cofactors(solid.tangents(places(body, start)))[1]
    dt = jnp.asarray(dt, dtype=float)
    branch = Branch(start.anchor, 1 / (1 + dt / body.material.branch_time))
    return Flow(volume, start.pressure, branch, dt, jnp.where(dt > 0, body.topology.outside, False) * 1.0)


def sensitivity(body: Solid, load: Load, found: Balance, target: Callable[[Array, Array], Array]) -> Solid:
    """How a number read off the drained disc at rest changes with all that the solid is made of: one adjoint solve.

    `target` maps places and pose to the number; the result is a `Solid` whose leaves are derivatives (of the material;
    the form is held).
    """
    problem, x = _problem(body, load, None), places(body, found)
    system, precondition = problem.linearised(x, found.pose, found.pressure)
    inner, own = jax.grad(target, (0, 1))(x, found.pose)
    whole = jnp.tensordot(problem.modes(found.pose), inner, axes=4) + own
    right = jax.tree.map(
        lambda a: a.astype(jnp.float32), Unknown(system.free * mesh.even_axis(inner), system.loose * whole)
    )
    adjoint, _ = minres(system, precondition, right, jnp.asarray(_ADJOINT, jnp.float32))
    way = adjoint.field + jnp.tensordot(system.loose * adjoint.pose, system.modes, axes=1)

    def pushed(m: solid.Material) -> Array:
        return -jnp.sum(way * solid.forces(eqx.tree_at(lambda b: b.material, body, m), x))

    none = jax.tree.map(jnp.zeros_like, body)
    return eqx.tree_at(lambda b: b.material, none, jax.grad(pushed)(body.material))
