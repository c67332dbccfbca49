"""How kinds are told apart by name alone, and which of them are in no namespace: what is known without a cluster."""

_OF_RELEASES = frozenset(("cert-manager.io", "monitoring.coreos.com", "deckhouse.io"))
"""The groups of other projects whose kinds the sections of the format make."""
_CLUSTER_WIDE = frozenset(
    (
        "APIService",
        "CSIDriver",
        "CertificateSigningRequest",
        "ClusterRole",
        "ClusterRoleBinding",
        "ClusterTrustBundle",
        "CustomResourceDefinition",
        "DeviceClass",
        "FlowSchema",
        "GatewayClass",
        "IngressClass",
        "MutatingAdmissionPolicy",
        "MutatingAdmissionPolicyBinding",
        "MutatingWebhookConfiguration",
        "Namespace",
        "PersistentVolume",
        "PriorityClass",
        "PriorityLevelConfiguration",
        "RuntimeClass",
        "StorageClass",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
        "ValidatingWebhookConfiguration",
        "VolumeAttributesClass",
        "VolumeSnapshotClass",
        "ClusterExternalSecret.external-secrets.io",
        "ClusterIssuer",
        "ClusterPolicy.kyverno.io",
        "ClusterSecretStore.external-secrets.io",
        "Bundle.trust.cert-manager.io",
    )
)


def group_of(api_version: str) -> str:
    """Give the group of an API version: `apps` of `apps/v1`, and nothing of `v1`."""
    return api_version.rpartition("/")[0]


def is_unqualified(group: str) -> bool:
    """Tell whether kinds of a group go by their name alone: Kubernetes' own, and those that releases always had."""
    return "." not in group or group.endswith(".k8s.io") or group in _OF_RELEASES


def qualify_kind(api_version: str, kind: str) -> str:
    """Name a kind so that no other has its name, as kubectl does: `Job`, but `Job.batch.volcano.sh`."""
    group = group_of(api_version)
    return kind if is_unqualified(group) else f"{kind}.{group}"


def is_cluster_wide(qualified: str) -> bool:
    """Tell whether objects of a kind are known to be in no namespace."""
    return qualified in _CLUSTER_WIDE
