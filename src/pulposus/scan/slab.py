"""A disc of which a picture shows only slices about the midline: what can be measured there, and what cannot.

What: depth, heights in front, in the middle and behind, and wedge in the plane from back to front, as the mean over the
slices with their spread. Width and form from side to side are not in the picture.
Why not fitted: slices of 12 to 27 mm tell nothing of a rim at 25 mm; what is filled in from tables is said to be.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pulposus.errors import InputError
from pulposus.scan.masks import Disc, refuse_part

_MIDDLE = 0.5  # maths: share of the slices, about the middle, that are measured
_RIM = 0.9  # maths: of the way from the middle to the rim, where heights in front and behind are taken
_BELT = 0.15  # maths: share of the half depth on either side, over which a height is averaged
_FEWEST = 3  # maths: slices without which no spread is known


@dataclass(frozen=True)
class Measured:
    """Mean and standard deviation over slices, mm and degrees, of a disc's depth, heights and wedge; height includes
    what the label includes. mean_height: area over depth, which is more than the middle's where a rim stays open.
    """

    ap_depth: tuple[float, float]
    anterior_height: tuple[float, float]
    mid_height: tuple[float, float]
    posterior_height: tuple[float, float]
    wedge: tuple[float, float]
    mean_height: tuple[float, float]
    slices: int
    span: float  # mm from side to side that the picture shows


def measured(disc: Disc, name: str) -> Measured:
    """What the slices about the middle of a disc show. Raises InputError for one that is cut, or has too few slices."""
    refuse_part(disc, name)
    mask = disc.mask
    count = mask.values.shape[0]
    if count < _FEWEST:
        raise InputError(f"{name} is seen in {count} slices, and {_FEWEST} are needed; give the whole stack.")
    front, up = plane(mask.places(np.argwhere(mask.values))[:, 1:])
    step = float(mask.spacing[1:].min())
    inner = central(disc)
    cell = mask.spacing[1] * mask.spacing[2]
    rows = []
    for slice_ in np.unique(inner[:, 0]):
        here = mask.places(inner[inner[:, 0] == slice_])[:, 1:]
        if len(here) < _FEWEST:
            continue
        along, across = here @ front, here @ up
        rows.append(_slice(along, across, cell, step))
    if len(rows) < _FEWEST:
        raise InputError(f"{name} is seen in {len(rows)} slices, and {_FEWEST} are needed; give the whole stack.")
    mean, sd = np.mean(rows, 0), np.std(rows, 0, ddof=1)
    depth, front_, middle, back, wedge, whole = ((float(a), float(b)) for a, b in zip(mean, sd, strict=True))
    return Measured(depth, front_, middle, back, wedge, whole, len(rows), float(count * mask.spacing[0]))


def central(disc: Disc) -> np.ndarray:
    """Grid indices (k, 3) of a disc's voxels in the slices about its middle that are measured."""
    count = disc.mask.values.shape[0]
    away = round((1 - _MIDDLE) / 2 * count)
    index = np.argwhere(disc.mask.values)
    return index[(index[:, 0] >= away) & (index[:, 0] < count - away)]


def plane(places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors to the front and up, of a disc's places (front, up) in the plane from back to front."""
    front = np.linalg.eigh(np.cov(places - places.mean(0), rowvar=False))[1][:, 1]
    front = front * (1.0 if front[0] > 0 else -1.0)
    return front, np.array([-front[1], front[0]])


def in_its_plane(places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Places (k, 2) to the front and up in mm, along the depth and across it, from the middle of both."""
    sides = [places @ axis for axis in plane(places)]
    along, across = (side - 0.5 * (side.max() + side.min()) for side in sides)
    return along, across


def _slice(along: np.ndarray, across: np.ndarray, cell: float, step: float) -> list[float]:
    """Depth, three heights, wedge and mean height of one slice: a height is area over width of a belt, which halves the
    staircase.
    """
    back, ahead = float(along.min()) - step / 2, float(along.max()) + step / 2
    middle, half = 0.5 * (back + ahead), 0.5 * (ahead - back)
    heights = []
    for share in (_RIM, 0.0, -_RIM):
        low, high = middle + half * (share - _BELT), middle + half * (share + _BELT)
        low, high = max(low, back), min(high, ahead)
        belt = (along >= low) & (along < high)
        heights.append(float(belt.sum()) * cell / (high - low))
    lean = np.arctan((heights[0] - heights[2]) / (2 * _RIM * half))
    return [2 * half, *heights, float(np.degrees(lean)), len(along) * cell / (2 * half)]
