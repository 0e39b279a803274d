"""Ensembles: draws that are the same everywhere, members that fail alone, bands, and where a spread comes from."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from pulposus import evidence, imaging, uncertainty
from pulposus.case import Case, case_from_line
from pulposus.errors import InputError
from pulposus.report import sections, words
from pulposus.results import Results
from pulposus.uncertainty import draws, ensemble, spread

LINE = "Inject 25e6 allogeneic MSC(M) in 2 mL saline at month 0"


def small(**parameters: float):
    made = case_from_line(LINE, level="L4-L5", grade=3, years=0.25, mesh="cohort")
    return made.model_copy(update={"parameters": parameters}).resolved()


def test_a_member_is_the_same_in_an_ensemble_of_any_size() -> None:
    few, many = uncertainty.draw(small(), 3), uncertainty.draw(small(), 70)
    pd.testing.assert_frame_equal(few, many.iloc[:3], check_exact=True)
    again = uncertainty.draw(small(), 3)
    pd.testing.assert_frame_equal(few, again, check_exact=True)
    assert not uncertainty.draw(small(), 3, seed=1).equals(few)


def test_draws_are_known_to_the_bit() -> None:
    """A change of the sequence, its places or its rounding would make every published ensemble another one."""
    first = uncertainty.draw(small(), 2).set_index("member").loc[0]
    assert first["marrow_glucose"] == MARROW_GLUCOSE
    assert first["product MSC(M) half_effect_ratio"] == HALF_EFFECT


MARROW_GLUCOSE, HALF_EFFECT = 3.94238112215, 0.27245579369


def test_draws_stay_in_their_ranges_and_follow_their_law() -> None:
    table = uncertainty.draw(small(), 256)
    for factor in uncertainty.factors(small()):
        values = table[factor.name]
        assert factor.row.low <= values.min() < values.max() <= factor.row.high
        middle = np.sqrt(factor.row.low * factor.row.high) if factor.law == "log-uniform" else None
        half = middle if middle is not None else 0.5 * (factor.row.low + factor.row.high)
        assert abs((values < half).mean() - 0.5) < 0.02
    assert {f.law for f in uncertainty.factors(small())} == {"uniform", "log-uniform"}


def test_what_is_drawn_is_what_the_case_reads_and_the_user_left_open() -> None:
    names = {factor.name for factor in uncertainty.factors(small())}
    assert {"marrow_glucose", "product MSC(M) loss_half_life", "carrier saline retained_fraction"} <= names
    assert not any(name.startswith("cachot_") for name in names)
    assert not any(name.endswith("_default") for name in names)
    assert "marrow_glucose" not in {factor.name for factor in uncertainty.factors(small(marrow_glucose=4.0))}


def test_one_scanner_has_one_scale() -> None:
    factors = [f for f in uncertainty.factors(small()) if f.name.startswith("nucleus_t2_grade")]
    assert len({f.place for f in factors}) <= 1


def test_places_are_many_enough_for_every_product_at_once() -> None:
    numbers = sum(len(evidence.product(name)) for name in evidence.products())
    assert len(uncertainty.factors(small())) < numbers
    assert max(f.place for f in uncertainty.factors(small())) < draws._DIMENSIONS


def test_numbers_are_handed_to_the_model_in_si() -> None:
    parameters, therapies, scanner = draws.spoken(
        {"marrow_oxygen": 5.0, "product MSC(M) loss_half_life": 2.0, "nucleus_t2_grade1": 100.0}
    )
    assert parameters == {"marrow_oxygen": 5000.0}
    assert therapies == {"product MSC(M) loss_half_life": 2 * 86400.0}
    assert scanner == {"nucleus_t2_grade1": 100.0}


@pytest.mark.parametrize("n", [0, -3, 10**9])
def test_an_impossible_number_of_members_is_refused(n: int) -> None:
    with pytest.raises(InputError, match=r"ensemble of .* is not possible"):
        uncertainty.draw(small(), n)


# ---------------------------------------------------------------------------------------------- what a spread says


def made_up(effect: np.ndarray) -> pd.DataFrame:
    rows = []
    for member, gain in enumerate(effect):
        for month in (0, 12):
            for arm in ("untreated", "treated"):
                value = 90.0 + (gain if arm == "treated" and month else 0.0)
                cells = {"injected_cells_million": 2.0, "np_like_cells_million": 1.0}
                keys = {"member": member, "status": "completed", "mesh": "coarse", "arm": arm, "month": month}
                rows.append(keys | {"year": month / 12, "solver_error": 0.0, spread.EFFECT: value} | cells)
    return pd.DataFrame(rows)


def test_shares_of_a_known_sum_are_found() -> None:
    table = uncertainty.draw(small(), 256)
    shares = {}
    names = [f.name for f in uncertainty.factors(small())][:3]
    unit = {n: (table[n].rank() - 128.5) / 256 for n in names}
    effect = 3 * unit[names[0]] + 2 * unit[names[1]] + 1 * unit[names[2]]
    shares = spread.shares(table, pd.Series(effect.to_numpy(), index=table["member"]))
    assert list(shares)[:3] == names
    np.testing.assert_allclose([shares[n] for n in names], np.array([9, 4, 1]) / 14, atol=0.03)
    assert sum(shares.values()) < 1 + 1e-12


def test_noise_is_given_to_nobody() -> None:
    table = uncertainty.draw(small(), 200)
    noise = pd.Series(np.random.default_rng(3).normal(size=200), index=table["member"])
    assert sum(spread.shares(table, noise).values()) < 0.1
    assert spread.shares(table.iloc[:10], noise.iloc[:10]) == {}


def test_bands_hold_nine_of_ten_and_leave_failures_out() -> None:
    members = made_up(np.linspace(0, 1, 101))
    members.loc[members["member"] == 100, "status"] = "failed: a result is not a finite number"
    members.loc[members["member"] == 100, spread.EFFECT] = np.nan
    bands = spread.bands(members).set_index(["column", "arm", "month"])
    found = bands.loc[(spread.EFFECT, "difference", 12)]
    np.testing.assert_allclose(found.to_numpy(float), np.quantile(np.linspace(0, 0.99, 100), [0.05, 0.5, 0.95]))
    assert bands.loc[("injected_alive_million", "treated", 12), "middle"] == 3.0


def test_the_first_page_says_what_to_measure() -> None:
    table, factors = uncertainty.draw(small(), 200), uncertainty.factors(small())
    known = next(f for f in factors if not f.unknown)
    unknown = next(f for f in factors if f.unknown)
    effect = table[known.name].rank() + 2 * table[unknown.name].rank()
    told = spread.told(made_up(effect.to_numpy() / 100 - 1), table, factors, "coarse")
    assert told["lacking"] == pytest.approx(0.8, abs=0.05)
    assert told["measured"] == pytest.approx(0.2, abs=0.05)
    said = words.spread({"ensemble": told})
    assert f"{100 * told['lacking']:.0f} % is lack of knowledge" in said
    assert unknown.name.removeprefix("product ").replace("_", " ") in said
    assert words.spread({}) == ""


def test_a_member_is_looked_at_more_often_after_a_dose() -> None:
    line = "Inject 25e6 allogeneic MSC(M) in 2 mL saline at month 30"
    months = ensemble.looked_at(case_from_line(line, level="L4-L5", grade=3, years=5))
    assert months[:14] == [*range(13), 15]
    whole = [m for m in months if m == round(m)]
    assert [m for m in whole if 24 <= m <= 45] == [24, 27, *range(30, 43), 45]
    assert months[-1] == 60
    # a day after the dose, where the curve of injected cells has its point
    assert [m for m in months if m not in whole] == [m for m in imaging.save_months(5, 30) if m != round(m)]
    assert len(months) == len(whole) + 1


# ---------------------------------------------------------------------------------------------- Ctrl-C

SHARED_OUT = """
import signal, sys, time
from pulposus import interrupt
from pulposus.uncertainty import ensemble

