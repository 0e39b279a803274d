"""The page of a sensitivity: a bar for each number, Sobol indices beside it, no script needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pulposus.report.book import figure, page
from pulposus.report.sections import escape

if TYPE_CHECKING:
    import pandas as pd

_BARS = 25
_WIDE, _ROW, _NAMES = 720, 22, 330


def tornado_page(table: pd.DataFrame, indices: pd.DataFrame | None, title: str, said: str, effect: str) -> str:
    """The whole page: what was seen in one sentence, a tornado of the greatest swings, Sobol indices, all numbers.

    table: `name`, `low`, `high`, `unit`, `kind` and `swing_<effect>`, the greatest first. indices: `name`,
    `first_order`, `total`, or None. effect: which arm's swing is drawn.
    """
    rows = table.head(_BARS)
    body = f"<section><p>{escape(said)}.</p><h2>How far each number would move it</h2>{_tornado(rows, effect)}"
    body += (
        "<p>Bars: the slope at the used value times the range of the number, what it would do if it went through its "
        "whole range at that slope. To the right more, to the left less; hollow bars are assumed numbers.</p></section>"
    )
    if indices is not None:
        cells = "".join(
            f"<tr><td>{escape(r['name'])}</td><td>{figure(float(r['first_order']), 2)}</td>"
            f"<td>{figure(float(r['total']), 2)}</td></tr>"
            for r in indices.sort_values("total", ascending=False).to_dict("records")
        )
        body += (
            '<section><h2>When the first ten move together</h2><div class="scroll"><table><thead><tr>'
            "<th>number</th><th>first-order index</th><th>total index</th></tr></thead>"
            f"<tbody>{cells}</tbody></table></div></section>"
        )
    return page(title, "sensitivity", body)


def _tornado(rows: pd.DataFrame, effect: str) -> str:
    swings = rows[f"swing_{effect}"].astype(float)
    most = max(float(swings.abs().max()), 1e-300)
    middle, half = (_NAMES + _WIDE) / 2, (_WIDE - _NAMES) / 2 - 50
    parts = []
    for k, (swing, row) in enumerate(zip(swings, rows.to_dict("records"), strict=True)):
        width, y = half * abs(swing) / most, k * _ROW
        x = middle if swing >= 0 else middle - width
        fill = "none" if row["kind"] == "assumed" else "currentColor"
        end, anchor = (x + width + 4, "start") if swing >= 0 else (x - 4, "end")
        parts.append(
            f'<text x="{_NAMES - 90}" y="{y + 15}" text-anchor="end">{escape(row["name"])}</text>'
            f'<rect x="{x:.1f}" y="{y + 4}" width="{max(width, 1):.1f}" height="{_ROW - 8}" fill="{fill}" '
            f'stroke="currentColor"/><text x="{end:.1f}" y="{y + 15}" text-anchor="{anchor}">{figure(swing, 2)}</text>'
        )
    high = len(rows) * _ROW
    axis = f'<line x1="{middle}" x2="{middle}" y1="0" y2="{high}" stroke="currentColor"/>'
    return (
        f'<svg viewBox="0 0 {_WIDE} {high}" width="100%" role="img" font-size="11" fill="currentColor" '
        f'aria-label="Numbers by how far they move the output">{axis}{"".join(parts)}</svg>'
    )
