"""Where the numbers were found: entries of `sources.bib`, as fields, as BibTeX and as a line of text."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from pulposus.errors import EvidenceError, InputError, nearest
from pulposus.evidence.tables import text as read

FOLDER = Path(__file__).parent
ASSUMPTION = "assumption"


def keys_of(text: str) -> tuple[str, ...]:
    """Keys of a row's source, which may name several; a bare assumption has none."""
    return tuple(key for key in re.split(r"\s*;\s*", text) if key and key != ASSUMPTION)


class Sourced:
    """What every row of a table has: where it is from."""

    source: str

    @property
    def sources(self) -> tuple[str, ...]:
        """Keys in `sources.bib`."""
        return keys_of(self.source)


@cache
def entries(folder: Path = FOLDER) -> dict[str, dict[str, str]]:
    """Key -> fields of each entry (with "type" and the "entry" itself); one field a line, as written here.

    Raises EvidenceError for a key that stands twice, and for what is neither an entry nor a remark (%).
    """
    found: dict[str, dict[str, str]] = {}
    lines: dict[str, int] = {}
    text = read(folder / "sources.bib").replace("\r\n", "\n")
    end = 0
    for match in re.finditer(r"^@(\w+)\{([^,\s]+),\n((?:  .*\n)*)^\}$", text, re.M):
        _hold_between(text, end, match.start())
        end, key, line = match.end(), match[2], text.count("\n", 0, match.start()) + 1
        if key in found:
            raise EvidenceError(f"sources.bib line {line}: {key} stands in line {lines[key]} too; give another key.")
        fields = dict(re.findall(r"^\s*(\w+)\s*=\s*\{(.*)\},?\s*$", match[3], re.M))
        found[key], lines[key] = {"type": match[1], "entry": match[0], **fields}, line
    _hold_between(text, end, len(text))
    return found


def _hold_between(text: str, start: int, end: int) -> None:
    """Nothing but blank lines and remarks stands between entries."""
    for match in re.finditer(r"^.*\S.*$", text[start:end], re.M):
        if not match[0].startswith("%"):
            line = text.count("\n", 0, start + match.start()) + 1
            said = "is no entry and no remark; write @misc{key, with one field a line, indented by two, or begin with %"
            raise EvidenceError(f"sources.bib line {line}: {match[0].strip()[:40]!r} {said}.")


def hold_keys(where: str, text: str, folder: Path = FOLDER) -> None:
    """Hold the source of a row: every key of it stands in `sources.bib`, and none is left empty."""
    for key in re.split(r"\s*;\s*", text) if text else ():
        if not key:
            raise EvidenceError(f"{where}: the source is {text!r}, where a key is empty; take the semicolon away.")
        if key != ASSUMPTION and key not in entries(folder):
            raise EvidenceError(f"{where}: the source {key!r} is not in sources.bib; add its entry.")


def source(key: str) -> dict[str, str]:
    """Fields of a bibliography entry by its key. Raises InputError with the nearest key."""
    if key not in entries():
        raise InputError(f"Unknown source {key!r}{nearest(key, entries())}; see evidence/sources.bib.")
    return dict(entries()[key])


def bibliography(keys: Iterable[str]) -> str:
    """BibTeX of the given sources, each once, sorted by key; what is a bare assumption has none."""
    wanted = {part for key in keys for part in keys_of(key)}
    return "\n\n".join(source(key)["entry"] for key in sorted(wanted)) + ("\n" if wanted else "")


def reference(key: str) -> str:
    """A source as one line of plain text: authors, year, title (or what it is about), journal, identifier."""
    entry = source(key)
    year = f"({entry['year']})" if "year" in entry else ""
    first = " ".join(part for part in (entry.get("author", "Authors not noted"), year) if part)
    about = entry.get("title") or entry.get("note", "")
    parts = [first, about, entry.get("journal", ""), entry.get("howpublished", "")]
    last = next((f"{field} {entry[field]}" for field in ("doi", "pmcid", "pmid", "url") if field in entry), "")
    return ". ".join(part for part in (*parts, last) if part)
