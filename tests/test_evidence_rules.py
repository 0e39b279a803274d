"""What breaks a rule of the evidence tables is refused by file, line and remedy, whoever reads them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import pytest
from spoilt import copy, edit, set_in

from pulposus import evidence
from pulposus.errors import EvidenceError, InputError
from pulposus.evidence import tables, usage


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


@pytest.mark.parametrize(
    ("file", "change", "message"),
    [
        ("scores.csv", lambda rows: rows[1].update(low="none"), r"scores.csv line 3: low is 'none', not a number"),
        ("scores.csv", lambda rows: rows[0].update(important_change=""), r"line 2: important_change is ''; expected a"),
        ("scores.csv", lambda rows: rows[0].update(better="lowr"), r"better is 'lowr' \(did you mean 'lower'\?\)"),
        ("margins.csv", lambda rows: rows[4].update(published="a third"), r"line 6: published is 'a third'"),
        ("margins.csv", lambda rows: rows[4].update(n="inf"), r"margins.csv line 6: n is 'inf'; expected a finite"),
        (
            "responses_lumbar.csv",
            lambda rows: rows[9].update(chance_disc="many"),
            r"responses_lumbar.csv line 11: chance_disc is 'many', not a number; correct it",
        ),
    ],
)
def test_tables_that_rooms_read_themselves_are_read_like_all_others(
    tmp_path: Path, file: str, change: Callable[[list[dict[str, str]]], object], message: str
) -> None:
    """The same reader for all: also what no change of a record can spoil, a quote that is never closed."""
    from pulposus.outcomes import person, scores
    from pulposus.patients.published import published

    read = {
        "scores.csv": scores._scores,
        "margins.csv": published,
        "responses_lumbar.csv": lambda folder: person.responses("lumbar", folder),
    }[file]
    folder = copy(tmp_path)
    read(folder)
    edit(folder, file, change)
    for cached in (scores._scores, published, person.responses):
        cached.cache_clear()
    with pytest.raises(EvidenceError, match=message):
        read(folder)
    with (folder / file).open("a", encoding="utf-8") as stream:
        stream.write('"open')
    with pytest.raises(EvidenceError, match=rf"{file} line \d+: .*close the quote"):
        read(folder)


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
        ("population.csv", "painful_odds", "year"),
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
