"""Placebo arms, natural course and regression to the mean: published rows beside people of the law."""

from __future__ import annotations

import csv
import math
import shutil

import numpy as np
import pytest
from typer.testing import CliRunner

from pulposus import evidence
from pulposus.errors import EvidenceError, InputError
from pulposus.evidence import published
from pulposus.outcomes import person
from pulposus.outcomes.response import Parts
from pulposus.uncertainty import reproduced
from pulposus.uncertainty.reproduced import Asked
from pulposus.uncertainty.trials import Pooled, Reading


@pytest.fixture(scope="module")
def lumbar() -> list[Asked]:
    return reproduced.asked("lumbar")


@pytest.fixture(scope="module")
def cervical() -> list[Asked]:
    return reproduced.asked("cervical")


def interval(row: Asked, seed: int = 0) -> tuple[float, float]:
    low, high = np.quantile(reproduced.simulated(np.random.default_rng(seed), row), (0.05, 0.95))
    return float(low), float(high)


def of(rows: list[Asked], source: str, months: float | None = None) -> list[Asked]:
    found = [row for row in rows if row.source.startswith(source) and months in (None, row.months)]
    assert found, source
    return found


def of_what(rows: list[Asked], what: str) -> Asked:
    return next(row for row in rows if row.what == what)


def test_what_is_called_fitted_was_in_the_fit_and_nothing_else_was(lumbar, cervical):
    for region, rows in (("lumbar", lumbar), ("cervical", cervical)):
        studies = set(Reading.of(region).studies)
        single = [row for row in rows if ": " in row.source]
        for row in single:
            study = row.source.split(":")[0]
            assert (study in studies) == (row.fitted in ("yes", "overlap")), row
    assert {row.fitted for row in lumbar} == {"yes", "overlap", "calibration", "prior", "no"}
    terms = {row.what for row in Pooled(Reading.of("lumbar")).rows}
    assert terms == {row.what for row in lumbar if row.fitted == "calibration"}
    assert {row.what for row in lumbar if row.group == "contrasts"} <= terms


def test_nothing_was_given_to_those_who_are_reproduced(lumbar):
    given = {row.what for row in lumbar if row.group in ("placebo", "course") and row.given.treatments}
    assert given == {"HA"}  # the carrier, which was a control


def test_the_known_untreated_do_not_improve_without_course_and_regression_and_come_out_with_them(lumbar, cervical):
    """Two small arms that worsened, one that did not, and arm pain that got better by itself: each in its people."""
    rows = of(lumbar, "ATLURI") + of(lumbar, "VAST: ODI", 3.0) + of(lumbar, "ILEX") + of(cervical, "KUIJPER")
    rows = [row for row in rows if row.given.aware == "untreated"]
    assert len(rows) == 7
    for number, row in enumerate(rows):
        bare = reproduced.simulated(np.random.default_rng(number), row, Parts(regression=0.0, course=0.0))
        assert bare.mean() > -1, row
        low, high = interval(row, number)
        assert low <= row.printed <= high, row


@pytest.mark.parametrize("region", ["lumbar", "cervical"])
@pytest.mark.parametrize("month", [12.0, 24.0])
def test_worsening_of_those_who_got_nothing_never_improves_them(region, month):
    """Pain as well as disability, with each draw that is kept."""
    for name in ("worsening_pain", "worsening_disability"):
        assert person.drawn(region, name).min() > 0
    given = person.Given(region=region, procedure="none", aware="untreated")
    starts = np.full(4000, 65.0), np.full(4000, 44.0)
    told = person.why(np.random.default_rng(0), given, *starts, month).set_index("part")
    assert (told.loc["worsening"] > 0).all()
    assert (told.loc[["expectation", "treatment"]] == 0).all().all()


def test_a_pooled_term_of_the_fit_is_what_people_of_the_law_print(lumbar):
    """The law of two arms and the people who are drawn one by one say the same of a difference and of a correlation."""
    reading, (_, rows) = Reading.of("lumbar"), person.responses("lumbar")
    pooled, count = Pooled(reading), len(reading.names)
    told = np.median(
        [pooled.told({"numbers": row[:count], "treatment": row[count:]}) for row in rows[::20]], axis=0
    )
    for number, row in enumerate(pooled.rows):
        mine = told[number] if pooled.differs[number] else np.tanh(told[number])
        drawn = reproduced.simulated(np.random.default_rng(0), of_what(lumbar, row.what))
        assert mine == pytest.approx(np.median(drawn), abs=0.12), row.what


