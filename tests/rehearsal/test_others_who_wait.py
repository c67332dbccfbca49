"""Sessions beside the migration: those that it keeps waiting, and those that keep it waiting, on a real PostgreSQL."""

from collections.abc import Iterator

import pytest

from ks_universal.rehearsal.catalog import take_snapshot
from ks_universal.rehearsal.command import Command
from ks_universal.rehearsal.lock_queue import Queue, add_queue, judge_queues, queue_twice
from ks_universal.rehearsal.observed_run import Observed, run_observed
from ks_universal.rehearsal.probe import Probe, Waits
from ks_universal.rehearsal.reference import run_undisturbed
from support.rehearsal_rig import Rig, open_rig

BASE = """
CREATE TABLE orders (id int PRIMARY KEY, total int, note text);
INSERT INTO orders SELECT i, i, repeat('x', 40) FROM generate_series(1, 150000) i;
CREATE INDEX orders_note ON orders (note, total);
"""
ADD = "ALTER TABLE orders ADD COLUMN extra int"


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with open_rig(tmp_path_factory.mktemp("tree")) as rig:
        rig.write_sql(BASE, name="base.sql")
        rig.make_base("psql -q -v ON_ERROR_STOP=1 -f base.sql")
        yield rig


def observe(rig: Rig, command: Command) -> tuple[Observed, Waits]:
    """Observe a run while others read and write."""
    rig.run(rig.bench.restore_base())
    before = rig.run(take_snapshot(rig.bench.server))
    with Probe(rig.bench.server, "public.orders") as probe:
        observed = rig.run(run_observed(rig.bench, command, before))
    return observed, probe.waits


@pytest.mark.parametrize(
    ("sql", "blocks"),
    [
        # Rewrites the table, behind a lock that nobody passes.
        ("ALTER TABLE orders ADD COLUMN extra uuid DEFAULT gen_random_uuid()", "reads writes"),
        ("CREATE INDEX ON orders (total, note)", "writes"),
        # The lock that is in the readers' way is on the index.
        ("REINDEX INDEX orders_note", "reads writes"),
        (f"BEGIN; {ADD}; SELECT pg_sleep(0.7); COMMIT", "reads writes"),
        (f"{ADD}; SELECT pg_sleep(0.7)", ""),
        ("CREATE INDEX CONCURRENTLY ON orders (total, note)", ""),
    ],
)
def test_times_that_are_reported_are_those_that_others_waited(rig: Rig, sql: str, blocks: str) -> None:
    tries = []
    for _ in range(3):  # a busy machine may keep the probe from its turn
        observed, waits = observe(rig, rig.write_sql(sql))
        assert observed.result.is_success, observed.result
        assert waits.errors == 0
        locks = observed.observation.locks
        reads = max((lock.held_ms for lock in locks if lock.blocks_reads), default=0.0)
        writes = max((lock.held_ms for lock in locks if lock.blocks_writes), default=0.0)
        tries.append({"reads": (reads, waits.reads_ms), "writes": (writes, waits.writes_ms)})
        if all(agree(*both) if kind in blocks else both[0] < 300 for kind, both in tries[-1].items()):
            return
    pytest.fail(f"reported, and waited: {tries}")


def agree(said: float, waited: float) -> bool:
    return said > 50 and abs(waited - said) <= 0.2 * said


def queue(rig: Rig, sql: str) -> tuple[Observed, tuple[Queue, ...]]:
    command = rig.write_sql(sql)
    rig.run(rig.bench.restore_base())
    before = rig.run(take_snapshot(rig.bench.server))
    observed = rig.run(run_observed(rig.bench, command, before))
    rig.run(rig.bench.restore_base())
    reference = rig.run(run_undisturbed(rig.bench, command, observed.after))
    assert reference is not None
    return observed, rig.run(queue_twice(rig.bench, command, reference, observed.observation))


def test_everybody_queues_behind_a_change_that_waits_for_a_reader(rig: Rig) -> None:
    observed, queues = queue(rig, ADD)
    endless, limited = queues
    assert endless.result.is_success and endless.has_waited and not endless.difference
    waits = endless.waits["public.orders"]
    assert waits.reads_ms > 0.8 * endless.held_ms > 1000
    assert waits.writes_ms > 0.8 * endless.held_ms
    assert limited.timed_out and "lock timeout" in limited.result.output
    said = [each for each in add_queue(observed.verdicts, queues) if "reads waited" in each.message]
    assert [each.code for each in said] == ["exclusive-without-lock-timeout"]
    assert said[0].facts["behind_a_reader_reads_ms"] == round(waits.reads_ms)
    assert not list(judge_queues(queues))


def test_lock_timeout_leaves_an_invalid_index(rig: Rig) -> None:
    _, queues = queue(rig, "CREATE INDEX CONCURRENTLY orders_total ON orders (total)")
    endless, limited = queues
    assert endless.result.is_success
    assert limited.leftovers == ("the index public.orders_total is invalid",)
    assert [verdict.code for verdict in judge_queues(queues)] == ["leftovers"]


def test_lock_timeout_of_the_migration_is_the_one_that_is_tried(rig: Rig) -> None:
    _, queues = queue(rig, f"SET lock_timeout = '300ms'; {ADD}")
    assert [each.timed_out for each in queues] == [True]
    assert queues[0].lock_timeout_ms is None


def test_nobody_waits_for_a_run_that_needs_no_lock(rig: Rig) -> None:
    _, queues = queue(rig, "UPDATE orders SET total = 1 WHERE id = 1")
    assert queues == ()
