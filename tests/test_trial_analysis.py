"""The analysis of a trial from its long table: against statistics called by hand, and what must not change it."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pulposus.statistics import estimate, longitudinal, missing, multiplicity, responders, survival
from pulposus.trials.analysis import adjusted, analyse, publish
from pulposus.trials.compared import compared
from pulposus.trials.conduct import Conducted
from pulposus.trials.estimands import Seen, answered, handled, strategies
from pulposus.trials.protocol import Protocol
from pulposus.trials.told import _forest, sentence

MONTHS = (3.0, 6.0, 12.0)


def protocol(size: int = 60, **more: Any) -> Protocol:
    """Two arms, a responder and scores."""
    tables: dict[str, Any] = {
        "trial": {"name": "made up"},
        "arms": [
            {"name": "cells", "size": size, "treatments": ["cells"]},
            {"name": "sham", "size": size, "role": "control"},
        ],
        "visits": {"months": list(MONTHS)},
        "endpoints": [
            {
                "name": "response",
                "variable": "responder",
                "rule": "respine",
                "month": 12,
                "kind": "binary",
                "analysis": "responder",
                "role": "primary",
            },
            {"name": "pain", "variable": "vas_back", "month": 12, "analysis": "ancova"},
            {"name": "disability", "variable": "odi", "month": 12, "analysis": "mmrm", "order": 2},
            {"name": "operated", "variable": "conversion", "month": 12, "kind": "time", "analysis": "survival"},
            {"name": "opioids", "variable": "opioid", "month": 12, "kind": "binary", "analysis": "difference"},
        ],
    }
    for place, end in enumerate(tables["endpoints"]):
        end["order"] = (1, 1, 2, 3, 3)[place]
    return Protocol.from_dict(tables | more)


def made(one: Protocol, seed: int = 0, effect: float = 0.0, gone: float = 0.1, failed: int = 0) -> Conducted:
    """A trial made up: correlated scores, an effect on pain and disability of the first arm, some visits missing."""
    rng = np.random.default_rng(seed)
    sizes = [arm.size for arm in one.arms]
    arms = np.repeat([arm.name for arm in one.arms], sizes)
    n, months = len(arms), one.visits.months
    level = rng.normal(size=(n, 1))
    pain = np.clip(65 + 15 * level + 8 * rng.normal(size=(n, len(months) + 1)), 0, 100)
    odi = np.clip(44 + 10 * level + 7 * rng.normal(size=(n, len(months) + 1)), 0, 100)
    falls = np.r_[0.0, np.linspace(15, 25, len(months))]
    treated = (arms == one.arms[0].name)[:, None]
    pain, odi = pain - falls - effect * treated * (falls > 0), odi - 0.5 * falls - 0.5 * effect * treated * (falls > 0)
    drug = (rng.random((n, len(months) + 1)) < 0.4).astype(float)
    lost = np.c_[np.zeros(n, bool), np.cumsum(rng.random((n, len(months))) < gone, 1) > 0]
    surgery = np.where(rng.random(n) < 0.2, rng.choice([2.0, 5.0, 9.0], n), math.inf)
    rows = []
    for place, month in enumerate([0.0, *months]):
        for name, values in (("vas_back", pain), ("odi", odi), ("opioid", drug)):
            seen = ~lost[:, place]
            status = np.where(seen, np.where(month >= surgery, "after surgery", "seen"), "missing: left")
            rows.append(
                pd.DataFrame(
                    {
                        "patient": np.arange(n),
                        "arm": arms,
                        "visit": month,
                        "endpoint": name,
                        "value": np.where(seen, values[:, place], np.nan),
                        "status": status,
                    }
                )
            )
    events = [
        {"patient": i, "arm": arms[i], "month": surgery[i], "event": "surgery", "grade": 0, "serious": False,
         "related": False, "cause": ""} for i in np.flatnonzero(np.isfinite(surgery))
    ]  # fmt: skip
    for i in np.flatnonzero(lost[:, -1]):
        month = months[int(np.argmax(lost[i, 1:]))]
        events.append({"patient": i, "arm": arms[i], "month": month, "event": "left", "grade": 0, "serious": False,
                       "related": False, "cause": ""})  # fmt: skip
    for i in range(0, n, 7):
        events.append({"patient": i, "arm": arms[i], "month": 1.0, "event": "pain after the needle", "grade": 2,
                       "serious": i % 2 == 0, "related": True, "cause": "needle"})  # fmt: skip
    people = pd.DataFrame(
        {
            "patient": np.arange(n),
            "arm": arms,
            "site": rng.integers(1, 4, n),
            "entered_month": rng.random(n) * 20,
            "age": rng.normal(45, 10, n),
            "sex": rng.choice(["female", "male"], n),
            "grade": rng.integers(2, 6, n),
            "endplate": rng.choice(["intact", "sclerotic"], n),
            "status": "completed",
        }
    )
    table = pd.concat(rows, ignore_index=True)
    wrong = (table["patient"] < failed) & (table["endpoint"] != "opioid")
    table.loc[wrong, ["value", "status"]] = [np.nan, "failed: the solver did not converge."]
    return Conducted(one, people, table, pd.DataFrame(events), {"no pain": 12}, seed)


def of(found: list[Any], name: str) -> Any:
    """What was found of an endpoint."""
    return next(one for one in found if one.endpoint == name)


# ---------------------------------------------------------------------------------------------- by hand


def test_each_endpoint_is_what_statistics_give_by_hand() -> None:
    one = protocol()
    conducted = made(one, 3, effect=6)
    found, seen = analyse(one, conducted).endpoints, Seen.of(conducted)
    plan = strategies(one)
    pain, start = handled(seen, "vas_back", plan)[0][:, -1], seen.start["vas_back"]
    kept = np.isfinite(pain)
    by_hand = longitudinal.ancova(pain[kept], seen.arm[kept], start[kept], reference="sham").differences[0]
    assert of(found, "pain").difference.value == pytest.approx(by_hand.estimate.value, abs=1e-12)
    assert of(found, "pain").p == pytest.approx(by_hand.p, abs=1e-12)
    response = answered(seen, one.endpoints[0], one, plan)[:, -1]
    kept = np.isfinite(response)
    starts = np.column_stack([seen.start["vas_back"], seen.start["odi"]])[kept]
    logistic = responders.adjusted_difference(response[kept], seen.arm[kept], "cells", "sham", starts, small=True)
    assert of(found, "response").difference == logistic.difference
    odi = handled(seen, "odi", plan)[0]
    person, visit = np.nonzero(np.isfinite(odi))
    mixed = longitudinal.repeated_measures(
        odi[person, visit], person, visit, seen.arm[person], seen.start["odi"][person], reference="sham",
        freedom="Kenward-Roger",
    ).difference("cells - sham", "2")  # fmt: skip
    assert of(found, "disability").p == pytest.approx(mixed.p, abs=1e-10)
    when = np.minimum(np.minimum(seen.happened["surgery"], seen.end), 12)
    event = (seen.happened["surgery"] <= when).astype(int)
    assert of(found, "operated").p == pytest.approx(survival.log_rank(when, event, seen.arm).p, abs=1e-12)
    drug = answered(seen, one.endpoints[4], one, plan)[:, -1]
    each = [drug[seen.arm == name] for name in ("cells", "sham")]
    counts = [(int(np.nansum(one)), int(np.isfinite(one).sum())) for one in each]
    assert of(found, "opioids").difference == estimate.newcombe(*counts[0], *counts[1])


def test_strategies_do_what_their_names_say() -> None:
    one = protocol()
    seen = Seen.of(made(one, 1, gone=0.0))
    raw, start = seen.value["vas_back"], seen.start["vas_back"]
    operated = seen.months >= seen.happened["surgery"][:, None]
    plain = dict.fromkeys(("rescue", "surgery", "crossover", "death", "missing"), "treatment_policy")
    assert np.array_equal(handled(seen, "vas_back", plain)[0], raw)
    open_, _ = handled(seen, "vas_back", plain | {"surgery": "hypothetical"})
    assert operated.any()
    assert np.array_equal(np.isnan(open_), operated)
    composite, decided = handled(seen, "vas_back", plain | {"surgery": "composite"})
    assert np.array_equal(decided, operated)
    assert np.array_equal(composite, np.where(operated, start[:, None], raw))
    carried, _ = handled(seen, "vas_back", plain | {"surgery": "while_on_treatment"})
    for i in np.flatnonzero(operated.any(1)):
        first = int(np.argmax(operated[i]))
        before = raw[i, first - 1] if first else start[i]
        assert (carried[i, first:] == before).all()
        assert np.array_equal(carried[i, :first], raw[i, :first])
    respond = answered(seen, one.endpoints[0], one, plain | {"surgery": "composite"})
    assert not respond[operated].any()
    assert respond[~operated].any()


def test_a_missing_answer_is_left_open_or_counts_as_none() -> None:
    one = protocol()
    seen = Seen.of(made(one, 2, gone=0.3))
    plan = strategies(one) | {"surgery": "treatment_policy"}
    left = answered(seen, one.endpoints[0], one, plan)
    none = answered(seen, one.endpoints[0], one, plan | {"missing": "composite"})
    assert np.isnan(left).any()
    assert np.array_equal(np.nan_to_num(left), none)


# ---------------------------------------------------------------------------------------------- invariances


def test_rows_may_stand_in_any_order_and_the_same_seed_gives_the_same() -> None:
    one = protocol(40)
    conducted = made(one, 5, effect=4)
    mixed = replace(
        conducted,
        people=conducted.people.sample(frac=1, random_state=1),
        table=conducted.table.sample(frac=1, random_state=2),
        events=conducted.events.sample(frac=1, random_state=3),
    )
    first, second = analyse(one, conducted, seed=7), analyse(one, mixed, seed=7)
    assert first.endpoints == second.endpoints
    assert first.sensitivity == second.sensitivity
    assert first.subgroups == second.subgroups
    assert first.tipping == second.tipping
    pd.testing.assert_frame_equal(first.safety, second.safety)
    pd.testing.assert_frame_equal(first.flow, second.flow)


def test_names_of_arms_change_nothing() -> None:
    one = protocol(40)
    conducted = made(one, 5, effect=4)
    names = {"cells": "zz", "sham": "aa"}
    arms = [
        {"name": "zz", "size": 40, "treatments": ["cells"]},
        {"name": "aa", "size": 40, "role": "control"},
    ]
    other = protocol(40, arms=arms)
    renamed = replace(
        conducted,
        protocol=other,
        **{
            name: getattr(conducted, name).assign(arm=getattr(conducted, name)["arm"].map(names))
            for name in ("people", "table", "events")
        },
    )
    for first, second in zip(analyse(one, conducted).endpoints, analyse(other, renamed).endpoints, strict=True):
        assert first.p == pytest.approx(second.p, rel=1e-9)
        assert first.difference.value == pytest.approx(second.difference.value, rel=1e-8)


def test_a_person_who_failed_is_counted_and_not_analysed() -> None:
    one = protocol(40)
    whole, broken = analyse(one, made(one, 5)), analyse(one, made(one, 5, failed=3))
    assert broken.flow["not computed"].tolist() == [3, 0]
    assert len(broken.failures) == 3
    assert broken.flow["allocated"].tolist() == whole.flow["allocated"].tolist()
    # a failure takes away what failed, and nothing else
    seen = {name: of(list(whole.endpoints), name).persons for name in ("pain", "opioids", "operated")}
    less = {name: of(list(broken.endpoints), name).persons for name in seen}
    assert less["pain"][0] < seen["pain"][0]
    assert (less["pain"][1], less["opioids"], less["operated"]) == (seen["pain"][1], seen["opioids"], seen["operated"])


def test_each_gate_opens_when_those_before_it_have_fallen() -> None:
    one = protocol()
    found = [replace(f, p=p) for f, p in zip(compared_all(one), (0.04, 0.01, 0.03, 0.001, 0.001), strict=True)]
    p = [f.adjusted for f in adjusted(found)]
    assert p == pytest.approx([0.04, 0.04, 0.04, 0.04, 0.04])
    shut = adjusted([replace(found[0], p=0.2), *found[1:]])
    assert all(one.adjusted >= 0.2 and not one.shown for one in shut)


def compared_all(one: Protocol) -> list[Any]:
    """All endpoints of a made-up trial."""
    seen = Seen.of(made(one, 3))
    return [found for end in one.endpoints for found in compared(seen, end, one)]


def test_serial_gates_are_the_graph_of_two_families() -> None:
    rng = np.random.default_rng(1)
    for _ in range(50):
        p = rng.random(5) ** 3
        weights, transitions = multiplicity.gatekeeping(2, 3)
        by_graph = multiplicity.graph(p, weights, transitions)
        serial = multiplicity.serial(p, [0, 0, 1, 1, 1])
        for alpha in (0.01, 0.05, 0.2):
            assert np.array_equal(serial <= alpha, by_graph <= alpha)


def test_what_cannot_be_analysed_has_a_sentence() -> None:
    one = protocol(40)
    conducted = made(one, 5)
    nobody = conducted.events[conducted.events["event"] != "surgery"]
    found = of(list(analyse(one, replace(conducted, events=nobody)).endpoints), "operated")
    assert math.isnan(found.p)
    assert "event" in found.note
    assert "could not be analysed" in sentence(found)
    assert not found.shown


def test_an_arm_that_cannot_be_analysed_takes_no_other_with_it() -> None:
    """Of two doses and a control one dose alone has events: it is judged, the other has a sentence of its own."""
    arms = [{"name": "low", "size": 20}, {"name": "high", "size": 20}, {"name": "sham", "size": 20, "role": "control"}]
    one, months = protocol(arms=arms), np.array([12.0])
    surgery = np.where(np.arange(60) // 20 == 1, np.r_[np.zeros(20), np.arange(1.0, 21.0), np.zeros(20)], math.inf)
    never = {name: np.full(60, math.inf) for name in ("rescue", "crossover", "death")}
    names = np.repeat([arm["name"] for arm in arms], 20)
    seen = Seen(names, months, {}, {}, {"surgery": surgery, **never}, np.full(60, 12.0))
    low, high = compared(seen, next(end for end in one.endpoints if end.name == "operated"), one)
    assert (low.arm, high.arm) == ("low", "high")
    assert math.isnan(low.p)
    assert "Nobody in 'low' or in 'sham'" in low.note
    assert high.p < 0.001
    assert high.difference.value > 1
    assert "nobody in 'sham' had the event" in high.note


THREE = [
    {"name": "low", "size": 30},
    {"name": "high", "size": 30},
    {"name": "sham", "size": 30, "role": "control"},
]


AS_SEEN = {"intercurrent": {"surgery": "treatment_policy"}}


def unseen(conducted: Conducted, arm: str, month: float = 0.5) -> Conducted:
    """The same, nobody of an arm seen from a month on."""
    table = conducted.table.copy()
    gone = (table["arm"] == arm) & (table["visit"] >= month)
    table.loc[gone, ["value", "status"]] = [np.nan, "missing: did not come"]
    return replace(conducted, table=table)


def as_seen(one: Protocol) -> dict[str, str]:
    """Nothing that comes between decides an answer."""
    return dict.fromkeys(strategies(one), "treatment_policy")


@pytest.mark.parametrize("analysis", ["ancova", "mmrm", "difference"])
def test_an_arm_that_nobody_was_seen_of_takes_no_other_with_it(analysis: str) -> None:
    """The other has what it would have if the empty arm were not there; nobody seen at all is told of the arm too."""
    end = {"name": "pain", "variable": "vas_back", "month": 12, "role": "primary", "analysis": analysis}
    one, fewer = (protocol(arms=arms, endpoints=[end], **AS_SEEN) for arms in (THREE, THREE[1:]))
    conducted = unseen(made(one, 4, effect=10), "low")
    low, high = compared(Seen.of(conducted), one.endpoints[0], one)
    assert math.isnan(low.p)
    assert low.note == "Nobody in 'low' has a score at month 12."
    kept = {name: rows[rows["arm"] != "low"] for name in ("people", "table", "events")
            for rows in [getattr(conducted, name)]}  # fmt: skip
    [alone] = compared(Seen.of(replace(conducted, **kept)), fewer.endpoints[0], fewer)
    assert high == alone
    assert math.isfinite(high.p)
    nobody = unseen(conducted, "sham")
    told = [found.note for found in compared(Seen.of(nobody), one.endpoints[0], one)]
    assert all("'sham'" in note for note in told)


def test_an_arm_that_left_before_the_end_tells_of_the_visits_before() -> None:
    """An MMRM: no difference at month 12 for the arm, one for the other, of all three arms' earlier visits."""
    end = {"name": "pain", "variable": "vas_back", "month": 12, "role": "primary", "analysis": "mmrm"}
    one = protocol(arms=THREE, endpoints=[end], **AS_SEEN)
    low, high = compared(Seen.of(unseen(made(one, 4), "low", 12)), one.endpoints[0], one)
    assert low.note == "Nobody in 'low' has a score at month 12."
    assert math.isfinite(high.p)
    # nobody at all at month 12: an earlier visit is not told for it
    gone = made(one, 4)
    for arm in ("low", "high", "sham"):
        gone = unseen(gone, arm, 12)
    assert all(math.isnan(found.p) for found in compared(Seen.of(gone), one.endpoints[0], one))


