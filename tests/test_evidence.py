"""The evidence tables hold to their own rules, and what breaks a rule is refused by file, line and remedy."""

from __future__ import annotations

import csv
import dataclasses
import functools
import math
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pulposus import evidence
from pulposus.errors import EvidenceError, InputError
from pulposus.evidence import tables, usage

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
        "No controlled trial of intradiscal cells in the cervical spine has been published"
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


# ---------------------------------------------------------------------------------------------- corruption


def table(file: str, folder: Path = evidence.FOLDER) -> list[dict[str, str]]:
    """Records of a table."""
    with (folder / file).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def bib() -> str:
    """The bibliography."""
    return (evidence.FOLDER / "sources.bib").read_text("utf-8")


def copy(folder: Path) -> Path:
    """A copy of the tables that may be spoilt."""
    target = folder / "evidence"
    target.mkdir()
    for path in [*evidence.FOLDER.glob("*.csv"), *evidence.FOLDER.glob("*.bib")]:
        shutil.copy(path, target)
    return target


def edit(folder: Path, file: str, change: Callable[[list[dict[str, str]]], object]) -> None:
    """Read a table, change its records, write it back."""
    records = table(file, folder)
    columns = list(records[0])
    change(records)
    with (folder / file).open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(records)


def set_in(name: str, **values: str) -> Callable[[list[dict[str, str]]], object]:
    """Change the first used record of that name."""

    def change(records: list[dict[str, str]]) -> None:
        next(r for r in records if name in (r.get("name"), r.get("quantity")) and r["used"] == "yes").update(values)

    return change


def use_all(records: list[dict[str, str]]) -> None:
    for record in records:
        if record["name"] == "nucleus_cells":
            record["used"] = "yes"


@pytest.mark.parametrize(
    ("file", "change", "message"),
    [
        (
            "parameters.csv",
            set_in("marrow_oxygen", unit="wibbles"),
            r"line \d+ \(marrow_oxygen\): 'wibbles' is not a unit",
        ),
        ("parameters.csv", set_in("nucleus_cells", unit="1/mm^3"), r"nucleus_cells.*correct one of the units"),
        ("parameters.csv", set_in("marrow_oxygen", source=""), r"line \d+ \(marrow_oxygen\): no source"),
        ("parameters.csv", set_in("marrow_oxygen", source="nobody1999"), r"'nobody1999' is not in sources.bib"),
        ("parameters.csv", set_in("oxygen_uptake_half", source="assumption"), r"an assumption called fitted"),
        ("parameters.csv", set_in("marrow_oxygen", low="9", high="3"), r"low 9 is above high 3"),
        ("parameters.csv", set_in("marrow_oxygen", value="99"), r"value 99 is outside 2.5 to 6.5"),
        ("parameters.csv", set_in("marrow_oxygen", value="nan"), r"must be finite"),
        ("parameters.csv", set_in("marrow_oxygen", value="five"), r"value is 'five', not a number"),
        ("parameters.csv", set_in("marrow_oxygen", low="", high=""), r"an assumption without a range"),
        ("parameters.csv", set_in("fibre_softening_grade", spread=""), r"softening_grade\): no range and not why"),
        ("parameters.csv", set_in("marrow_oxygen", spread="none published"), r"oxygen\): a range, and spread says"),
        ("therapies.csv", set_in("patients", spread="narrow"), r"line \d+ .*spread is 'narrow'; write none"),
        ("geometry.csv", set_in("lateral_height", spread=""), r"geometry.csv line \d+ .*no range and not why"),
        ("parameters.csv", use_all, r"line \d+: nucleus_cells has 3 used rows \(lines \d+, \d+, \d+\)"),
        ("parameters.csv", set_in("nucleus_cells", used="no"), r"nucleus_cells has 0 used rows"),
        ("parameters.csv", set_in("marrow_oxygen", used="maybe"), r"used is 'maybe'"),
        ("parameters.csv", set_in("endplate_ion_diffusivity", status="memory"), r"from memory but called measured"),
        ("parameters.csv", set_in("nucleus_cells", kind="guessed"), r"kind is 'guessed'"),
        ("parameters.csv", set_in("nucleus_cells", status="heard"), r"status is 'heard'"),
        ("therapies.csv", set_in("adaptation_time", unit="mm"), r"therapies.csv line \d+ .*correct one of the units"),
        ("therapies.csv", set_in("retained_fraction", source=""), r"therapies.csv line \d+ .*no source"),
    ],
)
def test_what_breaks_a_rule_is_refused_by_name_and_line(
    tmp_path: Path, file: str, change: Callable[[list[dict[str, str]]], object], message: str
) -> None:
    folder = copy(tmp_path)
    evidence.check(folder)
    edit(folder, file, change)
    with pytest.raises(EvidenceError, match=message) as problem:
        evidence.check(folder)
    assert file in str(problem.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (set_in("marrow_oxygen", source=""), r"parameters.csv line \d+ \(marrow_oxygen\): no source; name a key"),
        (set_in("marrow_oxygen", low="9", high="3"), r"line \d+ .*low 9 is above high 3; exchange them"),
        (
            set_in("endplate_ion_diffusivity", status="memory"),
            r"line \d+ .*from memory but called measured; write kind assumed",
        ),
        (use_all, r"line \d+: nucleus_cells has 3 used rows .*exactly one must say yes"),
        (lambda rows: rows[0].update(value=""), r"parameters.csv line 2: value is '', not a number; correct it"),
    ],
)
def test_a_spoilt_table_is_refused_on_reading(
    tmp_path: Path, change: Callable[[list[dict[str, str]]], object], message: str
) -> None:
    folder = copy(tmp_path)
    edit(folder, "parameters.csv", change)
    with pytest.raises(EvidenceError, match=message):
        evidence._table("parameters.csv", folder)


