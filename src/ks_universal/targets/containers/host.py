"""Runs the containers of pods in an engine, with their images."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ks_universal.diagnostics import Problem
from ks_universal.digests import digest_json
from ks_universal.engine.events import Emit
from ks_universal.errors import TargetError
from ks_universal.json_types import Json
from ks_universal.model.format.local import Local, LocalPostgres
from ks_universal.model.kubernetes.expansion import expand
from ks_universal.plan.steps import Apply, Migrate, Plan, RollOut
from ks_universal.resources.objects import ObjectRef, Rendered
from ks_universal.targets.containers.client import Client, find_engine_problem, find_unpassable
from ks_universal.targets.containers.database import KIND as DATABASE
from ks_universal.targets.containers.database import ReachableDatabase
from ks_universal.targets.containers.images import Images, find_absence
from ks_universal.targets.containers.machine import (
    find_local_mount_problems,
    find_taken_ports,
    list_fixed_ports,
    list_mounts,
)
from ks_universal.targets.containers.naming import Naming, name_for
from ks_universal.targets.containers.places import ContainerAttempt, ContainerPlace, Engine
from ks_universal.targets.containers.pods import (
    find_image_problems,
    find_pod_problems,
    find_served_problems,
    list_numbers,
    name_hosts,
)
from ks_universal.targets.containers.preparing import prepare_images
from ks_universal.targets.containers.sandbox import PodPlan
from ks_universal.targets.containers.volumes import build_volumes, find_mount_problems
from ks_universal.targets.local.attempts import JobFolder
from ks_universal.targets.local.environment import Sources, build_environment
from ks_universal.targets.local.hosting import Built, PodRequest, build_request, in_container
from ks_universal.targets.local.postgres.binaries import find_version_problem
from ks_universal.targets.local.postgres.server import PostgresServer
from ks_universal.targets.local.services import find_services, list_served
from ks_universal.targets.local.state import StateFolder, make_private, write_durably

_GRACE_S = 30.0
_LEFTOVER_GRACE_S = 10.0
_ENGINE_FILE = "engine"


class ContainerHost:
    """Implements `hosting.Host`."""

    def __init__(self, state: StateFolder, engine: str, directory: Path, postgres: LocalPostgres | None) -> None:
        """Take the release's folder, the engine's name, where relative paths start, and the wanted PostgreSQL."""
        self._state = state
        self._directory = directory
        self._client = Client(engine)
        self._naming = name_for(state.path)
        self._engine = Engine(self._client, Images(self._client), self._naming)
        self._database = self._reach(postgres) if postgres else None

    def _reach(self, postgres: LocalPostgres) -> ReachableDatabase:
        server = PostgresServer(postgres, self._state.path / "postgres")
        return ReachableDatabase(self._client, self._naming, postgres, server)

    @property
    def engine(self) -> str:
        """Name the engine."""
        return self._client.engine

    async def clear(self) -> None:
        """Stop the applications that a killed run left behind. Raises TargetError where the engine does not work."""
        problem = await find_engine_problem(self._client)
        if problem is None:
            await remove_pods(self._client, self._naming, _LEFTOVER_GRACE_S, kind="application")

    async def prepare(self, rendered: Rendered, local: Local, emit: Emit) -> Rendered:
        """Build and pull the images. Raises TargetError where the engine does not work, InputError."""
        problem = await find_engine_problem(self._client)
        if problem is not None:
            raise TargetError(problem)
        return await prepare_images(self._client, self._engine.images, rendered, local, self._directory, emit)

    async def begin(self, *, fresh: bool) -> None:
        """Make the network; `fresh`: remove the volumes of claims."""
        make_private(self._state.path)
        write_durably(self._state.path / _ENGINE_FILE, self._client.engine.encode())
        if fresh:
            await remove_volumes(self._client, self._naming)
        if await self._client.find("network", "inspect", self._naming.network) is None:
            await self._client.call("network", "create", *self._naming.labels(), self._naming.network)
        if self._database:
            await self._database.start(fresh=fresh)

    async def end(self) -> None:
        """Stop PostgreSQL, and remove all but the volumes of claims."""
        if self._database:
            await self._database.server.stop()
        await remove_all(self._client, self._naming, _LEFTOVER_GRACE_S)

    def secrets(self) -> tuple[Json, ...]:
        """Give PostgreSQL's password."""
        return (self._database.server.as_secret(),) if self._database else ()

    async def find_problems(self, plan: Plan, local: Local) -> tuple[Problem, ...]:
        """Find what keeps the engine from running anything of the plan; looks at the images."""
        problem = await find_engine_problem(self._client)
        if problem is not None:
            return (problem,)
        for image in {container["image"] for pod in _list_pods(plan) for container in _list_containers(pod)}:
            await self._engine.images.look_at(image)
        return tuple(_find_postgres_problems(plan, local.postgres)) if local.postgres else ()

    def find_port_problems(self, pods: Mapping[str, PodRequest], own: set[int]) -> tuple[Problem, ...]:  # noqa: ARG002 - of processes
        """Find the ports of this machine that `local.ports` gives, and another process has."""
        hosts = {name: request.host for name, request in pods.items()}
        fixed = {name: host.fixed_ports for name, host in hosts.items() if isinstance(host, _ContainerPod)}
        return tuple(find_taken_ports(fixed, self._engine.ports))

    def build(self, template: Json, name: str, sources: Sources, local: Local) -> Built:
        """Give what to run for a pod."""
        spec = template["spec"]
        volumes, problems = build_volumes(spec, sources)
        problems += find_pod_problems(spec)
        services = find_services(template, sources.objects)
        served = list_served(services, spec)
        problems += find_served_problems(served, spec)
        for container in _list_containers(spec):
            found = self._find_container_problems(container, spec, sources, local)
            found += find_mount_problems(container)
            found += find_local_mount_problems(container, local, self._directory)
            problems += (in_container(name, container["name"], problem) for problem in found)
        published = dict.fromkeys((*list_numbers(spec), *(each.target for each in served)))
        published |= list_fixed_ports(name, spec, services, local)
        binds = {each["name"]: list_mounts(each, local, self._directory) for each in _list_containers(spec)}
        plan = PodPlan(
            name=name,
            spec=spec,
            sources=sources,
            overrides=self._expand(local.env),
            volumes=volumes,
            hosts=name_hosts(services, sources.namespace),
            served=served,
            published=published,
            binds=binds,
        )
        return build_request(spec, _ContainerPod(self._engine, plan, self._state)), tuple(problems)

    def _find_container_problems(self, container: Json, pod: Json, sources: Sources, local: Local) -> list[Problem]:
        variables, problems = build_environment(container, sources, overrides=self._expand(local.env))
        for name in find_unpassable(variables):
            hint = "pass it in a file: mount the ConfigMap or Secret"
            problems.append(Problem("local/variable", f"variable {name} may not have several lines here", hint=hint))
        image = self._engine.images.get(container["image"])
        if image is not None:
            return [*problems, *find_image_problems(container, pod, image)]
        absence = find_absence(container)
        return [*problems, *([absence] if absence else [])]

    def _expand(self, variables: Mapping[str, str]) -> dict[str, str]:
        facts = self._database.facts() if self._database else {}
        return {name: expand(value, facts) for name, value in variables.items()}

    def digest(self, template: Json, objects: dict[ObjectRef, Json], local: Local) -> str:
        """Give the digest of what a pod is made of, its Services included."""
        return digest_json([template, local, [service["spec"] for service in find_services(template, objects)]], 64)

    async def stop_attempts(self, jobs: JobFolder) -> None:
        """Stop what still runs of a Job; returns when it is gone."""
        await remove_pods(self._client, self._naming, _GRACE_S, job=jobs.job)


