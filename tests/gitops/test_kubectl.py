"""The flavour `plain` with the real kubectl: the scripts of docs/commands.md as they stand, but for the namespace."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from support.gitops_shop import V1, V2, Cluster, Json, build_values

PAGE = (Path(__file__).parents[2] / "docs" / "commands.md").read_text()
DEPLOY, CLEAN_UP = re.findall(
    r"^```bash\n(.*?)^```", PAGE.partition("### The flavor plain")[2], re.MULTILINE | re.DOTALL
)[:2]

Apply = Callable[[str, Json], subprocess.CompletedProcess[str]]


@pytest.fixture
def apply(kubectl: str, kubeconfig: str, namespace: str, tmp_path: Path) -> Apply:
    """Runs a script of the page beside values."""
    folders = (Path(sys.executable).parent, Path(kubectl).parent)
    environment = {**os.environ, "KUBECONFIG": kubeconfig}
    environment["PATH"] = os.pathsep.join([*map(str, folders), environment["PATH"]])

    def run(script: str, values: Json) -> subprocess.CompletedProcess[str]:
        (tmp_path / "values.yaml").write_text(yaml.safe_dump(values))
        text, changed = re.subn(r"-n shop\b", f"-n {namespace}", script)
        assert changed
        argv = ["bash", "-c", text]
        return subprocess.run(
            argv, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=600
        )

    return run


@pytest.fixture
def cluster(kubectl: str, kubeconfig: str, namespace: str) -> Cluster:
    return Cluster(kubectl, kubeconfig, namespace)


def list_migrations(cluster: Cluster) -> set[str]:
    return {name for name in cluster.list_all("job") if name.startswith("shop-migrations-")}


def test_the_script_of_the_docs_keeps_order_and_gate(apply: Apply, cluster: Cluster) -> None:
    first = apply(DEPLOY, build_values("v1"))
    assert first.returncode == 0, first.stderr
    assert cluster.look() == V1
    made = cluster.read_uids("job")
    by_step = {name.rsplit("-", 1)[0]: body for name, body in cluster.list_all("job").items()}
    schema, data = (by_step[f"shop-migrations-{step}"]["status"] for step in ("schema", "data"))
    assert schema["completionTime"] <= data["startTime"]
    assert data["completionTime"] <= cluster.list_all("deployment")["shop"]["metadata"]["creationTimestamp"]

    again = apply(DEPLOY, build_values("v1"))
    assert again.returncode == 0, again.stderr
    assert cluster.read_uids("job") == made
    assert {
        line.rsplit(" ", 1)[1]
        for line in again.stdout.splitlines()
        if line.startswith("job.batch/") and "condition" not in line
    } == {"unchanged"}

    failed = apply(DEPLOY, build_values("v2", fails=True))
    assert failed.returncode != 0
    cluster.restart()
    assert cluster.look() == V1
    assert apply(DEPLOY, build_values("v2", fails=True)).returncode != 0
    assert cluster.look() == V1

    corrected = apply(DEPLOY, build_values("v2"))
    assert corrected.returncode == 0, corrected.stderr
    assert cluster.look() == V2
    assert {name for name in cluster.list_all("job") if name.startswith("seed")} == {
        n for n in made if n.startswith("seed")
    }

    known = list_migrations(cluster)
    values = build_values("v2")
    values["configs"]["settings"]["data"]["GREETING"] = "changed"
    changed = apply(DEPLOY, values)
    assert changed.returncode == 0, changed.stderr
    new = list_migrations(cluster) - known
    assert len(new) == 2
    assert any("schema for changed" in cluster.run("logs", f"job/{name}") for name in new)

    assert len(cluster.list_all("job")) == 8
    pruned = apply(CLEAN_UP, values)
    assert pruned.returncode == 0, pruned.stderr
    assert set(cluster.list_all("job")) == {*new, cluster.find_seed()}
    kept = {re.sub(r"-migrations-[0-9a-f]{8}$", "-copy", name) for name in cluster.list_all("configmap")}
    assert (kept, len(cluster.list_all("configmap"))) == ({"settings", "work", "settings-copy"}, 3)
    assert len(cluster.list_all("secret")) == 2
    assert cluster.look()[1].startswith("changed")
