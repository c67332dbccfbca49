"""The Jobs of the values on this machine: each is a task while it runs; its object keeps how it ended."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec

from ks_universal.diagnostics import Problem
from ks_universal.engine.cancellation import run_to_completion
from ks_universal.engine.events import AttemptEnded, Emit, Event, ObjectChanged
from ks_universal.engine.retries import TIMEOUT
from ks_universal.engine.target import MigrationFailed
from ks_universal.json_types import Json
from ks_universal.plan.changes import name_change
from ks_universal.plan.one_off_jobs import as_migration, find_job_digest, read_job_end, tell_timeout
from ks_universal.plan.records import Attempt, JobRecord, JobState, Outcome
from ks_universal.plan.steps import Apply, RunJob
from ks_universal.resources.objects import ObjectRef, object_ref
from ks_universal.targets.local.attempts import JobFolder, open_run
from ks_universal.targets.local.hosting import Host, PodRequest
from ks_universal.targets.local.jobs import JobRun
from ks_universal.targets.local.state import StateFolder

_CONDITIONS = {Outcome.SUCCEEDED: "Complete", Outcome.FAILED: "Failed"}


class _Run:
    """A Job that was begun here: its attempts so far, and why it failed."""

    def __init__(self, step: Apply, emit: Emit) -> None:
        self.attempts: list[Attempt] = []
        self.problems: tuple[Problem, ...] = ()
        self.task: asyncio.Task[None]
        self._step = step
        self._emit = emit

    def take(self, event: Event) -> None:
        """Keep the attempts that end, and pass all on."""
        if isinstance(event, AttemptEnded):
            self.attempts.append(event.attempt)
        self._emit(event)


class OneOffJobs:
    """All Jobs of the values of a release. What runs ends with `stop_all`, and runs again in the next run."""

    def __init__(self, state: StateFolder, host: Host, *, retry_delay_s: float) -> None:
        """Take the release's folder, what runs Jobs, and the pause before the first retry."""
        self._state = state
        self._host = host
        self._retry_delay_s = retry_delay_s
        self._runs: dict[ObjectRef, _Run] = {}

    async def apply(self, step: Apply, pod: PodRequest | None, emit: Emit) -> None:
        """Have the Job run, unless it runs or has ended; None: it cannot run here, and is only remembered.

        What it runs is told by its digest: of the rest (labels, `backoffLimit`) a cluster's Job may change, too.
        """
        ref = object_ref(step.body)
        before = self._state.read_object(ref)
        again = isinstance(step, RunJob) and step.again
        is_same = before is not None and find_job_digest(before) == find_job_digest(step.body)
        has_run = before is not None and is_same and _has_ended(before)
        stays = not again and (has_run or (is_same and self._is_running(ref)))
        if not stays:
            await self.stop(ref)
        status = {"status": before["status"]} if before is not None and stays and has_run else {}
        wanted = step.body | status
        if wanted != before:
            self._state.write_object(wanted)
        change = name_change(before, same=stays and wanted == before)
        emit(ObjectChanged(step=step.id, identity=ref, change=change))
        if pod is not None and not stays:
            await self._begin(step, pod, emit, anew=has_run)

    async def wait(self, ref: ObjectRef) -> None:
        """Wait until a Job that runs has ended. Who is cancelled leaves it running. Raises TargetError."""
        if self._is_running(ref):
            task = self._runs[ref].task
            await asyncio.wait([task])
            if not task.cancelled():
                task.result()

    def read(self, jobs: Mapping[ObjectRef, JobRecord]) -> tuple[JobState, ...]:
        """Read how Jobs are."""
        return tuple(self._read(ref, record) for ref, record in jobs.items())

    async def stop(self, ref: ObjectRef) -> None:
        """Stop a Job that runs; it counts as failed."""
        if self._is_running(ref):
            task = self._runs[ref].task
            task.cancel()
            await run_to_completion(asyncio.wait([task]))

    async def stop_all(self) -> None:
        """Stop all that run."""
        for ref in self._runs:
            await self.stop(ref)

    async def _begin(self, step: Apply, pod: PodRequest, emit: Emit, *, anew: bool) -> None:
        """Start the Job, or take up what a killed run has left of it; not with `anew`: it is known how that ended."""
        migration = as_migration(step.id, step.body)
        name = step.body["metadata"]["name"]
        if anew:
            JobFolder(self._state.path / "attempts" / name).settle()
        stop = self._host.stop_attempts
        folder, found = await open_run(self._state, name, step=step.id, digest=migration.digest, stop=stop)
        run = self._runs[object_ref(step.body)] = _Run(step, emit)
        job = JobRun(migration, pod, folder, found, run.take)

        async def follow() -> None:
            outcome = Outcome.FAILED
            try:
                await job.migrate(retry_delay_s=self._retry_delay_s)
                outcome = Outcome.SUCCEEDED
            except MigrationFailed as failure:
                run.problems = tuple(_name_timeout(cause, step.body) for cause in failure.causes)
            finally:
                # In this order: a kill in between must not have it run twice.
                self._state.write_object(_end(self._state.read_object(object_ref(step.body)) or step.body, outcome))
                folder.settle()

        run.task = asyncio.create_task(follow(), name=step.id)

    def _is_running(self, ref: ObjectRef) -> bool:
        return ref in self._runs and not self._runs[ref].task.done()

    def _read(self, ref: ObjectRef, record: JobRecord) -> JobState:
        body, run = self._state.read_object(ref), self._runs.get(ref)
        if body is None:
            return JobState(identity=ref, record=record, is_there=False)
        outcome, ended = read_job_end(body)
        if run is None:
            outcome = Outcome.PENDING if outcome is Outcome.RUNNING else outcome  # it cannot run here
            return JobState(identity=ref, record=msgspec.structs.replace(record, outcome=outcome, ended=ended))
        record = msgspec.structs.replace(record, outcome=outcome, ended=ended, attempts=tuple(run.attempts))
        return JobState(identity=ref, record=record, problems=run.problems)


def _has_ended(body: Json) -> bool:
    return read_job_end(body)[0] is not Outcome.RUNNING


def _end(body: Json, outcome: Outcome) -> Json:
    """Give a Job as a cluster would when it has ended."""
    condition = {"type": _CONDITIONS[outcome], "status": "True", "lastTransitionTime": datetime.now(UTC).isoformat()}
    return {**body, "status": {"conditions": [condition]}}


def _name_timeout(cause: Problem, job: Json) -> Problem:
    return tell_timeout(job) if cause.code == TIMEOUT else cause
