"""PodDisruptionBudgets: section 19 of the reference."""

from typing import Annotated

from ks_universal.model.types import Format, Inline, Json, Labels

LIMITS = ("minAvailable", "maxUnavailable")
DEFAULT_LIMIT = {"maxUnavailable": 1}


class DisruptionBudget(Format, frozen=True, kw_only=True):
    """`pdbConfig` of an auto-created budget, or `pdb`, the manual form."""

    labels: Labels = {}
    annotations: Labels = {}
    kubernetes: Annotated[Json, Inline("PodDisruptionBudgetSpec")] = {}
