"""Imputation: Rubin's rules against R's arithmetic, MAR against MMRM, reference-based means in closed form, tipping."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pulposus.errors import InputError
from pulposus.statistics import longitudinal, missing

COVARIANCE = np.array([[1, 0.6, 0.5], [0.6, 1.2, 0.8], [0.5, 0.8, 1.5]])


def trial(n: int = 200, effect: float = 1.0, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Scores with a third of both arms gone at the last visit, by the score before; arms a and b."""
    rng = np.random.default_rng(seed)
    arm = np.repeat(["a", "b"], n // 2)
    y = rng.multivariate_normal([0, 0.2, 0.4], COVARIANCE, n)
    y += np.outer(arm == "b", effect * np.array([0.3, 0.7, 1.0]))
    y[y[:, 1] > 0.9, 2] = np.nan
    return y, arm


def last_visit(arm: np.ndarray) -> object:
    """An analysis of a filled table: difference b - a at the last visit and its standard error."""

    def analyse(table: np.ndarray) -> tuple[float, float]:
        found = longitudinal.ancova(table[:, -1], arm).differences[0]
        return found.estimate.value, found.error

    return analyse


def test_rubin_as_r() -> None:
    """q <- c(1.2,1.5,.9,1.3,1.1); u <- c(.25,.3,.28,.26,.27); v <- 60; T <- mean(u) + 1.2*var(q); g <- 1.2*var(q)/T;
    nu <- 4/g^2; o <- (v+1)/(v+3)*v*(1-g); df <- 1/(1/nu+1/o); 2*pt(-mean(q)/sqrt(T), df); mean(q) - qt(.975,
    df)*sqrt(T)."""
    found = missing.rubin([1.2, 1.5, 0.9, 1.3, 1.1], [0.25, 0.30, 0.28, 0.26, 0.27], 60)
    ours = (found.estimate.value, found.error, found.freedom, found.p, found.estimate.low)
    assert ours == pytest.approx((1.2, 0.5761944116355, 34.2755496317716, 0.0448165844993, 0.0293787170803), rel=1e-10)
    endless = missing.rubin([1.2, 1.5, 0.9, 1.3, 1.1], [0.25, 0.30, 0.28, 0.26, 0.27])
    assert endless.freedom == pytest.approx(122.471111111, rel=1e-9)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.floats(-3, 3), st.floats(0.1, 2)), min_size=2, max_size=8), st.floats(5, 500))
def test_rubin_never_has_more_than_the_complete_table(rows: list[tuple[float, float]], complete: float) -> None:
    q, u = np.array(rows).T
    found = missing.rubin(q, u, complete)
    assert found.error**2 >= u.mean() - 1e-12
    assert found.freedom <= complete
    back = missing.rubin(q[::-1], u[::-1], complete)
    assert (back.error, back.freedom) == pytest.approx((found.error, found.freedom))


def test_at_random_agrees_with_mmrm() -> None:
    """The same assumption and the same likelihood: estimate and error within the noise of a finite number of tables."""
    y, arm = trial()
    filled = missing.impute(y, arm, tables=60, seed=2)
    mi = missing.combined(filled, last_visit(arm), 198)
    i, k = np.nonzero(np.isfinite(y))
    mixed = longitudinal.repeated_measures(y[i, k], i, k, arm[i]).difference("b - a", "2")
    assert mi.estimate.value == pytest.approx(mixed.estimate.value, abs=4 * mi.error * math.sqrt(0.4 / 60))
    assert mi.error == pytest.approx(mixed.error, rel=0.12)
    assert np.array_equal(filled.tables[0][np.isfinite(y)], y[np.isfinite(y)])


def test_reference_based_means_are_what_they_say() -> None:
    """Two arms, the treated far above; who left is carried by the reference. Without noise in the law (many persons)
    the mean of the unseen follows from the two arms' means."""
    rng, arm = np.random.default_rng(4), np.repeat(["a", "b"], 2000)
    y = rng.multivariate_normal([0, 0.2, 0.4], COVARIANCE, 4000)
    y += np.outer(arm == "b", 3.0 * np.array([0.3, 0.7, 1.0]))
    y[rng.random(4000) < 0.4, 2] = np.nan
    gone = np.isnan(y[:, 2]) & (arm == "b")
    means = {}
    for assumption in missing.ASSUMPTIONS:
        filled = missing.impute(y, arm, None, assumption, "a", tables=4, seed=5, burn=30, thin=3)
        means[assumption] = filled.tables[:, gone, 2].mean()
    effect = 3.0 * np.array([0.3, 0.7, 1.0])
    slope = np.linalg.solve(COVARIANCE[:2, :2], COVARIANCE[:2, 2])
    expected = {
        "MAR": 0.0,
        "J2R": -effect[2],
        "CR": -effect[2] + effect[:2] @ slope,
        "CIR": -(effect[2] - effect[1]),
    }
    for assumption, gap in expected.items():
        assert means[assumption] - means["MAR"] == pytest.approx(gap, abs=0.15), assumption
    assert means["J2R"] < means["CR"] < means["MAR"]


