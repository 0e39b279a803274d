"""Where the numbers were found: entries of `sources.bib`, as fields, as BibTeX and as a line of text."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from pulposus.errors import InputError, nearest

FOLDER = Path(__file__).parent
ASSUMPTION = "assumption"


def keys_of(text: str) -> tuple[str, ...]:
    """Keys of a row's source, which may name several; a bare assumption has none."""
    return tuple(key for key in re.split(r"\s*;\s*", text) if key and key != ASSUMPTION)


@cache
def entries(folder: Path = FOLDER) -> dict[str, dict[str, str]]:
    """Key -> fields of each entry (with "type" and the "entry" itself); one field a line, as written here."""
    found = {}
    text = (folder / "sources.bib").read_text("utf-8")
    for match in re.finditer(r"^@(\w+)\{([^,\s]+),\n(.*?)^\}", text, re.M | re.S):
        fields = dict(re.findall(r"^\s*(\w+)\s*=\s*\{(.*)\},?\s*$", match[3], re.M))
        found[match[2]] = {"type": match[1], "entry": match[0], **fields}
    return found


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
