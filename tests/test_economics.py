"""Costs and quality-adjusted years: closed forms, conservation, limits in which both models agree, and refusals."""

from __future__ import annotations

import csv
import itertools
import json
import math
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats
from typer.testing import CliRunner

from pulposus import care
from pulposus.cli import app
from pulposus.economics import CELLS, Evaluation, Plan, Rates, decision, evaluate, markov, money, people
from pulposus.errors import EvidenceError, InputError
from pulposus.evidence import FOLDER, economy, options

ROOT = Path(__file__).resolve().parents[1]
PERSON = ROOT / "examples" / "person_lumbar.toml"
NECK = ROOT / "examples" / "person_cervical.toml"
BACK = care.People("lumbar", "chronic", np.array([66.0]), np.array([18.0]), np.array([44.0]))
WAYS = {name: [(name, 0)] for name in ("wait", "sham", "exercise", "cells_donor", "lumbar_fusion")}
NONE = Rates(0.0, 0.0)


@pytest.fixture(scope="module")
def found() -> Evaluation:
    return evaluate(Plan(BACK, WAYS, years=5, age=44, people=8))


# ---------------------------------------------------------------------------------------------- money


@settings(deadline=None)
@given(st.floats(0, 0.3), st.floats(0.1, 30))
def test_an_annuity_is_the_area_under_the_discount(rate: float, years: float) -> None:
    area = integrate.quad(lambda t: (1 + rate) ** -t, 0, years)[0]
    assert money.annuity(years, rate) == pytest.approx(area, rel=1e-9)


@settings(deadline=None)
@given(st.floats(0, 0.3), st.lists(st.floats(0.01, 3), min_size=1, max_size=6), st.integers(0, 9))
def test_straight_pieces_are_integrated_exactly(rate: float, gaps: list[float], seed: int) -> None:
    at = np.concatenate([[0.0], np.cumsum(gaps)])
    value = np.random.default_rng(seed).normal(size=at.size)
    area = sum(
        integrate.quad(lambda t: np.interp(t, at, value) * (1 + rate) ** -t, a, b)[0]
        for a, b in itertools.pairwise(at)
    )
    assert money.between(at, value, rate).sum() == pytest.approx(area, rel=1e-8, abs=1e-9)


def test_a_rate_that_vanishes_is_no_rate() -> None:
    at, value = np.array([0.0, 0.3, 2.0, 7.0]), np.array([1.0, 0.2, 0.7, 0.1])
    for rate in (1e-3, 1e-4, 1e-5, 1e-6, 1e-9):
        gap = np.abs(money.between(at, value, rate) - money.between(at, value, 0.0)).max()
        assert 0 < gap < 10 * rate
    assert money.between(at, np.ones(4), 0.05).sum() == pytest.approx(money.annuity(7.0, 0.05), rel=1e-12)


# ---------------------------------------------------------------------------------------------- chains


def chain(steps: np.ndarray, cycle: float, utility: list[float], cost: list[float], entry: float = 0.0) -> markov.Chain:
    n = steps.shape[1]
    into = np.zeros((n, n))
    into[:-1, -1] = entry
    start = np.eye(n)[0]
    names = tuple("abcdefgh"[:n])
    return markov.Chain(names, start, steps, cycle, np.array(utility), np.array(cost), into)


