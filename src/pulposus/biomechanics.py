"""What a disc does under load: postures, moments, a day, and years of days.

What: puts a disc at rest overnight, then on the loads of ``evidence/loads.csv``, and makes tables of what is read.
Postures and moments come suddenly, water having no time to leave; a day is a night and a time on the feet after another
such day, with water flowing. Years of such days tear the disc as `disc.structure` says.
Reads: a frame of `disc.posture`, the share of fixed charge that is left. Writes: nothing; gives tables.
Source: `disc.posture`, ``evidence/loads.csv``.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from pulposus import evidence
from pulposus.disc import equilibrium, posture
from pulposus.disc import structure as structures
from pulposus.disc.equilibrium import Balance, Load
from pulposus.disc.herniation import Canal, Protrusion
from pulposus.disc.mesh import Topology
from pulposus.disc.posture import Frame
from pulposus.disc.solid import Solid
from pulposus.disc.structure import Laws, Structure

if TYPE_CHECKING:
    import pandas as pd

POSTURES = ("lying", "sitting", "standing", "extended", "side_bent", "turned", "flexed", "lifting")
MOMENTS = (1.0, 2.5, 5.0, 7.5)  # maths: N m at which motion is read, those of the usual spine testers
ENDS = (MOMENTS[0], MOMENTS[-1])
UNBALANCED = "beyond this disc: no balance was found"
USUAL = ("night", "day")  # the spans of a day of ``evidence/loads.csv``, lying first
SETTLED = ("at_rest_overnight", "after_mean_day")  # rows of what lasts until water has come to rest
_SPREAD = (0.0, 0.03, 0.1, 0.25, 0.5, 1.0)  # maths: times within a span, close after its load has come
FURTHER = 100.0  # maths: N over which a stiffness is read
_PERCENT = 100  # maths: a share in percent
_DIGITS = 6  # maths: decimals of an hour
_MM, _MPA, _ML, _KN_PER_MM = 1e3, 1e-6, 1e6, 1e-6  # maths: factors from SI
Tell = Callable[[str], None]
Spans = Sequence[tuple[str, float]]  # postures in their order, and how many hours each lasts; lying first
Share = Array | np.ndarray | float

# compiled once for every disc on a mesh
after = equilibrium.flowing
_read = eqx.filter_jit(posture.read)
_body = eqx.filter_jit(posture.body)


class Rested(NamedTuple):
    """A disc at rest overnight."""

    made: Frame
    body: Solid
    found: Balance


def rested(made: Frame, left: Share = 1.0, worn: Structure | None = None, laws: Laws | None = None) -> Rested:
    """A disc at rest overnight with the share `left` of its charge at start (a number, or on nodes), torn as `worn`."""
    body = _body(made, jnp.asarray(left, dtype=float))
    body = body if worn is None else _weakened(body, worn, laws)
    found = equilibrium.drained(body, posture.rest(made, body), equilibrium.at_start(body))
    return Rested(made, body, found)


def astray(disc: Rested) -> str:
    """What must be said of a disc that does not rest in the form in which it was measured; empty where it does."""
    way = float(posture.missed(disc.body, disc.found))
    if way < posture.NEAR:
        return ""
    found = f"misses it by {_PERCENT * way:.0f} % of its height" if np.isfinite(way) else "finds no rest at all"
    return (
        f"Under the load of a night this disc should rest in the form in which it was measured, and {found}: do not "
        "trust its postures, its day and its tears; check dimensions and numbers."
    )


def carried(values: np.ndarray, of: Topology, onto: Topology) -> np.ndarray:
    """A nodal field of one mesh (ring, sector, layer) on the nodes of another, linear between."""
    from scipy.interpolate import RegularGridInterpolator

    round_ = np.concatenate([values, values[:, :1]], 1)
    turn = np.arange(of.sectors + 1) / of.sectors
    inside = RegularGridInterpolator((of.radial, turn, of.axial), round_)
    at = np.meshgrid(onto.radial, np.arange(onto.sectors) / onto.sectors, onto.axial, indexing="ij")
    return inside(np.stack(at, -1))


def under(disc: Rested, load: Load) -> Balance:
    """The disc just after a load has come over the night's rest."""
    return after(disc.body, load, disc.found, jnp.asarray(0.0))


