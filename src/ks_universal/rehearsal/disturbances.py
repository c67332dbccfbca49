"""What may come between a migration and its end: a kill, a second run at the same time, an open transaction."""

from collections.abc import Callable, Sequence

import msgspec

from ks_universal.rehearsal.bench import Bench
from ks_universal.rehearsal.catalog import Snapshot
from ks_universal.rehearsal.command import Command
from ks_universal.rehearsal.concurrency import judge_together, note_together, run_together_everywhere
from ks_universal.rehearsal.facts import CommandResult, RehearsalRun
from ks_universal.rehearsal.interruption import interrupt, judge_interruptions
from ks_universal.rehearsal.lock_queue import add_queue, judge_queues, note_queue, queue_twice
from ks_universal.rehearsal.observation import Observation
from ks_universal.rehearsal.reference import Difference, run_undisturbed
from ks_universal.rehearsal.verdicts import RehearsalVerdict


class Disturbed(msgspec.Struct, frozen=True, kw_only=True):
    """The runs, and all verdicts: those that there were before, with what was found of them, and new ones."""

    runs: tuple[RehearsalRun, ...]
    verdicts: tuple[RehearsalVerdict, ...]


async def disturb(
    bench: Bench,
    command: Command,
    *,
    after: Snapshot,
    observation: Observation,
    verdicts: Sequence[RehearsalVerdict],
    say: Callable[[str], None] = lambda _: None,
) -> Disturbed:
    """Disturb a command that succeeds on the base: `after` and `observation` are of an undisturbed run."""
    await bench.restore_base()
    reference = await run_undisturbed(bench, command, after)
    if reference is None:  # it succeeds at times, and nothing can be compared with that
        return Disturbed(runs=(), verdicts=tuple(verdicts))
    say("killed after each commit, and run again")
    interruptions = await interrupt(bench, command, reference)
    say("two at once")
    pairs = await run_together_everywhere(bench, command, reference, statements=observation.statements)
    say("behind an open transaction")
    queues = await queue_twice(bench, command, reference, observation)
    return Disturbed(
        runs=(
            *(_tell(each.name, each.result, each.difference) for each in interruptions),
            *(
                # The one that fails tells more.
                _tell(name, next(iter(pair.failed), pair.results[1]), pair.difference, note_together(pair, pairs))
                for name, pair in pairs.items()
                if pair is not None
            ),
            *(_tell(each.name, each.result, each.difference, note_queue(each)) for each in queues),
        ),
        verdicts=(
            *add_queue(verdicts, queues),
            *judge_interruptions(interruptions),
            *(each for name, pair in pairs.items() if pair is not None for each in judge_together(name, pair)),
            *judge_queues(queues),
        ),
    )


def _tell(name: str, result: CommandResult, difference: Difference, notes: tuple[str, ...] = ()) -> RehearsalRun:
    return RehearsalRun(
        name=name,
        result=result,
        schema_changes=difference.schema,
        data_changes=difference.tables,
        is_disturbed=True,
        notes=notes,
    )
