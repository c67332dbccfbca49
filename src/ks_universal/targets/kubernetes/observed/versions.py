"""Which pods are of a workload's current version: what the controllers of the three kinds go by. Pure functions.

`revisions` are what keeps a workload's versions, oldest first: the ReplicaSets of a Deployment, the ControllerRevisions
of a DaemonSet; a StatefulSet's status names its own.
"""

from ks_universal.json_types import Json
from ks_universal.targets.kubernetes.observed.pods import is_finished, owner

_TEMPLATE_HASH = "pod-template-hash"
"""The label by which the Deployment's controller tells the ReplicaSets of its templates apart."""
_REVISION_HASH = "controller-revision-hash"
"""The label by which the controllers of the other kinds tell pods of their revisions apart."""


def find_current(deployment: Json, replica_sets: list[Json]) -> Json | None:
    """Find the ReplicaSet of the current template, as the controller does: the oldest one that has it.

    Not by the revision's annotation: until the controller has seen a new template, that still names the version before.
    """
    wanted = _read_template(deployment)
    return next((replica_set for replica_set in replica_sets if _read_template(replica_set) == wanted), None)


def new_pods(workload: Json, revisions: list[Json], pods: list[Json]) -> list[Json]:
    """The pods of the workload's current template."""
    current = _find_version(workload, revisions)
    return [pod for pod in pods if current is not None and _read_version(workload, pod) == current]


def old_pods(workload: Json, revisions: list[Json], pods: list[Json]) -> list[Json]:
    """The pods of earlier templates that are still there, those that are stopping included.

    `pods` are the workload's; the ReplicaSet of one that is stopping may be gone (`revisionHistoryLimit: 0`).
    """
    current = _find_version(workload, revisions)
    label = _TEMPLATE_HASH if workload["kind"] == "Deployment" else _REVISION_HASH
    made = [pod for pod in pods if label in _labels(pod) and not is_finished(pod)]
    return [pod for pod in made if _read_version(workload, pod) != current]


def is_observed(workload: Json) -> bool:
    """Tell whether the controller has seen the workload as it is now."""
    return bool(workload.get("status", {}).get("observedGeneration", 0) >= workload["metadata"].get("generation", 0))


def _find_version(workload: Json, revisions: list[Json]) -> str | None:
    """Find what tells the pods of the current template; None where its controller has not said so yet."""
    if workload["kind"] == "Deployment":
        current = find_current(workload, revisions)
        return None if current is None else str(current["metadata"]["uid"])
    if not is_observed(workload):
        return None
    if workload["kind"] == "StatefulSet":
        return str(workload["status"].get("updateRevision"))
    latest = max(revisions, key=lambda revision: revision.get("revision", 0), default=None)
    return None if latest is None else str(_labels(latest).get(_REVISION_HASH))


def _read_version(workload: Json, pod: Json) -> str | None:
    return owner(pod)[2] if workload["kind"] == "Deployment" else _labels(pod).get(_REVISION_HASH)


def _labels(item: Json) -> Json:
    return item["metadata"].get("labels") or {}


def _read_template(owner: Json) -> Json:
    template = owner["spec"]["template"]
    metadata = template.get("metadata") or {}
    labels = {key: value for key, value in (metadata.get("labels") or {}).items() if key != _TEMPLATE_HASH}
    return {"labels": labels, "annotations": metadata.get("annotations") or {}, "spec": template["spec"]}
