"""Trials that a look changes, from a bank: arms that are dropped, sizes told anew, doses and their response."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from scipy import stats
from typer.testing import CliRunner

from pulposus.cli import app
from pulposus.errors import InputError
from pulposus.figures.trial import _over_size
from pulposus.statistics import dosefinding, sequential
from pulposus.trials import designs, doses, power, runs, staged, study
from pulposus.trials.analysis import analyse
from pulposus.trials.bank import Bank, Truth, allocated, entered, entered_later, replicates
from pulposus.trials.compared import asked, judged
from pulposus.trials.conduct import conduct
from pulposus.trials.protocol import Endpoint, Protocol, read_protocol
from pulposus.trials.scanned import Scanned

ROOT = Path(__file__).resolve().parents[1]
PAIN = {"name": "pain", "variable": "vas_back", "month": 12, "role": "primary", "analysis": "difference"}
DROP = {"information": [0.5], "alpha": 0.025, "sided": 1, "drop": "best"}
GROW = {"information": [0.5], "alpha": 0.025, "sided": 1, "max_size": 240}
CELLS = "Inject {:g} allogeneic MSC(M) in 2 mL saline at month 0"
DOSES = {"low": 2e6, "middle": 6e6, "high": 18e6}


MINIMAL = {"trial": {"name": "made up"}, "visits": {"months": [3, 12]}, "endpoints": [PAIN]}


def protocol(arms: int = 3, each: int = 30, **tables: Any) -> Protocol:
    """Doses of cells against saline, pain at twelve months by Welch's test."""
    active = [
        {
            "name": name,
            "size": each,
            "treatments": ["cells"],
            "inject": [f"Inject {dose:g} allogeneic MSC(M) in 2 mL saline"],
        }
        for name, dose in list(DOSES.items())[:arms]
    ]
    saline = {"name": "saline", "size": each, "role": "control"}
    return Protocol.from_dict(MINIMAL | {"arms": [*active, saline]} | tables)


@pytest.fixture(scope="module")
def bank() -> Bank:
    """A bank of people for any of these."""
    return Bank.of(protocol(), 500, 0)


def test_a_look_drops_arms_and_people_go_to_those_that_are_left(bank: Bank) -> None:
    made = protocol(interim=DROP)
    found = power.run(bank, made, Truth.of("lumbar", 60, 0))
    for one in found:
        kept = [word for word in one.told if word.startswith("keeps")]
        if staged.STOPS in one.told:
            assert one.persons == 60
            continue
        assert one.persons == 120
        assert len(kept) == 1
        people = {each.arm: each.persons for each in one.found}
        for name, (mine, control) in people.items():
            here = f"keeps {name}" in kept
            assert (mine > 25, control > 25) == (
                here,
                here,
            )  # 45 as planned with 30 after the look, less who left; 15 else
        assert {each.arm for each in one.found} == set(DOSES)
    # the control is told of all its people, whichever arm went on
    row = {arm: mean for arm, mean, _, _ in power.summed("own", found, 120, 1.0).value}
    whole = [max(one.found, key=lambda each: sum(each.persons)).value[1] for one in found]
    assert row["saline"] == pytest.approx(np.mean(whole), rel=1e-12)


def test_no_effect_is_shown_as_seldom_as_the_error_says_and_an_effect_often(bank: Bank) -> None:
    """One side, 2.5 %, over three doses, trials of 120 people; and a treatment made forty times as strong."""
    made, truth, many = protocol(interim=DROP), Truth.of("lumbar", 400, 0), 400
    null = power.summed("null", power.run(bank, made, truth, null=True), 120, 0.0)
    assert null.shown <= 0.025 + 3 * math.sqrt(0.025 * 0.975 / many)
    assert null.shown == null.better
    assert 60 <= null.persons <= 120
    strong = power.summed("strong", power.run(bank, made, Truth.of("lumbar", 60, 0), 40.0), 120, 40.0)
    assert strong.shown > 0.5
    told = {word: share for word, share, _ in strong.told}
    assert told[staged.STOPS] > 0.05
    assert strong.persons < null.persons


