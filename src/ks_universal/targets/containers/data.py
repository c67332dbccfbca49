"""The data of a release in container engines: what its claims hold, which outlives it until it is asked to go."""

from ks_universal.errors import TargetError
from ks_universal.targets.containers.client import Client, find_engine_problem, find_engines
from ks_universal.targets.containers.host import list_claims, read_engine, remove_all, remove_volumes
from ks_universal.targets.containers.naming import name_for
from ks_universal.targets.local.state import StateFolder

_GRACE_S = 10.0


async def list_data(folder: StateFolder) -> list[str]:
    """List the volumes of claims, in all engines that are here: it may have been run by several."""
    return [
        f"volume {name} of {client.engine}"
        for client in await _list_clients(folder)
        for name in await list_claims(client, name_for(folder.path))
    ]


async def remove_data(folder: StateFolder) -> bool:
    """Remove all that engines hold of a release; returns whether there was any data.

    Raises TargetError where the engine that ran it last does not work: it may hold some.
    """
    found = False
    for client in await _list_clients(folder):
        naming = name_for(folder.path)
        await remove_all(client, naming, _GRACE_S)
        found |= bool(await list_claims(client, naming))
        await remove_volumes(client, naming)
    return found


async def _list_clients(folder: StateFolder) -> list[Client]:
    last = read_engine(folder)
    clients = []
    for name in dict.fromkeys((*([last] if last else []), *find_engines())):
        client = Client(name)
        problem = await find_engine_problem(client)
        if problem is None:
            clients.append(client)
        elif name == last:
            raise TargetError(problem)
    return clients
