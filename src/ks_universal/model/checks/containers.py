"""Containers: their names in one pod, ports and probes."""

from collections.abc import Iterator
from typing import Any

from ks_universal.model.application import Application
from ks_universal.model.checks.places import (
    ContainerPlace,
    each_container,
    each_init_container,
    each_main_container,
    each_workload,
)
from ks_universal.model.checks.report import Report
from ks_universal.model.names import is_dns_label
from ks_universal.values.nodes import Path, Scalar, find

PROTOCOLS = ("TCP", "UDP", "SCTP")
_HANDLERS = ("exec", "grpc", "httpGet", "tcpSocket")
_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")


def check_containers(application: Application, report: Report) -> None:
    """Check all containers by themselves."""
    for path, workload in each_workload(application):
        if not workload.containers:
            report.error("values/empty", (*path, "containers"), "has no container")
    for name, deployment in application.deployments.items():
        path = ("deployments", name)
        if deployment.replicas is not None and deployment.replicas < 0:
            report.error("values/out-of-range", (*path, "replicas"), "must not be negative")
        if deployment.pod_spec.get("restartPolicy", "Always") != "Always":
            report.error("values/unknown-value", (*path, "restartPolicy"), "must be Always for a Deployment")
    _check_general_probes(application, report)
    for place in each_main_container(application):
        _check_own_name(place, report)
    _check_init_names(application, report)
    for place in each_container(application):
        _check_ports(place, report)
        for probe_path, probe in _each_probe(place, report):
            _check_probe(place, probe_path, probe, report)


def _check_general_probes(application: Application, report: Report) -> None:
    """Find a port in `deploymentsGeneral.probes` that no container has: nobody inherits that probe."""
    ports = {port for place in each_main_container(application) for port in place.container.ports}
    for key in _PROBES:
        for handler in _HANDLERS:
            path: Path = ("deploymentsGeneral", "probes", key, handler, "port")
            node = find(report.tree, path)
            if isinstance(node, Scalar) and not node.text.isdigit() and node.text not in ports:
                clause = f"names the port '{node.text}', which no container has"
                report.warn("references/unknown-port", path, clause, report.suggest(node.text, ports))


def check_port_number(report: Report, path: Path, number: int | None) -> None:
    """Check that a number can be a port."""
    if number is not None and not 1 <= number <= 65535:
        report.error("values/out-of-range", path, "must be a port between 1 and 65535")


def check_protocol(report: Report, path: Path, protocol: str) -> None:
    """Check the protocol of a port."""
    if protocol not in PROTOCOLS:
        report.error("values/unknown-value", path, f"must be one of {', '.join(PROTOCOLS)}")


def _check_own_name(place: ContainerPlace, report: Report) -> None:
    own = place.container.name
    if own is not None and own != place.name:
        clause = "is another name than the container's key"
        report.error("names/contradiction", (*place.path, "name"), clause, "leave it out: the key is the name")


def _check_init_names(application: Application, report: Report) -> None:
    seen: set[Path] = set()
    for place in each_init_container(application):
        if place.name is None:
            report.error("values/missing-key", place.path, "needs the key 'name'")
            continue
        path = (*place.path, "name")
        if not is_dns_label(place.name):
            hint = "it takes lower-case letters, digits and '-', at most 63"
            report.error("names/invalid", path, "is no name that Kubernetes takes for a container", hint)
        identity = (*place.path[:-1], place.name)
        if identity in seen or place.name in place.workload.containers:
            report.error("names/duplicate", path, "is the name of another container of the same pod")
        seen.add(identity)


def _check_ports(place: ContainerPlace, report: Report) -> None:
    for name, port in place.container.ports.items():
        path = (*place.path, "ports", name)
        check_port_number(report, (*path, "containerPort"), port.container_port)
        check_port_number(report, (*path, "servicePort"), port.service_port)
        check_port_number(report, (*path, "hostPort"), port.kubernetes.get("hostPort"))
        check_protocol(report, (*path, "protocol"), port.protocol)


def _each_probe(place: ContainerPlace, report: Report) -> Iterator[tuple[Path, dict[str, Any]]]:
    container = place.container
    probes = container.probes
    grouped = (probes.liveness_probe, probes.readiness_probe, probes.startup_probe)
    for key, probe in zip(_PROBES, grouped, strict=True):
        if probe:
            yield (*place.path, "probes", key), probe
        direct = container.kubernetes.get(key)
        if direct:
            yield (*place.path, key), direct
        if probe and direct:
            report.error("values/contradiction", (*place.path, key), "is written below 'probes', too", key=True)


def _check_probe(place: ContainerPlace, path: Path, probe: dict[str, Any], report: Report) -> None:
    handlers = [key for key in _HANDLERS if key in probe]
    if len(handlers) != 1:
        clause = "does nothing" if not handlers else "does several things"
        report.error("probes/handler", path, clause, f"write exactly one of {', '.join(_HANDLERS)}")
    if path[-1] != "readinessProbe" and probe.get("successThreshold", 1) > 1:
        report.error("values/out-of-range", (*path, "successThreshold"), "must be 1: only readiness counts more")
    for handler in handlers:
        port = probe[handler].get("port")
        if isinstance(port, int):
            check_port_number(report, (*path, handler, "port"), port)
        elif port is not None and port not in place.container.ports:
            clause = f"names the port '{port}', which the container does not have"
            hint = report.suggest(port, place.container.ports)
            report.error("references/unknown-port", (*path, handler, "port"), clause, hint)
