from typing import Any

import pytest

from ks_universal.resources.objects import ObjectRef
from ks_universal.targets.kubernetes.observed.issues import (
    describe_end,
    describe_wait,
    find_creation_issue,
    find_issue,
)
from ks_universal.targets.kubernetes.observed.pods import find_failure, has_succeeded, is_disrupted

Json = dict[str, Any]


def pod(*main: Json, init: tuple[Json, ...] = (), sidecars: tuple[str, ...] = (), **status: Any) -> Json:
    containers = [{"name": state["name"], "resources": {"limits": {"memory": "16Mi"}}} for state in main]
    inits: list[Json] = [{"name": state["name"]} for state in init]
    for container in inits:
        if container["name"] in sidecars:
            container["restartPolicy"] = "Always"
    return {
        "kind": "Pod",
        "metadata": {"name": "p"},
        "spec": {"nodeName": "node", "containers": containers, "initContainers": inits},
        "status": {"containerStatuses": list(main), "initContainerStatuses": list(init), **status},
    }


def waiting(reason: str, message: str = "", name: str = "main", **more: Any) -> Json:
    return {"name": name, "state": {"waiting": {"reason": reason, "message": message}}, **more}


def ended(code: int, name: str = "main", **more: Any) -> Json:
    return {"name": name, "state": {"terminated": {"exitCode": code, **more}}}


def runs(name: str = "main") -> Json:
    return {"name": name, "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}}


@pytest.mark.parametrize(
    ("state", "code", "lasts"),
    [
        (waiting("ErrImagePull", 'failed to resolve "docker.io/library/a:1": not found'), "image", True),
        (waiting("ImagePullBackOff", "pull access denied, repository does not exist"), "image", True),
        (waiting("ErrImagePull", "dial tcp: i/o timeout"), "image", False),
        (waiting("InvalidImageName", "couldn't parse image name"), "image", True),
        (waiting("CreateContainerConfigError", 'secret "db" not found'), "missing-reference", False),
        (waiting("CreateContainerConfigError", "couldn't find key K in Secret shop/db"), "missing-reference", True),
        (waiting("CreateContainerConfigError", "container has runAsNonRoot and image runs as root"), "container", True),
        (waiting("CreateContainerConfigError", "failed to sync secret cache: timed out"), "missing-reference", False),
        (waiting("CreateContainerError", "no command specified"), "container", True),
        (waiting("CreateContainerError", "context deadline exceeded"), "container", False),
        (waiting("RunContainerError", "runc create failed: cgroup is gone"), "container", True),
        (waiting("RunContainerError", 'exec: "/no": stat /no: no such file or directory'), "command", True),
        (waiting("CrashLoopBackOff", restartCount=1), "crash-loop", False),
        (waiting("CrashLoopBackOff", restartCount=3), "crash-loop", True),
    ],
)
def test_a_issue_that_cannot_pass_has_no_patience(state: Json, code: str, lasts: bool) -> None:
    issue = find_issue(pod(state), ())
    assert issue is not None
    assert issue.problem.code == f"kubernetes/{code}"
    assert (issue.grace_s == 0) is lasts


@pytest.mark.parametrize("state", [waiting("ContainerCreating"), waiting("PodInitializing"), runs(), ended(0)])
def test_what_goes_its_way_is_no_issue(state: Json) -> None:
    assert find_issue(pod(state), ()) is None


def unschedulable(message: str = "0/1 nodes", **status: Any) -> Json:
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
    return pod(conditions=[condition], **status)


def test_a_pod_without_a_node_is_given_up_after_some_seconds() -> None:
    issue = find_issue(unschedulable(), ())
    assert issue is not None
    assert issue.problem.code == "kubernetes/unschedulable"
    assert issue.grace_s == 10


def test_a_place_among_other_pods_is_waited_for_longer() -> None:
    issue = find_issue(unschedulable("0/1 nodes are available: 1 Too many pods."), ())
    assert issue is not None
    assert issue.grace_s == 60


@pytest.mark.parametrize("reason", ["TriggeredScaleUp", "Nominated"])
def test_a_pod_for_which_a_node_is_on_its_way_is_waited_for(reason: str) -> None:
    assert find_issue(unschedulable(), [{"reason": reason}]) is None
    assert find_issue(unschedulable(nominatedNodeName="other"), ()) is None


def test_a_pod_whose_claims_are_not_bound_is_told_to_look_at_storage() -> None:
    waits = unschedulable()
    waits["status"]["conditions"][0]["message"] = "0/1 nodes: pod has unbound immediate PersistentVolumeClaims"
    issue = find_issue(waits, ())
    assert issue is not None
    assert "StorageClass" in str(issue.problem.hint)


def test_a_pod_whose_claim_does_not_exist_is_told_to_create_it() -> None:
    waits = unschedulable()
    waits["status"]["conditions"][0]["message"] = '0/1 nodes: persistentvolumeclaim "data" not found.'
    issue = find_issue(waits, ())
    assert issue is not None
    assert issue.problem.hint == "create the PersistentVolumeClaim, or correct its name"


@pytest.mark.parametrize(("restarts", "lasts"), [(7, False), (8, True)])
def test_a_container_that_crashed_before_is_judged_by_its_next_end(restarts: int, *, lasts: bool) -> None:
    issue = find_issue(pod(waiting("CrashLoopBackOff", restartCount=restarts)), (), {"main": 7})
    assert issue is not None
    assert (issue.grace_s == 0) is lasts


def test_a_crash_loop_for_want_of_memory_says_what_to_do() -> None:
    state = waiting(
        "CrashLoopBackOff", restartCount=1, lastState={"terminated": {"reason": "OOMKilled", "exitCode": 137}}
    )
    issue = find_issue(pod(state), ())
    assert issue is not None
    assert "resources.limits.memory" in str(issue.problem.hint)


@pytest.mark.parametrize(("message", "grace_s"), [("manifest unknown", 30), ("dial tcp: i/o timeout", 60)])
def test_an_image_whose_pull_secret_is_not_there_waits_for_that(message: str, grace_s: int) -> None:
    told = "Unable to retrieve some image pull secrets (regcred, other); attempting to pull the image may not succeed."
    events = [{"reason": "FailedToRetrieveImagePullSecret", "message": told}]
    issue = find_issue(pod(waiting("ErrImagePull", message)), events)
    assert issue is not None
    assert (issue.grace_s, issue.missing) == (grace_s, ObjectRef("Secret", "", "regcred"))
    assert issue.problem.message.endswith("; its pull secret regcred is not there")


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (
            'pods "a-" is forbidden: error looking up service account n/x: serviceaccount "x" not found',
            "service-account",
        ),
        ('pods "a-x" is forbidden: exceeded quota: q', "quota"),
        ('pods "a-x" is forbidden: failed quota: q: must specify limits.memory for: main', "quota"),
        ('pods "a-x" is forbidden: violates PodSecurity "restricted:latest"', "pod-security"),
        ('admission webhook "w" denied the request: no', "admission"),
        ("etcdserver: request timed out", "pod-creation"),
    ],
)
def test_a_refused_pod_is_named_by_who_refused_it(message: str, code: str) -> None:
    issue = find_creation_issue([{"reason": "FailedCreate", "message": f"Error creating: {message}"}])
    assert issue is not None
    assert issue.problem.code == f"kubernetes/{code}"
    assert message in issue.problem.message


