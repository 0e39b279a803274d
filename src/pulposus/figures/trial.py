"""Pictures of a trial: power over size beside trials that were run, curves of arms, a forest of subgroups.

What: each function draws tables that were reckoned elsewhere; nothing is computed here.
Look: points are simulated trials with nine-tenths bars of Monte-Carlo error, lines what the draws of the law make of
it, diamonds what was printed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Any

import numpy as np

from pulposus.figures.style import BLACK, BLUE, COLOURS, DARK_GREY, GREY, ORANGE, SETTINGS, SIGNS, save, sheet

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

_WIDE = 1.645  # maths: standard deviations of a normal on either side of nine tenths
_NOTE = 72  # letters of a note in the forest
_BINS = 24  # bars of a histogram
_ROOM = 0.03  # below a share of 0 and above one of 1, so that no sign is cut
_GOALS = (0.8, 0.9)
_NO_ARMS = ("trial", "p", "difference", "difference, median unbiased", "shown", "none", "estimates")


def write_power(path: Path, tables: Mapping[str, pd.DataFrame], name: str, what: str, share: bool) -> Path:
    """The picture of `trials.study`: power over size, and what arms of many trials come to beside what was printed."""
    import matplotlib

    with matplotlib.rc_context(SETTINGS):
        figure = sheet(8.0, 3.6)
        left, right = figure.subplots(1, 2)
        _over_size(left, tables)
        _arms(right, tables, what, share)
        figure.suptitle(name, fontsize=10)
        return save(figure, path)


def _over_size(axes: Axes, tables: Mapping[str, pd.DataFrame]) -> None:
    curve, rows = tables["assurance"], tables["power"]
    for goal in _GOALS:
        axes.axhline(goal, color=GREY, lw=0.8, ls=":")
    if len(curve):
        axes.plot(curve["size"], curve["assurance"], color=BLUE, label="over the draws (assurance)")
        low, high = (curve["assurance"] + sign * _WIDE * curve["assurance_bank_error"] for sign in (-1, 1))
        axes.fill_between(curve["size"], low, high, color=BLUE, alpha=0.2, lw=0)
        axes.plot(curve["size"], curve["at_median_draw"], color=ORANGE, ls="--", label="at the median draw")
    looks = (
        ("own effect", "better", BLUE, "o", 4),
        ("median draw", "better", ORANGE, "s", 7),  # open, so that the other is seen inside
        ("no effect", "shown", BLACK, "x", 4),
    )
    for what, column, colour, mark, size in looks:
        some = rows[(rows["what"] == what) & (rows["enriched"] == rows["enriched"].iloc[0])]
        if len(some):
            label = "no effect: type-I error" if what == "no effect" else f"simulated, {what}"
            bars = _WIDE * some[f"{column}_error"]
            look: dict[str, Any] = {"fmt": mark, "ms": size, "color": colour, "mfc": "none" if mark == "s" else colour}
            axes.errorbar(some["size"], some[column], bars, lw=1, label=label, **look)
    axes.set_xscale("log")
    axes.set_ylim(-_ROOM, 1 + _ROOM)
    axes.set_xlabel("persons in all arms")
    axes.set_ylabel("share of trials that show it")
    axes.set_title("Power over size", loc="left")
    axes.legend(loc="upper left", frameon=True, framealpha=0.9, edgecolor="none")


def _arms(axes: Axes, tables: Mapping[str, pd.DataFrame], what: str, share: bool) -> None:
    """Distribution of each arm's value over trials, and what was printed."""
    each, printed = tables["trials"], tables["published"]
    arms = [name for name in each.columns if name not in _NO_ARMS]
    factor = 100 if share else 1
    for place, name in enumerate(arms):
        values = factor * each[name].dropna().to_numpy(float)
        if values.size < 2:
            continue
        colour = COLOURS[place % len(COLOURS)]
        low, middle, high = np.quantile(values, (0.05, 0.5, 0.95))
        counts, edges = np.histogram(values, _BINS)
        wide, left = 0.8 * counts / counts.max(), place - 0.4
        axes.barh(edges[:-1], wide, np.diff(edges), left=left, align="edge", color=colour, alpha=0.35)
        axes.plot([place - 0.42] * 2, [low, high], color=colour, lw=2.5)
        axes.plot(place - 0.42, middle, "o", color=colour, ms=5)
        if len(printed) and (printed["arm"] == name).any():
            row = printed[printed["arm"] == name].iloc[0]
            # a printed change stands as far from our mean as it is from our mean change
            value = float(values.mean()) + factor * float(row["published"] - row["ours"])
            axes.plot(place - 0.25, value, "D", ms=7, mfc="white", mec=BLACK, zorder=5)
            said = f"printed {factor * row['published']:.0f}{'' if share else ' (change)'}".replace("-", "−")
            axes.annotate(said, (place - 0.17, value), va="center", fontsize=8)
    axes.set_xticks(range(len(arms)), arms)
    axes.set_xlim(-0.6, len(arms) - 0.4)
    axes.set_ylabel(f"{what}, %" if share else what)
    looked = f",\n{each['estimates'].iloc[0]}" if "estimates" in each else ""
    axes.set_title(f"Arms of simulated trials; bar: nine tenths{looked}", loc="left")


