"""`resourceQuotas` (section 29 of the values reference)."""

from ks_universal.model.policies import Quota
from ks_universal.resources.metadata import Scope, build_labels, build_metadata
from ks_universal.resources.objects import Json


def build_quota(scope: Scope, name: str, quota: Quota) -> Json:
    """Build the quota."""
    metadata = build_metadata(scope, name, build_labels(scope, name, quota.labels), quota.annotations)
    return {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": metadata, "spec": dict(quota.kubernetes)}
