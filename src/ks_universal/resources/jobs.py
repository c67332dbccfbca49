"""`jobs` and `cronJobs` (sections 10 and 11 of the values reference)."""

from ks_universal.digests import digest_json
from ks_universal.json_types import Json
from ks_universal.metadata_keys import JOB_DIGEST
from ks_universal.model.format.application import Application
from ks_universal.model.format.workloads import CronJob, Job, JobSettings
from ks_universal.resources.accounts import find_account_name
from ks_universal.resources.affinity import spread_pods
from ks_universal.resources.containers import build_container, build_init_containers
from ks_universal.resources.metadata import (
    Scope,
    build_labels,
    build_metadata,
    build_selector,
    build_version_label,
    merge_annotations,
)
from ks_universal.resources.objects import annotate
from ks_universal.resources.pods import Pod, build_pod_spec
from ks_universal.resources.workloads import find_version

_CHANGEABLE = frozenset(("activeDeadlineSeconds", "backoffLimit", "parallelism", "suspend", "ttlSecondsAfterFinished"))
"""What Kubernetes lets one change of a Job (JobSpec of the API); for the rest it takes another Job."""


def build_job(scope: Scope, name: str, job: Job, application: Application) -> Json:
    """Build the Job, annotated with the digest of what cannot be changed: a Job with another one replaces it (D30)."""
    spec = _build_spec(scope, name, job, application)
    labels = _build_labels(scope, name, job)
    metadata = build_metadata(scope, name, labels, job.annotations)
    return sign_job({"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec})


def sign_job(body: Json) -> Json:
    """Annotate a Job of the values with the digest of what it is now."""
    return annotate(body, {JOB_DIGEST: _digest(body["spec"])})


def build_cron_job(scope: Scope, name: str, job: CronJob, application: Application) -> Json:
    """Build the CronJob; labels and annotations also go to the Jobs that it makes."""
    labels = _build_labels(scope, name, job)
    metadata = build_metadata(scope, name, labels, job.annotations)
    shared = {key: metadata[key] for key in ("labels", "annotations") if key in metadata}
    spec: Json = {"schedule": job.schedule}
    if job.timezone is not None:
        spec["timeZone"] = job.timezone
    if job.suspend is not None:
        spec["suspend"] = job.suspend
    spec.update(job.cron_job_spec)
    spec["jobTemplate"] = {"metadata": shared, "spec": _build_spec(scope, name, job, application)}
    return {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": metadata, "spec": spec}


def _build_labels(scope: Scope, name: str, job: JobSettings) -> dict[str, str]:
    return build_labels(scope, name, build_version_label(find_version(job.containers)), job.labels)


def _build_spec(scope: Scope, name: str, job: JobSettings, application: Application) -> Json:
    metadata: Json = {"labels": {**_build_labels(scope, name, job), **job.pod_labels}}
    annotations = merge_annotations(scope, job.pod_annotations)
    if annotations:
        metadata["annotations"] = annotations
    return {**job.job_spec, "template": {"metadata": metadata, "spec": _build_pod(scope, name, job, application)}}


def _build_pod(scope: Scope, name: str, job: JobSettings, application: Application) -> Json:
    groups = application.secret_refs
    pod = Pod(
        containers=[build_container(key, container, groups) for key, container in job.containers.items()],
        init_containers=build_init_containers(job.init_containers, groups),
        volumes=list(job.volumes),
        account=find_account_name(scope, name, job),
        security_context=job.security_context,
        affinity=job.affinity,
        node_selector=job.node_selector,
        restart_policy=job.restart_policy,
        passed_through=spread_pods(build_selector(name, scope.release), job.pod_spec),
    )
    return build_pod_spec(scope, job, pod)


def _digest(spec: Json) -> str:
    fixed = {key: value for key, value in spec.items() if key not in _CHANGEABLE}
    return digest_json(fixed, 16)
