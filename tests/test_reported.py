"""What a trial writes down of people who are followed: scales, drugs, responders, what is missing."""

from __future__ import annotations

import numpy as np
import pytest

from pulposus import evidence
from pulposus.errors import InputError
from pulposus.outcomes import person, reported, scores

COUNT = 6000


def followed(region: str = "lumbar", limb: bool = True, count: int = COUNT, **more: object) -> person.Followed:
    random = np.random.default_rng(0)
    start = np.clip(65 + 14 * random.standard_normal(count), 0, 100)
    disability = np.clip(44 + 13 * random.standard_normal(count), 0, 100)
    return person.follow(
        random,
        person.Given(region=region, **more),  # type: ignore[arg-type]
        start,
        disability,
        [1.0, 6.0, 12.0, 24.0],
        limb=np.full(count, 30.0) if limb else None,
    )


@pytest.fixture(scope="module")
def lumbar() -> person.Followed:
    return followed()


@pytest.fixture(scope="module")
def written(lumbar: person.Followed) -> dict[str, np.ndarray]:
    return reported.reported(np.random.default_rng(1), "lumbar", lumbar, start=True)


def test_every_score_stays_on_its_printed_scale_and_in_its_steps(written):
    for name, value in written.items():
        if name in (*reported.DRUGS, reported.MISSING):
            assert value.dtype == bool
            continue
        score = scores.score(name)
        assert value.shape == (COUNT, 5)
        assert score.low <= value.min() <= value.max() <= score.high, name
    for name in ("nrs_back", "nrs_leg", "pgic"):
        assert (written[name] == written[name].round()).all()
    # an index of ten items of nought to five points
    assert (written["odi"] % 2 == 0).all()
    assert np.abs(written["nrs_back"] * 10 - written["vas_back"]).max() <= 5.5


def test_the_neck_has_its_own_scores_and_no_utility():
    found = followed("cervical", count=50)
    told = reported.reported(np.random.default_rng(0), "cervical", found)
    assert {"vas_neck", "nrs_arm", "ndi"} <= set(told)
    assert not {"odi", "vas_back", "eq5d"} & set(told)
    with pytest.raises(InputError, match="no coefficients from NDI"):
        reported.reported(np.random.default_rng(0), "cervical", found, wanted=["eq5d"])


def test_what_was_not_followed_is_not_reported():
    found = followed(limb=False, count=20)
    told = reported.reported(np.random.default_rng(0), "lumbar", found)
    assert "eq5d" not in told
    assert "vas_leg" not in told
    with pytest.raises(InputError, match="follow people with limb="):
        reported.reported(np.random.default_rng(0), "lumbar", found, wanted=["eq5d"])
    with pytest.raises(InputError, match="'vas_neck' cannot be reported here"):
        reported.reported(np.random.default_rng(0), "lumbar", found, wanted=["vas_neck"])
    with pytest.raises(InputError, match="did you mean 'lumbar'"):
        reported.names("lumbr")


def test_raw_and_percent_are_different_types(written):
    index = reported.disability(written)
    assert isinstance(index, scores.OdiPercent)
    raw = index.raw()
    assert isinstance(raw, scores.OdiRaw)
    assert raw.points.max() <= 50
    assert (raw.points == raw.points.round()).all()
    np.testing.assert_allclose(raw.percent().share, index.share)
    neck = reported.reported(np.random.default_rng(0), "cervical", followed("cervical", count=10))
    assert isinstance(reported.disability(neck), scores.NdiPercent)


def test_visits_correlate_as_those_of_a_trial_did(written):
    # UK BEAM: r of start and follow-up 0.50 to 0.52 of RMDQ; ODI over five years 0.65; neck VAS 0.56 to 0.81
    table = reported.between_visits(written["odi"], written["missing"])
    # less here: selection narrows the start, and some respond
    assert 0.25 < table[0, 3] < 0.7
    assert 0.5 < table[2, 3] < 0.85
    assert np.allclose(table, table.T)


def test_spread_grows_under_treatment_and_the_floor_fills(written, lumbar):
    table = reported.described(written, [0, 1, 6, 12, 24]).set_index(["score", "month"])
    assert table.loc[("nrs_back", 12), "spread"] > 1.5 * table.loc[("nrs_back", 0), "spread"]
    assert table.loc[("nrs_back", 12), "at_floor"] > table.loc[("nrs_back", 0), "at_floor"] + 0.02
    assert table.loc[("nrs_back", 12), "people"] < COUNT
    assert len(lumbar.months) == 4


def test_utility_and_physical_component_follow_disability(written):
    for name, sign in (("eq5d", -1), ("sf36_pcs", -1)):
        r = np.corrcoef(written["odi"][:, 3], written[name][:, 3])[0, 1]
        assert sign * r > 0.5, name
    # what is left over in a person is that of the publication, where the ends do not cut it
    expected = scores.eq5d(*(written[name][:, 0] for name in ("odi", "vas_leg", "vas_back")))
    assert np.std(written["eq5d"][:, 0] - expected) == pytest.approx(evidence.outcome("eq5d_left").value, rel=0.1)


