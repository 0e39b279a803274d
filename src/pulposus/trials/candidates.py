"""Candidate shapes of a dose-response, as a protocol has them.

What: `DoseTable` is the table [dose_response]; `sound_doses` refuses what makes no sense beside the rest.
Reads, writes: nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import StrictStr, model_validator

from pulposus.errors import InputError
from pulposus.trials.fields import FAR, Table, amount


class DoseTable(Table):
    """Does the first primary answer change with the dose, and which dose does what is asked (MCP-Mod).

    candidates: shapes as `statistics.dosefinding.parse` reads them, their numbers in the unit of the arms' doses;
    difference: what a dose is asked to do better than the control, in what the endpoint counts.
    """

    candidates: tuple[StrictStr, ...] = ()
    difference: Annotated[float | None, amount(0, FAR, "what the endpoint counts")] = None

    @model_validator(mode="after")
    def _possible(self) -> DoseTable:
        from pulposus.statistics import dosefinding

        for text in self.candidates:
            try:
                dosefinding.parse(text)
            except InputError as problem:
                raise InputError(f"[dose_response] candidates: {problem}") from None
        if bool(self.candidates) != (self.difference is not None):
            raise InputError("[dose_response] candidates and difference stand together; write both or neither.")
        if self.difference == 0:
            raise InputError("[dose_response] difference of 0 is reached by any dose; write what is asked of one.")
        return self


def sound_doses(
    table: DoseTable, doses: Sequence[float], control: float, units: Sequence[str], kind: str, looks: bool
) -> None:
    """Refuse candidates that make no sense for the doses of active arms and of the control, for what doses count, for
    the kind of the endpoint, or beside looks.
    """
    if not table.candidates:
        return
    if min(doses, default=0.0) <= 0 or len(set(doses)) != len(doses) or len(doses) < 2:
        told = ", ".join(f"{dose:g}" for dose in doses) or "none"
        raise InputError(f"[dose_response] needs active arms at two doses or more, each its own; they are {told}.")
    if control:
        said = f"[dose_response] takes its control for no dose, and it is injected with {control:g}"
        raise InputError(f"{said}; write a control without, or leave it out.")
    if len(set(units)) > 1:
        told = " and ".join(sorted(set(units)))
        raise InputError(f"[dose_response] has doses counted in {told}; write doses of one kind, or leave it out.")
    if kind == "time":
        raise InputError("[dose_response] reads scores or shares, and the primary endpoint is a time; leave it out.")
    if looks:
        raise InputError("[dose_response] is judged at the end alone, and [interim] looks before; leave one out.")
    _seen(table, doses)


def _seen(table: DoseTable, doses: Sequence[float]) -> None:
    """Refuse shapes that these doses cannot tell."""
    import numpy as np

    from pulposus.statistics import dosefinding

    shapes = [dosefinding.parse(text) for text in table.candidates]
    for shape in shapes:
        count = dosefinding.needs(shape.kind, against=True)
        if count > len(doses):
            said = f"[dose_response] {shape.kind} has {count} numbers and the trial {len(doses)} doses"
            raise InputError(f"{said}; name a simpler one.")
    try:
        at = dosefinding.means(doses, np.zeros(len(doses)), np.ones(len(doses)), against=True)
        dosefinding.contrasts(shapes, at)
    except InputError as problem:
        raise InputError(f"[dose_response] candidates: {problem}") from None
