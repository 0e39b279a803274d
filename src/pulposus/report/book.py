"""Pages of tables and small pictures that need no script: the validation book, the credibility page, what hangs on
hypotheses.

What: each function gives a whole page as text, self-contained, in the style of the report. Pictures are drawn here as
SVG; colour never stands alone: a verdict is a word with a sign, ours a full disc, what was published an open diamond.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import TYPE_CHECKING, Any, Protocol

from pulposus import evidence
from pulposus.report.sections import escape

if TYPE_CHECKING:
    import pandas as pd

SIGNS = {"agrees": "✓ agrees", "differs": "✗ differs", "pending": "◌ pending", "not computed": "✗ not computed"}
CLASSES = {
    "verification": "Verification: are the equations solved as others solve them?",
    "reproduction": "Reproduction: do our inputs agree with others' measurements of the same thing?",
    "calibration": "Calibration: rows that fixed a parameter",
    "retrodiction": "Retrodiction: numbers that are no input, but were in view when a choice was made",
    "prediction": "Prediction: numbers that are no input, and that no choice was made by",
    "pending": "Pending: published, but this model has no such process yet",
}
_WIDE, _HIGH, _EDGE = 320.0, 150.0, 26.0


class Drawn(Protocol):
    """What a picture needs of a finding: `validation.Finding` is one."""

    @property
    def across(self) -> str:
        """What runs to the right, with its unit."""

    @property
    def along(self) -> str:
        """What rises, with its unit."""

    @property
    def curve(self) -> Sequence[tuple[float, float]]:
        """Ours, as points."""

    @property
    def published(self) -> Sequence[tuple[float, float]]:
        """What was published, as points."""


def page(title: str, kicker: str, body: str, links: Sequence[tuple[str, str]] = ()) -> str:
    """A whole page in the style of the report; `links` are (anchor, words) of its navigation."""
    style = "".join((resources.files("pulposus") / "report" / "assets" / n).read_text("utf-8") for n in _STYLES)
    nav = "".join(f'<a href="#{escape(anchor)}">{escape(words)}</a>' for anchor, words in links)
    advice = escape(evidence.statement("not_advice").text)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
        'img-src data:"><link rel="icon" href="data:,">'
        f"<title>{escape(title)} · Pulposus</title><style>{style}</style></head><body>"
        '<header><div class="brand"><span>Pulposus<small>in-silico laboratory of the intervertebral disc</small></span>'
        f'</div><nav aria-label="Sections">{nav}</nav></header><main><section class="first">'
        f'<p class="kicker">{escape(kicker)}</p><h1>{escape(title)}</h1></section>{body}</main>'
        f"<footer><p>{advice}</p></footer></body></html>\n"
    )


_STYLES = ("report.css", "book.css")


def figure(value: Any, digits: int = 4) -> str:
    """A number in so many digits with a true minus; text as it is; a dash for none."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    if not math.isfinite(value):
        return "–"
    return f"{value:.{digits}g}".replace("-", "−") if abs(value) >= 1e-9 else "0"  # maths: shown as nought


def table(heads: Sequence[str], rows: Sequence[Sequence[Any]], name: str) -> str:
    """A table with everything escaped."""
    head = "".join(f'<th scope="col">{escape(text)}</th>' for text in heads)
    body = "".join("<tr>" + "".join(f"<td>{escape(figure(cell))}</td>" for cell in row) + "</tr>" for row in rows)
    whole = f'<table class="{name}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
    return f'<div class="scroll">{whole}</div>'


# ---------------------------------------------------------------------------------------------- pictures


