"""What happens in a run, as a closed union of small values; past tense; consumed with `match` and `assert_never`.

Events carry no Secret's value: log lines are masked before they become events.
"""

from enum import StrEnum
from typing import Protocol

import msgspec

from ks_universal.diagnostics import Problem
from ks_universal.plan.changes import Change
from ks_universal.plan.records import Attempt, JobState, Outcome
from ks_universal.resources.objects import ObjectRef


class StepKind(StrEnum):
    """What a step does. RUN_JOB runs a Job of the values, AWAIT_OLD_PODS waits until a rollout's old pods are gone."""

    APPLY = "apply"
    RUN_JOB = "runjob"
    MIGRATE = "migrate"
    ROLL_OUT = "rollout"
    AWAIT_OLD_PODS = "awaitoldpods"
    DELETE = "delete"


# Each tag is written out: it is the `type` in JSON, which programs read, and stays when a class is renamed.
class _Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    pass


class LockAwaited(_Event, frozen=True, kw_only=True, tag="LockAwaited"):
    """Another run holds the release; `holder` says who, `hint` what to do where waiting may not help."""

    release: str
    holder: str
    hint: str = ""


class RunStarted(_Event, frozen=True, kw_only=True, tag="RunStarted"):
    """The lock is held and the steps begin; `plan` says what they do and why, in lines for people.

    `warnings` are what the plan and the target's check found.
    """

    release: str
    revision: int
    steps: tuple[str, ...]
    plan: tuple[str, ...] = ()
    warnings: tuple[Problem, ...] = ()


class StepStarted(_Event, frozen=True, kw_only=True, tag="StepStarted"):
    """All that the step needs has succeeded; it begins. `application` is the one that it is for, if any."""

    step: str
    kind: StepKind
    application: str | None = None


class Waited(_Event, frozen=True, kw_only=True, tag="Waited"):
    """The step waits; `waits_for` is what for, in a clause. Said once whenever the reason changes."""

    step: str
    waits_for: str


class ObjectChanged(_Event, frozen=True, kw_only=True, tag="ObjectChanged"):
    """An object is now as the step has it, or was so already.

    `moved`: images that have moved under their tag, for which its pods are replaced.
    """

    step: str
    identity: ObjectRef
    change: Change
    moved: tuple[str, ...] = ()


class AttemptStarted(_Event, frozen=True, kw_only=True, tag="AttemptStarted"):
    """A try of a migration or Job began; `resumed` when it was found running and taken up."""

    step: str
    number: int
    resumed: bool = False


class AttemptEnded(_Event, frozen=True, kw_only=True, tag="AttemptEnded"):
    """A try of a migration or Job ended; `retry_in_s` when another follows."""

    step: str
    attempt: Attempt
    retry_in_s: float | None = None


class LogWritten(_Event, frozen=True, kw_only=True, tag="LogWritten"):
    """A line of a container's output; `source` is `app`, `app/container` or a step's id.

    `step` is the id where the source is only a part of the step: an init container or a sidecar.
    """

    source: str
    line: str
    step: str | None = None


class ProbePassed(_Event, frozen=True, kw_only=True, tag="ProbePassed"):
    """A container became ready."""

    source: str


class ContainerEnded(_Event, frozen=True, kw_only=True, tag="ContainerEnded"):
    """A container of an application ended; it is started again after `restart_in_s`, or not at all (None)."""

    source: str
    exit_code: int
    restart_in_s: float | None = None


class StepSucceeded(_Event, frozen=True, kw_only=True, tag="StepSucceeded"):
    """The step is done. `stopping`: how many old pods are still stopping, after a rollout."""

    step: str
    duration_s: float
    stopping: int = 0


class StepPaused(_Event, frozen=True, kw_only=True, tag="StepPaused"):
    """The rollout was applied and goes no further: the values pause it, and the version before serves on."""

    step: str


class StepFailed(_Event, frozen=True, kw_only=True, tag="StepFailed"):
    """The step ended without success; `causes`, the one that tells most first."""

    step: str
    causes: tuple[Problem, ...]
    outcome: Outcome


class StepSkipped(_Event, frozen=True, kw_only=True, tag="StepSkipped"):
    """The step did not start: `because` (a step's id) failed or is paused.

    `unchanged`: it would have changed nothing.
    """

    step: str
    kind: StepKind
    because: str
    unchanged: bool = False


class StopFailed(_Event, frozen=True, kw_only=True, tag="StopFailed"):
    """The run ends before its time, and what the step had running may run on; `cause` says why."""

    step: str
    cause: Problem


class RunEnded(_Event, frozen=True, kw_only=True, tag="RunEnded"):
    """The run is over; its lock is given back next. `runs`: application to the revision that runs now (None: none).

    `stopping`: application to how many of its old pods are still stopping, where there are any. `unwritten`: why the
    record of the run could not be written; what ran has run all the same. `jobs` are the Jobs of the values, as they
    were seen last.
    """

    release: str
    revision: int
    outcome: Outcome
    duration_s: float
    runs: dict[str, int | None]
    stopping: dict[str, int] = {}
    unwritten: Problem | None = None
    jobs: tuple[JobState, ...] = ()


Event = (
    LockAwaited
    | RunStarted
    | StepStarted
    | Waited
    | ObjectChanged
    | AttemptStarted
    | AttemptEnded
    | LogWritten
    | ProbePassed
    | ContainerEnded
    | StepSucceeded
    | StepPaused
    | StepFailed
    | StepSkipped
    | StopFailed
    | RunEnded
)


class Emit(Protocol):
    """Takes an event at once and never blocks."""

    def __call__(self, event: Event, /) -> None:
        """Take the event."""
