"""Conduct MSB-DR003 (404 people, 3 arms, 36 months): wall time, cost, memory, executors, and the cohort mesh's error.

    python benchmarks/trial.py                       # all of 404 people on 1 and 2 workers and on a local Ray
    python benchmarks/trial.py --people 24           # a few, and what 404 would take
    python benchmarks/trial.py --mechanics solid --people 24 --only 2
    python benchmarks/trial.py --mesh-error 50       # cohort mesh against the standard one, and nothing else
    python benchmarks/trial.py --cost 100 1000 10000 --mechanics none  # what people cost by their number, without discs
    python benchmarks/trial.py --cost 100 1000 10000 --months 3        # and with, on two workers, of a shorter trial

What is printed goes into docs/processes/trials.md, with the machine beside it. Start-up of processes (imports and
compilation) is part of the wall time; `a person alone` is not.
"""

from __future__ import annotations

import argparse
import os
import resource
import time
from pathlib import Path

import numpy as np
import pandas as pd

from pulposus.trials import clinic, conduct, discs, entered, read_protocol
from pulposus.trials.protocol import Protocol

PROTOCOL = Path(__file__).resolve().parents[1] / "protocols" / "msb_dr003.toml"
MEASURES = ("aggrecan", "water", "viable_cells")


def memory() -> float:
    """Most memory so far of this process and of its largest child, GB."""
    each = [resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each) / 1024**2


def asked(protocol: Protocol) -> list[discs.Asked]:
    """The discs of everybody."""
    people = entered.enter(protocol, 0).people
    return discs.ask(protocol, pd.concat([people, clinic.lots(protocol, people, 0)], axis=1))


def alone(protocol: Protocol, mechanics: str, people: int) -> None:
    """Processor time of a person in a process that is warm."""
    plan, who = discs.planned(protocol, mechanics), asked(protocol)[: people + 1]
    discs.chunk(plan, who[:1])
    begun = time.process_time()
    discs.chunk(plan, who[1:])
    each = (time.process_time() - begun) / max(len(who) - 1, 1)
    print(f"a person alone: {each:.2f} s of processor, {each / 3:.3f} s a patient-year")


def walls(protocol: Protocol, mechanics: str, executors: list[str], whole: int) -> None:
    """Wall time on each executor, and what one worker's is to it."""
    first = None
    for name in executors:
        how = {"workers": os.cpu_count(), "ray": "local"} if name == "ray" else {"workers": int(name)}
        begun = time.perf_counter()
        made = conduct(protocol, mechanics=mechanics, **how)
        wall = time.perf_counter() - begun
        first = first or wall
        failed = int(made.people["disc_status"].str.startswith("failed").sum())
        years = protocol.size * protocol.visits.months[-1] / 12
        line = f"{name:>4}: {wall:7.1f} s, {wall / years:.3f} s a patient-year, {first / wall:.2f} times as fast"
        line += f", {memory():.2f} GB, {failed} discs failed"
        if protocol.size < whole:
            line += f"; {whole} people in proportion: {wall * whole / protocol.size / 60:.1f} minutes"
        print(line, flush=True)


def mesh_error(protocol: Protocol, mechanics: str, people: int) -> None:
    """How far the cohort mesh is from the standard one, at all visits of some people."""
    who, rows = asked(protocol)[:people], {}
    for size in ("cohort", "standard"):
        begun = time.perf_counter()
        rows[size] = discs.chunk(discs.planned(protocol, mechanics, size, fields=False), who).rows
        print(f"{size}: {time.perf_counter() - begun:.0f} s", flush=True)
    whole = (rows["cohort"]["status"] == "completed") & (rows["standard"]["status"] == "completed")
    for name in MEASURES:
        one, other = (rows[size][name][whole].to_numpy(float) for size in ("cohort", "standard"))
        error = np.abs(one / other - 1)
        print(f"{name}: {100 * error.mean():.2f} % in the mean, {100 * error.max():.2f} % at most")
    print(f"{rows['cohort']['patient'].nunique()} people, {int((~whole).sum())} rows that failed on either mesh")


def shortened(protocol: Protocol, months: float) -> Protocol:
    """The same with no visit after so many months."""
    kept = tuple(month for month in protocol.visits.months if month <= months)
    return protocol.model_copy(update={"visits": protocol.visits.model_copy(update={"months": kept})})


def cost(protocol: Protocol, sizes: list[int], mechanics: str) -> None:
    """Wall time by the number of people, their discs on two workers."""
    conduct(protocol.sized(sizes[0]), mechanics=mechanics)  # what is compiled is on disk then
    for size in sizes:
        begun = time.perf_counter()
        made = conduct(protocol.sized(size), mechanics=mechanics, workers=1 if mechanics == "none" else 2)
        wall = time.perf_counter() - begun
        failed = int(made.people["disc_status"].str.startswith("failed").sum())
        each = f"{1e3 * wall / size:.2f} ms each"
        print(f"{size} people: {wall:.1f} s, {each}, {memory():.2f} GB, {failed} discs failed", flush=True)


def main() -> None:
    """Read the options and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=404)
    parser.add_argument("--mechanics", default="columns", choices=("none", "columns", "solid"))
    parser.add_argument("--only", nargs="*", default=["1", "2", "ray"], help="executors: a number of workers, or ray")
    parser.add_argument("--mesh-error", type=int, default=0, metavar="PEOPLE")
    parser.add_argument("--cost", type=int, nargs="*", default=[], metavar="PEOPLE")
    parser.add_argument("--months", type=float, default=36.0, help="of --cost: no visit after so many")
    given = parser.parse_args()
    protocol = read_protocol(PROTOCOL)
    if given.cost:
        cost(shortened(protocol, given.months), given.cost, given.mechanics)
    elif given.mesh_error:
        mesh_error(protocol, given.mechanics, given.mesh_error)
    else:
        made = protocol if given.people == protocol.size else protocol.sized(given.people)
        print(f"{made.size} people, {len(made.arms)} arms, {made.visits.months[-1]:g} months, {given.mechanics}")
        alone(made, given.mechanics, min(8, made.size - 1))
        walls(made, given.mechanics, given.only, protocol.size)


if __name__ == "__main__":
    main()
