"""Pictures of a run for a paper or a slide: curves, the fate of injected cells, cuts of fields, shares of mechanisms.

What: `write_figures` writes PNG files from the tables and fields of a results folder; nothing is computed here that is
not drawn.
Look: one typeface and size, units on every axis, colours that the colour-blind tell apart (Okabe and Ito), treated
drawn solid and untreated dashed, one colour scale for all cuts of a field. Figures are made without a screen and
without touching the settings of the caller's own plots.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pulposus.figures.style import (
    BLACK,
    BLUE,
    DARK_GREY,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SETTINGS,
    SKY,
    VERMILION,
    YELLOW,
    save,
    sheet,
)
from pulposus.figures.t2_weighted import t2_weighted
from pulposus.figures.tears import structure

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
STYLE = {"treated": {"color": BLUE, "linestyle": "-"}, "untreated": {"color": BLACK, "linestyle": "--"}}

# column of the summary -> title, unit
CURVES = {
    "aggrecan_nucleus_percent": ("Aggrecan, nucleus", "% of start"),
    "water_nucleus_percent": ("Water, nucleus", "% of volume"),
    "height_percent": ("Disc height", "% of start"),
    "native_cells_million": ("Native cells, viable", "million"),
    "injected_cells_million": ("Injected cells, viable", "million"),
    "np_like_cells_million": ("NP-like cells, viable", "million"),
    "glucose_min_mM": ("Glucose, lowest", "mM"),
    "oxygen_min_kPa": ("Oxygen, lowest", "kPa"),
    "ph_min": ("pH, lowest", "pH"),
    "il1b_nucleus": ("IL-1β, nucleus", "relative to healthy"),
    "adamts4_nucleus": ("ADAMTS-4, nucleus", "relative to healthy"),
    "t2_nucleus_ms": ("T2, nucleus", "ms"),
}

# column of the ledger -> words, colour; drawn from the bottom up
FATES = {
    "alive": ("alive", GREEN),
    "differentiated": ("alive as NP-like", YELLOW),
    "lost_from_disc": ("lost from the disc", SKY),
    "starved": ("starved (glucose)", VERMILION),
    "acid": ("killed by acid", PURPLE),
    "immune_cleared": ("cleared by immunity", ORANGE),
    "leaked": ("leaked at injection", GREY),
}

# field -> colour map; every map is even in lightness
CUTS = {
    "oxygen": "cividis",
    "glucose": "cividis",
    "lactate": "cividis",
    "ph": "cividis",
    "native_cells": "viridis",
    "injected_cells": "viridis",
    "np_like_cells": "viridis",
    "aggrecan": "viridis",
    "water": "viridis",
    "il1b": "viridis",
}
_INJECTED = ("injected_cells", "np_like_cells")
_SHORT = {
    "oxygen": "Oxygen",
    "glucose": "Glucose",
    "lactate": "Lactate",
    "ph": "pH",
    "native_cells": "Native cells, viable",
    "injected_cells": "Injected cells, viable",
    "np_like_cells": "NP-like cells",
    "aggrecan": "Aggrecan, relative to healthy",
    "water": "Water",
    "il1b": "IL-1β, relative to healthy",
}
# what the ablation looks at -> words, unit
OUTCOMES = {
    "aggrecan": ("Aggrecan, nucleus", "% of start"),
    "water": ("Water, nucleus", "% of volume"),
    "cells": ("Native cells, viable", "million"),
}
_UNITS = {"1e6/mL": "10⁶ / mL", "%": "% of volume", "1": ""}
MONTHS_A_YEAR = 12


def write_figures(
    history: xr.Dataset,
    summary: pd.DataFrame,
    ledger: pd.DataFrame,
    mechanisms: pd.DataFrame | None,
    info: Mapping[str, Any],
    folder: str | Path,
    plans: Mapping[str, Any] | None = None,
    slice_: Path | None = None,
) -> list[Path]:
    """Every figure that this run has something to say in, as PNG in `folder`; returns their paths.

    history, summary, ledger and mechanisms are those of `Results`; ``info["mechanisms_meta"]`` gives mechanisms their
    titles and disputes.
    plans: the torn disc from above, by arm. slice_: the picture that the disc was taken from. A run without injected
    cells has no pictures of them, one without ablation
    no shares.
    """
    figures: dict[str, Callable[[], Figure | None]] = {
        "curves": lambda: curves(summary, ledger),
        "fate_of_cells": lambda: fate_of_cells(ledger),
        "mechanisms": lambda: shares(mechanisms, info.get("mechanisms_meta", [])),
    }
    for arm, plan in (plans or {}).items():
        figures[f"tears_{arm}"] = functools.partial(structure, plan)
    if "scanner" in info:
        treated = bool(ledger is not None and len(ledger))
        figures["t2_weighted"] = lambda: t2_weighted(history, info["scanner"], slice_, treated)
    for name in CUTS:
        if name in history and (name not in _INJECTED or bool((history[name] > 0).any())):
            figures[f"cuts_{name}"] = lambda name=name: cuts(history, name)  # type: ignore[misc]
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    import matplotlib

    for name, draw in figures.items():
        with matplotlib.rc_context(SETTINGS):
            figure = draw()
            if figure is not None:
                written.append(save(figure, folder / f"{name}.png"))
    return written


# ---------------------------------------------------------------------------------------------- over time


def curves(summary: pd.DataFrame, ledger: pd.DataFrame) -> Figure:
    """What changes over the years, treated (solid) against untreated (dashed); triangles mark injections."""
    present = {column for column in CURVES if column in summary and (summary[column] != 0).any()}
    shown = {column: words for column, words in CURVES.items() if column in present}
    columns = 3
    rows = math.ceil(len(shown) / columns)
    figure = sheet(7.2, 1.75 * rows + 0.4)
    axes = figure.subplots(rows, columns, sharex=True, squeeze=False)
    doses = _dose_months(ledger)
    for ax, (column, (title, unit)) in zip(axes.flat, shown.items(), strict=False):
        for arm, style in STYLE.items():
            one = summary[summary["arm"] == arm]
            ax.plot(one["month"] / MONTHS_A_YEAR, one[column], label=arm, **style)
        ax.set_title(title, loc="left")
        ax.set_ylabel(unit)
        _room(ax, summary[column].to_numpy(float))
        if doses:
            ax.plot(np.array(doses) / MONTHS_A_YEAR, [0] * len(doses), marker="^", color=VERMILION, markersize=4.5,
                    linestyle="none", clip_on=False, transform=ax.get_xaxis_transform(), label="injection")  # fmt: skip
    for ax in axes.flat[len(shown) :]:
        ax.set_visible(False)
    _years(axes[-1], summary["month"].max())
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3)
    return figure


def _years(axes: Sequence[Axes], last: float) -> None:
    for ax in axes:
        ax.set_xlabel("years")
        ax.set_xlim(0, last / MONTHS_A_YEAR)


def _room(ax: Axes, values: np.ndarray) -> None:
    """Limits that do not blow small changes up to cliffs: at least 5 % of the value; zero is kept where it is near."""
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    span = max(high - low, 0.05 * max(abs(low), abs(high)), 1e-9)
    if 0 <= low < 0.35 * span:
        ax.set_ylim(0, 1.08 * span)
    else:
        middle = 0.5 * (low + high)
        ax.set_ylim(middle - 0.58 * span, middle + 0.58 * span)
    ax.ticklabel_format(axis="y", useOffset=False)


def _dose_months(ledger: pd.DataFrame) -> list[float]:
    """Months at which something was injected: doses fall due just after a month was looked at, and show a row later."""
    found: set[float] = set()
    for _, one in ledger.groupby("product") if len(ledger) else ():
        given, months = one["injected_million"].to_numpy(float), one["month"].to_numpy(float)
        before = np.concatenate([[0.0], given[:-1]])
        earlier = np.concatenate([months[:1], months[:-1]])
        found |= {float(month) for month in earlier[given > before]}
    return sorted(found)


# ---------------------------------------------------------------------------------------------- injected cells


def fate_of_cells(ledger: pd.DataFrame) -> Figure | None:
    """Where injected cells and their daughters are: by month for a year, then over the run. None without cells."""
    if not len(ledger) or not (ledger["injected_million"] > 0).any():
        return None
    books = ledger.groupby("month").sum(numeric_only=True)
    books = books[books["injected_million"] > 0]
    seen = 1e-3 * float(books["injected_million"].max())
    fates = {column: words for column, words in FATES.items() if (books[column] > seen).any()}
    figure = sheet(7.2, 3.1)
    early, whole = figure.subplots(1, 2, sharey=True, width_ratios=(1, 1.25))
    first = books[(books.index <= MONTHS_A_YEAR) & (books.index % 1 == 0)]
    if len(first):
        _bars_of_fates(early, first, fates)
    early.set(xlabel="months", ylabel="million cells, cumulative")
    early.set_title("First year", loc="left")
    years = books.index.to_numpy(float) / MONTHS_A_YEAR
    labels, colors = zip(*fates.values(), strict=True)
    whole.stackplot(years, [books[column] for column in fates], colors=colors, labels=labels, linewidth=0)
    whole.plot(years, books["injected_million"], color=BLACK, linewidth=0.9, label="injected")
    whole.set_xlabel("years")
    whole.set_title("Whole run", loc="left")
    if len(years) > 1:
        whole.set_xlim(years[0], years[-1])
    for ax in (early, whole):
        ax.grid(axis="x", visible=False)
    handles, words = whole.get_legend_handles_labels()
    figure.legend(handles[::-1], words[::-1], loc="outside right center", title="treated arm", alignment="left")
    return figure


def _bars_of_fates(ax: Axes, books: pd.DataFrame, fates: Mapping[str, tuple[str, str]]) -> None:
    """One stacked bar a month."""
    months, base = books.index.to_numpy(float), np.zeros(len(books))
    width = 0.82 * (np.diff(months).min() if len(months) > 1 else 1.0)
    for column, (_, color) in fates.items():
        ax.bar(months, books[column], width, bottom=base, color=color, linewidth=0)
        base = base + books[column].to_numpy(float)
    ax.set_xlim(0, MONTHS_A_YEAR + 1)
    ax.set_xticks((1, 2, 3, 4, 6, 8, 10, 12))


# ---------------------------------------------------------------------------------------------- cuts


def cuts(history: xr.Dataset, name: str) -> Figure:
    """Mid-sagittal and mid-transverse cuts of one field, untreated beside treated, three times, one colour scale."""
    times = _cut_times(history, name)
    low, high = _scale(name, history[name].isel(time=times).to_numpy())
    planes = (_Sagittal(history), _Transverse(history))
    deep, wide = (plane.right - plane.left for plane in planes)
    tall = 1.1 * max(plane.top - plane.bottom for plane in planes)
    inches = 6.6 / (2 * (deep + wide))  # a mm on paper
    figure = sheet(7.4, len(times) * inches * tall + 1.15)
    axes = figure.subplots(len(times), 4, squeeze=False, width_ratios=(deep, deep, wide, wide))
    drawn: Any = None
    for row, time in enumerate(times):
        for column in range(4):
            plane, arm = planes[column // 2], ("untreated", "treated")[column % 2]
            ax, at = axes[row, column], history.sel(arm=arm).isel(time=time)
            drawn = ax.pcolormesh(
                *plane.cut(at, name), cmap=CUTS[name], vmin=low, vmax=high, shading="gouraud", rasterized=True
            )
            for line in plane.borders(at):
                ax.plot(*line, color="white", linewidth=0.7, alpha=0.9)
            _bare(ax, plane, tall)
            if row == 0:
                ax.set_title(f"{plane.words}\n{arm}")
        _row_title(axes[row, 0], float(history["month"][time]))
    for column in (0, 2):
        _sides(axes[-1, column], planes[column // 2])
    _scale_bar(axes[-1, 1], planes[0])
    unit = history[name].attrs.get("units", "1")
    label = ", ".join(part for part in (_SHORT[name], _UNITS.get(unit, unit)) if part)
    bar = figure.colorbar(drawn, ax=axes.ravel().tolist(), location="bottom", aspect=60, shrink=0.6, label=label)
    bar.outline.set_linewidth(0.4)
    return figure


def _cut_times(history: xr.Dataset, name: str) -> list[int]:
    """Saved times nearest to start, 12 months and end; injected cells begin with the first time that shows any."""
    months = history["month"].to_numpy()
    first = 0
    if name in _INJECTED:
        present = (history[name].sel(arm="treated") > 0).any(("ring", "sector", "layer")).to_numpy()
        first = int(np.argmax(present))
    year = int(np.argmin(np.abs(months - MONTHS_A_YEAR)))
    return sorted({first, max(year, first), len(months) - 1})


def _scale(name: str, values: np.ndarray) -> tuple[float, float]:
    """One colour scale for all pictures of a field: from zero for injected cells, else the range that occurs."""
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    if name in _INJECTED:
        low, high = 0.0, max(high, 1e-6)
    return low, high if high > low else low + 1.0


def _when(month: float) -> str:
    if month == 0:
        return "start"
    if month < 2 * MONTHS_A_YEAR:
        return f"{month:g} month" + ("s" if month != 1 else "")
    return f"{month / MONTHS_A_YEAR:g} years"


class _Sagittal:
    """The cut through the midline: anterior on the left, up is up, as radiologists look at it."""

    words, sides = "mid-sagittal", ("anterior", "posterior")

    def __init__(self, history: xr.Dataset) -> None:
        self.half = history.sizes["sector"] // 2
        across, up = -self._line(history["y"]), history["z"]
        self.left, self.right = float(across.min()), float(across.max())
        self.bottom, self.top = float(up.min()), float(up.max())

    def _line(self, field: xr.DataArray) -> np.ndarray:
        """Values along the midline from anterior to posterior, (place, layer)."""
        front = field.isel(sector=0).transpose("ring", "layer").to_numpy()
        back = field.isel(sector=self.half).transpose("ring", "layer").to_numpy()
        return np.concatenate([front[:0:-1], back])

    def cut(self, at: xr.Dataset, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Across (mm), up (mm) and the field, each (place, layer)."""
        return -self._line(at["y"]), self._line(at["z"]), self._line(at[name])

    def borders(self, at: xr.Dataset) -> list[tuple[np.ndarray, np.ndarray]]:
        """Lines between tissues: nucleus and annulus, and the cartilage endplates."""
        y, z = -self._line(at["y"]), self._line(at["z"])
        plates, nucleus = _borders(at)
        inner = slice(plates, y.shape[1] - plates)
        middle = at.sizes["ring"] - 1
        lines = [(y[:, layer], z[:, layer]) for layer in (plates, y.shape[1] - 1 - plates)] if plates else []
        return lines + [(y[place, inner], z[place, inner]) for place in (middle - nucleus, middle + nucleus)]


