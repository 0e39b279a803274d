"""What a trial measures, in words: titles, units, and which way is better.

Reads: ``evidence/scores.csv``. Writes: nothing.
"""

from __future__ import annotations

from pulposus.errors import InputError
from pulposus.outcomes import scores

# variable -> title, unit, which way is better; scores come from scores.csv
_OTHERS = {
    "t2": ("T2 of the nucleus", "ms", "higher"),
    "height": ("disc height", "mm", "higher"),
    "pfirrmann": ("Pfirrmann grade", "grades", "lower"),
    "aggrecan": ("aggrecan of the nucleus", "% of start", "higher"),
    "water": ("water of the nucleus", "% of volume", "higher"),
    "viable_cells": ("viable native cells", "million", "higher"),
    "leaked": ("cells leaked", "million", "lower"),
    "responder": ("responders", "of 100 persons", "higher"),
    "conversion": ("conversion to surgery", "of 100 persons", "lower"),
    "rescue": ("rescue", "of 100 persons", "lower"),
    "crossover": ("crossover", "of 100 persons", "lower"),
    "death": ("death", "of 100 persons", "lower"),
    "opioid": ("use of opioids", "of 100 persons", "lower"),
    "nsaid": ("use of NSAIDs", "of 100 persons", "lower"),
    "steroid": ("use of steroids", "of 100 persons", "lower"),
}


def title(variable: str) -> str:
    """A variable in words; its own name where nothing is told of it."""
    try:
        return scores.score(variable).title
    except InputError:
        return _OTHERS.get(variable, (variable.replace("_", " "), "", ""))[0]


def unit(variable: str) -> str:
    """The unit of a difference of it."""
    return _OTHERS[variable][1] if variable in _OTHERS else "points"


def better(variable: str) -> str:
    """ "lower" or "higher"."""
    if variable in _OTHERS:
        return _OTHERS[variable][2]
    try:
        return scores.score(variable).better
    except InputError:
        return "lower"
