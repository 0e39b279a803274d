"""Commands that read: a results folder (`report`, `cite`), the form of a case (`schema`), publications (`validate`)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from pulposus import interrupt
from pulposus.cli.compute import draw_report
from pulposus.cli.door import STOPPED, Folder, Quiet, again, app, door, option, progress
from pulposus.cli.tables import new_table, print_tables, short, unit_words
from pulposus.errors import InputError


@app.command()
@door
def report(folder: Folder) -> None:
    """Write report.html of a results folder anew."""
    from pulposus.results import Results

    typer.echo(f"Report: {draw_report(Results.open(folder))}")


@app.command()
@door
def cite(
    folder: Folder,
    bibtex: Annotated[bool, typer.Option("--bibtex", help="BibTeX only, for a .bib file.")] = False,
) -> None:
    """The sources that a run used: as a list to read, and as BibTeX."""
    from pulposus.results import Results

    sources: Sequence[Mapping[str, str]] = Results.open(folder).info().get("sources", [])
    if not bibtex:
        typer.echo(f"Sources of the run in {folder}: {len(sources)}\n")
        for source in sorted(sources, key=lambda entry: entry["key"]):
            typer.echo(f"  [{source['key']}] {source['text']}")
        typer.echo("\nBibTeX:\n")
    typer.echo("\n\n".join(source["entry"] for source in sorted(sources, key=lambda entry: entry["key"])))


@app.command()
@door
def schema() -> None:
    """JSON Schema of a case file, for editors."""
    from pulposus.case import json_schema

    typer.echo(json.dumps(json_schema(), indent=2, ensure_ascii=False))


@app.command()
@door
def validate(
    out: Annotated[Path, option("--out", "Folder to write validation.csv and the pages into.")],
    only: Annotated[str, option("--only", "One check, or a group, a class or a source of them.")] = "",
    spread: Annotated[
        int,
        option("--coverage", "Also whether 90 % bands hold published values; so many draws, two minutes each."),
    ] = 0,
    resume: Annotated[bool, option("--resume", "Go on with the draws of a stopped --coverage in the folder.")] = False,
    quiet: Quiet = False,
) -> None:
    """Hold the model against published results, and write the validation book and the credibility page (5 minutes)."""
    from pulposus.report.book import covered, validation_page
    from pulposus.report.credibility import credibility_page
    from pulposus.results import require_folder, write_text
    from pulposus.run import remember_compilations

    require_folder(out)
    if only and (out / "credibility.html").exists():
        raise InputError(
            f"{str(out)!r} holds a whole book, which one check would replace; give another folder to --out."
        )
    if resume and not spread:
        raise InputError("--resume goes on with the draws of --coverage; say how many, for example --coverage 20.")
    held = shares = None
    try:
        with interrupt.held(lambda said: typer.echo(said, err=True)), progress(quiet) as tell:
            from pulposus import validation
            from pulposus.uncertainty import coverage

            remember_compilations()
            validation.selected(only)
            if spread:
                held = coverage.into(out, spread, resume=resume, progress=tell)
                shares = coverage.shares(held)
            table, findings = validation.validate(only, progress=tell)
    except KeyboardInterrupt:
        kept = "A book is written whole or not at all: nothing was kept."
        if spread and (out / coverage.DRAWS).exists():
            kept = f"Draws that are done lie in {out}; go on with: {again()}"
        typer.echo(f"Stopped. {kept}", err=True)
        raise typer.Exit(STOPPED) from None
    counted = validation.counts(table)
    out.mkdir(parents=True, exist_ok=True)
    write_text(out / "validation.csv", table.to_csv(index=False, lineterminator="\n"))
    if held is not None:
        write_text(out / "coverage.csv", held.to_csv(index=False, lineterminator="\n"))
    write_text(out / "validation.html", validation_page(table, counted, findings, held, shares))
    if not only:
        write_text(out / "credibility.html", credibility_page(table, counted, shares))
    if not quiet:
        _print_book(table, counted)
        if shares is not None:
            typer.echo(covered(shares))
    typer.echo(f"Validation book: {out / 'validation.html'}")


def _print_book(table: Any, counted: Any) -> None:
    """Every check on a line, then the counts."""
    from pulposus.report.book import SIGNS

    shown = new_table(
        "Validation book", ["check", "class"], ["published", "band", "ours"], ["unit", "known by", "verdict", "comment"]
    )
    for row in table.to_dict("records"):
        band = "" if row["low"] != row["low"] else f"{short(row['low'])} to {short(row['high'])}"
        ours = "" if row["ours"] != row["ours"] else short(row["ours"])
        said = row["comment"] if row["verdict"] == "differs" else row["told"]
        numbers = ("", "", "") if row["kind"] == "ordering" else (short(row["published"]), band, ours)
        shown.add_row(
            row["name"], row["class"], *numbers, unit_words(row["unit"]), row["status"], SIGNS[row["verdict"]], said
        )
    heads = ["checks", "agree", "groups", "groups that agree", "sources"]
    sums = new_table("Counts: rows of one paper on one thing are a group", ["class", "kind"], heads)
    for row in counted.to_dict("records"):
        sums.add_row(*(str(value) for value in row.values()))
    print_tables(shown, sums)


# ---------------------------------------------------------------------------------------------- evidence
