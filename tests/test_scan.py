"""Discs in labelled pictures: files, schemes of labels, the fit of what is whole, and what of the rest can be said."""

import csv
import itertools
import os
from pathlib import Path

import nibabel
import numpy as np
import pydicom
import pytest
import SimpleITK
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from pulposus import evidence, scanner
from pulposus.case import read_case
from pulposus.cli import app
from pulposus.disc import mesh
from pulposus.errors import InputError
from pulposus.exchange import mask as taken_in
from pulposus.exchange import partial
from pulposus.run import shape_of
from pulposus.scan import masks, readout, schemes, slab, volume
from pulposus.surface import triangles
from pulposus.surface.fit import skin

DATA = Path(os.environ.get("PULPOSUS_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
TPTBOX = DATA / "mri_tptbox" / "sub-mri_seg-vert_label-6_msk.nii.gz"
SUBREGIONS = DATA / "mri_tptbox" / "sub-mri_seg-subreg_label-6_msk.nii.gz"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"no published pictures in {DATA}; set PULPOSUS_DATA")
RUN = CliRunner()


def drawn(spacing: float, *, level: str = "L4-L5", grade: int = 2) -> tuple[np.ndarray, np.ndarray, float]:
    """Voxels of the tabled disc, their matrix, and the volume of its mesh in mL."""
    from pulposus.case import Case

    shape = shape_of(Case.from_dict({"disc": {"level": level, "grade": grade}}).resolved())
    nodes = np.asarray(mesh.coordinates(mesh.sized("standard"), shape)) * 1e3
    points, faces = skin(nodes)
    ends = [np.floor(points.min(0) / spacing) - 3, np.ceil(points.max(0) / spacing) + 3]
    axes = [np.arange(a, b + 1) * spacing for a, b in zip(*ends, strict=True)]
    plan = np.stack(np.meshgrid(axes[0], axes[1], indexing="ij"), -1)
    low, high = triangles.columns(points, faces, plan.reshape(-1, 2))
    low, high = (end.reshape(plan.shape[:2])[..., None] for end in (low, high))
    inside = (axes[2] >= low) & (axes[2] <= high)
    affine = np.diag([spacing, spacing, spacing, 1.0])
    affine[:3, 3] = [axis[0] for axis in axes]
    return inside.astype(np.uint8), affine, triangles.volume(points, faces) * 1e-3


def saved(path: Path, values: np.ndarray, affine: np.ndarray) -> Path:
    nibabel.save(nibabel.Nifti1Image(values, affine), path)
    return path


def own_scheme(folder: Path, **levels: int) -> Path:
    path = folder / "labels.toml"
    lines = [f'"{level.replace("_", "-")}" = {label}' for level, label in levels.items()]
    path.write_text("\n".join(['endplates = "with"', "[discs]", *lines]))
    return path


# ---------------------------------------------------------------------------------------------- files


@pytest.fixture(scope="module")
def marked() -> tuple[np.ndarray, np.ndarray]:
    """A small picture in which no axis and no direction is like another."""
    values = np.zeros((5, 6, 7), np.int16)
    values[0, 1, 2], values[4, 5, 6] = 3, 9
    affine = np.diag([2.0, 1.5, 1.0, 1.0])
    affine[:3, 3] = (-3, 4, 50)
    return values, affine


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_every_way_of_laying_a_grid_gives_the_same_picture(marked, order, tmp_path):
    values, affine = marked
    want = volume.read(saved(tmp_path / "a.nii", values, affine))
    for flips in itertools.product((False, True), repeat=3):
        turned, matrix = values.transpose(order), affine.copy()
        matrix[:, :3] = affine[:, order]
        for axis in np.flatnonzero(flips):
            matrix[:, 3] += matrix[:, axis] * (turned.shape[axis] - 1)
            matrix[:, axis] *= -1
            turned = np.flip(turned, axis)
        found = volume.read(saved(tmp_path / "b.nii.gz", np.ascontiguousarray(turned), matrix))
        np.testing.assert_array_equal(found.values, want.values)
        np.testing.assert_allclose(found.affine, want.affine, atol=1e-5)


def test_mha_and_nifti_of_one_picture_are_one(marked, tmp_path):
    values, affine = marked
    one = volume.read(saved(tmp_path / "a.nii.gz", values, affine))
    image = SimpleITK.GetImageFromArray(values.transpose())
    image.SetSpacing([2.0, 1.5, 1.0])
    image.SetOrigin([3.0, -4.0, 50.0])  # there left and back are positive
    image.SetDirection([-1, 0, 0, 0, -1, 0, 0, 0, 1])
    SimpleITK.WriteImage(image, tmp_path / "a.mha")
    other = volume.read(tmp_path / "a.mha")
    np.testing.assert_array_equal(one.values, other.values)
    np.testing.assert_allclose(one.affine, other.affine, atol=1e-5)


def series(folder: Path, values: np.ndarray, wide: float = 1.0, tall: float = 3.0) -> Path:
    """A DICOM series of voxels so wide and tall, mm; axes to the left, back and up; with a person's name."""
    folder.mkdir()
    uid = pydicom.uid.generate_uid()
    for k in range(values.shape[2]):
        meta = pydicom.dataset.FileMetaDataset()
        meta.MediaStorageSOPClassUID = pydicom.uid.MRImageStorage
        meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid()
        meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
        data = pydicom.dataset.FileDataset(str(folder / f"{k}.dcm"), {}, file_meta=meta, preamble=b"\0" * 128)
        data.PatientName, data.PatientID, data.PatientBirthDate = "Roe^Jane", "SECRET-42", "19700101"
        data.SOPClassUID, data.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
        data.SeriesInstanceUID, data.StudyInstanceUID, data.Modality = uid, uid, "MR"
        data.Rows, data.Columns = values.shape[1], values.shape[0]
        data.PixelSpacing, data.SliceThickness = [wide, wide], tall
        data.ImageOrientationPatient, data.ImagePositionPatient = [1, 0, 0, 0, 1, 0], [0, 0, tall * k]
        data.InstanceNumber, data.SamplesPerPixel, data.PhotometricInterpretation = k + 1, 1, "MONOCHROME2"
        data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 16, 15, 0
        data.PixelData = values[:, :, k].T.astype("<u2").tobytes()
        data.save_as(folder / f"{k}.dcm", enforce_file_format=True)
    return folder


def test_a_dicom_series_is_read_without_the_person(tmp_path):
    values = np.arange(4 * 5 * 3).reshape(4, 5, 3)
    found = volume.read(series(tmp_path / "scan", values))
    assert found.values.shape == (4, 5, 3)
    np.testing.assert_allclose(found.spacing, [1, 1, 3])
    np.testing.assert_array_equal(found.values, values[::-1, ::-1])  # its rows run to the left and to the back
    assert "Roe" not in repr(found)
    assert "SECRET" not in repr(found)
    assert set(vars(found)) == {"name", "values", "affine"}
    with pytest.raises(InputError, match="no DICOM series"):
        volume.read(tmp_path)


def broken(tmp_path: Path) -> dict[str, Path]:
    """Files that no picture is in."""
    good, eye = np.ones((9, 9, 9), np.uint8), np.eye(4)
    whole = saved(tmp_path / "whole.nii.gz", np.random.default_rng(0).integers(0, 255, (40, 40, 9), np.uint8), eye)
    (tmp_path / "cut.nii.gz").write_bytes(whole.read_bytes()[:2000])
    (tmp_path / "empty.nii.gz").write_bytes(b"")
    (tmp_path / "words.nii").write_text("no picture " * 99)
    (tmp_path / "words.mha").write_text("ObjectType = Image\nNDims = 3\n")
    saved(tmp_path / "four.nii", np.ones((4, 4, 4, 5), np.uint8), eye)
    saved(tmp_path / "flat.nii", np.ones((4, 4), np.uint8), eye)
    saved(tmp_path / "far.nii", good, np.diag([1e4, 1, 1, 1.0]))
    sheared = eye.copy()
    sheared[0, 1] = 0.4
    saved(tmp_path / "sheared.nii", good, sheared)
    image = nibabel.Nifti1Image(good, eye)
    image.header["srow_x"], image.header["sform_code"] = np.nan, 1
    raw = bytearray(image.to_bytes())
    raw[280:296] = np.full(4, np.nan, "<f4").tobytes()  # srow_x
    raw[254:256] = (1).to_bytes(2, "little")  # sform_code
    (tmp_path / "nan.nii").write_bytes(raw)
    saved(tmp_path / "colour.nii", np.zeros((4, 4, 4), [("R", "u1"), ("G", "u1"), ("B", "u1")]), eye)
    saved(tmp_path / "complex.nii", np.ones((4, 4, 4), np.complex64), eye)
    made = ("cut.nii.gz", "empty.nii.gz", "words.nii", "words.mha", "four.nii", "flat.nii", "far.nii", "sheared.nii")
    return {name: tmp_path / name for name in (*made, "nan.nii", "colour.nii", "complex.nii", "none.nii", "name.txt")}


def test_what_is_no_picture_is_refused_in_a_sentence(tmp_path):
    (tmp_path / "name.txt").write_text("x")
    for name, path in broken(tmp_path).items():
        with pytest.raises(InputError) as caught:
            volume.read(path)
        assert str(caught.value).count("\n") == 0, name
        assert name in str(caught.value)
        asked = RUN.invoke(app, ["disc", "from-mask", str(path), "--out", str(tmp_path / "out")])
        assert asked.exit_code == 2, name
        assert not (tmp_path / "out").exists()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_damaged_files_leave_no_traceback(tmp_path, data):
    kind = data.draw(st.sampled_from([".nii", ".nii.gz", ".mha"]))
    path = tmp_path / f"whole{kind}"
    if not path.exists():
        values = np.zeros((12, 12, 12), np.uint8)
        values[3:9, 3:9, 3:9] = 201
        image = SimpleITK.GetImageFromArray(values)
        SimpleITK.WriteImage(image, path)
    raw = bytearray(path.read_bytes())
    if data.draw(st.booleans()):
        raw = raw[: data.draw(st.integers(0, len(raw) - 1))]
    for _ in range(data.draw(st.integers(0, 6))):
        if raw:
            raw[data.draw(st.integers(0, min(len(raw), 400) - 1))] = data.draw(st.integers(0, 255))
    other = tmp_path / f"damaged{kind}"
    other.write_bytes(raw)
    sentences: list[str] = []
    try:
        read = volume.labels(volume.read(other))
        masks.discs(read, schemes.known()["spider-restacked"])
    except InputError as said:
        sentences.append(str(said))
    assert not any("\n" in said for said in sentences)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (np.zeros((9, 9, 9)), "no label at all"),
        (np.full((9, 9, 9), 0.5), "between whole numbers"),
        (np.full((9, 9, 9), np.nan), "no numbers .NaN"),
        (np.full((9, 9, 9), -1.0), "negative"),
    ],
)
def test_what_is_no_mask_is_refused(values, said):
    with pytest.raises(InputError, match=said):
        volume.labels(volume.Volume("x", values, np.eye(4)))


