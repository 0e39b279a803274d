"""The rules of the house: who may import whom, where numbers may stand, what a file may be called.

Every rule is a small scanner, `source text -> list of complaints`, which is run over the package and, further down,
over small bad snippets: a rule that cannot fail holds nothing.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "pulposus"

# Room -> floor. A room imports from floors below it only; `errors` is the ground that all stand on.
FLOORS = {
    "errors": -1,
    "interrupt": -1,
    "staff": 0,
    "evidence": 0,
    "statistics": 0,
    "disc": 1,
    "scanner": 1,
    "therapies": 2,
    "imaging": 2,
    "biomechanics": 2,
    "synthesis": 1,
    "outcomes": 2,
    "surface": 2,
    "values": 2,
    "picture": 2,
    "safety": 2,
    "candidacy": 3,
    "care": 3,
    "scan": 3,
    "case": 3,
    "validation": 3,
    "patients": 4,
    "results": 4,
    "record": 4,
    "procedure": 4,
    "talk": 4,
    "shown": 4,
    "grounds": 4,
    "consult": 5,
    "run": 5,
    "report": 5,
    "figures": 5,
    "uncertainty": 6,
    "exchange": 6,
    "economics": 7,
    "trials": 7,
    "cli": 8,
    "__main__": 9,
}


def steps(*rows: str) -> dict[str, int]:
    """Files of a room -> step, those of each row on one, lowest first."""
    return {name: step for step, row in enumerate(rows) for name in row.split()}


# The order inside rooms that have several files; those on one step never import one another.
ORDERS = {
    "disc": {
        "parameters": 0,
        "geometry": 1,
        "mesh": 2,
        "diffusion": 3,
        "state": 4,
        "metabolism": 5,
        "composition": 5,
        "transport": 6,
        "cells": 6,
        "matrix": 6,
        "inflammation": 6,
        "material": 6,
        "solid": 7,
        "equilibrium": 8,
        "fissure": 8,
        "herniation": 8,
        "posture": 9,
        "instability": 10,
        "structure": 11,
        "mechanics": 12,
        "simulate": 13,
    },
    "economics": {"money": 0, "markov": 1, "decision": 0, "people": 1, "evaluate": 2},
    "synthesis": {"studies": 0, "pooled": 1},
    "surface": {"form": 0, "reading": 0, "triangles": 0, "frame": 1, "fit": 2, "between": 3},
    "scan": {"volume": 0, "schemes": 0, "masks": 1, "slab": 2, "anatomy": 2, "readout": 3, "nucleus": 3},
    "therapies": {
        "protocol": 0,
        "pressure": 0,
        "options": 1,
        "factors": 1,
        "biological": 1,
        "conservative": 2,
        "surgical": 2,
    },
    "figures": {
        "style": 0,
        "response": 1,
        "posterior": 1,
        "tears": 1,
        "fitted": 1,
        "on_image": 1,
        "t2_weighted": 1,
        "forest": 1,
        "economics": 1,
        "trial": 1,
    },
    "evidence": {
        "tables": -1,
        "units": 0,
        "sources": 0,
        "told": 1,
        "rules": 1,
        "network": 0,
        "usage": 0,
        "reading": 1,
        "checks": 2,
        "expected": 2,
        "trials": 2,
        "criteria": 2,
        "offers": 2,
        "safety": 2,
        "options": 3,
        "questions": 3,
        "economy": 4,
        "steps": 2,
        "published": 3,
    },
    "patients": {
        "who": 0,
        "told": 0,
        "published": 0,
        "eligible": 0,
        "grades": 1,
        "scores": 1,
        "sizes": 1,
        "drawn": 2,
        "narrowed": 3,
        "beside": 3,
    },
    "outcomes": {"scores": 0, "response": 0, "chance": 0, "person": 1, "reported": 2, "symptoms": 2},
    "statistics": {
        "given": 0,
        "estimate": 1,
        "effect": 2,
        "meta": 2,
        "phase1": 2,
        "sequential": 2,
        "longitudinal": 2,
        "responders": 2,
        "survival": 2,
        "missing": 2,
        "multiplicity": 2,
        "network": 3,
        "power": 3,
        "reestimation": 3,
        "maximum": 1,
        "dosefinding": 2,
        "adaptive": 4,
        "graphical": 3,
    },
    "report": {
        "words": 0,
        "fields": 0,
        "sections": 1,
        "load": 2,
        "pictures": 2,
        "signs": 2,
        "paper": 2,
        "anatomy": 3,
        "consult": 4,
        "book": 3,
        "credibility": 4,
        "tornado": 4,
        "response": 4,
        "posterior": 4,
        "foretold": 4,
        "economics": 4,
        "spine": 4,
        "sight": 4,
        "trial": 4,
    },
    "cli": {
        "door": 0,
        "tables": 0,
        "compute": 1,
        "cohort": 1,
        "matters": 1,
        "better": 2,
        "fit": 1,
        "hand_over": 2,
        "take_in": 2,
        "names": 1,
        "read": 2,
        "trial": 1,
        "trials": 2,
        "plan": 2,
        "people": 1,
        "meta": 1,
        "economics": 2,
        "safety": 1,
        "care": 2,
        "consult": 2,
    },
    "uncertainty": {
        "draws": 0,
        "spread": 1,
        "ensemble": 1,
        "adjoint": 0,
        "surrogate": 1,
        "sensitivity": 2,
        "coverage": 2,
        "schedule": 0,
        "optimum": 3,
        "calibration": 3,
        "tearing": 4,
        "fitted": 0,
        "trials": 0,
        "people": 0,
        "attendance": 0,
        "foretold": 1,
        "reproduced": 1,
    },
    "validation": {
        "finding": 0,
        "uninformed": 0,
        "laboratory": 1,
        "solutes": 2,
        "matter": 3,
        "culture": 3,
        "courses": 4,
        "days": 4,
        "tissue": 4,
        "tears": 5,
    },
    "trials": steps(
        "fields",
        "interim candidates",
        "protocol workers",
        "folder allocation variables estimands",
        "entered clinic discs compared",
        "doses conduct sensitivity described scanned runs",
        "lives told",
        "bank analysis",
        "staged",
        "designs power",
        "study",
    ),
    "exchange": {
        "posed": 0,
        "febio": 1,
        "paraview": 1,
        "sound": 0,
        "surface": 1,
        "partial": 0,
        "vertebrae": 2,
        "dimensions": 2,
        "mask": 3,
        "spine": 4,
    },
}

FORBIDDEN_NAMES = {"util", "utils", "helper", "helpers", "common", "core", "misc", "tools", "stuff"}
HEAVY = {
    "jax",
    "equinox",
    "pandas",
    "xarray",
    "zarr",
    "matplotlib",
    "plotly",
    "pydantic",
    "scipy",
    "meshio",
    "pint",
    "nibabel",
    "SimpleITK",
    "skimage",
    "pydicom",
}
MOST_LINES = 700
MOST_LINES_OF_FUNCTION = 60

# Numbers that belong to mathematics whatever they multiply; all others live in evidence/ or carry `# maths: reason`.
MATHEMATICS = {0, 1, 2, 3, 4, 8, 0.5}
# Rooms of what is drawn and printed, with sizes of a page, and the home of all numbers; every other room is scanned.
UNNUMBERED = {"", "cli", "figures", "report", "evidence"}
STRUCTURE = {"axis", "axes", "ndim", "in_axes", "out_axes", "static_argnums"}
MARKER = re.compile(r"#\s*maths:\s*(?P<reason>.*)$")
SHORTEST_REASON = 8


# ---------------------------------------------------------------------------------------------- what is scanned


def modules() -> dict[str, Path]:
    """Dotted name inside the package ('' for its root) -> file."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = list(path.relative_to(PACKAGE).with_suffix("").parts)
        if parts[-1] == "__init__":
            parts.pop()
        found[".".join(parts)] = path
    return found


