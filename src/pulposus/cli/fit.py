"""The command that fits what no source gives: `calibrate`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pulposus import interrupt
from pulposus.cli.door import STOPPED, Quiet, app, door, option, progress
from pulposus.cli.tables import new_table, print_tables, short, unit_words
from pulposus.errors import InputError, nearest

if TYPE_CHECKING:
    import pandas as pd

    from pulposus.uncertainty.calibration import Fit
    from pulposus.uncertainty.people import People
    from pulposus.uncertainty.tearing import Tears

_PARTS = ("cells", "tears", "people")
_COLUMNS = ("name", "value", "low", "high", "unit", "kind", "used", "source", "where", "status", "note")
_MORE = ("informed", "prior_value", "prior_low", "prior_high", "range_low", "range_high")


@app.command()
@door
def calibrate(
    out: Annotated[Path, option("--out", "Folder for the tables and pictures.")],
    seed: Annotated[int, typer.Option("--seed", help="Of the places from which the fit starts.")] = 0,
    mesh: Annotated[str, typer.Option("--mesh", help="cohort, coarse, standard or fine.")] = "cohort",
    quick: Annotated[bool, typer.Option("--quick", help="Leave out rows for which a disc has to be run.")] = False,
    only: Annotated[
        str,
        option(
            "--only",
            "cells (what is injected, matrix), tears (strain at which fibres fail), people (grades by age and level).",
        ),
    ] = "",
    write: Annotated[
        bool, typer.Option("--write", help="For developers: write what was fitted into the evidence of this checkout.")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Fit numbers that no source gives to the rows marked calibration, and say how far each is known then."""
    from pulposus.disc.mesh import sized
    from pulposus.results import require_folder

    sized(mesh)
    require_folder(out)
    if seed < 0:
        raise InputError(f"--seed {seed} is not possible; give zero or more.")
    parts = _parts(only, quick, write)
    began = time.monotonic()
    try:
        with interrupt.held(lambda said: typer.echo(said, err=True)), progress(quiet) as tell:
            from pulposus.run import remember_compilations
            from pulposus.uncertainty.calibration import calibrate as fitted
            from pulposus.uncertainty.people import fit_people
            from pulposus.uncertainty.tearing import fit_tears

            remember_compilations()
            fit = fitted(seed=seed, size=mesh, courses_too=not quick, progress=tell) if "cells" in parts else None
            tears = fit_tears(seed=seed, progress=tell) if "tears" in parts else None
            people = fit_people(seed=seed, progress=tell) if "people" in parts else None
    except KeyboardInterrupt:
        typer.echo("Stopped. Nothing was written; a fit is short, begin it again.", err=True)
        raise typer.Exit(STOPPED) from None
    written = (_publish(fit, out) if fit else []) + (_publish_tears(tears, out) if tears else [])
    written += _publish_people(people, out) if people else []
    written += _write(fit, tears, people) if write else []
    if not quiet:
        if fit:
            _print(fit)
        if tears:
            _print_tears(tears)
        if people:
            _print_people(people)
        rounds = f", {fit.rounds} rounds" if fit else ""
        typer.echo(f"Seed {seed}, {mesh} mesh{rounds}, {time.monotonic() - began:.0f} s of wall time.")
    for path in written:
        typer.echo(f"Written: {path}")


def _parts(only: str, quick: bool, write: bool) -> tuple[str, ...]:
    """What is to be fitted. Raises InputError for options that do not go together."""
    if write and quick:
        raise InputError("--write needs every row, and --quick leaves some out; leave out one of the two.")
    if only not in ("", *_PARTS):
        raise InputError(f"--only {only!r} is no part{nearest(only, _PARTS)}; write {' or '.join(_PARTS)}.")
    if quick and only in _PARTS[1:]:
        why = "and tears are that" if only == "tears" else "and people need none"
        raise InputError(f"--quick leaves out what a disc has to be run for, {why}; leave out one of the two.")
    return (only,) if only else _PARTS[:1] if quick else _PARTS


def _write(fit: Fit | None, tears: Tears | None, people: People | None) -> list[Path]:
    """What was fitted into the evidence of a checkout; the strain at failure where its figures are new."""
    from pulposus.uncertainty import calibration, tearing
    from pulposus.uncertainty import fitted as rows
    from pulposus.uncertainty import people as grades

    changed = rows.write(_evidence(fit.numbers).to_dict("records"), calibration.FITTED) if fit else []
    if tears and tears.news:
        changed += rows.write(tears.number.to_dict("records"), tearing.FITTED)
    if people:
        changed += rows.write(people.numbers.to_dict("records"), grades.FITTED)
    return changed


def _publish(fit: Fit, out: Path) -> list[Path]:
    from pulposus.figures.posterior import write_posterior
    from pulposus.results import write_text

    out.mkdir(parents=True, exist_ok=True)
    table = fit.numbers.assign(used="yes")[[*_COLUMNS, *_MORE]]
    paths = [out / "posterior.csv", out / "rows.csv"]
    for path, what in zip(paths, (table, fit.rows), strict=True):
        write_text(path, what.to_csv(index=False, lineterminator="\n"))
    return paths + write_posterior(fit.numbers, fit.rows, out / "figures")


