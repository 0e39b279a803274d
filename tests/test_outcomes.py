"""Why scores change: the law of a response in parts, people who are followed, and trials as they were printed."""

from __future__ import annotations

import csv
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from pulposus import evidence
from pulposus.cli import app
from pulposus.errors import EvidenceError, InputError
from pulposus.evidence import trials
from pulposus.outcomes import person, response, scores
from pulposus.outcomes.response import Limits, Parts, Score

NONE = Limits(np.array([np.nan]), np.array([np.nan]), np.array([np.nan]))
OFF = Parts(0.0, 0.0, 0.0, 0.0, 0.0)


def of(start: float, typical: float = 45.0, course: float = 4.0, worsening: float = 0.0) -> Score:
    numbers = (start, 13.0, typical, 22.0, 0.55, course, worsening, 0.7)
    return Score(*(np.array([number]) for number in numbers))


def half() -> Limits:
    return Limits(np.array([0.5]), np.array([np.nan]), np.array([np.nan]))


def expected(
    chance: float, parts: Parts = Parts(), limits: Limits | None = None, **of_pain: float
) -> response.Expected:
    both = (limits or NONE, NONE)
    return response.expected(of(65, **of_pain), of(44, 30), jnp.array([chance]), both, np.zeros(1), 0.5, parts)


# ---------------------------------------------------------------------------------------------- the law


def test_with_every_part_off_nothing_but_the_ends_of_the_scale_changes_a_score():
    assert abs(float(expected(0.0, OFF).pain[0])) < 1.5
    far = response.expected(of(50), of(50), jnp.array([0.0]), (NONE, NONE), np.zeros(1), 0.5, OFF)
    assert abs(float(far.pain[0])) < 0.3


def test_each_part_moves_a_score_its_own_way():
    alone = float(expected(0.0, OFF).pain[0])
    assert float(expected(0.0, OFF._replace(regression=1.0)).pain[0]) == pytest.approx(alone - 0.45 * 20, abs=1.0)
    assert float(expected(0.0, OFF._replace(course=1.0)).pain[0]) == pytest.approx(alone - 4, abs=0.5)
    assert float(expected(0.0, OFF._replace(worsening=1.0), worsening=5.0).pain[0]) == pytest.approx(alone + 5, abs=0.7)
    assert float(expected(0.4, OFF).pain[0]) < alone - 10


def test_what_moves_a_score_beyond_all_parts_moves_it_by_so_many_points():
    start = np.full(4000, 60.0)
    shift = {"pain": np.full((4000, 2), [-5.0, 0.0])}
    one, other = (
        person.follow(np.random.default_rng(1), person.Given(), start, start, [6, 12], shift=s) for s in (None, shift)
    )
    moved = (other.pain - one.pain).mean(0)
    assert -5 < moved[0] < -4  # some are at the end of the scale
    assert moved[1] == 0
    assert (other.disability == one.disability).all()


def test_people_who_start_at_the_usual_level_do_not_regress():
    both = [float(expected(0.0, OFF._replace(regression=r), typical=65.0).pain[0]) for r in (0.0, 1.0)]
    assert both[0] == pytest.approx(both[1], abs=0.7)


def test_response_makes_scores_spread_and_counts_as_response():
    found = [expected(p, limits=half()) for p in (0.0, 0.25, 0.5)]
    assert np.all(np.diff([float(f.share[0]) for f in found]) > 0.1)
    assert float(found[1].pain_spread[0]) > float(found[0].pain_spread[0])
    # who is asked for less responds more often
    third = expected(0.25, limits=half()._replace(share=np.array([0.3])))
    assert float(third.share[0]) > float(found[1].share[0])


def test_either_of_two_is_met_more_often_than_one_and_one_more_often_than_both():
    limits = (half(), half())
    shares = [
        float(response.expected(of(65), of(44, 30), jnp.array([0.3]), limits, np.array([either]), 0.5).share[0])
        for either in (0.0, 1.0)
    ]
    one = float(expected(0.3, limits=half()).share[0])
    assert shares[0] < one < shares[1]


