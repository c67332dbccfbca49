"""`networkPolicies` and `resourceQuotas` (section 29 of the reference); their spec may also be written as `spec`."""

from typing import Annotated

from ks_universal.model.types import Format, Inline, Json, Labels


class NetworkPolicy(Format, frozen=True, kw_only=True):
    """Who may talk to pods; without `podSelector` to those of the deployment of its own name."""

    namespace: str | None = None
    labels: Labels = {}
    annotations: Labels = {}
    kubernetes: Annotated[Json, Inline("NetworkPolicySpec")] = {}


class Quota(Format, frozen=True, kw_only=True):
    """What all pods of the namespace may use together."""

    namespace: str | None = None
    labels: Labels = {}
    annotations: Labels = {}
    kubernetes: Annotated[Json, Inline("ResourceQuotaSpec")] = {}
