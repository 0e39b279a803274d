"""Pictures that would mislead: a person's name, a frame that nobody wrote, a damaged mask, a wrong grade."""

from __future__ import annotations

import csv
import dataclasses
import itertools
import os
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK
from scipy.spatial import ConvexHull
from test_scan import drawn, own_scheme, saved, series
from typer.testing import CliRunner

from pulposus import uncertainty
from pulposus.case import read_case
from pulposus.cli import app
from pulposus.disc import mesh
from pulposus.errors import InputError
from pulposus.exchange import mask as taken_in
from pulposus.exchange import partial
from pulposus.figures.on_image import on_image
from pulposus.run import shape_of
from pulposus.scan import masks, schemes, slab, volume
from pulposus.surface import reading, triangles
from pulposus.surface.fit import fit, skin
from pulposus.uncertainty import draws, ensemble

DATA = Path(os.environ.get("PULPOSUS_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"no published pictures in {DATA}; set PULPOSUS_DATA")
RUN = CliRunner()


# ---------------------------------------------------------------------------------------------- names of persons


def test_no_file_holds_the_name_of_a_person(tmp_path: Path) -> None:
    """Of a series neither headers nor the name of its folder; of a file not where another name is said."""
    values, affine, _ = drawn(1.0)
    own = ["--scheme", str(own_scheme(tmp_path, L4_L5=1)), "--out", str(tmp_path / "out")]
    folder = series(tmp_path / "ROE_JANE_19700101", values[::-1, ::-1], 1.0, 1.0)
    file = saved(tmp_path / "ROE_JANE_19700101.nii.gz", values, affine)
    for asked, name in (([str(folder)], "DICOM series"), ([str(file), "--name", "scan 7"], "scan 7")):
        done = RUN.invoke(app, ["disc", "from-mask", *asked, *own])
        assert done.exit_code == 0, done.output
        left = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}
        assert f'surface = "{name}"' in left[tmp_path / "out" / "L4-L5" / "case.toml"].decode()
        for path, held in left.items():
            assert not any(word in held.upper() for word in (b"ROE", b"JANE", b"1970", b"SECRET")), path
    with pytest.raises(InputError, match="cannot be printed"):
        taken_in.take_in(file, scheme=own[1], name="a\nb")


def test_what_is_of_the_runs_is_refused_where_none_was_asked_for(tmp_path: Path) -> None:
    asked = ["disc", "from-mask", str(tmp_path / "nothing.nii"), "--out", str(tmp_path / "out")]
    for more in (["--years", "5"], ["--mesh", "coarse"], ["--resume"], ["--no-ablation"], ["--no-loads"]):
        done = RUN.invoke(app, [*asked, *more])
        assert done.exit_code == 2, done.output
        assert f"{more[0]} is of the runs" in done.output
    done = RUN.invoke(app, [*asked, "--years", "5", "--run"])
    assert "is of the runs" not in done.output
    assert not list(tmp_path.iterdir())


# ---------------------------------------------------------------------------------------------- frames


def test_an_orientation_that_no_header_says_is_not_guessed(tmp_path: Path) -> None:
    values = np.ones((4, 5, 6), np.uint8)
    bare = nibabel.Nifti1Image(values, None)
    bare.header.set_zooms((1.5, 1.5, 1.5))
    nibabel.save(bare, tmp_path / "bare.nii.gz")
    with pytest.raises(InputError, match="does not say where right, front and up are"):
        volume.read(tmp_path / "bare.nii.gz")
    frame = np.diag([1.5, 1.5, 1.5, 1.0])
    for turned, matrix in ((True, frame @ np.diag([-1.0, -1, 1, 1])), (False, np.diag([1.5001, 1.5, 1.5, 1]))):
        both = nibabel.Nifti1Image(values, frame)
        both.set_sform(frame, 1)
        both.set_qform(matrix, 1)
        nibabel.save(both, tmp_path / "both.nii")
        if turned:
            with pytest.raises(InputError, match="two orientations that differ"):
                volume.read(tmp_path / "both.nii")
        else:
            assert volume.read(tmp_path / "both.nii").spacing == pytest.approx([1.5] * 3, rel=1e-3)
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(values), tmp_path / "a.mha")
    raw = (tmp_path / "a.mha").read_bytes()
    for key, words in ((b"TransformMatrix", "front and up are"), (b"ElementSpacing", "how large voxels are")):
        assert key in raw
        (tmp_path / "b.mha").write_bytes(raw.replace(key, b"Comment", 1))
        with pytest.raises(InputError, match=words):
            volume.read(tmp_path / "b.mha")


