import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ks_universal.engine.events import AttemptEnded, AttemptStarted, Event
from ks_universal.engine.target import MigrationFailed
from ks_universal.errors import LockedError
from ks_universal.model.format.local import Local
from ks_universal.model.format.migrations import Phase
from ks_universal.plan.records import Attempt, Outcome, Revision, StepRecord
from ks_universal.targets.local import LocalTarget
from ks_universal.targets.local.processes.process_table import group_is_alive
from support.local_release import Events, migrate, new_session, release, session_on, sh

DRIVER = Path(__file__).parents[1] / "support" / "local_driver.py"
# Says that it runs, fails when another one runs at the same time, and waits until it may end.
GUARDED = (
    "mkdir running || exit 9; echo begun; until [ -e go ]; do sleep 0.02; done; rmdir running; echo x >>runs; echo end"
)


@contextlib.contextmanager
def driver(folder: Path, script: str, work: str = "migrate") -> Iterator[subprocess.Popen[str]]:
    """The driver in a process of its own; killed at the end."""
    command = [sys.executable, str(DRIVER), str(folder), work, script]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        try:
            yield process
        finally:
            process.kill()


def read_until(process: subprocess.Popen[str], words: str) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if words in line:
            return line
    raise AssertionError(f"it never said {words!r}")


def take_up(folder: Path, script: str) -> tuple[tuple[Attempt, ...], Events]:
    async def main() -> tuple[tuple[Attempt, ...], Events]:
        step = migrate(sh(script), retries=1)
        async with new_session(folder, step) as (session, events):
            (folder / "go").touch()
            return await session.migrate(step, events.append), events

    return asyncio.run(main())


def test_a_migration_whose_program_was_killed_is_taken_up_and_not_started_again(tmp_path: Path) -> None:
    with driver(tmp_path, GUARDED) as killed:
        read_until(killed, "begun")
    attempts, events = take_up(tmp_path, GUARDED)
    assert [(a.number, a.exit_code, a.log_tail) for a in attempts] == [(1, 0, ("begun", "end"))]
    assert [(e.number, e.resumed) for e in events.of(AttemptStarted)] == [(1, True)]
    assert (tmp_path / "runs").read_text() == "x\n"


@pytest.mark.parametrize("words", ["AttemptStarted", "begun"])
def test_a_kill_at_any_moment_runs_the_migration_exactly_once(tmp_path: Path, words: str) -> None:
    for round_ in range(3):
        folder = tmp_path / str(round_)
        folder.mkdir()
        with driver(folder, GUARDED) as killed:
            read_until(killed, words)
        attempts, _ = take_up(folder, GUARDED)
        assert [a.exit_code for a in attempts] == [0]
        assert (folder / "runs").read_text() == "x\n"


def test_a_migration_that_ended_while_nobody_looked_is_not_run_again(tmp_path: Path) -> None:
    with driver(tmp_path, GUARDED) as killed:
        read_until(killed, "begun")
    (tmp_path / "go").touch()
    wait_for(tmp_path / "runs")
    attempts, _ = take_up(tmp_path, GUARDED)
    assert [a.exit_code for a in attempts] == [0]
    assert (tmp_path / "runs").read_text() == "x\n"


def test_failed_attempts_of_before_the_kill_count(tmp_path: Path) -> None:
    script = (
        "echo try >>tries; [ $(wc -l <tries) = 1 ] && exit 5; echo begun; until [ -e go ]; do sleep 0.02; done; exit 6"
    )
    with driver(tmp_path, script) as killed:
        read_until(killed, "begun")
    with pytest.raises(MigrationFailed) as failure:
        take_up(tmp_path, script)
    assert "exit code 5" in failure.value.causes[0].message
    assert (tmp_path / "tries").read_text() == "try\ntry\n"


def test_with_other_values_the_old_migration_is_stopped_first(tmp_path: Path) -> None:
    with driver(tmp_path, "ps -o pgid= -p $$$$; echo begun; sleep 100") as killed:
        pgid = int(read_until(killed, "LogWritten").split("line='")[1].split("'")[0])
        read_until(killed, "begun")
    assert group_is_alive(pgid)

    async def main() -> tuple[Attempt, ...]:
        step = migrate(sh("echo new"), digest="d2")
        async with new_session(tmp_path, step) as (session, events):
            assert (await session.check()).problems == ()
            return await session.migrate(step, events.append)

    assert asyncio.run(main())[0].log_tail == ("new",)
    assert not group_is_alive(pgid)