def test_a_parameter_without_a_row_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    table = {name: rows for name, rows in evidence._parameters().items() if name != "salt"}
    monkeypatch.setattr(evidence, "_parameters", lambda: table)
    parameters = pytest.importorskip("pulposus.disc.parameters")
    with pytest.raises(InputError, match=r"parameters.csv has no row 'salt', which the model reads"):
        parameters.Parameters.from_evidence()


@pytest.mark.parametrize(
    ("file", "name", "unit", "ask"),
    [
        ("therapies.csv", "adaptation_time", "mm", lambda: evidence.product("MSC(M)")["adaptation_time"].si),
        ("geometry.csv", "mid_height", "kPa", lambda: evidence.dimensions("L4-L5")["mid_height"].si),
        ("parameters.csv", "nucleus_cells", "1/mm^3", lambda: evidence.used("salt").si),
        ("loads.csv", "compression", "mm", lambda: evidence.posture("standing")["compression"].si),
    ],
)
def test_a_unit_of_the_wrong_dimension_stops_whoever_reads_the_table(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    file: str,
    name: str,
    unit: str,
    ask: Callable[[], float],
) -> None:
    """Not only the check of all tables, which no run calls."""

    def change(records: list[dict[str, str]]) -> None:
        next(r for r in records if name in (r.get("name"), r.get("quantity")) and r["used"] == "yes").update(unit=unit)

    kept = (evidence._parameters, evidence._therapies, evidence._dimension_rows, evidence._hold_units)
    folder, read = copy(tmp_path), evidence._table.__wrapped__
    edit(folder, file, change)
    with monkeypatch.context() as patch:
        patch.setattr(evidence, "_table", functools.cache(lambda file, there=folder: read(file, there)))
        for one in kept:
            one.cache_clear()
        try:
            with pytest.raises(EvidenceError, match=rf"{file} line \d+ .*correct one of the units"):
                ask()
        finally:
            for one in kept:
                one.cache_clear()


@pytest.mark.parametrize(
    ("file", "name", "unit"),
    [
        ("parameters.csv", "salt", "kPa"),  # read by the disc
        ("parameters.csv", "pressure_slouched", "mM"),  # read by nobody
        ("therapies.csv", "retention_pressure", "mm"),
        ("therapies.csv", "stop_volume", "psi"),
        ("loads.csv", "anterior_shear", "MPa"),
        ("geometry.csv", "lateral_height", "kPa"),
        ("canal.csv", "epidural_gap", "mL"),
        ("outlines.csv", "centre", "degree"),
        ("outcomes.csv", "pain_fall", "month"),
        ("population.csv", "smokers", "year"),
    ],
)
def test_a_lone_number_of_the_wrong_dimension_is_refused(tmp_path: Path, file: str, name: str, unit: str) -> None:
    """No other row of its quantity has to stand beside it."""
    folder = copy(tmp_path)
    edit(folder, file, lambda rows: [r.update(unit=unit) for r in rows if name in (r.get("name"), r.get("quantity"))])
    with pytest.raises(EvidenceError, match=rf"{file} line \d+ \(.*\): .*expected a unit like .*; correct one"):
        evidence.check(folder)


def test_every_quantity_has_a_declared_unit_and_a_new_one_is_asked_for(tmp_path: Path) -> None:
    folder = copy(tmp_path)
    edit(folder, "loads.csv", lambda rows: rows.append(rows[0] | {"quantity": "twist"}))
    with pytest.raises(EvidenceError, match=r"loads.csv line \d+ .*which unit 'twist' is; add a line to quant"):
        evidence.check(folder)
    parameters = pytest.importorskip("pulposus.disc.parameters")
    assert usage.declared_units() == {name: unit for name, (unit, _) in parameters.declared().items()}


