"""What may go wrong: how often in natural frequencies, how bad, when it shows; and harm drawn person by person.

What: `risks` pools what sources counted after each exposure and says for each event how many people of a thousand have
it within some months, between which numbers, and what nobody counted; `draw` gives people's events with their months,
grades and causes; `incidence` says what share has had what by when, with each event competing with the others; `bound`
is the exact interval of a count; `words` puts a risk into a sentence, `warnings` says what nobody measured.
Equations: what comes once has a probability p and a log-normal delay; ``k_i ~ Binomial(n_i, p_i)``, ``p_i ~ Beta(m s,
(1 - m) s)`` over sources i, spread between sources ``t = sd(p) / m``. What comes steadily has a hazard h, ``k_i ~
Poisson(h_i y_i)``, ``h_i ~ Gamma(1 / t^2, m t^2)``. The number told is the m of greatest likelihood, the interval that
of the next place, with t uniform up to 1 and log m uniform as far as any source's own interval goes. One source alone
has its exact interval; where nobody was seen with it a prior says what is thought likely, and the exact bound of 0 of n
what nobody can exclude. An operation (`conversion_to_surgery`) ends what could only come from the disc as it was.
Reads: ``evidence/safety.csv``. Writes: nothing.
Why this holds: needles, products and drugs are not known to change each other's harm, so exposures add up; where a
series counted all harm of a procedure, only what exceeds the needle's own share is added (`within`). A series of people
with cells holds every later operation, those of discs that the needle may have worn too.
Source: rows of the table; Clopper and Pearson for exact intervals, Aalen and Johansen for incidence.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import special

from pulposus.errors import InputError, nearest
from pulposus.evidence import safety as table
from pulposus.evidence.safety import ANY, POPULATIONS, REGIONS, SURGERY, Row
from pulposus.evidence.units import in_months

if TYPE_CHECKING:
    import pandas as pd

_YEAR = 12.0  # maths: months of a year
_NEEDLE = {"lumbar": "disc_needle", "cervical": "cervical_disc_needle"}
_TOLD = 0.9  # maths: the intervals that people are told, 5 % on either side
_PRINTED = 3.92  # maths: standard deviations across a printed 95 % interval
_SPREADS = np.linspace(0.05, 1.0, 20)  # maths: spread between sources, from nearly none to an exponential law's
_MEANS = 160  # maths: points of the grid of the mean
_SMALLEST = 1e-7  # maths: where the grid begins for a source that saw nobody
_DRAWN = 20_000  # maths: draws behind the interval of a pooled risk
_EACH = 3  # maths: uniform numbers for each person and event: whether, when, and from what
_HORIZON = 24.0  # maths: months that are looked at where nobody says, as most trials do
_DISCS = 23  # maths: discs of a spine, a guard against slips of the keyboard
_MOST_MONTHS = 600  # maths: fifty years, a guard against slips of the keyboard


class Pooled(NamedTuple):
    """A probability (or a hazard a year) with its interval, and how many people it was looked for in and seen in."""

    value: float
    low: float
    high: float
    seen: float
    people: float


@dataclass(frozen=True)
class Cause:
    """One event after one exposure: its pooled probability (once) or hazard a year (steady), and the rows behind it.

    borrowed: rows are of the other region. extra: what it adds to exposures that its series held already.
    """

    exposure: str
    pooled: Pooled
    rows: tuple[Row, ...]
    borrowed: bool
    extra: float
    extra_low: float
    extra_high: float

    @property
    def assumed(self) -> bool:
        """True where the number rests on no count and no printed rate of this region, or on nobody seen with it."""
        published = [row for row in self.rows if row.kind != "assumed"]
        return self.borrowed or not published or (self.pooled.seen == 0 and all(row.counted for row in published))

    @property
    def uncounted(self) -> bool:
        """True where no source gives a count or a rate."""
        return all(row.kind == "assumed" for row in self.rows)


@dataclass(frozen=True)
class Risk:
    """An event that may come within `months`: share of people with its 90 % interval, grade, time, causes and sources.

    seen, people: how often it was seen among how many where only counts stand behind it (NaN where not). background:
    share of people who have it without the exposure, NaN where nobody says. kind: published, derived, assumed.
    """

    event: str
    title: str
    term: str
    region: str
    months: float
    share: float
    low: float
    high: float
    grade: int
    ctcae: str
    serious: bool
    delay: float
    resolves: float
    related: str
    background: float
    seen: float
    people: float
    kind: str
    causes: tuple[Cause, ...]

    @property
    def sources(self) -> tuple[str, ...]:
        """Keys in `sources.bib`."""
        return tuple(dict.fromkeys(key for cause in self.causes for row in cause.rows for key in row.sources))

    @property
    def exposures(self) -> tuple[str, ...]:
        """What it may come from."""
        return tuple(cause.exposure for cause in self.causes)

    def as_dict(self) -> dict[str, object]:
        """For JSON: numbers in 1,000 people, words, sources."""
        plain = ("event", "title", "term", "region", "months", "grade", "ctcae", "serious", "related", "kind")
        numbers = {name: getattr(self, name) for name in ("delay", "resolves", "seen", "people", "background")}
        return {
            **{name: getattr(self, name) for name in plain},
            **{f"{name}_of_1000": _BASES[0] * getattr(self, name) for name in ("share", "low", "high")},
            **{name: None if math.isnan(value) else value for name, value in numbers.items()},
            "when": when(self),
            "exposures": list(self.exposures),
            "sources": list(self.sources),
            "words": words(self),
            "rows": [_row_told(row, cause.borrowed) for cause in self.causes for row in cause.rows],
        }


def _row_told(row: Row, borrowed: bool) -> dict[str, object]:
    """A row of the table for JSON, with NaN as nothing."""
    plain = ("exposure", "region", "events", "people", "rate", "low", "high", "per", "over", "kind", "status")
    told = {name: getattr(row, name) for name in (*plain, "source", "where", "note")}
    return {**{key: None if value != value else value for key, value in told.items()}, "borrowed": borrowed}


# ---------------------------------------------------------------------------------------------- pooling


def bound(events: float, people: float, level: float = _TOLD) -> tuple[float, float]:
    """The exact (Clopper-Pearson) interval of a share; ``(1 - level) / 2`` is left out on either side, so that the
    upper end at 0.9 is the one-sided 95 % bound: 0.45 for 0 of 5. Raises InputError for what is no count.
    """
    if not 0 <= events <= people or people <= 0 or not 0 < level < 1:
        raise InputError(f"{events:g} of {people:g} at a level of {level:g} has no interval; give a count and 0 to 1.")
    out = (1 - level) / 2
    low = special.betaincinv(events, people - events + 1, out) if events > 0 else 0.0
    high = special.betaincinv(events + 1, people - events, 1 - out) if events < people else 1.0
    return float(low), float(high)


def _hazards(events: float, years: float, level: float = _TOLD) -> tuple[float, float]:
    """The exact interval of a rate from a count over person-years."""
    out = (1 - level) / 2
    low = special.gammaincinv(events, out) / years if events > 0 else 0.0
    return float(low), float(special.gammaincinv(events + 1, 1 - out) / years)


def _hazard(share: float, months: float) -> float:
    """Hazard a year that gives a share by some months."""
    return -math.log1p(-share) * _YEAR / months


def _as_count(row: Row) -> tuple[float, float]:
    """Events and people (person-years for what comes steadily); a printed rate as the count that would have its
    interval.
    """
    if row.counted and not row.steady:
        return row.events, row.people
    if row.counted and row.per == "year":
        return row.events, row.people
    if row.counted:
        hazard = _hazard(row.events / row.people, row.over)
        return row.events, row.events / hazard if row.events else row.people * row.over / _YEAR
    value, low, high = _printed(row)
    variance = ((high - low) / _PRINTED) ** 2
    if row.steady:
        return value**2 / variance, value / variance
    people = max(value * (1 - value) / variance - 1, 0.0)
    return value * people, people


def _printed(row: Row) -> tuple[float, float, float]:
    """Rate, low, high as a probability or a hazard a year."""
    told = (row.rate, row.low, row.high)
    if math.isnan(row.over):
        return told
    return tuple(_hazard(share, row.over) for share in told)  # type: ignore[return-value]


@cache
def pool(rows: tuple[Row, ...]) -> Pooled:
    """Probability or hazard of one event after one exposure from its rows, with the interval of the next place.

    One row gives its own interval. Where nobody was seen with it, counted people give the upper bound and the assumed
    row, as a prior, what is thought likely. Several rows are pooled with a spread between them.
    """
    counts = np.array([_as_count(row) for row in rows])
    counted = [row for row in rows if row.counted]
    seen = sum(row.events for row in counted)
    people = sum(count[1] for row, count in zip(rows, counts, strict=True) if row.counted)
    looked = people if counted else math.nan
    interval = _hazards if rows[0].steady else bound
    if counted and seen == 0 and all(row.counted or row.kind == "assumed" for row in rows):
        likely = counts[:, 0].sum() / counts[:, 1].sum()
        return Pooled(float(likely), 0.0, interval(0, people)[1], 0.0, looked)
    if len(rows) == 1 and counted:
        k, n = _as_count(rows[0])
        return Pooled(k / n, *interval(k, n), seen, looked)
    if len(rows) == 1:
        return Pooled(*_printed(rows[0]), math.nan, math.nan)
    value, low, high = _between(rows)
    return Pooled(value, low, high, seen if len(counted) == len(rows) else math.nan, looked)


def _between(rows: tuple[Row, ...]) -> tuple[float, float, float]:
    """Mean of greatest likelihood, and the 90 % interval of a new place, by a grid over mean and spread."""
    counts, steady = [_as_count(row) for row in rows], rows[0].steady
    k, n = np.array(counts).T
    reach = [_own(row, count) for row, count in zip(rows, counts, strict=True)]
    least, most = max(min(low for low, _ in reach), _SMALLEST), max(high for _, high in reach)
    m, t = np.geomspace(least, most, _MEANS)[:, None, None], _SPREADS[None, :, None]
    if steady:
        first, second = 1 / t**2 + 0 * m, m * t**2  # shape and scale of a gamma
        log = special.gammaln(first + k) - special.gammaln(first)
        log = log + k * np.log(second) - (first + k) * np.log1p(n * second)
        fits = np.ones(log.shape[:2], bool)
    else:
        total = (1 - m) / (m * t**2) - 1
        fits = total[..., 0] > 0
        total = np.where(total > 0, total, 1.0)
        first, second = m * total, (1 - m) * total  # both of a beta
        log = special.betaln(first + k, second + n - k) - special.betaln(first, second)
    log = np.where(fits, log.sum(-1), -np.inf)
    weight = np.exp(log - log.max())
    value = float(m[np.unravel_index(np.argmax(log), log.shape)[0], 0, 0])
    chance = np.random.default_rng(0)
    i, j = np.unravel_index(chance.choice(log.size, _DRAWN, p=weight.ravel() / weight.sum()), log.shape)
    drawn = chance.gamma if steady else chance.beta
    low, high = np.quantile(drawn(first[i, j, 0], second[i, j, 0]), [(1 - _TOLD) / 2, (1 + _TOLD) / 2])
    return value, min(float(low), value), max(float(high), value)


def _own(row: Row, count: tuple[float, float]) -> tuple[float, float]:
    """How far one source's own interval goes."""
    if not row.counted:
        return _printed(row)[1], _printed(row)[2]
    return _hazards(*count) if row.steady else bound(*count)


