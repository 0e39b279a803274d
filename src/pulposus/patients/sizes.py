"""Sizes of the disc that is looked at: by level, sex and grade, by the size of the body, and a disc's own.

What: `draw` gives height and breadths in mm; sizes that were measured narrow them, by how well a picture is measured.
Equations: ``x = x_table (1 + k (H / H_0 - 1)) + s_rest (sqrt(t) c + sqrt(1 - t) e)``, H height of the body, H_0 that of
the sex, c shared by a disc's sizes, ``s_rest^2 = s_table^2 - (x_table k s_H / H_0)^2``; with a measured m of spread q,
``x ~ N((x / s^2 + m / q^2) / (1 / s^2 + 1 / q^2), ...)`` and the weight N(m; x, s^2 + q^2).
Reads: ``evidence/geometry.csv``, ``evidence/population.csv``. Writes: nothing.
Why this holds: tables give the spread of all people, of which the size of the body is a part.
Source: as the tables say; what the body explains is assumed.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy.stats import norm

from pulposus import evidence
from pulposus.patients.told import Told
from pulposus.patients.who import Who

SIZES = ("mid_height", "ap_depth", "width")
COLUMNS = tuple(f"{name}_mm" for name in SIZES)
_NINE_TENTHS = 3.29  # maths: standard deviations between the 5th and the 95th percent of a normal


@cache
def _table(level: str, sex: str, grade: int) -> tuple[tuple[float, float, float], ...]:
    """Value, low and high in mm of each of SIZES."""
    rows, mm = evidence.dimensions(level, sex, grade), evidence.factor("mm")
    return tuple((rows[name].si / mm, rows[name].si_low / mm, rows[name].si_high / mm) for name in SIZES)


def draw(
    told: Told, who: Who, level: np.ndarray, sex: np.ndarray, grade: np.ndarray, body: np.ndarray, place: int
) -> dict[str, np.ndarray]:
    """Sizes in mm by column; `place` is the first of three places of chance."""
    keys = [(str(a), str(b), int(c)) for a, b, c in zip(level, sex, grade, strict=True)]
    table = np.array([_table(*key) for key in keys]) if keys else np.empty((0, len(SIZES), 3))
    usual = {name: who.number(f"body_height_{name}") for name in ("male", "female")}
    # the tables are of people as tall as those without a country
    own = {name: Who().number(f"body_height_{name}") for name in usual}
    taller = np.array([body[i] / own[name] - 1 for i, (_, name, _) in enumerate(keys)])
    by_body, tied = who.number("size_by_body"), who.number("size_shared")
    least = who.number("size_own_least")
    varies = who.number("body_height_spread") / np.mean(list(own.values()))
    found = {}
    for i, column in enumerate(COLUMNS):
        value, low, high = table[:, i].T
        spread = (high - low) / _NINE_TENTHS
        rest = np.sqrt(np.maximum(spread**2 - (value * by_body * varies) ** 2, (least * spread) ** 2))
        mean = value * (1 + by_body * taller)
        drawn = np.sqrt(tied) * told.z[:, place] + np.sqrt(1 - tied) * told.z[:, place + 1 + i % 2]
        if column not in told.given:
            found[column] = np.clip(mean + rest * drawn, low, high)
            continue
        measured, error = float(told.given[column]), who.number(f"within_{column}")
        told.weight += norm.logpdf(measured, mean, np.hypot(rest, error))
        precise = 1 / rest**2 + 1 / error**2
        middle = (mean / rest**2 + measured / error**2) / precise
        found[column] = np.maximum(middle + drawn / np.sqrt(precise), _THINNEST)
    return found


_THINNEST = 0.1  # maths: mm; no disc is thinner than what is left of a collapsed one
