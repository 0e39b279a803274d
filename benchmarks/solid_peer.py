"""The peers of the solid: scikit-fem or felupe assembles, SciPy or Pardiso solves; the energy is written again, from
stress formulas.

Unknowns are places of the distinct nodes; ends follow a prescribed pose of the upper vertebra. The tangent is the full
derivative, the linear solver direct, Newton's method plain with load steps.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import scipy.sparse as sp
import scipy.sparse.linalg as spla
import skfem
from problem import distinct, numbers
from skfem.helpers import ddot, grad

from pulposus.disc.solid import Solid

_MOST = 40
_NUMBERS = ("shear", "solid", "charge", "fibre_modulus", "fibre_exponent", "fibre_angle")


def _pardiso(matrix: sp.csr_matrix, right: np.ndarray) -> np.ndarray:
    import pypardiso

    return pypardiso.spsolve(matrix, right)


def _superlu(matrix: sp.csr_matrix, right: np.ndarray) -> np.ndarray:
    return spla.spsolve(matrix.tocsc(), right)


@dataclasses.dataclass
class Rest:
    """Displacements (3, node), reaction of the upper end in N, Newton steps."""

    displacement: np.ndarray
    reaction: np.ndarray
    newton: int


class SolidPeer:
    """One disc; SI."""

    def __init__(self, body: Solid, direct: str = "superlu"):
        self.solve = {"superlu": _superlu, "pardiso": _pardiso}[direct]
        t, p, m = body.topology, body.parameters, body.material
        place = numbers(t)
        points = distinct(t, np.asarray(body.start))
        around = np.concatenate([place, place[:, :1]], 1)
        r, s, layer = t.rings - 1, t.sectors, t.layers - 1
        element = skfem.ElementHex1()
        corner = element.doflocs.astype(int)
        elements = np.stack([around[a : a + r, b : b + s, c : c + layer].ravel() for a, b, c in corner])
        mesh = skfem.MeshHex(points, elements, validate=False)
        self.basis = skfem.Basis(mesh, skfem.ElementVector(element), intorder=3)
        self.points = points
        self.lower, self.upper = (np.unique(place[:, :, end]) for end in (0, -1))
        low, high = (points[2, place[0, 0, end]] for end in (0, -1))
        self.height = np.clip((points[2] - low) / (high - low), 0, 1)
        self.height[self.lower] = 0
        ends = np.concatenate([self.basis.nodal_dofs[:, nodes].ravel() for nodes in (self.lower, self.upper)])
        self.free = np.setdiff1d(np.arange(self.basis.N), ends)
        self.dofs = self.basis.nodal_dofs
        self.numbers = {name: np.asarray(getattr(m, name)).reshape(-1, 1) for name in _NUMBERS}
        self.heat = float(p.gas_constant * p.temperature)
        self.salt = float(p.salt)
        self.fibres = self._directions(self.basis.mapping.DF(self.basis.X))

    def _directions(self, ways: np.ndarray) -> list[np.ndarray]:
        """Both families from the derivatives (3, axis, ...) of places along the axes of the element."""
        around = ways[:, 1] / np.linalg.norm(ways[:, 1], axis=0)
        up = ways[:, 2] - np.sum(ways[:, 2] * around, 0) * around
        up /= np.linalg.norm(up, axis=0)
        angle = self.numbers["fibre_angle"]
        return [np.cos(angle) * around + side * np.sin(angle) * up for side in (1, -1)]

    def _volume(self, j: np.ndarray, charged: float) -> tuple[np.ndarray, np.ndarray]:
        """First and second derivative of U, the first by the published stress, the second by a complex step."""
        n, g, fixed = (self.numbers[name] for name in ("solid", "shear", "charge"))

        def first(v: np.ndarray) -> np.ndarray:
            log = np.log(v)
            wilson = -g / 6 * log / v * (-1 + 3 * (v + n) / (n - v) + 3 * n * v * log / (n - v) ** 2)
            ions = charged * fixed / (v - n)
            swelling = self.heat * (np.sqrt(ions**2 + 4 * self.salt**2) - 2 * self.salt)
            return wilson - g * v ** (-1 / 3) - swelling

        step = 1e-30
        return first(j), np.imag(first(j + 1j * step)) / step

    def _stress(self, f: np.ndarray, charged: float) -> tuple[np.ndarray, np.ndarray]:
        """First Piola stress (3, 3, ...) and its derivative (3, 3, 3, 3, ...)."""
        eye = np.eye(3)
        j = np.linalg.det(np.moveaxis(f, (0, 1), (-2, -1)))
        turned = np.moveaxis(np.linalg.inv(np.moveaxis(f, (0, 1), (-2, -1))), (-2, -1), (1, 0))  # F^-T
        first, second = self._volume(j, charged)
        g = self.numbers["shear"]
        stress = g * f + first * j * turned
        dyad = np.einsum("ij...,kl...->ijkl...", turned, turned)
        swapped = np.einsum("il...,kj...->ijkl...", turned, turned)
        slope = np.einsum("ik,jl->ijkl", eye, eye)[..., None, None] * g
        slope = slope + (second * j**2 + first * j) * dyad - first * j * swapped
        modulus, k = self.numbers["fibre_modulus"], self.numbers["fibre_exponent"]
        for a in self.fibres:
            fa = np.einsum("ij...,j...->i...", f, a)
            squared = np.sum(fa**2, 0)
            strain = np.maximum(0.5 * np.log(squared), 0)
            pull = modulus * np.expm1(k * strain)
            rise = np.where(strain > 0, modulus * k * np.exp(k * strain), 0)
            pa = np.einsum("i...,j...->ij...", fa, a)
            stress = stress + pull / squared * pa
            slope = slope + pull / squared * np.einsum("ik,j...,l...->ijkl...", eye, a, a)
            slope = slope + (rise - 2 * pull) / squared**2 * np.einsum("ij...,kl...->ijkl...", pa, pa)
        return stress, slope

    def forces(self, u: np.ndarray, charged: float = 1.0) -> np.ndarray:
        """Forces at displacements u (dofs)."""
        stress = self._stress(self.deformation(u), charged)[0]
        return skfem.LinearForm(lambda v, w: ddot(w["stress"], grad(v))).assemble(self.basis, stress=stress)

    def assemble(self, u: np.ndarray, charged: float = 1.0) -> tuple[sp.csr_matrix, np.ndarray]:
        """Tangent and forces at displacements u (dofs)."""
        stress, slope = self._stress(self.deformation(u), charged)
        linear = skfem.LinearForm(lambda v, w: ddot(w["stress"], grad(v)))
        bilinear = skfem.BilinearForm(
            lambda u, v, w: np.einsum("ij...,ijkl...,kl...", grad(v), w["slope"], grad(u), optimize=True)
        )
        return (
            bilinear.assemble(self.basis, slope=slope).tocsr(),
            linear.assemble(self.basis, stress=stress),
        )

    def deformation(self, u: np.ndarray) -> np.ndarray:
        """Deformation gradients (3, 3, ...) at the Gauss points."""
        return self.basis.interpolate(u).grad + np.eye(3)[..., None, None]

    def _step(self, u: np.ndarray, delta: np.ndarray, size: float, charged: float) -> float:
        """Part of a Newton step that leaves every Gauss point its water and makes the forces smaller."""
        length, trial = 1.0, u.copy()
        while length > 1 / 64:
            trial[self.free] = u[self.free] + length * delta
            f = self.deformation(trial)
            j = np.linalg.det(np.moveaxis(f, (0, 1), (-2, -1)))
            wet = np.all(j > self.numbers["solid"] + 0.05)
            if wet and np.linalg.norm(self.forces(trial, charged)[self.free]) < size:
                break
            length *= 0.5
        return length

    def _dofs_of(self, displacement: np.ndarray | None) -> np.ndarray:
        u = np.zeros(self.dofs.size)
        if displacement is not None:
            u[self.dofs] = displacement
        return u

    def rest(
        self, turn: np.ndarray, shift: np.ndarray, steps: int, tolerance: float = 1e-9, start: np.ndarray | None = None
    ) -> Rest:
        """At rest with the upper end turned (matrix) about its middle and shifted, charge and pose growing together
        from nothing, or in one step from the displacement `start` (3, node).
        """
        u = self._dofs_of(start)
        dofs = self.dofs
        centre = self.points[:, self.upper[0]][:, None]
        count = 0
        last = np.zeros(dofs.shape)
        if start is not None:
            arm = (self.points - centre)[:, self.upper]
            moved = start[:, self.upper]
            affine = np.linalg.lstsq(np.vstack([arm, np.ones(arm.shape[1])]).T, moved.T, rcond=None)[0]
            last = affine[:3].T @ (self.points - centre) + affine[3:].T
        for share in np.arange(1, steps + 1) / steps if start is None else [1.0]:
            wanted = share * ((turn - np.eye(3)) @ (self.points - centre) + shift[:, None])
            # all of the further way at the upper end, none at the lower, linear between
            further = wanted - last
            u[dofs] += further * self.height
            u[dofs[:, self.upper]] = wanted[:, self.upper]
            last = wanted
            for _ in range(_MOST):
                matrix, force = self.assemble(u, share)
                count += 1
                inner = matrix[self.free][:, self.free]
                delta = self.solve(inner.tocsr(), -force[self.free])
                if np.abs(delta).max() < tolerance:
                    u[self.free] += delta
                    break
                u[self.free] += self._step(u, delta, np.linalg.norm(force[self.free]), share) * delta
        force = self.forces(u)
        return Rest(u[dofs], force[dofs[:, self.upper]].sum(1), count)


class FelupePeer(SolidPeer):
    """The same, assembled by felupe."""

    def __init__(self, body: Solid, direct: str = "pardiso"):
        import felupe

        super().__init__(body, direct)
        order = [0, 1, 3, 2, 4, 5, 7, 6]  # corners as felupe counts them
        bits = np.array([(i & 1, i >> 1 & 1, i >> 2 & 1) for i in order])
        t = body.topology
        place = numbers(t)
        around = np.concatenate([place, place[:, :1]], 1)
        r, s, layer = t.rings - 1, t.sectors, t.layers - 1
        cells = np.stack([around[a : a + r, b : b + s, c : c + layer].ravel() for a, b, c in bits], 1)
        region = felupe.RegionHexahedron(felupe.Mesh(self.points.T.copy(), cells, "hexahedron"))
        self.field = felupe.FieldContainer([felupe.Field(region, dim=3)])
        self.dofs = np.arange(3 * len(self.points.T)).reshape(-1, 3).T
        ends = np.concatenate([self.dofs[:, nodes].ravel() for nodes in (self.lower, self.upper)])
        self.free = np.setdiff1d(np.arange(self.dofs.size), ends)
        self.numbers = {name: value.reshape(1, -1) for name, value in self.numbers.items()}
        self.fibres = self._directions(region.dXdr)
        self.charged, self.kept = 1.0, (np.zeros(0), np.zeros(0))
        material = felupe.Material(
            stress=lambda x, **_: [self._both(x[0])[0], None], elasticity=lambda x, **_: [self.kept[1]]
        )
        self.solid = felupe.SolidBody(material, self.field)

    def _both(self, f: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        self.kept = self._stress(f, self.charged)
        return self.kept

    def deformation(self, u: np.ndarray) -> np.ndarray:
        """Deformation gradients (3, 3, ...) at the Gauss points."""
        self.field[0].values[:] = u.reshape(-1, 3)
        return self.field.extract()[0]

    def forces(self, u: np.ndarray, charged: float = 1.0) -> np.ndarray:
        """Forces at displacements u (dofs)."""
        self.charged = charged
        self.field[0].values[:] = u.reshape(-1, 3)
        return self.solid.assemble.vector(self.field).toarray().ravel()

    def assemble(self, u: np.ndarray, charged: float = 1.0) -> tuple[sp.csr_matrix, np.ndarray]:
        """Tangent and forces at displacements u (dofs)."""
        self.charged = charged
        self.field[0].values[:] = u.reshape(-1, 3)
        force = self.solid.assemble.vector(self.field).toarray().ravel()
        return self.solid.assemble.matrix(self.field).tocsr(), force
