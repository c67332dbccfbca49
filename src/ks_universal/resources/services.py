"""Services: standalone ones and those that `autoCreateService` makes (section 13 of the values reference)."""

from collections.abc import Mapping

from ks_universal.json_types import Json
from ks_universal.model.format.containers import Port
from ks_universal.model.format.ports import Offer, list_ports
from ks_universal.model.format.sections import Service, ServicePort
from ks_universal.model.format.workloads import StatefulSet, Workload, headless_name
from ks_universal.resources.metadata import Scope, build_labels, build_metadata, find_selector

_DEPLOYMENT = "deployment"


def build_service(scope: Scope, name: str, service: Service, workloads: Mapping[str, Workload]) -> Json:
    """Build a standalone Service: it selects what it says, else the workload of its own name."""
    spec: Json = {"type": service.type}
    if service.selector is not None:
        spec["selector"] = _read_selector(scope, service.selector, workloads)
    elif service.type != "ExternalName":
        spec["selector"] = find_selector(name, workloads.get(name), scope.release)
    if service.ports:
        spec["ports"] = [_build_port(port) for port in service.ports]
    spec.update(service.kubernetes)
    metadata = build_metadata(scope, name, build_labels(scope, name, service.labels), service.annotations)
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}


def build_auto_service(scope: Scope, name: str, workload: Workload) -> Json | None:
    """Build the Service of a deployment that asks for one: all its container ports; None where it has none."""
    offers = list_ports(workload)
    if not workload.auto_create_service or not offers:
        return None
    settings = workload.service_config
    ports = [_build_auto_port(offer, offer.port) for offer in offers if offer.port is not None]
    selector = find_selector(name, workload, scope.release)
    spec: Json = {"type": workload.service_type, "selector": selector, "ports": ports}
    spec.update(settings.kubernetes)
    metadata = build_metadata(scope, name, build_labels(scope, name, settings.labels), settings.annotations)
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}


def build_headless_service(scope: Scope, name: str, stateful_set: StatefulSet) -> Json | None:
    """Build the Service that gives the pods of a StatefulSet their names; None where the values name one.

    It has those that are not ready, too: they have to find each other to become it.
    """
    if stateful_set.service_name is not None:
        return None
    ports = [_build_auto_port(offer, offer.port) for offer in list_ports(stateful_set) if offer.port is not None]
    spec: Json = {
        "clusterIP": "None",
        "publishNotReadyAddresses": True,
        "selector": find_selector(name, stateful_set, scope.release),
    }
    if ports:
        spec["ports"] = ports
    service = headless_name(name)
    metadata = build_metadata(scope, service, build_labels(scope, service))
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}


def _read_selector(scope: Scope, selector: dict[str, str], workloads: Mapping[str, Workload]) -> dict[str, str]:
    """Read `deployment: blue`, as the chart's documentation switches versions, as the pods of that deployment.

    Where pods have a label of that name, it means the label.
    """
    target = selector.get(_DEPLOYMENT, "")
    layers = (scope.generic.labels, *(workload.labels for workload in workloads.values()))
    if len(selector) != 1 or target not in workloads or any(_DEPLOYMENT in labels for labels in layers):
        return selector
    return find_selector(target, workloads[target], scope.release)


def _build_port(port: ServicePort) -> Json:
    body: Json = {} if port.name is None else {"name": port.name}
    body |= {"port": port.port, "targetPort": _build_target(port), "protocol": port.protocol}
    if port.node_port is not None:
        body["nodePort"] = port.node_port
    return body | port.kubernetes


def _build_target(port: ServicePort) -> int | str:
    target = port.target_port
    if target is None:
        return port.port
    return int(target) if target.isdecimal() else target


def _build_auto_port(offer: Offer, port: Port) -> Json:
    body = {"name": offer.name, "port": offer.number, "targetPort": port.container_port, "protocol": port.protocol}
    if port.app_protocol is not None:
        body["appProtocol"] = port.app_protocol
    return body
