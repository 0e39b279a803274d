"""Gradients against finite differences, and indices against functions whose indices are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from pulposus import uncertainty
from pulposus.case import case_from_line
from pulposus.cli import app
from pulposus.disc import simulate
from pulposus.disc.parameters import declared
from pulposus.errors import InputError
from pulposus.report.tornado import tornado_page
from pulposus.uncertainty import adjoint, sensitivity, surrogate

LINE = "Inject 25e6 allogeneic MSC(M) in 2 mL saline at month 0"
VESICLES = "Inject 1e10 exosomes in 1 mL saline at month 0"
CHONDROCYTES = "Inject 10e6 autologous disc chondrocytes in 1 mL hyaluronic acid at month 0"
EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "noriega_l45.toml"
COLUMN, SIZE, MONTHS = "aggrecan_nucleus_percent", "cohort", 1


def small(line: str = LINE):
    return case_from_line(line, level="L4-L5", grade=3, years=0.5, mesh="cohort").resolved()


def test_steps_are_short_after_a_dose_and_grow_to_a_month() -> None:
    month = simulate.MONTH
    stops = adjoint.calendar((0.0, 3 * month), 6 * month)
    times = [t for t, _ in stops]
    assert times[0] == 0
    assert times[-1] == 6 * month
    assert [t for t, dosed in stops if dosed] == [0.0, 3 * month]
    lengths = np.diff(times)
    assert lengths[0] == adjoint.FIRST_STEP
    assert lengths.min() > 0
    assert lengths.max() <= 1.5 * month
    assert [t for t, dosed in adjoint.calendar((), 2 * month)] == [0.0, month, 2 * month]


@pytest.mark.slow
@pytest.mark.parametrize("line", [LINE, VESICLES, CHONDROCYTES], ids=["cells", "vesicles", "chondrocytes"])
def test_the_adjoint_agrees_with_finite_differences_for_two_dozen_numbers(line: str) -> None:
    """The same discrete model both ways; what differs is the tolerance of solves and the curvature over the step.

    Vesicles have no cells, so every rate of theirs is zero; chondrocytes turn into nothing; no cells proliferate.
    """
    case, known = small(line), declared()
    given = adjoint.numbers(case, {}, {}, 1.0)
    seen, bars = adjoint.gradient(case, SIZE, COLUMN, MONTHS, given)
    assert seen == pytest.approx(adjoint.value(case, SIZE, COLUMN, MONTHS, given), rel=1e-12)
    rows = [f.row for f in uncertainty.factors(case) if not f.name.startswith("nucleus_t2")]
    swing = {r.name: adjoint.along(case, bars, r.name, r.si, r.name in known) * (r.si_high - r.si_low) for r in rows}
    assert np.isfinite(list(swing.values())).all()
    first = sorted(rows, key=lambda r: -abs(swing[r.name]))[:24]
    first += [row for row in rows if row.value == 0 and row not in first]
    assert line == VESICLES or any(row.value == 0 for row in first)
    assert sum(r.name in known for r in first) >= 5
    assert sum(r.name not in known for r in first) >= 5
    for row in first:
        width = 0.005 * (row.si_high - row.si_low)
        ends = []
        for sign in (1, -1):
            own = {row.name: row.si + sign * width}
            moved = (own, {}) if row.name in known else ({}, own)
            ends.append(adjoint.value(case, SIZE, COLUMN, MONTHS, adjoint.numbers(case, *moved, 1.0)))
        difference = (ends[0] - ends[1]) / 0.01
        assert swing[row.name] == pytest.approx(difference, rel=0.02, abs=2e-4 * abs(swing[first[0].name])), row.name


def test_indices_of_a_known_polynomial_are_found() -> None:
    pytest.importorskip("SALib")
    factors = uncertainty.factors(small())[:3]
    drawn = uncertainty.draw(small(), 200)[["member", *(f.name for f in factors)]]
    u = np.column_stack([surrogate._shares(f, drawn[f.name].to_numpy()) for f in factors])
    effect = pd.Series(2 * u[:, 0] + u[:, 1] + 3 * u[:, 0] * u[:, 1], index=drawn["member"])
    table, quality = surrogate.indices(factors, drawn, effect, 0)
    assert quality["held_out_error"] < 1e-3
    parts = np.array([4 / 3, 1 / 3, 0])
    whole = parts.sum() + 1.0
    np.testing.assert_allclose(table["first_order"], parts / whole, atol=0.03)
    np.testing.assert_allclose(table["total"], (parts + np.array([1, 1, 0])) / whole, atol=0.03)
    with pytest.raises(InputError, match="too few"):
        surrogate.indices(factors, drawn.iloc[:6], effect.iloc[:6], 0)


@pytest.mark.parametrize(("output", "at", "said"), [("agrecan", 24, "did you mean"), ("water", 0.5, "whole number")])
def test_what_cannot_be_asked_is_refused(output: str, at: float, said: str) -> None:
    with pytest.raises(InputError, match=said):
        sensitivity.looked_at(small(), output, at)


def test_a_month_beyond_the_case_is_refused_before_anything_is_computed(tmp_path, monkeypatch) -> None:
    def computed(*_: object, **__: object) -> None:
        raise AssertionError("something was computed")

    monkeypatch.setattr(adjoint, "gradient", computed)
    assert sensitivity.looked_at(small(), "aggrecan", 6)[0].run.years == 0.5
    result = CliRunner().invoke(app, ["sensitivity", str(EXAMPLE), "--at", "240", "--out", str(tmp_path / "none")])
    assert result.exit_code == 2
    assert result.stderr == (
        "Month 240 lies beyond the case, which ends at month 60; give 1 to 60, or raise years in [run].\n"
    )
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("runs", [-5, 5, 26, 501])
def test_runs_from_which_no_surrogate_comes_are_refused_before_anything_is_computed(runs, tmp_path, monkeypatch):
    monkeypatch.setattr(adjoint, "gradient", lambda *_, **__: pytest.fail("something was computed"))
    words = ["sensitivity", str(EXAMPLE), "--runs", str(runs), "--out", str(tmp_path / "none")]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 2
    assert result.stderr == f"--runs {runs} is not possible; give 27 to 500, or 0 for no Sobol indices.\n"
    assert not (tmp_path / "none").exists()


def test_a_surrogate_needs_more_than_two_runs_a_number_beside_those_held_back() -> None:
    assert [surrogate.fewest(numbers) for numbers in (1, 3, 10)] == [4, 9, 27]


def test_a_surrogate_that_foretells_poorly_is_doubted_in_terminal_and_page(tmp_path, monkeypatch) -> None:
    table = pd.DataFrame({"name": ["salt"], "value": [0.15], "low": [0.1], "high": [0.2], "unit": ["M"]})
    table = table.assign(kind="measured", swing_effect=1.0)
    indices = pd.DataFrame({"name": ["salt"], "first_order": [0.2], "total": [0.5], "total_confidence": [0.1]})

    def asked(error: float):
        quality = {"runs": 40.0, "held_out_error": error, "held_out_explained": 1 - error**2}
        seen = {"untreated": 90.0, "treated": 91.0}
        monkeypatch.setattr(sensitivity, "study", lambda *_, **__: (table, seen, indices, quality))
        result = CliRunner().invoke(app, ["sensitivity", str(EXAMPLE), "--out", str(tmp_path)])
        assert result.exit_code == 0, result.output
        return result, (tmp_path / "sensitivity.html").read_text("utf-8")

    result, page = asked(0.81)
    said = "misses runs that it has not seen by 81 % of their spread, where more than 50 % is too much"
    assert said in result.stderr
    assert said in page
    result, page = asked(0.3)
    assert "too much" not in result.stderr + result.stdout + page
    assert "trust no index" in surrogate.doubt({"held_out_error": float("nan")})


def test_noise_is_doubted_and_a_polynomial_is_not() -> None:
    pytest.importorskip("SALib")
    factors = uncertainty.factors(small())[:3]
    drawn = uncertainty.draw(small(), 100)[["member", *(f.name for f in factors)]]
    noise = pd.Series(np.random.default_rng(0).normal(size=100), index=drawn["member"])
    assert "too much" in surrogate.doubt(surrogate.indices(factors, drawn, noise, 0)[1])
    u = surrogate._shares(factors[0], drawn[factors[0].name].to_numpy())
    smooth = pd.Series(u + u**2, index=drawn["member"])
    assert surrogate.doubt(surrogate.indices(factors, drawn, smooth, 0)[1]) == ""


def test_the_picture_names_every_number_and_escapes_it() -> None:
    rows = {"name": ["a<b", "c"], "low": [0.0, 1.0], "high": [1.0, 2.0], "unit": ["1", "1"]}
    table = pd.DataFrame(rows | {"kind": ["assumed", "measured"], "swing_effect": [-2.0, 1.0]})
    table["value"] = table["low"]
    indices = pd.DataFrame({"name": ["c"], "first_order": [0.25], "total": [0.5], "total_confidence": [0.1]})
    text = tornado_page(table, indices, "What matters", "It came to this", "effect", "mm")
    assert "whole range, mm" in text
    assert "a&lt;b" in text
    assert "a<b" not in text
    assert "−2" in text
    assert "0.25" in text


def test_a_stopped_study_goes_on_and_another_question_is_refused(tmp_path, monkeypatch) -> None:
    """Gradients are not computed twice, nor runs that are done; what is half done is never half written."""
    pytest.importorskip("SALib")
    case, calls = small(), []
    names = [factor.name for factor in uncertainty.factors(case)]

    def ranked(*_, **__):
        calls.append("gradient")
        return pd.DataFrame({"name": names, "swing_effect": np.linspace(1, 0, len(names))}), {"treated": 0.1 + 0.2}

    def members(case, drawn, *, done, months, keep, **_):
        assert list(months) == [0, 3]
        calls.append(0 if done is None else done["member"].nunique())
        value = drawn[names[0]].to_numpy()
        rows = [
            {"member": m, "status": "completed", "month": 3, "arm": arm, COLUMN: 90 + (v if arm == "treated" else 0.0)}
            for m, v in zip(drawn["member"], value, strict=True)
            for arm in ("untreated", "treated")
        ]
        if done is None:
            keep(pd.DataFrame(rows[:40]))
            raise KeyboardInterrupt
        return pd.DataFrame(rows)

    monkeypatch.setattr(sensitivity, "sensitivity", ranked)
    monkeypatch.setattr(sensitivity, "run_members", members)
    for nothing in (tmp_path / "new", tmp_path):
        with pytest.raises(InputError, match=r"holds no study of sensitivity to resume: no sensitivity\.json"):
            sensitivity.study(case, "aggrecan", 3, nothing, runs=60, resume=True)
    assert not list(tmp_path.iterdir())
    assert calls == []
    with pytest.raises(KeyboardInterrupt):
        sensitivity.study(case, "aggrecan", 3, tmp_path, runs=60)
    table, seen, indices, quality = sensitivity.study(case, "aggrecan", 3, tmp_path, runs=60, resume=True)
    assert calls == ["gradient", 0, 20]
    assert seen == {"treated": 0.1 + 0.2}
    assert list(table["name"]) == names
    assert quality["runs"] == 60
    assert indices.set_index("name")["total"].idxmax() == names[0]
    assert (tmp_path / "sobol.csv").exists()
    with pytest.raises(InputError, match="another question"):
        sensitivity.study(case, "water", 3, tmp_path, runs=60, resume=True)
    with pytest.raises(InputError, match="--runs -1 is not possible; give 27 to 500, or 0 for no Sobol indices"):
        sensitivity.study(case, "aggrecan", 3, tmp_path, runs=-1)
    with pytest.raises(InputError, match="--runs 900 is not possible"):
        sensitivity.study(case, "aggrecan", 3, tmp_path, runs=900)
