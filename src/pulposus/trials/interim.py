"""Looks at a running trial, as a protocol has them: when, at what cost of error, and what may change.

What: `InterimTable` is the table [interim]; `sound` refuses what makes no sense beside the rest of the protocol.
Reads, writes: nothing.
Why this holds: a look may stop the trial; or drop arms; or change the size. The error of the latter two is that of
`statistics.adaptive` and `reestimation`, which ask for one look, one side, and one primary endpoint.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import model_validator

from pulposus.errors import InputError
from pulposus.trials.fields import ALPHA, MOST, Error, Share, Table
from pulposus.values import one_of, whole

SPENDINGS = {"obrien_fleming": "asOF", "pocock": "asP"}  # as `statistics.sequential` names them
Spending = Literal["obrien_fleming", "pocock"]
Drop = Literal["", "best", "power", "chance"]
Sets = Literal["dunnett", "simes", "bonferroni"]
Last = Literal["inverse_normal", "plain"]
HALF = 0.5  # maths: an error of one side from which on nothing is judged
_KEEP = 1
_FLOOR = 0.2  # maths: a chance under which an arm is dropped where the protocol names none


class InterimTable(Table):
    """Looks at shares of the information, how the error is spent, and what changes at a look.

    drop: the rule by which arms are dropped (`statistics.adaptive.kept`), with keep (arms that stay, of "best") or
    floor (of "power" and "chance"); sets: the test of several arms. max_size: people of the whole trial at most
    where its size is told anew, promising: conditional power from which it grows, power: what it aims at; last: the
    test at the end.
    """

    information: tuple[Share, ...] = ()
    spending: Annotated[Spending, one_of(Spending)] = "obrien_fleming"
    alpha: Error = ALPHA
    sided: Annotated[int, whole(1, 2, "number of sides")[0]] = 2
    drop: Annotated[Drop, one_of(Drop)] = ""
    keep: Annotated[int | None, whole(1, MOST, "number of arms")[0]] = None
    floor: Share | None = None
    sets: Annotated[Sets, one_of(Sets)] = "dunnett"
    max_size: Annotated[int | None, whole(1, MOST, "number of people")[0]] = None
    promising: Error | None = None
    power: Error | None = None
    last: Annotated[Last, one_of(Last)] = "inverse_normal"

    @model_validator(mode="after")
    def _in_order(self) -> InterimTable:
        for before, after in zip((0.0, *self.information), self.information, strict=False):
            if after <= before:
                raise InputError(f"[interim] information {after:g} is not after {before:g}; write rising shares.")
        if self.alpha / self.sided >= HALF:
            raise InputError(f"[interim] alpha of {self.alpha:g} on one side is what chance has; write less than 0.5.")
        return self

    @property
    def changes(self) -> bool:
        """Whether a look may change the trial, not only stop it."""
        return bool(self.drop) or self.max_size is not None

    @property
    def share(self) -> float:
        """The first look, as a share of the information."""
        return self.information[0]

    @property
    def arms_kept(self) -> int:
        """Arms that stay under "best"."""
        return _KEEP if self.keep is None else self.keep

    @property
    def least(self) -> float:
        """The floor of "power" and "chance"."""
        return _FLOOR if self.floor is None else self.floor

    @property
    def zone(self) -> tuple[float, float]:
        """Conditional power at which the promising zone begins, and at which it ends."""
        from pulposus.statistics import reestimation, sequential

        begins = reestimation.PROMISING if self.promising is None else self.promising
        return begins, sequential.POWER if self.power is None else self.power

    def sized(self, factor: float) -> InterimTable:
        """The same for a trial `factor` times as large."""
        if self.max_size is None:
            return self
        return self.model_copy(update={"max_size": min(MOST, math.ceil(self.max_size * factor))})


def sound(table: InterimTable, size: int, actives: Sequence[str], primaries: int) -> None:
    """Refuse looks that make no sense for `size` people, these active arms, and so many primary endpoints."""
    _alone(table)
    if any(share < 1 for share in table.information) and not actives:
        raise InputError("[interim] looks compare arms, and the trial has one; leave [interim] out.")
    if not table.changes:
        return
    word = "drop" if table.drop else "max_size"
    if table.drop and table.max_size is not None:
        said = "[interim] drop and max_size stand together, and a look here drops arms or tells the size anew, not both"
        raise InputError(f"{said}; leave one of them out.")
    early = [share for share in table.information if share < 1]
    if len(early) != 1:
        told = f"{len(early)} looks before the end" if early else "no look before the end"
        raise InputError(f"[interim] {word} needs one look, and there is {told}; write information = [0.5].")
    if table.sided != 1:
        raise InputError(f"[interim] {word} asks who does better; write sided = 1 and half of the error as alpha.")
    if primaries != 1:
        raise InputError(f"[interim] {word} judges one primary endpoint, and the trial has {primaries}; leave one.")
    if table.drop:
        _drops(table, actives)
    else:
        _resizes(table, size, actives)


def _alone(table: InterimTable) -> None:
    """Keys that say how, without the key that says what."""
    if not table.drop:
        for name in ("keep", "floor"):
            if getattr(table, name) is not None:
                raise InputError(f"[interim] {name} says how arms are dropped, and none is; write drop, or leave it.")
        if table.sets != "dunnett":
            raise InputError("[interim] sets tests several arms where some are dropped; write drop or leave it out.")
    if table.max_size is None:
        for name in ("promising", "power"):
            if getattr(table, name) is not None:
                said = f"[interim] {name} says how the size grows, and it stays"
                raise InputError(f"{said}; write max_size, or leave it out.")
        if table.last != "inverse_normal":
            said = "[interim] last is of a size that is told anew, and it stays"
            raise InputError(f"{said}; write max_size, or leave it out.")


def _drops(table: InterimTable, actives: Sequence[str]) -> None:
    from pulposus.statistics import adaptive

    if len(actives) < 2:
        raise InputError(f"[interim] drop chooses among arms, and {actives[0]!r} is the only active one; leave it out.")
    if len(actives) > adaptive.MOST:
        said = f"[interim] drop judges {adaptive.MOST} active arms at most, and the trial has {len(actives)}"
        raise InputError(f"{said}; leave some out.")
    if table.drop == "best" and table.floor is not None:
        raise InputError("[interim] floor is of drop = 'power' or 'chance'; 'best' has keep.")
    if table.drop != "best" and table.keep is not None:
        raise InputError(f"[interim] keep is of drop = 'best'; {table.drop!r} has floor.")
    if table.drop == "best" and table.arms_kept >= len(actives):
        said = f"[interim] keep = {table.arms_kept} drops none of {len(actives)} active arms"
        raise InputError(f"{said}; write fewer, or leave drop out.")


def _resizes(table: InterimTable, size: int, actives: Sequence[str]) -> None:
    from pulposus.statistics import reestimation, sequential

    if len(actives) > 1:
        said = f"[interim] max_size follows one comparison, and the trial has {len(actives)} active arms"
        raise InputError(f"{said}; leave one, or write drop.")
    if table.max_size is None or table.max_size <= size:
        said = f"[interim] max_size = {table.max_size} is no more than the {size} people planned"
        raise InputError(f"{said}; write more, or leave it out.")
    begins, aims = table.zone
    if begins >= aims:
        said = f"[interim] the size grows from a conditional power of {begins:g} to reach {aims:g}"
        raise InputError(f"{said}; write promising below power.")
    if table.last == "plain":
        first = math.ceil(table.share * size)
        plan = sequential.design(SPENDINGS[table.spending], [table.share, 1.0], table.alpha, 1)
        last = float(plan.critical[-1])
        from_ = reestimation.plain_from(first, size - first, table.max_size - first, last, aims)
        if begins < from_:
            least = math.ceil(from_ * HUNDRED) / HUNDRED
            more = f"promising of {least:g} or more, or " if least < aims else ""
            raise InputError(
                f"[interim] last = 'plain' errs more than alpha where the size grows from a conditional power of "
                f"{begins:g}; write {more}last = 'inverse_normal'."
            )


HUNDRED = 100  # maths: two places
