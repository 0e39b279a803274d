"""Scores over visits against nlme's gls with emmeans and lm; responders against glm. The R calls stand beside the
numbers.

Data: nlme::Orthodont, the distance at 8 years taken as baseline, at 10, 12 and 14 as visits, the sexes as arms; eight
scores left out for the incomplete table. ``ctl <- glsControl(msTol=1e-14, tolerance=1e-12, msMaxIter=1000,
maxIter=1000)``.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pulposus.errors import InputError
from pulposus.statistics import longitudinal, responders
from pulposus.statistics.longitudinal import Repeated

ORTHODONT = """M01 26.0 25.0 29.0 31.0|M02 21.5 22.5 23.0 26.5|M03 23.0 22.5 24.0 27.5|M04 25.5 27.5 26.5 27.0
M05 20.0 23.5 22.5 26.0|M06 24.5 25.5 27.0 28.5|M07 22.0 22.0 24.5 26.5|M08 24.0 21.5 24.5 25.5|M09 23.0 20.5 31.0 26.0
M10 27.5 28.0 31.0 31.5|M11 23.0 23.0 23.5 25.0|M12 21.5 23.5 24.0 28.0|M13 17.0 24.5 26.0 29.5|M14 22.5 25.5 25.5 26.0
M15 23.0 24.5 26.0 30.0|M16 22.0 21.5 23.5 25.0|F01 21.0 20.0 21.5 23.0|F02 21.0 21.5 24.0 25.5|F03 20.5 24.0 24.5 26.0
F04 23.5 24.5 25.0 26.5|F05 21.5 23.0 22.5 23.5|F06 20.0 21.0 21.0 22.5|F07 21.5 22.5 23.0 25.0|F08 23.0 23.0 23.5 24.0
F09 20.0 21.0 22.0 21.5|F10 16.5 19.0 19.0 19.5|F11 24.5 25.0 28.0 28.0"""
LEFT_OUT = {("M01", 12), ("M01", 14), ("M05", 14), ("F03", 14), ("F07", 12), ("F07", 14), ("M09", 12), ("F10", 10)}
Columns = dict[str, list]


def orthodont(whole: bool) -> Columns:
    """The long table, one row a score."""
    rows = []
    for line in ORTHODONT.replace("\n", "|").split("|"):
        name, base, *scores = line.split()
        for age, score in zip((10, 12, 14), scores, strict=True):
            if whole or (name, age) not in LEFT_OUT:
                rows.append((float(score), name, age, "Male" if name[0] == "M" else "Female", float(base)))
    return dict(zip(("value", "person", "visit", "arm", "baseline"), map(list, zip(*rows, strict=True)), strict=True))


def errors_and_values(found: Repeated) -> tuple[list[float], list[float], list[float], list[float]]:
    """Means in the order Male, Female at each visit and their errors; differences and theirs."""
    means = sorted(found.means, key=lambda m: (m.visit, m.name != "Male"))
    return (
        [m.estimate.value for m in means],
        [m.error for m in means],
        [d.estimate.value for d in found.differences],
        [d.error for d in found.differences],
    )


# m <- gls(distance ~ Sex*visit + base*visit, correlation=corSymm(form=~t|Subject), weights=varIdent(form=~1|visit),
#          method="REML", control=ctl); logLik(m); emmeans(m, ~Sex|visit, mode="df.error"); contrast(., "revpairwise")
GLS = {
    True: (
        -151.071285346,
        [23.46643460, 22.73064058, 25.22066943, 23.81538992, 27.12352415, 24.59305579],
        [0.4405021996, 0.5376556940, 0.4997804675, 0.6100078826, 0.4995750590, 0.6097571710],
        [-0.7357940238, -1.4052795031, -2.5304683566],
        [0.7163587579, 0.8127589719, 0.8124249302],
    ),
    False: (
        -122.82539211,
        [23.49094166, 22.76578182, 24.66867155, 23.82098617, 26.95421477, 24.43573298],
        [0.4432091943, 0.5475908741, 0.4354221312, 0.5380541867, 0.5137365742, 0.6433371184],
        [-0.7251598427, -0.8476853825, -2.5184817861],
        [0.7222015146, 0.7098726030, 0.8448479852],
    ),
}


@pytest.mark.parametrize("whole", [True, False], ids=["complete", "incomplete"])
def test_mmrm_as_gls_and_emmeans(whole: bool) -> None:
    found = longitudinal.repeated_measures(**orthodont(whole), reference="Male")
    log_likelihood, *expected = GLS[whole]
    assert found.log_likelihood == pytest.approx(log_likelihood, rel=1e-9)
    for ours, theirs in zip(errors_and_values(found), expected, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-6)
    assert found.visits == ("10", "12", "14")
    assert found.persons == 27


def test_covariance_as_gls() -> None:
    """getVarCov(m, individual="M11"), incomplete table."""
    found = longitudinal.repeated_measures(**orthodont(False)).covariance
    expected = [2.976403099, 2.115648405, 1.947932522, 2.793800712, 2.714122064, 3.800982560]
    assert found[np.triu_indices(3)] == pytest.approx(expected, rel=2e-6)


@pytest.mark.parametrize("freedom", longitudinal.FREEDOMS)
def test_degrees_of_freedom_are_exact_where_they_are_known(freedom: str) -> None:
    """Complete table, every term at every visit: each visit is an analysis of covariance on 27 - 3 degrees."""
    found = longitudinal.repeated_measures(**orthodont(True), reference="Male", freedom=freedom)
    assert [d.freedom for d in found.differences] == pytest.approx([24] * 3, rel=1e-9)
    last = [i for i, v in enumerate(orthodont(True)["visit"]) if v == 14]
    rows = {k: [v[i] for i in last] for k, v in orthodont(True).items()}
    alone = longitudinal.ancova(rows["value"], rows["arm"], rows["baseline"], reference="Male").differences[0]
    mixed = found.difference("Female - Male", "14")
    assert (mixed.estimate.low, mixed.error, mixed.p) == pytest.approx(
        (alone.estimate.low, alone.error, alone.p), rel=1e-8
    )


def test_kenward_and_roger_widen_what_is_incomplete() -> None:
    """Their covariance is never the smaller one; degrees are Satterthwaite's for one contrast."""
    one, two = (longitudinal.repeated_measures(**orthodont(False), freedom=f) for f in longitudinal.FREEDOMS)
    assert all(b.error > a.error for a, b in zip(one.means, two.means, strict=True))
    assert [a.freedom for a in one.means] == pytest.approx([b.freedom for b in two.means])
    assert np.linalg.eigvalsh(two.coefficient_covariance - one.coefficient_covariance).min() > -1e-10


