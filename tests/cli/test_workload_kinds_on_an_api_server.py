"""Stateful and daemon sets on an API server in memory: rolled out, gated, unblocked, removed; their claims stay.

The same is asked of a real cluster in tests/cluster.
"""

from collections.abc import Callable
from typing import Any

import pytest

from support.fake_api_server import FakeApiServer, Fault, Program
from support.shell import Invoke, Outcome, Write

Json = dict[str, Any]
Deploy = Callable[..., Outcome]
VALUES = """
statefulSets:
  db:
    replicas: 2
    volumeClaimTemplates: {data: {size: 1Gi, accessModes: [ReadWriteOnce]}}
    migrations: {enabled: true, args: [migrate], backoffLimit: 0}
    containers:
      main:
        image: db
        imageTag: v1
        readinessProbe: {exec: {command: ["true"]}, periodSeconds: 1}
        volumeMounts: [{name: data, mountPath: /data}]
daemonSets:
  agent:
    containers:
      main: {image: agent, imageTag: v1, readinessProbe: {exec: {command: ["true"]}}}
"""
NOT_PULLED = Program(waiting={"reason": "ErrImagePull", "message": "not found"})


@pytest.fixture(autouse=True)
def kubeconfig(api_server: FakeApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(api_server.kubeconfig))
    api_server.kubelet.run("db-migrations", Program(("migrating",), 0))


@pytest.fixture
def deploy(ksu: Invoke, write: Write) -> Deploy:
    """Deploys values, changed by texts: `deploy("db\\n        imageTag: v1", "...")`."""

    def run(*changes: str, options: tuple[str, ...] = (), command: str = "deploy") -> Outcome:
        values = VALUES
        for old, new in zip(changes[::2], changes[1::2], strict=True):
            assert old in values
            values = values.replace(old, new)
        write({"values.yaml": values})
        return ksu(command, "shop", "-f", "values.yaml", *options)

    return run


def images(server: FakeApiServer, owner: str) -> dict[str, str]:
    """The images of the pods of an owner that are not told to stop."""
    pods = (pod for pod in server.pods_of(owner) if "deletionTimestamp" not in pod["metadata"])
    return {pod["metadata"]["name"]: pod["spec"]["containers"][0]["image"] for pod in pods}


def test_both_kinds_are_rolled_out_after_the_migrations_and_shown(
    api_server: FakeApiServer, deploy: Deploy, ksu: Invoke
) -> None:
    first = deploy()
    assert first.status == 0, first.err
    assert images(api_server, "db") == {"db-0": "db:v1", "db-1": "db:v1"}
    assert api_server.names("services") == ["db-headless"]
    assert api_server.names("persistentvolumeclaims") == ["data-db-0", "data-db-1"]
    again = deploy(command="plan")
    assert "0 to create, 0 to change, 0 to delete, 3 unchanged; 0 migrations to run" in again.out

    second = deploy(" v1", " v2")
    assert second.status == 0, second.err
    assert images(api_server, "db") == {"db-0": "db:v2", "db-1": "db:v2"}
    assert list(images(api_server, "agent").values()) == ["agent:v2"]
    lines = second.out.splitlines()
    done = [next(i for i, line in enumerate(lines) if line.startswith(step) and "done" in line) for step in
            ("db/migrations", "db/rollout")]  # fmt: skip
    assert done == sorted(done)
    assert "deprecated" not in second.out
    status = ksu("status", "shop").out
    assert "db: 2 of 2 ready\n" in status
    assert "agent: 1 of 1 ready\n" in status


def test_a_failing_migration_leaves_both_kinds_as_they_are(api_server: FakeApiServer, deploy: Deploy) -> None:
    assert deploy().status == 0
    api_server.kubelet.run("db-migrations", Program(("no such table",), 1))
    failed = deploy(" v1", " v2")
    assert failed.status == 3
    assert set(images(api_server, "db").values()) == {"db:v1"}
    assert set(images(api_server, "agent").values()) == {"agent:v1"}
    assert "not started: db/rollout, agent/rollout" in failed.out


def test_a_broken_pod_is_named_and_does_not_keep_the_rollback_waiting(
    api_server: FakeApiServer, deploy: Deploy, ksu: Invoke
) -> None:
    assert deploy().status == 0
    api_server.kubelet.run("db", NOT_PULLED)
    failed = deploy(" v1", " v2")
    assert failed.status == 4
    assert "error[kubernetes/image]: container main: its image cannot be pulled: not found" in failed.out
    assert "1 pod of the version before still serves" in failed.out

    api_server.kubelet.run("db", Program())
    back = ksu("rollback", "shop")
    assert back.status == 0, back.out
    assert "db-1, a pod of an earlier version that cannot start (container main: its image cannot be pulled" in back.out
    assert images(api_server, "db") == {"db-0": "db:v1", "db-1": "db:v1"}


