"""Rollouts of stateful and daemon sets that come no further, and the pods that block them."""

import asyncio
from typing import Any

import pytest

from ks_universal.diagnostics import Problem
from ks_universal.plan.changes import Change, FieldChange, ObjectChange, Operation
from ks_universal.resources.objects import ObjectRef
from ks_universal.targets.kubernetes.objects.image_ids import find_moved
from ks_universal.targets.kubernetes.observed.readiness import Progress
from ks_universal.targets.kubernetes.preflight.fixed_fields import name_fixed_fields, warn_of_left_pods
from ks_universal.targets.kubernetes.rollout import blocked, stall
from ks_universal.targets.kubernetes.rollout.blocked import BlockedUpdate
from ks_universal.targets.kubernetes.rollout.stall import Stall

Json = dict[str, Any]
CONTAINER = {"name": "main", "image": "a:1"}
TEMPLATE: Json = {"metadata": {}, "spec": {"containers": [CONTAINER], "terminationGracePeriodSeconds": 20}}
PULL = {"waiting": {"reason": "ErrImagePull", "message": "not found"}}


def stateful_set(**spec: Any) -> Json:
    status = {"observedGeneration": 1, "currentRevision": "r2", "updateRevision": "r2"}
    metadata = {"name": "db", "uid": "s", "generation": 1}
    return {"kind": "StatefulSet", "metadata": metadata, "spec": {"replicas": 2, "template": TEMPLATE, **spec},
            "status": status}  # fmt: skip


def pod(number: int, revision: str, state: Json) -> Json:
    owner = {"kind": "StatefulSet", "name": "db", "uid": "s", "controller": True}
    metadata = {
        "name": f"db-{number}",
        "uid": f"p{number}",
        "labels": {"controller-revision-hash": revision},
        "ownerReferences": [owner],
    }
    status = {"name": "main", "state": state, "imageID": f"x@sha256:{revision}"}
    return {"metadata": metadata, "spec": {"containers": [CONTAINER]}, "status": {"containerStatuses": [status]}}


class Deletions:
    """Stands for the client and the observer: what was deleted, and no events."""

    def __init__(self) -> None:
        self.names: list[str] = []

    async def delete(self, _: object, name: str, *, uid: str) -> None:
        assert uid
        self.names.append(name)

    def events(self, _: Json) -> list[Json]:
        return []


def look(workload: Json, *pods: Json) -> tuple[list[str], str]:
    stand_in = Deletions()
    update = BlockedUpdate(stand_in, stand_in)  # type: ignore[arg-type]
    said = asyncio.run(update.look(workload, list(pods)))
    return stand_in.names, said


def test_an_old_pod_that_cannot_start_is_deleted() -> None:
    names, said = look(stateful_set(), pod(0, "r1", {"running": {}}), pod(1, "r1", PULL))
    assert names == []  # the first that is not ready is what it waits for
    assert said.startswith("db-0, a pod of an earlier version, is not ready; if it never will be: kubectl delete pod")
    names, said = look(stateful_set(), pod(1, "r1", PULL))
    assert names == ["db-1"]
    assert said == (
        "db-1, a pod of an earlier version that cannot start (container main: its image cannot be pulled: not found),"
        " was deleted to be replaced"
    )


@pytest.mark.parametrize(
    "workload",
    [
        stateful_set(podManagementPolicy="Parallel"),
        stateful_set(updateStrategy={"type": "OnDelete"}),
        stateful_set(updateStrategy={"rollingUpdate": {"partition": 2}}),
        {**stateful_set(), "kind": "DaemonSet"},
    ],
)
def test_what_does_not_block_or_is_not_replaced_stays(workload: Json) -> None:
    assert look(workload, pod(1, "r1", PULL)) == ([], "")


def test_new_pods_are_never_deleted() -> None:
    assert look(stateful_set(), pod(1, "r2", PULL)) == ([], "")


