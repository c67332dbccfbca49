"""`up --until-ready` leaves a release running, and `down` stops it."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from shell import Invoke, Write
from up_process import KSU, processes_in, running, values

pytestmark = pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks for processes in /proc")


@pytest.fixture(autouse=True)
def stopped_at_the_end(folder: Path) -> Iterator[None]:
    yield
    subprocess.run([*KSU, "down", "web"], cwd=folder, capture_output=True, check=False)


def up_until_ready(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [*KSU, "up", "web", "-f", "values.yaml", "--until-ready", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=40)


def test_it_returns_when_all_is_ready_and_down_stops_it(write: Write, folder: Path, ksu: Invoke) -> None:
    write({"values.yaml": values()})
    result = up_until_ready()
    assert (result.returncode, result.stderr) == (0, "")
    assert "v1 serves" in result.stdout
    assert len(processes_in(folder)) == 2
    assert ksu("down", "web") == (0, "", "web is stopped\n")
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


def test_a_locked_release_is_status_5(write: Write) -> None:
    write({"values.yaml": values()})
    with running() as up:
        up.read_until("RunEnded")
        result = up_until_ready("--no-wait-lock")
        assert result.returncode == 5
        assert f"process {up.process.pid}" in result.stderr


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


def test_down_takes_no_name_that_leads_elsewhere(ksu: Invoke) -> None:
    assert ksu("down", "../web").status == 1
