"""How long a trouble may last before it counts: by this program's own clock, from when it was first seen."""

from collections.abc import Iterable

import msgspec

from ks_universal.diagnostics import Problem
from ks_universal.resources.objects import ObjectRef
from ks_universal.targets.kubernetes.api.clock import now_s


class PodIssue(msgspec.Struct, frozen=True):
    """What keeps an object from its work, and for how many seconds it may.

    `missing` is the object, without its namespace, that is not there and that somebody may make yet.
    """

    problem: Problem
    grace_s: float = 0.0
    missing: ObjectRef | None = None


class GracePeriods:
    """Remembers since when each kind of trouble has been there."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}
        self._ends_at: float | None = None

    def find_expired(self, issues: Iterable[PodIssue]) -> Problem | None:
        """Take note of the troubles that are there now; return one that has lasted too long."""
        now = now_s()
        present = {issue.problem.code: issue for issue in issues}
        self._since = {code: self._since.get(code, now) for code in present}
        ends = {code: self._since[code] + issue.grace_s for code, issue in present.items()}
        self._ends_at = min(ends.values(), default=None)
        return next((present[code].problem for code, end in ends.items() if end <= now), None)

    def left_s(self) -> float | None:
        """Seconds until the least patient trouble has lasted too long; None when there is none."""
        return None if self._ends_at is None else max(0.0, self._ends_at - now_s())


def find_soonest(*left_s: float | None) -> float | None:
    """The first of the moments at which time alone makes a difference; None: it makes none."""
    return min((each for each in left_s if each is not None), default=None)
