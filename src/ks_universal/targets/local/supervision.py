"""One container, kept running: started, probed, and started again with a growing pause whenever it ends."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

from ks_universal.diagnosis import Diagnosis
from ks_universal.engine.cancellation import run_to_completion
from ks_universal.engine.events import ContainerEnded, Emit, LogWritten, ProbePassed
from ks_universal.targets.local.hosting import ContainerRequest, Place, Running, is_sidecar
from ks_universal.targets.local.live import LiveContainer
from ks_universal.targets.local.probes import Probe, find_probe, run_post_start, run_pre_stop

_log = logging.getLogger(__name__)

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0
_STEADY_S = 10.0
"""A container that was up as long as this starts with the first pause again."""
_SETTLED_S = 0.5
"""A container without a readiness probe is ready when it has been up as long as this."""
_OUTPUT_GRACE_S = 1.0
_LOG_TAIL_LINES = 20


class SupervisedContainer:
    """Runs a container until it is stopped. `ready` and `crashes` tell how it does."""

    def __init__(self, container: ContainerRequest, source: str, place: Place, emit: Emit, grace_s: float) -> None:
        """Take what to run, the name for its lines, and where it runs."""
        self.container = container
        self.source = source
        self.ready = asyncio.Event()
        self.completed = asyncio.Event()
        self.changed = asyncio.Event()
        self.crashes = 0
        self.restarts = 0
        self.last_exit: int | None = None
        self.out_of_memory = False
        self.tail: deque[str] = deque(maxlen=_LOG_TAIL_LINES)
        self.diagnosis = Diagnosis()
        self._place = place
        self._emit = emit
        self._grace_s = grace_s
        self._until_success = False
        self._task: asyncio.Task[None] | None = None
        self._tell: Callable[[], None] = lambda: None

    def read(self) -> LiveContainer:
        """Read how it is."""
        return LiveContainer(
            name=self.container.name,
            is_sidecar=is_sidecar(self.container.spec),
            image=self.container.spec.get("image") or "",
            is_ready=self.ready.is_set(),
            restarts=self.restarts,
            last_exit=self.last_exit,
        )

    def on_change(self, tell: Callable[[], None]) -> None:
        """Have `tell` called whenever what `read` gives has changed."""
        self._tell = tell

    def begin(self, *, until_success: bool = False) -> None:
        """Start it in the background; with `until_success` it is not started again once it has ended with 0."""
        self._until_success = until_success
        self._task = asyncio.create_task(self._supervise(), name=self.source)

    async def stop(self) -> None:
        """Stop it for good: the hook, SIGTERM, the grace period, SIGKILL. Returns when nothing of it is left."""
        if self._task is None:
            return
        self._task.cancel()
        await asyncio.wait([self._task])
        if not self._task.cancelled() and (error := self._task.exception()):
            raise error

    async def _supervise(self) -> None:
        pause_s = FIRST_PAUSE_S
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            self.last_exit = await self._run()
            self.ready.clear()
            if self._until_success and self.last_exit == 0:
                self.completed.set()
                self.changed.set()
                return
            self.crashes += 1
            self.changed.set()
            self._tell()
            pause_s = FIRST_PAUSE_S if loop.time() - began >= _STEADY_S else pause_s
            self._emit(ContainerEnded(source=self.source, exit_code=self.last_exit, restart_in_s=pause_s))
            await asyncio.sleep(pause_s)
            self.restarts += 1
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

    async def _run(self) -> int:
        """Run it once, to its end or until a probe gives it up; on cancellation it is stopped."""
        self.diagnosis = Diagnosis()
        process = await self._place.start(self.container)
        _log.info("%s is started as %s", self.source, process.label)
        pump = asyncio.create_task(self._pump(process))
        probes = asyncio.create_task(_forever() if self._until_success else self._probe(process))
        end = asyncio.create_task(process.wait())
        try:
            await asyncio.wait([end, probes], return_when=asyncio.FIRST_COMPLETED)
            probes.cancel()
            # Also what it has left behind, which may hold its output open.
            await run_to_completion(self._end(process))
            status = await end
            self.out_of_memory = process.out_of_memory
            await asyncio.wait([pump], timeout=_OUTPUT_GRACE_S)
            if process.note:
                self.tail.append(f"({process.note})")
            return status
        finally:
            probes.cancel()
            await run_to_completion(self._clear(process, pump))

    async def _clear(self, process: Running, pump: asyncio.Task[None]) -> None:
        """Leave nothing of it."""
        await self._end(process)
        await asyncio.wait([pump], timeout=_OUTPUT_GRACE_S)
        pump.cancel()
        await process.close()

    async def _end(self, process: Running) -> None:
        if process.is_running:
            await run_pre_stop(self._place, self.container, self._grace_s, self._place)
        await process.stop(self._grace_s if process.is_running else 0)

    async def _pump(self, process: Running) -> None:
        async for line in process.lines():
            self.tail.append(line)
            self.diagnosis.take(line)
            self._emit(LogWritten(source=self.source, line=line))

    async def _probe(self, process: Running) -> None:
        """Return when the container is to be ended: its hook failed, it did not start up in time, or is not alive."""
        if not await run_post_start(self._place, self.container):
            self.tail.append("(the postStart hook failed)")
            return
        startup, readiness = self._find_probe("startupProbe"), self._find_probe("readinessProbe")
        try:
            async with asyncio.timeout(startup.grace_s if startup else None):
                if startup:
                    await startup.await_success()
        except TimeoutError:
            self.tail.append("(the startup probe did not succeed in time)")
            return
        liveness = asyncio.create_task(self._await_death())
        try:
            while True:
                await _first(readiness.await_success() if readiness else asyncio.sleep(_SETTLED_S), liveness)
                if liveness.done() or not (readiness or await process.is_alive()):
                    return
                self._become_ready()
                await _first(readiness.await_failure() if readiness else _forever(), liveness)
                self.ready.clear()
                self._tell()
        finally:
            liveness.cancel()

    def _find_probe(self, kind: str) -> Probe | None:
        return find_probe(self.container, kind, self._place)

    def _become_ready(self) -> None:
        self.ready.set()
        self.changed.set()
        self._tell()
        self._emit(ProbePassed(source=self.source))

    async def _await_death(self) -> None:
        liveness = self._find_probe("livenessProbe")
        if liveness is None:
            await _forever()
        else:
            await liveness.await_failure()
            self.tail.append("(the liveness probe failed)")


async def _forever() -> None:
    await asyncio.Event().wait()


async def _first(work: Coroutine[Any, Any, None], other: asyncio.Task[None]) -> None:
    """Do the work until it is done or `other` is."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait([task, other], return_when=asyncio.FIRST_COMPLETED)
    finally:
        task.cancel()
