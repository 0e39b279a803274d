"""The main job: one disc, with and without its treatment, over its years; then what each mechanism had to do with it.

`build` makes discs of a case, `run_case` runs them month by month into a results folder (resumable), `ablate` runs the
treatment with each mechanism off and alone.
Treated and untreated are two members of one batch, so that they differ by the treatment and nothing else.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import math
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd

from pulposus import biomechanics, evidence, imaging, interrupt
from pulposus.disc import mesh, posture, simulate, structure
from pulposus.disc.parameters import Parameters
from pulposus.disc.simulate import AbstractTherapy
from pulposus.disc.state import FATES, MECHANISMS, Disc, Hypotheses, State, member, stacked, total
from pulposus.errors import InputError, nearest
from pulposus.record import annulus, version
from pulposus.record import describe as describe
from pulposus.record import shape_of as shape_of
from pulposus.results import Results, claimed
from pulposus.therapies import conservative, options, surgical
from pulposus.therapies.biological import Injections, hungers, prescribe, products_in

if TYPE_CHECKING:
    from pulposus.case import Case

ARMS = ("untreated", "treated")
_ALWAYS = ("solver_error", "form_error")  # columns that a disc has even when it was taken out
Progress = Callable[[int, int, str], None]

_YEAR, _MILLION = 12, 1e6  # maths: months of a year, cells of a million
_CHECKPOINT_EVERY = 6  # maths: months between checkpoints
_ABLATION_MESH = "coarse"
_LOAD_MESH = "cohort"
_NOTHING = 5e-3  # maths: an effect that prints as nothing (points, million cells) has no shares
OUTCOMES = {"aggrecan": "aggrecan_nucleus_percent", "water": "water_nucleus_percent", "cells": "native_cells_million"}
# What is compared between hypotheses: short name -> column of the summary.
_AT_STAKE = {
    "aggrecan_percent": "aggrecan_nucleus_percent",
    "native_viable_percent": "native_viable_percent",
    "injected_million": "injected_cells_million",
    "np_like_million": "np_like_cells_million",
    "glucose_min_mM": "glucose_min_mM",
    "ph_min": "ph_min",
}


def build(
    case: Case,
    size: str,
    switches: Sequence[np.ndarray] | None = None,
    room: tuple[int, int] = (1, 1),
    hypotheses: Hypotheses | None = None,
    others: tuple[int, int] = (0, 0),
    own: Mapping[str, float] | None = None,
) -> tuple[Disc, State, tuple[AbstractTherapy, ...]]:
    """Discs of a resolved case, batched: untreated and treated; or, given `switches`, the treated disc once for each
    row of mechanism switches.

    `hypotheses` replace the case's own, `own` values of therapies.csv (SI, by the name of the row). Every leaf has a
    leading batch axis. Cases built with one `room` (products, doses) and room for `others` (operations, other options)
    can be joined along it. Therapies are operations and other options, where there are any or room for them, and
    injections, last: what is taken out is taken out first.
    """
    products, injections = prescribe(case.treatments, case.disc.grade, room, own, **case.needle())
    disc, state = simulate.prepare(
        mesh.sized(size),
        shape_of(case),
        Parameters.from_evidence(case.parameter_overrides()),
        hypotheses or case.hypotheses(),
        products,
        pfirrmann=float(case.disc.grade),
        age=(case.person.age or 0.0) * simulate.YEAR,
        endplate=case.disc.endplate,
    )
    therapies: tuple[AbstractTherapy, ...] = (*_others(case, others), injections)
    if switches is None:
        arms = [[eqx.tree_at(lambda i: i.given, one, jnp.asarray(g)) for g in (0.0, 1.0)] for one in therapies]
        return stacked([disc, disc]), stacked([state, state]), tuple(stacked(each) for each in arms)
    discs = [eqx.tree_at(lambda d: d.switches, disc, jnp.asarray(s, dtype=float)) for s in switches]
    many = tuple(stacked([one] * len(discs)) for one in therapies)
    return stacked(discs), stacked([state] * len(discs)), many


def _others(case: Case, room: tuple[int, int]) -> tuple[AbstractTherapy, ...]:
    """Operations and other options of a case; none of either where there are none and no room is asked for."""
    if not case.options and room == (0, 0):
        return ()
    level = case.disc.level
    return (
        surgical.operations(case.options, level, room[0]),
        conservative.regimens(case.options, level, room[1]),
    )


def _saved(case: Case) -> list[float]:
    """Months whose fields are kept."""
    doses = [month for t in case.treatments for month in t.months]
    return imaging.save_months(case.run.years, min(doses, default=None))


def _times(case: Case) -> list[float]:
    """Months at which a run is looked at."""
    return sorted({*range(round(case.run.years * _YEAR) + 1), *_saved(case)})


_in_batch = (eqx.if_array(0), eqx.if_array(0))
_fields = eqx.filter_jit(eqx.filter_vmap(imaging.fields, in_axes=_in_batch))
_summary = eqx.filter_jit(eqx.filter_vmap(imaging.summary, in_axes=(*_in_batch, None)))


def run_case(
    case: Case,
    out: str | Path,
    *,
    years: float | str | None = None,
    mesh: str | None = None,
    resume: bool = False,
    progress: Progress | None = None,
    ablation: bool = True,
    loads: bool = True,
) -> Results:
    """Run a case, treated and untreated, into the folder `out`, and return its results.

    years and mesh replace the case's own. `ablation` tells what each mechanism adds, `loads` the disc under load.
    With `resume`, what a stopped run has done is kept; another case, mesh or
    evidence is refused.
    Raises InputError for anything the user can mend; on KeyboardInterrupt what is done stays readable and can be
    resumed.
    """
    case = case.changed(years=years, mesh=mesh)
    return run_cases([case], [out], resume=resume, progress=progress, ablation=ablation, loads=loads)[0]


def run_cases(
    cases: Sequence[Case],
    outs: Sequence[str | Path],
    *,
    resume: bool = False,
    progress: Progress | None = None,
    ablation: bool = True,
    loads: bool = True,
) -> list[Results]:
    """Several discs, of one spine for instance, as one batch through the clock, each into a folder of its own; the
    rest as `run_case`. They share mesh, years, hypotheses and the months of doses.
    """
    cases = [case.resolved() for case in cases]
    _refuse_unlike(cases)
    for case in cases:
        if case.picture:
            case.picture.require_slice()
    infos = [describe(case) for case in cases]
    remember_compilations()
    if resume:
        for out in outs:
            Results.open(out).require_whole()
    with interrupt.held(), contextlib.ExitStack() as claims:
        for out in outs:
            claims.enter_context(claimed(out))
        each = zip(cases, outs, infos, strict=True)
        arms = [
            _Arms(case, Path(out), info, index, f"{case.disc.level}, " if len(cases) > 1 else "")
            for index, (case, out, info) in enumerate(each)
        ]
        return _run_into(arms, resume, progress or (lambda *_: None), ablation, loads)


def _refuse_unlike(cases: Sequence[Case]) -> None:
    """Raise InputError for cases that cannot go through the clock side by side."""
    for what, of in (
        ("mesh", lambda case: case.run.mesh),
        ("years and months of doses", _times),
        ("hypotheses", lambda case: case.hypotheses()),
    ):
        if any(of(case) != of(cases[0]) for case in cases):
            raise InputError(f"Discs that run together share their {what}, and these do not; run each alone.")


@dataclasses.dataclass
class _Arms:
    """Both arms of one case in a batch: the folder they go to, and rows of the summary so far."""

    case: Case
    out: Path
    info: dict[str, Any]
    index: int
    named: str = ""
    results: Results | None = None
    rows: list[dict[str, Any]] = dataclasses.field(default_factory=list)

    @property
    def folder(self) -> Results:
        assert self.results is not None
        return self.results

    def of(self, batch: Any) -> Any:
        """These two of a batch."""
        place = slice(len(ARMS) * self.index, len(ARMS) * (self.index + 1))
        return jax.tree.map(lambda leaf: leaf[place] if eqx.is_array(leaf) else leaf, batch)

    def resumed(self) -> tuple[float, dict[str, np.ndarray]] | None:
        """Month and arrays of the checkpoint of a stopped run."""
        self.results = Results.open(self.out)
        found = self.results.load_checkpoint(fingerprint(self.case))
        if found is None:
            return None
        self.rows = found[2]
        return found[:2]

    def begin(self, discs: Disc) -> None:
        """A new folder, where there is none to go on with."""
        seen = self.case.picture.slice if self.case.picture else None
        png = Path(seen).read_bytes() if seen else b""  # it may lie in the folder that is emptied now
        if self.results is None:
            print_of = fingerprint(self.case)
            self.results = Results.create(self.out, fingerprint=print_of, info=self.info, months=_saved(self.case))
        self.results.write_case(self.case.to_toml())
        if png:
            self.results.write_slice(png)
        self.results.write_static(**_static(self.of(discs)))

    def look(self, discs: Disc, states: State, t2: imaging.T2Scale, month: float) -> None:
        """Rows, and where they are to be saved fields, of a month."""
        mine, now, saved = self.of(discs), self.of(states), _saved(self.case)
        new = _rows(mine, now, t2, month)
        if month in saved:
            fields = {k: np.asarray(v) for k, v in _fields(mine, now).items()}
            self.folder.append(saved.index(month), month, fields)
        self.rows = self.rows + new

    def keep(self, states: State, month: float) -> None:
        """A checkpoint."""
        self.folder.checkpoint(month, _arrays(self.of(states)), self.rows)

    def finish(self, discs: Disc, states: State, ablation: bool, loads: bool, tell: Callable[[str], None]) -> None:
        """Tables, ablation and the disc under load."""
        table = pd.DataFrame([{k: v for k, v in row.items() if k != "ledger"} for row in self.rows])
        self.folder.write_summary(table)
        self.folder.write_ledger(ledger(self.rows, products_in(self.case.treatments)))
        info = self.info | {"status": status(table)}
        if ablation:
            shares, beside = ablate(self.case, table, lambda _, text: tell(self.named + text))
            self.folder.write_mechanisms(shares)
            info |= beside
        if loads:
            mine, end = self.of(discs), self.of(states)
            info |= _write_loads(self.folder, self.case, mine, end, lambda _, text: tell(self.named + text))
        self.folder.write_info(info)


def _run_into(arms: list[_Arms], resume: bool, progress: Progress, ablation: bool, loads: bool) -> list[Results]:
    """`run_cases` of resolved cases, in folders that nobody else writes to."""
    cases = [one.case for one in arms]
    ablation = ablation and any(case.treatments for case in cases)
    loads = loads and cases[0].hypotheses().mechanics == "solid"
    times, done = _times(cases[0]), itertools.count()
    after = sum((len(times) if ablation else 0) + (load_turns(case) if loads else 0) for case in cases)
    turns = len(times) + after

    def tell(text: str, at: int | None = None) -> None:
        interrupt.check()
        progress(next(done) if at is None else at, turns, text)

    tell("building the disc", 0)
    kept = [one.resumed() for one in arms] if resume else [None] * len(arms)
    if all(one.results is not None and one.results.complete for one in arms):
        return [one.folder for one in arms]
    discs, states, therapies = _joined(cases)
    for one in arms:
        _possible(one.case, one.of(states))
    first = 0
    if all(kept):
        months = {found[0] for found in kept if found}
        if len(months) > 1:
            raise InputError("The discs of this run were stopped at different months; go on with each one alone.")
        arrays = [found[1] for found in kept if found]
        states = _restored(states, {name: np.concatenate([one[name] for one in arrays]) for name in arrays[0]})
        first = times.index(months.pop()) + 1
    else:
        for one in arms:
            one.rows = []
            one.begin(discs)
    states = _through(arms, (discs, states, therapies), times, first, tell)
    done = itertools.count(len(times) + 1)
    for one in arms:
        one.finish(discs, states, ablation and bool(one.case.treatments), loads, tell)
    return [one.folder for one in arms]


def _through(
    arms: list[_Arms],
    batch: tuple[Disc, State, tuple[AbstractTherapy, ...]],
    times: list[float],
    first: int,
    tell: Callable[[str, int], None],
) -> State:
    """The batch through the clock, looked at and kept on the way; returns how it ends."""
    discs, states, therapies = batch
    t2, last = imaging.T2Scale.from_evidence(), first - 1
    saved = set(_saved(arms[0].case))
    try:
        for index, now in simulate.simulate(discs, states, therapies, [m * simulate.MONTH for m in times], first):
            month = times[index]
            for one in arms:
                one.look(discs, now, t2, month)
            states, last = now, index
            if month in saved or month % _CHECKPOINT_EVERY == 0:
                for one in arms:
                    one.keep(states, month)
            tell(f"month {month:.0f} of {times[-1]:.0f}", index + 1)
    except KeyboardInterrupt:
        if last >= 0:
            for one in arms:
                one.rows = [row for row in one.rows if row["month"] <= times[last]]
                one.keep(states, times[last])
        raise
    return states


def _joined(cases: Sequence[Case]) -> tuple[Disc, State, tuple[AbstractTherapy, ...]]:
    """Both arms of every case, one after the other, as one batch."""
    slots = max(len(set(products_in(case.treatments))) for case in cases)
    doses = max(sum(len(t.months) for t in case.treatments) for case in cases)
    room = (max(1, slots), max(1, doses)) if len(cases) > 1 else (1, 1)
    operated = [[one.option.family == "surgery" for one in case.options] for case in cases]
    counts = (max(sum(one) for one in operated), max(len(one) - sum(one) for one in operated))
    others = counts if len(cases) > 1 else (0, 0)
    made = [build(case, case.run.mesh, room=room, others=others) for case in cases]
    return jax.tree.map(lambda *leaves: jnp.concatenate(leaves) if eqx.is_array(leaves[0]) else leaves[0], *made)


def _possible(case: Case, states: State) -> None:
    """Raise InputError for a disc that has no finite concentrations at the start."""
    if not all(np.isfinite(x).all() for x in (np.asarray(states.solutes), np.asarray(states.native))):
        own = ", ".join(case.parameters) or "its dimensions"
        raise InputError(f"No finite concentrations are possible in this disc at the start; check {own}.")


def _rows(discs: Disc, states: State, t2: imaging.T2Scale, month: float) -> list[dict[str, Any]]:
    """Summary rows of all arms at a month, the ledger (cells, by fate and product) beside."""
    numbers = {name: np.asarray(values) for name, values in _summary(discs, states, t2).items()}
    here = np.asarray(states.present) > 0
    numbers = {name: np.where(here | (name in _ALWAYS), values, np.nan) for name, values in numbers.items()}
    books = np.asarray(states.ledger)
    alive = np.asarray(_alive(discs, states))
    return [
        {"arm": arm, "month": month, "year": month / _YEAR}
        | {name: float(values[i]) for name, values in numbers.items()}
        | {"ledger": np.concatenate([books[i], alive[i][None]]).tolist()}
        for i, arm in enumerate(ARMS)
    ]


@eqx.filter_jit
@eqx.filter_vmap(in_axes=_in_batch)
def _alive(disc: Disc, state: State) -> jax.Array:
    """Injected cells alive, by product."""
    return total(disc, state.fresh + state.adapted)


def ledger(rows: Sequence[Mapping[str, Any]], products: Sequence[str]) -> pd.DataFrame:
    """What became of injected cells, one row a product and month of the treated arm, in millions, cumulative; `alive`
    and `differentiated` are what is there. products: that of each slot.
    """
    found = []
    for row in rows:
        if row["arm"] != "treated":
            continue
        for name in dict.fromkeys(products):
            places = [i for i, product in enumerate(products) if product == name]
            counts = {
                fate: sum(row["ledger"][k][i] for i in places) / _MILLION for k, fate in enumerate((*FATES, "alive"))
            }
            found.append(
                {"product": name, "month": row["month"]}
                | {("injected_million" if k == "injected" else k): v for k, v in counts.items()}
            )
    return pd.DataFrame(found)


def status(summary: pd.DataFrame) -> dict[str, str]:
    """One sentence an arm: whether it can be believed."""
    worst = summary.fillna({"solver_error": np.inf, "form_error": np.inf}).groupby("arm")
    return {
        str(arm): _status(float(rows["solver_error"].max()), float(rows["form_error"].max())) for arm, rows in worst
    }


def _status(error: float, strain: float) -> str:
    if not math.isfinite(error):
        return "failed: the numbers given leave no finite concentrations"
    if error >= simulate.UNSOLVED:
        return f"failed: solutes were not solved to better than {error:.1g} of their scale"
    if not math.isfinite(strain):
        return (
            "failed: the disc finds no rest under the load of a night, or none in the form in which it was measured; "
            "check its dimensions and numbers"
        )
    return "completed"


def ablate(case: Case, standard: pd.DataFrame, tell: Callable[[int, str], None]) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The treatment with all mechanisms, with none, with each one off and alone, on the coarse mesh, against the same
    disc untreated.

    A mechanism's share is the mean of what it adds first (alone, over none) and last (all, over all but it), over what
    all add to none.
    In the same batch: fresh cells that use the least and the most oxygen and glucose of their evidence, and the
    treatment through a needle that hurts nothing. Returns the table of runs, and for the run's record
    `ablation_check` (the total effect here beside that of the full mesh), `metabolism` (one row a choice; none without
    cells) and `needle` (what the treatment would do without its wound).
    """
    names = ["untreated", "all", "none", *(f"without {m}" for m in MECHANISMS), *(f"only {m}" for m in MECHANISMS)]
    hunger = hungers(case.treatments)
    places = {"used": 1} | {word: len(names) + i for i, word in enumerate(("least", "most", "unhurt"))}
    discs, states, therapies = _ablated(case, hunger, places)
    months = round(case.run.years * _YEAR)
    t2 = imaging.T2Scale.from_evidence()
    first: dict[str, np.ndarray] = {}
    times = _times(case)  # as the run itself, for what follows a dose hangs on how soon it is looked at
    for index, now in simulate.simulate(discs, states, therapies, [m * simulate.MONTH for m in times]):
        states = now
        if times[index] == 1:
            first = {k: np.asarray(v) for k, v in _summary(discs, states, t2).items()}
        tell(index + 1, f"mechanisms, month {times[index]:.0f} of {months}")
    last = {k: np.asarray(v) for k, v in _summary(discs, states, t2).items()}
    table = pd.DataFrame({"run": names, "mechanism": [n.split(" ", 1)[1] if " " in n else "" for n in names]})
    end = standard[standard.month == months].set_index("arm")
    check: dict[str, Any] = {"mesh": case.run.mesh, "ablation_mesh": _ABLATION_MESH}
    for short, column in OUTCOMES.items():
        values = last[column][: len(names)]
        table[column] = values
        table[f"effect_{short}"] = values - values[0]
        table[f"share_{short}"] = _shares(values, names)
        check[f"{short}_standard"] = float(end.loc["treated", column] - end.loc["untreated", column])
        check[f"{short}_coarse"] = float(values[1] - values[0])

    def effects(word: str) -> dict[str, float]:
        return {f"effect_{short}": float(last[c][places[word]] - last[c][0]) for short, c in OUTCOMES.items()}

    metabolism = [
        {
            "choice": word,
            "oxygen_multiplier": [float(x) for x in hunger[word][0]],
            "glucose_multiplier": [float(x) for x in hunger[word][1]],
            "injected_alive_month_1_million": float(first["injected_cells_million"][places[word]]),
        }
        | effects(word)
        for word in ("least", "used", "most")
    ]
    injections = therapies[-1]
    assert isinstance(injections, Injections)
    cells = bool(np.any(np.asarray(injections.cellular)))
    return table, {"ablation_check": check, "metabolism": metabolism if cells else [], "needle": effects("unhurt")}


