"""How what was done about a Release has ended: what its status and its Events then say, and when it is tried again."""

from collections.abc import Callable

from ks_universal.controller.decisions import Memory
from ks_universal.controller.reading_values import MissingValuesError, Sources
from ks_universal.controller.releases import Key
from ks_universal.controller.reporting import Reporter
from ks_universal.controller.status import (
    REASONS,
    Reason,
    describe_failure,
    describe_problems,
    say_ready,
    say_retrying,
    say_stalled,
)
from ks_universal.diagnostics import Problem, Severity
from ks_universal.errors import InputError, KsUniversalError, LockedError, TimedOutError
from ks_universal.plan.records import Outcome, Revision
from ks_universal.targets.kubernetes.api.clock import now_s

VALUES_PACE_S = 60.0
"""How often at least is looked whether what `valuesFrom` names has changed."""
_MOST_LOCKED_PAUSE_S = 15.0
_MOST_MISSING_PAUSE_S = 30.0


class Ending:
    """Says how it has ended for one Release. `tell` takes what an operator is to know."""

    def __init__(self, key: Key, memory: Memory, report: Reporter, tell: Callable[[str], None]) -> None:
        self._key = key
        self._memory = memory
        self._report = report
        self._tell = tell

    async def close(self, revision: Revision, sources: Sources, images: list[str]) -> None:
        """Say how a run has ended, by its record. After a failed migration or rollout only a change helps."""
        fields = {"revision": revision.number, "step": None, "lastHandledValues": sources.digest or None}
        if revision.outcome is Outcome.SUCCEEDED:
            self._memory.succeed()
            message = f"revision {revision.number} is up"
            await self._report.write(say_ready(message), failure=None, images=images, **fields)
            self._report.announce("Succeeded", f"{message}: {', '.join(images)}")
            self._tell(f"{self._key}: {message}")
            return
        reason = REASONS.get(revision.outcome, Reason.FAILED)
        failures = [(failure.step, failure.causes[0]) for failure in revision.failures if failure.causes]
        told = "; ".join(f"{step}: {cause.message}" for step, cause in failures)
        message = told or f"revision {revision.number} ended as {revision.outcome}"
        if revision.outcome in REASONS:
            self._memory.succeed()
            conditions = say_stalled(reason, message)
        else:
            self._memory.fail(now_s())
            conditions = say_retrying(reason, message)
        failure = describe_failure(failures[0][1], failures[0][0]) if failures else None
        await self._report.write(conditions, failure=failure, **fields)
        self.warn(reason, message)

    async def refuse(self, error: InputError, sources: Sources | None = None) -> None:
        """Say what is wrong with the spec or the values: nothing was changed, and only another spec helps."""
        self._memory.succeed()
        digest = None if sources is None else sources.digest or None
        fields = {"step": None, "lastHandledReconcileAt": self._report.requested, "lastHandledValues": digest}
        message = describe_problems(error.problems)
        failure = describe_failure(_first_error(error))
        if sources is not None:
            self._memory.check_at = now_s() + VALUES_PACE_S
        await self._report.write(say_stalled(Reason.INVALID, message), failure=failure, **fields)
        self.warn(Reason.INVALID, message)

    async def give_up(self, error: KsUniversalError, reason: Reason | None = None) -> None:
        """Say why a run has not come to its end; it is tried again, the later the more often it failed."""
        reason, at_most_s = (reason, None) if reason is not None else _judge(error)
        self._memory.fail(now_s(), **({} if at_most_s is None else {"at_most_s": at_most_s}))
        if reason is Reason.LOCKED and self._report.holder:
            error = LockedError(self._key.name, self._report.holder)  # by whom, and not only for how long
        message = describe_problems(error.problems)
        failure = self._report.failure or describe_failure(_first_error(error))
        await self._report.write(say_retrying(reason, message), failure=failure, step=None)
        self.warn(reason, message)

    def warn(self, reason: Reason, message: str) -> None:
        """Tell of something that is not as it should be."""
        self._report.announce(reason, message, is_warning=True)
        self._tell(f"{self._key}: {reason}: {message}")


def _judge(error: KsUniversalError) -> tuple[Reason, float | None]:
    """Say why a run has not come to its end, and how long to wait at most before the next try."""
    match error:
        case LockedError():
            return Reason.LOCKED, _MOST_LOCKED_PAUSE_S
        case TimedOutError():
            return Reason.TIMED_OUT, None
        case MissingValuesError():
            return Reason.VALUES_MISSING, _MOST_MISSING_PAUSE_S
        case InputError():
            return Reason.REFUSED, None
        case _:
            return Reason.FAILED, None


def _first_error(error: KsUniversalError) -> Problem:
    errors = [problem for problem in error.problems if problem.severity is Severity.ERROR]
    return (errors or list(error.problems))[0]
