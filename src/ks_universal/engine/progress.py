"""How far a run has come, by its events: what an interruption has cut short, and what that means."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ks_universal.diagnostics import Problem
from ks_universal.engine.events import (
    Emit,
    Event,
    LockAwaited,
    RunStarted,
    StepFailed,
    StepKind,
    StepPaused,
    StepStarted,
    StepSucceeded,
    StopFailed,
)
from ks_universal.errors import LockedError, TargetError, TimedOutError
from ks_universal.plan.records import Outcome

GO_ON = frozenset((StepKind.ROLL_OUT, StepKind.AWAIT_OLD_PODS, StepKind.RUN_JOB))
"""Steps with which a cluster goes on without this program."""


class RunProgress:
    """Takes the events of a run, and passes them on to `emit`; a new run starts it anew.

    `awaited` is the run that this one waits for, or has waited for; `has_begun`: it holds the lock, and its record is
    begun. `running` are the steps that run, by kind; `unstopped` those that were to be stopped and may run on.
    """

    def __init__(self, emit: Emit | None = None) -> None:
        """Without `emit` the events end here."""
        self._emit = emit
        self.awaited: LockAwaited | None = None
        self.has_begun = False
        self.running: dict[str, StepKind] = {}
        self.unstopped: dict[str, Problem] = {}

    def __call__(self, event: Event) -> None:
        """Take an event."""
        match event:
            case LockAwaited():
                self.awaited = event
            case RunStarted():
                self.has_begun = True
                self.running.clear()
                self.unstopped.clear()
            case StepStarted():
                self.running[event.step] = event.kind
            case StepSucceeded() | StepPaused() | StepFailed():
                self.running.pop(event.step, None)
            case StopFailed():
                self.unstopped[event.step] = event.cause
            case _:
                pass
        if self._emit is not None:
            self._emit(event)

    @property
    def outcome_if_stopped(self) -> Outcome:
        """What it means to stop the run now: by what runs, a migration before all else."""
        kinds = set(self.running.values())
        if StepKind.MIGRATE in kinds:
            return Outcome.MIGRATION_FAILED
        return Outcome.FAILED if GO_ON.isdisjoint(kinds) else Outcome.ROLLOUT_FAILED


@asynccontextmanager
async def limiting(progress: RunProgress, timeout_s: float | None) -> AsyncIterator[None]:
    """Give a run its time; an error that ends it has the exit status of what it has cut short.

    Raises TimedOutError, or LockedError where the time went by while it waited for another run.
    """
    try:
        async with asyncio.timeout(timeout_s):
            yield
    except TimeoutError:
        if not progress.has_begun and progress.awaited is not None:
            raise LockedError(progress.awaited.release, progress.awaited.holder) from None
        raise TimedOutError(timeout_s or 0, progress.outcome_if_stopped.exit_status) from None
    except TargetError as error:
        if progress.has_begun:
            error.exit_status = progress.outcome_if_stopped.exit_status
        raise
