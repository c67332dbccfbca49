from typing import Any

import pytest

from ks_universal.targets.kubernetes.rollout.old_pods import describe_stuck, describe_wait, read_grace_s

Json = dict[str, Any]


def pod(
    name: str = "a", *, grace_s: int = 30, granted_s: int | None = None, told: bool = True, **metadata: Any
) -> Json:
    if told:
        metadata |= {"deletionTimestamp": "2026-01-01T00:00:00Z"}
    if granted_s is not None:
        metadata |= {"deletionGracePeriodSeconds": granted_s}
    spec = {"nodeName": "n1", "terminationGracePeriodSeconds": grace_s}
    return {"metadata": {"name": name, **metadata}, "spec": spec, "status": {}}


def nothing(_: Json) -> list[Json]:
    return []


def say(reason: str, message: str = "") -> Any:
    return lambda _: [{"reason": reason, "message": message}]


def test_the_longest_time_counts_that_a_pod_was_given() -> None:
    assert read_grace_s([pod(grace_s=5), pod(grace_s=60)]) == 60
    assert read_grace_s([pod(grace_s=5, granted_s=90)]) == 90
    assert read_grace_s([]) == 0


@pytest.mark.parametrize("overdue", [False, True])
def test_what_holds_a_pod_is_said_at_once_where_it_is_known(*, overdue: bool) -> None:
    held = pod(finalizers=["example.com/a", "example.com/b"])
    assert (
        describe_wait([held], nothing, overdue=overdue)
        == "1 old pod to end (a: finalizers: example.com/a, example.com/b)"
    )
    assert (
        describe_wait([pod()], say("NodeNotReady"), overdue=overdue) == "1 old pod to end (a: its node n1 is not ready)"
    )
    lost = {**pod(), "status": {"reason": "NodeLost"}}
    assert describe_wait([lost], nothing, overdue=overdue) == "1 old pod to end (a: its node n1 is not ready)"
    kill = say("FailedKillPod", "error killing pod: no answer")
    assert describe_wait([pod()], kill, overdue=overdue) == "1 old pod to end (a: error killing pod: no answer)"


def test_without_a_reason_pods_are_named_when_they_have_had_their_time() -> None:
    pods = [pod("a"), pod("b", told=False)]
    assert describe_wait(pods, say("Killing"), overdue=False) == "2 old pods to end"
    told = "a: its node n1 has not ended it; b: nobody has told it to stop"
    assert describe_wait(pods, nothing, overdue=True) == f"2 old pods to end ({told})"
    assert describe_stuck(pods, nothing, 330.4).message == f"2 old pods are still there after 330 s ({told})"
