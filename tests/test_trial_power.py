"""Trials run again and again: errors of the first kind, power against formulas, sameness, designs to hand over."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from pulposus.cli import app
from pulposus.cli.plan import _grid
from pulposus.errors import InputError
from pulposus.outcomes import symptoms
from pulposus.statistics import power as formulas
from pulposus.trials import clinic, designs, discs, lives, power, study
from pulposus.trials.bank import Bank, Truth, paired, replicates
from pulposus.trials.compared import asked, compared, judged
from pulposus.trials.estimands import EVENTS, Seen, strategies
from pulposus.trials.protocol import DISC, Endpoint, InterimTable, Protocol, read_protocol
from pulposus.trials.scanned import Scanned, scan
from pulposus.trials.sensitivity import subgroups

ROOT = Path(__file__).resolve().parents[1]
RESPINE = ROOT / "protocols" / "respine.toml"
PLAIN = dict.fromkeys((*EVENTS, "missing"), "treatment_policy")


def one_endpoint(**end: Any) -> Protocol:
    """Two arms and one endpoint."""
    return Protocol.from_dict(
        {
            "trial": {"name": "made up"},
            "arms": [
                {"name": "cells", "size": 30, "treatments": ["cells"]},
                {"name": "sham", "size": 30, "role": "control"},
            ],
            "visits": {"months": [3, 6, 12]},
            "endpoints": [{"name": "it", "month": 12, "role": "primary", **end}],
        }
    )


def nothing(runs: int, each: int, seed: int, level: float = 30.0) -> Seen:
    """Many trials without an effect, one after the other: correlated scores, events at one hazard, a fifth unseen."""
    rng = np.random.default_rng(seed)
    count = runs * each
    usual = rng.normal(size=(count, 1))
    pain = 60 + 12 * usual + 9 * rng.normal(size=(count, 4)) - np.array([0, 10, 12, 15])
    odi = 44 + 8 * usual + 8 * rng.normal(size=(count, 4)) - np.array([0, 5, 6, 8])
    gone = rng.random((count, 3)).cumsum(1) > 2.2
    arms = np.tile(rng.permuted(np.repeat([0, 1], each // 2)), runs)
    when = rng.exponential(level, count)
    happened = {name: np.full(count, math.inf) for name in EVENTS} | {"surgery": when}
    value = {name: np.where(gone, np.nan, scores[:, 1:]) for name, scores in (("vas_back", pain), ("odi", odi))}
    start = {"vas_back": pain[:, 0], "odi": odi[:, 0]}
    names, months = np.array(["cells", "sham"]), np.array([3.0, 6.0, 12.0])
    return Seen(names[arms], months, value, start, happened, np.full(count, 12.0))


ANALYSES = {
    "ancova": ({"variable": "vas_back"}, 2000, 60),
    "welch": ({"variable": "vas_back", "analysis": "difference"}, 2000, 60),
    "mmrm": ({"variable": "vas_back", "analysis": "mmrm"}, 400, 60),
    "responder": ({"variable": "responder", "rule": "respine", "kind": "binary", "analysis": "responder"}, 1500, 120),
    "shares": ({"variable": "responder", "rule": "respine", "kind": "binary", "analysis": "difference"}, 2000, 120),
    "survival": ({"variable": "conversion", "kind": "time", "analysis": "survival"}, 800, 100),
}


@pytest.mark.parametrize("name", list(ANALYSES))
def test_error_of_the_first_kind_is_five_percent(name: str) -> None:
    end, runs, each = ANALYSES[name]
    one = one_endpoint(**end)
    ready = asked(nothing(runs, each, 11), one.endpoints[0], one, PLAIN)
    p = np.array([judged(ready.only(slice(i * each, (i + 1) * each)))[0].p for i in range(runs)])
    assert np.isfinite(p).all()
    error = math.sqrt(0.05 * 0.95 / runs)
    assert abs((p <= 0.05).mean() - 0.05) <= 3 * error
    assert abs((p <= 0.5).mean() - 0.5) <= 3 * math.sqrt(0.25 / runs)  # over the whole range, not at its end alone


def test_error_of_the_interaction_is_five_percent() -> None:
    one, runs, each = one_endpoint(variable="vas_back"), 600, 160
    seen, rng = nothing(runs, each, 3), np.random.default_rng(4)
    p = []
    for i in range(runs):
        part = seen.only(slice(i * each, (i + 1) * each))
        people = {"sex": rng.choice(["female", "male"], each)}
        p.append(subgroups(part, people, one.endpoints[0], one, PLAIN)[0].p)
    assert abs((np.array(p) <= 0.05).mean() - 0.05) <= 3 * math.sqrt(0.05 * 0.95 / runs)


def test_many_trials_at_once_are_each_trial_alone() -> None:
    for end, _, each in ANALYSES.values():
        one = one_endpoint(**end)
        seen = nothing(4, each, 2)
        ready = asked(seen, one.endpoints[0], one, PLAIN)
        for i in range(4):
            rows = slice(i * each, (i + 1) * each)
            assert judged(ready.only(rows)) == compared(seen.only(rows), one.endpoints[0], one, PLAIN)


# ---------------------------------------------------------------------------------------------- from a bank


@pytest.fixture(scope="module")
def bank() -> Bank:
    """A bank of RESPINE."""
    return Bank.of(read_protocol(RESPINE), 500, 0)


def test_a_trial_is_the_same_among_ten_and_among_a_hundred(bank: Bank) -> None:
    few, many = Truth.of("lumbar", 10, 0), Truth.of("lumbar", 100, 0)
    assert np.array_equal(many.draws[:10], few.draws) and np.array_equal(many.place[:10], few.place)  # noqa: PT018
    first, second = (power.run(bank, bank.protocol, truth) for truth in (few, many))
    assert [one.found for one in first] == [one.found for one in second[:10]]


def test_arms_share_their_chance(bank: Bank) -> None:
    truth = Truth.of("lumbar", 1, 0)
    same = bank.protocol.model_copy(
        update={"arms": tuple(arm.model_copy(update={"treatments": (), "inject": ()}) for arm in bank.protocol.arms)}
    )
    seen = paired(bank, same, truth, 0, ("vas_back", "odi"))
    half = seen.size // 2
    assert set(seen.arm[:half]) == {"cells"}
    assert set(seen.arm[half:]) == {"sham"}
    for name in ("vas_back", "odi"):
        np.testing.assert_array_equal(seen.value[name][:half], seen.value[name][half:])


def test_no_effect_errs_as_often_as_it_should_and_trials_follow_the_curve(bank: Bank) -> None:
    protocol, truth, many = bank.protocol.sized(400), Truth.of("lumbar", 300, 0), 300
    null = power.summed("null", power.run(bank, protocol, truth, null=True), 400, 0.0)
    assert abs(null.shown - 0.05) <= 3 * math.sqrt(0.05 * 0.95 / many)
    own = power.summed("own", power.run(bank, protocol, truth), 400, 1.0)
    found = power.truths(bank, protocol, 40)
    error = math.hypot(own.better_error, power.bank_error(found, protocol, 400))
    spread = float(found.power(power.harmonic(protocol, "cells")).std()) / math.sqrt(40)  # 40 draws of 200
    assert abs(own.better - power.assured(found, protocol, 400)) <= 3 * math.hypot(error, spread)


def test_a_size_is_that_of_the_formula() -> None:
    protocol = read_protocol(RESPINE)
    p, q, n = 0.62, 0.5, 1000.0
    error = math.sqrt(p * (1 - p) / n + q * (1 - q) / n)
    truth = Truth.of("lumbar", 1, 0)
    under = power.Under(p - q, error, np.full(3, p - q))
    found = power.Truths(
        np.array([p - q]), np.array([error]), n / 2, 1.959963985, np.full((3, 1), p - q), truth, 0, under
    )
    size = power.needed(found, protocol, 0.9)
    by_formula = formulas.size_shares(p, q, 0.9, 0.05, 2)
    assert size.persons == pytest.approx(by_formula, rel=0.02)  # the formula pools the variance under the null
    assert (size.low, size.high) == (size.persons, size.persons)  # a bank without an error of its own
    assert power.needed(found, protocol, 0.9, median=True).persons == size.persons
    none = replace(found, difference=np.zeros(1), again=np.zeros((3, 1)))
    assert math.isinf(power.needed(none, protocol).persons)
    assert "no size up to" in power.needed(none, protocol).sentence


def test_published_results_stand_beside_ours(bank: Bank) -> None:
    row = power.summed("own", power.run(bank, bank.protocol, Truth.of("lumbar", 20, 0)), bank.protocol.size, 1.0)
    assert [(one.arm, one.published) for one in power.beside(bank.protocol, row)] == [("cells", 0.74), ("sham", 0.69)]


def test_only_the_same_arm_stands_beside_ours() -> None:
    """Two doses of the same cells are two arms, and people who wait are not those who had saline; the first 24 people
    of VAST, printed before, do not stand for all 141.
    """

    def printed(name: str) -> dict[str, str]:
        protocol = read_protocol(ROOT / "protocols" / f"{name}.toml")
        values = tuple((arm.name, 1.0, 0.1, 1.0) for arm in protocol.arms)
        row = power.Row("own", protocol.size, 1.0, 1, 0.0, 0.0, 0.0, 0.0, 0, 0.0, 0.0, values, ())
        found = power.beside(protocol, row, 60.0)
        counts.update({one.arm: one.persons for one in found})
        return {one.arm: one.published_arm for one in found}

    counts = dict[str, float]()

    doses = printed("msb_dr001")
    assert doses["6 million"].startswith("6M")
    assert doses.get("18 million", "18M").startswith("18M")
    assert "non-surgical care" not in printed("vast") or printed("vast")["non-surgical care"] != "saline"
    assert (counts["allograft"], counts["saline"]) == (141, 39)


def test_looks_spend_no_more_error_and_fewer_people(bank: Bank) -> None:
    protocol = bank.protocol.sized(200).model_copy(update={"interim": InterimTable(information=(0.5, 1.0))})
    runs = power.run(bank, protocol, Truth.of("lumbar", 300, 0), null=True)
    row = power.summed("null", runs, 200, 0.0)
    assert abs(row.shown - 0.05) <= 3 * math.sqrt(0.05 * 0.95 / 300)
    assert {one.persons for one in runs} == {100, 200}
    assert row.persons < 200


def test_what_is_told_of_trials_with_looks_says_that_it_is_not_corrected(bank: Bank) -> None:
    """In words, in every table of arms, on the command line; beside it the median unbiased difference, which is what
    was seen where a trial stopped at its first look, and nearer to none where it went on.
    """
    looked = bank.protocol.sized(200).model_copy(update={"interim": InterimTable(information=(0.5, 1.0))})
    told = {}
    for protocol in (looked, bank.protocol.sized(200)):
        row = power.summed("own", power.run(bank, protocol, Truth.of("lumbar", 60, 0), 20.0), 200, 20.0)
        made = study.Study(protocol, (("", row),), None, (), tuple(power.beside(protocol, row)), 500, False)
        told[made.corrected] = (study.sentences(made), study.tables(made), row.runs)
        title = str(_grid(made)[0].title)
        assert ("not corrected for looks" in title) is bool(made.corrected)
    said, tables, runs = told["not corrected for looks"]
    assert any("not corrected for looks: what stopped a trial" in one for one in said)
    for name in ("power", "trials", "published"):
        assert set(tables[name]["estimates"]) == {"not corrected for looks"}
    each = tables["trials"]
    early = np.array([one.persons == 100 for one in runs])
    seen, median = each["difference"].to_numpy(), each["difference, median unbiased"].to_numpy()
    assert early.any()
    assert (~early).any()
    np.testing.assert_allclose(median[early], seen[early], atol=1e-7)
    assert (median[~early] < seen[~early])[seen[~early] > 0.02].all()
    said, tables, _ = told[""]
    assert not any("corrected" in one for one in said)
    assert not {"estimates", "difference, median unbiased"} & set(tables["trials"].columns)


def test_what_cannot_be_asked_has_a_sentence(bank: Bank) -> None:
    with pytest.raises(InputError, match="too small to draw trials from"):
        Bank.of(bank.protocol, 100)
    with pytest.raises(InputError, match="did you mean 'open'"):
        Bank.of(bank.protocol, 500, 0, "opens")
    with pytest.raises(InputError, match="say nothing of a share"):
        study.study(bank.protocol, 5)


def test_enrichment_takes_only_who_it_names(bank: Bank) -> None:
    assert set(Bank.of(bank.protocol, 500, 0, "open").people["endplate"]) == {"intact"}


def test_persons_of_a_trial_are_of_the_bank_and_arms_have_their_sizes(bank: Bank) -> None:
    _, seen = next(replicates(bank, bank.protocol, Truth.of("lumbar", 3, 0), ("vas_back",)))
    known = {round(x) for x in bank.people["pain"]}
    assert {round(x) for x in seen.start["vas_back"]} <= known
    for i in range(3):
        arms = seen.arm[i * 114 : (i + 1) * 114]
        assert ((arms == "cells").sum(), (arms == "sham").sum()) == (58, 56)
    assert strategies(bank.protocol)["missing"] == "composite"


# ---------------------------------------------------------------------------------------------- designs


def test_the_table_handed_over_is_that_of_boin() -> None:
    rows = designs.decisions(designs.first_doses("boin", 4, 0.3, 3, 12))
    assert [(r["treated"], r["escalate"], r["de escalate"], r["eliminate"]) for r in rows] == [
        (3, 0, 2, 3), (6, 1, 3, 4), (9, 2, 4, 5), (12, 2, 5, 7),
    ]  # fmt: skip


def test_a_crm_never_skips_a_dose_and_goes_down_when_it_must() -> None:
    first = designs.first_doses("crm", 4)
    for i, row in enumerate(designs.decisions(first)):
        places = [first.doses.index(to) if to != "stop" else -1 for to in list(row.values())[1:]]
        assert places == sorted(places, reverse=True)
        assert max(places) <= i + 1


def test_boundaries_are_those_of_the_protocol() -> None:
    looked = one_endpoint(variable="vas_back").model_copy(update={"interim": InterimTable(information=(0.5,))})
    rows = designs.boundaries(designs.of_protocol(looked), 100)
    # rpact: getDesignGroupSequential(sided = 2, alpha = 0.05, informationRates = c(0.5, 1), typeOfDesign = "asOF")
    assert [row["Z"] for row in rows] == pytest.approx([2.9625, 1.9686], abs=5e-4)
    assert [row["persons"] for row in rows] == [50, 100]
    with pytest.raises(InputError, match="looked at once"):
        designs.of_protocol(one_endpoint(variable="vas_back"))


def test_zones_rise_with_what_was_seen() -> None:
    rows = designs.zones(50, 50, 200)
    order = ["unfavourable", "promising", "favourable"]
    places = [order.index(row["zone"]) for row in rows]
    assert places == sorted(places)
    assert set(places) == {0, 1, 2}
    assert all(50 <= row["people of stage two"] <= 200 for row in rows)


# ---------------------------------------------------------------------------------------------- discs of a bank


def made_up_scans(bank: Bank, lift: float) -> Scanned:
    """T2 of a bank: the cells' discs are `lift` above those of the sham, each person's own level in both."""
    visits = 1 + len(bank.protocol.visits.months)
    level = np.random.default_rng(5).normal(80, 12, (bank.size, 1)) * np.ones(visits)
    after = np.r_[0.0, np.ones(visits - 1)]
    return Scanned({"t2": np.stack([level + lift * after, level])}, np.zeros((2, bank.size), bool))


def test_trials_of_the_disc_read_the_discs_of_the_bank(bank: Bank) -> None:
    end = {"name": "t2", "variable": "t2", "month": 12, "role": "primary", "analysis": "difference"}
    protocol = bank.protocol.model_copy(update={"endpoints": (Endpoint(**end),)})
    with pytest.raises(InputError, match="bank that was scanned"):
        power.run(Bank(protocol, bank.people, 0), protocol, Truth.of("lumbar", 20, 0))
    full = Bank(protocol, bank.people, 0, made_up_scans(bank, 3.0))
    # the change from the start is the lift, to the last digit: persons differ, their changes do not
    seen = next(replicates(full, protocol, Truth.of("lumbar", 5, 0), ("t2",)))[1]
    change = seen.value["t2"][:, 3] - seen.start["t2"]
    known = np.isfinite(change)
    assert 0.6 < known.mean() < 0.95  # who left or was operated on has no disc to be looked at
    assert change[known] == pytest.approx(np.where(seen.arm[known] == "cells", 3.0, 0.0), abs=1e-10)
    twice = next(replicates(full, protocol, Truth.of("lumbar", 5, 0), ("t2",), effect=2.0))[1]
    assert (twice.value["t2"] - twice.start["t2"][:, None])[known, 3].max() == pytest.approx(6.0)
    null = next(replicates(full, protocol, Truth.of("lumbar", 5, 0), ("t2",), null=True))[1]
    assert np.nanmax(np.abs(null.value["t2"] - null.start["t2"][:, None])) < 1e-10


def test_what_is_calmed_in_discs_stands_in_place_of_what_trials_found(bank: Bank) -> None:
    """The same logit as `symptoms.join`, person by person."""
    protocol, visits = bank.protocol, len(bank.protocol.visits.months)
    calmed = np.stack([np.linspace(0, 2, bank.size)[:, None] * np.ones(visits), np.full((bank.size, visits), np.nan)])
    scans = Scanned({}, np.zeros((2, bank.size), bool), calmed)
    which = next(replicates(bank, protocol, Truth.of("lumbar", 3, 0), ("vas_back",)))[0]
    assert which.size == 3
    draw, who = np.arange(40) % 20, np.arange(40)
    crowd = lives.Crowd(bank.chosen(who), who, np.repeat([0, 1], 20), who, 0 * who, draw, np.zeros(40))
    arms = np.array([arm.name for arm in protocol.arms])[crowd.arm]
    found = lives._more(protocol, crowd, arms, 1.0, scans)
    assert found is not None
    given = protocol.given(protocol.arms[0])
    for k in range(20):
        changes = [symptoms.Change(cytokine=calmed[0, who[k], 0])] * visits
        assert found[k] == pytest.approx(symptoms.join(given, changes, draw[k : k + 1], "mediated")[0])
    assert (found[20:] == 0).all()  # nothing was done in their discs
    level = {"il1b": np.array([[4.0, np.nan]]), "tnf": np.array([[1.0, np.nan]])}
    other = {"il1b": np.array([[1.0, 1.0]]), "tnf": np.array([[1.0, 1.0]])}
    by_one = symptoms.between(symptoms.Disc("L4-L5", il1b=4.0, tnf=1.0), symptoms.Disc("L4-L5", il1b=1.0, tnf=1.0))
    assert symptoms.calmed(level, other)[0, 0] == pytest.approx(by_one.cytokine) == 1.0
    assert np.isnan(symptoms.calmed(level, other)[0, 1])


def test_a_trial_of_calmer_discs_has_more_responders(bank: Bank) -> None:
    protocol, visits = bank.protocol, len(bank.protocol.visits.months)
    shares = []
    for halvings in (0.0, 3.0):
        calmed = np.stack([np.full((bank.size, visits), halvings), np.full((bank.size, visits), np.nan)])
        full = Bank(protocol, bank.people, 0, Scanned({}, np.zeros((2, bank.size), bool), calmed))
        runs = power.run(full, protocol, Truth.of("lumbar", 200, 0))
        shares.append(power.summed("", runs, protocol.size, 1.0).value)
    (cells, sham), (calmer, same) = ([value for _, value, _, _ in one] for one in shares)
    assert same == pytest.approx(sham, abs=1e-3)  # only what the adjustment shares
    assert calmer > cells + 0.03
    assert cells == pytest.approx(sham, abs=0.08)  # what the needle and being told bring is the same in both


def test_a_disc_that_failed_is_left_out_of_its_trials(bank: Bank) -> None:
    end = Endpoint(name="t2", variable="t2", month=12, role="primary")
    protocol = bank.protocol.model_copy(update={"endpoints": (end,)})
    scans = made_up_scans(bank, 3.0)
    scans.failed[0, ::2] = True
    seen = next(replicates(Bank(protocol, bank.people, 0, scans), protocol, Truth.of("lumbar", 2, 0), ("t2",)))[1]
    ready = asked(seen, protocol.endpoints[0], protocol)
    assert ready.seen.size == (~seen.failed["t2"]).sum() < seen.size
    assert not seen.failed["t2"][seen.arm == "sham"].any()


def test_arms_in_which_the_same_is_done_share_a_disc(
    bank: Bank, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def fake(plan: Any, asked: Any) -> discs.Scans:
        calls.extend(asked)
        rows = [
            {"patient": one.patient, "arm": one.arm, "without": one.without, "month": month, "status": "completed"}
            | dict.fromkeys((*DISC, *discs.BESIDE), float(one.patient) + (1000.0 if one.inject else 0.0) + month)
            for one in asked
            for month in plan.months
        ]
        return discs.Scans(pd.DataFrame(rows))

    monkeypatch.setattr(discs, "chunk", fake)
    sham = bank.protocol.arms[1]
    arms = (*bank.protocol.arms, sham.model_copy(update={"name": "another sham"}))
    protocol, people = bank.protocol.model_copy(update={"arms": arms}), bank.people.head(20)
    found = scan(protocol, people, 0, folder=tmp_path)
    assert len(calls) == 40  # not 60
    expected = people["patient"].to_numpy()[:, None] + np.array([0.0, *protocol.visits.months])
    assert np.array_equal(found.values["t2"], np.stack([expected + 1000, expected, expected]))
    again = scan(protocol, people, 0, folder=tmp_path)
    assert len(calls) == 40
    assert np.array_equal(again.values["t2"], found.values["t2"])
    assert found.calmed is None
    both = scan(protocol, people, 0, folder=tmp_path, without=True)
    assert len(calls) == 80  # a disc with nothing done is that of the sham
    assert np.array_equal(both.values["t2"], found.values["t2"])
    assert both.calmed is not None
    assert np.isnan(both.calmed[1:]).all()
    assert np.isfinite(both.calmed[0]).all()


def test_responding_that_follows_no_disc_is_refused(bank: Bank) -> None:
    with pytest.raises(InputError, match="did you mean 'mediated'"):
        study.study(bank.protocol, disc_to_pain="mediatd")
    with pytest.raises(InputError, match="computes none"):
        study.study(bank.protocol, disc_to_pain="mediated", mechanics="none")


def test_arms_convert_to_surgery_alike_but_for_disability(bank: Bank) -> None:
    """Series of cells on waiting lists must not make the cells' arm of a randomised trial convert twice as often."""
    cells, sham = (clinic.converting(arm, "lumbar", 24.0, "chronic") for arm in bank.protocol.arms)
    assert set(cells) == set(sham) == {"waiting", "disc_needle"}
    seen = paired(bank, bank.protocol, Truth.of("lumbar", 1, 0), 0, ("odi",), 4)
    shares = [float(np.isfinite(seen.happened["surgery"][seen.arm == arm]).mean()) for arm in ("cells", "sham")]
    assert 0 <= shares[1] - shares[0] < 0.03  # people who do better are operated on no more often


