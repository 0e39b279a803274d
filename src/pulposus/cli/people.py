"""Commands about people and what they are offered: `candidacy`, `claims`, `regulation`, `costs`, `procedure`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pulposus.cli.door import AsJson, app, argument, door, option
from pulposus.cli.tables import new_table, print_json, print_tables
from pulposus.errors import InputError

if TYPE_CHECKING:
    from pulposus.candidacy import Assessment, Finding, Verdict
    from pulposus.procedure import Plan

_SIGNS = {"yes": "yes", "no": "no", "unknown": "not yet known"}
_SHOWN = 12  # rows of what to ask next


@app.command()
@door
def candidacy(
    person: Annotated[Path, argument("PERSON", "A file of a person (TOML).")],
    run: Annotated[Path | None, option("--run", "A results folder of this person's disc: can it feed cells?")] = None,
    of_list: Annotated[str, option("--list", "Every criterion of one list too, by its name.")] = "",
    every: Annotated[bool, typer.Option("--all", help="Every criterion of every list.")] = False,
    as_json: AsJson = False,
) -> None:
    """Red flags, contradictions, and which trials' criteria a person meets, does not meet, or is not yet known to."""
    from pulposus.candidacy import assess, read_person
    from pulposus.evidence import criteria

    if of_list:
        criteria.criteria_of(of_list)
    asked = read_person(person)
    found = assess(asked, None if run is None else of_run(run))
    if as_json:
        print_json(found.as_dict())
        return
    if found.title:
        typer.echo(f"{found.title}\n")
    _print_flags(found)
    _print_findings(f"Fit for cells in the disc: {found.fit.list.title}", found.fit.findings)
    _say("Fit for cells in the disc", found.fit)
    _print_lists(found)
    if run is not None:
        _print_findings("This disc as the model sees it", found.disc.findings)
    for verdict in found.lists:
        if every or verdict.list.name == of_list:
            _print_findings(f"{verdict.list.name}: {verdict.list.title}", verdict.findings)
    _print_missing(found)
    typer.echo("* rests on an assumption, or on the common core where a trial's own list was not read")
    typer.echo("! from facts that contradict each other")
    typer.echo("Lists were read in registries, tables and abstracts, none as a whole protocol. Nothing here is advice.")


@app.command()
@door
def claims(
    word: Annotated[
        str, typer.Argument(metavar="[WORD]", help="A word of it, such as height.", show_default=False)
    ] = "",
    as_json: AsJson = False,
) -> None:
    """What clinics and articles claim, what controlled evidence says, what the model says, and the verdict."""
    from dataclasses import asdict

    from pulposus.evidence import offers

    found = offers.search(word)
    if as_json:
        print_json([asdict(claim) for claim in found])
        return
    table = new_table("What is claimed", ["claim", "verdict", "what evidence says", "what the model says", "sources"])
    for claim in found:
        told = f"{claim.verdict.replace('_', ' ')}: {claim.told}"
        model = f"{claim.model} (docs/{claim.page})"
        sources = f"{', '.join(claim.sources)} ({claim.status})" + f"; {claim.note}" * bool(claim.note)
        table.add_row(claim.claim, told, claim.evidence, model, sources)
        table.add_section()
    print_tables(table)
    _print_sources(key for claim in found for key in claim.sources)


@app.command()
@door
def regulation(
    product: Annotated[
        str, typer.Argument(metavar="[PRODUCT]", help="A class or a product, such as donor_cells.", show_default=False)
    ] = "",
    region: Annotated[str, option("--region", "One region, such as Japan.")] = "",
    as_json: AsJson = False,
) -> None:
    """Where cells for discs stand with authorities, by class of product and region, with date and source."""
    from dataclasses import asdict

    from pulposus.evidence import offers

    found = offers.standing(product, region)
    if as_json:
        print_json([asdict(one) for one in found])
        return
    table = new_table("Where it stands", ["region", "product", "standing", "in words", "as of", "source"])
    for one in found:
        if one.what != "warning":
            source = f"{', '.join(one.sources) or 'an assumption'} ({one.status})" + f"; {one.note}" * bool(one.note)
            shown = one.product.replace("_", " ") + "*" * (one.kind == "assumed")
            table.add_row(one.region, shown, one.what.replace("_", " "), one.says, one.asof, source)
            table.add_section()
    print_tables(table)
    for one in found:
        if one.what == "warning":
            typer.echo(f"WARNING: {one.says}")
    _print_sources(key for one in found for key in one.sources)
    typer.echo("* recalled, not read: an assumption. No row is legal advice; look at the date.")


