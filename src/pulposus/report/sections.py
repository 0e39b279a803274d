"""The sections of the page as HTML, and the numbers behind its charts; all that comes from a case or a table is
escaped.
"""

from __future__ import annotations

import html
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pulposus.report.words import (
    FATES,
    Fate,
    after_doses,
    by_product,
    column,
    duration,
    ends,
    fate_of,
    living,
    number,
    rate,
    signed,
)

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

# Outcome of the runs with single mechanisms off or alone -> its short name in their table.
OUTCOMES = {"aggrecan_nucleus_percent": "aggrecan", "water_nucleus_percent": "water", "native_cells_million": "cells"}
LONG = ' tabindex="0" role="region" aria-label="All numbers of this run"'
KINDS = ("assumed", "chosen", "fitted", "derived", "measured")
NODE = ("ring", "sector", "layer")


@dataclass(frozen=True)
class Curve:
    """One small chart: column of the summary, title, unit; `span` is the least height of its axis, so that trifles
    look like trifles.
    """

    column: str
    title: str
    unit: str
    span: float
    decimals: int = 1
    fixed: tuple[float, float] | None = None
    treated_only: bool = False


CURVES = (
    Curve("aggrecan_nucleus_percent", "Aggrecan in the nucleus", "% of start", 10),
    Curve("water_nucleus_percent", "Water in the nucleus", "% by volume", 4, 2),
    Curve("height_mm", "Mean disc height", "mm", 1, 2),
    Curve("native_cells_million", "Native cells alive", "million", 10),
    Curve(
        "injected_cells_million", "Injected cells alive, NP-like ones among them", "million", 0, 2, treated_only=True
    ),
    Curve("np_like_cells_million", "NP-like cells from injected ones", "million", 0, 2, treated_only=True),
    Curve("oxygen_min_kPa", "Lowest oxygen", "kPa", 0.4, 2),
    Curve("glucose_min_mM", "Lowest glucose", "mM", 0.4, 2),
    Curve("ph_min", "Lowest pH", "", 0.2, 2),
    Curve("il1b_nucleus", "IL-1β in the nucleus", "× healthy", 1, 2),
    Curve("tnf_nucleus", "TNF in the nucleus", "× healthy", 0.4, 2),
    Curve("adamts4_nucleus", "ADAMTS-4 in the nucleus", "× healthy", 0.4, 2),
    Curve("mmp3_nucleus", "MMP-3 in the nucleus", "× healthy", 0.4, 2),
    Curve("t2_nucleus_ms", "T2 of the nucleus", "ms", 10),
    Curve("pfirrmann_estimate", "Pfirrmann grade, estimated", "1 best, 5 worst", 0, 2, (5, 1)),
)


# -------------------------------------------------------------------------------------------- numbers behind the charts


def curves_payload(
    summary: pd.DataFrame, ledger: pd.DataFrame | None, bands: pd.DataFrame | None = None
) -> list[dict[str, Any]]:
    """For the charts: months and values of both arms, and the bands of an ensemble where there is one; living injected
    cells from the ledger, which knows the moment of a dose.
    """
    drawn = []
    products = by_product(ledger)
    for curve in CURVES:
        arms = ("treated",) if curve.treated_only else ("untreated", "treated")
        lines = {arm: column(summary, arm, curve.column) for arm in arms}
        lines = {arm: values for arm, values in lines.items() if values.size}
        if not lines:
            continue
        months = column(summary, next(iter(lines)), "month")
        if curve.column == "injected_cells_million" and len(products) == 1:
            rows = after_doses(products[0][1])
            months, lines = rows["month"].to_numpy(float), {"treated": living(rows)}
        described = {
            "id": curve.column,
            "title": curve.title,
            "unit": curve.unit,
            "span": curve.span,
            "fixed": curve.fixed,
        }
        # a disc that was taken out has numbers up to that month only
        values = {arm: values[np.isfinite(values)].tolist() for arm, values in lines.items()}
        described |= {"decimals": curve.decimals, "months": months.tolist(), "lines": values}
        drawn.append(described | _bands(curve, arms, bands))
    return drawn


