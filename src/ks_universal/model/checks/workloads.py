"""What only one kind of workload has: claims of each pod, a governing Service, the steps of an update.

And what they share: one name is that of one workload, whatever its kind.
"""

from typing import Any

from ks_universal.model.checks.namespaces import check_lead
from ks_universal.model.checks.report import Report
from ks_universal.model.checks.scaling import check_share
from ks_universal.model.checks.sections import check_claim
from ks_universal.model.format.application import Application
from ks_universal.model.format.workloads import WORKLOAD_SECTIONS, StatefulSet, headless_name
from ks_universal.model.kubernetes.names import is_dns_label
from ks_universal.values.nodes import Path, format_path


def check_workloads(application: Application, report: Report) -> None:
    """Check the names that the sections share, and each stateful and daemon set."""
    _check_shared_names(report)
    for name, stateful_set in application.stateful_sets.items():
        path: Path = ("statefulSets", name)
        _check_templates((*path, "volumeClaimTemplates"), stateful_set, report)
        _check_service(path, stateful_set, application, report)
        _check_update((*path, "updateStrategy"), stateful_set.spec.get("updateStrategy", {}), report)
        _check_start((*path, "ordinals", "start"), stateful_set.spec.get("ordinals", {}).get("start"), report)
    for name, daemon_set in application.daemon_sets.items():
        _check_update(("daemonSets", name, "updateStrategy"), daemon_set.spec.get("updateStrategy", {}), report)


def _check_shared_names(report: Report) -> None:
    """Find a name in two sections: labels, Services, migrations and the record would be those of both."""
    first: dict[str, Path] = {}
    for section in WORKLOAD_SECTIONS:
        for name in report.names_below(section):
            other = first.setdefault(name, (section, name))
            if other[0] != section:
                clause = f"has the name of {format_path(other)}: both would share labels, Services and the record"
                report.error("names/duplicate", (section, name), clause, "rename one of the two", key=True)


def _check_templates(path: Path, stateful_set: StatefulSet, report: Report) -> None:
    seen: set[str] = set()
    volumes = {volume.get("name") for volume in stateful_set.volumes}
    for index, template in enumerate(stateful_set.volume_claim_templates):
        below = (*path, index)
        check_claim(below, template, report)
        if not template.name:
            report.missing(below, "name")
        elif not is_dns_label(template.name):
            hint = "it takes lower-case letters, digits and '-', at most 63"
            report.error("names/invalid", (*below, "name"), "is no name that Kubernetes takes for a volume", hint)
        if template.name in seen:
            report.error("names/duplicate", (*below, "name"), f"is the second claim template '{template.name}'")
        if template.name in volumes:
            clause = "is also the name of a volume: Kubernetes takes the claim, and not what 'volumes' says"
            report.error("names/duplicate", (*below, "name"), clause, "rename one of the two")
        seen.add(template.name)


def _check_service(path: Path, stateful_set: StatefulSet, application: Application, report: Report) -> None:
    """Check the Service that gives the pods their names: the one that is named, or the one that is made."""
    name, named = str(path[-1]), stateful_set.service_name
    if named is None:
        made = headless_name(name)
        if made in application.services or made in application.workloads:
            section = "services" if made in application.services else application.find_path(made)[0]
            clause = f"is also the headless Service that is made for {format_path(path)}"
            hint = f"rename it, or name it by {format_path((*path, 'serviceName'))}"
            report.error("names/duplicate", (section, made), clause, hint, key=True)
        return
    if named in application.services:
        check_lead(application, report, (*path, "serviceName"), ("services", named))
    elif named not in report.names_below("services") and not _is_made(named, application, report):
        clause = f"names the Service '{named}', which these values do not contain"
        near = report.suggest(named, application.services) or ""
        hint = near if near.startswith("did") else "leave it out: a headless Service is made then"
        report.warn("references/unknown-service", (*path, "serviceName"), clause, hint)


def _is_made(service: str, application: Application, report: Report) -> bool:
    workload = application.workloads.get(service)
    return service in report.workload_names if workload is None else workload.auto_create_service


def _check_update(path: Path, strategy: dict[str, Any], report: Report) -> None:
    rolling = strategy.get("rollingUpdate") or {}
    if rolling and strategy.get("type") == "OnDelete":
        clause = "is only for the type RollingUpdate"
        report.error("values/contradiction", (*path, "rollingUpdate"), clause, "leave it out", key=True)
    for key in ("maxSurge", "maxUnavailable"):
        if key in rolling:
            check_share((*path, "rollingUpdate", key), rolling[key], report, most=100)
    _check_start((*path, "rollingUpdate", "partition"), rolling.get("partition"), report)
    if path[0] == "daemonSets":
        _check_steps((*path, "rollingUpdate"), rolling, report)


def _check_steps(path: Path, rolling: dict[str, Any], report: Report) -> None:
    """Kubernetes takes one of the two limits of a DaemonSet, and that one not as 0."""
    surge, unavailable = rolling.get("maxSurge", 0), rolling.get("maxUnavailable", 1)
    if surge in (0, "0%") and unavailable in (0, "0%"):
        clause = "allows no step: maxSurge and maxUnavailable are both 0"
        report.error("values/contradiction", path, clause, "make one of them 1", key=True)
    elif surge not in (0, "0%") and unavailable not in (0, "0%"):
        clause = "says how many pods come and how many go: Kubernetes takes one of them"
        report.error("values/contradiction", path, clause, "with 'maxSurge' write 'maxUnavailable: 0'", key=True)


def _check_start(path: Path, number: int | None, report: Report) -> None:
    if number is not None and number < 0:
        report.error("values/out-of-range", path, "must not be negative")
