"""An object that this run has made or changed: in sight of the observer, until somebody deletes it."""

from collections.abc import Callable

from ks_universal.diagnostics import Problem
from ks_universal.json_types import Json
from ks_universal.targets.kubernetes.api.client import Client
from ks_universal.targets.kubernetes.api.clock import now_s
from ks_universal.targets.kubernetes.api.kinds import Kind

_LOSSES = {
    "Deployment": "kubernetes/deployment-deleted",
    "Job": "kubernetes/job-deleted",
    "StatefulSet": "kubernetes/stateful-set-deleted",
    "DaemonSet": "kubernetes/daemon-set-deleted",
}
_HINT = "find out who does that (another pipeline, a clean-up job), then deploy again"

_UNSEEN_S = 2.0
"""How long the observer may be behind; then the API server is asked: an object may be gone before it was ever seen."""


class Sight:
    """Keeps one object in sight; `made` is it as the API server gave it, `read` gives the object of its name."""

    def __init__(self, client: Client, kind: Kind, made: Json, read: Callable[[str], Json | None]) -> None:
        self._client = client
        self._kind = kind
        self._name = str(made["metadata"]["name"])
        self._uid = made["metadata"]["uid"]
        self._read = read
        self._ask_at_s: float | None = now_s() + _UNSEEN_S

    async def look(self) -> Json | Problem | None:
        """Give the object as last seen, or how it was lost; None: the observer has yet to see it."""
        observed = self._read(self._name)
        if observed is not None and observed["metadata"]["uid"] == self._uid:
            self._ask_at_s = None
            return observed
        if self._ask_at_s is not None:
            if now_s() < self._ask_at_s:
                return None
            self._ask_at_s = now_s() + _UNSEEN_S
            observed = await self._client.get(self._kind, self._name)
            if observed is not None and observed["metadata"]["uid"] == self._uid:
                return None
        return describe_loss(self._kind, self._name, is_replaced=observed is not None)

    def left_s(self) -> float | None:
        """Seconds until it is to be looked for again where nothing changes; None once it has been seen."""
        return None if self._ask_at_s is None else max(0.0, self._ask_at_s - now_s())


def describe_loss(kind: Kind, name: str, what: str = "deleted", *, is_replaced: bool = False) -> Problem:
    """Say that somebody `deleted` a workload or Job, or else what somebody does to it."""
    again = ", and another one of this name was made" if is_replaced else ""
    return Problem(_LOSSES[kind.kind], f"somebody {what} {kind.kind}/{name}{again}", hint=_HINT)
