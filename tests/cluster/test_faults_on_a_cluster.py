"""An API server that restarts, throttles, errs and drops connections delays a deploy, and does not change its end."""

import asyncio
import itertools
import subprocess
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import httpx2
import pytest
from lightkube.config.client_adapter import ConnectionParams
from lightkube.config.kubeconfig import KubeConfig

from ks_universal.api.cluster import open_cluster
from ks_universal.api.logs import find_running, follow_logs
from ks_universal.api.values import load, render
from ks_universal.engine.events import AttemptStarted, Event, LogWritten, StopFailed
from ks_universal.engine.run import run
from ks_universal.errors import TargetError
from ks_universal.plan.records import Outcome, Revision
from ks_universal.resources.objects import object_ref
from ks_universal.targets.kubernetes.api.client import Client
from ks_universal.targets.kubernetes.api.connection import Connection
from ks_universal.targets.kubernetes.api.kinds import DEPLOYMENT, EVENT, SERVICE_ACCOUNT
from ks_universal.targets.kubernetes.migration.events import EventRecorder, KubernetesEvent
from ks_universal.targets.kubernetes.target import ClusterOptions, KubernetesTarget
from support.cluster_release import LEASE_S, RELEASE, Events
from support.deploying import deploy, get, write

NODE = Path(__file__).parent / "node" / "cluster"
OWN_KUBECONFIG = "/var/tmp/ksu-cluster/kubeconfig"
VALUES = """
configs:
  settings: {type: configMap, data: {COLOUR: red}}
deployments:
  my-app:
    migrations:
      enabled: true
      backoffLimit: 0
      args: ["-c", "for i in $(seq 20); do echo line $i; sleep 0.3; done"]
    containers:
      main:
        image: busybox
        imageTag: local
        command: [sh]
        args: ["-c", "trap 'exit 0' TERM; httpd -f -p 8080 -h /tmp & wait"]
        readinessProbe: {exec: {command: ["true"]}, periodSeconds: 1}
        envFrom: [{type: configMap, configName: settings}]
"""
HELD_UP_S = 15
"""Longer than the migration takes, the start of its pod included."""


class Cut(httpx2.AsyncByteStream):
    """A stream that breaks after its first few pieces."""

    def __init__(self, stream: httpx2.AsyncByteStream, faults: Counter[str]) -> None:
        self._stream = stream
        self._faults = faults

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for number, piece in enumerate_pieces(self._stream):
            yield piece
            if number == 6:
                self._faults["cut"] += 1
                raise httpx2.ReadError("connection cut")

    async def aclose(self) -> None:
        await self._stream.aclose()


class Broken(httpx2.AsyncByteStream):
    """A stream that ends in the middle of its third line, without an error: as of a proxy that is told to stop."""

    def __init__(self, stream: httpx2.AsyncByteStream, faults: Counter[str]) -> None:
        self._stream = stream
        self._faults = faults

    async def __aiter__(self) -> AsyncIterator[bytes]:
        lines = 0
        async for piece in self._stream:
            lines += piece.count(b"\n")
            if lines >= 3:
                self._faults["broken"] += 1
                yield piece[:20]
                return
            yield piece

    async def aclose(self) -> None:
        await self._stream.aclose()


async def enumerate_pieces(stream: httpx2.AsyncByteStream) -> AsyncIterator[tuple[int, bytes]]:
    number = itertools.count()
    async for piece in stream:
        yield next(number), piece


