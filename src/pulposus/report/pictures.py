"""Small pictures that need no script: a number on a line beside its band, a course with what was published on it.

What: each function gives an SVG as text. Colour never stands alone: ours is a line or a full disc, what was published
an open diamond or a dashed line, its band a bar or a shade; and each picture says in words what it shows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

from pulposus.report.sections import escape

Point = tuple[float, float]
_WIDE, _EDGE = 320.0, 26.0
_LEFT, _TOP, _HIGH, _FOOT = 46.0, 20.0, 190.0, 38.0
_TICKS, _DECIMALS = 5, 4
_FEW = 12


class Drawn(Protocol):
    """What a picture needs of a finding: `validation.Finding` is one."""

    @property
    def across(self) -> str:
        """What runs to the right, with its unit."""

    @property
    def along(self) -> str:
        """What rises, with its unit."""

    @property
    def curve(self) -> Sequence[Point]:
        """Ours, as points."""

    @property
    def published(self) -> Sequence[Point]:
        """What was published, as points."""

    @property
    def beside(self) -> Sequence[Point]:
        """The course that ours is compared with, as points."""

    @property
    def shown(self) -> Callable[[float], Sequence[Point]] | None:
        """Where a value of the checked quantity stands in the picture."""


class Told(NamedTuple):
    """A published value with its band, and ours."""

    published: float
    low: float
    high: float
    ours: float


def figure(value: Any, digits: int = 4) -> str:
    """A number in so many digits with a true minus; text as it is; a dash for none."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    if not math.isfinite(value):
        return "–"
    return f"{value:.{digits}g}".replace("-", "−") if abs(value) >= 1e-9 else "0"  # maths: shown as nought


def range_plot(told: Told) -> str:
    """The band that was allowed, what was published (open diamond) and ours (full disc), on one line."""
    published, low, high, ours = told
    here = [value for value in told if math.isfinite(value)]
    least, most = min(here), max(here)
    room = (most - least) * 0.12 or abs(most) * 0.1 or 1.0
    least, most = least - room, most + room

    def x(value: float) -> float:
        return _EDGE + (value - least) / (most - least) * (_WIDE - 2 * _EDGE)

    parts = [f'<line class="axis" x1="{_EDGE}" x2="{_WIDE - _EDGE}" y1="24" y2="24"/>']
    if math.isfinite(low) and math.isfinite(high):
        wide = max(x(high) - x(low), 1.5)
        parts.append(f'<rect class="band" x="{x(low):.1f}" y="14" width="{wide:.1f}" height="20"/>')
        labelled = [low, high] if x(high) - x(low) > 44 else [high]
        parts += [f'<text x="{x(v):.1f}" y="48" text-anchor="middle">{figure(v, 3)}</text>' for v in labelled]
    if math.isfinite(published):
        parts.append(_diamond((x(published), 24.0), 7))
    if math.isfinite(ours):
        parts.append(f'<circle class="ours" cx="{x(ours):.1f}" cy="24" r="4.5"/>')
        parts.append(f'<text x="{x(ours):.1f}" y="9" text-anchor="middle">ours {figure(ours, 3)}</text>')
    return _drawing(52, _words(told), parts)


def curve_plot(found: Drawn, told: Told | None = None, mates: Sequence[tuple[Drawn, Told]] = ()) -> str:
    """Ours as a line, with its value as a full disc; what was published as open diamonds or a dashed line, with its
    band; nothing where there is no curve. `mates` are other published values on the same curve.
    """
    own = told if found.shown else None
    marks = [(found, own)] if own else []
    marks += [(place, other) for place, other in mates if place.shown and len(place.shown(other.published)) == 1]
    every = [*found.curve, *found.published, *found.beside]
    every += [p for place, value in marks for v in value if math.isfinite(v) for p in place.shown(v)]  # type: ignore[misc]
    every = [p for p in every if all(map(math.isfinite, p))]
    if len(every) < 2 or not found.curve:
        return ""
    to = _frame(every)
    parts = _axes(found, to)
    for place, value in reversed(marks):
        parts += _mark(place, value, to, 7 if value is own else 3.5)
    parts += _line(found.beside, to, "beside") + _line(found.curve, to, "line")
    if len(found.curve) <= _FEW:
        parts += [f'<circle class="ours" cx="{a:.1f}" cy="{b:.1f}" r="2"/>' for a, b in _placed(found.curve, to)]
    parts += [_diamond(at, 4) for at in _placed(found.published, to)]
    words = f"{found.along} over {found.across}: ours as a line"
    words += ", published as diamonds" if found.published else ""
    if own:
        parts += _own(found, own, to)
        words += f"; {_words(own)}"
    return _drawing(_HIGH, words, parts)


def _words(told: Told) -> str:
    return (
        f"published {figure(told.published)}, band {figure(told.low)} to {figure(told.high)}, ours {figure(told.ours)}"
    )


