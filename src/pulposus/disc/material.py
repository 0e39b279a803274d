"""What the tissues of a disc are made of, mechanically: a wet solid, the salt water it holds, fibres.

What: stress and stiffness of each tissue from its deformation, by a stored energy per volume at start,
``W = G/2 tr(F^T F) + U(J) + sum over two fibre families of psi(stretch along the fibre)``; so tangents are symmetric.
Equations: Wilson's solid, whose stiffness rises without bound as its water is pressed out (J to n_s),
``U_s' = G/6 ln J / J (1 + 3 (J + n_s)/(J - n_s) - 3 n_s J ln J / (J - n_s)^2) - G J^(-1/3)``;
swelling, ``U_o' = -pi(J)``, with fixed charge that stays with the solid, ``c_F = F phi_0 / (phi_0 - 1 + J)``, and pi
by ideal Donnan or by the composition-based law (extrafibrillar water, activity and osmotic coefficients); fibres that
only pull, ``psi' = share E (exp(k eps) - 1)`` with the logarithmic strain eps, and a second spring of the same form
behind a dashpot, which pulls by its own strain delta, ``d(eps - delta)/dt = sigma_2(delta) / eta``, by backward Euler
with the slope of the spring at rest. Permeability ``k = alpha / (1 - n)^M``, n the extrafibrillar water.
Reads: parameters, composition. Writes: nothing; `solid` puts it on the mesh.
Why this holds: over hours the second spring has relaxed (minutes); in a sudden load it acts in full. That
its dashpot is taken as linear matters in between only.
Source: Wilson 2005 and 2007, Huyghe 2003 and Schroeder 2008 as collected by Munoz-Moya 2025; matrix between fibrils by
Cortes 2014, or as that collection has it; softening with grade Cachot 2026.
"""

from __future__ import annotations

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from pulposus.disc.composition import THIRD, degeneration
from pulposus.disc.mesh import ANNULUS, ENDPLATE, NUCLEUS, Topology
from pulposus.disc.parameters import Parameters
from pulposus.disc.state import Hypotheses

Elementwise = Float[Array, "ring sector layer"]
_TISSUES = ("nucleus", "annulus", "endplate")
_MOLAR = 1000.0  # maths: mol/m^3 in a mol/L, the unit of the activity fits
_TURNS = 12  # maths: fixed-point turns of the composition-based law; each gains about a digit
_ENERGY_POINTS = 16  # maths: Gauss points of the integral of an osmotic pressure that has no closed energy
_LONGEST = 0.35  # maths: logarithmic fibre strain beyond which the exponential goes on as a line, for trial steps only


class Material(eqx.Module):
    """What each element is made of; arrays (ring, sector, layer) over elements, in SI."""

    shear: Elementwise  # Pa
    solid: Elementwise  # volume share of solid at start
    charge: Elementwise  # fixed charge in mol per m^3 of tissue at start
    collagen: Elementwise  # by dry mass
    fibril_gain: Elementwise  # water inside collagen per collagen mass: what pressure takes away
    fibril_rate: Elementwise  # 1/Pa
    fibril_floor: Elementwise
    fibre_modulus: Elementwise  # Pa, per volume of tissue, each family
    fibre_exponent: Elementwise
    branch_modulus: Elementwise  # the same of the spring behind the dashpot
    branch_exponent: Elementwise
    branch_time: Elementwise  # s, in which it relaxes
    fibre_angle: Elementwise  # from the endplate plane, radians
    permeability: Elementwise  # m^4/(N s)
    permeability_exponent: Elementwise


