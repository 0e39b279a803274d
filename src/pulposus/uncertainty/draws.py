"""Which numbers of a case are uncertain, and quasi-random draws of them from the ranges of their evidence.

What: `factors` lists every number with a range that the case reads: parameters of the disc under its hypotheses, and
rows of its products, carriers, needle sites and volumes. `draw` gives each member of an ensemble its own values.
Law: log-uniform where low > 0 and high > 3 low, for such a range speaks of orders, else uniform. Nothing is drawn
outside the range; no row says more than its range, so no law has a peak.
Sequence: Sobol, scrambled by the case's seed, always in the same number of dimensions, each number at a place of its
own: member i is the same in an ensemble of any size. Values are kept to twelve figures, which removes the last-bit
differences between processors' exponentials.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pulposus import evidence
from pulposus.disc.parameters import declared
from pulposus.errors import InputError
from pulposus.evidence import Row
from pulposus.record import parameters_used

if TYPE_CHECKING:
    from pulposus.case import Case

_ORDERS = 3.0  # maths: a range that spans more than this factor is drawn evenly on the logarithm
_DIMENSIONS = 1024  # maths: of the sequence, whatever the case reads
_PRODUCTS = 512  # maths: place of the first number of a product; parameters, and those to come, stand before it
_MOST = 65536  # maths: members, a guard against slips of the keyboard
_FIGURES = 12  # maths: digits kept, four fewer than a double has
_SCANNER = "nucleus_t2_grade"


@dataclass(frozen=True)
class Factor:
    """One uncertain number: its row, what it means, and its place in the sequence."""

    row: Row
    meaning: str
    place: int

    @property
    def name(self) -> str:
        """The name of the row."""
        return self.row.name

    @property
    def law(self) -> str:
        """How it is drawn: uniform or log-uniform."""
        return "log-uniform" if self.row.low > 0 and self.row.high > _ORDERS * self.row.low else "uniform"

    @property
    def unknown(self) -> bool:
        """True where the range is an assumption, not a measured variation."""
        return self.row.assumed or self.row.status == "memory"

    def at(self, share: float) -> float:
        """The value at a share (0 to 1) of its law, in the unit of the row."""
        low, high = self.row.low, self.row.high
        if self.law == "log-uniform":
            value = low * math.exp(share * math.log(high / low))
        else:
            value = low + (high - low) * share
        return min(max(float(f"{value:.{_FIGURES}g}"), low), high)


def factors(case: Case, mechanics: str = "columns") -> list[Factor]:
    """Every number that has a range, that a resolved case reads with the mechanics of columns or its own ("solid"), and
    that its user has not set.

    T2 of the five grades are one scanner's scale and move together. Form of the disc, dose, volume and viability are
    what the case says, and do not move.
    """
    places = {name: place for place, name in enumerate(declared())}
    found = []
    choices = case.choices.model_copy(update={} if mechanics == "solid" else {"mechanics": mechanics})
    for told in parameters_used(case.model_copy(update={"choices": choices})):
        name = told["name"]
        if name in places or name.startswith(_SCANNER):
            row = evidence.used(name)
            if row.low < row.high and name not in case.parameters:
                found.append(Factor(row, told["meaning"], places.get(name, _PRODUCTS - 1)))
    assert len(places) < _PRODUCTS - 1, "more parameters than places: a larger sequence is another ensemble"
    rows: dict[str, Row] = {}
    for t in case.treatments:
        for member in (evidence.product(t.product), evidence.carrier(t.carrier), evidence.site(t.site)):
            rows |= {row.name: row for row in member.values() if not row.name.endswith("_default")}
    if case.treatments:
        rows |= {row.name: row for row in evidence.volume_rule(case.disc.grade, case.disc.dallas).values()}
    for place, (name, row) in enumerate(rows.items(), _PRODUCTS):
        if not row.text and row.low < row.high:
            found.append(Factor(row, row.note or name, place))
    return found


def draw(case: Case, n: int, seed: int | None = None, mechanics: str = "columns") -> pd.DataFrame:
    """Numbers of members 0 to n - 1, one row a member and one column a factor, each in the unit of its evidence.

    seed: in place of the case's own; mechanics: as in `factors`. Raises InputError for a number of members that cannot
    be.
    """
    if not 1 <= n <= _MOST:
        raise InputError(f"An ensemble of {n} members is not possible; give a whole number from 1 to {_MOST}.")
    case.refuse_options("An ensemble")
    wanted = factors(case.resolved(), mechanics)
    shares = sequence(n, case.run.seed if seed is None else seed)
    columns = {factor.name: [factor.at(share) for share in shares[:, factor.place]] for factor in wanted}
    return pd.DataFrame({"member": np.arange(n)} | columns)


def sequence(n: int, seed: int) -> np.ndarray:
    """(n, place) shares of the scrambled Sobol sequence of a seed."""
    from scipy.stats import qmc

    made = qmc.Sobol(_DIMENSIONS, scramble=True, rng=np.random.default_rng(seed))
    return made.random_base2(max(1, math.ceil(math.log2(n))))[:n]


def draw_evidence(n: int, seed: int) -> list[dict[tuple[str, int], float]]:
    """Values of every used row of the evidence that has a range, n times, by file and line, as `evidence.instead` takes
    them; T2 of the five grades are one scale.
    """
    rows = [row for row in evidence.everything() if row.used and not row.text and row.low < row.high]
    assert len(rows) < _DIMENSIONS, "more rows than places: a larger sequence is needed"
    scale = next(place for place, row in enumerate(rows) if row.name.startswith(_SCANNER))
    places = [scale if row.name.startswith(_SCANNER) else place for place, row in enumerate(rows)]
    drawn = [Factor(row, "", place) for row, place in zip(rows, places, strict=True)]
    return [{(f.row.file, f.row.line): f.at(shares[f.place]) for f in drawn} for shares in sequence(n, seed)]


def spoken(drawn: Mapping[str, float]) -> tuple[dict[str, float], dict[str, float], dict[str, float]]:
    """One member's numbers as the model takes them: parameters (SI), rows of therapies (SI), T2 by name (ms)."""
    known = declared()
    parameters: dict[str, float] = {}
    therapies: dict[str, float] = {}
    scanner: dict[str, float] = {}
    for name, value in drawn.items():
        if name.startswith(_SCANNER):
            scanner[name] = value
        elif name in known:
            parameters[name] = value * evidence.factor(evidence.used(name).unit)
        else:
            therapies[name] = value * evidence.factor(_used(name).unit)
    return parameters, therapies, scanner


def _used(name: str) -> Row:
    return next(row for row in evidence.found(name) if row.used)
