"""The solid against felupe with Pardiso: the drained disc at rest, same mesh, same energy, same poses, in one run.

Cold: from the state as built, charge and pose growing together in steps. Warm: from that, the pose a tenth further. The
sudden load and an hour of flow are ours alone. Times are the least of several; compilation is printed beside. Each side
stops where its answer differs from a tightly converged one by less than ACCURACY of the largest displacement.

With `--alone` felupe is left out (at 15,000 nodes it takes long). Further rows, on the first size: a day (rest, then
activity, in steps of backward Euler), eight patients in one batch against one, and the gradient of height by the fixed
charge of every element, by one adjoint solve, against finite differences.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
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
DAY = 12  # steps of activity, and as many of rest
BATCH = 8
TIGHT, DIFFERENCE = 1e-9, 0.01

ramped, balance, after = (eqx.filter_jit(f) for f in (equilibrium.ramped, equilibrium.balance, equilibrium.after))


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


def compare(name: str, repeats: int, alone: bool = False) -> dict[str, Any]:
    """One mesh: seconds and Newton steps of both sides (of ours `alone`), and how far apart their answers are."""
    body = body_of(SIZES[name])
    near, far = held(body, POSE), held(body, FURTHER * POSE)
    compiling, _ = timed(lambda: ramped(body, near, STEPS), 1)
    cold, rested = timed(lambda: ramped(body, near, STEPS), repeats)
    balance(body, far, rested)
    warm, moved = timed(lambda: balance(body, far, rested), repeats)
    at_rest = ramped(body, pressed(body, FORCE / 4), STEPS)
    after(body, pressed(body, FORCE), at_rest, jnp.asarray(0.0))
    sudden, lifted = timed(lambda: after(body, pressed(body, FORCE), at_rest, jnp.asarray(0.0)), repeats)
    hour, flowed = timed(lambda: after(body, pressed(body, FORCE), lifted, jnp.asarray(3600.0)), repeats)
    found = {
        "nodes": body.topology.nodes,
        "compile_s": compiling - cold,
        "cold_s": cold,
        "warm_s": warm,
        "newton": [int(rested.newton), int(moved.newton)],
        "krylov": [int(rested.krylov), int(moved.krylov)],
        "sudden_s": sudden,
        "sudden_newton_krylov": [int(lifted.newton), int(lifted.krylov)],
        "hour_s": hour,
        "hour_newton_krylov": [int(flowed.newton), int(flowed.krylov)],
    }
    return found if alone else found | beside(body, cold, warm, np.asarray(moved.displacement))


def beside(body: solid.Solid, cold: float, warm: float, displacement: np.ndarray) -> dict[str, Any]:
    """felupe on the same mesh and poses: its seconds over ours, and how far its answer lies from `displacement`."""
    peer = FelupePeer(body)

    def turn(pose: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.asarray(equilibrium.rotation(jnp.asarray(pose[3:]))), pose[:3]

    stop = ACCURACY * 1e-3
    cold_peer, theirs = timed(lambda: peer.rest(*turn(POSE), STEPS, stop), 1)
    start = theirs.displacement
    warm_peer, there = timed(lambda: peer.rest(*turn(FURTHER * POSE), 1, stop, start), 1)
    scale = np.abs(there.displacement).max()
    return {
        "cold_felupe_s": cold_peer,
        "cold_ratio": cold_peer / cold,
        "warm_felupe_s": warm_peer,
        "warm_ratio": warm_peer / warm,
        "newton_felupe": [theirs.newton, there.newton],
        "apart": float(np.abs(distinct(body.topology, displacement) - there.displacement).max() / scale),
    }


def day(body: solid.Solid, repeats: int) -> dict[str, Any]:
    """Seconds for one day of flow from the balance of a night: activity, then rest, in DAY equal steps each."""
    night, active = pressed(body, FORCE / 5), pressed(body, FORCE / 1.5)
    rested = ramped(body, night, STEPS)

    def lived() -> tuple[list[float], float]:
        now, heights, worst = rested, [], 0.0
        for load, hours in ((active, 16), (night, 8)):
            for _ in range(DAY):
                now = after(body, load, now, jnp.asarray(hours * 3600.0 / DAY))
                heights.append(float(now.pose[2]))
                worst = max(worst, float(now.error))
        return heights, worst

    lived()
    seconds, (heights, worst) = timed(lived, repeats)
    return {
        "day_s": seconds,
        "day_steps": 2 * DAY,
        "day_height_lost_mm": 1e3 * (float(rested.pose[2]) - min(heights)),
        "day_height_left_open_mm": 1e3 * (float(rested.pose[2]) - heights[-1]),
        "day_worst_error": worst,
    }


def patients(body: solid.Solid, repeats: int) -> dict[str, Any]:
    """Seconds a patient in a batch over seconds of one alone: discs of more and less charge, from one state at rest."""
    load = pressed(body, FORCE / 2)
    rested = ramped(body, load, STEPS)

    def one(share: jnp.ndarray) -> equilibrium.Balance:
        other = eqx.tree_at(lambda b: b.material.charge, body, share * body.material.charge)
        return equilibrium.balance(other, load, rested)

    alone, together = eqx.filter_jit(one), eqx.filter_jit(jax.vmap(one))
    shares = jnp.linspace(0.8, 1.1, BATCH)
    alone(shares[0]), together(shares)
    single, _ = timed(lambda: [alone(share) for share in shares], repeats)
    batched, found = timed(lambda: together(shares), repeats)
    return {
        "batch": BATCH,
        "batch_s_each": batched / BATCH,
        "alone_s_each": single / BATCH,
        "batch_worst_error": float(jnp.max(found.error)),
    }


def gradients(body: solid.Solid, repeats: int) -> dict[str, Any]:
    """Seconds for the gradient of height by the charge of all elements, and how far it is from finite differences along
    three directions, relative to them.
    """
    load = pressed(body, FORCE / 2)
    rested = ramped(body, load, STEPS)
    told = eqx.filter_jit(equilibrium.sensitivity)

    def height(x: jnp.ndarray, pose: jnp.ndarray) -> jnp.ndarray:
        return pose[2]

    told(body, load, rested, height)
    seconds, slope = timed(lambda: told(body, load, rested, height).material.charge, repeats)
    rng, apart = np.random.default_rng(2), []
    for _ in range(3):
        way = jnp.asarray(rng.uniform(0.5, 1.5, body.material.charge.shape)) * body.material.charge

        def moved(step: float, way: jnp.ndarray = way) -> float:
            other = eqx.tree_at(lambda b: b.material.charge, body, body.material.charge + step * way)
            return float(balance(other, load, rested, None, TIGHT).pose[2])

        rise = (moved(DIFFERENCE) - moved(-DIFFERENCE)) / (2 * DIFFERENCE)
        apart.append(abs(float(jnp.sum(slope * way)) / rise - 1))
    return {"gradient_s": seconds, "gradient_elements": int(body.material.charge.size), "gradient_apart": max(apart)}


def main() -> None:
    """Run the sizes asked for and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", nargs="+", default=["coarse"], choices=list(SIZES))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--alone", action="store_true", help="without felupe")
    given = parser.parse_args()
    found = {name: compare(name, given.repeats, given.alone) for name in given.sizes}
    body = body_of(SIZES[given.sizes[0]])
    for further in (day, patients, gradients):
        found[given.sizes[0]] |= further(body, given.repeats)
    for name, row in found.items():
        print(name)
        for key, value in row.items():
            print(f"  {key:24s} {value:.3g}" if isinstance(value, float) else f"  {key:24s} {value}")
    if given.json:
        given.json.write_text(json.dumps(found, indent=1), "utf-8")


if __name__ == "__main__":
    main()
