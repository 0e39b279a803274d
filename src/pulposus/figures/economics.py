"""Pictures of an economic evaluation: net benefit beside the reference, the plane, acceptability, what to know more of.

What: each function draws numbers that were judged elsewhere (`economics.Evaluation`); nothing is computed here.
Look: every option has a colour, a sign and its name beside it, so that no meaning hangs on colour alone; ways with
cells are drawn with open signs, since their numbers are a model's and nobody else's.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pulposus.figures.style import (
    BLACK,
    BLUE,
    COLOURS,
    DARK_GREY,
    GREY,
    LINES,
    ORANGE,
    SETTINGS,
    SIGNS,
    save,
    sheet,
)
from pulposus.shown import Evaluated

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOST = len(COLOURS)
_SEEN = 0.03  # share of draws from which an option is worth a line of its own
_DOTS = 250
_BARS = 8
_SIGN = 46  # points squared of the large sign of an option
_SHRINKS = 2.2
_THOUSAND = 1000.0


def write_economics(found: Evaluated, folder: Path) -> list[Path]:
    """Every picture as PNG in `folder`; returns their paths."""
    import matplotlib

    folder.mkdir(parents=True, exist_ok=True)
    pictures: dict[str, Callable[[Evaluated], Figure]] = {
        "net_benefit": net_benefit,
        "plane": plane,
        "acceptability": acceptability,
        "information": information,
    }
    written = []
    for name, draw in pictures.items():
        with matplotlib.rc_context(SETTINGS):
            written.append(save(draw(found), folder / f"{name}.png"))
    return written


def shown(found: Evaluated) -> list[str]:
    """Options that get a colour: those that are ever likely best, and ways with cells, at most eight."""
    likely = found.curve[list(found.names)].max()
    model = found.table[found.table["kind"] != "model"]["option"].tolist()
    order = sorted(found.names, key=lambda name: -likely[name])
    some = [name for name in order if likely[name] >= _SEEN and name not in model]
    kept = [*some[: max(2, _MOST - len(model))], *model]
    for name in order:
        if len(kept) < 2 and name not in kept:
            kept.append(name)
    return kept[:_MOST]


def _short(name: str) -> str:
    return name.replace("_", " ")


def _reference(found: Evaluated) -> str:
    return str(found.table[found.table["ratio"] == "the reference"]["option"].iloc[0])


def net_benefit(found: Evaluated) -> Figure:
    """How much more net benefit than the reference each option has, with nine tenths of draws."""
    table = found.table.iloc[::-1]
    figure = sheet(6.6, 1.2 + 0.24 * len(table))
    ax = figure.subplots()
    cells = (table["kind"] != "model").to_numpy()
    y = np.arange(len(table))
    ax.hlines(y, table["more_benefit_low"] / _THOUSAND, table["more_benefit_high"] / _THOUSAND, color=BLUE, linewidth=1)
    faces = np.where(cells, "white", BLUE)
    ax.scatter(table["more_benefit"] / _THOUSAND, y, s=24, c=list(faces), edgecolors=BLUE, zorder=3)
    ax.axvline(0, color=DARK_GREY, linewidth=0.8)
    ax.set_yticks(y, [_short(name) for name in table["option"]])
    ax.grid(axis="y", visible=False)
    ax.set_xlabel(
        f"net benefit beyond {_short(_reference(found))}, thousand {found.currency} "
        f"at {found.threshold:,.0f} a quality-adjusted year"
    )
    ax.set_title("● mean, line: nine of ten draws   ○ cells: a model's output", fontsize=7.5)
    return figure


def plane(found: Evaluated) -> Figure:
    """Costs against quality-adjusted years beyond the reference, a dot a draw, the mean large; the threshold a line."""
    from matplotlib.collections import PathCollection

    figure = sheet(6.6, 4.2)
    ax = figure.subplots()
    names, base = list(found.names), list(found.names).index(_reference(found))
    cells = dict(zip(found.table["option"], found.table["kind"] != "model", strict=True))
    step = max(1, len(found.costs) // _DOTS)
    drawn = shown(found)
    for i, name in enumerate(drawn):  # the same colours as in the curves
        j = names.index(name)
        if j == base:
            continue
        x = found.qalys[:, j] - found.qalys[:, base]
        y = (found.costs[:, j] - found.costs[:, base]) / _THOUSAND
        colour, sign = COLOURS[i % _MOST], SIGNS[i % _MOST]
        ax.scatter(x[::step], y[::step], s=4, color=colour, alpha=0.25, linewidth=0)
        face = "none" if cells[name] else colour
        label = _short(name)
        # open signs shrink one after the other: those in one place stand inside each other
        size = _SIGN * _SHRINKS ** sum(cells[later] for later in drawn[i + 1 :]) if cells[name] else _SIGN
        ax.scatter(x.mean(), y.mean(), s=size, marker=sign, facecolor=face, edgecolor=colour, zorder=4, label=label)
    ends = np.array(ax.get_xlim())
    ax.autoscale(False)
    ax.plot(ends, ends * found.threshold / _THOUSAND, color=DARK_GREY, linewidth=0.9, linestyle="--")
    ax.axhline(0, color=BLACK, linewidth=0.6)
    ax.axvline(0, color=BLACK, linewidth=0.6)
    ax.set_xlabel(f"quality-adjusted years beyond {_short(_reference(found))}")
    ax.set_ylabel(f"cost beyond it, thousand {found.currency}")
    ax.set_title("below the dashed line an option is worth its cost; ○ open: cells, a model's output", fontsize=7.5)
    for handle in figure.legend(loc="outside right upper").legend_handles:
        if isinstance(handle, PathCollection):
            handle.set_sizes([_SIGN])
    return figure


def acceptability(found: Evaluated) -> Figure:
    """Share of draws in which each option is best, against what a quality-adjusted year is worth."""
    figure = sheet(6.6, 3.6)
    ax = figure.subplots()
    x = found.curve["threshold"] / _THOUSAND
    chosen = shown(found)
    rest = [name for name in found.names if name not in chosen]
    for i, name in enumerate(chosen):
        ax.plot(
            x,
            found.curve[name],
            color=COLOURS[i % _MOST],
            linestyle=LINES[i % len(LINES)],
            marker=SIGNS[i % _MOST],
            markevery=(i, 6),
            markersize=4,
            label=_short(name),
        )
    if rest:
        ax.plot(x, found.curve[rest].sum(axis=1), color=GREY, linewidth=2.2, label=f"the other {len(rest)} together")
    ax.axvline(found.threshold / _THOUSAND, color=DARK_GREY, linewidth=0.8, linestyle="--")
    ax.set_ylim(0, 1)
    ax.set_xlabel(f"thousand {found.currency} for a quality-adjusted year (dashed: the threshold)")
    ax.set_ylabel("share of draws in which it is best")
    figure.legend(loc="outside right upper")
    return figure


def information(found: Evaluated) -> Figure:
    """What knowing everything would be worth against the threshold, and what some numbers would at it."""
    figure = sheet(6.6, 2.9)
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.1))
    left.plot(found.curve["threshold"] / _THOUSAND, found.curve["evpi"], color=BLUE)
    left.axvline(found.threshold / _THOUSAND, color=DARK_GREY, linewidth=0.8, linestyle="--")
    left.set_xlabel(f"thousand {found.currency} for a quality-adjusted year", fontsize=7)
    left.set_ylabel(f"worth of knowing everything,\n{found.currency} a person")
    table = found.worth.head(_BARS).iloc[::-1]
    right.barh(np.arange(len(table)), table["worth"], color=[ORANGE] * (len(table) - 1) + [BLUE], height=0.6)
    right.set_yticks(np.arange(len(table)), [_short(name) for name in table["known"]])
    right.grid(axis="y", visible=False)
    right.set_xlabel(f"{found.currency} a person")
    return figure
