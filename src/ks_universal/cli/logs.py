"""`ks-universal logs`: what the migrations of a release said, also when their pods are gone."""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import click
import msgspec

from ks_universal.cli.cluster import Cluster, read_from_cluster, takes_cluster
from ks_universal.cli.console import say, show_problems, write_result
from ks_universal.diagnostics import Problem
from ks_universal.engine.events import LogWritten
from ks_universal.errors import InputError
from ks_universal.plan.records import Attempt, Outcome, Revision, StepRecord

if TYPE_CHECKING:
    from ks_universal.targets.kubernetes.target import KubernetesTarget


@click.command()
@click.argument("name")
@click.argument("step", required=False)
@takes_cluster
@click.option("--attempt", type=click.IntRange(min=1), metavar="N", help="Only this attempt.")
@click.option("-f", "--follow", is_flag=True, help="Follow the migrations that run now, to their end.")
def command(name: str, step: str | None, cluster: Cluster, *, output: str, attempt: int | None, follow: bool) -> int:
    """Print the last lines of the migrations that ran last for the release NAME: all, or those of STEP."""
    from ks_universal.api.cluster import follow_migration, read_revisions
    from ks_universal.cli.record_lines import format_log

    async def work(target: "KubernetesTarget") -> int:
        revisions = await read_revisions(target)
        show_problems(target.record_problems)
        running = [record for record in _select(revisions[-1:], step) if record.outcome is Outcome.RUNNING]
        if follow and running:
            write = _write_event if output == "json" else _write_line if len(running) == 1 else _write_named
            await asyncio.gather(*(follow_migration(target, each, partial(write, each.id)) for each in running))
            return 0
        revision, tried = _find_last(revisions, step)
        chosen = [(record, _choose(record, attempt)) for record in tried]
        if output == "json":
            entries = [{"step": record.id, "attempts": attempts} for record, attempts in chosen]
            write_result(msgspec.json.format(msgspec.json.encode(entries)).decode() + "\n")
            return 0
        lines = [line for record, attempts in chosen for line in format_log(revision, record, attempts)]
        write_result("".join(f"{line}\n" for line in lines))
        for record in running:
            say(f"{record.id} of revision {revisions[-1].number} has not ended: -f follows it")
        return 0

    return read_from_cluster(cluster, name, work)


def _write_line(step: str, line: str) -> None:  # noqa: ARG001 - as the others
    write_result(f"{line}\n")


def _write_named(step: str, line: str) -> None:
    write_result(f"{step} | {line}\n")


def _write_event(step: str, line: str) -> None:
    write_result(msgspec.json.encode(LogWritten(source=step, line=line)).decode() + "\n")


def _find_last(revisions: Sequence[Revision], step: str | None) -> tuple[Revision, list[StepRecord]]:
    """Find the last run that tried any of the steps, and those that it tried."""
    for revision in reversed(revisions):
        tried = [record for record in _select((revision,), step) if record.attempts]
        if tried:
            return revision, tried
    if step is None:
        raise InputError([Problem("release/no-logs", "no migration of this release has ended yet; see also -f")])
    known = dict.fromkeys(record.id for revision in revisions for record in revision.steps)
    hint = f"there are: {', '.join(known)}" if known else "there are none"
    raise InputError([Problem("release/no-logs", f"no migration step {step} has ended", hint=hint)])


def _select(revisions: Sequence[Revision], step: str | None) -> list[StepRecord]:
    records = (record for revision in revisions for record in revision.steps)
    return [record for record in records if step in (None, record.id, record.step, record.application)]


def _choose(record: StepRecord, number: int | None) -> tuple[Attempt, ...]:
    attempts = tuple(attempt for attempt in record.attempts if number in (None, attempt.number))
    if not attempts:
        raise InputError([Problem("release/no-logs", f"{record.id} had {len(record.attempts)} attempt(s)")])
    return attempts
