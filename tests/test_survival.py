"""Time to an event: scipy as a second implementation, laws, and the leukaemia trial of Freireich 1963, whose well-known
analyses in R are recalled here, not run."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from pulposus.errors import InputError
from pulposus.statistics import survival

TREATED = [6, 6, 6, 7, 10, 13, 16, 22, 23, 6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]
PLACEBO = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23]
TIME = np.array(TREATED + PLACEBO)
EVENT = np.array([1] * 9 + [0] * 12 + [1] * 21)
GROUP = ["6-MP"] * 21 + ["placebo"] * 21
people = st.lists(st.tuples(st.integers(1, 12), st.integers(0, 2)), min_size=6, max_size=30)


def test_kaplan_meier_as_printed() -> None:
    """survfit(Surv(time, event) ~ 1, conf.type="log-log") of the 6-MP arm, Kalbfleisch and Prentice's table: S(6) 0.857
    (0.620 to 0.952), S(23) 0.448 (0.188 to 0.680), median 23; placebo's median 8 (4 to 11)."""
    curve = survival.kaplan_meier(TIME[:21], EVENT[:21])
    one, two = curve.at(6), curve.at(30)
    assert (one.value, one.low, one.high) == pytest.approx((0.857, 0.620, 0.952), abs=5e-4)
    assert (two.value, two.low, two.high) == pytest.approx((0.448, 0.188, 0.680), abs=5e-4)
    assert curve.at(0).value == 1
    assert curve.median().value == 23
    placebo = survival.kaplan_meier(TIME[21:], EVENT[21:]).median()
    assert (placebo.value, placebo.low, placebo.high) == (8, 4, 11)


def test_log_rank_and_cox_as_printed() -> None:
    """survdiff: chi-squared 16.79 (expected 19.25 and 10.75); coxph, Efron: 1.5721 (0.4124), log-likelihood -85.008;
    scipy.stats.logrank is a second implementation."""
    found = survival.log_rank(TIME, EVENT, GROUP)
    assert (found.chi2, found.expected["6-MP"], found.expected["placebo"]) == pytest.approx(
        (16.79, 19.25, 10.75), abs=6e-3
    )
    parts = [stats.CensoredData.right_censored(TIME[w], EVENT[w] == 0) for w in (slice(0, 21), slice(21, 42))]
    other = stats.logrank(*parts)
    assert (found.chi2, found.p) == pytest.approx((other.statistic**2, other.pvalue), rel=1e-9)
    cox = survival.hazard_ratio(TIME, EVENT, [g == "placebo" for g in GROUP])
    assert (cox.log_ratio[0], cox.error[0], cox.log_likelihood) == pytest.approx((1.5721, 0.4124, -85.008), abs=5e-4)
    assert cox.ratios[0].value == pytest.approx(math.exp(cox.log_ratio[0]))


@settings(max_examples=40, deadline=None)
@given(people)
def test_curves_as_scipy_and_chances_sum_to_one(rows: list[tuple[int, int]]) -> None:
    time, event = np.array(rows).T
    if not event.any():
        return
    km = survival.kaplan_meier(time, event)
    other = stats.ecdf(stats.CensoredData.right_censored(time, event == 0)).sf
    assert km.value == pytest.approx(other.evaluate(km.time), abs=1e-12)
    assert ((km.low <= km.value) & (km.value <= km.high)).all()
    kinds = survival.aalen_johansen(time, event)
    assert sum(curve.value for curve in kinds.values()) + km.value == pytest.approx(np.ones(len(km.value)))
    for curve in kinds.values():
        assert (np.diff(curve.value) >= 0).all()
        assert ((curve.low <= curve.value + 1e-12) & (curve.value <= curve.high + 1e-12)).all()


def test_without_competitors_the_two_curves_and_their_variances_agree() -> None:
    """One kind of event: F = 1 - S, and the delta method gives Greenwood's interval of F on its own scale."""
    km, aj = survival.kaplan_meier(TIME, EVENT), survival.aalen_johansen(TIME, EVENT)[1]
    assert aj.value == pytest.approx(1 - km.value)
    n, d = km.at_risk, np.array([((t == TIME) & (EVENT == 1)).sum() for t in km.time])
    s, f = km.value[10], aj.value[10]
    greenwood = s * math.sqrt((d[:11] / (n[:11] * (n[:11] - d[:11]))).sum())
    width = math.log(math.log(aj.low[10]) / math.log(f))
    assert width * f * abs(math.log(f)) / 1.959963985 == pytest.approx(greenwood, rel=1e-6)


@settings(max_examples=20, deadline=None)
@given(st.floats(0.1, 30), st.randoms(use_true_random=False))
def test_units_and_order_do_not_matter(by: float, random: object) -> None:
    order = list(range(42))
    random.shuffle(order)  # type: ignore[attr-defined]
    one = survival.log_rank(TIME, EVENT, GROUP)
    two = survival.log_rank(by * TIME[order], EVENT[order], [GROUP[i] for i in order])
    assert one.chi2 == pytest.approx(two.chi2, rel=1e-9)
    assert survival.kaplan_meier(by * TIME, EVENT).value == pytest.approx(survival.kaplan_meier(TIME, EVENT).value)


def test_strata_of_one_are_none_and_hide_what_differs_between_them() -> None:
    assert survival.log_rank(TIME, EVENT, GROUP, ["x"] * 42).chi2 == pytest.approx(
        survival.log_rank(TIME, EVENT, GROUP).chi2
    )
    time = np.concatenate([TIME, TIME * 10])
    group = np.array([*(["a"] * 32 + ["b"] * 10), *(["a"] * 10 + ["b"] * 32)])
    event, strata = np.ones(84), [*["short"] * 42, *["long"] * 42]
    assert survival.log_rank(time, event, group, strata).chi2 < survival.log_rank(time, event, group).chi2


