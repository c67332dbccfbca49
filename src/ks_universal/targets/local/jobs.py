"""Migrations: a Job's attempts on this machine, one after the other, taken up after a kill."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial

import msgspec

from ks_universal.diagnosis import Diagnosis
from ks_universal.diagnostics import Problem
from ks_universal.engine.cancellation import run_to_completion
from ks_universal.engine.events import AttemptEnded, AttemptStarted, Emit, LogWritten, Waited
from ks_universal.engine.retries import TIMEOUT, find_retry_delay_s, find_stop, gather_causes, tell_timeout
from ks_universal.engine.target import MigrationFailed
from ks_universal.plan.records import Attempt
from ks_universal.plan.steps import Migrate
from ks_universal.resources.objects import Migration
from ks_universal.targets.local.attempts import JobFolder, Run
from ks_universal.targets.local.exit_codes import explain_exit
from ks_universal.targets.local.hosting import (
    AttemptPlace,
    ContainerRequest,
    Durable,
    Ending,
    PodFailed,
    PodRequest,
    is_sidecar,
)
from ks_universal.targets.local.probes import run_pre_stop

_Begin = Callable[[ContainerRequest], Awaitable[None]]
LOG_TAIL_LINES = 50
_QUIET_S = 1.0


class JobRun:
    """Runs the attempts of one Job; everything that it starts has ended when its methods return or are cancelled."""

    def __init__(self, step: Migrate, pod: PodRequest, folder: JobFolder, run: Run, emit: Emit) -> None:
        """Take what to run, and the folder in which its attempts are or will be."""
        self._step = step
        self._pod = pod
        self._folder = folder
        self._run = run
        self._emit = emit

    async def migrate(self, *, retry_delay_s: float) -> tuple[Attempt, ...]:
        """Try until one attempt succeeds. Raises MigrationFailed after the last."""
        attempts: list[Attempt] = []
        while not attempts or attempts[-1].exit_code != 0:
            number = len(attempts) + 1
            attempt = await self._try(number)
            attempts.append(_explain_stop(self._step.migration, attempt))
            retry = partial(find_retry_delay_s, self._step.migration, attempts, first_delay_s=retry_delay_s)
            delay_s = retry(time_left_s=self._time_left())
            self._emit(AttemptEnded(step=self._step.id, attempt=attempts[-1], retry_in_s=delay_s))
            if delay_s is not None:
                await self._pause(attempts, delay_s)
            elif attempt.exit_code != 0:
                raise self._give_up(attempts, out_of_time=retry() is not None)
        return tuple(attempts)

    def _give_up(self, attempts: list[Attempt], *, out_of_time: bool) -> MigrationFailed:
        causes = gather_causes(attempts)
        if out_of_time and all(cause.code != TIMEOUT for cause in causes):
            causes = (*causes, self._timed_out())
        return MigrationFailed(self._step.id, causes)

    async def _pause(self, attempts: list[Attempt], delay_s: float) -> None:
        """Wait for the next attempt."""
        begun = self._folder.attempts()
        if not begun or begun[-1] == len(attempts):  # a later attempt that was found has had its pause
            await asyncio.sleep(delay_s)

    async def _try(self, number: int) -> Attempt:
        """Run, or take up, one attempt within the time that is left to all."""
        known = number in self._folder.attempts()
        self._emit(AttemptStarted(step=self._step.id, number=number, resumed=known))
        watch = _Watch(self._step.id, self._emit)
        started = datetime.now(UTC)
        place = self._pod.host.attempt(self._folder.attempt(number))
        try:
            async with asyncio.timeout(self._time_left()):
                await place.open(lambda what: self._emit(Waited(step=self._step.id, waits_for=what)))
                return await self._run_containers(number, place, watch)
        except PodFailed as failure:
            raise MigrationFailed(self._step.id, failure.causes) from None
        except TimeoutError:
            duration_s = (datetime.now(UTC) - started).total_seconds()
            timed_out = self._timed_out(watch)
            causes = (*watch.diagnosis.causes(stopped=True), timed_out)
            ended = self._ended(number, Ending(None, started, duration_s), watch, causes)
            return msgspec.structs.replace(ended, reason=timed_out.message)
        finally:
            await run_to_completion(place.close())

    async def _run_containers(self, number: int, place: AttemptPlace, watch: "_Watch") -> Attempt:
        async with self._sidecars(place, watch) as begin_sidecar:
            for container in self._pod.init:
                if is_sidecar(container.spec):
                    await begin_sidecar(container)
                    continue
                ending = await self._follow(place, container, watch, init=True)
                if ending.status != 0:
                    cause = _explain(ending, f"init container {container.name}")
                    return self._ended(number, ending, watch, (*watch.diagnosis.causes(), cause))
            ending = await self._follow(place, self._pod.containers[0], watch)
            if ending.status == 0:
                return self._ended(number, ending, watch, ())
            cause = _explain(ending, "the migration")
            return self._ended(number, ending, watch, (*watch.diagnosis.causes(), cause))

    async def _follow(
        self, place: AttemptPlace, container: ContainerRequest, watch: "_Watch", *, init: bool = False
    ) -> Ending:
        """Run a container to its end; on cancellation it is really stopped."""
        durable = await place.take(container)
        waiting = asyncio.create_task(watch.tell_of_waiting(container.name)) if init else None
        watch.begin(container.name if init else None)
        try:
            return await durable.follow(watch.take)
        except asyncio.CancelledError:
            time_left_s = self._time_left()
            # The run is given up: the next one begins anew, even if we are killed now.
            if time_left_s is None or time_left_s > 0:
                self._folder.settle()
            await run_to_completion(self._stop(place, container, durable))
            raise
        finally:
            if waiting:
                waiting.cancel()

    async def _stop(self, place: AttemptPlace, container: ContainerRequest, durable: Durable) -> None:
        if not durable.has_ended:
            await run_pre_stop(place, container, self._pod.grace_s)
        await durable.stop(self._pod.grace_s)

    @asynccontextmanager
    async def _sidecars(self, place: AttemptPlace, watch: "_Watch") -> AsyncIterator[_Begin]:
        """Give a way to start sidecars; they are stopped, the last one first, when the block is left."""
        running: list[tuple[Durable, asyncio.Task[Ending]]] = []

        async def begin(container: ContainerRequest) -> None:
            durable = await place.take(container)
            write = partial(watch.write, f"{self._step.id}/{container.name}")
            running.append((durable, asyncio.create_task(durable.follow(write))))

        try:
            yield begin
        finally:
            for durable, task in reversed(running):
                await run_to_completion(durable.stop(self._pod.grace_s))
                await asyncio.wait([task])

    def _ended(self, number: int, ending: Ending, watch: "_Watch", causes: tuple[Problem, ...]) -> Attempt:
        reason = causes[0].message if causes else None
        return Attempt(
            number=number, started=ending.started, duration_s=round(ending.duration_s, 3), exit_code=ending.status,
            reason=reason, causes=tuple(dict.fromkeys(causes)), log_tail=watch.tail,
            excerpt=watch.diagnosis.excerpt(stopped=ending.status is None) if causes else (),
        )  # fmt: skip

    def _time_left(self) -> float | None:
        timeout_s = self._step.migration.timeout_s
        return None if timeout_s is None else self._run.started + timeout_s - time.time()

    def _timed_out(self, watch: "_Watch | None" = None) -> Problem:
        last = f", last saying: {watch.last}" if watch and watch.last else ""
        waiting = f": init container {watch.init} did not finish{last}" if watch and watch.init else ""
        return tell_timeout(self._step.migration, waiting)


def _explain(ending: Ending, ref: str) -> Problem:
    return explain_exit(ending.status, ref, out_of_memory=ending.out_of_memory)


def _explain_stop(migration: Migration, attempt: Attempt) -> Attempt:
    """Say of an attempt that it ends all of them, if it does."""
    stop = find_stop(migration, attempt)
    return attempt if stop is None else msgspec.structs.replace(attempt, reason=stop)


class _Watch:
    """Takes an attempt's lines: writes them, keeps the last ones, and tells what an init container waits for."""

    def __init__(self, step: str, emit: Emit) -> None:
        self._step = step
        self._emit = emit
        self._lines: deque[str] = deque(maxlen=LOG_TAIL_LINES)
        self.diagnosis = Diagnosis()
        self.init: str | None = None
        self.last = ""

    @property
    def tail(self) -> tuple[str, ...]:
        return tuple(self._lines)

    def begin(self, init: str | None) -> None:
        """A container begins; `init` is its name if it is an init container."""
        self.init = init
        self.last = ""
        self.diagnosis = Diagnosis()

    def take(self, line: str) -> None:
        self._lines.append(line)
        self.diagnosis.take(line)
        self.last = line or self.last
        self.write(f"{self._step}/{self.init}" if self.init else self._step, line)

    def write(self, source: str, line: str) -> None:
        self._emit(LogWritten(source=source, line=line, step=None if source == self._step else self._step))

    async def tell_of_waiting(self, name: str) -> None:
        """Say what an init container waits for once it has taken a second, and again whenever its words change."""
        said = None
        while True:
            await asyncio.sleep(_QUIET_S)
            reason = f"init container {name}" + (f": {self.last}" if self.last else "")
            if reason != said:
                self._emit(Waited(step=self._step, waits_for=reason))
                said = reason
