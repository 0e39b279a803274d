"""Ours against scikit-fem with SciPy: steady oxygen, lactate and glucose on the same mesh, to the same true error, on
this machine, in one run.

Same error means: the largest difference at any node from a tightly converged solution (the peer's), relative to the
largest concentration of that solute in the disc (what blood offers of oxygen and glucose, what the middle holds of
lactate), is at most ACCURACY. Each side runs at the loosest tolerance of its own that attains it, found on a ladder;
the peer also in the fastest of its variants, cold and warm separately. Cold starts from the boundary values; warm from
the solution, with two percent more cells. Times are the least of several, ours and the peer's in alternation. Assembly
and compilation are printed beside, and belong to neither.
"""

from __future__ import annotations

import argparse
import functools
import json
import math
import os
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import scipy
import skfem
from peer import Peer, stiffness
from problem import SIZES, WARMER, Problem, assemble, distinct, numbers, problem, reference, solve
from scipy import sparse

from pulposus.disc import mesh
from pulposus.disc.mesh import Topology
from pulposus.disc.parameters import Parameters

ACCURACY = 1e-6
LADDER = [10 ** (-k / 4) for k in range(12, 41)]
TIGHT = 1e-13
WORTH = 1.5  # variants of the peer within this factor of its best on the smallest mesh are tried on the larger ones


def timed(work: Callable[[], Any], repeats: int = 1) -> tuple[float, Any]:
    """Least seconds of `repeats` runs, and the last result."""
    least = math.inf
    for _ in range(repeats):
        begin = time.perf_counter()
        result = jax.block_until_ready(work())
        least = min(least, time.perf_counter() - begin)
    return least, result


def alternating(works: dict[str, Callable[[], Any]], repeats: int) -> dict[str, float]:
    """Least seconds of each, taking turns so that whatever else the machine does falls on all."""
    least = dict.fromkeys(works, math.inf)
    for _ in range(repeats):
        for name, work in works.items():
            least[name] = min(least[name], timed(work)[0])
    return least


def stencil_matrix(topology: Topology, stencil: Any) -> sparse.csr_matrix:
    """Our stencil as a matrix over distinct nodes."""
    place = numbers(topology)
    r, s, layers = topology.shape
    rows, columns, values = [], [], []
    for row, (a, b, c) in zip(np.asarray(stencil), mesh.OFFSETS, strict=True):
        i, j, k = np.indices(topology.shape)
        inside = (i + a >= 0) & (i + a < r) & (k + c >= 0) & (k + c < layers)
        rows.append(place[inside])
        columns.append(place[(i + a)[inside], ((j + b) % s)[inside], (k + c)[inside]])
        values.append(row[inside])
    entries = np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))
    return sparse.coo_matrix(entries, shape=(topology.nodes,) * 2).tocsr()


def loosest(run: Callable[[float], Any], error: Callable[[Any], float], accuracy: float) -> tuple[float, Any] | None:
    """The loosest tolerance of the ladder whose answer is accurate enough, and that answer."""
    for tolerance in LADDER:
        answer = run(tolerance)
        if error(answer) <= accuracy:
            return tolerance, answer
    return None


