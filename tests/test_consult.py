"""A report for a talk: what may not be missing, what may not be said, and that pictures and words add up."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from synthetic_talk import FLAG, choice, talk
from typer.testing import CliRunner

from pulposus import candidacy, care, consult, grounds, safety
from pulposus.candidacy import Person, read_person
from pulposus.cli.door import app
from pulposus.errors import InputError
from pulposus.evidence import published as printed
from pulposus.evidence.options import ITSELF, effects_of, option
from pulposus.report import paper, signs
from pulposus.report.consult import PAGE, sheets, write_consult
from pulposus.talk import CLOSED, OPEN, Choice, Outlook, Talk, people

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
SEEN = {"glucose": 1.2, "ph": 6.9, "oxygen": 1.0, "viable": 99.0}
VIEW = {f"disc_{name}_{when}": value for name, value in SEEN.items() for when in ("before", "after")}



@pytest.fixture(scope="module", autouse=True)
def quick() -> object:
    """Fewer people than a reader gets."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(consult, "_DRAWS", 20)
        patch.setattr(consult, "_EACH", 10)
        yield


@pytest.fixture(scope="module")
def lumbar() -> Talk:
    return consult.gather(read_person(EXAMPLES / "person_lumbar.toml"), VIEW)


@pytest.fixture(scope="module")
def cervical() -> Talk:
    return consult.gather(read_person(EXAMPLES / "person_cervical.toml"))


@pytest.fixture(scope="module", params=["lumbar", "cervical"])
def told(request: pytest.FixtureRequest) -> Talk:
    return request.getfixturevalue(request.param)


def outlooks(told: Talk) -> list[Outlook]:
    """What is told in numbers."""
    return [one.outlook for one in told.choices if one.outlook]


# ---------------------------------------------------------------------------------------------- what is gathered


def test_every_option_has_bands_in_order(told: Talk) -> None:
    assert len(told.choices) > 5
    for out in outlooks(told):
        for band in (out.pain, out.disability):
            ends = np.array([band.low90, band.low50, band.high50, band.high90])
            assert ends.shape[1] == len(band.months) > 3
            assert np.all((ends[0] <= band.mean) & (band.mean <= ends[-1]))
            assert band.months[-1] == told.months
            assert (np.diff(ends, axis=0) >= 0).all()
            assert ends.min() >= 0
            assert ends.max() <= 100


def test_a_sham_never_has_more_than_the_whole(told: Talk) -> None:
    for out in outlooks(told):
        chance = out.chance
        assert 0 <= chance.alone <= chance.sham <= chance.share <= 1
        assert chance.low <= chance.share <= chance.high
        assert sum(people(chance)) == 100
        assert min(people(chance)) >= 0


def test_parts_add_up_to_the_change(told: Talk) -> None:
    for one in outlooks(told):
        whole = sum(points for _, points in one.parts)
        assert told.pain + whole == pytest.approx(one.pain.mean[-1], abs=1e-6)  # one figure, said twice
        assert dict(one.parts).keys() == signs.PARTS.keys()


def test_waiting_is_made_of_time_alone(lumbar: Talk) -> None:
    waits = next(one for one in lumbar.choices if one.name == "wait")
    assert waits.outlook
    assert people(waits.outlook.chance)[:2] == (0, 0)
    parts = dict(waits.outlook.parts)
    assert parts["treatment"] == parts["expectation"] == 0


def test_no_cells_are_open_beside_a_red_flag(cervical: Talk) -> None:
    assert cervical.refer
    states = {one.state for one in cervical.choices if one.family == "biological"}
    assert states == {CLOSED}
    assert OPEN not in {one.state for one in cervical.choices}


def test_no_cells_are_open_in_the_neck() -> None:
    person = read_person(EXAMPLES / "person_cervical.toml")
    facts = {**person.facts, "gait_disturbance": "no", "clumsy_hands": "no"}
    told = consult.gather(Person(facts))
    assert not told.refer
    assert {one.state for one in told.choices if one.family == "biological"} == {CLOSED}
    assert any("cervical" in line for line in told.unknown)


def test_one_flag_more_closes_cells(lumbar: Talk) -> None:
    facts = {**read_person(EXAMPLES / "person_lumbar.toml").facts, "saddle_numbness": "yes"}
    flagged = consult.gather(Person(facts), named=("cells_donor",))
    before, after = (next(one for one in t.choices if one.name == "cells_donor") for t in (lumbar, flagged))
    assert (before.state, after.state) == (OPEN, CLOSED)
    assert before.outlook
    assert after.outlook is None
    assert "red flag" in after.silent


