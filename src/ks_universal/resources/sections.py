"""Claims, quotas and network policies; also those that guard the pods of a migration."""

from ks_universal.json_types import Json
from ks_universal.metadata_keys import COMPONENT, INSTANCE, NAME
from ks_universal.model.format.claims import Claim, ClaimSettings, ClaimTemplate
from ks_universal.model.format.sections import NetworkPolicy, Quota
from ks_universal.model.format.workloads import Workload
from ks_universal.resources.metadata import Scope, build_labels, build_metadata, find_selector


def build_network_policy(scope: Scope, name: str, policy: NetworkPolicy, workload: Workload | None) -> Json:
    """Build a policy; without a selector it is for the pods of the workload of its own name.

    Its types are always written: the API server derives them from the rules once, and would go by those of then when
    the first egress rule comes, or the last one goes.
    """
    types = ["Ingress", "Egress"] if policy.kubernetes.get("egress") else ["Ingress"]
    selector = {"matchLabels": find_selector(name, workload, scope.release)}
    spec = {"podSelector": selector, "policyTypes": types, **policy.kubernetes}
    metadata = build_metadata(scope, name, build_labels(scope, name, policy.labels), policy.annotations)
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": spec}


def build_migration_policy(job: Json, spec: Json) -> Json:
    """Build the policy of a migration's Job, under its name: it holds for its pods and for those that undo it.

    Kubernetes takes a policy without egress rules as one that allows all egress, also where an empty list of rules is
    written; a written `egress` therefore counts.
    """
    metadata = {key: value for key, value in job["metadata"].items() if key != "annotations"}
    selector = {key: metadata["labels"][key] for key in (NAME, INSTANCE, COMPONENT)}
    types = ["Ingress", "Egress"] if "egress" in spec else ["Ingress"]
    body = {"policyTypes": types, **spec, "podSelector": {"matchLabels": selector}}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": body}


def build_claim(scope: Scope, name: str, claim: Claim) -> Json:
    """Build the claim. A written `storageClassName: ""` means no class, which is not the default class."""
    metadata = build_metadata(scope, name, build_labels(scope, name, claim.labels), claim.annotations)
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": _build_claim_spec(claim)}


def build_claim_template(template: ClaimTemplate) -> Json:
    """Build what each pod of a StatefulSet claims.

    It says what is written and no more: Kubernetes lets nobody change it, not even a label.
    """
    metadata: Json = {"name": template.name}
    for key, written in (("labels", template.labels), ("annotations", template.annotations)):
        if written:
            metadata[key] = written
    # With apiVersion and kind, which the API server would fill in: else an apply would never find it unchanged.
    spec = _build_claim_spec(template)
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": spec}


def _build_claim_spec(claim: ClaimSettings) -> Json:
    spec: Json = {"accessModes": list(claim.access_modes)}
    if claim.storage_class_name is not None:
        spec["storageClassName"] = claim.storage_class_name
    spec.update(claim.kubernetes)
    if claim.size is not None:
        spec["resources"] = _request(claim.kubernetes.get("resources", {}), claim.size)
    return spec


def _request(resources: Json, size: str) -> Json:
    return {**resources, "requests": {**resources.get("requests", {}), "storage": size}}


def build_quota(scope: Scope, name: str, quota: Quota) -> Json:
    """Build the quota."""
    metadata = build_metadata(scope, name, build_labels(scope, name, quota.labels), quota.annotations)
    return {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": metadata, "spec": dict(quota.kubernetes)}