class Faulty(httpx2.AsyncBaseTransport):
    """Stands between the program and the API server: of its requests some are refused, and all streams are cut."""

    def __init__(self, transport: httpx2.AsyncBaseTransport) -> None:
        self.faults: Counter[str] = Counter()
        self._transport = transport
        self._next = itertools.cycle(("pass", "429", "pass", "500", "pass", "lost", "pass", "503"))

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if "watch=true" in str(request.url) or "follow=true" in str(request.url):
            response = await self._transport.handle_async_request(request)
            assert isinstance(response.stream, httpx2.AsyncByteStream)
            return httpx2.Response(
                response.status_code, headers=response.headers, stream=Cut(response.stream, self.faults)
            )
        fault = next(self._next)
        self.faults[fault] += 1
        if fault in {"429", "500", "503"}:
            return httpx2.Response(int(fault), headers={"Retry-After": "1"} if fault == "429" else {})
        response = await self._transport.handle_async_request(request)
        if fault == "lost":  # the server has done it, and the answer does not arrive
            await response.aread()
            raise httpx2.ReadError("connection reset")
        return response

    async def aclose(self) -> None:
        await self._transport.aclose()


class Breaking(httpx2.AsyncBaseTransport):
    """Breaks each watch in the middle of a line."""

    def __init__(self, transport: httpx2.AsyncBaseTransport) -> None:
        self.faults: Counter[str] = Counter()
        self._transport = transport

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        response = await self._transport.handle_async_request(request)
        if "watch=true" not in str(request.url):
            return response
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        stream = Broken(response.stream, self.faults)
        return httpx2.Response(response.status_code, headers=response.headers, stream=stream)

    async def aclose(self) -> None:
        await self._transport.aclose()


class Outdated(httpx2.AsyncBaseTransport):
    """Lets the first watch of pods and Jobs resume at a version that the API server does not have any more."""

    def __init__(self, transport: httpx2.AsyncBaseTransport) -> None:
        self.answers: dict[str, bytes] = {}
        self._transport = transport

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        kind = request.url.path.rpartition("/")[2]
        if kind not in {"pods", "jobs"} or "watch=true" not in str(request.url) or kind in self.answers:
            return await self._transport.handle_async_request(request)
        request.url = request.url.copy_set_param("resourceVersion", "1")
        response = await self._transport.handle_async_request(request)
        self.answers[kind] = await response.aread()
        return response

    async def aclose(self) -> None:
        await self._transport.aclose()


class Late(httpx2.AsyncBaseTransport):
    """Lets the first watch of pods bring nothing, and then break, so that all that became of them is seen late."""

    def __init__(self, transport: httpx2.AsyncBaseTransport) -> None:
        self.held_up = 0
        self._transport = transport

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.url.path.endswith("/pods") and "watch=true" in str(request.url) and not self.held_up:
            self.held_up += 1
            await asyncio.sleep(HELD_UP_S)
            raise httpx2.ReadError("connection reset")
        return await self._transport.handle_async_request(request)

    async def aclose(self) -> None:
        await self._transport.aclose()


class Busy(httpx2.AsyncBaseTransport):
    """Refuses the first Event that is to be written, for a second."""

    def __init__(self, transport: httpx2.AsyncBaseTransport) -> None:
        self.refused = 0
        self._transport = transport

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.method == "POST" and request.url.path.endswith("/events") and not self.refused:
            self.refused += 1
            return httpx2.Response(429, headers={"Retry-After": "1"})
        return await self._transport.handle_async_request(request)

    async def aclose(self) -> None:
        await self._transport.aclose()


class Away(httpx2.AsyncBaseTransport):
    """Answers nothing more from a moment on."""

    def __init__(self, transport: httpx2.AsyncBaseTransport) -> None:
        self.is_away = False
        self._transport = transport

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if self.is_away:
            raise httpx2.ConnectError("no route to host")
        return await self._transport.handle_async_request(request)

    async def aclose(self) -> None:
        await self._transport.aclose()


T = TypeVar("T", Away, Breaking, Busy, Faulty, Late, Outdated)


