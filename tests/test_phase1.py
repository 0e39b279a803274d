"""First doses: the published tables of BOIN, CRM against R's integrate, 3+3 against its exact chances."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pulposus.errors import InputError
from pulposus.statistics import phase1
from pulposus.statistics.phase1 import STOP, Boin, Crm, ThreePlusThree

SKELETON = (0.05, 0.10, 0.20, 0.35, 0.50, 0.70)


def test_boin_table_as_published() -> None:
    """Liu and Yuan 2015; BOIN::get.boundary(target=0.3, ncohort=10, cohortsize=3)."""
    plan = Boin(0.30)
    assert plan.boundaries == pytest.approx((0.2364907, 0.3585195), abs=5e-8)
    rows = [row for row in plan.table() if row["treated"] % 3 == 0]
    assert [row["escalate"] for row in rows] == [0, 1, 2, 2, 3, 4, 4, 5, 6, 7]
    assert [row["de_escalate"] for row in rows] == [2, 3, 4, 5, 6, 7, 8, 9, 10, 11]
    assert [row["eliminate"] for row in rows] == [3, 4, 5, 7, 8, 9, 10, 11, 12, 14]


def test_boin_decides_as_its_table_says() -> None:
    plan = Boin(0.30)
    for row in plan.table(12):
        for toxic in range(row["treated"] + 1):
            goes = plan.decide((3, row["treated"], 0), (0, toxic, 0), 1)
            if toxic <= row["escalate"]:
                assert goes == 2
            elif row["de_escalate"] is not None and toxic >= row["de_escalate"]:
                assert goes == 0
            else:
                assert goes == 1
    assert plan.decide((3, 0), (3, 0), 0) == STOP
    assert plan.decide((30, 0), (0, 0), 0) == STOP


@settings(max_examples=40, deadline=None)
@given(st.floats(0.1, 0.5), st.integers(1, 30))
def test_boin_boundaries_enclose_the_target_and_rise(target: float, most: int) -> None:
    plan = Boin(target)
    up, down = plan.boundaries
    assert plan.interval[0] < up < target < down < plan.interval[1]
    rows = plan.table(most)
    for one, two in itertools.pairwise(rows):
        assert one["escalate"] <= two["escalate"] <= one["escalate"] + 1
        assert two["de_escalate"] is None or one["de_escalate"] is None or one["de_escalate"] <= two["de_escalate"]


def test_crm_as_integrate() -> None:
    """level <- c(3,4,4,3,3,4,3,2,2,2); y <- c(0,0,1,0,0,1,1,0,0,0); prior^exp(a), a ~ N(0, 1.34);
    m <- integrate(a L(a)) / integrate(L(a)), rel.tol 1e-12: prior^exp(m); chances to exceed 0.2 below
    log(log(.2)/log(prior))."""
    treated, events = (0, 3, 4, 3, 0, 0), (0, 0, 1, 2, 0, 0)
    shares, over = Crm(0.2, SKELETON).posterior(treated, events)
    expected = [0.0886529470168, 0.1553009274974, 0.2720538785584, 0.4277897776630, 0.5708462173756, 0.7493958348883]
    assert shares == pytest.approx(expected, rel=1e-6)
    expected = [0.150420093866, 0.343881148092, 0.695514413589, 0.953547098825, 0.998137453628, 0.999999810984]
    assert over == pytest.approx(expected, abs=1e-7)
    assert Crm(0.2, SKELETON).select(treated, events) == 1


def test_a_skeleton_has_its_indifference_interval() -> None:
    """Where the lower of two neighbours has target - half width, the upper one has target + half width."""
    shares = phase1.skeleton(0.25, 6, 2, 0.05)
    assert shares[2] == 0.25
    assert (np.diff(shares) > 0).all()
    for low, high in itertools.pairwise(shares):
        assert low ** (math.log(0.30) / math.log(high)) == pytest.approx(0.20)


def exact_three(truth: tuple[float, ...]) -> tuple[list[float], float]:
    """Exact chances of each selection under the classical rule, by following every outcome."""

    def binom(k: int, p: float) -> float:
        return math.comb(3, k) * p**k * (1 - p) ** (3 - k)

    plan, chances = ThreePlusThree(), dict.fromkeys(range(-1, len(truth)), 0.0)
    stack = [((0,) * len(truth), (0,) * len(truth), 0, 1.0)]
    while stack:
        n, y, dose, chance = stack.pop()
        for toxic in range(4):
            after_n = tuple(v + 3 * (i == dose) for i, v in enumerate(n))
            after_y = tuple(v + toxic * (i == dose) for i, v in enumerate(y))
            to = plan.decide(after_n, after_y, dose)
            weight = chance * binom(toxic, truth[dose])
            if to == STOP:
                chances[plan.select(after_n, after_y)] += weight
            else:
                stack.append((after_n, after_y, to, weight))
    return [chances[i] for i in range(len(truth))], chances[STOP]


def test_three_plus_three_as_its_exact_chances() -> None:
    truth = (0.1, 0.25, 0.45)
    selected, none = exact_three(truth)
    assert sum(selected) + none == pytest.approx(1)
    p = truth[0]
    goes_on = (1 - p) ** 3 + 3 * p * (1 - p) ** 2 * (1 - p) ** 3
    assert none >= 1 - goes_on  # the first dose stops at once, or later when it is filled to six
    found = phase1.operating(ThreePlusThree(), truth, runs=1500, seed=3)
    for ours, chance in zip([*found.selected, found.none], [*selected, none], strict=True):
        assert abs(ours - chance) < 4 * math.sqrt(chance * (1 - chance) / 1500)


@pytest.mark.parametrize("plan", [Boin(0.3), Crm(0.3, tuple(phase1.skeleton(0.3, 5, 2, 0.07)))], ids=["BOIN", "CRM"])
def test_plans_find_the_dose_and_stop_where_all_are_toxic(plan: phase1.Plan) -> None:
    found = phase1.operating(plan, [0.05, 0.12, 0.30, 0.50, 0.65], runs=250, seed=1)
    assert int(np.argmax(found.selected)) == 2
    assert found.selected.sum() + found.none == pytest.approx(1)
    assert found.size <= 30
    assert (found.events <= found.treated).all()
    toxic = phase1.operating(plan, [0.7, 0.8, 0.85, 0.9, 0.95], runs=100, seed=1)
    assert toxic.none > 0.8
    assert toxic.size < 15


def test_a_run_is_the_same_in_any_number_of_runs() -> None:
    one, two = (phase1.operating(Boin(0.25), [0.1, 0.25, 0.5], runs=n, seed=4) for n in (1, 1))
    assert (one.treated == two.treated).all()
    many = [phase1.operating(Boin(0.25), [0.1, 0.25, 0.5], runs=n, seed=4).treated * n for n in (1, 2)]
    assert (many[1] >= many[0]).all()


def test_monotone_is_the_nearest_rising_row() -> None:
    values, weights = np.array([0.1, 0.5, 0.2, 0.3]), np.array([1.0, 1, 2, 1])
    assert phase1.monotone(values, weights) == pytest.approx([0.1, 0.3, 0.3, 0.3])


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: Boin(30), "target is 30"),
        (lambda: Boin(0.3, toxic=0.2), "shares that rise"),
        (lambda: Boin(0.3, cohort=3, most=2), "3 or more"),
        (lambda: Boin(0.3).decide((3,), (4,), 0), "more people with events"),
        (lambda: Boin(0.3).decide((3, 0), (0, 0), 5), "numbered from 0 to 1"),
        (lambda: Crm(0.3, (0.3, 0.2)), "rise between 0 and 1"),
        (lambda: Crm(0.3, SKELETON).posterior((3,), (0,)), "skeleton of 6"),
        (lambda: phase1.skeleton(0.1, 5, 2, 0.2), "between 0 and 1"),
        (lambda: phase1.operating(Boin(0.3), [0.1, 1.2]), "outside 0 to 1"),
    ],
)
def test_plans_with_nonsense_get_their_sentence(call: object, says: str) -> None:
    with pytest.raises(InputError, match=says):
        call()  # type: ignore[operator]