def test_expected_agrees_with_many_people_drawn():
    random, rng_count = np.random.default_rng(1), 200_000
    pain = of(65)
    before = np.clip(65 + 13 * random.standard_normal(rng_count), 0, 100)
    mean, spread = response.settled(Score(*(float(n[0]) for n in pain)), before, (random.random(rng_count) < 0.3) * 1.0)
    after = np.clip(np.asarray(mean) + np.asarray(spread) * random.standard_normal(rng_count), 0, 100)
    found = expected(0.3, limits=half())
    assert float(found.pain[0]) == pytest.approx((after - before).mean(), abs=0.4)
    assert float(found.share[0]) == pytest.approx((after <= before / 2).mean(), abs=0.01)
    assert float(found.pain_spread[0]) == pytest.approx((after - before).std(), rel=0.1)


def test_gradients_are_finite_where_criteria_are_missing():
    def share(chance):
        return response.expected(of(65), of(44, 30), chance, (half(), NONE), np.zeros(1), 0.5).share[0]

    assert np.isfinite(jax.grad(lambda c: share(jnp.array([c])))(0.3))


def test_the_treatment_alone_is_what_it_adds():
    base, effect = -1.0, 0.8
    whole, sham = (float(response.chance(base, e)) for e in (effect, 0.0))
    alone = float(response.chance(base, effect, Parts(expectation=0.0)))
    assert alone == pytest.approx(whole - sham)
    assert float(response.chance(base, effect, Parts(treatment=0.0))) == pytest.approx(sham)


# ---------------------------------------------------------------------------------------------- people


@pytest.mark.parametrize("region", ["lumbar", "cervical"])
def test_parts_add_up_to_the_whole(region):
    random = np.random.default_rng(0)
    pain, disability = np.full(4000, 65.0), np.full(4000, 42.0)
    table = person.why(random, person.Given(region=region, aware="open"), pain, disability, 6.0)
    parts = table[table["part"] != "whole"]
    for score in ("pain", "disability"):
        assert parts[score].sum() == pytest.approx(table[score].iloc[-1])
    assert table.set_index("part").loc["treatment", "pain"] == pytest.approx(0, abs=1e-9)
    assert table.set_index("part").loc["regression", "pain"] < -3
    assert table.set_index("part").loc["expectation", "pain"] < -3


def test_what_is_left_over_in_scores_of_a_person_is_shared():
    start, r = np.full(20_000, 50.0), person.drawn("lumbar", "residual_tie").mean()
    untreated = person.Given(aware="untreated", procedure="none")
    found = person.follow(
        np.random.default_rng(0), untreated, start, start, [6.0], Parts(0, 0, 0, 0, 0), draws=np.zeros(20_000, int)
    )
    tie = person.drawn("lumbar", "residual_tie")[0]
    assert 0 < r < 1
    assert np.corrcoef(found.pain[:, 0], found.disability[:, 0])[0, 1] == pytest.approx(tie, abs=0.04)


def test_who_knows_that_he_got_nothing_does_not_improve_without_course_and_regression():
    random = np.random.default_rng(0)
    untreated = person.Given(aware="untreated", procedure="none")
    pain, disability = np.full(8000, 55.0), np.full(8000, 45.0)
    off = Parts(regression=0.0, course=0.0)
    found = person.follow(random, untreated, pain, disability, [6.0], off)
    assert found.disability.mean() > 45
    assert found.pain.mean() > 50
    assert not found.responds.any()