@app.command()
@door
def costs(
    word: Annotated[
        str, typer.Argument(metavar="[WORD]", help="A word of it, such as discectomy.", show_default=False)
    ] = "",
    as_json: AsJson = False,
) -> None:
    """What cells and the other ways cost, who pays, and whether it is covered."""
    import math
    from dataclasses import asdict

    from pulposus.evidence import offers

    found = offers.priced(word)
    if as_json:
        print_json([_without_nan(asdict(cost)) for cost in found])
        return
    heads = ["pays", "covered", "in words", "source"]
    table = new_table("What it costs", ["what", "region"], ["value", "range"], ["unit", *heads])
    for cost in found:
        value = "" if math.isnan(cost.value) else f"{cost.value:,.0f}"
        reach = "" if math.isnan(cost.value) or cost.low == cost.high else f"{cost.low:,.0f} to {cost.high:,.0f}"
        source = f"{', '.join(cost.sources) or 'none found'} ({cost.status})" + f"; {cost.note}" * bool(cost.note)
        table.add_row(cost.what, cost.region, value, reach, cost.unit, cost.who_pays, cost.covered, cost.says, source)
        table.add_section()
    print_tables(table)
    _print_sources(key for cost in found for key in cost.sources)
    typer.echo("Prices as printed, in the money of their year; QALY: a year of life in full health.")


@app.command()
@door
def procedure(
    plan: Annotated[Path, argument("PLAN", "A file of a plan (TOML).")],
    case: Annotated[Path | None, option("--case", "Write the case that `pulposus run` computes, to this file.")] = None,
    as_json: AsJson = False,
) -> None:
    """A plan from harvest to follow-up: is the lot released, what goes in before the limit, and a checklist."""
    from dataclasses import asdict

    from pulposus.procedure import read_plan

    asked = read_plan(plan)
    written = None if case is None else asked.case().to_toml()
    tests, needle, warnings, steps = asked.release(), asked.needle(), asked.warnings(), asked.checklist()
    if case is not None and written is not None:
        from pulposus.results import write_text

        _refuse_other(case)
        write_text(case, written)
    if as_json:
        made = {"released": asked.released, "living": asked.living, "living_assumed": list(asked.assumed)}
        made |= {"needle": needle, "warnings": warnings}
        listed = {"tests": [asdict(one) for one in tests], "steps": [_without_nan(asdict(one)) for one in steps]}
        print_json(made | listed)
        return
    table = new_table(f"Release by the criteria {asked.lot.criteria!r}", ["test", "answer", "decides"])
    for one in tests:
        table.add_row(one.said, one.answer + "*" * one.assumed, "yes" if one.decides else "no, for information")
    print_tables(table)
    star = "*" * bool(asked.assumed)
    typer.echo(f"{_released(asked)} Living in the dose: {asked.living:.4g}{star}.")
    typer.echo(
        f"At the needle: {needle['given_mL']:.3g} of {needle['volume_mL']:.3g} mL, up to {needle['peak_psi']:.3g} psi "
        f"(limit {needle['limit_psi']:.3g} psi); living that go in: {needle['living']:.4g}{star}.\n"
    )
    if asked.assumed:
        typer.echo(f"* {' and '.join(asked.assumed)} not given: what is assumed of the product stands in.\n")
    for said in warnings:
        typer.echo(f"WARNING: {said}")
    shown = new_table("Checklist", ["done", "phase", "step", "known by"])
    for step in steps:
        known = f"{step.source} ({step.status})" + f"; {step.note}" * bool(step.note)
        name = step.name if step.phase == "follow_up" else ""
        says = f"{name}: {step.says}" if name else step.says
        shown.add_row("☐", step.phase.replace("_", " "), says, known)
    print_tables(shown)
    typer.echo("* an assumption. The checklist is what was read of series and sites, and replaces no centre's own.")
    if case is not None:
        typer.echo(f"Case: {case}")


