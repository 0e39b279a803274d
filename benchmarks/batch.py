"""A batch of discs of different level, sex and grade in one call, against the same discs one by one: cost of a disc.

Each disc is assembled (coordinates, stencil, eigenbases) and solved for oxygen, lactate and glucose from the boundary
values, to the tolerance that the clock of the program uses. All discs of a batch wait for the slowest to converge.
"""

from __future__ import annotations

import argparse
import functools
import json
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from problem import assemble, levels_and_grades, problem, solve
from transport import alternating, machine, timed

from pulposus.disc import mesh
from pulposus.disc.diffusion import Solve
from pulposus.disc.geometry import Shape
from pulposus.disc.mesh import Topology
from pulposus.disc.parameters import Parameters

TOLERANCE = 1e-7


def balanced(topology: Topology, parameters: Parameters, shape: Shape, grade: Array) -> Solve:
    """Solutes of one disc."""
    given = problem(topology, shape, parameters, grade)
    return solve(topology, parameters, True, assemble(topology, given), given, given.start, jnp.asarray(TOLERANCE))


def measure(size: str, count: int, repeats: int) -> dict[str, Any]:
    """Seconds for the batch and for its discs one by one."""
    shapes, grades = levels_and_grades(count)
    one = jax.jit(functools.partial(balanced, mesh.sized(size), Parameters.from_evidence()))
    many = jax.jit(jax.vmap(functools.partial(balanced, mesh.sized(size), Parameters.from_evidence())))
    each = [(jax.tree.map(lambda leaf, i=i: leaf[i], shapes), grades[i]) for i in range(count)]
    compile_one, _ = timed(lambda: one(*each[0]))
    compile_many, together = timed(lambda: many(shapes, grades))
    alone = [one(*disc) for disc in each]
    works = {"batch": lambda: many(shapes, grades), "alone": lambda: [one(*disc) for disc in each]}
    seconds = alternating(works, repeats)
    apart = max(float(jnp.max(jnp.abs(a.field / together.field[i] - 1))) for i, a in enumerate(alone))
    return {
        "mesh": size,
        "nodes": mesh.sized(size).nodes,
        "discs": count,
        "batch_s_per_disc": seconds["batch"] / count,
        "alone_s_per_disc": seconds["alone"] / count,
        "ratio": seconds["batch"] / seconds["alone"],
        "krylov_least": min(int(a.krylov) for a in alone),
        "krylov_most": max(int(a.krylov) for a in alone),
        "compile_one_s": compile_one,
        "compile_batch_s": compile_many,
        "difference": apart,
    }


def main() -> None:
    """Run, print, and write JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="also write all numbers here")
    parser.add_argument("--discs", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--mesh", nargs="+", default=["coarse", "standard"])
    options = parser.parse_args()
    print(", ".join(f"{k} {v}" for k, v in machine().items()))
    results = []
    for size in options.mesh:
        r = measure(size, options.discs, options.repeats)
        results.append(r)
        together, alone = r["batch_s_per_disc"] * 1e3, r["alone_s_per_disc"] * 1e3
        print(
            f"{size} ({r['nodes']} nodes), {r['discs']} discs: "
            f"{together:.1f} ms a disc together, {alone:.1f} ms alone, "
            f"ratio {r['ratio']:.2f}; {r['krylov_least']} to {r['krylov_most']} Krylov iterations; "
            f"compiled in {r['compile_batch_s']:.1f} s ({r['compile_one_s']:.1f} s for one); "
            f"they differ by {r['difference']:.0e}"
        )
    if options.json:
        options.json.write_text(json.dumps({"machine": machine(), "results": results}, indent=1))


if __name__ == "__main__":
    main()
