"""The controller as objects: its namespace, its account, what that may do, and the Deployment that runs it."""

from collections.abc import Sequence

import msgspec

from ks_universal.installation.custom_resource import PLURAL, build_custom_resource
from ks_universal.json_types import Json
from ks_universal.metadata_keys import GROUP

NAME = "ks-universal-controller"
LEASE = NAME
"""The Lease by which several replicas agree which of them works; it is in the controller's namespace."""
DEFAULT_ACCOUNT = "deployer"

_RBAC = "rbac.authorization.k8s.io"
_LABELS = {"app.kubernetes.io/name": NAME, "app.kubernetes.io/part-of": "ks-universal"}
_SELECTOR = {"app.kubernetes.io/name": NAME}
_USER = 65532  # as in distroless images: nobody's
_HEALTH_PORT = 8080


class Installation(msgspec.Struct, frozen=True, kw_only=True):
    """Where the controller runs, and what it looks after.

    `watched` are the namespaces whose releases it carries out, all where it is empty: then its rights are in a
    ClusterRole. `accounts` are the names of the ServiceAccounts by whose rights it may act, in each of these
    namespaces; a release that names none has the first. Empty: any account, which makes who may run the controller's
    pods an administrator.
    """

    namespace: str = "ksu-system"
    image: str
    watched: tuple[str, ...] = ()
    replicas: int = 2
    accounts: tuple[str, ...] = (DEFAULT_ACCOUNT,)


def build_installation(installation: Installation) -> tuple[Json, ...]:
    """Build what to apply, in this order."""
    return (
        _build_namespace(installation.namespace),
        build_custom_resource(),
        _build_object("v1", "ServiceAccount", NAME, installation.namespace),
        *_build_rights(installation),
        *_build_rights_of_people(),
        _build_deployment(installation),
        *([_build_budget(installation.namespace)] if installation.replicas > 1 else []),
    )


def _build_namespace(name: str) -> Json:
    restricted = {"pod-security.kubernetes.io/enforce": "restricted"}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {**_LABELS, **restricted}}}


def _build_rights(installation: Installation) -> tuple[Json, ...]:
    """Build what the controller may do itself: all else it does by the rights of a release's account."""
    own = _build_role("Role", NAME, installation.namespace, _LEASE_RULES)
    binding = _bind("Role", NAME, installation.namespace, installation.namespace)
    rules = _list_rules(installation.accounts)
    if not installation.watched:
        wide = (_build_role("ClusterRole", NAME, "", rules), _bind("ClusterRole", NAME, "", installation.namespace))
        return own, binding, *wide
    return (
        own,
        binding,
        *(
            each
            for place in installation.watched
            for each in (
                _build_role("Role", f"{NAME}-releases", place, rules),
                _bind("Role", f"{NAME}-releases", place, installation.namespace),
            )
        ),
    )


_LEASE_RULES: Sequence[Json] = (
    # Kubernetes knows no name yet when something is created.
    {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["create"]},
    {
        "apiGroups": ["coordination.k8s.io"],
        "resources": ["leases"],
        "resourceNames": [LEASE],
        "verbs": ["get", "list", "patch", "update", "watch"],
    },
)


def _list_rules(accounts: Sequence[str]) -> Sequence[Json]:
    named = {"resourceNames": list(accounts)} if accounts else {}
    return (
        {"apiGroups": [GROUP], "resources": [PLURAL], "verbs": ["get", "list", "patch", "watch"]},
        {"apiGroups": [GROUP], "resources": [f"{PLURAL}/status"], "verbs": ["get", "patch", "update"]},
        {"apiGroups": [GROUP], "resources": [f"{PLURAL}/finalizers"], "verbs": ["update"]},
        {"apiGroups": ["", "events.k8s.io"], "resources": ["events"], "verbs": ["create", "patch"]},
        {"apiGroups": [""], "resources": ["serviceaccounts"], **named, "verbs": ["impersonate"]},
    )


