"""The procedure from end to end: a lot and whether it is released, the injection and what goes in, visits, a checklist.

What: `read_plan` gives a checked `Plan`; `release` holds its lot against a named set of criteria, test by test (pass,
fail, or not tested); `treatment` is what the simulation reads, with the viability that this lot has, so that a lot at
62 % gives 62 % of its cells, or nothing where it fails a release that is required; `needle` says how much goes in
before the limit of pressure; `checklist` is for people.
Reads: `pulposus.evidence.steps`, and the rule of volume and pressure by which every run injects.
Errors: every mistake of a user is an `InputError` of one sentence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, StrictStr, ValidationError

from pulposus import candidacy, evidence
from pulposus.case import Case
from pulposus.errors import InputError, nearest
from pulposus.evidence import steps
from pulposus.evidence.steps import Step
from pulposus.therapies import protocol
from pulposus.therapies.protocol import Treatment
from pulposus.values import number, one_of, toml_file, whole

PASS, FAIL, OPEN = "pass", "fail", "not tested"
_PERCENT = 100.0  # maths: per cent
_THICKEST, _THINNEST = 14, 34  # maths: gauges of needles that exist, a guard against slips of the keyboard
_MOST_ENDOTOXIN = 1e6  # maths: a guard against slips of the keyboard

Growth = Literal["none", "found"]
Side = Literal["left", "right", "both", "middle"]
Guidance = Literal["biplanar fluoroscopy", "fluoroscopy", "computed tomography", "ultrasound", "none"]
Release = Literal["required", "reported"]
_Share = Annotated[float | None, *number("1", 0, 1, "a share from 0 to 1, or text as '62 %'")]
_Percent = Annotated[float | None, *number("percent", 0, _PERCENT, "cells that carry the marker")]
_Volume = Annotated[float | None, *number("mL", what="a volume")]
_Growth = Annotated[Growth | None, one_of(Growth)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Harvest(_Table):
    """Where the cells come from, and how much was taken."""

    site: StrictStr = ""
    volume: _Volume = None


class Lot(_Table):
    """The lot that was made: product, count, viability, markers and tests; which criteria release it, and whether it
    has to pass them to be given.
    """

    product: StrictStr
    cells: Annotated[float | None, *number("1", 0, what="cells counted in the dose")] = None
    origin: StrictStr | None = None
    passage: Annotated[int | None, *whole(0, float("inf"), "number of passages")] = None
    viability: _Share = None
    criteria: StrictStr
    release: Annotated[Release, one_of(Release)] = "required"
    CD73: _Percent = None
    CD90: _Percent = None
    CD105: _Percent = None
    CD45: _Percent = None
    CD34: _Percent = None
    CD31: _Percent = None
    CD14: _Percent = None
    CD19: _Percent = None
    HLA_DR: _Percent = None
    sterility: _Growth = None
    mycoplasma: _Growth = None
    endotoxin: Annotated[float | None, *number("1", 0, _MOST_ENDOTOXIN, "endotoxin in EU for each kg")] = None


class Needle(_Table):
    """How it is injected: volume in mL, carrier, place of the tip, gauge, guidance, sides of needle and pain, month."""

    volume: _Volume = None
    carrier: StrictStr | None = None
    site: StrictStr | None = None
    gauge: Annotated[int | None, *whole(_THICKEST, _THINNEST, "gauge of a needle")] = None
    guidance: Annotated[Guidance | None, one_of(Guidance)] = None
    side: Annotated[Side | None, one_of(Side)] = None
    pain_side: Annotated[Side | None, one_of(Side)] = None
    month: Annotated[float, *number("month", 0, what="months after the start")] = 0.0


@dataclass(frozen=True)
class Tested:
    """One test of the lot: pass, fail, or not tested; whether it decides, and what was asked and found."""

    name: str
    answer: str
    decides: bool
    said: str
    source: str
    assumed: bool


@dataclass(frozen=True)
class Plan:
    """A plan from assessment to follow-up."""

    title: str
    tables: Mapping[str, Any]
    harvest: Harvest
    lot: Lot
    injection: Needle

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Plan:
        """A plan from the tables of a file. Raises InputError, one sentence, for the first mistake."""
        own: dict[str, type[BaseModel]] = {"harvest": Harvest, "lot": Lot, "injection": Needle}
        known = ("title", "person", "disc", *own)
        for name in data:
            if name not in known:
                raise InputError(f"Unknown table {name!r} in a plan{nearest(name, known)}; known: {', '.join(known)}.")
        if "lot" not in data:
            raise InputError("The plan has no [lot]; write [lot] and under it product and criteria.")
        made: dict[str, Any] = {}
        for name, model in own.items():
            if not isinstance(given := data.get(name, {}), Mapping):
                raise InputError(f"{name} is {given!r}, not a table; write [{name}] and its keys on lines below.")
            try:
                made[name] = model.model_validate(dict(given))
            except ValidationError as problem:
                raise InputError(_sentence(problem, name, model)) from None
        tables = {name: data[name] for name in ("person", "disc") if name in data}
        plan = cls(str(data.get("title", "")), tables, **made)
        steps.release_tests(plan.lot.criteria)
        plan._filled()
        candidacy.outside(_age(Case.from_dict(tables)))
        return plan

    # ------------------------------------------------------------------------------------------ the lot

    def release(self) -> tuple[Tested, ...]:
        """Every test of the lot's criteria."""
        found = {name: getattr(self.lot, name) for name in Lot.model_fields}
        if found["viability"] is not None:
            found["viability"] *= _PERCENT
        return tuple(_tested(test, found[test.name]) for test in steps.release_tests(self.lot.criteria))

    @property
    def released(self) -> str:
        """Fail where a test that decides fails, not tested where one was not made, else pass."""
        answers = {test.answer for test in self.release() if test.decides}
        return FAIL if FAIL in answers else OPEN if OPEN in answers else PASS

    @property
    def living(self) -> float:
        """Living cells (or vesicles, or mL) of the dose: what was counted times the share alive."""
        treatment = self._filled()
        return treatment.dose * treatment.viability

    @property
    def assumed(self) -> tuple[str, ...]:
        """What the number of living rests on that the lot does not say and that is an assumption of the product."""
        rows = evidence.product(self.lot.product)
        asked = {"dose": (self.lot.cells, "dose_default"), "viability": (self.lot.viability, "viability_default")}
        return tuple(name for name, (own, row) in asked.items() if own is None and rows[row].assumed)

    def _filled(self) -> Treatment:
        lot, given = self.lot, self.injection
        return protocol.fill(
            lot.product,
            origin=lot.origin,
            dose=lot.cells,
            viability=lot.viability,
            passage=lot.passage,
            volume=given.volume,
            carrier=given.carrier,
            site=given.site,
            month=given.month,
        )

    def treatment(self) -> Treatment:
        """What the simulation reads. Raises InputError where release is required and the lot does not pass."""
        if self.lot.release == "required" and self.released != PASS:
            tests = [test for test in self.release() if test.decides and test.answer == self.released]
            told = "; ".join(test.said for test in tests)
            why = "fails its release" if self.released == FAIL else "is not released yet"
            remedy = "make another lot" if self.released == FAIL else "give what was found"
            raise InputError(
                f"The lot {why} ({told}); {remedy}, or write release = 'reported' to compute it all the same."
            )
        return self._filled()

    # ------------------------------------------------------------------------------------------ the injection

    def case(self) -> Case:
        """The case that `pulposus run` computes: this disc with this lot."""
        tables = {**self.tables, "treatments": [self.treatment()]}
        return Case.from_dict({**tables, "title": self.title} if self.title else tables)

    def needle(self) -> dict[str, Any]:
        """What happens at the needle, as in a run: volume asked and given (mL), peak pressure (psi), whether it stops,
        and living cells that go in. Of the lot as it is, released or not.
        """
        from pulposus.disc import geometry
        from pulposus.therapies.biological import course, prescribe

        case, treatment = Case.from_dict(self.tables), self._filled()
        area = float(geometry.from_dimensions(case.resolved().dimensions()).nucleus.area())
        _, injections = prescribe([treatment], case.disc.grade, **case.needle())
        found = course([treatment], injections, area)[0]
        limit = evidence.volume_rule(case.disc.grade, case.disc.dallas)["stop_pressure"].value
        return {
            "volume_mL": found["volume_mL"],
            "given_mL": found["given_mL"],
            "peak_psi": found["peak_psi"],
            "limit_psi": limit,
            "stopped": bool(found["stopped"]),
            "living": self.living * found["given_mL"] / found["volume_mL"],
        }

    def warnings(self) -> list[str]:
        """What must be said of the plan before anyone follows it."""
        said = list(Case.from_dict({**self.tables, "treatments": [self._filled()]}).warnings)
        if old := candidacy.outside(_age(Case.from_dict(self.tables))):
            said.append(f"{old[0].upper()}{old[1:]}.")
        given = self.injection
        if given.side and given.side == given.pain_side and given.side in ("left", "right"):
            said.append(
                f"The needle comes from the {given.side}, the side of the pain; published series take the other."
            )
        if given.guidance in ("none", "ultrasound"):
            said.append(f"Guidance is {given.guidance!r}: no series that was read injects a disc so.")
        needle = self.needle()
        if needle["stopped"]:
            said.append(
                f"Of {needle['volume_mL']:.3g} mL {needle['given_mL']:.3g} mL go in before the limit of "
                f"{needle['limit_psi']:.3g} psi or of volume; plan a smaller volume."
            )
        return said

    def checklist(self) -> tuple[Step, ...]:
        """The steps of this region, in order."""
        region = "cervical" if Case.from_dict(self.tables).disc.level.startswith("C") else "lumbar"
        return tuple(step for step in steps.steps() if step.region in (region, "any"))


