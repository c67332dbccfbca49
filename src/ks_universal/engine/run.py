"""Runs a release on a target: lock, plan, check, steps, record."""

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import partial
from typing import Protocol, Required, TypedDict, assert_never

import msgspec

from ks_universal.diagnostics import Problem, Severity, has_errors
from ks_universal.engine.cancellation import acquire_within, run_to_completion
from ks_universal.engine.event_log import log_events, log_plan
from ks_universal.engine.events import (
    AttemptEnded,
    Emit,
    Event,
    RunEnded,
    RunStarted,
    StepFailed,
    StepKind,
    StepPaused,
    StepSkipped,
    StepStarted,
    StepSucceeded,
)
from ks_universal.engine.masking import Mask, build_mask
from ks_universal.engine.record import Record, shorten_log
from ks_universal.engine.schedule import Schedule
from ks_universal.engine.target import (
    MigrationFailed,
    Preflight,
    RolloutFailed,
    RolloutPaused,
    Session,
    Target,
)
from ks_universal.errors import (
    InputError,
    KsUniversalError,
    LockedError,
    TargetError,
)
from ks_universal.model.format.migrations import Phase
from ks_universal.plan.build import MigratePolicy, build_plan
from ks_universal.plan.changes import Change, find_unchanged
from ks_universal.plan.records import Failure, JobState, Outcome, Revision, State
from ks_universal.plan.show import show_plan
from ks_universal.plan.steps import Apply, AwaitOldPods, Delete, Migrate, Plan, RollOut, RunJob, Step
from ks_universal.plan.unnoticed import find_unnoticed
from ks_universal.resources.objects import Rendered

MIGRATIONS_AT_ONCE = 50
"""Each holds connections to a database and a place on a node: of hundreds, most would only wait for these."""

Planner = Callable[[Rendered, State], Plan]
"""Builds a plan from what is to be and what is. Raises InputError."""


class Approver(Protocol):
    """Takes a plan before anything of it is done."""

    async def __call__(self, plan: Plan, state: State, preflight: Preflight, mask: Mask) -> None:
        """Return to have it done; what is shown of it has to be masked. Raises InputError where it is not to be.

        The problems of `preflight` are all there are, those of the state and of the plan too, and masked already.
        """


class RunOptions(TypedDict, total=False):
    """The user's words on a run, as `run_planned` takes them."""

    by: Required[str]
    request: str
    wait_for_lock: bool
    lock_wait_s: float | None
    approve: Approver | None


async def run(  # noqa: PLR0913 - the words after `by` are the user's, each with its default
    rendered: Rendered,
    target: Target,
    emit: Emit,
    *,
    by: str,
    migrate: MigratePolicy = MigratePolicy.AUTO,
    wait_for_lock: bool = True,
    force: bool = False,
) -> Revision:
    """Bring a release to what was rendered, as `run_planned` does, by the plan of `build_plan`."""
    planner = partial(build_plan, migrate=migrate, force=force)
    return await run_planned(rendered, target, emit, planner, by=by, wait_for_lock=wait_for_lock)


async def run_planned(  # noqa: PLR0913 - see `run`
    rendered: Rendered,
    target: Target,
    emit: Emit,
    planner: Planner,
    *,
    by: str,
    request: str = "",
    wait_for_lock: bool = True,
    lock_wait_s: float | None = None,
    approve: Approver | None = None,
) -> Revision:
    """Plan under the lock and carry the plan out; gives the record of the run, failed or not.

    `by` says who runs it, `request` what it is to carry out; `lock_wait_s` is how long to wait for the lock (None: for
    good). A step that fails takes those with it that need it; the others go on. Failures are in the record and in the
    events, and are not raised. On cancellation what runs is stopped, the record says INTERRUPTED, the lock is given
    back, and CancelledError goes on.

    Raises InputError (nothing was changed), LockedError (another holds the release, and `wait_for_lock` is false, or
    the lock was lost), TargetError (the state could not be read, or the record not be begun: nothing was changed). A
    record that cannot be written later is told in RunEnded.
    """
    began_s = _now_s()
    lock = target.lock(emit, wait=wait_for_lock)
    async with acquire_within(lock, rendered.release, wait_s=lock_wait_s):
        rendered = await target.place(rendered)
        state = await target.read(rendered)
        plan = planner(rendered, state)
        log_plan(plan)
        mask = await asyncio.to_thread(build_mask, rendered, state, plan)  # the lock is renewed meanwhile
        session = target.open_session(rendered, state, plan)
        preflight = await session.check()
        problems = mask.problems((*state.problems, *plan.warnings, *preflight.problems))
        if has_errors(problems):
            raise InputError(problems)
        preflight = msgspec.structs.replace(preflight, problems=problems)
        if approve is not None:
            await approve(plan, state, preflight, mask)
        record = Record(plan, state, mask, by=by, now=datetime.now(UTC), request=request)
        execution = _Execution(session, plan, preflight, record, mask, emit)
        return await execution.run(began_s)


