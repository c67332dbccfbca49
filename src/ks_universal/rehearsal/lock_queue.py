"""The migration behind an open transaction: who waits for a lock makes everybody wait who comes after.

An idle reader holds nobody up. A change of the schema that waits for it does: its lock stands first in the queue, and
each query after it waits, too. A build of an index, which does not mind readers, is put behind an open write.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec

from ks_universal.rehearsal.bench import Bench
from ks_universal.rehearsal.catalog import find_leftovers, take_snapshot
from ks_universal.rehearsal.command import Command
from ks_universal.rehearsal.facts import CommandResult, ObservedLock, VerdictSeverity
from ks_universal.rehearsal.observation import Observation
from ks_universal.rehearsal.probe import Probe, Waits
from ks_universal.rehearsal.reference import Difference, Reference
from ks_universal.rehearsal.server import APPLICATION, Server
from ks_universal.rehearsal.timeouts import find_timeouts
from ks_universal.rehearsal.verdicts import RehearsalVerdict

if TYPE_CHECKING:
    import psycopg

HOLD_S = 2.0
"""How long the open transaction lasts once the migration waits for it."""
_MOST_HOLD_S = 10.0
_LOCK_TIMEOUT_MS = 500
_MOST_TABLES = 8
_WAITS_FOR = f"""
SELECT FROM pg_stat_activity
WHERE datname = '{APPLICATION}' AND wait_event_type = 'Lock' AND %s = ANY (pg_blocking_pids(pid))
  AND application_name <> '{Probe.NAME}'
"""


class Queue(msgspec.Struct, frozen=True, kw_only=True):
    """A run behind an open transaction: for how long the longest read and write of others waited, by table.

    `lock_timeout_ms` was set for the run; None: as the migration has it. `has_waited`: it had to wait at all.
    """

    held_ms: float
    lock_timeout_ms: int | None
    has_waited: bool
    result: CommandResult
    difference: Difference
    waits: dict[str, Waits]
    leftovers: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What kind of run it was."""
        limit = f", lock_timeout {self.lock_timeout_ms} ms" if self.lock_timeout_ms is not None else ""
        return f"behind an open transaction{limit}"

    @property
    def timed_out(self) -> bool:
        """Whether the run gave up waiting."""
        return self.has_waited and not self.result.is_success


async def queue_twice(
    bench: Bench, command: Command, reference: Reference, observation: Observation
) -> tuple[Queue, ...]:
    """Run a command behind an open transaction: as it is, and with a lock_timeout where it sets none itself.

    `reference` and `observation` are what undisturbed runs do.
    """
    tables = choose_tables(observation.locks)
    if not tables:
        return ()
    own_s = max(find_timeouts(observation.statements, "lock_timeout", "statement_timeout"), default=0.0)
    hold_s = max(HOLD_S, min(own_s + 1.0, _MOST_HOLD_S)) if own_s else HOLD_S
    found = [await queue_behind(bench, command, reference, tables, hold_s=hold_s)]
    if not own_s and found[0].has_waited:
        limit_ms = _LOCK_TIMEOUT_MS
        found.append(await queue_behind(bench, command, reference, tables, lock_timeout_ms=limit_ms))
    return tuple(found)


def choose_tables(locks: Iterable[ObservedLock]) -> dict[str, bool]:
    """Give the tables that a run locks, and for each whether a read is enough to be in its way."""
    tables: dict[str, bool] = {}
    for lock in locks:
        if lock.index is None and lock.mode not in ("RowExclusiveLock", "RowShareLock", "AccessShareLock"):
            tables[lock.table] = tables.get(lock.table, False) or lock.blocks_reads
    return dict(sorted(tables.items(), key=lambda each: not each[1])[:_MOST_TABLES])