def test_derivatives_of_the_restricted_likelihood() -> None:
    """Slope and observed information against central differences away from the maximum."""
    rng = np.random.default_rng(2)
    y, x = rng.normal(size=(14, 3)), rng.normal(size=(14, 3, 2))
    parts = [
        longitudinal._Pattern.of(np.arange(3), y[:9], x[:9]),
        longitudinal._Pattern.of(np.array([0, 2]), y[9:][:, [0, 2]], x[9:][:, [0, 2]]),
    ]
    s = np.array([[1.2, 0.3, 0.1], [0.3, 0.9, 0.4], [0.1, 0.4, 1.6]])
    entries, h = longitudinal._entries(3), 1e-4

    def at(change: np.ndarray) -> float:
        return longitudinal._Restricted(parts, s + change).log_likelihood

    here = longitudinal._Restricted(parts, s)
    slope, observed = here.slope(), here.curvature(entries)[1]
    for j, e in enumerate(entries):
        assert (slope * e).sum() == pytest.approx((at(h * e) - at(-h * e)) / (2 * h), abs=1e-6)
        for k, f in enumerate(entries):
            cross = at(h * (e + f)) - at(h * (e - f)) - at(h * (f - e)) + at(-h * (e + f))
            assert -observed[j, k] == pytest.approx(cross / (4 * h**2), abs=2e-5)


def test_ancova_as_lm_and_emmeans() -> None:
    """a <- age 14; emmeans(lm(distance ~ Sex + base, a), ~Sex); contrast(., "revpairwise"); confint."""
    rows = [row for row in zip(*orthodont(True).values(), strict=True) if row[2] == 14]
    value, _, _, arm, base = (list(c) for c in zip(*rows, strict=True))
    found = longitudinal.ancova(value, arm, base, reference="Male")
    d = found.differences[0]
    ours = (d.estimate.value, d.error, d.freedom, d.p, d.estimate.low, d.estimate.high)
    expected = (-2.53046835655532, 0.81242467569772, 24, 0.00471789302879, -4.207230476159, -0.853706236952)
    assert ours == pytest.approx(expected, rel=1e-9)
    means = {m.name: (m.estimate.value, m.error) for m in found.means}
    assert means["Male"] == pytest.approx((27.123524145263, 0.499574902573), rel=1e-9)
    assert means["Female"] == pytest.approx((24.593055788708, 0.609756980036), rel=1e-9)


