"""The report for an honest talk: what a `Talk` tells, in plain words and large pictures, as a page and as a paper.

What: `write_consult` writes one offline page, and a PDF if asked. First red flags, then this disc, who is a candidate,
options side by side, what is not known, questions to ask, and sources. Files are written whole or not at all.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from pulposus import evidence
from pulposus.errors import InputError
from pulposus.evidence import reference
from pulposus.evidence.units import in_months
from pulposus.report import anatomy, paper, signs
from pulposus.report.paper import (
    Aspect,
    Banner,
    Block,
    Choices,
    Columns,
    Folded,
    Heading,
    Picture,
    Points,
    Sheet,
    Words,
)
from pulposus.talk import CLOSED, FIRST, OPEN, UNSURE, Band, Choice, DiscSeen, Harm, Met, Talk, listed, people

PAGE, PAPER = "consult.html", "consult.pdf"
_ABREAST = 3
_CROWD, _FAN = 0.6, 0.74
_HARMS, _PLACES, _ON_TOP = 4, 5, 5
_LOOKS = {OPEN: "open", CLOSED: "closed", FIRST: "closed", UNSURE: "unsure"}
_ANSWERS = {
    "yes": "Meets what was read",
    "unknown": "Not yet known",
    "fails": "Fails what trials have in common; the trial's own limit was not read",
    "no": "Does not meet the criteria",
}
# share of people below which a chance is called so
_PHRASES = (
    (0.05, "hardly anybody"),
    (0.25, "few people"),
    (0.42, "fewer than half"),
    (0.58, "about half"),
    (0.75, "more than half"),
    (1.01, "most people"),
)


_KEY = (
    "Little people: arms up by the treatment, arms out by hope and care, arms down with time, white not clearly "
    "better. Curves: the mean, dark 50 and light 90 of 100 people; below the green dashes it matters; orange dots: "
    "a blind sham."
)


def write_consult(folder: str | Path, talk: Talk, pdf: bool = False) -> list[Path]:
    """Write the page (and the paper) into a folder and return their paths; what stood there is replaced in one step.

    Raises InputError where a PDF cannot be made, or the folder cannot be written; nothing is written then.
    """
    advice = evidence.statement("not_advice").text
    pages = {PAGE: paper.html(talk.title, sheets(talk), advice, "consult.css").encode()}
    if pdf:
        pages[PAPER] = paper.printed(paper.typst(talk.title, sheets(talk), advice))
    folder, fresh = Path(folder), dict[Path, Path]()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in pages.items():
            new = folder / f".{name}.{os.getpid()}.new"
            fresh[folder / name] = new
            new.write_bytes(content)
        for place, new in fresh.items():
            os.replace(new, place)
    except OSError as problem:
        for new in fresh.values():
            new.unlink(missing_ok=True)
        raise InputError(
            f"{str(folder)!r} cannot be written ({problem.strerror}); give a folder that you may write to."
        ) from problem
    return list(fresh)


def sheets(talk: Talk) -> list[Sheet]:
    """Every sheet, in order: red flags come before everything else."""
    made = [_first(talk)]
    if talk.disc:
        made.append(_disc(talk))
    made.append(_candidate(talk))
    if talk.choices:
        made += [_glance(talk), *([] if talk.refer else _beside(talk))]
    return [*made, _unknown(talk), _questions(talk), _sources(talk)]


# ---------------------------------------------------------------------------------------------- red flags


def _first(talk: Talk) -> Sheet:
    """Red flags, and who this is about."""
    blocks: list[Block] = []
    if talk.refer:
        lines = tuple(f"{_capital(flag.says)}: {flag.act}." for flag in talk.refer)
        blocks.append(Banner("refer", "Refer now", lines))
        blocks.append(Words("Known by: " + "; ".join(flag.why for flag in talk.refer) + ".", "lead"))
        blocks.append(
            Words("This comes before everything else. What follows waits until it has been looked into.", "lead")
        )
    elif not talk.unsure:
        blocks.append(Banner("good", "No red flag was found", ("Every sign that was asked for is absent.",)))
    if talk.unsure:
        lines = tuple(f"{_capital(flag.says)}: {flag.why}" for flag in talk.unsure)
        blocks.append(Banner("unsure", "Not yet looked into", lines))
    if talk.outside:
        blocks.append(Banner("unsure", "No trial took anybody like this", tuple(f"{one}." for one in talk.outside)))
    for said in talk.contradictions:
        blocks.append(Banner("unsure", "This cannot both be true", (said,)))
    head: list[Block] = [Heading(talk.title or "A talk about a disc", 1), Words(talk.person, "lead")]
    return Sheet("first", "Red flags", tuple(blocks + head if talk.refer else head + blocks))


def _met(talk: Talk) -> str:
    """How many lists are met, in a sentence."""
    counts = Counter(map(_answer, talk.lists))
    if not any(counts[answer] for answer in ("yes", "unknown", "fails")):
        return f"Of {len(talk.lists)} trials of cells or tissue, the criteria of none are met."
    fails = f", and {counts['fails']} would be failed by what trials have in common" if counts["fails"] else ""
    return (
        f"Of {len(talk.lists)} trials of cells or tissue, what was read of {counts['yes']} is met, {counts['unknown']} "
        f"wait for what is not yet known{fails}. Whether they still take people was not looked up."
    )


def _answer(one: Met) -> str:
    """Under which heading a trial stands: one that fails what others ask is neither met nor waiting."""
    return "fails" if one.answer == "unknown" and one.fails else one.answer


def _told(one: Met) -> str:
    """A trial, with what is open, what fails, and how much of its list is assumed."""
    said = {"yes": "", "fails": "; ".join(one.fails)}.get(_answer(one), one.why)
    if one.answer == "yes" and one.assumed:
        said = f"{one.assumed} of {one.criteria} criteria are assumed from other trials"
    return f"{one.title} ({one.name})" + (f": {said}" if said else "")


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


# ---------------------------------------------------------------------------------------------- the disc


def _disc(talk: Talk) -> Sheet:
    """Where the disc lies, what it looks like, and whether the model's disc is fed."""
    seen = talk.disc
    assert seen
    pictures = [anatomy.where(seen), anatomy.cut(seen, healthy=True), anatomy.cut(seen)]
    blocks: list[Block] = [
        Heading("This disc"),
        Columns(tuple((Picture(svg),) for svg in pictures)),
        Points((*anatomy.key(seen), *seen.says), "small"),
    ]
    if seen.gauges:
        blocks.append(_fed(seen))
        pictures = [
            signs.gauge(
                g.title,
                g.unit,
                g.before,
                g.after,
                g.limit,
                _GAUGED[g.limit is not None].get(g.answer, "? not known").format(g.words[0]),
                g.words,
            )
            for g in seen.gauges
        ]
        blocks.append(Columns(tuple((Picture(svg),) for svg in pictures)))
    else:
        blocks.append(
            Words("Whether this disc can feed cells was not computed.", "small")
        )
    blocks.append(
        Words("Schematic: heights are those of tables by level, sex and grade. A picture says little of pain.", "small")
    )
    return Sheet("disc", "This disc", tuple(blocks), begins=bool(talk.refer))


