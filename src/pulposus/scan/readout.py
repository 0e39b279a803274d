"""What a picture shows of one disc: height index, signal of the nucleus against fluid, T2, Pfirrmann grade, bulge.

What: Farfan's index, mean of heights in front and behind over depth; the median signal of the core of the nucleus over
that of cerebrospinal fluid beside it, from which `scanner` tells T2 and grade; how far the disc reaches behind and in
front of the line between the corners of its two vertebrae.
Source: where core, fluid and corners are looked for is assumed (``nucleus_core_depth``, ``nucleus_core_height``,
``fluid_search``, ``fluid_percentile``, ``corner_search``). A first rule of grades, fixed before any graded disc was
looked at, took the tables' height for every person; what came of it stands in ``docs/howto/take-in-a-picture.md``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pulposus import evidence, scanner
from pulposus.errors import InputError
from pulposus.scan.masks import Disc
from pulposus.scan.schemes import Scheme
from pulposus.scan.slab import Measured, central, in_its_plane, plane
from pulposus.scan.volume import Volume

_FEWEST = 20  # maths: voxels of core and of canal without which no signal is read
_ROWS = 3  # maths: slices without which no bulge is told


@dataclass(frozen=True)
class Readout:
    """What is read of a disc; NaN and empty where there is no picture, or no fluid in it.

    fluid: grey of the fluid; chances: grade -> its chance; grade: the likeliest; low, high: ends of the range with nine
    tenths of the chance; bulge: behind and in front of the vertebrae, mm.
    """

    height_index: float
    signal: float = math.nan
    t2: float = math.nan  # ms
    fluid: float = math.nan
    chances: Mapping[int, float] | None = None
    grade: int = 0
    low: int = 0
    high: int = 0
    bulge: tuple[float, float] = (math.nan, math.nan)
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
    out = _bulge(disc, labels, scheme)
    if image is None:
        return Readout(index, bulge=out, said="Without a picture no signal is read.")
    try:
        own, fluid = _signal(disc, labels, scheme, image)
    except InputError as why:
        return Readout(index, bulge=out, said=str(why))
    ratio = own / fluid
    if ratio > evidence.used("nucleus_proton_density").high:
        return Readout(
            index,
            bulge=out,
            said=f"Its nucleus is {ratio:.2f} times as bright as fluid, more than its water allows: the picture is not "
            "T2-weighted, or what is called the canal holds no fluid, and no signal is read.",
        )
    chances = scanner.graded(ratio, height_share, echo)
    t2 = scanner.relaxation(ratio, *scanner.usual(echo))
    return Readout(index, ratio, t2, fluid, chances, *scanner.likeliest(chances), out)


def _signal(disc: Disc, labels: Volume, scheme: Scheme, image: Volume) -> tuple[float, float]:
    """Median of the core, and fluid at its height. Raises InputError where one of them is not in the picture."""
    places = disc.mask.places(central(disc))
    along, across = in_its_plane(places[:, 1:])
    deep, tall = (evidence.used(f"nucleus_core_{way}").value for way in ("depth", "height"))
    core = (np.abs(along) < deep * np.ptp(along) / 2) & (np.abs(across) < tall * np.ptp(across) / 2)
    if core.sum() < _FEWEST:
        raise InputError(f"The core of the nucleus has {core.sum()} voxels, too few for a signal.")
    canal = scheme.others.get("canal", ())
    if not canal:
        raise InputError(f"The scheme {scheme.name} has no label for the canal, so there is no fluid to compare with.")
    fluid = np.argwhere(np.isin(labels.values, canal))
    height = labels.places(fluid)
    middle = places.mean(0)
    near = np.abs(height - middle)[:, [0, 2]]
    fluid = fluid[(near < evidence.used("fluid_search").value).all(1)]
    if len(fluid) < _FEWEST:
        raise InputError("There is no canal beside this disc in the picture, so there is no fluid to compare with.")
    own = np.rint((places[core] - labels.affine[:3, 3]) @ np.linalg.inv(labels.affine[:3, :3]).T).astype(int)
    bright = float(np.quantile(image.values[tuple(fluid.T)], evidence.used("fluid_percentile").value))
    if not bright > 0:
        raise InputError("The canal beside this disc is black in the picture, so it is no fluid to compare with.")
    return float(np.median(image.values[tuple(own.T)])), bright


def _bulge(disc: Disc, labels: Volume, scheme: Scheme) -> tuple[float, float]:
    """How far a disc reaches behind and in front of the line between the corners of its vertebrae, mm: mean over the
    slices about its middle; NaN where vertebrae have no labels.

    Corners are the ends of that run of a vertebra's voxels, along the disc and near it, which lies over the disc's
    middle: arches lie behind the canal, apart from it.
    """
    bones = [code for what in ("vertebra", "vertebra part") for code in scheme.others.get(what, ())]
    if not bones or not np.isin(labels.values, bones).any():
        return math.nan, math.nan
    reach, step = evidence.used("corner_search").value, float(disc.mask.spacing[1:].min())
    inner = central(disc)
    places = disc.mask.places(inner)[:, 1:]
    along, across = in_its_plane(places)
    front, up = plane(places)
    middle = np.array([(places @ way - own)[0] for way, own in ((front, along), (up, across))])
    found = []
    offset = np.rint(np.linalg.solve(labels.affine[:3, :3], disc.mask.affine[:3, 3] - labels.affine[:3, 3])).astype(int)
    for slice_ in np.unique(inner[:, 0]):
        here = inner[:, 0] == slice_
        sheet = np.isin(labels.values[slice_ + offset[0]], bones)
        grid = np.stack(np.nonzero(sheet), 1)
        if not here.any() or not len(grid):
            continue
        spots = labels.places(np.column_stack([np.full(len(grid), slice_ + offset[0]), grid]))[:, 1:]
        bone = np.stack([spots @ front - middle[0], spots @ up - middle[1]], 1)
        own = np.stack([along[here], across[here]], 1)
        found.append(_beyond(own, bone, reach, step))
    kept = np.array([pair for pair in found if np.isfinite(pair).all()])
    return tuple(kept.mean(0).tolist()) if len(kept) >= _ROWS else (math.nan, math.nan)


def _beyond(disc: np.ndarray, bone: np.ndarray, reach: float, step: float) -> tuple[float, float]:
    """The same in one slice; places (k, 2) along the disc to the front and across it, mm."""
    corners = []
    for side in (1, -1):
        rim = disc[:, 1] * side
        near = bone[(bone[:, 1] * side > np.median(rim)) & (bone[:, 1] * side < rim.max() + reach)]
        order = np.sort(near[:, 0])
        runs = np.split(order, np.flatnonzero(np.diff(order) > 2 * step) + 1)  # a canal is wider than two voxels
        body = next((run for run in runs if len(run) and run[0] <= 0 <= run[-1]), None)
        if body is None:
            return math.nan, math.nan
        ends = float(body[0]), float(body[-1])
        corners.append([(end, float(np.mean(near[np.abs(near[:, 0] - end) < 2 * step, 1]))) for end in ends])
    out = []
    for which, way in ((0, -1), (1, 1)):
        (y1, z1), (y0, z0) = corners[0][which], corners[1][which]
        line = y0 + (y1 - y0) * (disc[:, 1] - z0) / (z1 - z0)
        out.append(float(np.max(way * (disc[:, 0] - line))))
    return out[0], out[1]


def midslice(disc: Disc, image: Volume, around: float) -> tuple[np.ndarray, tuple[float, float]]:
    """The picture in the plane through a disc's middle from front (left) to back and from up (first row) down, with so
    many mm around it, along the disc's own axes; and mm of its pixels.
    """
    from scipy import ndimage

    places = disc.mask.places(central(disc))
    front, up = plane(places[:, 1:])
    along, across = in_its_plane(places[:, 1:])
    middle = np.array([(places[:, 1:] @ way - own)[0] for way, own in ((front, along), (up, across))])
    step = float(image.spacing[1:].min())
    wide, tall = (np.arange(-reach, reach + step, step) for reach in (np.ptp(s) / 2 + around for s in (along, across)))
    spot = (middle[0] + wide[::-1])[None, :, None] * front + (middle[1] + tall[::-1])[:, None, None] * up
    full = np.concatenate([np.full((*spot.shape[:2], 1), np.median(places[:, 0])), spot], -1)
    index = np.linalg.solve(image.affine[:3, :3], (full - image.affine[:3, 3]).reshape(-1, 3).T)
    values = ndimage.map_coordinates(image.values.astype(float), index, order=1)
    return values.reshape(spot.shape[:2]), (step, step)