def read_plan(path: str | Path) -> Plan:
    """A plan from a TOML file. Raises InputError, one sentence, for what cannot be read or understood."""
    data = toml_file(path, "plan")
    try:
        return Plan.from_dict(data)
    except InputError as problem:
        raise InputError(f"{Path(path).name}: {problem}") from None


def _age(case: Case) -> dict[str, float]:
    """The age of a person, as a fact; nothing where it was not told."""
    return {} if case.person is None or case.person.age is None else {"age": case.person.age}


def _tested(test: steps.Test, found: Any) -> Tested:
    """One test against what was found."""
    unit = {"percent": " %", "": ""}.get(test.unit, f" {test.unit}")
    asked = test.word or _reach(test.low, test.high, unit)
    if found is None:
        answer, said = OPEN, f"{test.name}: {asked} asked, not tested"
    else:
        held = found == test.word if test.word else test.low <= found <= test.high
        answer = PASS if held else FAIL
        value = found if test.word else f"{found:.4g}{unit}"
        said = f"{test.name}: {value}, {asked} asked"
    return Tested(test.name, answer, test.decides, said, test.source, test.kind == "assumed")


def _reach(low: float, high: float, unit: str) -> str:
    return f"at least {low:g}{unit}" if low > 0 else f"at most {high:g}{unit}"


def _sentence(problem: ValidationError, table: str, model: type[BaseModel]) -> str:
    """The first mistake of a table in one sentence; a misspelt key goes before the one missing because of it."""
    mistake = min(problem.errors(include_url=False), key=lambda error: error["type"] == "missing")
    key = str(mistake["loc"][0])
    if mistake["type"] == "extra_forbidden":
        known = ", ".join(model.model_fields)
        return f"Unknown key {key!r} in [{table}]{nearest(key, model.model_fields)}; known: {known}."
    if mistake["type"] == "missing":
        example = {"criteria": f"one of {', '.join(steps.release())}", "product": "for example 'MSC(M)'"}[key]
        return f"[{table}] has no {key}; add it, {example}."
    if mistake["type"] == "value_error":
        return f"[{table}] {key}: {mistake['ctx']['error']}"
    return f"[{table}] {key} is {mistake['input']!r}, which cannot be used; {mistake['msg'].lower()}."
