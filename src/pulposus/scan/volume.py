"""Pictures in three dimensions: numbers on a grid, and where the grid lies in the body.

What: NIfTI, MHA and MHD, and a folder with one DICOM series, as a grid whose axes run to the right, to the front and up
as nearly as turning it by right angles can make them, with the matrix that leads from the grid to places in mm.
Why nothing else is read: names, dates and numbers of a person stand in DICOM headers, and often in the name of the
folder; only pixels and geometry are taken, so that what is written afterwards cannot hold them.
Orientation is never guessed: a file that does not say it, or says two, is refused.
Errors: whatever the file holds, a mistake is an `InputError` of one sentence.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pulposus.errors import InputError, nearest

SERIES = "DICOM series"  # what one is called, whatever its folder is called
KINDS = (".nii", ".nii.gz", ".mha", ".mhd")
_MOST = 5e8  # maths: voxels; more is no picture of a spine, and would not fit into memory
_THINNEST, _THICKEST = 0.05, 20.0  # maths: mm between voxels of a picture of a body
_SQUARE = 0.02  # maths: cosine between axes of a grid that is not sheared
_ONE_FRAME = 0.02  # maths: of a voxel's side, by which the two frames of one header may differ: rounding
_HEAD = 65536  # maths: bytes at the start of a file within which its header in words lies
_MARK = 128  # maths: bytes before the mark of a DICOM file
_CLASS, _SPACING, _FRAME = "0008|0016", "0028|0030", ("0020|0032", "0020|0037")  # tags of DICOM
# MR and CT whose slices are in one file
_ENHANCED = ("1.2.840.10008.5.1.4.1.1.4.1", "1.2.840.10008.5.1.4.1.1.2.1")
_EVEN = 0.05  # maths: of the way between slices, by which it may differ: headers are rounded
_TERMINAL = 2  # maths: the number that the system gives to what is written to a terminal as an error
_SAME = 0.01  # maths: of a voxel, by which two grids may lie apart and be one
_WHOLE = 1e-3  # maths: how near to whole numbers labels are


@dataclass(frozen=True)
class Volume:
    """A picture: values (i, j, k), and the matrix (4, 4) from (i, j, k, 1) to mm (to the right, the front, up)."""

    name: str
    values: np.ndarray
    affine: np.ndarray

    @property
    def spacing(self) -> np.ndarray:
        """Distance between voxels along each axis, mm."""
        return np.linalg.norm(self.affine[:3, :3], axis=0)

    @property
    def voxel(self) -> float:
        """Volume of a voxel, mm^3."""
        return float(abs(np.linalg.det(self.affine[:3, :3])))

    def places(self, index: np.ndarray) -> np.ndarray:
        """Places in mm of grid indices (..., 3)."""
        return index @ self.affine[:3, :3].T + self.affine[:3, 3]

    def cut(self, low: np.ndarray, high: np.ndarray) -> Volume:
        """The part of the grid from index `low` up to, without, `high`."""
        moved = self.affine.copy()
        moved[:3, 3] = self.places(low)
        return Volume(self.name, self.values[tuple(slice(a, b) for a, b in zip(low, high, strict=True))], moved)

    def matches(self, other: Volume) -> bool:
        """Whether two pictures have one grid at one place, to a hundredth of a voxel."""
        ends = np.array([[0, 0, 0], self.values.shape])
        apart = np.abs(self.places(ends) - other.places(ends)).max()
        return self.values.shape == other.values.shape and float(apart) < _SAME * self.spacing.min()


def read(path: str | Path) -> Volume:
    """The picture in a file or in a folder of DICOM files. Raises InputError, one sentence, for what is none."""
    path = Path(path)
    kind = next((kind for kind in sorted(KINDS, key=len, reverse=True) if path.name.lower().endswith(kind)), "")
    if not path.exists():
        beside = path.parent.iterdir() if path.parent.is_dir() else []
        near = nearest(path.name, [p.name for p in beside if p.name.lower().endswith(KINDS)])
        raise InputError(f"There is no picture {str(path)!r}{near}; give the path of one.")
    if not path.is_dir() and not kind:
        raise InputError(
            f"{path.name!r} is none of {', '.join(KINDS)}, and no folder of DICOM files; export it as NIfTI."
        )
    with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()), _hushed():
        warnings.simplefilter("ignore")
        values, affine = (_nifti if kind.startswith(".nii") else _by_itk)(path)
    name = SERIES if path.is_dir() else path.name
    return _upright(name, *_checked(name, values, affine))


@contextlib.contextmanager
def _hushed() -> Iterator[None]:
    """What libraries in C write past Python to the terminal goes nowhere: each mistake is one sentence of ours."""
    try:
        kept = os.dup(_TERMINAL)
    except OSError:  # there is none
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, _TERMINAL)
        yield
    finally:
        os.dup2(kept, _TERMINAL)
        os.close(kept)
        os.close(nowhere)


def labels(volume: Volume) -> Volume:
    """A picture as one of labels: whole numbers from 0. Raises InputError where it is none."""
    values = volume.values
    if not np.issubdtype(values.dtype, np.integer):
        if not np.isfinite(values).all():
            raise InputError(
                f"{volume.name!r} holds values that are no numbers (NaN or infinite), which no mask of labels has; "
                "save the segmentation again."
            )
        whole = np.rint(values)
        if np.abs(values - whole).max() > _WHOLE:
            raise InputError(
                f"{volume.name!r} holds values between whole numbers, so it is a picture and no mask of labels; "
                "give the segmentation here and the picture to --image."
            )
        values = whole.astype(np.int64)
    if values.min() < 0:
        raise InputError(f"{volume.name!r} holds negative labels ({values.min()}); save the segmentation again.")
    if not values.any():
        raise InputError(f"{volume.name!r} holds no label at all, only zeros; save the segmentation again.")
    return Volume(volume.name, values, volume.affine)


# ---------------------------------------------------------------------------------------------- files


def library(name: str) -> Any:
    """A library of the extra `images`. Raises InputError, with what to install, where it is missing."""
    import importlib

    try:
        return importlib.import_module(name)
    except ImportError:
        said = "Pictures are read by libraries that are not installed"
        raise InputError(f"{said}; run: pip install 'pulposus[images]'") from None


def _nifti(path: Path) -> tuple[np.ndarray, np.ndarray]:
    nibabel = library("nibabel")
    logging.getLogger("nibabel.global").setLevel(logging.CRITICAL)
    try:
        image = nibabel.load(path)
        shape = image.shape
        _refuse_shape(path.name, shape)
        values = np.asanyarray(image.dataobj)
        affine = np.asarray(image.affine, float)
        _refuse_frame(path.name, image.header)
        unit = image.header.get_xyzt_units()[0]
    except InputError:
        raise
    except Exception as problem:  # a damaged file fails anywhere inside the library
        raise _damaged(path, problem) from None
    scale = {"meter": 1e3, "micron": 1e-3}.get(unit, 1.0)  # maths: lengths in mm
    return values, np.diag([scale, scale, scale, 1.0]) @ affine


def _refuse_frame(name: str, header: Any) -> None:
    """Raise InputError for a header that says no orientation, for which the library takes one, or says two."""
    said = [frame for which in ("sform", "qform") if (frame := _frame(header, which)) is not None]
    if not said:
        raise InputError(
            f"The header of {name!r} does not say where right, front and up are (its sform and qform have code 0); "
            "export it again with its orientation."
        )
    if len(said) == 2:
        sides = np.linalg.norm(said[0][:3, :3], axis=0)
        if not np.abs((said[0] - said[1])[:3, :3] / np.maximum(sides, np.finfo(float).tiny)).max() <= _ONE_FRAME:
            raise InputError(
                f"The header of {name!r} says two orientations that differ (its sform and its qform), and one would be "
                "a guess; export it again with one."
            )


def _frame(header: Any, which: str) -> np.ndarray | None:
    """One of the two frames of a header; None where its code says that nobody wrote it."""
    frame = getattr(header, f"get_{which}")(coded=True)[0]
    return None if frame is None else np.asarray(frame, float)


def _refuse_wordless(path: Path) -> None:
    """The same of a header in words (MHA, MHD), and for one without spacing, which would be taken as 1 mm."""
    with path.open("rb") as stream:
        head = stream.read(_HEAD).split(b"ElementDataFile")[0]
    keys = {line.split(b"=")[0].strip() for line in head.splitlines()}
    if not keys & {b"TransformMatrix", b"Rotation", b"Orientation"}:
        raise InputError(
            f"The header of {path.name!r} does not say where right, front and up are (it has no TransformMatrix); "
            "export it again with its orientation."
        )
    if not keys & {b"ElementSpacing", b"ElementSize"}:
        raise InputError(f"The header of {path.name!r} does not say how large voxels are; export it again.")


def _by_itk(path: Path) -> tuple[np.ndarray, np.ndarray]:
    itk = library("SimpleITK")
    itk.ProcessObject.SetGlobalWarningDisplay(False)
    try:
        reader = itk.ImageFileReader()
        if path.is_dir():
            reader, files = itk.ImageSeriesReader(), _series(itk, path)
            reader.SetFileNames(files)
            heads = [_head(itk, file) for file in files]
            for head in heads:
                _refuse_silent(head)
            _refuse_gaps(heads)
        else:
            reader.SetFileName(str(path))
            reader.ReadImageInformation()
            _refuse_shape(path.name, reader.GetSize())
            _refuse_wordless(path)
        image = reader.Execute()
        _refuse_shape(path.name, image.GetSize() if image.GetNumberOfComponentsPerPixel() == 1 else (0, 0, 0, 0))
        values = itk.GetArrayFromImage(image).transpose()
        axes = np.asarray(image.GetDirection()).reshape(3, 3) * np.asarray(image.GetSpacing())
        origin = np.asarray(image.GetOrigin())
    except InputError:
        raise
    except Exception as problem:  # a damaged file fails anywhere inside the library
        raise _damaged(path, problem) from None
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = axes, origin
    return values, np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine  # left and posterior are positive there


def _series(itk: Any, path: Path) -> list[str]:
    """Files of the one DICOM series in a folder, in order. Raises InputError for none or several."""
    found = itk.ImageSeriesReader.GetGDCMSeriesIDs(str(path))
    if not found:
        raise InputError(f"The folder {str(path)!r} holds no DICOM series; give a folder of one series, or a file.")
    if len(found) > 1:
        raise InputError(
            f"The folder {str(path)!r} holds {len(found)} DICOM series; put the files of one into a folder of its own."
        )
    files = list(itk.ImageSeriesReader.GetGDCMSeriesFileNames(str(path), found[0]))
    lost = sum(_is_dicom(each) for each in path.iterdir()) - sum(_is_dicom(Path(file)) for file in files)
    if lost > 0:
        raise InputError(
            f"Of the {SERIES} {lost} of {lost + len(files)} files cannot be read, and the rest would be another "
            "picture; export the whole series again."
        )
    return files


def _is_dicom(path: Path) -> bool:
    """True for a file that says it is DICOM, by its ending or its mark; the index of a disk is none of its slices."""
    if not path.is_file() or path.name.upper() == "DICOMDIR":
        return False
    with path.open("rb") as stream:
        return path.suffix.lower() == ".dcm" or stream.read(_MARK + 4)[_MARK:] == b"DICM"


def _head(itk: Any, file: str) -> Any:
    """The header of one file of a series."""
    head = itk.ImageFileReader()
    head.SetFileName(file)
    head.ReadImageInformation()
    return head


def _refuse_silent(head: Any) -> None:
    """Raise InputError for a slice that does not say where it lies or how wide its voxels are: the library would make
    something up. Where many slices are in one file these stand deeper in it, and the library reads them there.
    """
    if head.HasMetaDataKey(_CLASS) and head.GetMetaData(_CLASS).strip(" \0") in _ENHANCED:
        return
    if not all(head.HasMetaDataKey(key) for key in _FRAME):
        raise InputError(
            f"The {SERIES} does not say where right, front and up are (a slice has no position or no orientation of "
            "the patient); export it again with its orientation."
        )
    if not head.HasMetaDataKey(_SPACING):
        raise InputError(f"The {SERIES} does not say how large voxels are (no PixelSpacing); export it again.")


def _refuse_gaps(heads: list[Any]) -> None:
    """Raise InputError for a series whose slices do not lie evenly one behind the other: the library would close up."""
    if len(heads) < 2:
        return
    origins = np.array([head.GetOrigin() for head in heads])
    turns = [np.array(head.GetDirection()).reshape(3, 3) for head in heads]
    turn = turns[0]
    if max(np.abs(other - turn).max() for other in turns) > _SQUARE:
        raise InputError(f"The slices of the {SERIES} do not lie side by side; give the files of one stack.")
    steps = np.diff(origins, axis=0) @ turn
    along = np.abs(steps[:, 2])
    if np.ptp(steps[:, 2]) > _EVEN * along.max():
        raise InputError(
            f"The slices of the {SERIES} lie {along.min():.3g} to {along.max():.3g} mm apart, so some are missing, or "
            "stand twice; export the whole series again."
        )
    if np.abs(steps[:, :2]).max() > _EVEN * along.max():
        raise InputError(f"The grid of the {SERIES} is sheared; resample it onto a rectangular one.")


def _damaged(path: Path, problem: Exception) -> InputError:
    shut = isinstance(problem, PermissionError)
    kind = "has no permission to be read" if shut else "is damaged, cut off or no picture"
    return InputError(f"{path.name!r} {kind}; save it again.")


# ---------------------------------------------------------------------------------------------- checks


def _refuse_shape(name: str, shape: Any) -> None:
    if len(shape) > 3 and all(n == 1 for n in shape[3:]):
        shape = shape[:3]
    if len(shape) != 3:
        what = "holds several pictures or colours" if len(shape) > 3 else f"has {len(shape)} dimensions"
        raise InputError(f"{name!r} {what}, and one picture in three dimensions is read; save that one alone.")
    if min(shape) < 1 or float(np.prod([float(n) for n in shape])) > _MOST:
        raise InputError(f"{name!r} is {' x '.join(map(str, shape))} voxels, which is no picture of a spine; check it.")


def _checked(name: str, values: np.ndarray, affine: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    values = values.reshape(values.shape[:3])
    if values.dtype.kind not in "iuf" or values.dtype.names:
        raise InputError(f"{name!r} holds values of type {values.dtype.name}, and numbers are read; save it again.")
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) == 0:
        raise InputError(f"The header of {name!r} does not say where in space it lies; export it again.")
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    told = " x ".join(f"{s:.3g}" for s in spacing)
    if spacing.min() < _THINNEST or spacing.max() > _THICKEST:
        raise InputError(
            f"The header of {name!r} says voxels of {told} mm, and {_THINNEST:g} to {_THICKEST:g} mm are usual; mend "
            "its spacing."
        )
    axes = affine[:3, :3] / spacing
    if np.abs(axes.T @ axes - np.eye(3)).max() > _SQUARE:
        raise InputError(f"The grid of {name!r} is sheared; resample it onto a rectangular one.")
    return values, affine


def _upright(name: str, values: np.ndarray, affine: np.ndarray) -> Volume:
    """The grid turned by right angles so that its axes run to the right, front and up."""
    from scipy.optimize import linear_sum_assignment

    order = linear_sum_assignment(-np.abs(affine[:3, :3]))[1]
    values, affine = values.transpose(order), affine.copy()
    affine[:, :3] = affine[:, order]
    for axis in range(3):
        if affine[axis, axis] < 0:
            affine[:, 3] += affine[:, axis] * (values.shape[axis] - 1)
            affine[:, axis] *= -1
            values = np.flip(values, axis)
    return Volume(name, np.ascontiguousarray(values), affine)
