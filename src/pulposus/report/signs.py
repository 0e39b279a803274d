"""Pictures for people who look rather than read: little people, bands, what a fall is made of, shares in a row.

What: each function gives one SVG as text, 360 units wide so that it can be read on a telephone, with all its looks in
attributes so that a page and a printed sheet show the same. Colours are those of Okabe and Ito, and never alone: each
kind of person has its own arms, each part of a bar its own pattern, and what is shown is said in words besides.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from pulposus.report.sections import escape
from pulposus.talk import Band, Chance, people

WIDE = 360.0
INK, SOFT, LINE, PALE = "#1c2430", "#5d6878", "#c9cdd2", "#eef0f2"
BLUE, ORANGE, GREEN, SKY, RED, GREY = "#0072b2", "#e69f00", "#009e73", "#56b4e9", "#d55e00", "#8a8f98"
FONTS = "DejaVu Sans, Liberation Sans, Arial, Helvetica, sans-serif"
Part = tuple[str, float]

# part of a change -> words, colour, pattern
PARTS = {
    "regression": ("you came on a bad day", SKY, "dots"),
    "course": ("time: it eases by itself", GREEN, "bars"),
    "expectation": ("hope and care", ORANGE, "slants"),
    "treatment": ("the treatment itself", BLUE, "plain"),
    "worsening": ("knowing that nothing is done", RED, "cross"),
    "other": ("ends of the scale, chance", GREY, "plain"),
}
# kind of person -> words, colour
PEOPLE = (
    ("better by the treatment", BLUE),
    ("by hope and care: a sham does it too", ORANGE),
    ("with time: nothing does it too", GREEN),
    ("not clearly better", GREY),
)
_ARMS = ("M0-2L-6-9M0-2L6-9", "M-7-1.5H7", "M-1.5-3L-5.5 3.5M1.5-3L5.5 3.5", "M-1.5-3L-5.5 3.5M1.5-3L5.5 3.5")


def drawing(high: float, told: str, parts: Sequence[str], wide: float = WIDE) -> str:
    """An SVG of these parts, with what it shows in words."""
    frame = f'viewBox="0 0 {wide:g} {high:g}" role="img" aria-label="{escape(told)}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {frame} font-family="{FONTS}" font-size="13" fill="{INK}">'
        f"{''.join(parts)}</svg>"
    )


def text(
    x: float, y: float, words: str, size: float = 13, anchor: str = "start", colour: str = INK, bold: bool = False
) -> str:
    """One line of words."""
    weight = ' font-weight="700"' if bold else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size:g}" text-anchor="{anchor}" fill="{colour}"{weight}>'
        f"{escape(words)}</text>"
    )


def _backed(x: float, y: float, words: str) -> str:
    """A line of words that stays legible on lines of a grid."""
    plain = text(x, y, words, 12)
    return plain.replace("<text ", '<text stroke="#fbfaf7" stroke-width="3" paint-order="stroke" ', 1)


def wrapped(words: str, most: int) -> list[str]:
    """Words on lines of at most so many letters."""
    lines = [""]
    for word in words.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > most:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def bar(x: float, y: float, wide: float, high: float, colour: str, pattern: str = "plain") -> str:
    """A bar of one colour with its pattern, drawn line by line so that every program shows it alike."""
    if wide <= 0:
        return ""
    made = [f'<rect x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{high:.1f}" fill="{colour}"/>']
    pen = 'stroke="#fff" stroke-width="1.6" stroke-opacity=".75"'
    path = ""
    if pattern in ("slants", "cross"):
        path += _slants(x, y, wide, high)
    if pattern in ("bars", "cross"):
        path += "".join(f"M{x + k:.1f} {y:.1f}v{high:.1f}" for k in _steps(wide, 6))
    if path:
        made.append(f'<path d="{path}" {pen} fill="none"/>')
    if pattern == "dots":
        made += [
            f'<circle cx="{x + a:.1f}" cy="{y + b:.1f}" r="1.5" fill="#fff"/>'
            for a in _steps(wide, 7)
            for b in _steps(high, 7)
        ]
    made.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{high:.1f}" fill="none" stroke="#fff"/>')
    return "".join(made)


def _steps(length: float, step: float) -> list[float]:
    return [
        step / 2 + k * step for k in range(max(0, int((length - step / 2) / step) + 1)) if step / 2 + k * step < length
    ]


def _slants(x: float, y: float, wide: float, high: float) -> str:
    """Lines at 45 degrees, cut at the ends of a bar."""
    path = ""
    for k in range(1, int((wide + high) / 7) + 1):
        c = 7.0 * k
        x0, y0 = (c, 0.0) if c <= wide else (wide, c - wide)
        x1, y1 = (0.0, c) if c <= high else (c - high, high)
        path += f"M{x + x0:.1f} {y + y0:.1f}L{x + x1:.1f} {y + y1:.1f}"
    return path


# ---------------------------------------------------------------------------------------------- little people


def person(kind: int) -> str:
    """One little person about (0, 0): arms up, arms out, arms down, or an outline."""
    colour = PEOPLE[kind][1]
    if kind == len(PEOPLE) - 1:
        return (
            f'<g fill="#fff" stroke="{colour}" stroke-width="1.3" stroke-linecap="round"><path d="{_ARMS[kind]}'
            'M-1.5 5V11M1.5 5V11"/><path d="M-2-4H2V5H-2Z"/><circle cy="-8" r="3"/></g>'
        )
    return (
        f'<g fill="{colour}" stroke="{colour}" stroke-width="2.4" stroke-linecap="round"><path d="{_ARMS[kind]}'
        'M-1.3 5V11M1.3 5V11"/><path d="M0-2V4" stroke-width="5"/><circle cy="-8.5" r="2.6"/></g>'
    )


def crowd(chance: Chance, name: str) -> str:
    """100 little people in ten rows, and how many of them are of each kind; `name` is one of its own on the page."""
    counts = people(chance)
    defs = "".join(f'<g id="{name}-{kind}">{person(kind)}</g>' for kind in range(len(PEOPLE)))
    kinds = [kind for kind, count in enumerate(counts) for _ in range(count)]
    made = [f"<defs>{defs}</defs>"]
    made += [
        f'<use href="#{name}-{kind}" x="{14 + 23 * (k % 10):g}" y="{17 + 27 * (k // 10):g}"/>'
        for k, kind in enumerate(kinds)
    ]
    y = 14.0
    for kind, count in enumerate(counts):
        words, colour = PEOPLE[kind]
        made.append(f'<use href="#{name}-{kind}" x="256" y="{y + 2:g}"/>')
        made.append(text(270, y + 7, str(count), 20, bold=True, colour=colour if kind else BLUE))
        lines = wrapped(words, 13)
        made += [text(270, y + 21 + 13 * i, line, 11, colour=SOFT) for i, line in enumerate(lines)]
        y += 34 + 13 * len(lines)
    told = "of 100 people: " + ", ".join(f"{count} {PEOPLE[kind][0]}" for kind, count in enumerate(counts))
    return drawing(278, told, made)


# ---------------------------------------------------------------------------------------------- scores

# What stands in a hatched part, and how wide it is at the least.
_HATCHED = (("extrapolated: nobody looked", 175.0), ("extrapolated", 82.0))


def fan(
    band: Band,
    start: float,
    words: tuple[str, str],
    matters: float,
    span: float,
    other: Band | None = None,
    until: float | None = None,
) -> str:
    """A score over months with its 50 and 90 % bands; a dashed line where it has fallen enough to matter; the mean of
    a sham besides, dotted. words: what stands at 100, and at 0. until: month after which it is extrapolated, hatched.
    """
    left, right, top, base = 34.0, 352.0, 20.0, 138.0

    def at(month: float, score: float) -> str:
        return f"{left + month / span * (right - left):.1f},{base - score / 100 * (base - top):.1f}"

    def shade(low: Sequence[float], high: Sequence[float], colour: str) -> str:
        up = [at(0, start), *(at(m, v) for m, v in zip(band.months, high, strict=True))]
        down = [at(m, v) for m, v in zip(band.months, low, strict=True)][::-1]
        return f'<polygon points="{" ".join([*up, *down])}" fill="{colour}"/>'

    made = []
    for score in (0, 25, 50, 75, 100):
        y = base - score / 100 * (base - top)
        made.append(f'<line x1="{left}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}" stroke="{LINE}" stroke-width=".8"/>')
        made.append(text(left - 5, y + 4, str(score), 11, "end", SOFT))
    made += [shade(band.low90, band.high90, "#d5e6f1"), shade(band.low50, band.high50, "#8fbfdd")]
    goal = max(start - matters, 0.0)
    made.append(
        f'<path d="M{at(0, goal)}L{at(span, goal)}" stroke="{GREEN}" stroke-width="1.6" stroke-dasharray="7 4"/>'
    )
    if other is not None:
        points = " ".join([at(0, start), *(at(m, v) for m, v in zip(other.months, other.mean, strict=True))])
        made.append(
            f'<polyline points="{points}" fill="none" stroke="{ORANGE}" stroke-width="2.4" stroke-dasharray="1 4.5" '
            'stroke-linecap="round"/>'
        )
    points = " ".join([at(0, start), *(at(m, v) for m, v in zip(band.months, band.mean, strict=True))])
    made.append(f'<polyline points="{points}" fill="none" stroke="{BLUE}" stroke-width="2.6"/>')
    begin = at(0, start).split(",")
    made.append(f'<circle cx="{begin[0]}" cy="{begin[1]}" r="4.5" fill="{INK}"/>')
    made += [text(left, 12, f"{words[0]} ↑", 11, colour=SOFT), text(right, 12, f"{words[1]} ↓", 11, "end", SOFT)]
    for month in range(0, int(span) + 1, 6 if span > 6 else 1):
        x = at(month, 0).split(",")[0]
        made.append(text(float(x), base + 15, "now" if month == 0 else str(month), 11, "middle", SOFT))
    made.append(text(right, base + 30, "months", 11, "end", SOFT))
    if until is not None and until < span:
        edge = float(at(until, 0).split(",")[0])
        slants = _slants(edge, top, right - edge, base - top)
        made.append(f'<path d="{slants}" stroke="{SOFT}" stroke-width=".7" fill="none"/>')
        room = right - edge
        said = next((words for words, wide in _HATCHED if wide <= room), "")
        made += [_backed(edge + 4, base - 5, said)] if said else []
    low, _, mean, _, high = band.at_end()
    told = (
        f"from {start:.0f} to {mean:.0f} after {span:.0f} months, 90 of 100 people between {low:.0f} and {high:.0f}"
    )
    told += "" if until is None or until >= span else f", extrapolated after {until:.2g} months"
    return drawing(172, told, made)


def ranges(rows: Sequence[tuple[str, Band]], start: float, ends: tuple[str, str]) -> str:
    """Where a score lies at the end, an option a row: thin bar 90, thick bar 50 of 100 people, a diamond the mean;
    the start as a dashed line. rows: title and band.
    """
    step, left, right, top = 34.0, 6.0, 354.0, 34.0
    high = top + step * len(rows) + 22

    def x(score: float) -> float:
        return left + score / 100 * (right - left)

    made = []
    for score in (0, 25, 50, 75, 100):
        made.append(
            f'<line x1="{x(score):.1f}" x2="{x(score):.1f}" y1="{top - 8}" y2="{high - 18}" stroke="{LINE}" '
            'stroke-width=".8"/>'
        )
        anchor = {0: "start", 100: "end"}.get(score, "middle")
        made.append(text(x(score), high - 5, str(score), 11, anchor, SOFT))
    made += [text(left, 12, ends[0], 11, colour=SOFT), text(right, 12, ends[1], 11, "end", SOFT)]
    made.append(
        f'<line x1="{x(start):.1f}" x2="{x(start):.1f}" y1="{top - 8}" y2="{high - 18}" stroke="{INK}" '
        'stroke-width="1.6" stroke-dasharray="6 4"/>'
    )
    made.append(text(x(start), 25, "now", 11, "middle", INK, bold=True))
    for k, (title, band) in enumerate(rows):
        y = top + step * k
        a, b, mean, c, d = map(x, band.at_end())
        made.append(_backed(left, y + 9, title))
        made.append(f'<rect x="{a:.1f}" y="{y + 17}" width="{d - a:.1f}" height="6" rx="3" fill="#a9cde4"/>')
        made.append(f'<rect x="{b:.1f}" y="{y + 14}" width="{c - b:.1f}" height="12" rx="3" fill="{BLUE}"/>')
        made.append(f'<path d="M{mean:.1f} {y + 12}l7 8l-7 8l-7-8z" fill="#fff" stroke="{INK}" stroke-width="1.8"/>')
    told = "; ".join(f"{title}: {band.at_end()[2]:.0f}" for title, band in rows)
    return drawing(high, f"at the end, from {start:.0f} now: {told}", made)


def shares(rows: Sequence[tuple[str, Chance]]) -> str:
    """Of 100 people how many are clearly better, an option a row, as the four kinds of little people side by side."""
    step, left, right, top = 34.0, 6.0, 354.0, 34.0
    made = [
        text(left, 12, "of 100 people like this", 11, colour=SOFT),
        text(right, 12, "clearly better", 11, "end", SOFT),
    ]
    patterns = ("plain", "slants", "bars")
    for k, (title, chance) in enumerate(rows):
        y, at = top + step * k, left
        made.append(text(left, y + 9, title, 12))
        counts = people(chance)
        made.append(text(right, y + 9, str(sum(counts[:3])), 13, "end", INK, bold=True))
        made.append(f'<rect x="{left}" y="{y + 14}" width="{right - left}" height="13" fill="#fff" stroke="{GREY}"/>')
        for kind in (2, 1, 0):
            wide = counts[kind] / 100 * (right - left)
            made.append(bar(at, y + 14, wide, 13, PEOPLE[kind][1], patterns[kind]))
            at += wide
    told = "; ".join(f"{title}: {sum(people(chance)[:3])} of 100" for title, chance in rows)
    return drawing(top + step * len(rows) + 2, told, made)


# ---------------------------------------------------------------------------------------------- what a fall is of


def made_of(parts: Sequence[Part], reach: float, hope: str = "") -> str:
    """What the mean change at the end is made of: falls to the right in one bar, what goes up in one below; points.
    hope: what people hope of here, in words.
    """
    falls = [(name, -points) for name, points in parts if points < 0]
    rises = [(name, points) for name, points in parts if points > 0]
    left, right = 6.0, 354.0
    scale = (right - left) / max(reach, 1.0)
    total = -sum(points for _, points in parts)
    whole = f"on average {total:.0f} points less" if total >= 0.5 else "on average no less"
    whole = f"on average {-total:.0f} points more" if total <= -0.5 else whole
    made, y = [text(left, 12, whole, 13, bold=True)], 20.0
    for row, high in ((falls, 24.0), (rises, 12.0)):
        at = left
        for name, points in row:
            made.append(bar(at, y, points * scale, high, *PARTS[name][1:]))
            at += points * scale
        y += high + 3 if row else 0
    y += 6
    for name, points in parts:
        if round(abs(points)) or name == "treatment":
            words, colour, pattern = PARTS[name]
            words = hope if hope and name == "expectation" else words
            made.append(bar(left, y, 20, 13, colour, pattern))
            sign = "less" if points < 0 else "more"
            said = f"{abs(points):.0f} {sign}" if round(abs(points)) else "nothing"
            made += [text(left + 27, y + 11, said, 12, bold=True), text(left + 92, y + 11, words, 12, colour=SOFT)]
            y += 19
    told = ", ".join(f"{points:+.0f} {PARTS[name][0]}" for name, points in parts)
    return drawing(y + 2, f"{whole}: {told}", made)


def gauge(
    title: str,
    unit: str,
    before: float,
    after: float,
    limit: float | None,
    good: str,
    words: tuple[str, str] = ("before", "after"),
) -> str:
    """A number of the model's disc before (open disc) and after (full disc), with the limit below which it is bad.
    words: what both are called.
    """
    shown = [value for value in (before, after, limit) if value is not None and math.isfinite(value)]
    least, most = min(shown), max(shown)
    room = 0.25 * (most - least) or 0.1 * abs(most) or 1.0
    near = limit is not None and limit > 0.8 * most  # a limit close to what is found: the bar does not begin at nought
    least, most = least - room if near else 0.0, most + room

    def x(value: float) -> float:
        return 10 + (value - least) / (most - least) * 340

    made = [text(6, 14, title, 13, bold=True), text(354, 14, good, 12, "end", SOFT)]
    if limit is not None:
        made.append(bar(10, 30, x(limit) - 10, 12, RED, "slants"))
        made.append(text(x(limit), 60, f"limit {limit:.3g}", 11, "middle", SOFT))
    made.append(f'<rect x="10" y="30" width="340" height="12" fill="none" stroke="{GREY}"/>')
    made.append(f'<circle cx="{x(before):.1f}" cy="36" r="8" fill="#fff" stroke="{INK}" stroke-width="2"/>')
    made.append(f'<circle cx="{x(after):.1f}" cy="36" r="5" fill="{BLUE}" stroke="#fff"/>')
    first, last = words
    made.append(text(10, 78, f"○ {first} {before:.3g} {unit}    ● {last} {after:.3g} {unit}", 12))
    return drawing(84, f"{title}: {first} {before:.3g}, {last} {after:.3g} {unit}", made)


def counted(read: int, assumed: int) -> str:
    """How many numbers were read in a source, and how many are assumptions: one bar."""
    total, left, wide = max(read + assumed, 1), 6.0, 348.0
    cut = wide * read / total
    made = [bar(left, 6, cut, 24, BLUE), bar(left + cut, 6, wide - cut, 24, ORANGE, "slants")]
    made += [text(left, 48, f"{read} read in a source", 12), text(left + wide, 48, f"{assumed} assumed", 12, "end")]
    return drawing(54, f"{read} numbers read in a source, {assumed} assumed", made)
