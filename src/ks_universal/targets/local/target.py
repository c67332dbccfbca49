"""The target that runs a release as processes of this machine."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from ks_universal.diagnostics import Problem, has_errors
from ks_universal.digests import digest_json
from ks_universal.engine.cancellation import run_to_completion
from ks_universal.engine.events import Emit, ObjectChanged
from ks_universal.engine.target import NO_IDS, MigrationFailed, Preflight, RolloutFailed
from ks_universal.errors import InputError, StoppedError
from ks_universal.json_types import Json
from ks_universal.model.format.local import Local, LocalPostgres
from ks_universal.plan.changes import Change, compare_plan, name_change
from ks_universal.plan.one_off_jobs import find_job_digest
from ks_universal.plan.records import Attempt, JobRecord, JobState, Revision, State
from ks_universal.plan.steps import Apply, AwaitOldPods, Delete, Migrate, Plan, RollOut, RunJob
from ks_universal.resources.keeping import find_keeper
from ks_universal.resources.objects import ObjectRef, Rendered, object_ref
from ks_universal.targets.local.attempts import job_folders, open_run, settle_recorded, stop_attempts
from ks_universal.targets.local.check import build_job, build_step, find_problems
from ks_universal.targets.local.containers import Machine
from ks_universal.targets.local.jobs import JobRun
from ks_universal.targets.local.lock import FileLock
from ks_universal.targets.local.one_off_jobs import OneOffJobs
from ks_universal.targets.local.postgres.server import PostgresServer
from ks_universal.targets.local.processes.leftovers import stop_leftovers
from ks_universal.targets.local.rollout import Applications, Version
from ks_universal.targets.local.state import StateFolder, make_private


class LocalTarget:
    """Runs one release here. What it starts lives until `close`, or the next version, or `delete`."""

    def __init__(  # noqa: PLR0913 - all but three have a default or are places
        self,
        release: str,
        namespace: str,
        local: Local,
        *,
        directory: Path,
        state: Path,
        retry_delay_s: float = 1.0,
        fresh: bool = False,
    ) -> None:
        """Take the release and its `local` section.

        `directory` is where relative paths of `local.images` start, `state` the release's folder
        (`.ks-universal/<release>`). With `fresh` the release begins anew: its record is forgotten, and the data of the
        embedded PostgreSQL wiped, before the first change.
        """
        self.release = release
        self.namespace = namespace
        self._local = local
        self._directory = directory
        self._state = StateFolder(state)
        self._retry_delay_s = retry_delay_s
        self._fresh = fresh
        self._lock = FileLock(self._state.path / "lock", release)
        self._applications = Applications(self._state.path / "processes")
        self._jobs = OneOffJobs(self._state, retry_delay_s=retry_delay_s)
        self._postgres = PostgresServer(local.postgres, self._state.path / "postgres") if local.postgres else None
        self._beginning = asyncio.Lock()
        self._begun = False
        self._planned: set[str] | None = None
        self._unreadable: tuple[Problem, ...] = ()

    @property
    def postgres(self) -> LocalPostgres | None:
        """The embedded PostgreSQL as it was asked for at first: it runs on so until the target is closed."""
        return self._local.postgres

    def configure(self, local: Local) -> None:
        """Take a changed `local` section for the versions to come; PostgreSQL stays as it was started."""
        self._local = msgspec.structs.replace(local, postgres=self._local.postgres)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @contextlib.asynccontextmanager
    async def lock(self, emit: Emit, *, wait: bool) -> AsyncIterator[None]:
        """Hold the release. It stays held after the block, until `close`: the applications run on."""
        make_private(self._state.path)
        if not self._lock.held:
            self._state.refuse_links()
            last_stop = self._state.last_stop()
            await self._lock.acquire(emit, wait=wait)
            if self._state.last_stop() != last_stop:
                self._lock.release()
                raise StoppedError(self.release)
            await run_to_completion(stop_leftovers(self._state.folder("processes")))
        yield

    async def read(self, rendered: Rendered) -> State:  # noqa: ARG002 - whatever it owns is its own here
        """Read the record and the live objects. A Deployment is live while this program runs it."""
        secrets = (self._postgres.as_secret(),) if self._postgres else ()
        if self._fresh and not self._begun:
            return State(secrets=secrets)
        revisions, self._unreadable = self._state.read_revisions()
        if has_errors(self._unreadable):
            raise InputError(self._unreadable)
        return State(revisions=revisions, objects=self._live_objects(), secrets=secrets)

    async def check(self, plan: Plan) -> Preflight:
        """Find what a process of this machine cannot be given: mounts, keys, commands, ports, the wanted PostgreSQL."""
        live = self._live_objects()
        applied = [step.body for step in plan.steps if isinstance(step, Apply)]
        self._planned = {step.digest for step in plan.steps if isinstance(step, Migrate)}
        self._planned |= {digest for body in applied if (digest := find_job_digest(body)) is not None}
        problems = find_problems(plan, live, self._machine(), self._applications.ports())
        return Preflight(compare_plan(plan, live), tuple(dict.fromkeys((*self._unreadable, *problems))))

    async def apply(self, step: Apply, emit: Emit) -> None:
        """Remember the object; a Job runs. Services, accounts, policies and claims have no effect on processes."""
        await self._begin()
        if find_job_digest(step.body) is not None:
            pod, problems = build_job(step, self._live_objects(), self.namespace, self._machine())
            await self._jobs.apply(step, None if problems else pod, emit)
            return
        ref = object_ref(step.body)
        before = self._state.read_object(ref)
        if before != step.body:
            self._state.write_object(step.body)
        emit(ObjectChanged(step=step.id, identity=ref, change=name_change(before, same=before == step.body)))

    async def await_job(self, step: RunJob, record: JobRecord, emit: Emit) -> JobState:  # noqa: ARG002 - `apply` has one
        """Wait for the Job's end; who is cancelled leaves it running, until `close`."""
        await self._jobs.wait(object_ref(step.body))
        (state,) = self._jobs.read({object_ref(step.body): record})
        return state

    async def read_jobs(self, jobs: Mapping[ObjectRef, JobRecord]) -> tuple[JobState, ...]:
        """Read how Jobs of the values are."""
        return self._jobs.read(jobs)

    async def delete(self, step: Delete, emit: Emit) -> Change | None:
        """Forget the object, unless it asks to be kept; the processes of a Deployment or Job are gone on return."""
        await self._begin()
        live = self._live_objects().get(step.identity)
        if live is None:
            return None
        removal = Change.KEPT if find_keeper(live) else Change.DELETED
        if removal is Change.DELETED:
            await self._applications.remove(step.identity)
            await self._jobs.stop(step.identity)
            self._state.forget_object(step.identity)
        emit(ObjectChanged(step=step.id, identity=step.identity, change=removal))
        return removal

    async def migrate(self, step: Migrate, emit: Emit) -> tuple[Attempt, ...]:
        """Run the Job's containers, init containers first, with retries; see JobRun."""
        await self._begin()
        pod, problems = build_step(step, self._live_objects(), self.namespace, self._machine())
        if has_errors(problems):
            raise MigrationFailed(step.id, problems)
        name = step.migration.body["metadata"]["name"]
        folder, run = await open_run(self._state, name, step=step.id, digest=step.digest)
        try:
            return await JobRun(step, pod, folder, run, emit).migrate(retry_delay_s=self._retry_delay_s)
        except asyncio.CancelledError:
            folder.settle()  # all of it is stopped: the next run begins anew
            raise

    async def roll_out(
        self,
        step: RollOut,
        emit: Emit,
        image_ids: Mapping[str, str] = NO_IDS,  # noqa: ARG002 - processes have none
    ) -> None:
        """Replace the running version of the application; see Applications."""
        await self._begin()
        machine = self._machine()
        pod, problems = build_step(step, self._live_objects(), self.namespace, machine)
        if has_errors(problems):
            raise RolloutFailed(step.id, problems)
        runs = [step.body["spec"]["template"], machine.local, machine.facts]
        await self._applications.roll_out(step, Version(step.body, pod, digest_json(runs, 64)), emit)

    async def await_old_pods(self, step: AwaitOldPods, emit: Emit) -> None:
        """Nothing is left to wait for: `roll_out` starts a version when the one before is gone."""

    def count_old_pods(self, step: RollOut) -> int:  # noqa: ARG002 - see await_old_pods
        """None is left when a new version starts."""
        return 0

    async def save(self, revision: Revision) -> None:
        """Keep the record. The attempts of a step whose outcome it has are not taken up again."""
        await self._begin()
        self._state.write_revision(revision)
        ended = [step for step in revision.steps if step.has_ended]
        settle_recorded(self._state, {step.id: step.digest for step in ended})

    async def close(self) -> None:
        """Stop Jobs and applications, the last one first, then PostgreSQL; give the lock back. Fine to repeat."""
        await run_to_completion(self._close())

    async def _close(self) -> None:
        await self._jobs.stop_all()
        await self._applications.stop()
        if self._postgres and self._begun:
            await self._postgres.stop()
        self._begun = False
        self._lock.release()

    async def _begin(self) -> None:
        """Before the first change: stop what a killed run left of other values, start PostgreSQL. Once."""
        async with self._beginning:
            if self._begun:
                return
            await self._stop_outdated()
            if self._fresh:
                self._forget()
            self._begun = True
            if self._postgres:
                await self._postgres.start(fresh=self._fresh)

    def _forget(self) -> None:
        """Forget the record: before the data, so that a kill in between leaves no record of what is gone."""
        for name in ("revisions", "attempts", "objects"):
            self._state.remove(name)

    async def _stop_outdated(self) -> None:
        """Stop running migrations that are not in the plan that was checked."""
        for folder in job_folders(self._state):
            run = folder.read()
            if run is None or self._fresh or (self._planned is not None and run.digest not in self._planned):
                await stop_attempts(folder)

    def _machine(self) -> Machine:
        facts = self._postgres.facts() if self._postgres else {}
        return Machine(self._local, self._directory.absolute(), facts)

    def _live_objects(self) -> dict[ObjectRef, Json]:
        return self._state.read_objects() | self._applications.bodies()
