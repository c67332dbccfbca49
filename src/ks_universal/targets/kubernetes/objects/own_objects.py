"""Writes what the program keeps for itself, the record and staged copies: never over another's object of their name."""

import asyncio
from collections.abc import Iterable

from ks_universal.diagnostics import Problem
from ks_universal.errors import TargetError
from ks_universal.json_types import Json
from ks_universal.targets.kubernetes.api.client import FIELD_MANAGER, Client
from ks_universal.targets.kubernetes.api.errors import ApiError
from ks_universal.targets.kubernetes.api.kinds import CONFIG_MAP, SECRET, Kind
from ks_universal.targets.kubernetes.objects.ownership import contains, name_maker

_KINDS = {kind.kind: kind for kind in (CONFIG_MAP, SECRET)}
_INVALID = 422
_CHANGED = frozenset((409, _INVALID))
"""What the API server answers where another object is there than was looked at, or none: a 422 says it of the uid."""
_TRIES = 5
"""A webhook may answer a 409 each time."""


async def write_own(client: Client, body: Json, uid: str | None = None) -> str:
    """Create a ConfigMap or Secret, or change the one that is there where it has the labels of `body`; gives its uid.

    `uid` is that of the one that was written before, which is ours whatever has become of its labels. Each write is for
    the very object that was looked at. Raises TargetError where another's has the name.
    """
    kind, tries = _KINDS[body["kind"]], 0
    while True:
        tries += 1
        try:
            return str((await _write(client, kind, body, uid))["metadata"]["uid"])
        except ApiError as error:
            if error.code not in _CHANGED or tries == _TRIES:
                raise
            refusal = error
        live = await client.get(kind, body["metadata"]["name"])
        stranger = find_stranger(live, body)
        if stranger is not None:
            raise TargetError(stranger)
        there = None if live is None else live["metadata"]["uid"]
        if refusal.code == _INVALID and there == uid:
            raise refusal
        uid = there


async def _write(client: Client, kind: Kind, body: Json, uid: str | None) -> Json:
    if uid is None:
        return await client.create(kind, body)
    return await client.apply(kind, {**body, "metadata": {**body["metadata"], "uid": uid}}, force=True)


async def find_strangers(client: Client, bodies: Iterable[Json]) -> list[Problem]:
    """Find the objects of others that have the names of these, of which only kind, name and labels count."""

    async def find(body: Json) -> Problem | None:
        return find_stranger(await read_if_allowed(client, _KINDS[body["kind"]], body["metadata"]["name"]), body)

    found = await asyncio.gather(*map(find, bodies))
    return [problem for problem in found if problem is not None]


async def read_if_allowed(client: Client, kind: Kind, name: str) -> Json | None:
    """Read an object; None also where the role may not: whoever then writes is told."""
    try:
        return await client.get(kind, name)
    except ApiError as error:
        if error.code != 403:
            raise
        return None


def find_stranger(live: Json | None, body: Json) -> Problem | None:
    """The finding for an object that lacks a label of the one that is to have its name; None where it is ours."""
    if live is None or contains(live["metadata"].get("labels"), body["metadata"]["labels"]):
        return None
    return describe_stranger(live)


def describe_stranger(live: Json) -> Problem:
    """Say that another's object has a name that the program needs for itself."""
    ref = f"{live['kind']}/{live['metadata']['name']}"
    told = "exists without the labels that it had" if is_managed(live) else f"exists and was made by {name_maker(live)}"
    message = f"{ref} {told}; ks-universal needs this name for itself, and leaves the object as it is"
    hint = "rename it, or delete it if nobody needs it; or deploy under another release name"
    return Problem("kubernetes/foreign-object", message, hint=hint)


def is_managed(live: Json) -> bool:
    """Tell whether this program has written a part of an object."""
    return any(entry.get("manager") == FIELD_MANAGER for entry in live["metadata"].get("managedFields") or ())
