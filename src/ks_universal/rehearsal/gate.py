"""Sees each lock: samples `pg_locks` each millisecond, and holds every commit until its locks have been read.

The held commit is what makes the reading exact. The server waits with each commit that wrote anything for a
synchronous standby, after its work and before its locks are released; that standby is this program, which reads the
locks and then acknowledges. A lock is thus held longer than the sampling step, however short the transaction.
"""

import contextlib
import select
import struct
import threading
import time
from collections.abc import Callable
from typing import Any

import msgspec

from ks_universal.rehearsal.instruments import OBSERVER
from ks_universal.rehearsal.server import APPLICATION, Server, tell_failure

_STANDBY = "ksu_rehearsal_gate"
_STEP_S = 0.001
_JOIN_S = 30.0
_EPOCH_2000_S = 946684800
_LOCKS = f"""
SELECT pg_current_wal_flush_lsn() - '0/0'::pg_lsn;
SELECT extract(epoch FROM clock_timestamp())::float8, l.pid, l.virtualtransaction, l.locktype, l.relation::int8, l.mode,
       l.granted, CASE WHEN NOT l.granted THEN pg_blocking_pids(l.pid) END
FROM pg_locks l
WHERE NOT l.granted OR l.locktype = 'advisory'
   OR l.locktype = 'relation' AND l.relation >= 16384
      AND l.database = (SELECT oid FROM pg_database WHERE datname = '{APPLICATION}');
"""

_SESSIONS = f"""
SELECT pid, client_port, backend_xid::text, wait_event = 'SyncRep',
       CASE WHEN wait_event_type = 'Lock' THEN wait_event END
FROM pg_stat_activity
WHERE datname = '{APPLICATION}' AND usename <> '{OBSERVER}' AND backend_type = 'client backend'
"""


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """A connection of a command; `port` is its client's. It waits in a commit, or for a kind of lock."""

    process: int
    port: int
    transaction: str | None
    is_committing: bool
    waits_for: str | None


MayPass = Callable[[tuple[Session, ...]], bool]
"""Tells whether the commits that wait may pass: asked again and again while one does, in the gate's thread."""


class Sighting(msgspec.Struct, kw_only=True):
    """A lock as it was seen: `first_s` and `last_s` are the server's clock (Unix time); `relation` is its oid, or None.

    `blockers` are the processes that an ungranted lock waited for when it was seen first.
    """

    process: int
    transaction: str
    kind: str
    relation: int | None
    mode: str
    is_granted: bool
    first_s: float
    last_s: float
    blockers: tuple[int, ...] = ()


