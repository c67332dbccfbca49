"""The whole input: every section, parsed, with what its entries inherit merged in."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from ks_universal.model.format.access import Account, ClusterRole, Role
from ks_universal.model.format.authenticators import Authenticator
from ks_universal.model.format.claims import Claim
from ks_universal.model.format.extra import ExtraObjects
from ks_universal.model.format.ingresses import Ingress
from ks_universal.model.format.local import Local
from ks_universal.model.format.routes import Route
from ks_universal.model.format.sections import Config, Generic, NetworkPolicy, Quota, SecretRef, Service
from ks_universal.model.format.types import Format
from ks_universal.model.format.workloads import (
    AnyWorkload,
    Autoscaler,
    CronJob,
    DaemonSet,
    Deployment,
    Job,
    StatefulSet,
)
from ks_universal.values.nodes import Path


class Application(Format, frozen=True, kw_only=True, dict=True):
    """All sections in the order written. `deploymentsGeneral` is not here: it is merged into the entries."""

    generic: Generic = Generic()
    deployments: dict[str, Deployment] = {}
    stateful_sets: dict[str, StatefulSet] = {}
    daemon_sets: dict[str, DaemonSet] = {}
    jobs: dict[str, Job] = {}
    cron_jobs: dict[str, CronJob] = {}
    configs: dict[str, Config] = {}
    secret_refs: dict[str, tuple[SecretRef, ...]] = {}
    service_accounts: dict[str, Account] = {}
    roles: dict[str, Role] = {}
    cluster_roles: dict[str, ClusterRole] = {}
    services: dict[str, Service] = {}
    ingresses: dict[str, Ingress] = {}
    http_routes: dict[str, Route] = {}
    persistent_volume_claims: dict[str, Claim] = {}
    hpas: dict[str, Autoscaler] = {}
    network_policies: dict[str, NetworkPolicy] = {}
    resource_quotas: dict[str, Quota] = {}
    dex_authenticator: Authenticator | None = None
    dex_authenticators: dict[str, Authenticator] = {}
    extra_objects: ExtraObjects = {}
    name_override: str | None = None
    fullname_override: str | None = None
    global_: Any = None
    local: Local = Local()

    @cached_property
    def workloads(self) -> Mapping[str, AnyWorkload]:
        """The applications: all entries of the three sections, by the names that they share no two of."""
        if self.stateful_sets or self.daemon_sets:
            return {**self.deployments, **self.stateful_sets, **self.daemon_sets}
        return self.deployments

    def find_path(self, workload: str) -> Path:
        """Find where a workload is written: `("statefulSets", "postgres")`."""
        if workload in self.stateful_sets:
            return "statefulSets", workload
        return "daemonSets" if workload in self.daemon_sets else "deployments", workload