def test_what_is_not_seen_of_one_arm_is_filled_for_the_others() -> None:
    end = {"name": "pain", "variable": "vas_back", "month": 12, "role": "primary"}
    one = protocol(arms=THREE, endpoints=[end], **AS_SEEN)
    rows = analyse(one, unseen(made(one, 4, gone=0.15), "low")).sensitivity
    assert [(row.arm, row.assumption) for row in rows if math.isnan(row.p)] == [("low", "MAR")]
    assert "fewer than two scores" in rows[0].note
    assert [row.assumption for row in rows if row.arm == "high"] == ["MAR", "J2R", "CR"]


def test_the_forest_shows_every_arm_against_the_control() -> None:
    end = {"name": "pain", "variable": "vas_back", "month": 12, "role": "primary"}
    one = protocol(arms=THREE, endpoints=[end])
    analysis = analyse(one, made(one, 4))
    rows = _forest(analysis, analysis.primary[0])
    whole = [row for row in rows if row["whole"]]
    assert [row["value"] for row in whole] == [found.difference.value for found in analysis.primary]
    assert [row["words"].split(":")[0] for row in whole] == ["low", "high"]
    assert len(rows) == len(whole) + len(analysis.subgroups)


def test_kinds_that_are_not_analysed_are_named_with_the_reason(tmp_path: Path) -> None:
    """In the forest and on the page; who has too few is told so, whatever else was to be known."""
    one = protocol(30)
    conducted = made(one, 4)
    first = (conducted.people["patient"] < 3) | (conducted.people["patient"] >= 57)
    conducted = replace(conducted, people=conducted.people.assign(sex=np.where(first, "female", "male")))
    analysis = analyse(one, conducted)
    few = [row.kind for row in analysis.subgroups if row.note == "Fewer than 5 persons in an arm."]
    assert "female" in few
    row = next(row for row in _forest(analysis, analysis.primary[0]) if row["words"].startswith("female"))
    assert row["note"] == "Not analysed. Fewer than 5 persons in an arm."
    page = publish(tmp_path, conducted).read_text("utf-8")
    [line] = re.findall(r"<small>([^<]*not analysed. Fewer than 5[^<]*)", page)
    assert "cells, female" in line


