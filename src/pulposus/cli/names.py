"""What may be named, and what is known of it: `list` and `evidence`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pulposus.cli.door import AsJson, argument, door, names, numbers
from pulposus.cli.tables import (
    as_dict,
    as_dicts,
    new_table,
    print_json,
    print_tables,
    range_words,
    short,
    unit_of,
    unit_words,
    value_words,
)

if TYPE_CHECKING:
    from pulposus.evidence import Row


@numbers.command()
@door
def search(
    word: Annotated[str, argument("WORD", "A word or several, such as glucose.")], as_json: AsJson = False
) -> None:
    """Rows of the evidence in whose name, note, tissue, source or condition a word stands."""
    from pulposus import evidence

    rows = evidence.search(word)
    evidence.hold_units(rows)
    if as_json:
        print_json([{"name": row.name, **_as_row(row)} for row in rows])
        return
    _print_rows(f"{len(rows)} rows with {word!r}", rows)
    typer.echo("* the row in force, of those that share a name; `pulposus evidence show NAME` says who reads it")


@numbers.command()
@door
def show(name: Annotated[str, argument("NAME", "A name, as search prints it.")], as_json: AsJson = False) -> None:
    """Everything that was found for one number: all rows, the one in use, the range, and who reads it."""
    from pulposus import evidence
    from pulposus.evidence import usage

    rows = evidence.found(name)
    evidence.hold_units(rows)
    quantity = "" if rows[0].file == "parameters.csv" else rows[0].name.split()[-1]
    readers = usage.readers(rows[0].name, quantity)
    if as_json:
        print_json({"name": rows[0].name, "rows": [_as_row(row) for row in rows], "read_by": readers})
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
        unit = f" {used[0].unit}" if unit_words(used[0].unit) else ""
        yield f"In force: {value_words(used[0])}{unit} ({used[0].file} line {used[0].line})."
        yield f"All rows together: {short(low)} to {short(high)}{unit}."
    if used and readers:
        yield f"Read by: {'; '.join(readers)}."
    else:
        yield "Read by no process: kept to compare with, or for what is not built yet."
    for row in rows:
        said = ", ".join(part for part in (row.tissue, row.condition, *_known_of(row), row.note) if part)
        yield f"  line {row.line}: {said or 'nothing more is noted'}"
    for key in dict.fromkeys(key for row in rows for key in row.sources):
        yield f"  [{key}] {evidence.reference(key)}"


def _known_of(row: Row) -> tuple[str, str]:
    """How many were measured, and that no range was published, in words; nothing where neither can be asked."""
    from pulposus import evidence

    asked = row.file in evidence.DESCRIBED and not row.text and row.kind not in ("assumed", "defined")
    few = f"n = {row.n}" if row.n else "n not given" if asked else ""
    return few, "no range published" if row.spread else ""


def _print_rows(title: str, rows: Sequence[Row]) -> None:
    table = new_table(title, ["name"], ["value"], ["range", "unit", "kind", "known by", "source", "where"])
    for row in rows:
        reach = "" if row.text else range_words(row)
        known = (row.kind, row.status, row.source, row.where)
        table.add_row(row.name + "*" * row.used, value_words(row), reach, unit_words(row.unit), *known)
    print_tables(table)


def _as_row(row: Row) -> dict[str, Any]:
    return {**as_dict(row), "used": row.used, "n": row.n, "spread": row.spread, "file": row.file, "line": row.line}


# ---------------------------------------------------------------------------------------------- names


@names.command()
@door
def therapies(as_json: AsJson = False) -> None:
    """What can be injected, in which carriers, and where."""
    from pulposus import evidence

    groups = {
        "products": {name: evidence.product(name) for name in evidence.products()},
        "carriers": {name: evidence.carrier(name) for name in evidence.carriers()},
        "sites": {name: evidence.site(name) for name in evidence.sites()},
    }
    if as_json:
        print_json({group: as_dicts(members) for group, members in groups.items()})
        return
    _print_products(groups["products"])
    _print_members("Carriers", groups["carriers"])
    _print_members("Sites", groups["sites"])


@names.command()
@door
def carriers(as_json: AsJson = False) -> None:
    """What products can be suspended in."""
    from pulposus import evidence

    _list_members("Carriers", {name: evidence.carrier(name) for name in evidence.carriers()}, as_json)


@names.command()
@door
def sites(as_json: AsJson = False) -> None:
    """Where the tip of the needle may be."""
    from pulposus import evidence

    _list_members("Sites", {name: evidence.site(name) for name in evidence.sites()}, as_json)


@names.command()
@door
def levels(as_json: AsJson = False) -> None:
    """Levels of the spine, with the dimensions of a healthy disc (mean of both sexes)."""
    from pulposus import evidence

    found = {name: evidence.dimensions(name) for name in evidence.levels()}
    if as_json:
        print_json(as_dicts(found))
        return
    shown = {"mid_height": "height", "ap_depth": "depth", "width": "width", "wedge": "wedge"}
    heads = [f"{words}, {unit_of(found, key)}" for key, words in shown.items()]
    table = new_table("Levels: a healthy disc, mean of both sexes", ["level"], heads)
    for name, rows in found.items():
        table.add_row(name, *(value_words(rows[key]) + ("*" if rows[key].assumed else "") for key in shown))
    print_tables(table)
    typer.echo("* an assumption; height falls with grade")


@names.command()
@door
def parameters(as_json: AsJson = False) -> None:
    """Every number with its unit, range, kind and source; a case may override each that a process reads."""
    from pulposus import evidence
    from pulposus.evidence import usage

    rows = [evidence.used(name) for name in evidence.names()]
    if as_json:
        print_json({row.name: as_dict(row) for row in rows})
        return
    table = new_table("Parameters", ["name"], ["value"], ["range", "unit", "kind", "source"])
    for row in rows:
        mark = "" if usage.readers(row.name) else "*"
        table.add_row(row.name + mark, value_words(row), range_words(row), unit_words(row.unit), row.kind, row.source)
    print_tables(table)
    typer.echo("* read by no process: kept to compare with, or for what is not built yet")


@names.command()
@door
def mechanisms(as_json: AsJson = False) -> None:
    """What treatments are said to do; the report shows each one's share."""
    from dataclasses import asdict

    from pulposus import evidence

    found = evidence.mechanisms()
    if as_json:
        print_json({mechanism.name: asdict(mechanism) for mechanism in found})
        return
    table = new_table("Mechanisms", ["name", "what", "disputed"])
    for mechanism in found:
        disputed = mechanism.dispute if mechanism.disputed else "no"
        table.add_row(mechanism.name, mechanism.what, disputed)
    print_tables(table)


