"""Commands about other ways than cells: `options` lists them with what is known, `care` puts them side by side."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pulposus.cli.door import AsJson, app, argument, door, option
from pulposus.cli.people import say_first
from pulposus.cli.tables import new_table, print_json, print_tables
from pulposus.errors import InputError

if TYPE_CHECKING:
    from pulposus.candidacy import Assessment
    from pulposus.care import People, Step
    from pulposus.evidence.options import Effect, Option
    from pulposus.safety import Risk

_PERCENT = 100
_SEEN = 24.0  # months within which more is done
_LONGEST = 120  # months that care is asked for, a guard against slips of the keyboard


@app.command("options")
@door
def list_options(
    word: Annotated[
        str, typer.Argument(metavar="[WORD]", help="A word of it, such as fusion.", show_default=False)
    ] = "",
    region: Annotated[str, option("--region", "lumbar or cervical; both unless given.")] = "",
    as_json: AsJson = False,
) -> None:
    """What else can be done than cells: effects on people and on the disc, how often more follows, and sources."""
    from pulposus.evidence import options
    from pulposus.evidence.trials import REGIONS

    found = options.listed(word, region)
    regions = [region] if region else list(REGIONS)
    if as_json:
        print_json([_as_dict(one, regions) for one in found])
        return
    heads = ["published difference, points", "in the disc", "more within two years", "recovery, weeks"]
    table = new_table("What else can be done", ["option", "region", "law of responses"], [], heads)
    for one in found:
        for place in (place for place in regions if place in one.regions):
            known = ", ".join(one.treatments(place)) or ("" if one.family == "none" else "not known")
            effects = "\n".join(map(_effect, options.effects_of(one.name, place))) or "none besides the law"
            disc = "\n".join([one.disc, *map(_act, options.acts_of(one.name).values())])
            rates = "\n".join(who + _rate(risk) for who, risk in _following(one, place))
            shown = f"{one.title}\n({one.name})"
            table.add_row(shown, place, known, effects, disc, rates, _weeks(one))
            table.add_section()
    print_tables(table)
    typer.echo("* assumed: recalled, carried over or guessed. + is added to the law; what has none is shown beside it.")
    typer.echo("What may go wrong besides: `pulposus safety`.")
    typer.echo("Points of 0 to 100, down where better. Recovery and what happens in the disc are mostly guesses.")
    _print_sources(found, regions)


def _star(kind: str) -> str:
    return "*" * (kind == "assumed")


def _effect(one: Effect) -> str:
    if not one.found:
        return f"not found: {one.note}"
    reach = "" if math.isnan(one.low) else f" ({one.low:.3g} to {one.high:.3g})"
    who = "" if one.population == "any" else f"{one.population}, "
    against = one.comparator.replace("_", " ")
    when = f"months {one.since:g} to {one.until:g}"
    printed = f"; printed {one.printed}" if "SMD" in one.printed else ""
    name = f"{'+' * one.used}{one.score} {one.value:.3g}{reach}{_star(one.kind)}"
    return f"{name} against {against}, {who}{when} ({one.source}){printed}"


def _act(act: Any) -> str:
    unit = " months" if act.unit == "month" else ""
    reach = "" if act.low == act.high else f" ({act.low:g} to {act.high:g})"
    return f"{act.effect.replace('_', ' ')} {act.value:g}{unit}{reach}{_star(act.kind)}"


def _following(one: Option, region: str) -> list[tuple[str, Risk]]:
    """What asks for more to be done within two years, of all that may go wrong, and in whom: each kind of pain for
    itself where they differ.
    """
    from pulposus.care import FOLLOWS
    from pulposus.safety import risks

    exposed = one.exposed(region)
    each = {
        (risk.event, who): risk
        for who in one.populations
        for risk in risks(exposed, region, _SEEN, who)
        if risk.event in FOLLOWS
    }
    found = []
    for (event, who), risk in each.items():
        others = [each.get((event, other)) for other in one.populations]
        alike = all(other is not None and other.share == risk.share for other in others)
        if not alike or who == one.populations[0]:
            found.append(("" if alike else f"{who}: ", risk))
    return found


def _rate(risk: Risk) -> str:
    reach = f"{_PERCENT * risk.low:.2g} to {_PERCENT * risk.high:.2g}"
    return f"{risk.event.replace('_', ' ')} {_PERCENT * risk.share:.2g} % ({reach}){_star(risk.kind)}"


def _weeks(one: Option) -> str:
    if not one.recovery_high:
        return "none"
    return f"{one.recovery_weeks:g} ({one.recovery_low:g} to {one.recovery_high:g}){_star(one.kind)}"


def _as_dict(one: Option, regions: Sequence[str]) -> dict[str, Any]:
    """An option with everything that is known of it, for JSON."""
    from pulposus.evidence import options

    return _plain(
        asdict(one)
        | {
            "acts": [asdict(act) for act in options.acts_of(one.name).values()],
            "effects": [asdict(e) for place in regions for e in options.effects_of(one.name, place)],
            "follows": [
                {"population": who.removesuffix(": ") or "any", **risk.as_dict()}
                for place in regions
                if place in one.regions
                for who, risk in _following(one, place)
            ],
        }
    )


def _plain(value: Any) -> Any:
    """What JSON can hold: NaN as null, tuples as lists."""
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _print_sources(found: Sequence[Option], regions: Sequence[str]) -> None:
    from pulposus.evidence import options, reference

    keys = [key for one in found for key in one.sources]
    for one in found:
        rows: list[Any] = list(options.acts_of(one.name).values())
        for place in regions:
            rows += options.effects_of(one.name, place)
        keys += [key for row in rows for key in row.sources]
    for key in dict.fromkeys(keys):
        typer.echo(f"[{key}] {reference(key)}")


@app.command()
@door
def care(
    person: Annotated[Path, argument("PERSON", "A file of a person (TOML).")],
    named: Annotated[
        list[str] | None, option("--option", "One option by its name; again for each. All that fit, unless given.")
    ] = None,
    then: Annotated[
        list[str] | None,
        option("--steps", "A way of steps: 'exercise at 0, epidural steroid at 3 if not better'; again for each."),
    ] = None,
    months: Annotated[float, typer.Option("--months", help="When to look.")] = 24.0,
    seed: Annotated[int, typer.Option("--seed", help="Seed of random draws.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Options side by side for one person: what to expect, of what it comes, what a sham would give, and what else."""
    from pulposus.candidacy import assess, outside, read_person
    from pulposus.care import beside, one_person, painless

    if not 0 < months <= _LONGEST:
        raise InputError(f"{months:g} months are not possible; give more than 0, up to {_LONGEST}.")
    if seed < 0:
        raise InputError(f"A seed of {seed} is not possible; give 0 or a greater whole number.")
    asked = read_person(person)
    age, people = outside(asked.facts), one_person(asked.facts)
    far = [one for one in (age, painless(people)) if one]
    rows, found = beside(seed, people, _ways(people, named, then), months), assess(asked)
    beyond = _extrapolated(people, rows, months)
    if as_json:
        head = {"title": asked.title, "region": people.region, "population": people.population, "months": months}
        said = {"outside": far, "extrapolated": beyond, "ways": rows}
        print_json(_plain(head | _first(found) | said))
        return
    if asked.title:
        typer.echo(f"{asked.title}\n")
    say_first(found)
    for flag in _first(found)["not_excluded"]:
        typer.echo(f"NOT EXCLUDED: {flag}.")
    for one in far:
        typer.echo(f"OUTSIDE: {one}.")
    _print_beside(people, rows, months)
    for line in beyond:
        typer.echo(f"EXTRAPOLATED: {line}.")
    if found.refer:
        typer.echo("REFER comes first: these numbers are of people in whom red flags were excluded.")


