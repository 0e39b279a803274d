"""What is offered to people: tables held to their rules, and commands that print them."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pulposus import safety
from pulposus.cli import app
from pulposus.errors import EvidenceError, InputError
from pulposus.evidence import FOLDER, offers

ROOT = Path(__file__).resolve().parents[1]


def corrupted(tmp_path: Path, file: str, **changes: str) -> Path:
    """A copy of a table and the bibliography with its first record changed."""
    shutil.copy(FOLDER / "sources.bib", tmp_path)
    with (FOLDER / file).open(encoding="utf-8", newline="") as stream:
        records = list(csv.DictReader(stream))
    records[0] |= changes
    with (tmp_path / file).open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(records[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(records)
    return tmp_path


def shown(*words: str) -> str:
    """What a command prints; it must not fail."""
    result = CliRunner().invoke(app, list(words))
    assert result.exit_code == 0, result.output
    return result.output


# ---------------------------------------------------------------------------------------------- claims


def test_every_claim_has_both_sides_a_verdict_and_a_page() -> None:
    assert len(offers.claims()) >= 16
    for claim in offers.claims():
        assert claim.verdict in offers.VERDICTS
        assert claim.sources, claim.name
        assert (ROOT / "docs" / claim.page).exists(), claim.page
        assert claim.claim.endswith(".")
        assert claim.evidence.endswith(".")
        assert claim.model.endswith(".")


def test_no_claim_of_benefit_to_patients_is_called_supported() -> None:
    """Controlled trials are null or nearly so: what says otherwise has to be looked at again."""
    benefit = {"disc_height", "pain_falls", "neck_mobility", "several_doses", "regenerates", "exosomes", "vessels"}
    verdicts = {claim.name: claim.verdict for claim in offers.claims()}
    assert benefit <= set(verdicts)
    assert not [name for name in benefit if "supported" in (verdicts[name], verdicts[name].removeprefix("partly_"))]


def test_what_the_model_says_of_a_claim_is_what_its_commands_say() -> None:
    said = {claim.name: claim.model for claim in offers.claims()}
    assert not any("not in the model" in text or "cannot compare" in text for text in said.values())
    tumour = next(risk for risk in safety.risks(["cultured_cells"], "lumbar") if risk.event == "tumour")
    assert tumour.seen == 0
    assert f"of {tumour.people:.0f} people" in said["tumour_and_rejection"]
    assert f"{1000 * tumour.high:.0f} of 1,000 cannot be excluded" in said["tumour_and_rejection"]
    for name, command in {
        "pain_falls": "trial why",
        "usual_care_masks": "care",
        "favourable_safety": "safety",
        "tumour_and_rejection": "safety",
    }.items():
        assert f"`pulposus {command}`" in said[name]


def test_a_word_finds_its_claims() -> None:
    assert [claim.name for claim in offers.search("tumour antibodies")] == ["tumour_and_rejection"]
    assert len(offers.search("")) == len(offers.claims())
    with pytest.raises(InputError, match=r"No claim holds 'hieght' \(did you mean 'height'\?\)"):
        offers.search("hieght")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"verdict": "true"}, r"claims.csv line 2: verdict is 'true'; write one of supported"),
        ({"source": ""}, r"published, and no source"),
        ({"source": "nobody1999"}, r"'nobody1999' is not in sources.bib"),
        ({"status": "memory"}, r"from memory but called published"),
        ({"evidence": ""}, r"no evidence; say it"),
        ({"name": "regenerates"}, r"the name stands twice"),
    ],
)
def test_claims_are_held_to_their_rules(tmp_path: Path, change: dict[str, str], said: str) -> None:
    with pytest.raises(EvidenceError, match=said):
        offers.claims(corrupted(tmp_path, "claims.csv", **change))


def test_claims_are_printed_with_their_sources() -> None:
    text = shown("claims", "height")
    assert "contradicted" in text
    assert "[pers2024] Pers and others" in text
    assert {claim["verdict"] for claim in json.loads(shown("claims", "--json"))} <= set(offers.VERDICTS)
    wrong = CliRunner().invoke(app, ["claims", "hieght"])
    assert wrong.exit_code == 2
    assert "did you mean 'height'" in wrong.output


# ---------------------------------------------------------------------------------------------- regulation


def test_every_standing_has_a_date_and_a_source_or_is_called_an_assumption() -> None:
    for one in offers.regulation():
        assert one.sources or one.kind == "assumed", one.name
        assert one.says.endswith("."), one.name
    assert set(offers.regions()) >= {"United States", "European Union", "Japan", "Korea"}
    assert {"rexlemestrocel-L", "IDCT", "BRTX-100", "donor_cells", "own_cultured", "exosomes"} <= set(offers.products())


def test_no_product_is_called_approved_and_a_warning_goes_with_every_answer() -> None:
    assert not [one for one in offers.regulation() if one.what not in offers.STANDINGS or one.what == "approved"]
    for product in ("", *offers.products()):
        for region in ("", *offers.regions()):
            found = offers.standing(product, region)
            assert [one for one in found if one.what == "warning"], (product, region)
            assert found[-1].what == "warning"


def test_a_product_brings_the_rules_of_its_class_and_a_class_its_products() -> None:
    assert {"us_donor", "us_rexlemestrocel"} <= {one.name for one in offers.standing("rexlemestrocel-l")}
    assert {"us_donor", "us_rexlemestrocel", "us_idct"} <= {one.name for one in offers.standing("Donor cells")}
    assert "us_exosomes" not in {one.name for one in offers.standing("donor_cells")}
    assert {one.region for one in offers.standing("donor_cells", "japan")} == {"Japan", "everywhere"}
    with pytest.raises(InputError, match=r"Unknown product 'donor_cell' \(did you mean 'donor_cells'\?\)"):
        offers.standing("donor_cell")
    with pytest.raises(InputError, match=r"Unknown region 'Japon' \(did you mean 'Japan'\?\)"):
        offers.standing("", "Japon")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"what": "approved"}, r"regulation.csv line 2: what is 'approved'"),
        ({"asof": "last year"}, r"asof is 'last year'; write a date"),
        ({"asof": "2024-13"}, r"asof is '2024-13'"),
        ({"source": ""}, r"published, and no source"),
        ({"status": "memory"}, r"from memory but called published"),
        ({"says": ""}, r"no says; say it"),
        ({"name": "us_svf"}, r"the name stands twice"),
        ({"note": "class donor_sells"}, r"no row is of class 'donor_sells' \(did you mean 'donor_cells'\?\)"),
    ],
)
def test_regulation_is_held_to_its_rules(tmp_path: Path, change: dict[str, str], said: str) -> None:
    with pytest.raises(EvidenceError, match=said):
        offers.regulation(corrupted(tmp_path, "regulation.csv", **change))


def test_regulation_is_printed() -> None:
    text = shown("regulation", "BRTX-100")
    assert "expedited" in text
    assert "WARNING: Clinics sell" in text
    assert {one["region"] for one in json.loads(shown("regulation", "--region", "Korea", "--json"))} == {
        "Korea",
        "everywhere",
    }


# ---------------------------------------------------------------------------------------------- costs


def test_costs_of_cells_are_the_persons_own_and_no_ratio_is_invented() -> None:
    costs = {cost.name: cost for cost in offers.costs()}
    assert costs["cells_clinic"].covered == "no"
    assert costs["cells_clinic"].who_pays == "self"
    assert costs["cells_icer"].value != costs["cells_icer"].value
    assert costs["cells_icer"].status == "not_found"
    for cost in offers.costs():
        assert cost.says.endswith("."), cost.name
        assert cost.sources or cost.status == "not_found", cost.name


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"value": "99"}, r"costs.csv line 2: value 99 is not within 4000 to 15000"),
        ({"value": "cheap"}, r"value is 'cheap', not a number"),
        ({"unit": ""}, r"a number without a unit"),
        ({"value": ""}, r"a unit without a number"),
        ({"covered": "perhaps"}, r"covered is 'perhaps'"),
        ({"who_pays": "nobody"}, r"who_pays is 'nobody'"),
        ({"source": "nobody1999"}, r"'nobody1999' is not in sources.bib"),
    ],
)
def test_costs_are_held_to_their_rules(tmp_path: Path, change: dict[str, str], said: str) -> None:
    with pytest.raises(EvidenceError, match=said):
        offers.costs(corrupted(tmp_path, "costs.csv", **change))


def test_costs_are_printed() -> None:
    text = shown("costs", "discectomy")
    assert "69,403" in text
    assert "49,523 to 94,999" in text
    found = {cost["name"]: cost for cost in json.loads(shown("costs", "--json"))}
    assert found["cells_icer"]["value"] is None
    wrong = CliRunner().invoke(app, ["costs", "discektomy"])
    assert wrong.exit_code == 2
    assert "did you mean 'discectomy'" in wrong.output
