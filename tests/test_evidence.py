"""The evidence tables hold to their own rules, and what breaks a rule is refused by file, line and remedy."""

from __future__ import annotations

import dataclasses
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from spoilt import bib, copy, edit, table

from pulposus import evidence
from pulposus.errors import EvidenceError, InputError
from pulposus.evidence import usage

MECHANISMS = [
    "anti_inflammatory",
    "anabolic",
    "anti_catabolic",
    "anti_apoptotic",
    "immunomodulation",
    "differentiation",
    "endplate_vascular_support",
    "homing",
    "neuroprotection",
    "chondroprotection",
]
SHAPE = {
    "mid_height",
    "ap_depth",
    "width",
    "wedge",
    "nucleus_area_fraction",
    "nucleus_offset",
    "endplate_thickness_centre",
    "endplate_thickness_rim",
    "posterior_dent",
    "superellipse_exponent",
}

# ---------------------------------------------------------------------------------------------- units


@pytest.mark.parametrize(
    ("unit", "factor"),
    [
        ("1/day", 1 / 86400),
        ("1/year", 1 / (365.25 * 86400)),
        ("nmol/(Mcell*hour)", 1e-9 / 1e6 / 3600),
        ("cells/mm^3", 1e9),
        ("Mcell/mL", 1e12),
        ("mM", 1.0),
        ("mM/kPa", 1e-3),
        ("mEq/mL", 1e3),
        ("kPa", 1e3),
        ("psi", 6894.757293168),
        ("mm^2/s", 1e-6),
        ("percent", 0.01),
        ("degree", math.pi / 180),
        ("mL", 1e-6),
        ("1", 1.0),
        ("", 1.0),
    ],
)
def test_units_convert_as_by_hand(unit: str, factor: float) -> None:
    assert evidence.factor(unit) == pytest.approx(factor, rel=1e-12)


def test_cells_are_no_number_and_charge_is_moles() -> None:
    assert evidence.dimension("cells/mm^3") != evidence.dimension("1/mm^3")
    assert evidence.dimension("nmol/(Mcell*hour)") != evidence.dimension("nmol/hour")
    assert evidence.dimension("mEq/mL") == evidence.dimension("mM")


@pytest.mark.parametrize("unit", ["wibbles per cell", "mm^", "degC", "mmm", "import os"])
def test_what_is_no_unit_is_refused(unit: str) -> None:
    with pytest.raises(InputError):
        evidence.factor(unit)


def test_numbers_with_units_in_words() -> None:
    assert evidence.quantity("0.2 mM", "mol/m^3") == pytest.approx(0.2)
    assert evidence.quantity("2.5e1 mm", "m") == pytest.approx(0.025)
    assert evidence.quantity(12, "mm") == pytest.approx(0.012)
    for wrong, unit in [
        ("0.2 mM", "kPa"),
        ("nan", "mm"),
        ("much", "mm"),
        ("", "mm"),
        ("inf mm", "mm"),
        ("3 ells", "m"),
    ]:
        with pytest.raises(InputError):
            evidence.quantity(wrong, unit)


# ---------------------------------------------------------------------------------------------- parameters


def test_every_table_holds_to_the_rules() -> None:
    evidence.check()


def test_the_model_finds_every_number_that_it_declares() -> None:
    parameters = pytest.importorskip("pulposus.disc.parameters")
    for name, (unit, _) in parameters.declared().items():
        assert math.isfinite(evidence.si(name, unit)), name


def test_numbers_of_the_reference_in_si() -> None:
    assert evidence.si("oxygen_diffusivity", "m^2/s") == pytest.approx(3.0e-9)
    assert evidence.si("marrow_oxygen", "Pa") == pytest.approx(5100)
    assert evidence.si("oxygen_solubility", "mol/m^3/Pa") == pytest.approx(1.0268e-5)
    assert evidence.si("nucleus_cells", "cell/m^3") == pytest.approx(3.6e12)
    assert evidence.si("oxygen_uptake_scale", "mol/cell/s") == pytest.approx(7.28e-15 / 3600)
    assert evidence.si("nucleus_charge_healthy", "mol/m^3") == pytest.approx(290)
    assert evidence.si("lactate_rate_per_oxygen_squared", "1/Pa^2") == pytest.approx(5.8e-9)
    assert evidence.si("nucleus_aggrecan_decay", "1/s") == pytest.approx(0.059 / 31557600)