def test_visits_of_a_person_correlate_as_two_visits_do():
    random = np.random.default_rng(0)
    names, rows = person.responses("lumbar")
    r = rows[:, names.index("pain_stability")].mean()
    usual = rows[:, names.index("lumbar_typical_pain")].mean()
    # nobody selected: starts as of the whole population
    start = np.clip(usual + 14 * random.standard_normal(20_000), 0, 100)
    untreated = person.Given(aware="untreated", procedure="none")
    found = person.follow(
        random, untreated, start, np.full(start.size, 40.0), [3.0, 12.0], Parts(course=0, worsening=0)
    )
    late = np.corrcoef(found.pain.T)[0, 1]
    # what stays of a start that spreads less than people do, and what is a person's own
    assert 0.3 < late < r + 0.15


@pytest.mark.parametrize("region", ["lumbar", "cervical"])
@pytest.mark.parametrize("population", ["chronic", "radicular"])
def test_back_or_neck_and_limb_can_be_asked_for_in_everybody(region, population):
    given_ = person.Given(region, population)
    axial, limb, disability = np.full(3000, 50.0), np.full(3000, 72.0), np.full(3000, 44.0)
    found = person.follow(np.random.default_rng(0), given_, axial, disability, [3.0, 12.0], limb=limb)
    assert (found.axial_start == 50).all()
    assert (found.limb_start == 72).all()
    assert found.axial.shape == found.limb.shape == (3000, 2)
    # the same people respond in both, and what is left over is shared in part
    gone = found.responds[:, 1]
    for score in (found.axial, found.limb):
        assert score[gone, 1].mean() < score[~gone, 1].mean() - 15
    assert 0.1 < np.corrcoef(found.axial[~gone, 1], found.limb[~gone, 1])[0, 1] < 0.95
    alone = person.follow(np.random.default_rng(0), given_, axial, disability, [3.0])
    # without a limb, pain is the one that leads
    assert (alone.limb is alone.pain) == (population == "radicular")
    assert (alone.axial is alone.pain) == (population == "chronic")


def test_the_leading_pain_alone_is_the_same_as_beside_another():
    """Radicular pain told alone, and beside pain of the back, is one law."""
    given_ = person.Given(population="radicular")
    start, back = np.full(2000, 70.0), np.full(2000, 40.0)
    alone = person.follow(np.random.default_rng(2), given_, start, start, [6.0])
    both = person.follow(np.random.default_rng(2), given_, back, start, [6.0], limb=start)
    assert alone.limb.mean() == pytest.approx(both.limb.mean(), abs=1.5)
    np.testing.assert_array_equal(alone.disability, both.disability)
    np.testing.assert_array_equal(alone.responds, both.responds)


def test_why_tells_of_the_limb_and_its_parts_add_up():
    start = np.full(4000, 60.0)
    table = person.why(np.random.default_rng(0), person.Given(population="radicular"), start, start, 6.0, limb=start)
    assert table["limb"].iloc[:-1].sum() == pytest.approx(table["limb"].iloc[-1])
    told = table.set_index("part")
    # radicular pain of a limb gets better by itself more than the back does
    assert told.loc["course", "limb"] < told.loc["course", "pain"] - 3
    assert "limb" not in person.why(np.random.default_rng(0), person.Given(), start, start, 6.0)


def test_a_shift_of_what_is_not_followed_is_a_sentence():
    start = np.full(3, 50.0)
    with pytest.raises(InputError, match="A shift of 'limb'"):
        person.follow(np.random.default_rng(0), person.Given(), start, start, [6.0], shift={"limb": np.zeros((3, 1))})


def test_a_logit_moves_who_responds_and_nobody_else():
    start = np.full(4000, 60.0)
    both = [
        person.follow(np.random.default_rng(1), person.Given(), start, start, [6.0], logit=x)
        for x in (0.0, np.full((4000, 1), 1.0))
    ]
    more = both[1].responds & ~both[0].responds
    assert more.any()
    assert (both[1].responds | ~both[0].responds).all()
    np.testing.assert_array_equal(both[0].pain[~more], both[1].pain[~more])
    untreated = person.Given(aware="untreated", procedure="none")
    assert not person.follow(np.random.default_rng(1), untreated, start, start, [6.0], logit=3.0).responds.any()