def _first(found: Assessment) -> dict[str, list[str]]:
    """What comes before any number: red flags present or not excluded, and contradictions."""
    unsure = [flag for flag in found.flags if flag.answer == "unknown"]
    return {
        "refer": [f"{flag.says}: {flag.act}" for flag in found.refer],
        "not_excluded": [f"{flag.says} ({flag.reason})" for flag in unsure],
        "contradictions": [f"{odd.says} ({odd.datum})" for odd in found.contradictions],
    }


def _extrapolated(people: People, rows: Sequence[Mapping[str, Any]], months: float) -> list[str]:
    """Options that nobody looked at for as long as is asked for, and how long somebody did; of the score that leads."""
    from pulposus import grounds
    from pulposus.evidence import options
    from pulposus.evidence.units import in_months
    from pulposus.talk import listed

    kind = (people.region, people.population)
    said, never = list[str](), list[str]()
    for name in dict.fromkeys(step["option"] for row in rows for step in row["steps"]):
        waits = name == "wait"
        until = grounds.waited(*kind, people.leading).months if waits else grounds.looked(name, *kind, people.leading)
        if until < months:
            title = options.option(name).title
            if until:
                said.append(f"{title}: looked at for {in_months(float(f'{until:.2g}'))} at most")
            else:
                never.append(title)
    return [*said, *([f"nobody looked at the pain that leads in such people after {listed(never)}"] if never else [])]


