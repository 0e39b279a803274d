"""Commands about trials that are being planned: `trial power`, `trial design`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pulposus.cli.door import AsJson, Quiet, argument, door, option, progress
from pulposus.cli.tables import new_table, print_json, print_tables
from pulposus.cli.trial import DiscToPain, Workers, trial
from pulposus.errors import InputError, nearest

if TYPE_CHECKING:
    from rich.table import Table

    from pulposus.statistics.sequential import Design
    from pulposus.trials.protocol import Protocol
    from pulposus.trials.study import Study

# What each design reads of its options: its own, and those that a protocol tells where one is given.
_READ: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "3+3": (("truth",), ("doses",)),
    "boin": (("target", "cohort", "size", "truth"), ("doses",)),
    "crm": (("target", "cohort", "size", "skeleton", "truth"), ("doses",)),
    "mcpmod": ((), ("levels", "shapes", "size", "alpha", "sided")),
    "adaptive": ((), ()),
    "sequential": (("effect",), ("size", "looks", "spending", "alpha", "sided")),
    "reestimation": ((), ("first", "second", "max_size", "alpha", "sided", "goal")),
}
KINDS = tuple(_READ)
_TOLD = ("COMMANDLINE", "ENVIRONMENT")  # where an option comes from that somebody gave
_BESIDE = {"truth": ("runs", "seed"), "effect": ("sd", "goal")}
Goal = Annotated[float, typer.Option("--goal", help="The power aimed at.")]


def numbers(text: str, name: str) -> list[float]:
    """Numbers between commas. Raises InputError naming the option."""
    try:
        found = [float(word) for word in text.split(",") if word.strip()]
    except ValueError:
        raise InputError(f"{name} is {text!r}; write numbers with commas between them, such as 100,200.") from None
    for one in found:
        if not math.isfinite(one):
            raise InputError(f"{name} holds {one:g}; write finite numbers with commas between them.")
    return found


def whole(text: str, name: str) -> list[int]:
    """Whole numbers above nought between commas."""
    found = numbers(text, name)
    for one in found:
        if one != int(one) or one < 1:
            raise InputError(f"{name} holds {one:g}; write whole numbers of 1 or more.")
    return [int(one) for one in found]


# ---------------------------------------------------------------------------------------------- power


@trial.command()
@door
def power(
    protocol: Annotated[Path, argument("PROTOCOL", "A protocol, a TOML file.")],
    out: Annotated[Path, option("--out", "Folder for the tables and the picture.")],
    replicates: Annotated[int, typer.Option("--replicates", help="How many trials are run in each cell.")] = 1000,
    sizes: Annotated[
        str, typer.Option("--sizes", help="Persons of all arms, with commas; the protocol's own is always run.")
    ] = "",
    effects: Annotated[
        str, typer.Option("--effects", help="Multiples of the treatment's own effect, with commas.")
    ] = "",
    enriched: Annotated[
        str, typer.Option("--enriched", help="everybody, open or closed endplates; several with commas.")
    ] = "everybody",
    bank: Annotated[int, typer.Option("--bank", help="Persons from whom trials are drawn, 500 or more.")] = 500,
    goal: Goal = 0.9,
    search_limit: Annotated[
        int, typer.Option("--search-limit", help="Persons beyond which no size is sought.")
    ] = 20_000,
    mechanics: Annotated[
        str, typer.Option("--mechanics", help="Of discs, where they are asked: columns or solid.")
    ] = "columns",
    disc_to_pain: DiscToPain = "none",
    workers: Workers = 1,
    seed: Annotated[int, typer.Option("--seed", help="Of people and trials.")] = 0,
    quiet: Quiet = False,
) -> None:
    """Run a trial again and again: power, type-I error, assurance, expected size, and the size that is needed."""
    from pulposus.trials import discs, study
    from pulposus.trials.protocol import read_protocol

    if out.exists() and not out.is_dir():
        raise InputError(f"--out is {str(out)!r}, which is a file; name a folder.")
    if seed < 0:
        raise InputError(f"--seed {seed} is not possible; give zero or more.")
    if workers < 1:
        raise InputError(f"--workers {workers} cannot compute anything; give one or more.")
    discs.known(mechanics)
    if not 0 < goal < 1:
        raise InputError(f"--goal {goal:g} is no power; give a share between 0 and 1.")
    asked, groups = read_protocol(protocol), _groups(enriched)
    with progress(quiet) as tell:
        grid = (whole(sizes, "--sizes"), numbers(effects, "--effects"), groups)
        found = study.study(
            asked, replicates, *grid, bank, search_limit, goal, seed, tell, mechanics, workers, out, disc_to_pain
        )
    written = study.publish(out, found)
    print_tables(*_grid(found))
    for text in study.sentences(found):
        typer.echo(text)
    typer.echo(f"Tables and picture: {written[0].parent}")


def _groups(text: str) -> list[str]:
    names = {"everybody": "", "open": "open", "closed": "closed"}
    found = []
    for word in (part.strip() for part in text.split(",")):
        if word not in names:
            near = nearest(word, names)
            raise InputError(f"--enriched {word!r} is unknown{near}; write everybody, open or closed.")
        found.append(names[word])
    return found


def _grid(found: Study) -> list[Table]:
    """Rows of the grid, and what was published."""
    looked = f"; arms {found.corrected}" if found.corrected else ""
    first = new_table(f"{found.protocol.name}, run again and again (± Monte-Carlo standard error{looked})")
    heads = ("what", "people", "persons", "effect", "trials", "shown, %", "and better, %", "persons enrolled")
    for head in (*heads, "arms"):
        first.add_column(head, overflow="fold")
    for where, row in found.rows:
        share = found.protocol.primary.kind != "continuous"
        arms = ", ".join(f"{arm} {100 * mean if share else mean:.1f}" for arm, mean, _, _ in row.value)
        first.add_row(
            row.what,
            {"": "everybody"}.get(where, f"{where} endplates"),
            str(row.size),
            f"{row.effect:g}",
            str(row.trials),
            f"{100 * row.shown:.1f} ± {100 * row.shown_error:.1f}",
            f"{100 * row.better:.1f} ± {100 * row.better_error:.1f}",
            f"{row.persons:.0f}",
            arms,
        )
    tables = [first, *_happened(found)]
    if not found.beside:
        return tables
    looked = f" ({found.corrected})" if found.corrected else ""
    second = new_table(f"Published, beside our trials of the same size{looked}")
    for head in ("arm", "as published", "n", "published", "ours", "nine tenths of trials", "source"):
        second.add_column(head)
    for one in found.beside:
        factor = 100 if found.protocol.primary.kind != "continuous" else 1
        low, high = (one.ours + sign * 1.645 * one.spread for sign in (-1, 1))  # maths: nine tenths of a normal
        second.add_row(
            one.arm,
            one.published_arm,
            "?" if math.isnan(one.persons) else f"{one.persons:g}",
            f"{factor * one.published:.{0 if factor > 1 else 1}f}",
            f"{factor * one.ours:.1f} ± {factor * one.error:.1f}",
            f"{factor * low:.0f} to {factor * high:.0f}",
            one.source,
        )
    return [*tables, second]


def _happened(found: Study) -> list[Table]:
    """What looks made of trials, and what they say of the dose."""
    words = sorted({word for _, row in found.rows for word, _, _ in row.told})
    if not words:
        return []
    table = new_table("Of trials, % (± Monte-Carlo standard error)")
    for head in ("what", "people", "persons", "effect", *words):
        table.add_column(head, overflow="fold")
    for where, row in found.rows:
        shares = {word: f"{100 * share:.1f} ± {100 * error:.1f}" for word, share, error in row.told}
        group = {"": "everybody"}.get(where, f"{where} endplates")
        cells = (shares.get(word, "0") for word in words)
        table.add_row(row.what, group, str(row.size), f"{row.effect:g}", *cells)
    return [table]


# ---------------------------------------------------------------------------------------------- design


@trial.command()
@door
def design(
    context: typer.Context,
    kind: Annotated[str, argument("KIND", "3+3, boin, crm, mcpmod, adaptive, sequential or reestimation.")],
    protocol: Annotated[
        Path | None, option("--protocol", "A protocol: its arms are the doses, its \\[interim] the looks.")
    ] = None,
    doses: Annotated[int, typer.Option("--doses", help="How many doses.")] = 4,
    target: Annotated[float, typer.Option("--target", help="Share of dose-limiting events that is aimed at.")] = 0.3,
    cohort: Annotated[int, typer.Option("--cohort", help="People treated at once.")] = 3,
    size: Annotated[
        int, typer.Option("--size", help="People at most; sequential: at the end; mcpmod: at each dose.")
    ] = 30,
    skeleton: Annotated[str, typer.Option("--skeleton", help="crm: prior shares of the doses, with commas.")] = "",
    truth: Annotated[
        str, typer.Option("--truth", help="Shares of dose-limiting events, with commas: how the plan behaves there.")
    ] = "",
    runs: Annotated[int, typer.Option("--runs", help="Simulated trials for --truth.")] = 1000,
    looks: Annotated[str, typer.Option("--looks", help="sequential: how many, or shares of information.")] = "3",
    spending: Annotated[
        str, typer.Option("--spending", help="obrien_fleming or pocock, either with _classical.")
    ] = "obrien_fleming",
    alpha: Annotated[float, typer.Option("--alpha", help="The whole error.")] = 0.05,
    sided: Annotated[int, typer.Option("--sided", help="1 or 2.")] = 2,
    effect: Annotated[float | None, option("--effect", "A difference of means, for sizes.")] = None,
    sd: Annotated[float, typer.Option("--sd", help="Standard deviation of the score, for sizes.")] = 25.0,
    goal: Goal = 0.9,
    first: Annotated[int, typer.Option("--first", help="reestimation: people before the look.")] = 50,
    second: Annotated[int, typer.Option("--second", help="reestimation: people planned after it.")] = 50,
    max_size: Annotated[
        int | None, option("--max-size", "reestimation: people of the whole trial at most; else twice as planned.")
    ] = None,
    levels: Annotated[
        str, typer.Option("--levels", help="mcpmod: the control's dose (0) and the others, with commas.")
    ] = "",
    shapes: Annotated[
        str, typer.Option("--shapes", help="mcpmod: candidates with commas, such as 'linear,emax 5'.")
    ] = "linear",
    seed: Annotated[int, typer.Option("--seed", help="Of simulated trials.")] = 0,
    out: Annotated[Path | None, option("--out", "Folder for the tables.")] = None,
    json: AsJson = False,
) -> None:
    """Tables to hand over: first doses, contrasts of doses, looks that stop a trial, drop arms or tell its size."""
    from pulposus.trials.protocol import read_protocol

    if kind not in KINDS:
        raise InputError(f"Unknown design {kind!r}{nearest(kind, KINDS)}; write one of {', '.join(KINDS)}.")
    _checked(size, sided, alpha, seed, out)
    _used(kind, [name for name in context.params if getattr(context.get_parameter_source(name), "name", "") in _TOLD])
    asked = None if protocol is None else read_protocol(protocol)
    _hand_over(kind, _made(kind, asked, SimpleNamespace(**context.params)), out, json)


def _made(kind: str, asked: Protocol | None, told: SimpleNamespace) -> dict[str, Any]:
    """Tables of a design by their titles; `told` are the options."""
    from pulposus.trials import designs

    if kind == "mcpmod":
        return {"Contrasts of doses": _contrasts(asked, told.levels, told.shapes, told.size, told.alpha / told.sided)}
    if kind == "adaptive":
        if asked is None:
            raise InputError("adaptive reads the look of a protocol; name one with --protocol.")
        made = {"What the look does": designs.dropping(asked), "People": designs.stages(asked)}
        return made | {"What an arm has shown": designs.alone(asked)}
    if kind == "sequential":
        plan = designs.of_protocol(asked) if asked else _sequential(told.looks, told.spending, told.alpha, told.sided)
        needed = [] if told.effect is None else designs.sizes(plan, told.effect, told.sd, told.goal)
        # looks are at people of the protocol, or of the size that is found, or of --size
        at = (asked.size, designs.comparisons(asked)) if asked else (needed[0]["number"] if needed else told.size,)
        made = {"When it stops": designs.boundaries(plan, *at)}
        return made | ({"People for the difference": needed} if needed else {})
    if kind == "reestimation":
        if asked is not None:
            return {"What a look at the size says": designs.zones_of(asked)}
        most = 2 * (told.first + told.second) if told.max_size is None else told.max_size
        found = designs.zones(told.first, told.second, most, told.alpha, told.sided, told.goal)
        return {"What a look at the size says": found}
    named = designs.doses_of(asked) if asked else told.doses
    shares = numbers(told.skeleton, "--skeleton") or None
    doses = designs.first_doses(kind, named, told.target, told.cohort, told.size, shares)
    made = {"What to do after each cohort": designs.decisions(doses)}
    if told.truth:
        made["How it behaves"] = designs.behaviour(doses, numbers(told.truth, "--truth"), told.runs, told.seed)
    return made


def _sequential(looks: str, spending: str, alpha: float, sided: int) -> Design:
    """A group-sequential test of so many looks, or at shares of information."""
    from pulposus.trials import designs

    at = numbers(looks, "--looks")
    counted = whole(looks, "--looks")[0] if len(at) == 1 and at[0] >= 1 else at
    return designs.group_sequential(counted, spending, alpha, sided)


def _used(kind: str, given: Sequence[str]) -> None:
    """Refuse an option that was given and would change nothing. Raises InputError."""
    own, taken = _READ[kind]
    read = ("protocol", *taken, *own)
    if kind == "sequential" and {"size", "effect"} <= set(given):
        raise InputError("--size and --effect do not go together: the size for --effect is found; leave one out.")
    for name in (one for one in given if one not in ("kind", "out", "json")):
        beside = next((of for of, names in _BESIDE.items() if of in read and name in names), "")
        if beside and beside not in given:
            raise InputError(f"{_flag(name)} is of --{beside}, which was not given; add --{beside}, or leave it out.")
        if name not in read and not beside:
            known = ", ".join(map(_flag, read))
            raise InputError(f"{_flag(name)} changes nothing of {kind}, which reads {known}; leave it out.")
        if name in taken and "protocol" in given:
            where = "its arms" if name in ("doses", "levels", "size") else "its [interim]"
            raise InputError(f"{_flag(name)} is told by --protocol, by {where}; leave one of the two out.")


def _flag(name: str) -> str:
    """An option as it is written."""
    return f"--{name.replace('_', '-')}"


def _contrasts(asked: Protocol | None, levels: str, shapes: str, size: int, alpha: float) -> list[dict[str, Any]]:
    """Contrasts of a protocol, or of doses with `size` people each."""
    from pulposus.trials import designs

    if asked is not None:
        return designs.weights_of(asked)
    found = numbers(levels, "--levels")
    if len(found) < 3 or min(found) != 0:
        raise InputError(f"--levels is {levels!r}; write 0 for the control and two doses or more, such as 0,3,10.")
    test = designs.shapes([one.strip() for one in shapes.split(",")], found, [size] * len(found), alpha)
    return designs.weights([("control" if one == 0 else f"dose {one:g}", one) for one in found], test)


def _checked(size: int, sided: int, alpha: float, seed: int, out: Path | None) -> None:
    """Options that several designs read. Raises InputError."""
    if size < 1:
        raise InputError(f"--size {size} is nobody; give one or more people.")
    if sided not in (1, 2):
        raise InputError(f"--sided {sided} is not possible; write 1 or 2.")
    if not 0 < alpha < 1:
        raise InputError(f"--alpha {alpha:g} is no error; give a share between 0 and 1.")
    if seed < 0:
        raise InputError(f"--seed {seed} is not possible; give zero or more.")
    if out is not None and out.exists() and not out.is_dir():
        raise InputError(f"--out is {str(out)!r}, which is a file; name a folder.")


def _hand_over(kind: str, made: dict[str, Any], out: Path | None, json: bool) -> None:
    if json:
        print_json(made)
    else:
        print_tables(*(_table(f"{kind}: {name}", rows) for name, rows in made.items()))
    if out is not None:
        import pandas as pd

        from pulposus.results import write_text

        out.mkdir(parents=True, exist_ok=True)
        for name, rows in made.items():
            place = out / f"{kind}_{name.lower().replace(' ', '_')}.csv"
            write_text(place, pd.DataFrame(rows).to_csv(index=False))
        typer.echo(f"Tables: {out}")


def _table(title: str, rows: list[dict[str, Any]]) -> Table:
    table = new_table(title)
    for head in rows[0]:
        table.add_column(head)
    for row in rows:
        cells = ("" if cell != cell else cell for cell in row.values())  # maths: what is no number is not itself
        table.add_row(*(f"{cell:.4g}" if isinstance(cell, float) else str(cell) for cell in cells))
    return table