def test_what_is_not_told_is_said() -> None:
    facts = {name: value for name, value in read_person(EXAMPLES / "person_lumbar.toml").facts.items()
             if name not in ("axial_pain", "limb_pain", "fever")}  # fmt: skip
    told = consult.gather(Person(facts), named=("wait",))
    assert any("infection" in flag.says for flag in told.unsure)
    said = " ".join(told.unknown)
    assert "Not told: back or neck pain" in said
    assert "Not told: leg pain" in said
    assert any("Fever" in line or "fever" in line for line in told.missing)
    cells = next(one for one in told.choices if one.family == "biological")
    assert cells.state != OPEN


def test_a_child_is_refused_and_an_age_beyond_all_trials_is_said(tmp_path: Path) -> None:
    text = (EXAMPLES / "person_lumbar.toml").read_text("utf-8")
    for age in (0, 5, 17):
        (tmp_path / "child.toml").write_text(text.replace("age = 44", f"age = {age}"), "utf-8")
        asked = ["consult", str(tmp_path / "child.toml"), "--out", str(tmp_path / "talk")]
        found = CliRunner().invoke(app, asked)
        assert found.exit_code == 2
        assert "nothing can be said of children" in found.output
        assert not (tmp_path / "talk").exists()
    old = consult.gather(Person.from_dict({"history": {"age": 92, "axial_pain": 60, "odi": 40}}))
    (said,) = old.outside
    assert "no list of a trial names anyone above 85" in said
    assert said in page(old)
    adult = consult.gather(Person.from_dict({"history": {"age": 18, "axial_pain": 60, "odi": 40, "region": "lumbar"}}))
    assert not adult.outside


def test_who_hurts_less_than_what_matters_is_told_so() -> None:
    def told(pain: float) -> Talk:
        return consult.gather(
            Person.from_dict({"history": {"age": 50, "region": "lumbar", "axial_pain": pain, "odi": 10}}),
            named=("wait",),
        )

    least = told(20).pain_change
    (said,) = told(least - 1).outside
    assert "nobody can get clearly better" in said
    assert all(one.outlook.chance.share == 0 for one in told(least - 1).choices if one.outlook)
    assert told(least).outside == ()


def test_a_part_of_the_spine_that_was_not_told_is_not_taken_in_silence(lumbar: Talk) -> None:
    untold = consult.gather(Person.from_dict({"history": {"axial_pain": 60, "odi": 40}}))
    assert any(line.startswith("Not told: which part of the spine hurts") for line in untold.unknown)
    assert not any("which part of the spine" in line for line in lumbar.unknown)


def test_options_of_another_spine_are_refused() -> None:
    with pytest.raises(InputError, match="not done to the lumbar spine"):
        consult.gather(read_person(EXAMPLES / "person_lumbar.toml"), named=("acdf",))
    with pytest.raises(InputError, match="1 to 120"):
        consult.gather(read_person(EXAMPLES / "person_lumbar.toml"), months=0)


def test_what_is_done_for_another_kind_of_pain_is_not_open_and_has_no_number() -> None:
    def told(name: str, **facts: Any) -> Choice:
        given = {"age": 50, "region": "lumbar", "axial_pain": 60, "odi": 40, **facts}
        made = consult.gather(Person.from_dict({"history": given}), named=(name,))
        return next(one for one in made.choices if one.name == name)

    back = told("discectomy", limb_pain=10, radiculopathy="no")
    assert (back.state, back.outlook) == (CLOSED, None)
    assert "where a root hurts" in back.why
    assert told("basivertebral_ablation", limb_pain=80, radiculopathy="yes").outlook is None
    leg = told("discectomy", limb_pain=80, radiculopathy="yes", saddle_numbness="no")
    assert leg.state == OPEN
    assert leg.outlook


def test_the_model_s_disc_is_told_only_where_it_was_computed(lumbar: Talk, cervical: Talk) -> None:
    assert lumbar.disc
    assert {gauge.title for gauge in lumbar.disc.gauges} == {title for title, _, _ in consult._VIEWS.values()}
    assert lumbar.disc.gauges[0].limit
    assert cervical.disc
    assert cervical.disc.gauges == ()
    assert candidacy.OF_SUMMARY.keys() == consult._VIEWS.keys()


