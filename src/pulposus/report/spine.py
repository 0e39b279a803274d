"""The page over the discs of one spine that ran together: start and end of each, and where its report lies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pulposus.report.book import figure, page
from pulposus.report.sections import escape
from pulposus.report.words import ends

if TYPE_CHECKING:
    import pandas as pd

# column of the summary -> words
SHOWN = {
    "height_mm": "height, mm",
    "aggrecan_nucleus_percent": "aggrecan, % of start",
    "water_nucleus_percent": "water, %",
    "t2_nucleus_ms": "T2, ms",
    "pfirrmann_estimate": "Pfirrmann, estimated",
}


@dataclass(frozen=True)
class SpineDisc:
    """One disc: its level and grade, what was found of it in sentences, where its report lies as seen from the page,
    its summary (None where it did not run), its status by arm, and its fit as a PNG in base 64.
    """

    level: str
    grade: int
    told: Sequence[str]
    report: str = ""
    summary: pd.DataFrame | None = None
    status: str = ""
    picture: str = ""


def spine_page(discs: Sequence[SpineDisc], title: str, said: Sequence[str], treated: bool) -> str:
    """The whole page; discs from the highest down, as they lie."""
    ran = [disc for disc in discs if disc.summary is not None]
    months = max((float(disc.summary["month"].max()) for disc in ran if disc.summary is not None), default=0.0)
    body = "<section>" + "".join(f"<p>{escape(line)}</p>" for line in said) + "</section>"
    over = f"{len(ran)} discs over {figure(months / 12)} years"
    body += f'<section id="discs"><h2>{over}</h2>{_table(ran, treated)}</section>'
    body += '<section id="fits"><h2>How each was taken in</h2>'
    for disc in discs:
        body += f"<h3>{escape(disc.level)}</h3>" + "".join(f"<p>{escape(line)}</p>" for line in disc.told)
        if disc.picture:
            words = f"{disc.level} in its picture, with our mesh"
            body += f'<img alt="{escape(words)}" style="max-width:100%" src="data:image/png;base64,{disc.picture}">'
    return page(title, "one spine", body + "</section>", [("discs", "Discs"), ("fits", "Fits")])


def _table(discs: Sequence[SpineDisc], treated: bool) -> str:
    """One row a disc: start, untreated end, treated end of what is shown."""
    arms = ("start", "untreated", "treated") if treated else ("start", "end")
    head = '<th scope="col" rowspan="2">disc</th><th scope="col" rowspan="2">grade</th>'
    head += "".join(f'<th scope="col" colspan="{len(arms)}">{escape(words)}</th>' for words in SHOWN.values())
    second = "".join(f'<th scope="col">{arm}</th>' for _ in SHOWN for arm in arms)
    rows = []
    for disc in discs:
        assert disc.summary is not None
        link = f'<a href="{escape(disc.report)}">{escape(disc.level)}</a>'
        link += "" if disc.status == "completed" else f" <b>{escape(disc.status)}</b>"
        cells = [figure(value, 3) for name in SHOWN for value in ends(disc.summary, name)[: len(arms)]]
        rows.append(f"<tr><td>{link}</td><td>{disc.grade}</td>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>")
    whole = f"<table><thead><tr>{head}</tr><tr>{second}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    return f'<div class="scroll">{whole}</div>'


def worst(status: dict[str, str]) -> str:
    """One status of both arms."""
    return next((said for said in status.values() if said != "completed"), "completed")
