"""Discs in a segmentation: which there are, whether they are whole, and the surface of each.

What: `discs` finds every disc of a scheme in a picture of labels, leaves specks out and says where a disc is cut by
the edge of the field; `surface` gives a whole one as a closed surface in mm for `surface.fit`; `overlap` compares a fit
with the voxels.
Why smoothed: the border of voxels is a staircase. It is blurred by 0.7 of a voxel along each axis and cut at the height
that keeps the volume of the voxels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from pulposus import evidence
from pulposus.errors import InputError
from pulposus.scan.schemes import WITH, Scheme
from pulposus.scan.volume import Volume, library
from pulposus.surface import reading, triangles
from pulposus.surface.fit import Fit, skin

_BLUR = 0.7  # maths: of a voxel; a staircase of voxels becomes a plane to a tenth of a voxel
_PAD = 4  # maths: voxels around a disc, so that its blurred border lies inside
_CUTS, _EXACT = 14, 1e-4  # maths: heights of the cut that are tried, and how near its volume comes to the voxels'
_EDGE = 1e-3  # maths: share of the greatest value within which no cut lies
_ROUNDING = 1e-3  # maths: of a voxel, by which headers round
_FACETS = 40  # maths: facets from side to side of a disc, more than which cost time and tell nothing
_SPECK = 0.05  # maths: share of the greatest piece below which another is a stray speck
_CUT = 0.25  # maths: share of the greatest section beyond which the last slice shows that a disc goes on
_WALL = 0.7  # maths: share of the greatest section beyond which the last one is a wall: discs taper to both sides
_HOLES = 0.05  # maths: share of a disc in holes beyond which the mask is damaged
_FEWEST = 8  # maths: voxels along each side, fewer than which show no form
_ML = 1e-3  # maths: mm^3 in mL
_SIDES = (("left", "right"), ("back", "front"), ("lower end", "upper end"))


@dataclass(frozen=True)
class Disc:
    """One disc of a segmentation: its label, level ("" where the label does not say) and voxels on a grid of their own.

    slab: the stack is narrower than the disc, which goes on to both sides; cut: names of other sides where the field
    ends in the disc; broken: why its mask is damaged, in words.
    """

    label: int
    level: str
    mask: Volume
    slab: bool
    cut: tuple[str, ...]
    said: tuple[str, ...]
    broken: tuple[str, ...] = ()

    @property
    def volume(self) -> float:
        """Volume of its voxels, mL."""
        return float(self.mask.values.sum()) * self.mask.voxel * _ML

    @property
    def height_above(self) -> float:
        """Where its middle lies along the body, mm upwards."""
        return float(self.mask.places(np.argwhere(self.mask.values).mean(0))[2])


def discs(labels: Volume, scheme: Scheme) -> list[Disc]:
    """Every disc of a scheme in a picture of labels, from the lowest up. Raises InputError where levels lie in an order
    that no spine has.
    """
    found = []
    number = np.zeros(labels.values.shape, np.int32)  # labels of any size, as small numbers
    for place, label in enumerate(scheme.discs, 1):
        number[labels.values == label] = place
    boxes = ndimage.find_objects(number, len(scheme.discs))
    for box, (label, level) in zip(boxes, scheme.discs.items(), strict=True):
        if box is None:
            continue
        low, high = (np.array([getattr(side, end) for side in box]) for end in ("start", "stop"))
        piece, count = ndimage.label(labels.values[box] == label)
        sizes = np.bincount(piece.ravel(), minlength=count + 1)[1:]
        kept = np.flatnonzero(sizes >= _SPECK * sizes.max()) + 1
        broken: tuple[str, ...] = ()
        if len(kept) > 1 and (level or len(scheme.discs) > 1):  # a label of one disc
            parts = " and ".join(f"{n * labels.voxel * _ML:.1f}" for n in sorted(sizes[kept - 1])[::-1])
            broken = (f"label {label} is in {len(kept)} pieces, of {parts} mL",)
            kept = kept[[int(np.argmax(sizes[kept - 1]))]]
        stray = int(sizes.sum() - sizes[kept - 1].sum())
        said = (f"{stray} voxels of label {label} that lie apart from it were left out.",) if stray else ()
        found += [_disc(labels, label, level, piece == number, (low, high), said, broken) for number in kept]
    found.sort(key=lambda disc: disc.height_above)
    _refuse_disorder(found, labels.name)
    return found


def _disc(
    labels: Volume,
    label: int,
    level: str,
    inside: np.ndarray,
    ends: tuple[np.ndarray, np.ndarray],
    said: tuple[str, ...],
    broken: tuple[str, ...],
) -> Disc:
    box = ndimage.find_objects(inside.astype(int))[0]
    inside, low = inside[box], ends[0] + [side.start for side in box]
    high = low + inside.shape
    mask = Volume(labels.name, inside, labels.cut(low, high).affine)
    open_, walls = set(), []
    for axis, names in enumerate(_SIDES):
        sections = mask.values.sum(tuple(other for other in range(3) if other != axis))
        at_edge = (low[axis] == 0, high[axis] == labels.values.shape[axis])
        for name, edge, end in zip(names, at_edge, (sections[0], sections[-1]), strict=True):
            if edge and (axis > 0 or end > _CUT * sections.max()):
                open_.add(name)
            elif axis == 0 and not edge and len(sections) >= _FEWEST and end > _WALL * sections.max():
                walls.append(name)
    holes = 1 - inside.sum() / max(int(ndimage.binary_fill_holes(inside).sum()), 1)
    if walls:
        broken += (f"it ends in a flat wall within the picture ({', '.join(walls)}), where a part was cut off",)
    if holes > _HOLES:
        broken += (f"{holes:.0%} of it are holes",)
    slab = {"left", "right"} <= open_
    cut = tuple(sorted(open_ - ({"left", "right"} if slab else set())))
    return Disc(label, level, mask, slab, cut, said, broken)


def _refuse_disorder(found: list[Disc], name: str) -> None:
    order = [evidence.levels().index(disc.level) for disc in found if disc.level in evidence.levels()]
    for above, below in zip(order[1:], order[:-1], strict=True):
        if above >= below:
            upper, lower = evidence.levels()[above], evidence.levels()[below]
            raise InputError(
                f"In {name!r} the disc called {upper} lies above {lower}, as in no spine; the scheme or the axes of "
                "the file are wrong: say --scheme, or mend its header."
            )


def refuse_part(disc: Disc, name: str) -> None:
    """Raise InputError for a disc that is cut by the edge of the field, or too small to have a form."""
    if disc.broken:
        raise InputError(
            f"The mask of {name[0].lower()}{name[1:]} is damaged: {'; '.join(disc.broken)}; mend it, or cut away what "
            "is padding."
        )
    if disc.cut:
        raise InputError(f"{name} is cut by the edge of the picture ({', '.join(disc.cut)}); choose a whole disc.")
    sides = disc.mask.values.shape[1 if disc.slab else 0 :]
    if min(disc.mask.values.shape) < 2 or max(sides) < _FEWEST:
        told = " x ".join(map(str, disc.mask.values.shape))
        raise InputError(f"{name} is {told} voxels, a fragment without the form of a disc; choose another label.")


# ---------------------------------------------------------------------------------------------- surface


def surface(disc: Disc, name: str) -> reading.Given:
    """The closed surface of a whole disc, mm, with the volume of its voxels. Raises InputError for one that is cut."""
    refuse_part(disc, name)
    if disc.slab:
        raise InputError(f"{name} goes on beyond both sides of the picture, so it has no closed surface.")
    return _smoothed(disc.mask, name, disc.said)


def with_nucleus(given: reading.Given, disc: Disc, inside: np.ndarray, plates: float, told: str) -> reading.Given:
    """The surface of a disc with that of a nucleus in it, as regions of a volume. inside: the nucleus' columns from end
    to end on the disc's grid; plates: mm of them that are endplates.
    """
    own = _smoothed(Volume(given.name, inside, disc.mask.affine), given.name, ())
    tall = float(inside.sum(2)[inside.any(2)].mean() * disc.mask.spacing[2])
    middle = own.points.mean(0)
    lower = middle + (own.points - middle) * [1, 1, max(1 - plates / tall, 0.5)]  # maths: never less than half
    points = np.concatenate([given.points, lower])
    regions = {0: own.faces + len(given.points), 1: given.faces}
    return reading.Given(given.name, points, given.faces, regions, (*given.said, told), given.up)


def bone(labels: Volume, label: int) -> reading.Given:
    """The surface of everything with one label, mm: a vertebra. Raises InputError where there is none, or a speck."""
    index = np.argwhere(labels.values == label)
    if len(index) < _FEWEST**2:
        has = ", ".join(str(number) for number in np.unique(labels.values) if number)
        raise InputError(f"{labels.name!r} has {len(index)} voxels of label {label}, and no bone; it holds {has}.")
    low, high = index.min(0), index.max(0) + 1
    box = labels.cut(low, high)
    return _smoothed(Volume(labels.name, box.values == label, box.affine), f"label {label}", ())


def _stride(mask: Volume) -> int:
    """How many voxels share one facet: of a disc of the loin two of half a millimetre, of the neck's one."""
    wide = float((np.array(mask.values.shape) * mask.spacing).max())
    return max(1, int(wide / _FACETS / float(mask.spacing.max()) + _ROUNDING))


