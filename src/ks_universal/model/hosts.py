"""Host names of ingresses, routes and certificates (section 14 of the reference)."""

from ks_universal.model.names import is_dns_subdomain
from ks_universal.model.types import Format


class Host(Format, frozen=True, kw_only=True):
    """A host: `host` as it is, or `subdomain` below the general domain; with neither, that domain itself."""

    host: str | None = None
    subdomain: str | None = None


def find_host(host: str | None, subdomain: str | None, domain: str | None) -> str | None:
    """Find the name that an entry stands for; None where it needs a general domain and there is none.

    Example: `find_host(None, "api", "example.com")` is `"api.example.com"`.
    """
    if host:
        return host
    base = (domain or "").strip()
    if not base:
        return None
    return f"{subdomain}.{base}" if subdomain else base


def is_host(name: str) -> bool:
    """Tell whether Kubernetes takes a host: a DNS name in lower case, or a wildcard for its first label."""
    return is_dns_subdomain(name.removeprefix("*.")) and not _is_address(name)


def _is_address(name: str) -> bool:
    return all(part.isdigit() for part in name.split("."))
