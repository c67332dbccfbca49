"""A running pod: init containers in their order, then the containers, all supervised until it is stopped."""

import asyncio
from collections.abc import Callable, Sequence

from ks_universal.diagnostics import Problem
from ks_universal.engine.events import Emit, Waited
from ks_universal.targets.local.exit_codes import explain_exit
from ks_universal.targets.local.hosting import ContainerRequest, PodFailed, PodRequest, is_sidecar
from ks_universal.targets.local.live import LiveContainer
from ks_universal.targets.local.supervision import SupervisedContainer

CRASHES_THAT_TELL = 3


class Pod:
    """The containers of one pod of an application."""

    def __init__(self, request: PodRequest, name: str, emit: Emit, tell: Callable[[], None]) -> None:
        """Take what to run, the application's name for its lines, and what is called when `read` gives other things."""
        self.request = request
        self._tell = tell
        self._name = name
        self._place = request.host.place()
        self._emit = emit
        self._running: list[SupervisedContainer] = []
        self._is_up = False

    async def bring_up(self, step: str, deadline_s: float) -> None:
        """Start everything and return when all containers are ready.

        Raises PodFailed when one keeps crashing, or not all are ready after `deadline_s` seconds. What was started
        runs on then; `stop` ends it.
        """
        try:
            await self._place.open(lambda what: self._emit(Waited(step=step, waits_for=what)))
            async with asyncio.timeout(deadline_s):
                for container in self.request.init:
                    await self._run_init(container, step)
                started = [self._begin(container) for container in self.request.containers]
                await self._await_ready(started, step)
                self._is_up = True
                self._tell()
        except TimeoutError:
            raise PodFailed(self._explain_waiting(deadline_s)) from None

    @property
    def is_ready(self) -> bool:
        """Tell whether all that it is to run is ready."""
        return self._is_up and all(container.ready.is_set() for container in self._running)

    def read(self) -> tuple[LiveContainer, ...]:
        """Read how the containers are that are kept running."""
        return tuple(container.read() for container in self._running)

    def list_addresses(self) -> dict[str, str]:
        """Give what one types to reach its Services from this machine, by `SERVICE:PORT`."""
        found = self._place.list_addresses().items()
        return {f"{served.service}:{served.port}": served.name_url(address) for served, address in found}

    async def stop(self) -> None:
        """Stop all containers together, then the sidecars, the last one first; returns when none is left."""
        main = {container.name for container in self.request.containers}
        together = [each for each in self._running if each.container.name in main]
        await asyncio.gather(*(each.stop() for each in together))
        for each in reversed([each for each in self._running if each not in together]):
            await each.stop()
        self._running.clear()
        await self._place.close()

    def _begin(self, container: ContainerRequest, *, until_success: bool = False) -> SupervisedContainer:
        alone = len(self.request.containers) == 1 and container is self.request.containers[0]
        source = self._name if alone else f"{self._name}/{container.name}"
        supervised = SupervisedContainer(container, source, self._place, self._emit, self.request.grace_s)
        supervised.on_change(self._tell)
        self._running.append(supervised)
        supervised.begin(until_success=until_success)
        return supervised

    async def _run_init(self, container: ContainerRequest, step: str) -> None:
        if is_sidecar(container.spec):
            await self._await_ready([self._begin(container)], step)
            return
        supervised = self._begin(container, until_success=True)
        waits = asyncio.create_task(self._tell_of_waiting(supervised, step))
        try:
            await _await(supervised, supervised.completed)
        finally:
            waits.cancel()
        self._running.remove(supervised)

    async def _await_ready(self, containers: list[SupervisedContainer], step: str) -> None:
        sources = ", ".join(container.source for container in containers)
        self._emit(Waited(step=step, waits_for=f"{sources} to become ready"))
        waits = [asyncio.create_task(_await(container, container.ready)) for container in containers]
        try:
            await asyncio.gather(*waits)
        finally:
            for wait in waits:
                wait.cancel()

    async def _tell_of_waiting(self, init: SupervisedContainer, step: str) -> None:
        said = None
        while True:
            await asyncio.sleep(1)
            reason = f"init container {init.container.name}" + (f": {init.tail[-1]}" if init.tail else "")
            if reason != said:
                self._emit(Waited(step=step, waits_for=reason))
                said = reason

    def _explain_waiting(self, deadline_s: float) -> tuple[Problem, ...]:
        waiting = [each for each in self._running if not each.ready.is_set()]
        return tuple(
            Problem(
                "rollout/timeout",
                f"{each.source} was not ready within {deadline_s:g} s" + _quote(each.tail),
                hint="see its probes and its log; 'progressDeadlineSeconds' says how long to wait",
            )
            for each in waiting
        )


async def _await(container: SupervisedContainer, event: asyncio.Event) -> None:
    """Wait for the event; raises PodFailed once the container has crashed too often."""
    while not event.is_set():
        container.changed.clear()
        if container.crashes >= CRASHES_THAT_TELL:
            raise PodFailed(_explain_crashes(container))
        await container.changed.wait()


def _explain_crashes(container: SupervisedContainer) -> tuple[Problem, ...]:
    exit_cause = explain_exit(container.last_exit, container.source, out_of_memory=container.out_of_memory)
    crash = Problem(
        exit_cause.code,
        f"{exit_cause.message}, {container.crashes} times in a row" + _quote(container.tail),
        hint=exit_cause.hint,
    )
    return (*container.diagnosis.causes(), crash)


def _quote(tail: Sequence[str]) -> str:
    return f"; it last said: {tail[-1]}" if tail else ""
