"""Dose and response against what R's DoseFinding prints; the R calls stand beside the numbers.

Data: `biom` (Bretz, Pinheiro and Branson 2005), 20 people at each of five doses, by its means and the standard error of
a mean as `predict(MM, se.fit = TRUE)` prints them; `glycobrom` by its printed means, standard error 0.015.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from pulposus.errors import InputError
from pulposus.statistics import adaptive, dosefinding, maximum
from pulposus.statistics.dosefinding import Shape, means, parse

# predict(MM, se.fit=TRUE, doseSeq=c(0,0.2,0.4,0.9,1), predType="ls-means"): $linInt$fit 0.3449054, 0.8103158, 0.8723763
# (between 0.2 and 0.6), 0.9487114; that at 0.05 from $linear$fit, which goes through the mean of all five
_SLOPE = 1.0509461 - 0.4923408
_AT_06 = 2 * 0.8723763 - 0.8103158
_AT_005 = 5 * (0.4923408 + 0.37 * _SLOPE) - (0.3449054 + 0.8103158 + _AT_06 + 0.9487114)
BIOM = means([0, 0.05, 0.2, 0.6, 1], [0.3449054, _AT_005, 0.8103158, _AT_06, 0.9487114], [0.1592893**2] * 5, 95)
GLYCO = means([0, 12.5, 25, 50, 100], [1.243, 1.317, 1.333, 1.374, 1.385], [0.015**2] * 5, 295)
SHAPES = [parse(text) for text in ("linear", "emax 0.05", "emax 0.2")]


def test_contrasts_as_dosefinding_prints_them() -> None:
    """models <- Mods(linear=NULL, emax=c(0.05,0.2), ...); summary(MCPMod(dose, resp, biom, models, Delta=0.5)):
    Contrasts, Contrast Correlation; optContr(Mods(emax=c(2.6,12.5), sigEmax=c(30.5,3.5), quadratic=-0.00776, ...), w=1)
    """
    printed = [
        [-0.437, -0.378, -0.201, 0.271, 0.743],
        [-0.799, -0.170, 0.207, 0.362, 0.399],
        [-0.643, -0.361, 0.061, 0.413, 0.530],
    ]
    found = dosefinding.contrasts(SHAPES, BIOM)
    np.testing.assert_allclose(found.T, printed, atol=5e-4)
    together = dosefinding.correlation(found, BIOM.covariance)
    assert together[np.triu_indices(3, 1)] == pytest.approx([0.766, 0.912, 0.949], abs=5e-4)
    others = [parse(text) for text in ("emax 2.6", "emax 12.5", "sigmoid_emax 30.5 3.5", "quadratic -0.00776")]
    glyco = [
        [-0.886, 0.116, 0.211, 0.265, 0.294],
        [-0.813, -0.101, 0.136, 0.326, 0.452],
        [-0.486, -0.439, -0.120, 0.448, 0.597],
        [-0.723, -0.240, 0.140, 0.587, 0.236],
    ]
    np.testing.assert_allclose(dosefinding.contrasts(others, GLYCO).T, glyco, atol=5e-4)


def test_contrasts_of_adjusted_means_of_unequal_precision() -> None:
    """Weights solve S c = g - a 1 with sum nought, whatever S: no other contrast sees the shape better (by search)."""
    covariance = np.diag([1.0, 2.0, 0.5, 1.5]) + 0.2
    at = means([0, 1, 2, 5], np.zeros(4), covariance)
    [c] = dosefinding.contrasts([parse("emax 1")], at).T
    g = at.of(parse("emax 1"))
    best = c @ g / math.sqrt(c @ covariance @ c)
    other = np.random.default_rng(0).normal(size=(2000, 4)) * 0.3 + c
    other -= other.mean(axis=1, keepdims=True)
    assert (other @ g / np.sqrt(np.einsum("nd,de,ne->n", other, covariance, other)) <= best + 1e-12).all()
    assert abs(c.sum()) < 1e-12


def test_statistics_and_p_as_dosefinding_prints_them() -> None:
    """MCPMod(dose, resp, biom, models, Delta=0.5): t 3.464, 3.339, 2.972, adj-p < 0.001, 0.00150, 0.00402 (with a
    fourth shape, linInt c(1,1,1,1), whose contrast is handed over here); MCTtest(dose, FEV1, NVA, models)
    """
    found = dosefinding.trend(SHAPES, BIOM)
    assert found.t == pytest.approx([2.972, 3.339, 3.464], abs=5e-4)
    flat = np.array([-0.8944272, *[0.2236068] * 4])  # linInt c(1,1,1,1)
    weights = np.column_stack([found.contrasts, flat])
    together = dosefinding.correlation(weights, BIOM.covariance)
    t = [*found.t, flat @ BIOM.value / 0.1592893]
    assert t[3] == pytest.approx(2.486, abs=5e-4)
    p = [maximum.tail(one, together, 95) for one in t]
    # mvtnorm draws too: DoseFinding asks it for an error of 0.001 (mvtnorm.control); ours are held by a million draws
    assert p == pytest.approx([0.00402, 0.00150, 0.001, 0.01632], abs=1e-3)
    rng, n = np.random.default_rng(0), 1_000_000
    z = rng.multivariate_normal(np.zeros(4), together, n) / np.sqrt(rng.chisquare(95, n) / 95)[:, None]
    drawn = (z.max(axis=1)[:, None] >= t).mean(axis=0)
    assert (np.abs(drawn - p) <= 4 * np.sqrt(drawn / n)).all()
    others = [parse(text) for text in ("emax 2.6", "emax 12.5", "sigmoid_emax 30.5 3.5", "quadratic -0.00776")]
    glyco = dosefinding.trend(others, GLYCO)
    assert glyco.t == pytest.approx([6.937000, 7.442849, 6.675739, 7.016303], abs=5e-7)
    # R prints p near 1e-11 here, some below p of one contrast alone: lost in its error; between one and four p are ours
    alone = stats.t.sf(glyco.t, 295)
    assert (glyco.p > alone).all()
    assert (glyco.p < 4 * alone).all()


def test_critical_values_as_dosefinding_prints_them() -> None:
    """R <- matrix(c(1,0.5,0.5,1), nrow=2); critVal(R, alpha = 0.05, df = 1); 20; Inf"""
    r = [[1, 0.5], [0.5, 1]]
    assert maximum.critical(r, 0.05, 1) == pytest.approx(9.509978, abs=1e-6)
    # beyond one degree R draws; by an integral over what is common, and over the scale, they are 1.916332 and 2.027318
    assert maximum.critical(r, 0.05) == pytest.approx(1.916399, abs=1e-4)
    load = adaptive.loading([1, 1], 1)
    assert adaptive.together(np.full((1, 2), maximum.critical(r, 0.05)), load)[0] == pytest.approx(0.05, abs=1e-9)
    x, w = np.polynomial.hermite_e.hermegauss(120)

    def beyond(q: float) -> float:
        under = stats.norm.cdf((2.0273184 * math.sqrt(q / 20) - math.sqrt(0.5) * x) / math.sqrt(0.5))
        return float((1 - under**2) @ w / w.sum() * stats.chi2.pdf(q, 20))

    assert integrate.quad(beyond, 0, 100, epsabs=1e-10)[0] == pytest.approx(0.05, abs=1e-7)
    assert maximum.critical(r, 0.05, 20) == pytest.approx(2.0273184, abs=1e-6)
    assert maximum.critical(r, 0.05, 20) == pytest.approx(2.027525, abs=3e-4)


def test_the_largest_of_several_by_other_ways() -> None:
    """Two normals by scipy's own integral; independent ones in closed form; one alone; a singular correlation."""
    r = np.array([[1, 0.3], [0.3, 1]])
    assert maximum.tail(1.7, r) == pytest.approx(1 - stats.multivariate_normal(cov=r).cdf([1.7, 1.7]), rel=1e-6)
    assert maximum.tail(-0.4, r) == pytest.approx(1 - stats.multivariate_normal(cov=r).cdf([-0.4, -0.4]), rel=1e-6)
    assert maximum.tail(2, np.eye(5)) == pytest.approx(1 - stats.norm.cdf(2) ** 5, rel=1e-3)
    assert maximum.tail(2, [[1.0]], 7) == pytest.approx(stats.t.sf(2, 7), rel=1e-9)
    assert maximum.tail(2, np.ones((3, 3))) == pytest.approx(stats.norm.sf(2), rel=1e-9)
    assert maximum.critical([[1, -1], [-1, 1]], 0.05) == pytest.approx(stats.norm.isf(0.025), rel=1e-9)
    # three comparisons with one control, against the quadrature over what they have in common
    load = adaptive.loading([20, 30, 25], 40)
    shared = np.outer(load, load) + np.diag(1 - load**2)
    p = adaptive.together(np.array([[2.1, 0.3, -1.0]]), load)[0]
    assert maximum.tail(2.1, shared) == pytest.approx(p, rel=1e-3)


