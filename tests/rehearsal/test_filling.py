"""Rows for the tables of a real PostgreSQL: what holds of them, in schemas that make it hard."""

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import psycopg
import pytest

from ks_universal.rehearsal.filling import HAS_ROWS, RECORD, Filled, Kind, fill
from support.constraint_proof import prove_constraints, read_rows
from support.throwaway_postgres import ThrowawayPostgres, serve_throwaway

HARD = (Path(__file__).parent / "hard_schema.sql").read_text()
NOT_FULL = {
    "public.alembic_version": (1, HAS_ROWS),
    "public.fn": (0, "CHECK (public.is_good(v))"),
    "public.impossible": (0, "CHECK (v < 0 AND v > 0)"),
    "public.no_parts": (0, "it has no partitions"),
    "public.onlyone": (1, "PRIMARY KEY (id)"),
    "public.raising": (0, "division by zero"),
    "public.schema_migrations": (0, RECORD),
    "public.tiny": (2, "PRIMARY KEY (yes)"),
    "public.types_needed": (36, "UNIQUE (a)"),
}


@pytest.fixture(scope="module")
def postgres() -> Iterator[ThrowawayPostgres]:
    # The path of a socket may have 107 characters only.
    with tempfile.TemporaryDirectory(dir="/tmp") as folder, serve_throwaway(Path(folder)) as server:
        yield server


@pytest.fixture
def hard(postgres: ThrowawayPostgres) -> Callable[[], str]:
    """Make databases with the hard tables."""
    return lambda: postgres.create_database(template=postgres.template(HARD))


def fill_all(
    conninfo: str, rows: int, kind: Kind = Kind.CLEAN, wanted: Mapping[str, int] | None = None
) -> dict[str, Filled]:
    async def main() -> tuple[Filled, ...]:
        async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as connection:
            return await fill(connection, rows, kind=kind, wanted=wanted or {})

    found = asyncio.run(main())
    assert [filled.table for filled in found] == sorted(filled.table for filled in found)
    return {filled.table: filled for filled in found}


