"""Rules that turn what was observed into verdicts, each with what to do instead."""

from collections.abc import Iterator, Mapping

import msgspec

from ks_universal.rehearsal.facts import (
    CommandResult,
    DataLoss,
    ObservedLock,
    ObservedStatement,
    StatementPart,
    VerdictSeverity,
)
from ks_universal.rehearsal.observation import Observation

REHEARSAL_CODES = (
    "blocks-reads",
    "blocks-writes",
    "exclusive-without-lock-timeout",
    "holds-lock",
    "rewrites-table",
    "scans-table",
    "locks-rows",
    "writes-much-wal",
    "loses-data",
    "fails",
    "fails-on-data",
    "not-repeatable",
    "unsafe-concurrent",
    "not-resumable",
    "rollback-missing",
    "rollback-inexact",
    "leftovers",
    "blocks-itself",
    "breaks-old-version",
)
"""The codes that verdicts have."""
LONG_MS = 300.0
"""How long a lock may be held, whatever it is held for."""
_LONG_WITHOUT_WORK_MS = 1000.0
"""The same where the statements under it were short: the client may have been kept by a busy machine."""
_SMALL = 50
"""Tables with fewer rows tell nothing of growth."""
_SHARE = 0.5
"""From which part of a table's rows on what a statement reads or writes grows with the table."""
_INSTANT = "exclusive-without-lock-timeout"
_HELD_FOR = 0.3
"""For which part of the work that grows with the rows a lock must be held to grow with them."""
_WAL_A_ROW = 50


class RehearsalVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """What a migration does wrong, or should be known to do. `facts` are what it rests on, by name.

    `table` is `schema.name`, `statement` the SQL that does it; each is None where it is about the run as a whole.
    """

    code: str
    severity: VerdictSeverity
    table: str | None
    message: str
    advice: str
    statement: str | None = None
    facts: dict[str, float | int | str | bool] = {}


def judge_locks(
    observation: Observation, rows: Mapping[str, int], rewritten: tuple[str, ...] = ()
) -> Iterator[RehearsalVerdict]:
    """Judge how long others were locked out: a verdict for each table and kind.

    `rows` are those of before, `rewritten` the tables whose file is another afterwards.
    """
    told: set[tuple[str, str]] = set()
    blocked: set[tuple[str, int]] = set()
    locked = {(lock.table, lock.statement) for lock in observation.locks if lock.blocks_reads and lock.index is None}
    # Who locks a table out needs no word on its indexes.
    locks = [each for each in observation.locks if each.index is None or (each.table, each.statement) not in locked]
    for lock in sorted(locks, key=lambda each: each.held_ms, reverse=True):
        for verdict in _judge_lock(lock, observation.statements, rows, rewritten):
            if verdict.code == "blocks-writes":
                blocked.add((lock.table, lock.statement))
            # A statement that blocks a table for long takes other locks on it for a moment.
            is_beside = verdict.code == _INSTANT and (lock.table, lock.statement) in blocked
            if (verdict.code, lock.table) not in told and not is_beside:
                told.add((verdict.code, lock.table))
                yield verdict


def list_lock_codes(
    observation: Observation, rows: Mapping[str, int], rewritten: tuple[str, ...] = ()
) -> dict[int, set[str]]:
    """List what each statement's locks are judged to be, by its number, whatever other statements do to a table."""
    codes: dict[int, set[str]] = {}
    for lock in observation.locks:
        own = codes.setdefault(lock.statement, set())
        own.update(each.code for each in _judge_lock(lock, observation.statements, rows, rewritten))
        if lock.blocks_writes and not lock.has_lock_timeout:
            own.add(_INSTANT)
    return codes


