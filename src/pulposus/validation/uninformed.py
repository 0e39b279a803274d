"""Numbers on which a forecast hangs and that nobody measured: strengths, synthesis and leak; which of them no row of
the validation book can inform, and why.

`open_numbers` finds them in the tables; `uninformed.csv` lists those that no calibration row says anything of, each
with its reason (a star stands for any words). All others are moved by `pulposus calibrate`, which says how far the rows
inform them.
"""

from __future__ import annotations

import re

from pulposus import evidence
from pulposus.errors import EvidenceError
from pulposus.evidence.tables import records

FILE = "uninformed.csv"
# Quantities that say how strongly something acts, builds or leaks, beside the mechanisms themselves.
_STRENGTHS = ("potency", "potency_loss_per_passage", "half_effect_ratio", "secretion_equivalents", "anabolic_factor")
_LEAK = ("retained_fraction", "excess_leak_fraction", "accepted_fraction", "leak_path", "retention_pressure")
_SYNTHESIS = "synthesis"


def open_numbers() -> list[str]:
    """Names of the used, assumed rows that are strengths, synthesis constants or leak numbers."""
    named = {*(m.name for m in evidence.mechanisms()), *_STRENGTHS, *_LEAK}
    found = [row for row in evidence.everything() if row.used and row.assumed]
    return [row.name for row in found if row.name.split()[-1] in named or _SYNTHESIS in row.name]


def uninformed() -> dict[str, str]:
    """Name -> why no calibration row can say anything of it. Raises EvidenceError for a line that fits nothing."""
    found: dict[str, str] = {}
    for line, record in records(FILE, evidence.FOLDER, ("number", "because")):
        fits = re.compile(".*".join(map(re.escape, record["number"].split("*"))))
        named = [name for name in open_numbers() if fits.fullmatch(name) and name not in found]
        if not named or not record["because"]:
            raise EvidenceError(f"{FILE} line {line}: {record['number']!r} is no open number or says not why; mend it.")
        found |= dict.fromkeys(named, record["because"])
    return found


def told() -> list[str]:
    """One sentence a reason, with how many numbers it is about and which."""
    by_reason: dict[str, list[str]] = {}
    for name, because in uninformed().items():
        by_reason.setdefault(because, []).append(name)
    return [f"{because} ({len(names)}: {_short(names)})." for because, names in by_reason.items()]


def _short(names: list[str]) -> str:
    """Names, or where there are many the things they are of."""
    things = list(dict.fromkeys(name.rsplit(" ", 1)[0] for name in names))
    return ", ".join(things if len(things) < len(names) else names)


NATIVE = (
    "Native synthesis has no constants of its own: what a healthy disc builds is set to what it loses, so that it "
    "stands still; decay and its rise with age are inputs and calibrated."
)
