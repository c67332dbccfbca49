"""How far a Deployment has come, as a pure function of it, its ReplicaSets and their pods."""

import msgspec

from ks_universal.diagnostics import Problem
from ks_universal.json_types import Json
from ks_universal.targets.kubernetes.observed.pods import condition, is_finished, is_ready, is_stopping, owner

_HASH = "pod-template-hash"
"""The label by which the Deployment's controller tells the ReplicaSets of its templates apart."""


class Progress(msgspec.Struct, frozen=True):
    """`done`: the new version is ready and all old pods are told to stop; else `waits_for` says what is missing.

    `failure`: the controller says that it takes too long; after a change that may still be said of the version before.
    """

    done: bool
    waits_for: str = ""
    paused: bool = False
    """It is paused, and needs its controller to go on: it comes no further until somebody resumes it."""
    failure: Problem | None = None


def read_progress(deployment: Json, replica_sets: list[Json], pods: list[Json]) -> Progress:
    """Say how far the rollout of the Deployment's current template is."""
    spec, status = deployment["spec"], deployment.get("status", {})
    if status.get("observedGeneration", 0) < deployment["metadata"].get("generation", 0):
        return Progress(done=False, waits_for="the Deployment's controller")
    progressing = condition(deployment, "Progressing")
    failure = _too_slow(deployment, progressing) if progressing.get("reason") == "ProgressDeadlineExceeded" else None
    wanted = spec.get("replicas", 1)
    available, updated = status.get("availableReplicas", 0), status.get("updatedReplicas", 0)
    ready = sum(is_ready(pod) for pod in new_pods(deployment, replica_sets, pods))
    old = old_pods(deployment, replica_sets, pods)
    kept = sum(not is_stopping(pod) for pod in old) or status.get("replicas", 0) - updated  # which counts none of those
    if spec.get("paused") and (updated < wanted or kept > 0):
        return Progress(done=False, waits_for="somebody to resume its Deployment, which is paused", paused=True)
    if updated < wanted and old and _recreates(spec):
        return Progress(done=False, waits_for=f"{name_old_pods(len(old))} to end", failure=failure)
    if updated < wanted or available < wanted or (kept > 0 and ready < wanted):  # old pods count as available, too
        return Progress(done=False, waits_for=f"its new pods: {ready} of {wanted} ready", failure=failure)
    if kept > 0:
        return Progress(done=False, waits_for=f"{name_old_pods(kept)} to be told to stop", failure=failure)
    return Progress(done=True)


def name_old_pods(count: int) -> str:
    """Say how many old pods: `1 old pod`, `2 old pods`."""
    return f"{count} old pod{'s' if count > 1 else ''}"


def proves_itself(deployment: Json) -> bool:
    """Tell whether the end of the rollout shows that its pods work; without a readiness probe it shows their start."""
    spec = deployment["spec"]
    if spec.get("replicas", 1) == 0 or spec.get("minReadySeconds", 0) > 0:
        return True
    return any("readinessProbe" in container for container in spec["template"]["spec"]["containers"])


def may_shrink(deployment: Json) -> bool:
    """Tell whether the rollout may end old pods before new ones are ready (as the API resolves `maxUnavailable`)."""
    spec = deployment["spec"]
    if _recreates(spec):
        return True
    limits = (spec.get("strategy") or {}).get("rollingUpdate") or {}
    replicas = spec.get("replicas", 1)
    unavailable = _resolve(limits.get("maxUnavailable", "25%"), replicas)
    return unavailable >= 1 or _resolve(limits.get("maxSurge", "25%"), replicas) == 0


def _recreates(spec: Json) -> bool:
    """Tell whether all old pods end before the first new one starts."""
    return (spec.get("strategy") or {}).get("type") == "Recreate"


def _resolve(limit: int | str, replicas: int) -> float:
    """Give a number of pods, of a share not yet rounded: down for `maxUnavailable`, up for `maxSurge`."""
    return limit if isinstance(limit, int) else replicas * float(limit.removesuffix("%")) / 100


def is_settled(deployment: Json) -> bool:
    """Tell by a Deployment alone whether all of its pods are of its current template and available."""
    return read_progress(deployment, [], []).done


def find_current(deployment: Json, replica_sets: list[Json]) -> Json | None:
    """Find the ReplicaSet of the current template, as the controller does: the oldest one that has it.

    Not by the revision's annotation: until the controller has seen a new template, that still names the version before.
    """
    wanted = _read_template(deployment)
    return next((replica_set for replica_set in replica_sets if _read_template(replica_set) == wanted), None)


def new_pods(deployment: Json, replica_sets: list[Json], pods: list[Json]) -> list[Json]:
    """The pods of the Deployment's current template."""
    current = find_current(deployment, replica_sets)
    return [pod for pod in pods if current and owner(pod)[2] == current["metadata"]["uid"]]


def old_pods(deployment: Json, replica_sets: list[Json], pods: list[Json]) -> list[Json]:
    """The pods of earlier templates that are still there, those that are stopping included.

    `pods` are the Deployment's; the ReplicaSet of one that is stopping may be gone (`revisionHistoryLimit: 0`).
    """
    current = find_current(deployment, replica_sets)
    uid = None if current is None else current["metadata"]["uid"]
    return [pod for pod in pods if _HASH in _labels(pod) and owner(pod)[2] != uid and not is_finished(pod)]


def _labels(item: Json) -> Json:
    return item["metadata"].get("labels") or {}


def _read_template(owner: Json) -> Json:
    template = owner["spec"]["template"]
    metadata = template.get("metadata") or {}
    labels = {key: value for key, value in (metadata.get("labels") or {}).items() if key != _HASH}
    return {"labels": labels, "annotations": metadata.get("annotations") or {}, "spec": template["spec"]}


def _too_slow(deployment: Json, progressing: Json) -> Problem:
    limit_s = deployment["spec"].get("progressDeadlineSeconds", 600)
    message = f"no progress for {limit_s} s: {progressing.get('message', '')}"
    return Problem("kubernetes/progress-deadline", message, hint="see the pods' logs and readiness probes")
