"""Reads pods: whose they are, which containers run, how they ended. Pure functions of a pod as the API returns it."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import msgspec

from ks_universal.json_types import Json

_DEFAULT_GRACE_S = 30
_FIRST_YEAR = 2000
"""The runtime says 1970 of what it could not start."""
_START_ERRORS = frozenset(("StartError", "ContainerCannotRun"))


class ContainerEnd(msgspec.Struct, frozen=True):
    """How a container ended. `reason` is the kubelet's word (`Error`, `OOMKilled`, `StartError`).

    `started` is None where nobody knows when, or it never did.
    """

    container: str
    exit_code: int
    reason: str
    message: str
    started: datetime | None
    finished: datetime | None

    @property
    def never_started(self) -> bool:
        """Whether the container could not be started at all."""
        return self.reason in _START_ERRORS


class ContainerState(msgspec.Struct, frozen=True):
    """A container now: `kind` is `init`, `sidecar` or `main`; `state` is `waiting`, `running` or `terminated`."""

    name: str
    kind: str
    state: str
    detail: Json
    restarts: int
    ready: bool
    last_end: Json


def owner(item: Json) -> tuple[str, str, str]:
    """Read kind, name and uid of the object that controls this one; empty texts where none does."""
    for reference in item["metadata"].get("ownerReferences", ()):
        if reference.get("controller"):
            return reference["kind"], reference["name"], reference["uid"]
    return "", "", ""


def read_containers(pod: Json) -> tuple[ContainerState, ...]:
    """Read the states of a pod's containers, in the order in which they start."""
    return tuple(_read_states(pod))


def _read_states(pod: Json) -> Iterator[ContainerState]:
    status = pod.get("status", {})
    sidecars = {c["name"] for c in pod["spec"].get("initContainers", ()) if c.get("restartPolicy") == "Always"}
    for key in ("initContainerStatuses", "containerStatuses"):
        for found in status.get(key, ()):
            state, detail = next(iter(found.get("state", {}).items()), ("waiting", {}))
            kind = "main" if key == "containerStatuses" else "sidecar" if found["name"] in sidecars else "init"
            yield ContainerState(
                name=found["name"],
                kind=kind,
                state=state,
                detail=detail or {},
                restarts=found.get("restartCount", 0),
                ready=found.get("ready", False),
                last_end=found.get("lastState", {}).get("terminated", {}),
            )


def has_started(state: ContainerState) -> bool:
    """Tell whether a container runs or has run."""
    return state.state != "waiting" or state.restarts > 0 or bool(state.last_end)


def read_end(state: ContainerState) -> ContainerEnd | None:
    """Read how a container ended; None while it has not."""
    return _read_end(state.name, state.detail) if state.state == "terminated" else None


def read_last_end(state: ContainerState) -> ContainerEnd | None:
    """Read how a container ended the last time that was started again, or is to be; None where it never did."""
    return _read_end(state.name, state.last_end) if state.last_end else None


def _read_end(container: str, detail: Json) -> ContainerEnd:
    started = read_time(detail.get("startedAt"))
    return ContainerEnd(
        container=container,
        exit_code=detail.get("exitCode", 0),
        reason=detail.get("reason", ""),
        message=detail.get("message", ""),
        started=None if started is None or started.year < _FIRST_YEAR else started,
        finished=read_time(detail.get("finishedAt")),
    )


def has_succeeded(pod: Json) -> bool:
    """Tell whether a run-to-the-end pod has done its work; true before its phase says so, when sidecars still stop.

    A program that is told to stop may end with 0, too: such an end says nothing about its work.
    """
    ends = _read_own_ends(pod)
    if ends is None:
        return bool(pod.get("status", {}).get("phase") == "Succeeded")
    return has_ended(pod) and all(end.exit_code == 0 for end in ends if end is not None)


def has_ended(pod: Json) -> bool:
    """Tell whether all containers of a run-to-the-end pod but its sidecars have ended, before anybody told them to."""
    ends, told = _read_own_ends(pod), _told_to_stop(pod)
    return ends is not None and all(end is not None and not _ended_since(end, told) for end in ends)


def _read_own_ends(pod: Json) -> list[ContainerEnd | None] | None:
    """Read how the containers have ended (None: it has not); None where the kubelet has yet to tell of one."""
    wanted = {container["name"] for container in pod["spec"]["containers"]}
    ends = {state.name: read_end(state) for state in read_containers(pod) if state.kind == "main"}
    return list(ends.values()) if wanted <= ends.keys() else None


def _told_to_stop(pod: Json) -> datetime | None:
    """The earliest that the pod can have been told to stop; None where nobody has deleted it.

    `deletionTimestamp` is the end of the grace period, until the kubelet deletes what has ended once more, without one:
    from then on nobody can read when it began.
    """
    ends_at = read_time(pod["metadata"].get("deletionTimestamp"))
    grace_s = pod["metadata"].get("deletionGracePeriodSeconds") or _longest_grace_s(pod)
    return None if ends_at is None else ends_at - timedelta(seconds=grace_s)


def _longest_grace_s(pod: Json) -> int:
    return max(pod["spec"].get("terminationGracePeriodSeconds") or 0, _DEFAULT_GRACE_S)


def _ended_since(end: ContainerEnd, told: datetime | None) -> bool:
    """Tell whether a container ended when it had been told to; times are whole seconds, and the same one counts."""
    return told is not None and end.finished is not None and end.finished >= told


def is_finished(pod: Json) -> bool:
    """Tell whether none of the pod's containers runs or will run."""
    return pod.get("status", {}).get("phase") in {"Succeeded", "Failed"}


def is_disrupted(pod: Json) -> bool:
    """Tell whether the pod was ended from outside (drained, evicted, preempted, deleted), not by what it runs."""
    if condition(pod, "DisruptionTarget").get("status") == "True":
        return True
    return is_stopping(pod) and not has_succeeded(pod)


def is_ready(pod: Json) -> bool:
    """Tell whether the pod takes requests."""
    return condition(pod, "Ready").get("status") == "True" and not is_stopping(pod)


def is_stopping(pod: Json) -> bool:
    """Tell whether the pod has been told to stop."""
    return "deletionTimestamp" in pod["metadata"]


def condition(item: Json, kind: str) -> Json:
    """Read a condition of an object's status; empty where it is not said."""
    found: Json = next((c for c in item.get("status", {}).get("conditions") or () if c["type"] == kind), {})
    return found


def find_failure(pod: Json) -> ContainerEnd | None:
    """Find the container by whose end the pod failed: the first, in the order of start, that did not end with 0."""
    ends = (read_end(state) for state in read_containers(pod) if state.kind != "sidecar")
    return next((end for end in ends if end is not None and end.exit_code != 0), None)


def created(item: Json) -> tuple[str, str]:
    """The key to sort objects by age."""
    return item["metadata"].get("creationTimestamp", ""), item["metadata"]["name"]


def read_last_seen(event: Json) -> str:
    """Read when what an event tells of happened last, as the API writes it; empty where it does not say."""
    series = event.get("series") or {}
    return str(series.get("lastObservedTime") or event.get("lastTimestamp") or event.get("eventTime") or "")


def read_time(text: str | None) -> datetime | None:
    """Read a time of the API; None where there is none."""
    return None if text is None else datetime.fromisoformat(text)