def _smoothed(mask: Volume, name: str, said: tuple[str, ...]) -> reading.Given:
    """The border of voxels without its staircase, wound outwards, with their volume; in so many facets, however fine
    the voxels are.
    """
    measure = library("skimage.measure")
    stride = _stride(mask)
    values = np.pad(mask.values, _PAD * stride).astype(np.float32)
    wanted, blurred = float(values.sum()), ndimage.gaussian_filter(values, _BLUR * stride)

    def cut(level: float) -> tuple[np.ndarray, np.ndarray, float]:
        points, faces, _, _ = measure.marching_cubes(blurred, level, step_size=stride)
        return points, faces, abs(triangles.volume(points, faces)) / wanted - 1

    low, high = _EDGE * float(blurred.max()), (1 - _EDGE) * float(blurred.max())
    level = 0.5 * float(blurred.max())
    points, faces, more = cut(level)
    slope = 0.0
    for _ in range(_CUTS):
        if abs(more) < _EXACT:
            break
        low, high = (level, high) if more > 0 else (low, level)
        step = level - more / slope if slope < 0 else 0.0
        before, level = level, step if low < step < high else 0.5 * (low + high)
        points, faces, now = cut(level)
        slope, more = (now - more) / (level - before), now
    places = mask.places(points - _PAD * stride)
    if triangles.volume(places, faces) < 0:
        faces = faces[:, ::-1]
    return reading.Given(name, places, faces, said=said)


def overlap(disc: Disc, found: Fit) -> float:
    """Dice's overlap of the fitted mesh with the voxels, each taken by its middle; where several share a facet, one
    of them.
    """
    stride = _stride(disc.mask)
    around = np.pad(disc.mask.values, _PAD)[::stride, ::stride, ::stride]
    index = np.argwhere(np.ones_like(around)) * stride - _PAD
    places = found.surface.carry(disc.mask.places(index))
    plates = 0 if found.endplates == WITH else found.plates
    points, faces = skin(found.nodes[:, :, plates : found.nodes.shape[2] - plates])
    near = (np.abs(places[:, :2]) <= np.abs(points[:, :2]).max(0)).all(1) & (
        np.abs(places[:, 2] - points[:, 2].mean()) <= np.ptp(points[:, 2])
    )
    inside = np.zeros(len(places), bool)
    low, high = triangles.columns(points, faces, places[near, :2])
    inside[near] = (places[near, 2] >= low) & (places[near, 2] <= high)  # NaN beside the disc, which is false
    mask = around.ravel()
    return float(2 * (inside & mask).sum() / (inside.sum() + mask.sum()))
