"""Migrations of migrations.yaml, each run for real: what must be said of them, and what must not."""

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import yaml

from ks_universal.rehearsal.bench import Bench
from ks_universal.rehearsal.catalog import Snapshot, take_snapshot
from ks_universal.rehearsal.command import read_command
from ks_universal.rehearsal.rehearse import run_observed
from ks_universal.rehearsal.server import start_server

BASE = """
CREATE TABLE users (id bigint PRIMARY KEY, email varchar(100), name text, plan text DEFAULT 'free', age int);
CREATE TABLE orders (id bigint PRIMARY KEY, user_id bigint, total numeric(10, 2), status varchar(20), note text,
                     amount int, created timestamptz);
CREATE TABLE events (id bigint, at date NOT NULL) PARTITION BY RANGE (at);
CREATE TABLE events_old PARTITION OF events FOR VALUES FROM ('2020-01-01') TO ('2025-01-01');
CREATE TABLE events_new (id bigint, at date NOT NULL);
CREATE TABLE empty_table (id bigint, name text);
CREATE TABLE version (number text);
INSERT INTO version VALUES ('r1');
CREATE INDEX orders_status ON orders (status);
INSERT INTO users SELECT i, 'u' || i || '@example.org', 'name ' || i, 'free', i % 90 FROM generate_series(1, 1000) i;
INSERT INTO orders SELECT i, 1 + i % 1000, i, 'new', 'note ' || i, i, '2026-01-01' FROM generate_series(1, 5000) i;
INSERT INTO events SELECT i, '2024-01-01' FROM generate_series(1, 1000) i;
INSERT INTO events_new SELECT i, '2026-01-01' FROM generate_series(1, 1000) i;
"""
CASES = yaml.safe_load((Path(__file__).parent / "migrations.yaml").read_text())


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="module")
def bench(loop: asyncio.Runner, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    tree, stack = tmp_path_factory.mktemp("tree"), AsyncExitStack()
    server = loop.run(stack.enter_async_context(start_server()))
    bench = Bench(server=server, tree=tree, timeout_s=120)
    (tree / "base.sql").write_text(BASE)
    made = loop.run(bench.run(read_command("psql -q -v ON_ERROR_STOP=1 -f base.sql")))
    assert made.is_success, made.output
    loop.run(bench.settle())
    loop.run(bench.keep_base())
    yield bench
    loop.run(stack.aclose())


@pytest.fixture(scope="module")
def before(loop: asyncio.Runner, bench: Bench) -> Snapshot:
    loop.run(bench.restore_base())
    return loop.run(take_snapshot(bench.server))


@pytest.mark.parametrize("name", CASES)
def test_what_must_be_said_is_said_and_nothing_else_of_it(
    name: str, loop: asyncio.Runner, bench: Bench, before: Snapshot
) -> None:
    case = CASES[name]
    (bench.tree / "migrate.sql").write_text(case["sql"])
    loop.run(bench.restore_base())
    observed = loop.run(run_observed(bench, read_command("psql -q -v ON_ERROR_STOP=1 -f migrate.sql"), before))
    said = {verdict.code for verdict in observed.verdicts}
    shown = "\n".join(f"{v.code}: {v.message}" for v in observed.verdicts) + observed.result.output
    assert said.issuperset(case["must"]), shown
    assert not said.intersection(case["must-not"]), shown


def test_nothing_is_left_of_a_server() -> None:
    async def start() -> Path:
        async with start_server() as server:
            assert server.log.exists()
            return server.log.parents[1]

    assert not asyncio.run(start()).exists()