def _judge_lock(
    lock: ObservedLock, statements: tuple[ObservedStatement, ...], rows: Mapping[str, int], rewritten: tuple[str, ...]
) -> Iterator[RehearsalVerdict]:
    if not lock.blocks_writes:
        return
    under = [each for each in statements if each.number == lock.statement or each.number in lock.kept_through]
    taker = next(each for each in under if each.number == lock.statement)
    kept = [each for each in under if each.number in lock.kept_through and _is_work(each, rows)]
    mode = name_mode(lock.mode)
    on = f"{lock.table}'s index {lock.index}" if lock.index else lock.table
    overhead_ms = sum(each.overhead_ms for each in under)
    own_ms = lock.held_ms - overhead_ms
    facts: dict[str, float | int | str | bool] = {
        "mode": mode,
        "held_ms": round(lock.held_ms, 1),
        "overhead_ms": round(overhead_ms, 1),
        "rows": rows.get(lock.table, 0),
        "lock_timeout": lock.lock_timeout or "0",
    }
    growing_ms = sum(each.own_ms for each in under if _find_growth(each, rows))
    # CONCURRENTLY works in several transactions: a lock of a later one is not held for all of the work.
    is_of_all = lock.transaction == taker.transaction or lock.held_ms >= _HELD_FOR * growing_ms
    grows = growing_ms > 0 and is_of_all
    # No event tells of VACUUM FULL and CLUSTER.
    grows = grows or (not taker.parts and lock.table in rewritten and lock.blocks_reads)
    worked_ms = sum(each.own_ms for each in under)
    is_long = own_ms >= LONG_MS and (worked_ms >= LONG_MS / 2 or own_ms >= _LONG_WITHOUT_WORK_MS)
    if grows or is_long:
        why = "for a time that grows with the rows" if grows else "whatever the number of rows"
        held = f"{mode} on {on} was held for {lock.held_ms:.0f} ms, {why}"
        advice = _advise(taker, lock, kept)
        if lock.blocks_reads:
            message = f"nobody can read or write {lock.table} meanwhile: {held}"
            yield _verdict("blocks-reads", VerdictSeverity.ERROR, lock.table, message, advice, taker, facts)
        message = f"nobody can write to {lock.table} meanwhile: {held}"
        yield _verdict("blocks-writes", VerdictSeverity.ERROR, lock.table, message, advice, taker, facts)
    elif lock.index is None and not lock.has_lock_timeout:
        message = (
            f"{mode} on {lock.table} is short, but where it has to wait (for a report, a backup, an idle transaction)"
            " everybody queues behind it; lock_timeout is not set"
        )
        advice = "set lock_timeout (for example '2s') before it, and try again when it runs out"
        yield _verdict(_INSTANT, VerdictSeverity.WARNING, lock.table, message, advice, taker, facts)
    if kept:
        names = "; ".join(shorten(each.text.rstrip("; ")) for each in kept[:3])
        message = f"{mode} on {lock.table} is kept until the end of the transaction, through {names}"
        advice = "put the change of the schema into a transaction of its own, after or before the work"
        yield _verdict("holds-lock", VerdictSeverity.WARNING, lock.table, message, advice, taker, facts)


def _is_work(statement: ObservedStatement, rows: Mapping[str, int]) -> bool:
    return bool(_find_growth(statement, rows)) or statement.own_ms >= LONG_MS


def _find_growth(statement: ObservedStatement, rows: Mapping[str, int]) -> str | None:
    """Find the table that a statement reads or writes so much of that it takes longer the more rows there are."""
    return next((table for part in statement.parts for table in _list_grown(part, rows)), None)


def _list_grown(part: StatementPart, rows: Mapping[str, int]) -> Iterator[str]:
    for table in (*part.rewritten, *part.reindexed):
        if rows.get(table, 0) >= _SMALL:
            yield table
    for table, scanned in part.scanned.items():
        if rows.get(table, 0) >= _SMALL and scanned >= _SHARE * rows[table]:
            yield table
    written = part.rows or 0
    # Rows of a table that has few come from another, and grow with that one; else they are a record of the tool's own.
    least = min((count for count in rows.values() if count >= _SMALL), default=0)
    for table in part.tables:
        count = rows.get(table, 0)
        if least and written >= _SHARE * (count if count >= _SMALL else least):
            yield table


def judge_work(
    observation: Observation, rows: Mapping[str, int], rewritten: tuple[str, ...]
) -> Iterator[RehearsalVerdict]:
    """Judge what the statements read and wrote."""
    told: set[tuple[str, str]] = set()
    locked = {(lock.table, each) for lock in observation.locks for each in (lock.statement, *lock.kept_through)}
    for statement in observation.statements:
        for part in statement.parts:
            for verdict in _judge_part(part, rows, rewritten):
                # CREATE TABLE AS and REFRESH read as any query does.
                if verdict.code == "scans-table" and (verdict.table, statement.number) not in locked:
                    continue
                if (verdict.code, verdict.table or "") not in told:
                    told.add((verdict.code, verdict.table or ""))
                    yield verdict
    # VACUUM FULL, CLUSTER: no event tells of these.
    for table in rewritten:
        if rows.get(table, 0) >= _SMALL and ("rewrites-table", table) not in told:
            yield _rewrites(table, rows, None)
    yield from _judge_rows(observation, rows)
    yield from _judge_wal(observation, rows)


