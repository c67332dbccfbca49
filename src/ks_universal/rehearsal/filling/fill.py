"""Fills tables, one after the other, each for itself: what cannot be filled is said, and the others are."""

import math
import re
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import msgspec

from ks_universal.rehearsal.filling.catalog import Catalog, ForeignKey, Table, read_catalog
from ks_universal.rehearsal.filling.choice import Chooser
from ks_universal.rehearsal.filling.later import later_update, orphans
from ks_universal.rehearsal.filling.order import guess_foreign_keys, sort_tables
from ks_universal.rehearsal.filling.plan import Kind, TablePlan
from ks_universal.rehearsal.filling.planning import SAMPLE, Attempt, CannotFillError, Planner, limit_rows
from ks_universal.rehearsal.filling.values import literal

if TYPE_CHECKING:
    import psycopg

HAS_ROWS = "it has rows already"
RECORD = "it is the record of a migration tool"
RECORDS = re.compile(
    r"_*(?:alembic_version|django_migrations|flyway_schema_history|databasechangelog(?:lock)?|schema_?migrations?(?:_lock)?"
    r"|schema_?version|ar_internal_metadata|knex_migrations(?:_lock)?|sequelize_?(?:meta|data)|pgmigrations"
    r"|drizzle_migrations|mikro_orm_migrations|goose_db_version|sqlx_migrations|yoyo_(?:migration|log|version|lock)"
    r"|migrate_?history|aerich|prisma_migrations|diesel_schema_migrations|refinery_schema_history|seaql_migrations"
    r"|atlas_schema_revisions|ef_?migrations_?history|gorp_migrations|phinx_?log|doctrine_migration_versions"
    r"|migrations?(?:_lock)?)",
    re.IGNORECASE,
)
_SETTINGS = {
    "session_replication_role": "replica",  # no triggers, also not those of foreign keys: see `fill`
    "TimeZone": "UTC",
    "DateStyle": "ISO, MDY",
    "IntervalStyle": "postgres",
    "jit": "off",
    "enable_nestloop": "off",  # nothing is known yet of tables that were filled a moment ago
    "max_parallel_workers_per_gather": "0",
    "work_mem": "64MB",
    "statement_timeout": "0",
}
_MOST_CANDIDATES = 30


class Filled(msgspec.Struct, frozen=True):
    """A table with the rows that it has now; `reason` says why these are fewer than wanted, or not as wanted."""

    table: str
    rows: int
    reason: str | None = None


async def fill(
    connection: "psycopg.AsyncConnection",
    rows: int,
    *,
    wanted: Mapping[str, int] = {},
    kind: Kind = Kind.CLEAN,
) -> tuple[Filled, ...]:
    """Fill each empty table of a database with rows that its schema allows, the same ones each time.

    `connection` is a superuser's. `wanted` gives other numbers of rows, by `schema.table` or `table`. A partitioned
    table is filled as a whole, and one that others inherit from only itself. Tables with rows are left as they are.
    All is one transaction, or a part of the one that is open.

    `Kind.CLEAN` is without NULL where that is possible, with values that differ from row to row, with parents for
    what is named `*_id`, and with numbers, dates or addresses in texts whose names say so (`amount`, `sent_at`).
    `Kind.HOSTILE` has, beside such rows (the first four are), all that the schema allows and migrations rarely expect:
    NULL, duplicates, orphans where no foreign key is (or one that is not validated), texts that are empty, long or no
    numbers, and the limits of numbers and dates, but no infinity or NaN.

    Triggers do not fire. Foreign keys hold by the way the rows are made, and are checked at the end. Returns one
    entry for each table, sorted by name. Raises psycopg.Error only where the catalog cannot be read.
    """
    async with connection.transaction(), _settings(connection):
        catalog = await _read(connection)
        async with _immediate_keys(connection, catalog):
            return await _Filling(connection, catalog, kind, rows, wanted).run()


class _GapsError(Exception):
    """Some rows were refused, among them perhaps parents of others in the table."""


_ATTEMPTS = {
    Kind.CLEAN: (Attempt(Kind.CLEAN, trusting=True), Attempt(Kind.CLEAN)),
    Kind.HOSTILE: (
        Attempt(Kind.HOSTILE, trusting=True),
        Attempt(Kind.HOSTILE),
        Attempt(Kind.HOSTILE, careful=True),
        Attempt(Kind.CLEAN),
    ),
}


