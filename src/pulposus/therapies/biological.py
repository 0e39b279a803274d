"""Biological therapies: cells, vesicles, platelets and factors through a needle.

What: each dose puts viable cells (or, for agents without cells, their equivalents) around the tip of the needle. A part
is not kept by its carrier, a part of the
volume that the disc does not take up flows back, and the needle kills native cells along its track. What goes in before
the pressure reaches its stop, and how much more or less of it stays at its pressure, says `pressure`.
Equation: kept = dose x content x viability x given volume / volume x delivered x retained^x x (1 - excess leak x (1 -
accepted volume / given volume)+), x of `pressure`, excess leak only where pressure is left out; spread as a smooth
ellipsoid of the nucleus' proportions and the given volume; native cells x (1 - killed exp(-(d / r)^2)), d the distance
from the track.
Source: every number from ``evidence/therapies.csv``; most are assumptions with ranges, and are labelled so there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from pulposus import evidence
from pulposus.disc import mesh
from pulposus.disc.simulate import MONTH, AbstractTherapy
from pulposus.disc.state import FATES, MECHANISMS, Disc, Products, State, total
from pulposus.errors import InputError
from pulposus.evidence import Row
from pulposus.therapies import pressure
from pulposus.therapies.protocol import Treatment

_SOFTNESS = (
    0.15  # maths: edge of the injected ellipsoid relative to its size, so that coarse and fine meshes see one cloud
)


_LEAST = np.finfo(float).tiny  # maths: keeps a quotient finite where it is not used


class Injections(AbstractTherapy):
    """Every dose of a case, one entry a dose; `given` is 1 in the treated arm and 0 in the untreated one."""

    given: Float[Array, ""]
    when: Float[Array, " dose"]  # s
    kept: Float[Array, "dose product"]  # cells or equivalents in all the volume, at the anchor pressure
    leaked: Float[Array, "dose product"]  # cells that the carrier does not keep there
    retained: Float[Array, " dose"]  # share that the carrier keeps there
    volume: Float[Array, " dose"]  # m^3
    accepted: Float[Array, " dose"]  # of nucleus volume
    excess_leak: Float[Array, " dose"]
    pressed: Float[Array, " dose"]  # 1 where pressure counts: inside the disc, unless switched off
    elastance: Float[Array, " dose"]  # Pa/m^3 of the lumbar disc of the table
    nucleus_area: Float[Array, " dose"]  # m^2 in plan, of that disc
    leak_path: Float[Array, " dose"]  # relative to Dallas 3
    stop_pressure: Float[Array, " dose"]  # Pa
    stop_volume: Float[Array, " dose"]  # m^3
    retention_pressure: Float[Array, " dose"]  # Pa, the anchor
    position_ap: Float[Array, " dose"]  # of AP depth, from the nucleus centre
    position_lateral: Float[Array, " dose"]  # of width
    needle_angle: Float[Array, " dose"]  # rad from anterior
    injury_radius: Float[Array, " dose"]  # m
    killed: Float[Array, " dose"]
    cellular: Float[Array, " product"]  # 1 for cells, 0 for agents without cells

    def times(self) -> tuple[float, ...]:
        """Times of all doses, s, each once."""
        when = np.unique(np.asarray(self.when))
        return tuple(when[when >= 0].tolist())

    def dose(self, disc: Disc, state: State, coords: Array, time: Array) -> State:
        """Give the doses due at `time`."""
        for k in range(self.when.shape[-1]):
            due = self.given * (self.when[k] == time)  # both in whole seconds
            state = self._inject(disc, state, coords, k, due)
        return state

    def at_needle(self, area: Array, k: int) -> tuple[Array, Array, Array]:
        """Volume given (m^3), peak pressure above opening (Pa; zero where it does not count) and share kept of what is
        delivered, of dose k into a disc whose nucleus has this plan area (m^2).
        """
        stiff = pressure.elastance(self.elastance[k], area, self.nucleus_area[k])
        volume = pressure.given(self.volume[k], stiff, self.stop_pressure[k], self.stop_volume[k])
        volume = jnp.where(self.pressed[k] > 0, volume, self.volume[k])
        peak = self.pressed[k] * stiff * volume
        share = pressure.kept(self.retained[k], peak, self.leak_path[k], self.retention_pressure[k])
        return volume, peak, jnp.where(self.pressed[k] > 0, share, self.retained[k])

    def _inject(self, disc: Disc, state: State, coords: Array, k: int, due: Array) -> State:
        nucleus = total(disc, disc.tissue[0])
        volume, _, share = self.at_needle(disc.shape.nucleus.area(), k)
        part = volume / self.volume[k]
        # what flows back along the needle goes by pressure where that counts, by volume where it does not
        excess = jnp.clip(1 - self.accepted[k] * nucleus / volume, 0.0, 1.0) * self.excess_leak[k]
        excess = jnp.where(self.pressed[k] > 0, 0.0, excess)
        held = jnp.where(self.retained[k] > 0, self.kept[k] * share / jnp.maximum(self.retained[k], _LEAST), 0.0)
        stays = part * held * (1 - excess) * due
        cloud = self._cloud(disc, coords, volume, k, nucleus)
        spread = stays[:, None, None, None] * cloud
        cellular = self.cellular[:, None, None, None]
        hurt = due * self.killed[k] * mesh.average(coords, lambda place: self._track(disc, coords, k, place))
        leaked = part * (self.leaked[k] + self.kept[k]) * due - stays
        ledger = state.ledger.at[FATES.index("injected")].add(self.cellular * (stays + leaked))
        ledger = ledger.at[FATES.index("leaked")].add(self.cellular * leaked)
        return eqx.tree_at(
            lambda s: (s.fresh, s.bolus, s.native, s.ledger),
            state,
            (state.fresh + cellular * spread, state.bolus + (1 - cellular) * spread, state.native * (1 - hurt), ledger),
        )

    def _tip(self, disc: Disc, coords: Array, k: int) -> tuple[Array, Array, Array]:
        """Needle tip in the plan and half the extent of the nucleus (x, y, z), m."""
        middle = disc.topology.layers // 2
        outer, border = coords[-1, :, middle, :2], coords[disc.topology.nucleus_rings, :, middle, :2]
        size = jnp.max(outer, 0) - jnp.min(outer, 0)
        tip = coords[0, 0, middle, :2] + jnp.stack([self.position_lateral[k] * size[0], self.position_ap[k] * size[1]])
        half = 0.5 * (jnp.max(border, 0) - jnp.min(border, 0))
        column = coords[0, 0, :, 2]
        inner = column[-1 - disc.topology.endplate_layers] - column[disc.topology.endplate_layers]
        return tip, jnp.concatenate([half, 0.5 * inner[None]]), outer

    def _cloud(self, disc: Disc, coords: Array, volume: Array, k: int, nucleus: Array) -> Array:
        """Density (1/m^3) of what is injected, integrating to one; none of it in the endplates."""
        tip, half, _ = self._tip(disc, coords, k)
        away = (coords - jnp.concatenate([tip, jnp.zeros(1)])) / half
        distance = jnp.sqrt(jnp.sum(away**2, -1) + np.finfo(float).tiny)  # has a derivative at the tip too
        reach = jnp.cbrt(volume / nucleus)
        weight = jax.nn.sigmoid((reach - distance) / (_SOFTNESS * reach)) * (1 - disc.tissue[2])
        return weight / total(disc, weight)

    def _track(self, disc: Disc, coords: Array, k: int, place: Array) -> Array:
        """1 at places (..., 3) on the needle's track from the rim to the tip, falling with the square of the distance
        over the injured radius; level with the mid-plane.
        """
        tip, _, outer = self._tip(disc, coords, k)
        angle = self.needle_angle[k]
        way = jnp.stack([-jnp.sin(angle), jnp.cos(angle), 0.0])
        from_tip = place - jnp.concatenate([tip, jnp.zeros(1)])
        reach = jnp.max(jnp.linalg.norm(outer - tip, axis=-1))
        along = jnp.clip(from_tip @ way, 0.0, reach)
        square = jnp.sum((from_tip - along[..., None] * way) ** 2, -1)
        radius = jnp.maximum(self.injury_radius[k], np.finfo(float).tiny)
        return jnp.exp(-square / radius**2)


def course(treatments: Sequence[Treatment], injections: Injections, area: Array | float) -> list[dict[str, Any]]:
    """What happened at the needle, one record a dose in the order of `treatments`: product, month, volume asked and
    given (mL), peak pressure above opening (psi and MPa), whether the stop was reached, and the share kept of what was
    delivered, before any back-flow. area: plan area of the nucleus, m^2.
    """
    found = []
    doses = [(treatment, month) for treatment in treatments for month in treatment.months]
    for k, (t, month) in enumerate(doses):
        volume, peak, share = (float(x) for x in injections.at_needle(jnp.asarray(area), k))
        found.append(
            {
                "product": t.product,
                "month": month,
                "volume_mL": t.volume_mL,
                "given_mL": volume / evidence.factor("mL"),
                "peak_psi": peak / evidence.factor("psi"),
                "peak_MPa": peak / evidence.factor("MPa"),
                "stopped": volume < float(injections.volume[k]) * (1 - 1e-9),  # maths: beyond rounding
                "kept_share": share,
            }
        )
    return found


HUNGER = ("oxygen_uptake_multiplier", "glucose_uptake_multiplier")


def hungers(treatments: Sequence[Treatment]) -> dict[str, tuple[Array, Array]]:
    """Oxygen and glucose that fresh cells of each product use, in disc cells: least, used and most of the evidence."""
    slots = list(dict.fromkeys(_slot(t) for t in treatments)) or [_IDLE]
    rows = [[evidence.product(slot[0])[name] for slot in slots] for name in HUNGER]
    picks = {"least": "low", "used": "value", "most": "high"}
    return {
        word: (jnp.array([getattr(r, pick) for r in rows[0]]), jnp.array([getattr(r, pick) for r in rows[1]]))
        for word, pick in picks.items()
    }


def products_in(treatments: Sequence[Treatment]) -> list[str]:
    """Name of the product in each slot of `prescribe`."""
    return [slot[0] for slot in dict.fromkeys(_slot(t) for t in treatments)]


def prescribe(
    treatments: Sequence[Treatment],
    grade: int,
    room: tuple[int, int] = (1, 1),
    own: Mapping[str, float] | None = None,
    sex: str = "any",
    dallas: int | None = None,
    pressed: bool = True,
    opened: tuple[float, int] | None = None,
) -> tuple[Products, Injections]:
    """The products of a case (one slot for each combination of product, origin, carrier and passage) and its doses,
    from the evidence tables.

    room: at least so many (products, doses), filled up with idle ones: cases of one room are of one form and batch.
    own: values (SI) in place of those of rows of therapies.csv, by the name of the row ("product MSC(M) potency").
    sex: whose disc the table of elastance is that of. dallas: grade of the discogram, 0 to 5; from Pfirrmann's where
    none is given. pressed: whether pressure counts. opened: month from which the annulus is open, and its grade then.
    Raises InputError where a case needs more of either than a room larger than (1, 1) has.
    """
    own = own or {}
    slots = list(dict.fromkeys(_slot(t) for t in treatments)) or [_IDLE]
    doses = [(t, month) for t in treatments for month in t.months]
    for what, count, most in zip(("products", "doses"), (len(slots), len(doses)), room, strict=True):
        if most > 1 and count > most:
            raise InputError(f"A case with {count} {what} does not fit into a room of {most}; give a larger room.")
    slots += [_IDLE] * (room[0] - len(slots))
    products = _stack([_product(*slot, own) for slot in slots])
    common = {"pressed": float(pressed), "nucleus_area": pressure.reference_area(grade, sex)}
    rule = _numbers(evidence.volume_rule(grade, dallas), own) | common
    first, way = (np.inf, dallas) if opened is None else (opened[0], max(opened[1], dallas or 0))
    wide = _numbers(evidence.volume_rule(grade, way), own) | common
    entries = [_dose(t, month, slots, wide if month >= first else rule, own) for t, month in doses]
    entries += [_nothing(rule, slots)] * (max(1, room[1]) - len(entries))
    cellular = [1.0 if _words(slot[0])["class"] == "cells" else 0.0 for slot in slots]
    columns = {name: jnp.stack([jnp.asarray(e[name], dtype=float) for e in entries]) for name in entries[0]}
    return products, Injections(given=jnp.ones(()), cellular=jnp.asarray(cellular), **columns)


_IDLE = ("MSC(M)", "own", "saline", 1)


def _slot(t: Treatment) -> tuple[str, str, str, int]:
    return t.product, t.origin, t.carrier, t.passage


def _words(product: str) -> dict[str, str]:
    return {name: row.text for name, row in evidence.product(product).items() if row.text}


def _numbers(rows: dict[str, Row], own: Mapping[str, float]) -> dict[str, float]:
    return {name: own.get(row.name, row.si) for name, row in rows.items() if not row.text}


def _rate(half_life: float) -> float:
    """First-order rate of a half-life in s; none for a half-life of zero, written where nothing decays."""
    return float(np.log(2) / half_life) if half_life > 0 else 0.0


def _product(
    product: str, origin: str, carrier: str, passage: int, own: Mapping[str, float]
) -> dict[str, np.ndarray | float]:
    q, held = _numbers(evidence.product(product), own), _numbers(evidence.carrier(carrier), own)
    strengths = np.array([q[name] for name in MECHANISMS])
    strengths[MECHANISMS.index("anabolic")] *= held["anabolic_factor"]
    return {
        "oxygen_fresh": q["oxygen_uptake_multiplier"],
        "glucose_fresh": q["glucose_uptake_multiplier"],
        "adaptation_rate": 1 / q["adaptation_time"] if q["adaptation_time"] > 0 else 0.0,
        "loss_rate": _rate(q["loss_half_life"] * held["loss_half_life_factor"]),
        "clearance_rate": _rate(q["immune_clearance_half_life"]) if origin == "donor" else 0.0,
        "proliferation_rate": q["proliferation_rate"],
        "turning_rate": 1 / q["differentiation_time"] if q["differentiation_time"] > 0 else 0.0,
        "differentiation_share": q["differentiation_fraction"] * q["differentiation"],
        "settling_share": q["differentiation_fraction"] * q["disc_cell"],
        "np_like_synthesis": q["np_like_synthesis"],
        "potency": q["potency"] * (1 - q["potency_loss_per_passage"]) ** max(passage - 1, 0),
        "half_effect": q["half_effect_ratio"],
        "bolus_decay": _rate(q["bolus_half_life"]),
        "strengths": strengths,
    }


def _stack(entries: list[dict[str, np.ndarray | float]]) -> Products:
    return Products(
        **{name: jnp.stack([jnp.asarray(e[name], dtype=float) for e in entries], -1) for name in entries[0]}
    )


def _dose(
    t: Treatment, month: float, slots: list[tuple], rule: dict[str, float], own: Mapping[str, float]
) -> dict[str, np.ndarray | float]:
    q, place, held = (
        _numbers(evidence.product(t.product), own),
        _numbers(evidence.site(t.site), own),
        _numbers(evidence.carrier(t.carrier), own),
    )
    words = _words(t.product)
    amount = t.dose * (evidence.factor("mL") if words["dose_unit"] == "mL" else 1.0)
    acting = amount * (q["msc_content"] if words["class"] == "cells" else q["secretion_equivalents"]) * t.viability
    here = np.eye(len(slots))[slots.index(_slot(t))]
    kept = acting * place["delivered_fraction"] * held["retained_fraction"]
    return {
        "when": np.rint(month * MONTH),
        "kept": here * kept,
        "leaked": here * (acting - kept),
        "volume": t.volume_mL * evidence.factor("mL"),
        "accepted": rule["accepted_fraction"],
        "excess_leak": rule["excess_leak_fraction"],
        "retained": held["retained_fraction"],
        "pressed": rule["pressed"] * (place["delivered_fraction"] > 0),
        "elastance": rule["elastance"],
        "nucleus_area": rule["nucleus_area"],
        "leak_path": rule["leak_path"],
        "stop_pressure": rule["stop_pressure"],
        "stop_volume": rule["stop_volume"],
        "retention_pressure": rule["retention_pressure"],
        "position_ap": place["position_ap"],
        "position_lateral": place["position_lateral"],
        "needle_angle": place["needle_angle"],
        "injury_radius": place["needle_injury_radius"],
        "killed": place["needle_killed_fraction"],
    }


def _nothing(rule: dict[str, float], slots: list[tuple]) -> dict[str, np.ndarray | float]:
    treatment = Treatment(
        product=_IDLE[0],
        origin=_IDLE[1],
        dose=0.0,
        viability=1.0,
        passage=_IDLE[3],
        volume_mL=1.0,
        carrier=_IDLE[2],
        site="nucleus_centre",
        month=0.0,
        repeats=0,
        every_months=0.0,
    )
    none = np.zeros(len(slots))
    return {**_dose(treatment, 0.0, [_IDLE], rule, {}), "kept": none, "leaked": none, "killed": 0.0, "when": -1.0}
