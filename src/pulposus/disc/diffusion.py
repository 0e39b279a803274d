"""Steady diffusion with reaction on the polar grid: one operator, any number of solutes.

All solutes of a disc share one operator: their diffusivities are ``D_i tau`` with the tissue factor tau common to all,
so after division by D_i
each obeys ``K c_i + V r_i(c) / D_i = 0`` with the same stencil K and lumped volumes V.

Nonlinear problems are solved by Newton outside and a truncated minimal-residual method inside, linear ones by conjugate
gradients; both are preconditioned by the exact inverse of a separable
model of K (sectors by a real Fourier basis, rings and layers by small dense eigenbases), which keeps the number of
iterations constant with mesh size.

Source: tensor-product preconditioning after Lynch, Rice and Thomas 1964; Orthomin after Vinsome 1976; all written from
the mathematics.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from pulposus.disc import mesh
from pulposus.disc.mesh import Topology

_KEPT = 8  # maths: directions kept by the Krylov method
_KRYLOV = 40  # maths: most Krylov iterations of one Newton step
_NEWTON = 40  # maths: most Newton steps (rejected ones included)
_SHORTEST = 1 / 64  # maths: shortest damped Newton step
_CONJUGATE = 200  # maths: most conjugate-gradient iterations, a bound never met in tests


class Separable(eqx.Module):
    """Eigenbases of the separable model operator; `around` is the real Fourier basis (mode, sector)."""

    around: Float[Array, "mode sector"]
    along: Float[Array, "layer mode"]
    across: Float[Array, "mode ring mode"]
    eigenvalue: Float[Array, "ringmode mode layermode"]

    def solve(self, right: Array, shift: Array | float = 0.0) -> Array:
        """Approximate solution of ``(K + shift M) u = right`` for (..., ring, sector, layer); zero on the outer
        surface.
        """
        inner = right[..., :-1, :, 1:-1]
        t = jnp.einsum("...rsl,lm->...rsm", inner, self.along)
        t = jnp.einsum("ks,...rsm->...rkm", self.around, t)
        t = jnp.einsum("kri,...rkm->...ikm", self.across, t)
        t = t / (self.eigenvalue + shift)
        t = jnp.einsum("kri,...ikm->...rkm", self.across, t)
        t = jnp.einsum("ks,...rkm->...rsm", self.around, t)
        t = jnp.einsum("...rsm,lm->...rsl", t, self.along)
        return jnp.pad(t, [(0, 0)] * (right.ndim - 3) + [(0, 1), (0, 0), (1, 1)])


class Operator(eqx.Module):
    """Diffusion in one disc: stencil (27, ring, sector, layer), lumped volumes in m^3, preconditioner."""

    stencil: Float[Array, "27 ring sector layer"]
    volume: Float[Array, "ring sector layer"]
    model: Separable


def separable(topology: Topology, coords: Array, conductivity: Array) -> Separable:
    """The model operator of a disc: ring radii and layer heights averaged, conductivity the product of a ring and a
    layer profile.
    """
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
    stiff_r, mass_r, swirl = _radial(radius, ring_profile)
    stiff_z, mass_z = _axial(height, layer_profile)
    along, value_z = _eigen(stiff_z[1:-1, 1:-1], mass_z[1:-1])
    waves = (2 / step * np.sin(np.arange(count // 2 + 1) * step / 2)) ** 2
    rings = stiff_r + jnp.asarray(waves)[:, None, None] * jnp.diag(swirl)
    off = np.ones(rings.shape)  # modes that go around the disc vanish on the axis: its row and column are cut loose
    off[1:, 0, 1:] = off[1:, 1:, 0] = 0
    across, value_r = _eigen((rings * off)[:, :-1, :-1], mass_r[:-1])
    across, value_r = across[wave] / np.sqrt(step), value_r[wave]
    return Separable(jnp.asarray(around), along, across, value_r.T[:, :, None] + value_z)


def _eigen(stiff: Array, mass: Array) -> tuple[Array, Array]:
    """Mass-orthonormal eigenvectors (columns) and eigenvalues of pencils (..., n, n) with one diagonal mass."""
    root = jnp.sqrt(mass)
    value, vector = jnp.linalg.eigh(stiff / root[:, None] / root)
    return vector / root[:, None], value


def _radial(radius: Array, profile: Array) -> tuple[Array, Array, Array]:
    """Linear elements in r: stiffness, lumped mass weighted with the profile, and the weight of the angular term."""
    width = jnp.diff(radius)
    centre = 0.5 * (radius[1:] + radius[:-1])
    link = profile * centre / width
    sixth = profile * width / 6  # maths: exact integral of r times a linear function
    mass = _to_nodes(sixth * (2 * radius[:-1] + radius[1:]), sixth * (radius[:-1] + 2 * radius[1:]))
    half = profile * width / (2 * centre)
    return _tridiagonal(link), mass, _to_nodes(half, half)


def _axial(height: Array, profile: Array) -> tuple[Array, Array]:
    width = jnp.diff(height)
    return _tridiagonal(profile / width), _to_nodes(profile * width / 2, profile * width / 2)


def _to_nodes(left: Array, right: Array) -> Array:
    zero = jnp.zeros(1)
    return jnp.concatenate([left, zero]) + jnp.concatenate([zero, right])


def _tridiagonal(link: Array) -> Array:
    return jnp.diag(_to_nodes(link, link)) - jnp.diag(link, 1) - jnp.diag(link, -1)


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
    Never raises: a failed solve shows in `error`.
    """
    free = jnp.asarray(~fixed)
    weight = jnp.where(free, operator.volume, 0.0)
    weight = weight / jnp.sum(weight)
    solutes = range(start.shape[0])

    def residual(x: Array) -> Array:
        return jnp.where(free, mesh.apply(operator.stencil, x) + operator.volume * reaction(x), 0.0)

    def body(carry: tuple) -> tuple:
        x, delta, length, before, shift, newton, krylov, _ = carry
        trial = jnp.maximum(x + length * delta, jnp.where(free, lower, -jnp.inf))
        r = residual(trial)
        now = _norm(operator.model.solve(r, shift))
        enough = 1 - 1e-4 * length  # maths: Armijo's condition on the residual
        worse = ~(now <= enough * before) & (length > _SHORTEST)
        done = ~worse & (now < tolerance)

        local = _pointwise_jacobian(reaction, trial)
        new_shift = jnp.stack([jnp.sum(weight * jnp.maximum(local[i, i], 0.0)) for i in solutes])[:, None, None, None]

        def precondition(v: Array) -> Array:
            return operator.model.solve(v, new_shift)

        def product(v: Array) -> Array:
            coupled = jnp.stack([sum(local[i, j] * v[j] for j in solutes) for i in solutes])
            return precondition(jnp.where(free, mesh.apply(operator.stencil, v) + operator.volume * coupled, 0.0))

        z = precondition(r)
        size = _norm(z)
        forcing = jnp.clip(0.3 * tolerance / size, 1e-4, 0.05)  # maths: solve each step as well as Newton can use
        target = jnp.where(worse | done, jnp.inf, forcing * size)  # no linear solve where none is wanted
        step, used = _orthomin(product, -z, target)

        def choose(a: Array, b: Array | float) -> Array:
            return jnp.where(worse, a, b)

        x, delta = choose(x, trial), choose(delta, step)
        return (
            x,
            delta,
            choose(0.5 * length, 1.0),
            choose(before, size),
            choose(shift, new_shift),
            newton + 1,
            krylov + used,
            jnp.where(worse, jnp.inf, now),
        )

    none = jnp.zeros((start.shape[0], 1, 1, 1))
    first = (start, jnp.zeros_like(start), jnp.asarray(1.0), jnp.asarray(jnp.inf), none, 0, 0, jnp.asarray(jnp.inf))
    carry = jax.lax.while_loop(lambda c: ~(c[7] < tolerance) & (c[5] < _NEWTON), body, first)
    return Solve(carry[0], carry[7], carry[5], carry[6])


