"""A plan on a cluster: what it would change there, and its steps."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime

from ks_universal.diagnostics import Problem
from ks_universal.engine.events import Emit, ObjectChanged, Waited
from ks_universal.engine.target import NO_IDS, MigrationFailed, Preflight, RolloutPaused
from ks_universal.errors import TargetError
from ks_universal.json_types import Json
from ks_universal.metadata_keys import REVISION
from ks_universal.plan.changes import Change, ObjectChange, name_change
from ks_universal.plan.records import Attempt, JobRecord, JobState, Outcome, Revision, State
from ks_universal.plan.steps import Apply, AwaitOldPods, Delete, Migrate, Plan, RollOut, RunJob, Step
from ks_universal.resources.keeping import DATA_KINDS
from ks_universal.resources.objects import ObjectRef, Rendered, object_ref
from ks_universal.targets.kubernetes.api.client import Client
from ks_universal.targets.kubernetes.cluster import Cluster
from ks_universal.targets.kubernetes.migration.events import KubernetesEvent
from ks_universal.targets.kubernetes.migration.job_run import JobRun
from ks_universal.targets.kubernetes.migration.job_states import await_end
from ks_universal.targets.kubernetes.migration.one_off_jobs import is_done, remove_old_job
from ks_universal.targets.kubernetes.objects.applying import apply_over, build_applied, read_crossings
from ks_universal.targets.kubernetes.objects.awaited import Awaited, await_ready
from ks_universal.targets.kubernetes.objects.namespaces import find_new_namespace
from ks_universal.targets.kubernetes.objects.ownership import find_foreign, home_of, is_as_applied
from ks_universal.targets.kubernetes.objects.pod_claims import judge_claim, read_pod_claims
from ks_universal.targets.kubernetes.objects.removal import Wait, is_terminating, remove, remove_claim, see_gone
from ks_universal.targets.kubernetes.objects.scaling import Scalers
from ks_universal.targets.kubernetes.objects.takeover import inherit_pods, own, warn_of_helm
from ks_universal.targets.kubernetes.observed.observer import Observer, select_pods
from ks_universal.targets.kubernetes.observed.pods import is_stopping
from ks_universal.targets.kubernetes.observed.readiness import is_settled
from ks_universal.targets.kubernetes.preflight.dry_run import Situation, try_plan
from ks_universal.targets.kubernetes.record.lease import find_stranger_lock
from ks_universal.targets.kubernetes.rollout.image_look import find_moved_images, look_up_image
from ks_universal.targets.kubernetes.rollout.rollout import Rollout

_ENDED = frozenset((Outcome.SUCCEEDED, Outcome.MIGRATION_FAILED))


class KubernetesSession:
    """One plan, from what was read before it was made. Implements `engine.target.Session`.

    It knows the objects as they were read, and as its own steps have left them since.
    """

    def __init__(self, cluster: Cluster, rendered: Rendered, state: State, plan: Plan) -> None:
        self._cluster = cluster
        self._client, self._owner, self._options = cluster.client, cluster.owner, cluster.options
        self._rendered = rendered
        self._state = state
        self._plan = plan
        self._live = dict(state.objects)
        known = (*rendered.bodies, *state.objects.values(), *state.terminating.values())
        self._pods = select_pods(self._owner.release, known)
        latest = state.revisions[-1].steps if state.revisions else ()
        self._recorded = {step.id for step in latest if step.outcome in _ENDED}

    async def check(self) -> Preflight:
        """Try everything that would change on the API server, without effect; find what other owners have."""
        live = {**self._live, **{object_ref(body): body for body in self._state.secrets}}
        namespace = await find_new_namespace(self._client) if self._options.create_namespace else None
        situation = Situation(
            live=live,
            terminating=self._state.terminating,
            owner=self._owner,
            force=self._options.take_ownership,
            kept=self._kept,
            scalers=self._scalers(),
            made_before=() if namespace is None else (namespace,),
        )
        trials = await try_plan(self._client, self._plan, situation)
        made = (ObjectChange(identity=object_ref(body), change=Change.CREATED) for body in situation.made_before)
        changes = (*made, *(trial.change for trial in trials if trial.change is not None))
        helm = warn_of_helm(self._live.values(), self._owner) if self._options.take_ownership else ()
        found = [problem for trial in trials for problem in (trial.warning, trial.problem) if problem is not None]
        strangers = await self._find_strangers(self._plan.revision)
        return Preflight(changes, tuple(dict.fromkeys((*strangers, *helm, *found))))

    async def _find_strangers(self, number: int) -> list[Problem]:
        """Find what others have of the names of the release's lock, unless that is held, and of a revision's record."""
        record = self._cluster.records.find_strangers(number)
        if self._cluster.is_locked:
            return await record
        lock, strangers = await asyncio.gather(find_stranger_lock(self._client, self._cluster.release), record)
        return [*(() if lock is None else (lock,)), *strangers]

    async def apply(self, step: Apply, emit: Emit) -> tuple[Json, ...]:
        """Apply the object, unless it is known to be as given; an extra one gets ready."""
        if isinstance(step, RunJob) and step.awaits_end:  # it may be gone as soon as it has ended: its ttl may be 0
            await self._observe(self._client.of(step.body)).start()
        applied = await self._apply(step, emit)
        is_awaited = step.awaits_ready and self._options.await_rollout
        return await self._await_ready(step, applied, emit) if is_awaited else ()

    async def _await_ready(self, step: Apply, applied: Json, emit: Emit) -> tuple[Json, ...]:
        before = self._state.objects.get(object_ref(step.body))
        version = applied["metadata"]["resourceVersion"]
        awaited = Awaited(
            step=step.id,
            kind=await self._cluster.find_kind(step.body["kind"], step.body["apiVersion"]),
            applied=applied,
            is_new=before is None or before["metadata"]["resourceVersion"] != version,
            say=lambda what: emit(Waited(step=step.id, waits_for=what)),
        )
        client = self._client.of(step.body)
        with self._observe(client).await_maker():
            return await await_ready(client, awaited)

    async def await_job(self, step: RunJob, record: JobRecord, emit: Emit) -> JobState:
        """Follow the Job to its end; whoever is cancelled leaves it to the cluster."""
        ref = object_ref(step.body)
        job, before = self._live[ref], self._state.objects.get(ref)
        if not self._options.await_rollout:
            return JobState(identity=ref, record=record)
        client = self._client.of(step.body)
        resumed = before is not None and before["metadata"]["uid"] == job["metadata"]["uid"]
        return await await_end(client, self._observe(client), step, record, emit, job=job, resumed=resumed)

    async def read_jobs(self, jobs: Mapping[ObjectRef, JobRecord]) -> tuple[JobState, ...]:
        """Read how Jobs of the values are, in their order, with the logs of their attempts."""
        return await self._cluster.read_jobs(jobs, with_logs=True)

    async def delete(self, step: Delete, emit: Emit) -> Change | None:
        """Remove the object if it is the release's, and not to be kept."""
        wait, live = self._wait(step, emit), self._live.get(step.identity)
        claims = await read_pod_claims(self._client, live)
        removal = await remove(self._client, step, self._owner, kept=self._kept, wait=wait)
        if removal is not None:
            emit(ObjectChanged(step=step.id, identity=step.identity, change=removal))
        if live is not None and removal is Change.DELETED:
            for claim in claims:
                change = judge_claim(claim, live, self._kept)
                if change.change is Change.DELETED:
                    await remove_claim(self._client.of(claim), claim, wait)
                emit(ObjectChanged(step=step.id, identity=change.identity, change=change.change))
        return removal

    async def migrate(self, step: Migrate, emit: Emit) -> tuple[Attempt, ...]:
        """Run the migration's Job, or take up the one that runs it. A Job of another owner is never replaced."""
        job = step.migration.body
        self._refuse_foreign(self._live.get(object_ref(job)))
        client = self._client.of(job)
        marks = {REVISION: str(self._plan.revision), **home_of(job, self._owner)}
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
        """Apply the workload and follow it until its new version serves."""
        applied = await self._apply(step, emit, await self._find_moved(step, emit, image_ids))
        if is_settled(applied):
            return
        if self._options.await_rollout:
            await self._watch(step, emit, applied).follow()
        elif step.body["spec"].get("paused"):
            raise RolloutPaused(step.id)

    async def _find_moved(self, step: RollOut, emit: Emit, image_ids: Mapping[str, str]) -> dict[str, str]:
        client, live = self._client.of(step.body), self._live.get(object_ref(step.body))
        observer = self._observe(client)

        async def look_up(image: str) -> str:
            emit(Waited(step=step.id, waits_for=f"a node to tell which image {image} is by now"))
            found = await look_up_image(client, observer, step.body, image)
            return found or f"unknown in revision {self._plan.revision}"

        return {} if live is None else await find_moved_images(live, observer, image_ids, look_up)

    async def await_old_pods(self, step: AwaitOldPods, emit: Emit) -> None:
        """Follow the workload until its last old pod is gone; first its rollout, where nobody has waited for that."""
        applied = self._live[step.identity]
        if not self._options.await_rollout:
            await self._watch(step, emit, applied).follow()
        await self._watch(step, emit, applied).await_old_pods(self._options.removal_s)

    def count_old_pods(self, step: RollOut) -> int:
        """Count the workload's old pods that are stopping; none where this run observes nothing."""
        observer = self._observe(self._client.of(step.body))
        return sum(map(is_stopping, observer.old_pods((step.body["kind"], object_ref(step.body).name))))

    async def save(self, revision: Revision) -> None:
        """Keep the revision's record; with the first of a number also what the revision is made of."""
        await self._cluster.records.save(revision, self._rendered)

    def _announce(self, step: Migrate, run: JobRun, reason: str, message: str, *, is_warning: bool = False) -> None:
        namespace = step.migration.body["metadata"].get("namespace", "")
        application = step.migration.application
        served = self._rendered.workloads.get(application)
        kind = "Deployment" if served is None else served.body["kind"]
        workload = ObjectRef(kind, namespace, application)
        said = KubernetesEvent(reason, f"{step.id} {message}", datetime.now(UTC), is_warning, run.job)
        self._cluster.recorder.announce(workload, self._live.get(workload), said)

    async def _apply(self, step: Apply | RollOut, emit: Emit, moved: Mapping[str, str] = NO_IDS) -> Json:
        """Make the object so, and return it as it then is; `moved` as in `build_applied`."""
        key = object_ref(step.body)
        client = self._client.of(step.body)
        wait = self._wait(step, emit)
        live = await self._await_end(client, key, wait) if key in self._state.terminating else self._live.get(key)
        body = build_applied(live, step.body, self._owner, moved=moved)
        again = isinstance(step, RunJob) and step.again
        if live is not None and (is_as_applied(live, body) or is_done(live, body)) and not again:
            emit(ObjectChanged(step=step.id, identity=key, change=Change.UNCHANGED))
            return live
        foreign = self._refuse_foreign(live)
        kind = await self._cluster.find_kind(body["kind"], body["apiVersion"])
        await remove_old_job(client, self._observe(client), live, body, again=again)
        force = self._options.take_ownership
        if live is not None and foreign is not None:
            live = await inherit_pods(client, kind, live)
        crossings = await read_crossings(client, live, body, self._scalers())
        while is_terminating(applied := await apply_over(client, kind, live, body, crossings, force=force)):
            await see_gone(client, kind, applied, wait)  # somebody has deleted it since it was read
            live = None
        if foreign is not None:
            applied = await own(client, kind, applied)
        self._live[key] = applied
        self._cluster.recorder.write_kept(key, applied)
        emit(ObjectChanged(step=step.id, identity=key, change=_name_change(live, applied), moved=tuple(moved)))
        return applied

    def _observe(self, client: Client) -> Observer:
        return self._cluster.observe(client, self._pods)

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
        old = self._state.terminating[key]
        kind = await self._cluster.find_kind(old["kind"], old["apiVersion"])
        await see_gone(client, kind, old, wait)
        return await client.get(kind, key.name)

    def _scalers(self) -> Scalers:
        return Scalers(self._owner, self._rendered.bodies)

    @property
    def _kept(self) -> frozenset[str]:
        """The kinds that hold data, and stay where nobody asked for their removal."""
        return frozenset() if self._options.delete_data else DATA_KINDS


def _name_change(live: Json | None, applied: Json) -> Change:
    version = applied["metadata"]["resourceVersion"]
    return name_change(live, same=live is not None and live["metadata"]["resourceVersion"] == version)
