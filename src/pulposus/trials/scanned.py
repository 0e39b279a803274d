"""Discs of a bank of people in every arm, computed once and kept, for trials that are drawn from it.

What: `scan` computes the disc of each person in each arm (the same person, the same lot in all arms that inject) and
gives `Scanned`; asked for, also each disc with nothing done, and what differs. In a folder it is kept, and read again
where protocol, people and evidence are the same.
Equations: those of `discs`, and of `symptoms` for what differs.
Reads: people, the evidence; writes: a table of discs and bank.json in the folder.
Why this holds: a disc hangs on the person, the arm and the lot alone, so that a trial drawn from the bank has the discs
that it would have had; arms in which the same is done share a computation.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pulposus import evidence
from pulposus.outcomes import symptoms
from pulposus.trials import clinic, discs, workers
from pulposus.trials.discs import Asked, Plan, Scans
from pulposus.trials.folder import read_table, write_table
from pulposus.trials.protocol import DISC, Protocol

if TYPE_CHECKING:
    import pandas as pd

TABLE, RECORD = "discs", "bank.json"
CHUNK = 8  # maths: discs of a part of the work
Tell = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Scanned:
    """Measures of discs by variable (arm, person, 1 + visit) with nan, and which discs failed (arm, person).

    `calmed` (arm, person, visit): halvings of cytokines against the same disc with nothing done, if that was asked for;
    nan where nothing was done in the disc, or one of the two failed.
    """

    values: dict[str, np.ndarray]
    failed: np.ndarray
    calmed: np.ndarray | None = None


def scan(
    protocol: Protocol,
    people: pd.DataFrame,
    seed: int,
    mechanics: str = "columns",
    count: int | None = 1,
    folder: Path | None = None,
    tell: Tell | None = None,
    without: bool = False,
) -> Scanned:
    """Discs of people in all arms, with `without` also with nothing done. count: worker processes. folder: kept there,
    and read from there if it is the same.

    Raises InputError for mechanics that are unknown.
    """
    from pulposus.results import write_text

    plan = discs.planned(protocol, mechanics, fields=False)
    asked = _asked(protocol, people, seed, without)
    mark = hashlib.sha256(repr((plan, asked, evidence.digest())).encode()).hexdigest()
    if folder is not None and (folder / RECORD).exists() and json.loads((folder / RECORD).read_text())["of"] == mark:
        rows = read_table(folder / TABLE)
    else:
        rows = _computed(plan, asked, count, tell)
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            write_table(folder / TABLE, rows)
            write_text(folder / RECORD, json.dumps({"of": mark, "discs": len(asked)}))
    return _arranged(protocol, people, plan, asked, rows)


def _asked(protocol: Protocol, people: pd.DataFrame, seed: int, without: bool) -> list[Asked]:
    """Every person in every arm, arms one after the other; then those with nothing done, as far as something is."""
    import pandas as pd

    found = list[Asked]()
    for arm in protocol.arms:
        own = people.assign(arm=arm.name).reset_index(drop=True)
        found += discs.ask(protocol, pd.concat([own, clinic.lots(protocol, own, seed)], axis=1))
    if without:
        found += [replace(one, without=True) for one in found if one.inject or one.options]
    return found


def _same(one: Asked) -> Any:
    """What a disc hangs on: arms in which nothing is injected share theirs whatever their lot."""
    if one.without:
        return one.patient, repr(())
    done = (one.inject, one.options, one.potency) if one.inject else one.options
    return one.patient, repr(done)


def _computed(plan: Plan, asked: Sequence[Asked], count: int | None, tell: Tell | None) -> pd.DataFrame:
    """Rows of scans, the same disc once."""
    import pandas as pd

    once = list({_same(one): one for one in reversed(asked)}.values())[::-1]
    parts = [once[first : first + CHUNK] for first in range(0, len(once), CHUNK)]
    kept, ready = dict[int, pd.DataFrame](), 0

    def look() -> None:
        if tell is not None:
            tell(ready, len(once), f"discs of the bank, {ready} of {len(once)}")

    work, lost = functools.partial(discs.chunk, plan), functools.partial(_lost, plan)
    for place, made in workers.share(parts, work, lost=lost, joined=discs.joined, workers=count, look=look):
        kept[place] = made.rows
        ready += len(parts[place])
        look()
    return pd.concat([kept[place] for place in sorted(kept)], ignore_index=True)


def _lost(plan: Plan, part: Sequence[Asked]) -> Scans:
    """What discs are given with which processes end."""
    return discs.failed(plan, part, "failed: processes that computed this disc were ended from outside")


def _arranged(
    protocol: Protocol, people: pd.DataFrame, plan: Plan, asked: Sequence[Asked], rows: pd.DataFrame
) -> Scanned:
    visits, arms, count = len(plan.months), len(protocol.arms), len(people)
    first = rows[["patient", "arm", "without"]].to_numpy()[::visits]
    place = {(int(patient), str(arm), bool(bare)): k for k, (patient, arm, bare) in enumerate(first)}
    lead = dict[Any, int]()  # the first of the same discs is the one that was computed
    which = np.array([lead.setdefault(_same(one), place.get(_name(one), -1)) for one in asked])
    done = which[: arms * count]
    values = {name: rows[name].to_numpy(float).reshape(-1, visits)[done].reshape(arms, count, visits) for name in DISC}
    wrong = rows["status"].astype(str).str.startswith("failed").to_numpy().reshape(-1, visits).any(1)
    calmed = _calmed(asked, which, rows, visits)
    kept = calmed[: arms * count].reshape(arms, count, visits - 1) if len(asked) > arms * count else None
    return Scanned(values, wrong[done].reshape(arms, count), kept)


def _name(one: Asked) -> tuple[int, str, bool]:
    return one.patient, one.arm, one.without


def _calmed(asked: Sequence[Asked], which: np.ndarray, rows: pd.DataFrame, visits: int) -> np.ndarray:
    """Halvings of cytokines (disc, visit) against the same disc with nothing done; nan where there is none of these."""
    told = {name: rows[name].to_numpy(float).reshape(-1, visits)[:, 1:] for name in symptoms.CYTOKINES}
    bare = {(one.patient, one.arm): int(which[k]) for k, one in enumerate(asked) if one.without}
    found = np.full((len(asked), visits - 1), np.nan)
    for k, one in enumerate(asked):
        other = bare.get((one.patient, one.arm))
        if other is not None and not one.without:
            found[k] = symptoms.calmed(*({name: value[at] for name, value in told.items()} for at in (other, which[k])))
    return found
