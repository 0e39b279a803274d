"""What may go wrong: the table held to its rules, pooling, competing events, and people who stay the same."""

from __future__ import annotations

import csv
import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from typer.testing import CliRunner

from pulposus import safety
from pulposus.cli import app
from pulposus.errors import EvidenceError, InputError
from pulposus.evidence import FOLDER
from pulposus.evidence import safety as table

CELLS = ("disc_needle", "cell_product", "cultured_cells", "donor_cells")
EVERY = [(exposure, region) for exposure in table.EXPOSURES for region in table.REGIONS]


def copied(tmp_path: Path, change: Callable[[list[dict[str, str]]], None]) -> Path:
    """A copy of the tables with a change."""
    for file in ("sources.bib", "safety_events.csv"):
        shutil.copy(FOLDER / file, tmp_path)
    with (FOLDER / "safety.csv").open(encoding="utf-8", newline="") as stream:
        records = list(csv.DictReader(stream))
    change(records)
    with (tmp_path / "safety.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(records[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(records)
    return tmp_path


def own_interval(row: table.Row) -> tuple[float, float]:
    """What a source leaves possible, as a share or a hazard a year: printed, or the exact 99 % interval of a count."""
    if not row.counted:
        low, high = row.low, row.high
    elif row.per == "year":
        ends = ((0.005, row.events), (0.995, row.events + 1))
        low, high = (stats.chi2.ppf(q, 2 * k) / 2 / row.people for q, k in ends)
    else:
        low, high = safety.bound(row.events, row.people, 0.99)
    if math.isnan(row.over):
        return low, high
    return tuple(-math.log1p(-share) * 12 / row.over for share in (low, high))  # type: ignore[return-value]


# ---------------------------------------------------------------------------------------------- the table


def test_every_exposure_and_event_is_told() -> None:
    rows = table.rows()
    assert {row.exposure for row in rows} == set(table.EXPOSURES)
    assert {row.event for row in rows} == set(table.events())
    assert any(row.counted and row.kind == "published" for row in rows)
    for row in rows:
        assert row.status != "memory" or row.kind == "assumed"


def test_numbers_of_the_dossier_stand_in_the_table() -> None:
    told = {(row.exposure, row.event, row.events, row.people) for row in table.rows()}
    for one in (
        ("disc_needle", "disc_infection", 12, 4891),
        ("cervical_disc_needle", "disc_infection", 21, 4804),
        ("platelet_product", "disc_infection", 1, 44),
        ("platelet_product", "disc_infection", 1, 31),
        ("cell_product", "disc_infection", 1, 60),
        ("cultured_cells", "tumour", 0, 5),
        ("cultured_cells", "tumour", 0, 33),
        ("cell_product", "conversion_to_surgery", 6, 26),
    ):
        assert one in told


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"exposure": "disc_nedle"}, r"safety.csv line 2: exposure is 'disc_nedle' \(did you mean 'disc_needle'\?\)"),
        ({"event": "nothing"}, r"line 2: event is 'nothing'"),
        ({"grade": "6"}, r"line 2: grade is '6'; write one of 1, 2, 3, 4, 5"),
        ({"ctcae": "v9"}, r"line 2: ctcae is 'v9'"),
        ({"source": "nobody1999"}, r"'nobody1999' is not in sources.bib"),
        ({"source": ""}, r"published, and no source"),
        ({"status": "memory"}, r"from memory but called published"),
        ({"kind": "assumed"}, r"a count is not assumed"),
        ({"events": ""}, r"give events and people, or rate, low and high in percent, and not both"),
        ({"rate": "1", "low": "0", "high": "2"}, r"and not both"),
        ({"events": "12.5"}, r"12.5 of 12770 is no count"),
        ({"events": "99999"}, r"99999 events are more than 12770 people"),
        ({"events": "", "people": "", "rate": "3", "low": "4", "high": "5"}, r"rate 3 is not within 4 to 5 percent"),
        ({"events": "", "people": "", "rate": "3", "low": "3", "high": "3"}, r"a rate without a range"),
        ({"events": "", "people": "", "rate": "3", "low": "1", "high": "300"}, r"high is 300 percent"),
        ({"delay": ""}, r"give delay for what comes once, or over or per year for what comes steadily"),
        ({"over": "12"}, r"give delay for what comes once, or over"),
        ({"spread": ""}, r"delay and spread go together"),
        ({"resolves": "-1"}, r"resolves is -1; write a number above 0"),
        ({"background": "100"}, r"background is 100 percent"),
        ({"within": "needle"}, r"within is 'needle'"),
        ({"people": "many"}, r"people is 'many', not a number"),
    ],
)
def test_rows_are_held_to_their_rules(tmp_path: Path, change: dict[str, str], said: str) -> None:
    folder = copied(tmp_path, lambda records: records[0].update(change))
    with pytest.raises(EvidenceError, match=said):
        table.rows(folder)