def graded(
    topology: Topology,
    p: Parameters,
    hypotheses: Hypotheses,
    grade: Array,
    water: Array,
    charge: Array,
    collagen: Array,
) -> Material:
    """The material of a disc of a (continuous) grade; water, charge (mol/m^3 of water) and collagen are given by tissue
    (3,) or by element.
    """
    tissue = topology.element_tissue
    share = degeneration(p, grade, THIRD)

    def spread(values: Array) -> Array:
        return values[tissue] if values.ndim == 1 else values

    def of_tissues(name: str) -> Array:
        return spread(jnp.stack([getattr(p, f"{name_of}_{name}") for name_of in _TISSUES]))

    def going(name: str) -> Array:
        at = [jnp.stack([getattr(p, f"{of}_{name}_{state}") for of in _TISSUES]) for state in ("healthy", "grade3")]
        return spread(at[0]) + share * (spread(at[1]) - spread(at[0]))

    wound = fibred(topology)
    nucleus, annulus = (
        [getattr(p, f"{name}_fibril_water_{part}") for part in ("gain", "rate", "floor")] for name in _TISSUES[:2]
    )
    gain, rate, floor = (spread(jnp.stack([n, a, a])) for n, a in zip(nucleus, annulus, strict=True))
    water, charge, collagen = (spread(jnp.asarray(field)) for field in (water, charge, collagen))
    branch = [
        getattr(p, f"{name}_healthy") + share * (getattr(p, f"{name}_grade3") - getattr(p, f"{name}_healthy"))
        for name in ("fibre_branch_stiffness", "fibre_branch_exponent", "fibre_viscosity")
    ]
    modulus, exponent = fibres(p, hypotheses, grade)
    softer = modulus / (p.fibre_stiffness_healthy + share * (p.fibre_stiffness_grade3 - p.fibre_stiffness_healthy))
    fitted = of_tissues("shear_modulus") + share * (of_tissues("shear_modulus_grade3") - of_tissues("shear_modulus"))
    shear = _as_measured(p, tissue, share, water, fitted) if hypotheses.solid == "measured" else fitted
    return Material(
        shear,
        1 - water,
        charge * water,
        collagen,
        gain,
        rate,
        floor,
        jnp.where(wound, p.fibre_share * modulus, 0.0),
        exponent * jnp.ones(tissue.shape),
        jnp.where(wound, p.fibre_share * softer * branch[0], 0.0),
        branch[1] * jnp.ones(tissue.shape),
        branch[2] / (branch[0] * branch[1]) * jnp.ones(tissue.shape),
        angles(topology, p),
        going("permeability"),
        going("permeability_exponent"),
    )


def _as_measured(p: Parameters, tissue: np.ndarray, share: Array, water: Array, fitted: Array) -> Array:
    """Shear modulus of the matrix as measured: nucleus pressed, annulus pulled along the spine; endplates as fitted."""
    pressed = p.nucleus_aggregate_modulus + share * (p.nucleus_aggregate_modulus_grade3 - p.nucleus_aggregate_modulus)
    pulled = p.annulus_matrix_modulus + share * (p.annulus_matrix_modulus_grade3 - p.annulus_matrix_modulus)
    return jnp.select([tissue == NUCLEUS, tissue == ANNULUS], [pressed / confined(1 - water), pulled], fitted)


def confined(solid: Array) -> Array:
    """Modulus of Wilson's solid in confined compression at J = 1 over its shear modulus; `solid` its volume share."""
    return 1.5 + 0.5 * (1 + solid) / (1 - solid)  # maths: slope of the stress below plus that of G F


def fibres(p: Parameters, hypotheses: Hypotheses, grade: Array) -> tuple[Array, Array]:
    """Modulus in Pa and exponent of collagen fibres at a grade: they stiffen up to grade III, or soften all the way."""
    if hypotheses.fibres == "soften":
        left = 1 - jnp.exp(grade - p.fibre_softening_grade)
        return p.fibre_stiffness_healthy * left / (1 - jnp.exp(p.healthy_grade - p.fibre_softening_grade)), (
            p.fibre_exponent_healthy
        )
    share = degeneration(p, grade, THIRD)
    return (
        p.fibre_stiffness_healthy + share * (p.fibre_stiffness_grade3 - p.fibre_stiffness_healthy),
        p.fibre_exponent_healthy + share * (p.fibre_exponent_grade3 - p.fibre_exponent_healthy),
    )


def fibred(topology: Topology) -> np.ndarray:
    """True for elements that fibres run through: the annulus, and the endplate layers over it, through which its fibres
    reach the bone.
    """
    wound = topology.element_tissue == ANNULUS
    wound[topology.nucleus_rings :] |= topology.element_tissue[topology.nucleus_rings :] == ENDPLATE
    return wound


def angles(topology: Topology, p: Parameters) -> Elementwise:
    """Angle of the fibres to the endplate plane: steeper inside than outside, and behind than in front."""
    ring = 0.5 * (topology.radial[1:] + topology.radial[:-1])
    outward = jnp.asarray(np.clip(ring - 1, 0, 1))[:, None]
    theta = (np.arange(topology.sectors) + 0.5) * (2 * np.pi / topology.sectors)
    behind = jnp.asarray(0.5 * (1 - np.cos(theta)))
    inner = p.fibre_angle_inner_anterior + behind * (p.fibre_angle_inner_posterior - p.fibre_angle_inner_anterior)
    outer = p.fibre_angle_outer_anterior + behind * (p.fibre_angle_outer_posterior - p.fibre_angle_outer_anterior)
    angle = inner + outward * (outer - inner)
    return jnp.broadcast_to(angle[..., None], topology.element_tissue.shape)


