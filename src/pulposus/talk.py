"""What is told in a talk with one person: plain data, without a word of how it is computed or drawn.

`pulposus.consult` gathers a `Talk`, `pulposus.report.consult` draws it. Scores go from 0 (none) to 100 (worst), shares
from 0 to 1, changes down where negative. An unknown is an empty text or None, and is told as unknown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

OPEN, CLOSED, UNSURE, FIRST = "open", "closed", "not known", "after referral"


@dataclass(frozen=True)
class Flag:
    """A red flag: what it is, what to do, and by which facts; present, or not yet known."""

    says: str
    act: str
    why: str
    present: bool


@dataclass(frozen=True)
class Met:
    """A trial's list held against the person: yes, no or unknown, and why not or what is open.

    Of `criteria` so many, `assumed` are those of other trials, for want of its own; `fails`: of these, what is not met.
    """

    name: str
    title: str
    answer: str
    why: str
    criteria: int = 0
    assumed: int = 0
    fails: tuple[str, ...] = ()


@dataclass(frozen=True)
class Gauge:
    """A number of the model's disc: before and after treatment (or by other `words`, such as without and with it), the
    limit it is held against (None where there is none), and whether it is passed.
    """

    title: str
    unit: str
    before: float
    after: float
    limit: float | None
    answer: str
    says: str
    words: tuple[str, str] = ("before", "after")


@dataclass(frozen=True)
class DiscSeen:
    """The disc as it was told: heights in mm from tables by level, sex and grade, and what pictures showed of it."""

    level: str
    grade: int | None
    height: float
    healthy: float
    depth: float
    loss: float | None = None
    modic: float | None = None
    herniation: str = ""
    protrusion: float | None = None
    tear: bool = False
    says: tuple[str, ...] = ()
    gauges: tuple[Gauge, ...] = ()
    fed: str = ""


@dataclass(frozen=True)
class Band:
    """A score over months: the mean, and between which scores 50 and 90 of 100 people like this lie."""

    months: tuple[float, ...]
    low90: tuple[float, ...]
    low50: tuple[float, ...]
    mean: tuple[float, ...]
    high50: tuple[float, ...]
    high90: tuple[float, ...]

    def at_end(self) -> tuple[float, float, float, float, float]:
        """The five at the last month."""
        return self.low90[-1], self.low50[-1], self.mean[-1], self.high50[-1], self.high90[-1]


@dataclass(frozen=True)
class Chance:
    """Share of people like this who are clearly better at the end, with its 90 % range; of whom `sham` would be so with
    a sham of the same kind that they believe in, and `alone` with nothing done; `blind` is the share in a trial where
    nobody knows who gets the sham. `says` is the rule.
    """

    share: float
    low: float
    high: float
    sham: float
    alone: float
    blind: float
    says: str


@dataclass(frozen=True)
class Harm:
    """What may go wrong, as one sentence in natural frequencies; follows: an operation, or what asks for one, which is
    told apart from serious harm.
    """

    says: str
    serious: bool
    assumed: bool
    share: float
    follows: bool = False


@dataclass(frozen=True)
class Price:
    """What it costs, who pays, and whether it is covered, in words."""

    what: str
    amount: str
    pays: str
    covered: str
    says: str


@dataclass(frozen=True)
class Standing:
    """Where it stands with an authority, in a few words, as of a date."""

    region: str
    says: str
    asof: str
    assumed: bool


@dataclass(frozen=True)
class Outlook:
    """What people like this can expect of an option in numbers; parts: name -> points of the mean change at the end.

    until: month after which nobody looked at a score, so that it is extrapolated; None where nothing is said of that.
    """

    pain: Band
    disability: Band
    chance: Chance
    parts: tuple[tuple[str, float], ...]
    sham: Band | None = None
    pain_until: float | None = None
    disability_until: float | None = None


@dataclass(frozen=True)
class Choice:
    """One option of care, as far as it can be told to this person.

    state: open, closed, not known, or after referral. outlook: None where no number can be given; `silent` says why.
    blind: whether a blind trial tells the treatment from hope, where there is one to tell. grounds: on what the
    difference to waiting rests, and what was published beside ours.
    """

    name: str
    title: str
    family: str
    state: str
    why: str
    outlook: Outlook | None
    silent: str = ""
    blind: bool = True
    grounds: tuple[str, ...] = ()
    harms: tuple[Harm, ...] = ()
    uncounted: tuple[str, ...] = ()
    prices: tuple[Price, ...] = ()
    standings: tuple[Standing, ...] = ()
    recovery: str = ""
    notes: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    first: bool = True


@dataclass(frozen=True)
class Talk:
    """Everything that one report tells; missing: what red flags wait for, later: what else is asked for; outside: in
    what no trial took anybody like this.
    """

    title: str
    person: str
    region: str
    population: str
    months: float
    pain: float
    disability: float
    pain_title: str
    disability_title: str
    pain_change: float
    disability_change: float
    flags: tuple[Flag, ...]
    contradictions: tuple[str, ...]
    disc: DiscSeen | None
    fit: str
    fit_title: str
    fit_why: str
    lists: tuple[Met, ...]
    missing: tuple[str, ...]
    later: tuple[str, ...]
    choices: tuple[Choice, ...]
    unknown: tuple[str, ...]
    questions: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    numbers: int = 0
    assumed: int = 0
    notes: tuple[str, ...] = ()
    outside: tuple[str, ...] = ()

    @property
    def refer(self) -> tuple[Flag, ...]:
        """Red flags that are present."""
        return tuple(flag for flag in self.flags if flag.present)

    @property
    def unsure(self) -> tuple[Flag, ...]:
        """Red flags that are not yet known to be absent."""
        return tuple(flag for flag in self.flags if not flag.present)


_HUNDRED = 100  # maths: per cent


def people(chance: Chance, of: int = _HUNDRED) -> tuple[int, int, int, int]:
    """So many people of `of`: better by the treatment itself, better with a sham too, better with nothing done too, and
    not clearly better; they add up.
    """
    better = round(of * chance.share)
    sham = min(round(of * chance.sham), better)
    alone = min(round(of * chance.alone), sham)
    return better - sham, sham - alone, alone, of - better


def listed(items: Sequence[str]) -> str:
    """Words in a row: a, b and c."""
    return " and ".join(part for part in (", ".join(items[:-1]), *items[-1:]) if part)