def test_an_interval_of_shares_stays_within_what_shares_can_do() -> None:
    """Few persons, and all but one respond in one arm alone: the interval ends at 100 %, and it is said."""
    y, arm = [1, 1, 1, 1, 0, 0, 0, 0, 1, 0], ["a"] * 5 + ["b"] * 5
    start = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3]
    found = responders.adjusted_difference(y, arm, "a", "b", start, 0.99, small=True)
    assert found.difference.high == 1.0
    assert found.difference.low > -1.0
    assert "cut at -1 and 1" in found.difference.method
    wide = responders.adjusted_difference(y, arm, "a", "b", start, 0.5, small=True)
    assert "cut" not in wide.difference.method


def test_opioids_by_history_and_as_reported_are_told_apart() -> None:
    one = protocol(30)
    conducted = made(one, 4)
    people = conducted.people.assign(opioids=conducted.people["patient"] % 2 == 0)
    rows = analyse(one, replace(conducted, people=people)).baseline["quantity"].tolist()
    assert [row for row in rows if "opioids" in row] == [
        "opioids, by history",
        "use of opioids, reported at the start visit",
    ]


@pytest.mark.parametrize("empty", ["cells", "sham"])
def test_an_arm_without_answers_is_named_alone(empty: str) -> None:
    one = protocol(30)
    [found] = compared(Seen.of(unseen(made(one, 4), empty)), one.endpoints[0], one, as_seen(one))
    assert found.note == f"Nobody in {empty!r} has an answer at month 12."