def test_a_size_grows_in_the_promising_zone_alone(bank: Bank) -> None:
    made = protocol(1, 60, interim=GROW)
    truth, many = Truth.of("lumbar", 400, 0), 400
    found = power.run(bank, made, truth, 4.0)
    for one in found:
        [word] = one.told
        persons = {"favourable zone": (120, 120), "unfavourable zone": (120, 120), "promising zone": (121, 240)}
        low, high = persons.get(word, (60, 60))
        assert low <= one.persons <= high
        assert sum(one.found[0].persons) <= one.persons
    row = power.summed("own", found, 120, 4.0)
    assert {word for word, _, _ in row.told} >= {"favourable zone", "promising zone", "unfavourable zone"}
    assert row.persons == pytest.approx(np.mean([one.persons for one in found]))
    null = power.summed("null", power.run(bank, made, truth, null=True), 120, 0.0)
    assert null.better <= 0.025 + 3 * math.sqrt(0.025 * 0.975 / many)
    fixed = protocol(1, 60, interim={name: value for name, value in GROW.items() if name != "max_size"})
    stays = power.summed("stays", power.run(bank, fixed, truth, 4.0), 120, 4.0)
    assert row.better >= stays.better
    assert row.persons > stays.persons


def ran(bank: Bank, made: Protocol) -> study.Study:
    """A study of a few trials of a protocol at its own size."""
    row = power.summed(study.OWN, power.run(bank, made, Truth.of("lumbar", 20, 0)), made.size, 1.0)
    return study.Study(made, (("", row),), None, (), (), 500, False)


def test_every_arm_stands_in_the_table_of_trials(bank: Bank) -> None:
    found = ran(bank, protocol(3, 10))
    table, values = study.tables(found)["trials"], found.rows[0][1].value
    assert [arm for arm, *_ in values] == ["low", "middle", "high", "saline"]
    for arm, mean, _, _ in values:
        assert table[arm].mean() == pytest.approx(mean)


def test_no_sign_of_a_share_of_none_or_of_all_is_cut(bank: Bank) -> None:
    axes = Figure().subplots()
    made = study.tables(ran(bank, protocol(1, 60)))
    _over_size(axes, made)
    low, high = axes.get_ylim()
    assert low < 0.0
    assert high > 1.0


def test_what_is_shown_is_said_once_where_a_look_asks_who_does_better(bank: Bank) -> None:
    said = study.sentences(ran(bank, protocol(1, 60, interim=GROW)))
    [shown] = [text for text in said if text.startswith("Shown (better by a one-sided error of 0.025) in ")]
    assert "on the better side" not in shown
    both = study.sentences(ran(bank, protocol(1, 60)))
    assert any(text.startswith("Shown (p < 0.05) in ") and "on the better side in" in text for text in both)


def test_the_last_test_without_weights_is_that_of_everybody(bank: Bank) -> None:
    made = protocol(1, 60, interim=GROW | {"last": "plain", "promising": 0.5})
    plan = staged.Plan.of(made)
    for one in power.run(bank, made, Truth.of("lumbar", 60, 0), 4.0):
        if staged.STOPS not in one.told:
            assert one.shown == (staged.turned(one.found[0]) >= plan.critical[1])


def test_a_person_is_the_same_wherever_the_look_stands(bank: Bank) -> None:
    """Who enters as the 70th of trial 3 does not hang on the look, the size, or how many trials there are."""
    made = protocol(interim=DROP)
    whole, _ = entered(bank, 3, allocated(made))
    for before in (40, 60, 65):
        late, _ = entered_later(bank, 3, before, np.zeros(30, int))
        assert np.array_equal(late, entered_later(bank, 3, before, np.zeros(55, int))[0][:30])
        assert np.array_equal(late, whole[before : before + 30])
    few, many = (staged.run(bank, made, Truth.of("lumbar", count, 0)) for count in (5, 20))
    assert [(one.found, one.told) for one in few] == [(one.found, one.told) for one in many[:5]]


