import asyncio
import socket
import time
from pathlib import Path

import pytest

from ks_universal.engine.events import ContainerEnded, LogWritten, ObjectChanged, ProbePassed, Waited
from ks_universal.engine.target import RolloutFailed
from ks_universal.plan.steps import Delete, RollOut
from ks_universal.resources.objects import object_ref
from ks_universal.targets.local.processes.process_table import group_is_alive
from support.local_release import Events, new_session, python, release, roll_out, session_on, sh

SERVER = """
import http.server, os, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/healthz" else 404)
        self.end_headers()
        self.wfile.write(os.environ["VERSION"].encode())
    def log_message(self, *args): pass
server = http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler)
print(os.getpid(), flush=True)
server.serve_forever()
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def server(port: int, version: str = "1", script: str = SERVER) -> RollOut:
    """A web server that is ready when it answers; its first line is its process id."""
    env = [{"name": "PORT", "value": str(port)}, {"name": "VERSION", "value": version}]
    ports = [{"name": "http", "containerPort": port}]
    probe = {"httpGet": {"path": "/healthz", "port": "http"}}
    return roll_out(python(script, env=env, ports=ports, readinessProbe=probe))


async def ask(port: int) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /healthz HTTP/1.0\r\n\r\n")
    answer = await reader.read()
    writer.close()
    return answer.decode().rpartition("\r\n\r\n")[2]


async def seen(events: Events, kind: type, count: int = 1) -> None:
    """Wait for the events to come; the test's own time-out ends a wait in vain."""
    async with asyncio.timeout(60):
        while len(events.of(kind)) < count:
            await asyncio.sleep(0.01)


def test_an_application_runs_until_the_target_is_closed(tmp_path: Path) -> None:
    async def main() -> int:
        port = free_port()
        async with release(tmp_path) as (target, events):
            session = session_on(target)
            await session.roll_out(server(port), events.append)
            assert await ask(port) == "1"
            assert [event.source for event in events.of(ProbePassed)] == ["shop"]
            pid = int(events.lines("shop")[0])
            assert group_is_alive(pid)
        await target.close()
        return pid

    assert not group_is_alive(asyncio.run(main()))


def test_an_unchanged_version_runs_on_and_a_changed_one_replaces_it(tmp_path: Path) -> None:
    async def main() -> None:
        port = free_port()
        async with new_session(tmp_path) as (session, events):
            for version in ("1", "1", "2"):
                await session.roll_out(server(port, version), events.append)
                assert await ask(port) == version
            assert [event.change for event in events.of(ObjectChanged)] == ["created", "unchanged", "changed"]
            assert len(events.lines()) == 2

    asyncio.run(main())


def test_what_does_not_change_its_pods_restarts_no_application(tmp_path: Path) -> None:
    async def main() -> None:
        port = free_port()
        step = server(port)
        async with new_session(tmp_path) as (session, events):
            for replicas in (2, 3, 0, 1):
                body = {**step.body, "spec": {**step.body["spec"], "replicas": replicas}}
                await session.roll_out(RollOut(id=step.id, application=step.application, body=body), events.append)
            assert [event.change for event in events.of(ObjectChanged)] == ["created", *["changed"] * 3]
            assert len(events.lines()) == 2

    asyncio.run(main())


def test_when_the_new_version_fails_the_old_one_is_brought_back(tmp_path: Path) -> None:
    async def main() -> None:
        port = free_port()
        async with release(tmp_path) as (target, events):
            session = session_on(target)
            await session.roll_out(server(port), events.append)
            with pytest.raises(RolloutFailed) as failure:
                await session.roll_out(server(port, "2", "raise SystemExit('no such table')"), events.append)
            assert await ask(port) == "1"
            first, *_, last = failure.value.causes
            assert "3 times in a row; it last said: no such table" in first.message
            assert last.code == "rollout/old-version-runs"
            live = (await target.read(None)).objects  # type: ignore[arg-type]  # what was rendered is not asked for
            assert list(live.values()) == [server(port).body]

    asyncio.run(main())


def test_a_container_that_never_gets_ready_is_named_with_its_last_words(tmp_path: Path) -> None:
    async def main() -> RolloutFailed:
        probe = {"tcpSocket": {"port": free_port()}}
        async with new_session(tmp_path) as (session, events):
            with pytest.raises(RolloutFailed) as failure:
                step = roll_out(sh("echo connecting; sleep 100", readinessProbe=probe), deadline_s=0.5)
                await session.roll_out(step, events.append)
            return failure.value

    causes = asyncio.run(main()).causes
    assert causes[0].message == "shop was not ready within 0.5 s; it last said: connecting"
    assert causes[-1].code == "rollout/nothing-runs"


def test_a_crashing_container_is_started_again_with_growing_pauses(tmp_path: Path) -> None:
    async def main() -> list[float | None]:
        async with new_session(tmp_path) as (session, events):
            with pytest.raises(RolloutFailed):
                await session.roll_out(roll_out(sh("exit 7")), events.append)
            assert {event.exit_code for event in events.of(ContainerEnded)} == {7}
            return [event.restart_in_s for event in events.of(ContainerEnded)]

    assert asyncio.run(main()) == [1.0, 2.0, 4.0]


