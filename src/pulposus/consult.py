"""What can honestly be said to one person: gathered from candidacy, care, safety, offers and a run of the disc.

What: `gather` holds a person of a file against red flags and lists, follows people like this one under each option, and
adds what may go wrong, price, standing, what nobody knows and what to ask: a `Talk`, which a report draws.
Equations: none of its own. A chance is the share of people whose leading score falls by what matters to people; its
range is that over draws of the law. Of those who are better, as many as the same procedure would give without any
effect of the treatment count to hope and care, as many as waiting would give count to time.
Reads: everything below it. Writes: nothing. Errors: `InputError`, one sentence.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pulposus import candidacy, care, evidence, grounds, patients, safety
from pulposus.candidacy import NO, YES, Assessment, Finding, Person
from pulposus.care import Course, People
from pulposus.errors import InputError, nearest
from pulposus.evidence import criteria, offers, options, trials
from pulposus.evidence.offers import Cost, Standing
from pulposus.evidence.options import Option
from pulposus.outcomes import person as law
from pulposus.outcomes.scores import score
from pulposus.talk import (
    CLOSED,
    FIRST,
    OPEN,
    UNSURE,
    Band,
    Chance,
    Choice,
    DiscSeen,
    Flag,
    Gauge,
    Harm,
    Met,
    Outlook,
    Price,
    Talk,
    listed,
)
from pulposus.talk import Standing as Stands

MONTHS = 24.0  # maths: how long a talk looks ahead, as most trials do
_DRAWS, _EACH = 100, 80  # maths: draws of the law, and people of each; a share is then known to half a percent
_TOLD = (5, 95)  # maths: ends of the range of a chance, percent
_MOST, _ABREAST = 120, 6  # maths: months that may be asked for; options that are told in full
_DAYS, _YEAR = 7, 12.0  # maths: days of a week, months of a year
_FULL_WEEK = 1.0  # maths: below it, days are told
_TREATABLE_MODIC = (1.0, 2.0)  # maths: names of types, no quantities
_ALWAYS = ("wait", "exercise", "sham", "cells_donor")
_THEN = (
    "epidural_steroid",
    "basivertebral_ablation",
    "discectomy",
    "acdf",
    "lumbar_fusion",
    "nsaid",
    "collar",
    "snri",
    "cervical_disc_replacement",
    "cells_own",
)
_CLASSES = {
    "cells_own": "own_cultured",
    "cells_donor": "donor_cells",
    "marrow_concentrate": "marrow_concentrate",
    "platelets": "platelet_rich_plasma",
}
_STANDS = {
    "rule": "a rule of its own, no approval for a disc",
    "not_approved": "not approved",
    "in_trials": "in trials only",
    "expedited": "not approved, review sped up",
    "conditional_route": "approval with conditions is possible",
    "exempt_route": "a clinic or hospital may be allowed to, without proof of effect",
    "marketed_without_approval": "sold without approval",
}
_PAYS = {
    "self": "The person pays",
    "insurer": "An insurer pays",
    "system": "The health system pays",
    "any": "Who pays differs",
}
_COVERED = {
    "yes": "Usually covered",
    "no": "Not covered",
    "varies": "Covered in some places",
    "unknown": "Cover is not known",
}
_PLACES = {"lumbar": {"pain": "back pain", "limb": "leg pain"}, "cervical": {"pain": "neck pain", "limb": "arm pain"}}
_NAMES = {
    "lumbar": {"pain": "vas_back", "limb": "vas_leg", "disability": "odi"},
    "cervical": {"pain": "vas_neck", "limb": "vas_arm", "disability": "ndi"},
}
_UNTRIED = "not tried in the {}, as far as was found: no number can be given"
_BLIND = ("placebo", "sham")
# For whom an option is done -> the same in words.
_DONE: dict[tuple[str, ...], str] = {
    ("radicular",): "where a root hurts",
    ("chronic",): "where the back or neck itself hurts",
}
_SPINES = {"lumbar": "back", "cervical": "neck"}
_INDEX = {"lumbar": "disability (Oswestry index)", "cervical": "disability (neck index)"}
# What a gauge shows: title, limit in the evidence, criteria that hold it.
_VIEWS = {
    "glucose": ("lowest glucose", "glucose_death_threshold", ("glucose before", "glucose after")),
    "ph": ("lowest pH", "acid_death_threshold", ("acid before", "acid after")),
    "oxygen": ("lowest oxygen", "", ("oxygen kept",)),
    "viable": ("native cells alive at the end", "", ("viable share kept",)),
}
_TREATS = ("cells", "tissue")
_SAID = ("controlled_trials", "open_label", "dose_response", "repeated_doses", "retention")
_PICTURES = (
    "What a scanner sees and what a person feels often go different ways: what is expected here of pain knows nothing "
    "of this disc."
)
_QUESTIONS = (
    "What happens if I wait for three months more?",
    "What would a sham do to me? How much better than a sham was this, in how many people?",
    "Who paid for the trial, and where can I read it?",
    "What can go wrong, how often, and who treats me then?",
    "What will I still be able to do afterwards if it does not help?",
    "What does it cost me in all, and what if it has to be done twice?",
    "When can I work, drive, lift and do sport again?",
    "How will we know that it has helped, and when do we stop?",
)
_OF_CELLS = (
    "Is it a registered trial? Which number, which ethics committee?",
    "Which authority has licensed this product for a disc, and under which number?",
    "Whose cells are they, how many are alive, and which tests has this lot passed?",
    "May I see the results of people like me, those who were not helped too?",
)


def gather(
    asked: Person,
    view: Mapping[str, float] | None = None,
    months: float = MONTHS,
    seed: int = 0,
    named: Sequence[str] = (),
    of_run: str = "",
) -> Talk:
    """Everything that is told to one person.

    view: the disc's own view as `candidacy.of_run` gives it; of_run: what disc that is, in words. named: options to
    tell in full, in this order. Raises InputError for an option that does not exist or is of another part of the spine,
    for months beyond ten years, and for a child.
    """
    if not 1 <= months <= _MOST:
        raise InputError(f"{months:g} months cannot be looked at; give 1 to {_MOST}.")
    if seed < 0:
        raise InputError(f"A seed of {seed} is not possible; give 0 or a greater whole number.")
    outside, found = candidacy.outside(asked.facts), candidacy.assess(asked, view)
    facts = {name: one.word or one.low for name, one in candidacy.known(asked.facts).items() if _sure(one)}
    region = str(facts.get("region") or "lumbar")
    who, notes = _people(facts, region, seed)
    wanted = _wanted(named, who, facts)
    told = _Counted()
    courses = {name: _follow(name, who, months, seed) for name in dict.fromkeys(("wait", *wanted.shown))}
    choices = tuple(
        _choice(name, courses, found, told, first=name in wanted.first) for name in wanted.shown
    )
    names, urgent = _NAMES[region], {fact for flag in found.flags if flag.answer != NO for fact in flag.missing}
    return Talk(
        title=found.title or "A talk about a disc",
        person=_person(facts, region, who),
        region=region,
        population=who.population,
        months=months,
        pain=float(who.start(who.leading).mean()),
        disability=float(who.disability.mean()),
        pain_title=_PLACES[region][who.leading],
        disability_title=_INDEX[region],
        pain_change=score(names[who.leading]).important_change,
        disability_change=score(names["disability"]).important_change,
        flags=_flags(found),
        contradictions=tuple(f"{odd.says} ({odd.datum})" for odd in found.contradictions),
        disc=_disc(facts, found, view, of_run),
        fit=found.fit.answer,
        fit_title=found.fit.list.title,
        fit_why=found.fit.why or "; ".join(one.says for one in found.fit.open),
        lists=_lists(found),
        missing=tuple(_capital(asks) for name, asks, _ in found.missing if name in urgent),
        later=tuple(_capital(asks) for name, asks, _ in found.missing if name not in urgent),
        choices=choices,
        unknown=(*notes, *_unknown(region, wanted.left, choices)),
        questions=(*_QUESTIONS, *_OF_CELLS),
        warnings=tuple(one.says for one in offers.regulation() if one.what == "warning"),
        sources=tuple(dict.fromkeys(told.sources)),
        numbers=len(told.rows),
        assumed=sum(told.rows.values()),
        notes=_NOTES,
        outside=tuple(map(_capital, filter(None, (outside, care.painless(who))))),
    )


_NOTES = (
    "Pain and disability follow one law for all care, fitted to the published trials that `pulposus trial list` names; "
    "the disc of this person is not in it.",
    "A number of that law counts as assumed where its prior was; trials have narrowed it since.",
    "Risks are pooled over sources; what nobody can exclude is the upper end of where the next place may lie.",
)


@dataclass
class _Counted:
    """Numbers behind the report (name -> whether it is assumed), and keys of sources."""

    rows: dict[str, bool] = field(default_factory=dict)
    sources: list[str] = field(default_factory=list)

    def add(self, name: str, assumed: bool, sources: Iterable[str] = ()) -> None:
        """A number and its sources."""
        self.rows[name] = assumed
        self.sources += sources


def _sure(one: candidacy.Known) -> bool:
    return bool(one.word) or one.low == one.high


# ---------------------------------------------------------------------------------------------- the person


def _people(facts: Mapping[str, Any], region: str, seed: int) -> tuple[People, tuple[str, ...]]:
    """People like this one with what they feel now, and what had to be filled in."""
    count, index = _DRAWS * _EACH, "ndi" if region == "cervical" else "odi"
    lacking = [name for name in ("axial_pain", index) if name not in facts]
    filled, notes = {"axial_pain": "pain", index: "disability"}, list[str]()
    like = {name: _like(facts, region, filled[name], count, seed) for name in lacking}
    means = {name: float(values.mean()) for name, (values, _) in like.items()}
    who = care.one_person({**facts, **means, "region": region}, count)
    for name, (values, how) in like.items():
        who = _with(who, filled[name], values)
        what = criteria.facts()[name].asks
        notes.append(f"Not told: {what}. {how}: {values.mean():.0f} of 100 on average.")
    if "region" not in facts:
        notes.append("Not told: which part of the spine hurts. It is taken for the lower back, which may be wrong.")
    if "limb_pain" not in facts:
        limb = _PLACES[region]["limb"]
        notes.append(f"Not told: {limb}. It is taken for none, which may be wrong.")
    return who, tuple(notes)


def _with(who: People, name: str, values: np.ndarray) -> People:
    """The same people with another score at start."""
    starts = {one: who.start(one) for one in care.SCORES} | {name: values}
    return People(who.region, who.population, starts["pain"], starts["limb"], starts["disability"])


def _like(facts: Mapping[str, Any], region: str, name: str, count: int, seed: int) -> tuple[np.ndarray, str]:
    """A score of people as this one may be; of people of trials where nobody like this can be drawn."""
    columns = {"age": "age", "bmi": "bmi", "sex": "sex", "level": "level", "axial_pain": "pain", "odi": "disability"}
    known = {column: facts[fact] for fact, column in {**columns, "ndi": "disability"}.items() if fact in facts}
    try:
        found = patients.fit({**known, "region": region}, count=count, seed=seed)
        return found[name].to_numpy(float), "People like this have"
    except InputError:
        mean, spread = (evidence.outcome(f"start_{part}_{name}").value for part in ("unknown", "spread"))
        drawn = mean + spread * np.random.default_rng(seed).standard_normal(count)
        return np.clip(drawn, 0, law.TOP), "People of trials have"


def _person(facts: Mapping[str, Any], region: str, who: People) -> str:
    """Who this is about, in a sentence or two."""
    sex = {"male": "man", "female": "woman"}.get(str(facts.get("sex")), "person")
    age = f" of {facts['age']:.0f} years" if "age" in facts else ", age not told"
    first = f"A {sex}{age}."
    months = facts.get("pain_duration")
    span = f" for {_span(float(months))}" if months is not None else ""
    places = _PLACES[region]
    pains = [f"{places[name]} {who.start(name).mean():.0f}" for name in ("pain", "limb")]
    return f"{first} {_capital(listed(pains))} of 100{span}; {_INDEX[region]} {who.disability.mean():.0f} of 100."


def _span(months: float) -> str:
    whole = months / _YEAR
    return f"{whole:.0f} years" if months >= 2 * _YEAR else f"{months:.0f} months"


def _flags(found: Assessment) -> tuple[Flag, ...]:
    """Red flags that are present, and those that nobody has excluded."""
    return tuple(
        Flag(flag.says, flag.act, _known_by(flag), flag.answer == YES) for flag in found.flags if flag.answer != NO
    )


def _known_by(flag: Finding) -> str:
    """By which facts a flag is known, or what has to be asked, in the words of the questions."""
    asks = criteria.facts()
    if flag.answer != YES:
        return f"not asked yet: {listed([asks[name].asks for name in flag.missing])}" if flag.missing else flag.reason
    parts = [part.partition(" = ") for part in flag.datum.split("; ")]
    return "; ".join(
        asks[name].asks + (f": {value}" if value != YES else "") if name in asks else f"{name} {value}".strip()
        for name, _, value in parts
    )


def _lists(found: Assessment) -> tuple[Met, ...]:
    """Trials of cells or tissue, and why not, or what is open."""
    return tuple(
        Met(
            one.list.name,
            one.list.title,
            one.answer,
            one.why or "; ".join(finding.says for finding in one.open if finding.answer != NO),
            len(one.findings),
            one.stand_ins,
            tuple(finding.says for finding in one.open if finding.answer == NO),
        )
        for one in found.lists
        if one.list.treats in _TREATS
    )


def _disc(
    facts: Mapping[str, Any], found: Assessment, view: Mapping[str, float] | None, of_run: str
) -> DiscSeen | None:
    """The disc as it was told, and as the model sees it; None where its level is not known."""
    if "level" not in facts:
        return None
    level, sex = str(facts["level"]), str(facts.get("sex") or "any")
    grade = int(facts["pfirrmann"]) if "pfirrmann" in facts else None
    loss = facts.get("height_loss")
    rows = {g: evidence.dimensions(level, sex, g) for g in (1, grade or 1)}
    mm = {g: {name: row.si / evidence.factor("mm") for name, row in rows[g].items()} for g in rows}
    healthy = mm[1]["mid_height"]
    kept = healthy * (1 - float(loss) / law.TOP) if loss is not None else mm[grade or 1]["mid_height"]
    says = [f"{criteria.facts()[name].asks}: {facts[name]:g} {unit}" for name, unit in _MEASURED if name in facts]
    return DiscSeen(
        level,
        grade,
        kept,
        healthy,
        mm[1]["ap_depth"],
        None if loss is None else float(loss),
        facts.get("modic"),
        str(facts.get("herniation") or ""),
        facts.get("protrusion"),
        facts.get("annular_tear") == YES,
        tuple(map(_capital, (*says, *((of_run,) if of_run else ())))),
        _gauges(found, view) if view else (),
        found.disc.answer if view else "",
    )


_MEASURED = (("height_loss", "%"), ("protrusion", "mm"))


def _gauges(found: Assessment, view: Mapping[str, float]) -> tuple[Gauge, ...]:
    """The model's disc before and after, against what kills cells."""
    findings = {one.name: one for one in found.disc.findings}
    made = []
    for name, (title, limit, held) in _VIEWS.items():
        ends = [view.get(f"disc_{name}_{when}", math.nan) for when in ("before", "after")]
        answers = {findings[one].answer for one in held}
        answer = NO if NO in answers else YES if answers == {YES} else "unknown"
        unit = criteria.units_of(f"disc_{name}_before")
        row = evidence.used(limit) if limit else None
        least = evidence.convert(row.value, row.unit, unit) if row else None
        says = "; ".join(f"not so: {findings[one].says}" for one in held if findings[one].answer == NO)
        if all(map(math.isfinite, ends)):
            shown = {"percent": "%", "1": ""}.get(unit, unit)
            words = ("without", "with") if name == "viable" else ("before", "lowest after")
            made.append(Gauge(title, shown, ends[0], ends[1], least, answer, _capital(says), words))
    return tuple(made)