def compare(name: str, limiter: bool, accuracy: float, repeats: int, only: set[str] | None) -> dict[str, Any]:
    """All numbers of one mesh size; `only` restricts the peer's variants."""
    topology, parameters = SIZES[name], Parameters.from_evidence()
    given = jax.jit(functools.partial(problem, topology, reference()))(parameters)
    build = jax.jit(functools.partial(assemble, topology))
    compile_assembly, _ = timed(lambda: build(given))
    assembly, operator = timed(lambda: build(given), repeats)
    peer_assembly, matrix = timed(lambda: stiffness(topology, given), 3)
    peer = Peer(topology, given, parameters, limiter, matrix)
    apart = abs(stencil_matrix(topology, operator.stencil) - matrix).max() / abs(matrix).max()

    ours = jax.jit(functools.partial(solve, topology, parameters, limiter))
    compilation, _ = timed(lambda: ours(operator, given, given.start, 1.0))
    exact = peer.in_turn(peer.start, peer.cells, TIGHT, 1e-6).field
    peer.largest = np.maximum(peer.largest, exact.max(1))
    full = ours(operator, given, given.start, 10 * TIGHT)
    result: dict[str, Any] = {
        "mesh": name,
        "nodes": topology.nodes,
        "limiter": limiter,
        "stiffness_difference": float(apart),
        "agreement": peer.difference(distinct(topology, full.field)[:, peer.free], exact),
        "assembly_s": assembly,
        "peer_assembly_s": peer_assembly,
        "compilation_s": compilation + compile_assembly,
    }
    more = given._replace(cells=given.cells * WARMER)
    warm_exact = peer.in_turn(exact, peer.cells * WARMER, TIGHT, 1e-6).field
    settings = {
        "cold": (given, given.start, peer.start, peer.cells, exact),
        "warm": (more, full.field, exact, peer.cells * WARMER, warm_exact),
    }
    for kind, setting in settings.items():
        result[kind] = race(topology, peer, functools.partial(ours, operator), setting, accuracy, repeats, only)
    return result


def race(
    topology: Topology,
    peer: Peer,
    ours: Callable[..., Any],
    setting: tuple[Problem, Any, np.ndarray, np.ndarray, np.ndarray],
    accuracy: float,
    repeats: int,
    only: set[str] | None,
) -> dict[str, Any]:
    """Ours and the peer's fastest variant from one start to one accuracy."""
    given, start, peer_start, cells, exact = setting

    def field(solved: Any) -> np.ndarray:
        return distinct(topology, solved.field)[:, peer.free]

    mine = loosest(lambda t: ours(given, start, t), lambda s: peer.difference(field(s), exact), accuracy)
    if mine is None:
        raise RuntimeError(f"ours does not come within {accuracy} of the peer's solution")
    contenders = {}
    for variant, run in peer.variants().items():
        if only is None or variant in only:
            found = loosest(
                lambda t, run=run: run(peer_start, cells, t), lambda a: peer.difference(a.field, exact), accuracy
            )
            if found:
                contenders[variant] = (run, *found)
    trial = alternating({v: lambda run=run, t=t: run(peer_start, cells, t) for v, (run, t, _) in contenders.items()}, 3)
    best = min(trial, key=trial.__getitem__)
    run, tolerance, answer = contenders[best]
    seconds = alternating(
        {"ours": lambda: ours(given, start, mine[0]), "peer": lambda: run(peer_start, cells, tolerance)}, repeats
    )
    return {
        "ours_s": seconds["ours"],
        "peer_s": seconds["peer"],
        "ratio": seconds["peer"] / seconds["ours"],
        "ours_tolerance": mine[0],
        "peer_tolerance": tolerance,
        "ours_error": peer.difference(field(mine[1]), exact),
        "peer_error": peer.difference(answer.field, exact),
        "ours_imbalance": peer.imbalance(field(mine[1]), cells),
        "peer_imbalance": peer.imbalance(answer.field, cells),
        "newton": int(mine[1].newton),
        "krylov": int(mine[1].krylov),
        "peer_variant": best,
        "peer_sweeps": answer.sweeps,
        "peer_products": answer.products,
        "peer_variants_s": trial,
    }


def growth(results: list[dict[str, Any]], kind: str, who: str) -> float:
    """Exponent of seconds in nodes from the smallest to the largest mesh."""
    first, last = results[0], results[-1]
    return math.log(last[kind][f"{who}_s"] / first[kind][f"{who}_s"]) / math.log(last["nodes"] / first["nodes"])


