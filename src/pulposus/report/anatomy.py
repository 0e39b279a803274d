"""Where the disc lies and what it looks like: a spine from the side, and one disc cut through the middle.

What: SVG as text, drawn to the heights that tables give for level, sex and grade (or what is left of the height). The
inside is as bright as water makes it: white when healthy, black when it is spent. Schematic, and it says so.
"""

from __future__ import annotations

import math

from pulposus.report.signs import INK, ORANGE, RED, SOFT, drawing, text, wrapped
from pulposus.talk import DiscSeen

_BONES = (*(f"C{k}" for k in range(1, 8)), *(f"T{k}" for k in range(1, 13)), *(f"L{k}" for k in range(1, 6)), "S1")
_LOOKS = {1: "#fafcff", 2: "#dfe7ee", 3: "#aab4be", 4: "#6a737c", 5: "#2e3439"}
_ROMAN = {1: "I", 2: "II", 3: "III", 4: "IV", 5: "V"}
_BONE, _RIM = "#eadfca", "#b9a988"
_HIGH = 250.0


def where(seen: DiscSeen) -> str:
    """The spine from the side, and which disc it is."""
    upper = seen.level.split("-")[0]
    made, marked = [], None
    for k, bone in enumerate(_BONES):
        size = 6.5 + 0.62 * k
        y = 8 + 6.6 * k + 0.115 * k * k
        x = 120 + 15 * math.sin((k - 3) / 22 * 2 * math.pi)
        high = 5.2 + 0.17 * k
        made.append(
            f'<rect x="{x - size:.1f}" y="{y:.1f}" width="{2 * size:.1f}" height="{high:.1f}" rx="2" fill="{_BONE}" '
            f'stroke="{_RIM}"/>'
        )
        made.append(
            f'<path d="M{x + size:.1f} {y + 2:.1f}l{size + 3:.1f} 3" stroke="{_RIM}" stroke-width="2.4" '
            'stroke-linecap="round"/>'
        )
        if bone == upper:
            marked = (x, y + high + 1.2, size)
    if marked:
        x, y, size = marked
        made.append(
            f'<rect x="{x - size - 1:.1f}" y="{y - 2:.1f}" width="{2 * size + 2:.1f}" height="5" fill="{RED}"/>'
        )
        made.append(f'<path d="M{x + size + 20:.1f} {y:.1f}H214" stroke="{RED}" stroke-width="2"/>')
        made.append(text(220, y + 1, seen.level, 20, bold=True))
        part = "in the neck" if upper.startswith("C") else "in the lower back" if upper[0] in "LS" else "in the chest"
        made.append(text(220, y + 18, part, 12, colour=SOFT))
    made += [text(58, 24, "front", 11, colour=SOFT), text(166, 24, "back", 11, colour=SOFT)]
    return drawing(_HIGH, f"the disc {seen.level} in the spine, seen from the side", made)


def cut(seen: DiscSeen, healthy: bool = False) -> str:
    """The disc cut through the middle, front to the left: as it was told, or a healthy one of the same place."""
    grade = 1 if healthy else seen.grade
    tall = seen.healthy if healthy else seen.height
    scale = 190 / seen.depth
    high, wide, middle, left = tall * scale, 190.0, 120.0, 44.0
    top, base, right = middle - high / 2, middle + high / 2, left + wide
    made = [_bone(left, top - 52, wide, 52), _bone(left, base, wide, 52)]
    made.append(f'<rect x="{right + 13:.0f}" y="22" width="26" height="{_HIGH - 60:.0f}" rx="4" fill="#f6ecd2"/>')
    made.append(
        f'<path d="M{right + 26:.0f} 22V{_HIGH - 38:.0f}" stroke="#e3c878" stroke-width="9" stroke-dasharray="none"/>'
    )
    if not healthy:
        made += _changes(seen, left, right, top, base)
    bulge = 0.0 if healthy else _bulge(seen, scale)
    made.append(_disc(left, right, top, base, bulge, grade))
    if seen.tear and not healthy:
        path = f"M{right - 46:.1f} {middle:.1f}l14 -4l12 5l{16 + bulge:.1f} -3"
        made.append(f'<path d="{path}" stroke="{RED}" stroke-width="3" fill="none" stroke-linecap="round"/>')
    made.append(
        f'<path d="M{left - 12:.1f} {top:.1f}V{base:.1f}M{left - 17:.1f} {top:.1f}h10M{left - 17:.1f} {base:.1f}h10"'
        f' stroke="{INK}" stroke-width="1.6"/>'
    )
    made.append(text(2, top - 7, f"{tall:.1f} mm", 11.5))
    made += [text(left, 14, "front", 11, colour=SOFT), text(right + 26, 14, "nerves", 11, "middle", SOFT)]
    title = "healthy, same place" if healthy else _named(seen)
    made += [
        text(left + wide / 2, _HIGH - 6 + 15 * i, line, 14, "middle", bold=True)
        for i, line in enumerate(wrapped(title, 44))
    ]
    return drawing(_HIGH + 4, f"{title}: {tall:.1f} mm high", made)


