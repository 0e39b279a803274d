"""The numbers that a run reads, each with unit, range, kind and source, for its record.

What: `parameters_used` tells of every row of the evidence that a case reads under its hypotheses and treatments;
`annulus` of the tears that it is taken to have.
"""

from __future__ import annotations

import importlib.metadata
from typing import TYPE_CHECKING, Any

from pulposus import evidence, imaging
from pulposus.disc.parameters import declared
from pulposus.evidence import usage

if TYPE_CHECKING:
    from pulposus.case import Case

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
    return list({row["name"]: row for row in found}.values())


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
