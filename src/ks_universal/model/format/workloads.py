"""Workloads, what they inherit, and what belongs to one: sections 4, 6 and 17 to 21 of the reference."""

from enum import StrEnum
from typing import Annotated, Any, ClassVar

import msgspec

from ks_universal.json_types import Json
from ks_universal.model.format.access import Rbac
from ks_universal.model.format.claims import ClaimTemplate
from ks_universal.model.format.containers import Container, Probes
from ks_universal.model.format.ingresses import Ingress
from ks_universal.model.format.migrations import Inherit, Migrations, MigrationSettings, Step, is_inherited
from ks_universal.model.format.routes import Route
from ks_universal.model.format.types import AlsoBool, Format, Inline, Kubernetes, Labels


class Autoscaler(Format, frozen=True, kw_only=True):
    """`deployments.NAME.hpa`, or `hpas.NAME`, which scales the workload of its own name or its `scaleTargetRef`."""

    namespace: str | None = None
    labels: Labels = {}
    annotations: Labels = {}
    kubernetes: Annotated[Json, Inline("HorizontalPodAutoscalerSpec")] = {}


LIMITS = ("minAvailable", "maxUnavailable")
DEFAULT_LIMIT = {"maxUnavailable": 1}


class DisruptionBudget(Format, frozen=True, kw_only=True):
    """`pdbConfig` of an auto-created budget, or `pdb`, the manual form."""

    labels: Labels = {}
    annotations: Labels = {}
    kubernetes: Annotated[Json, Inline("PodDisruptionBudgetSpec")] = {}


DEFAULT_ISSUER = "letsencrypt"


class Certificate(Format, frozen=True, kw_only=True):
    """`certificate` of a deployment or authenticator; without `domains` the certificate is for the hosts served."""

    cluster_issuer: str | None = None
    issuer: str | None = None
    domains: tuple[str, ...] = ()
    secret_name: str | None = None
    labels: Labels = {}
    annotations: Labels = {}
    kubernetes: Annotated[Json, Inline("CertificateSpec")] = {}


def secret_name(name: str, certificate: Certificate) -> str:
    """Give the name of the Secret that holds the certificate of an object."""
    return certificate.secret_name or f"{name}-tls"


class Monitor(Format, frozen=True, kw_only=True):
    """`deployments.NAME.serviceMonitor`. What is said beside `endpoints` holds for each of them that says nothing."""

    endpoints: tuple[Annotated[Json, Kubernetes("ServiceMonitorSpec.endpoints")], ...] = ()
    labels: Labels = {}
    annotations: Labels = {}
    endpoint: Annotated[Json, Inline("ServiceMonitorSpec.endpoints")] = {}
    kubernetes: Annotated[Json, Inline("ServiceMonitorSpec")] = {}


class MonitorsGeneral(Format, frozen=True, kw_only=True):
    """`generic.serviceMonitorGeneral`."""

    interval: str | None = None
    scrape_timeout: str | None = None
    labels: Labels = {}
    annotations: Labels = {}


class ServiceAccountSettings(Format, frozen=True, kw_only=True):
    """`serviceAccount` (manual) or `serviceAccountConfig` (auto-created)."""

    create: bool = True
    name: str | None = None
    labels: Labels = {}
    annotations: Labels = {}
    image_pull_secrets: tuple[Annotated[Json, Kubernetes("LocalObjectReference")], ...] | None = None
    automount_service_account_token: bool | None = None


class ServiceSettings(Format, frozen=True, kw_only=True):
    """`serviceConfig`: what the auto-created Service says beyond its ports."""

    labels: Labels = {}
    annotations: Labels = {}
    kubernetes: Annotated[Json, Inline("ServiceSpec")] = {}


class PodSettings(Format, frozen=True, kw_only=True):
    """What everything that runs pods may say: workloads, jobs and cron jobs."""

    labels: Labels = {}
    annotations: Labels = {}
    pod_annotations: Labels = {}
    pod_labels: Labels = {}
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
    rbac: Rbac | None = None
    namespace: str | None = None
    pod_spec: Annotated[Json, Inline("PodSpec")] = {}