def test_a_role_that_may_not_delete_the_broken_pod_is_told_to(
    api_server: FakeApiServer, deploy: Deploy, ksu: Invoke
) -> None:
    assert deploy().status == 0
    api_server.kubelet.run("db", NOT_PULLED)
    assert deploy(" v1", " v2").status == 4
    forbidden = b'{"reason": "Forbidden", "message": "User \\"x\\" cannot"}'
    api_server.fail(Fault("/pods/", "DELETE", times=99, status=403, body=forbidden))
    stuck = ksu("rollback", "shop", "--timeout", "8")
    assert "keeps it from going on, and your role may not delete it: kubectl delete pod db-1" in stuck.out


@pytest.mark.parametrize("strategy", ["{type: OnDelete}", "{rollingUpdate: {partition: 5}}"])
def test_pods_that_the_values_leave_are_told_of_and_not_awaited(
    api_server: FakeApiServer, deploy: Deploy, ksu: Invoke, strategy: str
) -> None:
    update = ("    replicas: 2", f"    replicas: 2\n    updateStrategy: {strategy}")
    assert deploy(*update).status == 0
    second = deploy(*update, " v1", " v2")
    assert second.status == 0, second.out
    assert "warning[kubernetes/pods-left]: StatefulSet/db: " in second.err
    assert set(images(api_server, "db").values()) == {"db:v1"}
    assert "db: 2 of 2 ready; 2 old pods stay, by its updateStrategy" in ksu("status", "shop").out


def test_a_partition_is_rolled_out_as_far_as_it_goes(api_server: FakeApiServer, deploy: Deploy) -> None:
    update = ("    replicas: 2", "    replicas: 2\n    updateStrategy: {rollingUpdate: {partition: 1}}")
    assert deploy(*update).status == 0
    second = deploy(*update, " v1", " v2")
    assert second.status == 0, second.out
    assert images(api_server, "db") == {"db-0": "db:v1", "db-1": "db:v2"}
    assert "its first 1 pods keep" not in second.err
    assert "1 of its pods keeps the version before" in second.err
    assert deploy(" v1", " v2").status == 0
    assert set(images(api_server, "db").values()) == {"db:v2"}


def test_what_cannot_change_is_named_before_anything_starts(api_server: FakeApiServer, deploy: Deploy) -> None:
    assert deploy().status == 0
    refused = deploy(
        "1Gi", "2Gi", " v1", " v2", "    replicas: 2", "    replicas: 2\n    podManagementPolicy: Parallel"
    )
    assert refused.status == 1
    keys = "statefulSets.db.podManagementPolicy, statefulSets.db.volumeClaimTemplates"
    assert f"error[kubernetes/immutable]: StatefulSet/db: {keys} cannot be changed while it is there" in refused.err
    assert "--cascade=orphan" in refused.err
    assert set(images(api_server, "agent").values()) == {"agent:v1"}


@pytest.mark.parametrize(
    ("options", "left", "told"), [((), ["data-db-0", "data-db-1"], "kept"), (("--delete-data",), [], "deleted")]
)
def test_the_claims_of_a_stateful_set_are_data(
    api_server: FakeApiServer, deploy: Deploy, ksu: Invoke, options: tuple[str, ...], left: list[str], told: str
) -> None:
    assert deploy().status == 0
    gone = ksu("uninstall", "shop", *options)
    assert gone.status == 0, gone.err
    assert api_server.names("persistentvolumeclaims") == left
    assert f"PersistentVolumeClaim/data-db-1 {told}" in gone.out
    assert api_server.names("statefulsets") == api_server.names("daemonsets") == []


def test_claims_stay_when_their_stateful_set_leaves_the_values(api_server: FakeApiServer, deploy: Deploy) -> None:
    assert deploy().status == 0
    rest = VALUES[: VALUES.index("daemonSets:")]
    gone = deploy(rest, "")
    assert gone.status == 0, gone.err
    assert "PersistentVolumeClaim/data-db-0 (its data stays" in gone.out
    assert api_server.names("persistentvolumeclaims") == ["data-db-0", "data-db-1"]
