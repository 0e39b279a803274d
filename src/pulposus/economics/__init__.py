"""What ways of care cost and gain: patient by patient and as a cohort, with value of information. Net benefit first."""

from pulposus.economics.evaluate import CELLS, MODEL_OUTPUT, Evaluation, Plan, evaluate
from pulposus.economics.money import Rates

__all__ = ["CELLS", "MODEL_OUTPUT", "Evaluation", "Plan", "Rates", "evaluate"]
