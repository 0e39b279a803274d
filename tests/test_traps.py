"""Traps that real files hold: each gives a sentence, or the right disc; and the nucleus that a picture shows."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from test_scan import drawn, own_scheme, saved
from typer.testing import CliRunner

from pulposus.cli import app
from pulposus.disc import mesh
from pulposus.errors import InputError
from pulposus.exchange import mask as taken_in
from pulposus.scan import masks, nucleus, schemes, volume
from pulposus.surface import reading

DATA = Path(os.environ.get("PULPOSUS_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
TPTBOX = DATA / "mri_tptbox"
SPIDER = DATA / "mri_spider"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"no published pictures in {DATA}; set PULPOSUS_DATA")
RUN = CliRunner()


@pytest.mark.parametrize(
    ("scale", "words"),
    [
        ((10, 10, 10), "mm deep, and discs of that level"),
        ((10, 0.1, 1), "no disc's size|mm deep|is usual|are usual"),  # lengths wrong, volume right
        ((1, 10, 0.1), "no disc's size|mm deep|is usual|are usual"),
        ((1e-3, 1e-3, 1e-3), "mend its spacing"),  # metres that do not say so
    ],
)
def test_headers_whose_spacing_is_wrong(scale: tuple[float, ...], words: str, tmp_path: Path) -> None:
    values, affine, _ = drawn(0.7)
    path = saved(tmp_path / "a.nii", values, np.diag([*scale, 1.0]) @ affine)
    with pytest.raises(InputError, match=words):
        taken_in.take_in(path, scheme=str(own_scheme(tmp_path, L4_L5=1)))


def test_metres_that_say_so_are_metres(tmp_path: Path) -> None:
    import nibabel

    values, affine, ml = drawn(0.8)
    image = nibabel.Nifti1Image(values, np.diag([1e-3, 1e-3, 1e-3, 1.0]) @ affine)
    image.header.set_xyzt_units("meter")
    nibabel.save(image, tmp_path / "a.nii")
    (one,) = taken_in.take_in(tmp_path / "a.nii", scheme=str(own_scheme(tmp_path, L4_L5=1))).discs
    assert one.found.number("volume") == pytest.approx(ml, rel=0.015)


def test_one_voxel_a_fragment_and_a_canal_are_no_discs(tmp_path: Path) -> None:
    scheme = str(own_scheme(tmp_path, L4_L5=1))
    one, tall = np.zeros((20, 20, 90), np.uint8), np.zeros((40, 40, 90), np.uint8)
    one[5, 5, 5] = 1
    fragment = one.copy()
    fragment[5:11, 5:9, 5:7] = 1
    tall[10:30, 10:30, 5:85] = 1  # as long as a canal
    for values, words in ((one, "a fragment"), (fragment, "a fragment"), (tall, "is damaged: it ends in a flat wall")):
        path = saved(tmp_path / "a.nii.gz", values, np.eye(4))
        with pytest.raises(InputError, match=words):
            taken_in.take_in(path, scheme=scheme)
        asked = RUN.invoke(app, ["disc", "from-mask", str(path), "--scheme", scheme, "--out", str(tmp_path / "out")])
        assert asked.exit_code == 2
        assert not (tmp_path / "out").exists()


def test_a_collapsed_disc_is_fitted_thin_or_refused(tmp_path: Path) -> None:
    """A plate 40 by 50 mm: at 3 mm it is a disc with 1.9 mm between its cartilages, at 1 mm there is none."""
    x, y = np.meshgrid(np.arange(-30, 30.1, 0.5), np.arange(-25, 25.1, 0.5), indexing="ij")
    plan = ((x / 25) ** 2 + (y / 20) ** 2 < 1) & (y > -16)
    for thick, fits in ((6, True), (2, False)):
        values = np.zeros((*plan.shape, 20), np.uint8)
        values[:, :, 7 : 7 + thick] = plan[..., None]
        path = saved(tmp_path / "a.nii", values, np.diag([0.5, 0.5, 0.5, 1.0]))
        scheme = str(own_scheme(tmp_path, L4_L5=1))
        if fits:
            (one,) = taken_in.take_in(path, scheme=scheme, grade=5).discs
            assert one.found.number("worst_jacobian") > 0
            assert one.found.number("volume") == pytest.approx(one.disc.volume, rel=0.03)
        else:
            with pytest.raises(InputError):
                taken_in.take_in(path, scheme=scheme, grade=5)


def test_a_level_more_or_less_and_kinds_of_segmentation_are_said(tmp_path: Path) -> None:
    said = " ".join(line for scheme in schemes.known().values() for line in scheme.said)
    assert "with a vertebra more or less every level is one off" in said
    values, affine, _ = drawn(0.8)
    path = saved(tmp_path / "a.nii", values, affine)
    told = taken_in.take_in(path, scheme=str(own_scheme(tmp_path, L4_L5=1))).said
    assert "compare volumes within one kind only" in " ".join(told)
    with pytest.raises(InputError, match="is the segmentation again"):
        taken_in.take_in(path, scheme=str(own_scheme(tmp_path, L4_L5=1)), image=path)


def test_a_lumbar_disc_is_none_of_the_neck(tmp_path: Path) -> None:
    values, affine, _ = drawn(0.8)
    with pytest.raises(InputError, match="its scheme, its level or the spacing"):
        taken_in.take_in(saved(tmp_path / "a.nii", values, affine), scheme=str(own_scheme(tmp_path, C5_C6=1)))


def test_abaqus_files_are_no_surfaces(tmp_path: Path) -> None:
    (tmp_path / "disc.inp").write_text("*Include, input=nodes.inp\n*Part, name=disc\n")
    with pytest.raises(InputError, match=r"ends in '\.inp'.*export it as STL"):
        reading.read(tmp_path / "disc.inp")


@needs_data
def test_labels_that_a_scheme_does_not_know_are_said() -> None:
    path = SPIDER / "41_t2_SPACE_midstack_seg.nii.gz"
    with pytest.raises(InputError, match=r"the canal lies in front of .*its scheme is another"):  # 100 is bone here
        taken_in.take_in(path, scheme="spider", level="L4-L5")
    (said,) = taken_in._strange(volume.labels(volume.read(path)), schemes.known()["spider"])
    assert "The scheme spider knows no labels 300" in said
    own = " ".join(taken_in.take_in(path, level="L4-L5").said)
    assert "knows no labels" not in own
    assert "central sagittal slices" in own
    assert "one off" in own
    found = masks.discs(volume.labels(volume.read(path)), schemes.known()["spider-restacked"])
    assert all(disc.slab for disc in found)  # no width, and no volume of a whole disc


@needs_data
def test_codes_that_are_counting_numbers_are_no_levels() -> None:
    """As SPINEPS' codes the example would be of the neck, with discs of 16 mL."""
    path = TPTBOX / "sub-mri_seg-vert_label-6_msk.nii.gz"
    picture = taken_in.take_in(path, scheme="spineps-vert")
    assert not any(one.case for one in picture.discs)
    assert all("its scheme, its level" in one.status for one in picture.discs)


