"""The commands: what they print, which sentence and exit code a mistake gets, what Ctrl-C leaves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import synthetic_run
from typer.testing import CliRunner, Result

from pulposus import cli, evidence, interrupt
from pulposus.cli import tables
from pulposus.errors import InputError
from pulposus.imaging import FIELDS
from pulposus.results import Results

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "examples" / "noriega_l45.toml"
LINE = "Inject 25e6 allogeneic MSC(M) in 2 mL saline at month 0"
HEAVY = ["jax", "equinox", "pandas", "xarray", "zarr", "matplotlib", "plotly", "scipy", "meshio", "pint", "numpy"]
MONTHS = (0, 3, 6)


def pulposus(*words: str | Path) -> Result:
    return CliRunner().invoke(cli.app, [str(word) for word in words])


def refused(*words: str | Path) -> str:
    """The one sentence on stderr of a command that ends with exit code 2, having printed nothing."""
    result = pulposus(*words)
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    sentence = result.stderr.strip()
    assert "\n" not in sentence
    assert "Traceback" not in sentence
    assert sentence.endswith(".")
    return sentence


# ---------------------------------------------------------------------------------------------- a run, made up


def made_up_run(done: int = len(MONTHS), status: str = "completed") -> Callable[..., Results]:
    """What stands in for `run_case`: a results folder in a blink; stopped by Ctrl-C after `done` saved times."""
    run = synthetic_run.synthetic_run("tiny", MONTHS)

    def run_case(
        case: Any, out: Path, *, resume: bool, progress: Callable[[int, int, str], None], ablation: bool, loads: bool
    ) -> Results:
        history = run["history"]
        results = Results.open(out) if resume else Results.create(out, fingerprint="f", info=run["info"], months=MONTHS)
        if not resume:
            nodes = {name: history[name].values for name in ("x", "y", "tissue", "volume")}
            results.write_static(**nodes, endplate_layers=np.asarray(1), nucleus_rings=np.asarray(2))
        for index in range(len(MONTHS) if resume else done):
            results.append(index, MONTHS[index], {name: history[name].values[:, index] for name in [*FIELDS, "z"]})
            progress(index, len(MONTHS), "going on")
        if done < len(MONTHS) and not resume:
            raise KeyboardInterrupt
        results.write_summary(run["summary"])
        results.write_ledger(run["ledger"])
        if ablation:
            results.write_mechanisms(run["mechanisms"])
        results.write_case(case.resolved().to_toml())
        sources = [{"key": key, "text": evidence.reference(key), **evidence.source(key)} for key in known_sources()]
        arms = {"untreated": "completed", "treated": status}
        results.write_info(run["info"] | {"status": arms, "sources": sources})
        return results

    return run_case


def known_sources() -> list[str]:
    return sorted({key for name in evidence.names()[:40] for key in evidence.used(name).sources})


@pytest.fixture
def pretend(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[..., Results]], None]:
    def use(run_case: Callable[..., Results]) -> None:
        room = ModuleType("pulposus.run")
        room.run_case = run_case  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "pulposus.run", room)
        monkeypatch.setattr("pulposus.figures.style.DPI", 30)
        monkeypatch.setattr("pulposus.figures.CUTS", {})  # drawing them all takes seconds

    return use


def test_a_run_leaves_its_report_and_says_where(tmp_path: Path, pretend: Any) -> None:
    pretend(made_up_run())
    result = pulposus("run", EXAMPLE, "--out", tmp_path / "run", "--mesh", "coarse", "--years", "2")
    assert result.exit_code == 0, result.output
    assert result.stdout.strip() == f"Report: {tmp_path / 'run' / 'report.html'}"
    assert "Note: This run is made up: it shows the report, not a disc." in result.stderr
    made = {path.relative_to(tmp_path / "run").as_posix() for path in (tmp_path / "run").rglob("*")}
    assert {"report.html", "figures/curves.png", "vtu/treated.pvd", "vtu/untreated_002.vtu", "summary.csv"} <= made
    assert 'mesh = "coarse"' in (tmp_path / "run" / "case.toml").read_text("utf-8")


def test_a_line_needs_no_file_and_quiet_is_quiet(tmp_path: Path, pretend: Any) -> None:
    pretend(made_up_run())
    result = pulposus("treat", LINE, "--level", "L5-S1", "--grade", "4", "--age", "50", "--sex", "male", "--quiet",
                      "--years", "1", "--no-ablation", "--out", tmp_path / "treat")  # fmt: skip
    assert result.exit_code == 0, result.output
    assert result.output == ""
    assert not (tmp_path / "treat" / "mechanisms.csv").exists()
    assert not (tmp_path / "treat" / "figures" / "mechanisms.png").exists()
    case = (tmp_path / "treat" / "case.toml").read_text("utf-8")
    assert all(text in case for text in ('level = "L5-S1"', "grade = 4", "age = 50", 'sex = "male"', "years = 1"))


def test_ctrl_c_says_how_to_go_on_and_that_command_does(
    tmp_path: Path, pretend: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(made_up_run(done=2))
    words = ["run", str(EXAMPLE), "--out", str(tmp_path / "a folder")]
    monkeypatch.setattr(sys, "argv", ["pulposus", *words])
    result = pulposus(*words)
    assert result.exit_code == 130
    assert result.stderr.startswith("Stopped. What is done lies in ")
    assert result.stderr.endswith(f"--out '{tmp_path / 'a folder'}' --resume\n")
    assert list(Results.open(tmp_path / "a folder").history()["month"]) == [0, 3]
    assert pulposus(*words, "--resume").exit_code == 0
    again = pulposus(*words, "--resume")
    assert again.exit_code == 0
    assert "was complete" in again.stderr


def test_an_arm_that_cannot_be_believed_is_exit_code_1(tmp_path: Path, pretend: Any) -> None:
    pretend(made_up_run(status="failed: solutes were not solved"))
    result = pulposus("run", EXAMPLE, "--out", tmp_path / "run", "--quiet")
    assert result.exit_code == 1
    assert result.stderr == "The treated arm failed: solutes were not solved.\n"
    assert (tmp_path / "run" / "report.html").exists()


def test_report_and_cite_read_a_folder(tmp_path: Path, pretend: Any) -> None:
    pretend(made_up_run())
    folder = tmp_path / "run"
    assert pulposus("run", EXAMPLE, "--out", folder).exit_code == 0
    (folder / "report.html").unlink()
    result = pulposus("report", folder)
    assert result.exit_code == 0
    assert (folder / "report.html").read_text("utf-8").startswith("<!")
    said, bibtex = pulposus("cite", folder).stdout, pulposus("cite", folder, "--bibtex").stdout
    assert said.endswith(bibtex)
    for key in known_sources():
        assert evidence.reference(key) in said
        assert evidence.source(key)["entry"] in bibtex
    assert bibtex.count("\n@") + bibtex.startswith("@") == len(known_sources())


# ---------------------------------------------------------------------------------------------- mistakes


def test_mistakes_are_one_sentence_and_nothing_is_written(tmp_path: Path, pretend: Any) -> None:
    def never(*_: Any, **__: Any) -> Results:
        raise AssertionError("nothing may be computed")

    pretend(never)
    out = tmp_path / "out"
    assert "'noriega_l45.toml'" in refused("run", EXAMPLE.with_name("noriega_l54.toml"), "--out", out)
    assert "coarse" in refused("run", EXAMPLE, "--out", out, "--mesh", "course")
    assert "years" in refused("run", EXAMPLE, "--out", out, "--years", "-1")
    assert "--ensemble 200" in refused("run", EXAMPLE, "--out", out, "--ensemble-solid")
    assert "'L4-L5'" in refused("treat", LINE, "--level", "L4-L6", "--out", out)
    assert "1 to 5" in refused("treat", LINE, "--grade", "9", "--out", out)
    assert "female" in refused("treat", LINE, "--sex", "femal", "--out", out)
    assert "Inject" in refused("treat", "cells, please", "--out", out)
    assert "MSC(AT)" in refused("treat", LINE.replace("MSC(M)", "MSC(A)"), "--out", out)
    assert "no results" in refused("run", EXAMPLE, "--out", out, "--resume")
    assert "no results" in refused("report", tmp_path)
    assert "no results" in refused("cite", tmp_path / "nowhere")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "words",
    [
        ("sensitivity", EXAMPLE),
        ("optimise", EXAMPLE),
        ("calibrate", "--only", "people"),
        ("validate", "--only", "donnan"),
        ("trial", "leave-one-out"),
        ("trial", "reproduce"),
    ],
)
def test_a_folder_that_cannot_be_is_refused_before_anything_is_computed(
    words: tuple[Any, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file, or a place below one."""
    from pulposus import run

    monkeypatch.setattr(run, "remember_compilations", lambda: pytest.fail("it went on to compute"))
    (tmp_path / "file").write_text("mine")
    for out in (tmp_path / "file", tmp_path / "file" / "below"):
        assert "is a file" in refused(*words, "--out", out)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    "words", [[], ["nonsense"], ["run"], ["run", "x.toml"], ["list", "nothing"], ["treat", LINE, "--grade", "III?"]]
)
def test_what_is_no_command_is_exit_code_2(words: list[str]) -> None:
    assert pulposus(*words).exit_code == 2


