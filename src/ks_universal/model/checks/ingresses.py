"""Ingresses, standalone and auto-created: hosts, paths, and the ports that they lead to."""

from collections.abc import Iterator

import msgspec

from ks_universal.model.application import Application
from ks_universal.model.checks.hosts import check_domain, check_host
from ks_universal.model.checks.ports import Target, check_target
from ks_universal.model.checks.report import Report
from ks_universal.model.hosts import find_host
from ks_universal.model.ingresses import Ingress, IngressPath
from ks_universal.values.nodes import Path

_TYPES = ("Exact", "ImplementationSpecific", "Prefix")


class _Place(msgspec.Struct, frozen=True):
    path: Path
    name: str
    ingress: Ingress
    auto: bool


def check_ingresses(application: Application, report: Report) -> None:
    """Check all ingresses."""
    check_domain(application, report)
    for place in _each(application):
        if not place.ingress.hosts and not place.ingress.kubernetes:
            _check_empty(place, application, report)
        for index, host in enumerate(place.ingress.hosts):
            path = (*place.path, "hosts", index)
            check_host(path, host, application, report)
            for number, below in enumerate(host.paths):
                _check_path((*path, "paths", number), place.name, below, application, report)
            if not host.paths:
                check_target(Target(path, place.name), application, report)
        _check_twice(place, application, report)
    _check_doubles(application, report)


def _each(application: Application) -> Iterator[_Place]:
    for name, ingress in application.ingresses.items():
        yield _Place(("ingresses", name), name, ingress, auto=False)
    for name, deployment in application.deployments.items():
        if deployment.auto_create_ingress:
            path: Path = ("deployments", name, "ingress")
            yield _Place(path, name, deployment.ingress or Ingress(), auto=True)


def _check_empty(place: _Place, application: Application, report: Report) -> None:
    if not place.auto:
        report.missing(place.path, "hosts")
        return
    flag = (*place.path[:-1], "autoCreateIngress")
    check_target(Target(flag, place.name), application, report)
    hosts_known = not report.is_broken((*place.path, "hosts"))
    if hosts_known and find_host(None, place.name, application.generic.ingresses_general.domain) is None:
        hint = "write 'ingress.hosts', or set generic.ingressesGeneral.domain"
        report.warn("hosts/all", flag, "makes an Ingress for all hosts: no host is written, and no domain", hint)


def _check_path(path: Path, name: str, entry: IngressPath, application: Application, report: Report) -> None:
    if entry.path_type not in _TYPES:
        hint = report.suggest(entry.path_type, _TYPES)
        report.error("values/unknown-value", (*path, "pathType"), f"must be one of {', '.join(_TYPES)}", hint)
    if not entry.path.startswith("/") and entry.path_type != "ImplementationSpecific":
        report.error("values/unknown-value", (*path, "path"), "must begin with '/'")
    if "backend" not in entry.kubernetes:
        target = Target(path, entry.service or name, entry.port, entry.port_name)
        check_target(target, application, report)


def _check_twice(place: _Place, application: Application, report: Report) -> None:
    """Find a path that is written twice for one host: the first would get all requests."""
    seen: set[tuple[str | None, str, str]] = set()
    domain = application.generic.ingresses_general.domain
    for index, host in enumerate(place.ingress.hosts):
        for number, entry in enumerate(host.paths):
            key = (find_host(host.host, host.subdomain, domain), entry.path, entry.path_type)
            if key in seen:
                path = (*place.path, "hosts", index, "paths", number)
                report.warn("names/duplicate", path, "is written twice for its host", "keep one of them")
            seen.add(key)


def _check_doubles(application: Application, report: Report) -> None:
    for section, names, flag in (
        ("ingresses", application.ingresses, "auto_create_ingress"),
        ("httpRoutes", application.http_routes, "auto_create_http_route"),
    ):
        for name in names:
            if name in application.deployments and getattr(application.deployments[name], flag):
                clause = f"is also made by the deployment '{name}'"
                report.error("names/duplicate", (section, name), clause, "keep one of the two", key=True)
