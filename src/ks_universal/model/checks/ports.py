"""Ports that requests are sent to: the Service must have them, where these values make it."""

import msgspec

from ks_universal.model.checks.containers import check_port_number
from ks_universal.model.checks.namespaces import check_lead
from ks_universal.model.checks.report import Report
from ks_universal.model.format.application import Application
from ks_universal.model.format.ports import Offer, find_ports
from ks_universal.values.nodes import Path


class Target(msgspec.Struct, frozen=True):
    """A port of a Service, named at `path`: by number, by name, or by neither, which means its default port."""

    path: Path
    service: str
    number: int | None = None
    name: str | None = None
    service_key: str = "service"
    number_key: str = "port"
    name_key: str = "portName"


def check_target(target: Target, application: Application, report: Report) -> None:
    """Check that a Service is made by these values and has the port; what the cluster may have is a warning."""
    check_port_number(report, (*target.path, target.number_key), target.number)
    if target.number is not None and target.name is not None:
        clause = f"is said twice, by '{target.number_key}' and by '{target.name_key}'"
        report.warn("values/contradiction", (*target.path, target.name_key), clause, "keep one of them")
    offers = find_ports(application, target.service)
    if offers is None:
        _check_outside(target, application, report)
        return
    standalone: Path = ("services", target.service)
    leads_to = standalone if target.service in application.services else application.find_path(target.service)
    check_lead(application, report, target.path, leads_to)
    _check_made(target, application, report)
    if report.is_broken((*leads_to, "ports" if leads_to == standalone else "containers")):
        return
    _check_port(target, offers, report)


def _check_outside(target: Target, application: Application, report: Report) -> None:
    known = [*application.services, *(n for n, d in application.workloads.items() if d.auto_create_service)]
    if target.service in report.names_below("services") or target.service in report.workload_names:
        return
    clause = f"leads to the Service '{target.service}', which these values do not contain"
    near = report.suggest(target.service, known) or ""
    hint = near if near.startswith("did") else "it must exist where the release runs"
    report.warn("references/unknown-service", (*target.path, target.service_key), clause, hint)


def _check_made(target: Target, application: Application, report: Report) -> None:
    workload = application.workloads.get(target.service)
    if target.service in application.services or workload is None or workload.auto_create_service:
        return
    clause = f"leads to the Service '{target.service}', which these values do not make"
    hint = f"add 'autoCreateService: true' to the {workload.noun} '{target.service}'"
    report.warn("references/unknown-service", target.path, clause, hint, key=True)


def _check_port(target: Target, offers: tuple[Offer, ...], report: Report) -> None:
    if target.number is None and target.name is None:
        if not offers:
            clause = f"leads to no port: the Service '{target.service}' has none"
            report.error("references/unknown-port", target.path, clause, "add 'ports' to a container", key=True)
        return
    if target.number is not None and target.number not in {offer.number for offer in offers}:
        clause = f"is no port of the Service '{target.service}'"
        numbers = ", ".join(f"{offer.number} ({offer.name})" for offer in offers)
        report.warn("references/unknown-port", (*target.path, target.number_key), clause, f"it has {numbers}")
    names = [offer.name for offer in offers if offer.name is not None]
    if target.number is None and target.name not in names:
        clause, hint = f"is no port of the Service '{target.service}'", report.suggest(target.name or "", names)
        report.error("references/unknown-port", (*target.path, target.name_key), clause, hint)
