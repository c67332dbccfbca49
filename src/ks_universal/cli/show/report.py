"""What a run came to, for somebody who reads it at three in the morning: what failed first, why, what runs now."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from ks_universal import (
    GO_ON,
    Attempt,
    AttemptEnded,
    Event,
    JobState,
    Outcome,
    Problem,
    RunEnded,
    RunProgress,
    RunRecorder,
    RunStarted,
    StepFailed,
    StepKind,
    StepPaused,
    StepSkipped,
    StepStarted,
    StepSucceeded,
    find_permanent_cause,
)
from ks_universal.cli.show.event_lines import format_attempt, format_duration, format_stopping
from ks_universal.cli.show.folding import fold_tracebacks, shows
from ks_universal.cli.show.job_lines import format_job

_VERDICTS = {
    Outcome.RUNNING: "has not ended",
    Outcome.SUCCEEDED: "is up",
    Outcome.MIGRATION_FAILED: "a migration failed",
    Outcome.ROLLOUT_FAILED: "the new version did not come up",
    Outcome.FAILED: "failed",
    Outcome.INTERRUPTED: "was interrupted",
    Outcome.SKIPPED: "was not run",
}
_TAIL_LINES = 12
_EXIT_CODE, _SERVING = "process/exit-code", "kubernetes/serving"
_TIMEOUTS = frozenset(("jobs/timeout", "migrations/timeout"))
_FAILED_BESIDE = {
    StepKind.RUN_JOB: "the new version is up, but a job failed",
    StepKind.AWAIT_OLD_PODS: "the new version is up, but pods of the version before do not end",
}
"""What it means that only steps of these kinds have failed."""
_MAY_GO_ON = (
    "  it is gone; a statement that it had sent may still be running in its database (pg_stat_activity shows it)"
)
_GOES_ON = "  the cluster goes on with it; 'ks-universal status' shows how far it is, 'rollback' goes back"


class RunReport:
    """Gathers the events of one run; a new run starts it anew."""

    def __init__(self, succeeded: str = _VERDICTS[Outcome.SUCCEEDED], *, goes_on: bool = False) -> None:
        """`succeeded` is the verdict on a run that did; `goes_on`: rollouts and Jobs do so without this program."""
        self._goes_on = goes_on
        self._verdicts = {**_VERDICTS, Outcome.SUCCEEDED: succeeded}
        self._attempts: dict[str, list[Attempt]] = {}
        self._failures: list[StepFailed] = []
        self._failed_kinds: set[StepKind | None] = set()
        self._skipped: list[StepSkipped] = []
        self._paused: set[str | None] = set()
        self._applications: dict[str, str | None] = {}
        self._has_migrated = False
        self._end: RunEnded | None = None
        self.progress = RunProgress()
        self.recorder: RunRecorder | None = None

    def take(self, event: Event) -> None:
        """Remember what the report will tell."""
        kind = self.progress.running.get(event.step) if isinstance(event, StepSucceeded | StepFailed) else None
        self.progress(event)
        if self.recorder is not None:
            self.recorder(event)
        match event:
            case RunStarted():
                self._attempts.clear()
                self._failures.clear()
                self._failed_kinds.clear()
                self._skipped.clear()
                self._paused.clear()
                self._applications.clear()
                self._has_migrated = False
                self._end = None
            case RunEnded():
                self._end = event
            case StepStarted():
                self._applications[event.step] = event.application
            case StepSucceeded():
                self._has_migrated |= kind is StepKind.MIGRATE
            case AttemptEnded():
                self._attempts.setdefault(event.step, []).append(event.attempt)
            case StepPaused():
                self._paused.add(self._applications.get(event.step))
            case StepFailed():
                self._failed_kinds.add(kind)
                self._failures.append(event)
            case StepSkipped(unchanged=False):
                self._skipped.append(event)
            case _:
                pass

    def lines(self, end: RunEnded) -> Iterator[str]:
        """Say how the run ended: the verdict, each failed step in the order of failing, and what runs now."""
        yield self._tell_end(end)
        for failure in self._failures:
            yield ""
            yield from self._failure_lines(failure)
        for step in self.progress.running:
            yield ""
            yield from self._stopped_lines(step)
        for step, attempts in self._attempts.items():
            warnings = [cause for attempt in attempts if attempt.exit_code == 0 for cause in attempt.causes]
            yield from ("", f"{step} succeeded, but:", *_problem_lines(warnings)) if warnings else ()
        if skipped := [event.step for event in self._skipped if event.kind is not StepKind.AWAIT_OLD_PODS]:
            yield ""
            yield f"not started: {', '.join(skipped)}"
        if end.jobs:
            yield ""
            yield from self._job_lines(end.jobs)
        if end.outcome is not Outcome.SUCCEEDED or self._paused:
            yield ""
            yield from self._running_lines(end)
        yield from (f"{application}: {format_stopping(count)}" for application, count in end.stopping.items())
        if end.unwritten is not None:
            yield from _problem_lines((end.unwritten,))

    def tell_verdict(self, release: str) -> str:
        """Say in one line how the run of a release ended, or that it did not."""
        if self._end is not None:
            return self._tell_end(self._end)
        return f"{release}: {'was stopped' if self.progress.has_begun else 'did not begin; nothing was changed'}"

    def _tell_end(self, end: RunEnded) -> str:
        return f"{end.release}, revision {end.revision}: {self._judge(end)} (after {format_duration(end.duration_s)})"

    def _judge(self, end: RunEnded) -> str:
        if end.outcome is Outcome.ROLLOUT_FAILED:
            return self._judge_rollout()
        verdict = self._verdicts[end.outcome]
        if end.outcome is not Outcome.SUCCEEDED or not self._paused:
            return verdict
        if self._paused >= end.runs.keys():
            return _say_paused(serves=any(revision is not None for revision in end.runs.values()))
        return f"{verdict}, but for what is paused"

    def _judge_rollout(self) -> str:
        is_up = bool(self._failed_kinds) and self._failed_kinds <= _FAILED_BESIDE.keys()
        verdict = (
            _FAILED_BESIDE[min(filter(None, self._failed_kinds))] if is_up else self._verdicts[Outcome.ROLLOUT_FAILED]
        )
        if any(skipped.kind is StepKind.MIGRATE for skipped in self._skipped):
            return f"{verdict}; migrations that come after it did not run"
        return f"the migrations succeeded, but {verdict}" if self._has_migrated and not is_up else verdict

    def _failure_lines(self, failure: StepFailed) -> Iterator[str]:
        yield f"failed step: {failure.step}"
        attempts = self._attempts.get(failure.step, [])
        first = _find_first_failure(attempts)
        causes = _telling(first.causes if first and first.causes else failure.causes)
        yield from _problem_lines(causes)
        later = _find_later(attempts)
        for number, found in later.items():
            yield f"  and in attempt {number}:"
            yield from _problem_lines(found)
        yield from _vain_lines(attempts)
        yield from _attempt_lines(attempts, (*causes, *chain.from_iterable(later.values())))
        known = {cause for attempt in attempts for cause in attempt.causes}
        yield from _problem_lines([cause for cause in failure.causes if cause not in causes and cause not in known])
        if any(cause.code in _TIMEOUTS for cause in failure.causes):
            yield _MAY_GO_ON

    def _stopped_lines(self, step: str) -> Iterator[str]:
        """Say what became of a step that the run's end has cut short, or with which the cluster goes on."""
        attempts = self._attempts.get(step, [])
        if self._goes_on and self.progress.running[step] in GO_ON:
            yield f"no longer watched: {step}"
            yield _GOES_ON
        elif step in self.progress.unstopped:
            yield f"NOT stopped: {step}"
            yield from _problem_lines([self.progress.unstopped[step]])
            yield from _attempt_lines(attempts)
        else:
            yield f"stopped: {step}"
            yield from _attempt_lines(attempts)
            if attempts:
                yield _MAY_GO_ON

    def _is_on_its_way(self, step: str) -> bool:
        return self._goes_on and self.progress.running[step] is StepKind.ROLL_OUT

    def _job_lines(self, jobs: Iterable[JobState]) -> Iterator[str]:
        """Say how the Jobs of the values are; of those that failed and that nobody has waited for also why."""
        told = {failure.step.partition(" ")[0] for failure in self._failures}
        for job in jobs:
            yield format_job(job)
            if job.problems and str(job.identity) not in told:
                causes = _telling(job.problems)
                yield from _problem_lines(causes)
                yield from _attempt_lines(list(job.record.attempts), causes)

    def _running_lines(self, end: RunEnded) -> Iterator[str]:
        """Say what runs now; of a rollout that failed in the middle only a look at the pods can tell."""
        seen = {
            self._applications.get(failure.step): cause.message
            for failure in self._failures
            for cause in failure.causes
            if cause.code == _SERVING
        }
        on_its_way = {self._applications.get(step) for step in self.progress.running if self._is_on_its_way(step)}
        for application, revision in end.runs.items():
            now = "nothing of it runs" if revision is None else f"revision {revision} serves on"
            if application in self._paused:
                now = _say_paused(serves=revision is not None)
            if application in on_its_way:
                now = f"on its way to revision {end.revision}" + (f" from revision {revision}" if revision else "")
            yield f"{application}: {seen.get(application, now)}"


