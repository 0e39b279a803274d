"""The strain at which fibres fail, fitted to the ages at which people without pain have fissures.

What: `fit_tears` finds the median and the spread of the life of a disc under the days of ``loads.csv`` from the
calibration rows of fissures, and reads which strains at failure such lives ask for.
Equation: life log-normal, share torn at an age ``Phi(ln(age / median) / spread) = Phi(a + b ln(age / middle))``, middle
that of the rows; least of sum ((share - published) / sigma)^2 over (a, b) by Levenberg and Marquardt, sigma half of a
row's band; value and range are the strains whose lives (`validation.tears.lives`) are the median and the ends of nine
tenths of people. How far the value itself is known: Laplace, from the rows' bands.
Reads: rows of class calibration only. Why no prior: what was recalled of single lamellae lies far below, and stands for
something else than a fibre of the model.
Why apart from `calibration`: one number has a distribution over people here, which the rows fix by its two ends; there,
each number has one value for all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from jax.scipy.stats import norm
from jaxtyping import Array

from pulposus import evidence
from pulposus.errors import InputError
from pulposus.evidence.checks import Check, read_checks
from pulposus.uncertainty.calibration import least
from pulposus.validation import tears
from pulposus.validation.laboratory import Laboratory

NAME, MEASURE = "fibre_failure_strain", "fissured"
FITTED = "fitted by pulposus calibrate to the ages of fissures"
_PERCENT = 100.0  # maths: share to percent
_PEOPLE = 0.9  # maths: share of people, and of the posterior, between low and high
_PLACES = 129  # maths: strains at which a life is computed; twice as many move no fit by a thousandth of strain
_BEYOND = 2.0  # maths: how far the strains that are looked at go beyond the range in the evidence, either way
_UNIT = "1"
_STAGES = 2  # maths: the lives, then the fit


@dataclass(frozen=True)
class Tears:
    """What was found: one row in the form of the evidence with what is known of it, and the rows it was fitted to."""

    number: pd.DataFrame
    rows: pd.DataFrame
    starts_agree: bool

    @property
    def news(self) -> bool:
        """True where the evidence has other figures in use."""
        used, found = evidence.used(NAME), self.number.iloc[0]
        return any(abs(getattr(used, word) - found[word]) > 0.5 * _ROUNDED for word in ("value", "low", "high"))


_ROUNDED = 1e-3  # maths: to which strains are written


def rows() -> list[Check]:
    """The calibration rows of fissures by age. Raises InputError for fewer than two, which fix nothing."""
    found = [check for check in read_checks() if check.of == "calibration" and check.measure == MEASURE]
    if len(found) < 2:
        raise InputError(f"{len(found)} calibration rows say how many have fissures at an age; two are the least.")
    return found


def torn(place: Array, along: Array) -> Array:
    """Share of people in percent whose disc is torn; place is (a, b), along ln(age / middle)."""
    return _PERCENT * norm.cdf(place[0] + place[1] * along)


def residuals(checks: Sequence[Check]) -> Callable[[Array], Array]:
    """place -> how far the shares are from the rows, in halves of their bands."""
    along, _ = _ages(checks)
    published = jnp.array([check.published for check in checks])
    sigma = jnp.array([0.5 * (check.high - check.low) for check in checks])
    return lambda place: (torn(place, along) - published) / sigma


def _ages(checks: Sequence[Check]) -> tuple[Array, float]:
    """ln(age / middle) of each row, and ln(middle)."""
    ages = jnp.log(jnp.array([float(check.at) for check in checks]))
    return ages - jnp.mean(ages), float(jnp.mean(ages))


def fit_tears(
    *, seed: int = 0, lab: Laboratory | None = None, progress: Callable[[int, int, str], None] | None = None
) -> Tears:
    """Fit the strain at failure. The same seed gives the same starts, and the same fit. Raises InputError without
    optimistix, and where the strains that are asked for lie beyond those that were looked at.
    """
    tell = progress or (lambda done, total, words: None)
    checks, lab = rows(), lab or Laboratory()
    tell(0, _STAGES, "lives of a disc by the strain at failure")
    used = evidence.used(NAME)
    strains = np.linspace(used.low / _BEYOND, used.high * _BEYOND, _PLACES)
    lives = np.log(tears.lives(lab, strains))
    tell(1, _STAGES, f"fitting {NAME.replace('_', ' ')} to {len(checks)} rows")
    wrong = residuals(checks)
    (along, middle), reach = _ages(checks), float(norm.ppf(0.5 * (1 + _PEOPLE)))
    place, agree = least(wrong, jnp.array([0.0, 1.0]), seed)
    if not float(place[1]) > 0:
        raise InputError("The calibration rows of fissures do not rise with age, so no life fits them; correct them.")

    def life(at: Array) -> Array:
        return middle - at[0] / at[1]

    jacobian, slope = np.asarray(jax.jacfwd(wrong)(place)), np.asarray(jax.grad(life)(place))
    spread = float(np.sqrt(slope @ np.linalg.inv(jacobian.T @ jacobian) @ slope))
    median, width = float(life(place)), 1 / float(place[1])
    asked = {"low": median - reach * width, "value": median, "high": median + reach * width}
    asked |= {"known_low": median - reach * spread, "known_high": median + reach * spread}
    told = {word: _strain(one, strains, lives) for word, one in asked.items()}
    after = torn(place, along)
    return Tears(_number(checks, told, median, width), _judged(lab, checks, np.asarray(after)), agree)


def _strain(life: float, strains: np.ndarray, lives: np.ndarray) -> float:
    """The strain at failure of which a disc has this life (natural logarithm of years)."""
    if not lives[0] <= life <= lives[-1]:
        raise InputError(
            f"The rows ask for a life of {np.exp(life):.3g} years, which no strain at failure from {strains[0]:.3g} to "
            f"{strains[-1]:.3g} gives; widen the range of {NAME} in the evidence."
        )
    return round(float(np.interp(life, lives, strains)), 3)  # maths: to a thousandth of strain


def _number(checks: Sequence[Check], told: dict[str, float], median: float, width: float) -> pd.DataFrame:
    """The number in the columns of the evidence, how far its value is known, and the life behind it."""
    names = "; ".join(check.name for check in checks)
    row = {
        "name": NAME,
        **{word: told[word] for word in ("value", "low", "high")},
        "unit": _UNIT,
        "kind": "fitted",
        "used": "yes",
        "source": "; ".join(dict.fromkeys(check.source for check in checks)),
        "where": f"calibration rows: {names}",
        "status": "computed",
        "note": f"{FITTED}; low and high hold nine tenths of people, all their differences put into it",
        **{word: told[word] for word in ("known_low", "known_high")},
        "median_life_years": float(np.exp(median)),
        "spread_of_log_life": width,
    }
    return pd.DataFrame([row])


def _judged(lab: Laboratory, checks: Sequence[Check], after: np.ndarray) -> pd.DataFrame:
    """One row a calibration row: published, band, the model with the number in use and after the fit."""
    made = []
    for check, share in zip(checks, after, strict=True):
        row = {"row": check.name, "age": float(check.at), "quantity": check.quantity, "published": check.published}
        row |= {"low": check.low, "high": check.high, "unit": check.unit, "log": False}
        row |= {"before": tears.fissured(lab, check.at).value, "after": float(share)}
        row |= {"errors": (float(share) - check.published) / (0.5 * (check.high - check.low)), "source": check.source}
        made.append(row)
    return pd.DataFrame(made)
