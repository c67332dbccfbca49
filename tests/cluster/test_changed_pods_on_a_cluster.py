"""What `status` tells of Deployments that others have changed, or are deleting."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ks_universal.cli import run
from support.deploying import kubectl, write
from support.shell import Outcome

VALUES = """
deployments:
  my-app:
    containers:
      main:
        image: busybox
        imageTag: local
        command: [sh, -c, "trap 'exit 0' TERM; sleep 600 & wait"]
        env: [{name: VERSION, value: "1"}]
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


def test_status_tells_that_another_template_runs_than_was_rolled_out(ksu: Call, namespace: str) -> None:
    second = VALUES.replace('"1"', '"2"')
    assert ksu("deploy", values=VALUES).status == 0
    assert ksu("deploy", values=second).status == 0
    kubectl(namespace, "rollout", "restart", "deployment/my-app")
    assert "changed" not in ksu("status").out
    kubectl(namespace, "rollout", "undo", "deployment/my-app", "--to-revision=1")
    told = ksu("status").out
    assert "Deployment/my-app: kubectl has changed its pods since they were rolled out" in told
    refused = ksu("deploy", values=second)
    assert "kubernetes/field-conflict" in refused.err
    assert "ks-universal.io/applied" not in refused.err
    assert ksu("deploy", "--take-ownership", values=second).status == 0
    assert "changed" not in ksu("status").out


def test_status_tells_that_a_deployment_is_being_deleted(ksu: Call, namespace: str) -> None:
    assert ksu("deploy", values=VALUES).status == 0
    hold = '{"metadata":{"finalizers":["example.com/hold"]}}'
    kubectl(namespace, "patch", "deployment/my-app", "--type=merge", "-p", hold)
    kubectl(namespace, "delete", "deployment/my-app", "--wait=false")
    assert "Deployment/my-app is being deleted (finalizers: example.com/hold)" in ksu("status").out
    kubectl(namespace, "patch", "deployment/my-app", "--type=merge", "-p", '{"metadata":{"finalizers":null}}')
