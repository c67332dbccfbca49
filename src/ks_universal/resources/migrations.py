"""Migration Jobs: one container of the application, run to its end (guide; section 9 of the reference; design 4)."""

from collections.abc import Iterable, Iterator

import msgspec

from ks_universal.json_types import Json
from ks_universal.metadata_keys import INSTANCE, MANAGED_BY
from ks_universal.model.format.containers import Container
from ks_universal.model.format.images import has_tag
from ks_universal.model.format.migrations import (
    DEFAULT_BACKOFF_LIMIT,
    Phase,
    Retry,
    Step,
    UndoStep,
    list_removed,
    merge_env,
)
from ks_universal.model.format.types import ChangedLabels
from ks_universal.model.format.workloads import (
    NOT_FOR_JOB_PODS,
    StatefulSet,
    Workload,
    find_container,
    leave_uninherited,
)
from ks_universal.model.kubernetes.durations import parse_duration
from ks_universal.model.kubernetes.names import job_name, undo_job_name
from ks_universal.resources.accounts import find_account_name
from ks_universal.resources.containers import (
    Groups,
    add_passed_through,
    build_container,
    build_init_containers,
    build_process,
)
from ks_universal.resources.metadata import Scope, build_labels, build_metadata, build_version_label, merge_annotations
from ks_universal.resources.objects import Migration
from ks_universal.resources.pods import Pod, build_pod_spec

POD_ONLY = frozenset(
    (
        "fsGroup",
        "fsGroupChangePolicy",
        "seLinuxChangePolicy",
        "supplementalGroups",
        "supplementalGroupsPolicy",
        "sysctls",
    )
)
"""What a PodSecurityContext knows and a container's SecurityContext does not."""

_NOT_FOR_JOBS = frozenset(
    ("lifecycle", "livenessProbe", "readinessProbe", "restartPolicy", "restartPolicyRules", "startupProbe")
)


_FOLLOWED = frozenset((INSTANCE, MANAGED_BY))
"""Labels by which a run sees its pods."""


class AppContext(msgspec.Struct, frozen=True):
    """The application that is migrated. `selectors` are those of all Services: none may reach a migration's pod."""

    scope: Scope
    name: str
    workload: Workload
    groups: Groups
    selectors: tuple[dict[str, str], ...] = ()


def build_migration(ref: AppContext, step: Step) -> Migration:
    """Build the Job of a step, and those that undo it."""
    job = build_job(ref, step, job_name(ref.name, step.name))
    return Migration(
        application=ref.name,
        step=step.name,
        phase=step.phase or Phase.PRE,
        body=job,
        retries=job["spec"]["backoffLimit"],
        timeout_s=_find_timeout_s(step),
        fatal_exit_codes=tuple(step.fatal_exit_codes or ()),
        retry=step.retry or Retry.ALL,
        depends_on=tuple(step.depends_on or ()),
        undo=tuple(_build_undo(ref, step)),
        when=ref.workload.migrations.when,
        own=_collect_own(ref, step),
    )


def build_job(ref: AppContext, step: Step, name: str) -> Json:
    """Build the Job that runs a step: pods never restart, a new one starts only when the old one is gone."""
    scope = ref.scope
    ref = msgspec.structs.replace(ref, workload=leave_uninherited(ref.workload, step))
    container_name, written = _require_container(ref, step)
    container = _adapt(written, step)
    labels = _build_labels(ref, step, container.image_tag)
    of_pod = _build_labels(ref, step, container.image_tag, ref.workload.pod_labels)
    pod_metadata: Json = {"labels": _hide_from_services(of_pod, step, ref.selectors)}
    annotations = merge_annotations(scope, ref.workload.pod_annotations, step.annotations)
    if annotations:
        pod_metadata["annotations"] = annotations
    pod = _build_pod(ref, step, container_name, container)
    spec = {**_build_limits(step, container_name), "template": {"metadata": pod_metadata, "spec": pod}}
    metadata = build_metadata(scope, name, labels, ref.workload.annotations, step.annotations)
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec}


def _require_container(ref: AppContext, step: Step) -> tuple[str, Container]:
    found = find_container(ref.workload, step)
    assert found is not None  # noqa: S101 - else the checks have found an error, and nothing is built
    name, container = found
    return name, _without_claims(ref.workload, step, container)


