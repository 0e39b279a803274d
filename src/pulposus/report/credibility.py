"""The credibility page: what the model is for, what hangs on it, and how far it was checked, generated from the book.

The order follows ICH M15 (question, context of use, influence, consequence, risk, evaluation) and ASME V&V 40
(verification, validation, uncertainty, applicability). Every count is taken from the checks and the evidence.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pulposus import evidence
from pulposus.evidence import usage
from pulposus.evidence.checks import WEAK, goals
from pulposus.report.book import covered, page, table
from pulposus.report.sections import bullets, escape, paragraphs

if TYPE_CHECKING:
    import pandas as pd

FAMILIES = {
    "solutes": "oxygen, glucose, lactate and supply",
    "matter": "composition, diffusivity and form",
    "courses": "ageing, turnover and treatment over time",
    "culture": "cells in culture",
    "days": "pressure, height and motion under load",
    "tissue": "samples of tissue, pulled",
    "tears": "tears of the annulus",
}
_COUNTED = ("retrodiction", "prediction")


def credibility_page(results: pd.DataFrame, counted: pd.DataFrame, shares: pd.DataFrame | None = None) -> str:
    """The whole page, from the table of checks and its counts, and how many published values the bands of predictions
    hold, where that was asked.
    """
    parts = (
        ("question", "Question of interest", paragraphs(_QUESTION)),
        ("context", "Context of use", paragraphs(_CONTEXT)),
        ("risk", "Influence, consequence, risk", _risk()),
        ("verification", "Verification", _verification(results)),
        ("validation", "Validation", _validation(results, counted)),
        ("uncertainty", "Uncertainty", _uncertainty(results, shares)),
        ("applicability", "Applicability", _applicability(results)),
        ("outcome", "What follows", _outcome(results)),
    )
    body = "".join(f'<section id="{key}"><h2>{escape(words)}</h2>{text}</section>' for key, words, text in parts)
    return page("How far this model may be trusted", "Credibility", body, [(key, words) for key, words, _ in parts])


_QUESTION = (
    "In one lumbar or cervical disc of known form and grade: how do nutrients, cells, matrix, water and height go over "
    "months and years, with an injection of cells and without it, and which mechanism has what share in it?",
)
_CONTEXT = (
    "Meant for: comparing hypotheses, finding which measurements would tell them apart, and planning experiments and "
    "trials whose outcome is then measured.",
    "Not meant for: a decision on a person, a claim that a product works, the place of a control arm, or a symptom. "
    "The model of the disc, which this page judges, computes no pain, no disability and no harm; what Pulposus says of "
    "these is read from trials and series, and checked by `pulposus trial leave-one-out`.",
)


def _risk() -> str:
    rows = [
        [g.use, g.influence, g.consequence, g.risk, f"{g.share:.0%}" if g.share == g.share else "none", g.because]
        for g in goals()
    ]
    heads = ["use", "influence of the model", "consequence of a wrong answer", "risk", "credibility goal", "because"]
    said = (
        "The goal of a use is the share of quantitative predictions of a family that must agree before the model may "
        "enter it. Goals are assumed here, one a use by what a wrong answer costs."
    )
    return table(heads, rows, "choices") + f"<p>{escape(said)}</p>"


def _differing(part: pd.DataFrame) -> str:
    wrong = part[part["verdict"].isin(["differs", "not computed"])]
    if wrong.empty:
        return "<p>Nothing differs.</p>"
    return "<p>What differs:</p>" + bullets([f"{r['name']}: {r['comment'] or r['told']}" for _, r in wrong.iterrows()])


def _verification(results: pd.DataFrame) -> str:
    part = results[results["class"] == "verification"]
    agree = int((part["verdict"] == "agrees").sum())
    told = (
        f"{agree} of {len(part)} comparisons agree with another code's published field, an independent finite-element "
        "solution, printed laws or theory. Conservation, order of convergence and step control are no part of this "
        "book: the tests of the package ask for them, and this page has not run those."
    )
    return f"<p>{escape(told)}</p>" + _differing(part)


def _validation(results: pd.DataFrame, counted: pd.DataFrame) -> str:
    rows = [
        [r["class"], r["kind"], r["checks"], r["agree"], r["groups"], r["groups_agree"], r["sources"]]
        for _, r in counted.iterrows()
        if r["class"] in ("reproduction", "calibration", *_COUNTED)
    ]
    heads = ["class", "kind", "checks", "agree", "groups", "groups that agree", "sources"]
    text = table(heads, rows, "counts")
    rows = []
    for of, words, part in _by_family(results):
        measured = part[part["against"] == "measurement"]
        agree = [int((p["verdict"] == "agrees").sum()) for p in (part, measured)]
        recalled = int((part["status"] == "memory").sum())
        rows.append([of, words, len(part), agree[0], int(_weak(part).sum()), len(measured), agree[1], recalled])
    heads = [
        "class",
        "quantitative, of",
        "checks",
        "agree",
        f"of them {WEAK}",
        "against measurements",
        "of them agree",
        "recalled",
    ]
    return text + table(heads, rows, "counts") + _differing(results[results["class"].isin(_COUNTED)])


def _by_family(results: pd.DataFrame) -> list[tuple[str, str, pd.DataFrame]]:
    """(class, words of the family, rows) of all quantitative predictions and retrodictions, families in their order."""
    found = []
    for of in reversed(_COUNTED):
        mine = results[(results["class"] == of) & (results["kind"] == "quantitative")]
        parts = [(words, mine[mine["family"] == family]) for family, words in FAMILIES.items()]
        parts.append(("others", mine[~mine["family"].isin(FAMILIES)]))
        found += [(of, words, part) for words, part in parts if len(part)]
    return found


def _weak(part: pd.DataFrame) -> pd.Series:
    """Rows that agree and could hardly do otherwise."""
    return (part["verdict"] == "agrees") & part["comment"].fillna("").str.startswith(WEAK)


def _meshes(results: pd.DataFrame) -> str:
    """How far the mesh of this book is from a finer one, as its checks found it."""
    part = results[results["group"] == "coarse and standard mesh"]
    if part.empty:
        return "Discretisation: not asked in this run."
    told = "; ".join(f"{r['quantity']}: {r['ours']:.2g} % ({r['verdict']})" for r in part.to_dict("records"))
    return f"Discretisation, coarse mesh of this book against the standard one: {told}."


def _uncertainty(results: pd.DataFrame, shares: pd.DataFrame | None) -> str:
    rows = [evidence.used(name) for name in evidence.names()]
    read = [row for row in rows if usage.readers(row.name)]
    kinds = Counter(row.kind for row in read)
    ranged = sum(row.low < row.high for row in read)
    told = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
    return paragraphs(
        (
            f"The processes of the disc read {len(read)} numbers: {told}. {ranged} of them have a range. Products, "
            "carriers and sites add their own, most of them assumptions; the report of a run counts those it used.",
            "Choices on which sources contradict each other are named; `pulposus run --compare-hypotheses` shows what "
            "hangs on each for a given case.",
            "Ranges are propagated by ensembles (`pulposus run --ensemble 200`): every curve gets a band, and the "
            "report says what share of the spread is lack of knowledge. "
            + (
                "Whether such bands hold what was published: `pulposus validate --coverage 20` asks it."
                if shares is None
                else covered(shares)
            ),
            _meshes(results),
        )
    )


def _applicability(results: pd.DataFrame) -> str:
    pending = results[results["class"] == "pending"]
    missing: Mapping[str, int] = Counter(comment.removeprefix("pending: ") for comment in pending["comment"])
    waits = ", ".join(f"{count} of {what}" for what, count in missing.items())
    limits = [s.text for s in evidence.statements() if s.name.startswith("limit_")]
    said: Sequence[str] = (
        "Comparators are lumbar discs, healthy to grade IV, cadavers, animals' tissue and other models. No measured "
        "number of injected cells in a living human disc was found, and no controlled trial in the neck: there the "
        "model extrapolates.",
        f"Published results that this model has no process for: {waits or 'none'}.",
    )
    return paragraphs(said) + bullets(limits)


def _outcome(results: pd.DataFrame) -> str:
    said = []
    for of, words, rows in _by_family(results):
        part = rows[~_weak(rows)]
        if part.empty:
            continue
        share = float((part["verdict"] == "agrees").mean())
        met = [g.use for g in goals() if share >= g.share]
        trust = f"meets the goal for {' and '.join(met)}" if met else "meets no goal: not to be used"
        less = f", {len(rows) - len(part)} left out that are {WEAK}" if len(part) < len(rows) else ""
        said.append(f"{words}: {share:.0%} of {len(part)} quantitative {of}s agree{less}; {trust}.")
    said.append(
        "Effects of treatment stand on assumed strengths and retention: they show what would follow, not what is."
    )
    return bullets(said)
