"""`deployments`, `statefulSets`, `daemonSets`: the workload of an application (section 6 of the values reference)."""

from ks_universal.json_types import Json
from ks_universal.metadata_keys import CONFIG_DIGEST
from ks_universal.model.format.application import Application
from ks_universal.model.format.containers import Container
from ks_universal.model.format.workloads import (
    AnyWorkload,
    Deployment,
    Restart,
    ScaledWorkload,
    StatefulSet,
    Workload,
    headless_name,
)
from ks_universal.resources.accounts import find_account_name
from ks_universal.resources.affinity import build_affinity, spread_pods
from ks_universal.resources.companions import is_scaled
from ks_universal.resources.configs import digest_configs
from ks_universal.resources.containers import add_passed_through, build_container, build_init_containers
from ks_universal.resources.extra_objects import list_restarting
from ks_universal.resources.metadata import (
    Scope,
    build_labels,
    build_metadata,
    build_selector,
    build_version_label,
    find_selector,
    merge_annotations,
    read_kept,
)
from ks_universal.resources.pods import Pod, build_pod_spec
from ks_universal.resources.references import Reference, read_content, read_restart_references
from ks_universal.resources.sections import build_claim_template


def build_workload(scope: Scope, name: str, workload: AnyWorkload, application: Application) -> Json:
    """Build the workload; its pod template changes when the configuration does that its pods would not notice."""
    labels = build_labels(scope, name, build_version_label(find_version(workload.containers)), workload.labels)
    spec = _build_settings(name, workload, application)
    spec["selector"] = workload.selector or {"matchLabels": build_selector(name, scope.release)}
    of_pods = {**labels, **workload.pod_labels, **read_kept(workload)}
    spec["template"] = _build_template(scope, name, workload, application, labels=of_pods)
    metadata = build_metadata(scope, name, labels, workload.annotations)
    spec = add_passed_through(spec, workload.spec)
    return {"apiVersion": "apps/v1", "kind": workload.kind, "metadata": metadata, "spec": spec}


def _build_settings(name: str, workload: Workload, application: Application) -> Json:
    """Build what the values say under names of their own."""
    spec: Json = {}
    replicas = workload.replicas if isinstance(workload, ScaledWorkload) else None
    if replicas is not None and not is_scaled(name, workload, application):
        spec["replicas"] = replicas
    if isinstance(workload, Deployment) and workload.strategy is not None:
        spec["strategy"] = workload.strategy
    if isinstance(workload, StatefulSet):
        spec["serviceName"] = workload.service_name or headless_name(name)
        if workload.volume_claim_templates:
            spec["volumeClaimTemplates"] = [build_claim_template(each) for each in workload.volume_claim_templates]
    return spec


def find_version(containers: dict[str, Container]) -> str | None:
    """Find the tag of the main container: the one of that name, else the first."""
    main = containers.get("main") or next(iter(containers.values()))
    return main.image_tag


def _build_template(
    scope: Scope, name: str, workload: Workload, application: Application, *, labels: dict[str, str]
) -> Json:
    pod = _build_pod(scope, name, workload, application)
    annotations = merge_annotations(scope, workload.pod_annotations)
    has_any = application.configs or application.extra_objects
    references = _list_restarting(pod, workload.restart_on_config_change) if has_any else ()
    extra = list_restarting(application.extra_objects, references) if references else []
    digest = digest_configs(application.configs, references, extra)
    if digest is not None:
        annotations[CONFIG_DIGEST] = digest
    metadata: Json = {"labels": labels}
    if annotations:
        metadata["annotations"] = annotations
    return {"metadata": metadata, "spec": pod}


def _list_restarting(pod: Json, restart: Restart) -> tuple[Reference, ...]:
    """List the configuration whose change restarts the pods."""
    match restart:
        case Restart.NEEDED:
            return read_restart_references(pod)
        case Restart.ALWAYS:
            return tuple(read_content(pod))
        case Restart.NEVER:
            return ()


def _build_pod(scope: Scope, name: str, workload: Workload, application: Application) -> Json:
    groups = application.secret_refs
    pod = Pod(
        containers=[build_container(key, c, groups) for key, c in workload.containers.items()],
        init_containers=build_init_containers(workload.init_containers, groups),
        volumes=list(workload.volumes),
        account=find_account_name(scope, name, workload),
        security_context=workload.security_context,
        affinity=build_affinity(name, workload),
        passed_through=spread_pods(find_selector(name, workload, scope.release), workload.pod_spec),
    )
    return build_pod_spec(scope, workload, pod)