class Restart(StrEnum):
    """Which changed configuration restarts pods: what they would not see change, all that they read, none."""

    NEEDED = "needed"
    ALWAYS = "always"
    NEVER = "never"


class WorkloadSettings(PodSettings, frozen=True, kw_only=True):
    """What `deploymentsGeneral` and each workload may say; an entry has the general settings merged in already."""

    wait_for_migrations: bool | tuple[str, ...] | None = None
    """Of the whole release (True), of its own alone (False), or of these workloads, too; see `precedence.Waits`."""
    auto_create_service: bool = False
    service_type: str = "ClusterIP"
    service_config: ServiceSettings = ServiceSettings()
    auto_create_ingress: bool = False
    ingress: Ingress | None = None
    auto_create_http_route: bool = False
    http_route: Route | None = None
    auto_create_certificate: bool = False
    certificate: Certificate = Certificate()
    auto_create_service_monitor: bool = False
    service_monitor: Monitor | None = None
    auto_create_pdb: bool = False
    pdb_config: DisruptionBudget | None = None
    pdb: DisruptionBudget | None = None
    auto_create_soft_anti_affinity: bool = False
    restart_on_config_change: Annotated[Restart, AlsoBool(true="needed", false="never")] = Restart.NEEDED


class Workload(WorkloadSettings, frozen=True, kw_only=True):
    """One application: what serves, and what belongs to it. `containers` have their inherited probes already."""

    kind: ClassVar[str]
    """Of the object that it becomes; `spec` has what is said of that under Kubernetes' own names."""
    noun: ClassVar[str]
    """What people are told that it is."""
    containers: dict[str, Container]
    selector: Annotated[Json, Kubernetes("LabelSelector")] | None = None
    """Of the object, where it is not ours: of a release that another program has made. Its pods have these labels."""
    migrations: Migrations = Migrations()
    depends_on: tuple[str, ...] = ()
    """The workloads that must be ready before its rollout begins."""


class ScaledWorkload(Workload, frozen=True, kw_only=True):
    """A workload of which the values, or an autoscaler, say how many pods there are."""

    replicas: int | None = None
    hpa: Autoscaler | None = None


class Deployment(ScaledWorkload, frozen=True, kw_only=True):
    """An entry of `deployments`."""

    kind = "Deployment"
    noun = "deployment"
    strategy: Annotated[Json, Kubernetes("DeploymentStrategy")] | None = None
    spec: Annotated[Json, Inline("DeploymentSpec")] = {}


class StatefulSet(ScaledWorkload, frozen=True, kw_only=True):
    """An entry of `statefulSets`."""

    kind = "StatefulSet"
    noun = "stateful set"
    service_name: str | None = None
    volume_claim_templates: tuple[ClaimTemplate, ...] = ()
    spec: Annotated[Json, Inline("StatefulSetSpec")] = {}


def headless_name(stateful_set: str) -> str:
    """Give the name of the Service that is made for a StatefulSet which names none: its pods have their names in it."""
    return f"{stateful_set}-headless"


class DaemonSet(Workload, frozen=True, kw_only=True):
    """An entry of `daemonSets`."""

    kind = "DaemonSet"
    noun = "daemon set"
    spec: Annotated[Json, Inline("DaemonSetSpec")] = {}


AnyWorkload = Deployment | StatefulSet | DaemonSet
WORKLOAD_SECTIONS: dict[str, type[AnyWorkload]] = {
    "deployments": Deployment,
    "statefulSets": StatefulSet,
    "daemonSets": DaemonSet,
}
"""Where workloads are written; a name is in one of these sections."""


class JobWhen(StrEnum):
    """In which deploys a Job runs: in the first that has it, or also in those in which what it runs has changed."""

    INSTALL = "install"
    CHANGED = "changed"


