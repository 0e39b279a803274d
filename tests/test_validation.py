"""The validation book: its bands are fixed and sourced, verdicts follow from them, and a wrong model turns red."""

from __future__ import annotations

import csv
import dataclasses
import json
import math
import re
import shutil
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import equinox as eqx
import pytest
from typer.testing import CliRunner

from pulposus import cli, evidence, validation
from pulposus.disc.parameters import Parameters
from pulposus.errors import EvidenceError, InputError
from pulposus.evidence import checks
from pulposus.report.book import SIGNS, validation_page
from pulposus.report.credibility import credibility_page
from pulposus.report.pictures import Told, curve_plot, range_plot, ticks
from pulposus.validation.finding import Finding, between, over, reached, unit_of
from pulposus.validation.laboratory import Laboratory

CHECKS = checks.read_checks()
JUDGED = [check for check in CHECKS if check.of != "pending"]
QUICK = ("law a", "yuan2009", "jackson2008", "donnan", "cachot grades")  # no disc is solved for these


# ---------------------------------------------------------------------------------------------- the entries


def test_the_book_is_as_large_and_as_sharp_as_it_says() -> None:
    """At least 40 checks, a third of them orderings at most; 15 quantitative predictions from 8 sources."""
    assert len(JUDGED) >= 40
    assert sum(check.kind == "ordering" for check in JUDGED) <= len(JUDGED) / 3
    predicted = [check for check in JUDGED if check.of == "prediction" and check.kind == "quantitative"]
    assert len({check.group for check in predicted}) >= 15
    assert len({check.source for check in predicted}) >= 8


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_every_check_has_its_source_unit_measure_and_band(check: checks.Check) -> None:
    for key in re.split(r"\s*;\s*", check.source):
        evidence.source(key)
    evidence.factor(check.unit)
    assert check.quantity
    if check.of != "pending":
        assert check.measure in validation.MEASURES
        assert check.tolerance
        assert math.isfinite(check.low)
        assert math.isfinite(check.high)
        assert (check.low, check.published, check.high) == (1, 1, 1) or check.kind == "quantitative"


def test_no_group_is_calibration_and_prediction_at_once() -> None:
    """What fixed a parameter is never counted among predictions."""
    of = {(check.group, check.of) for check in CHECKS}
    groups = [group for group, _ in of]
    assert len(groups) == len(set(groups))


def test_every_calibration_row_fixes_a_number_that_says_so() -> None:
    """The number cites the row's source, or was read off its posture, or a fit reads the row; no other names any."""
    calibration = pytest.importorskip("pulposus.uncertainty.calibration")
    tearing = pytest.importorskip("pulposus.uncertainty.tearing")
    read = {datum.check.name for datum in calibration.data()} | {check.name for check in tearing.rows()}
    for check in CHECKS:
        assert bool(check.fixes) == (check.of == "calibration"), check.name
        if check.fixes == "fit":
            assert check.name in read, check.name
        elif check.fixes:
            used = next(row for row in evidence.found(check.fixes) if row.used)
            off = used.file == "loads.csv" and evidence.calibrates(used.name.split()[0])
            assert off or set(check.source.split("; ")) & set(used.sources), check.name
    assert read <= {check.name for check in CHECKS if check.fixes == "fit"}


# What these measures give is an integral or a ratio of dimensions that were put in.
FORM = (
    *("reference_volume", "nucleus_volume", "disc_volume", "bony_height", "cervical_mean", "anterior_height"),
    *("mid_height", "endplate_thickness", "nucleus_area", "annulus_share", "nucleus_length", "nucleus_length_share"),
)


def test_what_follows_from_inputs_by_arithmetic_is_no_prediction() -> None:
    assert set(FORM) <= set(validation.MEASURES)
    for check in JUDGED:
        if check.measure in FORM:
            assert check.of in ("reproduction", "verification", "calibration"), check.name


def test_a_band_that_no_number_could_leave_is_marked() -> None:
    """The boundary value is the most that the lowest oxygen can be, and it lies in the band."""
    for check in JUDGED:
        if check.measure == "grade_extreme" and check.at.startswith("oxygen"):
            top = evidence.convert(evidence.used("marrow_oxygen").si, "Pa", check.unit)
            assert check.high < top or check.comment.startswith("hardly a test"), check.name
        if check.measure == "settling" and check.low > 0 and check.high > 100 * check.low:
            assert check.comment.startswith("hardly a test"), check.name


