"""Reads the server's log into statements: what was sent, what it did within, how long it took."""

import csv
import io
import json
import re
import sys
import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from ks_universal.rehearsal.facts import HeldLock, ObservedStatement, SqlError, StatementPart
from ks_universal.rehearsal.instruments import MARK, OBSERVER
from ks_universal.rehearsal.server import Server

_STATEMENT = re.compile(r"(?:statement|execute [^:]*|fastpath function call): (.*)", re.DOTALL).match
_DURATION = re.compile(r"duration: ([0-9.]+) ms(?:  plan:\n(.*))?", re.DOTALL).match
_BUILDING = re.compile(r'building index "([^"]+)" on table "([^"]+)"').match
_NESTED = re.compile(r'SQL statement "(.*)"\nPL/pgSQL', re.DOTALL).search
_LOCK_TIMEOUT = re.compile(
    r"\bset\s+(?:local\s+|session\s+)?lock_timeout\s*(?:=|\bto\b)\s*'?\s*([\w.]+)", re.IGNORECASE
)
_WRITES = ("Insert", "Update", "Delete", "Merge")
_AWAIT_S = 30.0
_PROCESS = 3
_COLUMNS = {
    "timestamp": 0,
    "user": 1,
    "dbname": 2,
    "ps": 7,
    "vxid": 9,
    "error_severity": 11,
    "state_code": 12,
    "message": 13,
    "statement": 19,
}
"""Of the log as CSV: https://www.postgresql.org/docs/14/runtime-config-logging.html#RUNTIME-CONFIG-LOGGING-CSVLOG"""
_ABORTED = "25P02"
"""The SQLSTATE of statements after an error, until the end of the transaction."""


class LogPosition(msgspec.Struct, frozen=True):
    """Up to where the log has been read, in bytes."""

    offset: int


def mark_log(server: Server) -> LogPosition:
    """Give the end of the log, once all that was said until now is in it: the log is written behind the server."""
    import psycopg

    name = f"ksu-mark-{time.monotonic_ns()}"
    begin = server.log.stat().st_size
    with psycopg.connect(server.conninfo("postgres"), autocommit=True) as connection:
        connection.execute(f"DO $$ BEGIN RAISE LOG '{name}'; END $$".encode())
    deadline_s = time.monotonic() + _AWAIT_S
    while time.monotonic() < deadline_s:
        with server.log.open("rb") as file:
            file.seek(begin)
            data = file.read()
        found = data.find(name.encode())
        if found >= 0 and (end := data.find(b"\n", found)) >= 0:
            return LogPosition(begin + end + 1)
        time.sleep(0.01)
    raise TimeoutError(f"nothing came into {server.log}")


def read_statements(
    log: Path, begin: LogPosition, end: LogPosition, *, names: Mapping[int, str], database: str
) -> tuple[ObservedStatement, ...]:
    """Read what clients sent to a database between two positions; `names` are those of the tables, by oid."""
    sessions: dict[int, _Session] = {}
    done: list[ObservedStatement] = []
    for entry in _read_entries(log, begin, end):
        if entry.get("dbname") != database or entry.get("user") == OBSERVER:
            continue
        session = sessions.setdefault(entry["pid"], _Session(entry["pid"], names))
        done += session.take(entry)
    for session in sessions.values():
        done += session.close(None)
    done.sort(key=lambda statement: statement.began_s)
    return tuple(msgspec.structs.replace(each, number=number) for number, each in enumerate(done, start=1))


def read_errors(log: Path, begin: LogPosition, end: LogPosition, *, database: str) -> dict[int, SqlError]:
    """Read the last error of each connection, by its process; what a failed transaction refuses afterwards is none."""
    statements = read_statements(log, begin, end, names={}, database=database)
    return {each.process: each.error for each in statements if each.error and each.error.code != _ABORTED}


def _read_entries(log: Path, begin: LogPosition, end: LogPosition) -> Iterator[dict[str, Any]]:
    """Read the entries of a log by the names that they have in JSON."""
    with log.open("rb") as file:
        file.seek(begin.offset)
        content = file.read(end.offset - begin.offset)
    if log.suffix == ".json":
        yield from map(json.loads, content.splitlines())
        return
    csv.field_size_limit(sys.maxsize)
    for row in csv.reader(io.StringIO(content.decode(errors="replace"), newline="")):
        values = {name: row[column] or None for name, column in _COLUMNS.items()}
        yield {**values, "pid": int(row[_PROCESS])}


