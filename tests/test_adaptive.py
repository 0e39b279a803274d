"""Arms dropped at a look, and sizes told anew: one error for all, by simulation and by quadrature."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import special, stats

from pulposus.errors import InputError
from pulposus.statistics import adaptive, reestimation, sequential

RUNS, ARMS, EACH, SHARE = 10_000, 3, 40, 0.5
PLAN = sequential.design("asOF", [SHARE, 1.0], 0.025)
CRITICAL = (float(PLAN.critical[0]), float(PLAN.critical[1]))


def looked(
    effect: tuple[float, ...], rule: str, sets: str, seed: int, **how: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Trials of three arms and a control, scores of spread 1, 20 people an arm before the look and 80 after it among
    the arms that go on: which are shown, which would be by the best arm's plain Z, which went on.
    """
    rng, early = np.random.default_rng(seed), EACH // 2
    mean = np.array([0.0, *effect])
    first = rng.normal(mean, 1 / math.sqrt(early), (RUNS, 1 + ARMS))
    error = math.sqrt(2 / early)
    z1 = (first[:, 1:] - first[:, :1]) / error
    load = adaptive.loading([early] * ARMS, early)
    on = adaptive.kept(rule, z1, np.full(z1.shape, error), load, SHARE, CRITICAL[1], **how)  # type: ignore[arg-type]
    later = EACH // 2 * (1 + ARMS) / (1 + on.sum(axis=1, keepdims=True))
    second = rng.normal(mean, 1, (RUNS, 1 + ARMS)) / np.sqrt(later) + mean * (1 - 1 / np.sqrt(later))
    z2 = np.where(on, (second[:, 1:] - second[:, :1]) / np.sqrt(2 / later), np.nan)
    shown = adaptive.closed(z1, CRITICAL, SHARE, (load, np.full(ARMS, math.sqrt(0.5))), z2, sets)
    pooled = (early * (first[:, 1:] - first[:, :1]) + later * (second[:, 1:] - second[:, :1])) / np.sqrt(
        2 * (early + later)
    )
    return shown, on & (pooled >= stats.norm.isf(0.025)), on


RULES = [("best", {"keep": 1}), ("best", {"keep": 2}), ("power", {"floor": 0.1}), ("chance", {"floor": 0.25})]


@pytest.mark.parametrize("sets", adaptive.SETS)
@pytest.mark.parametrize(("rule", "how"), RULES, ids=["best one", "best two", "power", "chance"])
def test_the_family_wise_error_holds_whatever_is_dropped(rule: str, how: dict[str, float], sets: str) -> None:
    """No arm better, and one arm so much better that it always goes on: of the others, 2.5 % at most are shown."""
    error = math.sqrt(0.025 * 0.975 / RUNS)
    shown, plain, _ = looked((0.0, 0.0, 0.0), rule, sets, 1, **how)
    assert shown.any(axis=1).mean() <= 0.025 + 3 * error
    if rule == "best":
        assert shown.any(axis=1).mean() >= 0.012  # not by never showing anything
        assert plain.any(axis=1).mean() > 0.025 + 5 * error  # what choosing costs without a closed test
    mixed = looked((0.9, 0.0, 0.0), rule, sets, 2, **how)[0]
    assert mixed[:, 1:].any(axis=1).mean() <= 0.025 + 3 * error
    assert mixed[:, 0].mean() > 0.8


def test_people_who_go_to_the_best_dose_show_it_more_often() -> None:
    """One dose works: of 160 people, those after the look all in that dose and the control, against all doses kept."""
    chosen = looked((0.0, 0.2, 0.5), "best", "dunnett", 4, keep=1)[0]
    parallel = looked((0.0, 0.2, 0.5), "best", "dunnett", 4, keep=3)[0]
    assert chosen[:, 2].mean() > parallel[:, 2].mean() + 0.05


def test_two_arms_by_hand() -> None:
    """Each arm needs itself and both together; a set whose arms were all dropped has p of 1 in stage two."""
    z1, z2 = np.array([[1.5, 0.2]]), np.array([[2.0, np.nan]])
    load = (adaptive.loading([20, 20], 20),) * 2
    both = float(special.ndtri(1 - adaptive.together(z1, load[0])[0]))
    whole, own = (both + 2.0) / math.sqrt(2), 3.5 / math.sqrt(2)
    for critical in (min(whole, own) - 1e-6, min(whole, own) + 1e-6):
        [shown] = adaptive.closed(z1, (9.0, critical), 0.5, load, z2)
        assert shown.tolist() == [critical < min(whole, own), False]
    [early] = adaptive.closed(np.array([[3.5, 0.0]]), (2.9, 2.0), 0.5, load)
    assert early.tolist() == [True, False]