def test_the_page_of_the_book_counts_what_is_there() -> None:
    page = (Path(__file__).parents[1] / "docs" / "validation.md").read_text("utf-8")
    rows = re.findall(
        r"^\| (\w+) \| (quantitative|ordering) \| (\d+) \| (?:\d+ )?\| (\d+) \| (?:\d+ )?\| (\d+) \|$", page, re.M
    )
    found = {(of, kind): tuple(map(int, numbers)) for of, kind, *numbers in rows}
    for key in {(check.of, check.kind) for check in CHECKS}:
        part = [check for check in CHECKS if (check.of, check.kind) == key]
        groups, sources = ({getattr(check, name) for check in part} for name in ("group", "source"))
        assert found[key] == (len(part), len(groups), len(sources)), key


def test_the_page_counts_bands_that_stood_before_their_result_apart() -> None:
    page = (Path(__file__).parents[1] / "docs" / "validation.md").read_text("utf-8")
    for of in ("prediction", "retrodiction"):
        part = [check for check in CHECKS if check.of == of and check.kind == "quantitative"]
        before = sum(check.band_before == "yes" for check in part)
        assert f"{before} of the {len(part)} quantitative {of}s" in page
    assert {c.band_before for c in CHECKS if c.group == "upf field"} == {"no"}  # known from the tests of transport


def test_the_book_counts_them_apart_too(quick) -> None:
    table, findings = quick
    predicted = table[(table["class"] == "prediction") & (table["kind"] == "quantitative")]
    page = validation_page(table, validation.counts(table), findings)
    before = predicted[predicted["band_before"] == "yes"]
    agree = (before["verdict"] == "agrees").sum()
    assert f"<td>was committed before any result of ours for it</td><td>{len(before)}</td><td>{agree}</td>" in page


def set_in(check: str, **values: str) -> Callable[[list[dict[str, str]]], None]:
    """Change a check."""

    def change(records: list[dict[str, str]]) -> None:
        next(record for record in records if record["name"] == check).update(values)

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (set_in("swelling pressure", low="9"), r"checks.csv line \d+ \(swelling pressure\): low 9 is above high 0.3"),
        (set_in("swelling pressure", published="7"), r"the published 7 lies outside its own band"),
        (set_in("swelling pressure", source=""), r"swelling pressure\): no source; name a key"),
        (set_in("swelling pressure", source=";"), r"swelling pressure\): no source; name a key"),
        (set_in("swelling pressure", tolerance=""), r"no tolerance; say how the band follows"),
        (set_in("swelling pressure", kind="fine"), r"kind is 'fine'; write one of quantitative, ordering"),
        (set_in("swelling pressure", spread="wide"), r"spread is 'wide'; write own, other or none"),
        (set_in("swelling pressure", band_before="perhaps"), r"band_before is 'perhaps'; write yes where"),
        (set_in("swelling pressure", fixes="salt"), r"prediction, and fixes 'salt'; name the number"),
        (set_in("t2 grade 2", fixes=""), r"calibration, and fixes nothing; name the number that it fixes"),
        (set_in("swelling pressure", status="heard"), r"status is 'heard'"),
        (set_in("swelling pressure", high="much"), r"high is 'much', not a number"),
        (set_in("swelling pressure", name="endplate gag"), r"the name stands in line \d+ too"),
        (set_in("swelling pressure", **{"class": "guess"}), r"class is 'guess'"),
    ],
)
def test_a_spoilt_check_is_refused_by_line(
    tmp_path: Path, change: Callable[[list[dict[str, str]]], None], message: str
) -> None:
    for file in ("checks.csv", "sources.bib"):
        shutil.copy(checks.FOLDER / file, tmp_path)
    with (tmp_path / "checks.csv").open(encoding="utf-8", newline="") as stream:
        records = list(csv.DictReader(stream))
    change(records)
    with (tmp_path / "checks.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(records[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(records)
    with pytest.raises(EvidenceError, match=message):
        checks.read_checks(tmp_path)


@pytest.mark.parametrize(
    ("name", "unit", "message"),
    [
        ("upf oxygen minimum", "mm", r"line \d+ \(upf oxygen minimum\): mm is given, and .* answers in kPa"),
        ("upf oxygen minimum", "Pa", r"Pa is given, and reference_extreme answers in kPa; write kPa"),
        ("height loss at 80 % viable", "1", r"1 is given, and height_loss answers in percent"),
        ("swelling pressure", "wibbles", r"'wibbles' is not a unit"),
    ],
)
def test_a_check_in_another_unit_than_its_measure_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, unit: str, message: str
) -> None:
    """It would be judged against a number of another size, and might agree."""
    turned = tuple(dataclasses.replace(c, unit=unit) if c.name == name else c for c in CHECKS)
    monkeypatch.setattr(validation, "read_checks", lambda: turned)
    with pytest.raises(EvidenceError, match=message):
        validation.selected(name)


