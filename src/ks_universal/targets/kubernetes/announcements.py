"""Kubernetes Events about migrations, for `kubectl describe` and whoever watches a namespace."""

import asyncio
import contextlib
from datetime import UTC, datetime
from typing import Any, NamedTuple

from ks_universal.errors import KsUniversalError
from ks_universal.resources.objects import Identity
from ks_universal.targets.kubernetes.client import Client
from ks_universal.targets.kubernetes.kinds import EVENT

Json = dict[str, Any]

_LAST_WORDS_S = 5.0
"""How long Events that are still to be written may hold up the end."""


class _Announcement(NamedTuple):
    reason: str
    message: str
    is_warning: bool
    at: datetime


class Announcer:
    """Writes what becomes of migrations on their application's Deployment; nothing waits for it, nothing fails for it.

    In a first deploy there is no Deployment yet: what was said is kept, with its time, until `write_kept` gives the
    object to write it on.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._kept: dict[Identity, list[_Announcement]] = {}
        self._writing: set[asyncio.Task[None]] = set()

    def announce(
        self, deployment: Identity, live: Json | None, reason: str, message: str, *, is_warning: bool = False
    ) -> None:
        """Write an Event on a Deployment, where it is live; else keep it."""
        self._kept.setdefault(deployment, []).append(_Announcement(reason, message, is_warning, datetime.now(UTC)))
        if live is not None:
            self.write_kept(deployment, live)

    def write_kept(self, deployment: Identity, about: Json) -> None:
        """Write on `about`, the Deployment or what stands for it, what was kept for the Deployment."""
        kept = self._kept.pop(deployment, [])
        if kept:
            writing = asyncio.create_task(_write(self._client.of(about), about, kept))
            self._writing.add(writing)
            writing.add_done_callback(self._writing.discard)

    async def close(self) -> None:
        """Wait a little for what is still being written."""
        if self._writing:
            await asyncio.wait(self._writing, timeout=_LAST_WORDS_S)


async def _write(client: Client, about: Json, announcements: list[_Announcement]) -> None:
    """Write Events in their order; a role that may not write Events writes none."""
    with contextlib.suppress(KsUniversalError):
        for announcement in announcements:
            await client.create(EVENT, _make_event(client.namespace, about, announcement))


def _make_event(namespace: str, about: Json, announcement: _Announcement) -> Json:
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
