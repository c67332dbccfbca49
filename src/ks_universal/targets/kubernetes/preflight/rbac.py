"""The smallest Role with which a deploy works: what this package asks of the API server, as RBAC rules."""

from collections import defaultdict
from collections.abc import Iterable

from ks_universal.json_types import Json
from ks_universal.targets.kubernetes.api.kinds import (
    AUTOSCALERS,
    CONFIG_MAP,
    DEPLOYMENT,
    EVENT,
    JOB,
    LEASE,
    POD,
    REPLICA_SET,
    SECRET,
    Kind,
)
from ks_universal.targets.kubernetes.objects.ownership import Owner

_APPLY = ("create", "delete", "get", "list", "patch")
_WATCH = ("list", "watch")


def build_role(owner: Owner, namespace: str, kinds: Iterable[Kind]) -> Json:
    """Build the Role for deploying those objects of a release that are in a namespace and of the given kinds.

    The record and the lock are in the release's own namespace only.
    """
    rights: dict[tuple[str, str], set[str]] = defaultdict(set)
    for kind in (*kinds, SECRET, CONFIG_MAP, JOB, DEPLOYMENT):
        rights[_group(kind), kind.plural].update(_APPLY)
    for kind in (JOB, DEPLOYMENT, REPLICA_SET, POD, EVENT):
        rights[_group(kind), kind.plural].update(_WATCH)
    for kind in AUTOSCALERS:
        rights[_group(kind), kind.plural].add("list")
    rights["", "pods/log"].add("get")
    rights["", "events"].add("create")
    if namespace == owner.namespace:
        rights[_group(LEASE), LEASE.plural].update(("create", "delete", "get", "update", *_WATCH))
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": {"name": f"ks-universal-{owner.release}", "namespace": namespace},
        "rules": [_rule(verbs, group, plurals) for verbs, group, plurals in _merge(rights)],
    }


def _merge(rights: dict[tuple[str, str], set[str]]) -> list[tuple[tuple[str, ...], str, list[str]]]:
    """Put the resources of a group that have the same verbs together."""
    merged: dict[tuple[str, tuple[str, ...]], list[str]] = defaultdict(list)
    for (group, plural), verbs in sorted(rights.items()):
        merged[group, tuple(sorted(verbs))].append(plural)
    return [(verbs, group, plurals) for (group, verbs), plurals in merged.items()]


def _rule(verbs: tuple[str, ...], group: str, plurals: list[str]) -> Json:
    return {"apiGroups": [group], "resources": plurals, "verbs": list(verbs)}


def _group(kind: Kind) -> str:
    return kind.api_version.rpartition("/")[0]