def _named(seen: DiscSeen) -> str:
    return f"{seen.level}, grade {_ROMAN[seen.grade]} of V" if seen.grade else f"{seen.level}, grade not known"


def _bone(x: float, y: float, wide: float, high: float) -> str:
    path = (
        f"M{x:.1f} {y:.1f}q{wide / 2:.1f} 7 {wide:.1f} 0q-9 {high / 2:.1f} 0 {high:.1f}"
        f"q{-wide / 2:.1f} -7 {-wide:.1f} 0q9 {-high / 2:.1f} 0 {-high:.1f}z"
    )
    return f'<path d="{path}" fill="{_BONE}" stroke="{_RIM}" stroke-width="2"/>'


def _bulge(seen: DiscSeen, scale: float) -> float:
    """How far the disc reaches backwards, in the picture."""
    base = {"bulge": 1.5, "protrusion": 3.0, "extrusion": 5.0, "sequestration": 6.0}.get(seen.herniation, 0.0)
    return min((seen.protrusion or base) * scale, 18.0)


def _disc(left: float, right: float, top: float, base: float, bulge: float, grade: int | None) -> str:
    """Annulus as dark leaves, nucleus as bright as its grade; hatched where the grade is not known."""
    middle, high = (top + base) / 2, base - top
    outline = (
        f"M{left:.1f} {top:.1f}q{(right - left) / 2:.1f} -7 {right - left:.1f} 0q{8 + 2 * bulge:.1f} {high / 2:.1f} 0 "
        f"{high:.1f}q{-(right - left) / 2:.1f} 7 {left - right:.1f} 0q-8 {-high / 2:.1f} 0 {-high:.1f}z"
    )
    made = [f'<path d="{outline}" fill="#525c66" stroke="{INK}" stroke-width="1.4"/>']
    for k in range(1, 5):
        inset = 8.0 * k
        made.append(
            f'<path d="M{left + inset:.1f} {top + 5:.1f}q-6 {high / 2 - 5:.1f} 0 {high - 10:.1f}M{right - inset:.1f} '
            f'{top + 5:.1f}q6 {high / 2 - 5:.1f} 0 {high - 10:.1f}" stroke="#8d97a1" stroke-width="1.2" fill="none"/>'
        )
    fill = _LOOKS.get(grade or 0, "#fff")
    rx, ry = (right - left) / 2 - 40, max(high / 2 - 6, 2.0)
    x = (left + right) / 2 + 4
    made.append(f'<ellipse cx="{x:.1f}" cy="{middle:.1f}" rx="{rx:.1f}" ry="{ry:.1f}" fill="{fill}"/>')
    if grade == 2:
        made.append(f'<path d="M{x - rx + 8:.1f} {middle:.1f}h{2 * rx - 16:.1f}" stroke="#aab4be" stroke-width="4"/>')
    if grade is None:
        made.append(text(x, middle + 9, "?", 26, "middle", bold=True))
    return "".join(made)


def _changes(seen: DiscSeen, left: float, right: float, top: float, base: float) -> list[str]:
    """Bone that has changed beside the disc (Modic)."""
    if not seen.modic:
        return []
    made = []
    for y, sign in ((top, -1), (base, 1)):
        x0, x1 = left + 40, right - 30
        path = f"M{x0:.0f} {y + sign * 3:.1f}q{(x1 - x0) / 2:.0f} {sign * 44} {x1 - x0:.0f} 0z"
        made.append(f'<path d="{path}" fill="{ORANGE}" fill-opacity=".45" stroke="{ORANGE}" stroke-dasharray="4 3"/>')
    return made


def key(seen: DiscSeen) -> list[str]:
    """What the marks in the picture mean, those that are there."""
    said = ["bright inside: full of water; dark: dried out"]
    said += ["orange: bone beside the disc has changed (Modic)"] * bool(seen.modic)
    said += ["red line: a tear of the outer ring"] * seen.tear
    said += [f"the back edge reaches out: {seen.herniation}"] * (seen.herniation not in ("", "none"))
    return said