def _list_members(title: str, members: Mapping[str, Mapping[str, Row]], as_json: bool) -> None:
    if as_json:
        print_json(as_dicts(members))
    else:
        _print_members(title, members)


def _print_products(products: Mapping[str, Mapping[str, Row]]) -> None:
    """One row a product, with the dose that is taken when nobody says."""
    table = new_table("Products", ["name", "what", "origin"], ["dose"], ["tabled", "counted in"], ["mL"])
    for name, rows in products.items():
        dose, words = rows["dose_default"], {key: row.text for key, row in rows.items() if row.text}
        volume = value_words(rows["volume_default"])
        table.add_row(
            name,
            words["title"],
            words["origin_default"],
            value_words(dose),
            range_words(dose),
            words["dose_unit"],
            volume,
        )
    print_tables(table)


def _print_members(title: str, members: Mapping[str, Mapping[str, Row]]) -> None:
    """Carriers or sites: what each is, and under it a row for each of its numbers."""
    table = new_table(title, ["name"], ["value"], ["range", "unit", "kind", "source"])
    for name, rows in members.items():
        table.add_row(name)
        for key, row in rows.items():
            if not row.text:
                words = f"  {key.replace('_', ' ')}"
                table.add_row(words, value_words(row), range_words(row), unit_words(row.unit), row.kind, row.source)
        table.add_section()
    print_tables(table)
