"""Who is screened, who enters, at which site and when, and to which arm.

What: `enter` screens people one after the other until the trial is full.
Equations: people enter as a Poisson process, sites x people a month; a site each with the same chance.
Reads: people of `patients`, criteria, ``evidence/outcomes.csv``. Writes: nothing.
Why this holds: person i of a seed is the same however many enter, and is screened before person i + 1, so that a larger
trial begins with the people of a smaller one, in the same arms, sites and months.
Source: `patients`; recruitment and refusal are assumed rows of outcomes.csv.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pulposus import evidence
from pulposus.errors import InputError
from pulposus.outcomes.chance import rows
from pulposus.patients.drawn import people
from pulposus.patients.eligible import meets
from pulposus.patients.who import Who
from pulposus.trials.allocation import allocate
from pulposus.trials.protocol import Protocol

if TYPE_CHECKING:
    import pandas as pd

_BATCH = 1000  # maths: people screened at once
_MOST = 4000  # maths: people screened in vain, after which nobody meets the criteria
_CHANCES = 3  # maths: chances of a person at the door: whether they want to, the site, the wait


@dataclass(frozen=True)
class Entered:
    """Who entered, a row each (patient, arm, stratum, site, entered_month, then what was drawn of them), and how many
    were screened and did not enter, by why.
    """

    people: pd.DataFrame
    flow: dict[str, int]


def enter(protocol: Protocol, seed: int) -> Entered:
    """People until every arm is full. Raises InputError where nobody meets the criteria."""
    import pandas as pd

    taken, flow = _screened(protocol, seed)
    numbers = taken["person"].to_numpy(int)
    chance = rows(seed, numbers, _CHANCES, "door")
    count = protocol.sites.count
    site = np.minimum((chance[:, 1] * count).astype(int), count - 1)
    each = protocol.sites.per_month or evidence.outcome("site_recruits").value
    month = np.cumsum(-np.log(chance[:, 2])) / (each * count)
    taken = taken.assign(site=[f"site {place + 1}" for place in site])
    strata = taken[list(protocol.allocation.strata)].astype(str).to_numpy().tolist()
    arms = allocate(protocol, strata, numbers, seed)
    first = {
        "patient": numbers,
        "arm": [protocol.arms[place].name for place in arms],
        "stratum": [", ".join(words) for words in strata],
        "site": taken["site"].to_numpy(),
        "entered_month": month,
    }
    rest = taken.drop(columns=["person", "site"]).reset_index(drop=True)
    return Entered(pd.concat([pd.DataFrame(first), rest], axis=1), flow)


def _screened(protocol: Protocol, seed: int) -> tuple[pd.DataFrame, dict[str, int]]:
    """People who meet the criteria and want to, and the flow of those who were looked at."""
    import pandas as pd

    who = Who(protocol.trial.region, "patients", protocol.trial.country)
    declines = evidence.outcome("declines").value
    taken: list[pd.DataFrame] = []
    have = first = unmet = refused = 0
    while have < protocol.size:
        found, _ = people(np.arange(first, first + _BATCH), seed, who)
        fit = _fit(protocol, found)
        wants = rows(seed, found["person"].to_numpy(int), _CHANCES, "door")[:, 0] >= declines
        enters = fit & wants
        # screening ends with the person who fills the trial
        last = np.flatnonzero(np.cumsum(enters) >= protocol.size - have)
        end = int(last[0]) + 1 if last.size else _BATCH
        taken.append(found.iloc[:end][enters[:end]])
        have += len(taken[-1])
        unmet += int((~fit[:end]).sum())
        refused += int((fit & ~wants)[:end].sum())
        first += end
        if first >= _MOST and not have:
            named = protocol.trial.criteria or "[[criteria]]"
            raise InputError(
                f"Of {first} people nobody meets the criteria of {protocol.name} ({named} and its own); widen them."
            )
    flow = {"screened": first, "not entered: criteria not met": unmet, "not entered: declined": refused}
    return pd.concat(taken, ignore_index=True), flow | {"entered": have}


def _fit(protocol: Protocol, found: pd.DataFrame) -> np.ndarray:
    """True for people who meet the trial's list and its own criteria."""
    fit = np.ones(len(found), bool)
    for one in protocol.criteria:
        column = found[one.column]
        if one.at_least is not None:
            fit &= column.to_numpy(float) >= one.at_least
        if one.at_most is not None:
            fit &= column.to_numpy(float) <= one.at_most
        if one.one_of:
            fit &= column.astype(str).isin([str(word) for word in one.one_of]).to_numpy()
    if protocol.trial.criteria and fit.any():
        places = np.flatnonzero(fit)
        fit[places] = meets(found.iloc[places].reset_index(drop=True), protocol.trial.criteria)
    return fit
