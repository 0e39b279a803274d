"""What matters for one output: the gradient with respect to every number, then Sobol indices of the ten that move it
most.

What: `sensitivity` ranks every uncertain number by how far the output would move if it went through its whole range at
the slope it has at the used value; `sobol` lets the first ten move together.
Equation: swing = dJ/dx (high - low), or dJ/dlnx ln(high / low) for a range that is drawn on the logarithm.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

from pulposus import evidence
from pulposus.disc.parameters import declared
from pulposus.errors import InputError, nearest
from pulposus.uncertainty import adjoint
from pulposus.uncertainty.draws import Factor, draw, factors
from pulposus.uncertainty.ensemble import Progress, run_members
from pulposus.uncertainty.spread import effects
from pulposus.uncertainty.surrogate import MOST_RUNS, indices

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
TOP = 10  # maths: numbers that move together for Sobol indices
_MONTHS = 12  # maths: months of a year
_SCANNER = "nucleus_t2_grade"


def looked_at(case: Case, output: str, at: float) -> tuple[Case, str]:
    """The case up to month `at`, resolved, and the column of the summary. Raises InputError."""
    if output not in OUTPUTS:
        raise InputError(f"Unknown output {output!r}{nearest(output, OUTPUTS)}; choose one of {', '.join(OUTPUTS)}.")
    if not at >= 1 or at != round(at):
        raise InputError(f"--at {at:g} is not possible; give a whole number of months, at least 1.")
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
    wanted = [factor for factor in factors(case) if not factor.name.startswith(_SCANNER)]
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


def sobol(
    case: Case,
    output: str,
    at: float,
    names: Sequence[str],
    *,
    runs: int = 200,  # maths: three for each term of the surrogate
    size: str = "cohort",
    workers: int | None = None,
    progress: Progress | None = None,
) -> tuple[pd.DataFrame, dict[str, float]]:
    """Sobol indices of the treatment's effect on the output for these numbers, all others at their used values.

    Returns the table and how good the surrogate is. Raises InputError for a number of runs that cannot be.
    """
    if not 1 <= runs <= MOST_RUNS:
        raise InputError(f"--runs {runs} is not possible; give 1 to {MOST_RUNS}.")
    case, column = looked_at(case, output, at)
    moving: list[Factor] = [factor for name in names for factor in factors(case) if factor.name == name]
    drawn = draw(case, runs)[["member", *(factor.name for factor in moving)]]
    members = run_members(case, drawn, size=size, workers=workers, progress=progress)
    return indices(moving, drawn, effects(members, column), case.run.seed)
