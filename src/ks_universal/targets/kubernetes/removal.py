"""Removes an object that left the release, and sees it gone with all that hangs on it."""

import asyncio
from collections.abc import Callable, Container
from typing import Any

import httpx2

from ks_universal.plan.changes import ObjectChange
from ks_universal.plan.steps import Delete
from ks_universal.resources.keeping import find_keeper
from ks_universal.targets.kubernetes.client import Client
from ks_universal.targets.kubernetes.kinds import Kind
from ks_universal.targets.kubernetes.ownership import Owner, belongs_to
from ks_universal.targets.kubernetes.refusals import Refusal

Json = dict[str, Any]

_LOOK_AGAIN_S = 3.0
_SILENCE_S = 10.0
_PAUSE_S = 1.0
"""Between two looks where there is no watch: a role may have the right to read, and not to watch."""


def plan_removal(live: Json | None, step: Delete, owner: Owner, kept: Container[str]) -> ObjectChange | None:
    """Tell what becomes of an object that left the values; None where there is none, or it is another's.

    It stays where it says so itself, and where it is of the kinds `kept`. What counts is the live object, which carries
    what the values said last and what others have written since, as Helm has it in an upgrade.
    """
    if live is None or not belongs_to(live, owner):
        return None
    keeper = None if step.is_stop else find_keeper(live)
    if keeper is not None or step.identity.kind in kept:
        return ObjectChange(identity=step.identity, change="kept", kept_by=keeper or "")
    return ObjectChange(identity=step.identity, change="deleted")


async def remove(
    client: Client, step: Delete, owner: Owner, *, kept: Container[str], say: Callable[[str], None]
) -> str | None:
    """Remove an object as `plan_removal` has it, and see it gone; gives what became of it.

    `say` is told what it waits for, where that takes its time.
    """
    subject = step.identity
    client = client.within(subject.namespace or client.namespace)
    kind = await client.find_kind(subject.kind)
    live = None if kind is None else await client.get(kind, subject.name)
    change = plan_removal(live, step, owner, kept)
    if kind is None or live is None or change is None:
        return None
    if change.change == "kept":
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
