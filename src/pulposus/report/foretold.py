"""The page of trials that were foretold without having been seen: what was printed, what was foretold, and how often
that fits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pulposus.report.book import page, table
from pulposus.report.pictures import Told, figure, range_plot
from pulposus.report.sections import escape

if TYPE_CHECKING:
    import pandas as pd

_PERCENT = 100  # maths: per cent
_FIRST_HAND = 2  # maths: the last tier of trials.csv that is no second hand
_KINDS = {
    "difference": ("Differences between arms", "What a trial is made for: how much more one arm changed than another."),
    "arm": ("Arms of controlled trials", "What became of the people of each arm, controls among them."),
    "series": ("Series without a control", "Falls that were published without anything beside them."),
}
_STATISTICS = {"share": "share of people", "change": "change", "percent": "share of the start", "level": "level"}


def foretold_page(rows: pd.DataFrame, covered: pd.DataFrame, words: pd.DataFrame, region: str) -> str:
    """The page as HTML. rows, covered and words: as of `uncertainty.foretold`."""
    parts = [_headline(covered), _words(words)]
    for of, (title, told) in _KINDS.items():
        own = rows[rows["of"] == of]
        if len(own):
            parts.append(f'<section id="{of}"><h2>{title}</h2><p>{told}</p>{_plots(own)}</section>')
    links = [("sure", "How often"), ("words", "Words"), *((of, title) for of, (title, _) in _KINDS.items())]
    return page(f"Trials of the {region} spine, foretold", "Each trial from all others", "".join(parts), links)


def _headline(covered: pd.DataFrame) -> str:
    heads = (
        "",
        "numbers",
        "inside",
        "share inside, %",
        "nine tenths of it, %",
        "studies",
        "wholly inside",
        "trusted, inside",
    )
    lines = [
        [
            _KINDS[row["of"]][0].lower(),
            row["rows"],
            row["inside"],
            round(_PERCENT * row["share"]),
            f"{_PERCENT * row['share_low']:.0f} to {_PERCENT * row['share_high']:.0f}",
            row["studies"],
            row["studies_wholly_inside"],
            f"{row['trusted_rows']}, {row['trusted_inside']}",
        ]
        for row in covered.to_dict("records")
    ]
    told = (
        "Each study was left out and foretold from all others, as a new one: nothing of what makes it its own was "
        "known. Nine tenths should lie inside if the model knew how little it knows. The line is the interval that was "
        "foretold, the full disc its middle, the open diamond what was printed. Where one study alone fixes what "
        "others say (Pareto k above 0.7), leaving it out by weights is not to be trusted: the last column leaves "
        "those out."
    )
    return f'<section id="sure"><h2>How often that fits</h2><p>{told}</p>{table(heads, lines, "covered")}</section>'


def _words(words: pd.DataFrame) -> str:
    if not len(words):
        return '<section id="words"><h2>Trials that report only words</h2><p>None of this region.</p></section>'
    heads = ("study", "score", "month", "says", "difference foretold", "nine tenths", "chance that it finds one, %", "")
    lines = [
        [
            row["study"],
            row["outcome"],
            row["months"],
            row["says"],
            round(row["difference"], 1),
            f"{figure(row['low'], 2)} to {figure(row['high'], 2)}",
            round(_PERCENT * row["chance_of_a_difference"]),
            "✓ agrees" if row["agrees"] else "✗ differs",
        ]
        for row in words.to_dict("records")
    ]
    told = "Counted apart: a trial agrees where such a trial would more likely than not have found what its words say."
    head = '<section id="words"><h2>Trials that report only words</h2>'
    return f"{head}<p>{told}</p>{table(heads, lines, 'words')}</section>"


def _plots(rows: pd.DataFrame) -> str:
    cards = []
    for row in rows.sort_values(["inside", "study"], kind="stable").to_dict("records"):
        cards.append(_card(row))
    return f'<div class="book">{"".join(cards)}</div>'


def _card(row: dict[str, Any]) -> str:
    look, verdict = ("agrees", "✓ inside") if row["inside"] else ("differs", "✗ outside")
    scale = _STATISTICS.get(row["statistic"], "change")
    values = (figure(row[name], 3) for name in ("printed", "foretold", "low", "high"))
    told = "printed {}, foretold {} ({} to {})".format(*values)
    known = "second hand" if row["tier"] > _FIRST_HAND else "read, or from an abstract or a review"
    plot = range_plot(Told(row["printed"], row["low"], row["high"], row["foretold"]))
    return (
        f'<article class="check {look}"><h3>{escape(row["study"])}</h3><p class="said"><span class="{look}">{verdict}'
        f"</span></p><p>{escape(row['arm'])}</p><p>{escape(row['outcome'])}, month {row['months']:g} ({scale}): "
        f"{told}</p>{plot}<p><small>{known}; Pareto k {figure(row['pareto_k'], 2)}</small></p></article>"
    )
