"""Where the pods of a workload may run (section 22 of the values reference)."""

from ks_universal.json_types import Json
from ks_universal.metadata_keys import COMPONENT
from ks_universal.model.format.workloads import Workload
from ks_universal.resources.metadata import read_kept

_SPREAD = "topologySpreadConstraints"
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


def build_affinity(name: str, workload: Workload) -> Json | None:
    """Build the affinity: what is written, and the node selector, and the soft spread over hosts if asked for."""
    affinity = dict(workload.affinity or {})
    if workload.node_selector:
        affinity["nodeAffinity"] = _require_nodes(affinity.get("nodeAffinity") or {}, workload.node_selector)
    if workload.auto_create_soft_anti_affinity and "podAntiAffinity" not in affinity:
        affinity["podAntiAffinity"] = _spread_over_hosts(read_kept(workload).get(COMPONENT, name))
    return affinity or None


def spread_pods(selector: dict[str, str], pod_spec: Json) -> Json:
    """Give the fields of a PodSpec with constraints that count the workload's own pods, where they say no others.

    `selector` are the labels of these. Without a selector a constraint counts no pods: nothing would be spread.
    """
    constraints = pod_spec.get(_SPREAD)
    if constraints is None:
        return pod_spec
    own = {"matchLabels": selector}
    return {
        **pod_spec,
        _SPREAD: [{**constraint, "labelSelector": constraint.get("labelSelector", own)} for constraint in constraints],
    }


def _require_nodes(node_affinity: Json, selector: dict[str, str]) -> Json:
    """Add the selector to every term: terms are alternatives, so that a term of its own would weaken the others."""
    chosen = [{"key": key, "operator": "In", "values": [value]} for key, value in selector.items()]
    required = node_affinity.get(_REQUIRED) or {}
    terms = [_narrow(term, chosen) for term in required.get("nodeSelectorTerms") or ()]
    return {**node_affinity, _REQUIRED: {**required, "nodeSelectorTerms": terms or [{"matchExpressions": chosen}]}}


def without_nodes(affinity: Json, selector: dict[str, str]) -> Json | None:
    """Take a node selector out of an affinity that `build_affinity` has built with it; None where it is not in it."""
    rest = {key: value for key, value in affinity.items() if key != "nodeAffinity"}
    nodes = dict(affinity.get("nodeAffinity") or {})
    required = nodes.pop(_REQUIRED, None) or {}
    terms = required.get("nodeSelectorTerms") or [{}]
    size = len(selector)
    chosen = [{e["key"]: e.get("values") for e in t.get("matchExpressions", ())[-size:]} for t in terms]
    if any(each != {key: [value] for key, value in selector.items()} for each in chosen):
        return None
    left = [{**term, "matchExpressions": term["matchExpressions"][:-size]} for term in terms]
    if left != [{"matchExpressions": []}]:
        nodes[_REQUIRED] = {**required, "nodeSelectorTerms": left}
    return {**rest, **({"nodeAffinity": nodes} if nodes else {})}


def _narrow(term: Json, chosen: list[Json]) -> Json:
    # An empty term matches no node; an expression in it would make it match some.
    return {**term, "matchExpressions": [*term.get("matchExpressions", ()), *chosen]} if term else term


def _spread_over_hosts(component: str) -> Json:
    term = {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {COMPONENT: component}}}
    return {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 100, "podAffinityTerm": term}]}
