"""The command that looks for the best treatment: `optimise`."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pulposus import interrupt
from pulposus.cli.compute import again
from pulposus.cli.door import STOPPED, Quiet, app, argument, door, option, progress
from pulposus.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from pulposus.uncertainty.optimum import Plan

_RECORD, _RUNS = "optimise.json", "runs.csv"


@app.command()
@door
def optimise(
    case: Annotated[Path, argument("CASE", "A case file (TOML) with one treatment.")],
    out: Annotated[Path, option("--out", "Folder for tables, pictures and page.")],
    vary: Annotated[
        str,
        typer.Option("--vary", help="dose, repeat_interval, volume, viability, passage; dose=1e6..1e8 says how far."),
    ] = "dose,repeat_interval,volume",
    maximise: Annotated[
        str, typer.Option("--maximise", help="Output and month: aggrecan, water, cells, height, il1b or glucose.")
    ] = "aggrecan@24",
    runs: Annotated[int, typer.Option("--runs", help="Most discs to compute, up to 1,000.")] = 1000,
    draws: Annotated[int, typer.Option("--draws", help="Draws of what is not known, the same for every point.")] = 16,
    mesh: Annotated[str, typer.Option("--mesh", help="cohort, coarse, standard or fine.")] = "cohort",
    no_gradient: Annotated[
        bool, typer.Option("--no-gradient", help="Do not follow the gradient from the best point.")
    ] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the stopped search in the folder.")] = False,
    quiet: Quiet = False,
) -> None:
    """Look for the dose, volume and schedule that do most for an output, and say how sure that is."""
    from pulposus.case import read_case

    asked_case = read_case(case)
    _refuse(out)
    began = time.monotonic()
    try:
        with interrupt.held(lambda said: typer.echo(said, err=True)), progress(quiet) as tell:
            from pulposus.disc.mesh import sized
            from pulposus.results import write_text
            from pulposus.run import remember_compilations
            from pulposus.uncertainty import optimum

            remember_compilations()
            sized(mesh)
            asked = optimum.plan(asked_case, vary, maximise, runs=runs, draws=draws)
            question = _question(asked, mesh)
            done = _done(out, question) if resume else None
            out.mkdir(parents=True, exist_ok=True)
            write_text(out / _RECORD, json.dumps(question, indent=1) + "\n")
            if done is None:
                (out / _RUNS).unlink(missing_ok=True)

            def keep(table: pd.DataFrame) -> None:
                write_text(out / _RUNS, table.to_csv(index=False, lineterminator="\n"))

            found = optimum.compute(asked, size=mesh, done=done, progress=tell, keep=keep)
            told = optimum.judge(asked, found)
            refined = None
            if not no_gradient and told["used"]:
                refined = optimum.refine(asked, told["used"]["point"], mesh, tell)
    except KeyboardInterrupt:
        kept = f"Discs that are done lie in {out}; go on with: {again()}"
        typer.echo(f"Stopped. {kept if (out / _RUNS).exists() else 'Nothing was done yet.'}", err=True)
        raise typer.Exit(STOPPED) from None
    said = _publish(asked, found, told, refined, out, mesh, time.monotonic() - began)
    if not quiet:
        for text in said:
            typer.echo(text)
    typer.echo(f"Page: {out / 'optimise.html'}")


def _publish(
    asked: Plan,
    found: pd.DataFrame,
    told: Mapping[str, Any],
    refined: pd.DataFrame | None,
    out: Path,
    mesh: str,
    seconds: float,
) -> list[str]:
    """Tables, pictures and page into the folder; the sentences that the terminal says."""
    from pulposus.figures.response import OUTPUTS, write_response
    from pulposus.report.response import response_page, sentences
    from pulposus.results import write_text
    from pulposus.uncertainty.optimum import response

    table = response(asked, found)
    write_text(out / "response.csv", table.to_csv(index=False, lineterminator="\n"))
    if refined is not None:
        write_text(out / "gradient.csv", refined.to_csv(index=False, lineterminator="\n"))
    pictures = write_response(table, told, asked.axes, asked.output, asked.at, out / "figures")
    words, unit = OUTPUTS[asked.output]
    said = sentences(told, asked.axes, f"{words} at month {asked.at:g}", unit)
    if refined is not None and len(refined):
        top = refined.loc[refined["effect"].idxmax()]
        where = ", ".join(axis.said(float(top[axis.name])) for axis in asked.axes)
        said.append(f"Following the gradient with the used values: {where}, effect {top['effect']:+.3g} {unit}.")
    how = (
        f"{asked.runs} discs ({len(asked.points)} points and the untreated disc, with the used values and "
        f"{told['draws']} draws) on the {mesh} mesh; {seconds:.0f} s of wall time."
    )
    said.append(how)
    title = f"The best {', '.join(axis.words for axis in asked.axes)} for {words}"
    page = response_page(table, refined, said[:-1], asked.axes, title, asked.case.title, pictures, how)
    write_text(out / "optimise.html", page)
    return said


def _question(asked: Plan, mesh: str) -> dict[str, Any]:
    """What has to be the same for runs to be kept."""
    from importlib.metadata import version

    from pulposus import evidence

    axes = {axis.name: list(axis.values) for axis in asked.axes}
    return {
        "command": "optimise",
        "case": asked.case.to_toml(),
        "axes": axes,
        "output": asked.output,
        "month": asked.at,
        "draws": len(asked.drawn) - 1,
        "mesh": mesh,
        "evidence": evidence.digest(),
        "version": version("pulposus"),
    }


def _done(out: Path, question: Mapping[str, Any]) -> pd.DataFrame | None:
    """Runs of an earlier, stopped search for the same thing; None where it had done none. Raises InputError where none
    was begun, or it was for something else.
    """
    import pandas as pd

    from pulposus.results import begun

    before = begun(out, _RECORD, "search", "pulposus optimise")
    other = [key for key in question if question[key] != before.get(key)]
    if other:
        raise InputError(
            f"The search in {str(out)!r} was for another {', '.join(other)}; leave out --resume to begin anew, or give "
            "another folder to --out."
        )
    return pd.read_csv(out / _RUNS) if (out / _RUNS).exists() else None


def _refuse(out: Path) -> None:
    """Raise InputError for a folder that holds something else."""
    from pulposus.results import require_folder

    require_folder(out)
    if out.is_dir() and any(not path.name.startswith(".") for path in out.iterdir()) and not (out / _RECORD).exists():
        raise InputError(f"{str(out)!r} holds something other than a search; give a new or an empty folder to --out.")
