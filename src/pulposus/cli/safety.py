"""What may go wrong: `safety`, in natural frequencies, with what nobody measured."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from pulposus.cli.door import AsJson, app, door, option
from pulposus.cli.tables import new_table, print_json, print_tables
from pulposus.errors import InputError

if TYPE_CHECKING:
    from pulposus.safety import Risk

_THOUSAND = 1000
_SMALL = 10  # people in 1,000 below which a figure behind the point is told


@app.command()
@door
def safety(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[EXPOSURE or OPTION ...]",
            help="What is done: exposures such as disc_needle cell_product, or options of care.",
            show_default=False,
        ),
    ] = None,
    region: Annotated[str, option("--region", "lumbar or cervical; lumbar if not said.")] = "lumbar",
    months: Annotated[float, option("--months", "How long to look; 24 if not said.")] = 24.0,
    population: Annotated[str, option("--population", "chronic or radicular; any if not said.")] = "any",
    discs: Annotated[int, option("--discs", "How many discs are punctured; 1 if not said.")] = 1,
    as_json: AsJson = False,
) -> None:
    """What may go wrong after what is done: for how many of 1,000 people, how bad, when, and how that is known."""
    from pulposus import safety as harm
    from pulposus.evidence import reference
    from pulposus.evidence import safety as table
    from pulposus.evidence.units import in_months

    if not names:
        _list(as_json)
        return
    _fitting(names, region)
    exposures = tuple(dict.fromkeys(part for name in names for part in table.of_option(name)))
    asked = (exposures, region, months, population, discs)
    found, warned = harm.risks(*asked), harm.warnings(*asked)
    if as_json:
        print_json({"exposures": exposures, "risks": [risk.as_dict() for risk in found], "warnings": warned})
        return
    shown = new_table(
        f"Of 1,000 people within {in_months(months)}, {region} spine: {', '.join(exposures) or 'nothing is done'}",
        ["what"],
        ["of 1,000", "range"],
        ["grade", "when", "from", "linked", "known by"],
    )
    for risk in found:
        shown.add_row(*_row(risk))
    print_tables(shown)
    for risk in found:
        if risk.serious:
            typer.echo(harm.words(risk))
    typer.echo("")
    for said in warned:
        typer.echo(f"WARNING: {said}")
    for key in dict.fromkeys(key for risk in found for key in risk.sources):
        typer.echo(f"[{key}] {reference(key)}")
    typer.echo("* rests on an assumption. ! serious. Grades are given here by the definitions of CTCAE v5.0.")
    typer.echo("The range is 90 % of where the next place may lie. None of it is advice.")


def _fitting(names: list[str], region: str) -> None:
    """Refuse care of the other part of the spine."""
    from pulposus.evidence import options
    from pulposus.evidence.trials import REGIONS

    known = {one.name: one for one in options.options()}
    for name in names:
        one = known.get(name.strip().lower().replace(" ", "_").replace("-", "_"))
        if one and region in REGIONS and region not in one.regions:
            (place,) = one.regions
            raise InputError(f"{one.name} is {place}, and --region is {region}; write --region {place}.")


def _row(risk: Risk) -> tuple[str, ...]:
    from pulposus.safety import when

    numbers = [_thousand(value) for value in (risk.share, risk.low, risk.high)]
    known = f"{', '.join(risk.sources) or 'no source'} ({risk.kind})"
    return (
        risk.title + "!" * risk.serious,
        numbers[0] + "*" * (risk.kind == "assumed"),
        f"{numbers[1]} to {numbers[2]}",
        str(risk.grade),
        when(risk),
        ", ".join(name.replace("_", " ") for name in risk.exposures),
        risk.related,
        known,
    )


def _thousand(share: float) -> str:
    people = _THOUSAND * share
    return f"{people:.0f}" if people >= _SMALL or people == 0 else f"{people:.2g}" if people > 1 / _SMALL else "<0.1"


def _list(as_json: bool) -> None:
    """Exposures that may be named, with what is known of each."""
    from pulposus.evidence import safety as table

    rows = [row for row in table.rows() if row.used]
    told = {}
    for name in table.EXPOSURES:
        own = [row for row in rows if row.exposure == name]
        every, counted = ({row.event for row in some} for some in (own, [r for r in own if r.kind != "assumed"]))
        told[name] = {"events": sorted(every), "counted": sorted(counted), "assumed": sorted(every - counted)}
    if as_json:
        print_json(told)
        return
    shown = new_table("What may be named", ["exposure", "what somebody counted", "what is assumed"])
    for name, known in told.items():
        shown.add_row(name, *(", ".join(known[part]).replace("_", " ") for part in ("counted", "assumed")))
    print_tables(shown)
    typer.echo("`pulposus safety disc_needle cell_product` says what may go wrong after both.")
