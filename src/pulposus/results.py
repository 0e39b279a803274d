"""The folder that a run leaves: fields, tables, case, run record, checkpoint, and meshes for ParaView.

What: `Results.create` makes the folder, a run appends times and checkpoints, `Results.open` reads what is done.
How it survives: every file is written beside its place and moved there in one step, and `run.json` names the saved
times that are complete; whatever moment a run is stopped at, what it names can be read and the last checkpoint resumed.
Fields are kept as 32-bit numbers (seven digits, for reading and drawing); checkpoints and tables are exact, 64-bit.
"""

from __future__ import annotations

import contextlib
import csv
import errno
import io
import json
import math
import os
import shutil
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pulposus.errors import InputError

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

ARMS = ("untreated", "treated")
UNFINISHED = "unfinished"
_FORMAT = 1
_RECORD = "run.json"
_HISTORY = "history.zarr"
_CASE = "case.toml"
SLICE = "slice.png"
_ENSEMBLE = ("ensemble.csv", "ensemble_draws.csv", "ensemble_bands.csv")
_LOADS = ("postures.csv", "motions.csv", "day.csv", "tears.csv")
_SECTION = "section.json"
_TABLES = ("summary.csv", "ledger.csv", "mechanisms.csv", "hypotheses.csv", *_ENSEMBLE, *_LOADS)
_PARAMETERS = "parameters_used.csv"
_LOCK = ".lock"
_CHECKPOINT = Path("checkpoint") / "state.npz"
# What a new run in an old results folder takes away: only what runs have put there.
_OURS = (
    "checkpoint",
    _HISTORY,
    *_TABLES,
    _SECTION,
    _PARAMETERS,
    _CASE,
    SLICE,
    "figures",
    "vtu",
    "report.html",
    "hypotheses.html",
)
_BROKEN = (OSError, EOFError, ValueError, KeyError, TypeError, NotImplementedError, zipfile.BadZipFile, zlib.error)
_NODE, _PLACE = ("ring", "sector", "layer"), ("arm", "time", "ring", "sector", "layer")
_STATIC: dict[str, dict[str, Any]] = {
    "x": {"units": "mm", "long_name": "x, to the right"},
    "y": {"units": "mm", "long_name": "y, anterior"},
    "tissue": {"long_name": "tissue", "flag_values": [0, 1, 2], "flag_meanings": "nucleus annulus endplate"},
    "volume": {
        "units": "mL",
        "long_name": "volume of a node at the start, shared evenly by its copies on the axis",
    },
}
_Z: dict[str, Any] = {"units": "mm", "long_name": "z, upward"}


