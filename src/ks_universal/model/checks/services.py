"""Services, auto-created and standalone: ports, pods that are found, and settings whose flag is off."""

from typing import Any

from ks_universal.model.checks.containers import check_port_number, check_protocol
from ks_universal.model.checks.namespaces import check_lead
from ks_universal.model.checks.report import Report
from ks_universal.model.format.application import Application
from ks_universal.model.format.sections import Service
from ks_universal.model.format.workloads import Workload
from ks_universal.model.kubernetes.names import is_port_name
from ks_universal.values.nodes import Mapping, Path, find
from ks_universal.values.scalars import is_null

_TYPES = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
_ON_NODES = ("LoadBalancer", "NodePort")
_BALANCED = ("LoadBalancer",)
_ONLY_FOR = {
    "allocateLoadBalancerNodePorts": _BALANCED,
    "externalTrafficPolicy": _ON_NODES,
    "loadBalancerClass": _BALANCED,
    "loadBalancerSourceRanges": _BALANCED,
}
"""Which fields the API refuses for other types."""


def check_services(application: Application, report: Report) -> None:
    """Check all Services."""
    for name, workload in application.workloads.items():
        if workload.auto_create_service:
            _check_auto(application.find_path(name), workload, report)
            if name in application.services and any(c.ports for c in workload.containers.values()):
                clause = f"is also made by autoCreateService of the {workload.noun} '{name}'"
                report.error("names/duplicate", ("services", name), clause, "keep one of the two", key=True)
    for name, service in application.services.items():
        _check_service(("services", name), service, report)
        _check_target(("services", name), service, application, report)


def _check_auto(path: Path, workload: Workload, report: Report) -> None:
    if workload.service_type not in _TYPES:
        hint = report.suggest(workload.service_type, _TYPES)
        report.error("values/unknown-value", (*path, "serviceType"), f"must be one of {', '.join(_TYPES)}", hint)
    _check_fields((*path, "serviceConfig"), workload.service_type, workload.service_config.kubernetes, report)
    names: dict[str, str] = {}
    numbers: dict[tuple[int, str], str] = {}
    for container_name, container in workload.containers.items():
        for port_name, port in container.ports.items():
            below = (*path, "containers", container_name, "ports", port_name)
            if names.setdefault(port_name, container_name) != container_name:
                _report_same_name(below, f"{container_name}-{port_name}", names[port_name], report)
            number = port.service_port or port.container_port
            label = f"{container_name}.{port_name}"
            other = numbers.setdefault((number, port.protocol), label)
            if other != label:
                clause = f"has the number {number} in the Service, as '{other}' does"
                report.error("services/duplicate-port", below, clause, "give one of them a 'servicePort'")
    if not names and workload.containers:
        clause = "makes no Service: no container has a port"
        report.warn("services/no-ports", (*path, "autoCreateService"), clause, "add 'ports' to a container")


def _report_same_name(path: Path, name: str, other: str, report: Report) -> None:
    """Say what the Service calls the second of two ports of one name (see `ports.list_ports`), if it can."""
    clause, hint = f"is also a port of the container '{other}'", "rename one of them"
    if is_port_name(name):
        report.warn("names/duplicate", path, f"{clause}: the Service calls this one '{name}'", hint, key=True)
    else:
        report.error("names/duplicate", path, f"{clause}, and a Service needs different names", hint, key=True)


def _check_service(path: Path, service: Service, report: Report) -> None:
    if service.type not in _TYPES:
        hint = report.suggest(service.type, _TYPES)
        report.error("values/unknown-value", (*path, "type"), f"must be one of {', '.join(_TYPES)}", hint)
    if service.type == "ExternalName" and not service.kubernetes.get("externalName"):
        report.missing(path, "externalName")
    if not service.ports and service.type != "ExternalName" and service.kubernetes.get("clusterIP") != "None":
        report.missing(path, "ports")
    _check_fields(path, service.type, service.kubernetes, report)
    _check_ports((*path, "ports"), service, report)


