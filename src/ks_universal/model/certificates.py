"""Certificates of cert-manager: section 17 of the reference, and the other fields of the kind under their names."""

from typing import Annotated

from ks_universal.model.types import Format, Inline, Json, Labels

DEFAULT_ISSUER = "letsencrypt"


class Certificate(Format, frozen=True, kw_only=True):
    """`certificate` of a deployment or authenticator; without `domains` the certificate is for the hosts served."""

    cluster_issuer: str | None = None
    issuer: str | None = None
    domains: tuple[str, ...] = ()
    secret_name: str | None = None
    labels: Labels = {}
    annotations: Labels = {}
    kubernetes: Annotated[Json, Inline("CertificateSpec")] = {}


def secret_name(name: str, certificate: Certificate) -> str:
    """Give the name of the Secret that holds the certificate of an object."""
    return certificate.secret_name or f"{name}-tls"