signal.signal(signal.SIGINT, signal.default_int_handler)  # tests that run in the background inherit that it is ignored

def look():
    print("looking", flush=True)

if __name__ == "__main__":
    try:
        with interrupt.held(lambda said: print(said, flush=True)):
            for _ in ensemble.shared_out([60.0, 60.0, 60.0], time.sleep, 2, look):
                pass
    except KeyboardInterrupt:
        sys.exit(interrupt.STOPPED)
"""


@pytest.mark.parametrize("presses", [1, 2])
def test_ctrl_c_ends_every_process_of_an_ensemble_without_a_word_of_theirs(tmp_path, presses: int) -> None:
    """A terminal sends Ctrl-C to all of them, also while they start; an orphan would hold stderr open."""
    script = tmp_path / "shared_out.py"
    script.write_text(SHARED_OUT, encoding="utf-8")
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen([sys.executable, str(script)], start_new_session=True, **pipes)
    try:
        assert process.stdout.readline() == "looking\n"
        os.killpg(process.pid, signal.SIGINT)
        if presses == 2:
            while process.stdout.readline().startswith("looking"):
                pass
            os.kill(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=40)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert (said, process.returncode) == ("", 130)


def test_a_process_that_is_ended_from_outside_is_said(tmp_path) -> None:
    with pytest.raises(InputError, match="go on with --resume"):
        list(ensemble.shared_out([1, 1], os._exit, 2, lambda: None))


# ---------------------------------------------------------------------------------------------- end to end


@pytest.mark.slow
def test_an_ensemble_from_draws_to_report(tmp_path, monkeypatch) -> None:
    """Members alone and in company are one; what cannot be solved is a row; a stopped ensemble goes on."""
    monkeypatch.setattr(ensemble, "CHUNK", 3)
    case = small()
    results = Results.create(tmp_path / "run", fingerprint="x", info={}, months=[0])
    results.write_info({"status": {"untreated": "completed", "treated": "completed"}})
    seen: list[int] = []
    members = uncertainty.forecast(results, case, 4, size="cohort", workers=1, progress=lambda d, t, w: seen.append(d))
    assert sorted(set(seen)) == [0, 3, 4]
    assert len(members) == 4 * 2 * 5
    assert set(members["status"]) == {"completed"}
    last = members[members["month"] == 3].pivot(index="member", columns="arm", values=spread.EFFECT)
    assert last["treated"].nunique() == 4
    bands = results.ensemble()[2]
    payload = sections._bands(sections.CURVES[0], ("untreated", "treated"), bands)
    assert len(payload["bands"]["treated"]["month"]) == 5
    assert results.info()["ensemble"]["members"] == 4
    # a larger ensemble keeps what was computed, and one member alone has the bits of the same one in company
    more = uncertainty.forecast(results, case, 5, size="cohort", resume=True, workers=1)
    pd.testing.assert_frame_equal(more[more["member"] < 4].reset_index(drop=True), members, check_exact=True)
    alone = ensemble.chunk(
        case.to_toml(), "cohort", ensemble.looked_at(case), "columns", uncertainty.draw(case, 5).iloc[4:]
    )
    company = more[more["member"] == 4].set_index(["arm", "month"]).loc[list(zip(alone.arm, alone.month, strict=True))]
    numbers = [c for c in alone.columns if c not in ("status", "mesh", "arm", "month")]
    np.testing.assert_array_equal(alone[numbers], company[numbers])
    # a number that leads nowhere: that member fails, the others do not
    drawn = uncertainty.draw(case, 3)
    drawn.loc[1, "marrow_glucose"] = float("nan")
    rows = ensemble.chunk(case.to_toml(), "cohort", [0, 3], "columns", drawn).groupby("member")["status"].first()
    assert rows[1].startswith("failed")
    assert rows[0] == rows[2] == "completed"


def test_members_and_searches_go_through_the_needle_of_their_case() -> None:
    """Pressure left out, or another Dallas grade, is what every batch of a case computes with too."""
    from pulposus.uncertainty import adjoint, ensemble, optimum

    given = {"level": "L4-L5", "grade": 3, "dallas": 5}
    for pressed in (True, False):
        case = Case.from_dict(
            {"disc": given, "hypotheses": {"injection_pressure": pressed}}
            | {"treatments": [{"protocol": "Inject 10e6 allogeneic MSC(M) in 1 mL saline at month 0"}]}
        ).resolved()
        alone = adjoint.numbers(case, {}, {}, 1.0)[2]
        member = ensemble._spoken(case, {})[2]
        run = optimum._spoken(case, {"point": optimum.WRITTEN, "doses": 1, "run": 0, "member": 0}, [])[2]
        for made in (alone, member, run):
            assert float(made.pressed[0]) == pressed
            assert float(made.leak_path[0]) == float(alone.leak_path[0])
