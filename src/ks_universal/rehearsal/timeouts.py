"""After what time the server ends what waits, as a migration sets it."""

import re
from collections.abc import Iterable, Iterator

from ks_universal.rehearsal.facts import ObservedStatement

_SETTING = re.compile(
    r"\bset\s+(?:local\s+|session\s+)?(\w+_timeout)\s*(?:=|\bto\b)\s*'?\s*(\d+)\s*(ms|s|min|h)?", re.IGNORECASE
)
_DURATION = re.compile(r"(\d+)\s*(ms|s|min|h)?").fullmatch
_UNITS_S = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0, "": 0.001}


def find_timeouts(statements: Iterable[ObservedStatement], *settings: str) -> Iterator[float]:
    """Find in seconds what statements set for some settings (`lock_timeout`), and what was set for them elsewhere."""
    for statement in statements:
        for setting, count, unit in _SETTING.findall(statement.text):
            if setting.lower() in settings and int(count):
                yield int(count) * _UNITS_S[unit.lower()]
        known = _DURATION(statement.lock_timeout or "") if "lock_timeout" in settings else None
        if known and int(known[1]):
            yield int(known[1]) * _UNITS_S[known[2] or ""]
