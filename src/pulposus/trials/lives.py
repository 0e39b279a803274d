"""Lives of many persons at once without discs. (stand-in until clinic)"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pulposus.outcomes import person, reported
from pulposus.outcomes.response import Parts
from pulposus.trials.estimands import EVENTS

if TYPE_CHECKING:
    import pandas as pd

    from pulposus.trials.protocol import Arm, Protocol


@dataclass(frozen=True)
class Lived:
    """Scores (person, start and visits) with nan, months of events, last month heard of."""

    scores: dict[str, np.ndarray]
    happened: dict[str, np.ndarray]
    end: np.ndarray


def eligible(protocol: Protocol, size: int, seed: int, enriched: str = "") -> pd.DataFrame:
    from pulposus.patients import draw

    return draw(size, seed, trial=protocol.trial.criteria, region=protocol.trial.region)


def lived(
    protocol: Protocol,
    arm: Arm,
    people: Mapping[str, np.ndarray],
    chance: np.random.Generator,
    draws: np.ndarray,
    place: np.ndarray,
    scores: tuple[str, ...],
    sites: np.ndarray,
    seed: int,
    effect: float,
) -> Lived:
    months = np.array(protocol.visits.months)
    followed = person.follow(
        chance, protocol.given(arm), people["pain"], people["disability"], months, Parts(treatment=effect), draws,
        place, limb=people["limb_pain"],
    )
    told = reported.reported(chance, protocol.trial.region, followed, (*scores, "missing"), start=True,
                             informative=protocol.dropout.informative)
    lost = told.pop("missing")
    none = np.full(draws.size, math.inf)
    seen = np.where(lost.any(1), np.concatenate([[0.0], months])[np.argmax(lost, 1)], months[-1])
    return Lived(
        {name: np.where(lost, np.nan, value.astype(float)) for name, value in told.items()},
        {name: none for name in EVENTS},
        seen,
    )
