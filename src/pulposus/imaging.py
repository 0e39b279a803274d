"""What can be seen of a disc: fields in the field's own units, and what a scanner would read from them.

Read-outs are those that `scan.readout` takes from a picture, by the same law (`scanner`), so that a person's disc and a
simulated one stand in the same units: height index, T2, signal against fluid, Pfirrmann grade with its range, bulge.
T2 of the nucleus and the Pfirrmann estimate are read from water: both scales are tied to the published means by grade,
so they say no more than water does,
in the scanner's terms. Height index after Farfan: mean of anterior and posterior height over depth.
Source: T2 by Pfirrmann grade in ``evidence/parameters.csv`` (nucleus_t2_grade1 to 5; grade 5 assumed), of the tissues
around it ``annulus_t2`` and ``endplate_t2``, assumed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from pulposus import evidence, scanner
from pulposus.disc import mesh
from pulposus.disc.composition import composition, continuous_grade
from pulposus.disc.mechanics import charge_now, coordinates, water_fraction
from pulposus.disc.metabolism import acidity
from pulposus.disc.parameters import Parameters
from pulposus.disc.simulate import DAY, MONTH
from pulposus.disc.state import GLUCOSE, LACTATE, OXYGEN, Disc, Hypotheses, State

GRADES = (1, 2, 3, 4, 5)  # maths: the Pfirrmann grades

# name -> (unit, long name): every field that is saved, in the units a reader of the field expects
FIELDS = {
    "oxygen": ("kPa", "oxygen partial pressure"),
    "glucose": ("mM", "glucose"),
    "lactate": ("mM", "lactate"),
    "ph": ("1", "pH"),
    "native_cells": ("1e6/mL", "viable native cells"),
    "injected_cells": ("1e6/mL", "viable injected cells"),
    "np_like_cells": ("1e6/mL", "viable NP-like cells from injected ones"),
    "fixed_charge": ("mEq/mL", "fixed charge per water"),
    "aggrecan": ("1", "aggrecan per tissue, relative to a healthy disc"),
    "collagen": ("1", "collagen, relative to start"),
    "water": ("%", "water by volume"),
    "il1b": ("1", "IL-1β, relative to a healthy disc"),
    "tnf": ("1", "TNF, relative to a healthy disc"),
    "mmp3": ("1", "MMP-3 activity, relative to a healthy disc"),
    "adamts4": ("1", "ADAMTS-4 activity, relative to a healthy disc"),
    "secretome": ("1", "secretome, injected-cell equivalents per native nucleus cell"),
}

_KPA = 1e-3  # maths: Pa to kPa
_PER_ML = 1e-12  # maths: cell/m^3 to 1e6 cell/mL
_MM = 1e3  # maths: metres to mm
_PERCENT = 100.0  # maths: share to percent
_MEQ_PER_ML = 1e-3  # maths: mol/m^3 to mEq/mL


class T2Scale(eqx.Module):
    """T2 of the nucleus in ms by Pfirrmann grade 1 to 5."""

    by_grade: Array

    @classmethod
    def from_evidence(cls) -> T2Scale:
        """The used rows nucleus_t2_grade1 to 5."""
        return cls(jnp.array([evidence.used(f"nucleus_t2_grade{g}").value for g in GRADES]))


def fields(disc: Disc, state: State) -> dict[str, Array]:
    """Every field of `FIELDS` at the nodes, and the coordinate z in mm (x and y do not move)."""
    water = water_fraction(disc, state)
    healthy = jnp.tensordot(
        composition(disc.parameters, disc.hypotheses, disc.parameters.healthy_grade).water, disc.tissue, 1
    )
    start = disc.water  # charge is kept per water at start, so aggrecan per tissue at start is charge x that water
    injected = jnp.sum(state.fresh + state.adapted, 0)
    lactate = state.solutes[LACTATE]
    return {
        "oxygen": state.solutes[OXYGEN] * _KPA,
        "glucose": state.solutes[GLUCOSE],
        "lactate": lactate,
        "ph": acidity(disc.parameters, lactate),
        "native_cells": state.native / state.stretch * _PER_ML,
        "injected_cells": injected / state.stretch * _PER_ML,
        "np_like_cells": jnp.sum(state.np_like, 0) / state.stretch * _PER_ML,
        "fixed_charge": charge_now(disc, state) * _MEQ_PER_ML,
        "aggrecan": state.charge * start / (disc.charge_healthy * healthy),
        "collagen": state.collagen,
        "water": water * _PERCENT,
        "il1b": state.il1b,
        "tnf": state.tnf,
        "mmp3": state.mmp3,
        "adamts4": state.adamts4,
        "secretome": jnp.sum(state.secretome, 0),
        "z": coordinates(disc, state)[..., 2] * _MM,
    }


def summary(disc: Disc, state: State, t2: T2Scale) -> dict[str, Array]:
    """What one row of the summary says: extremes of solutes, cells in millions, nucleus means, heights, and the
    scanner's numbers.
    """
    coords = coordinates(disc, state)
    volume = disc.volume
    nucleus = disc.tissue[0] * volume / jnp.sum(disc.tissue[0] * volume)

    def mean(field: Array) -> Array:
        return jnp.sum(nucleus * field)

    p = disc.parameters
    own = composition(p, disc.hypotheses, disc.grade)
    water = own.water[0] + mean(water_fraction(disc, state) - disc.water)
    by_grade = water_by_grade(p, disc.hypotheses)
    height, height_start = _heights(disc, coords)
    solutes = state.solutes
    injected = jnp.sum(state.fresh + state.adapted, 0)
    million = 1e-6  # maths: cells to millions
    return {
        "oxygen_min_kPa": jnp.min(solutes[OXYGEN]) * _KPA,
        "glucose_min_mM": jnp.min(solutes[GLUCOSE]),
        "lactate_max_mM": jnp.max(solutes[LACTATE]),
        "ph_min": acidity(p, jnp.max(solutes[LACTATE])),
        "native_cells_million": jnp.sum(volume * state.native) * million,
        "native_viable_percent": _PERCENT * jnp.sum(volume * state.native) / jnp.sum(volume * disc.native),
        "injected_cells_million": jnp.sum(volume * injected) * million,
        "np_like_cells_million": jnp.sum(volume * jnp.sum(state.np_like, 0)) * million,
        "aggrecan_nucleus_percent": _PERCENT * mean(state.charge / disc.charge),
        "fixed_charge_nucleus_mEq_per_mL": _MEQ_PER_ML * own.charge[0] * mean(charge_now(disc, state) / disc.charge),
        "water_nucleus_percent": _PERCENT * water,
        "collagen_nucleus_percent": _PERCENT * mean(state.collagen),
        "height_mm": height * _MM,
        "height_percent": _PERCENT * height / height_start,
        "il1b_nucleus": mean(state.il1b),
        "tnf_nucleus": mean(state.tnf),
        "mmp3_nucleus": mean(state.mmp3),
        "adamts4_nucleus": mean(state.adamts4),
        "secretome_nucleus": mean(jnp.sum(state.secretome, 0)),
        "t2_nucleus_ms": jnp.interp(water, by_grade[::-1], t2.by_grade[::-1]),
        "disc_height_index": _height_index(disc, coords),
        "pfirrmann_estimate": jnp.interp(water, by_grade[::-1], jnp.array(GRADES, dtype=float)[::-1]),
        "solver_error": state.error,
        "form_error": state.strain,
    }


def water_by_grade(p: Parameters, hypotheses: Hypotheses) -> Array:
    """Water of the nucleus by Pfirrmann grade 1 to 5, the scale that T2 and grade are read on."""
    return jnp.stack([composition(p, hypotheses, continuous_grade(p, g)).water[0] for g in GRADES])


def _inner(disc: Disc, coords: Array) -> Array:
    """Height between the cartilage endplates of every column, m."""
    plates = disc.topology.endplate_layers
    return coords[..., disc.topology.layers - 1 - plates, 2] - coords[..., plates, 2]


def _heights(disc: Disc, coords: Array) -> tuple[Array, Array]:
    """Mean height of nucleus and annulus over the plan, now and at start, m: their volume over their area."""
    middle = disc.topology.layers // 2
    x, y = coords[-1, :, middle, 0], coords[-1, :, middle, 1]
    area = 0.5 * jnp.abs(jnp.sum(x * jnp.roll(y, -1) - y * jnp.roll(x, -1)))
    now = jnp.sum(mesh.node_volumes(disc.topology, coords)[:2])
    return now / area, jnp.sum(disc.volume * (disc.tissue[0] + disc.tissue[1])) / area


def _height_index(disc: Disc, coords: Array) -> Array:
    """Farfan's index: mean of anterior and posterior height over depth."""
    inner = _inner(disc, coords)
    front, back = 0, disc.topology.sectors // 2
    depth = coords[-1, front, 0, 1] - coords[-1, back, 0, 1]
    return 0.5 * (inner[-1, front] + inner[-1, back]) / depth