def test_rows_of_one_event_are_alike(tmp_path: Path) -> None:
    folder = copied(tmp_path, lambda records: records[1].update(grade="4"))
    with pytest.raises(EvidenceError, match=r"line 3: grade of disc_infection after disc_needle is '4', and '3' in"):
        table.rows(folder)


def test_what_nobody_saw_needs_a_prior(tmp_path: Path) -> None:
    def drop(records: list[dict[str, str]]) -> None:
        records[:] = [r for r in records if not (r["event"] == "tumour" and r["kind"] == "assumed")]

    with pytest.raises(EvidenceError, match="nobody was seen with tumour after cultured_cells; add an assumed rate"):
        table.rows(copied(tmp_path, drop))


def test_a_series_is_not_within_another_that_is_within(tmp_path: Path) -> None:
    def chain(records: list[dict[str, str]]) -> None:
        for record in records:
            if record["event"] == "disc_infection" and record["exposure"] == "platelet_product":
                record["within"] = "cell_product"

    with pytest.raises(EvidenceError, match="is itself within another"):
        table.rows(copied(tmp_path, chain))


def test_options_are_read_where_they_are_tabled(tmp_path: Path) -> None:
    (tmp_path / "options.csv").write_text("option,exposures\ncells_own,disc_needle cell_product\nwait,\n", "utf-8")
    assert table.of_option("cells own", tmp_path) == ("disc_needle", "cell_product")
    assert table.of_option("wait", tmp_path) == ()
    assert table.of_option("nsaid", tmp_path) == ("nsaid",)
    with pytest.raises(InputError, match="did you mean 'cells_own'"):
        table.of_option("cells_owm", tmp_path)


# ---------------------------------------------------------------------------------------------- bounds and pooling


def test_bounds_are_exact() -> None:
    assert safety.bound(0, 5)[1] == pytest.approx(0.4507, abs=1e-4)
    assert safety.bound(0, 38)[1] == pytest.approx(1 - 0.05 ** (1 / 38), rel=1e-9)
    assert safety.bound(0, 1000)[1] == pytest.approx(3 / 1000, rel=0.01)  # the rule of three
    for k, n, level in ((12, 4891, 0.95), (1, 44, 0.9), (3, 3, 0.8)):
        exact = stats.binomtest(k, n).proportion_ci(level, "exact")
        assert safety.bound(k, n, level) == pytest.approx((exact.low, exact.high), rel=1e-9)
    for wrong in ((6, 5, 0.9), (-1, 5, 0.9), (0, 0, 0.9), (1, 5, 1.0)):
        with pytest.raises(InputError, match="has no interval"):
            safety.bound(*wrong)


@pytest.mark.parametrize(("exposure", "region"), EVERY)
def test_what_is_told_lies_within_what_sources_leave_possible(exposure: str, region: str) -> None:
    for risk in safety.risks([exposure], region, 24):
        assert 0 <= risk.low <= risk.share <= risk.high < 1, risk.event
        for cause in risk.causes:
            reach = [own_interval(row) for row in cause.rows]
            assert min(low for low, _ in reach) <= cause.pooled.value <= max(high for _, high in reach), risk.event
            assert cause.pooled.low <= cause.pooled.value <= cause.pooled.high


