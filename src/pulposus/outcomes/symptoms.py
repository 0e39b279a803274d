"""Which symptoms a person has and why, and what a disc that changes may mean for pain: a hypothesis with a name.

What: `root` names the root of a level; `painful` is the chance that a disc is what hurts; `told` lists each symptom of
one person with its chance and what drives it, `present` draws them for people at visits; `join` carries the difference
between two arms of a run to the logit of responding, under a hypothesis, and `choices` shows what hangs on it.
Equations: chances by their logit: published odds of the picture (the greatest only, since findings go together) and
assumed ones of cytokines, nerves and looseness move that of being painful; pain moves that of bad sleep, disability
that of being off work and of headache; each person keeps one place in each symptom, so that it goes when its chance
falls below. ``disc_to_pain = "none"``: what a treatment adds is what trials left possible, and a run changes nothing.
``"mediated"``: the logit of responding adds ``sum_k c_k (driver_k of the disc without - with)``, c_k drawn over a range
that holds nought.
Reads: plain numbers of a disc (columns of summary.csv and tears.csv), scores of people, ``evidence/outcomes.csv``.
Writes: nothing.
Why this holds: grade moves the chance of being painful, never how much it hurts; no trial saw pain follow the disc, and
cytokines of operated discs did not go with pain, so that a slope from disc to pain can only be an assumption.
Source: Brinjikji 2015b, Alsaadi 2011, Schrot 2014, Andrade 2013, Koerner 2020.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pulposus import evidence
from pulposus.errors import InputError, nearest
from pulposus.outcomes import person
from pulposus.outcomes.person import Given

if TYPE_CHECKING:
    import pandas as pd

DISC_TO_PAIN = ("none", "mediated")
CYTOKINES = ("il1b", "tnf")
ZONES = ("posterolateral", "foraminal")
PICTURES = ("bulge", "protrusion", "extrusion", "modic_1", "spondylolysis")
SYMPTOMS = ("axial_pain", "limb_pain", "numbness", "weakness", "cord_signs", "headache", "bad_sleep", "off_work")
_SOUND = 2  # maths: the last Pfirrmann grade that is not called degenerated
_TEN, _HUNDRED = 10.0, 100.0  # maths: points of a tenth; per cent
_HEADACHE_FROM, _LAST_OF_NECK = "C5-C6", "C7-T1"
_TAILS = (0.05, 0.95)  # maths: ends of a 90 % interval


@dataclass(frozen=True)
class Disc:
    """What of a disc may be felt. NaN, or nothing, where it is not known: then it moves nothing.

    il1b, tnf: relative to a healthy disc. nerves: in the inner annulus, 0 to 1. looseness: neutral zone over that at
    start. pictures: findings of `PICTURES`. zone: where it presses, posterolateral or foraminal.
    """

    level: str
    side: str = "left"
    grade: float = math.nan
    pictures: tuple[str, ...] = ()
    il1b: float = math.nan
    tnf: float = math.nan
    dallas: float = math.nan
    nerves: float = math.nan
    looseness: float = math.nan
    touches_root: bool = False
    touches_cord: bool = False
    zone: str = "posterolateral"

    def __post_init__(self) -> None:
        object.__setattr__(self, "level", evidence.level_named(self.level))
        for what, value, options in (("side", self.side, ("left", "right")), ("zone", self.zone, ZONES)):
            if value not in options:
                raise InputError(
                    f"Unknown {what} {value!r}{nearest(value, options)}; write one of {', '.join(options)}."
                )
        for name in self.pictures:
            if name not in PICTURES:
                raise InputError(
                    f"Unknown finding {name!r}{nearest(name, PICTURES)}; write some of {', '.join(PICTURES)}."
                )

    @classmethod
    def of_run(cls, level: str, summary: Mapping[str, float], tears: Mapping[str, float] | None = None) -> Disc:
        """The disc of one arm and time: a row of summary.csv, and one of tears.csv where there is one."""
        torn = tears or {}
        return cls(
            level,
            il1b=float(summary["il1b_nucleus"]),
            tnf=float(summary["tnf_nucleus"]),
            dallas=float(torn.get("dallas", math.nan)),
            looseness=float(torn.get("looseness", math.nan)),
            touches_root=bool(torn.get("touches_root", 0)),
            touches_cord=bool(torn.get("touches_cord", 0)),
        )

    @property
    def region(self) -> str:
        """Lumbar or cervical."""
        return "cervical" if self.level.startswith("C") else "lumbar"

    @property
    def innervation(self) -> float:
        """Nerves in the inner annulus: as given, or after the tear; NaN where neither is known."""
        if math.isnan(self.nerves):
            return float(np.minimum(self.dallas * _value("nerves_per_dallas"), 1.0))
        return self.nerves


def _value(name: str) -> float:
    return evidence.outcome(name).value


def _logit(chance: float) -> float:
    return math.log(chance / (1 - chance))


def _expit(x: np.ndarray | float) -> np.ndarray:
    return 1 / (1 + np.exp(-np.asarray(x, float)))


def root(level: str, zone: str = "posterolateral") -> str:
    """The root that a disc meets: the one that passes (L4-L5: L5; C5-C6: C6), or in a lumbar foramen the one above.

    Roots of the neck leave above the vertebra of their number: both are one there. InputError names the nearest level.
    """
    level = evidence.level_named(level)
    if zone not in ZONES:
        raise InputError(f"Unknown zone {zone!r}{nearest(zone, ZONES)}; write {' or '.join(ZONES)}.")
    if level == _LAST_OF_NECK:
        return "C8"
    found = re.match(r"([A-Z]\d+)-([A-Z]\d+)$", level)
    if found is None:
        raise InputError(f"{level!r} is the outline of a disc and has no root; give a level, such as L4-L5.")
    upper, lower = found.groups()
    return upper if zone == "foraminal" and not level.startswith("C") else lower


# ---------------------------------------------------------------------------------------------- painful or not


def _drivers(disc: Disc) -> dict[str, float]:
    """Cytokines (doublings over a healthy disc), nerves (0 to 1), looseness (doublings), as far as they are known."""
    level = float(_cytokines({name: np.array(getattr(disc, name)) for name in CYTOKINES}))
    found = {} if math.isnan(level) else {"cytokine": level}
    if not math.isnan(disc.innervation):
        found["nerves"] = disc.innervation
    if not math.isnan(disc.looseness):
        found["looseness"] = math.log2(disc.looseness)
    return found


def _cytokines(levels: Mapping[str, np.ndarray]) -> np.ndarray:
    """Doublings over a healthy disc, the mean of those that are known; nan where none is."""
    known = np.stack([np.log2(np.maximum(levels[name], np.finfo(float).tiny)) for name in CYTOKINES])
    count = np.isfinite(known).sum(0)
    return np.where(count > 0, np.nansum(known, 0) / np.maximum(count, 1), np.nan)


def calmed(without: Mapping[str, np.ndarray], treated: Mapping[str, np.ndarray]) -> np.ndarray:
    """Halvings of cytokines between discs without a treatment and with it, as `Change.cytokine` has it; arrays of
    il1b and tnf of one shape, nan where they are not known of both.
    """
    return _cytokines(without) - _cytokines(treated)


def painful(disc: Disc, drivers: bool = True) -> float:
    """Chance that a disc of somebody with pain of back or neck is what hurts.

    drivers: cytokines, nerves and looseness too, which are assumed; else the picture alone.
    """
    logit = _logit(_value("painful_share"))
    degenerated = math.log(evidence.population("painful_odds").value)
    odds = [math.log(_value(f"painful_{name}")) for name in disc.pictures]
    if disc.grade > _SOUND:
        odds.append(degenerated)
    if odds or not math.isnan(disc.grade):
        # the share of all is an average over discs that are degenerated and others
        logit += max(odds, default=0.0) - degenerated * _value("painful_degenerated")
    if drivers:
        logit += sum(_value(f"painful_per_{name}") * amount for name, amount in _drivers(disc).items())
    return float(_expit(logit))


# ---------------------------------------------------------------------------------------------- symptoms


class Symptom(NamedTuple):
    """A symptom: its chance, in words what it is and what drives it, and whether that rests on an assumption."""

    name: str
    title: str
    chance: float
    why: str
    assumed: bool


def chances(
    disc: Disc, axial: np.ndarray, disability: np.ndarray, limb: np.ndarray | None = None, population: str = "chronic"
) -> dict[str, np.ndarray]:
    """Chance of each of `SYMPTOMS` for scores of any one shape; pain that was scored is there or not."""
    axial, disability = np.asarray(axial, float), np.asarray(disability, float)
    least, radicular = _value("symptom_from"), population == "radicular"
    if limb is None:
        reach = 1.0 if radicular else _value(f"limb_{'with' if disc.touches_root else 'without'}_contact")
        in_limb = np.full(axial.shape, reach)
    else:
        in_limb = (np.asarray(limb, float) >= least).astype(float)
    of_root = in_limb if disc.touches_root or radicular else np.zeros_like(in_limb)
    found = {
        "axial_pain": (axial >= least).astype(float),
        "limb_pain": in_limb,
        "numbness": of_root * _value(f"numb_{disc.region}"),
        "weakness": of_root * _value(f"weak_{disc.region}"),
        "cord_signs": np.full(axial.shape, _value("cord_signs") if disc.touches_cord else 0.0),
        "headache": np.zeros_like(axial),
        "bad_sleep": _moved("sleep_disturbed", "sleep_per_pain", axial, "sleep_reference"),
        "off_work": _moved("off_work", "work_per_disability", disability, "work_reference"),
    }
    if disc.region == "cervical":
        levels = evidence.levels()
        higher = levels.index(_HEADACHE_FROM) - levels.index(disc.level)
        found["headache"] = _moved(
            "headache",
            "headache_per_disability",
            disability,
            "headache_reference",
            _value("headache_per_level") * higher,
        )
    return found


def _moved(share: str, slope: str, score: np.ndarray, reference: str, more: float = 0.0) -> np.ndarray:
    """A share whose logit a score moves, per ten points from where the share holds."""
    return _expit(_logit(_value(share)) + _value(slope) * (score - _value(reference)) / _TEN + more)


def present(
    random: np.random.Generator,
    disc: Disc,
    axial: np.ndarray,
    disability: np.ndarray,
    limb: np.ndarray | None = None,
    population: str = "chronic",
) -> dict[str, np.ndarray]:
    """Which symptoms people have at visits (person, visit), and their range of motion in percent of what is usual.

    A person's place in each symptom stays, so that it comes and goes with what drives it.
    """
    chance, found = chances(disc, axial, disability, limb, population), dict[str, np.ndarray]()
    for name, share in chance.items():
        own = random.random((share.shape[0], *[1] * (share.ndim - 1)))
        if name in ("numbness", "weakness"):
            # a root that is numb or weak is one that hurts
            share = np.divide(share, chance["limb_pain"], out=np.zeros_like(share), where=chance["limb_pain"] > 0)
            found[name] = found["limb_pain"] & (own < share)
        else:
            found[name] = own < share
    return {**found, "motion": _motion(random, np.asarray(disability, float), disc.region)}


def _motion(random: np.random.Generator, disability: np.ndarray, region: str) -> np.ndarray:
    """Range of motion, tied to disability by no more than what was found."""
    tie, spread = _value("motion_tie"), _value("motion_spread")
    usual, wide = _value(f"{region}_typical_disability"), _value("disability_spread")
    own = random.standard_normal((disability.shape[0], *[1] * (disability.ndim - 1)))
    left = tie * (disability - usual) / wide + math.sqrt(1 - tie**2) * own
    return np.clip(_value("motion_mean") + spread * left, 0.0, _HUNDRED)


def told(
    disc: Disc, axial: float, disability: float, limb: float | None = None, population: str = "chronic"
) -> list[Symptom]:
    """The symptoms of one person, each with its chance and why; those that cannot be are left out."""
    found = chances(disc, np.array(axial), np.array(disability), None if limb is None else np.array(limb), population)
    place, arm = ("neck", "arm") if disc.region == "cervical" else ("back", "leg")
    nerve, radicular = root(disc.level, disc.zone), population == "radicular"
    of_root = disc.touches_root or radicular
    why_limb = f"the disc meets the {disc.side} {nerve} root" if of_root else "referred from the disc, of no root"
    title = f"{arm} pain of the {disc.side} {nerve} root" if of_root else f"{arm} pain, {disc.side}"
    worded = {
        "axial_pain": (f"{place} pain", f"scored {axial:g} of 100; {_because(disc)}", False),
        "limb_pain": (title, why_limb + ("" if limb is None else f"; scored {limb:g} of 100"), limb is None),
        "numbness": (f"numbness where {nerve} goes", why_limb, True),
        "weakness": (f"weakness of what {nerve} moves", why_limb, True),
        "cord_signs": ("clumsy hands or gait: refer now", "the disc meets the cord", True),
        "headache": ("headache from the neck", f"{disc.level}, and NDI of {disability:g} %", True),
        "bad_sleep": ("disturbed sleep", f"pain of {axial:g} of 100", False),
        "off_work": ("off work", f"disability of {disability:g} %", True),
    }
    return [
        Symptom(name, title, float(found[name]), because, assumed)
        for name, (title, because, assumed) in worded.items()
        if float(found[name]) > 0
    ]


def _because(disc: Disc) -> str:
    """What speaks for the disc as the source of pain, in words."""
    seen = [] if math.isnan(disc.grade) else [f"grade {disc.grade:g}"]
    seen += [name.replace("_", " ") for name in disc.pictures]
    drivers = _drivers(disc)
    words = {"cytokine": "inflamed", "nerves": "with nerves in it", "looseness": "loose"}
    seen += [words[name] for name, amount in drivers.items() if amount > 0]
    share = f"the chance that the disc is what hurts is {_HUNDRED * painful(disc):.0f} %"
    return f"{share} ({', '.join(seen)})" if seen else share


# ---------------------------------------------------------------------------------------------- disc to pain


class Change(NamedTuple):
    """What differs between a disc without a treatment and with it: better where positive.

    Halvings of cytokines and of looseness, nerves that are gone (0 to 1), contact with the root that is gone (0 or 1).
    """

    cytokine: float = 0.0
    nerves: float = 0.0
    looseness: float = 0.0
    contact: float = 0.0


def between(without: Disc, treated: Disc) -> Change:
    """The difference between two arms of a run; what is not known of both is none."""
    one, other = _drivers(without), _drivers(treated)
    shared = {name: one[name] - other[name] for name in one if name in other}
    return Change(**shared, contact=float(without.touches_root) - float(treated.touches_root))


def known(disc_to_pain: str) -> None:
    """Raises InputError, with the nearest, for a hypothesis that there is not."""
    if disc_to_pain not in DISC_TO_PAIN:
        near = nearest(disc_to_pain, DISC_TO_PAIN)
        raise InputError(f"Unknown disc_to_pain {disc_to_pain!r}{near}; write {' or '.join(DISC_TO_PAIN)}.")


def join(
    given: Given,
    change: Change | Sequence[Change],
    draws: np.ndarray,
    disc_to_pain: str = "none",
    through: Sequence[str] | None = None,
) -> np.ndarray:
    """What a change of the disc moves in the logit of responding: (person, visit), for `person.follow(..., logit=)`.

    change: one for all visits, or one for each. draws: of each person, the same as are handed to `person.follow`.
    Under "none" it is nought. Under "mediated" the disc's change stands in place of what trials found of treatments
    that act through the disc (through; all of `given` where none are named), which is taken out lest it count twice;
    what people know and expect stays. Raises InputError for another hypothesis.
    """
    known(disc_to_pain)
    visits = [change] if isinstance(change, Change) else list(change)
    found = np.zeros((len(draws), len(visits)))
    if disc_to_pain == "none":
        return found
    for name in Change._fields:
        each = person.drawn(given.region, f"mediated_{name}")[draws]
        found += each[:, None] * np.array([getattr(visit, name) for visit in visits])
    return found - _found_by_trials(given, draws, given.treatments if through is None else through)[:, None]


def _found_by_trials(given: Given, draws: np.ndarray, treatments: Sequence[str]) -> np.ndarray:
    """What trials leave possible of treatments, as a logit (person,)."""
    for name in treatments:
        if name not in given.treatments:
            near = nearest(name, given.treatments)
            raise InputError(f"{name!r} is not given{near}; name some of {', '.join(given.treatments) or 'nothing'}.")
    each = [person.drawn(given.region, f"treatment {name}")[draws] for name in treatments]
    return np.sum([np.zeros(len(draws)), *each], 0)


def choices(
    random: np.random.Generator,
    given: Given,
    pain: np.ndarray,
    disability: np.ndarray,
    month: float,
    change: Change,
    limb: np.ndarray | None = None,
) -> pd.DataFrame:
    """What hangs on `disc_to_pain`: mean scores at a month under each hypothesis, beside what the same gives without.

    A row each for "without" (the same done and believed, with no effect of its own), "none" and "mediated";
    `beyond` is the mean difference in pain from the first, `low` and `high` the ends of 90 % of what numbers leave
    possible of it, `held` the share of draws in which it is a fall.
    """
    import pandas as pd

    seed, count = random.integers(2**32), len(person.responses(given.region)[1])
    draws = np.arange(len(pain)) % count
    arms = {
        "without": -_found_by_trials(given, draws, given.treatments)[:, None],
        "none": join(given, change, draws),
        "mediated": join(given, change, draws, "mediated"),
    }
    rows, first = list[dict[str, str | float]](), np.zeros(0)
    for name, logit in arms.items():
        found = person.follow(
            np.random.default_rng(seed), given, pain, disability, [month], draws=draws, limb=limb, logit=logit
        )
        means = np.bincount(draws, found.pain[:, 0], count) / np.maximum(np.bincount(draws, minlength=count), 1)
        first = means if name == "without" else first
        low, high = np.quantile(means - first, _TAILS)
        row: dict[str, str | float] = {"disc_to_pain": name, "pain": float(found.pain.mean())}
        row["disability"] = float(found.disability.mean())
        if found.limb is not None:
            row["limb"] = float(found.limb.mean())
        row |= {"responders": float(found.responds.mean()), "beyond": float((means - first).mean())}
        rows.append(row | {"low": float(low), "high": float(high), "held": float((means < first).mean())})
    return pd.DataFrame(rows)
