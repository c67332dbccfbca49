"""What the engine asks of the place where a release runs: a target, and a session for each plan.

A target takes Kubernetes objects and makes them true by its own means. What it reads is a value, and a session is made
of values: what was rendered, what was read, and the plan. So no call is right only because another one came before it.
Every method is safe to repeat: after a kill at any moment the same call on the same input ends in the same state. On
cancellation a method leaves nothing running that it started: `migrate` then really stops its Job (all processes or pods
gone, log kept) before CancelledError goes on.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from types import MappingProxyType
from typing import Protocol

import msgspec

from ks_universal.diagnostics import Problem
from ks_universal.engine.events import Emit
from ks_universal.errors import KsUniversalError
from ks_universal.json_types import Json
from ks_universal.plan.changes import Change, ObjectChange
from ks_universal.plan.records import Attempt, JobRecord, JobState, Revision, State
from ks_universal.plan.steps import Apply, AwaitOldPods, Delete, Migrate, Plan, RollOut, RunJob
from ks_universal.resources.objects import ObjectRef, Rendered

NO_IDS: Mapping[str, str] = MappingProxyType({})


class Preflight(msgspec.Struct, frozen=True):
    """What was found before anything starts: what becomes of the objects of a plan, and what is in its way."""

    changes: tuple[ObjectChange, ...] = ()
    problems: tuple[Problem, ...] = ()


class _StepError(KsUniversalError):
    def __init__(self, step: str, causes: Sequence[Problem]) -> None:
        """Keep the step's id and the causes, the one that tells most first."""
        super().__init__(step, causes)
        self.step = step
        self.causes = tuple(causes)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """The causes."""
        return self.causes

    def __str__(self) -> str:
        return f"{self.step} failed: " + "; ".join(c.message for c in self.causes)


class MigrationFailed(_StepError):  # noqa: N818 - named by what happened, as the report says it
    """A migration step ended without success, after all its retries; the application is as it was."""


class RolloutFailed(_StepError):  # noqa: N818 - see above
    """An application did not become ready; `causes` also say what runs now. `is_gone`: nothing of it is there."""

    def __init__(self, step: str, causes: Sequence[Problem], *, is_gone: bool = False) -> None:
        """Keep the step's id, the causes, and whether the application is there."""
        super().__init__(step, causes)
        self.is_gone = is_gone


class RolloutPaused(KsUniversalError):  # noqa: N818 - see above
    """An application was applied, and does not roll out: its own values pause it."""

    def __init__(self, step: str) -> None:
        """Keep the step's id."""
        super().__init__(step)
        self.step = step

    def __str__(self) -> str:
        return f"{self.step} is paused by its values"


class Session(Protocol):
    """A plan on a target: what it changes there, and its steps, of which the engine calls those that are due."""

    async def check(self) -> Preflight:
        """Find, before anything starts, what the plan changes, and what cannot succeed here. Changes nothing."""

    async def apply(self, step: Apply, emit: Emit) -> tuple[Json, ...]:
        """Make the object exist as given; emits ObjectChanged. A RunJob's Job that is made anew begins to run.

        Gives the Secrets that have been made of it meanwhile, where it waits for them.
        """

    async def await_job(self, step: RunJob, record: JobRecord, emit: Emit) -> JobState:
        """Wait until a Job that was applied, and is recorded so, has ended or cannot get to work; gives how it is then.

        Emits what `migrate` does. On cancellation the Job runs on where the target does so without this program.
        """

    async def read_jobs(self, jobs: Mapping[ObjectRef, JobRecord]) -> tuple[JobState, ...]:
        """Read how Jobs of the values are, which are recorded so: with attempts, their logs, and what they wait for."""

    async def delete(self, step: Delete, emit: Emit) -> Change | None:
        """Remove the object, if it is there; returns when it is gone, or where it is kept.

        Kept is what says so itself (`resources.keeping`), unless the step is to stop it, and where the target has it,
        what holds data. Emits ObjectChanged.
        """

    async def migrate(self, step: Migrate, emit: Emit) -> tuple[Attempt, ...]:
        """Run the migration with its retries, or take up the running one of the same digest.

        Emits AttemptStarted, LogWritten, Waited and AttemptEnded. Raises MigrationFailed (with all attempts) when no
        attempt succeeded.
        """

    async def roll_out(self, step: RollOut, emit: Emit, image_ids: Mapping[str, str] = NO_IDS) -> None:
        """Bring the new version up; returns when it serves and all pods of the versions before are told to stop.

        `image_ids`: images to the ids that its pods are to have, empty where the target is to find out what they are
        now; where pods have another id, they are replaced.

        Raises RolloutFailed, whose causes say what runs now, and RolloutPaused where its values pause it before that.
        """

    async def await_old_pods(self, step: AwaitOldPods, emit: Emit) -> None:
        """Wait until the last pod of the versions before is gone, of a workload that this session has rolled out.

        Raises RolloutFailed where the new version, which `roll_out` has not waited for, does not come up.
        """

    def count_old_pods(self, step: RollOut) -> int:
        """Count the pods of the versions before that are told to stop and not gone yet, as last seen; asks nobody."""

    async def save(self, revision: Revision) -> None:
        """Keep the revision's record, replacing the one of the same number; durable on return."""


class Target(Protocol):
    """A place to run a release."""

    def lock(self, emit: Emit, *, wait: bool) -> AbstractAsyncContextManager[None]:
        """Hold the release alone. Waits (LockAwaited says for whom) or, without `wait`, raises LockedError."""

    async def place(self, rendered: Rendered) -> Rendered:
        """Give the release with its extra objects in the namespaces, or in none, in which their kinds are here."""

    async def read(self, rendered: Rendered) -> State:
        """Read what the release owns and remembers, and which of the rendered objects exist."""

    def open_session(self, rendered: Rendered, state: State, plan: Plan) -> Session:
        """Make a session: of a plan, of what it was made from, and of what was read. Asks nobody, changes nothing."""

    async def close(self) -> None:
        """Let go of the outside; where applications live and die with the program, stop them all."""
