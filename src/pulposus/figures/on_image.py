"""A disc in its picture: the voxels of its label and the fitted mesh on three slices through its middle.

Look: the picture grey, the border of the label white and black, our mesh orange: dashed where it was not fitted but
built of what slices show. Where the picture ends the ground is pale blue, which no grey is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pulposus.figures.style import ORANGE, SETTINGS, sheet
from pulposus.scan.schemes import WITH
from pulposus.surface import triangles
from pulposus.surface.fit import skin

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from pulposus.scan.masks import Disc
    from pulposus.scan.volume import Volume
    from pulposus.surface.fit import Fit

_GREY = (1, 97)  # percentiles between which grey runs: what is bright around a disc would leave it black
_OUTSIDE = "#cfe0ee"
_AROUND = 8.0  # mm of the picture shown around a disc
_VIEWS = (
    (0, (1, 2), "From the right, through the middle", "back  –  mm  –  front", "down  –  mm  –  up"),
    (1, (0, 2), "From behind, through the middle", "left  –  mm  –  right", "down  –  mm  –  up"),
    (2, (0, 1), "From above, through the middle", "left  –  mm  –  right", "back  –  mm  –  front"),
)


def on_image(disc: Disc, found: Fit | None, image: Volume | None, title: str) -> Figure:
    """Three slices through a disc: the picture where there is one, its label, and the mesh, dashed where the picture
    shows slices only.
    """
    import matplotlib
    import matplotlib.patches

    mask = disc.mask
    spacing = mask.spacing
    low = -np.ceil(_AROUND / spacing).astype(int)
    size = np.array(mask.values.shape) - 2 * low
    index = np.stack(np.meshgrid(*(np.arange(n) for n in size), indexing="ij"), -1) + low
    around = _sampled(mask, mask.places(index)) > 0
    grey = None if image is None else _sampled(image, mask.places(index), outside=np.nan)
    middle = np.rint(np.argwhere(around).mean(0)).astype(int)
    ours = None if found is None else _placed(found, mask)
    style = "--" if disc.slab else "-"
    with matplotlib.rc_context(SETTINGS):
        figure = sheet(9.6, 3.9)
        for ax, (across, seen, *words) in zip(figure.subplots(1, 3), _VIEWS, strict=True):
            extent = [0.0, float(size[seen[0]] * spacing[seen[0]]), 0.0, float(size[seen[1]] * spacing[seen[1]])]
            cut = around.take(middle[across], across).T
            ax.set_facecolor(_OUTSIDE)
            if grey is None:
                ax.imshow(cut, origin="lower", extent=extent, cmap="gray", vmin=0, vmax=2)
            else:
                ends = dict(zip(("vmin", "vmax"), np.nanpercentile(grey, _GREY), strict=True))
                ax.imshow(grey.take(middle[across], across).T, origin="lower", extent=extent, cmap="gray", **ends)
            _border(ax, cut, spacing[list(seen)])
            if ours is not None:
                _mesh(ax, ours, (middle + low)[across] * spacing[across], across, seen, low * spacing, spacing, style)
            ax.grid(False)
            ax.set(title=words[0], xlabel=words[1], ylabel=words[2], xlim=extent[:2], ylim=extent[2:])
            ax.set_aspect("equal")
        keys = [("black", "--", "border of the label")]
        if found:
            built = " built of these slices and of tables" if disc.slab else ""
            bare = "" if found.endplates == WITH else ", without its endplates"
            keys.append((ORANGE, style, f"our mesh{built}{bare}"))
        handles: list[Any] = [matplotlib.lines.Line2D([], [], color=c, ls=s, label=w) for c, s, w in keys]
        if grey is not None and np.isnan(grey).any():
            handles.append(matplotlib.patches.Patch(color=_OUTSIDE, label="beyond the picture"))
        figure.legend(handles=handles, loc="outside lower center", ncol=3)
        figure.suptitle(title)
    return figure


def _sampled(image: Volume, places: np.ndarray, outside: float = 0.0) -> np.ndarray:
    """Values of a picture at places in mm, of the nearest voxel; `outside` beyond it."""
    from scipy import ndimage

    inverse = np.linalg.inv(image.affine)
    at = places @ inverse[:3, :3].T + inverse[:3, 3]
    values = image.values.astype(float)
    return ndimage.map_coordinates(values, np.moveaxis(at, -1, 0), order=0, mode="constant", cval=outside)


def _placed(found: Fit, mask: Volume) -> tuple[np.ndarray, np.ndarray]:
    """The outside of the mesh in mm along the axes of the disc's grid."""
    plates = 0 if found.endplates == WITH else found.plates
    points, faces = skin(found.nodes[:, :, plates : found.nodes.shape[2] - plates])
    places = (points @ found.surface.turn + found.surface.centre) / found.surface.scale
    inverse = np.linalg.inv(mask.affine)
    return (places @ inverse[:3, :3].T + inverse[:3, 3]) * mask.spacing, faces


def _border(ax: Axes, cut: np.ndarray, spacing: np.ndarray) -> None:
    x, y = ((np.arange(n) + 0.5) * step for n, step in zip(cut.T.shape, spacing, strict=True))
    for colour, style, width in (("white", "-", 1.8), ("black", "--", 1.0)):
        ax.contour(x, y, cut.astype(float), levels=[0.5], colors=colour, linestyles=style, linewidths=width)


def _mesh(
    ax: Axes,
    ours: tuple[np.ndarray, np.ndarray],
    at: float,
    across: int,
    seen: tuple[int, int],
    low: np.ndarray,
    spacing: np.ndarray,
    style: str,
) -> None:
    """The curve in which the slice cuts our mesh."""
    from matplotlib.collections import LineCollection

    points, faces = ours
    pieces = triangles.section(points[:, [*seen, across]], faces, float(at))[..., :2]
    pieces = pieces - low[list(seen)] + 0.5 * spacing[list(seen)]
    lines = _joined(pieces) if style == "--" else list(pieces)
    ax.add_collection(LineCollection(lines, colors=ORANGE, lw=1.4, ls=style))


def _joined(pieces: np.ndarray) -> list[np.ndarray]:
    """Pieces (k, 2, 2) of closed curves laid end to end: a dash needs more room than a piece has."""
    left, lines = [np.round(piece, 6) for piece in pieces if np.ptp(piece, axis=0).max() > 0], []
    while left:
        line = list(left.pop())
        while True:
            spot = next((k for k, piece in enumerate(left) if (np.abs(piece - line[-1]).max(1) < 1e-5).any()), None)
            if spot is None:
                break
            piece = left.pop(spot)
            line.append(piece[1] if np.abs(piece[0] - line[-1]).max() < 1e-5 else piece[0])
        lines.append(np.array(line))
    return lines
