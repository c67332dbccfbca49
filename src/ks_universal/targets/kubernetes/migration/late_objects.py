"""Secrets and ConfigMaps that pods miss and that somebody may make yet: an operator, or a migration of the release."""

from collections.abc import Sequence

import msgspec

from ks_universal.json_types import Json
from ks_universal.resources.objects import Identity
from ks_universal.targets.kubernetes.api.client import Client
from ks_universal.targets.kubernetes.api.clock import now_s
from ks_universal.targets.kubernetes.api.errors import Refusal
from ks_universal.targets.kubernetes.api.kinds import CONFIG_MAP, SECRET
from ks_universal.targets.kubernetes.migration.jobs import DIGEST, may_run
from ks_universal.targets.kubernetes.observed.observer import Observer, Topic
from ks_universal.targets.kubernetes.observed.patience import Trouble
from ks_universal.targets.kubernetes.observed.pods import is_finished
from ks_universal.targets.kubernetes.observed.troubles import find_trouble

_KINDS = {kind.kind: kind for kind in (CONFIG_MAP, SECRET)}
_TAKEN_UP_S = 150.0
"""From when it was first missed: the kubelet's longest pause between two tries is two minutes."""
_LOOK_AGAIN_S = 2.0
"""What another Job has come to is not told to who waits for what it makes."""


class LateObjects:
    """Gives troubles the patience that what is missing deserves, for the pods of one Job or Deployment."""

    def __init__(self, client: Client, observer: Observer, topic: Topic) -> None:
        self._client = client
        self._observer = observer
        self._topic = topic
        self._held_s = 0.0
        self._held_since_s: float | None = None

    async def weigh(self, troubles: Sequence[Trouble]) -> list[Trouble]:
        """Give those more patience whose object a migration that is at work may make, or which is there by now."""
        wanted = dict.fromkeys(trouble.missing for trouble in troubles if trouble.missing is not None)
        there = {subject for subject in wanted if await self._exists(subject)}
        held_s = self._count_held_s(held=bool(wanted) and self._may_be_made())
        return [
            trouble if trouble.missing is None else _extend(trouble, held_s, is_there=trouble.missing in there)
            for trouble in troubles
        ]

    def left_s(self) -> float | None:
        """Seconds until it is to be asked again; None where it waits for no migration."""
        return None if self._held_since_s is None else _LOOK_AGAIN_S

    def _count_held_s(self, *, held: bool) -> float:
        """Count the seconds in which a migration was at work while something was missing, this moment included."""
        now = now_s()
        if self._held_since_s is not None:
            self._held_s += now - self._held_since_s
        self._held_since_s = now if held else None
        return self._held_s

    async def _exists(self, subject: Identity) -> bool:
        try:
            return await self._client.get(_KINDS[subject.kind], subject.name) is not None
        except Refusal as refusal:
            if refusal.code != 403:
                raise
            return False

    def _may_be_made(self) -> bool:
        """Tell whether a migration of the release, in this namespace, is at work, and does not wait for such itself."""
        others = (job for job in self._observer.jobs() if ("Job", job["metadata"]["name"]) != self._topic)
        return any(self._is_at_work(job) for job in others)

    def _is_at_work(self, job: Json) -> bool:
        if DIGEST not in job["metadata"].get("annotations", {}) or not may_run(job) or job["spec"].get("suspend"):
            return False
        pods = self._observer.pods(("Job", job["metadata"]["name"]))
        return not pods or any(self._pod_works(pod) for pod in pods)

    def _pod_works(self, pod: Json) -> bool:
        trouble = find_trouble(pod, self._observer.events(pod))
        is_late = trouble is not None and trouble.missing is not None
        return not is_late and not is_finished(pod) and "deletionTimestamp" not in pod["metadata"]


def _extend(trouble: Trouble, held_s: float, *, is_there: bool) -> Trouble:
    patience_s = max(trouble.patience_s, _TAKEN_UP_S) if is_there else trouble.patience_s
    return msgspec.structs.replace(trouble, patience_s=patience_s + held_s)
