"""Removes an object that left the release, and sees it gone with all that hangs on it."""

import asyncio
import contextlib
from collections.abc import Callable, Container

import httpx2
import msgspec

from ks_universal.diagnostics import Problem, Severity
from ks_universal.errors import TargetError
from ks_universal.json_types import Json
from ks_universal.plan.changes import Change, ObjectChange
from ks_universal.plan.steps import Delete
from ks_universal.resources.keeping import CLAIM, find_keeper
from ks_universal.resources.objects import WORKLOAD_KINDS, read_template
from ks_universal.targets.kubernetes.api.client import Client
from ks_universal.targets.kubernetes.api.clock import now_s
from ks_universal.targets.kubernetes.api.errors import ApiError
from ks_universal.targets.kubernetes.api.kinds import CLAIM as CLAIM_KIND
from ks_universal.targets.kubernetes.api.kinds import Kind
from ks_universal.targets.kubernetes.objects.ownership import Owner, belongs_to

_LOOK_AGAIN_S = 3.0
_SILENCE_S = 10.0
_PAUSE_S = 1.0
_HOLDERS = {
    "foregroundDeletion": "see what holds its pods (kubectl get pods)",
    "kubernetes.io/pvc-protection": "end the pods that use it (kubectl describe pvc)",
}
"""What to do about the finalizers of Kubernetes itself."""
_SAVE = "nothing takes a deletion back: save the data, end these pods, and deploy again when the claim is gone"
"""Between two looks where there is no watch: a role may have the right to read, and not to watch."""


class Wait(msgspec.Struct, frozen=True):
    """How to wait for an end: `say` is told what for, and after `grace_s` it is given up."""

    say: Callable[[str], None]
    grace_s: float


def plan_removal(live: Json | None, step: Delete, owner: Owner, kept: Container[str]) -> ObjectChange | None:
    """Tell what becomes of an object that left the values; None where there is none, or it is another's.

    It stays where it says so itself, and where it is of the kinds `kept`. What counts is the live object, which carries
    what the values said last and what others have written since, as Helm has it in an upgrade. One that is being
    deleted already cannot be kept.
    """
    if live is None or not belongs_to(live, owner):
        return None
    if step.is_stop or is_terminating(live):
        return ObjectChange(identity=step.identity, change=Change.DELETED)
    keeper = find_keeper(live)
    if keeper is not None or step.identity.kind in kept:
        return ObjectChange(identity=step.identity, change=Change.KEPT, kept_by=keeper or "")
    return ObjectChange(identity=step.identity, change=Change.DELETED)


async def remove(client: Client, step: Delete, owner: Owner, *, kept: Container[str], wait: Wait) -> Change | None:
    """Remove an object as `plan_removal` has it, and see it gone; gives what became of it. Raises TargetError."""
    client = client.within(step.identity.namespace or client.namespace)
    kind = await client.find_kind(step.identity.kind)
    live = None if kind is None else await client.get(kind, step.identity.name)
    change = plan_removal(live, step, owner, kept)
    if kind is None or live is None or change is None:
        return None
    if change.change is Change.DELETED:
        await client.delete(kind, step.identity.name, uid=live["metadata"]["uid"], propagation="Foreground")
        await see_gone(client, kind, live, wait)
    return change.change


async def remove_claim(client: Client, claim: Json, wait: Wait) -> None:
    """Remove a claim that a StatefulSet has made, and see it gone; Kubernetes may be at that already."""
    await client.delete(CLAIM_KIND, claim["metadata"]["name"], uid=claim["metadata"]["uid"])
    await see_gone(client, CLAIM_KIND, claim, wait)


async def see_gone(client: Client, kind: Kind, live: Json, wait: Wait) -> None:
    """Wait until an object that is being deleted is gone, saying what holds it where that takes its time.

    Raises TargetError where it is still there after the patience, which begins when its pods have had their time.
    """
    name, began_s, said = live["metadata"]["name"], now_s(), ""
    ends_s = began_s + wait.grace_s + _read_grace_s(live)
    while (current := await client.get(kind, name)) is not None and current["metadata"]["uid"] == live["metadata"][
        "uid"
    ]:
        if now_s() >= ends_s:
            raise TargetError(_describe_held(kind, current, now_s() - began_s))
        what = _describe_wait(kind, current)
        if now_s() - began_s >= _LOOK_AGAIN_S and what != said:
            wait.say(what)
            said = what
        pause_s = min(_SILENCE_S if said else _LOOK_AGAIN_S, ends_s - now_s())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause_s):
                await _await_change(client, kind, current)


async def _await_change(client: Client, kind: Kind, current: Json) -> None:
    """Wait for a change of an object, or a moment where it cannot be watched."""
    metadata = current["metadata"]
    selector = f"metadata.name={metadata['name']}"
    parameters = {"watch": "true", "fieldSelector": selector, "resourceVersion": metadata["resourceVersion"]}
    try:
        async with client.stream(kind.path(client.namespace), parameters) as lines:
            await anext(lines, None)
    except (ApiError, httpx2.TransportError):
        await asyncio.sleep(_PAUSE_S)


def is_terminating(live: Json | None) -> bool:
    """Tell whether an object is being deleted: nothing takes that back, and what is applied to it goes with it."""
    return live is not None and "deletionTimestamp" in live["metadata"]


def describe_end(live: Json) -> str:
    """Say that an object is being deleted, and what holds it."""
    finalizers = _list_finalizers(live)
    held = f" (finalizers: {finalizers})" if finalizers else ""
    return f"{live['kind']}/{live['metadata']['name']} is being deleted{held}"


def warn_of_end(live: Json, *, is_wanted: bool) -> Problem:
    """Say that an object is being deleted, and whether it is to be made anew. With a claim goes its data: an error."""
    message = describe_end(live)
    if live["kind"] == CLAIM:
        severity = Severity.ERROR if is_wanted else Severity.WARNING
        message += ": its data goes with the last pod that uses it"
        return Problem("kubernetes/terminating", message, hint=_SAVE, severity=severity)
    return Problem("kubernetes/terminating", f"{message}; it is made anew when it is gone", severity=Severity.WARNING)


def _read_grace_s(live: Json) -> float:
    """Give the time that an object's own pods may take to end."""
    pod = read_template(live)["spec"] if live.get("kind") in WORKLOAD_KINDS else {}
    return float(pod.get("terminationGracePeriodSeconds", 0))


def _describe_wait(kind: Kind, current: Json) -> str:
    finalizers = _list_finalizers(current)
    ref = f"{kind.kind}/{current['metadata']['name']}"
    return f"{ref} to be gone" + (f" (finalizers: {finalizers})" if finalizers else "")


def _describe_held(kind: Kind, current: Json, waited_s: float) -> Problem:
    ref = f"{kind.kind}/{current['metadata']['name']}"
    finalizers = _list_finalizers(current)
    held = f"its finalizers hold it: {finalizers}" if finalizers else "nothing says what holds it"
    first = next(iter(current["metadata"].get("finalizers", ())), "")
    hint = _HOLDERS.get(first, "see why the controller that sets it does not take it off")
    message = f"{ref} is still there {waited_s:.0f} s after its deletion began; {held}"
    return Problem("kubernetes/finalizer", message, hint=f"{hint}; when it is gone, run the same command again")


def _list_finalizers(current: Json) -> str:
    return ", ".join(current["metadata"].get("finalizers", ()))
