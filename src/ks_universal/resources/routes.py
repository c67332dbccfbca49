"""HTTPRoutes of the Gateway API, standalone ones and those of deployments (section 16 of the values reference)."""

from ks_universal.json_types import Json
from ks_universal.model.format.application import Application
from ks_universal.model.format.host_rules import list_hostnames
from ks_universal.model.format.ports import choose_port, find_ports
from ks_universal.model.format.routes import Backend, Match, Route, Rule
from ks_universal.model.format.workloads import Workload
from ks_universal.resources.metadata import Scope, build_labels, build_metadata, within

_DEFAULT_PORT = 80
_ANSWERS = "RequestRedirect"
"""The filter with which a rule answers itself, without a backend."""


def build_route(scope: Scope, name: str, route: Route, application: Application) -> Json:
    """Build a standalone route."""
    return _build(scope, name, route, application, auto=False)


def build_auto_route(scope: Scope, name: str, workload: Workload, application: Application) -> Json | None:
    """Build the route of a deployment that asks for one; without rules everything leads to its Service."""
    if not workload.auto_create_http_route:
        return None
    return _build(scope, name, workload.http_route or Route(), application, auto=True)


def _build(scope: Scope, name: str, route: Route, application: Application, *, auto: bool) -> Json:
    general = scope.generic.http_routes_general
    parents = general.parent_refs if route.parent_refs is None else route.parent_refs
    spec: Json = {"parentRefs": list(parents or ())}
    hostnames = list_hostnames(name, route.hostnames, scope.generic, auto=auto)
    if hostnames:
        spec["hostnames"] = list(hostnames)
    rules = route.rules or ((Rule(),) if auto else ())
    spec["rules"] = [_build_rule(name, rule, application) for rule in rules]
    spec.update(route.kubernetes)
    labels = build_labels(scope, name, route.labels)
    metadata = build_metadata(within(scope, route.namespace), name, labels, general.annotations, route.annotations)
    return {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": metadata, "spec": spec}


def _build_rule(name: str, rule: Rule, application: Application) -> Json:
    body: Json = {}
    if rule.matches:
        body["matches"] = [_build_match(match) for match in rule.matches]
    body.update(rule.kubernetes)
    filters = rule.kubernetes.get("filters", ())
    backends = rule.backend_refs
    if backends is None:
        backends = () if any(f.get("type") == _ANSWERS for f in filters) else (Backend(),)
    if backends:
        body["backendRefs"] = [_build_backend(name, backend, application) for backend in backends]
    return body


def _build_match(match: Match) -> Json:
    path: Json = {} if match.path is None else {"path": {"type": match.path.type, "value": match.path.value}}
    return path | match.kubernetes


def _build_backend(name: str, backend: Backend, application: Application) -> Json:
    service = backend.name or name
    body: Json = {"name": service}
    if backend.kubernetes.get("kind", "Service") == "Service":
        body["port"] = _find_port(service, application)
    if backend.port is not None:
        body["port"] = backend.port
    if backend.weight is not None:
        body["weight"] = backend.weight
    return body | backend.kubernetes


def _find_port(service: str, application: Application) -> int:
    offer = choose_port(find_ports(application, service) or ())
    return _DEFAULT_PORT if offer is None else offer.number
