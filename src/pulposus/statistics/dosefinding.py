"""Does an answer change with the dose, by which curve, and which dose does what is asked (MCP-Mod).

What: `contrasts` weighs doses so that each candidate shape is seen best, `trend` is the multiple contrast test,
`fitted` fits a curve, `target` reads the least dose with a difference off it, `mcpmod` is all of it in a row.
Equations: with means m at doses, covariance S, and a shape's means g, c ~ S^-1 (g - 1 g'S^-1 1 / 1'S^-1 1), |c| = 1,
t = c'm / sqrt(c'Sc); p is the chance that the largest of all t exceeds it (`maximum`). Against a control the means are
differences to it, c ~ S^-1 g, and no curve has an intercept. Curves by generalised least squares, the linear numbers of
each solved for, the others sought within bounds; of those that are shown the one with the least AIC is taken.
Shapes: linear d; log-linear log(d + 0.01 highest dose); Emax d / (e + d); sigmoid Emax d^h / (e^h + d^h); exponential
exp(d / e) - 1; quadratic d + e d².
A difference above nought is better: turn estimates of what is better low. Reads, writes: nothing.
Source: Bretz, Pinheiro and Branson 2005 (doi 10.1111/j.1541-0420.2005.00344.x); Pinheiro and others 2014
(doi 10.1002/sim.6052); bounds as R's DoseFinding has them.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import optimize, special

from pulposus.errors import InputError

from . import given, maximum

SHAPES = {
    "linear": (),
    "log_linear": (),
    "emax": ("ed50",),
    "sigmoid_emax": ("ed50", "h"),
    "exponential": ("delta",),
    "quadratic": ("delta",),
}
# maths: where numbers of a curve are sought, in highest doses (h as it is)
BOUNDS = {"emax": ((0.001, 1.5),), "sigmoid_emax": ((0.001, 1.5), (0.5, 10.0)), "exponential": ((0.1, 2.0),)}
OFF = 0.01  # maths: what is added to a dose under the logarithm, in highest doses
ALPHA = 0.025  # maths: customary one-sided error; the caller may choose another
GRID = 40  # maths: places at which a number of a curve is first tried
FINE = 2001  # maths: doses at which a curve is looked at for its target
FLAT = 1e-12  # maths: a shape whose means differ by less has no contrast; where a target dose counts as found


@dataclass(frozen=True)
class Shape:
    """A candidate: its kind, and its numbers as `SHAPES` names them."""

    kind: str
    numbers: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        given.one_of(self.kind, SHAPES, "The shape")
        if len(self.numbers) != len(SHAPES[self.kind]):
            wanted = " and ".join(SHAPES[self.kind]) or "no number"
            raise InputError(f"The shape {self.kind} has {len(self.numbers)} numbers; give {wanted}.")
        for name, number in zip(SHAPES[self.kind], self.numbers, strict=True):
            given.real(number, name) if self.kind == "quadratic" else given.above(number, name)

    @property
    def name(self) -> str:
        """As it is written."""
        return " ".join([self.kind, *(f"{number:g}" for number in self.numbers)])

    def at(self, doses: np.ndarray, top: float) -> np.ndarray:
        """Its means at doses, on a scale of its own; `top` is the highest dose of the trial."""
        return _curve(self.kind, self.numbers, np.asarray(doses, float), top)


def parse(text: str) -> Shape:
    """A shape from its words, such as "linear", "emax 5" or "sigmoid_emax 5 2"."""
    kind, *words = text.split() or [""]
    given.one_of(kind, SHAPES, "The shape")
    try:
        found = tuple(float(word) for word in words)
    except ValueError:
        raise InputError(f"The shape {text!r} has a word for a number; write it as in 'emax 5'.") from None
    return Shape(kind, found)


def _curve(kind: str, numbers: Sequence[float], d: np.ndarray, top: float) -> np.ndarray:
    # the logarithm of no dose; and what runs away is refused where contrasts are made
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        if kind == "log_linear":
            return np.log(d + OFF * top)
        if kind == "emax":
            return d / (numbers[0] + d)
        if kind == "sigmoid_emax":
            return np.asarray(special.expit(numbers[1] * np.log(d / numbers[0])))
        if kind == "exponential":
            return np.expm1(d / numbers[0])
        return d * (1 + numbers[0] * d) if kind == "quadratic" else d


# ---------------------------------------------------------------------------------------------- means at doses


@dataclass(frozen=True)
class Means:
    """Estimates at doses (dose,), lowest first, with covariance (dose, dose); `against`: differences to a control."""

    doses: np.ndarray
    value: np.ndarray
    covariance: np.ndarray
    freedom: float = math.inf
    against: bool = False

    @property
    def top(self) -> float:
        """The highest dose."""
        return float(self.doses.max())

    def of(self, shape: Shape) -> np.ndarray:
        """Means of a shape at the doses, less that at none where means are differences."""
        told = shape.at(self.doses, self.top)
        return told - shape.at(np.zeros(1), self.top) if self.against else told


def means(doses: Any, value: Any, covariance: Any, freedom: float = math.inf, against: bool = False) -> Means:
    """Estimates, looked at once. `covariance` a matrix, or variances. Raises InputError for what has no meaning."""
    d, y = given.vector(doses, "doses", 1 if against else 2), given.vector(value, "value")
    s = np.array(covariance, dtype=float)
    s = np.diag(s) if s.ndim == 1 else s
    given.alike(doses=d, value=y)
    if s.shape != (d.size, d.size) or not np.allclose(s, s.T) or np.linalg.eigvalsh(s).min() <= 0:
        raise InputError(f"covariance has shape {s.shape}; give variances, or a matrix for {d.size} doses.")
    if (d < 0).any() or np.unique(d).size != d.size or (against and (d == 0).any()):
        rest = ", none of them 0 beside differences to a control" if against else ""
        raise InputError(f"doses are {given.shown(d.tolist())}; give different ones of 0 or more{rest}.")
    order = np.argsort(d)
    return Means(d[order], y[order], s[np.ix_(order, order)], freedom, against)


# ---------------------------------------------------------------------------------------------- the test


def contrasts(shapes: Sequence[Shape], at: Means) -> np.ndarray:
    """The weights of doses that see each shape best (dose, shape), of length 1 each."""
    if not shapes:
        raise InputError("No shape is given; name one or more, such as linear and 'emax 5'.")
    if twice := [shape.name for i, shape in enumerate(shapes) if shape in shapes[:i]]:
        raise InputError(f"The shape {twice[0]} stands twice; name each once.")
    inverse = np.linalg.inv(at.covariance)
    out = np.empty((at.doses.size, len(shapes)))
    for i, shape in enumerate(shapes):
        g = at.of(shape)
        spread = np.ptp(np.append(g, 0.0) if at.against else g)
        if not FLAT < spread < math.inf:
            word = "is flat" if spread <= FLAT else "runs away"
            raise InputError(f"The shape {shape.name} {word} over the doses of the trial; give other numbers.")
        if (shape.at(at.doses, at.top) - shape.at(np.zeros(1), at.top)).max() <= 0:
            raise InputError(f"The shape {shape.name} lies nowhere above no dose: it asks for harm; give another.")
        ones, g = inverse.sum(axis=1), g / spread  # a contrast has no scale
        weight = inverse @ (g if at.against else g - g @ ones / ones.sum())
        out[:, i] = weight / np.sqrt(weight @ weight)
    return out


def correlation(weights: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """Of the contrasts (shape, shape)."""
    between = weights.T @ covariance @ weights
    spread = np.sqrt(np.diag(between))
    return np.asarray(between / np.outer(spread, spread))


@dataclass(frozen=True)
class Trend:
    """The multiple contrast test: by shape (shape,) t and adjusted p; contrasts (dose, shape), their correlation."""

    shapes: tuple[Shape, ...]
    contrasts: np.ndarray
    correlation: np.ndarray
    t: np.ndarray
    p: np.ndarray
    critical: float
    alpha: float

    @property
    def shown(self) -> bool:
        """Whether the answer changes with the dose."""
        return bool(self.t.max() >= self.critical)


def trend(shapes: Sequence[Shape], at: Means, alpha: float = ALPHA) -> Trend:
    """The test of all candidate shapes at one one-sided error."""
    weights = contrasts(shapes, at)
    together = correlation(weights, at.covariance)
    t = weights.T @ at.value / np.sqrt(np.einsum("ds,de,es->s", weights, at.covariance, weights))
    p = np.array([maximum.tail(float(one), together, at.freedom) for one in t])
    return Trend(tuple(shapes), weights, together, t, p, maximum.critical(together, alpha, at.freedom), alpha)


# ---------------------------------------------------------------------------------------------- the curve


@dataclass(frozen=True)
class Fit:
    """A fitted curve: linear numbers (intercept, nought against a control, then slopes), the others, its deviance."""

    kind: str
    linear: tuple[float, ...]
    numbers: tuple[float, ...]
    deviance: float
    top: float
    against: bool

    @property
    def aic(self) -> float:
        """Deviance and twice the numbers that were fitted: to choose among curves of the same means."""
        return self.deviance + 2 * (len(self.linear) - self.against + len(self.numbers))

    def at(self, doses: Any) -> np.ndarray:
        """The curve at doses."""
        return _basis(self.kind, self.numbers, np.atleast_1d(np.asarray(doses, float)), self.top) @ self.linear


def _basis(kind: str, numbers: Sequence[float], d: np.ndarray, top: float) -> np.ndarray:
    """Columns that the linear numbers multiply (dose, number): one, and the curve above its value at none."""
    if kind == "quadratic":
        return np.column_stack([np.ones(d.size), d, d**2])
    return np.column_stack([np.ones(d.size), _curve(kind, numbers, d, top) - _curve(kind, numbers, np.zeros(1), top)])


def needs(kind: str, against: bool = False) -> int:
    """How many numbers a curve has, and so how many means it needs: its intercept is nought against a control."""
    given.one_of(kind, SHAPES, "The shape")
    return len(BOUNDS.get(kind, ())) + (3 if kind == "quadratic" else 2) - against


def fitted(kind: str, at: Means) -> Fit:
    """A curve by generalised least squares. Raises InputError where there are fewer doses than numbers."""
    given.one_of(kind, SHAPES, "The shape")
    root = np.linalg.cholesky(np.linalg.inv(at.covariance)).T
    first = 1 if at.against else 0
    bounds, count = BOUNDS.get(kind, ()), needs(kind, at.against)
    if at.doses.size < count:
        said = f"The curve {kind} has {count} numbers and the trial {at.doses.size} means"
        raise InputError(f"{said}; name a simpler one.")

    def solve(numbers: Sequence[float]) -> tuple[float, np.ndarray]:
        columns = root @ _basis(kind, numbers, at.doses, at.top)[:, first:]
        linear = np.linalg.lstsq(columns, root @ at.value, rcond=None)[0]
        return float(((root @ at.value - columns @ linear) ** 2).sum()), linear

    numbers = _sought(lambda x: solve(x)[0], bounds, at.top)
    deviance, linear = solve(numbers)
    return Fit(kind, (*([0.0] * first), *map(float, linear)), numbers, deviance, at.top, at.against)


def _sought(deviance: Any, bounds: Sequence[tuple[float, float]], top: float) -> tuple[float, ...]:
    """Numbers within bounds with the least deviance: a grid in their logarithms, then a simplex from its best place."""
    if not bounds:
        return ()
    scale = [top, 1.0][: len(bounds)]
    ends = [(math.log(low * s), math.log(high * s)) for (low, high), s in zip(bounds, scale, strict=True)]
    axes = [np.linspace(low, high, GRID) for low, high in ends]
    start = min(itertools.product(*axes), key=lambda x: deviance(np.exp(x)))
    options = {"xatol": 1e-9, "fatol": 1e-12, "maxiter": 2000}  # maths: closeness of the search
    found = optimize.minimize(lambda x: deviance(np.exp(x)), start, method="Nelder-Mead", bounds=ends, options=options)
    return tuple(float(x) for x in np.exp(found.x))


def target(fit: Fit, difference: float) -> float:
    """The least dose, up to the trial's highest, at which the curve lies so far above none; nan where none does."""
    wanted = given.above(difference, "difference")
    d = np.linspace(0, fit.top, FINE)
    over = fit.at(d) - fit.at(0.0) - wanted
    place = np.flatnonzero(over >= 0)
    if not place.size:
        return math.nan
    i = int(place[0])
    return float(optimize.brentq(lambda x: float(fit.at(x)[0] - fit.at(0.0)[0] - wanted), d[i - 1], d[i], rtol=FLAT))


@dataclass(frozen=True)
class Chosen:
    """MCP-Mod: the test, curves of the kinds that were shown, the one with the least AIC and its target dose."""

    test: Trend
    fits: tuple[Fit, ...]
    best: Fit | None
    dose: float


def mcpmod(shapes: Sequence[Shape], at: Means, difference: float, alpha: float = ALPHA) -> Chosen:
    """Test, then model: nothing is fitted where no shape is shown. `difference` is the one that is asked of a dose."""
    test = trend(shapes, at, alpha)
    kinds = dict.fromkeys(s.kind for s, t in zip(shapes, test.t, strict=True) if t >= test.critical)
    fits = tuple(fitted(kind, at) for kind in kinds)
    best = min(fits, key=lambda one: one.aic, default=None)
    return Chosen(test, fits, best, math.nan if best is None else target(best, difference))
