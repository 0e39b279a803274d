"""One endpoint of a trial, arm by arm against the control: the analysis that the protocol names, on arrays.

What: `compared` hands scores under their strategies to `statistics` and gives a `Found` for each arm that is held
against the control (for a trial of one arm, its change from the start); `reference` says which arm that is.
Equations: none of its own. ancova, mmrm: `longitudinal`, adjusted for the start and for the strata of the allocation;
responder: `responders`, adjusted likewise; difference: Welch, or Newcombe with the score test; survival: Cox, and the
log-rank test stratified; where an arm has no event, Cox by Firth's penalty. With a margin, the null is a difference of
that much.
Reads: `estimands.Seen`. Writes: nothing.
Why this holds: what cannot be analysed has a sentence in place of a number, and the rest of the trial is analysed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from pulposus.errors import InputError
from pulposus.statistics import estimate, longitudinal, responders, survival
from pulposus.statistics.estimate import Estimate
from pulposus.trials.estimands import Seen, answered, at, at_last, handled, pain_of, reads, strategies, timed, wanted
from pulposus.trials.protocol import RESPONDER

if TYPE_CHECKING:
    from pulposus.trials.protocol import Endpoint, Protocol

ALPHA = 0.05  # maths: customary two-sided error where a protocol names none
FEWEST = 8  # maths: persons of a stratum below which it is put with others, lest it parts them
POINTS, SHARE, HAZARD = "points", "share", "hazard ratio"
_NOTHING = Estimate(math.nan, math.nan, math.nan, "")


@dataclass(frozen=True)
class Found:
    """What was found of one endpoint in one arm against another: both values, their difference, and its p.

    `value`: an adjusted mean, or a share, of the arm and of the control. `scale` says what the difference is. `note`:
    why it could not be analysed, or what else is to be known. `adjusted`: p after multiplicity; nan where none is.
    `null`: the difference that p is held against.
    """

    endpoint: str
    variable: str
    month: float
    role: str
    order: int
    analysis: str
    arm: str
    control: str
    persons: tuple[int, int]
    value: tuple[float, float]
    difference: Estimate
    error: float
    p: float
    scale: str
    alpha: float
    adjusted: float = math.nan
    note: str = ""
    null: float = 0.0

    @property
    def shown(self) -> bool:
        """Whether the difference is told from the null, after multiplicity where that applies."""
        judged = self.p if math.isnan(self.adjusted) else self.adjusted
        return bool(judged <= self.alpha)


@dataclass(frozen=True)
class Asked:
    """An endpoint ready to be judged: persons, and what is asked of them under the strategies.

    `values`: scores at visits (person, visit); or answers 0, 1, nan (person,); or times and kinds of event (person,).
    """

    seen: Seen
    endpoint: Endpoint
    protocol: Protocol
    values: tuple[np.ndarray, ...]

    def only(self, keep: np.ndarray | slice) -> Asked:
        """Some persons."""
        return replace(self, seen=self.seen.only(keep), values=tuple(value[keep] for value in self.values))

    def joined(self, later: Asked) -> Asked:
        """With people who entered later, asked the same."""
        values = (np.concatenate(pair) for pair in zip(self.values, later.values, strict=True))
        return replace(self, seen=self.seen.joined(later.seen), values=tuple(values))

    @property
    def actives(self) -> list[str]:
        """Arms that are held against the control; the only arm of a trial of one."""
        return self.protocol.actives or [self.protocol.control.name]


def asked(seen: Seen, endpoint: Endpoint, protocol: Protocol, plan: Mapping[str, str] | None = None) -> Asked:
    """What an endpoint asks of persons, those left out who could not be computed."""
    plan, seen = strategies(protocol) if plan is None else plan, seen.analysed(wanted(endpoint, protocol))
    if endpoint.kind == "time":
        return Asked(seen, endpoint, protocol, timed(seen, endpoint, plan))
    if endpoint.kind == "binary":
        return Asked(seen, endpoint, protocol, (at_last(seen, answered(seen, endpoint, protocol, plan), endpoint),))
    return Asked(seen, endpoint, protocol, (handled(seen, endpoint.variable, plan)[0],))


def judged(one: Asked) -> list[Found]:
    """Every active arm against the control; one with its start in a trial of one arm. A sentence where it cannot be."""
    end, control = one.endpoint, one.protocol.control.name
    judges = {"time": _survival, "binary": _binary, "continuous": _continuous}
    try:
        found = judges[end.kind](one, control)
    except InputError as problem:
        return [_refused(end, arm, control, str(problem)) for arm in one.actives]
    return [_beyond(each, end.margin) if end.margin and each.null != end.margin else each for each in found]


def compared(seen: Seen, endpoint: Endpoint, protocol: Protocol, plan: Mapping[str, str] | None = None) -> list[Found]:
    """`judged` of what is `asked`; a sentence for a score that the trial has not."""
    try:
        return judged(asked(seen, endpoint, protocol, plan))
    except InputError as problem:
        control = protocol.control.name
        arms = protocol.actives or [control]
        return [_refused(endpoint, arm, control, str(problem)) for arm in arms]


def _found(endpoint: Endpoint, arm: str, control: str, scale: str, **told: object) -> Found:
    values: dict[str, object] = {
        "persons": (0, 0),
        "value": (math.nan, math.nan),
        "difference": _NOTHING,
        "error": math.nan,
        "p": math.nan,
        **told,
    }
    alpha = ALPHA if endpoint.alpha is None else endpoint.alpha
    first = (endpoint.name, endpoint.variable, endpoint.month, endpoint.role, endpoint.order, endpoint.analysis)
    values.setdefault("null", 1.0 if scale == HAZARD else 0.0)
    return Found(*first, arm, control, scale=scale, alpha=alpha, **values)  # type: ignore[arg-type]


def _refused(endpoint: Endpoint, arm: str, control: str, note: str) -> Found:
    scale = {"binary": SHARE, "time": HAZARD}.get(endpoint.kind, POINTS)
    return _found(endpoint, arm, control, scale, note=note)


def _each(one: Asked, judge: Callable[[str], Found]) -> list[Found]:
    """Every active arm by itself: one that cannot be analysed has its sentence, and takes no other with it."""
    found = list[Found]()
    for arm in one.actives:
        try:
            found.append(judge(arm))
        except InputError as problem:
            found.append(_refused(one.endpoint, arm, one.protocol.control.name, str(problem)))
    return found


def _beyond(found: Found, margin: float) -> Found:
    """The same against a null of `margin`: normal, from the estimate and its standard error (of a hazard ratio, both
    as logarithms).
    """
    if not found.error > 0:
        return found
    gap = found.difference.value - margin
    if found.scale == HAZARD:
        gap = math.log(found.difference.value / margin)
    note = f"{found.note + ' ' if found.note else ''}Held against a difference of {margin:g}."
    return replace(found, p=estimate.two_sided(gap / found.error), note=note, null=margin)


def covariates(seen: Seen, *starts: np.ndarray) -> np.ndarray | None:
    """Starts, and a column of 0 and 1 for each stratum but the largest (person, column); None where there is nothing.

    Strata of fewer than a handful of persons are put with the largest.
    """
    columns = [np.asarray(start, float) for start in starts]
    for labels in seen.strata.values():
        names, code, count = np.unique(labels.astype(str), return_inverse=True, return_counts=True)
        columns += [(code == i).astype(float) for i in range(len(names)) if i != count.argmax() and count[i] >= FEWEST]
    kept = [one for one in columns if np.ptp(one) > 0]
    return np.column_stack(kept) if kept else None


def level(endpoint: Endpoint) -> float:
    """Confidence that goes with the endpoint's error."""
    return 1 - (ALPHA if endpoint.alpha is None else endpoint.alpha)


