"""What stands around an answer: who took part and who was lost, who they were, curves over time, what went wrong.

What: `flow` counts by arm as CONSORT asks, `baseline` describes people at the start, `curves` gives means or shares at
visits, `safety` counts persons with events by arm, with exact intervals.
Equations: means with Student's intervals, shares with exact ones (Clopper and Pearson).
Reads: the tables of a conducted trial. Writes: nothing.
Why this holds: everybody who was allocated is counted once, those whose disc could not be computed too.
Source: CONSORT 2010.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pulposus.outcomes.reported import DRUGS
from pulposus.statistics import estimate
from pulposus.trials.estimands import EVENTS, FAILED, Seen, answered, at_last, handled, wanted
from pulposus.trials.protocol import RESPONDER
from pulposus.trials.variables import title

if TYPE_CHECKING:
    import pandas as pd

    from pulposus.trials.protocol import Protocol

# words of causality that count as related: all but unlikely and unrelated
RELATED = ("true", "certain", "probable", "possible", "likely")
INTERCURRENT = (*EVENTS, "left")
_COLUMNS = {
    "age": "age, years",
    "sex": "female",
    "bmi": "body mass index",
    "smoker": "smokers",
    "grade": "Pfirrmann grade",
    "duration_months": "months in pain",
    "opioids": "opioids, by history",
    "endplate": "endplate sclerotic",
}
_COUNTED = {"sex": "female", "smoker": True, "opioids": True, "endplate": "sclerotic"}
HUNDRED = 100  # maths: a share in percent


def flow(conducted: Any, seen: Seen, protocol: Protocol) -> pd.DataFrame:
    """A row for each arm: allocated, could not be computed, left, events that came between, seen at the last visit.

    `analysed`: persons with an answer to the first primary endpoint before anything is imputed.
    """
    import pandas as pd

    first = protocol.primary
    open_ = dict.fromkeys((*EVENTS, "missing"), "treatment_policy")
    if first.kind == "binary":
        answer = at_last(seen, answered(seen, first, protocol, open_), first)
    elif first.kind == "time":
        answer = np.zeros(seen.size)
    else:
        place = int(np.argmin(np.abs(seen.months - first.month)))
        answer = handled(seen, first.variable, open_)[0][:, place]
    left = set(conducted.events.loc[conducted.events["event"] == "left", "patient"].tolist())
    people = conducted.people.sort_values("patient", kind="stable")
    gone = np.array([one in left for one in people["patient"].tolist()])
    rows = []
    for arm in protocol.arms:
        here = seen.arm == arm.name
        failed = here & ~seen.computed
        row: dict[str, Any] = {"arm": arm.name, "allocated": int(here.sum()), "not computed": int(failed.sum())}
        row |= {"left": int((here & gone).sum())}
        row |= {name: int((here & np.isfinite(seen.happened[name])).sum()) for name in EVENTS}
        broken = [seen.failed[name] for name in wanted(first, protocol) if name in seen.failed]
        row["analysed"] = int((here & ~np.any([~here, *broken], axis=0) & np.isfinite(answer)).sum())
        rows.append(row)
    return pd.DataFrame(rows)


def failures(conducted: Any) -> pd.DataFrame:
    """Persons who could not be computed, with their sentences."""
    table = conducted.table
    wrong = table[table["status"].astype(str).str.startswith(FAILED)].sort_values("patient", kind="stable")
    return wrong.drop_duplicates("patient")[["patient", "arm", "status"]].reset_index(drop=True)


def baseline(conducted: Any, seen: Seen, protocol: Protocol) -> pd.DataFrame:
    """A row for each quantity at the start, a column for each arm: mean (spread), or number (percent)."""
    import pandas as pd

    people, rows = conducted.people.sort_values("patient", kind="stable"), []
    asked = [end.variable for end in protocol.endpoints if end.variable in seen.start]
    if any(end.variable == RESPONDER for end in protocol.endpoints):
        asked += [name for name in seen.start if name.startswith("vas_") or name in ("odi", "ndi")]
    rows.append({"quantity": "persons", **{arm.name: str(int((seen.arm == arm.name).sum())) for arm in protocol.arms}})
    told = {column: people[column].to_numpy() for column in _COLUMNS if column in people}
    told |= {name: seen.start[name] for name in dict.fromkeys(asked)}
    for column, values in told.items():
        asked_then = ", reported at the start visit" if column in DRUGS else ""
        row = {"quantity": _COLUMNS.get(column, f"{title(column)}{asked_then}")}
        for arm in protocol.arms:
            here = values[seen.arm == arm.name]
            row[arm.name] = _summed(here, column)
        rows.append(row)
    return pd.DataFrame(rows)


def _summed(values: np.ndarray, column: str) -> str:
    if column in _COUNTED or column in DRUGS:
        number = int((values == _COUNTED.get(column, 1)).sum())
        return f"{number} ({HUNDRED * number / max(len(values), 1):.0f} %)"
    known = np.asarray(values, float)
    known = known[np.isfinite(known)]
    if not known.size:
        return "not known"
    spread = known.std(ddof=1) if known.size > 1 else math.nan
    return f"{known.mean():.1f} ({spread:.1f})"


def curves(seen: Seen, protocol: Protocol, plan: Mapping[str, str]) -> pd.DataFrame:
    """A row for each endpoint's variable, arm and visit: persons, mean (or share) and its interval; not adjusted."""
    import pandas as pd

    rows, done = list[dict[str, Any]](), set[tuple[str, str]]()
    for end in protocol.endpoints:
        known = all(name in seen.value for name in wanted(end, protocol))
        if end.kind == "time" or (end.variable, end.rule) in done or not known:
            continue
        done.add((end.variable, end.rule))
        binary, part = end.kind == "binary", seen.analysed(wanted(end, protocol))
        values = answered(part, end, protocol, plan) if binary else handled(part, end.variable, plan)[0]
        months = part.months
        if not binary:
            values, months = np.column_stack([part.start[end.variable], values]), np.concatenate([[0.0], months])
        for arm in protocol.arms:
            for place, month in enumerate(months.tolist()):
                one = values[part.arm == arm.name, place]
                one = one[np.isfinite(one)]
                if one.size < 2:
                    continue
                said = estimate.wilson(int(one.sum()), one.size) if binary else estimate.mean(one)
                row = {"endpoint": end.name, "variable": end.variable, "arm": arm.name, "month": month}
                rows.append(row | {"persons": one.size, "value": said.value, "low": said.low, "high": said.high})
    return pd.DataFrame(rows, columns=["endpoint", "variable", "arm", "month", "persons", "value", "low", "high"])


