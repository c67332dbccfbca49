"""Schedules of cron jobs, as Kubernetes reads them (robfig/cron, ParseStandard): numbers within bounds."""

import re
from typing import NamedTuple

_WORDS = ("@annually", "@daily", "@hourly", "@midnight", "@monthly", "@weekly", "@yearly")
# A pattern in text is compiled when the first value needs it, not at each start.
_EVERY = r"@every ([0-9]+(\.[0-9]+)?(ns|us|ms|s|m|h))+"
_LONGEST_NUMBER = 4


class _Field(NamedTuple):
    least: int
    most: int
    names: tuple[str, ...] = ()
    """Stand for the numbers from `least` on."""


_FIELDS = (
    _Field(0, 59),
    _Field(0, 23),
    _Field(1, 31),
    _Field(1, 12, ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")),
    _Field(0, 6, ("sun", "mon", "tue", "wed", "thu", "fri", "sat")),
)


def is_schedule(text: str) -> bool:
    """Tell whether Kubernetes takes a schedule: `*/5 8-18 * * MON-FRI`, `@daily`, `@every 1h30m`."""
    if text.startswith("@"):
        return text in _WORDS or re.fullmatch(_EVERY, text) is not None
    parts = text.split()
    return len(parts) == len(_FIELDS) and all(
        _is_range(item, field) for part, field in zip(parts, _FIELDS, strict=True) for item in part.split(",")
    )


def _is_range(text: str, field: _Field) -> bool:
    span, slash, step = text.partition("/")
    if slash and not _read_number(step):
        return False
    if span in ("*", "?"):
        return True
    first, dash, last = span.partition("-")
    low = _read_point(first, field)
    high = _read_point(last, field) if dash else low
    return low is not None and high is not None and field.least <= low <= high <= field.most


def _read_point(text: str, field: _Field) -> int | None:
    name = text.lower()
    return field.least + field.names.index(name) if name in field.names else _read_number(text)


def _read_number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _LONGEST_NUMBER else None
