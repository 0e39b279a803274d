"""Whether the ranges are as wide as they claim: does the 90 % band of a prediction hold nine of ten published values?

What: `coverage` draws every number of the evidence that has a range, all at once, computes each quantitative prediction
of the validation book with each draw, and asks whether what was published lies between the 5 and 95 % quantiles.
Equation: held / predictions, with the exact binomial interval of Clopper and Pearson 1934. Rows of one paper on one
thing are not independent, so the true interval is wider; `groups` counts them once.
Why a small mesh and steps of three months: a band is far wider than what either changes.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from pulposus.disc import mesh, simulate
from pulposus.errors import InputError
from pulposus.evidence import instead
from pulposus.evidence.checks import Check, read_checks
from pulposus.run import remember_compilations
from pulposus.uncertainty.draws import draw_evidence
from pulposus.uncertainty.ensemble import Progress, shared_out
from pulposus.uncertainty.spread import QUANTILES
from pulposus.validation import run_checks
from pulposus.validation.laboratory import Laboratory

FEWEST, MOST = 20, 1024  # maths: draws; with fewer, a 5 % quantile is the least of them
_CHUNK = 2  # maths: draws that a process computes before it hands them over
_CONFIDENCE = 0.95  # maths: of the binomial interval
_LONGEST = 3 * simulate.MONTH


def predictions() -> list[Check]:
    """The checks that are asked: quantitative predictions."""
    return [check for check in read_checks() if check.of == "prediction" and check.kind == "quantitative"]


def possible(n: int) -> None:
    """Raise InputError for a number of draws that cannot be."""
    if not FEWEST <= n <= MOST:
        raise InputError(f"--coverage {n} is not possible; give {FEWEST} to {MOST} draws.")


def coverage(
    n: int, *, size: str = "cohort", seed: int = 0, workers: int | None = None, progress: Progress | None = None
) -> pd.DataFrame:
    """One row a quantitative prediction: what was published, quantiles of ours over `n` draws, whether they hold it.

    Raises InputError for a number of draws or a mesh that cannot be.
    """
    possible(n)
    mesh.sized(size)
    tell, done = progress or (lambda count, total, what: None), 0
    chunks = [list(range(k, min(k + _CHUNK, n))) for k in range(0, n, _CHUNK)]

    def look() -> None:
        tell(done, n, f"coverage, draw {done} of {n}")

    parts = []
    for part in shared_out(chunks, functools.partial(_values, n, seed, size), workers, look):
        parts.append(part)
        done += part["draw"].nunique()
    return judged(pd.concat(parts, ignore_index=True))


def _values(n: int, seed: int, size: str, places: Sequence[int]) -> pd.DataFrame:
    """What the model gives for every prediction with some of the n draws."""
    remember_compilations()
    drawn, rows = draw_evidence(n, seed), []
    for place in places:
        with instead(drawn[place]):
            lab = Laboratory(size, size, _LONGEST)
            for check, found in run_checks(predictions(), lab):
                rows.append({"name": check.name, "draw": place, "value": found.value if found else math.nan})
    return pd.DataFrame(rows)


def judged(values: pd.DataFrame) -> pd.DataFrame:
    """Quantiles by prediction, and whether they hold the published value; draws that gave no number are left out."""
    rows = []
    for check in predictions():
        mine = values.loc[values["name"] == check.name, "value"].to_numpy(float)
        good = mine[np.isfinite(mine)]
        ends = {word: float(np.quantile(good, q)) if len(good) else math.nan for word, q in QUANTILES.items()}
        rows.append(
            {"name": check.name, "group": check.group, "quantity": check.quantity, "unit": check.unit}
            | {"against": check.against, "spread_published": check.spread_published, "published": check.published}
            | {f"published_{word}": getattr(check, word) for word in ("low", "high")}
            | {f"ours_{word}": end for word, end in ends.items()}
            | {"draws": len(good), "failed": len(mine) - len(good)}
            | {
                "held": bool(ends["low"] <= check.published <= ends["high"]),
                "meets": bool(ends["low"] <= check.high and ends["high"] >= check.low),
            }
        )
    return pd.DataFrame(rows)


def shares(table: pd.DataFrame) -> pd.DataFrame:
    """How many published values are held, of all predictions and of those against measurements whose spread was
    published: held, share, ends of its exact interval, whole groups, and how many bands at least meet.
    """
    from scipy.stats import binomtest

    spread = table["spread_published"] & (table["against"] == "measurement")
    rows = []
    for words, part in (("measurements with a published spread", table[spread]), ("all predictions", table)):
        held, count = int(part["held"].sum()), len(part)
        ends = binomtest(held, count).proportion_ci(_CONFIDENCE, "exact")
        groups = part.groupby("group")["held"].all()
        rows.append(
            {"of": words, "predictions": count, "held": held, "share": held / count, "low": ends.low, "high": ends.high}
            | {"groups": len(groups), "groups_held": int(groups.sum()), "meet": int(part["meets"].sum())}
        )
    return pd.DataFrame(rows)