def test_curves_and_target_doses_as_dosefinding_prints_them() -> None:
    """summary(MM): emax e0 0.322, eMax 0.746, ed50 0.142; linear 0.492, 0.559; Estimated TD, Delta=0.5: linear 0.8951,
    emax 0.2886; Selected model (AIC): emax; predict: $emax$fit.
    """
    emax = dosefinding.fitted("emax", BIOM)
    assert (*emax.linear, *emax.numbers) == pytest.approx((0.322, 0.746, 0.142), abs=5e-4)
    fit = [0.3216107, 0.7578039, 0.8721944, 0.9660905, 0.9750049]
    assert emax.at([0, 0.2, 0.4, 0.9, 1]) == pytest.approx(fit, abs=2e-6)
    assert dosefinding.target(emax, 0.5) == pytest.approx(0.2886, abs=5e-5)
    linear = dosefinding.fitted("linear", BIOM)
    assert linear.linear == pytest.approx((0.4923408, _SLOPE), abs=1e-6)
    assert dosefinding.target(linear, 0.5) == pytest.approx(0.8951, abs=5e-5)
    assert math.isnan(dosefinding.target(linear, 0.6))
    found = dosefinding.mcpmod(SHAPES, BIOM, 0.5)
    assert found.best == emax
    assert found.dose == pytest.approx(0.2886, abs=5e-5)
    assert found.test.shown


