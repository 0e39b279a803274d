"""Virtual people: who comes with a painful disc, drawn so that what was published of such people comes out.

What: `draw` gives people, a row each, of the loin or the neck, of a country, by a trial's criteria; `margins` and
`trials` hold them against what was published; `fit` narrows them to what is known of one person, and `case` puts that
into the form that `pulposus run` reads; `facts` is what candidacy may know of a drawn person.
Equations: those of `grades`, `scores`, `sizes` and `told`. Reads: ``evidence/population.csv``, ``margins.csv``, the
usual levels of `outcomes.person`. Writes: nothing.
Source: ``evidence/margins.csv`` row by row.
"""

from __future__ import annotations

from pulposus.patients.beside import margins, trials
from pulposus.patients.drawn import draw
from pulposus.patients.eligible import facts, meets
from pulposus.patients.narrowed import case, fit
from pulposus.patients.published import published
from pulposus.patients.scores import SCORES, Scores
from pulposus.patients.who import LEVELS_OF, POPULATIONS, Who, countries

LEVELS = LEVELS_OF["lumbar"]


def scores_law(region: str = "lumbar") -> Scores:
    """The law of scores of one part of the spine: usual levels, visits, and how they are told apart."""
    return Scores.of(Who(region))


__all__ = [
    "LEVELS",
    "LEVELS_OF",
    "POPULATIONS",
    "SCORES",
    "Scores",
    "Who",
    "case",
    "countries",
    "draw",
    "facts",
    "fit",
    "margins",
    "meets",
    "published",
    "scores_law",
    "trials",
]
