"""Trials conducted: the same person in any size, order and executor; nobody is lost; whatever stops it, it goes on."""

from __future__ import annotations

import errno
import functools
import importlib
import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from pulposus import evidence, interrupt
from pulposus.cli import app
from pulposus.errors import InputError
from pulposus.outcomes import person, reported
from pulposus.outcomes.chance import ByPerson, rows
from pulposus.trials import allocation, clinic, discs, entered, folder, workers
from pulposus.trials.conduct import Conducted
from pulposus.trials.protocol import DISC, Protocol, read_protocol

conduct_ = importlib.import_module("pulposus.trials.conduct")  # the package's door has a function of this name
FOLDER = Path(__file__).resolve().parents[1] / "protocols"
SHIPPED = sorted(FOLDER.glob("*.toml"))
run = functools.partial(conduct_.conduct, mechanics="none")
TABLES = ("people", "table", "events")


def respine(**changes: Any) -> Protocol:
    return read_protocol(FOLDER / "respine.toml").model_copy(update=changes)


def same(one: Conducted, other: Conducted) -> None:
    for name in TABLES:
        pd.testing.assert_frame_equal(getattr(one, name), getattr(other, name), check_exact=True)


# ---------------------------------------------------------------------------------------------- chance


def test_chance_belongs_to_the_person() -> None:
    every = rows(3, np.arange(50), 7, "x")
    np.testing.assert_array_equal(rows(3, [41, 7, 7], 7, "x"), every[[41, 7, 7]])
    assert len(np.unique(every)) == every.size
    assert not np.isin(every, rows(3, np.arange(50), 7, "y")).any()
    assert not np.isin(every, rows(4, np.arange(50), 7, "x")).any()
    wide = rows(0, np.arange(4000), 5, "x")
    assert wide.mean() == pytest.approx(0.5, abs=4 / np.sqrt(12 * wide.size))
    assert np.abs(np.corrcoef(wide.T) - np.eye(5)).max() < 4 / np.sqrt(4000)


def test_the_law_of_responses_by_person_is_the_law() -> None:
    """In the mean as from a generator; each person's own in any company and with any later visit."""
    given = person.Given(treatments=("cells",))
    n, months = 4000, [3.0, 12.0]
    start = np.full(n, 65.0)
    fate = person.Fate.by_person(0, np.arange(n), "lumbar", 2)
    own = person.follow(fate, given, start, start, months)
    law = person.follow(np.random.default_rng(0), given, start, start, months)
    for name in ("pain", "disability", "responds"):
        a, b = getattr(own, name).astype(float), getattr(law, name).astype(float)
        np.testing.assert_allclose(a.mean(0), b.mean(0), atol=4 * np.sqrt(2 / n) * b.std())
        np.testing.assert_allclose(a.std(0), b.std(0), rtol=0.1)
    some = np.array([5, 3000, 17])
    few = person.follow(person.Fate.by_person(0, some, "lumbar", 1), given, start[:3], start[:3], months[:1])
    np.testing.assert_array_equal(few.pain[:, 0], own.pain[some, 0])
    each = person.follow(fate, given, start, start, np.tile(months, (n, 1)))
    np.testing.assert_array_equal(each.pain, own.pain)


def test_who_is_missing_hangs_on_nobody_else() -> None:
    months, numbers = np.array([0.0, 6.0, 12.0, 24.0]), np.arange(3000)
    disability = np.random.default_rng(0).normal(40, 15, (3000, 4))
    found = reported.absent(ByPerson(0, numbers, "a"), months, disability, yearly=0.2, others=40.0)
    some = np.array([2, 900])
    alone = reported.absent(ByPerson(0, some, "a"), months, disability[some], yearly=0.2, others=40.0)
    np.testing.assert_array_equal(alone.gone, found.gone[some])
    np.testing.assert_array_equal(alone.misses, found.misses[some])
    assert not found.gone[:, 0].any()
    plain = reported.absent(ByPerson(0, numbers, "a"), months, disability, informative=False, yearly=0.2)
    assert plain.gone[:, -1].mean() == pytest.approx(1 - 0.8**2, abs=4 * np.sqrt(0.25 / 3000))


# ---------------------------------------------------------------------------------------------- allocation


