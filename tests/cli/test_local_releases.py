"""A release of this machine as the commands beside `up` see it: `status`, `logs` and `history` with `--local`."""

import contextlib
import json
import os
import signal
import subprocess
import termios
from pathlib import Path
from typing import Any

import pytest

from ks_universal import LogWritten
from ks_universal.targets.local import log_file
from ks_universal.targets.local.state import StateFolder
from support.cluster_release import wait_until
from support.shell import Invoke, Write
from support.up_process import KSU, Up, processes_in, running

SECRET = "s3cret-word"
pytestmark = pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks for processes in /proc")


def application(serve: str, migration: str = 'echo "migrates with $PASSWORD"') -> dict[str, Any]:
    env = [{"type": "secret", "configName": "creds"}]
    main = {
        "image": "web",
        "imageTag": "1",
        "command": ["sh", "-c", serve],
        "envFrom": env,
        "ports": {"http": {"containerPort": 18123, "servicePort": 80}},
    }
    migrations = {"enabled": True, "command": ["sh", "-c", migration], "backoffLimit": 0, "envFrom": env}
    return {
        "configs": {"creds": {"type": "secret", "data": {"PASSWORD": SECRET}}},
        "deployments": {"web": {"autoCreateService": True, "migrations": migrations, "containers": {"main": main}}},
    }


def test_status_logs_and_history_tell_of_a_release_that_runs_and_of_one_that_was_killed(
    write: Write, folder: Path, ksu: Invoke
) -> None:
    crashes_once = 'echo "serves with $PASSWORD"; [ -e once ] && exec sleep 1000; touch once; sleep 1; exit 3'
    write({"values.yaml": application(crashes_once)})
    with running() as up:
        up.read_until("RunEnded")
        wait_until(lambda: "restarts: 1, last exit code 3" in ksu("status", "web", "--local").out)
        wait_until(lambda: "web: 1 of 1 ready" in ksu("status", "web", "--local").out)
        status = ksu("status", "web", "--local").out
        assert status.startswith("run as processes by ")
        assert "web:80: http://127.0.0.1:18123" in status
        state = json.loads(ksu("status", "web", "--local", "-o", "json").out)
        assert (state["engine"], state["latest"]["outcome"]) == ("process", "succeeded")
        assert [each["name"] for each in state["applications"][0]["containers"]] == ["main"]
        up.process.send_signal(signal.SIGKILL)
        up.process.wait()
    killed = ksu("status", "web", "--local")
    assert (killed.status, killed.out.splitlines()[0]) == (0, "nothing of it runs")
    assert ksu("logs", "web", "--local", "web/migrations").out == "web/migrations | migrates with ***\n"
    assert "web | serves with ***\n" in ksu("logs", "web", "--local").out
    (line, *_) = ksu("logs", "web", "web", "--local", "-o", "json").out.splitlines()
    assert json.loads(line) == {"type": "LogWritten", "source": "web/migrations", "line": "migrates with ***"}
    assert "succeeded" in ksu("history", "web", "--local").out
    assert "attempt 1: exit code 0" in ksu("history", "web", "--local", "--show", "1").out
    assert ksu("down", "web").status == 0
    kept = folder / ".ks-universal" / "web"
    assert SECRET not in "".join((kept / name).read_text() for name in ("log", "live.json"))


def test_logs_are_followed_until_the_release_is_stopped_and_begin_anew_with_the_next_up(
    write: Write, ksu: Invoke
) -> None:
    write({"values.yaml": application("echo first; exec sleep 1000")})
    with running() as up:
        up.read_until_log("first")
        up.process.send_signal(signal.SIGTERM)
        assert ksu("logs", "web", "-f", "--local").out.endswith("web | first\n")
    write({"values.yaml": application("echo second; exec sleep 1000")})
    with running() as up:
        up.read_until_log("second")
        assert "first" not in ksu("logs", "web", "--local").out
        other = ksu("logs", "web", "sidecar", "--local")
        assert (other.status, "hint: there are: " in other.err) == (1, True)
        assert up.interrupt() == 130


