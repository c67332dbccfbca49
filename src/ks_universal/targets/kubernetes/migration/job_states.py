"""How the Jobs of the values are: waited for to their end, or looked at once."""

import asyncio
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

import msgspec

from ks_universal.diagnostics import Problem
from ks_universal.engine.events import Emit, Event
from ks_universal.json_types import Json
from ks_universal.metadata_keys import INSTANCE
from ks_universal.plan.one_off_jobs import as_migration, find_job_digest, read_job_end, record_job, tell_timeout
from ks_universal.plan.records import Attempt, JobRecord, JobState, Outcome
from ks_universal.plan.steps import RunJob
from ks_universal.resources.objects import ObjectRef, object_ref
from ks_universal.targets.kubernetes.api.client import Client
from ks_universal.targets.kubernetes.api.kinds import EVENT, JOB, POD
from ks_universal.targets.kubernetes.migration.attempts import Attempts, PodAttempt
from ks_universal.targets.kubernetes.migration.injected import describe_unending, has_been_ended, read_attempts
from ks_universal.targets.kubernetes.migration.job_watch import End, Ended, JobWatch, Stuck
from ks_universal.targets.kubernetes.observed.issues import describe_wait, find_creation_issue, find_issue
from ks_universal.targets.kubernetes.observed.observer import Observer
from ks_universal.targets.kubernetes.observed.pods import condition, created, is_finished, owner
from ks_universal.targets.kubernetes.observed.sight import describe_loss


async def await_end(  # noqa: PLR0913 - what is followed, who looks, and who is told
    client: Client, observer: Observer, step: RunJob, record: JobRecord, emit: Emit, *, job: Json, resumed: bool
) -> JobState:
    """Follow a Job to its end, or until it is stuck; who is cancelled leaves it as it is. `resumed`: it ran already."""
    await observer.start()
    watch = JobWatch(client, observer, as_migration(step.id, step.body), emit)
    try:
        end = await watch.follow(job, resumed=resumed)
        is_exhausted = watch.attempts.retries_left < 0
        if isinstance(end, Ended):
            await watch.attempts.end()
    finally:
        await watch.attempts.abandon()
    record = msgspec.structs.replace(record, attempts=watch.attempts.ended)
    match end:
        case Stuck(issue):
            outcome, problems = Outcome.RUNNING, (*watch.attempts.causes, issue)
        case Ended(End.DONE | End.COMPLETE):
            outcome, problems = Outcome.SUCCEEDED, ()
        case Ended(_, last):
            outcome = Outcome.FAILED
            problems = _explain_end(end, watch.attempts, observer.events(last), is_exhausted=is_exhausted)
    ended = None if outcome is Outcome.RUNNING else datetime.now(UTC)
    record = msgspec.structs.replace(record, outcome=outcome, ended=ended)
    return JobState(identity=object_ref(step.body), record=record, problems=tuple(dict.fromkeys(problems)))


def _explain_end(end: Ended, attempts: Attempts, events: Iterable[Json], *, is_exhausted: bool) -> tuple[Problem, ...]:
    """Say why a Job did not succeed, what tells most first. `is_exhausted`: it would not have tried again."""
    causes = attempts.causes or (() if attempts.last is None else attempts.last.explain_restarts())
    if end.end is End.GONE and not is_exhausted:  # else its ttl has removed it
        return (*causes, describe_loss(JOB, end.job["metadata"]["name"]))
    if end.end is End.HELD and attempts.last is not None and attempts.last.succeeds:
        return (describe_unending(attempts.find_held(end.job)),)
    return (*causes, *_read_verdict(end.job, causes, events))


def _read_verdict(job: Json, causes: Iterable[Problem], events: Iterable[Json]) -> tuple[Problem, ...]:
    """Read what the Job and the events about it add to its attempts' causes."""
    failed = condition(job, "Failed")
    refused = find_creation_issue(events)
    refusals = () if refused is None or causes else (refused.problem,)
    if failed.get("reason") == "DeadlineExceeded":
        return (*refusals, tell_timeout(job))
    if causes or refusals:
        return refusals
    return (Problem("kubernetes/job-failed", f"Job/{job['metadata']['name']} failed: {failed.get('message', '')}"),)


