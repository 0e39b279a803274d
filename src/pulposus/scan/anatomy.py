"""Whether a labelled picture can be of a person: canal and arches behind the discs, and what is numbered in its order.

What: `refuse_impossible` raises `InputError` where front and back, or up and down, are exchanged: a header that lies
about them turns every disc round, and the fit would be as good as before. Right and left exchanged cannot be seen: a
spine is its own mirror image, nearly.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from pulposus import evidence
from pulposus.errors import InputError
from pulposus.scan.masks import Disc
from pulposus.scan.schemes import Scheme
from pulposus.scan.volume import Volume

_FEWEST = 20  # maths: voxels without which nothing is said of where a structure lies
_MARGIN = 3.0  # maths: mm beyond a disc from which bone counts as before or behind it, more than a rim bulges
_MORE = 2.0  # maths: times as much bone before as behind; bodies alone reach as far before as behind


def refuse_impossible(labels: Volume, scheme: Scheme, found: Sequence[Disc]) -> None:
    """Raise InputError for discs behind the canal or the arches, and for labels that are numbered the other way."""
    for what, order in scheme.downwards:
        _refuse_order(labels, what, order)
    parts = {what: _codes(labels, scheme, kinds) for what, kinds in _BEHIND}
    for disc in found:
        name = disc.level or f"label {disc.label}"
        if len(parts["canal"]):
            if _before(labels, parts["canal"], disc):
                raise InputError(_turned(labels.name, "the canal", name))
        elif _arches_before(labels, parts["vertebrae"], disc):
            raise InputError(_turned(labels.name, "most bone beyond the disc", name))


_BEHIND = (("canal", ("canal", "cord")), ("vertebrae", ("vertebra", "vertebra part")))


def _turned(picture: str, what: str, disc: str) -> str:
    return (
        f"In {picture!r} {what} lies in front of {disc}, as in no spine: its scheme is another, or front and back are "
        "exchanged in its header; say --scheme, or export it again with its orientation."
    )


def _refuse_order(labels: Volume, what: str, order: Sequence[int]) -> None:
    level = np.arange(labels.values.shape[2])
    seen: list[tuple[int, float]] = []
    for label in order:
        along = (labels.values == label).sum((0, 1))
        if along.sum() >= _FEWEST:
            seen.append((label, float(along @ level / along.sum())))
    for (above, high), (below, low) in itertools.pairwise(seen):
        if high < low:
            raise InputError(
                f"In {labels.name!r} the {what} with label {above} lies below that with {below}, as in no spine of "
                "this scheme: the scheme is another, or up and down are exchanged in its header; say --scheme, or "
                "export it again with its orientation."
            )


def _codes(labels: Volume, scheme: Scheme, kinds: tuple[str, ...]) -> np.ndarray:
    """Grid indices (k, 3) of everything with a label of some structures."""
    codes = [code for kind in kinds for code in scheme.others.get(kind, ())]
    return np.argwhere(np.isin(labels.values, codes)) if codes else np.zeros((0, 3), int)


def _near(labels: Volume, index: np.ndarray, disc: Disc) -> tuple[np.ndarray, np.ndarray]:
    """Places (k, 3) in mm of a structure beside a disc, and those of the disc."""
    own = disc.mask.places(np.argwhere(disc.mask.values))
    places = labels.places(index)
    reach = evidence.used("fluid_search").value
    near = np.abs(places[:, 2] - own[:, 2].mean()) < reach
    return places[near], own


def _before(labels: Volume, canal: np.ndarray, disc: Disc) -> bool:
    places, own = _near(labels, canal, disc)
    return len(places) >= _FEWEST and float(np.median(places[:, 1])) > float(np.median(own[:, 1]))


def _arches_before(labels: Volume, bones: np.ndarray, disc: Disc) -> bool:
    places, own = _near(labels, bones, disc)
    front = int((places[:, 1] > own[:, 1].max() + _MARGIN).sum())
    back = int((places[:, 1] < own[:, 1].min() - _MARGIN).sum())
    return front >= _FEWEST and front > _MORE * back
