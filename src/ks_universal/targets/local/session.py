"""A plan on this machine: what it would change here, and its steps."""

import asyncio
from collections.abc import Mapping
from functools import partial

from ks_universal.diagnostics import has_errors
from ks_universal.engine.events import Emit, ObjectChanged
from ks_universal.engine.target import NO_IDS, MigrationFailed, Preflight, RolloutFailed
from ks_universal.json_types import Json
from ks_universal.model.format.local import Local
from ks_universal.plan.changes import Change, compare_plan, name_change
from ks_universal.plan.one_off_jobs import find_job_digest
from ks_universal.plan.records import Attempt, JobRecord, JobState, Revision
from ks_universal.plan.steps import Apply, AwaitOldPods, Delete, Migrate, Plan, RollOut, RunJob
from ks_universal.resources.keeping import find_keeper
from ks_universal.resources.objects import ObjectRef, object_ref
from ks_universal.targets.local.attempts import open_run, settle_recorded
from ks_universal.targets.local.check import Builder, build_job, build_step, find_problems, read_pod
from ks_universal.targets.local.jobs import JobRun
from ks_universal.targets.local.rollout import Version
from ks_universal.targets.local.runtime import Runtime


class LocalSession:
    """One plan, of values with this `local` section. Implements `engine.target.Session`."""

    def __init__(self, runtime: Runtime, local: Local, plan: Plan) -> None:
        self._runtime = runtime
        self._local = local
        self._plan = plan
        applied = [step.body for step in plan.steps if isinstance(step, Apply)]
        self._planned = {step.digest for step in plan.steps if isinstance(step, Migrate)}
        self._planned |= {digest for body in applied if (digest := find_job_digest(body)) is not None}

    async def check(self) -> Preflight:
        """Find what this machine cannot do for the plan: mounts, keys, commands, ports, images."""
        live, host = self._runtime.read_objects(), self._runtime.host
        problems = [*await host.find_problems(self._plan, self._local)]
        problems += find_problems(self._plan, live, host, self._local, self._runtime.applications.ports())
        return Preflight(compare_plan(self._plan, live), tuple(dict.fromkeys(problems)))

    async def apply(self, step: Apply, emit: Emit) -> tuple[Json, ...]:
        """Remember the object; a Job runs."""
        await self._runtime.begin(self._planned)
        if find_job_digest(step.body) is not None:
            pod, problems = build_job(step, self._runtime.read_objects(), self._plan.namespace, self._builder())
            await self._runtime.jobs.apply(step, None if problems else pod, emit)
            return ()
        ref, state = object_ref(step.body), self._runtime.state
        before = state.read_object(ref)
        if before != step.body:
            state.write_object(step.body)
        emit(ObjectChanged(step=step.id, identity=ref, change=name_change(before, same=before == step.body)))
        return ()

    async def await_job(self, step: RunJob, record: JobRecord, emit: Emit) -> JobState:  # noqa: ARG002 - `apply` has one
        """Wait for the Job's end; who is cancelled leaves it running, until `close`."""
        await self._runtime.jobs.wait(object_ref(step.body))
        (state,) = self._runtime.jobs.read({object_ref(step.body): record})
        return state

    async def read_jobs(self, jobs: Mapping[ObjectRef, JobRecord]) -> tuple[JobState, ...]:
        """Read how Jobs of the values are."""
        return self._runtime.jobs.read(jobs)

    async def delete(self, step: Delete, emit: Emit) -> Change | None:
        """Forget the object, unless it asks to be kept; what ran of a workload or Job is gone on return."""
        await self._runtime.begin(self._planned)
        live = self._runtime.read_objects().get(step.identity)
        if live is None:
            return None
        removal = Change.KEPT if find_keeper(live) else Change.DELETED
        if removal is Change.DELETED:
            await self._runtime.applications.remove(step.identity)
            await self._runtime.jobs.stop(step.identity)
            self._runtime.state.forget_object(step.identity)
        emit(ObjectChanged(step=step.id, identity=step.identity, change=removal))
        return removal

    async def migrate(self, step: Migrate, emit: Emit) -> tuple[Attempt, ...]:
        """Run the Job's containers, init containers first, with retries; see JobRun."""
        await self._runtime.begin(self._planned)
        pod, problems = build_step(step, self._runtime.read_objects(), self._plan.namespace, self._builder())
        if has_errors(problems):
            raise MigrationFailed(step.id, problems)
        name, stop = step.migration.body["metadata"]["name"], self._runtime.host.stop_attempts
        folder, run = await open_run(self._runtime.state, name, step=step.id, digest=step.digest, stop=stop)
        try:
            return await JobRun(step, pod, folder, run, emit).migrate(retry_delay_s=self._runtime.retry_delay_s)
        except asyncio.CancelledError:
            folder.settle()  # all of it is stopped: the next run begins anew
            raise

    async def roll_out(
        self,
        step: RollOut,
        emit: Emit,
        image_ids: Mapping[str, str] = NO_IDS,  # noqa: ARG002 - the record has none of what ran here
    ) -> None:
        """Replace the running version of the application; see Applications."""
        await self._runtime.begin(self._planned)
        live = self._runtime.read_objects()
        pod, problems = build_step(step, live, self._plan.namespace, self._builder())
        if has_errors(problems):
            raise RolloutFailed(step.id, problems)
        digest = self._runtime.host.digest(read_pod(step.body), live, self._local)
        await self._runtime.applications.roll_out(
            step, Version(step.application or step.body["metadata"]["name"], step.body, pod, digest), emit
        )

    async def await_old_pods(self, step: AwaitOldPods, emit: Emit) -> None:
        """Nothing is left to wait for: `roll_out` starts a version when the one before is gone."""

    def count_old_pods(self, step: RollOut) -> int:  # noqa: ARG002 - see await_old_pods
        """None is left when a new version starts."""
        return 0

    async def save(self, revision: Revision) -> None:
        """Keep the record. The attempts of a step whose outcome it has are not taken up again."""
        await self._runtime.begin(self._planned)
        self._runtime.state.write_revision(revision)
        self._runtime.applications.tell()
        ended = [step for step in revision.steps if step.has_ended]
        settle_recorded(self._runtime.state, {step.id: step.digest for step in ended})

    def _builder(self) -> Builder:
        return partial(self._runtime.host.build, local=self._local)
