"""Releases whose values change over time: what a later run has to know of the earlier ones."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ks_universal.cli import run
from ks_universal.targets.kubernetes.api.kinds import JOB, Kind
from support.deploying import get, items, kubectl, write
from support.shell import Outcome

CLAIM = Kind("v1", "PersistentVolumeClaim", "persistentvolumeclaims")
DATA = "persistentVolumeClaims: {data: {accessModes: [ReadWriteOnce], size: 1Gi}}\n"
VALUES = """
deployments:
  my-app:
    replicas: 1
    containers:
      main: &main
        image: busybox
        imageTag: local
        command: [sh, -c, "trap 'exit 0' TERM; sleep 600 & wait"]
        readinessProbe: {exec: {command: ["true"]}, periodSeconds: 1}
"""


def migrating(version: str, undo: str = "exit 0") -> str:
    """Values of a version with a migration that can be undone."""
    app = VALUES.replace("sleep 600", f": {version}; sleep 600")
    return f"""{app}
    migrations:
      enabled: true
      backoffLimit: 0
      command: [sh, -c, "echo migrating to {version}"]
      rollback: {{command: [sh, -c, "echo undoing {version}; {undo}"]}}
"""


Call = Callable[..., Outcome]


@pytest.fixture
def ksu(namespace: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Call:
    """Runs a command on the release `shop` in the test's namespace, with these values where there are any."""

    def call(command: str, *more: str, values: str = "") -> Outcome:
        files = ("-f", write(tmp_path, values)) if values else ()
        status = run([command, "shop", *files, *more, "-n", namespace])
        captured = capfd.readouterr()
        return Outcome(status, captured.out, captured.err)

    return call


def live_claims(namespace: str) -> list[str]:
    claims = (item["metadata"] for item in items(namespace, CLAIM))
    return [claim["name"] for claim in claims if "deletionTimestamp" not in claim]


def test_a_claim_that_left_the_values_is_kept_until_an_uninstall_with_its_data(ksu: Call, namespace: str) -> None:
    assert ksu("deploy", values=DATA + VALUES).status == 0
    without = ksu("deploy", values=VALUES)
    assert "PersistentVolumeClaim/data (its data stays; 'uninstall --delete-data' removes it)" in without.out
    assert ksu("deploy", values=VALUES).status == 0
    assert live_claims(namespace) == ["data"]
    assert "- PersistentVolumeClaim/data" in ksu("uninstall", "--delete-data").out
    assert live_claims(namespace) == []


def test_a_rollback_that_failed_goes_on_to_the_same_revision_when_it_is_called_again(ksu: Call) -> None:
    assert ksu("deploy", values=migrating("v1")).status == 0
    assert ksu("deploy", values=migrating("v2", undo="exit 7")).status == 0
    assert ksu("rollback", "--migrate-down").status == 3
    again = ksu("rollback")
    assert again.status == 0
    assert "this goes back to revision 1" in again.out
    assert "rollback to revision 1; no migrations" in ksu("history").out


def kill_rollback(namespace: str, line: str) -> None:
    """Undo all migrations after the first revision, and be killed when a line was said."""
    rollback = ("rollback", "shop", "1", "--migrate-down", "-n", namespace, "--yes")
    command = [sys.executable, "-m", "ks_universal", *rollback]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        next(text for text in process.stdout if f"| {line}" in text)
        process.kill()


def test_resume_a_rollback_that_was_killed_undoes_each_migration_once(ksu: Call, namespace: str) -> None:
    for version in ("v1", "v2", "v3"):
        assert ksu("deploy", values=migrating(version)).status == 0
    kill_rollback(namespace, "undoing v2")
    kubectl(namespace, "wait", "--for=condition=complete", "job/my-app-migrations-undo", "--timeout=60s")
    again = ksu("rollback", "--migrate-down")
    assert again.status == 0
    assert "undoing" not in again.out.partition("migrations to run")[2]
    history = ksu("history").out
    assert "rollback to revision 1; " in history
    assert [history.count(f"undo/{number} succeeded") for number in (3, 2)] == [1, 1]


def test_resume_a_rollback_that_was_killed_does_not_repeat_a_step_of_the_migration_that_it_was_undoing(
    ksu: Call, namespace: str
) -> None:
    def stepwise(version: str) -> str:
        head, _, _ = migrating(version).partition("rollback:")
        undo = "{name: %s, command: [sh, -c, 'echo undoing %s %s; sleep 3']}"
        steps = ", ".join(undo % (step, version, step) for step in ("views", "tables", "rest"))
        return f"{head}rollback: {{steps: [{steps}]}}\n"

    for version in ("v1", "v2", "v3"):
        assert ksu("deploy", values=stepwise(version)).status == 0
    kill_rollback(namespace, "undoing v2 tables")
    at_work = get(namespace, JOB, "my-app-migrations-undo-tables")
    again = ksu("rollback", "--migrate-down")
    assert again.status == 0
    said = [line.partition("| ")[2] for line in again.out.splitlines() if "| undoing" in line]
    assert said == ["undoing v2 tables", "undoing v2 rest"]
    now = get(namespace, JOB, "my-app-migrations-undo-tables")
    assert at_work and now and at_work["metadata"]["uid"] == now["metadata"]["uid"]
    history = ksu("history").out
    steps = [f"undo-{step}/{number} succeeded" for number in (3, 2) for step in ("views", "tables", "rest")]
    assert [history.count(step) for step in steps] == [1] * 6


def test_migrations_that_the_same_command_undoes_are_each_undone(ksu: Call) -> None:
    for version in ("v1", "v2", "v3"):
        undoing = migrating(version).replace(f"undoing {version}", "undoing in $HOSTNAME")
        assert ksu("deploy", values=undoing).status == 0
    back = ksu("rollback", "1", "--migrate-down")
    assert back.status == 0
    pods = [line.partition("undoing in ")[2] for line in back.out.splitlines() if "| undoing in" in line]
    assert len(pods) == len(set(pods)) == 2


def test_a_rollback_goes_past_the_run_that_only_migrated(ksu: Call) -> None:
    assert ksu("deploy", values=migrating("v1")).status == 0
    assert ksu("migrate", values=migrating("v2")).status == 0
    assert ksu("deploy", values=migrating("v2")).status == 0
    assert "this goes back to revision 1" in ksu("rollback").out
    assert "migrations only; my-app/migrations succeeded" in ksu("history").out


def test_a_rollback_to_a_version_whose_migrations_were_undone_says_so(ksu: Call) -> None:
    for version in ("v1", "v2"):
        assert ksu("deploy", values=migrating(version)).status == 0
    assert ksu("rollback", "--migrate-down").status == 0
    forth = ksu("rollback", "2")
    assert "warning[rollback/migrations-undone]" in forth.err
    assert "my-app/migrations (revision 2)" in forth.err
    assert "does not run" not in ksu("deploy", values=migrating("v2")).out


def test_a_deploy_after_migrate_runs_only_what_comes_after_the_new_version(ksu: Call) -> None:
    values = f"""{VALUES}
    migrations:
      enabled: true
      steps:
        - {{name: expand, command: [sh, -c, "echo expanding"]}}
        - {{name: contract, phase: post, command: [sh, -c, "echo contracting"]}}
"""
    for _ in range(2):
        assert ksu("migrate", values=values).status == 0
    deployed = ksu("deploy", values=values)
    assert "my-app/migrations/expand does not run: succeeded already in revision 1" in deployed.out
    assert "| contracting" in deployed.out
    assert "contract does not run: nothing changed" in ksu("deploy", values=values).out
