"""Steady diffusion with reaction on the polar grid: one operator, any number of solutes.

All solutes of a disc share one operator: their diffusivities are ``D_i tau`` with the tissue factor tau common to all,
so after division by D_i
each obeys ``K c_i + V r_i(c) / D_i = 0`` with the same stencil K and lumped volumes V.

Nonlinear problems are solved by Newton outside and a truncated minimal-residual method inside, linear ones by conjugate
gradients; both are preconditioned by the exact inverse of a separable
model of K (sectors by a real Fourier basis, rings and layers by small dense eigenbases), which keeps the number of
iterations constant with mesh size.

Source: tensor-product preconditioning after Lynch, Rice and Thomas 1964; Orthomin after Vinsome 1976; written from the
mathematics. GMRES (Saad and Schultz 1986) is JAX's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.sparse.linalg import gmres
from jaxtyping import Array, Float

from pulposus.disc import mesh
from pulposus.disc.mesh import Topology

_KEPT = 2  # maths: directions kept by the Krylov method
_KRYLOV = 40  # maths: most Krylov iterations of one Newton step
_NEWTON = 40  # maths: most Newton steps (rejected ones included)
_SHORTEST = 1 / 64  # maths: shortest damped Newton step
_DERIVATIVE = 1e-10  # maths: of a derivative, relative; finite differences cannot see more
_ROUNDS = 30  # maths: most rounds for a derivative
_CYCLES = 3  # maths: most cycles of GMRES where the short recurrence gets nowhere
_CONJUGATE = 200  # maths: most conjugate-gradient iterations, a bound never met in tests


class Separable(eqx.Module):
    """Eigenbases of the separable model operator; `around` is the real Fourier basis (mode, sector)."""

    around: Float[Array, "mode sector"]
    along: Float[Array, "layer mode"]
    across: Float[Array, "mode ring mode"]
    eigenvalue: Float[Array, "ringmode mode layermode"]

    def solve(self, right: Array, shift: Array | float = 0.0) -> Array:
        """Approximate solution of ``(K + shift M) u = right`` for (..., ring, sector, layer); zero on the outer
        surface (on its ends alone where the rim is free).
        """
        kept = self.across.shape[-2]
        inner = right[..., :kept, :, 1:-1]
        t = jnp.einsum("...rsl,lm->...rsm", inner, self.along)
        t = jnp.einsum("ks,...rsm->...rkm", self.around, t)
        t = jnp.einsum("kri,...rkm->...ikm", self.across, t)
        t = t / (self.eigenvalue + shift)
        t = jnp.einsum("kri,...ikm->...rkm", self.across, t)
        t = jnp.einsum("ks,...rkm->...rsm", self.around, t)
        t = jnp.einsum("...rsm,lm->...rsl", t, self.along)
        return jnp.pad(t, [(0, 0)] * (right.ndim - 3) + [(0, right.shape[-3] - kept), (0, 0), (1, 1)])


class Operator(eqx.Module):
    """Diffusion in one disc: stencil (27, ring, sector, layer), lumped volumes in m^3, preconditioner."""

    stencil: Float[Array, "27 ring sector layer"]
    volume: Float[Array, "ring sector layer"]
    model: Separable


def separable(topology: Topology, coords: Array, conductivity: Array, free_rim: bool = False) -> Separable:
    """The model operator of a disc: ring radii and layer heights averaged, conductivity the product of a ring and a
    layer profile. The field is held on the ends, and on the rim unless that is free. It only speeds solves up, so
    nothing is differentiated through it.
    """
    coords, conductivity = jax.lax.stop_gradient((coords, conductivity))
    middle = topology.layers // 2
    plan = coords[:, :, middle, :2] - coords[0, 0, middle, :2]
    radius = jnp.sqrt(jnp.mean(jnp.sum(plan**2, -1), 1))
    height = jnp.mean(coords[..., 2], (0, 1))
    ring_profile = jnp.mean(conductivity[:, :, middle - 1 : middle + 1], (1, 2))
    layer_profile = jnp.mean(conductivity / ring_profile[:, None, None], (0, 1))
    count = topology.sectors
    mode = np.arange(count)
    wave = (mode + 1) // 2
    angle = 2 * np.pi * np.outer(wave, np.arange(count)) / count
    around = np.where((mode % 2 == 1)[:, None], np.cos(angle), np.sin(angle))
    around[0] = 1.0
    if count % 2 == 0:
        around[-1] = np.cos(np.pi * np.arange(count))
    around /= np.linalg.norm(around, axis=1, keepdims=True)
    step = 2 * np.pi / count
    wide = np.arange(count // 2 + 1) * step
    mass_s, stiff_s = (2 + np.cos(wide)) / 3, 2 * (1 - np.cos(wide)) / step**2
    stiff_r, mass_r, swirl = _radial(radius, ring_profile)
    along, value_z = _eigen(*(matrix[1:-1, 1:-1] for matrix in _axial(height, layer_profile)))
    loose = np.ones((len(wide), *stiff_r.shape))  # modes that go around the disc vanish on the axis: cut it loose
    loose[1:, 0, 1:] = loose[1:, 1:, 0] = 0
    rings = stiff_r + jnp.asarray(stiff_s / mass_s)[:, None, None] * swirl
    kept = len(radius) if free_rim else len(radius) - 1
    across, value_r = _eigen((rings * loose)[:, :kept, :kept], (mass_r * loose)[:, :kept, :kept])
    across, value_r = (across / np.sqrt(step * mass_s)[:, None, None])[wave], value_r[wave]
    return Separable(jnp.asarray(around), along, across, value_r.T[:, :, None] + value_z)


def _eigen(stiff: Array, mass: Array) -> tuple[Array, Array]:
    """Mass-orthonormal eigenvectors (columns) and eigenvalues of pencils (..., n, n)."""
    lower = jnp.linalg.cholesky(mass)
    inverse = jax.scipy.linalg.solve_triangular(
        lower, jnp.broadcast_to(jnp.eye(mass.shape[-1]), mass.shape), lower=True
    )
    turned = jnp.swapaxes(inverse, -1, -2)
    value, vector = jnp.linalg.eigh(inverse @ stiff @ turned)
    return turned @ vector, value


def _radial(radius: Array, profile: Array) -> tuple[Array, Array, Array]:
    """Linear elements in r: stiffness, mass and the weight of the angular term."""
    width = jnp.diff(radius)
    point = 0.5 + np.array([-0.5, 0.5]) / np.sqrt(3)
    place = radius[:-1, None] + width[:, None] * point
    weight = 0.5 * (profile * width)[:, None]
    return (
        _stiff(jnp.sum(weight * place, 1) / width**2),
        _mass(weight * place, point),
        _mass(weight / place, point),
    )


def _axial(height: Array, profile: Array) -> tuple[Array, Array]:
    """Linear elements in z: stiffness and mass."""
    width = jnp.diff(height)
    point = 0.5 + np.array([-0.5, 0.5]) / np.sqrt(3)
    return _stiff(profile / width), _mass(0.5 * (profile * width)[:, None] * np.ones(2), point)


def _stiff(link: Array) -> Array:
    zero = jnp.zeros(1)
    middle = jnp.concatenate([link, zero]) + jnp.concatenate([zero, link])
    return jnp.diag(middle) - jnp.diag(link, 1) - jnp.diag(link, -1)


def _mass(weight: Array, point: np.ndarray) -> Array:
    """Consistent mass of linear elements, `weight` (element, point) at the Gauss points: trilinear elements have it,
    lumping it would not be their model.
    """
    zero = jnp.zeros(1)
    left, both, right = (weight @ value for value in ((1 - point) ** 2, (1 - point) * point, point**2))
    middle = jnp.concatenate([left, zero]) + jnp.concatenate([zero, right])
    return jnp.diag(middle) + jnp.diag(both, 1) + jnp.diag(both, -1)


class Solve(NamedTuple):
    """What a solve returns: the field, its preconditioned residual (relative to the scale of one), Newton and Krylov
    iterations.
    """

    field: Array
    error: Array
    newton: Array | int
    krylov: Array | int


def steady(
    operator: Operator,
    reaction: Callable[[Array], Array],
    start: Array,
    fixed: np.ndarray,
    tolerance: float,
    lower: float = -np.inf,
) -> Solve:
    """Solve ``K x + V reaction(x) = 0`` away from the `fixed` nodes, where `start` already holds the boundary values.

    `reaction` maps (solute, ring, sector, layer) to the same, node by node. `start` must be scaled to order one. Stops
    when the root mean square of the
    preconditioned residual, which estimates the error, is below `tolerance`. `lower` bounds the field (concentrations).
    Never raises: a failed solve shows in `error`. Derivatives are those of the solution, by the implicit function
    theorem, never of the iteration.
    """
    free = jnp.asarray(~fixed)

    def residual(x: Array) -> Array:
        return jnp.where(free, mesh.apply(operator.stencil, x) + operator.volume * reaction(x), x - start)

    def solve(_: Callable, guess: Array) -> tuple[Array, tuple]:
        return _told(_newton(operator, reaction, guess, free, shift, tolerance, lower))

    mass = jnp.where(free, operator.volume, 0.0)
    slopes = [jnp.sum(mass * jnp.maximum(c[i], 0.0)) / jnp.sum(mass) for i, c in enumerate(_columns(reaction, start))]
    shift = jax.lax.stop_gradient(jnp.stack(slopes)[:, None, None, None])
    field, beside = _root(operator, residual, start, free, solve, shift)
    return Solve(field, *_counted(beside))


def _newton(
    operator: Operator,
    reaction: Callable[[Array], Array],
    start: Array,
    free: Array,
    shift: Array,
    tolerance: float,
    lower: float,
) -> Solve:
    """Newton's method outside, `_residuals` inside, damped where the residual would not fall."""
    mass = jnp.where(free, operator.volume, 0.0)
    # The linear solve only has to be good to a few percent: it works in single precision, at half the memory traffic;
    # residuals stay double.
    single = jax.tree.map(lambda leaf: leaf.astype(jnp.float32), (operator.model, operator.stencil * free, shift))

    def body(carry: tuple) -> tuple:
        x, delta, length, before, newton, krylov, _ = carry
        trial = jnp.maximum(x + length * delta, jnp.where(free, lower, -jnp.inf))
        r = jnp.where(free, mesh.apply(operator.stencil, trial) + operator.volume * reaction(trial), 0.0)
        z = operator.model.solve(r, shift)
        now = _norm(z)
        enough = 1 - 1e-4 * length  # maths: Armijo's condition on the residual
        worse = ~(now <= enough * before) & ((length > _SHORTEST) | ~jnp.isfinite(now))
        done = ~worse & (now < tolerance)
        columns = [(mass * column).astype(jnp.float32) for column in _columns(reaction, trial)]

        def product(v: Array) -> Array:
            return mesh.apply(single[1], v) + sum(column * v[j] for j, column in enumerate(columns))

        def precondition(v: Array) -> Array:
            return single[0].solve(v, single[2])

        forcing = jnp.clip(0.3 * tolerance / now, 0.01, 0.03)  # maths: solve each step as well as Newton can use
        target = jnp.where(worse | done, jnp.inf, forcing)  # no linear solve where none is wanted
        scaled = -z / jnp.maximum(now, np.finfo(float).tiny)
        step, used = _residuals(product, precondition, scaled.astype(jnp.float32), target.astype(jnp.float32))

        def choose(a: Array, b: Array | float) -> Array:
            return jnp.where(worse, a, b)

        x, delta = choose(x, trial), choose(delta, now * step)
        length, before = choose(0.5 * length, 1.0), choose(before, now)
        return x, delta, length, before, newton + 1, krylov + used, jnp.where(worse, jnp.inf, now)

    infinite = jnp.asarray(jnp.inf)
    first = (start, jnp.zeros_like(start), jnp.asarray(1.0), infinite, 0, 0, infinite)
    carry = jax.lax.while_loop(lambda c: ~(c[6] < tolerance) & (c[4] < _NEWTON), body, first)
    return Solve(carry[0], carry[6], carry[4], carry[5])


