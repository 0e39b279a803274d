"""Whether bands hold what was published: draws of the whole evidence, counts, and their exact intervals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from pulposus import evidence, validation
from pulposus.cli import app
from pulposus.errors import InputError
from pulposus.evidence.checks import read_checks
from pulposus.report.book import covered, validation_page
from pulposus.report.credibility import credibility_page
from pulposus.uncertainty import coverage, draws


def test_every_row_with_a_range_is_drawn_inside_it_and_one_scanner_has_one_scale() -> None:
    ranged = {(row.file, row.line): row for row in evidence.everything() if row.used and row.low < row.high}
    drawn = draws.draw_evidence(16, 0)
    assert len(drawn) == 16
    for values in drawn:
        assert set(values) == set(ranged)
        assert all(ranged[key].low <= value <= ranged[key].high for key, value in values.items())
    assert len({tuple(values.values()) for values in drawn}) == 16
    scale = [key for key, row in ranged.items() if row.name.startswith("nucleus_t2_grade")]
    share = [[(v[k] - ranged[k].low) / (ranged[k].high - ranged[k].low) for k in scale] for v in drawn]
    np.testing.assert_allclose(np.ptp(np.array(share), axis=1), 0, atol=1e-9)


def test_drawn_evidence_is_read_everywhere_and_gone_afterwards() -> None:
    salt = evidence.used("salt")
    lasting = evidence.product("MSC(M)")["loss_half_life"]
    other = {(salt.file, salt.line): salt.high, (lasting.file, lasting.line): lasting.low}
    seen = []

    def fail() -> None:
        with evidence.instead(other):
            seen.extend([evidence.used("salt").si, evidence.product("MSC(M)")["loss_half_life"].value])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert seen == [salt.si_high, lasting.low]
    assert salt.value < salt.high
    assert lasting.low < lasting.value
    assert evidence.used("salt") == salt
    assert evidence.product("MSC(M)")["loss_half_life"] == lasting


def made_up(wide: float, miss: int) -> pd.DataFrame:
    """Draws evenly around what was published; for `miss` predictions far from it."""
    rows = []
    for place, check in enumerate(coverage.predictions()):
        size = abs(check.published) or 1.0
        middle = check.published + (100 * size if place < miss else 0.0)
        values = middle + wide * size * np.linspace(-1, 1, 41)
        rows += [{"name": check.name, "draw": k, "value": value} for k, value in enumerate(values)]
    return pd.DataFrame(rows)


def test_what_is_held_is_counted_with_its_exact_interval() -> None:
    table = coverage.judged(made_up(0.1, 4))
    assert list(table["held"]) == [False] * 4 + [True] * (len(table) - 4)
    found = coverage.shares(table).set_index("of").loc["all predictions"]
    n = len(coverage.predictions())
    assert (found["predictions"], found["held"]) == (n, n - 4)
    # Clopper and Pearson: beta quantiles
    from scipy.stats import beta

    assert found["low"] == pytest.approx(beta.ppf(0.025, n - 4, 5))
    assert found["high"] == pytest.approx(beta.ppf(0.975, n - 3, 4))
    assert coverage.shares(coverage.judged(made_up(0.1, n))).iloc[-1][["held", "low"]].tolist() == [0, 0.0]


def test_draws_that_fail_are_left_out_and_a_prediction_without_any_holds_nothing() -> None:
    values = made_up(0.1, 0)
    names = [check.name for check in coverage.predictions()]
    values.loc[(values["name"] == names[0]) & (values["draw"] < 3), "value"] = np.nan
    values.loc[values["name"] == names[1], "value"] = np.inf
    table = coverage.judged(values).set_index("name")
    assert table.loc[names[0], ["draws", "failed", "held"]].tolist() == [38, 3, True]
    assert table.loc[names[1], ["draws", "failed", "held"]].tolist() == [0, 41, False]


def test_a_spread_counts_as_published_only_where_it_was_read() -> None:
    known = {check.name: check.spread_published for check in read_checks()}
    assert known["oxygen diffusivity at 14.2 %"]
    assert known["height with age"]
    for name in (
        "glucose diffusivity annulus",
        "nucleus oxygen in vivo",
        "volume of athletes' discs",
        "grade at 45 years",
        "T2 after donor cells",  # its deviation is that of a grade in another source
        "T2 after own cells",
        "t2 fall over 40 years",
    ):
        assert not known[name], name


def test_what_is_hardly_a_test_is_no_measurement_with_a_spread_and_groups_have_their_interval() -> None:
    from scipy.stats import beta

    table = coverage.judged(made_up(0.1, 0))
    own = table[table["spread_published"] & (table["against"] == "measurement")]
    assert own["hardly"].any()
    found = coverage.shares(table).set_index("of")
    spread = found.loc["measurements with a spread of their own"]
    assert spread["predictions"] == (~own["hardly"]).sum() < len(own)
    groups = own[~own["hardly"]]["group"].nunique()
    assert (spread["groups"], spread["groups_held"]) == (groups, groups)
    assert spread["groups_low"] == pytest.approx(beta.ppf(0.025, groups, 1))
    assert spread["groups_high"] == 1
    assert f"whole groups {groups} of {groups}, {spread['groups_low']:.0%} to 100%" in covered(coverage.shares(table))


@pytest.mark.parametrize("n", [3, 10**6])
def test_an_impossible_number_of_draws_is_refused(n: int) -> None:
    with pytest.raises(InputError, match=f"--coverage {n} is not possible"):
        coverage.coverage(n)


@pytest.fixture
def pretend(monkeypatch: pytest.MonkeyPatch):
    """Draws whose values are made up at once; Ctrl-C after so many, where asked for. What was computed is listed."""

    def use(stop: int | None = None) -> list[int]:
        computed: list[int] = []

        def shared_out(chunks, work, workers, look):
            for places in chunks:
                if stop is not None and len(computed) >= stop:
                    raise KeyboardInterrupt
                look()
                computed.extend(places)
                rows = [
                    (check.name, place, check.published + place / 7)
                    for check in coverage.predictions()
                    for place in places
                ]
                yield pd.DataFrame(rows, columns=["name", "draw", "value"])

        monkeypatch.setattr(coverage, "shared_out", shared_out)
        return computed

    return use


def test_a_stopped_coverage_goes_on_where_it_was_and_ends_the_same(tmp_path, pretend) -> None:
    pretend()
    whole = coverage.into(tmp_path / "whole", 24)
    with pytest.raises(InputError, match=r"holds no draws to resume: no .* that can be read; leave out --resume"):
        coverage.into(tmp_path / "new", 24, resume=True)
    assert not (tmp_path / "new").exists()
    pretend(stop=9)
    with pytest.raises(KeyboardInterrupt):
        coverage.into(tmp_path / "part", 24)
    kept = pd.read_csv(tmp_path / "part" / coverage.DRAWS)
    assert sorted(set(kept["draw"])) == list(range(9))
    computed, told = pretend(), []
    resumed = coverage.into(tmp_path / "part", 24, resume=True, progress=lambda *words: told.append(words[:2]))
    assert computed == list(range(9, 24))
    assert told[0] == (9, 24)
    assert told[-1] == (24, 24)
    pd.testing.assert_frame_equal(resumed, whole)
    more = pretend()
    coverage.into(tmp_path / "part", 30, resume=True)
    assert more == list(range(24, 30))
    again = pretend()
    coverage.into(tmp_path / "part", 20)
    assert len(again) == 20


def test_draws_of_another_evidence_are_not_mixed_in(tmp_path, pretend, monkeypatch) -> None:
    pretend()
    coverage.into(tmp_path, 20)
    monkeypatch.setattr(evidence, "digest", lambda: "another")
    with pytest.raises(InputError, match="are of another evidence; leave out --resume"):
        coverage.into(tmp_path, 20, resume=True)


def test_ctrl_c_says_how_to_go_on(tmp_path, pretend) -> None:
    pretend(stop=3)
    out = tmp_path / "book"
    result = CliRunner().invoke(app, ["validate", "--out", str(out), "--coverage", "20"])
    assert result.exit_code == 130
    assert "Draws that are done lie in" in result.stderr
    assert "--resume" in result.stderr
    assert not (out / "validation.csv").exists()
    pretend()
    words = ["validate", "--out", str(out), "--coverage", "20", "--resume", "--only", "law a"]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    assert len(pd.read_csv(out / "coverage.csv")) == len(coverage.predictions())
    result = CliRunner().invoke(app, ["validate", "--out", str(tmp_path / "new"), "--resume"])
    assert result.exit_code == 2
    assert "--coverage 20" in result.stderr


def test_a_draw_is_the_same_among_few_and_among_many() -> None:
    few, many = draws.draw_evidence(20, 0), draws.draw_evidence(40, 0)
    assert few == many[:20]


def test_book_and_credibility_page_say_the_number() -> None:
    held = coverage.judged(made_up(0.1, 4))
    shares = coverage.shares(held)
    table, findings = validation.validate("law a")
    counted = validation.counts(table)
    said = covered(shares)
    assert f"{len(held) - 4} lie in the 90 % band" in said
    assert said in validation_page(table, counted, findings, held, shares)
    assert said in credibility_page(table, counted, shares)
    assert "--coverage 20" in credibility_page(table, counted)