def test_one_count_has_its_own_interval_and_two_that_differ_have_more() -> None:
    rows = [row for row in table.rows() if row.exposure == "marrow_harvest" and row.event == "haemorrhage"]
    one, both = safety.pool((rows[0],)), safety.pool(tuple(rows))
    assert one[:3] == pytest.approx((14 / 54890, *safety.bound(14, 54890)))
    assert rows[0].events / rows[0].people < both.value < rows[1].events / rows[1].people
    assert both.high - both.low > one.high - one.low


def test_equal_sources_pool_to_what_they_all_say() -> None:
    import dataclasses

    row = next(row for row in table.rows() if row.exposure == "discectomy" and row.event == "dural_tear")
    alike = tuple(dataclasses.replace(row, events=40.0, people=1000.0, line=i) for i in range(6))
    pooled = safety.pool(alike)
    assert pooled.value == pytest.approx(0.04, rel=0.05)
    assert pooled.low > 0.02
    assert pooled.high < 0.07
    steady = tuple(dataclasses.replace(one, over=24.0, delay=math.nan, spread=math.nan) for one in alike)
    assert safety.pool(steady).value == pytest.approx(-math.log(0.96) / 2, rel=0.05)


def test_nobody_seen_leaves_the_bound_of_all_who_were_looked_at() -> None:
    tumour = next(risk for risk in safety.risks(["cultured_cells"], "lumbar", 60) if risk.event == "tumour")
    assert (tumour.seen, tumour.people, tumour.kind) == (0, 38, "assumed")
    assert tumour.high == pytest.approx(1 - 0.05 ** (1 / 38))
    assert tumour.share < 1e-3
    assert "of 38 people who were looked at nobody had it; nobody can exclude 76 of 1,000" in safety.words(tumour)


# ---------------------------------------------------------------------------------------------- what may happen


@pytest.mark.parametrize("region", table.REGIONS)
@pytest.mark.parametrize("months", [1, 24, 120])
def test_adding_an_exposure_never_lowers_a_risk(region: str, months: float) -> None:
    chance = np.random.default_rng(5)
    for _ in range(6):
        order = chance.permutation(table.EXPOSURES)
        before: dict[str, float] = {}
        for some in range(1, len(order) + 1, 3):
            now = {risk.event: risk.share for risk in safety.risks(order[:some], region, months)}
            assert all(now[event] >= share - 1e-12 for event, share in before.items())
            before = now


def test_risks_grow_with_time_and_discs_and_do_not_hang_on_order() -> None:
    short, long = (
        {r.event: r.share for r in safety.risks(CELLS, "lumbar", months)} for months in (6, 60)
    )
    assert all(long[event] >= share for event, share in short.items())
    assert safety.risks(CELLS, "lumbar") == safety.risks(CELLS[::-1], "lumbar")
    one, three = (safety.risks(["disc_needle"], "lumbar", 24, discs=discs) for discs in (1, 3))
    infection = [next(r.share for r in some if r.event == "disc_infection") for some in (one, three)]
    assert infection[1] == pytest.approx(3 * infection[0], rel=0.01)


def test_a_series_that_held_the_needle_is_not_counted_twice() -> None:
    def infection(*exposures: str) -> float:
        return next(r.share for r in safety.risks(exposures, "lumbar") if r.event == "disc_infection")

    assert infection("disc_needle", "cell_product") == pytest.approx(infection("cell_product"), rel=1e-9)
    assert infection("cell_product") > infection("disc_needle")


def test_the_needle_goes_where_the_region_is() -> None:
    for name in ("disc_needle", "cervical_disc_needle"):
        assert safety.risks([name], "cervical")[0].exposures == ("cervical_disc_needle",)
        assert safety.risks([name], "lumbar")[0].exposures == ("disc_needle",)


def test_who_is_operated_on_hangs_on_the_population() -> None:
    share = {
        name: next(r.share for r in safety.risks(["waiting"], "lumbar", 24, name) if r.event == table.SURGERY)
        for name in ("chronic", "radicular", "any")
    }
    assert share["radicular"] == pytest.approx(62 / 142)
    assert share["chronic"] < share["any"] < share["radicular"]