def machine() -> dict[str, Any]:
    """What this ran on."""
    info = Path("/proc/cpuinfo")
    names = (
        [line.split(":")[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
        if info.exists()
        else []
    )
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    versions = {m.__name__: m.__version__ for m in (jax, np, scipy, skfem)}
    return {
        "processor": names[0] if names else platform.processor(),
        "cores": cores,
        "python": platform.python_version(),
        **versions,
    }


def show(results: list[dict[str, Any]]) -> None:
    """One table for each problem."""
    head = f"{'nodes':>6} {'start':5} {'ours':>9} {'peer':>9} {'ratio':>6}  {'Newton':>6} {'Krylov':>6}"
    print(f"{head} {'error':>8} {'peer err':>8}  peer's fastest way")
    for r in results:
        for kind in ("cold", "warm"):
            k = r[kind]
            times = f"{k['ours_s'] * 1e3:6.1f} ms {k['peer_s'] * 1e3:6.1f} ms {k['ratio']:6.1f}"
            errors = f"{k['newton']:6d} {k['krylov']:6d} {k['ours_error']:8.1e} {k['peer_error']:8.1e}"
            way = f"{k['peer_variant']} ({k['peer_sweeps']} sweeps, {k['peer_products']} products)"
            print(f"{r['nodes']:6d} {kind:5} {times}  {errors}  {way}")
        print(
            f"       assembly {r['assembly_s'] * 1e3:.1f} ms against {r['peer_assembly_s'] * 1e3:.0f} ms; "
            f"ours compiles once, in {r['compilation_s']:.1f} s; "
            f"stiffness differs by {r['stiffness_difference']:.0e}, converged answers by {r['agreement']:.0e}"
        )
    for kind in ("cold", "warm"):
        ours, theirs = growth(results, kind, "ours"), growth(results, kind, "peer")
        sizes = f"{results[0]['nodes']} to {results[-1]['nodes']}"
        print(f"{kind}: from {sizes} nodes time grows as N^{ours:.2f}, the peer's as N^{theirs:.2f}")


def main() -> None:
    """Run, print, and write JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="also write all numbers here")
    parser.add_argument(
        "--accuracy",
        type=float,
        default=ACCURACY,
        help="true error both must attain, relative to each largest concentration",
    )
    parser.add_argument("--repeats", type=int, default=15, help="runs of which the fastest counts")
    parser.add_argument(
        "--limiter",
        choices=("with", "without", "both"),
        default="both",
        help="law a with or without its glucose limiter",
    )
    parser.add_argument("--cores", type=int, help="use this many processor cores")
    options = parser.parse_args()
    if options.cores:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.cores])
    jnp.zeros(()).block_until_ready()
    print(", ".join(f"{k} {v}" for k, v in machine().items()))
    print(f"true error at most {options.accuracy:.0e} of the largest concentration of each solute")
    report = []
    for limiter in {"with": (True,), "without": (False,), "both": (False, True)}[options.limiter]:
        print(f"\nlaw a {'with' if limiter else 'without'} glucose limiter")
        results: list[dict[str, Any]] = []
        only = None
        for name in SIZES:
            results.append(compare(name, limiter, options.accuracy, options.repeats, only))
            if only is None:
                only = set()
                for kind in ("cold", "warm"):
                    trial = results[0][kind]["peer_variants_s"]
                    only |= {v for v, s in trial.items() if s <= WORTH * min(trial.values())}
        show(results)
        report += results
    if options.json:
        options.json.write_text(
            json.dumps({"machine": machine(), "accuracy": options.accuracy, "results": report}, indent=1)
        )


if __name__ == "__main__":
    # Vectors here are short: BLAS with several threads is slower, most of all where cores are shared. Set before NumPy
    # loads it.
    if "OPENBLAS_NUM_THREADS" not in os.environ:
        os.environ["OPENBLAS_NUM_THREADS"] = "1"
        os.execv(sys.executable, [sys.executable, *sys.argv])
    main()
