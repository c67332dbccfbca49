"""`-v`, `-vv` and `--log-file`: what a command logs, where to, and what never stands there."""

import base64
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from support.fake_api_server import FakeApiServer, Fault, Program
from support.shell import Invoke, Outcome, Write

SECRET = "correct-horse-battery-staple"
VALUES = {
    "configs": {"db": {"type": "secret", "data": {"PASSWORD": SECRET}}},
    "deployments": {
        "app": {
            "containers": {
                "main": {"image": "app", "imageTag": "v1", "envFrom": [{"type": "secret", "configName": "db"}]}
            },
            "migrations": {"enabled": True, "args": ["migrate", "up"], "backoffLimit": 1},
        }
    },
}


@pytest.fixture
def server(api_server: FakeApiServer, write: Write) -> FakeApiServer:
    """An API server, and values with a Secret and a migration that prints it."""
    api_server.kubelet.run("app-migrations", Program((f"connecting with {SECRET}",), 0))
    write({"values.yaml": VALUES})
    return api_server


def deploy(ksu: Invoke, server: FakeApiServer, *arguments: str) -> Outcome:
    place = ("--kubeconfig", str(server.kubeconfig), "-n", "ns")
    return ksu("deploy", "shop", "-f", "values.yaml", *place, "--yes", "--no-rollout-wait", *arguments)


def assert_no_secret(text: str) -> None:
    for written in (SECRET, base64.b64encode(SECRET.encode()).decode()):
        assert written not in text


def test_without_an_option_nothing_is_logged(ksu: Invoke, server: FakeApiServer) -> None:
    result = deploy(ksu, server)
    assert (result.status, result.err) == (0, "")


def test_v_says_decisions_and_retries_with_their_reason(ksu: Invoke, server: FakeApiServer) -> None:
    server.fail(Fault("/deployments/app", "PATCH", status=503, times=2), Fault("/leases", "POST", cut="request"))
    result = deploy(ksu, server, "-v")
    assert result.status == 0, result.err
    path = "PATCH /apis/apps/v1/namespaces/ns/deployments/app"
    assert re.search(rf" {path}: HTTP 503; attempt 2 follows in 0\.\d s\n", result.err)
    assert re.search(rf" {path}: HTTP 503; attempt 3 follows in 0\.\d s\n", result.err)
    assert re.search(r" POST /apis/coordination.k8s.io/v1/namespaces/ns/leases: .+; attempt 2 follows", result.err)
    assert " took the lock ks-universal.shop as " in result.err
    assert " gave the lock back\n" in result.err
    assert " app/migrations runs: " in result.err
    assert " ms\n" not in result.err  # single requests
    assert_no_secret(result.err)


def test_a_migration_that_nothing_asks_for_is_said_to_be_skipped(ksu: Invoke, server: FakeApiServer) -> None:
    deploy(ksu, server)
    result = deploy(ksu, server, "-v")
    assert " app/migrations is skipped: nothing changed since revision 1\n" in result.err


def test_a_failed_attempt_is_said_with_its_retry(ksu: Invoke, server: FakeApiServer) -> None:
    server.kubelet.run("app-migrations", Program((f"no, {SECRET}",), 1), Program((), 0))
    result = deploy(ksu, server, "-v")
    assert result.status == 0
    assert re.search(r" attempt 1 of app/migrations ended: exit code 1, .*; the next one follows in \d", result.err)
    assert_no_secret(result.err)


def test_vv_says_each_request_and_watch_and_no_secret(ksu: Invoke, server: FakeApiServer) -> None:
    result = deploy(ksu, server, "-vv")
    assert re.search(
        r" PATCH /api/v1/namespaces/ns/secrets/db\?fieldManager=ks-universal: 200 after \d+ ms\n", result.err
    )
    assert re.search(r" GET /api/v1/namespaces/ns/pods\?\S*watch=true\S*: 200 after \d+ ms\n", result.err)
    assert " watching pods from version " in result.err
    assert " app/migrations begins\n" in result.err
    requests = re.findall(r" (?:GET|POST|PUT|PATCH|DELETE) /\S+: \d{3} after", result.err)
    assert len(requests) == len(server.requests)  # the HTTP client says none of them again
    assert "HTTP Request" not in result.err
    assert_no_secret(result.err)


def test_a_watch_that_is_cut_says_why_it_is_opened_again(ksu: Invoke, server: FakeApiServer) -> None:
    server.fail(Fault("/pods.*watch=true", status=410, body=b"{}"), Fault("/jobs.*watch=true", cut="request"))
    result = deploy(ksu, server, "-v")
    assert " the watch of pods is opened again: its version is too old: listing again\n" in result.err
    assert " the watch of jobs is opened again: " in result.err