class Results:
    """One results folder; `folder` is its path.

    Make one with `create` or `open`. Methods named ``write_...``, `append` and `checkpoint` are for the run, the others
    for the reader.
    """

    def __init__(self, folder: Path, record: dict[str, Any]) -> None:
        self.folder = folder
        self._record = record

    # ------------------------------------------------------------------------------------------ made and opened

    @classmethod
    def create(
        cls,
        folder: str | Path,
        *,
        fingerprint: str,
        info: Mapping[str, Any],
        months: Sequence[float],
        arms: Sequence[str] = ARMS,
    ) -> Results:
        """A new folder for a run whose fields will be saved at `months`; an older run in it gives way.

        fingerprint tells this case, mesh and evidence from others; info is what `run.json` says besides.
        Raises InputError, and leaves everything as it was, when the folder cannot be written or holds something else.
        """
        folder = Path(folder)
        _refuse_foreign(folder)
        record = _plain(info) | {
            "format": _FORMAT,
            "fingerprint": fingerprint,
            "arms": list(arms),
            "months": [_plain(month) for month in months],
            "times_done": [],
            "status": UNFINISHED,
        }
        text = _json(record)
        with _made(folder), placed(folder / _RECORD) as fresh:
            fresh.write_text(text, encoding="utf-8")
            for name in _OURS:
                _remove(folder / name)
        results = cls(folder, record)
        results._write_parameters()
        return results

    @classmethod
    def open(cls, folder: str | Path) -> Results:
        """The results in a folder, finished or not. Raises InputError when there are none, or when they are damaged."""
        folder = Path(folder)
        if folder.is_file():
            raise InputError(f"{_shown(folder)} is a file; give the folder that `pulposus run` has written.")
        if not (folder / _RECORD).is_file():
            raise InputError(
                f"{_shown(folder)} holds no results: no {_RECORD}; give a folder that `pulposus run` has written."
            )
        try:
            record = json.loads((folder / _RECORD).read_text("utf-8"))
            form, done, months = record["format"], record["times_done"], record["months"]
            kinds: dict[str, Any] = {
                "fingerprint": str,
                "arms": list,
                "status": (str, dict),
                "months": list,
                "times_done": list,
            }
            whole = all(isinstance(record[key], kind) for key, kind in kinds.items())
            whole = whole and all(isinstance(index, int) and 0 <= index < len(months) for index in done)
        except OSError as problem:
            raise InputError(
                f"{_shown(folder / _RECORD)} cannot be read ({_reason(problem)}); check who may read it."
            ) from problem
        except (ValueError, KeyError, TypeError) as problem:
            raise _damaged(folder, f"{_RECORD} cannot be understood") from problem
        if form != _FORMAT:
            raise InputError(
                f"{_shown(folder)} was written by another version (format {form}, not {_FORMAT}); run the case again."
            )
        if not whole:
            raise _damaged(folder, f"{_RECORD} is not what a run writes")
        return cls(folder, record)

    # ------------------------------------------------------------------------------------------ what is known

    @property
    def fingerprint(self) -> str:
        """What tells this run's case, mesh and evidence from others."""
        return str(self._record["fingerprint"])

    @property
    def months(self) -> list[float]:
        """Months at which fields are to be saved."""
        return list(self._record["months"])

    @property
    def times_done(self) -> list[int]:
        """Indices into `months` of the saved times that are complete."""
        return sorted(self._record["times_done"])

    @property
    def complete(self) -> bool:
        """True once the run has come to its end."""
        return self._record["status"] != UNFINISHED

    @property
    def static_written(self) -> bool:
        """True once coordinates are there, so that times can be appended."""
        return (self.folder / _HISTORY / "zarr.json").is_file()

    # ------------------------------------------------------------------------------------------ written by a run

    def write_static(self, **arrays: np.ndarray) -> None:
        """Coordinates x, y (mm), tissue and volume (mL), each (ring, sector, layer), and room for every time to come.

        Scalars among `arrays` (endplate_layers, nucleus_rings) become attributes of the data set.
        """
        import zarr

        from pulposus.imaging import FIELDS

        shape = arrays["x"].shape
        whole = (len(self._record["arms"]), len(self.months), *shape)
        attributes = {name: _plain(value) for name, value in arrays.items() if not np.ndim(value)}
        attributes |= {"title": str(self._record.get("title", "")), "coordinates": "month"}
        with placed(self.folder / _HISTORY) as fresh:
            group = zarr.open_group(fresh, mode="w", zarr_format=3, attributes=attributes)

            def put(name: str, dtype: str, values: Any, dims: tuple[str, ...], attrs: dict[str, Any]) -> None:
                shape = np.shape(values)
                array = group.create_array(
                    name, shape=shape, chunks=shape, dtype=dtype, dimension_names=dims, attributes=attrs
                )
                array[...] = np.asarray(values, object if dtype == "string" else dtype)

            for name, attrs in _STATIC.items():
                put(name, "int32" if name == "tissue" else "float64", arrays[name], _NODE, attrs)
            put("arm", "string", self._record["arms"], ("arm",), {})
            put("month", "float64", self.months, ("time",), {"units": "months", "long_name": "time after the start"})
            named: dict[str, dict[str, Any]] = {
                name: {"units": unit, "long_name": words} for name, (unit, words) in FIELDS.items()
            }
            for name, attrs in (named | {"z": _Z}).items():
                group.create_array(
                    name,
                    shape=whole,
                    chunks=(whole[0], 1, *shape),  # a saved time is one file a field
                    dtype="f4",
                    fill_value=math.nan,
                    dimension_names=_PLACE,
                    attributes=attrs,
                )

    def append(self, index: int, month: float, fields: Mapping[str, np.ndarray]) -> None:
        """Save one time: `fields` (arm, ring, sector, layer) by name, z too; `index`, `month` as `create` was told."""
        import zarr

        if index >= len(self.months) or self.months[index] != month:
            raise ValueError(f"month {month} is not saved time {index} of {self.months}")
        group = zarr.open_group(self.folder / _HISTORY, mode="r+")
        for name, values in fields.items():
            array = group[name]
            assert isinstance(array, zarr.Array)
            array[:, index] = np.asarray(values, "f4")
        if index not in self._record["times_done"]:
            self._record["times_done"] = sorted([*self._record["times_done"], index])
            self._write_record()

    def write_summary(self, table: pd.DataFrame) -> None:
        """The summary: one row an arm and month."""
        self._write_table("summary.csv", table)

    def write_ledger(self, table: pd.DataFrame) -> None:
        """What became of the injected cells: one row a product and month."""
        self._write_table("ledger.csv", table)

    def write_mechanisms(self, table: pd.DataFrame) -> None:
        """The ablation: one row a run."""
        self._write_table("mechanisms.csv", table)

    def write_hypotheses(self, table: pd.DataFrame) -> None:
        """What hangs on each hypothesis: one row a choice."""
        self._write_table("hypotheses.csv", table)

    def write_ensemble(self, members: pd.DataFrame, draws: pd.DataFrame, bands: pd.DataFrame) -> None:
        """Members of an ensemble (one row a member, arm and month), their numbers, and the bands of all curves."""
        for name, table in zip(_ENSEMBLE, (members, draws, bands), strict=True):
            self._write_table(name, table)

    def write_loads(self, tables: Sequence[pd.DataFrame], section: Mapping[str, Any]) -> None:
        """The disc under load: postures, motions, a day and years of tears, a row each, and its section."""
        for name, table in zip(_LOADS, tables, strict=True):
            self._write_table(name, table)
        write_text(self.folder / _SECTION, _json(section))

    def write_case(self, text: str) -> None:
        """The resolved case, as TOML."""
        write_text(self.folder / _CASE, text)

    def write_slice(self, png: bytes) -> None:
        """The slice of the picture that the disc was taken from, beside its case."""
        with placed(self.folder / SLICE) as fresh:
            fresh.write_bytes(png)

    def write_info(self, info: Mapping[str, Any]) -> None:
        """Add to what `run.json` says; a `status` in it marks the run as finished."""
        own = {key: self._record[key] for key in ("format", "fingerprint", "arms", "months", "times_done")}
        self._record = self._record | _plain(info) | own
        self._write_parameters()
        self._write_record()

    def checkpoint(self, month: float, arrays: Mapping[str, np.ndarray], rows: Sequence[Mapping[str, Any]]) -> None:
        """Keep the exact state at `month`, and the summary rows so far, in place of the checkpoint before.

        Plain columns of `rows` are written to `summary.csv` too, so that a stopped run can be read.
        """
        beside = {"month": month, "fingerprint": self.fingerprint, "rows": [_plain(row, keep_nan=True) for row in rows]}
        target = self.folder / _CHECKPOINT
        target.parent.mkdir(exist_ok=True)
        stored = {f"state_{name}": np.asarray(values) for name, values in arrays.items()}
        with placed(target) as fresh, fresh.open("wb") as stream:
            np.savez(stream, allow_pickle=False, record=np.array(json.dumps(beside)), **stored)
            stream.flush()
            os.fsync(stream.fileno())
        if rows:
            import pandas as pd

            self.write_summary(pd.DataFrame([{k: v for k, v in row.items() if np.isscalar(v)} for row in rows]))

    def load_checkpoint(self, fingerprint: str) -> tuple[float, dict[str, np.ndarray], list[dict[str, Any]]] | None:
        """Month, arrays and rows of the last checkpoint, bit for bit; None when the run was stopped before its first.

        Raises InputError when the folder belongs to another case, mesh or evidence, or when the checkpoint is damaged.
        """
        if fingerprint != self.fingerprint:
            raise InputError(
                f"{_shown(self.folder)} holds a run of another case, mesh, length, evidence or version, and resuming "
                "it would mix two discs; give the case as it was, or another folder to --out."
            )
        path = self.folder / _CHECKPOINT
        if not path.exists():
            return None
        try:
            with np.load(path, allow_pickle=False) as stored:
                beside = json.loads(str(stored["record"]))
                arrays = {name.removeprefix("state_"): stored[name] for name in stored.files if name != "record"}
                month, rows, owner = float(beside["month"]), list(beside["rows"]), beside["fingerprint"]
        except _BROKEN as problem:
            raise _damaged(self.folder, f"{_CHECKPOINT.as_posix()} cannot be read") from problem
        if owner != fingerprint:
            raise _damaged(self.folder, f"{_CHECKPOINT.as_posix()} is of another run")
        missing = [saved for index, saved in enumerate(self.months) if saved <= month and index not in self.times_done]
        if missing:
            raise _damaged(self.folder, f"the fields of month {missing[0]:g} are missing")
        self._history()  # a run can only go on where its fields are whole
        return month, arrays, rows

    def require_whole(self) -> None:
        """Raise InputError where a file that a run has written, and needs to go on or to be read, is gone."""
        if self.times_done:
            for needed in (_CASE, *(_TABLES[:2] if self.complete else [_CHECKPOINT.as_posix()])):
                if not (self.folder / needed).exists():
                    raise _damaged(self.folder, f"{needed} is missing")

    # ------------------------------------------------------------------------------------------ read

    def history(self) -> xr.Dataset:
        """Fields at the saved times that are done: dims arm, time, ring, sector, layer; coordinates arm and month.

        Raises InputError when no time is done yet or the fields are damaged.
        """
        if not self.times_done:
            raise InputError(f"{_shown(self.folder)} holds no saved time yet; let the run go on with --resume.")
        return self._history()

    def summary(self) -> pd.DataFrame:
        """One row an arm and month."""
        return self._read_table("summary.csv")

    def ledger(self) -> pd.DataFrame:
        """What became of the injected cells: one row a product and month."""
        return self._read_table("ledger.csv")

    def mechanisms(self) -> pd.DataFrame | None:
        """The ablation, or None where it was not asked for."""
        return self._read_table("mechanisms.csv") if (self.folder / "mechanisms.csv").exists() else None

    def hypotheses(self) -> pd.DataFrame | None:
        """What hangs on each hypothesis, or None where it was not asked for."""
        return self._read_table("hypotheses.csv") if (self.folder / "hypotheses.csv").exists() else None

    def ensemble(self) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame] | None:
        """Members, draws and bands of an ensemble, to the last bit; None where none was asked for."""
        if not (self.folder / _ENSEMBLE[0]).exists():
            return None
        members, draws, bands = (self._read_table(name) for name in _ENSEMBLE)
        return members, draws, bands

    def loads(self) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame, dict[str, Any]] | None:
        """The disc under load: postures, motions, a day, years of tears and the section; None where left out."""
        if not (self.folder / _SECTION).exists():
            return None
        postures, motions, day, tears = (self._read_table(name) for name in _LOADS)
        try:
            section = json.loads((self.folder / _SECTION).read_text("utf-8"))
        except _BROKEN as problem:
            raise _damaged(self.folder, _SECTION) from problem
        return postures, motions, day, tears, section

    def info(self) -> dict[str, Any]:
        """What `run.json` says: seed, versions, mesh, status, warnings, what was filled, numbers and sources used."""
        return dict(self._record)

    def case_text(self) -> str:
        """The resolved case, as TOML."""
        try:
            return (self.folder / _CASE).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as problem:
            raise self._lacking(_CASE) from problem

    # ------------------------------------------------------------------------------------------ within

    def _history(self) -> xr.Dataset:
        import xarray as xr

        try:
            with xr.open_zarr(self.folder / _HISTORY, consolidated=False, chunks=None, decode_times=False) as stored:
                done = stored.isel(time=self.times_done).load()
        except Exception as problem:  # a damaged store fails in as many ways as it has layers
            raise _damaged(self.folder, f"{_HISTORY} cannot be read") from problem
        finite = all(np.isfinite(done[name].values).all() for name in ("x", "y", "z", "volume"))
        if not finite:
            raise _damaged(self.folder, f"{_HISTORY} has lost coordinates")
        return done.assign_coords(arm=np.array([str(arm) for arm in done["arm"].values]))

    def _write_record(self) -> None:
        write_text(self.folder / _RECORD, _json(self._record))

    def _write_parameters(self) -> None:
        rows = self._record.get("parameters_used")
        if not rows:
            return
        text = io.StringIO()
        writer = csv.DictWriter(text, list(dict.fromkeys(key for row in rows for key in row)), lineterminator="\n")
        writer.writeheader()
        writer.writerows({k: "; ".join(v) if isinstance(v, list) else v for k, v in row.items()} for row in rows)
        write_text(self.folder / _PARAMETERS, text.getvalue())

    def _write_table(self, name: str, table: pd.DataFrame) -> None:
        write_text(self.folder / name, table.to_csv(index=False, lineterminator="\n"))

    def _read_table(self, name: str) -> pd.DataFrame:
        import pandas as pd

        if not (self.folder / name).is_file():
            raise self._lacking(name)
        try:
            return pd.read_csv(self.folder / name)
        except pd.errors.EmptyDataError:
            return pd.DataFrame()  # a run without treatment has an empty ledger
        except (OSError, ValueError) as problem:
            raise _damaged(self.folder, f"{name} cannot be read") from problem

    def _lacking(self, name: str) -> InputError:
        if self.complete:
            return _damaged(self.folder, f"{name} is missing")
        return InputError(f"{_shown(self.folder)} has no {name} yet: the run was stopped; let it go on with --resume.")


