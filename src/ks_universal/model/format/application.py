"""The whole input: every section, parsed, with what its entries inherit merged in."""

from typing import Any

from ks_universal.model.format.authenticators import Authenticator
from ks_universal.model.format.ingresses import Ingress
from ks_universal.model.format.local import Local
from ks_universal.model.format.routes import Route
from ks_universal.model.format.sections import Claim, Config, Generic, NetworkPolicy, Quota, SecretRef, Service
from ks_universal.model.format.types import Format
from ks_universal.model.format.workloads import Autoscaler, CronJob, Deployment, Job


class Application(Format, frozen=True, kw_only=True):
    """All sections in the order written. `deploymentsGeneral` is not here: it is merged into the entries."""

    generic: Generic = Generic()
    deployments: dict[str, Deployment] = {}
    jobs: dict[str, Job] = {}
    cron_jobs: dict[str, CronJob] = {}
    configs: dict[str, Config] = {}
    secret_refs: dict[str, tuple[SecretRef, ...]] = {}
    services: dict[str, Service] = {}
    ingresses: dict[str, Ingress] = {}
    http_routes: dict[str, Route] = {}
    persistent_volume_claims: dict[str, Claim] = {}
    hpas: dict[str, Autoscaler] = {}
    network_policies: dict[str, NetworkPolicy] = {}
    resource_quotas: dict[str, Quota] = {}
    dex_authenticator: Authenticator | None = None
    dex_authenticators: dict[str, Authenticator] = {}
    name_override: str | None = None
    fullname_override: str | None = None
    global_: Any = None
    local: Local = Local()