# ---------------------------------------------------------------------------------------------- options


@dataclass(frozen=True)
class _Wanted:
    """Options that are shown, those in full, and those of which nothing controlled is known and that are only named."""

    shown: tuple[str, ...]
    first: tuple[str, ...]
    left: tuple[str, ...]


def _wanted(named: Sequence[str], who: People, facts: Mapping[str, Any]) -> _Wanted:
    """Which options are told: those asked for, or those that fit; cells always, since they are what is asked about."""
    asked = tuple(dict.fromkeys(options.option(name).name for name in named))
    for name in asked:
        if who.region not in options.option(name).regions:
            fit = [one.name for one in options.options() if who.region in one.regions]
            raise InputError(
                f"{options.option(name).title} is not done to the {who.region} spine{nearest(name, fit)}; "
                f"choose among {', '.join(fit)}."
            )
    fitting = [name for name in care.fitting(who) if not _beside_the_point(name, facts)]
    cells = [one.name for one in options.options() if one.family == "biological" and who.region in one.regions]
    fitting += [name for name in cells if name not in fitting and name in _ALWAYS]
    left = tuple(
        name for name in fitting if options.unknown(name, who.region, who.population) and name not in (*cells, *asked)
    )
    shown = [name for name in fitting if name not in left]
    first = [name for name in (*_ALWAYS, *_THEN) if name in shown][:_ABREAST]
    order = [one.name for one in options.options()]
    every = tuple(dict.fromkeys((*asked, *sorted(shown, key=order.index))))
    return _Wanted(every, asked or tuple(first), left)


