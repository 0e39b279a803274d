"""Several hypotheses at several looks: against closed tests at their own shares of the error, and what they err."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import optimize, special

from pulposus.errors import InputError
from pulposus.statistics import graphical, multiplicity, sequential

PLANS = [
    (kind, looks, *error) for kind in ("asOF", "asP") for looks in (2, 3) for error in ((0.025, 1), (0.05, 2))
]


@pytest.mark.parametrize(("kind", "looks", "alpha", "sides"), PLANS)
def test_what_falls_is_what_the_closed_test_rejects(kind: str, looks: int, alpha: float, sides: int) -> None:
    """A set of hypotheses falls where one of it reaches what the look asks at that set's share of the error."""
    plan = sequential.design(kind, looks, alpha, sides)
    share = {m: sequential.design(kind, looks, alpha / m, sides).local_levels for m in (1, 2, 3)}
    rng, fell = np.random.default_rng(3), 0
    for _ in range(200):
        look = int(rng.integers(looks))
        p = plan.local_levels[look] * rng.random(3) ** 2 * 1.5
        found = graphical.adjusted(plan, look, p, [0, 0, 0]) <= plan.local_levels[look]
        sets = [one for size in (1, 2, 3) for one in itertools.combinations(range(3), size)]
        falls = {one: any(p[i] <= share[len(one)][look] for i in one) for one in sets}
        assert found.tolist() == [all(falls[one] for one in sets if i in one) for i in range(3)]
        fell += int(found.sum())
    assert 100 < fell < 500  # neither all nor nothing


@pytest.mark.parametrize(("kind", "looks", "alpha", "sides"), PLANS)
def test_each_hypothesis_spends_its_share_and_no_more(kind: str, looks: int, alpha: float, sides: int) -> None:
    """What one of two and of three reaches first, crossed at any look, is a half and a third of the error."""
    plan = sequential.design(kind, looks, alpha, sides)
    for m in (2, 3):
        rest = [1.0] * (m - 1)

        def short(p: float, look: int, rest: list[float] = rest) -> float:
            held = graphical.adjusted(plan, look, [p, *rest], [0] * (len(rest) + 1))[0]
            return float(held - plan.local_levels[look])

        first = [
            optimize.brentq(short, level / m / 20, level, args=(look,), xtol=1e-13)
            for look, level in enumerate(plan.local_levels.tolist())
        ]
        critical = -special.ndtri(first)
        none = np.full(looks, -math.inf)
        own = sequential._cross(plan.information, critical, none, sides, 0.0)
        assert (own.effect + own.wrong).sum() == pytest.approx(alpha / m, rel=1e-6)
        # Holm's procedure on p of each look spends more than the share: nothing holds the sum
        holm = sequential._cross(plan.information, -special.ndtri(plan.local_levels / m), none, sides, 0.0)
        assert (holm.effect + holm.wrong).sum() > 1.002 * alpha / m


def test_families_wait_for_those_before() -> None:
    plan = sequential.design("asOF", 2, 0.025, 1)
    level = plan.local_levels[1]
    first, second = graphical.adjusted(plan, 1, [level * 0.9, level * 0.1], [0, 1])
    assert first == level * 0.9
    assert second == pytest.approx(first, rel=1e-6)
    shut = graphical.adjusted(plan, 1, [level * 1.1, level * 0.1], [0, 1])
    assert (shut > level).all()


@pytest.mark.parametrize("look", [0, 1])
def test_adjusted_p_keep_their_order_and_are_never_less(look: int) -> None:
    plan, ones = sequential.design("asOF", [0.5, 1.0], 0.05, 2), np.zeros(2, int)
    rising = [graphical.adjusted(plan, look, [p, 0.49], ones)[0] for p in np.linspace(0.001, 0.48, 60)]
    assert (np.diff(rising) >= -1e-9).all()
    assert (np.array(rising) >= np.linspace(0.001, 0.48, 60) - 1e-9).all()


def test_one_look_is_holm_and_a_hypothesis_alone_keeps_its_p() -> None:
    p = [0.01, 0.3, 0.02]
    one = sequential.design("asOF", [1.0], 0.025, 1)
    assert graphical.adjusted(one, 0, p, [0, 0, 0]).tolist() == multiplicity.holm(p).tolist()
    two = sequential.design("asOF", 2, 0.025, 1)
    assert [graphical.adjusted(two, look, [0.013], [0])[0] for look in (0, 1)] == [0.013, 0.013]
    assert graphical.adjusted(two, 0, [0.0, 1.0], [0, 0]) == pytest.approx([0, 1], abs=1e-12)
    with pytest.raises(InputError, match="look is 2"):
        graphical.adjusted(two, 2, p, [0, 0, 0])


@pytest.mark.parametrize(("kind", "sides", "alpha"), [("asOF", 2, 0.05), ("asP", 2, 0.05), ("asOF", 1, 0.025)])
@pytest.mark.parametrize("better", [(0.0, 0.0), (0.0, 0.0, 0.0), (0.0, 0.0, 4.0)], ids=str)
def test_arms_that_share_a_control_err_no_more_than_the_error(
    kind: str, sides: int, alpha: float, better: tuple[float, ...]
) -> None:
    """No arm better, and one that is: of the others one is shown, at any of three looks, in alpha at most."""
    runs, looks, m = 4000, 3, len(better)
    plan, rng = sequential.design(kind, looks, alpha, sides), np.random.default_rng(5)
    step = 1 / looks
    moves = rng.normal(size=(runs, looks, m)) + rng.normal(size=(runs, looks, 1))
    sums = np.cumsum(math.sqrt(step / 2) * moves + step * np.array(better), axis=1)
    z = sums / np.sqrt(plan.information)[:, None]
    p = special.ndtr(-np.abs(z)) if sides == 2 else special.ndtr(-z)
    wrong = 0
    for one in p:
        if (one <= plan.local_levels[:, None]).any():  # else nothing falls
            falls = np.array([
                graphical.adjusted(plan, look, one[look], [0] * m) <= level
                for look, level in enumerate(plan.local_levels.tolist())
            ])  # fmt: skip
            wrong += bool(falls[:, np.array(better) == 0].any())
    assert wrong / runs <= alpha + 3 * math.sqrt(alpha * (1 - alpha) / runs)
