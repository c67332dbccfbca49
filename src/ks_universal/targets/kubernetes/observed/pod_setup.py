"""Early truth: what keeps a node from setting a pod up, before any of its containers can start. Pure.

Its volumes are attached and mounted, then its sandbox is made (namespaces, network). The kubelet, and the controller
that attaches volumes, try again and again and tell of each failure in an event; the pod's status says nothing of it.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from ks_universal.diagnostics import Problem
from ks_universal.json_types import Json
from ks_universal.resources.objects import ObjectRef
from ks_universal.targets.kubernetes.observed.grace import PodIssue
from ks_universal.targets.kubernetes.observed.pods import (
    condition,
    has_started,
    read_containers,
    read_last_seen,
    read_time,
)

_VOLUME = frozenset(("FailedMount", "FailedMapVolume", "FailedMountOnFilesystemMismatch"))
_ATTACH, _ATTACHED = "FailedAttachVolume", "SuccessfulAttachVolume"
_SANDBOX = frozenset(("FailedCreatePodSandBox", "NetworkNotReady", "FailedPrepareDynamicResources"))
_FAILURES = _VOLUME | _SANDBOX | {_ATTACH}
_AFTER = frozenset(("Pulling", "Pulled", "Created", "Started", "BackOff"))
"""Events about its containers: what they need is there."""
_VOLUME_S, _ATTACH_S, _SANDBOX_S = 90.0, 120.0, 60.0
"""A driver that starts with its node, or a volume that another node has to give back, takes its time."""

MISSING_S = 30.0
"""What an operator makes (external-secrets, cert-manager) is there some seconds after what it makes it from."""

_SUMMARY = "Unable to attach or mount volumes"
"""How the kubelet sums up, every two minutes, what it could not mount; the reason is in another event."""
_MISSING = re.compile(r"\b(secret|configmap)s? \"([^\"]+)\" not found", re.I)
_MISSING_KEY = re.compile(r"references non-existent (secret|config) key|couldn't find key", re.I)
_NAMED_VOLUME = re.compile(r"volume \"([^\"]+)\"")
_ID = re.compile(r"\b[0-9a-f]{24,}\b")
_KINDS = {"secret": "Secret", "configmap": "ConfigMap"}


def find_setup_issues(pod: Json, events: Iterable[Json]) -> Iterator[PodIssue]:
    """Find what the node could not do for the pod since it last could: one trouble a kind, as told last.

    `events` are those about the pod, in the order in which they last happened.
    """
    found = {issue.problem.code: issue for issue in map(_describe, _find_failures(pod, events))}
    yield from found.values()


def describe_setup(pod: Json, events: Iterable[Json]) -> str:
    """Say what the node could not do for the pod last; `` where it could all, or has yet to try."""
    told = _find_failures(pod, events)[-1:]
    return next((_describe(failure).problem.message for failure in told), "")


def find_missing_object(message: str) -> ObjectRef | None:
    """Find which Secret or ConfigMap a message says is not there; None where it is there, and a key of it is not."""
    found = None if _MISSING_KEY.search(message) else _MISSING.search(message)
    return None if found is None else ObjectRef(_KINDS[found[1].lower()], "", found[2])


def describe_missing_reference(message: str) -> PodIssue:
    """Say that pods need what is not there; there is patience for an object as a whole, which somebody may make yet."""
    missing = find_missing_object(message)
    return PodIssue(describe_missing(message), 0.0 if missing is None else MISSING_S, missing)


def describe_missing(message: str, kind: str = "") -> Problem:
    """Say that pods need what is not there; `kind` is that of the object, where it is known."""
    if kind == "ServiceAccount":
        hint = "create the ServiceAccount, or correct serviceAccountName"
        return Problem("kubernetes/service-account", message, hint=hint)
    hint = "create the Secret or ConfigMap with this key, or correct the reference"
    return Problem("kubernetes/missing-reference", message, hint=hint)


def shorten(text: str) -> str:
    """Put a text of others into one line of a bearable length."""
    text = " ".join(text.split())
    return text if len(text) <= 400 else text[:399] + "…"


def _find_failures(pod: Json, events: Iterable[Json]) -> list[Json]:
    """Find the events that say what the node could not do, and has not done since."""
    if _is_set_up(pod):
        return []
    since = _find_last_setup(pod)
    failures: list[Json] = []
    for event in events:
        reason = event.get("reason")
        if reason in _AFTER:
            failures = []
        elif reason == _ATTACHED:
            failures = [each for each in failures if each["reason"] != _ATTACH or _volume(each) != _volume(event)]
        elif reason in _FAILURES and (since is None or _happened(event) >= since):
            failures.append(event)
    return [each for each in failures if not each.get("message", "").startswith(_SUMMARY)] or failures


def _is_set_up(pod: Json) -> bool:
    said = condition(pod, "PodReadyToStartContainers")  # older clusters do not say it
    if said:
        return bool(said["status"] == "True")
    return any(state.state != "waiting" for state in read_containers(pod))


def _find_last_setup(pod: Json) -> datetime | None:
    """Find until when the pod was set up, as of a node that was started anew; None: it has never been."""
    if not any(has_started(state) for state in read_containers(pod)):
        return None
    return read_time(condition(pod, "PodReadyToStartContainers").get("lastTransitionTime"))


def _happened(event: Json) -> datetime:
    return read_time(read_last_seen(event) or None) or datetime.max.replace(tzinfo=UTC)


def _volume(event: Json) -> str:
    found = _NAMED_VOLUME.search(event.get("message", ""))
    return "" if found is None else found[1]


def _describe(failure: Json) -> PodIssue:
    reason, message = failure["reason"], shorten(_ID.sub("…", failure.get("message", "")))
    if _MISSING.search(message) or _MISSING_KEY.search(message):
        return describe_missing_reference(message)
    if reason in _SANDBOX:
        hint = "see the node: its network plugin, its container runtime, the drivers of its devices"
        problem = Problem("kubernetes/sandbox", f"the node cannot set its pod up: {message}", hint=hint)
        return PodIssue(problem, _SANDBOX_S)
    hint = "see the volume in the values, its claim (kubectl describe pvc), and the driver that brings it"
    if "Multi-Attach" in message:
        hint = "another node has the volume: 'strategy: {type: Recreate}' ends the old pod before the new one begins"
    problem = Problem("kubernetes/volume", f"a volume cannot be mounted: {message}", hint=hint)
    return PodIssue(problem, _ATTACH_S if reason == _ATTACH else _VOLUME_S)
