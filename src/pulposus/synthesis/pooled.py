"""The answer to a question: pooled, or all treatments at once, in numbers and in one sentence.

What: `answer` pools the studies that `gather` finds (`statistics.meta`), or compares all treatments at once
(`statistics.network`), sets single arms beside the controls with their warning, looks for small-study effects, and says
it in one sentence with where a next trial would lie.
Equations: those of `statistics.effect`, `meta` and `network`.
Reads: `gather`, ``evidence/risk_of_bias.csv``. Writes: nothing.
Why this holds: what must be read with a pool (outcomes that differ, second hand, risk of bias, few studies) goes along.
Source: Higgins and others 2019 (Cochrane handbook, chapter 10); Viechtbauer 2010; Sterne and others 2011.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pulposus.errors import InputError
from pulposus.evidence import questions as asked
from pulposus.evidence.questions import Printed, Question
from pulposus.statistics import effect, given, meta, network
from pulposus.statistics.effect import Effects
from pulposus.statistics.given import LEVEL
from pulposus.statistics.meta import Asymmetry, Pooled
from pulposus.statistics.network import Bridge, Designs, Network, Split
from pulposus.synthesis.studies import TIER, WIDE, Left, Study, gather, named

if TYPE_CHECKING:
    import pandas as pd

MODELS = ("REML", "DL", "PM", "fixed")
_FEW = 3  # maths: fewest studies for Egger's test, for leaving one out, and for controls of a bridge
_WEAK = 10  # maths: studies below which a test of asymmetry hardly finds anything (Sterne 2011)
RATIOS = ("RR", "OR")
SCALES = {
    "RD": "risk difference",
    "RR": "risk ratio",
    "OR": "odds ratio",
    "MD": "mean difference, points of 100",
}


class Beside(NamedTuple):
    """A single arm set beside the controls of the trials."""

    study: str
    months: float
    outcome: str
    share: float
    total: float
    bridge: Bridge


@dataclass(frozen=True)
class Answer:
    """What the studies of a question say. effects: (study,), on the logarithm for ratios. For a network `pooled` is
    None and `net` is not. said: the conclusion in one sentence; warnings: what must be read with it.
    """

    question: Question
    model: str
    studies: tuple[Study, ...]
    left: tuple[Left, ...]
    effects: Effects | None
    pooled: Pooled | None
    asymmetry: Asymmetry | None
    without: tuple[Pooled, ...]
    net: Network | None
    contrasts: network.Contrasts | None
    splits: tuple[Split, ...]
    designs: Designs | None
    bridges: tuple[Beside, ...]
    warnings: tuple[str, ...]
    said: str

    @property
    def ratio(self) -> bool:
        """Whether effects are logarithms of ratios."""
        return self.question.measure in RATIOS

    def natural(self, value: float) -> float:
        """An effect as it is read: ratios as ratios."""
        return math.exp(value) if self.ratio else value

    def table(self) -> pd.DataFrame:
        """A row a study: who, what, when, effect with interval as it is read, weight, tier, risk of bias, source."""
        return _table(self)


def effects(question: Question, studies: Sequence[Study]) -> Effects:
    """Effect and variance of each study, treated less against; ratios on the logarithm."""
    if question.measure == "MD":
        values, variances = [], []
        for one in studies:
            if one.groups:
                a, b = one.groups[:2]
                pair = effect.mean_difference([a.change], [a.sd], [a.total], [b.change], [b.sd], [b.total])
                values.append(float(pair.value[0]))
                variances.append(float(pair.variance[0]))
            else:
                values.append(one.difference)
                variances.append(one.error**2)
        return Effects(np.array(values), np.array(variances), SCALES["MD"])
    cells = [[getattr(one.groups[k], what) for one in studies] for k in (0, 1) for what in ("events", "total")]
    of = {"RD": effect.risk_difference, "RR": effect.log_risk_ratio, "OR": effect.log_odds_ratio}
    return of[question.measure](*cells)


def answer(
    question: Question | str, model: str = "REML", tier: int = TIER, knapp: bool = True, level: float = LEVEL
) -> Answer:
    """The answer to a question (or its name). model: REML, DL or PM (random effects), or fixed.

    knapp: Hartung and Knapp's interval in random effects. Raises InputError for an unknown name or model, and where
    fewer than two studies are left, with what was left out and why.
    """
    chosen = asked.question(question) if isinstance(question, str) else question
    given.one_of(model, MODELS, "The model")
    studies, left, warnings = gather(chosen, tier)
    if len(studies) < 2:
        told = "; ".join(f"{one.study}: {one.why}" for one in left) or "no study was found"
        raise InputError(
            f"{chosen.title} has {len(studies)} usable stud{'y' if len(studies) == 1 else 'ies'}, and pooling needs "
            f"two or more ({told}); ask another question, or take recalled numbers along with --tier 4."
        )
    if chosen.form == "network":
        return _network(chosen, model, studies, left, warnings, level)
    return _pair(chosen, model, studies, left, warnings, knapp, level, tier)


def _options(model: str, knapp: bool, level: float) -> dict[str, Any]:
    if model == "fixed":
        return {"model": "fixed", "level": level}
    return {"model": "random", "tau": model, "knapp": knapp, "level": level}


def _pair(
    question: Question,
    model: str,
    studies: Sequence[Study],
    left: Sequence[Left],
    warnings: Sequence[str],
    knapp: bool,
    level: float,
    tier: int,
) -> Answer:
    found = effects(question, studies)
    options = _options(model, knapp, level)
    pooled = meta.pool(found.value, found.variance, **options)
    many = len(studies) >= _FEW
    asymmetry = meta.egger(found.value, found.variance) if many and np.ptp(found.variance) > 0 else None
    without = tuple(meta.leave_one_out(found.value, found.variance, **options)) if many else ()
    bridges, said = _bridges(question, studies, tier)
    told = [*warnings, *said, *_doubts(question, studies, pooled)]
    made = Answer(
        question, model, tuple(studies), tuple(left), found, pooled, asymmetry, without, None, None, (), None,
        tuple(bridges), tuple(told), "",
    )  # fmt: skip
    return replace(made, said=_sentence(made))


def _doubts(question: Question, studies: Sequence[Study], pooled: Pooled) -> list[str]:
    """What must be read with a pool."""
    said = []
    if len(studies) < _WEAK:
        said.append(f"Egger's test and the funnel see little in {len(studies)} studies (fewer than {_WEAK}).")
    if len({one.outcome for one in studies}) > 1:
        said.append(f"Outcomes differ: {'; '.join(dict.fromkeys(one.outcome for one in studies))}.")
    second = [one.name for one in studies if one.tier > 2]
    if second:
        said.append(f"At second hand or recalled: {', '.join(second)}.")
    biased = [one.name for one in studies if asked.bias(one.name).judgement == "high"]
    if biased:
        said.append(f"High risk of bias: {', '.join(biased)}.")
    if question.note:
        said.append(f"{question.note[0].upper()}{question.note[1:]}.")
    if pooled.model == "random" and "Hartung" in pooled.estimate.method and _narrower(question, studies, pooled):
        said.append(
            "Studies agree more than chance would have it, so Hartung and Knapp's interval is narrower than the normal "
            "one; read the wider (--no-knapp)."
        )
    if len(studies) <= _FEW and pooled.model == "random":
        said.append("With so few studies the spread between them is hardly known, and intervals are wide for that.")
    return said


def _narrower(question: Question, studies: Sequence[Study], pooled: Pooled) -> bool:
    """Whether the interval is narrower than that of a normal with the same weights."""
    found = effects(question, studies)
    plain = math.sqrt(1 / (1 / (found.variance + pooled.tau2.value)).sum())
    return bool(pooled.estimate.high - pooled.estimate.low < WIDE * plain)


def _bridges(question: Question, studies: Sequence[Study], tier: int) -> tuple[list[Beside], list[str]]:
    """Single arms of the same treatment beside the controls of the trials: odds, with the warning that goes along."""
    if question.measure == "MD" or question.region not in ("lumbar", "cervical"):
        return [], []
    controls = [one.groups[1] for one in studies]
    if len(controls) < _FEW:
        return [], []
    base = effect.logit([one.events for one in controls], [one.total for one in controls])
    best: dict[str, Printed] = {}
    for row in asked.printed():
        fits = named(row.arm) in question.treated and not row.arm.controlled and row.arm.region == question.region
        inside = question.since <= row.months <= question.until and row.outcome in question.outcomes
        if fits and inside and not math.isnan(row.events) and row.tier <= tier:
            kept = best.get(row.arm.trial)
            if kept is None or _nearer(question, row) < _nearer(question, kept):
                best[row.arm.trial] = row
    found = []
    for name, row in sorted(best.items()):
        own = effect.logit([row.events], [row.total])
        made = network.bridge(float(own.value[0]), float(own.variance[0]), base.value, base.variance)
        found.append(Beside(name, row.months, row.outcome, row.events / row.total, row.total, made))
    return found, [network.WARNING] if found else []


def _nearer(question: Question, row: Printed) -> tuple[float, int]:
    return abs(row.months - question.at), question.outcomes.index(row.outcome)


def _sentence(answer: Answer) -> str:
    """The conclusion in one sentence, with the prediction interval."""
    question, pooled = answer.question, answer.pooled
    assert pooled is not None
    none = 0.0
    people = sum(one.total for one in answer.studies if not math.isnan(one.total))
    estimate, ahead = pooled.estimate, pooled.prediction
    for_it = estimate.low > none if question.better == "high" else estimate.high < none
    against_it = estimate.high < none if question.better == "high" else estimate.low > none
    verdict = "shows a gain" if for_it else "shows a loss" if against_it else "shows neither gain nor loss"
    told = f"over {len(answer.studies)} studies" + (f" and {people:,.0f} people" if people else "")
    scale = SCALES[question.measure]
    shown = f"{scale} {_ends(answer, estimate)}, {answer.model} {told}, I² {pooled.i2:.0f} %, {verdict}"
    if math.isnan(ahead.low):
        return f"{_head(question)}: {shown}; where the next trial would lie is not said by this model."
    open_ = ahead.low < none < ahead.high
    ends = f"{_number(answer, ahead.low)} and {_number(answer, ahead.high)}"
    next_ = f"the effect in a next trial is foretold between {ends}"
    return f"{_head(question)}: {shown}; {next_}" + (", on either side of no difference." if open_ else ".")


def _head(question: Question) -> str:
    return question.title[0].upper() + question.title[1:]


def _number(answer: Answer, value: float) -> str:
    value = answer.natural(value)
    digits = 1 if answer.question.measure == "MD" else 2
    if answer.question.measure in RATIOS:
        return f"{value:.3g}"
    return f"{value:.{digits}f}".replace("-", "−")


def _ends(answer: Answer, estimate: Any) -> str:
    value, low, high = (_number(answer, part) for part in (estimate.value, estimate.low, estimate.high))
    return f"{value} ({low} to {high})"


# ---------------------------------------------------------------------------------------------- networks


def _network(
    question: Question,
    model: str,
    studies: Sequence[Study],
    left: Sequence[Left],
    warnings: Sequence[str],
    level: float,
) -> Answer:
    """All treatments at once, by log odds of each group."""
    if model not in ("REML", "fixed"):
        raise InputError(f"A network takes REML or fixed, and the model is {model}; leave --model out.")
    rows = [(one.name, group) for one in studies for group in one.groups]
    odds = effect.logit([group.events for _, group in rows], [group.total for _, group in rows])
    data = network.contrasts(
        [name for name, _ in rows], [group.node for _, group in rows], odds.value, odds.variance
    )
    kind = "fixed" if model == "fixed" else "random"
    reference = question.against[0]
    net = network.compare(data, reference, kind)
    splits = tuple(network.split(data, kind, level))
    parts = network.designs(data)
    told = [*warnings, f"{question.note[0].upper()}{question.note[1:]}."]
    if not splits:
        told.append("No pair has a way round it: direct and indirect evidence cannot be held against one another.")
    differing = dict.fromkeys(one.outcome for one in studies)
    told.append(f"Outcomes differ: {'; '.join(differing)}.")
    made = Answer(
        question, model, tuple(studies), tuple(left), None, None, None, (), net, data, splits, parts, (), tuple(told),
        "",
    )  # fmt: skip
    return replace(made, said=_net_sentence(made, level))


def _net_sentence(answer: Answer, level: float) -> str:
    net, question = answer.net, answer.question
    assert net is not None
    ranks = net.ranks(small_is_good=question.better == "low")
    best = max(ranks, key=lambda name: ranks[name])
    found = net.difference(best, net.treatments[0], level)
    spread = math.sqrt(_error(net, best) ** 2 + net.tau2)
    half = WIDE / 2 * spread
    ahead = f"{_number(answer, found.value - half)} to {_number(answer, found.value + half)}"
    shown = "no difference lies inside its interval" if found.low < 0 < found.high else "no difference lies outside it"
    first = _head(question)
    if best == net.treatments[0]:
        return f"{first}: none of the others ranks above {_said(best)} (P-score {ranks[best]:.2f})."
    return (
        f"{first}: {_said(best)} ranks first (P-score {ranks[best]:.2f}), odds ratio to {_said(net.treatments[0])} "
        f"{_ends(answer, found)}, {shown}; in a next trial of the two it is foretold at {ahead}."
    )


def _error(net: Network, name: str) -> float:
    """Standard error of a treatment against the reference."""
    i = net.index(name)
    return math.sqrt(net.covariance[i, i])


def _said(node: str) -> str:
    return {"none": "sham or saline"}.get(node, node.replace("_", " "))


def league(answer: Answer) -> pd.DataFrame:
    """Every treatment of a network against the reference, as it is read, with its P-score. InputError for a pair."""
    import pandas as pd

    if answer.net is None:
        raise InputError(f"{answer.question.name} is no network; ask for one, or read its table.")
    net = answer.net
    ranks = net.ranks(small_is_good=answer.question.better == "low")
    rows = []
    for name in net.treatments:
        found = net.difference(name, net.treatments[0])
        value, low, high = (answer.natural(part) for part in (found.value, found.low, found.high))
        seen = sum(name in {group.node for group in one.groups} for one in answer.studies)
        rows.append(
            {"treatment": _said(name), "against": _said(net.treatments[0]), "effect": value, "low": low, "high": high}
            | {"p_score": ranks[name], "studies": seen}
        )
    return pd.DataFrame(rows)


# ---------------------------------------------------------------------------------------------- tables


def _table(answer: Answer) -> pd.DataFrame:
    import pandas as pd

    rows = []
    for i, one in enumerate(answer.studies):
        row: dict[str, Any] = {"study": one.name, "year": one.year, "outcome": one.outcome, "months": one.months}
        row |= _sides(one)
        if answer.effects is not None and answer.pooled is not None:
            value, half = answer.effects.value[i], WIDE / 2 * math.sqrt(answer.effects.variance[i])
            ends = (value, value - half, value + half)
            row |= dict(zip(("effect", "low", "high"), map(answer.natural, ends), strict=True))
            row["weight"] = float(answer.pooled.weights[i])
            if answer.without:
                row["without_it"] = answer.natural(answer.without[i].estimate.value)
        row |= {"tier": one.tier, "risk_of_bias": str(asked.bias(one.name)), "source": one.source, "note": one.note}
        rows.append(row)
    return pd.DataFrame(rows)


def _sides(one: Study) -> dict[str, Any]:
    """Groups in words: events of total, or mean change and people."""
    if not one.groups:
        return {"groups": "difference as printed"}
    said = []
    for group in one.groups:
        name = "" if group.node in ("treated", "against") else f"{_said(group.node)} "
        if math.isnan(group.events):
            said.append(f"{name}{group.change:+.1f} (SD {group.sd:.0f}, n {group.total:.0f})".replace("-", "−"))
        else:
            said.append(f"{name}{group.events:.0f}/{group.total:.0f}")
    return {"groups": " v ".join(said)}


def summary(answer: Answer) -> dict[str, Any]:
    """The pooled numbers as they are read: effect with interval, p, tau², I², Q, prediction, Egger, and what was
    published beside it. For a network: tau², Q and its parts.
    """
    question = answer.question
    found: dict[str, Any] = {"question": question.name, "measure": question.measure, "model": answer.model}
    found |= {"studies": len(answer.studies), "said": answer.said}
    if answer.net is not None and answer.designs is not None:
        net, parts = answer.net, answer.designs
        return found | {"tau2": net.tau2, "q": net.q, "q_p": net.q_p, "inconsistency_p": parts.between_p}
    pooled = answer.pooled
    assert pooled is not None
    for name, estimate in (("effect", pooled.estimate), ("prediction", pooled.prediction)):
        for part in ("value", "low", "high"):
            value = getattr(estimate, part)
            found[name if part == "value" else f"{name}_{part}"] = answer.natural(value)
    found |= {"p": pooled.p, "tau2": pooled.tau2.value, "i2": pooled.i2, "q": pooled.q, "q_p": pooled.q_p}
    found["egger_p"] = answer.asymmetry.p if answer.asymmetry else math.nan
    return found | {name: getattr(question, name) for name in ("beside", "beside_low", "beside_high")}


def over(names: Iterable[str] = (), **options: Any) -> Mapping[str, Answer | str]:
    """Answers to several questions (all where none is named); the sentence of refusal where one cannot be answered."""
    found: dict[str, Answer | str] = {}
    for name in list(names) or [one.name for one in asked.questions()]:
        try:
            found[name] = answer(name, **options)
        except InputError as problem:
            found[name] = str(problem)
    return found
