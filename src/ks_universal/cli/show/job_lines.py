"""The Jobs of the values as lines for people: how each ended, or how far it is."""

from collections.abc import Iterator

from ks_universal import JobRecord, JobState, ObjectRef, Outcome, tell_end_of_gone
from ks_universal.cli.show.event_lines import format_time


def format_job(job: JobState) -> str:
    """Say in a line how a Job is: `job seed: failed with exit code 1 at 2026-11-28 06:00:00Z`."""
    return f"job {job.identity.name}: {_tell_outcome(job)}"


def format_recorded_job(ref: ObjectRef, record: JobRecord) -> str:
    """Say how a Job was when the run ended of whose record it is part."""
    if record.outcome is Outcome.RUNNING:
        return f"job {ref.name}: had not ended"
    return format_job(JobState(identity=ref, record=record))


def list_problem_lines(job: JobState) -> Iterator[str]:
    """Say why a Job failed, or what keeps it from its work."""
    return (line for problem in job.problems for line in str(problem).splitlines())


def _tell_outcome(job: JobState) -> str:
    record = job.record
    at = "" if record.ended is None else f" at {format_time(record.ended)}"
    gone = "" if job.is_there else f"; {tell_end_of_gone(record)}"
    match record.outcome:
        case Outcome.PENDING:
            return "not run"
        case Outcome.SUCCEEDED:
            return f"succeeded{at}{gone}"
        case Outcome.FAILED:
            codes = [attempt.exit_code for attempt in record.attempts if attempt.exit_code]
            code = f" with exit code {codes[-1]}" if codes else ""
            return f"failed{code}{at}{gone}; the next deploy runs it again"
        case _ if not job.is_there:
            return f"ran in revision {record.revision}{gone}; nobody saw how it ended"
        case _:
            return "running" if not job.waits_for else f"waits for {job.waits_for}"