def test_responders_as_glm() -> None:
    """a$r <- a$distance > 25; glm(r ~ Sex + base, binomial, a, control=glm.control(epsilon=1e-14)): coef,
    sqrt(diag(vcov)) (of the step before); g-computation of mean fitted shares by hand agrees with the difference."""
    rows = [row for row in zip(*orthodont(True).values(), strict=True) if row[2] == 14]
    value, _, _, arm, base = (np.array(c) for c in zip(*rows, strict=True))
    female = (arm == "Female").astype(float)
    fit = responders.logistic(value > 25, np.column_stack([np.ones(27), female, base]))
    assert fit.coefficients == pytest.approx([-4.341225707977, -2.238105415458, 0.282000222548], rel=1e-8)
    assert fit.errors == pytest.approx([5.224126934835, 1.015139331760, 0.237282104346], rel=1e-6)
    found = responders.adjusted_difference(value > 25, arm, "Female", "Male", base)
    assert found.difference.value == pytest.approx(found.shares[0] - found.shares[1])
    assert found.odds_ratio.value == pytest.approx(math.exp(-2.238105415458))
    bare = responders.adjusted_difference(value > 25, arm, "Female", "Male")
    p, q = (value[female == 1] > 25).mean(), (value[female == 0] > 25).mean()
    assert bare.difference.value == pytest.approx(p - q)
    error = (bare.difference.high - bare.difference.low) / 2 / 1.959963985
    assert error == pytest.approx(math.sqrt(p * (1 - p) / 11 + q * (1 - q) / 16), rel=1e-6)


@settings(max_examples=10, deadline=None)
@given(st.floats(0.1, 50), st.floats(-20, 20), st.randoms(use_true_random=False))
def test_mmrm_follows_scale_shift_and_order(by: float, shift: float, random: object) -> None:
    data = orthodont(False)
    order = list(range(len(data["value"])))
    random.shuffle(order)  # type: ignore[attr-defined]
    mixed = {k: [v[i] for i in order] for k, v in data.items()}
    mixed["value"] = [by * v + shift for v in mixed["value"]]
    one, two = longitudinal.repeated_measures(**data), longitudinal.repeated_measures(**mixed)
    for a, b in zip(one.differences, two.differences, strict=True):
        assert b.estimate.value == pytest.approx(by * a.estimate.value, rel=1e-6)
        assert (b.error, b.freedom, b.p) == pytest.approx((by * a.error, a.freedom, a.p), rel=1e-6)
    assert two.means[0].estimate.value == pytest.approx(by * one.means[0].estimate.value + shift, rel=1e-6, abs=1e-6)