def test_a_disc_that_starves_after_the_injection_alone_is_not_called_fed(lumbar: Talk) -> None:
    start, fed, scarce = ({"glucose_min_mM": x, "oxygen_min_kPa": 1.0, "ph_min": 6.95, "native_viable_percent": 99.0}
                          for x in (1.2, 1.3, 0.3))
    person = Person.from_dict({"history": {"axial_pain": 60, "odi": 40}, "imaging": {"level": "L4-L5"}})

    def said(*later: dict[str, float]) -> str:
        view = candidacy.of_run([start, *later], [start, fed])
        return page(consult.gather(person, view, named=("wait",)))

    assert "In the model this disc feeds its cells, before and after treatment" in said(fed, fed)
    assert "a part of this disc starves, at some time after treatment" in said(scarce, fed)
    poor = replace(lumbar.disc.gauges[0], before=0.2, after=0.2, answer="no")  # type: ignore[union-attr]
    assert "starves<" in page(replace(lumbar, disc=replace(lumbar.disc, gauges=(poor,))))  # type: ignore[type-var]


def test_assumptions_are_counted(told: Talk) -> None:
    assert 0 < told.assumed < told.numbers
    assert told.sources


# ---------------------------------------------------------------------------------------------- what is drawn


def page(told: Talk) -> str:
    return paper.html(told.title, sheets(told), "no advice", "consult.css")


def test_operations_are_told_apart_from_serious_harm(told: Talk) -> None:
    for one in told.choices:
        exposed = option(one.name).exposed(told.region)
        risks = safety.risks(exposed, told.region, told.months, told.population)
        assert [harm.says for harm in one.harms] == [safety.words(risk) for risk in risks]
        for risk, harm in zip(risks, one.harms, strict=True):
            operation = risk.event in ("reoperation", "adjacent_disease", "conversion_to_surgery")
            assert (harm.follows, harm.serious) == (operation, risk.serious and not operation)
    waits = next(one for one in told.choices if one.name == "wait")
    assert any(harm.follows for harm in waits.harms)
    drawn = page(replace(told, flags=()))
    assert "(▲ serious)" in drawn
    assert "▲ Operated on anyway" not in drawn
    begins = drawn.index("Operations that may follow")
    assert drawn.index("Operated on anyway") > begins > drawn.index("(▲ serious)")


def test_hope_is_of_what_is_done_and_what_nobody_was_blind_to_is_said(lumbar: Talk) -> None:
    blind = {one.name: one.blind for one in lumbar.choices}
    assert (blind["exercise"], blind["lumbar_fusion"], blind["nsaid"], blind["sham"]) == (False, False, True, True)
    fusion = choice("fusion", 0.5, 0.4, family="surgery")
    drawn = page(talk(choices=(choice("exercise", 0.5, 0.45, blind=False), fusion)))
    assert "being cared for, and hope" in drawn
    assert "hope, and the operation" in drawn
    assert "the needle" not in drawn
    assert drawn.count("No blind trial of it was found") == 1


def test_a_page_shows_what_red_flags_wait_for_and_folds_the_rest() -> None:
    told = consult.gather(Person({"region": "lumbar", "axial_pain": 60.0, "odi": 40.0}), named=("wait",))
    assert any("fever" in line.lower() for line in told.missing)
    assert len(told.later) > len(told.missing)
    assert not set(told.missing) & set(told.later)
    drawn = page(told)
    assert drawn.index(f"<summary>What else is missing to know: {len(told.later)}") > drawn.index("What red flags wait")


def test_words_of_a_page_are_for_people_and_true_of_the_neck(cervical: Talk) -> None:
    assert "--run" not in page(cervical)
    assert not any("everything this report says" in line or "has been published" in line for line in cervical.unknown)
    assert "60 now, then 40 on average" in page(talk())


def test_a_red_flag_comes_before_everything() -> None:
    first = page(talk(flags=(FLAG,), fit="no"))
    body = first[first.index("<main>") :]
    assert body.index("Refer now") < body.index("<h1>")
    assert body.index("spinal surgeon") < body.index("<svg")
    assert "These numbers are not yet for this person" in body


def test_without_a_flag_nobody_is_referred() -> None:
    assert "Refer now" not in page(talk())
    assert "No red flag was found" in page(talk())
    unsure = page(talk(flags=(replace(FLAG, present=False),)))
    assert "No red flag was found" not in unsure
    assert "Not yet looked into" in unsure


def test_each_option_has_its_hundred_people() -> None:
    for one in talk().choices:
        assert one.outlook
        drawn = signs.crowd(one.outlook.chance, "p")
        icons = re.findall(r'<use href="#p-\d" x="[\d.]+" y="[\d.]+"/>', drawn)
        assert len(icons) == 100 + 4  # and four in the legend


