"""How far a forecast may be wrong: ensembles over the ranges of the evidence, and what their spread comes from.

What: `forecast` adds an ensemble to a results folder: members with numbers of their own, bands of every curve, and
where the spread of the treatment's effect comes from. `draw` gives the numbers alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pulposus.uncertainty.draws import Factor as Factor
from pulposus.uncertainty.draws import draw as draw
from pulposus.uncertainty.draws import factors as factors
from pulposus.uncertainty.draws import forms as forms
from pulposus.uncertainty.ensemble import Progress, run_members
from pulposus.uncertainty.spread import bands, told

if TYPE_CHECKING:
    import pandas as pd

    from pulposus.case import Case
    from pulposus.results import Results


def forecast(
    results: Results,
    case: Case,
    n: int,
    *,
    size: str = "coarse",
    mechanics: str = "columns",
    resume: bool = False,
    workers: int | None = None,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Run an ensemble of `n` members of a case into its results folder, and return its rows.

    mechanics: "columns", or "solid" for those of the case, which take four times as long. With `resume`, members that
    an earlier call has computed from the same draws, on the same mesh and with the same mechanics, are kept.
    Raises InputError for a number of members or a mesh that cannot be.
    """
    case = case.resolved()
    drawn = draw(case, n, mechanics=mechanics, form=True)
    wanted = [*factors(case, mechanics), *forms(case)]

    def keep(members: pd.DataFrame) -> None:
        if (members["status"] == "completed").any():
            results.write_ensemble(members, drawn, bands(members))

    done = _kept(results, drawn, size, mechanics) if resume else None
    members = run_members(
        case, drawn, size=size, mechanics=mechanics, done=done, workers=workers, progress=progress, keep=keep
    )
    if (members["status"] == "completed").any():
        results.write_ensemble(members, drawn, bands(members))
        results.write_info({"ensemble": told(members, drawn, wanted, size)})
    return members


def _kept(results: Results, drawn: pd.DataFrame, size: str, mechanics: str) -> pd.DataFrame | None:
    """Rows of an earlier ensemble whose members have the same numbers, mesh and mechanics."""
    found = results.ensemble()
    if found is None or list(found[1].columns) != list(drawn.columns):
        return None
    members, before, _ = found
    common = before.merge(drawn, how="inner")["member"]  # equal in every column, to the last bit
    same = (members["mesh"] == size) & (members["mechanics"] == mechanics)
    kept = members[members["member"].isin(common) & same]
    return None if kept.empty else kept
