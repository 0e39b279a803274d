"""The command that draws people: `people`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pulposus.cli.door import app, door, option
from pulposus.cli.tables import new_table, print_tables
from pulposus.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

_FEW = 500  # maths: people below whom shares say little


@app.command()
@door
def people(
    out: Annotated[Path | None, option("--out", "A table (.csv) with a row for each person.")] = None,
    count: Annotated[int, typer.Option("--count", help="How many.")] = 10_000,
    seed: Annotated[int, typer.Option("--seed", help="Of chance: a person is the same in any number of people.")] = 0,
    population: Annotated[str, typer.Option("--population", help="patients or pain_free.")] = "patients",
    region: Annotated[str, typer.Option("--region", help="lumbar or cervical; lumbar if not said.")] = "",
    country: Annotated[str, typer.Option("--country", help="Where what is known of a country differs.")] = "",
    trial: Annotated[str, typer.Option("--trial", help="Only who meets this trial's criteria.")] = "",
) -> None:
    """Draw virtual people with painful discs, and hold them against what was published of such people."""
    if out is not None and out.suffix != ".csv":
        raise InputError(f"--out {str(out)!r} should end in .csv; write for example {out.stem}.csv.")
    if seed < 0:
        raise InputError(f"--seed {seed} is not possible; give zero or more.")
    from pulposus import patients
    from pulposus.results import write_text

    drawn = patients.draw(count, seed, population, trial, region, country)
    part = str(drawn["region"].iloc[0])
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        write_text(out, drawn.to_csv(index=False, float_format="%.5g"))
    if trial:
        typer.echo(f"{count} people who meet the criteria of {trial}; margins are of people who were not selected.")
        _show(patients.trials(part, only=trial), f"People chosen by the criteria of {trial}, beside those of trials")
    else:
        of = f"{count} {part} {population.replace('_', '-')}{f' of {country}' if country else ''}"
        _show(patients.margins(drawn, population), f"{of} beside what was published")
        if count < _FEW:
            typer.echo(f"{count} people are few: shares differ by chance alone.")
        elif population == "patients" and not country:
            _show(patients.trials(part), "People chosen by trials' criteria beside those trials (200 of each)")
    if out is not None:
        typer.echo(f"People: {out}")


def _show(beside: pd.DataFrame, title: str) -> None:
    """A table of margins: published, drawn, error, and whether the row was fitted or foretold."""
    if beside.empty:
        return
    table = new_table(title)
    for head in ("quantity", "of", "published", "drawn", "error", "role", "source"):
        table.add_column(head)
    for row in beside.to_dict("records"):
        numbers = (f"{row[name]:.3g}".replace("-", "−") for name in ("published", "drawn", "error"))
        role = _ROLES[row["role"]] + (", recalled" if row["status"] == "memory" else "")
        table.add_row(row["quantity"].replace("_", " "), row["at"], *numbers, role, row["source"])
    print_tables(table)
    errors = beside[beside["quantity"].str.contains("share|degenerated|grade_4|looked")]["error"].abs()
    if len(errors):
        typer.echo(f"Shares: {100 * errors.mean():.2g} points off in the mean, {100 * errors.max():.2g} at most.")


_ROLES = {"calibration": "fitted", "prediction": "foretold"}
