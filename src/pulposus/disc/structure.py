"""What of a disc is torn, has come out or has grown: kept apart from its chemistry, and moved by what its fields say.

What: `Structure` holds damage by its two causes, nucleus that has left its place, osteophytes; `Seen` what the solid
says about a day; `advance` carries the one on by the other over any time; `weakened` gives the solid that this makes.
Equations: those of `fissure`, `herniation` and `instability`; each can be left out by `Laws`. Fixed charge of the
nucleus falls with the share of it that has left.
Reads: a `Solid` and where it rests. Writes: a `Structure`; never anything in `State`.
Why this holds: tears and bone change over weeks to years and the fields over a day, so that one day, seen anew whenever
composition or damage has moved enough, stands for many.
Source: see the three rooms; cycles a day by posture in ``evidence/loads.csv``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from pulposus import evidence
from pulposus.disc import equilibrium, fissure, herniation, posture, solid
from pulposus.disc.equilibrium import Balance
from pulposus.disc.herniation import Canal, Nucleus, Protrusion
from pulposus.disc.instability import (
    Stability,
    Stenosis,
    grown,
    looseness,
    stability,
    stenosis,
    sudden,
    unlooked,
    unnarrowed,
)
from pulposus.disc.mesh import NUCLEUS, Topology
from pulposus.disc.solid import Solid
from pulposus.errors import InputError, nearest

Elements = Float[Array, "ring sector layer"]


@dataclasses.dataclass(frozen=True)
class Laws:
    """Which laws act; static. All of them unless said otherwise."""

    overstretch: bool = True
    fatigue: bool = True
    herniation: bool = True
    weakening: bool = True  # torn fibres bear nothing, and tears let water through
    instability: bool = True  # looseness is looked at; without it bone has nothing to answer
    osteophytes: bool = True
    stenosis: bool = True

    @property
    def off(self) -> list[str]:
        """Names of the laws that are left out."""
        return [field.name for field in dataclasses.fields(self) if not getattr(self, field.name)]

    @classmethod
    def choose(cls, **choices: bool) -> Laws:
        """Laws with the given choices. Raises InputError with the nearest law for one that does not exist."""
        known = [field.name for field in dataclasses.fields(cls)]
        for name in choices:
            if name not in known:
                raise InputError(f"Unknown law {name!r}{nearest(name, known)}; choose among {', '.join(known)}.")
        return cls(**choices)


class Structure(eqx.Module):
    """What is torn, has come out or has grown since the disc was whole."""

    overstretch: Elements  # damage by single loads, 0 to 1
    fatigue: Elements  # share of the fatigue life that is used; 1 is torn
    nucleus: Nucleus  # m^3
    osteophyte: Float[Array, ""]  # m, in front

    @property
    def damage(self) -> Elements:
        """Damage of each element, 0 whole to 1 torn."""
        return fissure.damage(self.overstretch, self.fatigue)


class Seen(eqx.Module):
    """What the solid says about a day."""

    strain: Float[Array, "posture ring sector layer"]  # logarithmic, of the more stretched fibres
    cycles: Float[Array, " posture"]  # 1/s
    pressure: Float[Array, " posture"]  # Pa, in the middle of the nucleus
    bulge: Float[Array, " sector"]  # m, outward way of the rim at rest since start, over each element's width
    height: Float[Array, ""]  # m, at rest
    lacking: Float[Array, ""]  # m^3 of nucleus that would find no room if it swelled freely
    nucleus: Float[Array, ""]  # m^3 of nucleus at start
    looseness: Float[Array, ""]  # neutral zone over that of the whole disc; 1 where nobody looked
    error: Float[Array, ""]  # greatest solver error of all that was looked at


def whole(topology: Topology) -> Structure:
    """The structure of a disc in which nothing is torn."""
    none = jnp.zeros((topology.rings - 1, topology.sectors, topology.layers - 1))
    sector = jnp.zeros(topology.sectors)
    return Structure(none, none, Nucleus(sector, sector, jnp.zeros(())), jnp.zeros(()))


def torn(topology: Topology, dallas: int) -> Structure:
    """The structure of a disc whose discogram is of a Dallas grade (0 to 5), as if its fibres had tired: a tear behind
    that goes outward from the nucleus, through the third, two thirds or all of the annulus, and around in grade 4. Its
    rim is open in grade 5 alone. Where a tear lies and how wide it is besides, no grade tells (`fissure.torn_by`).

    Raises InputError for a grade that does not exist.
    """
    none = whole(topology)
    way = fissure.torn_by(topology, dallas)
    return eqx.tree_at(lambda s: s.fatigue, none, jnp.asarray(way))


def day() -> dict[str, float]:
    """Posture -> cycles a second of all postures of loads.csv that have cycles. A posture to one side has half of them
    there, and half to the other under its name with a minus before it.
    """
    found: dict[str, float] = {}
    for name in evidence.postures():
        rows = evidence.posture(name)
        if "cycles_per_day" in rows:
            rate = rows["cycles_per_day"].si
            sided = bool({"side_bending_angle", "turning_angle"} & set(rows))
            found |= {name: rate / 2, f"-{name}": rate / 2} if sided else {name: rate}
    return found


def see(
    body: Solid, rested: Balance, cycles: Mapping[str, float], loose: Array | float = 1.0, names: Sequence[str] = ()
) -> Seen:
    """A day of a solid (already `weakened`) from where it rests: every posture of `cycles` (1/s) as a sudden load.

    loose: from `looseness`. names: these postures only. Raises InputError for a posture that does not exist.
    """
    chosen = list(names or cycles)
    strains, pressures, errors = [], [], [rested.error]
    for name in chosen:
        load = posture.load_of(body, name.removeprefix("-"))
        found = sudden(body, posture.mirrored(load) if name.startswith("-") else load, rested)
        strain, pressure = _stretched(body, found)
        strains.append(strain)
        pressures.append(pressure)
        errors.append(found.error)
    return Seen(
        jnp.stack(strains),
        jnp.asarray([cycles[name] for name in chosen], dtype=float),
        jnp.stack(pressures),
        *_at_rest(body, rested),
        jnp.asarray(loose, dtype=float),
        jnp.max(jnp.stack(errors)),
    )


@eqx.filter_jit
def _stretched(body: Solid, found: Balance) -> tuple[Array, Array]:
    return fissure.strain(body, equilibrium.places(body, found)), posture.read(body, found).pressure


@eqx.filter_jit
def _at_rest(body: Solid, rested: Balance) -> tuple[Array, Array, Array, Array]:
    """Bulge, height, nucleus that lacks room, and nucleus."""
    lack, nucleus = herniation.lacking(body, solid.volume_ratio(body, equilibrium.places(body, rested)))
    return bulges(body, rested), posture.read(body, rested).height, lack, nucleus


def bulges(body: Solid, found: Balance) -> Float[Array, " sector"]:
    """Outward way of the rim of each sector of elements since start, m, as of `posture.bulge`."""
    way = posture.bulge(body, found)
    return 0.5 * (way + jnp.roll(way, -1))


def advance(body: Solid, seen: Seen, before: Structure, dt: Array | float, laws: Laws | None = None) -> Structure:
    """The structure after dt (s) of such days; pure, so that it can be compiled, batched and put into the clock.

    body: the solid when whole (its material without damage), whose fibres say what share of their strength a strain is.
    """
    laws, p, dt = laws or Laws(), body.parameters, jnp.asarray(dt, dtype=float)
    overstretch, fatigue, nucleus, osteophyte = before.overstretch, before.fatigue, before.nucleus, before.osteophyte
    exponent = body.material.fibre_exponent
    ratio = fissure.stress_ratio(p, exponent, seen.strain, fissure.strength(body.topology, p))
    met = (seen.cycles * dt > 0)[:, None, None, None]
    if laws.overstretch:
        once = jnp.max(jnp.where(met, fissure.overstretched(p, exponent, ratio), 0.0), 0)
        overstretch = jnp.maximum(overstretch, once)
    if laws.fatigue:
        used = fissure.life_used(p, ratio, seen.cycles * dt)
        fatigue = jnp.minimum(fatigue + used, 1.0)
    damage = fissure.damage(overstretch, fatigue)
    if laws.herniation:
        open_ = fissure.opening(p, fissure.reach(body.topology, damage))
        greatest = jnp.max(jnp.where(met[:, 0, 0, 0], seen.pressure, 0.0))
        nucleus = herniation.moved(p, open_, greatest, seen.lacking, nucleus, dt)
    if laws.osteophytes:
        osteophyte = grown(p, seen.looseness, osteophyte, dt)
    return Structure(overstretch, fatigue, nucleus, osteophyte)


def weakened(body: Solid, structure: Structure, laws: Laws | None = None) -> Solid:
    """The solid with torn fibres and tears that let water through, and with what nucleus is left."""
    p, laws, nucleus = body.parameters, laws or Laws(), body.topology.element_tissue == NUCLEUS
    measured = jnp.mean(solid.cofactors(solid.tangents(body.start))[1], 0)
    volume = jnp.sum(jnp.where(nucleus, measured, 0.0))
    left = jnp.clip(1 - structure.nucleus.left / volume, 0.0, 1.0)
    m = fissure.torn(p, body.material, structure.damage) if laws.weakening else body.material
    m = eqx.tree_at(lambda a: a.charge, m, jnp.where(jnp.asarray(nucleus), left * m.charge, m.charge))
    return eqx.tree_at(lambda b: b.material, body, m)


class Findings(eqx.Module):
    """What a radiologist would note of a structure."""

    dallas: Array  # 0 to 5
    torn: Array  # share of the annulus' volume that is torn
    open_sectors: Array  # sectors in which a tear is open to the outside
    protrusion: Protrusion
    stenosis: Stenosis
    osteophyte: Array  # m
    looseness: Array


def findings(
    body: Solid, canal: Canal, first: Seen, seen: Seen, structure: Structure, laws: Laws | None = None
) -> Findings:
    """What a radiologist would note: tears, herniation, what is left of canal and foramina, bone. first: the day of the
    disc at start, whose height and bulge the canal is used to.
    """
    laws = laws or Laws()
    p, t = body.parameters, body.topology
    volume = jnp.where(jnp.asarray(np.arange(t.rings - 1) >= t.nucleus_rings)[:, None, None], body.volume.mean(0), 0.0)
    further = seen.bulge - first.bulge
    out = herniation.protrusion(body, canal, further, structure.nucleus)
    behind = jnp.maximum(further[t.sectors // 2], 0.0)
    narrow = stenosis(
        p,
        canal,
        first.height - seen.height,
        jnp.where(out.inside, jnp.maximum(out.depth, behind), behind),
        jnp.where(out.behind & ~out.inside, jnp.maximum(out.depth, behind), behind),
        structure.osteophyte,
    )
    return Findings(
        fissure.dallas(p, t, structure.damage),
        jnp.sum(structure.damage * volume) / jnp.sum(volume),
        jnp.sum(fissure.opening(p, fissure.reach(t, structure.damage))[-1] > 0),
        out,
        narrow if laws.stenosis else unnarrowed(),
        structure.osteophyte,
        seen.looseness,
    )


def told(found: Findings, canal: Canal, laws: Laws | None = None) -> list[str]:
    """Findings as sentences; the laws that were left out are named."""
    off = (laws or Laws()).off
    percent = 100  # maths: per cent
    annulus = f"The annulus is torn to {percent * float(found.torn):.0f} %, Dallas grade {int(found.dallas)}."
    left = found.stenosis
    high, wide = percent * float(left.foramen_height), percent * float(left.foramen_width)
    narrow = f"Herniation, bulge, bone and ligament leave {percent * float(left.canal):.0f} % of the canal's depth"
    narrow += " and of the foramina"
    narrow += f" {high:.0f} % in height and {wide:.0f} % in width."
    bone = f"Osteophytes are {float(found.osteophyte) / evidence.factor('mm'):.1f} mm long in front."
    left_out = [f"Left out by the case: {', '.join(off)}."] if off else []
    parts = {
        "": annulus,
        "herniation": herniation.told(found.protrusion, canal),
        "stenosis": narrow,
        "osteophytes": bone,
    }
    return [text for law, text in parts.items() if law not in off] + left_out


__all__ = [
    "Laws",
    "Seen",
    "Stability",
    "Structure",
    "advance",
    "looseness",
    "see",
    "stability",
    "torn",
    "unlooked",
    "weakened",
    "whole",
]
