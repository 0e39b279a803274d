"""The command that hands a disc to other programs: `export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pulposus.cli.door import Quiet, app, door, option, progress
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
        str | None, option("--mesh", "cohort, coarse, standard or fine; else cohort, on which runs load their discs.")
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Hand a disc under a load to other programs: to FEBio, which then checks us, or to ParaView."""
    if febio is None and vtu is None:
        raise InputError("Nothing was asked for: give --febio case.feb, --vtu case.vtu, or both.")
    from pulposus.results import require_place

    for target, suffix in ((febio, ".feb"), (vtu, ".vtu")):
        if target is not None and target.suffix != suffix:
            raise InputError(f"{str(target)!r} should end in {suffix}; write for example {target.stem}{suffix}.")
        if target is not None:
            require_place(target)
    with progress(quiet) as tell:
        tell(0, 3, "reading the case")
        from pulposus.case import read_case
        from pulposus.exchange import febio as decks
        from pulposus.exchange import posed
        from pulposus.run import remember_compilations

        asked = posed.reference() if case is None else read_case(case)
        if febio is not None:
            decks.require_counterpart(asked.hypotheses())
        remember_compilations()
        found = posed.posed(asked, mesh or posed.SIZE, posture, drained, tell=lambda done, text: tell(done, 3, text))
        written: list[Path] = []
        if febio is not None:
            written += decks.write_deck(found, febio)
        if vtu is not None:
            from pulposus.exchange.paraview import write_vtu

            written += write_vtu(found, vtu)
    if not quiet:
        for line in posed.answers(found):
            typer.echo(line)
        typer.echo(f"Written: {', '.join(map(str, written))}")