def test_a_migration_that_left_the_plan_is_stopped_before_anything_changes(tmp_path: Path) -> None:
    with driver(tmp_path, "ps -o pgid= -p $$$$; sleep 100") as killed:
        pgid = int(read_until(killed, "LogWritten").split("line='")[1].split("'")[0])

    async def main() -> None:
        async with new_session(tmp_path) as (session, _):
            await session.check()
            assert group_is_alive(pgid)
            await session.save(record(Outcome.RUNNING))
            assert not group_is_alive(pgid)

    asyncio.run(main())


def record(outcome: Outcome) -> Revision:
    step = StepRecord(
        id="shop/migrations",
        application="shop",
        step=None,
        phase=Phase.PRE,
        digest="d1",
        image="app:1",
        command=(),
        outcome=outcome,
    )
    return Revision(number=1, release="shop", namespace="ns", by="me", started=datetime.now(UTC), steps=(step,))


@pytest.mark.parametrize(
    ("outcome", "runs"), [(Outcome.RUNNING, 1), (Outcome.SUCCEEDED, 2), (Outcome.MIGRATION_FAILED, 2)]
)
def test_an_outcome_is_used_again_until_the_record_has_it(tmp_path: Path, outcome: Outcome, runs: int) -> None:
    async def main() -> None:
        for _ in range(2):
            async with release(tmp_path) as (target, events):
                session = session_on(target)
                await session.migrate(migrate(sh("echo x >>runs")), events.append)
                assert len(events.of(AttemptEnded)) == 1
                await session.save(record(outcome))
                assert (await target.read(None)).revisions == (await target.read(None)).revisions  # type: ignore[arg-type]

    asyncio.run(main())
    assert len((tmp_path / "runs").read_text().splitlines()) == runs


def test_pods_of_a_killed_program_are_stopped_when_the_next_one_begins(tmp_path: Path) -> None:
    with driver(tmp_path, "ps -o pgid= -p $$$$; exec sleep 100", "roll_out") as killed:
        pgid = int(read_until(killed, "LogWritten").split("line='")[1].split("'")[0])
    assert group_is_alive(pgid)

    async def main() -> None:
        async with release(tmp_path):
            assert not group_is_alive(pgid)

    asyncio.run(main())


def test_a_second_run_is_told_who_has_the_release(tmp_path: Path) -> None:
    async def main() -> str:
        async with release(tmp_path):
            with pytest.raises(LockedError) as locked:
                async with release(tmp_path):
                    pass
            return locked.value.holder

    assert f"process {os.getpid()}" in asyncio.run(main())


async def is_locked(folder: Path) -> bool:
    """Tell whether another target is refused."""
    try:
        async with release(folder):
            return False
    except LockedError:
        return True


def test_what_is_served_is_locked_until_the_target_is_closed(tmp_path: Path) -> None:
    async def main() -> list[bool]:
        seen = []
        async with release(tmp_path) as (target, events):  # in the lock, and once more
            for _ in range(2):
                await target.serve(events.append, wait=False)
            async with target.lock(events.append, wait=False):
                pass
            seen.append(await is_locked(tmp_path))
        seen.append(await is_locked(tmp_path))
        await target.serve(events.append, wait=False)
        async with target.lock(events.append, wait=False):
            pass
        seen.append(await is_locked(tmp_path))
        await target.close()
        return [*seen, await is_locked(tmp_path)]

    assert asyncio.run(main()) == [True, False, True, False]


def test_the_lock_of_a_killed_program_is_free_at_once(tmp_path: Path) -> None:
    with driver(tmp_path, "true") as killed:
        read_until(killed, "done")
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        attempts, _ = take_up(tmp_path, "true")
    assert attempts[0].exit_code == 0


def wait_for(path: Path) -> None:
    """Block until a file exists; the process that makes it is not ours to wait for."""
    subprocess.run(["sh", "-c", 'until [ -e "$0" ]; do sleep 0.02; done', str(path)], check=True, timeout=60)


def test_the_second_run_waits_for_the_first(tmp_path: Path) -> None:
    async def main() -> None:
        awaited = asyncio.Event()
        said: list[Event] = []

        def emit(event: Event) -> None:
            said.append(event)
            awaited.set()

        second = LocalTarget("shop", "ns", Local(), directory=tmp_path, state=tmp_path / ".ks-universal" / "shop")

        async def hold() -> None:
            async with second.lock(emit, wait=True):
                said.clear()

        async with release(tmp_path):
            given_up = asyncio.create_task(hold())
            await awaited.wait()
            given_up.cancel()
            await asyncio.wait([given_up])
            awaited.clear()
            waiting = asyncio.create_task(hold())
            await awaited.wait()
            assert not waiting.done()
        await waiting
        await second.close()

    asyncio.run(main())
