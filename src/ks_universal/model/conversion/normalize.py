"""Brings what may be written in several ways into one, before it is typed: the forms of the chart's documentation.

- `initContainers` and `volumeClaimTemplates` as maps from names, as `containers` are
- `volumeClaimTemplates` with `metadata` and `spec`
- `sidecars` of a migration as such a map, and the names of the application's containers as plain texts
- `spec` around the fields of a network policy or quota
- `binaryData` within the `data` of a config
- hostnames of a route as plain texts, as the Gateway API has them
"""

from collections.abc import Callable

from ks_universal.values.nodes import Mapping, Node, Scalar, Sequence
from ks_universal.values.scalars import is_null

_Unify = Callable[[Mapping], Mapping]


def normalize(tree: Mapping) -> Mapping:
    """Give the tree with one form for each; unchanged parts are shared, and all nodes keep their places."""
    entries = dict(tree.entries)
    for section, unify in _SECTIONS.items():
        node = entries.get(section)
        if isinstance(node, Mapping):
            unified = {name: unify(e) if isinstance(e, Mapping) else e for name, e in node.entries.items()}
            entries[section] = Mapping(unified, node.at, node.key_at)
    general = entries.get("deploymentsGeneral")
    if isinstance(general, Mapping):
        entries["deploymentsGeneral"] = _unify_workload(general)
    return Mapping(entries, tree.at, tree.key_at)


def _unify_workload(entry: Mapping) -> Mapping:
    unified = _unify_pod(entry)
    migrations, route = entry.entries.get("migrations"), entry.entries.get("httpRoute")
    if isinstance(migrations, Mapping):
        unified = _with(unified, "migrations", _unify_migrations(migrations))
    return _with(unified, "httpRoute", _unify_route(route)) if isinstance(route, Mapping) else unified


def _unify_stateful_set(entry: Mapping) -> Mapping:
    unified, templates = _unify_workload(entry), entry.entries.get("volumeClaimTemplates")
    if isinstance(templates, Mapping):
        return _with(unified, "volumeClaimTemplates", _list_by_name(templates))
    if isinstance(templates, Sequence):
        items = [_flatten_claim(item) if isinstance(item, Mapping) else item for item in templates.items]
        return _with(unified, "volumeClaimTemplates", Sequence(items, templates.at, templates.key_at))
    return unified


def _flatten_claim(item: Mapping) -> Mapping:
    """Bring a claim as Kubernetes has it into the form of `persistentVolumeClaims`."""
    rest = {key: node for key, node in item.entries.items() if key not in ("apiVersion", "kind")}
    for key in ("metadata", "spec"):
        below = rest.get(key)
        if isinstance(below, Mapping):
            rest = {**{name: node for name, node in rest.items() if name != key}, **below.entries}
    return Mapping(rest, item.at, item.key_at)


def _unify_migrations(migrations: Mapping) -> Mapping:
    unified = _unify_step(migrations)
    steps = migrations.entries.get("steps")
    if not isinstance(steps, Sequence):
        return unified
    items = [_unify_step(step) if isinstance(step, Mapping) else step for step in steps.items]
    return _with(unified, "steps", Sequence(items, steps.at, steps.key_at))


def _unify_step(entry: Mapping) -> Mapping:
    unified, sidecars = _unify_pod(entry), entry.entries.get("sidecars")
    if isinstance(sidecars, Mapping):
        return _with(unified, "sidecars", _list_by_name(sidecars))
    if not isinstance(sidecars, Sequence):
        return unified
    items: list[Node] = [_refer(item) if isinstance(item, Scalar) else item for item in sidecars.items]
    return _with(unified, "sidecars", Sequence(items, sidecars.at, sidecars.key_at))


def _refer(name: Scalar) -> Node:
    return name if is_null(name) else Mapping({"name": name}, name.at, name.key_at)


def _unify_pod(entry: Mapping) -> Mapping:
    named = entry.entries.get("initContainers")
    if not isinstance(named, Mapping):
        return entry
    return _with(entry, "initContainers", _list_by_name(named))


def _list_by_name(named: Mapping) -> Sequence:
    return Sequence([_name(key, each) for key, each in named.entries.items()], named.at, named.key_at)


def _name(key: str, node: Node) -> Node:
    if not isinstance(node, Mapping):
        return node
    at = node.key_at or node.at
    return Mapping({"name": Scalar(key, plain=False, at=at), **node.entries}, node.at, node.key_at)


def _unify_spec(entry: Mapping) -> Mapping:
    spec = entry.entries.get("spec")
    if not isinstance(spec, Mapping):
        return entry
    rest = {key: node for key, node in entry.entries.items() if key != "spec"}
    return Mapping({**rest, **spec.entries}, entry.at, entry.key_at)


def _unify_config(entry: Mapping) -> Mapping:
    data = entry.entries.get("data")
    binary = data.entries.get("binaryData") if isinstance(data, Mapping) else None
    if not (isinstance(data, Mapping) and isinstance(binary, Mapping)) or "binaryData" in entry.entries:
        return entry
    rest = {key: node for key, node in data.entries.items() if key != "binaryData"}
    return _with(_with(entry, "data", Mapping(rest, data.at, data.key_at)), "binaryData", binary)


def _unify_route(entry: Mapping) -> Mapping:
    names = entry.entries.get("hostnames")
    if not isinstance(names, Sequence):
        return entry
    items: list[Node] = [Mapping({"host": item}, item.at) if isinstance(item, Scalar) else item for item in names.items]
    return _with(entry, "hostnames", Sequence(items, names.at, names.key_at))


def _with(entry: Mapping, key: str, node: Node) -> Mapping:
    return Mapping({**entry.entries, key: node}, entry.at, entry.key_at)


_SECTIONS: dict[str, _Unify] = {
    "deployments": _unify_workload,
    "statefulSets": _unify_stateful_set,
    "daemonSets": _unify_workload,
    "jobs": _unify_pod,
    "cronJobs": _unify_pod,
    "configs": _unify_config,
    "httpRoutes": _unify_route,
    "networkPolicies": _unify_spec,
    "resourceQuotas": _unify_spec,
}
