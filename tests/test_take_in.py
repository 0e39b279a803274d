"""Discs by the bones that hold them, and by a ruler: the space that comes back is the one that was there."""

from __future__ import annotations

import os
from pathlib import Path

import meshio
import numpy as np
import pytest
from discs import shape_of
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation
from typer.testing import CliRunner

from pulposus import evidence
from pulposus.case import read_case
from pulposus.cli import app
from pulposus.disc import mesh
from pulposus.errors import InputError
from pulposus.exchange import dimensions, sound, surface, vertebrae
from pulposus.surface import triangles
from pulposus.surface.between import between
from pulposus.surface.fit import RIM, skin
from pulposus.surface.reading import Given

DATA = Path(os.environ.get("PULPOSUS_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
SPINE = DATA / "mri_tptbox" / "sub-mri_seg-vert_label-6_msk.nii.gz"
RUN = CliRunner()


# ---------------------------------------------------------------------------------------------- between bones


def bones(level: str = "L4-L5") -> tuple[list[tuple[np.ndarray, np.ndarray]], float]:
    """An upper and a lower body around the tabled disc, each with an arch behind the canal, mm; the space in mL."""
    nodes = np.asarray(mesh.coordinates(mesh.sized("standard"), shape_of(level))) * 1e3
    made = []
    for end, way in ((-1, 25.0), (0, -25.0)):
        near = nodes[:, :, end]
        far = near + [0, 0, way]
        points, faces = skin(np.stack([near, far] if way > 0 else [far, near], 2))
        arch = points * [0.3, 0.5, 1] - [0, 42, 0.7 * way]  # reaches past the other's, behind a canal
        made.append((np.concatenate([points, arch]), np.concatenate([faces, faces + len(points)])))
    return made, triangles.volume(*skin(nodes)) * 1e-3


def saved(path: Path, points: np.ndarray, faces: np.ndarray) -> Path:
    meshio.Mesh(points, [("triangle", faces)]).write(path)
    return path


@pytest.mark.parametrize("level", ["L5-S1", "C5-C6"])
@pytest.mark.parametrize("turn", [(0, 0, 0), (20, -15, 10), (-30, 5, 25)])
def test_the_space_between_two_bodies_is_the_disc_that_lay_there(level: str, turn: tuple[float, ...]) -> None:
    made, ml = bones(level)
    turned = Rotation.from_euler("xyz", turn, degrees=True).as_matrix()
    upper, lower = (Given(name, points @ turned.T, faces) for name, (points, faces) in zip("ab", made, strict=True))
    for axes in (None, "RAS"):
        found = between(upper, lower, axes=axes)
        assert triangles.volume(found.points, found.faces) * 1e-3 == pytest.approx(ml, rel=0.03)


def test_metres_holes_and_a_wrong_order_of_bones(tmp_path: Path) -> None:
    made, ml = bones()
    files = [
        saved(tmp_path / f"{name}.stl", points * 1e-3, faces[7:])
        for name, (points, faces) in zip(("upper", "lower"), made, strict=True)
    ]
    taken = vertebrae.take_in(files, "L4-L5", 3)
    assert taken.found.number("volume", ours=False) == pytest.approx(ml, rel=0.03)
    said = " ".join(taken.found.said)
    assert "The unit of the bones is m, found by" in said
    assert "Up is from the lower body to the upper" in said
    assert "between the bony endplates" in said
    assert "hold the cartilage endplates" in said
    with pytest.raises(InputError, match="exchange them"):
        vertebrae.take_in(files[::-1], "L4-L5", 3, axes="RAS")


def test_what_is_no_pair_of_neighbours_is_refused(tmp_path: Path) -> None:
    (upper, lower), _ = bones()

    def space(one: tuple[np.ndarray, np.ndarray], other: tuple[np.ndarray, np.ndarray]) -> None:
        between(Given("a", *one), Given("b", *other))

    with pytest.raises(InputError, match="at one place"):
        space(upper, upper)
    with pytest.raises(InputError, match="lie too far apart"):
        space((upper[0] + [0, 0, 60], upper[1]), lower)
    with pytest.raises(InputError, match="no vertebra's size"):
        space((upper[0] * 30, upper[1]), (lower[0] * 30, lower[1]))
    with pytest.raises(InputError, match=r"holds no disc|is none"):
        space((upper[0] + [300, 0, 0], upper[1]), lower)
    path = saved(tmp_path / "a.stl", *upper)
    for files, labels, words in (([path], "", "1 files"), ([path, path], "6,7", "leave out --labels")):
        with pytest.raises(InputError, match=words):
            vertebrae.take_in(files, "L4-L5", 3, labels=labels)


@pytest.mark.skipif(not SPINE.exists(), reason=f"no published picture at {SPINE}; set PULPOSUS_DATA")
def test_a_published_disc_lies_between_its_vertebrae() -> None:
    """Labels 6 and 7 are the bones, 106 the disc (16.1 mL) and 206 its endplates (3.3 mL), which bulge beyond both."""
    taken = vertebrae.take_in([SPINE], "L4-L5", 3, labels="7, 6")
    assert 16.1 < taken.found.number("volume") < 19.4
    assert taken.found.number("mid_height") == pytest.approx(13.6 + 1.5, abs=1.5)  # a voxel
    assert taken.found.number("worst_jacobian") > 0
    for labels in ("6", "6,6", "6,seven", "6,7,8"):
        with pytest.raises(InputError, match="write the labels of both"):
            vertebrae.take_in([SPINE], "L4-L5", 3, labels=labels)
    with pytest.raises(InputError, match="it holds 5, 6, 7"):
        vertebrae.take_in([SPINE], "L4-L5", 3, labels="6,9")


@pytest.mark.parametrize(("level", "said"), [("C5-C6", "L4-L5"), ("L4-L5", "C3-C4")])
def test_a_disc_is_of_no_level_whose_size_it_never_has(level: str, said: str, tmp_path: Path) -> None:
    """From its surface and from its bones, one of the neck called one of the loin, and the reverse."""
    nodes = np.asarray(mesh.coordinates(mesh.sized("standard"), shape_of(level))) * 1e3
    path = saved(tmp_path / "disc.ply", *skin(nodes[:, :, 2:-2]))
    with pytest.raises(InputError, match=f"'disc.ply' as {said} is .* and discs of that level measure"):
        surface.take_in(path, said, 3)
    files = [saved(tmp_path / f"{k}.ply", *bone) for k, bone in enumerate(bones(level)[0])]
    with pytest.raises(InputError, match="its level or its unit is wrong"):
        vertebrae.take_in(files, said, 3)


def test_what_a_fit_is_to_reach_is_an_assumption_of_the_evidence() -> None:
    overlap, apart, least = (evidence.used(name) for name in ("form_overlap", "form_distance", "form_overlap_least"))
    assert {row.kind for row in (overlap, apart, least, evidence.used("size_beyond"))} == {"assumed"}
    assert not sound.poor(overlap.value, apart.value)
    assert sound.poor(overlap.value - 0.01, apart.value)
    assert sound.poor(overlap.value, apart.value + 0.01)
    assert f"Dice of {overlap.value:g} and at most {apart.value:g} mm" in sound.poorly()
    sound.refuse_fit(least.value, "it")
    with pytest.raises(InputError, match=f"{least.value:g} is the least"):
        sound.refuse_fit(least.value - 0.01, "it")


# ---------------------------------------------------------------------------------------------- by a ruler


@settings(max_examples=12, deadline=None)
@given(
    st.sampled_from(["L4-L5", "C5-C6"]),
    st.floats(0.85, 1.15),
    st.floats(0.9, 1.1),
    st.floats(-0.1, 0.2),
    st.floats(-0.15, 0.1),
    st.sampled_from(["with", "without"]),
)
def test_what_was_measured_is_built(
    level: str, size: float, tall: float, lean: float, bow: float, endplates: str
) -> None:
    rows = evidence.dimensions(level, "any", 3)
    middle = rows["mid_height"].value * tall + (1.1 if endplates == "with" else 0)
    measured = {
        "ap_depth": rows["ap_depth"].value * size,
        "width": rows["width"].value * size,
        "anterior_height": middle * (1 + lean + bow),
        "mid_height": middle,
        "posterior_height": middle * (1 - lean + bow),
    }
    taken = dimensions.take_in(level, 3, measured, endplates=endplates)
    for name, value in measured.items():
        assert taken.found.number(name) == pytest.approx(value, rel=0.03), name
        assert taken.found.number(name, ours=False) == value


def test_what_was_not_measured_is_of_the_population_and_said() -> None:
    rows = evidence.dimensions("L3-L4", "female", 2)
    taken = dimensions.take_in("L3-L4", 2, {"ap_depth": "3.4 cm"}, sex="female")
    case = taken.case.resolved()
    assert case.disc.width == pytest.approx(rows["width"].value)
    assert case.disc.height == pytest.approx(rows["mid_height"].value)
    assert case.person.sex == "female"
    said = " ".join(taken.found.said)
    for word in ("width", "height", "wedge", "nucleus_area_fraction"):
        assert f"of the population: {word} = " in said
    assert taken.found.number("ap_depth") == pytest.approx(34, rel=0.01)
    ends = dimensions.take_in("L4-L5", 3, {"anterior_height": 13, "posterior_height": 9}, endplates="without")
    assert ends.found.number("mid_height") == pytest.approx(11, rel=0.03)
    front = dimensions.take_in("L4-L5", 3, {"anterior_height": 13})
    assert "wedge that leads from that height" in " ".join(front.found.said)
    assert front.found.number("anterior_height") == pytest.approx(13, rel=0.03)


@pytest.mark.parametrize(
    ("measured", "words"),
    [
        ({}, "No dimension was given"),
        ({"ap_depth": "much"}, "not a number"),
        ({"ap_depth": 360}, "not plausible"),
        ({"ap_depth": -3}, "no disc's"),
        ({"mid_height": float("nan")}, "no disc's|not"),
        ({"mid_height": 1.0}, "has collapsed"),
        ({"anterior_height": 12, "posterior_height": 8, "wedge": 4}, "twice"),
        ({"anterior_height": 12, "mid_height": 10, "posterior_height": 8, "wedge": 4}, "twice"),
        ({"anterior_height": 25, "mid_height": 9, "posterior_height": 1.5}, "no height|collapsed|not plausible"),
    ],
)
def test_what_no_disc_measures_is_refused(measured: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        dimensions.take_in("L4-L5", 3, measured)
    assert "\n" not in str(caught.value)


def test_the_lever_is_that_of_our_reports() -> None:
    """A wedge of tan 0.1 over nine tenths of 40 mm is a difference of 3.6 mm."""
    taken = dimensions.take_in("L4-L5", 3, {"ap_depth": 40, "anterior_height": 12.8, "posterior_height": 9.2})
    assert np.tan(np.radians(taken.case.disc.wedge)) == pytest.approx(3.6 / (RIM * 40), rel=1e-4)


# ---------------------------------------------------------------------------------------------- the commands


def test_the_commands_leave_cases_that_can_be_read(tmp_path: Path) -> None:
    asked = ["disc", "from-dimensions", "--level", "L4-L5", "--out", str(tmp_path / "a"), "--sex", "male"]
    done = RUN.invoke(app, [*asked, "--ap", "36", "--anterior", "13", "--middle", "12", "--posterior", "8"])
    assert done.exit_code == 0, done.output
    assert "of the population: width" in done.output
    case = read_case(tmp_path / "a" / "case.toml").resolved()
    assert case.person.sex == "male"
    assert case.disc.form is not None
    assert (tmp_path / "a" / "fit.csv").read_text().startswith("quantity,given,ours,unit\n")
    made, _ = bones()
    files = [str(saved(tmp_path / f"{k}.ply", *bone)) for k, bone in enumerate(made)]
    done = RUN.invoke(app, ["disc", "from-vertebrae", *files, "--level", "L4-L5", "--out", str(tmp_path / "b")])
    assert done.exit_code == 0, done.output
    assert read_case(tmp_path / "b" / "case.toml").disc.form is not None
    for wrong in (["--middle", "0.9"], [], ["--ap", "x"], ["--ap", "36", "--endplates", "perhaps"]):
        refused = RUN.invoke(app, [*asked[:-3], str(tmp_path / "none"), *wrong])
        assert refused.exit_code == 2, refused.output
        assert not (tmp_path / "none").exists()
