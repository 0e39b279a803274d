"""Trials joined to statistics: a named question, the studies that answer it, those left out and why, and the answer."""

from pulposus.synthesis.pooled import MODELS, RATIOS, SCALES, Answer, Beside, answer, effects, league, over, summary
from pulposus.synthesis.studies import TIER, Group, Left, Study, checked_tier, gather

__all__ = [
    "MODELS",
    "RATIOS",
    "SCALES",
    "TIER",
    "Answer",
    "Beside",
    "Group",
    "Left",
    "Study",
    "answer",
    "checked_tier",
    "effects",
    "gather",
    "league",
    "over",
    "summary",
]
