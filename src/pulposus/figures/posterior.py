"""Pictures of a calibration: how far each number was known before and is known now, and how model and rows agree.

What: each function draws the tables of a fit; nothing is computed here.
Look: grey what was allowed before, blue what is known now; hollow where the rows say nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pulposus.figures.style import BLACK, BLUE, DARK_GREY, GREY, ORANGE, SETTINGS, VERMILION, save, sheet

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

_PER_CENT = 100
_AGES = (5, 90)  # years that are drawn


def write_posterior(numbers: pd.DataFrame, rows: pd.DataFrame, folder: Path) -> list[Path]:
    """Both pictures as PNG in `folder`; tables as `uncertainty.calibration.Fit` has them."""
    import matplotlib

    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, draw, table in (("posterior", posterior, numbers), ("rows", agreement, rows)):
        with matplotlib.rc_context(SETTINGS):
            written.append(save(draw(table), folder / f"{name}.png"))
    return written


def write_fissures(number: pd.DataFrame, rows: pd.DataFrame, folder: Path) -> Path:
    """People with a fissure by age as PNG in `folder`; tables as `uncertainty.tearing.Tears` has them."""
    import matplotlib

    folder.mkdir(parents=True, exist_ok=True)
    with matplotlib.rc_context(SETTINGS):
        return save(fissures(number.iloc[0].to_dict(), rows), folder / "fissures.png")


def fissures(number: Mapping[Any, Any], rows: pd.DataFrame) -> Figure:
    """The share of people torn by an age under the fitted life, and the calibration rows with their bands."""
    import numpy as np
    from scipy.stats import norm

    figure = sheet(4.2, 2.8)
    ax = figure.subplots()
    ages = np.linspace(*_AGES, 200)
    along = np.log(ages / number["median_life_years"]) / number["spread_of_log_life"]
    ax.plot(ages, _PER_CENT * norm.cdf(along), color=BLUE)
    for row in rows.to_dict("records"):
        ax.plot([row["age"]] * 2, [row["low"], row["high"]], color=GREY, linewidth=4, solid_capstyle="round", zorder=1)
        ax.plot(row["age"], row["published"], "D", color="white", markeredgecolor=BLACK, markersize=5)
    ax.set_xlabel("age, years")
    ax.set_ylabel("people with an annular fissure, %")
    ax.set_ylim(0, None)
    ax.set_title(f"Fibres fail at {number['value']:.3g} ({number['low']:.3g} to {number['high']:.3g})", loc="left")
    return figure


def posterior(numbers: pd.DataFrame) -> Figure:
    """Nine tenths of what was allowed and of what is known, of every number, within its range."""
    figure = sheet(7.2, 1.0 + 0.27 * len(numbers))
    ax = figure.subplots()
    for place, row in enumerate(numbers.to_dict("records")):
        y = len(numbers) - 1 - place
        ax.barh(y, _share(row, "prior_high") - _share(row, "prior_low"), 0.62, _share(row, "prior_low"), color=GREY)
        said = row["kind"] == "fitted"
        ends = ("low", "high") if said else ("prior_low", "prior_high")
        left, right = (_share(row, end) for end in ends)
        colour = VERMILION if row["edge"] else BLUE
        ax.barh(y, right - left, 0.3, left, color=colour if said else "none", edgecolor=colour if said else DARK_GREY)
        ax.plot(_share(row, "value"), y, "o", color=BLACK if said else "white", markeredgecolor=BLACK, markersize=3.5)
        unit = "" if row["unit"] == "1" else f" {row['unit']}"
        known = f"{row['value']:.3g}{unit} ({row['low']:.3g} to {row['high']:.3g})" if said else "not informed"
        ax.text(1.03, y, f"{_PER_CENT * row['informed']:.0f} %", va="center", fontsize=6.5)
        ax.text(1.12, y, known, va="center", fontsize=6.5)
    ax.set_yticks(range(len(numbers)), [_name(n) for n in reversed(list(numbers["name"]))])
    ax.set_xlim(0, 1)
    ax.set_ylim(-0.7, len(numbers) + 0.3)
    ax.set_xticks((0, 0.5, 1), ["low end", "middle", "high end of the range"])
    ax.grid(axis="y", visible=False)
    ax.text(1.03, len(numbers) - 0.3, "informed, fitted (nine tenths)", fontsize=6.5, fontweight="bold")
    ax.set_title("Grey: allowed before; blue: known after; hollow: the rows say nothing; red: at an edge", loc="left")
    return figure


def _share(row: Mapping[Any, Any], word: str) -> float:
    """Where a value lies between the ends of the prior's range, on its law."""
    low, high, value = float(row["range_low"]), float(row["range_high"]), float(row[word])
    if row["law"] == "log-uniform":
        return math.log(max(value, low) / low) / math.log(high / low)
    return (value - low) / (high - low)


def _name(name: str) -> str:
    return name.removeprefix("product ").removeprefix("site ").removeprefix("carrier ").replace("_", " ")


def agreement(rows: pd.DataFrame) -> Figure:
    """Every calibration row: its band, the model with the values in use before, and the model after the fit."""
    figure = sheet(7.2, 0.9 + 0.42 * len(rows))
    ax = figure.subplots()
    most = 1.0
    for place, row in enumerate(rows.to_dict("records")):
        y = len(rows) - 1 - place
        before, after = (_errors(row, float(row[word])) for word in ("before", "after"))
        ax.barh(y, 2, 0.5, -1, color=GREY)
        ax.plot(before, y, "D", markerfacecolor="white", markeredgecolor=ORANGE, markersize=5)
        ax.plot(after, y, "o", color=BLUE, markersize=5)
        said = f"{row['after']:.3g}, published {row['published']:.3g}"
        unit = "" if row["unit"] == "1" else f" {row['unit']}"
        ax.text(1.02, y, said + unit, va="center", fontsize=6.5, transform=ax.get_yaxis_transform())
        most = max(most, abs(before), abs(after))
    ax.axvline(0, color=DARK_GREY, linewidth=0.7)
    ax.set_xlim(-1.1 * most - 0.2, 1.1 * most + 0.2)
    ax.set_yticks(range(len(rows)), list(reversed(list(rows["row"]))))
    ax.set_ylim(-0.7, len(rows) - 0.3)
    ax.set_xlabel("model less published, in half-widths of the band (grey)")
    ax.set_title("Hollow: with the values in use before; full: fitted", loc="left")
    ax.grid(axis="y", visible=False)
    return figure


def _errors(row: Mapping[Any, Any], value: float) -> float:
    low, high, published = float(row["low"]), float(row["high"]), float(row["published"])
    if row["log"]:
        return math.log(max(value, 1e-300) / published) / (math.log(high / low) / 2)
    return (value - published) / ((high - low) / 2)