def test_a_label_of_any_size_takes_no_memory(tmp_path):
    values, affine, _ = drawn(1.0)
    big = 4_000_000_000
    huge = volume.Volume("x", values.astype(np.int64) * big, affine)
    (one,) = masks.discs(huge, schemes.Scheme("own", {big: "L4-L5"}, {}, "with"))
    assert one.mask.values.sum() == values.sum()


def test_whole_numbers_saved_as_floats_are_labels():
    found = volume.labels(volume.Volume("x", np.full((3, 3, 3), 201.0), np.eye(4)))
    assert np.issubdtype(found.values.dtype, np.integer)


# ---------------------------------------------------------------------------------------------- schemes

PROVEN = {
    "totalspineseg": {1, 2, 41, 42, 43, 44, 45, 50, 91, 92, 93, 94, 95, 100},
    "totalspineseg-2024": {18, 19, 20, 92, 200, 201, 202, 203, 204},
    "spider": {1, 2, 3, 100, 201, 202, 203},
    "spider-restacked": {100, 201, 202, 300},
    "spineps-spine": {26, 41, 45, 49, 60, 61, 62, 100},
}


@pytest.mark.parametrize("name", PROVEN)
def test_labels_prove_their_scheme_and_no_other(name):
    assert schemes.scheme_of(PROVEN[name], "x").name == name


