"""Which dose, volume and schedule do most for one output: a grid under many draws, then a gradient.

What: `plan` lays a grid over a treatment and draws numbers from the ranges of the evidence; `compute` runs every point
with every draw; `judge` says what is best, how sure that is, from which dose cells starve one another, and what a
second injection adds; `refine` follows the adjoint gradient from the best point of the grid.
Equation: effect(point, draw) = output treated - output untreated, both with the numbers of that draw at every point, so
that what is not known about the disc does not hide which of two points is better (common random numbers).
Why a grid: an effect that rises to a plateau, turns where cells starve, and is asked in three or four directions is
seen whole; a surrogate would smooth the turn away.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd

from pulposus import imaging
from pulposus.case import Case
from pulposus.disc import mesh, simulate
from pulposus.disc.state import FATES, stacked
from pulposus.errors import InputError
from pulposus.run import remember_compilations, shape_of
from pulposus.therapies.biological import prescribe
from pulposus.uncertainty import adjoint, schedule
from pulposus.uncertainty.draws import draw, factors, spoken
from pulposus.uncertainty.ensemble import CHUNK, Progress, shared_out
from pulposus.uncertainty.schedule import Axis
from pulposus.uncertainty.sensitivity import looked_at
from pulposus.uncertainty.spread import QUANTILES

if TYPE_CHECKING:
    from pulposus.therapies.protocol import Treatment

MOST_RUNS = 1000  # maths: what an answer may cost
DRAWS = 16  # maths: enough to see whether a point is better nearly always or as often as not
_MOST_DRAWS = 256  # maths: a guard against slips of the keyboard
USED, UNTREATED, WRITTEN = 0, -1, 0  # the member with the used values, the point of no injection, the case as written
PLATEAU = 0.95  # maths: of the best effect, above which doses count as equally good
_LEAST = 4  # maths: points of which two can be left out in turn
_FINE = 200  # maths: places between the ends of an axis at which a curve through its values is read
_CLIMBS = 8  # maths: gradients that may be spent; the grid has already come near
_LARGEST = 1.0  # maths: what is kept of a dose is all that starves or lives


@dataclass(frozen=True)
class Plan:
    """A question: the case up to its month, the column asked for, the axes, the points and the draws.

    points: one row a point, its values by axis; point 0 is the case as written. drawn: one row a member; member 0 has
    the used values.
    """

    case: Case
    output: str
    column: str
    at: float
    axes: tuple[Axis, ...]
    points: pd.DataFrame
    drawn: pd.DataFrame

    @property
    def runs(self) -> int:
        """Discs to compute: every point, and the untreated disc, with every member."""
        return (len(self.points) + 1) * len(self.drawn)

    def treatment(self, point: Mapping[str, float]) -> Treatment:
        """The treatment of the case with the values of a point."""
        return schedule.changed(self.case.treatments[0], point)


def plan(case: Case, vary: str, maximise: str, *, runs: int = MOST_RUNS, draws: int = DRAWS) -> Plan:
    """Lay out the question. `maximise` is an output and a month, "aggrecan@24". Raises InputError."""
    output, _, month = maximise.partition("@")
    try:
        at = float(month or "24")  # maths: two years, as sensitivity looks
    except ValueError:
        raise InputError(f"--maximise {maximise!r} names no month; write for example aggrecan@24.") from None
    if not 1 <= runs <= MOST_RUNS:
        raise InputError(f"--runs {runs} is not possible; give 1 to {MOST_RUNS}.")
    if not 2 <= draws <= _MOST_DRAWS:
        raise InputError(f"--draws {draws} is not possible; give 2 to {_MOST_DRAWS}.")
    case, column = looked_at(case, output.strip(), at)
    axes = schedule.axes(case, vary, at, runs // (draws + 1) - 2)
    grid = [dict(zip((a.name for a in axes), values, strict=True)) for values in itertools.product(*_values(axes))]
    points = pd.DataFrame([schedule.own(case.treatments[0], axes), *grid])
    for point in points.to_dict("records"):
        schedule.changed(case.treatments[0], {str(name): value for name, value in point.items()})
    used = {factor.name: factor.row.value for factor in factors(case)}
    drawn = draw(case, draws)
    drawn["member"] += 1
    drawn = pd.concat([pd.DataFrame([{"member": USED} | used]), drawn], ignore_index=True)
    return Plan(case, output.strip(), column, at, axes, points, drawn)


def _values(axes: Sequence[Axis]) -> list[tuple[float, ...]]:
    return [axis.values for axis in axes]


# ---------------------------------------------------------------------------------------------- running


def compute(
    asked: Plan,
    *,
    size: str = "cohort",
    done: pd.DataFrame | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
    keep: Callable[[pd.DataFrame], None] = lambda table: None,
) -> pd.DataFrame:
    """Every point with every member: one row a run with `value` (the output), `starved` (share of the cells that stayed
    which died of want of glucose or of acid), `native_million` and `status`.

    done: rows of an earlier, stopped call, which are kept; keep: is handed all rows so far when a batch is over.
    """
    mesh.sized(size)
    todo = _runs(asked)
    parts = [] if done is None or done.empty else [done]
    if parts:
        todo = todo[~todo["run"].isin(set(parts[0]["run"]))]
    # like runs come one after another, so that what is said of the time left holds
    names = [axis.name for axis in reversed(asked.axes) if axis.name != "repeat_interval"]
    by = ["repeat_interval", *names] if "repeat_interval" in todo else names
    todo = todo.sort_values([*by, "run"], na_position="first")
    batches = [todo.iloc[k : k + CHUNK] for k in range(0, len(todo), CHUNK)]
    tell = progress or (lambda count, total, what: None)
    count = asked.runs - len(todo)

    def look() -> None:
        tell(count, asked.runs, f"disc {count} of {asked.runs}")

    look()
    for made in shared_out(batches, functools.partial(batch, asked.case.to_toml(), size), workers, look):
        parts.append(made)
        count += len(made)
        keep(pd.concat(parts, ignore_index=True).sort_values("run", ignore_index=True))
        look()
    table = pd.concat(parts, ignore_index=True).sort_values("run", ignore_index=True)
    return table.assign(value=table[asked.column])


def _runs(asked: Plan) -> pd.DataFrame:
    """One row a run: number, point and member, the values of the point (none where untreated), the drawn numbers."""
    points = asked.points.rename_axis("point").reset_index()
    points = pd.concat([pd.DataFrame({"point": [UNTREATED]}), points], ignore_index=True)
    table = points.merge(asked.drawn, how="cross")
    table.insert(0, "run", np.arange(len(table)))
    room = max(len(asked.treatment(point).months) for point in _records(asked.points))
    return table.assign(doses=room)


def _records(table: pd.DataFrame) -> list[dict[str, float]]:
    return [{str(name): float(value) for name, value in row.items()} for row in table.to_dict("records")]


def batch(text: str, size: str, part: pd.DataFrame) -> pd.DataFrame:
    """A batch of runs (rows of `_runs`) of a case as its TOML, so that another process can be asked."""
    import tomllib

    remember_compilations()
    case = Case.from_dict(tomllib.loads(text)).resolved()
    axes = [name for name in schedule.NAMES if name in part]
    return pd.concat([_computed(case, row, axes, size) for row in part.to_dict("records")], ignore_index=True)


def _computed(case: Case, row: dict[Any, Any], axes: Sequence[str], size: str) -> pd.DataFrame:
    """The row of one run, by itself: nothing in a batch waits for the slowest."""
    parameters, products, injections = _spoken(case, row, axes)
    disc, state = simulate.prepare(
        mesh.sized(size),
        shape_of(case),
        parameters,
        case.hypotheses().by_columns(),
        products,
        pfirrmann=float(case.disc.grade),
        age=(case.person.age or 0.0) * simulate.YEAR,
        endplate=case.disc.endplate,
    )
    discs, states, given = (stacked([one]) for one in (disc, state, injections))
    end = [0.0, round(case.run.years * simulate.YEAR / simulate.MONTH) * simulate.MONTH]
    state = [now for _, now in simulate.simulate(discs, states, (given,), end)][-1]
    seen = {name: np.asarray(v) for name, v in _summaries(discs, state, imaging.T2Scale.from_evidence()).items()}
    ledger = {fate: np.asarray(jnp.sum(state.ledger[:, k], -1)) for k, fate in enumerate(FATES)}
    kept = ledger["injected"] - ledger["leaked"]
    died = ledger["starved"] + ledger["acid"]
    good = (seen["solver_error"] < simulate.UNSOLVED) & np.isfinite(np.stack(list(seen.values()))).all(0)
    table = pd.DataFrame([{name: row[name] for name in ("run", "point", "member")}])
    starved = np.where(kept >= _LARGEST, died / np.maximum(kept, _LARGEST), np.nan)
    return table.assign(status=np.where(good, "completed", "failed: not solved"), starved=starved, **seen)


_summaries = eqx.filter_jit(eqx.filter_vmap(imaging.summary, in_axes=(eqx.if_array(0), eqx.if_array(0), None)))


def _spoken(case: Case, row: dict[Any, Any], axes: Sequence[str]) -> tuple[Any, ...]:
    """Parameters, products and injections of one run; an untreated one has the case's, and they are not given."""
    point = {name: float(row[name]) for name in axes}
    treated = row["point"] != UNTREATED
    treatment = schedule.changed(case.treatments[0], point) if treated else case.treatments[0]
    told = {name: value for name, value in row.items() if name not in (*axes, "run", "point", "member", "doses")}
    parameters, therapies, _ = spoken(told)
    room = (1, int(row["doses"]))
    products, injections = prescribe([treatment], case.disc.grade, room, therapies, **case.needle())
    injections = eqx.tree_at(lambda i: i.given, injections, jnp.asarray(float(treated)))
    return adjoint.Parameters.from_evidence(case.parameter_overrides() | parameters), products, injections


