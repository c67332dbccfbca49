"""What the containers of a pod share: its network, its names, its published ports, and its volumes."""

import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from ks_universal.diagnostics import Problem
from ks_universal.json_types import Json
from ks_universal.targets.containers.client import Client, ClientError
from ks_universal.targets.containers.images import HELPER, Images
from ks_universal.targets.containers.naming import Naming
from ks_universal.targets.containers.volumes import Claim, Mounts, Scratch, Volume
from ks_universal.targets.local.environment import Sources
from ks_universal.targets.local.hosting import PodFailed
from ks_universal.targets.local.services import ServedPort

SLEEP = "while :; do sleep 1000000; done"


class PodPlan(msgspec.Struct, frozen=True, kw_only=True):
    """A pod as it is to run in an engine."""

    name: str
    spec: Json
    sources: Sources
    overrides: Mapping[str, str]
    volumes: Mapping[str, Volume]
    hosts: Sequence[str]
    served: Sequence[ServedPort]
    published: Mapping[int, int | None]
    binds: Mapping[str, Sequence[str]]

    @property
    def fixed(self) -> set[int]:
        """The ports of this machine that it is to have."""
        return {own for own in self.published.values() if own is not None}

    def __repr__(self) -> str:
        return f"PodPlan({self.name})"  # the rest holds values of Secrets