@pytest.mark.parametrize(
    "labels",
    [
        {201, 202, 203},  # SPIDER or another
        {20, 21, 22, 120, 121, 220, 221},  # SPINEPS-vert or the same as counting numbers
        {20, 22, 119, 202, 220, 224},  # would be the old TotalSpineSeg, but for 119
        {1, 2, 11, 12},
        {5, 7},
        set(),
    ],
)
def test_what_proves_nothing_is_not_guessed(labels):
    with pytest.raises(InputError, match="say --scheme"):
        schemes.scheme_of(labels, "x")


def test_levels_of_schemes_are_those_of_the_dossier():
    tables = schemes.known()
    for level, codes in {
        "L5-S1": (201, 201, 202, 100, 124, 11),
        "L4-L5": (202, 202, 203, 95, 123, 12),
        "T12-L1": (206, 206, 207, 91, 119, 16),
    }.items():
        names = ("spider", "spider-restacked", "totalspineseg-2024", "totalspineseg", "spineps-vert", "mrspineseg")
        assert [tables[name].discs[code] for name, code in zip(names, codes, strict=True)] == [level] * 6
    assert tables["totalspineseg-2024"].discs[224] == tables["totalspineseg"].discs[63] == "C2-C3"
    assert not tables["tptbox"].levelled
    assert not tables["spineps-spine"].levelled
    assert all(scheme.endplates in ("with", "without") for scheme in tables.values())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "does not say endplates"),
        ('endplates = "with"', "names no discs"),
        ('endplates = "perhaps"\n[discs]\n"L4-L5" = 1', "does not say endplates"),
        ('endplates = "with"\n[discs]\n"L4-L9" = 1', "Unknown level"),
        ('endplates = "with"\n[discs]\n"L4-L5" = "x"', "whole numbers"),
        ('endplates = "with"\n[discs]\n"L4-L5" = 1\n"L3-L4" = 1', "one label to two discs"),
        ('endplates = "with"\n[disks]\n"L4-L5" = 1', "did you mean 'discs'"),
        ("endplates = ", "no TOML"),
        ('endplates = "with"\nothers = 5\n[discs]\n"L4-L5" = 1', r"write a table \[others\]"),
        ('endplates = "with"\n[discs]\n"L4-L5" = 1\n[others]\ncanal = 1', "label 1 to disc L4-L5 and to canal"),
        ('endplates = "with"\n[discs]\n"L4-L5" = 1\n[others]\ncanal = 2\ncord = [3, 2]', "2 to canal and to cord"),
    ],
)
def test_a_scheme_of_ones_own_is_checked(text, said, tmp_path):
    (tmp_path / "labels.toml").write_text(text)
    with pytest.raises(InputError, match=said):
        schemes.scheme_of({1}, "x", str(tmp_path / "labels.toml"))


