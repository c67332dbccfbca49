"""DexAuthenticators, and the ingresses that ask them who is there."""

import re
from collections.abc import Iterator

from ks_universal.json_types import Json
from ks_universal.model.checks.report import Report
from ks_universal.model.format.application import Application
from ks_universal.model.format.authenticators import Authenticator, choose_authenticator
from ks_universal.model.format.ingresses import Ingress, is_host
from ks_universal.values.nodes import Path

_KEPT_FOR = r"(?=[0-9])([0-9]+h)?([0-9]+m)?([0-9]+s)?"
_GENERAL: Path = ("generic", "dexAuthenticatorGeneral")


def check_authenticators(application: Application, report: Report) -> None:
    """Check all authenticators that are on, and that each protected ingress has one."""
    for path, authenticator in _each(application):
        _check_authenticator(path, authenticator, report)
    if application.generic.dex_authenticator_general is not None and application.dex_authenticator is not None:
        clause = f"says again what {'.'.join(map(str, _GENERAL))} says"
        report.error("values/contradiction", ("dexAuthenticator",), clause, "keep one of the two", key=True)
    for path, ingress in _each_protected(application):
        _check_protection((*path, "dexAuthenticator"), ingress, application, report)


def _each(application: Application) -> Iterator[tuple[Path, Authenticator]]:
    singles = ((_GENERAL, application.generic.dex_authenticator_general),)
    for path, single in (*singles, (("dexAuthenticator",), application.dex_authenticator)):
        if single is not None and single.enabled:
            yield path, single
    for name, authenticator in application.dex_authenticators.items():
        if authenticator.enabled is not False:
            yield ("dexAuthenticators", name), authenticator


def _check_authenticator(path: Path, authenticator: Authenticator, report: Report) -> None:
    spec = authenticator.kubernetes
    if not spec.get("applicationDomain"):
        report.missing(path, "applicationDomain")
    _check_way(path, spec, "applicationIngressClassName", report)
    domains = [((*path, "applicationDomain"), spec.get("applicationDomain"))]
    for index, application in enumerate(spec.get("additionalApplications", ())):
        place = (*path, "additionalApplications", index)
        _check_way(place, application, "ingressClassName", report)
        domains.append(((*place, "domain"), application.get("domain")))
    for place, domain in domains:
        if domain and (domain.startswith("*") or not is_host(domain)):
            report.error("names/invalid", place, "is not a domain", "it takes a DNS name such as app.example.com")
    kept = spec.get("keepUsersLoggedInFor")
    if kept is not None and not re.fullmatch(_KEPT_FOR, kept):
        place = (*path, "keepUsersLoggedInFor")
        report.error("values/wrong-type", place, "must be hours, minutes and seconds", "such as 30m, 1h, 2h30m or 24h")


def _check_way(path: Path, spec: Json, class_key: str, report: Report) -> None:
    """An application is reached by an Ingress of a class, or by the Gateway API."""
    if not spec.get(class_key) and not spec.get("gatewayAPI"):
        report.missing(path, class_key, "or 'gatewayAPI', where it is reached by the Gateway API")


def _each_protected(application: Application) -> Iterator[tuple[Path, Ingress]]:
    for name, ingress in application.ingresses.items():
        if ingress.dex_authenticator.enabled:
            yield ("ingresses", name), ingress
    for name, workload in application.workloads.items():
        ingress_of = workload.ingress
        if workload.auto_create_ingress and ingress_of is not None and ingress_of.dex_authenticator.enabled:
            yield (*application.find_path(name), "ingress"), ingress_of


def _check_protection(path: Path, ingress: Ingress, application: Application, report: Report) -> None:
    general = application.generic.dex_authenticator_general or application.dex_authenticator
    others = application.dex_authenticators
    chosen = choose_authenticator(ingress.dex_authenticator, general, others, ("", ""))
    if not chosen.known:
        clause = "asks an authenticator that these values do not name: every request would be refused"
        hint = "name it by 'name' and 'namespace', or set generic.dexAuthenticatorGeneral"
        report.error("references/unknown-authenticator", path, clause, hint, key=True)
