"""When a migration is tried again, and when that cannot help."""

from collections.abc import Iterable, Sequence
from itertools import chain

from ks_universal.diagnosis.rules import LASTING
from ks_universal.diagnostics import Problem, Severity
from ks_universal.model.format.migrations import Retry
from ks_universal.plan.records import Attempt
from ks_universal.resources.objects import Migration

LONGEST_DELAY_S = 360.0
"""Six minutes: the longest pause of Kubernetes' Job controller."""

TIMEOUT = "migrations/timeout"
_CANNOT_RUN = {126: "a command that may not be executed", 127: "a command that is not there"}
"""The exit codes of shells that say that nothing was run."""
_ENDINGS = frozenset(("process/exit-code", "process/not-executable", "process/not-found"))
"""Causes that only say how a process ended."""


def find_retry_delay_s(
    migration: Migration, attempts: Sequence[Attempt], *, first_delay_s: float, time_left_s: float | None = None
) -> float | None:
    """Say how long to wait before the next attempt; None: there is none.

    `backoffLimit: N` is N retries after the first attempt. None follows a success, what `find_stop` names, or an
    attempt after which the time left (of `timeout`, for all attempts together) ends before the pause does. Pauses
    double.
    """
    last = attempts[-1]
    if last.exit_code == 0 or find_stop(migration, last) or len(attempts) > migration.retries:
        return None
    delay_s = min(first_delay_s * 2.0 ** (len(attempts) - 1), LONGEST_DELAY_S)
    return None if time_left_s is not None and time_left_s <= delay_s else delay_s


def find_stop(migration: Migration, attempt: Attempt) -> str | None:
    """Say why no attempt may follow one that failed, whatever retries are left; None where one may."""
    if attempt.exit_code in migration.fatal_exit_codes:
        return "one of fatalExitCodes: no retry"
    lasting = find_permanent_cause(attempt) if migration.retry is Retry.PASSING else None
    return None if lasting is None else f"no retry, as 'retry: passing' says: {lasting} does not pass by itself"


def find_permanent_cause(attempt: Attempt) -> str | None:
    """Name what made an attempt fail and will do so again, whenever it is tried; None where it may pass.

    It may where its log tells of anything else that may, too, or of nothing that is known.
    """
    errors = (cause for cause in attempt.causes if cause.severity is Severity.ERROR)
    told = [cause.code for cause in errors if cause.code not in _ENDINGS]
    if told:
        return told[0] if LASTING.issuperset(told) else None
    return _CANNOT_RUN.get(attempt.exit_code or 0)


def tell_timeout(migration: Migration, clause: str = "") -> Problem:
    """Say that a migration did not end in time; `clause` goes on with what the time went into."""
    message = f"it did not end within its timeout of {migration.timeout_s or 0:g} s{clause}"
    return Problem(TIMEOUT, message, hint="raise 'timeout', or see in its log what it waited for")


def gather_causes(attempts: Iterable[Attempt]) -> tuple[Problem, ...]:
    """Give the causes of all failures: those of the first, which tell, then what only came up in later ones."""
    causes: dict[str, Problem] = {}
    for cause in chain.from_iterable(attempt.causes for attempt in attempts):
        causes.setdefault(cause.code, cause)
    return tuple(causes.values())
