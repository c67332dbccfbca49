"""What the tests of the command line share: the types of their fixtures."""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol


class Outcome(NamedTuple):
    """What a shell sees of a command."""

    status: int
    out: str
    err: str


class Invoke(Protocol):
    """Runs a command in this process."""

    def __call__(self, *arguments: str, stdin: str = "") -> Outcome:
        """Return what a shell would see."""


Write = Callable[[dict[str, Any]], None]
