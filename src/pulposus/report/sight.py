"""What a scanner would see, as a section of the page: the picture's read-outs beside those of the simulated disc."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pulposus import evidence, imaging, scanner
from pulposus.report.book import figure, table
from pulposus.report.load import Loads
from pulposus.report.sections import escape
from pulposus.report.words import ends

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

_LYING = "lying"
_NAMES = ("height index", "nucleus over fluid", "T2 of the nucleus, ms", "Pfirrmann grade", "bulge behind, lying, mm")


def section(
    history: xr.Dataset, summary: pd.DataFrame, info: Mapping[str, Any], loads: Loads | None, picture: str
) -> str:
    """The picture (PNG in base 64), read-outs side by side, and what stands behind them; nothing for a run that did not
    say what its pictures are read by.
    """
    own = info.get("scanner")
    if not own:
        return ""
    seen = own.get("picture") or {}
    treated = "treated" in history["arm"].to_numpy()
    times = [("start", "untreated", 0), ("end, untreated", "untreated", -1)]
    times += [("end, treated", "treated", -1)] if treated else []
    sights = {name: _sight(history, summary, own, arm, time) for name, arm, time in times}
    bulges = _bulges(loads, treated, seen.get("bulge_posterior"))
    heads = ["read-out", *(["picture"] if seen else []), *sights]
    given = [
        figure(seen.get("height_index", math.nan), 3),
        figure(seen.get("signal", math.nan), 2),
        figure(seen.get("t2", math.nan), 3),
        _grades(scanner.Graded(*seen["grades"])) if "grades" in seen else "–",
        figure(seen.get("bulge_posterior", math.nan), 2),
    ]
    rows = []
    for place, name in enumerate(_NAMES):
        cells = [_cells(sight, bulge)[place] for sight, bulge in zip(sights.values(), bulges, strict=True)]
        rows.append([name, *([given[place]] if seen else []), *cells])
    image = f'<img class="wide" alt="T2-weighted pictures" src="data:image/png;base64,{picture}">' if picture else ""
    return image + table(heads, rows, "sight") + f"<p>{escape(_words(own))}</p>"


def _sight(history: xr.Dataset, summary: pd.DataFrame, own: Mapping[str, Any], arm: str, time: int) -> imaging.Sight:
    seen = own.get("picture") or {}
    start, untreated, treated = ends(summary, "t2_nucleus_ms")
    whole, left, kept = ends(summary, "height_percent")
    which = 0 if time == 0 else 2 if arm == "treated" else 1
    t2, percent = (start, untreated, treated)[which], (whole, left, kept)[which]
    now = history.sel(arm=arm).isel(time=time)
    y, z = (imaging.midline(now[name].transpose("ring", "sector", "layer").to_numpy()) for name in ("y", "z"))
    plates = 0 if seen.get("with_endplates", True) else int(history.attrs.get("endplate_layers", 0))
    height = z[:, z.shape[1] - 1 - plates] - z[:, plates]
    share = float(own["height_share"]) * percent / whole
    return imaging.sight(t2, share, y.mean(1), height, seen.get("echo_time"))


def _bulges(loads: Loads | None, treated: bool, seen: float | None) -> list[float]:
    """Behind, lying: at start that of the picture, whose form the disc has, or by the section under load; at the ends
    by how far the rim has gone since; NaN without.
    """
    count = 3 if treated else 2
    frame = {} if loads is None else loads[-1].get("frames", {}).get(_LYING, {})
    if loads is None or not frame:
        return [math.nan] * count
    own = imaging.bulge(np.asarray(frame["y_mm"][0]), np.asarray(frame["z_mm"][0]))
    first = own if seen is None else seen
    rows = loads[0]
    rows = rows[rows["posture"] == _LYING]

    def gone(when: str, arm: str) -> float:
        here = rows[(rows["when"] == when) & (rows["arm"].fillna("") == arm)]["bulge_posterior_mm"]
        return float(here.iloc[0]) if len(here) else math.nan

    start = gone("start", "")
    return [first, *(first + gone("end", arm) - start for arm in ("untreated", "treated")[: count - 1])]


def _cells(sight: imaging.Sight, bulge: float) -> list[str]:
    numbers = [figure(sight.height_index, 3), figure(sight.signal, 2), figure(sight.t2, 3)]
    return [*numbers, _grades(sight.grades), figure(bulge, 2)]


def _grades(grades: scanner.Graded) -> str:
    reach = f"{grades.low}" if grades.low == grades.high else f"{grades.low} to {grades.high}"
    return f"{grades.grade} ({reach})"


def _words(own: Mapping[str, Any]) -> str:
    """What the numbers assume."""
    echo = (own.get("picture") or {}).get("echo_time")
    row = evidence.used("t2w_echo_time")
    time = f"{echo:g} ms, as was said" if echo else f"{row.value:g} ms ({row.low:g} to {row.high:g}, assumed)"
    return (
        f"Read by one law from picture and model: a spin echo with an echo time of {time}. In brackets the grades that "
        "hold nine tenths of the chance. The model's nucleus has the T2 of its water, on the scale of published means "
        "by grade; annulus and endplates have one T2 each; bone and fluid are not simulated. The simulated disc begins "
        "with the form of the picture, so with its bulge."
    )
