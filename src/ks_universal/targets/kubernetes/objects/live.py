"""Reads what is there of a release: one list a kind, whatever the number of objects."""

import asyncio
from collections import defaultdict
from collections.abc import Container, Iterable

from ks_universal.json_types import Json
from ks_universal.metadata_keys import INSTANCE
from ks_universal.plan.release import pod_of
from ks_universal.resources.objects import WORKLOAD_KINDS, ObjectRef, object_ref
from ks_universal.resources.references import read_references
from ks_universal.targets.kubernetes.api.client import Client
from ks_universal.targets.kubernetes.api.kinds import SECRET, Kind
from ks_universal.targets.kubernetes.api.wire import read_json

_NAMES_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"


async def read_live(client: Client, release: str, wanted: Iterable[ObjectRef]) -> dict[ObjectRef, Json]:
    """Read those of the wanted objects that exist. Keys are the identities asked for.

    Lists each kind's objects of the release in full, by namespace; of the others only the names, and reads those that
    are wanted: they belong to somebody else.
    """
    by_kind: dict[tuple[str, str], dict[str, ObjectRef]] = defaultdict(dict)
    for identity in wanted:
        by_kind[identity.namespace or client.namespace, identity.kind][identity.name] = identity
    found = await asyncio.gather(
        *(_read_kind(client.within(place), release, kind, names) for (place, kind), names in by_kind.items())
    )
    return {identity: body for part in found for identity, body in part.items()}


async def read_secrets(client: Client, bodies: Iterable[Json], known: Container[ObjectRef] = ()) -> tuple[Json, ...]:
    """Read the Secrets that exist of those that the pods of the bodies use, whoever has made them; not those known."""
    used = (
        ObjectRef("Secret", client.of(workload).namespace, name)
        for workload in bodies
        if object_ref(workload).kind in WORKLOAD_KINDS
        for kind, name in read_references(pod_of(workload))
        if kind == "Secret"
    )
    wanted = (ref for ref in dict.fromkeys(used) if ref not in known)
    found = await asyncio.gather(*(client.within(each.namespace).get(SECRET, each.name) for each in wanted))
    return tuple({**body, "kind": "Secret"} for body in found if body is not None)


async def _read_kind(
    client: Client, release: str, kind_name: str, wanted: dict[str, ObjectRef]
) -> dict[ObjectRef, Json]:
    kind = await client.find_kind(kind_name)
    if kind is None:
        return {}
    listing = await client.list(kind, labels=f"{INSTANCE}={release}")
    bodies = {item["metadata"]["name"]: item for item in listing.items}
    missing = wanted.keys() - bodies.keys()
    if missing:
        bodies.update(await _read_others(client, kind, missing))
    return {identity: bodies[name] for name, identity in wanted.items() if name in bodies}


async def _read_others(client: Client, kind: Kind, names: Iterable[str]) -> dict[str, Json]:
    path = kind.path(client.namespace)
    answer = await client.request("GET", path, headers={"Accept": _NAMES_ONLY}, what=f"list of {kind.plural}")
    existing = {item["metadata"]["name"] for item in read_json(answer, f"list of {kind.plural}").get("items") or ()}
    found = await asyncio.gather(*(client.get(kind, name) for name in sorted(existing.intersection(names))))
    return {body["metadata"]["name"]: body for body in found if body is not None}