@needs_data
@pytest.mark.parametrize(("axis", "words"), [(1, "lies in front of"), (2, "lies (above|below)"), (0, "")])
@pytest.mark.parametrize("name", ["mri_spider/78_t2_SPACE_midstack_seg", "mri_tptbox/sub-mri_seg-vert_label-6_msk"])
def test_a_spine_that_is_turned_round_is_refused(name: str, axis: int, words: str, tmp_path: Path) -> None:
    """Front to back, and upside down; right and left cannot be told."""
    seen = volume.read(DATA / f"{name}.nii.gz")
    turned = saved(tmp_path / "a.nii", np.ascontiguousarray(np.flip(seen.values, axis)), seen.affine)
    own = {"scheme": "tptbox", "disc": 1} if "tptbox" in name else {}
    if words:
        with pytest.raises(InputError, match=words):
            taken_in.take_in(turned, level="L4-L5", **own)
    else:
        assert taken_in.take_in(turned, level="L4-L5", **own).discs[0].case is not None


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ("ImageOrientationPatient", "does not say where right, front and up are"),
        ("ImagePositionPatient", "does not say where right, front and up are"),
        ("PixelSpacing", "does not say how large voxels are"),
    ],
)
def test_a_series_that_does_not_say_where_it_lies_is_refused(missing: str, said: str, tmp_path: Path) -> None:
    """The library takes one orientation and voxels of a millimetre for such a series."""
    pydicom = pytest.importorskip("pydicom")
    folder = series(tmp_path / "scan", np.ones((6, 7, 4)))
    assert volume.read(folder).values.shape == (6, 7, 4)
    for file in folder.iterdir():
        data = pydicom.dcmread(file)
        delattr(data, missing)
        data.save_as(file)
    with pytest.raises(InputError, match=said):
        volume.read(folder)


@pytest.mark.parametrize("place", [0, 2, 3])
@pytest.mark.parametrize("left", [0, 140, -20])
def test_a_series_with_a_damaged_slice_is_refused(place: int, left: int, tmp_path: Path) -> None:
    """At an end no gap tells that one is lost."""
    folder = series(tmp_path / "scan", np.ones((6, 7, 4)))
    (folder / "notes.txt").write_text("no slice")
    assert volume.read(folder).values.shape == (6, 7, 4)
    file = folder / f"{place}.dcm"
    file.write_bytes(file.read_bytes()[:left])
    with pytest.raises(InputError, match=r"cannot be read|damaged") as caught:
        volume.read(folder)
    assert "\n" not in str(caught.value)


def test_a_series_with_slices_missing_is_refused(tmp_path: Path) -> None:
    values = np.arange(4 * 5 * 12).reshape(4, 5, 12)
    folder = series(tmp_path / "scan", values)
    assert volume.read(folder).spacing == pytest.approx([1, 1, 3])
    for missing in (5, 6):
        (folder / f"{missing}.dcm").unlink()
    with pytest.raises(InputError, match="lie 3 to 9 mm apart, so some are missing"):
        volume.read(folder)


# ---------------------------------------------------------------------------------------------- damaged masks


def test_damaged_masks_are_refused(tmp_path: Path) -> None:
    """Each would be fitted well enough as a disc of another person."""
    values, affine, _ = drawn(1.0)
    scheme, middle = str(own_scheme(tmp_path, L4_L5=1)), values.shape[0] // 2
    slab, cut, split, holes = (values.copy() for _ in range(4))
    slab[: middle - 9] = slab[middle + 9 :] = 0
    cut[middle + 6 :] = 0
    split[middle] = 0
    holes[np.random.default_rng(0).random(values.shape) < 0.2] = 0
    larger = affine @ np.diag([1.3, 1.3, 1.3, 1.0])
    for damaged, matrix, words in (
        (slab, affine, r"flat wall within the picture \(left, right\)"),
        (cut, affine, r"flat wall within the picture \(right\)"),
        (split, affine, "in 2 pieces, of"),
        (holes, affine, "% of it are holes"),
        (values, larger, "mL, and whole lumbar discs 3 to 25|high in the middle, and lumbar"),
    ):
        path = saved(tmp_path / "a.nii", damaged, matrix)
        with pytest.raises(InputError, match=words):
            taken_in.take_in(path, scheme=scheme)