def _beside_the_point(name: str, facts: Mapping[str, Any]) -> bool:
    """Options that a fact leaves nothing to do for."""
    if name == "weight_loss":
        return float(facts.get("bmi", math.inf)) < evidence.population("overweight").value
    return name == "basivertebral_ablation" and facts.get("modic", 1.0) not in _TREATABLE_MODIC


def _follow(name: str, who: People, months: float, seed: int) -> Course:
    draws = np.linspace(0, len(law.responses(who.region)[1]) - 1, _DRAWS).astype(int)
    visits = sorted({months, *(visit for visit in care.VISITS if 0 < visit < months)})
    return care.follow(np.random.default_rng(seed), who, [(name, 0.0)], visits, draws=np.repeat(draws, _EACH))


def _choice(name: str, courses: Mapping[str, Course], found: Assessment, told: _Counted, first: bool) -> Choice:
    """One option, with everything that is told of it."""
    course, option = courses[name], options.option(name)
    who = course.people
    fits = option.fits(who.region, who.population)
    state, why = _state(option, who, found, fits)
    silent = _silent(option, who, state, why)
    exposed, span = option.exposed(who.region), float(course.months[-1])
    risks = safety.risks(exposed, who.region, span, who.population)
    uncounted = [
        line for line in safety.warnings(exposed, who.region, span, who.population) if "nothing was found" in line
    ]
    costs, stands = _costs(option), _standings(option)
    _count(told, option, who, risks, costs, stands)
    return Choice(
        name=option.name,
        title=option.title,
        family=option.family,
        state=state,
        why=why,
        outlook=None if silent else _outlook(course, courses["wait"]),
        silent=silent,
        blind=_blind(option, who),
        grounds=() if silent else _grounds(name, courses, told),
        harms=tuple(map(_harm, risks)),
        uncounted=tuple(uncounted),
        prices=tuple(map(_price, costs)),
        standings=tuple(
            Stands(one.region, _STANDS.get(one.what, one.what.replace("_", " ")), one.asof, one.kind == "assumed")
            for one in stands
        ),
        recovery=_recovery(option),
        notes=course.unknown,
        sources=option.sources,
        first=first,
    )


