"""Pooled studies against metafor 3.8 (R 4.2), and the laws that hold whatever the numbers.

The R calls that gave the expected numbers stand beside them; R is not needed here. `ctl` is
``list(threshold=1e-11, stepadj=0.5, maxiter=10000)``, so that metafor's own iteration is not what is compared.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pulposus.errors import InputError
from pulposus.statistics import effect, estimate, meta
from pulposus.statistics.estimate import Estimate

# metadat::dat.bcg, columns tpos tneg cpos cneg.
BCG = np.array(
    [
        (4, 119, 11, 128), (6, 300, 29, 274), (3, 228, 11, 209), (62, 13536, 248, 12619), (33, 5036, 47, 5761),
        (180, 1361, 372, 1079), (8, 2537, 10, 619), (505, 87886, 499, 87892), (29, 7470, 45, 7232),
        (17, 1699, 65, 1600), (186, 50448, 141, 27197), (5, 2493, 3, 2338), (27, 16886, 29, 17825),
    ]
)  # fmt: skip
# metadat::dat.normand1999, columns n1i m1i sd1i n2i m2i sd2i.
NORMAND = np.array(
    [
        (155, 55, 47, 156, 75, 64), (31, 27, 7, 32, 29, 4), (75, 64, 17, 71, 119, 29), (18, 66, 20, 18, 137, 48),
        (8, 14, 8, 13, 18, 11), (57, 19, 7, 52, 18, 4), (34, 52, 45, 33, 41, 34), (110, 21, 16, 183, 31, 27),
        (60, 30, 27, 52, 23, 20),
    ]
)  # fmt: skip
Y = np.array([-1, 0.5, 0.5, 0.5, 1, 1, 2, 10])
V = np.array([1, 1, 2.4, 0.5, 1, 1, 1.2, 1.5])


def table(data: np.ndarray) -> tuple[np.ndarray, ...]:
    """Events and totals of a table of four cells."""
    a, b, c, d = data.T
    return a, a + b, c, c + d


def sets() -> dict[str, effect.Effects]:
    """The data sets that are compared."""
    n1, m1, s1, n2, m2, s2 = NORMAND.T
    return {
        "bcg RR": effect.log_risk_ratio(*table(BCG)),
        "bcg OR": effect.log_odds_ratio(*table(BCG)),
        "normand SMD": effect.hedges(m1, s1, n1, m2, s2, n2),
        "normand MD": effect.mean_difference(m1, s1, n1, m2, s2, n2),
        "vector": effect.Effects(Y, V, "given"),
    }


SETS = sets()

# rma(yi, vi, method=..., control=ctl): b, se, ci.lb, ci.ub, tau2, I2, H2 ("z")
PLAIN = {
    ("bcg RR", "FE"): (-4.30285163654e-01, 4.04987517109e-02, -5.09661258426e-01, -3.50909068882e-01, 0,
        92.1173468546, 12.6860840069),
    ("bcg RR", "DL"): (-7.14117222073e-01, 1.78742089535e-01, -1.06444528008e00, -3.63789164062e-01,
        0.308760262862, 92.1173468546, 12.6860840069),
    ("bcg RR", "REML"): (-7.14532342158e-01, 1.79781516105e-01, -1.06689763881, -3.62167045506e-01,
        0.313243258136, 92.2213845213, 12.8557582353),
    ("bcg RR", "PM"): (-7.14968153493e-01, 1.80892191538e-01, -1.06951033399, -3.60425972995e-01,
        0.318068452205, 92.3303379542, 13.0383841429),
    ("bcg OR", "DL"): (-7.47392349732e-01, 1.92262848971e-01, -1.12422060928, -3.70564090184e-01,
        0.366343406726, 92.6454777446, 13.5970762651),
    ("bcg OR", "REML"): (-7.45177770844e-01, 1.86027912751e-01, -1.10978577996, -3.80569761732e-01,
        0.337772033112, 92.0726912933, 12.6146216452),
    ("bcg OR", "PM"): (-7.45460390532e-01, 1.86790336471e-01, -1.11156272268, -3.79358058388e-01,
        0.341205102178, 92.1461883876, 12.7326710820),
    ("normand SMD", "FE"): (-4.10611419421e-01, 6.16027515357e-02, -5.31350593779e-01, -2.89872245062e-01, 0,
        93.5342706555, 15.4661592950),
    ("normand SMD", "DL"): (-5.30737310616e-01, 2.59218605677e-01, -1.03879644187, -2.26781793666e-02,
        0.539714374820, 93.5342706555, 15.4661592950),
    ("normand SMD", "REML"): (-5.37108258433e-01, 3.08661490279e-01, -1.14207366279, 6.78571459277e-02,
        0.790842913751, 95.4949370734, 22.1972482138),
    ("normand SMD", "PM"): (-5.37171963653e-01, 3.09291368283e-01, -1.14337190622, 6.90279789117e-02,
        0.794330180963, 95.5138279136, 22.2907186962),
    ("normand MD", "DL"): (-13.9817218170, 5.12669833923, -24.0298659215, -3.93357771255, 205.409375468,
        96.6515401508, 29.8644763578),
    ("normand MD", "REML"): (-15.1060274735, 8.94655283976, -32.6409488252, 2.42889387823, 684.646151930,
        98.9712743474, 97.2076469041),
    ("normand MD", "PM"): (-15.1456800341, 9.21427159530, -33.2053205047, 2.91396043646, 728.251128594,
        99.0322745413, 103.335092719),
    ("vector", "FE"): (1.39473684211, 0.355409326655, 0.698147362091, 2.09132632212, 0, 88.0247608329, 8.35056390977),
    ("vector", "DL"): (1.76788346311, 1.04909462987, -0.288304227799, 3.82407115402, 7.63371941697,
        88.0247608329, 8.35056390977),
    ("vector", "REML"): (1.77763261170, 1.18017187065, -0.535461750337, 4.09072697373, 9.96561106896,
        90.5624401826, 10.5959593301),
    ("vector", "PM"): (1.77842189434, 1.19319218489, -0.560191814682, 4.11703560335, 10.2123492234,
        90.7694113698, 10.8335452923),
}  # fmt: skip

# rma(..., test="knha") and predict(): b, se, ci.lb, ci.ub, pval, pi.lb, pi.ub; and pi.lb of predict() of the plain fit
KNAPP = {
    ("bcg RR", "DL"): (-0.71411722207323, 0.18069662833555, -1.10782135416833, -0.32041308997813,
        0.00192076676705, -1.98720696343074, 0.55897251928429, -1.858153752732),
    ("bcg RR", "REML"): (-0.71453234215814, 0.18079174409285, -1.10844371368555, -0.32062097063073,
        0.00192001509606, -1.99601683419620, 0.56695214987992, -1.866692217903),
    ("bcg OR", "REML"): (-0.74517777084370, 0.18672618766207, -1.15201918415666, -0.33833635753073,
        0.00179126758998, -2.07521532391922, 0.58485978223183, -1.941203003141),
    ("normand SMD", "REML"): (-0.537108258433, 0.309285633857, -1.250322209065, 0.176105692199, 0.120664532195,
        -2.708306998877, 1.634090482011, -2.38209433624),
    ("normand MD", "REML"): (-15.10602747348, 9.19890874663, -36.31874908256, 6.10669413561, 0.13918403726,
        -79.06454246648, 48.85248751952, -69.3048601749),
    ("vector", "PM"): (1.778421894336, 1.193192184889, -1.043029282864, 4.599873071537, 0.179718967277,
        -6.287705111010, 9.844548899683, -4.90734156874),
}  # fmt: skip

# confint(rma(..., "REML", control=ctl), control=list(tol=1e-12)): tau2 ci.lb, ci.ub
PROFILE = {
    "bcg RR": (0.119718361141, 1.111479084061),
    "bcg OR": (0.130149115238, 1.181185792157),
    "normand SMD": (0.325384441185, 3.108403402615),
    "vector": (3.66718924440, 46.78066629140),
}
# regtest(rma(yi, vi), model="lm"): t, p, limit estimate and its interval
EGGER = {
    "bcg RR": (-1.401282002289, 0.188706995082, -0.190928642360, -0.675332350276, 0.293475065556),
    "bcg OR": (-1.506950696694, 0.159991485084, -0.157098862736, -0.679111908365, 0.364914182894),
    "normand SMD": (-0.499488604525, 0.632749382450, -0.112672677789, -1.646156816416, 1.420811460837),
    "normand MD": (-1.59594796530, 0.15453098387, 4.25132742292, -10.32654478526, 18.82919963111),
    "vector": (0.986583421626, 0.361945512662, -3.450344697576, -15.728007596439, 8.827318201287),
}
# leave1out(rma(yi, vi, method="DL")): the first three estimates and tau2
LEFT_OUT = {
    "bcg RR": (-0.705125198417, -0.654515875088, -0.684841748705, 0.312171499041, 0.299974590822, 0.308527069801),
    "normand SMD": (-0.561372878208, -0.555563459655, -0.256675795624, 0.780536146038, 0.592760463535, 0.158736699170),
    "vector": (2.17425465211, 1.95990371495, 1.92932132039, 8.02995432186, 9.01818341532, 8.29451650943),
}


@pytest.mark.parametrize(("name", "method"), list(PLAIN), ids=" ".join)
def test_pools_as_metafor_does(name: str, method: str) -> None:
    data = SETS[name]
    model, tau = ("fixed", "DL") if method == "FE" else ("random", method)
    found = meta.pool(data.value, data.variance, model, tau, knapp=False)
    ours = (
        found.estimate.value,
        found.error,
        found.estimate.low,
        found.estimate.high,
        found.tau2.value,
        found.i2,
        found.h2,
    )
    assert ours == pytest.approx(PLAIN[name, method], rel=1e-6)


@pytest.mark.parametrize(("name", "method"), list(KNAPP), ids=" ".join)
def test_knapp_and_prediction_as_metafor(name: str, method: str) -> None:
    data = SETS[name]
    found = meta.pool(data.value, data.variance, tau=method)
    e, ahead = found.estimate, found.prediction
    plain = meta.pool(data.value, data.variance, tau=method, knapp=False, prediction="normal").prediction.low
    ours = (e.value, found.error, e.low, e.high, found.p, ahead.low, ahead.high, plain)
    assert ours == pytest.approx(KNAPP[name, method], rel=1e-6)


def test_heterogeneity_as_metafor() -> None:
    """rma(yi, vi)$QE and $QEp of dat.bcg: 152.233008082, 1.99676459085e-26; the vector 58.4539473684 on 7."""
    bcg, vector = (meta.pool(SETS[n].value, SETS[n].variance) for n in ("bcg RR", "vector"))
    assert (bcg.q, bcg.q_p) == pytest.approx((152.233008082, 1.99676459085e-26), rel=1e-6)
    assert (vector.q, vector.q_p, vector.q_freedom) == pytest.approx((58.4539473684, 3.07041466282e-10, 7), rel=1e-6)
    for name, interval in PROFILE.items():
        assert meta.tau_interval(SETS[name].value, SETS[name].variance) == pytest.approx(interval, rel=1e-6)


@pytest.mark.parametrize("name", list(EGGER))
def test_egger_as_metafor(name: str) -> None:
    found = meta.egger(SETS[name].value, SETS[name].variance)
    ours = (found.t, found.p, found.limit.value, found.limit.low, found.limit.high)
    assert ours == pytest.approx(EGGER[name], rel=1e-6)
    assert found.freedom == len(SETS[name].value) - 2


@pytest.mark.parametrize("name", list(LEFT_OUT))
def test_leave_one_out_as_metafor(name: str) -> None:
    found = meta.leave_one_out(SETS[name].value, SETS[name].variance, tau="DL")[:3]
    ours = [one.estimate.value for one in found] + [one.tau2.value for one in found]
    assert ours == pytest.approx(LEFT_OUT[name], rel=1e-6)


def test_effect_sizes_as_escalc() -> None:
    """escalc("RR"|"RD", ..., data=dat.bcg), escalc("SMD", ..., data=dat.normand1999), first rows, and empty cells:
    escalc(m, ai=c(0,3), n1i=c(10,12), ci=c(2,4), n2i=c(11,15))."""
    rr, rd = SETS["bcg RR"], effect.risk_difference(*table(BCG))
    assert (rr.value[0], rr.variance[0]) == pytest.approx((-0.8893113339202, 0.32558476500396), rel=1e-10)
    assert (rd.value[0], rd.variance[0]) == pytest.approx((-0.046616365444230, 0.000780068664856), rel=1e-10)
    smd = SETS["normand SMD"]
    assert smd.value[:3] == pytest.approx([-0.355169640940, -0.347940022739, -2.317569160164], rel=1e-10)
    assert smd.variance[:3] == pytest.approx([0.0130646755415, 0.0644688760989, 0.0458121102802], rel=1e-10)
    empty = effect.risk_difference([0, 3], [10, 12], [2, 4], [11, 15])
    assert empty.value == pytest.approx([-0.1628787878788, -0.0166666666667], rel=1e-10)
    assert empty.variance == pytest.approx([0.0176886156677, 0.0286620370370], rel=1e-10)


def test_intervals_of_shares_and_means() -> None:
    """binom.test(7, 20)$conf.int; prop.test(7, 20, correct=FALSE)$conf.int; Newcombe 1998, table II, 56/70 -
    48/80 (recalled);
    t.test(c(1,2,4,8), c(3,5,9)), its interval and p."""
    exact, score = estimate.binomial(7, 20), estimate.wilson(7, 20)
    assert (exact.low, exact.high) == pytest.approx((0.153909204784541, 0.592188534532828), rel=1e-7)
    assert (score.low, score.high) == pytest.approx((0.181191824101082, 0.567145723314764), rel=1e-7)
    printed = estimate.newcombe(56, 70, 48, 80)
    assert (printed.value, round(printed.low, 4), round(printed.high, 4)) == pytest.approx((0.2, 0.0524, 0.3339))
    found, p = estimate.welch([1, 2, 4, 8], [3, 5, 9])
    assert (found.low, found.high, p) == pytest.approx(
        (-8.160618480941954, 4.327285147608620, 0.455191496234658), rel=1e-7
    )
    assert estimate.binomial(0, 10).low == 0
    assert estimate.wilson(10, 10).high == 1


studies = st.lists(st.tuples(st.floats(-5, 5), st.floats(0.05, 4)), min_size=3, max_size=9)


@settings(max_examples=30, deadline=None)
@given(studies, st.randoms(use_true_random=False), st.sampled_from(meta.TAUS))
def test_order_of_studies_does_not_matter(rows: list[tuple[float, float]], random: object, tau: str) -> None:
    mixed = list(rows)
    random.shuffle(mixed)  # type: ignore[attr-defined]
    one, two = (meta.pool(*np.array(r).T, tau=tau) for r in (rows, mixed))
    assert one.estimate.value == pytest.approx(two.estimate.value, rel=1e-6, abs=1e-9)
    assert one.tau2.value == pytest.approx(two.tau2.value, rel=1e-6, abs=1e-9)


@settings(max_examples=30, deadline=None)
@given(studies, st.floats(0.1, 20), st.floats(-10, 10), st.sampled_from(meta.TAUS))
def test_scale_and_shift_go_through(rows: list[tuple[float, float]], by: float, shift: float, tau: str) -> None:
    y, v = np.array(rows).T
    one, two = meta.pool(y, v, tau=tau), meta.pool(by * y + shift, by**2 * v, tau=tau)
    assert two.estimate.value == pytest.approx(by * one.estimate.value + shift, rel=1e-6, abs=1e-6)
    assert two.tau2.value == pytest.approx(by**2 * one.tau2.value, rel=1e-5, abs=1e-6 * by**2)
    assert two.i2 == pytest.approx(one.i2, abs=1e-3)


@settings(max_examples=30, deadline=None)
@given(studies)
def test_pooled_lies_among_studies_and_weights_sum_to_one(rows: list[tuple[float, float]]) -> None:
    y, v = np.array(rows).T
    for model in meta.MODELS:
        found = meta.pool(y, v, model)
        assert y.min() - 1e-9 <= found.estimate.value <= y.max() + 1e-9
        assert found.weights.sum() == pytest.approx(1)
        assert 0 <= found.i2 <= 100
    assert meta.tau_interval(y, v)[0] <= meta.tau_squared(y, v, "PM") <= meta.tau_interval(y, v)[1]


def test_error_of_the_first_kind_of_knapp() -> None:
    """1,500 sets of eight studies without an effect, tau2 0.2: 5 % within Monte-Carlo error; the normal test errs."""
    rng = np.random.default_rng(5)
    v = np.geomspace(0.05, 0.6, 8)
    runs, knapp, plain = 1500, 0, 0
    for _ in range(runs):
        y = rng.normal(0, np.sqrt(v + 0.2))
        found = meta.pool(y, v, tau="DL")
        knapp += found.p < 0.05
        plain += meta.pool(y, v, tau="DL", knapp=False).p < 0.05
    assert abs(knapp / runs - 0.05) < 3 * math.sqrt(0.05 * 0.95 / runs) + 0.005
    assert plain > knapp


def test_the_prediction_interval_holds_the_next_study() -> None:
    """Ten studies, the eleventh's true effect in the 95 % prediction interval in about 95 of 100 sets."""
    rng = np.random.default_rng(9)
    v, runs = np.full(10, 0.1), 600
    inside = 0
    for _ in range(runs):
        found = meta.pool(rng.normal(0, np.sqrt(v + 0.4)), v, tau="DL").prediction
        inside += found.covers(rng.normal(0, math.sqrt(0.4)))
    assert 0.92 < inside / runs < 0.98


