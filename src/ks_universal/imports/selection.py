"""What of the input belongs to a release, and who selects whom by labels."""

from collections.abc import Iterable, Iterator
from typing import Any

from ks_universal.imports.draft import Draft
from ks_universal.imports.hooks import read_hook
from ks_universal.imports.read import Found, is_known
from ks_universal.json_types import Json
from ks_universal.metadata_keys import OWN

_OF_CONTROLLERS = frozenset(
    ("ControllerRevision", "EndpointSlice", "Endpoints", "Event", "Lease", "Node", "Pod", "ReplicaSet")
)
"""The kinds that controllers make."""
_OF_SERVERS = frozenset((("ConfigMap", "kube-root-ca.crt"), ("ServiceAccount", "default"), ("Service", "kubernetes")))
_KEPT_BY_OTHERS = ("helm.sh/release", "kubernetes.io/service-account-token", OWN)
"""What the types of Secrets begin with that are no configuration."""


def drop_strangers(objects: Iterable[Found], draft: Draft) -> list[Found]:
    """Give the objects that somebody wrote for the release; the others are noted, what controllers make as one."""
    kept, made = [], []
    for found in objects:
        reason = _find_reason(found)
        if _is_made(found):
            made.append(found)
        elif reason is not None:
            draft.leave_out(found, reason)
        else:
            kept.append(found)
    if made:
        draft.leave_out_all(made, "controllers and the cluster make them")
    return kept


def _is_made(found: Found) -> bool:
    """Tell whether the cluster makes an object by itself, of another or for each namespace; no hook is such a one."""
    if found.body["metadata"].get("ownerReferences"):
        return True
    is_of_cluster = found.kind in _OF_CONTROLLERS or (found.kind, found.name) in _OF_SERVERS
    return is_of_cluster and read_hook(found.body) is None


def _find_reason(found: Found) -> str | None:
    hook = read_hook(found.body)
    if hook is not None and hook.is_test:
        return "it tests a release, and there is no test here"
    if hook is not None and not hook.is_of_deploys:
        return f"it runs at {hook}, and nothing here does"
    if found.kind == "Secret" and str(found.body.get("type", "")).startswith(_KEPT_BY_OTHERS):
        return "it is no configuration of the application"
    return None


def find_port_names(workload: Json, services: Iterable[Found]) -> dict[int, str]:
    """Find what Services call the ports of a workload's pods, by the ports' numbers."""
    labels = (workload["spec"]["template"].get("metadata") or {}).get("labels", {})
    names: dict[int, str] = {}
    for service in services:
        selector = service.body["spec"].get("selector")
        if selector and selector.items() <= labels.items():
            for port in service.body["spec"].get("ports", ()):
                target = port.get("targetPort", port["port"])
                if isinstance(target, int) and "name" in port and port["name"] not in names.values():
                    names.setdefault(target, port["name"])
    return names


def find_met(bodies: Iterable[Json]) -> dict[tuple[str, str, str], frozenset[str]]:
    """Give, for each selector in objects, which objects' labels it meets: {(kind, name, where): {kind/name}}."""
    objects = [body for body in bodies if is_known(body)]
    pods = {f"{b['kind']}/{b['metadata']['name']}": _pod_labels(b) for b in objects if _pod_labels(b) is not None}
    services = {
        f"Service/{b['metadata']['name']}": b["metadata"].get("labels", {}) for b in objects if b["kind"] == "Service"
    }
    met: dict[tuple[str, str, str], frozenset[str]] = {}
    for body in objects:
        theirs = services if body["kind"] == "ServiceMonitor" else pods
        for where, selector in _list_selectors(body):
            found = frozenset(name for name, labels in theirs.items() if selects(selector, labels or {}))
            met[body["kind"], body["metadata"]["name"], where] = found
    return met


def find_asked(bodies: Iterable[Json]) -> frozenset[tuple[str, str]]:
    """Find the labels, each with its value, by which objects select pods; a workload's own selector is kept anyhow."""
    known = (body for body in bodies if is_known(body) and body["kind"] != "ServiceMonitor")
    selectors = (selector for body in known for _, selector in _list_selectors(body))
    return frozenset(pair for selector in selectors for pair in (selector.get("matchLabels") or {}).items())


def selects(selector: Json, labels: dict[str, str]) -> bool:
    """Tell whether labels are what a LabelSelector asks for."""
    wanted = selector.get("matchLabels") or {}
    return wanted.items() <= labels.items() and all(
        _meets(expression, labels) for expression in selector.get("matchExpressions") or ()
    )


def _meets(expression: Json, labels: dict[str, str]) -> bool:
    value, values = labels.get(expression["key"]), expression.get("values") or ()
    match expression.get("operator"):
        case "In":
            return value in values
        case "NotIn":
            return value not in values
        case "Exists":
            return value is not None
        case _:
            return value is None


def _list_selectors(body: Json) -> Iterator[tuple[str, Json]]:
    """Walk the selectors of an object, each as a LabelSelector."""
    spec = body.get("spec")
    if not isinstance(spec, dict):
        return
    if body["kind"] == "Service":
        if spec.get("selector"):
            yield "spec.selector", {"matchLabels": spec["selector"]}
        return
    if body["kind"] in ("PodDisruptionBudget", "ServiceMonitor") and isinstance(spec.get("selector"), dict):
        yield "spec.selector", spec["selector"]
    yield from _walk(spec, "spec")


def _walk(value: Any, where: str) -> Iterator[tuple[str, Json]]:
    """Walk the selectors of pods that are deeper: in network policies, affinities, spread constraints."""
    if isinstance(value, dict):
        for key, item in value.items():
            here = f"{where}.{key}"
            if key in ("podSelector", "labelSelector") and isinstance(item, dict):
                yield here, item
            else:
                yield from _walk(item, here)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _walk(item, f"{where}[{index}]")


def _pod_labels(body: Json) -> dict[str, str] | None:
    if body["kind"] not in ("DaemonSet", "Deployment", "StatefulSet"):
        return None
    labels: dict[str, str] = (body["spec"]["template"].get("metadata") or {}).get("labels", {})
    return labels
