"""What a picture showed of a disc, as a table of its case: read-outs, and the slice that they were read from.

Units: mm, ms; signal as share of that of cerebrospinal fluid. The slice is a grey PNG, white where it is as bright as
fluid or brighter, its rows from the upper end down and its columns from the front to the back.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictStr

from pulposus.errors import InputError

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Grade = Annotated[int, Field(ge=1, le=5)]  # maths: the Pfirrmann grades

Line = tuple[Finite, Finite, Finite, Finite]


def _rising(span: tuple[float, float] | None) -> tuple[float, float] | None:
    if span is not None and not span[0] <= span[1]:
        raise InputError(f"[picture] has a range from {span[0]:g} down to {span[1]:g}; write its low end first.")
    return span


class PictureTable(BaseModel):
    """Read-outs of the picture that a disc was taken from; what it did not show is left out.

    with_endplates: whether heights run from bone to bone. slice: the picture's PNG as seen from the case file; pixel:
    mm of its pixels along the disc and upwards. height_share: height over the usual one of this person; grades:
    likeliest, and both ends of nine tenths. width_range, height_range: mm, how far width and height between the
    cartilages are known of a disc of which only slices were seen; members of an ensemble have values of their own.
    pose: three rows of the matrix that leads from the mesh of a run (x, y, z, 1 in mm) to the picture (mm to the
    right, the front, up).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    with_endplates: bool = True
    height_index: Finite | None = None
    signal: Positive | None = None
    t2: Positive | None = None
    grades: tuple[Grade, Grade, Grade] | None = None
    bulge_posterior: Finite | None = None
    bulge_anterior: Finite | None = None
    height_share: Positive | None = None
    echo_time: Positive | None = None
    width_range: Annotated[tuple[Positive, Positive] | None, AfterValidator(_rising)] = None
    height_range: Annotated[tuple[NotNegative, Positive] | None, AfterValidator(_rising)] = None
    pose: tuple[Line, Line, Line] | None = None
    slice: StrictStr | None = None
    pixel: tuple[Positive, Positive] | None = None

    def seen_from(self, folder: Path) -> PictureTable:
        """The same with the path of the slice, which is given as seen from a folder, led there."""
        return self if self.slice is None else self.model_copy(update={"slice": str(folder / self.slice)})

    def by_name(self) -> PictureTable:
        """The same with the slice by the name that it has beside the case of a run."""
        return self if self.slice is None else self.model_copy(update={"slice": "slice.png"})

    def require_slice(self) -> None:
        """Raise InputError where the slice is named and not there."""
        if self.slice is not None and not Path(self.slice).is_file():
            raise InputError(f"The slice {self.slice!r} of [picture] is not there; put it back, or leave slice out.")
