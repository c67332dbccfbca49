"""The ServiceAccount family: which account a pod uses and which ones exist (section 21 of the values reference)."""

from ks_universal.json_types import Json
from ks_universal.model.format.access import Account
from ks_universal.model.format.workloads import PodSettings, ServiceAccountSettings
from ks_universal.resources.metadata import Scope, build_labels, build_metadata


def find_account_name(scope: Scope, name: str, workload: PodSettings) -> str | None:
    """Find the account of a workload's pods: named by it, by `generic`, else the one made for it; None: the default.

    An account that is made gets this name, so that the pods run with what its annotations grant.
    """
    settings = _settings(workload)
    written = workload.service_account_name or (settings.name if settings else None)
    written = written or scope.generic.service_account_name
    return written or (name if settings is not None and settings.create else None)


def build_account(scope: Scope, name: str, workload: PodSettings) -> Json | None:
    """Build the account of a workload, if it asks for one."""
    settings = _settings(workload)
    account = find_account_name(scope, name, workload)
    if settings is None or not settings.create or account is None:
        return None
    return write_account(scope, account, settings, build_labels(scope, name, settings.labels))


def write_account(scope: Scope, name: str, said: Account | ServiceAccountSettings, labels: dict[str, str]) -> Json:
    """Write a ServiceAccount."""
    metadata = build_metadata(scope, name, labels, said.annotations)
    body: Json = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}
    secrets = said.image_pull_secrets
    if secrets is None:
        secrets = scope.generic.extra_image_pull_secrets
    if secrets:
        body["imagePullSecrets"] = list(secrets)
    if said.automount_service_account_token is not None:
        body["automountServiceAccountToken"] = said.automount_service_account_token
    return body


def _settings(workload: PodSettings) -> ServiceAccountSettings | None:
    return workload.service_account_config if workload.auto_create_service_account else workload.service_account