def _write_loads(
    results: Results, case: Case, discs: Disc, states: State, tell: Callable[[int, str], None]
) -> dict[str, Any]:
    """The disc under load, computed and written; returns what is said of its tears, for the run's record."""
    tables, section, worn = under_load(case, discs, states, tell)
    plans = {arm: biomechanics.plan(w.body, w.structure, w.canal, w.findings.protrusion) for arm, w in worn.items()}
    results.write_loads(tables, section | {"plans": plans})
    laws = structure.Laws(**case.structure.model_dump())
    return {"tears": {arm: structure.told(one.findings, one.canal, laws) for arm, one in worn.items()}}


def _arms(case: Case) -> tuple[str, ...]:
    """Arms whose end can be put under load: the treated one where something is done and a disc is left."""
    return ARMS if case.done and options.ended(case.options, case.disc.level) is None else ARMS[:1]


def _opened(
    case: Case, topology: mesh.Topology, torn: structure.Structure, first: biomechanics.Look | None
) -> tuple[structure.Structure, biomechanics.Look | None]:
    """What is torn at the start of the treated arm, and the first look at it where it is that of the untreated one: a
    way that an operation opens counts from the start.
    """
    way = options.opened(case.options, case.disc.level)
    if way is None or way[1] <= annulus(case)["dallas_of_mechanics"]:
        return torn, first
    return structure.torn(topology, way[1]), None


