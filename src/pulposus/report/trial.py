"""The page of a trial: what was asked, who took part, what came out and how far to trust it, in one offline file.

What: `write_report` turns a `Told` (words and tables that `trials` made) into report.html, its pictures inside.
Reads: nothing. Writes: one file, whole or not at all.
Why this holds: nothing is reckoned here; whatever a trial or a table says is escaped.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pulposus.report.book import page, table
from pulposus.report.sections import escape

_BOX, _GAP, _HIGH = 200, 24, 22
_LOST = ("not computed", "left", "death", "rescue", "surgery", "crossover")


@dataclass(frozen=True)
class Told:
    """What a page says. `asked`: terms and their words; `flow`: counts by arm; `tables`: name -> heads and rows.

    `curves`, `forest`: pictures as PNG, empty where there is nothing to draw. `kinds`: notes on the forest.
    """

    title: str
    kicker: str
    answers: Sequence[str]
    asked: Sequence[tuple[str, str]]
    screened: Mapping[str, int]
    flow: Sequence[Mapping[str, Any]]
    curves: bytes
    forest: bytes
    tables: Mapping[str, tuple[Sequence[str], Sequence[Sequence[Any]]]]
    tipping: Sequence[str] = ()
    notes: Sequence[str] = ()
    assumed: Sequence[str] = ()
    sources: Sequence[str] = field(default_factory=tuple)
    kinds: Sequence[str] = ()


def write_report(path: str | Path, told: Told) -> Path:
    """Write the page and return its path; what stood there is replaced in one step."""
    from pulposus.results import write_text

    path = Path(path)
    write_text(path, _page(told))
    return path


def _page(told: Told) -> str:
    parts = [
        ("answer", "Answer", _answer(told)),
        ("asked", "What was asked", _terms(told.asked)),
        ("flow", "Who took part", _flow(told) + _table(told, "failures")),
        ("baseline", "At the start", _table(told, "baseline")),
        ("endpoints", "Every endpoint", _table(told, "endpoints") + _notes(told.notes)),
        ("curves", "Over time", _png(told.curves, _CURVES)),
        ("subgroups", "In whom", _forest(told)),
        ("sensitivity", "Scores that were not seen", _sensitivity(told)),
        ("looks", "Looks at the running trial", _table(told, "looks")),
        ("safety", "Safety", _table(told, "safety")),
        ("assumed", "What is assumed", _list(told.assumed)),
        ("sources", "Sources", _list(told.sources)),
    ]
    kept = [(name, words, body) for name, words, body in parts if body]
    body = "".join(
        f'<section id="{name}">{"" if name == "answer" else f"<h2>{escape(words)}</h2>"}{inner}</section>'
        for name, words, inner in kept
    )
    return page(told.title, told.kicker, body, [(name, words) for name, words, _ in kept])


def _answer(told: Told) -> str:
    first, *rest = told.answers or ["Nothing was asked."]
    more = "".join(f"<p>{escape(text)}</p>" for text in rest)
    return f'<p class="hangs">{escape(first)}</p>{more}'


def _terms(terms: Sequence[tuple[str, str]]) -> str:
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{escape(words)}</dd>" for name, words in terms)
    return f'<dl class="asked">{rows}</dl>'


def _table(told: Told, name: str) -> str:
    heads, rows = told.tables.get(name, ((), ()))
    return table(heads, rows, name) if rows else ""


def _list(lines: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ul>" if lines else ""


def _notes(lines: Sequence[str]) -> str:
    return "".join(f"<p><small>{escape(line)}</small></p>" for line in lines)


def _sensitivity(told: Told) -> str:
    body = _table(told, "sensitivity") + _list(told.tipping)
    explained = (
        "MAR: a person who was not seen went on as people like them in their arm. J2R: from then on as the control "
        "arm. CR: as the control arm all along. Each by multiple imputation."
    )
    return f"{body}<p><small>{escape(explained)}</small></p>" if body else ""


# ---------------------------------------------------------------------------------------------- pictures


def _png(content: bytes, words: str) -> str:
    """A picture inside the page, and what it shows; nothing where there is none."""
    if not content:
        return ""
    wide = int.from_bytes(content[16:20], "big") // 2  # half the pixels of the file, so that it is sharp
    coded = base64.b64encode(content).decode("ascii")
    return (
        f'<img src="data:image/png;base64,{coded}" alt="{escape(words)}" '
        f'style="max-width:100%;width:{wide}px;background:#fff;border-radius:8px"><p>{escape(words)}</p>'
    )


def _forest(told: Told) -> str:
    body = _png(told.forest, _FOREST) + _notes(told.kinds)
    return f"{body}{_table(told, 'subgroups')}" if body else ""


_CURVES = "Means, or shares, of those who were seen, not adjusted, with 95 % intervals."
_FOREST = (
    "Each arm against the control: everybody (diamond), then kinds of persons (how many in the arm and in the "
    "control); interaction: whether kinds differ more than chance has it."
)


# ---------------------------------------------------------------------------------------------- the flow of people


def _flow(told: Told) -> str:
    """CONSORT: screened, not entered, allocated by arm, lost, analysed; boxes of an SVG in the colour of the text."""
    arms, wide = list(told.flow), float(max(len(told.flow) * (_BOX + _GAP) - _GAP, 2 * _BOX + _GAP))
    middle, boxes, lines = wide / 2, list[str](), list[str]()
    top = 0
    if told.screened:
        entered = [f"{key.split(': ')[-1]}: {value}" for key, value in told.screened.items() if ":" in key]
        first = [f"Screened: {told.screened.get('screened', 0)}"]
        boxes.append(_box(middle - _BOX / 2, 0, first))
        high = _height(entered or ["none"]) + _HIGH
        side = middle + _BOX / 2 + _GAP
        wide = max(wide, side + _BOX + 30)
        boxes.append(_box(side, _HIGH, ["Not entered:", *(entered or ["none"])], _BOX + 20))
        down = _height(first) + high + _GAP
        lines.append(_line(middle, _height(first), middle, down))
        lines.append(_line(middle, _HIGH + high / 2, side, _HIGH + high / 2))
        top = down
    entered_box = [f"Allocated: {sum(int(arm['allocated']) for arm in arms)}"]
    boxes.append(_box(middle - _BOX / 2, top, entered_box))
    fork = top + _height(entered_box) + _GAP
    lines.append(_line(middle, top + _height(entered_box), middle, fork - _GAP / 2))
    left = middle - (len(arms) * (_BOX + _GAP) - _GAP) / 2
    bottom, columns = fork, [_column(arm) for arm in arms]
    rows = [max(_height(column[i]) for column in columns) for i in range(3)]
    for place, column in enumerate(columns):
        x = left + place * (_BOX + _GAP)
        centre = x + _BOX / 2
        lines += [_line(middle, fork - _GAP / 2, centre, fork - _GAP / 2), _line(centre, fork - _GAP / 2, centre, fork)]
        y = before = fork
        for block, high in zip(column, rows, strict=True):
            if y > fork:
                lines.append(_line(centre, before, centre, y))
            boxes.append(_box(x, y, block))
            before, y = y + _height(block), y + high + _GAP
        bottom = max(bottom, y)
    size = f'viewBox="-4 -4 {wide + 8:.0f} {bottom:.0f}" width="{wide + 8:.0f}" height="{bottom:.0f}"'
    return (
        f'<div class="scroll"><svg {size} role="img" aria-label="Flow of people through the trial" '
        f'font-size="13" fill="currentColor">{"".join(lines)}{"".join(boxes)}</svg></div>'
    )


def _column(arm: Mapping[str, Any]) -> list[list[str]]:
    """The boxes of an arm, from top to bottom."""
    lost = [f"{name}: {arm[name]}" for name in _LOST if arm[name]] or ["nobody lost, nothing between"]
    return [[str(arm["arm"]), f"allocated: {arm['allocated']}"], lost, [f"with an answer: {arm['analysed']}"]]


def _height(lines: Sequence[str]) -> int:
    return _HIGH * len(lines) + 12


def _box(x: float, y: float, lines: Sequence[str], wide: float = _BOX) -> str:
    said = "".join(
        f'<text x="{x + 10:.0f}" y="{y + 8 + _HIGH * (i + 0.65):.0f}"{BOLD if i == 0 else ""}>{escape(line)}</text>'
        for i, line in enumerate(lines)
    )
    look = 'rx="6" fill="none" stroke="currentColor" stroke-opacity="0.55"'
    return f'<rect x="{x:.0f}" y="{y:.0f}" width="{wide:.0f}" height="{_height(lines)}" {look}/>{said}'


BOLD = ' font-weight="600"'


def _line(x: float, y: float, x2: float, y2: float) -> str:
    look = 'stroke="currentColor" stroke-opacity="0.55"'
    return f'<line x1="{x:.0f}" y1="{y:.0f}" x2="{x2:.0f}" y2="{y2:.0f}" {look}/>'
