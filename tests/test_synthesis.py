"""Trials joined to a question: numbers pooled by hand, laws of the joining, and refusals.

What the dossier of trials printed by DerSimonian and Laird is an oracle from outside this code (four trials: risk
difference 0.044, -0.083 to 0.171, I2 53 %; odds 1.14, 0.69 to 1.88, tau2 0.10; without MSB-DR003 1.33, 0.59 to
3.01; without MSB-DR001 0.95, 0.66 to 1.38).
"""

from __future__ import annotations

import csv
import math
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from pulposus import synthesis
from pulposus.cli import app
from pulposus.errors import EvidenceError, InputError
from pulposus.evidence import FOLDER, questions
from pulposus.statistics import meta
from pulposus.statistics.effect import Effects
from pulposus.synthesis import pooled
from pulposus.synthesis.studies import _added

RESPONDERS = questions.question("cells_responders")


def z_interval(effects: list[float], variances: list[float], tau2: float) -> tuple[float, float, float]:
    """Mean and 95 % interval by weights, by hand."""
    w = [1 / (v + tau2) for v in variances]
    mean = sum(a * b for a, b in zip(w, effects, strict=True)) / sum(w)
    half = 1.959963984540054 / math.sqrt(sum(w))
    return mean, mean - half, mean + half


def test_cells_against_sham_are_what_the_dossier_pooled() -> None:
    found = synthesis.answer("cells_responders", "DL", knapp=False)
    assert [one.name for one in found.studies] == ["LEVI_BMC_2025", "MSB-DR001", "MSB-DR003", "RESPINE"]
    counts = [tuple((g.events, g.total) for g in one.groups) for one in found.studies]
    assert counts == [((20, 45), (10, 18)), ((28, 60), (4, 20)), ((81, 272), (41, 132)), ((43, 58), (39, 56))]
    assert found.pooled is not None
    e = found.pooled.estimate
    assert (round(e.value, 3), round(e.low, 3), round(e.high, 3)) == (0.044, -0.083, 0.171)
    assert round(found.pooled.i2) == 53


@pytest.mark.parametrize(
    ("without", "printed"),
    [("", (1.14, 0.69, 1.88)), ("MSB-DR003", (1.33, 0.59, 3.01)), ("MSB-DR001", (0.95, 0.66, 1.38))],
)
def test_odds_with_and_without_a_trial_are_those_of_the_dossier(without: str, printed: tuple[float, ...]) -> None:
    question = questions.question("cells_odds")
    kept = [one for one in synthesis.gather(question)[0] if one.name != without]
    # the dossier adds one half to every cell of every trial
    kept = [
        replace(one, groups=tuple(g._replace(events=g.events + 0.5, total=g.total + 1) for g in one.groups))
        for one in kept
    ]
    cells = [[getattr(one.groups[k], what) for one in kept] for k in (0, 1) for what in ("events", "total")]
    a, n, c, m = (np.array(column) for column in cells)
    value = np.log(a * (m - c) / ((n - a) * c))
    found = Effects(value, 1 / a + 1 / (n - a) + 1 / c + 1 / (m - c), "log odds ratio")
    e = meta.pool(found.value, found.variance, tau="DL", knapp=False).estimate.exponentiated()
    assert tuple(round(x, 2) for x in (e.value, e.low, e.high)) == printed


def test_a_printed_difference_enters_by_its_interval() -> None:
    """Cohen -12.6 (-27.9 to 2.7), Iversen -1.3 (-13.3 to 10.7), pooled by hand at one common effect."""
    found = synthesis.answer("epidural_leg_pain", "fixed")
    assert found.effects is not None
    assert found.pooled is not None
    variances = [((2.7 + 27.9) / 3.919927969) ** 2, ((10.7 + 13.3) / 3.919927969) ** 2]
    assert found.effects.value.tolist() == [-12.6, -1.3]
    assert found.effects.variance == pytest.approx(variances, rel=1e-9)
    e = found.pooled.estimate
    assert (e.value, e.low, e.high) == pytest.approx(z_interval([-12.6, -1.3], variances, 0.0), rel=1e-9)


def test_disc_replacement_by_hand_and_beside_what_eleven_trials_gave() -> None:
    found = synthesis.answer("cda_success", "fixed")
    cells = [(104, 128, 69, 104), (121, 164, 53, 81), (164, 209, 118, 188), (154, 212, 110, 183)]
    logs = [math.log(a * (n2 - c) / ((n - a) * c)) for a, n, c, n2 in cells]
    variances = [1 / a + 1 / (n - a) + 1 / c + 1 / (n2 - c) for a, n, c, n2 in cells]
    assert found.pooled is not None
    e = found.pooled.estimate
    assert (e.value, e.low, e.high) == pytest.approx(z_interval(logs, variances, 0.0), rel=1e-9)
    ratio = e.exponentiated()
    assert ratio.low < found.question.beside_high
    assert ratio.high > found.question.beside_low  # 2.10 (1.70 to 2.59) of eleven trials


