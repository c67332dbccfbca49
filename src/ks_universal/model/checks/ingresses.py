"""Ingresses, their host names and certificates: hosts, paths, issuers, and the ports that they lead to."""

from collections.abc import Iterator

import msgspec

from ks_universal.json_types import Json
from ks_universal.model.checks.ports import Target, check_target
from ks_universal.model.checks.report import Report
from ks_universal.model.format.application import Application
from ks_universal.model.format.authenticators import Authenticator
from ks_universal.model.format.host_rules import list_certified, resolve_ingress_host
from ks_universal.model.format.ingresses import Host, Ingress, IngressHost, IngressPath, is_host, resolve_host
from ks_universal.model.format.workloads import Certificate
from ks_universal.values.nodes import Path

_RULE = "a DNS name in lower case such as app.example.com, or *.example.com"
_DOMAIN: Path = ("generic", "ingressesGeneral", "domain")


def check_domain(application: Application, report: Report) -> None:
    """Check the general domain."""
    domain = application.generic.ingresses_general.domain
    if domain is not None and (domain.strip().startswith("*") or not is_host(domain.strip())):
        report.error(
            "names/invalid", _DOMAIN, "is not a domain", "it takes a DNS name in lower case such as example.com"
        )


def check_host(path: Path, host: Host, application: Application, report: Report) -> None:
    """Check that an entry can be computed and is a host."""
    domain = application.generic.ingresses_general.domain
    if isinstance(host, IngressHost) and host.is_any:
        _check_any(path, domain, report)
        return
    name = resolve_host(host.host, host.subdomain, domain)
    if name is None:
        what = f"the subdomain '{host.subdomain}' is below no domain" if host.subdomain else "it has no host"
        clause = f"cannot be computed: {what}"
        anybody = ', with "" for all hosts' if isinstance(host, IngressHost) else ""
        report.error("hosts/no-domain", path, clause, f"write 'host'{anybody}, or set generic.ingressesGeneral.domain")
    elif host.host and not is_host(name):
        report.error("names/invalid", (*path, "host"), "is no host", f"it takes {_RULE}")
    elif host.subdomain and not host.host and not is_host(f"{host.subdomain}.x"):
        report.error("names/invalid", (*path, "subdomain"), "is no part of a host", f"it takes {_RULE}")
    if host.host and host.subdomain:
        clause = "is written beside 'host', which wins"
        report.warn("values/contradiction", (*path, "subdomain"), clause, "keep one of them")


def _check_any(path: Path, domain: str | None, report: Report) -> None:
    """Check an Ingress's host that is all hosts: the chart takes it as the general domain."""
    if domain:
        clause = "is empty, and stands for all hosts"
        report.warn("hosts/all", (*path, "host"), clause, "leave it out for the general domain")


def check_names(path: Path, names: tuple[str, ...], report: Report) -> None:
    """Check host names that are written as they are."""
    for index, name in enumerate(names):
        if not is_host(name):
            report.error("names/invalid", (*path, index), "is no host", f"it takes {_RULE}")


_KEYS = ("name", "port", "port")
"""Where a backend names its Service, and the number or name of its port."""
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
        _check_backends(place, application, report)
    _check_doubles(application, report)


def _each(application: Application) -> Iterator[_Place]:
    for name, ingress in application.ingresses.items():
        yield _Place(("ingresses", name), name, ingress, auto=False)
    for name, workload in application.workloads.items():
        if workload.auto_create_ingress:
            path: Path = (*application.find_path(name), "ingress")
            yield _Place(path, name, workload.ingress or Ingress(), auto=True)


def _check_empty(place: _Place, application: Application, report: Report) -> None:
    if not place.auto:
        report.missing(place.path, "hosts")
        return
    flag = (*place.path[:-1], "autoCreateIngress")
    check_target(Target(flag, place.name), application, report)
    hosts_known = not report.is_broken((*place.path, "hosts"))
    if hosts_known and resolve_host(None, place.name, application.generic.ingresses_general.domain) is None:
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


def _check_backends(place: _Place, application: Application, report: Report) -> None:
    """Check where the fields lead that are written as Kubernetes has them."""
    fields = place.ingress.kubernetes
    places: list[tuple[Path, Json]] = [((*place.path, "defaultBackend"), fields.get("defaultBackend", {}))]
    for index, rule in enumerate(fields.get("rules", ())):
        for number, entry in enumerate(rule.get("http", {}).get("paths", ())):
            path = (*place.path, "rules", index, "http", "paths", number, "backend")
            places.append((path, entry.get("backend", {})))
    for index, host in enumerate(place.ingress.hosts):
        for number, below in enumerate(host.paths):
            path = (*place.path, "hosts", index, "paths", number, "backend")
            places.append((path, below.kubernetes.get("backend", {})))
    for path, backend in places:
        service = backend.get("service", {})
        if "name" in service:
            port = service.get("port", {})
            named = Target((*path, "service"), service["name"], port.get("number"), port.get("name"), *_KEYS)
            check_target(named, application, report)


def _check_twice(place: _Place, application: Application, report: Report) -> None:
    """Find a path that is written twice for one host: the first would get all requests."""
    seen: set[tuple[str | None, str, str]] = set()
    domain = application.generic.ingresses_general.domain
    for index, host in enumerate(place.ingress.hosts):
        for number, entry in enumerate(host.paths):
            key = (resolve_ingress_host(host, domain), entry.path, entry.path_type)
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
            workload = application.workloads.get(name)
            if workload is not None and getattr(workload, flag):
                clause = f"is also made by the {workload.noun} '{name}'"
                report.error("names/duplicate", (section, name), clause, "keep one of the two", key=True)


def check_certificates(application: Application, report: Report) -> None:
    """Check the certificates of deployments and authenticators."""
    for name, workload in application.workloads.items():
        path = application.find_path(name)
        if workload.auto_create_certificate:
            _check_settings((*path, "certificate"), workload.certificate, report)
            says = (*list_certified(name, workload, application.generic), *workload.certificate.kubernetes)
            if not says and not any(report.is_broken((*path, key)) for key in ("certificate", "ingress", "httpRoute")):
                clause = "makes a certificate for no host: none is written, and there is no general domain"
                hint = "write 'certificate.domains' or 'ingress.hosts', or set generic.ingressesGeneral.domain"
                report.error("hosts/no-domain", (*path, "autoCreateCertificate"), clause, hint)
    general = application.generic.dex_authenticator_general
    _check_authenticator(("generic", "dexAuthenticatorGeneral"), general, report)
    _check_authenticator(("dexAuthenticator",), application.dex_authenticator, report)
    for name, authenticator in application.dex_authenticators.items():
        _check_authenticator(("dexAuthenticators", name), authenticator, report)


def _check_authenticator(path: Path, authenticator: Authenticator | None, report: Report) -> None:
    if authenticator is not None and authenticator.auto_create_certificate:
        _check_settings((*path, "certificate"), authenticator.certificate, report)


def _check_settings(path: Path, certificate: Certificate, report: Report) -> None:
    check_names((*path, "domains"), certificate.domains, report)
    if certificate.issuer and certificate.cluster_issuer:
        clause = "is written beside 'clusterIssuer', which wins"
        report.warn("values/contradiction", (*path, "issuer"), clause, "keep one of them")
