"""A rollout that comes no further: of stateful and daemon sets no controller says so."""

import msgspec

from ks_universal.diagnostics import Problem
from ks_universal.json_types import Json
from ks_universal.targets.kubernetes.api.clock import now_s
from ks_universal.targets.kubernetes.observed.readiness import Progress
from ks_universal.targets.kubernetes.rollout.old_pods import read_grace_s


class Stall:
    """Remembers since when nothing has changed of how far a workload is; `limit_s` is how long that may last.

    Added to it is the time that pods may take by what the workload says: to end, and to be called available.
    """

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._seen: object = None
        self._ends_at_s: float | None = None

    def look(self, workload: Json, progress: Progress) -> Progress:
        """Give the progress with a failure, where it has lasted too long."""
        seen = (workload.get("status"), progress.waits_for)
        template = {"metadata": {}, "spec": workload["spec"]["template"]["spec"]}
        limit_s = self._limit_s + read_grace_s([template]) + workload["spec"].get("minReadySeconds", 0)
        if seen != self._seen:
            self._seen, self._ends_at_s = seen, now_s() + limit_s
        if self._ends_at_s is None or now_s() < self._ends_at_s:
            return progress
        message = f"no progress for {limit_s:.0f} s: it waits for {progress.waits_for}"
        failure = Problem("kubernetes/progress-deadline", message, hint="see the pods' logs and readiness probes")
        return msgspec.structs.replace(progress, failure=failure)

    def left_s(self) -> float | None:
        """Seconds until it has lasted too long."""
        return None if self._ends_at_s is None else max(0.0, self._ends_at_s - now_s())
