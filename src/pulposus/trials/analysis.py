"""A conducted trial, analysed: every endpoint by its own analysis, and what stands around the answers.

What: `analyse` gives an `Analysis`: differences with interval and p after multiplicity, what hangs on scores that were
not seen, subgroups, looks at the running trial, curves, safety, the flow of people; `publish` writes it into a folder,
with one page.
Equations: those of `statistics`. Multiplicity: families of endpoints in their order, primaries first, each shared by
Holm, the next tested when all before have fallen (serial gatekeeping), at looks by `graphical`; safety endpoints are
not adjusted.
Reads: a conducted trial. Writes (publish): analysis/*.csv and report.html.
Why this holds: the order of rows and the names of arms change nothing; the same seed gives the same tables.
Source: ICH E9(R1) for estimands; Dmitrienko and others 2003 for gatekeeping.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pulposus.errors import InputError
from pulposus.statistics import graphical, multiplicity, sequential
from pulposus.trials import described
from pulposus.trials.compared import Found, compared
from pulposus.trials.doses import found_in
from pulposus.trials.estimands import Seen, strategies
from pulposus.trials.interim import SPENDINGS
from pulposus.trials.runs import is_better
from pulposus.trials.sensitivity import Assumed, Group, imputed, subgroups
from pulposus.trials.told import dosed, sentence, stopped, told, unchanged
from pulposus.trials.variables import better

if TYPE_CHECKING:
    import pandas as pd

    from pulposus.trials.protocol import Endpoint, Protocol

FOLDER = "analysis"
LAST = -1


@dataclass(frozen=True)
class Look:
    """One look at a running trial and one primary comparison: persons in it, Z (better above nought where one side is
    tested), its critical value, whose comparison it is.

    `shared`: Z after what all comparisons share of the error; nan where there is one.
    """

    share: float
    persons: int
    z: float
    critical: float
    sides: int = 2
    arm: str = ""
    endpoint: str = ""
    shared: float = math.nan

    @property
    def stops(self) -> bool:
        """Whether the trial would have stopped here."""
        z = self.z if math.isnan(self.shared) else self.shared
        return bool((abs(z) if self.sides == 2 else z) >= self.critical)


@dataclass(frozen=True)
class Analysis:
    """All that is said of a trial. Tables: flow, failures, baseline, curves, safety; see `described`."""

    protocol: Protocol
    endpoints: tuple[Found, ...]
    sensitivity: tuple[Assumed, ...]
    tipping: tuple[str, ...]
    subgroups: tuple[Group, ...]
    looks: tuple[Look, ...]
    flow: pd.DataFrame
    failures: pd.DataFrame
    baseline: pd.DataFrame
    curves: pd.DataFrame
    safety: pd.DataFrame
    screened: dict[str, int]
    seed: int

    @property
    def primary(self) -> tuple[Found, ...]:
        """What was found of the primary endpoints."""
        return tuple(one for one in self.endpoints if one.role == "primary")

    @property
    def answers(self) -> list[str]:
        """A sentence for each primary comparison; before them one on the look at which the trial would have stopped,
        after them one on the dose-response.
        """
        looked, table = [*unchanged(self.protocol.interim), *stopped(self.looks)], self.protocol.dose_response
        asked = [] if table.difference is None else [dosed(found_in(self.protocol, self.primary), table.difference)]
        return [*looked, *(sentence(one) for one in self.primary), *asked]


def analyse(protocol: Protocol, conducted: Any, seed: int | None = None) -> Analysis:
    """A trial from its tables (`conduct.Conducted`). seed: of imputation, that of the trial where none is given.

    Raises InputError where the tables are not of one trial; what cannot be analysed has a sentence in its place.
    """
    seed = int(conducted.seed) if seed is None else seed
    seen, plan = Seen.of(conducted, protocol.allocation.strata), strategies(protocol)
    _same_arms(seen, protocol)
    ends = at_the_end(protocol)
    found = [one for end in ends for one in compared(seen, end, protocol, plan)]
    assumed, said, groups = list[Assumed](), list[str](), list[Group]()
    people = conducted.people.sort_values("patient", kind="stable")
    known = {str(name): people[name].to_numpy() for name in people.columns}
    for end in ends:
        if end.role == "primary":
            rows, sentences = imputed(seen, end, protocol, plan, seed)
            assumed, said = assumed + rows, said + sentences
            groups += subgroups(seen, known, end, protocol, plan)
    return Analysis(
        protocol,
        tuple(adjusted(found, plan_of(protocol), LAST)),
        tuple(assumed),
        tuple(said),
        tuple(groups),
        tuple(looks(seen, protocol)),
        described.flow(conducted, seen, protocol),
        described.failures(conducted),
        described.baseline(conducted, seen, protocol),
        described.curves(seen, protocol, plan),
        described.safety(conducted, seen, protocol),
        dict(getattr(conducted, "flow", {})),
        seed,
    )


def _same_arms(seen: Seen, protocol: Protocol) -> None:
    known = [arm.name for arm in protocol.arms]
    strange = sorted(set(seen.arm.tolist()) - set(known))
    if strange:
        raise InputError(f"Somebody is in arm {strange[0]!r}; the protocol has {', '.join(known)}.")


def adjusted(found: list[Found], plan: sequential.Design | None = None, look: int = LAST) -> list[Found]:
    """The same with p after multiplicity: primaries by order, then secondaries by order; none for safety.

    With a plan it is to be held against the level of that look; of one side what is better and what is worse are apart.
    What could not be analysed is not shown (p of 1), and shuts the gate behind it.
    """
    judged = [i for i, one in enumerate(found) if one.role != "safety" and one.control]
    if not judged:
        return found
    keys = [(found[i].role != "primary", found[i].order) for i in judged]
    families = [sorted(set(keys)).index(key) for key in keys]
    p = np.array([1.0 if math.isnan(found[i].p) else found[i].p for i in judged])
    if plan is None:
        shared = multiplicity.serial(p, families)
    elif plan.sides == 2:
        shared = _looked(plan, look, p, families)
    else:
        better = np.array([is_better(found[i]) for i in judged])
        of = [_looked(plan, look, np.where(side, p, 1.0), families) for side in (better, ~better)]
        shared = np.where(better, *of)
    out = list(found)
    for i, value in zip(judged, shared, strict=True):
        out[i] = replace(found[i], adjusted=float(value))
    return out


def _looked(plan: sequential.Design, look: int, p: np.ndarray, families: list[int]) -> np.ndarray:
    """p of two sides at a look, shared."""
    place = range(plan.information.size)[look]
    return np.minimum(1.0, 2 * graphical.adjusted(plan, place, p / 2, families))


# ---------------------------------------------------------------------------------------------- looks


def plan_of(protocol: Protocol) -> sequential.Design | None:
    """The group-sequential test of a protocol; None where it has no look before the end."""
    table = protocol.interim
    information = [*(t for t in table.information if t < 1), 1.0]
    if len(information) < 2:
        return None
    return sequential.design(SPENDINGS[table.spending], information, table.alpha, table.sided)


def at_the_end(protocol: Protocol) -> list[Endpoint]:
    """Endpoints with the error that is left at the end, where looks before it have spent some."""
    plan = plan_of(protocol)
    if plan is None:
        return list(protocol.endpoints)
    left = 2 * float(plan.local_levels[-1])  # p has two sides
    return [e if e.role == "safety" else e.model_copy(update={"alpha": left}) for e in protocol.endpoints]


def looks(seen: Seen, protocol: Protocol) -> list[Look]:
    """Z of every primary comparison at every look, of the persons who had entered by then."""
    plan = plan_of(protocol)
    if plan is None or not protocol.controlled:
        return []
    order = np.argsort(seen.entered, kind="stable") if seen.entered.size else np.arange(seen.size)
    rows = []
    for look, (share, critical) in enumerate(zip(plan.information.tolist(), plan.critical.tolist(), strict=True)):
        number = math.ceil(share * seen.size)
        so_far = seen.only(np.sort(order[:number]))
        found = adjusted([one for end in protocol.primaries for one in compared(so_far, end, protocol)], plan, look)
        for one in found:
            turned = -1.0 if plan.sides == 1 and better(one.variable) == "lower" else 1.0
            shared = turned * z_of(replace(one, p=one.adjusted)) if len(found) > 1 else math.nan
            rows.append(Look(share, number, turned * z_of(one), critical, plan.sides, one.arm, one.endpoint, shared))
    return rows


def z_of(found: Found) -> float:
    """Z of a comparison from its p, on the side of its estimate; nan where it could not be had."""
    from scipy.special import ndtri

    return float(math.copysign(-ndtri(found.p / 2), found.difference.value - found.null))


# ---------------------------------------------------------------------------------------------- written


def tables(analysis: Analysis) -> dict[str, pd.DataFrame]:
    """Name -> table, as `publish` writes them."""
    import pandas as pd

    def row(one: Any) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for name, value in vars(one).items():
            if name == "difference":
                out |= {"difference": value.value, "low": value.low, "high": value.high, "method": value.method}
            elif name in ("persons", "value") and isinstance(value, tuple):
                out |= {name: value[0], f"{name}_control": value[1]}
            else:
                out[name] = value
        return out

    found = [row(one) | {"shown": one.shown} for one in analysis.endpoints]
    return {
        "endpoints": pd.DataFrame(found),
        "sensitivity": pd.DataFrame([row(one) for one in analysis.sensitivity]),
        "subgroups": pd.DataFrame([row(one) for one in analysis.subgroups]),
        "looks": pd.DataFrame([vars(one) | {"stops": one.stops} for one in analysis.looks]),
        "flow": analysis.flow,
        "failures": analysis.failures,
        "baseline": analysis.baseline,
        "curves": analysis.curves,
        "safety": analysis.safety,
    }


def publish(folder: str | Path, conducted: Any, seed: int | None = None) -> Path:
    """Analyse a trial, write its tables into folder/analysis, and its page, whose path is returned."""
    from pulposus.report.trial import write_report
    from pulposus.results import write_text

    folder = Path(folder)
    analysis = analyse(conducted.protocol, conducted, seed)
    (folder / FOLDER).mkdir(parents=True, exist_ok=True)
    for name, table in tables(analysis).items():
        write_text(folder / FOLDER / f"{name}.csv", table.to_csv(index=False))
    return write_report(folder / "report.html", told(analysis))