def _ways(people: People, named: Sequence[str] | None, then: Sequence[str] | None) -> list[tuple[Step, ...]]:
    """What is put side by side: options at once, then ways of steps; all that fit where nothing is asked for."""
    from pulposus.care import Step, fitting, steps
    from pulposus.evidence import options

    singles = [options.option(name).name for name in named or ()] if named or then else fitting(people)
    return [*((Step(name),) for name in singles), *(steps(text) for text in then or ())]


def _print_beside(people: People, rows: Sequence[Mapping[str, Any]], months: float) -> None:
    from pulposus.evidence.units import in_months

    leading = {"pain": "neck" if people.region == "cervical" else "back"}
    leading["limb"] = "arm" if people.region == "cervical" else "leg"
    index = "NDI" if people.region == "cervical" else "ODI"
    names = {"pain": f"{leading['pain']} pain", "limb": f"{leading['limb']} pain", "disability": index}
    start = {key: rows[0]["scores"][key]["start"] for key in names} if rows else {}
    title = f"At {in_months(months)}, {people.population} {people.region} pain; now " + ", ".join(
        f"{names[key]} {value:.0f}" for key, value in start.items()
    )
    heads = [*(f"{name} (50 %; 90 %)" for name in names.values()), "by itself", "expectation", "treatment"]
    table = new_table(title, ["option"], [*heads, "better", "with a sham"], ["recovery, days", "cost, USD", "follows"])
    for row in rows:
        parts = {part["part"]: part[row["leading"]] for part in row["parts"]}
        alone = sum(parts[name] for name in ("ends of the scale", "regression", "course", "worsening"))
        table.add_row(
            row["title"] + _taken(row),
            *(_score(row["scores"][key]) for key in names),
            *(f"{value:+.0f}" for value in (alone, parts["expectation"], parts["treatment"])),
            *(f"{_PERCENT * row[key]:.0f} %" for key in ("improved", "improved_with_sham")),
            f"{row['recovery_days']:.0f}",
            _money(row["cost"]),
            _follows(row),
        )
        table.add_section()
    print_tables(table)
    typer.echo(f"By itself, expectation, treatment: points of {names[people.leading]} that go by each of them.")
    typer.echo(f"Better: {names[people.leading]} falls by what matters; with a sham: by the same procedure alone.")
    for said in dict.fromkeys(text for row in rows for text in row["unknown"]):
        typer.echo(f"NOT KNOWN: {said}")
    typer.echo("One law for all, from published trials; nothing here knows this person's disc, and nothing is advice.")


def _score(score: Mapping[str, float]) -> str:
    half, most = (f"{score[f'low{n}']:.0f}-{score[f'high{n}']:.0f}" for n in (50, 90))
    return f"{score['mean']:.0f} ({half}; {most})"


def _taken(row: Mapping[str, Any]) -> str:
    shares = [f"{_PERCENT * share:.0f} %" for share in row["taken"]]
    return f"\n(taken by {', '.join(shares)})" if len(shares) > 1 else ""


def _money(cost: Mapping[str, Any]) -> str:
    missing = f"not found: {', '.join(cost['missing'])}" if cost["missing"] else ""
    known = f"{cost['value']:,.0f} ({cost['low']:,.0f} to {cost['high']:,.0f})" if cost["value"] else ""
    return "\n".join(part for part in (known, missing) if part) or "0"


def _follows(row: Mapping[str, Any]) -> str:
    told = {
        "reoperation_share": "operated again",
        "adjacent_disease_share": "neighbour ill",
        "conversion_to_surgery_share": "operated on anyway",
        "serious_events_share": "another serious event",
    }
    return "\n".join(f"{words} {_PERCENT * row[key]:.1f} %" for key, words in told.items() if row[key])
