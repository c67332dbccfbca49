"""Runs the containers of pods as processes of this machine, beside an embedded PostgreSQL."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from ks_universal.diagnostics import Problem
from ks_universal.digests import digest_json
from ks_universal.engine.events import Emit
from ks_universal.json_types import Json
from ks_universal.model.format.local import Local, LocalPostgres
from ks_universal.plan.steps import Plan
from ks_universal.resources.objects import ObjectRef, Rendered
from ks_universal.targets.local.attempts import JobFolder
from ks_universal.targets.local.containers import Machine, build_processes
from ks_universal.targets.local.environment import Sources
from ks_universal.targets.local.hosting import (
    Built,
    ContainerRequest,
    Durable,
    PodRequest,
    build_request,
)
from ks_universal.targets.local.ports import EVERYWHERE, LOOPBACK, is_port_taken
from ks_universal.targets.local.postgres.binaries import find_version_problem
from ks_universal.targets.local.postgres.server import PostgresServer
from ks_universal.targets.local.probes import connect
from ks_universal.targets.local.processes.durable import DurableProcess, start_durably, take_up
from ks_universal.targets.local.processes.leftovers import stop_leftovers
from ks_universal.targets.local.processes.process_table import NOT_STARTED
from ks_universal.targets.local.processes.processes import Process, ProcessRequest, start
from ks_universal.targets.local.rollout import container_ports
from ks_universal.targets.local.services import ServedPort, find_services, list_served
from ks_universal.targets.local.sources import replace_watched
from ks_universal.targets.local.state import StateFolder, list_folders, write_if_possible

PROCESS = "process"
_GRACE_S = 30.0


class ProcessHost:
    """Each container is a process group. Implements `hosting.Host`."""

    def __init__(self, state: StateFolder, postgres: LocalPostgres | None, directory: Path) -> None:
        """Take the release's folder, the PostgreSQL that it asks for, and where relative paths start."""
        self._state = state
        self._postgres = PostgresServer(postgres, state.path / "postgres") if postgres else None
        self._directory = directory

    @property
    def engine(self) -> str:
        """Name what users ask for."""
        return PROCESS

    async def clear(self) -> None:
        """Stop the applications that a killed run left behind."""
        await stop_leftovers(self._state.folder("processes"))
        self._state.remove("requests")
        self._state.folder("requests")

    async def prepare(self, rendered: Rendered, local: Local, emit: Emit) -> Rendered:  # noqa: ARG002 - see Host
        """Give the release with digests of the files that its images are made of. Raises InputError."""
        return await asyncio.to_thread(replace_watched, rendered, local, self._directory)

    async def begin(self, *, fresh: bool) -> None:
        """Start PostgreSQL, if it is wanted; `fresh`: with an empty database."""
        if self._postgres:
            await self._postgres.start(fresh=fresh)

    async def end(self) -> None:
        """Stop PostgreSQL."""
        if self._postgres:
            await self._postgres.stop()

    def secrets(self) -> tuple[Json, ...]:
        """Give PostgreSQL's password."""
        return (self._postgres.as_secret(),) if self._postgres else ()

    async def find_problems(self, plan: Plan, local: Local) -> tuple[Problem, ...]:  # noqa: ARG002 - of `local` alone
        """Find why the wanted PostgreSQL cannot run here."""
        problem = find_version_problem(local.postgres.version) if local.postgres else None
        return (problem,) if problem else ()

    def find_port_problems(self, pods: Mapping[str, PodRequest], own: set[int]) -> tuple[Problem, ...]:
        """Find the ports that another process has, or two pods want."""
        return tuple(_find_port_problems(pods, own))

    def build(self, template: Json, name: str, sources: Sources, local: Local) -> Built:
        """Give what to run for a pod: one process a container."""
        requests, problems = build_processes(template, name, sources, self._describe_machine(local))
        served = list_served(find_services(template, sources.objects), template["spec"])
        host = _ProcessPod(name, requests, self._state.path / "processes", served)
        return build_request(template["spec"], host), problems

    def digest(self, template: Json, objects: dict[ObjectRef, Json], local: Local) -> str:  # noqa: ARG002 - see Host
        """Give the digest of what a pod is made of."""
        machine = self._describe_machine(local)
        return digest_json([template, local, machine.facts], 64)

    async def stop_attempts(self, jobs: JobFolder) -> None:
        """Stop what still runs of a Job; returns when it is gone."""
        await stop_attempts(jobs)

    def _describe_machine(self, local: Local) -> Machine:
        facts = self._postgres.facts() if self._postgres else {}
        return Machine(local, self._directory.absolute(), facts)


def find_request(state: Path, name: str) -> Path:
    """Give the file of what the process of a container (`POD.CONTAINER`) was started with."""
    return state / "requests" / f"{name}.json"


