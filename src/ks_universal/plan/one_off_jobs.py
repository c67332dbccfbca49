"""The `jobs` of the values: each runs once for what it says, and again when that changes (D30), or when it failed.

The digest on a Job tells what it runs. While the Job is live, it tells by itself how it ended; where its ttl has
removed it, the record tells that it ran: a Job that is noted there with the same digest is no step of the plan. To run
one again that succeeded, change something of it (`podAnnotations`).
"""

from datetime import datetime

import msgspec

from ks_universal.diagnostics import Problem
from ks_universal.json_types import Json
from ks_universal.metadata_keys import INSTANCE, JOB_DIGEST, SUCCEEDED
from ks_universal.model.format.migrations import Phase
from ks_universal.model.format.workloads import JobWhen
from ks_universal.plan.records import JobRecord, Outcome, Revision, State
from ks_universal.plan.steps import Apply, Migrate, RunJob, SkippedJob
from ks_universal.resources.objects import Migration, ObjectRef, OneOff, Resource, object_ref

_BACKOFF_LIMIT = 6
"""Kubernetes' default."""
_ENDS = {"Complete": Outcome.SUCCEEDED, "Failed": Outcome.FAILED}


def find_job_digest(body: Json) -> str | None:
    """Find the digest of what a Job of the values runs; None for any other object."""
    if body["kind"] != "Job":
        return None
    digest: str | None = body["metadata"].get("annotations", {}).get(JOB_DIGEST)
    return digest


def name_job(ref: ObjectRef) -> str:
    """Name a Job as the record's `jobs` does: `shop/seed`, the first being its namespace."""
    return f"{ref.namespace}/{ref.name}"


def list_known(revision: Revision) -> dict[ObjectRef, JobRecord]:
    """List all Jobs of the values that a run knows of, also those that have left them."""
    records = (
        (name, JobRecord(digest=known, revision=revision.number) if isinstance(known, str) else known)
        for name, known in revision.jobs.items()
    )
    return {_identify(name): record for name, record in records}


def list_jobs(revision: Revision) -> dict[ObjectRef, JobRecord]:
    """List the Jobs of the values that a release has after a run, those included that did not come to run."""
    made = {ref: record for ref, record in list_known(revision).items() if ref in revision.objects}
    not_run = JobRecord(digest="", revision=revision.number, outcome=Outcome.PENDING)
    return made | dict.fromkeys(revision.jobs_not_run, not_run)


def read_job_end(body: Json) -> tuple[Outcome, datetime | None]:
    """Read how and when a live Job ended; RUNNING, None while it has not."""
    if SUCCEEDED in (body["metadata"].get("annotations") or {}):
        return Outcome.SUCCEEDED, None
    for condition in body.get("status", {}).get("conditions") or ():
        if condition["type"] in _ENDS and condition["status"] == "True":
            return _ENDS[condition["type"]], datetime.fromisoformat(condition["lastTransitionTime"])
    return Outcome.RUNNING, None


def record_job(body: Json, revision: int, outcome: Outcome) -> JobRecord:
    """Begin the record of a Job of the values."""
    ttl_s = body["spec"].get("ttlSecondsAfterFinished")
    return JobRecord(digest=find_job_digest(body) or "", revision=revision, outcome=outcome, ttl_s=ttl_s)


def plan_job(step: str, resource: Resource, state: State) -> Apply | SkippedJob:
    """Give what the plan does with a Job of the values, as the step of this id: run it, apply it, or leave it out."""
    terms = resource.one_off or OneOff()
    known = _find_known(resource, terms, state)
    if known is None:
        return _run(step, resource, "it has not run yet")
    is_there, is_same = _is_live(resource.body, state), known.digest == find_job_digest(resource.body)
    if known.outcome is Outcome.FAILED:
        return _run(step, resource, f"it failed in revision {known.revision}", again=is_there)
    if terms.wait and is_there and is_same and known.outcome is Outcome.RUNNING:
        return _run(step, resource, "it has not ended yet")
    if is_there and is_same:
        return Apply(id=step, application=resource.application, body=resource.body)
    if terms.when is JobWhen.INSTALL:
        return SkippedJob(step, f"it ran in revision {known.revision}, and 'when: install' lets it run once")
    if not is_same:
        return _run(step, resource, "what it runs has changed")
    return SkippedJob(step, _report_removal(known))


def as_migration(step: str, body: Json) -> Migrate:
    """Give a Job of the values as a migration: the same code follows the attempts of both, and names their failures."""
    spec = body["spec"]
    migration = Migration(
        application=step,
        step=None,
        phase=Phase.POST,
        body=body,
        retries=spec.get("backoffLimit", _BACKOFF_LIMIT),
        timeout_s=spec.get("activeDeadlineSeconds"),
    )
    return Migrate(id=step, migration=migration, digest=find_job_digest(body) or "", why="")


def tell_timeout(job: Json) -> Problem:
    """Say that a Job of the values did not end in time."""
    message = f"it did not end within its activeDeadlineSeconds of {job['spec']['activeDeadlineSeconds']} s"
    hint = "raise 'activeDeadlineSeconds', or see in its log what it waited for"
    return Problem("jobs/timeout", message, hint=hint)


def tell_end_of_gone(record: JobRecord) -> str:
    """Say what has become of a Job that is not there any more."""
    if record.ttl_s is None:
        return "it has been deleted since"
    return f"its ttlSecondsAfterFinished of {record.ttl_s} s has removed it"


def _run(step: str, resource: Resource, why: str, *, again: bool = False) -> RunJob:
    awaits_end = resource.one_off is not None and resource.one_off.wait
    return RunJob(
        id=step, application=resource.application, body=resource.body, why=why, again=again, awaits_end=awaits_end
    )


def _find_known(resource: Resource, terms: OneOff, state: State) -> JobRecord | None:
    """Find what is known of a Job that was made in an earlier run; None where none was, or it has left since.

    One that runs once in the life of the release has run also where it left the values and came back.
    """
    ref = object_ref(resource.body)
    latest = state.revisions[-1] if state.revisions else None
    known = None if latest is None else list_known(latest).get(ref)
    if _is_live(resource.body, state):
        return _read_live(state.objects[ref], known, revision=latest.number if latest else 0)
    if known is None or latest is None:
        return None
    return known if ref in latest.objects or terms.when is JobWhen.INSTALL else None


def _read_live(live: Json, known: JobRecord | None, *, revision: int) -> JobRecord:
    """Read the record of a Job off the Job itself. Who was killed may not have noted it: `revision` was the last.

    Its pods may have been seen to end where it does not say so yet.
    """
    outcome, ended = read_job_end(live)
    if known is None or known.digest != find_job_digest(live):
        return msgspec.structs.replace(record_job(live, revision, outcome), ended=ended)
    return known if outcome is Outcome.RUNNING else msgspec.structs.replace(known, outcome=outcome, ended=ended)


def _report_removal(known: JobRecord) -> str:
    unseen = "; nobody saw how it ended" if known.outcome is Outcome.RUNNING else ""
    return f"it ran in revision {known.revision}, and {tell_end_of_gone(known)}{unseen}"


def _is_live(body: Json, state: State) -> bool:
    """Tell whether the release has a Job of this name, which does not go just now."""
    live = state.objects.get(object_ref(body))
    return live is not None and find_job_digest(live) is not None and _read_release(live) == _read_release(body)


def _identify(name: str) -> ObjectRef:
    namespace, _, name = name.partition("/")
    return ObjectRef("Job", namespace, name)


def _read_release(body: Json) -> str | None:
    release: str | None = (body["metadata"].get("labels") or {}).get(INSTANCE)
    return release