@settings(deadline=None, max_examples=40)
@given(st.integers(2, 5), st.integers(1, 20), st.integers(0, 99))
def test_shares_sum_to_one_whatever_the_chances(states: int, cycles: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    steps = random.dirichlet(np.ones(states), (cycles, states))
    shares = markov.trace(chain(steps, 1.0, [1.0] * states, [0.0] * states))
    assert np.allclose(shares.sum(1), 1, atol=1e-12)
    assert shares.min() >= 0
    everybody = markov.rewards(chain(steps, 0.5, [1.0] * states, [2.0] * states), NONE)
    assert everybody.qalys == pytest.approx(0.5 * cycles, rel=1e-12)
    assert everybody.costs == pytest.approx(cycles, rel=1e-12)


@pytest.mark.parametrize("hazard", [0.05, 0.4])
def test_people_one_by_one_the_cohort_and_the_closed_form_agree(hazard: float) -> None:
    """Constant hazard, no discount: years (1 - e^(-hT)) / h, and an entry cost for 1 - e^(-hT) of people."""
    years, cycle = 10.0, 0.02
    rates = np.array([[0.0, hazard], [0.0, 0.0]])
    one = chain(markov.constant(rates, cycle, round(years / cycle)), cycle, [1.0, 0.0], [100.0, 0.0], entry=5000.0)
    exact = (1 - math.exp(-hazard * years)) / hazard
    cohort = markov.rewards(one, NONE)
    assert cohort.qalys == pytest.approx(exact, rel=1e-4)
    assert cohort.costs == pytest.approx(100 * exact + 5000 * (1 - math.exp(-hazard * years)), rel=1e-4)
    walked = markov.walk(one, 4000, 3, NONE)
    for part, mean in ((walked.qalys, cohort.qalys), (walked.costs, cohort.costs)):
        assert abs(part.mean() - mean) < 4 * part.std() / math.sqrt(part.size)
    lives = np.minimum(np.random.default_rng(5).exponential(1 / hazard, 200_000), years)  # people in real time
    assert abs(lives.mean() - cohort.qalys) < 4 * lives.std() / math.sqrt(lives.size) + 1e-4 * exact


def test_half_a_cycle_is_what_a_coarse_cohort_lacks() -> None:
    rates = np.array([[0.0, 0.3], [0.0, 0.0]])
    exact = (1 - math.exp(-3.0)) / 0.3
    one = chain(markov.constant(rates, 1.0, 10), 1.0, [1.0, 0.0], [0.0, 0.0])
    with_it, without = (markov.rewards(one, NONE, half).qalys for half in (True, False))
    assert abs(with_it - exact) < 0.1 * abs(without - exact)
    assert without > exact


def test_discounted_cohort_meets_the_discounted_annuity() -> None:
    """One state for ever at 3.5 %: the annuity, to what the middle of a quarter stands for."""
    one = chain(np.ones((40, 1, 1)), 0.25, [1.0], [1.0])
    found = markov.rewards(one, Rates(0.035, 0.035))
    assert found.qalys == pytest.approx(money.annuity(10.0, 0.035), rel=1e-5)
    assert found.costs == pytest.approx(found.qalys, rel=1e-12)


def test_chances_that_were_counted_give_back_the_shares() -> None:
    random = np.random.default_rng(1)
    where = random.integers(0, 3, (500, 6))
    where[:, 0] = 0
    steps = markov.counted(where, 3)
    shares = markov.trace(markov.Chain(tuple("abc"), np.eye(3)[0], steps, 1.0, *np.zeros((2, 3)), np.zeros((3, 3))))
    seen = np.stack([np.bincount(column, minlength=3) / 500 for column in where.T])
    assert np.allclose(shares, seen, atol=1e-12)
    longer = markov.extended(steps, 9, last=2)
    assert np.allclose(longer[-1], steps[-2:].mean(0))
    dead = markov.with_deaths(longer, [0.1] * 9)
    assert np.allclose(dead.sum(-1), 1)
    alive = markov.trace(markov.Chain(tuple("abcd"), np.eye(4)[0], dead, 1.0, *np.zeros((2, 4)), np.zeros((4, 4))))
    assert alive[-1, :3].sum() == pytest.approx(0.9**9, rel=1e-12)


# ---------------------------------------------------------------------------------------------- decisions


def drawn(draws: int, arms: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    return random.gamma(2, 5000, (draws, arms)), random.normal(3, 0.3, (draws, arms))


@settings(deadline=None, max_examples=40)
@given(st.integers(20, 120), st.integers(2, 5), st.integers(1, 4), st.integers(0, 999))
def test_knowing_all_is_worth_no_less_than_knowing_some(draws: int, arms: int, numbers: int, seed: int) -> None:
    costs, qalys = drawn(draws, arms, seed)
    nb = decision.net_benefit(costs, qalys, 30_000)
    p = np.random.default_rng(seed + 1).normal(size=(draws, numbers))
    p[:, 0] += qalys[:, 0]
    assert 0 <= decision.evppi(nb, p) <= decision.evpi(nb)


@settings(deadline=None, max_examples=30)
@given(st.integers(2, 6), st.integers(0, 999))
def test_acceptability_sums_to_one_and_arms_may_stand_in_any_order(arms: int, seed: int) -> None:
    costs, qalys = drawn(60, arms, seed)
    qalys[:20, 1], costs[:20, 1] = qalys[:20, 0], costs[:20, 0]  # some are equal
    at = [0.0, 10_000.0, 80_000.0]
    shares = decision.acceptability(costs, qalys, at)
    assert np.allclose(shares.sum(1), 1, atol=1e-12)
    order = np.random.default_rng(seed).permutation(arms)
    assert np.allclose(decision.acceptability(costs[:, order], qalys[:, order], at), shares[:, order], atol=1e-12)
    said = decision.frontier(costs.mean(0).tolist(), qalys.mean(0).tolist())
    turned = decision.frontier(costs.mean(0)[order].tolist(), qalys.mean(0)[order].tolist())
    assert [said[i] for i in order] == turned


def test_value_of_information_of_two_normal_arms() -> None:
    """NB2 - NB1 ~ N(m, s): EVPI = s (phi(m/s) - (|m|/s) (1 - Phi(|m|/s))); of the number that moves it, all of it."""
    m, s, n = 800.0, 2000.0, 100_000
    z = np.random.default_rng(2).standard_normal((n, 2))
    nb = np.stack([np.zeros(n), m + s * z[:, 0]], 1)
    x = abs(m) / s
    exact = s * (stats.norm.pdf(x) - x * stats.norm.sf(x))
    assert decision.evpi(nb) == pytest.approx(exact, rel=0.02)
    assert decision.evppi(nb, z[:, :1]) == pytest.approx(exact, rel=0.02)
    assert decision.evppi(nb, z[:, 1:]) < 0.01 * exact
    both = np.stack([np.zeros(n), m + s * (z[:, 0] + z[:, 1]) / math.sqrt(2)], 1)  # half of the variance each
    half = s / math.sqrt(2)
    part = half * (stats.norm.pdf(m / half) - (m / half) * stats.norm.sf(m / half))
    assert decision.evppi(both, z[:, :1]) == pytest.approx(part, rel=0.03)


def test_ratios_are_told_in_words_by_quadrant() -> None:
    assert decision.worded(2000, 0.1) == "20,000 USD per quality-adjusted year gained"
    assert decision.worded(-2000, 0.1) == "better and no dearer: dominates"
    assert decision.worded(2000, -0.1) == "dearer and no better: dominated"
    assert decision.worded(-2000, -0.1) == "cheaper and worse: saves 20,000 USD per quality-adjusted year lost"
    assert decision.worded(0, 0) == "the same"


def test_frontier_of_a_textbook() -> None:
    """A cheap, B extendedly dominated (ratio 40 against 20 of C over A), D dominated by C."""
    assert decision.frontier([0, 20, 25, 30], [0.0, 0.5, 1.25, 1.2]) == [
        "on the frontier", "extendedly dominated", "on the frontier", "dominated",
    ]  # fmt: skip


@settings(deadline=None, max_examples=40)
@given(st.integers(2, 7), st.integers(0, 999))
def test_whoever_is_best_at_some_threshold_is_on_the_frontier(arms: int, seed: int) -> None:
    costs, qalys = (part.mean(0) for part in drawn(5, arms, seed))
    said = decision.frontier(costs.tolist(), qalys.tolist())
    at = np.concatenate([np.linspace(0, 2e5, 300), [1e6, 1e8]])
    best = {int(np.argmax(threshold * qalys - costs)) for threshold in at}
    assert all(said[i] == "on the frontier" for i in best)


# ---------------------------------------------------------------------------------------------- the whole


def test_years_lived_are_split_between_better_and_not() -> None:
    """Years of care add up to years lived, and years lived without discount are the survival's area."""
    own = people.lived(BACK, [("exercise", 0)], 5, NONE, 44.0)
    assert np.allclose(own.unhelped + own.better, own.alive, atol=1e-12)
    at = people.visits(5) / 12
    assert own.alive.sum() == pytest.approx(np.trapezoid(people.survival(at, 44.0), at), rel=1e-12)
    fine = np.linspace(0, 5, 2001)
    assert own.alive.sum() == pytest.approx(np.trapezoid(people.survival(fine, 44.0), fine), rel=1e-4)
    assert own.bought.sum() == 1.0


def test_the_order_of_ways_changes_nothing(found: Evaluation) -> None:
    turned = evaluate(Plan(BACK, dict(reversed(WAYS.items())), years=5, age=44, people=8))
    a, b = (one.table.set_index("option") for one in (found, turned))
    for column in ("cost", "qaly", "net_benefit", "more_benefit", "own_qaly", "chance_best"):
        assert np.allclose(a[column], b.loc[a.index, column], rtol=1e-12), column
    assert turned.worth.iloc[0]["worth"] == pytest.approx(found.worth.iloc[0]["worth"], rel=1e-9)


def test_information_is_worth_between_nothing_and_everything(found: Evaluation) -> None:
    worth = found.worth.set_index("known")["worth"]
    assert worth.min() >= 0
    assert worth.max() == worth["everything"]
    assert np.allclose(found.curve[list(found.names)].sum(axis=1), 1)


def test_a_higher_price_costs_more_and_the_price_at_par_is_at_par(found: Evaluation) -> None:
    prices, benefits = (0.0, 5_000.0, 50_000.0), []
    for price in prices:
        one = evaluate(Plan(BACK, WAYS, years=5, age=44, people=8, prices={"cells_donor": price}))
        row = one.table.set_index("option")
        benefits.append(row.loc["cells_donor", "net_benefit"])
        assert row.loc["exercise", "cost"] == found.table.set_index("option").loc["exercise", "cost"]
    assert benefits[0] - benefits[1] == pytest.approx(5_000, rel=1e-9)  # bought once, at once, by everybody
    assert benefits[0] > benefits[1] > benefits[2]
    pairs = found.pairs.set_index("against")
    par = float(pairs.loc["exercise", "price_at_par"])
    level = evaluate(Plan(BACK, WAYS, years=5, age=44, people=8, prices={"cells_donor": par}))
    nb = level.table.set_index("option")["net_benefit"]
    assert nb["cells_donor"] == pytest.approx(nb["exercise"], abs=1e-6 * abs(nb["exercise"]))


def test_discounting_and_the_horizon_move_years_the_right_way(found: Evaluation) -> None:
    undiscounted = evaluate(Plan(BACK, WAYS, years=5, age=44, people=8, rates=NONE))
    a, b = (one.table.set_index("option")["qaly"] for one in (found, undiscounted))
    assert (a < b).all()
    assert (a > 0.85 * b).all()  # 1.03^-5 is 0.863
    for _, own in found.yearly.groupby("option"):
        assert (np.diff(own.sort_values("years")["qaly"]) > 0).all()
        assert (np.diff(own.sort_values("years")["cost"]) >= 0).all()


def test_people_and_cohort_stay_near_one_another(found: Evaluation) -> None:
    """Within the trusted months the chain was counted from the same people: what it adds is the mean of a state."""
    short = evaluate(Plan(BACK, WAYS, years=2, age=44, people=8))
    for one, near in ((short, 0.03), (found, 0.06)):
        gap = one.cohort["qaly_cohort"] / one.cohort["qaly_people"] - 1
        assert gap.abs().max() < near
        assert (one.cohort["cost_cohort"] / one.cohort["cost_people"] - 1).abs().max() < 0.1


def test_every_number_of_cells_is_marked_as_the_models(found: Evaluation) -> None:
    kinds = found.table.set_index("option")["kind"]
    assert "model output" in kinds["cells_donor"]
    assert (kinds[["wait", "sham", "exercise", "lumbar_fusion"]] == "model").all()
    assert len(found.pairs) == 4
    assert found.pairs["kind"].str.contains("model output").all()
    assert any("no published ratio" in note for note in found.notes)
    assert set(CELLS) <= {one.name for one in options.options() if one.family == "biological"}


def test_a_sham_brings_nothing_by_itself(found: Evaluation) -> None:
    own = found.table.set_index("option")
    assert own.loc["sham", "own_qaly"] == 0
    assert own.loc["wait", "own_qaly"] == 0
    assert own.loc["cells_donor", "own_low"] < own.loc["cells_donor", "own_qaly"] < own.loc["cells_donor", "more_qaly"]


def test_an_effect_that_ends_is_worth_less_where_it_is_one(found: Evaluation) -> None:
    rows = found.table.set_index("option")
    gap = (rows["net_benefit"] - rows["net_benefit_seen"]) / found.threshold
    assert gap["sham"] == 0
    assert 0 < gap["cells_donor"] < rows.loc["cells_donor", "own_qaly"]
    short = evaluate(Plan(BACK, WAYS, years=2, age=44, people=2)).table
    assert np.allclose(short["net_benefit_seen"], short["net_benefit"])


def test_brief_following_has_the_scores_of_the_whole() -> None:
    crowd = care.People("lumbar", "chronic", *(np.full(300, x) for x in (66.0, 18.0, 44.0)))
    way = [("exercise", 0), ("lumbar_fusion", 6, 0.3)]
    whole, brief = (
        care.follow(np.random.default_rng(4), crowd, way, (0, 6, 12), brief=short) for short in (False, True)
    )
    for name in care.SCORES:
        assert (getattr(whole, name) == getattr(brief, name)).all()
    assert (whole.taken == brief.taken).all()
    assert whole.events.equals(brief.events)


def test_people_who_share_what_is_not_known_move_together() -> None:
    crowd = care.People("lumbar", "chronic", *(np.full(4000, x) for x in (66.0, 18.0, 44.0)))
    group = np.repeat([0, 1], 2000)

    def shared(option: str) -> tuple[np.ndarray, np.ndarray]:
        return np.zeros((3, 4000)), np.where(group == 0, -3.0, 3.0)

    course = care.follow(np.random.default_rng(0), crowd, [("posture", 0)], (0, 12), shared=shared, brief=True)
    low, high = (course.responds[group == k, -1].mean() for k in (0, 1))
    assert high > low + 0.2


def test_a_discectomy_pays_over_years_as_was_published() -> None:
    """SPORT: 0.21 (0.16 to 0.25) quality-adjusted years in two years, and a ratio that falls over four and eight."""
    leg = care.People("lumbar", "radicular", np.array([45.0]), np.array([70.0]), np.array([50.0]))
    ways = {name: [(name, 0)] for name in ("exercise", "discectomy")}
    rows = [
        evaluate(Plan(leg, ways, years=years, age=42, people=20)).table.set_index("option").loc["discectomy"]
        for years in (2, 4, 8)
    ]
    gains = [row["more_qaly"] for row in rows]
    ratios = [row["more_cost"] / row["more_qaly"] for row in rows]
    assert 0 < gains[0] < gains[1] < gains[2]
    assert ratios[0] > ratios[1] > ratios[2] > 0


def test_money_is_told_in_that_of_the_country_and_of_one_year() -> None:
    here = evaluate(Plan(BACK, WAYS, years=1, age=44, people=2, rates=NONE))
    there = evaluate(Plan(BACK, WAYS, years=1, age=44, people=2, rates=NONE, country="england"))
    a, b = (one.table.set_index("option")["cost"] for one in (here, there))
    assert np.allclose(b[a.index] / a, economy.of("per_usd", "England").value)
    assert there.currency == "GBP"
    assert any("USD of 2024, turned into GBP by what money buys, 0.68 a USD (recalled)" in one for one in there.notes)
    assert any(one == "Prices are those of the United States, in USD of 2024." for one in here.notes)
    row = {one.name: one for one in options.options()}["discectomy"]
    old = next(one for one in economy.costs() if one.name == "discectomy_extra").value
    assert economy.price(row).value == pytest.approx(old * 313.7 / 188.9, rel=1e-9)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"years": 11}, "whole years from 1 to 10"),
        ({"years": 0}, "whole years from 1 to 10"),
        ({"country": "Englnd"}, "did you mean 'England'"),
        ({"ways": {"wait": [("wait", 0)]}}, "compared with nothing"),
        ({"prices": {"acdf": 5.0}}, "of no option here"),
        ({"prices": {"sham": -5.0}}, "nought or more"),
        ({"rates": Rates(1.5, 0.03)}, "A discount rate of 1.5"),
        ({"reference": "acdf"}, "is not among the options"),
        ({"threshold": -1.0}, "A threshold of -1"),
        ({"assume": "nonsense"}, "Unknown assumption"),
        ({"people": 0}, "0 people of each draw"),
        ({"seed": -1}, "A seed of -1"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(change: dict, said: str) -> None:
    plan = {"facts": BACK, "ways": WAYS, "years": 1, "people": 1} | change
    with pytest.raises(InputError, match=said):
        evaluate(Plan(**plan))


def test_the_neck_is_refused_unless_the_assumption_is_named() -> None:
    neck = care.People("cervical", "radicular", np.array([50.0]), np.array([60.0]), np.array([40.0]))
    ways = {name: [(name, 0)] for name in ("wait", "acdf", "cervical_disc_replacement")}
    with pytest.raises(InputError, match=r"EQ-5D of the neck cannot be told.*neck_as_back"):
        evaluate(Plan(neck, ways, years=1, people=1))
    one = evaluate(Plan(neck, ways, years=1, people=2, assume="neck_as_back"))
    assert any("assumed to be that of the back" in note for note in one.notes)
    assert not len(one.pairs)


def test_table_of_numbers_is_held_to_its_rules(tmp_path: Path) -> None:
    for path in (*FOLDER.glob("*.csv"), FOLDER / "sources.bib"):
        shutil.copy(path, tmp_path / path.name)
    with (tmp_path / "economics.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    rows[0]["low"] = "99"
    with (tmp_path / "economics.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    with pytest.raises(EvidenceError, match=r"economics.csv line 2: value 1 is not within"):
        economy.numbers(tmp_path)
    assert all(one.assumed or one.sources for one in economy.numbers().values())
    for option in options.options():
        assert economy.price(option).low <= economy.price(option).value <= economy.price(option).high


def test_the_command_writes_a_folder_and_marks_cells(tmp_path: Path) -> None:
    arguments = ["economics", str(PERSON), "--option", "cells_donor", "--option", "sham", "--people", "2"]
    run = CliRunner().invoke(app, [*arguments, "--years", "2", "--out", str(tmp_path)])
    assert run.exit_code == 0, run.output
    assert "model output" in run.output
    written = {path.name for path in tmp_path.iterdir()}
    assert {"table.csv", "pairs.csv", "curve.csv", "draws.csv", "plane.png", "acceptability.png"} <= written
    page = (tmp_path / "economics.html").read_text("utf-8")
    assert "(model output)" in page
    assert "data:image/png" in page
    as_json = CliRunner().invoke(app, [*arguments, "--years", "1", "--json"])
    assert json.loads(as_json.output)["pairs"][0]["kind"].startswith("model output")
    wrong = CliRunner().invoke(app, [*arguments, "--price", "cells_donor=many"])
    assert wrong.exit_code == 2
    neck = CliRunner().invoke(app, ["economics", str(NECK), "--people", "1"])
    assert neck.exit_code == 2
    assert "neck_as_back" in neck.output


def test_an_option_has_one_colour_in_every_picture(found: Evaluation) -> None:
    from matplotlib.colors import to_hex

    from pulposus.figures import economics as drawn

    lines = drawn.acceptability(found).axes[0].get_lines()
    curves = {one.get_label(): to_hex(one.get_color()) for one in lines if not str(one.get_label()).startswith("_")}
    dots = drawn.plane(found).axes[0].collections
    named = [one for one in dots if not str(one.get_label()).startswith("_")]
    plane = {one.get_label(): to_hex(one.get_edgecolor()[0]) for one in named}
    assert "wait" not in plane
    assert len(plane) > 1
    assert plane.items() <= curves.items()


def test_signs_of_cells_in_one_place_stand_inside_each_other(found: Evaluation) -> None:
    from pulposus.figures import economics as drawn

    twice = replace(found, names=(*found.names, "cells_own"))
    twice = replace(twice, costs=np.column_stack([found.costs, found.costs[:, found.names.index("cells_donor")]]))
    twice = replace(twice, qalys=np.column_stack([found.qalys, found.qalys[:, found.names.index("cells_donor")]]))
    row = found.table[found.table["option"] == "cells_donor"].assign(option="cells_own")
    table = pd.concat([found.table, row], ignore_index=True)
    twice = replace(twice, table=table, curve=found.curve.assign(cells_own=0))
    signs = {one.get_label(): one for one in drawn.plane(twice).axes[0].collections}
    outer, inner = signs["cells donor"], signs["cells own"]
    assert outer.get_sizes()[0] > inner.get_sizes()[0]
    assert not inner.get_facecolor().size