@pytest.mark.parametrize("model", ["REML", "DL", "PM", "fixed"])
def test_the_order_of_studies_changes_nothing(model: str) -> None:
    studies, _, _ = synthesis.gather(RESPONDERS)
    options = pooled._options(model, True, 0.95)
    found = [synthesis.effects(RESPONDERS, order) for order in (studies, studies[::-1], studies[2:] + studies[:2])]
    pools = [meta.pool(one.value, one.variance, **options) for one in found]
    for one in pools[1:]:
        assert one.estimate.value == pytest.approx(pools[0].estimate.value, rel=1e-9)
        assert one.prediction.low == pytest.approx(pools[0].prediction.low, rel=1e-9, nan_ok=True)


def test_turning_the_question_turns_the_sign() -> None:
    back = replace(RESPONDERS, treated=RESPONDERS.against, against=RESPONDERS.treated)
    forward, turned = synthesis.answer(RESPONDERS), synthesis.answer(back)
    assert forward.pooled is not None
    assert turned.pooled is not None
    assert turned.pooled.estimate.value == pytest.approx(-forward.pooled.estimate.value, rel=1e-12)
    assert turned.pooled.i2 == pytest.approx(forward.pooled.i2, rel=1e-9)


def test_the_same_people_count_once_and_are_flagged() -> None:
    for name, twice, once in (("cells_pain", "VAST-24", "VAST"), ("cda_success", "PRESTIGE-LP-ONE", "PRESTIGE-ST")):
        found = synthesis.answer(name)
        names = [one.name for one in found.studies]
        assert once in names
        assert twice not in names
        assert any(once in said and twice in said and "same people" in said for said in found.warnings)
        assert any(one.study == twice and once in one.why for one in found.left)


