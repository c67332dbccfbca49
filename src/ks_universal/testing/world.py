"""The world of a memory target: what a cluster is to other targets. It outlives them, and the next one goes on in it.

Scripts say what migrations and rollouts do in it; a `KillSwitch` ends a target at any moment as `kill -9` would.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import NamedTuple

import msgspec

from ks_universal.diagnostics import Problem
from ks_universal.json_types import Json
from ks_universal.plan.records import Attempt, Outcome, Revision
from ks_universal.resources.objects import ObjectRef

Pause = Callable[[], Awaitable[object]]


class Killed(BaseException):
    """The process was killed: no code of it runs on, whatever it catches."""


class KillSwitch:
    """Kills at the moment number `at` (from 1); None: never. `moments` counts those that have passed."""

    def __init__(self, at: int | None = None) -> None:
        self._at = at
        self.moments = 0

    @property
    def dead(self) -> bool:
        """Tell whether the moment has come."""
        return self._at is not None and self.moments >= self._at

    def kill(self) -> None:
        """Kill now."""
        self._at = self.moments

    def pass_moment(self) -> None:
        """Let one moment pass. Raises Killed, from the chosen one on."""
        if not self.dead:
            self.moments += 1
        if self.dead:
            raise Killed


class Try(msgspec.Struct, frozen=True, kw_only=True):
    """What one attempt does: says lines, waits for something, ends."""

    lines: tuple[str, ...] = ()
    exit_code: int = 0
    pause: Pause | None = None
    image_ids: dict[str, str] = {}


class Effect(msgspec.Struct, frozen=True):
    """Something that happened in the world: `what` (`applied`, `deleted`, `attempt-started` …) to what."""

    what: str
    ref: str


class Job(msgspec.Struct, kw_only=True):
    """A migration's Job: its ended attempts, and whether one runs. `settled`: its outcome is in the record."""

    step: str
    digest: str
    started_s: float
    attempts: list[Attempt] = []
    running: bool = False
    settled: bool = False


class OneOffRun(msgspec.Struct, kw_only=True):
    """A Job of the values: its ended attempts, and how it ended (None: it has not)."""

    attempts: list[Attempt] = []
    outcome: Outcome | None = None


class Holder(NamedTuple):
    """Who holds the lock, and what kills it."""

    name: str
    switch: KillSwitch


class World:
    """What is there, what happened, and what is going to happen.

    `scripts`: the id of a step that migrates or runs a Job to its attempts, the last one for all that follow. A Job
    that nobody waits for has ended at once, unless its first attempt has a pause. `rollouts`: a rollout's id to what it
    waits for; `broken`: to why it fails; `image_ids`: to the ids it was told. `old_pods`: an application to the end of
    its old pod, where there is one. `problems` is what `check` finds.
    """

    def __init__(self) -> None:
        self.objects: dict[ObjectRef, Json] = {}
        self.revisions: dict[int, Revision] = {}
        self.jobs: dict[str, Job] = {}
        self.one_offs: dict[ObjectRef, OneOffRun] = {}
        self.history: list[Effect] = []
        self.most_at_once: Counter[str] = Counter()
        self.scripts: dict[str, tuple[Try, ...]] = {}
        self.rollouts: dict[str, Pause] = {}
        self.broken: dict[str, Problem] = {}
        self.old_pods: dict[str, Pause] = {}
        self.image_ids: dict[str, dict[str, str]] = {}
        self.problems: tuple[Problem, ...] = ()
        self.holder: Holder | None = None
        self.waiting: list[asyncio.Future[None]] = []

    def note(self, what: str, ref: str) -> None:
        """Put a change into the history."""
        self.history.append(Effect(what, ref))

    def count(self, what: str) -> Counter[str]:
        """Count the changes of one kind by their subjects."""
        return Counter(change.ref for change in self.history if change.what == what)

    def begin_attempt(self, job: Job) -> None:
        """Start a pod of a Job."""
        job.running = True
        running = sum(other.running for other in self.jobs.values() if other.step == job.step)
        self.most_at_once[job.step] = max(running, self.most_at_once[job.step])
        self.note("attempt-started", job.step)

    def end_attempt(self, job: Job, attempt: Attempt) -> None:
        """End a Job's pod by itself."""
        job.running = False
        job.attempts.append(attempt)
        self.note("attempt-ended", job.step)

    def stop(self, name: str) -> None:
        """Remove a Job, and its pod if one runs."""
        job = self.jobs.pop(name, None)
        if job is not None and job.running:
            self.note("attempt-stopped", job.step)

    def find_try(self, step: str, number: int) -> Try:
        """Find what an attempt of a step does; where no script says it, it succeeds."""
        script = self.scripts.get(step, (Try(),))
        return script[min(number, len(script)) - 1]
