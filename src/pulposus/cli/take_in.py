"""Commands that make a case of a disc: `disc from-surface`, `from-vertebrae`, `from-dimensions`, `from-mask`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pulposus.cli.compute import compute_together
from pulposus.cli.door import Mesh, NoAblation, NoLoads, Quiet, Resume, Years, argument, discs, door, option, progress
from pulposus.errors import InputError

if TYPE_CHECKING:
    from pulposus.exchange.surface import TakenIn

Level = Annotated[str, option("--level", "C2-C3 to C7-T1, T12-L1, L1-L2 to L5-S1.")]
Grade = Annotated[str, typer.Option("--grade", help="Pfirrmann grade, 1 to 5.")]
Case = Annotated[Path, option("--out", "Folder for case.toml, fit.csv and fit.png.")]
Unit = Annotated[str | None, option("--unit", "mm, m or cm; else mm or m, found by the size.")]
Axes = Annotated[str | None, option("--axes", "Where the file's x, y and z point, as RAS; else found by the form.")]


@discs.command("from-surface")
@door
def from_surface(
    file: Annotated[Path, argument("FILE", "A closed surface (STL, OBJ, PLY, VTU), or a volume (VTU).")],
    level: Level,
    out: Case,
    grade: Grade = "3",
    unit: Unit = None,
    axes: Axes = None,
    endplates: Annotated[
        str, typer.Option("--endplates", help="Whether the surface runs 'with' the cartilage endplates, or 'without'.")
    ] = "without",
    quiet: Quiet = False,
) -> None:
    """Make a case of a disc's surface, with a report of how well our mesh fits it."""
    with progress(quiet) as tell:
        tell(0, 2, "fitting the disc")
        _remember()
        from pulposus.exchange.surface import take_in, told, write

        taken = take_in(file, level, grade, unit=unit, axes=axes, endplates=endplates)
        tell(1, 2, "writing")
        written = write(taken, out)
    if not quiet:
        _say(taken, told(taken.found), written, out)


def _remember() -> None:
    from pulposus.run import remember_compilations

    remember_compilations()


def _say(taken: TakenIn, fitted: list[str], written: list[Path], out: Path) -> None:
    """What was found and assumed, how it fits, and what to do next."""
    for line in (*taken.found.said, *fitted, *taken.case.warnings):
        typer.echo(line)
    typer.echo(f"Written: {', '.join(map(str, written))}")
    typer.echo(f"Run it with: pulposus run {written[0]} --out {out / 'results'}")


@discs.command("from-vertebrae")
@door
def from_vertebrae(
    files: Annotated[
        list[Path], argument("FILES", "Surfaces of the upper and the lower vertebra; or one segmentation.")
    ],
    level: Level,
    out: Case,
    labels: Annotated[str, option("--labels", "Both vertebrae in a segmentation, as 6,7.")] = "",
    grade: Grade = "3",
    unit: Unit = None,
    axes: Axes = None,
    endplates: Annotated[
        str, typer.Option("--endplates", help="Whether cartilage lies 'with' the space between bones, or 'without'.")
    ] = "with",
    quiet: Quiet = False,
) -> None:
    """Make a case of the space between two vertebrae, with a report of how well our mesh fits it."""
    with progress(quiet) as tell:
        tell(0, 2, "finding the space between the bones")
        _remember()
        from pulposus.exchange.surface import told, write
        from pulposus.exchange.vertebrae import take_in

        taken = take_in(files, level, grade, labels=labels, unit=unit, axes=axes, endplates=endplates)
        tell(1, 2, "writing")
        written = write(taken, out, "space")
    if not quiet:
        _say(taken, told(taken.found), written, out)