def _judge_part(part: StatementPart, rows: Mapping[str, int], rewritten: tuple[str, ...]) -> Iterator[RehearsalVerdict]:
    for table in part.rewritten:
        if rows.get(table, 0) >= _SMALL:
            yield _rewrites(table, rows, part.text)
    if part.indexes:
        return
    for table, scanned in part.scanned.items():
        count = rows.get(table, 0)
        if table in (*part.rewritten, *rewritten) or count < _SMALL or scanned < _SHARE * count:
            continue
        message = f"reads all rows of {table} ({scanned / count:.1f} times {count})"
        advice = "for constraints: add them NOT VALID, and validate them in a later transaction, which locks nobody out"
        yield RehearsalVerdict(
            code="scans-table", severity=VerdictSeverity.NOTE, table=table, message=message, advice=advice,
            statement=part.text, facts={"scanned": scanned, "rows": count},
        )  # fmt: skip


def _rewrites(table: str, rows: Mapping[str, int], statement: str | None) -> RehearsalVerdict:
    return RehearsalVerdict(
        code="rewrites-table",
        severity=VerdictSeverity.WARNING,
        table=table,
        message=f"writes {table} anew, with all its indexes ({rows[table]} rows)",
        advice="add a column, fill it in batches, switch the application over, and drop the old one (expand/contract)",
        statement=statement,
        facts={"rows": rows[table]},
    )


def _judge_rows(observation: Observation, rows: Mapping[str, int]) -> Iterator[RehearsalVerdict]:
    """Judge rows that one transaction has changed: they stay locked until its end."""
    changed: dict[tuple[str, str], int] = {}
    first: dict[tuple[str, str], StatementPart] = {}
    for statement in observation.statements:
        for part in statement.parts:
            for table, count in part.changed.items():
                key = (part.transaction or statement.transaction, table)
                changed[key] = changed.get(key, 0) + count
                first.setdefault(key, part)
    told: set[str] = set()
    for key, count in changed.items():
        table = key[1]
        total = rows.get(table, 0)
        if total < _SMALL or count < _SHARE * total or table in told:
            continue
        told.add(table)
        part = first[key]
        message = f"locks {count} of {total} rows of {table} in one transaction: whoever changes one waits for its end"
        advice = "do it in batches of some thousand rows, each committed, outside of the change of the schema"
        yield RehearsalVerdict(
            code="locks-rows", severity=VerdictSeverity.WARNING, table=table, message=message, advice=advice,
            statement=part.text, facts={"changed": count, "rows": total},
        )  # fmt: skip


def _judge_wal(observation: Observation, rows: Mapping[str, int]) -> Iterator[RehearsalVerdict]:
    most = max(rows.values(), default=0)
    if most < _SMALL:
        return
    every = [part for statement in observation.statements for part in statement.parts]
    parts = [part for part in every if any(_list_grown(part, rows))]
    total = sum(part.wal_bytes or 0 for part in parts)
    heaviest = max(parts, key=lambda part: part.wal_bytes or 0, default=None)
    if heaviest is None or total < _WAL_A_ROW * most:
        return
    per_million = total / most  # bytes a row are MB per million rows
    yield RehearsalVerdict(
        code="writes-much-wal",
        severity=VerdictSeverity.NOTE,
        table=next(iter((*heaviest.tables, *heaviest.rewritten)), None),
        message=f"writes about {per_million:.0f} MB of WAL per million rows: replicas lag by as much",
        advice="do it in batches with pauses, and watch the replicas' lag",
        statement=heaviest.text,
        facts={"wal_bytes": total, "rows": most},
    )


def judge_losses(losses: tuple[DataLoss, ...]) -> Iterator[RehearsalVerdict]:
    """Judge data that is no more."""
    for loss in losses:
        what = f"{loss.table}.{loss.column}" if loss.column else loss.table
        yield RehearsalVerdict(
            code="loses-data",
            severity=VerdictSeverity.ERROR,
            table=loss.table,
            message=f"data of {what} is lost in {loss.rows} rows: {loss.how}",
            advice="stop to use it first, release that, keep a copy, and remove it in a later release",
            facts={"rows": loss.rows, **({"column": loss.column} if loss.column else {})},
        )


