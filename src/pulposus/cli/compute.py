"""Commands that compute a disc and leave a results folder: `run` and `treat`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pulposus import interrupt
from pulposus.cli.door import (
    STOPPED,
    UNSOLVED,
    Mesh,
    NoAblation,
    NoLoads,
    Out,
    Quiet,
    Resume,
    Years,
    again,
    app,
    argument,
    door,
    option,
    progress,
)
from pulposus.cli.tables import new_table, print_tables, short
from pulposus.errors import InputError

if TYPE_CHECKING:
    from pulposus.case import Case
    from pulposus.results import Results

_HYPOTHESES = "hypotheses.html"
SIGHT = "t2_weighted"  # name of the picture of what a scanner would see


@app.command()
@door
def run(
    case: Annotated[Path, argument("CASE", "A case file (TOML).")],
    out: Out,
    years: Years = None,
    mesh: Mesh = None,
    quiet: Quiet = False,
    resume: Resume = False,
    no_ablation: NoAblation = False,
    no_loads: NoLoads = False,
    compare_hypotheses: Annotated[
        bool, typer.Option("--compare-hypotheses", help="Also under every choice on which sources disagree: minutes.")
    ] = False,
    ensemble: Annotated[int, option("--ensemble", "Also so many discs with numbers drawn from their ranges.")] = 0,
    ensemble_mesh: Annotated[str, typer.Option("--ensemble-mesh", help="Their mesh; cohort is quicker.")] = "coarse",
    ensemble_solid: Annotated[
        bool, typer.Option("--ensemble-solid", help="Their form by the whole disc too, not by columns: longer.")
    ] = False,
) -> None:
    """Compute a case with its treatments and without, and write results and report into a folder."""
    from pulposus.case import read_case

    asked = read_case(case).changed(years=years, mesh=mesh)
    if ensemble_solid and not ensemble:
        raise InputError("--ensemble-solid is of the ensemble, and none was asked for; add --ensemble 200.")
    if ensemble:
        from pulposus.disc.mesh import sized
        from pulposus.uncertainty import draw

        sized(ensemble_mesh)
        draw(asked, ensemble)  # what cannot be drawn is said before anything is computed
    compute(asked, out, quiet, resume, not no_ablation, not no_loads)
    if ensemble:
        _forecast(asked, out, ensemble, ensemble_mesh, "solid" if ensemble_solid else "columns", quiet, resume)
    if compare_hypotheses:
        _compare(asked, out, quiet)


def _compare(case: Case, out: Path, quiet: bool) -> None:
    """The case under every choice of every hypothesis, into hypotheses.csv and hypotheses.html of its folder."""
    from pulposus.report.book import hypotheses_page
    from pulposus.results import Results, claimed, write_text

    held = interrupt.held(lambda said: typer.echo(said, err=True))
    with held, progress(quiet) as tell, claimed(out):
        from pulposus.run import compare_hypotheses

        results = Results.open(out)
        table = compare_hypotheses(case, progress=tell)
        results.write_hypotheses(table)
        page = results.folder / _HYPOTHESES
        write_text(page, hypotheses_page(table, str(results.info().get("title", ""))))
        if (results.folder / "report.html").exists():
            draw_report(results)  # it links the page
    if not quiet:
        shown = new_table(
            "What hangs on each hypothesis", ["hypothesis", "choice"], ["treated", "effect", "lowest glucose"]
        )
        for row in table.to_dict("records"):
            numbers = ("aggrecan_percent_treated", "aggrecan_percent_effect", "glucose_min_mM_treated")
            shown.add_row(row["hypothesis"], row["choice"], *(short(row[name]) for name in numbers))
        print_tables(shown)
        typer.echo("treated and effect: aggrecan at the end, % of start, and against the untreated disc")
        typer.echo(f"Hypotheses: {page}")


def _forecast(case: Case, out: Path, n: int, size: str, mechanics: str, quiet: bool, resume: bool) -> None:
    """The ensemble of a case into its folder, and the report anew with its bands."""
    from pulposus.report.words import spread
    from pulposus.results import Results, claimed

    try:
        with interrupt.held(lambda said: typer.echo(said, err=True)), progress(quiet) as tell, claimed(out):
            from pulposus.uncertainty import forecast

            results = Results.open(out)
            forecast(results, case, n, size=size, mechanics=mechanics, resume=resume, progress=tell)
            draw_report(results)
    except KeyboardInterrupt:
        typer.echo(f"Stopped. Members that are done lie in {out}; go on with: {again()}", err=True)
        raise typer.Exit(STOPPED) from None
    if not quiet:
        typer.echo(spread(results.info()) or "No member of the ensemble could be solved.")


@app.command()
@door
def treat(
    line: Annotated[str, argument("LINE", "'Inject 25e6 allogeneic MSC(M) in 2 mL saline at month 0'")],
    level: Annotated[str, typer.Option("--level", help="C2-C3 to C7-T1, T12-L1, L1-L2 to L5-S1.")] = "L4-L5",
    grade: Annotated[str, typer.Option("--grade", help="Pfirrmann grade, 1 to 5.")] = "3",
    sex: Annotated[str | None, option("--sex", "male or female; else the mean of both.")] = None,
    age: Annotated[str | None, option("--age", "Age in years at the start.")] = None,
    years: Years = None,
    mesh: Mesh = None,
    out: Out = Path("results/treat"),
    quiet: Quiet = False,
    resume: Resume = False,
    no_ablation: NoAblation = False,
    no_loads: NoLoads = False,
) -> None:
    """The same without a file: one line of treatment (several with semicolons between), one disc."""
    from pulposus.case import case_from_line

    case = case_from_line(line, level=level, grade=grade, years=years, age=age, sex=sex, mesh=mesh)
    compute(case, out, quiet, resume, not no_ablation, not no_loads)


def compute(
    case: Case, out: Path, quiet: bool, resume: bool = False, ablation: bool = True, loads: bool = True
) -> None:
    """Run a case into a folder, draw and report it, and say where it lies."""
    compute_together([case], [out], quiet, resume, ablation, loads)


def compute_together(
    cases: Sequence[Case],
    outs: Sequence[Path],
    quiet: bool,
    resume: bool = False,
    ablation: bool = True,
    loads: bool = True,
    overview: Callable[[Sequence[Results]], Path] | None = None,
) -> None:
    """Run cases as one batch, each into its folder, draw and report them, and say where they lie. overview: writes a
    page over all of them.
    """
    from pulposus.results import Results, claimed

    for out in outs:
        if not out.name:
            raise InputError(f"--out is {str(out)!r}, which names no folder; write for example --out results/mine.")
    was_complete = resume and all(Results.open(out).complete for out in outs)
    try:
        with interrupt.held(lambda said: typer.echo(said, err=True)), progress(quiet) as tell:
            found = _run(cases, outs, resume=resume, progress=tell, ablation=ablation, loads=loads)
            for results in found:
                try:
                    with claimed(results.folder):
                        publish(results, lambda what: tell(1, 1, what))
                except InputError:  # an arm that failed may have left nothing that can be drawn
                    if set(results.info()["status"].values()) == {"completed"}:
                        raise
            page = None if overview is None else overview(found)
    except KeyboardInterrupt:
        begun = [out for out in outs if _begun(out)]
        done = f"What is done lies in {begun[0]}; go on with: {again()}" if begun else "Nothing was done yet."
        typer.echo(f"Stopped. {done}", err=True)
        raise typer.Exit(STOPPED) from None
    if was_complete and not quiet:
        typer.echo("This run was complete: nothing was left to resume; figures and report are written anew.", err=True)
    if page is not None and not quiet:
        typer.echo(f"Overview: {page}")
    _conclude(found, quiet)


def _run(cases: Sequence[Case], outs: Sequence[Path], **how: Any) -> list[Results]:
    if len(cases) == 1:
        from pulposus.run import run_case

        return [run_case(cases[0], outs[0], **how)]
    from pulposus.run import run_cases

    return run_cases(cases, outs, **how)


def _begun(out: Path) -> bool:
    """True where a run has left something to go on from."""
    from pulposus.results import Results

    try:
        return bool(Results.open(out).times_done)
    except InputError:
        return False


def publish(results: Results, tell: Callable[[str], None] = lambda what: None) -> None:
    """Draw the figures, write the meshes for ParaView and the report of a run that is over, each anew."""
    from pulposus.figures import write_figures
    from pulposus.results import SLICE, write_vtu

    results.case_text()  # what a report cannot do without is asked for before anything is drawn
    history, info = results.history(), results.info()
    tell("figures")
    loads = results.loads()
    write_figures(
        history,
        results.summary(),
        results.ledger(),
        results.mechanisms(),
        info,
        results.folder / "figures",
        plans={} if loads is None else loads[-1]["plans"],
        slice_=found if (found := results.folder / SLICE).exists() else None,
    )
    tell("meshes")
    write_vtu(history, results.folder / "vtu")
    tell("report")
    draw_report(results)


def draw_report(results: Results) -> Path:
    """Write report.html of a results folder, and say where it lies."""
    import tomllib

    from pulposus.report import write_report

    path = results.folder / "report.html"
    write_report(
        path,
        history=results.history(),
        summary=results.summary(),
        ledger=results.ledger(),
        mechanisms=results.mechanisms(),
        case=tomllib.loads(results.case_text()),
        info=results.info() | ({"hypotheses_page": _HYPOTHESES} if (results.folder / _HYPOTHESES).exists() else {}),
        bands=None if (members := results.ensemble()) is None else members[2],
        loads=_illustrated(results),
        picture=_encoded(results.folder / "figures" / f"{SIGHT}.png"),
    )
    return path


def _encoded(picture: Path) -> str:
    import base64

    return base64.b64encode(picture.read_bytes()).decode() if picture.exists() else ""


def _illustrated(results: Results) -> Any:
    """The disc under load with the pictures that were drawn of it."""
    loads = results.loads()
    if loads is None:
        return None
    drawn = {arm: results.folder / "figures" / f"tears_{arm}.png" for arm in loads[-1]["plans"]}
    pictures = {arm: _encoded(path) for arm, path in drawn.items() if path.exists()}
    return *loads[:-1], loads[-1] | {"pictures": pictures}


def _conclude(found: Sequence[Results], quiet: bool) -> None:
    """What runs must still say: their warnings, arms that cannot be believed, where the reports lie."""
    failed = []
    for results in found:
        info, of = results.info(), f" of {results.folder}" if len(found) > 1 else ""
        status: Mapping[str, str] = info["status"]
        failed += [f"The {arm} arm{of} {said}." for arm, said in status.items() if said != "completed"]
        if not quiet:
            for warning in info.get("warnings", []):
                typer.echo(f"Note: {warning}", err=True)
            if (results.folder / "report.html").exists():
                typer.echo(f"Report: {results.folder / 'report.html'}")
    for said in failed:
        typer.echo(said, err=True)
    if failed:
        raise typer.Exit(UNSOLVED)