MODULES = modules()


def each_module() -> pytest.MarkDecorator:
    """Run a test once for each file of the package."""
    return pytest.mark.parametrize("name", list(MODULES), ids=[name or "(root)" for name in MODULES])


def is_package(name: str) -> bool:
    """True where a module is a folder's __init__."""
    return MODULES[name].name == "__init__.py"


# ---------------------------------------------------------------------------------------------- imports


def imports(
    source: str, name: str, package: bool, known: set[str], top_level: bool = False
) -> Iterator[tuple[int, str]]:
    """Line and dotted name of each import, those inside functions too; our own without the leading 'pulposus'.

    Our own root comes out as 'pulposus', a room as 'pulposus.<room>', a foreign library under its own name.
    """
    tree = ast.parse(source)
    for node in tree.body if top_level else ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                here = ["pulposus", *(part for part in name.split(".") if part)]
                up = node.level - 1 if package else node.level
                base = ".".join([*here[: len(here) - up], *([node.module] if node.module else [])])
            for alias in node.names:
                whole = f"{base}.{alias.name}"
                # `from . import evidence` fetches a room; `from . import __version__` fetches from the root itself.
                yield node.lineno, whole if whole.removeprefix("pulposus.") in known | set(FLOORS) else base


def floor_complaints(source: str, name: str, package: bool, known: set[str]) -> list[str]:
    """What a module imports that it must not."""
    if name == "":
        return []  # the door of the house names rooms on every floor; in return nobody may import it
    complaints = []
    room, _, inner = name.partition(".")
    for line, target in imports(source, name, package, known):
        if target != "pulposus" and not target.startswith("pulposus."):
            continue
        target_room, _, target_inner = target.removeprefix("pulposus").removeprefix(".").partition(".")
        if not target_room:
            complaints.append(f"{name}:{line} imports the package's root: import from the room that has the thing")
        elif target_room != room:
            if FLOORS[target_room] >= FLOORS[room]:
                floors = f"floor {FLOORS[target_room]} from floor {FLOORS[room]}"
                complaints.append(f"{name}:{line} imports {target_room}, {floors}: only downward")
        elif inner and target_inner:
            order = ORDERS[room]
            step, other = order[inner.split(".")[0]], order[target_inner.split(".")[0]]
            if other >= step and inner != target_inner:
                complaints.append(f"{name}:{line} imports its sibling {target_inner}: they meet in what stands below")
        elif inner and not target_inner:
            complaints.append(f"{name}:{line} imports its own room's door: import from the file that has the thing")
    return complaints


