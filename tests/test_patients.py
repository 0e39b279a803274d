"""Virtual people: what was published of them comes out, and each is the same in any number."""

from __future__ import annotations

import numpy as np
import pytest
from typer.testing import CliRunner

from pulposus import candidacy, evidence, patients
from pulposus.cli import app
from pulposus.errors import InputError
from pulposus.evidence import criteria


@pytest.fixture(scope="module")
def people():
    return patients.draw(10_000)


@pytest.mark.parametrize("population", ["patients", "pain_free"])
def test_what_was_published_comes_out(people, population):
    drawn = people if population == "patients" else patients.draw(10_000, population=population)
    held = patients.margins(drawn, population)
    shares = held[held["quantity"].isin(["grade_share", "degenerated", "any_degenerated", "degenerated_discs"])]
    fitted = shares[shares["role"] == "calibration"]
    # within what so few people tell: two standard errors and what seven numbers cannot follow
    allowed = 0.03 + 2 * np.sqrt(fitted["published"] * (1 - fitted["published"]) / fitted["n"])
    assert (fitted["error"].abs() < allowed).all(), fitted[fitted["error"].abs() >= allowed]
    assert fitted["error"].abs().mean() < 0.025
    assert shares["error"].abs().max() < 0.08


def test_every_number_of_the_margins_has_a_source():
    for row in patients.published():
        assert row["source"] in evidence.sources.entries()
        assert row["role"] in ("calibration", "prediction")
        assert int(row["n"]) > 0


def test_a_person_is_the_same_in_any_number_of_people(people):
    few, one = patients.draw(37), patients.draw(1)
    assert few.equals(people.head(37))
    assert one.equals(people.head(1))
    assert not patients.draw(37, seed=1).equals(few)
    chosen = patients.draw(60, trial="BRTX-100")
    same = people.set_index("person").loc[chosen["person"]].reset_index()
    assert same[chosen.columns].equals(chosen)


def test_who_is_taken_by_a_trial_fails_none_of_its_criteria(people):
    chosen = patients.draw(60, trial="BRTX-100")
    for row in chosen.to_dict("records"):
        assert not candidacy.held("BRTX-100", patients.facts(row)).unmet
    assert chosen["pain"].min() >= 40
    assert chosen["disability"].min() >= 30
    # selected on a visit: worse than the others are
    assert chosen["pain"].mean() > people["pain"].mean() + 5


def test_degeneration_rises_with_age_and_weight_and_says_nothing_of_how_much_it_hurts(people):
    grades = people[[f"grade {level}" for level in patients.LEVELS]].mean(axis=1)
    assert grades.corr(people["age"]) > 0.15
    assert grades[people["bmi"] >= 25].mean() > grades[people["bmi"] < 25].mean() + 0.05
    assert abs(people["grade"].corr(people["pain"])) < 0.03
    # the disc that is looked at is degenerated more often than its neighbours
    assert people["grade"].mean() > grades.mean() + 0.1


def test_sizes_follow_level_sex_and_grade_within_their_ranges(people):
    for (level, sex, grade), own in people.groupby(["level", "sex", "grade"]):
        row = evidence.dimensions(level, sex, int(grade))["mid_height"]
        mm = evidence.factor("mm")
        assert own["mid_height_mm"].between(row.si_low / mm - 1e-9, row.si_high / mm + 1e-9).all()
    low, high = (people[people["grade"] == grade]["mid_height_mm"].mean() for grade in (5, 1))
    assert low < high


def test_what_is_known_of_a_person_narrows_the_rest():
    known = {"age": 62.0, "sex": "male", "level": "L5-S1", "grade L5-S1": 5.0, "pain": 70.0}
    narrowed, all_ = patients.fit(known), patients.draw(20_000)
    assert set(narrowed["sex"]) == {"male"}
    assert abs(narrowed["age"].mean() - 62) < 1
    assert narrowed["grade L4-L5"].mean() > all_["grade L4-L5"].mean() + 0.4  # its neighbour is likely worn too
    assert narrowed["disability"].mean() > all_["disability"].mean() + 5


def test_facts_of_people_are_those_that_candidacy_knows(people):
    row = people.iloc[0].to_dict()
    known = {name: value for name, value in patients.facts(row).items() if name in criteria.facts()}
    assert len(known) >= 9
    assert candidacy.assess(candidacy.Person(known)).fit.answer in ("yes", "no", "unknown", "not yet known")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"count": 0}, "cannot be drawn"),
        ({"count": 1, "population": "patient"}, "did you mean 'patients'"),
        ({"count": 1, "trial": "MSB-DR03"}, "did you mean 'MSB-DR003'"),
        ({"count": 1, "trial": "CASINO"}, "meet the criteria of CASINO"),
    ],
)
def test_whom_nobody_can_draw_is_a_sentence(arguments, sentence):
    with pytest.raises(InputError, match=sentence):
        patients.draw(**arguments)


def test_nobody_like_this_is_a_sentence():
    with pytest.raises(InputError, match="did you mean 'age'"):
        patients.fit({"agee": 40.0})
    with pytest.raises(InputError, match="Nobody like this"):
        patients.fit({"sex": "neither"})


def test_the_command_writes_a_row_a_person(tmp_path):
    target = tmp_path / "people.csv"
    found = CliRunner().invoke(app, ["people", "--count", "25", "--out", str(target)])
    assert found.exit_code == 0
    assert len(target.read_text("utf-8").splitlines()) == 26
    assert "are few" in found.output
    wrong = CliRunner().invoke(app, ["people", "--out", str(tmp_path / "people.txt")])
    assert wrong.exit_code == 2
