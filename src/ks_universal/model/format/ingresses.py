"""Ingresses and host names: sections 14 and 15 of the reference, and every other field of an IngressSpec."""

from typing import Annotated

from ks_universal.json_types import Json
from ks_universal.model.format.types import Format, Inline, Kubernetes, Labels
from ks_universal.model.kubernetes.names import is_dns_subdomain


class Host(Format, frozen=True, kw_only=True):
    """A host: `host` as it is, or `subdomain` below the general domain; with neither, that domain itself."""

    host: str | None = None
    subdomain: str | None = None


def resolve_host(host: str | None, subdomain: str | None, domain: str | None) -> str | None:
    """Find the name that an entry stands for; None where it needs a general domain and there is none.

    Example: `resolve_host(None, "api", "example.com")` is `"api.example.com"`.
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


class IngressPath(Format, frozen=True, kw_only=True):
    """A path and the port that it leads to: a number or a name, else the default port of the Service."""

    path: str = "/"
    path_type: str = "Prefix"
    port: int | None = None
    port_name: str | None = None
    service: str | None = None
    kubernetes: Annotated[Json, Inline("HTTPIngressPath")] = {}


class IngressHost(Host, frozen=True, kw_only=True):
    """A host and its paths; without paths all of it leads to the default port. An empty `host` is all hosts."""

    paths: tuple[IngressPath, ...] = ()

    @property
    def is_any(self) -> bool:
        """Tell whether it is all hosts."""
        return self.host == "" and not self.subdomain


class Protection(Format, frozen=True, kw_only=True):
    """`dexAuthenticator` of an ingress: which authenticator asks who is there (default: the general one)."""

    enabled: bool = False
    name: str | None = None
    namespace: str | None = None


class Ingress(Format, frozen=True, kw_only=True):
    """`ingresses.NAME`, or `deployments.NAME.ingress` for the auto-created one."""

    hosts: tuple[IngressHost, ...] = ()
    ingress_class_name: str | None = None
    tls: tuple[Annotated[Json, Kubernetes("IngressTLS")], ...] | None = None
    dex_authenticator: Protection = Protection()
    namespace: str | None = None
    labels: Labels = {}
    annotations: Labels = {}
    kubernetes: Annotated[Json, Inline("IngressSpec")] = {}


class IngressesGeneral(Format, frozen=True, kw_only=True):
    """`generic.ingressesGeneral`; the domain also serves routes."""

    domain: str | None = None
    ingress_class_name: str | None = None
    tls: tuple[Annotated[Json, Kubernetes("IngressTLS")], ...] | None = None
    annotations: Labels = {}
