"""Which Release is worked on next: each by one worker at a time, so many side by side, and none before it is due."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import NamedTuple, Protocol

from ks_universal.controller.decisions import Action, Memory, decide, find_due_s, is_suspended
from ks_universal.controller.releases import Key, OnChange, key_of
from ks_universal.errors import KsUniversalError
from ks_universal.json_types import Json
from ks_universal.targets.kubernetes.api.clock import now_s

_log = logging.getLogger(__name__)

_SPREAD_S = 60.0
"""Over how long the first checks are spread after the controller has begun."""


class Work(Protocol):
    """Does what is to be done about a Release."""

    def __call__(self, action: Action, body: Json, memory: Memory, /) -> Awaitable[None]:
        """Do it; KsUniversalError where it has to be tried again."""


class _Worker(NamedTuple):
    task: "asyncio.Task[None]"
    action: Action
    generation: int


class ReleaseQueue:
    """`find` gives the newest copy of a Release, None where it is gone."""

    def __init__(
        self, find: Callable[[Key], Json | None], work: Work, *, concurrency: int, tell: Callable[[str], None]
    ) -> None:
        self._find = find
        self._work = work
        self._concurrency = concurrency
        self._tell = tell
        self._due: dict[Key, float] = {}
        self._memories: dict[Key, Memory] = {}
        self._workers: dict[Key, _Worker] = {}
        self._news = asyncio.Event()

    def notify(self, body: Json) -> None:
        """Take a Release that came, changed or went; stop its run where its spec wants that."""
        key = key_of(body)
        self._due[key] = now_s()
        worker, live = self._workers.get(key), self._find(key)
        if worker is not None and live is not None and worker.action is Action.DEPLOY and _is_to_stop(worker, live):
            _log.info("%s: its run is stopped: the spec has changed", key)
            worker.task.cancel()
            self._workers[key] = worker._replace(action=Action.NOTHING)  # stopped once is enough
        self._news.set()

    async def run(self, before_end: Callable[[], None]) -> None:
        """Work for good; to be cancelled. `before_end` is called first then, before the workers are cancelled."""
        try:
            while True:
                self._news.clear()
                self._start_due()
                next_at = self._find_next()
                with suppress(TimeoutError):
                    async with asyncio.timeout(None if next_at is None else max(0.0, next_at - now_s())):
                        await self._news.wait()
        finally:
            before_end()
            tasks = [worker.task for worker in self._workers.values()]
            for task in tasks:
                task.cancel()
            if tasks:
                await asyncio.wait(tasks)

    def _start_due(self) -> None:
        now = now_s()
        for key in sorted((key for key, at in self._due.items() if at <= now), key=self._due.__getitem__):
            if key in self._workers:
                continue
            if len(self._workers) >= self._concurrency:
                return
            self._start(key, now)

    def _start(self, key: Key, now: float) -> None:
        """Begin what is to be done about a Release; or note when to look again."""
        del self._due[key]
        body = self._find(key)
        if body is None:
            self._memories.pop(key, None)
            return
        memory = self._remember(key, body["metadata"]["uid"], now)
        action = decide(body, memory, now)
        if action is Action.NOTHING:
            at = find_due_s(body, memory)
            if at is not None and at != float("inf"):
                self._due[key] = at
            return
        memory.generation = body["metadata"].get("generation", 1)
        task = asyncio.ensure_future(self._work(action, body, memory))
        self._workers[key] = _Worker(task, action, memory.generation)
        task.add_done_callback(lambda done: self._end(key, memory, done))

    def _end(self, key: Key, memory: Memory, task: "asyncio.Task[None]") -> None:
        del self._workers[key]
        error = None if task.cancelled() else task.exception()
        if isinstance(error, KsUniversalError):
            memory.fail(now_s())
            self._tell(f"{key}: {error}")
        elif error is not None:
            memory.fail(now_s())
            _log.error("%s: an error that nobody has foreseen", key, exc_info=error)
            self._tell(f"{key}: an error that nobody has foreseen: {type(error).__name__}; it is tried again")
        self._due[key] = now_s()
        self._news.set()

    def _remember(self, key: Key, uid: str, now: float) -> Memory:
        memory = self._memories.get(key)
        if memory is None or memory.uid != uid:
            first = now + _SPREAD_S * random.random()  # noqa: S311 - spreads checks, guards no secret
            memory = self._memories[key] = Memory(uid, check_at=first)
        return memory

    def _find_next(self) -> float | None:
        """Say when the next one is due for which there is a place; None: not before something happens."""
        if len(self._workers) >= self._concurrency:
            return None
        return min((at for key, at in self._due.items() if key not in self._workers), default=None)


def _is_to_stop(worker: _Worker, body: Json) -> bool:
    is_other = body["metadata"].get("generation", 1) != worker.generation or "deletionTimestamp" in body["metadata"]
    return is_other and (body.get("spec") or {}).get("onChange") == OnChange.STOP and not is_suspended(body)
