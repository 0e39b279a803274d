"""Numbers that no source gives, fitted to rows of the validation book that are marked calibration.

What: `calibrate` takes each number from the range that the evidence allows it, moves all of them by gradient until
model and rows agree as well as both allow, and says how far each is known afterwards: a posterior range, and whether
the rows say anything about it at all.
Equation: x = law(range, Phi(z + c)) with z ~ N(0, 1) and c such that z = 0 is the value in use: the prior fills the
declared range and nothing beyond it, half on either side of that value. Least of
sum ((model - published) / sigma)^2 + sum z^2 by Levenberg and Marquardt; posterior z ~ N(z*, (J^T J + 1)^-1) (Laplace,
Gauss and Newton's Hessian), informed = 1 - its variance. sigma is half of a row's band, on the logarithm where the band
spans more than a factor of three.
Reads: rows of class calibration only; a prediction never comes in. Courses of a disc are made linear about where the
numbers are, by the adjoint gradient, and made again until they stay there.
Why Laplace: few rows, each nearly linear over what it leaves open; where it is not, the range of the prior holds.
Source: laws of error after MacKay 2003 (evidence framework), solver optimistix (Rader, Lyons and Kidger 2024).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from jax.scipy.stats import norm
from jaxtyping import Array

from pulposus import evidence
from pulposus.case import Case
from pulposus.disc import simulate
from pulposus.disc.parameters import declared
from pulposus.errors import InputError
from pulposus.evidence import Row
from pulposus.evidence.checks import Check, read_checks
from pulposus.uncertainty import adjoint
from pulposus.uncertainty.draws import Factor
from pulposus.validation import courses, culture
from pulposus.validation.laboratory import AGE, Laboratory

Tell = Callable[[int, int, str], None]
STARTS = 8  # maths: places from which the least is looked for, so that a second valley would be seen
_ROUNDS = 4  # maths: times that courses are made linear anew
_STAYS = 0.05  # maths: of a standard deviation of the prior; nearer, another round says nothing new
_STEPS = 256  # maths: of the solver, far more than it needs
_TOLERANCE = 1e-8  # maths: of the solver, relative and absolute
_NOTHING = 0.1  # maths: share of the variance, below which rows are said not to inform a number
_ORDERS = 3.0  # maths: a band that spans more than this factor is judged on the logarithm, as draws are
_TAIL = 0.05  # maths: on either side of a range of nine tenths; a fit in it lies at an edge
_HALF_A_YEAR = 6  # maths: months; an untreated disc changes over years
FITTED = "fitted by pulposus calibrate; the row above is its prior"

# What is injected, and how it leaves, lives and signals: none of it has been measured in a disc.
_INJECTED = tuple(
    f"{culture.STROMAL} {name}"
    for name in (
        "loss_half_life",
        "immune_clearance_half_life",
        "half_effect_ratio",
        "differentiation_fraction",
        "np_like_synthesis",
        "anti_inflammatory",
        "anabolic",
        "anti_catabolic",
        "anti_apoptotic",
        "immunomodulation",
        "differentiation",
        "endplate_vascular_support",
        "homing",
        "chondroprotection",
    )
) + (
    "carrier saline retained_fraction",
    "volume any excess_leak_fraction",
    "volume any retention_pressure",
    "volume grade 4 accepted_fraction",
    "volume Dallas 4 leak_path",
    "site nucleus_centre needle_injury_radius",
    "site nucleus_centre needle_killed_fraction",
    "recruitment_rate",
    "inflammatory_death_rate",
)
# Measure -> numbers that its rows may move, in the order of the table.
READS = {
    "culture_uptake": tuple(culture.MULTIPLIERS.values()),
    "culture_uptake_left": (*culture.MULTIPLIERS.values(), culture.ADAPTATION),
    "protease_decay": (culture.GAIN,),
    "t2_fall": ("aggrecan_ageing_rate", culture.GAIN),
    "treated_difference": (*_INJECTED, *culture.MULTIPLIERS.values(), culture.ADAPTATION, culture.GAIN),
}


@dataclass(frozen=True)
class Datum:
    """One calibration row as a fit takes it: its value and error, on the logarithm where `log`."""

    check: Check
    log: bool

    @property
    def sigma(self) -> float:
        """Half of the band, on the scale on which it is judged."""
        low, high = self.check.low, self.check.high
        return (math.log(high / low) if self.log else high - low) / 2

    def residual(self, model: Array) -> Array:
        """How far the model is from what was published, in standard errors."""
        if self.log:
            return jnp.log(model / self.check.published) / self.sigma
        return (model - self.check.published) / self.sigma


@dataclass(frozen=True)
class Fit:
    """What was found: the table of numbers, the table of rows, and whether the least was the same from every start."""

    numbers: pd.DataFrame
    rows: pd.DataFrame
    starts_agree: bool
    rounds: int


def data() -> list[Datum]:
    """The rows that a fit reads: quantitative ones of class calibration whose measure it knows."""
    fit = [c for c in read_checks() if c.of == "calibration" and c.kind == "quantitative" and c.measure in READS]
    return [Datum(c, c.low > 0 and c.high > _ORDERS * c.low) for c in fit]


def prior(name: str) -> Row:
    """The row whose range is the prior of a number: the used one, or that above it where it was fitted before."""
    rows = evidence.found(name)
    place = next(k for k, row in enumerate(rows) if row.used)
    return rows[place - 1] if rows[place].note.startswith(FITTED) else rows[place]


def numbers(rows: Sequence[Datum]) -> list[Factor]:
    """Every number that some row may move, with its prior."""
    named = dict.fromkeys(name for datum in rows for name in READS[datum.check.measure])
    found = []
    for name in named:
        row = prior(name)
        meaning = declared()[name][1] if name in declared() else row.note
        found.append(Factor(row, meaning, 0))
    return found


def share(factor: Factor) -> float:
    """Where the value in use lies between the ends of its range (0 to 1), on its law; never quite at an end."""
    row = factor.row
    if factor.law == "log-uniform":
        part = math.log(row.value / row.low) / math.log(row.high / row.low)
    else:
        part = (row.value - row.low) / (row.high - row.low)
    return min(max(part, _TAIL), 1 - _TAIL)


def values(factors: Sequence[Factor], z: Array) -> dict[str, Array]:
    """Name -> value (SI) at z, each a standard normal number that runs through the range of its row; 0 is the value in
    use.
    """
    made = {}
    for k, factor in enumerate(factors):
        low, high = factor.row.si_low, factor.row.si_high
        part = norm.cdf(z[k] + norm.ppf(share(factor)))
        if factor.law == "log-uniform":
            made[factor.name] = low * jnp.exp(part * math.log(high / low))
        else:
            made[factor.name] = low + (high - low) * part
    return made


# ---------------------------------------------------------------------------------------------- courses of a disc


@dataclass(frozen=True)
class Tangent:
    """A course about one place: its value there, and its slope along each number (SI)."""

    value: float
    slopes: Mapping[str, float]
    about: Mapping[str, float]

    def at(self, now: Mapping[str, Array]) -> Array:
        """The course at other numbers, as far as a straight line says."""
        moved = (slope * (now[name] - self.about[name]) for name, slope in self.slopes.items())
        return self.value + sum(moved, jnp.zeros(()))


def course(check: Check, now: Mapping[str, float], size: str, tell: Tell) -> Tangent:
    """A row about a disc over months, with its gradient by the adjoint: "2 40" of `t2_fall` (grade, years) or
    "grade 12 4 Inject ..." of `treated_difference` (what, months, grade, line).
    """
    if check.measure == "t2_fall":
        grade, years = (int(part) for part in check.at.split())
        column, months, line, longest = courses.COLUMNS["t2"], years * 12, "", _HALF_A_YEAR  # maths: months of a year
    else:
        what, month, grade_text, line = check.at.split(" ", 3)
        column, months, grade, longest = courses.COLUMNS[what], int(month), int(grade_text), 1
    case = _case(grade, months, line)
    known = declared()
    names = [name for name in READS[check.measure] if name in now]
    own = {name: float(now[name]) for name in names if name in known}
    therapies = {name: float(now[name]) for name in names if name not in known}

    def given(arm: float) -> adjoint.Numbers:
        return adjoint.numbers(case, own, therapies, arm)

    step = longest * simulate.MONTH
    end, bars = adjoint.gradient(case, size, column, months, given(1.0), tell, step)
    slopes = {name: adjoint.along(case, bars, name, float(now[name]), name in known) for name in names}
    if check.measure == "t2_fall":
        start = adjoint.value(case, size, column, 0, given(0.0))  # what a disc is at first hangs on none of these
        return Tangent(start - end, {name: -slope for name, slope in slopes.items()}, dict(now))
    untreated, plain = adjoint.gradient(case, size, column, months, given(0.0), tell, step)
    for name in own:
        slopes[name] -= adjoint.along(case, plain, name, float(now[name]), True)
    return Tangent(end - untreated, slopes, dict(now))


def _case(grade: int, months: int, line: str) -> Case:
    """The disc of the validation book, to whose rows a fit is made."""
    tables: dict[str, Any] = {"disc": {"level": "L4-L5", "grade": grade}, "person": {"age": AGE}}
    tables["run"] = {"years": months / 12}  # maths: months of a year
    return Case.from_dict(tables | ({"treatments": [{"protocol": line}]} if line else {})).resolved()


# ---------------------------------------------------------------------------------------------- the fit


def calibrate(*, seed: int = 0, size: str = "cohort", courses_too: bool = True, progress: Tell | None = None) -> Fit:
    """Fit every number to the calibration rows. The same seed gives the same starts, and the same fit.

    courses_too: False leaves out rows for which a disc has to be run. Raises InputError without optimistix.
    """
    rows = [d for d in data() if courses_too or d.check.measure not in _RUN]
    factors = numbers(rows)
    tell = progress or (lambda done, total, words: None)
    lab = Laboratory(size)
    proteases = culture.proteases_of_degenerate(lab) if any(d.check.measure == "protease_decay" for d in rows) else 1.0
    z = jnp.zeros(len(factors))
    before: Array | None = None
    tangents: dict[str, Tangent] = {}
    agree, rounds = True, 0
    for rounds in range(1, _ROUNDS + 1):
        here = {name: float(value) for name, value in values(factors, z).items()}
        for datum in (d for d in rows if d.check.measure in _RUN):
            tangents[datum.check.name] = course(datum.check, here, size, _saying(tell, rounds, datum.check.name))
        residuals = _residuals(rows, factors, tangents, proteases)
        if before is None:
            first = {
                d.check.name: float(m) for d, m in zip(rows, _models(rows, here, tangents, proteases), strict=True)
            }
        tell(rounds, _ROUNDS, f"round {rounds}: fitting {len(factors)} numbers to {len(rows)} rows")
        before, (z, agree) = z, least(residuals, jnp.zeros(len(factors)), seed)
        if not tangents or float(jnp.max(jnp.abs(z - before))) < _STAYS:
            break
    jacobian = jax.jacfwd(residuals)(z)
    spread = np.sqrt(np.diag(np.linalg.inv(np.asarray(jacobian.T @ jacobian))))
    table = _posterior(rows, factors, np.asarray(z), spread, np.asarray(jacobian)[: len(rows)])
    told = jnp.where(spread**2 <= 1 - _NOTHING, z, 0.0)  # a number of which nothing is said stays what it was
    models = _models(rows, values(factors, told), tangents, proteases)
    return Fit(table, _judged(rows, first, [float(m) for m in models]), agree, rounds)


_RUN = ("t2_fall", "treated_difference")


def _saying(tell: Tell, rounds: int, name: str) -> Tell:
    return lambda done, total, words: tell(done, total, f"round {rounds}, {name}: {words}")


def _models(
    rows: Sequence[Datum], now: Mapping[str, Any], tangents: Mapping[str, Tangent], proteases: float
) -> list[Array]:
    """What the model says of each row, with these numbers (SI)."""
    said = {
        "culture_uptake": lambda at: culture.uptake(now, at),
        "culture_uptake_left": lambda at: culture.uptake_left(now, at),
        "protease_decay": lambda at: culture.decay_rise(now, proteases),
    }
    return [
        tangents[d.check.name].at(now) if d.check.measure in _RUN else jnp.asarray(said[d.check.measure](d.check.at))
        for d in rows
    ]


def _residuals(
    rows: Sequence[Datum], factors: Sequence[Factor], tangents: Mapping[str, Tangent], proteases: float
) -> Callable[[Array], Array]:
    """z -> residuals of all rows, then z itself, whose squares are the prior."""

    def residuals(z: Array) -> Array:
        models = _models(rows, values(factors, z), tangents, proteases)
        return jnp.concatenate([jnp.stack([d.residual(m) for d, m in zip(rows, models, strict=True)]), z])

    return residuals


def least(residuals: Callable[[Array], Array], middle: Array, seed: int) -> tuple[Array, bool]:
    """The least of the sum of squares over several starts, `middle` and standard normal ones about it, and whether all
    led there. Raises InputError without optimistix.
    """
    try:
        import optimistix
    except ImportError:
        raise InputError("Calibration needs optimistix; install it with: pip install 'pulposus[calibrate]'.") from None
    starts = middle + jax.random.normal(jax.random.PRNGKey(seed), (STARTS, len(middle))).at[0].set(0.0)
    solver: Any = optimistix.LevenbergMarquardt(rtol=_TOLERANCE, atol=_TOLERANCE)

    def one(start: Array) -> Array:
        found: Any = optimistix.least_squares(lambda z, _: residuals(z), solver, start, max_steps=_STEPS, throw=False)
        return found.value

    ends = jax.jit(jax.vmap(one))(starts)
    costs = jax.vmap(lambda z: jnp.sum(residuals(z) ** 2))(ends)
    best = ends[jnp.argmin(costs)]
    return best, bool(jnp.all(jnp.max(jnp.abs(ends - best), 1) < _STAYS))


# ---------------------------------------------------------------------------------------------- what was found


def _posterior(
    rows: Sequence[Datum], factors: Sequence[Factor], z: np.ndarray, spread: np.ndarray, jacobian: np.ndarray
) -> pd.DataFrame:
    """One row a number in the form of the evidence, with its prior, how far it was informed and by which rows."""
    reach = float(norm.ppf(1 - _TAIL))
    ends = {"low": z - reach * spread, "value": z, "high": z + reach * spread}
    at = {word: values(factors, jnp.asarray(place)) for word, place in ends.items()}
    wide = {word: values(factors, jnp.full(len(factors), place)) for word, place in (("low", -reach), ("high", reach))}
    made = []
    for k, factor in enumerate(factors):
        row, unit = factor.row, evidence.factor(factor.row.unit)
        informed = float(1 - spread[k] ** 2)
        said = informed >= _NOTHING
        by = [d for d, slope in zip(rows, jacobian[:, k], strict=True) if abs(slope) > _LITTLE]
        told = {word: float(f"{float(found[factor.name]) / unit:.3g}") for word, found in at.items()}
        told = told if said else {"low": row.low, "value": row.value, "high": row.high}
        place = float(norm.cdf(z[k] + norm.ppf(share(factor))))
        edge = "; at the edge of its range" if said and not _TAIL < place < 1 - _TAIL else ""
        made.append(
            {
                "name": factor.name,
                **{word: told[word] for word in ("value", "low", "high")},
                "unit": row.unit,
                "kind": "fitted" if said else row.kind,
                "source": "; ".join(dict.fromkeys(s for d in by for s in d.check.source.split("; ")))
                if said
                else row.source,
                "where": "calibration rows: " + "; ".join(d.check.name for d in by) if said else row.where,
                "status": "computed" if said else row.status,
                "note": f"{FITTED}; {factor.meaning}{edge}" if said else row.note,
                "informed": informed,
                "prior_value": row.value,
                **{f"prior_{word}": float(wide[word][factor.name]) / unit for word in ("low", "high")},
                "range_low": row.low,
                "range_high": row.high,
                "law": factor.law,
                "edge": bool(edge),
                "meaning": factor.meaning,
            }
        )
    table = pd.DataFrame(made)
    return table.sort_values("informed", ascending=False, kind="stable", ignore_index=True)


_LITTLE = 0.1  # maths: standard errors that a row moves when a number goes one standard deviation of its prior


def _judged(rows: Sequence[Datum], before: Mapping[str, float], after: Sequence[float]) -> pd.DataFrame:
    """One row a calibration row: published, band, the model before (values in use) and after the fit."""
    return pd.DataFrame(
        [
            {
                "row": d.check.name,
                "quantity": d.check.quantity,
                "published": d.check.published,
                "low": d.check.low,
                "high": d.check.high,
                "unit": d.check.unit,
                "log": d.log,
                "before": before[d.check.name],
                "after": model,
                "errors": float(d.residual(jnp.asarray(model))),
                "source": d.check.source,
            }
            for d, model in zip(rows, after, strict=True)
        ]
    )
