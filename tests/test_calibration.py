"""What a calibration must hold: priors within ranges, exact answers where they are known, and no prediction read."""

from __future__ import annotations

import dataclasses
import shutil

import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from typer.testing import CliRunner

from pulposus import evidence, figures
from pulposus.cli import app
from pulposus.disc import simulate
from pulposus.errors import EvidenceError, InputError
from pulposus.evidence.checks import read_checks
from pulposus.figures.posterior import write_posterior
from pulposus.uncertainty import adjoint, calibration, fitted, tearing
from pulposus.validation import MEASURES, culture, uninformed
from pulposus.validation.finding import Finding

pytest.importorskip("optimistix")


@pytest.fixture(scope="module")
def quick():
    """Fits without discs, by seed; each is made once."""
    kept: dict[int, calibration.Fit] = {}

    def fit(seed: int = 3) -> calibration.Fit:
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(culture, "proteases_of_degenerate", lambda lab: 1.3)
            if seed not in kept:
                kept[seed] = calibration.calibrate(seed=seed, courses_too=False)
        return kept[seed]

    return fit


def test_only_calibration_rows_are_read() -> None:
    read = {datum.check.name for datum in calibration.data()}
    assert read
    for check in read_checks():
        if check.name in read:
            assert check.of == "calibration"
            assert check.measure in MEASURES
    for names in calibration.READS.values():
        for name in names:
            assert calibration.prior(name).low < calibration.prior(name).high


def test_every_strength_synthesis_and_leak_is_fitted_or_listed_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    fitted_names = {name for names in calibration.READS.values() for name in names}
    listed = uninformed.uninformed()
    open_ = uninformed.open_numbers()
    assert {"volume any excess_leak_fraction", "volume Dallas 4 leak_path", "product MSC(M) np_like_synthesis"} <= (
        set(open_) & fitted_names
    )
    assert not set(listed) & fitted_names
    assert set(open_) == set(listed) | set(open_) & fitted_names
    assert all(reason in " ".join(uninformed.told()) for reason in listed.values())
    monkeypatch.setattr(uninformed, "open_numbers", lambda: [name for name in open_ if "Dallas 5" not in name])
    with pytest.raises(EvidenceError, match=r"uninformed.csv line \d+: 'volume Dallas 5 leak_path' is no open number"):
        uninformed.uninformed()


def test_a_prediction_is_never_read(monkeypatch: pytest.MonkeyPatch) -> None:
    turned = tuple(dataclasses.replace(check, of="prediction") for check in read_checks())
    monkeypatch.setattr(calibration, "read_checks", lambda: turned)
    assert calibration.data() == []


def test_a_prior_fills_its_range_about_the_value_in_use() -> None:
    factors = calibration.numbers(calibration.data())
    middle = calibration.values(factors, jnp.zeros(len(factors)))
    low, high = (calibration.values(factors, jnp.full(len(factors), z)) for z in (-9.0, 9.0))
    for factor in factors:
        row = factor.row
        inside = 0.05 < calibration.share(factor) < 0.95
        if inside:
            assert float(middle[row.name]) == pytest.approx(row.si, rel=1e-9), row.name
        assert float(low[row.name]) == pytest.approx(row.si_low, abs=1e-6 * row.si_high)
        assert float(high[row.name]) == pytest.approx(row.si_high, rel=1e-6)


def test_the_least_of_a_linear_problem_is_known() -> None:
    matrix, wanted = jnp.array([[2.0, 0.0, 0.0], [1.0, 3.0, 0.0]]), jnp.array([1.0, -2.0])
    z, agree = calibration.least(lambda z: jnp.concatenate([matrix @ z - wanted, z]), jnp.zeros(3), 5)
    exact = np.linalg.solve(matrix.T @ matrix + np.eye(3), matrix.T @ wanted)
    np.testing.assert_allclose(z, exact, atol=1e-6)
    assert agree
    assert np.array_equal(z, calibration.least(lambda z: jnp.concatenate([matrix @ z - wanted, z]), jnp.zeros(3), 5)[0])
    assert float(z[2]) == pytest.approx(0, abs=1e-9)  # no row speaks of it: it stays where the prior is


