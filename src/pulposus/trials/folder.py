"""The folder that a trial leaves: record, protocol, scans chunk by chunk, fields, and the tables.

What: `Folder.begin` makes one or goes on with one, `keep` puts a chunk of discs away, `finish` the tables;
`Folder.open` reads it. Files: ``trial.json``, ``protocol.toml``, ``chunks/`` (a table for each chunk of discs),
``fields.zarr`` (an array for each field: disc, visit, ring, sector, layer; a chunk of discs is a chunk of the array),
and ``people``, ``table``, ``events``. Tables are parquet where pyarrow is installed, and CSV with every figure
otherwise; either gives back the same numbers to the bit.
How it survives: every file is written beside its place and moved there in one step, and a chunk counts as done when its
table is there, which comes after its fields. Whenever a trial is stopped (Ctrl-C, a full disk, the power), what is
there can be gone on with, and only the same trial on the same evidence does.
Reads, writes: the folder alone.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pulposus.errors import InputError
from pulposus.results import UNFINISHED, claimed, placed, write_text

if TYPE_CHECKING:
    import pandas as pd

COMPLETE = "complete"
_FORMAT = 1
_RECORD, _PROTOCOL, _CHUNKS, _FIELDS = "trial.json", "protocol.toml", "chunks", "fields.zarr"
TABLES = ("people", "table", "events")
_SUFFIXES = (".parquet", ".csv")
# Columns that are words whatever they look like; all others say themselves what they are.
_WORDS = (
    *("arm", "status", "disc_status", "site", "stratum", "lot", "endpoint", "event", "cause", "related", "kind"),
    *("region", "country", "sex", "level", "endplate"),
)
_KINDS: dict[str, type] = {"patient": int, "grade": int, "serious": bool}
_KINDS |= {"month": float, "visit": float, "value": float}
_OURS = (_PROTOCOL, "report.html", *(t + s for t in TABLES for s in _SUFFIXES))


def suffix() -> str:
    """Of the tables that are written here."""
    return _SUFFIXES[0] if importlib.util.find_spec("pyarrow") else _SUFFIXES[1]


def write_table(path: Path, table: pd.DataFrame) -> Path:
    """A table beside its place, and then in it; `path` has no suffix. Returns where it is."""
    target = path.with_name(path.name + suffix())
    with placed(target) as fresh:
        if target.suffix == _SUFFIXES[0]:
            table.to_parquet(fresh, index=False)
        else:
            table.to_csv(fresh, index=False, lineterminator="\n")
    return target


def read_table(path: Path) -> pd.DataFrame:
    """A table as it was written, to the bit. Raises InputError where there is none, or it is damaged."""
    import pandas as pd

    found = [path.with_name(path.name + one) for one in _SUFFIXES]
    there = next((one for one in found if one.is_file()), None)
    if there is None:
        raise InputError(f"{str(path.parent)!r} has no table {path.name!r} yet; let the trial go on with --resume.")
    try:
        if there.suffix == _SUFFIXES[0]:
            return plain(pd.read_parquet(there))
        words = dict.fromkeys(_WORDS, str)
        read = pd.read_csv(there, dtype=words, na_values={}, keep_default_na=False)
    except ImportError:
        raise InputError(f"{there.name} is parquet, and pyarrow is not installed; pip install pyarrow.") from None
    except (OSError, ValueError) as problem:
        raise InputError(f"{str(there)!r} cannot be read; conduct the trial again without --resume.") from problem
    for name in read.columns.difference(list(_WORDS)):
        if read[name].dtype.kind not in "biuf":
            read[name] = _numbers(read[name])
    return plain(read)


def plain(table: pd.DataFrame) -> pd.DataFrame:
    """A table whose words are of one kind however it came about."""
    kinds: dict[str, type] = {name: object for name in table.columns if table[name].dtype.kind not in "biuf"}
    return table.astype(kinds | {name: kind for name, kind in _KINDS.items() if name in table.columns})


def _numbers(column: pd.Series) -> pd.Series:
    """A column in which nothing stands for a number that is not there, as numbers; or as it is."""
    try:
        return column.map(lambda word: np.nan if word == "" else float(word))
    except ValueError:
        return column


class Folder:
    """The folder of one trial; `path` is where it is."""

    def __init__(self, path: Path, record: dict[str, Any]) -> None:
        self.path, self.record = path, record

    @classmethod
    def open(cls, path: str | Path) -> Folder:
        """A trial's folder. Raises InputError where there is none."""
        path = Path(path)
        try:
            record = json.loads((path / _RECORD).read_text("utf-8"))
            if record["format"] != _FORMAT:
                raise InputError(f"{str(path)!r} is of another version of Pulposus; conduct the trial again.")
        except (OSError, ValueError, KeyError, TypeError):
            said = f"{str(path)!r} holds no trial: no {_RECORD} that can be read"
            raise InputError(f"{said}; give a folder that `pulposus trial run` has written.") from None
        return cls(path, record)

    @classmethod
    @contextmanager
    def begin(
        cls, path: str | Path, fingerprint: str, protocol: str, info: Mapping[str, Any], resume: bool
    ) -> Iterator[Folder]:
        """A folder that nobody else writes to meanwhile: a new trial's, to which an older one in it gives way, or, to
        `resume`, the stopped one's. Raises InputError where the folder is another's, or the trial another.
        """
        path = Path(path)
        _refuse_foreign(path)
        if resume:
            before = cls.open(path)
            if before.record.get("fingerprint") != fingerprint:
                raise InputError(
                    f"{str(path)!r} holds another trial, or was begun on other evidence or with other choices; "
                    "conduct it again without --resume."
                )
        with claimed(path, shared=True):
            if not resume:
                before = cls(path, {"format": _FORMAT, "fingerprint": fingerprint, "status": UNFINISHED, **info})
                # in this order, so that no record ever stands beside chunks or tables that are not its own
                for name in (_CHUNKS, _FIELDS):
                    _remove(path / name)
                before._write_record()
                for name in _OURS:
                    _remove(path / name)
            (path / _CHUNKS).mkdir(exist_ok=True)
            if not (path / _PROTOCOL).exists():
                write_text(path / _PROTOCOL, protocol)
            yield before

    @property
    def complete(self) -> bool:
        """Whether the trial is over."""
        return self.record["status"] == COMPLETE

    def protocol_text(self) -> str:
        """The protocol, as TOML."""
        return (self.path / _PROTOCOL).read_text("utf-8")

    # ------------------------------------------------------------------------------------------ discs

    def _chunk(self, number: int) -> Path:
        return self.path / _CHUNKS / f"{number:05d}"

    def done(self, count: int) -> list[int]:
        """Chunks that are over, of `count`."""
        there = {path.stem for path in (self.path / _CHUNKS).glob("*") if path.suffix in _SUFFIXES}
        return [number for number in range(count) if self._chunk(number).name in there]

    def keep(self, number: int, rows: pd.DataFrame, fields: Mapping[str, np.ndarray], first: int) -> None:
        """A chunk of discs that is over, the first of which is the trial's disc number `first`."""
        if fields:
            import zarr

            store = zarr.open_group(self.path / _FIELDS, mode="r+")
            for name, values in fields.items():
                array: Any = store[name]
                array[first : first + len(values)] = values
        write_table(self._chunk(number), rows)

    def room(
        self, discs: int, chunk: int, shape: Sequence[int], names: Sequence[str], about: Mapping[str, Any]
    ) -> None:
        """Room for the fields of so many discs, `chunk` of them together; what is there already stays."""
        if (self.path / _FIELDS).exists():
            return
        import zarr

        with placed(self.path / _FIELDS) as fresh:
            store = zarr.open_group(fresh, mode="w", attributes=dict(about))
            for name in names:
                store.create_array(
                    name,
                    shape=(discs, *shape),
                    chunks=(chunk, *shape),
                    dtype="float32",
                    fill_value=float("nan"),
                    dimension_names=("disc", "visit", "ring", "sector", "layer"),
                )

    def scans(self, count: int) -> pd.DataFrame:
        """Rows of all discs."""
        import pandas as pd

        return pd.concat([read_table(self._chunk(number)) for number in range(count)], ignore_index=True)

    def fields(self) -> dict[str, np.ndarray]:
        """Fields (disc, visit, ring, sector, layer), by name. Raises InputError where none were kept."""
        if not (self.path / _FIELDS).exists():
            raise InputError(f"{str(self.path)!r} holds no fields; conduct the trial with them.")
        import zarr

        store = zarr.open_group(self.path / _FIELDS, mode="r")
        return {name: np.asarray(array[:]) for name, array in store.arrays()}

    # ------------------------------------------------------------------------------------------ end

    def finish(self, tables: Mapping[str, pd.DataFrame], info: Mapping[str, Any]) -> None:
        """The tables, and that the trial is over."""
        for name in TABLES:
            write_table(self.path / name, tables[name])
        self.record |= {**info, "status": COMPLETE}
        self._write_record()

    def table(self, name: str) -> pd.DataFrame:
        """One of `TABLES`."""
        return read_table(self.path / name)

    def _write_record(self) -> None:
        write_text(self.path / _RECORD, json.dumps(self.record, indent=1, ensure_ascii=False) + "\n")


def _refuse_foreign(path: Path) -> None:
    """Raise InputError unless a folder is free for a trial: absent, empty, or an older trial's."""
    if path.exists() and not path.is_dir():
        raise InputError(f"{str(path)!r} is a file, and a trial needs a folder; give another one to --out.")
    if path.is_dir() and any(not one.name.startswith(".") for one in path.iterdir()) and not (path / _RECORD).exists():
        raise InputError(f"{str(path)!r} holds something other than a trial; give a new or an empty folder to --out.")


def _remove(path: Path) -> None:
    import shutil

    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
