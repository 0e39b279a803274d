"""Looks at a running trial, and sizes, against rpact 3.3.4 and base R; the R calls stand beside the numbers.

`g(...)` below is ``getDesignGroupSequential(typeOfDesign=..., kMax= or informationRates=, alpha=, sided=, beta=)``.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from pulposus.errors import InputError
from pulposus.statistics import power, reestimation, sequential

THREE, FIVE, UNEQUAL = (3, 0.025, 1, 0.8), (5, 0.05, 2, 0.9), ((0.3, 0.7, 1), 0.025, 1, 0.9)

# g(...)$criticalValues; getDesignCharacteristics(g(...)): inflationFactor, shift, averageSampleNumber1, 01, 0
RPACT = [
    ("OF", THREE, (3.471091445, 2.454432299, 2.004035580), (1.017406224, 7.985499096, 0.8562114874,
        0.9830924324, 1.014890099)),
    ("OF", FIVE, (4.561742299, 3.225638914, 2.633723144, 2.280871149, 2.040073175), (1.026486304, 10.78572586,
        0.7502542556, 0.9606535656, 1.019146445)),
    ("OF", UNEQUAL, (3.667259100, 2.400784631, 2.008640533), (1.01711903, 10.68729995, 0.8121798424,
        0.969896793, 1.01455747)),
    ("P", THREE, (2.289478456, 2.289478456, 2.289478456), (1.166386064, 9.154823942, 0.8185767695, 1.068030158,
        1.154724278)),
    ("P", FIVE, (2.41317622,) * 5, (1.206603206, 12.67829036, 0.684912418, 1.05222754, 1.176742281)),
    ("P", UNEQUAL, (2.293074816,) * 3, (1.152054492, 12.10512393, 0.7315875268, 1.030566133, 1.140352266)),
    ("asOF", THREE, (3.710302873, 2.511427484, 1.993047483), (1.012794813, 7.94930468, 0.8655689752, 0.9827656,
        1.010717943)),
    ("asOF", FIVE, (4.876884949, 3.357011922, 2.680280067, 2.289816774, 2.031032048), (1.023078326, 10.7499168,
        0.7586670147, 0.9610218271, 1.016360981)),
    ("asOF", UNEQUAL, (3.928572543, 2.438742377, 2.000008576), (1.013896237, 10.65343671, 0.8202864337,
        0.9703207927, 1.011632777)),
    ("asP", THREE, (2.279428239, 2.294911139, 2.295939587), (1.170419372, 9.186480891, 0.8194152628,
        1.070945864, 1.158557025)),
    ("asP", FIVE, (2.437976688, 2.426813863, 2.410193838, 2.396645404, 2.385984562), (1.192347644, 12.52850114,
        0.6839926928, 1.042866457, 1.163828066)),
    ("asP", UNEQUAL, (2.311835304, 2.258346356, 2.306182884), (1.155458829, 12.14089475, 0.7329266312,
        1.032219003, 1.143811442)),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "asked", "critical", "size"), RPACT, ids=lambda x: x if isinstance(x, str) else None)
def test_boundaries_and_sizes_as_rpact(kind: str, asked: tuple, critical: tuple, size: tuple) -> None:
    looks, alpha, sides, wanted = asked
    plan = sequential.design(kind, looks, alpha, sides)
    assert plan.critical == pytest.approx(critical, rel=1e-6)
    drift = sequential.drift_for(plan, wanted)
    one = sequential.fixed_drift(alpha, sides, wanted) ** 2
    expected = [sequential.expected_share(plan, part * drift) * drift**2 / one for part in (1, 0.5, 0)]
    assert (sequential.inflation(plan, wanted), drift**2, *expected) == pytest.approx(size, rel=1e-6)


def test_spent_error_as_rpact() -> None:
    """g("asOF", 3, .025)$alphaSpent; g("asP", 5, .05, sided 2)$alphaSpent."""
    spent = sequential.design("asOF", 3).spent
    assert spent == pytest.approx([0.0001035057181, 0.0060483890773, 0.025], rel=1e-6)
    spent = sequential.design("asP", 5, 0.05, 2).spent
    assert spent == pytest.approx([0.01476972646, 0.02615685800, 0.03542565327, 0.04324198607, 0.05], rel=1e-6)


def test_futility_as_rpact() -> None:
    """g("asOF", 3, .025, beta=.1, futilityBounds=c(0,.5)), and with bindingFutility=TRUE."""
    free = sequential.design("asOF", 3, futility=[0, 0.5])
    bound = sequential.design("asOF", 3, futility=[0, 0.5], binding=True)
    assert free.critical == pytest.approx([3.710302873, 2.511427484, 1.993047483], rel=1e-6)
    assert bound.critical == pytest.approx([3.710302873, 2.510358103, 1.964951955], rel=1e-6)
    assert sequential.inflation(free) == pytest.approx(1.066977147, rel=1e-6)
    assert sequential.inflation(bound) == pytest.approx(1.052571775, rel=1e-6)
    one = sequential.fixed_drift(0.025, 1, 0.9) ** 2
    for plan, asn in (
        (free, (0.8230896005, 0.8688886933, 0.6241126637)),
        (bound, (0.8140455993, 0.8562311618, 0.6156801109)),
    ):
        drift = sequential.drift_for(plan)
        ours = [sequential.expected_share(plan, part * drift) * drift**2 / one for part in (1, 0.5, 0)]
        assert ours == pytest.approx(asn, rel=1e-6)


def test_people_as_rpact() -> None:
    """getSampleSizeMeans(g("asOF", 3, beta=.1), alternative=8, stDev=20, normalApproximation=TRUE); and for
    g("P", 2, alpha=.05, beta=.2, sided=2), allocationRatioPlanned=2; getPowerMeans(..., maxNumberOfSubjects=280)."""
    size = sequential.sample_size(sequential.design("asOF", 3), 8, 20)
    ours = (size.maximum, size.expected_null, size.expected_half, size.expected_effect, size.one_look)
    assert ours == pytest.approx((265.7991265, 265.2540701, 254.9894445, 213.1620292, 262.6855765), rel=1e-6)
    size = sequential.sample_size(sequential.design("P", 2, 0.05, 2), 8, 20, 0.8, 2)
    ours = (size.maximum, size.expected_null, size.expected_effect)
    assert ours == pytest.approx((245.1233032, 241.5217318, 188.2724073), rel=1e-6)
    plan = sequential.design("asOF", 3)
    for effect, wins, people in (
        (0, 0.0249999997, 279.4258229),
        (4, 0.3821260799, 267.9266574),
        (8, 0.9142334717, 221.6193403),
    ):
        drift = effect / 20 * math.sqrt(280 / 4)
        assert sequential.crossing(plan, drift).power == pytest.approx(wins, rel=1e-6)
        assert 280 * sequential.expected_share(plan, drift) == pytest.approx(people, rel=1e-6)


# g(kMax=1, ...): getSampleSizeMeans(alternative=8, stDev=20)$nFixed; getSampleSizeRates(pi1=.7, pi2=.5)$nFixed;
# getSampleSizeSurvival(hazardRatio=.7, pi2=.3, eventTime=12, accrualTime=12, followUpTime=12)$eventsFixed, $nFixed
FIXED = [
    ((0.025, 1, 0.9), 1, (264.6211354, 247.9972599, 330.3779140, 915.4098675)),
    ((0.025, 1, 0.9), 2, (297.4551750, 276.5775598, 371.6751532, 1080.0326669)),
    ((0.05, 2, 0.8), 1, (198.1611032, 185.9976897, 246.7871045, 683.7967707)),
    ((0.05, 2, 0.8), 2, (222.6868380, 206.2270109, 277.6354926, 806.7674122)),
]


@pytest.mark.parametrize(("asked", "ratio", "expected"), FIXED)
def test_sizes_of_one_look_as_rpact(asked: tuple, ratio: int, expected: tuple) -> None:
    alpha, sides, wanted = asked
    ours = (
        power.size_means(8, 20, wanted, alpha, sides, ratio),
        power.size_shares(0.7, 0.5, wanted, alpha, sides, ratio),
        power.events_needed(0.7, wanted, alpha, sides, ratio),
        power.size_survival(-math.log(0.7) / 12, 0.7, 12, 12, wanted, alpha, sides, ratio),
    )
    assert ours == pytest.approx(expected, rel=1e-6)


def test_power_of_one_look_as_r() -> None:
    """getPowerRates(g(kMax=1), pi1=.7, pi2=.5, maxNumberOfSubjects=200); getPowerMeans(alternative=8, stDev=20, 200);
    power.prop.test(p1=.7, p2=.5, power=.9, tol=1e-12)$n."""
    assert power.power_shares(200, 0.7, 0.5) == pytest.approx(0.8281094027, rel=1e-6)
    assert power.power_means(200, 8, 20) == pytest.approx(0.8036466049, rel=1e-6)
    assert power.size_shares(0.7, 0.5, 0.9, 0.05, 2) / 2 == pytest.approx(123.99862995, rel=1e-6)


@settings(max_examples=15, deadline=None)
@given(st.sampled_from(list(sequential.KINDS)), st.integers(2, 4), st.sampled_from([0.01, 0.025, 0.05]))
def test_error_is_spent_whole_and_boundaries_are_monotone(kind: str, looks: int, alpha: float) -> None:
    plan = sequential.design(kind, looks, alpha)
    assert plan.spent[-1] == pytest.approx(alpha, rel=1e-9)
    assert (np.diff(plan.spent) > 0).all()
    assert plan.critical[-1] >= stats.norm.isf(alpha) - 1e-9
    if kind in ("OF", "asOF"):
        assert (np.diff(plan.critical) < 0).all()
    low, high = (sequential.crossing(plan, d).power for d in (1.0, 1.5))
    assert alpha < low < high


@settings(max_examples=15, deadline=None)
@given(st.floats(0.5, 20), st.floats(1, 30), st.floats(0.2, 5))
def test_sizes_go_with_the_square_of_the_scale(effect: float, sd: float, by: float) -> None:
    plan = sequential.design("OF", 2)
    one, two = (sequential.sample_size(plan, f * effect, f * sd).maximum for f in (1, by))
    assert one == pytest.approx(two, rel=1e-9)
    assert power.size_shares(0.5, 0.4) == pytest.approx(power.size_shares(0.4, 0.5))


def test_a_density_followed_by_quadrature_is_that_of_paths() -> None:
    """100,000 simulated paths under drift 2: chances at each look within four Monte-Carlo errors."""
    plan, rng, n = sequential.design("asOF", (0.4, 0.7, 1), futility=(0.2, 0.6)), np.random.default_rng(2), 100_000
    step = np.diff(np.concatenate([[0], plan.information]))
    z = np.cumsum(rng.normal(2 * step, np.sqrt(step), (n, 3)), axis=1) / np.sqrt(plan.information)
    on, found = np.ones(n, bool), sequential.crossing(plan, 2)
    for k in range(3):
        up, idle = on & (z[:, k] >= plan.critical[k]), on & (z[:, k] < plan.futility[k])
        for share, chance in ((up.mean(), found.effect[k]), (idle.mean(), found.futility[k])):
            assert abs(share - chance) <= 4 * math.sqrt(chance * (1 - chance) / n)
        on &= ~(up | idle)


def test_conditional_power_as_rpact() -> None:
    """d <- getDesignInverseNormal(kMax=2, alpha=.025, typeOfDesign="asOF", informationRates=c(.5,1)); stage 1 of 50
    and 50, means 6 and 0, sd 20: getConditionalPower(getStageResults(d, data, normalApproximation=TRUE),
    nPlanned=100, thetaH1=6, assumedStDev=20)$conditionalPower; and the same through promising_zone."""
    critical = sequential.design("asOF", (0.5, 1)).critical[-1]
    assert critical == pytest.approx(1.96859564632, rel=1e-7)
    assert reestimation.conditional_power(1.5, 0.5, critical) == pytest.approx(0.585500411846, rel=1e-7)
    assert reestimation.promising_zone(1.5, 100, 100, 200, critical).planned_power == pytest.approx(0.585500411846)


def test_zones() -> None:
    critical = stats.norm.isf(0.025)
    zones = [reestimation.promising_zone(z, 100, 100, 300, critical) for z in (-1, 0.5, 1.5, 1.7, 2.5)]
    assert [one.zone for one in zones] == ["unfavourable", "unfavourable", "promising", "promising", "favourable"]
    assert zones[2].second_stage > zones[3].second_stage > 100
    for one in zones[2:4]:
        assert one.power >= 0.9 or one.second_stage == 300
        assert one.power > one.planned_power
    assert zones[0].second_stage == zones[4].second_stage == 100


def test_resizing_costs_no_error() -> None:
    """10,000 trials without an effect, resized from 30 % conditional power on: 2.5 % with weights fixed beforehand; and
    with an effect half of that planned, resizing wins trials."""
    rng, n, critical = np.random.default_rng(7), 10_000, stats.norm.isf(0.025)
    for drift in (0.0, 0.15):
        resized = planned = 0
        for z1, noise in rng.normal(size=(n, 2)) + [drift * math.sqrt(50), 0]:
            people = reestimation.promising_zone(z1, 50, 50, 200, critical).second_stage
            p = stats_sf([z1, noise + drift * math.sqrt(people)])
            resized += reestimation.inverse_normal(p, [1, 1]) >= critical
            planned += (z1 + noise + drift * math.sqrt(50)) / math.sqrt(2) >= critical
        if drift == 0:
            assert abs(resized / n - 0.025) < 4 * math.sqrt(0.025 * 0.975 / n)
        else:
            assert resized > planned
    assert reestimation.inverse_normal(stats.norm.sf([1.2, 0.7]), [1, 1]) == pytest.approx(1.9 / math.sqrt(2))
    assert reestimation.inverse_normal([0.02], [5]) == pytest.approx(stats.norm.isf(0.02))


def stats_sf(z: list[float]) -> np.ndarray:
    """One-sided p of Z, quickly."""
    return special.ndtr(-np.array(z))


def test_predictive_power_is_conditional_power_averaged() -> None:
    rng = np.random.default_rng(1)
    drift = 1.2 / math.sqrt(0.5) + rng.normal(0, math.sqrt(2), 4000)
    mean = np.mean([reestimation.conditional_power(1.2, 0.5, 1.96, d) for d in drift])
    assert reestimation.predictive_power(1.2, 0.5, 1.96) == pytest.approx(mean, abs=0.02)


def test_assurance_is_power_averaged_over_the_prior() -> None:
    """Closed form against quadrature; without spread it is the power; endless people give the chance of any effect."""

    def chance(effect: float) -> float:
        return power.assurance(200, effect, 0, 20)

    assert power.assurance(200, 6, 4, 20) == pytest.approx(power.assured(chance, 6, 4), rel=1e-9)
    assert power.assurance(200, 6, 0, 20) == pytest.approx(
        stats.norm.cdf(6 / 20 * math.sqrt(50) - stats.norm.isf(0.025))
    )
    assert power.assurance(1e12, 6, 4, 20) == pytest.approx(stats.norm.cdf(1.5), rel=1e-4)


def test_chance_of_an_event() -> None:
    """All who join at once and nobody lost: 1 - exp(-h t); dropout lowers it."""
    assert power.event_chance(0.1, 1e-9, 5) == pytest.approx(1 - math.exp(-0.5), rel=1e-6)
    assert power.event_chance(0.1, 12, 12, 0.05) < power.event_chance(0.1, 12, 12)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: sequential.design("asof", 3), "did you mean 'asOF'"),
        (lambda: sequential.design("OF", 0), "number of looks"),
        (lambda: sequential.design("OF", (0.5, 0.4, 1)), "rise and end at 1"),
        (lambda: sequential.design("OF", (0.5, 0.9)), "rise and end at 1"),
        (lambda: sequential.design("OF", 3, sides=3), "write 1 or 2"),
        (lambda: sequential.design("asP", 3, 0.6), "below 0.5"),
        (lambda: sequential.design("asOF", 3, 0.9), "below 0.5"),
        (lambda: sequential.design("OF", 3, futility=[0]), "one for each look but the last"),
        (lambda: sequential.design("P", 2, futility=[5]), "lower it"),
        (lambda: sequential.drift_for(sequential.design("P", 2), 0.01), "ask for more"),
        (lambda: sequential.sample_size(sequential.design("P", 2), 0, 1), "effect is 0"),
        (lambda: power.size_means(0, 1), "no size gives power"),
        (lambda: power.size_shares(0.5, 0.5), "shares that differ"),
        (lambda: power.events_needed(1), "hazards that differ"),
        (lambda: power.size_means(1, -1), "above 0"),
        (lambda: power.event_chance(0.1, 1, -1), "below 0"),
        (lambda: reestimation.conditional_power(1, 1.5, 2), "between 0 and 1"),
        (lambda: reestimation.promising_zone(1, 50, 50, 40, 2), "planned number or more"),
        (lambda: reestimation.inverse_normal([2], [1]), "from 0 to 1"),
    ],
)
def test_trials_with_nonsense_get_their_sentence(call: object, says: str) -> None:
    with pytest.raises(InputError, match=says):
        call()  # type: ignore[operator]


@pytest.mark.parametrize("sides", [1, 2])
@pytest.mark.parametrize("drift", [0.0, 2.0, 4.0, -1.0])
def test_an_early_stop_is_told_without_leaning_either_way(sides: int, drift: float) -> None:
    """Of 4,000 trials one half lies above the truth; what is seen where they ended lies above it more often."""
    plan, rng, runs = sequential.design("asP", 2, 0.025 * sides, sides), np.random.default_rng(2), 4000
    sums = np.cumsum(rng.normal(drift / 2, math.sqrt(0.5), (runs, 2)), axis=1)
    z = sums / np.sqrt(plan.information)
    over = (np.abs(z) if sides == 2 else z) >= plan.critical
    look = np.where(over[:, 0], 0, 1)
    last = z[np.arange(runs), look]
    grid = np.linspace(-6, 10, 161)
    told = [np.interp(last, grid, [sequential.median_unbiased(plan, k, one) for one in grid]) for k in (0, 1)]
    above = np.where(look == 0, *told) > drift
    assert abs(above.mean() - 0.5) <= 3 * math.sqrt(0.25 / runs)
    if drift == 2.0:
        seen = last / np.sqrt(plan.information[look]) > drift
        assert seen.mean() > 0.5 + 3 * math.sqrt(0.25 / runs)


def test_at_the_first_look_the_median_is_what_is_seen() -> None:
    plan = sequential.design("asOF", 3, 0.05, 2)
    assert sequential.median_unbiased(plan, 0, 4.0) == pytest.approx(4.0 / math.sqrt(1 / 3), abs=1e-6)
    assert sequential.median_unbiased(plan, 2, -2.5) == pytest.approx(-sequential.median_unbiased(plan, 2, 2.5))
    assert 0 < sequential.median_unbiased(plan, 2, 2.5) < 2.5  # it did not stop before
    soon = sequential.design("asOF", [0.01, 1.0])
    assert sequential.median_unbiased(soon, 0, -5.0) == pytest.approx(-50.0, abs=1e-6)
    with pytest.raises(InputError, match="futility"):
        sequential.median_unbiased(sequential.design("asOF", 3, futility=[0, 0.5]), 1, 2.0)
    with pytest.raises(InputError, match="look is 3"):
        sequential.median_unbiased(plan, 3, 2.0)
