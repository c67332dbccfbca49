"""When a pod's own work began and how long it took, and what its Job's time was spent on before. Pure."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from ks_universal.json_types import Json
from ks_universal.targets.kubernetes.observed.pods import (
    ContainerState,
    condition,
    find_failure,
    read_containers,
    read_end,
    read_time,
)

_SHORTEST_S = 1.0
"""What took less is not worth a word; the API's times are whole seconds."""


def read_period(pod: Json, now: datetime) -> tuple[datetime, float | None]:
    """Read when the pod's own work began, and how many seconds it took; None: it never began.

    That of the container by which the pod failed, or which runs; else the main one's. `now` is where it has not
    ended.
    """
    made = read_time(pod["status"].get("startTime") or pod["metadata"]["creationTimestamp"]) or now
    state = _find_telling(pod)
    if state is None:
        return made, None
    end = read_end(state)
    started = (read_time(state.detail.get("startedAt")) if end is None else end.started) or made
    finished = (None if end is None else end.finished) or now
    return started, max(0.0, (finished - started).total_seconds())


def _find_telling(pod: Json) -> ContainerState | None:
    """Find the container whose time counts; None where what counts has never started."""
    own = [state for state in read_containers(pod) if state.kind != "sidecar"]
    failure = find_failure(pod)
    if failure is not None:
        return None if failure.never_started else next(state for state in own if state.name == failure.container)
    main = [state for state in own if state.kind == "main" and state.state != "waiting"]
    return next((state for state in own if state.state == "running"), main[-1] if main else None)


def list_waits(job: Json, pod: Json, until: datetime) -> Iterator[tuple[str, float]]:
    """List what the Job's time went into before the work of its last pod began: what for, and how many seconds."""
    spent: dict[str, float] = {}
    for what, begin, end in _list_phases(job, pod, until):
        spent[what] = spent.get(what, 0.0) + max(0.0, (end - begin) / timedelta(seconds=1))
    yield from ((what, seconds) for what, seconds in spent.items() if seconds >= _SHORTEST_S)


def _list_phases(job: Json, pod: Json, until: datetime) -> Iterator[tuple[str, datetime, datetime]]:
    begun = read_time(job.get("status", {}).get("startTime")) or until
    created = read_time(pod["metadata"]["creationTimestamp"]) or until
    yield "for the attempts before", begun, created
    scheduled = condition(pod, "PodScheduled")
    moment = (read_time(scheduled.get("lastTransitionTime")) if scheduled.get("status") == "True" else None) or until
    yield "waiting for a node for its pod", created, moment
    for state in read_containers(pod):
        started, ended = _read_times(state, until)
        if state.kind == "sidecar":
            continue
        yield "waiting for its containers to be created", moment, started
        if state.kind == "main":
            return
        yield f"waiting for init container {state.name}", started, ended
        moment = ended


def _read_times(state: ContainerState, until: datetime) -> tuple[datetime, datetime]:
    end = read_end(state)
    if end is not None:
        return end.started or until, end.finished or until
    return read_time(state.detail.get("startedAt")) or until, until
