"""NetworkPolicies: `networkPolicies`, and those that guard the pods of a migration (`migrations.networkPolicy`)."""

from ks_universal.model.policies import NetworkPolicy
from ks_universal.resources.metadata import (
    COMPONENT,
    INSTANCE,
    NAME,
    Scope,
    build_labels,
    build_metadata,
    build_selector,
)
from ks_universal.resources.objects import Json


def build_network_policy(scope: Scope, name: str, policy: NetworkPolicy) -> Json:
    """Build a policy; without a selector it is for the pods of the workload of its own name.

    Its types are always written: the API server derives them from the rules once, and would go by those of then when
    the first egress rule comes, or the last one goes.
    """
    types = ["Ingress", "Egress"] if policy.kubernetes.get("egress") else ["Ingress"]
    selector = {"matchLabels": build_selector(name, scope.release)}
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