@pytest.mark.parametrize("check", JUDGED, ids=lambda check: check.name)
def test_every_measure_declares_in_which_unit_it_answers(check: checks.Check) -> None:
    wanted = unit_of(check.measure, check.at)
    assert wanted is not None
    assert evidence.dimension(check.unit) == evidence.dimension(wanted)
    assert evidence.factor(check.unit) == evidence.factor(wanted)


def test_the_published_profile_is_symmetric_at_its_ends_and_lowest_where_the_paper_says() -> None:
    profile = checks.reference_profile()
    assert profile["glucose"][0] == profile["glucose"][-1] == 5.0
    at = profile["glucose"].index(min(profile["glucose"]))
    assert (profile["y"][at], profile["glucose"][at]) == (12.3, 0.932)
    assert min(profile["oxygen"]) < 1 < max(profile["lactate"])


# ---------------------------------------------------------------------------------------------- verdicts and counts


@pytest.mark.parametrize(
    ("value", "said"),
    [(0.1, "agrees"), (0.3, "agrees"), (0.31, "differs"), (0.0, "differs"), (math.nan, "not computed")],
)
def test_a_verdict_follows_from_the_band(value: float, said: str) -> None:
    (check,) = validation.selected("swelling pressure")
    assert (check.low, check.high) == (0.1, 0.3)
    assert validation.verdict(check, value) == said


def test_checks_are_chosen_by_name_group_class_or_source_and_a_slip_gets_the_nearest() -> None:
    assert {check.group for check in validation.selected("yuan2009")} == {"yuan2009"}
    assert {check.of for check in validation.selected("pending")} == {"pending"}
    assert len(validation.selected()) == len(CHECKS)
    with pytest.raises(InputError, match="did you mean 'yuan2009'"):
        validation.selected("yuan209")


@pytest.fixture(scope="module")
def quick():
    """Table and findings of checks for which no disc is solved."""
    import pandas as pd

    parts = [validation.validate(only) for only in (*QUICK, "pending")]
    findings = {name: found for _, each in parts for name, found in each.items()}
    return pd.concat([table for table, _ in parts], ignore_index=True), findings


def test_printed_laws_are_met_to_the_last_figure(quick) -> None:
    table, _ = quick
    printed = table[table["class"] == "verification"]
    assert len(printed) >= 10
    assert (printed["verdict"] == "agrees").all()


def test_a_group_counts_once_and_agrees_only_as_a_whole(quick) -> None:
    table, _ = quick
    counted = validation.counts(table).set_index(["class", "kind"])
    yuan = table[table["group"] == "yuan2009"]
    assert set(yuan["verdict"]) == {"agrees", "differs"}
    predicted = counted.loc[("prediction", "quantitative")]
    assert (predicted["groups"], predicted["groups_agree"]) == (2, 0)
    assert predicted["agree"] == (yuan["verdict"] == "agrees").sum()
    assert counted.loc[("pending", "quantitative"), "agree"] == 0


def test_what_differs_says_why() -> None:
    """A red row of the book as it stands carries a line on why; the quick ones are run here."""
    for only in QUICK:
        table, _ = validation.validate(only)
        for row in table[table["verdict"] == "differs"].to_dict("records"):
            assert row["comment"], f"{row['name']} differs and does not say why"


def changed(monkeypatch: pytest.MonkeyPatch, **by: float) -> None:
    """Multiply parameters of the model behind the back of the evidence."""
    true = Parameters.from_evidence

    def wrong(overrides=None) -> Parameters:
        p = true(overrides)
        names = list(by)
        return eqx.tree_at(lambda q: [getattr(q, n) for n in names], p, [getattr(p, n) * by[n] for n in names])

    monkeypatch.setattr(Parameters, "from_evidence", wrong)


