"""Ingresses: section 15 of the reference, and every other field of an IngressSpec under its own name."""

from typing import Annotated

from ks_universal.model.hosts import Host
from ks_universal.model.types import Format, Inline, Json, Kubernetes, Labels


class IngressPath(Format, frozen=True, kw_only=True):
    """A path and the port that it leads to: a number or a name, else the default port of the Service."""

    path: str = "/"
    path_type: str = "Prefix"
    port: int | None = None
    port_name: str | None = None
    service: str | None = None
    kubernetes: Annotated[Json, Inline("HTTPIngressPath")] = {}


class IngressHost(Host, frozen=True, kw_only=True):
    """A host and its paths; without paths all of it leads to the default port."""

    paths: tuple[IngressPath, ...] = ()


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
