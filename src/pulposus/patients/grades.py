"""Pfirrmann grades of all discs of people: one number that a person's discs share, each disc with a loading of its own.

What: `Law` is what grades follow; `draw` gives grades from chance, `shares` the chance of every grade of every disc of
people whose age, weight and shared number are given, `painful` the chance of each disc to be the one that is looked at.
Equations: ``z_l = d_l + b (age - age_0) / 10 + g (overweight - mean) + a_l u + sqrt(1 - a_l^2) e_l``; a grade begins
where z passes a threshold; given u, discs are independent. The disc looked at has odds ``w_l``, times the odds of a
degenerated one.
Reads: ``evidence/population.csv``. Writes: nothing.
Why this holds: with one loading for all, every pair of discs would go together alike, and L5-S1 does not.
Source: fitted to ``evidence/margins.csv`` by `pulposus calibrate --only people`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from pulposus.patients.who import Who

DEGENERATED = 3  # maths: the first Pfirrmann grade that is called degenerated
GRADES = (1, 2, 3, 4, 5)  # maths: the Pfirrmann grades
DECADE = 10.0  # maths: years of a decade
PROBIT = 1.6  # maths: logits of a probit, roughly


@dataclass(frozen=True)
class Law:
    """What grades of a population follow; arrays by level or threshold."""

    levels: np.ndarray
    loadings: np.ndarray
    begins: np.ndarray  # where grades II to V begin
    per_decade: float
    at_age: float
    heavy: float
    overweight: float
    usual: float  # share of people who are overweight
    painful_odds: float
    weights: np.ndarray

    @classmethod
    def of(cls, who: Who) -> Law:
        """The law as it stands in the evidence."""
        number = who.number
        shift, kind = 0.0, who.population
        if (who.region, kind) == ("cervical", "pain_free"):
            shift, kind = number("pain_free_shift"), "patients"
        return cls(
            levels=np.array([number(f"{kind} {level}") for level in who.levels]) + shift,
            loadings=np.array([number(f"loading {level}") for level in who.levels]),
            begins=np.array([number("grade_2"), 0.0, number("grade_4"), number("grade_5")]),
            per_decade=number("degeneration_per_decade"),
            at_age=number(f"{who.population}_age"),
            heavy=float(np.log(number("overweight_odds"))) / PROBIT,
            overweight=number("overweight"),
            # of the people in whom level effects were found, whatever the country
            usual=float(ndtr((Who().number("bmi_mean") - number("overweight")) / Who().number("bmi_spread"))),
            painful_odds=number("painful_odds"),
            weights=np.array(
                [number(f"weight {level}") if who.region == "cervical" else 1.0 for level in who.levels]
            ),
        )

    def middle(self, age: np.ndarray, heavy: np.ndarray) -> np.ndarray:
        """Latent degeneration (person, level) without what is shared and what is a disc's own."""
        moved = self.per_decade * (age - self.at_age) / DECADE + self.heavy * (heavy - self.usual)
        return self.levels + moved[:, None]

    def shares(self, age: np.ndarray, heavy: np.ndarray, shared: np.ndarray) -> np.ndarray:
        """Chance of each grade (person, level, grade) where the shared number is known."""
        middle = self.middle(age, heavy) + self.loadings * shared[:, None]
        above = ndtr((middle[..., None] - self.begins) / np.sqrt(1 - self.loadings[:, None] ** 2))
        edge = np.ones((*middle.shape, 1))
        whole = np.concatenate([edge, above, 0 * edge], axis=-1)
        return whole[..., :-1] - whole[..., 1:]

    def draw(self, age: np.ndarray, bmi: np.ndarray, shared: np.ndarray, own: np.ndarray) -> np.ndarray:
        """Grades (person, level)."""
        latent = self.middle(age, bmi >= self.overweight) + self.loadings * shared[:, None]
        latent = latent + np.sqrt(1 - self.loadings**2) * own
        return 1 + (latent[..., None] > self.begins).sum(-1)

    def painful(self, grades: np.ndarray) -> np.ndarray:
        """Chance (person, level) of each disc to be the one that is looked at."""
        odds = self.weights * np.where(grades >= DEGENERATED, self.painful_odds, 1.0)
        return odds / odds.sum(1, keepdims=True)
