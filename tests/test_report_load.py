"""The disc under load as a section of the report."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from pulposus.report import load

INFO = {"tears": {"untreated": ["The annulus is torn."], "treated": ["It is whole."]}}


@pytest.fixture
def loads():
    """A made-up disc in three states, of which one cannot bear a lift."""
    names = ["lying", "standing", "lifting"]
    states = [("start", ""), ("end", "untreated"), ("end", "treated")]
    postures = pd.DataFrame(
        {"when": when, "arm": arm, "posture": name, "pressure_MPa": 0.1 * (i + 1) + 0.01 * k, "status": "completed"}
        | {"bulge_posterior_mm": 0.5, "fibre_strain_percent": 3.0}
        for k, (when, arm) in enumerate(states)
        for i, name in enumerate(names)
    )
    postures.loc[8, "pressure_MPa"] = np.nan
    motions = pd.DataFrame(
        {"when": when, "arm": arm, "motion": name, "moment_N_m": moment, "turn_degrees": moment}
        for when, arm in states
        for name in ("flexion", "extension", "side_bending", "turning")
        for moment in (1.0, 7.5)
    )
    hours = [(0.0, "night", 12.0), (8.0, "night", 13.0), (8.0, "day", 12.5), (24.0, "day", 12.35)]
    day = pd.DataFrame(
        {"when": when, "arm": arm, "hour": h, "span": span, "height_mm": mm, "pressure_MPa": 0.3}
        for when, arm in states
        for h, span, mm in hours
    )
    y, z = (a.tolist() for a in np.meshgrid(np.linspace(-2, 2, 4), np.linspace(0, 1, 3), indexing="ij"))
    frame = {"y_mm": y, "z_mm": z, "pressure_MPa": np.full((3, 2), 0.2).tolist()}
    worn = pd.DataFrame(
        {name: 1.0 for _, name, _ in load._WORN} | {"arm": arm, "year": year, "status": "completed"}
        for arm in ("untreated", "treated")
        for year in (0.0, 1.0)
    )
    pictures = {"untreated": "AAAA", "treated": "AAAA"}
    return postures, motions, day, worn, {"frames": dict.fromkeys(names, frame), "pictures": pictures}


def test_the_section_says_pressure_and_height_of_a_day(loads):
    page = load.section(loads, INFO)
    assert "0.1 MPa lying, 0.2 standing and 0.3 lifting 20 kg" in page
    assert "loses 7.7 % of its height" in page
    assert page.count("<polygon") == 3 * 2
    assert "beyond this disc" in page  # the treated lift at the end
    assert re.search(r"treated.*solid", page)


def test_the_picture_holds_each_posture_and_comes_back(loads):
    page = load.section(loads, INFO)
    values = re.findall(r'attributeName="points"[^>]*values="([^"]*)"', page)
    assert values
    for value in values:
        frames = value.split(";")
        assert len(frames) == 7
        assert frames[0] == frames[-1]
    keys = [float(k) for k in re.search(r'keyTimes="([^"]*)"', page).group(1).split(";")]
    assert keys[0] == 0
    assert keys[-1] == 1
    assert (np.diff(keys) > 0).all()


def test_a_disc_that_does_not_rest_as_measured_carries_a_note(loads):
    assert "role=\"note\"" not in load.section(loads, INFO)
    astray = (*loads[:4], loads[4] | {"said": "This disc misses its form."})
    assert "This disc misses its form." in load.section(astray, INFO)


def test_a_night_ends_where_its_span_does_though_the_next_has_its_name(loads):
    day = loads[2].assign(span="lying")
    assert load._daily(day, "start", "") == pytest.approx(100 * (1 - 12 / 13))
    assert 'class="night"' in load._day(day, "height_mm", "Height", "mm", 1)
    widths = [re.search(r'width="([\d.]+)" height="[\d.]+" class="night"', load._day(d, "height_mm", "", "", 1))[1]
              for d in (day, loads[2])]
    assert widths[0] == widths[1]


def test_what_was_left_out_is_said():
    assert "Not computed" in load.section(None, {})


def test_an_axis_holds_what_is_drawn():
    for low, high in ((11.8, 14.4), (0.0, 0.83), (3.3, 3.3001)):
        start, end = load._rounded(low, high)
        assert start <= low
        assert end >= high


def test_tears_have_a_picture_and_a_row_a_year(loads):
    page = load.section(loads, INFO)
    assert page.count('src="data:image/png;base64,') == 2
    assert "The annulus is torn." in page
    assert page.count("<tr>") >= 4
    loads[3].loc[3, "status"] = "not followed further"
    assert "From year 1: not followed further." in load.section(loads, INFO)


def test_a_disc_that_needle_and_mechanics_take_for_two_says_so_beside_its_tears(loads):
    apart = INFO | {"annulus": {"said": "No discogram <told>."}}
    assert "No discogram &lt;told&gt;." in load.section(loads, apart)
    assert "No discogram" not in load.section(loads, INFO | {"annulus": {"said": ""}})