def linear(operator: Operator, decay: Array, right: Array, start: Array, fixed: np.ndarray, tolerance: float) -> Solve:
    """Solve ``(K + V decay) x = V right`` for each solute by preconditioned conjugate gradients; `fixed` nodes keep
    `start`.

    decay: (solute, ring, sector, layer) >= 0; right and start likewise. `tolerance` as in `steady`.
    """
    free = jnp.asarray(~fixed)

    def residual(x: Array) -> Array:
        inside = mesh.apply(operator.stencil, x) + operator.volume * (decay * x - right)
        return jnp.where(free, inside, x - start)

    def solve(_: Callable, guess: Array) -> tuple[Array, tuple]:
        return _told(_conjugate(operator, decay, right, guess, free, shift, tolerance))

    mean = jnp.sum(operator.volume * decay, (1, 2, 3)) / jnp.sum(operator.volume)
    shift = jax.lax.stop_gradient(mean)[:, None, None, None]
    field, beside = _root(operator, residual, start, free, solve, shift)
    return Solve(field, *_counted(beside))


def _conjugate(
    operator: Operator, decay: Array, right: Array, start: Array, free: Array, shift: Array, tolerance: float
) -> Solve:
    """Preconditioned conjugate gradients for `linear`. Axis copies are made one point first: where they disagree the
    operator is not positive, and a solute that has all but gone, which nobody solves any further, would run away.
    """
    start = mesh.even_axis(start)

    def product(v: Array) -> Array:
        return jnp.where(free, mesh.apply(operator.stencil, v) + operator.volume * decay * v, 0.0)

    def dot(a: Array, b: Array) -> Array:
        return jnp.sum(a * b, (1, 2, 3), keepdims=True)

    def body(carry: tuple) -> tuple:
        x, r, z, p, rz, count = carry
        q = product(p)
        alpha = _ratio(rz, dot(p, q))
        x, r = x + alpha * p, r - alpha * q
        z = operator.model.solve(r, shift)
        new = dot(r, z)
        return x, r, z, z + _ratio(new, rz) * p, new, count + 1

    r = mesh.even_axis(jnp.where(free, operator.volume * right, 0.0)) - product(start)
    z = operator.model.solve(r, shift)
    carry = (start, r, z, z, dot(r, z), 0)
    carry = jax.lax.while_loop(lambda c: ~(_norm(c[2]) < tolerance) & (c[5] < _CONJUGATE), body, carry)
    return Solve(carry[0], _norm(carry[2]), 0, carry[5])


