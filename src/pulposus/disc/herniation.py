"""Herniation: nucleus that leaves through an open tear, how much of it, where it comes out and what it meets there.

What: volume of nucleus under the outer annulus (contained) and outside (extruded) by sector; size, place and what of
canal and foramen it takes; contact with sac, root and cord.
Equations: the nucleus lacks ``W = sum (J_free - J) V``, the water it would take up if nothing held it, J_free from
``G J^(-1/3) + U'(J) = 0``; swollen so, ``V_l = V W / (V + W)`` of it would find no room. ``V* = m V_l o clip(p / p_hold
- 1, 0, 1)`` wants out, o how open the widest way is, p the greatest pressure of the day; ``dL/dt = (V* - L)+ / tau``
leaves, shared over sectors as they are open; what came out through an open rim is extruded and goes with its
half-life. A herniation is half an ellipsoid on the rim, ``V = 2/3 pi a (w a) c``, a its depth, w its aspect, c half
the height of the disc there times a span, since fragments go up and down behind the bone.
Reads: openings of `fissure`, a solid at rest, pressures, the canal by level (evidence/canal.csv). Writes: nothing.
Why this holds: swelling is what drives nucleus out of a tear, and no dry nucleus herniates; pressure opens the way.
Source: mild degeneration herniates and severe hardly does in the laboratory (PMC3678893); resorption PMC3025225; the
others are assumptions with ranges.
"""

from __future__ import annotations

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from pulposus import evidence
from pulposus.disc import material as tissue
from pulposus.disc import solid
from pulposus.disc.mesh import NUCLEUS
from pulposus.disc.parameters import Parameters
from pulposus.disc.solid import Solid

Sectors = Float[Array, " sector"]
_MOST_SWOLLEN = 20.0  # maths: beyond any volume ratio of wet tissue, where bisection begins
_HALVINGS = 40  # maths: bisection to a relative error of 1e-11
_GAP = 0.1  # maths: share of the fullest sector below which another one does not join it
_SOME = 1e-9  # maths: m^3, a cubic millimetre: less is nothing to see


class Nucleus(NamedTuple):
    """Where nucleus is that has left its place, m^3: contained and extruded (sector,), and all that ever left."""

    contained: Array
    extruded: Array
    left: Array


class Canal(eqx.Module):
    """What lies behind a disc, m: depth front to back, width side to side, foramina, cord (0 where none), and the gap
    between disc and sac or root.
    """

    depth: Array
    width: Array
    foramen_width: Array
    foramen_height: Array
    pedicle_width: Array
    gap: Array
    cord: Array

    @classmethod
    def of(cls, level: str) -> Canal:
        """The canal behind a disc of a level, from the tables. Raises InputError for an unknown level."""
        rows = {name: jnp.asarray(row.si) for name, row in evidence.canal(level).items()}
        return cls(
            rows["canal_depth"],
            rows["canal_width"],
            rows["foramen_width"],
            rows["foramen_height"],
            rows["pedicle_width"],
            rows["epidural_gap"],
            rows["cord_depth"],
        )

    @property
    def area(self) -> Array:
        """Area of the canal as an ellipse, m^2."""
        return np.pi / 4 * self.depth * self.width


class Protrusion(NamedTuple):
    """Size and place of the greatest herniation, SI, and what it takes; numbers and truths, to be said by `told`."""

    volume: Array  # m^3, of the sectors beside the fullest one
    extruded: Array  # m^3 of it
    elsewhere: Array  # m^3 that came out at other places, of which nothing else is said
    x: Array  # m, to the right, of its middle on the rim
    y: Array  # m, to the front
    depth: Array  # m, with the bulge of the rim there
    front: Array  # true where it lies before the middle of the disc
    behind: Array  # true where it lies in the canal or in a foramen
    inside: Array  # true where it lies in the canal
    canal_left: Array  # share of the canal's area that is left
    foramen_left: Array  # share of the foramen's width that is left, on its side
    sac: Array  # true where it touches the dural sac
    root: Array  # true where it touches a root
    cord: Array  # true where it reaches the cord


