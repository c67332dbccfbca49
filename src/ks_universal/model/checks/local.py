"""`local`: what its entries name must be in the values, and paths and ports be such."""

from collections.abc import Iterator

from ks_universal.model.checks.containers import check_port_number
from ks_universal.model.checks.report import Report
from ks_universal.model.checks.walk import each_container, each_settings
from ks_universal.model.conversion.findings import name_place
from ks_universal.model.format.application import Application
from ks_universal.model.format.images import find_entry, image_reference, split_image
from ks_universal.values.nodes import Path


def check_local(application: Application, report: Report) -> None:
    """Check what `local` says of images, mounts and ports."""
    images = dict.fromkeys(_list_images(application))
    known = dict.fromkeys(split_image(image)[0] for image in images)
    for section, entries in (("build", application.local.build), ("mounts", application.local.mounts)):
        for name in entries:
            if not any(find_entry({name: True}, image) for image in images):
                hint = report.suggest(name, known)
                clause = "is the image of no container"
                report.warn("references/unknown-image", ("local", section, name), clause, hint, key=True)
    for name, mounts in application.local.mounts.items():
        for index, mount in enumerate(mounts):
            if not mount.target.startswith("/"):
                path = ("local", "mounts", name, index, "target")
                report.error("values/unknown-value", path, "must be a path that begins with '/'")
    _check_ports(application, report)


def _list_images(application: Application) -> Iterator[str]:
    for place in each_container(application):
        yield image_reference(place.container.image, place.container.image_tag)
    for settings in (each.settings for each in each_settings(application)):
        if settings.image is not None:
            yield image_reference(settings.image, settings.image_tag)


def _check_ports(application: Application, report: Report) -> None:
    taken: dict[int, Path] = {}
    for name, ports in application.local.ports.items():
        path = ("local", "ports", name)
        if name not in application.workloads and name not in application.services:
            names = [*report.workload_names, *report.names_below("services")]
            if name not in names:
                hint = report.suggest(name, names)
                report.error("references/unknown-service", path, "is no Service and no workload", hint, key=True)
            continue
        known = dict.fromkeys(_list_ports(application, name))
        for key, port in ports.items():
            if key not in known:
                hint = report.suggest(key, known)
                report.error("references/unknown-port", (*path, key), f"is no port of '{name}'", hint, key=True)
            check_port_number(report, (*path, key), port)
            other = taken.setdefault(port, (*path, key))
            if other != (*path, key):
                clause = f"is the port {port}, as {name_place(other)} is"
                report.error("values/contradiction", (*path, key), clause, "give one of them another")


def _list_ports(application: Application, name: str) -> Iterator[str]:
    """List the numbers and names of the ports that a Service or workload has."""
    if workload := application.workloads.get(name):
        for container in workload.containers.values():
            for port_name, port in container.ports.items():
                yield from (port_name, str(port.container_port), str(port.service_port or port.container_port))
    if service := application.services.get(name):
        for each in service.ports:
            yield from (str(each.port), *([each.name] if each.name else []))