async def stop_attempts(jobs: JobFolder) -> None:
    """Stop the processes that still run of a Job, the latest first; returns when they are gone."""
    for number in reversed(jobs.attempts()):
        for folder in list_folders(jobs.attempt(number)):
            if process := take_up(folder):
                await process.stop(_GRACE_S)


class _ProcessPod:
    """Implements `hosting.PodHost`."""

    def __init__(
        self, name: str, requests: Mapping[str, ProcessRequest], entries: Path, served: Sequence[ServedPort]
    ) -> None:
        self._name = name
        self._requests = requests
        self._entries = entries
        self._served = served

    def place(self) -> "_ProcessPlace":
        return _ProcessPlace(self._name, self._requests, self._entries, self._served)

    def attempt(self, folder: Path) -> "_ProcessAttempt":
        return _ProcessAttempt(self._requests, folder)


class _ProcessRoom:
    """Processes of one machine share its ports and files anyway. Implements `hosting.Room`."""

    def __init__(self, requests: Mapping[str, ProcessRequest]) -> None:
        self._requests = requests

    async def open(self, say: Callable[[str], None]) -> None:
        """Nothing is to be made."""

    async def run(self, container: ContainerRequest, command: Sequence[str]) -> bool:
        """Run a command with the container's environment; on cancellation it is stopped."""
        process = self._requests[container.name]
        request = ProcessRequest(argv=tuple(command), env=process.env, directory=process.directory)
        with tempfile.TemporaryDirectory(prefix="ks-universal-") as folder:
            started = await start(request, Path(folder) / "entry")
            try:
                return await started.wait() == 0
            finally:
                await started.stop(0)
                started.close()

    async def close(self) -> None:
        """Nothing was made."""


class _ProcessPlace(_ProcessRoom):
    """Implements `hosting.Place`."""

    def __init__(
        self, name: str, requests: Mapping[str, ProcessRequest], entries: Path, served: Sequence[ServedPort]
    ) -> None:
        super().__init__(requests)
        self._name = name
        self._entries = entries
        self._served = served

    async def start(self, container: ContainerRequest) -> "_Started":
        entry = self._entries / f"{self._name}.{container.name}"
        request, noted = self._requests[container.name], find_request(self._entries.parent, entry.name)
        write_if_possible(noted, msgspec.json.encode(request))
        return _Started(await start(request, entry), entry, noted)

    def locate(self, port: int) -> tuple[str, int]:
        return LOOPBACK, port

    def list_addresses(self) -> dict[ServedPort, str]:
        return {each: f"{LOOPBACK}:{each.target}" for each in self._served}

    async def accepts(self, host: str | None, port: int) -> bool:
        return await connect(host or LOOPBACK, port)


class _ProcessAttempt(_ProcessRoom):
    """Implements `hosting.AttemptPlace`."""

    def __init__(self, requests: Mapping[str, ProcessRequest], folder: Path) -> None:
        super().__init__(requests)
        self._folder = folder

    async def take(self, container: ContainerRequest) -> Durable:
        folder = self._folder / container.name
        taken: DurableProcess | None = take_up(folder)
        return taken or await start_durably(self._requests[container.name], folder)


class _Started:
    """A process with its entry in the process table. Implements `hosting.Running`."""

    out_of_memory = False

    def __init__(self, process: Process, entry: Path, noted: Path) -> None:
        self._process = process
        self._entry = entry
        self._noted = noted
        self._status: int | None = None

    @property
    def label(self) -> str:
        return f"process {self._process.pid}"

    @property
    def is_running(self) -> bool:
        return self._process.is_running

    @property
    def note(self) -> str:
        if self._status == NOT_STARTED and not self._entry.exists():
            return f"not started: {self._entry} could not be written; is the disk full?"
        return ""

    async def is_alive(self) -> bool:
        return self._process.is_running

    def lines(self) -> AsyncIterator[str]:
        return self._process.lines()

    async def wait(self) -> int:
        self._status = await self._process.wait()
        return self._status

    async def stop(self, grace_s: float) -> None:
        await self._process.stop(grace_s)

    async def close(self) -> None:
        self._process.close()
        self._entry.unlink(missing_ok=True)
        self._noted.unlink(missing_ok=True)


def _find_port_problems(pods: Mapping[str, PodRequest], own: set[int]) -> Iterator[Problem]:
    taken: dict[int, str] = {}
    for name, request in pods.items():
        for port in container_ports(request):
            if port in taken:
                message = (
                    f"{taken[port]} and {name} both want port {port}, and processes of one machine share their ports"
                )
                yield Problem(
                    "local/port-taken", message, hint="give one of them another port with another values file (-f)"
                )
            elif port not in own and is_port_taken(port, LOOPBACK, EVERYWHERE):
                hint = f"see who has it: lsof -i :{port}"
                yield Problem("local/port-taken", f"{name} wants port {port}, which another process has", hint=hint)
            taken[port] = name
