"""The numbers that a run reads, each with unit, range, kind and source, for its record.

What: `describe` says what was asked and on what a run rests; `parameters_used` tells of every row of the evidence that
a case reads under its hypotheses and treatments; `annulus` of the tears that it is taken to have.
"""

from __future__ import annotations

import dataclasses
import importlib.metadata
import platform
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pulposus import evidence, imaging
from pulposus.disc import geometry
from pulposus.disc.parameters import Parameters, declared
from pulposus.evidence import options, usage
from pulposus.therapies.biological import course, prescribe

if TYPE_CHECKING:
    from pulposus.case import Case
    from pulposus.therapies.options import Planned

# tears and bone stand beside the clock
_ASIDE = ("validation", "exchange", "disc.fissure", "disc.herniation", "disc.instability", "disc.structure")
_TISSUES = ("nucleus", "annulus", "endplate")
_MEASURED = ("nucleus_aggregate_modulus", "annulus_matrix_modulus")
# what the solid reads and columns do not, and the composition-based law of osmotic pressure
_SOLID = ("fibre_", "rest_stress", *_MEASURED, *(f"{t}_permeability_" for t in _TISSUES))
_COMPOSED = ("nucleus_fibril_", "annulus_fibril_", "extrafibrillar_", "activity_", "ion_pairing", "osmotic_coefficient")


def parameters_used(case: Case) -> list[dict[str, Any]]:
    """Every number this run reads, with unit, range, kind and source; overrides are shown as the user's own."""
    chosen = case.hypotheses()
    unread = [
        (chosen.metabolism != "cachot" and chosen.matrix != "cachot", ("cachot_",)),
        (chosen.metabolism != "bibby_urban", ("oxygen_uptake_", "lactate_rate_")),
        (chosen.endplate_permeability != "falls", ("calcification_",)),
        (chosen.endplate_permeability != "rises", ("porosity_",)),
        (chosen.grading != "absolute", ("charge_per_grade",)),
        (not chosen.ageing, ("aggrecan_ageing_rate",)),
        (chosen.solid != "measured", _MEASURED),
        (chosen.fibres != "soften", ("fibre_softening_grade",)),
        (chosen.osmosis != "composition", _COMPOSED),
        (chosen.mechanics != "solid", _SOLID),
    ]
    skip = tuple(prefix for off, prefixes in unread if off for prefix in prefixes)
    # what the model itself does not read
    aside = {name for name in declared() if all(where.startswith(_ASIDE) for where in usage.readers(name))}
    own = case.parameter_overrides()
    found = [
        _told(evidence.used(name), name, meaning, own.get(name))
        for name, (_, meaning) in declared().items()
        if not name.startswith(skip) and name not in aside
    ]
    found += [
        _told(
            evidence.used(f"nucleus_t2_grade{g}"), f"nucleus_t2_grade{g}", f"T2 of the nucleus at Pfirrmann grade {g}"
        )
        for g in imaging.GRADES
    ]
    for treatment in case.treatments:
        given = {
            "dose_default": treatment.dose,
            "volume_default": treatment.volume_mL,
            "viability_default": treatment.viability,
            "passage_default": treatment.passage,
        }
        for group, numbers in (
            (treatment.product, evidence.product(treatment.product)),
            (treatment.carrier, evidence.carrier(treatment.carrier)),
            (treatment.site, evidence.site(treatment.site)),
            ("volume", evidence.volume_rule(case.disc.grade, case.disc.dallas)),
        ):
            found += [
                _told(row, f"{group}: {name}", row.note)
                for name, row in numbers.items()
                # a default that the case has replaced was not read
                if not row.text and row.kind != "defined" and given.get(name, row.value) == row.value
            ]
    found += [_act(act) for one in case.options for act in one.acts(case.disc.level).values() if act.kind != "defined"]
    return list({row["name"]: row for row in found}.values())


def _act(act: options.Act) -> dict[str, Any]:
    """What an option does to a disc, as a row of the record."""
    told = {key: getattr(act, key) for key in ("value", "unit", "low", "high", "kind", "source", "where", "status")}
    return told | {
        "name": f"{act.option}: {act.effect}",
        "meaning": act.note,
        "note": act.note,
        "source_keys": list(act.sources),
    }


