"""What an injection presses: elastance, the stop, leak by pressure and tears, and books that close."""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest
from discs import msc, prepared, shape_of

from pulposus import evidence, run
from pulposus.case import Case
from pulposus.disc import mesh
from pulposus.disc.state import FATES, total
from pulposus.errors import InputError
from pulposus.report import sections
from pulposus.therapies import biological, pressure

PSI, ML = evidence.factor("psi"), evidence.factor("mL")
PUBLISHED = (43.0, 39.5, 30.5, 30.5, 13.2, 6.9)  # psi/mL of Dallas grades 0 to 5


def needle(grade: int = 3, area: float | None = None, dallas: int | None = None, pressed: bool = True, **changed):
    """The one record of a plain injection."""
    treatments = (msc(25e6, **changed),)
    _, injections = biological.prescribe(treatments, grade, dallas=dallas, pressed=pressed)
    own = pressure.reference_area(grade) if area is None else area
    return biological.course(treatments, injections, own)[0]


@pytest.mark.parametrize("dallas", range(6))
def test_the_published_table_of_elastance_is_what_presses(dallas):
    small = needle(dallas=dallas, volume_mL=0.5)
    assert small["peak_psi"] == pytest.approx(0.5 * PUBLISHED[dallas])
    assert small["given_mL"] == pytest.approx(0.5)
    assert not small["stopped"]


def test_pressure_rises_with_volume_up_to_the_stop_and_no_further():
    seen = [needle(volume_mL=v) for v in (0.5, 1.0, 2.0, 2.6, 3.0, 6.0)]
    peaks = [s["peak_psi"] for s in seen]
    assert np.all(np.diff(peaks[:4]) > 0)
    assert peaks[-1] == pytest.approx(80)
    assert [s["stopped"] for s in seen] == [False, False, False, False, True, True]
    assert seen[-1]["given_mL"] == pytest.approx(80 / 30.5)
    soft = needle(dallas=5, volume_mL=6.0)
    assert soft["stopped"]
    assert soft["given_mL"] == pytest.approx(3.5)  # by volume, long before the pressure
    assert soft["peak_psi"] < 80


def test_a_small_disc_is_pressed_sooner_by_its_volume():
    own = pressure.reference_area(3)
    assert needle(area=own / 4, volume_mL=0.2)["peak_psi"] == pytest.approx(8 * 0.2 * 30.5)
    assert needle(area=own / 4, volume_mL=1.0)["given_mL"] == pytest.approx(80 / 30.5 / 8)


def test_retention_is_what_it_was_at_its_anchor_and_moves_with_pressure_and_tears():
    anchor = evidence.carrier("saline")["retained_fraction"].value
    assert needle()["kept_share"] == pytest.approx(anchor, rel=1e-9)
    shares = [needle(volume_mL=v)["kept_share"] for v in (0.25, 0.5, 1.0, 2.0, 2.6)]
    assert np.all(np.diff(shares) < 0)
    assert 0 < shares[-1] < shares[0] < 1
    paths = [evidence.volume_rule(3, k)["leak_path"].value for k in range(6)]
    assert np.all(np.diff(paths) > 0)
    at_one_pressure = [float(pressure.kept(jnp.asarray(anchor), 1.0, path, 1.0)) for path in paths]
    assert np.all(np.diff(at_one_pressure) < 0)
    for held in (0.0, 0.3, 1.0):
        assert 0 <= float(pressure.kept(jnp.asarray(held), 2.0, 3.0, 1.0)) <= 1
    gel, saline = needle(carrier="gel", volume_mL=2.5), needle(volume_mL=2.5)
    assert gel["kept_share"] > saline["kept_share"]


def test_switched_off_or_outside_the_disc_nothing_presses():
    for record in (needle(volume_mL=6.0, pressed=False), needle(volume_mL=6.0, site="peridiscal")):
        assert record["peak_psi"] == 0
        assert record["given_mL"] == pytest.approx(6.0)
        assert not record["stopped"]
    assert needle(grade=5, pressed=False)["kept_share"] == pytest.approx(0.3)