def connect_through(stand_in: Callable[[httpx2.AsyncBaseTransport], T], kubeconfig: str) -> tuple[Connection, T]:
    """Connect to the cluster by way of a transport that stands between; gives it, too."""
    config = KubeConfig.from_file(kubeconfig).get()
    assert config is not None
    parameters = ConnectionParams().httpx_params(config)
    between = stand_in(httpx2.AsyncHTTPTransport(verify=parameters["verify"]))
    http = httpx2.AsyncClient(**{**parameters, "transport": between, "timeout": 10})
    return Connection(http, config.context_name, "default"), between


def deploy_over(connection: Connection, namespace: str, folder: Path) -> tuple[Revision, Events]:
    events = Events()

    async def main() -> Revision:
        target = KubernetesTarget(Client(connection, namespace), RELEASE, ClusterOptions(lease_s=LEASE_S * 4))
        rendered = render(load([write(folder, VALUES)]), RELEASE, namespace)
        try:
            return await run(rendered, target, events.append, by="tests")
        finally:
            await target.close()

    return asyncio.run(main()), events


def test_errors_throttling_and_cut_connections_only_delay_a_deploy(
    namespace: str, kubeconfig: str, tmp_path: Path
) -> None:
    connection, faulty = connect_through(Faulty, kubeconfig)
    revision, events = deploy_over(connection, namespace, tmp_path)
    assert revision.outcome is Outcome.SUCCEEDED
    assert events.lines() == [f"line {number}" for number in range(1, 21)]
    assert len(events.of(AttemptStarted)) == 1
    assert all(faulty.faults[fault] for fault in ("429", "500", "503", "lost", "cut"))


def test_watches_that_break_in_the_middle_of_a_line_only_delay_a_deploy(
    namespace: str, kubeconfig: str, tmp_path: Path
) -> None:
    connection, breaking = connect_through(Breaking, kubeconfig)
    revision, events = deploy_over(connection, namespace, tmp_path)
    assert revision.outcome is Outcome.SUCCEEDED
    assert events.lines() == [f"line {number}" for number in range(1, 21)]
    assert breaking.faults["broken"] > 3