def test_a_scheme_that_does_not_belong_is_refused():
    with pytest.raises(InputError, match="did you mean 'spider'"):
        schemes.scheme_of({201}, "x", "spidr")
    with pytest.raises(InputError, match="it holds 5, 7 to 9"):
        schemes.scheme_of({0, 5, 7, 8, 9}, "x", "spider")


# ---------------------------------------------------------------------------------------------- whole discs


@pytest.mark.parametrize("level", ["L4-L5", "C5-C6"])
def test_from_mesh_to_voxels_to_mesh_keeps_the_volume(level, tmp_path):
    values, affine, ml = drawn(0.5, level=level)
    path = saved(tmp_path / "seg.nii.gz", values, affine)
    scheme = own_scheme(tmp_path, **{level.replace("-", "_"): 1})
    picture = taken_in.take_in(path, scheme=str(scheme), grade=2)
    (one,) = picture.discs
    assert one.status == taken_in.GOOD
    assert one.found.number("volume") == pytest.approx(ml, rel=0.01)
    assert one.overlap > 0.97
    for size, axis in (("ap_depth", 1), ("width", 0)):
        across = np.argwhere(values)[:, axis]
        own = 0.5 * (np.ptp(across) + 1)
        assert one.found.number(size) == pytest.approx(own, abs=1.5)  # three voxels: ours is a mean over the height


def test_a_disc_is_the_same_however_the_person_lay(tmp_path):
    """Turned by 25 degrees about each axis, with noise of rounding only."""
    values, affine, ml = drawn(0.7)
    scheme = str(own_scheme(tmp_path, L4_L5=1))
    from scipy.spatial.transform import Rotation

    straight = taken_in.take_in(saved(tmp_path / "a.nii", values, affine), scheme=scheme).discs[0].found
    turn = np.eye(4)
    turn[:3, :3] = Rotation.from_euler("xyz", [25, 10, -15], degrees=True).as_matrix()
    leaning = taken_in.take_in(saved(tmp_path / "b.nii", values, turn @ affine), scheme=scheme).discs[0].found
    for name in ("volume", "ap_depth", "width", "mid_height"):
        assert leaning.number(name) == pytest.approx(straight.number(name), rel=0.01)
    assert straight.number("volume") == pytest.approx(ml, rel=0.015)


@needs_data
@pytest.mark.parametrize(("place", "size"), [(1, (36.2, 51.1, 13.6, 16.1)), (2, (35.5, 48.9, 12.8, 12.9))])
def test_published_whole_discs_fit(place, size):
    picture = taken_in.take_in(TPTBOX, scheme="tptbox", disc=place, level="L4-L5")
    (one,) = picture.discs
    depth, width, height, ml = size
    assert one.found.number("volume") == pytest.approx(ml, rel=0.03)
    assert one.overlap >= 0.93
    assert max(one.found.number("distance_mean", own) for own in (True, False)) < 0.6
    assert one.found.number("worst_jacobian") > 0
    assert one.found.number("ap_depth") == pytest.approx(depth, abs=1.5)  # a voxel
    assert one.found.number("width") == pytest.approx(width, abs=1.6)
    own = one.found.number("mid_height", False)  # a box around a bowed or leaning disc is higher than its middle
    assert one.found.number("mid_height") == pytest.approx(own, abs=1.5)
    assert max(own, one.found.number("mid_height")) < height
    voxels = one.disc.mask.places(np.argwhere(one.disc.mask.values))
    along = np.linalg.svd(voxels - voxels.mean(0), full_matrices=False)[2]
    assert np.ptp(voxels @ along.T, axis=0) == pytest.approx([width, depth, height], abs=0.06)  # as they were tabled
    assert one.found.endplates == "without"
    if place == 1:  # a second mask of the same disc, with labels that say no number
        twin = taken_in.take_in(SUBREGIONS, disc=1, level="L4-L5")
        assert twin.discs[0].found.number("volume") == pytest.approx(one.found.number("volume"), rel=1e-6)
        assert "proven by its labels" in twin.said[0]