# ---------------------------------------------------------------------------------------------- what may happen


def _checked(exposures: Iterable[str], region: str, population: str, discs: int) -> tuple[str, ...]:
    """Exposures by their names, each once and in the order of the table, the needle of this region."""
    for what, value, options in (("region", region, REGIONS), ("population", population, (*POPULATIONS, ANY))):
        if value not in options:
            raise InputError(f"Unknown {what} {value!r}{nearest(value, options)}; write {' or '.join(options)}.")
    if not 1 <= discs <= _DISCS:
        raise InputError(f"{discs} discs cannot be treated; write 1 to {_DISCS}.")
    named = {table.exposure_named(name) for name in exposures}
    named = {_NEEDLE[region] if name in _NEEDLE.values() else name for name in named}
    return tuple(name for name in table.EXPOSURES if name in named)


@cache
def _rows(exposure: str, region: str, population: str) -> tuple[tuple[str, tuple[Row, ...], bool], ...]:
    """Event, its used rows and whether they are borrowed from the other region, for one exposure."""
    own = [row for row in table.rows() if row.used and row.exposure == exposure]
    wanted = (ANY, population) if population != ANY else (ANY, *POPULATIONS)
    own = [row for row in own if row.population in wanted]
    found = []
    for event in dict.fromkeys(row.event for row in own):
        every = [row for row in own if row.event == event]
        here = [row for row in every if row.region in (region, ANY)]
        if here or event != SURGERY:  # who is operated on differs too much between regions to be borrowed
            found.append((event, tuple(here or every), not here))
    return tuple(found)