def _bands(curve: Curve, arms: Sequence[str], bands: pd.DataFrame | None) -> dict[str, Any]:
    """Months, low and high ends of a curve's band by arm; nothing where no ensemble was run."""
    name = "injected_alive_million" if curve.column == "injected_cells_million" else curve.column
    found = {}
    for arm in arms:
        rows = None if bands is None else bands[(bands["column"] == name) & (bands["arm"] == arm)].sort_values("month")
        if rows is not None and len(rows):
            found[arm] = {key: rows[key].astype(float).tolist() for key in ("month", "low", "high")}
    return {"bands": found} if found else {}


def ledger_payload(ledger: pd.DataFrame | None) -> list[dict[str, Any]]:
    """For the stacked areas: months, and millions by fate, of every product; `until` is where the first view of it
    ends.
    """
    books = []
    for product, rows in by_product(ledger):
        full = after_doses(rows)
        last, doses = float(full["month"].iloc[-1]), full.loc[full["dosed"], "month"]
        lived = fate_of(product, rows).one_percent
        until = min(last, 1.25 * (float(doses.max()) + (last if lived is None else lived)) + 1)
        fates = [{"name": k, "label": label, "million": full[k].tolist()} for k, label in FATES.items() if k in full]
        books.append({"product": product, "months": full["month"].tolist(), "until": until, "fates": fates})
    return books


# ---------------------------------------------------------------------------------------------- sections


def tiles(summary: pd.DataFrame, fates: Sequence[Fate]) -> str:
    """The few numbers to remember, large."""
    tiles = []
    for fate in fates[:1]:
        share = number(100 * fate.after_a_month / fate.injected, 2)
        tiles.append(
            (
                f"{share} %",
                "of the injected cells alive one month after the last dose"
                if fate.doses > 1
                else "of the injected cells alive after one month",
                f"{fate.product}, {number(fate.injected)} million",
            )
        )
    for curve in CURVES:
        if curve.column not in ("aggrecan_nucleus_percent", "height_mm", "t2_nucleus_ms", "pfirrmann_estimate"):
            continue
        _, untreated, treated = ends(summary, curve.column)
        shown = treated if math.isfinite(treated) else untreated
        unit = "" if curve.fixed else f" {curve.unit}"
        beside = f"untreated {untreated:.{curve.decimals}f}{unit}" if math.isfinite(treated) else "without treatment"
        tiles.append((f"{shown:.{curve.decimals}f}{unit}", f"{curve.title} at the end", beside))
    return "".join(
        f'<div class="tile"><b>{escape(a)}</b><span>{escape(b)}</span><i>{escape(c)}</i></div>' for a, b, c in tiles
    )


def warnings(info: Mapping[str, Any]) -> str:
    """What must be said before anything else: arms that failed, then the warnings of the case."""
    status = info.get("status")
    failed = (
        [f"{arm}: {text}" for arm, text in status.items() if text != "completed"] if isinstance(status, Mapping) else []
    )
    texts = [*failed, *(info.get("warnings") or [])]
    return "".join(f'<p class="warning" role="note"><b>Note:</b> {escape(text)}</p>' for text in texts)


def note(text: str) -> str:
    """A sentence that stands out, or nothing."""
    return f'<p class="hangs">{escape(text)}</p>' if text else ""


def band_key(drawn: Sequence[Mapping[str, Any]]) -> str:
    """What the bands of the charts are, where there are any."""
    shown = any(chart.get("bands") for chart in drawn)
    return '<span class="band">nine of ten members of the ensemble</span>' if shown else ""


def charts(summary: pd.DataFrame, drawn: Sequence[Mapping[str, Any]]) -> str:
    """One figure a curve of the payload, with its untreated rate in words; the scripts draw into them."""
    figures = []
    for chart in drawn:
        title, name = escape(chart["title"]), chart["id"]
        text = escape(_chart_words(summary, chart))
        figures.append(
            f'<figure class="chart"><h3>{title} <small>{escape(chart["unit"])}</small></h3>'
            f'<div id="chart-{name}" class="plot" role="img" aria-label="{title} over time. {text}"></div>'
            f"<figcaption>{text}</figcaption></figure>"
        )
    return "".join(figures)


