"""Gathers the events of a run: which step began and ended when, what it waited for, tried and said."""

from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from enum import StrEnum

import msgspec

from ks_universal.diagnostics import Problem
from ks_universal.engine.events import (
    AttemptEnded,
    AttemptStarted,
    Event,
    LockAwaited,
    LogWritten,
    ObjectChanged,
    RunEnded,
    RunStarted,
    StepFailed,
    StepKind,
    StepPaused,
    StepSkipped,
    StepStarted,
    StepSucceeded,
    Waited,
)
from ks_universal.plan.changes import Change
from ks_universal.plan.records import Attempt, Outcome

_HEAD_LINES, _TAIL_LINES = 100, 400


class StepState(StrEnum):
    """What became of a step; UNFINISHED: the run ended before it."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    PAUSED = "paused"
    UNFINISHED = "unfinished"
    NOT_STARTED = "not-started"
    UNCHANGED = "unchanged"


class TimeSpan(msgspec.Struct, frozen=True):
    """A time within the run, in seconds from its begin."""

    began_s: float
    ended_s: float


class TimedWait(TimeSpan, frozen=True):
    """What a step waited for, in a clause."""

    waits_for: str


class TimedAttempt(TimeSpan, frozen=True):
    """A try of a migration or Job."""

    attempt: Attempt


class TimedStep(msgspec.Struct, frozen=True, kw_only=True):
    """A step; its `span` is None where it did not start, for which `because` names the step that kept it.

    `log` is what it said: of a long one the beginning and the end, `log_omitted` lines lie between.
    """

    id: str
    kind: StepKind
    state: StepState
    application: str | None = None
    span: TimeSpan | None = None
    because: str = ""
    waits: tuple[TimedWait, ...] = ()
    attempts: tuple[TimedAttempt, ...] = ()
    changes: tuple[str, ...] = ()
    causes: tuple[Problem, ...] = ()
    log: tuple[str, ...] = ()
    log_omitted: int = 0


class RunTimeline(msgspec.Struct, frozen=True, kw_only=True):
    """A run: `outcome` RUNNING where it has not ended, `problems` what kept it from beginning or going on.

    `runs`: application to the revision that runs now (None: none), as far as the run knows.
    """

    release: str
    revision: int | None
    began: datetime
    duration_s: float
    outcome: Outcome
    plan: tuple[str, ...] = ()
    warnings: tuple[Problem, ...] = ()
    problems: tuple[Problem, ...] = ()
    waited_for: str = ""
    steps: tuple[TimedStep, ...] = ()
    runs: dict[str, int | None] = {}


class _Log:
    def __init__(self) -> None:
        self._head: list[str] = []
        self._tail: deque[str] = deque(maxlen=_TAIL_LINES)
        self._count = 0

    def add(self, line: str) -> None:
        self._count += 1
        (self._head if len(self._head) < _HEAD_LINES else self._tail).append(line)

    @property
    def lines(self) -> tuple[str, ...]:
        return (*self._head, *self._tail)

    @property
    def omitted(self) -> int:
        return self._count - len(self._head) - len(self._tail)


class _Step:
    def __init__(self, name: str, kind: StepKind, application: str | None, began_s: float | None) -> None:
        self.name, self.kind, self.application, self.began_s = name, kind, application, began_s
        self.ended_s: float | None = None
        self.state = StepState.UNFINISHED
        self.because = ""
        self.waits: list[tuple[float, str]] = []
        self.attempts: list[TimedAttempt] = []
        self.attempt_began_s: float | None = None
        self.changes: list[str] = []
        self.causes: tuple[Problem, ...] = ()
        self.log = _Log()

    def end(self, state: StepState, at_s: float) -> None:
        self.state, self.ended_s = state, at_s

    def gather(self, now_s: float) -> TimedStep:
        ended_s = now_s if self.ended_s is None else self.ended_s
        ends = [*(began for began, _ in self.waits[1:]), ended_s]
        return TimedStep(
            id=self.name,
            kind=self.kind,
            state=self.state,
            application=self.application,
            span=None if self.began_s is None else TimeSpan(self.began_s, ended_s),
            because=self.because,
            waits=tuple(TimedWait(began, end, what) for (began, what), end in zip(self.waits, ends, strict=False)),
            attempts=tuple(self.attempts),
            changes=tuple(self.changes),
            causes=self.causes,
            log=self.log.lines,
            log_omitted=self.log.omitted,
        )


def _now() -> datetime:
    return datetime.now(UTC)


class RunRecorder:
    """Takes the events of a run as they happen; a new run starts it anew. `problems`: see `RunTimeline`."""

    def __init__(self, now: Callable[[], datetime] = _now) -> None:
        """`now` gives the time."""
        self._now = now
        self._began = now()
        self._start: RunStarted | None = None
        self._end: RunEnded | None = None
        self._ended_s: float | None = None
        self._waited_for = ""
        self._steps: dict[str, _Step] = {}
        self.problems: Sequence[Problem] = ()

    def __call__(self, event: Event) -> None:
        """Take an event."""
        at_s = self._tell_time()
        match event:
            case LockAwaited():
                self._waited_for = event.holder
            case RunStarted():
                if self._start is not None:
                    self._began, at_s = self._now(), 0.0
                self._start, self._end, self._ended_s = event, None, None
                self._steps.clear()
            case StepStarted():
                self._steps[event.step] = _Step(event.step, event.kind, event.application, at_s)
            case StepSkipped():
                skipped = self._steps[event.step] = _Step(event.step, event.kind, None, None)
                skipped.state = StepState.UNCHANGED if event.unchanged else StepState.NOT_STARTED
                skipped.because = event.because
            case RunEnded():
                self._end, self._ended_s = event, at_s
            case LogWritten():
                if step := self._steps.get(event.step or event.source):
                    step.log.add(event.line)
            case _:
                if step := self._steps.get(getattr(event, "step", "")):
                    _take(step, event, at_s)

    def gather(self, release: str) -> RunTimeline:
        """Give what there is until now; `release` is the one that was asked for."""
        now_s = self._tell_time() if self._ended_s is None else self._ended_s
        return RunTimeline(
            release=release,
            revision=self._start.revision if self._start else None,
            began=self._began,
            duration_s=now_s,
            outcome=self._end.outcome if self._end else Outcome.RUNNING if self._start else Outcome.PENDING,
            plan=self._start.plan if self._start else (),
            warnings=self._start.warnings if self._start else (),
            problems=tuple(self.problems),
            waited_for=self._waited_for,
            steps=tuple(step.gather(now_s) for step in self._steps.values()),
            runs=self._end.runs if self._end else {},
        )

    def _tell_time(self) -> float:
        return (self._now() - self._began).total_seconds()


def _take(step: _Step, event: Event, at_s: float) -> None:
    match event:
        case Waited():
            step.waits.append((at_s, event.waits_for))
        case ObjectChanged():
            if event.change is not Change.UNCHANGED:
                step.changes.append(f"{event.identity} {event.change}")
        case AttemptStarted():
            step.attempt_began_s = at_s
            if event.number > 1:
                step.log.add(f"--- attempt {event.number}")
        case AttemptEnded():
            began_s = at_s if step.attempt_began_s is None else step.attempt_began_s
            step.attempts.append(TimedAttempt(began_s, at_s, event.attempt))
        case StepSucceeded():
            step.end(StepState.SUCCEEDED, at_s)
        case StepPaused():
            step.end(StepState.PAUSED, at_s)
        case StepFailed():
            step.end(StepState.FAILED, at_s)
            step.causes = event.causes
        case _:
            pass
