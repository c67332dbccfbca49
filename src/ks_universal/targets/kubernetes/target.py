"""The target: a cluster's namespace, as the engine sees it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime

import msgspec

from ks_universal.diagnostics import Problem, Severity
from ks_universal.engine.events import Emit, ObjectChanged, Waited
from ks_universal.engine.target import NO_IDS, MigrationFailed, Preflight, RolloutPaused
from ks_universal.errors import LockedError, TargetError
from ks_universal.json_types import Json
from ks_universal.metadata_keys import REVISION
from ks_universal.plan.changes import Change, name_change
from ks_universal.plan.records import Attempt, JobRecord, JobState, Outcome, Revision, State
from ks_universal.plan.steps import Apply, AwaitOldPods, Delete, Migrate, Plan, RollOut, RunJob, Step
from ks_universal.resources.keeping import CLAIM
from ks_universal.resources.objects import ObjectRef, Rendered, object_ref
from ks_universal.targets.kubernetes.api.client import Client
from ks_universal.targets.kubernetes.api.errors import ApiError
from ks_universal.targets.kubernetes.api.kinds import JOB, NAMESPACE, Kind
from ks_universal.targets.kubernetes.migration.events import EventRecorder, KubernetesEvent
from ks_universal.targets.kubernetes.migration.job_run import JobRun
from ks_universal.targets.kubernetes.migration.job_states import await_end, read_job_states, without_logs
from ks_universal.targets.kubernetes.migration.live_log import LiveLog, build_live_mask
from ks_universal.targets.kubernetes.migration.one_off_jobs import is_done, remove_old_job
from ks_universal.targets.kubernetes.objects.applying import apply_over, build_applied, read_crossings
from ks_universal.targets.kubernetes.objects.image_ids import find_moved
from ks_universal.targets.kubernetes.objects.live import read_live, read_secrets
from ks_universal.targets.kubernetes.objects.ownership import Owner, find_foreign, home_of, is_as_applied
from ks_universal.targets.kubernetes.objects.removal import Wait, is_terminating, remove, see_gone
from ks_universal.targets.kubernetes.objects.scaling import Scalers
from ks_universal.targets.kubernetes.objects.takeover import own, warn_of_helm
from ks_universal.targets.kubernetes.observed.observer import Observer, WorkloadKey
from ks_universal.targets.kubernetes.observed.pods import is_stopping
from ks_universal.targets.kubernetes.observed.readiness import is_settled
from ks_universal.targets.kubernetes.preflight.dry_run import Situation, try_plan
from ks_universal.targets.kubernetes.preflight.rbac import build_role
from ks_universal.targets.kubernetes.preflight.unknown_kinds import describe_unknown
from ks_universal.targets.kubernetes.record.lease import (
    Holder,
    Lease,
    break_lock,
    find_stranger_lock,
    read_lock,
    remove_lock,
)
from ks_universal.targets.kubernetes.record.records import Records
from ks_universal.targets.kubernetes.rollout.image_look import look_up_image
from ks_universal.targets.kubernetes.rollout.rollout import Rollout
from ks_universal.targets.kubernetes.status import Workload, read_workloads

_ENDED = frozenset((Outcome.SUCCEEDED, Outcome.MIGRATION_FAILED))


class ClusterOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How to deploy. `lease_s`: how long a lock outlives a holder that died; a whole number of seconds."""

    take_ownership: bool = False
    create_namespace: bool = False
    await_rollout: bool = True
    delete_data: bool = False
    history_max: int = 10
    lease_s: int = 15
    removal_s: int = 300
    """How long old pods and what is being deleted may take to be gone, once pods have had their time; as Helm waits."""


