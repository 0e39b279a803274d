"""What a disc does under load: postures, moments, a day.

What: puts a disc at rest overnight, then on the loads of ``evidence/loads.csv``, and makes tables of what is read.
Postures and moments come suddenly, water having no time to leave; a day is a night and a time on the feet,
repeated until it repeats, with water flowing.
Loads are those of the disc of the reference outline: a smaller disc bears the same stress, by the area of its plan,
and moments by area and breadth.
Reads: a frame of `disc.posture`, the share of fixed charge that is left. Writes: nothing; gives tables.
Source: `disc.posture`, ``evidence/loads.csv``.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from pulposus import evidence
from pulposus.disc import equilibrium, geometry, posture
from pulposus.disc.equilibrium import Balance, Load
from pulposus.disc.mesh import Topology
from pulposus.disc.posture import Frame
from pulposus.disc.solid import Solid

if TYPE_CHECKING:
    import pandas as pd

POSTURES = ("lying", "sitting", "standing", "extended", "side_bent", "turned", "flexed", "lifting")
MOMENTS = (1.0, 2.5, 5.0, 7.5)  # maths: N m at which motion is read, those of the usual spine testers
DAYS = 2  # maths: days after which the next is like the last within a percent of its own change
_SPREAD = (0.0, 0.02, 0.05, 0.12, 0.25, 0.45, 0.7, 1.0)  # maths: times within a span, close after its load has come
_MM, _MPA, _ML = 1e3, 1e-6, 1e6  # maths: from SI
_REFERENCE = "reference_l4l5"
Tell = Callable[[str], None]

# compiled once for every disc on a mesh
after = eqx.filter_jit(equilibrium.after)
_read = eqx.filter_jit(posture.read)
_body = eqx.filter_jit(posture.body)


class Rested(NamedTuple):
    """A disc at rest overnight."""

    made: Frame
    body: Solid
    found: Balance
    scale: tuple[float, float]  # of forces and moments against those of the reference disc


def rested(made: Frame, left: Array | float = 1.0) -> Rested:
    """A disc at rest overnight with the share `left` of its charge at start (a number, or on nodes)."""
    body = _body(made, jnp.asarray(left, dtype=float))
    found = equilibrium.drained(body, posture.rest(made, body), equilibrium.at_start(body))
    return Rested(made, body, found, _scale(made.shape))


def _scale(shape: geometry.Shape) -> tuple[float, float]:
    reference = geometry.from_outline(
        _REFERENCE, {name: row.si for name, row in evidence.dimensions(_REFERENCE, "any", 1).items()}
    )
    stress = float(shape.disc.area() / reference.disc.area())
    return stress, stress**1.5  # maths: a moment is a stress times an area times a breadth


def carried(values: np.ndarray, of: Topology, onto: Topology) -> np.ndarray:
    """A nodal field of one mesh (ring, sector, layer) on the nodes of another, linear between."""
    from scipy.interpolate import RegularGridInterpolator

    round_ = np.concatenate([values, values[:, :1]], 1)
    turn = np.arange(of.sectors + 1) / of.sectors
    inside = RegularGridInterpolator((of.radial, turn, of.axial), round_)
    at = np.meshgrid(onto.radial, np.arange(onto.sectors) / onto.sectors, onto.axial, indexing="ij")
    return inside(np.stack(at, -1))


def load_of(disc: Rested, name: str) -> Load:
    """The load of a posture on this disc."""
    load, (force, moment) = posture.load_of(disc.body, name), disc.scale
    return eqx.tree_at(
        lambda a: (a.follower, a.moment, a.force),
        load,
        (force * load.follower, moment * load.moment, force * load.force),
    )


def under(disc: Rested, load: Load) -> Balance:
    """The disc just after a load has come over the night's rest."""
    return after(disc.body, load, disc.found, jnp.asarray(0.0))


def postures(disc: Rested, tell: Tell = lambda text: None) -> tuple[pd.DataFrame, dict[str, Balance]]:
    """One row a posture, and the balances behind them. A load that the disc cannot bear is a row with a status."""
    import pandas as pd

    rows, found = [], {}
    for name in POSTURES:
        load = load_of(disc, name)
        found[name] = under(disc, load)
        rows.append({"posture": name, "compression_N": float(load.follower)} | _row(disc, found[name]))
        tell(f"under load, {name.replace('_', ' ')}")
    return pd.DataFrame(rows), found


def _row(disc: Rested, now: Balance) -> dict[str, float | str]:
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
    if not float(now.error) < equilibrium.BELIEVED:
        row = {k: np.nan if k != "status" else "beyond this disc: no balance was found" for k in row}
    return row


def motions(disc: Rested, tell: Tell = lambda text: None) -> pd.DataFrame:
    """One row a motion and moment (N m, as given: not scaled) of the disc alone, taken out after a night and bent at
    once: turn in degrees and rise of pressure over the disc without moment.
    """
    import pandas as pd

    free = after(disc.body, equilibrium.unloaded(disc.body), disc.found, jnp.asarray(0.0))
    start, rows = _read(disc.body, free), []
    for name, way in posture.MOTIONS.items():
        for moment in MOMENTS:
            now = after(disc.body, posture.moment_of(disc.body, name, moment), free, jnp.asarray(0.0))
            seen = _read(disc.body, now)
            believed = float(now.error) < equilibrium.BELIEVED
            turn = float(np.rad2deg(np.dot(way, np.asarray(seen.rotation - start.rotation))))
            rise = float(seen.pressure - start.pressure) * _MPA
            rows.append(
                {"motion": name, "moment_N_m": moment}
                | {"turn_degrees": turn if believed else np.nan, "pressure_rise_MPa": rise if believed else np.nan}
                | {"status": "completed" if believed else "beyond this disc: no balance was found"}
            )
        tell(f"under load, {name.replace('_', ' ')}")
    return pd.DataFrame(rows)


def day(disc: Rested, tell: Tell = lambda text: None) -> pd.DataFrame:
    """Height, volume and pressure over a night and a day on the feet, after days like it; hours from lying down."""
    import pandas as pd

    now = disc.found
    rows: list[dict[str, Any]] = []
    for count in range(DAYS):
        rows, hour = [], 0.0
        for name, span, dt in _spans():
            now = after(disc.body, load_of(disc, name), now, jnp.asarray(dt))
            hour += span
            rows.append({"hour": hour, "span": name} | _row(disc, now))
        tell(f"under load, day {count + 1} of {DAYS}")
    return pd.DataFrame(rows)


def _spans() -> Iterator[tuple[str, float, float]]:
    """Name, hours and seconds of the pieces of a night and of a day on the feet; each begins with a sudden load."""
    for name in ("night", "day"):
        hours = evidence.posture(name)["duration"].si / _HOUR
        yield name, 0.0, 0.0
        for early, late in itertools.pairwise(_SPREAD):
            yield name, hours * (late - early), hours * (late - early) * _HOUR


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
