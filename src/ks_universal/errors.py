"""The exceptions, named by what the caller does next.

    KsUniversalError
    ├── InputError        the input is wrong, nothing was changed; exit status 1
    ├── LockedError       another run holds the release: wait; exit status 5
    ├── TimedOutError     the run did not end in the time that it was given, and was stopped: run it again
    ├── StoppedError      somebody stopped the release while this run waited for it: nothing was started; 130
    └── TargetError       the outside world refused (connection, disk, permission); exit status 1, or in the middle of a
                          run that of what was cut short

Each has `problems`, what to show, and `exit_status`, what a command that ends so returns. Findings about the input are
collected as Problems and raised together, once, as an InputError. Anything that is not in this tree is a bug and keeps
its traceback.
"""

from collections.abc import Sequence

from ks_universal.diagnostics import Problem

_LOCKED_HINT = "'ks-universal status' says what it does; wait for it; one that died holds a release for seconds only"


class KsUniversalError(Exception):
    """The base of everything that a user, a cluster or a machine can cause."""

    exit_status: int = 1

    @property
    def problems(self) -> tuple[Problem, ...]:
        """The error as findings."""
        return (Problem("run/failed", str(self)),)


class InputError(KsUniversalError):
    """The input or the request is wrong; nothing was changed."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        """Keep all findings, warnings included, in the order in which a reader meets them."""
        super().__init__(problems)
        self._problems = tuple(problems)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """All findings, warnings included."""
        return self._problems

    def __str__(self) -> str:
        return "\n".join(map(str, self._problems))


class LockedError(KsUniversalError):
    """Another run holds the release; `holder` says who and since when, in one line, `hint` what to do here.

    `is_taken`: another run has the lock, or has had it since, and its doings may look like failures of this one.
    """

    exit_status = 5
    is_taken = True

    def __init__(self, release: str, holder: str, hint: str | None = None) -> None:
        """Keep the release and its holder."""
        super().__init__(release, holder, hint)
        self.release = release
        self.holder = holder
        self.hint = hint

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Who holds the release, and what to do."""
        return (Problem("release/locked", str(self), hint=self.hint or _LOCKED_HINT),)

    def __str__(self) -> str:
        return f"release {self.release} is locked by {self.holder}"


class StoppedError(KsUniversalError):
    """The release was stopped while this run waited for it: nothing was started, so that it stays stopped."""

    exit_status = 130

    def __init__(self, release: str) -> None:
        """Keep the release."""
        super().__init__(release)
        self.release = release

    @property
    def problems(self) -> tuple[Problem, ...]:
        """That it was stopped."""
        return (Problem("release/stopped", str(self), hint="run it again to start it"),)

    def __str__(self) -> str:
        return f"{self.release} was stopped while this run waited for it: nothing was started"


class TimedOutError(KsUniversalError):
    """A run did not end within its time, and was stopped; `exit_status` is that of what was cut short."""

    def __init__(self, timeout_s: float, exit_status: int) -> None:
        """Keep the limit, in seconds, and the exit status."""
        super().__init__(timeout_s)
        self.timeout_s = timeout_s
        self.exit_status = exit_status

    @property
    def problems(self) -> tuple[Problem, ...]:
        """That the time was over."""
        hint = "run it again with more time: what has succeeded is not done again"
        return (Problem("run/timeout", str(self), hint=hint),)

    def __str__(self) -> str:
        return f"it did not end within the {self.timeout_s:g} s of --timeout, and was stopped"


class LockLostError(LockedError):
    """This run held the release and nobody does any more; `holder` says what became of the lock, in a clause."""

    def __init__(self, release: str, holder: str, *, is_taken: bool) -> None:
        """Keep the release, and what became of its lock."""
        super().__init__(release, holder)
        self.is_taken = is_taken

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What became of the lock."""
        hint = "it has changed nothing since; 'ks-universal status' says what runs now"
        return (Problem("release/lock-lost", str(self), hint=hint),)

    def __str__(self) -> str:
        return f"this run has lost the lock of release {self.release}: {self.holder}"


class TargetError(KsUniversalError):
    """The outside world refused what was asked of it."""

    def __init__(self, problem: Problem) -> None:
        """Keep the finding."""
        super().__init__(problem)
        self.problem = problem

    @property
    def problems(self) -> tuple[Problem, ...]:
        """The finding."""
        return (self.problem,)

    def __str__(self) -> str:
        return str(self.problem)
