"""Where the containers of a pod run in an engine: an application's, and those of a migration's attempt."""

from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from ks_universal.targets.containers.client import Client, ClientError
from ks_universal.targets.containers.containers import DurableContainer, NotStarted, Started, read_state
from ks_universal.targets.containers.images import Images, read_policy
from ks_universal.targets.containers.naming import Naming
from ks_universal.targets.containers.pods import build_command, build_options
from ks_universal.targets.containers.sandbox import PodPlan, Sandbox
from ks_universal.targets.local.environment import build_environment
from ks_universal.targets.local.hosting import ContainerRequest, Durable, PodFailed, Running
from ks_universal.targets.local.probes import connect
from ks_universal.targets.local.services import ServedPort


def _say_nothing(what: str) -> None:
    """For waits that are over already."""


class Engine(msgspec.Struct, frozen=True):
    """An engine as one release uses it."""

    client: Client
    images: Images
    naming: Naming
    ports: set[int] = msgspec.field(default_factory=set)
    """The ports of this machine that `local.ports` gives to pods that run."""


class _Room:
    """The containers of one pod, around its sandbox."""

    def __init__(self, engine: Engine, plan: PodPlan, name: str, files: Path, labels: Sequence[str]) -> None:
        self._engine = engine
        self._plan = plan
        self._name = name
        self._labels = labels
        self._sandbox = Sandbox(engine.client, engine.images, engine.naming, plan, name, files, labels)

    def _name_container(self, container: ContainerRequest) -> str:
        return self._engine.naming.name(self._name, container.name)

    async def run(self, container: ContainerRequest, command: Sequence[str]) -> bool:
        """Run a command in a container; tells whether it succeeded."""
        return await self._engine.client.succeeds("exec", self._name_container(container), *command)

    async def _begin(self, container: ContainerRequest, say: Callable[[str], None]) -> None:
        """Start a container anew. Raises ClientError and PodFailed."""
        name, spec = self._name_container(container), container.spec
        image = await self._engine.images.ensure(container.name, spec["image"], read_policy(spec), say)
        sources = msgspec.structs.replace(self._plan.sources, pod_ip=self._sandbox.address)
        variables, _ = build_environment(spec, sources, overrides=self._plan.overrides)
        entrypoint, words = build_command(spec, variables)
        await self._sandbox.make_parts(spec, variables)
        await self._engine.client.run_container(
            name, "--pull=never",
            *self._labels, *self._engine.naming.labels(part="container"),
            *self._join(), "--restart=no", "--log-driver=json-file",
            *build_options(spec, self._plan.spec, image, self._engine.client.engine),
            *self._sandbox.mounts.options(spec, variables),
            *self._plan.binds[container.name],
            *entrypoint, self._engine.images.locate(spec["image"]), *words,
            variables=variables,
        )  # fmt: skip

    def _join(self) -> list[str]:
        """Give the options that put a container into the pod's network, and give it the host name: Docker does."""
        joined = f"container:{self._sandbox.name}"
        return [f"--network={joined}", *([f"--uts={joined}"] if self._engine.client.engine == "podman" else [])]

    async def close(self) -> None:
        """Remove what the containers shared."""
        await self._sandbox.close()


class ContainerPlace(_Room):
    """An application's pod. Implements `hosting.Place`."""

    async def open(self, say: Callable[[str], None]) -> None:
        """Pull the images, and make what the containers share."""
        for container in (*(self._plan.spec.get("initContainers") or ()), *self._plan.spec["containers"]):
            await self._engine.images.ensure(container["name"], container["image"], read_policy(container), say)
        await self._sandbox.open(say)
        self._engine.ports.update(self._plan.fixed)

    async def close(self) -> None:
        """Remove what the containers shared."""
        await super().close()
        self._engine.ports.difference_update(self._plan.fixed)

    async def start(self, container: ContainerRequest) -> Running:
        """Start a container; what cannot be started has ended."""
        name = self._name_container(container)
        try:
            await self._begin(container, _say_nothing)
        except PodFailed as failure:  # an image that was here when the pod was opened
            return NotStarted(self._engine.client, name, ClientError(failure.causes[0].message, 1))
        except ClientError as error:
            return NotStarted(self._engine.client, name, error)
        return Started(self._engine.client, name)

    def locate(self, port: int) -> tuple[str, int]:
        """Give where this machine reaches a port of the pod."""
        return self._sandbox.locate(port)

    def list_addresses(self) -> dict[ServedPort, str]:
        """Give the addresses on this machine of the ports of the pod's Services."""
        return self._sandbox.list_addresses()

    async def accepts(self, host: str | None, port: int) -> bool:
        """Tell whether somebody listens at a port.

        It is asked in the pod: what publishes a port accepts connections whether the pod listens or not.
        """
        if host is not None:
            return await connect(host, port)
        command = ("nc", "-w", "1", self._sandbox.address, str(port), "-e", "true")
        return await self._engine.client.succeeds("exec", self._sandbox.name, *command)


class ContainerAttempt(_Room):
    """An attempt of a migration or Job. Implements `hosting.AttemptPlace`."""

    def __init__(self, engine: Engine, plan: PodPlan, folder: Path, labels: Sequence[str]) -> None:
        """Take the attempt's folder."""
        super().__init__(engine, plan, f"{folder.parent.name}-{folder.name}", folder / "files", labels)
        self._folder = folder
        self._say: Callable[[str], None] = _say_nothing

    async def open(self, say: Callable[[str], None]) -> None:
        """Make what the containers share with the first that is started: what has ended needs nothing."""
        self._say = say

    async def take(self, container: ContainerRequest) -> Durable:
        """Take up what an earlier run began, or start it."""
        name, folder = self._name_container(container), self._folder / "containers" / container.name
        taken = DurableContainer(self._engine.client, name, folder)
        if taken.has_ended or await read_state(self._engine.client, name) is not None:
            return taken
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        await self._sandbox.open(self._say)
        try:
            await self._begin(container, self._say)
        except ClientError as error:
            return DurableContainer(self._engine.client, name, folder, error)
        return taken
