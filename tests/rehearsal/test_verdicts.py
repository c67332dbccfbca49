"""Migrations of migrations.yaml, each run for real: what must be said of them, and what must not."""

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import yaml

from ks_universal.errors import TargetError
from ks_universal.rehearsal.bench import Bench
from ks_universal.rehearsal.catalog import Snapshot, take_snapshot
from ks_universal.rehearsal.command import read_command
from ks_universal.rehearsal.observed_run import run_observed
from ks_universal.rehearsal.server import RehearsalServer, start_server

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
CREATE MATERIALIZED VIEW totals AS SELECT age, count(*) FROM users GROUP BY 1;
CREATE UNIQUE INDEX ON totals (age);
"""
CORE = (
    "add column with a random uuid",
    "set not null",
    "set not null after a check",
    "a unique index that fails",
    "backfill in the transaction of the change",
    "a change within a DO block",
    "reindex",
    "vacuum full",
    "attach a partition",
)
"""What is tried on older versions, too: each instrument has something to tell of one of these."""
CASES = yaml.safe_load((Path(__file__).parent / "migrations.yaml").read_text())


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


class Benches:
    """A bench for each version of PostgreSQL (None: the embedded one), one after the other."""

    def __init__(self, loop: asyncio.Runner, tree: Path) -> None:
        self._loop = loop
        self._tree = tree
        self._stack = AsyncExitStack()
        self._opened: dict[str | None, tuple[Bench, Snapshot]] = {}

    def open(self, version: str | None) -> tuple[Bench, Snapshot]:
        if version not in self._opened:
            self.close()
            self._opened = {version: self._loop.run(self._open(RehearsalServer(version=version)))}
        return self._opened[version]

    async def _open(self, wanted: RehearsalServer) -> tuple[Bench, Snapshot]:
        try:
            server = await self._stack.enter_async_context(start_server(wanted))
        except TargetError as error:
            pytest.skip(str(error))  # it is not here, and cannot be fetched
        assert wanted.version in (None, str(server.major))
        bench = Bench(server=server, tree=self._tree, timeout_s=120)
        (self._tree / "base.sql").write_text(BASE)
        made = await bench.run(read_command("psql -q -v ON_ERROR_STOP=1 -f base.sql"))
        assert made.is_success, made.output
        await bench.settle()
        await bench.keep_base()
        return bench, await take_snapshot(server)

    def close(self) -> None:
        self._loop.run(self._stack.aclose())


@pytest.fixture(scope="module")
def benches(loop: asyncio.Runner, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Benches]:
    benches = Benches(loop, tmp_path_factory.mktemp("tree"))
    yield benches
    benches.close()


@pytest.mark.parametrize(
    ("version", "name"),
    [
        *((None, name) for name in CASES),
        *((version, name) for version in ("14", "15", "16", "17") for name in CORE),
    ],
)
def test_what_must_be_said_is_said_and_nothing_else_of_it(
    version: str | None, name: str, loop: asyncio.Runner, benches: Benches
) -> None:
    case = CASES[name]
    bench, before = benches.open(version)
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
