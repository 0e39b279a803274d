"""Which symptoms a person has and why; the join of disc and pain under a hypothesis with a name."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pulposus import evidence
from pulposus.errors import InputError
from pulposus.outcomes import person, symptoms
from pulposus.outcomes.symptoms import Change, Disc


def odds(chance: float) -> float:
    return chance / (1 - chance)


@pytest.mark.parametrize(
    ("level", "zone", "name"),
    [
        ("L4-L5", "posterolateral", "L5"),
        ("L4-L5", "foraminal", "L4"),
        ("L5-S1", "posterolateral", "S1"),
        ("L3-L4", "posterolateral", "L4"),
        ("C5-C6", "posterolateral", "C6"),
        ("C5-C6", "foraminal", "C6"),
        ("C6-C7", "posterolateral", "C7"),
        ("C7-T1", "posterolateral", "C8"),
    ],
)
def test_the_root_of_a_level(level, zone, name):
    assert symptoms.root(level, zone) == name


def test_every_level_has_a_root():
    assert len({symptoms.root(level) for level in evidence.levels()}) == len(evidence.levels())


# ---------------------------------------------------------------------------------------------- painful


def test_grade_moves_the_chance_of_being_painful_by_the_published_odds_and_pain_by_nothing():
    sound, bad = (symptoms.painful(Disc("L4-L5", grade=grade)) for grade in (2, 4))
    assert odds(bad) / odds(sound) == pytest.approx(evidence.population("painful_odds").value)
    assert symptoms.painful(Disc("L4-L5", grade=3)) == symptoms.painful(Disc("L4-L5", grade=5))
    scores = np.array([[40.0], [70.0]])
    found = [symptoms.chances(Disc("L4-L5", grade=grade), scores, scores) for grade in (1, 5)]
    for name in symptoms.SYMPTOMS:
        np.testing.assert_array_equal(found[0][name], found[1][name])


def test_the_share_of_all_is_that_of_the_mix():
    mix, share = evidence.outcome("painful_degenerated").value, evidence.outcome("painful_share").value
    mean = mix * symptoms.painful(Disc("L4-L5", grade=4)) + (1 - mix) * symptoms.painful(Disc("L4-L5", grade=2))
    assert mean == pytest.approx(share, abs=0.02)
    assert symptoms.painful(Disc("L4-L5")) == pytest.approx(share)


def test_findings_that_go_together_are_not_multiplied():
    one = symptoms.painful(Disc("L4-L5", grade=4, pictures=("bulge",)))
    assert symptoms.painful(Disc("L4-L5", grade=4, pictures=("bulge", "protrusion", "modic_1"))) == one
    assert one > symptoms.painful(Disc("L4-L5", grade=4))


def test_drivers_that_are_not_known_move_nothing_and_can_be_left_out():
    plain, inflamed = Disc("L4-L5", grade=4), Disc("L4-L5", grade=4, il1b=8.0, tnf=8.0, looseness=2.0, dallas=4)
    assert symptoms.painful(inflamed) > symptoms.painful(plain)
    assert symptoms.painful(inflamed, drivers=False) == symptoms.painful(plain)
    healthy = Disc("L4-L5", grade=4, il1b=1.0, tnf=1.0, looseness=1.0, dallas=0)
    assert symptoms.painful(healthy) == pytest.approx(symptoms.painful(plain))


# ---------------------------------------------------------------------------------------------- symptoms


def test_numb_and_weak_people_hurt_in_a_limb_and_need_a_root():
    random, count = np.random.default_rng(0), 20_000
    pain = np.full((count, 1), 60.0)
    met = symptoms.present(random, Disc("L4-L5", touches_root=True), pain, pain)
    for name in ("numbness", "weakness"):
        assert not (met[name] & ~met["limb_pain"]).any()
    share = met["numbness"].sum() / met["limb_pain"].sum()
    assert share == pytest.approx(evidence.outcome("numb_lumbar").value, abs=0.02)
    away = symptoms.present(random, Disc("L4-L5"), pain, pain)
    assert 0 < away["limb_pain"].mean() < met["limb_pain"].mean()
    assert not away["numbness"].any()


def test_headache_and_the_cord_belong_to_the_neck():
    score = np.array([50.0])
    lumbar = symptoms.chances(Disc("L4-L5"), score, score)
    assert lumbar["headache"][0] == 0
    neck = {level: symptoms.chances(Disc(level), score, score)["headache"][0] for level in ("C3-C4", "C5-C6", "C6-C7")}
    assert neck["C5-C6"] == pytest.approx(evidence.outcome("headache").value)
    assert neck["C3-C4"] > neck["C5-C6"] > neck["C6-C7"]
    assert symptoms.chances(Disc("C5-C6", touches_cord=True), score, score)["cord_signs"][0] > 0


def test_sleep_follows_pain_as_was_published():
    pain, disability = np.array([50.0, 60.0]), np.array([40.0, 40.0])
    sleep = symptoms.chances(Disc("L4-L5"), pain, disability)["bad_sleep"]
    assert sleep[0] == pytest.approx(0.587)
    assert odds(sleep[1]) / odds(sleep[0]) == pytest.approx(1.10, abs=0.01)


def test_a_symptom_goes_when_what_drives_it_goes():
    random = np.random.default_rng(0)
    disability = np.tile([60.0, 20.0], (4000, 1))
    found = symptoms.present(random, Disc("L4-L5"), disability, disability)
    assert (found["off_work"][:, 0] | ~found["off_work"][:, 1]).all()
    assert found["off_work"][:, 1].mean() < found["off_work"][:, 0].mean() - 0.1
    # range of motion is tied to disability, and loosely
    spread = np.clip(40 + 15 * np.random.default_rng(1).standard_normal((20_000, 1)), 0, 100)
    motion = symptoms.present(random, Disc("L4-L5"), spread, spread)["motion"]
    assert -0.59 < np.corrcoef(motion[:, 0], spread[:, 0])[0, 1] < -0.15


def test_one_person_is_told_what_and_why():
    told = {s.name: s for s in symptoms.told(Disc("L4-L5", side="right", grade=4, touches_root=True), 65, 44, 50)}
    assert told["limb_pain"].title == "leg pain of the right L5 root"
    assert told["limb_pain"].chance == 1
    assert "numbness where L5 goes" in told["numbness"].title
    assert told["numbness"].assumed
    assert "grade 4" in told["axial_pain"].why
    assert "headache" not in told
    assert "refer" in {s.name: s for s in symptoms.told(Disc("C5-C6", touches_cord=True), 50, 40)}["cord_signs"].title
    referred = {s.name: s for s in symptoms.told(Disc("L4-L5"), 65, 44)}
    assert "no root" in referred["limb_pain"].why


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Disc("L4-L6"), "Unknown level"),
        (lambda: Disc("L4-L5", side="lefft"), "did you mean 'left'"),
        (lambda: Disc("L4-L5", pictures=("modic",)), "Unknown finding 'modic'"),
        (lambda: symptoms.root("L4-L5", "central"), "Unknown zone"),
        (lambda: symptoms.root("reference_l4l5"), "has no root"),
    ],
)
def test_what_no_disc_can_be_is_a_sentence(make, sentence):
    with pytest.raises(InputError, match=sentence):
        make()


# ---------------------------------------------------------------------------------------------- disc to pain


def test_a_disc_is_read_from_the_tables_of_a_run_and_arms_are_compared():
    rows = [{"il1b_nucleus": 4.0, "tnf_nucleus": 4.0}, {"il1b_nucleus": 2.0, "tnf_nucleus": 1.0}]
    tears = [
        {"dallas": 4, "looseness": 2.0, "touches_root": 1, "touches_cord": 0},
        {"dallas": 4, "looseness": 1.0, "touches_root": 0, "touches_cord": 0},
    ]
    without, treated = (Disc.of_run("L4-L5", row, torn) for row, torn in zip(rows, tears, strict=True))
    change = symptoms.between(without, treated)
    assert change == Change(cytokine=pytest.approx(1.5), nerves=0.0, looseness=pytest.approx(1.0), contact=1.0)
    assert symptoms.between(without, without) == Change()
    # what one arm alone tells of is no difference
    assert symptoms.between(without, Disc.of_run("L4-L5", rows[1])).looseness == 0


def test_the_default_carries_nothing_and_every_coefficient_may_be_nought():
    draws = np.arange(200)
    given = person.Given(treatments=("cells",))
    assert not symptoms.join(given, Change(3.0, 1.0, 1.0, 1.0), draws).any()
    for name in Change._fields:
        row = evidence.outcome(f"mediated_{name}")
        assert row.kind == "assumed"
        assert row.low < 0 < row.high
        found = person.drawn("lumbar", f"mediated_{name}")
        assert found.min() < 0 < found.max()


def test_mediated_stands_in_place_of_the_treatment_and_counts_it_once():
    draws, given = np.arange(200), person.Given(treatments=("cells", "nsaid"))
    none = symptoms.join(given, Change(), draws, "mediated", through=["cells"])
    np.testing.assert_allclose(none[:, 0], -person.drawn("lumbar", "treatment cells"))
    one, two = (symptoms.join(given, Change(cytokine=x), draws, "mediated", through=["cells"]) for x in (1.0, 2.0))
    np.testing.assert_allclose(two - none, 2 * (one - none))
    np.testing.assert_allclose((one - none)[:, 0], person.drawn("lumbar", "mediated_cytokine"))
    assert symptoms.join(given, [Change(), Change(1.0)], draws, "mediated").shape == (200, 2)


def test_a_disc_that_does_not_change_leaves_people_as_without_the_treatment():
    start = np.full(4000, 65.0)
    given = person.Given(treatments=("cells",), aware="open")
    table = symptoms.choices(np.random.default_rng(0), given, start, start, 12.0, Change()).set_index("disc_to_pain")
    assert table.loc["mediated", "beyond"] == pytest.approx(0, abs=1e-9)
    assert table.loc["none", "beyond"] < -1
    # knowing that something new was done stays with all three
    blind = symptoms.choices(
        np.random.default_rng(0), person.Given(treatments=("cells",)), start, start, 12.0, Change()
    ).set_index("disc_to_pain")
    assert table.loc["without", "pain"] < blind.loc["without", "pain"] - 3


def test_what_hangs_on_the_choice_holds_nought():
    start = np.full(20_000, 65.0)
    table = symptoms.choices(
        np.random.default_rng(0), person.Given(treatments=("cells",)), start, start, 12.0, Change(1.0), limb=start
    ).set_index("disc_to_pain")
    assert table.loc["mediated", "low"] < 0 < table.loc["mediated", "high"]
    assert 0.5 < table.loc["mediated", "held"] < 0.95
    assert table.loc["without", "responders"] < table.loc["mediated", "responders"]
    assert not math.isnan(table.loc["mediated", "limb"])


def test_unknown_hypotheses_and_treatments_are_sentences():
    given = person.Given(treatments=("cells",))
    with pytest.raises(InputError, match="did you mean 'mediated'"):
        symptoms.join(given, Change(), np.arange(3), "mediate")
    with pytest.raises(InputError, match="did you mean 'cells'"):
        symptoms.join(given, Change(), np.arange(3), "mediated", through=["cell"])
