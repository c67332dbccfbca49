"""The `jobs` of the values under `up`: real processes, after the migrations."""

import signal
from pathlib import Path
from typing import Any

import pytest

from support.shell import Write
from support.up_process import Event, Up, processes_in, running, values

pytestmark = pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks for processes in /proc")


def with_job(script: str, **words: Any) -> Event:
    container = {"image": "web", "command": ["sh", "-c", script]}
    return values() | {"jobs": {"seed": {"backoffLimit": 0, "containers": {"main": container}} | words}}


def job(up: Up) -> Event:
    """How the Job is at the end of the run."""
    (found,) = up.read_until("RunEnded")["jobs"]
    return dict(found)


def test_jobs_one_runs_after_the_migrations_and_once(write: Write, folder: Path) -> None:
    write({"values.yaml": with_job("echo job >>steps; exit 0", wait=True)})
    for _ in range(2):
        with running() as up:
            assert job(up)["record"]["outcome"] == "succeeded"
            assert up.interrupt() == 130
    assert (folder / "steps").read_text().split() == ["schema", "job"]


def test_jobs_one_that_is_awaited_and_fails_is_status_4_and_runs_again(write: Write, folder: Path) -> None:
    write({"values.yaml": with_job("echo no seeds; exit 7", wait=True)})
    with running() as up:
        assert up.end() == 4
        (failed,) = (event for event in up.events if event["type"] == "StepFailed")
        assert (failed["step"], failed["causes"][-1]["code"]) == ("Job/seed", "process/exit-code")
        assert {"type": "LogWritten", "source": "Job/seed", "line": "no seeds"} in up.events
    write({"values.yaml": with_job("echo job >>steps", wait=True)})
    with running() as up:
        assert job(up)["record"]["outcome"] == "succeeded"
        up.interrupt()
    assert "job" in (folder / "steps").read_text()


def test_jobs_one_that_nobody_awaits_runs_beside_the_application_and_says_how_it_ended(
    write: Write, folder: Path
) -> None:
    write({"values.yaml": with_job("until [ -e go ]; do sleep 0.05; done; exit 3")})
    with running() as up:
        assert job(up)["record"]["outcome"] == "running"
        (folder / "go").touch()
        ended = up.read_until("AttemptEnded", lambda event: event["step"] == "Job/seed")
        assert ended["attempt"]["exit_code"] == 3
        assert up.interrupt() == 130


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_jobs_one_that_runs_is_stopped_with_the_rest_and_runs_again(
    write: Write, folder: Path, number: signal.Signals
) -> None:
    write({"values.yaml": with_job("echo begun; exec sleep 1000", terminationGracePeriodSeconds=1)})
    for _ in range(2):
        with running() as up:
            up.read_until_log("begun")
            assert up.interrupt(number) == 130
        assert processes_in(folder) == []


@pytest.mark.parametrize("wait", [True, False])
def test_resume_a_job_outlives_a_killed_up_and_is_taken_up_by_the_next(
    write: Write, folder: Path, *, wait: bool
) -> None:
    script = "echo job >>steps; echo begun; until [ -e go ]; do sleep 0.05; done; echo done"
    write({"values.yaml": with_job(script, wait=wait)})
    with running() as up:
        up.read_until_log("begun")
        up.process.kill()
    (folder / "go").touch()
    with running() as up:
        up.read_until_log("done")
        up.interrupt()
    assert (folder / "steps").read_text().split().count("job") == 1


def test_jobs_one_that_cannot_run_here_is_a_warning(write: Write, folder: Path) -> None:
    without = {"seed": {"wait": True, "containers": {"main": {"image": "somebody/tool", "args": ["x"]}}}}
    write({"values.yaml": values() | {"jobs": without}})
    with running() as up:
        started = up.read_until("RunStarted")
        assert [(p["code"], p["severity"]) for p in started["warnings"]] == [("local/not-run", "warning")]
        assert "Job/seed" in started["warnings"][0]["message"]
        assert job(up)["record"]["outcome"] == "pending"
        assert up.interrupt() == 130
    assert processes_in(folder) == []


def test_jobs_the_deadline_of_one_ends_it(write: Write, folder: Path) -> None:
    write({"values.yaml": with_job("exec sleep 1000", wait=True, activeDeadlineSeconds=1)})
    with running() as up:
        assert up.end() == 4
        (failed,) = (event for event in up.events if event["type"] == "StepFailed")
        assert [cause["code"] for cause in failed["causes"]] == ["jobs/timeout"]
    assert processes_in(folder) == []
