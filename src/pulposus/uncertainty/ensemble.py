"""Many members of one case, each with numbers of its own, through the clock in batches.

What: `run_members` runs every member untreated and treated and returns one row a member, arm and month. A member goes
through the clock alone, with steps of three months at most once nothing new happens, and the whole disc solved half as
often as in a run (at the end as in a run): in a batch each would wait for the slowest in every loop (steps, Newton,
Krylov), which costs more than a batch saves on these small meshes.
Chunks are shared out among as many processes as there are cores (`staff`). Whoever computes a member, its bits are the
same.
A member that fails is a row with its status, and no one else's trouble.
"""

from __future__ import annotations

import functools
import multiprocessing.connection
import os
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pandas as pd

from pulposus import imaging, interrupt, staff
from pulposus.case import Case
from pulposus.disc import mesh, simulate
from pulposus.disc.parameters import Parameters
from pulposus.disc.state import Disc, State, stacked
from pulposus.errors import InputError
from pulposus.results import ARMS
from pulposus.run import remember_compilations, status
from pulposus.therapies.biological import Injections, prescribe
from pulposus.uncertainty.draws import formed, spoken

CHUNK = 10  # maths: members that a process computes before it hands them over: what Ctrl-C may cost
_MONTHS = 12  # maths: months of a year
SELDOM = 2.0  # maths: times what may go in a run before the whole disc is solved again (tests/test_mechanics.py)
_QUARTER = 3  # maths: months between rows, and of a step, once a year has passed in which nothing was given
Progress = Callable[[int, int, str], None]


def members(
    case: Case, drawn: pd.DataFrame, size: str, mechanics: str = "columns"
) -> tuple[Disc, State, Injections, imaging.T2Scale]:
    """Discs of a resolved case with the numbers of each row of `drawn`, ready at time 0, with what is injected; with
    the mechanics of columns, or those of the case.
    """
    hypotheses = case.hypotheses() if mechanics == "solid" else case.hypotheses().by_columns()
    rows = [{str(name): value for name, value in row.items()} for row in drawn.to_dict("records")]
    made = [_spoken(case, row) for row in rows]
    ready = [
        simulate.prepare(
            mesh.sized(size),
            formed(case, row),
            parameters,
            hypotheses,
            products,
            pfirrmann=float(case.disc.grade),
            age=(case.person.age or 0.0) * simulate.YEAR,
            endplate=case.disc.endplate,
        )
        for row, (parameters, products, _, _) in zip(rows, made, strict=True)
    ]
    discs, states = (stacked([one[k] for one in ready]) for k in (0, 1))
    injections, scanner = (stacked([one[k] for one in made]) for k in (2, 3))
    return discs, states, injections, scanner


def _spoken(case: Case, row: dict[str, Any]) -> tuple[Any, ...]:
    parameters, therapies, scanner = spoken({name: value for name, value in row.items() if name != "member"})
    products, injections = prescribe(case.treatments, case.disc.grade, own=therapies, **case.needle())
    t2 = imaging.T2Scale.from_evidence()
    by_grade = [scanner.get(f"nucleus_t2_grade{g}", float(t2.by_grade[k])) for k, g in enumerate(imaging.GRADES)]
    own = Parameters.from_evidence(case.parameter_overrides() | parameters)
    return own, products, injections, imaging.T2Scale(jnp.array(by_grade))


_each = (eqx.if_array(0), eqx.if_array(0), eqx.if_array(0))
_summaries = eqx.filter_jit(eqx.filter_vmap(imaging.summary, in_axes=_each))


def looked_at(case: Case) -> list[float]:
    """Months with a row: each in the first year and in the year after a dose, a day after each dose (where the curve of
    injected cells has jumped), then every third, and the last.
    """
    end = round(case.run.years * _MONTHS)
    doses = [month for t in case.treatments for month in t.months]
    near = {m for m in range(end + 1) for start in [0, *doses] if 0 <= m - start <= _MONTHS}
    fields = {m for dose in doses for m in imaging.save_months(case.run.years, dose)}
    return sorted({*near, *range(0, end, _QUARTER), *fields, end})


def courses(
    discs: Disc, states: State, injections: Injections, scanner: imaging.T2Scale, months: Sequence[float]
) -> Iterator[tuple[str, float, dict[str, np.ndarray]]]:
    """Arm, month and summary (column -> value by member) of a batch at each of `months`, one arm after the other."""
    for arm, given in zip(ARMS, (0.0, 1.0), strict=True):
        one = eqx.tree_at(lambda i: i.given, injections, jnp.full_like(injections.given, given))
        calendar = [m * simulate.MONTH for m in months]
        longest, formed = _QUARTER * simulate.MONTH, SELDOM * simulate.FORMED
        for index, now in simulate.simulate(discs, states, (one,), calendar, longest=longest, formed=formed):
            yield arm, months[index], {name: np.asarray(v) for name, v in _summaries(discs, now, scanner).items()}


