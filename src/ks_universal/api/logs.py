"""What the migrations and Jobs of a release on a cluster said, also when their pods are gone."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import msgspec

from ks_universal.api.cluster import read_history
from ks_universal.diagnostics import Problem
from ks_universal.errors import InputError
from ks_universal.plan.one_off_jobs import list_jobs
from ks_universal.plan.records import Attempt, JobRecord, JobState, Outcome, Revision, StepRecord
from ks_universal.resources.objects import ObjectRef
from ks_universal.targets.kubernetes.target import KubernetesTarget


class StepLog(msgspec.Struct, frozen=True, kw_only=True):
    """What attempts of a migration step, or of a Job of the values, said last, in the run of a revision."""

    id: str
    revision: int
    attempts: tuple[Attempt, ...]


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """The migrations and the Jobs of the values that run now; see `follow_logs`."""

    steps: tuple[StepRecord, ...]
    jobs: tuple[ObjectRef, ...]
    problems: tuple[Problem, ...] = ()
    """What could not be read of the record."""

    @property
    def ids(self) -> tuple[str, ...]:
        """What the lines of each are named by."""
        return (*(step.id for step in self.steps), *map(str, self.jobs))


class Logs(msgspec.Struct, frozen=True, kw_only=True):
    """What has ended, and the ids of what runs, of a release whose last run is `revision`."""

    revision: int
    ended: tuple[StepLog, ...]
    running: tuple[str, ...]
    problems: tuple[Problem, ...] = ()
    """What could not be read of the record."""


async def read_logs(target: KubernetesTarget, step: str | None = None, attempt: int | None = None) -> Logs:
    """Read the last lines of the migrations and Jobs that ran last, from the record and else from the pods.

    `step` is the id, the name or the application of migrations, or a Job; `attempt` one try. The pods of Jobs need the
    right to read Secrets, whose values are masked; without it there is a line that says so. Raises InputError where
    there is nothing to show.
    """
    history = await read_history(target)
    revisions = history.revisions
    running = _list_running(revisions[-1], step)
    jobs = await _read_job_logs(target, _select_jobs(revisions[-1], step))
    revision, tried = _find_last(revisions, step)
    steps = [StepLog(id=each.id, revision=revision, attempts=_choose(each, attempt)) for each in tried]
    ended = [
        StepLog(id=str(job.identity), revision=job.record.revision, attempts=_choose(job, attempt))
        for job in jobs
        if job.record.attempts
    ]
    if not steps and not ended:
        raise InputError([_find_nothing(revisions, step)])
    found = Running(steps=running, jobs=tuple(job.identity for job in jobs if _runs(job)))
    return Logs(revision=revisions[-1].number, ended=(*steps, *ended), running=found.ids, problems=history.problems)


async def find_running(target: KubernetesTarget, step: str | None = None) -> Running:
    """Find the migrations and Jobs that run now; `step` as in `read_logs`. Raises InputError for no record."""
    history = await read_history(target)
    latest = history.revisions[-1]
    jobs = _select_jobs(latest, step)
    states = await target.read_jobs(jobs, with_logs=False) if jobs else ()
    running = tuple(job.identity for job in states if _runs(job))
    return Running(steps=_list_running(latest, step), jobs=running, problems=history.problems)


async def follow_logs(target: KubernetesTarget, running: Running, take: Callable[[str, str], None]) -> None:
    """Give each line of what runs to `take`, after the id of its step or Job, until all have ended."""
    await asyncio.gather(
        *(_follow_migration(target, step, partial(take, step.id)) for step in running.steps),
        *(target.follow_log(job, partial(take, str(job))) for job in running.jobs),
    )


def _list_running(revision: Revision, step: str | None) -> tuple[StepRecord, ...]:
    return tuple(record for record in _select((revision,), step) if record.outcome is Outcome.RUNNING)


def _runs(job: JobState) -> bool:
    return job.is_there and job.record.outcome is Outcome.RUNNING


async def _follow_migration(target: KubernetesTarget, step: StepRecord, take: Callable[[str], None]) -> bool:
    """Give the log of a migration that runs now, line by line, until it has ended; False where its Job is gone."""
    known = (ref for revision in (await target.read_history()).revisions for ref in revision.objects)
    jobs = [ref for ref in known if (ref.kind, ref.name) == ("Job", step.job)]
    return await target.follow_log(jobs[-1] if jobs else ObjectRef("Job", target.namespace, step.job), take)


async def _read_job_logs(target: KubernetesTarget, jobs: Mapping[ObjectRef, JobRecord]) -> tuple[JobState, ...]:
    """Read what attempts of Jobs of the values said last: from the record where it has their end, else from their pods.

    The latter needs the right to read Secrets, whose values are masked; without it there is a line that says so.
    """
    return tuple([await _read_job_log(target, ref, record) for ref, record in jobs.items()])


async def _read_job_log(target: KubernetesTarget, ref: ObjectRef, record: JobRecord) -> JobState:
    if record.outcome is Outcome.PENDING or record.attempts:
        return JobState(identity=ref, record=record)
    return await target.read_job_log(ref, record)


def _find_last(revisions: Sequence[Revision], step: str | None) -> tuple[int, list[StepRecord]]:
    """Find the number of the last run that tried any of the migrations that are wanted, and those that it tried."""
    for revision in reversed(revisions):
        tried = [record for record in _select((revision,), step) if record.attempts]
        if tried:
            return revision.number, tried
    return revisions[-1].number, []


def _find_nothing(revisions: Sequence[Revision], step: str | None) -> Problem:
    if step is None:
        return Problem("release/no-logs", "no migration or job of this release has ended yet; see also -f")
    records = [record.id for revision in revisions for record in revision.steps]
    known = dict.fromkeys((*records, *(str(job) for job in list_jobs(revisions[-1]))))
    hint = f"there are: {', '.join(known)}" if known else "there are none"
    return Problem("release/no-logs", f"no migration step or job {step} has ended, or its pods are gone", hint=hint)


def _select(revisions: Sequence[Revision], step: str | None) -> list[StepRecord]:
    records = (record for revision in revisions for record in revision.steps)
    return [record for record in records if step in (None, record.id, record.step, record.application)]


def _select_jobs(revision: Revision, step: str | None) -> dict[ObjectRef, JobRecord]:
    return {job: record for job, record in list_jobs(revision).items() if step in (None, job.name, str(job))}


def _choose(ran: StepRecord | JobState, number: int | None) -> tuple[Attempt, ...]:
    name, attempts = (ran.id, ran.attempts) if isinstance(ran, StepRecord) else (str(ran.identity), ran.record.attempts)
    chosen = tuple(attempt for attempt in attempts if number in (None, attempt.number))
    if not chosen:
        raise InputError([Problem("release/no-logs", f"{name} had {len(attempts)} attempt(s)")])
    return chosen