def test_disagreeing_sources_stay_beside_the_one_that_is_used() -> None:
    found = evidence.rows("nucleus_cells")
    assert len(found) > 1
    assert [row for row in found if row.used] == [evidence.used("nucleus_cells")]
    used = evidence.used("nucleus_cells")
    assert used.low <= min(row.value for row in found) <= max(row.value for row in found) <= used.high


def test_wrong_dimension_and_unknown_name_are_sentences() -> None:
    with pytest.raises(EvidenceError, match=r"parameters.csv line \d+: nucleus_cells is in cells/mm\^3"):
        evidence.si("nucleus_cells", "1/m^3")
    with pytest.raises(InputError, match="did you mean 'nucleus_cells'"):
        evidence.used("nucleus_cell")
    with pytest.raises(InputError, match="nobody"):
        evidence.rows("nobody has this")


def test_assumptions_have_a_range_and_what_is_remembered_is_an_assumption() -> None:
    for name in evidence.names():
        for row in evidence.rows(name):
            assert row.low <= row.value <= row.high
            assert not row.assumed or row.low < row.high
            assert row.status != "memory" or row.assumed
            assert row.si == pytest.approx(row.value * evidence.factor(row.unit))


# ---------------------------------------------------------------------------------------------- therapies


@pytest.mark.parametrize(
    ("group", "given", "name"),
    [
        ("product", "BM-MSC", "MSC(M)"),
        ("product", "msc(m)", "MSC(M)"),
        ("product", "uc-msc", "MSC(WJ)"),
        ("product", "adipose MSC", "MSC(AT)"),
        ("product", "rexlemestrocel-L", "MPC"),
        ("product", "disc chondrocytes", "disc_chondrocytes"),
        ("product", "platelet-rich plasma", "PRP"),
        ("carrier", "HA", "hyaluronic_acid"),
        ("carrier", "Hyaluronic acid", "hyaluronic_acid"),
        ("site", "posterior nucleus", "posterior_nucleus"),
        ("site", "around the disc", "peridiscal"),
    ],
)
def test_other_names_are_understood(group: str, given: str, name: str) -> None:
    assert evidence.resolve(group, given) == name


def test_unknown_products_carriers_and_sites_get_the_nearest_name() -> None:
    with pytest.raises(InputError, match="did you mean 'exosomes'"):
        evidence.product("exosoms")
    with pytest.raises(InputError, match="did you mean 'saline'"):
        evidence.carrier("salin")
    with pytest.raises(InputError, match="did you mean 'annulus'"):
        evidence.site("annulis")


def test_no_alias_means_two_things() -> None:
    seen: dict[tuple[str, str], str] = {}
    for record in table("therapies.csv"):
        if record["quantity"] == "alias":
            key = (record["group"], record["value"].lower())
            assert seen.setdefault(key, record["name"]) == record["name"], f"{key} names two things"


def test_every_product_says_all_that_the_model_asks() -> None:
    asked = {
        "class", "title", "dose_unit", "origin_default", "dose_default", "volume_default", "msc_content",
        "viability_default", "oxygen_uptake_multiplier", "glucose_uptake_multiplier", "adaptation_time",
        "loss_half_life", "immune_clearance_half_life",
        "proliferation_rate", "potency", "potency_loss_per_passage", "half_effect_ratio",
        "differentiation_fraction", "differentiation_time", "np_like_synthesis", "secretion_equivalents",
        "bolus_half_life", *MECHANISMS,
    }  # fmt: skip
    for name in evidence.products():
        rows = evidence.product(name)
        assert asked <= set(rows), f"{name} lacks {sorted(asked - set(rows))}"
        assert rows["class"].text in ("cells", "vesicles", "platelets", "factor")
        for mechanism in MECHANISMS:
            assert rows[mechanism].low >= 0
        for share in (
            "viability_default",
            "msc_content",
            "differentiation_fraction",
            "anti_inflammatory",
            "anti_catabolic",
        ):
            assert 0 <= rows[share].low <= rows[share].high <= 1
        if rows["class"].text == "cells":
            assert rows["loss_half_life"].value > 0
            assert rows["oxygen_uptake_multiplier"].value >= 1
        else:
            assert rows["msc_content"].value == 0
            assert rows["bolus_half_life"].value > 0