class JobSettings(PodSettings, frozen=True, kw_only=True):
    """What jobs and cron jobs may say; their containers inherit no probes and no lifecycle."""

    containers: dict[str, Container]
    restart_policy: str = "Never"
    job_spec: Annotated[Json, Inline("JobSpec")] = {}


class Job(JobSettings, frozen=True, kw_only=True):
    """A Job of the release; one that failed runs again in the next deploy."""

    wait: bool = False
    when: JobWhen = JobWhen.CHANGED


class CronJob(JobSettings, frozen=True, kw_only=True):
    """A Job by the clock. `suspend` holds the schedule, not a Job; `timezone` is the chart's spelling of `timeZone`."""

    schedule: str
    suspend: bool | None = None
    timezone: str | None = None
    cron_job_spec: Annotated[Json, Inline("CronJobSpec")] = {}


class General(WorkloadSettings, frozen=True, kw_only=True):
    """`deploymentsGeneral`, only for its keys: `inherit.py` merges it into the entries before they are typed."""

    replicas: int | None = None
    strategy: Annotated[Json, Kubernetes("DeploymentStrategy")] | None = None
    hpa: Autoscaler | None = None
    spec: Annotated[Json, Inline("DeploymentSpec")] = {}
    parallelism: int | None = None
    completions: int | None = None
    probes: Probes = Probes()
    lifecycle: Annotated[Json, Kubernetes("Lifecycle")] | None = None


NOT_FOR_JOB_PODS = frozenset({"readinessGates", "restartPolicy", "topologySpreadConstraints"})
"""Of the pods that serve; a Job's pods would not start with them, or would be kept from nodes for no reason."""


_OF_CONTAINERS: dict[Inherit, dict[str, Any]] = {
    Inherit.ENV: {"env": (), "env_from": (), "secret_refs": ()},
    Inherit.RESOURCES: {"resources": None},
    Inherit.SECURITY_CONTEXT: {"security_context": None},
    Inherit.VOLUMES: {"volume_mounts": ()},
}
_OF_WORKLOADS: dict[Inherit, dict[str, Any]] = {
    Inherit.AFFINITY: {"affinity": None},
    Inherit.ANNOTATIONS: {"annotations": {}, "pod_annotations": {}},
    Inherit.INIT_CONTAINERS: {"init_containers": ()},
    Inherit.LABELS: {"labels": {}, "pod_labels": {}},
    Inherit.NODE_SELECTOR: {"node_selector": {}},
    Inherit.SECURITY_CONTEXT: {"security_context": None},
    Inherit.SERVICE_ACCOUNT: {
        "service_account_name": None,
        "service_account": None,
        "auto_create_service_account": False,
    },
    Inherit.TOLERATIONS: {"tolerations": None},
}
"""The fields of an application and its container that a migration may leave, with what means nothing there."""


def find_container(workload: Workload, step: Step) -> tuple[str, Container] | None:
    """Find the container that a migration runs, as it takes it: the one it names, else `main`, else the only one."""
    containers = workload.containers
    name = step.container
    if name is None:
        name = "main" if "main" in containers else next(iter(containers), "") if len(containers) == 1 else ""
    return (name, _take_inherited(containers[name], step)) if name in containers else None


def _take_inherited(container: Container, step: MigrationSettings) -> Container:
    """Leave out what a step does not take of its container."""
    left = _list_left(_OF_CONTAINERS, step)
    return msgspec.structs.replace(container, **left) if left else container


def leave_uninherited(workload: Workload, step: MigrationSettings) -> Workload:
    """Leave out what a step does not take of its application; what it takes of the container, `find_container` says."""
    left = _list_left(_OF_WORKLOADS, step)
    return msgspec.structs.replace(workload, **left) if left else workload


def _list_left(fields: dict[Inherit, dict[str, Any]], step: MigrationSettings) -> dict[str, Any]:
    return {
        name: value for what, left in fields.items() if not is_inherited(step, what) for name, value in left.items()
    }