@settings(max_examples=30, deadline=None)
@given(st.floats(0, 100), st.floats(0, 100), st.sampled_from(["blind", "open", "untreated"]), st.floats(0.1, 60))
def test_scores_stay_within_their_ends(pain, disability, aware, month):
    procedure = "none" if aware == "untreated" else "disc"
    found = person.follow(
        np.random.default_rng(0),
        person.Given(aware=aware, procedure=procedure),
        np.full(20, pain),
        np.full(20, disability),
        [month],
    )
    for score in (found.pain, found.disability):
        assert score.min() >= 0
        assert score.max() <= 100


def test_a_persons_scores_do_not_hang_on_whether_parts_are_on():
    pain, disability = np.full(500, 65.0), np.full(500, 42.0)
    both = [
        person.follow(np.random.default_rng(3), person.Given(), pain, disability, [6.0], parts)
        for parts in (Parts(), Parts(course=0.0))
    ]
    np.testing.assert_array_equal(both[0].responds, both[1].responds)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"region": "thoracic"}, "Unknown region"),
        ({"procedure": "needel"}, "did you mean 'needle'"),
        ({"treatments": ("cell",)}, "did you mean 'cells'"),
        ({"aware": "opne"}, "did you mean 'open'"),
    ],
)
def test_what_nobody_can_be_given_is_a_sentence(fields, sentence):
    with pytest.raises(InputError, match=sentence):
        person.Given(**fields)


def test_a_treatment_of_people_who_know_that_they_get_none_is_refused():
    asked = ["trial", "why", "--aware", "untreated", "--procedure", "none", "--treatment", "cells"]
    refused = CliRunner().invoke(app, asked)
    assert refused.exit_code == 2
    assert "leave one of them out" in " ".join(refused.output.split())


def test_scores_beyond_their_ends_are_a_sentence():
    with pytest.raises(InputError, match="not possible"):
        person.follow(np.random.default_rng(0), person.Given(), np.array([120.0]), np.array([40.0]), [6.0])


# ---------------------------------------------------------------------------------------------- scores


def test_the_neck_index_has_two_ways_that_never_mix():
    assert scores.ndi("18/50") == scores.ndi("36 %") == scores.NdiPercent(36.0)
    assert scores.NdiRaw(18).percent().raw() == scores.NdiRaw(18)
    for wrong in ("36", "60/50", "120 %", "much"):
        with pytest.raises(InputError, match="neck disability index"):
            scores.ndi(wrong)


def test_utility_is_that_of_the_publication_and_falls_with_every_score():
    # Carreon: mean EQ-5D 0.553 in people of whom ODI explains most
    assert float(scores.eq5d(0, 0, 0)) == pytest.approx(0.97711)
    assert float(scores.eq5d(43.7, 50, 60)) == pytest.approx(0.97711 - 0.00687 * 43.7 - 0.01488 * 5 - 0.01008 * 6)
    base = scores.eq5d(40, 40, 40)
    assert all(scores.eq5d(*(40 + 20 * (i == k) for k in range(3))) < base for i in range(3))


def test_every_score_has_a_source_and_names_help():
    keys = set(evidence.sources.entries())
    for name in scores.scores():
        assert scores.score(name).source in keys
    with pytest.raises(InputError, match="did you mean 'odi'"):
        scores.score("oddi")
    with pytest.raises(InputError, match="not possible"):
        scores.score("odi").held(120)


# ---------------------------------------------------------------------------------------------- trials as printed


def test_every_arm_of_the_table_was_printed_and_every_result_is_in_its_ends():
    found = trials.results()
    assert len({r.arm.study for r in found}) > 45
    for r in found:
        if r.statistic == "share":
            assert 0 <= r.value <= 1, r
        elif r.statistic in ("change", "level", "beside"):
            assert -100 <= r.value <= 100, r
        assert np.isnan(r.baseline) or 0 <= r.baseline <= 100


