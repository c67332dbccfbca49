"""Sessions that read and write a table all the time, and measure for how long they must wait: what users would."""

import contextlib
import threading
import time
from typing import ClassVar, Self

import msgspec

from ks_universal.rehearsal.server import APPLICATION, Server

_PAUSE_S = 0.004


class Waits(msgspec.Struct, frozen=True, kw_only=True):
    """The longest that a read and a write of a table waited; `errors`: how many failed, as on a table that is gone."""

    reads_ms: float
    writes_ms: float
    errors: int = 0


class Probe:
    """Reads and writes a table while it is entered (`with`).

    The queries are planned anew each time: a plan that is kept does not lock the table's indexes. A write is the lock
    that it takes; a real one would need values.
    """

    NAME: ClassVar[str] = "ksu_rehearsal_probe"

    def __init__(self, server: Server, table: str) -> None:
        """Take a table, as schema.name."""
        from psycopg.sql import SQL, Identifier

        self._conninfo = f"{server.conninfo(APPLICATION)} application_name={self.NAME}"
        name = Identifier(*table.split(".", 1))
        self._queries = {
            "read": SQL("SELECT FROM {} LIMIT 1").format(name),
            "write": SQL("BEGIN; LOCK TABLE {} IN ROW EXCLUSIVE MODE; ROLLBACK").format(name),
        }
        self._longest = dict.fromkeys(self._queries, 0.0)
        self._errors = 0
        self._ends = threading.Event()
        self._threads = [threading.Thread(target=self._watch, args=(kind,), daemon=True) for kind in self._queries]

    @property
    def waits(self) -> Waits:
        """What was measured until now."""
        return Waits(
            reads_ms=self._longest["read"] * 1000, writes_ms=self._longest["write"] * 1000, errors=self._errors
        )

    def __enter__(self) -> Self:
        """Begin."""
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End, once the queries that run have ended."""
        self._ends.set()
        for thread in self._threads:
            thread.join()

    def _watch(self, kind: str) -> None:
        import psycopg

        with psycopg.connect(self._conninfo, autocommit=True, prepare_threshold=None) as connection:
            connection.execute("SET lock_timeout = 0")
            while not self._ends.wait(_PAUSE_S):
                began_s = time.monotonic()
                try:
                    connection.execute(self._queries[kind])
                except psycopg.Error:
                    self._errors += 1
                    with contextlib.suppress(psycopg.Error):
                        connection.rollback()
                    if connection.closed:
                        return
                    continue
                self._longest[kind] = max(self._longest[kind], time.monotonic() - began_s)
