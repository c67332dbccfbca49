"""Old pods that take their time to stop: what does not wait for them, and what does."""

import json
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ks_universal.cli import run
from ks_universal.engine.events import Event, RunEnded, StepStarted, Waited
from ks_universal.plan.records import Outcome
from ks_universal.targets.kubernetes.api.kinds import CONFIG_MAP, DEPLOYMENT, JOB, REPLICA_SET
from ks_universal.targets.kubernetes.observed.pods import is_finished, is_stopping
from support.deploying import deploy, get, items, kubectl, start, write

Json = dict[str, Any]
SETTINGS = "configs:\n  settings: {type: configMap, data: {COLOUR: red}}\n"


def values(version: int, *, strategy: str = "RollingUpdate") -> str:
    """An application whose pods, once told to stop, stop when they are let go."""
    return f"""
deployments:
  my-app:
    strategy: {{type: {strategy}}}
    terminationGracePeriodSeconds: 120
    containers:
      main:
        image: busybox
        imageTag: local
        command: [sh]
        args: ["-c", "trap 'until test -e /tmp/go; do sleep 0.2; done; exit 0' TERM; while :; do sleep 0.2; done"]
        env: [{{name: VERSION, value: v{version}}}]
        readinessProbe: {{exec: {{command: ["true"]}}, periodSeconds: 1}}
"""


def contracting(version: int) -> str:
    """The same with a migration before and one after its new version."""
    steps = f"""
    migrations:
      enabled: true
      steps:
        - {{name: expand, args: ["-c", "echo expand {version}"]}}
        - {{name: contract, phase: post, args: ["-c", "echo contract {version}"]}}
    containers:
"""
    return values(version).replace("    containers:\n", steps.lstrip("\n"))


GRACE_S, PATIENCE_S = 1, 3
QUICK = f"""
deployments:
  my-app:
    terminationGracePeriodSeconds: {GRACE_S}
    migrations:
      enabled: true
      steps: [{{{{name: contract, phase: post, args: ["-c", "echo contract {{version}}"]}}}}]
    containers:
      main:
        image: busybox
        imageTag: local
        command: [sh]
        args: ["-c", "sleep 600"]
        env: [{{{{name: VERSION, value: v{{version}}}}}}]
        readinessProbe: {{{{exec: {{{{command: ["true"]}}}}, periodSeconds: 1}}}}
"""


def make_endless_pod(namespace: str) -> Json:
    """Make a pod of the application's version on a node that does not exist: told to stop, nobody ends it.

    After 40 s at the earliest the garbage collector of pods does.
    """
    (replica_set,) = items(namespace, REPLICA_SET)
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "controller": True, "name": replica_set["metadata"]["name"]}
    template = replica_set["spec"]["template"]
    body = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "endless",
            "labels": template["metadata"]["labels"],
            "ownerReferences": [{**owner, "uid": replica_set["metadata"]["uid"]}],
        },
        "spec": {**template["spec"], "nodeName": "gone"},
    }
    kubectl(namespace, "create", "-f", "-", text=json.dumps(body))
    kubectl(namespace, "delete", "pod", "endless", "--wait=false")
    return dict(json.loads(kubectl(namespace, "get", "pod", "endless", "-o", "json")))


def say_of(namespace: str, pod: Json, reason: str) -> None:
    """Write an event about a pod, as the node's controller does."""
    now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    body = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "endless.1"},
        "involvedObject": {"kind": "Pod", "name": "endless", "namespace": namespace, "uid": pod["metadata"]["uid"]},
        "reason": reason,
        "message": "Node is not ready",
        "type": "Warning",
        "firstTimestamp": now,
        "lastTimestamp": now,
    }
    kubectl(namespace, "create", "-f", "-", text=json.dumps(body))


def list_stopping(namespace: str) -> list[str]:
    """The pods that are told to stop and still run."""
    pods = json.loads(kubectl(namespace, "get", "pods", "-o", "json"))["items"]
    return [pod["metadata"]["name"] for pod in pods if is_stopping(pod) and not is_finished(pod)]


def let_go(namespace: str) -> None:
    """Have the pods end that are told to stop."""
    for pod in list_stopping(namespace):
        kubectl(namespace, "exec", pod, "--", "touch", "/tmp/go")


def begin(namespace: str, text: str, folder: Path) -> "subprocess.Popen[str]":
    """Begin to deploy values; returns when that waits for an old pod to end."""
    process = start(namespace, text, folder)
    assert process.stdout is not None
    assert any('"1 old pod to end"' in line for line in process.stdout)
    assert len(list_stopping(namespace)) == 1
    return process


def end(process: "subprocess.Popen[str]") -> list[Json]:
    """Read the events up to the end of a deploy that succeeds."""
    out, err = process.communicate()
    assert process.returncode == 0, err
    events = [json.loads(line) for line in out.splitlines()]
    assert (events[-1]["outcome"], events[-1].get("stopping")) == ("succeeded", None)
    return events


