"""The commands: one for one with functions below, and nothing computed here.

`run` and `treat` compute a disc and leave a results folder, `report` and `cite` read one, `list` and `schema` say what
may be named.
What a user can mend is one sentence on stderr and exit code 2; Ctrl-C is exit code 130 and the sentence how to go on.
Libraries are imported inside commands: `pulposus --help` waits for nothing it does not show.
"""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ParamSpec, TypeVar

import typer

from pulposus.errors import InputError

if TYPE_CHECKING:
    from rich.table import Table

    from pulposus.case import Case
    from pulposus.evidence import Row
    from pulposus.results import Results

MISTAKEN, STOPPED, UNSOLVED = 2, 130, 1
_PIPED_WIDTH = 200  # columns of a table that goes to a file or to another program

app = typer.Typer(
    name="pulposus",
    help="An in-silico laboratory of cell therapy of the intervertebral disc.",
    epilog="Research software: nothing it says is medical advice.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
names = typer.Typer(
    help="What you may name: therapies, levels, parameters, mechanisms, carriers, sites.", no_args_is_help=True
)
app.add_typer(names, name="list")
numbers = typer.Typer(help="Every number with its source: find one, and see who uses it.", no_args_is_help=True)
app.add_typer(numbers, name="evidence")


def _option(name: str, words: str) -> Any:
    return typer.Option(name, help=words, show_default=False)


def _argument(name: str, words: str) -> Any:
    return typer.Argument(metavar=name, help=words, show_default=False)


Out = Annotated[Path, _option("--out", "Folder to write; an earlier run in it is replaced.")]
Years = Annotated[float | None, _option("--years", "How long to look; else what the case says, or 5.")]
Mesh = Annotated[str | None, _option("--mesh", "coarse, standard or fine; else what the case says, or standard.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Say nothing but errors.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with the stopped run in the folder.")]
NoAblation = Annotated[bool, typer.Option("--no-ablation", help="Leave out what each mechanism adds: half the time.")]
Folder = Annotated[Path, _argument("DIR", "A results folder.")]
AsJson = Annotated[bool, typer.Option("--json", help="As JSON, with everything that is known.")]

P = ParamSpec("P")
R = TypeVar("R")


def main() -> None:
    """Entry of the `pulposus` program."""
    app()


def _door(command: Callable[P, R]) -> Callable[P, R]:
    """What every command does at its door: a user's mistake and Ctrl-C become a sentence and an exit code."""

    @wraps(command)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except InputError as problem:
            typer.echo(str(problem), err=True)
            raise typer.Exit(MISTAKEN) from None
        except BrokenPipeError:
            raise  # who reads our output has enough of it
        except OSError as problem:
            said = problem.strerror or str(problem)
            typer.echo(f"{problem.filename or 'A file'} cannot be read or written: {said}.", err=True)
            raise typer.Exit(MISTAKEN) from None
        except KeyboardInterrupt:
            typer.echo("Stopped.", err=True)
            raise typer.Exit(STOPPED) from None

    return guarded


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"pulposus {version('pulposus')}")
        raise typer.Exit


@app.callback()
def _program(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say the version.")
    ] = False,
) -> None:
    pass


# ---------------------------------------------------------------------------------------------- compute


@app.command()
@_door
def run(
    case: Annotated[Path, _argument("CASE", "A case file (TOML).")],
    out: Out,
    years: Years = None,
    mesh: Mesh = None,
    quiet: Quiet = False,
    resume: Resume = False,
    no_ablation: NoAblation = False,
    compare_hypotheses: Annotated[
        bool, typer.Option("--compare-hypotheses", help="Also under every choice on which sources disagree: minutes.")
    ] = False,
) -> None:
    """Compute a case with its treatments and without, and write results and report into a folder."""
    from pulposus.case import read_case

    asked = read_case(case).changed(years=years, mesh=mesh)
    _compute(asked, out, quiet, resume, not no_ablation)
    if compare_hypotheses:
        _compare(asked, out, quiet)


