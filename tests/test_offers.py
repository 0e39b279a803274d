"""What is offered to people: tables held to their rules, and commands that print them."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

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