# ---------------------------------------------------------------------------------------------- continuous


def _continuous(one: Asked, control: str) -> list[Found]:
    seen, end, (values,) = one.seen, one.endpoint, one.values
    place, start = at(seen.months, end.month), seen.start[end.variable]
    if not one.protocol.controlled:
        return [_change(values[:, place] - start, end, control)]
    if end.analysis == "mmrm":
        return _each(one, _repeated(seen, values, np.isfinite(start), end, control))
    return _each(one, continuous(seen, values[:, place], start, end, control))


def continuous(
    seen: Seen, value: np.ndarray, start: np.ndarray, endpoint: Endpoint, control: str
) -> Callable[[str], Found]:
    """What judges an arm by scores of one visit (person,), those with nan left out: analysis of covariance of all arms
    at once, or Welch's test of the arm and the control. It raises InputError for an arm that nobody with a score is in.
    """
    keep = np.isfinite(value) & np.isfinite(start)
    kept, y, b = seen.only(keep), value[keep], start[keep]
    if endpoint.analysis == "difference":
        return lambda arm: _changed(kept.arm, y - b, endpoint, arm, control)
    fit = longitudinal.ancova(y, kept.arm, b, covariates(kept), control, level(endpoint))
    return lambda arm: _told(endpoint, fit.differences, arm, control, fit.means, kept.arm)