@needs_data
def test_a_level_that_labels_do_not_say_is_asked_for():
    with pytest.raises(InputError, match="choose one with --disc"):
        taken_in.take_in(TPTBOX, scheme="tptbox", level="L4-L5")
    with pytest.raises(InputError, match="say its --level"):
        taken_in.take_in(TPTBOX, scheme="tptbox", disc=1)
    with pytest.raises(InputError, match="say --scheme"):
        taken_in.take_in(TPTBOX)


# ---------------------------------------------------------------------------------------------- parts of discs


def test_specks_are_left_out_and_said(tmp_path):
    values, affine, ml = drawn(0.7)
    values[1, 1, 1] = 1
    picture = taken_in.take_in(saved(tmp_path / "a.nii", values, affine), scheme=str(own_scheme(tmp_path, L4_L5=1)))
    assert "1 voxels of label 1" in picture.discs[0].disc.said[0]
    assert picture.discs[0].found.number("volume") == pytest.approx(ml, rel=0.015)


@pytest.mark.parametrize(("axis", "end", "where"), [(2, 0, "lower end"), (1, -1, "front"), (0, 0, "left")])
def test_a_disc_cut_by_the_edge_of_the_field_is_refused(axis, end, where, tmp_path):
    values, affine, _ = drawn(0.7)
    middle = values.shape[axis] // 2
    part = values.take(range(middle, values.shape[axis]) if end == 0 else range(middle), axis)
    with pytest.raises(InputError, match=f"cut by the edge of the picture .{where}"):
        taken_in.take_in(saved(tmp_path / "a.nii", part, affine), scheme=str(own_scheme(tmp_path, L4_L5=1)))


def test_slices_about_the_midline_measure_what_the_whole_has(tmp_path):
    values, affine, _ = drawn(0.5, grade=3)
    middle, scheme = values.shape[0] // 2, str(own_scheme(tmp_path, L4_L5=1))
    whole = taken_in.take_in(saved(tmp_path / "a.nii", values, affine), scheme=scheme).discs[0]
    part = affine.copy()
    part[:3, 3] += affine[:3, 0] * (middle - 18)
    picture = taken_in.take_in(saved(tmp_path / "b.nii", values[middle - 18 : middle + 18], part), scheme=scheme)
    (one,) = picture.discs
    assert one.status == taken_in.MEASURED
    assert one.measured.span == pytest.approx(18)
    assert one.measured.ap_depth[0] == pytest.approx(whole.found.number("ap_depth"), abs=1)
    assert one.measured.mid_height[0] == pytest.approx(whole.found.number("mid_height"), abs=0.5)
    rows, own = evidence.dimensions("L4-L5", "any", 3), one.case.resolved().dimensions()
    wide = one.measured.ap_depth[0] * rows["width"].value / rows["ap_depth"].value
    assert own["width"] * 1e3 == pytest.approx(wide, rel=5e-3)
    assert own["ap_depth"] * 1e3 == pytest.approx(one.measured.ap_depth[0], rel=0.01)
    within = 2 * rows["endplate_thickness_centre"].value
    assert own["mid_height"] * 1e3 == pytest.approx(one.measured.mid_height[0] - within, rel=0.01)
    known = partial.known(one.case, one.measured, "with")
    for span in known:
        assert span.low < span.value < span.high
    assert known.width.low < whole.found.number("width") < known.width.high
    assert "So far it is known" in " ".join(taken_in.told(one))


