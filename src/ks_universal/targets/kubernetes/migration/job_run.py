"""Migrations: a step's Job, taken up or made anew, followed to its end, really stopped where it must not go on."""

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime

from ks_universal.diagnostics import Problem
from ks_universal.engine.cancellation import run_to_completion
from ks_universal.engine.events import AttemptEnded, AttemptStarted, Emit, StopFailed
from ks_universal.engine.retries import tell_timeout
from ks_universal.engine.target import MigrationFailed
from ks_universal.errors import KsUniversalError, TargetError
from ks_universal.json_types import Json
from ks_universal.metadata_keys import CAUSE, DIGEST, REVISION
from ks_universal.plan.records import Attempt
from ks_universal.plan.steps import Migrate
from ks_universal.targets.kubernetes.api.client import Client
from ks_universal.targets.kubernetes.api.kinds import JOB
from ks_universal.targets.kubernetes.migration.attempts import PodAttempt
from ks_universal.targets.kubernetes.migration.injected import has_been_ended, read_attempts
from ks_universal.targets.kubernetes.migration.job_watch import End, Ended, JobWatch, Stuck, await_change
from ks_universal.targets.kubernetes.migration.jobs import make_job, may_run, remove_job, start_job
from ks_universal.targets.kubernetes.migration.periods import list_waits
from ks_universal.targets.kubernetes.observed.observer import Observer, WorkloadKey
from ks_universal.targets.kubernetes.observed.pods import condition, is_finished, read_containers
from ks_universal.targets.kubernetes.observed.sight import describe_loss

_log = logging.getLogger(__name__)


_GRACE_S = 60.0
"""How much longer than the Job's own deadline the program waits: the pods' grace period, and a slow controller."""


