"""Requests to an API server that errs: which are sent again, after what pause, for how long, and what is then said."""

import asyncio
import json
import types
from collections.abc import Awaitable, Callable

import pytest

from ks_universal.errors import LockedError, TargetError
from ks_universal.targets.kubernetes.api import client as module
from ks_universal.targets.kubernetes.api.client import Client
from ks_universal.targets.kubernetes.api.connection import connect
from ks_universal.targets.kubernetes.api.errors import ApiError
from ks_universal.targets.kubernetes.api.kinds import CONFIG_MAP, Kind
from support.fake_api_server import FakeApiServer, Fault

PATH = "/configmaps"
HTML = {"Content-Type": "text/html; charset=utf-8"}
CONFIG = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"A": "1"}}


class Clock:
    """Time that passes by the client's pauses alone."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.pauses: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now_s += seconds


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "now_s", lambda: clock.now_s)
    monkeypatch.setattr(module, "asyncio", types.SimpleNamespace(**{**vars(asyncio), "sleep": clock.sleep}))
    return clock


def ask(server: FakeApiServer, work: Callable[[Client], Awaitable[object]]) -> object:
    async def main() -> object:
        client = Client(connect(str(server.kubeconfig)), "ns")
        try:
            return await work(client)
        finally:
            await client.close()

    return asyncio.run(main())


async def read(client: Client) -> object:
    return (await client.list(CONFIG_MAP)).items


@pytest.mark.parametrize("status", [429, 502, 503, 504])
@pytest.mark.parametrize("headers", [{}, HTML])
def test_what_passes_is_waited_for(
    api_server: FakeApiServer, clock: Clock, status: int, headers: dict[str, str]
) -> None:
    """Also where a proxy says it, with a page."""
    api_server.fail(Fault(PATH, times=12, status=status, headers=headers, body=b"<html>busy</html>"))
    assert ask(api_server, read) == []
    assert api_server.count("GET", PATH) == 13
    for pause_s, longest_s in zip(clock.pauses, (0.1, 0.2, 0.5, 1, 2, 4, 4, 4, 4, 4, 4, 4), strict=True):
        assert longest_s / 2 <= pause_s <= longest_s


def test_a_cut_connection_is_opened_again(api_server: FakeApiServer) -> None:
    api_server.fail(Fault(PATH, times=3, cut="request"), Fault(PATH, times=3, cut="answer"))
    assert ask(api_server, read) == []
    assert api_server.count("GET", PATH) == 7


@pytest.mark.parametrize(("times", "is_answered"), [(3, True), (4, False)])
def test_an_internal_error_is_tried_four_times(api_server: FakeApiServer, times: int, is_answered: bool) -> None:
    api_server.fail(Fault(PATH, times=times, status=500, body=b'{"message": "webhook is down"}'))
    if is_answered:
        assert ask(api_server, read) == []
    else:
        with pytest.raises(ApiError, match="webhook is down"):
            ask(api_server, read)
    assert api_server.count("GET", PATH) == 4


def test_internal_errors_count_by_themselves(api_server: FakeApiServer) -> None:
    """A server that starts says 503 for a while, and then 500 until all of it is there."""
    api_server.fail(Fault(PATH, times=6, status=503), Fault(PATH, times=3, status=500))
    assert ask(api_server, read) == []
    assert api_server.count("GET", PATH) == 10


@pytest.mark.parametrize(
    ("status", "message"),
    [
        *((status, "no") for status in (400, 401, 403, 404, 405, 409, 410, 413, 415, 422, 501)),
        (500, "failed to create typed patch object (ns/c; v1, Kind=ConfigMap): .data.A: expected string"),
    ],
)
def test_what_does_not_pass_is_asked_once(api_server: FakeApiServer, status: int, message: str) -> None:
    api_server.fail(Fault(PATH, times=9, status=status, body=json.dumps({"message": message}).encode()))
    with pytest.raises(ApiError) as refused:
        ask(api_server, read)
    assert refused.value.code == status
    assert message in refused.value.problem.message
    assert api_server.count("GET", PATH) == 1


@pytest.mark.parametrize(
    ("said", "least_s", "most_s"), [("7", 7, 7), ("0", 0, 0.1), ("soon", 0, 0.1), ("9999", 60, 60)]
)
def test_the_server_says_when_to_come_back(
    api_server: FakeApiServer, clock: Clock, said: str, least_s: float, most_s: float
) -> None:
    api_server.fail(Fault(PATH, status=429, headers={"Retry-After": said}))
    assert ask(api_server, read) == []
    (pause_s,) = clock.pauses
    assert least_s <= pause_s <= most_s


@pytest.mark.parametrize(
    ("status", "headers"), [(200, HTML), (404, HTML), (401, HTML), (302, {"Location": "/login"}), (307, HTML)]
)
def test_a_page_is_no_answer_of_an_api_server(api_server: FakeApiServer, status: int, headers: dict[str, str]) -> None:
    api_server.fail(Fault(PATH, times=9, status=status, headers=headers, body=b"<html>log in</html>"))
    with pytest.raises(TargetError) as caught:
        ask(api_server, read)
    assert caught.value.problem.code == "kubernetes/unreachable"
    assert "not a Kubernetes API server" in caught.value.problem.message
    assert api_server.count("GET", PATH) == 1


@pytest.mark.parametrize("body", [b"ok", b"[]", b"{}", b'{"metadata": null}', b""])
def test_an_answer_that_is_no_object_is_none_of_an_api_server(api_server: FakeApiServer, body: bytes) -> None:
    api_server.fail(Fault(PATH, status=200, body=body))
    with pytest.raises(TargetError, match="not a Kubernetes API server"):
        ask(api_server, read)


def test_a_server_that_has_never_answered_is_given_up_soon(api_server: FakeApiServer, clock: Clock) -> None:
    api_server.fail(Fault(PATH, times=99, cut="request"))
    with pytest.raises(TargetError) as caught:
        ask(api_server, read)
    assert caught.value.problem.code == "kubernetes/unreachable"
    assert 5 < clock.now_s < 10


@pytest.mark.parametrize("fault", [Fault(PATH, times=99, cut="request"), Fault(PATH, times=99, status=503)])
def test_a_server_that_has_answered_is_waited_for_for_a_minute(
    api_server: FakeApiServer, clock: Clock, fault: Fault
) -> None:
    """As long as a restart or a rolling upgrade of it takes."""

    async def work(client: Client) -> None:
        await read(client)
        api_server.fail(fault)
        await read(client)

    with pytest.raises(TargetError):
        ask(api_server, work)
    assert 60 < clock.now_s < 65


def test_a_write_whose_answer_was_lost_is_repeated(api_server: FakeApiServer) -> None:
    async def work(client: Client) -> None:
        api_server.fail(Fault(PATH, "POST", cut="answer"))
        with pytest.raises(ApiError) as refused:
            await client.create(CONFIG_MAP, CONFIG)
        assert refused.value.reason == "AlreadyExists"
        api_server.fail(Fault(PATH, "PATCH", cut="answer"))
        applied = await client.apply(CONFIG_MAP, {**CONFIG, "data": {"A": "2"}}, force=True)
        assert applied["data"] == {"A": "2"}
        api_server.fail(Fault(PATH, "DELETE", cut="answer"))
        assert not await client.delete(CONFIG_MAP, "c", uid=applied["metadata"]["uid"])
        assert await client.get(CONFIG_MAP, "c") is None

    ask(api_server, work)


class Fenced:
    """A fence that lets so many writes pass, each for so long."""

    def __init__(self, passes: int, remaining_s: float = 60) -> None:
        self.passes = passes
        self.rest_s_ = remaining_s

    async def remaining_s(self) -> float:
        self.passes -= 1
        if self.passes < 0:
            raise LockedError("demo", "another")
        return self.rest_s_


def test_each_try_of_a_write_passes_the_fence(api_server: FakeApiServer) -> None:
    api_server.fail(Fault(PATH, "POST", times=2, status=503))

    async def work(client: Client) -> None:
        client.fence(Fenced(2))
        with pytest.raises(LockedError):
            await client.create(CONFIG_MAP, CONFIG)
        await read(client)

    ask(api_server, work)
    assert api_server.count("POST", PATH) == 2
    assert api_server.names("configmaps") == []


def test_a_write_that_outlasts_the_lock_is_broken_off(api_server: FakeApiServer) -> None:
    async def work(client: Client) -> None:
        client.fence(Fenced(3, remaining_s=0))
        with pytest.raises(LockedError):
            await client.create(CONFIG_MAP, CONFIG)

    ask(api_server, work)
    assert api_server.names("configmaps") == []


def test_the_server_is_asked_once_which_kinds_it_has(api_server: FakeApiServer) -> None:
    async def work(client: Client) -> list[Kind | None]:
        return [await client.find_kind(kind) for kind in ("Secret", "Certificate", "Certificate")]

    found = ask(api_server, work)
    assert isinstance(found, list)
    assert found[1] == found[2] == Kind("cert-manager.io/v1", "Certificate", "certificates")
    assert [request.path for request in api_server.requests] == ["/api", "/apis"]