# ---------------------------------------------------------------------------------------------- the commands


def test_tables_are_handed_over_on_the_command_line(tmp_path: Path) -> None:
    asked_for = ["trial", "design", "boin", "--target", "0.3", "--cohort", "3", "--size", "6", "--json"]
    told = CliRunner().invoke(app, asked_for)
    assert json.loads(told.stdout)["What to do after each cohort"][0] == {
        "treated": 3, "escalate": 0, "de escalate": 2, "eliminate": 3,
    }  # fmt: skip
    made = CliRunner().invoke(app, ["trial", "design", "sequential", "--looks", "0.5,1", "--out", str(tmp_path)])
    assert made.exit_code == 0
    rows = pd.read_csv(tmp_path / "sequential_when_it_stops.csv")
    assert rows["Z"].tolist() == pytest.approx([2.9625, 1.9686], abs=5e-4)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["design", "boyn"], "did you mean 'boin'"),
        (["design", "sequential", "--looks", "a"], "write numbers with commas"),
        (["design", "sequential", "--spending", "pocok"], "did you mean 'pocock'"),
        (["design", "boin", "--truth", "0.1,0.2"], "2 shares for 4 doses"),
        (["power", str(RESPINE), "--out", "x", "--enriched", "opn"], "did you mean 'open'"),
        (["power", str(RESPINE), "--out", "x", "--sizes", "1.5"], "whole numbers"),
        (["power", str(RESPINE), "--out", "x", "--goal", "90"], "no power"),
        (["power", "nowhere.toml", "--out", "x"], "nowhere.toml"),
    ],
)
def test_mistakes_are_a_sentence(words: list[str], said: str) -> None:
    told = CliRunner().invoke(app, ["trial", *words])
    assert told.exit_code == 2
    assert said in told.stderr