def range_plot(published: float, low: float, high: float, ours: float) -> str:
    """The band that was allowed, what was published (open diamond) and ours (full disc), on one line."""
    here = [value for value in (published, low, high, ours) if math.isfinite(value)]
    least, most = min(here), max(here)
    room = (most - least) * 0.12 or abs(most) * 0.1 or 1.0
    least, most = least - room, most + room

    def x(value: float) -> float:
        return _EDGE + (value - least) / (most - least) * (_WIDE - 2 * _EDGE)

    parts = [f'<line class="axis" x1="{_EDGE}" x2="{_WIDE - _EDGE}" y1="24" y2="24"/>']
    if math.isfinite(low) and math.isfinite(high):
        wide = max(x(high) - x(low), 1.5)
        parts.append(f'<rect class="band" x="{x(low):.1f}" y="14" width="{wide:.1f}" height="20"/>')
        parts += [
            f'<text x="{x(v):.1f}" y="48" text-anchor="middle">{figure(v, 3)}</text>' for v in _apart(low, high, x)
        ]
    if math.isfinite(published):
        at = x(published)
        parts.append(f'<path class="published" d="M{at:.1f} 17l7 7l-7 7l-7 -7z"/>')
    if math.isfinite(ours):
        parts.append(f'<circle class="ours" cx="{x(ours):.1f}" cy="24" r="4.5"/>')
        parts.append(f'<text x="{x(ours):.1f}" y="9" text-anchor="middle">ours {figure(ours, 3)}</text>')
    told = f"published {figure(published)}, band {figure(low)} to {figure(high)}, ours {figure(ours)}"
    return _drawing(52, told, parts)


def _drawing(high: float, told: str, parts: Sequence[str]) -> str:
    frame = f'class="plot" viewBox="0 0 {_WIDE:g} {high:g}" role="img" aria-label="{escape(told)}"'
    return f"<svg {frame}>{''.join(parts)}</svg>"


def _apart(low: float, high: float, x: Any) -> list[float]:
    """Both ends of a band, or one where their labels would lie on one another."""
    return [low, high] if x(high) - x(low) > 44 else [high]


def curve_plot(found: Drawn) -> str:
    """Ours as a line with its points, what was published as open diamonds."""
    every = [p for p in (*found.curve, *found.published) if all(map(math.isfinite, p))]
    if len(every) < 2:
        return ""
    (x0, x1), (y0, y1) = ((min(v), max(v)) for v in zip(*every, strict=True))
    y0, y1 = (y0, y1) if y1 > y0 else (y0 - 0.5, y1 + 0.5)
    x1 = x1 if x1 > x0 else x0 + 1

    def place(point: tuple[float, float]) -> tuple[float, float]:
        across = _EDGE + (point[0] - x0) / (x1 - x0) * (_WIDE - 2 * _EDGE)
        return across, _HIGH - 34 - (point[1] - y0) / (y1 - y0) * (_HIGH - 58)

    ours = [place(p) for p in found.curve if all(map(math.isfinite, p))]
    parts = [f'<polyline class="line" points="{" ".join(f"{a:.1f},{b:.1f}" for a, b in ours)}"/>']
    if len(ours) <= 12:
        parts += [f'<circle class="ours" cx="{a:.1f}" cy="{b:.1f}" r="2.5"/>' for a, b in ours]
    theirs = [place(p) for p in found.published]
    parts += [f'<path class="published" d="M{a:.1f} {b - 4:.1f}l4 4l-4 4l-4 -4z"/>' for a, b in theirs]
    base = _HIGH - 30
    parts.append(f'<line class="axis" x1="{_EDGE}" x2="{_WIDE - _EDGE}" y1="{base}" y2="{base}"/>')
    ends = ((x0, _EDGE, "start"), (x1, _WIDE - _EDGE, "end"))
    parts += [f'<text x="{a}" y="{base + 13}" text-anchor="{side}">{figure(v, 3)}</text>' for v, a, side in ends]
    parts.append(f'<text x="{_WIDE / 2}" y="{base + 26}" text-anchor="middle">{escape(found.across)}</text>')
    parts.append(f'<text x="2" y="11">{escape(found.along)}, {figure(y0, 3)} to {figure(y1, 3)}</text>')
    told = f"{found.along} over {found.across}: ours as a line" + (", published as diamonds" if theirs else "")
    return _drawing(_HIGH, told, parts)


# ---------------------------------------------------------------------------------------------- the validation book


