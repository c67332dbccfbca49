"""`deployments`: the Deployment of an application (section 6 of the values reference)."""

from ks_universal.json_types import Json
from ks_universal.metadata_keys import CONFIG_DIGEST
from ks_universal.model.format.application import Application
from ks_universal.model.format.containers import Container
from ks_universal.model.format.workloads import Deployment, Restart
from ks_universal.resources.accounts import find_account_name
from ks_universal.resources.affinity import build_affinity, spread_pods
from ks_universal.resources.companions import is_scaled
from ks_universal.resources.configs import digest_configs
from ks_universal.resources.containers import add_passed_through, build_container, build_init_containers
from ks_universal.resources.metadata import (
    Scope,
    build_labels,
    build_metadata,
    build_selector,
    build_version_label,
    merge_annotations,
)
from ks_universal.resources.pods import Pod, build_pod_spec
from ks_universal.resources.references import Reference, read_content, read_restart_references


def build_deployment(scope: Scope, name: str, deployment: Deployment, application: Application) -> Json:
    """Build the Deployment; its pod template changes when the configuration does that its pods would not notice."""
    labels = build_labels(scope, name, build_version_label(find_version(deployment.containers)), deployment.labels)
    spec: Json = {}
    if deployment.replicas is not None and not is_scaled(name, deployment, application):
        spec["replicas"] = deployment.replicas
    if deployment.strategy is not None:
        spec["strategy"] = deployment.strategy
    spec["selector"] = {"matchLabels": build_selector(name, scope.release)}
    spec["template"] = _build_template(scope, name, deployment, application, labels=labels)
    metadata = build_metadata(scope, name, labels, deployment.annotations)
    spec = add_passed_through(spec, deployment.deployment_spec)
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}


def find_version(containers: dict[str, Container]) -> str | None:
    """Find the tag of the main container: the one of that name, else the first."""
    main = containers.get("main") or next(iter(containers.values()))
    return main.image_tag


def _build_template(
    scope: Scope, name: str, deployment: Deployment, application: Application, *, labels: dict[str, str]
) -> Json:
    pod = _build_pod(scope, name, deployment, application)
    annotations = merge_annotations(scope, deployment.pod_annotations)
    references = _list_restarting(pod, deployment.restart_on_config_change) if application.configs else ()
    digest = digest_configs(application.configs, references)
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


def _build_pod(scope: Scope, name: str, deployment: Deployment, application: Application) -> Json:
    groups = application.secret_refs
    pod = Pod(
        containers=[build_container(key, c, groups) for key, c in deployment.containers.items()],
        init_containers=build_init_containers(deployment.init_containers, groups),
        volumes=list(deployment.volumes),
        account=find_account_name(scope, name, deployment),
        security_context=deployment.security_context,
        affinity=build_affinity(name, deployment),
        passed_through=spread_pods(name, scope.release, deployment.pod_spec),
    )
    return build_pod_spec(scope, deployment, pod)
