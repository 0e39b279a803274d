"""`evidence meta`: a named question of the evidence, answered by the trials that were printed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pulposus.cli.door import AsJson, door, numbers, option
from pulposus.cli.tables import new_table, print_json, print_tables
from pulposus.errors import InputError

if TYPE_CHECKING:
    from pulposus.synthesis import Answer

_PERCENT = 100


@numbers.command()
@door
def meta(
    question: Annotated[
        str, typer.Argument(metavar="[QUESTION]", help="Its name; without one, all in a line.", show_default=False)
    ] = "",
    model: Annotated[str, typer.Option("--model", help="REML, DL, PM or fixed.")] = "REML",
    tier: Annotated[
        int, typer.Option("--tier", help="Worst that takes part: 1 read, 2 abstract, 3 second hand, 4 recalled.")
    ] = 3,
    plain: Annotated[
        bool, typer.Option("--no-knapp", help="Normal interval of random effects, not Hartung and Knapp's.")
    ] = False,
    out: Annotated[Path | None, option("--out", "Folder for tables and pictures.")] = None,
    as_json: AsJson = False,
) -> None:
    """Trials pooled for a question: effect, heterogeneity, where the next trial would lie, and what was left out."""
    from pulposus import synthesis

    if out is not None and out.exists() and not out.is_dir():
        raise InputError(f"--out is {str(out)!r}, which is a file; name a folder.")
    chosen = next((one for one in synthesis.MODELS if one.lower() == model.lower()), model)
    if question:
        answers: Mapping[str, Answer | str] = {question: synthesis.answer(question, chosen, tier, not plain)}
    else:
        answers = _all(chosen, tier, plain)
    if as_json:
        print_json([_as_dict(name, one) for name, one in answers.items()])
    elif question:
        _print(next(one for one in answers.values() if not isinstance(one, str)))
    else:
        _print_all(answers)
    if out is not None:
        _write(answers, out)


def _all(model: str, tier: int, plain: bool) -> Mapping[str, Answer | str]:
    """Every question; a network, which knows REML and fixed alone, is asked by REML for the other models."""
    from pulposus import synthesis
    from pulposus.evidence.questions import questions
    from pulposus.statistics import given

    given.one_of(model, synthesis.MODELS, "The model")
    synthesis.checked_tier(tier)
    found: dict[str, Answer | str] = {}
    for one in questions():
        own = model if one.form == "pair" or model == "fixed" else "REML"
        found |= synthesis.over([one.name], model=own, tier=tier, knapp=not plain)
    return found


def _as_dict(name: str, answer: Answer | str) -> dict[str, Any]:
    from pulposus import synthesis

    if isinstance(answer, str):
        return {"question": name, "refused": answer}
    told = synthesis.summary(answer) | {
        "rows": answer.table().to_dict("records"),
        "left_out": [one._asdict() for one in answer.left],
        "warnings": list(answer.warnings),
    }
    if answer.net is not None:
        told["league"] = synthesis.league(answer).to_dict("records")
    return _plain(told)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _print_all(answers: Mapping[str, Answer | str]) -> None:
    table = new_table("Questions of the evidence, and what trials say", ["question", "answer"])
    for name, one in answers.items():
        table.add_row(name, f"refused: {one}" if isinstance(one, str) else one.said)
        table.add_section()
    print_tables(table)
    typer.echo("Studies, what was left out and why: `pulposus evidence meta QUESTION`.")


def _print(answer: Answer) -> None:
    table = new_table(answer.question.title, ["study", "outcome"], ["month"], ["events, or change"])
    if answer.net is None:
        for head in ("effect (95 %)", "weight", "without it"):
            table.add_column(head, justify="right", no_wrap=True)
    for head in ("tier", "risk of bias", "source"):
        table.add_column(head)
    for row in answer.table().to_dict("records"):
        cells = [row["study"], row["outcome"], f"{row['months']:g}", row["groups"]]
        if answer.net is None:
            ends = (_shown(row[part]) for part in ("effect", "low", "high"))
            cells += ["{} ({} to {})".format(*ends), f"{_PERCENT * row['weight']:.0f} %"]
            cells += [_shown(row["without_it"]) if "without_it" in row else ""]
        table.add_row(*cells, str(row["tier"]), row["risk_of_bias"], row["source"])
    print_tables(table)
    _print_pool(answer)
    _print_left(answer)
    for warning in answer.warnings:
        typer.echo(f"NOTE: {warning}")
    typer.echo(answer.said)


def _shown(value: float) -> str:
    return f"{value:.3g}".replace("-", "−")


def _print_pool(answer: Answer) -> None:
    from pulposus import synthesis

    told = synthesis.summary(answer)
    if answer.net is not None:
        table = new_table("Against the reference", ["treatment"], ["odds ratio (95 %)", "P-score", "studies"])
        for row in synthesis.league(answer).to_dict("records"):
            ends = "{} ({} to {})".format(*(_shown(row[part]) for part in ("effect", "low", "high")))
            table.add_row(row["treatment"], ends, f"{row['p_score']:.2f}", str(row["studies"]))
        print_tables(table)
        typer.echo(f"tau² {told['tau2']:.3g}; designs agree with one another: p = {told['inconsistency_p']:.2f}.")
        for one in answer.splits:
            ratio = one.difference.exponentiated()
            typer.echo(f"Direct over indirect, {one.other} v {one.base}: {ratio}, p = {one.p:.2f}.")
        return
    typer.echo(
        f"tau² {told['tau2']:.3g}, I² {told['i2']:.0f} %, Q {told['q']:.2f} (p = {told['q_p']:.2f}), effect p = "
        f"{told['p']:.3f}"
        + (f", Egger p = {told['egger_p']:.2f}" if not math.isnan(told["egger_p"]) else ", Egger: too few studies")
        + "."
    )
    if not math.isnan(told["beside"]):
        ends = "{} ({} to {})".format(*(_shown(told[part]) for part in ("beside", "beside_low", "beside_high")))
        typer.echo(f"Published elsewhere: {ends} ({answer.question.source}: {answer.question.where}).")
    for beside in answer.bridges:
        people = f"{_PERCENT * beside.share:.0f} % of {beside.total:.0f}"
        typer.echo(
            f"Single arm {beside.study}, month {beside.months:g}, {people}: "
            f"odds ratio {beside.bridge.difference.exponentiated()} to the trials' controls, which is no effect."
        )


def _print_left(answer: Answer) -> None:
    reasons: dict[str, list[str]] = {}
    for one in answer.left:
        reasons.setdefault(one.why, []).append(one.study)
    for why, studies in reasons.items():
        typer.echo(f"LEFT OUT, {why}: {', '.join(studies)}.")


def _write(answers: Mapping[str, Answer | str], out: Path) -> None:
    import pandas as pd

    from pulposus import synthesis
    from pulposus.figures.forest import write_answer
    from pulposus.results import write_text

    out.mkdir(parents=True, exist_ok=True)
    pooled = []
    for name, one in answers.items():
        if isinstance(one, str):
            pooled.append({"question": name, "said": one})
            continue
        name = one.question.name
        write_text(out / f"{name}_studies.csv", one.table().to_csv(index=False))
        left = pd.DataFrame(one.left, columns=["study", "why"])
        write_text(out / f"{name}_left_out.csv", left.to_csv(index=False))
        if one.net is not None:
            write_text(out / f"{name}_league.csv", synthesis.league(one).to_csv(index=False))
        pooled.append(synthesis.summary(one))
        write_answer(one, out)
    write_text(out / "pooled.csv", pd.DataFrame(pooled).to_csv(index=False))
    typer.echo(f"Tables and pictures: {out}")
