"""`up --until-ready` leaves a release running, and `down` stops it."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.cluster_release import wait_until
from support.shell import Invoke, Write
from support.up_process import KSU, processes_in, running, values

pytestmark = pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks for processes in /proc")


@pytest.fixture(autouse=True)
def stopped_at_the_end(folder: Path) -> Iterator[None]:
    yield
    subprocess.run([*KSU, "down", "web"], cwd=folder, capture_output=True, check=False)


def up_until_ready(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [*KSU, "up", "--engine=process", "web", "-f", "values.yaml", "--until-ready", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def test_it_returns_when_all_is_ready_and_down_stops_it(write: Write, folder: Path, ksu: Invoke) -> None:
    write({"values.yaml": values()})
    result = up_until_ready()
    assert (result.returncode, result.stderr) == (0, "")
    assert "v1 serves" in result.stdout
    assert len(processes_in(folder)) == 2
    stopped = ksu("down", "web")
    assert (stopped.status, stopped.out, stopped.err.splitlines()[-1]) == (0, "", "web is stopped")
    assert processes_in(folder) == []


def test_the_events_can_be_read_as_json(write: Write) -> None:
    write({"values.yaml": values()})
    result = up_until_ready("--output", "json")
    events = [json.loads(line) for line in result.stdout.splitlines()]
    assert [event["outcome"] for event in events if event["type"] == "RunEnded"] == ["succeeded"]


@pytest.mark.parametrize("watch", [(), ("--watch",)])
def test_a_failure_leaves_nothing_running(write: Write, folder: Path, watch: tuple[str, ...]) -> None:
    write({"values.yaml": values(migration="echo broken; exit 1")})
    result = up_until_ready(*watch)
    assert result.returncode == 3
    assert "failed step: web/migrations/data" in result.stdout
    assert processes_in(folder) == []


@pytest.mark.parametrize("watch", [(), ("--watch",)])
def test_findings_are_shown_and_are_status_1(write: Write, folder: Path, watch: tuple[str, ...]) -> None:
    write({"values.yaml": {"deploymnets": {}, "servces": {}}})
    result = up_until_ready(*watch)
    assert result.returncode == 1
    assert "did you mean 'deployments'?" in result.stderr
    assert "did you mean 'services'?" in result.stderr
    assert processes_in(folder) == []


def test_values_of_the_command_line_are_in_no_list_of_processes(write: Write, folder: Path) -> None:
    write({"values.yaml": values(), "word": "from-a-file"})
    given = [
        "--set=configs.c.data.A=Zq72-set",
        "--set-string=configs.c.data.B=Zq73",
        "--set-literal=configs.c.data.C=Zq74",
    ]
    result = up_until_ready(*given, '--set-json=configs.c.data.D="Zq75"', "--set-file=configs.c.data.E=word")
    assert (result.returncode, result.stderr) == (0, "")
    commands = processes_in(folder)
    assert any("ks_universal" in command for command in commands)
    assert not any("Zq7" in command or "word" in command for command in commands)
    (applied,) = (folder / ".ks-universal" / "web" / "objects").glob("ConfigMap.*")
    data = json.loads(applied.read_text())["data"]
    assert data == {"A": "Zq72-set", "B": "Zq73", "C": "Zq74", "D": "Zq75", "E": "from-a-file"}


def test_a_locked_release_is_status_5(write: Write) -> None:
    write({"values.yaml": values()})
    with running() as up:
        up.read_until("RunEnded")
        result = up_until_ready("--no-wait-lock")
        assert result.returncode == 5
        assert f"process {up.process.pid}" in result.stderr
        assert "stop it with 'ks-universal down web'" in result.stderr


def test_down_says_that_nothing_runs(ksu: Invoke) -> None:
    assert ksu("down", "web") == (0, "", "nothing of web runs from this folder\n")


def test_down_stops_what_a_killed_run_left(write: Write, folder: Path, ksu: Invoke) -> None:
    write({"values.yaml": values()})
    with running() as up:
        up.read_until("RunEnded")
        up.process.kill()
    assert len(processes_in(folder)) == 1
    assert ksu("down", "web").err == "web is stopped\n"
    assert processes_in(folder) == []


def test_down_returns_and_nothing_starts_afterwards_where_others_wait(write: Write, folder: Path, ksu: Invoke) -> None:
    write({"values.yaml": values()})
    up_until_ready()
    with running() as second, running("--watch") as third:
        for waiting in (second, third):
            assert "ks-universal down web" in waiting.read_until("LockAwaited")["hint"]
        assert ksu("down", "web").err.endswith("web is stopped\n")
        assert (second.end(), third.end()) == (130, 130)
        assert [up.events[-1]["code"] for up in (second, third)] == ["release/stopped"] * 2
    assert (folder / "steps").read_text() == "schema\n"
    assert processes_in(folder) == []


def test_down_ends_what_waits_without_its_client(write: Write, folder: Path, ksu: Invoke) -> None:
    write({"values.yaml": values()})
    up_until_ready()
    client = subprocess.Popen(
        [*KSU, "up", "--engine=process", "web", "-f", "values.yaml", "--until-ready"], stdout=subprocess.PIPE, text=True
    )
    assert client.stdout is not None
    assert "runs here already: stop it with 'ks-universal down web'" in client.stdout.readline()
    client.kill()
    client.communicate()
    ksu("down", "web")
    wait_until(lambda: processes_in(folder) == [])
    assert (folder / "steps").read_text() == "schema\n"


def test_an_up_after_down_starts(write: Write, ksu: Invoke) -> None:
    write({"values.yaml": values()})
    up_until_ready()
    ksu("down", "web")
    assert up_until_ready().returncode == 0


def test_down_takes_no_name_that_leads_elsewhere(ksu: Invoke) -> None:
    result = ksu("down", "../web")
    assert result.status == 1
    assert "error[request/name]" in result.err
