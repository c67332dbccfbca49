"""Whatever schema there is: all constraints hold, the numbers are as reported, and two runs make the same rows."""

import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from ks_universal.rehearsal.filling import Filled, Kind, fill
from support.constraint_proof import prove_constraints, read_rows
from support.throwaway_postgres import serve_throwaway

ROWS = 40
BASE = "CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE DOMAIN even AS int CHECK (VALUE % 2 = 0) CHECK (VALUE < 500)"
COLUMNS = {
    "int": ("> 10", "BETWEEN 5 AND 90", "IN (3, 5, 8)", "<> 1", "% 3 = 1", "< -4"),
    "smallint": ("> 0", "<= 100"),
    "bigint": (">= 9000000000",),
    "numeric(6,2)": (">= 0.5", "> 10 AND {c} < 11.5"),
    "float8": ("> 0", "<> 'NaN'"),
    "text": ("<> ''", "~ '^[A-Z]{{3}}-\\d+$'", "LIKE '%@%'", "IN ('a', 'b')", "= lower({c})", "SIMILAR TO '(x|y)+'"),
    "varchar(5)": ("~ '^[a-f0-9]{{4}}$'", "IS NOT NULL AND length({c}) > 2", "> 'b'"),
    "char(3)": ("= upper({c})",),
    "date": ("> '2023-01-01'", "BETWEEN '2024-02-01' AND '2024-02-20'", "< '1999-01-01'"),
    "timestamptz": ("> '2025-05-05Z'",),
    "boolean": ("= true",),
    "uuid": (),
    "mood": ("<> 'sad'",),
    "even": ("> 100",),
    "even[]": ("<> '{{}}'",),
    "text[]": ("<@ ARRAY['a', 'b']", "IS NULL OR cardinality({c}) = 2"),
    "jsonb": ("? 'kind'", "-> 'a' IS NOT NULL"),
    "int4range": (),
    "interval": ("> '1 hour'",),
    "bytea": ("<> ''",),
    "inet": ("<< '10.0.0.0/8'",),
    "bit(3)": (),
    "time": ("> '12:00'",),
}
names = st.sampled_from(["a", "b", "c d", 'e"f', "user", "count", "email", "other_id", "created_at", "n"])


@st.composite
def columns(draw: st.DrawFn, name: str) -> str:
    kind = draw(st.sampled_from(sorted(COLUMNS)))
    quoted = '"' + name.replace('"', '""') + '"'
    words = [quoted, kind, draw(st.sampled_from(["", "NOT NULL", "NOT NULL", "UNIQUE", "NOT NULL UNIQUE"]))]
    if draw(st.booleans()) and COLUMNS[kind]:
        words.append(f"CHECK ({quoted} {draw(st.sampled_from(COLUMNS[kind])).format(c=quoted)})")
    return " ".join(words)


EXTRA = (
    "low int, high int, CHECK (low < high)",
    "ends date NOT NULL, starts date NOT NULL, CHECK (starts <= ends)",
    "one int, two text, CHECK (num_nonnulls(one, two) = 1)",
    "x int NOT NULL, y int NOT NULL, z int GENERATED ALWAYS AS (x + y) STORED, UNIQUE (x, y)",
    "kind text, size int, CHECK (kind = 'big' AND size > 100 OR kind = 'small' AND size <= 100)",
    "p boolean NOT NULL, q mood NOT NULL, UNIQUE (p, q)",
    "price int NOT NULL, pieces int NOT NULL, total int NOT NULL, CHECK (total = price * pieces)",
)
KEYS = ("serial", "int", "bigint GENERATED ALWAYS AS IDENTITY", "uuid", "varchar(4)")


@st.composite
def schemas(draw: st.DrawFn) -> tuple[str, ...]:
    keys = draw(st.lists(st.sampled_from(KEYS), min_size=1, max_size=4))
    numbers = st.integers(0, len(keys) - 1)
    statements = [BASE]
    for number, key in enumerate(keys):
        parts = [f"id {key} PRIMARY KEY"]
        parts += [draw(columns(name)) for name in draw(st.lists(names, max_size=5, unique=True))]
        parts += draw(st.lists(st.sampled_from(EXTRA), max_size=2, unique=True))
        statements.append(f"CREATE TABLE t{number} ({', '.join(parts)})")
    for place in range(draw(st.integers(0, 2 * len(keys)))):  # to any table: cycles, and to itself
        child, parent = draw(numbers), draw(numbers)
        kind = "int" if keys[parent] == "serial" else keys[parent].split()[0]
        more = draw(st.sampled_from(["", "", "NOT NULL", "UNIQUE", "NOT NULL UNIQUE"]))
        statements.append(f"ALTER TABLE t{child} ADD parent{place} {kind} {more} REFERENCES t{parent} DEFERRABLE")
    return tuple(statements)


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    with tempfile.TemporaryDirectory(dir="/tmp") as folder, serve_throwaway(Path(folder)) as server:
        yield server.create_database()


def fill_all(conninfo: str, kind: Kind) -> tuple[Filled, ...]:
    async def main() -> tuple[Filled, ...]:
        async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as connection:
            return await fill(connection, ROWS, kind=kind)

    return asyncio.run(main())


def make_schema(conninfo: str, statements: tuple[str, ...]) -> None:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("SET client_min_messages = warning; DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        for statement in statements:
            connection.execute(statement.encode())


@settings(max_examples=12)
@given(schema=schemas(), kind=st.sampled_from(Kind))
def test_constraints_hold_and_numbers_are_as_said(database: str, schema: tuple[str, ...], kind: Kind) -> None:
    make_schema(database, schema)
    found, rows = fill_all(database, kind), read_rows(database)
    for table in found:
        assert table.rows == rows[table.table][0]
        assert table.rows == ROWS or table.reason
        event(f"{table.rows == ROWS}: {table.reason}")
    prove_constraints(database)
    make_schema(database, schema)
    assert fill_all(database, kind) == found
    assert read_rows(database) == rows