def safety(conducted: Any, seen: Seen, protocol: Protocol) -> pd.DataFrame:
    """A row for each adverse event and arm: persons who had it, their share with its interval, how many events.

    Rows "any", "any serious" and "any related" stand first; what comes between (rescue, surgery, ...) is not among
    them.
    """
    import pandas as pd

    events = conducted.events[~conducted.events["event"].isin(INTERCURRENT)]
    related = events["related"].astype(str).str.lower()
    kinds: dict[str, pd.DataFrame] = {"any": events}
    kinds["any serious"] = events[events["serious"].astype(bool)]
    kinds["any related"] = events[related.isin(RELATED)]
    kinds |= {str(name): rows for name, rows in events.groupby("event", sort=True)}
    out = []
    for name, rows in kinds.items():
        for arm in protocol.arms:
            total = int((seen.arm == arm.name).sum())
            own = rows[rows["arm"] == arm.name]
            persons = int(own["patient"].nunique())
            if total:
                share = estimate.binomial(persons, total)
                row = {"event": name, "arm": arm.name, "persons": persons, "of": total, "events": len(own)}
                row |= {"share": share.value, "low": share.low, "high": share.high}
                out.append(row | {"serious": int(own["serious"].astype(bool).sum())})
    return pd.DataFrame(out, columns=["event", "arm", "persons", "of", "events", "share", "low", "high", "serious"])