def _compare(case: Case, out: Path, quiet: bool) -> None:
    """The case under every choice of every hypothesis, into hypotheses.csv and hypotheses.html of its folder."""
    from pulposus.report.book import hypotheses_page
    from pulposus.results import Results

    with _progress(quiet) as tell:
        from pulposus.run import compare_hypotheses

        table = compare_hypotheses(case, progress=tell)
    results = Results.open(out)
    results.write_hypotheses(table)
    page = results.folder / "hypotheses.html"
    page.write_text(hypotheses_page(table, str(results.info().get("title", ""))), encoding="utf-8")
    if not quiet:
        shown = _table(
            "What hangs on each hypothesis", ["hypothesis", "choice"], ["treated", "effect", "lowest glucose"]
        )
        for row in table.to_dict("records"):
            numbers = ("aggrecan_percent_treated", "aggrecan_percent_effect", "glucose_min_mM_treated")
            shown.add_row(row["hypothesis"], row["choice"], *(_short(row[name]) for name in numbers))
        _print_tables(shown)
        typer.echo("treated and effect: aggrecan at the end, % of start, and against the untreated disc")
        typer.echo(f"Hypotheses: {page}")


@app.command()
@_door
def treat(
    line: Annotated[str, _argument("LINE", "'Inject 25e6 allogeneic MSC(M) in 2 mL saline at month 0'")],
    level: Annotated[str, typer.Option("--level", help="C2-C3 to C7-T1, T12-L1, L1-L2 to L5-S1.")] = "L4-L5",
    grade: Annotated[int, typer.Option("--grade", help="Pfirrmann grade, 1 to 5.")] = 3,
    sex: Annotated[str | None, _option("--sex", "male or female; else the mean of both.")] = None,
    age: Annotated[float | None, _option("--age", "Age in years at the start.")] = None,
    years: Years = None,
    mesh: Mesh = None,
    out: Out = Path("results/treat"),
    quiet: Quiet = False,
    resume: Resume = False,
    no_ablation: NoAblation = False,
) -> None:
    """The same without a file: one line of treatment (several with semicolons between), one disc."""
    from pulposus.case import case_from_line

    case = case_from_line(line, level=level, grade=grade, years=years, age=age, sex=sex, mesh=mesh)
    _compute(case, out, quiet, resume, not no_ablation)


def _compute(case: Case, out: Path, quiet: bool, resume: bool, ablation: bool) -> None:
    """Run a case into a folder, draw and report it, and say where it lies."""
    from pulposus.results import Results

    was_complete = resume and Results.open(out).complete
    try:
        with _progress(quiet) as tell:
            from pulposus.run import run_case

            results = run_case(case, out, resume=resume, progress=tell, ablation=ablation)
            tell(1, 1, "figures, meshes, report")
            publish(results)
    except KeyboardInterrupt:
        typer.echo(f"Stopped. What is done lies in {out}; go on with: {_again()}", err=True)
        raise typer.Exit(STOPPED) from None
    if was_complete and not quiet:
        typer.echo("This run was complete: nothing was left to resume; figures and report are written anew.", err=True)
    _conclude(results, quiet)


def publish(results: Results) -> None:
    """Draw the figures, write the meshes for ParaView and the report of a run that is over, each anew."""
    from pulposus.figures import write_figures
    from pulposus.results import write_vtu

    history, info = results.history(), results.info()
    write_figures(history, results.summary(), results.ledger(), results.mechanisms(), info, results.folder / "figures")
    write_vtu(history, results.folder / "vtu")
    _report(results)


def _report(results: Results) -> Path:
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
        info=results.info(),
    )
    return path


def _conclude(results: Results, quiet: bool) -> None:
    """What a run must still say: its warnings, an arm that cannot be believed, where the report lies."""
    info = results.info()
    status: Mapping[str, str] = info["status"]
    failed = {arm: said for arm, said in status.items() if said != "completed"}
    if not quiet:
        for warning in info.get("warnings", []):
            typer.echo(f"Note: {warning}", err=True)
        typer.echo(f"Report: {results.folder / 'report.html'}")
    for arm, said in failed.items():
        typer.echo(f"The {arm} arm {said}.", err=True)
    if failed:
        raise typer.Exit(UNSOLVED)


def _again() -> str:
    """The command that goes on with what this one began."""
    given = [word for word in sys.argv[1:] if word != "--resume"]
    return shlex.join(["pulposus", *given, "--resume"])