def lacking(body: Solid, ratio: Array) -> tuple[Array, Array]:
    """Volume of nucleus that would find no room if it swelled as far as it can, and volume of all of it; m^3. ratio: J
    at the points.
    """
    m, p, nucleus = body.material, body.parameters, body.topology.element_tissue == NUCLEUS

    def pulled(volume: Array) -> Array:
        held = tissue.volume_stress(p, body.hypotheses, m, volume)
        return held + m.shear * volume ** (-1 / 3)

    def halve(_: int, ends: tuple[Array, Array]) -> tuple[Array, Array]:
        low, high = ends
        middle = 0.5 * (low + high)
        swells = pulled(middle) < 0
        return jnp.where(swells, middle, low), jnp.where(swells, high, middle)

    start = (m.solid + 0.5 * (1 - m.solid), jnp.full_like(m.solid, _MOST_SWOLLEN))
    free = jax.lax.fori_loop(0, _HALVINGS, halve, start)[0]
    volume = jnp.mean(body.volume, 0)  # without stress, to which J refers
    wants = jnp.maximum(free - jnp.mean(ratio, 0), 0.0) * volume
    measured = jnp.mean(solid.cofactors(solid.tangents(body.start))[1], 0)
    water, all_ = (jnp.sum(jnp.where(nucleus, each, 0.0)) for each in (wants, measured))
    return all_ * water / (all_ + water), all_


def moved(p: Parameters, open_: Array, pressure: Array, lack: Array, before: Nucleus, dt: Array) -> Nucleus:
    """Nucleus after dt (s): open_ (annulus, sector) from `fissure`, pressure the greatest of the day (Pa), lack in m^3.

    The last ring is the rim; what reaches only the ring under it stays contained.
    """
    rim, under = open_[-1], open_[max(open_.shape[0] - 2, 0)]
    drive = jnp.clip(pressure / p.nucleus_holding_pressure - 1, 0.0, 1.0)
    wanted = p.nucleus_mobile_share * lack * drive * jnp.max(under)
    leaving = jnp.maximum(wanted - before.left, 0.0) * -jnp.expm1(-dt / p.herniation_time)
    part = jnp.where(under > 0, under, 0.0)
    here = leaving * part / jnp.maximum(jnp.sum(part), jnp.finfo(float).tiny)
    through = jnp.where(under > 0, jnp.minimum(rim / jnp.where(under > 0, under, 1.0), 1.0), 0.0)
    bursting = before.contained * rim * -jnp.expm1(-dt / p.herniation_time)
    stays = jnp.exp2(-dt / p.resorption_half_life)
    return Nucleus(
        before.contained + here * (1 - through) - bursting,
        before.extruded * stays + here * through + bursting,
        before.left + leaving,
    )


def protrusion(body: Solid, canal: Canal, bulge: Sectors, nucleus: Nucleus) -> Protrusion:
    """Size, place and neighbours of what has come out; bulge (sector,) of the rim beyond that of the whole disc,
    m, outward.
    """
    p, t = body.parameters, body.topology
    every = nucleus.contained + nucleus.extruded
    one = greatest(every)
    volume = jnp.where(one, every, 0.0)
    whole = jnp.sum(volume)
    weight = volume / jnp.maximum(whole, jnp.finfo(float).tiny)
    corners = 0.5 * (body.start + jnp.roll(body.start, -1, -2))  # middles of the elements' outer faces
    middle = t.layers // 2
    x, y = on_rim(body.start[:2, -1, :, middle], jnp.sum(weight * corners[:2, -1, :, middle], -1))
    plates = t.endplate_layers
    half = 0.5 * p.herniation_span * jnp.sum(weight * (corners[2, -1, :, -1 - plates] - corners[2, -1, :, plates]))
    some = whole > _SOME
    square = 3 * whole / (2 * np.pi * p.herniation_aspect * jnp.where(some, half, 1.0))
    own = jnp.where(some, jnp.sqrt(jnp.where(some, square, 1.0)), 0.0)
    depth = own + jnp.sum(weight * jnp.maximum(bulge, 0.0))
    axis = jnp.mean(body.start[1, -1, :, middle])
    front = y >= axis
    back = some & ~front & (jnp.abs(x) < 0.5 * canal.width + canal.pedicle_width)
    inside = back & (jnp.abs(x) < 0.5 * canal.width)
    lateral = back & ~inside
    deep = jnp.minimum(depth, canal.depth)
    taken = 0.5 * np.pi * deep * jnp.minimum(p.herniation_aspect * own, 0.5 * canal.width)
    recess = inside & (jnp.abs(x) + p.herniation_aspect * own > 0.5 * 0.5 * canal.width)  # the outer half of the canal
    return Protrusion(
        whole,
        jnp.sum(jnp.where(one, nucleus.extruded, 0.0)),
        jnp.sum(every) - whole,
        x,
        y,
        depth,
        front,
        back,
        inside,
        jnp.where(inside, jnp.clip(1 - taken / canal.area, 0.0, 1.0), 1.0),
        jnp.where(lateral, jnp.clip(1 - depth / canal.foramen_width, 0.0, 1.0), 1.0),
        inside & (depth > canal.gap),
        (recess | lateral) & (depth > canal.gap),
        inside & (canal.cord > 0) & (depth > 0.5 * (canal.depth - canal.cord)),
    )


