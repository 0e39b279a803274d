"""A bank of people in all arms, from which trials are drawn again and again.

What: `Bank` holds persons who meet a protocol's criteria (at least 500); `replicates` gives many trials at once as one
`Seen`, persons drawn from the bank with replacement; `paired` gives every person of the bank in every arm, with the same
chance in each (common random numbers).
Equations: a trial t has one draw of the law of responses for everybody, and its own place, a logit of spread
``trial_spread`` times Student's t of `FREEDOMS`; a person of it lives as `lives` says.
Reads: draws of ``evidence/responses_*.csv``. Writes: nothing.
Why this holds: the law is uncertain for all people of a trial at once, so that what is uncertain does not average out
within a trial; batches are of fixed trials, so that trial 7 is the same among 10 and among 1,000.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from pulposus.errors import InputError
from pulposus.outcomes import person
from pulposus.trials import lives
from pulposus.trials.estimands import EVENTS, Seen, reads
from pulposus.trials.protocol import CONVERSION, DISC, RESPONDER

if TYPE_CHECKING:
    import pandas as pd

    from pulposus.trials.protocol import Endpoint, Protocol

LEAST = 500  # persons of a bank at least
ROWS = 120_000  # maths: persons that live at once
FREEDOMS = 5  # maths: of the t distribution of trials, as in the fit of the law of responses
_PAIRS, _TRIALS = 1, 2  # maths: streams of chance


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

    @classmethod
    def of(cls, protocol: Protocol, size: int = LEAST, seed: int = 0, enriched: str = "") -> Bank:
        """`size` persons by the criteria of a protocol; enriched "open" or "closed": by the endplate that feeds them.

        Raises InputError for fewer than `LEAST`, and where nobody meets the criteria.
        """
        if size < LEAST:
            raise InputError(f"A bank of {size} persons is too small to draw trials from; ask for {LEAST} or more.")
        return cls(protocol, lives.eligible(protocol, size, seed, enriched), seed)

    @property
    def size(self) -> int:
        """How many persons."""
        return len(self.people)

    @cached_property
    def columns(self) -> dict[str, np.ndarray]:
        """The people as arrays by column."""
        return {str(name): self.people[name].to_numpy() for name in self.people.columns}


def reads_disc(endpoint: Endpoint) -> bool:
    """Whether an endpoint is read from the disc."""
    return endpoint.variable in DISC


def wanted(endpoint: Endpoint, protocol: Protocol) -> tuple[str, ...]:
    """Scores that an endpoint is made of."""
    if endpoint.variable == RESPONDER:
        return reads(endpoint.rule, protocol)
    return () if endpoint.variable == CONVERSION or endpoint.variable in EVENTS else (endpoint.variable,)


Batch = tuple[np.ndarray, Seen]  # which trials, and their persons one trial after the other


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
    size = protocol.size
    each = max(1, ROWS // size)
    allocated = np.concatenate([np.full(arm.size, i) for i, arm in enumerate(protocol.arms)])
    for batch, first in enumerate(range(0, len(truth), each)):
        if tell is not None:
            tell(first, len(truth), f"trials of {size}")
        chance = np.random.default_rng([bank.seed, size, batch])
        chosen = chance.integers(bank.size, size=(each, size))
        arms = chance.permuted(np.tile(allocated, (each, 1)), axis=1)
        kept = np.arange(first, min(first + each, len(truth)))
        whole = np.resize(kept, each)  # the last batch is filled up, and cut again
        draws, place = (np.repeat(value[whole], size) for value in (truth.draws, truth.place))
        seen = _lived(bank, protocol, chosen.ravel(), arms.ravel(), draws, place, scores, effect, null, chance)
        yield kept, seen.only(slice(0, kept.size * size))


def paired(
    bank: Bank, protocol: Protocol, draw: int, place: float, scores: tuple[str, ...], effect: float = 1.0
) -> Seen:
    """Every person of the bank in every arm, one arm after the other, the same chance in each."""
    everyone, parts = np.arange(bank.size), []
    for i in range(len(protocol.arms)):
        chance = np.random.default_rng([bank.seed, _PAIRS, draw])
        arms = np.full(bank.size, i)
        draws, places = np.full(bank.size, draw), np.full(bank.size, place)
        parts.append(_lived(bank, protocol, everyone, arms, draws, places, scores, effect, False, chance))
    return joined(parts)


def joined(parts: list[Seen]) -> Seen:
    """Persons of several, one after the other."""
    first = parts[0]

    def put(name: str) -> dict[str, np.ndarray]:
        return {key: np.concatenate([getattr(part, name)[key] for part in parts]) for key in getattr(first, name)}

    return Seen(
        np.concatenate([part.arm for part in parts]),
        first.months,
        put("value"),
        put("start"),
        put("happened"),
        np.concatenate([part.end for part in parts]),
        put("strata"),
    )


def _lived(
    bank: Bank,
    protocol: Protocol,
    chosen: np.ndarray,
    arms: np.ndarray,
    draws: np.ndarray,
    place: np.ndarray,
    scores: tuple[str, ...],
    effect: float,
    null: bool,
    chance: np.random.Generator,
) -> Seen:
    """Persons of the bank in their arms; scores of an arm's people are drawn together."""
    count, months = chosen.size, np.array(protocol.visits.months)
    value = {name: np.full((count, months.size), np.nan) for name in scores}
    start = {name: np.full(count, np.nan) for name in scores}
    happened, end = {name: np.full(count, math.inf) for name in EVENTS}, np.full(count, months[-1])
    sites = chance.integers(protocol.sites.count, size=count)
    for i, arm in enumerate(protocol.arms):
        here = np.flatnonzero(arms == i)
        if not here.size:
            continue
        people = {name: column[chosen[here]] for name, column in bank.columns.items()}
        life = protocol.control if null else arm
        lived = lives.lived(
            protocol, life, people, chance, draws[here], place[here], scores, sites[here], bank.seed, effect
        )
        for name in scores:
            value[name][here], start[name][here] = lived.scores[name][:, 1:], lived.scores[name][:, 0]
        for name in EVENTS:
            happened[name][here] = lived.happened[name]
        end[here] = lived.end
    strata = {
        name: sites if name == "site" else bank.columns[name][chosen] for name in protocol.allocation.strata
    }
    names = np.array([arm.name for arm in protocol.arms])
    return Seen(names[arms], months, value, start, happened, end, strata)
