"""The nucleus in a T2-weighted picture: where a disc is brighter than half way from its rim to its core.

What: the picture is blurred within the disc against noise; columns from end to end whose middle half is brighter than
the mean of core and rim are the nucleus, as far as they hang together. Where core and rim hardly differ, as in old
discs, or the nucleus would take a share of the plan that no nucleus has, none is told, and the tables' proportions
stay.
Why columns: endplates darken both ends of a thin nucleus, and that of our form goes from end to end too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from pulposus import evidence
from pulposus.errors import InputError
from pulposus.scan.masks import Disc
from pulposus.scan.slab import central, in_its_plane
from pulposus.scan.volume import Volume

_BLUR = 1.5  # maths: mm; noise of a voxel falls to a few percent, and a border moves by less than a voxel
_CORE, _RIM = 0.7, 0.25  # maths: of the greatest distance from the rim of the plan
_HALF = 0.5  # maths: share of a column's height, about its middle, that is looked at
_FEWEST = 20  # maths: columns of core and of rim without which there is no contrast


@dataclass(frozen=True)
class Nucleus:
    """Voxels of a nucleus on its disc's grid, its share of the plan, how much brighter core than rim (1: rim is black),
    and how far it reaches along the midline: length and middle over the depth of the disc, from its middle backwards.
    """

    values: np.ndarray
    share: float
    contrast: float
    length: float
    offset: float

    def told(self) -> str:
        """The sentence on it."""
        return (
            f"The nucleus is where the picture is brighter than half way from rim to core (contrast {self.contrast:.2f}"
            f"): {self.share:.2f} of the plan."
        )


def nucleus(disc: Disc, image: Volume) -> Nucleus:
    """The nucleus of a disc in the picture it was drawn on. Raises InputError, with the reason, where none is told."""
    mask = disc.mask.values
    low = np.rint(np.linalg.solve(image.affine[:3, :3], disc.mask.affine[:3, 3] - image.affine[:3, 3])).astype(int)
    own = image.values[tuple(slice(a, a + n) for a, n in zip(low, mask.shape, strict=True))].astype(float)
    blur = [_BLUR / step for step in disc.mask.spacing]
    weight = ndimage.gaussian_filter(mask.astype(float), blur)
    smooth = ndimage.gaussian_filter(own * mask, blur) / np.maximum(weight, np.finfo(float).tiny)
    middle = _middles(smooth, mask)
    deep = _deep(np.isfinite(middle), disc)
    core, rim = middle[deep > _CORE], middle[(deep > 0) & (deep < _RIM)]
    if min(len(core), len(rim)) < _FEWEST:
        raise InputError("The disc has too few voxels to tell its nucleus.")
    bright, dark = float(np.median(core)), float(np.median(rim))
    contrast = 1 - dark / bright if bright > 0 else 0.0
    if contrast < evidence.used("nucleus_contrast").value:
        raise InputError(f"The picture does not tell nucleus from annulus (contrast {contrast:.2f}).")
    piece, _ = ndimage.label(np.nan_to_num(middle) > 0.5 * (bright + dark))
    inner = np.bincount(piece[deep > _CORE], minlength=2)[1:]
    if not inner.any():
        raise InputError("The picture shows no nucleus in the middle of the disc.")
    plan = ndimage.binary_fill_holes(piece == int(np.argmax(inner)) + 1)
    share = float(plan.sum() / np.isfinite(middle).sum())
    row = evidence.used("nucleus_plan_share")
    if not row.low <= share <= row.high:
        raise InputError(
            f"What is bright takes {share:.2f} of the plan, and a nucleus {row.low:g} to {row.high:g} of it."
        )
    return Nucleus(mask & plan[..., None], share, contrast, *_along(disc, plan))


def _middles(smooth: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Mean over the middle half of every column (i, j); NaN beside the disc."""
    count = mask.sum(2)
    place = np.cumsum(mask, 2) - 0.5
    near = mask & (np.abs(place / np.maximum(count, 1)[..., None] - 0.5) <= _HALF / 2)
    total = near.sum(2)
    return np.where(total > 0, (smooth * near).sum(2) / np.maximum(total, 1), np.nan)


def _deep(plan: np.ndarray, disc: Disc) -> np.ndarray:
    """Distance from the rim over its greatest, (i, j); a stack that goes on to both sides has its rim before and
    behind only.
    """
    around = np.pad(plan, 1, mode="constant")
    if disc.slab:
        around = np.pad(np.pad(plan, ((0, 0), (1, 1))), ((1, 1), (0, 0)), mode="edge")
    far = ndimage.distance_transform_edt(around, sampling=disc.mask.spacing[:2])[1:-1, 1:-1]
    return np.asarray(far / max(float(far.max()), np.finfo(float).tiny))


def _along(disc: Disc, plan: np.ndarray) -> tuple[float, float]:
    """Length on the midline over the depth, and how far the middle lies behind that of the disc, over the depth."""
    inner = central(disc)
    along = in_its_plane(disc.mask.places(inner)[:, 1:])[0]
    own = along[plan[inner[:, 0], inner[:, 1]]]
    if not len(own):
        return 0.0, 0.0
    depth = float(np.ptp(along))
    return float(np.ptp(own)) / depth, -0.5 * float(own.max() + own.min()) / depth
