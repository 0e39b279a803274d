"""`economics`: what ways of care cost one person and gain, side by side."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pulposus.cli.door import AsJson, app, argument, door, option
from pulposus.cli.people import say_first
from pulposus.cli.tables import new_table, print_json, print_tables
from pulposus.errors import InputError

if TYPE_CHECKING:
    from pulposus.candidacy import Person
    from pulposus.care import People
    from pulposus.economics import Evaluation

_PERCENT = 100
_ROWS = 8
_SHAM = "sham"


@app.command()
@door
def economics(
    person: Annotated[Path, argument("PERSON", "A file of a person (TOML).")],
    out: Annotated[Path | None, option("--out", "Folder for tables, pictures and the page.")] = None,
    named: Annotated[
        list[str] | None, option("--option", "One option by its name; again for each. All that fit, unless given.")
    ] = None,
    then: Annotated[
        list[str] | None,
        option("--steps", "A way of steps: 'exercise at 0, cells_donor at 6 if not better'; again for each."),
    ] = None,
    years: Annotated[int, typer.Option("--years", help="Horizon, 1 to 10.")] = 5,
    country: Annotated[str, typer.Option("--country", help="Whose discount rates, threshold and money.")] = (
        "United States"
    ),
    threshold: Annotated[
        float | None, option("--threshold", "Money for a quality-adjusted year; the country's unless given.")
    ] = None,
    discount: Annotated[
        list[float] | None, option("--discount", "A year, of costs and effects; twice for each apart.")
    ] = None,
    price: Annotated[
        list[str] | None, option("--price", "What an option costs, USD: cells_donor=5000; again for each.")
    ] = None,
    against: Annotated[str, option("--against", "The way all are compared with; wait unless given.")] = "",
    assume: Annotated[str, option("--assume", "neck_as_back: utility of the neck as of the back.")] = "",
    people: Annotated[int, typer.Option("--people", help="Followed for each draw of the law.")] = 40,
    seed: Annotated[int, typer.Option("--seed", help="Seed of random draws.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Cost per quality-adjusted year of every option, cells among them: net benefit, how sure, what to know more of."""
    from pulposus import economics as room
    from pulposus.candidacy import read_person
    from pulposus.care import one_person

    _checked(threshold, out)
    asked = read_person(person)
    facts = one_person(asked.facts, 1)
    plan = room.Plan(
        facts,
        _ways(facts, named, then, against),
        years,
        country,
        float(asked.facts.get("age", math.nan)),
        math.nan if threshold is None else threshold,
        _rates(discount),
        _prices(price),
        assume,
        against,
        people,
        seed,
    )
    _tell(asked, room.evaluate(plan), as_json, out)


def _checked(threshold: float | None, out: Path | None) -> None:
    """What cannot be asked is said before anything is reckoned. Raises InputError."""
    if threshold is not None and not math.isfinite(threshold):
        raise InputError(f"--threshold {threshold:g} is not possible; give nought or more a quality-adjusted year.")
    if out is not None and out.exists() and not out.is_dir():
        raise InputError(f"--out is {str(out)!r}, which is a file; name a folder.")


def _tell(asked: Person, found: Evaluation, as_json: bool, out: Path | None) -> None:
    """An evaluation on the terminal, after what the person must hear first, and into a folder."""
    from pulposus.candidacy import assess

    if as_json:
        print_json(_as_dict(found))
    else:
        if asked.title:
            typer.echo(f"{asked.title}\n")
        say_first(assess(asked))
        _print(found)
    if out is not None:
        _write(found, asked.title or "Ways of care", out)


def _ways(
    people: People, named: Sequence[str] | None, then: Sequence[str] | None, against: str
) -> dict[str, Any]:
    """Ways by name; 'wait' is always among them, and a sham, which nobody offers, only where it is asked for."""
    from pulposus.care import Step, fitting, steps
    from pulposus.evidence import options

    singles = [options.option(name).name for name in named or ()] if named or then else fitting(people)
    if not named and not then:
        singles = [name for name in singles if name != _SHAM]
    ways: dict[str, Any] = {"wait": (Step("wait"),)}
    ways |= {name: (Step(name),) for name in singles}
    if against == _SHAM:
        ways[_SHAM] = (Step(_SHAM),)
    return ways | {text.strip(): steps(text) for text in then or ()}


def _rates(given: Sequence[float] | None) -> Any:
    from pulposus.economics import Rates

    if not given:
        return None
    if len(given) > 2:
        raise InputError(f"--discount stands {len(given)} times; give it once, or for costs and then for effects.")
    return Rates(given[0], given[-1])