def _changed(arms: np.ndarray, change: np.ndarray, endpoint: Endpoint, arm: str, control: str) -> Found:
    _scored(arms, endpoint, arm, control)
    one, two = change[arms == arm], change[arms == control]
    found, p = estimate.welch(one, two, level(endpoint))
    error = math.sqrt(one.var(ddof=1) / one.size + two.var(ddof=1) / two.size)
    told = {"persons": (one.size, two.size), "value": (float(one.mean()), float(two.mean()))}
    return _found(endpoint, arm, control, POINTS, difference=found, error=error, p=p, **told)


def _scored(there: Collection[str] | np.ndarray, endpoint: Endpoint, arm: str, control: str) -> None:
    """Refuse an arm, or a control, that is not among those with scores."""
    for name in (control, arm):
        if name not in there:
            raise InputError(f"Nobody in {name!r} has a score at month {endpoint.month:g}.")


def _told(
    endpoint: Endpoint,
    gaps: Sequence[longitudinal.Mean],
    arm: str,
    control: str,
    means: Sequence[longitudinal.Mean],
    arms: np.ndarray,
) -> Found:
    """One arm of a fit. Raises InputError where nobody with a score is in it, or in the control."""
    value = {mean.name: mean.estimate.value for mean in means}
    _scored(value, endpoint, arm, control)
    gap = next(one for one in gaps if one.name == f"{arm} - {control}")
    return _found(
        endpoint,
        arm,
        control,
        POINTS,
        persons=(int((arms == arm).sum()), int((arms == control).sum())),
        value=(value[arm], value[control]),
        difference=gap.estimate,
        error=gap.error,
        p=gap.p,
    )


def _repeated(
    seen: Seen, values: np.ndarray, known: np.ndarray, endpoint: Endpoint, control: str
) -> Callable[[str], Found]:
    """What judges an arm by every visit up to the month asked; who has no start is left out."""
    visits = np.flatnonzero(seen.months <= endpoint.month)
    start = seen.start[endpoint.variable]
    person, place = np.nonzero(np.isfinite(values[:, visits]) & known[:, None])
    others = covariates(seen)
    fit = longitudinal.repeated_measures(
        values[person, visits[place]],
        person,
        place,
        seen.arm[person],
        start[person],
        None if others is None else others[person],
        control,
        freedom="Kenward-Roger",
        level=level(endpoint),
    )
    last, arms = str(visits.size - 1), seen.arm[np.unique(person)]
    gaps, means = ([one for one in each if one.visit == last] for each in (fit.differences, fit.means))
    return lambda arm: _told(endpoint, gaps, arm, control, means, arms)


def _change(change: np.ndarray, endpoint: Endpoint, arm: str) -> Found:
    """Change from the start of a trial of one arm."""
    kept = change[np.isfinite(change)]
    mean = estimate.mean(kept, level(endpoint))
    error = float(kept.std(ddof=1)) / math.sqrt(kept.size)
    p = estimate.two_sided(mean.value / error, kept.size - 1) if error > 0 else math.nan
    told = {"persons": (kept.size, 0), "value": (mean.value, math.nan), "difference": mean, "error": error, "p": p}
    return _found(endpoint, arm, "", POINTS, note=ALONE, **told)


CUT = "The interval is cut at 100 %, beyond which no difference of shares goes."
ALONE = "One arm: a change from the start, which says nothing of what the treatment did."


# ---------------------------------------------------------------------------------------------- shares


def _binary(one: Asked, control: str) -> list[Found]:
    seen, end, (response,) = one.seen, one.endpoint, one.values
    if not one.protocol.controlled:
        kept = response[np.isfinite(response)]
        share = estimate.wilson(int(kept.sum()), kept.size, level(end))
        told = {"persons": (kept.size, 0), "value": (share.value, math.nan), "difference": share}
        return [_found(end, control, "", SHARE, note=ALONE, **told)]
    wanted = reads(end.rule, one.protocol) if end.variable == RESPONDER else (pain_of(one.protocol),)
    starts = [seen.start[name] for name in wanted if name in seen.start]
    return _each(one, lambda arm: binary(seen, response, starts, end, arm, control))


