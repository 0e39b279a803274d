"""Statistics: arrays in, estimates out. Knows nothing of discs, cells or trials of either.

| file | what |
|---|---|
| `given` | arguments looked at once, and the sentence where they cannot be used |
| `estimate` | a value with its interval; proportions and differences |
| `effect` | effect sizes of studies, as they are pooled |
| `meta` | studies pooled: fixed, random, prediction, heterogeneity, small-study effects, duplicates |
| `network` | treatments compared through a network of trials; the single-arm bridge and its warning |
| `phase1` | 3+3, BOIN, CRM and how they behave |
| `sequential` | looks at a running trial: boundaries, power, size |
| `reestimation` | a size changed at a look without harm to the error |
| `power` | trials of one look: means, proportions, survival, assurance |
| `longitudinal` | analysis of covariance, repeated measures |
| `responders` | shares of persons who respond, adjusted |
| `missing` | multiple imputation, reference-based too; tipping point; Rubin's rules |
| `survival` | time to an event, with competing ones |
| `multiplicity` | several hypotheses, one error |
"""

from __future__ import annotations

from .estimate import Estimate

__all__ = ["Estimate"]
