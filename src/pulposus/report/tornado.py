"""The page of a sensitivity: a bar for each number, Sobol indices beside it, no script needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pulposus.report.book import page
from pulposus.report.book import table as whole
from pulposus.report.pictures import figure
from pulposus.report.sections import escape
from pulposus.report.words import plain

if TYPE_CHECKING:
    import pandas as pd

_BARS = 25
_WIDE, _ROW, _NAMES, _FIGURE = 860, 22, 290, 60
_COLOURS = ("var(--treated)", "var(--acid)")  # more, less: blue and vermilion, which the colour-blind can tell apart


def tornado_page(
    table: pd.DataFrame,
    indices: pd.DataFrame | None,
    title: str,
    said: str,
    effect: str,
    unit: str,
    doubted: str = "",
) -> str:
    """The whole page: what was seen in one sentence, a tornado of the greatest swings, Sobol indices, all numbers.

    table: `name`, `low`, `high`, `unit`, `kind` and `swing_<effect>`, the greatest first. indices: `name`,
    `first_order`, `total`, `total_confidence`, or None. effect: which arm's swing is drawn. unit: of the output.
    doubted: what must be said before the indices, if anything.
    """
    body = f"<section><p>{escape(said)}.</p><h2>How far each number would move it</h2>"
    body += _tornado(table.head(_BARS), effect, unit) + (
        "<p>Bars: the slope at the used value times the range of the number, what it would do if it went through its "
        "whole range at that slope. To the right more, to the left less; hollow bars are assumed numbers.</p></section>"
    )
    if indices is not None:
        body += (
            f"<section><h2>When the first {len(indices)} move together</h2>{_warning(doubted)}"
            f"{_indices(indices.sort_values('total', ascending=False))}"
            "<p>Full bars: the share of the effect's variance that the number brings by itself (first-order Sobol "
            "index); hollow bars: with all that it does together with others (total index), the line its 95 % "
            "interval on the surrogate. Each number goes through its whole range.</p></section>"
        )
    rows = [
        [plain(r["name"]), r["value"], r["low"], r["high"], r["unit"], r["kind"], r[f"swing_{effect}"]]
        for r in table.to_dict("records")
    ]
    heads = ["number", "used", "low", "high", "unit", "kind", f"moves it by, {unit}"]
    body += f"<section><h2>All {len(rows)} numbers</h2>{whole(heads, rows, 'numbers')}</section>"
    return page(title, "sensitivity", body)


def _warning(text: str) -> str:
    return f'<p class="warning" role="note"><strong>{escape(text)}</strong></p>' if text else ""


def _tornado(rows: pd.DataFrame, effect: str, unit: str) -> str:
    swings = rows[f"swing_{effect}"].astype(float)
    least, most = min(float(swings.min()), 0.0), max(float(swings.max()), 0.0)
    by = (_WIDE - _NAMES - 2 * _FIGURE) / max(most - least, 1e-300)
    middle = _NAMES + _FIGURE - by * least
    parts = []
    for k, (swing, row) in enumerate(zip(swings, rows.to_dict("records"), strict=True)):
        width, y = by * abs(swing), k * _ROW
        x = middle if swing >= 0 else middle - width
        end, anchor = (x + width + 5, "start") if swing >= 0 else (x - 5, "end")
        parts.append(
            f"{_name(row['name'], y)}{_bar(x, y + 4, width, _ROW - 8, row['kind'] != 'assumed', _COLOURS[swing < 0])}"
            f'<text x="{end:.1f}" y="{y + 15}" text-anchor="{anchor}">{figure(swing, 2)}</text>'
        )
    high = len(rows) * _ROW
    parts.append(f'<line x1="{middle:.1f}" x2="{middle:.1f}" y1="0" y2="{high}" stroke="currentColor"/>')
    what = "the effect of the treatment" if effect == "effect" else f"the {effect} disc"
    words = f"change of {what} through the whole range, {unit}"
    parts.append(f'<text x="{middle:.1f}" y="{high + 18}" text-anchor="middle">{escape(words)}</text>')
    return _svg(parts, high + 26, "Numbers by how far they move the output")


def _indices(rows: pd.DataFrame) -> str:
    """Bars of first-order (full) and total index (hollow), with the confidence of the total as a whisker."""
    by = (_WIDE - _NAMES - _FIGURE) / max(1.0, float((rows["total"] + rows["total_confidence"]).max()))
    parts = []
    for k, row in enumerate(rows.to_dict("records")):
        y, total = k * _ROW, max(float(row["total"]), 0.0)
        ends = [_NAMES + by * max(total + sign * float(row["total_confidence"]), 0.0) for sign in (-1, 1)]
        parts.append(
            f"{_name(row['name'], y)}{_bar(_NAMES, y + 4, by * max(float(row['first_order']), 0.0), _ROW - 8, True)}"
            f"{_bar(_NAMES, y + 4, by * total, _ROW - 8, False)}"
            f'<line x1="{ends[0]:.1f}" x2="{ends[1]:.1f}" y1="{y + 11}" y2="{y + 11}" stroke="currentColor"/>'
            f'<text x="{ends[1] + 5:.1f}" y="{y + 15}">{figure(float(row["first_order"]), 2)} · '
            f"{figure(total, 2)}</text>"
        )
    return _svg(parts, len(rows) * _ROW + 4, "Sobol indices of the first numbers")


def _name(name: str, y: float) -> str:
    return f'<text x="{_NAMES - 8}" y="{y + 15}" text-anchor="end">{escape(plain(name))}</text>'


def _bar(x: float, y: float, width: float, high: float, full: bool, colour: str = _COLOURS[0]) -> str:
    fill = colour if full else "none"
    return (
        f'<rect x="{x:.1f}" y="{y}" width="{max(width, 1):.1f}" height="{high}" fill="{fill}" stroke="{colour}" '
        'stroke-width="1.5"/>'
    )


def _svg(parts: list[str], high: float, words: str) -> str:
    return (
        f'<svg viewBox="0 0 {_WIDE} {high}" width="100%" role="img" font-size="11" fill="currentColor" '
        f'aria-label="{words}">{"".join(parts)}</svg>'
    )
