"""How many people trials lose: the law, its fit, and what stands in the evidence."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pulposus import evidence
from pulposus.uncertainty import attendance


def test_nobody_is_lost_at_once_where_nobody_misses_a_visit_and_all_are_in_the_end():
    assert attendance.lost(0.1, 0.0, 0.0) == 0.0
    assert attendance.lost(0.1, 0.2, 0.0) == pytest.approx(0.2)
    assert attendance.lost(0.1, 0.0, 12.0) == pytest.approx(1 - np.exp(-0.1))
    assert attendance.lost(0.1, 0.2, 1e6) == pytest.approx(1.0)


def test_the_middle_trial_is_the_middle_one():
    places = np.random.default_rng(0).standard_normal(20_001)
    assert np.median(attendance.missed(0.07, 0.8, places)) == pytest.approx(0.07, rel=0.03)
    assert attendance.missed(0.07, 0.8, 0.0) == pytest.approx(0.07)


def test_what_stands_in_the_evidence_is_what_the_printed_shares_say():
    found = attendance.fit()
    for name in attendance.NAMES:
        row, digits = evidence.outcome(name), 2 if name.endswith("spread") else 3
        for word in ("value", "low", "high"):
            # an end of a flat profile is written to fewer digits than a value
            assert getattr(row, word) == pytest.approx(found.loc[name, word], abs=1.01 * 10.0**-digits), (name, word)


def test_rows_of_one_trial_are_one_wherever_they_stand():
    rows = attendance.rows()
    apart = [rows[-3], *rows[:-3], *rows[-2:]]
    assert attendance.likeliest(apart) == pytest.approx(attendance.likeliest(rows), rel=1e-2)


def test_a_fit_to_drawn_trials_finds_what_they_were_drawn_from():
    random, one = np.random.default_rng(0), attendance.rows()[0]
    told = []
    for trial, place in enumerate(random.standard_normal(60)):
        months = float(random.choice([3, 12, 36]))
        share = attendance.lost(0.08, attendance.missed(0.06, 0.9, place), months)
        what = f"{trial} made up"
        told.append(replace(one, what=what, months=months, n=200.0, published=random.binomial(200, share) / 200))
    found = attendance.likeliest(told)
    # three standard errors of sixty trials
    for name, true, error in zip(attendance.NAMES, (0.08, 0.06, 0.9), (0.015, 0.009, 0.11), strict=True):
        assert found[name] == pytest.approx(true, abs=3 * error), name


def test_a_trial_left_out_that_lost_most_is_not_foretold_by_the_others():
    """Most trials are, the questionnaires by post are not: told, and not hidden."""
    every, inside = attendance.rows(), {}
    for name in sorted({row.what.split()[0] for row in every}):
        others = attendance.likeliest([row for row in every if row.what.split()[0] != name])
        places = np.random.default_rng(0).standard_normal(4000)
        missed = attendance.missed(others["missed_visit"], others["missed_visit_spread"], places)
        for row in every:
            if row.what.split()[0] == name:
                n = int(evidence.outcome("people_unknown").value if np.isnan(row.n) else row.n)
                share = attendance.lost(others["dropout_per_year"], missed, row.months)
                low, high = np.quantile(np.random.default_rng(1).binomial(n, share) / n, (0.05, 0.95))
                inside[row.what] = bool(low <= row.published <= high)
    assert not inside["UK BEAM who left by 3 months"]
    assert sum(inside.values()) >= 6
