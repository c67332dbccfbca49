"""What is in a database before and after a run: its tables with their data, its schema as text, what is half done."""

import asyncio
import difflib
import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import msgspec

from ks_universal.rehearsal.facts import DataLoss
from ks_universal.rehearsal.instruments import SCHEMA
from ks_universal.rehearsal.server import APPLICATION, Server, tell_failure

if TYPE_CHECKING:
    import psycopg

_RELATIONS = f"""
SELECT c.oid::int8, n.nspname || '.' || c.relname, c.relkind::text, pg_relation_filenode(c.oid)::int8,
       i.indrelid::int8, i.indisvalid
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_index i ON i.indexrelid = c.oid
WHERE c.oid >= 16384 AND c.relkind IN ('r', 'p', 'm', 'i', 'I') AND n.nspname <> '{SCHEMA}'
  AND n.nspname !~ '^pg_'
ORDER BY 2
"""
_COLUMNS = """
SELECT attnum::int, attname, format_type(atttypid, atttypmod), NOT attisdropped FROM pg_attribute
WHERE attrelid = %s AND attnum > 0 ORDER BY attnum
"""
_UNVALIDATED = f"""
SELECT conrelid::regclass::text, conname FROM pg_constraint c JOIN pg_namespace n ON n.oid = c.connamespace
WHERE NOT convalidated AND conrelid <> 0 AND n.nspname <> '{SCHEMA}' ORDER BY 1, 2
"""
_TOO_MANY_ROWS = 200_000
"""Above that no digests of values are made: they cost more than a second for a million."""


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """A column: how many values it has that are not NULL, how many different ones (None: not counted), their digest."""

    name: str
    type: str
    values: int
    distinct: int | None
    digest: str


class Relation(msgspec.Struct, frozen=True, kw_only=True):
    """A table, or an index of `table`. `columns` are by their number, which a new name does not change."""

    oid: int
    name: str
    kind: str
    file: int | None
    table: int | None = None
    is_valid: bool = True
    rows: int = 0
    columns: dict[int, Column] = {}
    digest: str = ""
    """Of all rows, in any order."""

    @property
    def is_table(self) -> bool:
        """Whether it has rows of its own."""
        return self.kind in ("r", "m")


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """A database at one moment. `unvalidated` are constraints that hold for new rows only."""

    relations: dict[int, Relation]
    unvalidated: tuple[tuple[str, str], ...]
    schema: str

    @property
    def names(self) -> dict[int, str]:
        """The names of all tables and indexes, by oid."""
        return {relation.oid: relation.name for relation in self.relations.values()}

    @property
    def tables(self) -> dict[int, Relation]:
        """The tables with rows of their own."""
        return {oid: relation for oid, relation in self.relations.items() if relation.is_table}

    @property
    def data(self) -> dict[str, str]:
        """A digest of the rows of each table, by name."""
        return {table.name: table.digest for table in self.tables.values()}


async def take_snapshot(server: Server, database: str = APPLICATION) -> Snapshot:
    """Read a database whole. Raises psycopg.Error."""
    import psycopg

    async with await psycopg.AsyncConnection.connect(server.conninfo(database), autocommit=True) as connection:
        await connection.execute("SET search_path = pg_catalog")
        cursor = await connection.execute(_RELATIONS.encode())
        relations = {}
        for oid, name, kind, file, table, is_valid in await cursor.fetchall():
            relation = Relation(oid=oid, name=name, kind=kind, file=file, table=table, is_valid=is_valid is not False)
            relations[oid] = await _count(connection, relation) if relation.is_table else relation
        unvalidated = await (await connection.execute(_UNVALIDATED.encode())).fetchall()
    schema = await dump_schema(server, database)
    return Snapshot(relations=relations, unvalidated=tuple((table, name) for table, name in unvalidated), schema=schema)


async def _count(connection: "psycopg.AsyncConnection", table: Relation) -> Relation:
    """Count the rows and values of a table."""
    from psycopg.sql import SQL, Composable, Identifier

    found = await (await connection.execute(_COLUMNS, [table.oid])).fetchall()
    columns = [(number, name, type_) for number, name, type_, is_there in found if is_there]
    place = SQL("ONLY {}").format(Identifier(*table.name.split(".", 1)))
    row = await (await connection.execute(SQL("SELECT count(*) FROM {}").format(place))).fetchone()
    rows = row[0] if row else 0
    wanted: list[Composable] = [SQL("coalesce(sum(hashtextextended(t::text, 0)::numeric), 0)::text")]
    is_small = rows <= _TOO_MANY_ROWS
    for _, name, _ in columns:
        wanted.append(SQL("count({})").format(Identifier(name)))
        text = SQL("count(DISTINCT {}::text)").format(Identifier(name))
        wanted.append(text if is_small else SQL("NULL::int8"))
        digest = SQL("coalesce(sum(hashtextextended({}::text, 0)::numeric), 0)::text").format(Identifier(name))
        wanted.append(digest)
    query = SQL("SELECT {} FROM {} t").format(SQL(", ").join(wanted), place)
    counted = await (await connection.execute(query)).fetchone() or ()
    row_digest, *numbers = counted
    return msgspec.structs.replace(
        table,
        rows=rows,
        digest=f"{rows}:{row_digest}",
        columns={
            number: Column(
                name=name, type=type_, values=numbers[3 * i], distinct=numbers[3 * i + 1], digest=numbers[3 * i + 2]
            )
            for i, (number, name, type_) in enumerate(columns)
        },
    )