def test_a_fit_does_not_hang_on_its_starts_and_says_what_it_does_not_know(quick) -> None:
    first, other = quick(3), quick(4)
    assert first.starts_agree
    np.testing.assert_allclose(first.numbers["value"], other.numbers["value"], rtol=0.01)
    table = first.numbers.set_index("name")
    told = table.loc[culture.ADAPTATION]
    assert told["kind"] == "fitted"
    assert told["range_low"] <= told["low"] < told["value"] < told["high"] <= told["range_high"]
    assert told["value"] < told["prior_value"]  # 21 days to an eighth is faster than the assumption
    assert "pattappa2011" in told["source"]
    silent = table.loc[culture.GAIN]
    assert silent["informed"] < 0.1
    assert silent["kind"] == "assumed"
    assert (silent["value"], silent["low"]) == (
        calibration.prior(culture.GAIN).value,
        calibration.prior(culture.GAIN).low,
    )
    rows = first.rows.set_index("row")
    late = rows.loc["oxygen use of stromal cells after three weeks"]
    assert abs(late["after"] - late["published"]) < abs(late["before"] - late["published"])


def test_a_fit_gives_the_rows_of_the_evidence_anew(quick) -> None:
    """What cultures inform, which is all that is marked fitted by this command but for tears and people."""
    table = quick().numbers
    told = table[table["kind"] == "fitted"].set_index("name")
    assert len(told) == 3
    for name, new in told.iterrows():
        row = next(row for row in evidence.found(name) if row.used)
        assert row.kind == "fitted"
        assert row.note.startswith(calibration.FITTED)
        assert (new["value"], new["low"], new["high"]) == pytest.approx((row.value, row.low, row.high), rel=0.01)


def test_pictures_of_a_fit_are_drawn(quick, tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures.style, "DPI", 30)
    fit = quick()
    assert [path.name for path in write_posterior(fit.numbers, fit.rows, tmp_path)] == ["posterior.png", "rows.png"]


def test_a_tangent_is_a_straight_line() -> None:
    tangent = calibration.Tangent(2.0, {"a": 3.0}, {"a": 1.0})
    assert float(tangent.at({"a": jnp.asarray(2.0)})) == 5.0


def test_fitted_rows_stand_under_their_prior_and_nothing_else_moves(tmp_path, quick) -> None:
    for path in [*evidence.FOLDER.glob("*.csv"), *evidence.FOLDER.glob("*.bib")]:
        shutil.copy(path, tmp_path / path.name)
    numbers = quick().numbers
    rows = numbers[numbers["kind"] == "fitted"].to_dict("records")
    before = {path.name: path.read_text("utf-8").splitlines() for path in tmp_path.glob("*.csv")}
    changed = fitted.write(rows, calibration.FITTED, tmp_path)
    once = {path.name: path.read_text("utf-8") for path in tmp_path.glob("*.csv")}
    assert [path.name for path in changed] == ["therapies.csv"]
    for name, lines in before.items():
        now = once[name].splitlines()
        written = [line for line in now if calibration.FITTED in line]
        if name == "therapies.csv":
            assert len(written) == len(rows)
        assert len(set(now) - set(lines)) <= 2 * len(rows)
    evidence.check(tmp_path)
    fitted.write(rows, calibration.FITTED, tmp_path)
    assert once == {path.name: path.read_text("utf-8") for path in tmp_path.glob("*.csv")}
    with pytest.raises(InputError, match="does not begin its note"):
        fitted.write([rows[0] | {"note": "mine"}], calibration.FITTED, tmp_path)


@pytest.fixture
def known_lives(monkeypatch: pytest.MonkeyPatch):
    """A disc that lives e^(20 strain) years: then strains at failure are normal, and the fit has an exact answer."""
    monkeypatch.setattr(tearing.tears, "lives", lambda lab, strains, grade=1: np.exp(20 * strains))
    monkeypatch.setattr(tearing.tears, "fissured", lambda lab, at: Finding(20.0))