# ---------------------------------------------------------------------------------------------- judging


def effects(runs: pd.DataFrame) -> pd.DataFrame:
    """Effect by point (rows) and member (columns); a member that failed anywhere is left out everywhere."""
    bad = set(runs.loc[runs["status"] != "completed", "member"])
    wide = runs[~runs["member"].isin(bad)].pivot(index="point", columns="member", values="value")
    if wide.shape[1] < 2:
        raise InputError("Fewer than two draws could be solved; try --mesh coarse.")
    return wide.drop(index=UNTREATED) - wide.loc[UNTREATED]


def response(asked: Plan, runs: pd.DataFrame) -> pd.DataFrame:
    """One row a point: its values, the effect with the used values and its mean and quantiles over the draws, and the
    same of the share of cells that starve.
    """
    made = asked.points.rename_axis("point").reset_index()
    starved = runs.pivot(index="point", columns="member", values="starved").loc[made["point"]]
    for what, table in (("effect", effects(runs)), ("starved", starved)):
        drawn = table[[member for member in table if member != USED]]
        if USED in table:
            made[f"{what}_used"] = table[USED].to_numpy()
        made[f"{what}_mean"] = drawn.mean(axis=1).to_numpy()
        for word, q in QUANTILES.items():
            made[f"{what}_{word}"] = drawn.quantile(q, axis=1).to_numpy()
    return made


