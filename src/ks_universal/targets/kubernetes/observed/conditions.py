"""Whether an object is as its controller is to make it, by the conventions that kstatus describes; pure functions.

https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md: `observedGeneration`, and the conditions
`Reconciling`, `Stalled` and `Ready`. An object without them is ready when it exists.
"""

from typing import NamedTuple

from ks_universal.json_types import Json
from ks_universal.resources.objects import object_ref

_READY = {
    "APIService": ("Available",),
    "CustomResourceDefinition": ("Established",),
    "SealedSecret.bitnami.com": ("Synced",),
}
"""The condition of kinds that call it otherwise than `Ready`."""
_COUNTED = frozenset(("DaemonSet", "Deployment", "ReplicaSet", "StatefulSet"))
_UNCOUNTED = frozenset(("Job", "CronJob", "Pod", "PersistentVolumeClaim", "Node", "Service", "HorizontalPodAutoscaler"))
"""Kinds whose conditions tell of what they do later: these objects are ready when they exist."""


class Readiness(NamedTuple):
    """The state of an object. `why` says what is missing, as the controller says it; `is_final`: it will not change."""

    is_ready: bool
    why: str = ""
    is_final: bool = False


READY = Readiness(is_ready=True)


def judge(body: Json) -> Readiness:
    """Judge an object by its status."""
    metadata, status = body["metadata"], body.get("status") or {}
    if "deletionTimestamp" in metadata:
        return Readiness(is_ready=False, why="it is being deleted")
    kind = object_ref(body).kind
    if kind in _UNCOUNTED or not isinstance(status, dict):
        return READY
    generation = metadata.get("generation")
    conditions = {each.get("type"): each for each in status.get("conditions") or () if isinstance(each, dict)}
    stalled = conditions.get("Stalled")
    if stalled is not None and stalled.get("status") == "True" and _is_current(stalled, generation):
        return Readiness(is_ready=False, why=_describe(stalled), is_final=True)
    seen = _read_seen(status)
    if generation is not None and seen is not None and seen < generation:
        return Readiness(is_ready=False, why=f"its controller has not seen this version ({seen} of {generation})")
    if kind in _COUNTED:
        return _count(kind, body, status)
    reconciling = conditions.get("Reconciling")
    if reconciling is not None and reconciling.get("status") == "True":
        return Readiness(is_ready=False, why=_describe(reconciling))
    for name in (*_READY.get(kind, ()), "Ready"):
        if name in conditions:
            return _judge_condition(conditions[name], generation)
    return Readiness(is_ready=False, why="its controller has not said so yet") if kind in _READY else READY


def has_reported(body: Json) -> bool:
    """Tell whether a controller has written a status."""
    return bool(body.get("status"))


def _judge_condition(condition: Json, generation: int | None) -> Readiness:
    if condition.get("status") == "True" and _is_current(condition, generation):
        return READY
    if not _is_current(condition, generation):
        return Readiness(is_ready=False, why="its controller has not seen this version")
    return Readiness(is_ready=False, why=_describe(condition))


def _is_current(condition: Json, generation: int | None) -> bool:
    seen = condition.get("observedGeneration")
    return not isinstance(seen, int) or generation is None or seen >= generation


def _read_seen(status: Json) -> int | None:
    """Read which version of the object a controller has worked on, as far as it says so.

    External Secrets writes `GENERATION-HASH` into `syncedResourceVersion`, Vault's operator `lastGeneration`.
    """
    for field in ("observedGeneration", "lastGeneration"):
        if isinstance(status.get(field), int):
            return int(status[field])
    first, separator, _ = str(status.get("syncedResourceVersion", "")).partition("-")
    return int(first) if separator and first.isdigit() else None


def _count(kind: str, body: Json, status: Json) -> Readiness:
    if kind == "DaemonSet":
        wanted, ready = status.get("desiredNumberScheduled", 0), status.get("numberReady", 0)
        updated = status.get("updatedNumberScheduled", 0)
    else:
        wanted, ready = (body.get("spec") or {}).get("replicas", 1), status.get("readyReplicas", 0)
        updated = ready if kind == "ReplicaSet" else status.get("updatedReplicas", 0)
    if "observedGeneration" in status and min(ready, updated) >= wanted:
        return READY
    return Readiness(is_ready=False, why=f"{min(ready, updated)} of {wanted} pods are ready")


def _describe(condition: Json) -> str:
    said = ": ".join(str(text) for text in (condition.get("reason"), condition.get("message")) if text)
    return said or f"its condition {condition.get('type')} is {condition.get('status')}"
