from typing import Any

import pytest

from ks_universal.resources.objects import ObjectRef
from ks_universal.targets.kubernetes.observed.grace import PodIssue
from ks_universal.targets.kubernetes.observed.issues import describe_wait, find_issue
from ks_universal.targets.kubernetes.observed.pod_setup import find_setup_issues

Json = dict[str, Any]
CREATING = {"name": "main", "state": {"waiting": {"reason": "ContainerCreating"}}}
RUNNING = {"name": "main", "state": {"running": {"startedAt": "2026-01-01T00:01:00Z"}}}
DIED = {"name": "main", "state": {"waiting": {}}, "restartCount": 0, "lastState": {"terminated": {"exitCode": 255}}}
DEV = 'MountVolume.SetUp failed for volume "dev" : hostPath type check failed: /dev/x is not a character device'
LATE = 'MountVolume.SetUp failed for volume "tls" : secret "tls" not found'


def pod(*states: Json, ready: str | None = "False", since: str = "00:00") -> Json:
    said = {"type": "PodReadyToStartContainers", "status": ready, "lastTransitionTime": f"2026-01-01T00:{since}Z"}
    return {
        "metadata": {"name": "p"},
        "spec": {"nodeName": "node", "containers": [{"name": state["name"]} for state in states]},
        "status": {"containerStatuses": list(states), "conditions": [] if ready is None else [said]},
    }


def event(reason: str, message: str = "", at: str = "00:10") -> Json:
    return {"reason": reason, "message": message, "lastTimestamp": f"2026-01-01T00:{at}Z"}


def find(*events: Json, of: Json | None = None) -> list[PodIssue]:
    return list(find_setup_issues(pod(CREATING) if of is None else of, events))


@pytest.mark.parametrize(
    ("reason", "message", "code"),
    [
        ("FailedMount", DEV, "kubernetes/volume"),
        ("FailedMount", "driver name secrets-store.csi.k8s.io not found in the list of drivers", "kubernetes/volume"),
        ("FailedMapVolume", 'MapVolume.SetUpDevice failed for volume "raw" : no such device', "kubernetes/volume"),
        ("FailedAttachVolume", 'Multi-Attach error for volume "pvc-1" Volume is already used', "kubernetes/volume"),
        ("FailedCreatePodSandBox", 'plugin type="calico" failed (add): error getting', "kubernetes/sandbox"),
        ("NetworkNotReady", "network is not ready: cni plugin not initialized", "kubernetes/sandbox"),
        ("FailedMount", LATE, "kubernetes/missing-reference"),
    ],
)
def test_what_the_node_cannot_do_for_a_pod_is_named_and_has_a_patience(reason: str, message: str, code: str) -> None:
    (issue,) = find(event(reason, message))
    assert issue.problem.code == code
    assert message in issue.problem.message
    assert 30 <= issue.grace_s <= 120


def test_a_volume_of_a_missing_object_names_it_and_one_of_a_missing_key_has_no_patience() -> None:
    assert find(event("FailedMount", LATE))[0].missing == ObjectRef("Secret", "", "tls")
    several = 'MountVolume.SetUp failed for volume "all" : [configmap "a" not found, secret "b" not found]'
    assert find(event("FailedMount", several))[0].missing == ObjectRef("ConfigMap", "", "a")
    (of_a_key,) = find(event("FailedMount", 'failed for volume "v" : references non-existent secret key: k'))
    assert (of_a_key.grace_s, of_a_key.missing) == (0, None)


@pytest.mark.parametrize("of", [pod(RUNNING, ready="True"), pod(CREATING, ready="True"), pod(RUNNING, ready=None)])
def test_what_has_passed_by_is_no_issue(of: Json) -> None:
    assert find(event("FailedMount", LATE), event("FailedCreatePodSandBox", "once"), of=of) == []
    assert find_issue(of, [event("FailedMount", LATE)]) is None


@pytest.mark.parametrize("reason", ["Pulling", "Pulled", "Created"])
def test_a_failure_before_something_that_needs_its_success_does_not_count(reason: str) -> None:
    assert find(event("FailedMount", LATE), event(reason)) == []
    assert len(find(event(reason), event("FailedMount", LATE))) == 1


def test_a_volume_that_was_attached_since_is_no_issue_and_another_one_is() -> None:
    failed = [event("FailedAttachVolume", f'AttachVolume.Attach failed for volume "{name}" : no') for name in "ab"]
    attached = event("SuccessfulAttachVolume", 'AttachVolume.Attach succeeded for volume "b" ')
    (issue,) = find(*failed, attached)
    assert 'volume "a"' in issue.problem.message


def test_what_failed_before_the_node_was_started_anew_does_not_count() -> None:
    again = pod(DIED, since="30:00")
    assert find(event("FailedMount", LATE, "10:00"), of=again) == []
    assert len(find(event("FailedCreatePodSandBox", "no network", "30:05"), of=again)) == 1
    assert len(find(event("FailedMount", LATE, "10:00"), of=pod(CREATING, since="30:00"))) == 1  # it never was set up


def test_the_reason_is_said_and_not_the_sum_that_follows_it() -> None:
    summary = "Unable to attach or mount volumes: unmounted volumes=[dev]: timed out waiting for the condition"
    (issue,) = find(event("FailedMount", DEV), event("FailedMount", summary))
    assert "hostPath type check failed" in issue.problem.message
    assert "timed out" in find(event("FailedMount", summary))[0].problem.message


def test_a_message_that_names_each_try_by_another_id_stays_the_same() -> None:
    said = {
        issue.problem.message
        for sandbox in ("0123456789abcdef" * 4, "fedcba9876543210" * 4)
        for issue in find(event("FailedCreatePodSandBox", f'failed to setup network for sandbox "{sandbox}": no'))
    }
    assert len(said) == 1


def test_what_is_waited_for_says_the_failure_at_once() -> None:
    waits = describe_wait(pod(CREATING), [event("FailedMount", DEV)])
    assert waits == f"container main to be created (a volume cannot be mounted: {DEV})"
    assert describe_wait(pod(CREATING), ()) == "container main to be created"


def test_a_missing_object_is_what_is_waited_for() -> None:
    state = {"waiting": {"reason": "CreateContainerConfigError", "message": 'secret "db" not found'}}
    assert describe_wait(pod({"name": "main", "state": state})) == "Secret db, which is not there yet"
