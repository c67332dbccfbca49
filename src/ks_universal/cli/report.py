"""What a run came to, for somebody who reads it at three in the morning: what failed first, why, what runs now."""

from collections.abc import Iterator

from ks_universal.cli.event_lines import format_attempt, format_duration
from ks_universal.engine.events import AttemptEnded, Event, RunEnded, RunStarted, StepFailed
from ks_universal.plan.records import Attempt, Outcome

_VERDICTS = {
    Outcome.RUNNING: "has not ended",
    Outcome.SUCCEEDED: "is up",
    Outcome.MIGRATION_FAILED: "a migration failed",
    Outcome.ROLLOUT_FAILED: "the migrations succeeded, but the new version did not come up",
    Outcome.FAILED: "failed",
    Outcome.INTERRUPTED: "was interrupted",
    Outcome.SKIPPED: "was not run",
}


class RunReport:
    """Gathers the events of one run; a new run starts it anew."""

    def __init__(self) -> None:
        self._attempts: dict[str, list[Attempt]] = {}
        self._failures: list[StepFailed] = []

    def take(self, event: Event) -> None:
        """Remember what the report will tell."""
        match event:
            case RunStarted():
                self._attempts.clear()
                self._failures.clear()
            case AttemptEnded():
                self._attempts.setdefault(event.step, []).append(event.attempt)
            case StepFailed():
                self._failures.append(event)
            case _:
                pass

    def lines(self, end: RunEnded) -> Iterator[str]:
        """Say how the run ended: the verdict, each failed step in the order of failing, and what runs now."""
        duration = format_duration(end.duration_s)
        yield f"{end.release}, revision {end.revision}: {_VERDICTS[end.outcome]} (after {duration})"
        for failure in self._failures:
            yield ""
            yield from self._failure_lines(failure)
        if end.outcome is not Outcome.SUCCEEDED:
            yield ""
            yield from _running_lines(end)

    def _failure_lines(self, failure: StepFailed) -> Iterator[str]:
        yield f"failed step: {failure.step}"
        attempts = self._attempts.get(failure.step, [])
        first = next((attempt for attempt in attempts if attempt.exit_code != 0), None)
        causes = first.causes if first and first.causes else failure.causes
        for cause in causes:
            yield from _indent(str(cause).splitlines())
        yield from _indent(format_attempt(attempt) for attempt in attempts)
        if first and first.log_tail:
            yield f"  last lines of attempt {first.number}:"
            yield from (f"    | {line}" for line in first.log_tail)
        yield from _indent(line for c in failure.causes if c not in causes for line in str(c).splitlines())


def _running_lines(end: RunEnded) -> Iterator[str]:
    for application, revision in end.runs.items():
        now = "nothing of it runs" if revision is None else f"revision {revision} serves on"
        yield f"{application}: {now}"


def _indent(lines: Iterator[str] | list[str]) -> Iterator[str]:
    return (f"  {line}" for line in lines)