def allocated(n: int, given: list[list[str]] | None = None, **table: Any) -> tuple[np.ndarray, Protocol, list]:
    made = respine()
    made = made.model_copy(update={"allocation": made.allocation.model_copy(update=table)})
    words = given or [[] for _ in range(n)]
    return allocation.allocate(made, words, np.arange(n), 1), made, words


def test_blocks_keep_the_ratio_within_every_block_and_stratum() -> None:
    strata = [[f"site {k % 3}"] for k in range(240)]
    arms, _, _ = allocated(240, strata, block=4)
    for site in range(3):
        mine = arms[site::3].reshape(-1, 4)
        assert (mine.sum(1) == 2).all()
    assert len({tuple(block) for block in arms[::3].reshape(-1, 4)}) > 3, "blocks are permuted"
    fewer, _, _ = allocated(100, strata[:100], block=4)
    np.testing.assert_array_equal(fewer, arms[:100])


@pytest.mark.parametrize("ratio", [(1, 1), (1, 3)])
def test_simple_allocation_has_its_ratio_in_the_mean(ratio: tuple[int, int]) -> None:
    arms, _, _ = allocated(4000, method="simple", ratio=ratio)
    share = ratio[1] / sum(ratio)
    assert arms.mean() == pytest.approx(share, abs=4 * np.sqrt(share * (1 - share) / 4000))


def test_minimisation_balances_strata_better_than_chance() -> None:
    random = np.random.default_rng(0)
    strata = [[f"site {random.integers(12)}", str(random.integers(2))] for _ in range(300)]
    table = {"strata": ("site", "sex"), "block": None}
    minimised, made, _ = allocated(300, strata, method="minimisation", **table)
    simple, _, _ = allocated(300, strata, method="simple", **table)
    one, other = (allocation.imbalance(arms, strata, made.ratio) for arms in (minimised, simple))
    assert one < 0.5 * other
    strict, _, _ = allocated(300, strata, method="minimisation", follows=1.0, **table)
    assert allocation.imbalance(strict, strata, made.ratio) <= one
    fewer, _, _ = allocated(100, strata[:100], method="minimisation", **table)
    np.testing.assert_array_equal(fewer, minimised[:100])


# ---------------------------------------------------------------------------------------------- the same person


def test_a_larger_trial_begins_with_the_smaller_one() -> None:
    small, large = run(respine().sized(20)), run(respine().sized(60))
    mine = small.people["patient"]
    for name in TABLES:
        one, other = getattr(small, name), getattr(large, name)
        kept = other[other["patient"].isin(mine)].reset_index(drop=True)
        pd.testing.assert_frame_equal(one, kept, check_exact=True)


def test_a_person_is_the_same_in_any_order() -> None:
    made = respine().sized(40)
    people = entered.enter(made, 0).people
    mixed = people.sample(frac=1, random_state=1)
    one, other = clinic.live(made, people, 0), clinic.live(made, mixed.reset_index(drop=True), 0)
    place = mixed.index.to_numpy()
    for name, values in one.values.items():
        np.testing.assert_array_equal(values[place], other.values[name], err_msg=name)
    harm = clinic.harms(made, people, one, 0)
    again = clinic.harms(made, mixed.reset_index(drop=True), other, 0)
    key = ["patient", "month", "event"]
    pd.testing.assert_frame_equal(
        harm.sort_values(key, ignore_index=True), again.sort_values(key, ignore_index=True)
    )


def test_arms_differ_by_what_is_done_and_nothing_else() -> None:
    """A treatment of which the law knows nothing leaves every person as in the other arm (common random numbers)."""
    made = read_protocol(FOLDER / "cervical.toml")
    people = entered.enter(made.sized(60), 0).people
    arms = [clinic.live(made, people.assign(arm=arm.name), 0) for arm in made.arms]
    before = np.nan_to_num(arms[0].between["surgery"], nan=np.inf) == np.nan_to_num(
        arms[1].between["surgery"], nan=np.inf
    )
    assert before.mean() > 0.8
    for name, values in arms[0].values.items():
        np.testing.assert_array_equal(values[before], arms[1].values[name][before], err_msg=name)
    lumbar = respine().sized(200)
    people = entered.enter(lumbar, 0).people
    cells, sham = (clinic.live(lumbar, people.assign(arm=arm.name), 0) for arm in lumbar.arms)
    whole = np.isnan(cells.between["surgery"]) & np.isnan(sham.between["surgery"])
    more, less = sorted((cells.responds[whole], sham.responds[whole]), key=np.sum)[::-1]
    assert (more | ~less).all(), "a treatment that helps on average harms nobody, and the other way round"
    assert more.sum() > less.sum()


