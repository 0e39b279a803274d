"""Sheets of a report that is both a page and a printed paper: blocks, and how each looks in HTML and in Typst.

What: a report is a list of `Sheet`, each with blocks (headings, words, lists, pictures, banners, columns, choices side
by side). `html` gives one offline page, `typst` the source of a paper that `printed` makes a PDF of. Both say the same,
since both are made of the same blocks.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources

from pulposus.errors import InputError
from pulposus.report.sections import escape


@dataclass(frozen=True)
class Heading:
    """A heading of a sheet (1), a part (2) or a small one (3)."""

    words: str
    level: int = 2


@dataclass(frozen=True)
class Words:
    """A paragraph; kind: plain, lead (large), small."""

    words: str
    kind: str = "plain"


@dataclass(frozen=True)
class Points:
    """A list; kind: plain, small, tiny, boxes (to tick)."""

    lines: tuple[str, ...]
    kind: str = "plain"


@dataclass(frozen=True)
class Picture:
    """An SVG as text, and how much of the width of a paper it takes."""

    svg: str
    wide: float = 1.0


@dataclass(frozen=True)
class Banner:
    """What must be seen: kind refer (large, red), shut, unsure, good or note; a sign stands before it."""

    kind: str
    head: str
    lines: tuple[str, ...] = ()


@dataclass(frozen=True)
class Columns:
    """Blocks side by side where there is room."""

    columns: tuple[tuple[Block, ...], ...]


@dataclass(frozen=True)
class Aspect:
    """One aspect of choices: its name and one cell of blocks a choice."""

    name: str
    cells: tuple[tuple[Block, ...], ...]


@dataclass(frozen=True)
class Choices:
    """Choices side by side: (title, tag, look) of each, and what is told of all of them, aspect by aspect; `first` of
    them on the first sheet of a paper.
    """

    heads: tuple[tuple[str, str, str], ...]
    aspects: tuple[Aspect, ...]
    first: int


@dataclass(frozen=True)
class Folded:
    """Blocks that a page hides behind their title until asked; a paper prints them, or says where they are."""

    title: str
    blocks: tuple[Block, ...]
    printed: bool = True


Block = Heading | Words | Points | Picture | Banner | Columns | Choices | Folded
SIGNS = {"refer": "!", "shut": "✗", "unsure": "?", "good": "✓", "note": "i"}


@dataclass(frozen=True)
class Sheet:
    """One sheet: a name to link to, what it is called in the navigation (nothing: not there), its blocks, and whether
    it begins a page of the paper.
    """

    name: str
    called: str
    blocks: tuple[Block, ...]
    begins: bool = True


# ---------------------------------------------------------------------------------------------- a page


def html(title: str, sheets: Sequence[Sheet], advice: str, style: str) -> str:
    """One page that works offline."""
    nav = "".join(f'<a href="#{s.name}">{escape(s.called)}</a>' for s in sheets if s.called)
    body = "".join(f'<section id="{s.name}">{"".join(map(_html, s.blocks))}</section>' for s in sheets)
    css = (resources.files("pulposus") / "report" / "assets" / style).read_text("utf-8")
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
        'img-src data:"><link rel="icon" href="data:,">'
        f"<title>{escape(title)} · Pulposus</title><style>{css}</style></head><body>"
        f'<nav aria-label="Sections">{nav}</nav><main>{body}</main><footer><p>{escape(advice)}</p></footer>'
        "</body></html>\n"
    )


def _html(block: Block) -> str:
    if isinstance(block, Heading):
        return f"<h{block.level}>{escape(block.words)}</h{block.level}>"
    if isinstance(block, Words):
        return f'<p class="{block.kind}">{escape(block.words)}</p>'
    if isinstance(block, Points):
        return f'<ul class="{block.kind}">' + "".join(f"<li>{escape(line)}</li>" for line in block.lines) + "</ul>"
    if isinstance(block, Picture):
        return f"<figure>{block.svg}</figure>"
    if isinstance(block, Banner):
        lines = "".join(f"<p>{escape(line)}</p>" for line in block.lines)
        sign = f'<b class="sign" aria-hidden="true">{SIGNS[block.kind]}</b>'
        role = "alert" if block.kind == "refer" else "note"
        said = f"<div><h2>{escape(block.head)}</h2>{lines}</div>"
        return f'<div class="banner {block.kind}" role="{role}">{sign}{said}</div>'
    if isinstance(block, Columns):
        cells = "".join(f"<div>{''.join(map(_html, column))}</div>" for column in block.columns)
        return f'<div class="columns of{len(block.columns)}">{cells}</div>'
    if isinstance(block, Folded):
        return f"<details><summary>{escape(block.title)}</summary>{''.join(map(_html, block.blocks))}</details>"
    return _html_choices(block)


def _html_choices(block: Choices) -> str:
    """Choices as cards whose aspects lie on common lines."""
    cards = []
    for k, (title, tag, look) in enumerate(block.heads):
        cells = "".join(
            f'<div class="aspect"><h4>{escape(aspect.name)}</h4>{"".join(map(_html, aspect.cells[k]))}</div>'
            for aspect in block.aspects
        )
        head = f'<div class="head"><h3>{escape(title)}</h3><p class="tag">{escape(tag)}</p></div>'
        cards.append(f'<article class="choice {look}">{head}{cells}</article>')
    return f'<div class="choices" style="--rows:{len(block.aspects) + 1}">{"".join(cards)}</div>'


# ---------------------------------------------------------------------------------------------- a paper

_SETUP = """#set document(title: {title})
#set page(paper: "a4", flipped: true, margin: (x: 14mm, top: 12mm, bottom: 14mm), footer: context [
  #set text(size: 7.5pt, fill: rgb("#5d6878"))
  #{advice} #h(1fr) #counter(page).display("1 / 1", both: true)
])
#set text(font: ("DejaVu Sans", "Liberation Sans", "Arial", "Libertinus Serif"), size: 11pt, fill: rgb("#1c2430"))
#set par(leading: 0.6em, spacing: 0.75em)
#set list(spacing: 0.55em, indent: 0pt)
#let soft(body) = text(fill: rgb("#5d6878"), body)
#let banner(back, edge, size, sign, head, body) = block(width: 100%, fill: rgb(back), stroke: (left: 5pt + rgb(edge)),
  inset: 10pt, radius: 3pt, grid(columns: (auto, 1fr), column-gutter: 10pt,
  text(size: 2.2 * size, weight: "bold", fill: rgb(edge), sign), {{ text(size: size, weight: "bold", head); body }}))