def test_a_poor_fit_and_unusual_sizes_are_said(tmp_path: Path) -> None:
    """A disc whose lower front is missing, and that is broader than tabled."""
    values, affine, _ = drawn(1.0)
    y, z = (np.median(np.argwhere(values)[:, axis]).astype(int) for axis in (1, 2))
    values[:, y:, :z] = 0
    path = saved(tmp_path / "a.nii", values, affine @ np.diag([1.2, 1.2, 1, 1]))
    asked = ["disc", "from-mask", str(path), "--scheme", str(own_scheme(tmp_path, L4_L5=1))]
    done = RUN.invoke(app, [*asked, "--out", str(tmp_path / "o")])
    assert done.exit_code == 0, done.output
    case = (tmp_path / "o" / "L4-L5" / "case.toml").read_text("utf-8")
    for words in ("It fits poorly", "lies outside what is tabled for L4-L5"):
        assert words in done.output.replace("\n", " ")
        assert words in case
    assert ",fitted poorly," in (tmp_path / "o" / "discs.csv").read_text("utf-8")


# ---------------------------------------------------------------------------------------------- signals


@needs_data
def test_a_picture_that_is_not_t2_weighted_gives_no_grade(tmp_path: Path) -> None:
    base = DATA / "mri_spider" / "41_t2_SPACE_midstack"
    seen = volume.read(f"{base}_T2.nii.gz")
    turned = saved(tmp_path / "a.nii", (seen.values.max() - seen.values).astype(np.float32), seen.affine)
    picture = taken_in.take_in(f"{base}_seg.nii.gz", image=turned, level="L4-L5")
    (one,) = picture.discs
    assert one.read.grade == 0
    assert "more than its water allows" in one.read.said
    assert not any("failed its test" in line for line in picture.said)
    assert one.case.disc.grade == 3


# ---------------------------------------------------------------------------------------------- what is not known


def stack(folder: Path) -> taken_in.Picture:
    """Slices about the midline of a tabled disc."""
    values, affine, _ = drawn(0.8)
    middle, moved = values.shape[0] // 2, affine.copy()
    moved[:3, 3] += affine[:3, 0] * (middle - 11)
    path = saved(folder / "slices.nii", values[middle - 11 : middle + 11], moved)
    return taken_in.take_in(path, scheme=str(own_scheme(folder, L4_L5=1)))


def test_members_have_widths_and_heights_that_the_slices_leave_open(tmp_path: Path) -> None:
    picture = stack(tmp_path)
    taken_in.write(picture, tmp_path / "out")
    case = read_case(tmp_path / "out" / "L4-L5" / "case.toml").resolved()
    known = partial.known(picture.discs[0].case, picture.discs[0].measured, "with")
    assert case.picture.width_range == pytest.approx(known.width[1:], rel=1e-3)
    assert case.picture.height_range == pytest.approx(known.height[1:], rel=1e-3)
    table = uncertainty.draw(case, 64, form=True)
    low, high = case.picture.width_range
    assert low < table[draws.WIDTH].min() < table[draws.WIDTH].max() < high
    assert np.ptp(table[draws.HEIGHT]) > 0.8 * np.ptp(case.picture.height_range)
    plain = uncertainty.draw(case, 64)
    assert table.drop(columns=[draws.WIDTH, draws.HEIGHT]).equals(plain)  # nothing else is drawn otherwise
    base = np.asarray(mesh.coordinates(mesh.sized("cohort"), draws.formed(case, {})))
    for row in table.head(3).to_dict("records"):
        shape = draws.formed(case, row)
        assert draws._sizes(shape)[:2] == pytest.approx((row[draws.WIDTH] * 1e-3, row[draws.HEIGHT] * 1e-3), rel=1e-3)
        nodes = np.asarray(mesh.coordinates(mesh.sized("cohort"), shape))
        wider = row[draws.WIDTH] * 1e-3 / case.dimensions()["width"]
        assert np.ptp(nodes[-1, :, 0, 0]) == pytest.approx(wider * np.ptp(base[-1, :, 0, 0]), rel=0.01)
        assert float(np.min(mesh.jacobians(nodes))) > 0
    one = {"marrow_oxygen": 5.0, draws.WIDTH: 50.0}
    assert draws.spoken(one) == draws.spoken({"marrow_oxygen": 5.0})
    discs, _, _, _ = ensemble.members(case, table.head(2), "cohort")
    own = np.asarray(discs.volume).sum((1, 2, 3))
    wide, tall = (table[name].to_numpy()[:2] for name in (draws.WIDTH, draws.HEIGHT))
    assert own[0] / own[1] == pytest.approx(float(wide[0] * tall[0] / (wide[1] * tall[1])), rel=0.1)


