"""`up` with real processes: what it says, what runs, and what is left when it has ended."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from support.shell import Invoke, Write
from support.up_process import KSU, processes_in, running, values

pytestmark = pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks for processes in /proc")


def steps_in(folder: Path) -> list[str]:
    return (folder / "steps").read_text().split()


def test_the_steps_run_in_order_and_then_the_application(write: Write, folder: Path) -> None:
    write({"values.yaml": values(migration="echo data >>steps")})
    with running() as up:
        ended = up.read_until("RunEnded")
        assert (ended["outcome"], ended["runs"], steps_in(folder)) == ("succeeded", {"web": 1}, ["schema", "data"])
        started = [event["step"] for event in up.events if event["type"] == "StepStarted"]
        assert started == ["web/migrations/schema", "web/migrations/data", "web/rollout"]
        assert up.interrupt() == 130
    assert processes_in(folder) == []


def test_git_sees_nothing_of_the_state(write: Write, folder: Path) -> None:
    subprocess.run(["git", "init", "-q"], check=True)
    write({"values.yaml": values(), ".git/info/exclude": "steps\nvalues.yaml\n"})
    with running() as up:
        up.read_until("RunEnded")
        up.interrupt()
    assert (folder / ".ks-universal" / "web" / "lock").exists()
    assert subprocess.run(["git", "status", "--porcelain"], capture_output=True, check=True).stdout == b""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_in_a_migration_leaves_no_process(write: Write, folder: Path, number: signal.Signals) -> None:
    write({"values.yaml": values(migration="echo busy; sleep 1000")})
    with running() as up:
        up.read_until_log("busy")
        assert up.interrupt(number) == 130
        assert up.events[-1]["outcome"] == "interrupted"
    assert processes_in(folder) == []


def test_a_second_ctrl_c_cuts_nothing_short(write: Write, folder: Path) -> None:
    ending = "trap 'echo ending >stopping; read x <go; touch ended; exit 1' TERM"
    write({"values.yaml": values(migration=f"{ending}; echo busy; while :; do sleep 0.05; done")})
    os.mkfifo(folder / "go")
    os.mkfifo(folder / "stopping")
    with running() as up:
        up.read_until_log("busy")
        up.process.send_signal(signal.SIGINT)
        (folder / "stopping").read_text()
        up.process.send_signal(signal.SIGINT)
        (folder / "go").write_text("\n")
        assert up.end() == 130
    assert (folder / "ended").exists()
    assert processes_in(folder) == []


def test_a_failed_migration_is_status_3_and_starts_nothing(write: Write, folder: Path) -> None:
    write({"values.yaml": values(migration="echo broken; exit 7")})
    with running() as up:
        assert up.end() == 3
        assert up.events[-1]["runs"] == {"web": None}
        assert not any("serves" in event.get("line", "") for event in up.events)
    assert processes_in(folder) == []


def test_a_version_that_does_not_come_up_is_status_4(write: Write, folder: Path) -> None:
    values_ = values(serve="exit 9")
    write({"values.yaml": values_})
    with running() as up:
        assert up.end() == 4
        assert up.events[-1]["outcome"] == "rollout-failed"
    assert processes_in(folder) == []


def test_retries_wait_as_long_as_was_asked_for(write: Write, folder: Path) -> None:
    write({"values.yaml": values(migration="echo x >>tries; exit 1", backoffLimit=2)})
    with running("--retry-delay", "0.01") as up:
        assert up.end() == 3
        delays = [event.get("retry_in_s") for event in up.events if event["type"] == "AttemptEnded"]
    assert delays == [None, 0.01, 0.02, None]
    assert len((folder / "tries").read_text().split()) == 3


def test_watch_keeps_version_1_when_the_migration_of_version_2_fails(write: Write, folder: Path) -> None:
    write({"values.yaml": values()})
    with running("--watch") as up:
        up.read_until_log("v1 serves")
        up.read_until("RunEnded")
        before = processes_in(folder)
        write({"values.yaml": values("v2", migration="exit 1")})
        ended = up.read_until("RunEnded")
        assert (ended["revision"], ended["outcome"], ended["runs"]) == (2, "migration-failed", {"web": 1})
        assert processes_in(folder) == before
        write({"values.yaml": values("v3")})
        assert up.read_until("RunEnded")["runs"] == {"web": 3}
        assert up.interrupt() == 130
    assert not any("v2 serves" in event.get("line", "") for event in up.events)
    assert processes_in(folder) == []


def test_watch_leaves_what_runs_alone_where_only_replicas_change(write: Write, folder: Path) -> None:
    first = values()
    write({"values.yaml": first})
    with running("--watch") as up:
        up.read_until("RunEnded")
        before, steps = processes_in(folder), steps_in(folder)
        write({"values.yaml": first | {"deployments": {"web": first["deployments"]["web"] | {"replicas": 3}}}})
        assert up.read_until("RunEnded")["outcome"] == "succeeded"
        assert (processes_in(folder), steps_in(folder)) == (before, steps)


def test_code_that_an_image_is_made_of_is_another_version_when_it_changes(write: Write, folder: Path) -> None:
    def write_values(*watch: str) -> None:
        write({"values.yaml": values() | {"local": {"images": {"web": {"watch": list(watch)}}}}})

    for name in ("code/sub", "code/__pycache__"):
        (folder / name).mkdir(parents=True)
    write({"code/sub/main": "1", "settings": "1"})
    write_values("code", "settings")
    with running("--watch") as up:
        up.read_until("RunEnded")
        write({"code/sub/main": "2"})
        assert up.read_until("RunEnded")["runs"] == {"web": 2}
        started = [event for event in up.events if event.get("line") == "v1 serves"]
        assert (len(started), steps_in(folder)) == (2, ["schema"] * 2)
        write({"other": "not named", "code/__pycache__/main.pyc": "made by a tool"})
        write({"settings.new": "2"})
        (folder / "settings.new").replace("settings")  # as editors do
        assert up.read_until("RunEnded")["runs"] == {"web": 3}
        write_values("code", "none")
        assert up.read_until("Problem")["message"].endswith(f"watch: {folder}/none does not exist")
        assert up.interrupt() == 130
    write_values("code", "settings")
    with running() as up:
        assert up.read_until("RunEnded")["outcome"] == "succeeded"
        assert steps_in(folder) == ["schema"] * 3  # nothing that migrations read has changed since
        write({"code/sub/main": "3"})
    with running() as up:
        up.read_until("RunEnded")
        assert steps_in(folder) == ["schema"] * 4


def test_watch_shows_what_is_wrong_and_serves_on(write: Write, folder: Path) -> None:
    write({"values.yaml": values()})
    with running("--watch") as up:
        up.read_until("RunEnded")
        write({"values.yaml": values() | {"deploymnets": {}}})
        assert up.read_until("Problem")["code"] == "values/unknown-key"
        write({"values.yaml": values("v2")})
        assert up.read_until("RunEnded")["runs"] == {"web": 2}
        assert up.interrupt() == 130
    assert processes_in(folder) == []


def test_watch_goes_on_after_a_first_version_that_failed(write: Write) -> None:
    write({"values.yaml": "deployments: ["})
    with running("--watch") as up:
        up.read_until("Problem")
        write({"values.yaml": values(migration="exit 1")})
        assert up.read_until("RunEnded")["runs"] == {"web": None}
        write({"values.yaml": values()})
        assert up.read_until("RunEnded")["outcome"] == "succeeded"


def test_a_change_during_a_run_is_taken_up_after_it(write: Write, folder: Path) -> None:
    os.mkfifo(folder / "go")
    write({"values.yaml": values(migration="echo busy; read x <go")})
    with running("--watch") as up:
        up.read_until_log("busy")
        write({"values.yaml": values("v2")})
        (folder / "go").write_text("\n")
        assert up.read_until("RunEnded")["runs"] == {"web": 1}
        assert up.read_until("RunEnded")["runs"] == {"web": 2}


def test_after_a_kill_the_next_run_takes_the_migration_up(write: Write, folder: Path) -> None:
    os.mkfifo(folder / "go")
    write({"values.yaml": values(migration="echo busy; echo data >>steps; read x <go")})
    with running() as up:
        up.read_until_log("busy")
        up.interrupt(signal.SIGKILL)
    with running() as up:
        assert up.read_until("AttemptStarted") == {
            "type": "AttemptStarted", "step": "web/migrations/data", "number": 1, "resumed": True
        }  # fmt: skip
        (folder / "go").write_text("\n")
        ended = up.read_until("RunEnded")
        assert (ended["revision"], ended["outcome"], steps_in(folder)) == (1, "succeeded", ["schema", "data"])
        assert up.interrupt() == 130
    assert processes_in(folder) == []


def test_fresh_forgets_what_a_killed_run_had_done(write: Write, folder: Path) -> None:
    write({"values.yaml": values(migration="echo busy; echo $$ >pid; sleep 1000")})
    with running() as up:
        up.read_until_log("busy")
        up.interrupt(signal.SIGKILL)
    write({"values.yaml": values()})
    with running("--fresh") as up:
        assert up.read_until("RunEnded")["revision"] == 1
        assert up.interrupt() == 130
    assert steps_in(folder) == ["schema", "schema"]
    assert processes_in(folder) == []


def test_a_second_up_says_who_runs_or_waits(write: Write, ksu: Invoke) -> None:
    write({"values.yaml": values()})
    with running() as up:
        up.read_until("RunEnded")
        refused = ksu("up", "--engine=process", "web", "-f", "values.yaml", "--no-wait-lock")
        assert refused.status == 5
        assert f"process {up.process.pid}" in refused.err
        with running() as waiting:
            assert f"process {up.process.pid}" in waiting.read_until("LockAwaited")["holder"]
            assert up.interrupt() == 130
            assert waiting.read_until("RunEnded")["outcome"] == "succeeded"


def test_no_line_of_json_holds_a_secret(write: Write) -> None:
    secret = "open-sesame-42"
    given = values(migration="echo the word is $WORD; exit 1")
    container = given["deployments"]["web"]["containers"]["main"]
    container["envFrom"] = [{"type": "secret", "configName": "words"}]
    write({"values.yaml": given | {"configs": {"words": {"type": "secret", "data": {"WORD": secret}}}}})
    with running() as up:
        assert up.end() == 3
    assert "the word is ***" in [event.get("line") for event in up.events]
    assert secret not in str(up.events)


def test_the_report_names_the_step_the_attempts_and_what_runs(write: Write, ksu: Invoke) -> None:
    write({"values.yaml": values(migration="echo cannot do this; exit 7", backoffLimit=1)})
    result = ksu("up", "--engine=process", "web", "-f", "values.yaml", "--retry-delay", "0")
    report = result.out.partition("web, revision 1: a migration failed")[2]
    assert result.status == 3
    assert "failed step: web/migrations/data" in report
    assert [line.split(" after")[0].strip() for line in report.splitlines() if "attempt " in line] == [
        "attempt 1: exit code 7", "attempt 2: exit code 7", "last lines of attempt 1:"
    ]  # fmt: skip
    assert "| cannot do this" in report
    assert report.rstrip().endswith("web: nothing of it runs")


def test_all_findings_come_before_anything_runs(write: Write, ksu: Invoke, folder: Path) -> None:
    given = values()
    given["deployments"]["web"]["replics"] = 1
    write({"values.yaml": given})
    result = ksu("up", "--engine=process", "web", "-f", "values.yaml")
    assert (result.status, result.out) == (1, "")
    assert "did you mean 'replicas'?" in result.err
    assert not (folder / ".ks-universal").exists()


def test_a_command_that_is_not_there_is_found_before_anything_runs(write: Write, ksu: Invoke, folder: Path) -> None:
    given = values()
    given["deployments"]["web"]["containers"]["main"]["command"] = ["no-such-command"]
    write({"values.yaml": given})
    result = ksu("up", "--engine=process", "web", "-f", "values.yaml")
    assert result.status == 1
    assert "error[local/command-not-found]" in result.err
    assert not (folder / "steps").exists()


DAEMONS = {
    "setsid": "setsid sleep 300 &",
    "double fork": "(setsid sh -c 'sleep 300 & exec sleep 300' &) ;",
    "ignores SIGTERM": """setsid sh -c "trap '' TERM HUP INT; sleep 300; sleep 300" &""",
    "python": "python3 -c 'import os, time\nif os.fork() == 0:\n os.setsid()\n if os.fork() == 0: time.sleep(300)' ;",
}


@pytest.mark.parametrize("daemon", DAEMONS.values(), ids=list(DAEMONS))
def test_daemons_end_with_what_started_them(write: Write, folder: Path, daemon: str) -> None:
    migration = f"{daemon} echo migrated".replace("300", "301")
    given = values(migration=migration, serve=f"{daemon} exec sleep 1000")
    given["deployments"]["web"]["terminationGracePeriodSeconds"] = 1
    write({"values.yaml": given})
    with running() as up:
        up.read_until("StepSucceeded", lambda event: event["step"] == "web/migrations/data")
        assert [command for command in processes_in(folder) if "301" in command] == []
        up.read_until("RunEnded")
        assert len(processes_in(folder)) > 2
        assert up.interrupt() == 130
    assert processes_in(folder) == []


def test_daemons_of_an_application_that_crashed_end_before_it_starts_again(write: Write, folder: Path) -> None:
    write({"values.yaml": values(serve="setsid sleep 300 & exit 1")})
    with running() as up:
        assert up.end() == 4
    assert processes_in(folder) == []


def test_daemons_of_a_killed_run_are_stopped(write: Write, folder: Path, ksu: Invoke) -> None:
    write({"values.yaml": values(serve="setsid sleep 300 & exec sleep 1000")})
    with running() as up:
        up.read_until("RunEnded")
        up.interrupt(signal.SIGKILL)
    (serving,) = (folder / ".ks-universal" / "web" / "processes").iterdir()
    serving.unlink()  # as if the application had ended by itself since
    assert ksu("down", "web").err == "web is stopped\n"
    assert processes_in(folder) == []


@pytest.mark.parametrize("arguments", [("-f", "-", "--watch"), ("-f", "values.yaml", "--fresh", "--migrate", "never")])
def test_what_contradicts_itself_is_wrong_usage(ksu: Invoke, arguments: tuple[str, ...]) -> None:
    assert ksu("up", "--engine=process", "web", *arguments).status == 2


def test_a_reader_that_goes_away_ends_nothing(write: Write, folder: Path) -> None:
    os.mkfifo(folder / "go")
    write({"values.yaml": values(migration="echo busy; read x <go; echo data >>steps; exit 3")})
    with running() as up:
        up.read_until_log("busy")
        assert up.process.stdout is not None
        up.process.stdout.close()
        (folder / "go").write_text("\n")
        assert up.process.wait() == 3
        assert up.process.stderr is not None
        assert up.process.stderr.read() == ""
    assert steps_in(folder) == ["schema", "data"]


def test_the_values_may_come_from_standard_input(write: Write, folder: Path) -> None:
    write({"values.yaml": values(migration="exit 1")})
    command = [*KSU, "up", "--engine=process", "web", "-f", "-"]
    with (folder / "values.yaml").open() as stdin:
        assert subprocess.run(command, stdin=stdin, capture_output=True, check=False).returncode == 3
