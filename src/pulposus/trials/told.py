"""What a trial says, in words: one sentence an answer, and all that its page shows.

What: `sentence` puts a `Found` into one sentence with its uncertainty; `told` makes the page's words and tables from an
analysis. Equations: none. Reads: an analysis; the evidence for sources. Writes: nothing.
Why this holds: an answer says the difference, its interval and its p, whether or not it was shown.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from pulposus import evidence
from pulposus.report.trial import Told
from pulposus.trials.compared import HAZARD, SHARE, Found
from pulposus.trials.estimands import strategies
from pulposus.trials.variables import better, title, unit

HUNDRED = 100  # maths: a share in percent
_SMALL = 0.001  # maths: a p below which it is printed so
_KINDS = {
    "ancova": "analysis of covariance, adjusted for the start and the strata of allocation",
    "mmrm": "repeated measures (MMRM, unstructured, Kenward-Roger), adjusted for the start and the strata",
    "responder": "logistic, standardised, adjusted for starts and strata",
    "survival": "log-rank test, hazard ratio by Cox, by Firth's penalty where an arm has no event",
    "difference": "not adjusted",
}
_STRATEGIES = {
    "treatment_policy": "as seen, whatever came between",
    "composite": "counts as no response (a score as at the start)",
    "hypothetical": "as if it had not come: scores after it are left open",
    "while_on_treatment": "the last score before it stands",
}


def sentence(found: Found) -> str:
    """What was found of one endpoint, in one sentence with its uncertainty."""
    what = f"{title(found.variable)} at month {found.month:g}"
    if math.isnan(found.difference.value):
        return f"{found.endpoint} ({what}), {found.arm}: could not be analysed. {found.note}"
    if not found.control:
        return f"{found.endpoint} ({what}): {value(found.difference.value, found)} ({span(found)}). {found.note}"
    first, second = (value(one, found) for one in found.value)
    gap = f"difference {value(found.difference.value, found, True)}"
    if found.scale == HAZARD:
        gap = f"hazard ratio {found.difference.value:.2f}"
    verdict = "a difference was shown" if found.shown else "no difference was shown"
    if found.shown:
        more = (found.difference.value > found.null) == (better(found.variable) == "higher")
        verdict = f"{found.arm} did {'better' if more else 'worse'}"
        if found.null != (1.0 if found.scale == HAZARD else 0.0):
            verdict += f" than a difference of {found.null:g}"
    share = f"{HUNDRED * (1 - found.alpha):.3g} %"
    alone = math.isnan(found.adjusted) or found.adjusted == found.p
    held = "" if alone else f" ({p_words(found.adjusted)} after multiplicity)"
    return (
        f"{found.endpoint} ({what}): {found.arm} {first} against {found.control} {second}; {gap} "
        f"({share} interval {span(found)}), {p_words(found.p)}{held}: {verdict}."
    )


def stopped(looks: Sequence[Any]) -> list[str]:
    """On the first look before the end at which the trial would have stopped, in a sentence; nothing if none."""
    for one in looks:
        if one.share < 1 and one.stops:
            of, shared = f"of {one.arm} " if one.arm else "", ""
            if not math.isnan(one.shared):
                shared = f" ({one.shared:.2f} after what all comparisons share)"
            return [
                f"At the look at {HUNDRED * one.share:g} % of the information ({one.persons} persons) Z {of}was "
                f"{one.z:.2f}{shared}, beyond {one.critical:.2f}: the trial would have stopped there; what follows is "
                "of everybody, had it gone on."
            ]
    return []


def unchanged(table: Any) -> list[str]:
    """Of a protocol whose look may drop arms or tell the size anew: that a trial conducted here goes on as planned."""
    if not table.changes:
        return []
    what = "drop arms" if table.drop else "let the trial grow"
    return [
        f"The protocol lets its look {what}; here everybody went on as planned, and the end is judged with the error "
        "that the look left (`pulposus trial power` runs the trial as the look makes it)."
    ]


def dosed(chosen: Any, difference: float) -> str:
    """On the dose-response of a trial (`dosefinding.Chosen`; None where an arm could not be analysed): whether there is
    one, and the least dose that does what is asked.
    """
    if chosen is None:
        return "Dose-response: could not be judged, because an arm could not be analysed."
    test, first = chosen.test, int(chosen.test.t.argmax())
    verdict = "the answer changes with the dose" if test.shown else "no change with the dose was shown"
    said = (
        f"Dose-response (MCP-Mod, one side, {HUNDRED * test.alpha:g} %): the largest t is {test.t[first]:.2f} "
        f"({test.shapes[first].name}), {test.critical:.2f} is asked for, {p_words(float(test.p[first]))}: {verdict}."
    )
    if not test.shown:
        return said
    if math.isnan(chosen.dose):
        return f"{said} No dose up to the highest does {difference:g} better (curve {chosen.best.kind})."
    return f"{said} The least dose that does {difference:g} better is {chosen.dose:.3g} (curve {chosen.best.kind})."


def p_words(p: float) -> str:
    """A p as it is printed."""
    return "p not known" if math.isnan(p) else f"p = {p:.3f}" if p >= _SMALL else "p < 0.001"


def value(number: float, found: Found, signed: bool = False) -> str:
    """A value of an endpoint with its unit; a share in percent."""
    if found.scale in (SHARE, HAZARD):
        return f"{HUNDRED * number:{'+' if signed else ''}.1f} %"
    return f"{number:{'+' if signed else ''}.{_digits(found.variable)}f} {unit(found.variable)}"


def _digits(variable: str) -> int:
    """Two decimals where a unit is large, one of scores of a hundred points."""
    return 2 if variable in ("eq5d", "height", "pfirrmann", "pgic") or variable.startswith("nrs") else 1


def span(found: Found, scale: str = "") -> str:
    """The interval of a difference."""
    factor = HUNDRED if (scale or found.scale) == SHARE else 1
    digits = 1 if factor == HUNDRED else 2 if found.scale == HAZARD else _digits(found.variable)
    return f"{factor * found.difference.low:.{digits}f} to {factor * found.difference.high:.{digits}f}"


# ---------------------------------------------------------------------------------------------- the page


def told(analysis: Any) -> Told:
    """All that the page of a trial shows (`analysis.Analysis`)."""
    protocol = analysis.protocol
    trial = protocol.trial
    first = analysis.primary[0]
    notes = [f"{one.endpoint}, {one.arm}: {one.note}" for one in analysis.endpoints if one.note]
    return Told(
        trial.title or trial.name,
        f"{trial.name} · a simulated trial · phase {trial.phase or 'not said'}",
        analysis.answers,
        _asked(analysis),
        analysis.screened,
        analysis.flow.to_dict("records"),
        *_pictures(analysis, first),
        _tables(analysis),
        analysis.tipping,
        list(dict.fromkeys(notes)),
        _assumed(analysis),
        _sources(protocol),
        _beside(analysis, first),
    )


def _pictures(analysis: Any, first: Found) -> tuple[bytes, bytes]:
    """Curves and forest as PNG; nothing where there is nothing to draw."""
    import tempfile
    from pathlib import Path

    from pulposus.figures import trial

    protocol, hazard = analysis.protocol, first.scale == HAZARD
    labels = {SHARE: "difference, % of persons", HAZARD: "hazard ratio"}
    label = labels.get(first.scale, f"difference, {unit(first.variable)}")
    which = "arm" if len(_whole(analysis, first)) > 1 else first.arm
    label = label if hazard else f"{label}, {which} less {first.control}"
    titles = {end.name: _curve_title(end) for end in protocol.endpoints}
    with tempfile.TemporaryDirectory() as folder:
        place, arms = Path(folder), [arm.name for arm in protocol.arms]
        made = (
            trial.write_curves(place / "curves.png", _drawn(analysis), titles, arms),
            trial.write_forest(place / "forest.png", _forest(analysis, first), label, 1.0 if hazard else 0.0),
        )
        curves, forest = (b"" if path is None else path.read_bytes() for path in made)
    return curves, forest


def _curve_title(end: Any) -> str:
    binary = end.kind == "binary"
    return f"{title(end.variable)}, {'%' if binary else unit(end.variable)}"


def _drawn(analysis: Any) -> Any:
    """Curves with shares in percent."""
    kinds = {end.name: end.kind for end in analysis.protocol.endpoints}
    rows = analysis.curves.copy()
    factor = rows["endpoint"].map(lambda name: HUNDRED if kinds[name] == "binary" else 1)
    for column in ("value", "low", "high"):
        rows[column] = rows[column] * factor
    return rows


def _asked(analysis: Any) -> list[tuple[str, str]]:
    protocol = analysis.protocol
    trial, table = protocol.trial, protocol.interim
    done = [", ".join(map(str, arm.inject)) or arm.procedure for arm in protocol.arms]
    arms = "; ".join(f"{arm.name}: {arm.size}, {words}" for arm, words in zip(protocol.arms, done, strict=True))
    people = f"{trial.population} pain of the {trial.region} spine"
    people += f", criteria {trial.criteria}" if trial.criteria else ""
    people += "".join(f", {_criterion(one)}" for one in protocol.criteria)
    plan = strategies(protocol)
    ends = "; ".join(
        f"{end.name}: {title(end.variable)}{f' ({end.rule})' if end.rule else ''} at month {end.month:g}, "
        f"{_KINDS[end.analysis]}"
        for end in protocol.primaries
    )
    rows = [
        ("People", people),
        ("Arms", arms),
        ("Blinding", trial.blinding),
        ("Primary", ends),
        ("What comes between", "; ".join(f"{name}: {_STRATEGIES[how]}" for name, how in plan.items())),
        (
            "Several hypotheses",
            "primaries first, then secondaries in their order, each family by Holm, each gate open when all before "
            "have fallen",
        ),
    ]
    if analysis.looks:
        looks = ", ".join(dict.fromkeys(f"{HUNDRED * one.share:g} %" for one in analysis.looks))
        spent = table.spending.replace("_", " ")
        shared = "; each comparison spends its own share of it" if len(analysis.primary) > 1 else ""
        rows.append(("Looks", f"at {looks} of the information, {spent}, error {table.alpha:g}{shared}"))
    rows.append(("Seed", f"{analysis.seed}"))
    return rows


def _criterion(one: Any) -> str:
    said = [one.column.replace("_", " ")]
    said += [f"at least {one.at_least:g}"] if one.at_least is not None else []
    said += [f"at most {one.at_most:g}"] if one.at_most is not None else []
    said += [" or ".join(map(str, one.one_of))] if one.one_of else []
    return " ".join(said)


def _whole(analysis: Any, first: Found) -> list[Found]:
    """What was found of the first primary endpoint in every arm that is held against the control."""
    return [one for one in analysis.primary if one.endpoint == first.endpoint]


def _forest(analysis: Any, first: Found) -> list[dict[str, Any]]:
    """Every arm against the control: everybody, then kinds of persons; arms are named where there are several."""
    factor, rows, whole = HUNDRED if first.scale == SHARE else 1, list[dict[str, Any]](), _whole(analysis, first)
    for found in whole:
        name = f"{found.arm}: " if len(whole) > 1 else ""
        rows.append(_line(f"{name}everybody", found, factor) | {"whole": True})
        for one in analysis.subgroups:
            if one.endpoint == found.endpoint and one.arm == found.arm:
                rows.append(_line(f"{name}{one.kind}", one, factor) | {"whole": False})
    return rows


def _line(words: str, one: Any, factor: float) -> dict[str, Any]:
    gap, number = one.difference, one.persons
    return {
        "words": f"{words} ({number[0]}, {number[1]})" if sum(number) else words,
        "value": factor * gap.value,
        "low": factor * gap.low,
        "high": factor * gap.high,
        "persons": number,
        "note": f"Not analysed. {one.note}" if math.isnan(gap.value) else "",
    }


def _beside(analysis: Any, first: Found) -> list[str]:
    """What is to be known of kinds of persons in the forest, a line for each reason: not analysed, or how."""
    said: dict[str, list[str]] = {}
    for one in analysis.subgroups:
        if one.endpoint == first.endpoint and one.note:
            words = f"not analysed. {one.note}" if math.isnan(one.difference.value) else one.note
            said.setdefault(words, []).append(f"{one.arm}, {one.kind}")
    return [f"{'; '.join(who)}: {words}" for words, who in said.items()]


Rows = tuple[Sequence[str], Sequence[Sequence[Any]]]


def _tables(analysis: Any) -> dict[str, Rows]:
    return {
        "baseline": (["", *analysis.baseline.columns[1:]], analysis.baseline.to_numpy().tolist()),
        "failures": (["person", "arm", "why nothing was computed"], analysis.failures.to_numpy().tolist()),
        "endpoints": _endpoints(analysis.endpoints),
        "sensitivity": _sensitivity(analysis),
        "subgroups": _subgroups(analysis),
        "looks": _looks(analysis),
        "safety": _safety(analysis),
    }


def _endpoints(found: Sequence[Found]) -> Rows:
    heads = ["endpoint", "what", "arm (persons)", "control (persons)", "arm", "control", "difference", "interval"]
    heads += ["p", "adjusted", ""]
    rows = []
    for one in found:
        known = not math.isnan(one.difference.value)
        gap = f"HR {one.difference.value:.2f}" if one.scale == HAZARD else value(one.difference.value, one, True)
        rows.append(
            [
                f"{one.endpoint} ({one.role})",
                f"{title(one.variable)}, month {one.month:g}",
                f"{one.arm} ({one.persons[0]})",
                f"{one.control} ({one.persons[1]})" if one.control else "none",
                value(one.value[0], one) if known else "",
                value(one.value[1], one) if known and one.control else "",
                gap if known else "not analysed",
                span(one) if known else "",
                p_words(one.p).removeprefix("p ").removeprefix("= "),
                "" if math.isnan(one.adjusted) else p_words(one.adjusted).removeprefix("p ").removeprefix("= "),
                "✓ shown" if one.shown else "not shown",
            ]
        )
    return heads, rows


def _sensitivity(analysis: Any) -> Rows:
    scales = {one.endpoint: one for one in analysis.endpoints}
    rows = []
    for one in analysis.sensitivity:
        like = scales[one.endpoint]
        factor, digits = (HUNDRED, 1) if like.scale == SHARE else (1, _digits(like.variable))
        gap = one.difference
        low, high = (f"{factor * end:.{digits}f}" for end in (gap.low, gap.high))
        said = one.note or f"{factor * gap.value:+.{digits}f} ({low} to {high})"
        open_ = "" if math.isnan(one.unseen) else f"{HUNDRED * one.unseen:.0f} %"
        rows.append([one.endpoint, one.arm, one.assumption, open_, said, p_words(one.p)])
    return ["endpoint", "arm", "assumption", "last score open", "difference", "p"], rows


def _subgroups(analysis: Any) -> Rows:
    rows, done = [], set()
    for one in analysis.subgroups:
        key = (one.endpoint, one.arm, one.column)
        if key not in done:
            done.add(key)
            rows.append([one.endpoint, one.arm, one.column, p_words(one.p)])
    return ["endpoint", "arm", "kind of persons", "interaction"], rows


def _looks(analysis: Any) -> Rows:
    """A row for each look and primary comparison; what all share stands beside Z where there are several."""
    several = any(not math.isnan(one.shared) for one in analysis.looks)
    rows = []
    for one in analysis.looks:
        z = [round(one.z, 2), *([round(one.shared, 2)] if several else [])]
        told = [f"{HUNDRED * one.share:.0f} %", one.persons, one.endpoint, one.arm]
        rows.append([*told, *z, round(one.critical, 2), _STOPS[one.stops]])
    heads = ["Z", *(["Z, shared"] if several else [])]
    return ["information", "persons", "endpoint", "arm", *heads, "critical", ""], rows


_STOPS = {True: "✓ stops", False: "goes on"}


def _safety(analysis: Any) -> Rows:
    """A row for each event, two columns for each arm: persons (share, its interval)."""
    arms = [arm.name for arm in analysis.protocol.arms]
    table = analysis.safety
    rows = []
    for event in dict.fromkeys(table["event"]):
        row: list[Any] = [event.replace("_", " ")]
        for arm in arms:
            own = table[(table["event"] == event) & (table["arm"] == arm)]
            if not len(own):
                row.append("")
                continue
            one = own.iloc[0]
            low, high = HUNDRED * one.low, HUNDRED * one.high
            row.append(f"{one.persons} of {one.of}: {HUNDRED * one.share:.0f} % ({low:.0f} to {high:.0f})")
        rows.append(row)
    return ["persons with", *arms], rows


def _assumed(analysis: Any) -> list[str]:
    said = [
        "Nobody was treated: people, discs, scores and events are those of a model, and one trial is one draw of what "
        "published trials leave possible.",
        "Whether a change of the disc changes pain is an assumption; unless it is switched on, scores follow what "
        "trials found, not the disc.",
        "What comes between (rescue, surgery, leaving) happens at rates of the evidence, some of them assumed.",
    ]
    failed = int(analysis.flow["not computed"].sum())
    if failed:
        said.append(f"{failed} persons could not be computed; they are counted in the flow and left out of estimates.")
    return said


def _sources(protocol: Any) -> list[str]:
    if not protocol.trial.source:
        return []
    return [str(evidence.reference(protocol.trial.source))]

