"""The file of somebody else's mesh taken apart: points, triangles of the surface, cells with their regions.

What: STL (both kinds), OBJ, PLY as surfaces; VTU as a surface, or as a volume, whose boundary is taken.
Errors: whatever the file holds, a mistake is an `InputError` of one sentence.
"""

from __future__ import annotations

import contextlib
import io
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pulposus.errors import InputError, nearest

KINDS = (".stl", ".obj", ".ply", ".vtu")
_HEADER, _RECORD = 84, 50  # maths: bytes of the header and of a triangle of a binary STL file
_TRIANGLE = np.dtype([("normal", "<f4", 3), ("corner", "<f4", (3, 3)), ("attribute", "<u2")])
_VAST = 1e9  # maths: places beyond this leave no digits for a disc
_FLAT = ("triangle", "quad", "polygon")
# Faces of a cell by its corners, counted from 0 as VTK counts them; a cell of higher order begins with its corners.
_FACES = {
    "tetra": ((0, 2, 1), (0, 1, 3), (1, 2, 3), (2, 0, 3)),
    "pyramid": ((0, 3, 2, 1), (0, 1, 4), (1, 2, 4), (2, 3, 4), (3, 0, 4)),
    "wedge": ((0, 1, 2), (3, 5, 4), (0, 3, 4, 1), (1, 4, 5, 2), (2, 5, 3, 0)),  # maths: corners of a cell
    "hexahedron": (
        (0, 3, 2, 1),
        (4, 5, 6, 7),  # maths: corners of a cell
        (0, 1, 5, 4),  # maths: corners of a cell
        (1, 2, 6, 5),  # maths: corners of a cell
        (2, 3, 7, 6),  # maths: corners of a cell
        (3, 0, 4, 7),  # maths: corners of a cell
    ),
}


@dataclass(frozen=True)
class Given:
    """What a file holds: points (n, 3) in its own unit, triangles (m, 3) of the surface, sentences about it.

    `regions`: for a volume with regions, number -> triangles of that region's boundary; else empty. `up`: a sentence
    that says how it is known that z points up; empty where it is not.
    """

    name: str
    points: np.ndarray
    faces: np.ndarray
    regions: dict[int, np.ndarray] = field(default_factory=dict)
    said: tuple[str, ...] = ()
    up: str = ""