@needs_data
def test_published_stacks_are_measured_and_their_collapsed_disc_is_found_low():
    picture = taken_in.take_in(
        DATA / "mri_spider" / "78_t2_SPACE_midstack_seg.nii.gz",
        image=DATA / "mri_spider" / "78_t2_SPACE_midstack_T2.nii.gz",
    )
    by_level = {one.level: one for one in picture.discs}
    assert list(by_level)[:5] == ["L5-S1", "L4-L5", "L3-L4", "L2-L3", "L1-L2"]
    assert by_level["L5-S1"].measured.mid_height[0] < 4 < 8 < by_level["L4-L5"].measured.mid_height[0]
    assert "is thoracic" in by_level["T11-T12"].status
    assert by_level["T11-T12"].case is None
    assert by_level["T11-T12"].measured is not None
    low = by_level["L5-S1"]
    assert low.measured.mean_height[0] == pytest.approx(3.1, abs=0.3)  # as the data's own table has it: area over depth
    assert low.measured.mid_height[0] == pytest.approx(2.3, abs=0.2)  # in the middle it is lower than that
    assert float(low.case.resolved().disc.form.thickness(np.zeros(1), np.zeros(1))[0]) > 0
    said = " ".join(taken_in.told(low))
    assert "It has collapsed" in said
    assert "(0 to" in said
    assert "collapsed" not in " ".join(taken_in.told(by_level["L4-L5"]))
    assert "central sagittal slices" in " ".join(picture.said)


def test_a_wrong_header_and_a_wrong_order_are_said(tmp_path):
    values, affine, _ = drawn(0.7)
    scheme = str(own_scheme(tmp_path, L4_L5=1, L3_L4=2))
    long = affine @ np.diag([10, 10, 10, 1.0])
    with pytest.raises(InputError, match="mm deep, and discs of that level"):
        taken_in.take_in(saved(tmp_path / "a.nii", values, long), scheme=scheme)
    two = np.concatenate([values, values * 2], 2)  # 2, called L3-L4, lies above
    assert [one.level for one in taken_in.take_in(saved(tmp_path / "b.nii", two, affine), scheme=scheme).discs] == [
        "L4-L5",
        "L3-L4",
    ]
    with pytest.raises(InputError, match="as in no spine"):
        taken_in.take_in(saved(tmp_path / "c.nii", np.flip(two, 2), affine), scheme=scheme)


def test_too_few_slices_measure_nothing(tmp_path):
    values, affine, _ = drawn(0.7)
    one = masks.discs(
        volume.Volume("x", values[30:32].astype(int), affine), schemes.from_file(own_scheme(tmp_path, L4_L5=1))
    )[0]
    with pytest.raises(InputError, match="needed; give the whole stack"):
        slab.measured(one, "x")


# ---------------------------------------------------------------------------------------------- read-outs


@given(st.floats(30, 250), st.floats(60, 250), st.floats(0.6, 1.0), st.floats(1000, 3000))
def test_t2_comes_back_from_the_signal_that_it_makes(t2, echo, density, fluid):
    ratio = density * np.exp(-echo / t2) / np.exp(-echo / fluid)
    assert scanner.relaxation(ratio, echo, density, fluid) == pytest.approx(t2, rel=1e-6)


def test_brighter_is_younger_and_collapsed_is_five():
    means = []
    for ratio in (0.05, 0.1, 0.2, 0.3, 0.45):
        chances = scanner.graded(ratio, 1.0, 110)
        assert sum(chances.values()) == pytest.approx(1)
        means.append(sum(grade * chance for grade, chance in chances.items()))
    assert np.all(np.diff(means) < 0)
    assert scanner.graded(0.3, 0.3)[5] > 0.99 > 0.01 > scanner.graded(0.3, 1.0)[5]
    known, unknown = scanner.graded(0.2, 1.0, 110), scanner.graded(0.2, 1.0)
    assert max(unknown.values()) < max(known.values())  # an echo time that is not known widens what is said


