"""The discs of one picture as one run: which go side by side, where their results lie, and the page over them."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path

from pulposus.case import Case
from pulposus.errors import InputError
from pulposus.exchange.mask import Picture, told
from pulposus.report.spine import SpineDisc, spine_page, worst
from pulposus.results import Results, write_text

PAGE = "spine.html"


def cases(picture: Picture, out: str | Path, *, years: str | None = None, mesh: str | None = None) -> dict[str, Case]:
    """Folder -> case of every disc of a picture that can run, from the lowest up, as they are written into the folder
    `out`. Raises InputError for none.
    """
    found = {}
    for one in picture.discs:
        if one.case is not None:
            seen = one.case.picture.seen_from(Path(out) / one.folder) if one.case.picture else None
            found[one.folder] = one.case.changed(years=years, mesh=mesh).model_copy(update={"picture": seen})
    if not found:
        reasons = "; ".join(f"{one.folder}: {one.status}" for one in picture.discs)
        raise InputError(f"No disc of {picture.name!r} can run ({reasons.rstrip('.')}); give another segmentation.")
    return found


def overview(picture: Picture, out: str | Path, results: Sequence[Results]) -> Path:
    """Write spine.html beside the folders of the discs."""
    out, ran = Path(out), {found.folder.parent.name: found for found in results}
    discs = []
    for one in reversed(picture.discs):
        lines, found = told(one), ran.get(one.folder)
        if found is None or one.case is None:
            discs.append(SpineDisc(one.level or one.folder, 0, lines))
            continue
        image = base64.b64encode((out / one.folder / "fit.png").read_bytes()).decode()
        report = f"{one.folder}/{found.folder.name}/report.html"
        status = worst(found.info()["status"])
        discs.append(SpineDisc(one.folder, int(one.case.disc.grade), lines, report, found.summary(), status, image))
    treated = any(one.case.treatments for one in picture.discs if one.case)
    write_text(out / PAGE, spine_page(discs, f"The discs of {picture.name}", picture.said, treated))
    return out / PAGE