def test_a_deploy_ends_when_the_new_version_serves_and_says_how_many_old_pods_are_still_stopping(
    namespace: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for version in (1, 2, 2):  # the last one changes nothing
        assert run(["deploy", "shop", "-f", write(tmp_path, values(version)), "-n", namespace]) == 0
    assert run(["status", "shop", "-n", namespace]) == 0
    out = capfd.readouterr().out
    assert len(list_stopping(namespace)) == 1
    assert "; 1 old pod is still stopping\n\nshop, revision 2: is up" in out
    assert out.count("\nmy-app: 1 old pod is still stopping\n") == 1
    assert "\nmy-app: 1 of 1 ready; 1 old pod is still stopping\n" in out
    let_go(namespace)


def test_nothing_orphaned_a_config_that_left_the_values_is_deleted_when_the_last_old_pod_is_gone(
    namespace: str, tmp_path: Path
) -> None:
    deploy(namespace, values(1) + SETTINGS, tmp_path)
    process = begin(namespace, values(2), tmp_path)
    assert get(namespace, CONFIG_MAP, "settings") is not None
    let_go(namespace)
    end(process)
    assert get(namespace, CONFIG_MAP, "settings") is None


def test_resume_a_deploy_killed_while_it_waits_for_old_pods_waits_for_them_again(
    namespace: str, tmp_path: Path
) -> None:
    deploy(namespace, contracting(1), tmp_path)
    killed = begin(namespace, contracting(2), tmp_path)
    killed.kill()
    killed.communicate()
    process = begin(namespace, contracting(2), tmp_path)
    assert "my-app-migrations-contract" not in [
        job["metadata"]["name"] for job in items(namespace, JOB) if not job["status"].get("succeeded")
    ]
    let_go(namespace)
    assert [event["line"] for event in end(process) if event["type"] == "LogWritten"] == ["contract 2"]


@pytest.mark.parametrize("more", [{"await_rollout": False}, {}], ids=["no rollout wait", "as usual"])
def test_order_a_post_migration_waits_for_old_pods_also_where_no_rollout_is_waited_for(
    namespace: str, tmp_path: Path, more: Json
) -> None:
    deploy(namespace, contracting(1), tmp_path)
    left: list[list[str]] = []

    def look(event: Event) -> None:
        if isinstance(event, Waited) and event.waits_for == "1 old pod to end":
            let_go(namespace)
        if isinstance(event, StepStarted) and event.step == "my-app/migrations/contract":
            left.append(list_stopping(namespace))

    revision, _ = deploy(namespace, contracting(2), tmp_path, disturb=look, lease_s=30, **more)
    assert (revision.outcome, left) == (Outcome.SUCCEEDED, [[]])
    (live,) = items(namespace, DEPLOYMENT)
    assert live["status"]["readyReplicas"] == 1


@pytest.mark.parametrize(
    ("why", "hold"),
    [("nobody knows", "its node gone has not ended it"), ("not ready", "its node gone is not ready")],
)
def test_an_old_pod_that_never_ends_is_named_and_given_up_and_the_next_run_goes_on(
    namespace: str, tmp_path: Path, why: str, hold: str
) -> None:
    deploy(namespace, QUICK.format(version=1), tmp_path)
    pod = make_endless_pod(namespace)
    if why == "not ready":
        say_of(namespace, pod, "NodeNotReady")
    values = QUICK.format(version=2)
    revision, events = deploy(namespace, values, tmp_path, removal_s=PATIENCE_S, lease_s=30)
    assert (revision.outcome, events.lines()) == (Outcome.ROLLOUT_FAILED, [])
    (failure,) = revision.failures
    (cause,) = failure.causes
    assert (failure.step, cause.code, cause.hint is None) == ("my-app/old-pods", "rollout/old-pods", False)
    assert re.fullmatch(rf"1 old pod is still there after \d+ s \(endless: {hold}\)", cause.message)
    if why != "nobody knows":
        assert f"1 old pod to end (endless: {hold})" in [event.waits_for for event in events.of(Waited)]
    assert events.of(RunEnded)[0].runs == {"my-app": 2}
    kubectl(namespace, "delete", "pod", "endless", "--force", "--ignore-not-found")
    again, events = deploy(namespace, values, tmp_path, lease_s=30)
    assert (again.number, again.outcome, events.lines()) == (3, Outcome.SUCCEEDED, ["contract 2"])


def test_order_a_recreated_application_has_no_old_pods_left_when_it_serves(namespace: str, tmp_path: Path) -> None:
    deploy(namespace, values(1, strategy="Recreate"), tmp_path)

    def look(event: Event) -> None:
        if isinstance(event, Waited) and event.waits_for.startswith("1 old pod to end"):
            let_go(namespace)

    _, events = deploy(namespace, values(2, strategy="Recreate"), tmp_path, disturb=look, lease_s=30)
    (ended,) = events.of(RunEnded)
    assert (ended.outcome, ended.stopping) == (Outcome.SUCCEEDED, {})
