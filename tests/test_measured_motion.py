"""Of bent and pressed discs: all of two series is in the book, and what assumed loads give is no prediction."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from pulposus import evidence
from pulposus.evidence import checks

DATA = Path(os.environ.get("PULPOSUS_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
TABLES = DATA / "mechanics_tables"
WAYS = ("flexion", "extension", "side_bending", "turning")  # order of the columns of all tables

there = pytest.mark.skipif(not TABLES.exists(), reason="measured tables are not there")


def in_the_book(group: str) -> dict[str, tuple[float, float, float]]:
    """Way and moment -> published and band."""
    return {c.at: (c.published, c.low, c.high) for c in checks.read_checks() if c.group == group}


def table(name: str) -> np.ndarray:
    """Rows of a table but for that without moment: moment first."""
    lines = (TABLES / name).read_text("utf-8").splitlines()
    rows = [line.split() for line in lines if line[:1].isdigit()]
    return np.array(rows, float)[1:]


@there
def test_every_pressure_of_heuer_is_judged_in_the_range_of_its_specimens() -> None:
    """Least and greatest stand in the table as distances from the median."""
    expected = {}
    for moment, *values in table("ExperimentalResultsHeuerIVDL4L5IDPMinMax_7-5Nm.txt"):
        for way, (median, below, above) in zip(WAYS, np.reshape(values, (4, 3)), strict=True):
            expected[f"{way} {moment:g}"] = pytest.approx((median, median - below, median + above), abs=1e-9)
    assert len(expected) == 16
    assert in_the_book("heuer pressure") == expected


@there
def test_every_turn_of_both_series_is_judged() -> None:
    heuer, jaramillo = {}, {}
    for moment, *values in table("ExperimentalResultsHeuerIVDROM_7-5Nm.txt"):
        for way, turn in zip(WAYS, values, strict=True):
            heuer[f"{way} {moment:g}"] = pytest.approx((turn, 0.8 * turn, 1.2 * turn), abs=1e-9)
    means, spreads = (table(f"ExperimentalDataJaramilloL4L5_IVD_ROM{end}.txt") for end in ("", "_Std"))
    for (moment, *values), (_, *spread) in zip(means, spreads, strict=True):
        for way, turn, one in zip(WAYS, values, spread, strict=True):
            jaramillo[f"{way} {moment:g}"] = pytest.approx((turn, turn - one, turn + one), abs=1e-9)
    assert in_the_book("heuer range of motion") == heuer
    assert in_the_book("jaramillo range of motion") == jaramillo


def test_pressure_under_an_assumed_load_is_no_prediction() -> None:
    """Nor is that of a disc which lies, for the night before it bears that pressure as its load."""
    judged = [c for c in checks.read_checks() if c.measure == "posture_pressure"]
    assert {c.at for c in judged} >= {"lying", "standing", "sitting", "flexed", "lifting"}
    for check in judged:
        if check.at == "lying":
            assert check.of == "calibration"
            continue
        rows = evidence.posture(check.at)
        assumed = [name for name, row in rows.items() if name != "cycles_per_day" and row.kind == "assumed"]
        assert not (assumed and check.of == "prediction"), (check.name, assumed)