def test_a_wrong_law_turns_checks_red(monkeypatch: pytest.MonkeyPatch) -> None:
    changed(monkeypatch, oxygen_diffusivity=2.0, lactate_rate_per_ph=1.01, gas_constant=0.97)
    for only in ("yuan2009", "donnan"):
        table, _ = validation.validate(only)
        assert (table["verdict"] == "differs").all(), only
    table, _ = validation.validate("law a")
    assert set(table[table["name"].str.contains("lactate")]["verdict"]) == {"differs"}
    assert set(table[table["name"].str.contains("oxygen")]["verdict"]) == {"agrees"}


@pytest.mark.slow
def test_the_published_field_is_met_and_a_wrong_diffusivity_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    lab = Laboratory("cohort", "cohort")
    (check,) = validation.selected("upf glucose minimum")
    measure = validation.MEASURES[check.measure]
    right = measure(lab, check.at)
    assert validation.verdict(check, right.value) == "agrees"
    assert len(right.curve) > 10
    assert len(right.published) == 14
    changed(monkeypatch, glucose_diffusivity=1.3)
    wrong = measure(Laboratory("cohort", "cohort"), check.at)
    assert validation.verdict(check, wrong.value) == "differs"
    _, findings = validation.validate("independent solution", lab=lab)
    assert findings["fe cells +100 % mean glucose"].value < findings["fe base mean glucose"].value


@pytest.mark.slow
def test_every_measure_gives_a_number_or_an_order() -> None:
    """The whole book on the smallest mesh: verdicts may differ there, but nothing fails and curves can be drawn."""
    table, findings = validation.validate(lab=Laboratory("cohort", "cohort"))
    assert "not computed" not in set(table["verdict"])
    assert set(findings) == {check.name for check in JUDGED}
    orders = table[table["kind"] == "ordering"]
    assert set(orders["ours"]) <= {0.0, 1.0}
    assert orders["told"].str.len().gt(0).all()
    bare = {name for name, found in findings.items() if not found.curve}
    assert len(bare) <= 3
    page = validation_page(table, validation.counts(table), findings)
    assert page.count('<svg class="plot" viewBox="0 0 320 190"') == len(JUDGED) - len(bare)


def test_what_is_not_solved_is_not_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(validation.MEASURES, "osmotic", lambda lab, at: Finding(math.nan))
    table, _ = validation.validate("donnan")
    assert set(table["verdict"]) == {"not computed"}


# ---------------------------------------------------------------------------------------------- pages


