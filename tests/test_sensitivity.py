"""Gradients against finite differences, and indices against functions whose indices are known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pulposus import uncertainty
from pulposus.case import case_from_line
from pulposus.disc import simulate
from pulposus.disc.parameters import declared
from pulposus.errors import InputError
from pulposus.report.tornado import tornado_page
from pulposus.uncertainty import adjoint, sensitivity, surrogate

LINE = "Inject 25e6 allogeneic MSC(M) in 2 mL saline at month 0"
COLUMN, SIZE, MONTHS = "aggrecan_nucleus_percent", "cohort", 1


def small():
    return case_from_line(LINE, level="L4-L5", grade=3, years=0.5, mesh="cohort").resolved()


def test_steps_are_short_after_a_dose_and_grow_to_a_month() -> None:
    month = simulate.MONTH
    stops = adjoint.calendar((0.0, 3 * month), 6 * month)
    times = [t for t, _ in stops]
    assert times[0] == 0
    assert times[-1] == 6 * month
    assert [t for t, dosed in stops if dosed] == [0.0, 3 * month]
    lengths = np.diff(times)
    assert lengths[0] == adjoint.FIRST_STEP
    assert lengths.min() > 0
    assert lengths.max() <= 1.5 * month
    assert [t for t, dosed in adjoint.calendar((), 2 * month)] == [0.0, month, 2 * month]


@pytest.mark.slow
def test_the_adjoint_agrees_with_finite_differences_for_two_dozen_numbers() -> None:
    """The same discrete model both ways; what differs is the tolerance of solves and the curvature over the step."""
    case, known = small(), declared()
    given = adjoint.numbers(case, {}, {}, 1.0)
    seen, bars = adjoint.gradient(case, SIZE, COLUMN, MONTHS, given)
    assert seen == pytest.approx(adjoint.value(case, SIZE, COLUMN, MONTHS, given), rel=1e-12)
    rows = [f.row for f in uncertainty.factors(case) if not f.name.startswith("nucleus_t2")]
    swing = {r.name: adjoint.along(case, bars, r.name, r.si, r.name in known) * (r.si_high - r.si_low) for r in rows}
    assert np.isfinite(list(swing.values())).all()
    first = sorted(rows, key=lambda r: -abs(swing[r.name]))[:24]
    assert sum(r.name in known for r in first) >= 5
    assert sum(r.name not in known for r in first) >= 5
    for row in first:
        width = 0.005 * (row.si_high - row.si_low)
        ends = []
        for sign in (1, -1):
            own = {row.name: row.si + sign * width}
            moved = (own, {}) if row.name in known else ({}, own)
            ends.append(adjoint.value(case, SIZE, COLUMN, MONTHS, adjoint.numbers(case, *moved, 1.0)))
        difference = (ends[0] - ends[1]) / 0.01
        assert swing[row.name] == pytest.approx(difference, rel=0.02, abs=2e-4 * abs(swing[first[0].name])), row.name


def test_indices_of_a_known_polynomial_are_found() -> None:
    pytest.importorskip("SALib")
    factors = uncertainty.factors(small())[:3]
    drawn = uncertainty.draw(small(), 200)[["member", *(f.name for f in factors)]]
    u = np.column_stack([surrogate._shares(f, drawn[f.name].to_numpy()) for f in factors])
    effect = pd.Series(2 * u[:, 0] + u[:, 1] + 3 * u[:, 0] * u[:, 1], index=drawn["member"])
    table, quality = surrogate.indices(factors, drawn, effect, 0)
    assert quality["held_out_error"] < 1e-3
    parts = np.array([4 / 3, 1 / 3, 0])
    whole = parts.sum() + 1.0
    np.testing.assert_allclose(table["first_order"], parts / whole, atol=0.03)
    np.testing.assert_allclose(table["total"], (parts + np.array([1, 1, 0])) / whole, atol=0.03)
    with pytest.raises(InputError, match="too few"):
        surrogate.indices(factors, drawn.iloc[:6], effect.iloc[:6], 0)


@pytest.mark.parametrize(("output", "at", "said"), [("agrecan", 24, "did you mean"), ("water", 0.5, "whole number")])
def test_what_cannot_be_asked_is_refused(output: str, at: float, said: str) -> None:
    with pytest.raises(InputError, match=said):
        sensitivity.looked_at(small(), output, at)


def test_the_picture_names_every_number_and_escapes_it() -> None:
    rows = {"name": ["a<b", "c"], "low": [0.0, 1.0], "high": [1.0, 2.0], "unit": ["1", "1"]}
    table = pd.DataFrame(rows | {"kind": ["assumed", "measured"], "swing_effect": [-2.0, 1.0]})
    indices = pd.DataFrame({"name": ["c"], "first_order": [0.25], "total": [0.5]})
    text = tornado_page(table, indices, "What matters", "It came to this", "effect")
    assert "a&lt;b" in text
    assert "a<b" not in text
    assert "−2" in text
    assert "0.25" in text