def _chart_words(summary: pd.DataFrame, chart: Mapping[str, Any]) -> str:
    """What a curve does, for those who cannot see it and for those who want the figure."""
    if "untreated" not in chart["lines"]:
        treated = chart["lines"]["treated"]
        last = treated[-1]
        end = "none" if last == 0 else "under a thousand cells" if last < 1e-3 else f"{number(last, 2)} million"
        return (
            f"At most {number(max(treated), 2)} million, {end} at the end." if max(treated) > 0 else "None at any time."
        )
    start, untreated, treated = ends(summary, chart["id"])
    d = chart["decimals"]
    text = f"Untreated {start:.{d}f} → {untreated:.{d}f} ({rate(summary, chart['id'], d + 1)} a year)."
    return text + (
        f" Treated {treated:.{d}f} at the end ({signed(treated - untreated, d)})." if math.isfinite(treated) else ""
    )


def fate(fates: Sequence[Fate]) -> str:
    """What became of the injected cells, product by product."""
    if not fates:
        return "<p>No living cells were injected.</p>"
    parts = []
    for index, fate in enumerate(fates):
        rows = [
            [_begun(FATES[name]), _bar(share, name), f"{share:.1f} %"] for name, share in reversed(fate.shares.items())
        ]
        if abs(fate.unexplained) >= 0.05:
            rows.append(["Not accounted for: the books do not close", "", f"{fate.unexplained:.1f} %"])
        lasted = "never" if fate.one_percent is None else duration(fate.one_percent)
        half = "longer than the run" if fate.half_life is None else duration(fate.half_life)
        stayed = ("Stayed", f"{number(fate.stayed)} million" + (" after the last dose" if fate.doses > 1 else ""))
        facts = [("Injected alive", f"{number(fate.injected)} million"), stayed]
        facts += [("Half-life of those", half), ("1 % of all left after", lasted)]
        label = f"What became of the injected {fate.product} over time; the table beside it holds the end."
        parts.append(
            f"<h3>{escape(fate.product)}</h3><dl class='facts'>"
            + "".join(f"<div><dt>{a}</dt><dd>{escape(b)}</dd></div>" for a, b in facts)
            + f'</dl><div class="pair"><div><div id="ledger-{index}" class="plot tall" role="img" '
            f'aria-label="{escape(label)}"></div><button type="button" id="ledger-whole-{index}" '
            'aria-pressed="false">the whole run</button></div>'
            + table(["At the end", "", "of all cells"], rows, "fates", raw=(1,))
            + "</div>"
        )
    return "".join(parts)


def needles(info: Mapping[str, Any]) -> str:
    """How hard each injection pressed, and how much of its volume went in; nothing where no pressure counts."""
    pressed = [record for record in info.get("injections") or [] if record["peak_psi"] > 0]
    rows = [
        [
            f"{record['product']}, month {record['month']:g}",
            f"{record['given_mL']:.2g} of {record['volume_mL']:g} mL",
            f"{record['peak_psi']:.0f} psi ({record['peak_MPa']:.2f} MPa)",
            "ended there" if record["stopped"] else "",
        ]
        for record in pressed
    ]
    return "<h3>At the needle</h3>" + table(["Dose", "Given", "Highest pressure", ""], rows, "needles") if rows else ""


def _begun(text: str) -> str:
    """A sentence's first letter large."""
    return text[:1].upper() + text[1:]


def _bar(percent: float, name: str = "share") -> str:
    """A small bar; negative shares go to the left of the mark in another colour."""
    width = min(abs(percent), 100)
    return (
        f'<span class="bar"><span class="{name}{" negative" * (percent < 0)}" style="width:{width:.1f}%"></span></span>'
    )


