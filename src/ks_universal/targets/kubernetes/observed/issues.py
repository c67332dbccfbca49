"""Early truth: what keeps a pod from ever doing its work, found in the pod and in the events about it, as findings.

Pure functions. A trouble that may pass by itself (a full cluster that grows, a registry that restarts) has a patience;
one that cannot has none.
"""

import re
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from ks_universal.diagnostics import Problem
from ks_universal.json_types import Json
from ks_universal.resources.objects import ObjectRef
from ks_universal.targets.kubernetes.api.errors import POD_SECURITY_HINT, QUOTA_HINT, is_quota
from ks_universal.targets.kubernetes.observed.grace import PodIssue
from ks_universal.targets.kubernetes.observed.pod_setup import (
    MISSING_S,
    describe_missing_reference,
    describe_setup,
    find_setup_issues,
    shorten,
)
from ks_universal.targets.kubernetes.observed.pods import ContainerEnd, ContainerState, condition, read_containers

_SCALING = frozenset(("TriggeredScaleUp", "Nominated", "NominatedNode"))
"""Events by which an autoscaler says that a node is on its way (cluster-autoscaler, Karpenter)."""

_NO_SUCH_IMAGE = re.compile(
    r"not found|manifest unknown|unauthorized|authorization failed|access denied|insufficient_scope|403 Forbidden"
    r"|no match for platform|invalid reference format",
    re.IGNORECASE,
)
_NO_COMMAND = re.compile(
    r"exec: (?:(?!exec: ).)*(no such file or directory|executable file not found|permission denied)", re.IGNORECASE
)
_PASSING_CONFIG_ERROR = re.compile(r"timed out|failed to sync|connection refused", re.IGNORECASE)
_REFERENCE = re.compile(r"secret|config ?map", re.IGNORECASE)
_ABSENT_PULL_SECRETS = re.compile(r"Unable to retrieve some image pull secrets \(([^),]+)")
_LASTING_SCHEDULING = re.compile(r"persistentvolumeclaim \"[^\"]+\" not found", re.IGNORECASE)

_FULL = re.compile(r"Too many pods")
"""The nodes have as many pods as they take, among them those of other migrations, which end."""


LONGEST_BACK_OFF_S = 330.0
"""The kubelet's longest pause between two starts of a container, five minutes, and time for the start."""


def find_issue(pod: Json, events: Iterable[Json], before: Mapping[str, int] | None = None) -> PodIssue | None:
    """Find what keeps a pod from its work; None when nothing is known to. The least patient one is returned.

    `before` are the restarts of its containers that are not to be judged: what they died of may be gone.
    """
    found = list(_find_all(pod, list(events), before or {}))
    return min(found, key=lambda issue: issue.grace_s, default=None)


def find_creation_issue(events: Iterable[Json]) -> PodIssue | None:
    """Find why a Job or ReplicaSet cannot make its pods, in the events about it: the API server refuses them."""
    latest = [event for event in events if event.get("reason") == "FailedCreate"][-1:]
    return next((_refused_pod(event.get("message", "")) for event in latest), None)


def find_unreadiness(container: str, events: Iterable[Json]) -> tuple[Problem, ...]:
    """Find why a container that runs is not ready, in the events about its pod: what its probe said last."""
    place = f"{{{container}}}"
    unhealthy = [
        e for e in events if e.get("reason") == "Unhealthy" and place in e["involvedObject"].get("fieldPath", "")
    ]
    messages = [f"container {container} is not ready: {shorten(event.get('message', ''))}" for event in unhealthy[-1:]]
    hint = "see its log, and whether path, port and command of the probe are right"
    return tuple(Problem("kubernetes/not-ready", message, hint=hint) for message in messages)