# whether there is a limit -> answer -> words
_GAUGED = {
    True: {"yes": "✓ above the limit", "no": "✗ below the limit"},
    False: {"yes": "✓ no less than {}", "no": "✗ less than {}"},
}


def _fed(seen: DiscSeen) -> Banner:
    """Whether the model's disc feeds its cells, in one line."""
    limited = {gauge.answer for gauge in seen.gauges if gauge.limit is not None}
    said = tuple(gauge.says for gauge in seen.gauges if gauge.answer == "no")
    if "no" in limited:
        always = any(gauge.before < gauge.limit for gauge in seen.gauges if gauge.limit is not None)
        when = "" if always else ", at some time after treatment"
        return Banner("shut", f"In the model a part of this disc starves{when}", said)
    if "unknown" in limited or not limited:
        return Banner("unsure", "In the model it is not clear whether this disc feeds its cells", said)
    if said:
        return Banner("note", "In the model this disc feeds its cells, but not all stays as it was", said)
    return Banner("good", "In the model this disc feeds its cells, before and after treatment")


# ---------------------------------------------------------------------------------------------- candidacy


def _candidate(talk: Talk) -> Sheet:
    """Whether trials of cells would take this person, in plain words."""
    kind, head = {
        "yes": ("good", "Fits what trials of cells in a disc have in common"),
        "no": ("shut", "Does not fit: trials of cells would not take this person now"),
    }.get(talk.fit, ("unsure", "Not yet known whether trials of cells would take this person"))
    lines = (*((_capital(talk.fit_why.rstrip(".")) + ".",) if talk.fit_why else ()), _met(talk))
    blocks: list[Block] = [Heading("Cells in the disc: who is a candidate"), Banner(kind, head, lines)]
    groups = []
    for answer, title in _ANSWERS.items():
        some = [_told(one) for one in talk.lists if _answer(one) == answer]
        if not some:
            continue
        own: list[Block] = [Heading(f"{title}: {len(some)} of {len(talk.lists)} trials", 3)]
        if answer == "no":
            own.append(Folded("Which, and why", (Points(tuple(some), "small"),), printed=not talk.refer))
        else:
            own.append(Points(tuple(some), "small"))
        groups.append(tuple(own))
    blocks.append(Columns(tuple(groups)))
    if talk.missing:
        blocks += [Heading("What red flags wait for", 3), Points(talk.missing, "boxes")]
    if talk.later:
        blocks.append(Folded(f"What else is missing to know: {len(talk.later)}", (Points(talk.later, "small"),)))
    blocks.append(
        Words(
            "Lists were read in registries, tables and abstracts, and not all of each. Only the trial itself can take "
            "somebody in.",
            "small",
        )
    )
    return Sheet("candidate", "Cells: a candidate?", tuple(blocks))


