"""Commands about published trials: `trial list`, `why`, `read`, `leave-one-out`, `reproduce`."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pulposus.cli.door import Quiet, app, door, option, progress
from pulposus.cli.tables import new_table, print_tables
from pulposus.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from rich.table import Table

    from pulposus.uncertainty.trials import Reading

_HELP = "Trials: conducted, planned, and what published ones say of why people feel better."
trial = typer.Typer(no_args_is_help=True, help=_HELP)
app.add_typer(trial, name="trial")
_PEOPLE = 20_000  # maths: people of whom a mean is taken
_KEPT = 200  # maths: draws that are kept in the evidence
_FEWEST = 100  # maths: draws below which the tail of weights says nothing

Region = Annotated[str, typer.Option("--region", help="lumbar or cervical.")]
Seed = Annotated[int, typer.Option("--seed", help="Of the sampler.")]
Count = Annotated[int, typer.Option("--draws", help="How many are drawn.")]
Workers = Annotated[int, typer.Option("--workers", help="Processes on this machine.")]
DiscToPain = Annotated[
    str, typer.Option("--disc-to-pain", help="none, or mediated: what happens in discs moves responding.")
]


@trial.command("list")
@door
def list_(region: Region = "lumbar") -> None:
    """Every arm: whose disease, what its people knew, what was done, and how many of its numbers are used."""
    from pulposus.evidence import trials
    from pulposus.uncertainty.trials import Reading

    used = Reading.of(region).results
    table = new_table(f"Arms of trials of the {region} spine")
    for head in ("study", "arm", "population", "aware", "done", "treatment", "controlled", "numbers used"):
        table.add_column(head)
    for arm in trials.arms().values():
        if arm.region == region:
            count = sum(r.arm == arm for r in used)
            row = (arm.study, arm.name, arm.population, arm.aware, arm.procedure, arm.treatment)
            table.add_row(*(cell.replace("_", " ") for cell in row), "yes" if arm.controlled else "no", str(count))
    print_tables(table)


@trial.command()
@door
def why(
    procedure: Annotated[str, typer.Option("--procedure", help="none, oral, touch, needle, disc or surgery.")] = "disc",
    aware: Annotated[str, typer.Option("--aware", help="blind, open, or untreated.")] = "blind",
    treatment: Annotated[
        list[str] | None, typer.Option("--treatment", help="A treatment of which trials tell; again for each.")
    ] = None,
    population: Annotated[str, typer.Option("--population", help="chronic or radicular.")] = "chronic",
    region: Region = "lumbar",
    uncontrolled: Annotated[bool, typer.Option("--uncontrolled", help="As in a series without a control.")] = False,
    pain: Annotated[float, typer.Option("--pain", help="At start, 0 to 100.")] = 65.0,
    disability: Annotated[float, typer.Option("--disability", help="ODI or NDI at start, percent.")] = 44.0,
    limb: Annotated[
        float | None, typer.Option("--limb", help="Leg or arm pain at start; --pain is then of back or neck.")
    ] = None,
    month: Annotated[float, typer.Option("--month", help="After how many months.")] = 12.0,
    seed: Seed = 0,
) -> None:
    """Split the mean fall of a score into its parts: regression, course, worsening, expectation, treatment."""
    import numpy as np

    from pulposus.outcomes import person

    if not month > 0:
        raise InputError(f"--month {month:g} is not possible; give more than nought.")
    if seed < 0:
        raise InputError(f"--seed {seed} is not possible; give zero or more.")
    if treatment and aware == "untreated":
        raise InputError(
            f"--aware untreated are people who know that nothing is done, and --treatment is {treatment[0]}; leave one "
            "of them out, or write --aware open."
        )
    given = person.Given(region, population, procedure, aware, tuple(treatment or ()), not uncontrolled)
    hurting, hindered = np.full(_PEOPLE, pain), np.full(_PEOPLE, disability)
    aching = None if limb is None else np.full(_PEOPLE, limb)
    rows = person.why(np.random.default_rng(seed), given, hurting, hindered, month, aching)
    starts = {"pain": pain, "disability": disability} | ({} if limb is None else {"limb": limb})
    kinds = {"axial": "back pain" if region == "lumbar" else "neck pain"}
    kinds["limb"] = "leg pain" if region == "lumbar" else "arm pain"
    heads = {"pain": kinds["axial" if limb is not None else person.leading(population)], "limb": kinds["limb"]}
    table = new_table(
        f"Mean change after {month:g} months, from " + ", ".join(f"{start:g}" for start in starts.values())
    )
    for head in ("part", *(heads.get(score, score) for score in starts)):
        table.add_column(head)
    for row in rows.to_dict("records"):
        changes = (f"{row[score]:+.1f}".replace("-", "−") for score in starts)
        table.add_row(row["part"], *("0" if change[1:] == "0.0" else change for change in changes))
    print_tables(table)


@trial.command()
@door
def read(
    region: Region = "lumbar",
    seed: Seed = 0,
    draws: Count = 600,
    write: Annotated[
        bool, typer.Option("--write", help="For developers: write the draws into the evidence of this checkout.")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Sample what trials leave possible of every number of the law of responses, beside its prior."""
    reading, found = _sampled(region, seed, draws, quiet)
    table = new_table(f"What {len(reading.studies)} studies of the {region} spine leave possible")
    for head in ("number", "prior", "now (nine tenths)"):
        table.add_column(head)
    for name, prior, drawn in _numbers(reading, found):
        table.add_row(name, prior, drawn)
    print_tables(table)
    if write:
        from pulposus.evidence import FOLDER
        from pulposus.results import write_text

        path = FOLDER / f"responses_{region}.csv"
        write_text(path, _draws(reading, found))
        typer.echo(f"Draws: {path}")


