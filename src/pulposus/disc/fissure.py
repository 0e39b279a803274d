"""Tears of the annulus: fibres stretched too far, or too often, and where tears join from the nucleus to the rim.

What: damage of each element, 0 whole and 1 torn, from the stretch of its fibres under every posture of a day; what
damage does to the material; and how open the widest way from the nucleus outward is.
Equations: with logarithmic fibre strain e (the greater family, mean over an element), its tension sigma and the
strength ``s sigma(e_fail)``, s falling from 1 in front to that of the back, stress ratio ``S = sigma(e) / strength``;
overstretch ``D_o = max over postures of clip((S - S_y) / (1 - S_y), 0, 1)``, ``S_y = sigma(e_yield) / sigma(e_fail)``;
fatigue (Miner, Basquin) ``dM/dt = sum over postures of n S^b``, n cycles per time, b from ln N over ln S;
``D = 1 - (1 - D_o) (1 - min(M, 1))``. Torn fibres bear nothing, ``E = E_0 (1 - D)``; water finds its way,
``k = k_0 g^D``. The way to a ring is the greatest, over all ways from the nucleus, of the least damage on it.
Reads: fibre strains of `solid`, material, parameters. Writes: nothing; `structure` keeps damage.
Why this holds: annulus has hardly any cells and blood, so that tears do not close in years; fatigue of annulus was
measured as failure after cycles at a share of the strength. Damage is local: a coarse mesh tears over its own length.
Source: fatigue line, Green 1993; weaker behind than in front, Ebara 1996; the strain at failure is fitted to the ages
at which people have fissures;
widest ways are the bottleneck problem.
"""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from pulposus.disc import material as tissue
from pulposus.disc import solid
from pulposus.disc.material import Material
from pulposus.disc.mesh import ANNULUS, Topology
from pulposus.disc.parameters import Parameters
from pulposus.disc.solid import Solid
from pulposus.errors import InputError

Elements = Float[Array, "... ring sector layer"]
GRADES = 5  # maths: the highest Dallas grade
_THIRDS = 3  # maths: parts of the annulus of Dallas grades
_TURN = 360.0  # maths: degrees of a whole turn
_AROUND = 30.0  # maths: degrees around the outer third beyond which a Dallas grade is 4
_WIDE = 30.0  # maths: degrees to either side that a tear of grade 4 is given


def strain(body: Solid, places: Array) -> Elements:
    """Logarithmic strain of the more stretched fibre family of each element, mean over its points; 0 without fibres."""
    log = jnp.log(solid.fibre_stretch(body, places))
    return jnp.where(jnp.asarray(tissue.fibred(body.topology)), jnp.max(jnp.mean(log, 1), 0), 0.0)


def strength(topology: Topology, p: Parameters) -> Float[Array, "1 sector 1"]:
    """Strength of the annulus of each sector over that in front."""
    theta = (np.arange(topology.sectors) + 0.5) * (2 * np.pi / topology.sectors)
    behind = jnp.asarray(0.5 * (1 - np.cos(theta)))[None, :, None]
    return 1 + behind * (p.posterior_strength - 1)


def stress_ratio(p: Parameters, exponent: Array, strain: Array, strength: Array | float = 1.0) -> Array:
    """Tension of a fibre (its law's exponent is given) at a logarithmic strain over that at which it fails."""
    whole = jnp.expm1(exponent * jnp.log1p(p.fibre_failure_strain))
    return jnp.expm1(exponent * jnp.maximum(strain, 0.0)) / (strength * whole)


def overstretched(p: Parameters, exponent: Array, ratio: Array) -> Array:
    """Damage by one cycle to a stress ratio."""
    begins = stress_ratio(p, exponent, jnp.log1p(p.fibre_yield_strain))
    return jnp.clip((ratio - begins) / (1 - begins), 0.0, 1.0)


def life_used(p: Parameters, ratio: Array, cycles: Array) -> Array:
    """Share of the fatigue life that cycles to stress ratios (posture, ...) use, summed over postures; cycles
    (posture,) in any count, so that a rate gives a rate.
    """
    return jnp.tensordot(cycles, ratio**p.fatigue_exponent, axes=1)


def damage(overstretch: Array, fatigue: Array) -> Array:
    """Damage from its two causes: fibres that one has left whole the other may tear."""
    return 1 - (1 - overstretch) * (1 - jnp.clip(fatigue, 0.0, 1.0))