def test_a_study_entered_twice_moves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its rows once more under another name and the same registry number: pooled numbers stay, a warning comes."""
    before = synthesis.answer("cda_success")
    rows = questions.comparisons()
    bryan = [row for row in rows if row.study == "BRYAN-IDE"]
    again = [replace(row, study="AGAIN", people="others", total=row.total - 1) for row in bryan]
    monkeypatch.setattr(questions, "comparisons", lambda: (*rows, *again))
    after = synthesis.answer("cda_success")
    assert before.pooled is not None
    assert after.pooled is not None
    assert after.pooled.estimate == before.pooled.estimate
    assert any("AGAIN" in said for said in after.warnings)


def test_other_people_under_one_registry_number_both_count() -> None:
    found = synthesis.answer("cda_reoperation", tier=3)
    assert "MOBI-C-TWO" in [one.name for one in found.studies]
    rows = {row.study: row for row in questions.comparisons() if row.study.startswith("MOBI")}
    assert len({row.registry for row in rows.values()}) == 1
    assert all(row.own_people for row in rows.values())


def test_every_study_is_taken_or_left_out_with_its_reason() -> None:
    for question in questions.questions():
        studies, left, _ = synthesis.gather(question)
        names = [one.name for one in studies]
        assert len(names) == len(set(names))
        assert not set(names) & {one.study for one in left}
        assert all(one.why for one in left)
    why = {one.study: one.why for one in synthesis.gather(RESPONDERS)[1]}
    assert why["ATLURI"] == "not blind"
    assert why["WOLFF"] == "a single arm"
    assert "GHAHREMAN" in {one.study for one in synthesis.gather(questions.question("epidural_success"))[1]}


def test_what_is_recalled_takes_part_only_when_asked_for() -> None:
    without, along = (synthesis.answer("cda_success", tier=tier) for tier in (3, 4))
    assert "PRODISC-C" not in [one.name for one in without.studies]
    assert "PRODISC-C" in [one.name for one in along.studies]
    assert "PRESTIGE-ST" not in [one.name for one in synthesis.answer("cda_success", tier=2).studies]


def test_arms_of_one_side_are_added_up_as_if_they_were_one() -> None:
    random = np.random.default_rng(3)
    one, two = random.normal(-20, 10, 30), random.normal(-30, 14, 18)
    rows = [
        replace(questions.printed()[0], total=len(x), events=math.nan, change=x.mean(), sd=x.std(ddof=1))
        for x in (one, two)
    ]
    group, both = _added("treated", rows, math.nan), np.concatenate([one, two])
    assert (group.total, group.change, group.sd) == pytest.approx((48, both.mean(), both.std(ddof=1)), rel=1e-9)


def test_a_network_of_one_pair_is_its_pair() -> None:
    """Where a treatment meets the reference alone, the network says what its trials pool to."""
    net = synthesis.answer("neck_network", "fixed")
    pair = synthesis.answer("cda_success", "fixed")
    assert net.net is not None
    assert pair.pooled is not None
    found = net.net.difference("cervical_disc_replacement", "acdf")
    assert found.value == pytest.approx(pair.pooled.estimate.value, rel=1e-9)
    assert found.high == pytest.approx(pair.pooled.estimate.high, rel=1e-9)
    assert not net.splits
    assert any("no pair has a way round" in said.lower() for said in net.warnings)


def test_the_bridge_carries_its_warning() -> None:
    found = synthesis.answer("cells_odds")
    assert {one.study for one in found.bridges} == {"BATES", "WOLFF"}
    assert any("no estimate of effect" in said for said in found.warnings)
    assert all("Single arm" in one.bridge.warning for one in found.bridges)


def test_our_own_judgement_is_called_assumed() -> None:
    for name, one in questions.biases().items():
        assert one.kind == "assumed" if one.judged_by == "ours" else one.kind == "published", name
    assert questions.bias("nobody heard of it").judgement == "not judged"


def test_every_judgement_is_of_a_study_that_is_known() -> None:
    known = {row.arm.trial for row in questions.printed()} | {row.study for row in questions.comparisons()}
    assert set(questions.biases()) - known <= {"DREAM"}  # of which no number was read
    pooled_ones = {one.name for q in questions.questions() for one in synthesis.gather(q)[0]}
    assert not [name for name in pooled_ones if name not in questions.biases()]


def test_refusals_are_sentences(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="did you mean 'cells_pain'"):
        synthesis.answer("cells_pian")
    with pytest.raises(InputError, match="The model 'REMLL' is unknown"):
        synthesis.answer("cells_pain", "REMLL")
    with pytest.raises(InputError, match="A tier of 9"):
        synthesis.answer("cells_pain", tier=9)
    with pytest.raises(InputError, match=r"has 1 usable study, and pooling needs two.*LEVI"):
        synthesis.answer(replace(RESPONDERS, outcomes=("responder (RESPINE composite)",)))
    with pytest.raises(InputError, match="takes REML or fixed"):
        synthesis.answer("disc_network", "DL")
    with pytest.raises(InputError, match="is no network"):
        synthesis.league(synthesis.answer(RESPONDERS))


@pytest.mark.parametrize(
    ("file", "column", "value", "said"),
    [
        ("questions.csv", "measure", "HR", r"questions.csv line 2: measure is 'HR'"),
        ("questions.csv", "at", "99", r"questions.csv line 2: month 99 is not within"),
        ("comparisons.csv", "events", "999", r"comparisons.csv line 2: events is more than total"),
        ("risk_of_bias.csv", "judgement", "bad", r"risk_of_bias.csv line 2: judgement is 'bad'"),
        ("risk_of_bias.csv", "kind", "published", r"risk_of_bias.csv line 2: from memory but called published"),
    ],
)
def test_tables_are_held_to_their_rules(tmp_path: Path, file: str, column: str, value: str, said: str) -> None:
    for path in (*FOLDER.glob("*.csv"), FOLDER / "sources.bib"):
        shutil.copy(path, tmp_path / path.name)
    with (tmp_path / file).open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    rows[0][column] = value
    with (tmp_path / file).open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    read = {
        "questions.csv": questions.questions, "comparisons.csv": questions.comparisons,
        "risk_of_bias.csv": questions.biases,
    }[file]  # fmt: skip
    with pytest.raises(EvidenceError, match=said):
        read(tmp_path)


def test_the_command_prints_and_writes(tmp_path: Path) -> None:
    run = CliRunner().invoke(app, ["evidence", "meta", "cda_success", "--model", "dl", "--out", str(tmp_path)])
    assert run.exit_code == 0, run.output
    assert "LEFT OUT, not randomised" in run.output or "same people" in run.output
    assert "is foretold between" in run.output
    written = {path.name for path in tmp_path.iterdir()}
    assert {"cda_success_studies.csv", "cda_success_forest.png", "cda_success_funnel.png", "pooled.csv"} <= written
    wrong = CliRunner().invoke(app, ["evidence", "meta", "cda_sucess"])
    assert wrong.exit_code == 2
