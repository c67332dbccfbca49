"""Deployments and what they inherit: sections 4, 6 and 21 of the reference."""

from typing import Annotated

from ks_universal.model.containers import Container, Probes
from ks_universal.model.migrations import Migrations
from ks_universal.model.types import Format, Inline, Json, Kubernetes, Labels


class ServiceAccountSettings(Format, frozen=True, kw_only=True):
    """`serviceAccount` (manual) or `serviceAccountConfig` (auto-created)."""

    create: bool = True
    name: str | None = None
    labels: Labels = {}
    annotations: Labels = {}
    image_pull_secrets: tuple[Annotated[Json, Kubernetes("LocalObjectReference")], ...] | None = None
    automount_service_account_token: bool | None = None


class Workload(Format, frozen=True, kw_only=True):
    """What `deploymentsGeneral` and each deployment may say; an entry has the general settings merged in already."""

    replicas: int | None = None
    strategy: Annotated[Json, Kubernetes("DeploymentStrategy")] | None = None
    labels: Labels = {}
    annotations: Labels = {}
    pod_annotations: Labels = {}
    security_context: Annotated[Json, Kubernetes("PodSecurityContext")] | None = None
    priority_class_name: str | None = None
    node_selector: dict[str, str] = {}
    affinity: Annotated[Json, Kubernetes("Affinity")] | None = None
    tolerations: tuple[Annotated[Json, Kubernetes("Toleration")], ...] | None = None
    volumes: tuple[Annotated[Json, Kubernetes("Volume")], ...] = ()
    init_containers: tuple[Container, ...] = ()
    service_account_name: str | None = None
    service_account: ServiceAccountSettings | None = None
    auto_create_service_account: bool = False
    service_account_config: ServiceAccountSettings = ServiceAccountSettings()
    auto_create_service: bool = False
    service_type: str = "ClusterIP"
    auto_create_soft_anti_affinity: bool = False
    restart_on_config_change: bool = True
    deployment_spec: Annotated[Json, Inline("DeploymentSpec")] = {}
    pod_spec: Annotated[Json, Inline("PodSpec")] = {}


class Deployment(Workload, frozen=True, kw_only=True):
    """One application: a Deployment and what belongs to it. `containers` have their inherited probes already."""

    containers: dict[str, Container]
    migrations: Migrations = Migrations()


class General(Workload, frozen=True, kw_only=True):
    """`deploymentsGeneral`, only for its keys: `inherit.py` merges it into the deployments before they are typed."""

    probes: Probes = Probes()
    lifecycle: Annotated[Json, Kubernetes("Lifecycle")] | None = None
