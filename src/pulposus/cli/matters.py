"""The command that asks what matters: `sensitivity`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pulposus import interrupt
from pulposus.cli.door import STOPPED, Quiet, Resume, again, app, argument, door, progress
from pulposus.cli.tables import new_table, print_tables, short

_SHOWN = 15


@app.command()
@door
def sensitivity(
    case: Annotated[Path, argument("CASE", "A case file (TOML).")],
    output: Annotated[
        str, typer.Option("--output", help="aggrecan, water, cells, height, il1b or glucose.")
    ] = "aggrecan",
    at: Annotated[float, typer.Option("--at", help="Month.")] = 24,
    out: Annotated[Path, typer.Option("--out", help="Folder for tables and picture.")] = Path("results/sensitivity"),
    mesh: Annotated[str, typer.Option("--mesh", help="cohort, coarse, standard or fine.")] = "cohort",
    runs: Annotated[int, typer.Option("--runs", help="For Sobol indices of the first ten; 0 for none.")] = 200,
    quiet: Quiet = False,
    resume: Resume = False,
) -> None:
    """Rank every number of a case by what it does to an output: gradient, and Sobol indices of the first ten."""
    from pulposus.case import read_case
    from pulposus.report.tornado import tornado_page
    from pulposus.results import require_folder, write_text

    asked = read_case(case)
    require_folder(out)
    try:
        with interrupt.held(lambda said: typer.echo(said, err=True)), progress(quiet) as tell:
            from pulposus.run import remember_compilations
            from pulposus.uncertainty.sensitivity import study

            remember_compilations()
            found = study(asked, output, at, out, size=mesh, runs=runs, resume=resume, progress=tell)
    except KeyboardInterrupt:
        from pulposus.uncertainty.sensitivity import RECORD

        kept = (
            f"What is done lies in {out}; go on with: {again()}" if (out / RECORD).exists() else "Nothing was done yet."
        )
        typer.echo(f"Stopped. {kept}", err=True)
        raise typer.Exit(STOPPED) from None
    from pulposus.uncertainty.sensitivity import UNITS
    from pulposus.uncertainty.surrogate import doubt

    table, seen, indices, quality = found
    doubted = ""
    effect = "effect" if asked.treatments else "untreated"
    said = f"{output} at month {at:g}: untreated {short(seen['untreated'])}, treated {short(seen['treated'])}"
    if quality:
        said += (
            f"; the surrogate of the indices, from {quality['runs']:.0f} runs, misses a fifth that it has not seen by "
            f"{100 * quality['held_out_error']:.0f} % of their spread and explains "
            f"{100 * quality['held_out_explained']:.0f} % of their variance"
        )
        doubted = doubt(quality)
    page = out / "sensitivity.html"
    text = tornado_page(table, indices, f"What matters for {output}", said, effect, UNITS[output], doubted)
    write_text(page, text)
    if not quiet:
        shown = new_table(f"What matters for {output}", ["number"], ["range", f"moves the {effect} by"], ["kind"])
        for row in table.head(_SHOWN).to_dict("records"):
            span = f"{short(row['low'])} to {short(row['high'])}"
            shown.add_row(row["name"], span, short(row[f"swing_{effect}"]), row["kind"])
        print_tables(shown)
        typer.echo(f"{said}.")
    if doubted:
        typer.echo(doubted, err=True)
    if not quiet:
        typer.echo(f"Tables and picture: {page}")
