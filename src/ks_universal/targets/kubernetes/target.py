"""The target: a release in a namespace of a cluster, as the engine and the readers of its record see it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

import msgspec

from ks_universal.diagnostics import Problem, Severity
from ks_universal.engine.events import Emit, ObjectChanged
from ks_universal.engine.target import Session
from ks_universal.errors import LockedError
from ks_universal.json_types import Json
from ks_universal.plan.changes import Change
from ks_universal.plan.records import History, JobRecord, JobState, Revision, State
from ks_universal.plan.steps import Plan
from ks_universal.resources.objects import ObjectRef, Rendered, Resource, object_ref
from ks_universal.targets.kubernetes.api.client import Client
from ks_universal.targets.kubernetes.api.errors import ApiError
from ks_universal.targets.kubernetes.api.kinds import JOB, VERSIONED, Kind
from ks_universal.targets.kubernetes.cluster import Cluster, ClusterOptions
from ks_universal.targets.kubernetes.migration.job_states import read_job_states, without_logs
from ks_universal.targets.kubernetes.migration.live_log import LiveLog, build_live_mask
from ks_universal.targets.kubernetes.objects.live import read_live, read_secrets
from ks_universal.targets.kubernetes.objects.namespaces import create_namespace
from ks_universal.targets.kubernetes.objects.removal import is_terminating
from ks_universal.targets.kubernetes.preflight.rbac import build_cluster_role, build_granted, build_role
from ks_universal.targets.kubernetes.record.lease import (
    Holder,
    Lease,
    break_lock,
    read_lock,
    remove_lock,
)
from ks_universal.targets.kubernetes.session import KubernetesSession
from ks_universal.targets.kubernetes.status import Workload, read_workloads

__all__ = ["ClusterOptions", "KubernetesTarget"]


class KubernetesTarget:
    """A release in a namespace of a cluster, and its objects in others. Implements `engine.target.Target`."""

    def __init__(self, client: Client, release: str, options: ClusterOptions) -> None:
        self.release = release
        self.namespace = client.namespace
        self._client = client
        self._options = options
        self._cluster = Cluster(client, release, options)
        self._records = self._cluster.records

    @property
    def requests(self) -> int:
        """How many requests have been sent to the API server, retries and watches included."""
        return self._client.requests

    @asynccontextmanager
    async def lock(self, emit: Emit, *, wait: bool) -> AsyncIterator[None]:
        """Hold the release's Lease; creates the namespace first where that was asked for."""
        if self._options.create_namespace and await create_namespace(self._client):
            # Before the plan is shown, for the lock lives in it: whoever then declines has to know that it is there.
            ref = ObjectRef("Namespace", "", self.namespace)
            emit(ObjectChanged(step=str(ref), identity=ref, change=Change.CREATED))
        lease = Lease(self._client, self.release, duration_s=self._options.lease_s, claim=self._options.claim)
        async with lease.hold(emit, wait=wait):
            self._cluster.is_locked = True
            try:
                yield
            finally:
                self._cluster.is_locked = False

    async def place(self, rendered: Rendered) -> Rendered:
        """Take the namespace off the extra objects whose kinds have none here, which nobody knows without asking."""
        objects = [await self._place(each) if each.is_extra else each for each in rendered.objects]
        timeless = None if rendered.timeless is None else await self.place(rendered.timeless)
        return msgspec.structs.replace(rendered, objects=tuple(objects), timeless=timeless)

    async def _place(self, resource: Resource) -> Resource:
        body = resource.body
        kind = await self._client.find_kind(body["kind"], body["apiVersion"])
        if kind is None or kind.namespaced or "namespace" not in body["metadata"]:
            return resource
        metadata = {key: value for key, value in body["metadata"].items() if key != "namespace"}
        return msgspec.structs.replace(resource, body={**body, "metadata": metadata})

    async def read(self, rendered: Rendered) -> State:
        """Read the record, and the objects of the record's inventory and of `rendered` that exist."""
        history = await self._records.read()
        inventory = history.revisions[-1].objects if history.revisions else ()
        wanted = [object_ref(body) for body in rendered.bodies]
        found = await read_live(self._client, self.release, dict.fromkeys((*wanted, *inventory)))
        terminating = {ref: body for ref, body in found.items() if is_terminating(body)}
        return State(
            revisions=history.revisions,
            problems=history.problems if wanted else tuple(map(_warn, history.problems)),
            objects={ref: body for ref, body in found.items() if ref not in terminating},
            terminating=terminating,
            secrets=await read_secrets(self._client, rendered.bodies, known=found),
        )

    def open_session(self, rendered: Rendered, state: State, plan: Plan) -> Session:
        """Make the session of a plan."""
        return KubernetesSession(self._cluster, rendered, state, plan)

    async def close(self) -> None:
        """Stop watching and close the connections; everything in the cluster runs on."""
        await self._cluster.close()

    async def read_jobs(self, jobs: Mapping[ObjectRef, JobRecord], *, with_logs: bool = True) -> tuple[JobState, ...]:
        """Read how Jobs of the values are, in their order, with the logs of their attempts unless told otherwise."""
        return await self._cluster.read_jobs(jobs, with_logs=with_logs)

    async def read_history(self) -> History:
        """Read the record; also with a role that may only read ConfigMaps."""
        return await self._records.read()

    async def read_manifests(self, number: int) -> Rendered | None:
        """Read what a revision was made of, for a rollback; None where its record is gone."""
        return await self._records.read_manifests(number)

    async def read_workloads(self, revision: Revision) -> tuple[Workload, ...]:
        """Read what runs now, by name, in the namespaces that a revision's objects are in."""
        places = sorted({self.namespace, *(ref.namespace for ref in revision.objects if ref.namespace)})
        # Of the other kinds the release has none, and a role need not have rights for them.
        kinds = dict.fromkeys(("Deployment", *(ref.kind for ref in revision.objects if ref.kind in VERSIONED)))
        owner = self._cluster.owner
        found = await asyncio.gather(*(read_workloads(self._client.within(place), owner, kinds) for place in places))
        return tuple(sorted((each for part in found for each in part), key=lambda workload: workload.name))

    async def read_lock(self) -> Holder | None:
        """Read who holds the release; None when nobody does."""
        return await read_lock(self._client, self.release)

    async def read_lock_if_allowed(self) -> tuple[bool, Holder | None]:
        """Tell whether the role may read Leases, and who holds the release."""
        try:
            return True, await self.read_lock()
        except ApiError as error:
            if error.code != 403:
                raise
            return False, None

    async def follow_log(self, job: ObjectRef, take: Callable[[str], None]) -> bool:
        """Give the lines of a Job's pods, masked, as they come, until it has ended; False: there is none."""
        client = self._client.within(job.namespace or self.namespace)
        return await LiveLog(client, self._cluster.observe(client), job.name, take).follow(self.release)

    async def read_job_log(self, job: ObjectRef, record: JobRecord) -> JobState:
        """Read how a Job of the values is, with what its attempts have said so far, masked."""
        client = self._client.within(job.namespace or self.namespace)
        try:
            mask = await build_live_mask(client, self.release, await client.get(JOB, job.name))
        except ApiError as error:
            if error.code != 403:
                raise
            (state,) = await self.read_jobs({job: record}, with_logs=False)
            return without_logs(state, f"[its log may not be shown: {error.problem.message}]")
        (state,) = await read_job_states(client, self.release, {job: record}, with_logs=True)
        return mask.job(state)

    async def break_lock(self, *, force: bool = False) -> Holder | None:
        """Free the release of a holder that is dead. Raises LockedError while it may live, unless `force`."""
        return await break_lock(self._client, self.release, force=force)

    async def forget(self, last: Revision, emit: Emit) -> None:
        """Remove the record and the lock, as the last thing of the uninstall that `last` is; takes the lock for it.

        Both stay where another run has come between. To be called without the lock.
        """
        with contextlib.suppress(LockedError):
            async with self.lock(emit, wait=False):
                if (await self._records.read()).revisions[-1:] == (last,):
                    await self._records.remove_all()
                    await remove_lock(self._client, self.release)

    async def build_roles(self, rendered: Rendered) -> tuple[Json, ...]:
        """Build the smallest Roles with which a deploy of these objects works: one in each of their namespaces.

        What the release gives to its accounts is in Roles of its own.
        """
        owner = self._cluster.owner
        bodies = [resource.body for resource in rendered.objects]
        kinds: dict[str, list[Kind]] = {self.namespace: []}
        for body in bodies:
            kind = await self._cluster.find_kind(body["kind"], body["apiVersion"])
            place = body["metadata"].get("namespace") or self.namespace if kind.namespaced else ""
            kinds.setdefault(place, []).append(kind)
        return tuple(
            role
            for place, of_place in kinds.items()
            for role in (
                build_role(owner, place, of_place) if place else build_cluster_role(owner, of_place),
                *build_granted(owner, place, bodies),
            )
        )


def _warn(problem: Problem) -> Problem:
    """Say that something is in the way of other runs, and not of an uninstall, which removes it."""
    return msgspec.structs.replace(problem, severity=Severity.WARNING)
