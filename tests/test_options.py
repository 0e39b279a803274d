"""Options of care: their tables are held to rules, and nothing that was not found is a zero."""

from __future__ import annotations

import csv
import math
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pulposus import evidence
from pulposus.errors import EvidenceError, InputError
from pulposus.evidence import options
from pulposus.evidence.options import FOLDER

NAMED = (
    "wait activity posture weight_loss stop_smoking nsaid muscle_relaxant oral_steroid opioid snri exercise collar "
    "epidural_steroid nerve_block intradiscal_steroid basivertebral_ablation discectomy lumbar_fusion "
    "lumbar_disc_replacement acdf posterior_foraminotomy cervical_disc_replacement sham cells_own cells_donor "
    "marrow_concentrate platelets hyaluronic"
)


def test_every_option_is_there() -> None:
    assert options.names() == NAMED.split()


def test_a_standardised_difference_becomes_points_and_says_so() -> None:
    found = options.added("opioid", "lumbar", "chronic")["pain"]
    spread = evidence.outcome("pain_spread").value
    assert found.value == pytest.approx(-0.55 * spread)
    assert found.unit == "points"
    assert found.kind == "derived"
    assert "SMD" in found.printed
    assert f"{spread:g}" in found.printed


def test_what_is_recalled_is_assumed() -> None:
    for row in (*options.effects(), *options.acts(), *options.options()):
        if row.status == "memory":
            assert row.kind == "assumed", row


def test_what_was_not_found_is_no_number() -> None:
    missing = [row for row in options.effects() if not row.found]
    assert missing
    assert all(math.isnan(row.value) and not row.used for row in missing)
    for one in options.options():
        for region in one.regions:
            for population in one.populations:
                known = one.treatments(region) or options.added(one.name, region, population)
                assert options.unknown(one.name, region, population) == (not known and one.family != "none")


def test_no_effect_counts_twice() -> None:
    for row in options.effects():
        if row.used and options.option(row.option).treatments(row.region):
            assert row.comparator in options.names()  # the difference to an option that the law knows


def test_an_option_is_found_by_any_of_its_names() -> None:
    assert options.option("Stop smoking").name == "stop_smoking"
    assert options.option("DISCECTOMY").name == "discectomy"
    with pytest.raises(InputError, match="did you mean 'discectomy'"):
        options.option("discectomi")
    with pytest.raises(InputError, match="No option holds"):
        options.listed("leeches")
    with pytest.raises(InputError, match="Unknown region"):
        options.listed("", "thoracic")
    assert {one.name for one in options.listed("fusion", "cervical")} == {"acdf"}


def test_a_needle_in_the_neck_is_another_exposure() -> None:
    one = options.option("cells_donor")
    assert "disc_needle" in one.exposed("lumbar")
    assert "cervical_disc_needle" in one.exposed("cervical")


def test_every_number_of_the_disc_has_a_range_and_what_ends_is_defined() -> None:
    for act in options.acts():
        assert act.low <= act.value <= act.high
        assert act.kind in ("assumed", "defined")
    assert options.acts_of("epidural_steroid") == options.acts_of("basivertebral_ablation") == {}


Change = Callable[[list[dict[str, str]]], object]


def _set(place: int, **values: str) -> Change:
    return lambda rows: rows[place].update(values)


@pytest.mark.parametrize(
    ("file", "change", "said"),
    [
        ("options.csv", _set(0, family="magic"), r"options.csv line 2: family is 'magic'"),
        ("options.csv", _set(5, lumbar_treatments="nsaids"), r"lumbar_treatments is 'nsaids' .did you mean 'nsaid'"),
        ("options.csv", _set(12, costs="gold"), r"costs is 'gold'"),
        ("options.csv", _set(0, disc=""), r"no disc; say it"),
        ("options.csv", _set(1, name="wait"), r"'wait'|stands twice"),
        ("options.csv", _set(11, recovery_low="9"), r"is not within 9 to"),
        ("option_effects.csv", _set(0, used="yes"), r"counts twice"),
        ("option_effects.csv", _set(0, value="", low="", high=""), r"exclude each other"),
        ("option_effects.csv", _set(0, onset="0"), r"give from, until and onset"),
        ("option_effects.csv", _set(0, status="memory"), r"from memory but called published"),
        ("option_effects.csv", lambda rows: rows.append({**rows[6]}), r"exactly one of them may say yes"),
        (
            "option_effects.csv",
            lambda rows: rows.__delitem__(slice(0, None)) or rows.append({**ROW}),
            r"nothing is said of activity",
        ),
        ("option_disc.csv", _set(0, low="0"), r"is not possible for motion"),
        ("option_disc.csv", _set(0, high="1.2", low="1.2"), r"an assumption without a range"),
        ("option_disc.csv", lambda rows: rows.append({**rows[0]}), r"stands twice"),
    ],
)
def test_a_spoilt_table_is_named_with_its_line(tmp_path: Path, file: str, change: Change, said: str) -> None:
    folder = tmp_path / "evidence"
    shutil.copytree(FOLDER, folder, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    with (folder / file).open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    columns = list(rows[0])
    change(rows)
    with (folder / file).open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)

    def read() -> None:
        for table in (options.options, options.effects, options.acts):
            table(folder)

    with pytest.raises(EvidenceError, match=said):
        read()


with (FOLDER / "option_effects.csv").open(encoding="utf-8", newline="") as _stream:
    ROW = next(csv.DictReader(_stream))