def test_a_strain_at_failure_is_found_where_it_is_known(known_lives, monkeypatch: pytest.MonkeyPatch) -> None:
    ages = np.array([20.0, 80.0])
    median, spread = np.log(200.0), 1.5
    shares = 100 * scipy.stats.norm.cdf((np.log(ages) - median) / spread)
    asked = [
        dataclasses.replace(check, published=share, low=share - 5, high=share + 5)
        for check, share in zip(tearing.rows(), shares, strict=True)
    ]
    monkeypatch.setattr(tearing, "rows", lambda: asked)
    fit = tearing.fit_tears(seed=1)
    found, reach = fit.number.iloc[0], scipy.stats.norm.ppf(0.95)
    assert fit.starts_agree
    assert found["median_life_years"] == pytest.approx(200, rel=1e-5)
    for word, life in (("low", median - reach * spread), ("value", median), ("high", median + reach * spread)):
        assert found[word] == pytest.approx(life / 20, abs=6e-4), word
    assert found["low"] < found["known_low"] < found["value"] < found["known_high"] < found["high"]
    np.testing.assert_allclose(fit.rows["errors"], 0, atol=1e-5)


def test_only_calibration_rows_of_fissures_are_read_and_two_are_the_least(monkeypatch: pytest.MonkeyPatch) -> None:
    assert {check.of for check in tearing.rows()} == {"calibration"}
    assert {check.at for check in tearing.rows()} == {"20", "80"}
    turned = tuple(dataclasses.replace(check, of="retrodiction") for check in read_checks())
    monkeypatch.setattr(tearing, "read_checks", lambda: turned)
    with pytest.raises(InputError, match="two are the least"):
        tearing.rows()


def test_the_command_fits_tears_alone_and_refuses_another_part(known_lives, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(figures.style, "DPI", 30)
    words = ["calibrate", "--out", str(tmp_path / "fit"), "--only"]
    result = CliRunner().invoke(app, [*words, "tears"])
    assert result.exit_code == 2  # such a disc would have to live a life that no strain of the evidence gives
    assert "widen the range of fibre_failure_strain" in result.stderr
    assert not (tmp_path / "fit").exists()
    monkeypatch.setattr(tearing.tears, "lives", lambda lab, strains, grade=1: np.exp(80 * (strains - 0.18)))
    result = CliRunner().invoke(app, [*words, "tears"])
    assert result.exit_code == 0, result.output
    assert "Fibres fail at a strain of 0.264" in result.stdout
    assert {path.name for path in (tmp_path / "fit").iterdir()} == {"tears.csv", "tears_rows.csv", "figures"}
    assert (tmp_path / "fit" / "figures" / "fissures.png").exists()
    for more, said in ((["tear"], "did you mean 'tears'"), (["tears", "--quick"], "leave out one of the two")):
        result = CliRunner().invoke(app, [*words, *more])
        assert result.exit_code == 2
        assert said in result.stderr


def test_a_fitted_strain_goes_into_the_evidence(known_lives, tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tearing.tears, "lives", lambda lab, strains, grade=1: np.exp(80 * (strains - 0.18)))
    fit = tearing.fit_tears()
    assert fit.news
    for path in [*evidence.FOLDER.glob("*.csv"), *evidence.FOLDER.glob("*.bib")]:
        shutil.copy(path, tmp_path / path.name)
    fitted.write(fit.number.to_dict("records"), tearing.FITTED, tmp_path)
    evidence.check(tmp_path)
    text = (tmp_path / "parameters.csv").read_text("utf-8")
    assert text.count(tearing.FITTED) == 1
    fitted.write(fit.number.to_dict("records"), tearing.FITTED, tmp_path)
    assert (tmp_path / "parameters.csv").read_text("utf-8") == text


def test_long_steps_are_as_long_as_they_may_be() -> None:
    half = 6 * simulate.MONTH
    times = [t for t, _ in adjoint.calendar((), 60 * simulate.MONTH, half)]
    assert np.diff(times).max() <= 1.5 * half
    assert len(times) == 11
