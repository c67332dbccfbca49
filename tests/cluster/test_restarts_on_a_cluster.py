"""Which changed configurations restart pods, and what the plan says of those that restart none."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ks_universal.cli import run
from ks_universal.targets.kubernetes.api.kinds import POD
from support.deploying import items, write
from support.shell import Outcome

VALUES = """
configs:
  cfg: {type: configMap, data: {app.conf: "size: {size}"}}
deployments:
  web:
    restartOnConfigChange: {restart}
    volumes: [{name: cfg, configMap: {name: cfg}}]
    containers:
      main:
        image: busybox
        imageTag: local
        command: [sh]
        args: ["-c", "trap 'exit 0' TERM; httpd -f -p 8080 -h /tmp & wait"]
        readinessProbe: {exec: {command: ["true"]}, periodSeconds: 1}
        volumeMounts: [{name: cfg, mountPath: /etc/cfg}]
"""
NOTE = "web reads ConfigMap/cfg as files and is not restarted (restartOnConfigChange: always restarts it)"


Run = Callable[..., Outcome]


@pytest.fixture
def ksu(namespace: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs a command on values with this size of a file, in the test's namespace."""

    def invoke(command: str, size: str, restart: str, *more: str) -> Outcome:
        values = VALUES.replace("{size}", size).replace("{restart}", restart)
        status = run([command, "shop", "-f", write(tmp_path, values), "-n", namespace, *more])
        captured = capfd.readouterr()
        return Outcome(status, captured.out, captured.err)

    return invoke


def pods(namespace: str) -> set[str]:
    return {pod["metadata"]["uid"] for pod in items(namespace, POD) if "deletionTimestamp" not in pod["metadata"]}


def test_a_changed_file_restarts_nothing_and_the_plan_says_so_once(ksu: Run, namespace: str) -> None:
    first = ksu("deploy", "small", "needed")
    assert (first.status, NOTE in first.out) == (0, False)
    before = pods(namespace)
    assert json.loads(ksu("plan", "large", "needed", "-o", "json").out)["notes"] == [NOTE]
    assert ksu("plan", "large", "needed").out.count(NOTE) == 1
    second = ksu("deploy", "large", "needed")
    assert (second.status, second.out.count(NOTE), pods(namespace)) == (0, 1, before)
    assert NOTE not in ksu("plan", "large", "needed").out


def test_a_changed_file_restarts_the_pods_where_the_values_say_always(ksu: Run, namespace: str) -> None:
    assert ksu("deploy", "small", "always").status == 0
    before = pods(namespace)
    second = ksu("deploy", "large", "always")
    assert (second.status, NOTE in second.out) == (0, False)
    after = pods(namespace)
    assert after
    assert not after & before
    assert ksu("deploy", "large", "always").status == 0
    assert pods(namespace) == after
