"""A line of treatment means one treatment, which says the line again; what cannot be understood is one sentence."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pulposus import evidence
from pulposus.errors import InputError
from pulposus.therapies.protocol import Treatment, describe, fill, number, parse

NORIEGA = "Inject 25e6 allogeneic MSC(M) in 2 mL saline at month 0"

volumes = st.floats(1e-3, 10)
months = st.floats(0, 600)


@st.composite
def treatments(draw: st.DrawFn) -> Treatment:
    product = draw(st.sampled_from(evidence.products()))
    rows = evidence.product(product)
    volume, tabled = draw(volumes.filter(lambda v: v <= 10 * rows["volume_default"].high)), rows["dose_default"]
    if rows["dose_unit"].text == "mL":
        dose = draw(st.floats(0, volume))
    else:
        dose = draw(st.just(0.0) | st.floats(tabled.low / 1000, tabled.high * 1000))
    repeats = draw(st.integers(0, 9))
    return fill(
        product,
        origin=draw(st.sampled_from(["own", "donor", None])),
        dose=dose,
        viability=draw(st.none() | st.floats(0, 1)),
        passage=draw(st.none() | st.integers(0, 30)),
        volume=volume,
        carrier=draw(st.sampled_from(evidence.carriers())),
        site=draw(st.sampled_from(evidence.sites())),
        month=draw(months),
        repeats=repeats,
        every_months=draw(st.floats(0.033, 60)) if repeats else None,
    )


@given(treatments())
@settings(max_examples=150, deadline=None)
def test_a_treatment_reads_back_from_its_own_line(treatment: Treatment) -> None:
    assert parse(str(treatment)) == treatment
    assert describe(parse(str(treatment))) == str(treatment)


@given(st.text(max_size=40), st.integers(0, len(NORIEGA)))
@settings(max_examples=150, deadline=None)
def test_any_line_is_a_treatment_or_one_sentence(noise: str, place: int) -> None:
    treatment, said = None, ""
    try:
        treatment = parse(NORIEGA[:place] + noise + NORIEGA[place:])
    except InputError as problem:
        said = str(problem)
    assert "\n" not in said
    assert treatment is None or parse(str(treatment)) == treatment


@given(st.floats(1e-9, 1e15), st.sampled_from(["", "thousand", "million"]))
@settings(max_examples=50, deadline=None)
def test_numbers_in_words(value: float, word: str) -> None:
    times = {"": 1.0, "thousand": 1e3, "million": 1e6}[word]
    assume(value * times < 1e300)
    assert number(f"{value!r} {word}") == value * times


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        (
            NORIEGA,
            {"product": "MSC(M)", "origin": "donor", "dose": 25e6, "volume_mL": 2, "carrier": "saline", "month": 0},
        ),
        (
            "Inject 1e7 cord MSC in 1 mL HA into the posterior nucleus at month 0, repeated once after 6 months",
            {
                "product": "MSC(WJ)",
                "site": "posterior_nucleus",
                "carrier": "hyaluronic_acid",
                "repeats": 1,
                "every_months": 6,
            },
        ),
        ("Inject MSC at month 1, repeated twice every year", {"repeats": 2, "every_months": 12, "month": 1}),
        ("Inject 1e10 exosomes in 1 mL saline at month 3", {"product": "exosomes", "dose": 1e10, "month": 3}),
        ("Inject 1e6 of BM-MSC around the disc", {"product": "MSC(M)", "site": "peridiscal"}),
        ("Inject 2 mL PRP at month 0", {"product": "PRP", "dose": 2, "volume_mL": 2, "carrier": "saline"}),
        (
            "inject 25 million autologous fat MSC with HA.",
            {"product": "MSC(AT)", "origin": "own", "carrier": "hyaluronic_acid"},
        ),
        (
            "Inject 2.5 x 10^7 cells of BM-MSC in 1500 uL fibrin glue around the disc",
            {"dose": 25e6, "site": "peridiscal"},
        ),
        (
            "Inject 5,000,000 own disc cells in the annulus",
            {"product": "disc_chondrocytes", "dose": 5e6, "site": "annulus"},
        ),
        ("Inject 6e6 MPC with viability 70 % and passage 4", {"viability": 0.7, "passage": 4}),
    ],
)
def test_what_lines_mean(line: str, wanted: dict[str, object]) -> None:
    treatment = parse(line)
    assert {name: getattr(treatment, name) for name in wanted} == wanted


def test_what_a_line_leaves_out_comes_from_the_evidence() -> None:
    for name in evidence.products():
        rows, treatment = evidence.product(name), parse(f"Inject {name}")
        assert treatment.dose == rows["dose_default"].value
        assert treatment.viability == rows["viability_default"].value
        assert treatment.origin == rows["origin_default"].text


def test_every_other_name_can_be_written_in_a_line() -> None:
    for alias, name in evidence.aliases("product").items():
        amount = "1 mL" if evidence.product(name)["dose_unit"].text == "mL" else "1e6"
        assert parse(f"Inject {amount} {alias} in 2 mL saline at month 1").product == name, alias
    for alias, name in evidence.aliases("carrier").items():
        assert parse(f"Inject MPC in 2 mL {alias} at month 1").carrier == name, alias
    for alias, name in evidence.aliases("site").items():
        place = alias if alias.startswith("around") else f"into the {alias}"
        assert parse(f"Inject MPC in 2 mL saline {place} at month 1").site == name, alias


def test_millilitres_in_capitals_are_no_megalitres() -> None:
    assert parse("Inject 25e6 MSC in 2 ML saline") == parse("Inject 25e6 MSC in 2 mL saline")
    assert evidence.quantity("2 ML", "mL") == evidence.quantity("2 mL", "mL")


def test_months_of_doses() -> None:
    assert parse("Inject MPC at month 2, repeated twice every 6 months").months == (2, 8, 14)


@pytest.mark.parametrize(
    ("line", "given", "remedy"),
    [
        ("Injekt 25e6 MSC", "'Injekt'", "begins with 'Inject'"),
        ("", "''", "begins with 'Inject'"),
        ("Inject", "no product", "MSC(M)"),
        ("Inject 25e6", "no product", "MSC(M)"),
        ("Inject -5 MSC(M)", "-5", "zero or more"),
        ("Inject nan MSC", "'nan'", "25e6"),
        ("Inject 1e999 MSC", "'1e999'", "finite"),
        ("Inject 2,5e6 MSC", "'2,5e6'", "25e6"),
        ("Inject 25e6 MCS(M) in 2 mL saline", "'MCS(M)'", "did you mean 'msc(m)'"),
        ("Inject 25e6 xenogeneic MSC(M)", "xenogeneic", "MSC(M)"),
        ("Inject 25e6 MSC in 2 mL salin", "'salin'", "did you mean 'saline'"),
        ("Inject 25e6 MSC into the postirior nucleus", "'postirior nucleus'", "posterior"),
        ("Inject 25e6 MSC in 2 mm saline", "2 mm", "give it in mL"),
        ("Inject 25e6 MSC in 2 saline", "in 2 saline", "in 2 mL saline"),
        ("Inject 25e6 MSC in 0 mL saline", "0 mL", "more than zero"),
        ("Inject 2 PRP", "PRP", "'Inject 2 mL PRP'"),
        ("Inject 2 mL MSC(M)", "mL", "counted in cells"),
        ("Inject 3 mL PRP in 1 mL fibrin", "3 mL PRP", "at least 3 mL"),
        ("Inject 25e6 MSC at month -1", "-1", "month 0 or later"),
        ("Inject 25e6 MSC at month zero", "'zero'", "finite number"),
        ("Inject 25e6 MSC at month 0 at month 6", "month is given twice", "once"),
        ("Inject 25e6 MSC with viability 1.2", "1.2", "from 0 to 1"),
        ("Inject 25e6 MSC with passage 1.5", "1.5", "whole number"),
        ("Inject 25e6 MSC, repeated twice", "'repeated twice'", "every 6 months"),
        ("Inject 25e6 MSC, repeated thrise every 2 months", "'thrise'", "did you mean 'thrice'"),
        ("Inject 25e6 MSC, repeated once after -6 months", "-6", "more than zero months"),
        ("Inject 25e6 MSC in 2 mL saline and love", "'and love'", "for example"),
        ("Inject 25 MSC(M) in 2 mL saline", "25 cells", "write for example 25e6"),
        ("Inject 1e300 MSC(M)", "1e+300", "not plausible"),
        ("Inject 25e6 MSC in 200 mL saline", "200 mL", "1 to 3 mL were tabled"),
        ("Inject 25e6 MSC with passage 4000", "4000", "up to 100"),
        ("Inject 25e6 MSC, repeated 1000 times every 6 months", "1000 repeats", "at most 99"),
        ("Inject 25e6 MSC, repeated 9 times every 0.001 months", "0.001 months", "one day"),
        ("Inject 25e6 MSC at week 6", "'at week 6'", "at month 1.5"),
        ("Inject 25e6 MSC in 2 mL saline at 6 weeks", "'at 6 weeks'", "months"),
        ("Inject 25e6 MSC on 2026-01-01", "'on 2026-01-01'", "months"),
    ],
)
def test_a_bad_line_is_one_sentence(line: str, given: str, remedy: str) -> None:
    with pytest.raises(InputError) as caught:
        parse(line)
    said = str(caught.value)
    assert given in said
    assert remedy.lower() in said.lower()
    assert "\n" not in said