# ------------------------------------------------------------------------------------------ volume: solid and swelling


def water_charge(material: Material, volume: Array) -> Array:
    """Fixed charge per water, mol/m^3, at the volume ratio J."""
    return material.charge / (volume - material.solid)


def osmotic_pressure(p: Parameters, hypotheses: Hypotheses, material: Material, volume: Array) -> Array:
    """Osmotic pressure in Pa at the volume ratio J, by the chosen law."""
    charge = water_charge(material, volume)
    if hypotheses.osmosis == "donnan":
        return p.gas_constant * p.temperature * (jnp.sqrt(charge**2 + 4 * p.salt**2) - 2 * p.salt)
    return _composed(p, material, charge, volume)[0]


def extrafibrillar_water(p: Parameters, material: Material, volume: Array) -> Array:
    """Volume share of the water between fibrils."""
    water = (volume - material.solid) / volume
    return water * _composed(p, material, water_charge(material, volume), volume)[1]


def _composed(
    p: Parameters, material: Material, charge: Array, volume: Array, outer: Array | None = None
) -> tuple[Array, Array]:
    """Pressure of the composition-based law and the share of the water that is extrafibrillar: a fixed point, since
    pressure presses water out of fibrils. `outer` is the concentration at which activity outside is read, the salt's
    own if none is given.
    """
    water = (volume - material.solid) * p.water_density
    by_mass = water / (water + material.solid * p.solid_density)
    outside, least = _activity(p, p.salt if outer is None else outer, jnp.zeros(())), p.extrafibrillar_water_least

    def turn(index: int, carry: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        pressure, inside, _ = carry
        inner = material.fibril_gain * jnp.exp(-material.fibril_rate * pressure) + material.fibril_floor
        between = jnp.maximum(by_mass - inner * material.collagen * (1 - by_mass), jnp.minimum(least, by_mass))
        fixed = charge * by_mass / between
        ratio = outside / inside
        ions = jnp.sqrt(fixed**2 + 4 * ratio**2 * p.salt**2)
        bound = p.ion_pairing * fixed / (fixed + ions)
        coefficient = p.osmotic_coefficient * (1 - 0.5 * bound)
        new = p.gas_constant * p.temperature * (coefficient * ions - 2 * p.osmotic_coefficient * p.salt)
        return new, _activity(p, 0.5 * ions, bound), between / by_mass

    start = (jnp.zeros_like(charge), outside * jnp.ones_like(charge), jnp.ones_like(charge))
    # a loop of fixed length that forward derivatives pass through
    pressure, _, share = jax.lax.fori_loop(0, _TURNS, turn, start)
    return pressure, share


def _activity(p: Parameters, salt: Array, bound: Array) -> Array:
    """Mean activity coefficient of salt at an ionic strength (mol/m^3), some ions bound to fixed charge."""
    free = p.activity_gain * jnp.exp(-p.activity_rate * (salt / _MOLAR) ** p.activity_power) + p.activity_floor
    return free * jnp.exp(-0.5 * bound)


def volume_stress(p: Parameters, hypotheses: Hypotheses, material: Material, volume: Array) -> Array:
    """dU/dJ in Pa, of solid and swelling; tension positive."""
    solid, log = material.solid, jnp.log(volume)
    wet = volume - solid
    bulk = 1 + 3 * (volume + solid) / wet - 3 * solid * volume * log / wet**2  # maths: Wilson's compressible matrix
    sixth = material.shear / 6  # maths: as above
    held = sixth * log / volume * bulk - material.shear * volume ** (-1 / 3)
    return held - osmotic_pressure(p, hypotheses, material, volume)


def volume_stiffness(p: Parameters, hypotheses: Hypotheses, material: Material, volume: Array) -> tuple[Array, Array]:
    """dU/dJ and its derivative in Pa."""
    return jax.jvp(lambda v: volume_stress(p, hypotheses, material, v), (volume,), (jnp.ones_like(volume),))


# ------------------------------------------------------------------------------------------ fibres


class Branch(NamedTuple):
    """Where the spring behind the dashpot stands: logarithmic strain at which it does not pull (family, point, ring,
    sector, layer), and the share of any further strain that it keeps over the time step (ring, sector, layer).
    """

    anchor: Array
    keep: Array


def fibre_tension(
    material: Material, squared: Array, anchor: Array | float = 0.0, keep: Array | float = 0.0
) -> tuple[Array, Array]:
    """Pull of one family from the square of its stretch: 2 dpsi/dI and 4 d^2psi/dI^2 in Pa, I the square; `anchor` and
    `keep` as in `Branch`, for this family.
    """
    strain = 0.5 * jnp.log(squared)
    pull, slope = _spring(material.fibre_modulus, material.fibre_exponent, strain)
    more, steeper = _spring(material.branch_modulus, material.branch_exponent, keep * (strain - anchor))
    pull, slope = pull + more, slope + keep * steeper
    return pull / squared, (slope - 2 * pull) / squared**2


def _spring(modulus: Array, exponent: Array, strain: Array) -> tuple[Array, Array]:
    """Tension in Pa of an exponential spring that only pulls, and its slope."""
    taut = strain > 0
    reach = jnp.clip(strain, 0.0, _LONGEST)
    growth = modulus * jnp.exp(exponent * reach)
    slope = jnp.where(taut, exponent * growth, 0.0)
    return jnp.where(taut, growth - modulus + slope * (strain - reach), 0.0), slope


def relaxed(strain: Array, branch: Branch | None) -> Array:
    """Strain at which the spring behind the dashpot does not pull, after the step: all of the strain if it had time.

    Where a fibre has slackened the dashpot comes back at the same rate, so that nothing moves in no time.
    """
    taut = jnp.maximum(strain, 0.0)
    return taut if branch is None else taut - branch.keep * (taut - branch.anchor)


def fibre_energy(material: Material, squared: Array) -> Array:
    """psi in J/m^3 of one family."""
    strain = jnp.maximum(0.5 * jnp.log(squared), 0.0)
    k = material.fibre_exponent
    return material.fibre_modulus * (jnp.expm1(k * strain) / k - strain)


# ------------------------------------------------------------------------------------------ stored energy


def energy(p: Parameters, hypotheses: Hypotheses, material: Material, deformation: Array, along: Array) -> Array:
    """W in J/m^3, zero at F = 1, of deformation gradients (..., 3, 3) and fibre directions `along` (family, ..., 3)."""
    volume = jnp.linalg.det(deformation)
    solid, shear, log = material.solid, material.shear, jnp.log(volume)
    stretch = jnp.sum(deformation**2, (-2, -1))
    twelfth = shear / 12  # maths: the energy whose derivative is Wilson's matrix
    held = twelfth * log**2 * (1 + 3 * (volume + solid) / (volume - solid))
    held = held + 0.5 * shear * (stretch - 3 * volume ** (2 / 3))
    pulled = sum(fibre_energy(material, jnp.sum((deformation @ a[..., None]) ** 2, (-2, -1))) for a in along)
    return held + pulled + osmotic_energy(p, hypotheses, material, volume)


def osmotic_energy(p: Parameters, hypotheses: Hypotheses, material: Material, volume: Array) -> Array:
    """Integral of -pi from J = 1, J/m^3: closed for ideal Donnan, by quadrature otherwise."""
    if hypotheses.osmosis == "donnan":
        fixed = material.charge

        def free(water: Array) -> Array:
            ions = jnp.sqrt(fixed**2 + (2 * p.salt * water) ** 2)
            return ions - fixed * jnp.arcsinh(fixed / (2 * p.salt * water)) - 2 * p.salt * water

        return -p.gas_constant * p.temperature * (free(volume - material.solid) - free(1 - material.solid))
    point, weight = np.polynomial.legendre.leggauss(_ENERGY_POINTS)
    half = 0.5 * (volume - 1)
    return -half * sum(
        w * osmotic_pressure(p, hypotheses, material, 1 + half * (1 + x)) for x, w in zip(point, weight, strict=True)
    )


def permeability(p: Parameters, material: Material, volume: Array) -> Array:
    """Hydraulic permeability in m^4/(N s) at the volume ratio J."""
    between = extrafibrillar_water(p, material, volume)
    return material.permeability / (1 - between) ** material.permeability_exponent