def _ratio(above: Array, below: Array) -> Array:
    """above / below, and 0 where `below` is nothing, or less by rounding: that solute goes no further while the others
    are still being solved.
    """
    there = below > np.finfo(float).tiny
    return jnp.where(there, above / jnp.where(there, below, 1.0), 0.0)


def _told(solved: Solve) -> tuple[Array, tuple]:
    """The field, and what is beside it as numbers that have a derivative (none), which counts have not."""
    return solved.field, tuple(jnp.asarray(x, dtype=float) for x in solved[1:])


def _counted(beside: tuple) -> tuple[Array, Array, Array]:
    return beside[0], beside[1].astype(int), beside[2].astype(int)


def _root(
    operator: Operator, residual: Callable, start: Array, free: Array, solve: Callable, shift: Array
) -> tuple[Array, tuple]:
    """What `solve` finds as a root of `residual`, differentiable both ways: the linear problem of its derivative is
    solved with the same preconditioner, and its transpose for adjoints.

    Equation: ``J dx = -dF``; with c the adjoint of x, ``J^T w = c``. Axis copies are one point: only what they have in
    common is asked for, and only that is given back.
    """
    model, stencil = jax.lax.stop_gradient((operator.model, operator.stencil))

    def precondition(v: Array) -> Array:
        return jnp.where(free, model.solve(jnp.where(free, v, 0.0), shift), 0.0)

    def columns(product: Callable) -> list[Array]:
        """What the reactions add, node by node: the rows of the stencil sum to zero, so constant fields show it."""
        units = jnp.eye(start.shape[0])[:, :, None, None, None]
        return [jnp.where(free, product(jnp.broadcast_to(e, start.shape)), 0.0) for e in units]

    def inside(mixed: Callable) -> Callable:
        return lambda v: jnp.where(free, mesh.apply(stencil, v) + mesh.even_axis(mixed(v)), 0.0)

    def forward(product: Callable, y: Array) -> Array:
        mix = columns(product)
        known = jnp.where(free, 0.0, y)
        right = jnp.where(free, y - mesh.apply(stencil, known), 0.0)
        return known + _refined(inside(lambda v: sum(c * v[j] for j, c in enumerate(mix))), precondition, right)

    def backward(mix: list[Array], y: Array) -> Array:
        right = jnp.where(free, mesh.even_axis(y), 0.0)
        w = _refined(inside(lambda v: jnp.stack([jnp.sum(c * v, 0) for c in mix])), precondition, right)
        return w + jnp.where(free, 0.0, y - mesh.apply(stencil, w))

    def tangent(product: Callable, y: Array) -> Array:
        mix = columns(product)
        return jax.lax.custom_linear_solve(product, y, forward, lambda _, c: backward(mix, c))

    field, beside = jax.lax.custom_root(residual, start, solve, tangent, has_aux=True)
    return field, beside