def load_turns(case: Case) -> int:
    """How often `under_load` tells."""
    arms = len(_arms(case))
    days = len(biomechanics.POSTURES) + len(posture.MOTIONS) + 2 * len(case.day.spans or biomechanics.USUAL) - 1
    return (1 + arms) * days + arms * len(biomechanics.milestones(case.run.years))


def under_load(
    case: Case, discs: Disc, states: State, tell: Callable[[int, str], None]
) -> tuple[list[pd.DataFrame], dict[str, Any], dict[str, biomechanics.Worn]]:
    """The disc under load, on the cohort mesh: postures, motions and a day of the disc at start and, in each arm, at
    the end with what has been torn by then, and the tears of its years, with `when` and `arm` in front; its section at
    start; what years did, by arm. Charge goes evenly from start to end.
    """
    topology, disc, told = mesh.sized(_LOAD_MESH), member(discs, 0), itertools.count(1)

    def say(text: str) -> None:
        tell(next(told), text)

    laws = structure.Laws(**case.structure.model_dump())
    torn = structure.torn(topology, annulus(case)["dallas_of_mechanics"])
    own, damage = (disc.parameters, disc.shape, disc.grade), torn.damage if laws.weakening else 0.0
    made = posture.rested(topology, disc.hypotheses, *own, damage)
    tables, begun = [list[pd.DataFrame]() for _ in range(4)], biomechanics.rested(made, 1.0, torn, laws)
    section = _loaded(begun, "start", "", tables, say, case.day.spans) | {"said": biomechanics.astray(begun)}
    worn: dict[str, biomechanics.Worn] = {}
    years, first = case.run.years, None
    for index, arm in enumerate(_arms(case)):
        ratio = np.asarray(member(states, index).charge / disc.charge)
        left = biomechanics.carried(ratio, disc.topology, topology)

        def on_the_way(year: float, left: np.ndarray = left) -> np.ndarray:
            return 1 + (left - 1) * (year / years if years else 1.0)

        open_, looked = (torn, first) if arm == ARMS[0] else _opened(case, topology, torn, first)
        worn[arm] = biomechanics.wear(made, case.disc.level, years, on_the_way, say, looked, laws, open_)
        first = first or worn[arm].first
        tables[3].append(worn[arm].rows.assign(arm=arm))
        ended = biomechanics.rested(made, left, worn[arm].structure, laws)
        _loaded(ended, "end", arm, tables, say, case.day.spans)
    return [pd.concat(parts, ignore_index=True) for parts in tables], section, worn


