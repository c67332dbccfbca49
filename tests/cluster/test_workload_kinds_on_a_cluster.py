"""Stateful and daemon sets with their real controllers: gated, replaced in order, unblocked, and their claims kept."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from ks_universal.targets.kubernetes.api.kinds import CLAIM, POD
from support.deploying import items, kubectl
from support.shell import Invoke

VALUES = """
statefulSets:
  db:
    replicas: 2
    terminationGracePeriodSeconds: 5
    migrations:
      enabled: true
      command: [sh, -c, "echo migrating to v1"]
      backoffLimit: 0
    containers: &containers
      main:
        image: busybox
        imageTag: local
        command: [sh, -c, "echo v1; trap 'exit 0' TERM; sleep 1000 & wait"]
        readinessProbe: {exec: {command: ["true"]}, periodSeconds: 1}
daemonSets:
  agent:
    terminationGracePeriodSeconds: 5
    containers: *containers
"""
CLAIMS = """
statefulSets:
  db:
    containers:
      main:
        image: busybox
        imageTag: local
        command: [sh, -c, "trap 'exit 0' TERM; sleep 1000 & wait"]
        volumeMounts: [{name: data, mountPath: /data}]
    volumeClaimTemplates:
      data: {size: 1Mi, accessModes: [ReadWriteOnce], storageClassName: NAMESPACE}
"""


@pytest.fixture
def volume(namespace: str) -> Iterator[None]:
    """A volume of the node, for claims of a class that is called as the namespace."""
    spec = {
        "capacity": {"storage": "1Mi"},
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": namespace,
        "hostPath": {"path": f"/var/tmp/{namespace}", "type": "DirectoryOrCreate"},
    }
    body = {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": namespace}, "spec": spec}
    kubectl(namespace, "apply", "-f", "-", text=json.dumps(body))
    yield
    kubectl(namespace, "delete", "persistentvolume", namespace, "--wait=false")


def write(tmp_path: Path, values: str) -> str:
    file = tmp_path / "values.yaml"
    file.write_text(values)
    return str(file)


def commands(namespace: str) -> dict[str, str]:
    """What the pods of both kinds run, those that are stopping included: `{"db-0": "v1", "agent": "v1"}`."""
    pods = [pod for pod in items(namespace, POD) if "job-name" not in pod["metadata"]["labels"]]
    names = {pod["metadata"]["name"]: pod["spec"]["containers"][0]["command"][-1][5:7] for pod in pods}
    return {"agent" if name.startswith("agent-") else name: version for name, version in names.items()}


def test_a_life_of_a_stateful_and_a_daemon_set(namespace: str, ksu: Invoke, tmp_path: Path) -> None:
    """First deploy, next version with a contracting migration, a failing migration, a broken image, and back."""
    first = ksu("deploy", "shop", "-f", write(tmp_path, VALUES))
    assert first.status == 0, first.out + first.err
    assert commands(namespace) == {"db-0": "v1", "db-1": "v1", "agent": "v1"}
    assert "0 to change, 0 to delete, 3 unchanged" in ksu("plan", "shop", "-f", write(tmp_path, VALUES)).out

    second = VALUES.replace("v1", "v2").replace("enabled: true", "enabled: true\n      phase: post")
    contracted = ksu("deploy", "shop", "-f", write(tmp_path, second))
    assert contracted.status == 0, contracted.out + contracted.err
    assert contracted.out.index("db/rollout ") < contracted.out.index("| migrating to v2")
    assert commands(namespace) == {"db-0": "v2", "db-1": "v2", "agent": "v2"}

    failing = VALUES.replace("v1", "v3").replace("echo migrating to", "exit 3; echo")
    failed = ksu("deploy", "shop", "-f", write(tmp_path, failing))
    assert failed.status == 3
    assert "not started: db/rollout, agent/rollout" in failed.out
    assert commands(namespace) == {"db-0": "v2", "db-1": "v2", "agent": "v2"}

    # Its migration has the image that is there.
    broken = VALUES.replace("imageTag: local", "imageTag: none").replace(
        "enabled: true", "enabled: true\n      imageTag: local"
    )
    stuck = ksu("deploy", "shop", "-f", write(tmp_path, broken))
    assert stuck.status == 4
    assert stuck.out.count("error[kubernetes/image]: container main: its image cannot be pulled") == 2
    assert "1 pod of the version before still serves" in stuck.out

    back = ksu("rollback", "shop", "2", "--timeout", "120")
    assert back.status == 0, back.out + back.err
    assert "db-1, a pod of an earlier version that cannot start" in back.out
    assert commands(namespace) == {"db-0": "v2", "db-1": "v2", "agent": "v2"}
    status = ksu("status", "shop").out
    assert "db: 2 of 2 ready\n" in status
    assert "agent: 1 of 1 ready\n" in status


@pytest.mark.usefixtures("volume")
def test_claims_are_named_kept_and_taken_up_again(namespace: str, ksu: Invoke, tmp_path: Path) -> None:
    """What cannot change is refused before; a StatefulSet that was deleted alone is made anew over its pod."""
    values = CLAIMS.replace("NAMESPACE", namespace)
    file = write(tmp_path, values)
    first = ksu("deploy", "shop", "-f", file)
    assert first.status == 0, first.out + first.err
    assert "0 to change, 0 to delete, 2 unchanged" in ksu("plan", "shop", "-f", file).out
    (pod,) = items(namespace, POD)

    larger = values.replace("1Mi", "2Mi").replace("  db:\n", "  db:\n    podManagementPolicy: Parallel\n")
    refused = ksu("deploy", "shop", "-f", write(tmp_path, larger))
    assert refused.status == 1
    assert "statefulSets.db.podManagementPolicy, statefulSets.db.volumeClaimTemplates cannot be changed" in refused.err

    kubectl(namespace, "delete", "statefulset", "db", "--cascade=orphan")
    anew = ksu("deploy", "shop", "-f", write(tmp_path, larger.replace("2Mi", "1Mi")))
    assert anew.status == 0, anew.out + anew.err
    assert [each["metadata"]["uid"] for each in items(namespace, POD)] == [pod["metadata"]["uid"]]

    gone = ksu("uninstall", "shop")
    assert gone.status == 0, gone.out + gone.err
    assert "PersistentVolumeClaim/data-db-0 kept" in gone.out
    assert [claim["metadata"]["name"] for claim in items(namespace, CLAIM)] == ["data-db-0"]
    again = ksu("deploy", "shop", "-f", file)
    assert again.status == 0, again.out + again.err
    assert ksu("uninstall", "shop", "--delete-data").status == 0
    assert items(namespace, CLAIM) == []
