"""The results folder: what is written can be read, whatever moment a run stops at, and mistakes are one sentence."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import meshio
import numpy as np
import pandas as pd
import pytest
import synthetic_run
import xarray as xr

from pulposus import results as room
from pulposus.errors import InputError
from pulposus.imaging import FIELDS
from pulposus.results import Results, claimed

MONTHS = (0, 1, 3)


@pytest.fixture(scope="module")
def made_up() -> dict[str, Any]:
    return synthetic_run.synthetic_run("tiny", MONTHS)


def filled(folder: Path, run: dict[str, Any], times: int = len(MONTHS), fingerprint: str = "one") -> Results:
    """A results folder with the first `times` saved times of a made-up run."""
    history = run["history"]
    results = Results.create(folder, fingerprint=fingerprint, info=run["info"], months=MONTHS)
    results.write_static(
        **{k: history[k].values for k in ("x", "y", "tissue", "volume")}, endplate_layers=np.asarray(1)
    )
    for index in range(times):
        results.append(index, MONTHS[index], {k: history[k].values[:, index] for k in [*FIELDS, "z"]})
    return results


def everything(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, with its content."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def one_sentence(problem: pytest.ExceptionInfo[InputError]) -> str:
    text = str(problem.value)
    assert "\n" not in text
    assert text.endswith(".")
    return text


def test_what_is_written_can_be_read(tmp_path: Path, made_up: dict[str, Any]) -> None:
    filled(tmp_path / "deep" / "run", made_up)
    history, given = Results.open(tmp_path / "deep" / "run").history(), made_up["history"]
    assert dict(history.sizes) == {"arm": 2, "time": 3, "ring": 5, "sector": 8, "layer": 7}
    assert list(history["arm"].values) == ["untreated", "treated"]
    assert list(history["month"].values) == list(MONTHS)
    for name, (unit, words) in FIELDS.items():
        assert history[name].dims == ("arm", "time", "ring", "sector", "layer")
        assert history[name].attrs == {"units": unit, "long_name": words}
        np.testing.assert_array_equal(history[name].values, given[name].values.astype("f4"))
    for name in ("x", "y", "volume", "tissue"):
        np.testing.assert_array_equal(history[name].values, given[name].values)
    assert history.attrs["endplate_layers"] == 1


def test_history_opens_with_xarray_alone(tmp_path: Path, made_up: dict[str, Any]) -> None:
    results = filled(tmp_path / "run", made_up)
    with xr.open_zarr(results.folder / "history.zarr", consolidated=False, chunks=None) as stored:
        assert float(stored["glucose"].sel(arm="treated")[-1].mean()) > 0
        assert "month" in stored.coords


def test_tables_and_record_come_back_exactly(tmp_path: Path, made_up: dict[str, Any]) -> None:
    results = filled(tmp_path / "run", made_up)
    results.write_summary(made_up["summary"])
    results.write_ledger(made_up["ledger"])
    results.write_mechanisms(made_up["mechanisms"])
    results.write_case('title = "Ärger"\n')
    results.write_info({"status": {"treated": "completed"}, "odd": np.array([1.0, np.nan]), "times_done": []})
    again = Results.open(tmp_path / "run")
    pd.testing.assert_frame_equal(again.summary(), made_up["summary"], check_exact=True, check_dtype=False)
    pd.testing.assert_frame_equal(again.ledger(), made_up["ledger"], check_exact=True, check_dtype=False)
    assert len(again.mechanisms()) == len(made_up["mechanisms"])
    assert again.case_text() == 'title = "Ärger"\n'
    assert again.complete
    assert again.info()["odd"] == [1.0, None]
    assert again.times_done == [0, 1, 2]  # what a caller says does not undo what is done
    used = pd.read_csv(tmp_path / "run" / "parameters_used.csv")
    assert list(used["name"]) == [row["name"] for row in made_up["info"]["parameters_used"]]


def test_empty_ledger_can_be_read(tmp_path: Path, made_up: dict[str, Any]) -> None:
    results = filled(tmp_path / "run", made_up, times=1)
    results.write_ledger(pd.DataFrame())
    assert results.ledger().empty
    assert results.mechanisms() is None


def test_checkpoint_is_exact_and_the_summary_of_a_stopped_run_is_there(tmp_path: Path, made_up: dict[str, Any]) -> None:
    results = filled(tmp_path / "run", made_up, times=2)
    arrays = {"native": np.random.default_rng(1).random((2, 5, 8, 7)), "error": np.array([1e-300, np.nan])}
    rows = [{"arm": "treated", "month": 1, "height_mm": 0.1 + 0.2, "ledger": [[1 / 3]], "gone": float("nan")}]
    results.checkpoint(0, {"native": arrays["native"] * 0}, [])
    results.checkpoint(1, arrays, rows)
    step, found, told = Results.open(tmp_path / "run").load_checkpoint("one")
    assert step == 1
    assert set(found) == set(arrays)
    for name, values in arrays.items():
        assert found[name].dtype == np.float64
        np.testing.assert_array_equal(found[name], values)
    assert told[0]["height_mm"] == 0.1 + 0.2
    assert told[0]["ledger"] == [[1 / 3]]
    assert np.isnan(told[0]["gone"])
    stopped = Results.open(tmp_path / "run")
    assert not stopped.complete
    assert stopped.summary()["height_mm"][0] == 0.1 + 0.2
    with pytest.raises(InputError, match="--resume"):
        stopped.ledger()


def test_resume_refuses_another_case_and_a_damaged_folder(tmp_path: Path, made_up: dict[str, Any]) -> None:
    results = filled(tmp_path / "run", made_up, times=2)
    assert results.load_checkpoint("one") is None
    with pytest.raises(InputError, match="another case") as problem:
        results.load_checkpoint("two")
    one_sentence(problem)
    results.checkpoint(1, {"a": np.arange(1000.0)}, [])
    path = tmp_path / "run" / "checkpoint" / "state.npz"
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 1
    for damaged in (whole[: len(whole) // 2], b"", b"not a checkpoint", bytes(flipped)):
        path.write_bytes(damaged)
        with pytest.raises(InputError, match="damaged") as problem:
            Results.open(tmp_path / "run").load_checkpoint("one")
        one_sentence(problem)
    path.write_bytes(whole)
    results.checkpoint(3, {"a": np.arange(1000.0)}, [])  # says more is done than the fields hold
    with pytest.raises(InputError, match="month 3"):
        Results.open(tmp_path / "run").load_checkpoint("one")


def test_damaged_record_or_fields_are_one_sentence(tmp_path: Path, made_up: dict[str, Any]) -> None:
    results = filled(tmp_path / "run", made_up)
    record = tmp_path / "run" / "run.json"
    whole = record.read_text("utf-8")
    for damaged in (
        whole[:100],
        "",
        "[]",
        "{}",
        whole.replace('"format": 1', '"format": 99'),
        whole.replace("2\n ]", "7\n ]"),
    ):
        assert damaged != whole
        record.write_text(damaged, "utf-8")
        with pytest.raises(InputError) as problem:
            Results.open(tmp_path / "run")
        one_sentence(problem)
    record.write_text(whole, "utf-8")
    for chunk in (results.folder / "history.zarr" / "z").rglob("c/**/*"):
        if chunk.is_file():
            chunk.unlink()
    with pytest.raises(InputError, match="damaged") as problem:
        Results.open(tmp_path / "run").history()
    one_sentence(problem)


def test_a_second_run_in_a_folder_is_refused_and_leaves_no_trace(tmp_path: Path) -> None:
    with claimed(tmp_path / "run"):
        with pytest.raises(InputError, match="Another run is writing"), claimed(tmp_path / "run"):
            pass
        assert (tmp_path / "run").is_dir()
    assert list((tmp_path / "run").iterdir()) == []
    with claimed(tmp_path / "run"):
        pass
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").write_text("mine")
    with pytest.raises(InputError, match="something other than results"), claimed(tmp_path / "other"):
        pass
    assert [path.name for path in (tmp_path / "other").iterdir()] == ["thesis.txt"]


def test_folders_that_cannot_be_used_are_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.png").write_text("mine")
    before = everything(tmp_path)
    for folder in ("file", "file/below", "file/further/below", "photos"):
        with pytest.raises(InputError) as problem:
            Results.create(tmp_path / folder, fingerprint="f", info={}, months=[0])
        assert folder.split("/")[0] in one_sentence(problem)
    with pytest.raises(InputError, match="no results"):
        Results.open(tmp_path / "nowhere")

    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "write_text", refuse)
    with pytest.raises(InputError, match="Permission denied"):
        Results.create(tmp_path / "new" / "deep", fingerprint="f", info={}, months=[0])
    monkeypatch.undo()
    assert everything(tmp_path) == before
    assert not (tmp_path / "new").exists()


def test_a_new_run_takes_the_place_of_an_older_one(tmp_path: Path, made_up: dict[str, Any]) -> None:
    old = filled(tmp_path / "run", made_up)
    old.write_summary(made_up["summary"])
    (old.folder / "notes.txt").write_text("mine")
    new = Results.create(tmp_path / "run", fingerprint="two", info={}, months=[0])
    assert set(everything(tmp_path / "run")) == {"run.json", "notes.txt"}
    assert not new.static_written
    with pytest.raises(InputError, match="no saved time"):
        new.history()


@pytest.mark.parametrize("write", ["append", "checkpoint", "summary", "info"])
def test_stopped_in_the_middle_of_writing(
    tmp_path: Path, made_up: dict[str, Any], write: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Ctrl-C at the last moment, when all is written and nothing yet in its place."""
    results = filled(tmp_path / "run", made_up, times=2)
    results.checkpoint(1, {"a": np.arange(3.0)}, [{"arm": "treated", "month": 1}])
    before = everything(tmp_path / "run")
    fields = {name: made_up["history"][name].values[:, 2] for name in [*FIELDS, "z"]}
    actions = {
        "append": lambda: results.append(2, 3, fields),
        "checkpoint": lambda: results.checkpoint(3, {"a": np.zeros(3)}, []),
        "summary": lambda: results.write_summary(made_up["summary"]),
        "info": lambda: results.write_info({"status": "completed"}),
    }

    replace = room.os.replace

    def stop(*paths: Any) -> None:
        if threading.current_thread() is threading.main_thread():  # where Ctrl-C arrives; zarr writes in another
            raise KeyboardInterrupt
        replace(*paths)

    monkeypatch.setattr(room.os, "replace", stop)
    with pytest.raises(KeyboardInterrupt):
        actions[write]()
    monkeypatch.undo()
    after = everything(tmp_path / "run")
    assert {name: after[name] for name in before} == before
    assert all(name.startswith("history.zarr/") for name in set(after) - set(before))
    again = Results.open(tmp_path / "run")
    assert again.history().sizes["time"] == 2
    assert again.load_checkpoint("one")[0] == 1
    again.append(2, 3, fields)
    assert Results.open(tmp_path / "run").history().sizes["time"] == 3