def _loaded(
    rested: biomechanics.Rested,
    when: str,
    arm: str,
    tables: list[list[pd.DataFrame]],
    say: Callable[[str], None],
    spans: biomechanics.Spans | None,
) -> dict[str, Any]:
    """Postures, motions and a day of a disc, put into `tables`; returns its section."""
    rows, found = biomechanics.postures(rested, say)
    moments = biomechanics.MOMENTS if when == "start" else biomechanics.ENDS
    rows = pd.concat([rows, biomechanics.equilibria(rested, spans)], ignore_index=True)
    parts = rows, biomechanics.motions(rested, say, moments), biomechanics.day(rested, say, spans)
    for kept, part in zip(tables, parts, strict=False):
        kept.append(part.assign(when=when, arm=arm)[["when", "arm", *part.columns]])
    return biomechanics.section(rested, found)


def _ablated(
    case: Case, hunger: Mapping[str, tuple[jax.Array, jax.Array]], places: Mapping[str, int]
) -> tuple[Disc, State, tuple[AbstractTherapy, ...]]:
    """The batch of `ablate`: untreated, all, none, each off, each alone, and the variants at `places` behind them."""
    every, none, one = np.ones(len(MECHANISMS)), np.zeros(len(MECHANISMS)), np.eye(len(MECHANISMS))
    switches = [every, every, none, *(every - row for row in one), *one]
    told = [*switches, every, every, every]
    discs, states, (*others, injections) = build(
        case, _ABLATION_MESH, told, hypotheses=case.hypotheses().by_columns()
    )
    for word in ("least", "most"):
        products = discs.products
        fed = [
            old.at[places[word]].set(new)
            for old, new in zip((products.oxygen_fresh, products.glucose_fresh), hunger[word], strict=True)
        ]
        discs = eqx.tree_at(lambda d: (d.products.oxygen_fresh, d.products.glucose_fresh), discs, tuple(fed))
    assert isinstance(injections, Injections)
    given, killed = injections.given.at[0].set(0.0), injections.killed.at[places["unhurt"]].set(0.0)
    injections = eqx.tree_at(lambda i: (i.given, i.killed), injections, (given, killed))
    done = (eqx.tree_at(lambda o: o.given, one, one.given.at[0].set(0.0)) for one in others)  # type: ignore[attr-defined]
    return discs, states, (*done, injections)