def torn(p: Parameters, material: Material, damage: Array) -> Material:
    """The material with torn fibres, and with water that goes through tears."""
    return eqx.tree_at(
        lambda m: (m.fibre_modulus, m.branch_modulus, m.permeability),
        material,
        (
            material.fibre_modulus * (1 - damage),
            material.branch_modulus * (1 - damage),
            material.permeability * p.fissure_permeability_gain**damage,
        ),
    )


# ------------------------------------------------------------------------------------------ ways outward


def reach(topology: Topology, damage: Array) -> Float[Array, "annulus sector"]:
    """For every annulus ring and sector: the least damage on the most damaged way that leads there from the nucleus.

    A way goes through annulus only (not through endplates), from one element to the next, outward, sideways and inward
    again; it is gone on with until none is widened.
    """
    inner, plates = topology.nucleus_rings, topology.endplate_layers
    annulus = damage[inner:, :, plates : topology.layers - 1 - plates]
    assert (topology.element_tissue[inner:, :, plates : topology.layers - 1 - plates] == ANNULUS).all()
    gates = jnp.concatenate([annulus[:1], jnp.zeros_like(annulus[1:])])  # nucleus lies behind the first ring alone

    def beside(open_: Array) -> Array:
        """The widest of what lies next to each element: rings and layers end, sectors go around."""
        ends = [jnp.pad(open_, [(1, 1), (0, 0), (0, 0)])[part] for part in (slice(2, None), slice(None, -2))]
        ends += [jnp.pad(open_, [(0, 0), (0, 0), (1, 1)])[..., part] for part in (slice(2, None), slice(None, -2))]
        return jnp.max(jnp.stack([*ends, jnp.roll(open_, 1, 1), jnp.roll(open_, -1, 1)]), 0)

    def widened(ways: tuple[Array, Array]) -> tuple[Array, Array]:
        now = ways[1]
        return now, jnp.maximum(now, jnp.minimum(annulus, beside(now)))

    before = jnp.full_like(gates, -1.0)
    return jnp.max(jax.lax.while_loop(lambda ways: jnp.any(ways[1] > ways[0]), widened, (before, gates))[1], -1)


def opening(p: Parameters, reached: Array) -> Array:
    """How open a way is, 0 to 1: shut up to the damage at which a tear begins to let anything through."""
    return jnp.clip((reached - p.fissure_opening) / (1 - p.fissure_opening), 0.0, 1.0)


def torn_by(topology: Topology, grade: int) -> np.ndarray:
    """Damage (ring, sector, layer) of a disc whose discogram is of a Dallas grade: torn at mid height behind, over 30
    degrees or one sector beside the midline, outward to where the grade says; `dallas` reads the grade back.

    Raises InputError for a grade that does not exist.
    """
    if grade not in range(GRADES + 1):
        raise InputError(f"{grade!r} is no Dallas grade: give 0 to {GRADES}.")
    rings = topology.rings - 1 - topology.nucleus_rings
    ring = np.arange(rings)
    reached = (np.ceil(_THIRDS * (ring + 1) / rings) <= grade) & ((ring < rings - 1) | (grade == GRADES))
    count = max(1, int(_AROUND * topology.sectors / _TURN))  # of sectors, not more than 30 degrees
    behind = np.isin(np.arange(topology.sectors), topology.sectors // 2 - count // 2 + np.arange(count))
    wide = np.abs((np.arange(topology.sectors) + 0.5) / topology.sectors - 0.5) * _TURN <= _WIDE
    middle = np.zeros(topology.layers - 1)
    middle[(topology.layers - 2) // 2 : topology.layers // 2] = 1.0
    damage = np.zeros((topology.rings - 1, topology.sectors, topology.layers - 1))
    damage[topology.nucleus_rings :] = (reached[:, None] & behind)[..., None] * middle
    if grade == GRADES - 1:
        damage[-2] = np.maximum(damage[-2], wide[:, None] * middle)
    return damage


def dallas(p: Parameters, topology: Topology, damage: Array) -> Array:
    """Dallas grade, 0 to 5, that a discogram would show: thirds of the annulus that an open tear reaches, 4 where it
    goes around more than 30 degrees of the outer third, 5 where it is open to the outside.
    """
    open_ = opening(p, reach(topology, damage)) > 0
    rings = open_.shape[0]
    third = jnp.ceil(_THIRDS * (jnp.arange(rings) + 1) / rings)
    inside = jnp.max(jnp.where(open_.any(1), third, 0))
    around = jnp.sum(open_[max(rings - 2, 0)]) * (_TURN / topology.sectors) > _AROUND
    grade = jnp.where((inside == 3) & around, GRADES - 1, inside)
    return jnp.where(open_[-1].any(), GRADES, grade)
