"""What a release on this machine asks of whatever runs its containers: processes, or a container engine.

A host builds pods. The containers of an application's pod run in a place, and end with this program; those of a
migration's attempt outlive it, and are taken up by the next run.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol

import msgspec

from ks_universal.diagnostics import Problem
from ks_universal.engine.events import Emit
from ks_universal.errors import KsUniversalError
from ks_universal.json_types import Json
from ks_universal.model.format.local import Local
from ks_universal.plan.steps import Plan
from ks_universal.resources.objects import ObjectRef, Rendered
from ks_universal.targets.local.attempts import JobFolder
from ks_universal.targets.local.environment import Sources
from ks_universal.targets.local.services import ServedPort


class Ending(msgspec.Struct, frozen=True):
    """How a container ended: `status` as a shell says it, or None when something outside killed it unseen."""

    status: int | None
    started: datetime
    duration_s: float
    out_of_memory: bool = False


class Running(Protocol):
    """A container that was started, and may have ended since."""

    @property
    def label(self) -> str:
        """Say what it is on this machine: `process 4711`, `container shop-main`."""

    @property
    def is_running(self) -> bool:
        """Tell whether it has not been seen to end yet."""

    @property
    def note(self) -> str:
        """Say of its end what it could not say itself; empty when there is nothing to say."""

    @property
    def out_of_memory(self) -> bool:
        """Tell whether it was killed because it used more memory than it may."""

    async def is_alive(self) -> bool:
        """Look whether it runs now: its end may be seen only later."""

    def lines(self) -> AsyncIterator[str]:
        """Yield its output, standard error included."""

    async def wait(self) -> int:
        """Wait for its end; the status as a shell says it."""

    async def stop(self, grace_s: float) -> None:
        """End it (SIGTERM, grace, SIGKILL), and all that it left behind. Returns when nothing of it is left."""

    async def close(self) -> None:
        """Let go of it after its end."""


class Durable(Protocol):
    """A container of a migration's attempt, of this run or an earlier one."""

    @property
    def has_ended(self) -> bool:
        """Tell whether its exit status is known."""

    async def follow(self, on_line: Callable[[str], None]) -> Ending:
        """Wait for the end, giving each line of output to `on_line`; then nothing of it is left running."""

    async def stop(self, grace_s: float) -> None:
        """End it (SIGTERM, grace, SIGKILL); fine when it has ended."""


class PodFailed(KsUniversalError):  # noqa: N818 - named by what happened, as in errors.py
    """The pod did not become ready, or cannot run here; `causes`, the one that tells most first."""

    def __init__(self, causes: tuple[Problem, ...]) -> None:
        """Keep the causes."""
        super().__init__(causes)
        self.causes = causes


class ContainerRequest(msgspec.Struct, frozen=True):
    """A container of a pod, by name, with its spec."""

    name: str
    spec: Json


class Room(Protocol):
    """Where the containers of a pod are together. What is said to `say` is waited for."""

    async def open(self, say: Callable[[str], None]) -> None:
        """Make what the containers share. Raises PodFailed."""

    async def run(self, container: ContainerRequest, command: Sequence[str]) -> bool:
        """Run a command beside a container, as its probes and hooks do; tells whether it succeeded."""

    async def close(self) -> None:
        """Remove what the containers shared, when they have ended. Fine to repeat."""


class Place(Room, Protocol):
    """Where the containers of an application's pod run."""

    async def start(self, container: ContainerRequest) -> Running:
        """Start a container; what cannot be started has ended, as a shell would say it."""

    def locate(self, port: int) -> tuple[str, int]:
        """Give host and port at which this program reaches a port of the pod."""

    def list_addresses(self) -> dict[ServedPort, str]:
        """Give the addresses on this machine of the ports of the pod's Services."""

    async def accepts(self, host: str | None, port: int) -> bool:
        """Tell whether somebody listens at a port of the pod, or of another host."""


class AttemptPlace(Room, Protocol):
    """Where the containers of a migration's attempt run."""

    async def take(self, container: ContainerRequest) -> Durable:
        """Take up what an earlier run began, ended or not, or start it."""


class PodHost(Protocol):
    """Has places for one pod."""

    def place(self) -> Place:
        """Give a place for an application's pod."""

    def attempt(self, folder: Path) -> AttemptPlace:
        """Give the place of an attempt, whose folder need not exist."""


class PodRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A pod to run: init containers (sidecars among them) in their order, containers, and time to stop in."""

    init: tuple[ContainerRequest, ...]
    containers: tuple[ContainerRequest, ...]
    grace_s: float
    host: PodHost


Built = tuple[PodRequest, tuple[Problem, ...]]


class Host(Protocol):
    """Runs pods on this machine, for one release. `engine` is what users call it."""

    @property
    def engine(self) -> str:
        """Name what runs the containers."""

    async def clear(self) -> None:
        """Stop the applications that a killed run left behind."""

    async def prepare(self, rendered: Rendered, local: Local, emit: Emit) -> Rendered:
        """Get what a release runs with, and give the release as it is with that. Raises TargetError, InputError."""

    async def begin(self, *, fresh: bool) -> None:
        """Get ready before the first change; `fresh`: without the data of the runs before."""

    async def end(self) -> None:
        """Leave nothing running; what holds data stays. Fine to repeat."""

    def secrets(self) -> tuple[Json, ...]:
        """Give what is to be masked beside the Secrets of the values."""

    async def find_problems(self, plan: Plan, local: Local) -> tuple[Problem, ...]:
        """Find what this host cannot do for a plan, whatever its pods are. Comes before `build` for the same plan."""

    def find_port_problems(self, pods: dict[str, PodRequest], own: set[int]) -> tuple[Problem, ...]:
        """Find the ports that pods cannot have, by their names; `own` are the ports of those that run."""

    def build(self, template: Json, name: str, sources: Sources, local: Local) -> Built:
        """Give what to run for a pod, and every reason why it cannot run here."""

    def digest(self, template: Json, objects: dict[ObjectRef, Json], local: Local) -> str:
        """Give the digest of what a pod is made of, beside the values of what it reads."""

    async def stop_attempts(self, jobs: JobFolder) -> None:
        """Stop what still runs of a Job; returns when it is gone."""


def build_request(spec: Json, host: PodHost) -> PodRequest:
    """Give what to run for a PodSpec on its host."""
    return PodRequest(
        init=tuple(ContainerRequest(each["name"], each) for each in spec.get("initContainers") or ()),
        containers=tuple(ContainerRequest(each["name"], each) for each in spec["containers"]),
        grace_s=float(spec.get("terminationGracePeriodSeconds", 30)),
        host=host,
    )


def is_sidecar(container: Json) -> bool:
    """Tell whether an init container is a native sidecar, which runs as long as the pod does."""
    return container.get("restartPolicy") == "Always"


def in_container(pod: str, container: str, problem: Problem) -> Problem:
    """Name the container that a problem is of."""
    return msgspec.structs.replace(problem, message=f"{pod}, container {container}: {problem.message}")