def usual_day() -> list[tuple[str, float]]:
    """The spans of a day of ``evidence/loads.csv``: a night, and the time on the feet; hours."""
    return [(name, evidence.posture(name)["duration"].si / _HOUR) for name in USUAL]


def mean_load(body: Solid, spans: Spans) -> Load:
    """The mean over time of the loads of spans: under it a disc comes to rest as after such days without end. Turns of
    postures that bend are left out: between them the spine comes back.
    """
    loads = [posture.load_of(body, name) for name, _ in spans]
    share = [hours / sum(hours for _, hours in spans) for _, hours in spans]
    mean = [sum(s * getattr(load, part) for s, load in zip(share, loads, strict=True)) for part in _BORNE]
    return eqx.tree_at(lambda a: [getattr(a, part) for part in _BORNE], equilibrium.unloaded(body), mean)


def settled(disc: Rested, load: Load) -> Balance:
    """The disc held under a load until no water moves any more."""
    return equilibrium.drained(disc.body, load, equilibrium.at_start(disc.body))


def equilibria(disc: Rested, spans: Spans | None = None) -> pd.DataFrame:
    """Two rows as of `postures`, by the names of `SETTLED`: at rest overnight, and after a day's mean load."""
    import pandas as pd

    mean = mean_load(disc.body, spans or usual_day())
    both = (posture.rest(disc.made, disc.body), disc.found), (mean, settled(disc, mean))
    rows: list[dict[str, Any]] = [{"compression_N": float(load.follower)} | _row(disc, load, now) for load, now in both]
    return pd.DataFrame(rows).assign(posture=SETTLED)


def postures(disc: Rested, tell: Tell = lambda text: None) -> tuple[pd.DataFrame, dict[str, Balance]]:
    """One row a posture, and the balances behind them. A load that the disc cannot bear is a row with a status."""
    import pandas as pd

    rows, found = [], {}
    for name in POSTURES:
        load = posture.load_of(disc.body, name)
        found[name] = under(disc, load)
        more = {"axial_stiffness_kN_per_mm": stiffness(disc, load, found[name])}
        rows.append({"posture": name, "compression_N": float(load.follower)} | _row(disc, load, found[name]) | more)
        tell(f"under load, {name.replace('_', ' ')}")
    return pd.DataFrame(rows), found


def stiffness(disc: Rested, load: Load, now: Balance) -> float:
    """kN/mm of the disc when the compression of a load comes on larger by `FURTHER`; NaN where one was not solved."""
    more = under(disc, eqx.tree_at(lambda a: a.follower, load, load.follower + FURTHER))
    solved = max(float(now.error), float(more.error)) < equilibrium.BELIEVED
    return FURTHER / float(now.pose[2] - more.pose[2]) * _KN_PER_MM if solved else np.nan


def _row(disc: Rested, load: Load, now: Balance) -> dict[str, float | str]:
    seen = _read(disc.body, now)
    row: dict[str, float | str] = {
        "height_mm": float(seen.height) * _MM,
        "pressure_MPa": float(seen.pressure) * _MPA,
        "volume_mL": float(seen.volume) * _ML,
        "water_mL": float(seen.water) * _ML,
        **{f"bulge_{way}_mm": float(seen.bulge[i]) * _MM for i, way in enumerate(posture.DIRECTIONS)},
        "fibre_strain_percent": 100 * (float(seen.fibre_stretch) - 1),  # maths: share to percent
        "fibre_stress_MPa": float(seen.fibre_stress) * _MPA,
        "status": "completed",
    }
    if said := beyond(disc.body, load, now):
        row = {k: np.nan if k != "status" else said for k in row}
    return row