def describe_end(end: ContainerEnd, pod: Json) -> Problem | None:
    """Say what an unsuccessful end means beyond its exit code; None where only the log can tell."""
    if end.reason == "OOMKilled":
        limit = _memory_limit(pod, end.container)
        message = f"container {end.container} was killed for using more memory than it may{limit}"
        return Problem("kubernetes/oom-killed", message, hint="raise resources.limits.memory, or use less of it")
    if end.never_started:
        return _no_command(end.container, end.message)
    return None


def _find_all(pod: Json, events: list[Json], before: Mapping[str, int]) -> Iterator[PodIssue]:
    for state in read_containers(pod):
        if state.state == "waiting" and not _is_tried_again(pod, state):
            yield from _waiting_issue(state, events, before.get(state.name, 0))
    if condition(pod, "PodScheduled").get("reason") == "Unschedulable":
        yield from _unschedulable(pod, events)
    yield from find_setup_issues(pod, events)


def _is_tried_again(pod: Json, state: ContainerState) -> bool:
    """Tell whether the container ended, and is started again as often as its Job allows (`backoffLimit`)."""
    counted = pod["spec"].get("restartPolicy") == "OnFailure" and state.kind != "sidecar"
    return counted and state.detail.get("reason") == "CrashLoopBackOff"


def _waiting_issue(state: ContainerState, events: list[Json], restarts_before: int) -> Iterator[PodIssue]:
    reason, message = state.detail.get("reason", ""), state.detail.get("message", "")
    match str(reason):
        case "ErrImagePull" | "ImagePullBackOff" | "RegistryUnavailable":
            yield _image(state.name, message, events)
        case "InvalidImageName" | "ErrImageNeverPull":
            yield PodIssue(Problem("kubernetes/image", f"container {state.name}: {reason}: {shorten(message)}"))
        case "CreateContainerConfigError":
            yield _config_error(state.name, message)
        case "RunContainerError" if _NO_COMMAND.search(message):
            yield PodIssue(_no_command(state.name, message))
        case "CreateContainerError" | "RunContainerError":
            problem = Problem("kubernetes/container", f"container {state.name} cannot start: {shorten(message)}")
            yield PodIssue(problem, 30.0 if "deadline exceeded" in message else 0.0)
        case "CrashLoopBackOff":
            yield _crash_loop(state, restarts_before)
        case _:
            return


def _config_error(container: str, message: str) -> PodIssue:
    text = f"container {container}: {shorten(message)}"
    if _PASSING_CONFIG_ERROR.search(message):
        return msgspec.structs.replace(describe_missing_reference(text), grace_s=30.0)
    if _REFERENCE.search(message):
        return describe_missing_reference(text)
    return PodIssue(Problem("kubernetes/container", f"container {container} cannot start: {shorten(message)}"))


def _image(container: str, message: str, events: list[Json]) -> PodIssue:
    text = f"container {container}: its image cannot be pulled: {shorten(message)}"
    hint = "check the image's name and tag, and the pull secrets"
    grace_s = 0.0 if _NO_SUCH_IMAGE.search(message) else 60.0
    found = (_ABSENT_PULL_SECRETS.match(event.get("message", "")) for event in events)
    absent = next((match[1] for match in found if match), None)
    if absent is None:
        return PodIssue(Problem("kubernetes/image", text, hint=hint), grace_s)
    problem = Problem("kubernetes/image", f"{text}; its pull secret {absent} is not there", hint=hint)
    return PodIssue(problem, max(grace_s, MISSING_S), ObjectRef("Secret", "", absent))


def _no_command(container: str, message: str) -> Problem:
    text = f"container {container} cannot start: {shorten(message)}"
    return Problem("kubernetes/command", text, hint="check command and args; the image must contain the program")