def test_what_is_asked_of_the_wrong_place_is_told(write: Write, ksu: Invoke) -> None:
    unknown = ksu("status", "web", "--local")
    assert (unknown.status, "error[release/unknown]" in unknown.err) == (1, True)
    assert ksu("history", "web", "--local", "-n", "shop").status == 2
    assert ksu("logs", "web", "--local", "--attempt", "1").status == 2
    write({"values.yaml": application("true", migration="exit 4")})
    assert ksu("up", "--engine=process", "web", "-f", "values.yaml").status == 3
    assert "failed step: web/migrations" in ksu("status", "web", "--local").out
    elsewhere = ksu("status", "web", "--kubeconfig", "none")
    assert "--local is for that one" in elsewhere.err
    assert "error[" in elsewhere.err


def test_a_log_that_is_full_is_put_aside_and_read_on(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_file, "_FULL_BYTES", 200)
    state = StateFolder(folder)
    keep = log_file.keep_lines(state, lambda _: None)
    reader = log_file.LogReader(state)
    read = []
    for number in range(20):
        keep(LogWritten(source="web", line=str(number)))
        read += [int(line.line) for line in reader.read()]
    assert read == list(range(20))
    kept = [int(line.line) for line in log_file.LogReader(state).read()]
    assert kept == list(range(kept[0], 20))
    assert 1 < len(kept) < 20


def start_two(stack: contextlib.ExitStack) -> tuple[Up, Up]:
    """Start one that serves, and then one that waits for it."""
    up = stack.enter_context(running())
    up.read_until_log("serves")
    waiting = stack.enter_context(running())
    waiting.read_until("LockAwaited")
    return up, waiting


def test_down_fresh_removes_all_that_is_kept_and_down_alone_nothing_of_it(
    write: Write, folder: Path, ksu: Invoke
) -> None:
    write({"values.yaml": application("echo serves; exec sleep 1000")})
    kept = folder / ".ks-universal"
    with contextlib.ExitStack() as stack:
        up, waiting = start_two(stack)
        removed = ksu("down", "web", "--fresh")
        assert "this removes for good: " in removed.err
        assert removed.err.endswith("its data and its record are removed\nweb is stopped\n")
        assert (up.end(), waiting.end()) == (130, 130)
    assert [path.name for path in kept.iterdir()] == [".gitignore"]
    with contextlib.ExitStack() as stack:
        up, waiting = start_two(stack)
        assert ksu("down", "web").err == "web is stopped\n"
        assert (up.end(), waiting.end()) == (130, 130)
        assert (kept / "web" / "revisions").exists()
    assert processes_in(folder) == []
    assert "its record are removed" in ksu("down", "web", "--fresh").err
    assert ksu("down", "web", "--fresh").err == "nothing of web runs from this folder\n"