def beyond(body: Solid, load: Load, now: Balance) -> str:
    """Why a load is beyond a disc, or nothing: no balance, or more compression than any lumbar spine bore, for discs of
    other sizes the same stress.
    """
    if not float(now.error) < equilibrium.BELIEVED:
        return UNBALANCED
    row = evidence.used("spine_strength")
    most = evidence.convert(row.high, row.unit, "N") * float(posture.shares(body)[0])
    if float(load.follower) <= most:
        return ""
    return f"beyond this disc: {float(load.follower):.0f} N, and no spine that was pressed bore more than {most:.0f}"


def motions(disc: Rested, tell: Tell = lambda text: None, moments: Sequence[float] = MOMENTS) -> pd.DataFrame:
    """One row a motion and moment (N m, as given: not scaled) of the disc alone, taken out after a night and bent at
    once: turn in degrees and rise of pressure over the disc without moment.
    """
    import pandas as pd

    free = after(disc.body, equilibrium.unloaded(disc.body), disc.found, jnp.asarray(0.0))
    start, rows = _read(disc.body, free), []
    for name, way in posture.MOTIONS.items():
        for moment in moments:
            now = after(disc.body, posture.moment_of(disc.body, name, moment), free, jnp.asarray(0.0))
            seen = _read(disc.body, now)
            believed = float(now.error) < equilibrium.BELIEVED
            turn = float(np.rad2deg(np.dot(way, np.asarray(seen.rotation - start.rotation))))
            rise = float(seen.pressure - start.pressure) * _MPA
            rows.append(
                {"motion": name, "moment_N_m": moment}
                | {"turn_degrees": turn if believed else np.nan, "pressure_rise_MPa": rise if believed else np.nan}
                | {"status": "completed" if believed else UNBALANCED}
            )
        tell(f"under load, {name.replace('_', ' ')}")
    return pd.DataFrame(rows)


def day(disc: Rested, tell: Tell = lambda text: None, spans: Spans | None = None) -> pd.DataFrame:
    """Height, volume and pressure over the spans of a day, lying first, after a day like it; hours from lying down.

    spans: postures of ``evidence/loads.csv`` with their hours; a night and a day on the feet where none are given.
    """
    import pandas as pd

    spans = list(spans or usual_day())
    now, hour, rows = disc.found, -sum(hours for _, hours in spans[1:]), list[dict[str, Any]]()
    for name, lasts in [*spans[1:], *spans]:
        for hours in _pieces(lasts):
            load = posture.load_of(disc.body, name)
            now = after(disc.body, load, now, jnp.asarray(hours * _HOUR))
            hour += hours
            rows.append({"hour": round(hour, _DIGITS), "span": name} | _row(disc, load, now))
        tell(f"under load, {name.replace('_', ' ')}")
    return pd.DataFrame(rows[-len(spans) * len(_SPREAD) :])


def _pieces(hours: float) -> list[float]:
    """Hours of the pieces of a span; its load comes at once, in a piece of no length."""
    return [0.0, *(hours * (late - early) for early, late in itertools.pairwise(_SPREAD))]


_PIECES = 3  # maths: steps of a quarter of a year in which nucleus leaves and is resorbed
_LOOKS = 4  # maths: times a year at which a disc that tears is seen anew
MOVED = 0.1  # maths: change of damage after which a disc is seen anew; measured in docs/processes/structure.md
_BORNE = ("force", "moment", "follower")  # what of loads is averaged over a day
_HOUR = 3600.0  # maths: seconds of an hour


def section(disc: Rested, found: dict[str, Balance]) -> dict[str, object]:
    """The mid-sagittal section of a disc in each posture, posterior to anterior: places y and z of nodes in mm (along,
    layer) and pressure of elements in MPa (along, layer), osmotic and pore.
    """
    frames = {}
    for name, now in {"night": disc.found, **found}.items():
        if not float(now.error) < equilibrium.BELIEVED:
            continue
        y, z, pressure = (np.asarray(a) for a in _cut(disc.body, now))
        frames[name] = {
            "y_mm": (y * _MM).round(2).tolist(),
            "z_mm": (z * _MM).round(2).tolist(),
            "pressure_MPa": (pressure * _MPA).round(3).tolist(),
        }
    tissue = disc.made.topology.element_tissue[:, 0]
    return {"frames": frames, "tissue": np.concatenate([tissue[::-1], tissue]).tolist()}


