"""A release of this machine as the commands beside `up` see it: `status`, `logs` and `history` with `--local`."""

import contextlib
import json
import os
import signal
import subprocess
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
