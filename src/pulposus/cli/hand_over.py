"""Commands that hand a disc to other programs and take one in: `export`, `disc from-surface`, `disc from-mask`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pulposus.cli.compute import compute
from pulposus.cli.door import Mesh, NoLoads, Quiet, Years, app, argument, discs, door, option, progress
from pulposus.errors import InputError


@app.command()
@door
def export(
    case: Annotated[
        Path | None, typer.Argument(metavar="[CASE]", help="A case file; else the published L4-L5 disc.")
    ] = None,
    febio: Annotated[Path | None, option("--febio", "Write a FEBio 4 deck, and our answer beside it.")] = None,
    vtu: Annotated[Path | None, option("--vtu", "Write a mesh with its fields for ParaView.")] = None,
    posture: Annotated[
        str, typer.Option("--posture", help="A name of the loads: lying, standing, sitting, flexed, lifting, ...")
    ] = "standing",
    drained: Annotated[
        bool, typer.Option("--drained", help="Held until pore pressure is gone; else at once, after lying.")
    ] = False,
    mesh: Annotated[
        str | None, option("--mesh", "cohort, coarse, standard or fine; else what the case says, or coarse.")
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Hand a disc under a load to other programs: to FEBio, which then checks us, or to ParaView."""
    if febio is None and vtu is None:
        raise InputError("Nothing was asked for: give --febio case.feb, --vtu case.vtu, or both.")
    for target, suffix in ((febio, ".feb"), (vtu, ".vtu")):
        if target is not None and target.suffix != suffix:
            raise InputError(f"{str(target)!r} should end in {suffix}; write for example {target.stem}{suffix}.")
    with progress(quiet) as tell:
        tell(0, 3, "reading the case")
        from pulposus.case import read_case
        from pulposus.exchange import posed
        from pulposus.run import remember_compilations

        asked = posed.reference() if case is None else read_case(case)
        size = mesh or ("coarse" if case is None else asked.resolved().run.mesh)
        remember_compilations()
        found = posed.posed(asked, size, posture, drained, tell=lambda done, text: tell(done, 3, text))
        written: list[Path] = []
        if febio is not None:
            from pulposus.exchange.febio import write_deck

            written += write_deck(found, febio)
        if vtu is not None:
            from pulposus.exchange.paraview import write_vtu

            written += write_vtu(found, vtu)
    if not quiet:
        for line in posed.answers(found):
            typer.echo(line)
        typer.echo(f"Written: {', '.join(map(str, written))}")


@discs.command("from-surface")
@door
def from_surface(
    file: Annotated[Path, argument("FILE", "A closed surface (STL, OBJ, PLY, VTU), or a volume (VTU).")],
    level: Annotated[str, option("--level", "C2-C3 to C7-T1, T12-L1, L1-L2 to L5-S1.")],
    out: Annotated[Path, option("--out", "Folder for case.toml, fit.csv and fit.png.")],
    grade: Annotated[str, typer.Option("--grade", help="Pfirrmann grade, 1 to 5.")] = "3",
    unit: Annotated[str | None, option("--unit", "mm, m or cm; else mm or m, found by the size.")] = None,
    axes: Annotated[
        str | None, option("--axes", "Where the file's x, y and z point, as RAS; else found by the form.")
    ] = None,
    endplates: Annotated[
        str, typer.Option("--endplates", help="Whether the surface runs 'with' the cartilage endplates, or 'without'.")
    ] = "without",
    quiet: Quiet = False,
) -> None:
    """Make a case of a disc's surface, with a report of how well our mesh fits it."""
    with progress(quiet) as tell:
        tell(0, 2, "fitting the disc")
        from pulposus.exchange.surface import take_in, told, write

        taken = take_in(file, level, grade, unit=unit, axes=axes, endplates=endplates)
        tell(1, 2, "writing")
        written = write(taken, out)
    if not quiet:
        for line in (*taken.found.said, *told(taken.found), *taken.case.warnings):
            typer.echo(line)
        typer.echo(f"Written: {', '.join(map(str, written))}")
        typer.echo(f"Run it with: pulposus run {written[0]} --out {out / 'results'}")


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
        float | None, typer.Option("--echo-time", help="Effective echo time of the picture, ms; else 80 to 150.")
    ] = None,
    grade: Annotated[
        str | None, option("--grade", "Pfirrmann grade of every disc, 1 to 5; else what the picture shows, or 3.")
    ] = None,
    treat: Annotated[str, option("--treat", "A line of treatment for every case, as of `pulposus treat`.")] = "",
    run: Annotated[bool, typer.Option("--run", help="Also compute every case: a report in its folder.")] = False,
    years: Years = None,
    mesh: Mesh = None,
    no_loads: NoLoads = False,
    quiet: Quiet = False,
) -> None:
    """Make a case of every disc in a labelled picture, with a report of how well our mesh fits it."""
    with progress(quiet) as tell:
        tell(0, 2, "finding and fitting discs")
        from pulposus.exchange.mask import take_in, told, write

        picture = take_in(file, scheme=scheme, level=level, disc=disc, grade=grade, image=image, echo=echo, treat=treat)
        tell(1, 2, "writing")
        written = write(picture, out)
    if not quiet:
        for line in (*picture.said, *(line for one in picture.discs for line in told(one))):
            typer.echo(line)
        typer.echo(f"Written: {', '.join(map(str, written))}")
    for one in picture.discs if run else ():
        if one.case is not None:
            compute(one.case.changed(years=years, mesh=mesh), out / one.folder / "results", quiet, loads=not no_loads)
