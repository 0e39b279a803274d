"""Pages of tables and small pictures that need no script: the validation book, the credibility page, what hangs on
hypotheses.

What: each function gives a whole page as text, self-contained, in the style of the report. Colour never stands alone: a
verdict is a word with a sign.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import resources
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from pulposus import evidence
from pulposus.report.pictures import Drawn, Told, curve_plot, figure, range_plot
from pulposus.report.sections import bullets, escape
from pulposus.validation import uninformed

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
        f"<footer><p>{advice}</p><p>{escape(made_by())}</p></footer></body></html>\n"
    )


def made_by() -> str:
    """Which program and evidence a page stands on, and when it was made."""
    return (
        f"Pulposus {version('pulposus')}, evidence {evidence.digest()[:_FINGERPRINT]}, made on "
        f"{datetime.now(UTC).date().isoformat()} (UTC)."
    )


_FINGERPRINT = 12  # maths: letters of the digest that tell two evidences apart
_STYLES = ("report.css", "book.css")


def table(heads: Sequence[str], rows: Sequence[Sequence[Any]], name: str) -> str:
    """A table with everything escaped."""
    head = "".join(f'<th scope="col">{escape(text)}</th>' for text in heads)
    body = "".join("<tr>" + "".join(f"<td>{escape(figure(cell))}</td>" for cell in row) + "</tr>" for row in rows)
    whole = f'<table class="{name}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
    return f'<div class="scroll">{whole}</div>'


# ---------------------------------------------------------------------------------------------- the validation book


def covered(shares: pd.DataFrame) -> str:
    """How many published values lie in the 90 % bands, in one sentence a row of `uncertainty.coverage.shares`."""
    return " ".join(
        f"Of {r['predictions']} {r['of']}, {r['held']} lie in the 90 % band of ours: {r['share']:.0%} (95 % interval "
        f"{r['low']:.0%} to {r['high']:.0%}, rows taken as independent; whole groups {r['groups_held']} of "
        f"{r['groups']}, {r['groups_low']:.0%} to {r['groups_high']:.0%}); of {r['meet']} the published band and ours "
        "meet."
        for r in shares.to_dict("records")
    )


def _coverage(held: pd.DataFrame, shares: pd.DataFrame) -> str:
    heads = ["prediction", "published", "its band", "ours, 5 to 95 %", "unit", "spread published", "a test", "held"]
    rows = [
        [
            r["name"],
            figure(r["published"]),
            f"{figure(r['published_low'])} to {figure(r['published_high'])}",
            f"{figure(r['ours_low'])} to {figure(r['ours_high'])}",
            r["unit"],
            "yes" if r["spread_published"] else "no",
            "hardly" if r["hardly"] else "yes",
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
        "differs stays, with the reason where it is known. In the pictures a line is ours, with a full disc where it "
        "is judged; an open diamond is what was published, a dashed line where that is a mean or a slope, and a bar "
        "or a shade is its band; smaller diamonds are other checks of the same group.</p>"
        f"{_single(judged, findings)}"
        f"{table(heads, counted.to_numpy().tolist(), 'counts')}{_trust(judged)}</section>"
    )
    links = [("counts", "Counts")]
    if held is not None and shares is not None:
        body += _coverage(held, shares)
        links.append(("coverage", "Coverage"))
    for of, words in CLASSES.items():
        part = results[results["class"] == of]
        if not part.empty:
            rows = part.to_dict("records")
            if of == "calibration":
                body += f'<section id="open"><h2>Numbers that no row can inform</h2>{_open()}</section>'
            cards = "".join(_card(row, findings.get(row["name"]), _mates(row, rows, findings)) for row in rows)
            body += f'<section id="{of}"><h2>{escape(words)}</h2><div class="book">{cards}</div></section>'
            links.append((of, of.capitalize()))
    return page(title, "Validation book", body, links)


def _open() -> str:
    """Strengths, synthesis and leak of which no calibration row says anything, with the reasons."""
    open_ = uninformed.open_numbers()
    said = (
        f"Of {len(open_)} assumed strengths, synthesis constants and leak numbers {len(uninformed.uninformed())} are "
        "not fitted, since no calibration row says anything of them; the others are moved by pulposus calibrate, which "
        f"says how far. {uninformed.NATIVE}"
    )
    return f"<p>{escape(said)}</p>" + bullets(uninformed.told())


_MANY = "are of single numbers that go along nothing, and stand"


def _single(judged: pd.DataFrame, findings: Mapping[str, Drawn]) -> str:
    """Which checks have no course, in one sentence."""
    alone = [name for name in judged["name"] if name in findings and not findings[name].curve]
    if not alone:
        return ""
    verb = "is of a single number that goes along nothing, and stands" if len(alone) == 1 else _MANY
    said = f"{len(alone)} of {len(judged)} checks {verb} on a line: {', '.join(alone)}."
    return f"<p>{escape(said)}</p>"


def _mates(
    row: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], findings: Mapping[str, Drawn]
) -> list[tuple[Drawn, Told]]:
    """Other checks of a group whose value stands on the same curve."""
    found = findings.get(row["name"])
    mine = [r for r in rows if r["group"] == row["group"] and r["name"] != row["name"] and r["name"] in findings]
    return [(findings[r["name"]], _told(r)) for r in mine if found and findings[r["name"]].curve == found.curve]


def _told(row: Mapping[str, Any]) -> Told:
    return Told(row["published"], row["low"], row["high"], row["ours"])


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
    for before, part in predicted.groupby("band_before"):
        agree = int((part["verdict"] == "agrees").sum())
        rows.append([_BEFORE[before], len(part), agree, part["group"].nunique()])
    dated = table(["quantitative predictions whose band", "checks", "agree", "groups"], rows, "trust")
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
    return dated + table(heads, rows, "trust")


_BEFORE = {
    "yes": "was committed before any result of ours for it",
    "no": "came in one change with the result, or after it was known",
}


def _card(row: Mapping[str, Any], found: Drawn | None, mates: Sequence[tuple[Drawn, Told]]) -> str:
    said = SIGNS[row["verdict"]]
    look = {"agrees": "agrees", "differs": "differs", "not computed": "failed"}.get(row["verdict"], "pending")
    unit = "" if row["unit"] in ("", "1") else f" {row['unit']}"
    if row["kind"] == "ordering":
        told, plot = escape(row["told"]), curve_plot(found) if found else ""
    elif row["class"] == "pending":
        told, plot = f"published {figure(row['published'])}{escape(unit)}", ""
    else:
        told = (
            f"ours {figure(row['ours'])}, published {figure(row['published'])}{escape(unit)}; "
            f"band {figure(row['low'])} to {figure(row['high'])}: {escape(row['tolerance'])}"
        )
        plot = "" if found and found.curve and found.shown else range_plot(_told(row))
        plot += curve_plot(found, _told(row), mates) if found else ""
    comment = f"<p><em>{escape(row['comment'])}</em></p>" if row["comment"] else ""
    sources = "; ".join(escape(evidence.reference(key.strip())) for key in row["source"].split(";"))
    known = {"read": "read", "abstract": "from the abstract", "computed": "computed", "memory": "recalled, not read"}
    return (
        f'<article class="check {look}"><h3>{escape(row["name"])}</h3>'
        f'<p class="said"><span class="{look}">{escape(said)}</span></p>'
        f"<p>{escape(row['quantity'])}; {escape(row['condition'])}</p><p>{told}</p>{comment}{plot}"
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