def test_a_collapsed_disc_is_drawn_no_lower_than_a_mesh_can_be(tmp_path: Path) -> None:
    case = stack(tmp_path).discs[0].case
    open_ = case.picture.model_copy(update={"height_range": (0.0, 12.0)})
    case = case.model_copy(update={"picture": open_}).resolved()
    (low,) = (one.row.low for one in draws.forms(case) if one.name == draws.HEIGHT)
    assert 0 < low < case.dimensions()["mid_height"] * 1e3
    nodes = np.asarray(mesh.coordinates(mesh.sized("cohort"), draws.formed(case, {draws.HEIGHT: low})))
    assert float(np.min(mesh.jacobians(nodes))) > 0
    assert draws.forms(case.model_copy(update={"picture": None})) == []


def test_what_has_a_range_in_the_table_lies_in_it(tmp_path: Path) -> None:
    row = taken_in.row(stack(tmp_path).discs[0])
    ranges = [name.replace("_low_", "_") for name in row if "_low_" in name]
    assert ranges == ["width_mm", "height_between_cartilages_mm", "volume_mL"]
    for name in ranges:
        stem, unit = name.rsplit("_", 1)
        low, value, high = (float(row[key]) for key in (f"{stem}_low_{unit}", name, f"{stem}_high_{unit}"))
        assert low < value < high, name


def test_the_pose_lays_the_mesh_of_a_run_onto_the_mask(tmp_path: Path) -> None:
    """Of a whole disc and of slices, leaning, from the case file alone."""
    values, affine, _ = drawn(0.8)
    lean = np.eye(4)
    lean[1:3, 1:3] = [[np.cos(0.3), -np.sin(0.3)], [np.sin(0.3), np.cos(0.3)]]
    middle, moved = values.shape[0] // 2, affine.copy()
    moved[:3, 3] += affine[:3, 0] * (middle - 9)
    scheme = str(own_scheme(tmp_path, L4_L5=1))
    for name, voxels, matrix in (("whole", values, affine), ("part", values[middle - 9 : middle + 9], moved)):
        picture = taken_in.take_in(saved(tmp_path / f"{name}.nii", voxels, lean @ matrix), scheme=scheme)
        taken_in.write(picture, tmp_path / name)
        case = read_case(tmp_path / name / "L4-L5" / "case.toml").resolved()
        nodes = np.asarray(mesh.coordinates(mesh.sized("standard"), shape_of(case))) * 1e3
        pose = np.array(case.picture.pose)
        skin_, faces = skin(nodes)
        grid = np.argwhere(np.ones_like(voxels))
        matrix = lean @ matrix
        back = (grid @ matrix[:3, :3].T + matrix[:3, 3] - pose[:, 3]) @ pose[:, :3]
        low, high = triangles.columns(skin_, faces, back[:, :2])
        inside = (back[:, 2] >= low) & (back[:, 2] <= high)
        assert 2 * (inside & (voxels.ravel() > 0)).sum() / (inside.sum() + voxels.sum()) > 0.93, name
        rows = dict(line.split(",", 1) for line in (tmp_path / name / "L4-L5" / "fit.csv").read_text().splitlines())
        assert float(rows["worst_jacobian"].split(",")[1]) > 0
        assert float(taken_in.row(picture.discs[0])["worst_jacobian"]) > 0


# ---------------------------------------------------------------------------------------------- against what is known


@needs_data
def test_within_a_level_the_disc_that_radiologists_called_narrowed_is_lower() -> None:
    """15 graded discs of two persons; heights as the how-to has them."""
    with (DATA / "mri_spider" / "radiological_gradings.csv").open() as stream:
        narrowed = {(one["Patient"], one["IVD label"]): one["Disc narrowing"] == "1" for one in csv.DictReader(stream)}
    seen: dict[str, dict[str, slab.Measured]] = {}
    low: list[tuple[str, str]] = []
    for patient in ("41", "78"):
        labels = volume.labels(volume.read(DATA / "mri_spider" / f"{patient}_t2_SPACE_midstack_seg.nii.gz"))
        found = masks.discs(labels, schemes.known()["spider-restacked"])
        for place, disc in enumerate(found, 1):
            seen.setdefault(disc.level, {})[patient] = slab.measured(disc, disc.level)
            low += [(disc.level, patient)] if narrowed[patient, str(place)] else []
    assert low == [("L5-S1", "78")]
    assert sum(map(len, seen.values())) == 15
    assert seen["L5-S1"]["78"].mid_height[0] < 0.3 * seen["L5-S1"]["41"].mid_height[0]
    text = Path(__file__).resolve().parents[1].joinpath("docs/howto/take-in-a-picture.md").read_text("utf-8")
    for level, both in seen.items():
        line = next(line for line in text.splitlines() if line.startswith(f"| {level} |"))
        for one in both.values():
            assert f"| {one.mid_height[0]:.1f} | {one.mean_height[0]:.1f} |" in line, level
        if level != "L5-S1" and len(both) == 2:
            assert both["41"].mid_height[0] == pytest.approx(both["78"].mid_height[0], abs=3.2)