def judge(asked: Plan, runs: pd.DataFrame) -> dict[str, Any]:
    """What is best, how sure, and where the range ends; plain numbers for the page and the terminal.

    best: the point of the greatest mean effect over the draws, with the effect there; first: what is said of the axis
    that is even on the logarithm or the first one; repeats: what further injections add, where they were asked for.
    """
    table, by_member = response(asked, runs), effects(runs)
    drawn = [member for member in by_member if member != USED]
    grid = table[table["point"] != WRITTEN]
    best = grid.loc[grid["effect_mean"].idxmax()]
    winners = grid.loc[by_member.loc[grid["point"], drawn].idxmax().to_numpy()]
    told: dict[str, Any] = {
        "best": _told(asked, best),
        "written": _told(asked, table[table["point"] == WRITTEN].iloc[0]),
        "used": None,
        "draws": len(drawn),
        "failed": len(asked.drawn) - by_member.shape[1],
        "axes": {axis.name: _along(axis, best, winners) for axis in asked.axes},
    }
    if USED in by_member:
        told["used"] = _told(asked, grid.loc[grid["effect_used"].idxmax()])
    first = next((axis for axis in asked.axes if axis.smooth and len(axis.values) > 2), None)
    if first:
        told["first"] = _first(asked, first, table, by_member, runs, best)
    if any(axis.name == "repeat_interval" for axis in asked.axes):
        told["repeats"] = _repeats(asked, table, by_member)
    return told


def _told(asked: Plan, row: pd.Series) -> dict[str, Any]:
    columns = [c for c in row.index if c.startswith(("effect_", "starved_"))]
    return {"point": {a.name: float(row[a.name]) for a in asked.axes}} | {c: float(row[c]) for c in columns}


def _along(axis: Axis, best: pd.Series, winners: pd.DataFrame) -> dict[str, Any]:
    """Where the best value of an axis lies, on average and draw by draw, and how often at its ends."""
    values = winners[axis.name].to_numpy(float)
    ends = {"low": axis.values[0], "high": axis.values[-1]}
    here = float(best[axis.name])
    edge = next((word for word, end in ends.items() if here == end and axis.name != "repeat_interval"), "")
    shares = {f"at_{word}": float(np.mean(values == end)) for word, end in ends.items()}
    return {"best": here, "edge": edge, "values": sorted(values.tolist())} | shares


