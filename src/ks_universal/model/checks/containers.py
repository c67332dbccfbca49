"""Containers: names in one pod, ports, probes, images, and requests within limits."""

from collections.abc import Iterator
from typing import Any

from ks_universal.model.checks.report import Report
from ks_universal.model.checks.walk import (
    ContainerPlace,
    each_container,
    each_init_container,
    each_main_container,
    each_settings,
    each_workload,
)
from ks_universal.model.format.application import Application
from ks_universal.model.format.images import has_tag, is_image, is_tag
from ks_universal.model.format.workloads import ScaledWorkload
from ks_universal.model.kubernetes.names import is_dns_label, read_quantity
from ks_universal.values.nodes import Path, Scalar, find

PROTOCOLS = ("TCP", "UDP", "SCTP")
_HANDLERS = ("exec", "grpc", "httpGet", "tcpSocket")
_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")


def check_containers(application: Application, report: Report) -> None:
    """Check all containers by themselves."""
    for path, workload in each_workload(application):
        if not workload.containers:
            report.error("values/empty", (*path, "containers"), "has no container")
    for name, workload in application.workloads.items():
        path = application.find_path(name)
        if isinstance(workload, ScaledWorkload) and (workload.replicas or 0) < 0:
            report.error("values/out-of-range", (*path, "replicas"), "must not be negative")
        if workload.pod_spec.get("restartPolicy", "Always") != "Always":
            report.error("values/unknown-value", (*path, "restartPolicy"), f"must be Always for a {workload.kind}")
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


_ROUNDING = 1e-9
"""Amounts are compared as floats: `0.3` is `300m`."""


def check_resources(application: Application, report: Report) -> None:
    """Check the resources of all containers and migrations."""
    for place in each_container(application):
        _check(place.path, place.container.resources, report)
    for settings in each_settings(application):
        _check(settings.path, settings.settings.resources, report)


def _check(path: Path, resources: dict[str, Any] | None, report: Report) -> None:
    requests, limits = ((resources or {}).get(key, {}) for key in ("requests", "limits"))
    for name in requests.keys() & limits.keys():
        request, limit = requests[name], limits[name]
        if request != limit and read_quantity(request) > read_quantity(limit) * (1 + _ROUNDING):
            clause = "asks for more than the limit beside it"
            report.error("values/contradiction", (*path, "resources", "requests", name), clause, "raise the limit")


def check_images(application: Application, report: Report) -> None:
    """Check the images of all containers and migrations."""
    for place in each_container(application):
        container = place.container
        _check_image(report, place.path, container.image, container.image_tag)
        known = place.path[2] == "containers" and not report.is_broken((*place.path, "imageTag"))
        if known and not container.image_tag and not has_tag(container.image):
            clause = "names no tag or digest: Kubernetes will pull 'latest', whatever that is then"
            report.warn("images/no-tag", (*place.path, "image"), clause, "add imageTag")
    for settings in each_settings(application):
        _check_image(report, settings.path, settings.settings.image, settings.settings.image_tag)


def _check_image(report: Report, path: Path, image: str | None, tag: str | None) -> None:
    if image is not None and not is_image(image):
        hint = "such as my-app, registry.example.com/team/my-app or postgres:17"
        report.error("images/invalid", (*path, "image"), "is no image reference", hint)
    elif image is not None and tag and has_tag(image):
        clause = "is a second version: the image has a tag or digest itself"
        report.error("images/two-tags", (*path, "imageTag"), clause, "keep one of the two")
    if tag and not is_tag(tag):
        report.error(
            "images/invalid", (*path, "imageTag"), "is no image tag", "it takes letters, digits, '_', '-' and '.'"
        )
