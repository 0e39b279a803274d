"""Discs for the validation book: made once, kept, and measured many times.

What: `Laboratory` gives healthy and degenerate discs by level and grade, the published reference disc with its own
water, its variants, and courses over years with and without a treatment; every one is computed on first asking.
Why on small meshes: a check asks for means and extremes, which the coarse mesh has to 1 or 2 %.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from pulposus import evidence, imaging
from pulposus.disc import cells, diffusion, geometry, mechanics, mesh, simulate, transport
from pulposus.disc.parameters import Parameters
from pulposus.disc.state import Disc, Hypotheses, State
from pulposus.therapies import biological, protocol
from pulposus.therapies.protocol import Treatment

REFERENCE = "reference_l4l5"
_YEAR = 12  # maths: months of a year
_NEWTON = 14  # maths: Newton steps of a slab; its rates bend little
_HALVINGS = 12  # maths: bisections, to a four-thousandth of the span
_TOLERANCE = 1e-7  # maths: solutes, relative to their scale
AGE = 45.0  # maths: years; where age matters a check says it, and a number of products fixes one compiled program
_NOTHING = "Inject 1e6 allogeneic MSC(M) in 1 mL saline at month 0"  # never given: it keeps the arrays of one size


class Specimen(NamedTuple):
    """A disc with its state and what may be injected."""

    disc: Disc
    state: State
    injections: biological.Injections


class Laboratory:
    """Keeps what was made; `size` is the mesh of discs, `reference_size` that of the published reference, `longest` the
    longest step of a course (s).
    """

    def __init__(self, size: str = "coarse", reference_size: str = "standard", longest: float = simulate.MONTH) -> None:
        self.size, self.reference_size, self.longest = size, reference_size, longest
        self.t2 = imaging.T2Scale.from_evidence()
        self._kept: dict[Any, Any] = {}

    def keep(self, key: Any, make: Callable[[], Any]) -> Any:
        """What was made under this key, or made now."""
        if key not in self._kept:
            self._kept[key] = make()
        return self._kept[key]

    # ------------------------------------------------------------------------------------------ discs

    def specimen(
        self,
        grade: int = 1,
        level: str = "L4-L5",
        sex: str = "any",
        line: str = "",
        stretched: Mapping[str, float] | None = None,
        **choices: str | bool,
    ) -> Specimen:
        """A disc at time 0; `line` is a treatment that `course` may give, `stretched` multiplies dimensions (tangents
        of angles).
        """
        key = ("specimen", grade, level, sex, line, tuple((stretched or {}).items()), tuple(choices.items()))
        return self.keep(key, lambda: self._prepare(grade, level, sex, line, stretched or {}, choices))

    def _prepare(
        self, grade: int, level: str, sex: str, line: str, stretched: Mapping[str, float], choices: Mapping[str, Any]
    ) -> Specimen:
        dimensions = {name: row.si for name, row in evidence.dimensions(level, sex, grade).items()}
        for name, by in stretched.items():
            dimensions[name] = float(np.arctan(np.tan(dimensions[name]) * by))
        treatments: list[Treatment] = [protocol.parse(line or _NOTHING)]
        products, injections = biological.prescribe(treatments, grade)
        measured = level == REFERENCE
        disc, state = simulate.prepare(
            mesh.sized(self.reference_size if measured else self.size),
            geometry.from_outline(level, dimensions) if measured else geometry.from_dimensions(dimensions),
            Parameters.from_evidence(),
            Hypotheses.choose(**choices),
            products,
            pfirrmann=float(grade),
            age=AGE * simulate.YEAR,
        )
        injections = eqx.tree_at(lambda i: i.given, injections, jnp.asarray(1.0 if line else 0.0))
        return Specimen(disc, state, injections)

    def course(self, specimen: Specimen, months: Sequence[float], before: Sequence[State] = ()) -> list[State]:
        """States at the given months, of which the first is the start; those in `before` are already known."""
        specimen = specimen._replace(state=before[-1] if before else specimen.state)
        one = jax.tree.map(lambda leaf: jnp.asarray(leaf)[None] if eqx.is_array(leaf) else leaf, specimen)
        times = [month * simulate.MONTH for month in months]
        states = simulate.simulate(one.disc, one.state, (one.injections,), times, len(before), self.longest)
        new = [jax.tree.map(lambda leaf: leaf[0] if eqx.is_array(leaf) else leaf, state) for _, state in states]
        return [*before, *new]

    def _until(self, key: tuple[Any, ...], made: Specimen, spacing: int, last: int) -> list[State]:
        """A course kept under `key` up to the place `last`, gone on with where it is too short."""
        kept = self._kept.get(key, [])
        if len(kept) <= last:
            kept = self._kept[key] = self.course(made, [float(spacing * k) for k in range(last + 1)], kept)
        return kept[: last + 1]

    def yearly(self, grade: int, years: int, line: str = "") -> list[State]:
        """States of the L4-L5 disc of a grade at the start and after every year."""
        return self._until(("yearly", grade, line), self.specimen(grade, line=line), _YEAR, years)

    def monthly(self, grade: int, months: int, line: str = "") -> list[State]:
        """States of the L4-L5 disc of a grade at the start and after every month, treated where `line` says so."""
        return self._until(("monthly", grade, line), self.specimen(grade, line=line), 1, months)

    def summary(self, specimen: Specimen, state: State | None = None) -> dict[str, float]:
        """The numbers of a run's summary, of a state or of the start; NaN where solutes were not solved well enough."""
        found = _summary(specimen.disc, specimen.state if state is None else state, self.t2)
        believed = float(found["solver_error"]) < simulate.UNSOLVED
        return {name: float(value) if believed else np.nan for name, value in found.items()}

    # ------------------------------------------------------------------------------------------ the reference

    def reference(self, cells_by: float = 1.0, plate: float | None = None, supply: float = 1.0) -> Specimen:
        """The published L4-L5 disc with its published water and solutes in balance, nobody dying; variants of it:
        nucleus cells and all supply multiplied, another water fraction of the endplates.
        """
        key = ("reference", cells_by, plate, supply)
        return self.keep(key, lambda: self._variant(cells_by, plate, supply))

    def _variant(self, cells_by: float, plate: float | None, supply: float) -> Specimen:
        made = self.specimen(1, REFERENCE, glucose_limiter=False)
        disc = made.disc
        water = jnp.asarray([evidence.used(f"{tissue}_water_volume_healthy").si for tissue in mesh.TISSUES])
        water = water if plate is None else water.at[mesh.ENDPLATE].set(plate)
        whole = jnp.tensordot(water, disc.tissue, 1)
        disc = eqx.tree_at(lambda d: (d.element_water, d.water), disc, (water[disc.topology.element_tissue], whole))
        disc = self.supplied(disc, supply, supply)
        native = disc.native_healthy * (1 + (cells_by - 1) * disc.tissue[mesh.NUCLEUS])
        # The published field is of water as given: an unlimited law has no floor, so glucose may fall below zero.
        state = eqx.tree_at(lambda s: s.native, made.state, native)
        return Specimen(disc, balanced(disc, state, -np.inf), made.injections)

    def supplied(self, disc: Disc, marrow: float, rim: float) -> Disc:
        """The disc with the oxygen and glucose of marrow and of the outer annulus multiplied."""
        p = disc.parameters
        p = eqx.tree_at(
            lambda q: (q.marrow_oxygen, q.marrow_glucose, q.rim_oxygen, q.rim_glucose),
            p,
            (p.marrow_oxygen * marrow, p.marrow_glucose * marrow, p.rim_oxygen * rim, p.rim_glucose * rim),
        )
        boundary = transport.boundary(mesh.coordinates(disc.topology, disc.shape), p, 1.0)
        return eqx.tree_at(lambda d: d.boundary, disc, boundary)


