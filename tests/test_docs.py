"""The documentation agrees with the program: what exists is described, what is described exists."""

from __future__ import annotations

import ast
import importlib
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import pulposus
from pulposus import evidence
from pulposus.trials.protocol import Protocol

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = [
    *(page for page in sorted(DOCS.rglob("*.md")) if "_build" not in page.parts),
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
]
EVERYTHING = "\n".join(page.read_text("utf-8") for page in PAGES)


def page(name: str) -> str:
    """The text of one page of docs/."""
    return (DOCS / name).read_text("utf-8")


def fenced(text: str, language: str) -> list[str]:
    """The blocks of a page that are marked with a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)


def commands() -> dict[str, set[str]]:
    """Each command of the program ('list therapies') -> the options that it takes."""
    from typer.main import get_command

    from pulposus import cli

    found: dict[str, set[str]] = {}

    def visit(command: object, words: tuple[str, ...]) -> None:
        inner = getattr(command, "commands", {})
        for name, child in inner.items():
            visit(child, (*words, name))
        if not inner:
            options = {flag for parameter in command.params for flag in parameter.opts if flag.startswith("--")}  # type: ignore[attr-defined]
            found[" ".join(words)] = options - {"--help"}

    visit(get_command(cli.app), ())
    return found


def test_every_command_and_option_is_described() -> None:
    reference = page("reference/cli.md")
    for command, options in commands().items():
        assert f"pulposus {command}" in reference, f"docs/reference/cli.md does not name `pulposus {command}`"
        heads = [f"## `pulposus {words}" for words in (command, command.split()[0])]
        head = next(one for one in heads if one in reference)
        section = reference.split(head)[1].split("\n## ")[0]
        for option in options:
            assert f"`{option}" in section, f"docs/reference/cli.md does not describe {option} of `pulposus {command}`"


@pytest.mark.parametrize("source", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_commands_on_a_page_exist(source: Path) -> None:
    known = commands()
    for block in fenced(source.read_text("utf-8"), "console"):
        for line in re.findall(r"^\$ pulposus (.*)$", block, flags=re.MULTILINE):
            words = shlex.split(line, comments=True)
            matching = [command for command in known if words[: len(command.split())] == command.split()]
            assert matching, f"`pulposus {line}` is no command"
            for word in words:
                if word.startswith("--"):
                    assert word.split("=")[0] in known[matching[0]], f"`pulposus {line}`: no option {word}"


@pytest.mark.parametrize("source", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_python_and_toml_on_a_page_can_be_read(source: Path) -> None:
    text = source.read_text("utf-8")
    for block in fenced(text, "python"):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "pulposus":
                assert node.attr in pulposus.__all__, f"pulposus.{node.attr} does not exist"
    for block in fenced(text, "toml"):
        tomllib.loads(block)


@pytest.mark.parametrize("source", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_command_on_a_page_reads_a_file_that_is_there(source: Path) -> None:
    """In the repository, left by a command of the page, or on the page to be saved under its name, as it stands."""
    text = source.read_text("utf-8")
    left = set(re.findall(r"(?:--case|--out|^\$ cp \S+) (\S+)", text, re.MULTILINE))
    saved = r"Save this as `(\S+)`:\n\n```toml\n(.*?)^```"
    for name, block in re.findall(saved, text, re.MULTILINE | re.DOTALL):
        Protocol.from_dict(tomllib.loads(block))
        left.add(name)
    for block in fenced(text, "console"):
        for line in re.findall(r"^\$ pulposus (.*)$", block, flags=re.MULTILINE):
            for word in shlex.split(line, comments=True):
                if word.endswith(".toml") and not any(word == one or word.startswith(f"{one}/") for one in left):
                    assert (ROOT / word).exists(), f"`pulposus {line}`: nobody who reads the page has {word}"


@pytest.mark.parametrize("source", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(source: Path) -> None:
    for target in re.findall(r"\]\(([^)\s#]+)(?:#[^)]*)?\)", source.read_text("utf-8")):
        if not target.startswith(("http://", "https://", "mailto:")):
            assert (source.parent / target).exists(), (
                f"{source.relative_to(ROOT)} leads to {target}, which is not there"
            )


def test_cases_on_a_page_are_valid_and_every_key_is_described() -> None:
    from pulposus import case

    cases = [block for source in PAGES for block in fenced(source.read_text("utf-8"), "toml") if "level =" in block]
    assert cases
    for block in cases:
        case.Case.from_dict(tomllib.loads(block))
    text = page("reference/case-file.md")
    for table in (case.Case, case.Person, case.DiscTable, case.Hypothesis, case.TreatmentTable, case.RunTable):
        for name, field in table.model_fields.items():
            assert f"`{field.alias or name}`" in text or f"[{field.alias or name}]" in text, (
                f"case-file.md lacks {name}"
            )


def test_protocol_lines_in_the_case_file_page_are_understood() -> None:
    from pulposus.therapies import protocol

    lines = [line for block in fenced(page("reference/case-file.md"), "text") for line in block.splitlines() if line]
    assert len(lines) > 3
    for line in lines:
        assert protocol.parse(str(protocol.parse(line))) == protocol.parse(line)


def test_every_example_is_named() -> None:
    examples = sorted((ROOT / "examples").glob("*.toml"))
    assert examples
    for example in examples:
        assert f"examples/{example.name}" in EVERYTHING, f"no page names examples/{example.name}"


def test_every_example_that_is_named_exists() -> None:
    for name in set(re.findall(r"examples/[\w./-]+\.toml", EVERYTHING)):
        assert (ROOT / name).exists(), f"a page names {name}, which is not there"


def test_every_product_and_mechanism_is_named() -> None:
    text = page("reference/products-and-mechanisms.md")
    for name in [*evidence.products(), *evidence.carriers(), *evidence.sites()]:
        assert name in text, f"docs/reference/products-and-mechanisms.md does not name {name}"
    for mechanism in evidence.mechanisms():
        assert mechanism.title in text, f"docs/reference/products-and-mechanisms.md does not name {mechanism.title}"


def test_every_public_name_is_described() -> None:
    text = page("reference/python.md")
    for name in pulposus.__all__:
        assert f"pulposus.{name}" in text, f"docs/reference/python.md does not describe pulposus.{name}"
        assert getattr(pulposus, name) is not None


def test_public_names_are_those_of_their_rooms_and_come_late() -> None:
    """A name at the door is the thing itself, and looking through the door fetches nothing heavy."""
    for name, room in pulposus._ROOM_OF.items():
        place, _, own = room.partition(":")
        assert getattr(pulposus, name) is getattr(importlib.import_module(f"pulposus.{place}"), own or name), name
    assert set(pulposus._ROOM_OF) | {"__version__"} == set(pulposus.__all__) == set(dir(pulposus))
    look = "import sys, pulposus; dir(pulposus); print([m for m in sys.modules if m.startswith('pulposus.')])"
    assert subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_a_talk_through_the_door(tmp_path: Path) -> None:
    """The three lines of the front page, and what is refused there is refused here."""
    person = pulposus.read_person(ROOT / "examples" / "person_lumbar.toml")
    assert pulposus.assess(person).fit.answer == "yes"
    talk = pulposus.gather_talk(person, months=3, named=("wait",))
    assert [path.name for path in pulposus.write_talk(tmp_path, talk)] == ["consult.html"]
    assert len(pulposus.draw_people(20)) == 20
    with pytest.raises(pulposus.InputError, match="children"):
        pulposus.gather_talk(type(person)({**person.facts, "age": 9.0}))


def test_every_field_and_fate_is_described() -> None:
    from pulposus import imaging
    from pulposus.disc.state import FATES

    text = page("reference/results-folder.md")
    for name in [*imaging.FIELDS, *FATES]:
        assert f"`{name}" in text, f"docs/reference/results-folder.md does not describe {name}"


def test_every_process_has_its_page_of_equations() -> None:
    pages = page("processes/index.md") + "".join(p.read_text("utf-8") for p in (DOCS / "processes").glob("*.md"))
    for path in sorted((ROOT / "src" / "pulposus" / "disc").glob("*.py")):
        if path.name not in {"__init__.py", "parameters.py"}:
            assert f"src/pulposus/disc/{path.name}" in pages, f"no page of docs/processes/ speaks of disc/{path.name}"


def test_a_page_of_equations_has_one_form() -> None:
    for path in sorted((DOCS / "processes").glob("*.md")):
        if path.name != "index.md":
            headings = re.findall(r"^## (.+)$", path.read_text("utf-8"), flags=re.MULTILINE)
            wanted = ["What", "Equations", "Reads and writes", "Why this holds", "Limits"]
            assert [h for h in headings if h in wanted] == wanted, f"{path.name} lacks one of {wanted}, or their order"


def test_no_source_is_entered_twice() -> None:
    """Sphinx reads both bibliographies, and stops at a key that stands in each."""
    texts = [DOCS / "methods.bib", evidence.FOLDER / "sources.bib"]
    keys = [
        key for path in texts for key in re.findall(r"^@\w+\{([^,\s]+),", path.read_text("utf-8"), flags=re.MULTILINE)
    ]
    assert len(keys) == len(set(keys)), sorted(key for key in set(keys) if keys.count(key) > 1)


def test_versions_agree() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["version"] == pulposus.__version__
    assert f"\nversion: {pulposus.__version__}\n" in (ROOT / "CITATION.cff").read_text("utf-8")


def test_contributing_fits_on_one_screen() -> None:
    assert len((ROOT / "CONTRIBUTING.md").read_text("utf-8").splitlines()) <= 40


@pytest.mark.parametrize("page", ["README.md", "docs/index.md"])
def test_the_map_names_every_folder_at_its_floor(page: str) -> None:
    from test_house import FLOORS

    text = (ROOT / page).read_text()
    drawn, floor = dict[str, int](), 0
    for line in text.split("## The map\n\n```text\n")[1].split("```")[0].splitlines():
        floor = int(line[:4]) if line[:4].strip() else floor
        drawn |= dict.fromkeys(re.split(r"\s{3,}", line[5:].strip())[0].split(), floor)
    assert all(FLOORS[name] == at for name, at in drawn.items())
    folders = {path.name for path in (ROOT / "src" / "pulposus").iterdir() if (path / "__init__.py").exists()}
    assert folders <= set(drawn)