def test_real_stop_what_cannot_be_stopped_is_not_said_to_be_and_the_next_run_takes_it_up(
    namespace: str, kubeconfig: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection, away = connect_through(Away, kubeconfig)
    rendered = render(load([write(tmp_path, VALUES)]), RELEASE, namespace)
    events = Events()

    async def main() -> None:
        target = KubernetesTarget(Client(connection, namespace), RELEASE, ClusterOptions(lease_s=LEASE_S))

        def interrupt(event: Event) -> None:
            events.append(event)
            if isinstance(event, LogWritten) and not away.is_away:
                away.is_away = True
                work.cancel()

        work = asyncio.ensure_future(run(rendered, target, interrupt, by="tests"))
        with pytest.raises((asyncio.CancelledError, TargetError)):
            await work
        await target.close()

    monkeypatch.setattr("ks_universal.targets.kubernetes.api.client._PATIENCE_S", 1)
    asyncio.run(main())
    monkeypatch.undo()
    after, following = deploy(namespace, VALUES, tmp_path)
    (failed,) = events.of(StopFailed)
    assert (failed.step, failed.cause.code) == ("my-app/migrations", "migrations/not-stopped")
    assert "does not answer" in failed.cause.message
    assert [attempt.resumed for attempt in following.of(AttemptStarted)] == [True]
    assert after.outcome is Outcome.SUCCEEDED


def test_cut_connections_take_no_line_from_who_follows_a_migration(
    namespace: str, kubeconfig: str, tmp_path: Path
) -> None:
    lines: list[str] = []

    async def main() -> None:
        connection, faulty = connect_through(Faulty, kubeconfig)
        onlooker = KubernetesTarget(Client(connection, namespace), RELEASE, ClusterOptions())
        deployer = open_cluster(RELEASE, namespace=namespace, kubeconfig=kubeconfig)
        speaking = asyncio.Event()

        def notice(event: Event) -> None:
            if isinstance(event, LogWritten):
                speaking.set()

        rendered = render(load([write(tmp_path, VALUES)]), RELEASE, namespace)
        async with asyncio.TaskGroup() as group:
            deploying = group.create_task(run(rendered, deployer, notice, by="tests"))
            await speaking.wait()
            await follow_logs(onlooker, await find_running(onlooker), lambda _, line: lines.append(line))
            await deploying
        assert faulty.faults["cut"]
        await asyncio.gather(onlooker.close(), deployer.close())

    asyncio.run(main())
    assert lines == [f"line {number}" for number in range(1, 21)]


def test_what_became_of_the_pods_is_told_also_where_the_end_of_their_job_is_seen_before(
    namespace: str, kubeconfig: str, tmp_path: Path
) -> None:
    connection, late = connect_through(Late, kubeconfig)
    revision, events = deploy_over(connection, namespace, tmp_path)
    assert late.held_up
    assert [attempt.exit_code for attempt in revision.steps[0].attempts] == [0]
    assert events.lines() == [f"line {number}" for number in range(1, 21)]


def test_events_about_a_migration_are_written_in_their_order(namespace: str, kubeconfig: str) -> None:
    connection, busy = connect_through(Busy, kubeconfig)

    async def main() -> list[str]:
        client = Client(connection, namespace)
        announcer = EventRecorder(client)
        about = await client.get(SERVICE_ACCOUNT, "default")
        assert about is not None
        for reason in ("MigrationStarted", "MigrationSucceeded"):
            announcer.announce(object_ref(about), about, KubernetesEvent(reason, "said", datetime.now(UTC)))
        await announcer.close()
        written = sorted((await client.list(EVENT)).items, key=lambda event: int(event["metadata"]["resourceVersion"]))
        await client.close()
        return [event["reason"] for event in written if event["involvedObject"]["uid"] == about["metadata"]["uid"]]

    assert asyncio.run(main()) == ["MigrationStarted", "MigrationSucceeded"]
    assert busy.refused


@pytest.fixture
def restarted_api_server(kubeconfig: str) -> Iterator[threading.Thread]:
    """A thread that, once started, kills the API server and starts it again; it has ended when the test has."""
    if kubeconfig != OWN_KUBECONFIG:
        pytest.skip("only the project's own node may lose its API server")

    def restart() -> None:
        subprocess.run([NODE, "stop", "kube-apiserver"], check=True)
        subprocess.run([NODE, "start", "kube-apiserver"], check=True)

    thread = threading.Thread(target=restart)
    yield thread
    thread.join()


@pytest.mark.alone
def test_a_watch_that_resumes_at_a_version_too_old_lists_again(
    namespace: str, kubeconfig: str, tmp_path: Path, restarted_api_server: threading.Thread
) -> None:
    restarted_api_server.start()  # what was before its start an API server does not have to watch from
    restarted_api_server.join()
    connection, outdated = connect_through(Outdated, kubeconfig)
    revision, events = deploy_over(connection, namespace, tmp_path)
    assert revision.outcome is Outcome.SUCCEEDED
    assert events.lines() == [f"line {number}" for number in range(1, 21)]
    assert [b'"code":410' in outdated.answers[kind] for kind in ("jobs", "pods")] == [True, True]


@pytest.mark.alone
def test_a_restart_of_the_api_server_only_delays_a_deploy(
    namespace: str, tmp_path: Path, restarted_api_server: threading.Thread
) -> None:
    def disturb(event: Event) -> None:
        if isinstance(event, LogWritten) and event.line == "line 5":
            restarted_api_server.start()

    revision, events = deploy(namespace, VALUES, tmp_path, disturb=disturb, lease_s=30)
    assert revision.outcome is Outcome.SUCCEEDED
    assert events.lines() == [f"line {number}" for number in range(1, 21)]
    deployment = get(namespace, DEPLOYMENT, "my-app")
    assert deployment is not None
    assert deployment["status"]["readyReplicas"] == 1