def read(path: str | Path) -> Given:
    """The surface in a file. Raises InputError, one sentence, for a file that is missing, empty, cut off, no mesh, or
    holds places that are no numbers.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in KINDS:
        what = f"ends in {suffix!r}" if suffix else "has no ending"
        near = nearest(suffix, KINDS)
        raise InputError(f"{path.name!r} {what}{near}; a surface is read from {', '.join(KINDS)}: export it as STL.")
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        beside = path.parent.iterdir() if path.parent.is_dir() else []
        near = nearest(path.name, [p.name for p in beside if p.suffix.lower() in KINDS])
        raise InputError(f"There is no surface file {str(path)!r}{near}; give the path of one.") from None
    except OSError as problem:
        said = problem.strerror or "no reason given"
        raise InputError(f"The surface file {str(path)!r} cannot be read ({said}); give another.") from None
    if not data.strip():
        raise InputError(f"{path.name!r} is empty; save the surface again.")
    if suffix == ".stl":
        return _checked(_stl(path.name, data))
    return _checked(_ply(path.name, data) if suffix == ".ply" else _by_meshio(path))


def _checked(given: Given) -> Given:
    name, points, faces = given.name, given.points, given.faces
    if not len(points) or not len(faces):
        raise InputError(f"{name!r} holds no triangles; save the surface of the disc, not its points or lines.")
    if faces.min() < 0 or faces.max() >= len(points):
        raise InputError(f"{name!r} names points that it does not hold, so it is cut off or damaged; save it again.")
    if not np.isfinite(points[np.unique(faces)]).all():
        raise InputError(f"{name!r} holds places that are no finite numbers; mend it in a mesh editor, save it again.")
    if np.abs(points[np.unique(faces)]).max() > _VAST:
        raise InputError(f"{name!r} holds places farther off than {_VAST:g} units; check its unit, or save it again.")
    return given


def _stl(name: str, data: bytes) -> Given:
    count = int.from_bytes(data[_HEADER - 4 : _HEADER], "little") if len(data) >= _HEADER else -1
    if count >= 0 and len(data) == _HEADER + _RECORD * count:
        with np.errstate(invalid="ignore"):  # what is no number is said later
            corners = np.frombuffer(data, _TRIANGLE, offset=_HEADER)["corner"].astype(float)
    elif data.lstrip()[: len(b"solid")].lower() == b"solid" and b"facet" in data:
        corners = _words(name, data)
    else:
        given = f"{max(len(data) - _HEADER, 0) // _RECORD} triangles of the {count} that it counts"
        what = f"holds {given}, so it is cut off" if count > 0 else "is no STL file"
        raise InputError(f"{name!r} {what}; save it again.")
    return Given(name, corners.reshape(-1, 3), np.arange(3 * len(corners)).reshape(-1, 3))


def _words(name: str, data: bytes) -> np.ndarray:
    """Corners (m, 3, 3) of an STL file in words."""
    words = data.decode("ascii", "replace").lower().split()
    at = np.flatnonzero(np.array(words) == "vertex")
    try:
        corners = np.array([[float(word) for word in words[k + 1 : k + 4]] for k in at])
        if "endsolid" not in words or not len(at) or len(at) % 3:
            raise ValueError(name)
        return corners.reshape(-1, 3, 3)
    except ValueError:
        raise InputError(f"{name!r} is an STL file in words that ends early or is damaged; save it again.") from None


def _ply(name: str, data: bytes) -> Given:
    """PLY in words or binary; points by their x, y and z, faces by their list of corners, whatever that is called."""
    try:
        head, end, rest = data.partition(b"end_header")
        lines = [line.split() for line in head.decode("ascii").splitlines()]
        if not end or lines[0] != ["ply"]:
            raise ValueError(name)
        order = {"ascii": "", "binary_little_endian": "<", "binary_big_endian": ">"}[lines[1][1]]
        body = rest[rest.index(b"\n") + 1 :]
        take = _taken(body, order) if order else _spoken(body)
        points, faces = np.zeros((0, 3)), []
        for line, count, properties in _elements(lines):
            if count > len(data):
                raise ValueError(name)
            rows = [[take(kinds) for _, kinds in properties] for _ in range(count)]
            names = [word for word, _ in properties]
            if line == "vertex":
                points = np.array([[row[names.index(axis)][0] for axis in "xyz"] for row in rows], float)
            elif line == "face":
                corners = next(k for k, (_, kinds) in enumerate(properties) if len(kinds) > 1)
                faces = [[int(corner) for corner in row[corners]] for row in rows]
    except (ValueError, IndexError, KeyError, StopIteration, struct.error, OverflowError):
        raise InputError(f"{name!r} cannot be read as PLY: it is cut off or damaged; save it again.") from None
    sides = [[face[0], face[k], face[k + 1]] for face in faces for k in range(1, len(face) - 1)]
    said = ("Faces of more than three corners were cut into triangles.",) if len(sides) > len(faces) else ()
    return Given(name, points.reshape(-1, 3), np.array(sides, np.int64).reshape(-1, 3), said=said)


def _elements(lines: list[list[str]]) -> list[tuple[str, int, list[tuple[str, tuple[str, ...]]]]]:
    """Elements of a PLY header: name, count, and its properties: name, and code of the number or of count and item."""
    found: list[tuple[str, int, list[tuple[str, tuple[str, ...]]]]] = []
    for line in lines:
        if line[:1] == ["element"]:
            found.append((line[1], int(line[2]), []))
        elif line[:2] == ["property", "list"]:
            found[-1][2].append((line[4], (_CODES[line[2]], _CODES[line[3]])))
        elif line[:1] == ["property"]:
            found[-1][2].append((line[2], (_CODES[line[1]],)))
    return found


def _taken(body: bytes, order: str) -> Callable[[tuple[str, ...]], Sequence[float]]:
    """What takes one number, or one list of numbers, after the other from binary data."""
    at = 0

    def take(kinds: tuple[str, ...]) -> Sequence[float]:
        nonlocal at
        count = 1
        if len(kinds) > 1:
            count = struct.unpack_from(order + kinds[0], body, at)[0]
            at += struct.calcsize(order + kinds[0])
        code = f"{order}{count}{kinds[-1]}"
        start, at = at, at + struct.calcsize(code)
        return struct.unpack_from(code, body, start)

    return take


def _spoken(body: bytes) -> Callable[[tuple[str, ...]], Sequence[float]]:
    """The same from words."""
    words = iter(body.decode("ascii").split())

    def take(kinds: tuple[str, ...]) -> Sequence[float]:
        count = int(next(words)) if len(kinds) > 1 else 1
        return [float(next(words)) for _ in range(count)]

    return take


# Types of PLY numbers, by both of their names, and their codes.
_CODES = dict(zip(["char", "uchar", "short", "ushort", "int", "uint", "float", "double"], "bBhHiIfd", strict=True))
_CODES |= dict(
    zip(["int8", "uint8", "int16", "uint16", "int32", "uint32", "float32", "float64"], "bBhHiIfd", strict=True)
)


def _by_meshio(path: Path) -> Given:
    """OBJ and VTU. The library says some mistakes by printing and leaving, so both are caught."""
    import meshio

    try:
        quiet = io.StringIO()
        with contextlib.redirect_stdout(quiet), contextlib.redirect_stderr(quiet), np.errstate(all="ignore"):
            mesh = meshio.read(path)
        blocks = [(block.type, np.atleast_2d(np.asarray(block.data, dtype=np.int64))) for block in mesh.cells]
        points = np.asarray(mesh.points, dtype=float)
        if points.ndim != 2 or points.shape[1] != 3:
            raise ValueError(path.name)
        tags = {name: [np.asarray(part) for part in parts] for name, parts in mesh.cell_data.items()}
    except (Exception, SystemExit):
        kind = path.suffix[1:].upper()
        raise InputError(f"{path.name!r} cannot be read as {kind}: it is cut off or damaged; save it again.") from None
    return _solid(path.name, points, blocks, tags) or _flat(path.name, points, blocks)


def _flat(name: str, points: np.ndarray, blocks: list[tuple[str, np.ndarray]]) -> Given:
    faces = [_split(cells) for kind, cells in blocks if kind in _FLAT]
    said = (
        ("Faces of more than three corners were cut into triangles.",)
        if any(k != "triangle" for k, _ in blocks)
        else ()
    )
    return Given(name, points, np.concatenate(faces) if faces else np.zeros((0, 3), int), said=said)


def _split(cells: np.ndarray) -> np.ndarray:
    """Faces of n corners as n - 2 triangles each."""
    fans = [cells[:, [0, k, k + 1]] for k in range(1, cells.shape[1] - 1)]
    return np.concatenate(fans) if fans else np.zeros((0, 3), int)


def _solid(
    name: str, points: np.ndarray, blocks: list[tuple[str, np.ndarray]], tags: dict[str, list[np.ndarray]]
) -> Given | None:
    """The boundary of cells with volume, and of each of their regions; None where there are no such cells."""
    kinds = [next((known for known in _FACES if kind.startswith(known)), "") for kind, _ in blocks]
    if not any(kinds):
        return None
    places = [k for k, kind in enumerate(kinds) if kind]
    cells = [(kinds[k], blocks[k][1]) for k in places]
    if min(c.min(initial=0) for _, c in cells) < 0 or max(c.max(initial=0) for _, c in cells) >= len(points):
        raise InputError(f"{name!r} names points that it does not hold, so it is cut off or damaged; save it again.")
    whole = [np.ones(len(c), bool) for _, c in cells]
    said = ["It is a volume: its boundary was taken."]
    tag = _tag(tags, [len(b) for _, b in blocks])
    regions = {}
    if tag:
        marks = [tags[tag][k].ravel().astype(int) for k in places]
        for number in np.unique(np.concatenate(marks)):
            regions[int(number)] = _boundary(cells, [m == number for m in marks])
        said.append(f"Its cell data {tag!r} name {len(regions)} regions.")
    return Given(name, points, _boundary(cells, whole), regions, tuple(said))


def _tag(tags: dict[str, list[np.ndarray]], sizes: list[int]) -> str:
    """Name of the cell data that number regions: 'region' or the like first, else whole numbers of few kinds."""

    def numbers(parts: list[np.ndarray]) -> bool:
        fits = all(part.size == size for part, size in zip(parts, sizes, strict=True))
        return fits and all(np.isfinite(p).all() and (p == np.round(p)).all() for p in parts)

    known = [name for name, parts in tags.items() if all(p.dtype.kind in "iuf" for p in parts) and numbers(parts)]
    named = [name for name in known if any(word in name.lower() for word in ("region", "material", "part", "label"))]
    for name in [*named, *known]:
        if 1 < len(np.unique(np.concatenate([p.ravel() for p in tags[name]]))) <= _REGIONS:
            return name
    return ""


_REGIONS = 64  # maths: more kinds than this number cells, not regions


def _boundary(cells: list[tuple[str, np.ndarray]], chosen: list[np.ndarray]) -> np.ndarray:
    """Triangles of the faces that belong to one chosen cell only, wound as the cells are."""
    found = []
    for corners in (3, 4):
        faces = [
            here[pick][:, list(face)]
            for (kind, here), pick in zip(cells, chosen, strict=True)
            for face in _FACES[kind]
            if len(face) == corners
        ]
        if faces:
            together = np.concatenate(faces)
            _, first, count = np.unique(np.sort(together, 1), axis=0, return_index=True, return_counts=True)
            found.append(_split(together[first[count == 1]]))
    return np.concatenate(found)
