"""Events as lines for people: who speaks, what is said, and how it is to look. Pure: prints nothing."""

from datetime import datetime
from typing import assert_never

import msgspec

from ks_universal import (
    Attempt,
    AttemptEnded,
    AttemptStarted,
    Change,
    ContainerEnded,
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

PROGRAM = "ks-universal"

ROLLED_OUT = frozenset(("DaemonSet", "Deployment", "StatefulSet"))
"""The kinds of which the end of a rollout tells."""


class Line(msgspec.Struct, frozen=True):
    """`source` is a step, a container or the program; `style` one of rich's words."""

    source: str
    text: str
    style: str = ""


def format_event(event: Event) -> Line | None:  # noqa: C901 - one case an event
    """Say an event in one line; None for what the plan, the report or the live line says."""
    match event:
        case LockAwaited():
            hint = f"; {event.hint}" if event.hint else ""
            return Line(PROGRAM, f"waits for {event.holder}, who works on {event.release}{hint}", "yellow")
        case RunStarted():
            return None
        case StepStarted():
            return None
        case Waited():
            return Line(event.step, f"waits for {event.waits_for}", "dim")
        case ObjectChanged():
            return _format_change(event)
        case AttemptStarted():
            return Line(event.step, f"attempt {event.number} {'taken up' if event.resumed else 'started'}", "dim")
        case AttemptEnded():
            return None if event.attempt.exit_code == 0 else Line(event.step, _format_attempt_end(event), "red")
        case LogWritten():
            return Line(event.source, event.line)
        case ProbePassed():
            return Line(event.source, "ready", "green")
        case ContainerEnded():
            return Line(event.source, _format_container_end(event), "yellow")
        case StepSucceeded():
            stopping = f"; {format_stopping(event.stopping)}" if event.stopping else ""
            return Line(event.step, f"done in {format_duration(event.duration_s)}{stopping}", "green")
        case StepPaused():
            return Line(event.step, "is applied, and paused: it does not roll out", "yellow")
        case StepFailed():
            return Line(event.step, "failed", "bold red")
        case StopFailed():
            return Line(event.step, "could not be stopped", "bold red")
        case StepSkipped() | RunEnded():
            return None
    assert_never(event)


def format_attempt(attempt: Attempt, reason: str | None) -> str:
    """Say how an attempt ended: `attempt 1: exit code 1 after 0.8 s (reason)`."""
    because = f" ({reason})" if reason else ""
    if attempt.duration_s is None:
        return f"attempt {attempt.number}: never started{because}"
    ended = "did not end by itself" if attempt.exit_code is None else f"exit code {attempt.exit_code}"
    return f"attempt {attempt.number}: {ended} after {format_duration(attempt.duration_s)}{because}"


def format_duration(seconds: float) -> str:
    """Write a duration as people say it: `0.8 s`, `2 min 5 s`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"


def format_stopping(count: int) -> str:
    """Say that old pods have been told to stop, and are still there: `1 old pod is still stopping`."""
    return "1 old pod is still stopping" if count == 1 else f"{count} old pods are still stopping"


def format_left(count: int) -> str:
    """Say that old pods stay by their update strategy: `1 old pod stays, by its updateStrategy`."""
    return f"{count} old pod{'s stay' if count > 1 else ' stays'}, by its updateStrategy"


def format_time(moment: datetime) -> str:
    """Write a moment, in UTC."""
    return f"{moment:%Y-%m-%d %H:%M:%S}Z"


def _format_change(event: ObjectChanged) -> Line | None:
    """Say that an object changed; what becomes of a workload is said by the rollout's end, but for one that stays."""
    if event.moved:
        return Line(event.step, f"restarts its pods for what {' and '.join(event.moved)} is now", "yellow")
    if event.change is Change.UNCHANGED or (event.identity.kind in ROLLED_OUT and event.change is not Change.KEPT):
        return None
    return Line(PROGRAM, f"{event.identity} {event.change}", "dim")


def _format_attempt_end(event: AttemptEnded) -> str:
    retry = "" if event.retry_in_s is None else f"; the next one in {format_duration(event.retry_in_s)}"
    return format_attempt(event.attempt, event.attempt.reason) + retry


def _format_container_end(event: ContainerEnded) -> str:
    again = "" if event.restart_in_s is None else f"; started again in {format_duration(event.restart_in_s)}"
    return f"ended with exit code {event.exit_code}{again}"