@pytest.mark.parametrize("empty", ["cells", "sham"])
def test_time_to_an_operation_is_analysed_where_an_arm_has_none(empty: str) -> None:
    """Cox's likelihood has no top there: Firth's ratio and profile interval, the log-rank p, and a word on both."""
    one = protocol(40)
    conducted = made(one, 5)
    operated = conducted.events["event"] == "surgery"
    some = replace(conducted, events=conducted.events[~operated | (conducted.events["arm"] != empty)])
    found = of(list(analyse(one, some).endpoints), "operated")
    ratio = found.difference
    assert 0 < ratio.low < ratio.value < ratio.high < math.inf
    assert (ratio.value < 1) is (empty == "cells")
    assert found.p < 0.05
    assert found.shown is bool(max(found.p, found.adjusted) <= 0.05)
    assert f"nobody in {empty!r} had the event" in found.note
    assert "Firth" in found.note
    assert "hazard ratio" in sentence(found)
    ends = [*one.endpoints[:3], one.endpoints[3].model_copy(update={"margin": 1.1}), one.endpoints[4]]
    margin = of([f for end in ends for f in compared(Seen.of(some), end, one)], "operated")
    assert (margin.null, margin.difference) == (1.1, ratio)
    assert margin.p != found.p
    assert "held against 1.1" in margin.note


