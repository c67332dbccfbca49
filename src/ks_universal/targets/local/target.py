"""The target that runs a release on this machine."""

import contextlib
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from ks_universal.diagnostics import Problem, has_errors
from ks_universal.engine.cancellation import run_to_completion
from ks_universal.engine.events import Emit
from ks_universal.engine.target import Session
from ks_universal.errors import InputError, StoppedError
from ks_universal.model.format.local import Local, LocalPostgres
from ks_universal.plan.records import State
from ks_universal.plan.steps import Plan
from ks_universal.resources.objects import Rendered
from ks_universal.targets.local.hosting import Host
from ks_universal.targets.local.jobs_on_request import JobEnd, JobOnRequest
from ks_universal.targets.local.live import forget_live
from ks_universal.targets.local.lock import FileLock
from ks_universal.targets.local.log_file import begin_log, keep_lines
from ks_universal.targets.local.process_host import ProcessHost
from ks_universal.targets.local.runtime import Runtime
from ks_universal.targets.local.session import LocalSession
from ks_universal.targets.local.sources import find_sources
from ks_universal.targets.local.state import StateFolder, make_private


class LocalTarget:
    """Runs one release here. What it starts lives until `close`, or the next version, or `delete`.

    Implements `engine.target.Target`.
    """

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
        self._state = StateFolder(state)
        self._lock = FileLock(self._state.path / "lock", release)
        self._directory = directory
        self._serves = False
        self._host = self._make_host(self._state, directory)
        self._retry_delay_s = retry_delay_s
        self._runtime = Runtime(self._state, self._host, retry_delay_s=retry_delay_s, fresh=fresh)

    def _make_host(self, state: StateFolder, directory: Path) -> Host:
        """Make what runs the containers of pods."""
        return ProcessHost(state, self._local.postgres, directory)

    @property
    def postgres(self) -> LocalPostgres | None:
        """The embedded PostgreSQL as it was asked for at first: it runs on so until the target is closed."""
        return self._local.postgres

    def configure(self, local: Local) -> None:
        """Take a changed `local` section for the versions to come; PostgreSQL stays as it was started."""
        self._local = msgspec.structs.replace(local, postgres=self._local.postgres)

    def find_warnings(self, local: Local) -> tuple[Problem, ...]:  # noqa: ARG002 - see ContainerTarget
        """Find what this target does otherwise than the section may mean it."""
        return ()

    def list_sources(self, local: Local) -> tuple[Path, ...]:
        """List the files and folders that images are made of."""
        return tuple(
            dict.fromkeys(path for each in local.images.values() for path in find_sources(each, self._directory))
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @contextlib.asynccontextmanager
    async def lock(self, emit: Emit, *, wait: bool) -> AsyncIterator[None]:
        """Hold the release; where this target serves it, it does anyway, and goes on after the block."""
        was_held = self._lock.held
        if not was_held:
            await self._acquire(emit, wait=wait)
        try:
            yield
        finally:
            if not (was_held or self._serves):
                self._lock.release()

    async def serve(self, emit: Emit, *, wait: bool) -> None:
        """Hold the release until `close`: what a run brings up runs on after it. Waits and raises as `lock` does.

        Fine to repeat.
        """
        if not self._lock.held:
            await self._acquire(emit, wait=wait)
        self._serves = True

    def keep_lines(self, emit: Emit) -> Emit:
        """Give what passes events on, and keeps the lines of containers among them for `logs`."""
        return keep_lines(self._state, emit)

    async def _acquire(self, emit: Emit, *, wait: bool) -> None:
        make_private(self._state.path)
        self._state.refuse_links()
        last_stop = self._state.last_stop()
        await self._lock.acquire(emit, wait=wait)
        try:
            if self._state.last_stop() != last_stop:
                raise StoppedError(self.release)
            self._lock.write_holder()
            begin_log(self._state)
            forget_live(self._state)
            await run_to_completion(self._host.clear())
        except BaseException:
            self._lock.release()
            raise

    async def prepare(self, rendered: Rendered, emit: Emit) -> Rendered:
        """Get what the release runs with (images), while it is held: before a run, for nothing of it is changed yet.

        Gives the release to run. Raises TargetError and InputError.
        """
        return await self._host.prepare(rendered, self._local, emit)

    async def place(self, rendered: Rendered) -> Rendered:
        """Give the release as it is: nothing here asks what is in a namespace."""
        return rendered

    async def read(self, rendered: Rendered) -> State:  # noqa: ARG002 - whatever it owns is its own here
        """Read the record and the live objects. A workload is live while this program runs it."""
        secrets = self._host.secrets()
        if self._runtime.is_to_forget:
            return State(secrets=secrets)
        revisions, problems = self._state.read_revisions()
        if has_errors(problems):
            raise InputError(problems)
        objects = self._runtime.read_objects()
        return State(revisions=revisions, objects=objects, problems=problems, secrets=secrets)

    async def run_job(self, name: str, emit: Emit) -> JobEnd:
        """Run a Job or CronJob of the release that is up, whichever program runs it. Raises InputError."""
        job = JobOnRequest(self._state, self._host, name, self.namespace)
        build = partial(self._host.build, local=self._local)
        return await job.run(build, self.keep_lines(emit), retry_delay_s=self._retry_delay_s)

    def open_session(self, rendered: Rendered, state: State, plan: Plan) -> Session:  # noqa: ARG002 - see `read`
        """Make the session of a plan, for values with the `local` section that was taken last."""
        return LocalSession(self._runtime, self._local, plan)

    async def close(self) -> None:
        """Stop Jobs and applications, the last one first, then what else runs; give the lock back. Fine to repeat."""
        await run_to_completion(self._close())

    async def _close(self) -> None:
        await self._runtime.stop()
        self._serves = False
        self._lock.release()
