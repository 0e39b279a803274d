"""What a scanner shows of one disc: height index, signal of the nucleus against fluid, T2 and Pfirrmann grade from it.

What: Farfan's index, mean of heights in front and behind over depth; the median signal of the core of the nucleus over
that of cerebrospinal fluid beside it; a T2 from that ratio; the chance of each Pfirrmann grade.
Equations: a spin echo gives ``S = rho exp(-TE / T2)``, so with fluid as reference
``T2 = TE / (TE / T2_csf - ln(ratio / rho))``; the chance of grades 1 to 4 goes with normal laws of T2 by grade,
averaged over echo times, densities and T2 of fluid in their ranges; that of grade 5 is the chance that the height lies
below the share of the tabled height that separates it from grade 4.
Why a ratio: a picture's grey has no unit, and coils are brighter near the back; fluid at the same height sees the same
coil. Why not more: textures that a radiologist sees (bands, a lost border) are not read.
Source: T2 by grade, ``nucleus_t2_grade1`` to 4; echo time, density and collapsed height are assumed. A first rule,
fixed before any graded disc was looked at, took the tables' height for every person; what came of it stands in
``docs/howto/take-in-a-picture.md``.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from pulposus import evidence
from pulposus.errors import InputError
from pulposus.scan.masks import Disc
from pulposus.scan.schemes import Scheme
from pulposus.scan.slab import Measured, central, in_its_plane
from pulposus.scan.volume import Volume

_CORE = (0.4, 0.25)  # maths: shares of the half depth and of the half height that count as the core of a nucleus
_NEAR = 15.0  # maths: mm above and below a disc within which fluid is looked for
_BRIGHT = 90  # maths: percentile of the canal that is fluid and neither nerves nor cord
_FEWEST = 20  # maths: voxels of core and of canal without which no signal is read
_TAIL = 0.05  # maths: on either side of the range that is said
_HALF_RANGE = 1.645  # maths: standard deviations to either end of nine tenths
_GRADES = (1, 2, 3, 4)  # maths: grades that are told apart by signal
_COLLAPSED = 5  # maths: the grade that is told by height
_NEVER_NONE = 1e-300  # maths: likelihoods of all grades are never all nothing


@dataclass(frozen=True)
class Readout:
    """What is read of a disc; NaN and empty where there is no picture, or no fluid in it.

    chances: grade -> its chance; grade: the likeliest; low, high: ends of the range with nine tenths of the chance.
    """

    height_index: float
    signal: float = math.nan
    t2: float = math.nan  # ms
    chances: Mapping[int, float] | None = None
    grade: int = 0
    low: int = 0
    high: int = 0
    said: str = ""


def read_out(
    disc: Disc,
    seen: Measured,
    labels: Volume,
    scheme: Scheme,
    image: Volume | None,
    height_share: float,
    echo: float | None = None,
) -> Readout:
    """The read-outs of a disc whose heights were measured. height_share: its height over that of the tables, as the
    person's other discs have it; echo: the picture's effective echo time in ms, where it is known.
    """
    index = 0.5 * (seen.anterior_height[0] + seen.posterior_height[0]) / seen.ap_depth[0]
    if image is None:
        return Readout(index, said="Without a picture no signal is read.")
    try:
        ratio = _signal(disc, labels, scheme, image)
    except InputError as why:
        return Readout(index, said=str(why))
    chances = graded(ratio, height_share, echo)
    order = sorted(chances)
    below = np.cumsum([chances[grade] for grade in order])
    low = order[int(np.searchsorted(below, _TAIL))]
    high = order[min(int(np.searchsorted(below, 1 - _TAIL)), len(order) - 1)]
    middle = {name: span[1] for name, span in _optics(echo).items()}
    best = max(order, key=lambda grade: chances[grade])
    return Readout(index, ratio, relaxation(ratio, *middle.values()), chances, best, low, high)


_OPTICS = ("t2w_echo_time", "nucleus_proton_density", "csf_t2")


def relaxation(ratio: float, echo: float, density: float, fluid: float) -> float:
    """T2 in ms from a signal over that of fluid; infinite where the nucleus is as bright as its water allows."""
    rate = echo / fluid - math.log(max(ratio, 1e-6) / density)  # maths: a black nucleus has a T2 near zero
    return echo / rate if rate > 0 else math.inf


def _optics(echo: float | None) -> dict[str, tuple[float, ...]]:
    """Low, middle and high of what turns a signal into a T2; an echo time that is known has no range."""
    rows = {name: evidence.used(name) for name in _OPTICS}
    spans: dict[str, tuple[float, ...]] = {name: (row.low, row.value, row.high) for name, row in rows.items()}
    return spans if echo is None else spans | {_OPTICS[0]: (echo, echo, echo)}


def graded(ratio: float, height_share: float, echo: float | None = None) -> dict[int, float]:
    """Grade -> its chance, from the signal over that of fluid and the height over that of the tables."""
    limit = evidence.used("collapsed_height")
    spread = (limit.high - limit.low) / (2 * _HALF_RANGE)
    collapsed = float(norm.cdf((limit.value - height_share) / spread))
    weight = dict.fromkeys(_GRADES, 0.0)
    for optics in itertools.product(*_optics(echo).values()):
        t2 = relaxation(ratio, *optics)
        chance = {grade: _density(t2, grade) for grade in _GRADES}
        for grade in _GRADES:
            weight[grade] += chance[grade] / sum(chance.values())
    whole = sum(weight.values())
    return {grade: (1 - collapsed) * weight[grade] / whole for grade in _GRADES} | {_COLLAPSED: collapsed}


def _density(t2: float, grade: int) -> float:
    """Likelihood of a T2 for a grade; beyond the brightest and the darkest mean it stays with that grade."""
    row = evidence.used(f"nucleus_t2_grade{grade}")
    means = [evidence.used(f"nucleus_t2_grade{g}").value for g in _GRADES]
    return float(norm.pdf(min(max(t2, min(means)), max(means)), row.value, 0.5 * (row.high - row.low))) + _NEVER_NONE


def _signal(disc: Disc, labels: Volume, scheme: Scheme, image: Volume) -> float:
    """Median of the core over fluid at its height. Raises InputError where one of them is not in the picture."""
    places = disc.mask.places(central(disc))
    along, across = in_its_plane(places[:, 1:])
    core = (np.abs(along) < _CORE[0] * np.ptp(along) / 2) & (np.abs(across) < _CORE[1] * np.ptp(across) / 2)
    if core.sum() < _FEWEST:
        raise InputError(f"The core of the nucleus has {core.sum()} voxels, too few for a signal.")
    canal = scheme.others.get("canal", ())
    if not canal:
        raise InputError(f"The scheme {scheme.name} has no label for the canal, so there is no fluid to compare with.")
    fluid = np.argwhere(np.isin(labels.values, canal))
    height = labels.places(fluid)
    middle = places.mean(0)
    near = np.abs(height - middle)[:, [0, 2]]
    fluid = fluid[(near[:, 1] < _NEAR) & (near[:, 0] < _NEAR)]
    if len(fluid) < _FEWEST:
        raise InputError("There is no canal beside this disc in the picture, so there is no fluid to compare with.")
    own = np.rint((places[core] - labels.affine[:3, 3]) @ np.linalg.inv(labels.affine[:3, :3]).T).astype(int)
    bright = float(np.percentile(image.values[tuple(fluid.T)], _BRIGHT))
    if not bright > 0:
        raise InputError("The canal beside this disc is black in the picture, so it is no fluid to compare with.")
    return float(np.median(image.values[tuple(own.T)])) / bright