def test_a_later_operation_is_counted_once_whatever_wore_the_disc() -> None:
    """A series of cells holds the operations of punctured discs; that a puncture wears a disc may be nothing at all."""

    def operated(*exposures: str) -> safety.Risk:
        found = [r for r in safety.risks(exposures, "lumbar", 24, "chronic") if "operat" in r.title]
        assert [r.event for r in found] == [table.SURGERY]
        return found[0]

    waits, sham, cells = operated("waiting"), operated("disc_needle", "waiting"), operated(*CELLS, "waiting")
    assert waits.share < sham.share < cells.share
    assert sham.low == pytest.approx(waits.low)
    alone = safety.pool(next(c.rows for c in cells.causes if c.exposure == "cell_product"))
    assert cells.share == pytest.approx(1 - math.exp(-2 * alone.value))
    assert "perhaps from what is done" in safety.words(sham)
    assert "whose people were chosen" in safety.words(cells)
    assert "perhaps" not in safety.words(waits)


def test_warnings_name_what_nobody_measured() -> None:
    said = " ".join(safety.warnings(CELLS, "cervical"))
    assert "Nobody counted after cervical disc needle: injury of a nerve root or of the cord" in said
    assert "numbers are of the lumbar spine" in said
    assert "0 of" not in said
    assert "nobody had it" in said
    assert "numbers are of" not in " ".join(safety.warnings(CELLS, "lumbar"))


def test_words_are_one_sentence_with_a_frequency() -> None:
    for exposure, region in EVERY:
        for risk in safety.risks([exposure], region):
            said = safety.words(risk)
            assert said.endswith(".")
            assert "nobody can exclude" in said
            assert "about fewer" not in said
            assert said[0].isupper()
    nausea = next(r for r in safety.risks(["snri"], "lumbar") if r.event == "nausea")
    assert "of whom 29 would have had it anyway" in safety.words(nausea)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((["disc_nedle"], "lumbar"), "did you mean 'disc_needle'"),
        ((["nsaid"], "lumber"), "did you mean 'lumbar'"),
        ((["nsaid"], "lumbar", 0), "0 months cannot be looked at"),
        ((["nsaid"], "lumbar", math.inf), "inf months cannot be looked at"),
        ((["nsaid"], "lumbar", 12, "chronics"), "did you mean 'chronic'"),
        ((["nsaid"], "lumbar", 12, "any", 0), "0 discs cannot be treated"),
        ((["nsaid"], "lumbar", 12, "any", 24), "24 discs cannot be treated; write 1 to 23"),
    ],
)
def test_what_nobody_can_tell_is_a_sentence(arguments: tuple, said: str) -> None:
    with pytest.raises(InputError, match=said):
        safety.risks(*arguments)


# ---------------------------------------------------------------------------------------------- person by person


@pytest.mark.parametrize(
    ("exposures", "region"),
    [(("nsaid", "snri", "opioid"), "lumbar"), (("discectomy",), "lumbar"), (("acdf",), "cervical")],
)
def test_draws_have_the_pooled_shares(exposures: tuple[str, ...], region: str) -> None:
    count = 40_000
    events = safety.draw(np.random.default_rng(3), exposures, count, 24, region)
    for risk in safety.risks(exposures, region, 24):
        seen = (events["event"] == risk.event).sum() / count
        error = math.sqrt(risk.share * (1 - risk.share) / count)
        assert abs(seen - risk.share) < 4.5 * error + 1e-12, risk.event


def test_a_person_has_the_same_events_in_any_count_and_company() -> None:
    few, many = (safety.draw(np.random.default_rng(8), CELLS, count, 60, "lumbar") for count in (50, 3000))
    pd.testing.assert_frame_equal(few, many[many["person"] < 50].reset_index(drop=True))
    alone = safety.draw(8, ["nsaid"], 2000, 24, "lumbar")
    beside = safety.draw(8, ["nsaid", "collar", "exercise"], 2000, 24, "lumbar")
    pd.testing.assert_frame_equal(alone, beside[beside["cause"] == "nsaid"].reset_index(drop=True))


