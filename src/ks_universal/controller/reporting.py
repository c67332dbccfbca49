"""Writes what becomes of a Release: its status while a run goes on and at its end, and Events beside it."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from ks_universal.controller.decisions import Memory, read_status
from ks_universal.controller.releases import RELEASE, ref_of
from ks_universal.controller.status import (
    Condition,
    describe_failure,
    say_progressing,
    set_conditions,
)
from ks_universal.engine.events import Event, LockAwaited, RunStarted, StepFailed, StepKind, StepStarted
from ks_universal.engine.progress import RunProgress
from ks_universal.errors import KsUniversalError
from ks_universal.json_types import Json
from ks_universal.metadata_keys import REQUESTED
from ks_universal.targets.kubernetes.api.client import Client
from ks_universal.targets.kubernetes.api.errors import ApiError
from ks_universal.targets.kubernetes.migration.events import EventRecorder, KubernetesEvent

_log = logging.getLogger(__name__)

_PACE_S = 1.0
"""At most so often a status is written while a run goes on."""
_COMING_AND_GOING = ("step", "failure", "revision", "lastHandledReconcileAt", "lastHandledSpec", "lastHandledValues")
"""The fields of a status that are not always there."""
_SHOWN = (StepKind.MIGRATE, StepKind.RUN_JOB, StepKind.ROLL_OUT, StepKind.AWAIT_OLD_PODS)
"""The steps that take their time, what matters most first: of those that run one is shown."""


class Reporter:
    """Tells of one Release. Takes the events of its run, which are masked already.

    `failure` is the first failure of the run, and `revision` its number.
    """

    def __init__(self, client: Client, recorder: EventRecorder, body: Json, memory: Memory) -> None:
        self.revision: int | None = None
        self.failure: Json | None = None
        self.messages: list[str] = []
        self._client = client.of(body)
        self._recorder = recorder
        self._body = body
        self._memory = memory
        self._generation: int = body["metadata"].get("generation", 1)
        self._progress = RunProgress()
        self._news = asyncio.Event()

    def __call__(self, event: Event) -> None:
        """Take an event of the run."""
        self._progress(event)
        match event:
            case LockAwaited():
                self.announce("Waiting", f"waits for the release, which is locked by {event.holder}")
            case RunStarted():
                self.revision = event.revision
                self.announce("Started", f"revision {event.revision} of generation {self._generation} begins")
            case StepStarted(kind=StepKind.MIGRATE):
                self.announce("MigrationStarted", f"{event.step} runs")
            case StepFailed() if event.causes:
                self.messages.append(f"{event.step}: {event.causes[0].message}")
                if self.failure is None:
                    self.failure = describe_failure(event.causes[0], event.step)
            case _:
                pass
        self._news.set()

    @asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        """Keep the status up to the run while it goes on. What is on its way then arrives before what comes after."""
        ended = asyncio.Event()
        writer = asyncio.create_task(self._follow(ended))
        try:
            yield
        finally:
            ended.set()
            self._news.set()
            try:
                await asyncio.wait([writer])
            finally:
                writer.cancel()

    async def write(self, conditions: Sequence[Condition], **fields: object) -> None:
        """Write the status: these conditions, and no others of ours; of the fields None takes one away.

        Raises TargetError where it cannot be written; it is then what the memory has, and to be written again.
        """
        before = read_status(self._body, self._memory)
        fields = {"observedGeneration": self._generation, **fields}
        kept = {name: value for name, value in before.items() if name not in fields}
        given = {name: value for name, value in fields.items() if value is not None}
        made = set_conditions(before.get("conditions") or (), conditions, self._generation)
        self._memory.status = {**kept, **given, "conditions": made}
        await self.write_again(before)

    async def write_again(self, before: Json | None = None) -> None:
        """Write the status that the memory has over that of `before` (None: over what the object had)."""
        after = self._memory.status or {}
        is_known = before is not None and self._memory.is_written
        known = before if before is not None and is_known else dict.fromkeys(_COMING_AND_GOING)
        if is_known and after == known:
            return
        self._memory.is_written = False
        patch = {"metadata": {"uid": self._body["metadata"]["uid"]}, "status": build_merge_patch(known, after)}
        try:
            await self._client.patch(RELEASE, self._body["metadata"]["name"], patch, subresource="status")
        except ApiError as error:
            if error.code not in {404, 409}:  # it is gone, and perhaps another one has its name
                raise
        self._memory.is_written = True

    def announce(self, reason: str, message: str, *, is_warning: bool = False) -> None:
        """Write an Event on the Release, unless it was the last one, too; nothing waits for it."""
        if self._memory.told == (reason, message):
            return
        self._memory.told = (reason, message)
        event = KubernetesEvent(reason, message, datetime.now(UTC), is_warning)
        self._recorder.announce(ref_of(self._body), self._body, event)

    @property
    def holder(self) -> str:
        """Who has the lock that this run has waited for, or waits for; empty: nobody."""
        return "" if self._progress.awaited is None else self._progress.awaited.holder

    @property
    def requested(self) -> str | None:
        """The annotation by which somebody has asked for this try."""
        annotations: dict[str, str] = self._body["metadata"].get("annotations") or {}
        return annotations.get(REQUESTED)

    async def _follow(self, ended: asyncio.Event) -> None:
        while True:
            await self._news.wait()
            if ended.is_set():
                return
            self._news.clear()
            with contextlib.suppress(KsUniversalError):  # it is written again at the next news, and at the end
                await self._write_progress()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_PACE_S):
                    await ended.wait()

    async def _write_progress(self) -> None:
        running = self._progress.running
        step = next((step for kind in _SHOWN for step, of in running.items() if of is kind), None)
        if not self._progress.has_begun:
            what = f"waits for the release, which is locked by {self.holder}" if self.holder else "begins"
        else:
            what = f"revision {self.revision}: {step or 'applies objects'}"
        if self.failure is not None:
            what = f"{what}; {self.messages[0]}"
        number = {} if self.revision is None else {"revision": self.revision}
        await self.write(say_progressing(what), step=step, failure=self.failure, **number)


def build_merge_patch(before: Json, after: Json) -> Json:
    """Build the merge patch (RFC 7396) that makes `after` of `before`."""
    patch: Json = {name: None for name in before if name not in after}
    for name, value in after.items():
        old = before.get(name)
        if isinstance(value, dict) and isinstance(old, dict):
            if inner := build_merge_patch(old, value):
                patch[name] = inner
        elif value != old:
            patch[name] = value
    return patch
