"""A study of a trial before it is run: a grid of sizes and effects, the size that is needed, what was published.

What: `study` runs a protocol again and again over the grid and gives a `Study`; `tables` and `sentences` are what is
printed and written, `publish` writes them with a picture.
Equations: those of `power`. Reads: a protocol, the evidence. Writes (publish): power.csv, trials.csv, published.csv,
size.csv, assurance.csv, power.png.
Why this holds: every number stands beside its Monte-Carlo error, and the bank's own where it is resampled.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pulposus.errors import InputError
from pulposus.outcomes import symptoms
from pulposus.statistics import sequential
from pulposus.trials import power
from pulposus.trials.analysis import plan_of
from pulposus.trials.bank import LEAST, Bank, Truth, reads_disc
from pulposus.trials.compared import ALPHA, HAZARD
from pulposus.trials.power import Beside, Row, Size, Tell, Truths
from pulposus.trials.runs import Run, of_control
from pulposus.trials.staged import Plan, turned
from pulposus.trials.variables import title

if TYPE_CHECKING:
    import pandas as pd

    from pulposus.trials.protocol import Protocol

OWN, NULL, MEDIAN = "own effect", "no effect", "median draw"
ROWS_AT_MOST = 1_500_000  # maths: persons of all trials of one cell of the grid; larger trials are run fewer times
FEWEST = 100  # maths: trials of a cell at least
NOT_CELLS = ("value", "runs", "told", "dose")  # of a row, told in columns of their own
POINTS_OF_CURVE = 60  # maths: sizes of the curve of assurance
HUNDRED = 100  # maths: a share in percent
NOT_CORRECTED, UNBIASED = "not corrected for looks", "difference, median unbiased"


@dataclass(frozen=True)
class Study:
    """Rows of the grid by enrichment; truths, sizes and published results of the first enrichment asked."""

    protocol: Protocol
    rows: tuple[tuple[str, Row], ...]  # enrichment ("" for everybody), row
    truths: Truths | None
    needed: tuple[Size, ...]
    beside: tuple[Beside, ...]
    bank: int
    disc: bool
    disc_to_pain: str = "none"

    @property
    def corrected(self) -> str:
        """Whether what is told of arms is corrected for looks; nothing to say where none may stop or change a trial."""
        return NOT_CORRECTED if plan_of(self.protocol) is not None else ""


def study(
    protocol: Protocol,
    trials: int = power.RUNS,
    sizes: Sequence[int] = (),
    effects: Sequence[float] = (),
    enriched: Sequence[str] = ("",),
    bank: int = LEAST,
    search_limit: int = power.SEARCH_LIMIT,
    goal: float = power.GOAL,
    seed: int = 0,
    tell: Tell | None = None,
    mechanics: str = "columns",
    workers: int | None = 1,
    folder: Path | None = None,
    disc_to_pain: str = "none",
) -> Study:
    """A protocol again and again. sizes: of all arms, that of the protocol always among them; effects: multiples of the
    treatment's own; enriched: "", "open" or "closed" endplates. mechanics, workers, folder: of the discs of the bank,
    where a primary endpoint reads them, or under `disc_to_pain` "mediated" responding follows them. Raises InputError
    for what is not possible.
    """
    mediated = _mediated(disc_to_pain, mechanics)
    if search_limit < protocol.size:
        said = f"--search-limit {search_limit} is less than the {protocol.size} persons of the protocol itself"
        raise InputError(f"{said}; give as many or more.")
    if trials < power.FEWEST:
        raise InputError(f"{trials} trials say nothing of a share; ask for {power.FEWEST} or more.")
    end, grid = protocol.primary, _sized(protocol, sizes)
    kept, found, needed = list[tuple[str, Row]](), None, list[Size]()
    law, start = Truth.of(protocol.trial.region, trials, seed), math.nan
    for one in enriched or ("",):
        people = Bank.of(protocol, bank, seed, one)
        if mediated or any(reads_disc(each) for each in protocol.primaries):
            kept_in = folder and folder / f"bank_{one or 'everybody'}"
            people = people.with_discs(mechanics, workers, kept_in, tell, mediated)
        start = people.start(end.variable) if not kept else start
        for sized in grid:
            many = Truth(law.draws[: _many(trials, sized.size)], law.place[: _many(trials, sized.size)])
            cells = [(OWN, 1.0, False), *((f"{e:g} times the effect", e, False) for e in effects if e != 1)]
            cells += [(NULL, 1.0, True)] if protocol.controlled else []
            for what, effect, null in cells:
                runs = power.run(people, sized, many, effect, null, tell)
                kept.append((one, power.summed(what, runs, sized.size, 0.0 if null else effect)))
        if found is None and protocol.controlled:
            found = power.truths(people, protocol, tell=tell)
            needed = [power.needed(found, protocol, goal, search_limit, median) for median in (False, True)]
            middle = found.truth.all_of(found.median, _many(trials, protocol.size))
            kept.append((one, power.summed(MEDIAN, power.run(people, protocol, middle), protocol.size, 1.0)))
            kept += [(one, row) for row in _confirmed(people, protocol, needed, trials, law, found)]
    printed = tuple(power.beside(protocol, kept[0][1], start))
    return Study(protocol, tuple(kept), found, tuple(needed), printed, bank, reads_disc(end), disc_to_pain)


def _mediated(disc_to_pain: str, mechanics: str) -> bool:
    """Whether responding follows the disc. Raises InputError."""
    symptoms.known(disc_to_pain)
    if disc_to_pain != "none" and mechanics == "none":
        raise InputError("disc_to_pain mediated reads discs, and mechanics none computes none; write columns or solid.")
    return disc_to_pain != "none"


def _sized(protocol: Protocol, sizes: Sequence[int]) -> list[Protocol]:
    """The protocol at every size, its own first. Raises InputError for a size that it cannot have, before all work."""
    return [_at(protocol, size) for size in dict.fromkeys([protocol.size, *sizes])]


def _at(protocol: Protocol, size: int) -> Protocol:
    """The protocol at a size. Raises InputError for one that is too small for it, or for its own looks."""
    sized = protocol if size == protocol.size else protocol.sized(size)
    if sized.interim.changes:
        Plan.of(sized)
    return sized


def _many(trials: int, size: int) -> int:
    return max(min(trials, FEWEST), min(trials, ROWS_AT_MOST // size))


def _possible(protocol: Protocol, size: int) -> Protocol | None:
    """The protocol at a size; nothing where that is too small for its own looks."""
    try:
        return _at(protocol, size)
    except InputError:
        return None


def _confirmed(
    people: Bank, protocol: Protocol, needed: Sequence[Size], trials: int, law: Truth, found: Truths
) -> list[Row]:
    """Trials at the sizes that were found, so that the curve is held by trials."""
    rows = []
    for one, what in zip(needed, (OWN, MEDIAN), strict=True):
        if math.isfinite(one.persons) and (sized := _possible(protocol, int(one.persons))) is not None:
            many = _many(trials, sized.size)
            truth = Truth(law.draws[:many], law.place[:many]) if what == OWN else found.truth.all_of(found.median, many)
            rows.append(power.summed(what, power.run(people, sized, truth), sized.size, 1.0))
    return rows


# ---------------------------------------------------------------------------------------------- said


def sentences(found: Study) -> list[str]:
    """What came out, each in a sentence."""
    protocol, first = found.protocol, found.rows[0][1]
    end = protocol.primary
    alpha = ALPHA if end.alpha is None else end.alpha
    shares = "; ".join(f"{arm} {_said(mean, error, end.kind)}" for arm, mean, error, _ in first.value)
    said = [
        f"{protocol.name}, {first.size} persons, {first.trials} trials: {title(end.variable)} at month {end.month:g}: "
        f"{shares} (mean over trials ± Monte-Carlo error)."
    ]
    said += _not_corrected(found)
    if found.beside:
        factor, sign = (1, " points of change") if end.kind == "continuous" else (HUNDRED, " %")
        printed = "; ".join(
            f"{one.published_arm} {factor * one.published:.0f}{sign} against ours {factor * one.ours:.1f} "
            f"({_inside(one)} nine tenths of our trials)"
            for one in found.beside
        )
        said.append(f"Published: {printed}.")
    if not protocol.controlled:
        return [*said, "One arm: nothing is compared, and no size follows."]
    shown = _shown_as(protocol, alpha)
    side = f", on the better side in {_said(first.better, first.better_error)}"  # what a look changes is judged there
    side = "" if protocol.interim.changes else side
    said.append(f"Shown ({shown}) in {_said(first.shown, first.shown_error)} of trials{side}.")
    for where, row in found.rows[1:]:
        if row.what == NULL and row.size == protocol.size and not end.margin:
            group = f" ({where} endplates)" if where else ""
            said.append(
                f"No effect{group}: {shown} in {_said(row.shown, row.shown_error)} of trials: type-I error."
            )
        if row.what == MEDIAN and row.size == protocol.size:
            said.append(f"At the median draw of the law: {_said(row.better, row.better_error)} on the better side.")
    said += [one.sentence for one in found.needed]
    if found.needed and (len(protocol.actives) > 1 or protocol.interim.information):
        said.append(
            f"These sizes are for {protocol.actives[0]} against {protocol.control.name} alone, at the whole error, "
            "with one look; trials of such a size, looks and all arms among them, are in the table."
        )
    if protocol.interim.information:
        said.append(f"With its looks it enrols {first.persons:.0f} ± {first.persons_error:.1f} persons on average.")
    said += _looked(protocol, first)
    if found.truths is not None:
        own = power.bank_error(found.truths, protocol, protocol.size)
        said.append(f"The bank of {found.bank} persons adds ± {HUNDRED * own:.1f} % to the power (bootstrap).")
    if found.disc_to_pain != "none":
        said.append(
            "Responding follows what is calmed in each person's disc, by a coefficient that is assumed, in place of "
            "what trials found of the treatment: a hypothesis (disc_to_pain mediated)."
        )
    elif not found.disc:
        said.append(
            "The primary endpoint does not read the disc, so that no disc is computed: persons differ by the endplate "
            "that feeds them only as scores do, and enriching by it changes nothing but who enters."
        )
    return said


def _not_corrected(found: Study) -> list[str]:
    """That arms are told as looks left them, in a sentence; nothing where there is no look."""
    if not found.corrected:
        return []
    return [
        f"Arms are told as each trial ended, or chose them, {found.corrected}: what stopped a trial, or was chosen, "
        f"looks better than it is{_beside_it(found.protocol)}."
    ]


def _beside_it(protocol: Protocol) -> str:
    if protocol.interim.changes or len(protocol.actives) * len(protocol.primaries) > 1:
        return ""
    return "; trials.csv has the median unbiased difference beside it"


def _unbiased(protocol: Protocol, plan: sequential.Design, run: Run) -> float:
    """The first difference of a trial, median unbiased by the look at which it ended."""
    one, persons = run.found[0], [math.ceil(share * protocol.size) for share in plan.information.tolist()]
    z, look = turned(one), persons.index(run.persons)
    if math.isnan(z):
        return z
    sign = 1.0 if (one.difference.value > one.null) == (z > 0) else -1.0
    drift = sequential.median_unbiased(plan, look, z) * math.sqrt(float(plan.information[look]))
    moved = sign * (drift - z) * one.error
    return one.difference.value * math.exp(moved) if one.scale == HAZARD else one.difference.value + moved


def _shown_as(protocol: Protocol, alpha: float) -> str:
    """What counts as shown: p below the error, or what a look that changes the trial leaves to be judged."""
    table = protocol.interim
    if not table.changes:
        return f"p < {alpha:g}"
    return f"better by a one-sided error of {table.alpha:g}{' for all arms together' if table.drop else ''}"


def _looked(protocol: Protocol, row: Row) -> list[str]:
    """What a look made of trials, and what they say of the dose."""
    if not row.told:
        return []
    shares = "; ".join(f"{word} {_said(share, error)}" for word, share, error in row.told)
    said = f"Of trials: {shares}."
    if not math.isnan(row.dose[0]):
        middle, low, high = row.dose
        said += f" Target dose, of trials with one: {middle:.3g} (nine tenths {low:.3g} to {high:.3g})."
    return [said]


def _inside(one: Beside) -> str:
    return "inside" if abs(one.published - one.ours) <= NINE_TENTHS * one.spread else "outside"


NINE_TENTHS = 1.645  # maths: standard deviations of a normal on either side of nine tenths


def _said(value: float, error: float, kind: str = "binary") -> str:
    if kind == "continuous":
        return f"{value:.1f} ± {error:.1f}"
    return f"{HUNDRED * value:.1f} ± {HUNDRED * error:.1f} %"


def tables(found: Study) -> dict[str, pd.DataFrame]:
    """Name -> table: power, trials (every trial of the protocol's own size), published, size, assurance."""
    import pandas as pd

    rows, words = [], sorted({word for _, row in found.rows for word, _, _ in row.told})
    for where, row in found.rows:
        told: dict[str, Any] = {name: value for name, value in vars(row).items() if name not in NOT_CELLS}
        happened = {word: (share, error) for word, share, error in row.told}
        for word in words:
            told[word], told[f"{word} error"] = happened.get(word, (0.0, 0.0))
        if found.protocol.dose_response.candidates:
            told |= dict(zip(("target dose, median", "target dose, low", "target dose, high"), row.dose, strict=True))
        for arm, mean, error, spread in row.value:
            told |= {f"{arm}": mean, f"{arm} error": error, f"{arm} spread of trials": spread}
        rows.append({"enriched": where or "everybody", **told})
    out = {"power": pd.DataFrame(rows), "trials": pd.DataFrame(_each(found))}
    out["published"] = pd.DataFrame([vars(one) for one in found.beside])
    if found.corrected:
        out = {name: table.assign(estimates=found.corrected) if len(table) else table for name, table in out.items()}
    out["size"] = pd.DataFrame([vars(one) | {"sentence": one.sentence} for one in found.needed])
    out["assurance"] = curve(found)
    return out


def _each(found: Study) -> list[dict[str, Any]]:
    """Every trial of the protocol's own size."""
    plan, rows = plan_of(found.protocol), list[dict[str, Any]]()
    for i, run in enumerate(found.rows[0][1].runs):
        one = run.found[0]
        row: dict[str, Any] = {"trial": i}
        if not found.protocol.interim.changes:  # else what is shown hangs on both stages
            row["p"] = one.p
        row["difference"] = one.difference.value
        if plan is not None and _beside_it(found.protocol):
            row[UNBIASED] = _unbiased(found.protocol, plan, run)
        arms = {each.arm: each.value[0] for each in run.found if each.endpoint == one.endpoint}
        arms |= {one.control or "none": of_control(run), **dict(run.others)}
        rows.append(row | arms | {"shown": run.shown})
    return rows


def curve(found: Study) -> pd.DataFrame:
    """Power over size: over the draws with the bank's own error, and at the median draw."""
    import pandas as pd

    rows = list[dict[str, Any]]()
    if found.truths is not None:
        high = found.needed[0].search_limit
        low = max(2 * len(found.protocol.arms) * 2, found.protocol.size // 4)
        for size in np.unique(np.geomspace(low, high, POINTS_OF_CURVE).round().astype(int)).tolist():
            row: dict[str, Any] = {"size": size}
            for name, median in (("assurance", False), ("at_median_draw", True)):
                row[name] = power.assured(found.truths, found.protocol, size, median)
                row[f"{name}_bank_error"] = power.bank_error(found.truths, found.protocol, size, median)
            rows.append(row)
    return pd.DataFrame(rows)


def publish(folder: Path, found: Study) -> list[Path]:
    """Write tables and the picture; their paths."""
    from pulposus.figures.trial import write_power
    from pulposus.results import write_text

    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, table in tables(found).items():
        if len(table):
            write_text(folder / f"{name}.csv", table.to_csv(index=False))
            written.append(folder / f"{name}.csv")
    end = found.protocol.primary
    what = f"{title(end.variable)} at month {end.month:g}"
    made = tables(found)
    return [*written, write_power(folder / "power.png", made, found.protocol.name, what, end.kind != "continuous")]
