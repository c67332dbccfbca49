"""Crashed sidecars: what the work in a pod says of its connections may only follow from the end of a proxy. Pure."""

from collections.abc import Collection, Iterator, Mapping

import msgspec

from ks_universal.diagnostics import Problem
from ks_universal.json_types import Json
from ks_universal.targets.kubernetes.observed.pods import (
    ContainerEnd,
    ContainerState,
    read_containers,
    read_end,
    read_last_end,
)


class Crash(msgspec.Struct, frozen=True):
    """How a sidecar ended that should have run on; `times` is how often it did."""

    end: ContainerEnd
    times: int


def find_crashes(
    pod: Json, *, beside: Collection[str] = (), before: Mapping[str, int] | None = None
) -> tuple[Crash, ...]:
    """Find the sidecars that ended while the work went on.

    `beside` are further containers that are to run on. `before` are the restarts that are not to be judged.
    """
    return tuple(_find_all(pod, beside, before or {}))


def describe_crash(crash: Crash, last: str | None) -> Problem:
    """Say how a sidecar ended, and what it said `last`."""
    end = crash.end
    times = "" if crash.times == 1 else f" ({crash.times} times)"
    oom = ", killed for using too much memory" if end.reason == "OOMKilled" else ""
    said = f", last saying: {last}" if last else ""
    hint = "mend this first: what is said of connections may only follow from it"
    message = f"sidecar {end.container} ended with exit code {end.exit_code}{times}{oom}{said}"
    return Problem("kubernetes/sidecar", message, hint="raise resources.limits.memory of it" if oom else hint)


def tells_of(problem: Problem, crash: Crash) -> bool:
    """Tell whether a finding is that the same container ended again and again."""
    return problem.message.startswith(f"container {crash.end.container} ended ")


def list_beside(template: Json) -> tuple[str, ...]:
    """List the containers of an application's pods that are there for the one that the application is."""
    names = [container["name"] for container in template["spec"]["containers"]]
    application = "main" if "main" in names else names[0]
    return tuple(name for name in names if name != application)


def _find_all(pod: Json, beside: Collection[str], before: Mapping[str, int]) -> Iterator[Crash]:
    states = read_containers(pod)
    for state in states:
        if state.kind != "sidecar" and state.name not in beside:
            continue
        ends = state.restarts - before.get(state.name, 0)
        end = read_end(state)
        if end is not None and _ended_before_the_work(end, states, beside):
            yield Crash(end, ends + 1)
        elif (last := read_last_end(state)) is not None and (ends > 0 or state.state == "waiting"):
            yield Crash(last, ends + (state.state == "waiting"))


def _ended_before_the_work(end: ContainerEnd, states: Collection[ContainerState], beside: Collection[str]) -> bool:
    """Tell whether a sidecar ended by itself: the kubelet tells it to when the last of the others has ended."""
    others = [state for state in states if state.kind == "main" and state.name not in beside]
    ends = [read_end(state) for state in others]
    last = max((each.finished for each in ends if each is not None and each.finished is not None), default=None)
    running = any(each is None for each in ends)
    return running or last is None or (end.finished is not None and end.finished < last)