def _shares(values: np.ndarray, names: list[str]) -> list[float]:
    at = {name: float(value) for name, value in zip(names, values, strict=True)}
    whole = at["all"] - at["none"]
    return [
        0.5 * (at[f"only {m}"] - at["none"] + at["all"] - at[f"without {m}"]) / whole
        if m and abs(whole) > _NOTHING
        else float("nan")
        for m in (name.removeprefix("only ") if name.startswith("only ") else "" for name in names)
    ]


def compare_hypotheses(
    case: Case, *, only: Sequence[str] = (), size: str = _ABLATION_MESH, progress: Progress | None = None
) -> pd.DataFrame:
    """The case under every choice of every hypothesis, one changed at a time, on the coarse mesh: what hangs on each.

    One row a choice, the case's own first: how the untreated and the treated disc end, and what the treatment adds.
    With `only`, these hypotheses alone. Raises InputError for a hypothesis that does not exist.
    """
    case = case.resolved()
    remember_compilations()
    own, choices = case.hypotheses(), alternatives(case.hypotheses(), only)
    tell = progress or (lambda done, total, text: None)
    t2 = imaging.T2Scale.from_evidence()
    months = round(case.run.years * _YEAR)
    rows = []
    for place, (name, choice) in enumerate([("as in the case", ""), *choices]):
        told = "yes" if choice is True else "no" if choice is False else str(choice)
        tell(place, len(choices) + 1, f"hypothesis {name} {told}".strip())
        chosen = case.choices.model_copy(update={name: choice}) if place else case.choices
        discs, states, therapies = build(case.model_copy(update={"choices": chosen}), size)
        calendar = [m * simulate.MONTH for m in range(months + 1)]
        *_, (_, end) = simulate.simulate(discs, states, therapies, calendar)
        last = {key: np.asarray(values) for key, values in _summary(discs, end, t2).items()}
        own_choice = "" if not place else str(getattr(own, name))
        row: dict[str, Any] = {"hypothesis": name, "choice": told, "in_the_case": own_choice}
        for short, column in _AT_STAKE.items():
            row |= {f"{short}_{arm}": float(last[column][i]) for i, arm in enumerate(ARMS)}
            row[f"{short}_effect"] = row[f"{short}_treated"] - row[f"{short}_untreated"]
        rows.append(row | {"solver_error": float(last["solver_error"].max())})
        jax.clear_caches()  # every choice compiles its own program, and a process may hold only so many memory maps
    return pd.DataFrame(rows)


