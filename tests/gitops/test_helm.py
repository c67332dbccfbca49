"""The Helm flavour with the real Helm, of both versions that are in use: a release from its installation to its end."""

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from ks_universal.cli import run
from support.gitops_shop import MIGRATIONS, V1, V2, Cluster, Json, build_values

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(params=["4", "3"])
def run_helm(request: pytest.FixtureRequest, helm: str, kubeconfig: str, namespace: str) -> Run:
    """Runs Helm in the test's namespace."""
    program = helm if request.param == "4" else shutil.which("helm3", path=Path(helm).parent)
    if program is None:
        pytest.skip("no Helm 3: run tools/get_helm.py")

    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        argv = [program, "--kubeconfig", kubeconfig, "-n", namespace, *arguments]
        return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=300)

    return call


def write_chart(folder: Path, values: Json) -> str:
    """Write the chart of values, without a namespace: Helm is to say it."""
    folder.mkdir()
    (folder / "values.json").write_text(json.dumps(values))
    chart = folder / "chart"
    assert (
        run(["template", "shop", "-f", str(folder / "values.json"), "--flavor", "helm", "--out-dir", str(chart)]) == 0
    )
    return str(chart)


@pytest.mark.timeout(1800)  # many syncs or upgrades, each of which waits for pods: minutes on a machine in use
def test_a_release_of_helm_from_its_installation_to_its_end(
    run_helm: Run, kubectl: str, kubeconfig: str, namespace: str, tmp_path: Path
) -> None:
    cluster = Cluster(kubectl, kubeconfig, namespace)
    wait = ("--wait", "--timeout", "4m")
    installed = run_helm("install", "shop", write_chart(tmp_path / "v1", build_values("v1")), *wait)
    assert installed.returncode == 0, installed.stderr
    assert (order := cluster.read_order()) == sorted(order)
    assert "schema for v1 {{ raw }} with secret-v1" in cluster.run("logs", "job/shop-migrations-schema")
    assert set(cluster.list_all("configmap")) == {"settings", "work", "old"}
    assert "database-migrations" not in cluster.list_all("secret")
    assert set(cluster.list_all("serviceaccount")) == {"shop", "worker"}
    assert "kubectl logs" in installed.stdout
    first = cluster.find_seed()

    bad = build_values("v2", fails=True, seed="two")
    failed = run_helm("upgrade", "shop", write_chart(tmp_path / "bad", bad), *wait)
    assert failed.returncode != 0 and "shop-migrations-schema" in failed.stderr
    cluster.restart()
    assert cluster.look() == V1
    # Older ones of Helm 3 keep the hooks that succeeded before one that failed, until the next upgrade.
    copies = set() if run_helm("version", "--short").stdout.startswith("v4") else {"settings-migrations"}
    assert set(cluster.list_all("configmap")) == {"settings", "work", "old", *copies}
    assert ("database-migrations" in cluster.list_all("secret")) == bool(copies)
    assert cluster.find_seed() == first
    assert "schema for v2" in cluster.run("logs", "job/shop-migrations-schema")

    good = write_chart(tmp_path / "v2", build_values("v2", seed="two"))
    corrected = run_helm("upgrade", "shop", good, *wait)
    assert corrected.returncode == 0, corrected.stderr
    assert cluster.look() == V2
    assert set(cluster.list_all("configmap")) == {"settings", "work"}
    assert (order := cluster.read_order()) == sorted(order)
    assert cluster.find_seed() != first

    made = cluster.read_uids("job")
    assert run_helm("upgrade", "shop", good, *wait).returncode == 0
    again = cluster.read_uids("job")
    assert {name for name in made if again[name] != made[name]} == MIGRATIONS

    made = cluster.read_uids("job")
    assert run_helm("rollback", "shop", "1", *wait).returncode == 0
    assert cluster.look() == V1
    assert cluster.find_seed() == first
    again = cluster.read_uids("job")
    assert {name for name in again if again[name] == made.get(name)} == MIGRATIONS

    assert run_helm("uninstall", "shop", "--wait").returncode == 0
    assert set(cluster.list_all("job")) == MIGRATIONS
    for remedy in re.findall(r"kubectl (delete .+)", installed.stdout):
        cluster.run(*shlex.split(remedy))
    for kind in ("job", "configmap", "deployment", "service", "serviceaccount", "role"):
        assert cluster.list_all(kind) == {}
    assert yaml.safe_load((tmp_path / "v2" / "chart" / "Chart.yaml").read_text())["appVersion"] == "local"
