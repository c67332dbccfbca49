"""The smallest Role with which a deploy works: what this package asks of the API server, as RBAC rules."""

from collections import defaultdict
from collections.abc import Collection, Container, Iterable, Mapping

from ks_universal.json_types import Json
from ks_universal.resources.access import BINDING_KINDS, RBAC_GROUP, ROLE_KINDS, name_role
from ks_universal.targets.kubernetes.api.kinds import (
    AUTOSCALERS,
    CLAIM,
    CONFIG_MAP,
    DAEMON_SET,
    DEPLOYMENT,
    EVENT,
    JOB,
    LEASE,
    POD,
    SECRET,
    SERVICE_ACCOUNT,
    STATEFUL_SET,
    VERSIONED,
    Kind,
)
from ks_universal.targets.kubernetes.objects.ownership import Owner

_APPLY = ("create", "delete", "get", "list", "patch")
_WATCH = ("list", "watch")
_OF_TEAMS = (
    CLAIM,
    DAEMON_SET,
    SERVICE_ACCOUNT,
    STATEFUL_SET,
    AUTOSCALERS[0],
    Kind("v1", "Service", "services"),
    Kind("batch/v1", "CronJob", "cronjobs"),
    Kind("networking.k8s.io/v1", "Ingress", "ingresses"),
    Kind("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies"),
    Kind("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets"),
    Kind("gateway.networking.k8s.io/v1", "HTTPRoute", "httproutes"),
    Kind("cert-manager.io/v1", "Certificate", "certificates"),
    Kind("monitoring.coreos.com/v1", "ServiceMonitor", "servicemonitors"),
    Kind("deckhouse.io/v1", "DexAuthenticator", "dexauthenticators"),
)
"""What the sections of the values make in a namespace, but for what sets its rules: roles and quotas."""
_WHY_GRANTED = "what the release gives to its accounts: nobody can grant rights that they do not have"


def build_role(owner: Owner, namespace: str, kinds: Collection[Kind]) -> Json:
    """Build the Role for deploying those objects of a release that are in a namespace and of the given kinds.

    The record and the lock are in the release's own namespace only.
    """
    rights: dict[tuple[str, str], set[str]] = defaultdict(set)
    for kind in (*kinds, SECRET, CONFIG_MAP, JOB, DEPLOYMENT):
        rights[_group(kind), kind.plural].update(_APPLY)
    versioned = [VERSIONED[kind.kind] for kind in (DEPLOYMENT, *kinds) if kind.kind in VERSIONED]
    watched = [kind for pair in versioned for kind in pair if kind is not None]
    others = [kind for kind in kinds if "." in _group(kind) and not _group(kind).endswith(".k8s.io")]
    made = (SECRET, CONFIG_MAP) if others else ()  # of what is made of them, too: see `objects.awaited`
    for kind in (JOB, *watched, POD, EVENT, *others, *made):
        rights[_group(kind), kind.plural].update(_WATCH)
    if STATEFUL_SET in kinds:  # an uninstall names the claims that stay, or removes them
        rights["", CLAIM.plural].update(("delete", "get", "list"))
        rights["", POD.plural].add("delete")  # see `rollout.blocked`
    for kind in AUTOSCALERS:
        rights[_group(kind), kind.plural].add("list")
    rights["", "pods/log"].add("get")
    rights["", "events"].add("create")
    if namespace == owner.namespace:
        rights[_group(LEASE), LEASE.plural].update(("create", "delete", "get", "update", *_WATCH))
    metadata = {"name": f"ks-universal-{owner.release}", "namespace": namespace}
    return _write_role("Role", metadata, _write_rules(rights))


def build_team_role(account: str, namespace: str) -> Json:
    """Build the Role with which releases can be deployed in a namespace, whatever their values.

    Only not what sets the rules of the namespace, roles and quotas: where a release makes some, `build_role` has them.
    """
    return build_role(Owner(account, namespace), namespace, _OF_TEAMS)


def build_cluster_role(owner: Owner, kinds: Iterable[Kind]) -> Json:
    """Build the ClusterRole for deploying those objects of a release that are in no namespace."""
    rights = {(_group(kind), kind.plural): {*_APPLY, "watch"} for kind in kinds}
    return _write_role("ClusterRole", {"name": _name_cluster_role(owner)}, _write_rules(rights))


def build_granted(owner: Owner, namespace: str, bodies: Iterable[Json]) -> tuple[Json, ...]:
    """Build what who deploys needs besides, to give a release's accounts their rights in a namespace ("": everywhere).

    That is these rights themselves, and to bind roles that the release does not have. `bodies` are all objects of the
    release.
    """
    bodies = tuple(bodies)
    made = {(body["kind"], body["metadata"].get("namespace", ""), body["metadata"]["name"]) for body in bodies}
    here = [body for body in bodies if body["metadata"].get("namespace", "") == namespace]
    rules = [rule for body in here for rule in _list_granted(body, made)]
    if not rules:
        return ()
    metadata: Json = {"name": f"ks-universal-{owner.release}-granted", "namespace": namespace}
    if not namespace:
        metadata = {"name": f"{_name_cluster_role(owner)}:granted"}
    distinct = [rule for index, rule in enumerate(rules) if rule not in rules[:index]]
    kind = "Role" if namespace else "ClusterRole"
    return (_write_role(kind, {**metadata, "annotations": {"kubernetes.io/description": _WHY_GRANTED}}, distinct),)


def _list_granted(body: Json, made: Container[tuple[str, str, str]]) -> list[Json]:
    metadata = body["metadata"]
    if body["kind"] in ROLE_KINDS and "aggregationRule" in body:  # who makes it may not know what it will allow
        return [_rule(("escalate",), RBAC_GROUP, ["clusterroles"], metadata["name"])]
    if body["kind"] in ROLE_KINDS:
        return list(body.get("rules") or ())
    if body["kind"] in BINDING_KINDS and name_role(body) not in made:
        kind, _, name = name_role(body)
        return [_rule(("bind",), RBAC_GROUP, [f"{kind.lower()}s"], name)]
    return []


def _write_role(kind: str, metadata: Json, rules: list[Json]) -> Json:
    return {"apiVersion": f"{RBAC_GROUP}/v1", "kind": kind, "metadata": metadata, "rules": rules}


def _write_rules(rights: Mapping[tuple[str, str], set[str]]) -> list[Json]:
    return [_rule(verbs, group, plurals) for verbs, group, plurals in _merge(rights)]


def _name_cluster_role(owner: Owner) -> str:
    return f"ks-universal:{owner.namespace}:{owner.release}"


def _merge(rights: Mapping[tuple[str, str], set[str]]) -> list[tuple[tuple[str, ...], str, list[str]]]:
    """Put the resources of a group that have the same verbs together."""
    merged: dict[tuple[str, tuple[str, ...]], list[str]] = defaultdict(list)
    for (group, plural), verbs in sorted(rights.items()):
        merged[group, tuple(sorted(verbs))].append(plural)
    return [(verbs, group, plurals) for (group, verbs), plurals in merged.items()]


def _rule(verbs: tuple[str, ...], group: str, plurals: list[str], name: str = "") -> Json:
    names = {"resourceNames": [name]} if name else {}
    return {"apiGroups": [group], "resources": plurals, **names, "verbs": list(verbs)}


def _group(kind: Kind) -> str:
    return kind.api_version.rpartition("/")[0]