def test_arms_that_are_named_in_another_order_are_the_same_trial() -> None:
    """The rule and the closed test ask for Z alone, not for places."""
    plan = staged.Plan.of(protocol(interim=DROP))
    z, error = np.array([[0.3, 1.8, 1.1]]), np.full((1, 3), 4.0)
    one, two = plan.after(z, error)[0], plan.after(z[:, ::-1], error)[0]
    assert one.told == ("keeps middle",)
    assert two.told == ("keeps middle",)
    assert one.second is not None
    assert {arm.name: arm.size for arm in one.second.arms} == {"middle": 30, "saline": 30}


def test_trials_keep_their_rows_where_discs_failed(bank: Bank) -> None:
    """A person whose disc could not be computed is left out of the own trial, and moves nobody into another."""
    end = Endpoint(name="t2", variable="t2", month=12, role="primary", analysis="difference")
    made = protocol(1, 30).model_copy(update={"endpoints": (end,)})
    rng = np.random.default_rng(0)
    scans = Scanned({"t2": rng.normal(80, 5, (2, bank.size, 3))}, np.zeros((2, bank.size), bool))
    scans.failed[0, ::3] = True
    scans.failed[1, ::5] = True
    people, truth = Bank(made, bank.people, 0, scans), Truth.of("lumbar", 5, 0)
    [(_, seen)] = list(replicates(people, made, truth, ("t2",)))
    for i, one in enumerate(power.run(people, made, truth)):
        alone = seen.only(slice(i * 60, (i + 1) * 60))
        assert one.found == tuple(power.adjusted(judged(asked(alone, end, made))))
        assert 20 < sum(one.found[0].persons) <= alone.known(("t2",)).sum() < 60
    whole = Bank(made, bank.people, 0, Scanned(scans.values, np.zeros((2, bank.size), bool)))
    some, all_ = (power.truths(one, made, 2) for one in (people, whole))
    assert np.isfinite(some.difference).all()
    assert (np.abs(some.difference - all_.difference) < 4 * np.hypot(some.error, all_.error)).all()
    sizes = [60] * 5
    assert runs.parts(seen, end, made, sizes)[-1].stop == seen.known(("t2",)).sum()


# ---------------------------------------------------------------------------------------------- doses


def test_a_dose_response_is_found_where_discs_follow_the_dose(bank: Bank) -> None:
    """Discs of 0, 2.5, 5 and 7.5 ms more, an Emax curve: shown, the dose of 5 ms about 6e6; nothing without."""
    end = Endpoint(name="t2", variable="t2", month=12, role="primary", analysis="difference", alpha=0.05)
    table = {"candidates": ["linear", "emax 6e6", "quadratic -3e-8"], "difference": 5.0}
    made = protocol(3, 60, endpoints=[end.model_dump(exclude_none=True)], dose_response=table)
    level = 80 + np.random.default_rng(5).normal(0, 6, (bank.size, 3))
    rise = np.array([10 * dose / (6e6 + dose) for dose in DOSES.values()] + [0.0])
    lift = rise[:, None, None] * np.array([0.0, 1.0, 1.0])
    people = Bank(made, bank.people, 0, Scanned({"t2": level + lift}, np.zeros((4, bank.size), bool)))
    row = power.summed("own", power.run(people, made, Truth.of("lumbar", 40, 0)), made.size, 1.0)
    told = {word: share for word, share, _ in row.told}
    assert told[power.DOSE_RESPONSE] > 0.9
    assert row.dose[1] < 6e6 < row.dose[2]
    null = power.summed("null", power.run(people, made, Truth.of("lumbar", 200, 0), null=True), made.size, 0.0)
    share = {word: one for word, one, _ in null.told}.get(power.DOSE_RESPONSE, 0.0)
    assert share <= 0.025 + 3 * math.sqrt(0.025 * 0.975 / 200)


