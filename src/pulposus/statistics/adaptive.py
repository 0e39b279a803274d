"""Arms dropped at a look, one error for all of them: closed testing with stages put together by inverse normals.

What: `closed` says which arms are shown after one stage or two, `kept` which go on by a rule that was stated, `best`
how likely each arm is the best one, `together` the p of several arms at once in one stage.
Equations: an arm is shown where every set of arms with it in it is: Z of a set, sqrt(t) z1 + sqrt(1-t) z2, reaches the
critical value, z1 and z2 from p of the set in people of each stage alone, and arms that were dropped left out of
stage two (a set of dropped arms alone has p of 1 there). Weights were fixed beforehand, so that the family-wise error
holds whatever was dropped and why, whatever the sizes of stage two. p of a set: Dunnett's, the chance that the largest
of normal variables with correlation l_i l_j, l_i² = n_i / (n_i + n_0), exceeds the largest seen, by quadrature over
their common part; Simes'; Bonferroni's.
Shapes: (trial, arm) throughout, better above nought, nan for an arm without people.
Source: Bauer and Kieser 1999 (doi 10.1002/(SICI)1097-0258(19990730)18:14<1833::AID-SIM221>3.0.CO;2-3); Posch and others
2005 (doi 10.1002/sim.2389); Bretz and others 2009 (doi 10.1002/sim.3538).
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
from scipy import special

from pulposus.errors import InputError

from . import given
from .reestimation import ENDS

RULES = ("best", "power", "chance")
SETS = ("dunnett", "simes", "bonferroni")
NODES = 96  # maths: points of the quadrature over what arms have in common
MOST = 8  # maths: arms; a closed test of more has hundreds of sets


def _nodes() -> tuple[np.ndarray, np.ndarray]:
    x, w = np.polynomial.hermite_e.hermegauss(NODES)
    return x, w / w.sum()


def loading(sizes: Any, control: Any) -> np.ndarray:
    """What a comparison has of the control: sqrt(n_i / (n_i + n_0)), in the shape of `sizes`."""
    n, n0 = np.asarray(sizes, float), np.asarray(control, float)
    if (n < 0).any() or (n0 <= 0).any():
        raise InputError("Arms have fewer than no people, or the control none; give people to all that are compared.")
    return np.asarray(np.sqrt(n / (n + n0)))


def together(z: np.ndarray, shared: np.ndarray, kind: str = "dunnett") -> np.ndarray:
    """p of "no arm is better" (trial,), one-sided, from Z (trial, arm) and `loading`; 1 where no arm has people."""
    given.one_of(kind, SETS, "The test of several arms")
    there = np.isfinite(z)
    count, largest = there.sum(axis=1), np.where(there, z, -np.inf).max(axis=1, initial=-np.inf)
    if kind == "bonferroni":
        return np.where(count > 0, np.minimum(1.0, count * special.ndtr(-largest)), 1.0)
    if kind == "simes":
        p, place = np.sort(special.ndtr(-np.where(there, z, -np.inf)), axis=1), np.arange(1, z.shape[1] + 1)
        own = place <= count[:, None]  # arms without people stand last, and have no p of their own
        return np.where(own, p * count[:, None] / place, 1.0).min(axis=1)
    x, w = _nodes()
    top = np.where(count > 0, largest, 0.0)
    load = np.broadcast_to(shared, z.shape)
    under = np.zeros((z.shape[0], NODES))
    for arm in range(z.shape[1]):
        own = load[:, arm, None]
        each = special.log_ndtr((top[:, None] + own * x) / np.sqrt(1 - own**2))
        under += np.where(there[:, arm, None], each, 0.0)
    return np.where(count > 0, -np.expm1(under) @ w, 1.0)


def sets(arms: int) -> list[tuple[int, ...]]:
    """Every set of arms but the empty one."""
    count = given.whole(arms, "arms")
    if count > MOST:
        raise InputError(f"{count} arms make {2**count - 1} sets; a closed test takes {MOST} arms or fewer.")
    return [one for size in range(1, count + 1) for one in itertools.combinations(range(count), size)]


def _z(p: np.ndarray) -> np.ndarray:
    return np.asarray(-special.ndtri(np.clip(p, ENDS, 1 - ENDS)))


def closed(
    first: np.ndarray,
    critical: tuple[float, float],
    share: float,
    shared: tuple[np.ndarray, np.ndarray],
    second: np.ndarray | None = None,
    kind: str = "dunnett",
) -> np.ndarray:
    """Which arms are shown (trial, arm): at the look where `second` is None, else after both stages.

    `first`, `second`: Z of each arm against the control in people of that stage alone; `critical`: at the look (inf
    where it shows nothing) and at the end; `share` of the information at the look, as planned; `shared`: `loading` of
    the stages. What a set showed at the look it keeps.
    """
    t = given.share(share, "share")
    out = np.ones(first.shape, bool)
    for one in sets(first.shape[1]):
        of = list(one)
        z = _z(together(first[:, of], np.broadcast_to(shared[0], first.shape)[:, of], kind))
        fallen = z >= critical[0]
        if second is not None:
            later = _z(together(second[:, of], np.broadcast_to(shared[1], first.shape)[:, of], kind))
            fallen |= math.sqrt(t) * z + math.sqrt(1 - t) * later >= critical[1]
        out[:, of] &= fallen[:, None]
    return out & np.isfinite(first)


def best(value: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """Chance of each arm to be the best one (trial, arm), flat prior: means `value` of arms with their own variance."""
    x, w = _nodes()
    spread = np.sqrt(variance)
    out = np.zeros(value.shape)
    for i in range(value.shape[1]):
        at = value[:, i, None] + spread[:, i, None] * x
        under = np.zeros(at.shape)
        for j in range(value.shape[1]):
            if j != i:
                under += special.log_ndtr((at - value[:, j, None]) / spread[:, j, None])
        out[:, i] = np.exp(under) @ w
    return out


def kept(
    rule: str,
    z: np.ndarray,
    error: np.ndarray,
    shared: np.ndarray,
    share: float,
    critical: float,
    keep: int = 1,
    floor: float = 0.0,
) -> np.ndarray:
    """Which arms go on after the look (trial, arm).

    "best": the `keep` arms with the largest Z. "power": arms whose predictive power at the end, flat prior, as if
    nothing else were compared, is `floor` or more; none may be left. "chance": arms whose chance to be the best one is
    `floor` or more, and in any case the likeliest. `error`: standard errors of the differences.
    """
    given.one_of(rule, RULES, "The rule of dropping")
    number = given.whole(keep, "keep")
    least, t = given.share(floor, "floor", closed=True), given.share(share, "share")
    seen = np.where(np.isfinite(z), z, -np.inf)
    if rule == "best":
        place = np.argsort(np.argsort(-seen, axis=1, kind="stable"), axis=1, kind="stable")
        return np.asarray((place < number) & np.isfinite(z))
    if rule == "power":
        return np.asarray(special.ndtr((seen - critical * math.sqrt(t)) / math.sqrt(1 - t)) >= least)
    known = np.isfinite(z) & np.isfinite(error)
    value = np.where(known, np.where(known, z, 0.0) * np.where(known, error, 0.0), -1 / ENDS)
    own = np.where(known, np.where(known, error, 1.0) ** 2 * (1 - np.broadcast_to(shared, z.shape) ** 2), 1.0)
    chance = best(value, own)
    return np.asarray(((chance >= least) | (chance == chance.max(axis=1, keepdims=True))) & known)
