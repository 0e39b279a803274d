"""Who is allocated to which arm.

What: `allocate` gives each person, in the order in which they enter, an arm: simple, in permuted blocks within strata,
or by minimisation; `imbalance` says how far arms differ in their strata.
Equations: simple: arm k with chance r_k / sum r. Blocks: each block of a stratum is a permutation of as many of each
arm as the ratio says. Minimisation (Pocock and Simon 1975): an arm that would leave the least sum over strata of the
range of n_k / r_k among people alike is taken with a chance (`follows`), another, by the ratio, otherwise.
Reads, writes: nothing.
Why this holds: who came earlier has an arm before later ones are looked at, so that the first people of a trial are
allocated alike whatever its size; chance is that of the person's place, not of a stream that others share.
Source: Pocock and Simon 1975 (doi 10.2307/2529712).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pulposus.outcomes.chance import rows
from pulposus.trials.protocol import Protocol

_FOLLOWS = 0.8  # maths: customary chance of taking the arm that balances best; the protocol may choose another
_TWO = 2  # maths: chances for a person who is minimised: whether to follow, and which


def allocate(protocol: Protocol, people: Sequence[Sequence[str]], numbers: Sequence[int], seed: int) -> np.ndarray:
    """Place of each person's arm in the protocol (person,).

    people: the person's strata, in the protocol's order, as words (empty where it has none); numbers: of people, for
    their chance in simple allocation and minimisation.
    """
    ratio, method = np.array(protocol.ratio, float), protocol.allocation.method
    if method == "blocks":
        return _blocks(protocol, people, seed)
    chance = rows(seed, numbers, _TWO, "allocation")
    if method == "simple":
        return _by_ratio(ratio, chance[:, 0])
    follows = _FOLLOWS if protocol.allocation.follows is None else protocol.allocation.follows
    return _minimised(ratio, people, chance, follows)


def _by_ratio(ratio: np.ndarray, chance: np.ndarray) -> np.ndarray:
    ends = np.cumsum(ratio) / ratio.sum()
    return np.asarray(np.minimum(np.searchsorted(ends, chance, side="right"), len(ratio) - 1))


def _blocks(protocol: Protocol, people: Sequence[Sequence[str]], seed: int) -> np.ndarray:
    """Permuted blocks, one sequence a stratum."""
    ratio = protocol.ratio
    size = protocol.allocation.block or sum(ratio)
    one = np.repeat(np.arange(len(ratio)), np.array(ratio) * (size // sum(ratio)))
    met: dict[tuple[str, ...], int] = {}
    blocks: dict[tuple[tuple[str, ...], int], np.ndarray] = {}
    found = np.empty(len(people), int)
    for place, strata in enumerate(people):
        key = tuple(strata)
        block, within = divmod(met.get(key, 0), size)
        if (key, block) not in blocks:
            order = np.argsort(rows(seed, [block], size, f"block {' '.join(key)}")[0], kind="stable")
            blocks[key, block] = one[order]
        found[place] = blocks[key, block][within]
        met[key] = met.get(key, 0) + 1
    return found


def _minimised(
    ratio: np.ndarray, people: Sequence[Sequence[str]], chance: np.ndarray, follows: float
) -> np.ndarray:
    """Each person to the arm that balances best, mostly."""
    counts: dict[tuple[int, str], np.ndarray] = {}
    found = np.empty(len(people), int)
    for place, strata in enumerate(people):
        alike = [counts.setdefault((i, word), np.zeros(len(ratio))) for i, word in enumerate(strata)]
        loss = [sum(float(np.ptp((count + add) / ratio)) for count in alike) for add in np.eye(len(ratio))]
        best = np.isclose(loss, min(loss))
        whether, which = chance[place]
        wanted = best if whether < follows or best.all() else ~best
        found[place] = _by_ratio(ratio * wanted, np.array([which]))[0]
        for count in alike:
            count[found[place]] += 1
    return found


def imbalance(arms: np.ndarray, people: Sequence[Sequence[str]], ratio: Sequence[int]) -> float:
    """Mean over all words of all strata of the range of ``n_k / r_k`` between arms."""
    found = []
    table, shares = np.array([list(strata) for strata in people], object), np.array(ratio, float)
    for column in table.T:
        for word in dict.fromkeys(column):
            counts = np.bincount(arms[column == word], minlength=len(shares))
            found.append(float(np.ptp(counts / shares)))
    return float(np.mean(found)) if found else 0.0
