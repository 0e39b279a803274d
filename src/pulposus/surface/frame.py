"""Unit and axes of a surface: from whatever a file was written in to metres in the disc's own frame.

What: the unit by which the sizes are those of a disc; z along the axis of least extent, upright on the middle between
both ends; y to the front. What was found and what was assumed comes back as sentences.
Why this holds: discs are flat, wider than deep, and flatter or dented behind; where that decides nothing, the height
does, which is greater in front (``wedge`` of evidence/geometry.csv), and where neither does, the user is asked.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np

from pulposus import evidence
from pulposus.errors import InputError
from pulposus.surface import triangles

UNITS = ("mm", "m", "cm")
_FOUND = UNITS[:2]  # centimetres would be taken for small discs in mm, so they must be said
_WAYS = {"R": (1, 0, 0), "L": (-1, 0, 0), "A": (0, 1, 0), "P": (0, -1, 0), "S": (0, 0, 1), "I": (0, 0, -1)}
_ROUND = 1.05  # maths: moments of a plan nearer to each other than this do not tell width from depth
_FLATTER = 0.02  # maths: of the depth; less asymmetry than this does not tell front from back
_WEDGED = np.radians(1)  # maths: less wedge than a degree does not tell front from back
_TURNS = 4  # maths: the upright axis is found to a hundredth of a degree in three
_ANGLES = 96  # maths: directions in which an outline is looked at
_UPRIGHT = np.cos(np.pi / 4)  # maths: an axis farther than 45 degrees from the one that was named is another


@dataclass(frozen=True)
class Upright:
    """A closed surface in the disc's frame: points (n, 3) in m, faces (m, 3); `turn` (3, 3), `centre` (3,) m and
    `scale` lead there from the file's places by ``turn @ (scale * place - centre)``; sentences on what was assumed.
    """

    points: np.ndarray
    faces: np.ndarray
    turn: np.ndarray
    centre: np.ndarray
    scale: float
    said: tuple[str, ...]

    def carry(self, places: np.ndarray) -> np.ndarray:
        """Places (k, 3) of the file in the disc's frame, m."""
        return (self.scale * places - self.centre) @ self.turn.T


def upright(
    points: np.ndarray, faces: np.ndarray, name: str, unit: str | None, axes: str | None, up_known: str = ""
) -> Upright:
    """A closed surface of a file in the disc's frame. up_known: how it is known that the file's z points up, where it
    is. Raises InputError where its size or form is not a disc's, and where front and back cannot be told.
    """
    scale, told = _scale(points, name, unit)
    at = points * scale
    _, centre, spread = triangles.moments(at, faces)
    extent, axis = np.linalg.eigh(spread)
    if axes is None:
        turn, up = _by_file(axis, up_known)
        if extent[2] < _ROUND * extent[1]:
            raise InputError(
                f"{name}: the disc is about as deep as it is wide, so its front cannot be found; say where the "
                "file's x, y and z point, for example axes 'RAS' (--axes RAS)."
            )
    else:
        turn, up = _by_name(axis, axes, name)
    for _ in range(_TURNS):
        turn = _righted((at - centre) @ turn.T, faces) @ turn
    placed = (at - centre) @ turn.T
    _refuse_thick(placed, faces, name)
    if axes:
        side, front = 1, "Front and right follow the axes that were named."
    else:
        side, front = _front(placed, faces, name)
    turn, placed = np.diag([side, side, 1.0]) @ turn, placed * [side, side, 1]
    lean = np.degrees(np.arccos(np.clip(np.abs(turn[2]).max(), 0, 1)))
    return Upright(
        placed, faces, turn, centre, scale, (told, f"{up} It leaned by {lean:.1f} degrees; now upright.", front)
    )


# ---------------------------------------------------------------------------------------------- size


def _scale(points: np.ndarray, name: str, unit: str | None) -> tuple[float, str]:
    """Metres in a unit of the file, and the sentence that says so."""
    sizes = np.sort(np.ptp(points @ np.linalg.svd(points - points.mean(0), full_matrices=False)[2].T, axis=0))
    spans = [reach("ap_depth"), reach("width")]
    given = " x ".join(f"{size:.4g}" for size in sizes[::-1])
    wanted = [f"{low * 1e3:.0f} to {high * 1e3:.0f} mm" for low, high in spans]  # maths: metres to mm
    expected = f"discs are {wanted[0]} deep and {wanted[1]} wide"
    tried = [unit] if unit else _FOUND
    for word in tried:
        scale = evidence.factor(word)
        if all(low <= size * scale <= high for size, (low, high) in zip(sizes[1:], spans, strict=True)):
            how = "which was said" if unit else "found by its size, since the file does not say"
            return scale, f"Its unit is {_LONG[word]}, {how}: it measures {given} {word}."
    what = f"measures {given} {unit or 'units'}, which is no disc's size{'' if unit else ' in mm or in m'}"
    raise InputError(f"{name} {what}: {expected}; check its unit, and give the disc alone.")


