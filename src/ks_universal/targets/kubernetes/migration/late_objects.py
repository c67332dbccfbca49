"""Secrets and ConfigMaps that pods miss and that may be made yet: by an operator, or by a migration of the release."""

from collections.abc import Sequence

import msgspec

from ks_universal.json_types import Json
from ks_universal.metadata_keys import DIGEST
from ks_universal.resources.objects import ObjectRef
from ks_universal.targets.kubernetes.api.client import Client
from ks_universal.targets.kubernetes.api.clock import now_s
from ks_universal.targets.kubernetes.api.errors import ApiError
from ks_universal.targets.kubernetes.api.kinds import CONFIG_MAP, SECRET
from ks_universal.targets.kubernetes.migration.jobs import may_run
from ks_universal.targets.kubernetes.observed.grace import PodIssue
from ks_universal.targets.kubernetes.observed.issues import find_issue
from ks_universal.targets.kubernetes.observed.observer import Observer, WorkloadKey
from ks_universal.targets.kubernetes.observed.pods import is_finished

_KINDS = {kind.kind: kind for kind in (CONFIG_MAP, SECRET)}
_TAKEN_UP_S = 150.0
"""From when it was first missed: the kubelet's longest pause between two tries is two minutes."""
_LOOK_AGAIN_S = 2.0
"""What another Job has come to is not told to who waits for what it makes."""


class LateObjects:
    """Gives troubles the patience that what is missing deserves, for the pods of one Job or Deployment."""

    def __init__(self, client: Client, observer: Observer, topic: WorkloadKey) -> None:
        self._client = client
        self._observer = observer
        self._topic = topic
        self._held_s = 0.0
        self._held_since_s: float | None = None

    async def weigh(self, issues: Sequence[PodIssue]) -> list[PodIssue]:
        """Give those more patience whose object somebody may make who is running, or which is there by now."""
        wanted = dict.fromkeys(issue.missing for issue in issues if issue.missing is not None)
        there = {ref for ref in wanted if await self._exists(ref)}
        held_s = self._count_held_s(held=bool(wanted) and self._may_be_made())
        return [
            issue if issue.missing is None else _extend(issue, held_s, is_there=issue.missing in there)
            for issue in issues
        ]

    def left_s(self) -> float | None:
        """Seconds until it is to be asked again; None where nobody is running who may make it."""
        return None if self._held_since_s is None else _LOOK_AGAIN_S

    def _count_held_s(self, *, held: bool) -> float:
        """Count the seconds in which somebody ran who may make what was missing, this moment included."""
        now = now_s()
        if self._held_since_s is not None:
            self._held_s += now - self._held_since_s
        self._held_since_s = now if held else None
        return self._held_s

    async def _exists(self, ref: ObjectRef) -> bool:
        try:
            return await self._client.get(_KINDS[ref.kind], ref.name) is not None
        except ApiError as error:
            if error.code != 403:
                raise
            return False

    def _may_be_made(self) -> bool:
        """Tell whether an extra object gets ready, or a migration is running that does not wait for such itself."""
        if self._observer.has_makers:
            return True
        others = (job for job in self._observer.jobs() if ("Job", job["metadata"]["name"]) != self._topic)
        return any(self._is_running(job) for job in others)

    def _is_running(self, job: Json) -> bool:
        if DIGEST not in job["metadata"].get("annotations", {}) or not may_run(job) or job["spec"].get("suspend"):
            return False
        pods = self._observer.pods(("Job", job["metadata"]["name"]))
        return not pods or any(self._pod_works(pod) for pod in pods)

    def _pod_works(self, pod: Json) -> bool:
        issue = find_issue(pod, self._observer.events(pod))
        is_late = issue is not None and issue.missing is not None
        return not is_late and not is_finished(pod) and "deletionTimestamp" not in pod["metadata"]


def _extend(issue: PodIssue, held_s: float, *, is_there: bool) -> PodIssue:
    grace_s = max(issue.grace_s, _TAKEN_UP_S) if is_there else issue.grace_s
    return msgspec.structs.replace(issue, grace_s=grace_s + held_s)