def test_funnel_lines_open_downwards() -> None:
    lines = meta.funnel(Y, V)
    assert lines["low"][0] == lines["high"][0] == pytest.approx(1.39473684211)
    assert (np.diff(lines["high"] - lines["low"]) > 0).all()


def test_duplicates_are_joined_through_chains() -> None:
    found = meta.duplicates(
        ["Noriega 2017", "Noriega 2021", "MSB-DR003", "", None, "noriega 2021"],
        ["NCT01860417", "", "NCT02412735", "nct-01860417; X1", "", "NCT 01860417"],
    )
    assert [one.rows for one in found] == [(0, 1, 3, 5)]
    assert "NCT01860417" in found[0].warning
    assert "keep one" in found[0].warning
    assert meta.duplicates(["a", "b"], ["", None]) == []
    assert meta.duplicates(["a", "A "])[0].rows == (0, 1)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: meta.pool([1, 2, 3], [1, 1]), "Lengths differ"),
        (lambda: meta.pool([1, 2], [1, 0]), "above 0"),
        (lambda: meta.pool([1], [1]), "at least 2"),
        (lambda: meta.pool([1, math.nan], [1, 1]), "place 2"),
        (lambda: meta.pool(["x", 1], [1, 1]), "list of numbers"),
        (lambda: meta.pool([1, 2], [1, 1], tau="REMl"), "did you mean 'REML'"),
        (lambda: meta.pool([1, 2], [1, 1], "randm"), "did you mean 'random'"),
        (lambda: meta.pool([1, 2], [1, 1], level=95), "between 0 and 1"),
        (lambda: meta.egger([1, 2, 3], [1, 1, 1]), "different precision"),
        (lambda: effect.log_odds_ratio([5], [4], [1], [4]), "5 events of 4"),
        (lambda: effect.hedges([1], [1], [1], [1], [1], [5]), "two are the least"),
        (lambda: estimate.binomial(5, 4), "more events than persons"),
        (lambda: Estimate(0, 2, 1, "crossed"), "lower end first"),
        (lambda: estimate.welch([1, 1], [2, 2]), "Neither group varies"),
    ],
)
def test_what_cannot_be_pooled_gets_its_sentence(call: object, says: str) -> None:
    with pytest.raises(InputError, match=says):
        call()  # type: ignore[operator]
