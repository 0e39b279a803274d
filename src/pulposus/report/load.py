"""The disc under load, as a section of the page: a moving picture, pressure and bulge by posture, a day, mobility."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pulposus.report.sections import escape, table
from pulposus.report.words import number

if TYPE_CHECKING:
    import pandas as pd

Loads = tuple["pd.DataFrame", "pd.DataFrame", "pd.DataFrame", "pd.DataFrame", Mapping[str, Any]]
# what moves: postures in turn, each held for a while
_FILM = ("lying", "standing", "lifting", "lying")
_SECONDS, _HELD = 9.0, 0.35
_WORDS = {
    "lying": "lying",
    "sitting": "sitting",
    "standing": "standing",
    "extended": "bent back",
    "side_bent": "bent to the side",
    "turned": "turned",
    "flexed": "bent forward",
    "lifting": "lifting 20 kg, back round",
}
_MOTIONS = {"flexion": "flexion", "extension": "extension", "side_bending": "to the side", "turning": "about the axis"}
# the ends of cividis and a middle: even in lightness, told apart by the colour-blind
_RAMP = ((0, 34, 78), (124, 123, 120), (254, 232, 56))
_LINES = {"start": ("#777", "2 3"), "untreated": ("var(--untreated)", "6 4"), "treated": ("var(--treated)", "")}
_KEYS = {"start": "at start dotted", "untreated": "untreated dashed", "treated": "treated solid"}
# column of tears.csv -> head, digits
_WORN = (
    ("Dallas", "dallas", 0),
    ("Torn, % of annulus", "torn_percent", 0),
    ("Out, mL", "herniated_mL", 2),
    ("Canal left, % of depth", "canal_depth_left_percent", 0),
    ("Foramen left, % of height", "foramen_height_left_percent", 0),
    ("Neutral zone, °", "neutral_zone_degrees", 1),
    ("Slip under shear, mm", "translation_mm", 2),
    ("Osteophyte, mm", "osteophyte_mm", 1),
)
_TORN = (
    "One day of loads by posture, seen at start, in the middle and at the end, and each quarter of a year while "
    "it tears, stands for all days. Fibres are as strong as the ages at which people without pain have fissures ask "
    "of a median person; a quarter weaker, those of a healthy disc would tear within a year, while a disc that has "
    "dried hardly tears here. A run begins with the tear that a discogram told, else with a whole annulus, whatever "
    "the age. Cycles and rates are mostly assumed, and nothing heals. What touches a nerve need not hurt."
)
_LIMITS = (
    "Computed on a coarse mesh from the form at rest overnight. Postures and moments come at once, so that no water "
    "leaves. Loads by posture are those of models of muscles (that of lying is assumed), and bent postures turn the "
    "disc as far as living people turn at L4-L5 (evidence/loads.csv), whatever its grade; facets, ligaments and "
    "muscles are not in the model, and a disc alone turns less about its axis here than in a testing machine "
    "(validation book)."
)


def section(loads: Loads | None, info: Mapping[str, Any]) -> str:
    """The section as HTML; a sentence where nothing was computed."""
    if loads is None:
        return "<p>Not computed: the run left it out, or the disc's mechanics were columns.</p>"
    postures, motions, day, worn, cut = loads
    return "".join(
        (
            f'<p class="warning" role="note"><b>Note:</b> {escape(cut["said"])}</p>' if cut.get("said") else "",
            _said(postures, day),
            '<div class="load">',
            _film(cut),
            "<div>",
            _postures(postures),
            "</div></div>",
            '<div class="charts">',
            _day(day, "height_mm", "Height over a night and a day", "mm", 1),
            _day(day, "pressure_MPa", "Pressure over a night and a day", "MPa", 2),
            _motions(motions),
            "</div>",
            _tears(worn, cut, info),
            f"<p>{_LIMITS}</p>",
        )
    )


def _tears(worn: pd.DataFrame, cut: Mapping[str, Any], info: Mapping[str, Any]) -> str:
    """What years of such days tear, press out and let grow: sentences, a picture and a table of each arm."""
    parts = []
    for arm, sentences in (info.get("tears") or {}).items():
        rows = worn[worn["arm"] == arm]
        ended = rows[rows["status"] != "completed"]
        told = [*sentences, *(f"From year {row.year:g}: {row.status}." for row in ended.itertuples())]
        parts.append(
            f'<figure class="chart tears"><h3>{escape(arm.capitalize())}, at the end</h3>{_picture(arm, cut)}'
            f"<figcaption>{escape(' '.join(told))}</figcaption></figure>"
        )
    if not parts:
        return ""
    both = info.get("annulus") or {}  # folders of before have none
    begun = f"<p>{escape(both['said'])}</p>" if both.get("said") else ""
    heads = ["Year", "", *(title for title, _, _ in _WORN)]
    lines = [
        [f"{row['year']:g}", row["arm"], *(f"{row[name]:.{digits}f}" for _, name, digits in _WORN)]
        for row in sorted(_told(worn), key=lambda row: (row["year"], row["arm"]))
    ]
    return (
        "<h3>Tears, herniation, nerves and mobility over the years</h3>"
        f'<div class="load">{"".join(parts)}</div>{table(heads, lines, "worn")}<p>{_TORN}</p>{begun}'
    )


def _told(worn: pd.DataFrame) -> list[dict[str, Any]]:
    """First, middle and last of the rows of each arm; a disc that tears has more of them in ``tears.csv``."""
    found = []
    for _, own in worn[worn["status"] == "completed"].groupby("arm"):
        last = own["year"].max()
        for year in (0.0, last / 2, last):
            found.append(own.loc[(own["year"] - year).abs().idxmin()].to_dict())
    return [row for i, row in enumerate(found) if row not in found[:i]]


def _picture(arm: str, cut: Mapping[str, Any]) -> str:
    """The disc from above, where it was drawn; a PNG in base64."""
    data = (cut.get("pictures") or {}).get(arm)
    told = "The disc from above: damage of the annulus, nucleus that has come out, canal and foramina behind."
    return f'<img src="data:image/png;base64,{data}" alt="{told}">' if data else ""


def _of(rows: pd.DataFrame, when: str, arm: str, name: str, key: str, column: str) -> float:
    """One number of a table; NaN where it is not there."""
    arm_of = rows["arm"].fillna("")
    found = rows[(rows["when"] == when) & (arm_of == arm) & (rows[key] == name)][column]
    return float(found.iloc[0]) if len(found) else math.nan


def _arms(rows: pd.DataFrame) -> list[tuple[str, str, str]]:
    """When, arm and words of what was loaded."""
    arms = [arm for arm in ("untreated", "treated") if (rows["arm"] == arm).any()]
    return [("start", "", "at start"), *(("end", arm, f"{arm}, at the end") for arm in arms)]


def _degrees(value: float) -> str:
    """An angle, or a dash where the disc was beyond what can be solved."""
    return f"{value:.1f}°" if math.isfinite(value) else "–"


def _said(postures: pd.DataFrame, day: pd.DataFrame) -> str:
    """What it comes to, in two sentences."""

    def pressure(posture: str) -> float:
        return _of(postures, "start", "", posture, "posture", "pressure_MPa")

    fallen = _daily(day, "start", "")
    text = (
        f"Pressure in the middle of the nucleus is {number(pressure('lying'), 2)} MPa lying, "
        f"{number(pressure('standing'), 2)} standing and {number(pressure('lifting'), 2)} lifting 20 kg. "
        f"From morning to evening, lying both times, the disc loses {number(fallen, 2)} % of its height."
    )
    if (postures["posture"] == "after_mean_day").any():  # folders of before have none
        held = [_of(postures, "start", "", "after_mean_day", "posture", c) for c in ("pressure_MPa", "height_mm")]
        text += (
            f" Held under the mean load of its day until no water moves it is {number(held[1], 3)} mm high, at "
            f"{number(held[0], 2)} MPa."
        )
    return f"<p>{escape(text)}</p>"


def _night(rows: pd.DataFrame) -> np.ndarray:
    """True for rows of the first span of a day, whatever it is called: a span begins with its load, at the hour at
    which the one before has ended.
    """
    hours, names = rows["hour"].to_numpy(float), rows["span"].to_numpy()
    begun = np.r_[False, (hours[1:] == hours[:-1]) | (names[1:] != names[:-1])]
    return np.cumsum(begun) == 0


def _daily(day: pd.DataFrame, when: str, arm: str) -> float:
    """Fall of height from the end of the night to lying down in the evening, percent."""
    rows = day[(day["when"] == when) & (day["arm"].fillna("") == arm)]
    rows = rows[_night(rows)]
    return float(100 * (1 - rows["height_mm"].iloc[0] / rows["height_mm"].iloc[-1]))


# ---------------------------------------------------------------------------------------------- the moving picture


def _film(cut: Mapping[str, Any]) -> str:
    """The mid-sagittal section, going from posture to posture; moves without scripts, stops at a click."""
    frames = [cut["frames"][name] for name in _FILM if name in cut["frames"]]
    if len(frames) < len(_FILM):
        return ""
    y, z = (np.array([frame[key] for frame in frames]) for key in ("y_mm", "z_mm"))
    p = np.array([frame["pressure_MPa"] for frame in frames])
    low, high = 0.0, float(np.ceil(10 * p.max()) / 10)
    left, top, wide, tall = -y.max() - 3, -z.max() - 3, np.ptp(y) + 6, np.ptp(z) + 6
    times = _times(len(frames))
    cells = []
    for i in range(p.shape[1]):
        for k in range(p.shape[2]):
            corners = [(i, k), (i + 1, k), (i + 1, k + 1), (i, k + 1)]
            # anterior to the left, as a sagittal image is hung
            places = [" ".join(f"{-y[f][c]:.2f},{-z[f][c]:.2f}" for c in corners) for f in range(len(frames))]
            colours = [_colour((p[f, i, k] - low) / (high - low)) for f in range(len(frames))]
            cells.append(
                f'<polygon points="{places[0]}" fill="{colours[0]}">'
                f"{_moving('points', places, times)}{_moving('fill', colours, times)}</polygon>"
            )
    names = "".join(
        f'<text x="{left + wide / 2:.1f}" y="{top + 2.6:.1f}" opacity="{1 if f == 0 else 0}">{escape(_WORDS[name])}'
        f"{_moving('opacity', ['1' if g == f else '0' for g in range(len(_FILM))], times, 'discrete')}</text>"
        for f, name in enumerate(_FILM[:-1])
    )
    sides = (
        f'<text class="side" x="{left + 0.5:.1f}" y="{top + tall - 0.6:.1f}" >anterior</text>'
        f'<text class="side end" x="{left + wide - 0.5:.1f}" y="{top + tall - 0.6:.1f}">posterior</text>'
    )
    told = "Section from front to back through the disc: lying, standing, lifting; colour is pressure."
    return (
        f'<figure class="film"><svg id="film" viewBox="{left:.1f} {top:.1f} {wide:.1f} {tall:.1f}" role="img" '
        f'aria-label="{told}">'
        f"{''.join(cells)}{names}{sides}</svg>{_ramp(low, high)}"
        '<figcaption>From lying to standing to lifting, to scale. <button type="button" id="film-stop">Stop</button>'
        "</figcaption></figure>"
    )


def _times(frames: int) -> list[float]:
    """Key times: every frame is held, then left for the next."""
    steps = frames - 1
    times = [0.0]
    for i in range(steps):
        times += [(i + _HELD) / steps, (i + 1) / steps]
    return times


def _moving(attribute: str, values: Sequence[str], times: Sequence[float], mode: str = "linear") -> str:
    held = [values[0], *(value for pair in itertools.pairwise(values) for value in pair)]
    keys = ";".join(f"{t:.3f}" for t in times)
    return (
        f'<animate attributeName="{attribute}" dur="{_SECONDS}s" repeatCount="indefinite" '
        f'calcMode="{mode}" keyTimes="{keys}" values="{";".join(held)}"/>'
    )


def _colour(share: float) -> str:
    share = min(max(share, 0.0), 1.0) * (len(_RAMP) - 1)
    i = min(int(share), len(_RAMP) - 2)
    mixed = [round(a + (share - i) * (b - a)) for a, b in zip(_RAMP[i], _RAMP[i + 1], strict=True)]
    return "#" + "".join(f"{part:02x}" for part in mixed)


def _ramp(low: float, high: float) -> str:
    stops = ",".join(_colour(k / 8) for k in range(9))
    marks = "".join(f"<span>{low + (high - low) * k / 4:.2g}</span>" for k in range(5))
    return (
        f'<div class="ramp-of"><span>Pressure, MPa</span><div style="background:linear-gradient(90deg,{stops})"></div>'
        f"<p>{marks}</p></div>"
    )


# ---------------------------------------------------------------------------------------------- tables and curves


def _postures(rows: pd.DataFrame) -> str:
    """Pressure, bulge and fibres by posture, at start and at the end of each arm."""
    arms = _arms(rows)
    heads = [
        "",
        *(f"Pressure {words}, MPa" for *_, words in arms),
        "Bulge behind at start, mm",
        "Fibre strain at start, %",
    ]
    if "axial_stiffness_kN_per_mm" in rows:  # folders of before have none
        heads.append("Stiffness at start, kN/mm")
    lines = []
    for name, words in _WORDS.items():
        cells = [f"{_of(rows, when, arm, name, 'posture', 'pressure_MPa'):.2f}" for when, arm, _ in arms]
        cells.append(f"{_of(rows, 'start', '', name, 'posture', 'bulge_posterior_mm'):.1f}")
        cells.append(f"{_of(rows, 'start', '', name, 'posture', 'fibre_strain_percent'):.1f}")
        if "axial_stiffness_kN_per_mm" in rows:
            cells.append(f"{_of(rows, 'start', '', name, 'posture', 'axial_stiffness_kN_per_mm'):.2f}")
        lines.append([words, *("beyond this disc" if cell == "nan" else cell for cell in cells)])
    return table(heads, lines, "loads")


def _motions(rows: pd.DataFrame) -> str:
    """Turn under the largest moment, by motion and arm, as a small table among the charts."""
    moment = float(rows["moment_N_m"].max())
    most = rows[rows["moment_N_m"] == moment]
    arms = _arms(rows)
    heads = ["", *(words for *_, words in arms)]
    lines = [
        [words, *(_degrees(_of(most, when, arm, name, "motion", "turn_degrees")) for when, arm, _ in arms)]
        for name, words in _MOTIONS.items()
    ]
    least = rows[rows["moment_N_m"] == rows["moment_N_m"].min()]
    zone = sum(_of(least, "start", "", name, "motion", "turn_degrees") for name in ("flexion", "extension"))
    return (
        f'<figure class="chart"><h3>Motion of the disc alone <small>at {moment:g} N m</small></h3>'
        f"{table(heads, lines, 'motion')}<figcaption>At {float(least['moment_N_m'].iloc[0]):g} N m it goes "
        f"{_degrees(zone)} from bent forward to bent back, at start.</figcaption></figure>"
    )


def _day(rows: pd.DataFrame, column: str, title: str, unit: str, decimals: int) -> str:
    """A curve over 24 hours for start and both arms, as SVG."""
    series = [
        (arm or when, part["hour"].to_numpy(float), part[column].to_numpy(float))
        for when, arm, _ in _arms(rows)
        for part in [rows[(rows["when"] == when) & (rows["arm"].fillna("") == arm)]]
    ]
    values = np.concatenate([v for *_, v in series])
    if not np.isfinite(values).all():
        return f'<figure class="chart"><h3>{title}</h3><p>A load of the day is beyond this disc.</p></figure>'
    low, high = _rounded(float(values.min()), float(values.max()))
    wide, tall, left, base = 340.0, 190.0, 44.0, 24.0
    right = 18.0

    def x(hour: Any) -> Any:
        return left + (wide - left - right) * np.asarray(hour) / 24

    def y(value: Any) -> Any:
        return 8 + (tall - base - 8) * (high - np.asarray(value)) / (high - low)

    marks = np.linspace(low, high, 5)
    grid = "".join(
        f'<line x1="{left}" x2="{wide - right}" y1="{y(m):.1f}" y2="{y(m):.1f}" class="grid"/>'
        f'<text x="{left - 6}" y="{y(m) + 4:.1f}" text-anchor="end">{m:.{decimals}f}</text>'
        for m in marks
    )
    hours = "".join(
        f'<text x="{x(h):.1f}" y="{tall - 6}" text-anchor="middle">{h} h</text>' for h in (0, 4, 8, 12, 16, 20, 24)
    )
    begun = rows[rows["when"] == "start"]
    up = float(begun[_night(begun)]["hour"].max())
    night = f'<rect x="{x(0):.1f}" y="8" width="{x(up) - x(0):.1f}" height="{tall - base - 8:.1f}" class="night"/>'
    lines = "".join(
        f'<polyline fill="none" stroke="{_LINES[name][0]}" stroke-width="2" stroke-dasharray="{_LINES[name][1]}" '
        f'points="{" ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x(hour), y(value), strict=True))}"/>'
        for name, hour, value in series
    )
    keys = ", ".join(
        {"start": "at start dotted", "untreated": "untreated dashed", "treated": "treated solid"}[n] for n, *_ in series
    )
    first = series[0][2]
    told = f"{title}: at start between {first.min():.{decimals}f} and {first.max():.{decimals}f} {unit}."
    return (
        f'<figure class="chart"><h3>{title} <small>{unit}</small></h3>'
        f'<svg class="day" viewBox="0 0 {wide:.0f} {tall:.0f}" role="img" aria-label="{told}">'
        f"{night}{grid}{hours}{lines}</svg>"
        f"<figcaption>Shaded: lying. {keys[0].upper()}{keys[1:]}.</figcaption></figure>"
    )


def _rounded(low: float, high: float) -> tuple[float, float]:
    """Ends of an axis in whole quarters of a handsome step."""
    span = max(high - low, 1e-3)
    step = 10 ** math.floor(math.log10(span / 4))
    step = next(step * m for m in (1, 2, 2.5, 5, 10, 20) if 4 * step * m >= span)
    low = max(low, 0.0)  # neither height nor pressure goes below, but for rounding
    start = math.floor(low / step) * step
    while start + 4 * step < high:
        step *= 2
        start = math.floor(low / step) * step
    return start, start + 4 * step
