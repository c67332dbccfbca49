"""Who says how many pods a workload has: an autoscaler of the release, or one that others have made."""

import asyncio
from collections.abc import Container

import msgspec

from ks_universal.json_types import Json
from ks_universal.resources.keeping import find_keeper
from ks_universal.resources.objects import ObjectRef, object_ref
from ks_universal.targets.kubernetes.api.client import Client
from ks_universal.targets.kubernetes.api.errors import ApiError
from ks_universal.targets.kubernetes.api.kinds import AUTOSCALERS, Kind
from ks_universal.targets.kubernetes.objects.ownership import Owner, belongs_to


class Scalers(msgspec.Struct, frozen=True):
    """Where to look for autoscalers: on the cluster, and among the objects that the release is to have."""

    owner: Owner
    wanted: tuple[Json, ...]

    async def have(self, client: Client, kind: str, name: str) -> bool:
        """Tell whether a workload of the client's namespace has an autoscaler when the run is done.

        Where the role may not read autoscalers, there may be one.
        """
        wanted = [body for body in self.wanted if client.of(body).namespace == client.namespace]
        if any(_scales(body, kind, name) for body in wanted):
            return True
        stay = {object_ref(body) for body in wanted}
        found = await asyncio.gather(*(_list(client, each) for each in AUTOSCALERS))
        return any(live is None or any(_scales(b, kind, name) and self._stays(b, stay) for b in live) for live in found)

    def _stays(self, live: Json, wanted: Container[ObjectRef]) -> bool:
        is_left = belongs_to(live, self.owner) and object_ref(live) not in wanted
        return not is_left or find_keeper(live) is not None


def _scales(body: Json, kind: str, name: str) -> bool:
    scales = body["kind"] in {each.kind for each in AUTOSCALERS}
    target = body["spec"].get("scaleTargetRef", {}) if scales else {}
    return (target.get("kind", "Deployment"), target.get("name")) == (kind, name)


async def _list(client: Client, kind: Kind) -> list[Json] | None:
    """List the autoscalers of a kind; None where the role may not."""
    if await client.find_kind(kind.kind, kind.api_version) is None:
        return []
    try:
        return (await client.list(kind)).items
    except ApiError as error:
        if error.code != 403:
            raise
        return None