def test_a_container_that_ends_later_is_started_again(tmp_path: Path) -> None:
    async def main() -> None:
        async with new_session(tmp_path) as (session, events):
            step = roll_out(sh("echo up; until [ -e stop ]; do sleep 0.02; done; rm stop"))
            await session.roll_out(step, events.append)
            (tmp_path / "stop").touch()
            await seen(events, LogWritten, 2)
            assert [event.exit_code for event in events.of(ContainerEnded)] == [0]

    asyncio.run(main())


def test_a_container_that_is_not_alive_is_started_again(tmp_path: Path) -> None:
    async def main() -> None:
        probe = {"exec": {"command": ["test", "!", "-e", "hung"]}, "initialDelaySeconds": 0.4, "periodSeconds": 0.1}
        async with new_session(tmp_path) as (session, events):
            step = roll_out(sh("rm -f hung; echo up; exec sleep 100", livenessProbe=probe))
            await session.roll_out(step, events.append)
            (tmp_path / "hung").touch()
            await seen(events, LogWritten, 2)
            assert events.of(ContainerEnded)[0].exit_code == 143

    asyncio.run(main())


def test_a_startup_probe_that_fails_ends_the_container(tmp_path: Path) -> None:
    async def main() -> None:
        probe = {"exec": {"command": ["false"]}, "periodSeconds": 0.1, "failureThreshold": 2}
        async with new_session(tmp_path) as (session, events):
            with pytest.raises(RolloutFailed):
                await session.roll_out(roll_out(sh("exec sleep 100", startupProbe=probe), deadline_s=1), events.append)
            assert events.of(ContainerEnded)[0].exit_code == 143
            assert not events.of(ProbePassed)

    asyncio.run(main())


def test_init_containers_come_first_and_say_what_they_wait_for(tmp_path: Path) -> None:
    async def main() -> Events:
        async with new_session(tmp_path) as (session, events):
            init = sh("echo looking; sleep 1.1; echo found", "wait")
            await session.roll_out(roll_out(sh("echo up; exec sleep 100"), initContainers=[init]), events.append)
            return events

    events = asyncio.run(main())
    assert [(event.source, event.line) for event in events.of(LogWritten)] == [
        ("shop/wait", "looking"), ("shop/wait", "found"), ("shop", "up"),
    ]  # fmt: skip
    assert "init container wait: looking" in [event.waits_for for event in events.of(Waited)]


def test_the_group_of_a_pod_is_stopped_with_its_grandchildren_within_the_grace(tmp_path: Path) -> None:
    async def main() -> int:
        stubborn = sh("trap '' TERM; ps -o pgid= -p $$$$; sleep 100 & while :; do sleep 0.1; done")
        async with new_session(tmp_path) as (session, events):
            await session.roll_out(roll_out(stubborn, terminationGracePeriodSeconds=1), events.append)
            pgid = int(events.lines()[0])
            began = time.monotonic()
        assert 1 <= time.monotonic() - began < 5
        return pgid

    assert not group_is_alive(asyncio.run(main()))


def test_applications_are_stopped_in_reverse_order_after_their_hooks(tmp_path: Path) -> None:
    async def main() -> None:
        async with new_session(tmp_path) as (session, events):
            for name in ("db", "web"):
                hook = {"preStop": {"exec": {"command": ["sh", "-c", f"echo {name} hook >>order"]}}}
                script = f"trap 'echo {name} end >>order; exit' TERM; echo up; while :; do sleep 0.02; done"
                await session.roll_out(roll_out(sh(script, lifecycle=hook), name=name), events.append)

    asyncio.run(main())
    assert (tmp_path / "order").read_text().splitlines() == ["web hook", "web end", "db hook", "db end"]


def test_without_replicas_nothing_runs_and_a_deleted_application_is_gone(tmp_path: Path) -> None:
    async def main() -> None:
        async with release(tmp_path) as (target, events):
            session = session_on(target)
            await session.roll_out(roll_out(sh("echo up"), replicas=0), events.append)
            step = roll_out(sh("echo up; exec sleep 100"), name="web")
            await session.roll_out(step, events.append)
            await session.delete(Delete(id="delete", identity=object_ref(step.body)), events.append)
            assert events.lines() == ["up"]
            assert object_ref(step.body) not in (await target.read(None)).objects  # type: ignore[arg-type]  # not asked for
            assert not list((tmp_path / ".ks-universal" / "shop" / "processes").iterdir())

    asyncio.run(main())


def test_cancelling_a_rollout_leaves_no_process(tmp_path: Path) -> None:
    async def main() -> int:
        probe = {"exec": {"command": ["false"]}}
        async with new_session(tmp_path) as (session, events):
            step = roll_out(sh("ps -o pgid= -p $$$$; exec sleep 100", readinessProbe=probe))
            task = asyncio.create_task(session.roll_out(step, events.append))
            await seen(events, LogWritten)
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled()
            assert not group_is_alive(int(events.lines()[0]))
            return int(events.lines()[0])

    assert not group_is_alive(asyncio.run(main()))


def test_a_port_that_is_taken_is_found_before_anything_starts(tmp_path: Path) -> None:
    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = other.getsockname()[1]
            async with new_session(tmp_path, server(port)) as (session, _):
                [problem] = (await session.check()).problems
                assert problem.code == "local/port-taken"

    asyncio.run(main())
