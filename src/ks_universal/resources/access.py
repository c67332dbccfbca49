"""Roles of both kinds and who has them: `roles`, `clusterRoles`, and `rbac` beside an account."""

from collections.abc import Iterator
from typing import NamedTuple

from ks_universal.json_types import Json
from ks_universal.model.format.access import Bound, ClusterRole, Rbac, Role, read_account
from ks_universal.model.format.application import Application
from ks_universal.model.format.workloads import PodSettings
from ks_universal.resources.accounts import find_account_name
from ks_universal.resources.metadata import Scope, build_labels, build_metadata, within
from ks_universal.resources.objects import Resource

RBAC_GROUP = "rbac.authorization.k8s.io"
ROLE_KINDS = frozenset(("ClusterRole", "Role"))
BINDING_KINDS = frozenset(("ClusterRoleBinding", "RoleBinding"))
UNKNOWN_NAMESPACE = "default"
"""Stands in subjects and in the names of ClusterRoles where the release's namespace is not known."""


class _Granted(NamedTuple):
    """A role with who has it, whatever kind it is."""

    name: str
    said: Bound
    spec: Json
    is_cluster_wide: bool = False


def build_access(scope: Scope, application: Application) -> Iterator[Resource]:
    """Build the roles of the sections, then those of accounts and workloads, each before its binding."""
    for name, role in application.roles.items():
        yield from map(Resource, _build_pair(within(scope, role.namespace), _of_section(name, role)))
    for name, cluster_role in application.cluster_roles.items():
        yield from map(Resource, _build_pair(scope, _of_section(name, cluster_role)))
    for name, account in application.service_accounts.items():
        yield from map(Resource, build_rbac(within(scope, account.namespace), name, name, account.rbac))
    for name, workload in application.workloads.items():
        for body in _build_of_workload(scope, name, workload):
            yield Resource(body, name)
    for name, job in (*application.jobs.items(), *application.cron_jobs.items()):
        yield from map(Resource, _build_of_workload(scope, name, job))


def _build_of_workload(scope: Scope, name: str, workload: PodSettings) -> Iterator[Json]:
    account = find_account_name(scope, name, workload)
    if account is not None:  # else the checks have found an error
        yield from build_rbac(within(scope, workload.namespace), name, account, workload.rbac)


def build_rbac(scope: Scope, name: str, account: str, rbac: Rbac | None) -> Iterator[Json]:
    """Build what gives an account the rights of an `rbac`, under the name of what it is written beside."""
    if rbac is None:
        return
    for rules, is_cluster_wide in ((rbac.rules, False), (rbac.cluster_rules, True)):
        if rules:
            said = Bound(bind=(account,))
            yield from _build_pair(scope, _Granted(name, said, {"rules": list(rules)}, is_cluster_wide))


def _of_section(name: str, role: Role | ClusterRole) -> _Granted:
    spec: Json = {"rules": list(role.rules)}
    if not isinstance(role, ClusterRole):
        return _Granted(name, role, spec)
    if role.aggregation_rule is not None:
        # A controller of Kubernetes writes the rules of such a role.
        spec = {"aggregationRule": role.aggregation_rule}
    return _Granted(name, role, spec, is_cluster_wide=True)


def _build_pair(scope: Scope, granted: _Granted) -> Iterator[Json]:
    """Build a role and, where anybody has it, its binding, of the same name."""
    kind = "ClusterRole" if granted.is_cluster_wide else "Role"
    metadata = _build_metadata(scope, granted)
    version = f"{RBAC_GROUP}/v1"
    yield {"apiVersion": version, "kind": kind, "metadata": metadata, **granted.spec}
    subjects = [*(_bind(scope, written) for written in granted.said.bind), *granted.said.subjects]
    if subjects:
        reference = {"apiGroup": RBAC_GROUP, "kind": kind, "name": metadata["name"]}
        body = {"apiVersion": version, "kind": f"{kind}Binding", "metadata": metadata}
        yield {**body, "roleRef": reference, "subjects": subjects}


def _build_metadata(scope: Scope, granted: _Granted) -> Json:
    labels = build_labels(scope, granted.name, granted.said.labels)
    if not granted.is_cluster_wide:
        return build_metadata(scope, granted.name, labels, granted.said.annotations)
    # No namespace has a ':', so that releases in different ones cannot have the same.
    name = f"{scope.namespace or UNKNOWN_NAMESPACE}:{granted.name}"
    metadata = build_metadata(scope, name, labels, granted.said.annotations)
    return {key: value for key, value in metadata.items() if key != "namespace"}


def _bind(scope: Scope, written: str) -> Json:
    namespace, name = read_account(written)
    place = namespace or scope.namespace or UNKNOWN_NAMESPACE
    return {"kind": "ServiceAccount", "name": name, "namespace": place}


def is_bound(binding: Json, account: str, namespace: str) -> bool:
    """Tell whether a binding gives an account its rights; the groups of all accounts count, too."""
    namespace = namespace or UNKNOWN_NAMESPACE
    groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated")
    return any(
        (subject.get("kind"), subject.get("name"), subject.get("namespace")) == ("ServiceAccount", account, namespace)
        or (subject.get("kind") == "Group" and subject.get("name") in groups)
        for subject in binding.get("subjects") or ()
    )


def name_role(binding: Json) -> tuple[str, str, str]:
    """Name the role that a binding gives: its kind, its namespace ("" for a ClusterRole), its name."""
    kind, name = (str(binding["roleRef"].get(key, "")) for key in ("kind", "name"))
    return kind, binding["metadata"].get("namespace", "") if kind == "Role" else "", name