class _Transverse:
    """The cut half way up, from below as radiologists look at it: anterior on top, the person's left on the right."""

    words, sides = "mid-transverse", ("right", "left")

    def __init__(self, history: xr.Dataset) -> None:
        self.layer = history.sizes["layer"] // 2
        x, y = -history["x"].to_numpy(), history["y"].to_numpy()
        self.left, self.right = float(x.min()), float(x.max())
        self.bottom, self.top = float(y.min()), float(y.max())

    def _plane(self, field: xr.DataArray) -> np.ndarray:
        values = field.isel(layer=self.layer).transpose("ring", "sector").to_numpy()
        return np.concatenate([values, values[:, :1]], 1)

    def cut(self, at: xr.Dataset, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Across (mm), up (mm) and the field, each (ring, sector closed)."""
        return -self._plane(at["x"]), self._plane(at["y"]), self._plane(at[name])

    def borders(self, at: xr.Dataset) -> list[tuple[np.ndarray, np.ndarray]]:
        """The line between nucleus and annulus."""
        ring = _borders(at)[1]
        return [(-self._plane(at["x"])[ring], self._plane(at["y"])[ring])]


def _borders(at: xr.Dataset) -> tuple[int, int]:
    """Layers of an endplate, and the ring where the nucleus ends; from the tissue where the history does not say."""
    tissue = at["tissue"].isel(sector=0).transpose("ring", "layer").to_numpy()
    middle = tissue[:, tissue.shape[1] // 2]
    plates = at.attrs.get("endplate_layers", int(np.argmax(tissue[0] != 2)))
    nucleus = at.attrs.get("nucleus_rings", int(np.argmax(middle != 0)))
    return int(plates), int(nucleus)


def _bare(ax: Axes, plane: _Sagittal | _Transverse, tall: float) -> None:
    """No frame, and a mm as long as everywhere else: every window is as high as the highest, as wide as its own."""
    middle = 0.5 * (plane.bottom + plane.top)
    ax.set_aspect("equal")
    ax.set_xlim(plane.left, plane.right)
    ax.set_ylim(middle - 0.5 * tall, middle + 0.5 * tall)
    ax.grid(visible=False)
    ax.set_xticks([])
    ax.set_yticks([])
    for spine in ax.spines.values():
        spine.set_visible(False)


def _row_title(ax: Axes, month: float) -> None:
    ax.annotate(
        _when(month), (-0.12, 0.5), xycoords="axes fraction", rotation=90, ha="center", va="center", fontweight="bold"
    )


def _sides(ax: Axes, plane: _Sagittal | _Transverse) -> None:
    """What lies to the left and to the right of a picture."""
    below = {"xytext": (0, -3), "textcoords": "offset points", "va": "top", "fontsize": 6.5, "color": DARK_GREY}
    for across, words, side in zip((plane.left, plane.right), plane.sides, ("left", "right"), strict=True):
        ax.annotate(words, (across, plane.bottom), ha=side, annotation_clip=False, **below)  # type: ignore[arg-type]


def _scale_bar(ax: Axes, plane: _Sagittal | _Transverse, length: float = 10.0) -> None:
    """A bar of 10 mm under a picture."""
    middle, below = 0.5 * (plane.left + plane.right), plane.bottom - 1.5
    ax.plot([middle - length / 2, middle + length / 2], [below, below], color=BLACK, linewidth=1.2, clip_on=False)
    ax.annotate(f"{length:g} mm", (middle, below), (0, -2), textcoords="offset points", ha="center", va="top",
                fontsize=6.5, annotation_clip=False)  # fmt: skip


# ---------------------------------------------------------------------------------------------- mechanisms


def shares(mechanisms: pd.DataFrame | None, meta: Sequence[Mapping[str, Any]]) -> Figure | None:
    """Each mechanism's share of what all of them add to aggrecan, water and cells; disputed ones hatched.

    Above each panel stands what that whole is, so that a large share of next to nothing is seen as such.
    None without an ablation.
    """
    if mechanisms is None or not len(mechanisms):
        return None
    alone = mechanisms[mechanisms["run"].astype(str).str.startswith("only ")].set_index("mechanism")
    shown = {outcome: words for outcome, words in OUTCOMES.items() if alone[f"share_{outcome}"].notna().any()}
    if not shown:
        return None
    known = {str(one["name"]): one for one in meta}
    alone = alone.sort_values(f"share_{next(iter(shown))}", na_position="first")
    names = [str(name) for name in alone.index]
    titles = [str(known.get(name, {}).get("title", name.replace("_", " "))) for name in names]
    disputed = [bool(known.get(name, {}).get("disputed")) for name in names]
    figure = sheet(7.2, 0.26 * len(alone) + 1.1)
    axes = figure.subplots(1, len(shown), sharey=True, squeeze=False)[0]
    for ax, (outcome, (words, unit)) in zip(axes, shown.items(), strict=True):
        _bars_of_shares(ax, titles, 100 * alone[f"share_{outcome}"].to_numpy(float), disputed)
        ax.set_title(f"{words}{_whole(mechanisms, outcome, unit)}", loc="left")
    _legend_of_shares(figure)
    return figure


def _whole(mechanisms: pd.DataFrame, outcome: str, unit: str) -> str:
    """What all mechanisms add to none of them, as a second line of a title; nothing where the table does not say."""
    if f"effect_{outcome}" not in mechanisms:
        return ""
    effect = mechanisms.set_index("run")[f"effect_{outcome}"]
    return f"\nall together {effect['all'] - effect['none']:+.2g} {unit}".replace("-", "\N{MINUS SIGN}")


def _bars_of_shares(ax: Axes, titles: Sequence[str], percent: np.ndarray, disputed: Sequence[bool]) -> None:
    bars = ax.barh(titles, percent, color=BLUE, height=0.66)
    for bar, doubt, value in zip(bars, disputed, percent, strict=True):
        if doubt:
            bar.set(facecolor="white", edgecolor=VERMILION, hatch="////", linewidth=0.8)
        if np.isfinite(value):
            side = 1 if value >= 0 else -1
            ax.annotate(
                f"{value:.0f}".replace("-0", "0").replace("-", "\N{MINUS SIGN}"),
                (value, bar.get_y() + bar.get_height() / 2),
                (3 * side, 0),
                textcoords="offset points",
                va="center",
                ha="left" if side > 0 else "right",
                fontsize=6.5,
            )
    ax.axvline(0, color=BLACK, linewidth=0.6)
    ax.set_xlabel("share, %")
    ax.grid(axis="y", visible=False)
    ax.margins(x=0.16)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)


def _legend_of_shares(figure: Figure) -> None:
    from matplotlib.patches import Patch

    plain = Patch(facecolor=BLUE, label="mechanism")
    doubted = Patch(facecolor="white", edgecolor=VERMILION, hatch="////", label="disputed in the field")
    figure.legend(handles=[plain, doubted], loc="outside upper right", ncols=2)