def test_finer_voxels_take_no_more_work() -> None:
    """At half the spacing there are as many triangles, with the volume of the voxels."""
    count = {}
    for spacing in (1.0, 0.5):
        values, affine, _ = drawn(spacing)
        seen = volume.Volume("x", values.astype(int), affine)
        (disc,) = masks.discs(seen, schemes.Scheme("own", {1: "L4-L5"}, {}, "with"))
        found = masks.surface(disc, "x")
        count[spacing] = len(found.faces)
        assert triangles.volume(found.points, found.faces) * 1e-3 == pytest.approx(disc.volume, rel=2e-4)
    assert count[0.5] < 1.3 * count[1.0]


@needs_data
def test_sizes_of_the_label_stand_beside_those_of_our_mesh() -> None:
    """The lower disc of the example, whose wedge of 1.6 degrees ours does not keep."""
    base = DATA / "mri_tptbox" / "sub-mri_seg-vert_label-6_msk.nii.gz"
    (one,) = taken_in.take_in(base, scheme="tptbox", disc=1, level="L4-L5").discs
    row = taken_in.row(one)
    for name, unit in (("mid_height", "mm"), ("wedge", "degrees"), ("ap_depth", "mm"), ("width", "mm")):
        assert float(row[f"{name}_{unit}"]) == pytest.approx(one.found.number(name), rel=1e-3)
        assert float(row[f"{name}_of_voxels_{unit}"]) == pytest.approx(one.found.number(name, False), rel=1e-3)
    wedges = f"wedge {one.found.number('wedge'):.1f} ({one.found.number('wedge', False):.1f}) degrees"
    assert wedges in taken_in.told(one)[0]


# ---------------------------------------------------------------------------------------------- sentences and pictures


def test_a_file_is_quoted_once() -> None:
    """In what a fit says of a disc a tenth as large as any, called as a mask calls it, and as its file."""
    brick = np.array(list(itertools.product((-2.0, 2.0), (-1.5, 1.5), (-0.5, 0.5))))
    hull = ConvexHull(brick)
    sides = np.diff(brick[hull.simplices], axis=1)
    outward = (np.cross(sides[:, 0], sides[:, 1]) * hull.equations[:, :3]).sum(1)
    faces = np.where(outward[:, None] > 0, hull.simplices, hull.simplices[:, ::-1])
    given = reading.Given("Disc L4-L5 of 'a.nii'", brick, faces)
    with pytest.raises(InputError, match=r"^Disc L4-L5 of 'a\.nii' measures"):
        fit(given, unit="mm", axes="RAS", sizes={})
    with pytest.raises(InputError, match=r"^'a\.stl' measures"):
        fit(dataclasses.replace(given, name="a.stl"), unit="mm", axes="RAS", sizes={})


def test_a_damaged_file_is_one_sentence_on_the_terminal(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Also of a library that writes past Python."""
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(np.zeros((40, 40, 40), np.uint8)), tmp_path / "a.mha")
    raw = (tmp_path / "a.mha").read_bytes()
    (tmp_path / "a.mha").write_bytes(raw[: len(raw) // 2])
    with pytest.raises(InputError, match="is damaged, cut off or no picture"):
        volume.read(tmp_path / "a.mha")
    out, said = capfd.readouterr()
    assert out == said == ""
    os.write(2, b"still there")
    assert capfd.readouterr().err == "still there"


def test_what_lies_beyond_the_picture_is_not_drawn_black(tmp_path: Path) -> None:
    values, affine, _ = drawn(0.8)
    middle = values.shape[0] // 2
    part = values[middle - 11 : middle + 11].astype(int)
    seen = volume.Volume("x", part, affine)
    (disc,) = masks.discs(seen, schemes.Scheme("own", {1: "L4-L5"}, {}, "with"))
    image = volume.Volume("y", 100.0 + 50 * part, affine)
    figure = on_image(disc, None, image, "x")
    behind = figure.axes[1]
    shown = behind.images[0].get_array()
    assert np.ma.getmaskarray(shown).all(axis=0).sum() == shown.shape[1] - 22  # to both sides of the stack
    assert behind.get_facecolor()[:3] != (0, 0, 0)
    assert "beyond the picture" in [text.get_text() for text in figure.legends[0].get_texts()]
    assert figure.axes[0].images[0].get_clim()[0] >= 100  # what is beyond does not stretch the grey
