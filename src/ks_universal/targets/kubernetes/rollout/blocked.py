"""A StatefulSet whose broken pod keeps it from its next version (kubernetes#67250, "forced rollback" in its docs).

Its controller waits until each pod is ready before it replaces the next one, also for one that never will be: one of a
version that cannot start. Nobody but a user ends such a pod, and so does this: the update that is under way replaces it
anyway. One that runs and is not ready is left alone: it may be working on its data.
"""

from collections.abc import Iterator

from ks_universal.diagnostics import Problem
from ks_universal.json_types import Json
from ks_universal.targets.kubernetes.api.client import Client
from ks_universal.targets.kubernetes.api.clock import now_s
from ks_universal.targets.kubernetes.api.errors import ApiError
from ks_universal.targets.kubernetes.api.kinds import POD
from ks_universal.targets.kubernetes.observed.issues import find_issue
from ks_universal.targets.kubernetes.observed.observer import Observer
from ks_universal.targets.kubernetes.observed.pods import is_ready, is_stopping
from ks_universal.targets.kubernetes.observed.readiness import count_held_back, replaces_on_delete
from ks_universal.targets.kubernetes.observed.versions import is_observed, old_pods

_LONGEST_S = 10.0
"""How long a pod of an earlier version may be in trouble: by itself it gets out of it only as that version."""
_INDEX = "apps.kubernetes.io/pod-index"


class BlockedUpdate:
    """Ends the pods for which the update of a StatefulSet would wait for ever."""

    def __init__(self, client: Client, observer: Observer) -> None:
        self._client = client
        self._observer = observer
        self._since_s: dict[str, float] = {}
        self._look_at_s: float | None = None

    async def look(self, workload: Json, pods: list[Json]) -> str:
        """End what is in trouble for too long; gives a clause about what the update waits for, empty where nothing."""
        self._look_at_s = None
        for pod in _find_blocking(workload, pods):
            name = pod["metadata"]["name"]
            issue = find_issue(pod, self._observer.events(pod))
            if issue is None:
                return (
                    f"{name}, a pod of an earlier version, is not ready; if it never will be: kubectl delete pod {name}"
                )
            ends_s = self._since_s.setdefault(pod["metadata"]["uid"], now_s()) + min(issue.grace_s, _LONGEST_S)
            if now_s() >= ends_s:
                return await self._end(pod, issue.problem)
            self._look_at_s = ends_s
        return ""

    def left_s(self) -> float | None:
        """Seconds until a pod has been in trouble for too long."""
        return None if self._look_at_s is None else max(0.0, self._look_at_s - now_s())

    async def _end(self, pod: Json, why: Problem) -> str:
        name = pod["metadata"]["name"]
        told = f"{name}, a pod of an earlier version that cannot start ({why.message})"
        try:
            await self._client.delete(POD, name, uid=pod["metadata"]["uid"])
        except ApiError as error:
            if error.code != 403:
                raise
            return f"{told}, keeps it from going on, and your role may not delete it: kubectl delete pod {name}"
        return f"{told}, was deleted to be replaced"


def _find_blocking(workload: Json, pods: list[Json]) -> Iterator[Json]:
    spec = workload["spec"]
    if (
        workload["kind"] != "StatefulSet"
        or replaces_on_delete(workload)
        or spec.get("podManagementPolicy") == "Parallel"
    ):
        return
    if not is_observed(workload):  # which pods are of an earlier version is not known yet
        return
    first = count_held_back(workload) + ((spec.get("ordinals") or {}).get("start") or 0)
    for pod in old_pods(workload, [], pods):
        ordinal = int((pod["metadata"].get("labels") or {}).get(_INDEX) or pod["metadata"]["name"].rpartition("-")[2])
        if ordinal >= first and not is_ready(pod) and not is_stopping(pod):
            yield pod
