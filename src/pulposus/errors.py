"""Mistakes that a user can mend: each is one sentence saying what was given, what was expected, what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class PulposusError(Exception):
    """Any failure that Pulposus reports on purpose."""


class InputError(PulposusError, ValueError):
    """What was given cannot be used; the sentence says why and what to do."""


class EvidenceError(InputError):
    """A row of the evidence tables is wrong; the sentence names file, line and remedy."""


CLOSE = 0.6  # maths: share of letters in common from which on a name is taken for a slip of the pen


def nearest(given: str, known: Iterable[str], close: float = CLOSE) -> str:
    """ " (did you mean 'x'?)" for the closest known name, or nothing when none is as `close` (0 to 1)."""
    names: dict[str, str] = {}
    for name in known:
        names.setdefault(name.lower(), name)
    match = difflib.get_close_matches(str(given).lower(), names, n=1, cutoff=close)
    return f" (did you mean {names[match[0]]!r}?)" if match else ""
