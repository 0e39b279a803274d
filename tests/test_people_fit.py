"""How discs degenerate in people: the rows of the evidence come out of the fit, and its sums are those of people."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from typer.testing import CliRunner

from pulposus import evidence, patients
from pulposus.cli import app
from pulposus.patients.grades import Law
from pulposus.uncertainty import fitted
from pulposus.uncertainty import people as fit


@pytest.fixture(scope="module")
def found():
    return fit.fit_people(seed=3, starts=1)


def test_the_rows_of_the_evidence_come_out_of_the_fit(found):
    assert len(found.numbers) == 34
    for row in found.numbers.to_dict("records"):
        used = evidence.population(row["name"])
        assert used.note.startswith(fit.FITTED), f"{row['name']} was not written by pulposus calibrate"
        for word in ("value", "low", "high"):
            assert getattr(used, word) == pytest.approx(row[word], abs=3e-3), row["name"]
        assert used.kind == row["kind"]


def test_written_again_a_table_has_as_many_rows(found, tmp_path):
    shutil.copy(evidence.FOLDER / "population.csv", tmp_path)
    before = (tmp_path / "population.csv").read_text("utf-8").splitlines()
    fitted.write(found.numbers.to_dict("records"), fit.FITTED, tmp_path)
    after = (tmp_path / "population.csv").read_text("utf-8").splitlines()
    assert [line.split(",")[0] for line in before] == [line.split(",")[0] for line in after]
    assert {line for line in before if fit.FITTED not in line} == {line for line in after if fit.FITTED not in line}


def test_a_loading_a_level_tells_what_one_for_all_could_not(found):
    rows = found.rows[found.rows["row"].str.startswith("rank")]
    off = (rows["after"] - rows["published"]).abs()
    assert off.mean() < 0.05
    assert off.max() < 0.12
    # the share that discs share: high above, half as high in the lowest
    loading = {level: evidence.population(f"loading {level}").value for level in patients.LEVELS}
    assert min(loading[level] for level in patients.LEVELS[:3]) > loading["L4-L5"] > loading["L5-S1"]


def test_sums_over_people_are_those_of_many_drawn():
    who = patients.Who()
    law, number = Law.of(who), who.number
    sums = fit._Sums.of(number("age_mean"), number("age_spread"), law.usual, (18, 90))
    shares = sums.shares(law)
    many = patients.draw(60_000, seed=2)
    grades = many[[f"grade {level}" for level in patients.LEVELS]].to_numpy()
    for place in range(5):
        drawn = np.bincount(grades[:, place], minlength=6)[1:] / len(many)
        assert np.abs(sums.mean(shares)[place] - drawn).max() < 0.008
    joint = np.einsum("n,ng,nh->gh", sums.many, shares[:, 0], shares[:, 4])
    drawn = many["grade L1-L2"].corr(many["grade L5-S1"], method="spearman")
    assert fit._spearman(joint) == pytest.approx(drawn, abs=0.015)
    looked = fit._looked_at(law, sums, shares)
    assert looked.sum() == pytest.approx(1)
    for place, level in enumerate(patients.LEVELS):
        assert looked[place] == pytest.approx((many["level"] == level).mean(), abs=0.008)
    counts = sums.mean(fit._counts(shares[..., 2:].sum(-1)))
    assert counts.sum() == pytest.approx(1)
    assert counts[5] == pytest.approx((grades >= 3).all(1).mean(), abs=0.008)


def test_rank_correlation_of_a_table():
    assert fit._spearman(np.diag([0.2, 0.3, 0.5])) == pytest.approx(1)
    assert fit._spearman(np.outer([0.2, 0.8], [0.5, 0.5])) == pytest.approx(0, abs=1e-12)


def test_the_command_fits_people_alone(found, tmp_path, monkeypatch):
    monkeypatch.setattr(fit, "fit_people", lambda seed, progress: found)
    words = ["calibrate", "--only", "people", "--out", str(tmp_path / "fit")]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    assert {path.name for path in (tmp_path / "fit").iterdir()} == {"people.csv", "people_rows.csv"}
    result = CliRunner().invoke(app, [*words, "--quick"])
    assert result.exit_code == 2
    assert "leave out one of the two" in result.stderr
