"""The solid against felupe with Pardiso: the drained disc at rest, same mesh, same energy, same poses, in one run.

Cold: from the state as built, charge and pose growing together in steps. Warm: from that, the pose a tenth further. The
sudden load and an hour of flow are ours alone. Times are the least of several; compilation is printed beside. Each side
stops where its answer differs from a tightly converged one by less than ACCURACY of the largest displacement.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from problem import distinct, reference
from solid_peer import FelupePeer
from transport import timed

from pulposus.disc import composition, equilibrium, material, mesh, solid
from pulposus.disc.mesh import Topology
from pulposus.disc.parameters import Parameters
from pulposus.disc.state import Hypotheses

SIZES = {"coarse": mesh.SIZES["coarse"], "medium": Topology(15, 26, 17, 7, 2), "large": Topology(19, 36, 23, 9, 2)}
POSE = np.array([0, 0.2e-3, -1.0e-3, -0.04, 0.01, 0.0])
STEPS = 4
FURTHER = 1.1
ACCURACY = 1e-4
FORCE = -1000.0


def body_of(topology: Topology, **choices: str) -> solid.Solid:
    """The healthy reference disc."""
    p, hypotheses = Parameters.from_evidence(), Hypotheses.choose(**choices)
    made = composition.composition(p, hypotheses, p.healthy_grade)
    m = material.graded(topology, p, hypotheses, p.healthy_grade, *made)
    return solid.solid(topology, hypotheses, p, m, mesh.coordinates(topology, reference()))


def held(body: solid.Solid, pose: np.ndarray) -> equilibrium.Load:
    """The upper vertebra held in a pose."""
    given = equilibrium.unloaded(body)
    return eqx.tree_at(lambda a: (a.held, a.pose), given, (jnp.ones(6), jnp.asarray(pose)))


def pressed(body: solid.Solid, force: float) -> equilibrium.Load:
    """An axial force on the middle of the upper endplate."""
    return eqx.tree_at(lambda a: a.force, equilibrium.unloaded(body), jnp.array([0, 0, force]))


def compare(name: str, repeats: int) -> dict[str, Any]:
    """One mesh: seconds and Newton steps of both sides, and how far apart their answers are."""
    body = body_of(SIZES[name])
    near, far = held(body, POSE), held(body, FURTHER * POSE)
    ramped, balance = eqx.filter_jit(equilibrium.ramped), eqx.filter_jit(equilibrium.balance)
    after = eqx.filter_jit(equilibrium.after)
    compiling, _ = timed(lambda: ramped(body, near, STEPS), 1)
    cold, rested = timed(lambda: ramped(body, near, STEPS), repeats)
    balance(body, far, rested)
    warm, moved = timed(lambda: balance(body, far, rested), repeats)
    peer = FelupePeer(body)

    def turn(pose: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.asarray(equilibrium.rotation(jnp.asarray(pose[3:]))), pose[:3]

    stop = ACCURACY * 1e-3
    cold_peer, theirs = timed(lambda: peer.rest(*turn(POSE), STEPS, stop), 1)
    start = theirs.displacement
    warm_peer, there = timed(lambda: peer.rest(*turn(FURTHER * POSE), 1, stop, start), 1)
    scale = np.abs(there.displacement).max()
    apart = np.abs(distinct(body.topology, np.asarray(moved.displacement)) - there.displacement).max() / scale
    at_rest = ramped(body, pressed(body, FORCE / 4), STEPS)
    after(body, pressed(body, FORCE), at_rest, jnp.asarray(0.0))
    sudden, lifted = timed(lambda: after(body, pressed(body, FORCE), at_rest, jnp.asarray(0.0)), repeats)
    hour, flowed = timed(lambda: after(body, pressed(body, FORCE), lifted, jnp.asarray(3600.0)), repeats)
    return {
        "nodes": body.topology.nodes,
        "compile_s": compiling - cold,
        "cold_s": cold,
        "cold_felupe_s": cold_peer,
        "cold_ratio": cold_peer / cold,
        "warm_s": warm,
        "warm_felupe_s": warm_peer,
        "warm_ratio": warm_peer / warm,
        "newton": [int(rested.newton), int(moved.newton)],
        "newton_felupe": [theirs.newton, there.newton],
        "krylov": [int(rested.krylov), int(moved.krylov)],
        "apart": float(apart),
        "sudden_s": sudden,
        "sudden_newton_krylov": [int(lifted.newton), int(lifted.krylov)],
        "hour_s": hour,
        "hour_newton_krylov": [int(flowed.newton), int(flowed.krylov)],
    }


def main() -> None:
    """Run the sizes asked for and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", nargs="+", default=["coarse"], choices=list(SIZES))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    found = {name: compare(name, given.repeats) for name in given.sizes}
    for name, row in found.items():
        print(name)
        for key, value in row.items():
            print(f"  {key:24s} {value:.3g}" if isinstance(value, float) else f"  {key:24s} {value}")
    if given.json:
        given.json.write_text(json.dumps(found, indent=1), "utf-8")


if __name__ == "__main__":
    main()