class JobRun:
    """One run of a migration step, as part of a revision's run.

    `marks` are the annotations of the Job that it makes, REVISION among them. A Job that has ended is taken up when
    `is_unrecorded`: it was made for this revision, and nobody has noted its end. `job` is the Job, once there is one.
    `refuse` raises TargetError for one that another has made: it may have come since the plan was checked.
    """

    def __init__(  # noqa: PLR0913 - what is run, who looks, who is told, and whose the Job is
        self,
        client: Client,
        observer: Observer,
        step: Migrate,
        emit: Emit,
        *,
        marks: dict[str, str],
        is_unrecorded: bool,
        refuse: Callable[[Json], object],
    ) -> None:
        self.job: Json | None = None
        self._client = client
        self._observer = observer
        self._step = step
        self._emit = emit
        self._marks = marks
        self._is_unrecorded = is_unrecorded
        self._refuse = refuse
        self._name = str(step.migration.body["metadata"]["name"])
        self._topic: WorkloadKey = ("Job", self._name)
        self._watch = JobWatch(client, observer, step, emit)
        self._attempts = self._watch.attempts
        self._resumed = False

    async def migrate(self) -> tuple[Attempt, ...]:
        """Run to the end. Raises MigrationFailed; on cancellation the Job and its pods are gone before it goes on."""
        await self._observer.start()
        try:
            async with asyncio.timeout(self._longest_s()):
                self.job = await self._adopt_or_create()
                if has_been_ended(self.job):
                    await self._watch.stop_succeeded(self.job)
                    return self._take_over(read_attempts(self.job))
                while not await self._follow(self.job):
                    self.job = await self._begin_again(self.job)
                return self._attempts.ended
        except TimeoutError:
            await run_to_completion(self._stop())
            raise MigrationFailed(self._step.id, (*self._attempts.causes, self._timed_out())) from None
        except asyncio.CancelledError:
            try:
                await run_to_completion(self._stop())
            except KsUniversalError as error:  # the cancellation is what counts
                self._emit(StopFailed(step=self._step.id, cause=self._may_run_on(error)))
            raise
        finally:
            await self._attempts.abandon()

    async def _adopt_or_create(self) -> Json:
        job = await self._client.get(JOB, self._name)
        if job is not None and self._is_ours(job):
            _log.info("%s goes on with Job/%s, which an earlier run made for the same", self._step.id, self._name)
            self._resumed = True
            if has_been_ended(job):
                return job
            return await start_job(self._client, self._step, self._marks, job)
        if job is not None:
            self._refuse(job)
            _log.info("%s: Job/%s was for something else or has ended; it is replaced", self._step.id, self._name)
            self._watch.say("the previous Job's pods to terminate")
            await remove_job(self._client, self._observer, job)
        await self._await_no_pods()
        return await make_job(self._client, self._step, self._marks)

    def _take_over(self, attempts: tuple[Attempt, ...]) -> tuple[Attempt, ...]:
        """Tell of attempts that a run has made which was killed before it could record them."""
        for attempt in attempts:
            self._emit(AttemptStarted(step=self._step.id, number=attempt.number, resumed=True))
            self._emit(AttemptEnded(step=self._step.id, attempt=attempt))
        return attempts

    def _is_ours(self, job: Json) -> bool:
        """Tell whether the Job runs what the step says: now, or to an end that this run has yet to note."""
        annotations = job["metadata"].get("annotations", {})
        if "deletionTimestamp" in job["metadata"] or annotations.get(DIGEST) != self._step.digest:
            return False
        # What the record calls ended has ended, also where the Job's condition is a second late to say so.
        return self._is_unrecorded and (may_run(job) or annotations.get(REVISION) == self._marks[REVISION])

    async def _await_no_pods(self) -> None:
        """Wait until no pod of any Job of this name runs: also not of one that was deleted behind our back."""
        with self._observer.follow(self._topic) as changed:
            while any(not is_finished(pod) for pod in self._observer.pods(self._topic)):
                self._watch.say("the previous Job's pods to terminate")
                await await_change(changed, None)
                self._observer.check()

    async def _begin_again(self, job: Json) -> Json:
        """Replace a Job that is not to be retried by its controller.

        It failed because somebody deleted its pods, which is not the migration's failure; or its pod does not end.
        """
        held, retry_in_s = self._attempts.find_held(job), self._attempts.retry_in_s
        why = f"in which {', '.join(held)} runs on" if held else "which somebody deleted"
        _log.info("%s begins again with a new Job: its pods, %s, are removed", self._step.id, why)
        self._watch.say(f"its pods, {why}, to be gone")
        await remove_job(self._client, self._observer, job)
        if held and retry_in_s:
            self._watch.say("the next attempt")
            await asyncio.sleep(retry_in_s)  # as its controller would
        self._resumed = False
        return await make_job(self._client, self._step, self._marks, retries=self._attempts.retries_left)

    async def _follow(self, job: Json) -> bool:
        """Follow a Job to its success; False: it ended without, for reasons that are not its own."""
        match await self._watch.follow(job, resumed=self._resumed):
            case Stuck(issue):
                raise await self._give_up(issue)
            case Ended(End.DONE):
                return True
            case Ended(End.COMPLETE):
                return not self._attempts.was_interrupted
            case Ended(End.HOPELESS):
                await self._end_retries()
                raise await self._fail()
            case Ended(End.GONE):
                raise await self._fail(describe_loss(JOB, self._name))
            case Ended(End.HELD):
                if self._attempts.retry_in_s is not None:
                    return False
                await self._end("kubernetes/injected-container")
                raise await self._fail()
            case Ended(_, last):
                if self._is_excused(last):
                    return False
                raise await self._fail(*self._verdict(last))

    def _is_excused(self, job: Json) -> bool:
        """Tell whether the Job only failed because its controller counts deleted pods as failures."""
        if self._attempts.is_hopeless:
            return False
        return condition(job, "Failed").get("reason") == "BackoffLimitExceeded" and self._attempts.retries_left >= 0

    async def _give_up(self, problem: Problem) -> MigrationFailed:
        """End a Job that cannot succeed, so that nothing of it runs later; gives the failure."""
        _log.info("%s is given up: %s", self._step.id, problem.code)
        await self._end(problem.code)
        return await self._fail(problem, issue=problem)

    async def _end(self, cause: str) -> None:
        """End a Job; it stays for reading, as failed, and its controller removes the pods that have not ended."""
        patch = {
            "metadata": {"annotations": {CAUSE: cause}},
            "spec": {"activeDeadlineSeconds": 1, "suspend": False},
        }
        await self._client.patch(JOB, self._name, patch)
        with self._observer.follow(self._topic) as changed:
            while any(not is_finished(pod) for pod in self._observer.pods(self._topic)):
                await await_change(changed, None)
                self._observer.check()

    async def _end_retries(self) -> None:
        """Have the Job fail now: its controller makes no further pod, as when all retries are used up."""
        await self._client.patch(JOB, self._name, {"spec": {"backoffLimit": 0}})
        with self._observer.follow(self._topic) as changed:
            while self._may_run():
                await await_change(changed, None)
                self._observer.check()

    def _may_run(self) -> bool:
        job = self._observer.job(self._name)
        running = any(not is_finished(pod) for pod in self._observer.pods(self._topic))
        return running or (job is not None and may_run(job))

    async def _stop(self) -> None:
        """Delete the Job and see its pods gone; their logs are kept in the attempts."""
        job = await self._client.get(JOB, self._name)
        if job is not None:
            self._watch.say("its pod to terminate")
            await remove_job(self._client, self._observer, job)
        await self._attempts.end(reason="stopped")

    async def _fail(self, *problems: Problem, issue: Problem | None = None) -> MigrationFailed:
        await self._attempts.end(issue=issue)
        return MigrationFailed(self._step.id, tuple(dict.fromkeys((*self._attempts.causes, *problems))))

    def _verdict(self, job: Json) -> tuple[Problem, ...]:
        """What the Job's own condition adds to its attempts' causes."""
        failed = condition(job, "Failed")
        if failed.get("reason") == "DeadlineExceeded":
            return (self._timed_out(),)
        if self._attempts.causes:
            return ()
        return (Problem("kubernetes/job-failed", f"Job/{self._name} failed: {failed.get('message', '')}"),)

    def _timed_out(self) -> Problem:
        last = self._attempts.last
        waiting = "" if last is None else _describe_waits(self._observer.job(self._name), last)
        return tell_timeout(self._step.migration, waiting)

    def _may_run_on(self, error: KsUniversalError) -> Problem:
        """Say why it could not be stopped; whoever has taken the lock over has taken the Job over, too."""
        why = error.problem.message if isinstance(error, TargetError) else str(error)
        message = f"Job/{self._name} could not be stopped and may run on: {why}"
        return Problem("migrations/not-stopped", message, hint="the next run takes it up, or stops it before all else")

    def _longest_s(self) -> float | None:
        timeout_s = self._step.migration.timeout_s
        return None if timeout_s is None else timeout_s + _GRACE_S


def _describe_waits(job: Json | None, attempt: PodAttempt) -> str:
    """Say what the time went into before the migration itself began, or that an init container was still running."""
    for state in read_containers(attempt.pod):
        if state.kind == "init" and not (state.state == "terminated" and state.detail.get("exitCode") == 0):
            last = attempt.last_lines()[-1:]
            return f": init container {state.name} did not finish" + (f", last saying: {last[0]}" if last else "")
    waits = [f"{seconds:.0f} s {what}" for what, seconds in list_waits(job or {}, attempt.pod, datetime.now(UTC))]
    return f", of which {' and '.join(waits)}" if waits else ""