def test_fresh_stromal_cells_use_more_than_disc_cells_over_a_wide_range() -> None:
    for name, reach in (("oxygen_uptake_multiplier", (3, 30)), ("glucose_uptake_multiplier", (1, 12))):
        prior = next(row for row in evidence.found(f"product MSC(M) {name}") if row.assumed)
        assert (prior.low, prior.high) == reach
        fitted = evidence.product("MSC(M)")[name]
        assert fitted.kind == "fitted"
        assert prior.low <= fitted.low < fitted.high <= prior.high


def test_bone_marrow_concentrate_holds_few_stromal_cells() -> None:
    content = evidence.product("BMC")["msc_content"]
    assert content.value == pytest.approx(2713 / 121e6, rel=0.01)


def test_carriers_and_sites_differ_as_they_should() -> None:
    assert evidence.carrier("saline")["retained_fraction"].value < evidence.carrier("gel")["retained_fraction"].value
    for name in evidence.sites():
        delivered = evidence.site(name)["delivered_fraction"].value
        assert delivered == (0 if name in ("peridiscal", "facet_joint") else 1)
    assert (
        evidence.site("posterior_nucleus")["position_ap"].value < evidence.site("nucleus_centre")["position_ap"].value
    )


@pytest.mark.parametrize("grade", [1, 2, 3, 4, 5])
def test_every_grade_takes_up_some_volume(grade: int) -> None:
    rule = evidence.volume_rule(grade)
    assert 0 < rule["accepted_fraction"].value < 1
    assert 0 < rule["excess_leak_fraction"].value <= 1


def test_published_doses() -> None:
    assert evidence.study("noriega2017")["dose"].value == 25e6
    assert evidence.study("noriega2017")["dose"].kind == "measured"  # printed in a review
    assert evidence.study("msb_dr001")["dose"].value == 6e6
    for name in evidence.studies():
        rows = evidence.study(name)
        assert evidence.resolve("product", rows["product"].text) == rows["product"].text
        assert evidence.resolve("carrier", rows["carrier"].text) == rows["carrier"].text


# ---------------------------------------------------------------------------------------------- form


def test_levels_run_from_neck_to_sacrum() -> None:
    assert evidence.levels()[0] == "C2-C3"
    assert evidence.levels()[-1] == "L5-S1"
    assert "T12-L1" in evidence.levels()
    assert len(evidence.levels()) == 12


@pytest.mark.parametrize("given", ["L4-L5", "L4-5", "l4/5", "L4/L5", "L4 L5"])
def test_levels_are_read_as_people_write_them(given: str) -> None:
    assert evidence.level_named(given) == "L4-L5"


@pytest.mark.parametrize("given", ["L6-L7", "C1-C2", "neck", "", "L4"])
def test_unknown_levels_are_refused(given: str) -> None:
    with pytest.raises(InputError, match="Unknown level"):
        evidence.dimensions(given)


def test_every_disc_has_a_form_that_can_be_built() -> None:
    """All levels, sexes and grades: complete, in range, and higher than nothing at both ends."""
    for level in evidence.levels():
        for sex in ("any", "male", "female"):
            heights = []
            for grade in (1, 2, 3, 4, 5):
                d = evidence.dimensions(level, sex, grade)
                assert set(d) >= SHAPE
                assert all(row.low <= row.value <= row.high for row in d.values())
                lean = math.tan(d["wedge"].si) * d["ap_depth"].si / 2
                assert d["mid_height"].si - lean > 1e-3, f"{level} {sex} {grade} closes at one end"
                assert 0 < d["nucleus_area_fraction"].value < 1
                heights.append(d["mid_height"].si)
            assert heights == sorted(heights, reverse=True)
            assert heights[-1] < heights[0]


def test_the_wedge_follows_the_height() -> None:
    whole = evidence.dimensions("L5-S1", "any", 1)
    given = evidence.dimensions("L5-S1", "any", 1, mid_height=whole["mid_height"].si / 2)
    assert math.tan(given["wedge"].si) == pytest.approx(math.tan(whole["wedge"].si) / 2)
    collapsed = evidence.dimensions("L5-S1", "any", 5)
    ratio = collapsed["mid_height"].si / whole["mid_height"].si
    assert math.tan(collapsed["wedge"].si) == pytest.approx(math.tan(whole["wedge"].si) * ratio)