# ---------------------------------------------------------------------------------------------- options


def _glance(talk: Talk) -> Sheet:
    """All options on three pictures."""
    seen = [(choice.title, choice.outlook) for choice in talk.choices if choice.outlook]
    pain = [(_looked(title, one.pain_until, talk), one.pain) for title, one in seen]
    disability = [(_looked(title, one.disability_until, talk), one.disability) for title, one in seen]
    chance = [(_looked(title, one.pain_until, talk), one.chance) for title, one in seen]
    pictures = (
        (Heading("Who is clearly better", 3), Picture(signs.shares(chance))),
        (Heading(_capital(talk.pain_title), 3), Picture(signs.ranges(pain, talk.pain, ("none", "worst")))),
        (
            Heading(_capital(talk.disability_title), 3),
            Picture(signs.ranges(disability, talk.disability, ("none", "worst"))),
        ),
    )
    key = (
        "blue: by the treatment itself. Orange, slanted: a sham does it too. Green, upright lines: nothing does it "
        "too. White: not clearly better",
        "thick bar: half of people like this end there. Thin bar: 90 of 100. Diamond: the mean",
        "to 3 mo: nobody looked at such people for longer, and the rest is extrapolated; no look: nobody looked at "
        "this score. Few who waited were followed",
    )
    blocks: list[Block] = [Heading(f"Options at a glance, after {in_months(talk.months)}")]
    if seen:
        said = f"Clearly better means: {seen[0][1].chance.says}."
        blocks += [
            Words(f"{said} The bands are wide because people differ, and because trials are few."),
            Columns(pictures),
            Points(key, "small"),
        ]
    blocks += _silent(talk)
    if talk.refer:
        said = "They were counted in people without such a sign, and do not hold as long as it has not been excluded."
        blocks.insert(1, Banner("shut", "These numbers are not yet for this person", (said,)))
        full = tuple(block for sheet in _beside(talk) for block in sheet.blocks)
        blocks.append(Folded("Options in full, for afterwards", full, printed=False))
    return Sheet("glance", "At a glance", tuple(blocks))


def _looked(title: str, until: float | None, talk: Talk) -> str:
    """An option's title, with how long anybody looked where that is less than what is shown."""
    if until is None or until >= talk.months:
        return title
    return f"{title}, to {until:.2g} mo" if until else f"{title}, no look"


def _silent(talk: Talk) -> list[Block]:
    """Options of which no number can be given, one line for all of which the same is said."""
    said: dict[str, list[str]] = {}
    for choice in talk.choices:
        if not choice.outlook:
            said.setdefault(choice.silent, []).append(choice.title)
    lines = tuple(f"{_capital(listed(titles))}: {why}." for why, titles in said.items())
    return [Banner("unsure", "No number can be given", lines)] if lines else []


