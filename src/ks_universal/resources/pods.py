"""The one builder of PodSpecs, for Deployments, migrations and whatever else runs pods."""

import msgspec

from ks_universal.json_types import Json
from ks_universal.model.format.workloads import PodSettings
from ks_universal.resources.metadata import Scope


class Pod(msgspec.Struct, frozen=True, kw_only=True):
    """What differs from one kind of workload to the next; the rest comes from the workload itself."""

    containers: list[Json]
    init_containers: list[Json] = []
    volumes: list[Json] = []
    account: str | None = None
    security_context: Json | None = None
    affinity: Json | None = None
    node_selector: dict[str, str] = {}
    restart_policy: str | None = None
    passed_through: Json = {}
    """Fields of the PodSpec that were written under Kubernetes' own names."""


def build_pod_spec(scope: Scope, workload: PodSettings, pod: Pod) -> Json:
    """Build the PodSpec; what is empty is left out, except what was written so."""
    spec: Json = {}
    _set(spec, "restartPolicy", pod.restart_policy)
    _set(spec, "serviceAccountName", pod.account)
    _set(spec, "imagePullSecrets", _collect_pull_secrets(scope, pod.passed_through))
    _set(spec, "securityContext", pod.security_context)
    _set(spec, "priorityClassName", workload.priority_class_name)
    _set(spec, "initContainers", pod.init_containers or None)
    spec["containers"] = pod.containers
    _set(spec, "volumes", pod.volumes or None)
    _set(spec, "nodeSelector", pod.node_selector or None)
    _set(spec, "affinity", pod.affinity)
    _set(spec, "tolerations", None if workload.tolerations is None else list(workload.tolerations))
    return {**spec, **pod.passed_through, **spec}


def _collect_pull_secrets(scope: Scope, passed_through: Json) -> list[Json] | None:
    """Collect the pod's own and the generic ones, which are extra, each name once."""
    secrets = [*passed_through.get("imagePullSecrets", ()), *(scope.generic.extra_image_pull_secrets or ())]
    return list({secret["name"]: secret for secret in secrets}.values()) or None


def _set(spec: Json, field: str, value: object) -> None:
    if value is not None:
        spec[field] = value
