"""The namespace of a release where a run is to make it."""

from ks_universal.json_types import Json
from ks_universal.targets.kubernetes.api.client import Client
from ks_universal.targets.kubernetes.api.errors import ApiError
from ks_universal.targets.kubernetes.api.kinds import NAMESPACE


async def create_namespace(client: Client) -> bool:
    """Create the client's namespace; False where it exists."""
    try:
        await client.create(NAMESPACE, _build(client))
    except ApiError as error:
        if error.code != 409:
            raise
        return False
    return True


async def find_new_namespace(client: Client) -> Json | None:
    """Give the client's namespace as it would be created; None where it exists, or the role may not tell."""
    try:
        return _build(client) if await client.get(NAMESPACE, client.namespace) is None else None
    except ApiError as error:
        if error.code != 403:
            raise
        return None


def _build(client: Client) -> Json:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": client.namespace}}