# ---------------------------------------------------------------------------------------------- parts


class _Frame(NamedTuple):
    """Ends of both axes."""

    x0: float
    x1: float
    y0: float
    y1: float

    def at(self, point: Point) -> Point:
        """A point in the picture."""
        across = _LEFT + (point[0] - self.x0) / (self.x1 - self.x0) * (_WIDE - _LEFT - 12)
        return across, _HIGH - _FOOT - (point[1] - self.y0) / (self.y1 - self.y0) * (_HIGH - _FOOT - _TOP - 6)


def _frame(every: Sequence[Point]) -> _Frame:
    ends = []
    for values in zip(*every, strict=True):
        low, high = min(values), max(values)
        room = 0.04 * (high - low) or abs(high) * 0.1 or 0.5
        ends += [low - room, high + room]
    return _Frame(*ends)


def _placed(points: Sequence[Point], to: _Frame) -> list[Point]:
    return [to.at(p) for p in points if all(map(math.isfinite, p))]


def _line(points: Sequence[Point], to: _Frame, name: str) -> list[str]:
    placed = _placed(points, to)
    return [f'<polyline class="{name}" points="{_listed(placed)}"/>'] if len(placed) > 1 else []


def _listed(placed: Sequence[Point]) -> str:
    return " ".join(f"{a:.1f},{b:.1f}" for a, b in placed)


def _diamond(at: Point, size: float) -> str:
    a, b = at
    return f'<path class="published" d="M{a:.1f} {b - size:.1f}l{size} {size}l-{size} {size}l-{size} -{size}z"/>'


def _mark(place: Drawn, told: Told, to: _Frame, size: float) -> list[str]:
    """A published value with its band: a diamond on a bar, or a dashed line in a shade."""
    assert place.shown
    at, low, high = (_placed(place.shown(value), to) for value in (told.published, told.low, told.high))
    if len(at) == 1:
        (x0, y0), (x1, y1) = low[0], high[0]
        bar = f'<line class="spread" x1="{x0:.1f}" y1="{y0:.1f}" x2="{x1:.1f}" y2="{y1:.1f}"/>'
        return [bar, _diamond(at[0], size)]
    shade = f'<polygon class="band" points="{_listed([*low, *reversed(high)])}"/>'
    return [shade, f'<polyline class="theirs" points="{_listed(at)}"/>', _diamond(at[-1], size)]


def _own(found: Drawn, told: Told, to: _Frame) -> list[str]:
    assert found.shown
    if not math.isfinite(told.ours):
        return []
    at = _placed(found.shown(told.ours), to)
    if len(at) == 1:
        return [f'<circle class="ours" cx="{at[0][0]:.1f}" cy="{at[0][1]:.1f}" r="3.5"/>']
    return [f'<polyline class="own" points="{_listed(at)}"/>']


def ticks(low: float, high: float) -> list[tuple[float, str]]:
    """Round numbers between two ends, about `_TICKS` of them, with as many decimals as tell them apart."""
    rough = (high - low) / _TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(by * power for by in (1, 2, 5, 10) if by * power >= rough)
    first, last = math.ceil(low / step), math.floor(high / step)
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    small = decimals > _DECIMALS  # diffusivities in cm2/s and the like: as they are written elsewhere
    values = [k * step for k in range(first, last + 1)]
    return [(v, figure(v, 3) if small else f"{v:.{decimals}f}".replace("-", "−")) for v in values]


def _axes(found: Drawn, to: _Frame) -> list[str]:
    """Grid, numbers and words of both axes."""
    base, parts = _HIGH - _FOOT, []
    for value, words in ticks(to.y0, to.y1):
        _, y = to.at((to.x0, value))
        parts.append(f'<line class="axis" x1="{_LEFT}" x2="{_WIDE - 12}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{_LEFT - 5}" y="{y + 4:.1f}" text-anchor="end">{words}</text>')
    for value, words in ticks(to.x0, to.x1):
        x, _ = to.at((value, to.y0))
        parts.append(f'<line class="axis" x1="{x:.1f}" x2="{x:.1f}" y1="{base}" y2="{base + 4}"/>')
        parts.append(f'<text x="{x:.1f}" y="{base + 16}" text-anchor="middle">{words}</text>')
    parts.append(f'<line class="axis" x1="{_LEFT}" x2="{_WIDE - 12}" y1="{base}" y2="{base}"/>')
    parts.append(f'<text x="{_WIDE - 12}" y="{base + 31}" text-anchor="end">{escape(found.across)}</text>')
    parts.append(f'<text x="4" y="11">{escape(found.along)}</text>')
    return parts


def _drawing(high: float, told: str, parts: Sequence[str]) -> str:
    frame = f'class="plot" viewBox="0 0 {_WIDE:g} {high:g}" role="img" aria-label="{escape(told)}"'
    return f"<svg {frame}>{''.join(parts)}</svg>"
