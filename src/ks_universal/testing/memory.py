"""A target that lives in memory: for tests, and for a run that touches nothing."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import msgspec

from ks_universal.diagnosis import Diagnosis
from ks_universal.diagnostics import Problem
from ks_universal.engine.events import (
    AttemptEnded,
    AttemptStarted,
    Emit,
    LockAwaited,
    LogWritten,
    ObjectChanged,
    Waited,
)
from ks_universal.engine.retries import find_retry_delay_s, gather_causes, tell_timeout
from ks_universal.engine.target import NO_IDS, MigrationFailed, Preflight, RolloutFailed, RolloutPaused
from ks_universal.errors import LockedError
from ks_universal.json_types import Json
from ks_universal.plan.changes import Change, compare_plan, name_change
from ks_universal.plan.records import Attempt, JobRecord, JobState, Outcome, Revision, State
from ks_universal.plan.steps import Apply, AwaitOldPods, Delete, Migrate, Plan, RollOut, RunJob
from ks_universal.resources.keeping import find_keeper
from ks_universal.resources.objects import ObjectRef, Rendered, object_ref
from ks_universal.testing.world import Holder, Job, KillSwitch, OneOffRun, Pause, Try, World


class MemorySession:
    """A plan in a world. Implements `engine.target.Session`."""

    def __init__(self, world: World, plan: Plan, switch: KillSwitch, retry_delay_s: float) -> None:
        self._world = world
        self._plan = plan
        self._switch = switch
        self._retry_delay_s = retry_delay_s

    async def check(self) -> Preflight:
        """Find what the world was told to find."""
        self._switch.pass_moment()
        return Preflight(compare_plan(self._plan, self._world.objects), self._world.problems)

    async def apply(self, step: Apply, emit: Emit) -> tuple[Json, ...]:
        """Make the object exist as given; nothing here makes anything of it."""
        self._switch.pass_moment()
        await asyncio.sleep(0)
        ref = object_ref(step.body)
        changes = self._put(step, emit)
        if isinstance(step, RunJob) and (changes or step.again):
            self._world.one_offs[ref] = OneOffRun()
            if not step.awaits_end and self._world.find_try(step.id, 1).pause is None:
                await self._run_one_off(step, lambda _: None)
        self._switch.pass_moment()
        return ()

    async def await_job(self, step: RunJob, record: JobRecord, emit: Emit) -> JobState:
        """Run the script of the step, as far as it has not run yet; see Target."""
        self._switch.pass_moment()
        await self._run_one_off(step, emit)
        self._switch.pass_moment()
        (state,) = await self.read_jobs({object_ref(step.body): record})
        return state

    async def read_jobs(self, jobs: Mapping[ObjectRef, JobRecord]) -> tuple[JobState, ...]:
        """Read what has become of Jobs of the values."""
        return tuple(self._read_job(ref, record) for ref, record in jobs.items())

    async def delete(self, step: Delete, emit: Emit) -> Change | None:
        """Remove the object, if it is there."""
        self._switch.pass_moment()
        live = self._world.objects.get(step.identity)
        is_kept = live is not None and find_keeper(live) and not step.is_stop
        removal = Change.KEPT if is_kept else self._remove(step)
        if removal is not None:
            emit(ObjectChanged(step=step.id, identity=step.identity, change=removal))
        self._switch.pass_moment()
        return removal

    async def migrate(self, step: Migrate, emit: Emit) -> tuple[Attempt, ...]:
        """Run the script of the step; see Target."""
        self._switch.pass_moment()
        name = step.migration.body["metadata"]["name"]
        job = self._open_job(step, name)
        self._switch.pass_moment()
        try:
            return await self._follow(step, job, emit)
        except asyncio.CancelledError:
            if not self._switch.dead:
                self._world.stop(name)
            raise

    async def roll_out(self, step: RollOut, emit: Emit, image_ids: Mapping[str, str] = NO_IDS) -> None:
        """Apply the workload, wait for what the world says, and fail if it is broken, or paused."""
        self._switch.pass_moment()
        self._world.image_ids[step.id] = dict(image_ids)
        self._put(step, emit)
        if step.body["spec"].get("paused"):
            raise RolloutPaused(step.id)
        await _wait(self._world.rollouts.get(step.id))
        self._switch.pass_moment()
        if step.id in self._world.broken:
            raise RolloutFailed(step.id, (self._world.broken[step.id],))
        self._world.note("rolled-out", step.id)

    async def await_old_pods(self, step: AwaitOldPods, emit: Emit) -> None:
        """Wait for the old pods that the world has of the application."""
        self._switch.pass_moment()
        old = self._world.old_pods.get(step.application or "")
        if old is not None:
            emit(Waited(step=step.id, waits_for="1 old pod to end"))
            await old()
            self._world.old_pods.pop(step.application or "", None)
        self._switch.pass_moment()
        self._world.note("old-pods-gone", step.application or "")

    def count_old_pods(self, step: RollOut) -> int:
        """Count the old pods that the world has of the application."""
        return int((step.application or "") in self._world.old_pods)

    async def save(self, revision: Revision) -> None:
        """Keep the record, and settle the Jobs whose outcome is in it."""
        self._switch.pass_moment()
        self._world.revisions[revision.number] = revision
        self._world.note("saved", str(revision.number))
        ended = {(s.id, s.digest) for s in revision.steps if s.has_ended}
        for job in self._world.jobs.values():
            job.settled = job.settled or (job.step, job.digest) in ended
        self._switch.pass_moment()

    def _read_job(self, ref: ObjectRef, record: JobRecord) -> JobState:
        run = self._world.one_offs.get(ref)
        if run is None or run.outcome is None:
            return JobState(identity=ref, record=record, is_there=run is not None)
        causes = tuple(cause for attempt in run.attempts for cause in attempt.causes)
        record = msgspec.structs.replace(
            record, outcome=run.outcome, ended=datetime.now(UTC), attempts=tuple(run.attempts)
        )
        return JobState(identity=ref, record=record, problems=causes if run.outcome is Outcome.FAILED else ())

    async def _run_one_off(self, step: RunJob, emit: Emit) -> None:
        """Run the attempts of a Job of the values until it has ended, if it has not."""
        ref = object_ref(step.body)
        run = self._world.one_offs.setdefault(ref, OneOffRun())
        retries = step.body["spec"].get("backoffLimit", 6)
        while run.outcome is None:
            number, script = len(run.attempts) + 1, self._world.find_try(step.id, len(run.attempts) + 1)
            emit(AttemptStarted(step=step.id, number=number))
            diagnosis = Diagnosis()
            for line in script.lines:
                diagnosis.take(line)
                emit(LogWritten(source=step.id, line=line))
            await _wait(script.pause)
            self._world.note("job-ran", step.id)
            attempt = Attempt(
                number=number,
                started=datetime.now(UTC),
                duration_s=0.0,
                exit_code=script.exit_code,
                causes=_explain(script, diagnosis),
                log_tail=script.lines,
            )
            run.attempts.append(attempt)
            if script.exit_code == 0 or number > retries:
                run.outcome = Outcome.SUCCEEDED if script.exit_code == 0 else Outcome.FAILED
            emit(AttemptEnded(step=step.id, attempt=attempt, retry_in_s=None if run.outcome else 0.0))

    def _put(self, step: Apply | RollOut, emit: Emit) -> bool:
        """Put an object into the world; tells whether it is another one than before."""
        ref = object_ref(step.body)
        before = self._world.objects.get(ref)
        change = name_change(before, same=before == step.body)
        if change is not Change.UNCHANGED:
            self._world.objects[ref] = step.body
            self._world.note("applied", str(ref))
        emit(ObjectChanged(step=step.id, identity=ref, change=change))
        return change is not Change.UNCHANGED

    def _remove(self, step: Delete) -> Change | None:
        self._world.stop(step.identity.name)
        self._world.one_offs.pop(step.identity, None)
        if self._world.objects.pop(step.identity, None) is None:
            return None
        self._world.note("deleted", str(step.identity))
        return Change.DELETED

    def _open_job(self, step: Migrate, name: str) -> Job:
        """Take up the Job of the same digest whose outcome nobody knows yet, or begin a new one."""
        job = self._world.jobs.get(name)
        if job is None or job.settled or job.digest != step.digest:
            self._world.stop(name)
            job = Job(step=step.id, digest=step.digest, started_s=_now_s())
            self._world.jobs[name] = job
        return job

    async def _follow(self, step: Migrate, job: Job, emit: Emit) -> tuple[Attempt, ...]:
        for attempt in job.attempts:
            emit(AttemptStarted(step=step.id, number=attempt.number, resumed=True))
            emit(AttemptEnded(step=step.id, attempt=attempt))
        while (delay_s := self._find_delay_s(step, job)) is not None:
            await asyncio.sleep(delay_s)
            attempt = await self._try(step, job, emit)
            self._switch.pass_moment()
            emit(AttemptEnded(step=step.id, attempt=attempt, retry_in_s=self._find_delay_s(step, job)))
        if job.attempts[-1].exit_code != 0:
            raise MigrationFailed(step.id, gather_causes(job.attempts))
        return tuple(job.attempts)

    def _find_delay_s(self, step: Migrate, job: Job) -> float | None:
        """How long to wait before the next attempt; a pod that runs already, or the first one, is not waited for."""
        if job.running or not job.attempts:
            return 0.0
        return find_retry_delay_s(
            step.migration, job.attempts, first_delay_s=self._retry_delay_s, time_left_s=_time_left_s(step, job)
        )

    async def _try(self, step: Migrate, job: Job, emit: Emit) -> Attempt:
        number, resumed = len(job.attempts) + 1, job.running
        if not resumed:
            self._world.begin_attempt(job)
        script, diagnosis = self._world.find_try(step.id, number), Diagnosis()
        started, started_s, exit_code = datetime.now(UTC), _now_s(), None
        emit(AttemptStarted(step=step.id, number=number, resumed=resumed))
        try:
            for line in script.lines:
                diagnosis.take(line)
                emit(LogWritten(source=step.id, line=line))
            async with asyncio.timeout(_time_left_s(step, job)):
                await _wait(script.pause)
            exit_code = script.exit_code
            causes = _explain(script, diagnosis)
        except TimeoutError:
            causes = (tell_timeout(step.migration),)
        attempt = Attempt(
            number=number,
            started=started,
            duration_s=_now_s() - started_s,
            exit_code=exit_code,
            reason=causes[0].message if causes else None,
            causes=causes,
            log_tail=script.lines,
            image_ids=script.image_ids,
            excerpt=diagnosis.excerpt() if causes else (),
        )
        self._world.end_attempt(job, attempt)
        return attempt


class MemoryTarget:
    """One process's hold on a world. Implements `engine.target.Target`."""

    def __init__(
        self,
        world: World,
        *,
        name: str = "memory",
        switch: KillSwitch | None = None,
        retry_delay_s: float = 0.0,
        session: Callable[[World, Plan, KillSwitch, float], MemorySession] | None = None,
    ) -> None:
        """`name` is what others are told who wait for the lock; `session` makes sessions, of a class of one's own."""
        self._world = world
        self._name = name
        self._switch = switch or KillSwitch()
        self._retry_delay_s = retry_delay_s
        self._make_session = session or MemorySession

    @asynccontextmanager
    async def lock(self, emit: Emit, *, wait: bool) -> AsyncIterator[None]:
        """Hold the release; a holder that was killed holds nothing any more."""
        self._switch.pass_moment()
        await self._acquire(emit, wait=wait)
        try:
            yield
        finally:
            if not self._switch.dead:
                self._release()

    async def place(self, rendered: Rendered) -> Rendered:
        """Give the release as it is: nothing here asks what is in a namespace."""
        return rendered

    async def read(self, rendered: Rendered) -> State:  # noqa: ARG002 - a world has one release
        """Read all there is."""
        self._switch.pass_moment()
        revisions = tuple(revision for _, revision in sorted(self._world.revisions.items()))
        return State(revisions=revisions, objects={s: self._show(s, body) for s, body in self._world.objects.items()})

    def open_session(self, rendered: Rendered, state: State, plan: Plan) -> MemorySession:  # noqa: ARG002 - see `read`
        """Make the session of a plan."""
        return self._make_session(self._world, plan, self._switch, self._retry_delay_s)

    async def close(self) -> None:
        """Nothing is open; the world stays."""

    async def _acquire(self, emit: Emit, *, wait: bool) -> None:
        world, told = self._world, False
        while world.holder is not None and not world.holder.switch.dead:
            if not wait:
                raise LockedError("memory", world.holder.name)
            if not told:
                emit(LockAwaited(release="memory", holder=world.holder.name))
            told = True
            freed = asyncio.get_running_loop().create_future()
            world.waiting.append(freed)
            await freed
        world.holder = Holder(self._name, self._switch)

    def _release(self) -> None:
        self._world.holder = None
        for freed in self._world.waiting:
            if not freed.done():
                freed.set_result(None)
        self._world.waiting.clear()

    def _show(self, ref: ObjectRef, body: Json) -> Json:
        """Give an object as a cluster would: with how it ended, if it is a Job of the values."""
        run = self._world.one_offs.get(ref)
        if run is None or run.outcome is None:
            return body
        kind = "Complete" if run.outcome is Outcome.SUCCEEDED else "Failed"
        ended = {"type": kind, "status": "True", "lastTransitionTime": datetime.now(UTC).isoformat()}
        return {**body, "status": {"conditions": [ended]}}


def _explain(script: Try, diagnosis: Diagnosis) -> tuple[Problem, ...]:
    if script.exit_code == 0:
        return ()
    return (*diagnosis.causes(), Problem("process/exit-code", f"it ended with exit code {script.exit_code}"))


def _time_left_s(step: Migrate, job: Job) -> float | None:
    timeout_s = step.migration.timeout_s
    return None if timeout_s is None else job.started_s + timeout_s - _now_s()


def _now_s() -> float:
    return asyncio.get_running_loop().time()


async def _wait(pause: Pause | None) -> None:
    await (asyncio.sleep(0) if pause is None else pause())
