"""Host names: each entry must stand for one that Kubernetes takes (section 14 of the reference)."""

from ks_universal.model.application import Application
from ks_universal.model.checks.report import Report
from ks_universal.model.hosts import Host, find_host, is_host
from ks_universal.values.nodes import Path

_RULE = "a DNS name in lower case such as app.example.com, or *.example.com"
_DOMAIN: Path = ("generic", "ingressesGeneral", "domain")


def check_domain(application: Application, report: Report) -> None:
    """Check the general domain."""
    domain = application.generic.ingresses_general.domain
    if domain is not None and (domain.strip().startswith("*") or not is_host(domain.strip())):
        report.error("names/invalid", _DOMAIN, "is no domain", "it takes a DNS name in lower case such as example.com")


def check_host(path: Path, host: Host, application: Application, report: Report) -> None:
    """Check that an entry can be computed and is a host."""
    domain = application.generic.ingresses_general.domain
    name = find_host(host.host, host.subdomain, domain)
    if name is None:
        what = f"the subdomain '{host.subdomain}' is below no domain" if host.subdomain else "it has no host"
        clause = f"cannot be computed: {what}"
        report.error("hosts/no-domain", path, clause, "write 'host', or set generic.ingressesGeneral.domain")
    elif host.host and not is_host(name):
        report.error("names/invalid", (*path, "host"), "is no host", f"it takes {_RULE}")
    elif host.subdomain and not host.host and not is_host(f"{host.subdomain}.x"):
        report.error("names/invalid", (*path, "subdomain"), "is no part of a host", f"it takes {_RULE}")
    if host.host and host.subdomain:
        clause = "is written beside 'host', which wins"
        report.warn("values/contradiction", (*path, "subdomain"), clause, "keep one of them")


def check_names(path: Path, names: tuple[str, ...], report: Report) -> None:
    """Check host names that are written as they are."""
    for index, name in enumerate(names):
        if not is_host(name):
            report.error("names/invalid", (*path, index), "is no host", f"it takes {_RULE}")
