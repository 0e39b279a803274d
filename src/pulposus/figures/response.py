"""Pictures of a search for the best treatment: the response surface, a curve along the dose, and what repeats add.

What: each function draws a table or numbers that were judged elsewhere; nothing is computed here.
Look: bands hold nine of ten draws; a star is the best point on average over the draws, a ring the best with the used
values; cells of a surface are as large as one another whatever lies between their values.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pulposus.figures.style import BLACK, BLUE, DARK_GREY, ORANGE, SETTINGS, VERMILION, save, sheet
from pulposus.shown import Varied

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# output -> its words, the unit of a difference of it
OUTPUTS = {
    "aggrecan": ("aggrecan of the nucleus", "% of start"),
    "water": ("water of the nucleus", "% of volume"),
    "cells": ("viable native cells", "million"),
    "height": ("disc height", "mm"),
    "il1b": ("IL-1β of the nucleus", "of healthy"),
    "glucose": ("lowest glucose", "mM"),
}
_ONCE = "once"
_MILLION = 1e6
_MOST_PANELS = 6


def write_response(
    table: pd.DataFrame, told: Mapping[str, Any], axes: Sequence[Varied], output: str, at: float, folder: Path
) -> list[Path]:
    """Every picture that has something to show, as PNG in `folder`; returns their paths.

    table: one row a point, as `uncertainty.optimum.response` gives it; told: what was judged of it.
    """
    import matplotlib

    folder.mkdir(parents=True, exist_ok=True)
    what = f"{OUTPUTS[output][0]} at month {at:g}"
    unit = OUTPUTS[output][1]
    pictures: dict[str, Callable[[], Figure | None]] = {
        "surface": lambda: surface(table, told, axes, what, unit),
        "dose_response": lambda: curve(table, told, axes, what, unit),
        "second_injection": lambda: again(told.get("repeats", []), what, unit),
    }
    written = []
    for name, draw in pictures.items():
        with matplotlib.rc_context(SETTINGS):
            figure = draw()
            if figure is not None:
                written.append(save(figure, folder / f"{name}.png"))
    return written


def shown(axis: Varied, value: float) -> str:
    """A value of an axis as it is read, without its unit."""
    if axis.name == "repeat_interval":
        return _ONCE if value == 0 else f"{value:g}"
    return f"{value / _scale(axis):.3g}"


def label(axis: Varied) -> str:
    """Words and unit of an axis."""
    if axis.name == "repeat_interval":
        return "again after, months"
    unit = {"1": ""}.get(axis.unit, axis.unit)
    if _scale(axis) > 1:
        unit = f"million {unit}"
    return f"{axis.words}, {unit}" if unit else axis.words


def _scale(axis: Varied) -> float:
    return _MILLION if axis.name == "dose" and axis.values[0] >= _MILLION / 100 else 1.0


# ---------------------------------------------------------------------------------------------- the surface


def surface(
    table: pd.DataFrame, told: Mapping[str, Any], axes: Sequence[Varied], what: str, unit: str
) -> Figure | None:
    """Mean effect over the draws and half the width of its 90 % band, for two axes; a third one beside one another.

    Further axes are held at the best point. None for one axis.
    """
    if len(axes) < 2:
        return None
    across, up, beside = _laid_out(axes)
    best = told["best"]["point"]
    grid = table[table["point"] != 0]
    for axis in axes:
        if axis not in (across, up, beside):
            grid = grid[grid[axis.name] == best[axis.name]]
    panels = list(beside.values)[:_MOST_PANELS] if beside else [None]
    wide = min(7.4, 1.6 + len(panels) * max(1.5, 0.42 * len(across.values) + 0.4))
    figure = sheet(wide, 1.6 + 2 * max(1.2, 0.5 + 0.3 * len(up.values)))
    rows = figure.subplots(2, len(panels), squeeze=False, sharex=True, sharey=True)
    spread = grid.assign(half=(grid["effect_high"] - grid["effect_low"]) / 2)
    parts = (("effect_mean", "viridis", "mean effect"), ("half", "cividis", "half of the 90 % band"))
    for k, (column, colours, words) in enumerate(parts):
        values = spread[column].to_numpy(float)
        drawn: Any = None
        for j, panel in enumerate(panels):
            part = spread if beside is None else spread[spread[beside.name] == panel]
            field = part.pivot(index=up.name, columns=across.name, values=column)
            drawn = rows[k, j].imshow(
                field, origin="lower", aspect="auto", cmap=colours, vmin=values.min(), vmax=values.max()
            )
            _cells(rows[k, j], field.to_numpy(float), values)
            if k == 0:
                _stars(rows[k, j], told, across, up, beside, panel)
                rows[k, j].set_title(_panel(beside, panel))
            _ticks(rows[k, j], across, up, below=k == 1, left=j == 0)
        figure.colorbar(drawn, ax=list(rows[k]), label=f"{words}\n{unit}", aspect=12).outline.set_linewidth(0.4)
    figure.suptitle(f"Effect on {what}: treated less untreated", fontsize=9)
    figure.supxlabel("★ best on average over the draws    ○ best with the used values", fontsize=7)
    return figure


def _laid_out(axes: Sequence[Varied]) -> tuple[Varied, Varied, Varied | None]:
    """Which axis runs across, which up, and which one lies beside itself: the schedule, where there are three."""
    across, *rest = axes
    if len(rest) == 1:
        return across, rest[0], None
    beside = next((axis for axis in rest if axis.name == "repeat_interval"), rest[-1])
    return across, next(axis for axis in rest if axis is not beside), beside


def _panel(beside: Varied | None, value: float | None) -> str:
    if beside is None or value is None:
        return ""
    if beside.name == "repeat_interval":
        return _ONCE if value == 0 else f"again after {value:g} months"
    return f"{label(beside)}: {shown(beside, value)}"


def _cells(ax: Axes, field: np.ndarray, every: np.ndarray) -> None:
    """The number of each cell, dark on light and light on dark."""
    low, high = float(every.min()), float(every.max())
    digits = max(0, 2 - math.floor(math.log10(max(high - low, 1e-3 * max(abs(low), abs(high)), 1e-12))))
    for (row, column), value in np.ndenumerate(field):
        dark = value < low + 0.6 * (high - low)
        said = f"{value:.{digits}f}".replace("-", "−")
        ax.text(column, row, said, ha="center", va="center", fontsize=5.5, color="white" if dark else BLACK)


def _stars(
    ax: Axes, told: Mapping[str, Any], across: Varied, up: Varied, beside: Varied | None, panel: float | None
) -> None:
    for key, marker, size in (("best", "*", 60), ("used", "o", 95)):
        point = (told.get(key) or {}).get("point")
        if point is None or (beside is not None and point[beside.name] != panel):
            continue
        x, y = list(across.values).index(point[across.name]), list(up.values).index(point[up.name])
        face = VERMILION if marker == "*" else "none"
        ax.scatter(x + 0.33, y + 0.3, marker=marker, s=size * 0.6, facecolor=face, edgecolor=BLACK, linewidth=0.8)


def _ticks(ax: Axes, across: Varied, up: Varied, below: bool, left: bool) -> None:
    ax.grid(False)
    ax.set_xticks(range(len(across.values)), [shown(across, v) for v in across.values], rotation=90)
    ax.set_yticks(range(len(up.values)), [shown(up, v) for v in up.values])
    ax.tick_params(length=0)
    if below:
        ax.set_xlabel(label(across))
    if left:
        ax.set_ylabel(label(up))


# ---------------------------------------------------------------------------------------------- along one axis


def curve(table: pd.DataFrame, told: Mapping[str, Any], axes: Sequence[Varied], what: str, unit: str) -> Figure | None:
    """Effect along the first axis with its band, and under it the share of cells that starve; other values as at the
    best point. None where no axis has values in between.
    """
    first = told.get("first")
    if first is None:
        return None
    axis = next(axis for axis in axes if axis.name == first["axis"])
    best = told["best"]["point"]
    part = table[table["point"] != 0]
    for other in axes:
        if other.name != axis.name:
            part = part[part[other.name] == best[other.name]]
    part = part.sort_values(axis.name)
    cells = bool(np.isfinite(part["starved_mean"]).all())
    figure = sheet(5.6, 4.4 if cells else 2.9)
    stack = figure.subplots(2 if cells else 1, 1, sharex=True, squeeze=False, height_ratios=(1.7, 1) if cells else (1,))
    upper = stack[0, 0]
    x = part[axis.name].to_numpy(float) / _scale(axis)
    _banded(upper, x, part, "effect", BLUE)
    upper.axhline(0, color=DARK_GREY, linewidth=0.6)
    upper.set_ylabel(f"treated − untreated,\n{unit}")
    upper.set_title(f"Effect on {what}{_held(axes, axis, best)}", loc="left")
    top = {word: value / _scale(axis) for word, value in first["top"].items()}
    across = upper.get_xaxis_transform()
    upper.plot([top["low"], top["high"]], [0.03, 0.03], color=VERMILION, linewidth=3, transform=across, alpha=0.6,
               solid_capstyle="butt", label="best value, nine of ten draws")  # fmt: skip
    upper.plot(top["middle"], 0.03, "o", color=VERMILION, markersize=4, transform=across)
    written = told["written"]["point"][axis.name] / _scale(axis)
    if x[0] <= written <= x[-1]:
        upper.axvline(written, color=BLACK, linestyle=":", linewidth=0.9, label="as in the case")
    if cells:
        lower = stack[1, 0]
        _banded(lower, x, part, "starved", ORANGE)
        lower.axhline(0.5, color=DARK_GREY, linewidth=0.6)
        lower.set_ylim(0, 1)
        lower.set_ylabel("cells that starve,\nshare of those that stay")
    for ax in stack[:, 0]:
        if axis.law == "log":
            ax.set_xscale("log")
    handles, words = upper.get_legend_handles_labels()
    figure.legend(handles, words, loc="outside lower center", ncols=3, fontsize=6.5)
    last = stack[-1, 0]
    last.set_xticks(x, [shown(axis, v) for v in part[axis.name]])
    last.minorticks_off()
    last.set_xlabel(label(axis))
    return figure


def _banded(ax: Axes, x: np.ndarray, part: pd.DataFrame, name: str, colour: str) -> None:
    ax.fill_between(x, part[f"{name}_low"], part[f"{name}_high"], color=colour, alpha=0.18, linewidth=0,
                    label="nine of ten draws")  # fmt: skip
    ax.plot(x, part[f"{name}_mean"], color=colour, marker="o", markersize=3, label="mean of the draws")
    if f"{name}_used" in part:
        ax.plot(x, part[f"{name}_used"], color=BLACK, linestyle="--", linewidth=1.1, label="used values")


def _held(axes: Sequence[Varied], axis: Varied, best: Mapping[str, float]) -> str:
    said = []
    for other in axes:
        if other.name == "repeat_interval":
            said.append(_panel(other, best[other.name]))
        elif other.name != axis.name:
            said.append(f"{shown(other, best[other.name])} {other.unit if other.unit != '1' else other.words}")
    return f" ({', '.join(said)})" if said else ""


# ---------------------------------------------------------------------------------------------- once or again


def again(rows: Sequence[Mapping[str, Any]], what: str, unit: str) -> Figure | None:
    """What injecting again adds, at each interval: the same dose once more, and the same cells in parts. None where it
    was not asked.
    """
    if not rows:
        return None
    doses = list(dict.fromkeys((row["at"], row["dose"]) for row in rows))
    figure = sheet(1.6 + 2.8 * len(doses), 3.1)
    panels = figure.subplots(1, len(doses), sharey=True, squeeze=False)[0]
    for ax, (words, dose) in zip(panels, doses, strict=True):
        here = [row for row in rows if row["at"] == words]
        every = sorted({row["every"] for row in here})
        for split, colour, marker, aside in ((False, BLUE, "o", -0.1), (True, ORANGE, "s", 0.1)):
            part = [row for row in here if row["split"] is split]
            if not part:
                continue
            x = [every.index(row["every"]) + aside for row in part]
            ax.vlines(x, [r["low"] for r in part], [r["high"] for r in part], color=colour, linewidth=2.2, alpha=0.5)
            said = "the same cells, in equal parts" if split else "the same dose again"
            ax.plot(x, [r["mean"] for r in part], marker, color=colour, markersize=5, label=said)
            for place, row in zip(x, part, strict=True):
                ax.annotate(f"{100 * row['better']:.0f} %", (place, row["high"]), textcoords="offset points",
                            xytext=(0, 3), ha="center", fontsize=6, color=colour)  # fmt: skip
        ax.axhline(0, color=BLACK, linewidth=0.8)
        ax.set_xticks(range(len(every)), [f"{value:g}" for value in every])
        ax.set_xlim(-0.6, len(every) - 0.4)
        ax.margins(y=0.12)
        ax.set_xlabel("again after, months")
        amount = f": {dose / _MILLION:.3g} million" if math.isfinite(dose) and dose >= _MILLION / 100 else ""
        ax.set_title(f"{words}{amount}", loc="left")
        ax.grid(axis="x", visible=False)
    panels[0].set_ylabel(f"more than by one injection,\n{unit}")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=2)
    figure.supxlabel(
        f"{what}; dot: mean, bar: nine of ten draws, figure: share of draws in which it is more", fontsize=6.5
    )
    return figure
