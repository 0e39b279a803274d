"""The page of a search for the best treatment, and the sentences that say what was found.

What: `sentences` puts the judged numbers into words, the optimum first, then how sure it is; `response_page` shows them
with the pictures, which are inside the page, and the table of every point.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pulposus.report.book import page, table
from pulposus.report.pictures import figure
from pulposus.report.sections import escape
from pulposus.shown import Varied

if TYPE_CHECKING:
    import pandas as pd

_PERCENT = 100
_CAPTIONS = {
    "surface": "Mean effect over the draws at every point, and how far nine of ten draws lie apart. A star marks the "
    "best point on average, a ring the best one with the used values.",
    "dose_response": "Effect along the first axis, all else as at the best point, and the share of the cells that stay "
    "in the disc which die of want of glucose or of acid.",
    "second_injection": "What injecting again adds to injecting once, with the numbers of the same draw.",
}

LARGE = 0.5  # of the spread along an axis, above which its curve is a hint
_FEW = 10  # draws below which a band is no more than their extremes


def sentences(told: Mapping[str, Any], axes: Sequence[Varied], what: str, unit: str) -> list[str]:
    """What was found: the optimum, how sure, whether it lies at an edge, starving, repeats, and the case as written."""
    best, n = told["best"], told["draws"]
    nothing = "Nothing that was tried does better than no treatment on average. " if best["effect_mean"] <= 0 else ""
    said = [
        f"{nothing}Most for {what}: {_point(axes, best['point'])}, {_effect(best, unit)}.",
        *_sure(told, axes, n),
    ]
    used = told["used"]
    if used and used["point"] != best["point"]:
        said.append(
            f"With the used values alone: {_point(axes, used['point'])}, {_signed(used['effect_used'])} {unit}."
        )
    written = told["written"]
    said.append(f"As the case is written ({_point(axes, written['point'])}): {_effect(written, unit)}.")
    if n < _FEW:
        said.append(f"From {n} draws, nine of ten is their whole range and a share of draws is a guess; ask for more.")
    if told["failed"]:
        many = "draw" if told["failed"] == 1 else "draws"
        said.append(f"{told['failed']} {many} could not be solved at some point, and count nowhere.")
    return said + _starving(told, axes, n) + _again(told, unit)


def _point(axes: Sequence[Varied], point: Mapping[str, float]) -> str:
    return ", ".join(axis.said(point[axis.name]) for axis in axes)


def _effect(told: Mapping[str, Any], unit: str) -> str:
    used = told.get("effect_used")
    band = f"nine of ten draws {_signed(told['effect_low'])} to {_signed(told['effect_high'])}"
    with_used = f"; with the used values {_signed(used)}" if used is not None else ""
    return f"{_signed(told['effect_mean'])} {unit} against no treatment on average ({band}{with_used})"


def _signed(value: float) -> str:
    return ("+" if value > 0 else "") + figure(value, 2)


def _sure(told: Mapping[str, Any], axes: Sequence[Varied], n: int) -> list[str]:
    said = []
    for axis in axes:
        along = told["axes"][axis.name]
        if along["edge"]:
            end = "upper" if along["edge"] == "high" else "lower"
            said.append(
                f"The best {axis.words} lies at the {end} edge of what was tried: what lies beyond is not known."
            )
        first = told.get("first")
        if first and first["axis"] == axis.name:
            top = first["top"]
            said.append(
                f"Draw by draw the best {axis.words} runs from {axis.said(top['low'])} to {axis.said(top['high'])} "
                f"(nine of ten draws, middle {axis.said(top['middle'])}); at the upper edge in "
                f"{round(along['at_high'] * n)} of {n} draws, at the lower in {round(along['at_low'] * n)}."
            )
            if first["missed"] > LARGE:
                said.append(
                    f"A curve is read between {len(axis.values)} values of {axis.words}, and misses one that it has "
                    f"not seen by {_PERCENT * first['missed']:.0f} % of their spread, where more than "
                    f"{_PERCENT * LARGE:.0f} % is too much: what is said between the values is a hint. Name fewer "
                    "axes, or a narrower range."
                )
            if math.isfinite(first["enough"]) and first["enough"] < 0.95 * top["high"]:
                said.append(f"From {axis.said(first['enough'])} on the mean effect is within 5 % of its best.")
    return said


def _starving(told: Mapping[str, Any], axes: Sequence[Varied], n: int) -> list[str]:
    first = told.get("first")
    if not first or first["axis"] != "dose" or not math.isfinite(told["best"].get("starved_mean", math.nan)):
        return []
    axis = next(axis for axis in axes if axis.name == "dose")

    def words(value: float) -> str:
        return axis.said(value) if math.isfinite(value) else "more than was tried"

    reached = round(first["half_reached"] * n)
    start = f"Cells starve one another: more than half of those that stay die of want from {words(first['half_used'])}"
    return [
        f"{start} on with the used values; over the draws from {words(first['half']['low'])} to "
        f"{words(first['half']['high'])} on, within the range in {reached} of {n}."
    ]


def _again(told: Mapping[str, Any], unit: str) -> list[str]:
    said = []
    rows = told.get("repeats", [])
    for words in dict.fromkeys(row["at"] for row in rows):
        for split in (False, True):
            here = [row for row in rows if row["at"] == words and row["split"] is split]
            if not here:
                continue
            row = max(here, key=lambda r: r["mean"])
            times = "A second injection" if row["parts"] == 2 else f"{row['parts'] - 1} further injections"
            what = f"The same cells in {row['parts']} parts" if split else f"{times} of the same dose"
            said.append(
                f"{what} (at the {words or 'dose of the case'}, {row['every']:g} months apart): "
                f"{_signed(row['mean'])} {unit} on average (nine of ten draws {_signed(row['low'])} to "
                f"{_signed(row['high'])}), more in {_PERCENT * row['better']:.0f} % of the draws."
            )
    return said


def response_page(
    found: pd.DataFrame,
    refined: pd.DataFrame | None,
    said: Sequence[str],
    axes: Sequence[Varied],
    title: str,
    kicker: str,
    pictures: Sequence[Path],
    how: str,
) -> str:
    """The whole page: what was found in sentences, the pictures, where the gradient led, every point, how it was done.

    found: one row a point; refined: one row a gradient, or None; how: runs, draws, mesh and time in a sentence.
    """
    first, *rest = said
    listed = "".join(f"<li>{escape(text)}</li>" for text in rest)
    body = f'<section id="found"><p class="hangs">{escape(first)}</p><ul>{listed}</ul></section>'
    links = [("found", "What was found")]
    for path in pictures:
        name = path.stem
        drawn = base64.b64encode(path.read_bytes()).decode("ascii")
        body += (
            f'<section id="{name}"><h2>{escape(name.replace("_", " ").capitalize())}</h2>'
            f'<img src="data:image/png;base64,{drawn}" alt="{escape(_CAPTIONS[name])}" '
            f'style="max-width:100%;width:{_width(path)}px;background:#fff;border-radius:8px">'
            f"<p>{escape(_CAPTIONS[name])}</p></section>"
        )
        links.append((name, name.replace("_", " ").capitalize()))
    if refined is not None and len(refined):
        heads = [*(axis.words for axis in axes), "effect", *(f"slope: {axis.words}" for axis in axes)]
        slopes = [f"slope_{axis.name}" for axis in axes]
        rows = [
            [*(axis.said(row[axis.name]) for axis in axes), row["effect"], *(row.get(s, "") for s in slopes)]
            for row in refined.to_dict("records")
        ]
        body += (
            '<section id="gradient"><h2>Following the gradient</h2><p>From the best point of the grid with the used '
            "values, uphill by the adjoint gradient. A slope is the effect over the whole range of an axis; none is "
            f"given for what moves in whole steps.</p>{table(heads, rows, 'counts')}</section>"
        )
        links.append(("gradient", "Gradient"))
    body += f'<section id="points"><h2>Every point</h2>{_points(found, axes)}<p>{escape(how)}</p></section>'
    links.append(("points", "Every point"))
    return page(title, kicker, body, links)


def _width(path: Path) -> int:
    """Pixels of a picture on the page, half of those in the file (bytes 16 to 20 of a PNG), so that it is sharp."""
    return int.from_bytes(path.read_bytes()[16:20], "big") // 2


def _points(found: pd.DataFrame, axes: Sequence[Varied]) -> str:
    columns = {
        "effect_used": "effect, used values",
        "effect_mean": "mean",
        "effect_low": "5 % of draws below",
        "effect_high": "95 % below",
        "starved_mean": "starve, share",
    }
    columns = {name: words for name, words in columns.items() if name in found}
    rows = [
        ["as written" if row["point"] == 0 else "", *(axis.said(row[axis.name]) for axis in axes)]
        + [float(row[name]) for name in columns]
        for row in found.to_dict("records")
    ]
    return table(["", *(axis.words for axis in axes), *columns.values()], rows, "counts")
