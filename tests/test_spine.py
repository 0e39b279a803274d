"""Several discs as one batch, and what a scanner shows of a simulated disc: laws that pictures and model share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from discs import shape_of
from hypothesis import given
from hypothesis import strategies as st

from pulposus import imaging, scanner
from pulposus.case import Case
from pulposus.disc import mesh
from pulposus.errors import InputError
from pulposus.picture import PictureTable
from pulposus.run import run_case, run_cases

SCALE = {"water_by_grade": [0.81, 0.79, 0.77, 0.72, 0.69], "t2_by_grade": [210.0, 129.0, 84.0, 51.0, 40.0]}


def case(level: str, grade: int, doses: int = 1, **more: object) -> Case:
    lines = [f"Inject 6e6 MPC in 2 mL saline at month {month}" for month in range(doses)]
    return Case.from_dict(
        {
            "disc": {"level": level, "grade": grade},
            "hypotheses": {"mechanics": "columns"},
            "treatments": [{"protocol": line} for line in lines],
            "run": {"years": "2 months", "mesh": "cohort"},
            **more,
        }
    )


# ---------------------------------------------------------------------------------------------- one batch


def test_discs_of_one_batch_are_those_that_run_alone(tmp_path: Path) -> None:
    both = [case("L4-L5", 4), case("L1-L2", 2)]
    outs = [tmp_path / "a", tmp_path / "b"]
    together = run_cases(both, outs, ablation=False, loads=False)
    for one, results, out in zip(both, together, ("c", "d"), strict=True):
        alone = run_case(one, tmp_path / out, ablation=False, loads=False)
        ours, theirs = results.summary(), alone.summary()
        assert list(ours["arm"]) == list(theirs["arm"])
        numbers = theirs.select_dtypes("number").columns.drop(["solver_error", "form_error"])
        np.testing.assert_allclose(ours[numbers], theirs[numbers], rtol=1e-5, atol=1e-9)
        assert results.fingerprint == alone.fingerprint


def test_discs_that_cannot_go_side_by_side_are_refused(tmp_path: Path) -> None:
    longer = case("L1-L2", 2, run={"years": 1, "mesh": "cohort"})
    other = case("L1-L2", 2, hypotheses={"mechanics": "columns", "metabolism": "cachot"})
    for unlike, what in ((longer, "years and months"), (other, "hypotheses")):
        with pytest.raises(InputError, match=what):
            run_cases([case("L4-L5", 4), unlike], [tmp_path / "a", tmp_path / "b"])
    lost = case("L4-L5", 4).model_copy(update={"picture": PictureTable(slice=str(tmp_path / "gone.png"))})
    with pytest.raises(InputError, match="leave slice out"):
        run_case(lost, tmp_path / "a")
    assert not list(tmp_path.iterdir())


# ---------------------------------------------------------------------------------------------- as in a picture


@given(st.floats(20, 300), st.floats(40, 250))
def test_a_signal_is_taken_back_to_its_t2(t2: float, echo: float) -> None:
    optics = scanner.usual(echo)
    assert scanner.relaxation(scanner.brightness(t2, *optics), *optics) == pytest.approx(t2, rel=1e-9)


def test_a_nucleus_at_a_grades_water_is_seen_as_that_grade() -> None:
    depth, height = np.linspace(-18, 18, 40), np.full(40, 9.0)
    for grade, t2 in enumerate(SCALE["t2_by_grade"][:4], 1):
        seen = imaging.sight(t2, 1.0, depth, height, echo=110)
        assert seen.grades.grade == grade
        assert seen.grades.low <= grade <= seen.grades.high
        assert seen.height_index == pytest.approx(9 / 36)
    assert imaging.sight(60.0, 0.3, depth, height).grades.grade == 5  # collapsed


def test_a_simulated_picture_darkens_as_water_goes() -> None:
    water = np.linspace(60, 81, 50)
    nucleus = imaging.t2_weighted(water, np.zeros(50), SCALE)
    assert (np.diff(nucleus) > 0).all()
    annulus, plate = (imaging.t2_weighted(water, np.full(50, kind), SCALE) for kind in (1, 2))
    assert (plate < annulus).all()
    assert annulus[-1] < nucleus[-1]
    full = imaging.t2_weighted(np.array([81.0]), np.zeros(1), SCALE)[0]
    assert full == pytest.approx(scanner.brightness(210.0, *scanner.usual()))


def test_read_outs_of_a_mesh_are_those_of_its_form() -> None:
    nodes = np.asarray(mesh.coordinates(mesh.sized("standard"), shape_of("L4-L5", wedge=0.1))) * 1e3
    line = imaging.midline(nodes)
    y, height = line[..., 1].mean(1), line[:, -1, 2] - line[:, 0, 2]
    middle, half = 0.5 * (y.max() + y.min()), 0.5 * np.ptp(y)
    mean = np.interp([middle - 0.9 * half, middle + 0.9 * half], y[::-1], height[::-1]).mean()
    assert imaging.height_index(y, height) == pytest.approx(mean / np.ptp(y))
    assert imaging.bulge(line[-1, :, 1], line[-1, :, 2]) == pytest.approx(0, abs=1e-9)
    z = np.linspace(-5, 5, 21)
    assert imaging.bulge(-20 - 1.5 * (1 - (z / 5) ** 2) + 0.1 * z, z) == pytest.approx(1.5, abs=1e-6)