def test_misuse_is_one_sentence_too(tmp_path: Path) -> None:
    assert refused("run") == "Missing argument 'CASE'; see `pulposus run --help`."
    assert refused("run", EXAMPLE) == "Missing option '--out'; see `pulposus run --help`."
    assert "'run'" in refused("rum")
    assert "names no folder" in refused("run", EXAMPLE, "--out", "")
    assert "is a file" in refused("cite", EXAMPLE)
    for grade in ("3.5", "x", "6"):
        assert "from 1 to 5" in refused("treat", LINE, "--grade", grade, "--out", tmp_path / "x")
    assert "'abc'" in refused("treat", LINE, "--years", "abc", "--out", tmp_path / "x")


def test_a_terminal_without_greek_letters_gets_no_traceback() -> None:
    bare = {"LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PATH": os.environ["PATH"]}
    done = subprocess.run(
        [sys.executable, "-m", "pulposus", "list", "therapies"], capture_output=True, env=bare, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture
def usual_ctrl_c() -> Iterator[None]:
    """Tests that a shell runs in the background begin with Ctrl-C ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.skipif(os.name == "nt", reason="signals and claims are those of POSIX systems")
def test_ctrl_c_is_heard_between_steps_only(usual_ctrl_c: None) -> None:
    said: list[str] = []
    after = []

    def work() -> None:
        interrupt.check()  # nothing was pressed
        signal.raise_signal(signal.SIGINT)
        with interrupt.held():  # an inner one changes nothing
            after.append("the step went on to its end")
        interrupt.check()
        after.append("never")

    with pytest.raises(KeyboardInterrupt), interrupt.held(said.append):
        work()
    assert after == ["the step went on to its end"]
    assert len(said) == 1
    with pytest.raises(KeyboardInterrupt), interrupt.held():
        signal.raise_signal(signal.SIGINT)  # never asked for: raised on leaving
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)  # the usual manners are back


def test_ctrl_c_twice_ends_at_once() -> None:
    code = "\n".join(
        [
            "import signal",
            "signal.signal(signal.SIGINT, signal.default_int_handler)",
            "from pulposus import interrupt",
            "with interrupt.held():",
            "    signal.raise_signal(signal.SIGINT)",
            "    signal.raise_signal(signal.SIGINT)",
            "    print('never')",
        ]
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_a_mistake_found_while_running_is_a_sentence_too(tmp_path: Path, pretend: Any) -> None:
    def unwritable(*_: Any, **__: Any) -> Results:
        raise InputError("'x' cannot be written.")

    def full(*_: Any, **__: Any) -> Results:
        raise OSError(28, "No space left on device", "results/run.json")

    pretend(unwritable)
    assert refused("run", EXAMPLE, "--out", tmp_path / "x") == "'x' cannot be written."
    pretend(full)
    said = refused("run", EXAMPLE, "--out", tmp_path / "x")
    assert said.startswith("There is no room left to write results/run.json; make room and go on with --resume")


# ---------------------------------------------------------------------------------------------- names


@pytest.mark.parametrize(
    ("what", "known"),
    [
        ("therapies", [*evidence.products(), *evidence.carriers(), *evidence.sites()]),
        ("carriers", evidence.carriers()),
        ("sites", evidence.sites()),
        ("levels", evidence.levels()),
        ("parameters", evidence.names()),
        ("mechanisms", [mechanism.name for mechanism in evidence.mechanisms()]),
    ],
)
def test_lists_name_everything(what: str, known: list[str]) -> None:
    table = pulposus("list", what)
    assert table.exit_code == 0
    assert [name for name in known if name not in table.stdout] == []
    found = json.loads(pulposus("list", what, "--json").stdout)
    names = [name for group in found.values() for name in group] if what == "therapies" else list(found)
    assert names == known


def test_lists_give_numbers_whole() -> None:
    row = evidence.used("glucose_diffusivity")
    assert f"{row.value:.4g}" in pulposus("list", "parameters").stdout
    given = json.loads(pulposus("list", "parameters", "--json").stdout)["glucose_diffusivity"]
    assert (given["value"], given["unit"], given["source"]) == (row.value, row.unit, row.source)
    assert tables.short(2.42e8) == "2.42e8"
    assert tables.short(1.5e-7) == "1.5e-7"


def test_schema_is_that_of_a_case() -> None:
    from pulposus.case import json_schema

    assert json.loads(pulposus("schema").stdout) == json_schema()


# ---------------------------------------------------------------------------------------------- quick to answer


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["run", "--help"], ["list"]])
def test_help_waits_for_no_library(words: list[str]) -> None:
    code = (
        f"import atexit, sys; sys.argv = ['pulposus', *{words!r}]\n"
        f"atexit.register(lambda: print('LOADED', [name for name in {HEAVY!r} if name in sys.modules]))\n"
        "from pulposus.cli import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "LOADED []" in done.stdout, done.stdout + done.stderr
    assert "ulposus" in done.stdout


def test_the_package_is_a_program() -> None:
    done = subprocess.run([sys.executable, "-m", "pulposus", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("pulposus ")


def test_hypotheses_are_compared_where_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pandas as pd

    from pulposus import run

    names = (
        "aggrecan_percent",
        "native_viable_percent",
        "injected_million",
        "np_like_million",
        "glucose_min_mM",
        "ph_min",
    )
    numbers = {f"{n}_{end}": 1.0 for n in names for end in ("untreated", "treated", "effect")}
    rows = [{"hypothesis": h, "choice": c, **numbers} for h, c in (("as in the case", ""), ("metabolism", "cachot"))]
    monkeypatch.setattr(run, "run_case", made_up_run())
    monkeypatch.setattr(run, "compare_hypotheses", lambda case, progress: pd.DataFrame(rows))
    result = pulposus("run", EXAMPLE, "--out", tmp_path / "out", "--compare-hypotheses")
    assert result.exit_code == 0, result.output
    assert "cachot" in result.stdout
    assert "metabolism" in (tmp_path / "out" / "hypotheses.html").read_text("utf-8")
    assert Results.open(tmp_path / "out").hypotheses() is not None