def test_men_have_larger_discs_and_measured_ones_are_not_scaled_again() -> None:
    for level in evidence.levels():
        men, women = (evidence.dimensions(level, sex, 2) for sex in ("male", "female"))
        for name in ("mid_height", "ap_depth", "width"):
            assert men[name].value > women[name].value
    assert evidence.dimensions("C4-C5", "male", 1)["ap_depth"].value == 16.86
    assert evidence.dimensions("C4-C5", "male", 1)["ap_depth"].kind == "measured"


def test_a_composed_dimension_names_all_its_sources_and_counts_as_assumed() -> None:
    row = evidence.dimensions("L4-L5", "female", 4)["mid_height"]
    assert row.assumed
    assert {"iran_mri", "munozmoya2025", "jsdt2004_cervical_ct"} <= set(row.sources)
    for level in evidence.levels():
        for dimension in evidence.dimensions(level, "male", 3).values():
            for key in dimension.sources:
                evidence.source(key)


def test_the_reference_outline_has_its_published_size() -> None:
    curves = evidence.outline("reference_l4l5")
    theta = np.linspace(0, 2 * np.pi, 721)
    area = {}
    for curve, (cosines, centre) in curves.items():
        radius = np.cos(theta[:, None] * np.arange(len(cosines))) @ cosines
        area[curve] = 0.5 * np.trapezoid(radius**2, theta)
        if curve == "disc":
            assert np.ptp(radius * np.sin(theta)) == pytest.approx(50.1e-3, abs=0.3e-3)
            assert np.ptp(radius * np.cos(theta) + centre) == pytest.approx(38.2e-3, abs=0.3e-3)
    assert area["disc"] == pytest.approx(1519e-6, rel=0.005)
    assert area["nucleus"] == pytest.approx(658e-6, rel=0.005)
    d = evidence.dimensions("reference_l4l5", "female", 4)
    assert {
        name: d[name].value for name in ("mid_height", "anterior_height", "posterior_height", "lateral_height")
    } == {
        "mid_height": 13.3,
        "anterior_height": 13.5,
        "posterior_height": 10.7,
        "lateral_height": 11.9,
    }
    with pytest.raises(InputError, match="reference_l4l5"):
        evidence.outline("reference")


# ---------------------------------------------------------------------------------------------- words and sources


def test_mechanisms_are_those_of_the_field_and_disputes_are_told() -> None:
    assert [mechanism.name for mechanism in evidence.mechanisms()] == MECHANISMS
    disputed = {mechanism.name for mechanism in evidence.mechanisms() if mechanism.disputed}
    assert disputed == {"differentiation", "endplate_vascular_support"}
    for mechanism in evidence.mechanisms():
        assert bool(mechanism.dispute) == mechanism.disputed
        assert mechanism.what.endswith(".")


def test_statements() -> None:
    assert evidence.statement("cervical_cells").text.startswith(
        "No controlled trial of cells in a cervical disc was found"
    )
    with pytest.raises(InputError, match="did you mean 'cervical_cells'"):
        evidence.statement("cervical_cell")


def test_bibliography_gives_each_source_once() -> None:
    text = evidence.bibliography(["sivan2006", "koken2014; munozmoya2025", "sivan2006", "assumption"])
    assert text.count("@") == 3
    assert text.count("{sivan2006,") == 1
    assert "2006" in evidence.reference("sivan2006")
    assert evidence.bibliography([]) == ""
    with pytest.raises(InputError, match="did you mean 'sivan2006'"):
        evidence.source("sivan206")


def test_every_source_is_used_and_says_how_it_is_known() -> None:
    text = "\n".join(path.read_text("utf-8") for path in evidence.FOLDER.glob("*.csv"))
    keys = [line.split("{")[1].strip(",\n") for line in bib().splitlines() if line.startswith("@")]
    assert len(keys) == len(set(keys))
    for key in keys:
        assert key in text, f"no table uses {key}"
        assert evidence.source(key).get("note"), f"{key} does not say how it is known"