def test_printed_scales_become_one():
    pettine = [r for r in trials.trial("PETTINE") if r.months == 36 and r.endpoint.domain == "pain"]
    assert pettine[0].value == pytest.approx(21.9 - 82.1)
    haines = next(r for r in trials.trial("HAINES") if r.endpoint.outcome == "VAS back")
    assert haines.value == pytest.approx(-24)
    cesaroni = next(r for r in trials.trial("CESARONI") if r.endpoint.outcome == "NDI change")
    assert cesaroni.value == pytest.approx(2 * -11.75)


@pytest.mark.parametrize(
    ("file", "change", "sentence"),
    [
        ("arms.csv", {"aware": "blinded"}, r"arms.csv line 2: aware is 'blinded' \(did you mean 'blind'\?\)"),
        ("arms.csv", {"arm": "BM-MSX"}, r"arms.csv line 2: trials.csv has no arm 'BM-MSX' of RESPINE \(did you mean"),
        ("endpoints.csv", {"domain": "pian"}, r"endpoints.csv line 2: domain is 'pian'"),
        ("trials.csv", {"tier": "9"}, r"trials.csv line 2: tier is '9'"),
        ("trials.csv", {"value_mean": "many"}, r"trials.csv line 2: value_mean is 'many', not a number"),
        ("words.csv", {"says": "perhaps"}, r"words.csv line 2: says is 'perhaps'"),
    ],
)
def test_a_wrong_table_says_file_line_and_remedy(tmp_path, file, change, sentence):
    folder = tmp_path / "evidence"
    shutil.copytree(evidence.FOLDER, folder, ignore=shutil.ignore_patterns("__pycache__"))
    with (folder / file).open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    rows[0].update(change)
    with (folder / file).open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    read = trials.worded if file == "words.csv" else trials.results
    with pytest.raises(EvidenceError, match=sentence):
        read(folder)


@pytest.mark.parametrize("aware", ["blind", "open"])
def test_people_who_are_followed_change_as_their_arm_is_expected_to(aware):
    """The law for one person and the law for an arm are the same law."""
    names, rows = person.responses("lumbar")
    number, count, month = dict(zip(names, rows[0], strict=True)), 60_000, 12.0
    given_ = person.Given(aware=aware, treatments=("cells",))
    starts = np.full(count, 65.0), np.full(count, 44.0)
    found = person.follow(np.random.default_rng(0), given_, *starts, [month], draws=np.zeros(count, int))
    grown = 1 - np.exp(-month / number["course_time"])
    both = []
    for score, start, course in (
        ("pain", 65.0, "lumbar_course_pain"),
        ("disability", 44.0, "chronic_course_disability"),
    ):
        parts = (
            start,
            0.01,
            number[f"lumbar_typical_{score}"],
            number[f"{score}_spread"],
            number[f"{score}_stability"],
        )
        parts += (number[course] * grown, 0.0, number[f"{score}_fall"])
        both.append(Score(*(np.array([part]) for part in parts)))
    base = number["chance_disc"] + (number["chance_open"] if aware == "open" else 0.0)
    comes = (1 - np.exp(-month / number["response_time"])) * np.exp(-number["response_loss"] * month)
    chance = response.chance(jnp.array([base]), number["treatment cells"]) * comes
    wanted = response.expected(*both, chance, (half(), NONE), np.zeros(1), 0.5)
    assert (found.pain - 65).mean() == pytest.approx(float(wanted.pain[0]), abs=0.4)
    assert (found.disability - 44).mean() == pytest.approx(float(wanted.disability[0]), abs=0.3)
    assert (found.pain <= 32.5).mean() == pytest.approx(float(wanted.share[0]), abs=0.01)