def test_restricted_mean_is_a_mean_where_nobody_is_censored() -> None:
    found = survival.restricted_mean(PLACEBO, [1] * 21, 12)
    assert found.value == pytest.approx(np.minimum(PLACEBO, 12).mean())
    error = np.minimum(PLACEBO, 12).std() / math.sqrt(21)
    assert (found.high - found.value) / 1.959963985 == pytest.approx(error, rel=1e-6)


def test_firth_as_coxphf_prints() -> None:
    """coxphf(Surv(time, status) ~ factor(x) + sex), seven people of R's help on coxph: coefficients, errors, profile
    intervals, p and the likelihood ratio on 3 degrees of freedom as the help of biostatUtil's prettyCoxph prints them;
    coxphf has Breslow's ties."""
    time, status = [4, 3, 1, 1, 2, 2, 3], [1, 1, 1, 0, 1, 1, 0]
    x, sex = np.array([0, 2, 1, 1, 1, 0, 0]), np.array([0, 0, 0, 0, 1, 1, 1])
    columns = np.column_stack([x == 1, x == 2, sex])
    found = survival.penalised_ratio(time, status, columns, efron=False)
    assert found.log_ratio == pytest.approx([1.60161779, 0.67787698, -0.09450898], abs=1e-6)
    assert found.error == pytest.approx([1.354154, 1.551143, 1.380503], rel=1e-5)
    assert [one.low for one in found.ratios] == pytest.approx([0.56823954, 0.13404776, 0.07179951], rel=1e-4)
    assert [one.high for one in found.ratios] == pytest.approx([71.53693, 39.18328, 11.88728], rel=1e-4)
    assert found.p == pytest.approx([0.1451405, 0.6041722, 0.9365575], abs=1e-5)


def test_firth_has_an_answer_where_a_group_has_no_event() -> None:
    """Two people, the first has the event: Cox has none, Firth's ratio is 3 (Heinze and Schemper 2001, section 2)."""
    found = survival.penalised_ratio([1, 2], [1, 0], [1, 0])
    assert found.ratios[0].value == pytest.approx(3, rel=1e-6)
    time, event, arm = np.arange(1, 21), np.tile([1, 0], 10), np.tile([1, 0], 10)
    with pytest.raises(survival.Parted):
        survival.hazard_ratio(time, event, arm)
    one, two = (survival.penalised_ratio(time, event, side) for side in (arm, 1 - arm))
    assert 0 < one.ratios[0].low < one.ratios[0].value < one.ratios[0].high < math.inf
    assert one.ratios[0].value == pytest.approx(1 / two.ratios[0].value, rel=1e-6)
    assert one.ratios[0].low == pytest.approx(1 / two.ratios[0].high, rel=1e-5)
    assert one.held(0, one.ratios[0].low) == pytest.approx(0.05, rel=1e-5)  # an end of the interval is at its level
    assert one.p[0] == one.held(0, 1.0) < 0.05


def test_firth_is_cox_among_many() -> None:
    rng = np.random.default_rng(4)
    arm = np.repeat([0, 1], 2000)
    when, end = rng.exponential(1 / np.where(arm == 1, 1.5, 1.0)), rng.exponential(2, 4000)
    rows = np.minimum(when, end), (when < end).astype(int), arm
    cox, firth = survival.hazard_ratio(*rows), survival.penalised_ratio(*rows)
    assert firth.log_ratio[0] == pytest.approx(cox.log_ratio[0], abs=0.01 * cox.error[0])
    assert firth.ratios[0].high == pytest.approx(cox.ratios[0].high, rel=1e-3)


def test_error_of_the_first_kind_of_log_rank_and_cox() -> None:
    """300 trials of 50 without an effect, a third censored."""
    rng, runs = np.random.default_rng(6), 300
    rank = cox = 0
    for _ in range(runs):
        event_time, end = rng.exponential(1, 50), rng.exponential(2, 50)
        time, event, arm = np.minimum(event_time, end), (event_time < end).astype(int), np.repeat([0, 1], 25)
        rank += survival.log_rank(time, event, arm).p < 0.05
        cox += survival.hazard_ratio(time, event, arm).p[0] < 0.05
    for hits in (rank, cox):
        assert abs(hits / runs - 0.05) < 3 * math.sqrt(0.05 * 0.95 / runs)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: survival.kaplan_meier([-1], [1]), "0 or more"),
        (lambda: survival.kaplan_meier([1, 2], [1]), "Lengths differ"),
        (lambda: survival.kaplan_meier([1], [0.5]), "whole numbers"),
        (lambda: survival.log_rank([1, 2], [1, 1], ["a", "a"]), "needs two groups"),
        (lambda: survival.log_rank([1, 2], [1, 0], ["a", "b"], ["x", "y"]), "nobody at risk"),
        (lambda: survival.hazard_ratio([1, 2], [0, 0], [0, 1]), "no event"),
        (lambda: survival.penalised_ratio([1, 2], [0, 0], [0, 1]), "no event"),
        (lambda: survival.hazard_ratio([1, 2, 3, 4], [1, 1, 1, 1], [1, 1, 0, 0]), "has no end"),
        (lambda: survival.restricted_mean([1, 2], [1, 1], 5), "beyond the last time"),
    ],
)
def test_times_with_nonsense_get_their_sentence(call: object, says: str) -> None:
    with pytest.raises(InputError, match=says):
        call()  # type: ignore[operator]