def alternatives(chosen: Hypotheses, only: Sequence[str] = ()) -> list[tuple[str, str | bool]]:
    """Every (hypothesis, choice) that was not taken. Raises InputError for an unknown hypothesis."""
    options = {name: get_args(kind) or (True, False) for name, kind in get_type_hints(Hypotheses).items()}
    for name in only:
        if name not in options:
            raise InputError(f"Unknown hypothesis {name!r}{nearest(name, options)}; known: {', '.join(options)}.")
    return [
        (name, choice)
        for name, each in options.items()
        for choice in each
        if (not only or name in only) and choice != getattr(chosen, name)
    ]


def _static(discs: Disc) -> dict[str, np.ndarray]:
    """Coordinates x, y (mm), tissue number and node volume (mL): what does not change."""
    disc = jax.tree.map(lambda leaf: leaf[0] if eqx.is_array(leaf) else leaf, discs)
    coords = np.asarray(mesh.coordinates(disc.topology, disc.shape))
    volumes = np.asarray(mesh.node_volumes(disc.topology, mesh.coordinates(disc.topology, disc.shape)))
    return {
        "x": coords[..., 0] * 1e3,  # maths: metres to mm
        "y": coords[..., 1] * 1e3,  # maths: metres to mm
        "tissue": _tissue(disc.topology),
        "volume": volumes.sum(0) * 1e6,  # maths: m^3 to mL
        "endplate_layers": np.asarray(disc.topology.endplate_layers),
        "nucleus_rings": np.asarray(disc.topology.nucleus_rings),
    }


