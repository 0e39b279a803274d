"""How far a disc is known of which a picture shows only slices: what is filled in, and the range that this leaves.

Equations: width is the tables' share of the measured depth, from their low end over the high end of depths to the
reverse; height between the cartilages is the measured one, five to ninety-five percent of its spread over the slices,
less both endplates of the tables at their thickest and thinnest; volume that of our mesh, plus or minus area of
the plan times what height may be more or less.
"""

from __future__ import annotations

import dataclasses
import math
from typing import NamedTuple

import numpy as np

from pulposus import evidence
from pulposus.case import Case
from pulposus.disc import mesh
from pulposus.run import shape_of
from pulposus.scan.masks import Disc
from pulposus.scan.schemes import WITH
from pulposus.scan.slab import Measured, central, in_its_plane, plane
from pulposus.surface.fit import Fit, built, placed, volumes
from pulposus.surface.form import Form

_MESH = "cohort"
_NINE_TENTHS = 1.645  # maths: standard deviations to either end of nine tenths
_NEAR = 0.1  # maths: share of the depth about the middle, over which the middle of the height is taken
_SIZES = ("ap_depth", "anterior_height", "mid_height", "posterior_height")
_MM, _ML = 1e3, 1e6  # maths: a metre in mm, a cubic metre in mL


class Span(NamedTuple):
    """A number with the ends of its range."""

    value: float
    low: float
    high: float


class Known(NamedTuple):
    """Width and height between the cartilages, mm, and volume of nucleus and annulus, mL, of a disc seen in slices."""

    width: Span
    height: Span
    volume: Span

    def spans(self) -> tuple[tuple[str, Span], ...]:
        """Those that an ensemble draws: the volume follows from them."""
        return ("width", self.width), ("height", self.height)

    def told(self) -> str:
        """The sentence on it."""
        width, height, volume = (f"{s.value:.3g} ({s.low:.3g} to {s.high:.3g})" for s in self)
        return (
            f"So far it is known: width {width} mm, height between the cartilages {height} mm, volume {volume} mL; "
            "`pulposus run --ensemble` draws width and height from these ranges."
        )


def known(case: Case, seen: Measured, endplates: str) -> Known:
    """What is known of a measured disc with a case. endplates: whether its label holds them."""
    rows, own = evidence.dimensions(case.disc.level), case.resolved().dimensions()
    wide, tall = own["width"] * _MM, own["mid_height"] * _MM
    ratio = rows["width"].value / rows["ap_depth"].value
    least, most = (a / b / ratio for a, b in ((rows["width"].low, rows["ap_depth"].high), _turned(rows)))
    width = Span(wide, wide * min(least, 1.0), wide * max(most, 1.0))
    plate = rows["endplate_thickness_centre"]
    plates = (2 * plate.low, 2 * plate.high) if endplates == WITH else (0.0, 0.0)
    middle, spread = seen.mid_height[0], _NINE_TENTHS * seen.mid_height[1]
    height = Span(tall, max(middle - spread - plates[1], 0.0), middle + spread - plates[0])
    topology, shape = mesh.sized(_MESH), shape_of(case.resolved())
    whole = float(volumes(topology, placed(topology, shape))[1][:2].sum()) * _ML
    area = float(shape.disc.area()) * _ML / _MM  # mL for each mm of height
    ends = [max(whole + area * (h - tall), 0.0) * w / wide for h, w in zip(height[1:], width[1:], strict=True)]
    volume = Span(whole, *ends)
    return Known(width, height, volume)


def laid(form: Form, case: Case, disc: Disc, seen: Measured, endplates: str) -> Fit:
    """The mesh that is built for a disc seen in slices, where the disc lies: axes and middle of the slices that were
    measured. Its report puts what they show beside our mesh.
    """
    found = built(form, case.resolved().dimensions(), endplates, "The disc")
    places = disc.mask.places(central(disc))
    along, across = in_its_plane(places[:, 1:])
    front, up = plane(places[:, 1:])
    ends = [(places[:, 1:] @ way - own)[0] for way, own in ((front, along), (up, across))]
    near = np.abs(along) < _NEAR * np.ptp(along)
    ends[1] += float(across[near].mean())
    middle = float(found.nodes[-1, [0, found.nodes.shape[1] // 2], found.nodes.shape[2] // 2, 1].mean()) * _MM
    turn = np.eye(3)
    turn[1, 1:], turn[2, 1:] = front, up
    centre = np.array([np.median(places[:, 0]), *((ends[0] - middle) * front + ends[1] * up)])
    surface = dataclasses.replace(found.surface, turn=turn, centre=centre / _MM, scale=1 / _MM)
    given = {name: getattr(seen, name)[0] for name in (*_SIZES, "wedge")}
    rows = [
        (name, given.get(name, math.nan), own, unit)
        for name, _, own, unit in found.report
        if not name.startswith(("distance", "dice"))
    ]
    return dataclasses.replace(found, surface=surface, report=tuple(rows))


def _turned(rows: dict[str, evidence.Row]) -> tuple[float, float]:
    return rows["width"].high, rows["ap_depth"].low