# ---------------------------------------------------------------------------------------------- the nucleus


def painted(grade: int, bright: float, dark: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Voxels of the tabled disc, a picture of its nucleus by our mesh with noise, their matrix, and its volume, mL."""
    from discs import shape_of

    values, affine, _ = drawn(0.8, grade=grade)
    shape = shape_of("L4-L5", grade=grade)
    nodes = mesh.coordinates(mesh.sized("standard"), shape)
    theta = np.linspace(0, 2 * np.pi, 97)
    x, y = (np.asarray(c) * 1e3 for c in shape.nucleus.points(theta))
    places = np.argwhere(np.ones_like(values)) @ affine[:3, :3].T + affine[:3, 3]
    centre = float(shape.nucleus.centre) * 1e3
    angle = np.mod(np.arctan2(-places[:, 0], places[:, 1] - centre), 2 * np.pi)
    radius = np.interp(angle, theta, np.hypot(x, y - centre))
    inside = (np.hypot(places[:, 0], places[:, 1] - centre) < radius).reshape(values.shape)
    noise = np.random.default_rng(grade).normal(0, 10, values.shape)
    image = np.where(inside, bright, dark) * (values > 0) + 40.0 + noise
    ml = float(np.asarray(mesh.node_volumes(mesh.sized("standard"), nodes))[mesh.NUCLEUS].sum()) * 1e6
    return values, image, affine, ml


@pytest.mark.parametrize("grade", [1, 3])
def test_a_painted_nucleus_comes_back(grade: int, tmp_path: Path) -> None:
    values, image, affine, ml = painted(grade, 150.0, 40.0)
    picture = taken_in.take_in(
        saved(tmp_path / "a.nii", values, affine),
        scheme=str(own_scheme(tmp_path, L4_L5=1)),
        image=saved(tmp_path / "b.nii", image, affine),
    )
    (one,) = picture.discs
    assert one.found.number("nucleus_volume") == pytest.approx(ml, rel=0.10)
    assert one.found.from_regions
    assert "brighter than half way" in " ".join(taken_in.told(one))


def test_a_black_disc_keeps_published_proportions(tmp_path: Path) -> None:
    values, image, affine, _ = painted(5, 45.0, 40.0)
    (one,) = taken_in.take_in(
        saved(tmp_path / "a.nii", values, affine),
        scheme=str(own_scheme(tmp_path, L4_L5=1)),
        image=saved(tmp_path / "b.nii", image, affine),
    ).discs
    assert not one.found.from_regions
    assert "does not tell nucleus from annulus" in " ".join(taken_in.told(one))
    (disc,) = masks.discs(
        volume.Volume("x", values.astype(int), affine), schemes.Scheme("own", {1: "L4-L5"}, {}, "with")
    )
    bright = np.where(values > 0, 100.0, 0.0)
    bright[:, :, :] *= np.linspace(0.2, 1.5, values.shape[0])[:, None, None]  # a gradient of the coil is no nucleus
    with pytest.raises(InputError):
        nucleus.nucleus(disc, volume.Volume("y", bright, affine))


@needs_data
def test_published_pictures_show_a_nucleus() -> None:
    base = TPTBOX / "sub-mri_label-6_T2w.nii.gz"
    mask = TPTBOX / "sub-mri_seg-vert_label-6_msk.nii.gz"
    (one,) = taken_in.take_in(mask, scheme="tptbox", disc=1, level="L4-L5", image=base).discs
    share = one.found.number("nucleus_volume") / one.found.number("volume")
    assert 0.2 < share < 0.6
    assert one.found.number("worst_jacobian") > 0
