"""Old pods that do not end: which, and what holds each. Pure functions of pods and the events about them."""

from collections.abc import Callable, Iterable, Sequence

from ks_universal.diagnostics import Problem
from ks_universal.json_types import Json
from ks_universal.targets.kubernetes.observed.pods import is_stopping
from ks_universal.targets.kubernetes.observed.readiness import name_old_pods

Events = Callable[[Json], Sequence[Json]]
"""Gives the events about a pod."""

_DEFAULT_GRACE_S = 30.0
_HINT = (
    "see the pod and its node (kubectl describe); where the node is gone for good, 'kubectl delete pod NAME --force';"
    " when they are gone, run the same command again"
)


def read_grace_s(pods: Iterable[Json]) -> float:
    """Read the longest time that pods have to end from when they are told to."""
    return max((_read_grace_s(pod) for pod in pods), default=0.0)


def _read_grace_s(pod: Json) -> float:
    granted = pod["metadata"].get("deletionGracePeriodSeconds")
    return float(granted or pod["spec"].get("terminationGracePeriodSeconds") or _DEFAULT_GRACE_S)


def describe_wait(pods: Sequence[Json], events: Events, *, overdue: bool) -> str:
    """Say which pods are waited for, and why where that is known; `overdue`: they have had their time."""
    holds = [(pod, _find_hold(pod, events(pod), overdue=overdue)) for pod in pods]
    told = "; ".join(f"{pod['metadata']['name']}: {hold}" for pod, hold in holds if hold)
    return f"{name_old_pods(len(pods))} to end" + (f" ({told})" if told else "")


def describe_stuck(pods: Sequence[Json], events: Events, waited_s: float) -> Problem:
    """Say that old pods have not ended, long after they should have."""
    are = "is" if len(pods) == 1 else "are"
    told = "; ".join(f"{pod['metadata']['name']}: {_find_hold(pod, events(pod), overdue=True)}" for pod in pods)
    message = f"{name_old_pods(len(pods))} {are} still there after {waited_s:.0f} s ({told})"
    return Problem("rollout/old-pods", message, hint=_HINT)


def _find_hold(pod: Json, events: Sequence[Json], *, overdue: bool) -> str:
    """Find what keeps a pod from its end; empty where that is not known yet."""
    finalizers = ", ".join(pod["metadata"].get("finalizers") or ())
    if finalizers:
        return f"finalizers: {finalizers}"
    node = f"its node {pod['spec'].get('nodeName', '')}".rstrip()
    reasons = {event.get("reason"): event.get("message", "") for event in events}
    if "NodeNotReady" in reasons or pod["status"].get("reason") == "NodeLost":
        return f"{node} is not ready"
    if "FailedKillPod" in reasons:
        return str(reasons["FailedKillPod"])
    if not overdue:
        return ""
    return f"{node} has not ended it" if is_stopping(pod) else "nobody has told it to stop"
