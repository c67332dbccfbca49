from datetime import UTC, datetime
from typing import Any

import pytest

from ks_universal.targets.kubernetes.migration.periods import list_waits, read_period

Json = dict[str, Any]
NOW = datetime(2026, 1, 1, 0, 1, 0, tzinfo=UTC)


def at(second: int) -> str:
    return f"2026-01-01T00:00:{second:02}Z"


def ended(name: str, begin: int, end: int, code: int = 0, **more: Any) -> Json:
    state = {"startedAt": at(begin), "finishedAt": at(end), "exitCode": code, "reason": "Error", **more}
    return {"name": name, "state": {"terminated": state}}


def running(name: str, begin: int) -> Json:
    return {"name": name, "state": {"running": {"startedAt": at(begin)}}}


def waiting(name: str) -> Json:
    return {"name": name, "state": {"waiting": {"reason": "PodInitializing"}}}


def pod(main: Json, *init: Json, sidecars: tuple[str, ...] = (), scheduled: int | None = 1) -> Json:
    names = [{"name": state["name"]} for state in init]
    inits = [{**each, "restartPolicy": "Always"} if each["name"] in sidecars else each for each in names]
    said = {"type": "PodScheduled", "status": "True", "lastTransitionTime": at(scheduled or 0)}
    return {
        "metadata": {"name": "p", "creationTimestamp": at(0)},
        "spec": {"containers": [{"name": main["name"]}], "initContainers": inits},
        "status": {
            "startTime": at(1),
            "conditions": [] if scheduled is None else [said],
            "containerStatuses": [main],
            "initContainerStatuses": list(init),
        },
    }


@pytest.mark.parametrize("reason", ["StartError", "ContainerCannotRun"])
def test_what_could_not_be_started_has_no_duration(reason: str) -> None:
    main = ended("main", 0, 20, 128, startedAt="1970-01-01T00:00:00Z", reason=reason)
    assert read_period(pod(main), NOW) == (datetime(2026, 1, 1, 0, 0, 1, tzinfo=UTC), None)
    assert read_period(pod(main, ended("wait", 2, 12)), NOW)[1] is None  # though something before it ran


def test_what_never_came_to_start_has_no_duration() -> None:
    assert read_period(pod(waiting("main")), NOW)[1] is None
    assert read_period(pod(waiting("main"), ended("wait", 2, 12)), NOW)[1] is None
    assert (
        read_period({"metadata": {"creationTimestamp": at(0)}, "spec": {"containers": []}, "status": {}}, NOW)[1]
        is None
    )


@pytest.mark.parametrize(
    ("of", "seconds"),
    [
        (pod(ended("main", 12, 20), ended("wait", 2, 12)), 8),
        (pod(ended("main", 12, 20, 3), ended("wait", 2, 12)), 8),
        (pod(waiting("main"), ended("wait", 2, 12, 7)), 10),  # by which it failed
        (pod(running("main", 12), ended("wait", 2, 12)), 48),
        (pod(waiting("main"), running("wait", 2)), 58),
        (pod(ended("main", 12, 20), running("proxy", 3), sidecars=("proxy",)), 8),
        (pod(ended("main", 12, 20, 137, startedAt=None, reason="ContainerStatusUnknown")), 19),  # of the pod
    ],
)
def test_a_duration_is_that_of_the_container_that_counts(of: Json, seconds: float) -> None:
    assert read_period(of, NOW)[1] == seconds


def waits(of: Json, begun: int = 0) -> list[str]:
    job = {"status": {"startTime": at(begun)}}
    return [f"{seconds:g} s {what}" for what, seconds in list_waits(job, of, NOW)]


def test_what_came_before_the_migration_is_listed_with_its_seconds() -> None:
    slow = pod(running("main", 30), ended("wait", 5, 15), ended("load", 17, 27), scheduled=3)
    assert waits(slow) == [
        "3 s waiting for a node for its pod",
        "7 s waiting for its containers to be created",
        "10 s waiting for init container wait",
        "10 s waiting for init container load",
    ]


def test_what_took_no_time_is_not_listed() -> None:
    assert waits(pod(ended("main", 1, 20))) == ["1 s waiting for a node for its pod"]
    assert waits(pod(ended("main", 0, 20), scheduled=0)) == []


def test_what_has_not_come_yet_is_waited_for_until_now() -> None:
    assert waits(pod(waiting("main"), scheduled=0)) == ["60 s waiting for its containers to be created"]
    assert waits(pod(waiting("main"), scheduled=None)) == ["60 s waiting for a node for its pod"]


def test_the_attempts_before_take_their_time_too() -> None:
    second = pod(running("main", 0), scheduled=0)
    assert list(list_waits({"status": {"startTime": "2025-12-31T23:59:20Z"}}, second, NOW)) == [
        ("for the attempts before", 40.0)
    ]
