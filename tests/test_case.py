"""A case file means one case, filled from tables that it names; every mistake in it is one sentence."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pulposus import evidence
from pulposus.case import (
    DIMENSIONS,
    Case,
    Endplate,
    Hypothesis,
    Mesh,
    StructureTable,
    case_from_line,
    json_schema,
    quantity_of,
    read_case,
)
from pulposus.disc.parameters import SHARE, bounds, declared
from pulposus.errors import InputError
from pulposus.therapies.protocol import parse

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
FILES = [path for path in sorted(EXAMPLES.glob("*.toml")) if not path.name.startswith(("person_", "plan_"))]
DISC = {"level": "L4-L5", "grade": 3}
LINE = "Inject 25e6 allogeneic MSC(M) in 2 mL saline at month 0"


def same(one: Case, other: Case) -> bool:
    """Equal in everything that a file holds."""
    return one.model_dump() == other.model_dump()


# ---------------------------------------------------------------------------------------------- examples


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_an_example_reads_and_fills_its_disc(path: Path) -> None:
    case = read_case(path).resolved()
    assert case.title
    assert case.citation
    assert case.person.age
    assert set(case.dimensions()) == set(evidence.dimensions(case.disc.level, case.person.sex, case.disc.grade))
    assert "height" in case.filled
    assert path.read_text("utf-8").startswith("#:schema case.schema.json\n")


def test_the_examples_give_the_published_doses() -> None:
    for name, study in (("noriega_l45", "noriega2017"), ("msb_dr001_l45", "msb_dr001"), ("kumar_l45", "kumar2017")):
        treatment, published = read_case(EXAMPLES / f"{name}.toml").treatments[0], evidence.study(study)
        assert treatment.product == published["product"].text
        assert treatment.origin == published["origin"].text
        assert treatment.carrier == published["carrier"].text
        assert treatment.dose == published["dose"].value
        assert treatment.volume_mL == published["volume"].value


def test_cells_in_the_neck_come_with_their_warning_and_others_do_not() -> None:
    said = evidence.statement("cervical_cells").text
    assert said in read_case(EXAMPLES / "cervical_c56.toml").warnings
    assert said not in read_case(EXAMPLES / "noriega_l45.toml").warnings
    assert said not in case_from_line("Inject 1 mL PRP", level="C5-C6", grade=3).warnings


def test_the_schema_beside_the_examples_is_fresh() -> None:
    written = json.loads((EXAMPLES / "case.schema.json").read_text("utf-8"))
    assert written == json_schema(), "write pulposus.case.json_schema() to examples/case.schema.json"


# ---------------------------------------------------------------------------------------------- reading back


@given(
    level=st.sampled_from(evidence.levels()),
    grade=st.integers(1, 5),
    sex=st.sampled_from(["male", "female", "any"]),
    age=st.none() | st.floats(1, 110),
    height=st.none() | st.floats(2, 14),
    thickness=st.none() | st.floats(0.4, 1.2),
    mesh=st.sampled_from(get_args(Mesh)),
    salt=st.none() | st.floats(0.1, 0.2),
)
@settings(max_examples=40, deadline=None)
def test_a_resolved_case_reads_back_from_its_own_file(
    level: str, grade: int, sex: str, age: Any, height: Any, thickness: Any, mesh: str, salt: Any
) -> None:
    disc = {"level": level, "grade": grade, "height": height, "endplate_thickness": thickness, "wedge": 0.5}
    data = {
        "person": {"sex": sex} | ({} if age is None else {"age": age}),
        "disc": {key: value for key, value in disc.items() if value is not None},
        "parameters": {} if salt is None else {"salt": salt},
        "treatments": [{"protocol": LINE}, {"product": "PRP", "dose": "1 mL", "month": 3}],
        "run": {"mesh": mesh},
    }
    resolved = Case.from_dict(data).resolved()
    again = Case.from_dict(tomllib.loads(resolved.to_toml()))
    assert same(again, resolved)
    assert again.dimensions() == resolved.dimensions()
    assert again.resolved().to_toml().split("title =")[1] == resolved.to_toml().split("title =")[1]
    assert resolved.treatments[0] == parse(LINE)


def test_filling_changes_no_dimension_and_names_its_source() -> None:
    case = case_from_line(LINE, level="l4/5", grade=4, sex="female", age=50)
    resolved = case.resolved()
    tabled = evidence.dimensions("L4-L5", "female", 4)
    assert resolved.dimensions() == case.dimensions() == {name: row.si for name, row in tabled.items()}
    assert set(resolved.filled) == set(DIMENSIONS)
    assert evidence.reference(tabled["ap_depth"].sources[0]) in resolved.filled["ap_depth"]
    assert set(tabled["ap_depth"].sources) <= set(resolved.sources())
    assert all("\n" not in sentence for sentence in resolved.filled.values())


def test_what_was_measured_stands_and_its_neighbours_follow() -> None:
    case = Case.from_dict({"disc": {**DISC, "height": "0.8 cm", "endplate_thickness": 1.1}, "person": {"age": 30}})
    made, tabled = case.dimensions(), evidence.dimensions("L4-L5", "any", 3)
    assert made["mid_height"] == pytest.approx(0.008)
    assert made["endplate_thickness_rim"] == pytest.approx(2 * tabled["endplate_thickness_rim"].si)
    assert made["wedge"] < tabled["wedge"].si
    assert "height" not in case.resolved().filled
    assert "age" not in case.resolved().filled


def test_a_named_outline_brings_its_own_dimensions() -> None:
    data = {"disc": {**DISC, "outline": "reference_l4l5"}}
    tabled = evidence.dimensions("reference_l4l5")
    assert Case.from_dict(data).dimensions() == {name: row.si for name, row in tabled.items()}
    lower = Case.from_dict({"disc": {**data["disc"], "height": tabled["mid_height"].value / 2}}).resolved().dimensions()
    for name in ("mid_height", "anterior_height", "posterior_height", "lateral_height"):
        assert lower[name] == pytest.approx(tabled[name].si / 2)
    assert lower["width"] == tabled["width"].si


@pytest.mark.parametrize("level", evidence.levels())
def test_every_tabled_disc_is_plausible_to_itself(level: str) -> None:
    for grade in range(1, 6):
        for sex in ("male", "female"):
            resolved = case_from_line(LINE, level=level, grade=grade, sex=sex).resolved()
            assert same(Case.from_dict(tomllib.loads(resolved.to_toml())), resolved)


def test_flat_discs_are_legal() -> None:
    assert Case.from_dict({"disc": {**DISC, "height": 2}}).resolved().dimensions()["mid_height"] == pytest.approx(0.002)


def test_parameters_are_taken_in_the_unit_of_the_evidence() -> None:
    for given_, si in ((0.2, 200.0), ("200 mM", 200.0), ("0.2 mol/L", 200.0)):
        case = Case.from_dict({"disc": DISC, "parameters": {"salt": given_}})
        assert case.parameter_overrides()["salt"] == pytest.approx(si)
    assert any("salt" in said for said in case.warnings)
    unread = Case.from_dict({"disc": DISC, "parameters": {"t2_ageing_rate": 0.01}})
    with pytest.raises(InputError, match="no process of the disc reads it"):
        unread.parameter_overrides()


def test_the_case_knows_the_choices_of_the_disc() -> None:
    from pulposus.disc.composition import ENDPLATES
    from pulposus.disc.mesh import SIZES
    from pulposus.disc.state import Hypotheses
    from pulposus.disc.structure import Laws

    assert get_args(Endplate) == ENDPLATES
    assert set(get_args(Mesh)) == set(SIZES)
    assert Case.from_dict({"disc": DISC}).hypotheses() == Hypotheses()
    hints = Hypothesis.model_fields
    needle = {"injection_pressure"}  # a choice of the injection, not of the disc
    assert set(hints) - needle == set(Hypotheses.__dataclass_fields__)
    for name in set(hints) - needle:
        field = hints[name]
        for choice in get_args(field.annotation) or (True, False):
            chosen = Case.from_dict({"disc": DISC, "hypotheses": {name: choice}}).hypotheses()
            assert getattr(chosen, name) == choice
    assert Laws(**Case.from_dict({"disc": DISC}).structure.model_dump()) == Laws()
    assert set(StructureTable.model_fields) == set(Laws.__dataclass_fields__)
    chosen = Case.from_dict({"disc": DISC, "structure": {"fatigue": False}}).structure
    assert Laws(**chosen.model_dump()) == Laws(fatigue=False)
    for key in DIMENSIONS:
        assert quantity_of(key) in evidence.dimensions("L4-L5")


def test_another_run_of_the_same_case() -> None:
    case = case_from_line(LINE, level="L4-L5", grade=3).resolved()
    changed = case.changed(years=2, mesh="coarse", seed=7)
    assert (changed.run.years, changed.run.mesh, changed.run.seed) == (2, "coarse", 7)
    assert changed.filled == case.filled
    assert changed.dimensions() == case.dimensions()
    with pytest.raises(InputError, match="end of the run"):
        case_from_line("Inject MPC at month 30", level="L4-L5", grade=3).changed(years=2)


def test_a_case_is_read_without_the_libraries_of_the_disc() -> None:
    program = (
        "import sys, pulposus.case; print([m for m in ('jax', 'xarray', 'pandas', 'equinox') if m in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


# ---------------------------------------------------------------------------------------------- mistakes


def treated(**fields: Any) -> dict[str, Any]:
    return {"disc": DISC, "treatments": [{"product": "MSC(M)", **fields}]}


def with_disc(**fields: Any) -> dict[str, Any]:
    return {"disc": {**DISC, **fields}}


@pytest.mark.parametrize(
    ("data", "given_", "remedy"),
    [
        ({}, "no [disc]", "level = 'L4-L5'"),
        ({"disc": 3}, "[disc] is 3", "on the lines below"),
        ({"disc": {"level": "L4-L5"}}, "no grade", "grade = 3"),
        ({"disk": DISC}, "'disk'", "did you mean 'disc'"),
        (with_disc(hieght=3), "'hieght' in [disc]", "did you mean 'height'"),
        (with_disc(level="L4-L6"), "'L4-L6'", "L4-L5"),
        (with_disc(level="reference_l4l5"), "reference_l4l5", "outline = "),
        (with_disc(grade=3.5), "3.5", "1 to 5"),
        (with_disc(grade=True), "True", "1 to 5"),
        (with_disc(height=0), "height of 0 mm", "check its unit"),
        (with_disc(height=-4), "height of -4 mm", "check its unit"),
        (with_disc(height=110), "height of 110 mm", "check its unit"),
        (with_disc(height=float("nan")), "height: nan", "1 mm"),
        (with_disc(height="inf mm"), "'inf mm'", "1 mm"),
        (with_disc(height="2 kPa"), "2 kPa", "give it in mm"),
        (with_disc(height=[1]), "height: [1]", "write a number"),
        (with_disc(height=2, wedge=20), "wedge of 20", "smaller wedge"),
        (with_disc(nucleus_area_fraction=1.5), "1.5", "0.084 to 0.5"),
        (with_disc(endplate="calcifed"), "'calcifed'", "did you mean 'calcified'"),
        (with_disc(outline="reference"), "'reference'", "reference_l4l5"),
        (with_disc(outline="reference_l4l5", width=50), "width", "leave one of them out"),
        ({"disc": DISC, "person": {"sex": "femal"}}, "'femal'", "did you mean 'female'"),
        ({"disc": DISC, "person": {"age": -3}}, "-3", "years from 0 to 120"),
        ({"disc": DISC, "person": "me"}, "[person] is 'me'", "on the lines below"),
        ({"disc": DISC, "run": {"years": 0}}, "years of 0", "at least a month"),
        ({"disc": DISC, "run": {"years": float("inf")}}, "inf", "not finite"),
        ({"disc": DISC, "run": {"mesh": "corse"}}, "'corse'", "did you mean 'coarse'"),
        ({"disc": DISC, "run": {"seed": -1}}, "-1", "whole number"),
        ({"disc": DISC, "parameters": {"salz": 1}}, "'salz'", "did you mean 'salt'"),
        ({"disc": DISC, "parameters": {"salt": "1 kPa"}}, "[parameters] salt: 1 kPa", "give it in"),
        ({"disc": DISC, "parameters": {"salt": float("nan")}}, "nan", "1 mol/L"),
        ({"disc": DISC, "parameters": {"salt": -1}}, "salt of -1", "0.15"),
        ({"disc": DISC, "parameters": {"fibre_share": 5}}, "fibre_share of 5", "between 0 and 1 by what it means"),
        ({"disc": DISC, "parameters": {"nucleus_water_healthy": 1.2}}, "of 1.2", "the evidence has 0.745"),
        ({"disc": DISC, "parameters": {"acid_death_threshold": 60}}, "of 60", "between 0 and 14"),
        ({"disc": DISC, "parameters": {"degenerate_grade": 9}}, "of 9", "between 1 and 5"),
        ({"disc": DISC, "parameters": {"fibre_angle_inner_anterior": 120}}, "of 120", "between 0 and 90 deg"),
        ({"disc": DISC, "hypotheses": {"metabolism": "bibby"}}, "'bibby'", "did you mean 'bibby_urban'"),
        ({"disc": DISC, "hypotheses": {"ageing": "yes"}}, "'yes'", "true or false"),
        ({"disc": DISC, "hypotheses": {"agein": True}}, "'agein'", "did you mean 'ageing'"),
        (treated(doze=1), "'doze' in [[treatments]] 1", "did you mean 'dose'"),
        (treated(dose=-1), "-1", "zero or more"),
        (treated(dose="nan"), "'nan'", "25e6"),
        (treated(origin="onw"), "'onw'", "did you mean 'own'"),
        (treated(volume="0 mL"), "0 mL", "more than zero"),
        (treated(volume="2 mm"), "2 mm", "give it in mL"),
        (treated(month=60), "month 60", "raise years"),
        (treated(month=float("nan")), "nan", "month"),
        (treated(repeats=1, repeat_every=-6), "-6", "more than zero"),
        (treated(repeats=9, repeat_every=12), "month 108", "raise years"),
        (treated(passage=1.5), "1.5", "whole number"),
        (treated(protocol=LINE), "product", "the line or the fields"),
        ({"disc": DISC, "treatments": [{}]}, "no product", "protocol = "),
        (treated(dose="25e6 mL"), "25e6 mL", "counted in cells"),
        (treated(dose="25e6 vesicles"), "25e6 vesicles", "counted in cells"),
        (treated(repeats=1), "repeats = 1", "needs repeat_every"),
        (treated(repeat_every=6), "repeat_every = 6", "needs repeats"),
        (treated(repeats=-1), "-1", "number of repeats"),
        (treated(passage=-2), "-2", "number of passages"),
        ({"disc": {"level": "C5-C6", "grade": 3, "outline": "reference_l4l5"}}, "C5-C6", "leave the outline out"),
        ({"disc": DISC, "parameters": {"nucleus_cells": 1e30}}, "1e+30", "2000 to 4000"),
        ({"disc": DISC, "run": {"years": 0.01}}, "0.01", "at least a month"),
        ({"disc": DISC, "treatments": {"product": "MPC"}}, "MPC", "[[treatments]]"),
        ({"disc": DISC, "treatments": [{"protocol": "Inject MSX"}]}, "'MSX'", "MSC(M)"),
        ({"disc": DISC, "title": 3}, "title is 3", "in quotes"),
    ],
)
def test_a_mistake_is_one_sentence(data: dict[str, Any], given_: str, remedy: str) -> None:
    with pytest.raises(InputError) as caught:
        Case.from_dict(data).resolved()
    said = str(caught.value)
    assert given_ in said
    assert remedy in said
    assert "\n" not in said


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'title = "a"\ntitle = "b"\n[disc]\n', "line 2"),
        (b"[disc]\nlevel = L4-L5\n", "line 2"),
        (b"[disc]\ngrade = 3\n[disc]\n", "line 3"),
        (b'title = "\xff"', "UTF-8"),
        (b'[disc]\nlevel = "L4-L5"\ngrade = 9\n', "my_case.toml: [disc] grade: 9"),
        (b"", "no [disc]"),
    ],
)
def test_a_bad_file_is_one_sentence(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "my_case.toml"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"my_case\.toml") as caught:
        read_case(path)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "noriega.toml").write_text("")
    with pytest.raises(InputError, match=r"did you mean 'noriega\.toml'"):
        read_case(tmp_path / "noriga.toml")
    with pytest.raises(InputError, match="is a folder"):
        read_case(tmp_path)


# ---------------------------------------------------------------------------------------------- a day of one's own


def test_a_day_is_read_in_its_order_and_in_any_unit_of_time() -> None:
    day = Case.from_dict({"disc": DISC, "day": {"spans": ["lying 8 h", "lifting 30 min", "sitting 15.5 hours"]}}).day
    assert day.spans == (("lying", 8.0), ("lifting", pytest.approx(0.5)), ("sitting", 15.5))
    assert Case.from_dict({"disc": DISC}).day.spans is None


def test_a_day_stays_the_same_in_a_changed_case_and_in_what_is_written() -> None:
    case = Case.from_dict({"disc": DISC, "day": {"spans": ["lying 8 h", "lifting 20 min", "sitting 940 min"]}})
    assert case.changed(years=1).day == case.day
    assert case.resolved().day == case.day
    assert Case.from_dict(tomllib.loads(case.to_toml())).day == case.day


@pytest.mark.parametrize(
    ("spans", "sentence"),
    [
        (["lying 8 h", "siting 16 h"], "did you mean 'sitting'"),
        (["lying 8 h", "sitting 15 h"], "last 23 h together"),
        (["standing 16 h", "lying 8 h"], "begins with its night"),
        (["lying"], "is not a span of a day"),
        (["lying 8 mm", "sitting 16 h"], "hour"),
        (["lying 8", "sitting 16 h"], "has no unit"),
        (["lying 24 h", "sitting 0 h"], "does not last"),
        (["lying 25 h", "sitting -1 h"], "does not last"),
        ([], "is not a day"),
        ("lying 24 h", "is not a day"),
        ([8, 16], "is not a span of a day"),
    ],
)
def test_a_day_that_is_none_is_a_sentence(spans, sentence) -> None:
    with pytest.raises(InputError, match=sentence):
        Case.from_dict({"disc": DISC, "day": {"spans": spans}})


def test_choices_that_columns_do_not_read_are_said() -> None:
    own = {"osmosis": "composition", "fibres": "soften", "solid": "fitted"}
    more = {"structure": {"fatigue": False}, "day": {"spans": ["lying 8 h", "standing 16 h"]}}
    for mechanics, said in (("columns", 1), ("solid", 0)):
        case = Case.from_dict({"disc": DISC, "hypotheses": own | {"mechanics": mechanics}} | more)
        found = [text for text in case.warnings if "nothing reads" in text]
        assert len(found) == said
        assert all(word in text for text in found for word in (*own, "[structure]", "[day]"))
    assert Case.from_dict({"disc": DISC, "hypotheses": {"mechanics": "columns"}}).warnings == []


def test_every_row_of_the_evidence_lies_within_what_its_number_can_mean() -> None:
    limits = bounds()
    assert len(limits) > 25
    for name, (least, most) in limits.items():
        for row in evidence.rows(name):
            assert least <= row.si_low <= row.si_high <= most, f"{name}, line {row.line}"


def test_what_is_called_a_share_of_something_has_the_bounds_of_one() -> None:
    """A new share cannot be forgotten: its words ask for bounds."""
    for name, (unit, meaning) in declared().items():
        if unit == "" and meaning.startswith(("share of", "water by mass", "collagen by dry mass")):
            assert bounds().get(name) == SHARE, name


def test_what_may_be_but_was_never_found_is_said() -> None:
    case = Case.from_dict({"disc": DISC, "parameters": {"fibre_share": 0.9, "salt": "0.15 M"}})
    assert [said for said in case.warnings if "was chosen" in said] == [
        "fibre_share = 0.9 was chosen; the evidence has 0.646 (0.05 to 0.646)."
    ]
