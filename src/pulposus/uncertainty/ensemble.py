"""Many members of one case, each with numbers of its own, through the clock in batches.

What: `run_members` runs every member untreated and treated and returns one row a member, arm and month. Members go in
chunks of one fixed form, so that the program is compiled once; the last chunk is filled up with copies that are left
out. Arms go apart: an untreated disc need not wait for the short steps after a dose.
Why processes: one XLA program uses little more than one core here, so chunks are shared out among as many processes as
there are cores, each with one thread of its own: with several, XLA was seen to hang. Whoever computes a chunk, its
bits are the same.
A member that fails is a row with its status, and no one else's trouble.
"""

from __future__ import annotations

import functools
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd

from pulposus import imaging, interrupt
from pulposus.case import Case
from pulposus.disc import mesh, simulate
from pulposus.disc.parameters import Parameters
from pulposus.disc.state import Disc, State, stacked
from pulposus.results import ARMS
from pulposus.run import remember_compilations, shape_of, status
from pulposus.therapies.biological import Injections, prescribe
from pulposus.uncertainty.draws import spoken

CHUNK = 25  # maths: members of a batch; one form for the compiler, small enough to stop and go on
_WAIT = 0.5  # maths: seconds between two looks for Ctrl-C
_MONTHS = 12  # maths: months of a year
_QUARTER = 3  # maths: months between rows once a year has passed in which nothing was given
Progress = Callable[[int, int, str], None]


def members(case: Case, drawn: pd.DataFrame, size: str) -> tuple[Disc, State, Injections, imaging.T2Scale]:
    """Discs of a resolved case with the numbers of each row of `drawn`, ready at time 0, with what is injected."""
    made = [_spoken(case, row) for row in drawn.to_dict("records")]
    parameters, products, injections, scanner = (stacked([one[k] for one in made]) for k in range(4))
    discs, states = _prepared(
        mesh.sized(size),
        shape_of(case),
        case.hypotheses(),
        parameters,
        products,
        float(case.disc.grade),
        (case.person.age or 0.0) * simulate.YEAR,
        case.disc.endplate,
    )
    return discs, states, injections, scanner


def _spoken(case: Case, row: dict[str, Any]) -> tuple[Any, ...]:
    parameters, therapies, scanner = spoken({name: value for name, value in row.items() if name != "member"})
    products, injections = prescribe(case.treatments, case.disc.grade, own=therapies, **case.needle())
    t2 = imaging.T2Scale.from_evidence()
    by_grade = [scanner.get(f"nucleus_t2_grade{g}", float(t2.by_grade[k])) for k, g in enumerate(imaging.GRADES)]
    own = Parameters.from_evidence(case.parameter_overrides() | parameters)
    return own, products, injections, imaging.T2Scale(jnp.array(by_grade))


@eqx.filter_jit
def _prepared(
    topology: Any,
    shape: Any,
    hypotheses: Any,
    parameters: Parameters,
    products: Any,
    grade: float,
    age: float,
    endplate: str,
) -> tuple[Disc, State]:
    def one(p: Parameters, product: Any) -> tuple[Disc, State]:
        return simulate.prepare(topology, shape, p, hypotheses, product, pfirrmann=grade, age=age, endplate=endplate)

    return eqx.filter_vmap(one)(parameters, products)


_each = (eqx.if_array(0), eqx.if_array(0), eqx.if_array(0))
_summaries = eqx.filter_jit(eqx.filter_vmap(imaging.summary, in_axes=_each))


def looked_at(case: Case) -> list[int]:
    """Months with a row: each in the first year and in the year after a dose, then every third, and the last."""
    end = round(case.run.years * _MONTHS)
    starts = [0, *(month for t in case.treatments for month in t.months)]
    near = {m for m in range(end + 1) for start in starts if 0 <= m - start <= _MONTHS}
    return sorted(near | set(range(0, end, _QUARTER)) | {end})


def courses(
    discs: Disc, states: State, injections: Injections, scanner: imaging.T2Scale, months: Sequence[int]
) -> Iterator[tuple[str, int, dict[str, np.ndarray]]]:
    """Arm, month and summary (column -> value by member) of a batch at each of `months`, one arm after the other."""
    for arm, given in zip(ARMS, (0.0, 1.0), strict=True):
        one = eqx.tree_at(lambda i: i.given, injections, jnp.full_like(injections.given, given))
        calendar = [m * simulate.MONTH for m in months]
        for index, now in simulate.simulate(discs, states, (one,), calendar):
            yield arm, months[index], {name: np.asarray(v) for name, v in _summaries(discs, now, scanner).items()}


Work = Callable[[Any], pd.DataFrame]


def chunk(text: str, drawn: pd.DataFrame, size: str) -> pd.DataFrame:
    """Rows of a chunk of members; the case as its TOML, so that another process can be asked. Fills up to CHUNK."""
    import tomllib

    remember_compilations()
    case = Case.from_dict(tomllib.loads(text)).resolved()
    real = len(drawn)
    filled = pd.concat([drawn, *[drawn.iloc[-1:]] * (CHUNK - real)], ignore_index=True)
    parts = []
    for arm, month, values in courses(*members(case, filled, size), looked_at(case)):
        keys = {"member": drawn["member"].to_numpy(), "arm": arm, "month": month, "year": month / _MONTHS}
        parts.append(pd.DataFrame(keys | {name: value[:real] for name, value in values.items()}))
    table = pd.concat(parts, ignore_index=True)
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
    progress: Progress | None = None,
    keep: Callable[[pd.DataFrame], None] = lambda table: None,
) -> pd.DataFrame:
    """Every member of `drawn` through the years of the case: one row a member, arm and month, with its status.

    done: rows of an earlier, stopped ensemble of the same draws, which are kept. keep: is handed all rows so far when a
    chunk is over. On KeyboardInterrupt what was kept stays.
    """
    mesh.sized(size)
    work = functools.partial(chunk, case.resolved().to_toml(), size=size)
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
    count = min(len(chunks), workers or os.cpu_count() or 1)
    if workers == 1 or not chunks:
        for part in chunks:
            look()
            yield work(part)
        return
    pool = ProcessPoolExecutor(count, multiprocessing.get_context("spawn"), initializer=_worker)
    alone = {name: os.environ.get(name) for name in _ALONE}
    os.environ.update(_ALONE)  # processes inherit it when they start, which is with the first chunks
    try:
        waiting = {pool.submit(work, part) for part in chunks}
        while waiting:
            over, waiting = wait(waiting, _WAIT, FIRST_COMPLETED)
            for future in over:
                yield future.result()
            look()
            interrupt.check()
    except BaseException:
        for process in list(pool._processes.values()):
            process.terminate()
        raise
    finally:
        for name, before in alone.items():
            os.environ.pop(name) if before is None else os.environ.update({name: before})
        pool.shutdown(wait=False, cancel_futures=True)


_ALONE = {"NPROC": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def _worker() -> None:
    """One thread, and Ctrl-C is for the process that shares out the work."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    jax.config.update("jax_cpu_enable_async_dispatch", False)