@discs.command("from-dimensions")
@door
def from_dimensions(
    level: Level,
    out: Case,
    ap: Annotated[str | None, option("--ap", "Depth from front to back on the midline, mm.")] = None,
    width: Annotated[str | None, option("--width", "Width from side to side, mm.")] = None,
    anterior: Annotated[str | None, option("--anterior", "Height in front, mm.")] = None,
    middle: Annotated[str | None, option("--middle", "Height in the middle, mm.")] = None,
    posterior: Annotated[str | None, option("--posterior", "Height behind, mm.")] = None,
    wedge: Annotated[str | None, option("--wedge", "Angle between its ends, degrees, open to the front.")] = None,
    endplates: Annotated[
        str, typer.Option("--endplates", help="Whether heights run from bone to bone, 'with' cartilage, or 'without'.")
    ] = "with",
    grade: Grade = "3",
    sex: Annotated[str | None, option("--sex", "male or female; else the mean of both.")] = None,
    age: Annotated[str | None, option("--age", "Age in years at the start.")] = None,
    quiet: Quiet = False,
) -> None:
    """Make a case of what a ruler says; what is not given has the form of the population, and is said."""
    with progress(quiet) as tell:
        tell(0, 2, "building the disc")
        _remember()
        from pulposus.exchange.dimensions import LENGTHS, take_in
        from pulposus.exchange.surface import write

        given = dict(zip((*LENGTHS, "wedge"), (ap, width, anterior, middle, posterior, wedge), strict=True))
        taken = take_in(level, grade, given, sex=sex, age=age, endplates=endplates)
        tell(1, 2, "writing")
        written = write(taken, out, "given")
    if not quiet:
        made = f"Made of it: {taken.found.number('volume'):.2f} mL; given and made stand in fit.csv."
        _say(taken, [made], written, out)


@discs.command("from-mask")
@door
def from_mask(
    file: Annotated[Path, argument("FILE", "A segmentation: NIfTI, MHA, or a folder with one DICOM series.")],
    out: Annotated[Path, option("--out", "Folder for discs.csv and a folder for each disc.")],
    scheme: Annotated[
        str | None, option("--scheme", "What the labels mean: a name, or a labels.toml; else proven by them.")
    ] = None,
    level: Annotated[
        str | None, option("--level", "The one disc that is wanted, or what the level of --disc is.")
    ] = None,
    disc: Annotated[int | None, typer.Option("--disc", help="Which disc, counted from the lowest (1) up.")] = None,
    image: Annotated[Path | None, option("--image", "The picture that was segmented, to draw on.")] = None,
    echo: Annotated[
        float | None, typer.Option("--echo-time", help="Effective echo time of the picture, ms; else 80 to 250.")
    ] = None,
    grade: Annotated[
        str | None, option("--grade", "Pfirrmann grade of every disc, 1 to 5; else what the picture shows, or 3.")
    ] = None,
    treat: Annotated[str, option("--treat", "A line of treatment for every case, as of `pulposus treat`.")] = "",
    name: Annotated[
        str, option("--name", "What the picture is called in all that is written; else as its file is.")
    ] = "",
    run: Annotated[
        bool, typer.Option("--run", help="Also compute all of them as one batch: a report each, and spine.html.")
    ] = False,
    years: Years = None,
    mesh: Mesh = None,
    resume: Resume = False,
    no_ablation: NoAblation = False,
    no_loads: NoLoads = False,
    quiet: Quiet = False,
) -> None:
    """Make a case of every disc in a labelled picture, with a report of how well our mesh fits it."""
    idle = {"--years": years, "--mesh": mesh, "--resume": resume, "--no-ablation": no_ablation, "--no-loads": no_loads}
    if not run:
        _refuse_idle(name for name, value in idle.items() if value)
    with progress(quiet) as tell:
        tell(0, 2, "finding and fitting discs")
        _remember()
        from pulposus.exchange.mask import take_in, told, write
        from pulposus.exchange.spine import cases, overview
        from pulposus.results import Results

        picture = take_in(
            file, scheme=scheme, level=level, disc=disc, grade=grade, image=image, echo=echo, treat=treat, name=name
        )
        found = cases(picture, out, years=years, mesh=mesh) if run else {}
        outs = [out / folder / "results" for folder in found]
        for earlier in outs if resume else ():
            Results.open(earlier)  # what cannot go on is said before anything is written
        tell(1, 2, "writing")
        written = write(picture, out)
    if not quiet:
        for line in (*picture.said, *(line for one in picture.discs for line in told(one))):
            typer.echo(line)
        typer.echo(f"Written: {', '.join(map(str, written))}")
    if run:
        how = (quiet, resume, not no_ablation, not no_loads)
        compute_together(list(found.values()), outs, *how, overview=lambda results: overview(picture, out, results))


def _refuse_idle(names: Iterable[str]) -> None:
    """Raise InputError for options of the runs where none is asked for."""
    if unused := " and ".join(names):
        raise InputError(f"{unused} is of the runs, and none was asked for; add --run, or leave it out.")
