"""`ks-universal logs`: what the migrations and Jobs of a release said, also when their pods are gone."""

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import click
import msgspec

from ks_universal.cli.cluster import Cluster, read_from_cluster, takes_cluster
from ks_universal.cli.show.console import say, show_problems, write_result
from ks_universal.diagnostics import Problem
from ks_universal.engine.events import LogWritten
from ks_universal.errors import InputError
from ks_universal.plan.one_off_jobs import list_jobs
from ks_universal.plan.records import Attempt, JobRecord, Outcome, Revision, StepRecord
from ks_universal.resources.objects import ObjectRef

if TYPE_CHECKING:
    from ks_universal.targets.kubernetes.target import KubernetesTarget


@click.command()
@click.argument("name")
@click.argument("step", required=False)
@takes_cluster
@click.option("--attempt", type=click.IntRange(min=1), metavar="N", help="Only this attempt.")
@click.option("-f", "--follow", is_flag=True, help="Follow the migrations and jobs that run now, to their end.")
def command(name: str, step: str | None, cluster: Cluster, *, output: str, attempt: int | None, follow: bool) -> int:
    """Print the last lines of the migrations and jobs that ran last for the release NAME: all, or those of STEP."""
    from ks_universal.api.cluster import read_job_logs, read_revisions
    from ks_universal.cli.show.record_lines import format_job_log, format_log

    async def work(target: "KubernetesTarget") -> int:
        revisions = await read_revisions(target)
        show_problems(target.record_problems)
        running = [record for record in _select(revisions[-1:], step) if record.outcome is Outcome.RUNNING]
        wanted = _select_jobs(revisions[-1], step)
        if follow and await _follow(target, running, wanted, as_json=output == "json"):
            return 0
        jobs = await read_job_logs(target, wanted)
        revision, tried = _find_last(revisions, step)
        steps = [(record, _choose(record.id, record.attempts, attempt)) for record in tried]
        ended = [(job, _choose(str(job.identity), job.record.attempts, attempt)) for job in jobs if job.record.attempts]
        if not steps and not ended:
            raise InputError([_find_nothing(revisions, step)])
        if output == "json":
            logged = [*((record.id, a) for record, a in steps), *((str(job.identity), a) for job, a in ended)]
            entries = [{"step": each, "attempts": attempts} for each, attempts in logged]
            write_result(msgspec.json.format(msgspec.json.encode(entries)).decode() + "\n")
            return 0
        lines = [line for record, attempts in steps for line in format_log(revision, record, attempts)]
        lines += [line for job, attempts in ended for line in format_job_log(job, attempts)]
        write_result("".join(f"{line}\n" for line in lines))
        going_on = [job for job in jobs if job.is_there and job.record.outcome is Outcome.RUNNING]
        for record in (*(each.id for each in running), *(str(job.identity) for job in going_on)):
            say(f"{record} of revision {revisions[-1].number} has not ended: -f follows it")
        return 0

    return read_from_cluster(cluster, name, work)


async def _follow(
    target: "KubernetesTarget", steps: Sequence[StepRecord], jobs: Mapping[ObjectRef, JobRecord], *, as_json: bool
) -> bool:
    """Write the lines of what runs now until it has ended; False: nothing does."""
    from ks_universal.api.cluster import follow_migration

    states = await target.read_jobs(jobs, with_logs=False) if jobs else ()
    running = [job.identity for job in states if job.is_there and job.record.outcome is Outcome.RUNNING]
    write = _write_event if as_json else _write_line if len(steps) + len(running) == 1 else _write_named
    await asyncio.gather(
        *(follow_migration(target, step, partial(write, step.id)) for step in steps),
        *(target.follow_log(job, partial(write, str(job))) for job in running),
    )
    return bool(steps or running)


def _write_line(step: str, line: str) -> None:  # noqa: ARG001 - as the others
    write_result(f"{line}\n")


def _write_named(step: str, line: str) -> None:
    write_result(f"{step} | {line}\n")


def _write_event(step: str, line: str) -> None:
    write_result(msgspec.json.encode(LogWritten(source=step, line=line)).decode() + "\n")


def _find_last(revisions: Sequence[Revision], step: str | None) -> tuple[Revision, list[StepRecord]]:
    """Find the last run that tried any of the migrations that are wanted, and those that it tried."""
    for revision in reversed(revisions):
        tried = [record for record in _select((revision,), step) if record.attempts]
        if tried:
            return revision, tried
    return revisions[-1], []


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


def _choose(step: str, attempts: tuple[Attempt, ...], number: int | None) -> tuple[Attempt, ...]:
    chosen = tuple(attempt for attempt in attempts if number in (None, attempt.number))
    if not chosen:
        raise InputError([Problem("release/no-logs", f"{step} had {len(attempts)} attempt(s)")])
    return chosen
