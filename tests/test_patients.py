"""Virtual people: what was published of them comes out, and each is the same in any number."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from typer.testing import CliRunner

from pulposus import candidacy, evidence, patients
from pulposus.cli import app
from pulposus.errors import InputError
from pulposus.evidence import criteria
from pulposus.patients import LEVELS_OF


@pytest.fixture(scope="module")
def people():
    return patients.draw(10_000)


@pytest.fixture(scope="module")
def necks():
    return patients.draw(10_000, region="cervical")


# ---------------------------------------------------------------------------------------------- what was published


@pytest.mark.parametrize("population", ["patients", "pain_free"])
def test_what_was_published_comes_out(people, population):
    drawn = people if population == "patients" else patients.draw(10_000, population=population)
    held = patients.margins(drawn, population)
    shares = held[held["quantity"].isin(["grade_share", "degenerated", "any_degenerated", "degenerated_discs"])]
    fitted = shares[shares["role"] == "calibration"]
    # within what so few people tell: two standard errors and what twenty numbers cannot follow
    allowed = 0.03 + 2 * np.sqrt(fitted["published"] * (1 - fitted["published"]) / fitted["n"])
    assert (fitted["error"].abs() < allowed).all(), fitted[fitted["error"].abs() >= allowed]
    assert fitted["error"].abs().mean() < 0.025
    assert shares["error"].abs().max() < 0.08


def test_discs_of_a_person_go_together_as_measured_and_the_lowest_is_more_of_its_own(people):
    held = patients.margins(people).set_index(["quantity", "at"])["drawn"]["rank_correlation"]
    told = patients.margins(people).set_index(["quantity", "at"])["published"]["rank_correlation"]
    assert np.abs(held - told).max() < 0.13
    assert np.abs(held - told).mean() < 0.05
    assert held.filter(like="S1").max() < held.drop(held.filter(like="L5").index).min()


def test_necks_are_those_that_were_published(necks):
    held = patients.margins(necks)
    fitted = held[(held["role"] == "calibration") & held["quantity"].str.contains("grade_4|looked_at")]
    assert len(fitted) == 7
    assert fitted["error"].abs().max() < 0.05
    free = patients.margins(patients.draw(10_000, population="pain_free", region="cervical"), "pain_free")
    told = free.set_index(["quantity", "at"])
    # published as "more than half" and "more than 95 %"
    assert told["error"]["score_13", "40 49"] > 0
    assert told["error"]["score_13", "70 79"] > 0
    assert abs(told["error"]["age_correlation", ""]) < 0.05


def test_every_number_of_the_margins_has_a_source_and_is_looked_up():
    known = {"endplate_changed", "modic", "herniation"}  # read by the draw itself
    asked = {row["quantity"] for row in patients.published()} - known
    shown = set()
    for region in LEVELS_OF:
        for population in patients.POPULATIONS:
            for country in ("", "Japan", "United States"):
                few = patients.draw(3000, population=population, region=region, country=country)
                shown |= set(patients.margins(few, population)["quantity"])
    for row in patients.published():
        assert row["source"] in evidence.sources.entries()
        assert row["role"] in ("calibration", "prediction")
        assert int(row["n"]) > 0
        assert row["list"] in ("", *criteria.lists())
    assert asked - shown == {"pain_start", "disability_start"}  # of trials, which select


def test_people_of_a_trial_are_held_against_those_of_the_trial():
    beside = patients.trials(count=40)
    told = beside.set_index(["at", "quantity"])
    assert abs(told["error"]["MSB-DR003", "age_mean"]) < 6
    assert told["drawn"]["PETTINE", "pain_start"] > 55  # selected at 40 and more, so above the unselected mean
    assert set(beside["list"]) >= {"MSB-DR003", "IDCT-1-2", "PETTINE", "VIA-ASCEND", "CORE-LUMBAR"}


# ---------------------------------------------------------------------------------------------- who is drawn


def test_a_person_is_the_same_in_any_number_of_people(people):
    few, one = patients.draw(37), patients.draw(1)
    assert few.equals(people.head(37))
    assert one.equals(people.head(1))
    assert not patients.draw(37, seed=1).equals(few)
    chosen = patients.draw(60, trial="BRTX-100")
    same = people.set_index("person").loc[chosen["person"]].reset_index()
    assert same[chosen.columns].equals(chosen)


@pytest.mark.parametrize(("trial", "score"), [("BRTX-100", "odi"), ("CASINO", "ndi")])
def test_who_is_taken_by_a_trial_fails_none_of_its_criteria(people, necks, trial, score):
    chosen = patients.draw(60, trial=trial)
    for row in chosen.to_dict("records"):
        assert score in patients.facts(row)
        assert not candidacy.held(trial, patients.facts(row)).unmet
    drawn = people if trial == "BRTX-100" else necks
    pain = "pain" if trial == "BRTX-100" else "limb_pain"
    assert chosen[pain].min() >= 40
    # selected on a visit: worse than the others are, and worse than they usually are
    assert chosen[pain].mean() > drawn[pain].mean() + 5
    assert chosen[pain].mean() > chosen[f"usual_{pain}"].mean() + 2
    # who is passed over quickly would not have been taken
    first = drawn.head(int(chosen["person"].max()) + 1)
    whole = [not candidacy.held(trial, patients.facts(row)).unmet for row in first.head(60).to_dict("records")]
    assert list(patients.meets(first.head(60), trial)) == whole


def test_degeneration_rises_with_age_and_weight_and_says_nothing_of_how_much_it_hurts(people, necks):
    for drawn, levels in ((people, LEVELS_OF["lumbar"]), (necks, LEVELS_OF["cervical"])):
        grades = drawn[[f"grade {level}" for level in levels]].mean(axis=1)
        assert grades.corr(drawn["age"]) > 0.15
        assert grades[drawn["bmi"] >= 25].mean() > grades[drawn["bmi"] < 25].mean() + 0.05
        assert abs(drawn["grade"].corr(drawn["pain"])) < 0.03
        # the disc that is looked at is degenerated more often than its neighbours
        assert drawn["grade"].mean() > grades.mean() + 0.1


def test_what_hangs_on_what(people):
    smokes = people["smoker"]
    assert people["opioids"][smokes].mean() / people["opioids"][~smokes].mean() == pytest.approx(1.46, abs=0.15)
    assert people["herniation"][smokes].mean() > people["herniation"][~smokes].mean()
    assert people["usual_pain"][smokes].mean() > people["usual_pain"][~smokes].mean() + 2
    assert people["mid_height_mm"].corr(people["body_height_cm"]) > 0.05
    assert people["width_mm"].corr(people["body_height_cm"]) > 0.2
    assert (people["conservative_months"] <= people["duration_months"]).all()
    since = people["epidural_steroid_weeks"].dropna()
    assert len(since) == people["epidural_steroid"].sum()
    assert (people["opioid_dose_mg"] > 0).equals(people["opioids"])
    limb = people["usual_limb_pain"]
    assert limb[people["epidural_steroid"]].mean() > limb[~people["epidural_steroid"]].mean() + 3
    # what no source ties is not tied
    for one in ("age", "bmi", "duration_months", "pain"):
        assert abs(people["expectation"].corr(people[one])) < 0.03
    assert abs(people["age"].corr(people["bmi"])) < 0.03


def test_sizes_follow_level_sex_and_grade_within_their_ranges(people, necks):
    keys = ["level", "sex", "grade"]
    for (level, sex, grade), own in [*people.groupby(keys), *necks.groupby(keys)]:
        row = evidence.dimensions(level, sex, int(grade))["mid_height"]
        mm = evidence.factor("mm")
        assert own["mid_height_mm"].between(row.si_low / mm - 1e-9, row.si_high / mm + 1e-9).all()
    low, high = (people[people["grade"] == grade]["mid_height_mm"].mean() for grade in (5, 1))
    assert low < high
    heights = patients.margins(people).set_index(["quantity", "at"])["error"]["height_by_grade"]
    assert heights.abs().max() < 0.04


def test_countries_differ_where_rows_say_so_and_nowhere_else(people):
    japan = patients.draw(10_000, country="Japan")
    assert japan["bmi"].mean() < people["bmi"].mean() - 3
    assert japan["opioids"].mean() < 0.5 * people["opioids"].mean() + 0.02
    men, women = (japan["smoker"][japan["sex"] == sex].mean() for sex in ("male", "female"))
    assert men > 3 * women
    assert japan["body_height_cm"].mean() < people["body_height_cm"].mean() - 4
    assert japan["width_mm"].mean() < people["width_mm"].mean() - 0.5
    assert japan["age"].equals(people["age"])
    # lighter people have sounder discs, and the same disc otherwise
    assert japan["grade"].mean() < people["grade"].mean()
    assert japan["usual_disability"].equals(people["usual_disability"])
    for country in patients.countries():
        assert set(patients.draw(5, country=country)["country"]) == {country}


def test_facts_of_people_are_those_that_candidacy_knows(people, necks):
    for drawn, core, score in ((people, "CORE-LUMBAR", "odi"), (necks, "CORE-CERVICAL", "ndi")):
        row = drawn.iloc[0].to_dict()
        known = patients.facts(row)
        assert set(known) <= set(criteria.facts())
        assert score in known
        assert len(known) >= 12
        found = candidacy.assess(candidacy.Person(known))
        assert found.fit.list.name == core
        assert not found.contradictions


# ---------------------------------------------------------------------------------------------- one person


def test_what_is_known_of_a_person_narrows_the_rest():
    known = {"age": 62.0, "sex": "male", "level": "L5-S1", "grade L5-S1": 5.0, "pain": 70.0}
    narrowed, all_ = patients.fit(known), patients.draw(20_000)
    assert set(narrowed["sex"]) == {"male"}
    assert set(narrowed["age"]) == {62.0}  # a fact known exactly stays exact
    assert set(narrowed["grade L5-S1"]) == {5} == set(narrowed["grade"])
    assert set(narrowed["pain"]) == {70.0}
    assert narrowed["grade L4-L5"].mean() > all_["grade L4-L5"].mean() + 0.4  # its neighbour is likely worn too
    assert narrowed["disability"].mean() > all_["disability"].mean() + 5


def test_with_nothing_known_they_are_all_who_may_come():
    assert patients.fit({}).drop(columns="weight").equals(patients.draw(20_000))
    assert patients.fit({"region": "cervical"}, count=50).drop(columns="weight").equals(
        patients.draw(50, region="cervical")
    )


def test_more_visits_narrow_and_tell_the_usual_level_from_the_day():
    told = [{"pain": 80.0}, {"pain": 70.0, "disability": 45.0}, {"pain": 75.0}, {"pain": 72.0}]
    spreads, means = [], []
    for visits in range(5):
        found = patients.fit({}, scores=told[:visits], count=4000)
        spreads.append(found["usual_pain"].std())
        means.append(found["usual_pain"].mean())
    assert all(b < a - 0.2 for a, b in pairwise(spreads))
    # one bad day says less than four: the mean goes on towards what is told
    assert means[0] < means[1] < 80
    assert means[4] > means[0] + 0.8 * (74.25 - means[0])
    low = patients.fit({}, scores=[{"pain": 10.0}] * 3, count=4000)
    assert low["usual_disability"].mean() < means[0] < means[4]


def test_the_conjugate_level_is_that_of_a_grid():
    law = patients.scores_law()
    grid = np.linspace(-150, 250, 4001)
    between, within, mean = law.between[0, 0], law.within[0, 0], law.mean[0]
    dense = np.exp(-0.5 * ((grid - mean) ** 2 / between + ((grid - 66) ** 2 + (grid - 58) ** 2) / within))
    middle = (grid * dense).sum() / dense.sum()
    spread = np.sqrt(((grid - middle) ** 2 * dense).sum() / dense.sum())
    z = np.vstack([np.zeros(3), [1.0, 0, 0]])
    level, _ = law.usual(z, np.zeros((2, 3)), [{"pain": 66.0}, {"pain": 58.0}])
    assert level[0, 0] == pytest.approx(middle, abs=1e-6)
    assert level[1, 0] - level[0, 0] == pytest.approx(spread, rel=1e-6)


def test_what_is_foretold_of_drawn_people_is_right_as_often_as_it_says():
    people = patients.draw(120, seed=11)
    law, random = patients.scores_law(), np.random.default_rng(5)
    inside = {"usual_pain": 0, "usual_disability": 0, "grade L4-L5": 0, "bmi": 0}
    for row in people.to_dict("records"):
        usual = np.array([row["usual_pain"], row["usual_disability"], row["usual_limb_pain"]])
        days = [law.visit(usual, random.standard_normal(3)) for _ in range(2)]
        visits = [dict(zip(patients.SCORES, day, strict=True)) for day in days]
        known = {"age": row["age"], "sex": row["sex"], "level": row["level"], "smoker": row["smoker"]}
        found = patients.fit(known, [{"level": row["level"], "grade": row["grade"]}], visits, count=900, again=False)
        for name in inside:
            order = np.argsort(found[name].to_numpy())
            values, heap = found[name].to_numpy()[order], np.cumsum(found["weight"].to_numpy()[order])
            low, high = values[np.searchsorted(heap, [0.05, 0.95])]
            inside[name] += low <= row[name] <= high
    shares = {name: count / len(people) for name, count in inside.items()}
    # nine tenths, within what 120 people tell; ends of a scale and whole grades make intervals wider
    assert min(shares.values()) > 0.82, shares
    assert shares["usual_pain"] < 0.97
    assert shares["bmi"] < 0.97


def test_weights_are_those_of_bayes():
    # how many are women among people with this height, by hand
    found = patients.fit({"body_height_cm": 172.0}, count=8000, again=False)
    number = patients.Who().number
    spread = number("body_height_spread")
    like = {sex: np.exp(-0.5 * ((172 - number(f"body_height_{sex}")) / spread) ** 2) for sex in ("male", "female")}
    women = number("female") * like["female"]
    by_hand = women / (women + (1 - number("female")) * like["male"])
    assert found["weight"][found["sex"] == "female"].sum() == pytest.approx(by_hand, abs=0.02)
    again = patients.fit({"body_height_cm": 172.0}, count=8000)
    assert (again["sex"] == "female").mean() == pytest.approx(by_hand, abs=0.02)


def test_pictures_narrow_grade_and_sizes():
    person = {"age": 44, "sex": "female", "level": "c5-6"}
    seen = {"t2": 85, "height": 4.2, "ap": 15.5, "width": 20}
    plain, found = patients.fit(person, count=4000), patients.fit(person, seen, count=4000)
    assert (found["grade"] == 3).mean() > 0.9 > (plain["grade"] == 3).mean()
    for column, value in (("mid_height_mm", 4.2), ("ap_depth_mm", 15.5), ("width_mm", 20)):
        assert found[column].std() < plain[column].std()
        assert abs(found[column].mean() - value) < 0.6
    told = patients.case(found)
    assert told["disc"]["level"] == {"value": "C5-C6", "chance": 1.0}
    assert told["disc"]["grade"]["value"] == 3
    assert told["disc"]["height"]["low"] < 4.2 < told["disc"]["height"]["high"]
    assert told["person"]["age"] == {"value": 44.0, "low": 44.0, "high": 44.0}
    # readers who disagree leave both grades, and one more disc says more of its neighbours
    split = patients.fit(person, [{"grade": 3}, {"grade": 4}], count=4000)
    assert set(split["grade"]) == {3, 4}
    flat = patients.fit({"level": "L4-L5"}, [{"height_index": 0.2}], count=4000)
    high = patients.fit({"level": "L4-L5"}, [{"height_index": 0.42}], count=4000)
    assert flat["grade"].mean() > high["grade"].mean() + 0.5
    dark = patients.fit({"level": "L4-L5"}, [{"signal": 0.15}], count=4000)
    bright = patients.fit({"level": "L4-L5"}, [{"signal": 0.8}], count=4000)
    assert dark["grade"].mean() > bright["grade"].mean() + 1


def test_a_case_of_a_fitted_person_can_be_run():
    from pulposus.case import Case

    told = patients.case(patients.fit({"age": 40, "sex": "male", "level": "L4-L5", "grade": 3}, count=500))
    disc = {name: entry["value"] for name, entry in told["disc"].items()}
    sizes = {name: f"{disc.pop(name):.2f} mm" for name in ("height", "ap_depth", "width")}
    case = Case.from_dict({"person": {name: e["value"] for name, e in told["person"].items()}, "disc": disc | sizes})
    assert case.disc.grade == 3


# ---------------------------------------------------------------------------------------------- sentences


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"count": 0}, "cannot be drawn"),
        ({"count": 1, "population": "patient"}, "did you mean 'patients'"),
        ({"count": 1, "region": "cervikal"}, "did you mean 'cervical'"),
        ({"count": 1, "country": "Japn"}, "did you mean 'Japan'"),
        ({"count": 1, "trial": "MSB-DR03"}, "did you mean 'MSB-DR003'"),
        ({"count": 1, "trial": "CASINO", "region": "lumbar"}, "meet the criteria of CASINO"),
    ],
)
def test_whom_nobody_can_draw_is_a_sentence(arguments, sentence):
    with pytest.raises(InputError, match=sentence):
        patients.draw(**arguments)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (({"agee": 40.0},), "did you mean 'age'"),
        (({"sex": "neither"},), "Nobody like this"),
        (({"age": "old"},), "not a number"),
        (({"smoker": "often"},), "write true or false"),
        (({"grade": 3},), "not of which disc"),
        (({"level": "L4-L5", "grade": 6},), "Pfirrmann grades go from 1 to 5"),
        (({"level": "C2-C3"},), "no cervical disc that is drawn"),
        (({}, [{"level": "L4-L5", "heigt": 80}]), "did you mean 'height'"),
        (({}, [{"grade": 3}]), "no disc that is named"),
        (({}, [{"level": "L4-L5", "height": 9}, {"level": "L5-S1", "height": 8}]), "give the level"),
        (({}, [{"level": "L4-L5", "height": -9}]), "above nought"),
        (({}, (), [{"pian": 40}]), "did you mean 'pain'"),
        (({}, (), [{"pain": 140}]), "not possible"),
    ],
)
def test_what_nobody_can_be_is_a_sentence(arguments, sentence):
    with pytest.raises(InputError, match=sentence):
        patients.fit(*arguments)


def test_the_command_writes_a_row_a_person(tmp_path):
    target = tmp_path / "people.csv"
    found = CliRunner().invoke(app, ["people", "--count", "25", "--out", str(target)])
    assert found.exit_code == 0
    assert len(target.read_text("utf-8").splitlines()) == 26
    assert "are few" in found.output
    more = ["--region", "cervical", "--country", "Japan", "--count", "600"]
    found = CliRunner().invoke(app, ["people", *more])
    assert found.exit_code == 0
    assert "cervical patients of Japan" in found.output
    assert "foretold" in found.output
    found = CliRunner().invoke(app, ["people", "--trial", "MSB-DR003", "--count", "20"])
    assert found.exit_code == 0, found.output
    wrong = CliRunner().invoke(app, ["people", "--out", str(tmp_path / "people.txt")])
    assert wrong.exit_code == 2
