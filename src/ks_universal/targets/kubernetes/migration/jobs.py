"""Makes and removes a migration's Job: suspended first, then its staged copies, which it owns, then started."""

from ks_universal.json_types import Json
from ks_universal.metadata_keys import DIGEST
from ks_universal.plan.steps import Migrate
from ks_universal.resources.objects import annotate
from ks_universal.targets.kubernetes.api.client import Client
from ks_universal.targets.kubernetes.api.kinds import JOB
from ks_universal.targets.kubernetes.objects.own_objects import write_own
from ks_universal.targets.kubernetes.observed.observer import Observer
from ks_universal.targets.kubernetes.observed.pods import condition, is_finished, owner


def may_run(job: Json) -> bool:
    """Tell whether a Job runs or may still run."""
    return not any(condition(job, kind).get("status") == "True" for kind in ("Complete", "Failed"))


async def make_job(client: Client, step: Migrate, marks: dict[str, str], *, retries: int | None = None) -> Json:
    """Create the step's Job and its staged copies, and start it. There must be no Job of this name.

    `marks` are the annotations that it gets; `retries` are those that are left, where pods of an earlier Job have used
    some.
    """
    body = _body(step, marks, suspended=bool(step.staged))
    if retries is not None:
        body["spec"]["backoffLimit"] = retries
    job = await client.apply(JOB, body)
    return await start_job(client, step, marks, job) if step.staged else job


async def start_job(client: Client, step: Migrate, marks: dict[str, str], job: Json) -> Json:
    """Bring a Job to work that was made, and perhaps not started: its staged copies, then its start."""
    if not job["spec"].get("suspend"):
        return job
    for body in step.staged:
        await write_own(client, _owned(body, job))
    body = _body(step, marks, suspended=False)
    body["spec"]["backoffLimit"] = job["spec"]["backoffLimit"]
    return await client.apply(JOB, body)


async def remove_job(client: Client, observer: Observer, job: Json) -> None:
    """Delete a Job; returns when it and its pods are gone. Its pods end by their own grace period."""
    name, uid = job["metadata"]["name"], job["metadata"]["uid"]
    await observer.start()
    with observer.follow(("Job", name)) as changed:
        await client.delete(JOB, name, uid=uid, propagation="Foreground")
        while _is_there(observer, name, uid):
            await changed.wait()
            changed.clear()
            observer.check()


def _is_there(observer: Observer, name: str, uid: str) -> bool:
    job = observer.job(name)
    if job is not None and job["metadata"]["uid"] == uid:
        return True
    return any(owner(pod)[2] == uid and not is_finished(pod) for pod in observer.pods(("Job", name)))


def _body(step: Migrate, marks: dict[str, str], *, suspended: bool) -> Json:
    body = step.migration.body
    return annotate({**body, "spec": {**body["spec"], "suspend": suspended}}, {DIGEST: step.digest, **marks})


def _owned(body: Json, job: Json) -> Json:
    """Give a staged copy its owner: it goes when the Job goes."""
    reference = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "name": job["metadata"]["name"],
        "uid": job["metadata"]["uid"],
    }
    return {**body, "metadata": {**body["metadata"], "ownerReferences": [reference]}}