"""
# kind -> paper, edge, size of a banner
_LOOKS = {
    "refer": ("#fdeade", "#b03a00", "34pt"),
    "shut": ("#f1efec", "#6b4a3a", "14pt"),
    "unsure": ("#fff4dc", "#9a6700", "14pt"),
    "good": ("#e3f4ee", "#00735a", "14pt"),
    "note": ("#e8f1f7", "#0072b2", "14pt"),
}
_SIZES = {"plain": "1em", "lead": "1.3em", "small": "0.75em", "boxes": "1.25em", "tiny": "0.6em"}
_GAPS = {"plain": "0.75em", "small": "0.6em", "boxes": "1.3em", "tiny": "0.45em"}
_TAGS = {"open": "#00735a", "closed": "#b03a00", "unsure": "#9a6700", "plain": "#5d6878"}


def typst(title: str, sheets: Sequence[Sheet], advice: str) -> str:
    """The source of the paper, in Typst: a sheet begins a page."""
    parts = [_SETUP.format(title=_quoted(title), advice=_quoted(advice))]
    for k, sheet in enumerate(sheets):
        parts += (
            ["#pagebreak(weak: true)"] * (k > 0 and sheet.begins)
            + ["#{"]
            + [_typst(block) for block in sheet.blocks]
            + ["}"]
        )
    return "\n".join(parts)


def _quoted(words: str) -> str:
    """A string of Typst."""
    return '"' + words.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ") + '"'


def _inside(blocks: Sequence[Block]) -> str:
    return "{ " + "\n".join(map(_typst, blocks)) + " }"


def _typst(block: Block) -> str:
    if isinstance(block, Heading):
        size = {1: "20pt", 2: "16pt", 3: "11pt"}[block.level]
        return f'block(above: 10pt, below: 8pt, text(size: {size}, weight: "bold", {_quoted(block.words)}))'
    if isinstance(block, Words):
        size = _SIZES[block.kind]
        said = f"text(size: {size}, {_quoted(block.words)})"
        return f"par({f'soft({said})' if block.kind == 'small' else said})"
    if isinstance(block, Points):
        size = _SIZES[block.kind]
        marker = ", marker: [☐]" if block.kind == "boxes" else ""
        lines = ", ".join(f"text(size: {size}, {_quoted(line)})" for line in block.lines)
        return f"list({lines}{marker}, spacing: {_GAPS[block.kind]})" if block.lines else ""
    if isinstance(block, Picture):
        wide = float(re.search(r'viewBox="0 0 ([\d.]+)', block.svg)[1])  # type: ignore[index]
        return f"image(bytes({_quoted(block.svg)}), width: {100 * block.wide * min(wide / 360, 1):.0f}%)"
    if isinstance(block, Banner):
        back, edge, size = _LOOKS[block.kind]
        lines = "\n".join(f"parbreak()\ntext(size: 0.7 * {size}, {_quoted(line)})" for line in block.lines)
        body = "{ " + lines + " }"
        return f'banner("{back}", "{edge}", {size}, {_quoted(SIGNS[block.kind])}, {_quoted(block.head)}, {body})'
    if isinstance(block, Columns):
        cells = ", ".join(_inside(column) for column in block.columns)
        return f"grid(columns: ({'1fr, ' * len(block.columns)}), column-gutter: 8mm, row-gutter: 4mm, {cells})"
    if isinstance(block, Folded):
        if not block.printed:
            return _typst(Words(f"{block.title}, on the page.", "small"))
        return "\n".join([_typst(Heading(block.title, 3)), *map(_typst, block.blocks)])
    return _typst_choices(block)


def _typst_choices(block: Choices) -> str:
    """Choices as columns of a grid whose rows are the aspects."""
    heads, sheets = [], list[str]()
    for title, tag, look in block.heads:
        heads.append(
            f'block(width: 100%, stroke: (bottom: 2.5pt + rgb("{_TAGS[look]}")), inset: (bottom: 4pt), '
            f'{{ text(size: 12pt, weight: "bold", {_quoted(title)}); linebreak(); '
            f'text(size: 7.5pt, fill: rgb("{_TAGS[look]}"), {_quoted(tag)}) }})'
        )
    gaps = f"columns: ({'1fr, ' * len(block.heads)}), column-gutter: 7mm, row-gutter: 1.8mm"
    for aspects in (block.aspects[: block.first], block.aspects[block.first :]):
        cells = [_typst_cell(aspect.name, blocks) for aspect in aspects for blocks in aspect.cells]
        sheets.append(f"grid({gaps}, grid.header({', '.join(heads)}), {', '.join(cells)})")
    return "{ set text(size: 8pt)\n" + "\npagebreak()\n".join(sheets) + " }"


def _typst_cell(name: str, blocks: Sequence[Block]) -> str:
    head = f'block(above: 4pt, below: 3pt, soft(text(size: 0.88em, weight: "bold", {_quoted(name)})))'
    return f"block(width: 100%, breakable: false, {{ {head}\n{chr(10).join(map(_typst, blocks))} }})"


def printed(source: str) -> bytes:
    """The PDF of a paper. Raises InputError where Typst is not installed, or cannot make it."""
    try:
        import typst as maker
    except ImportError:
        raise InputError(
            "A PDF needs the package typst, which is not installed; run `pip install 'pulposus[report]'`, or leave out "
            "--pdf and print the page from a browser."
        ) from None
    try:
        return bytes(maker.compile(source.encode()))
    except RuntimeError as problem:
        raise InputError(f"Typst cannot make the PDF ({str(problem).splitlines()[0]}); leave out --pdf.") from problem
