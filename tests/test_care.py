"""What people can expect of care: one law with people followed, parts that add up, steps for those not better."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from pulposus import care
from pulposus.candidacy import read_person
from pulposus.care import SCORES, People, Step, follow
from pulposus.cli import app
from pulposus.errors import InputError
from pulposus.evidence import offers, options
from pulposus.outcomes import person

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
COUNT = 3000


def nothing(*_: object, **__: object) -> pd.DataFrame:
    """A law of harm under which nothing happens."""
    return pd.DataFrame(columns=["person", "month", "event", "serious"])


def people(population: str = "chronic", region: str = "lumbar", count: int = COUNT, **scores: float) -> People:
    """People who all begin alike."""
    start = {"pain": 65.0, "limb": 60.0 if population == "radicular" else 10.0, "disability": 45.0} | scores
    return People(region, population, **{name: np.full(count, value) for name, value in start.items()})


def course(*way: Step | tuple, months: tuple[float, ...] = (0, 3, 6, 12, 24), seed: int = 1, **who: object):
    """A course without harm."""
    return follow(np.random.default_rng(seed), people(**who), way, months, nothing)


@pytest.mark.parametrize("name", ["exercise", "nsaid", "lumbar_fusion", "sham", "wait"])
def test_one_step_and_people_followed_are_one_law(name: str) -> None:
    mine, one = course((name, 0.0), count=8000), options.option(name)
    given = person.Given("lumbar", "chronic", one.procedure, one.aware, one.treatments("lumbar"))
    random, start = np.random.default_rng(2), people(count=8000)
    draws = random.integers(len(person.responses("lumbar")[1]), size=8000)
    names, rows = person.responses("lumbar")
    place = rows[draws, names.index("trial_spread")] * random.standard_normal(8000)
    told = person.follow(
        random, given, start.pain, start.disability, mine.months[1:], draws=draws, place=place, limb=start.limb
    )
    assert told.limb is not None
    assert np.allclose(mine.limb[:, 1:].mean(0), told.limb.mean(0), atol=1.6)
    assert np.allclose(mine.pain[:, 1:].mean(0), told.pain.mean(0), atol=1.6)
    assert np.allclose(mine.disability[:, 1:].mean(0), told.disability.mean(0), atol=1.3)
    assert np.allclose(mine.pain[:, 1:].std(0), told.pain.std(0), atol=1.5)
    assert np.allclose(mine.responds[:, 1:].mean(0), told.responds.mean(0), atol=0.025)


def test_parts_add_up_and_each_is_what_it_says() -> None:
    found = course(("exercise", 0.0)).parts.set_index("part")
    for name in SCORES:
        assert found.loc["whole", name] == pytest.approx(found.drop("whole")[name].sum(), abs=1e-9)
    waited = course(("wait", 0.0)).parts.set_index("part")
    assert waited.loc["worsening", "disability"] > 0
    assert waited.loc["expectation", "pain"] == waited.loc["treatment", "pain"] == 0
    sham = course(("sham", 0.0))
    assert sham.parts.set_index("part").loc["treatment", "pain"] == 0
    assert np.array_equal(sham.improved(), sham.improved(sham=True))


def test_at_start_people_are_as_they_began() -> None:
    found = course(("nsaid", 0.0))
    for name in SCORES:
        assert np.array_equal(getattr(found, name)[:, 0], found.people.start(name))


def test_a_published_difference_comes_and_goes() -> None:
    effect = options.added("opioid", "lumbar", "chronic")["pain"]
    early, late = (course(("opioid", 0.0), months=(0, month)).parts.set_index("part") for month in (3, 24))
    assert early.loc["treatment", "pain"] == pytest.approx(effect.value, rel=0.25)  # ends of the scale take some
    assert abs(late.loc["treatment", "pain"]) < 0.2 * abs(early.loc["treatment", "pain"])
    assert not course(("opioid", 6.0), months=(0, 6, 9)).responds[:, :2].any()


def test_ways_share_their_chance() -> None:
    """What one way does before the other begins is the same for every person."""
    one = course(("exercise", 0.0), months=(0, 3, 6, 12))
    two = course(("exercise", 0.0), ("nsaid", 6.0), months=(0, 1, 3, 6, 12))
    for k, month in enumerate(one.months):
        same = np.array_equal(one.pain[:, k], two.pain[:, list(two.months).index(month)])
        assert same == (month <= 6)
    waits = course(("wait", 0.0), ("exercise", 6.0), months=(0, 6, 12)).parts.set_index("part")
    assert waits.loc["worsening", "disability"] == 0  # they know at last that they got something


def test_steps_are_for_those_who_are_not_better() -> None:
    way = [Step("exercise"), Step("epidural_steroid", 3.0, 0.3), Step("discectomy", 6.0, 0.3)]
    found = course(*way, population="radicular", months=(0, 3, 6, 12))
    assert found.taken[0].all()
    first, second = found.taken[1:].mean(1)
    assert 0.05 < second < first < 0.95
    start, at = found.people.start("limb"), list(found.months).index(3)
    alone = course(way[0], population="radicular", months=(0, 3, 6, 12))
    assert (found.limb[found.taken[1], at] > 0.7 * start[found.taken[1]]).all()
    assert (found.limb[~found.taken[1], at] <= 0.7 * start[~found.taken[1]]).all()
    assert found.limb[:, -1].mean() < alone.limb[:, -1].mean()
    strict = course(way[0], Step("epidural_steroid", 3.0, 0.8), population="radicular", months=(0, 3, 6, 12))
    assert strict.taken[1].mean() > first


def test_more_can_only_be_answered_by_more() -> None:
    one, two = course(("exercise", 0.0)), course(("exercise", 0.0), ("exercise", 0.0))
    assert (two.responds.mean(0) >= one.responds.mean(0) - 1e-9).all()


@pytest.mark.parametrize("first", ["lumbar_fusion", "lumbar_disc_replacement", "acdf", "cervical_disc_replacement"])
def test_after_a_fusion_or_replacement_there_is_no_disc_to_treat(first: str) -> None:
    region = options.option(first).regions[0]
    for name in {"lumbar": ("discectomy", "lumbar_fusion", "cells_own"), "cervical": ("acdf", "sham")}[region]:
        for unless in (None, 0.3):
            with pytest.raises(InputError, match=rf"{name} at month 6 acts in the disc, and {first} came before"):
                course((first, 0.0), (name, 6.0, unless), region=region)
    assert care._checked(people(region=region, count=2), [Step(first), Step("exercise", 6.0)])
    neck = people("radicular", "cervical", 2)
    assert care._checked(neck, [Step("acdf"), Step("posterior_foraminotomy", 6.0)])  # not on the disc
    assert care._checked(people("radicular", count=2), [Step("discectomy"), Step("lumbar_fusion", 6.0)])


def test_what_is_not_known_is_said_and_widens_the_band() -> None:
    cells = course(("cells_donor", 0.0), region="cervical")
    sham = course(("sham", 0.0), region="cervical")
    assert any("no controlled effect was found" in text for text in cells.unknown)
    assert not sham.unknown
    assert cells.pain[:, -1].std() > 0.9 * sham.pain[:, -1].std()
    part = cells.parts.set_index("part").loc["treatment", "pain"]
    assert abs(part) < 3  # nothing on average
    told = course(("basivertebral_ablation", 0.0)).unknown
    assert any("limb" in text for text in told)
    assert any("assumption" in text for text in told)


def test_bands_lie_within_one_another() -> None:
    found = course(("exercise", 0.0)).bands("pain").iloc[1:]
    order = found[["low90", "low50", "middle", "high50", "high90"]].to_numpy()
    assert (np.diff(order, axis=1) >= 0).all()
    assert (order >= 0).all()
    assert (order <= 100).all()
    assert ((found["mean"] > found["low50"]) & (found["mean"] < found["high50"])).all()


def test_cost_and_recovery_are_those_of_steps_that_are_taken() -> None:
    way = [Step("exercise"), Step("epidural_steroid", 3.0, 0.3)]
    found = course(*way, population="radicular")
    price = next(cost for cost in offers.costs() if cost.name == "epidural_injection")
    share = found.taken[1].mean()
    assert found.cost.value == pytest.approx(share * price.value)
    assert found.cost.missing == ("exercise",)
    weeks = options.option("epidural_steroid").recovery_weeks
    assert found.recovery_days.mean() == pytest.approx(7 * weeks * share)
    assert set(np.unique(found.recovery_days)) == {0.0, 7 * weeks}


def test_harm_is_asked_for_those_who_take_a_step() -> None:
    asked = []

    def harm(random: object, exposures: list[str], count: int, months: float, region: str, **more: object):
        asked.append((tuple(exposures), count, months, more["start"]))
        month = float(more["start"])  # type: ignore[arg-type]
        return pd.DataFrame(
            {"person": [0, count - 1], "month": month + 1, "event": "reoperation", "serious": [True, False]}
        )

    way = [Step("exercise"), Step("epidural_steroid", 3.0, 0.3)]
    found = follow(np.random.default_rng(1), people("radicular"), way, (0, 12), harm)
    who = np.flatnonzero(found.taken[1])
    assert asked[0] == (("exercise", "waiting"), COUNT, 12, 0)
    assert asked[1][1:] == (who.size, 9, 3)
    later = found.events[found.events["option"] == "epidural_steroid"]
    assert later["person"].tolist() == [who[0], who[-1]]
    told = care.told(found)
    assert told["serious_events_share"] == 0  # operations are told apart
    assert 0 < told["reoperation_share"] <= 4 / COUNT
    assert told["adjacent_disease_share"] == 0


def test_who_is_operated_on_anyway_can_be_compared() -> None:
    """Who is not operated on waits, whatever else is done; steps do not make them wait twice, and operations end it."""
    for one in options.options():
        assert ("waiting" in one.exposures) == (one.family != "surgery"), one.name

    def share(*way: Step) -> float:
        found = follow(np.random.default_rng(3), people("radicular"), way, (0, 24))
        return care.told(found)["conversion_to_surgery_share"]

    waits = share(Step("wait"))
    assert 0.3 < waits < 0.6
    assert share(Step("exercise")) == pytest.approx(waits, abs=0.03)
    assert share(Step("exercise"), Step("snri", 3.0)) == pytest.approx(waits, abs=0.03)
    assert share(Step("exercise"), Step("discectomy", 3.0)) < 0.4 * waits


def test_harm_of_the_house_knows_every_exposure() -> None:
    from pulposus import safety

    for one in options.options():
        for region in one.regions:
            assert safety.risks(one.exposed(region), region, 24.0) is not None


@pytest.mark.parametrize(
    ("name", "region", "population", "leading"),
    [("lumbar", "lumbar", "chronic", "pain"), ("cervical", "cervical", "radicular", "limb")],
)
def test_a_person_of_a_file_is_read(name: str, region: str, population: str, leading: str) -> None:
    found = care.one_person(read_person(EXAMPLES / f"person_{name}.toml").facts, 5)
    assert (found.region, found.population, found.leading, found.pain.size) == (region, population, leading, 5)
    fits = care.fitting(found)
    assert ("acdf" in fits) == (region == "cervical")
    assert "wait" in fits


def test_words_make_steps() -> None:
    found = care.steps("exercise at 0, epidural steroid at month 3 if not better; discectomy at 6 if not better")
    assert [(one.option, one.month) for one in found] == [("exercise", 0), ("epidural_steroid", 3), ("discectomy", 6)]
    assert found[0].unless is None
    assert 0 < found[1].unless < 1
    assert care.steps("nsaid") == (Step("nsaid"),)


@pytest.mark.parametrize(
    ("act", "said"),
    [
        (lambda: course(), "Nothing is done"),
        (lambda: course(("leeches", 0)), "Unknown option"),
        (lambda: course(("acdf", 0)), "is cervical"),
        (lambda: course(("nsaid", -1)), "give month 0 or later"),
        (lambda: course(("nsaid", 0, 0.3)), "waits for what went before"),
        (lambda: course(("nsaid", 0), ("opioid", 3, 1.5)), "fall by 1.5"),
        (lambda: course(("nsaid", 0), months=(-1,)), "not possible"),
        (lambda: course(("nsaid", 0), ("exercise", 30)), "exercise at month 30 never happens, .* until month 24"),
        (lambda: course(("exercise", 24)), "never happens"),
        (lambda: people(pain=120), "A pain of"),
        (lambda: People("lumbar", "acute", *([np.ones(2)] * 3)), "Unknown population"),
        (lambda: People("lumbar", "chronic", np.ones(2), np.ones(3), np.ones(2)), "one of each score"),
        (lambda: care.one_person({"axial_pain": 50.0}), "without odi"),
        (lambda: care.steps("exercise at soon"), "Unknown option|no step of care"),
        (lambda: care.steps("nsaid at 1.2.3"), "no step of care"),
    ],
)
def test_what_cannot_be_is_one_sentence(act, said: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError, match=said):
        act()


def test_a_child_is_refused_in_one_sentence_wherever_what_to_expect_is_asked(tmp_path: Path) -> None:
    """Python as the commands: `care`, and `economics`, which asks for the same person."""
    from pulposus.candidacy import outside

    facts = {"axial_pain": 50.0, "odi": 40.0, "age": 12.0}
    said = []
    for ask in (lambda: care.one_person(facts), lambda: outside(facts)):
        with pytest.raises(InputError, match="nothing can be said of children") as problem:
            ask()
        said.append(str(problem.value))
    child = tmp_path / "child.toml"
    text = (EXAMPLES / "person_lumbar.toml").read_text("utf-8")
    child.write_text(re.sub(r"(?m)^age = .*$", "age = 12", text), "utf-8")
    for command in ("care", "economics"):
        result = CliRunner().invoke(app, [command, str(child)])
        assert result.exit_code == 2, result.output
        said.append(result.stderr.strip())
    assert set(said) == {said[0]}
    assert care.one_person(facts | {"age": 18.0}, 3).pain.tolist() == [50] * 3


# ---------------------------------------------------------------------------------------------- commands


def run(*words: str) -> str:
    """What a command says."""
    result = CliRunner().invoke(app, list(words))
    assert result.exit_code == 0, result.output
    return result.output


def test_options_are_listed_with_sources_and_what_was_not_found() -> None:
    text = run("options", "fusion")
    assert "lumbar_fusion" in text
    assert "acdf" in text
    assert "ibrahim2008" in text
    assert "not found" in run("options", "smoking")
    rows = json.loads(run("options", "--region", "cervical", "--json"))
    assert {row["name"] for row in rows} == {one.name for one in options.options() if "cervical" in one.regions}


def test_how_often_more_follows_is_told_of_each_kind_of_pain_where_they_differ() -> None:
    (active,) = json.loads(run("options", "staying active", "--region", "lumbar", "--json"))
    shares = {row["population"]: row["share_of_1000"] for row in active["follows"]}
    assert set(shares) == {"chronic", "radicular"}
    assert shares["chronic"] < shares["radicular"]
    (fused,) = json.loads(run("options", "lumbar_fusion", "--json"))
    assert {row["population"] for row in fused["follows"]} == {"any"}


def test_care_prints_ways_side_by_side() -> None:
    person_file = str(EXAMPLES / "person_cervical.toml")
    way = "exercise at 0, acdf at 6 if not better"
    text = run("care", person_file, "--option", "collar", "--steps", way, "--months", "12")
    assert "collar" in text
    assert "if not better" in text
    assert "NDI" in text
    found = json.loads(run("care", person_file, "--option", "acdf", "--months", "6", "--json"))
    (row,) = found["ways"]
    assert found["region"] == "cervical"
    assert 0 <= row["improved_with_sham"] <= row["improved"] <= 1
    refused = CliRunner().invoke(app, ["care", person_file, "--option", "discectomy"])
    assert refused.exit_code == 2
    assert "is lumbar" in refused.output


def changed(tmp_path: Path, old: str, new: str) -> str:
    """The lumbar person with other words."""
    text = (EXAMPLES / "person_lumbar.toml").read_text("utf-8")
    assert old in text
    path = tmp_path / "someone.toml"
    path.write_text(text.replace(old, new), "utf-8")
    return str(path)


def test_red_flags_and_contradictions_come_before_any_number(tmp_path: Path) -> None:
    def said(old: str, new: str) -> str:
        return run("care", changed(tmp_path, old, new), "--option", "wait", "--months", "3")

    numb = said('saddle_numbness = "no"', 'saddle_numbness = "yes"')
    assert 0 <= numb.index("REFER: ") < numb.index("At 3 months")
    assert "REFER comes first" in numb
    assert said('fever = "no"', "").index("NOT EXCLUDED: ") >= 0
    neck = said('level = "L4-L5"', 'level = "C5-C6"')
    assert neck.index("CONTRADICTION: ") < neck.index("At 3 months")
    plain = run("care", str(EXAMPLES / "person_lumbar.toml"), "--option", "wait", "--months", "3")
    assert not any(word in plain for word in ("REFER", "CONTRADICTION", "OUTSIDE"))
    told = json.loads(
        run("care", str(EXAMPLES / "person_cervical.toml"), "--option", "collar", "--months", "3", "--json")
    )
    assert any("cord" in text for text in told["refer"])


def test_what_is_done_for_another_kind_of_pain_says_that_it_is_carried_over() -> None:
    asked = ("care", str(EXAMPLES / "person_lumbar.toml"), "--months", "3", "--option")
    assert "discectomy: it is done for radicular pain" in run(*asked, "discectomy")
    assert "carried over" not in run(*asked, "lumbar_fusion")


def test_what_nobody_looked_at_for_so_long_is_said() -> None:
    def said(months: str) -> str:
        asked = ("--option", "snri", "--option", "cells_donor", "--months", months)
        return run("care", str(EXAMPLES / "person_lumbar.toml"), *asked)

    late = said("24")
    assert "EXTRAPOLATED: SNRI (duloxetine): looked at for 3.5 months at most." in late
    assert "EXTRAPOLATED: a donor" not in late
    assert "EXTRAPOLATED" not in said("3")


def test_nothing_is_foretold_of_ages_that_no_trial_took(tmp_path: Path) -> None:
    child = CliRunner().invoke(app, ["care", changed(tmp_path, "age = 44", "age = 5")])
    assert child.exit_code == 2
    assert "trials took people from 18 on" in child.output
    old = run("care", changed(tmp_path, "age = 44", "age = 110"), "--option", "wait", "--months", "3")
    assert "OUTSIDE: age 110: no list of a trial names anyone above 85" in old