def _causes(exposures: Sequence[str], region: str, population: str, discs: int) -> dict[str, list[Cause]]:
    """Event -> its causes, each with what it adds to the others: to all of them, or, where its series held the harm of
    `within` too, to the greatest of those and of others that held the same.
    """
    pooled: dict[tuple[str, str], tuple[Pooled, tuple[Row, ...], bool]] = {}
    for exposure in exposures:
        for event, rows, borrowed in _rows(exposure, region, population):
            found = pool(rows)
            if rows[0].per == "disc":
                value, low, high = (1 - (1 - share) ** discs for share in found[:3])
                found = Pooled(value, low, high, found.seen, found.people)
            pooled[event, exposure] = (found, rows, borrowed)
    causes: dict[str, list[Cause]] = {}
    before: dict[tuple[str, tuple[str, ...]], tuple[float, ...]] = {}
    for (event, exposure), (found, rows, borrowed) in pooled.items():
        steady, group = rows[0].steady, (event, _held(event, rows[0].within))
        if group not in before:
            inner = [pooled[event, name][0] for name in group[1] if (event, name) in pooled]
            before[group] = tuple(_together([one[i] for one in inner], steady) for i in range(3))
        there = before[group] if rows[0].within else (0.0, 0.0, 0.0)
        extra = [_beyond(value, other, steady) for value, other in zip(found[:3], there, strict=True)]
        before[group] = tuple(max(value, other) for value, other in zip(found[:3], there, strict=True))
        causes.setdefault(event, []).append(Cause(exposure, found, rows, borrowed, *extra))
    return causes