def test_no_event_before_its_exposure_nor_after_the_end() -> None:
    events = safety.draw(1, [*CELLS, "nsaid", "waiting"], 5000, 18, "lumbar", start=7.0)
    assert events["month"].between(7, 25).all()
    assert not events.duplicated(["person", "event"]).any()
    assert (events["resolves"].dropna() > events["month"][events["resolves"].notna()]).all()
    assert set(events["grade"]) <= {1, 2, 3, 4, 5}
    assert set(events["related"]) <= set(table.CAUSALITY)


def test_after_an_operation_nothing_comes_from_the_disc_as_it_was() -> None:
    events = safety.draw(2, CELLS, 20_000, 72, "lumbar")
    at = events[events["event"] == table.SURGERY].set_index("person")["month"]
    later = events[events["month"] > events["person"].map(at).fillna(np.inf)]
    stays = {row.event for row in table.rows() if row.after_surgery}
    assert len(later)
    assert set(later["event"]) <= stays
    assert "progression" not in stays
    # what competes is seen less often than where nothing does
    alone = next(r.share for r in safety.risks(CELLS, "lumbar", 72) if r.event == "progression")
    assert 0 < (events["event"] == "progression").sum() / 20_000 < alone


def test_a_drug_that_is_stopped_does_no_more_harm() -> None:
    short = safety.draw(4, ["nsaid"], 20_000, 36, "lumbar", lasting={"nsaid": 3.0})
    steady = short[short["event"].isin(["gi_bleed", "kidney_injury", "heart_event"])]
    assert len(steady)
    assert (steady["month"] <= 3).all()


def test_what_comes_anyway_is_told_as_unlikely() -> None:
    events = safety.draw(6, ["snri"], 40_000, 24, "lumbar")
    nausea = events[events["event"] == "nausea"]
    risk = next(r for r in safety.risks(["snri"], "lumbar", 24) if r.event == "nausea")
    assert (nausea["related"] == "unlikely").mean() == pytest.approx(risk.background / risk.share, abs=0.02)


def test_no_exposure_no_event_and_no_people_is_a_sentence() -> None:
    empty = safety.draw(0, [], 10, 12, "lumbar")
    assert list(empty) == ["person", "month", "event", "grade", "serious", "cause", "related", "resolves"]
    assert empty.empty
    assert safety.incidence(empty, 10, [1, 12]).shape == (2, 0)
    with pytest.raises(InputError, match="0 people cannot be drawn"):
        safety.draw(0, ["nsaid"], 0, 12, "lumbar")


# ---------------------------------------------------------------------------------------------- incidence


def test_incidence_is_aalen_and_johansens_closed_form() -> None:
    """Two steady causes and steady loss: share of cause 1 is h1 / (h1 + h2) (1 - exp(-(h1 + h2) t)), and what one minus
    Kaplan-Meier makes of it, 1 - exp(-h1 t), is more.
    """
    chance, people = np.random.default_rng(0), 60_000
    hazards = {"one": 0.05, "two": 0.1}
    events = pd.concat(
        pd.DataFrame({"person": np.arange(people), "month": chance.exponential(1 / h, people), "event": name})
        for name, h in hazards.items()
    )
    lost = chance.exponential(20, people)
    months = np.array([1.0, 5.0, 10.0, 30.0])
    found = safety.incidence(events, people, months, ["one", "two"], lost)
    total = sum(hazards.values())
    for name, h in hazards.items():
        assert found[name].to_numpy() == pytest.approx(h / total * (1 - np.exp(-total * months)), abs=0.01)
        assert (found[name].to_numpy() < 1 - np.exp(-h * months))[1:].all()
    assert (found.sum(axis=1) <= 1).all()
    assert (found.diff().dropna() >= 0).all(axis=None)


