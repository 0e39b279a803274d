"""The commands: one for one with functions below, and nothing computed here.

`run` and `treat` compute a disc and leave a results folder, `sensitivity` says what matters, `optimise` what does most,
`calibrate` fits what no source gives, `report` and `cite` read a folder, `list` and `schema` say what may be named,
`export` hands a disc to other programs, `disc` takes one in, `candidacy` holds a person against what trials ask,
`safety` says what may go wrong, `options` and `care` what else could be done and what to expect of it, `economics` what
that costs and gains, `consult` writes all of it into a report for a talk.
What a user can mend is one sentence on stderr and exit code 2; Ctrl-C is exit code 130 and the sentence how to go on.
Libraries are imported inside commands: `pulposus --help` waits for nothing it does not show.
"""

from __future__ import annotations

from pulposus.cli import (
    better,
    care,
    cohort,
    compute,
    consult,
    economics,
    fit,
    hand_over,
    matters,
    meta,
    names,
    people,
    plan,
    read,
    safety,
    take_in,
    trial,
    trials,
)
from pulposus.cli.door import app

__all__ = [
    "app",
    "better",
    "care",
    "cohort",
    "compute",
    "consult",
    "economics",
    "fit",
    "hand_over",
    "main",
    "matters",
    "meta",
    "names",
    "people",
    "plan",
    "read",
    "safety",
    "take_in",
    "trial",
    "trials",
]


def main() -> None:
    """Entry of the `pulposus` program."""
    app()
