"""The disc as a T2-weighted picture shows it: the person's own slice where there is one, and the simulated disc.

Look: anterior on the left as radiologists look at it, one scale of millimetres and one of grey, up to a few times the
disc's own signal; what is not simulated (bone, canal) is no grey at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pulposus import imaging
from pulposus.figures.style import SETTINGS, sheet

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ROOM = 8.0  # mm around a disc
_BRIGHTER = 3.0  # times the brightest place of the simulated disc that is white
_NOTHING = "#22344f"  # where nothing is simulated


def t2_weighted(history: xr.Dataset, scanner: Mapping[str, Any], slice_: Path | None, treated: bool) -> Figure:
    """The slice of the picture, the disc at start, and how it ends in each arm.

    scanner: what `run.describe` says of the scanner, with what the picture showed.
    """
    import matplotlib

    echo = scanner.get("picture", {}).get("echo_time")
    months = float(history["month"][-1])
    end = f"{months / 12:g} years" if months > 12 else f"{months:g} months"
    views = [("untreated", 0, "simulated, start")]
    views.append(("untreated", -1, f"simulated, {end}{', untreated' if treated else ''}"))
    views += [("treated", -1, f"simulated, {end}, treated")] if treated else []
    cuts = [section(history, arm, time, scanner, echo) for arm, time, _ in views]
    wide, tall = (max(float(np.ptp(cut[axis])) for cut in cuts) + 2 * _ROOM for axis in (0, 1))
    count = len(views) + (slice_ is not None)
    most = min(1.0, _BRIGHTER * max(float(cut[2].max()) for cut in cuts))
    with matplotlib.rc_context(SETTINGS):
        figure = sheet(9.6, 9.6 / count * tall / wide + 1.3)
        axes = list(figure.subplots(1, count, squeeze=False)[0])
        if slice_ is not None:
            _shown(axes[0], slice_, scanner["picture"]["pixel"], most)
            _framed(axes[0], "the picture", wide, tall)
        drawn: Any = None
        for ax, cut, (*_, words) in zip(axes[count - len(views) :], cuts, views, strict=True):
            drawn = ax.pcolormesh(*cut, cmap="gray", vmin=0, vmax=most, shading="gouraud", rasterized=True)
            _framed(ax, words, wide, tall)
        bar = figure.colorbar(drawn, ax=axes, location="bottom", aspect=60, shrink=0.5)
        bar.set_label("T2-weighted signal, over that of cerebrospinal fluid; blue: not simulated")
    return figure


def section(
    history: xr.Dataset, arm: str, time: int, scanner: Mapping[str, Any], echo: float | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mid-sagittal places, mm (to the back, upwards), about their middle, and signal over fluid, (place, layer)."""
    now = history.sel(arm=arm).isel(time=time)
    order = ("ring", "sector", "layer")
    y, z, water, tissue = (
        imaging.midline(now[name].transpose(*order).to_numpy()) for name in ("y", "z", "water", "tissue")
    )
    signal = imaging.t2_weighted(water, tissue, scanner, echo)
    return -(y - 0.5 * (y.max() + y.min())), z - 0.5 * (z.max() + z.min()), signal


def _shown(ax: Axes, path: Path, pixel: tuple[float, float], most: float) -> None:
    from matplotlib.image import imread

    grey = imread(path)
    grey = grey if grey.ndim < 3 else grey[..., 0]
    tall, wide = grey.shape[0] * pixel[1] / 2, grey.shape[1] * pixel[0] / 2
    ax.imshow(grey, cmap="gray", vmin=0, vmax=most, extent=(-wide, wide, -tall, tall))


def _framed(ax: Axes, words: str, wide: float, tall: float) -> None:
    ax.set_facecolor(_NOTHING)
    ax.grid(visible=False)
    ax.set_aspect("equal")
    ax.set(title=words, xlabel="front  –  mm  –  back", xlim=(-wide / 2, wide / 2), ylim=(-tall / 2, tall / 2))
