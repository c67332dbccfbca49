"""Certificates: whom they are for, and who issues them."""

from ks_universal.model.application import Application
from ks_universal.model.authenticators import Authenticator
from ks_universal.model.certificates import Certificate
from ks_universal.model.checks.hosts import check_names
from ks_universal.model.checks.report import Report
from ks_universal.model.served import list_certified
from ks_universal.values.nodes import Path


def check_certificates(application: Application, report: Report) -> None:
    """Check the certificates of deployments and authenticators."""
    for name, deployment in application.deployments.items():
        path: Path = ("deployments", name)
        if deployment.auto_create_certificate:
            _check_settings((*path, "certificate"), deployment.certificate, report)
            says = (*list_certified(name, deployment, application.generic), *deployment.certificate.kubernetes)
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