async def read_job_states(
    client: Client, release: str, jobs: Mapping[ObjectRef, JobRecord], *, with_logs: bool
) -> list[JobState]:
    """Read how Jobs of a namespace are; without logs for those who may not see what Secrets hold."""
    labels = f"{INSTANCE}={release}"
    found, pods = await asyncio.gather(
        client.list(JOB, labels=labels), client.list(POD, labels=f"{labels},batch.kubernetes.io/job-name")
    )
    live = {job["metadata"]["name"]: job for job in found.items if find_job_digest(job) is not None}
    states = (
        _read_state(client, ref, record, live.get(ref.name), pods.items, with_logs=with_logs)
        for ref, record in jobs.items()
    )
    return list(await asyncio.gather(*states))


def without_logs(state: JobState, why: str) -> JobState:
    """Say in the place of each attempt's log why it is not there."""
    attempts = tuple(msgspec.structs.replace(attempt, log_tail=(why,)) for attempt in state.record.attempts)
    return msgspec.structs.replace(state, record=msgspec.structs.replace(state.record, attempts=attempts))


async def _read_state(
    client: Client, ref: ObjectRef, record: JobRecord, job: Json | None, pods: Iterable[Json], *, with_logs: bool
) -> JobState:
    if job is None:
        return JobState(identity=ref, record=record, is_there=False)
    if record.digest != find_job_digest(job):
        record = record_job(job, record.revision, Outcome.RUNNING)
    outcome, ended = read_job_end(job)
    if record.outcome is not Outcome.RUNNING and outcome in (record.outcome, Outcome.RUNNING):
        return JobState(identity=ref, record=record)  # its pods were seen to end, its condition is a second late
    own = sorted((pod for pod in pods if owner(pod)[2] == job["metadata"]["uid"]), key=created)
    finished = [pod for pod in own if is_finished(pod)]
    noted = read_attempts(job) if has_been_ended(job) else ()
    attempts = noted or await _read_attempts(client, job, finished, with_logs=with_logs)
    record = msgspec.structs.replace(record, outcome=outcome, ended=ended, attempts=attempts)
    running = [pod for pod in own if not is_finished(pod)]
    waits_for = _find_wait(job, running) if outcome is Outcome.RUNNING else ""
    problems = await _find_problems(client, job, record, running)
    return JobState(identity=ref, record=record, waits_for=waits_for, problems=problems)


async def _read_attempts(client: Client, job: Json, pods: Iterable[Json], *, with_logs: bool) -> tuple[Attempt, ...]:
    step = as_migration(str(object_ref(job)), job)
    attempts = []
    for number, pod in enumerate(pods, start=1):
        attempt = PodAttempt(client, step, _ignore, number=number, pod=pod, resumed=True)
        if with_logs:
            attempt.update(pod)
        attempts.append(await attempt.end())
    return tuple(attempts)


def _find_wait(job: Json, running: list[Json]) -> str:
    if job["spec"].get("suspend"):
        return "somebody to start it: it is suspended"
    if not running:
        return "its pod to be created"
    return "" if running[-1]["status"].get("phase") == "Running" else describe_wait(running[-1])


async def _find_problems(client: Client, job: Json, record: JobRecord, running: list[Json]) -> tuple[Problem, ...]:
    """Find what keeps a Job from its work, or why it failed."""
    if record.outcome is Outcome.SUCCEEDED or job["spec"].get("suspend"):
        return ()
    causes = tuple(cause for attempt in record.attempts for cause in attempt.causes)
    if record.outcome is Outcome.FAILED:
        events = () if causes else await _read_events(client, job)
        return tuple(dict.fromkeys((*causes, *_read_verdict(job, causes, events))))
    if not running:
        issues = [find_creation_issue(await _read_events(client, job))]
    else:
        pending = [pod for pod in running if pod["status"].get("phase") != "Running"]
        issues = [find_issue(pod, await _read_events(client, pod)) for pod in pending]
    return tuple(dict.fromkeys(issue.problem for issue in issues if issue is not None))


async def _read_events(client: Client, item: Json) -> list[Json]:
    listing = await client.list(EVENT, fields=f"involvedObject.uid={item['metadata']['uid']}")
    return sorted(listing.items, key=lambda event: str(event.get("lastTimestamp") or event.get("eventTime") or ""))


def _ignore(event: Event) -> None:
    """Let nobody hear of it: it has happened before."""