_summary = eqx.filter_jit(imaging.summary)


@eqx.filter_jit
def balanced(disc: Disc, state: State, lower: float) -> State:
    """Solutes in balance with the cells that are there, none of which dies; `lower` is the least a solute may be.

    What was not solved well enough to be believed is NaN, so that no check can agree with it.
    """
    p = disc.parameters
    operator = transport.operator(disc, mesh.coordinates(disc.topology, disc.shape), 1.0, 0.0)
    scale, diffusivity = transport.scales(p), transport.diffusivities(p)
    water = mechanics.water_fraction(disc, state)
    oxygen, glucose = cells.users(disc, state, jnp.ones(()), jnp.ones(()))

    def reaction(x: Array) -> Array:
        return transport.consumption(disc, x * scale, water, oxygen, glucose) / (diffusivity * scale)

    start = jnp.where(disc.topology.outside, disc.boundary, state.solutes) / scale
    solved = diffusion.steady(operator, reaction, start, disc.topology.outside, _TOLERANCE, lower)
    believed = jnp.where(solved.error < simulate.UNSOLVED, solved.field * scale, jnp.nan)
    return eqx.tree_at(lambda s: (s.solutes, s.error), state, (believed, solved.error))


def mean_in(disc: Disc, tissue: int, field: Array) -> float:
    """Mean of a nodal field over a tissue, by volume."""
    weight = disc.tissue[tissue] * disc.volume
    return float(jnp.sum(weight * field) / jnp.sum(weight))


