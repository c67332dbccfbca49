"""Services: standalone ones and those that `autoCreateService` makes (section 13 of the values reference)."""

from ks_universal.model.containers import Port
from ks_universal.model.sections import Service, ServicePort
from ks_universal.model.workloads import Deployment
from ks_universal.resources.metadata import Scope, build_labels, build_metadata, build_selector
from ks_universal.resources.objects import Json


def build_service(scope: Scope, name: str, service: Service) -> Json:
    """Build a standalone Service: it selects what it says, else the workload of its own name."""
    spec: Json = {"type": service.type}
    if service.selector is not None:
        spec["selector"] = service.selector
    elif service.type != "ExternalName":
        spec["selector"] = build_selector(name, scope.release)
    if service.ports:
        spec["ports"] = [_build_port(port) for port in service.ports]
    spec.update(service.kubernetes)
    metadata = build_metadata(scope, name, build_labels(scope, name, service.labels), service.annotations)
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}


def build_auto_service(scope: Scope, name: str, deployment: Deployment) -> Json | None:
    """Build the Service of a deployment that asks for one: all its container ports; None where it has none."""
    ports = _collect_ports(deployment)
    if not deployment.auto_create_service or not ports:
        return None
    spec: Json = {"type": deployment.service_type, "selector": build_selector(name, scope.release), "ports": ports}
    metadata = build_metadata(scope, name, build_labels(scope, name))
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}


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


def _collect_ports(deployment: Deployment) -> list[Json]:
    """Collect ports in the order written; a name that a container before has used is told apart by its container."""
    ports: dict[str, Json] = {}
    taken: set[tuple[int, str]] = set()
    for container_name, container in deployment.containers.items():
        for port_name, port in container.ports.items():
            name = port_name if port_name not in ports else f"{container_name}-{port_name}"
            body = _build_auto_port(name, port)
            if (body["port"], port.protocol) not in taken:
                taken.add((body["port"], port.protocol))
                ports[name] = body
    return list(ports.values())


def _build_auto_port(name: str, port: Port) -> Json:
    number = port.container_port if port.service_port is None else port.service_port
    return {"name": name, "port": number, "targetPort": port.container_port, "protocol": port.protocol}