class _ContainerPod:
    """Implements `hosting.PodHost`."""

    def __init__(self, engine: Engine, plan: PodPlan, state: StateFolder) -> None:
        self._engine = engine
        self._plan = plan
        self._state = state

    @property
    def fixed_ports(self) -> set[int]:
        return self._plan.fixed

    def place(self) -> ContainerPlace:
        labels = self._engine.naming.labels(kind="application")
        files = self._state.path / "files" / self._plan.name
        return ContainerPlace(self._engine, self._plan, self._plan.name, files, labels)

    def attempt(self, folder: Path) -> ContainerAttempt:
        labels = self._engine.naming.labels(kind="job", job=folder.parent.name)
        return ContainerAttempt(self._engine, self._plan, folder, labels)


def _find_postgres_problems(plan: Plan, postgres: LocalPostgres) -> Iterator[Problem]:
    if problem := find_version_problem(postgres.version):
        yield problem
    applied = [step.body for step in plan.steps if isinstance(step, Apply)]
    if any(body["kind"] == "Service" and body["metadata"]["name"] == postgres.host for body in applied):
        message = f"the embedded PostgreSQL and a Service are both called {postgres.host}"
        yield Problem(
            "local/postgres",
            message,
            hint="leave one of them out, or call the first one otherwise: `local.postgres.host`",
        )