def _without_claims(workload: Workload, step: Step, container: Container) -> Container:
    """Leave out the mounts of claims that each pod of a StatefulSet has of its own: a migration's pod has none.

    One that is to work on the data of a pod says so by a volume of that name.
    """
    if not isinstance(workload, StatefulSet) or not workload.volume_claim_templates:
        return container
    own = {volume["name"] for volume in (*workload.migrations.volumes, *step.volumes)}
    absent = {template.name for template in workload.volume_claim_templates} - own
    mounts = tuple(mount for mount in container.volume_mounts if mount["name"] not in absent)
    return msgspec.structs.replace(container, volume_mounts=mounts)


def _build_labels(ref: AppContext, step: Step, tag: str | None, of_pod: dict[str, str] | None = None) -> dict[str, str]:
    layers = (build_version_label(tag), ref.workload.labels, of_pod or {}, step.labels)
    component = job_name(ref.name, step.name)
    return build_labels(ref.scope, job_name(ref.name, None), *layers, component=component)


def _hide_from_services(labels: dict[str, str], step: Step, selectors: Iterable[dict[str, str]]) -> dict[str, str]:
    """Drop inherited labels by which a Service of these values would send requests to the migration."""
    matching = [selector for selector in selectors if selector and selector.items() <= labels.items()]
    dropped = {key for selector in matching for key in selector if key not in _FOLLOWED and key not in step.labels}
    return {key: value for key, value in labels.items() if key not in dropped}


def _build_limits(step: Step, container_name: str) -> Json:
    """Build what bounds the Job: retries, deadline, what counts as failure. Evictions and lost nodes don't."""
    retries = DEFAULT_BACKOFF_LIMIT if step.backoff_limit is None else step.backoff_limit
    spec: Json = {"backoffLimit": retries, "podReplacementPolicy": "Failed"}
    timeout_s = _find_timeout_s(step)
    if timeout_s is not None:
        spec["activeDeadlineSeconds"] = max(1, int(timeout_s))
    if step.parallelism is not None:
        spec["parallelism"] = step.parallelism
    if step.completions is not None:
        spec["completions"] = step.completions
    rules: list[Json] = [{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}]
    if step.fatal_exit_codes:
        codes = {"containerName": container_name, "operator": "In", "values": sorted(set(step.fatal_exit_codes))}
        rules.append({"action": "FailJob", "onExitCodes": codes})
    spec["podFailurePolicy"] = {"rules": rules}
    return spec


def _collect_own(ref: AppContext, step: Step) -> Json:
    """Collect what the step says of itself that its Job would else have of the application, or not have at all."""
    name, _ = _require_container(ref, step)
    resources = {} if step.resources is None else {name: step.resources}
    own = [sidecar for sidecar in step.sidecars or () if sidecar.image]
    for container in build_init_containers((*own, *(step.init_containers or ())), ref.groups):
        if "resources" in container:
            resources[container["name"]] = container["resources"]
    said = {
        "labels": _list_said(step.labels),
        "annotations": _list_said(step.annotations),
        "resources": resources or None,
        "networkPolicy": step.network_policy,
    }
    return {key: value for key, value in said.items() if value is not None}


def _list_said(changed: ChangedLabels) -> dict[str, str] | None:
    return {key: value for key, value in changed.items() if value is not None} or None


def _find_timeout_s(step: Step) -> float | None:
    if step.active_deadline_seconds is not None:
        return float(step.active_deadline_seconds)
    return None if step.timeout is None else parse_duration(step.timeout)


def _build_pod(ref: AppContext, step: Step, name: str, container: Container) -> Json:
    scope, workload = ref.scope, ref.workload
    main = build_process(name, container, ref.groups)
    if step.lifecycle:
        main["lifecycle"] = step.lifecycle
    main = add_passed_through(main, _without(container.kubernetes, _NOT_FOR_JOBS))
    init_containers = [
        *_build_sidecars(ref, step),
        *build_init_containers((*workload.init_containers, *(step.init_containers or ())), ref.groups),
    ]
    _take_away(main, init_containers, step)
    pod = Pod(
        containers=[main],
        init_containers=init_containers,
        volumes=_choose_volumes(workload, step, [main, *init_containers]),
        account=step.service_account or find_account_name(scope, ref.name, workload),
        security_context=_build_pod_security_context(workload, step),
        affinity=workload.affinity,
        node_selector=workload.node_selector,
        restart_policy="Never",
        passed_through=_without(workload.pod_spec, NOT_FOR_JOB_PODS),
    )
    return build_pod_spec(scope, workload, pod)