def annulus(case: Case) -> dict[str, Any]:
    """Dallas grade by which an injection presses and leaks, that of the tear with which mechanics begin, and where a
    case is both injected and loaded and they are not the same why, as a sentence (else empty).

    Without a discogram they differ: elastance was measured by Dallas grade, so that Pfirrmann's must be taken for one;
    tears are what years of load make of an annulus that is whole.
    """
    grade, given = case.disc.grade, case.disc.dallas
    pressed = evidence.dallas_grade(grade) if given is None else given
    begun = 0 if given is None else given
    said = ""
    if pressed != begun and case.treatments and case.hypotheses().mechanics == "solid":
        said = (
            f"No discogram told the Dallas grade: an injection goes as into grade {pressed}, which Pfirrmann {grade} "
            f"is taken for, while postures, tears and herniation begin with a whole annulus (grade {begun}). Give "
            "dallas in [disc] to have one grade for both."
        )
    return {"dallas_of_the_injection": pressed, "dallas_of_mechanics": begun, "said": said}


def _told(row: evidence.Row, name: str, meaning: str, own: float | None = None) -> dict[str, Any]:
    told = {
        "name": name,
        "meaning": meaning,
        "value": row.value,
        "unit": row.unit,
        "low": row.low,
        "high": row.high,
        "kind": row.kind,
        "source": row.source,
        "where": row.where,
        "status": row.status,
        "note": row.note,
        "source_keys": row.sources,
    }
    if own is not None:
        told |= {
            "value": own / evidence.factor(row.unit),
            "kind": "chosen",
            "source": "the case file",
            "source_keys": [],
        }
    return told


def version() -> str:
    """Version of this package."""
    return importlib.metadata.version("pulposus")


def shape_of(case: Case) -> geometry.Shape:
    """The form of a resolved case's disc."""
    dimensions = case.dimensions()
    if case.disc.form:
        return case.disc.form.shape(dimensions["endplate_thickness_centre"], dimensions["endplate_thickness_rim"])
    if case.disc.outline:
        return geometry.from_outline(case.disc.outline, dimensions)
    return geometry.from_dimensions(dimensions)


def describe(case: Case) -> dict[str, Any]:
    """All that a reader needs to judge and repeat a run: choices, what was filled, every number with its source,
    versions, seed, digest, limits.
    """
    rows = parameters_used(case)
    keys = list(dict.fromkeys([key for row in rows for key in row["source_keys"]] + case.sources()))
    _, injections = prescribe(case.treatments, case.disc.grade, **case.needle())
    needles = course(case.treatments, injections, shape_of(case).nucleus.area())
    said = *(_stopped(needle) for needle in needles if needle["stopped"]), annulus(case)["said"]
    return {
        "title": case.title,
        "seed": case.run.seed,
        "mesh": case.run.mesh,
        "years": case.run.years,
        "digest": evidence.digest(),
        "versions": {"pulposus": version(), "python": platform.python_version()}
        | {name: importlib.metadata.version(name) for name in ("jax", "equinox", "numpy", "scipy")},
        "warnings": [*case.warnings, *filter(None, said)],
        "annulus": annulus(case),
        "injections": needles,
        "options": [_planned(one, case.disc.level) for one in case.options],
        "filled": dict(case.filled),
        "scanner": _scanner(case),
        "hypotheses": dataclasses.asdict(case.hypotheses()) | {"injection_pressure": case.choices.injection_pressure},
        "parameters_used": rows,
        "sources": [{"key": key, "text": evidence.reference(key), **evidence.source(key)} for key in keys],
        "mechanisms_meta": [dataclasses.asdict(m) for m in evidence.mechanisms()],
        "limits": [s.text for s in evidence.statements() if s.name.startswith("limit_")],
    }


def _planned(one: Planned, level: str) -> dict[str, Any]:
    """An option for the record of a run: what is done, when, and each number of what it does to this disc."""
    acts = [dataclasses.asdict(act) for act in one.acts(level).values()]
    return dataclasses.asdict(one) | {"line": str(one), "title": one.option.title, "acts": acts}


def _scanner(case: Case) -> dict[str, Any]:
    """What pictures of this disc are simulated and read by, and what a picture of it showed."""
    water = imaging.water_by_grade(Parameters.from_evidence(case.parameter_overrides()), case.hypotheses())
    usual = evidence.dimensions(case.disc.level)["mid_height"].si
    seen = {} if case.picture is None else case.picture.by_name().model_dump(exclude_none=True)
    return {
        "water_by_grade": np.asarray(water).tolist(),
        "t2_by_grade": np.asarray(imaging.T2Scale.from_evidence().by_grade).tolist(),
        "height_share": seen.get("height_share", case.dimensions()["mid_height"] / usual),
        "picture": seen,
    }


def _stopped(needle: Mapping[str, Any]) -> str:
    """What must be said of an injection whose volume did not all go in."""
    asked = f"Of the {needle['volume_mL']:g} mL {needle['product']} at month {needle['month']:g}"
    at = f"at {needle['peak_psi']:.0f} psi ({needle['peak_MPa']:.2f} MPa)"
    return f"{asked} only {needle['given_mL']:.2g} mL go in: the injection ends {at}, and the rest is not given."
