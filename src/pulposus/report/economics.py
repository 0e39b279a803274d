"""The page of an economic evaluation: net benefit first, then ratios in words, what is not known, and every number."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pulposus.report.book import page, table
from pulposus.report.pictures import figure
from pulposus.report.sections import escape
from pulposus.shown import Evaluated

_PERCENT = 100
_CAPTIONS = {
    "net_benefit": "Net benefit is what the quality-adjusted years are worth at the threshold, less what they cost.",
    "plane": "Each small dot is a draw of what is not known. A ratio has a meaning only to the right of nought.",
    "acceptability": "An option that is best on average need not be the likeliest best, and the reverse.",
    "information": "More than this a study for one person should not cost; times the people whom it would serve.",
}


def economics_page(found: Evaluated, title: str, head: str, pictures: Sequence[Path]) -> str:
    """The whole page as HTML, pictures inside it. head: who, where and how long, in one sentence."""
    links = [("options", "Options"), ("cells", "Cells"), ("sure", "How sure"), ("years", "Years"), ("notes", "Notes")]
    shown = {path.stem: path for path in pictures}
    body = (
        f'<section id="options"><p>{escape(head[0].upper() + head[1:])}</p><p><strong>{escape(found.said)}</strong></p>'
        f"{_picture(shown, 'net_benefit')}{_options(found)}</section>"
        f'<section id="cells"><h2>Cells against each of them</h2>{_pairs(found)}</section>'
        f'<section id="sure"><h2>How sure that is</h2>{_picture(shown, "plane")}{_picture(shown, "acceptability")}'
        f"{_picture(shown, 'information')}{_worth(found)}</section>"
        f'<section id="years"><h2>Year by year, and as a cohort</h2>{_years(found)}{_cohort(found)}</section>'
        f'<section id="notes"><h2>What must be read with it</h2><ul>{"".join(map(_note, found.notes))}</ul></section>'
    )
    return page(title, "what it costs, and what it gains", body, links)


def _note(text: str) -> str:
    return f"<li>{escape(text)}</li>"


def _picture(shown: Mapping[str, Path], name: str) -> str:
    if name not in shown:
        return ""
    data = base64.b64encode(shown[name].read_bytes()).decode()
    caption = escape(_CAPTIONS[name])
    return (
        f'<figure><img src="data:image/png;base64,{data}" alt="{caption}" style="max-width:100%;background:#fff">'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def money(value: float) -> str:
    """Money to the whole, thousands apart."""
    return f"{value:,.0f}".replace("-", "−")


def _band(row: Mapping[str, Any], *names: str) -> str:
    """A mean and the ends of its band, two decimals, no minus before nought."""
    value, low, high = (f"{round(row[name], 2) + 0.0:.2f}".replace("-", "−") for name in names)
    return f"{value} ({low} to {high})"


def _options(found: Evaluated) -> str:
    heads = (
        "option",
        f"net benefit, {found.currency}",
        "if its own effect ends with what trials saw",
        "more than the reference (90 %)",
        "cost",
        "quality-adjusted years (90 %)",
        "of them by the treatment itself (90 %)",
        "best in, %",
        "against the reference",
        "frontier",
    )
    rows = []
    for row in found.table.to_dict("records"):
        words = row["ratio"] + (" (model output)" if row["kind"] != "model" else "")
        more = f"{money(row['more_benefit'])} ({money(row['more_benefit_low'])} to {money(row['more_benefit_high'])})"
        rows.append(
            [
                found.titles[row["option"]],
                money(row["net_benefit"]),
                money(row["net_benefit_seen"]),
                "" if row["ratio"] == "the reference" else more,
                money(row["cost"]),
                _band(row, "qaly", "qaly_low", "qaly_high"),
                _band(row, "own_qaly", "own_low", "own_high"),
                f"{_PERCENT * row['chance_best']:.0f}",
                words,
                row["frontier"],
            ]
        )
    return table(heads, rows, "options")


def _pairs(found: Evaluated) -> str:
    if not len(found.pairs):
        return "<p>No way with cells was among them.</p>"
    told = (
        "Every number here is this model's output: no published ratio of cells in a disc was found. The last column is "
        "the price in USD at which both would be of one net benefit; below nought no price is low enough."
    )
    heads = ["cells", "against", "more cost", "more years", "more net benefit (90 %)", "better in, %", "in words"]
    heads.append("price")
    rows = [
        [
            row["option"].replace("_", " "),
            row["against"].replace("_", " "),
            money(row["more_cost"]),
            f"{round(row['more_qaly'], 2) + 0.0:.2f}".replace("-", "−"),
            f"{money(row['more_benefit'])} ({money(row['more_benefit_low'])} to {money(row['more_benefit_high'])})",
            f"{_PERCENT * row['chance_better']:.0f}",
            f"{row['ratio']} (model output)",
            money(row["price_at_par"]),
        ]
        for row in found.pairs.to_dict("records")
    ]
    return f'<p class="warning" role="note"><strong>{told}</strong></p>{table(heads, rows, "pairs")}'


def _worth(found: Evaluated) -> str:
    rows = [[r["known"].replace("_", " "), r["numbers"], money(r["worth"])] for r in found.worth.to_dict("records")]
    return table(("known for sure", "numbers", f"worth, {found.currency} a person"), rows, "worth")


def _years(found: Evaluated) -> str:
    wide = found.yearly.pivot(index="option", columns="years", values="net_benefit")
    wide = wide.loc[found.table["option"]]
    heads = ("net benefit by the end of year", *map(str, wide.columns))
    rows = [
        [name.replace("_", " "), *map(money, row)] for name, row in zip(wide.index, wide.to_numpy(), strict=True)
    ]
    return table(heads, rows, "yearly")


def _cohort(found: Evaluated) -> str:
    told = (
        "The same by a cohort in four states (not better, better, operated later, dead) whose chances are counted from "
        "the people up to the month that trials looked to, and carried on: what lies between the two is what hangs on "
        "the form of the model."
    )
    heads = ("option", "cost, people", "cost, cohort", "years, people", "years, cohort")
    rows = [
        [r["option"].replace("_", " "), money(r["cost_people"]), money(r["cost_cohort"])]
        + [figure(r["qaly_people"], 3), figure(r["qaly_cohort"], 3)]
        for r in found.cohort.to_dict("records")
    ]
    return f"<p>{told}</p>{table(heads, rows, 'cohort')}"
