"""Five years of one disc, treated and untreated, month by month on the standard mesh; and the whole command from a cold
start, report included.

First the clock alone, in this process: two arms in one batch, run twice, so that the second run is free of compilation.
Then `pulposus run` in a process of its own with an empty cache of compiled functions: what a new user waits for,
ablation and report included.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from transport import machine

import pulposus
from pulposus import run
from pulposus.disc import simulate

EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "noriega_l45.toml"


def clock(path: Path, years: float | None, size: str | None) -> dict[str, Any]:
    """Seconds to make the disc ready and to run its months, first with compilation, then without."""
    case = pulposus.read_case(path).changed(years=years, mesh=size).resolved()
    times = [month * simulate.MONTH for month in range(round(case.run.years * 12) + 1)]
    found: dict[str, Any] = {"years": case.run.years, "mesh": case.run.mesh}
    for attempt in ("first", "second"):
        begin = time.perf_counter()
        discs, states, therapies = run.build(case, case.run.mesh)
        jax.block_until_ready(states)
        ready = time.perf_counter()
        for _, now in simulate.simulate(discs, states, therapies, times):
            last = jax.block_until_ready(now)
        found[f"{attempt}_prepare_s"] = ready - begin
        found[f"{attempt}_months_s"] = time.perf_counter() - ready
    found["solver_error"] = float(jnp.max(last.error))
    found["computing_s"] = found["second_prepare_s"] + found["second_months_s"]
    found["compiling_s"] = found["first_prepare_s"] + found["first_months_s"] - found["computing_s"]
    return found


def command(path: Path, extra: list[str]) -> dict[str, Any]:
    """Seconds of `pulposus run` from a cold start, the cache of compiled functions empty."""
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder) / "cache"
        environment = os.environ | {
            "JAX_COMPILATION_CACHE_DIR": str(cache),
            "XDG_CACHE_HOME": str(cache),
            "MPLCONFIGDIR": str(cache),
        }
        out = Path(folder) / "results"
        begin = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "pulposus", "run", str(path), "--out", str(out), "--quiet", *extra],
            env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        seconds = time.perf_counter() - begin
        if done.returncode:
            raise RuntimeError(f"pulposus run failed with {done.returncode}: {done.stderr.strip()}")
        return {"seconds": seconds, "report_MB": (out / "report.html").stat().st_size / 1e6}


def main() -> None:
    """Run, print, and write JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="also write all numbers here")
    parser.add_argument("--case", type=Path, default=EXAMPLE)
    parser.add_argument("--years", type=float, help="instead of what the case says")
    parser.add_argument("--mesh", help="instead of what the case says")
    parser.add_argument("--only", choices=("clock", "command"))
    options = parser.parse_args()
    print(", ".join(f"{k} {v}" for k, v in machine().items()))
    found: dict[str, Any] = {"machine": machine()}
    if options.only != "command":
        c = found["clock"] = clock(options.case, options.years, options.mesh)
        print(
            f"{c['years']:g} years, two arms, {c['mesh']} mesh: {c['computing_s']:.1f} s after compilation "
            f"({c['second_prepare_s']:.1f} s to make the disc ready, {c['second_months_s']:.1f} s its months); "
            f"compiling {c['compiling_s']:.1f} s; largest solver error {c['solver_error']:.0e}"
        )
    if options.only != "clock":
        extra = [
            *(("--years", f"{options.years:g}") if options.years else ()),
            *(("--mesh", options.mesh) if options.mesh else ()),
        ]
        c = found["command"] = command(options.case, extra)
        what = f"{c['seconds']:.0f} s to a report of {c['report_MB']:.1f} MB"
        print(f"pulposus run {options.case.name}, cold start, nothing cached: {what}")
    if options.json:
        options.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
