"""Early truth: an init container that waits for what does not come, known by its own words. Pure.

A loop like the guide's `until nc -z postgresql 5432; do echo waiting for db; sleep 1; done` never fails by itself. What
it writes tells: the same few lines, again and again.
"""

import re
from collections.abc import Iterable

from ks_universal.diagnosis import diagnose
from ks_universal.diagnostics import Problem
from ks_universal.targets.kubernetes.observed.grace import PodIssue

_LINES = 9
_DIFFERENT_LINES = 3
"""What one turn of such a loop writes at most: its own line, and what the tool says that it calls."""
_PATIENCE_S = 300.0
"""A database may take minutes to come up; Helm gives hooks as long by default."""
_SHORT_PATIENCE_S = 30.0
_LASTING = frozenset(("database/authentication-failed", "database/host-unknown"))
"""What waiting does not mend: a name that DNS does not know is that of a Service that is not there, and what is to come
first is there by now; a password that the database refuses stays the same as long as the pod lives."""


def find_repetition(lines: Iterable[str]) -> str | None:
    """Return the last line where the last ones repeat each other, but for numbers (times, counters); else None."""
    recent = list(lines)[-_LINES:]
    different = {re.sub(r"\d+", "#", line) for line in recent}
    return recent[-1] if len(recent) == _LINES and len(different) <= _DIFFERENT_LINES else None


def find_stuck_init(container: str, lines: Iterable[str]) -> PodIssue | None:
    """Find that an init container which still runs is stuck, and how long it may be."""
    lines = list(lines)
    said = find_repetition(lines)
    if said is None:
        return None
    lasting = next((cause for cause in diagnose(lines[-_LINES:]) if cause.code in _LASTING), None)
    grace_s = _SHORT_PATIENCE_S if lasting else _PATIENCE_S
    message = f"init container {container} does not finish: for {grace_s:g} s it has kept repeating: {said}"
    hint = (
        lasting.hint
        if lasting
        else "see whether what it waits for is there; 'timeout' of the migration lets it wait longer"
    )
    return PodIssue(Problem("migrations/init-stuck", message, hint=hint), grace_s)
