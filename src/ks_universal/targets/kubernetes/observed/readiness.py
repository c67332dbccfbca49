"""How far a workload has come, as a pure function of it, of what keeps its versions, and of their pods."""

import msgspec

from ks_universal.diagnostics import Problem
from ks_universal.json_types import Json
from ks_universal.targets.kubernetes.observed.pods import condition, is_ready, is_stopping
from ks_universal.targets.kubernetes.observed.versions import is_observed, new_pods, old_pods

ON_DELETE = "OnDelete"


class Progress(msgspec.Struct, frozen=True):
    """`done`: the new version is ready and all old pods are told to stop; else `waits_for` says what is missing.

    `failure`: the controller says that it takes too long; after a change that may still be said of the version before.
    `left`: how many old pods the values' own update strategy leaves as they are (`OnDelete`, `partition`).
    """

    done: bool
    waits_for: str = ""
    paused: bool = False
    """It is paused, and needs its controller to go on: it comes no further until somebody resumes it."""
    failure: Problem | None = None
    left: int = 0


class _Counts(msgspec.Struct, frozen=True):
    """Numbers of pods: `wanted` of the new version, of which `updated` are there; `existing` of all versions.

    `left` keep the old version, by the update strategy.
    """

    wanted: int
    updated: int
    available: int
    existing: int
    left: int = 0


def read_progress(workload: Json, revisions: list[Json], pods: list[Json]) -> Progress:
    """Say how far the rollout of the workload's current template is."""
    spec = workload["spec"]
    if not is_observed(workload):
        return Progress(done=False, waits_for=f"the {workload['kind']}'s controller")
    counts = _count(workload)
    fresh, old = new_pods(workload, revisions, pods), old_pods(workload, revisions, pods)
    staying = sum(not is_stopping(pod) for pod in old)
    if replaces_on_delete(workload):
        return _read_on_delete(counts, fresh, staying)
    progressing = condition(workload, "Progressing")
    failure = _too_slow(workload, progressing) if progressing.get("reason") == "ProgressDeadlineExceeded" else None
    ready, left = sum(map(is_ready, fresh)), min(staying, counts.left)
    # The status counts none of those that are stopping.
    kept = staying - left if staying else max(0, counts.existing - counts.updated - counts.left)
    if spec.get("paused") and (counts.updated < counts.wanted or kept > 0):
        return Progress(done=False, waits_for="somebody to resume its Deployment, which is paused", paused=True)
    if counts.updated < counts.wanted and old and _recreates(spec):
        return Progress(done=False, waits_for=f"{name_old_pods(len(old))} to end", failure=failure)
    is_up = counts.updated >= counts.wanted and counts.available >= counts.wanted + counts.left
    if not is_up or (kept > 0 and ready < counts.wanted):  # old pods count as available, too
        return Progress(done=False, waits_for=f"its new pods: {ready} of {counts.wanted} ready", failure=failure)
    if kept > 0:
        return Progress(done=False, waits_for=f"{name_old_pods(kept)} to be told to stop", failure=failure)
    return Progress(done=True, left=left)


def _read_on_delete(counts: _Counts, fresh: list[Json], staying: int) -> Progress:
    """Say how far what nobody replaces is: the pods that are new have to be ready, whatever the old ones are."""
    unready = sum(not is_ready(pod) for pod in fresh)
    missing = max(0, counts.wanted - counts.existing)
    if missing or unready or (counts.available < counts.wanted and not staying):
        ready = len(fresh) - unready
        return Progress(done=False, waits_for=f"its new pods: {ready} of {len(fresh) + missing} ready", left=staying)
    return Progress(done=True, left=staying)


def count_wanted(workload: Json) -> int:
    """Count the pods that a workload is to have of its current template, when all is done."""
    return _count(workload).wanted


def count_left(workload: Json) -> int:
    """Count the pods that keep the old version by the values' own `partition`."""
    return _count(workload).left


def _count(workload: Json) -> _Counts:
    spec, status = workload["spec"], workload.get("status", {})
    if workload["kind"] == "DaemonSet":
        return _Counts(
            wanted=status.get("desiredNumberScheduled", 0),
            updated=status.get("updatedNumberScheduled", 0),
            available=status.get("numberAvailable", 0),
            existing=status.get("currentNumberScheduled", 0),
        )
    replicas, left = spec.get("replicas", 1), 0
    if workload["kind"] == "StatefulSet" and status.get("currentRevision") != status.get("updateRevision"):
        left = min(replicas, count_held_back(workload))
    return _Counts(
        wanted=replicas - left,
        updated=status.get("updatedReplicas", 0),
        available=status.get("availableReplicas", 0),
        existing=status.get("replicas", 0),
        left=left,
    )


def replaces_on_delete(workload: Json) -> bool:
    """Tell whether nobody replaces the pods of a workload: those that somebody deletes come back as the new version."""
    return bool((workload["spec"].get("updateStrategy") or {}).get("type") == ON_DELETE)


def count_held_back(stateful_set: Json) -> int:
    """Count the pods that keep the old version: those whose ordinals are below the `partition`."""
    spec = stateful_set["spec"]
    partition = ((spec.get("updateStrategy") or {}).get("rollingUpdate") or {}).get("partition") or 0
    return max(0, partition - ((spec.get("ordinals") or {}).get("start") or 0))


def name_old_pods(count: int) -> str:
    """Say how many old pods: `1 old pod`, `2 old pods`."""
    return f"{count} old pod{'s' if count > 1 else ''}"


def proves_itself(workload: Json) -> bool:
    """Tell whether the end of the rollout shows that its pods work; without a readiness probe it shows their start."""
    spec = workload["spec"]
    if count_wanted(workload) == 0 or spec.get("minReadySeconds", 0) > 0:
        return True
    return any("readinessProbe" in container for container in spec["template"]["spec"]["containers"])


def may_shrink(workload: Json) -> bool:
    """Tell whether the rollout may end old pods before new ones are ready (as the API resolves `maxUnavailable`)."""
    spec = workload["spec"]
    if workload["kind"] == "StatefulSet" or _recreates(spec):
        return True
    strategy, share = ("updateStrategy", 0) if workload["kind"] == "DaemonSet" else ("strategy", "25%")
    limits = (spec.get(strategy) or {}).get("rollingUpdate") or {}
    wanted = count_wanted(workload)
    unavailable = _resolve(limits.get("maxUnavailable", share or 1), wanted)
    return unavailable >= 1 or _resolve(limits.get("maxSurge", share), wanted) == 0


def _recreates(spec: Json) -> bool:
    """Tell whether all old pods end before the first new one starts."""
    return (spec.get("strategy") or {}).get("type") == "Recreate"


def _resolve(limit: int | str, replicas: int) -> float:
    """Give a number of pods, of a share not yet rounded: down for `maxUnavailable`, up for `maxSurge`."""
    return limit if isinstance(limit, int) else replicas * float(limit.removesuffix("%")) / 100


def is_settled(workload: Json) -> bool:
    """Tell by a workload alone whether all of its pods are of its current template and available."""
    return read_progress(workload, [], []).done


def _too_slow(deployment: Json, progressing: Json) -> Problem:
    limit_s = deployment["spec"].get("progressDeadlineSeconds", 600)
    message = f"no progress for {limit_s} s: {progressing.get('message', '')}"
    return Problem("kubernetes/progress-deadline", message, hint="see the pods' logs and readiness probes")