@contextmanager
def _progress(quiet: bool) -> Iterator[Callable[[int, int, str], None]]:
    """A bar on stderr while a run goes on; nothing when asked to be quiet or when nobody watches."""
    if quiet or not sys.stderr.isatty():
        yield lambda done, total, text: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn("elapsed,"),
        TimeRemainingColumn(),
        TextColumn("left"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("starting", total=None)
        yield lambda done, total, text: bar.update(task, completed=done, total=total, description=text)


# ---------------------------------------------------------------------------------------------- read


@app.command()
@_door
def report(folder: Folder) -> None:
    """Write report.html of a results folder anew."""
    from pulposus.results import Results

    typer.echo(f"Report: {_report(Results.open(folder))}")


@app.command()
@_door
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
@_door
def schema() -> None:
    """JSON Schema of a case file, for editors."""
    from pulposus.case import json_schema

    typer.echo(json.dumps(json_schema(), indent=2, ensure_ascii=False))


# ---------------------------------------------------------------------------------------------- validation


@app.command()
@_door
def validate(
    out: Annotated[Path, _option("--out", "Folder to write validation.csv and the pages into.")],
    only: Annotated[str, _option("--only", "One check, or a group, a class or a source of them.")] = "",
    quiet: Quiet = False,
) -> None:
    """Hold the model against published results, and write the validation book and the credibility page."""
    from pulposus.report.book import validation_page
    from pulposus.report.credibility import credibility_page
    from pulposus.run import remember_compilations

    remember_compilations()
    out.mkdir(parents=True, exist_ok=True)
    with _progress(quiet) as tell:
        from pulposus import validation

        table, findings = validation.validate(only, progress=tell)
    counted = validation.counts(table)
    table.to_csv(out / "validation.csv", index=False, lineterminator="\n")
    (out / "validation.html").write_text(validation_page(table, counted, findings), encoding="utf-8")
    if not only:
        (out / "credibility.html").write_text(credibility_page(table, counted), encoding="utf-8")
    if not quiet:
        _print_book(table, counted)
    typer.echo(f"Validation book: {out / 'validation.html'}")


def _print_book(table: Any, counted: Any) -> None:
    """Every check on a line, then the counts."""
    from pulposus.report.book import SIGNS

    shown = _table(
        "Validation book", ["check", "class"], ["published", "band", "ours"], ["unit", "known by", "verdict", "comment"]
    )
    for row in table.to_dict("records"):
        band = "" if row["low"] != row["low"] else f"{_short(row['low'])} to {_short(row['high'])}"
        ours = "" if row["ours"] != row["ours"] else _short(row["ours"])
        said = row["comment"] if row["verdict"] == "differs" else row["told"]
        numbers = ("", "", "") if row["kind"] == "ordering" else (_short(row["published"]), band, ours)
        shown.add_row(
            row["name"], row["class"], *numbers, _words(row["unit"]), row["status"], SIGNS[row["verdict"]], said
        )
    heads = ["checks", "agree", "groups", "groups that agree", "sources"]
    sums = _table("Counts: rows of one paper on one thing are a group", ["class", "kind"], heads)
    for row in counted.to_dict("records"):
        sums.add_row(*(str(value) for value in row.values()))
    _print_tables(shown, sums)


# ---------------------------------------------------------------------------------------------- evidence


@numbers.command()
@_door
def search(
    word: Annotated[str, _argument("WORD", "A word or several, such as glucose.")], as_json: AsJson = False
) -> None:
    """Rows of the evidence in whose name, note, tissue, source or condition a word stands."""
    from pulposus import evidence

    rows = evidence.search(word)
    if as_json:
        _print_json([{"name": row.name, **_as_row(row)} for row in rows])
        return
    _print_rows(f"{len(rows)} rows with {word!r}", rows)
    typer.echo("* the row in force, of those that share a name; `pulposus evidence show NAME` says who reads it")


@numbers.command()
@_door
def show(name: Annotated[str, _argument("NAME", "A name, as search prints it.")], as_json: AsJson = False) -> None:
    """Everything that was found for one number: all rows, the one in use, the range, and who reads it."""
    from pulposus import evidence
    from pulposus.evidence import usage

    rows = evidence.found(name)
    quantity = "" if rows[0].file == "parameters.csv" else rows[0].name.split()[-1]
    readers = usage.readers(rows[0].name, quantity)
    if as_json:
        _print_json({"name": rows[0].name, "rows": [_as_row(row) for row in rows], "read_by": readers})
        return
    _print_rows(rows[0].name, rows)
    for text in _told_of(rows, readers):
        typer.echo(text)


def _told_of(rows: Sequence[Row], readers: Sequence[str]) -> Iterator[str]:
    """Sentences on a name: the row in use, the range over all rows, conditions, readers, sources."""
    from pulposus import evidence

    used = [row for row in rows if row.used]
    if used and not used[0].text:
        spread = evidence.factor(used[0].unit)
        low, high = min(row.si_low for row in rows) / spread, max(row.si_high for row in rows) / spread
        unit = f" {used[0].unit}" if _words(used[0].unit) else ""
        yield f"In force: {_value(used[0])}{unit} ({used[0].file} line {used[0].line})."
        yield f"All rows together: {_short(low)} to {_short(high)}{unit}."
    if used and readers:
        yield f"Read by: {'; '.join(readers)}."
    else:
        yield "Read by no process: kept to compare with, or for what is not built yet."
    for row in rows:
        said = ", ".join(part for part in (row.tissue, row.condition, row.n and f"n = {row.n}", row.note) if part)
        yield f"  line {row.line}: {said or 'nothing more is noted'}"
    for key in dict.fromkeys(key for row in rows for key in row.sources):
        yield f"  [{key}] {evidence.reference(key)}"


def _print_rows(title: str, rows: Sequence[Row]) -> None:
    table = _table(title, ["name"], ["value"], ["range", "unit", "kind", "known by", "source", "where"])
    for row in rows:
        reach = "" if row.text else _range(row)
        known = (row.kind, row.status, row.source, row.where)
        table.add_row(row.name + "*" * row.used, _value(row), reach, _words(row.unit), *known)
    _print_tables(table)


def _as_row(row: Row) -> dict[str, Any]:
    return {**_as_dict(row), "used": row.used, "n": row.n, "file": row.file, "line": row.line}


# ---------------------------------------------------------------------------------------------- names


@names.command()
@_door
def therapies(as_json: AsJson = False) -> None:
    """What can be injected, in which carriers, and where."""
    from pulposus import evidence

    groups = {
        "products": {name: evidence.product(name) for name in evidence.products()},
        "carriers": {name: evidence.carrier(name) for name in evidence.carriers()},
        "sites": {name: evidence.site(name) for name in evidence.sites()},
    }
    if as_json:
        _print_json({group: _members(members) for group, members in groups.items()})
        return
    _print_products(groups["products"])
    _print_members("Carriers", groups["carriers"])
    _print_members("Sites", groups["sites"])


@names.command()
@_door
def carriers(as_json: AsJson = False) -> None:
    """What products can be suspended in."""
    from pulposus import evidence

    _list_members("Carriers", {name: evidence.carrier(name) for name in evidence.carriers()}, as_json)


@names.command()
@_door
def sites(as_json: AsJson = False) -> None:
    """Where the tip of the needle may be."""
    from pulposus import evidence

    _list_members("Sites", {name: evidence.site(name) for name in evidence.sites()}, as_json)


@names.command()
@_door
def levels(as_json: AsJson = False) -> None:
    """Levels of the spine, with the dimensions of a healthy disc (mean of both sexes)."""
    from pulposus import evidence

    found = {name: evidence.dimensions(name) for name in evidence.levels()}
    if as_json:
        _print_json(_members(found))
        return
    shown = {"mid_height": "height", "ap_depth": "depth", "width": "width", "wedge": "wedge"}
    heads = [f"{words}, {_unit(found, key)}" for key, words in shown.items()]
    table = _table("Levels: a healthy disc, mean of both sexes", ["level"], heads)
    for name, rows in found.items():
        table.add_row(name, *(_value(rows[key]) + ("*" if rows[key].assumed else "") for key in shown))
    _print_tables(table)
    typer.echo("* an assumption; height falls with grade")


@names.command()
@_door
def parameters(as_json: AsJson = False) -> None:
    """Every number with its unit, range, kind and source; a case may override each that a process reads."""
    from pulposus import evidence
    from pulposus.evidence import usage

    rows = [evidence.used(name) for name in evidence.names()]
    if as_json:
        _print_json({row.name: _as_dict(row) for row in rows})
        return
    table = _table("Parameters", ["name"], ["value"], ["range", "unit", "kind", "source"])
    for row in rows:
        mark = "" if usage.readers(row.name) else "*"
        table.add_row(row.name + mark, _value(row), _range(row), _words(row.unit), row.kind, row.source)
    _print_tables(table)
    typer.echo("* read by no process: kept to compare with, or for what is not built yet")


@names.command()
@_door
def mechanisms(as_json: AsJson = False) -> None:
    """What treatments are said to do; the report shows each one's share."""
    from dataclasses import asdict

    from pulposus import evidence

    found = evidence.mechanisms()
    if as_json:
        _print_json({mechanism.name: asdict(mechanism) for mechanism in found})
        return
    table = _table("Mechanisms", ["name", "what", "disputed"])
    for mechanism in found:
        disputed = mechanism.dispute if mechanism.disputed else "no"
        table.add_row(mechanism.name, mechanism.what, disputed)
    _print_tables(table)


def _list_members(title: str, members: Mapping[str, Mapping[str, Row]], as_json: bool) -> None:
    if as_json:
        _print_json(_members(members))
    else:
        _print_members(title, members)


def _print_products(products: Mapping[str, Mapping[str, Row]]) -> None:
    """One row a product, with the dose that is taken when nobody says."""
    table = _table("Products", ["name", "what", "origin"], ["dose"], ["tabled", "counted in"], ["mL"])
    for name, rows in products.items():
        dose, words = rows["dose_default"], {key: row.text for key, row in rows.items() if row.text}
        volume = _value(rows["volume_default"])
        table.add_row(
            name, words["title"], words["origin_default"], _value(dose), _range(dose), words["dose_unit"], volume
        )
    _print_tables(table)


def _print_members(title: str, members: Mapping[str, Mapping[str, Row]]) -> None:
    """Carriers or sites: what each is, and under it a row for each of its numbers."""
    table = _table(title, ["name"], ["value"], ["range", "unit", "kind", "source"])
    for name, rows in members.items():
        table.add_row(name)
        for key, row in rows.items():
            if not row.text:
                words = f"  {key.replace('_', ' ')}"
                table.add_row(words, _value(row), _range(row), _words(row.unit), row.kind, row.source)
        table.add_section()
    _print_tables(table)


def _table(title: str, *columns: Sequence[str]) -> Table:
    """An empty table; groups of columns are text and numbers in turn, numbers to the right."""
    from rich import box
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for place, group in enumerate(columns):
        for head in group:
            # On a narrow terminal words fold; a number that lost its end would be another number.
            whole = bool(place % 2) or head in ("range", "tabled")
            table.add_column(head, justify="right" if place % 2 else "left", overflow="fold", no_wrap=whole)
    return table


def _print_tables(*tables: Table) -> None:
    from rich.console import Console

    console = Console(width=None if sys.stdout.isatty() else _PIPED_WIDTH, highlight=False)
    for table in tables:
        console.print(table)


def _print_json(what: Any) -> None:
    typer.echo(json.dumps(what, indent=2, ensure_ascii=False))


def _members(members: Mapping[str, Mapping[str, Row]]) -> dict[str, dict[str, Any]]:
    return {name: {key: _as_dict(row) for key, row in rows.items()} for name, rows in members.items()}


def _as_dict(row: Row) -> dict[str, Any]:
    """A row for JSON: words as text, numbers with unit, range and source."""
    if row.text:
        return {"text": row.text}
    columns = ("value", "low", "high", "unit", "kind", "source", "where", "status", "note", "tissue", "condition")
    found = {column: getattr(row, column) for column in columns}
    return {key: value for key, value in found.items() if value != ""}


def _unit(members: Mapping[str, Mapping[str, Row]], key: str) -> str:
    units: Iterable[str] = (rows[key].unit for rows in members.values() if key in rows)
    return _words(next(iter(units)))


def _words(unit: str) -> str:
    return "" if unit == "1" else unit


def _value(row: Row) -> str:
    return row.text or _short(row.value)


def _range(row: Row) -> str:
    return "" if row.low == row.high else f"{_short(row.low)} to {_short(row.high)}"


def _short(value: float) -> str:
    return f"{value:.4g}".replace("e+0", "e").replace("e+", "e").replace("e-0", "e-")