# ---------------------------------------------------------------------------------------------- as in a picture


class Sight(NamedTuple):
    """What a scanner shows of a simulated disc, as `scan.readout.Readout` of a picture: index, signal over fluid, T2 in
    ms, and Pfirrmann grade with its range.
    """

    height_index: float
    signal: float
    t2: float
    grades: scanner.Graded


def sight(t2: float, height_share: float, depth: np.ndarray, height: np.ndarray, echo: float | None = None) -> Sight:
    """Read-outs of a nucleus with a T2 in ms in a disc with a share of its usual height, of which heights (place,) over
    the depth (place,), mm, are seen on the midline. echo: effective echo time, ms, where it is known.
    """
    ratio = scanner.brightness(t2, *scanner.usual(echo))
    grades = scanner.likeliest(scanner.graded(ratio, height_share, echo))
    return Sight(height_index(depth, height), ratio, t2, grades)


def height_index(depth: np.ndarray, height: np.ndarray) -> float:
    """Farfan's index of heights over the depth, taken nine tenths of the way to the rim, as in pictures."""
    order = np.argsort(depth)
    middle, half = 0.5 * (depth.max() + depth.min()), 0.5 * np.ptp(depth)
    ends = np.interp(middle + np.array([-_RIM, _RIM]) * half, depth[order], height[order])
    return float(ends.mean() / (2 * half))


