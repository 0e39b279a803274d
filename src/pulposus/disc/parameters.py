"""The numbers the disc needs: a field a number, its unit and meaning declared here, its value nowhere in code.

Values live in ``evidence/parameters.csv``, one used row for every field below. `Parameters.from_evidence` reads them
once, checks that each row's
unit has the declared dimension, and converts to SI. A person's own choices are passed as overrides, already in SI.

Read by: every process of the disc. Writes: nothing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from pulposus import evidence
from pulposus.errors import InputError, nearest

Number = Float[Array, "..."]


SHARE = (0.0, 1.0)
PH = (0.0, 14.0)  # maths: the scale of pH in water
GRADE = (1.0, 5.0)  # maths: the Pfirrmann grades
RIGHT = (0.0, np.pi / 2)


def declare(unit: str, meaning: str, bounds: tuple[float, float] | None = None) -> Number:
    """Declare a parameter: the unit its evidence must convert to, what it means in one line, and between which numbers
    (SI) it must lie to mean that at all.
    """
    return eqx.field(
        converter=lambda value: jnp.asarray(value, dtype=float),
        metadata={"unit": unit, "meaning": meaning, "bounds": bounds},
    )


class Parameters(eqx.Module):
    """Every number of the model, in SI; a pytree of scalars that can be batched and differentiated."""

    # solutes: diffusion in water at body temperature, and what the blood side offers
    oxygen_diffusivity: Number = declare("m^2/s", "diffusivity of oxygen in water")
    glucose_diffusivity: Number = declare("m^2/s", "diffusivity of glucose in water")
    lactate_diffusivity: Number = declare("m^2/s", "diffusivity of lactate in water")
    oxygen_solubility: Number = declare("mol/m^3/Pa", "oxygen dissolved per partial pressure")
    marrow_oxygen: Number = declare("Pa", "oxygen where cartilage endplate meets bone")
    marrow_glucose: Number = declare("mol/m^3", "glucose where cartilage endplate meets bone")
    marrow_lactate: Number = declare("mol/m^3", "lactate where cartilage endplate meets bone")
    rim_oxygen: Number = declare("Pa", "oxygen at the outer annulus")
    rim_glucose: Number = declare("mol/m^3", "glucose at the outer annulus")
    rim_lactate: Number = declare("mol/m^3", "lactate at the outer annulus")
    rim_ramp_width: Number = declare("m", "width over which the boundary value goes from marrow to outer annulus")

    # how cells use them, law a (Bibby and Urban): coupled to pH and oxygen
    oxygen_uptake_scale: Number = declare("mol/cell/s", "law a: oxygen uptake scale, multiplied by water fraction")
    oxygen_uptake_ph_offset: Number = declare("", "law a: pH at which oxygen uptake ends", PH)
    oxygen_uptake_half: Number = declare("Pa", "law a: oxygen at half uptake")
    oxygen_uptake_half_per_ph: Number = declare("Pa", "law a: rise of that oxygen per pH unit")
    lactate_rate_unit: Number = declare("mol/cell/s", "law a: unit of the exponential lactate law")
    lactate_rate_constant: Number = declare("", "law a: constant of the exponent")
    lactate_rate_per_ph: Number = declare("", "law a: exponent per pH unit")
    lactate_rate_per_oxygen: Number = declare("1/Pa", "law a: exponent per oxygen")
    lactate_rate_per_oxygen_squared: Number = declare("1/Pa^2", "law a: exponent per oxygen squared (subtracted)")
    ph_without_lactate: Number = declare("", "pH at no lactate", PH)
    lactate_per_ph: Number = declare("mol/m^3", "lactate that lowers pH by one")
    glucose_per_lactate: Number = declare("", "glucose used per lactate made")
    glucose_limiter: Number = declare("mol/m^3", "glucose at which glycolysis runs at half its rate")

    # law b (Cachot and others): its own densities, glucose dependence and maintenance
    cachot_oxygen_uptake: Number = declare("mol/cell/s", "law b: greatest biosynthetic oxygen uptake")
    cachot_oxygen_half: Number = declare("mol/m^3", "law b: dissolved oxygen at half uptake")
    cachot_pasteur: Number = declare("", "law b: lactate made per oxygen not used")
    cachot_nucleus_lactate: Number = declare("mol/cell/s", "law b: greatest lactate rate, nucleus")
    cachot_nucleus_depth: Number = declare("", "law b: A, fall at low glucose and oxygen, nucleus")
    cachot_nucleus_slope: Number = declare("", "law b: B, fall over the glucose range, nucleus")
    cachot_nucleus_glucose_squared: Number = declare("mol^2/m^6", "law b: alpha, nucleus")
    cachot_nucleus_oxygen: Number = declare("mol/m^3", "law b: beta, nucleus")
    cachot_annulus_lactate: Number = declare("mol/cell/s", "law b: greatest lactate rate, annulus and endplate")
    cachot_annulus_depth: Number = declare("", "law b: A, annulus and endplate")
    cachot_annulus_slope: Number = declare("", "law b: B, annulus and endplate")
    cachot_annulus_glucose_squared: Number = declare("mol^2/m^6", "law b: alpha, annulus and endplate")
    cachot_annulus_oxygen: Number = declare("mol/m^3", "law b: beta, annulus and endplate")
    cachot_glucose_reference: Number = declare("mol/m^3", "law b: culture glucose of the fit")
    cachot_maintenance: Number = declare("mol/cell/s", "law b: maintenance ATP per grade above healthy")
    cachot_oxygen_share: Number = declare("", "law b: share of maintenance by oxygen, scale", SHARE)
    cachot_share_glucose: Number = declare("mol/m^3", "law b: glucose scale of that share")
    cachot_share_oxygen: Number = declare("mol/m^3", "law b: oxygen scale of that share")
    cachot_atp_per_oxygen: Number = declare("", "law b: ATP per oxygen")
    cachot_atp_per_lactate: Number = declare("", "law b: ATP per lactate")
    cachot_critical_glucose: Number = declare("mol/m^3", "law b: glucose under which fewer cells are active")
    cachot_nucleus_cells: Number = declare("cell/m^3", "law b: cells, nucleus")
    cachot_annulus_cells: Number = declare("cell/m^3", "law b: cells, annulus")
    cachot_endplate_cells: Number = declare("cell/m^3", "law b: cells, endplate")

    # who lives there, and what kills
    nucleus_cells: Number = declare("cell/m^3", "active cells, nucleus")
    annulus_cells: Number = declare("cell/m^3", "active cells, annulus")
    endplate_cells: Number = declare("cell/m^3", "active cells, cartilage endplate")
    native_cells_grade5: Number = declare("", "native cells of a grade V disc, relative to a healthy one")
    glucose_death_rate: Number = declare("1/s", "scale of death by want of glucose")
    glucose_death_threshold: Number = declare("mol/m^3", "glucose under which cells die")
    glucose_death_half: Number = declare("mol/m^3", "glucose scale of that death")
    acid_death_rate: Number = declare("1/s", "death rate under the pH threshold")
    acid_death_threshold: Number = declare("", "pH under which cells die", PH)
    acid_death_width: Number = declare("", "pH range over which that death comes to its full rate")
    inflammatory_death_rate: Number = declare(
        "1/s", "native death rate per unit share of IL-1beta-positive cells above healthy"
    )
    recruitment_rate: Number = declare(
        "1/s", "own progenitors recruited at full homing signal, per native cell that a healthy disc would have more"
    )
    np_like_loss_factor: Number = declare("", "loss of NP-like cells relative to that of the injected cells they were")
    np_like_clearance_factor: Number = declare("", "immune clearance of NP-like cells, relative in the same way")

    # composition by tissue, healthy and grade III, and how it goes on from there
    solid_density: Number = declare("kg/m^3", "density of the dry solid")
    water_density: Number = declare("kg/m^3", "density of water")
    nucleus_water_healthy: Number = declare("", "water by mass, nucleus, healthy", SHARE)
    annulus_water_healthy: Number = declare("", "water by mass, annulus, healthy", SHARE)
    endplate_water_healthy: Number = declare("", "water by mass, endplate, healthy", SHARE)
    nucleus_water_grade3: Number = declare("", "water by mass, nucleus, grade III", SHARE)
    annulus_water_grade3: Number = declare("", "water by mass, annulus, grade III", SHARE)
    endplate_water_grade3: Number = declare("", "water by mass, endplate, grade III", SHARE)
    nucleus_charge_healthy: Number = declare("mol/m^3", "fixed charge per water, nucleus, healthy")
    annulus_charge_healthy: Number = declare("mol/m^3", "fixed charge per water, annulus, healthy")
    endplate_charge_healthy: Number = declare("mol/m^3", "fixed charge per water, endplate, healthy")
    nucleus_charge_grade3: Number = declare("mol/m^3", "fixed charge per water, nucleus, grade III")
    annulus_charge_grade3: Number = declare("mol/m^3", "fixed charge per water, annulus, grade III")
    endplate_charge_grade3: Number = declare("mol/m^3", "fixed charge per water, endplate, grade III")
    nucleus_collagen_healthy: Number = declare("", "collagen by dry mass, nucleus, healthy", SHARE)
    annulus_collagen_healthy: Number = declare("", "collagen by dry mass, annulus, healthy", SHARE)
    endplate_collagen_healthy: Number = declare("", "collagen by dry mass, endplate, healthy", SHARE)
    nucleus_collagen_grade3: Number = declare("", "collagen by dry mass, nucleus, grade III", SHARE)
    annulus_collagen_grade3: Number = declare("", "collagen by dry mass, annulus, grade III", SHARE)
    endplate_collagen_grade3: Number = declare("", "collagen by dry mass, endplate, grade III", SHARE)
    healthy_grade: Number = declare("", "continuous grade of a healthy disc (Pfirrmann I)", GRADE)
    charge_grade4_of_grade3: Number = declare("", "fixed charge of grade IV relative to grade III")
    charge_grade5_of_grade3: Number = declare("", "fixed charge of grade V relative to grade III")
    charge_per_grade: Number = declare("", "absolute map: grade gained per e-fold of charge lost")

    # matrix turnover
    nucleus_aggrecan_decay: Number = declare("1/s", "aggrecan decay, nucleus, normal disc")
    annulus_aggrecan_decay: Number = declare("1/s", "aggrecan decay, annulus, normal disc")
    nucleus_aggrecan_decay_degenerate: Number = declare("1/s", "aggrecan decay, nucleus, degenerate disc")
    annulus_aggrecan_decay_degenerate: Number = declare("1/s", "aggrecan decay, annulus, degenerate disc")
    degenerate_grade: Number = declare("", "continuous grade at which the degenerate decay is reached", GRADE)
    aggrecan_ageing_rate: Number = declare("1/s", "yearly fall of aggrecan in an ageing healthy disc")
    collagen_decay_young: Number = declare("1/s", "collagen decay at 20 to 40 years")
    collagen_decay_old: Number = declare("1/s", "collagen decay at 50 to 80 years")
    collagen_young_age: Number = declare("s", "middle of the young age range")
    collagen_old_age: Number = declare("s", "middle of the old age range")
    protease_gain: Number = declare("", "rise of matrix decay per relative rise of protease activity")
    cachot_decay: Number = declare("1/s", "CK hypothesis: charge decay of a young disc")
    cachot_decay_aged: Number = declare("1/s", "CK hypothesis: charge decay of an old disc")
    cachot_ageing_time: Number = declare("s", "CK hypothesis: time constant of ageing")
    cachot_decay_per_grade: Number = declare("1/s", "CK hypothesis: decay added per grade above healthy")
    cachot_decay_time: Number = declare("s", "CK hypothesis: time constant of that addition")
    cachot_synthesis_loss: Number = declare("", "CK hypothesis: delta, loss of synthesis per grade above healthy")

    # endplate states and their two rival hypotheses
    endplate_calcified_openness: Number = declare("", "diffusivity of a calcified endplate relative to a healthy one")
    endplate_sclerotic_supply: Number = declare(
        "", "oxygen and glucose offered at a sclerotic endplate relative to a healthy one"
    )
    endplate_perforated_openness: Number = declare("", "diffusivity of a perforated endplate relative to a healthy one")
    calcification_quadratic: Number = declare("", "falls: calcified share per grade squared")
    calcification_linear: Number = declare("", "falls: calcified share per grade")
    calcification_slope: Number = declare("", "falls: loss of endplate diffusivity per calcified share")
    porosity_rise_grade5: Number = declare("", "rises: gain of endplate porosity from grade I to V")

    # signals between cells
    cytokine_diffusivity: Number = declare("m^2/s", "diffusivity of IL-1beta and TNF in water")
    cytokine_half_life: Number = declare("s", "half-life of IL-1beta and TNF in tissue")
    secretome_diffusivity: Number = declare("m^2/s", "diffusivity of the soluble factors of injected cells in water")
    secretome_half_life: Number = declare("s", "half-life of those factors in tissue")
    il1b_positive_healthy: Number = declare("", "share of IL-1 receptor positive cells, non-degenerate", SHARE)
    il1b_positive_degenerate: Number = declare("", "share of IL-1 receptor positive cells, degenerate", SHARE)
    tnf_positive_healthy: Number = declare("", "share of TNF-positive cells, non-degenerate", SHARE)
    tnf_positive_degenerate: Number = declare("", "share of TNF-positive cells, degenerate", SHARE)
    activity_load: Number = declare("Pa", "mean load magnitude that the cells feel")
    activity_frequency: Number = declare("1/s", "mean load frequency that the cells feel")

    # water, salt and the solid
    temperature: Number = declare("K", "temperature of the body")
    gas_constant: Number = declare("J/mol/K", "molar gas constant")
    salt: Number = declare("mol/m^3", "salt outside the tissue")
    nucleus_aggregate_modulus: Number = declare("Pa", "matrix in confined compression, nucleus, healthy")
    nucleus_aggregate_modulus_grade3: Number = declare("Pa", "matrix in confined compression, nucleus, grade III")
    annulus_matrix_modulus: Number = declare("Pa", "matrix shear modulus by axial tension, annulus, healthy")
    annulus_matrix_modulus_grade3: Number = declare("Pa", "matrix shear modulus by axial tension, annulus, grade III")
    nucleus_shear_modulus: Number = declare("Pa", "matrix shear modulus, nucleus, healthy")
    annulus_shear_modulus: Number = declare("Pa", "matrix shear modulus, annulus, healthy")
    endplate_shear_modulus: Number = declare("Pa", "matrix shear modulus, endplate, healthy")
    nucleus_shear_modulus_grade3: Number = declare("Pa", "matrix shear modulus, nucleus, grade III")
    annulus_shear_modulus_grade3: Number = declare("Pa", "matrix shear modulus, annulus, grade III")
    endplate_shear_modulus_grade3: Number = declare("Pa", "matrix shear modulus, endplate, grade III")

    # swelling by composition: water inside collagen fibrils, activity of salt
    nucleus_fibril_water_gain: Number = declare("", "water in fibrils that pressure takes away, per collagen, nucleus")
    nucleus_fibril_water_rate: Number = declare("1/Pa", "fall of that water with osmotic pressure, nucleus")
    nucleus_fibril_water_floor: Number = declare("", "water in fibrils that stays, per collagen, nucleus")
    annulus_fibril_water_gain: Number = declare(
        "", "water in fibrils that pressure takes away, per collagen, annulus and endplate"
    )
    annulus_fibril_water_rate: Number = declare(
        "1/Pa", "fall of that water with osmotic pressure, annulus and endplate"
    )
    annulus_fibril_water_floor: Number = declare("", "water in fibrils that stays, per collagen, annulus and endplate")
    extrafibrillar_water_least: Number = declare("", "least water between fibrils, by mass", SHARE)
    activity_gain: Number = declare("", "activity coefficient of salt: what concentration takes away")
    activity_rate: Number = declare("", "activity coefficient: fall with a power of the concentration in mol/L")
    activity_power: Number = declare("", "activity coefficient: that power")
    activity_floor: Number = declare("", "activity coefficient: what stays")
    ion_pairing: Number = declare("", "share of counter-ions bound to fixed charge", SHARE)
    osmotic_coefficient: Number = declare("", "osmotic coefficient of salt water")

    # fibres and flow
    nucleus_permeability_healthy: Number = declare("m^4/N/s", "hydraulic permeability scale, nucleus, healthy")
    nucleus_permeability_exponent_healthy: Number = declare("", "its exponent of the solid share, nucleus, healthy")
    nucleus_permeability_grade3: Number = declare("m^4/N/s", "hydraulic permeability scale, nucleus, grade III")
    nucleus_permeability_exponent_grade3: Number = declare("", "its exponent of the solid share, nucleus, grade III")
    annulus_permeability_healthy: Number = declare("m^4/N/s", "hydraulic permeability scale, annulus, healthy")
    annulus_permeability_exponent_healthy: Number = declare("", "its exponent of the solid share, annulus, healthy")
    annulus_permeability_grade3: Number = declare("m^4/N/s", "hydraulic permeability scale, annulus, grade III")
    annulus_permeability_exponent_grade3: Number = declare("", "its exponent of the solid share, annulus, grade III")
    endplate_permeability_healthy: Number = declare("m^4/N/s", "hydraulic permeability scale, endplate, healthy")
    endplate_permeability_exponent_healthy: Number = declare("", "its exponent of the solid share, endplate, healthy")
    endplate_permeability_grade3: Number = declare("m^4/N/s", "hydraulic permeability scale, endplate, grade III")
    endplate_permeability_exponent_grade3: Number = declare("", "its exponent of the solid share, endplate, grade III")
    load_area: Number = declare("m^2", "plan area of the disc to which the loads by posture belong")
    rest_stress: Number = declare("Pa", "mean axial stress of a disc overnight")
    fibre_stiffness_healthy: Number = declare("Pa", "modulus of collagen fibres, healthy")
    fibre_exponent_healthy: Number = declare("", "exponent of their stiffening, healthy")
    fibre_stiffness_grade3: Number = declare("Pa", "modulus of collagen fibres, grade III")
    fibre_exponent_grade3: Number = declare("", "exponent of their stiffening, grade III")
    fibre_branch_stiffness_healthy: Number = declare("Pa", "modulus of the fibres' spring behind a dashpot, healthy")
    fibre_branch_exponent_healthy: Number = declare("", "exponent of that spring, healthy")
    fibre_viscosity_healthy: Number = declare("Pa s", "viscosity of that dashpot, healthy")
    fibre_branch_stiffness_grade3: Number = declare("Pa", "modulus of the fibres' spring behind a dashpot, grade III")
    fibre_branch_exponent_grade3: Number = declare("", "exponent of that spring, grade III")
    fibre_viscosity_grade3: Number = declare("Pa s", "viscosity of that dashpot, grade III")
    fibre_share: Number = declare("", "effective volume of fibres of one family per annulus volume", SHARE)
    fibre_angle_inner_anterior: Number = declare(
        "rad", "angle of fibres to the endplate plane, inner anterior annulus", RIGHT
    )
    fibre_angle_inner_posterior: Number = declare(
        "rad", "angle of fibres to the endplate plane, inner posterior annulus", RIGHT
    )
    fibre_angle_outer_anterior: Number = declare(
        "rad", "angle of fibres to the endplate plane, outer anterior annulus", RIGHT
    )
    fibre_angle_outer_posterior: Number = declare(
        "rad", "angle of fibres to the endplate plane, outer posterior annulus", RIGHT
    )
    fibre_softening_grade: Number = declare("", "softening hypothesis: grade at which fibres would bear nothing")

    # tears, herniation, instability
    fibre_yield_strain: Number = declare("", "stretch less one of fibres at which damage begins")
    fibre_failure_strain: Number = declare("", "stretch less one of fibres that have torn")
    posterior_strength: Number = declare("", "strength of annulus behind over that in front")
    fatigue_exponent: Number = declare("", "slope of the fatigue line of annulus: cycles to failure by stress ratio")
    fissure_opening: Number = declare("", "damage from which a tear lets nucleus and water through", SHARE)
    fissure_permeability_gain: Number = declare("", "hydraulic permeability of torn annulus over whole")
    nucleus_mobile_share: Number = declare("", "share of the nucleus without room to swell that can leave", SHARE)
    nucleus_holding_pressure: Number = declare("Pa", "worst pressure under which nucleus stays in an open tear")
    herniation_time: Number = declare("s", "time in which nucleus goes through an open tear")
    resorption_half_life: Number = declare("s", "half-life of extruded nucleus")
    herniation_aspect: Number = declare("", "half width of a herniation over its depth")
    herniation_span: Number = declare("", "height of a herniation over that of its disc")
    neutral_moment: Number = declare("N*m", "small moment at which the neutral zone is read")
    translation_force: Number = declare("N", "anterior force under which translation is read")
    instability_onset: Number = declare("", "neutral zone over that of the whole disc from which bone answers")
    osteophyte_rate: Number = declare("m/s", "growth of osteophytes where the neutral zone has doubled")
    osteophyte_greatest: Number = declare("m", "length at which osteophytes meet")
    osteophyte_posterior_share: Number = declare("", "length of osteophytes behind over that in front")
    flavum_per_height: Number = declare("", "fold of the yellow ligament into the canal per height lost")

    @classmethod
    def from_evidence(cls, overrides: Mapping[str, float] | None = None) -> Parameters:
        """Read every field's used row, in SI; `overrides` (also SI) replace single values.

        Raises InputError for an override that names no parameter.
        """
        overrides = dict(overrides or {})
        fields = {field.name: field.metadata["unit"] for field in dataclasses.fields(cls)}
        for name in overrides:
            if name not in fields:
                raise InputError(
                    f"Unknown parameter {name!r}{nearest(name, fields)}; `pulposus list parameters` names them all."
                )
        values: dict[str, Any] = {name: overrides.get(name, evidence.si(name, unit)) for name, unit in fields.items()}
        return cls(**values)


def bounds() -> dict[str, tuple[float, float]]:
    """Name -> least and most (SI) of every parameter that means nothing beyond them: shares, pH, grades, angles."""
    return {f.name: f.metadata["bounds"] for f in dataclasses.fields(Parameters) if f.metadata["bounds"]}


def declared() -> dict[str, tuple[str, str]]:
    """Name -> (unit, meaning) of every parameter the model reads."""
    return {f.name: (f.metadata["unit"], f.metadata["meaning"]) for f in dataclasses.fields(Parameters)}
