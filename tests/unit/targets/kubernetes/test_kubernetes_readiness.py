from typing import Any

import pytest

from ks_universal.targets.kubernetes.observed.readiness import may_shrink, read_progress
from ks_universal.targets.kubernetes.observed.versions import new_pods, old_pods

Json = dict[str, Any]
REVISION = "deployment.kubernetes.io/revision"


def template(revision: str, **labels: str) -> Json:
    spec = {"containers": [{"name": "main", "image": f"app:{revision}"}]}
    return {"metadata": {"labels": {"app": "app", **labels}}, "spec": spec}


def deployment(*, replicas: int = 2, paused: bool = False, revision: str = "2", **status: Any) -> Json:
    metadata = {"name": "app", "uid": "d", "generation": 2, "annotations": {REVISION: "2"}}
    settled = {"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}
    spec = {"replicas": replicas, "paused": paused, "template": template(revision)}
    return {"kind": "Deployment", "metadata": metadata, "spec": spec, "status": {**settled, **status}}


def replica_set(revision: str) -> Json:
    metadata = {"name": f"app-{revision}", "uid": f"r{revision}", "annotations": {REVISION: revision}}
    return {"metadata": metadata, "spec": {"template": template(revision, **{"pod-template-hash": f"h{revision}"})}}


def pod(revision: str, phase: str = "Running", *, stopping: bool = False) -> Json:
    owner = {"kind": "ReplicaSet", "name": f"app-{revision}", "uid": f"r{revision}", "controller": True}
    ready = {"type": "Ready", "status": "True"}
    metadata = {"name": "p", "labels": {"pod-template-hash": f"h{revision}"}, "ownerReferences": [owner]}
    told = {"deletionTimestamp": "2026-01-01T00:00:00Z"} if stopping else {}
    return {"metadata": {**metadata, **told}, "status": {"phase": phase, "conditions": [ready]}}


SETS = [replica_set("1"), replica_set("2")]


def test_done_when_all_pods_are_new_and_available() -> None:
    assert read_progress(deployment(), SETS, [pod("2"), pod("2")]).done


def test_a_spec_that_the_controller_has_not_seen_is_not_done() -> None:
    assert read_progress(deployment(observedGeneration=1), SETS, []).waits_for == "the Deployment's controller"


def test_pods_of_the_version_before_are_not_taken_for_new_ones_until_the_controller_has_seen_the_new_template() -> None:
    unseen = deployment(revision="3", observedGeneration=1)  # its annotation names the second one still
    assert new_pods(unseen, SETS, [pod("2")]) == []
    assert old_pods(unseen, SETS, [pod("2")]) == [pod("2")]


def test_pods_of_a_template_that_was_there_before_are_new_ones_when_it_comes_back() -> None:
    assert new_pods(deployment(revision="1"), SETS, [pod("1"), pod("2")]) == [pod("1")]


def test_new_pods_that_are_not_available_are_counted() -> None:
    assert read_progress(deployment(availableReplicas=1), SETS, [pod("2")]).waits_for == "its new pods: 1 of 2 ready"


def test_an_old_pod_is_waited_for_until_it_is_told_to_stop() -> None:
    news = [pod("2"), pod("2")]
    assert read_progress(deployment(), SETS, [pod("1"), *news]).waits_for == "1 old pod to be told to stop"
    assert read_progress(deployment(), SETS, [pod("1", stopping=True), *news]).done


def test_where_pods_are_recreated_it_is_the_old_ones_that_are_waited_for() -> None:
    recreated = deployment(updatedReplicas=0, availableReplicas=0)
    recreated["spec"]["strategy"] = {"type": "Recreate"}
    assert read_progress(recreated, SETS, [pod("1", stopping=True)]).waits_for == "1 old pod to end"
    assert read_progress(recreated, SETS, []).waits_for == "its new pods: 0 of 2 ready"


def test_the_status_counts_old_pods_that_are_not_seen_yet() -> None:
    surge = deployment()
    surge["status"]["replicas"] = 3
    assert read_progress(surge, SETS, [pod("2"), pod("2")]).waits_for == "1 old pod to be told to stop"


def test_an_old_pod_that_is_stopping_is_there_until_it_is_gone_also_without_its_replica_set() -> None:
    stopping = pod("1", stopping=True)
    assert old_pods(deployment(), SETS, [stopping, pod("2")]) == [stopping]
    assert old_pods(deployment(), SETS[1:], [stopping, pod("2")]) == [stopping]


def test_a_pod_that_no_deployment_has_made_is_no_old_one() -> None:
    bare = pod("1")
    bare["metadata"]["labels"] = {}
    assert old_pods(deployment(), SETS, [bare]) == []


def test_new_pods_that_are_not_ready_are_waited_for_while_old_ones_count_as_available() -> None:
    surge = deployment(replicas=1, replicas_=2, updatedReplicas=1, availableReplicas=1)
    assert read_progress(surge, SETS, [pod("1")]).waits_for == "its new pods: 0 of 1 ready"


def test_an_old_pod_that_has_ended_is_not_waited_for() -> None:
    assert read_progress(deployment(), SETS, [pod("1", "Failed"), pod("2")]).done


def test_too_slow_is_a_failure() -> None:
    condition = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "slow"}
    progress = read_progress(deployment(conditions=[condition], availableReplicas=1), SETS, [pod("2")])
    assert progress.failure is not None
    assert progress.failure.code == "kubernetes/progress-deadline"
    assert progress.waits_for == "its new pods: 1 of 2 ready"


@pytest.mark.parametrize("status", [{"updatedReplicas": 0}, {"updatedReplicas": 1}, {"replicas_": 3}])
def test_a_paused_deployment_whose_pods_are_of_the_version_before_is_not_done(status: Json) -> None:
    progress = read_progress(deployment(paused=True, **status), SETS, [pod("1"), pod("2"), pod("2")])
    assert (progress.done, progress.paused) == (False, True)
    assert "paused" in progress.waits_for


def test_a_paused_deployment_all_of_whose_pods_are_new_is_done_when_they_are_ready() -> None:
    assert read_progress(deployment(paused=True), SETS, [pod("2"), pod("2")]).done
    progress = read_progress(deployment(paused=True, availableReplicas=0), SETS, [])
    assert (progress.done, progress.paused, progress.waits_for) == (False, False, "its new pods: 0 of 2 ready")


def test_no_replicas_wanted_is_done_when_all_have_gone() -> None:
    none = deployment(replicas=0, replicas_=0, updatedReplicas=0, availableReplicas=0)
    none["status"]["replicas"] = 0
    assert read_progress(none, SETS, []).done


@pytest.mark.parametrize(
    ("replicas", "strategy", "expected"),
    [
        (1, {}, False),
        (4, {}, True),
        (3, {"rollingUpdate": {"maxUnavailable": "34%"}}, True),
        (1, {"rollingUpdate": {"maxUnavailable": 1}}, True),
        (4, {"rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}, False),
        (4, {"rollingUpdate": {"maxUnavailable": 0, "maxSurge": "0%"}}, True),
        (1, {"type": "Recreate"}, True),
    ],
)
def test_old_pods_may_end_before_new_ones_are_ready(replicas: int, strategy: Json, expected: bool) -> None:
    assert may_shrink({"kind": "Deployment", "spec": {"replicas": replicas, "strategy": strategy}}) is expected
