"""One run of a migration that is observed, and what is to be said of it."""

import msgspec

from ks_universal.rehearsal.before import find_advice
from ks_universal.rehearsal.bench import Bench
from ks_universal.rehearsal.catalog import Snapshot, find_leftovers, find_losses, find_rewritten, take_snapshot
from ks_universal.rehearsal.command import Command
from ks_universal.rehearsal.facts import CommandResult, VerdictSeverity
from ks_universal.rehearsal.observation import Observation, observe
from ks_universal.rehearsal.verdicts import (
    RehearsalVerdict,
    judge_failure,
    judge_locks,
    judge_losses,
    judge_waits,
    judge_work,
)


class Observed(msgspec.Struct, frozen=True, kw_only=True):
    """An observed run of a command, and what is to be said of it."""

    result: CommandResult
    observation: Observation
    after: Snapshot
    verdicts: tuple[RehearsalVerdict, ...]


async def run_observed(bench: Bench, command: Command, before: Snapshot) -> Observed:
    """Run a migration once, on the database of which `before` was taken, and judge what it did."""
    async with observe(bench.server, before) as observation:
        result = await bench.run(command)
    if observation.errors and not result.is_success:
        result = msgspec.structs.replace(result, error=observation.errors[-1])
    after = await take_snapshot(bench.server)
    rows = {table.name: table.rows for table in before.tables.values()}
    verdicts: list[RehearsalVerdict] = []
    if not result.is_success:
        advice = find_advice(bench.server, observation.errors) or "mend it: so it will fail in production"
        verdicts.append(judge_failure(result, "fails", "the migration fails", advice))
    rewritten = find_rewritten(before, after)
    verdicts += judge_locks(observation, rows, rewritten)
    verdicts += judge_work(observation, rows, rewritten)
    verdicts += judge_waits(observation)
    verdicts += judge_losses(tuple(find_losses(before, after)))
    verdicts += _judge_leftovers(before, after)
    return Observed(result=result, observation=observation, after=after, verdicts=tuple(verdicts))


def _judge_leftovers(before: Snapshot, after: Snapshot) -> list[RehearsalVerdict]:
    advice = "drop the index and build it anew, validate the constraint: a later step of the migration"
    return [
        RehearsalVerdict(
            code="leftovers",
            severity=VerdictSeverity.WARNING,
            table=None,
            message=f"is left half done: {each}",
            advice=advice,
        )
        for each in find_leftovers(before, after)
    ]
