"""A trial's size changed at a look, without harm to its error.

What: `conditional_power` says how likely the trial still shows an effect, `promising_zone` what the size should become,
`inverse_normal` tests with weights that were fixed beforehand, so that the error holds whatever the new size;
`plain_from` from which conditional power on the size may grow and be tested without weights all the same.
Equations: with share t of the information in and Z there z, the last Z is sqrt(t) z + sqrt(1-t) (independent part), so
CP = 1 - Phi((c - sqrt(t) z) / sqrt(1-t) - drift sqrt(1-t)), drift z / sqrt(t) where the trend is trusted. Combination
Z = w1 Phi⁻¹(1-p1) + w2 Phi⁻¹(1-p2), w1² + w2² = 1 (Lehmacher and Wassmer 1999; Cui, Hung and Wang 1999).
Without weights: of n1 + n people, Z >= c errs no more than the weighted test where it is the harder one, b <= c with
b = (sqrt(n1) z + sqrt(n) (c sqrt(n1 + n2) - z sqrt(n1)) / sqrt(n2)) / sqrt(n1 + n), n2 as planned.
Source: Mehta and Pocock 2011 (promising zone); Chen, DeMets and Lan 2004 (doi 10.1002/sim.1719) and Gao, Ware and Mehta
2008 (without weights).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from pulposus.errors import InputError

from . import given
from .sequential import POWER

PROMISING = 0.3  # maths: conditional power from which a trial counts as promising, a choice of the caller
PLACES = 4001  # maths: values of Z at which the test without weights is held against the weighted one
HALF = 0.5
ENDS = 1e-16  # maths: p values are held this far from 0 and 1, where the normal quantile is endless


def conditional_power(z: float, share: float, critical: float, drift: float | None = None) -> float:
    """Chance that Z at the end lies above `critical`, seen `z` at `share` of the information.

    `drift` is the mean of Z at full information; None trusts the trend, z / √share.
    """
    t, seen = given.share(share, "share"), given.real(z, "z")
    full = seen / math.sqrt(t) if drift is None else given.real(drift, "drift")
    left = math.sqrt(1 - t)
    return float(special.ndtr(full * left - (critical - math.sqrt(t) * seen) / left))


def predictive_power(z: float, share: float, critical: float) -> float:
    """Conditional power averaged over what is known of the drift at the look, flat prior: N(z/√t, (1/t))."""
    t, seen = given.share(share, "share"), given.real(z, "z")
    return float(special.ndtr((seen - critical * math.sqrt(t)) / math.sqrt(1 - t)))


def inverse_normal(p_values: Sequence[float], weights: Sequence[float]) -> float:
    """Z of stages with one-sided p values and weights fixed beforehand (scaled here so that their squares sum to 1)."""
    p, w = given.vector(p_values, "p_values"), given.positive(weights, "weights")
    given.alike(p_values=p, weights=w)
    if ((p < 0) | (p > 1)).any():
        raise InputError(f"p_values holds {p[(p < 0) | (p > 1)][0]:g}; give numbers from 0 to 1.")
    return float(-(w @ special.ndtri(np.clip(p, ENDS, 1 - ENDS))) / np.sqrt(w @ w))


@dataclass(frozen=True)
class Resized:
    """What a look says: the zone, conditional power under the trend as planned and as resized, people of stage two."""

    zone: str  # unfavourable, promising, favourable
    planned_power: float
    power: float
    second_stage: int


def promising_zone(
    z: float,
    first: int,
    second: int,
    max_second: int,
    critical: float,
    power: float = POWER,
    promising: float = PROMISING,
) -> Resized:
    """People of stage two after a look at `first` of `first + second` planned people with `z` seen.

    Under `promising` conditional power (trend trusted) and over `power` the plan stands; between them stage two grows
    to what reaches `power`, no further than `max_second`. The test at the end is to be `inverse_normal` with weights
    √first and √second of the plan, whose conditional power is what is computed here, so that no zone costs error.
    """
    n1, n2, top = given.whole(first, "first"), given.whole(second, "second"), given.whole(max_second, "max_second")
    goal, floor = given.share(power, "power"), given.share(promising, "promising")
    if top < n2:
        said = f"max_second is {top}, less than the {n2} planned for stage two"
        raise InputError(f"{said}; give the planned number or more.")
    if floor >= goal:
        raise InputError(f"promising is {floor:g} and power {goal:g}; a zone begins below the power that it aims at.")
    t = n1 / (n1 + n2)
    needed = (critical - math.sqrt(t) * z) / math.sqrt(1 - t)  # Z that stage two must reach
    per_root = z / math.sqrt(n1)  # trend of Z for each root of a person

    def chance(n: int) -> float:
        return float(special.ndtr(per_root * math.sqrt(n) - needed))

    planned = chance(n2)
    if planned < floor:
        return Resized("unfavourable", planned, planned, n2)
    if planned >= goal:
        return Resized("favourable", planned, planned, n2)
    if per_root <= 0:
        grown = n2
    else:
        wanted = (max(0.0, needed + float(special.ndtri(goal))) / per_root) ** 2
        grown = top if wanted >= top else max(n2, math.ceil(wanted))
    return Resized("promising", planned, chance(grown), grown)


def plain_from(first: int, second: int, max_second: int, critical: float, power: float = POWER) -> float:
    """Conditional power from which on stage two may grow, to no more than `max_second`, and Z of all people be held
    against `critical` without weights; 1 where it never may. The sizes are those of `promising_zone`.
    """
    root, whole = math.sqrt(first), math.sqrt(first + second)
    share, found = first / (first + second), 1.0
    for z in np.linspace(critical * whole / root, 0.0, PLACES).tolist():
        one = promising_zone(z, first, second, max_second, critical, power, ENDS)
        n = one.second_stage
        bound = (root * z + math.sqrt(n) * (critical * whole - z * root) / math.sqrt(second)) / math.sqrt(first + n)
        if bound > critical + ENDS**HALF:
            break
        found = min(found, conditional_power(z, share, critical))
    return found