def _harm(risk: safety.Risk) -> Harm:
    """A risk in a sentence. What is done afterwards is no serious harm of what was done before, and stands apart."""
    follows = risk.event in care.FOLLOWS
    return Harm(safety.words(risk), risk.serious and not follows, risk.kind == "assumed", risk.share, follows)


def _state(option: Option, who: People, found: Assessment, fits: bool) -> tuple[str, str]:
    """Whether an option is open to this person, and why."""
    if option.family == "biological":
        if found.refer:
            return CLOSED, "closed: a red flag comes first"
        if who.region == "cervical":
            return CLOSED, "not open: no trial of it in the neck was found"
        if not fits:
            return CLOSED, "not open: trials leave out people whose pain comes from a root"
        if found.fit.answer == YES:
            return OPEN, "only within a trial; what trials have in common is met"
        if found.fit.answer == NO:
            return CLOSED, "not open: trials would not take this person now"
        return UNSURE, "not yet known whether trials would take this person"
    if found.refer:
        return FIRST, "not before the red flag has been looked into"
    if option.name == "sham":
        return "", "only as the comparison of a trial"
    if not fits:
        return CLOSED, f"not for such pain: it is done {_DONE[option.populations]}"
    return OPEN, "nothing to arrange" if option.name == "wait" else "in usual care"