@cache
def _held(event: str, within: tuple[str, ...]) -> tuple[str, ...]:
    """All that series held of an event which share an exposure with this one: they are one group whatever is asked."""
    alike = [row.within for row in table.rows() if row.used and row.event == event and set(row.within) & set(within)]
    return tuple(sorted({name for names in alike for name in names}))


def _together(values: Sequence[float], steady: bool) -> float:
    """Probability of any, or the sum of hazards."""
    return sum(values) if steady else 1 - math.prod(1 - value for value in values)


def _beyond(value: float, there: float, steady: bool) -> float:
    """What a probability or hazard adds to one that it holds already."""
    return max(0.0, value - there) if steady else max(0.0, 1 - (1 - value) / (1 - there))


def _by(value: float, row: Row, months: float) -> float:
    """Share of people who have had it by some months."""
    if row.steady:
        return 1 - math.exp(-value * months / _YEAR)
    return value * float(special.ndtr(math.log(months / row.delay) / row.spread))


def risks(
    exposures: Iterable[str], region: str, months: float = _HORIZON, population: str = ANY, discs: int = 1
) -> list[Risk]:
    """What may happen within `months` of exposures that begin together, serious first and then by share.

    population: chronic or radicular where sources differ by it (who is operated on anyway). discs: how many are
    punctured. Nothing here competes: each risk is what would be seen were there no operation in between. Raises
    InputError with the nearest name.
    """
    _check_months(months)
    named = _checked(exposures, region, population, discs)
    found = [
        _risk(event, causes, region, months) for event, causes in _causes(named, region, population, discs).items()
    ]
    return sorted(found, key=lambda risk: (not risk.serious, -risk.share))


def _check_months(months: float) -> None:
    if not 0 < months <= _MOST_MONTHS:
        raise InputError(f"{months:g} months cannot be looked at; write more than 0 and up to {_MOST_MONTHS}.")


