"""Protocols of trials: the shipped one reads back, and every nonsense is refused in one sentence."""

from __future__ import annotations

import copy
import tomllib
from pathlib import Path
from typing import Any

import pytest

from pulposus.errors import InputError
from pulposus.trials.protocol import Protocol, read_protocol

FOLDER = Path(__file__).resolve().parents[1] / "protocols"
SHIPPED = sorted(FOLDER.glob("*.toml"))


def tables(name: str = "respine") -> dict[str, Any]:
    return tomllib.loads((FOLDER / f"{name}.toml").read_text("utf-8"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_protocol_reads_back_to_the_same(path: Path) -> None:
    protocol = read_protocol(path)
    again = Protocol.from_dict(tomllib.loads(protocol.to_toml()))
    assert again == protocol
    assert protocol.ratio == again.ratio


def test_respine_is_as_published() -> None:
    respine = read_protocol(FOLDER / "respine.toml")
    assert [arm.size for arm in respine.arms] == [58, 56]
    assert respine.arms[0].inject[0].dose == 20e6
    assert respine.visits.months == (1, 3, 6, 12, 24)
    assert respine.control.name == "sham"
    assert respine.controlled


@pytest.mark.parametrize("size", [2, 3, 10, 113, 404, 1001])
def test_a_trial_of_another_size_keeps_its_arms_in_proportion(size: int) -> None:
    respine = read_protocol(FOLDER / "respine.toml")
    made = respine.sized(size)
    assert made.size == size
    for arm, before in zip(made.arms, respine.arms, strict=True):
        assert abs(arm.size - size * before.size / respine.size) < 1
    assert made.ratio == respine.ratio


def changed(path: str, value: Any) -> dict[str, Any]:
    """The tables of RESPINE with one value changed (or added, or deleted where it is None)."""
    data = copy.deepcopy(tables())
    *above, last = path.split(".")
    at: Any = data
    for part in above:
        at = at[int(part)] if part.isdigit() else at.setdefault(part, {})
    if value is None:
        del at[last]
    else:
        at[last] = value
    return data


def test_looks_of_a_trial_with_one_arm_are_refused() -> None:
    data = tables()
    data["arms"] = data["arms"][1:]
    data["allocation"] = {"method": "blocks", "ratio": [1]}
    assert not Protocol.from_dict(data).actives
    data["interim"] = {"information": [0.5]}
    with pytest.raises(InputError, match="the trial has one"):
        Protocol.from_dict(data)


NONSENSE = {
    "visit before the baseline": ("visits.months", [-1, 3, 12], "lies before the baseline"),
    "visit at the baseline": ("visits.months", [0, 12, 24], "is the baseline"),
    "visits out of order": ("visits.months", [1, 12, 6, 24], "in their order"),
    "visits that overtake": ("visits.window_days", 40, "overtake"),
    "no visits": ("visits.months", [], "has no months"),
    "arm with nobody": ("arms.0.size", 0, "nobody is allocated to it"),
    "allocation to no arm": ("allocation.ratio", [1, 0], "allocates nobody to arm 'sham'"),
    "allocation to one arm too many": ("allocation.ratio", [1, 1, 1], "3 numbers for 2 arms"),
    "block that holds no ratio": ("allocation.block", 3, "multiple of 2"),
    "stratum unknown": ("allocation.strata", ["sit"], "did you mean 'site'"),
    "endpoint unknown": ("endpoints.1.variable", "vas_bak", "did you mean 'vas_back'"),
    "rule unknown": ("endpoints.0.rule", "respin", "did you mean 'respine'"),
    "endpoint at no visit": ("endpoints.0.month", 9, "nobody is seen at month 9"),
    "analysis of another kind": ("endpoints.0.kind", "continuous", "needs kind = 'binary'"),
    "endpoint twice": ("endpoints.1.name", "responder", "stands twice"),
    "no primary": ("endpoints.0.role", "secondary", "No endpoint is primary"),
    "criteria unknown": ("trial.criteria", "CORE-LUMBER", "did you mean 'CORE-LUMBAR'"),
    "criteria of the neck": ("trial.criteria", "CORE-CERVICAL", "of the cervical spine"),
    "criterion that nobody meets": ("criteria", [{"column": "age", "at_least": 70, "at_most": 18}], "met by nobody"),
    "criterion on nothing": ("criteria", [{"column": "shoe"}], "asks for nothing"),
    "criterion unknown": ("criteria", [{"column": "agee", "at_least": 18}], "did you mean 'age'"),
    "treatment unknown": ("arms.0.treatments", ["cell"], "did you mean 'cells'"),
    "product unknown": ("arms.0.inject", ["Inject 20e6 MSC(X) in 2 mL saline"], "Unknown product"),
    "needle beside the disc with cells in it": ("arms.0.procedure", "touch", "has procedure = 'disc'"),
    "crossover to nowhere": ("arms.1.crosses_to", "cells", "stand together"),
    "key unknown": ("trial.nam", "x", "Unknown key 'nam'"),
    "table unknown": ("visit", {"months": [1]}, "did you mean 'visits'"),
    "no arms": ("arms", None, "has no"),
    "no trial": ("trial", None, "has no"),
    "strategy unknown": ("intercurrent.death", "compositee", "did you mean 'composite'"),
    "looks that go back": ("interim.information", [0.6, 0.5], "rising shares"),
    "months in words": ("visits.months", ["one"], "is not a month"),
    "source unknown": ("trial.source", "pers1924", "pers"),
}


@pytest.mark.parametrize("case", NONSENSE, ids=list(NONSENSE))
def test_nonsense_gets_its_sentence(case: str) -> None:
    path, value, said = NONSENSE[case]
    with pytest.raises(InputError, match=said) as caught:
        Protocol.from_dict(changed(path, value))
    text = str(caught.value)
    assert "\n" not in text
    assert text.endswith(".")