def test_every_room_has_its_floor() -> None:
    rooms = {name.split(".")[0] for name in MODULES if name}
    assert rooms <= set(FLOORS), f"declare the floor of {sorted(rooms - set(FLOORS))} in FLOORS"
    for name in MODULES:
        room, _, inner = name.partition(".")
        if inner:
            assert inner.split(".")[0] in ORDERS.get(room, {}), f"declare the place of {name} in ORDERS"


@each_module()
def test_imports_go_down_only(name: str) -> None:
    assert floor_complaints(MODULES[name].read_text("utf-8"), name, is_package(name), set(MODULES)) == []


def test_the_program_answers_without_its_heavy_libraries() -> None:
    """`pulposus --help` waits for nothing that it does not show."""
    seen, queue = set(), [name for name in ("", "errors", "cli") if name in MODULES]
    while queue:
        name = queue.pop()
        if name in seen:
            continue
        seen.add(name)
        source = MODULES[name].read_text("utf-8")
        for line, target in imports(source, name, is_package(name), set(MODULES), top_level=True):
            assert target.split(".")[0] not in HEAVY, f"{name}:{line} imports {target} before it is needed"
            ours = target.removeprefix("pulposus").removeprefix(".")
            if target.startswith("pulposus") and ours in MODULES:
                queue.append(ours)


# ---------------------------------------------------------------------------------------------- numbers


def reasons(source: str) -> dict[int, str]:
    """Line -> reason, for lines with a `# maths:` marker, or lines under a comment that is one."""
    found = {}
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT and (match := MARKER.search(token.string)):
            line = token.start[0]
            alone = not token.line[: token.start[1]].strip()
            found[line + 1 if alone else line] = match["reason"].strip()
    return found


def structural(tree: ast.AST) -> set[int]:
    """Identities of whole numbers that are indices, exponents, axes or counts of dimensions."""
    kept: set[int] = set()

    def keep(node: ast.AST) -> None:
        constants = [part for part in ast.walk(node) if isinstance(part, ast.Constant)]
        kept.update(id(part) for part in constants if isinstance(part.value, int))

    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript):
            keep(node.slice)
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
            keep(node.right)
        elif isinstance(node, ast.keyword) and node.arg in STRUCTURE:
            keep(node.value)
    return kept


def number_complaints(source: str, name: str = "snippet") -> list[str]:
    """Numbers that stand in code without evidence and without a reason."""
    tree = ast.parse(source)
    marked, kept, complaints = reasons(source), structural(tree), []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant) or isinstance(node.value, bool) or id(node) in kept:
            continue
        value = node.value
        if isinstance(value, str):
            if not re.fullmatch(r"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*", value) or float(value) in MATHEMATICS:
                continue  # a number hidden in a string is a number still
        elif not isinstance(value, (int, float, complex)) or value in MATHEMATICS:
            continue
        if node.lineno not in marked:
            remedy = "put it in evidence/, or say `# maths: why`"
            complaints.append(f"{name}:{node.lineno} {value!r} stands without evidence: {remedy}")
    for line, reason in marked.items():
        if len(reason) < SHORTEST_REASON:
            complaints.append(f"{name}:{line} `# maths:` without a reason")
    return complaints