# ---------------------------------------------------------------------------------------------- meshes for ParaView


def write_vtu(history: xr.Dataset, folder: str | Path) -> list[Path]:
    """Write every saved time of each arm as ``<arm>_<nnn>.vtu``, and ``<arm>.pvd`` that strings them along months.

    Hexahedra, and wedges about the axis, whose nodes are one a layer; coordinates in mm; point data are all fields of
    `history`, named with their unit ("glucose [mM]"). Returns the .pvd files. Nodes are in VTK's order.
    """
    import meshio

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    nodes, cells = grid(history["x"].shape)
    fields = {name: _named(name, history[name]) for name in history.data_vars if name not in ("x", "y", "z")}
    written = []
    for arm in (str(arm) for arm in history["arm"].values):
        entries = []
        for index, month in enumerate(history["month"].values):
            now = history.sel(arm=arm).isel(time=index)
            points = np.stack([now[axis].values.ravel()[nodes] for axis in ("x", "y", "z")], 1).astype("f8")
            data = {title: _merged(name, now[name].values, nodes) for name, title in fields.items()}
            with placed(folder / f"{arm}_{index:03d}.vtu") as fresh:
                meshio.Mesh(points, cells, point_data=data).write(fresh, file_format="vtu")
            entries.append(f'    <DataSet timestep="{month:g}" part="0" file="{arm}_{index:03d}.vtu"/>')
        write_text(
            folder / f"{arm}.pvd",
            "\n".join(
                [
                    '<?xml version="1.0"?>',
                    "<!-- time in months -->",
                    '<VTKFile type="Collection" version="0.1" byte_order="LittleEndian">',
                    "  <Collection>",
                    *entries,
                    "  </Collection>",
                    "</VTKFile>\n",
                ]
            ),
        )
        written.append(folder / f"{arm}.pvd")
    return written


