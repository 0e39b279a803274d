"""The commands: one for one with functions below, and nothing computed here.

`run` and `treat` compute a disc and leave a results folder, `report` and `cite` read one, `list` and `schema` say what
may be named.
What a user can mend is one sentence on stderr and exit code 2; Ctrl-C is exit code 130 and the sentence how to go on.
Libraries are imported inside commands: `pulposus --help` waits for nothing it does not show.
"""

from __future__ import annotations

from pulposus.cli import compute, names, read
from pulposus.cli.door import app

__all__ = ["app", "compute", "main", "names", "read"]


def main() -> None:
    """Entry of the `pulposus` program."""
    app()