def ask(conninfo: str, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        cursor = connection.execute(query.encode())
        return cursor.fetchall() if cursor.description else []


def fails(conninfo: str, statement: str) -> str | None:
    """Try a statement without keeping what it does; return the SQLSTATE of its failure."""
    with psycopg.connect(conninfo) as connection:
        try:
            connection.execute(statement.encode())
        except psycopg.Error as error:
            return error.sqlstate
        finally:
            connection.rollback()
    return None


@pytest.mark.parametrize("kind", Kind)
def test_hard_tables_are_full_and_all_their_constraints_hold(hard: Callable[[], str], kind: Kind) -> None:
    conninfo = hard()
    found = fill_all(conninfo, 300, kind, {"country": 50, "public.orders": 77})
    assert {name: filled.rows for name, filled in found.items()} == {n: c for n, (c, _) in read_rows(conninfo).items()}
    assert {n: (f.rows, f.reason) for n, f in found.items() if f.reason} == NOT_FULL
    other = {name: f.rows for name, f in found.items() if not f.reason and f.rows != 300}
    assert other == {"public.country": 50, "public.orders": 77}
    assert prove_constraints(conninfo) > 80


@pytest.mark.parametrize("kind", Kind)
def test_what_newer_versions_have_is_filled_too(postgres: ThrowawayPostgres, kind: Kind) -> None:
    conninfo = postgres.create_database((Path(__file__).parent / "newer_schema.sql").read_text())
    found = fill_all(conninfo, 100, kind)
    assert {name: f.rows for name, f in found.items()} == dict.fromkeys(found, 100)
    assert prove_constraints(conninfo) > 1


@pytest.mark.parametrize("kind", Kind)
def test_two_runs_make_the_same_rows(hard: Callable[[], str], kind: Kind) -> None:
    first, second = hard(), hard()
    assert fill_all(first, 60, kind) == fill_all(second, 60, kind)
    assert read_rows(first) == read_rows(second)


def test_partitions_all_get_rows_and_children_of_a_table_do_not_count_for_it(hard: Callable[[], str]) -> None:
    conninfo = hard()
    fill_all(conninfo, 200)
    for name in ("logs_1", "logs_2a", "logs_2b", "by_list_eu", "by_range_1", "by_range_2", "by_hash_0", "by_two_1"):
        assert ask(conninfo, f"SELECT count(*) > 10 FROM {name}") == [(True,)], name
    assert ask(conninfo, "SELECT count(*) FROM base") == [(400,)]


def test_rows_are_trees_and_cycles_are_closed(hard: Callable[[], str]) -> None:
    conninfo = hard()
    fill_all(conninfo, 200)
    up = "WITH RECURSIVE up AS (SELECT id, parent_id FROM tree UNION ALL SELECT up.id, tree.parent_id FROM up JOIN tree"
    assert ask(
        conninfo, f"{up} ON tree.id = up.parent_id) SELECT max(count) FROM (SELECT count(*) FROM up GROUP BY id) u"
    ) < [(12,)]
    assert ask(conninfo, "SELECT count(*) FROM tree WHERE parent_id IS NULL") == [(1,)]
    assert ask(conninfo, "SELECT count(*), count(DISTINCT next_id) FROM chain WHERE next_id IS NOT NULL") == [
        (199, 199)
    ]
    assert ask(conninfo, "SELECT count(*) FROM dept WHERE head_id IS NULL") == [(0,)]
    # One of another tenant would break the composite key, so some users have none to be invited by.
    assert ask(conninfo, "SELECT count(*) > 0 FROM users WHERE invited_by IS NOT NULL") in ([(True,)], [(False,)])


def test_sequences_go_on_behind_the_rows(postgres: ThrowawayPostgres) -> None:
    conninfo = postgres.create_database(
        "CREATE TABLE a (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, v text)",
        "CREATE TABLE b (id serial PRIMARY KEY, v text); CREATE SEQUENCE s; "
        "CREATE TABLE c (id bigint PRIMARY KEY DEFAULT nextval('s'), v text)",
    )
    fill_all(conninfo, 20, Kind.HOSTILE)
    for table in "abc":
        assert ask(conninfo, f"INSERT INTO {table} (v) VALUES ('x') RETURNING id") == [(21,)]


PLAIN = """
CREATE TABLE users (id serial PRIMARY KEY, name text NOT NULL);
CREATE TABLE orders (id serial PRIMARY KEY, user_id int, amount text, note text, label varchar(20), price numeric(12,2),
  total numeric, quantity int, sent_at text, created_at timestamptz, country text, data jsonb, parent_id int);
CREATE TABLE payments (id int PRIMARY KEY, payer int);
ALTER TABLE payments ADD CONSTRAINT later FOREIGN KEY (payer) REFERENCES users NOT VALID;
"""
ASSUMING = {
    "ALTER TABLE orders ALTER note SET NOT NULL": "23502",
    "ALTER TABLE orders ADD UNIQUE (label)": "23505",
    "CREATE UNIQUE INDEX ON orders (user_id, country)": "23505",
    "ALTER TABLE orders ADD FOREIGN KEY (user_id) REFERENCES users": "23503",
    "ALTER TABLE orders ADD FOREIGN KEY (parent_id) REFERENCES orders": "23503",
    "ALTER TABLE payments VALIDATE CONSTRAINT later": "23503",
    "ALTER TABLE orders ADD CHECK (quantity > 0)": "23514",
    "ALTER TABLE orders ALTER amount TYPE bigint USING amount::bigint": "22P02",
    "ALTER TABLE orders ALTER sent_at TYPE date USING sent_at::date": "22007",
    "ALTER TABLE orders ALTER label TYPE varchar(15)": "22001",
    "ALTER TABLE orders ALTER price TYPE numeric(10,2)": "22003",
    "UPDATE orders SET quantity = quantity + 100": "22003",
    "UPDATE orders SET total = price / quantity": "22012",
    "ALTER TABLE orders ADD CHECK (created_at < '2500-01-01')": "23514",
    "ALTER TABLE orders ADD CHECK (length(note) BETWEEN 1 AND 100)": "23514",
    "ALTER TABLE orders ADD CHECK (jsonb_typeof(data) = 'object')": "23514",
}


@pytest.mark.parametrize("rows", [60, 1000])
def test_statements_that_assume_more_than_the_schema_says_fail_on_hostile_rows_only(
    postgres: ThrowawayPostgres, rows: int
) -> None:
    clean, hostile = postgres.create_database(PLAIN), postgres.create_database(PLAIN)
    fill_all(clean, rows)
    fill_all(hostile, rows, Kind.HOSTILE)
    assert {statement: fails(clean, statement) for statement in ASSUMING} == dict.fromkeys(ASSUMING)
    assert {statement: fails(hostile, statement) for statement in ASSUMING} == ASSUMING


def test_the_first_hostile_rows_are_ordinary(postgres: ThrowawayPostgres) -> None:
    conninfo = postgres.create_database(PLAIN)
    fill_all(conninfo, 100, Kind.HOSTILE)
    rows = ask(
        conninfo, "SELECT id, user_id, amount::int > 0, price, quantity, sent_at::date FROM orders ORDER BY id LIMIT 3"
    )
    assert all(value is not None for row in rows for value in row)


def test_clean_rows_have_no_null_where_one_can_be_avoided(hard: Callable[[], str]) -> None:
    conninfo = hard()
    fill_all(conninfo, 100)
    for table in ("types", "orders", "booking", "profile", "log_notes", "matched_full"):
        assert ask(conninfo, f"SELECT count(*) FROM {table} AS t WHERE NOT (t IS NOT NULL)")[0][0] in (0, 100), table
        nulls = (
            f"SELECT key, count(*) FROM {table} AS whole, jsonb_each(to_jsonb(whole)) WHERE value = 'null' GROUP BY key"
        )
        assert ask(conninfo, nulls) == [], table


def test_an_open_transaction_goes_on_with_its_own_settings(postgres: ThrowawayPostgres) -> None:
    conninfo = postgres.create_database(PLAIN)

    async def main() -> None:
        async with await psycopg.AsyncConnection.connect(conninfo) as connection:
            await connection.execute("SET LOCAL search_path = pg_catalog; SET LOCAL work_mem = '5MB'")
            await fill(connection, 5)
            for name, value in {
                "search_path": "pg_catalog",
                "work_mem": "5MB",
                "session_replication_role": "origin",
            }.items():
                row = await (await connection.execute("SELECT current_setting(%s)", [name])).fetchone()
                assert row == (value,)
            await connection.rollback()

    asyncio.run(main())
    assert ask(conninfo, "SELECT count(*) FROM orders") == [(0,)]


def test_tables_with_rows_are_left_alone_and_referred_to(postgres: ThrowawayPostgres) -> None:
    conninfo = postgres.create_database(PLAIN, "INSERT INTO users VALUES (17, 'Ann')")
    found = fill_all(conninfo, 10)
    assert found["public.users"] == Filled("public.users", 1, HAS_ROWS)
    assert ask(conninfo, "SELECT DISTINCT user_id FROM orders") == [(17,)]


def test_a_database_without_tables_is_fine(postgres: ThrowawayPostgres) -> None:
    assert fill_all(postgres.create_database(), 10) == {}


def test_what_cannot_be_made_is_said_and_its_children_say_so_too(postgres: ThrowawayPostgres) -> None:
    conninfo = postgres.create_database(
        "CREATE TABLE grown (id int PRIMARY KEY CHECK (id BETWEEN 3 AND 5))",
        "CREATE TABLE parent (id int PRIMARY KEY CHECK (id IS NULL))",
        "CREATE TABLE child (parent_id int NOT NULL REFERENCES parent)",
        "CREATE TABLE grandchild (parent_id int REFERENCES parent, yes bool NOT NULL UNIQUE)",
        "CREATE TABLE optional (parent_id int UNIQUE REFERENCES grown, yes bool UNIQUE)",
    )
    found = fill_all(conninfo, 10)
    assert found["public.parent"] == Filled("public.parent", 0, "CHECK (id IS NULL)")
    reason = "FOREIGN KEY (parent_id) REFERENCES public.parent(id): there are no rows to refer to"
    assert found["public.child"] == Filled("public.child", 0, reason)
    assert found["public.grown"].rows == 3
    assert found["public.optional"] == Filled("public.optional", 10)
    assert ask(conninfo, "SELECT count(parent_id), count(yes) FROM optional") == [(3, 2)]
    assert found["public.grandchild"] == Filled("public.grandchild", 2, "UNIQUE (yes)")


DJANGO = """
import sys, django
from django.conf import settings
settings.configure(
    INSTALLED_APPS=["django.contrib." + name for name in ("auth", "contenttypes", "admin", "sessions")],
    DATABASES={"default": {"ENGINE": "django.db.backends.postgresql", "HOST": sys.argv[1], "NAME": sys.argv[2],
                           "USER": "postgres"}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField", USE_TZ=True,
)
django.setup()
from django.core.management import call_command
if sys.argv[3] == "migrate":
    call_command("migrate", verbosity=0)
else:
    from django.contrib.auth.models import User
    assert User.objects.count() == int(sys.argv[3])
    for user in User.objects.prefetch_related("groups", "user_permissions__content_type"):
        str(user), user.last_login, [str(group) for group in user.groups.all()], list(user.user_permissions.all())
    User.objects.create_user("somebody new")
"""


@pytest.mark.parametrize("kind", Kind)
def test_django_can_read_what_was_made_and_go_on(postgres: ThrowawayPostgres, kind: Kind) -> None:
    conninfo = postgres.create_database()
    words = dict(word.split("=") for word in conninfo.split())

    def run(what: str) -> None:
        argv = [sys.executable, "-c", DJANGO, words["host"], words["dbname"], what]
        subprocess.run(argv, check=True, env={**os.environ, "PYTHONWARNINGS": "ignore"}, timeout=120)

    run("migrate")
    found = fill_all(conninfo, 100, kind)
    assert {name for name, filled in found.items() if filled.reason} == {
        "public.auth_permission",
        "public.django_content_type",
        "public.django_migrations",
    }
    assert found["public.auth_user_groups"].rows == found["public.django_admin_log"].rows == 100
    run("100")
    prove_constraints(conninfo)
