"""The exceptions, named by what the caller does next.

    KsUniversalError
    ├── InputError        the input is wrong, nothing was changed: show `problems`, exit 1
    ├── LockedError       another run of the release is at work: wait, or show `holder`, exit 5
    ├── StoppedError      somebody stopped the release while this run waited for it: nothing was started, exit 130
    └── TargetError       the outside world refused (connection, disk, permission): show `problem`; exit 1, or in the
                          middle of a run by what was at work

Findings about the input are collected as Problems and raised together, once, as an InputError. Anything that is not in
this tree is a bug and keeps its traceback.
"""

from collections.abc import Sequence

from ks_universal.diagnostics import Problem


class KsUniversalError(Exception):
    """The base of everything that a user, a cluster or a machine can cause."""


class InputError(KsUniversalError):
    """The input or the request is wrong; nothing was changed."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        """Keep all findings, warnings included, in the order in which a reader meets them."""
        super().__init__(problems)
        self.problems = tuple(problems)

    def __str__(self) -> str:
        return "\n".join(map(str, self.problems))


class LockedError(KsUniversalError):
    """Another run holds the release; `holder` says who and since when, in one line, `hint` what to do here.

    `is_taken`: another run has the lock, or has had it since, and its doings may look like failures of this one.
    """

    is_taken = True

    def __init__(self, release: str, holder: str, hint: str | None = None) -> None:
        """Keep the release and its holder."""
        super().__init__(release, holder, hint)
        self.release = release
        self.holder = holder
        self.hint = hint

    def __str__(self) -> str:
        return f"release {self.release} is locked by {self.holder}"


class StoppedError(KsUniversalError):
    """The release was stopped while this run waited for it: nothing was started, so that it stays stopped."""

    def __init__(self, release: str) -> None:
        """Keep the release."""
        super().__init__(release)
        self.release = release

    def __str__(self) -> str:
        return f"{self.release} was stopped while this run waited for it: nothing was started"


class LockLostError(LockedError):
    """This run held the release and nobody does any more; `holder` says what became of the lock, in a clause."""

    def __init__(self, release: str, holder: str, *, is_taken: bool) -> None:
        """Keep the release, and what became of its lock."""
        super().__init__(release, holder)
        self.is_taken = is_taken

    def __str__(self) -> str:
        return f"this run has lost the lock of release {self.release}: {self.holder}"


class TargetError(KsUniversalError):
    """The outside world refused what was asked of it."""

    def __init__(self, problem: Problem) -> None:
        """Keep the finding."""
        super().__init__(problem)
        self.problem = problem

    def __str__(self) -> str:
        return str(self.problem)