def _list_pods(plan: Plan) -> list[Json]:
    """List the PodSpecs of what a plan runs."""
    bodies = [step.migration.body for step in plan.steps if isinstance(step, Migrate)]
    bodies += [step.body for step in plan.steps if isinstance(step, RollOut)]
    bodies += [step.body for step in plan.steps if isinstance(step, Apply) and step.body["kind"] == "Job"]
    return [body["spec"]["template"]["spec"] for body in bodies]


def _list_containers(pod: Json) -> Sequence[Json]:
    return [*(pod.get("initContainers") or ()), *pod["containers"]]


async def remove_pods(client: Client, naming: Naming, grace_s: float, **label: str) -> bool:
    """Stop and remove the pods with a label, and their volumes; returns whether there were any."""
    found = False
    for part in ("container", "pod"):  # a pod's own is the last: the others are in its network
        names = await _list_names(client, "ps", naming, part=part, **label)
        if names:
            found = True
            await client.find("stop", "-t", f"{grace_s:.0f}", *names)
            await client.call("rm", "--force", "--volumes", *names)
    volumes = await _list_names(client, "volume", naming, **label)
    if volumes:
        await client.find("volume", "rm", "--force", *volumes)
    return found


async def _list_names(client: Client, listed: str, naming: Naming, **labels: str) -> list[str]:
    options = ("ps", "--all") if listed == "ps" else ("volume", "ls")
    return (await client.call(*options, "--quiet", *naming.filters(**labels))).split()


async def remove_all(client: Client, naming: Naming, grace_s: float) -> bool:
    """Remove all of a release but the volumes of claims; returns whether there was anything that ran.

    What leads to the database goes last: its network does with it.
    """
    found = [await remove_pods(client, naming, grace_s, kind=kind) for kind in ("application", "job", DATABASE)]
    await client.find("network", "rm", naming.network)
    return any(found)


async def remove_volumes(client: Client, naming: Naming) -> None:
    """Remove the volumes of claims, with what they hold."""
    if names := await list_claims(client, naming):
        await client.call("volume", "rm", "--force", *names)


async def list_claims(client: Client, naming: Naming) -> list[str]:
    """List the volumes of claims."""
    return await _list_names(client, "volume", naming, part="claim")


def read_engine(folder: StateFolder) -> str | None:
    """Read which engine has run the release last; None where none has."""
    file = folder.path / _ENGINE_FILE
    return file.read_text().strip() if file.exists() else None


async def stop_containers(folder: StateFolder) -> bool:
    """Remove the containers that a killed run left; returns whether there were any."""
    engine = read_engine(folder)
    if engine is None:
        return False
    client = Client(engine)
    if await find_engine_problem(client):  # what it ran, it runs no more
        return False
    return await remove_all(client, name_for(folder.path), _LEFTOVER_GRACE_S)
