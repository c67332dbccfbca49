"""Names that Kubernetes would refuse."""

from collections.abc import Callable, Iterable
from functools import partial

from ks_universal.model.checks.report import Report
from ks_universal.model.checks.walk import each_container, each_main_container, each_settings, each_workload
from ks_universal.model.format.application import Application
from ks_universal.model.format.workloads import StatefulSet
from ks_universal.model.kubernetes import names
from ks_universal.values.nodes import Path

_LABEL = "lower-case letters, digits and '-', at most 63, with a letter or digit at both ends"
_SUBDOMAIN = "lower-case letters, digits, '-' and '.', with a letter or digit at both ends"
_SERVICE = "lower-case letters, digits and '-', at most 63, with a letter at the start"
_PORT = "lower-case letters, digits and '-', at most 15, with at least one letter"
_LONGEST = {"StatefulSet": 52}
"""Its controller adds eleven characters for the label by which it tells its revisions apart."""
_CONFIG_KEY = "letters, digits, '-', '_' and '.'"


def check_names(application: Application, report: Report) -> None:
    """Check the names of all objects and of what is in them."""
    for name, workload in application.workloads.items():
        path = application.find_path(name)
        longest = _LONGEST.get(workload.kind, 63)
        is_valid = partial(_is_subdomain_up_to, longest)
        _check(report, path, f"a {workload.kind}", name, is_valid, f"{_SUBDOMAIN}, at most {longest}")
        makes_service = workload.auto_create_service or (
            isinstance(workload, StatefulSet) and not workload.service_name
        )
        if makes_service and not names.is_service_name(name):
            _refuse(report, path, "a Service", _SERVICE)
    _check_keys(report, "services", application.services, "a Service", names.is_service_name, _SERVICE)
    claims = application.persistent_volume_claims
    _check_keys(report, "persistentVolumeClaims", claims, "a claim", names.is_dns_subdomain, _SUBDOMAIN)
    for name, config in application.configs.items():
        called = ("configs", name) if config.name is None else ("configs", name, "name")
        if not names.is_dns_subdomain(config.name or name):
            _refuse(report, called, "a ConfigMap or Secret", _SUBDOMAIN, key=config.name is None)
        for field, data in (
            ("data", config.data),
            ("stringData", config.string_data),
            ("binaryData", config.binary_data),
        ):
            for key in data:
                _check(
                    report, ("configs", name, field, key), "a key of a config", key, names.is_config_key, _CONFIG_KEY
                )
    _check_sections(application, report)
    _check_parts(application, report)
    _check_accounts(application, report)


def _check_sections(application: Application, report: Report) -> None:
    for name in application.jobs:
        _check(report, ("jobs", name), "a Job", name, _is_short_subdomain, f"{_SUBDOMAIN}, at most 63")
    for name in application.cron_jobs:
        # Kubernetes adds eleven characters for the Jobs.
        _check(report, ("cronJobs", name), "a CronJob", name, _is_cron_job_name, f"{_SUBDOMAIN}, at most 52")
    sections: tuple[tuple[str, Iterable[str], str], ...] = (
        ("ingresses", application.ingresses, "an Ingress"),
        ("httpRoutes", application.http_routes, "an HTTPRoute"),
        ("hpas", application.hpas, "a HorizontalPodAutoscaler"),
        ("networkPolicies", application.network_policies, "a NetworkPolicy"),
        ("resourceQuotas", application.resource_quotas, "a ResourceQuota"),
        ("serviceAccounts", application.service_accounts, "a ServiceAccount"),
        ("roles", application.roles, "a Role"),
        ("clusterRoles", application.cluster_roles, "a ClusterRole"),
        ("dexAuthenticators", application.dex_authenticators, "a DexAuthenticator"),
    )
    for section, keys, what in sections:
        # The name is also the value of a label.
        _check_keys(report, section, keys, what, _is_short_subdomain, f"{_SUBDOMAIN}, at most 63")


def _check_parts(application: Application, report: Report) -> None:
    for place in each_main_container(application):
        _check(report, place.path, "a container", place.name or "", names.is_dns_label, _LABEL)
    for place in each_container(application):
        for port in place.container.ports:
            _check(report, (*place.path, "ports", port), "a port", port, names.is_port_name, _PORT)


def _check_accounts(application: Application, report: Report) -> None:
    generic = application.generic.service_account_name
    _check_account(report, ("generic", "serviceAccountName"), generic)
    for path, workload in each_workload(application):
        _check_account(report, (*path, "serviceAccountName"), workload.service_account_name)
        account = workload.service_account
        _check_account(report, (*path, "serviceAccount", "name"), account.name if account else None)
        if workload.namespace is not None and not names.is_dns_label(workload.namespace):
            _refuse(report, (*path, "namespace"), "a namespace", _LABEL, key=False)
    for place in each_settings(application):
        _check_account(report, (*place.path, "serviceAccount"), place.settings.service_account)


def _check_account(report: Report, path: Path, name: str | None) -> None:
    if name is not None and not names.is_dns_subdomain(name):
        _refuse(report, path, "a ServiceAccount", _SUBDOMAIN, key=False)


def _check_keys(
    report: Report, section: str, keys: Iterable[str], what: str, is_valid: Callable[[str], bool], rule: str
) -> None:
    for name in keys:
        _check(report, (section, name), what, name, is_valid, rule)


def _check(report: Report, path: Path, what: str, name: str, is_valid: Callable[[str], bool], rule: str) -> None:
    if not is_valid(name):
        _refuse(report, path, what, rule)


def _refuse(report: Report, path: Path, what: str, rule: str, *, key: bool = True) -> None:
    report.error("names/invalid", path, f"is no name that Kubernetes takes for {what}", f"it takes {rule}", key=key)


def _is_subdomain_up_to(longest: int, name: str) -> bool:
    return len(name) <= longest and names.is_dns_subdomain(name)


# The name is also the value of a label.
_is_short_subdomain = partial(_is_subdomain_up_to, 63)
_is_cron_job_name = partial(_is_subdomain_up_to, 52)
