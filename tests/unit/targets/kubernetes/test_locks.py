"""The lock on an API server in memory: one at a time, whatever answers are lost, whoever is slow or dies."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from ks_universal.engine.events import LockAwaited
from ks_universal.errors import LockedError, LockLostError, TargetError
from ks_universal.targets.kubernetes.api import client as client_module
from ks_universal.targets.kubernetes.api.client import Client
from ks_universal.targets.kubernetes.api.connection import connect
from ks_universal.targets.kubernetes.api.kinds import CONFIG_MAP
from ks_universal.targets.kubernetes.record.lease import Lease, break_lock, read_lock, remove_lock
from support.fake_api_server import FakeApiServer, Fault
from support.releases import Events

Json = dict[str, Any]
NAME = "ks-universal.shop"
CONFIG = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}}
LONG_S = 60
DEAD = {"holderIdentity": "dead", "leaseDurationSeconds": LONG_S}
SHORT_S = 1


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give each client its time: a busy machine may not answer twelve at once within seconds."""
    monkeypatch.setattr(client_module, "_FIRST_PATIENCE_S", 60.0)


@asynccontextmanager
async def opened(server: FakeApiServer) -> AsyncIterator[Client]:
    client = Client(connect(str(server.kubeconfig)), "ns")
    try:
        yield client
    finally:
        await client.close()


def holder(server: FakeApiServer) -> str | None:
    lease = server.get("leases", NAME)
    assert lease is not None
    found: str | None = lease["spec"].get("holderIdentity")
    return found


def annotate(lease: Json) -> Json:
    seen = {"seen": f"by tests in version {lease['metadata']['resourceVersion']}"}
    return {**lease, "metadata": {**lease["metadata"], "annotations": seen}}


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.01)


def has_renewed(server: FakeApiServer, times: int = 1) -> Callable[[], bool]:
    """A condition: the Lease has been written so many times more from now on."""
    before = server.count("PUT", NAME)
    return lambda: server.count("PUT", NAME) >= before + times


def test_of_many_who_come_at_once_one_holds_it(api_server: FakeApiServer) -> None:
    """Where there is no Lease yet, where it is free, and where it has expired."""

    async def come(hold: asyncio.Event) -> bool:
        async with opened(api_server) as client:
            try:
                async with Lease(client, "shop", duration_s=LONG_S).hold(print, wait=False):
                    await hold.wait()
                    return True
            except LockedError:
                return False

    async def main() -> list[int]:
        found = []
        for round_ in range(3):
            hold = asyncio.Event()
            tasks = [asyncio.create_task(come(hold)) for _ in range(6)]
            await until(lambda tasks=tasks: sum(task.done() for task in tasks) == 5)  # type: ignore[misc]
            hold.set()
            found.append(sum(await asyncio.gather(*tasks)))
            if round_ == 1:  # somebody has died
                api_server.edit("leases", NAME, lambda lease: {**lease, "spec": DEAD})
                api_server.store.pass_time(LONG_S + 3)
        return found

    assert asyncio.run(main()) == [1, 1, 1]


def test_a_holder_that_has_not_renewed_in_time_by_the_servers_clock_is_taken_over(api_server: FakeApiServer) -> None:
    async def main() -> None:
        async with opened(api_server) as first, opened(api_server) as second:
            with pytest.raises(LockedError):
                async with Lease(first, "shop", duration_s=SHORT_S).hold(print, wait=False):
                    api_server.fail(Fault("/leases", "PUT", times=1, status=503, headers={"Retry-After": "1"}))
                    await until(lambda: api_server.count("PUT", NAME) > 0)
                    api_server.store.pass_time(LONG_S)
                    async with Lease(second, "shop", duration_s=LONG_S).hold(print, wait=False):
                        mine = holder(api_server)
                        await asyncio.sleep(20)  # cancelled: it is lost
            assert holder(api_server) != mine

    asyncio.run(main())


def test_whoever_has_lost_it_writes_nothing_more(api_server: FakeApiServer) -> None:
    async def main() -> str:
        async with opened(api_server) as client:
            try:
                async with Lease(client, "shop", duration_s=SHORT_S).hold(print, wait=False):
                    spec = {"holderIdentity": "another", "leaseDurationSeconds": LONG_S}
                    api_server.edit("leases", NAME, lambda lease: {**lease, "spec": spec})
                    try:
                        await asyncio.sleep(20)
                    finally:
                        with pytest.raises(LockedError):
                            await client.create(CONFIG_MAP, CONFIG)
            except LockedError as lost:
                return lost.holder
        return ""

    assert asyncio.run(main()).startswith("another")
    assert holder(api_server) == "another"
    assert api_server.names("configmaps") == []


@pytest.mark.parametrize("change", ["delete", "replace", "free"])
def test_a_lock_that_is_gone_is_lost(api_server: FakeApiServer, change: str) -> None:
    async def main() -> None:
        async with opened(api_server) as client, Lease(client, "shop", duration_s=SHORT_S).hold(print, wait=False):
            match change:
                case "free":
                    api_server.edit("leases", NAME, lambda lease: {**lease, "spec": {"leaseDurationSeconds": 1}})
                case _:
                    api_server.delete("leases", NAME)
            if change == "replace":
                api_server.put({"kind": "Lease", "metadata": {"name": NAME}, "spec": {}})
            await asyncio.sleep(20)

    with pytest.raises(LockLostError):
        asyncio.run(main())
    assert api_server.names("leases") == ([] if change == "delete" else [NAME])


