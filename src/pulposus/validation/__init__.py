"""The model against published results: one book of checks, green or red, with its counts.

What: `validate` runs the checks of ``evidence/checks.csv`` and gives a table, one row a check, and curves behind it.
Every band follows from the published spread and stands in the evidence.
Verification asks whether the equations are solved as others solve them; reproduction, whether an input agrees with
another's measurement of the same thing; calibration shows the rows that fixed a parameter; retrodiction, rows that were
in view when a choice was made; prediction is a number that is no input and comes out of a law or a solved process. They
are counted apart, rows of one group once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from pulposus.errors import EvidenceError, InputError, nearest
from pulposus.evidence.checks import CLASSES, Check, read_checks
from pulposus.evidence.units import dimension, factor
from pulposus.validation import courses, culture, days, matter, solutes, tears, tissue
from pulposus.validation.finding import Finding, unit_of
from pulposus.validation.laboratory import Laboratory

if TYPE_CHECKING:
    import pandas as pd

_ROOMS = {
    "solutes": solutes,
    "matter": matter,
    "culture": culture,
    "courses": courses,
    "days": days,
    "tissue": tissue,
    "tears": tears,
}
MEASURES = {name: measure for room in _ROOMS.values() for name, measure in room.MEASURES.items()}
AGREES, DIFFERS, PENDING, FAILED = "agrees", "differs", "pending", "not computed"
Progress = Callable[[int, int, str], None]


def selected(only: str = "") -> tuple[Check, ...]:
    """The checks whose name, group, class or source is `only`; all of them where nothing is asked for.

    Raises InputError with the nearest name.
    """
    found = read_checks()
    for check in found:
        _hold_measure(check)
    if not only:
        return found
    chosen = tuple(check for check in found if only in (check.name, check.group, check.of, check.source))
    if not chosen:
        known = [*(check.name for check in found), *(check.group for check in found), *CLASSES]
        raise InputError(
            f"No check is called {only!r}{nearest(only, known)}; give a name, a group, a class or a source."
        )
    return chosen


def _hold_measure(check: Check) -> None:
    """A check asks for a measure that there is, in the unit in which that measure answers."""
    if check.of == "pending":
        return
    at = f"checks.csv line {check.line} ({check.name}): "
    if check.measure not in MEASURES:
        raise EvidenceError(at + f"no measure {check.measure!r}{nearest(check.measure, MEASURES)}; name one.")
    wanted = unit_of(check.measure, check.at)
    if wanted is None:
        raise EvidenceError(at + f"{check.measure} gives nothing for {check.at!r}; correct its first word.")
    try:
        alike = (dimension(check.unit), factor(check.unit)) == (dimension(wanted), factor(wanted))
    except InputError as problem:
        raise EvidenceError(at + str(problem)) from problem
    if not alike:
        raise EvidenceError(at + f"{check.unit} is given, and {check.measure} answers in {wanted}; write {wanted}.")


def verdict(check: Check, value: float) -> str:
    """Agrees where ours lies in the band that was fixed before, differs where not."""
    if check.of == "pending":
        return PENDING
    if not math.isfinite(value):
        return FAILED
    return AGREES if check.low <= value <= check.high else DIFFERS


def family(measure: str) -> str:
    """The room that a measure belongs to, by the names of `_ROOMS`; nothing for what is pending."""
    return next((name for name, room in _ROOMS.items() if measure in room.MEASURES), "")


def run_checks(checks: Sequence[Check], lab: Laboratory | None = None) -> Iterator[tuple[Check, Finding | None]]:
    """Each check with what the model found; nothing for one that is pending."""
    lab = lab or Laboratory()
    for check in checks:
        if check.of == "pending":
            yield check, None
            continue
        _hold_measure(check)
        yield check, MEASURES[check.measure](lab, check.at)


def validate(
    only: str = "", *, lab: Laboratory | None = None, progress: Progress | None = None
) -> tuple[pd.DataFrame, dict[str, Finding]]:
    """Run the checks and give (table, findings by name). Raises InputError for an unknown name."""
    import pandas as pd

    checks = selected(only)
    tell = progress or (lambda done, total, text: None)
    rows, findings = [], {}
    running = run_checks(checks, lab)
    for place, check in enumerate(checks):
        tell(place, len(checks), check.name)
        _, found = next(running)
        if found is not None:
            findings[check.name] = found
        rows.append(_row(check, found))
    return pd.DataFrame(rows), findings


def _row(check: Check, found: Finding | None) -> dict[str, Any]:
    ours = found.value if found else math.nan
    said = verdict(check, ours)
    return {
        "name": check.name,
        "family": family(check.measure),
        "class": check.of,
        "kind": check.kind,
        "against": check.against,
        "group": check.group,
        "quantity": check.quantity,
        "condition": check.condition,
        "published": check.published,
        "low": check.low,
        "high": check.high,
        "ours": ours,
        "unit": check.unit,
        "verdict": said,
        "tolerance": check.tolerance,
        "status": check.status,
        "source": check.source,
        "where": check.where,
        "spread": check.spread,
        "band_before": check.band_before,
        "fixes": check.fixes,
        "told": found.told if found else "",
        "comment": check.comment,
    }


def counts(table: pd.DataFrame) -> pd.DataFrame:
    """One row a class and kind: checks, those that agree, groups (rows of one paper on one thing count once), groups of
    which every row agrees, sources.
    """
    import pandas as pd

    rows = []
    for of in CLASSES:
        for kind in ("quantitative", "ordering"):
            part = table[(table["class"] == of) & (table["kind"] == kind)]
            if part.empty:
                continue
            right = part["verdict"] == AGREES
            whole = right.groupby(part["group"]).all()
            rows.append(
                {
                    "class": of,
                    "kind": kind,
                    "checks": len(part),
                    "agree": int(right.sum()),
                    "groups": len(whole),
                    "groups_agree": int(whole.sum()),
                    "sources": part["source"].nunique(),
                }
            )
    return pd.DataFrame(rows)