def mechanisms(ablation: pd.DataFrame | None, info: Mapping[str, Any]) -> str:
    """Each mechanism alone, off, and its share, the greatest first; disputed ones with the reason."""
    if ablation is None or ablation.empty:
        return "<p>The treatment was not run with single mechanisms off and alone.</p>"
    runs = ablation.set_index("run")
    effect = {run: [float(runs.at[run, c] - runs.at["untreated", c]) for c in OUTCOMES] for run in runs.index}
    meta = {about["name"]: about for about in info.get("mechanisms_meta") or []}
    names = [run.removeprefix("only ") for run in runs.index if run.startswith("only ")]
    shares = {name: [100 * float(runs.at[f"only {name}", f"share_{s}"]) for s in OUTCOMES.values()] for name in names}
    rows = []
    for name in sorted(names, key=lambda name: -np.nan_to_num(shares[name][0], nan=-math.inf)):
        alone = effect[f"only {name}"][0] - effect["none"][0]
        lost = effect["all"][0] - effect[f"without {name}"][0]
        about = _mechanism(meta.get(name, {"title": name}))
        rows.append([about, signed(alone, 2), signed(lost, 2), *(_share(share) for share in shares[name])])
    heads = ["Mechanism", "aggrecan when alone, points", "aggrecan lost when off, points"]
    heads += ["share of the effect on aggrecan", "on water", "on native cells"]
    return _mechanism_words(effect, info) + table(heads, rows, "mechanisms", raw=(0, 3, 4, 5)) + _metabolism(info)


def _metabolism(info: Mapping[str, Any]) -> str:
    """The choice that decides whether injected cells starve: what fresh ones use, with its consequence."""
    choices = info.get("metabolism") or []
    if not choices:
        return ""
    rows = [
        [
            _begun(choice["choice"]),
            *(" · ".join(f"{x:g}" for x in choice[f"{solute}_multiplier"]) for solute in ("oxygen", "glucose")),
            number(choice["injected_alive_month_1_million"], 2),
            *(signed(choice[f"effect_{short}"], 2) for short in ("aggrecan", "cells")),
        ]
        for choice in choices
    ]
    heads = [
        "fresh cells use",
        "oxygen, × a disc cell",
        "glucose, × a disc cell",
        "injected alive after a month, million",
    ]
    heads += ["aggrecan against untreated, points", "native cells against untreated, million"]
    return (
        "<h3>A choice that decides: what fresh cells eat</h3><p>Cells from culture use several times the oxygen and "
        "sugar of a disc cell until they adapt. How many times is known within a wide range only; the same treatment "
        "with the least and the most of that range, on the coarse mesh:</p>" + table(heads, rows, "choices")
    )


def _mechanism(about: Mapping[str, Any]) -> str:
    """Name, what it is, and why it is disputed, if it is."""
    mark, reason = "", ""
    if about.get("disputed"):
        mark, reason = '<span class="disputed">disputed</span>', f"<em>{escape(about.get('dispute') or '')}</em>"
    return f"<b>{escape(about['title'])}</b>{mark}<br>{escape(about.get('what', ''))}{reason}"


def _share(percent: float) -> str:
    """A share as a bar and in whole percent, with a true minus and no minus zero."""
    return f"{_bar(percent)} {round(percent)} %".replace(" -", " −") if math.isfinite(percent) else "–"


def _mechanism_words(effect: Mapping[str, Sequence[float]], info: Mapping[str, Any]) -> str:
    def told(run: str) -> str:
        aggrecan, water, cells = (signed(value, 2) for value in effect[run])
        return f"aggrecan {aggrecan} and water {water} percentage points in the nucleus, native cells {cells} million"

    text = (
        f"Against the untreated disc, with every mechanism at work: {told('all')}. With every one switched off, when "
        f"what is injected only eats and the needle has left its wound: {told('none')}. What the mechanisms do is the "
        "difference between the two. The share of one is the mean of what it adds alone and of what is lost without "
        "it, over that difference; shares need not add to 100 %, as mechanisms help and hinder one another, a negative "
        "one works against the others, and where all together change less than can be printed there are no shares."
    )
    needle = info.get("needle") or {}
    if needle:
        unhurt = [signed(needle[f"effect_{short}"], 2) for short in OUTCOMES.values()]
        text += (
            f" Through a needle that hurts nothing the whole treatment would come to aggrecan {unhurt[0]} and water "
            f"{unhurt[1]} points, native cells {unhurt[2]} million."
        )
    return f"<p>{escape(text)}</p><p>{escape(_check_words(info))}</p>"


