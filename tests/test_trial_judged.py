"""What may be called shown: which arms are judged, with what error, on which side, at which look."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pulposus.errors import InputError
from pulposus.statistics import sequential
from pulposus.statistics.estimate import Estimate
from pulposus.trials.analysis import Look, at_the_end, plan_of
from pulposus.trials.compared import HAZARD, POINTS, Found, _beyond
from pulposus.trials.estimands import Seen, at_last
from pulposus.trials.power import _judged
from pulposus.trials.protocol import Protocol, read_protocol
from pulposus.trials.told import sentence, stopped

PROTOCOLS = Path(__file__).parents[1] / "protocols"


def protocol(ends: list[dict[str, Any]] | None = None, **more: Any) -> Protocol:
    """Two arms and one score."""
    pain = {"name": "pain", "variable": "vas_back", "month": 12, "role": "primary"}
    tables = {
        "trial": {"name": "made up"},
        "arms": [{"name": "cells", "size": 30}, {"name": "sham", "size": 30, "role": "control"}],
        "visits": {"months": [6, 12]},
        "endpoints": [pain, *(ends or [])],
    }
    return Protocol.from_dict(tables | more)


def found(p: float, gap: float, scale: str = POINTS, **more: Any) -> Found:
    """A difference with its p."""
    told = {"endpoint": "pain", "variable": "vas_back", "month": 12.0, "role": "primary", "order": 1} | more
    rest = (Estimate(gap, gap - 1, gap + 1, ""), 0.2, p, scale, 0.05)
    return Found(*told.values(), "ancova", "cells", "sham", (30, 30), (1.0, 2.0), *rest)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "judged"),
    [
        ("idct", ["9 million", "3 million"]),
        ("msb_dr001", ["6 million", "18 million"]),
        ("vast", ["allograft"]),
        ("msb_dr003", ["cells", "cells in hyaluronic acid"]),
    ],
)
def test_a_second_control_shows_nothing_of_a_treatment(name: str, judged: list[str]) -> None:
    """Arms that are held against the control are the treated ones, in every protocol shipped."""
    assert read_protocol(PROTOCOLS / f"{name}.toml").actives == judged


def test_a_second_control_is_told_and_does_not_make_a_trial_succeed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second control in which everybody responds, an arm like its control: nothing shown, three shares told."""
    from pulposus.trials.compared import Asked
    from pulposus.trials.power import summed

    arms = [{"name": name, "size": 40, "role": role} for name, role in
            (("cells", "active"), ("carrier", "control"), ("saline", "control"))]  # fmt: skip
    end = {"name": "r", "variable": "responder", "rule": "respine", "month": 12, "role": "primary", "kind": "binary",
           "analysis": "difference"}  # fmt: skip
    made = protocol(endpoints=[end], arms=arms)
    arm = np.repeat(["cells", "carrier", "saline"], 40)
    answers = np.where(arm == "saline", 1.0, np.tile([0.0, 1.0], 60))
    seen = Seen(arm, np.array([6.0, 12.0]), {}, {}, {}, np.zeros(120))
    row = summed("own", [_judged([Asked(seen, made.endpoints[0], made, (answers,))], made)] * 2, 120, 1.0)
    assert row.shown == 0
    assert {name: mean for name, mean, *_ in row.value} == {"cells": 0.5, "carrier": 0.5, "saline": 1.0}


def test_a_size_of_a_trial_with_several_arms_says_which_it_is_for(monkeypatch: pytest.MonkeyPatch) -> None:
    from pulposus.trials.power import Size, summed
    from pulposus.trials.study import Study, sentences

    arms = [{"name": name, "size": 30, "role": role} for name, role in
            (("low", "active"), ("high", "active"), ("sham", "control"))]  # fmt: skip
    needed = (Size(0.9, "At the median draw", 400, 20_000, 0.9, 300, 500),)
    for made, said in ((protocol(arms=arms), True), (protocol(), False)):
        monkeypatch.setattr("pulposus.trials.power.judged", lambda ready: [ready.one])
        ran = _judged([_Ready(found(0.2, -2.0))], made)  # type: ignore[list-item]
        row = summed("own effect", [ran] * 2, made.size, 1.0)
        told = sentences(Study(made, (("", row),), None, needed, (), 500, False))
        assert any("These sizes are for low against sham alone" in one for one in told) is said