def test_a_refusal_that_was_repeated_is_quoted_without_the_words_around_it() -> None:
    message = '(combined from similar events): Error creating: pods "a-x" is forbidden: exceeded quota: q'
    issue = find_creation_issue([{"reason": "FailedCreate", "message": message}])
    assert issue is not None
    assert issue.problem.message == 'its pod cannot be created: pods "a-x" is forbidden: exceeded quota: q'


def test_an_end_by_memory_names_the_limit() -> None:
    killed = pod(ended(137, reason="OOMKilled"))
    end = find_failure(killed)
    assert end is not None
    problem = describe_end(end, killed)
    assert problem is not None
    assert (problem.code, "16Mi" in problem.message) == ("kubernetes/oom-killed", True)


def test_success_is_known_before_the_sidecars_have_stopped() -> None:
    done = pod(ended(0), init=(runs("proxy"),), sidecars=("proxy",), phase="Running")
    assert has_succeeded(done)
    assert find_failure(done) is None


def test_a_sidecar_that_is_killed_at_the_end_is_not_the_failure() -> None:
    failed = pod(ended(3), init=(ended(137, "proxy"),), sidecars=("proxy",))
    end = find_failure(failed)
    assert end is not None
    assert (end.container, end.exit_code) == ("main", 3)


def test_an_init_container_that_failed_is_the_failure() -> None:
    end = find_failure(pod(waiting("PodInitializing"), init=(ended(7, "wait-for-db"),)))
    assert end is not None
    assert (end.container, end.exit_code) == ("wait-for-db", 7)


def test_a_deleted_pod_is_disrupted_unless_it_had_succeeded() -> None:
    gone = pod(ended(143))
    gone["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    done = pod(ended(0), phase="Succeeded")
    done["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert is_disrupted(gone)
    assert not is_disrupted(done)


@pytest.mark.parametrize(
    ("finished", "deletion", "grace_s", "succeeded"),
    [
        ("12:00:09", "12:00:40", 30, True),
        ("12:00:10", "12:00:40", 30, False),
        ("12:00:11", "12:00:12", 0, False),  # the kubelet has deleted it once more, as it had ended
        ("11:59:30", "12:00:12", 0, True),
    ],
)
def test_gate_an_end_with_0_is_no_success_once_the_pod_was_told_to_stop(
    finished: str, deletion: str, grace_s: int, *, succeeded: bool
) -> None:
    done = pod(ended(0, finishedAt=f"2026-01-01T{finished}Z"), phase="Succeeded")
    done["metadata"] |= {"deletionTimestamp": f"2026-01-01T{deletion}Z", "deletionGracePeriodSeconds": grace_s}
    assert has_succeeded(done) == succeeded
    assert is_disrupted(done) != succeeded


def test_a_wait_is_told_in_a_clause() -> None:
    assert describe_wait(pod(waiting("PodInitializing"), init=(runs("wait-for-db"),))) == "init container wait-for-db"
    assert describe_wait(pod(waiting("ContainerCreating"))) == "container main to be created"
    assert describe_wait(pod(runs())) == "container main to end"
    told = pod(runs())
    told["metadata"] |= {"deletionTimestamp": "2026-01-01T00:00:30Z", "deletionGracePeriodSeconds": 30}
    assert describe_wait(told) == "its pod to terminate (grace period 30 s)"
