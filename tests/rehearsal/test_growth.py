"""Runs with more and more rows, and with rows that only the schema allows, on a real PostgreSQL."""

from collections.abc import Iterator

import psycopg
import pytest

from ks_universal.rehearsal.bench import Bench
from ks_universal.rehearsal.catalog import take_snapshot
from ks_universal.rehearsal.growth import (
    UNFILLED,
    Growth,
    StatementGrowth,
    add_growth,
    measure_growth,
    read_rows,
    say_magnitude,
)
from ks_universal.rehearsal.hostile import run_on_hostile_rows
from ks_universal.rehearsal.observed_run import run_observed
from ks_universal.rehearsal.server import APPLICATION
from support.rehearsal_rig import Rig, open_rig

BASE = "CREATE TABLE orders (id int PRIMARY KEY, total int, note text); CREATE TABLE plans (id int)"
BATCHES = "".join(
    f"UPDATE orders SET total = 0 WHERE id > {start} AND id <= {start + 10000};" for start in range(0, 60000, 10000)
)


async def fill(bench: Bench, rows: int) -> None:
    async with await psycopg.AsyncConnection.connect(bench.server.conninfo(APPLICATION), autocommit=True) as link:
        await link.execute("INSERT INTO orders SELECT i, i, 'x' FROM generate_series(1, %s::int) i", [rows])


async def fill_hostile(bench: Bench) -> None:
    await bench.execute("INSERT INTO orders VALUES (1, NULL, 'x'), (2, 1, 'x')", database=APPLICATION)


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with open_rig(tmp_path_factory.mktemp("tree")) as rig:
        rig.write_sql(BASE, name="base.sql")
        rig.make_base("psql -q -v ON_ERROR_STOP=1 -f base.sql")
        rig.run(rig.bench.keep_base(UNFILLED))
        yield rig


def measure(rig: Rig, sql: str, sizes: tuple[int, ...] = (600, 6000, 60000)) -> Growth:
    return rig.run(measure_growth(rig.bench, rig.write_sql(sql), fill, sizes=sizes, budget_s=600))


def test_time_grows_by_what_a_statement_reads_and_writes(rig: Rig) -> None:
    growth = measure(
        rig,
        f"ALTER TABLE orders ADD COLUMN extra int; UPDATE orders SET note = 'y'; {BATCHES}",
    )
    assert set(growth.totals_ms) == {600, 6000, 60000} and not growth.missing
    add, whole, batch = growth.statements
    assert not add.grows
    assert whole.grows and whole.table == "public.orders" and set(whole.times_ms) == {600, 6000, 60000}
    assert (whole.count, whole.most_rows_in_transaction) == (1, 60000)
    # Batches are one statement with other values, and each has a transaction of its own.
    assert batch.grows and batch.text == "UPDATE orders SET total = ? WHERE id > ? AND id <= ?;"
    assert (batch.count, batch.most_rows, batch.most_rows_in_transaction) == (6, 10000, 10000)
    at_production = growth.estimate_ms({"public.orders": 60_000_000})
    assert at_production and at_production > 100 * growth.totals_ms[60000]
    assert growth.estimate_ms({"public.plans": 60_000_000}) is None


def test_verdicts_tell_how_long_it_takes_with_the_rows_of_production(rig: Rig) -> None:
    sql = "BEGIN; ALTER TABLE orders ADD COLUMN extra int; UPDATE orders SET note = 'y'; COMMIT"
    growth = measure(rig, sql, (6000, 60000))
    rig.run(rig.bench.restore_base())
    rig.run(fill(rig.bench, 20000))
    before = rig.run(take_snapshot(rig.bench.server))
    observed = rig.run(run_observed(rig.bench, rig.write_sql(sql), before))
    rows = read_rows({"orders": 100_000_000}, before.data)
    told = {each.code: each for each in add_growth(observed.verdicts, growth, observed.observation, rows)}
    # The lock was taken by a statement that takes no time, and is kept by one that does.
    blocks = told["blocks-reads"]
    assert "ADD COLUMN" in (blocks.statement or "")
    assert float(blocks.facts["production_ms"]) > 100 * growth.totals_ms[60000]
    assert "with 100,000,000 rows in public.orders" in blocks.message and "order of magnitude" in blocks.message
    assert told["locks-rows"].facts["ms_per_million_rows"]
    with pytest.raises(KeyError, match="ordres"):
        read_rows({"ordres": 1}, before.data)


def test_size_that_would_take_too_long_is_left_out_and_said_to_be(rig: Rig) -> None:
    command = rig.write_sql("SELECT pg_sleep(0.3)")
    growth = rig.run(measure_growth(rig.bench, command, fill, sizes=(10, 1_000_000), budget_s=100))
    assert set(growth.totals_ms) == {10}
    assert growth.missing == ("1,000,000 rows: it would have taken longer than the 100 s that there are",)


def test_tables_that_have_rows_already_are_measured_once(rig: Rig) -> None:
    async def fill_nothing(bench: Bench, rows: int) -> None:
        await fill(bench, min(rows, 5))

    command = rig.write_sql("SELECT 1")
    growth = rig.run(measure_growth(rig.bench, command, fill_nothing, sizes=(10, 20, 30), budget_s=600))
    assert set(growth.totals_ms) == {10} and "20 rows: the tables have as many as before" in growth.missing[0]


def test_migration_that_fails_on_many_rows_is_said_to(rig: Rig) -> None:
    command = rig.write_sql("ALTER TABLE orders ADD CONSTRAINT few CHECK (id < 1000)")
    growth = rig.run(measure_growth(rig.bench, command, fill, sizes=(600, 6000), budget_s=600))
    assert set(growth.totals_ms) == {600} and "violated by some row" in growth.missing[0]


def test_rows_that_only_the_schema_allows_make_it_fail(rig: Rig) -> None:
    command = rig.write_sql("BEGIN; ALTER TABLE orders ALTER total SET NOT NULL; COMMIT")
    run, (verdict,) = rig.run(run_on_hostile_rows(rig.bench, command, fill_hostile))
    assert run.name == "hostile rows" and not run.result.is_success
    assert (verdict.code, verdict.table, verdict.facts["sqlstate"]) == ("fails-on-data", "public.orders", "23502")
    assert "SET NOT NULL" in (verdict.statement or "")

    command = rig.write_sql("CREATE UNIQUE INDEX CONCURRENTLY orders_note ON orders (note)")
    _, (verdict,) = rig.run(run_on_hostile_rows(rig.bench, command, fill_hostile))
    assert "the index public.orders_note is invalid" in verdict.message

    _, verdicts = rig.run(run_on_hostile_rows(rig.bench, rig.write_sql("CREATE INDEX ON orders (note)"), fill_hostile))
    assert verdicts == ()


def test_duration_is_said_as_an_order_of_magnitude() -> None:
    said = [say_magnitude(each) for each in (3, 3_000, 30_000, 300_000, 1_800_000, 20_000_000, 200_000_000)]
    assert said == [
        "less than a second", "seconds", "some ten seconds", "minutes", "some ten minutes", "hours", "days",
    ]  # fmt: skip


def test_line_is_drawn_through_the_two_largest_sizes() -> None:
    statement = StatementGrowth(
        text="",
        table=None,
        count=1,
        times_ms={},
        fixed_ms=10,
        a_million_ms=2000,
        most_rows=0,
        most_rows_in_transaction=0,
    )
    assert statement.estimate_ms(40_000_000) == 80_010
