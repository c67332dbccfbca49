"""Removes an object that left the release, and sees it gone with all that hangs on it."""

import asyncio
from collections.abc import Callable, Collection
from typing import Any, Literal

import httpx2

from ks_universal.resources.objects import Identity
from ks_universal.targets.kubernetes.client import Client
from ks_universal.targets.kubernetes.kinds import Kind
from ks_universal.targets.kubernetes.ownership import Owner, belongs_to
from ks_universal.targets.kubernetes.refusals import Refusal

Json = dict[str, Any]

_LOOK_AGAIN_S = 3.0
_SILENCE_S = 10.0
_PAUSE_S = 1.0
"""Between two looks where there is no watch: a role may have the right to read, and not to watch."""


async def remove(
    client: Client, subject: Identity, owner: Owner, *, kept: Collection[str], say: Callable[[str], None]
) -> Literal["deleted", "kept"] | None:
    """Remove an object of the release; None where there is none, or it is another's. Those of the kinds `kept` stay.

    `say` is told what it waits for, where that takes its time.
    """
    client = client.within(subject.namespace or client.namespace)
    kind = await client.find_kind(subject.kind)
    live = None if kind is None else await client.get(kind, subject.name)
    if kind is None or live is None or not belongs_to(live, owner):
        return None
    if kind.kind in kept:
        return "kept"
    await client.delete(kind, subject.name, uid=live["metadata"]["uid"], propagation="Foreground")
    try:
        async with asyncio.timeout(_LOOK_AGAIN_S):
            await _await_gone(client, kind, live)
    except TimeoutError:
        current = await client.get(kind, subject.name) or live
        finalizers = ", ".join(current["metadata"].get("finalizers", ()))
        say(f"{subject} to be gone" + (f" (finalizers: {finalizers})" if finalizers else ""))
        await _await_gone(client, kind, live)
    return "deleted"


async def _await_gone(client: Client, kind: Kind, live: Json) -> None:
    """Wait until an object that is being deleted is gone (finalizers, dependents)."""
    name, uid = live["metadata"]["name"], live["metadata"]["uid"]
    while (current := await client.get(kind, name)) is not None and current["metadata"]["uid"] == uid:
        parameters = {
            "watch": "true",
            "fieldSelector": f"metadata.name={name}",
            "resourceVersion": current["metadata"]["resourceVersion"],
        }
        path = kind.path(client.namespace)
        try:
            async with client.stream(path, parameters, silence_s=_SILENCE_S) as lines:
                await anext(lines, None)
        except (Refusal, httpx2.TransportError):
            await asyncio.sleep(_PAUSE_S)
