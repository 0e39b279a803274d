"""Picture of a torn disc from above: damage of its annulus, what has come out, and what lies behind it.

Look: damage from dark (whole) to bright (torn), what came out in vermilion, canal and foramina as outlines.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pulposus.figures.style import BLACK, BLUE, GREY, SETTINGS, SKY, VERMILION, YELLOW, sheet

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def structure(plan: Mapping[str, Any]) -> Figure:
    """The disc from above (`biomechanics.plan`): damage of the annulus by ring and sector, what has come out, what lies
    behind.
    """
    import matplotlib
    from matplotlib.collections import PolyCollection

    corners, worst = np.array(plan["rings_mm"]), np.array(plan["damage"])
    around = np.roll(corners, -1, -1)
    faces = np.stack([corners[:, :-1], corners[:, 1:], around[:, 1:], around[:, :-1]])  # (corner, 2, ring, sector)
    faces = np.moveaxis(faces, (2, 3), (0, 1))
    nucleus, annulus = faces[: -len(worst)], faces[-len(worst) :]
    with matplotlib.rc_context(SETTINGS):
        figure = sheet(4.4, 3.6)
        ax = figure.add_subplot()
        ax.grid(visible=False)
        shown = PolyCollection(
            list(annulus.reshape(-1, 4, 2)), array=worst.ravel(), cmap="cividis", edgecolor="white", lw=0.3
        )
        shown.set_clim(0, 1)
        ax.add_collection(shown)
        ax.add_collection(PolyCollection(list(nucleus.reshape(-1, 4, 2)), facecolor="#e8f4fb"))
        ax.plot(*np.append(corners[:, -1], corners[:, -1, :1], 1), color=BLACK, lw=0.8)
        _behind(ax, plan["canal_mm"], float(corners[1, -1].min()))
        _come_out(ax, corners[:, -1], plan["out"])
        figure.colorbar(shown, ax=ax, shrink=0.7).set_label("Damage of fibres (0 whole, 1 torn)")
        ax.set_aspect("equal")
        ax.autoscale_view()
        ax.set_xlabel("left  –  mm  –  right")
        ax.set_ylabel("back  –  mm  –  front")
        figure.legend(loc="outside lower center", ncol=4)
    return figure


def _behind(ax: Axes, canal: Mapping[str, float], back: float) -> None:
    """Canal, foramina and cord as outlines, mm, behind a disc whose back lies at `back`."""
    from matplotlib.patches import Ellipse, Rectangle

    depth, width, gap, cord = (canal[name] for name in ("depth", "width", "gap", "cord"))
    high, long = canal["foramen_width"], canal["pedicle_width"]
    ax.add_patch(Ellipse((0, back - depth / 2), width, depth, fill=False, ec=BLUE, lw=1.2, label="canal"))
    for left, label in ((-width / 2 - long, "foramina"), (width / 2, None)):
        ax.add_patch(Rectangle((left, back - high), long, high, fill=False, ec=SKY, lw=1.2, ls="--", label=label))
    if cord:
        ax.add_patch(Ellipse((0, back - depth / 2), 1.5 * cord, cord, fc=YELLOW, ec=BLACK, lw=0.6, label="cord"))
    else:
        inner = Ellipse((0, back - depth / 2), width - 2 * gap, depth - 2 * gap, fill=False, ec=GREY, lw=0.8)
        inner.set_label("dural sac")
        ax.add_patch(inner)


def _come_out(ax: Axes, rim: np.ndarray, out: Mapping[str, float]) -> None:
    """What has come out, as half an ellipse that stands on the rim."""
    if out["volume_mL"] <= 0:
        return
    middle = np.array([out["x_mm"], out["y_mm"]])
    along = np.roll(rim, -1, 1) - np.roll(rim, 1, 1)
    tangent = along[:, np.argmin(np.sum((rim - middle[:, None]) ** 2, 0))]
    tangent = tangent / np.sqrt(np.sum(tangent**2))
    away = np.array([tangent[1], -tangent[0]])
    away = away * np.sign(np.sum(away * (middle - rim.mean(1))))
    angle = np.linspace(0, np.pi, 40)[:, None]
    kind = "extruded" if out["extruded_mL"] > 0.5 * out["volume_mL"] else "contained"
    outline = middle + out["depth_mm"] * (np.sin(angle) * away + out["aspect"] * np.cos(angle) * tangent)
    ax.fill(*outline.T, color=VERMILION, alpha=0.55, lw=0, label=f"{kind} nucleus")