def test_a_renewal_whose_answer_was_lost_and_a_change_by_another_keep_it(api_server: FakeApiServer) -> None:
    """Each time the Lease is of another version than its holder knows (409)."""

    async def main() -> None:
        async with opened(api_server) as client, Lease(client, "shop", duration_s=SHORT_S).hold(print, wait=False):
            mine = holder(api_server)
            for _ in range(2):
                api_server.fail(Fault("/leases", "PUT", cut="answer"))
                await until(has_renewed(api_server, 4))
                api_server.edit("leases", NAME, annotate)
                await until(has_renewed(api_server, 2))
            await client.create(CONFIG_MAP, CONFIG)
            assert holder(api_server) == mine
            api_server.fail(Fault("/leases", "PUT", cut="answer"))  # also of the last one, which gives it back

    asyncio.run(main())
    assert holder(api_server) is None
    assert api_server.names("configmaps") == ["c"]


def test_a_write_waits_until_the_lock_is_renewed(api_server: FakeApiServer) -> None:
    async def main() -> None:
        async with opened(api_server) as client, Lease(client, "shop", duration_s=SHORT_S).hold(print, wait=False):
            await until(has_renewed(api_server))
            api_server.fail(Fault("/leases", "PUT", times=4, status=503))
            await asyncio.sleep(SHORT_S * 2 / 3 + 0.05)
            await client.create(CONFIG_MAP, CONFIG)

    asyncio.run(main())
    order = [(request.method, request.path.rpartition("/")[2]) for request in api_server.requests]
    created = order.index(("POST", "configmaps"))
    assert order[:created].count(("PUT", NAME)) > 4
    assert api_server.names("configmaps") == ["c"]


@asynccontextmanager
async def waiting(server: FakeApiServer, events: Events) -> AsyncIterator[None]:
    """Somebody waits for the lock, and holds it once it is free: which is soon when the body has ended."""

    async def wait() -> None:
        async with opened(server) as client, Lease(client, "shop", duration_s=LONG_S).hold(events, wait=True):
            events.append(LockAwaited(release="held", holder=""))

    async with asyncio.TaskGroup() as tasks:
        async with opened(server) as first, Lease(first, "shop", duration_s=LONG_S).hold(print, wait=False):
            tasks.create_task(wait())
            yield
        await until(lambda: len(events) == 2)
    assert [event.release for event in events.of(LockAwaited)] == ["shop", "held"]


@pytest.mark.parametrize("cut", ["request", 1])
def test_whoever_waits_goes_on_when_it_is_freed_also_where_his_connection_breaks(
    api_server: FakeApiServer, cut: str | int
) -> None:
    async def main() -> None:
        async with waiting(api_server, Events()):
            api_server.fail(Fault("/leases.*watch", cut=cut, times=2))
            while api_server.count("GET", "/leases") <= 4:
                api_server.edit("leases", NAME, annotate)
                await asyncio.sleep(0.1)

    asyncio.run(main())


def test_whoever_waits_goes_on_when_it_was_freed_before_he_watches(api_server: FakeApiServer) -> None:
    async def main() -> None:
        async with waiting(api_server, Events()):
            api_server.fail(Fault("/leases.*watch", late_s=0.5))
            await until(lambda: "watch" in api_server.requests[-1].parameters)

    asyncio.run(main())


def test_whoever_may_not_watch_looks_again_once_a_second(api_server: FakeApiServer) -> None:
    api_server.fail(Fault("/leases.*watch", times=999, status=403, body=b"{}"))

    async def main() -> None:
        async with waiting(api_server, Events()):
            await asyncio.sleep(1.5)

    asyncio.run(main())
    assert api_server.count("GET", "/leases") <= 8


def test_a_lock_is_broken_when_its_holder_has_died_or_by_force(api_server: FakeApiServer) -> None:
    async def main() -> None:
        async with opened(api_server) as client:
            assert await break_lock(client, "shop") is None
            async with Lease(client, "shop", duration_s=LONG_S).hold(print, wait=False):
                pass
            assert await break_lock(client, "shop") is None
            api_server.edit("leases", NAME, lambda lease: {**lease, "spec": DEAD})
            with pytest.raises(LockedError):
                await break_lock(client, "shop")
            broken = await break_lock(client, "shop", force=True)
            assert broken is not None
            assert broken.identity == "dead"
            api_server.edit("leases", NAME, lambda lease: {**lease, "spec": DEAD})
            api_server.store.pass_time(LONG_S + 3)
            assert await break_lock(client, "shop") == broken.__class__("dead", "", 0)
            assert await read_lock(client, "shop") is None
            await remove_lock(client, "shop")
            await remove_lock(client, "shop")
        assert api_server.names("leases") == []

    asyncio.run(main())


def test_a_server_that_refuses_the_renewal_ends_the_run(api_server: FakeApiServer) -> None:
    async def main() -> None:
        async with opened(api_server) as client, Lease(client, "shop", duration_s=SHORT_S).hold(print, wait=False):
            body = b'{"reason": "Forbidden", "message": "User \\"x\\" cannot update leases"}'
            api_server.fail(Fault("/leases", "PUT", times=99, status=403, body=body))
            await asyncio.sleep(20)

    with pytest.raises(TargetError, match="cannot update leases"):
        asyncio.run(main())
