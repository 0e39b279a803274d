"""Picture of a torn disc from above: damage of its annulus, what has come out, and what lies behind it.

Look: damage from dark (whole) to bright (torn), what came out in vermilion, canal and foramina as outlines.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pulposus.figures.style import BLACK, BLUE, GREY, SETTINGS, SKY, VERMILION, YELLOW, sheet

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from pulposus.disc.herniation import Canal, Protrusion
    from pulposus.disc.solid import Solid
    from pulposus.disc.structure import Structure


def structure(body: Solid, structure: Structure, canal: Canal, seen: Protrusion) -> Figure:
    """The disc from above: damage of the annulus by ring and sector (the worst over its height), what has come out, and
    canal, foramina and cord behind it.
    """
    import matplotlib
    from matplotlib.collections import PolyCollection

    t = body.topology
    corners = np.asarray(body.start[:2, :, :, t.layers // 2]) * 1e3
    worst = np.asarray(structure.damage)[:, :, t.endplate_layers : t.layers - 1 - t.endplate_layers].max(-1)
    around = np.roll(corners, -1, -1)
    faces = np.stack([corners[:, :-1], corners[:, 1:], around[:, 1:], around[:, :-1]])  # (corner, 2, ring, sector)
    faces = np.moveaxis(faces, (2, 3), (0, 1))
    annulus, nucleus = faces[t.nucleus_rings :], faces[: t.nucleus_rings]
    with matplotlib.rc_context(SETTINGS):
        figure = sheet(4.4, 3.6)
        ax = figure.add_subplot()
        ax.grid(visible=False)
        damage = worst[t.nucleus_rings :].ravel()
        shown = PolyCollection(list(annulus.reshape(-1, 4, 2)), array=damage, cmap="cividis", edgecolor="white", lw=0.3)
        shown.set_clim(0, 1)
        ax.add_collection(shown)
        ax.add_collection(PolyCollection(list(nucleus.reshape(-1, 4, 2)), facecolor="#e8f4fb"))
        ax.plot(*np.append(corners[:, -1], corners[:, -1, :1], 1), color=BLACK, lw=0.8)
        _behind(ax, canal, float(corners[1, -1].min()))
        _come_out(ax, body, seen)
        figure.colorbar(shown, ax=ax, shrink=0.7).set_label("Damage of fibres (0 whole, 1 torn)")
        ax.set_aspect("equal")
        ax.autoscale_view()
        ax.set_xlabel("left  –  mm  –  right")
        ax.set_ylabel("back  –  mm  –  front")
        figure.legend(loc="outside lower center", ncol=4)
    return figure


def _behind(ax: Axes, canal: Canal, back: float) -> None:
    """Canal, foramina and cord as outlines, mm, behind a disc whose back lies at `back`."""
    from matplotlib.patches import Ellipse, Rectangle

    depth, width, high, long, gap, cord = (
        1e3 * float(x)
        for x in (canal.depth, canal.width, canal.foramen_width, canal.pedicle_width, canal.gap, canal.cord)
    )
    ax.add_patch(Ellipse((0, back - depth / 2), width, depth, fill=False, ec=BLUE, lw=1.2, label="canal"))
    for left, label in ((-width / 2 - long, "foramina"), (width / 2, None)):
        ax.add_patch(Rectangle((left, back - high), long, high, fill=False, ec=SKY, lw=1.2, ls="--", label=label))
    if cord:
        ax.add_patch(Ellipse((0, back - depth / 2), 1.5 * cord, cord, fc=YELLOW, ec=BLACK, lw=0.6, label="cord"))
    else:
        inner = Ellipse((0, back - depth / 2), width - 2 * gap, depth - 2 * gap, fill=False, ec=GREY, lw=0.8)
        inner.set_label("dural sac")
        ax.add_patch(inner)


def _come_out(ax: Axes, body: Solid, seen: Protrusion) -> None:
    """What has come out, as half an ellipse that stands on the rim."""
    if float(seen.volume) <= 0:
        return
    aspect = float(body.parameters.herniation_aspect)
    middle = 1e3 * np.array([float(seen.x), float(seen.y)])
    rim = 1e3 * np.asarray(body.start[:2, -1, :, body.topology.layers // 2])
    along = np.roll(rim, -1, 1) - np.roll(rim, 1, 1)
    tangent = along[:, np.argmin(np.sum((rim - middle[:, None]) ** 2, 0))]
    tangent = tangent / np.sqrt(np.sum(tangent**2))
    out = np.array([tangent[1], -tangent[0]])
    out = out * np.sign(np.sum(out * (middle - rim.mean(1))))
    angle = np.linspace(0, np.pi, 40)[:, None]
    depth = 1e3 * float(seen.depth)
    kind = "extruded" if float(seen.extruded) > 0.5 * float(seen.volume) else "contained"
    outline = middle + depth * (np.sin(angle) * out + aspect * np.cos(angle) * tangent)
    ax.fill(*outline.T, color=VERMILION, alpha=0.55, lw=0, label=f"{kind} nucleus")