class _Filling:
    """One run over all tables."""

    def __init__(
        self, connection: "psycopg.AsyncConnection", catalog: Catalog, kind: Kind, rows: int, wanted: Mapping[str, int]
    ) -> None:
        self.connection, self.tables, self.kind = connection, catalog.tables, kind
        self.chooser = Chooser(connection, catalog)
        self.wanted = {
            table.oid: max(wanted.get(table.label, wanted.get(table.name, rows)), 0) for table in self.tables
        }
        self.by_oid = {table.oid: table for table in self.tables}
        self.rows: dict[int, int] = {}
        self.reasons: dict[int, str | None] = {}
        self.planner = Planner(connection, self.chooser, self.tables, self.rows)
        self.later: list[tuple[Table, ForeignKey]] = []

    async def run(self) -> tuple[Filled, ...]:
        await self._count()
        left = [table for table in self.tables if table.oid not in self.rows]
        keys = {
            table.oid: [*table.foreign_keys, *guess_foreign_keys(table, self.tables, self.chooser.types)]
            for table in left
        }
        for table in sort_tables(left, keys):
            filled = await self._fill_table(table, keys[table.oid])
            self.rows[table.oid], self.reasons[table.oid] = filled.rows, filled.reason
        for table, key in self.later:
            await self._refer(table, key)
        await self._remove_orphans(left)
        return tuple(Filled(table.label, self.rows[table.oid], self.reasons.get(table.oid)) for table in self.tables)

    async def _count(self) -> None:
        """Note the tables that are not to be touched."""
        if not self.tables:
            return
        queries = [_words("SELECT", f"{table.oid}::int8, count(*) FROM", table.rows) for table in self.tables]
        for table_oid, count in await self._ask(" UNION ALL ".join(queries)):
            table = self.by_oid[table_oid]
            if count or RECORDS.fullmatch(table.name):
                self.rows[table.oid] = count
                self.reasons[table.oid] = HAS_ROWS if count else RECORD

    async def _fill_table(self, table: Table, keys: Sequence[ForeignKey]) -> Filled:
        """Fill a table, with fewer surprises where the server refuses them."""
        import psycopg

        reason, conflict = "", False
        for attempt in _ATTEMPTS[self.kind]:
            if reason and attempt == Attempt(self.kind) and not conflict:
                continue  # it would fail as the trusting one did
            try:
                async with self.connection.transaction():
                    filled = await self._make_rows(table, keys, attempt)
            except CannotFillError as refusal:
                return Filled(table.label, 0, str(refusal))
            except _GapsError:
                conflict = True
            except psycopg.Error as error:
                reason, conflict = _first_line(error), isinstance(error, psycopg.IntegrityError)
            else:
                if not filled.rows and filled.reason and self.kind is Kind.HOSTILE and attempt.kind is self.kind:
                    reason, conflict = filled.reason, False
                    continue  # ordinary rows may do
                if attempt.kind is self.kind or filled.reason:
                    return filled
                return Filled(table.label, filled.rows, f"only ordinary rows, others were refused: {reason}")
        return Filled(table.label, 0, reason)

    async def _make_rows(self, table: Table, keys: Sequence[ForeignKey], attempt: Attempt) -> Filled:
        wanted = self.wanted[table.oid]
        if not wanted:
            return Filled(table.label, 0)
        if table.partitioned and not table.partitions:
            raise CannotFillError("it has no partitions")
        plan = await self.planner.plan(table, keys, attempt, wanted)
        limit, limiting = limit_rows(plan)
        made = await self._insert(plan, wanted if limit is None else min(wanted, limit))
        if plan.gaps and plan.trees:
            raise _GapsError
        self.later += [(table, key) for key in plan.later]
        await self._advance_sequences(table)
        if made == wanted:
            return Filled(table.label, made)
        return Filled(table.label, made, limiting if made == limit else await self._find_reason(plan))

    async def _insert(self, plan: TablePlan, wanted: int) -> int:
        names = ", ".join(column for unit in plan.units for column in unit.columns)
        target = f"INSERT INTO {plan.table.quoted}" + (f" ({names}) OVERRIDING SYSTEM VALUE" if names else "")
        made, first, batch = 0, 1, plan.wanted
        most = _MOST_CANDIDATES * batch + 5000
        while made < wanted and first <= most:
            last = first + batch - 1
            order = f'ORDER BY "#n" LIMIT {wanted - made}' + ("" if plan.apart else " ON CONFLICT DO NOTHING")
            cursor = await self._execute(_words(target, "SELECT", names, plan.accepted(first, last), order))
            made += cursor.rowcount
            plan.gaps = plan.gaps or made < last
            if not cursor.rowcount and first > 1:
                break
            first = last + 1
            rate = max(made / last, 1 / _MOST_CANDIDATES)
            batch = math.ceil((wanted - made) / rate * 1.25) + 200
        return made

    async def _find_reason(self, plan: TablePlan) -> str:
        """Say which condition refused most of the rows that were tried; else which keys there are."""
        import psycopg

        limit, limiting = limit_rows(plan)
        accepted = await self.planner.measure(plan)
        if accepted > 1 / _MOST_CANDIDATES and limit is not None and limit <= _MOST_CANDIDATES * plan.wanted:
            return limiting
        everything = msgspec.structs.replace(plan, conditions=[])
        rates: list[tuple[float, str]] = []
        for check in plan.table.checks:
            rate = f"avg((({check.expression}) IS NOT FALSE)::int)::float8"
            try:
                async with self.connection.transaction():
                    rows = await self._ask(_words("SELECT", rate, everything.accepted(1, SAMPLE)))
                    rates.append((rows[0][0], check.definition))
            except psycopg.Error as error:
                rates.append((-1, f"{check.definition}: {_first_line(error)}"))
        if rates and accepted <= 1 / _MOST_CANDIDATES and min(rates)[0] < 0.5:
            return min(rates)[1]
        definitions = [key.definition for key in plan.table.keys]
        definitions += [key.definition for key in plan.table.foreign_keys]
        return "; ".join(definitions) or "no more rows are known that it takes"

    async def _advance_sequences(self, table: Table) -> None:
        """Let sequences go on behind the values that were written."""
        parts = []
        for column in table.columns:
            type_ = self.chooser.types.plain(column.type, column.modifier)[0]
            if type_ is None or type_.name not in ("int2", "int4", "int8", "numeric"):
                continue
            for sequence in column.sequences:
                most = _words("(SELECT", f"max({column.name})::int8 FROM", f"{table.rows})")
                name = f"{literal(sequence)}::regclass"
                within = _words("(SELECT", f"least(greatest({most}, seqmin), seqmax)", "FROM pg_catalog.pg_sequence")
                parts.append(f"setval({name}, {within} WHERE seqrelid = {name}))")
        if parts:
            await self._execute(_words("SELECT", ", ".join(parts)))

    async def _refer(self, table: Table, key: ForeignKey) -> None:
        """Let rows of a cycle refer to each other, now that all are there."""
        import psycopg

        if not self.rows[table.oid] or not self.rows.get(key.parent):
            return
        casts = {c.name: self.chooser.types.cast(c.type, c.cast) for c in table.columns}
        query = later_update(table, key, casts, self.kind)
        if query is None:
            return
        try:
            async with self.connection.transaction():
                await self._execute(query)
        except psycopg.Error as error:
            self.reasons[table.oid] = self.reasons[table.oid] or f"{key.definition}: {_first_line(error)}"

    async def _remove_orphans(self, filled: Sequence[Table]) -> None:
        """Delete rows that refer to none, until there are no more: only in cycles that could not be closed."""
        keys = [(t, key) for t in filled if self.rows[t.oid] for key in t.foreign_keys if key.valid]
        while keys:
            found = [
                _words("SELECT", f"{place} WHERE EXISTS (SELECT", orphans(table, key) + ")")
                for place, (table, key) in enumerate(keys)
            ]
            broken = [keys[place] for (place,) in await self._ask(" UNION ALL ".join(found))]
            if not broken:
                return
            for table, key in broken:
                cursor = await self._execute(_words("DELETE", orphans(table, key)))
                self.rows[table.oid] -= cursor.rowcount
                self.reasons[table.oid] = self.reasons[table.oid] or key.definition

    async def _execute(self, query: str) -> "psycopg.AsyncCursor[tuple[object, ...]]":
        return await self.connection.execute(query.encode())

    async def _ask(self, query: str) -> list[tuple[int, ...]]:
        return list(await (await self.connection.execute(query.encode())).fetchall())


