"""Whether the ranges are as wide as they claim: does the 90 % band of a prediction hold nine of ten published values?

What: `coverage` draws every number of the evidence that has a range, all at once, computes each quantitative prediction
of the validation book with each draw, and asks whether what was published lies between the 5 and 95 % quantiles.
Equation: held / predictions, with the exact binomial interval of Clopper and Pearson 1934. Rows of one paper on one
thing are not independent, so the true interval is wider; `groups` counts them once, with an interval of its own.
Rows that are hardly a test, and those whose spread is another source's, are no measurements with a spread.
Why a small mesh and steps of three months: a band is far wider than what either changes.
A draw is the same among 20 and among 40: `into` keeps those that are done in a folder, and goes on there.
"""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd

from pulposus import evidence
from pulposus.disc import mesh, simulate
from pulposus.errors import InputError
from pulposus.evidence import instead
from pulposus.evidence.checks import Check, read_checks
from pulposus.results import begun, claimed, write_text
from pulposus.run import remember_compilations
from pulposus.uncertainty.draws import draw_evidence
from pulposus.uncertainty.ensemble import Progress, shared_out
from pulposus.uncertainty.spread import QUANTILES
from pulposus.validation import run_checks
from pulposus.validation.laboratory import Laboratory

FEWEST, MOST = 20, 1024  # maths: draws; with fewer, a 5 % quantile is the least of them
_CHUNK = 1  # maths: draws that a process computes before it hands them over: what Ctrl-C may cost, some minutes
RECORD, DRAWS = "coverage.json", "coverage_draws.csv"
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
    n: int,
    *,
    size: str = "cohort",
    seed: int = 0,
    workers: int | None = None,
    done: pd.DataFrame | None = None,
    progress: Progress | None = None,
    keep: Callable[[pd.DataFrame], None] = lambda table: None,
) -> pd.DataFrame:
    """One row a quantitative prediction: what was published, quantiles of ours over `n` draws, whether they hold it.

    done: values of draws of an earlier, stopped call, which are kept; keep: is handed all values so far when a draw is
    over. Raises InputError for a number of draws or a mesh that cannot be.
    """
    possible(n)
    mesh.sized(size)
    parts = [] if done is None or done.empty else [done[done["draw"] < n]]
    over = set(parts[0]["draw"]) if parts else set()
    todo = [draw for draw in range(n) if draw not in over]
    chunks = [todo[k : k + _CHUNK] for k in range(0, len(todo), _CHUNK)]
    tell, count = progress or (lambda count, total, what: None), len(over)

    def look() -> None:
        tell(count, n, f"coverage, draw {count} of {n}")

    look()
    for part in shared_out(chunks, functools.partial(_values, n, seed, size), workers, look):
        parts.append(part)
        count += part["draw"].nunique()
        keep(_sorted(parts))
        look()
    return judged(_sorted(parts))


def _sorted(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    return pd.concat(parts, ignore_index=True).sort_values("draw", kind="stable", ignore_index=True)


def into(
    folder: Path,
    n: int,
    *,
    resume: bool = False,
    size: str = "cohort",
    seed: int = 0,
    workers: int | None = None,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """`coverage`, whose values by draw are kept in `folder`; with `resume`, those of a stopped call are not computed
    again. Raises InputError for a folder that holds those of another evidence, mesh, seed or version.
    """
    possible(n)
    asked: dict[str, str | int] = {"evidence": evidence.digest(), "mesh": size, "seed": seed}
    asked["version"] = version("pulposus")
    done = _before(folder, asked) if resume else None
    with claimed(folder, shared=True):
        if done is None:
            (folder / DRAWS).unlink(missing_ok=True)
            write_text(folder / RECORD, json.dumps(asked, indent=1) + "\n")

        def keep(values: pd.DataFrame) -> None:
            write_text(folder / DRAWS, values.to_csv(index=False, lineterminator="\n"))

        return coverage(n, size=size, seed=seed, workers=workers, done=done, progress=progress, keep=keep)


def _before(folder: Path, asked: dict[str, str | int]) -> pd.DataFrame | None:
    """Values of a stopped call for the same thing; None where none was kept. Raises InputError where none was begun."""
    before = begun(folder, RECORD, "draws", "pulposus validate --coverage")
    other = [key for key in asked if asked[key] != before.get(key)]
    if other:
        raise InputError(
            f"The draws in {str(folder)!r} are of another {', '.join(other)}; leave out --resume to begin anew, or "
            "give another folder to --out."
        )
    return pd.read_csv(folder / DRAWS) if (folder / DRAWS).exists() else None


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
            | {"against": check.against, "spread_published": check.spread_published, "hardly": check.weak}
            | {"published": check.published}
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
    """How many published values are held, of all predictions and of those against measurements that gave their own
    spread and are a test at all: held, share, ends of its exact interval, the same of whole groups, and how many bands
    at least meet.
    """
    from scipy.stats import binomtest

    spread = table["spread_published"] & (table["against"] == "measurement") & ~table["hardly"]
    rows = []
    for words, part in (("measurements with a spread of their own", table[spread]), ("all predictions", table)):
        held, count = int(part["held"].sum()), len(part)
        ends = binomtest(held, count).proportion_ci(_CONFIDENCE, "exact")
        groups = part.groupby("group")["held"].all()
        whole = binomtest(int(groups.sum()), len(groups)).proportion_ci(_CONFIDENCE, "exact")
        rows.append(
            {"of": words, "predictions": count, "held": held, "share": held / count, "low": ends.low, "high": ends.high}
            | {"groups": len(groups), "groups_held": int(groups.sum()), "meet": int(part["meets"].sum())}
            | {"groups_low": whole.low, "groups_high": whole.high}
        )
    return pd.DataFrame(rows)
