"""Copies that a watch keeps: whatever becomes of its connection, no change is lost, and none is told of twice."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from ks_universal.errors import TargetError
from ks_universal.targets.kubernetes.api import watch
from ks_universal.targets.kubernetes.api.client import Client
from ks_universal.targets.kubernetes.api.connection import connect
from ks_universal.targets.kubernetes.api.errors import ApiError
from ks_universal.targets.kubernetes.api.kinds import CONFIG_MAP
from ks_universal.targets.kubernetes.api.watch import Reflector
from support.fake_api_server import FakeApiServer, Fault

Json = dict[str, Any]
PATH = "/configmaps"
WATCH = "/configmaps.*watch=true"


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "_PAUSE_S", 0.0)


def put(server: FakeApiServer, name: str, value: str = "", **labels: str) -> str:
    """Make or change a ConfigMap; gives its version."""
    metadata = {"name": name, "labels": labels}
    body = server.put({"kind": "ConfigMap", "metadata": metadata, "data": {"key": value}})
    return str(body["metadata"]["resourceVersion"])


def versions(server: FakeApiServer) -> dict[str, str]:
    found = (server.get("configmaps", name) for name in server.names("configmaps"))
    return {body["metadata"]["name"]: body["metadata"]["resourceVersion"] for body in found if body is not None}


def copies(mirror: Reflector) -> dict[str, str]:
    return {name: body["metadata"]["resourceVersion"] for name, body in mirror.objects.items()}


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.005)


@asynccontextmanager
async def mirrored(server: FakeApiServer, labels: str | None = None) -> AsyncIterator[tuple[Reflector, list[Json]]]:
    """A mirror that follows, and what it has told of."""
    client = Client(connect(str(server.kubeconfig)), "ns")
    told: list[Json] = []
    mirror = Reflector(client, CONFIG_MAP, told.append, labels=labels, fields=None)
    await mirror.fill()
    task = asyncio.create_task(mirror.run())
    try:
        await until(lambda: server.count("GET", PATH) >= 2)
        yield mirror, told
    finally:
        task.cancel()
        await asyncio.wait([task])
        await client.close()
        if not task.cancelled():
            task.result()


@pytest.mark.parametrize("ends", [True, False])
def test_each_change_is_told_of_once_whatever_line_the_connection_breaks_in(
    api_server: FakeApiServer, ends: bool
) -> None:
    made = [put(api_server, "before")]
    api_server.fail(*(Fault(WATCH, cut=number, ends=ends) for number in (1, 2, 3, 1, 1, 2)))

    async def main() -> list[Json]:
        async with mirrored(api_server) as (mirror, told):
            for number in range(24):
                made.append(put(api_server, f"c{number % 5}", str(number)))
                if number % 7 == 6:
                    api_server.drop_streams()
                await asyncio.sleep(0.01)
            await until(lambda: copies(mirror) == versions(api_server))
            return told

    told = [body["metadata"]["resourceVersion"] for body in asyncio.run(main())]
    assert sorted(told) == sorted(set(told))
    # Where it had to list anew, what lay between two lists was not seen; the last of each was.
    assert set(told) <= set(made)
    assert set(versions(api_server).values()) <= set(told)
    if not ends:  # it went on where it was
        assert told == made
        assert api_server.count("GET", PATH) - 1 == sum("watch" in each.parameters for each in api_server.requests)


def test_a_version_that_is_too_old_is_listed_anew_and_what_changed_meanwhile_is_told_of(
    api_server: FakeApiServer,
) -> None:
    for name in ("same", "changed", "gone"):
        put(api_server, name)

    async def main() -> list[str]:
        async with mirrored(api_server) as (mirror, told):
            told.clear()
            api_server.fail(Fault(WATCH, cut="request", times=30))
            api_server.drop_streams()
            put(api_server, "changed", "2")
            put(api_server, "new")
            api_server.delete("configmaps", "gone")
            api_server.store.compact()
            await until(lambda: copies(mirror) == versions(api_server))
            put(api_server, "later")
            await until(lambda: copies(mirror) == versions(api_server))
            return [body["metadata"]["name"] for body in told]

    *meanwhile, last = asyncio.run(main())
    assert sorted(meanwhile) == ["changed", "gone", "new"]
    assert last == "later"


def test_bookmarks_move_the_version_to_resume_at(api_server: FakeApiServer) -> None:
    """Of what a selector leaves out, a watch learns nothing else: its version would be too old soon."""

    async def main() -> None:
        async with mirrored(api_server, labels="app=web") as (mirror, told):
            put(api_server, "ours", app="web")
            for number in range(5):
                put(api_server, f"other-{number}")
            api_server.bookmark()
            newest = str(api_server.store.version)
            await until(lambda: mirror._version == newest)
            api_server.store.compact()
            api_server.drop_streams()
            put(api_server, "ours", "2", app="web")
            await until(lambda: len(told) == 2)
            assert api_server.requests[-1].parameters["resourceVersion"] == newest

    asyncio.run(main())
    assert [("watch" in each.parameters) for each in api_server.requests] == [False, True, True]


def test_what_no_longer_matches_the_selector_goes(api_server: FakeApiServer) -> None:
    async def main() -> None:
        async with mirrored(api_server, labels="app=web") as (mirror, told):
            put(api_server, "c", app="web")
            put(api_server, "c", app="other")
            await until(lambda: len(told) == 2)
            assert mirror.objects == {}
            put(api_server, "c", app="web")
            await until(lambda: len(told) == 3)
            assert list(mirror.objects) == ["c"]

    asyncio.run(main())


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_watch_that_is_refused_for_now_is_begun_again(api_server: FakeApiServer, status: int) -> None:
    api_server.fail(Fault(WATCH, times=3, status=status, body=b"{}"))

    async def main() -> None:
        async with mirrored(api_server) as (mirror, _):
            put(api_server, "c")
            await until(lambda: copies(mirror) == versions(api_server))

    asyncio.run(main())
    assert api_server.count("GET", PATH) == 5


@pytest.mark.parametrize("status", [401, 403])
def test_a_watch_without_the_right_to_it_ends(api_server: FakeApiServer, status: int) -> None:
    api_server.fail(Fault(WATCH, status=status, body=b"{}"))

    async def main() -> None:
        client = Client(connect(str(api_server.kubeconfig)), "ns")
        mirror = Reflector(client, CONFIG_MAP, lambda _: None, labels=None, fields=None)
        try:
            await mirror.fill()
            await mirror.run()
        finally:
            await client.close()

    with pytest.raises(ApiError):
        asyncio.run(asyncio.wait_for(main(), 20))


def test_a_list_that_is_needed_and_cannot_be_had_ends_the_watch(api_server: FakeApiServer) -> None:
    async def main() -> None:
        client = Client(connect(str(api_server.kubeconfig)), "ns")
        mirror = Reflector(client, CONFIG_MAP, lambda _: None, labels=None, fields=None)
        try:
            await mirror.fill()
            api_server.fail(Fault(WATCH, cut=1, ends=True), Fault(r"/configmaps\?$", status=403, body=b"{}"))
            put(api_server, "c")
            await mirror.run()
        finally:
            await client.close()

    with pytest.raises(TargetError):
        asyncio.run(asyncio.wait_for(main(), 20))