def greatest(volume: Sectors) -> Sectors:
    """True for the fullest sector and those that join it without a gap."""
    first = jnp.argmax(volume)
    onward = jnp.roll(volume > _GAP * jnp.max(volume), -first)
    back = jnp.roll(onward[::-1], 1)
    joined = jnp.cumprod(onward) + jnp.roll(jnp.cumprod(back), -1)[::-1]
    return jnp.roll(joined > 0, first)


def on_rim(rim: Float[Array, "2 sector"], point: Float[Array, "2"]) -> Float[Array, "2"]:
    """Where the ray from the middle of a rim through a point meets the rim; all in one unit."""
    centre = jnp.mean(rim, 1)
    way = point - centre
    way = jnp.where(jnp.sum(way**2) > 0, way, jnp.array([0.0, -1.0]))
    first, edge = rim - centre[:, None], jnp.roll(rim, -1, 1) - rim
    across = way[0] * edge[1] - way[1] * edge[0]
    across = jnp.where(across == 0, jnp.finfo(float).tiny, across)
    far = (first[0] * edge[1] - first[1] * edge[0]) / across
    along = (first[0] * way[1] - first[1] * way[0]) / across
    meets = (far > 0) & (along >= 0) & (along <= 1)
    return centre + way * jnp.max(jnp.where(meets, far, 0.0))


def side(seen: Protrusion, canal: Canal) -> str:
    """Where it lies in words: front, central, or left or right in recess, foramen or beyond."""
    hand = "left" if float(seen.x) < 0 else "right"
    if bool(seen.front):
        return f"in front on the {hand}" if abs(float(seen.x)) > 0.5 * float(canal.width) else "in front"
    if not bool(seen.behind):
        return f"outside the foramen on the {hand}"
    if abs(float(seen.x)) < 0.125 * float(canal.width):  # maths: the middle quarter of the canal
        return "in the middle"
    if abs(float(seen.x)) < 0.5 * float(canal.width):
        return f"beside the middle on the {hand}"
    return f"in the foramen on the {hand}"


def told(seen: Protrusion, canal: Canal) -> str:
    """One sentence: none, or contained or extruded, where, how large, what is left of the canal, what it touches."""
    if float(seen.volume) <= _SOME:
        return "No nucleus has left its place."
    kind = "Extruded" if float(seen.extruded) > 0.5 * float(seen.volume) else "Contained"
    size = f"{float(seen.volume) / evidence.factor('mL'):.2f} mL, {float(seen.depth) / evidence.factor('mm'):.1f} mm"
    touched = [name for name, touches in (("sac", seen.sac), ("root", seen.root), ("cord", seen.cord)) if bool(touches)]
    contact = f"touches the {' and the '.join(touched)}" if touched else "touches no nerve"
    percent = 100  # maths: per cent
    canal_left, foramen = percent * float(seen.canal_left), percent * float(seen.foramen_left)
    left = f"{canal_left:.0f} % of the canal's area and {foramen:.0f} % of the width of the"
    more = float(seen.elsewhere) / evidence.factor("mL")
    also = f" {more:.2f} mL came out elsewhere." if float(seen.elsewhere) > _SOME else ""
    return f"{kind} herniation {side(seen, canal)}, {size} deep: {left} foramen are left, and it {contact}.{also}"
