"""What an undisturbed run leads to, and how what a disturbed one has led to differs from that.

Two undisturbed runs are compared first: what differs between them (the time of a row, a random key) tells nothing.
"""

from collections.abc import Iterator

import msgspec

from ks_universal.rehearsal.bench import Bench
from ks_universal.rehearsal.catalog import Relation, Snapshot, diff_schemas, take_snapshot
from ks_universal.rehearsal.command import Command
from ks_universal.rehearsal.facts import CommandResult
from ks_universal.rehearsal.gate import Gate, Session
from ks_universal.rehearsal.instruments import SCHEMA
from ks_universal.rehearsal.server import APPLICATION

_NUMBERED = f"""
SELECT n.nspname || '.' || c.relname, a.attname
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_attrdef d ON (d.adrelid, d.adnum) = (a.attrelid, a.attnum)
WHERE c.relkind IN ('r', 'p') AND a.attnum > 0 AND n.nspname !~ '^pg_' AND n.nspname <> '{SCHEMA}'
  AND (a.attidentity <> '' OR pg_get_expr(d.adbin, d.adrelid) LIKE 'nextval(%')
"""
_REFERENCES = """
SELECT fn.nspname || '.' || f.relname, fa.attname, tn.nspname || '.' || t.relname, ta.attname
FROM pg_constraint k JOIN pg_class f ON f.oid = k.conrelid JOIN pg_namespace fn ON fn.oid = f.relnamespace
JOIN pg_class t ON t.oid = k.confrelid JOIN pg_namespace tn ON tn.oid = t.relnamespace
CROSS JOIN LATERAL unnest(k.conkey, k.confkey) AS pair(from_number, to_number)
JOIN pg_attribute fa ON (fa.attrelid, fa.attnum) = (f.oid, pair.from_number)
JOIN pg_attribute ta ON (ta.attrelid, ta.attnum) = (t.oid, pair.to_number)
WHERE k.contype = 'f'
"""


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """What is other than after an undisturbed run: lines of the schema, and tables whose rows are others."""

    schema: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self.schema or self.tables)

    def __str__(self) -> str:
        parts = []
        if self.tables:
            parts.append(f"the data of {', '.join(self.tables)}")
        if self.schema:
            parts.append(f"the schema ({'; '.join(self.schema[:3])})")
        return " and ".join(parts)


class Reference(msgspec.Struct, frozen=True, kw_only=True):
    """Two undisturbed runs; `numbered` are columns whose values come from a sequence, which counts lost runs, too."""

    result: CommandResult
    commits: int
    first: Snapshot
    second: Snapshot
    numbered: frozenset[tuple[str, str]]

    def compare(self, found: Snapshot) -> Difference:
        """Find what a disturbed run has led to that an undisturbed one does not."""
        # Names that are other each time cannot be compared.
        is_stable = self.first.schema == self.second.schema
        return Difference(
            schema=diff_schemas(self.second.schema, found.schema) if is_stable else (),
            tables=tuple(self._find_other_tables(found)),
        )

    def _find_other_tables(self, found: Snapshot) -> Iterator[str]:
        first, second, others = (_by_name(each) for each in (self.first, self.second, found))
        for name in sorted(first.keys() & second.keys()):
            other = others.get(name)
            if other is None or self._is_other(first[name], second[name], other):
                yield name

    def _is_other(self, first: Relation, second: Relation, found: Relation) -> bool:
        if found.digest in (first.digest, second.digest):
            return False
        if found.rows not in (first.rows, second.rows):
            return True
        all_columns = [{column.name: column for column in each.columns.values()} for each in (first, second, found)]
        ones, twos, threes = all_columns
        is_row_known = not any((first.name, name) in self.numbered for name in ones)
        if is_row_known and first.digest == second.digest:
            return True
        for name in ones.keys() & twos.keys() & threes.keys():
            one, two, three = ones[name], twos[name], threes[name]
            if three.values not in (one.values, two.values):
                return True
            if (first.name, name) in self.numbered:
                if one.distinct != three.distinct:
                    return True
            elif one.digest == two.digest != three.digest:
                return True
        return False


async def run_undisturbed(bench: Bench, command: Command, first: Snapshot | None = None) -> Reference | None:
    """Run a command on the database as it is, twice where `first` is not given; None where it fails.

    The database is that of one run afterwards, whose commits were counted.
    """
    if first is None:
        keep = "app_undisturbed"
        await bench.keep_base(keep)
        try:
            if not (await bench.run(command)).is_success:
                return None
            await bench.await_quiet()
            first = await take_snapshot(bench.server)
            await bench.restore_base(keep)
        finally:
            await bench.execute(f"DROP DATABASE IF EXISTS {keep}")
    commits: set[tuple[int, str | None]] = set()

    def count(sessions: tuple[Session, ...]) -> bool:
        commits.update((each.process, each.transaction) for each in sessions if each.is_committing)
        return True

    with Gate(bench.server, count):
        result = await bench.run(command)
    if not result.is_success:
        return None
    await bench.await_quiet()
    return Reference(
        result=result,
        commits=len(commits),
        first=first,
        second=await take_snapshot(bench.server),
        numbered=await _find_numbered(bench),
    )


async def _find_numbered(bench: Bench) -> frozenset[tuple[str, str]]:
    """Find the columns that a sequence numbers, and those that refer to them."""
    import psycopg

    async with await psycopg.AsyncConnection.connect(bench.server.conninfo(APPLICATION), autocommit=True) as link:
        numbered = {(table, name) for table, name in await (await link.execute(_NUMBERED.encode())).fetchall()}
        references = await (await link.execute(_REFERENCES.encode())).fetchall()
    while True:
        found = {(table, name) for table, name, other, key in references if (other, key) in numbered}
        if found <= numbered:
            return frozenset(numbered)
        numbered |= found


def _by_name(snapshot: Snapshot) -> dict[str, Relation]:
    return {table.name: table for table in snapshot.tables.values()}
