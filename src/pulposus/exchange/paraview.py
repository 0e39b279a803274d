"""A disc under its loads as meshes for ParaView: one VTU file a stage, and what holds the tissue up at every node.

What: displacement, J, osmotic and pore pressure, stretch and stress of both fibre families on the form that the disc
has under the load, in mm. What lives at Gauss points is shared out to nodes by volume.
Reads: `Posed`. Writes: files.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from pulposus.disc import equilibrium, material, solid
from pulposus.disc.solid import Solid
from pulposus.exchange.posed import Posed, Stage
from pulposus.results import grid, placed

_MM, _MPA = 1e3, 1e-6  # maths: a metre in mm, a pascal in MPa


def write_vtu(posed: Posed, path: str | Path) -> list[Path]:
    """Write the last stage to `path` and each one before it beside it (``<stem>_<stage>.vtu``); returns all paths."""
    import meshio

    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    nodes, cells = grid(posed.body.topology.shape)
    written = []
    for stage in posed.stages:
        last = stage is posed.stages[-1]
        target = path if last else path.with_name(f"{path.stem}_{stage.name}{path.suffix}")
        places = np.asarray(equilibrium.places(posed.body, stage.found)).reshape(3, -1).T[nodes] * _MM
        data = {name: _flat(field)[nodes] for name, field in fields(posed.body, stage).items()}
        with placed(target) as fresh:
            meshio.Mesh(places, cells, point_data=data).write(fresh, file_format="vtu")
        written.append(target)
    return written


def _flat(field: np.ndarray) -> np.ndarray:
    """A scalar (ring, sector, layer) as (node,), a vector (3, ring, sector, layer) as (node, 3)."""
    return field.ravel() if field.ndim == 3 else field.reshape(len(field), -1).T


def fields(body: Solid, stage: Stage) -> Mapping[str, np.ndarray]:
    """Nodal fields (ring, sector, layer), vectors and families first, named with their unit."""
    places = equilibrium.places(body, stage.found)
    ratio, stretch = solid.volume_ratio(body, places), solid.fibre_stretch(body, places)
    pull, _ = material.fibre_tension(body.material, stretch**2)
    wound = jnp.asarray(material.fibred(body.topology))
    osmotic = material.osmotic_pressure(body.parameters, body.hypotheses, body.material, ratio)
    found: dict[str, Array] = {
        "displacement [mm]": stage.found.displacement * _MM,
        "volume ratio": on_nodes(body, ratio),
        "osmotic pressure [MPa]": on_nodes(body, osmotic) * _MPA,
        "pore pressure [MPa]": stage.found.pressure * _MPA,
    }
    for family in (0, 1):
        found[f"fibre stretch {family + 1}"] = on_nodes(body, jnp.where(wound, stretch[family], 1.0))
        stress = pull[family] * stretch[family] ** 2 / body.parameters.fibre_share
        found[f"fibre stress {family + 1} [MPa]"] = on_nodes(body, stress) * _MPA
    return {name: np.asarray(field) for name, field in found.items()}


def on_nodes(body: Solid, points: Array) -> Array:
    """A field at the Gauss points (point, ring, sector, layer) shared out to nodes, by volume at start."""
    return solid.volume_share(body, body.volume * points) / solid.volume_share(body, body.volume)
