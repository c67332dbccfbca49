"""What a rehearsal has observed: plain facts, which verdicts (verdicts.py) rest on."""

from enum import StrEnum

import msgspec


class SqlError(msgspec.Struct, frozen=True, kw_only=True):
    """An error of the server: `code` is its SQLSTATE."""

    code: str
    message: str


class StatementPart(msgspec.Struct, frozen=True, kw_only=True):
    """What one statement did, also within a DO block, a function or a string of several.

    `rows` is what it wrote (None where the server does not tell), `changed` how many rows that were there before, by
    table: they are locked. `scanned` is how many rows a change of the schema read, by table; `tables` whose rows it
    wrote, by `operation` (`Update`); `reindexed`, whose indexes it has built anew without telling how many rows it has
    read for that. `transaction` is its own where it is known: procedures and DO blocks commit in between.
    """

    text: str
    operation: str | None = None
    duration_ms: float | None = None
    rows: int | None = None
    changed: dict[str, int] = {}
    wal_bytes: int | None = None
    scanned: dict[str, int] = {}
    rewritten: tuple[str, ...] = ()
    indexes: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    reindexed: tuple[str, ...] = ()
    transaction: str | None = None


class HeldLock(msgspec.Struct, frozen=True):
    """A lock that a change of the schema has taken after its start (`began_s`): the relation's oid, and the mode."""

    relation: int
    mode: str
    began_s: float


class ObservedStatement(msgspec.Struct, frozen=True, kw_only=True):
    """A statement as the client sent it; `began_s` is the server's clock (Unix time), `transaction` its virtual id.

    `parts` is what was done within it, in order. `lock_timeout` is what was set when it ran, None where that is not
    known. `held` are the locks that changes of the schema in it have taken. `overhead_ms` is what of its duration the
    rehearsal's own triggers took, as they have measured it.
    """

    number: int
    process: int
    transaction: str
    text: str
    began_s: float
    duration_ms: float | None
    overhead_ms: float = 0.0
    error: SqlError | None = None
    parts: tuple[StatementPart, ...] = ()
    lock_timeout: str | None = None
    held: tuple["HeldLock", ...] = ()

    @property
    def own_ms(self) -> float:
        """What it takes where nobody observes it."""
        return max((self.duration_ms or 0.0) - self.overhead_ms, 0.0)


class ObservedLock(msgspec.Struct, frozen=True, kw_only=True):
    """A lock on a table, or on one of its indexes, that was there before the run.

    `statement` is the number of the one that took it; `kept_through` those that ran while it was held, after that one.
    `held_ms` is up to the end of the transaction.
    """

    table: str
    index: str | None
    mode: str
    statement: int
    transaction: str
    began_s: float
    held_ms: float
    kept_through: tuple[int, ...] = ()
    lock_timeout: str | None = None

    @property
    def blocks_reads(self) -> bool:
        """Whether nobody can read the table meanwhile: to plan a query is to lock each index of its tables."""
        return self.mode == "AccessExclusiveLock"

    @property
    def blocks_writes(self) -> bool:
        """Whether nobody can write to the table meanwhile."""
        return self.blocks_reads or (
            self.index is None and self.mode in ("ShareLock", "ShareRowExclusiveLock", "ExclusiveLock")
        )

    @property
    def has_lock_timeout(self) -> bool:
        """Whether it would have been given up where it had to wait for long."""
        return (self.lock_timeout or "0").strip("'\"") not in ("0", "0ms", "0s")


class ObservedWait(msgspec.Struct, frozen=True, kw_only=True):
    """A lock that the run waited for; `is_own`: another connection of the same run held it."""

    kind: str
    table: str | None
    mode: str
    statement: int
    waited_ms: float
    is_own: bool


class DataLoss(msgspec.Struct, frozen=True, kw_only=True):
    """Data that is no more: rows of a table, or the values of a column (`column`) in that many rows."""

    table: str
    column: str | None
    rows: int
    how: str


class CommandResult(msgspec.Struct, frozen=True, kw_only=True):
    """How a command ended: its exit status, its last lines, and the server's first error that it met."""

    command: str
    status: int
    duration_s: float
    output: str
    error: SqlError | None = None

    @property
    def is_success(self) -> bool:
        """Whether it exited with 0."""
        return self.status == 0

    @property
    def failure(self) -> str:
        """How it failed, on one line."""
        said = self.error.message if self.error else (self.output.splitlines() or ["it says nothing"])[-1]
        return f"exit status {self.status}: {said}"


class RehearsalRun(msgspec.Struct, frozen=True, kw_only=True):
    """One run of a command, by its name: `migration`, `second run`, `rollback`, ...

    What has changed is against the state before the run; of a rollback, against that before the migration; of a run
    that was disturbed (`is_disturbed`), against that after an undisturbed one. `notes` say what is nothing wrong.
    """

    name: str
    result: CommandResult
    schema_changes: tuple[str, ...] = ()
    data_changes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    is_disturbed: bool = False


class VerdictSeverity(StrEnum):
    """How grave a verdict is."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"