def test_another_seed_is_another_trial_and_another_world() -> None:
    one, other = run(respine().sized(20), 0), run(respine().sized(20), 1)
    assert not one.table["value"].equals(other.table["value"])
    draws = {clinic.World.of(respine(), seed).draw for seed in range(30)}
    assert len(draws) > 20
    place = [clinic.World.of(respine(), seed).place for seed in range(200)]
    assert abs(np.mean(place)) < 4 * np.std(place) / np.sqrt(200)
    each = run(respine().sized(20), world=clinic.World(None, 0.0))
    larger = run(respine().sized(30), world=clinic.World(None, 0.0))
    mine = larger.table[larger.table["patient"].isin(each.people["patient"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(each.table, mine, check_exact=True)


# ---------------------------------------------------------------------------------------------- nobody is lost


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_everybody_is_accounted_for(path: Path) -> None:
    made = run(read_protocol(path))
    flow, people, table = made.flow, made.people, made.table
    assert flow["screened"] == flow["entered"] + sum(n for name, n in flow.items() if name.startswith("not entered"))
    assert flow["entered"] == len(people) == made.protocol.size
    assert people["patient"].is_unique
    visits, names = 1 + len(made.protocol.visits.months), [n for n in made.protocol.measured if n not in DISC]
    assert len(table) == len(people) * visits * len(names)
    assert not table.duplicated(["patient", "visit", "endpoint"]).any()
    seen = table["status"].isin(["seen", "after rescue", "after surgery", "after crossover"])
    assert (table["value"].notna() == seen).all()
    assert table[table["visit"] == 0]["status"].eq("seen").all()
    assert set(people["arm"]) == {arm.name for arm in made.protocol.arms}
    events = made.events[made.events["kind"] == "intercurrent"]
    ends = events[events["event"].isin(["left", "death"])].groupby("patient")["month"].min()
    late = table[table["patient"].isin(ends.index) & seen]
    window = made.protocol.visits.window_days / 30
    assert (late["visit"] <= late["patient"].map(ends) + window).all(), "nobody is seen after the end"
    harm = made.events[made.events["kind"] == "adverse"]
    assert (harm["month"] <= harm["patient"].map(ends).fillna(np.inf)).all()
    assert (people["entered_month"].diff().dropna() > 0).all()


def test_what_comes_between_comes_at_its_rate() -> None:
    made = run(respine().sized(2000))
    months, between = made.protocol.visits.months[-1], made.events[made.events["kind"] == "intercurrent"]
    rate = evidence.outcome("death_per_year").value
    died = between["event"].eq("death").sum() / 2000
    expected = 1 - np.exp(-rate * months / 12)
    assert died == pytest.approx(expected, abs=4 * np.sqrt(expected / 2000))
    left = between["event"].eq("left").sum() / 2000
    yearly = 1 - np.exp(-evidence.outcome("dropout_per_year").value * months / 12)
    assert 0.7 * yearly < left < 1.6 * yearly, "people worse than usual leave more often"
    start = made.people.set_index("patient")["pain"]
    rescued = between[between["event"] == "rescue"]["patient"]
    assert start[rescued].mean() > start.mean()


def test_crossing_over_is_seen_in_scores_and_events() -> None:
    made = run(read_protocol(FOLDER / "vast.toml"))
    crossed = made.events[made.events["event"] == "crossover"]
    assert set(crossed["arm"]) == {"non-surgical care"}
    assert (crossed["month"] == 3).all()
    later = made.table[(made.table["arm"] == "non-surgical care") & (made.table["visit"] >= 6)]
    assert not later["status"].eq("seen").any()
    scores = made.table[(made.table["endpoint"] == "odi") & (made.table["arm"] == "non-surgical care")]
    mean = scores.groupby("visit")["value"].mean()
    assert mean[12] < mean[3]


def test_sites_and_lots_differ_as_the_protocol_says() -> None:
    made = respine().sized(400)
    flat = made.model_copy(update={"product": made.product.model_copy(update={"potency_spread": 0.0})})
    people = entered.enter(made, 0).people
    found = clinic.lots(made, people, 0)
    assert found["lot"].nunique() == made.product.lots
    assert found.groupby("lot")["potency"].nunique().eq(1).all()
    assert (clinic.lots(flat, people, 0)["potency"] == 1).all()
    own = read_protocol(FOLDER / "dream.toml")
    mine = clinic.lots(own, entered.enter(own, 0).people.assign(arm="cells"), 0)
    assert mine["lot"].is_unique


def test_exposures_are_those_of_what_is_given() -> None:
    dr001 = read_protocol(FOLDER / "msb_dr001.toml")
    cells, saline = (clinic.exposures(dr001.arm(name), "lumbar") for name in ("6 million", "saline"))
    assert set(cells) == {"waiting", "disc_needle", "cell_product", "donor_cells", "cultured_cells", "hydrogel"}
    assert set(saline) == {"waiting", "disc_needle"}
    assert "marrow_harvest" in clinic.exposures(read_protocol(FOLDER / "dream.toml").arm("sham"), "lumbar")


# ---------------------------------------------------------------------------------------------- discs and faults


def few(size: int = 3) -> Protocol:
    """A short trial of few people, for discs."""
    made = respine().sized(size)
    ends = [made.endpoints[0].model_copy(update={"month": 3})]
    visits = made.visits.model_copy(update={"months": (1.0, 3.0)})
    return made.model_copy(update={"visits": visits, "endpoints": tuple(ends)})


def scanned(plan: discs.Plan, part: list[discs.Asked], _done: list[int] | None = None) -> discs.Scans:
    """Scans at no cost: numbers that hang on the person alone."""
    made = discs.failed(plan, part, "completed")
    for name in (*DISC, *discs.BESIDE):
        made.rows[name] = made.rows["patient"] * 0.1 + made.rows["month"] / 3
    fields = {name: np.full_like(values, 0.5) for name, values in made.fields.items()}
    return discs.Scans(made.rows, fields)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discs, "chunk", scanned)


def test_a_disc_in_a_chunk_is_the_disc_alone_and_a_sick_one_is_a_row(tmp_path: Path) -> None:
    made = few()
    people = entered.enter(made, 0).people
    people = pd.concat([people, clinic.lots(made, people, 0)], axis=1)
    plan = discs.planned(made)
    one, two, three = discs.ask(made, people)
    sick = replace(two, disc=two.disc | {"height": 300.0})
    odd = replace(two, disc=two.disc | {"height": float("nan")})
    every = discs.chunk(plan, [one, sick, three, odd])
    alone = discs.chunk(plan, [three])
    rows_ = every.rows[every.rows["patient"] == three.patient].reset_index(drop=True)
    pd.testing.assert_frame_equal(rows_, alone.rows, check_exact=True)
    for name, values in alone.fields.items():
        np.testing.assert_array_equal(every.fields[name][2], values[0], err_msg=name)
        assert np.isfinite(values).all()
    assert every.fields["water"].shape[1:] == (3, *discs.shape("cohort"))
    said = every.rows.groupby("patient", sort=False)["status"].first()
    assert said[one.patient] == said[three.patient] == "completed"
    assert said[two.patient].startswith("failed: [disc] height of 300 mm is not plausible")
    assert every.rows[every.rows["patient"] == two.patient][list(DISC)].isna().all(axis=None)
    sizes = np.prod(discs.shape("cohort")) - discs.shape("cohort")[2] * (discs.shape("cohort")[1] - 1)
    assert sizes >= 1000, "distinct nodes of the cohort mesh"
    in_batch = discs.chunk(replace(plan, batch=2), [one, sick, three])
    both = in_batch.rows[in_batch.rows["patient"] == three.patient][list(DISC)]
    np.testing.assert_allclose(both, alone.rows[list(DISC)], rtol=1e-8, atol=1e-9)


def test_a_failed_disc_is_told_and_stops_nobody(quick: None, monkeypatch: pytest.MonkeyPatch) -> None:
    made = few(4)
    victim = int(entered.enter(made, 0).people["patient"].iloc[1])

    def sick(plan: discs.Plan, part: list[discs.Asked]) -> discs.Scans:
        found = scanned(plan, part)
        found.rows.loc[found.rows["patient"] == victim, "status"] = "failed: no rest"
        return found

    monkeypatch.setattr(discs, "chunk", sick)
    found = conduct_.conduct(made)
    mine = found.people.set_index("patient")
    assert mine.loc[victim, "status"] == mine.loc[victim, "disc_status"] == "failed: no rest"
    of_disc = found.table[found.table["endpoint"].isin(list(DISC)) & (found.table["patient"] == victim)]
    assert of_disc["value"].isna().all()
    scores = found.table[(found.table["endpoint"] == "odi") & (found.table["patient"] == victim)]
    assert scores["value"].notna().any()
    assert (mine["disc_status"] == "completed").sum() == 3


@pytest.mark.parametrize("form", folder._SUFFIXES)
def test_a_trial_stopped_at_any_chunk_and_gone_on_with_is_the_trial(
    form: str, tmp_path: Path, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a full disk, before the fields, after them, and at the tables of the end."""
    if form == ".parquet":
        pytest.importorskip("pyarrow")
    monkeypatch.setattr(folder, "suffix", lambda: form)
    monkeypatch.setattr(conduct_, "CHUNK", 2)
    made = few(7)
    whole = conduct_.conduct(made, out=tmp_path / "whole")
    same(whole, conduct_.conduct(made))
    same(whole, conduct_.read_trial(tmp_path / "whole"))
    written, real = [0], folder.write_table
    for full in (1, 2, 4, 5, 7):

        def write(path: Path, table: pd.DataFrame, full: int = full) -> Path:
            written[0] += 1
            if written[0] == full:
                raise OSError(errno.ENOSPC, "no room", str(path))
            return real(path, table)

        out, written[0] = tmp_path / f"full{full}", 0
        monkeypatch.setattr(folder, "write_table", write)
        with pytest.raises(OSError, match="no room"):
            conduct_.conduct(made, out=out)
        monkeypatch.setattr(folder, "write_table", real)
        with pytest.raises(InputError, match="--resume"):
            conduct_.read_trial(out)
        same(whole, conduct_.conduct(made, out=out, resume=True))
        for name, values in folder.Folder.open(tmp_path / "whole").fields().items():
            np.testing.assert_array_equal(folder.Folder.open(out).fields()[name], values)


def test_ctrl_c_leaves_a_folder_that_goes_on(tmp_path: Path, quick: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conduct_, "CHUNK", 2)
    made, before = few(6), signal.signal(signal.SIGINT, signal.default_int_handler)

    def press(done: int, total: int, text: str) -> None:
        if done == 2:
            os.kill(os.getpid(), signal.SIGINT)
        interrupt.check()

    try:
        with pytest.raises(KeyboardInterrupt):
            conduct_.conduct(made, out=tmp_path / "one", progress=press)
    finally:
        signal.signal(signal.SIGINT, before)
    assert 0 < len(folder.Folder.open(tmp_path / "one").done(3)) < 3
    same(conduct_.conduct(made, out=tmp_path / "one", resume=True), conduct_.conduct(made))


def test_a_new_trial_takes_the_place_of_an_older_one_whole(tmp_path: Path, quick: None) -> None:
    conduct_.conduct(few(12), out=tmp_path)
    (tmp_path / "report.html").write_text("old")
    small = conduct_.conduct(few(4), out=tmp_path)
    same(small, conduct_.conduct(few(4)))
    held = folder.Folder.open(tmp_path)
    assert len(held.fields()["water"]) == 4
    assert held.done(9) == [0]
    assert not (tmp_path / "report.html").exists()


def test_another_trial_is_not_gone_on_with(tmp_path: Path) -> None:
    made = few(4)
    run(made, out=tmp_path / "one")
    with pytest.raises(InputError, match="another trial"):
        run(made, 5, out=tmp_path / "one", resume=True)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").write_text("mine")
    with pytest.raises(InputError, match="something other than a trial"):
        run(made, out=tmp_path / "other")
    with pytest.raises(InputError, match="holds no trial"):
        conduct_.read_trial(tmp_path / "other")
    assert [path.name for path in (tmp_path / "other").iterdir()] == ["thesis.txt"]


def test_a_killed_process_costs_its_people_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every process is ended once, and one person ends every process: the rest is as it would have been."""
    made = few(5)
    monkeypatch.setattr(conduct_, "CHUNK", 2)
    victim = int(entered.enter(made, 0).people["patient"].iloc[3])
    work = functools.partial(deadly, victim)
    monkeypatch.setattr(discs, "chunk", work)
    found = conduct_.conduct(made, workers=2)
    monkeypatch.setattr(discs, "chunk", scanned)
    wanted = conduct_.conduct(made)
    assert (found.people["disc_status"] != "completed").sum() == 1
    mine = found.people.set_index("patient").loc[victim, "status"]
    assert mine == f"failed: {workers.TRIES} processes that computed this disc were ended from outside"
    for name in TABLES:
        one, other = (getattr(trial, name) for trial in (found, wanted))
        pd.testing.assert_frame_equal(one[one["patient"] != victim], other[other["patient"] != victim])


def deadly(victim: int, plan: discs.Plan, part: list[discs.Asked]) -> discs.Scans:
    """Ends its process where it meets one person."""
    if any(one.patient == victim for one in part):
        os.kill(os.getpid(), signal.SIGKILL)
    return scanned(plan, part)


def test_what_happens_in_a_disc_moves_responding_only_where_it_is_said_to(monkeypatch: pytest.MonkeyPatch) -> None:
    made = few(30)

    def healed(plan: discs.Plan, part: list[discs.Asked]) -> discs.Scans:
        found = scanned(plan, part)
        found.rows["il1b"] = found.rows["tnf"] = np.where(found.rows["without"], 4.0, 1.0)
        return found

    monkeypatch.setattr(discs, "chunk", healed)
    plain, mediated = conduct_.conduct(made), conduct_.conduct(made, disc_to_pain="mediated")
    same(plain, replace(conduct_.conduct(made, disc_to_pain="none"), protocol=made))
    assert (plain.people["arm"] == mediated.people["arm"]).all()
    scores = plain.table["endpoint"].eq("odi").to_numpy()
    differs = plain.table["value"].fillna(-1).ne(mediated.table["value"].fillna(-1))
    assert not differs[scores & plain.table["arm"].eq("sham")].any(), "nothing was done in those discs"


# ---------------------------------------------------------------------------------------------- nonsense, the command


NONSENSE = {
    "visit": ("months = [1, 3, 6, 12, 24]", "months = [-1, 3, 12, 24]", "before the baseline"),
    "arm": ("ratio = [1, 1]", "ratio = [1, 0]", "allocates nobody to arm 'sham'"),
    "endpoint": ('variable = "odi"', 'variable = "oddi"', "nobody measures 'oddi'"),
    "criteria": ("at_least = 3", "at_least = 6", "nobody meets the criteria"),
}


@pytest.mark.parametrize("case", NONSENSE, ids=list(NONSENSE))
def test_nonsense_is_one_sentence_and_leaves_nothing(case: str, tmp_path: Path) -> None:
    before, after, said = NONSENSE[case]
    text = (FOLDER / "respine.toml").read_text("utf-8")
    assert before in text
    wrong, out = tmp_path / "wrong.toml", tmp_path / "out"
    wrong.write_text(text.replace(before, after), "utf-8")
    result = CliRunner().invoke(app, ["trial", "run", str(wrong), "--out", str(out)])
    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stderr.count("\n") == 1
    assert not out.exists()


def test_the_command_says_who_entered_and_what_came_between(tmp_path: Path) -> None:
    out = tmp_path / "trial"
    args = ["trial", "run", str(FOLDER / "respine.toml"), "--out", str(out), "--mechanics", "none"]
    result = CliRunner().invoke(app, [*args, "--size", "24"])
    assert result.exit_code == 0, result.output
    assert "entered 24" in result.stdout
    made = conduct_.read_trial(out)
    assert len(made.people) == 24
    again = CliRunner().invoke(app, [*args, "--size", "24", "--resume"])
    assert again.exit_code == 0
    for option, value, said in (
        ("--workers", "0", "--workers 0"),
        ("--mechanics", "colums", "did you mean 'columns'"),
        ("--size", "1", "too few for 2 arms"),
        ("--disc-to-pain", "mediate", "did you mean 'mediated'"),
        ("--seed", "-1", "A seed of -1"),
    ):
        wrong = CliRunner().invoke(app, [*args[:-2], option, value])
        assert wrong.exit_code == 2, option
        assert said in wrong.stderr
