"""Kubernetes Events about migrations, for `kubectl describe` and whoever watches a namespace."""

import asyncio
import contextlib
from datetime import datetime
from typing import NamedTuple

from ks_universal.errors import KsUniversalError
from ks_universal.json_types import Json
from ks_universal.resources.objects import ObjectRef
from ks_universal.targets.kubernetes.api.client import Client
from ks_universal.targets.kubernetes.api.kinds import EVENT

_LAST_WORDS_S = 5.0
"""How long Events that are still to be written may hold up the end."""


class KubernetesEvent(NamedTuple):
    """What is said of a migration. `job`: the Job that ran it, as far as there is one."""

    reason: str
    message: str
    at: datetime
    is_warning: bool = False
    job: Json | None = None


class EventRecorder:
    """Writes what becomes of migrations on their application's Deployment; nothing waits for it, nothing fails for it.

    In a first deploy there is no Deployment yet: what was said is kept, with its time, until there is one. Where none
    comes, it is written in the end on the last Job.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._kept: dict[ObjectRef, list[KubernetesEvent]] = {}
        self._writers: dict[ObjectRef, asyncio.Task[None]] = {}

    def announce(self, deployment: ObjectRef, live: Json | None, announcement: KubernetesEvent) -> None:
        """Write an Event on a Deployment, where it is live; else keep it."""
        self._kept.setdefault(deployment, []).append(announcement)
        if live is not None:
            self.write_kept(deployment, live)

    def write_kept(self, deployment: ObjectRef, about: Json) -> None:
        """Write on `about`, the Deployment or what stands for it, what was kept for the Deployment."""
        if deployment in self._kept and deployment not in self._writers:
            self._writers[deployment] = asyncio.create_task(self._write(deployment, about))

    async def close(self) -> None:
        """Write what is still kept, and wait a little for all that is being written."""
        for deployment, kept in tuple(self._kept.items()):
            job = next((said.job for said in reversed(kept) if said.job is not None), None)
            if job is not None:
                self.write_kept(deployment, job)
        if self._writers:
            await asyncio.wait(self._writers.values(), timeout=_LAST_WORDS_S)

    async def _write(self, deployment: ObjectRef, about: Json) -> None:
        """Write Events one by one, so that they keep their order; a role that may not write Events writes none."""
        client = self._client.of(about)
        try:
            with contextlib.suppress(KsUniversalError):
                while kept := self._kept.pop(deployment, []):
                    for announcement in kept:
                        await client.create(EVENT, _make_event(client.namespace, about, announcement))
        finally:
            del self._writers[deployment]


def _make_event(namespace: str, about: Json, announcement: KubernetesEvent) -> Json:
    metadata = about["metadata"]
    at = announcement.at.isoformat(timespec="seconds").replace("+00:00", "Z")
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"generateName": f"{metadata['name'][:200]}.", "namespace": namespace},
        "involvedObject": {
            "apiVersion": about["apiVersion"],
            "kind": about["kind"],
            "name": metadata["name"],
            "namespace": namespace,
            "uid": metadata["uid"],
        },
        "reason": announcement.reason,
        "message": announcement.message[:1000],
        "type": "Warning" if announcement.is_warning else "Normal",
        "count": 1,
        "firstTimestamp": at,
        "lastTimestamp": at,
        "source": {"component": "ks-universal"},
    }