def test_times_out_of_order_are_refused(tmp_path: Path, made_up: dict[str, Any]) -> None:
    results = filled(tmp_path / "run", made_up, times=1)
    with pytest.raises(ValueError, match="month 3"):
        results.append(1, 3, {})
    assert json.loads((tmp_path / "run" / "run.json").read_text("utf-8"))["times_done"] == [0]


def volumes(mesh: meshio.Mesh) -> dict[str, np.ndarray]:
    """Signed volume of each element through tetrahedra on its middle, faces outward as VTK has them."""
    faces = {
        "hexahedron": [(0, 4, 7, 3), (1, 2, 6, 5), (0, 1, 5, 4), (3, 7, 6, 2), (0, 3, 2, 1), (4, 5, 6, 7)],
        "wedge": [(0, 1, 2), (3, 5, 4), (0, 3, 4, 1), (1, 4, 5, 2), (2, 5, 3, 0)],
    }
    found = {}
    for block in mesh.cells:
        corner = mesh.points[block.data]
        middle = corner.mean(1)
        total = np.zeros(len(corner))
        for face in faces[block.type]:
            ring = corner[:, face]
            centre = ring.mean(1)
            for k in range(len(face)):
                a, b = ring[:, k] - middle, ring[:, (k + 1) % len(face)] - middle
                total += np.einsum("ij,ij->i", np.cross(a, b), centre - middle) / 6
        found[block.type] = total
    return found