def linear(operator: Operator, decay: Array, right: Array, start: Array, fixed: np.ndarray, tolerance: float) -> Solve:
    """Solve ``(K + V decay) x = V right`` for each solute by preconditioned conjugate gradients; `fixed` nodes keep
    `start`.

    decay: (solute, ring, sector, layer) >= 0; right and start likewise. `tolerance` as in `steady`.
    """
    free = jnp.asarray(~fixed)
    shift = (jnp.sum(operator.volume * decay, (1, 2, 3)) / jnp.sum(operator.volume))[:, None, None, None]

    def product(v: Array) -> Array:
        return jnp.where(free, mesh.apply(operator.stencil, v) + operator.volume * decay * v, 0.0)

    def dot(a: Array, b: Array) -> Array:
        return jnp.sum(a * b, (1, 2, 3), keepdims=True)

    def body(carry: tuple) -> tuple:
        x, r, z, p, rz, count = carry
        q = product(p)
        alpha = rz / jnp.maximum(dot(p, q), np.finfo(float).tiny)
        x, r = x + alpha * p, r - alpha * q
        z = operator.model.solve(r, shift)
        new = dot(r, z)
        return x, r, z, z + new / jnp.maximum(rz, np.finfo(float).tiny) * p, new, count + 1

    r = jnp.where(free, operator.volume * right, 0.0) - product(start)
    z = operator.model.solve(r, shift)
    carry = (start, r, z, z, dot(r, z), 0)
    carry = jax.lax.while_loop(lambda c: ~(_norm(c[2]) < tolerance) & (c[5] < _CONJUGATE), body, carry)
    return Solve(carry[0], _norm(carry[2]), 0, carry[5])


def _pointwise_jacobian(reaction: Callable[[Array], Array], x: Array) -> Array:
    """d reaction_i / d x_j at every node, as (i, j, ring, sector, layer)."""
    unit = jnp.eye(x.shape[0])[:, :, None, None, None]
    _, derivative = jax.linearize(reaction, x)
    return jnp.stack([derivative(jnp.broadcast_to(e, x.shape)) for e in unit], 1)


def _norm(x: Array) -> Array:
    return jnp.sqrt(jnp.mean(x * x))


def _orthomin(product: Callable[[Array], Array], right: Array, target: Array) -> tuple[Array, Array | int]:
    """Solve ``product(x) = right`` until the residual's norm is at most `target`, minimising it over the last few
    directions.
    """

    def body(carry: tuple) -> tuple:
        x, r, directions, images, count = carry
        p, q = r, product(r)
        for _ in range(2):  # maths: Gram-Schmidt twice keeps images orthogonal to rounding
            along = jnp.tensordot(images, q, q.ndim)
            p, q = p - jnp.tensordot(along, directions, 1), q - jnp.tensordot(along, images, 1)
        size = jnp.maximum(jnp.sqrt(jnp.sum(q * q)), np.finfo(float).tiny)
        p, q = p / size, q / size
        step = jnp.sum(q * r)
        slot = count % _KEPT
        return x + step * p, r - step * q, directions.at[slot].set(p), images.at[slot].set(q), count + 1

    empty = jnp.zeros((_KEPT, *right.shape))
    carry = (jnp.zeros_like(right), right, empty, empty, 0)
    carry = jax.lax.while_loop(lambda c: (_norm(c[1]) > target) & (c[4] < _KRYLOV), body, carry)
    return carry[0], carry[4]
