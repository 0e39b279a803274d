"""Years of tears: a disc that is loaded as by `evidence/loads.csv`, seen anew now and then, and what becomes of it.

Prints a line a period, sentences at the end, and draws the disc from above (--figure).
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import equinox as eqx
import jax.numpy as jnp
from problem import reference

from pulposus import biomechanics, evidence
from pulposus.disc import equilibrium, mesh, posture
from pulposus.disc import structure as of
from pulposus.disc.herniation import Canal
from pulposus.disc.parameters import Parameters
from pulposus.disc.state import Hypotheses
from pulposus.figures import style, tears

YEAR, MPA, MM, ML = (evidence.factor(unit) for unit in ("year", "MPa", "mm", "mL"))
body_at = eqx.filter_jit(posture.body)
advance = eqx.filter_jit(of.advance)


def course(size: str, grade: float, level: str, years: float, every: float, lifts: float, strain: float) -> tuple:
    """Body, canal, first and last day and structure of a disc that lifts `lifts` times as often as the table says, and
    whose fibres fail at `strain`.
    """
    p = Parameters.from_evidence()
    yields = strain * p.fibre_yield_strain / p.fibre_failure_strain
    p = eqx.tree_at(lambda q: (q.fibre_failure_strain, q.fibre_yield_strain), p, (jnp.asarray(strain), yields))
    made = posture.rested(mesh.sized(size), Hypotheses(), p, reference(), jnp.asarray(grade))
    body, canal = body_at(made), Canal.of(level)
    cycles = {name: rate * (lifts if name == "lifting" else 1) for name, rate in of.day().items()}
    now, first, tight = of.whole(body.topology), None, None
    print("year  pressure  height  worst  torn  out    loose  bone   error   seconds")
    for period in range(round(years / every) + 1):
        began = time.perf_counter()
        sick = of.weakened(body, now)
        rested = equilibrium.drained(sick, posture.rest(made, sick), equilibrium.at_start(sick))
        loose = of.stability(sick, rested)
        tight = loose if tight is None else tight
        seen = of.see(sick, rested, cycles, of.looseness(loose, tight))
        first = seen if first is None else first
        found = of.findings(body, canal, first, seen, now)
        rest = posture.read(sick, rested).pressure
        out, bone = float(found.protrusion.volume + found.protrusion.elsewhere) / ML, float(now.osteophyte) / MM
        print(
            f"{period * every:4.1f}  {float(rest) / MPA:5.2f} MPa {float(seen.height) / MM:6.2f}  "
            f"{float(now.damage.max()):5.2f} {float(found.torn):5.2f} {out:5.2f} mL {float(seen.looseness):5.2f} "
            f"{bone:4.2f} mm {float(seen.error):.0e} {time.perf_counter() - began:6.1f}",
            flush=True,
        )
        now = advance(body, seen, now, every * YEAR)
    return body, canal, first, seen, now


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mesh", default="cohort")
    parser.add_argument("--grade", type=float, default=1.5)
    parser.add_argument("--level", default="L4-L5")
    parser.add_argument("--years", type=float, default=10)
    parser.add_argument("--every", type=float, default=1)
    parser.add_argument("--lifts", type=float, default=1)
    parser.add_argument("--strain", type=float, default=evidence.used("fibre_failure_strain").value)
    parser.add_argument("--figure", type=Path)
    given = parser.parse_args()
    body, canal, first, seen, now = course(
        given.mesh, given.grade, given.level, given.years, given.every, given.lifts, given.strain
    )
    found = of.findings(body, canal, first, seen, now)
    print("\n".join(of.told(found, canal)))
    if given.figure:
        tears.structure(biomechanics.plan(body, now, canal, found.protrusion)).savefig(given.figure, dpi=style.DPI)
