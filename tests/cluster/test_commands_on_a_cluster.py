"""The commands as a user calls them, on a real cluster: what they print, what they exit with, what they leave."""

import asyncio
import contextlib
import itertools
import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from ks_universal.api.cluster import open_cluster, preview
from ks_universal.api.values import load
from ks_universal.cli import run
from ks_universal.targets.kubernetes.api.kinds import CONFIG_MAP, DEPLOYMENT, JOB, LEASE, SECRET, Kind
from support.cluster_release import wait_until
from support.deploying import get, items, kubectl, write
from support.shell import Invoke, Outcome

CLAIM = Kind("v1", "PersistentVolumeClaim", "persistentvolumeclaims")
PASSWORDS = ("correct-horse", "battery-staple")
ENCODED = ("Y29ycmVjdC1ob3JzZQ", "YmF0dGVyeS1zdGFwbGU")
VALUES = """
configs:
  settings: {type: configMap, data: {COLOUR: red}}
  db: {type: secret, data: {PASSWORD: correct-horse}}
persistentVolumeClaims:
  data: {accessModes: [ReadWriteOnce], size: 1Gi}
deployments:
  my-app:
    replicas: 1
    migrations:
      enabled: true
      args: ["-c", "echo migrating $COLOUR with $PASSWORD"]
      backoffLimit: 0
      rollback: {args: ["-c", "echo undoing $COLOUR with $PASSWORD"]}
    containers:
      main:
        image: busybox
        imageTag: local
        command: [sh]
        args: ["-c", "trap 'exit 0' TERM; httpd -f -p 8080 -h /tmp & wait"]
        readinessProbe: {exec: {command: ["true"]}, periodSeconds: 1}
        envFrom:
          - {type: configMap, configName: settings}
          - {type: secret, configName: db}
"""
BLUE = VALUES.replace("red", "blue").replace("correct-horse", "battery-staple").replace("migrating", "migrating to")
BROKEN = VALUES.replace("echo migrating $COLOUR with $PASSWORD", "echo no $PASSWORD; exit 3")
SLOW = BLUE.replace("echo migrating to", "sleep 300; echo migrating to")

HELD = {
    "apiVersion": "coordination.k8s.io/v1",
    "kind": "Lease",
    "metadata": {"name": "ks-universal.shop", "labels": {"ks-universal.io/release": "shop"}},
    "spec": {"holderIdentity": "somebody", "leaseDurationSeconds": 600},
}


@pytest.fixture
def ksu(ksu: Invoke) -> Invoke:
    """The same, and no Secret's value may be in what it prints."""

    def invoke(*arguments: str, stdin: str = "") -> Outcome:
        outcome = ksu(*arguments, stdin=stdin)
        assert [word for word in (*PASSWORDS, *ENCODED) if word in outcome.out + outcome.err] == []
        return outcome

    return invoke


def deploy(ksu: Invoke, folder: Path, values: str, *more: str) -> Outcome:
    return ksu("deploy", "shop", "-f", write(folder, values), *more)


def test_deploy_shows_the_plan_then_what_happens_then_the_report(ksu: Invoke, tmp_path: Path) -> None:
    done = deploy(ksu, tmp_path, VALUES)
    assert done.status == 0
    assert "+ Deployment/my-app" in done.out
    assert "migrating red with ***" in done.out
    assert done.out.index("+ Secret/db") < done.out.index("attempt 1 started") < done.out.index("is up")