def _refined(product: Callable, precondition: Callable, right: Array) -> Array:
    """Solve ``product(x) = right`` to ten figures: rounds of `_residuals`, each on what the last has left."""
    z = precondition(right)
    goal = _DERIVATIVE * _norm(z)

    def body(carry: tuple) -> tuple:
        x, z, count = carry
        size = jnp.maximum(_norm(z), np.finfo(float).tiny)
        step, _ = _residuals(product, precondition, z / size, jnp.asarray(0.01))  # maths: two figures a round
        x = x + size * step
        return x, precondition(right - product(x)), count + 1

    carry = (jnp.zeros_like(right), z, 0)
    return jax.lax.while_loop(lambda c: (_norm(c[1]) > goal) & (c[2] < _ROUNDS), body, carry)[0]


def _columns(reaction: Callable[[Array], Array], x: Array) -> list[Array]:
    """d reaction / d x_j at every node, one (solute, ring, sector, layer) for each j: in one array, XLA would evaluate
    exponentials node by node.
    """
    _, derivative = jax.linearize(reaction, x)
    return [derivative(jnp.broadcast_to(e, x.shape)) for e in jnp.eye(x.shape[0])[:, :, None, None, None]]


def _norm(x: Array) -> Array:
    return jnp.sqrt(jnp.mean(x * x))