# ---------------------------------------------------------------------------------------------- in one dimension


class Slab(NamedTuple):
    """Solutes across a slab from its fed face (x = 0, m) to where nothing passes."""

    x: np.ndarray
    oxygen: np.ndarray
    lactate: np.ndarray
    glucose: np.ndarray


_POINTS = 61  # maths: points across a slab; twice as many move no answer by a hundredth


def slab(depth: float, density: float, outside: Sequence[float], water: float, tissue_factor: float) -> Slab:
    """Steady oxygen (Pa), lactate and glucose (mol/m^3) in a slab of `depth` m fed on one face, with `density`
    cells/m^3 of law a and its limiter: Newton on finite volumes.
    """
    p = Parameters.from_evidence()
    field = np.asarray(
        _slab(p, *(jnp.asarray(v, dtype=float) for v in (depth, density, outside, water, tissue_factor)))
    )
    return Slab(np.linspace(0.0, depth, _POINTS), *field)


@eqx.filter_jit
def _slab(p: Parameters, depth: Array, density: Array, outside: Array, water: Array, tissue_factor: Array) -> Array:
    from pulposus.disc.metabolism import bibby_urban_rates

    law = Hypotheses.choose()
    scale = transport.scales(p)[:, 0, 0, 0]
    diffusivity = transport.diffusivities(p)[:, 0, 0, 0] * tissue_factor
    spacing = depth / (_POINTS - 1)

    def residual(x: Array) -> Array:
        full = jnp.concatenate([outside[:, None] / scale[:, None], x.reshape(3, -1)], 1) * scale[:, None]
        oxygen, lactate, glucose = full
        uptake, made = bibby_urban_rates(p, law, oxygen, lactate, jnp.maximum(glucose, 0.0), water)
        used = jnp.stack([uptake / p.oxygen_solubility, -made, p.glucose_per_lactate * made]) * density
        beyond = jnp.concatenate([full, full[:, -2:-1]], 1)
        curved = (beyond[:, 2:] - 2 * beyond[:, 1:-1] + beyond[:, :-2]) / spacing**2
        return ((diffusivity[:, None] * curved - used[:, 1:]) * spacing**2 / (diffusivity * scale)[:, None]).ravel()

    def newton(_: int, x: Array) -> Array:
        step = jnp.linalg.solve(jax.jacfwd(residual)(x), residual(x))
        return jnp.maximum(x - step, 0.0)

    start = jnp.repeat((outside / scale)[:, None], _POINTS - 1, 1).ravel()
    solved = jax.lax.fori_loop(0, _NEWTON, newton, start).reshape(3, -1)
    return jnp.concatenate([outside[:, None], solved * scale[:, None]], 1)


def bisect(holds: Callable[[float], bool], low: float, high: float, steps: int = _HALVINGS) -> float:
    """Where a property that holds at `low` and not at `high` ends."""
    for _ in range(steps):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if holds(middle) else (low, middle)
    return 0.5 * (low + high)
