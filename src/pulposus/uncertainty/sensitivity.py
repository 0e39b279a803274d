"""What matters for one output: the gradient with respect to every number, then Sobol indices of the ten that move it
most.

What: `sensitivity` ranks every uncertain number by how far the output would move if it went through its whole range at
the slope it has at the used value; `sobol` lets the first ten move together; `study` does both into a folder, and goes
on where a stopped one ended.
Equation: swing = dJ/dx (high - low), or dJ/dlnx ln(high / low) for a range that is drawn on the logarithm.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from pulposus import evidence
from pulposus.disc.parameters import declared
from pulposus.errors import InputError, nearest
from pulposus.results import begun, claimed, write_text
from pulposus.run import fingerprint
from pulposus.uncertainty import adjoint
from pulposus.uncertainty.draws import Factor, draw, factors
from pulposus.uncertainty.ensemble import Progress, run_members
from pulposus.uncertainty.spread import effects
from pulposus.uncertainty.surrogate import MOST_RUNS, fewest, indices, sampler

if TYPE_CHECKING:
    from pulposus.case import Case

OUTPUTS = {
    "aggrecan": "aggrecan_nucleus_percent",
    "water": "water_nucleus_percent",
    "cells": "native_cells_million",
    "height": "height_mm",
    "il1b": "il1b_nucleus",
    "glucose": "glucose_min_mM",
}
UNITS = {
    "aggrecan": "percentage points",
    "water": "percentage points",
    "cells": "million",
    "height": "mm",
    "il1b": "of healthy",
    "glucose": "mM",
}
TOP = 10  # maths: numbers that move together for Sobol indices
_MONTHS = 12  # maths: months of a year
_SCANNER = "nucleus_t2_grade"


def looked_at(case: Case, output: str, at: float) -> tuple[Case, str]:
    """The case up to month `at`, resolved, and the column of the summary. Raises InputError."""
    if output not in OUTPUTS:
        raise InputError(f"Unknown output {output!r}{nearest(output, OUTPUTS)}; choose one of {', '.join(OUTPUTS)}.")
    if not at >= 1 or at != round(at):
        raise InputError(f"Month {at:g} is not possible; give a whole number of months, at least 1.")
    case.refuse_options("The ranking of numbers")
    end = case.run.years * _MONTHS
    if at > end:
        raise InputError(
            f"Month {at:g} lies beyond the case, which ends at month {end:g}; give 1 to {end:g}, or raise years in "
            "[run]."
        )
    return case.changed(years=at / _MONTHS).resolved(), OUTPUTS[output]


def sensitivity(
    case: Case, output: str, at: float, *, size: str = "cohort", progress: Progress | None = None
) -> tuple[pd.DataFrame, dict[str, float]]:
    """Every uncertain number of a case with its gradients and swings, the greatest effect first; and the output itself
    by arm.

    Gradients are per unit of the row: of the treated disc, of the untreated one, and of their difference (`effect`).
    Raises InputError for an output or a month that cannot be.
    """
    case, column = looked_at(case, output, at)
    wanted = _ranked(case)
    known, seen, bars = declared(), {}, {}
    for arm, given in (("untreated", 0.0), ("treated", 1.0)):

        def tell(done: int, total: int, words: str, arm: str = arm) -> None:
            if progress:
                progress(done, total, f"{arm}: {words}")

        tell(0, 1, "going forward")
        numbers = adjoint.numbers(case, {}, {}, given)
        seen[arm], bars[arm] = adjoint.gradient(case, size, column, at, numbers, tell)
    rows = []
    for factor in wanted:
        row, unit = factor.row, evidence.factor(factor.row.unit)
        slope = {a: adjoint.along(case, bars[a], row.name, row.si, row.name in known) * unit for a in bars}
        slope["effect"] = slope["treated"] - slope["untreated"]
        through = row.value * math.log(row.high / row.low) if factor.law == "log-uniform" else row.high - row.low
        told = {"name": row.name, "value": row.value, "low": row.low, "high": row.high, "unit": row.unit}
        told |= {"kind": row.kind, "law": factor.law, "meaning": factor.meaning}
        told |= {f"gradient_{arm}": s for arm, s in slope.items()}
        rows.append(told | {f"swing_{arm}": s * through for arm, s in slope.items()})
    table = pd.DataFrame(rows)
    by = "swing_effect" if case.treatments else "swing_untreated"
    order = table[by].abs().sort_values(ascending=False, kind="stable").index
    return table.loc[order].reset_index(drop=True), seen


def _ranked(case: Case) -> list[Factor]:
    """Every uncertain number of a case but the scale of the scanner, which reads a disc and does nothing to it."""
    return [factor for factor in factors(case) if not factor.name.startswith(_SCANNER)]


def sobol(
    case: Case,
    output: str,
    at: float,
    names: Sequence[str],
    *,
    runs: int = 200,  # maths: three for each term of the surrogate
    size: str = "cohort",
    workers: int | None = None,
    done: pd.DataFrame | None = None,
    progress: Progress | None = None,
    keep: Callable[[pd.DataFrame], None] = lambda table: None,
) -> tuple[pd.DataFrame, dict[str, float]]:
    """Sobol indices of the treatment's effect on the output for these numbers, all others at their used values.

    done, keep: as in `run_members`. Returns the table and how good the surrogate is. Raises InputError for a number of
    runs that cannot be.
    """
    case, column = looked_at(case, output, at)
    moving: list[Factor] = [factor for name in names for factor in factors(case) if factor.name == name]
    _possible(runs, len(moving))
    drawn = draw(case, runs)[["member", *(factor.name for factor in moving)]]
    members = run_members(
        case, drawn, size=size, done=done, workers=workers, months=(0, at), progress=progress, keep=keep
    )
    return indices(moving, drawn, effects(members, column), case.run.seed)


def _possible(runs: int, moving: int) -> None:
    """Raise InputError for a number of runs from which no surrogate of so many numbers comes."""
    if not fewest(moving) <= runs <= MOST_RUNS:
        raise InputError(
            f"--runs {runs} is not possible; give {fewest(moving)} to {MOST_RUNS}, or 0 for no Sobol indices."
        )


RECORD, _TABLE, _RUNS = "sensitivity.json", "sensitivity.csv", "sobol_runs.csv"
Study = tuple[pd.DataFrame, dict[str, float], pd.DataFrame | None, dict[str, float] | None]


def study(
    case: Case,
    output: str,
    at: float,
    folder: Path,
    *,
    size: str = "cohort",
    runs: int = 200,  # maths: as in `sobol`
    resume: bool = False,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Study:
    """What `sensitivity` and, for a treated case and runs > 0, `sobol` give, with their tables in `folder`.

    With `resume`, the gradients and runs of a stopped study of the same question are kept. Raises InputError for a
    question that cannot be, and for a folder that holds another one.
    """
    looked, _ = looked_at(case, output, at)
    if runs:
        _possible(runs, min(TOP, len(_ranked(looked))))
    wanted = bool(runs and case.treatments)
    if wanted:
        sampler()  # what is lacking is said before anything is computed
    asked = {"fingerprint": fingerprint(looked), "output": output, "at": at, "mesh": size}
    before = _before(folder, asked) if resume else None
    with claimed(folder, shared=True):
        if before:
            table, seen = before
        else:
            table, seen = sensitivity(case, output, at, size=size, progress=progress)
            (folder / _RUNS).unlink(missing_ok=True)
            _write(folder / _TABLE, table)
            write_text(folder / RECORD, json.dumps({"asked": asked, "seen": seen}, indent=2) + "\n")
        if not wanted:
            return table, seen, None, None
        found, quality = sobol(
            case,
            output,
            at,
            list(table["name"][:TOP]),
            runs=runs,
            size=size,
            workers=workers,
            done=_read(folder / _RUNS) if before and (folder / _RUNS).exists() else None,
            progress=progress,
            keep=lambda members: _write(folder / _RUNS, members),
        )
        _write(folder / "sobol.csv", found)
    return table, seen, found, quality


def _before(folder: Path, asked: dict[str, Any]) -> tuple[pd.DataFrame, dict[str, float]] | None:
    """Gradients of a stopped study of the same question; None where it had not come so far. Raises InputError where
    none was begun.
    """
    record = begun(folder, RECORD, "study of sensitivity", "pulposus sensitivity")
    if record.get("asked") != asked:
        raise InputError(
            f"{folder} holds the sensitivity of another question (case, output, month, mesh or evidence); "
            "leave out --resume to begin anew, or give another --out."
        )
    return (_read(folder / _TABLE), record["seen"]) if (folder / _TABLE).exists() else None


def _write(path: Path, table: pd.DataFrame) -> None:
    write_text(path, table.to_csv(index=False, lineterminator="\n"))


def _read(path: Path) -> pd.DataFrame:
    return pd.read_csv(path)
