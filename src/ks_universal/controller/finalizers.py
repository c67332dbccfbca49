"""The finalizer of a Release: put on before anything is brought up, taken off when nothing of it is left to remove."""

from collections.abc import Callable

from ks_universal.controller.releases import RELEASE
from ks_universal.json_types import Json
from ks_universal.metadata_keys import FINALIZER
from ks_universal.targets.kubernetes.api.client import FIELD_MANAGER, Client
from ks_universal.targets.kubernetes.api.errors import ApiError
from ks_universal.targets.kubernetes.api.kinds import EVENT

_ENDING = frozenset(("kubernetes/namespace-terminating", "kubernetes/namespace-missing"))


async def add_finalizer(client: Client, body: Json) -> None:
    """Put it on, where it is not yet."""
    if FINALIZER not in (body["metadata"].get("finalizers") or ()):
        await _change(client, body, lambda there: there if FINALIZER in there else [*there, FINALIZER])


async def remove_finalizer(client: Client, body: Json) -> None:
    """Take it off: the object may go."""
    await _change(client, body, lambda there: [each for each in there if each != FINALIZER])


async def _change(client: Client, body: Json, change: Callable[[list[str]], list[str]]) -> None:
    """Change the list of finalizers, and nothing that another has put there meanwhile."""
    name, uid = body["metadata"]["name"], body["metadata"]["uid"]
    while True:
        live = await client.get(RELEASE, name)
        if live is None or live["metadata"]["uid"] != uid:
            return
        there = live["metadata"].get("finalizers") or []
        wanted = change(there)
        if wanted == there:
            return
        metadata = {"uid": uid, "resourceVersion": live["metadata"]["resourceVersion"], "finalizers": wanted}
        try:
            await client.patch(RELEASE, name, {"metadata": metadata})
        except ApiError as error:
            if error.code == 404:
                return
            if error.code != 409:
                raise
        else:
            return


async def is_ending(client: Client) -> bool:
    """Tell whether the client's namespace is being deleted: nothing can be made in it then.

    Asked by an Event that is not kept, for the controller has no right to read namespaces.
    """
    place = {"namespace": client.namespace}
    about = {"apiVersion": RELEASE.api_version, "kind": RELEASE.kind, **place}
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"generateName": "ks-universal.", **place},
        "involvedObject": about,
        "reason": "Asked",
        "message": "whether the namespace is being deleted",
        "type": "Normal",
    }
    parameters = {"dryRun": "All", "fieldManager": FIELD_MANAGER}
    try:
        await client.request("POST", EVENT.path(client.namespace), body=event, parameters=parameters, what="Event")
    except ApiError as error:
        return error.problem.code in _ENDING
    return False