def test_sham_and_placebo_arms_come_out_and_the_outlier_does_not(lumbar, cervical):
    for source, months in (("RESPINE", None), ("NORIEGA", None), ("PREDID", None), ("RUGPOLI", None), ("CARETTE", 3)):
        row = of(lumbar, source, months)[0]
        low, high = interval(row)
        assert low <= row.printed <= high, row
    low, high = interval(of(cervical, "CHOW-LLLT: VAS", 2.8)[0])
    assert low <= 2.5 <= high
    peng = of(lumbar, "PENG_2010: NRS")[0]
    assert peng.printed > interval(peng)[1]  # a miss that is known, and not hidden


def test_trials_lose_as_many_as_they_print_but_for_a_long_extension(lumbar):
    for row in (row for row in lumbar if row.quantity == "missing"):
        low, high = interval(row)
        assert (low <= row.printed <= high) == (row.fitted == "prior"), row


def test_a_selected_start_falls_by_itself_as_stability_says(lumbar):
    row = next(row for row in lumbar if row.group == "regression")
    found = reproduced.simulated(np.random.default_rng(0), row).mean()
    wanted = -10 * (1 - person.drawn("lumbar", "pain_stability").mean())
    assert found == pytest.approx(wanted, abs=0.8)
    assert interval(row)[0] < row.printed < interval(row)[1]


def test_more_people_leave_less_to_chance(lumbar):
    row = of(lumbar, "NORIEGA")[0]
    spread = [np.std(reproduced.simulated(np.random.default_rng(0), row._replace(n=n))) for n in (10.0, 150.0)]
    assert spread[1] < spread[0]


def test_people_of_an_arm_are_those_of_the_arm_beside_it_where_they_were_not_printed(lumbar):
    assert {row.n for row in of(lumbar, "VAST: ODI")} == {4.0}
    assert all(math.isnan(row.n) for row in of(lumbar, "GHAHREMAN"))


def test_counts_keep_apart_what_was_fitted():
    rows = reproduced.reproduce("cervical", seed=1)
    assert (rows["low"] <= rows["high"]).all()
    assert ((rows["published"] >= rows["low"]) & (rows["published"] <= rows["high"]) == rows["inside"]).all()
    covered = reproduced.counted(rows)
    every = covered[covered["group"] == "all"]
    assert every["rows"].sum() == len(rows) == covered[covered["group"] != "all"]["rows"].sum()
    assert every["inside"].sum() == rows["inside"].sum()
    # who knows that he got nothing does not improve without course and regression
    bare = rows["bare"].dropna()
    assert len(bare) == 2
    assert (bare > -1).all()


def test_words_are_scored_by_what_such_a_trial_would_find():
    said = reproduced.words("lumbar").set_index("what")
    assert said.loc["DREAM, sham against cells, pain", "agrees"]
    assert said.loc["DREAM, sham against cells, pain", "equivalent"] > 0.9
    # saline without any relief is not foretold
    assert not said.loc["intradiscal saline of Cao", "agrees"]
    assert ((said["chance"] >= 0) & (said["chance"] <= 1)).all()


def test_the_table_is_printed_with_its_counts(tmp_path):
    from pulposus import cli

    asked = ["trial", "reproduce", "--region", "cervical", "--out", str(tmp_path), "--quiet"]
    done = CliRunner().invoke(cli.app, asked)
    assert done.exit_code == 0, done.output
    for word in ("KUIJPER", "inside", "outside", "agrees", "prior"):
        assert word in done.output
    with (tmp_path / "reproduced.csv").open(encoding="utf-8") as stream:
        assert len(list(csv.DictReader(stream))) > 20


def test_names_that_are_not_known_are_a_sentence():
    with pytest.raises(InputError, match="did you mean 'cervical'"):
        reproduced.asked("cervica")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"aware": "blinded"}, r"published.csv line 2: aware is 'blinded' \(did you mean 'blind'\?\)"),
        ({"quantity": "chnage_pain"}, r"published.csv line 2: quantity is 'chnage_pain'"),
        ({"published": "few"}, r"published.csv line 2: published is 'few', not a number"),
        ({"source": "nobody1999"}, r"published.csv line 2: the source 'nobody1999' is not in sources.bib"),
    ],
)
def test_a_wrong_row_says_file_line_and_remedy(tmp_path, change, sentence):
    folder = tmp_path / "evidence"
    shutil.copytree(evidence.FOLDER, folder, ignore=shutil.ignore_patterns("__pycache__"))
    with (folder / "published.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    rows[0].update(change)
    with (folder / "published.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    with pytest.raises(EvidenceError, match=sentence):
        published.published(folder)
