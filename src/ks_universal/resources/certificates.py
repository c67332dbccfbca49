"""Certificates of cert-manager (section 17 of the values reference)."""

from ks_universal.model.certificates import DEFAULT_ISSUER, Certificate, secret_name
from ks_universal.resources.metadata import Scope, build_labels, build_metadata
from ks_universal.resources.objects import Json


def build_certificate(scope: Scope, name: str, certificate: Certificate, hosts: tuple[str, ...]) -> Json:
    """Build the certificate of an object for the hosts; a cluster's issuer wins over one of the namespace."""
    spec: Json = {
        "secretName": secret_name(name, certificate),
        "dnsNames": list(hosts),
        "issuerRef": _find_issuer(certificate),
        **certificate.kubernetes,
    }
    metadata = build_metadata(scope, name, build_labels(scope, name, certificate.labels), certificate.annotations)
    return {"apiVersion": "cert-manager.io/v1", "kind": "Certificate", "metadata": metadata, "spec": spec}


def _find_issuer(certificate: Certificate) -> Json:
    if certificate.issuer and not certificate.cluster_issuer:
        return {"kind": "Issuer", "name": certificate.issuer}
    return {"kind": "ClusterIssuer", "name": certificate.cluster_issuer or DEFAULT_ISSUER}