@pytest.mark.parametrize("name", ["msb_dr001", "idct"])
def test_doses_are_held_against_saline(name: str) -> None:
    """MSB-DR001 as in print; IDCT printed arms against their own starts, its placebo is assumed."""
    made = read_protocol(PROTOCOLS / f"{name}.toml")
    assert made.control.name == "saline"
    assert [arm.name for arm in made.arms if arm.name not in made.actives] == ["saline", "hyaluronic acid"]


def test_idct_says_that_its_comparison_is_assumed() -> None:
    """Sizes and sites as the abstract prints them; the words stand where a reader of the protocol looks first."""
    made = read_protocol(PROTOCOLS / "idct.toml")
    assert ([arm.size for arm in made.arms], made.sites.count) == ([20, 20, 10, 10], 13)
    head = (PROTOCOLS / "idct.toml").read_text("utf-8").split("[trial]")[0].replace("\n# ", " ")
    assert "Against which control cells are held is therefore assumed" in head


def test_without_a_word_on_controls_the_first_arm_is_one() -> None:
    arms = [{"name": name, "size": 9} for name in ("a", "b", "c")]
    assert protocol(arms=arms).actives == ["b", "c"]


def test_who_fails_at_one_month_has_not_responded_whatever_another_would_say() -> None:
    made = protocol(
        [{"name": "r", "variable": "responder", "rule": "respine", "month": 12, "also": [6], "kind": "binary",
          "analysis": "responder"}]
    )  # fmt: skip
    none = np.zeros(0)
    seen = Seen(np.array(["cells"] * 4), np.array([6.0, 12.0]), {}, {}, {}, none)
    answers = np.array([[0, math.nan], [math.nan, 0], [1, math.nan], [1, 1]])
    np.testing.assert_array_equal(at_last(seen, answers, made.endpoints[1]), [0, 0, math.nan, 1])


def test_people_know_what_the_blinding_says() -> None:
    for blinding, aware in (("open", "open"), ("single", "blind"), ("double", "blind")):
        made = protocol(trial={"name": "made up", "blinding": blinding})
        assert [made.given(arm).aware for arm in made.arms] == [aware] * 2
    for blinding, aware in (("open", "blind"), ("double", "open")):
        arms = [{"name": "cells", "size": 9, "aware": aware}, {"name": "sham", "size": 9}]
        with pytest.raises(InputError, match="in one way"):
            protocol(trial={"name": "made up", "blinding": blinding}, arms=arms)


# ---------------------------------------------------------------------------------------------- one error


def test_judged_endpoints_share_the_error_of_the_first_primary() -> None:
    """A gate compares adjusted p with one error: a second one could show a secondary behind a primary that is not."""
    first = {"name": "pain", "variable": "vas_back", "month": 12, "role": "primary", "alpha": 0.025}
    second = {"name": "disability", "variable": "odi", "month": 12}
    made = protocol(endpoints=[first, second, second | {"name": "harm", "role": "safety"}])
    assert [end.alpha for end in made.endpoints] == [0.025, 0.025, None]
    with pytest.raises(InputError, match="share one error"):
        protocol(endpoints=[first, second | {"alpha": 0.05}])


def test_the_error_of_looks_is_that_of_the_endpoint() -> None:
    looks = {"information": [0.5, 1.0], "alpha": 0.025, "sided": 1}
    assert protocol(interim=looks).endpoints[0].alpha == pytest.approx(0.05)
    assert protocol(interim=looks | {"sided": 2}).endpoints[0].alpha == pytest.approx(0.025)
    end = {"name": "pain", "variable": "vas_back", "month": 12, "role": "primary", "alpha": 0.05}
    with pytest.raises(InputError, match=r"spends 0\.025 of both sides"):
        protocol(endpoints=[end], interim=looks | {"sided": 2})


# ---------------------------------------------------------------------------------------------- looks


@pytest.mark.parametrize("sided", [1, 2])
def test_at_the_end_only_the_error_that_looks_have_left_is_used(sided: int) -> None:
    made = protocol(interim={"information": [0.5], "spending": "pocock", "alpha": 0.05 / (3 - sided), "sided": sided})
    plan = sequential.design("asP", [0.5, 1.0], 0.05 / (3 - sided), sided)
    assert at_the_end(made)[0].alpha == pytest.approx(2 * plan.local_levels[-1])
    assert at_the_end(made)[0].alpha < 0.04
    assert at_the_end(protocol())[0].alpha == 0.05


class _Ready:
    """Answers at a look, whoever is in it."""

    def __init__(self, one: Any) -> None:
        self.one = one

    def only(self, _: slice) -> _Ready:
        return self


