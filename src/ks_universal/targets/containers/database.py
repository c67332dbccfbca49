"""The embedded PostgreSQL as containers reach it: by a name and port in the network of the release.

The server runs on this machine, and listens on the release's bridge beside the loopback interface: nowhere else. A
container of the release has the name, leads connections on, and keeps the bridge there as long as the server runs.
Where an engine runs in a virtual machine, its name for this machine leads to the loopback interface.
"""

import ipaddress
import json
import socket

import msgspec

from ks_universal.diagnostics import Problem
from ks_universal.errors import TargetError
from ks_universal.model.format.local import LocalPostgres
from ks_universal.targets.containers.client import Client
from ks_universal.targets.containers.images import HELPER
from ks_universal.targets.containers.naming import Naming
from ks_universal.targets.containers.sandbox import SLEEP, forward
from ks_universal.targets.local.postgres.server import Access, PostgresServer
from ks_universal.targets.local.postgres.setup import PORT, name_facts

KIND = "postgres"
_HOSTS = {"podman": "host.containers.internal", "docker": "host.docker.internal"}


class Bridge(msgspec.Struct, frozen=True):
    """Where the network of the release meets this machine."""

    gateway: str
    network: str


class ReachableDatabase:
    """The server, and the container that leads to it."""

    def __init__(self, client: Client, naming: Naming, settings: LocalPostgres, server: PostgresServer) -> None:
        """Take what is wanted, and the server."""
        self.server = server
        self._client = client
        self._naming = naming
        self._settings = settings
        self._name = naming.name("embedded-postgres")
        self._port = settings.port or PORT

    def facts(self) -> dict[str, str]:
        """Give what `local.env` may refer to, as it is for containers."""
        settings = self._settings
        return name_facts(self._port, settings.user, settings.password, settings.database, host=settings.host)

    async def start(self, *, fresh: bool) -> None:
        """Start both, or take up those of an earlier run. Raises TargetError."""
        bridge = await self._read_bridge() or await self._make()
        is_here = _is_of_this_machine(bridge.gateway)
        access = Access(bridge.gateway, bridge.network) if is_here else None
        await self.server.start(fresh=fresh, access=access)
        host, port = bridge.gateway if is_here else _HOSTS[self._client.engine], self.server.read_port()
        if not await self._reaches(host, port):
            message = f"containers do not reach the embedded PostgreSQL at {host}:{port}"
            hint = "a firewall, or a rootless engine, may be why: run one as an image (a deployment with a claim)"
            raise TargetError(Problem("local/postgres", message, hint=hint))
        if not await self._reaches("127.0.0.1", self._port):
            script = forward(self._port, f"nc {host} {port}", wait=True)
            await self._client.call("exec", "--detach", self._name, "sh", "-c", script)

    async def _make(self) -> Bridge:
        named = [f"--add-host={_HOSTS['docker']}:host-gateway"] if self._client.engine == "docker" else []
        await self._client.run_container(
            self._name, *self._naming.labels(kind=KIND, part="pod"), *named,
            f"--network={self._naming.network}", f"--network-alias={self._settings.host}", "--restart=no",
            "--stop-signal=SIGKILL", "--user=0", "--entrypoint=/bin/sh", HELPER, "-c", SLEEP,
        )  # fmt: skip
        bridge = await self._read_bridge()
        if bridge is None:
            raise TargetError(
                Problem("local/postgres", "the container that leads to the embedded PostgreSQL has ended")
            )
        return bridge

    async def _read_bridge(self) -> Bridge | None:
        """Read where the container's network meets this machine; None where it does not run under its name."""
        found = await self._client.find("container", "inspect", self._name)
        (body,) = json.loads(found) if found else ({},)
        if not body or not body["State"]["Running"]:
            return None
        (network,) = body["NetworkSettings"]["Networks"].values()
        if self._settings.host not in (network.get("Aliases") or ()):
            return None
        whole = ipaddress.ip_network(f"{network['IPAddress']}/{network['IPPrefixLen']}", strict=False)
        return Bridge(network["Gateway"], str(whole))

    async def _reaches(self, host: str, port: int) -> bool:
        return await self._client.succeeds("exec", self._name, "nc", "-w", "2", host, str(port), "-e", "true")


def _is_of_this_machine(address: str) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True