def test_the_reference_arm_and_gaps_stay_at_random() -> None:
    y, arm = trial(300, effect=3.0)
    y[0, 1], y[0, 2], y[299, 1], y[299, 2] = np.nan, 0.5, np.nan, 3.0
    at_random = missing.impute(y, arm, tables=30, seed=1)
    jumped = missing.impute(y, arm, None, "J2R", "a", tables=30, seed=1)
    rows = (arm == "a") & np.isnan(y[:, 2])
    assert at_random.tables[:, rows, 2].mean() == pytest.approx(jumped.tables[:, rows, 2].mean(), abs=0.1)
    assert at_random.tables[:, 299, 1].mean() == pytest.approx(jumped.tables[:, 299, 1].mean(), abs=1.0)


def test_tipping_point_is_where_p_meets_alpha() -> None:
    y, arm = trial(120, effect=-1.0)
    filled = missing.impute(y, arm, tables=10, seed=3)
    analyse = last_visit(arm)
    found = missing.tipping_point(filled, arm, "b", analyse, [0, 1, 2, 4, 8], 118)
    assert found.path[0].p < 0.05 < found.path[-1].p or math.isnan(found.delta)
    assert 0 < found.delta < 8
    at = missing.combined(missing.shifted(filled, arm, {"b": found.delta}), analyse, 118)
    assert at.p == pytest.approx(0.05, abs=1e-3)
    assert f"{found.delta:.3g}" in found.sentence
    none = missing.tipping_point(filled, arm, "b", analyse, [0, 1e-6], 118)
    assert math.isnan(none.delta)
    assert "stays under" in none.sentence
    many = missing.tipping_point(filled, arm, "b", analyse, [0, 1.23456e-6], 118, 0.0489995)
    assert many.sentence == "p stays under 0.049 up to delta 1.23e-06."


def test_delta_moves_only_what_was_not_seen() -> None:
    y, arm = trial(60)
    y[0] = [0.1, np.nan, np.nan]
    filled = missing.impute(y, arm, tables=2)
    moved = missing.shifted(filled, arm, {"a": 5.0}, accumulate=True)
    change = moved.tables - filled.tables
    assert change[0, 0].tolist() == pytest.approx([0, 5, 10])
    assert not change[:, arm == "b"].any()
    assert not change[:, ~filled.unseen].any()


def test_a_seed_gives_the_same_tables() -> None:
    y, arm = trial(40)
    one, two, three = (missing.impute(y, arm, tables=2, seed=s).tables for s in (1, 1, 2))
    assert np.array_equal(one, two)
    assert not np.array_equal(one, three)


def test_error_of_the_first_kind_at_random() -> None:
    """60 trials without an effect, five tables each: about 5 %."""
    hits = 0
    for seed in range(60):
        y, arm = trial(60, effect=0.0, seed=seed)
        filled = missing.impute(y, arm, tables=5, seed=seed, burn=20, thin=4)
        hits += missing.combined(filled, last_visit(arm), 58).p < 0.05
    assert abs(hits / 60 - 0.05) < 3 * math.sqrt(0.05 * 0.95 / 60)


Y, ARM = trial(40)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: missing.rubin([1], [1]), "at least 2"),
        (lambda: missing.rubin([1, 2], [1, 1], -1), "above 0"),
        (lambda: missing.impute(Y, ARM[:-1]), "one label for each"),
        (lambda: missing.impute(Y[:, 0], ARM), "a row for each person"),
        (lambda: missing.impute(Y, ARM, assumption="J2"), "did you mean 'J2R'"),
        (lambda: missing.impute(Y, ARM, assumption="J2R"), "needs a reference arm"),
        (lambda: missing.impute(Y, ARM, assumption="J2R", reference="c"), "No person is in the reference arm"),
        (lambda: missing.impute(np.where(np.arange(3) == 2, np.nan, Y), ARM), "two are the least"),
        (lambda: missing.impute(np.zeros((5, 3)), list("aabbb")), "too few"),
        (lambda: missing.shifted(missing.impute(Y, ARM, tables=2), ARM, {"c": 1}), "No person is in arm 'c'"),
    ],
)
def test_tables_with_nonsense_get_their_sentence(call: object, says: str) -> None:
    with pytest.raises(InputError, match=says):
        call()  # type: ignore[operator]