def test_vtu_is_the_disc(tmp_path: Path, made_up: dict[str, Any]) -> None:
    history = made_up["history"]
    collections = room.write_vtu(history, tmp_path)
    assert [path.name for path in collections] == ["untreated.pvd", "treated.pvd"]
    sets = ElementTree.parse(tmp_path / "treated.pvd").getroot().findall("./Collection/DataSet")
    assert [float(entry.attrib["timestep"]) for entry in sets] == list(MONTHS)
    for index, entry in enumerate(sets):
        read = meshio.read(tmp_path / entry.attrib["file"])
        assert len(read.points) == (4 * 8 + 1) * 7
        assert {block.type: len(block.data) for block in read.cells} == {"wedge": 8 * 6, "hexahedron": 3 * 8 * 6}
        by_element = volumes(read)
        assert all((volume > 0).all() for volume in by_element.values())
        # Independently: each layer is a stack of plane polygons, its thickness integrated over triangles of the plan.
        x, y = (history[name].values[:, :, 0] for name in ("x", "y"))
        height = np.diff(history["z"].values[1, index][:, :, [0, -1]], axis=-1)[..., 0]
        total = 0.0
        for ring in range(4):
            for sector in range(8):
                at = [(ring, sector), (ring + 1, sector), (ring + 1, (sector + 1) % 8), (ring, (sector + 1) % 8)]
                total += bilinear(*(np.array([array[place] for place in at]) for array in (x, y, height)))
        assert sum(volume.sum() for volume in by_element.values()) == pytest.approx(total, rel=2e-3)
        top = np.isclose(read.points[:, 2], history["z"].values[1, index].max())
        assert read.point_data["glucose [mM]"][top][0] == pytest.approx(
            history["glucose"].values[1, index][history["z"].values[1, index] == history["z"].values[1, index].max()][
                0
            ],
            rel=1e-6,
        )
    assert read.point_data["volume [mL]"].sum() == pytest.approx(float(history["volume"].sum()))
    assert "tissue" in read.point_data
    assert "ph" in read.point_data


def bilinear(x: np.ndarray, y: np.ndarray, height: np.ndarray) -> float:
    """Integral of a bilinear height over a plane quadrilateral, two Gauss points a side."""
    total = 0.0
    for s in (0.5 - 0.5 / 3**0.5, 0.5 + 0.5 / 3**0.5):
        for t in (0.5 - 0.5 / 3**0.5, 0.5 + 0.5 / 3**0.5):
            value = np.array([(1 - s) * (1 - t), s * (1 - t), s * t, (1 - s) * t])
            by_s = np.array([-(1 - t), 1 - t, t, -t])
            by_t = np.array([-(1 - s), -s, s, 1 - s])
            area = (by_s @ x) * (by_t @ y) - (by_t @ x) * (by_s @ y)
            total += 0.25 * area * (value @ height)
    return total
