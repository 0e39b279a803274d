"""The fitted form of a disc as a table of a case file, and the keys of a case that ask for one.

Units: mm and 1/mm in the file; `Form.shape` and `Form.dimensions` give SI.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, StrictStr, model_validator

from pulposus import evidence
from pulposus.errors import InputError

if TYPE_CHECKING:
    from pulposus.disc import geometry

_MM = 1e-3  # maths: a millimetre in metres
_MOST = 13  # maths: harmonics of an outline, as in pulposus.disc.geometry
_ANGLES = 96  # maths: angles at which a form is looked at
_DIGITS = 8  # maths: significant digits kept, so that a form reads back as it was written

_finite = Field(allow_inf_nan=False)
Number = Annotated[float, _finite]
Series = Annotated[list[Number], Field(min_length=1, max_length=_MOST)]
OF_SURFACES = ("endplate_thickness", "endplate_thickness_rim", "nucleus_area_fraction", "nucleus_offset")
OF_FORMS = OF_SURFACES[:2]


class Form(BaseModel):
    """A disc's form in numbers: outlines as harmonics of the radius (mm) over the angle from the front to the left,
    about a centre on the midline (mm to the front); height between the cartilage endplates
    ``height + slope y + bow_ap y^2 + bow_lateral x^2`` and middle between them ``middle_ap y^2 + middle_lateral x^2``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    disc_centre: Number
    disc_cosine: Series
    disc_sine: Series
    nucleus_centre: Number
    nucleus_cosine: Series
    nucleus_sine: Series
    height: Number
    slope: Number
    bow_ap: Number
    bow_lateral: Number
    middle_ap: Number = 0.0
    middle_lateral: Number = 0.0

    @model_validator(mode="after")
    def _possible(self) -> Form:
        theta = np.arange(_ANGLES) * 2 * np.pi / _ANGLES
        disc, nucleus = self.outline("disc", theta), self.outline("nucleus", theta)
        if min(disc[0].min(), nucleus[0].min()) <= 0:
            raise InputError("[disc.form] has an outline whose radius is not positive; fit the surface again.")
        inner = nucleus[1:] - np.array([[0.0], [self.disc_centre]])
        angle = np.arctan2(-inner[0], inner[1])
        if (np.hypot(*inner) >= self.outline("disc", angle)[0]).any():
            raise InputError("[disc.form] has a nucleus that is not inside the disc; fit the surface again.")
        if self.thickness(*disc[1:]).min() <= 0 or self.height <= 0:
            raise InputError("[disc.form] leaves no height somewhere between the endplates; fit the surface again.")
        return self

    def outline(self, which: str, theta: np.ndarray) -> np.ndarray:
        """(3, angle) radius, x and y in mm of the "disc" or the "nucleus"."""
        cosine, sine = (np.asarray(getattr(self, f"{which}_{kind}")) for kind in ("cosine", "sine"))
        radius = np.cos(theta[:, None] * np.arange(len(cosine))) @ cosine
        radius = radius + np.sin(theta[:, None] * np.arange(len(sine))) @ sine
        return np.stack([radius, -radius * np.sin(theta), getattr(self, f"{which}_centre") + radius * np.cos(theta)])

    def thickness(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Height in mm between the cartilage endplates at places in mm."""
        return self.height + self.slope * y + self.bow_ap * y**2 + self.bow_lateral * x**2

    def middle(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Where the middle between both ends lies, mm, at places in mm."""
        return self.middle_ap * y**2 + self.middle_lateral * x**2

    def dimensions(self) -> dict[str, float]:
        """Height in the middle, depth, width (m), wedge (radians), share and place of the nucleus, as in
        ``evidence.dimensions``.
        """
        theta = np.arange(_ANGLES) * 2 * np.pi / _ANGLES
        _, x, y = self.outline("disc", theta)
        front, back = y[0], y[_ANGLES // 2]
        ends = self.thickness(np.zeros(3), np.array([front, (front + back) / 2, back]))
        area = {
            name: float(self.outline(name, theta)[0] @ self.outline(name, theta)[0]) for name in ("disc", "nucleus")
        }
        return {
            "mid_height": float(ends[1]) * _MM,
            "ap_depth": float(front - back) * _MM,
            "width": float(np.ptp(x)) * _MM,
            "wedge": math.atan((ends[0] - ends[2]) / (front - back)),
            "nucleus_area_fraction": area["nucleus"] / area["disc"],
            "nucleus_offset": (self.disc_centre - self.nucleus_centre) / float(front - back),
        }

    def shape(self, endplate_centre: float, endplate_rim: float) -> geometry.Shape:
        """The form as the mesh takes it, with endplates of a thickness in m at the centre and at the rim."""
        import jax.numpy as jnp

        from pulposus.disc import geometry

        def outline(which: str) -> geometry.Outline:
            amplitudes = np.zeros((2, geometry.HARMONICS))
            for row, kind in zip(amplitudes, ("cosine", "sine"), strict=True):
                given = getattr(self, f"{which}_{kind}")
                row[: len(given)] = np.asarray(given) * _MM
            cosine, sine = map(jnp.asarray, amplitudes)
            return geometry.Outline(cosine, sine, jnp.asarray(getattr(self, f"{which}_centre") * _MM))

        bows = (self.bow_ap, self.bow_lateral)
        numbers = (self.height * _MM, self.slope, *(bow / _MM for bow in bows), endplate_centre, endplate_rim)
        middle = (self.middle_ap / _MM, self.middle_lateral / _MM)
        return geometry.Shape(
            outline("disc"), outline("nucleus"), *(jnp.asarray(n, dtype=float) for n in (*numbers, *middle))
        )


def form_of(numbers: Mapping[str, Any]) -> Form:
    """A form from numbers in mm, rounded so that it reads back from a file as it is. Raises InputError."""

    def rounded(value: Any) -> Any:
        return [rounded(one) for one in value] if np.ndim(value) else float(f"{float(value):.{_DIGITS}g}")

    return Form(**{name: rounded(value) for name, value in numbers.items()})


def in_numbers(shape: geometry.Shape) -> dict[str, Any]:
    """The numbers of a form, mm, of a shape in metres."""
    numbers: dict[str, Any] = {
        f"{which}_{kind}": np.asarray(getattr(getattr(shape, which), kind)) / _MM
        for which in ("disc", "nucleus")
        for kind in ("centre", "cosine", "sine")
    }
    numbers |= {"height": float(shape.height) / _MM, "slope": float(shape.slope)}
    bows = ("bow_ap", "bow_lateral", "middle_ap", "middle_lateral")
    return numbers | {name: float(getattr(shape, name)) * _MM for name in bows}


class SurfaceKeys(BaseModel):
    """Keys of [disc] that take the disc's form from a surface: its file, its unit and axes where they were said,
    whether it runs outside or inside the cartilage endplates; or the form that was fitted to it.
    """

    surface: StrictStr | None = None
    surface_unit: Literal["mm", "m", "cm"] | None = None
    surface_axes: StrictStr | None = None
    surface_endplates: Literal["without", "with"] = "without"
    form: Form | None = None

    def left_open(self) -> tuple[str, ...]:
        """Keys of [disc] that the tables fill beside a surface or a form; none where there is neither."""
        return OF_FORMS if self.form else OF_SURFACES if self.surface else ()

    def refuse_others(self, measured: list[str], outline: str | None) -> None:
        """Raise InputError for keys of [disc] that say what a surface says already."""
        own, what = self.left_open(), "a form" if self.form else "a surface"
        if not own:
            for key in ("surface_unit", "surface_axes"):
                if getattr(self, key) is not None:
                    raise InputError(f"[disc] {key} needs a surface; add surface = 'disc.stl', or leave it out.")
            return
        for key in [*measured, *(["outline"] if outline else [])]:
            if key not in own:
                raise InputError(f"[disc] {key} does not go with {what}, which has its own; leave one of them out.")

    def seen_from(self, folder: Path) -> Self:
        """The same keys with the path of the surface, which is given as seen from a folder, led there."""
        if self.surface is None or self.form is not None:
            return self
        return self.model_copy(update={"surface": str(folder / self.surface)})

    def unusual(self) -> Iterator[str]:
        """A sentence for every dimension of the form that lies outside what is tabled for the disc's level."""
        if self.form is None:
            return
        own, level = self.form.dimensions(), str(getattr(self, "level", ""))
        for name, row in evidence.dimensions(level).items():
            said = {"ap_depth": "depth", "width": "width", "mid_height": "height"}.get(name)
            if said and not row.si_low <= own[name] <= row.si_high:
                what = f"The {said} of this form, {own[name] / _MM:.4g} mm"
                yield f"{what}, lies outside what is tabled for {level} ({row.low:g} to {row.high:g} mm)."