def test_incidence_by_hand() -> None:
    events = pd.DataFrame(
        {"person": [0, 1, 1, 2], "month": [1.0, 2.0, 3.0, 4.0], "event": ["a", "b", "a", "a"]}
    )
    found = safety.incidence(events, 4, [0.5, 1, 2, 4], ["a", "b"], np.array([np.inf, np.inf, np.inf, 3.0]))
    # four at risk at 1, three at 2, one at 4 (one lost at 3): 1/4; 3/4 * 1/3; 1/2 * 1/1
    assert found["a"].tolist() == pytest.approx([0, 0.25, 0.25, 0.75])
    assert found["b"].tolist() == pytest.approx([0, 0, 0.25, 0.25])
    with pytest.raises(InputError, match="beyond the 2"):
        safety.incidence(events, 2, [1])


def test_competing_events_sum_to_at_most_one() -> None:
    exposures = [*CELLS, "opioid", "snri", "nsaid", "waiting"]
    events = safety.draw(9, exposures, 3000, 120, "lumbar")
    found = safety.incidence(events, 3000, [1, 12, 60, 120])
    assert (found.sum(axis=1) <= 1 + 1e-12).all()
    assert (found.to_numpy() >= 0).all()
    only = safety.incidence(events, 3000, [120], [table.SURGERY])[table.SURGERY].iloc[0]
    assert only == pytest.approx((events["event"] == table.SURGERY).sum() / 3000)


# ---------------------------------------------------------------------------------------------- the command


def test_the_command_prints_frequencies_and_warnings() -> None:
    shown = CliRunner().invoke(app, ["safety", "disc_needle", "cell product", "--region", "cervical"])
    assert shown.exit_code == 0, shown.output
    for word in ("infection of the disc", "WARNING: Nobody counted", "kapoor2010", "of 1,000", "CTCAE"):
        assert word in shown.output
    listed = CliRunner().invoke(app, ["safety"])
    assert listed.exit_code == 0
    assert "posterior_foraminotomy" in listed.output


def test_the_command_gives_json() -> None:
    found = json.loads(CliRunner().invoke(app, ["safety", "cultured_cells", "--json"]).output)
    tumour = next(risk for risk in found["risks"] if risk["event"] == "tumour")
    assert tumour["high_of_1000"] == pytest.approx(75.8, abs=0.1)
    assert tumour["ctcae"] == "v5.0"
    assert {row["status"] for row in tumour["rows"]} == {"full_text", "abstract", "not_found"}
    assert found["warnings"]
    assert set(json.loads(CliRunner().invoke(app, ["safety", "--json"]).output)) == set(table.EXPOSURES)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["disc_nedle"], "did you mean 'disc_needle'"),
        (["nsaid", "--region", "thoracic"], "Unknown region"),
        (["acdf", "--region", "lumbar"], "acdf is cervical, and --region is lumbar; write --region cervical"),
        (["nsaid", "lumbar fusion", "--region", "cervical"], "lumbar_fusion is lumbar"),
    ],
)
def test_mistakes_on_the_command_line_are_sentences(words: list[str], said: str) -> None:
    found = CliRunner().invoke(app, ["safety", *words])
    assert found.exit_code == 2
    assert said in found.output


def test_one_month_is_one_month() -> None:
    for months, said in ((1, "within 1 month;"), (13.5, "within 13.5 months;"), (24, "within 24 months;")):
        (told,) = (safety.words(r) for r in safety.risks(["waiting"], "lumbar", months) if r.event == table.SURGERY)
        assert said in told


def test_a_number_for_two_kinds_of_pain_says_that_it_is_of_nobody() -> None:
    def operated(population: str) -> float:
        return next(r.share for r in safety.risks(["waiting"], "lumbar", 24, population) if r.event == table.SURGERY)

    chronic, radicular = operated("chronic"), operated("radicular")
    assert chronic < operated("any") < radicular
    (said,) = (line for line in safety.warnings(["waiting"], "lumbar") if "is of nobody" in line)
    assert f"{1000 * chronic:.0f} in chronic pain" in said
    assert not any("is of nobody" in line for line in safety.warnings(["waiting"], "lumbar", 24, "chronic"))
    assert not any("is of nobody" in line for line in safety.warnings(["nsaid"], "lumbar"))