def judge_waits(observation: Observation) -> Iterator[RehearsalVerdict]:
    """Judge waits of the run for itself."""
    for wait in observation.waits:
        if wait.is_own and wait.waited_ms >= LONG_MS:
            text = next((each.text for each in observation.statements if each.number == wait.statement), None)
            message = f"waits for a lock ({wait.kind}) that another connection of the same run holds"
            advice = "use one connection, or take what locks out of the transaction that stays open"
            yield RehearsalVerdict(
                code="blocks-itself", severity=VerdictSeverity.ERROR, table=wait.table, message=message, advice=advice,
                statement=text, facts={"waited_ms": round(wait.waited_ms)},
            )  # fmt: skip
            return


def judge_failure(result: CommandResult, code: str, message: str, advice: str) -> RehearsalVerdict:
    """Say that a command has failed that should not have."""
    facts: dict[str, float | int | str | bool] = {"status": result.status, "command": result.command}
    said = result.error.message if result.error else (result.output.splitlines() or [""])[-1]
    if result.error:
        facts["sqlstate"] = result.error.code
    return RehearsalVerdict(
        code=code,
        severity=VerdictSeverity.ERROR,
        table=None,
        message=f"{message} (exit status {result.status}): {said}",
        advice=advice,
        facts=facts,
    )


def _advise(taker: ObservedStatement, lock: ObservedLock, kept: list[ObservedStatement]) -> str:
    """Say what to do in place of what holds a lock for long."""
    text = taker.text.lower()
    if kept:
        return "put the change of the schema into a transaction of its own; what takes long comes before or after it"
    if lock.index or "reindex" in text:
        return "REINDEX CONCURRENTLY"
    for words, advice in _ADVICE:
        if all(word in text for word in words):
            return advice
    return "divide it: a change of the schema that takes no time, the work in batches, and the constraint at last"


_ADVICE: tuple[tuple[tuple[str, ...], str], ...] = (
    (("create", "index"), "CREATE INDEX CONCURRENTLY, outside of a transaction"),
    (("foreign key",), "ADD FOREIGN KEY ... NOT VALID, then VALIDATE CONSTRAINT in a later transaction"),
    (("references",), "ADD FOREIGN KEY ... NOT VALID, then VALIDATE CONSTRAINT in a later transaction"),
    (("set not null",), "ADD CHECK (column IS NOT NULL) NOT VALID, VALIDATE, then SET NOT NULL and drop the check"),
    (("unique",), "CREATE UNIQUE INDEX CONCURRENTLY, then ADD CONSTRAINT ... UNIQUE USING INDEX"),
    (("primary key",), "CREATE UNIQUE INDEX CONCURRENTLY, then ADD CONSTRAINT ... PRIMARY KEY USING INDEX"),
    (("check",), "ADD CONSTRAINT ... CHECK ... NOT VALID, then VALIDATE CONSTRAINT in a later transaction"),
    (("add column",), "add the column without the volatile default, set the default, then fill it in batches"),
    ((" type ",), "add a column of the new type, fill it in batches, switch over, drop the old (expand/contract)"),
    (("refresh",), "REFRESH MATERIALIZED VIEW CONCURRENTLY, with a unique index on the view"),
    (("vacuum", "full"), "pg_repack, or leave it to autovacuum"),
    (("cluster",), "pg_repack"),
)


def _verdict(  # noqa: PLR0913 - the fields of a verdict
    code: str,
    severity: VerdictSeverity,
    table: str,
    message: str,
    advice: str,
    statement: ObservedStatement,
    facts: dict[str, float | int | str | bool],
) -> RehearsalVerdict:
    return RehearsalVerdict(
        code=code, severity=severity, table=table, message=message, advice=advice, statement=statement.text, facts=facts
    )


def name_mode(mode: str) -> str:
    """Name a lock's mode as SQL does: `ACCESS EXCLUSIVE`."""
    words = "".join(f" {letter}" if letter.isupper() else letter for letter in mode.removesuffix("Lock"))
    return words.strip().upper()


def shorten(text: str, width: int = 60) -> str:
    """Give a statement on one line."""
    line = " ".join(text.split())
    return line if len(line) <= width else f"{line[: width - 3]}..."