@eqx.filter_jit
def _cut(body: Solid, now: Balance) -> tuple[Array, Array, Array]:
    x, half = equilibrium.places(body, now), body.topology.sectors // 2
    # behind the axis from the rim inwards, then outwards in front; the axis itself once
    nodes = jnp.concatenate([x[1:, ::-1, half], x[1:, 1:, 0]], 1)
    inside = posture.pressure(body, now)
    # the section runs between two columns of elements, left and right of it
    back = 0.5 * (inside[:, half] + inside[:, half - 1])
    front = 0.5 * (inside[:, 0] + inside[:, -1])
    return nodes[0], nodes[1], jnp.concatenate([back[::-1], front])


# ---------------------------------------------------------------------------------------------- years of tears


Look = tuple[structures.Seen, structures.Stability]


class Worn(NamedTuple):
    """What years of days did to a disc: a row a look, the disc and its structure at the end, what a radiologist would
    note of it, and the first look.
    """

    rows: pd.DataFrame
    body: Solid  # whole
    structure: Structure
    canal: Canal
    findings: structures.Findings
    first: Look


def wear(
    made: Frame,
    level: str,
    years: float,
    left: Callable[[float], Share],
    tell: Tell = lambda text: None,
    first: Look | None = None,
    laws: Laws | None = None,
    start: Structure | None = None,
    moved: float = MOVED,
) -> Worn:
    """Years of the days of ``evidence/loads.csv``: tears, herniation, looseness, bone. The disc is seen anew at
    `milestones`, and each quarter of a year in which damage anywhere, or the share of nucleus that is left, has changed
    by more than `moved` since it was seen.

    `left` gives the share of charge at a year (a number, or on nodes); `first` is the look at year 0, if another course
    of the same disc has had it; `laws` are all unless said otherwise; `start` is what is torn at year 0, nothing unless
    said, and what looseness, canal and foramina are compared with is the disc at year 0. Where a day cannot be solved
    the course ends with the look before, and the last row's status says so. Raises InputError for an unknown level.
    """
    import pandas as pd

    canal, laws = Canal.of(level), laws or Laws()
    now = structures.whole(made.topology) if start is None else start
    rows, stops = list[dict[str, Any]](), milestones(years)
    body = _body(made, jnp.asarray(left(0.0), dtype=float))
    first = first or _look(made, body, now, None, laws)
    seen, tight, then = first[0], first[1], now
    noted = body, now, structures.findings(body, canal, seen, seen, now, laws)
    times = sorted({*stops, *np.arange(1, np.ceil(years * _LOOKS)) / _LOOKS})
    for year, later in itertools.zip_longest(times, times[1:]):
        if year in stops or _change(now, then, seen) > moved:
            body = _body(made, jnp.asarray(left(year), dtype=float))
            seen, loose = first if year == 0 else _look(made, body, now, tight, laws)
            if why := _beyond(seen, loose):
                rows.append({"year": year, "status": f"not followed further: {why}"})
                break
            then, noted = now, (body, now, structures.findings(body, canal, first[0], seen, now, laws))
            rows.append({"year": year} | _noted(noted[2], loose) | {"status": "completed"})
        for _ in range(_PIECES if later else 0):  # so that what has come out is also resorbed meanwhile
            now = _advanced(body, seen, now, jnp.asarray((later - year) / _PIECES * evidence.factor("year")), laws)
        if year in stops:
            tell(f"under load, year {year:g} of {years:g}")
    return Worn(pd.DataFrame(rows), noted[0], noted[1], canal, noted[2], first)


