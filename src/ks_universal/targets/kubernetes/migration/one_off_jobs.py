"""The `jobs` of the values on a cluster: what a Job runs cannot be changed, so another Job takes its place (D30)."""

from ks_universal.json_types import Json
from ks_universal.plan.one_off_jobs import find_job_digest
from ks_universal.targets.kubernetes.api.client import Client
from ks_universal.targets.kubernetes.migration.injected import has_been_ended
from ks_universal.targets.kubernetes.migration.jobs import remove_job
from ks_universal.targets.kubernetes.observed.observer import Observer

_MADE_BY_THE_CLUSTER = frozenset(
    ("controller-uid", "job-name", "batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name")
)
"""The labels by which a Job knows its pods: other ones for each Job."""


def is_replaced(live: Json | None, body: Json) -> bool:
    """Tell whether applying a Job means to make another one: it is there, and runs something else."""
    return live is not None and body["kind"] == "Job" and find_job_digest(live) != find_job_digest(body)


def is_done(live: Json | None, body: Json) -> bool:
    """Tell whether a Job has done what `body` runs and was stopped for what was injected: to apply it undoes that."""
    return live is not None and body["kind"] == "Job" and has_been_ended(live) and not is_replaced(live, body)


async def remove_old_job(
    client: Client, observer: Observer, live: Json | None, body: Json, *, again: bool = False
) -> None:
    """Delete the Job that another is to replace, with `again` one that runs the same.

    Returns when its pods are gone, so that two never run at once.
    """
    if live is not None and (again or is_replaced(live, body)):
        await remove_job(client, observer, live)


def without_identity(job: Json) -> Json:
    """Copy a Job without its name and what follows from its uid, to compare it with another one."""
    template = job["spec"]["template"]
    labels = template["metadata"].get("labels") or {}
    own = {key: value for key, value in labels.items() if key not in _MADE_BY_THE_CLUSTER}
    spec = {key: value for key, value in job["spec"].items() if key != "selector"}
    spec["template"] = {**template, "metadata": {**template["metadata"], "labels": own}}
    return {**job, "metadata": {**job["metadata"], "name": ""}, "spec": spec}