class _Tags(HTMLParser):
    """Collects tags with their attributes, and holds that every one is closed."""

    VOID = frozenset({"meta", "link", "br", "rect", "line", "circle", "path", "polyline"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag


def parsed(page: str) -> _Tags:
    """A page as tags."""
    tags = _Tags()
    tags.feed(page)
    assert tags.open == []
    return tags


def test_the_pages_stand_alone_and_speak_without_colour(quick) -> None:
    table, findings = quick
    counted = validation.counts(table)
    book = validation_page(table, counted, findings)
    for page in (book, credibility_page(table, counted)):
        for tag, attributes in parsed(page).seen:
            assert tag not in ("script", "iframe", "img", "object")
            for name in ("src", "href"):
                assert (attributes.get(name) or "#").startswith(("#", "data:")), f"{tag} fetches {attributes[name]}"
        assert "url(" not in page
        assert "nan" not in re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL).lower().split()
    cards = book.count('<article class="check')
    assert cards == len(table)
    for said in set(table["verdict"]):
        assert book.count(f">{SIGNS[said]}</span>") == (table["verdict"] == said).sum()
    assert book.count("<svg") > cards / 2
    for name in table["name"]:
        assert name in book


def test_the_credibility_page_has_the_order_of_the_standards(quick) -> None:
    table, _ = quick
    page = credibility_page(table, validation.counts(table))
    wanted = ["question", "context", "risk", "verification", "validation", "uncertainty", "applicability", "outcome"]
    assert [a["id"] for tag, a in parsed(page).seen if tag == "section" and "id" in a] == wanted
    printed = table[table["class"] == "verification"]
    assert f"{(printed['verdict'] == 'agrees').sum()} of {len(printed)} comparisons agree" in page


def test_pages_say_of_what_they_are(quick) -> None:
    """Version, evidence and day stand at the foot of every page."""
    from importlib.metadata import version

    table, findings = quick
    counted = validation.counts(table)
    for page in (validation_page(table, counted, findings), credibility_page(table, counted)):
        assert f"Pulposus {version('pulposus')}, evidence {evidence.digest()[:12]}, made on 20" in page


def made_up(agree: int, of: int):
    """A table of predictions of one family, some of which agree."""
    import pandas as pd

    table, _ = validation.validate("yuan2009")
    many = pd.concat([table.iloc[:1]] * of, ignore_index=True)
    return many.assign(verdict=["agrees"] * agree + ["differs"] * (of - agree), comment="why")


def test_each_use_has_its_own_credibility_goal(tmp_path: Path) -> None:
    uses = {goal.use: goal.share for goal in checks.goals()}
    assert 0 < uses["planning an experiment"] < uses["planning a trial"] < 1
    assert math.isnan(uses["a decision on a person"])
    for agree, said in ((1, "meets no goal"), (2, "goal for planning an experiment;"), (5, "nt and planning a tr")):
        table = made_up(agree, 5)
        page = credibility_page(table, validation.counts(table)).replace(".</li>", ";</li>")
        assert said in page
        assert page.count("meets the goal") <= 1
    shutil.copy(checks.FOLDER / "sources.bib", tmp_path)
    text = (checks.FOLDER / "credibility.csv").read_text("utf-8")
    (tmp_path / "credibility.csv").write_text(text.replace("0.667", "66.7"), "utf-8")
    with pytest.raises(EvidenceError, match=r"credibility.csv line 3 \(planning a trial\): goal is 66.7"):
        checks.goals(tmp_path)


def test_what_the_mesh_costs_is_what_the_book_found(quick) -> None:
    table, _ = quick
    assert "Discretisation: not asked in this run." in credibility_page(table, validation.counts(table))
    told = table.iloc[:1].assign(group="coarse and standard mesh", quantity="extremes", ours=1.25, verdict="agrees")
    assert "extremes: 1.2 % (agrees)" in credibility_page(told, validation.counts(told))


def test_pictures_say_in_words_what_they_show() -> None:
    plot = range_plot(Told(2.0, 1.0, 3.0, 2.5))
    assert 'aria-label="published 2, band 1 to 3, ours 2.5"' in plot
    assert curve_plot(Finding(1.0)) == ""
    assert "diamonds" in curve_plot(Finding(1.0, "", "x", "y", ((0, 1), (1, 2)), ((0, 1.5),)))
    assert "nan" not in range_plot(Told(1.0, 1.0, 1.0, math.nan))


def drawn(plot: str, name: str) -> list[list[tuple[float, float]]]:
    """The points of every shape of a class."""
    found = re.findall(rf'class="{name}" points="([^"]*)"', plot)
    return [[tuple(map(float, pair.split(","))) for pair in one.split()] for one in found]


def test_what_was_published_stands_on_the_course_with_its_band() -> None:
    """A published value lies above ours where it is more, at the place along the curve where ours is read."""
    line = Finding(2.0, "", "years", "mm", ((0, 1), (1, 2), (2, 3)), shown=over(1.0))
    plot = curve_plot(line, Told(2.5, 2.2, 2.9, 2.0))
    (curve,) = drawn(plot, "line")
    bar = re.search(r'class="spread" x1="([\d.]+)" y1="([\d.]+)" x2="([\d.]+)" y2="([\d.]+)"', plot)
    disc = re.search(r'class="ours" cx="([\d.]+)" cy="([\d.]+)" r="3.5"', plot)
    assert bar
    assert disc
    x1, low, x2, high = map(float, bar.groups())
    assert x1 == x2 == pytest.approx(curve[1][0], abs=0.1)
    assert high < low < float(disc[2])  # upward is smaller
    assert (float(disc[1]), float(disc[2])) == pytest.approx(curve[1], abs=0.1)
    assert "published 2.5, band 2.2 to 2.9, ours 2" in plot
    mean = curve_plot(Finding(2.0, "", "x", "y", line.curve, shown=between(0.0, 2.0)), Told(2.5, 2.2, 2.9, 2.0))
    assert len(drawn(mean, "theirs")[0]) == 2
    assert len(drawn(mean, "band")[0]) == 4
    when = curve_plot(Finding(1.0, "", "x", "y", line.curve, shown=reached(2.0)), Told(1.5, 1.2, 1.9, 1.0))
    assert re.search(r'class="spread" x1="([\d.]+)" y1="([\d.]+)" x2="[\d.]+" y2="\2"', when)
    mates = [(Finding(3.0, "", "years", "mm", line.curve, shown=over(2.0)), Told(3.5, 3.2, 3.9, 3.0))]
    assert curve_plot(line, Told(2.5, 2.2, 2.9, 2.0), mates).count('class="spread"') == 2


def test_numbers_of_an_axis_can_be_told_apart() -> None:
    for low, high in ((0.0, 1.0), (0.3618, 0.3624), (-50.0, 50.0), (1e-6, 9e-6), (1234.0, 1236.0)):
        words = [said for _, said in ticks(low, high)]
        assert 2 <= len(words) <= 11
        assert len(set(words)) == len(words)


def test_every_quick_check_has_its_course_and_its_value_stands_on_it(quick) -> None:
    """Where a value is the height of a curve, ours lies on it."""
    table, findings = quick
    ours = table.set_index("name")["ours"]
    for name, found in findings.items():
        assert found.curve, name
        if found.shown and len(at := found.shown(ours[name])) == 1:
            (x, y), (xs, ys) = at[0], zip(*found.curve, strict=True)
            assert min(xs) <= x <= max(xs), name
            assert min(ys) * 0.99 <= y <= max(ys) * 1.01, name


def test_the_page_counts_what_has_no_course(quick) -> None:
    table, findings = quick
    bare = {name: Finding(found.value) if name == "law a oxygen at pH 7" else found for name, found in findings.items()}
    page = validation_page(table, validation.counts(table), bare)
    assert "checks is of a single number that goes along nothing, and stands on a line: law a oxygen at pH 7" in page


# ---------------------------------------------------------------------------------------------- commands


def pulposus(*words: str | Path):
    return CliRunner().invoke(cli.app, [str(word) for word in words])


def test_the_command_writes_table_and_pages(tmp_path: Path) -> None:
    result = pulposus("validate", "--out", tmp_path / "book", "--only", "donnan")
    assert result.exit_code == 0, result.output
    assert "✓ agrees" in result.stdout
    assert "validation.html" in result.stdout
    with (tmp_path / "book" / "validation.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["group"] for row in rows] == ["donnan"] * 3
    assert {row["verdict"] for row in rows} == {"agrees"}
    assert not (tmp_path / "book" / "credibility.html").exists()  # that page is of the whole book


def test_an_unknown_check_is_a_sentence_and_ctrl_c_leaves_nothing_half(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = pulposus("validate", "--out", tmp_path / "book", "--only", "donan")
    assert result.exit_code == 2
    assert "did you mean 'donnan'" in result.stderr

    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(validation, "validate", stopped)
    result = pulposus("validate", "--out", tmp_path / "book")
    assert result.exit_code == 130
    assert "nothing was kept" in result.stderr
    assert not (tmp_path / "book").exists()


def test_evidence_can_be_searched_and_shown() -> None:
    result = pulposus("evidence", "search", "diffusivity")
    assert result.exit_code == 0
    assert "oxygen_diffusivity*" in result.stdout
    shown = pulposus("evidence", "show", "nucleus_cells")
    assert "In force: 3600 cells/mm^3" in shown.stdout
    assert "All rows together: 2000 to 4800" in shown.stdout
    assert "disc.cells: native_density" in shown.stdout
    told = json.loads(pulposus("evidence", "show", "salt", "--json").stdout)
    assert told["read_by"] == [
        "disc.material: _composed",
        "disc.material: osmotic_energy",
        "disc.material: osmotic_pressure",
        "disc.mechanics: osmotic_pressure",
        "exchange.febio: _mixture",
    ]
    assert told["rows"][0]["used"] is True
    found = json.loads(pulposus("evidence", "search", "wilke1999", "--json").stdout)
    assert {row["source"] for row in found} == {"wilke1999"}
    for words, near in ((("show", "salte"), "salt"), (("search", "glucoze"), "glucose")):
        result = pulposus("evidence", *words)
        assert result.exit_code == 2
        assert f"did you mean '{near}'" in result.stderr
