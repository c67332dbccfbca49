import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from typing import Any

import httpx2
import pytest

from ks_universal.diagnostics import Problem
from ks_universal.targets.kubernetes.api.client import Client
from ks_universal.targets.kubernetes.api.connection import Connection
from ks_universal.targets.kubernetes.api.errors import ApiError
from ks_universal.targets.kubernetes.api.kinds import DEPLOYMENT, POD
from ks_universal.targets.kubernetes.api.watch import Reflector
from ks_universal.targets.kubernetes.observed import sight
from ks_universal.targets.kubernetes.observed.observer import Observer, select_pods
from ks_universal.targets.kubernetes.observed.sight import Sight

Json = dict[str, Any]


def item(name: str, version: str = "1", uid: str = "u") -> Json:
    return {"metadata": {"name": name, "uid": uid, "resourceVersion": version}}


def line(kind: str, body: Json) -> bytes:
    return json.dumps({"type": kind, "object": body}).encode() + b"\n"


class Endless(httpx2.AsyncByteStream):
    """A watch: its lines, then silence or (with `ends`) its end without an error."""

    def __init__(self, lines: Iterable[bytes], *, ends: bool) -> None:
        self._lines = lines
        self._ends = ends

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for each in self._lines:
            yield each
        if not self._ends:
            await asyncio.Event().wait()


class Server(httpx2.AsyncBaseTransport):
    """Answers requests in their order: with an object, or with the lines of a watch, or with a status."""

    def __init__(self, *answers: Json | Endless | int) -> None:
        self._answers = list(answers)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        assert self._answers, f"nothing is left to answer {request.url}"
        match self._answers.pop(0):
            case int() as status:
                return httpx2.Response(status, json={"kind": "Status", "code": status, "message": "no"})
            case Endless() as stream:
                return httpx2.Response(200, stream=stream)
            case body:
                return httpx2.Response(200, json=body)


def listing(*items: Json, version: str = "1") -> Json:
    return {"items": list(items), "metadata": {"resourceVersion": version}}


def client(*answers: Json | Endless | int) -> Client:
    http = httpx2.AsyncClient(transport=Server(*answers), base_url="http://server")
    return Client(Connection(http, "test", "default"), "default")


@pytest.mark.parametrize("broken", [b'{"type":"MODIFIED","object":{"metada', b"[]\n", b'{"kind":"Status"}\n'])
def test_a_watch_whose_line_is_cut_goes_on(broken: bytes) -> None:
    async def main() -> list[str]:
        found: list[str] = []
        watched = client(
            listing(item("a")),
            Endless([line("ADDED", item("b", "2")), broken], ends=True),
            listing(item("a"), item("b", "2"), item("c", "3"), version="3"),
            Endless([line("DELETED", item("a", "4"))], ends=False),
        )
        gone = asyncio.Event()

        def notice(body: Json) -> None:
            found.append(body["metadata"]["name"])
            if "a" not in mirror.objects:
                gone.set()

        mirror = Reflector(watched, POD, notice, labels=None, fields=None)
        await mirror.fill()
        task = asyncio.create_task(mirror.run())
        async with asyncio.timeout(60):
            await gone.wait()
        task.cancel()
        await asyncio.wait([task])
        await watched.close()
        return found

    assert asyncio.run(main()) == ["a", "b", "c", "a"]


def test_whoever_follows_is_told_what_ended_a_watch() -> None:
    """Not only a refusal: what is not understood must not leave a follower waiting for ever."""
    unnamed = Endless([line("ADDED", {"metadata": {"resourceVersion": "2"}})], ends=False)

    async def main(answer: Endless | int) -> None:
        silent = (Endless([], ends=False) for _ in range(4))
        watched = client(*(listing() for _ in range(5)), *silent, answer)
        observer = Observer(watched, "shop")
        await observer.start("Deployment")
        try:
            with observer.follow(("Deployment", "app")) as changed:
                changed.clear()
                async with asyncio.timeout(60):
                    await changed.wait()
                observer.check()
        finally:
            await observer.stop()
            await watched.close()

    with pytest.raises(ApiError):
        asyncio.run(main(403))
    with pytest.raises(KeyError):
        asyncio.run(main(unnamed))


async def look(made: Json, observed: list[Json | None], *answers: Json | int) -> list[Json | Problem | None]:
    watched = client(*answers)
    each = iter(observed)
    kept = Sight(watched, DEPLOYMENT, made, lambda _: next(each))
    found = [await kept.look() for _ in observed]
    await watched.close()
    return found


def test_an_object_that_was_seen_and_is_gone_was_deleted() -> None:
    app = item("app")
    *seen, lost = asyncio.run(look(app, [None, app, None]))
    assert seen == [None, app]
    assert isinstance(lost, Problem)
    assert (lost.code, lost.message) == ("kubernetes/deployment-deleted", "somebody deleted Deployment/app")


def test_another_object_of_the_same_name_is_not_the_one_that_was_made() -> None:
    *_, lost = asyncio.run(look(item("app"), [item("app"), item("app", uid="other")]))
    assert isinstance(lost, Problem)
    assert lost.message == "somebody deleted Deployment/app, and another one of this name was made"


@pytest.mark.parametrize("answer", [404, item("app", uid="other")])
def test_an_object_that_is_gone_before_it_was_ever_seen_was_deleted(
    monkeypatch: pytest.MonkeyPatch, answer: Json | int
) -> None:
    monkeypatch.setattr(sight, "_UNSEEN_S", 0.0)
    (lost,) = asyncio.run(look(item("app"), [None], answer))
    assert isinstance(lost, Problem)


def test_an_object_of_which_the_observer_is_late_to_tell_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sight, "_UNSEEN_S", 0.0)
    before = item("app", uid="before")
    assert asyncio.run(look(item("app"), [before, None], item("app"), item("app"))) == [None, None]


@pytest.mark.parametrize(
    ("kind", "spec", "selects"),
    [
        ("Deployment", {"selector": {"matchLabels": {"app.kubernetes.io/instance": "shop"}}}, True),
        ("StatefulSet", {"selector": {"matchLabels": {"app": "taken-over"}}}, False),
        ("Deployment", {"selector": {"matchExpressions": []}}, False),
        ("Job", {"template": {"metadata": {"labels": {"app.kubernetes.io/instance": "shop"}}}}, True),
        ("Job", {"template": {"spec": {}}}, False),
        ("Service", {"selector": {"app": "anything"}}, True),
    ],
)
def test_pods_are_selected_by_label_only_where_all_of_the_release_have_it(
    kind: str, spec: dict[str, object], selects: bool
) -> None:
    body = {"apiVersion": "v1", "kind": kind, "metadata": {"name": "app"}, "spec": spec}
    assert select_pods("shop", [body]) == ("app.kubernetes.io/instance=shop" if selects else None)
