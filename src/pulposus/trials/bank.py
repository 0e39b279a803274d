"""A bank of people in all arms, from which trials are drawn again and again.

What: `Bank` holds persons who meet a protocol's criteria (at least 500); `replicates` gives many trials at once as one
`Seen`, persons drawn from the bank with replacement; `crowd` people of trials as far as a look has let them in;
`paired` gives every person of the bank in every arm, with the same chance in each (common random numbers).
Equations: a trial t has one draw of the law of responses for everybody, and its own place, a logit of spread
``trial_spread`` times Student's t of `FREEDOMS`; a person of it lives as `lives` says.
Reads: draws of ``evidence/responses_*.csv``. Writes: nothing.
Why this holds: the law is uncertain for all people of a trial at once, so that what is uncertain does not average out
within a trial; chance is that of a trial's and a person's number, so that trial 7 is the same among
10 and among 1,000.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pulposus.errors import InputError
from pulposus.outcomes import person
from pulposus.trials.estimands import Seen
from pulposus.trials.lives import Crowd, eligible, lived
from pulposus.trials.protocol import DISC
from pulposus.trials.scanned import Scanned, scan

if TYPE_CHECKING:
    import pandas as pd

    from pulposus.trials.protocol import Endpoint, Protocol

LEAST = 500  # maths: persons of a bank at least, a choice that the bank's own error judges
ROWS = 120_000  # maths: persons that live at once
FREEDOMS = 5  # maths: of the t distribution of trials, as in the fit of the law of responses
_TRIALS = 2  # maths: a stream of chance
_LATER = 1  # maths: a stream of chance within a trial's own
_STRIDE = 1_000_000  # maths: numbers of chance that a trial has to itself
_APART = 10**13  # maths: where numbers of chance begin of people who live in every arm


@dataclass(frozen=True)
class Truth:
    """What chance gives a trial (trial,): which draw of the law, and its place as a logit."""

    draws: np.ndarray
    place: np.ndarray

    def __len__(self) -> int:
        return int(self.draws.size)

    @classmethod
    def of(cls, region: str, count: int, seed: int) -> Truth:
        """Of `count` trials: every draw of the law in turn, in an order by chance, and a place each."""
        names, rows = person.responses(region)
        draws = np.random.default_rng([seed, _TRIALS]).permutation(len(rows))[np.arange(count) % len(rows)]
        # one stream a trial, so that it is the same however many there are
        place = np.array([np.random.default_rng([seed, _TRIALS, i]).standard_t(FREEDOMS) for i in range(count)])
        return cls(draws, rows[draws, names.index("trial_spread")] * place)

    def all_of(self, which: int, count: int) -> Truth:
        """One of these, `count` times."""
        return Truth(np.full(count, self.draws[which]), np.full(count, self.place[which]))


@dataclass(frozen=True)
class Bank:
    """Persons who may enter a trial, a row each as `patients.draw` gives them."""

    protocol: Protocol
    people: pd.DataFrame
    seed: int
    scans: Scanned | None = None

    @classmethod
    def of(cls, protocol: Protocol, size: int = LEAST, seed: int = 0, enriched: str = "") -> Bank:
        """`size` persons by the criteria of a protocol; enriched "open" or "closed": by the endplate that feeds them.

        Raises InputError for fewer than `LEAST`, and where nobody meets the criteria.
        """
        if size < LEAST:
            raise InputError(f"A bank of {size} persons is too small to draw trials from; ask for {LEAST} or more.")
        return cls(protocol, eligible(protocol, size, seed, enriched), seed)

    def with_discs(
        self,
        mechanics: str = "columns",
        workers: int | None = 1,
        folder: Path | None = None,
        tell: Callable[[int, int, str], None] | None = None,
        mediated: bool = False,
    ) -> Bank:
        """The same with everybody's disc in every arm, computed or read from a folder that has them. mediated: what was
        calmed in a disc moves responding, in place of what trials found of what was done in it.
        """
        scans = scan(self.protocol, self.people, self.seed, mechanics, workers, folder, tell, without=mediated)
        return replace(self, scans=scans)

    @property
    def size(self) -> int:
        """How many persons."""
        return len(self.people)

    def start(self, variable: str) -> float:
        """Mean at the start of a score of pain or of disability; nan of another."""
        column = {"vas": _axial(variable), "odi": "disability", "ndi": "disability"}.get(variable.split("_")[0], "")
        return float(self.people[column].mean()) if column else float("nan")

    @cached_property
    def _columns(self) -> dict[str, np.ndarray]:
        known = ("pain", "disability", "limb_pain", *self.protocol.allocation.strata)
        return {name: self.people[name].to_numpy() for name in known if name in self.people}

    def chosen(self, who: np.ndarray) -> dict[str, np.ndarray]:
        """Columns of some people, by their places, as often as they are named."""
        return {name: column[who] for name, column in self._columns.items()}


def _axial(variable: str) -> str:
    """Column of a pain: of back or neck, or of leg or arm."""
    return "limb_pain" if variable.endswith(("_leg", "_arm")) else "pain"


def reads_disc(endpoint: Endpoint) -> bool:
    """Whether an endpoint is read from the disc."""
    return endpoint.variable in DISC


Batch = tuple[np.ndarray, Seen]  # which trials, and their persons one trial after the other


def allocated(protocol: Protocol, all_arms: Protocol | None = None) -> np.ndarray:
    """Places of arms (person,), as many of each as it has people; places in `all_arms` where some were dropped."""
    names = [arm.name for arm in (all_arms or protocol).arms]
    return np.concatenate([np.full(arm.size, names.index(arm.name)) for arm in protocol.arms])


def entered(bank: Bank, trial: int, arms: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Who enters a trial (place in the bank) and their arms, in an order by chance."""
    chance = np.random.default_rng([bank.seed, _TRIALS, trial])
    return chance.integers(bank.size, size=arms.size), chance.permutation(arms)