def test_a_trial_that_is_conducted_says_what_it_found_of_the_dose() -> None:
    """On its page: what was found of doses that do 2, 6 and 9 points better, of doses that do nothing, of none."""
    made = protocol(dose_response={"candidates": ["linear", "emax 6e6"], "difference": 5.0})
    analysis = analyse(made, conduct(made, 1, mechanics="none"))
    assert "Dose-response (MCP-Mod, one side, 2.5 %)" in analysis.answers[-1]

    def said(*better: float, error: float = 1.5) -> str:
        told = [
            replace(one, difference=replace(one.difference, value=-gap), error=error)
            for one, gap in zip(analysis.primary, better, strict=True)
        ]
        return replace(analysis, endpoints=tuple(told)).answers[-1]

    assert "the answer changes with the dose" in said(2, 6, 9)
    least = float(re.search(r"does 5 better is (\S+) ", said(2, 6, 9)).group(1))  # type: ignore[union-attr]
    assert 2e6 < least < 18e6
    assert "No dose up to the highest does 5 better" in said(2.5, 3.5, 4)
    assert said(0.3, -0.2, 0.1).endswith("no change with the dose was shown.")
    assert "could not be judged" in said(2, math.nan, 9)


def test_few_people_ask_for_a_larger_t_than_many() -> None:
    """Of ten people an arm Student's t, one degree less where the start is adjusted for; of shares the normal law."""
    table = {"candidates": ["linear"], "difference": 5.0}
    shares = PAIN | {"variable": "opioid", "kind": "binary"}
    ends = [PAIN, PAIN | {"analysis": "ancova"}, shares]
    found = [doses.planned(protocol(3, 10, dose_response=table, endpoints=[end])).critical for end in ends]
    assert found == pytest.approx([stats.t.isf(0.025, 36), stats.t.isf(0.025, 35), stats.norm.isf(0.025)], abs=1e-6)


def test_planned_contrasts_are_those_of_means_with_the_control() -> None:
    table = {"candidates": ["linear", "emax 6e6"], "difference": 5.0}
    made = protocol(dose_response=table)
    shapes = doses.shapes_of(made)
    at = dosefinding.means([0, *DOSES.values()], np.zeros(4), [1 / 30] * 4, 116)  # 120 people, four means
    rows = designs.weights_of(made)
    expected = dosefinding.contrasts(shapes, at)
    for i, shape in enumerate(shapes):
        assert [row[shape.name] for row in rows[:-1]] == pytest.approx(expected[:, i].tolist(), abs=1e-9)
        assert rows[-1][shape.name] == pytest.approx(dosefinding.trend(shapes, at).critical, abs=2e-3)
    assert [row["arm"] for row in rows[:-1]] == ["saline", "low", "middle", "high"]


# ---------------------------------------------------------------------------------------------- what is refused


NONSENSE = [
    (3, DROP | {"information": []}, "no look before the end"),
    (3, DROP | {"information": [0.3, 0.6]}, "2 looks before the end"),
    (3, DROP | {"sided": 2, "alpha": 0.05}, "write sided = 1"),
    (3, DROP | {"alpha": 0.6}, "less than 0.5"),
    (3, DROP | {"drop": "bst"}, "did you mean 'best'"),
    (3, DROP | {"drop": "no"}, "write one of best, power, chance"),
    (3, DROP | {"keep": 3}, "drops none of 3"),
    (3, DROP | {"floor": 0.1}, "'best' has keep"),
    (3, DROP | {"drop": "power", "keep": 1}, "'power' has floor"),
    (3, DROP | {"max_size": 200}, "not both"),
    (1, DROP, "the only active one"),
    (3, {"information": [0.5], "keep": 1}, "none is"),
    (3, {"information": [0.5], "sets": "simes"}, "where some are dropped"),
    (3, GROW, "3 active arms"),
    (1, GROW | {"max_size": 60}, "no more than the 60 people planned"),
    (1, GROW | {"information": [1.0]}, "no look before the end"),
    (1, GROW | {"promising": 0.9, "power": 0.8}, "promising below power"),
    (1, GROW | {"last": "plain", "promising": 0.1}, "errs more than alpha"),
    (1, {"information": [0.5], "promising": 0.3}, "and it stays"),
    (1, {"information": [0.5], "last": "plain"}, "and it stays"),
]