def _silent(option: Option, who: People, state: str, why: str) -> str:
    """Why no number can be given of an option; nothing where one can. What no trial did to such people has none."""
    if option.family == "none":
        done = {(arm.region, arm.procedure, arm.aware) for arm in trials.arms().values()}
        held = (who.region, option.procedure, option.aware) in done
        return "" if held else _UNTRIED.format(_SPINES[who.region])
    if options.unknown(option.name, who.region, who.population):
        if option.family == "biological" and who.region == "cervical":
            return _UNTRIED.format(_SPINES[who.region])
        return "no controlled trial tells what it does to such pain: no number can be given"
    return f"{why.partition(': ')[2] or why}: no number can be given" if state == CLOSED else ""


def _blind(option: Option, who: People) -> bool:
    """Whether a trial in which nobody knew tells what the treatment itself does; so too where there is none to tell."""
    named = set(option.treatments(who.region))
    effects = options.effects_of(option.name, who.region, who.population)
    blind = [arm for arm in trials.arms().values() if arm.region == who.region and arm.aware == "blind"]
    told = any(one.found and one.comparator in _BLIND for one in effects)
    return option.family == "none" or told or any(named & set(arm.parts) for arm in blind)


def _outlook(course: Course, alone: Course) -> Outlook:
    """What is expected of one option in numbers."""
    who, name = course.people, course.steps[0].option
    leading, family = who.leading, options.option(name).family
    of_waiting = name == "wait"
    pain_until, disability_until = (
        grounds.waited(*of, one).months if of_waiting else grounds.looked(name, *of, one)
        for of in [(who.region, who.population)]
        for one in (leading, "disability")
    )
    return Outlook(
        pain=_band(course.months, getattr(course, leading)),
        disability=_band(course.months, course.disability),
        chance=_chance(course, alone),
        parts=_parts(course),
        sham=None if family == "none" else _band(course.months, course.sham[leading]),
        pain_until=pain_until,
        disability_until=disability_until,
    )