@pytest.mark.parametrize(("volume", "part"), [(2.0, 1.0), (6.0, 80 / 30.5 / 6.0)])
def test_every_cell_that_goes_in_stays_or_leaks_and_the_rest_is_never_given(volume, part):
    disc, state, injections = prepared(treatments=(msc(25e6, volume_mL=volume),))
    after = eqx.filter_jit(injections.dose)(disc, state, mesh.coordinates(disc.topology, disc.shape), jnp.zeros(()))
    book = dict(zip(FATES, np.asarray(after.ledger)[:, 0], strict=True))
    here = float(total(disc, after.fresh[0]))
    assert book["injected"] == pytest.approx(part * 0.85 * 25e6, rel=1e-9)
    assert book["injected"] - book["leaked"] == pytest.approx(here, rel=1e-9)


def test_a_healthy_shape_of_the_table_is_its_own_reference():
    for grade in (1, 3, 5):
        assert float(shape_of("L4-L5", grade=grade).nucleus.area()) == pytest.approx(pressure.reference_area(grade))
        assert pressure.reference_area(grade, "male") > pressure.reference_area(grade, "female")
    assert float(shape_of("C5-C6").nucleus.area()) < 0.5 * pressure.reference_area(1)


def test_a_case_gives_its_dallas_grade_and_the_record_says_what_was_not_given():
    line = "Inject 25e6 allogeneic MSC(M) in 3 mL saline at month 0"
    told = {}
    for key, own in (("assumed", {}), ("torn", {"dallas": 5})):
        case = Case.from_dict({"disc": {"level": "L4-L5", "grade": 3} | own, "treatments": [line]}).resolved()
        assert Case.from_dict(case._tables()).disc.dallas == case.disc.dallas
        told[key] = run.describe(case)
    assert told["assumed"]["injections"][0]["stopped"]
    assert any("not given" in said and "80 psi" in said for said in told["assumed"]["warnings"])
    assert not told["torn"]["injections"][0]["stopped"]
    assert told["torn"]["injections"][0]["peak_psi"] < 25
    assert "2.6 of 3 mL" in sections.needles(told["assumed"])
    assert sections.needles({}) == ""
    assert told["torn"]["hypotheses"]["injection_pressure"] is True
    assert any(row["name"] == "volume: elastance" and row["value"] == 6.9 for row in told["torn"]["parameters_used"])
    with pytest.raises(InputError, match="Dallas"):
        Case.from_dict({"disc": {"level": "L4-L5", "grade": 3, "dallas": 6}})


def test_where_needle_and_mechanics_meet_different_tears_the_record_says_so():
    def told(grade, treated=True, columns=False, **own):
        tables = {"disc": {"level": "L4-L5", "grade": grade} | own}
        tables |= {"treatments": ["Inject 2 mL PRP"]} if treated else {}
        tables |= {"hypotheses": {"mechanics": "columns"}} if columns else {}
        info = run.describe(Case.from_dict(tables).resolved())
        both = info["annulus"]
        said = [text for text in info["warnings"] if "whole annulus" in text]
        return both["dallas_of_the_injection"], both["dallas_of_mechanics"], len(said)

    for grade in range(1, 6):
        pressed = evidence.dallas_grade(grade)
        assert told(grade) == (pressed, 0, pressed > 0)
        assert told(grade, dallas=2) == (2, 2, 0)
    assert told(3, treated=False)[2] == told(3, columns=True)[2] == 0
    tables = {"disc": {"level": "L4-L5", "grade": 3}, "treatments": ["Inject 2 mL PRP"]}
    parts = run.describe(Case.from_dict(tables).resolved())["annulus"]
    assert "grade 3, which Pfirrmann 3 is taken for" in parts["said"]