async def dump_schema(server: Server, database: str = APPLICATION, without: Iterable[str] = ()) -> str:
    """Write the schema as pg_dump does, without what the rehearsal has put there. Raises TargetError.

    `without` are patterns of tables that are left out, as pg_dump takes them.
    """
    excluded = (f"--exclude-table={name}" for name in without)
    words = (
        "--schema-only",
        "--restrict-key=x",
        f"--exclude-schema={SCHEMA}",
        *excluded,
        "-d",
        server.conninfo(database),
    )
    process = await asyncio.create_subprocess_exec(
        *server.clients.command("pg_dump"),
        *words,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd="/",
    )
    output, errors = await process.communicate()
    if process.returncode != 0:
        raise tell_failure("lets nobody read its schema", *errors.decode(errors="replace").splitlines()[-3:])
    return _cut_instruments(output.decode())


def _cut_instruments(dump: str) -> str:
    sections = re.split(r"\n--\n-- Name: ", dump)
    kept = [section for section in sections[1:] if not section.startswith(SCHEMA)]
    return "".join(f"-- {section}" for section in kept)


def diff_schemas(before: str, after: str) -> tuple[str, ...]:
    """Give the lines of a schema that were removed (`-`) and added (`+`); comments and empty lines do not count."""
    old, new = ([line for line in text.splitlines() if line.strip() and line[:2] != "--"] for text in (before, after))
    lines = difflib.unified_diff(old, new, lineterm="", n=0)
    return tuple(line for line in lines if not line.startswith(("---", "+++", "@@")))


def find_changed_data(before: Snapshot, after: Snapshot) -> tuple[str, ...]:
    """Find the tables of both, by name, whose data differ; a column that came or went is no change of data."""
    old = {table.name: table for table in before.tables.values()}
    return tuple(
        new.name
        for new in after.tables.values()
        if new.name in old and old[new.name].digest != new.digest and _differ(old[new.name], new)
    )


def _differ(old: Relation, new: Relation) -> bool:
    if old.rows != new.rows or old.columns.keys() == new.columns.keys():
        return True
    common = old.columns.keys() & new.columns.keys()
    return any(old.columns[number].digest != new.columns[number].digest for number in common)


def find_losses(before: Snapshot, after: Snapshot) -> Iterator[DataLoss]:
    """Find the data that was there before and is no more: tables are known by their oid, columns by their number.

    The values of a column that another has now, all of them, were moved and are not lost; nor are rows all of whose
    values were added to others.
    """
    added = _find_added(before, after)
    kept = {column.digest for table in after.tables.values() for column in table.columns.values() if column.values}
    for oid, old in before.tables.items():
        if old.kind == "m":  # made of other tables
            continue
        new = after.tables.get(oid)
        if new is None:
            is_kept = all(not each.values or each.digest in kept for each in old.columns.values())
            if old.rows and not (is_kept or _find_less(old, None) <= added):
                yield DataLoss(table=old.name, column=None, rows=old.rows, how="the table was dropped")
            continue
        if new.rows < old.rows:
            if _find_less(old, new) <= added:
                continue
            yield DataLoss(table=old.name, column=None, rows=old.rows - new.rows, how="rows were deleted")
            continue
        for number, column in old.columns.items():
            if column.digest not in kept:
                yield from _find_lost_values(old, column, new.columns.get(number))


def _find_added(before: Snapshot, after: Snapshot) -> set[tuple[int, int]]:
    """Find what was added to each column: how many values, and by what the sum of their hashes is another."""
    return {
        more
        for oid, new in after.tables.items()
        if (old := before.tables.get(oid)) is None or new.rows > old.rows
        for more in _find_less(new, old)
    }


def _find_less(table: Relation, other: Relation | None) -> set[tuple[int, int]]:
    """Find what the columns of a table have more than those of another, which is the same at another time."""
    others = other.columns if other else {}
    found = {
        (column.values - (there.values if there else 0), int(column.digest) - (int(there.digest) if there else 0))
        for number, column in table.columns.items()
        for there in (others.get(number),)
    }
    return {each for each in found if each[0]}


def _find_lost_values(table: Relation, old: Column, new: Column | None) -> Iterator[DataLoss]:
    if new is None:
        if old.values:
            yield DataLoss(table=table.name, column=old.name, rows=old.values, how="the column was dropped")
        return
    how = f"its type changed from {old.type} to {new.type}" if old.type != new.type else "it was set to NULL"
    if new.values < old.values:
        yield DataLoss(table=table.name, column=old.name, rows=old.values - new.values, how=how)
    elif old.type != new.type and (new.distinct or 0) < (old.distinct or 0):
        lost = (old.distinct or 0) - (new.distinct or 0)
        yield DataLoss(table=table.name, column=old.name, rows=lost, how=f"{how}: different values have become one")


def find_leftovers(before: Snapshot, after: Snapshot) -> Iterator[str]:
    """Find what a run has left half done: invalid indexes, and constraints that hold for new rows only."""
    for oid, relation in after.relations.items():
        known = before.relations.get(oid)
        if not relation.is_valid and relation.kind == "i" and (known is None or known.is_valid):
            yield f"the index {relation.name} is invalid"
    for table, name in after.unvalidated:
        if (table, name) not in before.unvalidated:
            yield f"the constraint {name} of {table} is not validated"


def find_rewritten(before: Snapshot, after: Snapshot) -> tuple[str, ...]:
    """Find the tables whose file is another and whose rows are still there; that of a view is another each time."""
    return tuple(
        old.name
        for oid, old in before.tables.items()
        if (new := after.tables.get(oid)) and new.file != old.file and new.rows and new.kind == "r"
    )