def test_deploy_creates_its_namespace_where_that_is_asked_for(
    namespace: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    other = f"{namespace}-new"
    file = write(tmp_path, VALUES)
    assert run(["deploy", "shop", "-f", file, "-n", other]) == 1
    assert "deploy with --create-namespace" in capfd.readouterr().err
    try:
        assert run(["deploy", "shop", "-f", file, "-n", other, "--create-namespace"]) == 0
        shown = capfd.readouterr().out
        assert shown.index(f"Namespace/{other} created") < shown.index("+ Deployment/my-app")
    finally:
        kubectl(namespace, "delete", "namespace", other, "--wait=false")


def test_deploy_exits_3_and_names_the_first_failure_when_a_migration_fails(ksu: Invoke, tmp_path: Path) -> None:
    failed = deploy(ksu, tmp_path, BROKEN)
    assert failed.status == 3
    assert "failed step: my-app/migrations" in failed.out
    assert "| no ***" in failed.out
    assert "nothing of it runs" in failed.out


def test_deploy_exits_4_when_the_new_version_does_not_come_up(ksu: Invoke, tmp_path: Path) -> None:
    assert deploy(ksu, tmp_path, VALUES).status == 0
    failed = deploy(ksu, tmp_path, VALUES.replace("httpd -f -p 8080 -h /tmp & wait", "exit 7"))
    assert failed.status == 4


def test_deploy_stops_its_migration_for_good_when_the_time_is_over(ksu: Invoke, namespace: str, tmp_path: Path) -> None:
    stopped = deploy(ksu, tmp_path, SLOW, "--timeout", "3s")
    lease = get(namespace, LEASE, "ks-universal.shop")
    assert stopped.status == 3
    assert "run/timeout" in stopped.err
    assert "stopped: my-app/migrations" in stopped.out
    assert items(namespace, JOB) == []
    assert items(namespace, Kind("v1", "Pod", "pods")) == []
    assert lease is not None
    assert "holderIdentity" not in lease["spec"]


def test_deploy_stops_its_migration_for_good_on_ctrl_c_and_on_sigterm(namespace: str, tmp_path: Path) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        command = [sys.executable, "-m", "ks_universal", "deploy", "shop", "-n", namespace, "-o", "json"]
        process = subprocess.Popen([*command, "-f", write(tmp_path, SLOW)], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        for line in process.stdout:
            if "AttemptStarted" in line:
                break
        process.send_signal(number)
        process.communicate(timeout=60)
        assert process.returncode == 130
        assert items(namespace, JOB) == []


@pytest.mark.parametrize(("answer", "status"), [("y", 0), ("n", 1)])
def test_on_a_terminal_deploy_does_what_it_showed_only_when_that_is_agreed_to(
    namespace: str, tmp_path: Path, answer: str, status: int
) -> None:
    command = [sys.executable, "-m", "ks_universal", "deploy", "shop", "-n", namespace, "-f", write(tmp_path, VALUES)]
    terminal, inner = os.openpty()
    process = subprocess.Popen(command, stdin=inner, stdout=inner, stderr=inner)
    os.close(inner)
    shown = b""
    with contextlib.suppress(OSError):  # the terminal's other end is closed when the program has ended
        while chunk := os.read(terminal, 4096):
            shown += chunk
            if chunk.endswith(b"[y/N]: "):
                assert items(namespace, DEPLOYMENT) == []
                os.write(terminal, f"{answer}\n".encode())
    os.close(terminal)
    assert process.wait(60) == status
    assert b"+ Deployment/my-app" in shown
    assert len(items(namespace, DEPLOYMENT)) == 1 - status


@pytest.mark.parametrize("keys", [b"\x03", b"what?\n\x03", b"\x04"])
def test_whoever_does_not_answer_leaves_at_once_and_leaves_nothing_locked(
    namespace: str, tmp_path: Path, keys: bytes
) -> None:
    command = [sys.executable, "-m", "ks_universal", "deploy", "shop", "-n", namespace, "-f", write(tmp_path, VALUES)]
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(command[0], command)
    shown = b""
    with contextlib.suppress(OSError):
        while chunk := os.read(terminal, 4096):
            shown += chunk
            if keys and shown.endswith(b"[y/N]: "):
                sent, keys = keys, b""
                os.write(terminal, sent)
    os.close(terminal)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    lease = get(namespace, LEASE, "ks-universal.shop")
    assert status == (1 if b"\x04" in sent else 130)
    assert items(namespace, DEPLOYMENT) == []
    assert lease is not None
    assert "holderIdentity" not in lease["spec"]


def test_a_second_deploy_exits_5_at_once_or_after_the_time_to_wait(ksu: Invoke, namespace: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "ks_universal", "deploy", "shop", "-n", namespace, "-o", "json"]
    file = write(tmp_path, SLOW)
    process = subprocess.Popen([*command, "-f", file], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert "Plan" in process.stdout.readline()
        at_once = ksu("deploy", "shop", "-f", file, "--no-wait-lock")
        later = ksu("deploy", "shop", "-f", file, "--wait-lock", "1s")
        in_time = ksu("deploy", "shop", "-f", file, "--timeout", "1s")
        broken = ksu("unlock", "shop")
        shown = ksu("status", "shop")
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert (at_once.status, later.status, in_time.status, broken.status) == (5, 5, 5, 5)
    assert f"pid {process.pid}" in at_once.err
    assert f"pid {process.pid}" in later.out
    assert f"pid {process.pid}" in in_time.err
    assert f"pid {process.pid}" in broken.err
    assert "--force breaks the lock" in broken.err
    assert f"locked by {os.environ.get('USER', 'root')}" in shown.out


def test_whoever_stops_waiting_for_the_lock_is_told_that_nothing_had_begun(namespace: str, tmp_path: Path) -> None:
    kubectl(namespace, "create", "-f", "-", text=yaml.safe_dump(HELD))
    command = [sys.executable, "-m", "ks_universal", "deploy", "shop", "-n", namespace, "-f", write(tmp_path, VALUES)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert "waits for somebody" in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out.splitlines()[-1] == "ks-universal | is stopped before anything had begun"


def test_unlock_frees_a_release_of_a_living_holder_only_by_force(ksu: Invoke, namespace: str, tmp_path: Path) -> None:
    deploy(ksu, tmp_path, VALUES)
    assert ksu("unlock", "shop").err == "shop is not locked\n"
    patch = '{"spec": {"holderIdentity": "somebody", "leaseDurationSeconds": 600}}'
    kubectl(namespace, "patch", "lease", "ks-universal.shop", "--type=merge", "-p", patch)
    assert ksu("unlock", "shop").status == 5
    assert ksu("unlock", "shop", "--force").status == 0
    assert ksu("unlock", "shop").err == "shop is not locked\n"


def test_plan_shows_every_change_and_changes_nothing(ksu: Invoke, namespace: str, tmp_path: Path) -> None:
    deploy(ksu, tmp_path, VALUES)
    # A Job's success is read from its pod, a moment before the Job itself says it.
    kubectl(namespace, "wait", "job", "--all", "--for=condition=complete", "--timeout=60s")
    before = get(namespace, DEPLOYMENT, "my-app"), get(namespace, SECRET, "db"), items(namespace, JOB)
    shown = ksu("plan", "shop", "-f", write(tmp_path, BLUE.replace("replicas: 1", "replicas: 2")))
    after = get(namespace, DEPLOYMENT, "my-app"), get(namespace, SECRET, "db"), items(namespace, JOB)
    assert shown.status == 0
    assert "~ data.PASSWORD: *** -> *** (changed)" in shown.out
    assert "~ data.COLOUR: red -> blue" in shown.out
    assert "~ spec.replicas: 1 -> 2" in shown.out
    reason = "args changed, ConfigMap/settings changed (COLOUR), Secret/db changed (PASSWORD)"
    assert f"my-app/migrations runs: {reason}" in shown.out
    assert before == after


def test_plan_exits_1_where_something_is_in_the_way(ksu: Invoke, namespace: str, tmp_path: Path) -> None:
    kubectl(namespace, "create", "configmap", "settings", "--from-literal=a=b")
    refused = ksu("plan", "shop", "-f", write(tmp_path, VALUES))
    assert refused.status == 1
    assert "error[kubernetes/foreign-object]: ConfigMap/settings" in refused.err


def test_plan_shows_what_taking_over_a_field_would_change(ksu: Invoke, namespace: str, tmp_path: Path) -> None:
    deploy(ksu, tmp_path, VALUES)
    kubectl(namespace, "set", "image", "deployment/my-app", "main=busybox:hotfix")
    refused = ksu("plan", "shop", "-f", write(tmp_path, VALUES))
    assert refused.status == 1
    assert "error[kubernetes/field-conflict]: Deployment/my-app: kubectl-set manages" in refused.err
    assert "~ spec.template.spec.containers.0.image: busybox:hotfix -> busybox:local" in refused.out


def test_plan_shows_what_the_server_refuses_as_what_it_was_to_be(ksu: Invoke, namespace: str, tmp_path: Path) -> None:
    deploy(ksu, tmp_path, VALUES)
    kubectl(namespace, "patch", "configmap", "settings", "-p", '{"immutable": true}')
    kubectl(namespace, "create", "quota", "one", "--hard=count/persistentvolumeclaims=1")
    kubectl(namespace, "wait", "quota/one", "--for=jsonpath={.status.used}", "--timeout=20s")
    more = "  more: {accessModes: [ReadWriteOnce], size: 1Gi}\ndeployments:"
    wanted = write(tmp_path, VALUES.replace("red", "blue").replace("deployments:", more))
    text, plan = ksu("plan", "shop", "-f", wanted), ksu("plan", "shop", "-f", wanted, "-o", "json")
    assert (text.status, plan.status) == (1, 1)
    assert "  ~ ConfigMap/settings (refused)\n" in text.out
    assert "  + PersistentVolumeClaim/more (refused)\n" in text.out
    assert "1 to create, 2 to change, 0 to delete, 2 unchanged" in text.out
    changes = {each["identity"]["name"]: (each["change"], each["refused"]) for each in json.loads(plan.out)["changes"]}
    assert changes == {
        "settings": ("changed", True),
        "more": ("created", True),
        "my-app": ("changed", False),
        "data": ("unchanged", False),
        "db": ("unchanged", False),
    }


def test_plan_says_what_is_wrong_with_the_values_in_json_and_in_the_file_too(
    ksu: Invoke, namespace: str, tmp_path: Path
) -> None:
    kubectl(namespace, "create", "configmap", "elsewhere", "--from-literal=a=b")
    values = VALUES + "          - {type: configMap, configName: elsewhere}\n        env: [{name: A}, {name: A}]\n"
    file = tmp_path / "plan.json"
    shown = ksu("plan", "shop", "-o", "json", "--out", str(file), "-f", write(tmp_path, values))
    assert shown.status == 0
    for plan in (shown.out, file.read_text()):
        (found,) = json.loads(plan)["problems"]
        assert (found["code"], found["severity"]) == ("env/duplicate", "warning")
        assert found["where"]["line"] == len(values.splitlines())
    done = deploy(ksu, tmp_path, values, "--plan", str(file))
    assert done.status == 0
    assert done.err.count("env/duplicate") == 1


def test_early_truth_what_pods_need_and_nobody_has_made_is_a_warning_before_anything_changes(
    ksu: Invoke, namespace: str, tmp_path: Path
) -> None:
    kubectl(namespace, "create", "secret", "generic", "theirs", "--from-literal=USER=me")
    needy = (
        VALUES.replace("    replicas: 1", "    replicas: 1\n    serviceAccountName: nobody")
        + """
        env:
          - {name: A, secretKeyRef: {name: theirs, key: USER}}
          - {name: B, secretKeyRef: {name: theirs, key: TOKEN}}
          - {name: C, secretKeyRef: {name: gone, key: TOKEN}}
          - {name: D, secretKeyRef: {name: perhaps, key: TOKEN, optional: true}}
"""
    )
    shown = ksu("plan", "shop", "-f", write(tmp_path, needy))
    assert shown.status == 0
    assert [line for line in shown.err.splitlines() if line.startswith("warning[kubernetes/")] == [
        f"warning[kubernetes/{code}; the pods of Job/my-app-migrations, Deployment/my-app need it"
        for code in (
            f"missing-reference]: Secret {namespace}/theirs has no key TOKEN",
            f"missing-reference]: Secret {namespace}/gone does not exist",
            f"service-account]: ServiceAccount {namespace}/nobody does not exist",
        )
    ]
    # What was made in the meantime stops nobody.
    kubectl(namespace, "create", "secret", "generic", "gone", "--from-literal=TOKEN=t")
    kubectl(namespace, "patch", "secret", "theirs", "-p", '{"stringData": {"TOKEN": "t"}}')
    kubectl(namespace, "create", "serviceaccount", "nobody")
    done = deploy(ksu, tmp_path, needy)
    assert done.status == 0
    assert "warning[kubernetes/" not in done.err
    without = needy.replace("  settings: {type: configMap, data: {COLOUR: red}}\n", "")
    left = f"ConfigMap {namespace}/settings left the values and is to be deleted"
    assert left in ksu("plan", "shop", "-f", write(tmp_path, without)).err


def test_what_pods_need_is_not_looked_for_where_nothing_changes(ksu: Invoke, namespace: str, tmp_path: Path) -> None:
    kubectl(namespace, "create", "configmap", "elsewhere", "--from-literal=a=b")
    kubectl(namespace, "create", "serviceaccount", "somebody")
    needy = VALUES.replace("    replicas: 1", "    replicas: 1\n    serviceAccountName: somebody")
    needy += "          - {type: configMap, configName: elsewhere}\n"

    async def count_requests(file: str) -> int:
        target = open_cluster("shop", namespace=namespace)
        found = await preview(load([file]), target)
        await target.close()
        assert {change.change for change in found.changes} == {"unchanged"}
        return target.requests

    counts = []
    for values in (needy, VALUES):
        assert deploy(ksu, tmp_path, values).status == 0
        counts.append(asyncio.run(count_requests(write(tmp_path, values))))
    assert counts[0] == counts[1]


def test_a_namespace_that_is_missing_is_said_once(
    namespace: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(["plan", "shop", "-f", write(tmp_path, VALUES), "-n", f"{namespace}-no"]) == 1
    found = [line for line in capfd.readouterr().err.splitlines() if line.startswith("error")]
    assert found == [f'error[kubernetes/namespace-missing]: namespaces "{namespace}-no" not found']


def test_a_migration_that_is_refused_is_named_as_the_values_make_it(
    ksu: Invoke, namespace: str, tmp_path: Path
) -> None:
    kubectl(namespace, "create", "quota", "none", "--hard=count/jobs.batch=0")
    kubectl(namespace, "wait", "quota/none", "--for=jsonpath={.status.hard}", "--timeout=20s")
    refused = ksu("plan", "shop", "-f", write(tmp_path, VALUES))
    assert refused.status == 1
    assert 'Job/my-app-migrations: jobs.batch "my-app-migrations" is forbidden' in refused.err


def test_status_says_that_a_deployment_is_not_there(ksu: Invoke, namespace: str, tmp_path: Path) -> None:
    deploy(ksu, tmp_path, VALUES)
    kubectl(namespace, "delete", "deployment", "my-app")
    assert "my-app: its Deployment is not there" in ksu("status", "shop").out


def test_no_leaks_a_secret_that_is_written_into_a_command_stands_in_no_plan_and_no_record(
    ksu: Invoke, namespace: str, tmp_path: Path
) -> None:
    careless = write(tmp_path, VALUES.replace("with $PASSWORD", "with correct-horse"))
    plan = tmp_path / "plan.json"
    assert ksu("plan", "shop", "-f", careless, "--out", str(plan)).status == 0
    assert "correct-horse" not in plan.read_text()
    assert ksu("deploy", "shop", "-f", careless, "--plan", str(plan)).status == 0
    assert "migrating $COLOUR with ***" in ksu("history", "shop", "--show", "1").out
    shown = get(namespace, CONFIG_MAP, "ks-universal.shop.v1")
    assert "correct-horse" not in str(shown)


def test_a_saved_plan_is_carried_out_as_it_was_shown(ksu: Invoke, tmp_path: Path) -> None:
    deploy(ksu, tmp_path, VALUES)
    plan = tmp_path / "plan.json"
    assert ksu("plan", "shop", "-f", write(tmp_path, BLUE), "-o", str(plan)).status == 0
    assert [word for word in (*PASSWORDS, *ENCODED) if word in plan.read_text()] == []
    assert plan.stat().st_mode & 0o777 == 0o600
    assert deploy(ksu, tmp_path, BLUE, "--plan", str(plan)).status == 0


@pytest.mark.parametrize("moved", ["values", "live", "revision"])
def test_a_saved_plan_is_refused_where_something_has_moved_on(
    ksu: Invoke, namespace: str, tmp_path: Path, moved: str
) -> None:
    deploy(ksu, tmp_path, VALUES)
    plan = tmp_path / "plan.json"
    ksu("plan", "shop", "-f", write(tmp_path, BLUE), "--out", str(plan))
    if moved == "live":
        kubectl(namespace, "annotate", "deployment/my-app", "somebody=was here")
    if moved == "revision":
        deploy(ksu, tmp_path, VALUES)
    values = BLUE.replace("battery-staple", "correct-horse") if moved == "values" else BLUE
    refused = deploy(ksu, tmp_path, values, "--plan", str(plan))
    settings = get(namespace, CONFIG_MAP, "settings")
    assert refused.status == 1
    assert "plan/moved-on" in refused.err
    assert settings is not None
    assert settings["data"] == {"COLOUR": "red"}


def test_migrate_runs_the_migrations_and_changes_nothing_else(ksu: Invoke, namespace: str, tmp_path: Path) -> None:
    deploy(ksu, tmp_path, VALUES)
    before = get(namespace, SECRET, "db"), get(namespace, CONFIG_MAP, "settings")
    migrated = ksu("migrate", "shop", "-f", write(tmp_path, BLUE))
    assert migrated.status == 0
    assert "migrating to blue with ***" in migrated.out
    assert (get(namespace, SECRET, "db"), get(namespace, CONFIG_MAP, "settings")) == before
    deployed = deploy(ksu, tmp_path, BLUE)
    assert "does not run: nothing changed" in deployed.out
    settings = get(namespace, CONFIG_MAP, "settings")
    assert settings is not None
    assert settings["data"] == {"COLOUR": "blue"}


def test_migrate_is_no_version_to_go_back_to_and_leaves_what_runs(ksu: Invoke, namespace: str, tmp_path: Path) -> None:
    deploy(ksu, tmp_path, VALUES)
    ksu("migrate", "shop", "-f", write(tmp_path, BLUE))
    assert "my-app: revision 1 was rolled out last" in ksu("status", "shop").out
    failed = ksu("migrate", "shop", "-f", write(tmp_path, BROKEN))
    assert failed.status == 3
    assert "my-app: revision 1 serves on" in failed.out
    deploy(ksu, tmp_path, BLUE)
    assert ["migrations only; " in line for line in ksu("history", "shop").out.splitlines()[1:]] == [
        *(False, True, True, False)
    ]
    back = ksu("rollback", "shop")
    settings = get(namespace, CONFIG_MAP, "settings")
    assert "goes back to revision 1" in back.out
    assert settings is not None
    assert settings["data"] == {"COLOUR": "red"}


@pytest.mark.parametrize("command", ["deploy", "plan", "migrate"])
def test_values_that_make_nothing_remove_nothing(ksu: Invoke, namespace: str, tmp_path: Path, command: str) -> None:
    """An empty file is what a command leaves that has failed: `sops -d values.enc.yaml | ks-universal deploy -f -`."""
    deploy(ksu, tmp_path, VALUES)
    refused = ksu(command, "shop", "-f", write(tmp_path, ""))
    assert refused.status == 1
    assert refused.err.startswith("error[request/nothing]")
    assert get(namespace, DEPLOYMENT, "my-app") is not None


def test_json_says_on_standard_output_what_is_wrong(ksu: Invoke, tmp_path: Path) -> None:
    """One line each: a release that is not there, values with errors, a server that does not know the user."""
    token = {"name": "u", "user": {"token": "expired"}}
    config = yaml.safe_load(Path(os.environ["KUBECONFIG"]).read_text())
    context = {**config["contexts"][0], "context": {**config["contexts"][0]["context"], "user": "u"}}
    stranger = tmp_path / "stranger"
    stranger.write_text(yaml.safe_dump({**config, "users": [token], "contexts": [context]}))
    told = [
        (done.status, [json.loads(line)["code"] for line in done.out.splitlines()], done.err)
        for done in (
            ksu("status", "shop", "-o", "json"),
            ksu("deploy", "shop", "-o", "json", "-f", write(tmp_path, VALUES + "\nwhat: {}\nelse: {}\n")),
            ksu("plan", "shop", "-o", "json", "-f", write(tmp_path, VALUES), "--kubeconfig", str(stranger)),
        )
    ]
    assert told == [
        (1, ["release/unknown"], ""),
        (1, ["values/unknown-key", "values/unknown-key"], ""),
        (1, ["kubernetes/unauthorized"], ""),
    ]


def test_record_is_readable_after_jobs_and_pods_are_gone(ksu: Invoke, namespace: str, tmp_path: Path) -> None:
    deploy(ksu, tmp_path, VALUES)
    deploy(ksu, tmp_path, BROKEN)
    kubectl(namespace, "delete", "job", "--all")
    status, logs = ksu("status", "shop"), ksu("logs", "shop")
    assert "migration-failed" in status.out
    assert "my-app: 1 of 1 ready" in status.out
    assert logs.out == "revision 2, my-app/migrations, attempt 1: " + logs.out.partition(": ")[2]
    assert "  | no ***" in logs.out
    assert [run["outcome"] for run in json.loads(ksu("history", "shop", "-o", "json").out)] == [
        "succeeded",
        "migration-failed",
    ]
    assert "exit code 3" in ksu("history", "shop", "--show", "2").out
    assert ksu("logs", "shop", "nothing").status == 1


@pytest.mark.parametrize("output", ["text", "json"])
def test_logs_follows_a_migration_that_runs_to_its_end(
    ksu: Invoke, namespace: str, tmp_path: Path, output: str
) -> None:
    talking = VALUES.replace(
        "echo migrating", "for i in 1 2 3 4 5 6; do echo $i $PASSWORD; sleep 0.5; done; echo migrating"
    )
    command = [sys.executable, "-m", "ks_universal", "deploy", "shop", "-n", namespace, "-o", "json"]
    process = subprocess.Popen([*command, "-f", write(tmp_path, talking)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert any("AttemptStarted" in line for line in process.stdout)
        followed = ksu("logs", "shop", "-f", "-o", output)
    finally:
        process.communicate(timeout=60)
    said = [*(f"{number} ***" for number in range(1, 7)), "migrating red with ***"]
    lines = followed.out.splitlines()
    assert followed.status == 0
    if output == "text":
        assert lines == said
    else:
        event = {"type": "LogWritten", "source": "my-app/migrations"}
        assert [json.loads(line) for line in lines] == [{**event, "line": line} for line in said]


def test_logs_follows_all_migrations_that_run_each_line_under_its_name(
    ksu: Invoke, namespace: str, tmp_path: Path
) -> None:
    values = yaml.safe_load(VALUES.replace("echo migrating", "sleep 3; echo migrating"))
    values["deployments"]["other"] = values["deployments"]["my-app"]
    command = [sys.executable, "-m", "ks_universal", "deploy", "shop", "-n", namespace, "-o", "json"]
    process = subprocess.Popen(
        [*command, "-f", write(tmp_path, yaml.safe_dump(values))], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        begun = (line for line in process.stdout if "AttemptStarted" in line)
        assert len(list(itertools.islice(begun, 2))) == 2
        followed = ksu("logs", "shop", "-f")
    finally:
        process.communicate(timeout=60)
    assert followed.status == 0
    said = [f"{name}/migrations | migrating red with ***" for name in ("my-app", "other")]
    assert sorted(followed.out.splitlines()) == said


def test_rollback_brings_the_old_objects_back_and_names_the_migrations_that_stay(
    ksu: Invoke, namespace: str, tmp_path: Path
) -> None:
    deploy(ksu, tmp_path, VALUES)
    deploy(ksu, tmp_path, BLUE)
    back = ksu("rollback", "shop")
    settings, secret = get(namespace, CONFIG_MAP, "settings"), get(namespace, SECRET, "db")
    assert back.status == 0
    assert back.err.count("rollback/migrations-stay") == 1
    assert "my-app/migrations (revision 2)" in back.err
    assert settings is not None
    assert secret is not None
    assert (settings["data"]["COLOUR"], secret["data"]["PASSWORD"]) == ("red", "Y29ycmVjdC1ob3JzZQ==")


def test_rollback_undoes_later_migrations_once_with_their_own_configuration(ksu: Invoke, tmp_path: Path) -> None:
    deploy(ksu, tmp_path, VALUES)
    deploy(ksu, tmp_path, BLUE)
    down = ksu("rollback", "shop", "1", "--migrate-down")
    again = ksu("rollback", "shop", "1", "--migrate-down")
    assert (down.status, again.status) == (0, 0)
    assert "undoing blue with ***" in down.out
    assert "migrations-stay" not in down.err
    assert "undoing" not in again.out
    assert ksu("rollback", "shop", "99").status == 1


def test_uninstall_removes_the_release_and_nothing_else_and_keeps_its_data(
    ksu: Invoke, namespace: str, tmp_path: Path
) -> None:
    deploy(ksu, tmp_path, VALUES)
    kubectl(namespace, "create", "configmap", "a-stranger", "--from-literal=a=b")
    assert ksu("uninstall", "shop", "--yes").status == 0
    left = {(kind.kind, item["metadata"]["name"]) for kind in (CONFIG_MAP, SECRET, DEPLOYMENT, JOB, LEASE, CLAIM)
            for item in items(namespace, kind)}  # fmt: skip
    assert left == {
        ("ConfigMap", "a-stranger"),
        ("ConfigMap", "kube-root-ca.crt"),
        ("PersistentVolumeClaim", "data"),
    }
    assert ksu("uninstall", "shop").status == 1
    assert ksu("rollback", "shop").err.startswith("error[release/unknown]")


def test_uninstall_removes_data_where_that_is_asked_for(ksu: Invoke, namespace: str, tmp_path: Path) -> None:
    deploy(ksu, tmp_path, VALUES)
    assert ksu("uninstall", "shop", "--delete-data").status == 0
    claims = items(namespace, CLAIM)
    assert all("deletionTimestamp" in claim["metadata"] for claim in claims)


def test_uninstall_says_whose_finalizer_keeps_an_object_and_waits_for_it(
    ksu: Invoke, namespace: str, tmp_path: Path
) -> None:
    deploy(ksu, tmp_path, VALUES)
    hold = {"metadata": {"finalizers": ["example.com/hold"]}}
    kubectl(namespace, "patch", "configmap", "settings", "--type=merge", "-p", json.dumps(hold))
    command = [sys.executable, "-m", "ks_universal", "uninstall", "shop", "-n", namespace, "--yes"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        said = next(line for line in process.stdout if "finalizers" in line)
    finally:
        kubectl(namespace, "patch", "configmap", "settings", "--type=merge", "-p", '{"metadata": {"finalizers": null}}')
        process.communicate(timeout=60)
    assert said.strip().endswith("waits for ConfigMap/settings to be gone (finalizers: example.com/hold)")
    assert process.returncode == 0
    assert get(namespace, CONFIG_MAP, "settings") is None


def restricted(namespace: str, folder: Path, kubeconfig: str, account: str) -> str:
    """Write a kubeconfig with a token of a ServiceAccount; gives its path."""
    return with_token(folder, kubeconfig, kubectl(namespace, "create", "token", account).strip())


def with_token(folder: Path, kubeconfig: str, token: str) -> str:
    """Copy a kubeconfig, with this token for its users; gives its path."""
    config = yaml.safe_load(Path(kubeconfig).read_text())
    for user in config["users"]:
        user["user"] = {"token": token}
    path = folder / "kubeconfig"
    path.write_text(yaml.safe_dump(config))
    return str(path)


def test_rbac_prints_a_role_with_which_every_command_works(
    ksu: Invoke, namespace: str, kubeconfig: str, tmp_path: Path
) -> None:
    role = ksu("rbac", "shop", "-f", write(tmp_path, VALUES)).out
    kubectl(namespace, "create", "serviceaccount", "ks-universal")
    kubectl(namespace, "apply", "-f", "-", text=role)
    only = ("--kubeconfig", restricted(namespace, tmp_path, kubeconfig, "ks-universal"))
    file = write(tmp_path, VALUES)
    assert ksu("plan", "shop", "-f", file, *only).status == 0
    assert ksu("deploy", "shop", "-f", file, *only).status == 0
    assert deploy(ksu, tmp_path, BLUE, *only).status == 0
    assert ksu("status", "shop", *only).status == 0
    assert ksu("rollback", "shop", "--migrate-down", *only).status == 0
    assert ksu("uninstall", "shop", "--delete-data", *only).status == 0


GRANTING = """
deployments:
  web:
    autoCreateServiceAccount: true
    replicas: 0
    rbac:
      rules: [{apiGroups: [""], resources: [configmaps], verbs: [update]}]
      clusterRules: [{apiGroups: [""], resources: [nodes], verbs: [list]}]
    containers: {main: {image: docker.io/library/busybox, imageTag: local}}
"""


def test_who_deploys_rights_needs_them_and_they_come_and_go_with_the_release(
    ksu: Invoke, namespace: str, kubeconfig: str, tmp_path: Path
) -> None:
    def may(*right: str) -> bool:
        asked = ["kubectl", "-n", namespace, "auth", "can-i", "-q", *right]
        return subprocess.run([*asked, f"--as=system:serviceaccount:{namespace}:web"], check=False).returncode == 0

    (tmp_path / "of-release.yaml").write_text(GRANTING)
    file = ("-f", str(tmp_path / "of-release.yaml"))
    role = ksu("rbac", "shop", *file).out
    kubectl(namespace, "create", "serviceaccount", "ks-universal")
    only = ("--kubeconfig", restricted(namespace, tmp_path, kubeconfig, "ks-universal"))
    documents = list(yaml.safe_load_all(role))
    ungranted = [each for each in documents if "granted" not in each["metadata"]["name"]]
    try:
        kubectl(namespace, "apply", "-f", "-", text=yaml.safe_dump_all(ungranted))
        refused = ksu("deploy", "shop", *file, *only)
        assert refused.status == 1
        assert refused.err.count("error[kubernetes/escalation]") == 2, refused.err
        kubectl(namespace, "apply", "-f", "-", text=role)
        assert ksu("deploy", "shop", *file, *only).status == 0
        wait_until(lambda: may("update", "configmaps"))
        wait_until(lambda: may("list", "nodes"))
        wait_until(lambda: not may("update", "secrets"))
        narrowed = ksu("deploy", "shop", *file, *only, "--set", "deployments.web.rbac.clusterRules=null")
        assert f"- ClusterRole/{namespace}:web" in narrowed.out
        wait_until(lambda: not may("list", "nodes"))
        assert ksu("rollback", "shop", *only).status == 0
        wait_until(lambda: may("list", "nodes"))
        assert ksu("uninstall", "shop", *only).status == 0
        wait_until(lambda: not may("update", "configmaps"))
        wait_until(lambda: not may("list", "nodes"))
    finally:
        kubectl(namespace, "delete", "-f", "-", text=role)


def test_a_read_only_role_reads_status_logs_and_history_and_is_told_what_it_may_not_do(
    ksu: Invoke, namespace: str, kubeconfig: str, tmp_path: Path
) -> None:
    deploy(ksu, tmp_path, VALUES)
    kubectl(namespace, "create", "serviceaccount", "reader")
    kubectl(namespace, "create", "rolebinding", "r", "--clusterrole=view", f"--serviceaccount={namespace}:reader")
    only = ("--kubeconfig", restricted(namespace, tmp_path, kubeconfig, "reader"))
    assert "my-app: 1 of 1 ready" in ksu("status", "shop", *only).out
    assert "migrating red with ***" in ksu("logs", "shop", *only).out
    assert "succeeded" in ksu("history", "shop", *only).out
    refused = deploy(ksu, tmp_path, BLUE, *only)
    assert refused.status == 1
    assert refused.err.startswith("error[kubernetes/forbidden]")
    assert "ks-universal rbac" in refused.err


def test_a_credential_plugin_gives_the_token_and_is_asked_again_when_that_is_refused(
    ksu: Invoke, namespace: str, kubeconfig: str, tmp_path: Path
) -> None:
    deploy(ksu, tmp_path, VALUES)
    kubectl(namespace, "create", "serviceaccount", "reader")
    kubectl(namespace, "create", "rolebinding", "r", "--clusterrole=view", f"--serviceaccount={namespace}:reader")
    token = kubectl(namespace, "create", "token", "reader").strip()
    script = f"#!/bin/sh\ntest -e {tmp_path}/asked && token={token}; touch {tmp_path}/asked\n"
    answer = """echo '{"status": {"token": "'${token:-expired}'"}}'"""
    (tmp_path / "plugin").write_text(script + answer)
    (tmp_path / "plugin").chmod(0o755)
    config = yaml.safe_load(Path(kubeconfig).read_text())
    for user in config["users"]:
        plugin = {"apiVersion": "client.authentication.k8s.io/v1", "command": str(tmp_path / "plugin")}
        user["user"] = {"exec": plugin}
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(config))
    shown = ksu("status", "shop", "--kubeconfig", str(tmp_path / "kubeconfig"))
    assert (shown.status, shown.err) == (0, "")
    assert "my-app: 1 of 1 ready" in shown.out


def test_a_wrong_token_an_unknown_context_and_a_dead_address_are_findings(
    ksu: Invoke, kubeconfig: str, tmp_path: Path
) -> None:
    config = yaml.safe_load(Path(kubeconfig).read_text())
    for cluster in config["clusters"]:
        cluster["cluster"]["server"] = "https://127.0.0.1:1"
    dead = tmp_path / "dead"
    dead.write_text(yaml.safe_dump(config))
    expired = with_token(tmp_path, kubeconfig, "expired")
    findings = [
        ksu("status", "shop", "--context", "nowhere"),
        ksu("status", "shop", "--kubeconfig", str(dead)),
        ksu("status", "shop", "--kubeconfig", expired),
    ]
    assert [found.status for found in findings] == [1, 1, 1]
    assert [found.err.partition("]")[0] for found in findings] == [
        "error[kubernetes/configuration",
        "error[kubernetes/unreachable",
        "error[kubernetes/unauthorized",
    ]


def test_no_leaks_the_values_of_secrets_that_others_have_made_are_masked_too(
    ksu: Invoke, namespace: str, tmp_path: Path
) -> None:
    kubectl(namespace, "create", "secret", "generic", "db", "--from-literal=PASSWORD=correct-horse")
    theirs = BROKEN.replace("  db: {type: secret, data: {PASSWORD: correct-horse}}\n", "")
    theirs = theirs.replace("{type: secret, configName: db}", "{secretRef: {name: db}}")
    failed = deploy(ksu, tmp_path, theirs)
    assert failed.status == 3
    assert "| no ***" in failed.out
    assert "| no ***" in ksu("logs", "shop").out
    text = kubectl(namespace, "get", "configmaps,jobs,deployments,events,leases", "-o", "yaml")
    assert [word for word in (*PASSWORDS, *ENCODED) if word in text] == []


def test_no_leaks_the_password_of_an_undone_revision_is_masked_too(ksu: Invoke, tmp_path: Path) -> None:
    deploy(ksu, tmp_path, VALUES)
    deploy(ksu, tmp_path, BLUE)
    deploy(ksu, tmp_path, BLUE.replace("battery-staple", "third-word").replace("to $COLOUR", "on $COLOUR"))
    undone = ksu("rollback", "shop", "1", "--migrate-down")
    assert undone.status == 0
    assert undone.out.count("undoing blue with ***") == 2


def test_no_leaks_no_value_of_a_secret_stands_in_records_for_readers_or_in_events(
    ksu: Invoke, namespace: str, tmp_path: Path
) -> None:
    deploy(ksu, tmp_path, VALUES)
    deploy(ksu, tmp_path, BROKEN)
    ksu("rollback", "shop", "1")
    text = kubectl(namespace, "get", "configmaps,jobs,deployments,events,leases", "-o", "yaml")
    assert [word for word in (*PASSWORDS, *ENCODED) if word in text] == []