def _check_words(info: Mapping[str, Any]) -> str:
    """How well the mesh of the mechanism runs reproduces the main run."""
    check = info.get("ablation_check") or {}
    if not check or check.get("mesh") == check.get("ablation_mesh"):
        return ""
    pairs = {short: [check[f"{short}_{mesh}"] for mesh in ("coarse", "standard")] for short in OUTCOMES.values()}
    units = dict(zip(pairs, ("points of aggrecan", "points of water", "million native cells"), strict=True))
    told = "; ".join(f"{signed(a, 2)} {units[short]} (main run {signed(b, 2)})" for short, (a, b) in pairs.items())
    apart = [units[short] for short, (a, b) in pairs.items() if abs(a - b) > max(0.1 * abs(b), 5e-3)]
    verdict = f", which is more than a tenth apart in {' and in '.join(apart)}" if apart else ", within a tenth"
    return f"These runs use a coarse mesh. The treatment as a whole comes to {told}{verdict}."


def filled(case: Mapping[str, Any], info: Mapping[str, Any]) -> str:
    """What of this case came from tables, and which sides were taken."""
    filled = info.get("filled") or {}
    items = []
    for name, sentence in filled.items():
        head, _, tail = str(sentence).partition(": ")
        head = (head if name in head else f"{name} = {head}").replace(name, name.replace("_", " "))
        items.append(f"<li><b>{escape(head)}</b>{f'<small>{escape(tail)}</small>' if tail else ''}</li>")
    words = (
        f"{len(items)} of this disc's dimensions were not given and come from published tables:"
        if items
        else "Every dimension was given."
    )
    choices = [[name.replace("_", " "), _said(value)] for name, value in (info.get("hypotheses") or {}).items()]
    chosen = (
        "<h3>Sides taken where sources disagree</h3>" + table(["hypothesis", "chosen"], choices, "choices")
        if choices
        else ""
    )
    if info.get("hypotheses_page"):
        page = escape(str(info["hypotheses_page"]))
        chosen += f'<p>What hangs on each of them stands in <a href="{page}">{page}</a>, beside this page.</p>'
    notes = f'<h3>Notes of the case</h3><p class="notes">{escape(case["notes"])}</p>' if case.get("notes") else ""
    return f'<p>{words}</p><ul class="filled">{"".join(items)}</ul>{chosen}{notes}'


def _said(value: Any) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value).replace("_", " ")


def numbers(rows: Sequence[Mapping[str, Any]]) -> str:
    """Every number that the run read, the assumed ones first, counted by kind."""
    order = {kind: place for place, kind in enumerate(KINDS)}
    ranked = sorted(rows, key=lambda row: (order.get(row["kind"], len(order)), row["name"]))
    counts = Counter(row["kind"] for row in rows)
    told = ", ".join(f"{counts[kind]} {kind}" for kind in sorted(counts, key=lambda kind: order.get(kind, len(order))))
    body = [
        [
            f"<code>{escape(row['name'])}</code><br>{escape(row.get('meaning') or '')}",
            _figure(row.get("value")),
            {"1": "–"}.get(row.get("unit") or "", row.get("unit") or ""),
            f"{_figure(row.get('low'))} to {_figure(row.get('high'))}" if row.get("low") is not None else "",
            f'<span class="kind {escape(row["kind"])}">{escape(row["kind"])}</span>',
            _source_links(row),
        ]
        for row in ranked
    ]
    heads = ["number", "value", "unit", "range", "kind", "source"]
    unread = sum(row.get("status") == "memory" for row in rows)
    known = f" {unread} stand on no source that was read: assumptions, or recalled." if unread else ""
    return (
        f"<p>This run read <b>{len(rows)}</b> numbers: {escape(told)}.{known} Those that are assumed come first.</p>"
        '<p class="filter"><label for="number-filter">Show only numbers that hold</label> '
        '<input id="number-filter" type="search" placeholder="glucose, assumed, …" '
        'autocomplete="off"> <output id="number-count"></output></p>' + table(heads, body, "numbers", raw=(0, 4, 5))
    )


def _source_links(row: Mapping[str, Any]) -> str:
    keys = row.get("source_keys") or [key.strip() for key in str(row.get("source") or "").split(";") if key.strip()]
    linked = [
        f'<a href="#source-{escape(key)}">{escape(key)}</a>' if key != "assumption" else "assumption" for key in keys
    ]
    where = f"<small>{escape(row['where'])}</small>" if row.get("where") else ""
    return (", ".join(linked) or escape(row.get("source") or "")) + where