def test_kinds_of_people_differ_by_more_than_colour() -> None:
    shapes = {re.sub(r'(fill|stroke)="#\w+"', "", signs.person(kind)) for kind in range(4)}
    assert len(shapes) == 4
    patterns = [pattern for _, _, pattern in list(signs.PARTS.values())[:5]]
    assert len(set(patterns)) == len(patterns)


def test_what_was_not_tried_has_no_number_and_no_bar() -> None:
    silent = "not tried in the neck: no number can be given"
    dumb = tuple(choice(name, 0, 0, outlook=None, silent=silent) for name in ("platelets", "marrow"))
    told = talk(choices=(choice("wait", 0.3, 0.3), *dumb))
    glance = paper.html("", [one for one in sheets(told) if one.name == "glance"], "", "consult.css")
    assert "Platelets and marrow: not tried in the neck: no number can be given." in glance
    assert "platelets" not in "".join(re.findall(r"<svg.*?</svg>", glance))
    full = page(told)
    assert full.count("Not tried in the neck: no number can be given.") == 2  # once a card
    assert len(re.findall(r'<g id="p-\w+-0">', full)) == 1
    assert "No number can be given" in page(talk(choices=dumb))


def test_a_list_that_was_read_in_part_is_not_called_met(lumbar: Talk) -> None:
    met = [one for one in lumbar.lists if one.answer == "yes"]
    assert any(0 < one.assumed < one.criteria for one in met)
    assert all(one.fails == () for one in met)
    drawn = page(lumbar)
    assert "Meets every criterion" not in drawn
    assert f"Meets what was read: {len(met)} of {len(lumbar.lists)} trials" in drawn
    part = next(one for one in met if one.assumed)
    assert f"({part.name}): {part.assumed} of {part.criteria} criteria are assumed from other trials" in drawn
    assert "Whether they still take people was not looked up" in drawn


def test_what_fails_the_common_core_is_not_called_unknown() -> None:
    facts = {**read_person(EXAMPLES / "person_lumbar.toml").facts, "age": 80.0}
    told = consult.gather(Person(facts), named=("wait",))
    one = next(one for one in told.lists if one.name == "IDCT-3")
    assert one.answer == "unknown"
    assert "age 18 to 70" in one.fails
    assert "age 18 to 70" not in one.why
    drawn = page(told)
    begins = drawn.index("Fails what trials have in common")
    assert drawn.index("(IDCT-3): age 18 to 70") > begins


def test_waiting_says_how_few_were_followed_and_where_it_is_extrapolated(lumbar: Talk) -> None:
    waits = next(one for one in lumbar.choices if one.name == "wait")
    held = {one: grounds.waited("lumbar", "chronic", one) for one in ("pain", "disability")}
    assert waits.outlook
    until = (waits.outlook.pain_until, waits.outlook.disability_until)
    assert until == (held["pain"].months, held["disability"].months)
    for one in held.values():
        assert 0 < one.months < lumbar.months
        assert any(one.said() in line and "extrapolated" in line for line in waits.grounds)
    drawn = page(lumbar)
    full = [one.outlook for one in lumbar.choices if one.first and one.outlook]
    ends = [until for one in full for until in (one.pain_until, one.disability_until)]
    short = [until for until in ends if until is not None and until < lumbar.months]
    assert drawn.count(">extrapolated: nobody looked</text>") == len(short) >= 4
    assert "Few who waited were followed" in drawn
    marks = [f"{waits.title}, to {one.months:.2g} mo" for one in held.values()]
    assert all(mark in drawn for mark in marks)


def test_what_nobody_looked_at_for_so_long_is_marked(told: Talk) -> None:
    drawn = page(told)
    for one in told.choices:
        if not one.outlook or one.name == "wait":
            continue
        effects = effects_of(one.name, told.region, told.population)
        leading = care.one_person(read_person(EXAMPLES / f"person_{told.region}.toml").facts).leading
        read = [effect.until for effect in effects if effect.found and effect.score == leading]
        until = one.outlook.pain_until
        assert until is not None
        assert until >= max(read, default=0.0)
        marked = f"{one.title}, to {until:.2g} mo" if until else f"{one.title}, no look"
        assert (marked in drawn) == (until < told.months)
    if told.region == "lumbar":
        looked = {one.name: one.outlook.pain_until for one in told.choices if one.outlook}
        assert looked["snri"] == 3.5
        assert looked["intradiscal_steroid"] == 3.0
        assert looked["cells_donor"] == 36.0
        assert looked["sham"] == 36.0