def _grounds(name: str, courses: Mapping[str, Course], told: _Counted) -> tuple[str, ...]:
    """On what the difference to waiting rests, and what was published beside ours."""
    course, alone = courses[name], courses["wait"]
    titles = {**_PLACES[course.people.region], "disability": "disability"}
    for one in grounds.published(course, alone):
        effect = one.effect
        kept = f"published {name} {effect.score} {effect.comparator} {effect.printed}"
        told.add(kept, effect.kind == "assumed", effect.sources)
    if name == "wait":
        return grounds.of_waiting(alone, courses, titles)
    return () if name == "sham" else grounds.of_option(course, alone, titles)


def _band(months: np.ndarray, values: np.ndarray) -> Band:
    low90, low50, _, high50, high90 = np.percentile(values, care.BANDS, axis=0)
    ends = (low90, low50, values.mean(0), high50, high90)
    return Band(tuple(map(float, months)), *(tuple(map(float, row)) for row in ends))


def _chance(course: Course, alone: Course) -> Chance:
    """Who is clearly better, and of how many of them a sham, or waiting, would say the same."""
    better = course.better()[:, -1]
    share = float(better.mean())
    each = better.reshape(_DRAWS, _EACH).mean(1)
    low, high = np.percentile(each, _TOLD)
    believed = min(float(course.better(now=course.without)[:, -1].mean()), share)
    waits = min(float(alone.improved()[-1]), believed)
    who, names = course.people, _NAMES[course.people.region]
    least = score(names[who.leading]).important_change
    says = f"{_PLACES[who.region][who.leading]} at least {least:g} of 100 lower than now"
    return Chance(
        share,
        min(float(low), share),
        max(float(high), share),
        believed,
        waits,
        float(course.improved(sham=True)[-1]),
        says,
    )