def _say_paused(*, serves: bool) -> str:
    return f"is applied, and paused: {'the old version serves' if serves else 'nothing of it serves yet'}"


def _attempt_lines(attempts: list[Attempt], causes: tuple[Problem, ...] = ()) -> Iterator[str]:
    """Say how each attempt ended, with its reason where the causes don't; and the last words of the first failure."""
    said = {cause.message for cause in causes}
    for attempt in attempts:
        reason = attempt.reason if attempt.reason not in said else None
        yield f"  {format_attempt(attempt, reason)}"
    first = _find_first_failure(attempts)
    for name, lines in (first.sidecar_tails if first else {}).items():
        yield f"  last lines of sidecar {name}:"
        yield from (f"    | {line}" for line in fold_tracebacks(lines)[-_TAIL_LINES:])
    if first and first.log_tail:
        last = fold_tracebacks(first.log_tail)[-_TAIL_LINES:]
        if not shows(last, first.excerpt):
            yield f"  where the log of attempt {first.number} tells it:"
            yield from (f"    | {line}" for line in fold_tracebacks(first.excerpt))
        yield f"  last lines of attempt {first.number}:"
        yield from (f"    | {line}" for line in last)


def _find_later(attempts: Sequence[Attempt]) -> dict[int, tuple[Problem, ...]]:
    """Find what came up only after the first failure, such as what has to be repaired: by the attempt's number."""
    first = _find_first_failure(attempts)
    known = {_EXIT_CODE, *(cause.code for cause in (first.causes if first else ()))}
    later = {}
    for attempt in attempts:
        new = tuple(cause for cause in attempt.causes if cause.code not in known)
        known.update(cause.code for cause in new)
        if new:
            later[attempt.number] = new
    return later


def _vain_lines(attempts: Sequence[Attempt]) -> Iterator[str]:
    """Say that retries cannot help."""
    if lasting := next(filter(None, map(find_permanent_cause, attempts[:-1])), None):
        yield f"  retries could not help: {lasting} does not pass by itself ('retry: passing' leaves them out)"


def _find_first_failure(attempts: Iterable[Attempt]) -> Attempt | None:
    """One that was ended from outside has no causes, and is the first failure only where nothing else failed."""
    failed = [attempt for attempt in attempts if attempt.exit_code != 0]
    return next((attempt for attempt in failed if attempt.causes), next(iter(failed), None))


def _telling(causes: tuple[Problem, ...]) -> tuple[Problem, ...]:
    """Leave out the exit code, which the attempt's line says, where anything else is known."""
    return tuple(cause for cause in causes if cause.code != _EXIT_CODE or cause.hint) or causes


def _problem_lines(problems: Iterable[Problem]) -> Iterator[str]:
    return (f"  {line}" for problem in problems for line in str(problem).splitlines())