def grid(shape: tuple[int, ...]) -> tuple[np.ndarray, list[tuple[str, np.ndarray]]]:
    """Positions in the flat (ring, sector, layer) array of the distinct nodes, and the elements between them."""
    rings, sectors, layers = shape
    axis = np.broadcast_to(np.arange(layers), (1, sectors, layers))
    others = layers + np.arange((rings - 1) * sectors * layers).reshape(rings - 1, sectors, layers)
    number = np.concatenate([axis, others])  # of each array position, the axis copies counted once
    nodes = np.concatenate([np.arange(layers), np.arange(sectors * layers, rings * sectors * layers)])
    here, left = number, np.roll(number, -1, axis=1)
    inner, outer = (here[:-1], left[:-1]), (here[1:], left[1:])
    base = np.stack([inner[0], outer[0], outer[1], inner[1]], -1)  # counter-clockwise seen from above
    hexahedra = np.concatenate([base[1:, :, :-1], base[1:, :, 1:]], -1).reshape(-1, 8)
    corner = np.stack([inner[0][0], outer[1][0], outer[0][0]], -1)  # VTK: the first triangle of a wedge faces outward
    # maths: a wedge has six corners
    wedges = np.concatenate([corner[:, :-1], corner[:, 1:]], -1).reshape(-1, 6)
    return nodes, [("wedge", wedges), ("hexahedron", hexahedra)]


