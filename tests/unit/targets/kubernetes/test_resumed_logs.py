"""A container's log across connections that break: no line twice, none missing, none cut."""

import asyncio
from collections.abc import Callable
from datetime import UTC, timedelta, timezone, tzinfo

import pytest

from ks_universal.targets.kubernetes.api import logs
from ks_universal.targets.kubernetes.api.client import Client
from ks_universal.targets.kubernetes.api.connection import connect
from ks_universal.targets.kubernetes.api.errors import ApiError
from ks_universal.targets.kubernetes.api.logs import LogReader, LogTail
from ks_universal.targets.kubernetes.migration import live_log
from ks_universal.targets.kubernetes.migration.live_log import LiveLog
from ks_universal.targets.kubernetes.observed.observer import Observer
from support.contract_targets import LABELS, FakeCluster, run_job
from support.fake_api_server import FakeApiServer, Fault, Program

LINES = [f"line {number}" for number in range(12)]
ZONES = [UTC, timezone(timedelta(hours=8)), timezone(timedelta(hours=-3, minutes=-30))]


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "_PAUSE_S", 0.0)
    monkeypatch.setattr(live_log, "_PAUSE_S", 0.0)


def run_pod(server: FakeApiServer, program: Program | None = None) -> None:
    server.kubelet.run("pod", program or Program())
    spec = {"restartPolicy": "Never", "containers": [{"name": "main", "image": "app:1"}]}
    server.put({"kind": "Pod", "metadata": {"name": "pod"}, "spec": spec})
    server.await_that(lambda: len(server.kubelet.logs) > 0)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("zone", ZONES, ids=str)
@pytest.mark.parametrize("ends", [True, False])
@pytest.mark.parametrize("time", [None, "2026-11-28T10:00:00.000000001Z"])
def test_a_log_that_breaks_off_in_the_middle_of_lines_is_complete(
    api_server: FakeApiServer, zone: tzinfo, ends: bool, time: str | None
) -> None:
    """With an error, or as if it were complete; with many lines of one time; on nodes of all zones."""
    api_server.kubelet.zone = zone
    run_pod(api_server)
    pod = api_server.get("pods", "pod")
    assert pod is not None
    api_server.kubelet.write(pod, "main", *LINES[:6], time=time)
    api_server.fail(*(Fault("/log.*follow", cut=number, ends=ends) for number in range(1, 7)))

    async def main() -> list[str]:
        client = Client(connect(str(api_server.kubeconfig)), "ns")
        lines: list[str] = []
        tail = LogTail(client, "pod", "main", lines.append)
        await until(lambda: api_server.count("GET", "/log") > 6 and len(lines) == 6)
        api_server.kubelet.write(pod, "main", *LINES[6:9], time=time)
        api_server.drop_streams()
        await until(lambda: len(lines) == 9)
        api_server.kubelet.write(pod, "main", *LINES[9:], time=time)
        await tail.finish()
        await client.close()
        return lines

    assert asyncio.run(main()) == LINES


def test_what_the_kubelet_says_in_place_of_a_log_is_no_line(api_server: FakeApiServer) -> None:
    run_pod(api_server, Program(("said", "last"), 0))
    said = b"unable to retrieve container logs for containerd://0123"

    async def main() -> list[str]:
        client = Client(connect(str(api_server.kubeconfig)), "ns")
        lines: list[str] = []
        log = LogReader(client, "pod", "main", lines.append)
        await log.follow()
        api_server.fail(Fault("/log", status=200, body=said + b"\n"), Fault("/log", status=200, body=said))
        await log.follow()
        await log.read()
        await client.close()
        return lines

    assert asyncio.run(main()) == ["said", "last"]


def test_whoever_looks_on_sees_each_line_once_across_restarts_of_the_api_server(api_server: FakeApiServer) -> None:
    place = FakeCluster(api_server)
    body = run_job(place, place.script(1, 0), retries=1).body
    secret = {"kind": "Secret", "metadata": {"name": "s", "labels": LABELS}, "stringData": {"TOKEN": "hunter22"}}
    api_server.put(secret)
    api_server.kubelet.run("seed", Program(("try 1", "with hunter22"), 1), Program(("try 2",)))
    api_server.fail(Fault("/log", cut=2, ends=True), Fault("/log", cut="request"), Fault("/log", cut=1, times=2))

    async def main() -> list[str]:
        client = Client(connect(str(api_server.kubeconfig)), "ns")
        observer = Observer(client, "demo")
        lines: list[str] = []
        api_server.put(body)
        following = asyncio.create_task(LiveLog(client, observer, "seed", lines.append).follow("demo"))
        await until(lambda: len(lines) == 3)
        pod = api_server.get("pods", sorted(api_server.names("pods"))[-1])
        assert pod is not None
        api_server.drop_streams()
        api_server.kubelet.write(pod, "main", "the end")
        api_server.kubelet.end(pod, "main", 0)
        assert await following
        await observer.stop()
        await client.close()
        return lines

    (first, masked, *others) = asyncio.run(main())
    assert (first, others) == ("try 1", ["try 2", "the end"])
    assert masked.startswith("with ")
    assert "hunter22" not in masked


@pytest.mark.parametrize("right", ["secrets", "pods"])
def test_whoever_may_not_read_secrets_or_logs_is_told(api_server: FakeApiServer, right: str) -> None:
    place = FakeCluster(api_server)
    api_server.put(run_job(place, place.script(None)).body)
    path = "/secrets" if right == "secrets" else "/log"
    body = b'{"kind": "Status", "reason": "Forbidden", "message": "User \\"x\\" cannot"}'
    api_server.fail(Fault(path, times=1000, status=403, body=body))

    async def main() -> None:
        client = Client(connect(str(api_server.kubeconfig)), "ns")
        observer = Observer(client, "demo")
        try:
            with pytest.raises(ApiError) as refused:
                await LiveLog(client, observer, "seed", print).follow("demo")
            assert refused.value.problem.code == "kubernetes/forbidden"
        finally:
            await observer.stop()
            await client.close()

    asyncio.run(main())
