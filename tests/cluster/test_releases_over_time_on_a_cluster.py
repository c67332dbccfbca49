"""Releases whose values change over time: what a later run has to know of the earlier ones."""

from collections.abc import Callable
from pathlib import Path

import pytest

from deploying import items, write
from ks_universal.cli import run
from ks_universal.targets.kubernetes.kinds import Kind
from shell import Outcome

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