@pytest.mark.parametrize(
    ("kind", "numbers"),
    [("emax", (0.3,)), ("sigmoid_emax", (0.4, 2.5)), ("exponential", (0.6,)), ("quadratic", ()), ("log_linear", ())],
)
def test_a_curve_is_found_again(kind: str, numbers: tuple[float, ...]) -> None:
    """Means that lie on a curve give its numbers, with an intercept, and as differences to a control."""
    d = np.array([0, 0.1, 0.25, 0.5, 0.75, 1.0])
    y = d - 0.6 * d**2 if kind == "quadratic" else Shape(kind, numbers).at(d, 1.0)
    whole = dosefinding.fitted(kind, means(d, 2 + 3 * y, [0.01] * 6))
    assert whole.deviance < 1e-9
    assert whole.numbers == pytest.approx(numbers, rel=1e-3)
    shared = np.full((5, 5), 0.01) + 0.01 * np.eye(5)
    off = dosefinding.fitted(kind, means(d[1:], 3 * (y - y[0])[1:], shared, against=True))
    assert off.linear[0] == 0
    assert off.at(d) == pytest.approx(whole.at(d) - whole.at(0.0), abs=1e-4)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(-2, 2), min_size=5, max_size=5), st.floats(0.1, 10))
def test_differences_to_a_control_say_the_same(value: list[float], scale: float) -> None:
    """t of means with a control, of their differences, and of both on another scale are one."""
    s = np.array([1, 2, 1.5, 1, 3.0]) * scale**2
    whole = dosefinding.trend(SHAPES, means([0, 1, 2, 3, 4], np.array(value) * scale, s), 0.025)
    step = np.hstack([-np.ones((4, 1)), np.eye(4)])
    off = means([1, 2, 3, 4], step @ value * scale, step @ np.diag(s) @ step.T, against=True)
    assert dosefinding.trend(SHAPES, off).t == pytest.approx(whole.t, abs=1e-9)
    assert dosefinding.trend(SHAPES, off).critical == pytest.approx(whole.critical, abs=5e-3)


def test_no_dose_response_is_shown_as_often_as_the_error_says() -> None:
    """20,000 trials of no effect: 2.5 %; and with the critical value of one shape alone more."""
    at = means([0, 1, 2, 5], np.zeros(4), [0.04] * 4)
    found = dosefinding.trend([parse(text) for text in ("linear", "emax 0.5", "quadratic -0.15")], at)
    z = np.random.default_rng(3).normal(0, 0.2, (20_000, 4)) @ found.contrasts / 0.2
    share, error = (z.max(axis=1) >= found.critical).mean(), math.sqrt(0.025 * 0.975 / 20_000)
    assert abs(share - 0.025) < 3 * error
    assert (z.max(axis=1) >= stats.norm.isf(0.025)).mean() > 0.025 + 5 * error


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: parse("emx 1"), "did you mean 'emax'"),
        (lambda: parse("emax"), "give ed50"),
        (lambda: parse("emax five"), "a word for a number"),
        (lambda: parse("emax -1"), "above 0"),
        (lambda: dosefinding.contrasts([], BIOM), "No shape is given"),
        (lambda: dosefinding.contrasts([parse("sigmoid_emax 1e-9 30")], means([1, 2], [0, 0], [1, 1])), "is flat"),
        (lambda: means([0, 1, 1], [0, 0, 0], [1, 1, 1]), "give different ones"),
        (lambda: means([0, 1], [0, 0], [1, 1], against=True), "none of them 0"),
        (lambda: means([0, 1], [0, 0], [[1, 2], [2, 1]]), "give variances"),
        (lambda: dosefinding.fitted("sigmoid_emax", means([0, 1, 2], [0, 0, 0], [1, 1, 1])), "name a simpler one"),
        (lambda: maximum.critical([[1, 0.5], [0.4, 1]], 0.05), "symmetric"),
        (lambda: maximum.critical([[1.0]], 0.6), "below 0.5"),
    ],
)
def test_nonsense_of_doses_gets_its_sentence(call: object, said: str) -> None:
    with pytest.raises(InputError, match=said):
        call()  # type: ignore[operator]


@pytest.mark.filterwarnings("error")
def test_contrasts_have_no_scale() -> None:
    """Doses counted in another unit, however far off, have the same contrasts, and no warning."""
    shapes = [parse(text) for text in ("linear", "log_linear")]
    ours, far = (
        dosefinding.contrasts(shapes, means([0, unit, 3 * unit], np.zeros(3), np.ones(3) / 30)) for unit in (1.0, 3e299)
    )
    np.testing.assert_allclose(far, ours, atol=1e-12)
