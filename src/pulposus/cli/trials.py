"""The command that conducts a trial: `trial run`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pulposus import interrupt
from pulposus.cli.door import Quiet, Resume, again, argument, door, option, progress
from pulposus.cli.tables import new_table, print_tables
from pulposus.cli.trial import DiscToPain, Workers, trial
from pulposus.errors import InputError

if TYPE_CHECKING:
    from pulposus.trials.conduct import Conducted

_NOTE = "What follows is a model's trial, not a prediction of anybody's; rates that nobody published are assumed."


@trial.command()
@door
def run(
    protocol: Annotated[Path, argument("PROTOCOL", "A protocol (.toml), for instance protocols/respine.toml.")],
    out: Annotated[Path, option("--out", "Folder to write; an earlier trial in it is replaced.")],
    seed: Annotated[int | None, option("--seed", "Of everything that is drawn; else the protocol's own.")] = None,
    size: Annotated[int | None, option("--size", "People of all arms together; else as the protocol says.")] = None,
    workers: Workers = 1,
    ray: Annotated[str, typer.Option("--ray", help="Address of a Ray cluster, or local to start one.")] = "",
    mechanics: Annotated[
        str, typer.Option("--mechanics", help="columns, solid, or none: no discs, scores alone.")
    ] = "columns",
    mesh: Annotated[str, typer.Option("--mesh", help="cohort, coarse, standard or fine.")] = "cohort",
    disc_to_pain: DiscToPain = "none",
    resume: Resume = False,
    quiet: Quiet = False,
) -> None:
    """Conduct a trial: people enter, their discs are computed, they are seen at visits; tables and fields are left."""
    from pulposus.trials.conduct import conduct
    from pulposus.trials.protocol import read_protocol

    if workers < 1:
        raise InputError(f"--workers {workers} cannot compute anything; give one or more.")
    asked = read_protocol(protocol)
    asked = asked if size is None else asked.sized(size)
    try:
        with interrupt.held(lambda said: typer.echo(said, err=True)), progress(quiet) as tell:
            made = conduct(
                asked,
                seed,
                out=out,
                resume=resume,
                workers=workers,
                ray=ray,
                mechanics=mechanics,
                mesh=mesh,
                disc_to_pain=disc_to_pain,
                progress=tell,
            )
    except KeyboardInterrupt:
        if (out / "trial.json").exists():
            typer.echo(f"What is done is kept; go on with: {again()}", err=True)
        raise
    from pulposus.trials.analysis import publish

    page = publish(out, made)
    if not quiet:
        _say(made)
    typer.echo(f"Trial: {out}, page: {page}")


def _say(made: Conducted) -> None:
    """Who was screened, entered and was seen, and what came between, by arm."""
    flow = [f"{name} {count}" for name, count in made.flow.items()]
    typer.echo(f"{made.protocol.name}: {', '.join(flow)}.")
    last = made.protocol.visits.months[-1]
    table = new_table(f"By arm, to month {last:g}")
    names = ("left", "rescue", "surgery", "crossover", "death")
    for head in ("arm", "people", "seen at the end", *names, "serious events", "discs that failed"):
        table.add_column(head)
    end = made.table[(made.table["visit"] == last) & made.table["value"].notna()]
    between = made.events[made.events["kind"] == "intercurrent"]
    harm = made.events[(made.events["kind"] == "adverse") & made.events["serious"]]
    for arm in made.protocol.arms:
        mine = made.people[made.people["arm"] == arm.name]
        counts = [int(((between["arm"] == arm.name) & (between["event"] == name)).sum()) for name in names]
        seen = end[end["arm"] == arm.name]["patient"].nunique()
        failed = int(mine["disc_status"].str.startswith("failed").sum())
        row = (len(mine), seen, *counts, int((harm["arm"] == arm.name).sum()), failed)
        table.add_row(arm.name, *map(str, row))
    print_tables(table)
    typer.echo(_NOTE)