# ---------------------------------------------------------------------------------------------- one trial


def write_curves(path: Path, curves: pd.DataFrame, titles: Mapping[str, str], arms: Sequence[str]) -> Path | None:
    """Means or shares of every endpoint at visits, by arm, with 95 % intervals; None where there is nothing."""
    import matplotlib

    names = [name for name in titles if (curves["endpoint"] == name).any()]
    if not names:
        return None
    with matplotlib.rc_context(SETTINGS):
        across = min(3, len(names))
        down = -(-len(names) // across)
        figure = sheet(2.9 * across, 2.4 * down + 0.3)
        panels = np.atleast_1d(figure.subplots(down, across, squeeze=False)).ravel()
        for axes, name in zip(panels, names, strict=False):
            _curve(axes, curves[curves["endpoint"] == name], arms, titles[name])
        for axes in panels[len(names) :]:
            axes.set_visible(False)
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=len(arms))
        return save(figure, path)


def _curve(axes: Axes, rows: pd.DataFrame, arms: Sequence[str], title: str) -> None:
    months = np.sort(rows["month"].unique())
    step = 0.012 * float(months.max() or 1.0)
    for place, arm in enumerate(arms):
        own = rows[rows["arm"] == arm].sort_values("month")
        if not len(own):
            continue
        aside = step * (place - (len(arms) - 1) / 2)
        bars = np.abs(np.stack([own["value"] - own["low"], own["high"] - own["value"]]))
        look: dict[str, Any] = {"color": COLOURS[place % len(COLOURS)], "marker": SIGNS[place % len(SIGNS)], "ms": 4}
        axes.errorbar(own["month"] + aside, own["value"], bars, lw=1.2, elinewidth=0.8, label=arm, **look)
    axes.set_title(title, loc="left")
    axes.set_xlabel("months")
    axes.set_xticks(months)


def write_forest(path: Path, rows: Sequence[Mapping[str, Any]], label: str, null: float = 0.0) -> Path | None:
    """Differences with their intervals, of everybody in an arm (whole) and of subgroups; rows: words, value, low, high,
    persons, whole, and a note that stands in place of what could not be analysed.

    None where no row has a number.
    """
    import matplotlib

    if not any(np.isfinite(row["value"]) for row in rows):
        return None
    most = max(sum(row["persons"]) for row in rows)
    with matplotlib.rc_context(SETTINGS):
        figure = sheet(6.4, 0.27 * len(rows) + 0.9)
        axes = figure.subplots()
        axes.axvline(null, color=DARK_GREY, lw=0.8)
        for place, row in enumerate(rows):
            if not np.isfinite(row["value"]):
                told = shorten(row["note"], _NOTE, placeholder=" ...")
                box: dict[str, Any] = {"facecolor": "white", "edgecolor": "none", "pad": 1}
                where = axes.get_yaxis_transform()
                axes.text(0.02, place, told, va="center", fontsize=7, color=DARK_GREY, transform=where, bbox=box)
                continue
            colour = BLACK if row["whole"] else BLUE
            axes.plot([row["low"], row["high"]], [place] * 2, color=colour, lw=1.4)
            size = 4 + 5 * (sum(row["persons"]) / most) ** 0.5
            axes.plot(row["value"], place, "D" if row["whole"] else "s", color=colour, ms=size)
        axes.set_yticks(range(len(rows)), [row["words"] for row in rows])
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.grid(axis="y", visible=False)
        axes.set_xlabel(label)
        return save(figure, path)

