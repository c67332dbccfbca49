"""Accounts of their own, and who may do what: `serviceAccounts`, `roles`, `clusterRoles`, and `rbac` of a workload."""

from typing import Annotated

from ks_universal.json_types import Json
from ks_universal.model.format.types import Format, Kubernetes, Labels

_Rules = tuple[Annotated[Json, Kubernetes("PolicyRule")], ...]


class Rbac(Format, frozen=True, kw_only=True):
    """What the account beside it may do: in the namespace that it is in, and in the whole cluster."""

    rules: _Rules = ()
    cluster_rules: _Rules = ()


class Account(Format, frozen=True, kw_only=True):
    """A ServiceAccount that no workload makes; pods, migrations and others name it."""

    image_pull_secrets: tuple[Annotated[Json, Kubernetes("LocalObjectReference")], ...] | None = None
    automount_service_account_token: bool | None = None
    rbac: Rbac | None = None
    namespace: str | None = None
    labels: Labels = {}
    annotations: Labels = {}


class Bound(Format, frozen=True, kw_only=True):
    """What roles of both kinds say of who has them; without anybody there is no binding."""

    rules: _Rules = ()
    bind: tuple[str, ...] = ()
    """ServiceAccounts: `name`, of the release's namespace, or `namespace:name`."""
    subjects: tuple[Annotated[Json, Kubernetes("Subject")], ...] = ()
    labels: Labels = {}
    annotations: Labels = {}


class Role(Bound, frozen=True, kw_only=True):
    """A Role, and the RoleBinding of those who have it."""

    namespace: str | None = None


class ClusterRole(Bound, frozen=True, kw_only=True):
    """A ClusterRole, and the ClusterRoleBinding of those who have it; both are named `NAMESPACE:NAME`."""

    aggregation_rule: Annotated[Json, Kubernetes("AggregationRule")] | None = None


def read_account(written: str) -> tuple[str | None, str]:
    """Read who is bound: the namespace, None for that of the role, and the name."""
    namespace, separator, name = written.rpartition(":")
    return (namespace if separator else None), name