def covered(shares: pd.DataFrame) -> str:
    """How many published values lie in the 90 % bands, in one sentence a row of `uncertainty.coverage.shares`."""
    return " ".join(
        f"Of {r['predictions']} {r['of']}, {r['held']} lie in the 90 % band of ours: {r['share']:.0%} (95 % interval "
        f"{r['low']:.0%} to {r['high']:.0%}, rows taken as independent; whole groups {r['groups_held']} of "
        f"{r['groups']}); of {r['meet']} the published band and ours meet."
        for r in shares.to_dict("records")
    )


def _coverage(held: pd.DataFrame, shares: pd.DataFrame) -> str:
    heads = ["prediction", "published", "its band", "ours, 5 to 95 %", "unit", "spread published", "held"]
    rows = [
        [
            r["name"],
            figure(r["published"]),
            f"{figure(r['published_low'])} to {figure(r['published_high'])}",
            f"{figure(r['ours_low'])} to {figure(r['ours_high'])}",
            r["unit"],
            "yes" if r["spread_published"] else "no",
            "yes" if r["held"] else "no",
        ]
        for r in held.to_dict("records")
    ]
    return (
        '<section id="coverage"><h2>Are the bands wide enough?</h2>'
        f"<p>Every number with a range was drawn at once, {int(held['draws'].max())} times. {escape(covered(shares))} "
        "If ranges said what is not known and the equations were right, nine of ten would be held.</p>"
        f"{table(heads, rows, 'checks')}</section>"
    )


def validation_page(
    results: pd.DataFrame,
    counted: pd.DataFrame,
    findings: Mapping[str, Drawn],
    held: pd.DataFrame | None = None,
    shares: pd.DataFrame | None = None,
) -> str:
    """The book as a page: what was counted, every check on one line, then each with its picture; and, where they were
    drawn, whether the bands of predictions hold what was published (`uncertainty.coverage`).
    """
    judged = results[results["class"] != "pending"]
    title = _headline(counted)
    heads = ["class", "kind", "checks", "agree", "groups", "groups that agree", "sources"]
    body = (
        '<section id="counts"><h2>What was counted</h2>'
        "<p>Rows of one paper on one thing form a group and count once; a group agrees when all its rows do. Bands "
        "follow from the published spread by the sentence beside them. Calibration rows fixed a parameter; those of "
        "retrodiction were in view when a choice was made (which matrix, which strain); no prediction was. What "
        "differs stays, with the reason where it is known. In the pictures a full disc or a line is ours, an open "
        "diamond what was published, a bar the band.</p>"
        f"{table(heads, counted.to_numpy().tolist(), 'counts')}{_trust(judged)}</section>"
    )
    links = [("counts", "Counts")]
    if held is not None and shares is not None:
        body += _coverage(held, shares)
        links.append(("coverage", "Coverage"))
    for of, words in CLASSES.items():
        part = results[results["class"] == of]
        if not part.empty:
            cards = "".join(_card(row, findings.get(row["name"])) for row in part.to_dict("records"))
            body += f'<section id="{of}"><h2>{escape(words)}</h2><div class="book">{cards}</div></section>'
            links.append((of, of.capitalize()))
    return page(title, "Validation book", body, links)


def _headline(counted: pd.DataFrame) -> str:
    """Predictions alone: what fixed a parameter, and what was put in, is no news."""
    for row in counted.to_dict("records"):
        if (row["class"], row["kind"]) == ("prediction", "quantitative"):
            of = f"{row['agree']} of {row['checks']} numbers that this model predicts agree with what was published"
            return f"{of}; whole groups: {row['groups_agree']} of {row['groups']}"
    return f"{int(counted['checks'].sum())} checks"


def _trust(judged: pd.DataFrame) -> str:
    """How the published side is known, and what it is: a measurement is more than another model."""
    predicted = judged[(judged["class"] == "prediction") & (judged["kind"] == "quantitative")]
    if predicted.empty:
        return ""
    rows = []
    for against, part in predicted.groupby("against"):
        agree = part["verdict"] == "agrees"
        recalled = part["status"] == "memory"
        rows.append([against, len(part), int(agree.sum()), int(recalled.sum()), int((agree & recalled).sum())])
    heads = [
        "quantitative predictions against a",
        "checks",
        "agree",
        "of them recalled, not read",
        "recalled that agree",
    ]
    return table(heads, rows, "trust")