class _Session:
    """The statements of one connection: one is open at a time."""

    def __init__(self, process: int, names: Mapping[int, str]) -> None:
        self._process = process
        self._names = names
        self._lock_timeout: str | None = None
        self._begin()

    def _begin(self) -> None:
        self._text: str | None = None
        self._parts: list[StatementPart] = []
        self._started: list[dict[str, Any]] = []
        self._indexes: list[str] = []
        self._reindexed: list[str] = []
        self._rewritten: list[str] = []
        self._held: dict[tuple[int, str], float | None] = {}
        self._overhead_ms = 0.0

    def take(self, entry: Mapping[str, Any]) -> Iterator[ObservedStatement]:
        """Take a line of the log; gives the statements that have ended with it."""
        message, severity = entry.get("message") or "", entry["error_severity"]
        if severity == "LOG" and (sent := _STATEMENT(message)):
            yield from self.close(None)
            self._open(sent[1], entry)
        elif severity in ("ERROR", "FATAL", "PANIC"):
            if self._text is None:  # parsing has failed: nothing was said of the statement before
                self._open(entry.get("statement") or "", entry)
            yield from self.close(None, SqlError(code=entry.get("state_code") or "", message=message))
        elif self._text is not None and (duration := _DURATION(message)) and not duration[2]:
            yield from self.close(float(duration[1]))
        elif self._text is not None:
            self._take_detail(message, entry)

    def _open(self, text: str, entry: Mapping[str, Any]) -> None:
        self._text, self._transaction, self._began_s = text, entry.get("vxid") or "", _read_clock(entry)
        if setting := _LOCK_TIMEOUT.search(text):
            self._lock_timeout = setting[1]

    def _take_detail(self, message: str, entry: Mapping[str, Any]) -> None:
        """Take what was done within the open statement."""
        if message.startswith(MARK):
            self._take_event(json.loads(message.removeprefix(MARK)), _read_clock(entry))
        elif built := _BUILDING(message):
            if not built[2].startswith("pg_toast_"):
                self._indexes.append(built[1])
            if not self._started and entry.get("ps") == "REINDEX":
                self._reindexed += [name for name in self._names.values() if name.rpartition(".")[2] == built[2]]
        elif (plan := _DURATION(message)) and plan[2]:
            self._parts.append(_read_plan(json.loads(plan[2]), float(plan[1]), entry.get("vxid")))

    def close(self, duration_ms: float | None, error: SqlError | None = None) -> Iterator[ObservedStatement]:
        """End the open statement, where there is one."""
        if self._text is not None:
            if self._reindexed:  # no event tells of REINDEX before PostgreSQL 17
                built = tuple(self._indexes)
                self._parts.append(StatementPart(text=self._text, indexes=built, reindexed=tuple(self._reindexed)))
            yield ObservedStatement(
                number=0,
                process=self._process,
                transaction=self._transaction,
                text=self._text,
                began_s=self._began_s,
                duration_ms=duration_ms,
                overhead_ms=round(self._overhead_ms, 3),
                error=error,
                parts=tuple(self._parts),
                lock_timeout=self._lock_timeout,
                held=tuple(HeldLock(*lock, began_s) for lock, began_s in self._held.items() if began_s is not None),
            )
        self._begin()

    def _take_event(self, told: dict[str, Any], clock_s: float) -> None:
        self._lock_timeout = told["lock_timeout"]
        self._overhead_ms += told["took_ms"]
        taken_s = self._started[-1]["clock_s"] if self._started and told["event"] != "ddl_command_start" else None
        for oid, mode in told["locks"] or ():
            self._held.setdefault((oid, mode), taken_s)
        if told["event"] == "ddl_command_start":
            self._started.append({**told, "clock_s": clock_s})
            self._indexes, self._rewritten = [], []
        elif told["event"] == "table_rewrite":
            self._rewritten.append(self._name(told["rewritten"]))
        elif told["event"] == "ddl_command_end" and self._started:
            start = self._started.pop()
            before, after = start["read"] or {}, told["read"] or {}
            read = {self._name(int(oid)): count - before.get(oid, 0) for oid, count in after.items()}
            nested = _NESTED(told["context"])
            self._parts.append(
                StatementPart(
                    text=nested[1] if nested else (self._text or ""),
                    wal_bytes=told["lsn"] - start["lsn"],
                    scanned={table: count for table, count in read.items() if count > 0},
                    rewritten=tuple(self._rewritten),
                    indexes=tuple(self._indexes),
                )
            )

    def _name(self, oid: int) -> str:
        return self._names.get(oid, f"oid {oid}")


def _read_plan(plan: Mapping[str, Any], duration_ms: float, transaction: str | None) -> StatementPart:
    top = plan["Plan"]
    writing = [node for node in _walk(top) if node.get("Operation") in _WRITES]
    written = [_count_written(node) for node in writing]
    return StatementPart(
        text=plan["Query Text"],
        operation=writing[0]["Operation"] if writing else None,
        duration_ms=duration_ms,
        rows=sum(written) if writing else None,
        changed={_name_table(node): count for node in writing if (count := _count_changed(node))},
        wal_bytes=top.get("WAL Bytes"),
        tables=tuple(dict.fromkeys(map(_name_table, writing))),
        transaction=transaction,
    )


def _count_written(node: Mapping[str, Any]) -> int:
    """Count the rows that a node has written: with RETURNING it gives them itself, else those below it are they."""
    below = sum(int(child.get("Actual Rows", 0) * child.get("Actual Loops", 1)) for child in node.get("Plans", ()))
    return max(below, int(node.get("Actual Rows", 0)))


def _name_table(node: Mapping[str, Any]) -> str:
    return f"{node.get('Schema', '')}.{node['Relation Name']}"


def _count_changed(node: Mapping[str, Any]) -> int:
    """Count the rows that were there before: those of an INSERT where it met them, and was to change them."""
    if node["Operation"] == "Insert":
        return int(node.get("Conflicting Tuples", 0)) if node.get("Conflict Resolution") == "UPDATE" else 0
    return _count_written(node)


def _walk(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield node
    for child in node.get("Plans", ()):
        yield from _walk(child)


def _read_clock(entry: Mapping[str, Any]) -> float:
    """Read a log line's time as Unix time; the server's zone is UTC where nothing else is set."""
    text, _, _ = entry["timestamp"].rpartition(" ")
    return datetime.fromisoformat(f"{text}+00:00").timestamp()
