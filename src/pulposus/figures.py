"""Pictures of a run for a paper or a slide: curves, the fate of injected cells, cuts of fields, shares of mechanisms.

What: `write_figures` writes PNG files from the tables and fields of a results folder; nothing is computed here that is not drawn.
Look: one typeface and size, units on every axis, colours that the colour-blind tell apart (Okabe and Ito), treated drawn solid and untreated dashed,
one colour scale for all cuts of a field. Figures are made without a screen and without touching the settings of the caller's own plots.
Source of the palette: Okabe M, Ito K (2008), Color Universal Design.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLACK, ORANGE, SKY, GREEN, YELLOW, BLUE, VERMILION, PURPLE = (
    "#000000", "#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7",
)  # fmt: skip
GREY = "#8a8a8a"
STYLE = {"treated": {"color": BLUE, "linestyle": "-"}, "untreated": {"color": BLACK, "linestyle": "--"}}
DPI = 200
_SETTINGS: dict[str, Any] = {
    "font.family": "DejaVu Sans", "font.size": 8, "axes.titlesize": 8, "axes.labelsize": 8, "axes.titlelocation": "left",
    "axes.spines.top": False, "axes.spines.right": False, "axes.linewidth": 0.6, "axes.grid": True, "axes.axisbelow": True,
    "grid.color": "#e4e4e4", "grid.linewidth": 0.5, "lines.linewidth": 1.4, "legend.frameon": False, "legend.fontsize": 7.5,
    "xtick.labelsize": 7.5, "ytick.labelsize": 7.5, "xtick.major.width": 0.6, "ytick.major.width": 0.6,
    "xtick.direction": "out", "hatch.linewidth": 0.6, "figure.facecolor": "white", "savefig.facecolor": "white",
}  # fmt: skip

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
    "differentiated": ("became NP-like", YELLOW),
    "leaked": ("leaked at injection", GREY),
    "lost_from_disc": ("lost from the disc", SKY),
    "starved": ("starved (glucose)", VERMILION),
    "acid": ("killed by acid", PURPLE),
    "immune_cleared": ("cleared by immunity", ORANGE),
}

# field -> colour map; every map is even in lightness
CUTS = {
    "oxygen": "cividis",
    "glucose": "cividis",
    "lactate": "cividis",
    "ph": "cividis_r",
    "native_cells": "viridis",
    "injected_cells": "viridis",
    "np_like_cells": "viridis",
    "aggrecan": "viridis",
    "water": "viridis",
    "il1b": "viridis",
}
_INJECTED = ("injected_cells", "np_like_cells")
_SHORT = {"oxygen": "Oxygen", "glucose": "Glucose", "lactate": "Lactate", "ph": "pH", "native_cells": "Native cells, viable",
          "injected_cells": "Injected cells, viable", "np_like_cells": "NP-like cells", "aggrecan": "Aggrecan, relative to healthy",
          "water": "Water", "il1b": "IL-1β, relative to healthy"}  # fmt: skip
_UNITS = {"1e6/mL": "10⁶ / mL", "%": "% of volume", "1": ""}
MONTHS_A_YEAR = 12


def write_figures(
    history: xr.Dataset,
    summary: pd.DataFrame,
    ledger: pd.DataFrame,
    mechanisms: pd.DataFrame | None,
    info: Mapping[str, Any],
    folder: str | Path,
) -> list[Path]:
    """Every figure that this run has something to say in, as PNG in `folder`; returns their paths.

    history, summary, ledger and mechanisms are those of `Results`; ``info["mechanisms_meta"]`` gives mechanisms their titles and disputes.
    A run without injected cells has no fate of them, one without ablation no shares.
    """
    figures: dict[str, Callable[[], Figure | None]] = {
        "curves": lambda: curves(summary, ledger),
        "fate_of_cells": lambda: fate_of_cells(ledger),
        "mechanisms": lambda: shares(mechanisms, info.get("mechanisms_meta", [])),
    }
    for name in CUTS:
        if name in history:
            figures[f"cuts_{name}"] = lambda name=name: cuts(history, name)  # type: ignore[misc]
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    import matplotlib

    for name, draw in figures.items():
        with matplotlib.rc_context(_SETTINGS):
            figure = draw()
            if figure is not None:
                written.append(_save(figure, folder / f"{name}.png"))
    return written


def _save(figure: Figure, path: Path) -> Path:
    """Write beside the place, then move there in one step, so that a picture is whole or absent."""
    fresh = path.with_name(f".{path.name}.part")
    try:
        figure.savefig(fresh, format="png", dpi=DPI)
        os.replace(fresh, path)
    finally:
        fresh.unlink(missing_ok=True)
    return path


def _figure(width: float, height: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


# ---------------------------------------------------------------------------------------------- over time


def curves(summary: pd.DataFrame, ledger: pd.DataFrame) -> Figure:
    """What changes over the years, treated (solid) against untreated (dashed); triangles mark injections."""
    shown = {column: words for column, words in CURVES.items() if column in summary}
    columns = 3
    rows = math.ceil(len(shown) / columns)
    figure = _figure(7.2, 1.75 * rows + 0.4)
    axes = figure.subplots(rows, columns, sharex=True, squeeze=False)
    doses = _dose_months(ledger)
    for ax, (column, (title, unit)) in zip(axes.flat, shown.items(), strict=False):
        for arm, style in STYLE.items():
            one = summary[summary["arm"] == arm]
            ax.plot(one["month"] / MONTHS_A_YEAR, one[column], label=arm, **style)  # type: ignore[arg-type]
        ax.set_title(title)
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
    """Limits that neither blow rounding up to a cliff nor cut a curve: at least 1 % of the value, 0 kept where it is near."""
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    span = max(high - low, 0.01 * max(abs(low), abs(high)), 1e-9)
    bottom = 0.0 if 0 <= low < 0.35 * span else low - 0.08 * span
    ax.set_ylim(bottom, high + 0.08 * span)
    ax.ticklabel_format(axis="y", useOffset=False)


def _dose_months(ledger: pd.DataFrame) -> list[float]:
    """Months at which something was injected. Doses fall due just after a month was looked at, so they show one row later."""
    found: set[float] = set()
    for _, one in ledger.groupby("product") if len(ledger) else ():
        given, months = one["injected_million"].to_numpy(float), one["month"].to_numpy(float)
        before = np.concatenate([[0.0], given[:-1]])
        earlier = np.concatenate([months[:1], months[:-1]])
        found |= {float(month) for month in earlier[given > before]}
    return sorted(found)


# ---------------------------------------------------------------------------------------------- injected cells


def fate_of_cells(ledger: pd.DataFrame) -> Figure | None:
    """Where injected cells and their daughters are: month by month in the first year, then over the whole run. None without cells."""
    if not len(ledger) or not (ledger["injected_million"] > 0).any():
        return None
    books = ledger.groupby("month").sum(numeric_only=True)
    last = float(books.index.max())
    figure = _figure(7.2, 3.1)
    early, whole = figure.subplots(1, 2, sharey=True, width_ratios=(1, 1.25))
    first = books[(books.index <= MONTHS_A_YEAR) & (books["injected_million"] > 0)]
    base, months = np.zeros(len(first)), first.index.to_numpy(float)
    width = 0.82 * (np.diff(months).min() if len(months) > 1 else 1.0)
    for column, (_, color) in FATES.items():
        early.bar(months, first[column], width, bottom=base, color=color, linewidth=0)
        base = base + first[column].to_numpy()
    after = books[books["injected_million"] > 0]
    layers = [after[column].to_numpy(float) for column in FATES]
    colors, labels = [color for _, color in FATES.values()], [words for words, _ in FATES.values()]
    whole.stackplot(after.index / MONTHS_A_YEAR, layers, colors=colors, labels=labels, linewidth=0)
    whole.plot(after.index / MONTHS_A_YEAR, after["injected_million"], color=BLACK, linewidth=0.9, label="injected")
    early.set_xlabel("months")
    early.set_ylabel("million cells, cumulative")
    early.set_title("First year")
    early.set_xlim(0.4 * width, min(MONTHS_A_YEAR, last) + 0.6)
    early.set_xticks([month for month in (1, 2, 3, 4, 6, 8, 10, 12) if month <= last])
    whole.set_title("Whole run")
    whole.set_xlim(float(after.index[0]) / MONTHS_A_YEAR, last / MONTHS_A_YEAR)
    whole.set_xlabel("years")
    for ax in (early, whole):
        ax.grid(axis="x", visible=False)
        ax.set_axisbelow(True)
    handles, words = whole.get_legend_handles_labels()
    figure.legend(handles[::-1], words[::-1], loc="outside right center", title="treated arm", alignment="left")
    return figure


# ---------------------------------------------------------------------------------------------- cuts


def cuts(history: xr.Dataset, name: str) -> Figure:
    """Mid-sagittal and mid-transverse cuts of one field, untreated beside treated, at three times, on one colour scale."""
    times = _cut_times(history, name)
    values = history[name].isel(time=times)
    low, high = _scale(name, values.to_numpy())
    sagittal, transverse = _Sagittal(history), _Transverse(history)
    wide, deep, tall = transverse.extent, sagittal.width, sagittal.height
    unit = 7.4 / (2 * (deep + wide) + 24)  # inches a mm, such that four pictures and their margins fill the page
    figure = _figure(7.4, len(times) * unit * max(transverse.height, tall) + 0.95)
    axes = figure.subplots(len(times), 4, squeeze=False, width_ratios=(deep, deep, wide, wide))
    drawn = None
    for row, time in enumerate(times):
        for column, (plane, arm) in enumerate(
            (plane, arm) for plane in (sagittal, transverse) for arm in ("untreated", "treated")
        ):
            ax, at = axes[row, column], history.sel(arm=arm).isel(time=time)
            across, up, colour = plane.cut(at, name)
            drawn = ax.pcolormesh(
                across, up, colour, cmap=CUTS[name], vmin=low, vmax=high, shading="gouraud", rasterized=True
            )
            for line in plane.borders(at):
                ax.plot(*line, color="white", linewidth=0.7, alpha=0.9)
            _bare(ax, plane)
            if row == 0:
                ax.set_title(arm, loc="center")
        axes[row, 0].annotate(_when(float(history["month"][time])), (0, 0.5), (-0.32, 0.5), xycoords="axes fraction",
                              rotation=90, ha="center", va="center", fontweight="bold")  # fmt: skip
    assert drawn is not None
    for column, (plane, words) in ((0, (sagittal, "mid-sagittal")), (2, (transverse, "mid-transverse"))):
        _compass(axes[-1, column], plane)
        axes[-1, column].set_xlabel(words, loc="left")
        axes[-1, column + 1].set_xlabel(" ")
    unit_of = history[name].attrs.get("units", "1")
    label = ", ".join(part for part in (_SHORT[name], _UNITS.get(unit_of, unit_of)) if part)
    bar = figure.colorbar(
        drawn, ax=axes.ravel().tolist(), location="bottom", aspect=60, shrink=0.6, pad=0.02, label=label
    )
    bar.outline.set_linewidth(0.4)  # type: ignore[operator]
    return figure


def _cut_times(history: xr.Dataset, name: str) -> list[int]:
    """Saved times nearest to the start, 12 months and the end; for injected cells the first time that shows any in place of the start."""
    months = history["month"].to_numpy()
    first = 0
    if name in _INJECTED:
        present = (history[name].sel(arm="treated") > 0).any(("ring", "sector", "layer")).to_numpy()
        first = int(np.argmax(present))
    year = int(np.argmin(np.abs(months - MONTHS_A_YEAR)))
    return sorted({first, max(year, first), len(months) - 1})


def _scale(name: str, values: np.ndarray) -> tuple[float, float]:
    """One colour scale for all pictures of a field: from zero for amounts that may vanish, else the range that occurs."""
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

    directions = ("anterior", "posterior")

    def __init__(self, history: xr.Dataset) -> None:
        self.half = history.sizes["sector"] // 2
        y = self._line(history["y"])
        z = history["z"]
        self.low, self.high = -float(y.max()), -float(y.min())
        self.bottom, self.top = float(z.min()), float(z.max())
        self.width, self.height = self.high - self.low, self.top - self.bottom

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
    """The cut half way up, seen from below as radiologists look at it: anterior on top, the person's left on the right."""

    directions = ("right", "left")

    def __init__(self, history: xr.Dataset) -> None:
        self.layer = history.sizes["layer"] // 2
        x, y = -history["x"].to_numpy(), history["y"].to_numpy()
        self.low, self.high = float(x.min()), float(x.max())
        self.bottom, self.top = float(y.min()), float(y.max())
        self.extent, self.height = self.high - self.low, self.top - self.bottom

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
    """Layers of an endplate, and the ring on which the nucleus ends; read from the tissue where the history does not say."""
    tissue = at["tissue"].isel(sector=0).transpose("ring", "layer").to_numpy()
    middle = tissue[:, tissue.shape[1] // 2]
    plates = at.attrs.get("endplate_layers", int(np.argmax(tissue[0] != 2)))
    nucleus = at.attrs.get("nucleus_rings", int(np.argmax(middle != 0)))
    return int(plates), int(nucleus)


def _bare(ax: Axes, plane: _Sagittal | _Transverse) -> None:
    """No frame, equal scales, the same window in every row."""
    margin = 0.6
    ax.set_aspect("equal")
    ax.set_xlim(plane.low - margin, plane.high + margin)
    ax.set_ylim(plane.bottom - margin, plane.top + margin)
    ax.grid(visible=False)
    ax.set_xticks([])
    ax.set_yticks([])
    for spine in ax.spines.values():
        spine.set_visible(False)


def _compass(ax: Axes, plane: _Sagittal | _Transverse) -> None:
    """A bar of 10 mm, and the names of the two sides."""
    below = -0.04
    for place, words, side in ((0.0, plane.directions[0], "left"), (1.0, plane.directions[1], "right")):
        ax.annotate(words, (place, below), xycoords="axes fraction", ha=side, va="top", fontsize=6.5, color="#555555")


# ---------------------------------------------------------------------------------------------- mechanisms


def shares(mechanisms: pd.DataFrame | None, meta: Sequence[Mapping[str, Any]]) -> Figure | None:
    """Each mechanism's share of what the treatment does to aggrecan, water and cells; disputed ones hatched. None without an ablation."""
    if mechanisms is None or not len(mechanisms):
        return None
    alone = mechanisms[mechanisms["run"].astype(str).str.startswith("only ")].set_index("mechanism")
    outcomes = {
        "share_aggrecan": "Aggrecan, nucleus",
        "share_water": "Water, nucleus",
        "share_cells": "Native cells, viable",
    }
    shown = {column: words for column, words in outcomes.items() if alone[column].notna().any()}
    if not shown:
        return None
    known = {str(one["name"]): one for one in meta}
    alone = alone.sort_values(next(iter(shown)), na_position="first")
    titles = [str(known.get(str(name), {}).get("title", str(name).replace("_", " "))) for name in alone.index]
    disputed = [bool(known.get(str(name), {}).get("disputed")) for name in alone.index]
    figure = _figure(7.2, 0.26 * len(alone) + 1.0)
    axes = figure.subplots(1, len(shown), sharey=True, squeeze=False)[0]
    for ax, (column, words) in zip(axes, shown.items(), strict=True):
        percent = 100 * alone[column].to_numpy(float)
        bars = ax.barh(titles, percent, color=BLUE, height=0.66)
        for bar, doubt, value in zip(bars, disputed, percent, strict=True):
            if doubt:
                bar.set(facecolor="white", edgecolor=VERMILION, hatch="////", linewidth=0.8)
            if np.isfinite(value):
                ax.annotate(f"{value:.0f}" if abs(value) >= 1 or value == 0 else f"{value:.1f}", (value, bar.get_y() + bar.get_height() / 2),
                            (3 if value >= 0 else -3, 0), textcoords="offset points", va="center", fontsize=6.5,
                            ha="left" if value >= 0 else "right")  # fmt: skip
        ax.axvline(0, color=BLACK, linewidth=0.6)
        ax.set_title(words)
        ax.set_xlabel("share of the effect, %")
        ax.grid(axis="y", visible=False)
        ax.margins(x=0.16)
        ax.tick_params(axis="y", length=0)
    _legend_of_shares(figure)
    return figure


def _legend_of_shares(figure: Figure) -> None:
    from matplotlib.patches import Patch

    plain = Patch(facecolor=BLUE, label="mechanism")
    doubted = Patch(facecolor="white", edgecolor=VERMILION, hatch="////", label="disputed in the field")
    figure.legend(handles=[plain, doubted], loc="outside upper right", ncols=2)
