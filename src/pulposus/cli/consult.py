"""A report for an honest talk with one person: `consult`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pulposus.cli.door import AsJson, app, argument, door, option
from pulposus.cli.people import of_run
from pulposus.cli.tables import print_json
from pulposus.errors import InputError


@app.command()
@door
def consult(
    person: Annotated[Path, argument("PERSON", "A file of a person (TOML).")],
    out: Annotated[Path, option("--out", "Folder to write; a report in it is replaced.")],
    run: Annotated[Path | None, option("--run", "A results folder of this person's disc: is it fed?")] = None,
    pdf: Annotated[bool, typer.Option("--pdf", help="A PDF too (needs the extra 'report').")] = False,
    named: Annotated[
        list[str] | None, option("--option", "An option to tell in full, by its name; again for each.")
    ] = None,
    months: Annotated[float, typer.Option("--months", help="How far to look.")] = 24.0,
    seed: Annotated[int, typer.Option("--seed", help="Seed of random draws.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Red flags, this disc, who is a candidate, options side by side, what is not known, questions: one report."""
    from dataclasses import asdict

    from pulposus.candidacy import read_person
    from pulposus.consult import gather
    from pulposus.report.consult import write_consult

    asked = read_person(person)
    view, said = (None, "") if run is None else (of_run(run), _which(run, asked.facts.get("level")))
    talk = gather(asked, view, months, seed, tuple(named or ()), said)
    written = write_consult(out, talk, pdf)
    if as_json:
        print_json(asdict(talk))
        return
    for flag in talk.refer:
        typer.echo(f"REFER: {flag.says}: {flag.act}, before anything else.")
    for flag in talk.unsure:
        typer.echo(f"NOT EXCLUDED: {flag.says} ({flag.why}).")
    for outside in talk.outside:
        typer.echo(f"OUTSIDE: {outside}.")
    for path in written:
        typer.echo(str(path))


def _which(run: Path, level: float | str | None) -> str:
    """Which disc a run is of, in words. Raises InputError where it is another one than the person's."""
    import tomllib

    from pulposus.results import Results

    disc = tomllib.loads(Results.open(run).case_text()).get("disc", {})
    if level is not None and disc.get("level") != level:
        raise InputError(
            f"The run in {str(run)!r} is of {disc.get('level')}, and this person's disc is {level}; give a run of that."
        )
    return f"the run is of a disc {disc.get('level')} of grade {disc.get('grade')}, treated as its case says"
