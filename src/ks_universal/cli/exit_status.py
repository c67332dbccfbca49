"""Exit status and findings of what went wrong; `docs/commands.md` has the list."""

from ks_universal.diagnostics import Problem
from ks_universal.errors import (
    InputError,
    KsUniversalError,
    LockedError,
    LockLostError,
    StoppedError,
    TargetError,
)
from ks_universal.plan.records import Outcome

REFUSED = 1
LOCKED = 5
INTERRUPTED = 130
_LOCKED = "'ks-universal status' says what it does; wait for it; one that died holds a release for seconds only"
_OF_ERROR: tuple[tuple[type[KsUniversalError], int], ...] = (
    (LockedError, LOCKED),
    (StoppedError, INTERRUPTED),
)
_OF_OUTCOME = {
    Outcome.SUCCEEDED: 0,
    Outcome.MIGRATION_FAILED: 3,
    Outcome.ROLLOUT_FAILED: 4,
    Outcome.INTERRUPTED: INTERRUPTED,
}


def exit_code_for(error: KsUniversalError) -> int:
    """Give the exit status for an error."""
    return next((status for kind, status in _OF_ERROR if isinstance(error, kind)), REFUSED)


def exit_code_of_run(outcome: Outcome) -> int:
    """Give the exit status for a run that ended."""
    return _OF_OUTCOME.get(outcome, REFUSED)


def list_problems(error: KsUniversalError) -> tuple[Problem, ...]:
    """Give an error as findings."""
    match error:
        case InputError():
            return error.problems
        case TargetError():
            return (error.problem,)
        case LockLostError():
            hint = "it has changed nothing since; 'ks-universal status' says what runs now"
            return (Problem("release/lock-lost", str(error), hint=hint),)
        case LockedError():
            return (Problem("release/locked", str(error), hint=error.hint or _LOCKED),)
        case StoppedError():
            return (Problem("release/stopped", str(error), hint="run it again to start it"),)
        case _:
            return (Problem("run/failed", str(error)),)