def _figure(value: Any) -> str:
    return (
        number(float(value), 4) if isinstance(value, (int, float)) and not isinstance(value, bool) else str(value or "")
    )


def sources(used: Sequence[Mapping[str, Any]]) -> str:
    """The sources of this run, each with its DOI where it has one."""
    items = []
    for source in used:
        text = source.get("text") or ". ".join(
            str(source[key]).rstrip(".") for key in ("author", "year", "title", "journal") if source.get(key)
        )
        doi = source.get("doi")
        link = f' <a href="https://doi.org/{escape(doi)}" rel="noreferrer">doi:{escape(doi)}</a>' if doi else ""
        text = str(text).removesuffix(f" doi {doi}") if doi else text
        items.append(
            f'<li id="source-{escape(source["key"])}"><code>{escape(source["key"])}</code> {escape(text)}{link}</li>'
        )
    return f'<ul class="sources">{"".join(items)}</ul>'


def run(info: Mapping[str, Any], history: xr.Dataset) -> str:
    """Seed, versions, digest and mesh: what is needed to have the same run again."""
    mesh = info.get("mesh")
    name = mesh.get("name", "") if isinstance(mesh, Mapping) else mesh or ""
    grid = " × ".join(f"{history.sizes[dim]} {dim}s" for dim in NODE)
    rows = [
        ["mesh", f"{name}: {grid}" if name else grid],
        ["seed", info.get("seed", "")],
        ["evidence digest", info.get("digest", "")],
    ]
    rows += [[program, version] for program, version in (info.get("versions") or {}).items()]
    return table(["", ""], rows, "run")


def icon(history: xr.Dataset) -> str:
    """The outlines of disc and nucleus from above, anterior at the top, as a small picture."""
    tissue, middle = history["tissue"].values, history.sizes["layer"] // 2
    border = max(0, int((tissue[:, :, middle] == 0).all(1).sum()) - 1)
    x, y = history["x"].values[..., middle], -history["y"].values[..., middle]
    size = max(float(np.ptp(x)), float(np.ptp(y)))
    box = f"{x.min() - 1:.1f} {y.min() - 1:.1f} {np.ptp(x) + 2:.1f} {np.ptp(y) + 2:.1f}"

    def ring(index: int) -> str:
        return " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x[index], y[index], strict=True))

    lamellae = "".join(f'<polygon points="{ring(i)}"/>' for i in range(history.sizes["ring"] - 1, border, -3))
    nucleus = f'<polygon class="nucleus" points="{ring(border)}"/>'
    frame = f'class="icon" viewBox="{box}" aria-hidden="true" stroke-width="{size / 90:.2f}"'
    return f"<svg {frame}>{lamellae}{nucleus}</svg>"


# ---------------------------------------------------------------------------------------------- html


def escape(text: Any) -> str:
    """Text as HTML shows it, never as markup."""
    return html.escape(str(text))


def paragraphs(texts: Sequence[str]) -> str:
    """Sentences, each in its own paragraph."""
    return "".join(f"<p>{escape(text)}</p>" for text in texts)


def terms(pairs: Sequence[tuple[str, Sequence[str]]]) -> str:
    """A list of terms, each with one or more lines."""
    return "".join(
        f"<dt>{escape(term)}</dt>" + "".join(f"<dd>{escape(text)}</dd>" for text in texts) for term, texts in pairs
    )


def bullets(texts: Sequence[str]) -> str:
    """A list of sentences."""
    return "<ul>" + "".join(f"<li>{escape(text)}</li>" for text in texts) + "</ul>"


def table(heads: Sequence[str], rows: Sequence[Sequence[Any]], name: str, raw: Sequence[int] = ()) -> str:
    """A table; cells are escaped but for columns in `raw`, which are markup already."""
    head = "".join(f'<th scope="col">{escape(text)}</th>' for text in heads) if any(heads) else ""
    body = "".join(
        "<tr>" + "".join(f"<td>{cell if i in raw else escape(cell)}</td>" for i, cell in enumerate(row)) + "</tr>"
        for row in rows
    )
    head = f"<thead><tr>{head}</tr></thead>" if head else ""
    region = LONG if name == "numbers" else ""
    return f'<div class="scroll"{region}><table class="{name}">{head}<tbody>{body}</tbody></table></div>'
