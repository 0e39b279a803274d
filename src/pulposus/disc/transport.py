"""Transport: oxygen, glucose and lactate, and the acid that comes with lactate.

What: solutes diffuse in from marrow and outer annulus and are used by cells; steady at every instant of the slow clock.
Equation: ``div(D_i tau grad c_i) = consumption_i(c)``, ``tau = (phi / (2 - phi))^2`` (Mackie and Meares), pH = 7.4 -
lactate / 11.11 mM.
Reads: coordinates, water, cells. Writes: solutes.
Why steady: solutes cross the largest disc in hours, cells and matrix move over days to years (tests/test_transport.py
compares with a transient run).
Source: rates of Bibby 2005 and Soukane 2005 as coded by Munoz-Moya 2024 (law a), and of Cachot 2026 (law b).
"""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from pulposus.disc import mesh
from pulposus.disc.diffusion import Operator, separable
from pulposus.disc.mesh import ENDPLATE
from pulposus.disc.metabolism import bibby_urban_rates, cachot_rates, tissue_factor
from pulposus.disc.parameters import Parameters
from pulposus.disc.state import GLUCOSE, LACTATE, OXYGEN, Disc


def element_water(disc: Disc, stretch: Array | float) -> Array:
    """Water volume fraction of each element now: its own at start, diluted or drained by the stretch of its nodes, phi
    = (phi0 - 1 + J) / J.
    """
    stretch = sum(mesh.corners(jnp.broadcast_to(stretch, disc.topology.shape))) / 8
    return (disc.element_water - 1 + stretch) / stretch


def operator(disc: Disc, coords: Array, stretch: Array | float, vessels: Array | float) -> Operator:
    """Assemble diffusion for the disc as it is now: coordinates and stretch of the nodes, openness of the endplates.

    `vessels` is the relative gain of openness at the nodes by vascular support; its mean over the endplates acts.

    Reactions are weighted with the volumes at start, to which densities of cells refer.
    """
    near = disc.tissue[ENDPLATE] * disc.volume
    opened = disc.openness * (1 + jnp.sum(near * vessels) / jnp.sum(near))
    is_plate = jnp.asarray(disc.topology.element_tissue == ENDPLATE)
    conductivity = tissue_factor(element_water(disc, stretch)) * jnp.where(is_plate, opened, 1.0)
    return Operator(
        mesh.stiffness(disc.topology, coords, conductivity), disc.volume, separable(disc.topology, coords, conductivity)
    )


def diffusivities(parameters: Parameters) -> Array:
    """(3, 1, 1, 1) diffusivity of oxygen, lactate and glucose in water, m^2/s."""
    p = parameters
    return jnp.stack([p.oxygen_diffusivity, p.lactate_diffusivity, p.glucose_diffusivity])[:, None, None, None]


def scales(parameters: Parameters) -> Array:
    """(3, 1, 1, 1) size of each solute, by which unknowns are scaled to order one: what the outer annulus offers, or
    the lactate of one pH unit.
    """
    p = parameters
    return jnp.stack([p.rim_oxygen, p.lactate_per_ph, p.rim_glucose])[:, None, None, None]


def consumption(disc: Disc, solutes: Array, water: Array, oxygen_users: Array, glucose_users: Array) -> Array:
    """Net use of (oxygen Pa/s, lactate, glucose mol/m^3/s) at every node; lactate is made, so negative.

    `oxygen_users` and `glucose_users` are densities (cell/m^3) in native-cell equivalents; `water` the volume fraction.
    """
    oxygen, lactate, glucose = solutes[OXYGEN], solutes[LACTATE], solutes[GLUCOSE]
    if disc.hypotheses.metabolism == "cachot":
        per_cell = cachot_rates(disc, oxygen, glucose)
        active = jnp.clip(glucose / disc.parameters.cachot_critical_glucose, 0.0, 1.0)
        uptake, made = per_cell[0] * active, per_cell[1] * active
    else:
        uptake, made = bibby_urban_rates(disc.parameters, disc.hypotheses, oxygen, lactate, glucose, water)
    used = disc.parameters.glucose_per_lactate * made
    return jnp.stack(
        [uptake * oxygen_users / disc.parameters.oxygen_solubility, -made * glucose_users, used * glucose_users]
    )


def boundary(coords: Array, parameters: Parameters, supply: Array | float) -> Array:
    """(3, ring, sector, layer) values that blood holds on the outer surface: marrow on the endplates, outer annulus
    around, a ramp where they meet.

    `supply` multiplies the marrow's oxygen and glucose.
    """
    p = parameters
    marrow = jnp.stack([p.marrow_oxygen * supply, p.marrow_lactate, p.marrow_glucose * supply])
    rim = jnp.stack([p.rim_oxygen, p.rim_lactate, p.rim_glucose])
    inward = jnp.sqrt(jnp.sum((coords[..., :2] - coords[-1:, ..., :2]) ** 2, -1) + np.finfo(float).tiny)
    share = jnp.clip(1 - inward / p.rim_ramp_width, 0.0, 1.0)
    return (marrow[:, None] + (rim - marrow)[:, None] * share.reshape(1, -1)).reshape(3, *share.shape)