@pytest.mark.parametrize(("arms", "interim", "said"), NONSENSE, ids=[said for _, _, said in NONSENSE])
def test_looks_that_make_no_sense_get_their_sentence(arms: int, interim: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        protocol(arms, interim=interim)
    assert "\n" not in str(caught.value)


def test_more_arms_than_a_closed_test_takes_are_refused_when_the_protocol_is_read() -> None:
    arms = [{"name": f"dose {i}", "size": 10} for i in range(9)] + [{"name": "saline", "size": 10, "role": "control"}]
    with pytest.raises(InputError, match="8 active arms at most, and the trial has 9"):
        Protocol.from_dict(MINIMAL | {"arms": arms, "interim": DROP})


def test_a_second_primary_endpoint_is_one_too_many() -> None:
    two = [PAIN, PAIN | {"name": "disability", "variable": "odi"}]
    with pytest.raises(InputError, match="one primary endpoint, and the trial has 2"):
        protocol(interim=DROP, endpoints=two)


@pytest.mark.parametrize(
    ("arms", "table", "more", "said"),
    [
        (3, {"candidates": ["emx 1"], "difference": 5}, {}, "did you mean 'emax'"),
        (3, {"candidates": ["linear"]}, {}, "stand together"),
        (3, {"candidates": ["linear"], "difference": 0}, {}, "is reached by any dose"),
        (1, {"candidates": ["linear"], "difference": 5}, {}, "two doses or more"),
        (2, {"candidates": ["sigmoid_emax 6e6 2"], "difference": 5}, {}, "3 numbers and the trial 2 doses"),
        (3, {"candidates": ["exponential 1"], "difference": 5}, {}, "runs away over the doses"),
        (3, {"candidates": ["linear", "emax 1e300"], "difference": 5}, {}, "is flat over the doses"),
        (3, {"candidates": ["quadratic -1"], "difference": 5}, {}, "nowhere above no dose"),
        (3, {"candidates": ["emax 5e6", "emax 5000000"], "difference": 5}, {}, "stands twice; name each once"),
        (
            3,
            {"candidates": ["linear"], "difference": 5},
            {"interim": {"information": [0.5]}},
            "judged at the end alone",
        ),
    ],
)
def test_candidates_that_make_no_sense_get_their_sentence(arms: int, table: Any, more: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        protocol(arms, dose_response=table, **more)


@pytest.mark.parametrize("end", [{}, {"name": "disability", "variable": "odi", "role": "secondary"}])
def test_a_dose_response_beside_a_margin_is_refused(end: dict[str, Any]) -> None:
    """Of the primary endpoint, whose differences the contrasts weigh; another may have one."""
    table, margin = {"candidates": ["linear"], "difference": 5}, {"margin": 4.0}
    ends = [PAIN | end | margin, *([PAIN] if end else [])]
    if end:
        assert protocol(endpoints=ends, dose_response=table).primary.name == "pain"
        return
    with pytest.raises(InputError, match="margin of 4 that pain is held against; leave one of the two out"):
        protocol(endpoints=ends, dose_response=table)


@pytest.mark.parametrize(
    ("line", "arm", "said"),
    [
        ("Inject 4e6 allogeneic MSC(M) in 2 mL saline", 3, "control for no dose, and it is injected with 4e"),
        ("Inject 2 mL PRP", 0, "counted in cells and mL"),
    ],
)
def test_doses_are_of_one_kind_and_their_control_has_none(line: str, arm: int, said: str) -> None:
    import tomllib

    tables = tomllib.loads(protocol().to_toml())
    tables["arms"][arm]["inject"] = [line]
    Protocol.from_dict(tables)
    with pytest.raises(InputError, match=said):
        Protocol.from_dict(tables | {"dose_response": {"candidates": ["linear"], "difference": 5}})


def test_a_dose_that_is_repeated_counts_as_often() -> None:
    once = "Inject 5e6 allogeneic MSC(M) in 2 mL saline at month 0"
    arms = [
        {"name": "once", "size": 10, "inject": [once]},
        {"name": "thrice", "size": 10, "inject": [f"{once}, repeated 2 times every 3 months"]},
    ]
    assert [arm.dose for arm in Protocol.from_dict(MINIMAL | {"arms": arms}).arms] == [5e6, 15e6]


def test_a_protocol_with_a_look_reads_back_and_grows_with_its_size() -> None:
    import tomllib

    made = protocol(1, 60, interim=GROW)
    assert Protocol.from_dict(tomllib.loads(made.to_toml())) == made
    assert made.sized(240).interim.max_size == 480
    with pytest.raises(InputError, match="too few for two stages"):
        staged.Plan.of(protocol(interim=DROP).sized(6))
    with pytest.raises(InputError, match="write drop or max_size"):
        staged.Plan.of(protocol())


@pytest.mark.parametrize(("size", "said"), [(6, "too few for two stages"), (2, "too few for 4 arms")])
def test_a_size_that_a_trial_cannot_have_is_refused_before_anybody_is_drawn(
    size: int, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Bank, "of", lambda *_: pytest.fail("somebody was drawn"))
    with pytest.raises(InputError, match=said):
        study.study(protocol(interim=DROP), 100, [240, size])


def test_a_trial_that_is_conducted_says_that_it_went_on_as_planned() -> None:
    made = protocol(interim=DROP).sized(40)
    analysis = analyse(made, conduct(made, 1, mechanics="none"))
    assert "here everybody went on as planned" in analysis.answers[0]


# ---------------------------------------------------------------------------------------------- handed over


def test_what_is_handed_over(tmp_path: Path) -> None:
    path = tmp_path / "one.toml"
    path.write_text(protocol(interim=DROP).to_toml(), encoding="utf-8")
    told = CliRunner().invoke(app, ["trial", "design", "adaptive", "--protocol", str(path), "--json"])
    assert told.exit_code == 0, told.stderr
    made = json.loads(told.stdout)
    lines = {row["what"]: row["how"] for row in made["What the look does"]}
    # rpact: getDesignInverseNormal(alpha = 0.025, informationRates = c(0.5, 1), typeOfDesign = "asOF")$criticalValues
    assert "2.9626" in lines["shown at the look"]
    assert "1.9686" in lines["shown at the end"]
    assert [row["people"] for row in made["People"]][1:] == [f"after it, kept: {name}" for name in DOSES]
    assert [row["all"] for row in made["People"]] == [60, 60, 60, 60]
    assert [row["saline"] for row in made["People"]] == [15, 30, 30, 30]
    words = ["trial", "design", "mcpmod", "--levels", "0,12.5,25,50,100", "--shapes", "emax 2.6,emax 12.5", "--json"]
    rows = json.loads(CliRunner().invoke(app, words).stdout)["Contrasts of doses"]
    # R: optContr(Mods(emax = c(2.6, 12.5), ...), w = 1)
    assert [row["emax 2.6"] for row in rows[:5]] == pytest.approx([-0.886, 0.116, 0.211, 0.265, 0.294], abs=5e-4)
    path.write_text(protocol(1, 60, interim=GROW).to_toml(), encoding="utf-8")
    told = CliRunner().invoke(app, ["trial", "design", "reestimation", "--protocol", str(path), "--json"])
    rows = json.loads(told.stdout)["What a look at the size says"]
    assert max(row["people of stage two"] for row in rows) <= 180
    assert {row["zone"] for row in rows} == {"unfavourable", "promising", "favourable"}


def test_arms_of_unequal_size_are_told_one_by_one() -> None:
    """Two of three arms of 10, 20 and 40 go on, beside 30: who gets how many of those after the look hangs on which."""
    arms = [{"name": name, "size": size} for name, size in (("a", 10), ("b", 20), ("c", 40))]
    arms.append({"name": "saline", "size": 30, "role": "control"})
    made = Protocol.from_dict(MINIMAL | {"arms": arms, "interim": DROP | {"keep": 2}})
    rows = designs.stages(made)
    assert [row["people"] for row in rows[1:]] == [f"after it, kept: {two}" for two in ("a, b", "a, c", "b, c")]
    assert [row["all"] for row in rows] == [50] * 4
    share = [row["saline"] / 50 for row in rows[1:]]
    assert share == pytest.approx([30 / 60, 30 / 80, 30 / 90], abs=0.011)
    some = Protocol.from_dict(MINIMAL | {"arms": arms, "interim": DROP | {"drop": "power"}})
    assert len(designs.stages(some)) == 1 + 7


def test_what_the_first_of_several_must_reach_is_told(tmp_path: Path) -> None:
    plan = sequential.design("asOF", 2, 0.025, 1)
    rows = designs.boundaries(plan, 120, 3)
    third = sequential.design("asOF", 2, 0.025 / 3, 1).critical
    assert [row["Z of the first of 3"] for row in rows] == pytest.approx(third.tolist())
    assert (designs.comparisons(protocol()), designs.comparisons(protocol(interim=DROP))) == (3, 1)
    assert not any("first" in name for name in designs.boundaries(plan)[0])


def test_square_brackets_are_printed_as_they_stand(tmp_path: Path) -> None:
    """In names of arms, which a protocol may choose, and in the help, where a table of the file is named."""
    path = tmp_path / "one.toml"
    path.write_text(protocol(interim=DROP).to_toml().replace('"low"', '"low [/b] [red]"'), encoding="utf-8")
    told = CliRunner().invoke(app, ["trial", "design", "adaptive", "--protocol", str(path)])
    assert told.exit_code == 0
    assert "low [/b] [red]" in told.stdout
    assert "[interim]" in CliRunner().invoke(app, ["trial", "design", "--help"]).stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["adaptive"], "name one with --protocol"),
        (["adaptive", "--protocol", str(ROOT / "protocols" / "respine.toml")], "with drop"),
        (["reestimation", "--protocol", str(ROOT / "protocols" / "respine.toml")], "with max_size"),
        (["mcpmod", "--protocol", str(ROOT / "protocols" / "respine.toml")], "dose_response"),
        (["mcpmod", "--levels", "1,2"], "write 0 for the control"),
        (["mcpmod", "--levels", "0,1,2", "--shapes", "emx 1"], "did you mean 'emax'"),
        (["mcpmod", "--levels", "0,1,2", "--shapes", "emax 1,linear,emax 1.0"], "emax 1 stands twice"),
        (["mcpmod", "--levels", "0,1,2", "--size", "1"], "tells nothing of how people spread; give two or more"),
        (["mcpmod", "--levels", "0,1e300,5", "--shapes", "quadratic 1"], "runs away over the doses"),
        (["sequential", "--effect", "1e-300"], "a millionth of it or more"),
        (["sequential", "--effect", "1e-200", "--sd", "1e200"], "a millionth of it or more"),
        (["reestimation", "--max-size", "80"], "max_size is 80, less than the 100 planned"),
        (["reestimation", "--size", "80"], "--first, --second, --max-size"),
    ],
)
def test_mistakes_of_a_design_are_a_sentence(words: list[str], said: str) -> None:
    told = CliRunner().invoke(app, ["trial", "design", *words])
    assert told.exit_code == 2
    assert said in told.stderr
    assert read_protocol(ROOT / "protocols" / "respine.toml").interim.changes is False