class Sandbox:
    """A pod's network, held by a container of its own, and its volumes. Made by the first `open`."""

    def __init__(  # noqa: PLR0913 - what a sandbox is made of
        self,
        client: Client,
        images: Images,
        naming: Naming,
        plan: PodPlan,
        name: str,
        files: Path,
        labels: Sequence[str],
    ) -> None:
        """Take the pod, the name for its containers, the folder for its files, and their labels."""
        self._client = client
        self._images = images
        self._naming = naming
        self._plan = plan
        self._labels = labels
        self.name = naming.name(name, "pod")
        self._scratch = {
            each: naming.name(name, each) for each, volume in plan.volumes.items() if isinstance(volume, Scratch)
        }
        claims = {each: naming.name(volume.name) for each, volume in plan.volumes.items() if isinstance(volume, Claim)}
        group = (plan.spec.get("securityContext") or {}).get("fsGroup")
        self._claims = claims
        self._group = group
        self.mounts = Mounts(plan.volumes, files, self._scratch | claims, group)
        self.address = ""
        self._ports: dict[int, int] = {}
        self._is_open = False

    async def open(self, say: Callable[[str], None]) -> None:
        """Make it, or take up the one that an earlier run has made. Raises PodFailed."""
        if self._is_open:
            return
        await self._images.ensure("of the pod", HELPER, "IfNotPresent", say)
        try:
            if not await self._read():
                if self._scratch:  # volumes that the container of an earlier run may hold
                    await self._client.remove(self.name)
                await self._clear()
                await self._make()
                await self._read()
        except ClientError as error:
            raise PodFailed((_explain(self._plan.name, error),)) from None
        self._is_open = True

    async def make_parts(self, container: Json, variables: Mapping[str, str]) -> None:
        """Make the folders of volumes that a container mounts a part of. Raises ClientError."""
        for volume, part in self.mounts.list_parts(container, variables):
            script = '[ -e "$1" ] || mkdir -p -m 0777 "$1"'
            await self._client.call("exec", self.name, "sh", "-c", script, "sh", f"/volumes/{volume}/{part}")
            found = await self._client.call("volume", "inspect", "--format", "{{.Mountpoint}}", volume)
            self.mounts.places[volume] = found.strip()

    async def close(self) -> None:
        """Remove all of it but the volumes of claims. The pod's containers are gone."""
        await self._client.remove(self.name)
        await self._clear()
        self._is_open = False

    async def _clear(self) -> None:
        """Remove what a pod that is gone has left."""
        for volume in self._scratch.values():
            await self._client.find("volume", "rm", "--force", volume)
        self.mounts.remove_files()

    def locate(self, port: int) -> tuple[str, int]:
        """Give host and port at which this machine reaches a port of the pod. Raises OSError."""
        if port not in self._ports:
            raise ConnectionRefusedError(f"port {port} is not published")
        return "127.0.0.1", self._ports[port]

    def list_addresses(self) -> dict[ServedPort, str]:
        """Give the addresses on this machine of the ports of the pod's Services."""
        return {
            each: f"127.0.0.1:{self._ports[each.target]}" for each in self._plan.served if each.target in self._ports
        }

    async def _make(self) -> None:
        self.mounts.write_files()
        for name, volume in self._plan.volumes.items():
            if isinstance(volume, Scratch):
                await self._client.call(
                    "volume", "create", *self._labels, *_memory_options(volume), self._scratch[name]
                )
        for claim in self._claims.values():
            if await self._client.find("volume", "inspect", claim) is None:
                await self._client.call("volume", "create", *self._naming.labels(part="claim"), claim)
        await self._client.run_container(
            self.name, *self._labels, *self._naming.labels(part="pod"),
            f"--network={self._naming.network}", *(f"--network-alias={host}" for host in self._plan.hosts),
            f"--hostname={self._plan.sources.pod_name}", "--stop-signal=SIGKILL", "--restart=no", "--user=0",
            *(f"--publish=127.0.0.1:{own or ''}:{port}" for port, own in self._plan.published.items()),
            *_list_hosts(self._plan.spec),
            *(f"--volume={volume}:/volumes/{volume}" for volume in (*self._scratch.values(), *self._claims.values())),
            "--entrypoint=/bin/sh", HELPER, "-c", self._script(),
        )  # fmt: skip

    def _script(self) -> str:
        """Give what holds the pod together: it opens the volumes to all, leads ports on, and sleeps."""
        group = [] if self._group is None else [f"chgrp {int(self._group)} $v; chmod g+rwxs $v"]
        opening = "; ".join([*group, "chmod 0777 $v"] if self._group is None else group)
        lines = [f"v=/volumes/{shlex.quote(name)}; {opening}" for name in self._scratch.values()]
        # A database gives its folder narrower permissions, and would refuse others.
        lines += [
            f'v=/volumes/{shlex.quote(name)}; [ -n "$(ls -A $v)" ] || {{ {opening}; }}'
            for name in self._claims.values()
        ]
        moved = {each.port: each.target for each in self._plan.served if each.port != each.target}
        own = "$(hostname -i | cut -d ' ' -f 1)"
        lines += [forward(port, f"nc {own} {target}") for port, target in moved.items()]
        return "\n".join([*lines, SLEEP])

    async def _read(self) -> bool:
        """Read address and ports; tells whether it runs."""
        found = await self._client.find("container", "inspect", self.name)
        if found is None:
            return False
        (body,) = json.loads(found)
        if not body["State"]["Running"]:
            return False
        networks = body["NetworkSettings"]["Networks"] or {}
        self.address = next((network["IPAddress"] for network in networks.values()), "")
        ports = body["NetworkSettings"]["Ports"] or {}
        self._ports = {
            int(port.partition("/")[0]): int(bindings[0]["HostPort"]) for port, bindings in ports.items() if bindings
        }
        return True


def _memory_options(volume: Scratch) -> list[str]:
    if not volume.in_memory:
        return []
    size = [] if volume.size_bytes is None else [f"--opt=o=size={volume.size_bytes}"]
    return ["--opt=type=tmpfs", "--opt=device=tmpfs", *size]


def _list_hosts(pod: Json) -> list[str]:
    return [f"--add-host={name}:{alias['ip']}" for alias in pod.get("hostAliases") or () for name in alias["hostnames"]]


def forward(port: int, there: str, *, wait: bool = False) -> str:
    """Give the line that leads a port on: busybox has one of two programs for it, or both. It goes on, or waits."""
    line = f"{{ tcpsvd -c 1000 0.0.0.0 {port} {there} || nc -ll -p {port} -e {there}; }} 2>/dev/null"
    return line if wait else f"{line} &"


def _explain(pod: str, error: ClientError) -> Problem:
    message, hint = f"{pod}: its pod cannot be made: {error.message}", None
    if "address already in use" in error.message or "port is already allocated" in error.message:
        return Problem("local/port-taken", message, hint="give it another port in `local.ports`")
    return Problem("local/container", message, hint=hint)