@pytest.mark.parametrize("limit", ["0", "2"])
def test_a_limit_below_the_protocol_itself_is_refused_by_its_name(limit: str, tmp_path: Path) -> None:
    told = CliRunner().invoke(app, ["trial", "power", str(RESPINE), "--search-limit", limit, "--out", str(tmp_path)])
    assert told.exit_code == 2
    assert f"--search-limit {limit} is less than the" in " ".join(told.stderr.split())


def test_the_command_leaves_tables_and_a_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(power, "truths", partial(power.truths, count=8))
    monkeypatch.setattr(power, "MANY_LIVES", 4)
    words = ["trial", "power", str(RESPINE), "--replicates", "20", "--search-limit", "200", "--out", str(tmp_path)]
    words += ["--quiet"]
    told = CliRunner().invoke(app, words)
    assert told.exit_code == 0, told.stderr
    assert "no size up to 200 persons" in told.stdout
    rows = pd.read_csv(tmp_path / "power.csv")
    each = pd.read_csv(tmp_path / "trials.csv")
    own = rows[rows["what"] == "own effect"].iloc[0]
    assert own["shown"] == pytest.approx((each["p"] <= 0.05).mean())
    assert own["cells"] == pytest.approx(each["cells"].mean())
    assert pd.read_csv(tmp_path / "published.csv")["published"].tolist() == [0.74, 0.69]
    assert (tmp_path / "power.png").read_bytes().startswith(b"\x89PNG")