def _residuals(product: Callable, precondition: Callable, z: Array, target: Array) -> tuple[Array, Array | int]:
    """Solve ``precondition(product(x)) = z`` until the residual's norm is at most `target`, by conjugate residuals in
    the preconditioner's inner product.

    There the operator is nearly self-adjoint, so a few directions are enough: Orthomin with a window of _KEPT. Where
    cells die of what they make, it can be far from that, and Orthomin stands still: `_stubborn` goes on.
    """

    def dot(a: Array, b: Array) -> Array:
        return jnp.sum(a * b)

    def body(carry: tuple) -> tuple:
        x, z, past, count = carry
        p, a = z, product(z)
        b = precondition(a)
        for old_p, old_a, old_b in past:
            along = dot(old_a, b)
            p, a, b = p - along * old_p, a - along * old_a, b - along * old_b
        left = dot(a, b)
        scale = jnp.where(left > 0, jax.lax.rsqrt(jnp.maximum(left, np.finfo(np.float32).tiny)), 0.0)
        p, a, b = p * scale, a * scale, b * scale
        step = dot(a, z)
        return x + step * p, z - step * b, ((p, a, b), *past[:-1]), count + 1

    zero = jnp.zeros_like(z)
    carry = (zero, z, ((zero, zero, zero),) * _KEPT, 0)
    x, left, _, count = jax.lax.while_loop(lambda c: (_norm(c[1]) > target) & (c[3] < _KRYLOV), body, carry)
    return _stubborn(lambda v: precondition(product(v)), x, left, target, count)


def _stubborn(
    whole: Callable, x: Array, left: Array, target: Array, count: Array | int
) -> tuple[Array, Array | int]:
    """Cycles of GMRES on what is left, until its norm is at most `target`; none where it is already. Within a cycle it
    finds the least residual of all its directions, which needs no positive operator.
    """

    def body(carry: tuple) -> tuple:
        x, left, count = carry
        more, _ = gmres(whole, left, tol=0.0, atol=target * jnp.sqrt(float(left.size)), restart=_KRYLOV, maxiter=1)
        return x + more, left - whole(more), count + _KRYLOV

    def unfinished(carry: tuple) -> Array:
        return (_norm(carry[1]) > target) & (carry[2] < (1 + _CYCLES) * _KRYLOV)

    x, _, count = jax.lax.while_loop(unfinished, body, (x, left, count))
    return x, count