class _Execution:
    """One run of a plan, under a lock that is held."""

    def __init__(
        self, session: Session, plan: Plan, preflight: Preflight, record: Record, mask: Mask, emit: Emit
    ) -> None:
        self._session = session
        self._plan = plan
        self._preflight = preflight
        self._record = record
        self._mask = mask
        self._emit = mask.wrap(log_events(emit))
        self._schedule = Schedule(plan.steps)
        self._unchanged = find_unchanged(plan, preflight.changes)
        self._kinds = {step.id: StepKind(type(step).__name__.lower()) for step in plan.steps}
        self._saving = asyncio.Lock()
        self._places = asyncio.Semaphore(MIGRATIONS_AT_ONCE)
        self._asked = self._saved = 0

    async def run(self, began_s: float) -> Revision:
        """Run all steps and close the record, however it ends."""
        await self._save()
        try:
            self._emit_start()
            async with asyncio.TaskGroup() as group:
                self._start_ready(group)
        except BaseException:
            # Whoever took the lock over writes the record now; what ended the run is what counts.
            with contextlib.suppress(KsUniversalError):
                await run_to_completion(self._close(Outcome.INTERRUPTED, began_s))
            raise
        return await run_to_completion(self._close(self._record.outcome, began_s))

    def _emit_start(self) -> None:
        plan, warnings = self._plan, self._preflight.problems
        steps = tuple(step.id for step in plan.steps)
        notes = (f"  {note}" for note in find_unnoticed(plan, self._preflight.changes))
        lines = (*show_plan(plan), *notes)
        self._emit(RunStarted(release=plan.release, revision=plan.revision, steps=steps, plan=lines, warnings=warnings))

    def _start_ready(self, group: asyncio.TaskGroup) -> None:
        for step in self._schedule.take_ready():
            group.create_task(self._take_place(step, group), name=step.id)

    async def _take_place(self, step: Step, group: asyncio.TaskGroup) -> None:
        """Carry a step out, a migration when there is a place for it."""
        async with self._places if isinstance(step, Migrate) else contextlib.nullcontext():
            await self._carry_out(step, group)

    async def _carry_out(self, step: Step, group: asyncio.TaskGroup) -> None:
        """Carry a step out, then start what waited for it, or skip what needs it."""
        began_s = _now_s()
        self._emit(StepStarted(step=step.id, kind=self._kinds[step.id], application=step.application))
        self._record.begin(step)
        try:
            if isinstance(step, Migrate):
                await self._save()
            await self._perform(step)
            self._record.succeed(step)
            await self._save_after(step)
        except RolloutPaused:
            await self._pause(step)
        except KsUniversalError as error:
            await self._fail(step, error)
        else:
            self._schedule.succeed(step.id)
            stopping = self._session.count_old_pods(step) if isinstance(step, RollOut) else 0
            self._emit(StepSucceeded(step=step.id, duration_s=_now_s() - began_s, stopping=stopping))
        self._start_ready(group)

    async def _perform(self, step: Step) -> None:
        match step:
            case RunJob():
                await self._run_job(step)
            case Apply():
                made = await self._session.apply(step, self._emit)
                if made:
                    await asyncio.to_thread(self._mask.learn, made)
            case Delete():
                if await self._session.delete(step, self._emit) is Change.KEPT:
                    self._record.keep(step.identity)
            case RollOut():
                await self._session.roll_out(step, self._emit, self._record.find_image_ids(step))
            case AwaitOldPods():
                await self._session.await_old_pods(step, self._emit)
            case Migrate():
                await self._session.migrate(step, self._emit_of_attempts)
            case _:
                assert_never(step)

    async def _run_job(self, step: RunJob) -> None:
        """Run a Job of the values. That it was made is saved before its end is awaited: its ttl may remove it then."""
        await self._session.apply(step, self._emit)
        record = self._record.make_job(step)
        await self._save()
        if step.awaits_end:
            state = self._mask_job(await self._session.await_job(step, record, self._emit_of_attempts))
            self._record.see_job(state)
            if state.problems:
                raise RolloutFailed(step.id, state.problems)

    def _mask_job(self, state: JobState) -> JobState:
        masked = self._mask.job(state)
        attempts = tuple(map(shorten_log, masked.record.attempts))
        return msgspec.structs.replace(masked, record=msgspec.structs.replace(masked.record, attempts=attempts))

    def _emit_of_attempts(self, event: Event) -> None:
        if isinstance(event, AttemptEnded):
            attempt = shorten_log(self._mask.attempt(event.attempt))  # masked first: a value cut in two would be missed
            event = msgspec.structs.replace(event, attempt=attempt)
            self._record.add_attempt(event.step, attempt)
        self._emit(event)

    async def _fail(self, step: Step, error: KsUniversalError) -> None:
        failure = Failure(step=step.id, outcome=_name_outcome(error), causes=self._mask.problems(error.problems))
        self._record.fail(failure)
        if isinstance(error, RolloutFailed) and error.is_gone:
            self._record.lose(step)
        # Where the record cannot be written now, it is written at the end, or that failure is raised.
        try:
            await self._save_after(step)
        except LockedError as loss:
            if loss.is_taken:  # it may be what the other run did: nobody knows that this step failed
                return
        except KsUniversalError:
            pass
        self._emit(StepFailed(step=step.id, causes=failure.causes, outcome=failure.outcome))
        self._skip(self._schedule.fail(step.id), step)

    async def _pause(self, step: Step) -> None:
        """Leave out what needs the new version; what other applications need of it fails with it."""
        lost = self._schedule.fail(step.id)
        held = [other.id for other in self._plan.steps if other.id in lost and _brings_up_another(other, step)]
        if held:
            message = f"its values pause it, and these need its new version: {', '.join(held)}"
            paused = Problem(
                "rollout/paused", message, hint="deploy it without 'paused', or the others without 'dependsOn'"
            )
            await self._fail(step, RolloutFailed(step.id, (paused,)))
        else:
            self._record.pause()
            self._emit(StepPaused(step=step.id))
        self._skip(lost, step)

    def _skip(self, lost: Iterable[str], because: Step) -> None:
        for step in lost:
            unchanged = step in self._unchanged
            self._emit(StepSkipped(step=step, kind=self._kinds[step], because=because.id, unchanged=unchanged))

    async def _save_after(self, step: Step) -> None:
        """Save what a next run has to know if this one is killed; what else Apply and Delete did shows by itself.

        A record that cannot be written changes nothing of what the step has come to: the next save has it, too.
        """
        if isinstance(step, Migrate | RollOut) or (isinstance(step, RunJob) and step.awaits_end):
            with contextlib.suppress(TargetError):
                await self._save()

    async def _save(self) -> None:
        """Save one after the other, so that no older record replaces a newer one; one save serves all who wait."""
        self._asked += 1
        mine = self._asked
        async with self._saving:
            if self._saved < mine:
                newest = self._asked
                await self._session.save(self._record.show())
                self._saved = newest

    def _count_old_pods(self) -> dict[str, int]:
        """Count the old pods that are still stopping, by application, of the rollouts that have succeeded."""
        rollouts = (step for step in self._plan.steps if isinstance(step, RollOut) and self._record.has_succeeded(step))
        counts = {step.application or step.id: self._session.count_old_pods(step) for step in rollouts}
        return {application: count for application, count in counts.items() if count}

    async def _read_jobs(self, outcome: Outcome) -> tuple[JobState, ...]:
        """Read what has become of the Jobs of the values; of a run that was interrupted only what is known."""
        known = self._record.jobs
        if outcome is not Outcome.INTERRUPTED and known:
            with contextlib.suppress(KsUniversalError):  # its end is recorded in any case
                states = tuple(map(self._mask_job, await self._session.read_jobs(known)))
                for state in states:
                    self._record.see_job(state)
                return states
        return tuple(JobState(identity=ref, record=record) for ref, record in known.items())

    async def _close(self, outcome: Outcome, began_s: float) -> Revision:
        jobs = await self._read_jobs(outcome)
        revision = self._record.close(outcome, datetime.now(UTC))
        unwritten, runs = None, self._record.runs
        try:
            await self._session.save(revision)
        except LockedError as loss:
            runs = {} if loss.is_taken else runs  # what the other run has brought up, this one does not know
            raise
        except TargetError as error:
            unwritten = _describe_unwritten(revision.number, error)
        finally:
            self._emit(
                RunEnded(
                    release=revision.release,
                    revision=revision.number,
                    outcome=outcome,
                    duration_s=_now_s() - began_s,
                    runs=runs,
                    stopping=self._count_old_pods(),
                    unwritten=unwritten,
                    jobs=jobs,
                )
            )
        return revision


def _describe_unwritten(number: int, error: TargetError) -> Problem:
    message = f"the record of revision {number} could not be written: {error.problem.message}"
    hint = "what the run did is done; 'status' and 'history' show it as killed, and the next run finds its Jobs"
    return Problem("record/unwritten", message, hint=hint, severity=Severity.WARNING)


def _now_s() -> float:
    return asyncio.get_running_loop().time()


def _brings_up_another(step: Step, paused: Step) -> bool:
    """Tell whether a step is on another application's way to its new version, and neither after it nor a clean-up."""
    is_on_its_way = isinstance(step, RollOut) or (isinstance(step, Migrate) and step.migration.phase is Phase.PRE)
    return is_on_its_way and step.application != paused.application


def _name_outcome(error: KsUniversalError) -> Outcome:
    match error:
        case MigrationFailed():
            return Outcome.MIGRATION_FAILED
        case RolloutFailed():
            return Outcome.ROLLOUT_FAILED
        case _:
            return Outcome.FAILED