def _build_rights_of_people() -> tuple[Json, ...]:
    """Build what adds releases to Kubernetes' own roles `view`, `edit` and `admin`, wherever these are given."""
    reads = ["get", "list", "watch"]
    changes = ["create", "delete", "deletecollection", "patch", "update"]
    return (
        _add_to_role("view", ("view",), [PLURAL, f"{PLURAL}/status"], reads),
        _add_to_role("edit", ("admin", "edit"), [PLURAL], changes),
    )


def _add_to_role(name: str, roles: Sequence[str], resources: list[str], verbs: list[str]) -> Json:
    role = _build_role("ClusterRole", f"ks-universal-{PLURAL}-{name}", "", [_rule_of_releases(resources, verbs)])
    labels = {f"{_RBAC}/aggregate-to-{role_name}": "true" for role_name in roles}
    return {**role, "metadata": {**role["metadata"], "labels": {**_LABELS, **labels}}}


def _rule_of_releases(resources: list[str], verbs: list[str]) -> Json:
    return {"apiGroups": [GROUP], "resources": resources, "verbs": verbs}


def _build_deployment(installation: Installation) -> Json:
    pod = {
        "serviceAccountName": NAME,
        # A run that ends in the middle is resumed by another replica: nothing is worth waiting for.
        "terminationGracePeriodSeconds": 30,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "runAsGroup": _USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "affinity": {
            "podAntiAffinity": {
                "preferredDuringSchedulingIgnoredDuringExecution": [
                    {
                        "weight": 100,
                        "podAffinityTerm": {
                            "topologyKey": "kubernetes.io/hostname",
                            "labelSelector": {"matchLabels": _SELECTOR},
                        },
                    }
                ]
            }
        },
        "containers": [_build_container(installation)],
    }
    spec = {
        "replicas": installation.replicas,
        "selector": {"matchLabels": _SELECTOR},
        "template": {"metadata": {"labels": _LABELS}, "spec": pod},
    }
    return _build_object("apps/v1", "Deployment", NAME, installation.namespace, spec=spec)


def _build_container(installation: Installation) -> Json:
    arguments = [f"--health-port={_HEALTH_PORT}", *(f"--namespace={place}" for place in installation.watched)]
    if installation.accounts:
        arguments.append(f"--default-service-account={installation.accounts[0]}")
    port = {"port": "health"}
    return {
        "name": "controller",
        "image": installation.image,
        "command": ["ks-universal", "controller"],
        "args": arguments,
        "env": [
            {"name": f"POD_{what.upper()}", "valueFrom": {"fieldRef": {"fieldPath": f"metadata.{what}"}}}
            for what in ("name", "namespace")
        ],
        "ports": [{"name": "health", "containerPort": _HEALTH_PORT}],
        "livenessProbe": {"httpGet": {"path": "/healthz", **port}, "periodSeconds": 10, "failureThreshold": 6},
        "readinessProbe": {"httpGet": {"path": "/readyz", **port}, "periodSeconds": 5},
        "resources": {"requests": {"cpu": "50m", "memory": "128Mi"}, "limits": {"memory": "512Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
    }


def _build_budget(namespace: str) -> Json:
    spec = {"maxUnavailable": 1, "selector": {"matchLabels": _SELECTOR}}
    return _build_object("policy/v1", "PodDisruptionBudget", NAME, namespace, spec=spec)


def _build_role(kind: str, name: str, namespace: str, rules: Sequence[Json]) -> Json:
    return _build_object(f"{_RBAC}/v1", kind, name, namespace, rules=list(rules))


def _bind(kind: str, name: str, namespace: str, account_namespace: str) -> Json:
    reference = {"apiGroup": _RBAC, "kind": kind, "name": name}
    subjects = [{"kind": "ServiceAccount", "name": NAME, "namespace": account_namespace}]
    return _build_object(f"{_RBAC}/v1", f"{kind}Binding", name, namespace, roleRef=reference, subjects=subjects)


def _build_object(api_version: str, kind: str, name: str, namespace: str, **content: object) -> Json:
    place = {"namespace": namespace} if namespace else {}
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, **place, "labels": _LABELS}, **content}
