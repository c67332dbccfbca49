"""Kubernetes Events about migrations, on the release's Deployment, for `kubectl describe` and whoever watches."""

import contextlib
from datetime import UTC, datetime
from typing import Any

from ks_universal.errors import KsUniversalError
from ks_universal.targets.kubernetes.client import Client
from ks_universal.targets.kubernetes.kinds import EVENT

Json = dict[str, Any]


async def announce(client: Client, about: Json, *, reason: str, message: str, warning: bool = False) -> None:
    """Write an Event about an object; a role that may not write Events writes none, and nothing fails for it."""
    now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    metadata = about["metadata"]
    body = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"generateName": f"{metadata['name'][:200]}.", "namespace": client.namespace},
        "involvedObject": {
            "apiVersion": about["apiVersion"],
            "kind": about["kind"],
            "name": metadata["name"],
            "namespace": client.namespace,
            "uid": metadata["uid"],
        },
        "reason": reason,
        "message": message[:1000],
        "type": "Warning" if warning else "Normal",
        "count": 1,
        "firstTimestamp": now,
        "lastTimestamp": now,
        "source": {"component": "ks-universal"},
    }
    with contextlib.suppress(KsUniversalError):
        await client.create(EVENT, body)
