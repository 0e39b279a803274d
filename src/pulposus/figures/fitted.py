"""Pictures of a disc fitted to somebody else's surface: from above, from the side, from the front, and how far off.

Look: the surface black, our mesh orange, the nucleus blue; distances from dark (none) to bright.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pulposus.figures.style import BLACK, BLUE, ORANGE, SETTINGS, sheet
from pulposus.surface import triangles

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from pulposus.surface.fit import Fit

_MM = 1e3


def fitted(found: Fit, title: str) -> Figure:
    """The fit of a surface: three sections through its middle, and the distance at every place of it, mm."""
    import matplotlib

    with matplotlib.rc_context(SETTINGS):
        figure = sheet(7.4, 5.2)
        above, far, side, front = figure.subplots(2, 2, height_ratios=(3, 2)).ravel()
        points, faces, nodes = found.surface.points, found.surface.faces, found.nodes
        _cut(above, points, faces, float(np.mean(nodes[0, 0, :, 2])), (0, 1))
        middle = nodes.shape[2] // 2
        _ring(above, nodes[-1, :, middle, :2], ORANGE, "our mesh (beside the thin lines: its endplates)")
        _ring(above, nodes[found.rings, :, middle, :2], BLUE, "its nucleus")
        _named(above, "From above, cut level", "left  –  mm  –  right", "back  –  mm  –  front")
        for ax, across in ((side, 0), (front, 1)):
            _section(ax, found, across)
        _named(side, "From the right, in the midline", "back  –  mm  –  front", "mm")
        _named(front, "From behind, through the middle", "left  –  mm  –  right", "mm")
        places, off = found.distance
        shown = far.scatter(*(places[:, :2].T * _MM), c=off * _MM, s=2, cmap="cividis", vmin=0, lw=0, rasterized=True)
        figure.colorbar(shown, ax=far, shrink=0.8).set_label("from our mesh, mm")
        _named(far, "How far the surface lies from our mesh", "left  –  mm  –  right", "back  –  mm  –  front")
        figure.legend(*above.get_legend_handles_labels(), loc="outside lower center", ncol=3)
        figure.suptitle(title)
    return figure


def _named(ax: Axes, title: str, x: str, y: str) -> None:
    ax.set_aspect("equal")
    ax.set_title(title)
    ax.set_xlabel(x)
    ax.set_ylabel(y)


def _cut(ax: Axes, points: np.ndarray, faces: np.ndarray, height: float, seen: tuple[int, int]) -> None:
    """The curve in which a plane across the last axis cuts the surface."""
    from matplotlib.collections import LineCollection

    pieces = triangles.section(points, faces, height)[..., list(seen)] * _MM
    ax.add_collection(LineCollection(list(pieces), colors=BLACK, lw=1.2, label="the surface"))
    ax.autoscale_view()


def _ring(ax: Axes, places: np.ndarray, colour: str, label: str) -> None:
    ax.plot(*(np.concatenate([places, places[:1]]).T * _MM), color=colour, lw=1, label=label)


def _section(ax: Axes, found: Fit, across: int) -> None:
    """Surface and mesh cut by the plane through the middle across x (0) or y (1)."""
    order = np.roll(np.arange(3), -1 - across)  # the axis that is cut comes last
    _cut(ax, found.surface.points[:, order], found.surface.faces, 0.0, (0, 1) if across == 0 else (1, 0))
    sectors, layers = found.nodes.shape[1:3]
    first = 0 if across == 0 else sectors // 4
    for half in (first, first + sectors // 2):
        grid = found.nodes[:, half][..., [1 - across, 2]] * _MM
        for layer in (0, found.plates, layers - 1 - found.plates, layers - 1):
            ax.plot(*grid[:, layer].T, color=ORANGE, lw=1 if layer in (0, layers - 1) else 0.6)
        ax.plot(*grid[-1].T, color=ORANGE, lw=1)
        ax.plot(*grid[found.rings].T, color=BLUE, lw=0.8)