def test_down_fresh_asks_on_a_terminal_and_no_removes_nothing(write: Write, folder: Path, ksu: Invoke) -> None:
    write({"values.yaml": application("true", migration="exit 4")})
    assert ksu("up", "--engine=process", "web", "-f", "values.yaml").status == 3
    terminal, theirs = os.openpty()
    asked = subprocess.Popen([*KSU, "down", "web", "--fresh"], stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    os.write(terminal, b"n\n")
    assert asked.wait() == 1
    assert b"its record" in os.read(terminal, 10_000)
    os.close(terminal)
    assert (folder / ".ks-universal" / "web" / "revisions").exists()


def with_jobs(serve: str, migration: str = "true") -> dict[str, Any]:
    values = application(serve, migration)
    main = {"image": "web", "imageTag": "1", "envFrom": [{"type": "secret", "configName": "creds"}]}
    fails = {**main, "command": ["sh", "-c", 'echo "tidies with $PASSWORD"; echo x >> tried; exit 7']}
    loops = {**main, "command": ["sh", "-c", "echo loops; sleep 1000"]}
    values["cronJobs"] = {
        "tidy": {"schedule": "0 3 * * *", "containers": {"main": fails}, "backoffLimit": 1},
        "loop": {"schedule": "0 4 * * *", "containers": {"main": loops}},
    }
    return values


def test_a_cron_job_runs_beside_a_release_that_is_up_with_its_retries_and_its_exit_code(
    write: Write, folder: Path, ksu: Invoke
) -> None:
    write({"values.yaml": with_jobs("echo serves; exec sleep 1000")})
    with running() as up:
        up.read_until("RunEnded")
        ran = ksu("up", "web", "-f", "values.yaml", "--engine=process", "--run", "tidy", "--retry-delay", "0")
        assert ran.status == 7
        assert "tidies with ***" in ran.out
        assert (folder / "tried").read_text() == "x\nx\n"
        assert "tidies with ***" in ksu("logs", "web", "tidy", "--local").out
        unknown = ksu("up", "web", "-f", "values.yaml", "--engine=process", "--run", "nightly")
        assert (unknown.status, "there are: loop, tidy" in unknown.err) == (1, True)
        with running("--run", "loop") as job:
            job.read_until_log("loops")
            assert job.interrupt() == 130
        assert "web: 1 of 1 ready" in ksu("status", "web", "--local").out
        assert list((folder / ".ks-universal" / "web" / "attempts").glob("loop*")) == []
        assert [each for each in processes_in(folder) if "loops" in each] == []
        assert up.interrupt() == 130
    assert len(json.loads(ksu("history", "web", "--local", "-o", "json").out)) == 1


def test_a_job_brings_a_release_up_that_is_not_and_never_runs_on_one_that_failed(
    write: Write, folder: Path, ksu: Invoke
) -> None:
    write({"values.yaml": with_jobs("echo serves; exec sleep 1000")})
    ran = ksu("up", "web", "-f", "values.yaml", "--engine=process", "--run", "tidy", "--retry-delay", "0")
    assert (ran.status, processes_in(folder)) == (7, [])
    assert ran.out.index("serves") < ran.out.index("tidies with ***")
    write({"values.yaml": with_jobs("true", migration="exit 4")})
    assert ksu("up", "web", "-f", "values.yaml", "--engine=process", "--run", "tidy").status == 3
    with running("--watch") as up:
        up.read_until("RunEnded")
        refused = ksu("up", "web", "-f", "values.yaml", "--engine=process", "--run", "tidy")
        assert (refused.status, "error[release/not-up]" in refused.err) == (1, True)
        assert up.interrupt() == 130
    assert (folder / "tried").read_text() == "x\nx\n"


def execute(*arguments: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*KSU, "exec", *arguments], input=stdin, capture_output=True, text=True, check=False)


def on_terminal(*arguments: str) -> str:
    """What `exec` shows on a terminal of 33 lines and 77 columns."""
    ours, its = os.openpty()
    termios.tcsetwinsize(its, (33, 77))
    command = [*KSU, "exec", *arguments]
    subprocess.run(command, stdin=its, stdout=its, stderr=its, check=True, env={**os.environ, "TERM": "vt100"})
    os.close(its)
    with os.fdopen(ours, "rb") as terminal:
        return terminal.read1().decode()


def test_exec_runs_beside_a_container_with_its_variables_and_standard_input(write: Write, folder: Path) -> None:
    write({"values.yaml": application("echo serves; exec sleep 1000")})
    with running() as up:
        up.read_until("RunEnded")
        ran = execute("web", "web", "--", "sh", "-c", "cat; pwd; echo $PASSWORD >&2; exit 9", stdin="given\n")
        assert (ran.returncode, ran.stdout, ran.stderr) == (9, f"given\n{folder}\n", f"{SECRET}\n")
        assert execute("web", "web", "--", "no-such-command").returncode == 127
        assert execute("web", "web", "--", "sh", "-c", "yes | head -n 1").stderr == ""  # SIGPIPE ends `yes`
        assert on_terminal("web", "web", "--", "sh", "-c", "test -t 2 && echo $TERM $(stty size)") == "vt100 33 77\r\n"
        unknown = execute("web", "web", "-c", "proxy", "--", "true")
        assert (unknown.returncode, "there are: web (main)" in unknown.stderr) == (1, True)
        (request,) = (folder / ".ks-universal" / "web" / "requests").iterdir()
        assert request.stat().st_mode & 0o777 == 0o600
        assert up.interrupt() == 130
        assert not request.exists()
    assert "error[release/not-running]" in execute("web", "web", "--", "true").stderr