def _parts(course: Course) -> tuple[tuple[str, float], ...]:
    """What the mean change of the leading score is made of, in the order of the law, what is left over last."""
    found = {str(row["part"]): float(row[course.people.leading]) for row in course.parts.to_dict("records")}
    other = found["whole"] - sum(found[name] for name in law.ORDER)
    return (*((name, found[name]) for name in law.ORDER), ("other", other))


def _recovery(option: Option) -> str:
    low, value, high = option.recovery_low, option.recovery_weeks, option.recovery_high
    if not high:
        return "At once: nothing is done to the body."
    guess = " (an assumption)" if option.kind == "assumed" else ""
    if value < _FULL_WEEK:
        low, value, high = (round(_DAYS * weeks) for weeks in (low, value, high))
        return f"About {value:g} days ({low:g} to {high:g}){guess}."
    return f"About {value:.0f} week{'s' * (round(value) != 1)} ({low:.0f} to {high:.0f}){guess}."


def _costs(option: Option) -> list[Cost]:
    """Prices of an option, and of cells whether an insurer covers them."""
    names = (*option.costs, *(("cells_coverage",) if option.family == "biological" else ()))
    return [cost for cost in offers.costs() if cost.name in names]


def _price(cost: Cost) -> Price:
    amount = ""
    if not math.isnan(cost.value):
        same = cost.low == cost.high
        amount = f"{cost.value:,.0f} {cost.unit}" if same else f"{cost.low:,.0f} to {cost.high:,.0f} {cost.unit}"
        amount += f", {cost.region}"
    return Price(cost.what, amount, _PAYS[cost.who_pays], _COVERED[cost.covered], cost.says)


def _standings(option: Option) -> list[Standing]:
    """One row a region of the class of product that it is."""
    of_class = _CLASSES.get(option.name)
    found = dict[str, Standing]()
    for one in offers.regulation():
        if one.product == of_class and one.what != "warning":
            found.setdefault(one.region, one)
    return list(found.values())


def _count(
    told: _Counted,
    option: Option,
    who: People,
    risks: Sequence[safety.Risk],
    costs: Sequence[Cost],
    stands: Sequence[Standing],
) -> None:
    """Count every number that this option's part of the report rests on."""
    for name in law.responses(who.region)[0]:
        if name.startswith("treatment "):
            continue
        told.add(name, evidence.outcome(name).kind == "assumed")
    for name in option.treatments(who.region):
        told.add(f"treatment {name}", False)
    for key, effect in options.added(option.name, who.region, who.population).items():
        told.add(f"{option.name} {key}", effect.kind == "assumed", effect.sources)
    told.add(f"recovery {option.name}", option.kind == "assumed", option.sources)
    for risk in risks:
        for cause in risk.causes:
            for row in cause.rows:
                told.add(f"harm {row.line}", row.kind == "assumed", row.sources)
    for cost in costs:
        told.add(cost.name, cost.kind == "assumed", cost.sources)
    for stand in stands:
        told.add(stand.name, stand.kind == "assumed", stand.sources)


# ---------------------------------------------------------------------------------------------- what is not known


def _unknown(region: str, left: Sequence[str], choices: Sequence[Choice]) -> tuple[str, ...]:
    """What nobody knows, in sentences, most important first."""
    said = [evidence.statement("cervical_cells").text] if region == "cervical" else []
    unsure = [choice.title for choice in choices if choice.outlook is None]
    if unsure:
        said.append(f"No number can be given of what these would do to this person: {listed(unsure)}.")
    if left:
        titles = [options.option(name).title for name in left]
        said.append(f"Not shown, since no controlled trial measured what they do to this pain: {listed(titles)}.")
    said.append(_PICTURES)
    said += [evidence.statement(name).text for name in _SAID]
    said += [_capital(line) for choice in choices if choice.first for line in choice.notes if choice.outlook]
    return tuple(dict.fromkeys(said))


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]
