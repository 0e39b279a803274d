"""The peer: scikit-fem assembles, NumPy and SciPy solve, written as well as we can.

Stiffness is assembled once into CSR over distinct nodes (wedges at the axis are hexahedra with two corners in one
place). Newton's method runs solute by solute (Gauss and Seidel), reactions and their derivatives are evaluated for all
nodes at once, linear systems go to conjugate gradients preconditioned by the diagonal. Variants differ in how exactly a
linear system is solved, in its precision, and in whether solutes take turns, go abreast or are coupled.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import scipy.sparse as sp
import scipy.sparse.linalg as spla
import skfem
from problem import Problem, distinct, numbers
from skfem.helpers import dot, grad

from pulposus.disc.mesh import Topology
from pulposus.disc.parameters import Parameters

_MOST = 100


def stiffness(topology: Topology, given: Problem) -> sp.csr_matrix:
    """Stiffness over distinct nodes by scikit-fem: trilinear hexahedra, 2 x 2 x 2 Gauss points, one conductivity an
    element.
    """
    place = numbers(topology)
    points = distinct(topology, np.moveaxis(np.asarray(given.coords), -1, 0))
    around = np.concatenate([place, place[:, :1]], 1)
    r, s, layer = topology.rings - 1, topology.sectors, topology.layers - 1
    corner = skfem.ElementHex1().doflocs.astype(int)
    elements = np.stack([around[a : a + r, b : b + s, c : c + layer].ravel() for a, b, c in corner])
    basis = skfem.Basis(skfem.MeshHex(points, elements, validate=False), skfem.ElementHex1(), intorder=3)
    conductivity = np.asarray(given.conductivity).reshape(-1, 1) * np.ones(basis.X.shape[1])
    form = skfem.BilinearForm(lambda u, v, w: w["conductivity"] * dot(grad(u), grad(v)))
    return form.assemble(basis, conductivity=conductivity).tocsr()


@dataclasses.dataclass
class Answer:
    """Concentrations on free nodes (solute, node), outer sweeps, and products with the matrix."""

    field: np.ndarray
    sweeps: int
    products: int


class Peer:
    """One disc, ready to solve; fields are (solute, free node) in SI, solutes oxygen, lactate, glucose."""

    def __init__(
        self, topology: Topology, given: Problem, parameters: Parameters, limiter: bool, matrix: sp.csr_matrix
    ):
        outer = np.zeros(topology.nodes, bool)
        outer[numbers(topology)[topology.outside]] = True
        free = ~outer
        start = distinct(topology, given.start)
        self.free, self.limiter = free, limiter
        self.matrix = matrix[free][:, free].tocsr()
        self.single = self.matrix.astype(np.float32)
        self.diagonal = self.matrix.diagonal()
        self.load = (matrix[free][:, outer] @ start[:, outer].T).T
        self.start = start[:, free]
        self.largest = start[:, outer].max(1)
        self.volume = np.bincount(numbers(topology).ravel(), np.asarray(given.volume).ravel())[free]
        self.water, self.cells = distinct(topology, given.water)[free], distinct(topology, given.cells)[free]
        p = self.p = {f.name: float(np.asarray(getattr(parameters, f.name))) for f in dataclasses.fields(parameters)}
        self.diffusivity = np.array([p["oxygen_diffusivity"], p["lactate_diffusivity"], p["glucose_diffusivity"]])
        self.products = 0

    def oxygen(self, c: np.ndarray, cells: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Use of oxygen at each node, and its derivative by oxygen."""
        p = self.p
        above = p["ph_without_lactate"] - c[1] / p["lactate_per_ph"] - p["oxygen_uptake_ph_offset"]
        most = p["oxygen_uptake_scale"] / p["oxygen_solubility"] * self.water * cells * above
        half = p["oxygen_uptake_half"] + p["oxygen_uptake_half_per_ph"] * above
        share = 1 / (c[0] + half)
        return most * c[0] * share, most * half * share**2

    def lactate(self, c: np.ndarray, cells: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Making of lactate at each node, and its derivatives by lactate and glucose."""
        p = self.p
        ph = p["ph_without_lactate"] - c[1] / p["lactate_per_ph"]
        exponent = p["lactate_rate_constant"] + p["lactate_rate_per_ph"] * ph + p["lactate_rate_per_oxygen"] * c[0]
        made = p["lactate_rate_unit"] * cells * np.exp(exponent - p["lactate_rate_per_oxygen_squared"] * c[0] ** 2)
        slope = -p["lactate_rate_per_ph"] / p["lactate_per_ph"]
        if not self.limiter:
            return made, made * slope, np.zeros_like(made)
        share = 1 / (np.maximum(c[2], 0) + p["glucose_limiter"])
        made, whole = made * c[2] * share, made
        return made, made * slope, whole * p["glucose_limiter"] * share**2

    def sources(self, c: np.ndarray, cells: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Net use of each solute and its derivative by itself, over diffusivity and times volume."""
        weight = self.volume / self.diffusivity[:, None]
        used, by_oxygen = self.oxygen(c, cells)
        made, by_lactate, by_glucose = self.lactate(c, cells)
        half = self.p["glucose_per_lactate"]
        return weight * np.stack([used, -made, half * made]), weight * np.stack(
            [by_oxygen, -by_lactate, half * by_glucose]
        )

    def one(self, i: int, c: np.ndarray, cells: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The same for one solute."""
        weight = self.volume / self.diffusivity[i]
        if i == 0:
            use, slope = self.oxygen(c, cells)
            return weight * use, weight * slope
        made, by_lactate, by_glucose = self.lactate(c, cells)
        if i == 1:
            return -weight * made, -weight * by_lactate
        half = self.p["glucose_per_lactate"]
        return half * weight * made, half * weight * by_glucose

    def imbalance(self, c: np.ndarray, cells: np.ndarray) -> float:
        """Sum of the absolute residual over nodes, relative to that of what is used; the worst solute."""
        used, _ = self.sources(c, cells)
        rest = (self.matrix @ c.T).T + self.load + used
        return float(np.max(np.abs(rest).sum(1) / np.abs(used).sum(1)))

    def difference(self, c: np.ndarray, other: np.ndarray) -> float:
        """Largest difference of two answers at any node, relative to `largest` of each solute."""
        return float(np.max(np.abs(c - other).max(1) / self.largest))

    def gradients(self, extra: np.ndarray, right: np.ndarray, reduction: float, single: bool = False) -> np.ndarray:
        """(K + extra) x = right by conjugate gradients from zero, preconditioned by the diagonal."""
        kind = np.float32 if single else np.float64
        matrix = self.single if single else self.matrix
        size = np.abs(right).max() or 1.0
        r, extra = (right / size).astype(kind), extra.astype(kind)
        inverse = (1 / (self.diagonal + extra)).astype(kind)
        x, z = np.zeros_like(r), inverse * r
        p, rho = z.copy(), r @ z
        stop = reduction**2 * rho
        while rho > stop:
            q = matrix @ p
            q += extra * p
            step = rho / (p @ q)
            x += step * p
            r -= step * q
            np.multiply(inverse, r, out=z)
            rho, old = r @ z, rho
            p *= rho / old
            p += z
            self.products += 1
        return size * x

    def in_turn(
        self, c: np.ndarray, cells: np.ndarray, tolerance: float, reduction: float, single: bool = False
    ) -> Answer:
        """Solutes take turns, one inexact Newton step each; ends when a whole sweep changes nothing by more than
        `tolerance` of `largest`.

        Without the limiter nothing depends on glucose, which is then solved once, at the end.
        """
        c, self.products, change = c.copy(), 0, np.inf
        turns = (0, 1, 2) if self.limiter else (0, 1)
        sweeps = 0
        while change > tolerance and sweeps < _MOST:
            change, sweeps = 0.0, sweeps + 1
            for i in turns:
                used, slope = self.one(i, c, cells)
                delta = self.gradients(slope, -(self.matrix @ c[i] + self.load[i] + used), reduction, single)
                c[i] += delta
                if self.limiter:
                    np.maximum(c[i], 0, out=c[i])
                change = max(change, np.abs(delta).max() / self.largest[i])
        if not self.limiter:
            used, _ = self.one(2, c, cells)
            c[2] += self.gradients(np.zeros_like(used), -(self.matrix @ c[2] + self.load[2] + used), 0.1 * tolerance)
        return Answer(c, sweeps, self.products)

    def accelerated(self, c: np.ndarray, cells: np.ndarray, tolerance: float, reduction: float) -> Answer:
        """Sweeps in turn as a fixed point, mixed over the last two by Anderson's method."""
        scale = self.largest[:, None]
        products, sweeps, change = 0, 0, np.inf
        points: list[np.ndarray] = []
        moves: list[np.ndarray] = []
        while change > tolerance and sweeps < _MOST:
            new = self.in_turn(c, cells, np.finfo(float).max, reduction)  # one sweep
            products, sweeps = products + new.products, sweeps + 1
            move = new.field - c
            change = float(np.max(np.abs(move) / scale))
            points, moves = [*points[-2:], new.field], [*moves[-2:], move]
            c = new.field
            if len(moves) > 1:
                steps = np.stack([((b - a) / scale).ravel() for a, b in pairwise(moves)], 1)
                weight = np.linalg.lstsq(steps, (move / scale).ravel())[0]
                c = c - sum(w * (b - a) for w, a, b in zip(weight, points, points[1:], strict=False))
        return Answer(new.field, sweeps, products)

    def abreast(self, c: np.ndarray, cells: np.ndarray, tolerance: float, reduction: float) -> Answer:
        """All solutes take their Newton step at once, each with its own conjugate gradients but one pass over the
        matrix.
        """
        c, products, sweeps, change = c.copy(), 0, 0, np.inf
        while change > tolerance and sweeps < _MOST:
            sweeps += 1
            used, slope = self.sources(c, cells)
            r = -((self.matrix @ c.T) + self.load.T + used.T) / self.largest
            extra = np.ascontiguousarray(slope.T)
            inverse = 1 / (self.diagonal[:, None] + extra)
            x, z = np.zeros_like(r), inverse * r
            p, rho = z.copy(), np.einsum("ni,ni->i", r, z)
            stop = reduction**2 * rho
            while np.any(rho > stop):
                q = self.matrix @ p
                q += extra * p
                step = rho / np.einsum("ni,ni->i", p, q)
                x += step * p
                r -= step * q
                np.multiply(inverse, r, out=z)
                rho, old = np.einsum("ni,ni->i", r, z), rho
                p *= rho / old
                p += z
                products += 3
            c += (x * self.largest).T
            if self.limiter:
                np.maximum(c, 0, out=c)
            change = np.abs(x).max()
        return Answer(c, sweeps, products)

    def coupled(self, c: np.ndarray, cells: np.ndarray, tolerance: float, reduction: float) -> Answer:
        """Newton's method on all solutes together; BiCGStab, preconditioned by the 3 x 3 blocks of the diagonal."""
        c, products, sweeps, change = c.copy(), 0, 0, np.inf
        weight = self.volume / self.diffusivity[:, None]
        scale = self.largest[:, None]

        def product(flat: np.ndarray) -> np.ndarray:
            nonlocal products
            products += 3
            v = flat.reshape(c.shape)
            return np.einsum(
                "ijn,jn->in", inverse, (self.matrix @ v.T).T + np.einsum("ijn,jn->in", jacobian, v)
            ).ravel()

        while change > tolerance and sweeps < _MOST:
            sweeps += 1
            used, _ = self.sources(c, cells)
            jacobian = weight[:, None] * self.derivatives(c, cells) * scale[None] / scale[:, None]
            blocks = jacobian + np.eye(3)[:, :, None] * self.diagonal
            inverse = np.moveaxis(np.linalg.inv(np.moveaxis(blocks, -1, 0)), 0, -1)
            rest = ((self.matrix @ c.T).T + self.load + used) / scale
            right = -np.einsum("ijn,jn->in", inverse, rest).ravel()
            operator = spla.LinearOperator((c.size, c.size), matvec=product, dtype=float)
            delta = spla.bicgstab(operator, right, rtol=reduction, maxiter=400)[0].reshape(c.shape)
            c += delta * scale
            if self.limiter:
                np.maximum(c, 0, out=c)
            change = np.abs(delta).max()
        return Answer(c, sweeps, products)

    def derivatives(self, c: np.ndarray, cells: np.ndarray) -> np.ndarray:
        """d use_i / d c_j at every node, (i, j, node)."""
        p = self.p
        used, by_oxygen = self.oxygen(c, cells)
        above = p["ph_without_lactate"] - c[1] / p["lactate_per_ph"] - p["oxygen_uptake_ph_offset"]
        share = p["oxygen_uptake_half_per_ph"] / (
            c[0] + p["oxygen_uptake_half"] + p["oxygen_uptake_half_per_ph"] * above
        )
        by_ph = used * (1 / above - share)
        made, by_lactate, by_glucose = self.lactate(c, cells)
        lactate = np.stack(
            [
                made * (p["lactate_rate_per_oxygen"] - 2 * p["lactate_rate_per_oxygen_squared"] * c[0]),
                by_lactate,
                by_glucose,
            ]
        )
        oxygen = np.stack([by_oxygen, -by_ph / p["lactate_per_ph"], np.zeros_like(made)])
        return np.stack([oxygen, -lactate, p["glucose_per_lactate"] * lactate])

    def variants(self) -> dict[str, Callable[[np.ndarray, np.ndarray, float], Answer]]:
        """Ways to solve, by name: (start, cells, tolerance) -> answer."""
        found: dict[str, Callable[[np.ndarray, np.ndarray, float], Answer]] = {}
        for reduction in (0.2, 0.05, 0.01):
            found[f"in turn, CG to {reduction}"] = lambda c, k, t, e=reduction: self.in_turn(c, k, t, e)
            found[f"in turn, single-precision CG to {reduction}"] = lambda c, k, t, e=reduction: self.in_turn(
                c, k, t, e, True
            )
            found[f"abreast, CG to {reduction}"] = lambda c, k, t, e=reduction: self.abreast(c, k, t, e)
        if self.limiter:  # without it glucose would be mixed for nothing
            found["in turn, CG to 0.05, Anderson"] = lambda c, k, t: self.accelerated(c, k, t, 0.05)
        found["coupled, BiCGStab to 0.05"] = lambda c, k, t: self.coupled(c, k, t, 0.05)
        return found