def _refuse_other(path: Path) -> None:
    """Refuse to write over a file that is no case, such as the plan itself. Raises InputError."""
    from pulposus.case import read_case

    if not path.exists():
        return
    try:
        read_case(path)
    except InputError:
        raise InputError(f"{str(path)!r} is there and is no case; give another name for the case.") from None


def _released(plan: Plan) -> str:
    """The answer of the release in a sentence."""
    open_ones = [test.name for test in plan.release() if test.decides and test.answer == "not tested"]
    if plan.released == "not tested":
        return f"Not released yet: {', '.join(open_ones)} not tested."
    return f"Released: {plan.released}."


def _without_nan(record: dict[str, Any]) -> dict[str, Any]:
    return {key: value if value == value else None for key, value in record.items()}


def _print_sources(keys: Iterable[str]) -> None:
    from pulposus.evidence import reference

    for key in dict.fromkeys(keys):
        typer.echo(f"[{key}] {reference(key)}")


def of_run(folder: Path) -> dict[str, float]:
    """The disc's own view from the summary of a results folder."""
    from pulposus import candidacy
    from pulposus.results import Results

    summary = Results.open(folder).summary()
    arms = [summary[summary["arm"] == arm].sort_values("month").to_dict("records") for arm in ("treated", "untreated")]
    return candidacy.of_run(*([{str(k): v for k, v in row.items()} for row in rows] for rows in arms))


def _print_flags(found: Assessment) -> None:
    table = new_table("Red flags", ["flag", "present", "why", "what to do"])
    for flag in found.flags:
        table.add_row(flag.says, _sign(flag), flag.reason, flag.act if flag.answer == "yes" else "")
    print_tables(table)
    say_first(found)
    if found.refer or found.contradictions:
        typer.echo("")


def say_first(found: Assessment) -> None:
    """Red flags that are present, and what cannot be true together."""
    for flag in found.refer:
        typer.echo(f"REFER: {flag.says}: {flag.act}, before anything else.")
    for odd in found.contradictions:
        typer.echo(f"CONTRADICTION: {odd.says} ({odd.datum}).")


def _print_findings(title: str, findings: Iterable[Finding]) -> None:
    table = new_table(title, ["criterion", "asked", "met", "why", "source", "known by"])
    for finding in findings:
        source = "; ".join(part for part in (", ".join(finding.sources), finding.where) if part)
        table.add_row(finding.name, finding.says, _sign(finding), finding.reason, source, finding.status)
    print_tables(table)


def _print_lists(found: Assessment) -> None:
    table = new_table(
        "Whose criteria are met",
        ["list", "what", "meets"],
        ["met", "not", "open", "by the core"],
        ["why not, or what is open"],
    )
    for verdict in found.lists:
        met = len(verdict.findings) - len(verdict.unmet) - len(verdict.open)
        counts = (met, len(verdict.unmet), len(verdict.open), verdict.stand_ins)
        why = verdict.why or ", ".join(finding.name for finding in verdict.open)
        sign = _SIGNS[verdict.answer] + "*" * bool(verdict.stand_ins)
        table.add_row(verdict.list.name, verdict.list.title, sign, *map(str, counts), why)
    print_tables(table)


def _print_missing(found: Assessment) -> None:
    if not found.missing:
        return
    table = new_table("What to ask next", ["fact", "what"], ["criteria that wait"])
    for name, asks, count in found.missing[:_SHOWN]:
        table.add_row(name, asks, str(count))
    print_tables(table)
    if len(found.missing) > _SHOWN:
        typer.echo(f"and {len(found.missing) - _SHOWN} more: --json names them all")


def _say(what: str, verdict: Verdict) -> None:
    why = verdict.why or ", ".join(f"{finding.name}: {finding.reason}" for finding in verdict.open)
    typer.echo(f"{what}: {_SIGNS[verdict.answer]}{f' ({why})' if why else ''}.\n")


def _sign(finding: Finding) -> str:
    return _SIGNS[finding.answer] + "*" * finding.assumed + "!" * finding.contradicted
