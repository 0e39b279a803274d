"""The command that draws people: `people`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pulposus.cli.door import app, door, option
from pulposus.cli.tables import new_table, print_tables
from pulposus.errors import InputError

_FEW = 500  # maths: people below whom shares say little


@app.command()
@door
def people(
    out: Annotated[Path | None, option("--out", "A table (.csv) with a row for each person.")] = None,
    count: Annotated[int, typer.Option("--count", help="How many.")] = 10_000,
    seed: Annotated[int, typer.Option("--seed", help="Of chance: a person is the same in any number of people.")] = 0,
    population: Annotated[str, typer.Option("--population", help="patients or pain_free.")] = "patients",
    trial: Annotated[str, typer.Option("--trial", help="Only who meets this trial's criteria.")] = "",
) -> None:
    """Draw virtual people with painful discs, and hold them against what was published of such people."""
    if out is not None and out.suffix != ".csv":
        raise InputError(f"--out {str(out)!r} should end in .csv; write for example {out.stem}.csv.")
    if seed < 0:
        raise InputError(f"--seed {seed} is not possible; give zero or more.")
    from pulposus import patients
    from pulposus.results import write_text

    drawn = patients.draw(count, seed, population, trial)
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        write_text(out, drawn.to_csv(index=False, float_format="%.5g"))
    if trial:
        typer.echo(f"{count} people who meet the criteria of {trial}; margins are of people who were not selected.")
    else:
        table = new_table(f"{count} people beside what was published")
        for head in ("quantity", "of", "published", "drawn", "error", "role", "source"):
            table.add_column(head)
        for row in patients.margins(drawn, population).to_dict("records"):
            numbers = (f"{row[name]:.3g}".replace("-", "−") for name in ("published", "drawn", "error"))
            table.add_row(row["quantity"].replace("_", " "), row["at"], *numbers, row["role"], row["source"])
        print_tables(table)
        if count < _FEW:
            typer.echo(f"{count} people are few: shares differ by chance alone.")
    if out is not None:
        typer.echo(f"People: {out}")