def _check_fields(path: Path, kind: str, fields: dict[str, Any], report: Report) -> None:
    """Find what a Service of a type cannot say."""
    for key, kinds in _ONLY_FOR.items():
        if key in fields and kind in _TYPES and kind not in kinds:
            clause = f"is only for Services of the type {' or '.join(kinds)}"
            report.error("values/contradiction", (*path, key), clause, "leave it out, or say another type", key=True)
    if kind in _ON_NODES and fields.get("clusterIP") == "None":
        clause = f"is no address for a Service of the type {kind}"
        report.error("values/contradiction", (*path, "clusterIP"), clause, "a headless Service has the type ClusterIP")


def _check_ports(path: Path, service: Service, report: Report) -> None:
    names: set[str] = set()
    numbers: set[tuple[int, str]] = set()
    for index, port in enumerate(service.ports):
        below = (*path, index)
        check_port_number(report, (*below, "port"), port.port)
        check_port_number(report, (*below, "nodePort"), port.node_port)
        if port.node_port and service.type in _TYPES and service.type not in _ON_NODES:
            clause = "is only for Services of the type NodePort or LoadBalancer"
            report.error("values/contradiction", (*below, "nodePort"), clause, "write 'type: NodePort'", key=True)
        check_protocol(report, (*below, "protocol"), port.protocol)
        _check_target_port((*below, "targetPort"), port.target_port, report)
        if port.name is None and len(service.ports) > 1:
            report.error("values/missing-key", below, "needs the key 'name', as there are several ports")
        if port.name is not None and port.name in names:
            report.error("names/duplicate", (*below, "name"), f"is the second port '{port.name}'")
        if (port.port, port.protocol) in numbers:
            report.error("services/duplicate-port", (*below, "port"), "is a port of this Service already")
        names |= {port.name} if port.name is not None else set()
        numbers.add((port.port, port.protocol))


def _check_target_port(path: Path, target: str | None, report: Report) -> None:
    """Check a number or a name; which names there are is asked where the pods are known."""
    if target is None:
        return
    if target.isdecimal():
        check_port_number(report, path, int(target[:6]))
    elif not is_port_name(target):
        hint = "it takes a number, or lower-case letters, digits and '-', at most 15, with at least one letter"
        report.error("names/invalid", path, "is no name that Kubernetes takes for a port", hint)


def _check_target(path: Path, service: Service, application: Application, report: Report) -> None:
    """Check what a Service without `selector` finds: the workload of its own name (D15)."""
    name = str(path[-1])
    workload = application.workloads.get(name)
    if service.selector is not None or service.type == "ExternalName" or report.is_broken((*path, "selector")):
        return
    if workload is None:
        if name not in report.workload_names:
            clause = "finds no pods: no workload has its name, and it has no 'selector'"
            report.warn("services/no-pods", path, clause, "add 'selector'", key=True)
        return
    check_lead(application, report, path, application.find_path(name))
    known = [port for container in workload.containers.values() for port in container.ports]
    for index, port in enumerate(service.ports):
        if port.target_port is not None and not port.target_port.isdigit() and port.target_port not in known:
            clause = f"names the port '{port.target_port}', which no container of '{name}' has"
            hint = report.suggest(port.target_port, known)
            report.warn("references/unknown-port", (*path, "ports", index, "targetPort"), clause, hint)


_SWITCHES = (
    ("ingress", "autoCreateIngress", "auto_create_ingress"),
    ("httpRoute", "autoCreateHttpRoute", "auto_create_http_route"),
    ("certificate", "autoCreateCertificate", "auto_create_certificate"),
    ("pdbConfig", "autoCreatePdb", "auto_create_pdb"),
    ("serviceConfig", "autoCreateService", "auto_create_service"),
)


def check_switches(application: Application, report: Report) -> None:
    """Find settings of a deployment whose flag is neither on nor written as off."""
    for name, workload in application.workloads.items():
        written = find(report.tree, application.find_path(name))
        if not isinstance(written, Mapping):
            continue
        for key, flag, field in _SWITCHES:
            node = written.entries.get(key)
            if node is not None and not is_null(node) and flag not in written.entries and not getattr(workload, field):
                path: Path = (*application.find_path(name), key)
                report.warn("values/not-enabled", path, "is not used", f"add '{flag}: true'", key=True)