def test_error_of_the_first_kind_and_dropout_at_random() -> None:
    """150 trials without an effect, who does badly leaves: 5 % within Monte-Carlo error, and no bias, where a mean of
    those who stayed has one."""
    rng, runs, n = np.random.default_rng(8), 150, 40
    covariance = np.array([[1, 0.6, 0.5], [0.6, 1.2, 0.8], [0.5, 0.8, 1.5]])
    arm = np.repeat(["a", "b"], n // 2)
    hits, bias, naive = 0, [], []
    for _ in range(runs):
        y = rng.multivariate_normal([0, 0.2, 0.4], covariance, n)
        there = np.ones((n, 3), bool)
        there[:, 2] = y[:, 1] < 0.8
        i, k = np.nonzero(there)
        found = longitudinal.repeated_measures(y[i, k], i, k, arm[i], freedom="Kenward-Roger")
        hits += found.difference("b - a", "2").p < 0.05
        bias.append(np.mean([m.estimate.value for m in found.means if m.visit == "2"]) - 0.4)
        naive.append(y[there[:, 2], 2].mean() - 0.4)
    assert abs(hits / runs - 0.05) < 3 * math.sqrt(0.05 * 0.95 / runs)
    assert abs(np.mean(bias)) < 4 * np.std(bias) / math.sqrt(runs)
    assert np.mean(naive) < -0.15


def test_error_of_the_first_kind_of_ancova() -> None:
    rng, runs = np.random.default_rng(3), 600
    arm = np.repeat(["a", "b", "c"], 6)
    hits = 0
    for _ in range(runs):
        base = rng.normal(size=18)
        hits += longitudinal.ancova(0.5 * base + rng.normal(size=18), arm, base).differences[1].p < 0.05
    assert abs(hits / runs - 0.05) < 3 * math.sqrt(0.05 * 0.95 / runs)


SMALL = orthodont(True)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"person": SMALL["person"][:-1]}, "one label for each"),
        ({"arm": ["Male"] * 81}, "needs two arms"),
        ({"arm": ["Male", "Female"] * 40 + ["Male"]}, "Person M01 is in arms"),
        ({"visit": [10] * 81}, "two scores at one visit"),
        ({"reference": "male"}, "did you mean 'Male'"),
        ({"visits": [10, 12]}, "not among 10, 12"),
        ({"freedom": "Kenward"}, "did you mean 'Kenward-Roger'"),
        ({"value": [math.nan] * 81}, "leave out rows"),
        ({"covariates": [1.0] * 81}, "leave it out"),
        ({"covariates": ["x"] * 81}, "columns of 0 and 1"),
        ({"value": SMALL["baseline"]}, "cannot be told"),
    ],
)
def test_tables_with_nonsense_get_their_sentence(change: dict, says: str) -> None:
    with pytest.raises(InputError, match=says):
        longitudinal.repeated_measures(**{**SMALL, **change})


def test_an_arm_without_a_visit_gets_its_sentence() -> None:
    rows = [i for i in range(81) if not (SMALL["arm"][i] == "Female" and SMALL["visit"][i] == 14)]
    fewer = longitudinal.repeated_measures(**{k: [v[i] for i in rows] for k, v in SMALL.items()})
    with pytest.raises(InputError, match="no difference Male - Female at 14"):
        fewer.difference("Male - Female", "14")
    with pytest.raises(InputError, match="no difference"):
        longitudinal.repeated_measures(**SMALL).difference("Male - Female", "15")
    with pytest.raises(InputError, match="cannot tell"):
        longitudinal.ancova([1, 2, 3], ["a", "b", "b"], [1, 2, 3])
    with pytest.raises(InputError, match="parts all responders"):
        responders.logistic([0, 0, 1, 1], np.column_stack([np.ones(4), [1, 2, 3, 4]]))
    with pytest.raises(InputError, match="1 for who responded"):
        responders.logistic([0, 2], np.ones((2, 1)))


def test_an_arm_that_misses_a_visit_has_no_mean_there_and_the_others_have_theirs() -> None:
    """Generalised least squares at the fitted covariance, with a mean for each arm and visit that somebody came to."""
    rng, arm = np.random.default_rng(4), np.repeat(["a", "b", "c"], 20)
    y = rng.normal(size=(60, 1)) + rng.normal(size=(60, 2)) + np.array([0.0, 1.0])
    came = np.ones((60, 2), bool)
    came[arm == "c", 1] = False
    person, visit = np.nonzero(came)
    fit = longitudinal.repeated_measures(y[came], person, visit, arm[person], reference="a")
    cells = [("a", 0), ("b", 0), ("c", 0), ("a", 1), ("b", 1)]
    assert [(mean.name, int(mean.visit)) for mean in fit.means] == cells
    assert [(gap.name, gap.visit) for gap in fit.differences] == [("b - a", "0"), ("c - a", "0"), ("b - a", "1")]
    x = np.array([[(arm[i], k) == cell for cell in cells] for i, k in zip(person, visit, strict=True)], float)
    left, right = np.zeros((5, 5)), np.zeros(5)
    for i in range(60):
        rows = person == i
        inverse = np.linalg.inv(fit.covariance[np.ix_(visit[rows], visit[rows])])
        left, right = left + x[rows].T @ inverse @ x[rows], right + x[rows].T @ inverse @ y[i, visit[rows]]
    np.testing.assert_allclose(fit.coefficients, np.linalg.solve(left, right), atol=1e-8)