def _beside(talk: Talk) -> list[Sheet]:
    """Options in full, so many abreast."""
    shown = [choice for choice in talk.choices if choice.first]
    falls = [sum(max(-p, 0.0) for _, p in choice.outlook.parts) for choice in talk.choices if choice.outlook]
    reach = max(falls, default=0.0)
    made = []
    for k in range(0, len(shown), _ABREAST):
        some = shown[k : k + _ABREAST]
        heads = tuple((_capital(c.title), _tag(c), _LOOKS.get(c.state, "plain")) for c in some)
        aspects = [
            Aspect(f"Clearly better after {in_months(talk.months)}?", tuple(_crowd(c, talk) for c in some)),
            Aspect(_capital(talk.pain_title), tuple(_pain(c, talk) for c in some)),
            Aspect(_capital(talk.disability_title), tuple(_disability(c, talk) for c in some)),
            Aspect("Back to usual life", tuple((Words(c.recovery or "Not known."),) for c in some)),
            Aspect("Price, and who pays", tuple(_prices(c) for c in some)),
            Aspect("Beside waiting, and what trials published", tuple(_grounds(c) for c in some)),
            Aspect(
                f"What the change of {talk.pain_title} is made of",
                tuple(_made_of(c, reach) for c in some),
            ),
            Aspect("What may go wrong (▲ serious)", tuple(_harms(c) for c in some)),
            Aspect("Operations that may follow", tuple(_follow(c) for c in some)),
            Aspect("Standing with authorities", tuple(_standing(c) for c in some)),
        ]
        name = "options" if k == 0 else f"options-{k // _ABREAST + 1}"
        blocks: list[Block] = [Heading("Options side by side" if k == 0 else "More options side by side")]
        if k == 0:
            blocks.append(Words(_KEY, "small"))
        blocks.append(Choices(heads, tuple(aspects), _ON_TOP))
        made.append(Sheet(name, "Side by side" if k == 0 else "", tuple(blocks)))
    return made


def _tag(choice: Choice) -> str:
    sign = {OPEN: "✓ ", CLOSED: "✗ ", FIRST: "✗ ", UNSURE: "? "}.get(choice.state, "")
    return sign + choice.why


def _crowd(choice: Choice, talk: Talk) -> tuple[Block, ...]:
    """Little people, and the same in words; words alone where no number can be given."""
    if not choice.outlook:
        return (Words(f"{_capital(choice.silent)}."),)
    chance = choice.outlook.chance
    counts = people(chance)
    better, sham = sum(counts[:3]), round(100 * chance.sham)
    phrase = next(words for most, words in _PHRASES if chance.share < most)
    said = (
        f"{_capital(phrase)}: {better} of 100. Trials leave {100 * chance.low:.0f} to {100 * chance.high:.0f} possible."
    )
    if choice.name == "wait":
        more = "This is what comes with time alone."
    elif choice.name == "sham":
        more = "All of it comes with a needle that holds nothing."
    elif sham >= better:
        more = f"A sham that is believed in does as much: {sham}. In a blind trial: {100 * chance.blind:.0f}."
    else:
        more = f"A sham that is believed in: {sham} of 100. In a blind trial: {100 * chance.blind:.0f}."
    return (Picture(signs.crowd(chance, f"p-{choice.name}"), _CROWD), Words(said), Words(more))


_NOTHING: tuple[Block, ...] = (Words("No number can be given.", "small"),)


def _pain(choice: Choice, talk: Talk) -> tuple[Block, ...]:
    out = choice.outlook
    return _course(out.pain, talk.pain, talk.pain_change, talk, out.sham, out.pain_until) if out else _NOTHING


def _disability(choice: Choice, talk: Talk) -> tuple[Block, ...]:
    out = choice.outlook
    if not out:
        return _NOTHING
    return _course(out.disability, talk.disability, talk.disability_change, talk, None, out.disability_until)


def _grounds(choice: Choice) -> tuple[Block, ...]:
    if not choice.outlook:
        return _NOTHING
    if not choice.grounds:
        return (Words("It is what others are compared with.", "small"),)
    return (Points(choice.grounds, "small"),)


def _made_of(choice: Choice, reach: float) -> tuple[Block, ...]:
    if not choice.outlook:
        return _NOTHING
    drawn = Picture(signs.made_of(choice.outlook.parts, reach, _HOPES.get(choice.family, "")))
    return (drawn,) if choice.blind else (drawn, Words(_SEEN, "small"))


# family of an option -> what people hope of
_HOPES = {
    "conservative": "being cared for, and hope",
    "drug": "hope, and taking something",
    "injection": "hope, and the needle",
    "biological": "hope, and the needle",
    "ablation": "hope, and the probe",
    "surgery": "hope, and the operation",
    "none": "hope, and the needle",
}
_SEEN = (
    "No blind trial of it was found. What is called the treatment itself is a difference between people who knew what "
    "they got, less what hope is reckoned to do: how much of it is hope, nobody knows."
)


