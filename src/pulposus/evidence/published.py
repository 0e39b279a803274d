"""Published numbers of placebo arms, natural course, and scores as such, that stand in no row of `trials.csv`.

`published.csv`: pooled results, correlations of visits, spreads, who left, and what was said in words alone, each with
the people it is of. Most single arms stand in `trials.csv`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pulposus.evidence.reading import number, one_of, records, sourced
from pulposus.evidence.trials import AWARE, PROCEDURES, REGIONS, endpoints

FOLDER = Path(__file__).parent
GROUPS = ("placebo", "contrasts", "course", "regression", "statistics", "missing", "words")
QUANTITIES = (
    "change_pain",
    "effect_size_pain",
    "against_untreated_pain",
    "against_untreated_disability",
    "against_sham_pain",
    "against_usual_disability",
    "regression_pain",
    "correlation_pain",
    "correlation_disability",
    "spread_change_pain",
    "spread_change_disability",
    "spread_pain",
    "much_improved",
    "missing",
)
SAYS = ("", "no fall", "no difference")
FITTED = ("yes", "calibration", "prior", "no")


@dataclass(frozen=True)
class Published:
    """One published number (or words) and whose it is; NaN where a number was not printed.

    quantity: of `QUANTITIES`, or a share of people as `endpoints.csv` names it; begins, months: between which visits;
    low, high: its 95 % interval, or its range over arms; fitted: whether trials that were read, or a prior, hold it,
    or (calibration) it is itself a term of the likelihood.
    """

    what: str
    region: str
    group: str
    population: str
    aware: str
    procedure: str
    treatments: tuple[str, ...]
    controlled: bool
    quantity: str
    begins: float
    months: float
    n: float
    published: float
    low: float
    high: float
    says: str
    pain: float
    pain_sd: float
    disability: float
    disability_sd: float
    fitted: str
    source: str
    note: str


_NUMBERS = ("begins", "months", "n", "published", "low", "high", "pain", "pain_sd", "disability", "disability_sd")
_WORDS = ("what", "region", "group", "population", "aware", "procedure", "quantity", "says", "fitted", "source", "note")


@cache
def published(folder: Path = FOLDER) -> tuple[Published, ...]:
    """Every row of the table. Raises EvidenceError that names file, line and remedy."""
    shares, found = [name for name, end in endpoints(folder).items() if end.statistic == "share"], []
    for line, record in records("published.csv", folder):
        where = f"published.csv line {line}"
        for column, options in (
            ("region", REGIONS),
            ("group", GROUPS),
            ("aware", AWARE),
            ("procedure", PROCEDURES),
            ("controlled", ("yes", "no")),
            ("quantity", (*QUANTITIES, *shares)),
            ("says", SAYS),
            ("fitted", FITTED),
        ):
            one_of(where, column, record[column], options)
        sourced(where, record["source"], folder)
        fields: dict[str, Any] = {name: record[name] for name in _WORDS}
        fields |= {name: number(where, record, name) for name in _NUMBERS}
        fields["treatments"] = tuple(part for part in record["treatment"].split("+") if part)
        found.append(Published(**fields, controlled=record["controlled"] == "yes"))
    return tuple(found)