_RIM = 0.9  # maths: of the way from the middle to the rim


def midline(field: np.ndarray) -> np.ndarray:
    """Values (place, layer) from front to back on the midline of a nodal field (ring, sector, layer)."""
    return np.concatenate([field[:0:-1, 0], field[:, field.shape[1] // 2]])


def t2_weighted(
    water: np.ndarray, tissue: np.ndarray, scale: Mapping[str, Sequence[float]], echo: float | None = None
) -> np.ndarray:
    """Signal over that of fluid at nodes with water (% by volume) and tissue number. scale: `water_by_grade` and
    `t2_by_grade` of the disc.

    The nucleus has the T2 of its water, annulus and endplate one of their own; density goes with water, and is that of
    the evidence in a healthy nucleus.
    """
    time, density, fluid = scanner.usual(echo)
    share, healthy = water / _PERCENT, scale["water_by_grade"][0]
    nucleus = np.interp(share, scale["water_by_grade"][::-1], scale["t2_by_grade"][::-1])
    around = [evidence.used(f"{name}_t2").value for name in ("annulus", "endplate")]
    t2 = np.choose(np.asarray(tissue, int), [nucleus, *around])
    return np.asarray(density * share / healthy * np.exp(time / fluid - time / t2))


def bulge(y: np.ndarray, z: np.ndarray) -> float:
    """How far the hind rim of a disc reaches behind the line between its corners; y to the front and z (layer,)."""
    line = y[0] + (y[-1] - y[0]) * (z - z[0]) / (z[-1] - z[0])
    return float(np.max(line - y))


_A_DAY = DAY / MONTH
_EARLY = (0, 1, 3, 6, 12)  # maths: months at which most happens
_SAVED = 13  # maths: most times at which fields are kept


def save_months(years: float, dose: float | None = None) -> list[float]:
    """The schedule of saved fields: months 0, 1, 3, 6, 12, then every year, or evenly where that is too many; and one
    day after the first `dose` (month), when what was injected can be seen.
    """
    end = round(years * 12)  # maths: years to months
    after = [] if dose is None or dose + _A_DAY >= end else [dose + _A_DAY]
    early = [m for m in _EARLY if m < end]
    later = list(range(24, end, 12))  # maths: months of the second year and on
    room = _SAVED - len(early) - len(after) - 1
    if len(later) > room:
        later = [round(m) for m in np.linspace(early[-1], end, room + 2)[1:-1]]
    return sorted({*early, *later, *after, end})
