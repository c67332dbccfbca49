"""Under which host names an application is served (sections 14 to 17 of the reference)."""

from collections.abc import Iterable

import msgspec

from ks_universal.model.format.ingresses import Host, Ingress, IngressHost, IngressPath, resolve_host
from ks_universal.model.format.routes import Route
from ks_universal.model.format.sections import Generic
from ks_universal.model.format.workloads import Workload

_ALL = (IngressPath(),)


class HostRule(msgspec.Struct, frozen=True):
    """A host of an ingress, None for all hosts, and its paths."""

    host: str | None
    paths: tuple[IngressPath, ...]


def list_host_rules(name: str, ingress: Ingress, generic: Generic, *, auto: bool) -> tuple[HostRule, ...]:
    """List what an ingress serves; an auto-created one without hosts serves the subdomain of its own name, or all."""
    domain = generic.ingresses_general.domain
    if not ingress.hosts:
        own = HostRule(resolve_host(None, name, domain), _ALL)
        return (own,) if auto and "rules" not in ingress.kubernetes else ()
    return tuple(HostRule(resolve_ingress_host(host, domain), host.paths or _ALL) for host in ingress.hosts)


def resolve_ingress_host(host: IngressHost, domain: str | None) -> str | None:
    """Find the name of a host; None for all hosts, and where it needs a general domain and there is none."""
    return None if host.is_any else resolve_host(host.host, host.subdomain, domain)


def list_hostnames(name: str, hostnames: Iterable[Host], generic: Generic, *, auto: bool) -> tuple[str, ...]:
    """List the host names of a route; an auto-created one without any has the subdomain of its own name."""
    entries = tuple(hostnames) or ((Host(subdomain=name),) if auto else ())
    domain = generic.ingresses_general.domain
    return _known(resolve_host(entry.host, entry.subdomain, domain) for entry in entries)


def list_certified(name: str, workload: Workload, generic: Generic) -> tuple[str, ...]:
    """List the hosts of a deployment's certificate: its `domains`, else those of its ingress, else of its route."""
    if workload.certificate.domains:
        return workload.certificate.domains
    ingress, route = workload.ingress or Ingress(), workload.http_route or Route()
    if workload.auto_create_http_route and not workload.auto_create_ingress and not ingress.hosts:
        return list_hostnames(name, route.hostnames, generic, auto=True)
    return tuple(dict.fromkeys(_known(served.host for served in list_host_rules(name, ingress, generic, auto=True))))


def _known(hosts: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(host for host in hosts if host is not None)
