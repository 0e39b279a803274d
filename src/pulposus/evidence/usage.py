"""Who reads a number: found in the source of the package itself, never written by hand.

Three ways of reading are understood: an attribute (``p.salt``), a name handed to the evidence or looked up in a row of
a product or a form (``rows["loss_half_life"]``), and a name that is put together (``f"{tissue}_{name}"``), whose parts
are looked for among the words of the module and of those who call the function.
"""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]
# They declare, check or show every number; who only declares does not use.
_DECLARE = ("evidence.", "disc.parameters", "cli")
_FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)


def readers(name: str, quantity: str = "") -> list[str]:
    """Places that read a number, as "module: function", sorted: a parameter by its `name`, a row of another table by
    its `quantity`.
    """
    found = {
        where
        for where, attributes, words, composed in _facts()
        if (not quantity and name in attributes)
        or (quantity or name) in words
        or any(re.fullmatch(pattern, name) for pattern in composed)
    }
    return sorted(found)


@functools.cache
def declared_units() -> dict[str, str]:
    """Name of each parameter that the disc declares -> the unit that it declares, read without running it."""
    tree = ast.parse((_PACKAGE / "disc" / "parameters.py").read_text("utf-8"))
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.AnnAssign) and isinstance(node.value, ast.Call) and isinstance(node.target, ast.Name):
            unit = node.value.args[0] if node.value.args else None
            if ast.unparse(node.value.func) == "declare" and isinstance(unit, ast.Constant):
                found[node.target.id] = str(unit.value)
    return found


@functools.cache
def _facts() -> tuple[tuple[str, frozenset[str], frozenset[str], frozenset[str]], ...]:
    """For every function of the package: where it is, attributes it reads, words it looks up, patterns it composes."""
    modules = {name: tree for name, tree in _modules() if not name.startswith(_DECLARE)}
    calls = _calls(modules)
    facts: dict[str, tuple[set[str], set[str], set[str]]] = {}

    def of(where: str) -> tuple[set[str], set[str], set[str]]:
        return facts.setdefault(where, (set(), set(), set()))

    for module, tree in modules.items():
        every_word = _words(tree)
        for function in _functions(tree):
            attributes, words, _ = of(f"{module}: {function.name}")
            attributes |= {n.attr for n in ast.walk(function) if isinstance(n, ast.Attribute)}
            words |= _looked_up(function)
            for inner, text in _composed(function):
                for caller, pattern in _patterns(inner, text, module, every_word, calls):
                    of(caller or f"{module}: {function.name}")[2].add(pattern)
    return tuple((where, *map(frozenset, found)) for where, found in facts.items())  # type: ignore[misc]


def _modules() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(_PACKAGE.rglob("*.py")):
        parts = [part for part in path.relative_to(_PACKAGE).with_suffix("").parts if part != "__init__"]
        yield ".".join(parts), ast.parse(path.read_text("utf-8"))


def _functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Functions of the module and methods of its classes; what is defined inside them belongs to them."""
    for node in tree.body:
        for inner in node.body if isinstance(node, ast.ClassDef) else [node]:
            if isinstance(inner, _FUNCTION):
                yield inner


def _words(tree: ast.AST) -> set[str]:
    return {n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)}


def _looked_up(function: ast.AST) -> set[str]:
    """Words in brackets, in ``.get(...)`` and in calls of the evidence."""
    found: set[str] = set()
    for node in ast.walk(function):
        if isinstance(node, ast.Subscript):
            found |= _words(node.slice)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            of_evidence = isinstance(node.func.value, ast.Name) and node.func.value.id == "evidence"
            if of_evidence or node.func.attr == "get":
                found |= {word for argument in node.args for word in _words(argument)}
        elif isinstance(node, (ast.Tuple, ast.List)):
            found |= {e.value for e in node.elts if isinstance(e, ast.Constant) and isinstance(e.value, str)}
    return found


def _composed(
    function: ast.FunctionDef | ast.AsyncFunctionDef,
) -> Iterator[tuple[ast.FunctionDef | ast.AsyncFunctionDef, ast.JoinedStr]]:
    """Names put together for ``getattr`` or the evidence, each with the innermost function around it."""
    inner = {id(n): f for f in ast.walk(function) if isinstance(f, _FUNCTION) for n in ast.walk(f)}
    for node in ast.walk(function):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called == "getattr" or called.startswith("evidence."):
                for argument in node.args:
                    if isinstance(argument, ast.JoinedStr):
                        yield inner[id(node)], argument


def _patterns(
    function: ast.FunctionDef | ast.AsyncFunctionDef,
    text: ast.JoinedStr,
    module: str,
    every_word: set[str],
    calls: Mapping[str, list[tuple[str, str, ast.Call]]],
) -> Iterator[tuple[str, str]]:
    """(caller or nothing, pattern) of a composed name; a part that the caller gives is looked for there."""
    given = [argument.arg for argument in function.args.args]
    handed = [p.value.id for p in text.values if isinstance(p, ast.FormattedValue) and isinstance(p.value, ast.Name)]
    outside = [call for call in calls.get(function.name, []) if call[0] != module]
    if not set(handed) & set(given) or not outside:
        yield "", _pattern(text, {}, every_word)
        return
    for _, where, call in outside:
        values = {given[i]: a for i, a in enumerate(call.args) if i < len(given)}
        fixed = {n: a.value for n, a in values.items() if isinstance(a, ast.Constant) and isinstance(a.value, str)}
        yield where, _pattern(text, fixed, every_word)


def _pattern(text: ast.JoinedStr, fixed: Mapping[str, str], words: set[str]) -> str:
    likely = "|".join(re.escape(word) for word in sorted(words) if re.fullmatch(r"[a-z0-9_]*", word))
    parts = []
    for part in text.values:
        if isinstance(part, ast.Constant):
            parts.append(re.escape(str(part.value)))
        elif isinstance(part, ast.FormattedValue) and isinstance(part.value, ast.Name) and part.value.id in fixed:
            parts.append(re.escape(fixed[part.value.id]))
        else:
            parts.append(rf"(?:{likely}|\d)")
    return "".join(parts)


def _calls(modules: Mapping[str, ast.Module]) -> dict[str, list[tuple[str, str, ast.Call]]]:
    """Name of a function -> (module, "module: function", call) of each call of it."""
    found: dict[str, list[tuple[str, str, ast.Call]]] = {}
    for module, tree in modules.items():
        for function in _functions(tree):
            for node in ast.walk(function):
                if isinstance(node, ast.Call):
                    called = ast.unparse(node.func).split(".")[-1]
                    found.setdefault(called, []).append((module, f"{module}: {function.name}", node))
    return found