def _card(row: Mapping[str, Any], found: Drawn | None) -> str:
    said = SIGNS[row["verdict"]]
    look = {"agrees": "agrees", "differs": "differs", "not computed": "failed"}.get(row["verdict"], "pending")
    unit = "" if row["unit"] in ("", "1") else f" {row['unit']}"
    if row["kind"] == "ordering":
        told, plot = escape(row["told"]), ""
    elif row["class"] == "pending":
        told, plot = f"published {figure(row['published'])}{escape(unit)}", ""
    else:
        told = (
            f"ours {figure(row['ours'])}, published {figure(row['published'])}{escape(unit)}; "
            f"band {figure(row['low'])} to {figure(row['high'])}: {escape(row['tolerance'])}"
        )
        plot = range_plot(row["published"], row["low"], row["high"], row["ours"])
    drawn = curve_plot(found) if found is not None and found.curve else ""
    comment = f"<p><em>{escape(row['comment'])}</em></p>" if row["comment"] else ""
    sources = "; ".join(escape(evidence.reference(key.strip())) for key in row["source"].split(";"))
    known = {"read": "read", "abstract": "from the abstract", "computed": "computed", "memory": "recalled, not read"}
    return (
        f'<article class="check {look}"><h3>{escape(row["name"])}</h3>'
        f'<p class="said"><span class="{look}">{escape(said)}</span></p>'
        f"<p>{escape(row['quantity'])}; {escape(row['condition'])}</p><p>{told}</p>{comment}{plot}{drawn}"
        f"<p><small>{known[row['status']]}; {sources}{'; ' + escape(row['where']) if row['where'] else ''}</small></p>"
        "</article>"
    )


# ---------------------------------------------------------------------------------------------- hypotheses


def hypotheses_page(results: pd.DataFrame, title: str) -> str:
    """What hangs on each hypothesis: a table of how discs end under each choice, and how far each moves the effect."""
    heads = ["hypothesis", "choice", *_AT_STAKE.values()]
    rows = [
        [row["hypothesis"].replace("_", " "), str(row["choice"]).replace("_", " "), *(row[c] for c in _AT_STAKE)]
        for row in results.fillna("").to_dict("records")
    ]
    effect = results["aggrecan_percent_effect"]
    moved = (effect - effect.iloc[0]).abs()[1:]
    said = ""
    if len(moved):
        most = results.loc[moved.idxmax()]
        said = (
            f"With the choices of the case, treatment changes aggrecan by {figure(effect.iloc[0], 3)} points. "
            f"The choice that moves this most is {most['hypothesis'].replace('_', ' ')} = {most['choice']}: "
            f"{figure(most['aggrecan_percent_effect'], 3)} points."
        )
    body = (
        f'<section id="table"><h2>One choice changed at a time</h2><p>{escape(said)}</p>'
        "<p>Coarse mesh; the first row is the case as it was written.</p>"
        f"{table(heads, rows, 'hypotheses')}</section>"
    )
    return page("What hangs on each hypothesis", title, body)


# Column of the table of hypotheses -> its words.
_AT_STAKE = {
    "aggrecan_percent_untreated": "aggrecan, % of start: untreated",
    "aggrecan_percent_treated": "aggrecan, % of start: treated",
    "aggrecan_percent_effect": "aggrecan: effect of treatment, points",
    "native_viable_percent_untreated": "native cells alive, %: untreated",
    "native_viable_percent_treated": "native cells alive, %: treated",
    "injected_million_treated": "injected alive, million: treated",
    "np_like_million_treated": "NP-like, million: treated",
    "glucose_min_mM_untreated": "lowest glucose, mM: untreated",
    "glucose_min_mM_treated": "lowest glucose, mM: treated",
    "ph_min_treated": "lowest pH: treated",
}
