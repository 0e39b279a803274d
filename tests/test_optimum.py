"""What a search for the best treatment must get right: points and runs, and a judgement of surfaces that are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pulposus import figures
from pulposus.case import case_from_line
from pulposus.errors import InputError
from pulposus.figures.response import write_response
from pulposus.report.response import response_page, sentences
from pulposus.uncertainty import adjoint, optimum, schedule
from pulposus.uncertainty.ensemble import CHUNK

LINE = "Inject 25e6 allogeneic MSC(M) in 2 mL saline at month 0"


def small(line: str = LINE):
    return case_from_line(line, level="L4-L5", grade=3, years=3, mesh="cohort")


def made_up(asked: optimum.Plan, top: float = 50e6) -> pd.DataFrame:
    """Runs whose effect is a parabola in the logarithm of the dose with its top where it is said, and a little more
    after a second injection; the untreated disc differs from draw to draw far more than any effect.
    """
    runs = optimum._runs(asked)
    rng = np.random.default_rng(0)
    level = rng.normal(90, 10, len(asked.drawn))
    shift = np.exp(0.2 * rng.normal(size=len(asked.drawn)))
    shift[0] = 1
    far = np.log(runs["dose"] / (top * shift[runs["member"]]))
    effect = 5 - far**2 + (runs["repeat_interval"] > 0) * 0.5
    runs["value"] = level[runs["member"]] + np.where(runs["point"] == optimum.UNTREATED, 0.0, effect)
    runs["starved"] = np.clip(0.5 + 0.2 * np.log(runs["dose"] / 100e6), 0, 1)
    return runs.assign(status="completed")


def test_the_grid_fits_into_the_runs_and_names_what_it_varies() -> None:
    asked = optimum.plan(small(), "volume, dose, repeat_interval", "aggrecan@24", runs=1000, draws=16)
    assert asked.runs <= 1000
    assert [axis.name for axis in asked.axes] == ["dose", "repeat_interval", "volume"]
    assert len(asked.points) == np.prod([len(axis.values) for axis in asked.axes]) + 1
    assert asked.points.iloc[0].to_dict() == {"dose": 25e6, "repeat_interval": 0.0, "volume": 2.0}
    dose = asked.axes[0]
    assert dose.values[-1] == schedule.BEYOND * 50e6
    np.testing.assert_allclose(np.diff(np.log(dose.values)), np.log(400) / (len(dose.values) - 1), rtol=0.02)
    for point in asked.points.to_dict("records"):
        treatment = asked.treatment(point)
        assert treatment.dose == point["dose"]
        assert len(treatment.months) == 1 + (point["repeat_interval"] > 0)
        assert treatment.months[-1] < 24
    again = optimum.plan(small(), "dose", "aggrecan@24", runs=1000, draws=16)
    assert again.drawn.iloc[1:8].equals(asked.drawn.iloc[1:8])


@pytest.mark.parametrize(
    ("vary", "maximise", "said"),
    [
        ("doze", "aggrecan@24", "did you mean 'dose'"),
        ("dose,dose", "aggrecan@24", "twice"),
        ("dose=5..1", "aggrecan@24", "smaller one first"),
        ("dose=high", "aggrecan@24", "no range"),
        ("dose=1..3", "aggrecan@24", "not plausible"),
        ("dose", "agrecan@24", "did you mean 'aggrecan'"),
        ("dose", "aggrecan@soon", "names no month"),
        ("dose", "aggrecan@240", "Month 240 lies beyond the case, which ends at month 36; give 1 to 36"),
        ("dose,repeat_interval", "aggrecan@2", "too soon"),
        ("repeat_interval=3..30", "aggrecan@24", "too late"),
        ("dose,volume,viability,passage", "aggrecan@24", "too few"),
    ],
)
def test_what_cannot_be_asked_is_one_sentence(vary: str, maximise: str, said: str) -> None:
    runs = 100 if "passage" in vary else 1000
    with pytest.raises(InputError, match=said) as problem:
        optimum.plan(small(), vary, maximise, runs=runs)
    assert "\n" not in str(problem.value)


@pytest.mark.parametrize("line", ["", f"{LINE}; {LINE}"])
def test_one_treatment_is_varied(line: str) -> None:
    case = small(line) if line else small().model_copy(update={"treatments": []})
    with pytest.raises(InputError, match="one is varied at a time"):
        optimum.plan(case, "dose", "aggrecan@24")


def test_a_known_surface_is_judged_rightly() -> None:
    """The spread of the untreated disc is ten times the effect; common random numbers take it out."""
    asked = optimum.plan(small(), "dose,repeat_interval", "aggrecan@24", runs=1000, draws=16)
    told = optimum.judge(asked, made_up(asked))
    axis = asked.axes[0]
    step = np.log(axis.values[1] / axis.values[0])
    assert abs(np.log(told["best"]["point"]["dose"] / 50e6)) < step
    assert abs(np.log(told["first"]["top"]["middle"] / 50e6)) < 0.15
    assert told["first"]["top"]["low"] < 50e6 < told["first"]["top"]["high"]
    assert told["axes"]["dose"]["edge"] == ""
    assert told["first"]["half_used"] == pytest.approx(100e6, rel=0.05)
    again = [row for row in told["repeats"] if row["at"] == "best single dose" and not row["split"]]
    assert again
    assert all(row["mean"] == pytest.approx(0.5) for row in again)
    assert all(row["better"] == 1 for row in again)
    split = [row for row in told["repeats"] if row["at"] == "best single dose" and row["split"]]
    assert all(row["mean"] < 0.5 for row in split)
    far = optimum.judge(asked, made_up(asked, top=5e9))
    assert far["axes"]["dose"]["edge"] == "high"
    assert any("upper edge" in text for text in sentences(far, asked.axes, "aggrecan", "%"))


def test_a_curve_that_misses_its_own_points_is_doubted() -> None:
    """A parabola is foretold by its neighbours; a saw is not, and the page says so."""
    asked = optimum.plan(small(), "dose,repeat_interval", "aggrecan@24", runs=1000, draws=8)
    smooth = made_up(asked)
    told = optimum.judge(asked, smooth)
    assert told["first"]["missed"] < 0.2
    assert not any("a hint" in text for text in sentences(told, asked.axes, "aggrecan", "%"))
    place = smooth["dose"].map({dose: k for k, dose in enumerate(asked.axes[0].values)}).fillna(0)
    saw = smooth.assign(value=smooth["value"] + 50 * (place % 2))
    told = optimum.judge(asked, saw)
    assert told["first"]["missed"] > 0.5
    assert (
        sum("too much: what is said between the values is a hint" in t for t in sentences(told, asked.axes, "a", "%"))
        == 1
    )


def test_a_draw_that_failed_anywhere_is_left_out_everywhere() -> None:
    asked = optimum.plan(small(), "dose,repeat_interval", "aggrecan@24", runs=400, draws=8)
    runs = made_up(asked)
    runs.loc[(runs["member"] == 3) & (runs["point"] == 2), ["status", "value"]] = ["failed: not solved", np.nan]
    told = optimum.judge(asked, runs)
    assert told["draws"] == 7
    assert told["failed"] == 1
    assert np.isfinite(told["best"]["effect_mean"])


def test_the_page_shows_pictures_points_and_sentences(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(figures.style, "DPI", 30)
    asked = optimum.plan(small(), "dose,repeat_interval,volume", "aggrecan@24", runs=300, draws=4)
    runs = made_up(asked)
    told, table = optimum.judge(asked, runs), optimum.response(asked, runs)
    pictures = write_response(table, told, asked.axes, "aggrecan", 24, tmp_path)
    assert [path.name for path in pictures] == ["surface.png", "dose_response.png", "second_injection.png"]
    said = sentences(told, asked.axes, "aggrecan of <the> nucleus", "%")
    assert said[0].startswith("Most for aggrecan")
    refined = pd.DataFrame([{"dose": 5e7, "repeat_interval": 0.0, "volume": 2.0, "effect": 1.0, "slope_dose": 0.1}])
    page = response_page(table, refined, said, asked.axes, "The best dose", "a case", pictures, "16 draws")
    assert page.count("data:image/png;base64") == 3
    assert "&lt;the&gt;" in page
    assert "<the>" not in page
    assert page.count("<tr>") == len(table) + len(refined) + 2


def test_the_slope_of_a_dose_is_that_of_its_injections() -> None:
    """Cells that stay and cells that leak are in proportion to the dose: the chain from the gradient is exact."""
    asked = optimum.plan(small(), "dose,volume", "aggrecan@24", runs=400, draws=4)
    point = {"dose": 25e6, "volume": 2.0}
    given = adjoint.numbers(optimum._with(asked, point), {}, {}, 1.0)
    bars = (given[0], *[adjoint.jax.tree.map(np.zeros_like, part) for part in given[1:]])
    bars = (bars[0], bars[1], adjoint.eqx.tree_at(lambda i: i.kept, bars[2], np.ones_like(given[2].kept)))
    dose = asked.axes[0]
    wanted = float(given[2].kept.sum()) * np.log(dose.values[-1] / dose.values[0])
    assert optimum._slope(asked, point, dose, bars) == pytest.approx(wanted, rel=1e-3)


# ---------------------------------------------------------------------------------------------- the command


@pytest.fixture
def pretend(monkeypatch: pytest.MonkeyPatch):
    """Discs that are made up at once; Ctrl-C after so many batches, where asked for."""

    def use(stop: int | None = None) -> None:
        def shared_out(batches, work, workers, look):
            for count, part in enumerate(batches):
                if count == stop:
                    raise KeyboardInterrupt
                treated = part["point"].to_numpy() != optimum.UNTREATED
                value = 90 + part["member"].to_numpy() + np.where(treated, np.log(part["dose"].fillna(1e6) / 1e6), 0)
                made = part[["run", "point", "member"]].assign(status="completed", starved=0.2)
                yield made.assign(aggrecan_nucleus_percent=value)

        monkeypatch.setattr(optimum, "shared_out", shared_out)
        monkeypatch.setattr(figures.style, "DPI", 30)

    return use


def asked(*words: object):
    from typer.testing import CliRunner

    from pulposus.cli import app

    return CliRunner().invoke(app, [str(word) for word in words])


EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "noriega_l45.toml"
SHORT = ("--vary", "dose,repeat_interval", "--runs", "200", "--draws", "4", "--no-gradient")


def test_a_stopped_search_goes_on_where_it_was_and_ends_the_same(tmp_path, pretend) -> None:
    pretend()
    whole = asked("optimise", EXAMPLE, *SHORT, "--out", tmp_path / "whole")
    assert whole.exit_code == 0, whole.output
    nothing = asked("optimise", EXAMPLE, *SHORT, "--out", tmp_path / "new", "--resume")
    assert nothing.exit_code == 2
    assert "holds no search to resume: no optimise.json that can be read; leave out --resume" in nothing.stderr
    assert not (tmp_path / "new").exists()
    pretend(stop=2)
    stopped = asked("optimise", EXAMPLE, *SHORT, "--out", tmp_path / "part")
    assert stopped.exit_code == 130
    assert "--resume" in stopped.stderr
    assert not (tmp_path / "part" / "optimise.html").exists()
    done = len(pd.read_csv(tmp_path / "part" / "runs.csv"))
    assert done == 2 * CHUNK
    pretend()
    other = asked("optimise", EXAMPLE, *SHORT, "--mesh", "coarse", "--out", tmp_path / "part", "--resume")
    assert other.exit_code == 2
    assert "another mesh" in other.stderr
    on = asked("optimise", EXAMPLE, *SHORT, "--out", tmp_path / "part", "--resume")
    assert on.exit_code == 0, on.output
    for name in ("runs.csv", "response.csv"):
        assert (tmp_path / "part" / name).read_text() == (tmp_path / "whole" / name).read_text()
    assert "Most for aggrecan of the nucleus at month 24" in on.stdout
    assert "upper edge" in on.stdout
    assert (tmp_path / "part" / "optimise.html").stat().st_size > 10_000


def test_a_mistake_leaves_nothing(tmp_path, pretend) -> None:
    pretend()
    for words, said in (
        (("--vary", "doses"), "did you mean 'dose'"),
        (("--maximise", "waters@24"), "did you mean 'water'"),
        (("--maximise", "aggrecan@240"), "Month 240 lies beyond the case, which ends at month 60"),
        (("--draws", "1"), "--draws 1 is not possible"),
        (("--mesh", "huge"), "huge"),
    ):
        result = asked("optimise", EXAMPLE, *words, "--out", tmp_path / "none")
        assert result.exit_code == 2, result.output
        assert said in result.stderr
        assert result.stderr.count("\n") == 1
        assert not (tmp_path / "none").exists()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("a")
    result = asked("optimise", EXAMPLE, *SHORT, "--out", tmp_path / "mine")
    assert result.exit_code == 2
    assert "something other" in result.stderr