def test_words_in_a_hatched_part_fit_into_it(lumbar: Talk) -> None:
    out = lumbar.choices[0].outlook
    assert out

    def drawn(until: float) -> str:
        return signs.fan(out.pain, 60, ("worst", "none"), 15, 24, None, until)

    assert ">extrapolated: nobody looked<" in drawn(6)
    assert ">extrapolated<" in drawn(14)
    assert ">extrapolated" not in drawn(23)
    assert "extrapolated after 23 months" in drawn(23)
    assert "extrapolated" not in drawn(24)


def test_a_difference_in_the_fit_is_no_test_and_says_so(lumbar: Talk) -> None:
    rows = {
        (row.quantity.rpartition("_")[2], row.published, row.source)
        for row in printed.published()
        if row.fitted == "calibration" and row.treatments == ("exercise",)
    }
    effects = [one for one in effects_of("exercise", "lumbar", "chronic") if ITSELF in one.fit]
    assert {(one.score, float(one.printed.split()[0]), one.source) for one in effects} == rows
    trained = next(one for one in lumbar.choices if one.name == "exercise")
    lines = [line for line in trained.grounds if "The law was fitted to this difference" in line]
    assert len(lines) == len(rows) == 2
    assert all("[pmc10684665" in line and "no test" in line for line in lines)
    waits = next(one for one in lumbar.choices if one.name == "wait")
    assert any("pmc10684665 (in the fit)" in line for line in waits.grounds)


def test_published_differences_stand_beside_ours_with_their_source(told: Talk) -> None:
    trained = next(one for one in told.choices if one.name == "exercise")
    rows = [one for one in effects_of("exercise", told.region, told.population) if one.found]
    for row in rows:
        assert any(row.sources[0] in line and f"{abs(row.value):.0f} lower" in line for line in trained.grounds)
        assert row.sources[0] in told.sources
    assert trained.grounds[0].startswith("Beside waiting")
    assert len(trained.grounds) == 1 + max(len(rows), 1)


def test_a_share_of_a_difference_is_reckoned_and_not_of_nothing() -> None:
    row = effects_of("exercise", "lumbar", "chronic")[0]
    half = grounds.Beside(replace(row, value=-10.0), -20.0, 3.0)
    assert half.share == 0.5
    assert "published is 50 % of that" in grounds._line(half, {"pain": "back pain"})
    for ours in (-0.2, 5.0, np.nan):
        other = replace(half, ours=ours)
        assert np.isnan(other.share)
        assert "%" not in grounds._line(other, {"pain": "back pain"})
    # pain of people whose root hurts is that of the limb where nothing else is said, as in Ghahreman and Engquist
    assert grounds.looked("nerve_block", "lumbar", "radicular", "limb") == 1.0
    assert grounds.looked("exercise", "cervical", "radicular", "limb") == 24.0
    assert grounds.looked("nerve_block", "lumbar", "radicular", "pain") == 0.0
    nobody = grounds.waited("lumbar", "radicular", "limb")
    assert (nobody.trials, nobody.months) == ((), 0.0)
    assert grounds.Groups(("A", "B"), (30.0, np.nan), 3.0, True).said() == "2 groups of at least 30 people (A, B)"
    assert grounds.Groups(("A",), (np.nan,), 3.0, True).said() == "1 group of people who were not counted (A)"
    assert grounds._between(-13.2, -1.8) == "2 to 13 lower"
    assert grounds._between(-9.1, 0.9) == "9 lower to 1 higher"


def test_untried_injections_into_the_neck_have_no_numbers() -> None:
    facts = {"region": "cervical", "level": "C5-C6", "axial_pain": 60.0, "ndi": 38.0, "age": 45.0}
    told = consult.gather(Person(facts))
    inside = [one for one in told.choices if one.family == "biological" or one.name == "sham"]
    assert len(inside) == 6
    assert not [one.name for one in inside if one.outlook]
    assert len({one.silent for one in inside}) == 1
    assert all(one.outlook for one in told.choices if one.name in ("wait", "exercise"))


def test_what_comes_from_a_file_is_escaped() -> None:
    assert "Somebody <b>" not in page(talk())
    assert "Somebody &lt;b&gt;" in page(talk())


