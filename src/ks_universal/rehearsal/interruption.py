"""The runs that are killed: what a lost pod or an expired deadline leaves, and whether the next run mends it.

The gate holds the k-th commit. It is durable then and its client does not know it: the client is killed there, with
all its processes. "Killed before commit k" leaves the database as "killed after commit k - 1"; killed after the last,
the next run is the second run of a migration that is done.
"""

import asyncio
from collections.abc import Iterator, Sequence

import msgspec

from ks_universal.rehearsal.bench import Bench
from ks_universal.rehearsal.catalog import Snapshot, take_snapshot
from ks_universal.rehearsal.command import Command
from ks_universal.rehearsal.facts import CommandResult, VerdictSeverity
from ks_universal.rehearsal.gate import Gate, Session
from ks_universal.rehearsal.reference import Difference, Reference
from ks_universal.rehearsal.server import APPLICATION
from ks_universal.rehearsal.server_log import mark_log, read_errors
from ks_universal.rehearsal.verdicts import RehearsalVerdict

MOST_KILLS = 10


class Interruption(msgspec.Struct, frozen=True, kw_only=True):
    """A run that was killed after one of its commits, and the next run: how it ended, and to what that led."""

    after_commit: int
    commits: int
    result: CommandResult
    difference: Difference

    @property
    def name(self) -> str:
        """What kind of run it was."""
        return f"killed after commit {self.after_commit} of {self.commits}, run again"


async def interrupt(
    bench: Bench, command: Command, reference: Reference, *, most: int = MOST_KILLS
) -> tuple[Interruption, ...]:
    """Kill the command after each of its commits (`most` of them) but the last, and run it again."""
    found = [await _interrupt(bench, command, k, reference) for k in _choose(reference.commits - 1, most)]
    return tuple(each for each in found if each is not None)


def _choose(last: int, most: int) -> list[int]:
    """Choose the commits: all, or the first, the last and some between."""
    if last <= most:
        return list(range(1, last + 1))
    return sorted({1 + round(i * (last - 1) / (most - 1)) for i in range(most)})


async def _interrupt(bench: Bench, command: Command, k: int, reference: Reference) -> Interruption | None:
    await bench.restore_base()
    if not await kill_after_commit(bench, command, k):
        return None
    begin = mark_log(bench.server)
    result = await bench.run(command)
    await bench.await_quiet()
    if not result.is_success:
        errors = read_errors(bench.server.log, begin, mark_log(bench.server), database=APPLICATION)
        result = msgspec.structs.replace(result, error=next(iter(reversed(errors.values())), None))
    after: Snapshot = await take_snapshot(bench.server)
    return Interruption(after_commit=k, commits=reference.commits, result=result, difference=reference.compare(after))


async def kill_after_commit(bench: Bench, command: Command, k: int) -> bool:
    """Run a command, and kill it when its k-th commit is durable; False where it had fewer and has ended by itself."""
    loop, reached = asyncio.get_running_loop(), asyncio.Event()
    commits: set[tuple[int, str | None]] = set()

    def may_pass(sessions: tuple[Session, ...]) -> bool:
        commits.update((each.process, each.transaction) for each in sessions if each.is_committing)
        if len(commits) < k:
            return True
        loop.call_soon_threadsafe(reached.set)
        return False

    with Gate(bench.server, may_pass):
        run, wait = asyncio.ensure_future(bench.run(command)), asyncio.ensure_future(reached.wait())
        await asyncio.wait((run, wait), return_when=asyncio.FIRST_COMPLETED)
        for task in (run, wait):
            task.cancel()
        await asyncio.gather(run, wait, return_exceptions=True)
    await bench.await_quiet()
    return reached.is_set()


def judge_interruptions(interruptions: Sequence[Interruption]) -> Iterator[RehearsalVerdict]:
    """Say after which commits a run must not be killed."""
    failed = [each for each in interruptions if not each.result.is_success]
    other = [each for each in interruptions if each.result.is_success and each.difference]
    if failed:
        first = failed[0]
        error = first.result.error
        how = f"the next run fails ({first.result.failure})"
        yield _judge(failed, how, {"sqlstate": error.code} if error else {})
    if other:
        how = f"the next run ends well and leads elsewhere than an undisturbed one: {other[0].difference}"
        yield _judge(other, how, {})


def _judge(bad: list[Interruption], how: str, facts: dict[str, float | int | str | bool]) -> RehearsalVerdict:
    numbers = ", ".join(str(each.after_commit) for each in bad)
    return RehearsalVerdict(
        code="not-resumable",
        severity=VerdictSeverity.ERROR,
        table=next(iter(bad[0].difference.tables), None),
        message=f"killed after commit {numbers} of {bad[0].commits}, it is not made good by running it again: {how}",
        advice="have each transaction record that it is done, in itself; or put all into one; or have each step do"
        " nothing where it is done",
        facts={"killed_after": numbers, "commits": bad[0].commits, **facts},
    )
