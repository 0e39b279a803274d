"""What a disc looks like from above and from the side: outlines, heights, wedge, endplates.

An outline is a closed curve in the transverse plane, written as a Fourier series of its radius over the angle from the
anterior midline,
``r(theta) = sum_k cosine_k cos(k theta) + sine_k sin(k theta)``, about a centre on the midline. Every disc, whether
given by dimensions (a superellipse
with a posterior dent) or by a measured curve, becomes this one form, so that shapes of different patients batch and
differentiate alike.

Axes: x to the right, y anterior, z up; theta runs from anterior to the left, so that (ring, sector, layer) is right-
handed.

Source: the reference outline is that of the public L4-L5 mesh in ``evidence/outlines.csv``; other levels from
``evidence/geometry.csv``.
"""

from __future__ import annotations

from collections.abc import Mapping

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from pulposus import evidence

HARMONICS = 13  # maths: the reference outline has seven, a dented superellipse needs about twelve for 0.1 mm
_SAMPLES = 96  # maths: angles at which a superellipse is projected on its harmonics


class Outline(eqx.Module):
    """A closed curve: `cosine` and `sine` amplitudes in m (..., HARMONICS), `centre` in m along y."""

    cosine: Float[Array, "... harmonic"]
    sine: Float[Array, "... harmonic"]
    centre: Float[Array, "..."]

    def points(self, theta: Float[Array, " sector"]) -> tuple[Array, Array]:
        """x and y in m at the angles `theta` (radians from anterior towards the left)."""
        k = jnp.arange(self.cosine.shape[-1])
        radius = jnp.cos(theta[:, None] * k) @ self.cosine + jnp.sin(theta[:, None] * k) @ self.sine
        return -radius * jnp.sin(theta), self.centre + radius * jnp.cos(theta)

    def area(self) -> Array:
        """Area enclosed, m^2, by Parseval's identity (exact)."""
        k0 = self.cosine[..., 0] ** 2
        return np.pi * (k0 + 0.5 * jnp.sum(self.cosine[..., 1:] ** 2 + self.sine[..., 1:] ** 2, -1))


class Shape(eqx.Module):
    """A disc's outer form in m: outlines of disc and nucleus, height field between the endplates, endplate thickness.

    Height between the cartilage endplates: ``height + slope y + bow_ap y^2 + bow_lateral x^2``; the middle between them
    lies at z = ``middle_ap y^2 + middle_lateral x^2``, level where nobody measured it.
    Endplate thickness goes from `endplate_centre` to `endplate_rim` with the square of the fractional radius.
    """

    disc: Outline
    nucleus: Outline
    height: Float[Array, "..."]
    slope: Float[Array, "..."]
    bow_ap: Float[Array, "..."]
    bow_lateral: Float[Array, "..."]
    endplate_centre: Float[Array, "..."]
    endplate_rim: Float[Array, "..."]
    middle_ap: Float[Array, "..."] = eqx.field(default_factory=lambda: jnp.zeros(()))
    middle_lateral: Float[Array, "..."] = eqx.field(default_factory=lambda: jnp.zeros(()))


def from_dimensions(dimensions: Mapping[str, float]) -> Shape:
    """The shape of a disc given its dimensions in m (angles in radians, fractions as such).

    Keys: mid_height, ap_depth, width, wedge, nucleus_area_fraction, nucleus_offset (posterior, of AP depth),
    endplate_thickness_centre,
    endplate_thickness_rim, posterior_dent (of AP depth), superellipse_exponent. Source of default values:
    ``evidence.dimensions``.
    """
    d = {name: jnp.asarray(value, dtype=float) for name, value in dimensions.items()}
    disc = _superellipse(d["width"], d["ap_depth"], d["superellipse_exponent"], d["posterior_dent"])
    shrink = jnp.sqrt(d["nucleus_area_fraction"])
    nucleus = Outline(disc.cosine * shrink, disc.sine * shrink, disc.centre - d["nucleus_offset"] * d["ap_depth"])
    zero = jnp.zeros_like(d["mid_height"])
    return Shape(
        disc,
        nucleus,
        d["mid_height"],
        jnp.tan(d["wedge"]),
        zero,
        zero,
        d["endplate_thickness_centre"],
        d["endplate_thickness_rim"],
        zero,
        zero,
    )


def from_outline(name: str, dimensions: Mapping[str, float]) -> Shape:
    """The shape of a named outline of ``evidence/outlines.csv``; `dimensions` (m) as there: mid, anterior, posterior
    and lateral height, endplates.

    The quadratic height field passes through the four given heights; nothing else is free.
    """
    curves = evidence.outline(name)
    disc, nucleus = (_fourier(*curves[curve]) for curve in ("disc", "nucleus"))
    front, left, back = np.array([0.0, 0.5, 1.0]) * np.pi
    x, y = disc.points(jnp.array([front, left, back]))
    h = {key: jnp.asarray(value, dtype=float) for key, value in dimensions.items()}
    rise = jnp.stack([h["anterior_height"] - h["mid_height"], h["posterior_height"] - h["mid_height"]])
    slope, bow = jnp.linalg.solve(jnp.stack([y[::2], y[::2] ** 2], 1), rise)
    lateral = (h["lateral_height"] - h["mid_height"] - slope * y[1] - bow * y[1] ** 2) / x[1] ** 2
    return Shape(
        disc, nucleus, h["mid_height"], slope, bow, lateral, h["endplate_thickness_centre"], h["endplate_thickness_rim"]
    )


def _fourier(cosines: np.ndarray, centre: float) -> Outline:
    padded = jnp.zeros(HARMONICS).at[: len(cosines)].set(jnp.asarray(cosines))
    return Outline(padded, jnp.zeros(HARMONICS), jnp.asarray(centre, dtype=float))


def _superellipse(width: Array, depth: Array, exponent: Array, dent: Array) -> Outline:
    """|2x/width|^n + |2y/depth|^n = 1 with a smooth posterior dent (of depth `dent * depth` on the midline), as
    harmonics.
    """
    theta = jnp.arange(_SAMPLES) * (2 * np.pi / _SAMPLES)
    c, s = jnp.abs(jnp.cos(theta)), jnp.abs(jnp.sin(theta))
    tiny = np.finfo(float).eps  # maths: keeps the power differentiable on the axes
    radius = ((2 * s / width + tiny) ** exponent + (2 * c / depth + tiny) ** exponent) ** (-1 / exponent)
    behind = jnp.maximum(-jnp.cos(theta), 0.0)
    radius = radius - dent * depth * behind**4  # maths: a dent about 60 degrees wide that leaves the flanks alone
    k = jnp.arange(HARMONICS)
    weight = jnp.where(k == 0, 1.0, 2.0) / _SAMPLES
    cosine = weight * (jnp.cos(theta[:, None] * k).T @ radius)
    return Outline(cosine, jnp.zeros(HARMONICS), jnp.zeros(()))