def _prices(given: Sequence[str] | None) -> dict[str, float]:
    """Prices from 'name=number'. Raises InputError for anything else."""
    from pulposus.evidence import options

    found = {}
    for text in given or ():
        name, _, number = text.partition("=")
        try:
            found[options.option(name.strip()).name] = float(number)
        except ValueError as problem:
            if isinstance(problem, InputError):
                raise
            raise InputError(f"--price {text!r} is no price; write for example cells_donor=5000, in USD.") from None
    return found


def _head(found: Evaluation) -> str:
    plan, rates = found.plan, found.rates
    whose = f"{plan.facts.population} {plan.facts.region} pain over {plan.years} years in {plan.country}"
    discounted = f"costs discounted at {_PERCENT * rates.costs:.2g} %, effects at {_PERCENT * rates.effects:.2g} %"
    return (
        f"{whose}: {discounted} a year, "
        f"{found.threshold:,.0f} {found.currency} for a quality-adjusted year"
    )


def _money(value: float) -> str:
    return f"{value:,.0f}".replace("-", "−")


def _print(found: Evaluation) -> None:
    table = new_table(
        _head(found),
        ["option"],
        ["net benefit", "effect gone", "more (90 %)", "cost", "QALY", "by itself (90 %)", "best in"],
        ["in words, against the reference"],
    )
    for row in found.table.to_dict("records"):
        same = row["ratio"] == "the reference"
        more, low, high = (_money(row[f"more_benefit{end}"]) for end in ("", "_low", "_high"))
        own = f"{row['own_qaly']:.2f} ({row['own_low']:.2f} to {row['own_high']:.2f})".replace("-", "−")
        table.add_row(
            row["option"] + "*" * (row["kind"] != "model"),
            _money(row["net_benefit"]),
            _money(row["net_benefit_seen"]),
            "" if same else f"{more} ({low} to {high})",
            _money(row["cost"]),
            f"{row['qaly']:.2f}",
            own,
            f"{_PERCENT * row['chance_best']:.0f} %",
            row["ratio"],
        )
    print_tables(table)
    typer.echo("* cells: model output; no published ratio was found. By itself: what belief in it does not explain.")
    typer.echo("Effect gone: net benefit if what it does by itself ends with what trials looked for.")
    _print_pairs(found)
    _print_worth(found)
    for note in found.notes:
        typer.echo(f"NOTE: {note}")
    typer.echo(found.said)


def _print_pairs(found: Evaluation) -> None:
    if not len(found.pairs):
        return
    table = new_table(
        "Cells against each: every number is model output",
        ["cells", "against"],
        ["more net benefit", "better in", "price at par, USD"],
        ["in words"],
    )
    for row in found.pairs.to_dict("records"):
        price = "none is low enough" if row["price_at_par"] < 0 else _money(row["price_at_par"])
        cells = (_money(row["more_benefit"]), f"{_PERCENT * row['chance_better']:.0f} %", price)
        table.add_row(row["option"], row["against"], *cells, row["ratio"])
    print_tables(table)


def _print_worth(found: Evaluation) -> None:
    table = new_table("What knowing it for sure would be worth", ["known"], ["numbers", f"{found.currency} a person"])
    for row in found.worth.head(_ROWS).to_dict("records"):
        table.add_row(row["known"], str(row["numbers"]), _money(row["worth"]))
    print_tables(table)


def _as_dict(found: Evaluation) -> dict[str, Any]:
    told: dict[str, Any] = {"said": found.said, "currency": found.currency, "threshold": found.threshold}
    told |= {"years": found.plan.years, "country": found.plan.country}
    told |= {"discount_costs": found.rates.costs, "discount_effects": found.rates.effects}
    for name in ("table", "pairs", "worth", "yearly", "cohort"):
        told[name] = getattr(found, name).to_dict("records")
    return told | {"notes": list(found.notes)}


def _write(found: Evaluation, title: str, out: Path) -> None:
    import pandas as pd

    from pulposus.figures.economics import write_economics
    from pulposus.report.economics import economics_page
    from pulposus.results import write_text

    out.mkdir(parents=True, exist_ok=True)
    for name in ("table", "pairs", "curve", "worth", "yearly", "cohort"):
        write_text(out / f"{name}.csv", getattr(found, name).to_csv(index=False))
    draws = {f"{what} {name}": column for what, all_ in (("cost", found.costs), ("qaly", found.qalys))
             for name, column in zip(found.names, all_.T, strict=True)}  # fmt: skip
    write_text(out / "draws.csv", pd.DataFrame(draws).to_csv(index=False))
    pictures = write_economics(found, out)
    write_text(out / "economics.html", economics_page(found, title, f"{_head(found)}.", pictures))
    typer.echo(f"Page: {out / 'economics.html'}")
