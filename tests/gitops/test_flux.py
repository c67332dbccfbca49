"""The flavour `flux` with Flux's own kustomize-controller: commits of one application, applied as it applies them."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ks_universal import Flavor, FluxSource, render, write_folder
from support.flux import Flux, find_definitions, run_flux
from support.gitops_shop import V1, V2, Cluster, Json, build_values
from support.releases import load_values

PARENT = "cluster"
FOLDER = "apps/shop"
NEW = "docker.io/library/busybox:local"


@pytest.fixture
def flux(driver: Callable[[str], Path], kubectl: str, namespace: str, tmp_path: Path) -> Iterator[Flux]:
    controller = driver("kustomize-controller")
    with run_flux(controller, find_definitions(), kubectl, namespace, tmp_path) as running:
        yield running


@pytest.fixture
def cluster(kubectl: str, kubeconfig: str, namespace: str) -> Cluster:
    return Cluster(kubectl, kubeconfig, namespace)


@pytest.fixture
def commit(flux: Flux, tmp_path: Path) -> Callable[[Json], str]:
    """Commits the folder of a release, beside a note that is another one each time; gives the revision."""
    repository = tmp_path / "repository"
    source = FluxSource(name="shop", namespace=flux.namespace, path=FOLDER)
    counter = iter(range(100))

    def run(values: Json) -> str:
        rendered = render(load_values(values), "shop", flux.namespace)
        write_folder(rendered, Flavor.FLUX, str(repository / FOLDER), flux=source)
        (repository / "note.txt").write_text(str(next(counter)))
        return flux.publish(repository, "shop")

    return run


def bootstrap(flux: Flux) -> None:
    """Make the Kustomization that `flux bootstrap` makes: of all that is in the repository."""
    spec = {
        "interval": "1h",
        "retryInterval": "2s",
        "prune": True,
        "path": "./",
        "sourceRef": {"kind": "GitRepository", "name": "shop"},
    }
    body = {
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
        "kind": "Kustomization",
        "metadata": {"name": PARENT},
        "spec": spec,
    }
    flux.kubectl("apply", "-f", "-", stdin=json.dumps(body))


def find_status(cluster: Cluster, name: str) -> Json:
    """Find the status of the one Job that has this name and a digest."""
    jobs = cluster.list_all("job")
    (status,) = (jobs[job]["status"] for job in jobs if re.fullmatch(f"{name}-[0-9a-f]{{8}}", job))
    return dict(status)


def test_releases_of_flux_over_their_commits(flux: Flux, cluster: Cluster, commit: Callable[[Json], str]) -> None:
    stage = f"{flux.namespace}.shop-{{}}".format
    values = build_values("v1")
    values["persistentVolumeClaims"] = {"files": {"accessModes": ["ReadWriteOnce"], "size": "1Mi"}}
    values["jobs"]["once"] = {**values["jobs"]["seed"], "when": "install"}

    # The first version: all stages in their order.
    first = commit(values)
    bootstrap(flux)
    flux.await_ready(first)
    assert len(flux.kustomizations()) == 8
    assert cluster.look() == V1
    schema, data = (find_status(cluster, f"shop-migrations-{step}") for step in ("schema", "data"))
    assert schema["completionTime"] <= data["startTime"]
    deployments = cluster.list_all("deployment")
    assert data["completionTime"] <= min(body["metadata"]["creationTimestamp"] for body in deployments.values())
    made = cluster.read_uids("job")
    assert len(made) == 4

    # Nothing has changed, in another commit and in another reconciliation of the same: nothing runs again.
    flux.await_ready(commit(values))
    flux.reconcile()
    assert cluster.read_uids("job") == made

    # A version whose migration fails: neither image nor configuration of what runs changes, whatever restarts.
    bad = build_values("v2", fails=True)
    bad["persistentVolumeClaims"] = values["persistentVolumeClaims"]
    bad["jobs"]["once"] = {**build_values("v2", seed="two")["jobs"]["seed"], "when": "install"}
    commit(bad)
    flux.await_message(stage("migrate-shop-0"), "Failed")
    flux.await_message(stage("app-shop"), "is not ready")
    failed = cluster.read_uids("job")
    cluster.restart()
    assert cluster.look() == V1
    flux.reconcile()
    assert cluster.read_uids("job") == failed
    assert cluster.look() == V1
    assert {"settings", "work", "old"} <= set(cluster.list_all("configmap"))

    # The corrected version goes through by itself; what is done once is not done again.
    good = {**build_values("v2"), "persistentVolumeClaims": values["persistentVolumeClaims"]}
    good["jobs"]["once"] = bad["jobs"]["once"]
    flux.await_ready(commit(good))
    assert cluster.look() == V2
    now = cluster.read_uids("job")
    assert len(now) == 4
    assert {name: uid for name, uid in now.items() if "migrations" not in name} == {
        name: uid for name, uid in made.items() if "migrations" not in name
    }

    # Other configuration alone has both migrations run.
    good["configs"]["settings"]["data"]["GREETING"] = "changed"
    flux.await_ready(commit(good))
    latest = cluster.read_uids("job")
    assert len(latest) == 4 and len(latest.keys() & now.keys()) == 2
    (schema_job,) = (name for name in latest if name.startswith("shop-migrations-schema-"))
    assert "schema for changed" in cluster.run("logs", f"job/{schema_job}")

    # Another order: until Flux has it, what it knows of the old one applies nothing of the new commit.
    flux.kubectl(
        "patch",
        f"kustomizations.kustomize.toolkit.fluxcd.io/{PARENT}",
        "--type=merge",
        "-p",
        '{"spec":{"suspend":true}}',
    )
    more = json.loads(json.dumps(good))
    more["configs"]["settings"]["data"]["GREETING"] = "more"
    more["deployments"]["shop"]["migrations"]["steps"].append({"name": "check", "command": ["sh", "-c", "exit 3"]})
    commit(more)
    flux.await_message(stage("common"), "path not found")
    assert cluster.look()[1].startswith("changed")
    flux.kubectl(
        "patch",
        f"kustomizations.kustomize.toolkit.fluxcd.io/{PARENT}",
        "--type=merge",
        "-p",
        '{"spec":{"suspend":false}}',
    )
    flux.await_message(stage("migrate-shop-2"), "Failed")
    assert cluster.look()[1].startswith("changed")
    # Back to a version of before: its Jobs had been pruned, and run again.
    good["configs"]["settings"]["data"] = build_values("v2")["configs"]["settings"]["data"]
    flux.await_ready(commit(good))
    assert cluster.look() == V2
    again = cluster.read_uids("job")
    assert again.keys() == now.keys()
    assert len({name for name, uid in again.items() if uid != now[name]}) == 2
    assert len(flux.kustomizations()) == 8

    # Without the Kustomizations nothing is left but data.
    flux.kubectl("delete", f"kustomizations.kustomize.toolkit.fluxcd.io/{PARENT}", "--wait")
    flux.wait_for(
        lambda: not flux.kustomizations() and not cluster.list_all("deployment") and not cluster.list_all("job")
    )
    assert set(cluster.list_all("persistentvolumeclaim")) == {"files"}
    assert set(cluster.list_all("configmap")) == set()