Work = Callable[[Any], pd.DataFrame]


def chunk(text: str, size: str, months: Sequence[float], mechanics: str, drawn: pd.DataFrame) -> pd.DataFrame:
    """Rows of a chunk of members; the case as its TOML, so that another process can be asked."""
    import tomllib

    remember_compilations()
    case = Case.from_dict(tomllib.loads(text)).resolved()
    parts = []
    for place in range(len(drawn)):
        one = drawn.iloc[place : place + 1]
        for arm, month, values in courses(*members(case, one, size, mechanics), months):
            keys = {"member": one["member"].to_numpy(), "arm": arm, "month": month, "year": month / _MONTHS}
            parts.append(pd.DataFrame(keys | values))
    table = pd.concat(parts, ignore_index=True).assign(mechanics=mechanics)
    return _judged(table, size)


def _judged(table: pd.DataFrame, size: str) -> pd.DataFrame:
    """The rows with a status a member: what the clock says of the worse arm, or that a number is not finite."""
    said = {}
    numbers = table.select_dtypes("number").columns
    for member, rows in table.groupby("member"):
        worst = [text for text in status(rows).values() if text != "completed"]
        finite = bool(np.isfinite(rows[numbers].to_numpy(float)).all())
        said[member] = worst[0] if worst else "completed" if finite else "failed: a result is not a finite number"
    table.insert(1, "status", table["member"].map(said))
    table.insert(2, "mesh", size)
    return table


def run_members(
    case: Case,
    drawn: pd.DataFrame,
    *,
    size: str = "coarse",
    done: pd.DataFrame | None = None,
    workers: int | None = None,
    months: Sequence[float] | None = None,
    mechanics: str = "columns",
    progress: Progress | None = None,
    keep: Callable[[pd.DataFrame], None] = lambda table: None,
) -> pd.DataFrame:
    """Every member of `drawn` through the years of the case: one row a member, arm and month, with its status.

    done: rows of an earlier, stopped ensemble of the same draws, which are kept. months: when to look, the first is 0
    (as `looked_at` where none are given). mechanics: "columns", or "solid" for those of the case. keep: is handed all
    rows so far when a chunk is over. On KeyboardInterrupt what was kept stays.
    """
    mesh.sized(size)
    case = case.resolved()
    months = looked_at(case) if months is None else months
    work = functools.partial(chunk, case.to_toml(), size, tuple(months), mechanics)
    parts = [] if done is None or done.empty else [done[done["member"].isin(drawn["member"])]]
    over = set(parts[0]["member"]) if parts else set()
    todo = drawn[~drawn["member"].isin(over)]
    chunks = [todo.iloc[k : k + CHUNK] for k in range(0, len(todo), CHUNK)]
    tell = progress or (lambda count, total, what: None)
    count = len(drawn) - len(todo)

    def look() -> None:
        tell(count, len(drawn), f"ensemble, member {count} of {len(drawn)}")

    look()
    for made in shared_out(chunks, work, workers, look):
        parts.append(made)
        count += made["member"].nunique()
        table = pd.concat(parts, ignore_index=True).sort_values(["member", "arm", "month"], ignore_index=True)
        keep(table)
        look()
    return pd.concat(parts, ignore_index=True).sort_values(["member", "arm", "month"], ignore_index=True)


def shared_out(
    chunks: Sequence[Any], work: Work, workers: int | None, look: Callable[[], None]
) -> Iterator[pd.DataFrame]:
    """Each chunk when it is over, computed by other processes, or here where one worker was asked for: a large batch
    in a process of many threads has been seen to hang.
    """
    if workers == 1 or not chunks:
        for part in chunks:
            look()
            yield work(part)
        return
    todo = list(reversed(chunks))
    with staff.staff(min(len(chunks), workers or os.cpu_count() or 1), work) as pipes:
        busy = list(pipes)
        for pipe in busy:
            pipe.send(todo.pop())
        while busy:
            ready = multiprocessing.connection.wait(busy, staff.WAIT)
            for pipe in [pipe for pipe in busy if pipe in ready]:
                yield _received(pipe)
                if todo:
                    pipe.send(todo.pop())
                else:
                    busy.remove(pipe)
            look()
            interrupt.check()


def _received(pipe: Connection) -> pd.DataFrame:
    """The rows of a chunk from the process that computed it. Raises what was raised there, or that it is gone."""
    try:
        made = pipe.recv()
    except (EOFError, OSError):
        said = "A process of the ensemble was ended from outside, perhaps for want of memory"
        raise InputError(f"{said}; members that are done are kept, go on with --resume.") from None
    if isinstance(made, BaseException):
        raise made
    return made
