"""Which numbers of a case are uncertain, and quasi-random draws of them from the ranges of their evidence.

What: `factors` lists every number with a range that the case reads: parameters of the disc under its hypotheses, and
rows of its products, carriers, needle sites and volumes. `draw` gives each member of an ensemble its own values.
A disc of which a picture showed only slices also has a width and a height of its own in each member (`forms`,
`formed`), from the ranges that its case keeps.
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

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pandas as pd

from pulposus import evidence
from pulposus.disc import geometry
from pulposus.disc.parameters import declared
from pulposus.errors import InputError
from pulposus.evidence import Row
from pulposus.record import parameters_used
from pulposus.run import shape_of

if TYPE_CHECKING:
    from pulposus.case import Case

_ORDERS = 3.0  # maths: a range that spans more than this factor is drawn evenly on the logarithm
_DIMENSIONS = 1024  # maths: of the sequence, whatever the case reads
_PRODUCTS = 512  # maths: place of the first number of a product; parameters, and those to come, stand before it
_MOST = 65536  # maths: members, a guard against slips of the keyboard
_FIGURES = 12  # maths: digits kept, four fewer than a double has
_SCANNER = "nucleus_t2_grade"
WIDTH, HEIGHT = "disc_width", "disc_height"
_FORMS = {WIDTH: _DIMENSIONS - 2, HEIGHT: _DIMENSIONS - 1}  # maths: places in the sequence, behind all products
_KEPT = 0.5  # maths: share of its least height that a drawn disc keeps: no mesh is made of one without height
_ANGLES = 720  # maths: angles at which a stretched outline is projected on its harmonics, to 1/10,000 of a radius
_MM = 1e-3  # maths: a millimetre in metres


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

    T2 of the five grades are one scanner's scale and move together. Dose, volume and viability are what the case says,
    and do not move; the form of the disc neither, but for what `forms` gives.
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


def forms(case: Case) -> list[Factor]:
    """Width and height between the cartilages, mm, of a resolved case's disc, as far as its picture left them open.

    The low end of the height leaves half of its least height to the disc: no mesh is made of less.
    """
    if case.picture is None:
        return []
    shape = shape_of(case)
    wide, tall = (value / _MM for value in _sizes(shape)[:2])
    least = max(tall - (1 - _KEPT) * _sizes(shape)[2] / _MM, 0.0)
    found = []
    for name, value, span, floor, meaning in (
        (WIDTH, wide, case.picture.width_range, 0.0, "width of the disc, of which the picture shows slices only"),
        (HEIGHT, tall, case.picture.height_range, least, "height of the disc between its cartilages, in slices"),
    ):
        if span is not None:
            low, high = min(max(span[0], floor), value), max(span[1], value)
            if low < high:
                row = Row(name, value, low, high, "mm", "assumption", "assumed", "[picture]")
                found.append(Factor(row, meaning, _FORMS[name]))
    return found


def formed(case: Case, drawn: Mapping[str, float]) -> geometry.Shape:
    """The form of a resolved case's disc with the width and height of one member: stretched to both sides, and higher
    or lower by the same everywhere.
    """
    shape = shape_of(case)
    if WIDTH in drawn:
        factor = drawn[WIDTH] * _MM / _sizes(shape)[0]
        bows = [shape.bow_lateral / factor**2, shape.middle_lateral / factor**2]
        outlines = [_stretched(curve, factor) for curve in (shape.disc, shape.nucleus)]
        shape = eqx.tree_at(lambda s: [s.bow_lateral, s.middle_lateral, s.disc, s.nucleus], shape, [*bows, *outlines])
    if HEIGHT in drawn:
        more = drawn[HEIGHT] * _MM - _sizes(shape)[1]
        shape = eqx.tree_at(lambda s: s.height, shape, shape.height + more)
    return shape


def _sizes(shape: geometry.Shape) -> tuple[float, float, float]:
    """Width, height half way between front and back, and least height of a form, m."""
    theta = np.arange(_ANGLES) * 2 * np.pi / _ANGLES
    x, y = (np.asarray(side) for side in shape.disc.points(jnp.asarray(theta)))
    middle = 0.5 * (y[0] + y[_ANGLES // 2])

    def height(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        bows = float(shape.bow_ap) * y**2 + float(shape.bow_lateral) * x**2
        return np.asarray(float(shape.height) + float(shape.slope) * y + bows)

    share = np.linspace(0, 1, 11)[:, None]  # maths: of the way from the middle to the rim
    least = float(height(share * x, middle + share * (y - middle)).min())
    return float(np.ptp(x)), float(height(np.zeros(1), np.array([middle]))[0]), least


def _stretched(curve: geometry.Outline, factor: float) -> geometry.Outline:
    """An outline so many times as wide, about the same centre."""
    theta = np.arange(_ANGLES) * 2 * np.pi / _ANGLES
    x, y = (np.asarray(side) for side in curve.points(jnp.asarray(theta)))
    x, y = x * factor, y - float(curve.centre)
    radius = np.interp(theta, np.mod(np.arctan2(-x, y), 2 * np.pi), np.hypot(x, y), period=2 * np.pi)
    k = np.arange(geometry.HARMONICS)
    weight = np.where(k == 0, 1.0, 2.0) / _ANGLES
    cosine, sine = (weight * (wave(theta[:, None] * k).T @ radius) for wave in (np.cos, np.sin))
    return geometry.Outline(jnp.asarray(cosine), jnp.asarray(sine), curve.centre)


def draw(
    case: Case, n: int, seed: int | None = None, mechanics: str = "columns", *, form: bool = False
) -> pd.DataFrame:
    """Numbers of members 0 to n - 1, one row a member and one column a factor, each in the unit of its evidence.

    seed: in place of the case's own; mechanics: as in `factors`; form: with the form's own, as in `forms`. Raises
    InputError for a number of members that cannot be.
    """
    if not 1 <= n <= _MOST:
        raise InputError(f"An ensemble of {n} members is not possible; give a whole number from 1 to {_MOST}.")
    case.refuse_options("An ensemble")
    case = case.resolved()
    wanted = [*factors(case, mechanics), *(forms(case) if form else [])]
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
        if name in _FORMS:
            continue  # `formed` takes them
        if name.startswith(_SCANNER):
            scanner[name] = value
        elif name in known:
            parameters[name] = value * evidence.factor(evidence.used(name).unit)
        else:
            therapies[name] = value * evidence.factor(_used(name).unit)
    return parameters, therapies, scanner


def _used(name: str) -> Row:
    return next(row for row in evidence.found(name) if row.used)
