"""What a page and its pictures read alike of one thing that was reckoned elsewhere, without a word of how.

`pulposus.economics` makes what is `Evaluated`, `pulposus.uncertainty` what is `Varied`; rooms of the same names under
`pulposus.report` and `pulposus.figures` show them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


class Evaluated(Protocol):
    """What is read of an evaluation: `economics.Evaluation` is one."""

    @property
    def names(self) -> Sequence[str]:
        """Options, as columns of costs and qalys."""

    @property
    def titles(self) -> Mapping[str, str]:
        """Name -> its words."""

    @property
    def currency(self) -> str:
        """Of all money."""

    @property
    def threshold(self) -> float:
        """Money for a quality-adjusted year."""

    @property
    def rates(self) -> tuple[float, float]:
        """Discount rates of costs and effects."""

    @property
    def costs(self) -> np.ndarray:
        """(draw, option)."""

    @property
    def qalys(self) -> np.ndarray:
        """(draw, option)."""

    @property
    def table(self) -> pd.DataFrame:
        """Options beside the reference, best first."""

    @property
    def pairs(self) -> pd.DataFrame:
        """Ways with cells against each other way."""

    @property
    def curve(self) -> pd.DataFrame:
        """Threshold, share of draws in which each option is best, value of knowing everything."""

    @property
    def worth(self) -> pd.DataFrame:
        """What is known, and what knowing more is worth."""

    @property
    def yearly(self) -> pd.DataFrame:
        """By horizon."""

    @property
    def cohort(self) -> pd.DataFrame:
        """The chain beside the people."""

    @property
    def notes(self) -> Sequence[str]:
        """What must be read with it."""

    @property
    def said(self) -> str:
        """The conclusion."""


class Varied(Protocol):
    """What is read of an axis of a search: `uncertainty.schedule.Axis` is one."""

    @property
    def name(self) -> str:
        """Its name as a user gives it."""

    @property
    def words(self) -> str:
        """What it is."""

    @property
    def unit(self) -> str:
        """Its unit, "1" for a bare number."""

    @property
    def law(self) -> str:
        """ "log" where values are even on the logarithm."""

    @property
    def values(self) -> Sequence[float]:
        """Its values, rising."""

    def said(self, value: float) -> str:
        """A value in words."""
