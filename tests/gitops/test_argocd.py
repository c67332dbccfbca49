"""The Argo CD flavour with the real sync engine of Argo CD: syncs of one application, whose state is the cluster.

Not in the engine, and not tried here: when Argo CD syncs. A failed sync is repeated by its `retry`, self-heal selects.
"""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ks_universal.api.values import render, template
from ks_universal.manifest.flavors import Flavor
from support.cluster_release import wait_until
from support.gitops_shop import MIGRATIONS, V1, V2, Cluster, Json, build_values
from support.releases import app, load_values, secret


class Synced(NamedTuple):
    """How a sync ended ("" where there was nothing to do), and what was out of sync before it."""

    operation: str
    out_of_sync: set[str]
    told: str


Sync = Callable[..., Synced]


@pytest.fixture
def sync(driver: Callable[[str], Path], kubeconfig: str, namespace: str, tmp_path: Path) -> Sync:
    """Syncs an application with the manifests of values; `heal` is what self-heal does."""
    options = ["-kubeconfig", kubeconfig, "-namespace", namespace, "-app", "shop"]

    def run(values: Json, *, heal: bool = False) -> Synced:
        file = tmp_path / "all.yaml"
        file.write_text(template(render(load_values(values), "shop", namespace), Flavor.ARGOCD))
        argv = [str(driver("argocd")), *options, f"-heal={heal}", str(file)]
        ended = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=400)
        assert ended.returncode == 0, ended.stderr
        lines: list[dict[str, Any]] = [json.loads(line) for line in ended.stdout.splitlines()]
        return Synced(lines[-1].get("operation", ""), set(lines[0]["outOfSync"]), ended.stdout)

    return run


@pytest.fixture
def cluster(kubectl: str, kubeconfig: str, namespace: str) -> Cluster:
    return Cluster(kubectl, kubeconfig, namespace)


def find_again(cluster: Cluster, made: dict[str, str]) -> set[str]:
    """Find the Jobs that were made anew since."""
    return {name for name, uid in cluster.read_uids("job").items() if made[name] != uid}


@pytest.mark.timeout(1800)  # many syncs or upgrades, each of which waits for pods: minutes on a machine in use
def test_an_application_of_argocd_over_its_syncs(sync: Sync, cluster: Cluster) -> None:
    first = sync(build_values("v1"))
    assert first.operation == "Succeeded", first.told
    assert cluster.look() == V1
    assert (order := cluster.read_order()) == sorted(order)
    assert "schema for v1 {{ raw }} with secret-v1" in cluster.run("logs", "job/shop-migrations-schema")
    assert set(cluster.list_all("configmap")) == {"settings", "work", "old"}
    assert set(cluster.list_all("secret")) == {"database"}
    assert sync(build_values("v1"), heal=True)[:2] == ("", set())
    seed, made = cluster.find_seed(), cluster.read_uids("job")

    bad = build_values("v2", fails=True, seed="two")
    for _ in ("failed", "repeated"):
        failed = sync(bad)
        assert failed.operation == "Failed", failed.told
        assert cluster.read_uids("job")["shop-migrations-schema"] != made["shop-migrations-schema"]
        made = cluster.read_uids("job")
        cluster.restart()
        assert cluster.look() == V1
        assert set(cluster.list_all("configmap")) == {"settings", "work", "old"}
        assert set(cluster.list_all("secret")) == {"database"}
        assert cluster.find_seed() == seed
    assert "schema for v2" in cluster.run("logs", "job/shop-migrations-schema")

    good = build_values("v2", seed="two")
    corrected = sync(good)
    assert corrected.operation == "Succeeded", corrected.told
    cluster.restart()
    assert cluster.look() == V2
    assert (order := cluster.read_order()) == sorted(order)
    assert set(cluster.list_all("configmap")) == {"settings", "work"}
    assert set(cluster.list_all("serviceaccount")) == {"shop"}
    assert cluster.find_seed() != seed

    made = cluster.read_uids("job")
    repeated = sync(good)
    assert (repeated.operation, repeated.out_of_sync) == ("Succeeded", set()), repeated.told
    assert find_again(cluster, made) == MIGRATIONS

    made = cluster.read_uids("job")
    cluster.run("delete", "configmap", "settings")
    healed = sync(good, heal=True)
    assert (healed.operation, healed.out_of_sync) == ("Succeeded", {"ConfigMap/settings"}), healed.told
    assert "settings" in cluster.list_all("configmap")
    assert find_again(cluster, made) == set()

    emptied = sync({"configs": {"rest": {"type": "configMap", "data": {}}}})
    assert emptied.operation == "Succeeded", emptied.told
    assert set(cluster.list_all("job")) == MIGRATIONS
    assert set(cluster.list_all("configmap")) == {"rest"}
    # The sync ends when they are being deleted, and the Deployment stays until its pods are gone.
    kinds = ("deployment", "service", "secret")
    wait_until(lambda: not any(cluster.list_all(kind) for kind in kinds), within_s=120)


def test_argocd_makes_what_a_migration_needs_before_it(sync: Sync, cluster: Cluster) -> None:
    """A release whose migration depends on an application that reads the same Secret: neither waits for the other."""
    serve = {"image": "busybox", "imageTag": "local", "command": ["sh", "-c", "trap 'exit 0' TERM; sleep 86400 & wait"]}
    read = [{"type": "secret", "configName": "shared"}]
    web: Json = {**app(), "containers": {"main": {**serve, "envFrom": read}}}
    rule = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]}
    steps = [
        {"name": "schema", "command": ["sh", "-c", 'test "$PASSWORD" = new']},
        {"name": "late", "command": ["true"], "phase": "post"},
    ]
    migrations = {"enabled": True, "backoffLimit": 0, "dependsOn": ["db"], "serviceAccount": "migrator", "steps": steps}
    values = {
        "configs": {"shared": secret(PASSWORD="new")},
        "serviceAccounts": {"migrator": {"rbac": {"rules": [rule]}}},
        "deployments": {
            "db": {"containers": {"main": {**serve, "envFrom": read}}},
            "web": {**web, "migrations": migrations},
            "docs": {"waitForMigrations": False, "containers": {"main": serve}},
        },
    }
    synced = sync(values)
    assert synced.operation == "Succeeded", synced.told
    jobs, deployments = cluster.list_all("job"), cluster.list_all("deployment")
    order = [
        deployments["db"]["metadata"]["creationTimestamp"],
        jobs["web-migrations-schema"]["status"]["startTime"],
        jobs["web-migrations-schema"]["status"]["completionTime"],
        deployments["web"]["metadata"]["creationTimestamp"],
        jobs["web-migrations-late"]["status"]["startTime"],
    ]
    assert order == sorted(order)