async def _read(connection: "psycopg.AsyncConnection") -> Catalog:
    path = await _setting(connection, "search_path")
    await _set(connection, [("search_path", "")])
    catalog = await read_catalog(connection)
    await _set(connection, [("search_path", path)])
    return catalog


@asynccontextmanager
async def _immediate_keys(connection: "psycopg.AsyncConnection", catalog: Catalog) -> AsyncIterator[None]:
    """Have deferrable unique and exclusion constraints checked at once.

    They are checked by triggers, which do not fire here, and ON CONFLICT refuses them. No statement changes them so;
    nobody else sees it before it is undone.
    """
    indexes = [key.index for table in catalog.tables for key in table.keys if not key.immediate]
    change = "UPDATE pg_catalog.pg_index SET indimmediate = %s WHERE indexrelid = ANY (%s::regclass[])"
    if indexes:
        await connection.execute(change, [True, indexes])
    yield
    if indexes:
        await connection.execute(change, [False, indexes])


@asynccontextmanager
async def _settings(connection: "psycopg.AsyncConnection") -> AsyncIterator[None]:
    """Set what filling needs, and set it back: a transaction that was open before goes on with its own settings."""
    before = [(name, await _setting(connection, name)) for name in _SETTINGS]
    await _set(connection, _SETTINGS.items())
    yield
    await _set(connection, before)


async def _setting(connection: "psycopg.AsyncConnection", name: str) -> str:
    row = await (await connection.execute("SELECT current_setting(%s)", [name])).fetchone()
    return str(row[0]) if row is not None else ""


async def _set(connection: "psycopg.AsyncConnection", settings: Iterable[tuple[str, str]]) -> None:
    for name, value in settings:
        await connection.execute("SELECT set_config(%s, %s, true)", [name, value])


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def _words(*words: str) -> str:
    return " ".join(word for word in words if word)
