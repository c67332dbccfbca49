"""Where the API server keeps each kind: a table of the usual ones, discovery for the rest."""

from collections.abc import Iterable

import msgspec

from ks_universal.json_types import Json
from ks_universal.model.kubernetes.kind_names import group_of, is_unqualified, qualify_kind


class Kind(msgspec.Struct, frozen=True):
    """A kind of object and its place in the API."""

    api_version: str
    kind: str
    plural: str
    namespaced: bool = True

    def path(self, namespace: str, name: str = "", subresource: str = "") -> str:
        """The address of the kind's collection in a namespace (empty: in all), of one object, or of its subresource."""
        parts = ["apis" if "/" in self.api_version else "api", self.api_version]
        if self.namespaced and namespace:
            parts += ["namespaces", namespace]
        parts += [self.plural, name, subresource]
        return "/" + "/".join(part for part in parts if part)


POD = Kind("v1", "Pod", "pods")
SECRET = Kind("v1", "Secret", "secrets")
CONFIG_MAP = Kind("v1", "ConfigMap", "configmaps")
EVENT = Kind("v1", "Event", "events")
NAMESPACE = Kind("v1", "Namespace", "namespaces", namespaced=False)
JOB = Kind("batch/v1", "Job", "jobs")
DEPLOYMENT = Kind("apps/v1", "Deployment", "deployments")
STATEFUL_SET = Kind("apps/v1", "StatefulSet", "statefulsets")
DAEMON_SET = Kind("apps/v1", "DaemonSet", "daemonsets")
REPLICA_SET = Kind("apps/v1", "ReplicaSet", "replicasets")
CONTROLLER_REVISION = Kind("apps/v1", "ControllerRevision", "controllerrevisions")
CLAIM = Kind("v1", "PersistentVolumeClaim", "persistentvolumeclaims")
SERVICE_ACCOUNT = Kind("v1", "ServiceAccount", "serviceaccounts")
LEASE = Kind("coordination.k8s.io/v1", "Lease", "leases")

AUTOSCALERS = (
    Kind("autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers"),
    Kind("keda.sh/v1alpha1", "ScaledObject", "scaledobjects"),
)
"""The kinds that scale what their `scaleTargetRef` names; the second is KEDA's."""

VERSIONED: dict[str, tuple[Kind, Kind | None]] = {
    "Deployment": (DEPLOYMENT, REPLICA_SET),
    "StatefulSet": (STATEFUL_SET, None),
    "DaemonSet": (DAEMON_SET, CONTROLLER_REVISION),
}
"""The kinds of workloads that are rolled out, with what keeps their versions; a StatefulSet's status tells them."""

_USUAL = (
    POD,
    SECRET,
    CONFIG_MAP,
    EVENT,
    NAMESPACE,
    JOB,
    DEPLOYMENT,
    STATEFUL_SET,
    DAEMON_SET,
    REPLICA_SET,
    LEASE,
    Kind("v1", "Service", "services"),
    SERVICE_ACCOUNT,
    CLAIM,
    Kind("batch/v1", "CronJob", "cronjobs"),
    Kind("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies"),
    Kind("networking.k8s.io/v1", "Ingress", "ingresses"),
    AUTOSCALERS[0],
    Kind("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets"),
    Kind("rbac.authorization.k8s.io/v1", "Role", "roles"),
    Kind("rbac.authorization.k8s.io/v1", "RoleBinding", "rolebindings"),
    Kind("rbac.authorization.k8s.io/v1", "ClusterRole", "clusterroles", namespaced=False),
    Kind("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "clusterrolebindings", namespaced=False),
)


class Kinds:
    """The kinds known so far, by the names of `qualify_kind`; a bare name is also found in other groups."""

    def __init__(self) -> None:
        self._by_name = {kind.kind: kind for kind in _USUAL}

    def get(self, kind: str, api_version: str | None = None) -> Kind | None:
        """Find a kind; None where discovery has not been asked or does not know it."""
        found = self._by_name.get(kind)
        if found is not None and api_version not in (None, found.api_version):
            return self._by_name.get(f"{api_version} {kind}")
        return found

    def add(self, kinds: Iterable[Kind]) -> None:
        """Take up what discovery found, each group's preferred version first."""
        for kind in sorted(kinds, key=lambda kind: not is_unqualified(group_of(kind.api_version))):
            self._by_name.setdefault(kind.kind, kind)
            self._by_name.setdefault(qualify_kind(kind.api_version, kind.kind), kind)
            self._by_name.setdefault(f"{kind.api_version} {kind.kind}", kind)


def read_discovery(document: Json) -> list[Kind]:
    """Read an aggregated discovery document (`APIGroupDiscoveryList`) in its order: preferred versions first."""
    return [
        Kind(
            api_version="/".join(filter(None, (group["metadata"].get("name"), version["version"]))),
            kind=resource["responseKind"]["kind"],
            plural=resource["resource"],
            namespaced=resource["scope"] == "Namespaced",
        )
        for group in document.get("items", [])
        for version in group.get("versions", [])
        for resource in version.get("resources", [])
        if "kind" in resource.get("responseKind", {})
    ]