def _tissue(topology: mesh.Topology) -> np.ndarray:
    """Tissue number of each node; a node on a border counts with the tissue outside it."""
    ring, _, layer = np.indices(topology.shape)
    plates = topology.endplate_layers
    inside = np.where(ring < topology.nucleus_rings, mesh.NUCLEUS, mesh.ANNULUS)
    return np.where((layer <= plates) | (layer >= topology.layers - 1 - plates), mesh.ENDPLATE, inside)


def _arrays(states: State) -> dict[str, np.ndarray]:
    return {field.name: np.asarray(getattr(states, field.name)) for field in dataclasses.fields(State)}


def _restored(states: State, arrays: Mapping[str, np.ndarray]) -> State:
    return State(**{field.name: jnp.asarray(arrays[field.name]) for field in dataclasses.fields(states)})


def fingerprint(case: Case) -> str:
    """What must be the same for a run to be resumed: the resolved case, the evidence and the version."""
    import hashlib

    return hashlib.sha256("\n".join([case.to_toml(), evidence.digest(), version()]).encode()).hexdigest()


def remember_compilations() -> None:
    """Keep compiled functions between runs in the user's cache folder, unless JAX was told where
    (JAX_COMPILATION_CACHE_DIR).
    """
    if "JAX_COMPILATION_CACHE_DIR" in os.environ:
        return
    base = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    jax.config.update("jax_compilation_cache_dir", str(base / "pulposus" / "jax"))
    jax.config.update(
        "jax_persistent_cache_min_compile_time_secs", 0.5
    )  # maths: seconds; shorter ones are not worth a file
