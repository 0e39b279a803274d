"""The main job end to end on a small mesh: the same run alone, stopped and resumed; what it leaves; what each mechanism
is said to do.
"""

from __future__ import annotations

import json

import numpy as np
import pytest

from pulposus import biomechanics, run
from pulposus.case import Case, Hypothesis, case_from_line, read_case
from pulposus.disc.state import MECHANISMS
from pulposus.errors import InputError
from pulposus.results import Results

AGGRECAN = "aggrecan_nucleus_percent"
LINE = "Inject 25e6 allogeneic MSC(M) in 2 mL saline at month 0"


def small(years: float = 1.0, line: str = LINE):
    return case_from_line(line, level="L4-L5", grade=3, years=years, mesh="cohort")


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Results:
    with pytest.MonkeyPatch.context() as patch:  # all are looked at in the biomechanics of their own
        patch.setattr(biomechanics, "POSTURES", ("lying", "standing", "lifting"))
        patch.setattr(biomechanics, "MOMENTS", biomechanics.ENDS)
        return run.run_case(small(), tmp_path_factory.mktemp("runs") / "whole", ablation=False)


def test_a_run_leaves_tables_fields_and_all_that_is_needed_to_judge_it(whole):
    summary, history, info = whole.summary(), whole.history(), whole.info()
    assert list(history.dims)
    assert set(history.arm.values) == {"untreated", "treated"}
    day = 12 / 365.25
    assert list(history.month.values) == [0, day, 1, 3, 6, 12]
    assert float(history.injected_cells.sel(arm="treated")[1].max()) > 0  # what was injected can be seen
    assert len(summary) == 2 * (13 + 1)
    assert summary.notna().all().all()
    assert info["status"] == {"treated": "completed", "untreated": "completed"}
    assert info["digest"]
    assert info["versions"]["pulposus"]
    assert info["limits"]
    assert info["sources"]
    kinds = {row["kind"] for row in info["parameters_used"]}
    assert {"assumed", "measured", "fitted", "derived"} <= kinds
    assert "Inject" in whole.case_text()


def test_arms_are_one_disc_until_the_first_dose_and_differ_after_it(whole):
    summary = whole.summary().set_index(["arm", "month"])
    columns = [c for c in summary.columns if c != "year"]
    np.testing.assert_array_equal(summary.loc[("treated", 0), columns], summary.loc[("untreated", 0), columns])
    assert summary.loc[("treated", 1), "injected_cells_million"] > 0
    assert summary.loc[("untreated", slice(None)), "injected_cells_million"].max() == 0
    history = whole.history()
    assert float(np.abs(history.aggrecan.sel(arm="treated") - history.aggrecan.sel(arm="untreated")).max()) > 0