@trial.command("leave-one-out")
@door
def leave_one_out(
    out: Annotated[Path, option("--out", "Folder for the tables and the page.")],
    region: Region = "lumbar",
    seed: Seed = 0,
    draws: Count = 600,
    refit: Annotated[
        bool, typer.Option("--refit", help="Sample anew without a study whose weights are not to be trusted (long).")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Foretell every controlled trial from all others: printed, foretold, inside or outside, and the coverage."""
    from pulposus.results import require_folder

    require_folder(out)
    reading, found = _sampled(region, seed, draws, quiet)
    from pulposus.uncertainty import foretold

    with progress(quiet) as tell:
        rows = foretold.leave_one_out(
            reading, found, seed, refit, lambda done, all_, name: tell(done, all_, f"without {name}")
        )
        words = foretold.words(reading, found, seed)
    covered = foretold.coverage(rows)
    _publish(rows, covered, words, out, region)
    table = new_table("How many printed values lie in the 90 % interval that was foretold without their trial")
    for head in covered.columns:
        table.add_column(head.replace("_", " "))
    for row in covered.itertuples(index=False):
        table.add_row(*(f"{cell:.2f}" if isinstance(cell, float) else str(cell) for cell in row))
    print_tables(table)
    typer.echo(f"Page: {out / f'leave_one_out_{region}.html'}")


@trial.command()
@door
def reproduce(
    region: Annotated[str, typer.Option("--region", help="lumbar or cervical; both if not said.")] = "",
    out: Annotated[Path | None, option("--out", "Folder for the tables.")] = None,
    seed: Seed = 0,
    quiet: Quiet = False,
) -> None:
    """Placebo arms, natural course and regression to the mean as published, beside what people of the law print."""
    import pandas as pd

    from pulposus.results import require_folder, write_text

    if out is not None:
        require_folder(out)
    if seed < 0:
        raise InputError(f"--seed {seed} is not possible; give zero or more.")
    from pulposus.evidence.trials import REGIONS
    from pulposus.uncertainty import reproduced

    regions = (region,) if region else REGIONS
    for one in regions:
        reproduced.asked(one)
    with progress(quiet) as tell:
        rows = pd.concat([reproduced.reproduce(one, seed, tell) for one in regions], ignore_index=True)
        said = pd.concat([reproduced.words(one, seed) for one in regions], ignore_index=True)
    covered = reproduced.counted(rows)
    print_tables(*_as_tables(rows, said, covered))
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        for name, table in (("reproduced", rows), ("words", said), ("counted", covered)):
            write_text(out / f"{name}.csv", table.to_csv(index=False))
        typer.echo(f"Tables: {out}")


def _as_tables(rows: pd.DataFrame, said: pd.DataFrame, covered: pd.DataFrame) -> list[Table]:
    """Rows, words and counts, as they are printed."""

    def shown(value: float, quantity: str) -> str:
        points = quantity.startswith(("change", "level", "spread", "regression"))
        return f"{value:.1f}".replace("-", "−") if points else f"{value:.2f}".replace("-", "−")

    first = new_table("Published, and what people of the law print (nine tenths of trials of as many people)")
    for head in ("row", "asked", "month", "n", "published", "ours", "", "in the fit"):
        first.add_column(head)
    for row in rows.to_dict("records"):
        value, ours, low, high = (shown(row[name], row["quantity"]) for name in ("published", "ours", "low", "high"))
        first.add_row(
            f"{row['source']}, {row['what']}",
            row["quantity"].replace("_", " "),
            f"{row['months']:g}",
            "?" if row["n"] != row["n"] else f"{row['n']:g}",
            value,
            f"{ours} ({low} to {high})",
            "inside" if row["inside"] else "outside",
            row["fitted"],
        )
    second = new_table("Told in words alone: the chance that such a trial finds what it denies")
    for head in ("row", "says", "chance", "equivalent", ""):
        second.add_column(head)
    for row in said.to_dict("records"):
        second.add_row(
            row["what"],
            row["says"],
            f"{row['chance']:.2f}",
            f"{row['equivalent']:.2f}",
            "agrees" if row["agrees"] else "does not agree",
        )
    third = new_table("How many lie inside, apart by whether the fit or a prior held them")
    for head in covered.columns:
        third.add_column(head.replace("_", " "))
    for row in covered.itertuples(index=False):
        third.add_row(*(f"{cell:.2f}" if isinstance(cell, float) else str(cell) for cell in row))
    return [first, second, third]


def _sampled(region: str, seed: int, draws: int, quiet: bool) -> tuple[Reading, dict[str, np.ndarray]]:
    from pulposus.uncertainty import trials

    if draws < _FEWEST:
        raise InputError(f"--draws {draws} are too few to tell how far they hold; ask for {_FEWEST} or more.")
    if seed < 0:
        raise InputError(f"--seed {seed} is not possible; give zero or more.")
    reading = trials.Reading.of(region)
    with progress(quiet) as tell:
        tell(0, 1, f"sampling what {len(reading.studies)} studies leave possible")
        found = trials.sample(reading, seed, draws)
    if wrong := int(found["divergences"].sum()):
        typer.echo(f"{wrong} of {draws} draws did not follow the law closely; take another seed.", err=True)
    return reading, found


def _numbers(reading: Reading, found: dict[str, np.ndarray]) -> list[tuple[str, str, str]]:
    """Name, prior and range now of every number and treatment."""
    import numpy as np

    from pulposus import evidence

    def span(values: np.ndarray) -> str:
        low, high = np.quantile(values, (0.05, 0.95))  # maths: nine tenths
        return f"{values.mean():.3g} ({low:.3g} to {high:.3g})"

    rows = []
    for i, name in enumerate(reading.names):
        row = evidence.outcome(name)
        rows.append((name, f"{row.value:g} ({row.low:g} to {row.high:g})", span(found["numbers"][:, i])))
    row = evidence.outcome("treatment_prior")
    for i, name in enumerate(reading.treatments):
        rows.append(
            (f"treatment {name}", f"{row.value:g} ({row.low:g} to {row.high:g})", span(found["treatment"][:, i]))
        )
    return rows


def _draws(reading: Reading, found: dict[str, np.ndarray]) -> str:
    """Draws as a table, evenly thinned: a column a number or treatment."""
    import numpy as np

    every = np.concatenate([found["numbers"], found["treatment"]], 1)
    chosen = np.linspace(0, len(every) - 1, min(_KEPT, len(every))).round().astype(int)
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([*reading.names, *(f"treatment {name}" for name in reading.treatments)])
    writer.writerows([[f"{value:.4g}" for value in row] for row in every[chosen]])
    return stream.getvalue()


def _publish(rows: pd.DataFrame, covered: pd.DataFrame, words: pd.DataFrame, out: Path, region: str) -> None:
    from pulposus.report.foretold import foretold_page
    from pulposus.results import write_text

    out.mkdir(parents=True, exist_ok=True)
    write_text(out / f"leave_one_out_{region}.csv", rows.to_csv(index=False))
    write_text(out / f"words_{region}.csv", words.to_csv(index=False))
    write_text(out / f"leave_one_out_{region}.html", foretold_page(rows, covered, words, region))
