"""One page that says what was asked, what came out, and how far to trust it: a self-contained report.html.

What: `write_report` turns the tables and fields of a run into a single file that works offline: a disc to turn and
cut, curves,
what became of the injected cells, each mechanism's share, and every number with its source.
`fields` packs what the viewer shows, `words` makes sentences of numbers, `sections` makes HTML; `assets` holds
template, style and scripts.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

from pulposus import evidence
from pulposus.errors import InputError
from pulposus.report import load, sections, sight, words
from pulposus.report.fields import disc_payload

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr


def write_report(
    path: str | Path,
    *,
    history: xr.Dataset,
    summary: pd.DataFrame,
    ledger: pd.DataFrame | None,
    mechanisms: pd.DataFrame | None,
    case: Mapping[str, Any],
    info: Mapping[str, Any],
    bands: pd.DataFrame | None = None,
    loads: load.Loads | None = None,
    picture: str = "",
) -> Path:
    """Write one self-contained HTML file and return its path; what stood there before is replaced at the end, in one
    step.

    history: fields (arm, time, ring, sector, layer) with `units`, coordinates x, y, z in mm and `month` (time,).
    summary: one row an arm and month. ledger: one row a product and month, in millions of cells, cumulative; None or
    empty when no
    cells were given. mechanisms: rows "untreated", "all", "none", "without X", "only X"; None when that was not run.
    case: the resolved case as its TOML says it. info: warnings, filled, hypotheses, parameters_used, sources,
    mechanisms_meta, ensemble, hypotheses_page (name of the page beside this one),
    versions, seed, digest, mesh, limits (and status, ablation_check, where known); what is missing is left out.
    bands: low, middle and high of each column, arm and month of an ensemble; None where none was run.
    loads: postures, motions, a day, years of tears and the section under load; None where they were left out.
    picture: T2-weighted pictures of the disc, a PNG in base 64.
    Raises InputError for fields that are not finite, lack a unit or a dimension.
    """
    from pulposus.results import write_text

    path = Path(path)
    if not (case.get("treatments") or case.get("options")):  # both arms are then the same disc
        history, summary = history.sel(arm=["untreated"]), summary[summary["arm"] == "untreated"]
    payload, blocks = disc_payload(history)
    payload |= {
        "curves": sections.curves_payload(summary, ledger, bands),
        "ledger": sections.ledger_payload(ledger),
        "doses": words.dose_months(case),
    }
    parts = _answered(case, info, history, summary, ledger) | _rested(case, info, history) | _page(payload, blocks)
    parts |= {
        "band_key": sections.band_key(payload["curves"]),
        "charts": sections.charts(summary, payload["curves"]),
        "mechanisms": sections.mechanisms(mechanisms, info),
        "load": load.section(loads, info),
        "sight": sight.section(history, summary, info, loads, picture),
    }
    try:
        write_text(path, Template(_asset("report.html")).substitute(parts))
    except OSError as problem:
        raise InputError(
            f"{str(path)!r} cannot be written ({problem.strerror}); give a place that you may write to."
        ) from problem
    return path


def _answered(
    case: Mapping[str, Any],
    info: Mapping[str, Any],
    history: xr.Dataset,
    summary: pd.DataFrame,
    ledger: pd.DataFrame | None,
) -> dict[str, str]:
    """The head of the page: what was asked, what came out, what became of the cells, and what must be read first."""
    fates = [words.fate_of(product, rows) for product, rows in words.by_product(ledger)]
    return {
        "title": sections.escape(case.get("title") or "A disc and its treatment"),
        "icon": sections.icon(history),
        "asked": sections.terms(words.asked(case)),
        "headline": sections.escape(words.headline(summary)),
        "hangs": sections.note(words.hangs(info)),
        "spread": sections.note(words.spread(info)),
        "answer": sections.paragraphs(words.answer(summary, fates, case)),
        "tiles": sections.tiles(summary, fates),
        "warnings": sections.warnings(info),
        "advice": sections.escape(evidence.statement("not_advice").text),
        "fate": sections.fate(fates) + sections.needles(info),
    }


def _rested(case: Mapping[str, Any], info: Mapping[str, Any], history: xr.Dataset) -> dict[str, str]:
    """The foot of the page: on what it rests, and how far it goes."""
    return {
        "filled": sections.filled(case, info),
        "numbers": sections.numbers(info.get("parameters_used") or []),
        "sources": sections.sources(info.get("sources") or []),
        "limits": sections.bullets(info.get("limits") or []),
        "run": sections.run(info, history),
    }


def _page(payload: Mapping[str, Any], blocks: Mapping[str, str]) -> dict[str, str]:
    """What the page itself needs: its style, its scripts, and what they draw."""
    return {
        "style": _asset("report.css"),
        "payload": _json(payload),
        "blocks": "\n".join(
            f'<script type="text/plain" id="block-{sections.escape(name)}">{text}</script>'
            for name, text in blocks.items()
        ),
        "scripts": "\n".join(_asset(name) for name in ("disc.js", "viewer.js", "charts.js", "report.js")),
    }


def _asset(name: str) -> str:
    return (resources.files("pulposus") / "report" / "assets" / name).read_text("utf-8")


def _json(value: Any) -> str:
    """JSON that cannot close the script it stands in."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