@pytest.mark.parametrize(("sided", "gap", "stops"), [(1, -5.0, True), (1, 5.0, False), (2, -5.0, True), (2, 5.0, True)])
def test_a_test_of_one_side_stops_on_the_better_side_at_its_own_level(
    sided: int, gap: float, stops: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """p has two sides: a look of one side with level a stops at a p of 2a, and on the side that is better alone."""
    made = protocol(interim={"information": [0.5], "alpha": 0.05 / (3 - sided), "sided": sided})
    plan = plan_of(made)
    assert plan is not None
    monkeypatch.setattr("pulposus.trials.power.judged", lambda ready: [ready.one])
    for factor, inside in ((0.99, True), (1.01, False)):
        p = factor * 2 * float(plan.local_levels[0])
        ran = _judged([_Ready(found(p, gap))], made)  # type: ignore[list-item]
        assert (ran.persons == 30) is (stops and inside)
    z = float(plan.critical[0])
    assert Look(0.5, 30, -z - 0.01, z, sided).stops is (sided == 2)


def test_a_trial_that_would_have_stopped_says_so_first() -> None:
    looks = [Look(0.5, 30, -3.1, 2.9), Look(1.0, 60, -2.0, 1.97)]
    assert stopped(looks)[0].startswith("At the look at 50 % of the information (30 persons) Z was -3.10")
    assert stopped(looks[1:]) == []


def test_every_arm_is_looked_at_and_any_may_stop_the_trial(tmp_path: Path) -> None:
    """The second of two arms does much better: the first does not stop the trial at half of it, the second does."""
    from test_trial_analysis import made as conducted

    from pulposus.report.trial import write_report
    from pulposus.trials.analysis import analyse
    from pulposus.trials.told import told

    arms = [{"name": name, "size": 40, "role": role} for name, role in
            (("much", "active"), ("little", "active"), ("sham", "control"))]  # fmt: skip
    ends = [{"name": "pain", "variable": "vas_back", "month": 12, "role": "primary"}]
    run = conducted(protocol(endpoints=ends, arms=arms), 1, effect=30)
    turned = protocol(endpoints=ends, arms=[arms[1], arms[0], arms[2]], interim={"information": [0.5]})
    analysis = analyse(turned, run)
    assert [(look.share, look.arm) for look in analysis.looks] == [
        (0.5, "little"), (0.5, "much"), (1.0, "little"), (1.0, "much")
    ]  # fmt: skip
    little, much = analysis.looks[:2]
    assert (little.stops, much.stops) == (False, True)
    assert abs(much.shared) < abs(much.z)  # two comparisons share the level
    assert "Z of much was" in analysis.answers[0]
    page = write_report(tmp_path / "report.html", told(analysis)).read_text("utf-8")
    table = page[page.index('<section id="looks">') :].split("</section>")[0]
    assert table.count("little") == table.count("much") == 2


def judged_twice(one: tuple[float, float], two: tuple[float, float], sided: int) -> tuple[Any, Protocol]:
    """A trial of two arms, p and difference of each the same at a look at half and at the end."""
    arms = [{"name": name, "size": 20, "role": role} for name, role in
            (("low", "active"), ("high", "active"), ("sham", "control"))]  # fmt: skip
    made = protocol(arms=arms, interim={"information": [0.5], "alpha": 0.05 / (3 - sided), "sided": sided})
    both = [replace(found(*one), arm="low"), replace(found(*two), arm="high")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pulposus.trials.power.judged", lambda ready: ready.one)
        return _judged([_Ready(both)], made), made  # type: ignore[arg-type, list-item]


def test_arms_share_the_error_and_not_the_level_of_each_look() -> None:
    """A p that half of the look's level shows, and the look of a test of half of the error does not."""
    whole, half = (sequential.design("asOF", 2, alpha, 2).local_levels for alpha in (0.05, 0.025))
    assert 2 * half[0] < whole[0]
    ran, made = judged_twice((half[0] + whole[0] / 2, -5.0), (1.0, -0.1), 2)
    assert (ran.shown, ran.persons) == (True, made.size)  # at the end, not at the look
    ran, made = judged_twice((2 * half[0] * 0.999, -5.0), (1.0, -0.1), 2)
    assert (ran.shown, ran.persons) == (True, made.size // 2)


def test_harm_of_one_arm_opens_no_gate_for_the_good_of_another() -> None:
    """One side: one arm has a p that the whole error shows and half of it does not, the other does much worse."""
    whole, half = (sequential.design("asOF", 2, alpha, 1).local_levels for alpha in (0.025, 0.0125))
    between = whole[1] + half[1]  # of both sides, as p is
    ran, _ = judged_twice((1e-9, 5.0), (between, -5.0), 1)
    assert (ran.shown, [one.adjusted <= 2 * whole[1] for one in ran.found]) == (False, [True, False])
    ran, _ = judged_twice((1e-9, -5.0), (between, -5.0), 1)
    assert ran.better


# ---------------------------------------------------------------------------------------------- margins, words


@pytest.mark.parametrize(
    "more",
    [
        {"alpha": 0},
        {"alpha": 1},
        {"margin": math.nan},
        {"margin": math.inf},
        {"margin": 10.0, "variable": "responder", "rule": "respine", "kind": "binary", "analysis": "responder"},
        {"margin": -1.0, "variable": "conversion", "kind": "time", "analysis": "survival"},
    ],
)
def test_an_error_of_nothing_and_a_margin_of_nothing_are_refused(more: dict[str, Any]) -> None:
    end = {"name": "pain", "variable": "vas_back", "month": 12, "role": "primary"}
    with pytest.raises(InputError, match=r"no error of a test|not possible"):
        protocol(endpoints=[end | more])


def test_a_size_is_sought_for_what_lies_beyond_the_margin(monkeypatch: pytest.MonkeyPatch) -> None:
    """A margin of 5 points for a score that is lower when better adds 5 points to the gap that a size follows from."""
    from pulposus.trials import power

    monkeypatch.setattr(power, "paired", lambda *_: None)
    monkeypatch.setattr(power, "asked", lambda *_: None)
    monkeypatch.setattr(power, "_each", lambda *_: np.zeros(3))
    gaps = []
    for margin in (None, 5.0):
        end = {"name": "pain", "variable": "vas_back", "month": 12, "role": "primary"}
        made = protocol(endpoints=[end | ({} if margin is None else {"margin": margin})])
        one = found(0.5, 2.0) if margin is None else _beyond(found(0.5, 2.0), margin)
        monkeypatch.setattr(power, "judged", lambda _, one=one: [one])
        bank = type("Bank", (), {"seed": 0, "size": 3})()
        gaps.append(power._under(bank, made, None, 0, 1).difference)  # type: ignore[arg-type]
    assert gaps == pytest.approx([-2.0, 3.0])


def test_a_hazard_ratio_is_held_against_its_margin_as_a_logarithm() -> None:
    """(log HR - log margin) over the standard error of the logarithm."""
    one = _beyond(found(0.5, 1.0, HAZARD), 1.3)
    assert one.p == pytest.approx(math.erfc(math.log(1.3) / 0.2 / math.sqrt(2)))


def test_beyond_a_margin_the_side_is_told_from_the_margin() -> None:
    """A score that is lower when better, 2 points worse but surely less than the 4 allowed: better than the margin."""
    one = _beyond(found(0.5, 2.0), 4.0)
    assert "better than a difference of 4" in sentence(one)


def test_a_verdict_stands_beside_the_p_that_it_follows_from() -> None:
    one = replace(found(0.03, -2.0), adjusted=0.06)
    assert "p = 0.030 (p = 0.060 after multiplicity): no difference was shown" in sentence(one)


def test_the_page_names_the_seed_of_its_trial_and_imputes_with_it(tmp_path: Path) -> None:
    from pulposus.trials.analysis import analyse, publish, tables
    from pulposus.trials.conduct import conduct

    made = read_protocol(PROTOCOLS / "noriega.toml")
    trial = conduct(made, 5, mechanics="none")
    assert "<dd>5</dd>" in publish(tmp_path, trial).read_text("utf-8")
    own, named = (tables(analyse(made, trial, *seed))["sensitivity"] for seed in ((), (5,)))
    assert own.equals(named)


# ---------------------------------------------------------------------------------------------- what cannot be asked


@pytest.mark.parametrize(
    "words",
    [
        "trial power PROTOCOL --out OUT --sizes inf",
        "trial power PROTOCOL --out OUT --sizes nan",
        "trial power PROTOCOL --out OUT --effects nan",
        "trial power PROTOCOL --out OUT --mechanics columms",
        "trial power PROTOCOL --out OUT --workers 0",
        "trial run PROTOCOL --out OUT --mechanics none --mesh cohrt",
        "trial run PROTOCOL --out OUT --mechanics none --size 1000000",
        "trial design sequential --looks inf",
        "trial design sequential --looks 2.5",
        "trial design sequential --size -5",
        "trial design reestimation --sided 0",
        "trial design reestimation --alpha 0",
        "trial design boin --truth 0.1,0.2,0.3,0.4 --seed -1",
        "trial design sequential --protocol LOOKS --alpha 0.01",
        "trial design sequential --protocol LOOKS --looks 5",
        "trial design sequential --protocol LOOKS --spending pocock",
        "trial design sequential --protocol LOOKS --sided 1",
        "trial design sequential --protocol LOOKS --size 90",
        "trial design sequential --sd 10",
        "trial design sequential --doses 3",
        "trial design boin --protocol PROTOCOL --doses 3",
        "trial design boin --runs 50",
        "trial design boin --skeleton 0.1,0.2,0.3,0.4",
        "trial design 3+3 --size 12",
        "trial design reestimation --protocol LOOKS",
        "evidence meta --tier 9",
        "evidence meta cells_pain --tier 0",
        "economics PERSON --threshold nan",
    ],
)
def test_what_cannot_be_asked_gets_one_sentence_and_leaves_nothing(words: str, tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from pulposus.cli import app

    out = tmp_path / "out"
    person = PROTOCOLS.parent / "examples/person_lumbar.toml"
    known = {
        "PROTOCOL": PROTOCOLS / "respine.toml",
        "PERSON": person,
        "OUT": out,
        "LOOKS": PROTOCOLS / "msb_dr003.toml",
    }
    ran = CliRunner().invoke(app, [str(known.get(word, word)) for word in words.split()])
    assert ran.exit_code == 2
    assert len(ran.stderr.strip().splitlines()) == 1
    assert not out.exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("sequential --alpha 0.05 --protocol LOOKS", "--alpha is told by --protocol, by its [interim]"),
        ("3+3 --target 0.2", "--target changes nothing of 3+3, which reads --protocol, --doses, --truth; leave it out"),
        ("sequential --goal 0.8", "--goal is of --effect, which was not given"),
        ("crm --seed 3", "--seed is of --truth, which was not given"),
        ("sequential --size 30 --effect 9", "--size and --effect do not go together"),
    ],
)
def test_an_option_of_a_design_that_changes_nothing_is_named_even_at_its_default(words: str, said: str) -> None:
    from typer.testing import CliRunner

    from pulposus.cli import app

    looks = str(PROTOCOLS / "msb_dr003.toml")
    ran = CliRunner().invoke(app, ["trial", "design", *(looks if word == "LOOKS" else word for word in words.split())])
    assert (ran.exit_code, said in ran.stderr) == (2, True)


@pytest.mark.parametrize(
    "words",
    [
        "sequential --looks 2 --spending pocock --alpha 0.02 --sided 1 --size 40",
        "sequential --looks 2 --spending pocock --alpha 0.02 --sided 1 --effect 9 --sd 20 --goal 0.8",
        "reestimation --first 20 --second 20 --max-size 70 --alpha 0.04 --sided 1 --goal 0.8",
        "boin --doses 2 --target 0.25 --cohort 2 --size 12 --truth 0.1,0.3 --runs 20 --seed 1",
        "crm --doses 2 --target 0.25 --cohort 2 --size 12 --skeleton 0.1,0.25 --truth 0.1,0.3 --runs 20",
        "3+3 --doses 2 --truth 0.1,0.3",
    ],
)
def test_every_option_that_a_design_takes_changes_what_it_says(words: str) -> None:
    """Each option beside its default, one at a time: what is printed differs."""
    from typer.testing import CliRunner

    from pulposus.cli import app

    kind, *rest = words.split()
    pairs = list(zip(rest[::2], rest[1::2], strict=True))

    def printed(some: list[tuple[str, str]]) -> str:
        ran = CliRunner().invoke(app, ["trial", "design", kind, *(word for pair in some for word in pair), "--json"])
        assert ran.exit_code == 0, ran.stderr
        return ran.stdout

    whole, needed = printed(pairs), {"--effect": ("--sd", "--goal"), "--truth": ("--runs", "--seed")}
    for name, _ in pairs:
        tied = {name, *needed.get(name, ())}
        if kind in ("boin", "crm", "3+3") and name == "--doses":
            continue  # --truth and --skeleton have a share for each
        assert printed([pair for pair in pairs if pair[0] not in tied]) != whole, name


def test_json_holds_no_number_that_is_none() -> None:
    import json

    from typer.testing import CliRunner

    from pulposus.cli import app

    words = ["trial", "design", "boin", "--doses", "2", "--truth", "0.1,0.3", "--runs", "20", "--json"]

    def refused(text: str) -> None:
        raise AssertionError(text)

    rows = json.loads(CliRunner().invoke(app, words).stdout, parse_constant=refused)["How it behaves"]
    assert rows[-1]["truth"] is None