def _crash_loop(state: ContainerState, restarts_before: int) -> PodIssue:
    code = state.last_end.get("exitCode")
    oom = ", killed for using too much memory" if state.last_end.get("reason") == "OOMKilled" else ""
    often = f"{state.restarts + 1} times, the last time with" if state.restarts else "once, with"
    message = f"container {state.name} ended {often} exit code {code}{oom}"
    hint = "raise resources.limits.memory, or use less of it" if oom else None
    if restarts_before:  # its next end tells whether it still does
        grace_s = 0.0 if state.restarts > restarts_before else LONGEST_BACK_OFF_S
    else:
        grace_s = 0.0 if state.restarts >= 3 or oom else 60.0
    return PodIssue(Problem("kubernetes/crash-loop", message, hint=hint), grace_s)


def _unschedulable(pod: Json, events: list[Json]) -> Iterator[PodIssue]:
    if pod["status"].get("nominatedNodeName") or any(event.get("reason") in _SCALING for event in events):
        return
    message = condition(pod, "PodScheduled").get("message", "")
    hint = "lower resources.requests, correct nodeSelector, affinity or tolerations, or add a node"
    if "unbound immediate PersistentVolumeClaims" in message:
        hint = (
            "see why its claims are not bound (kubectl describe pvc): the StorageClass, its provisioner, free volumes"
        )
    if _LASTING_SCHEDULING.search(message):
        hint = "create the PersistentVolumeClaim, or correct its name"
    problem = Problem("kubernetes/unschedulable", f"no node takes the pod: {shorten(message)}", hint=hint)
    yield PodIssue(problem, 2.0 if _LASTING_SCHEDULING.search(message) else 60.0 if _FULL.search(message) else 10.0)


def _refused_pod(message: str) -> PodIssue:
    text = shorten(message.removeprefix("(combined from similar events): ").removeprefix("Error creating: "))
    if "error looking up service account" in message:
        return PodIssue(Problem("kubernetes/service-account", f"its pod cannot be created: {text}"), 2.0)
    if is_quota(message):
        return PodIssue(Problem("kubernetes/quota", f"its pod cannot be created: {text}", hint=QUOTA_HINT), 5.0)
    if "violates PodSecurity" in message:
        problem = Problem("kubernetes/pod-security", f"its pod cannot be created: {text}", hint=POD_SECURITY_HINT)
        return PodIssue(problem, 2.0)
    if "forbidden" in message or "denied the request" in message or "is invalid" in message:
        return PodIssue(Problem("kubernetes/admission", f"its pod cannot be created: {text}"), 2.0)
    return PodIssue(Problem("kubernetes/pod-creation", f"its pod cannot be created: {text}"), 60.0)


def _memory_limit(pod: Json, container: str) -> str:
    for spec in (*pod["spec"].get("initContainers", ()), *pod["spec"]["containers"]):
        if spec["name"] == container and (limit := spec.get("resources", {}).get("limits", {}).get("memory")):
            return f" ({limit})"
    return ""


def describe_wait(pod: Json, events: Iterable[Json] = ()) -> str:
    """Say in a clause what a pod that has not ended waits for, or `` when it works."""
    states = read_containers(pod)
    if "deletionTimestamp" in pod["metadata"]:
        return f"its pod to terminate (grace period {pod['metadata'].get('deletionGracePeriodSeconds', 0)} s)"
    if not pod["spec"].get("nodeName"):
        return "a node for its pod"
    for state in states:
        if state.kind == "init" and state.state == "running":
            return f"init container {state.name}"
    waiting = next((state for state in states if state.state == "waiting"), None)
    if waiting is None:
        running = next((state for state in states if state.kind == "main" and state.state == "running"), None)
        return "" if running is None else f"container {running.name} to end"
    reason = waiting.detail.get("reason", "")
    if reason in {"PodInitializing", "ContainerCreating", ""}:
        failure = describe_setup(pod, events)
        return f"container {waiting.name} to be created" + (f" ({failure})" if failure else "")
    if reason == "CreateContainerConfigError":
        issue = _config_error(waiting.name, waiting.detail.get("message", ""))
        missing = issue.missing
        return issue.problem.message if missing is None else f"{missing.kind} {missing.name}, which is not there yet"
    return f"container {waiting.name}: {reason}"
