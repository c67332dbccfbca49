"""The migration on rows that the schema allows and the migration may not: what some production has."""

import re
from collections.abc import Awaitable, Callable

import msgspec

from ks_universal.rehearsal.bench import Bench
from ks_universal.rehearsal.catalog import Snapshot, find_leftovers, take_snapshot
from ks_universal.rehearsal.command import Command
from ks_universal.rehearsal.facts import CommandResult, RehearsalRun, VerdictSeverity
from ks_universal.rehearsal.growth import UNFILLED
from ks_universal.rehearsal.server import APPLICATION
from ks_universal.rehearsal.server_log import mark_log, read_statements
from ks_universal.rehearsal.verdicts import RehearsalVerdict


async def run_on_hostile_rows(
    bench: Bench, command: Command, fill: Callable[[Bench], Awaitable[object]]
) -> tuple[RehearsalRun, tuple[RehearsalVerdict, ...]]:
    """Run a command that succeeds on other rows on the unfilled base with hostile ones, which `fill` puts in."""
    await bench.restore_base(UNFILLED)
    await fill(bench)
    before = await take_snapshot(bench.server)
    begin = mark_log(bench.server)
    result = await bench.run(command)
    await bench.await_quiet()
    statements = read_statements(
        bench.server.log, begin, mark_log(bench.server), names=before.names, database=APPLICATION
    )
    # The last error is the one that the command did not get over.
    failed = next((each for each in reversed(statements) if each.error and each.error.code != "25P02"), None)
    if result.is_success:
        return RehearsalRun(name="hostile rows", result=result), ()
    if failed is not None:
        result = msgspec.structs.replace(result, error=failed.error)
    leftovers = tuple(find_leftovers(before, await take_snapshot(bench.server)))
    run = RehearsalRun(name="hostile rows", result=result, notes=leftovers)
    return run, (_judge(result, failed.text if failed else None, leftovers, before),)


def _judge(
    result: CommandResult, statement: str | None, leftovers: tuple[str, ...], before: Snapshot
) -> RehearsalVerdict:
    said = f"; then {'; '.join(leftovers)}" if leftovers else ""
    code = result.error.code if result.error else ""
    return RehearsalVerdict(
        code="fails-on-data",
        severity=VerdictSeverity.WARNING,
        table=_find_named(statement or "", before),
        message=f"fails if such rows exist, which the schema allows ({result.failure}){said}",
        advice=_ADVICE.get(code, "look for such rows in production first, and have the migration mend them"),
        statement=statement,
        facts={"status": result.status, **({"sqlstate": code} if code else {})},
    )


def _find_named(statement: str, before: Snapshot) -> str | None:
    """Find the table that a statement names first."""
    words = re.findall(r"\w+", statement)
    names = {table.name.partition(".")[2]: table.name for table in before.tables.values()}
    return next((names[word] for word in words if word in names), None)


_ADVICE = {
    "23502": "look for NULL in production first; fill it in batches before, and have the application write no more",
    "23505": "look for duplicates in production first (GROUP BY ... HAVING count(*) > 1), and decide which stays",
    "23503": "look for orphans in production first; add the key NOT VALID, remove them, then VALIDATE",
    "23514": "look for rows that break the rule first; add the constraint NOT VALID, mend them, then VALIDATE",
    "22P02": "look for values that do not convert first; write them into a new column of the new type, in batches",
    "22001": "look for values that are too long first (WHERE length(column) > ...), and decide what becomes of them",
    "22003": "look for values that are too large first, and decide what becomes of them",
}