@each_module()
def test_no_number_without_evidence(name: str) -> None:
    if name.split(".")[0] not in UNNUMBERED:
        assert number_complaints(MODULES[name].read_text("utf-8"), name) == []


# ---------------------------------------------------------------------------------------------- words and sizes


def docstring_complaints(source: str, name: str = "snippet") -> list[str]:
    """Public modules, classes, functions and methods that say nothing about themselves."""
    tree = ast.parse(source)
    complaints = [] if ast.get_docstring(tree) else [f"{name}: the module has no docstring"]

    def visit(body: list[ast.stmt], owner: str) -> None:
        for node in body:
            if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) or node.name.startswith("_"):
                continue
            decorators = {ast.unparse(decorator).split(".")[-1] for decorator in node.decorator_list}
            if not ast.get_docstring(node) and not decorators & {"overload", "setter"}:
                complaints.append(f"{name}:{node.lineno} {owner}{node.name} has no docstring")
            if isinstance(node, ast.ClassDef):
                visit(node.body, f"{node.name}.")

    visit(tree.body, "")
    return complaints


def length_complaints(source: str, name: str = "snippet") -> list[str]:
    """Files and functions that cannot be seen whole; a function counts with its signature and its docstring."""
    complaints = []
    lines = source.count("\n") + 1
    if lines > MOST_LINES:
        complaints.append(f"{name} has {lines} lines: split it along a noun, behind the same door")
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        length = (node.end_lineno or node.lineno) - node.lineno + 1
        if length > MOST_LINES_OF_FUNCTION:
            complaints.append(f"{name}:{node.lineno} {node.name} has {length} lines: more than a screen")
    return complaints


def print_complaints(source: str, name: str = "snippet") -> list[str]:
    """Calls of print: only the doors speak to the terminal."""
    return [
        f"{name}:{node.lineno} prints: return it, and let the command line say it"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]


def unfinished_complaints(source: str, name: str = "snippet") -> list[str]:
    """Work that is promised in place of being done."""
    complaints = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT and re.search(r"\b(TODO|FIXME|XXX|HACK)\b", token.string):
            complaints.append(f"{name}:{token.start[0]} leaves a note in place of the work")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            abstract = any("abstract" in ast.unparse(decorator) for decorator in node.decorator_list)
            if not abstract and "NotImplementedError" in {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}:
                complaints.append(f"{name}:{node.lineno} {node.name} is a stub")
    return complaints


@each_module()
def test_public_things_say_what_they_are(name: str) -> None:
    assert docstring_complaints(MODULES[name].read_text("utf-8"), name) == []


@each_module()
def test_files_and_functions_can_be_seen_whole(name: str) -> None:
    assert length_complaints(MODULES[name].read_text("utf-8"), name) == []


def test_what_rooms_share_stands_once() -> None:
    """What two rooms ask of one thing is one class below both; arms and options have one palette."""
    asked: list[str] = []
    for name, path in MODULES.items():
        text = path.read_text("utf-8")
        classes = (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ClassDef))
        asked += [node.name for node in classes if any(ast.unparse(base) == "Protocol" for base in node.bases)]
        assert name == "figures.style" or not re.search(r"^_?COLOURS = \((BLUE|BLACK|ORANGE)", text, re.M), name
    assert sorted(asked) == sorted(set(asked))


@each_module()
def test_only_the_command_line_prints(name: str) -> None:
    if name != "cli":
        assert print_complaints(MODULES[name].read_text("utf-8"), name) == []


@each_module()
def test_nothing_is_unfinished(name: str) -> None:
    assert unfinished_complaints(MODULES[name].read_text("utf-8"), name) == []


def test_other_files_are_of_readable_length() -> None:
    for folder in ("src", "tests", "benchmarks", "docs"):
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in {".py", ".js", ".css", ".html", ".md"} and "_build" not in path.parts:
                assert len(path.read_text("utf-8").splitlines()) <= MOST_LINES, f"{path.relative_to(ROOT)} is too long"
                if path.suffix == ".py":
                    assert length_complaints(path.read_text("utf-8"), str(path.relative_to(ROOT))) == []


def bad_file_name(path: Path) -> bool:
    """True for names that say nothing of what is inside."""
    return bool(FORBIDDEN_NAMES & {part.lower() for part in path.with_suffix("").parts})


def test_files_bear_the_users_nouns() -> None:
    for folder in ("src", "tests", "benchmarks", "docs", "examples"):
        for path in (ROOT / folder).rglob("*"):
            if "_build" not in path.parts:
                assert not bad_file_name(path.relative_to(ROOT)), f"{path.relative_to(ROOT)} names no thing"