def test_imputation_is_that_of_statistics_and_assumptions_stand_in_their_order() -> None:
    one = protocol(80, endpoints=[{"name": "pain", "variable": "vas_back", "month": 12, "role": "primary"}],
                   intercurrent={"surgery": "treatment_policy"})  # fmt: skip
    conducted = made(one, 4, effect=15, gone=0.15)
    rows = {row.assumption: row for row in analyse(one, conducted, seed=3).sensitivity}
    seen = Seen.of(conducted)
    tables = missing.impute(seen.value["vas_back"], seen.arm, seen.start["vas_back"], "J2R", "sham", 20, 3)

    def by_hand(table: np.ndarray) -> tuple[float, float]:
        gap = longitudinal.ancova(table[:, -1], seen.arm, seen.start["vas_back"], reference="sham").differences[0]
        return gap.estimate.value, gap.error

    assert rows["J2R"].difference == missing.combined(tables, by_hand).estimate
    assert abs(rows["J2R"].difference.value) < abs(rows["MAR"].difference.value)  # towards the control
    assert rows["MAR"].unseen == pytest.approx(np.isnan(seen.value["vas_back"][:, -1]).mean())


# ---------------------------------------------------------------------------------------------- the page


def test_the_page_says_the_answer_and_loads_nothing(tmp_path: Path) -> None:
    tables = {"endpoints": [{"name": "pain <b>", "variable": "vas_back", "month": 12, "role": "primary"}]}
    one = protocol(30, trial={"name": "made <up>"}, interim={"information": [0.5]}, **tables)
    conducted = made(one, 5, effect=20, failed=1)
    path = publish(tmp_path, conducted)
    page, analysis = path.read_text("utf-8"), analyse(one, conducted)
    [answer] = analysis.answers
    assert escape(answer) in page
    assert "cells did better" in answer
    assert "made &lt;up&gt;" in page
    assert "<b>" not in page
    assert not re.search(r'(?:src|href)="(?!data:|#)', page)
    assert page.count("data:image/png") == 2  # curves and forest
    for name in ("flow", "baseline", "endpoints", "curves", "subgroups", "sensitivity", "looks", "safety", "assumed"):
        assert f'<section id="{name}">' in page
    written = pd.read_csv(tmp_path / "analysis" / "endpoints.csv")
    assert written["p"].tolist() == pytest.approx([one.p for one in analysis.endpoints], rel=1e-12)
    assert [look.stops for look in analysis.looks][-1] == analysis.primary[0].shown


def test_a_trial_of_one_arm_claims_nothing() -> None:
    one = Protocol.from_dict(
        {
            "trial": {"name": "series"},
            "arms": [{"name": "cells", "size": 40, "treatments": ["cells"]}],
            "visits": {"months": list(MONTHS)},
            "endpoints": [{"name": "pain", "variable": "vas_back", "month": 12, "role": "primary"}],
        }
    )
    analysis = analyse(one, made(one, 3))
    seen = Seen.of(made(one, 3))
    change = handled(seen, "vas_back", strategies(one))[0][:, -1] - seen.start["vas_back"]
    assert analysis.primary[0].difference == estimate.mean(change[np.isfinite(change)])
    assert "says nothing of what the treatment did" in analysis.answers[0]
    assert not analysis.subgroups
    assert not analysis.sensitivity
    assert math.isnan(analysis.primary[0].adjusted)