def _risk(event: str, causes: Sequence[Cause], region: str, months: float) -> Risk:
    main = max(causes, key=lambda cause: _by(cause.pooled.value, cause.rows[0], months))
    row = main.rows[0]
    ends = {}
    for name, of in (("share", "extra"), ("low", "extra_low"), ("high", "extra_high")):
        free = 1.0
        for cause in causes:
            # what nobody saw is bounded by all who were looked at, whenever it would have come
            whole = name == "high" and cause.pooled.seen == 0
            value = getattr(cause, of)
            free *= 1 - (value if whole and not cause.rows[0].steady else _by(value, cause.rows[0], months))
        ends[name] = 1 - free
    people = main.pooled.people if len(causes) == 1 and not row.steady else math.nan
    kinds = {"published" if row.kind == "published" else row.kind for cause in causes for row in cause.rows}
    kind = "assumed" if main.assumed else "published" if "published" in kinds else "derived"
    told = table.events()[event]
    without = [_free(row, months) for cause in causes for row in cause.rows if not math.isnan(row.background)]
    return Risk(
        event=event,
        title=told.title,
        term=told.term,
        region=region,
        months=months,
        **ends,
        grade=max(cause.rows[0].grade for cause in causes),
        ctcae=row.ctcae,
        serious=any(cause.rows[0].serious for cause in causes),
        delay=row.delay,
        resolves=row.resolves,
        related=row.causality,
        background=max(without, default=math.nan),
        seen=main.pooled.seen if not math.isnan(people) else math.nan,
        people=people,
        kind=kind,
        causes=tuple(causes),
    )


# ---------------------------------------------------------------------------------------------- in words

# maths: where words for a time begin, in months
_WHEN = ((0.034, "the same day"), (0.25, "within days"), (2.0, "within weeks"), (9.0, "within months"))
_ONE = 0.95  # maths: what is rounded to one person
_BASES = (1_000, 10_000, 100_000)  # maths: so many people


def when(risk: Risk) -> str:
    """When it shows, in words."""
    if math.isnan(risk.delay):
        return "at any time"
    return next((said for months, said in _WHEN if risk.delay < months), "after a year or later")


def words(risk: Risk) -> str:
    """A risk as one plain sentence with a natural frequency."""
    title = risk.title[0].upper() + risk.title[1:]
    span = f"within {in_months(risk.months)}"
    if risk.seen == 0 and not math.isnan(risk.people):
        among = f"of {risk.people:,.0f} people who were looked at nobody had it"
        return f"{title}: {among}; nobody can exclude {_of(risk.high, _BASES[0])} of {_BASES[0]:,}."
    base = next((base for base in _BASES if risk.share * base >= _ONE), _BASES[-1])
    number = f"about {_of(risk.share, base)} of {base:,} people {span}".replace("about fewer", "fewer")
    number += _linked(risk, base)
    rest = f"nobody can exclude {_of(risk.high, base)}"
    if all(cause.uncounted for cause in risk.causes):
        return f"{title}: nobody counted it; our guess is {number}, and {rest}."
    if not math.isnan(risk.background):
        had = _of(min(risk.background, risk.share), base)
        return f"{title}: {number}, of whom {had} would have had it anyway; {rest}."
    return f"{title}: {number}; {rest}."


def _linked(risk: Risk, base: int) -> str:
    """Of what would mostly come anyway: how many have it perhaps from what is done, and on what the number hangs."""
    if risk.related != "unlikely":
        return ""
    done = [cause for cause in risk.causes if cause.rows[0].causality != "unlikely"]
    free = math.prod(1 - _by(cause.extra, cause.rows[0], risk.months) for cause in done)
    said = f", of whom {_of(1 - free, base)} perhaps from what is done" if done else ""
    chosen = any(cause.rows[0].within and cause.extra for cause in risk.causes)
    return said + ", as in series, whose people were chosen" * chosen


def _of(share: float, base: int) -> str:
    """People of so many, to two figures."""
    people = share * base
    if people >= 10:  # maths: whole people, two figures
        figures = 10 ** max(0, math.floor(math.log10(people)) - 1)  # maths: powers of ten
        return f"{round(people / figures) * figures:,.0f}"
    return f"{people:.0f}" if people >= _ONE or people == 0 else "fewer than 1"


def warnings(
    exposures: Iterable[str], region: str, months: float = _HORIZON, population: str = ANY, discs: int = 1
) -> list[str]:
    """What nobody measured of these exposures, in sentences."""
    named = _checked(exposures, region, population, discs)
    found = risks(named, region, months, population, discs)
    said = [
        f"Nobody counted after {name.replace('_', ' ')}: {', '.join(titles)}."
        for name in named
        if (titles := [r.title for r in found for c in r.causes if c.exposure == name and c.uncounted])
    ]
    other = next(one for one in REGIONS if one != region)
    for name in named:
        titles = [r.title for r in found for c in r.causes if c.exposure == name and c.borrowed and not c.uncounted]
        if titles:
            said.append(
                f"After {name.replace('_', ' ')} in the {region} spine nobody counted {', '.join(titles)}: numbers are "
                f"of the {other} spine."
            )
        if not any(c.exposure == name for r in found for c in r.causes):
            said.append(f"Of harm after {name.replace('_', ' ')} in the {region} spine nothing was found.")
    for risk in found:
        if risk.seen == 0 and not math.isnan(risk.people):
            said.append(f"{words(risk)} That nobody was seen with it is weak evidence.")
    return said + (_mixed(named, region, months, discs, found) if population == ANY else [])