def test_a_wrong_unit_is_not_shown_as_if_it_were_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from typer.testing import CliRunner

    from pulposus.cli import app

    folder, read = copy(tmp_path), evidence._table.__wrapped__
    edit(folder, "parameters.csv", set_in("salt", unit="kPa"))
    with monkeypatch.context() as patch:
        patch.setattr(evidence, "_table", functools.cache(lambda file, there=folder: read(file, there)))
        evidence._hold_units.cache_clear()
        for words in (["show", "salt"], ["show", "salt", "--json"], ["search", "salt"]):
            result = CliRunner().invoke(app, ["evidence", *words])
            assert result.exit_code == 2
            assert "(salt): kPa is" in result.stderr
    evidence._hold_units.cache_clear()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"unit": "mm"}, r"line \d+ .*correct one"),
        ({"unit": "bananas"}, r"line \d+ .*'bananas' is not a unit"),
        ({"source": "nobody1999"}, r"line \d+ .*'nobody1999' is not in sources.bib"),
        ({"low": "", "high": ""}, r"line \d+ .*no low; give the number"),
    ],
)
def test_a_spoilt_check_is_refused_by_name_and_line(tmp_path: Path, values: dict[str, str], message: str) -> None:
    from pulposus.evidence.checks import read_checks

    folder = copy(tmp_path)
    read_checks(folder)

    def change(records: list[dict[str, str]]) -> None:
        records[40].update(values)

    edit(folder, "checks.csv", change)
    with pytest.raises(EvidenceError, match=message):
        read_checks(folder)


def bytes_in(file: str, line: int, what: bytes) -> Callable[[Path], None]:
    """Write bytes at the start of a line of a file."""

    def change(folder: Path) -> None:
        lines = (folder / file).read_bytes().split(b"\n")
        lines[line - 1] = what + lines[line - 1]
        (folder / file).write_bytes(b"\n".join(lines))

    return change


def written(file: str, change: Callable[[str], str]) -> Callable[[Path], None]:
    """Change the text of a file."""
    return lambda folder: (folder / file).write_text(change((folder / file).read_text("utf-8")), "utf-8") and None


def heads(file: str, old: str, new: str) -> Callable[[Path], None]:
    """Change the line of heads."""
    return written(file, lambda text: text.replace(old, new, 1))


DOUBLE = "\n@misc{wilke1999,\n  note = {another}\n}\n"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (bytes_in("parameters.csv", 5, b"\xe9"), r"parameters.csv line 5: a byte that is not UTF-8 \(0xe9\)"),
        (bytes_in("checks.csv", 7, b"\xff"), r"checks.csv line 7: a byte that is not UTF-8"),
        (bytes_in("sources.bib", 9, b"\xe4"), r"sources.bib line 9: a byte that is not UTF-8"),
        (bytes_in("mechanisms.csv", 2, b"\xe4"), r"mechanisms.csv line 2: a byte that is not UTF-8"),
        (written("parameters.csv", lambda text: ""), r"parameters.csv is empty; expected a line of heads"),
        (written("parameters.csv", lambda text: text.split("\n")[0] + "\n"), r"parameters.csv has heads and no rows"),
        (heads("checks.csv", ",tolerance,", ",toleranz,"), r"checks.csv line 1: no column 'tolerance'.*add it"),
        (heads("checks.csv", ",unit,", ",comment,"), r"checks.csv line 1: the head 'comment' stands 2 times"),
        (heads("therapies.csv", ",unit,", ",units,"), r"therapies.csv line 1: no column 'unit'.*'units'"),
        (heads("statements.csv", "name,", "nom,"), r"statements.csv line 1: no column 'name'"),
        (written("sources.bib", lambda text: text + DOUBLE), r"sources.bib line \d+: wilke1999 stands in line \d+ too"),
        (written("sources.bib", lambda text: text + "\nsee also\n"), r"sources.bib line \d+: 'see also' is no entry"),
        (heads("sources.bib", "@misc{wilke1999,", "misc{wilke1999,"), r"sources.bib line \d+: 'misc{wilke1999,' is no"),
        (written("checks.csv", lambda text: text + '"open'), r"checks.csv line \d+: .*close the quote"),
    ],
)
def test_what_is_no_table_is_refused_by_file_and_line(
    tmp_path: Path, change: Callable[[Path], None], message: str
) -> None:
    from pulposus.evidence.checks import read_checks

    folder = copy(tmp_path)
    change(folder)

    def read() -> None:
        evidence.check(folder)
        read_checks(folder)

    with pytest.raises(EvidenceError, match=message):
        read()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"source": ";"}, r"parameters.csv line \d+ \(salt\): the source is ';', where a key is empty"),
        ({"source": "munozmoya2025;"}, r"\(salt\): the source is 'munozmoya2025;', where a key is empty"),
        ({"kind": "defined", "source": ""}, r"\(salt\): defined without a source"),
        ({"kind": "defined", "source": "", "value": "1", "low": "", "high": ""}, r"\(salt\): defined without a source"),
        ({"name": "salt "}, r"parameters.csv line \d+: name is 'salt ', with a blank at an end"),
    ],
)
def test_a_number_that_hides_its_source_is_refused(tmp_path: Path, values: dict[str, str], message: str) -> None:
    folder = copy(tmp_path)
    edit(folder, "parameters.csv", lambda rows: next(r for r in rows if r["name"] == "salt").update(values))
    with pytest.raises(EvidenceError, match=message):
        evidence.check(folder)