async def queue_behind(
    bench: Bench,
    command: Command,
    reference: Reference,
    tables: dict[str, bool],
    *,
    hold_s: float = HOLD_S,
    lock_timeout_ms: int | None = None,
) -> Queue:
    """Run a command on the base while a transaction is open that has read (True) or written to tables."""
    await bench.restore_base()
    if lock_timeout_ms is not None:
        await bench.execute(f"ALTER DATABASE {APPLICATION} SET lock_timeout = {lock_timeout_ms}")
    async with _hold(bench.server, tables) as holder:
        process = holder.info.backend_pid
        with contextlib.ExitStack() as stack:
            probes = {table: stack.enter_context(Probe(bench.server, table)) for table in tables}
            run = asyncio.ensure_future(bench.run(command))
            try:
                has_waited = await _await_waiter(bench.server, process, run)
                began_s = time.monotonic()
                if has_waited:
                    await asyncio.wait((run,), timeout=hold_s)
                held_ms = (time.monotonic() - began_s) * 1000 if has_waited else 0.0
                await holder.rollback()
                result = await run
            finally:
                # In this order: the probes end only when nobody is in their way.
                run.cancel()
                await asyncio.wait((run,))
                await holder.rollback()
    await bench.await_quiet()
    after = await take_snapshot(bench.server)
    return Queue(
        held_ms=held_ms,
        lock_timeout_ms=lock_timeout_ms,
        has_waited=has_waited,
        result=result,
        waits={table: probe.waits for table, probe in probes.items()},
        difference=reference.compare(after),
        leftovers=tuple(find_leftovers(reference.first, after)),
    )


@contextlib.asynccontextmanager
async def _hold(server: Server, tables: dict[str, bool]) -> AsyncIterator["psycopg.AsyncConnection"]:
    import psycopg
    from psycopg.sql import SQL, Identifier

    async with await psycopg.AsyncConnection.connect(server.conninfo(APPLICATION)) as holder:
        for table, is_read in tables.items():
            name = Identifier(*table.split(".", 1))
            query = "SELECT FROM {} LIMIT 1" if is_read else "LOCK TABLE {} IN ROW EXCLUSIVE MODE"
            await holder.execute(SQL(query).format(name))
        yield holder


async def _await_waiter(server: Server, process: int, run: "asyncio.Future[CommandResult]") -> bool:
    """Wait until a command waits for the open transaction; False where the command ends first."""
    import psycopg

    async with await psycopg.AsyncConnection.connect(server.conninfo("postgres"), autocommit=True) as link:
        while not run.done():
            if (await link.execute(_WAITS_FOR.encode(), [process])).rowcount:
                return True
            await asyncio.sleep(0.01)
    return False


def note_queue(queue: Queue) -> tuple[str, ...]:
    """Say for how long others waited behind the run."""
    if not queue.has_waited:
        return ("it did not have to wait",)
    gave_up = ("it gave up waiting",) if queue.timed_out else ()
    waits = (
        f"{table}: reads waited {each.reads_ms / 1000:.1f} s, writes {each.writes_ms / 1000:.1f} s"
        for table, each in queue.waits.items()
    )
    return (*gave_up, *waits)


def add_queue(verdicts: Iterable[RehearsalVerdict], queues: Sequence[Queue]) -> Iterator[RehearsalVerdict]:
    """Add to each lock without a time-out how long others waited behind it; drop what waits for nobody (NOWAIT)."""
    for verdict in verdicts:
        is_instant = verdict.code == "exclusive-without-lock-timeout"
        if is_instant and queues and not queues[0].has_waited and verdict.table in queues[0].waits:
            continue
        waits = queues[0].waits.get(verdict.table or "") if queues and queues[0].has_waited else None
        if is_instant and waits:
            facts = dict(verdict.facts)
            facts["behind_a_reader_reads_ms"] = round(waits.reads_ms)
            facts["behind_a_reader_writes_ms"] = round(waits.writes_ms)
            said = (
                f": behind a transaction that was open for {queues[0].held_ms / 1000:.1f} s, reads waited"
                f" {waits.reads_ms / 1000:.1f} s and writes {waits.writes_ms / 1000:.1f} s"
            )
            yield msgspec.structs.replace(verdict, facts=facts, message=verdict.message + said)
        else:
            yield verdict


def judge_queues(queues: Iterable[Queue]) -> Iterator[RehearsalVerdict]:
    """Say what a run leaves that gave up waiting."""
    told: set[str] = set()
    for queue in queues:
        for leftover in queue.leftovers if queue.timed_out else ():
            if leftover not in told:
                told.add(leftover)
                yield RehearsalVerdict(
                    code="leftovers",
                    severity=VerdictSeverity.WARNING,
                    table=None,
                    message=f"when it gives up waiting behind an open transaction ({queue.result.failure}),"
                    f" it leaves something half done: {leftover}",
                    advice="have the migration begin with DROP INDEX CONCURRENTLY IF EXISTS of what is left",
                    facts={"lock_timeout_ms": queue.lock_timeout_ms or 0},
                )
