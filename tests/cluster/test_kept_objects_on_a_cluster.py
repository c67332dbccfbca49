"""Objects that ask to be kept: when they leave the values, when the release is removed, and when they come back."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ks_universal.cli import run
from ks_universal.targets.kubernetes.api.kinds import CONFIG_MAP, DEPLOYMENT, SECRET, Kind
from support.deploying import get, items, kubectl, write
from support.shell import Outcome

CLAIM = Kind("v1", "PersistentVolumeClaim", "persistentvolumeclaims")
APP = """
deployments:
  my-app:
    replicas: 1
    containers:
      main:
        image: busybox
        imageTag: local
        command: [sh, -c, "trap 'exit 0' TERM; sleep 600 & wait"]
"""
KEPT = """
configs:
  master-key: {type: secret, data: {KEY: precious}, annotations: {helm.sh/resource-policy: keep}}
  settings: {type: configMap, data: {A: b}, annotations: {ks-universal.io/resource-policy: keep}}
  other: {type: configMap, data: {A: b}}
persistentVolumeClaims:
  data: {accessModes: [ReadWriteOnce], size: 1Gi, annotations: {helm.sh/resource-policy: keep}}
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


def list_kept(namespace: str) -> list[str]:
    """The objects of KEPT that are there and not on their way out."""
    wanted = (SECRET, "master-key"), (CONFIG_MAP, "settings"), (CONFIG_MAP, "other"), (CLAIM, "data")
    found = [(name, get(namespace, kind, name)) for kind, name in wanted]
    return [name for name, body in found if body is not None and "deletionTimestamp" not in body["metadata"]]


def test_what_asks_to_be_kept_survives_leaving_the_values_and_comes_back(ksu: Call, namespace: str) -> None:
    assert ksu("deploy", values=KEPT + APP).status == 0
    plan = ksu("plan", values=APP)
    assert "= Secret/master-key (its annotation helm.sh/resource-policy says so)" in plan.out
    assert "= ConfigMap/settings (its annotation ks-universal.io/resource-policy says so)" in plan.out
    assert "- ConfigMap/other" in plan.out
    assert "0 to create, 0 to change, 1 to delete, 3 to keep" in plan.out
    assert ksu("deploy", values=APP).status == 0
    assert list_kept(namespace) == ["master-key", "settings", "data"]
    again = ksu("deploy", values=KEPT.replace("A: b", "A: c") + APP)
    assert again.status == 0
    settings = get(namespace, CONFIG_MAP, "settings")
    assert settings is not None
    assert settings["data"] == {"A": "c"}


@pytest.mark.parametrize("leave_first", [False, True])
def test_what_asks_to_be_kept_survives_an_uninstall_with_its_data(ksu: Call, namespace: str, leave_first: bool) -> None:
    assert ksu("deploy", values=KEPT + APP).status == 0
    if leave_first:
        assert ksu("deploy", values=APP).status == 0
    removed = ksu("uninstall", "--delete-data", "--yes")
    assert removed.status == 0
    for kept in ("Secret/master-key kept", "ConfigMap/settings kept", "PersistentVolumeClaim/data kept"):
        assert kept in removed.out
    assert list_kept(namespace) == ["master-key", "settings", "data"]
    assert items(namespace, DEPLOYMENT) == []
    assert ksu("deploy", values=KEPT + APP).status == 0  # without a conflict with what is there


def test_what_somebody_annotates_on_the_cluster_is_kept_and_what_he_takes_back_is_not(
    ksu: Call, namespace: str
) -> None:
    assert ksu("deploy", values=KEPT + APP).status == 0
    kubectl(namespace, "annotate", "configmap/other", "helm.sh/resource-policy=keep")
    kubectl(namespace, "annotate", "configmap/settings", "ks-universal.io/resource-policy-")
    assert ksu("deploy", values=APP).status == 0
    assert list_kept(namespace) == ["master-key", "other", "data"]


def test_a_deployment_that_asks_to_be_kept_runs_on(ksu: Call, namespace: str) -> None:
    kept = APP.replace("replicas: 1", "replicas: 1\n    annotations: {helm.sh/resource-policy: keep}")
    assert ksu("deploy", values=kept).status == 0
    removed = ksu("uninstall", "--yes")
    assert "Deployment/my-app kept" in removed.out
    deployment = get(namespace, DEPLOYMENT, "my-app")
    assert deployment is not None
    assert deployment["status"]["readyReplicas"] == 1