_LONG = {"mm": "millimetres", "m": "metres", "cm": "centimetres"}


@cache
def reach(quantity: str) -> tuple[float, float]:
    """What is plausible for a length of a disc of any level, sex and grade, m: half the least of ``geometry.csv`` to
    twice the top of its ranges.
    """
    rows = [evidence.dimensions(*key)[quantity] for key in _everyone()]
    return min(row.si for row in rows) / 2, 2 * max(row.si_high for row in rows)


@cache
def _stoutest() -> float:
    """Greatest share of height in depth of any disc of the tables, endplates counted."""

    def share(rows: dict[str, evidence.Row]) -> float:
        thick = rows["mid_height"].si_high + 2 * rows["endplate_thickness_rim"].si_high
        return thick / rows["ap_depth"].si_low

    return max(share(evidence.dimensions(*key)) for key in _everyone())


def _everyone() -> list[tuple[str, str, int]]:
    grades = (1, 2, 3, 4, 5)  # maths: the Pfirrmann grades
    return [(level, sex, grade) for level in evidence.levels() for sex in ("any", "male", "female") for grade in grades]


def _refuse_thick(points: np.ndarray, faces: np.ndarray, name: str) -> None:
    """A vertebra is as wide as a disc, and two or three times as high."""
    low, high = triangles.columns(points, faces, np.zeros((1, 2)))
    height, depth = float(np.nan_to_num(high - low)[0]), float(np.ptp(points[:, 1]))
    least = reach("mid_height")[0]
    if height > _stoutest() * depth:
        what = f"is {height * 1e3:.3g} mm high and {depth * 1e3:.3g} mm deep"  # maths: metres to mm
        most = f"discs are at most {_stoutest():.2f} times as high as deep"
        raise InputError(f"{name} {what}, and {most}; is it a vertebra? Give the surface of one disc.")
    if height < least:
        what = f"is {height * 1e3:.2g} mm high in the middle"  # maths: metres to mm
        raise InputError(f"{name} {what}, and discs at least {least * 1e3:.2g} mm; check it.")  # maths: metres to mm


# ---------------------------------------------------------------------------------------------- axes


def _by_file(axis: np.ndarray, up_known: str) -> tuple[np.ndarray, str]:
    """Rows x, y, z of the disc's frame from the axes of inertia, up along the file's nearest axis."""
    up = axis[:, 0]
    nearest = int(np.argmax(np.abs(up)))
    up = up * np.sign(up[nearest])
    front = axis[:, 1]
    said = f"Up is taken as the file's +{'xyz'[nearest]}, which the form alone cannot tell (another: --axes)."
    return np.stack([np.cross(front, up), front, up]), up_known or said


def _by_name(axis: np.ndarray, axes: str, name: str) -> tuple[np.ndarray, str]:
    """The same where the user says where the file's axes point: the axes of inertia nearest to what was named."""
    letters = checked_axes(axes)
    ways = np.array([_WAYS[letter] for letter in letters], float)  # row: where a file axis points in R, A, S
    wanted_front, wanted_up = ways[:, 1], ways[:, 2]
    up = axis[:, 0] * np.sign(axis[:, 0] @ wanted_up or 1)
    if up @ wanted_up < _UPRIGHT:
        thin = "xyz"[int(np.argmax(np.abs(axis[:, 0])))]
        raise InputError(f"{name} is thinnest along its {thin}, which axes {axes!r} does not call up; check the axes.")
    best = int(np.argmax(np.abs(axis[:, 1:].T @ wanted_front))) + 1
    front = axis[:, best] * np.sign(axis[:, best] @ wanted_front)
    return np.stack([np.cross(front, up), front, up]), f"Axes {letters}, as was said."


def checked_axes(axes: str) -> str:
    """Letters that say where x, y and z of a file point, as RAS (right, anterior, superior). Raises InputError."""
    letters = str(axes).strip().upper()
    known = len(letters) == 3 and set(letters) <= set(_WAYS)
    ways = np.array([_WAYS[letter] for letter in letters]) if known else np.zeros((3, 3))
    turned = round(float(np.linalg.det(ways)))
    if turned == 1:
        return letters
    example = "write one letter of R or L, one of A or P, one of S or I, for example 'RAS'"
    if turned == -1:
        raise InputError(f"Axes {axes!r} are left-handed, so the disc would be its mirror image; {example}.")
    raise InputError(f"Axes {axes!r} do not say where x, y and z point; {example}.")