def milestones(years: float) -> list[float]:
    """Years at which a course of tears is seen whatever happens: start, end and, beyond a year, the middle."""
    return sorted({0.0, years / 2, years} if years > 1 else {0.0, years})


def _change(now: Structure, then: Structure, seen: structures.Seen) -> float:
    """Greatest change of damage, or of the share of nucleus that has left, since the disc was seen."""
    left = (now.nucleus.left - then.nucleus.left) / seen.nucleus
    return float(jnp.maximum(jnp.max(jnp.abs(now.damage - then.damage)), left))


def _look(made: Frame, body: Solid, now: Structure, tight: structures.Stability | None, laws: Laws) -> Look:
    """A day of a disc torn as `now`, and how loose it is against what it was when `tight`."""
    sick = _weakened(body, now, laws)
    rested = equilibrium.drained(sick, posture.rest(made, sick), equilibrium.at_start(sick))
    loose = structures.stability(sick, rested) if laws.instability else structures.unlooked()
    much = structures.looseness(loose, tight or loose) if laws.instability else 1.0
    seen = structures.see(sick, rested, structures.day(), much)
    return seen, loose


def _beyond(seen: structures.Seen, loose: structures.Stability) -> str:
    """Why a look cannot be gone on from; empty where it can."""
    if not float(seen.error) < equilibrium.BELIEVED:
        return "a posture is beyond this disc"
    if not float(loose.error) < equilibrium.BELIEVED:
        return "how loose this disc is was not found under the small moments and the shear that tell it"
    return ""


_weakened, _advanced = eqx.filter_jit(structures.weakened), eqx.filter_jit(structures.advance)


def _noted(found: structures.Findings, loose: structures.Stability) -> dict[str, float]:
    """Findings as a row."""
    out, percent = found.protrusion, 100.0  # maths: per cent
    return {
        "dallas": float(found.dallas),
        "torn_percent": percent * float(found.torn),
        "herniated_mL": float(out.volume + out.elsewhere) * _ML,
        "extruded_mL": float(out.extruded) * _ML,
        "canal_depth_left_percent": percent * float(found.stenosis.canal),
        "foramen_height_left_percent": percent * float(found.stenosis.foramen_height),
        "foramen_width_left_percent": percent * float(found.stenosis.foramen_width),
        "touches_sac": float(out.sac),
        "touches_root": float(out.root),
        "touches_cord": float(out.cord),
        "neutral_zone_degrees": float(np.rad2deg(loose.bending)),
        "translation_mm": float(loose.translation) * _MM,
        "looseness": float(found.looseness),
        "osteophyte_mm": float(found.osteophyte) * _MM,
    }


def plan(body: Solid, structure: Structure, canal: Canal, seen: Protrusion) -> dict[str, Any]:
    """A torn disc from above, as `figures.tears` draws it: nodes of each ring at mid height, damage of the annulus (the
    worst over its height), what has come out, and what lies behind; in mm.
    """
    t = body.topology
    inner = slice(t.endplate_layers, t.layers - 1 - t.endplate_layers)
    worst = np.asarray(structure.damage)[t.nucleus_rings :, :, inner].max(-1)
    return {
        "rings_mm": (np.asarray(body.start[:2, :, :, t.layers // 2]) * _MM).round(3).tolist(),
        "damage": worst.round(4).tolist(),
        "out": {
            "x_mm": float(seen.x) * _MM,
            "y_mm": float(seen.y) * _MM,
            "depth_mm": float(seen.depth) * _MM,
            "volume_mL": float(seen.volume) * _ML,
            "extruded_mL": float(seen.extruded) * _ML,
            "aspect": float(body.parameters.herniation_aspect),
        },
        "canal_mm": {
            "depth": float(canal.depth) * _MM,
            "width": float(canal.width) * _MM,
            "foramen_width": float(canal.foramen_width) * _MM,
            "pedicle_width": float(canal.pedicle_width) * _MM,
            "gap": float(canal.gap) * _MM,
            "cord": float(canal.cord) * _MM,
        },
    }
