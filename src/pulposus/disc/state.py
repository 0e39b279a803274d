"""What stays and what moves: `Disc`, `Products` and `State`, the only things the processes of a disc share.

Every array is on the nodes of the mesh, dims (ring, sector, layer), in SI; `product` runs over the kinds of cells or
boluses put into this disc.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Literal, get_args, get_type_hints

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from pulposus.disc.geometry import Shape
from pulposus.disc.mesh import Topology
from pulposus.disc.parameters import Parameters
from pulposus.errors import InputError, nearest

OXYGEN, LACTATE, GLUCOSE = 0, 1, 2
MECHANISMS = (
    "anti_inflammatory",
    "anabolic",
    "anti_catabolic",
    "anti_apoptotic",
    "immunomodulation",
    "differentiation",
    "endplate_vascular_support",
    "homing",
    "neuroprotection",
    "chondroprotection",
)
FATES = ("injected", "leaked", "lost_from_disc", "starved", "acid", "immune_cleared", "proliferated", "differentiated")

Nodal = Float[Array, "ring sector layer"]
PerProduct = Float[Array, " product"]


@dataclasses.dataclass(frozen=True)
class Hypotheses:
    """Choices on which sources contradict each other; static, each a published side of a dispute.

    metabolism: law a of Bibby and Urban, or law b of Cachot. glucose_limiter: glycolysis falls as glucose runs out.
    grading: composition of grades IV and V
    relative to III, or Cachot's absolute map. endplate_permeability: follows composition, falls (calcification) or
    rises (porosity) with grade.
    matrix: measured turnover (Sivan) or Cachot's ATP-driven law. cytokine_glucose: glucose arms of the cytokine
    network. ageing: aggrecan of a
    healthy disc falls at the published yearly rate. differentiation: injected cells may become NP-like.
    osmosis: ideal Donnan pressure, or the composition-based law. fibres: collagen fibres stiffen up to grade III, or
    soften with grade. solid: matrix of the nucleus as measured with its swelling told apart (Cortes), or all as fitted
    in a published disc model (Munoz-Moya). mechanics: form and water follow the whole disc as a solid, or each column
    by itself.
    """

    metabolism: Literal["bibby_urban", "cachot"] = "bibby_urban"
    glucose_limiter: bool = True
    grading: Literal["relative", "absolute"] = "relative"
    endplate_permeability: Literal["composition", "falls", "rises"] = "composition"
    matrix: Literal["sivan", "cachot"] = "sivan"
    cytokine_glucose: bool = True
    ageing: bool = True
    differentiation: bool = True
    osmosis: Literal["donnan", "composition"] = "donnan"
    fibres: Literal["stiffen", "soften"] = "stiffen"
    solid: Literal["measured", "fitted"] = "measured"
    mechanics: Literal["solid", "columns"] = "solid"

    def by_columns(self) -> Hypotheses:
        """The same with the mechanics of columns: what batches of many discs use."""
        return dataclasses.replace(self, mechanics="columns")

    @classmethod
    def choose(cls, **choices: str | bool) -> Hypotheses:
        """Hypotheses with the given choices; InputError names the nearest hypothesis or its options otherwise."""
        hints = get_type_hints(cls)
        for name, value in choices.items():
            if name not in hints:
                raise InputError(f"Unknown hypothesis {name!r}{nearest(name, hints)}; choose among {', '.join(hints)}.")
            options = get_args(hints[name]) or (True, False)
            if not any(value is option or (value == option and isinstance(option, str)) for option in options):
                raise InputError(f"Hypothesis {name} = {value!r} is not one of {', '.join(map(str, options))}.")
        return cls(**choices)  # type: ignore[arg-type]


class Products(eqx.Module):
    """What is put into the disc, one entry a product; rates in 1/s. `strengths` (mechanism, product) are greatest
    relative effects.
    """

    oxygen_fresh: PerProduct
    glucose_fresh: PerProduct
    adaptation_rate: PerProduct
    loss_rate: PerProduct
    clearance_rate: PerProduct
    proliferation_rate: PerProduct
    turning_rate: PerProduct  # towards NP-like cells
    differentiation_share: PerProduct  # of those present, that become NP-like where differentiation acts
    settling_share: PerProduct  # the same of products that are disc cells already, and only settle in
    np_like_synthesis: PerProduct  # matrix synthesis of NP-like cells relative to native ones
    potency: PerProduct
    half_effect: PerProduct
    bolus_decay: PerProduct
    strengths: Float[Array, "mechanism product"]


class Disc(eqx.Module):
    """What stays: shape, numbers, hypotheses, and the healthy and starting composition that later states are compared
    with.
    """

    topology: Topology = eqx.field(static=True)
    hypotheses: Hypotheses = eqx.field(static=True)
    parameters: Parameters
    products: Products
    switches: Float[Array, " mechanism"]
    shape: Shape
    grade: Float[Array, ""]  # continuous grade, 1.5 healthy
    age: Float[Array, ""]  # s at time 0
    openness: Float[Array, ""]  # endplate diffusivity relative to what its water would give
    boundary: Float[
        Array, "3 ring sector layer"
    ]  # oxygen Pa, lactate and glucose mol/m^3; read on the outer surface only
    volume: Nodal  # m^3 at start, to which densities of cells refer
    tissue: Float[Array, "3 ring sector layer"]  # volume share of nucleus, annulus, endplate
    element_water: Float[Array, "ring sector layer"]  # at start, by volume, one an element
    water: Nodal  # at start, by volume
    charge: Nodal  # at start, mol/m^3 of water
    charge_healthy: Nodal
    collagen: Nodal  # at start, by dry mass
    native: Nodal  # at start, after those that supply cannot feed have gone, cell/m^3
    native_healthy: Nodal
    native_typical: Nodal  # of a disc of this grade with intact endplates, whose course is the published one
    healthy_solutes: Float[Array, "3 ring sector layer"]
    healthy_activity: Float[Array, "target ring sector layer"]  # of the cytokine network
    inflammation: Float[Array, "2"]  # IL-1beta, TNF: scale that gives the measured level at start
    synthesis: Float[Array, ""]  # of matrix, relative to what its cells would make without drugs
    slack: Float[Array, "3 3 8 ring-1 sector layer-1"]  # tangents of the elements without stress, of `disc.solid`
    activity: Float[
        Array, "target ring sector layer"
    ]  # aggrecan, collagen, MMP3, ADAMTS4 of that typical disc, relative to healthy


class State(eqx.Module):
    """What moves. Cells in cell/m^3 of the volume at start (they stay with the solid), solutes as in `Disc.boundary`,
    fixed charge in mol/m^3 of reference water, the rest relative.
    """

    time: Float[Array, ""]  # s since start
    step: Float[Array, ""]  # s, length of step that the error control would take next
    solutes: Float[Array, "3 ring sector layer"]
    native: Nodal
    fresh: Float[Array, "product ring sector layer"]  # injected, with the metabolism of culture
    adapted: Float[Array, "product ring sector layer"]  # injected, with the metabolism of the disc
    np_like: Float[Array, "product ring sector layer"]  # injected, settled as cells of the disc
    bolus: Float[Array, "product ring sector layer"]  # cell equivalents of agents without cells
    charge: Nodal  # per reference water
    collagen: Nodal  # relative to start
    stretch: Nodal  # volume now over volume at start
    correction: Nodal  # of that by the solid: what it found over what its column would have
    offset: Float[Array, "ring sector layer 3"]  # m, the same for places: what it found less what columns would have
    pose: Float[Array, " freedom"]  # m and radians, of the upper vertebra since start, when the solid was solved last
    formed: Nodal  # fixed charge for which it was solved
    il1b: Nodal  # relative to healthy
    tnf: Nodal
    mmp3: Nodal
    adamts4: Nodal
    secretome: Float[Array, "product ring sector layer"]  # cell equivalents per healthy nucleus cell, after diffusion
    ledger: Float[Array, "fate product"]  # cells, cumulative; order of FATES
    error: Float[Array, ""]  # largest error of solutes since start, relative
    strain: Float[Array, ""]  # largest strain by which the form found was wrong since start
    present: Float[Array, ""]  # 1 while this is a disc, 0 since it was taken out: the rest is then as it was last


def member(tree: Any, index: int | Array) -> Any:
    """One member of a batch."""
    return jax.tree.map(lambda leaf: leaf[index] if eqx.is_array(leaf) else leaf, tree)


def stacked(trees: Sequence[Any]) -> Any:
    """Trees of one form (discs, states, therapies) joined along a new leading axis: a batch."""
    return jax.tree.map(lambda *leaves: jnp.stack(leaves) if eqx.is_array(leaves[0]) else leaves[0], *trees)


def total(disc: Disc, field: Array) -> Array:
    """Integral over the disc of a nodal density that refers to the volume at start."""
    return jnp.sum(disc.volume * field, (-3, -2, -1))


def blend(disc: Disc, name: str) -> Array:
    """A number given by tissue (``nucleus_name``, ``annulus_name``, ``endplate_name``) as a nodal field, by volume
    share.
    """
    values = [getattr(disc.parameters, f"{tissue}_{name}") for tissue in ("nucleus", "annulus", "endplate")]
    return jnp.tensordot(jnp.stack(values), disc.tissue, 1)


def effect(disc: Disc, state: State, mechanism: str) -> tuple[Array, Array]:
    """How far a mechanism acts at each node: (gain, reduction).

    gain = sum over products of strength m / (m + m50); reduction = 1 - product of (1 - strength m / (m + m50)), m the
    diffused secretome. Zero when switched off.
    """
    index = MECHANISMS.index(mechanism)
    strength = (disc.switches[index] * disc.products.strengths[index])[:, None, None, None]
    half = disc.products.half_effect[:, None, None, None]
    reach = jnp.maximum(state.secretome, 0.0)
    acting = strength * reach / (reach + half)
    return jnp.sum(acting, 0), 1 - jnp.prod(1 - jnp.clip(acting, 0.0, 1.0), 0)


def positive_share(healthy: Array, level: Array) -> Array:
    """Share of cells that answer to a cytokine: odds grow in proportion to its level, `healthy` share at level one."""
    odds = healthy / (1 - healthy) * level
    return odds / (1 + odds)
