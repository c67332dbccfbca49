"""Writes plans and events into the log (`logging`): what was decided as INFO, what happens as DEBUG.

To be given events that are masked. Lines that containers write are no part of it.
"""

import logging
from typing import assert_never

from ks_universal.engine.events import (
    AttemptEnded,
    AttemptStarted,
    ContainerEnded,
    Emit,
    Event,
    LockAwaited,
    LogWritten,
    ObjectChanged,
    ProbePassed,
    RunEnded,
    RunStarted,
    StepFailed,
    StepPaused,
    StepSkipped,
    StepStarted,
    StepSucceeded,
    StopFailed,
    Waited,
)
from ks_universal.plan.steps import Migrate, Plan, RunJob

_log = logging.getLogger(__name__)


def log_plan(plan: Plan) -> None:
    """Log what a plan does and leaves out, and why."""
    _log.info("the plan of %s, revision %d, has %d steps", plan.release, plan.revision, len(plan.steps))
    for step in plan.steps:
        if isinstance(step, Migrate | RunJob):
            _log.info("%s runs: %s", step.id, step.why)
    for skipped in plan.skipped:
        name = f"{skipped.application}/migrations{f'/{skipped.step}' if skipped.step else ''}"
        _log.info("%s is skipped: %s", name, skipped.why)
    for job in plan.skipped_jobs:
        _log.info("%s is skipped: %s", job.id, job.why)


def log_events(emit: Emit) -> Emit:
    """Give an `emit` that logs each event first."""

    def emit_logged(event: Event) -> None:
        if _log.isEnabledFor(logging.INFO):
            _log_event(event)
        emit(event)

    return emit_logged


def _log_event(event: Event) -> None:  # noqa: C901 - one case for each event
    match event:
        case LogWritten():
            return
        case LockAwaited(holder=holder):
            _log.debug("the lock is held by %s", holder)
        case RunStarted(release=release, revision=revision, steps=steps):
            _log.debug("revision %d of %s begins: %s", revision, release, ", ".join(steps))
        case StepStarted(step=step):
            _log.debug("%s begins", step)
        case Waited(step=step, waits_for=waits_for):
            _log.debug("%s waits for %s", step, waits_for)
        case ObjectChanged(identity=identity, change=change):
            _log.debug("%s is %s", identity, change)
        case AttemptStarted(step=step, number=number, resumed=resumed):
            _log.debug("attempt %d of %s %s", number, step, "is resumed" if resumed else "begins")
        case AttemptEnded(step=step, attempt=attempt, retry_in_s=retry_in_s):
            then = "" if retry_in_s is None else f"; the next one follows in {retry_in_s:.1f} s"
            level = logging.DEBUG if retry_in_s is None else logging.INFO
            ended = attempt.reason or ("" if attempt.exit_code is None else f"exit code {attempt.exit_code}")
            why = ", ".join(filter(None, (ended, *(cause.code for cause in attempt.causes))))
            _log.log(level, "attempt %d of %s ended: %s%s", attempt.number, step, why, then)
        case ProbePassed(source=source):
            _log.debug("%s is ready", source)
        case ContainerEnded(source=source, exit_code=code, restart_in_s=restart_in_s):
            then = "" if restart_in_s is None else f"; it is started again in {restart_in_s:.1f} s"
            _log.info("%s ended with exit code %d%s", source, code, then)
        case StepSucceeded(step=step, duration_s=duration_s):
            _log.debug("%s succeeded in %.1f s", step, duration_s)
        case StepPaused(step=step):
            _log.debug("%s is paused", step)
        case StepFailed(step=step, causes=causes, outcome=outcome):
            _log.debug("%s failed (%s): %s", step, outcome, "; ".join(f"[{c.code}] {c.message}" for c in causes))
        case StepSkipped(step=step, because=because):
            _log.debug("%s does not start, because of %s", step, because)
        case StopFailed(step=step, cause=cause):
            _log.debug("%s could not be stopped: %s", step, cause.message)
        case RunEnded(revision=revision, outcome=outcome, duration_s=duration_s):
            _log.debug("revision %d ended after %.1f s: %s", revision, duration_s, outcome)
        case _:
            assert_never(event)