def _course(
    band: Band, start: float, matters: float, talk: Talk, sham: Band | None, until: float | None
) -> tuple[Block, ...]:
    low, half_low, mean, half_high, high = band.at_end()
    half, most = f"{half_low:.0f}–{half_high:.0f}", f"{low:.0f}–{high:.0f}"
    said = f"{start:.0f} now, then {mean:.0f} on average. Half: {half}; 90 of 100: {most}."
    return (Picture(signs.fan(band, start, ("worst", "none"), matters, talk.months, sham, until), _FAN), Words(said))


def _harms(choice: Choice) -> tuple[Block, ...]:
    """The gravest, then the most frequent, in natural frequencies; operations that may follow stand apart."""
    harms = [harm for harm in choice.harms if not harm.follows]
    grave = [harm for harm in harms if harm.serious]
    often = [harm for harm in harms if not harm.serious]
    shown = [*grave[: _HARMS - 1], *often[: _HARMS - len(grave[: _HARMS - 1])]]
    left = len(harms) - len(shown)
    lines = tuple(_harm(harm) for harm in shown)
    blocks: list[Block] = [Points(lines)] if lines else [Words("Nothing was counted: that is not the same as no harm.")]
    rest = tuple(_harm(harm) for harm in harms if harm not in shown)
    if rest:
        blocks.append(Folded(f"{left} more", (Points(rest, "small"),), printed=False))
    return (*blocks, Words(" ".join(choice.uncounted), "small")) if choice.uncounted else tuple(blocks)


def _follow(choice: Choice) -> tuple[Block, ...]:
    """Operations, and what asks for one, in natural frequencies."""
    lines = tuple(_harm(harm) for harm in choice.harms if harm.follows)
    return (Points(lines),) if lines else (Words("Nobody counted them."),)


def _harm(harm: Harm) -> str:
    doubt = " (carried over)" if harm.assumed and "nobody" not in harm.says.split(";")[0] else ""
    return f"{'▲ ' * harm.serious}{harm.says}{doubt}"


def _prices(choice: Choice) -> tuple[Block, ...]:
    if not choice.prices:
        return (Words("No price was found."),)
    lines = []
    for price in choice.prices:
        if price.amount:
            lines.append(f"{_capital(price.what)}: {price.amount}. {price.pays}. {price.covered}.")
        else:
            lines.append(f"{_capital(price.what)}: {price.says} {price.covered}.")
    return (Points(tuple(lines)),)


def _standing(choice: Choice) -> tuple[Block, ...]:
    if not choice.standings:
        said = "Where it stands with authorities was not looked up here: ask whether it is licensed for this use."
        return (Words(said),)
    lines = [f"{s.region}: {s.says} ({s.asof}{', recalled' * s.assumed})" for s in choice.standings[:_PLACES]]
    return (Points(tuple(lines)),)


# ---------------------------------------------------------------------------------------------- the rest


def _unknown(talk: Talk) -> Sheet:
    blocks: list[Block] = [Heading("What is not known"), Points(talk.unknown)]
    if talk.warnings:
        blocks.append(Banner("unsure", "Where cells are sold outside trials", talk.warnings))
    return Sheet("unknown", "Not known", tuple(blocks))


def _questions(talk: Talk) -> Sheet:
    half = (len(talk.questions) + 1) // 2
    columns: Sequence[tuple[str, ...]] = (talk.questions[:half], talk.questions[half:])
    blocks = (Heading("Questions to ask"), Columns(tuple((Points(tuple(c), "boxes"),) for c in columns if c)))
    return Sheet("questions", "Questions", blocks)


def _sources(talk: Talk) -> Sheet:
    share = f"{talk.assumed} of {talk.numbers} numbers behind this report are assumptions, not measurements."
    blocks: list[Block] = [Heading("Sources, and how many numbers are assumptions")]
    if talk.numbers:
        blocks += [
            Words(share, "lead"),
            Columns(((Picture(signs.counted(talk.numbers - talk.assumed, talk.assumed)),), ())),
        ]
    blocks += [Points(talk.notes, "small")] if talk.notes else []
    told = tuple(f"[{key}] {reference(key)}" for key in talk.sources)
    half = (len(told) + 1) // 2
    both = Columns((((Points(told[:half], "tiny"),)), (Points(told[half:], "tiny"),)))
    blocks.append(Folded(f"{len(told)} sources", (both,)))
    return Sheet("sources", "Sources", tuple(blocks))