def _mixed(named: Iterable[str], region: str, months: float, discs: int, found: Iterable[Risk]) -> list[str]:
    """Events of which a number for all people is that of nobody, since kinds of pain differ."""
    apart = {who: {risk.event: risk.share for risk in risks(named, region, months, who, discs)} for who in POPULATIONS}
    said = []
    for risk in found:
        if any(row.population != ANY for cause in risk.causes for row in cause.rows):
            each = [f"{_of(of.get(risk.event, 0.0), _BASES[0])} in {who} pain" for who, of in apart.items()]
            said.append(
                f"{risk.title[0].upper()}{risk.title[1:]}: of {_BASES[0]:,} people {' and '.join(each)}, so that a "
                "number for both is of nobody; ask for one."
            )
    return said


# ---------------------------------------------------------------------------------------------- person by person


def draw(
    random: np.random.Generator | int,
    exposures: Iterable[str],
    count: int,
    months: float,
    region: str,
    start: float = 0.0,
    population: str = ANY,
    discs: int = 1,
    lasting: Mapping[str, float] | None = None,
    numbers: np.ndarray | None = None,
    operated: np.ndarray | None = None,
) -> pd.DataFrame:
    """Events of `count` people in whom exposures begin at month `start`, up to month `start + months`, a row each.

    Columns: person, month, event, grade, serious, cause (the exposure), related (as the WHO-UMC grades it), resolves
    (month at which half are rid of it, NaN where it stays). An event comes to a person once, from what brings it first.
    A person has the same events however many are drawn; those of one exposure do not change when others are added, save
    that an operation ends what only the unoperated disc could bring, and that what two series counted alike comes once.
    lasting: months for which an exposure goes on where it ends before the others (a drug). numbers: those of the people
    in the endless table of chance, (count,), 0 to count - 1 where not given; `person` is then still their place among
    them. operated: month at which each is operated on, (count,), NaN for never, where that is decided elsewhere: no
    operation is drawn. Raises InputError with the nearest name.
    """
    _check_months(months)
    if count < 1:
        raise InputError(f"{count} people cannot be drawn; ask for one or more.")
    named = _checked(exposures, region, population, discs)
    ends = {table.exposure_named(name): value for name, value in (lasting or {}).items()}
    seed = random if isinstance(random, int) else int(random.integers(2**63))
    parts: list[tuple[np.ndarray, ...]] = []
    order = list(table.events())
    places = np.arange(count) if numbers is None else np.asarray(numbers, int)
    for event, causes in _causes(named, region, population, discs).items():
        for cause in causes if operated is None or event != SURGERY else ():
            row = cause.rows[0]
            u = _chance(seed, f"{cause.exposure} {event}", int(places.max()) + 1)[places]
            after = _times(cause, u, min(months, ends.get(cause.exposure, months)) if row.steady else months)
            who = np.flatnonzero(after <= months)
            free = min(_free(row, months) / max(_by(cause.extra, row, months), np.finfo(float).tiny), 1.0)
            by_chance = u[who, 2] < free
            parts.append(
                (
                    who,
                    start + after[who],
                    np.full(who.size, order.index(event)),
                    np.full(who.size, row.line),
                    by_chance,
                )
            )
    return _as_table(parts, order, operated)


def _chance(seed: int, name: str, count: int) -> np.ndarray:
    """Uniform numbers (person, 3): row i of an endless table of chance that belongs to one event of one exposure."""
    key = np.array([seed, zlib.crc32(name.encode())], dtype=np.uint64)
    u = np.random.Generator(np.random.Philox(key=key)).random((count, _EACH))
    return np.clip(u, np.finfo(float).tiny, 1 - np.finfo(float).epsneg)


