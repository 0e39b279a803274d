"""Networks of treatments against metafor's rma.mv on Senn 2013, and the single-arm bridge with its warning."""

from __future__ import annotations

import numpy as np
import pytest

from pulposus.errors import InputError
from pulposus.statistics import meta, network

# metadat::dat.senn2013: study, ni, treatment, mi, sdi.
SENN = """De Fronzo;213;metformin;-1.70;1.459|De Fronzo;209;placebo;0.20;1.446|Lewin;431;metformin;-0.74;1.106
Lewin;144;placebo;0.08;1.004|Willms;29;metformin;-2.50;0.862|Willms;31;acarbose;-2.30;1.782|Willms;29;placebo;-1.30;1.831
Davidson;117;rosiglitazone;-1.20;1.097|Davidson;116;placebo;0.14;1.093|Wolffenbuttel;183;rosiglitazone;-0.90;1.100
Wolffenbuttel;192;placebo;0.20;1.110|Kipnes;182;pioglitazone;-1.20;1.369|Kipnes;181;placebo;0.10;1.024
Kerenyi;160;rosiglitazone;-0.91;0.990|Kerenyi;154;placebo;-0.14;0.920|Hanefeld;319;pioglitazone;7.61;1.072
Hanefeld;320;metformin;7.45;1.073|Derosa;45;pioglitazone;6.80;0.800|Derosa;42;rosiglitazone;6.70;0.900
Baksi;218;rosiglitazone;-1.20;1.112|Baksi;233;placebo;0.10;1.036|Rosenstock;59;rosiglitazone;-1.17;1.229
Rosenstock;57;placebo;-0.08;1.208|Zhu;210;rosiglitazone;-1.90;1.470|Zhu;105;placebo;-0.40;1.300
Yang;102;rosiglitazone;-1.09;1.650|Yang;96;metformin;-0.95;1.500|Vongthavaravat;164;rosiglitazone;-1.10;1.559
Vongthavaravat;170;sulfonylurea;0.10;0.992|Oyama;41;acarbose;-0.70;0.800|Oyama;43;sulfonylurea;-0.30;0.600
Costa;36;acarbose;-1.10;0.360|Costa;29;placebo;-0.30;0.700|Hermansen;106;sitagliptin;-0.30;0.940
Hermansen;106;placebo;0.27;0.940|Garber;132;vildagliptin;-0.63;1.034|Garber;144;placebo;0.07;1.080
Alex;291;metformin;0.13;1.428|Alex;300;sulfonylurea;0.50;1.450|Johnston;68;miglitol;-0.41;1.072
Johnston;63;placebo;0.33;1.032|Johnston a;91;miglitol;-0.43;0.954|Johnston a;43;placebo;0.98;1.311
Kim;57;rosiglitazone;-1.10;1.341|Kim;56;metformin;-1.10;1.139|Johnston b;49;miglitol;-0.12;1.400
Johnston b;34;placebo;0.56;1.166|Gonzalez;34;metformin;-1.30;1.861|Gonzalez;37;placebo;-0.90;1.803
Stucci;28;benfluorex;8.03;1.290|Stucci;30;placebo;8.26;1.350|Moulin;161;benfluorex;-0.82;1.028|Moulin;156;placebo;0.19;1.374"""
ROWS = [row.split(";") for line in SENN.splitlines() for row in line.split("|")]
STUDY, TREATMENT = [row[0] for row in ROWS], [row[2] for row in ROWS]
SIZE, MEAN, SD = (np.array([float(row[i]) for row in ROWS]) for i in (1, 3, 4))
DATA = network.contrasts(STUDY, TREATMENT, MEAN, SD**2 / SIZE)
NAMES = (
    ["acarbose", "benfluorex", "metformin", "miglitol", "pioglitazone", "rosiglitazone"]
    + ["sitagliptin", "sulfonylurea", "vildagliptin"]
)


def against_placebo(found: network.Network) -> tuple[list[float], list[float]]:
    """Effects and standard errors in the order of NAMES."""
    places = [found.index(name) for name in NAMES]
    return [found.effects[i] for i in places], [float(np.sqrt(found.covariance[i, i])) for i in places]


def test_random_effects_as_metafor() -> None:
    """V <- bldiag of (v1 + diag(v others)) of each study; X: columns of contrasts against the study's first arm;
    rma.mv(y, V, mods=~X-1, random=~id|study, rho=.5, control=list(optimizer="optim", method="BFGS", reltol=1e-15))."""
    found = network.compare(DATA, "placebo")
    effects, errors = against_placebo(found)
    assert found.tau2 == pytest.approx(0.099914548252, rel=1e-6)
    expected = [-0.841364253496, -0.736900314101, -1.128403819683, -0.949884519034, -1.129404598009, -1.233738708942]
    assert effects == pytest.approx([*expected, -0.57, -0.417527729847, -0.70], rel=1e-6)
    expected = [0.238426431478, 0.277600379649, 0.149401746579, 0.225253366078, 0.211917388611, 0.123456707163]
    assert errors == pytest.approx([*expected, 0.341447281971, 0.232609843410, 0.340755359340], rel=1e-6)