def _take_away(main: Json, others: list[Json], step: Step) -> None:
    """Take from the new containers of a pod what the step says that it does not have."""
    _keep(main, "env", list_removed(step))
    for container in (main, *others):
        _keep(container, "volumeMounts", _list_absent(step))


def _keep(container: Json, key: str, left: frozenset[str]) -> None:
    """Keep those of a container's list that have other names."""
    if left and key in container:
        container[key] = [item for item in container[key] if item["name"] not in left]
        if not container[key]:
            del container[key]


def _list_absent(step: Step) -> frozenset[str]:
    """List the volumes that a migration does not have: their entries say nothing but the name."""
    said = {volume["name"]: volume for volume in step.volumes}
    return frozenset(name for name, volume in said.items() if len(volume) == 1)


def _without(fields: Json, names: frozenset[str]) -> Json:
    return {name: value for name, value in fields.items() if name not in names}


def _adapt(container: Container, step: Step) -> Container:
    """Say of the application's container what the migration says otherwise.

    The container's own `args` never run in a migration: they are what starts the server.
    """
    mounts = {mount["mountPath"]: mount for mount in (*container.volume_mounts, *step.volume_mounts)}
    context = _without(step.security_context or {}, POD_ONLY)
    return msgspec.structs.replace(
        container,
        image=step.image or container.image,
        image_tag=_choose_tag(container, step),
        command=container.command if step.command is None else step.command,
        args=step.args,
        env=merge_env(container.env, step.env),
        env_from=(*container.env_from, *step.env_from),
        volume_mounts=tuple(mount for mount in mounts.values() if "name" in mount),
        resources=container.resources if step.resources is None else step.resources,
        security_context=_merge(container.security_context, context),
    )


def _choose_tag(container: Container, step: Step) -> str | None:
    """Choose the migration's tag, else the container's, unless the migration's image names its version itself."""
    if step.image_tag is not None or (step.image is not None and has_tag(step.image)):
        return step.image_tag
    return container.image_tag


def _build_sidecars(ref: AppContext, step: Step) -> Iterator[Json]:
    """Build the containers that run beside the migration, as native sidecars: they don't keep the Job from ending."""
    for sidecar in step.sidecars or ():
        name = sidecar.name or ""  # one without is an error
        container = sidecar if sidecar.image else _without_claims(ref.workload, step, ref.workload.containers[name])
        body = build_container(name, container, ref.groups)
        yield {**body, "restartPolicy": "Always"}


def _choose_volumes(workload: Workload, step: Step, containers: list[Json]) -> list[Json]:
    """Choose the deployment's volumes that the pod mounts, and the migration's own.

    A volume that nothing mounts would still be attached: a ReadWriteOnce claim of the running application would keep
    the migration from starting on another node.
    """
    uses = [use["name"] for c in containers for key in ("volumeMounts", "volumeDevices") for use in c.get(key, ())]
    volumes = {volume["name"]: volume for volume in workload.volumes if volume["name"] in uses}
    volumes.update({volume["name"]: volume for volume in step.volumes})
    absent = _list_absent(step)
    return [volume for name, volume in volumes.items() if name not in absent]


def _build_pod_security_context(workload: Workload, step: Step) -> Json | None:
    own = {key: value for key, value in (step.security_context or {}).items() if key in POD_ONLY}
    return _merge(workload.security_context, own)


def _merge(base: Json | None, over: Json) -> Json | None:
    """Merge maps key by key, the second wins; lists are replaced. None stays None where nothing is said over it."""
    if base is None:
        return over or None
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        merged[key] = _merge(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged


def _build_undo(ref: AppContext, step: Step) -> Iterator[Json]:
    rollback = step.rollback
    if rollback is None:
        return
    base = msgspec.structs.replace(step, command=rollback.command or step.command, args=rollback.args)
    if not rollback.steps:
        yield build_job(ref, base, undo_job_name(ref.name, step.name, None))
    for undo in rollback.steps:
        yield build_job(ref, _adapt_undo(base, undo), undo_job_name(ref.name, step.name, undo.name))


def _adapt_undo(step: Step, undo: UndoStep) -> Step:
    return msgspec.structs.replace(step, command=undo.command or step.command, args=undo.args)
