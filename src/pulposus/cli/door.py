"""The door: the program, what every command does there with a mistake or Ctrl-C, the options they share, the bar."""

from __future__ import annotations

import errno
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, ParamSpec, TypeVar

import typer
from typer.core import TyperGroup

from pulposus import interrupt
from pulposus.errors import InputError

MISTAKEN, STOPPED, UNSOLVED = 2, interrupt.STOPPED, 1


class _Sentences(TyperGroup):
    """Commands whose misuse (an unknown option, a missing argument) is one sentence on stderr, like every mistake."""

    def main(self, args: Sequence[str] | None = None, prog_name: str | None = None, *_: Any, **more: Any) -> Any:
        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):  # a terminal that cannot show a sign gets another one, no traceback
                stream.reconfigure(errors="replace")
        try:
            code = super().main(args, prog_name, **(more | {"standalone_mode": False}))
        except Exception as problem:
            if not hasattr(problem, "format_message"):
                raise
            if type(problem).__name__ == "NoArgsIsHelpError":
                problem.show()  # type: ignore[attr-defined]
            else:
                context = getattr(problem, "ctx", None)
                path = context.command_path if context else self.name
                typer.echo(f"{problem.format_message().rstrip('.')}; see `{path} --help`.", err=True)
            code = getattr(problem, "exit_code", MISTAKEN)
        sys.exit(code if isinstance(code, int) else 0)


app = typer.Typer(
    name="pulposus",
    cls=_Sentences,
    help="An in-silico laboratory of cell therapy of the intervertebral disc.",
    epilog="Research software: nothing it says is medical advice.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
names = typer.Typer(
    help="What you may name: therapies, levels, parameters, mechanisms, carriers, sites.", no_args_is_help=True
)
app.add_typer(names, name="list")
numbers = typer.Typer(help="Every number with its source: find one, and see who uses it.", no_args_is_help=True)
app.add_typer(numbers, name="evidence")
discs = typer.Typer(help="A case of a disc: by its surface, bones, size or picture.", no_args_is_help=True)
app.add_typer(discs, name="disc")


def option(name: str, words: str) -> Any:
    """An option whose default is not shown."""
    return typer.Option(name, help=words, show_default=False)


def argument(name: str, words: str) -> Any:
    """An argument whose default is not shown."""
    return typer.Argument(metavar=name, help=words, show_default=False)


Out = Annotated[Path, option("--out", "Folder to write; an earlier run in it is replaced.")]
Years = Annotated[str | None, option("--years", "How long to look; else what the case says, or 5.")]
Mesh = Annotated[
    str | None, option("--mesh", "cohort, coarse, standard or fine; else what the case says, or standard.")
]
Quiet = Annotated[bool, typer.Option("--quiet", help="Say nothing but errors.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with the stopped run in the folder.")]
NoAblation = Annotated[bool, typer.Option("--no-ablation", help="Leave out what each mechanism adds: half the time.")]
NoLoads = Annotated[bool, typer.Option("--no-loads", help="Leave out the disc under load: postures, motion, a day.")]
Folder = Annotated[Path, argument("DIR", "A results folder.")]
AsJson = Annotated[bool, typer.Option("--json", help="As JSON, with everything that is known.")]

P = ParamSpec("P")
R = TypeVar("R")


def door(command: Callable[P, R]) -> Callable[P, R]:
    """What every command does at its door: a user's mistake and Ctrl-C become a sentence and an exit code."""

    @wraps(command)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except InputError as problem:
            typer.echo(str(problem), err=True)
            raise typer.Exit(MISTAKEN) from None
        except BrokenPipeError:
            raise  # who reads our output has enough of it
        except OSError as problem:
            if problem.errno in (errno.ENOSPC, errno.EDQUOT):
                remedy = "make room and go on with --resume, or give another disk to --out"
                typer.echo(f"There is no room left to write {problem.filename or 'the results'}; {remedy}.", err=True)
                raise typer.Exit(MISTAKEN) from None
            said = problem.strerror or str(problem)
            typer.echo(f"{problem.filename or 'A file'} cannot be read or written: {said}.", err=True)
            raise typer.Exit(MISTAKEN) from None
        except KeyboardInterrupt:
            typer.echo("Stopped.", err=True)
            raise typer.Exit(STOPPED) from None

    return guarded


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"pulposus {version('pulposus')}")
        raise typer.Exit


@app.callback()
def _program(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say the version.")
    ] = False,
) -> None:
    pass


@contextmanager
def progress(quiet: bool) -> Iterator[Callable[[int, int, str], None]]:
    """A bar on stderr while a run goes on; nothing when asked to be quiet or when nobody watches."""
    if quiet or not sys.stderr.isatty():
        yield lambda done, total, text: interrupt.check()
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn("elapsed,"),
        TimeRemainingColumn(),
        TextColumn("left"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("starting", total=None)

        def tell(done: int, total: int, text: str) -> None:
            interrupt.check()
            bar.update(task, completed=done, total=total, description=text)

        yield tell


def again() -> str:
    """The command that goes on with what this one began."""
    given = [word for word in sys.argv[1:] if word != "--resume"]
    return shlex.join(["pulposus", *given, "--resume"])