def entered_later(bank: Bank, trial: int, before: int, arms: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same of people who enter after the first `before`: person 70 is the same wherever the look stood."""
    chance = np.random.default_rng([bank.seed, _TRIALS, trial])
    who = chance.integers(bank.size, size=before + arms.size)[before:]
    return who, np.random.default_rng([bank.seed, _TRIALS, trial, _LATER]).permutation(arms)


def crowd(
    bank: Bank, truth: Truth, trials: np.ndarray, people: Sequence[tuple[np.ndarray, np.ndarray]], before: int = 0
) -> Crowd:
    """People of trials, one trial after the other: who they are and their arms, `before` others ahead of each."""
    sizes = [arms.size for _, arms in people]
    each, who = np.repeat(trials, sizes), np.concatenate([one for one, _ in people])
    number = np.concatenate([before + np.arange(size) for size in sizes])
    return Crowd(
        bank.chosen(who),
        who,
        np.concatenate([arms for _, arms in people]),
        each * _STRIDE + number,
        each,
        np.repeat(truth.draws[trials], sizes),
        np.repeat(truth.place[trials], sizes),
    )


def batches(count: int, size: int) -> Iterator[np.ndarray]:
    """Places of trials, so many at once as live together."""
    each = max(1, ROWS // size)
    for first in range(0, count, each):
        yield np.arange(first, min(first + each, count))


def replicates(
    bank: Bank,
    protocol: Protocol,
    truth: Truth,
    scores: tuple[str, ...],
    effect: float = 1.0,
    null: bool = False,
    tell: Callable[[int, int, str], None] | None = None,
) -> Iterator[Batch]:
    """Trials of a protocol, a batch at a time. effect: multiplies that of the treatment; null: all live as controls."""
    arms = allocated(protocol)
    for kept in batches(len(truth), protocol.size):
        if tell is not None:
            tell(int(kept[0]), len(truth), f"trials of {protocol.size}")
        people = crowd(bank, truth, kept, [entered(bank, trial, arms) for trial in kept.tolist()])
        yield kept, lived(protocol, people, scores, bank.seed, effect, null, bank.scans)


def paired(bank: Bank, protocol: Protocol, truth: Truth, which: int, scores: tuple[str, ...], lives: int = 1) -> Seen:
    """Every person of the bank `lives` times in every arm, the same chance in each: arms one after the other."""
    people, arms = bank.size * lives, len(protocol.arms)
    who = np.tile(np.arange(bank.size), lives * arms)
    count = who.size
    crowd = Crowd(
        bank.chosen(who),
        who,
        np.repeat(np.arange(arms), people),
        _APART + which * _STRIDE + np.tile(np.arange(people), arms),
        np.full(count, _APART // _STRIDE + which),
        np.full(count, truth.draws[which]),
        np.full(count, truth.place[which]),
    )
    return lived(protocol, crowd, scores, bank.seed, scans=bank.scans)
