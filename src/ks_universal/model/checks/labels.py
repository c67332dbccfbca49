"""Labels and annotations: their syntax, and the built-in labels, which nobody may repeat (D28)."""

from collections.abc import Iterator

from ks_universal.model.application import Application
from ks_universal.model.checks.places import each_settings
from ks_universal.model.checks.report import Report
from ks_universal.model.names import is_label_value, is_qualified_name
from ks_universal.model.workloads import ServiceAccountSettings
from ks_universal.values.nodes import Path

BUILT_IN = frozenset(f"app.kubernetes.io/{name}" for name in ("component", "instance", "managed-by", "name", "version"))
_Place = tuple[Path, dict[str, str]]


def check_labels(application: Application, report: Report) -> None:
    """Check every map of labels and annotations."""
    for path, labels in _each_map(application):
        if path[-1] == "labels":
            _check_map(path, labels, report)
        for key in labels:
            if not is_qualified_name(key):
                hint = "it takes 'name' or 'domain/name' of letters, digits, '-', '_' and '.', the name at most 63"
                report.error("names/invalid", (*path, key), "is no key that Kubernetes takes", hint, key=True)


def _check_map(path: Path, labels: dict[str, str], report: Report) -> None:
    for key, value in labels.items():
        if key in BUILT_IN:
            clause = "is a built-in label and cannot be set"
            report.error("names/built-in-label", (*path, key), clause, "leave it out", key=True)
        if not is_label_value(value):
            hint = "it takes at most 63 letters, digits, '-', '_' and '.'; an annotation takes any text"
            report.error("names/invalid", (*path, key), "is no value that Kubernetes takes for a label", hint)


def _each_map(application: Application) -> Iterator[_Place]:
    generic = application.generic
    yield from _both(("generic",), generic.labels, generic.annotations)
    for name, deployment in application.deployments.items():
        path: Path = ("deployments", name)
        yield from _both(path, deployment.labels, deployment.annotations)
        yield (*path, "podAnnotations"), deployment.pod_annotations
        yield from _account((*path, "serviceAccount"), deployment.service_account)
        yield from _account((*path, "serviceAccountConfig"), deployment.service_account_config)
    for place in each_settings(application):
        yield from _both(place.path, place.settings.labels, place.settings.annotations)
    for name, config in application.configs.items():
        yield from _both(("configs", name), config.labels, config.annotations)
    for name, service in application.services.items():
        yield from _both(("services", name), service.labels, service.annotations)
    for name, claim in application.persistent_volume_claims.items():
        yield from _both(("persistentVolumeClaims", name), claim.labels, claim.annotations)


def _both(path: Path, labels: dict[str, str], annotations: dict[str, str]) -> Iterator[_Place]:
    if labels:
        yield (*path, "labels"), labels
    if annotations:
        yield (*path, "annotations"), annotations


def _account(path: Path, account: ServiceAccountSettings | None) -> Iterator[_Place]:
    if account is not None:
        yield from _both(path, account.labels, account.annotations)