def test_sets_of_arms() -> None:
    """Dunnett's tabled values, one-sided 5 %, equal arms: 1.92 for two, 2.06 for three; others by hand."""
    load = adaptive.loading([1, 1, 1], 1)
    assert adaptive.together(np.array([[2.0622, 0, 0]]), load)[0] == pytest.approx(0.05, abs=2e-4)
    assert adaptive.together(np.array([[1.916399, 0, np.nan]]), load)[0] == pytest.approx(0.05, abs=1e-5)
    z = -special.ndtri(np.array([[0.01, 0.02, 0.3]]))
    assert adaptive.together(z, load, "simes")[0] == pytest.approx(0.03)
    assert adaptive.together(z, load, "bonferroni")[0] == pytest.approx(0.03)
    assert adaptive.together(z[:, [1, 1]], load[:2], "simes")[0] == pytest.approx(0.02)
    for kind in adaptive.SETS:
        assert adaptive.together(np.full((1, 3), np.nan), load, kind)[0] == 1
        for z1 in (1.3, -1.0):  # an arm that is left alone has its own p, however large
            left = np.array([[z1, np.nan, np.nan]])
            assert adaptive.together(left, load, kind)[0] == pytest.approx(stats.norm.sf(z1))
    assert len(adaptive.sets(3)) == 7


def test_the_chance_to_be_best_is_that_of_drawn_arms() -> None:
    value, own = np.array([[1.0, 1.4, 0.2]]), np.array([[0.3, 0.5, 0.1]])
    drawn = np.random.default_rng(0).normal(value, np.sqrt(own), (40_000, 3)).argmax(axis=1)
    expected = [(drawn == i).mean() for i in range(3)]
    assert adaptive.best(value, own)[0] == pytest.approx(expected, abs=4 * math.sqrt(0.25 / 40_000))
    assert adaptive.best(value, own).sum() == pytest.approx(1, abs=1e-6)


def test_rules_keep_what_they_say() -> None:
    z, error, load = np.array([[0.5, 2.0, 1.9], [-1.0, -2.0, np.nan]]), np.full((2, 3), 0.3), np.full(3, math.sqrt(0.5))
    assert adaptive.kept("best", z, error, load, 0.5, 2.0, 2).tolist() == [[False, True, True], [True, True, False]]
    power = adaptive.kept("power", z, error, load, 0.5, 2.0, floor=0.2)
    for one, on in zip(z[0], power[0], strict=True):
        assert on == (reestimation.predictive_power(one, 0.5, 2.0) >= 0.2)
    assert not power[1].any()  # a look may drop every arm
    chance = adaptive.kept("chance", z, error, load, 0.5, 2.0, floor=0.9)
    assert chance.tolist() == [[False, True, False], [True, False, False]]  # the likeliest stays in any case


# ---------------------------------------------------------------------------------------------- sizes


def error_without_weights(promising: float, first: int, second: int, most: int, critical: float) -> float:
    """Error of Z of all people held against the critical value, by quadrature over Z at the look."""
    x, w = np.polynomial.legendre.leggauss(2000)
    z1 = 6.0 * x
    total = 0.0
    for z, weight in zip(z1, 6.0 * w * stats.norm.pdf(z1), strict=True):
        n = reestimation.promising_zone(float(z), first, second, most, critical, 0.9, promising).second_stage
        needed = (critical * math.sqrt(first + n) - math.sqrt(first) * z) / math.sqrt(n)
        total += float(weight * special.ndtr(-needed))
    return total


@pytest.mark.parametrize(("first", "second", "most"), [(50, 50, 100), (50, 50, 300), (80, 40, 120), (30, 70, 400)])
def test_without_weights_the_error_holds_from_where_it_is_said_to(first: int, second: int, most: int) -> None:
    """Chen, DeMets and Lan: never later than one half of conditional power; earlier it errs more than 2.5 %."""
    critical = float(stats.norm.isf(0.025))
    begins = reestimation.plain_from(first, second, most, critical)
    assert 0.1 < begins <= 0.5
    assert error_without_weights(begins, first, second, most, critical) <= 0.025 + 1e-6
    assert error_without_weights(0.02, first, second, most, critical) > 0.0252


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: adaptive.kept("worst", np.zeros((1, 2)), np.ones((1, 2)), np.ones(2), 0.5, 2.0), "write one of best"),
        (lambda: adaptive.together(np.zeros((1, 2)), np.zeros(2), "dunett"), "did you mean 'dunnett'"),
        (lambda: adaptive.sets(12), "takes 8 arms or fewer"),
        (lambda: adaptive.loading([10], 0), "give people to all"),
    ],
)
def test_nonsense_of_arms_gets_its_sentence(call: object, said: str) -> None:
    with pytest.raises(InputError, match=said):
        call()  # type: ignore[operator]
