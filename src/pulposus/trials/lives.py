"""Lives of many people of many trials at once, without discs: the clinic asked for power.

What: `eligible` gives people who enter a protocol, `lived` what the clinic makes of people in arms, as a `Seen`.
Equations: those of `clinic`; sites differ within a trial, by a logit of their own in each; `effect` multiplies what
trials found of the treatment, as a logit, or what the disc does in its place where scans tell (`symptoms.join`).
Reads: `entered`, `clinic`, ``evidence/outcomes.csv``. Writes: nothing.
Why this holds: one trial and a thousand are lived by the same lines (`clinic.live`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtri

from pulposus import evidence
from pulposus.errors import InputError, nearest
from pulposus.outcomes import person
from pulposus.outcomes.chance import rows
from pulposus.trials import clinic
from pulposus.trials.entered import enter
from pulposus.trials.estimands import EVENTS, Seen
from pulposus.trials.protocol import DISC, Criterion
from pulposus.trials.scanned import Scanned

if TYPE_CHECKING:
    import pandas as pd

    from pulposus.trials.protocol import Protocol

ENDPLATES = {"open": "intact", "closed": "sclerotic"}
_COLUMNS = ("pain", "disability", "limb_pain")


def eligible(protocol: Protocol, size: int, seed: int, enriched: str = "") -> pd.DataFrame:
    """`size` people who meet the criteria and want to; enriched: only those with open or with closed endplates.

    Raises InputError for another word, and where nobody meets the criteria.
    """
    if enriched:
        if enriched not in ENDPLATES:
            near = nearest(enriched, ENDPLATES)
            raise InputError(f"Nobody is enriched by {enriched!r}{near}; write one of {', '.join(ENDPLATES)}.")
        more = Criterion(column="endplate", one_of=(ENDPLATES[enriched],))
        protocol = protocol.model_copy(update={"criteria": (*protocol.criteria, more)})
    return enter(protocol.sized(max(size, len(protocol.arms))), seed).people.head(size).reset_index(drop=True)


@dataclass(frozen=True)
class Crowd:
    """People of many trials (person,): who of the bank they are, their arm, number of chance, trial, draw of the law,
    and the trial's place.

    `columns`: of `eligible`, already chosen.
    """

    columns: Mapping[str, np.ndarray]
    who: np.ndarray
    arm: np.ndarray
    number: np.ndarray
    trial: np.ndarray
    draw: np.ndarray
    place: np.ndarray


def lived(
    protocol: Protocol,
    crowd: Crowd,
    scores: tuple[str, ...],
    seed: int,
    effect: float = 1.0,
    null: bool = False,
    scans: Scanned | None = None,
) -> Seen:
    """Everybody through their arm; null: all live as in the control arm, whatever arm they are counted in.

    Raises InputError for a measure of the disc without scans.
    """
    import pandas as pd

    arms = np.array([arm.name for arm in protocol.arms])
    as_if = np.full(crowd.arm.size, protocol.control.name) if null else arms[crowd.arm]
    told = {"patient": crowd.number, "arm": as_if} | {name: crowd.columns[name] for name in _COLUMNS}
    sites, logit = _sites(protocol, crowd, seed)
    alone = protocol.model_copy(update={"sites": protocol.sites.model_copy(update={"count": 1})})
    # arrays where the clinic of one trial has one number for everybody
    world = clinic.World(crowd.draw, crowd.place + logit)  # type: ignore[arg-type]
    found = clinic.live(alone, pd.DataFrame(told), seed, world, _more(protocol, crowd, as_if, effect, scans))
    between = {name: np.nan_to_num(found.between[name], nan=math.inf) for name in (*EVENTS, "left")}
    lost = found.misses | found.gone | (found.months >= between["death"][:, None])
    values = {name: np.where(lost, np.nan, found.values[name]) for name in scores if name not in DISC}
    gone = lost | (found.months >= between["surgery"][:, None])
    measured, failed = _measured(protocol, crowd, [name for name in scores if name in DISC], effect, null, scans)
    values |= {name: np.where(gone, np.nan, value) for name, value in measured.items()}
    last = protocol.visits.months[-1]
    known = {**crowd.columns, "site": sites}
    return Seen(
        arms[crowd.arm],
        np.array(protocol.visits.months),
        {name: value[:, 1:] for name, value in values.items()},
        {name: value[:, 0] for name, value in values.items()},
        {name: between[name] for name in EVENTS},
        np.minimum(between["left"], last),
        {name: known[name] for name in protocol.allocation.strata},
        failed=dict.fromkeys(measured, failed),
    )


def _measured(
    protocol: Protocol, crowd: Crowd, names: list[str], effect: float, null: bool, scans: Scanned | None
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Measures of discs (person, 1 + visit), and for whom they could not be computed (person,).

    An effect multiplies what a disc differs by from the same person's in the control arm.
    """
    if not names:
        return {}, np.zeros(crowd.arm.size, bool)
    if scans is None:
        raise InputError(f"{names[0]} is read from the disc; trials of it are drawn from a bank that was scanned.")
    control = [arm.name for arm in protocol.arms].index(protocol.control.name)
    at = np.full(crowd.arm.size, control) if null else crowd.arm
    found = {}
    for name in names:
        own, base = scans.values[name][at, crowd.who], scans.values[name][control, crowd.who]
        found[name] = own if effect == 1 else base + effect * (own - base)
    return found, scans.failed[at, crowd.who] | (scans.failed[control, crowd.who] & (effect != 1))


def _sites(protocol: Protocol, crowd: Crowd, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Site of each person, and its logit: the sites of each trial are drawn anew."""
    count = protocol.sites.count
    site = (rows(seed, crowd.number, 1, "site of a person")[:, 0] * count).astype(int)
    if count == 1:
        return site, np.zeros(site.size)
    spread = evidence.outcome("site_spread").value if protocol.sites.spread is None else protocol.sites.spread
    trials, place = np.unique(crowd.trial, return_inverse=True)
    each = spread * ndtri(rows(seed, trials, count, "sites of a trial"))
    return site, each[place, site]


def _more(
    protocol: Protocol, crowd: Crowd, as_if: np.ndarray, effect: float, scans: Scanned | None
) -> np.ndarray | None:
    """What is added to the logit of responding (person, visit): a multiple of the treatment's effect; where scans tell
    what was calmed in the disc, that stands in place of what trials found.
    """
    calmed = None if scans is None else scans.calmed
    if effect == 1 and calmed is None:
        return None
    region, visits = protocol.trial.region, len(protocol.visits.months)
    found = np.zeros((crowd.arm.size, visits))
    for place, arm in enumerate(protocol.arms):
        here = as_if == arm.name
        draw, who = crowd.draw[here], crowd.who[here]
        each = [person.drawn(region, f"treatment {name}")[draw] for name in arm.treatments]
        of_trials = np.sum([np.zeros(draw.size), *each], 0)[:, None]
        own = np.broadcast_to(of_trials, (draw.size, visits))
        if calmed is not None:
            of_disc = person.drawn(region, "mediated_cytokine")[draw][:, None] * calmed[place, who]
            own = np.where(np.isnan(of_disc), own, of_disc)
        found[here] = effect * own - of_trials
    return found