def test_a_log_file_is_for_its_owner_and_gets_everything_with_times(
    ksu: Invoke, server: FakeApiServer, folder: Path
) -> None:
    result = deploy(ksu, server, "--log-file", "run.log")
    assert (result.status, result.err) == (0, "")
    file = folder / "run.log"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    lines = file.read_text().splitlines()
    form = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (DEBUG|INFO ) ks_universal\.[\w.]+: .+")
    assert [line for line in lines if not form.fullmatch(line)] == []
    text = file.read_text()
    assert "PATCH /apis/apps/v1/namespaces/ns/deployments/app?fieldManager=ks-universal: 200 after" in text
    assert re.search(r"revision 1 ended after \d+\.\d s: succeeded", text)
    assert_no_secret(text)
    deploy(ksu, server, "--log-file", "run.log")
    assert file.read_text().startswith(text)  # appended


def test_both_may_be_given_and_each_gets_its_own(ksu: Invoke, server: FakeApiServer, folder: Path) -> None:
    result = deploy(ksu, server, "-v", "--log-file", "run.log")
    assert " ms\n" not in result.err
    assert " ms\n" in (folder / "run.log").read_text()


def test_a_log_ends_with_its_command(ksu: Invoke, server: FakeApiServer) -> None:
    deploy(ksu, server, "-vv")
    assert deploy(ksu, server).err == ""


def test_what_ends_a_command_is_in_the_log_file(ksu: Invoke, folder: Path) -> None:
    result = ksu("status", "shop", "--kubeconfig", "missing", "-v", "--log-file", "run.log")
    assert result.status == 1
    assert result.err.count("kubernetes/configuration") == 1
    assert "ERROR ks_universal.cli." in (folder / "run.log").read_text()
    assert "error[kubernetes/configuration]: no cluster to talk to" in (folder / "run.log").read_text()


def test_a_file_that_cannot_be_written_is_a_finding(ksu: Invoke, server: FakeApiServer) -> None:
    result = deploy(ksu, server, "--log-file", "missing/run.log")
    assert result.status == 1
    assert result.err.startswith("error[request/unwritable]: missing/run.log cannot be written: no such file")
    assert server.requests == []


@pytest.mark.parametrize("command", ["template", "validate"])
def test_a_short_command_takes_the_options_and_imports_logging_only_for_them(
    folder: Path, write: Write, command: str
) -> None:
    write({"values.yaml": VALUES})
    program = (
        "import sys; from ks_universal.cli import run; run(sys.argv[1:]); sys.exit('logging' in sys.modules and 9 or 0)"
    )
    arguments = [command, *(["shop"] if command == "template" else []), "-f", "values.yaml"]
    for options, status in (((), 0), (("-v",), 9)):
        line = [sys.executable, "-c", program, *arguments, *options]
        assert subprocess.run(line, cwd=folder, capture_output=True, check=False).returncode == status


def test_every_command_has_the_options(ksu: Invoke) -> None:
    from ks_universal.cli.catalog import COMMANDS

    for command in COMMANDS:
        text = ksu(command, "--help").out
        assert "-v, --verbose" in text
        assert "--log-file FILE" in text


def test_up_logs_its_lock_and_processes_also_in_the_background(ksu: Invoke, write: Write, folder: Path) -> None:
    app = {"image": "app:1", "command": ["sh", "-c", f"echo {SECRET}; sleep 100"]}
    migrations = {"enabled": True, "command": ["sh", "-c", "exit 0"], "args": [SECRET]}
    write({"values.yaml": {**VALUES, "deployments": {"app": {"containers": {"main": app}, "migrations": migrations}}}})
    up = ksu("up", "--engine=process", "shop", "-f", "values.yaml", "--until-ready", "-v", "--log-file", "run.log")
    down = ksu("down", "shop", "-v")
    assert (up.status, down.status) == (0, 0), up.err
    (errors,) = folder.glob(".ks-universal/shop/up-*/errors")
    for log in (errors.read_text(), (folder / "run.log").read_text()):
        assert re.search(r" took the lock \S+/\.ks-universal/shop/lock\n", log)
        assert " app/migrations runs: first deploy\n" in log
        assert re.search(r" process \d+ is started for \S+/attempts/app-migrations/1/main/001\n", log)
        assert re.search(r" app is started as process \d+\n", log)
        assert re.search(r" sending SIGTERM to process group \d+\n", log)
        assert_no_secret(log)
    assert " took the lock " in down.err