def _publish_tears(tears: Tears, out: Path) -> list[Path]:
    from pulposus.figures.posterior import write_fissures
    from pulposus.results import write_text

    out.mkdir(parents=True, exist_ok=True)
    paths = [out / "tears.csv", out / "tears_rows.csv"]
    for path, what in zip(paths, (tears.number, tears.rows), strict=True):
        write_text(path, what.to_csv(index=False, lineterminator="\n"))
    return [*paths, write_fissures(tears.number, tears.rows, out / "figures")]


def _publish_people(people: People, out: Path) -> list[Path]:
    from pulposus.results import write_text

    out.mkdir(parents=True, exist_ok=True)
    paths = [out / "people.csv", out / "people_rows.csv"]
    for path, what in zip(paths, (people.numbers.assign(used="yes")[[*_COLUMNS]], people.rows), strict=True):
        write_text(path, what.to_csv(index=False, lineterminator="\n"))
    return paths


def _evidence(numbers: pd.DataFrame) -> pd.DataFrame:
    """The rows that go into the evidence: those that the data inform."""
    return numbers[numbers["kind"] == "fitted"]


def _print(fit: Fit) -> None:
    heads = ["fitted", "90 % posterior", "90 % prior", "informed"]
    shown = new_table("What the calibration rows say", ["number"], heads, ["unit"])
    for row in _evidence(fit.numbers).to_dict("records"):
        spans = [f"{short(row[a])} to {short(row[b])}" for a, b in (("low", "high"), ("prior_low", "prior_high"))]
        mark = "*" if row["edge"] else ""
        shown.add_row(row["name"] + mark, short(row["value"]), *spans, _percent(row), unit_words(row["unit"]))
    rows = new_table("Calibration rows", ["row"], ["published", "band", "before", "after"], ["unit"])
    for row in fit.rows.to_dict("records"):
        band = f"{short(row['low'])} to {short(row['high'])}"
        rows.add_row(row["row"], short(row["published"]), band, short(row["before"]), short(row["after"]), row["unit"])
    print_tables(shown, rows)
    if _evidence(fit.numbers)["edge"].any():
        typer.echo("* pulled to an end of its range: the range is too narrow, or the model lacks something")
    silent = fit.numbers[fit.numbers["kind"] != "fitted"]
    if len(silent):
        most = _percent(silent.iloc[0].to_dict())
        typer.echo(f"Not informed, posterior = prior (at most {most}): {', '.join(silent['name'])}.")
    from pulposus.validation import uninformed

    typer.echo(f"{len(uninformed.uninformed())} numbers that no calibration row can inform, and which stay assumed:")
    for said in uninformed.told():
        typer.echo(f"  {said}")
    typer.echo(uninformed.NATIVE)
    if not fit.starts_agree:
        typer.echo("Not every start led to the same place: there is more than one valley, and the range says less.")


def _print_tears(tears: Tears) -> None:
    found = tears.number.iloc[0]
    rows = new_table("Fissures by age", ["row"], ["published", "band", "in use", "after"], ["unit"])
    for row in tears.rows.to_dict("records"):
        band = f"{short(row['low'])} to {short(row['high'])}"
        rows.add_row(row["row"], short(row["published"]), band, short(row["before"]), short(row["after"]), row["unit"])
    print_tables(rows)
    told = {name: short(value) for name, value in found.items() if isinstance(value, float)}
    typer.echo(
        f"Fibres fail at a strain of {told['value']} in the middle of people (known to {told['known_low']} to "
        f"{told['known_high']}), {told['low']} to {told['high']} in nine tenths of them: a life of "
        f"{told['median_life_years']} years, spread of its logarithm {told['spread_of_log_life']}."
    )
    if tears.news:
        typer.echo("The evidence has other figures in use.")


def _print_people(people: People) -> None:
    shown = new_table("Grades by age and level", ["number"], ["fitted", "nine tenths"])
    for row in people.numbers.to_dict("records"):
        shown.add_row(row["name"], short(row["value"]), f"{short(row['low'])} to {short(row['high'])}")
    heads = ["published", "band", "in use", "after"]
    rows = new_table("Rows that people were fitted to", ["part", "row"], heads)
    for row in people.rows.to_dict("records"):
        band = f"{short(row['low'])} to {short(row['high'])}"
        figures = (short(row["published"]), band, short(row["before"]), short(row["after"]))
        rows.add_row(row["region"], row["row"], *figures)
    print_tables(shown, rows)
    if not people.starts_agree:
        typer.echo("Not every start led to the same place: there is more than one valley, and the range says less.")


def _percent(row: dict[Any, Any]) -> str:
    return f"{100 * row['informed']:.0f} %"
