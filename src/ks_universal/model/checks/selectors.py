"""Selectors: those that workloads keep, and whether those of Services meet any pods of these values."""

from ks_universal.json_types import Json
from ks_universal.metadata_keys import COMPONENT, INSTANCE, MANAGED_BY, NAME, PROGRAM, VERSION
from ks_universal.model.checks.report import Report
from ks_universal.model.checks.walk import each_workload
from ks_universal.model.format.application import Application
from ks_universal.model.format.workloads import JobSettings, Workload
from ks_universal.values.nodes import Path


def check_selectors(application: Application, report: Report) -> None:
    """Check the selectors of workloads and Services."""
    pods = {path: list_pod_labels(str(path[1]), workload, application) for path, workload in each_workload(application)}
    for path, workload in each_workload(application):
        if isinstance(workload, Workload) and workload.selector is not None:
            _check_kept((*path, "selector"), workload, pods[path], report)
    for name, service in application.services.items():
        path = ("services", name, "selector")
        if not service.selector or report.is_broken(path) or _names_workload(service.selector, application):
            continue
        if pods and not any(_meets(service.selector, labels) for labels in pods.values()):
            clause = "meets no pod of these values"
            own = f"leave it out: the pods of '{name}' are then meant" if name in application.workloads else None
            hint = own or "correct it, or leave it so where others make the pods"
            report.warn("services/no-pods", path, clause, hint, key=True)


def list_pod_labels(name: str, workload: Workload | JobSettings, application: Application) -> dict[str, str | None]:
    """List the labels that the pods of a workload will have; None: a value that is not known here."""
    kept = (workload.selector or {}).get("matchLabels", {}) if isinstance(workload, Workload) else {}
    built_in = {NAME: name, COMPONENT: name, MANAGED_BY: PROGRAM, INSTANCE: None}
    version = {VERSION: None}
    return {**version, **application.generic.labels, **workload.labels, **workload.pod_labels, **built_in, **kept}


def _check_kept(path: Path, workload: Workload, labels: dict[str, str | None], report: Report) -> None:
    kept: Json = workload.selector or {}
    if not kept.get("matchLabels"):
        report.missing(path, "matchLabels")
    for key, value in kept.get("matchLabels", {}).items():
        below = (*path, "matchLabels", key)
        if workload.pod_labels.get(key, value) != value:
            clause = "is not what 'podLabels' says"
            report.error("values/contradiction", below, clause, "leave it out there: the pods have these labels")
        if key == INSTANCE and report.release and value != report.release:
            clause = f"is the name of the release, which is '{report.release}'"
            report.error("values/contradiction", below, clause, f"keep this selector in a release '{value}'")
    for index, expression in enumerate(kept.get("matchExpressions", ())):
        if not _holds(expression, labels):
            clause = "does not hold for the labels of its own pods"
            report.error("values/contradiction", (*path, "matchExpressions", index), clause, "add 'podLabels'")


def _holds(expression: Json, labels: dict[str, str | None]) -> bool:
    """Tell whether an expression of a selector holds; what is not known here may."""
    key, values = expression.get("key", ""), expression.get("values", ())
    is_there = key in labels
    found = labels.get(key)
    match expression.get("operator"):
        case "Exists":
            return is_there
        case "DoesNotExist":
            return not is_there
        case "In":
            return is_there and (found is None or found in values)
        case _:
            return found is None or found not in values


def _names_workload(selector: dict[str, str], application: Application) -> bool:
    """Tell whether it is the chart's way to name a deployment."""
    return len(selector) == 1 and selector.get("deployment") in application.workloads


def _meets(selector: dict[str, str], labels: dict[str, str | None]) -> bool:
    return all(key in labels and labels[key] in (value, None) for key, value in selector.items())
