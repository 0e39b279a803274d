"""Fields as the page carries them: which times, how they are packed, how each is named and coloured.

Each saved time of each arm is stored at 4096 levels between its least and greatest value, so that a value read on the
page is
within 1/8190 of that span of the computed one.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pulposus.errors import InputError

if TYPE_CHECKING:
    import xarray as xr

LEVELS = 4095
MOST_TIMES = 13
NODE = ("ring", "sector", "layer")
PLACE = ("arm", "time", *NODE)


@dataclass(frozen=True)
class Field:
    """How a field is shown: its name for readers, its group in the list, its colour map, and words where the unit is
    a bare 1.
    """

    label: str
    group: str
    colours: str
    words: str = "× healthy"


FIELDS = {
    "oxygen": Field("Oxygen", "What cells live on", "viridis"),
    "glucose": Field("Glucose", "What cells live on", "viridis"),
    "lactate": Field("Lactate", "What cells live on", "viridis"),
    "ph": Field("pH", "What cells live on", "viridis", "pH"),
    "native_cells": Field("Native cells", "Cells", "magma"),
    "injected_cells": Field("Injected cells", "Cells", "magma"),
    "np_like_cells": Field("NP-like cells", "Cells", "magma"),
    "secretome": Field("Secretome", "Cells", "magma", "injected-cell equivalents per native cell"),
    "aggrecan": Field("Aggrecan", "Matrix", "cividis"),
    "fixed_charge": Field("Fixed charge", "Matrix", "cividis"),
    "collagen": Field("Collagen", "Matrix", "cividis", "× start"),
    "water": Field("Water", "Matrix", "cividis"),
    "il1b": Field("IL-1β", "Inflammation", "plasma"),
    "tnf": Field("TNF", "Inflammation", "plasma"),
    "mmp3": Field("MMP-3", "Inflammation", "plasma"),
    "adamts4": Field("ADAMTS-4", "Inflammation", "plasma"),
}
UNITS = {"1e6/mL": "million/mL"}
# Colour tables by name, with the part of each that is used.
_TABLES = {"difference": ("PuOr_r", 0.04, 0.96), "magma": ("magma", 0.13, 0.985), "plasma": ("plasma", 0.04, 0.985)}


def saved_times(months: np.ndarray, most: int = MOST_TIMES) -> list[int]:
    """Which saved times are shown: first and last, and between them evenly in the square root of time, as most
    happens early.
    """
    if len(months) <= most:
        return list(range(len(months)))
    root = np.sqrt(months - months[0])
    chosen: list[int] = []
    for rank, wanted in enumerate(np.linspace(root[0], root[-1], most)):
        first = chosen[-1] + 1 if chosen else 0
        last = len(months) - most + rank  # leave one time for each of those to come
        chosen.append(first + int(np.argmin(np.abs(root[first : last + 1] - wanted))))
    return chosen


def pack(values: np.ndarray) -> tuple[str, list[list[float]], list[list[float]]]:
    """(arm, time, node) as text: 4096 levels in each frame, low bytes then high bytes, deflate, base64; with offsets
    and steps (arm, time).
    """
    low, high = values.min(-1), values.max(-1)
    step = (high - low) / LEVELS
    levels = np.rint((values - low[..., None]) / np.where(step == 0, 1, step)[..., None]).astype("<u2")
    planes = np.stack([levels & 255, levels >> 8]).astype("u1")
    return base64.b64encode(zlib.compress(planes.tobytes(), 6)).decode(), low.tolist(), step.tolist()


def disc_payload(history: xr.Dataset) -> tuple[dict[str, Any], dict[str, str]]:
    """What the viewer needs: a description (JSON) and one block of packed text a field."""
    missing = {"x", "y", "z", "tissue"} - set(history.variables)
    if missing:
        raise InputError(f"The fields lack {', '.join(sorted(missing))}; give the history that a run has written.")
    months = np.asarray(history["month"].values, float)
    times = saved_times(months)
    names = [name for name in FIELDS if name in history]
    names += [str(name) for name in history.data_vars if history[name].dims == PLACE and name not in (*FIELDS, "z")]
    blocks: dict[str, str] = {}
    fields: list[dict[str, Any]] = []
    weight = (history["tissue"].values == 0) * (history["volume"].values if "volume" in history else 1.0)
    for name in ("z", *names):
        if "units" not in history[name].attrs:
            raise InputError(f"The field {name!r} has no unit; set its `units` attribute.")
        values = history[name].transpose(*PLACE).values[:, times].astype(float)
        if not np.isfinite(values).all():
            raise InputError(f"The field {name!r} holds values that are not finite: the run has failed; run it again.")
        blocks[name], offset, step = pack(values.reshape(*values.shape[:2], -1))
        entry: dict[str, Any] = {"name": name, "offset": offset, "step": step}
        if name != "z":
            mean = (values * weight).sum((2, 3, 4)) / weight.sum()
            entry |= _shown_as(name, history[name].attrs) | {"nucleus": mean.tolist()}
        fields.append(entry)
    side = -np.sign(history["x"].values[-1, history.sizes["sector"] // 4, 0])  # sectors go from anterior to the left
    for name, values in (("x", side * history["x"].values), ("y", history["y"].values)):
        blocks[name] = base64.b64encode(np.ascontiguousarray(values, "<f4").tobytes()).decode()
    maps = sorted({field["colours"] for field in fields[1:]} | {"difference"})
    payload = {
        "shape": [history.sizes[dim] for dim in NODE],
        "arms": [str(arm) for arm in history["arm"].values],
        "months": months[times].tolist(),
        "fields": fields,
        "borders": _borders(history),
        "colours": {name: _colours(name) for name in maps},
    }
    return payload, blocks


def _borders(history: xr.Dataset) -> dict[str, float]:
    """Where tissues meet: the nucleus ends at `ring`, the endplates at `layer` counted from either end.

    A run says so in its attributes; otherwise half way between the nodes of two tissues.
    """
    if {"nucleus_rings", "endplate_layers"} <= set(history.attrs):
        return {"ring": float(history.attrs["nucleus_rings"]), "layer": float(history.attrs["endplate_layers"])}
    tissue = history["tissue"].values
    nucleus = (tissue[:, :, tissue.shape[2] // 2] == 0).mean(1) > 0.5
    endplate = (tissue[0, 0] == 2)[: tissue.shape[2] // 2]
    return {"ring": nucleus.sum() - 0.5, "layer": endplate.sum() - 0.5}


def _shown_as(name: str, attrs: Mapping[str, Any]) -> dict[str, str]:
    """Label, group, colours and unit of a field, those of unknown ones from its attributes."""
    known = FIELDS.get(name, Field(str(attrs.get("long_name", name)), "Other", "viridis", "relative"))
    units = str(attrs["units"])
    unit = known.words if units == "1" else UNITS.get(units, units)
    return {"label": known.label, "group": known.group, "colours": known.colours, "unit": unit}


def _colours(name: str) -> str:
    """256 colours of a perceptually uniform map as base64 RGB; the darkest end is left out, so that no disc looks
    like a hole.
    """
    import matplotlib

    table, first, last = _TABLES.get(name, (name, 0.0, 0.985))
    rgb = matplotlib.colormaps[table](np.linspace(first, last, 256))[:, :3]
    return base64.b64encode(np.rint(rgb * 255).astype("u1").tobytes()).decode()