def _righted(points: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """The turn that makes the middle between both ends level."""
    theta = np.arange(_ANGLES) * 2 * np.pi / _ANGLES
    rim = triangles.radii(triangles.section(points, faces, _level(points, faces)), np.zeros(2), theta)
    share = (np.arange(8) + 0.5) / 8 * 0.9  # maths: up to nine tenths, where the ends are not yet rounded
    plan = share[:, None, None] * rim[:, None] * np.stack([-np.sin(theta), np.cos(theta)], 1)
    weight = np.sqrt(share[:, None] * rim**2).ravel()
    low, high = triangles.columns(points, faces, plan.reshape(-1, 2))
    seen = np.isfinite(low)
    if seen.sum() < _ANGLES:
        return np.eye(3)
    x, y = plan.reshape(-1, 2)[seen].T
    known = np.stack([x, y, np.ones_like(x), x**2, y**2], 1) * weight[seen, None]
    across, along, *_ = np.linalg.lstsq(known, 0.5 * (low + high)[seen] * weight[seen], rcond=None)[0]
    up = np.array([-across, -along, 1]) / np.sqrt(1 + across**2 + along**2)
    front = np.array([0, 1, 0]) - up * up[1]
    front /= np.linalg.norm(front)
    return np.stack([np.cross(front, up), front, up])


def _level(points: np.ndarray, faces: np.ndarray) -> float:
    """Height of the middle between both ends over the centre of the plan."""
    low, high = triangles.columns(points, faces, np.zeros((1, 2)))
    return float(np.nan_to_num(low + high)[0]) / 2


def _front(points: np.ndarray, faces: np.ndarray, name: str) -> tuple[int, str]:
    """Which way the front is, +y (1) or -y (-1), and the sentence that says how that was found."""
    theta = np.arange(_ANGLES) * 2 * np.pi / _ANGLES
    rim = triangles.radii(triangles.section(points, faces, _level(points, faces)), np.zeros(2), theta)
    if not np.isfinite(rim).all():
        raise InputError(f"{name} is not all around its own middle, as a disc is; give the surface of one whole disc.")
    x, y = -rim * np.sin(theta), rim * np.cos(theta)
    flank = np.ptp(x) / 4

    def bulge(side: int) -> float:
        here = np.flatnonzero(y * side > 0)
        here = here[np.argsort(x[here])]
        ends = np.interp([-flank, 0.0, flank], x[here], y[here] * side)
        return float(ends[1] - (ends[0] + ends[2]) / 2)

    depth = float(rim[0] + rim[_ANGLES // 2])
    ends = 0.8 * np.array([[0, rim[0]], [0, -rim[_ANGLES // 2]]])  # maths: inside the rounded rim
    low, high = triangles.columns(points, faces, ends)
    taper = float(np.nan_to_num(np.arctan(-np.diff(high - low)[0] / np.ptp(ends[:, 1]))))
    hollow = (bulge(1) - bulge(-1)) / depth
    back, more = "The flatter side was taken for the back", "the higher side for the front"
    if abs(hollow) >= _FLATTER:
        agree = "which agrees with" if taper * hollow > 0 else "though that disagrees with"
        return _side(hollow), f"{back}, {agree} {more}; check it in the pictures (another: --axes)."
    if abs(taper) >= _WEDGED:
        said = f"Front and back are alike from above, so {more} was taken; check it in the pictures (another: --axes)."
        return _side(taper), said
    raise InputError(
        f"{name} has front and back alike, in plan and in height; say where the file's x, y and z point, for example "
        "axes 'RAS' (--axes RAS)."
    )


def _side(number: float) -> int:
    return 1 if number > 0 else -1


def check_back(si: Mapping[str, float]) -> None:
    """A wedge must leave some height at both ends of the disc."""
    fall = abs(math.tan(si["wedge"])) * si["ap_depth"] / 2
    if fall >= si["mid_height"]:
        depth, height = (si[name] / evidence.factor("mm") for name in ("ap_depth", "mid_height"))
        wedge = f"[disc] wedge of {math.degrees(si['wedge']):.3g} degrees over {depth:.3g} mm"
        raise InputError(f"{wedge} leaves no height at one end of a disc of {height:.3g} mm; give a smaller wedge.")


@cache
def span_of(quantity: str) -> tuple[float, float, str]:
    """What is plausible for a dimension, and its unit: half the least length tabled to twice the top of the ranges.

    Angles go to twice the greatest either way (a cervical disc may open backwards); shares stay within the tables.
    """
    made = [
        evidence.dimensions(level, sex, grade)[quantity]
        for level in evidence.levels()
        for sex in ("male", "female", "any")
        for grade in (1, 2, 3, 4, 5)  # maths: the Pfirrmann grades
    ]
    unit = made[0].unit
    greatest = max(abs(row.value) for row in made)
    if unit == "degree":
        return -2 * greatest, 2 * greatest, unit
    if evidence.dimension(unit) == evidence.dimension("mm"):
        low, high = (length / evidence.factor(unit) for length in reach(quantity))
        return low, high, unit
    return min(row.low for row in made), max(row.high for row in made), unit