def test_a_mark_of_byte_order_and_other_line_ends_change_nothing(tmp_path: Path) -> None:
    """As some editors save."""
    folder = copy(tmp_path)
    for file in ("parameters.csv", "sources.bib"):
        plain = (folder / file).read_bytes()
        (folder / file).write_bytes(b"\xef\xbb\xbf" + plain.replace(b"\n", b"\r\n"))
    evidence.check(folder)
    assert next(row.name for _, row in evidence._table.__wrapped__("parameters.csv", folder)) == "oxygen_diffusivity"


def test_what_was_read_stands_in_a_table_or_is_left_out_with_its_reason() -> None:
    """Numbers that were found missing stand now, and what cannot be used or held against anything says why."""
    for name, value in {
        "glucose_death_density_middle": 3.1767,
        "glucose_death_density_width": -1.7989,
        "latency_aggrecan_rise": 3.1429,
        "latency_collagen2_relative": 0.5568,
        "latency_cytokines": 0.3143,
        "network_activating_sum": 6.3937,
        "prp_pain_6_months": -1.43,
        "harmful_hours": 8,
        "severely_dark_after_30_years_healthy": 0.11,
        "height_index_rat_gel_cells": 0.87,
    }.items():
        assert evidence.used(name).value == value
    assert 658 in {row.value for row in evidence.everything() if row.name.endswith("nucleus_area")}
    assert {row.value for row in evidence.found("any male any size_factor")} == {1.034, 1.075}
    for line, record in tables.records("left_out.csv", evidence.FOLDER, ("what", "published", "source", "because")):
        assert all(record.values()), f"left_out.csv line {line}"
        evidence.source(record["source"])


def test_a_number_per_gram_wet_is_not_tabled_per_water() -> None:
    """The charge of the endplate was measured per gram of wet tissue, of which 59 % is water."""
    wet = evidence.used("endplate_charge_wet")
    water = evidence.used("endplate_water_healthy")
    other = next(row for row in evidence.rows("endplate_charge_healthy") if not row.used)
    for column in ("value", "low", "high"):
        per_water = getattr(wet, column) / water.value
        assert getattr(other, column) == pytest.approx(per_water, rel=0.005)


def test_files_of_the_evidence_can_be_read_whole() -> None:
    for path in evidence.FOLDER.glob("*.py"):
        assert len(path.read_text("utf-8").splitlines()) <= 600, path.name


def test_every_posture_whose_pressure_was_read_is_checked_or_left_out() -> None:
    from pulposus.evidence.checks import read_checks

    checked = {check.published for check in read_checks() if check.source == "wilke1999"}
    left = {record["published"] for _, record in tables.records("left_out.csv", evidence.FOLDER)}
    for row in evidence.everything():
        if row.sources == ["wilke1999"] and row.unit == "MPa":
            assert row.value in checked or {f"{row.value:g} MPa", f"{row.value:.2f} MPa"} & left, row.name


def test_rows_say_of_how_many_and_why_they_have_no_range() -> None:
    """The page says how many do; where a source says nothing, that is said."""
    from typer.testing import CliRunner

    from pulposus.cli import app

    page = (Path(__file__).parents[1] / "docs" / "reference" / "numbers.md").read_text("utf-8")
    for file, name in (("parameters.csv", "Parameters"), ("therapies.csv", "Products"), ("geometry.csv", "Dimensions")):
        made = [row for row in evidence.everything() if row.file == file and not row.text]
        counted = (len(made), *(sum(bool(getattr(row, column)) for row in made) for column in ("n", "spread")))
        assert f"| {name} | {counted[0]} | {counted[1]} | {counted[2]} |" in page
        for row in made:
            assert row.spread in ("", *evidence.SPREADS)
            assert row.kind in ("defined", "assumed") or row.low < row.high or row.spread, row.name
    for name, said in (
        ("pressure_slouched", "n = 1, no range published"),
        ("endplate_ion_diffusivity", "n not given"),
        ("L4-L5 any any anterior_height", "n = 300, no range published"),
    ):
        assert said in CliRunner().invoke(app, ["evidence", "show", name]).stdout.replace("\n", " ")


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