def test_no_machine_is_named() -> None:
    """Paths of one machine mean nothing on another."""
    somewhere = re.compile(r"(?<![\w.\-/])/(work|home|root|Users|mnt)/\w")
    for folder in ("src", "tests", "benchmarks", "docs", "examples"):
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in {".py", ".md", ".toml", ".js", ".csv", ".bib"} and "_build" not in path.parts:
                where = path.relative_to(ROOT)
                assert not somewhere.search(path.read_text("utf-8")), f"{where} names a machine's folder"


# ---------------------------------------------------------------------------------------------- the rules can fail

KNOWN = {"", "disc.state", "disc.cells", "disc.transport", "disc.simulate"}


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("disc.cells", "from ..case import read_case"),
        ("disc.cells", "def f():\n    from pulposus.case import read_case"),
        ("disc.cells", "from .transport import diffuse"),
        ("disc.cells", "from . import transport"),
        ("disc.state", "from . import cells"),
        ("disc.cells", "from .. import __version__"),
        ("disc.cells", "import pulposus"),
        ("disc.cells", "import pulposus.run"),
        ("disc.cells", "if True:\n    import pulposus.case as c"),
        ("run", "from .report import write_report"),
        ("evidence", "from pulposus import disc"),
    ],
)
def test_scanner_finds_imports_that_go_up_or_aside(name: str, source: str) -> None:
    assert floor_complaints(source, name, package=name == "evidence", known=KNOWN)


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("disc.cells", "from ..evidence import si"),
        ("disc.cells", "from .state import State"),
        ("disc.simulate", "from . import cells, transport"),
        ("disc.cells", "from ..errors import InputError"),
        ("run", "from . import evidence\nimport numpy as np"),
        ("cli", "def f():\n    from .run import run_case"),
    ],
)
def test_scanner_lets_imports_go_down(name: str, source: str) -> None:
    assert floor_complaints(source, name, package=False, known=KNOWN) == []


@pytest.mark.parametrize(
    "source",
    [
        "permeability = 1.6e-4",
        "def f(x, k=7.28):\n    return k * x",
        "rate = float('0.93')",
        "age = 37",
        "y = x ** 0.93",
        "y = x * -5.1",
        "ph = 7.4  # maths:",
        "ph = 7.4  # maths: so",
        "# maths: half a step of Newton's method\n\nph = 7.4",
        "x = [0, 1, 12]",
        "y = a[i] * 6",
        "limit = Field(ge=5)",
    ],
)
def test_scanner_finds_numbers_without_evidence(source: str) -> None:
    assert number_complaints(source)


@pytest.mark.parametrize(
    "source",
    [
        "y = 0.5 * x[..., 7] ** 6 + 2 / 3",
        "flag = True",
        "z = x.sum(axis=-1)[:, :5]",
        "tolerance = 1e-10  # maths: where Newton stops, relative to the first residual",
        "# maths: where Newton stops, relative to the first residual\ntolerance = 1e-10",
        "gauss = 1 / sqrt(3)",
        "def f():\n    '''At 37 degrees, 7.4 is the pH of blood.'''",
        "level = 'L4-L5'",
    ],
)
def test_scanner_lets_mathematics_be(source: str) -> None:
    assert number_complaints(source) == []


def test_scanners_of_words_and_sizes_can_fail() -> None:
    said = "'''What it is.'''\n"
    assert docstring_complaints("x = 1")
    assert docstring_complaints(said + "def f():\n    return 1")
    assert docstring_complaints(said + "class A:\n    '''A thing.'''\n    def f(self):\n        return 1")
    assert docstring_complaints(said + "def _f():\n    return 1\n") == []
    assert length_complaints("x = 1\n" * (MOST_LINES + 1))
    long = "def f():\n" + "    x = 1\n" * (MOST_LINES_OF_FUNCTION + 1)
    assert length_complaints(long)
    assert length_complaints("def f(\n" + "".join(f"    a{i},\n" for i in range(MOST_LINES_OF_FUNCTION)) + "): pass")
    assert length_complaints("def f():\n" + "    x = 1\n" * (MOST_LINES_OF_FUNCTION - 1)) == []
    assert print_complaints("def f():\n    print('here')")
    assert unfinished_complaints("x = 1  # TODO later")
    assert unfinished_complaints("def f():\n    raise NotImplementedError")
    assert unfinished_complaints("@abstractmethod\ndef f():\n    raise NotImplementedError") == []
    assert bad_file_name(Path("src/pulposus/utils.py"))
    assert not bad_file_name(Path("src/pulposus/case.py"))