def test_a_page_is_whole_and_offline(tmp_path: Path) -> None:
    (path,) = write_consult(tmp_path / "new", talk())
    text = path.read_text("utf-8")
    assert path.name == PAGE
    assert not re.search(r'(src|href)="(?!#|data:)', text)
    assert "nan" not in re.sub(r"<style>.*?</style>", "", text).lower().replace("finance", "")
    for words in ("This disc", "Options at a glance", "What is not known", "Questions to ask", "4 of 10 numbers"):
        assert words in text


def test_nothing_half_written_where_a_folder_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="cannot be written"):
        write_consult(tmp_path / "file", talk())
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_paper_says_the_same(tmp_path: Path) -> None:
    source = paper.typst("A talk", sheets(talk(choices=(*talk().choices, choice("sham", 0.4, 0.4)))), "no advice")
    for words in ("Options side by side", "What is not known", "Who pays?", "Infection: about 3 of 1,000"):
        assert words in source
    pytest.importorskip("typst", reason="typst is not installed")
    assert paper.printed(source).startswith(b"%PDF")


def test_quotes_and_backslashes_survive_a_paper() -> None:
    assert paper._quoted('a "b" \\ c\nd') == '"a \\"b\\" \\\\ c d"'


# ---------------------------------------------------------------------------------------------- the command


def test_the_command_writes_one_page_and_refers(tmp_path: Path) -> None:
    out = tmp_path / "talk"
    result = CliRunner().invoke(
        app, ["consult", str(EXAMPLES / "person_cervical.toml"), "--out", str(out), "--option", "wait"]
    )
    assert result.exit_code == 0, result.output
    assert "REFER: spinal cord compression" in result.output
    assert [path.name for path in out.iterdir()] == [PAGE]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nobody.toml"], "nobody.toml"),
        ([str(EXAMPLES / "person_lumbar.toml"), "--option", "dissectomy"], "did you mean 'discectomy'"),
        ([str(EXAMPLES / "person_lumbar.toml"), "--months", "0"], "months cannot be looked at"),
        ([str(EXAMPLES / "person_lumbar.toml"), "--run", "nowhere"], "nowhere"),
    ],
)
def test_mistakes_are_a_sentence_and_leave_nothing(tmp_path: Path, words: list[str], said: str) -> None:
    result = CliRunner().invoke(app, ["consult", *words, "--out", str(tmp_path / "out")])
    assert result.exit_code == 2
    assert said in result.output
    assert not (tmp_path / "out").exists()


def test_help_names_the_extra_and_a_month_before_now_is_told() -> None:
    said = CliRunner().invoke(app, ["consult", "--help"], env={"COLUMNS": "200"}).output
    assert "extra 'report'" in " ".join(said.split())
    who = care.one_person({"axial_pain": 66.0, "odi": 44.0, "level": "L4-L5"}, 4)
    with pytest.raises(InputError, match="Month -1 of exercise"):
        care.follow(np.random.default_rng(0), who, care.steps("exercise at -1"), [12.0])


def test_limits_say_where_pain_comes_from() -> None:
    said = (EXAMPLES.parent / "docs" / "limits.md").read_text("utf-8")
    assert "The model ends at what a scanner would see" not in said


# ---------------------------------------------------------------------------------------------- what care gives to it


def test_belief_alone_is_all_of_a_sham_and_draws_are_kept() -> None:
    people = care.one_person({"axial_pain": 66.0, "odi": 44.0, "level": "L4-L5"}, 40)
    draws = np.arange(40)
    sham, cells, again = (
        care.follow(np.random.default_rng(1), people, [(name, 0.0)], [12.0], draws=draws)
        for name in ("sham", "cells_donor", "cells_donor")
    )
    assert np.array_equal(sham.without["pain"], sham.pain)
    assert not np.array_equal(cells.without["pain"], cells.pain)
    assert np.array_equal(cells.pain, again.pain)
    assert np.array_equal(cells.better(now=cells.sham).mean(0), cells.improved(sham=True))


def test_pain_that_was_not_told_makes_nobody_radicular() -> None:
    facts = {"region": "lumbar", "limb_pain": 18.0, "odi": 44.0}
    who, notes = consult._people(facts, "lumbar", 0)
    assert who.population == "chronic"
    assert np.ptp(who.pain) > 5
    assert any("back or neck pain" in line for line in notes)


def test_a_paper_without_typst_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "typst", None)
    with pytest.raises(InputError, match=r"pip install 'pulposus\[report\]'"):
        write_consult(tmp_path / "out", talk(), pdf=True)
    assert not (tmp_path / "out").exists()