def _times(cause: Cause, u: np.ndarray, months: float) -> np.ndarray:
    """Months after the exposure at which it comes to each person; infinity where it does not."""
    row = cause.rows[0]
    if row.steady:
        if cause.extra == 0:
            return np.full(len(u), np.inf)
        wait = -np.log1p(-u[:, 0]) * _YEAR / cause.extra
        return np.where(wait <= months, wait, np.inf)
    delay = row.delay * np.exp(row.spread * special.ndtri(u[:, 1]))
    return np.where(u[:, 0] < cause.extra, delay, np.inf)


def _free(row: Row, months: float) -> float:
    """Share of people who would have it without the exposure."""
    if math.isnan(row.background):
        return 0.0
    value = _hazard(row.background, row.over) if not math.isnan(row.over) else row.background
    return _by(value, row, months)


def _as_table(
    parts: Sequence[tuple[np.ndarray, ...]], order: Sequence[str], elsewhere: np.ndarray | None = None
) -> pd.DataFrame:
    """Rows of people's events by person and month, each event once, none that an operation has ended: one that was
    drawn, or (`elsewhere`, a month each) one that was not.
    """
    import pandas as pd

    rows = {row.line: row for row in table.rows()}
    heads = ("person", "month", "order", "line", "by_chance")
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)] if parts else [np.empty(0)] * len(heads)
    found = pd.DataFrame(dict(zip(heads, columns, strict=True)))
    found = found.astype({"person": int, "month": float, "order": int, "line": int, "by_chance": bool})
    found = found.sort_values(["person", "month", "order"]).drop_duplicates(["person", "order"])

    def of(name: str) -> list[object]:
        return [getattr(rows[line], name) for line in found["line"]]

    found["event"] = [order[i] for i in found["order"]]
    if elsewhere is None:
        at = found["person"].map(found[found["event"] == SURGERY].set_index("person")["month"]).fillna(np.inf)
    else:
        at = np.where(np.isnan(elsewhere), np.inf, elsewhere)[found["person"].to_numpy(int)]
    ended = (found["month"] > at) & ~np.array(of("after_surgery"), bool)
    found["grade"], found["serious"], found["cause"] = of("grade"), of("serious"), of("exposure")
    found["related"] = np.where(found["by_chance"], "unlikely", np.array(of("causality"), dtype=object))
    found["resolves"] = found["month"] + np.array(of("resolves"), float)
    told = ["person", "month", "event", "grade", "serious", "cause", "related", "resolves"]
    return found.loc[~ended, told].reset_index(drop=True).astype({"grade": int, "serious": bool})


def incidence(
    events: pd.DataFrame,
    people: int,
    months: Sequence[float],
    causes: Sequence[str] | None = None,
    followed: np.ndarray | None = None,
) -> pd.DataFrame:
    """Cumulative incidence (Aalen-Johansen): share of people whose first event was each of `causes`, by each month.

    events: rows with person, month, event; the first of a person among `causes` (all, where none are named) ends their
    time at risk, so that shares add up to at most one. followed: (person,) month at which each was lost, infinity where
    not; a first event after it is not seen.
    """
    import pandas as pd

    named = list(dict.fromkeys(events["event"])) if causes is None else list(causes)
    first = events[events["event"].isin(named)].sort_values("month").drop_duplicates("person")
    lost = np.full(people, np.inf) if followed is None else np.asarray(followed, float)
    who = first["person"].to_numpy(int)
    if who.size and (who.min() < 0 or who.max() >= people or lost.size != people):
        raise InputError(f"Events are of people beyond the {people} that were given; give all who were followed.")
    time, what = lost.copy(), np.full(people, -1)
    seen = first["month"].to_numpy(float) <= lost[who]
    time[who[seen]] = first["month"].to_numpy(float)[seen]
    what[who[seen]] = [named.index(event) for event in first["event"].to_numpy()[seen]]
    at, place = np.unique(time[what >= 0], return_inverse=True)
    number = np.zeros((at.size, len(named)))
    np.add.at(number, (place, what[what >= 0]), 1)
    risk = people - np.searchsorted(np.sort(time), at, side="left")
    free = np.concatenate([[1.0], np.cumprod(1 - number.sum(1) / risk)])[:-1] if at.size else np.empty(0)
    grown = np.vstack([np.zeros(len(named)), np.cumsum(free[:, None] * number / risk[:, None], 0)])
    found = grown[np.searchsorted(at, np.asarray(months, float), side="right")]
    return pd.DataFrame(found, columns=named, index=pd.Index(months, name="month"))
