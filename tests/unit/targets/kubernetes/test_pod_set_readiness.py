"""How far stateful and daemon sets are, by their status and the revisions of their pods."""

from typing import Any

import pytest

from ks_universal.targets.kubernetes.observed.readiness import (
    count_left,
    count_wanted,
    is_settled,
    may_shrink,
    proves_itself,
    read_progress,
)
from ks_universal.targets.kubernetes.observed.versions import new_pods, old_pods

Json = dict[str, Any]
TEMPLATE: Json = {"metadata": {}, "spec": {"containers": [{"name": "main", "image": "a:1"}]}}
HASH = "controller-revision-hash"


def stateful_set(
    *, updated: int = 3, available: int = 3, replicas: int = 3, revisions: tuple[str, str] = ("r1", "r2"), **spec: Any
) -> Json:
    status = {
        "observedGeneration": 2,
        "replicas": replicas,
        "updatedReplicas": updated,
        "availableReplicas": available,
        "currentRevision": revisions[0],
        "updateRevision": revisions[1],
    }
    metadata = {"name": "db", "uid": "s", "generation": 2}
    return {
        "kind": "StatefulSet",
        "metadata": metadata,
        "spec": {"replicas": 3, "template": TEMPLATE, **spec},
        "status": status,
    }


def daemon_set(*, updated: int = 2, available: int = 2, existing: int = 2, **spec: Any) -> Json:
    status = {
        "observedGeneration": 2,
        "desiredNumberScheduled": 2,
        "currentNumberScheduled": existing,
        "updatedNumberScheduled": updated,
        "numberAvailable": available,
    }
    metadata = {"name": "agent", "uid": "d", "generation": 2}
    return {"kind": "DaemonSet", "metadata": metadata, "spec": {"template": TEMPLATE, **spec}, "status": status}


def revision(name: str, number: int) -> Json:
    return {"metadata": {"name": f"agent-{name}", "labels": {HASH: name}}, "revision": number}


def pods(*revisions: str, unready: tuple[int, ...] = (), stopping: tuple[int, ...] = ()) -> list[Json]:
    """Pods by their revisions; `unready` and `stopping` are their numbers."""
    return [
        {
            "metadata": {
                "name": f"db-{number}",
                "labels": {HASH: name},
                **({"deletionTimestamp": "2026-01-01T00:00:00Z"} if number in stopping else {}),
            },
            "status": {
                "phase": "Running",
                "conditions": [{"type": "Ready", "status": str(number not in unready)}],
            },
        }
        for number, name in enumerate(revisions)
    ]


PARTITION: dict[str, Any] = {"updateStrategy": {"rollingUpdate": {"partition": 2}}}
ON_DELETE: dict[str, Any] = {"updateStrategy": {"type": "OnDelete"}}
R1, R2 = revision("r1", 3), revision("r2", 2)


@pytest.mark.parametrize(
    ("workload", "found", "done", "waits_for", "left"),
    [
        (stateful_set(), pods("r2", "r2", "r2"), True, "", 0),
        (stateful_set(updated=1), pods("r1", "r1", "r2"), False, "its new pods: 1 of 3 ready", 0),
        (stateful_set(available=2), pods("r2", "r2", "r2", unready=(0,)), False, "its new pods: 2 of 3 ready", 0),
        (stateful_set(replicas=4), pods("r2", "r2", "r2", "r1"), False, "1 old pod to be told to stop", 0),
        (stateful_set(updated=1, **PARTITION), pods("r1", "r1", "r2"), True, "", 2),
        (stateful_set(updated=0, **PARTITION), pods("r1", "r1", "r1"), False, "its new pods: 0 of 1 ready", 0),
        (stateful_set(ordinals={"start": 2}, **PARTITION), pods("r2", "r2", "r2"), True, "", 0),
        (stateful_set(revisions=("r2", "r2"), **PARTITION), pods("r2", "r2", "r2"), True, "", 0),
        (stateful_set(updated=0, **ON_DELETE), pods("r1", "r1", "r1"), True, "", 3),
        (stateful_set(updated=0, available=2, **ON_DELETE), pods("r1", "r1", "r1", unready=(1,)), True, "", 3),
        (stateful_set(updated=1, **ON_DELETE), pods("r1", "r2", unready=(1,)), False, "its new pods: 0 of 1 ready", 1),
        (stateful_set(replicas=2, available=2, **ON_DELETE), pods("r1", "r1"), False, "its new pods: 0 of 1 ready", 2),
        (daemon_set(), pods("r1", "r1"), True, "", 0),
        (daemon_set(updated=1), pods("r1", "r2"), False, "its new pods: 1 of 2 ready", 0),
        (daemon_set(available=1), pods("r1", "r1", unready=(0,)), False, "its new pods: 1 of 2 ready", 0),
        (daemon_set(), pods("r1", "r1", "r2"), False, "1 old pod to be told to stop", 0),
        (daemon_set(), pods("r1", "r1", "r2", stopping=(2,)), True, "", 0),
        (daemon_set(updated=0, **ON_DELETE), pods("r2", "r2"), True, "", 2),
    ],
)  # fmt: skip
def test_progress(workload: Json, found: list[Json], done: bool, waits_for: str, left: int) -> None:
    progress = read_progress(workload, [R2, R1], found)
    assert (progress.done, progress.waits_for) == (done, waits_for)
    if done:
        assert progress.left == left


def test_what_its_controller_has_not_seen_has_no_new_pods_and_is_not_done() -> None:
    unseen = stateful_set()
    unseen["metadata"]["generation"] = 3
    assert read_progress(unseen, [], pods("r2")).waits_for == "the StatefulSet's controller"
    assert new_pods(unseen, [], pods("r2")) == []
    assert not is_settled(unseen)


def test_a_daemon_sets_pods_are_new_by_the_revision_with_the_highest_number() -> None:
    found = pods("r1", "r2", "r2", stopping=(2,))
    assert [pod["metadata"]["name"] for pod in new_pods(daemon_set(), [R1, R2], found)] == ["db-0"]
    assert [pod["metadata"]["name"] for pod in old_pods(daemon_set(), [R1, R2], found)] == ["db-1", "db-2"]


def test_the_status_alone_tells_what_is_settled() -> None:
    assert is_settled(stateful_set())
    assert not is_settled(stateful_set(updated=2))
    assert not is_settled(stateful_set(available=2))
    assert is_settled(stateful_set(updated=1, **PARTITION))
    assert is_settled(daemon_set())
    assert not is_settled(daemon_set(updated=1))


def test_pods_below_the_partition_are_not_wanted_of_the_new_version() -> None:
    assert (count_wanted(stateful_set(**PARTITION)), count_left(stateful_set(**PARTITION))) == (1, 2)
    assert (count_wanted(daemon_set()), count_left(daemon_set())) == (2, 0)


@pytest.mark.parametrize(
    ("workload", "expected"),
    [
        (stateful_set(), True),
        (daemon_set(), True),
        (daemon_set(updateStrategy={"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}), False),
    ],
)
def test_old_pods_may_end_before_new_ones_are_ready(workload: Json, expected: bool) -> None:
    assert may_shrink(workload) is expected


def test_a_daemon_set_that_no_node_takes_has_nothing_to_prove() -> None:
    nowhere = daemon_set()
    nowhere["status"]["desiredNumberScheduled"] = 0
    assert proves_itself(nowhere)
    assert not proves_itself(daemon_set())