@pytest.mark.parametrize("grade", [1, 2, 3, 4])
def test_a_painted_disc_is_read_as_it_was_painted(grade, tmp_path):
    values, affine, _ = drawn(0.8)
    labels = np.pad(values, ((0, 0), (40, 0), (0, 0)))
    labels[labels.shape[0] // 2 - 8 : labels.shape[0] // 2 + 8, 5:20] = 2
    affine[1, 3] -= 40 * 0.8
    echo = 110.0
    t2 = evidence.used(f"nucleus_t2_grade{grade}").value
    density, fluid = (evidence.used(name).value for name in ("nucleus_proton_density", "csf_t2"))
    image = np.where(labels == 1, density * np.exp(-echo / t2), np.where(labels == 2, np.exp(-echo / fluid), 0.1))
    noise = np.random.default_rng(grade).normal(0, 0.01, image.shape)
    scheme = tmp_path / "labels.toml"
    scheme.write_text('endplates = "with"\n[discs]\n"L4-L5" = 1\n[others]\ncanal = 2\n')
    picture = taken_in.take_in(
        saved(tmp_path / "seg.nii", labels, affine),
        scheme=str(scheme),
        image=saved(tmp_path / "t2.nii", (1000 * (image + noise)).astype(np.float32), affine),
        echo=echo,
    )
    (one,) = picture.discs
    assert one.read.t2 == pytest.approx(t2, rel=0.1)
    assert one.read.grade == one.case.disc.grade == grade
    assert one.read.low <= grade <= one.read.high


def test_without_fluid_or_picture_no_grade_is_read(tmp_path):
    values, affine, _ = drawn(0.8)
    path, scheme = saved(tmp_path / "a.nii", values, affine), str(own_scheme(tmp_path, L4_L5=1))
    (one,) = taken_in.take_in(path, scheme=scheme).discs
    assert (one.read.grade, one.case.disc.grade) == (0, 3)
    assert one.read.height_index > 0.2
    (one,) = taken_in.take_in(path, scheme=scheme, image=saved(tmp_path / "b.nii", values * 9, affine)).discs
    assert "no label for the canal" in one.read.said


def agreement(given: list[int], read: list[int]) -> tuple[float, float]:
    """Quadratically weighted kappa, and share within one grade."""
    seen = np.zeros((5, 5))
    np.add.at(seen, (np.array(given) - 1, np.array(read) - 1), 1)
    weight = np.subtract.outer(np.arange(5), np.arange(5)) ** 2
    chance = np.outer(seen.sum(1), seen.sum(0)) / seen.sum()
    return 1 - (weight * seen).sum() / (weight * chance).sum(), float(seen[weight <= 1].sum() / seen.sum())


@needs_data
@pytest.mark.parametrize(("echo", "kappa", "near", "held"), [(200, 0.92, 1.0, 14), (None, 0.39, 0.4, 15)])
def test_graded_discs_are_put_in_the_radiologists_order(echo, kappa, near, held):
    """An echo time that was chosen after looking, and none: what is told of the rule is what it does."""
    with (DATA / "mri_spider" / "radiological_gradings.csv").open() as stream:
        grades = {(row["Patient"], row["IVD label"]): int(row["Pfirrman grade"]) for row in csv.DictReader(stream)}
    given, reads = [], []
    for patient in ("41", "78"):
        base = DATA / "mri_spider" / f"{patient}_t2_SPACE_midstack"
        picture = taken_in.take_in(f"{base}_seg.nii.gz", image=f"{base}_T2.nii.gz", echo=echo)
        assert evidence.statement("grades_of_pictures").text in picture.said
        given += [grades[patient, str(one.place)] for one in picture.discs]
        reads += [one.read for one in picture.discs]
    assert len(given) == 15
    found = agreement(given, [read.grade for read in reads])
    assert found == (pytest.approx(kappa, abs=0.006), pytest.approx(near))
    assert sum(read.low <= grade <= read.high for grade, read in zip(given, reads, strict=True)) == held
    if echo is None:
        said = evidence.statement("grades_of_pictures").text
        assert f"it has {kappa} and {100 * near:.0f} % where the echo time is not known" in said
        assert f"hold {held} of 15" in said


# ---------------------------------------------------------------------------------------------- the command


def test_the_command_leaves_cases_that_can_be_read(tmp_path):
    values, affine, _ = drawn(0.8)
    path = saved(tmp_path / "seg.nii.gz", np.concatenate([values, values * 2], 2), affine)
    image = saved(
        tmp_path / "t2.nii.gz", np.random.default_rng(0).random((*values.shape[:2], 2 * values.shape[2])), affine
    )
    asked = ["disc", "from-mask", str(path), "--scheme", str(own_scheme(tmp_path, L4_L5=1, L3_L4=2)), "--grade", "4"]
    done = RUN.invoke(app, [*asked, "--image", str(image), "--out", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    for level in ("L4-L5", "L3-L4"):
        case = read_case(tmp_path / "out" / level / "case.toml")
        assert (case.disc.level, case.disc.grade) == (level, 4)
        assert case.disc.form is not None
        assert (tmp_path / "out" / level / "fit.png").stat().st_size > 10_000
    rows = (tmp_path / "out" / "discs.csv").read_text().splitlines()
    assert len(rows) == 3
    alone = RUN.invoke(app, [*asked, "--level", "L3-L4", "--out", str(tmp_path / "one")])
    assert alone.exit_code == 0
    assert [p.name for p in (tmp_path / "one").iterdir() if p.is_dir()] == ["L3-L4"]
    treated = RUN.invoke(
        app,
        [
            *asked,
            "--treat",
            "Inject 6e6 MPC in 2 mL saline at month 0",
            "--level",
            "L4-L5",
            "--out",
            str(tmp_path / "t"),
        ],
    )
    assert treated.exit_code == 0
    assert read_case(tmp_path / "t" / "L4-L5" / "case.toml").treatments[0].dose == 6e6
    small = saved(tmp_path / "small.nii.gz", np.ones((3, 3, 3)), affine)
    other = RUN.invoke(app, [*asked, "--image", str(small), "--out", str(tmp_path / "two")])
    assert other.exit_code == 2
    assert not (tmp_path / "two").exists()
    wrong = RUN.invoke(app, [*asked, "--treat", "Inject hope", "--out", str(tmp_path / "two")])
    assert wrong.exit_code == 2
    assert not (tmp_path / "two").exists()


def test_from_mask_to_reports_in_one_command(tmp_path):
    """Two discs, a canal and a picture: one batch, a report each with the picture in it, and a page over both."""
    values, affine, _ = drawn(0.8)
    labels = np.pad(np.concatenate([values, values * 2], 2), ((0, 0), (30, 0), (0, 0)))
    labels[labels.shape[0] // 2 - 6 : labels.shape[0] // 2 + 6, 5:15] = 3
    affine[1, 3] -= 30 * 0.8
    image = np.select([labels == 3, labels > 0], [250.0, 90.0], 30.0)
    scheme = tmp_path / "labels.toml"
    scheme.write_text('endplates = "with"\n[discs]\n"L4-L5" = 1\n"L3-L4" = 2\n[others]\ncanal = 3\n')
    asked = ["disc", "from-mask", str(saved(tmp_path / "seg.nii.gz", labels, affine)), "--scheme", str(scheme)]
    asked += ["--image", str(saved(tmp_path / "t2.nii.gz", image, affine)), "--out", str(tmp_path / "out")]
    done = RUN.invoke(app, [*asked, "--run", "--years", "1 month", "--mesh", "cohort", "--no-loads", "--quiet"])
    assert done.exit_code == 0, done.output
    page = (tmp_path / "out" / "spine.html").read_text("utf-8")
    for level in ("L4-L5", "L3-L4"):
        results = tmp_path / "out" / level / "results"
        report = (results / "report.html").read_text("utf-8")
        assert "seg.nii.gz" in report
        assert "What a scanner would see" in report
        assert "nucleus over fluid" in report
        assert (results / "summary.csv").stat().st_size > 100
        assert (results / "figures" / "t2_weighted.png").stat().st_size > 10_000
        assert (results / "slice.png").read_bytes() == (tmp_path / "out" / level / "slice.png").read_bytes()
        case = read_case(results / "case.toml")
        assert case.picture.signal == pytest.approx(90 / 250, rel=1e-3)
        assert case.picture.slice == str(results / "slice.png")
        assert f'href="{level}/results/report.html"' in page
    again = RUN.invoke(app, [*asked, "--run", "--years", "1 month", "--mesh", "cohort", "--no-loads", "--resume"])
    assert again.exit_code == 0, again.output
    assert "nothing was left to resume" in again.output
    late = RUN.invoke(app, [*asked[:-1], str(tmp_path / "late"), "--run", "--years", "never"])
    assert late.exit_code == 2
    assert not (tmp_path / "late").exists()


@pytest.mark.parametrize("out", [-1.0, 0.0, 2.5])
def test_a_bulge_comes_back_as_it_was_painted(out, tmp_path):
    """Boxes: a disc that reaches so many mm behind its vertebrae, whose arches lie behind the canal, leaning or not."""
    step = 0.5
    labels = np.zeros((24, 160, 120), np.uint8)  # 1 disc, 2 bone; y from 20 mm behind to 60 in front
    labels[:, 40 - round(out / step) : 110, 50:70] = 1
    labels[:, 40:110, 20:50] = labels[:, 40:110, 70:100] = 2
    labels[:, 5:15, 20:100] = 2
    scheme = schemes.Scheme("own", {1: "L4-L5"}, {"vertebra": (2,)}, "with")
    for lean in (0.0, 20.0):
        affine = np.diag([1.0, step, step, 1.0])
        turn = np.eye(4)
        c, s = np.cos(np.radians(lean)), np.sin(np.radians(lean))
        turn[1:3, 1:3] = [[c, -s], [s, c]]
        seen = volume.Volume("x", labels, turn @ affine)
        (disc,) = masks.discs(seen, scheme)
        read = readout.read_out(disc, slab.measured(disc, "x"), seen, scheme, None, 1.0)
        assert read.bulge == (pytest.approx(out, abs=step), pytest.approx(0, abs=step))
    bare = schemes.Scheme("own", {1: "L4-L5"}, {}, "with")
    assert np.isnan(readout.read_out(disc, slab.measured(disc, "x"), seen, bare, None, 1.0).bulge).all()
