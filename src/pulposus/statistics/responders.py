"""Who responds: shares of persons compared between arms, adjusted for what was known beforehand.

What: `logistic` fits log-odds of a response; `adjusted_difference` says how many more respond in one arm than in
another, everybody counted once as if in each (standardised over the persons of the trial).
Equations: logit p = x b by Newton's method (iteratively reweighted least squares); covariance (X'WX)⁻¹; difference
mean p(x with arm) - mean p(x with reference), variance by the delta method g' V g, its interval cut at -1 and 1.
Source: McCullagh and Nelder 1989; Ge and others 2011 (standardised difference).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special

from pulposus.errors import InputError, nearest

from . import given
from .estimate import Estimate, bounded, normal, student, two_sided
from .given import LEVEL

NEWTON = 60  # maths: most steps of Newton's method
CLOSE = 1e-11  # maths: where Newton's method stops, largest step
ENDLESS = 30.0  # maths: log-odds beyond which a fit runs away: some term parts responders from the others


@dataclass(frozen=True)
class Logistic:
    """Coefficients on the scale of log-odds, (term,), their covariance, (term, term), and the log-likelihood."""

    coefficients: np.ndarray
    covariance: np.ndarray
    log_likelihood: float

    @property
    def errors(self) -> np.ndarray:
        """Standard errors."""
        return np.asarray(np.sqrt(np.diag(self.covariance)))

    def odds_ratio(self, term: int, level: float = LEVEL) -> Estimate:
        """Odds ratio of a term."""
        return normal(self.coefficients[term], self.errors[term], level, "logistic").exponentiated()


def logistic(response: Any, terms: Any) -> Logistic:
    """Logistic regression: response 0 or 1, (person,); terms (person, term), a column of ones among them where wanted.

    Raises InputError for other responses, terms made of others, and terms that part responders from the rest.
    """
    y = given.counts(response, "response")
    if (y > 1).any():
        raise InputError(f"response holds {y.max():g}; write 1 for who responded and 0 for who did not.")
    x = np.asarray(terms, dtype=float)
    if x.ndim != 2 or len(x) != y.size or not np.isfinite(x).all():
        raise InputError(f"terms has shape {x.shape}; give {y.size} rows of finite numbers, one column for each term.")
    if np.linalg.matrix_rank(x) < x.shape[1]:
        raise InputError("A term is made up of others; leave it out.")
    b = np.zeros(x.shape[1])
    for _ in range(NEWTON):
        p = special.expit(x @ b)
        information = (x.T * (p * (1 - p))) @ x
        step = np.linalg.solve(information, x.T @ (y - p))
        b = b + step
        if np.abs(x @ b).max() > ENDLESS:
            break
        if np.abs(step).max() < CLOSE:
            p = special.expit(x @ b)
            covariance = np.linalg.inv((x.T * (p * (1 - p))) @ x)
            return Logistic(b, covariance, float(special.xlogy(y, p).sum() + special.xlog1py(1 - y, -p).sum()))
    raise InputError("A term parts all responders from all others; its odds ratio has no end, leave it out.")


@dataclass(frozen=True)
class Adjusted:
    """Difference of shares, arm less reference, with p; and the odds ratio of the same model."""

    difference: Estimate
    p: float
    odds_ratio: Estimate
    shares: tuple[float, float]  # arm, reference
    error: float  # standard error of the difference


def adjusted_difference(
    response: Any,
    arm: Sequence[Any] | np.ndarray,
    name: str,
    reference: str,
    covariates: Any = None,
    level: float = LEVEL,
    small: bool = False,
) -> Adjusted:
    """How many more respond in arm `name` than in `reference`, adjusted for covariates (person, covariate).

    Persons of other arms are left out. `small`: variance times n / (n - terms) and Student's t on n - terms, without
    which a trial of some hundred persons with several covariates errs too often. Raises InputError for an arm that
    nobody is in.
    """
    y = given.counts(response, "response")
    arms = given.labels(arm, "arm", y.size).astype(str)
    known = sorted(set(arms.tolist()))
    for one in (name, reference):
        if one not in known:
            raise InputError(f"No person is in arm {one!r}{nearest(str(one), known)}.")
    rows = np.isin(arms, [name, reference])
    z = np.zeros((y.size, 0)) if covariates is None else np.asarray(covariates, dtype=float).reshape(y.size, -1)
    treated = (arms == name).astype(float)
    x = np.column_stack([np.ones(y.size), treated, z])[rows]
    fit = logistic(y[rows], x)
    means, slopes = [], []
    for value in (1.0, 0.0):
        as_if = x.copy()
        as_if[:, 1] = value
        p = special.expit(as_if @ fit.coefficients)
        means.append(float(p.mean()))
        slopes.append((as_if * (p * (1 - p))[:, None]).mean(axis=0))
    slope = slopes[0] - slopes[1]
    error = math.sqrt(float(slope @ fit.covariance @ slope))
    value = means[0] - means[1]
    said, freedom = "logistic, standardised over all persons", len(x) - x.shape[1]
    if small and freedom < 1:
        raise InputError(f"{len(x)} persons cannot tell {x.shape[1]} terms apart; leave a covariate out.")
    error *= math.sqrt(len(x) / freedom) if small else 1.0
    found = student(value, error, freedom, level, said) if small else normal(value, error, level, said)
    p = two_sided(value / error, freedom if small else None)
    return Adjusted(bounded(found, -1.0, 1.0), p, fit.odds_ratio(1, level), (means[0], means[1]), error)