class KubernetesTarget:
    """A release in a namespace of a cluster, and its objects in others. Implements `engine.target.Target`."""

    def __init__(self, client: Client, release: str, options: ClusterOptions) -> None:
        self.release = release
        self.namespace = client.namespace
        self._client = client
        self._release = release
        self._owner = Owner(release, client.namespace)
        self._options = options
        self._records = Records(client, release, history_max=options.history_max)
        self._observers: dict[str, Observer] = {}
        self._live: dict[ObjectRef, Json] = {}
        self._terminating: dict[ObjectRef, Json] = {}
        self._secrets: tuple[Json, ...] = ()
        self._rendered: Rendered | None = None
        self._run = 0
        self._recorded: set[str] = set()
        self._found: set[str] = set()
        self._announcer = EventRecorder(client)

    @property
    def requests(self) -> int:
        """How many requests have been sent to the API server, retries and watches included."""
        return self._client.requests

    def lock(self, emit: Emit, *, wait: bool) -> AbstractAsyncContextManager[None]:
        """Hold the release's Lease; creates the namespace first where that was asked for."""
        return self._lock(emit, wait=wait)

    @asynccontextmanager
    async def _lock(self, emit: Emit, *, wait: bool) -> AsyncIterator[None]:
        if self._options.create_namespace and await create_namespace(self._client):
            # Before the plan is shown, for the lock lives in it: whoever then declines has to know that it is there.
            ref = ObjectRef("Namespace", "", self.namespace)
            emit(ObjectChanged(step=str(ref), identity=ref, change=Change.CREATED))
        lease = Lease(self._client, self._release, duration_s=self._options.lease_s)
        async with lease.hold(emit, wait=wait):
            yield

    async def read(self, rendered: Rendered) -> State:
        """Read the record, and the objects of the record's inventory and of `rendered` that exist."""
        revisions = await self._records.read()
        inventory = revisions[-1].objects if revisions else ()
        self._recorded = {step.id for step in revisions[-1].steps if step.outcome in _ENDED} if revisions else set()
        wanted = [object_ref(body) for body in _list_bodies(rendered)]
        found = await read_live(self._client, self._release, dict.fromkeys((*wanted, *inventory)))
        self._terminating = {ref: body for ref, body in found.items() if is_terminating(body)}
        self._live = {ref: body for ref, body in found.items() if ref not in self._terminating}
        self._rendered = rendered
        self._secrets = await read_secrets(self._client, _list_bodies(rendered), known=found)
        return State(
            revisions=revisions,
            problems=self._records.problems if wanted else tuple(map(_warn, self._records.problems)),
            objects=self._live,
            terminating=self._terminating,
            secrets=self._secrets,
        )

    async def check(self, plan: Plan) -> Preflight:
        """Try everything that would change on the API server, without effect; find what other owners have."""
        live = {**self._live, **{object_ref(body): body for body in self._secrets}}
        situation = Situation(
            live=live,
            terminating=self._terminating,
            owner=self._owner,
            force=self._options.take_ownership,
            kept=self._kept,
            scalers=self._scalers(),
        )
        trials = await try_plan(self._client, plan, situation)
        changes = tuple(trial.change for trial in trials if trial.change is not None)
        helm = warn_of_helm(self._live.values(), self._owner) if self._options.take_ownership else ()
        found = [problem for trial in trials for problem in (trial.warning, trial.problem) if problem is not None]
        strangers = await self._find_strangers(plan.revision)
        return Preflight(changes, tuple(dict.fromkeys((*strangers, *helm, *found))))

    async def _find_strangers(self, number: int) -> list[Problem]:
        """Find what others have of the names of the release's lock and of a revision's record."""
        lock, record = await asyncio.gather(
            find_stranger_lock(self._client, self._release), self._records.find_strangers(number)
        )
        return [*(() if lock is None else (lock,)), *record]

    async def apply(self, step: Apply, emit: Emit) -> None:
        """Apply the object, unless it is known to be as given."""
        if isinstance(step, RunJob) and step.awaits_end:  # it may be gone as soon as it has ended: its ttl may be 0
            await self._observe(self._client.of(step.body)).start()
        before, applied = self._live.get(object_ref(step.body)), await self._apply(step, emit)
        if before is not None and before["metadata"]["uid"] == applied["metadata"]["uid"]:
            self._found.add(step.id)

    async def await_job(self, step: RunJob, record: JobRecord, emit: Emit) -> JobState:
        """Follow the Job to its end; whoever is cancelled leaves it to the cluster."""
        job = self._live[object_ref(step.body)]
        if not self._options.await_rollout:
            return JobState(identity=object_ref(step.body), record=record)
        client = self._client.of(step.body)
        observer, resumed = self._observe(client), step.id in self._found
        return await await_end(client, observer, step, record, emit, job=job, resumed=resumed)

    async def read_jobs(self, jobs: Mapping[ObjectRef, JobRecord], *, with_logs: bool = True) -> tuple[JobState, ...]:
        """Read how Jobs of the values are, in their order, with the logs of their attempts unless told otherwise."""
        places: dict[str, dict[ObjectRef, JobRecord]] = {}
        for ref, record in jobs.items():
            places.setdefault(ref.namespace or self.namespace, {})[ref] = record
        looks = [
            read_job_states(self._client.within(place), self._release, there, with_logs=with_logs)
            for place, there in places.items()
        ]
        found = {state.identity: state for states in await asyncio.gather(*looks) for state in states}
        return tuple(found[ref] for ref in jobs)

    async def delete(self, step: Delete, emit: Emit) -> Change | None:
        """Remove the object if it is the release's, and not to be kept."""
        removal = await remove(self._client, step, self._owner, kept=self._kept, wait=self._wait(step, emit))
        if removal is not None:
            emit(ObjectChanged(step=step.id, identity=step.identity, change=removal))
        return removal

    async def migrate(self, step: Migrate, emit: Emit) -> tuple[Attempt, ...]:
        """Run the migration's Job, or take up the one that runs it. A Job of another owner is never replaced."""
        job = step.migration.body
        self._refuse_foreign(self._live.get(object_ref(job)))
        client = self._client.of(job)
        marks = {REVISION: str(self._run), **home_of(job, self._owner)}
        unrecorded, api_error = step.id not in self._recorded, self._refuse_foreign
        run = JobRun(client, self._observe(client), step, emit, marks=marks, is_unrecorded=unrecorded, refuse=api_error)
        self._announce(step, run, "MigrationStarted", f"began: {step.why}")
        try:
            attempts = await run.migrate()
        except MigrationFailed as failure:
            # Codes only: the sentences quote the log, and nothing has masked it yet.
            codes = ", ".join(dict.fromkeys(cause.code for cause in failure.causes))
            self._announce(step, run, "MigrationFailed", f"failed: {codes}", is_warning=True)
            raise
        except asyncio.CancelledError:
            self._announce(step, run, "MigrationStopped", "was stopped before its end", is_warning=True)
            raise
        self._announce(step, run, "MigrationSucceeded", f"succeeded, {len(attempts)} attempt(s)")
        return attempts

    async def roll_out(self, step: RollOut, emit: Emit, image_ids: Mapping[str, str] = NO_IDS) -> None:
        """Apply the Deployment and follow it until its new version serves."""
        applied = await self._apply(step, emit, await self._find_moved(step, emit, image_ids))
        if is_settled(applied):
            return
        if self._options.await_rollout:
            await self._watch(step, emit, applied).follow()
        elif step.body["spec"].get("paused"):
            raise RolloutPaused(step.id)

    async def _find_moved(self, step: RollOut, emit: Emit, image_ids: Mapping[str, str]) -> dict[str, str]:
        """Find the images of which the Deployment's pods have other ids than these; ids that are empty are looked up.

        One that nobody can find out is taken for another one than the pods have.
        """
        live = self._live.get(object_ref(step.body))
        if live is None or not image_ids:
            return {}
        client = self._client.of(step.body)
        observer = self._observe(client)
        await observer.start()
        topic: WorkloadKey = ("Deployment", object_ref(step.body).name)
        unknown = find_moved(live, dict.fromkeys(image_ids, ""), observer.replica_sets(live), observer.pods(topic))
        looked: dict[str, str] = {}
        for image in (image for image in unknown if not image_ids[image]):
            emit(Waited(step=step.id, waits_for=f"a node to tell which image {image} is by now"))
            found = await look_up_image(client, observer, step.body, image)
            looked[image] = found or f"unknown in revision {self._run}"
        known = {image: looked.get(image, id_) for image, id_ in image_ids.items() if id_ or image in looked}
        return find_moved(live, known, observer.replica_sets(live), observer.pods(topic))

    async def await_old_pods(self, step: AwaitOldPods, emit: Emit) -> None:
        """Follow the Deployment until its last old pod is gone; first its rollout, where nobody has waited for that."""
        applied = self._live[step.identity]
        if not self._options.await_rollout:
            await self._watch(step, emit, applied).follow()
        await self._watch(step, emit, applied).await_old_pods(self._options.removal_s)

    def count_old_pods(self, step: RollOut) -> int:
        """Count the Deployment's old pods that are stopping; none where this run observes nothing."""
        observer = self._observers.get(self._client.of(step.body).namespace)
        old = [] if observer is None else observer.old_pods(object_ref(step.body).name)
        return sum(map(is_stopping, old))

    async def save(self, revision: Revision) -> None:
        """Keep the revision's record; with the first of a number also what the revision is made of."""
        self._run = revision.number
        await self._records.save(revision, self._rendered)

    async def close(self) -> None:
        """Stop watching and close the connections; everything in the cluster runs on."""
        await self._announcer.close()
        for observer in self._observers.values():
            await observer.stop()
        await self._client.close()

    @property
    def record_problems(self) -> tuple[Problem, ...]:
        """What could not be read of the record, when it was read last."""
        return self._records.problems

    async def read_revisions(self) -> tuple[Revision, ...]:
        """Read the record, oldest run first; also with a role that may only read ConfigMaps."""
        return await self._records.read()

    async def read_manifests(self, number: int) -> Rendered | None:
        """Read what a revision was made of, for a rollback; None where its record is gone."""
        return await self._records.read_manifests(number)

    async def read_workloads(self, revision: Revision) -> tuple[Workload, ...]:
        """Read what runs now, by name, in the namespaces that a revision's objects are in."""
        places = sorted({self.namespace, *(ref.namespace for ref in revision.objects if ref.namespace)})
        found = await asyncio.gather(*(read_workloads(self._client.within(place), self._owner) for place in places))
        return tuple(sorted((each for part in found for each in part), key=lambda workload: workload.name))

    async def read_lock(self) -> Holder | None:
        """Read who holds the release; None when nobody does."""
        return await read_lock(self._client, self._release)

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
        return await LiveLog(client, self._observe(client), job.name, take).follow(self._release)

    async def read_job_log(self, job: ObjectRef, record: JobRecord) -> JobState:
        """Read how a Job of the values is, with what its attempts have said so far, masked."""
        client = self._client.within(job.namespace or self.namespace)
        try:
            mask = await build_live_mask(client, self._release, await client.get(JOB, job.name))
        except ApiError as error:
            if error.code != 403:
                raise
            (state,) = await self.read_jobs({job: record}, with_logs=False)
            return without_logs(state, f"[its log may not be shown: {error.problem.message}]")
        (state,) = await read_job_states(client, self._release, {job: record}, with_logs=True)
        return mask.job(state)

    async def break_lock(self, *, force: bool = False) -> Holder | None:
        """Free the release of a holder that is dead. Raises LockedError while it may live, unless `force`."""
        return await break_lock(self._client, self._release, force=force)

    async def forget(self, last: Revision, emit: Emit) -> None:
        """Remove the record and the lock, as the last thing of the uninstall that `last` is; takes the lock for it.

        Both stay where another run has come between. To be called without the lock.
        """
        with contextlib.suppress(LockedError):
            async with self._lock(emit, wait=False):
                if (await self._records.read())[-1:] == (last,):
                    await self._records.remove_all()
                    await remove_lock(self._client, self._release)

    async def build_roles(self, rendered: Rendered) -> tuple[Json, ...]:
        """Build the smallest Roles with which a deploy of these objects works: one in each of their namespaces."""
        kinds: dict[str, list[Kind]] = {self.namespace: []}
        for resource in rendered.objects:
            place = resource.body["metadata"].get("namespace") or self.namespace
            kinds.setdefault(place, []).append(await self._kind(resource.body["kind"], resource.body["apiVersion"]))
        return tuple(build_role(self._owner, place, of_place) for place, of_place in kinds.items())

    def _announce(self, step: Migrate, run: JobRun, reason: str, message: str, *, is_warning: bool = False) -> None:
        namespace = step.migration.body["metadata"].get("namespace", "")
        deployment = ObjectRef("Deployment", namespace, step.migration.application)
        said = KubernetesEvent(reason, f"{step.id} {message}", datetime.now(UTC), is_warning, run.job)
        self._announcer.announce(deployment, self._live.get(deployment), said)

    async def _apply(self, step: Apply | RollOut, emit: Emit, moved: Mapping[str, str] = NO_IDS) -> Json:
        """Make the object so, and return it as it then is; `moved` as in `build_applied`."""
        key = object_ref(step.body)
        client = self._client.of(step.body)
        wait = self._wait(step, emit)
        live = await self._await_end(client, key, wait) if key in self._terminating else self._live.get(key)
        body = build_applied(live, step.body, self._owner, moved=moved)
        again = isinstance(step, RunJob) and step.again
        if live is not None and (is_as_applied(live, body) or is_done(live, body)) and not again:
            emit(ObjectChanged(step=step.id, identity=key, change=Change.UNCHANGED))
            return live
        foreign = self._refuse_foreign(live)
        kind = await self._kind(key.kind, body["apiVersion"])
        await remove_old_job(client, self._observe(client), live, body, again=again)
        force = self._options.take_ownership
        crossings = await read_crossings(client, live, body, self._scalers())
        while is_terminating(applied := await apply_over(client, kind, live, body, crossings, force=force)):
            await see_gone(client, kind, applied, wait)  # somebody has deleted it since it was read
            live = None
        if foreign is not None:
            applied = await own(client, kind, applied)
        self._live[key] = applied
        self._announcer.write_kept(key, applied)
        emit(ObjectChanged(step=step.id, identity=key, change=_name_change(live, applied), moved=tuple(moved)))
        return applied

    def _refuse_foreign(self, live: Json | None) -> Problem | None:
        """Give the finding where another has made an object that is to be taken over; raise it where it is not."""
        foreign = find_foreign(live, self._owner)
        if foreign is not None and not self._options.take_ownership:
            raise TargetError(foreign)
        return foreign

    def _watch(self, step: RollOut | AwaitOldPods, emit: Emit, applied: Json) -> Rollout:
        client = self._client.of(applied)
        return Rollout(client, self._observe(client), step, emit, applied=applied)

    def _wait(self, step: Step, emit: Emit) -> Wait:
        return Wait(lambda what: emit(Waited(step=step.id, waits_for=what)), self._options.removal_s)

    async def _await_end(self, client: Client, key: ObjectRef, wait: Wait) -> Json | None:
        """Wait until an object that was on its way out is gone; gives what somebody may have made in its place."""
        old = self._terminating[key]
        kind = await self._kind(key.kind, old["apiVersion"])
        await see_gone(client, kind, old, wait)
        return await client.get(kind, key.name)

    def _scalers(self) -> Scalers:
        bodies = () if self._rendered is None else tuple(_list_bodies(self._rendered))
        return Scalers(self._owner, bodies)

    @property
    def _kept(self) -> frozenset[str]:
        """The kinds that hold data, and stay where nobody asked for their removal."""
        return frozenset() if self._options.delete_data else frozenset((CLAIM,))

    def _observe(self, client: Client) -> Observer:
        """Give the one observer of the client's namespace."""
        if client.namespace not in self._observers:
            self._observers[client.namespace] = Observer(client, self._release)
        return self._observers[client.namespace]

    async def _kind(self, kind: str, api_version: str) -> Kind:
        found = await self._client.find_kind(kind, api_version)
        if found is None:
            raise TargetError(describe_unknown(api_version, kind, await self._client.find_kind(kind)))
        return found


def _warn(problem: Problem) -> Problem:
    """Say that something is in the way of other runs, and not of an uninstall, which removes it."""
    return msgspec.structs.replace(problem, severity=Severity.WARNING)


async def create_namespace(client: Client) -> bool:
    """Create the client's namespace; False where it exists."""
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": client.namespace}}
    try:
        await client.create(NAMESPACE, body)
    except ApiError as error:
        if error.code != 409:
            raise
        return False
    return True


def _list_bodies(rendered: Rendered) -> list[Json]:
    return [*(resource.body for resource in rendered.objects), *(migration.body for migration in rendered.migrations)]


def _name_change(live: Json | None, applied: Json) -> Change:
    version = applied["metadata"]["resourceVersion"]
    return name_change(live, same=live is not None and live["metadata"]["resourceVersion"] == version)
