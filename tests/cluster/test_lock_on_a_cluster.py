import asyncio
import contextlib
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ks_universal.engine.events import LockAwaited
from ks_universal.errors import LockedError
from ks_universal.targets.kubernetes.api.kinds import CONFIG_MAP, LEASE
from ks_universal.targets.kubernetes.target import KubernetesTarget
from support.cluster_release import LEASE_S, RELEASE, Events, Json, api, apply, config, release, session_on

HOLD = """
import asyncio
from support.cluster_release import apply, config, release, session_on
async def main():
    async with release({namespace!r}) as (target, events):
        async with target.lock(events.append, wait=False):
            print("held", flush=True)
            await asyncio.get_running_loop().run_in_executor(None, input)
            await session_on(target).apply(apply(config("woken", text="x")), events.append)
            print("written", flush=True)
asyncio.run(main())
"""


@contextlib.contextmanager
def holder(namespace: str) -> Iterator["subprocess.Popen[str]"]:
    """Another program that holds the release, and writes a ConfigMap at the next line of its input."""
    program = textwrap.dedent(HOLD).format(namespace=namespace)
    with subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=Path(__file__).parents[1],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


async def enter(target: KubernetesTarget, events: Events) -> None:
    async with target.lock(events.append, wait=True):
        pass


def test_a_lock_is_given_back_also_where_its_lease_has_changed_meanwhile(namespace: str) -> None:
    async def main() -> Json | None:
        async with release(namespace, lease_s=600) as (target, events), api(namespace) as client:
            async with target.lock(events.append, wait=False):
                await client.patch(
                    LEASE, f"ks-universal.{RELEASE}", {"metadata": {"annotations": {"seen": "by tests"}}}
                )
            return await client.get(LEASE, f"ks-universal.{RELEASE}")

    lease = asyncio.run(main())
    assert lease is not None
    assert "holderIdentity" not in lease["spec"]


def test_one_at_a_time_the_second_waits_and_shows_whom_for(namespace: str) -> None:
    async def main() -> tuple[Events, bool]:
        async with release(namespace) as (first, _), release(namespace) as (second, events):
            async with first.lock(print, wait=False):
                task = asyncio.create_task(enter(second, events))
                while not events.of(LockAwaited):
                    await asyncio.sleep(0.05)
                waited = not task.done()
            await task
            return events, waited

    events, waited = asyncio.run(main())
    assert waited
    assert "(pid" in events.of(LockAwaited)[0].holder


def test_one_at_a_time_without_waiting_the_holder_is_named(namespace: str) -> None:
    async def main() -> None:
        async with (
            release(namespace) as (first, _),
            release(namespace) as (second, _),
            first.lock(print, wait=False),
            second.lock(print, wait=False),
        ):
            pass

    with pytest.raises(LockedError, match=r"pid \d+"):
        asyncio.run(main())


def test_one_at_a_time_a_held_lock_outlives_its_duration(namespace: str) -> None:
    async def main() -> float:
        async with (
            release(namespace) as (first, _),
            release(namespace) as (second, events),
            first.lock(print, wait=False),
        ):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(LEASE_S * 3):
                    await enter(second, events)
            return len(events.of(LockAwaited))

    assert asyncio.run(main()) == 1


def test_one_at_a_time_a_dead_holder_is_taken_over_only_after_expiry(namespace: str) -> None:
    async def main() -> float:
        loop = asyncio.get_running_loop()
        with holder(namespace) as process:
            process.kill()
            process.wait()
            began = loop.time()
            async with release(namespace) as (target, events), target.lock(events.append, wait=True):
                return loop.time() - began

    assert LEASE_S - 1 < asyncio.run(main()) < LEASE_S + 6


def test_one_at_a_time_a_suspended_holder_that_wakes_writes_nothing(namespace: str) -> None:
    async def main() -> tuple[str, str, object]:
        with holder(namespace) as process:
            process.send_signal(signal.SIGSTOP)
            async with release(namespace) as (target, events), target.lock(events.append, wait=True):
                process.send_signal(signal.SIGCONT)
                output, errors = await asyncio.to_thread(process.communicate, "go\n")
                async with api(namespace) as client:
                    return output, errors, await client.get(CONFIG_MAP, "woken")

    output, errors, written = asyncio.run(main())
    assert output == ""
    assert "LockedError: release shop is locked by" in errors
    assert written is None


@pytest.mark.parametrize("how", ["another has ended", "deleted"])
def test_a_lost_lock_that_nobody_holds_says_what_became_of_it(namespace: str, how: str) -> None:
    async def main() -> str:
        with holder(namespace) as process:
            process.send_signal(signal.SIGSTOP)
            if how == "deleted":
                async with api(namespace) as client:
                    await client.delete(LEASE, f"ks-universal.{RELEASE}")
            else:
                async with release(namespace) as (target, events), target.lock(events.append, wait=True):
                    pass
            await asyncio.sleep(LEASE_S)  # its own clock has to tell it that it is late
            process.send_signal(signal.SIGCONT)
            output, errors = await asyncio.to_thread(process.communicate, "go\n")
            assert output == ""
            return errors

    errors = asyncio.run(main())
    assert "this run has lost the lock of release shop" in errors
    assert ("it is free now" in errors) is (how == "another has ended")


def test_a_suspended_holder_whom_nobody_took_over_goes_on(namespace: str) -> None:
    with holder(namespace) as process:
        process.send_signal(signal.SIGSTOP)
        time.sleep(LEASE_S)  # its lease has to go stale
        process.send_signal(signal.SIGCONT)
        output, _ = process.communicate("go\n")
    assert output == "written\n"


def test_the_lock_is_given_back(namespace: str) -> None:
    async def main() -> object:
        async with release(namespace) as (target, events), api(namespace) as client:
            async with target.lock(events.append, wait=False):
                await session_on(target).apply(apply(config("c", a="1")), events.append)
            lease = await client.get(LEASE, f"ks-universal.{RELEASE}")
            assert lease is not None
            return lease["spec"].get("holderIdentity")

    assert asyncio.run(main()) is None
