"""A made-up run with the shape of a real one, for tests of what is drawn and written: smooth fields on a real
outline, no physics.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

# Fourier outlines of a generic L4-L5 (mm; angle 0 anterior): what a report is looked at with has to look like a disc.
OUTER = (21.85, -0.95, -3.04, 1.10, -0.09, -0.30, 0.39)
INNER = (14.26, -0.64, -3.31, 0.52, 0.34, -0.21, 0.25)
SIZES = {"tiny": (5, 8, 7), "coarse": (11, 16, 13), "standard": (17, 32, 19), "fine": (25, 48, 27)}
MONTHS = (0, 1, 2, 3, 6, 9, 12, 18, 24, 30, 36, 48, 60)
ARMS = ("untreated", "treated")

# name -> unit, long name
FIELDS = {
    "oxygen": ("kPa", "oxygen"),
    "glucose": ("mM", "glucose"),
    "lactate": ("mM", "lactate"),
    "ph": ("1", "pH"),
    "native_cells": ("1e6/mL", "native cells"),
    "injected_cells": ("1e6/mL", "injected cells"),
    "np_like_cells": ("1e6/mL", "NP-like cells"),
    "fixed_charge": ("mEq/mL", "fixed charge"),
    "aggrecan": ("1", "aggrecan, relative to healthy"),
    "collagen": ("1", "collagen, relative to healthy"),
    "water": ("%", "water content"),
    "il1b": ("1", "IL-1beta, relative to healthy"),
    "tnf": ("1", "TNF-alpha, relative to healthy"),
    "mmp3": ("1", "MMP-3, relative to healthy"),
    "adamts4": ("1", "ADAMTS-4, relative to healthy"),
    "secretome": ("1", "secretome, viable cell equivalents per native cell"),
}

MECHANISMS = (
    ("anti-inflammatory", "Anti-inflammatory", "Injected cells quieten IL-1beta and TNF-alpha.", 0.34, ""),
    ("anabolic", "Anabolic", "Growth factors make native cells build more aggrecan.", 0.24, ""),
    ("anti-catabolic", "Anti-catabolic", "Less of the enzymes that cut aggrecan.", 0.17, ""),
    ("anti-apoptotic", "Anti-apoptotic", "Fewer native cells die.", 0.09, ""),
    ("immunomodulation", "Immunomodulation", "Immune cells are turned towards repair.", 0.02, ""),
    (
        "differentiation",
        "Differentiation",
        "Injected cells become NP-like cells and build matrix themselves.",
        0.08,
        "Animal studies find the marker genes; many hold that what the cells secrete does all.",
    ),
    (
        "endplate vascular support",
        "Endplate vascular support",
        "More vessels at the endplate feed the disc better.",
        0.03,
        "Vessels that grow into a disc also bring nerves, and no human study has measured the supply after treatment.",
    ),
    ("homing", "Homing (tropism)", "Injected cells move towards damaged tissue.", 0.01, ""),
    (
        "neuroprotection",
        "Neuroprotection",
        "Less irritation of nerves; recorded, without effect on the matrix.",
        0.0,
        "",
    ),
    ("chondroprotection", "Chondroprotection", "The cartilage endplates keep their matrix.", 0.02, ""),
)


def outline(cosines: tuple[float, ...], centre: float, angle: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """x (to the right) and y (forward) in mm at angles from anterior towards the left."""
    radius = sum(amplitude * np.cos(k * angle) for k, amplitude in enumerate(cosines))
    return -radius * np.sin(angle), centre + radius * np.cos(angle)


def coordinates(shape: tuple[int, int, int], height: np.ndarray) -> tuple[np.ndarray, ...]:
    """Node coordinates in mm: x, y (ring, sector, layer), z (arm, time, ring, sector, layer) for heights (arm, time)
    in mm.
    """
    rings, sectors, layers = shape
    angle = np.arange(sectors) * 2 * np.pi / sectors
    (xn, yn), (xo, yo) = outline(INNER, 0.25, angle), outline(OUTER, 2.7, angle)
    position = np.linspace(0, 2, rings)[:, None]
    inner, outer = np.minimum(position, 1), np.maximum(position - 1, 0)
    x = inner * xn + outer * (xo - xn)
    y = 0.25 + inner * (yn - 0.25) + outer * (yo - yn)
    axial = np.linspace(-1, 1, layers)
    plan = 1 + 0.006 * y - 0.00016 * y**2 - 0.00011 * x**2  # wedge and biconvex endplates
    z = 0.5 * height[:, :, None, None, None] * plan[..., None] * axial
    repeat = np.ones(layers)
    return x[..., None] * repeat, y[..., None] * repeat, z


def tissues(shape: tuple[int, int, int]) -> np.ndarray:
    """Tissue of each node: 0 nucleus, 1 annulus, 2 endplate."""
    rings, _, layers = shape
    tissue = np.ones(shape, int)
    tissue[: rings // 2 + 1] = 0
    depth = max(1, round(layers / 9))
    tissue[:, :, :depth] = tissue[:, :, layers - depth :] = 2
    return tissue


def fields(shape: tuple[int, int, int], months: np.ndarray, x: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
    """Each variable as (arm, time, ring, sector, layer)."""
    rings, _, layers = shape
    u = np.linspace(0, 1, rings)[:, None, None] + 0 * y
    w = np.linspace(-1, 1, layers) + 0 * y
    uneven = (
        1 + 0.05 * np.sin(0.21 * x + 0.4) * np.cos(0.17 * y) + 0.03 * w * np.cos(0.13 * x)
    )  # no disc is a lathe's work
    deep = ((1 - u**2.2) * (1 - w**2) ** 0.75 * uneven)[None, None] / 1.08
    anterior = (y / 22)[None, None]
    treated = np.array([0.0, 1.0])[:, None, None, None, None]
    year = (months / 12)[None, :, None, None, None]
    helped = treated * (1 - np.exp(-year / 0.8))
    tissue = tissues(shape)[None, None]
    start = np.where(tissue == 0, 3.4, np.where(tissue == 1, 5.4, 13.0))
    spot = np.exp(-(((x - 3) / 7) ** 2) - ((y + 2) / 5.5) ** 2 - (w / 0.6) ** 2)[None, None]
    living = treated * np.exp(-((year * 12 / 0.9) ** 0.7))
    injected = 9.5 * spot * living
    np_like = 0.35 * treated * spot * (1 - np.exp(-year * 4)) * np.exp(-year / 3)
    native = start * (1 - (0.055 - 0.012 * helped) * year * (0.4 + 0.6 * deep))
    hunger = 1 + 0.06 * (injected + np_like) - 0.02 * year
    oxygen = 5.6 - 0.3 * anterior - 4.5 * deep * (1 + 0.1 * anterior) * np.clip(hunger, 0.6, 1.08)
    glucose = 4.9 - 3.95 * deep * np.clip(hunger, 0.6, 1.12)
    lactate = 0.8 + 4.1 * deep * np.clip(hunger, 0.6, 1.3)
    healthy = np.where(tissue == 0, 1.0, np.where(tissue == 1, 0.55 - 0.1 * (u[None, None] - 0.5), 0.35))
    aggrecan = healthy * (0.74 - (0.024 - 0.011 * helped) * year * (0.6 + 0.4 * deep))
    water = np.where(tissue == 0, 62, np.where(tissue == 1, 58, 52)) + 22 * aggrecan
    il1b = 1.2 + (2.4 + 0.12 * year) * (0.35 + 0.65 * deep) * (1 - 0.45 * treated * spot * np.exp(-year / 1.5))
    values = {
        "oxygen": np.maximum(oxygen, 0.05),
        "glucose": np.maximum(glucose, 0.02),
        "lactate": lactate,
        "ph": 7.4 - lactate / 11.11,
        "native_cells": native,
        "injected_cells": injected,
        "np_like_cells": np_like,
        "fixed_charge": 0.27 * aggrecan,
        "aggrecan": aggrecan,
        "collagen": 1 + 0.01 * year * deep,
        "water": water,
        "il1b": il1b,
        "tnf": 0.8 * il1b + 0.1,
        "mmp3": 1 + 1.4 * (il1b - 1),
        "adamts4": 1 + 0.9 * (il1b - 1),
        "secretome": injected / 4,
    }
    whole = (2, months.size, *shape)
    return {name: np.broadcast_to(value, whole) * 1.0 for name, value in values.items()}


def node_volumes(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    """(ring, sector, layer) mL, roughly: plan area about each node times layer distance."""
    radius = np.hypot(x, y - y[0, 0, 0])
    ring = np.gradient(radius, axis=0) * (radius + 0.15 * np.gradient(radius, axis=0)) * 2 * np.pi / x.shape[1]
    return ring * np.gradient(z, axis=2) / 1000


def summarise(history: xr.Dataset) -> pd.DataFrame:
    """The table that goes with a history: one row an arm and month."""
    nucleus = (history.tissue == 0) * history.volume
    inside = nucleus.sum()
    space = ("ring", "sector", "layer")
    mean = {name: (history[name] * nucleus).sum(space) / inside for name in FIELDS}
    height = (history.z.max(space) - history.z.min(space)) * 0.93
    rows = []
    for arm in ARMS:
        at = {name: values.sel(arm=arm).values for name, values in mean.items()}
        field = {name: history[name].sel(arm=arm) for name in FIELDS}
        volume = history.volume
        for i, month in enumerate(history.month.values):
            native = float((field["native_cells"][i] * volume).sum())
            rows.append(
                {
                    "arm": arm,
                    "month": float(month),
                    "year": month / 12,
                    "oxygen_min_kPa": float(field["oxygen"][i].min()),
                    "glucose_min_mM": float(field["glucose"][i].min()),
                    "lactate_max_mM": float(field["lactate"][i].max()),
                    "ph_min": float(field["ph"][i].min()),
                    "native_cells_million": native,
                    "native_viable_percent": 96 - 0.8 * month / 12,
                    "injected_cells_million": float((field["injected_cells"][i] * volume).sum()),
                    "np_like_cells_million": float((field["np_like_cells"][i] * volume).sum()),
                    "aggrecan_nucleus_percent": 100 * at["aggrecan"][i] / at["aggrecan"][0],
                    "fixed_charge_nucleus_mEq_per_mL": at["fixed_charge"][i],
                    "water_nucleus_percent": at["water"][i],
                    "height_mm": float(height.sel(arm=arm)[i]),
                    "height_percent": float(100 * height.sel(arm=arm)[i] / height.sel(arm=arm)[0]),
                    "il1b_nucleus": at["il1b"][i],
                    "tnf_nucleus": at["tnf"][i],
                    "adamts4_nucleus": at["adamts4"][i],
                    "mmp3_nucleus": at["mmp3"][i],
                    "t2_nucleus_ms": 1.9 * (at["water"][i] - 76) + 78,
                    "disc_height_index": float(height.sel(arm=arm)[i]) / 38,
                    "pfirrmann_estimate": 3.0 + 0.09 * month / 12 * (1 - 0.4 * (arm == "treated")),
                }
            )
    return pd.DataFrame(rows)


def ledger_of(months: np.ndarray, product: str = "MSC(M)", dose: float = 25.0) -> pd.DataFrame:
    """What became of the injected cells: million, cumulative, balanced to the last cell."""
    alive = 0.64 * dose * np.exp(-((months / 0.9) ** 0.7))
    differentiated = 0.02 * dose * (1 - np.exp(-months / 2))
    born = 0.03 * dose * (1 - np.exp(-months))
    gone = 0.64 * dose + born - alive - differentiated
    return pd.DataFrame(
        {
            "product": product,
            "month": months.astype(float),
            "injected_million": dose,
            "leaked": 0.36 * dose,
            "lost_from_disc": 0.2 * gone,
            "starved": 0.38 * gone,
            "acid": 0.12 * gone,
            "immune_cleared": 0.3 * gone,
            "proliferated": born,
            "differentiated": differentiated,
            "alive": alive,
        }
    )


def ablation(effect: tuple[float, float, float] = (6.1, 0.9, 7.5)) -> pd.DataFrame:
    """Untreated, with all mechanisms, with none, with each off and each alone; cells that only eat do a little harm."""
    columns = ("aggrecan_nucleus_percent", "water_nucleus_percent", "native_cells_million")
    untreated = (85.6, 76.0, 119.4)
    harm = (-0.8, -0.05, -1.0)
    whole = {"untreated": -1.0, "all": 1.0, "none": 0.0}
    parts = {f"without {name}": 1 - share * 1.1 for name, _, _, share, _ in MECHANISMS}
    parts |= {f"only {name}": share * 0.9 for name, _, _, share, _ in MECHANISMS}
    given = {name: share for name, _, _, share, _ in MECHANISMS}
    rows = []
    for run, part in (whole | parts).items():
        name = run.split(" ", 1)[1] if " " in run else ""
        row: dict[str, Any] = {"run": run, "mechanism": name}
        for column, short, before, less, gain in zip(
            columns, ("aggrecan", "water", "cells"), untreated, harm, effect, strict=True
        ):
            row[column] = before if run == "untreated" else before + less + part * gain
            row[f"share_{short}"] = given[name] if run.startswith("only ") else float("nan")
        rows.append(row)
    return pd.DataFrame(rows)


_NUMBERS = [
    (
        "glucose_critical",
        "glucose under which cells die",
        0.5,
        "mM",
        0.2,
        0.8,
        "measured",
        "horner2001",
        "Fig. 3",
        "abstract",
    ),
    (
        "retention_saline",
        "part of a saline injection that stays",
        0.64,
        "1",
        0.3,
        0.9,
        "assumed",
        "assumption",
        "",
        "memory",
    ),
    (
        "aggrecan_half_life",
        "half-life of aggrecan, nucleus",
        12.0,
        "year",
        3.0,
        25.0,
        "measured",
        "sivan2006",
        "Table 2",
        "abstract",
    ),
    (
        "immune_clearance",
        "clearing of donor cells",
        0.4,
        "1/month",
        0.05,
        2.0,
        "assumed",
        "assumption",
        "",
        "memory",
    ),
    (
        "oxygen_diffusivity",
        "oxygen in water at 37 °C",
        3.0e-3,
        "mm^2/s",
        2.5e-3,
        3.3e-3,
        "fitted",
        "upf",
        "Table 1",
        "read",
    ),
    (
        "water_fraction",
        "water volume fraction, nucleus",
        0.8,
        "1",
        0.75,
        0.88,
        "derived",
        "upf",
        "Table 2",
        "computed",
    ),
]
_KEYS = ("name", "meaning", "value", "unit", "low", "high", "kind", "source", "where", "status")
_SOURCES = [
    {
        "key": "sivan2006",
        "type": "article",
        "author": "Sivan, S. S. and Tsitron, E. and Wachtel, E.",
        "year": "2006",
        "journal": "Biochemical Journal",
        "title": "Aggrecan turnover in human intervertebral disc",
        "doi": "10.1042/BJ20060200",
    },
    {
        "key": "upf",
        "author": "Muñoz-Moya, E.",
        "year": "2025",
        "title": "A multiphysics disc model",
        "doi": "10.5281/zenodo.8325042",
    },
]


def information() -> dict[str, Any]:
    """What a run says about itself."""
    return {
        "warnings": ["This run is made up: it shows the report, not a disc."],
        "filled": {
            "height": "13.3 mm, generic L4-L5 outline (upf), because the case gives none",
            "endplate_thickness": "0.55 mm, generic L4-L5 (upf), because the case gives none",
        },
        "hypotheses": {"metabolism": "bibby_urban", "glucose_limiter": True, "grading": "relative", "matrix": "sivan"},
        "parameters_used": [dict(zip(_KEYS, row, strict=True)) for row in _NUMBERS],
        "sources": [dict(one) for one in _SOURCES],
        "mechanisms_meta": [
            {"name": name, "title": title, "what": what, "disputed": bool(dispute), "dispute": dispute}
            for name, title, what, _, dispute in MECHANISMS
        ],
        "versions": {"pulposus": "0.1.0", "python": "3.11.9", "jax": "0.10.2"},
        "seed": 20261121,
        "digest": "sha256:" + "5f0c" * 16,
        "mesh": {"name": "standard", "rings": 17, "sectors": 32, "layers": 19},
        "limits": [
            "Pain is not part of this model: more aggrecan does not have to mean less pain.",
            "Injected cells lose what they can do with age and passage; only part of that is in the numbers.",
            "One disc is followed; its neighbours and the muscles about it are not.",
        ],
    }


def synthetic_run(size: str = "standard", months: tuple[float, ...] = MONTHS) -> dict[str, Any]:
    """All that `write_report` asks for, as keyword arguments."""
    shape, at = SIZES[size], np.asarray(months, float)
    rate = np.array([0.11, 0.085])[:, None]
    x, y, z = coordinates(shape, 13.4 - rate * at / 12)
    dims = ("arm", "time", "ring", "sector", "layer")
    mm = {"units": "mm"}
    variables: dict[str, Any] = {
        name: (dims, value, {"units": FIELDS[name][0], "long_name": FIELDS[name][1]})
        for name, value in fields(shape, at, x, y).items()
    }
    variables |= {
        "x": (dims[2:], x, mm),
        "y": (dims[2:], y, mm),
        "z": (dims, z, mm),
        "tissue": (dims[2:], tissues(shape)),
    }
    variables["volume"] = (dims[2:], node_volumes(x, y, z[0, 0]), {"units": "mL"})
    history = xr.Dataset(variables, coords={"arm": list(ARMS), "month": ("time", at)})
    case = {
        "title": "A made-up L4-L5 with 25 million marrow cells",
        "person": {"age": 42, "sex": "female"},
        "disc": {"level": "L4-L5", "grade": 3, "endplate": "intact"},
        "treatments": [{"protocol": "Inject 25e6 allogeneic MSC(M) in 2 mL saline at month 0", "month": 0.0}],
        "run": {"years": 5, "mesh": size, "seed": 20261121},
    }
    return {
        "history": history,
        "summary": summarise(history),
        "ledger": ledger_of(np.linspace(0, at[-1], 241)),
        "mechanisms": ablation(),
        "case": case,
        "info": information(),
    }