class Gate:
    """Watches the locks of the application's database while it is entered (`with`). `may_pass` can hold commits."""

    def __init__(self, server: Server, may_pass: MayPass | None = None) -> None:
        """Take the server, and who decides when commits pass (None: once their locks have been read)."""
        self._server = server
        self._may_pass = may_pass
        self._seen: dict[tuple[Any, ...], Sighting] = {}
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="rehearsal-gate", daemon=True)
        self._problem: BaseException | None = None

    @property
    def sightings(self) -> tuple[Sighting, ...]:
        """What was seen, in the order in which it was seen first."""
        return tuple(self._seen.values())

    def __enter__(self) -> "Gate":
        """Begin to watch, and to hold commits."""
        import psycopg

        self._control = psycopg.connect(self._server.conninfo("postgres"), autocommit=True)
        self._sampler = psycopg.connect(self._server.conninfo("postgres"), autocommit=True)
        self._standby = _start_streaming(self._server)
        self._control.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{_STANDBY}'".encode())
        self._control.execute("SELECT pg_reload_conf()")
        self._thread.start()
        self._await_standby()
        return self

    def __exit__(self, *_: object) -> None:
        """Let everything pass, and end."""
        try:
            self._let_pass()  # first, else a commit waits for a standby that is no more
        finally:
            self._ends.set()
            self._thread.join(_JOIN_S)
            for connection in (self._sampler, self._control):
                connection.close()
            self._standby.finish()
        if self._problem is not None:
            raise self._problem

    def _let_pass(self) -> None:
        """Have no commit wait any more. Raises psycopg.Error."""
        self._control.execute("ALTER SYSTEM SET synchronous_standby_names = ''")
        self._control.execute("SELECT pg_reload_conf()")

    def _await_standby(self) -> None:
        """Wait until commits wait for us, which begins with our first reply."""
        deadline_s = time.monotonic() + _JOIN_S
        state = "SELECT FROM pg_stat_replication WHERE application_name = %s AND sync_state = 'sync'"
        while not self._control.execute(state, [_STANDBY]).rowcount:
            if self._problem is not None or time.monotonic() > deadline_s:
                raise tell_failure(f"does not wait for {_STANDBY}") from self._problem
            time.sleep(_STEP_S)

    def _watch(self) -> None:
        try:
            self._follow()
        except BaseException as problem:  # noqa: BLE001 - raised by __exit__
            self._problem = problem
            with contextlib.suppress(Exception):
                self._let_pass()

    def _follow(self) -> None:
        acknowledged = -1
        while not self._ends.is_set():
            select.select([self._standby.socket], [], [], _STEP_S)
            asked = _drain(self._standby)
            # Not what was received: the sender cuts the log into pieces, and each would wake the waiting commit.
            flushed = self._sample()
            # The sessions are read after the position: one that is not seen to wait has not got so far.
            passes = acknowledged < 0 or self._may_pass is None or self._passes(self._may_pass)
            position = flushed if passes else acknowledged
            if position != acknowledged or asked:
                self._standby.put_copy_data(_build_reply(position))
                self._standby.flush()
                acknowledged = position

    def _passes(self, may_pass: MayPass) -> bool:
        """Ask whether the commits that wait may pass; where none waits, none may."""
        rows = self._sampler.execute(_SESSIONS.encode()).fetchall()
        sessions = tuple(
            Session(
                process=process,
                port=port,
                transaction=transaction,
                is_committing=bool(is_committing),
                waits_for=waits_for,
            )
            for process, port, transaction, is_committing, waits_for in rows
        )
        return any(session.is_committing for session in sessions) and may_pass(sessions)

    def _sample(self) -> int:
        """Read all locks; give up to where the log was flushed before they were read."""
        cursor = self._sampler.execute(_LOCKS)
        row = cursor.fetchone()
        cursor.nextset()
        for clock_s, process, transaction, kind, relation, mode, is_granted, blockers in cursor.fetchall():
            key = (process, transaction, kind, relation, mode, is_granted)
            known = self._seen.get(key)
            if known is None:
                self._seen[key] = Sighting(
                    process=process,
                    transaction=transaction,
                    kind=kind,
                    relation=relation,
                    mode=mode,
                    is_granted=is_granted,
                    first_s=clock_s,
                    last_s=clock_s,
                    blockers=tuple(blockers or ()),
                )
            else:
                known.last_s = clock_s
        return int(row[0]) if row else 0


def _start_streaming(server: Server) -> Any:
    """Connect as a physical standby does. Raises TargetError where the server refuses."""
    from psycopg import pq

    conninfo = f"{server.conninfo('postgres')} replication=true application_name={_STANDBY}"
    connection = pq.PGconn.connect(conninfo.encode())
    if connection.status != pq.ConnStatus.OK:
        raise tell_failure("refuses a standby", connection.error_message.decode(errors="replace").strip())
    system = connection.exec_(b"IDENTIFY_SYSTEM")
    position = system.get_value(0, 2) or b"0/0"
    started = connection.exec_(b"START_REPLICATION PHYSICAL " + position)
    if started.status != pq.ExecStatus.COPY_BOTH:
        raise tell_failure("refuses a standby", connection.error_message.decode(errors="replace").strip())
    connection.nonblocking = 1
    return connection


def _drain(connection: Any) -> bool:
    """Take what the server has sent; tells whether it asks for a reply."""
    connection.consume_input()
    asked = False
    while True:
        size, data = connection.get_copy_data(1)
        if size <= 0:
            return asked
        message = bytes(data)
        asked = asked or (message[:1] == b"k" and message[-1:] == b"\1")


def _build_reply(position: int) -> bytes:
    """Write the standby's status: all up to the position is written, flushed and applied."""
    clock_us = int((time.time() - _EPOCH_2000_S) * 1_000_000)
    return struct.pack("!cqqqqb", b"r", position, position, position, clock_us, 0)
