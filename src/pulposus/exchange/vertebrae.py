"""A disc from the two vertebrae that hold it: two surfaces, or two labels of a segmentation.

What: `take_in` takes the space between them (`surface.between`) and fits it as any other surface; `exchange.surface`
writes and tells it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from pulposus.errors import InputError
from pulposus.exchange import surface
from pulposus.scan import masks, volume
from pulposus.surface import reading
from pulposus.surface.between import between


def take_in(
    files: Sequence[str | Path],
    level: str,
    grade: int | str,
    *,
    labels: str = "",
    unit: str | None = None,
    axes: str | None = None,
    endplates: str = "with",
) -> surface.TakenIn:
    """The disc between two vertebrae.

    files: the upper and the lower one (STL, OBJ, PLY, VTU) as they lie in one frame; or one segmentation, of which
    labels names both as "6,7". unit, axes: of the surfaces. endplates: whether cartilage endplates lie "with" in the
    space between the bones, as they do, or it was drawn "without" them. Raises InputError.
    """
    picture = [path for path in files if Path(path).is_dir() or str(path).lower().endswith(volume.KINDS)]
    if picture and len(files) == 1:
        if unit or axes:
            raise InputError("A segmentation has its own unit and axes; leave out --unit and --axes.")
        seen = volume.labels(volume.read(picture[0]))
        upper, lower = _of_picture(seen, labels)
        unit, axes, of = "mm", "RAS", f" of {seen.name}"
    elif len(files) == 2 and not picture:
        if labels:
            raise InputError("Labels go with one segmentation; leave out --labels, or give that file alone.")
        upper, lower = (reading.read(path) for path in files)
        of = ""
    else:
        raise InputError(
            f"{len(files)} files were given; give the surfaces of the upper and the lower vertebra, or one "
            "segmentation with --labels."
        )
    space = between(upper, lower, unit, axes)
    space = dataclasses.replace(space, name=space.name + of)
    return surface.take_in(space, level, grade, unit="mm", axes="RAS" if axes else None, endplates=endplates)


def _of_picture(seen: volume.Volume, labels: str) -> list[reading.Given]:
    """The upper and the lower of two labels, by where they lie."""
    words = [word.strip() for word in labels.split(",")]
    if len(words) != 2 or not all(word.isdigit() for word in words) or words[0] == words[1]:
        raise InputError(f"Labels {labels!r} are not two vertebrae; write the labels of both, as --labels 6,7.")
    bones = [masks.bone(seen, int(word)) for word in words]
    return sorted(bones, key=lambda bone: -float(bone.points[:, 2].mean()))