@pytest.mark.parametrize("status", [{}, {"observedGeneration": 0, "currentRevision": "r1", "updateRevision": "r1"}])
def test_before_the_controller_has_seen_the_version_no_pod_is_called_old(status: Json) -> None:
    """So of the first pod of a new StatefulSet."""
    assert look({**stateful_set(), "status": status}, pod(0, "r2", PULL), pod(1, "r2", {"running": {}})) == ([], "")


def test_trouble_that_may_pass_is_given_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(blocked, "now_s", lambda: now[0])
    stand_in, crashed = Deletions(), {"waiting": {"reason": "CrashLoopBackOff"}}
    update = BlockedUpdate(stand_in, stand_in)  # type: ignore[arg-type]
    broken = pod(1, "r1", crashed)
    broken["status"]["containerStatuses"][0] |= {"restartCount": 1, "lastState": {"terminated": {"exitCode": 3}}}
    assert asyncio.run(update.look(stateful_set(), [broken])) == ""
    assert update.left_s() == 10.0
    now[0] = 110.0
    asyncio.run(update.look(stateful_set(), [broken]))
    assert stand_in.names == ["db-1"]


def test_a_rollout_that_comes_no_further_fails_and_one_that_moves_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(stall, "now_s", lambda: now[0])
    watch, waits = Stall(600.0), Progress(done=False, waits_for="its new pods: 0 of 2 ready")
    workload = stateful_set(minReadySeconds=5)
    assert watch.look(workload, waits).failure is None
    assert watch.left_s() == 625.0
    now[0] = 620.0
    assert watch.look(workload, Progress(done=False, waits_for="its new pods: 1 of 2 ready")).failure is None
    now[0] = 1244.0
    assert watch.look(workload, Progress(done=False, waits_for="its new pods: 1 of 2 ready")).failure is None
    now[0] = 1245.0
    failure = watch.look(workload, Progress(done=False, waits_for="its new pods: 1 of 2 ready")).failure
    assert failure is not None
    assert failure.message == "no progress for 625 s: it waits for its new pods: 1 of 2 ready"


def test_only_what_cannot_change_is_named() -> None:
    refused = Problem("kubernetes/invalid", "spec: Forbidden: updates to statefulset spec for fields other than 'x'")
    claims = {"volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": {"a": 1}}]}
    live = stateful_set(serviceName="db", podManagementPolicy="OrderedReady", **claims)
    assert name_fixed_fields(refused, live, stateful_set(serviceName="db", **claims)) == refused
    changed = name_fixed_fields(refused, live, stateful_set(serviceName="peers"))
    assert changed.code == "kubernetes/immutable"
    assert "statefulSets.db.serviceName, statefulSets.db.volumeClaimTemplates cannot be changed" in changed.message
    other = Problem("kubernetes/invalid", "spec.replicas: must not be negative")
    assert name_fixed_fields(other, live, stateful_set(serviceName="peers")) == other


def test_pods_that_stay_are_told_of_only_where_they_would_change() -> None:
    field = FieldChange(Operation.REPLACE, ("spec", "template", "spec"), 1, 2)
    change = ObjectChange(identity=ObjectRef("StatefulSet", "ns", "db"), change=Change.CHANGED, fields=(field,))
    held = stateful_set(updateStrategy={"rollingUpdate": {"partition": 1}})
    warning = warn_of_left_pods(held, change)
    assert warning is not None
    assert "1 of its pods keeps the version before" in warning.message
    assert warn_of_left_pods(stateful_set(), change) is None
    assert warn_of_left_pods(held, ObjectChange(identity=change.identity, change=Change.CHANGED)) is None


def test_of_a_stateful_set_only_pods_of_the_current_version_tell_which_image_they_have() -> None:
    live, pods = stateful_set(), [pod(0, "r1", {"running": {}}), pod(1, "r2", {"running": {}})]
    assert find_moved(live, {"a:1": "sha256:r2"}, [], pods) == {}
    assert find_moved(live, {"a:1": "sha256:new"}, [], pods) == {"a:1": "sha256:new"}