def binary(
    seen: Seen, response: np.ndarray, starts: list[np.ndarray], endpoint: Endpoint, arm: str, control: str
) -> Found:
    """Responses (person,) of one arm against the control, nan left out; adjusted for starts where `responder`."""
    keep = np.isfinite(response) & np.isin(seen.arm, [arm, control])
    if endpoint.analysis == "responder" and starts:
        keep &= np.all([np.isfinite(start) for start in starts], axis=0)
    kept, y = seen.only(keep), response[keep]
    of = [(int(y[kept.arm == name].sum()), int((kept.arm == name).sum())) for name in (arm, control)]
    if empty := [repr(name) for name, (_, n) in zip((arm, control), of, strict=True) if n == 0]:
        raise InputError(f"Nobody in {' or in '.join(empty)} has an answer at month {endpoint.month:g}.")
    persons, shares = (of[0][1], of[1][1]), (of[0][0] / of[0][1], of[1][0] / of[1][1])
    note = ""
    if endpoint.analysis == "responder":
        others = covariates(kept, *(start[keep] for start in starts))
        try:
            fit = responders.adjusted_difference(y, kept.arm, arm, control, others, level(endpoint), small=True)
            gap = fit.difference
            note = CUT if 1.0 in (-gap.low, gap.high) else ""
            told = {"value": fit.shares, "difference": gap, "error": fit.error, "p": fit.p, "note": note}
            return _found(endpoint, arm, control, SHARE, persons=persons, **told)
        except InputError as problem:
            note = f"Not adjusted: {problem}"
    gap, p = estimate.newcombe(*of[0], *of[1], level(endpoint)), estimate.score_test(*of[0], *of[1])
    error = math.sqrt(sum(s * (1 - s) / n for s, n in zip(shares, persons, strict=True)))
    told = {"value": shares, "difference": gap, "error": error, "p": p, "note": note}
    return _found(endpoint, arm, control, SHARE, persons=persons, **told)


# ---------------------------------------------------------------------------------------------- times


def _survival(one: Asked, control: str) -> list[Found]:
    seen, end, (time, event) = one.seen, one.endpoint, one.values
    if not one.protocol.controlled:
        share = _had(time, event, end.month)
        told = {"persons": (seen.size, 0), "value": (share.value, math.nan), "difference": share}
        return [_found(end, control, "", SHARE, note=ALONE, **told)]
    return _each(one, lambda arm: _hazards(one, arm, control))


def _hazards(one: Asked, arm: str, control: str) -> Found:
    """Hazard ratio with its interval, log-rank p, and the share who had the event by the month (Aalen-Johansen).

    Where an arm has no event the likelihood has no top: Firth's penalty gives the ratio, its profile the interval and
    what is held against a margin.
    """
    seen, end, (time, event) = one.seen, one.endpoint, one.values
    shares = [_had(time[seen.arm == name], event[seen.arm == name], end.month) for name in (arm, control)]
    keep = np.isin(seen.arm, [arm, control])
    t, e, arms, kept = time[keep], event[keep], seen.arm[keep], seen.only(keep)
    if not (e == 1).any():
        who = f"Nobody in {arm!r} or in {control!r}"
        raise InputError(f"{who} had the event by month {end.month:g}; no hazard can be told from the other.")
    labels = list(zip(*(label.astype(str) for label in kept.strata.values()), strict=True))
    strata = ["|".join(each) for each in labels] if labels else None
    told: dict[str, object] = {
        "persons": (int((arms == arm).sum()), int((arms == control).sum())),
        "value": (shares[0].value, shares[1].value),
        "p": survival.log_rank(t, e, arms, strata).p,
    }
    note = f"p of the log-rank test{', stratified' if strata else ''}"
    treated = (arms == arm).astype(float)
    try:
        ratio = survival.hazard_ratio(t, e, treated, level(end))
    except survival.Parted:
        ratio = firth = survival.penalised_ratio(t, e, treated, level(end))
        none = [name for name in (arm, control) if not (e[arms == name] == 1).any()]
        why = f"nobody in {none[0]!r} had the event" if none else "all events of an arm come before those of the other"
        note += f"; {why}, so that the hazard ratio is by Firth's penalty, its interval by the penalised profile"
        if end.margin:
            told |= {"p": firth.held(0, end.margin), "null": end.margin}
            note = f"p of the penalised likelihood ratio, held against {end.margin:g}; {note.partition('; ')[2]}"
    told |= {"difference": ratio.ratios[0], "error": float(ratio.error[0]), "note": f"{note}."}
    return _found(end, arm, control, HAZARD, **told)


def _had(time: np.ndarray, event: np.ndarray, month: float) -> Estimate:
    if not (event == 1).any():
        return Estimate(0.0, 0.0, 0.0, "no event")
    return survival.aalen_johansen(time, event)[1].at(month)
