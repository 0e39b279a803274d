"""Trials read together and foretold one from the others: where numbers stand, weights, intervals, the page."""

from __future__ import annotations

import numpy as np
import pytest

from pulposus import evidence
from pulposus.errors import InputError
from pulposus.evidence import trials as printed
from pulposus.outcomes import person
from pulposus.report.foretold import foretold_page
from pulposus.uncertainty import foretold, trials
from pulposus.uncertainty.trials import Reading


@pytest.fixture(scope="module")
def lumbar() -> Reading:
    return Reading.of("lumbar")


@pytest.fixture(scope="module")
def draws(lumbar) -> trials.Draws:
    """The draws that are kept in the evidence, with studies in their middle."""
    _, rows = person.responses("lumbar")
    count = len(rows)
    return {
        "numbers": rows[:, : len(lumbar.names)],
        "treatment": rows[:, len(lumbar.names) :],
        "study": np.zeros((count, len(lumbar.studies))),
        "start": np.tile([64.0, 44.0], (count, len(lumbar.studies), 1)),
    }


@pytest.mark.parametrize("region", printed.REGIONS)
def test_the_draws_that_are_kept_are_of_the_numbers_that_are_read(region):
    reading, (names, rows) = Reading.of(region), person.responses(region)
    assert names == (*reading.names, *(f"treatment {name}" for name in reading.treatments))
    assert len(rows) == 200
    for i, name in enumerate(reading.names):
        scale = trials.prior(name)[0]
        if scale == "logit":
            assert 0 < rows[:, i].min() <= rows[:, i].max() < 1, name
        elif scale == "log":
            assert rows[:, i].min() > 0, name
        # a prior that trials leave behind by far would be a wrong prior
        row = evidence.outcome(name)
        assert row.low - 2 * (row.high - row.low) < np.median(rows[:, i]) < row.high + 2 * (row.high - row.low), name


def test_results_of_one_arm_weigh_one_together_and_second_hand_a_quarter(lumbar):
    total: dict[tuple[str, str, bool], float] = {}
    for r, weight in zip(lumbar.results, lumbar.weight, strict=True):
        key = (r.arm.trial, r.arm.name, r.endpoint.domain == "disability")
        total[key] = total.get(key, 0.0) + weight
    assert max(total.values()) == pytest.approx(1)
    third = [w for r, w in zip(lumbar.results, lumbar.weight, strict=True) if r.tier == 3]
    assert max(third) == pytest.approx(0.25)
    assert not [r for r in lumbar.results if r.tier == 4]


def test_every_result_is_expected_within_its_scale(lumbar, draws):
    values = {name: value[0] for name, value in draws.items()}
    at = trials.Places(lumbar)
    found = trials.arms_expected(lumbar, values, at)
    wanted = np.asarray(trials.told(lumbar, at, found, values))
    error = np.asarray(trials.errors(lumbar, at, found, values))
    assert np.isfinite(wanted).all()
    assert (error > 0).all()
    shares = np.array([r.statistic == "share" for r in lumbar.results])
    assert ((wanted[shares] > 0) & (wanted[shares] < 1)).all()
    assert (np.abs(wanted[~shares]) <= 100).all()


def test_respine_is_foretold_from_the_others(lumbar, draws):
    found = foretold.foretell(lumbar, draws, "RESPINE")
    own = lumbar.only("RESPINE")
    cells = next(i for i, r in enumerate(own.results) if r.arm.treatment == "cells")
    sham = 1 - cells
    between = found.drawn[:, cells] - found.drawn[:, sham]
    low, high = np.quantile(between, (0.05, 0.95))
    assert low < 0.74 - 0.69 < high
    assert low < 0 < high  # the others do not say that this trial had to find a difference
    for i, share in ((cells, 0.74), (sham, 0.69)):
        low, high = np.quantile(found.drawn[:, i], (0.05, 0.95))
        assert low < share < high


def test_weights_of_what_says_nothing_are_even_and_a_lone_draw_that_fits_is_not_trusted():
    even, _ = foretold._weights(np.log(np.random.default_rng(0).uniform(0.9, 1.1, 500)))
    assert even.max() < 2 / 500
    odd = np.zeros(500)
    odd[:20] = -np.linspace(2, 12, 20)
    weights, tail = foretold._weights(odd)
    assert weights.sum() == pytest.approx(1)
    assert tail > foretold.TRUSTED


def test_words_agree_where_such_a_trial_would_not_find_a_difference(lumbar, draws):
    said = foretold.words(lumbar, draws).set_index(["study", "outcome"])
    assert bool(said.loc[("DREAM", "VAS"), "agrees"])
    assert ((said["chance_of_a_difference"] > 0) & (said["chance_of_a_difference"] < 1)).all()
    assert (said["low"] <= said["high"]).all()


def test_every_controlled_trial_has_its_arms_or_a_reason():
    described, left = {trial for trial, _ in printed.arms()}, printed.left_out()
    for name in printed.controlled():
        assert (name in described) != (name in left), name
    assert {"EURODISC", "JU_2022", "NDISC", "SLEIJSER"} <= set(left)
    assert {"ENGQUIST", "TUAKLI", "AKEDA_2022"} <= described


def test_who_found_a_difference_is_scored_by_its_sign(lumbar, draws):
    said = foretold.words(lumbar, draws).set_index(["study", "outcome"])
    platelets = said.loc[("TUAKLI", "NRS best pain")]
    assert platelets["says"] == "better"
    assert platelets["chance_of_a_difference"] < platelets["of_its_sign"] < 1
    # a treatment that adds nothing has either sign, and such a trial finds its own once in forty
    nothing = {**draws, "treatment": np.zeros_like(draws["treatment"])}
    told = foretold.words(lumbar, nothing).set_index(["study", "outcome"])
    assert told.loc[("TUAKLI", "FRI"), "chance_of_a_difference"] == pytest.approx(0.025, abs=0.001)
    assert bool(said.loc[("AKEDA_2022", "VAS"), "agrees"])


def test_the_page_shows_inside_and_outside_and_counts_them(lumbar, draws):
    import pandas as pd

    own, found = lumbar.only("RESPINE"), foretold.foretell(lumbar, draws, "RESPINE")
    rows = pd.DataFrame(
        [
            foretold._row(r, "arm", r.arm.name, value, found.drawn[:, i], found.tail)
            for i, r in enumerate(own.results)
            for value in (r.value, -5.0)
        ]
    )
    covered = foretold.coverage(rows)
    assert covered["inside"].tolist() == [2]
    assert covered["rows"].tolist() == [4]
    text = foretold_page(rows, covered, foretold.words(lumbar, draws), "lumbar")
    assert text.count("✓ inside") == 2
    assert text.count("✗ outside") == 2
    assert "DREAM" in text


def test_names_that_are_not_known_are_a_sentence(lumbar):
    with pytest.raises(InputError, match="did you mean 'RESPINE'"):
        lumbar.only("RESPIN")
    with pytest.raises(InputError, match="did you mean 'lumbar'"):
        Reading.of("lumba")


@pytest.mark.slow
def test_the_sampler_finds_what_it_is_given():
    """Few draws of the smaller region: none astray, and known responders respond."""
    pytest.importorskip("numpyro")
    reading = Reading.of("cervical")
    found = trials.sample(reading, seed=1, draws=100, warmup=150)
    assert found["divergences"].sum() <= 2
    laser = reading.treatments.index("laser")
    assert found["treatment"][:, laser].mean() > 0.5
    assert found["numbers"].shape == (100, len(reading.names))
