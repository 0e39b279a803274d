"""The command that asks what matters: `sensitivity`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pulposus import interrupt
from pulposus.cli.door import STOPPED, Quiet, Resume, again, app, argument, door, progress
from pulposus.cli.tables import new_table, print_tables, short

if TYPE_CHECKING:
    from pulposus.case import Case
    from pulposus.uncertainty.sensitivity import Study

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
    from pulposus.results import require_folder

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
    _publish(asked, output, at, found, out, quiet)


def _publish(case: Case, output: str, at: float, found: Study, out: Path, quiet: bool) -> None:
    """The page into the folder, the first rows on the terminal, and what is doubted."""
    from pulposus.report.tornado import tornado_page
    from pulposus.results import write_text
    from pulposus.uncertainty.sensitivity import UNITS
    from pulposus.uncertainty.surrogate import doubt

    table, seen, indices, quality = found
    effect, page = "effect" if case.treatments else "untreated", out / "sensitivity.html"
    said = f"{output} at month {at:g}: untreated {short(seen['untreated'])}, treated {short(seen['treated'])}"
    said += _surrogate(quality) if quality else ""
    doubted = doubt(quality) if quality else ""
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


def _surrogate(quality: Mapping[str, float]) -> str:
    """How good the surrogate is from which the indices come."""
    return (
        f"; the surrogate of the indices, from {quality['runs']:.0f} runs, misses a fifth that it has not seen by "
        f"{100 * quality['held_out_error']:.0f} % of their spread and explains "
        f"{100 * quality['held_out_explained']:.0f} % of their variance"
    )