def _curve(axis: Axis, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Places along an axis and a curve through the values at its points, which nowhere overshoots them."""
    from scipy.interpolate import PchipInterpolator

    shares = np.linspace(0, 1, _FINE)
    known = np.array([axis.share(v) for v in axis.values])
    return np.array([axis.at(s) for s in shares]), PchipInterpolator(known, values)(shares)


def line(asked: Plan, axis: Axis, at: Mapping[str, float]) -> list[int]:
    """Numbers of the grid's points along an axis, all other values as in `at`."""
    grid = asked.points.iloc[1:]
    here = np.ones(len(grid), bool)
    for other in asked.axes:
        if other.name != axis.name:
            here &= grid[other.name].to_numpy() == at[other.name]
    return grid.index[here].tolist()


def _first(
    asked: Plan, axis: Axis, table: pd.DataFrame, by_member: pd.DataFrame, runs: pd.DataFrame, best: pd.Series
) -> dict[str, Any]:
    """Along the first axis, other values as at the best point: the best value of every draw between the points, from
    where the effect is nearly the best one, and from where half of the cells that stay starve.
    """
    points = line(asked, axis, best)
    starved = runs.pivot(index="point", columns="member", values="starved").loc[points]
    tops, halves = {}, {}
    for member in by_member:
        tops[member] = _top(axis, by_member.loc[points, member].to_numpy(float))
        share = starved[member].to_numpy(float)
        halves[member] = _crossing(*_curve(axis, share)) if np.isfinite(share).all() else np.inf
    drawn = [member for member in by_member if member != USED]
    mean = by_member.loc[points, drawn].mean(axis=1).to_numpy(float)
    places, values = _curve(axis, mean)
    enough = places[np.argmax(values >= PLATEAU * values.max())] if values.max() > 0 else np.nan
    half = np.array([halves[member] for member in drawn])
    reached = np.isfinite(half)
    return {
        "axis": axis.name,
        "top": {word: float(np.quantile([tops[m] for m in drawn], q)) for word, q in QUANTILES.items()},
        "enough": float(enough),
        "missed": _missed(axis, mean),
        "half_used": halves.get(USED, np.inf),
        "half": {word: float(np.quantile(half, q, method="nearest")) for word, q in QUANTILES.items()},
        "half_reached": float(np.mean(reached)),
    }


def _missed(axis: Axis, values: np.ndarray) -> float:
    """How far the curve through the other points misses each inner one, root mean square relative to their spread; NaN
    where there are too few.
    """
    from scipy.interpolate import PchipInterpolator

    shares, spread = np.array([axis.share(v) for v in axis.values]), float(np.std(values))
    if len(values) < _LEAST or not spread > 0:
        return np.nan
    inner = range(1, len(values) - 1)
    missed = [float(PchipInterpolator(*(np.delete(x, k) for x in (shares, values)))(shares[k])) for k in inner]
    return float(np.sqrt(np.mean((np.array(missed) - values[1:-1]) ** 2))) / spread


def _top(axis: Axis, values: np.ndarray) -> float:
    """Where the parabola through the greatest value and its neighbours has its top; an end where that is the end."""
    k = int(np.argmax(values))
    if not 0 < k < len(values) - 1:
        return axis.values[k]
    near = slice(k - 1, k + 2)
    bent, slope, _ = np.polyfit([axis.share(v) for v in axis.values[near]], values[near], 2)
    return axis.at(float(-slope / (2 * bent))) if bent < 0 else axis.values[k]


def _crossing(places: np.ndarray, values: np.ndarray) -> float:
    """Where values first reach a half; infinite where they do not."""
    over = values >= 0.5
    return float(places[int(np.argmax(over))]) if over.any() else np.inf


def _repeats(asked: Plan, table: pd.DataFrame, by_member: pd.DataFrame) -> list[dict[str, Any]]:
    """What injecting again adds to injecting once: of the same dose, and of the same cells in equal parts.

    At the dose of the case and at the best single one; between the doses of the grid a curve is read.
    """
    intervals = next(axis for axis in asked.axes if axis.name == "repeat_interval")
    dose = next((axis for axis in asked.axes if axis.name == "dose"), None)
    once = table[(table["point"] != WRITTEN) & (table["repeat_interval"] == schedule.ONCE)]
    single = once.loc[once["effect_mean"].idxmax()]
    doses = {"best single dose": float(single["dose"])} if dose else {"": np.nan}
    written = asked.case.treatments[0]
    if dose and dose.values[0] <= written.dose <= dose.values[-1] and written.dose != single["dose"]:
        doses = {"dose of the case": written.dose} | doses
    parts = max(written.repeats, 1) + 1
    drawn = [member for member in by_member if member != USED]
    found = []
    for (words, amount), every in itertools.product(doses.items(), intervals.values[1:]):
        for split in (False, True) if dose else (False,):
            given = amount / parts if split else amount
            if dose and given < dose.values[0]:
                continue
            added = np.array(
                [
                    _read(asked, dose, by_member[m], single, every, given)
                    - _read(asked, dose, by_member[m], single, schedule.ONCE, amount)
                    for m in drawn
                ]
            )
            quantiles = {word: float(np.quantile(added, q)) for word, q in QUANTILES.items()}
            found.append(
                {"at": words, "dose": amount, "every": every, "split": split, "parts": parts}
                | quantiles
                | {"mean": float(added.mean()), "better": float(np.mean(added > 0))}
            )
    return found


def _read(asked: Plan, dose: Axis | None, effect: pd.Series, at: pd.Series, every: float, amount: float) -> float:
    """The effect of one member at a dose and an interval, other values as at the best single injection."""
    here = {axis.name: float(at[axis.name]) for axis in asked.axes} | {"repeat_interval": every}
    if dose is None:
        return float(effect[line(asked, asked.axes[0], here)[0]])
    places, values = _curve(dose, effect[line(asked, dose, here)].to_numpy(float))
    return float(np.interp(np.log(amount), np.log(places), values))


# ---------------------------------------------------------------------------------------------- following the gradient


def refine(asked: Plan, start: Mapping[str, float], size: str, tell: adjoint.Tell) -> pd.DataFrame:
    """From a point of the grid uphill with the used values: one row an evaluation, values, effect and slopes (effect
    for a whole range). What is no smooth axis stays.

    L-BFGS-B within the ends of the axes, on the fixed steps of the adjoint.
    """
    from scipy.optimize import minimize

    moving = [axis for axis in asked.axes if axis.smooth]
    untreated = adjoint.value(asked.case, size, asked.column, asked.at, adjoint.numbers(asked.case, {}, {}, 0.0))
    rows: list[dict[str, float]] = []

    def value(shares: np.ndarray) -> tuple[float, np.ndarray]:
        point = dict(start) | {axis.name: axis.at(float(s)) for axis, s in zip(moving, shares, strict=True)}
        case = _with(asked, point)
        seen, bars = adjoint.gradient(
            case, size, asked.column, asked.at, adjoint.numbers(case, {}, {}, 1.0),
            lambda done, total, words: tell(len(rows), _CLIMBS, f"gradient {len(rows) + 1}: {words}"),
        )  # fmt: skip
        slopes = np.array([_slope(asked, point, axis, bars) for axis in moving])
        told = {f"slope_{axis.name}": float(s) for axis, s in zip(moving, slopes, strict=True)}
        rows.append(point | {"effect": seen - untreated} | told)
        return -seen, -slopes

    if moving:
        shares = [axis.share(start[axis.name]) for axis in moving]
        options = {"maxfun": _CLIMBS, "maxiter": _CLIMBS}
        minimize(value, shares, jac=True, method="L-BFGS-B", bounds=[(0, 1)] * len(moving), options=options)
    return pd.DataFrame(rows[:_CLIMBS])


def _with(asked: Plan, point: Mapping[str, float]) -> Case:
    return asked.case.model_copy(update={"treatments": [asked.treatment(point)]})


def _slope(asked: Plan, point: Mapping[str, float], axis: Axis, bars: adjoint.Numbers) -> float:
    """The derivative with respect to the share of one axis; from the treatment to the model's numbers is arithmetic, so
    that part is taken by differences.
    """
    share = axis.share(point[axis.name])
    width = _STEP if share < 0.5 else -_STEP
    ends = [
        adjoint.numbers(_with(asked, dict(point) | {axis.name: axis.at(share + by)}), {}, {}, 1.0)[1:]
        for by in (0.0, width)
    ]
    change = jax.tree.map(lambda here, there: (there - here) / width, *ends)
    terms = jax.tree.map(lambda bar, by: jnp.sum(jnp.where(by == 0, 0.0, bar * by)), bars[1:], change)
    return float(sum(jax.tree.leaves(terms)))


_STEP = 1e-5  # maths: of a range, for differences of what is arithmetic