def test_who_has_lost_pain_says_so(written):
    gone = 1 - written["vas_back"][:, 3] / np.maximum(written["vas_back"][:, 0], 1)
    said = written["pgic"][:, 3]
    assert said[gone > 0.5].mean() < 2.2
    assert said[gone < -0.2].mean() > 4.2
    assert (written["pgic"][:, 0] == 4).all()


def test_drugs_are_taken_less_where_pain_is_less_and_by_the_same_people(written):
    before, after = written["opioid"][:, 0], written["opioid"][:, 3]
    share = evidence.population("opioids").value
    assert before.mean() == pytest.approx(share, abs=0.04)
    assert after.mean() < before.mean()
    assert after[before].mean() > 0.7


# ---------------------------------------------------------------------------------------------- responders


def test_rules_of_response_hold_by_hand():
    pain, disability = np.array([60.0, 60, 60, 60]), np.array([40.0, 40, 40, 40])
    later, less = np.array([[41.0], [42.5], [29.0], [60.0]]), np.array([[40.0], [40.0], [40.0], [31.0]])

    def by(rule):
        return reported.responders(rule, pain, later, disability, less)[:, 0].tolist()

    assert by("30_percent") == [True, False, True, False]
    assert by("50_percent") == [False, False, True, False]
    # 20 % and 20 mm of pain, or 20 % of disability
    assert by("respine") == [False, False, True, True]
    assert by("important_pain") == [True, True, True, False]
    assert by("important_disability") == [False, False, False, False]
    assert by("pain <40/100") == [False, False, True, False]
    with pytest.raises(InputError, match="did you mean 'respine'"):
        by("respin")


def test_the_important_change_of_the_neck_is_its_own():
    pain, later, same = np.array([50.0]), np.array([[36.0]]), np.array([[40.0]])
    args = (pain, later, np.array([40.0]), same)
    assert reported.responders("important_pain", *args, region="cervical")[0, 0]
    assert not reported.responders("important_pain", *args, region="lumbar")[0, 0]


# ---------------------------------------------------------------------------------------------- missing


def test_as_many_leave_as_in_trials():
    random, months = np.random.default_rng(0), np.array([0.0, 6, 12, 24])
    lost = reported.missing(random, months, np.full((20_000, 4), 40.0), informative=False)
    assert not lost[:, 0].any()
    leave, miss = evidence.outcome("dropout_per_year").value, evidence.outcome("missed_visit").value
    for visit, years in ((1, 0.5), (2, 1), (3, 2)):
        wanted = 1 - np.exp(-leave * years) * (1 - miss)
        assert lost[:, visit].mean() == pytest.approx(wanted, abs=0.01)


def test_who_does_badly_is_missing_more_and_the_switch_turns_it_off():
    random = np.random.default_rng(0)
    disability = np.repeat(np.clip(40 + 18 * random.standard_normal(40_000), 0, 100)[:, None], 3, 1)
    months = np.array([6.0, 12.0, 24.0])
    for informative in (True, False):
        lost = reported.missing(np.random.default_rng(1), months, disability, informative=informative)[:, 2]
        apart = disability[lost, 2].mean() - disability[~lost, 2].mean()
        # registries: 3.0 (-2.1 to 8.1), and 6 at start
        assert (1.5 < apart < 8.1) if informative else abs(apart) < 0.8


def test_who_is_operated_on_is_missing_after_and_not_before():
    months, count = np.array([6.0, 12.0]), 20_000
    converted = np.full(count, np.nan)
    converted[: count // 2] = 9.0
    disability = np.full((count, 2), 40.0)
    lost = reported.missing(np.random.default_rng(0), months, disability, converted)
    half = lost[: count // 2].mean(0), lost[count // 2 :].mean(0)
    assert half[0][0] == pytest.approx(half[1][0], abs=0.01)
    assert half[0][1] > half[1][1] + 0.3


def test_what_is_missing_is_not_seen_but_stands(written):
    told = reported.seen(written)
    lost = written["missing"]
    assert np.isnan(told["odi"][lost]).all()
    np.testing.assert_array_equal(told["odi"][~lost], written["odi"][~lost])
    assert not np.isnan(written["odi"]).any()


def test_missing_those_who_do_badly_flatters_a_mean():
    found = followed(count=40_000, aware="untreated", procedure="none")
    told = reported.seen(reported.reported(np.random.default_rng(0), "lumbar", found, ["odi", "missing"]))
    assert np.nanmean(told["odi"][:, 3]) < found.disability[:, 3].mean() - 0.1