def test_the_books_of_injected_cells_balance(whole):
    book = whole.ledger()
    gone = book[["leaked", "lost_from_disc", "starved", "acid", "immune_cleared", "differentiated"]].sum(axis=1)
    np.testing.assert_allclose(book.injected_million + book.proliferated, gone + book.alive, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("stop_after", [0, 4])
def test_a_stopped_run_resumes_to_the_same_bits(whole, tmp_path, stop_after):
    def stop(done: int, total: int, text: str) -> None:
        if done == stop_after + 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run.run_case(small(), tmp_path / "stopped", ablation=False, loads=False, progress=stop)
    halfway = Results.open(tmp_path / "stopped")
    assert len(halfway.history().month) >= 1  # readable at once
    resumed = run.run_case(small(), tmp_path / "stopped", ablation=False, loads=False, resume=True)
    assert resumed.summary().equals(whole.summary())
    for name, field in whole.history().data_vars.items():
        assert np.array_equal(field.values, resumed.history()[name].values), name


def test_another_case_cannot_resume(whole):
    with pytest.raises(InputError, match="another"):
        run.run_case(small(years=2.0), whole.folder, ablation=False, resume=True)


def test_a_damaged_folder_is_refused_in_a_sentence(whole, tmp_path):
    run.run_case(small(0.25), tmp_path / "run", ablation=False, loads=False)
    checkpoint = next((tmp_path / "run" / "checkpoint").glob("*.npz"))
    checkpoint.write_bytes(checkpoint.read_bytes()[:100])
    with pytest.raises(InputError):
        run.run_case(small(0.25), tmp_path / "run", ablation=False, resume=True)
    (tmp_path / "run" / "case.toml").rename(tmp_path / "kept")
    with pytest.raises(InputError, match=r"case\.toml is missing"):
        run.run_case(small(0.25), tmp_path / "run", ablation=False, resume=True)
    (tmp_path / "run" / "run.json").write_text("{")
    with pytest.raises(InputError, match=r"run\.json"):
        run.run_case(small(0.25), tmp_path / "run", ablation=False, resume=True)


def test_a_disc_that_no_one_can_solve_ends_in_a_sentence(tmp_path):
    """Without its limiter the published law divides nothing by nothing where glucose is used up."""
    case = Case.from_dict(
        {"disc": {"level": "L4-L5", "grade": 3}, "parameters": {"glucose_limiter": 0.0},
         "treatments": ["Inject 40e6 MSC(M) in 2 mL gel at month 0"], "run": {"years": 0.5, "mesh": "cohort"}}
    )  # fmt: skip
    results = run.run_case(case, tmp_path / "run", ablation=False, loads=False)
    assert results.info()["status"]["untreated"] == "completed"
    assert results.info()["status"]["treated"].startswith("failed: ")


def test_the_ablation_adds_up(monkeypatch, tmp_path):
    monkeypatch.setattr(run, "_ABLATION_MESH", "cohort")
    case = small(1.0).model_copy(update={"choices": Hypothesis(mechanics="columns")})  # as the ablation has it
    results = run.run_case(case, tmp_path / "run")
    table = results.mechanisms().set_index("run")
    assert len(table) == 3 + 2 * len(MECHANISMS)
    assert table.loc["untreated", ["effect_aggrecan", "effect_water", "effect_cells"]].abs().max() == 0
    check = results.info()["ablation_check"]
    for short in ("aggrecan", "water", "cells"):  # the same mesh here, looked at on other days
        np.testing.assert_allclose(check[f"{short}_coarse"], check[f"{short}_standard"], rtol=0.02, atol=2e-4)
    whole = table.loc["all", AGGRECAN] - table.loc["none", AGGRECAN]
    for name in MECHANISMS:
        first = table.loc[f"only {name}", AGGRECAN] - table.loc["none", AGGRECAN]
        last = table.loc["all", AGGRECAN] - table.loc[f"without {name}", AGGRECAN]
        np.testing.assert_allclose(table.loc[f"only {name}", "share_aggrecan"], 0.5 * (first + last) / whole, rtol=1e-9)
    shares = table["share_aggrecan"].dropna()
    assert len(shares) == len(MECHANISMS)
    assert 0.8 < shares.sum() < 1.2  # they hinder and help one another a little
    needle = results.info()["needle"]
    assert needle["effect_cells"] > table.loc["all", "effect_cells"]  # a needle that hurts nothing leaves more
    # neuroprotection is recorded for the outcome layer and moves nothing in the disc
    np.testing.assert_allclose(
        table.loc["only neuroprotection", AGGRECAN],
        table.loc["none", AGGRECAN],
        rtol=1e-12,
    )
    for name, sign in (("anabolic", 1), ("anti_catabolic", 1), ("anti_apoptotic", 1)):
        assert sign * (table.loc[f"only {name}", AGGRECAN] - table.loc["none", AGGRECAN]) > 0, name
        assert sign * (table.loc["all", AGGRECAN] - table.loc[f"without {name}", AGGRECAN]) > 0, name


def test_a_case_without_treatment_runs_and_says_so(tmp_path):
    case = read_case_without_treatment(tmp_path)
    results = run.run_case(case, tmp_path / "run")
    summary = results.summary()
    assert summary.injected_cells_million.max() == 0
    assert json.loads(json.dumps(results.info()))["title"]


def read_case_without_treatment(folder):
    path = folder / "case.toml"
    path.write_text('title = "left alone"\n[disc]\nlevel = "C5-C6"\ngrade = 4\n[run]\nyears = 0.5\nmesh = "cohort"\n')
    return read_case(path)


def test_hungry_cells_leave_fewer_of_themselves_and_of_the_disc(monkeypatch, tmp_path):
    """The declared choice of fresh cells' metabolism: least, used and most of the evidence, in that order of harm."""
    monkeypatch.setattr(run, "_ABLATION_MESH", "cohort")
    case = small(0.25, LINE.replace("saline", "gel").replace("25e6", "100e6"))
    info = run.run_case(case, tmp_path / "run", loads=False).info()
    least, used, most = info["metabolism"]
    assert least["choice"] == "least"
    assert most["choice"] == "most"
    assert least["glucose_multiplier"] < used["glucose_multiplier"] < most["glucose_multiplier"]
    alive = [row["injected_alive_month_1_million"] for row in (least, used, most)]
    assert alive[0] > alive[1] > alive[2]
    assert least["effect_cells"] > most["effect_cells"]


# ---------------------------------------------------------------------------------------------- hypotheses


def test_every_choice_that_was_not_taken_is_an_alternative():
    chosen = small().hypotheses()
    pairs = run.alternatives(chosen)
    assert ("endplate_permeability", "falls") in pairs
    assert ("endplate_permeability", "rises") in pairs
    assert ("differentiation", False) in pairs
    assert ("metabolism", "bibby_urban") not in pairs  # the one that was taken
    assert run.alternatives(chosen, ["metabolism"]) == [("metabolism", "cachot")]
    with pytest.raises(InputError, match="did you mean 'metabolism'"):
        run.alternatives(chosen, ["metabolic"])


@pytest.mark.slow
def test_what_hangs_on_a_hypothesis(tmp_path):
    from pulposus.report.book import hypotheses_page

    table = run.compare_hypotheses(small(1 / 6), only=["metabolism"], size="cohort")
    assert list(table["choice"]) == ["", "cachot"]
    assert table.notna().all().all()
    own, other = (row for _, row in table.iterrows())
    assert own["aggrecan_percent_effect"] == own["aggrecan_percent_treated"] - own["aggrecan_percent_untreated"]
    assert own["injected_million_treated"] != other["injected_million_treated"]
    results = Results.create(tmp_path / "run", fingerprint="f", info={"title": "t"}, months=[0])
    assert results.hypotheses() is None
    results.write_hypotheses(table)
    assert list(results.hypotheses()["hypothesis"]) == list(table["hypothesis"])
    page = hypotheses_page(table, "a title")
    assert "moves this most is metabolism = cachot" in page
    assert "<script" not in page