def _named(name: Any, field: xr.DataArray) -> str:
    unit = field.attrs.get("units", "1")
    return str(name) if unit == "1" else f"{name} [{unit}]"


def _merged(name: Any, values: np.ndarray, nodes: np.ndarray) -> np.ndarray:
    """A field at the distinct nodes; what the axis copies share out (volume) is summed."""
    flat = values.ravel()[nodes]
    if name == "volume":
        flat = flat.copy()
        flat[: values.shape[-1]] = values[0].sum(0)
    return flat


# ---------------------------------------------------------------------------------------------- files, all or nothing


def _refuse_foreign(folder: Path) -> None:
    """Raise InputError unless `folder` is free for a run: absent, empty, or an older run's."""
    try:
        if folder.exists() and not folder.is_dir():
            raise InputError(f"{_shown(folder)} is a file, and results need a folder; give another one to --out.")
        if folder.is_dir() and any(not path.name.startswith(".") for path in folder.iterdir()):
            Results.open(folder)
    except InputError as problem:
        if folder.is_dir():
            raise InputError(
                f"{_shown(folder)} holds something other than results; give a new or an empty folder to --out."
            ) from problem
        raise
    except OSError as problem:
        raise _unwritable(folder, problem) from problem


@contextlib.contextmanager
def claimed(folder: str | Path, *, shared: bool = False) -> Iterator[None]:
    """Keep other runs out of `folder`, which is made where it is missing; raises InputError where one is under way, and
    where it holds something other than results (unless `shared`).

    The claim ends with the process, however it ends. Where the system has no such claims, nothing is held.
    """
    folder = Path(folder)
    if not shared:
        _refuse_foreign(folder)
    try:
        import fcntl
    except ImportError:  # not a POSIX system
        yield
        return
    with _made(folder), (folder / _LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise InputError(
                f"Another run is writing to {_shown(folder)}; wait for it, or give another folder to --out."
            ) from None
        try:
            yield
        finally:
            if [path.name for path in folder.iterdir()] == [_LOCK]:  # nothing came of it
                (folder / _LOCK).unlink()


def begun(folder: str | Path, record: str, what: str, command: str) -> dict[str, Any]:
    """What stands of a stopped computation in its `record`, for --resume. Raises InputError where none was begun."""
    folder = Path(folder)
    with contextlib.suppress(OSError, ValueError):
        found = json.loads((folder / record).read_text("utf-8"))
        if isinstance(found, dict) and found:
            return found
    said = f"{_shown(folder)} holds no {what} to resume: no {record} that can be read"
    raise InputError(f"{said}; leave out --resume, or give a folder that `{command}` has written.")


@contextlib.contextmanager
def _made(folder: Path) -> Iterator[None]:
    """Make `folder` and its parents; when what follows cannot be written, take them away again and raise InputError."""
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException as problem:
        for path in made:
            with contextlib.suppress(OSError):
                path.rmdir()
        full = (errno.ENOSPC, errno.EDQUOT)  # another folder is no remedy, and what is there can be gone on with
        if isinstance(problem, OSError) and problem.errno not in full:
            raise _unwritable(folder, problem) from problem
        raise


@contextlib.contextmanager
def placed(target: Path) -> Iterator[Path]:
    """A path beside `target`, file or folder, to write to: it takes the target's place if all is well, or goes."""
    fresh = target.with_name(f".{target.name}.{os.getpid()}.new")
    try:
        yield fresh
        if fresh.is_dir():
            _remove(target)
        os.replace(fresh, target)
    except BaseException:
        _remove(fresh)
        raise


def require_place(target: Path) -> None:
    """Raise InputError where no file can be put at `target`; nothing is made, so that it can be asked before a long
    computation. Folders that are missing on the way are made when it is written.
    """
    if target.is_dir():
        raise InputError(f"{str(target)!r} is a folder; give the path of a file in it.")
    _require_above(target, target.absolute().parents)


def require_folder(out: Path) -> None:
    """Raise InputError where `out` can be no folder to write into; nothing is made, so that it can be asked before a
    long computation.
    """
    if out.exists() and not out.is_dir():
        raise InputError(f"--out is {str(out)!r}, which is a file; name a folder.")
    _require_above(out, (out.absolute(), *out.absolute().parents))


def _require_above(target: Path, folders: Sequence[Path]) -> None:
    """Raise InputError where the first of `folders` that is there can hold nothing of ours."""
    above = next(folder for folder in folders if folder.exists())
    if not above.is_dir():
        raise InputError(f"{str(target)!r} cannot be written, since {str(above)!r} is a file; choose another place.")
    if not os.access(above, os.W_OK | os.X_OK):
        raise InputError(f"{str(target)!r} cannot be written: {str(above)!r} is not yours to write to; choose another.")


def write_text(path: Path, text: str) -> None:
    """Write a file beside its place and move it there in one step, so that it is never half there."""
    with placed(path) as fresh, fresh.open("w", encoding="utf-8", newline="") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _json(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _plain(value: Any, keep_nan: bool = False) -> Any:
    """What JSON can hold, NumPy's numbers and arrays as plain ones; NaN and infinities as null unless `keep_nan`."""
    if isinstance(value, Mapping):
        return {str(key): _plain(inner, keep_nan) for key, inner in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [_plain(inner, keep_nan) for inner in value]
    if isinstance(value, (np.ndarray, np.generic)):
        return _plain(value.tolist(), keep_nan)
    if isinstance(value, float) and not (keep_nan or math.isfinite(value)):
        return None
    return value if isinstance(value, (str, int, float, bool)) or value is None else str(value)


def _shown(path: Path) -> str:
    return repr(str(path))


def _reason(problem: OSError) -> str:
    return problem.strerror or type(problem).__name__


def _unwritable(folder: Path, problem: OSError) -> InputError:
    return InputError(
        f"{_shown(folder)} cannot be written ({_reason(problem)}); give a folder to --out that you may write to."
    )


def _damaged(folder: Path, what: str) -> InputError:
    return InputError(f"The results in {_shown(folder)} are damaged: {what}; run the case again without --resume.")
