"""Pictures show what the tables say, on the scales that they print."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
import synthetic_run

from pulposus import figures


@pytest.fixture(scope="module")
def made_up() -> dict[str, Any]:
    return synthetic_run.synthetic_run("tiny")


def written(run: dict[str, Any], folder: Path) -> list[Path]:
    tables = {name: run[name] for name in ("history", "summary", "ledger", "mechanisms", "info")}
    return figures.write_figures(**tables, folder=folder)


def test_every_picture_is_whole_and_nothing_else_is_left(
    tmp_path: Path, made_up: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures.style, "DPI", 40)
    monkeypatch.setattr(figures, "CUTS", {name: figures.CUTS[name] for name in ("glucose", "injected_cells")})
    before = dict(matplotlib.rcParams)
    paths = written(made_up, tmp_path / "figures")
    assert sorted(paths) == sorted((tmp_path / "figures").iterdir())
    names = {path.stem for path in paths}
    assert names == {"curves", "fate_of_cells", "mechanisms", *(f"cuts_{field}" for field in figures.CUTS)}
    for path in paths:
        content = path.read_bytes()
        assert content[:8] == b"\x89PNG\r\n\x1a\n"
        assert content[-8:-4] == b"IEND"
        width, height = struct.unpack(">II", content[16:24])
        assert width >= 5 * 40
        assert height >= 2 * 40
    assert dict(matplotlib.rcParams) == before


def test_a_picture_that_fails_leaves_the_older_one(
    tmp_path: Path, made_up: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "curves.png").write_bytes(b"older")

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("matplotlib.figure.Figure.savefig", full)
    with pytest.raises(OSError, match="No space"):
        written(made_up, tmp_path)
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("curves.png", b"older")]


def test_curves_are_the_summary(made_up: dict[str, Any]) -> None:
    figure = figures.curves(made_up["summary"], made_up["ledger"])
    drawn = {ax.get_title(loc="left"): ax for ax in figure.axes if ax.get_visible()}
    assert len(drawn) == len(figures.CURVES)
    for column, (title, unit) in figures.CURVES.items():
        ax = drawn[title]
        assert ax.get_ylabel() == unit
        lines = {line.get_label(): line for line in ax.lines}
        for arm, dashes in (("treated", "-"), ("untreated", "--")):
            expected = made_up["summary"].query("arm == @arm")
            assert lines[arm].get_linestyle() == dashes
            np.testing.assert_array_equal(lines[arm].get_ydata(), expected[column])
            np.testing.assert_allclose(lines[arm].get_xdata(), expected["year"])
    assert all(ax.get_xlabel() == "years" for ax in figure.axes[-3:])


def test_small_changes_do_not_look_like_cliffs(made_up: dict[str, Any]) -> None:
    summary = made_up["summary"].copy()
    summary["height_percent"] = 100 - 0.001 * summary["month"]
    figure = figures.curves(summary, made_up["ledger"])
    height = next(ax for ax in figure.axes if ax.get_title(loc="left") == "Disc height")
    low, high = height.get_ylim()
    assert high - low > 4


def test_injections_are_marked_where_they_were_given(made_up: dict[str, Any]) -> None:
    ledger = made_up["ledger"].iloc[:61].copy()
    ledger["month"] = np.arange(61.0)
    ledger["injected_million"] = np.where(ledger["month"] > 6, 50.0, np.where(ledger["month"] > 0, 25.0, 0.0))
    figure = figures.curves(made_up["summary"], ledger)
    marks = next(line for line in figure.axes[0].lines if line.get_label() == "injection")
    np.testing.assert_allclose(marks.get_xdata(), [0.0, 0.5])


def test_fates_add_up_to_what_was_injected(made_up: dict[str, Any]) -> None:
    figure = figures.fate_of_cells(made_up["ledger"])
    assert figure is not None
    early = figure.axes[0]
    tops: dict[float, float] = {}
    for bar in early.patches:
        middle = bar.get_x() + bar.get_width() / 2
        tops[middle] = max(tops.get(middle, 0.0), bar.get_y() + bar.get_height())
    books = made_up["ledger"].set_index("month")
    assert len(tops) > 10
    for month, top in tops.items():
        at = books.iloc[np.argmin(np.abs(books.index - month))]
        assert top == pytest.approx(at["injected_million"] + at["proliferated"], rel=2e-3)


def test_no_cells_no_fate_and_no_ablation_no_shares(tmp_path: Path, made_up: dict[str, Any]) -> None:
    ledger = made_up["ledger"].assign(injected_million=0.0)
    assert figures.fate_of_cells(ledger) is None
    assert figures.fate_of_cells(ledger.iloc[:0]) is None
    assert figures.shares(None, []) is None
    assert figures.shares(made_up["mechanisms"].query("run == 'all'"), []) is None
    assert figures.curves(made_up["summary"], made_up["ledger"].iloc[:0, :0]) is not None


def test_products_without_cells_have_no_pictures_of_cells(
    tmp_path: Path, made_up: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures.style, "DPI", 20)
    columns = ["injected_cells_million", "np_like_cells_million"]
    without = {
        "history": made_up["history"].assign({name: made_up["history"][name] * 0 for name in figures._INJECTED}),
        "summary": made_up["summary"].assign(**dict.fromkeys(columns, 0.0)),
        "ledger": made_up["ledger"].assign(injected_million=0.0),
    }
    names = {path.stem for path in written(made_up | without, tmp_path)}
    assert names == {
        "curves",
        "mechanisms",
        *(f"cuts_{name}" for name in figures.CUTS if name not in figures._INJECTED),
    }
    titles = [ax.get_title(loc="left") for ax in figures.curves(without["summary"], without["ledger"]).axes]
    assert "Aggrecan, nucleus" in titles
    assert "Injected cells, viable" not in titles


def test_cuts_share_one_scale_and_lie_on_the_real_coordinates(made_up: dict[str, Any]) -> None:
    history = made_up["history"]
    figure = figures.cuts(history, "glucose")
    meshes = [ax.collections[0] for ax in figure.axes if ax.collections][:12]
    assert len(meshes) == 12
    limits = {mesh.get_clim() for mesh in meshes}
    assert len(limits) == 1
    shown = history["glucose"].isel(time=[0, 6, 12])
    assert limits.pop() == (pytest.approx(float(shown.min())), pytest.approx(float(shown.max())))
    # Top left: the untreated disc at the start, cut along the midline from anterior to posterior.
    start = history.sel(arm="untreated").isel(time=0)
    rings, layers = history.sizes["ring"], history.sizes["layer"]
    corners = meshes[0].get_coordinates()
    assert corners.shape == (2 * rings - 1, layers, 2)
    np.testing.assert_allclose(corners[0, :, 0], -start["y"].isel(ring=-1, sector=0))
    np.testing.assert_allclose(corners[-1, :, 1], start["z"].isel(ring=-1, sector=history.sizes["sector"] // 2))
    values = np.asarray(meshes[0].get_array()).reshape(2 * rings - 1, layers)
    np.testing.assert_allclose(values[rings - 1], start["glucose"].isel(ring=0, sector=0))
    # Third: from below, so that the person's left is on the right.
    left = meshes[2].get_coordinates()[-1, history.sizes["sector"] // 4]
    assert left[0] > 15
    assert "mM" in figure.axes[-1].get_xlabel()


def test_injected_cells_are_shown_from_when_they_are_there(made_up: dict[str, Any]) -> None:
    history = made_up["history"].copy()
    history["injected_cells"] = history["injected_cells"].where(history["month"] > 0, 0.0)
    assert figures._cut_times(history, "injected_cells") == [1, 6, 12]
    assert figures._cut_times(history, "glucose") == [0, 6, 12]
    assert figures._cut_times(history.isel(time=[0]), "glucose") == [0]


def test_shares_are_the_table_and_disputes_are_hatched(made_up: dict[str, Any]) -> None:
    table, meta = made_up["mechanisms"], made_up["info"]["mechanisms_meta"]
    figure = figures.shares(table, meta)
    assert figure is not None
    alone = table[table["run"].str.startswith("only ")].set_index("mechanism")
    titles = {one["title"]: one for one in meta}
    for ax, outcome in zip(figure.axes, figures.OUTCOMES, strict=True):
        names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
        bars = [patch for patch in ax.patches if patch.get_height() < 1]
        assert len(bars) == len(meta)
        for name, bar in zip(names, bars, strict=True):
            one = titles[name]
            assert bar.get_width() == pytest.approx(100 * alone.loc[one["name"], f"share_{outcome}"])
            assert bool(bar.get_hatch()) == bool(one["disputed"])


def test_shares_say_what_the_whole_is(made_up: dict[str, Any]) -> None:
    table = made_up["mechanisms"].assign(effect_aggrecan=0.0)
    table.loc[table["run"] == "all", "effect_aggrecan"] = -0.6
    table.loc[table["run"] == "none", "effect_aggrecan"] = -1.0
    figure = figures.shares(table, [])
    assert figure is not None
    assert figure.axes[0].get_title(loc="left") == "Aggrecan, nucleus\nall together +0.4 % of start"
    assert figure.axes[1].get_title(loc="left") == "Water, nucleus"