def test_fixed_effects_as_metafor() -> None:
    """rma.mv(y, V, mods=~X-1): b, se, QE 96.9840650655 on 18."""
    found = network.compare(DATA, "placebo", "fixed")
    effects, errors = against_placebo(found)
    expected = [-0.827318119130, -0.905142707496, -1.114029952219, -0.943841278536, -1.066268783748, -1.201860953346]
    assert effects == pytest.approx([*expected, -0.57, -0.439400141859, -0.70], rel=1e-6)
    assert errors[:3] == pytest.approx([0.1084974818842, 0.1271077380046, 0.0596081273416], rel=1e-6)
    assert (found.q, found.q_freedom, found.q_p) == pytest.approx((96.9840650655, 18, 7.87628261703e-13), rel=1e-6)


def test_q_is_taken_apart() -> None:
    """Within and between add up; for these trials netmeta prints 74.46 on 11 and 22.53 on 7
    (recalled, not run: a check that is looser than the others)."""
    found = network.designs(DATA)
    assert found.within + found.between == pytest.approx(96.9840650655)
    assert (found.within_freedom, found.between_freedom) == (11, 7)
    assert (found.within, found.between) == pytest.approx((74.46, 22.53), abs=0.05)


def test_a_network_of_two_is_a_meta_analysis() -> None:
    y, v = np.array([0.4, -0.2, 1.1, 0.6, 0.1]), np.array([0.1, 0.2, 0.15, 0.05, 0.3])
    data = network.pairs(list("abcde"), ["sham"] * 5, ["cells"] * 5, y, v)
    found, pooled = network.compare(data, "sham"), meta.pool(y, v, knapp=False)
    ours = found.difference("cells", "sham")
    assert (ours.value, ours.low, ours.high) == pytest.approx(
        (pooled.estimate.value, pooled.estimate.low, pooled.estimate.high), rel=1e-6
    )
    assert found.tau2 == pytest.approx(pooled.tau2.value, rel=1e-6)
    assert network.split(data) == []


def test_the_reference_and_the_order_of_arms_do_not_matter() -> None:
    order = np.random.default_rng(1).permutation(len(STUDY))
    mixed = network.contrasts(
        [STUDY[i] for i in order], [TREATMENT[i] for i in order], MEAN[order], (SD**2 / SIZE)[order]
    )
    one, two = network.compare(DATA, "placebo"), network.compare(mixed, "metformin")
    a, b = one.difference("acarbose", "miglitol"), two.difference("acarbose", "miglitol")
    assert (a.value, a.low, two.tau2) == pytest.approx((b.value, b.low, one.tau2), rel=1e-6)
    league = one.league()
    assert league["acarbose", "placebo"].value == pytest.approx(-league["placebo", "acarbose"].value)
    mine, theirs = network.split(DATA), network.split(mixed)
    assert [s.difference.value for s in mine] == pytest.approx([s.difference.value for s in theirs], rel=1e-5)


def test_split_of_a_triangle_is_the_difference_of_the_two_ways() -> None:
    data = network.pairs("pqr", "aab", "bcc", [1.0, 3.0, 1.5], [0.1, 0.2, 0.3])
    by_pair = {(s.base, s.other): s for s in network.split(data, "fixed")}
    found = by_pair["a", "b"]
    assert found.difference.value == pytest.approx(1.0 - (3.0 - 1.5))
    assert (found.difference.high - found.difference.low) / 2 / 1.959963985 == pytest.approx(np.sqrt(0.6), rel=1e-6)
    assert network.designs(data).between == pytest.approx(0.5**2 / 0.6)


def test_ranks_are_shares_of_a_tournament() -> None:
    ranks = network.compare(DATA, "placebo").ranks()
    assert np.mean(list(ranks.values())) == pytest.approx(0.5)
    assert max(ranks, key=ranks.__getitem__) == "rosiglitazone"
    assert min(ranks, key=ranks.__getitem__) == "placebo"


def test_a_bridge_carries_its_warning() -> None:
    found = network.bridge(-30, 4, [-10, -14, -6, -12], [2, 3, 2, 4])
    assert "nobody was randomised" in found.warning
    assert found.warning in str(found)
    assert found.difference.value == pytest.approx(-30 - found.controls.estimate.value)
    plain = 2 * 1.959963985 * np.sqrt(4 + found.controls.error**2)
    assert found.difference.high - found.difference.low > plain
    with pytest.raises(TypeError):
        network.Bridge(found.difference, found.controls, warning="")  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: network.contrasts(["a", "b", "b"], ["x", "x", "y"], [1, 2, 3], [1, 1, 1]), "has one arm"),
        (lambda: network.contrasts(["a", "a"], ["x", "x"], [1, 2], [1, 1]), "names a treatment twice"),
        (lambda: network.pairs("aa", "xx", "yz", [1, 2], [1, 1]), "stands in two rows"),
        (lambda: network.pairs("ab", "xx", "xz", [1, 2], [1, 1]), "with itself"),
        (lambda: network.compare(network.pairs("ab", "xp", "yq", [1, 2], [1, 1])), "falls apart"),
        (lambda: network.compare(DATA, "placbo"), "did you mean 'placebo'"),
        (lambda: network.compare(DATA, "placebo").difference("metfromin", "placebo"), "did you mean 'metformin'"),
        (lambda: network.bridge(1, 1, [1, 2], [1, 1]), "at least 3"),
    ],
)
def test_what_is_no_network_gets_its_sentence(call: object, says: str) -> None:
    with pytest.raises(InputError, match=says):
        call()  # type: ignore[operator]
