"""Fields that several tables of a protocol share: amounts, shares, errors, each refused in a sentence.

What: `Table` is a table that takes known keys alone, `amount` a check of a number between limits, `Share` and `Error`
numbers from 0 to 1. Reads, writes: nothing.
"""

from __future__ import annotations

import math
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict

from pulposus.errors import InputError

MOST = 100_000  # maths: people, a guard against slips of the keyboard
FAR = 1e6  # maths: a number beyond which a margin or a limit is a slip of the keyboard
ALPHA = 0.05  # maths: customary two-sided error; the protocol may choose another


class Table(BaseModel):
    """A table of the file: unknown keys are refused, and nothing changes once it was read."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def amount(low: float, high: float, unit: str) -> Any:
    """A check of a number between two limits (or none at all); `unit` names what it counts."""

    def check(value: Any) -> float | None:
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
            reach = f"from {low:g} to {high:g}" if math.isfinite(high) else f"of at least {low:g}"
            raise InputError(f"{value!r} is not possible; give a number of {unit} {reach}.")
        return float(value)

    return BeforeValidator(check)


Share = Annotated[float, amount(0, 1, "a share")]


def _error(value: Any) -> float | None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < 1):
        raise InputError(f"{value!r} is no error of a test; give a share above 0 and below 1, such as 0.05.")
    return value


Error = Annotated[float, BeforeValidator(_error)]
