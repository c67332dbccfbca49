"""Durations as people write them."""

import re

_DURATION = r"(?:([0-9]+)h)?(?:([0-9]+)m)?(?:([0-9]+)s?)?"
_LONGEST = 20


def parse_duration(text: str) -> float | None:
    """Read `300` (seconds), `90s`, `10m`, `1h30m` as seconds; None if it is no duration."""
    found = re.fullmatch(_DURATION, text)
    if found is None or not text or len(text) > _LONGEST:
        return None
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return float(hours * 3600 + minutes * 60 + seconds)
