"""Whether all rows of a database satisfy its schema, as PostgreSQL says when each constraint is made anew."""

import psycopg
from psycopg.sql import SQL, Identifier

_CONSTRAINTS = """
SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
WHERE contype = %s AND conrelid <> 0 AND conparentid = 0 AND coninhcount = 0 AND convalidated
ORDER BY conrelid, conname
"""
_VALUES = """
SELECT attrelid::regclass::text, array_agg(format('count(%I::text::%s)', attname, format_type(atttypid, atttypmod)))
FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
WHERE attnum > 0 AND NOT attisdropped AND relkind IN ('r', 'p') AND relnamespace::regnamespace::text !~ '^pg_|^info'
GROUP BY attrelid
"""
_PARTITIONS = """
SELECT oid::regclass::text, pg_get_partition_constraintdef(oid) FROM pg_class WHERE relispartition AND relkind = 'r'
"""

_SCHEMAS = "SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_|^information_schema$'"


def prove_constraints(conninfo: str) -> int:
    """Drop each foreign key and check and add it again, read all values anew, and build each index anew; count them."""
    proven = 0
    with psycopg.connect(conninfo, autocommit=True) as connection:
        for kind in "fc":
            for table, name, definition in connection.execute(_CONSTRAINTS, [kind]).fetchall():
                dropped = SQL("ALTER TABLE {} DROP CONSTRAINT {}").format(SQL(table), Identifier(name))
                added = SQL("ALTER TABLE {} ADD {}").format(SQL(table), SQL(definition))
                connection.execute(dropped)
                connection.execute(added)
                proven += 1
        for table, counts in connection.execute(_VALUES).fetchall():
            connection.execute(f"SELECT {', '.join(counts)} FROM {table}".encode())  # domains check what is read
        for table, condition in connection.execute(_PARTITIONS).fetchall():
            if condition is not None:
                wrong = SQL("SELECT count(*) FROM {} WHERE ({}) IS NOT TRUE").format(SQL(table), SQL(condition))
                assert connection.execute(wrong).fetchone() == (0,), table
                proven += 1
        for (schema,) in connection.execute(_SCHEMAS).fetchall():
            connection.execute(SQL("REINDEX SCHEMA {}").format(Identifier(schema)))
    return proven


def read_rows(conninfo: str) -> dict[str, tuple[int, str]]:
    """Return the number of rows of each table, without those of its children, and a digest of what is in them."""
    found = {}
    tables = """SELECT format('%I.%I', nspname, relname), nspname || '.' || relname, relkind::text
                FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
                WHERE relkind IN ('r', 'p') AND NOT relispartition AND nspname !~ '^pg_|^information_schema$'"""
    with psycopg.connect(conninfo) as connection:
        for quoted, label, kind in connection.execute(tables).fetchall():
            only = "ONLY " if kind == "r" else ""
            query = f"SELECT count(*), md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {only}{quoted} AS t"
            row = connection.execute(query.encode()).fetchone()
            assert row is not None
            found[label] = (row[0], row[1])
    return found