def test_digest_changes_with_the_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = evidence.digest()
    assert before == evidence.digest()
    copied = copy(tmp_path)
    monkeypatch.setattr(evidence, "FOLDER", copied)
    assert evidence.digest() == before
    edit(copied, "parameters.csv", lambda rows: rows[0].update(note="changed"))
    assert evidence.digest() != before


def test_reading_needs_no_heavy_library() -> None:
    code = (
        "import sys; from pulposus import evidence; evidence.products(); evidence.names();"
        "print({'jax', 'pandas', 'pint', 'xarray'} & set(sys.modules))"
    )
    heavy = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert heavy.strip() == "set()"


# ---------------------------------------------------------------------------------------------- finding


def test_search_looks_into_names_notes_tissues_sources_and_conditions() -> None:
    assert {row.name for row in evidence.search("diffusivity")} >= {"oxygen_diffusivity", "annulus_oxygen_diffusivity"}
    assert "nucleus_aggrecan_decay" in {row.name for row in evidence.search("SIVAN2006 half-life")}
    assert all("goat" not in row.name for row in evidence.search("bovine tail"))
    assert evidence.search("retained fraction")[0].file == "therapies.csv"
    with pytest.raises(InputError, match="did you mean 'glucose'"):
        evidence.search("glucoze")


def test_all_rows_of_one_name_of_any_table() -> None:
    assert [row.used for row in evidence.found("nucleus_cells")] == [True, False, False]
    assert evidence.found("carrier saline  retained_fraction")[0].unit == "1"
    with pytest.raises(InputError, match="did you mean 'salt'"):
        evidence.found("salty")


def test_every_number_of_the_model_has_a_reader_that_is_found_in_the_source() -> None:
    parameters = pytest.importorskip("pulposus.disc.parameters")
    for name in parameters.declared():
        assert usage.readers(name), f"no process reads {name}: take it out of Parameters"
    assert usage.readers("nucleus_shear_modulus") == ["disc.material: graded", "disc.mechanics: _column"]
    assert usage.readers("cachot_nucleus_cells") == ["disc.cells: native_density", "disc.inflammation: signal"]
    assert "disc.composition: composition" in usage.readers("annulus_charge_grade3")
    assert usage.readers("carrier saline retained_fraction", "retained_fraction") == ["therapies.biological: _dose"]
    assert usage.readers("pressure_sitting") == []


def test_every_used_load_has_a_reader() -> None:
    for name in evidence.postures():
        for quantity in evidence.posture(name):
            assert usage.readers(f"{name} {quantity}", quantity), f"{name} {quantity}"


def test_a_second_used_dimension_is_refused(tmp_path: Path) -> None:
    folder = copy(tmp_path)
    edit(folder, "geometry.csv", lambda records: [record.update(used="yes") for record in records])
    with pytest.raises(EvidenceError, match=r"geometry.csv line \d+: .* has \d+ used rows"):
        evidence.check(folder)


def test_a_dispute_without_words_and_a_lost_comma_are_refused(tmp_path: Path) -> None:
    folder = copy(tmp_path)
    edit(folder, "mechanisms.csv", lambda records: [record.update(dispute="") for record in records])
    with pytest.raises(EvidenceError, match=r"mechanisms.csv line \d+: .*disputed"):
        evidence.check(folder)
    lines = (folder / "outlines.csv").read_text("utf-8").splitlines()
    (folder / "outlines.csv").write_text("\n".join([*lines[:3], "reference_l4l5,disc,cosine", *lines[4:]]), "utf-8")
    with pytest.raises(EvidenceError, match=r"outlines.csv line 4: no column"):
        evidence.check(folder)


def test_a_comma_too_many_is_refused(tmp_path: Path) -> None:
    folder = copy(tmp_path)
    found = (folder / "parameters.csv").read_text("utf-8").splitlines()
    (folder / "parameters.csv").write_text("\n".join([found[0], found[1] + ", and more", *found[2:]]), "utf-8")
    with pytest.raises(EvidenceError, match=r"parameters.csv line 2: more columns than heads; quote text"):
        evidence._table("parameters.csv", folder)


def test_rows_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        evidence.used("marrow_oxygen").value = 0.0  # type: ignore[misc]
