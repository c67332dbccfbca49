"""Labels and annotations: their syntax, and the built-in labels, which nobody may repeat (D28)."""

from collections.abc import Iterator

from ks_universal.metadata_keys import COMPONENT, INSTANCE, MANAGED_BY, NAME, VERSION
from ks_universal.model.checks.report import Report
from ks_universal.model.checks.walk import each_settings, each_workload
from ks_universal.model.format.application import Application
from ks_universal.model.format.workloads import PodSettings, Workload
from ks_universal.model.kubernetes.names import is_label_value, is_qualified_name
from ks_universal.values.nodes import Path

BUILT_IN = frozenset((COMPONENT, INSTANCE, MANAGED_BY, NAME, VERSION))
FREE_BUILT_IN = frozenset((COMPONENT, NAME))
"""Those that pods may have otherwise where their workload keeps a selector: others may select by them."""
_Place = tuple[Path, dict[str, str]]
_SECTIONS = (
    ("configs", "configs"),
    ("services", "services"),
    ("serviceAccounts", "service_accounts"),
    ("roles", "roles"),
    ("clusterRoles", "cluster_roles"),
    ("ingresses", "ingresses"),
    ("httpRoutes", "http_routes"),
    ("persistentVolumeClaims", "persistent_volume_claims"),
    ("hpas", "hpas"),
    ("networkPolicies", "network_policies"),
    ("resourceQuotas", "resource_quotas"),
    ("dexAuthenticators", "dex_authenticators"),
)
_OF_PODS = (("serviceAccount", "service_account"), ("serviceAccountConfig", "service_account_config"))
_OF_WORKLOADS = (
    ("serviceConfig", "service_config"),
    ("ingress", "ingress"),
    ("httpRoute", "http_route"),
    ("certificate", "certificate"),
    ("serviceMonitor", "service_monitor"),
    ("pdbConfig", "pdb_config"),
    ("pdb", "pdb"),
    ("hpa", "hpa"),
)
_OF_GENERIC = (
    ("ingressesGeneral", "ingresses_general"),
    ("httpRoutesGeneral", "http_routes_general"),
    ("serviceMonitorGeneral", "service_monitor_general"),
    ("dexAuthenticatorGeneral", "dex_authenticator_general"),
)


def check_labels(application: Application, report: Report) -> None:
    """Check every map of labels and annotations."""
    for path, labels in _each_map(application):
        if path[-1] != "annotations" and path[-1] != "podAnnotations":
            _check_map(path, labels, report, free=_list_free(path, application))
        for key in labels:
            if not is_qualified_name(key):
                hint = "it takes 'name' or 'domain/name' of letters, digits, '-', '_' and '.', the name at most 63"
                report.error("names/invalid", (*path, key), "is no key that Kubernetes takes", hint, key=True)


def _list_free(path: Path, application: Application) -> frozenset[str]:
    """List the built-in labels that may be set: those of a selector, and of pods whose selector is not by ours."""
    if path[-1] == "matchLabels":
        return BUILT_IN
    workload = application.workloads.get(str(path[1])) if path[-1] == "podLabels" and len(path) > 2 else None
    return FREE_BUILT_IN if workload is not None and workload.selector else frozenset()


def _check_map(path: Path, labels: dict[str, str], report: Report, *, free: frozenset[str]) -> None:
    for key, value in labels.items():
        if key in BUILT_IN and key not in free:
            clause = "is a built-in label and cannot be set"
            report.error("names/built-in-label", (*path, key), clause, "leave it out", key=True)
        if value is not None and not is_label_value(value):
            hint = "it takes at most 63 letters, digits, '-', '_' and '.'; an annotation takes any text"
            report.error("names/invalid", (*path, key), "is no value that Kubernetes takes for a label", hint)


def _each_map(application: Application) -> Iterator[_Place]:
    yield from _both(("generic",), application.generic)
    yield from _parts(("generic",), application.generic, _OF_GENERIC)
    yield from _parts((), application, (("dexAuthenticator", "dex_authenticator"),))
    for path, workload in each_workload(application):
        yield from _of_workload(path, workload)
    for place in each_settings(application):
        yield from _both(place.path, place.settings)
    for section, field in _SECTIONS:
        for name, entry in getattr(application, field).items():
            yield from _both((section, name), entry)


def _of_workload(path: Path, workload: PodSettings) -> Iterator[_Place]:
    yield from _both(path, workload)
    yield (*path, "podAnnotations"), workload.pod_annotations
    yield (*path, "podLabels"), workload.pod_labels
    yield from _parts(path, workload, _OF_PODS)
    if isinstance(workload, Workload):
        yield from _parts(path, workload, _OF_WORKLOADS)
        yield (*path, "selector", "matchLabels"), (workload.selector or {}).get("matchLabels", {})


def _parts(path: Path, owner: object, parts: tuple[tuple[str, str], ...]) -> Iterator[_Place]:
    for key, field in parts:
        part = getattr(owner, field, None)  # a DaemonSet has no `hpa`
        if part is not None:
            yield from _both((*path, key), part)


def _both(path: Path, owner: object) -> Iterator[_Place]:
    for key in ("labels", "annotations"):
        written = getattr(owner, key, None)
        if written:
            yield (*path, key), written
